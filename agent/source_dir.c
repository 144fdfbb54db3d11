#include "agent/source_dir.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/file.h"
#include "agent/ignore.h"
#include "reconcile/yaml.h"

/* A folder that is being read, and those it lies in. */
struct folder {
	const struct folder *outer;
	const char *path;		/* below the source, without slash at the end; "" is the source */
	dev_t dev;
	ino_t ino;
	const struct ignore *ignore;
};

struct walk {
	struct arena *arena;
	const char *root;		/* as given, without slashes at the end */
	const char *prefix;		/* what stands before a path below it */
	char *real;			/* root without any link */
	size_t entries;
	struct source_files files;
	struct faults *faults;
};

static void free_text(char **p)
{
	free(*p);
}

static void close_dir(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

static bool fault_on(struct walk *w, const char *path, const char *what)
{
	return fault_add(w->faults, (struct pos){ arena_strdup(w->arena, path), 0, 0 }, "%s", what);
}

static bool fault_errno(struct walk *w, const char *path)
{
	return fault_on(w, path, arena_printf(w->arena, "cannot be read: %s", strerror(errno)));
}

/* How the system finds path, which is below the source. */
static const char *full_path(struct walk *w, const char *path)
{
	return *path ? arena_printf(w->arena, "%s%s", w->prefix, path) : w->root;
}

static bool is_spec_name(const char *name)
{
	const char *dot = strrchr(name, '.');

	return dot && (strcmp(dot, ".yaml") == 0 || strcmp(dot, ".yml") == 0);
}

/* A link is followed where it stays inside the source: nothing from outside can become a
 * workflow by a link. */
static bool link_is_inside(struct walk *w, const char *full)
{
	CLEANUP(free_text) char *real = realpath(full, NULL);
	size_t len = strlen(w->real);

	if (!real)
		return fault_errno(w, full);
	if (strncmp(real, w->real, len) == 0 && (real[len] == '/' || w->real[len - 1] == '/' || !real[len]))
		return true;
	return fault_on(w, full, "a symbolic link that leads out of the source");
}

static bool is_circle(const struct folder *f, const struct stat *st)
{
	for (; f; f = f->outer)
		if (f->dev == st->st_dev && f->ino == st->st_ino)
			return true;
	return false;
}

static void walk_folder(struct walk *w, const struct folder *f);

static void enter_folder(struct walk *w, const struct folder *outer, const char *path, const char *full)
{
	struct stat st;

	if (stat(full, &st) < 0) {
		fault_errno(w, full);
		return;
	}
	if (is_circle(outer, &st)) {
		fault_on(w, full, "a link to a folder that it lies in");
		return;
	}
	walk_folder(w, &(struct folder){ outer, path, st.st_dev, st.st_ino, outer ? outer->ignore : NULL });
}

static void add_file(struct walk *w, const char *full)
{
	arena_grow(w->arena, w->files.items, w->files.count, w->files.room);
	w->files.items[w->files.count++] = (struct source_file){ .name = full };
}

/* The entry's kind, that of its target for a link; 0 for one that leads nowhere. */
static mode_t mode_of(const char *full, const struct dirent *entry, bool *is_link)
{
	struct stat st;

	*is_link = false;
	/* Most file systems say the kind with the name, which saves asking for each of many
	 * files. */
	if (entry->d_type == DT_REG)
		return S_IFREG;
	if (entry->d_type == DT_DIR)
		return S_IFDIR;
	if (lstat(full, &st) < 0)
		return 0;
	*is_link = S_ISLNK(st.st_mode);
	if (*is_link && stat(full, &st) < 0)
		return 0;
	return st.st_mode & S_IFMT;
}

static void walk_entry(struct walk *w, const struct folder *f, const struct dirent *entry)
{
	const char *path = arena_printf(w->arena, "%s%s%s", f->path, *f->path ? "/" : "", entry->d_name);
	const char *full = full_path(w, path);
	bool is_link;
	mode_t mode = mode_of(full, entry, &is_link);

	if (mode != S_IFDIR && !is_spec_name(entry->d_name))
		return;
	if (ignore_matches(f->ignore, path, mode == S_IFDIR))
		return;
	if (is_link && !link_is_inside(w, full))
		return;
	if (mode == S_IFDIR)
		enter_folder(w, f, path, full);
	else
		add_file(w, full);
}

/* The folder's .flowsyncignore laid over those around it. */
static const struct ignore *read_ignore(struct walk *w, const struct folder *f)
{
	static const char name[] = ".flowsyncignore";
	const char *full = *f->path ? arena_printf(w->arena, "%s%s/%s", w->prefix, f->path, name)
	                            : arena_printf(w->arena, "%s%s", w->prefix, name);
	const char *text;
	size_t len;
	struct stat st;
	struct err err;

	if (lstat(full, &st) < 0) {
		if (errno != ENOENT)
			fault_errno(w, full);
		return f->ignore;
	}
	if (S_ISLNK(st.st_mode) && !link_is_inside(w, full))
		return f->ignore;
	if (file_read(w->arena, full, IGNORE_MAX_BYTES, &text, &len, &err))
		return ignore_read(w->arena, f->ignore, f->path, text);
	fault_on(w, full, err.msg);
	return f->ignore;
}

/* Said once, not for each of what may be a million entries. */
static bool has_room(struct walk *w)
{
	if (w->entries++ == SOURCE_MAX_ENTRIES)
		fault_on(w, w->root, arena_printf(w->arena, "holds more than %d files and folders",
		                                  SOURCE_MAX_ENTRIES));
	return w->entries <= SOURCE_MAX_ENTRIES;
}

static void walk_folder(struct walk *w, const struct folder *f)
{
	CLEANUP(close_dir) DIR *dir = opendir(full_path(w, f->path));
	struct folder here = *f;
	struct dirent *entry;

	if (!dir) {
		fault_errno(w, full_path(w, f->path));
		return;
	}
	here.ignore = read_ignore(w, f);
	while ((errno = 0, entry = readdir(dir)) && has_room(w))
		if (*entry->d_name != '.')
			walk_entry(w, &here, entry);
	if (!entry && errno)
		fault_errno(w, full_path(w, f->path));
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct source_file *)a)->name, ((const struct source_file *)b)->name);
}

bool source_file_read(struct arena *a, const char *path, struct source_files *out, struct faults *faults)
{
	struct source_file file = { .name = arena_strdup(a, path) };
	struct err err;

	if (!file_read(a, path, YAML_MAX_BYTES, &file.bytes, &file.len, &err))
		return fault_add(faults, (struct pos){ file.name, 0, 0 }, "%s", err.msg);
	arena_grow(a, out->items, out->count, out->room);
	out->items[out->count++] = file;
	return true;
}

static void read_files(struct walk *w, struct source_files *out)
{
	size_t bytes = 0;

	if (w->files.count)
		qsort(w->files.items, w->files.count, sizeof *w->files.items, by_name);
	for (size_t i = 0; i < w->files.count; i++) {
		if (source_file_read(w->arena, w->files.items[i].name, out, w->faults))
			bytes += out->items[out->count - 1].len;
		if (bytes > SOURCE_MAX_BYTES) {
			fault_on(w, w->root, arena_printf(w->arena, "holds more than %d MiB of specs",
			                                  SOURCE_MAX_BYTES >> 20));
			return;
		}
	}
}

/* What stands before the paths in dir: nothing for ".", so that names are those a user would
 * write. */
static const char *prefix_of(struct arena *a, const char *root)
{
	if (strcmp(root, ".") == 0)
		return "";
	return strcmp(root, "/") == 0 ? "/" : arena_printf(a, "%s/", root);
}

static const char *without_slashes(struct arena *a, const char *dir)
{
	size_t len = strlen(dir);

	while (len > 1 && dir[len - 1] == '/')
		len--;
	return arena_strndup(a, dir, len);
}

bool source_dir_read(struct arena *a, const char *dir, struct source_files *out, struct faults *faults)
{
	CLEANUP(free_text) char *real = realpath(dir, NULL);
	struct walk w = { .arena = a, .root = without_slashes(a, dir), .real = real, .faults = faults };
	size_t errors = faults->errors;
	struct stat st;

	w.prefix = prefix_of(a, w.root);
	if (!real || stat(real, &st) < 0)
		return fault_errno(&w, w.root);
	if (!S_ISDIR(st.st_mode))
		return fault_on(&w, w.root, "a file, expected a directory");
	enter_folder(&w, NULL, "", w.root);
	read_files(&w, out);
	return faults->errors == errors;
}
