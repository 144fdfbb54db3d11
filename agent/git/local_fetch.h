/* local_fetch.h: brings commits from a repository on this machine into a mirror.  libgit2's fetch would build a pack of
 * all that is new, object by object; here the packs are copied as they are, and only what they lack is written. */
#ifndef AGENT_GIT_LOCAL_FETCH_H
#define AGENT_GIT_LOCAL_FETCH_H

#include <git2.h>
#include <stdint.h>

#include "reconcile/base/arena.h"
#include "reconcile/base/err.h"

/* Sees to it that the mirror has the objects `wants` and all that they lead to.  Each was found in the source, so
 * nothing is missing behind a wanted commit, whatever else the copied packs hold and lack.  The refs of the mirror must
 * lead to commits that were brought before.  Copies at most `most` bytes, and writes as many.  False if the source
 * lacks something, changes too fast or is too large: then the caller fetches by libgit2, which has the right words for
 * it; but not into a mirror with copies: for libgit2 a commit that is there has all that it leads to. */
bool local_fetch(git_repository *source, git_repository *mirror, const git_oid *wants, size_t count, int64_t most,
                 struct err *err);

/* True if packs were copied into the mirror: it may then have commits that no ref of the source leads to, and of those
 * not all that comes before them. */
bool local_fetch_has_copies(struct arena *a, git_repository *mirror);

#endif
