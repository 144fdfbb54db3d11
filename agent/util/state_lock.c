#include "agent/util/state_lock.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/util/clock.h"
#include "agent/util/file.h"
#include "agent/util/file_lock.h"
#include "agent/util/state_directory.h"

enum { HOLDER_MAX = 64 };	/* bytes of the file that are looked at */

/* " (process 12, since 2026-11-23T04:05:06.789Z)"; "" if what stands there is not what
 * state_lock_write_holder() writes. */
static const char *state_lock_read_holder(struct arena *a, const char *path)
{
	const char *text;
	struct err err;
	size_t len;

	if (!file_read(a, path, HOLDER_MAX, &text, &len, &err))
		return "";
	size_t pid = strspn(text, "0123456789");
	size_t since = text[pid] == ' ' ? strspn(text + pid + 1, "0123456789TZ:.-") : 0;
	if (pid == 0 || since == 0 || text[pid + 1 + since] != '\n')
		return "";
	return arena_printf(a, " (process %.*s, since %.*s)", (int)pid, text, (int)since, text + pid + 1);
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

	if (!state_directory_make(dir, err))
		return false;
	if (!file_lock_take(path, false, out, err)) {
		if (err->kind == ERR_CONFLICT) {
			err_set(err, "the state directory \"%s\" is in use by another flowsync%s", dir,
			        state_lock_read_holder(&a, path));
			err->kind = ERR_CONFLICT;
		}
		return false;
	}
	state_lock_write_holder(&a, *out);
	return true;
}
