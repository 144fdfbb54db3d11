/* git_repack.h: keeps the number of packs in a mirror small, since each fetch leaves one. */
#ifndef AGENT_GIT_GIT_REPACK_H
#define AGENT_GIT_GIT_REPACK_H

#include <git2.h>

#include "reconcile/base/arena.h"
#include "reconcile/base/err.h"

/* Once there are many small packs, puts all that is in them into one.  Nothing is lost, not even what
 * no reference leads to; if it fails, or is killed, the old ones are still there.  To be called by who
 * has the lock of the mirror in dir, which others may read meanwhile. */
bool git_repack(struct arena *a, git_repository *repository, const char *dir, struct err *err);

#endif
