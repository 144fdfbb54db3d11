#include "agent/service/engine/wakeup.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/util/fd.h"
#include "reconcile/base/arena.h"

/* Both sides open it for reading and writing: then it never is at its end, and open() does not wait for the other
 * side. */
bool wakeup_open(const char *database, int *out, struct err *err)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	const char *path = arena_printf(&a, "%s.wake", database);
	struct stat st;

	if (mkfifo(path, 0600) < 0 && errno != EEXIST)
		return err_sys(err, errno, "make the pipe \"%s\"", path);
	CLEANUP(fd_close) int fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return err_sys(err, errno, "open the pipe \"%s\"", path);
	if (fstat(fd, &st) < 0 || !S_ISFIFO(st.st_mode))
		return err_set(err, "\"%s\" is not a pipe", path);
	*out = fd;
	fd = -1;
	return true;
}

/* The write may fail because the pipe is full: then it is readable already. */
void wakeup_send(int fd)
{
	ssize_t written = fd < 0 ? 0 : write(fd, "", 1);

	(void)written;
}

void wakeup_take(int fd)
{
	char bytes[4096];

	while (read(fd, bytes, sizeof bytes) == sizeof bytes)
		;
}
