/* git_repack.h: keeps the number of packs in a mirror small, since each fetch leaves one. */
#ifndef AGENT_GIT_GIT_REPACK_H
#define AGENT_GIT_GIT_REPACK_H

#include <git2.h>

#include "reconcile/base/arena.h"
#include "reconcile/base/err.h"

/* Once there are many small packs, writes all their objects into one and removes them.  No object is lost, not even one
 * that no reference leads to; after a failure or a kill the old packs are still there.  The caller has the lock of the
 * mirror in dir, which others may read meanwhile. */
bool git_repack(struct arena *a, git_repository *repository, const char *dir, struct err *err);

#endif
