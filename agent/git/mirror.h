/* mirror.h: keeps a bare mirror of a git repository in a folder: the commits that were asked for, and all before them.
 * Commits that the server removes stay in the mirror, so that a rewritten history can be distinguished from a
 * continued one. */
#ifndef AGENT_GIT_MIRROR_H
#define AGENT_GIT_MIRROR_H

#include "reconcile/base/diagnostics.h"

enum git_ref_kind { GIT_HEAD, GIT_BRANCH, GIT_TAG, GIT_SEMVER, GIT_COMMIT };

struct git_ref {
	enum git_ref_kind kind;
	const char *text;	/* the branch, tag, range of versions or commit; NULL for GIT_HEAD */
};

/* Cuts the full name of a branch or tag down to the name: refs/heads/main, as a CI system gives it, is main.  ERR_USAGE:
 * the full name of something else. */
bool mirror_shorten_ref(struct git_ref *ref, struct err *err);

/* Where the repository is, and what proves who we are.  What is not given is NULL. */
struct git_remote_place {
	const char *url;	/* git_url_read() takes it */
	const char *username, *token;
	const char *ssh_key_file, *known_hosts_file, *ca_file;
	const char *advice;	/* for messages, how to give a token: "give ..."; NULL: by the options */
};

struct git_revision {
	char commit[41];
	char tree[41];		/* of the sub-path: equal trees are equal specs */
	const char *name;	/* the branch or tag: "main", "v1.4.2"; of a commit the commit */
};

/* Brings the mirror in dir up to date, creating it if it is not there, and sets *out to the revision that ref names
 * now.  Blocks as long as the server does: call it in a child process.  One process at a time works in a mirror, others
 * wait for the lock.  A corrupt mirror is removed and cloned again, with a warning; a tag that moved is a warning too.
 * path is the folder of the specs, NULL or "" for the top.  False: *err is one sentence that names the repository and
 * contains no secret; ERR_FINAL and ERR_USAGE mean that asking again cannot help, ERR_FULL that there is no room for
 * the mirror. */
bool mirror_update(struct arena *a, const char *dir, const struct git_remote_place *remote,
                   const struct git_ref *ref, const char *path, struct git_revision *out,
                   struct diagnostics *warnings, struct err *err);

/* Sets *out to the revision that ref named at the last successful mirror_update(), without asking the server.  False if
 * there was none. */
bool mirror_known(struct arena *a, const char *dir, const struct git_ref *ref, const char *path,
                  struct git_revision *out, struct err *err);

/* Marks the mirror as corrupt, so that the next mirror_update() clones it again.  why: what was wrong when it was
 * read. */
void mirror_mark_corrupt(const char *dir, const char *why);

#endif
