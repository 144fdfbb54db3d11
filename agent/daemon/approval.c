#include "agent/daemon/approval.h"

#include <sys/stat.h>

#include "agent/util/file.h"
#include "reconcile/base/arena.h"

static const char *approval_file_path(struct arena *a, const char *state_dir)
{
	return arena_printf(a, "%s/approved", state_dir);
}

bool approval_announce(const char *state_dir, struct err *err)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	const char *path = approval_file_path(&a, state_dir);

	return file_replace(&a, path, "", 0, 0600, err) || err_wrap(err, "%s", path);
}

bool approval_arrived(const char *state_dir, struct timespec *last)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	struct timespec before = *last;
	struct stat st = { 0 };

	stat(approval_file_path(&a, state_dir), &st);
	*last = st.st_mtim;
	/* 1 ns: the file does not exist; 0 is kept for "first call". */
	if (!last->tv_sec && !last->tv_nsec)
		last->tv_nsec = 1;
	return (before.tv_sec || before.tv_nsec) &&
	       (before.tv_sec != last->tv_sec || before.tv_nsec != last->tv_nsec);
}
