/* tree_versions.h: what the names of one folder stood for, in the trees that the folder was, newest first.  Each tree
 * is read once, whatever number of names is asked for. */
#ifndef AGENT_GIT_TREE_VERSIONS_H
#define AGENT_GIT_TREE_VERSIONS_H

#include <git2.h>

#include "reconcile/base/arena.h"

struct version_list {
	git_oid *ids;
	size_t count, room;
};

struct name_versions {
	const char *name;
	size_t len;
	struct version_list files;	/* each once, newest first; the first `most` of them */
	struct version_list folders;	/* neighbours differ, newest first */
};

/* Zeroed but for the first three, it has no tree yet. */
struct tree_versions {
	struct arena *arena;	/* where all of it lives */
	const char *only;	/* the only name to keep; NULL: all */
	size_t most;		/* files kept of a name */
	size_t kept;		/* files and folders that are kept so far */
	struct name_versions **slots;	/* by the hash of their names */
	size_t count, room;	/* room: a power of two */
	git_odb_object *last;	/* the tree that was added last */
};

/* Adds the next older tree, which has to be of type GIT_OBJECT_TREE, and keeps it.  False if it is damaged. */
bool tree_versions_add(struct tree_versions *versions, git_odb_object *tree);
/* What name stood for so far; NULL: nothing.  Valid as long as the arena, and grows with each tree. */
const struct name_versions *tree_versions_find(const struct tree_versions *versions, const char *name);
void tree_versions_done(struct tree_versions *versions);	/* the arena stays */

#endif
