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

bool fd_write_all(int fd, const void *bytes, size_t len)
{
	const char *rest = bytes;

	while (len > 0) {
		ssize_t n = write(fd, rest, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return false;
		rest += n;
		len -= (size_t)n;
	}
	return true;
}

bool fd_read_at(int fd, uint64_t place, void *bytes, size_t len)
{
	char *next = bytes;

	while (len > 0) {
		ssize_t n = pread(fd, next, len, (off_t)place);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			errno = n < 0 ? errno : ENODATA;
			return false;
		}
		next += n;
		place += (uint64_t)n;
		len -= (size_t)n;
	}
	return true;
}

bool fd_write_file(int fd, int from)
{
	char bytes[64 << 10];
	off_t place = 0;

	for (;;) {
		ssize_t n = pread(from, bytes, sizeof bytes, place);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n == 0;
		if (!fd_write_all(fd, bytes, (size_t)n))
			return false;
		place += n;
	}
}

bool fd_open_temporary(const char *dir, int *out)
{
	int fd = open(dir ? dir : "/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (fd < 0)
		fd = memfd_create("temporary", MFD_CLOEXEC);
	if (fd < 0)
		return false;
	*out = fd;
	return true;
}

bool fd_from_bytes(const char *bytes, size_t len, int *out, struct err *err)
{
	CLEANUP(fd_close) int fd = memfd_create("input", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0)
		return err_sys(err, errno, "make a file in memory");
	if (!fd_write_all(fd, bytes, len))
		return err_sys(err, errno, "write to a file in memory");
	lseek(fd, 0, SEEK_SET);
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) < 0)
		return err_sys(err, errno, "seal a file in memory");
	*out = fd;
	fd = -1;
	return true;
}
