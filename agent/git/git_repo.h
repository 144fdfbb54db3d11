/* git_repo.h: what those files share that know libgit2: file_history.c, mirror.c, source_git.c and
 * git_checkout.c.
 *
 * Nothing is run and nothing is believed that stands in a repository or in a user's settings of
 * git, so it does not matter whose a repository is. */
#ifndef AGENT_GIT_GIT_REPO_H
#define AGENT_GIT_GIT_REPO_H

#include <git2.h>

#include "reconcile/base/arena.h"
#include "reconcile/base/err.h"

/* Each is to be undone by one git_libgit2_shutdown(). */
void git_repo_set_up(void);
void git_repo_shut_down(bool *up);	/* for CLEANUP */

/* "WHERE: what libgit2 says"; to be called at once, as libgit2 keeps one error per thread. */
bool git_repo_failed(const char *where, struct err *err);

/* For CLEANUP; each takes NULL. */
void git_repo_close(git_repository **repository);
void git_repo_close_odb(git_odb **objects);
void git_repo_close_tree(git_tree **tree);
void git_repo_close_commit(git_commit **commit);
void git_repo_close_blob(git_blob **blob);
void git_repo_close_object(git_object **object);
void git_repo_close_reference(git_reference **reference);
void git_repo_close_remote(git_remote **remote);

/* Sets *out to the blob; to NULL if it has more than most bytes: it is not read then, as it may be
 * larger than our memory.  Gives what libgit2 says, 0 if all is well. */
int git_repo_read_blob(git_repository *repository, const git_oid *id, size_t most, git_blob **out);

enum git_found {
	GIT_FOUND,
	GIT_MISSING,		/* nothing of that name, or a file where a folder should be */
	GIT_OUTSIDE,		/* a link, or "..", leads out of the tree */
	GIT_CIRCLE,		/* links without end */
	GIT_UNREADABLE,		/* an object is missing or broken: *err says which */
};

struct git_place {
	const char *path;	/* without links and dots; "" is the top */
	git_oid id;
	git_filemode_t mode;
};

/* Looks up path, which may lead through symbolic links, from the folder `from` of the tree of the
 * whole; from is a real path, as of a place. out is untouched unless it is found. */
enum git_found git_repo_follow(struct arena *a, git_repository *repository, const git_oid *tree,
                               const char *from, const char *path, struct git_place *out, struct err *err);

#endif
