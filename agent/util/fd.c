#include "agent/util/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <unistd.h>

void fd_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

bool fd_readable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return fd >= 0 && poll(&p, 1, 0) == 1;
}

bool fd_from_bytes(const char *bytes, size_t len, int *out, struct err *err)
{
	CLEANUP(fd_close) int fd = memfd_create("input", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0)
		return err_sys(err, errno, "make a file in memory");
	for (size_t done = 0; done < len; ) {
		ssize_t wrote = write(fd, bytes + done, len - done);
		if (wrote < 0 && errno != EINTR)
			return err_sys(err, errno, "write to a file in memory");
		done += wrote > 0 ? (size_t)wrote : 0;
	}
	lseek(fd, 0, SEEK_SET);
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) < 0)
		return err_sys(err, errno, "seal a file in memory");
	*out = fd;
	fd = -1;
	return true;
}
