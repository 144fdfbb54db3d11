#include "agent/source/source_git.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "agent/git/git_repo.h"
#include "agent/source/ignore_rules.h"
#include "agent/source/source_scan.h"
#include "reconcile/tree/yaml.h"

/* A folder that is being read, and those it lies in. */
struct git_folder {
	const struct git_folder *outer;
	const char *path;		/* below the source as it was walked to, "" is the source */
	const char *real;		/* the same without links */
	git_oid id;
	const struct ignore_rules *ignore;
};

struct git_scan {
	struct arena *arena;
	git_repository *repository;
	const char *prefix;		/* what stands before a path in names: "workflows/", or "" */
	git_oid top;			/* the tree of the source */
	size_t entries, bytes;
	struct source_files files;
	struct diagnostics *faults;
	struct err *err;
};

/* path "" is the source as a whole. */
static bool git_scan_fault(struct git_scan *w, const char *path, const char *what)
{
	const char *name = *path ? arena_printf(w->arena, "%s%s", w->prefix, path) : NULL;

	diagnostics_add(w->faults, (struct pos){ name, 0, 0 }, "%s", what);
	return true;
}

static bool git_scan_corrupt(struct git_scan *w, const char *path)
{
	return git_repo_failed(arena_printf(w->arena, "%s%s", w->prefix, path), w->err);
}

static const char *git_scan_copy_blob(struct arena *a, const git_blob *blob)
{
	return arena_strndup(a, git_blob_rawcontent(blob), (size_t)git_blob_rawsize(blob));
}

static bool git_scan_add_file(struct git_scan *w, const char *path, const git_oid *id)
{
	CLEANUP(git_repo_close_blob) git_blob *blob = NULL;
	struct source_file file = { .name = arena_printf(w->arena, "%s%s", w->prefix, path) };

	/* What is known is read, too: a corrupt mirror is cloned again only before the cycle. */
	if (git_repo_read_blob(w->repository, id, YAML_MAX_BYTES, &blob) < 0)
		return git_scan_corrupt(w, path);
	if (w->files.recall) {
		file.stamp = arena_strdup(w->arena, git_oid_tostr_s(id));
		file.known = w->files.recall(w->files.context, w->arena, &file);
	}
	if (!blob) {
		git_scan_fault(w, path, arena_printf(w->arena, "larger than %d MiB", YAML_MAX_BYTES >> 20));
	} else {
		file.len = (size_t)git_blob_rawsize(blob);
		w->bytes += file.len;
		if (!file.known)
			file.bytes = git_scan_copy_blob(w->files.bytes ? w->files.bytes : w->arena, blob);
	}
	arena_grow(w->arena, w->files.items, w->files.count, w->files.room);
	w->files.items[w->files.count++] = file;
	return true;
}

/* ---- folders ---- */

static bool git_scan_folder(struct git_scan *w, const struct git_folder *f);

static bool git_scan_is_circle(const struct git_folder *f, const char *real)
{
	for (; f; f = f->outer)
		if (strcmp(f->real, real) == 0)
			return true;
	return false;
}

static bool git_scan_enter(struct git_scan *w, const struct git_folder *outer, const char *path,
                           const struct git_place *place)
{
	if (git_scan_is_circle(outer, place->path))
		return git_scan_fault(w, path, "a link to a folder that contains it");
	/* No file system could hold it, and each level takes some of our stack. */
	if (strlen(path) > PATH_MAX)
		return git_scan_fault(w, "", "the source has folders so deep that no path leads to them");
	return git_scan_folder(w, &(struct git_folder){ outer, path, place->path, place->id, outer->ignore });
}

/* Where the link leads; *found is false where it leads nowhere, which is a fault by now if a file was
 * wanted: else nothing says that a folder was meant. */
static bool git_scan_follow(struct git_scan *w, const struct git_folder *f, const char *path, const char *name,
                            bool wanted, struct git_place *out, bool *found)
{
	enum git_found how = git_repo_follow(w->arena, w->repository, &w->top, f->real, name, out, w->err);

	*found = how == GIT_FOUND;
	if (how == GIT_UNREADABLE)
		return false;
	if (how == GIT_OUTSIDE)
		git_scan_fault(w, path, "a symbolic link that leads out of the source");
	else if (how != GIT_FOUND && wanted)
		git_scan_fault(w, path, arena_printf(w->arena, "cannot be read: %s",
		                                     strerror(how == GIT_CIRCLE ? ELOOP : ENOENT)));
	return true;
}

static bool git_scan_submodule(struct git_scan *w, const char *path)
{
	diagnostics_warn(w->faults, (struct pos){ arena_printf(w->arena, "%s%s", w->prefix, path), 0, 0 },
	                 "a submodule: its files are not read, so nothing is pruned; if it declares no workflow, name it in "
	                 ".flowsyncignore");
	w->files.submodule = true;
	return true;
}

/* What is to be looked at before its kind is known: a link may be a folder under any name. */
static bool git_scan_entry(struct git_scan *w, const struct git_folder *f, const char *name,
                           const git_tree_entry *entry)
{
	const char *path = *f->path ? arena_printf(w->arena, "%s/%s", f->path, name) : arena_strdup(w->arena, name);
	struct git_place place = { .id = *git_tree_entry_id(entry), .mode = git_tree_entry_filemode(entry) };
	bool found = true;

	if (place.mode == GIT_FILEMODE_LINK) {
		if (ignore_rules_match(f->ignore, path, false))
			return true;
		if (!git_scan_follow(w, f, path, name, source_is_spec(name), &place, &found))
			return false;
	} else {
		place.path = *f->real ? arena_printf(w->arena, "%s/%s", f->real, name) : arena_strdup(w->arena, name);
	}
	bool folder = place.mode == GIT_FILEMODE_TREE || place.mode == GIT_FILEMODE_COMMIT;
	if (!found || (!folder && !source_is_spec(name)) || ignore_rules_match(f->ignore, path, folder))
		return true;
	if (place.mode == GIT_FILEMODE_COMMIT)
		return git_scan_submodule(w, path);
	return folder ? git_scan_enter(w, f, path, &place) : git_scan_add_file(w, path, &place.id);
}

/* The folder's .flowsyncignore laid over those around it. */
static bool git_scan_read_ignore(struct git_scan *w, const struct git_folder *f, const git_tree *tree,
                                 const struct ignore_rules **out)
{
	static const char name[] = ".flowsyncignore";
	const char *path = *f->path ? arena_printf(w->arena, "%s/%s", f->path, name) : name;
	CLEANUP(git_repo_close_blob) git_blob *blob = NULL;
	struct git_place place;
	bool found;

	*out = f->ignore;
	if (!git_tree_entry_byname(tree, name))
		return true;
	if (!git_scan_follow(w, f, path, name, true, &place, &found))
		return false;
	if (!found)
		return true;
	if (place.mode == GIT_FILEMODE_TREE)
		return git_scan_fault(w, path, "a directory, expected a file");
	if (git_repo_read_blob(w->repository, &place.id, IGNORE_RULES_MAX_BYTES, &blob) < 0)
		return git_scan_corrupt(w, path);
	if (!blob)
		return git_scan_fault(w, path, arena_printf(w->arena, "larger than %d bytes", IGNORE_RULES_MAX_BYTES));
	const char *why;
	const struct ignore_rules *rules = ignore_rules_read(w->arena, f->ignore, f->path, git_scan_copy_blob(w->arena, blob),
	                                                     (size_t)git_blob_rawsize(blob), &why);
	if (!rules)
		return git_scan_fault(w, path, why);
	*out = rules;
	return true;
}

/* Said once, not for each of what may be a million entries. */
static bool git_scan_has_room(struct git_scan *w)
{
	if (w->entries++ == SOURCE_MAX_ENTRIES)
		git_scan_fault(w, "", arena_printf(w->arena, "the source holds more than %d files and folders", SOURCE_MAX_ENTRIES));
	if (w->bytes > SOURCE_MAX_BYTES && w->entries <= SOURCE_MAX_ENTRIES) {
		git_scan_fault(w, "", arena_printf(w->arena, "the source holds more than %d MiB of specs", SOURCE_MAX_BYTES >> 20));
		w->entries = SOURCE_MAX_ENTRIES + 1;
	}
	return w->entries <= SOURCE_MAX_ENTRIES;
}

static bool git_scan_folder(struct git_scan *w, const struct git_folder *f)
{
	CLEANUP(git_repo_close_tree) git_tree *tree = NULL;
	struct git_folder here = *f;

	if (git_tree_lookup(&tree, w->repository, &f->id) < 0)
		return git_scan_corrupt(w, f->path);
	if (!git_scan_read_ignore(w, f, tree, &here.ignore))
		return false;
	for (size_t i = 0; i < git_tree_entrycount(tree) && git_scan_has_room(w); i++) {
		const git_tree_entry *entry = git_tree_entry_byindex(tree, i);
		const char *name = git_tree_entry_name(entry);
		if (*name != '.' && !git_scan_entry(w, &here, name, entry))
			return false;
	}
	return true;
}

/* ---- the whole ---- */

static int spec_file_by_name(const void *a, const void *b)
{
	return strcmp(((const struct source_file *)a)->name, ((const struct source_file *)b)->name);
}

static void git_scan_append(struct git_scan *w, struct source_files *out)
{
	if (w->files.count)
		qsort(w->files.items, w->files.count, sizeof *w->files.items, spec_file_by_name);
	for (size_t i = 0; i < w->files.count; i++) {
		arena_grow(w->arena, out->items, out->count, out->room);
		out->items[out->count++] = w->files.items[i];
	}
	out->submodule |= w->files.submodule;
}

bool source_git_read(struct arena *a, const char *mirror, const struct git_revision *revision, const char *path,
                     struct source_files *out, struct diagnostics *faults, struct err *err)
{
	CLEANUP(git_repo_shut_down) bool up = true;
	CLEANUP(git_repo_close) git_repository *repository = NULL;
	struct git_scan w = { .arena = a, .files = { .recall = out->recall, .context = out->context, .bytes = out->bytes },
	                      .faults = faults, .err = err };

	git_repo_set_up();
	if (git_repository_open_bare(&repository, mirror) < 0 || git_oid_fromstr(&w.top, revision->tree) < 0)
		return git_repo_failed("the mirror", err);
	w.repository = repository;
	w.prefix = path && *path ? arena_printf(a, "%s/", path) : "";
	if (!git_scan_folder(&w, &(struct git_folder){ .path = "", .real = "", .id = w.top }))
		return false;
	git_scan_append(&w, out);
	return true;
}

/* ---- blobs that are read later ---- */

struct source_blobs { git_repository *repository; };

bool source_blobs_open(const char *mirror, struct source_blobs **out, struct err *err)
{
	git_repository *repository;

	git_repo_set_up();
	if (git_repository_open_bare(&repository, mirror) < 0) {
		bool up = true;
		git_repo_failed("the mirror", err);
		git_repo_shut_down(&up);
		return false;
	}
	*out = malloc(sizeof **out);
	if (!*out)
		abort();
	(*out)->repository = repository;
	return true;
}

bool source_blobs_read(struct source_blobs *blobs, struct arena *a, struct source_file *file, struct err *err)
{
	CLEANUP(git_repo_close_blob) git_blob *blob = NULL;
	git_oid id;

	if (git_oid_fromstr(&id, file->stamp) < 0 || git_repo_read_blob(blobs->repository, &id, YAML_MAX_BYTES, &blob) < 0)
		return git_repo_failed(file->name, err);
	if (!blob)
		return err_set(err, "%s: larger than %d MiB", file->name, YAML_MAX_BYTES >> 20);
	file->bytes = git_scan_copy_blob(a, blob);
	file->len = (size_t)git_blob_rawsize(blob);
	return true;
}

void source_blobs_close(struct source_blobs *blobs)
{
	bool up = true;

	if (!blobs)
		return;
	git_repo_close(&blobs->repository);
	git_repo_shut_down(&up);
	free(blobs);
}
