/* git_repo.h: what the users of libgit2 share: set-up, closing handles, reading blobs, following a path.
 *
 * Nothing in a repository or in a user's git settings is run or trusted, so the owner of a repository does not
 * matter. */
#ifndef AGENT_GIT_GIT_REPO_H
#define AGENT_GIT_GIT_REPO_H

#include <git2.h>

#include "reconcile/base/arena.h"
#include "reconcile/base/err.h"

/* Each call needs one git_libgit2_shutdown(). */
void git_repo_set_up(void);
void git_repo_shut_down(bool *up);	/* for CLEANUP */

/* Reads the certificate authorities in file (NULL: those of the system), after git_repo_set_up() and before a connection
 * with TLS.  False if file cannot be read. */
bool git_repo_read_authorities(const char *file);

/* Sets *err to "WHERE: " and libgit2's message.  Call it at once: libgit2 keeps one error per thread. */
bool git_repo_failed(const char *where, struct err *err);

/* What libgit2's message means if it is about a repository with SHA-256, which no release of it names; else NULL. */
const char *git_repo_explain_format(const char *message);

/* For CLEANUP; each takes NULL. */
void git_repo_close(git_repository **repository);
void git_repo_close_odb(git_odb **objects);
void git_repo_close_tree(git_tree **tree);
void git_repo_close_commit(git_commit **commit);
void git_repo_close_blob(git_blob **blob);
void git_repo_close_object(git_object **object);
void git_repo_close_reference(git_reference **reference);
void git_repo_close_remote(git_remote **remote);

/* Sets *out to the blob; to NULL if it has more than most bytes: it is not read then, as it may be larger than our
 * memory.  Returns libgit2's code, 0 for success. */
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

/* Looks up path, which may lead through symbolic links, from the folder `from` of the repository's tree; `from` itself
 * contains no link.  out is untouched unless the path is found. */
enum git_found git_repo_follow(struct arena *a, git_repository *repository, const git_oid *tree,
                               const char *from, const char *path, struct git_place *out, struct err *err);

#endif
