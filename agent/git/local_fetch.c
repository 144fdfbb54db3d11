#include "agent/git/local_fetch.h"

#include <string.h>
#include <unistd.h>

#include "agent/git/git_repo.h"
#include "agent/git/id_set.h"
#include "agent/git/pack_copy.h"
#include "agent/git/pack_stream.h"
#include "agent/util/file.h"

enum {
	COPY_FROM = 500,	/* missing objects; fewer are written one by one */
	ROUNDS = 3,		/* of copying, while the source is repacked */
	OBJECTS_MAX = 2 << 20,	/* that are kept track of: more do not fit into the memory of a fetch */
	TAGS_DEEP = 100,	/* tags of tags */
};

struct id_list {
	git_oid *ids;
	size_t count, room;
};

struct object_walk {
	struct arena *arena;
	git_repository *source, *mirror;
	git_odb *from, *to;	/* their objects */
	struct id_set seen;
	struct id_list found;	/* of the source, that no ref of the mirror is known to lead to */
	struct id_list trees;	/* that are still to be read */
};

static void id_list_add(struct arena *a, struct id_list *list, const git_oid *id)
{
	arena_grow(a, list->ids, list->count, list->room);
	list->ids[list->count++] = *id;
}

static void close_raw_object(git_odb_object **object)
{
	git_odb_object_free(*object);
}

/* ---- trees ---- */

/* Meets each entry of a tree: "MODE NAME", a NUL, and the id.  Submodules are of another repository. */
static int read_tree_entries(struct object_walk *w, const char *at, const char *end, bool new)
{
	while (at < end) {
		const char *nul = memchr(at, '\0', (size_t)(end - at));
		unsigned mode = 0;
		git_oid entry;
		if (!nul || end - nul <= GIT_OID_RAWSZ)
			return GIT_ERROR;
		/* Old tools wrote "040000" too. */
		for (const char *p = at; *p >= '0' && *p <= '7'; p++)
			mode = mode << 3 | (unsigned)(*p - '0');
		bool folder = mode == GIT_FILEMODE_TREE, module = mode == GIT_FILEMODE_COMMIT;
		memcpy(entry.id, nul + 1, GIT_OID_RAWSZ);
		at = nul + 1 + GIT_OID_RAWSZ;
		if (module || !id_set_add(w->arena, &w->seen, &entry))
			continue;
		if (new)
			id_list_add(w->arena, &w->found, &entry);
		if (folder)
			id_list_add(w->arena, &w->trees, &entry);
	}
	return w->seen.count > OBJECTS_MAX ? GIT_ERROR : 0;
}

static int read_tree(struct object_walk *w, git_odb *objects, const git_oid *id, bool new)
{
	CLEANUP(close_raw_object) git_odb_object *tree = NULL;
	int code = git_odb_read(&tree, objects, id);

	if (code < 0 || git_odb_object_type(tree) != GIT_OBJECT_TREE)
		return GIT_ERROR;
	const char *bytes = git_odb_object_data(tree);
	return read_tree_entries(w, bytes, bytes + git_odb_object_size(tree), new);
}

/* Meets a tree and all below it.  new: they are of the source, else of the mirror. */
static int walk_tree(struct object_walk *w, const git_oid *root, bool new)
{
	int code = 0;

	if (!id_set_add(w->arena, &w->seen, root))
		return 0;
	if (new)
		id_list_add(w->arena, &w->found, root);
	id_list_add(w->arena, &w->trees, root);
	while (code == 0 && w->trees.count > 0) {
		git_oid id = w->trees.ids[--w->trees.count];
		code = read_tree(w, new ? w->from : w->to, &id, new);
	}
	return code;
}

/* ---- commits ---- */

static int walk_commit_tree(struct object_walk *w, git_repository *repository, const git_oid *id, bool new)
{
	CLEANUP(git_repo_close_commit) git_commit *commit = NULL;
	int code = git_commit_lookup(&commit, repository, id);

	return code == 0 ? walk_tree(w, git_commit_tree_id(commit), new) : code;
}

/* What the mirror has by this ref is not looked for again. */
static int hide_known(struct object_walk *w, git_revwalk *commits, const git_oid *id)
{
	int code = walk_commit_tree(w, w->mirror, id, false);

	/* The source may have dropped it. */
	if (code == 0 && git_odb_exists(w->from, id))
		code = git_revwalk_hide(commits, id);
	return code;
}

static void close_reference_iterator(git_reference_iterator **all)
{
	git_reference_iterator_free(*all);
}

static int hide_all_known(struct object_walk *w, git_revwalk *commits)
{
	CLEANUP(close_reference_iterator) git_reference_iterator *all = NULL;
	int code = git_reference_iterator_new(&all, w->mirror);
	const char *name;
	git_oid id;

	while (code == 0 && (code = git_reference_next_name(&name, all)) == 0) {
		code = git_reference_name_to_id(&id, w->mirror, name);
		if (code == 0)
			code = hide_known(w, commits, &id);
	}
	return code == GIT_ITEROVER ? 0 : code;
}

static void meet_object(struct object_walk *w, const git_oid *id)
{
	if (id_set_add(w->arena, &w->seen, id))
		id_list_add(w->arena, &w->found, id);
}

/* A tag may lead to another one, and the last one to anything. */
static int meet_wanted(struct object_walk *w, git_revwalk *commits, git_oid id)
{
	for (unsigned depth = 0; depth < TAGS_DEEP; depth++) {
		CLEANUP(git_repo_close_object) git_object *object = NULL;
		int code = git_object_lookup(&object, w->source, &id, GIT_OBJECT_ANY);
		git_object_t type = code == 0 ? git_object_type(object) : GIT_OBJECT_INVALID;
		if (code < 0 || type == GIT_OBJECT_COMMIT)
			return code < 0 ? code : git_revwalk_push(commits, &id);
		if (type == GIT_OBJECT_TREE)
			return walk_tree(w, &id, true);
		meet_object(w, &id);
		if (type != GIT_OBJECT_TAG)
			return 0;
		id = *git_tag_target_id((git_tag *)object);
	}
	return GIT_ERROR;
}

static void close_revwalk(git_revwalk **commits)
{
	git_revwalk_free(*commits);
}

/* Finds all that the wanted objects lead to and the refs of the mirror do not. */
static int walk_source(struct object_walk *w, const git_oid *wants, size_t count)
{
	CLEANUP(close_revwalk) git_revwalk *commits = NULL;
	git_oid id;
	int code = git_revwalk_new(&commits, w->source);

	if (code == 0)
		code = hide_all_known(w, commits);
	for (size_t i = 0; code == 0 && i < count; i++)
		code = meet_wanted(w, commits, wants[i]);
	while (code == 0 && (code = git_revwalk_next(&id, commits)) == 0) {
		meet_object(w, &id);
		code = walk_commit_tree(w, w->source, &id, true);
	}
	return code == GIT_ITEROVER ? 0 : code;
}

/* ---- objects ---- */

static struct id_list list_missing(struct object_walk *w)
{
	struct id_list missing = { 0 };

	for (size_t i = 0; i < w->found.count; i++)
		if (!git_odb_exists_ext(w->to, &w->found.ids[i], GIT_ODB_LOOKUP_NO_REFRESH))
			id_list_add(w->arena, &missing, &w->found.ids[i]);
	return missing;
}

static const char *copies_mark(struct arena *a, git_repository *mirror)
{
	return arena_printf(a, "%scopied", git_repository_path(mirror));
}

bool local_fetch_has_copies(struct arena *a, git_repository *mirror)
{
	return access(copies_mark(a, mirror), F_OK) == 0;
}

/* Packs that come when the source is repacked meanwhile are found in the next round. */
static bool copy_missing(struct object_walk *w, int64_t most, struct id_list *missing, struct err *err)
{
	const char *from = arena_printf(w->arena, "%sobjects", git_repository_commondir(w->source));
	const char *to = arena_printf(w->arena, "%sobjects", git_repository_path(w->mirror));
	size_t copied = 1;

	for (int round = 0; round < ROUNDS && copied > 0 && missing->count >= COPY_FROM; round++) {
		/* Before the first pack is there: a fetch may be killed at any moment. */
		if (!file_replace(w->arena, copies_mark(w->arena, w->mirror), "", 0, 0600, err) ||
		    !pack_copy(w->arena, from, to, most, &copied, err))
			return false;
		if (git_odb_refresh(w->to) < 0)
			return git_repo_failed("the mirror", err);
		*missing = list_missing(w);
	}
	return true;
}

static bool source_has_all(const struct object_walk *w, const struct id_list *ids)
{
	for (size_t i = 0; i < ids->count; i++)
		if (!git_odb_exists(w->from, &ids->ids[i]))
			return false;
	return true;
}

static bool bring_missing(struct object_walk *w, int64_t most, struct err *err)
{
	struct id_list missing = list_missing(w);

	/* Before anything is copied: a partial clone lacks some. */
	if (!source_has_all(w, &missing))
		return err_set(err, "objects are missing in the repository");
	if (!copy_missing(w, most, &missing, err))
		return false;
	if (missing.count == 0)
		return true;
	if (pack_stream(w->from, w->to, missing.ids, missing.count, most) < 0 || git_odb_refresh(w->to) < 0)
		return git_repo_failed("copy objects", err);
	return list_missing(w).count == 0 || err_set(err, "objects are missing after the copy");
}

bool local_fetch(git_repository *source, git_repository *mirror, const git_oid *wants, size_t count, int64_t most,
                 struct err *err)
{
	CLEANUP(git_repo_close_odb) git_odb *from = NULL;
	CLEANUP(git_repo_close_odb) git_odb *to = NULL;
	CLEANUP(arena_free) struct arena own = { 0 };
	struct object_walk w = { .arena = &own, .source = source, .mirror = mirror };

	if (git_repository_odb(&from, source) < 0 || git_repository_odb(&to, mirror) < 0)
		return git_repo_failed("open the objects", err);
	w.from = from;
	w.to = to;
	if (walk_source(&w, wants, count) < 0)
		return git_repo_failed("read the repository", err);
	return bring_missing(&w, most, err);
}
