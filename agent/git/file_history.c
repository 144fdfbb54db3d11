#include "agent/git/file_history.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/git/git_loose_guard.h"
#include "agent/git/git_repo.h"
#include "agent/git/history_repository.h"
#include "agent/git/id_set.h"
#include "agent/git/tree_versions.h"
#include "agent/util/file.h"
#include "reconcile/tree/yaml.h"

/* A commit that is the parent of an examined commit, and waits to be examined. */
struct waiting_commit {
	git_commit *commit;
	int64_t time;
	size_t order;		/* among commits of one time the one seen first */
};

/* Trees in time order, newest first; neighbours differ. */
struct trees {
	git_oid *ids;
	size_t count, room;
};

/* What one folder of the repository was, so far as it was asked for. */
struct history_folder {
	struct history_folder *next, *above;
	const char *path;	/* "" for the top, which has none above it */
	const char *name;	/* in the folder above */
	struct tree_versions versions;
	size_t trees;		/* that were added to versions */
};

struct file_history {
	struct arena arena;
	git_repository *repository;
	git_odb *objects;
	char revision[GIT_OID_HEXSZ + 1];	/* of HEAD */
	const char *top;	/* of the work tree, without links, a slash at its end; NULL: a mirror */
	const char *where;	/* for messages */
	git_oid tree;		/* of HEAD */
	struct waiting_commit *heap;	/* the newest on top */
	size_t waiting, heap_room, seen_count;
	bool lacks;		/* commits were passed over that are not there */
	bool lacks_objects;	/* trees or files were, as well */
	struct id_set seen;
	struct trees roots;	/* of the commits walked so far */
	struct arena folder_arena;	/* of the folders alone */
	struct history_folder *folders;
	size_t kept_most;	/* versions that are kept of all names */
	bool by_name;		/* those were too many: only those of the file that is asked for are kept */
	size_t trees_read;
};

/* To be called at once: libgit2 keeps one error per thread. */
static bool history_failed(const char *where, struct err *err)
{
	CLEANUP(arena_free) struct arena a = { 0 };

	return git_repo_failed(arena_printf(&a, "git repository of \"%s\"", where), err);
}

/* ---- commits in time order ---- */

/* libgit2's own walk ends with an error before it gives the last commit of a shallow clone, and
 * it compares nothing: this one passes over what is not there. */

static bool is_newer(const struct waiting_commit *a, const struct waiting_commit *b)
{
	return a->time != b->time ? a->time > b->time : a->order < b->order;
}

static void heap_push(struct file_history *h, struct waiting_commit w)
{
	size_t at = h->waiting;

	arena_grow(&h->arena, h->heap, h->waiting, h->heap_room);
	for (; at > 0 && is_newer(&w, &h->heap[(at - 1) / 2]); at = (at - 1) / 2)
		h->heap[at] = h->heap[(at - 1) / 2];
	h->heap[at] = w;
	h->waiting++;
}

static git_commit *heap_pop(struct file_history *h)
{
	git_commit *top = h->heap[0].commit;
	struct waiting_commit last = h->heap[--h->waiting];
	size_t at = 0;

	for (size_t child; (child = at * 2 + 1) < h->waiting; at = child) {
		if (child + 1 < h->waiting && is_newer(&h->heap[child + 1], &h->heap[child]))
			child++;
		if (!is_newer(&h->heap[child], &last))
			break;
		h->heap[at] = h->heap[child];
	}
	h->heap[at] = last;
	return top;
}

/* A clone may be shallow or partial; a mirror that lacks something is damaged. */
static bool history_may_lack(const struct file_history *h, int code)
{
	return code == GIT_ENOTFOUND && h->top;
}

/* The same for a tree or a file, which only a partial clone may lack. */
static bool history_passes_object(struct file_history *h, int code)
{
	h->lacks_objects |= history_may_lack(h, code);
	return history_may_lack(h, code);
}

static bool history_meet(struct file_history *h, const git_oid *id, struct err *err)
{
	struct waiting_commit w = { .order = h->seen_count };

	if (!id_set_add(&h->arena, &h->seen, id))
		return true;
	int code = git_commit_lookup(&w.commit, h->repository, id);
	if (history_may_lack(h, code)) {
		h->lacks = true;
		return true;
	}
	if (code < 0)
		return history_failed(h->where, err);
	h->seen_count++;
	w.time = git_commit_time(w.commit);
	heap_push(h, w);
	return true;
}

static void trees_add(struct arena *a, struct trees *trees, const git_oid *id)
{
	if (trees->count > 0 && git_oid_equal(&trees->ids[trees->count - 1], id))
		return;
	arena_grow(a, trees->ids, trees->count, trees->room);
	trees->ids[trees->count++] = *id;
}

/* The header names the parents in every release of libgit2; from 1.7 on a commit at the edge of a shallow
 * clone is said to have none, as if the history began there. */
static bool history_meet_parents(struct file_history *h, const git_commit *commit, struct err *err)
{
	static const char parent[] = "parent ";
	const char *line = strchr(git_commit_raw_header(commit), '\n');	/* behind that of the tree */
	git_oid id;

	for (; line && strncmp(line + 1, parent, strlen(parent)) == 0; line = strchr(line + 1, '\n')) {
		if (git_oid_fromstrn(&id, line + 1 + strlen(parent), GIT_OID_HEXSZ) < 0)
			return history_failed(h->where, err);
		if (!history_meet(h, &id, err))
			return false;
	}
	return true;
}

/* Walks one commit further; there must be one waiting. */
static bool history_walk_one(struct file_history *h, struct err *err)
{
	CLEANUP(git_repo_close_commit) git_commit *commit = heap_pop(h);

	trees_add(&h->arena, &h->roots, git_commit_tree_id(commit));
	return history_meet_parents(h, commit, err);
}

/* ---- folders ---- */

static void history_drop_folders(struct file_history *h)
{
	for (struct history_folder *f = h->folders; f; f = f->next)
		tree_versions_done(&f->versions);
	h->folders = NULL;
	arena_free(&h->folder_arena);
}

static struct history_folder *history_get_folder(struct file_history *h, const char *path)
{
	struct history_folder *f = h->folders;
	const char *slash = strrchr(path, '/');

	while (f && strcmp(f->path, path) != 0)
		f = f->next;
	if (f)
		return f;
	f = arena_new(&h->folder_arena, struct history_folder, 1);
	f->path = arena_strdup(&h->folder_arena, path);
	f->name = slash ? f->path + (slash - path) + 1 : f->path;
	f->versions = (struct tree_versions){ .arena = &h->folder_arena, .most = FILE_HISTORY_VERSIONS };
	if (*path)
		f->above = history_get_folder(h, slash ? arena_strndup(&h->folder_arena, path, (size_t)(slash - path)) : "");
	f->next = h->folders;
	h->folders = f;
	return f;
}

static bool history_add_tree(struct file_history *h, struct history_folder *f, bool *more, struct err *err);

/* Sets *id to the tree number i of the folder; *found to whether there is one. */
static bool history_reach_tree(struct file_history *h, struct history_folder *f, size_t i, git_oid *id, bool *found,
                               struct err *err)
{
	const struct name_versions *n;
	bool more = true;

	*found = false;
	if (!f->above) {
		while (h->roots.count <= i && h->waiting > 0)
			if (!history_walk_one(h, err))
				return false;
		*found = i < h->roots.count;
		*id = *found ? h->roots.ids[i] : *id;
		return true;
	}
	while (more) {
		n = tree_versions_find(&f->above->versions, f->name);
		if (n && i < n->folders.count) {
			*id = n->folders.ids[i];
			*found = true;
			return true;
		}
		if (!history_add_tree(h, f->above, &more, err))
			return false;
	}
	return true;
}

/* Reads the next older tree of the folder; *more is false if there is none. */
static bool history_add_tree(struct file_history *h, struct history_folder *f, bool *more, struct err *err)
{
	git_odb_object *tree = NULL;
	git_oid id = { 0 };

	if (!history_reach_tree(h, f, f->trees, &id, more, err))
		return false;
	if (!*more)
		return true;
	f->trees++;
	int code = git_odb_read(&tree, h->objects, &id);
	if (code < 0)
		return history_passes_object(h, code) || history_failed(h->where, err);
	h->trees_read++;
	if (git_odb_object_type(tree) != GIT_OBJECT_TREE) {
		git_odb_object_free(tree);
		return true;
	}
	return tree_versions_add(&f->versions, tree) ||
	       err_set(err, "git repository of \"%s\": the tree %s is damaged", h->where, git_oid_tostr_s(&id));
}

/* Versions of all names, in all folders. */
static size_t history_kept(const struct file_history *h)
{
	size_t kept = 0;

	for (const struct history_folder *f = h->folders; f; f = f->next)
		kept += f->versions.kept;
	return kept;
}

/* The folder of a file.  Once there are too many versions to keep, each file starts again and keeps its own. */
static struct history_folder *history_prepare_folder(struct file_history *h, const char *path, const char *name)
{
	h->by_name |= history_kept(h) > h->kept_most;
	if (!h->by_name)
		return history_get_folder(h, path);
	history_drop_folders(h);
	struct history_folder *found = history_get_folder(h, path);
	found->versions.only = arena_strdup(&h->folder_arena, name);
	for (struct history_folder *f = found; f->above; f = f->above)
		f->above->versions.only = f->name;
	return found;
}

/* ---- files ---- */

/* Sets *more to what each() said. */
static bool history_give_version(struct file_history *h, const git_oid *id,
                                 bool (*each)(void *context, const char *bytes, size_t len), void *context, bool *more,
                                 struct err *err)
{
	git_odb_object *object = NULL;
	git_object_t type;
	size_t len;
	int code = git_odb_read_header(&len, &type, h->objects, id);

	*more = true;
	if (code == 0 && (type != GIT_OBJECT_BLOB || len > YAML_MAX_BYTES))
		return true;
	if (code == 0)
		code = git_odb_read(&object, h->objects, id);
	if (code < 0)
		return history_passes_object(h, code) || history_failed(h->where, err);
	*more = each(context, git_odb_object_data(object), git_odb_object_size(object));
	git_odb_object_free(object);
	return true;
}

static void history_free_text(char **text)
{
	free(*text);
}

/* path without links and dots; where no file of that name is (any more), at least its folder. */
static const char *resolve_work_tree_path(struct arena *a, const char *path)
{
	CLEANUP(history_free_text) char *whole = realpath(path, NULL);
	const char *slash = strrchr(path, '/');
	const char *folder = slash ? arena_strndup(a, path, (size_t)(slash - path) + 1) : ".";

	if (whole)
		return arena_strdup(a, whole);
	CLEANUP(history_free_text) char *above = realpath(folder, NULL);
	return above ? arena_printf(a, "%s/%s", above, slash ? slash + 1 : path) : NULL;
}

/* The same in a mirror, as HEAD has it. */
static const char *resolve_in_mirror(struct file_history *h, struct arena *a, const char *path)
{
	struct git_place place;
	struct err err;

	return git_repo_follow(a, h->repository, &h->tree, "", path, &place, &err) == GIT_FOUND ? place.path : path;
}

const char *file_history_path(struct file_history *h, struct arena *a, const char *path)
{
	if (!h->top)
		return resolve_in_mirror(h, a, path);
	const char *whole = resolve_work_tree_path(a, path);
	size_t len = strlen(h->top);
	return whole && strncmp(whole, h->top, len) == 0 ? whole + len : NULL;
}

/* Cuts path into its folder and its name.  False if it is outside. */
static bool history_split_path(struct file_history *h, struct arena *a, const char *path, const char **folder,
                               const char **name)
{
	const char *whole = file_history_path(h, a, path);

	if (!whole)
		return false;
	const char *slash = strrchr(whole, '/');
	*name = slash ? slash + 1 : whole;
	*folder = slash ? arena_strndup(a, whole, (size_t)(slash - whole)) : "";
	return **name;
}

bool file_history_versions(struct file_history *h, const char *path, bool (*each)(void *context, const char *bytes,
                           size_t len), void *context, struct err *err)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	const char *folder, *name;
	bool more = true, older = true;

	if (!history_split_path(h, &a, path, &folder, &name))
		return true;
	struct history_folder *f = history_prepare_folder(h, folder, name);
	for (size_t i = 0; more && older && i < FILE_HISTORY_VERSIONS; ) {
		const struct name_versions *n = tree_versions_find(&f->versions, name);
		if (n && i < n->files.count) {
			if (!history_give_version(h, &n->files.ids[i++], each, context, &more, err))
				return false;
		} else if (!history_add_tree(h, f, &older, err)) {
			return false;
		}
	}
	return true;
}

size_t file_history_trees_read(const struct file_history *h)
{
	return h->trees_read;
}

void file_history_keep(struct file_history *h, size_t versions)
{
	h->kept_most = versions;
}

/* ---- opening ---- */

/* The folder whose .git leads to the repository; NULL if it is one without a work tree. */
static const char *find_top(struct arena *a, const char *dir, const char *repository)
{
	CLEANUP(history_free_text) char *meant = realpath(repository, NULL);
	char *top = arena_strdup(a, dir);

	for (char *slash = top; slash; ) {
		CLEANUP(history_free_text) char *real = realpath(arena_printf(a, "%s/.git", top), NULL);
		struct stat st;
		/* A file names a folder elsewhere: a submodule, or a tree that git worktree
		 * added. */
		if (real && stat(real, &st) == 0 &&
		    (S_ISREG(st.st_mode) || (meant && strcmp(real, meant) == 0)))
			return arena_printf(a, "%s/", top);
		slash = strrchr(top, '/');
		if (slash)
			*slash = '\0';
	}
	return NULL;
}

static void close_config(git_config **config)
{
	git_config_free(*config);
}

/* The settings of a repository; a tree that git worktree added has those of the repository that "commondir" names. */
static const char *find_config(struct arena *a, const char *repository)
{
	const char *common;
	size_t len;
	struct err err;

	if (!file_read(a, arena_printf(a, "%s/commondir", repository), PATH_MAX, &common, &len, &err))
		return arena_printf(a, "%s/config", repository);
	common = arena_strndup(a, common, strcspn(common, "\n"));
	return *common == '/' ? arena_printf(a, "%s/config", common)
	                      : arena_printf(a, "%s/%s/config", repository, common);
}

/* What libgit2 1.5 would take for a repository without commits, or for a broken one; 1.9 refuses it and leaks memory, so
 * it is looked for before the repository is opened. */
static bool check_format(struct file_history *h, const char *repository, const char *dir, struct err *err)
{
	static const struct { const char *key, *known; } formats[] = {
		{ "extensions.objectformat", "sha1" }, { "extensions.refstorage", "files" },
	};
	CLEANUP(close_config) git_config *config = NULL;

	if (git_config_open_ondisk(&config, find_config(&h->arena, repository)) < 0)
		return history_failed(dir, err);
	for (size_t i = 0; i < ARRAY_LEN(formats); i++) {
		CLEANUP(git_buf_dispose) git_buf value = { 0 };
		const char *format = git_repo_explain_format(formats[i].key);
		if (git_config_get_string_buf(&value, config, formats[i].key) != 0 || strcmp(value.ptr, formats[i].known) == 0)
			continue;
		if (format)
			return err_set(err, "git repository of \"%s\": %s", dir, format);
		return err_set(err, "git repository of \"%s\": %s is \"%s\", expected \"%s\"", dir, formats[i].key, value.ptr,
		               formats[i].known);
	}
	return true;
}

/* Sets *found to whether there is a work tree.  git_repository_open_ext() would do all of this,
 * but it asks who owns the repository, refuses extensions that change nothing here, and leaks
 * memory when it looks for them. */
static bool history_find_work_tree(struct file_history *h, const char *dir, bool *found, struct err *err)
{
	CLEANUP(git_buf_dispose) git_buf path = { 0 };
	int code = git_repository_discover(&path, dir, 0, NULL);

	*found = false;
	if (code == 0)
		h->top = find_top(&h->arena, dir, path.ptr);
	if (code == GIT_ENOTFOUND || (code == 0 && !h->top))
		return true;
	if (code == 0 && !check_format(h, path.ptr, dir, err))
		return false;
	if (code < 0 || git_repository_open_bare(&h->repository, path.ptr) < 0 || git_loose_guard(h->repository) < 0)
		return history_failed(dir, err);
	*found = true;
	return true;
}

/* Begins the walk at a commit. */
static bool history_begin_at(struct file_history *h, const git_oid *id, struct err *err)
{
	CLEANUP(git_repo_close_commit) git_commit *commit = NULL;

	if (git_commit_lookup(&commit, h->repository, id) < 0 ||
	    git_repository_odb(&h->objects, h->repository) < 0)
		return history_failed(h->where, err);
	h->tree = *git_commit_tree_id(commit);
	git_oid_tostr(h->revision, sizeof h->revision, id);
	return history_meet(h, id, err);
}

/* *found stays false if HEAD is no commit yet. */
static bool history_begin_at_head(struct file_history *h, bool *found, struct err *err)
{
	CLEANUP(git_repo_close_reference) git_reference *head = NULL;
	CLEANUP(git_repo_close_object) git_object *commit = NULL;
	int code = git_repository_head(&head, h->repository);

	if (code == GIT_EUNBORNBRANCH || code == GIT_ENOTFOUND)
		return true;
	if (code < 0 || git_reference_peel(&commit, head, GIT_OBJECT_COMMIT) < 0)
		return history_failed(h->where, err);
	*found = true;
	return history_begin_at(h, git_object_id(commit), err);
}

static struct file_history *history_new(const char *where)
{
	struct file_history *h = calloc(1, sizeof *h);

	if (!h)
		abort();
	git_repo_set_up();
	h->where = arena_strdup(&h->arena, where);
	h->kept_most = FILE_HISTORY_KEPT;
	return h;
}

bool file_history_open(const char *dir, struct file_history **out, struct err *err)
{
	CLEANUP(history_free_text) char *real = realpath(dir, NULL);
	bool tree = false, commit = false;

	if (!real)
		return err_sys(err, errno, "%s", dir);
	CLEANUP(file_history_closep) struct file_history *h = history_new(real);
	if (!history_find_work_tree(h, real, &tree, err) || (tree && !history_begin_at_head(h, &commit, err)))
		return false;
	*out = commit ? take(h) : NULL;
	return true;
}

bool file_history_open_mirror(const char *mirror, const char *commit, struct file_history **out, struct err *err)
{
	CLEANUP(file_history_closep) struct file_history *h = history_new(mirror);
	git_oid id;

	if (git_repository_open_bare(&h->repository, mirror) < 0 || git_oid_fromstr(&id, commit) < 0)
		return history_failed(mirror, err);
	if (!history_begin_at(h, &id, err))
		return false;
	*out = take(h);
	return true;
}

void file_history_close(struct file_history *h)
{
	if (!h)
		return;
	while (h->waiting > 0)
		git_commit_free(heap_pop(h));
	history_drop_folders(h);
	git_odb_free(h->objects);
	git_repository_free(h->repository);
	git_libgit2_shutdown();
	arena_free(&h->arena);
	free(h);
}

void file_history_closep(struct file_history **history)
{
	file_history_close(*history);
}

enum file_history_gap file_history_gap(const struct file_history *h)
{
	/* A clone of git clone --filter=tree:0 lacks no commit, one of --depth 1 no tree of its commits. */
	return h->lacks_objects ? FILE_HISTORY_PARTIAL : h->lacks ? FILE_HISTORY_SHALLOW : FILE_HISTORY_WHOLE;
}

git_repository *file_history_repository(const struct file_history *h)
{
	return h->repository;
}

const char *file_history_revision(const struct file_history *h)
{
	return h->revision;
}

/* A walk of its own over the same commits.  libgit2's walks leak memory where a commit is missing. */
static struct file_history history_fork_walk(const struct file_history *h)
{
	return (struct file_history){ .repository = h->repository, .top = h->top, .where = h->where };
}

static void history_end_walk(struct file_history *w)
{
	while (w->waiting > 0)
		git_commit_free(heap_pop(w));
	arena_free(&w->arena);
}

/* Walks over all that leads to id, or until `until` (NULL: nothing) is met. */
static bool history_walk_to(struct file_history *w, const git_oid *id, const git_oid *until, struct err *err)
{
	bool ok = history_meet(w, id, err);

	while (ok && w->waiting > 0 && !(until && id_set_has(&w->seen, until)))
		ok = history_walk_one(w, err);
	return ok;
}

const char *file_history_top(const struct file_history *h)
{
	return h->top;
}

const char *file_history_folder(const struct file_history *h)
{
	size_t len = h->top ? strlen(h->top) : 0;

	return !h->top ? NULL : strlen(h->where) > len ? h->where + len : "";
}

bool file_history_compare(struct file_history *h, const char *older, enum file_history_order *order, size_t *back,
                          struct err *err)
{
	CLEANUP(history_end_walk) struct file_history w = history_fork_walk(h);
	git_oid head, before;

	*order = FILE_HISTORY_AFTER;
	*back = 0;
	if (git_oid_fromstr(&before, older) < 0 || git_oid_fromstr(&head, h->revision) < 0)
		return true;
	bool exists = git_odb_exists(h->objects, &before);
	/* A mirror has all that comes before HEAD.  A commit at the edge of a shallow clone names its parents. */
	if ((exists || h->top) && !history_walk_to(&w, &head, &before, err))
		return false;
	if (id_set_has(&w.seen, &before))
		return true;
	*order = w.lacks ? FILE_HISTORY_UNKNOWN : exists ? FILE_HISTORY_BEFORE : FILE_HISTORY_MISSING;
	if (*order != FILE_HISTORY_BEFORE)
		return true;
	size_t ours = w.seen_count;
	if (!history_walk_to(&w, &before, NULL, err))
		return false;
	*back = w.seen_count - ours;
	return true;
}
