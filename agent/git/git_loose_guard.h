/* git_loose_guard.h: keeps libgit2 from loose objects that are cut off, as a power cut leaves them behind:
 * 1.5 and 1.9 read such a one for ever. */
#ifndef AGENT_GIT_GIT_LOOSE_GUARD_H
#define AGENT_GIT_GIT_LOOSE_GUARD_H

#include <git2.h>

/* From now on each loose object of the repository is looked through before libgit2 reads it; one that
 * is not whole is an error of the reading.  What others lend it (alternates) is not looked at.
 * Gives what libgit2 says, 0 if all is well. */
int git_loose_guard(git_repository *repository);

#endif
