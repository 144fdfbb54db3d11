#include "agent/util/state_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "agent/util/fd.h"
#include "agent/util/directory.h"
#include "agent/util/clock.h"

enum { HOLDER_MAX = 64 };	/* bytes of the file that are looked at */

/* " (process 12, since 2026-11-23T04:05:06.789Z)"; "" if what stands there is not what
 * state_lock_write_holder() writes. */
static const char *state_lock_read_holder(struct arena *a, int fd)
{
	char *text = arena_new(a, char, HOLDER_MAX + 1);

	if (pread(fd, text, HOLDER_MAX, 0) <= 0)
		return "";
	size_t pid = strspn(text, "0123456789");
	size_t since = text[pid] == ' ' ? strspn(text + pid + 1, "0123456789TZ:.-") : 0;
	if (pid == 0 || since == 0 || text[pid + 1 + since] != '\n')
		return "";
	return arena_printf(a, " (process %.*s, since %.*s)", (int)pid, text, (int)since, text + pid + 1);
}

static bool state_lock_held_error(struct arena *a, int fd, const char *dir, struct err *err)
{
	err_set(err, "the state directory \"%s\" is in use by another flowsync%s", dir,
	        state_lock_read_holder(a, fd));
	err->kind = ERR_CONFLICT;
	return false;
}

/* For the message of a process that finds the lock held; on a full disk the lock holds without it.  Only the first
 * line counts, so what a longer one left behind it may stay. */
static void state_lock_write_holder(struct arena *a, int fd)
{
	dprintf(fd, "%d %s\n", (int)getpid(), timestamp_text(a, clock_now()));
}

bool state_lock_take(const char *dir, int *out, struct err *err)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	const char *path = arena_printf(&a, "%s/lock", dir);

	if (!directory_make(dir, err))
		return false;
	CLEANUP(fd_close) int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY, 0600);
	if (fd < 0)
		return err_sys(err, errno, "open lock \"%s\"", path);
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK ? state_lock_held_error(&a, fd, dir, err)
		                            : err_sys(err, errno, "take lock \"%s\"", path);
	state_lock_write_holder(&a, fd);
	*out = fd;
	fd = -1;
	return true;
}
