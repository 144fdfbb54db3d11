/* file_history.h: earlier versions of a spec file, from the git work tree that contains it, or from a mirror; and
 * whether one commit comes after another.
 *
 * Nothing in the repository or in a user's git settings is run or trusted, so a repository of another user (a checkout
 * in a container) is read like any other. */
#ifndef AGENT_GIT_FILE_HISTORY_H
#define AGENT_GIT_FILE_HISTORY_H

#include "reconcile/base/arena.h"
#include "reconcile/base/err.h"

struct file_history;

enum {
	FILE_HISTORY_VERSIONS = 200,	/* of one file that are looked at, newest first */
	FILE_HISTORY_KEPT = 2 << 20,	/* versions of all names that are kept, some 25 bytes each */
};

/* *out is NULL if dir is in no git work tree, or in one without a commit: that is no error. */
bool file_history_open(const char *dir, struct file_history **out, struct err *err);
/* The same for a mirror, where commit takes the place of HEAD, and paths are relative to the repository.  An object
 * that a mirror does not have is an error: the mirror is corrupt. */
bool file_history_open_mirror(const char *mirror, const char *commit, struct file_history **out, struct err *err);
void file_history_close(struct file_history *history);	/* takes NULL */
void file_history_closep(struct file_history **history);

/* Gives the versions of the file at path (as the user would write it) that HEAD's history holds to
 * each(), newest first, each content once, until it returns false or FILE_HISTORY_VERSIONS were given.
 * bytes are valid during the call.  A link's history is that of the file it leads to.  No version
 * is no error: never committed, outside of the work tree.  What a shallow or partial clone does not
 * have is skipped, and so is a file that is too large for a spec. */
bool file_history_versions(struct file_history *history, const char *path, bool (*each)(void *context,
                           const char *bytes, size_t len), void *context, struct err *err);

/* How many trees were read from the repository for file_history_versions().  A tree is read once for all files of its
 * folder, unless more than FILE_HISTORY_KEPT versions came together: then once for each file. */
size_t file_history_trees_read(const struct file_history *history);
/* Another limit than FILE_HISTORY_KEPT, for tests. */
void file_history_keep(struct file_history *history, size_t versions);

enum file_history_gap {
	FILE_HISTORY_WHOLE,
	FILE_HISTORY_SHALLOW,	/* a shallow clone: older commits are missing */
	FILE_HISTORY_PARTIAL,	/* a partial clone: older files or folders are missing */
};

/* What was missing on the way so far. */
enum file_history_gap file_history_gap(const struct file_history *history);

/* The commit that HEAD is, 40 hex digits; valid until file_history_close(). */
const char *file_history_revision(const struct file_history *history);

/* The top of the work tree, without links and with a slash at its end, and the folder below it that was opened ("" is the
 * top); NULL for a mirror.  Valid until file_history_close(). */
const char *file_history_top(const struct file_history *history);
const char *file_history_folder(const struct file_history *history);

enum file_history_order {
	FILE_HISTORY_AFTER,	/* HEAD is `older`, or a descendant of it */
	FILE_HISTORY_BEFORE,	/* it is not */
	FILE_HISTORY_MISSING,	/* nor is `older` in the repository */
	FILE_HISTORY_UNKNOWN,	/* the clone is shallow, and hides whether HEAD comes after it */
};

/* Sets *order to how HEAD stands to the commit `older`, and *back to the number of commits that lead to older and not
 * to HEAD, 0 if that is not known.  What is no commit ID counts as before HEAD.  False if the history cannot be read. */
bool file_history_compare(struct file_history *history, const char *older, enum file_history_order *order, size_t *back,
                          struct err *err);

#endif
