/* git_loose_guard.h: refuses truncated loose objects, as a power cut leaves them behind, before libgit2 reads them:
 * 1.5 and 1.9 read such an object for ever. */
#ifndef AGENT_GIT_GIT_LOOSE_GUARD_H
#define AGENT_GIT_GIT_LOOSE_GUARD_H

#include <git2.h>

/* Has each loose object of the repository checked before libgit2 reads it from now on; reading a truncated one fails.
 * Objects of alternates are not checked.  Returns libgit2's code, 0 for success. */
int git_loose_guard(git_repository *repository);

#endif
