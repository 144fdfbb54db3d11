#include "agent/util/file_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>

#include "agent/util/fd.h"

bool file_lock_take(const char *path, bool wait, int *out, struct err *err)
{
	CLEANUP(fd_close) int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW, 0600);

	if (fd < 0)
		return err_sys(err, errno, "open lock \"%s\"", path);
	while (flock(fd, wait ? LOCK_EX : LOCK_EX | LOCK_NB) < 0) {
		if (errno == EINTR)
			continue;
		err_sys(err, errno, "take lock \"%s\"", path);
		if (errno == EWOULDBLOCK)
			err->kind = ERR_CONFLICT;
		return false;
	}
	*out = fd;
	fd = -1;
	return true;
}
