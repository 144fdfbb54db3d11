/* mirror.h: a bare mirror of a git repository, as far as it is needed: the commits that branches,
 * tags and the like lead to, and all before them.  Commits that a server forgets stay in it, so that
 * a history that was rewritten is told from one that went on.
 *
 * libgit2 lives here, in file_history.c, source_git.c and git_checkout.c; git_repo.h is what they share. */
#ifndef AGENT_GIT_MIRROR_H
#define AGENT_GIT_MIRROR_H

#include "reconcile/base/diagnostics.h"

enum git_ref_kind { GIT_HEAD, GIT_BRANCH, GIT_TAG, GIT_SEMVER, GIT_COMMIT };

struct git_ref {
	enum git_ref_kind kind;
	const char *text;	/* the branch, tag, range of versions or commit; NULL for GIT_HEAD */
};

/* What is NULL is not given. */
struct git_remote_place {
	const char *url;	/* git_url_read() takes it */
	const char *username, *token;
	const char *ssh_key_file, *known_hosts_file, *ca_file;
	const char *advice;	/* how a token is given, for who gave none: "give ..."; NULL: by the options */
};

struct git_revision {
	char commit[41];
	char tree[41];		/* of the sub-path: equal trees are equal specs */
	const char *name;	/* the branch or tag: "main", "v1.4.2"; of a commit the commit */
};

/* Brings the mirror in dir up to date, which is made if it is not there, and says what ref is now.
 * Blocks, for ever if the server does: to be run in a child.  One process at a time works in a
 * mirror, others wait.  A mirror that turns out to be damaged is thrown away and fetched anew,
 * with a warning; so is a tag that moved warned of.  path is the folder of the specs, NULL or ""
 * for the top.  False: *err is one sentence that names the repository, and holds no secret; ERR_FINAL
 * and ERR_USAGE say that asking again is of no use. */
bool mirror_update(struct arena *a, const char *dir, const struct git_remote_place *remote,
                   const struct git_ref *ref, const char *path, struct git_revision *out,
                   struct diagnostics *warnings, struct err *err);

/* What ref was at the last good mirror_update(), without asking anybody.  False if there was
 * none. */
bool mirror_known(struct arena *a, const char *dir, const struct git_ref *ref, const char *path,
                  struct git_revision *out, struct err *err);

/* Has the next mirror_update() throw the mirror away and fetch it anew: why is what was found to be
 * damaged when it was read. */
void mirror_mark_corrupt(const char *dir, const char *why);

/* Removes a mirror that nobody else knows of, with all that belongs to it. */
void mirror_remove(const char *dir);

#endif
