#include "agent/source/source_scan.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/util/directory.h"
#include "agent/util/file.h"
#include "agent/source/ignore_rules.h"
#include "agent/source/submodule.h"

/* A folder that is being looked into, and those it lies in. */
struct scan_folder {
	const struct scan_folder *outer;
	const char *path;		/* below the source, without slash at the end; "" is the source */
	const char *real;
	int fd;
	struct stat st;
	const struct ignore_rules *ignore;
};

struct scan_walk {
	struct arena *arena;
	const char *root;		/* as given, without slashes at the end */
	const char *prefix;		/* what stands before a path below it */
	const char *real;		/* root without any link */
	size_t entries;
	struct source_scan look;
	struct diagnostics *faults;
};

static void scan_free_text(char **p)
{
	free(*p);
}

static bool scan_fault(struct scan_walk *w, const char *name, const char *what)
{
	return diagnostics_add(w->faults, (struct pos){ name, 0, 0 }, "%s", what);
}

static bool scan_fault_errno(struct scan_walk *w, const char *name)
{
	return scan_fault(w, name, arena_printf(w->arena, "cannot be read: %s", strerror(errno)));
}

/* x, between and y behind each other. */
static const char *scan_concat(struct arena *a, const char *x, const char *between, const char *y)
{
	size_t x_len = strlen(x), between_len = strlen(between), y_len = strlen(y);
	char *text = arena_new(a, char, x_len + between_len + y_len + 1);

	memcpy(text, x, x_len);
	memcpy(text + x_len, between, between_len);
	memcpy(text + x_len + between_len, y, y_len);
	return text;
}

static const char *scan_name(struct scan_walk *w, const char *path)
{
	return *path ? scan_concat(w->arena, w->prefix, "", path) : w->root;
}

static const char *scan_join(struct scan_walk *w, const char *folder, const char *name)
{
	size_t len = strlen(folder);

	return scan_concat(w->arena, folder, len && folder[len - 1] != '/' ? "/" : "", name);
}

bool source_is_spec(const char *name)
{
	const char *dot = strrchr(name, '.');

	return dot && (strcmp(dot, ".yaml") == 0 || strcmp(dot, ".yml") == 0);
}

static bool is_later(struct timespec a, struct timespec b)
{
	return a.tv_sec != b.tv_sec ? a.tv_sec > b.tv_sec : a.tv_nsec > b.tv_nsec;
}

struct source_stamp source_stamp_of(const struct stat *st)
{
	return (struct source_stamp){ st->st_dev, st->st_ino, st->st_mode, st->st_size, st->st_mtim, st->st_ctim };
}

static void scan_add_entry(struct scan_walk *w, enum source_kind kind, const char *path, const char *real,
                           const struct stat *st, const struct ignore_rules *ignore)
{
	struct source_scan *l = &w->look;

	arena_grow(w->arena, l->items, l->count, l->room);
	l->items[l->count++] = (struct source_entry){
		.kind = kind, .name = scan_name(w, path), .path = path, .real = real, .ignore = ignore,
		.stamp = source_stamp_of(st),
	};
	if (is_later(st->st_ctim, l->newest))
		l->newest = st->st_ctim;
}

/* A link is followed where it stays inside the source: nothing from outside can become a
 * workflow by a link.  Gives what it leads to, without any link. */
static bool scan_follow_link(struct scan_walk *w, const char *path, const char *link, const char **out)
{
	CLEANUP(scan_free_text) char *real = realpath(link, NULL);
	size_t len = strlen(w->real);

	if (!real)
		return scan_fault_errno(w, scan_name(w, path));
	if (strncmp(real, w->real, len) != 0 || (real[len] && real[len] != '/' && w->real[len - 1] != '/'))
		return scan_fault(w, scan_name(w, path), "a symbolic link that leads out of the source");
	*out = arena_strdup(w->arena, real);
	return true;
}

static bool scan_is_circle(const struct scan_folder *f, const struct stat *st)
{
	for (; f; f = f->outer)
		if (f->st.st_dev == st->st_dev && f->st.st_ino == st->st_ino)
			return true;
	return false;
}

static void scan_folder_entries(struct scan_walk *w, const struct scan_folder *f);

static void scan_enter_folder(struct scan_walk *w, const struct scan_folder *outer, const char *path,
                              const char *real)
{
	struct scan_folder f = { outer, path, real, .fd = -1, .ignore = outer ? outer->ignore : NULL };

	/* Before what is in it, so that a change meanwhile is one between two looks. */
	if (stat(real, &f.st) < 0)
		scan_fault_errno(w, scan_name(w, path));
	else if (scan_is_circle(outer, &f.st))
		scan_fault(w, scan_name(w, path), "a link to a folder that contains it");
	else
		scan_folder_entries(w, &f);
}

static void scan_add_file(struct scan_walk *w, const char *path, const char *real)
{
	struct stat st;

	if (stat(real, &st) == 0)
		scan_add_entry(w, SOURCE_FILE, path, real, &st, NULL);
	else
		scan_fault_errno(w, scan_name(w, path));
}

static void scan_link(struct scan_walk *w, const struct scan_folder *f, const char *path, const char *link,
                      const struct stat *st)
{
	const char *real;
	struct stat to;
	bool is_spec = source_is_spec(link), is_folder = stat(link, &to) == 0 && S_ISDIR(to.st_mode);

	if (ignore_rules_match(f->ignore, path, is_folder))
		return;
	/* What leads to no spec today may do so when something on its way is another. */
	scan_add_entry(w, SOURCE_LINK, path, link, st, NULL);
	if ((!is_spec && !is_folder) || !scan_follow_link(w, path, link, &real))
		return;
	if (is_folder)
		scan_enter_folder(w, f, path, real);
	else
		scan_add_file(w, path, real);
}

static void scan_entry(struct scan_walk *w, const struct scan_folder *f, const struct dirent *entry)
{
	bool is_spec = source_is_spec(entry->d_name);
	struct stat st;

	/* Most file systems say the kind with the name, which saves asking for each of what may be
	 * many files of other kinds. */
	if (entry->d_type == DT_REG && !is_spec)
		return;
	const char *path = scan_join(w, f->path, entry->d_name), *real = scan_join(w, f->real, entry->d_name);
	if (fstatat(f->fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
		if (errno != ENOENT && !ignore_rules_match(f->ignore, path, entry->d_type == DT_DIR))
			scan_fault_errno(w, scan_name(w, path));
		return;
	}
	if (S_ISLNK(st.st_mode))
		scan_link(w, f, path, real, &st);
	else if ((!S_ISDIR(st.st_mode) && !is_spec) ||
	         ignore_rules_match(f->ignore, path, S_ISDIR(st.st_mode)))
		return;
	else if (S_ISDIR(st.st_mode))
		scan_enter_folder(w, f, path, real);
	else
		scan_add_entry(w, SOURCE_FILE, path, real, &st, NULL);
}

/* The folder's .flowsyncignore laid over those around it. */
static const struct ignore_rules *scan_read_rules(struct scan_walk *w, const struct scan_folder *f)
{
	const char *path = scan_join(w, f->path, ".flowsyncignore");
	const char *real = scan_join(w, f->real, ".flowsyncignore");
	const char *text, *why;
	size_t len;
	struct stat st;
	struct err err;

	if (lstat(real, &st) < 0) {
		if (errno != ENOENT)
			scan_fault_errno(w, scan_name(w, path));
		return f->ignore;
	}
	if (S_ISLNK(st.st_mode)) {
		scan_add_entry(w, SOURCE_LINK, path, real, &st, NULL);
		if (!scan_follow_link(w, path, real, &real))
			return f->ignore;
	}
	if (stat(real, &st) == 0)
		scan_add_entry(w, SOURCE_RULES, path, real, &st, NULL);
	if (!file_read(w->arena, real, IGNORE_RULES_MAX_BYTES, &text, &len, &err)) {
		scan_fault(w, scan_name(w, path), err.msg);
		return f->ignore;
	}
	const struct ignore_rules *rules = ignore_rules_read(w->arena, f->ignore, f->path, text, len, &why);
	if (!rules)
		scan_fault(w, scan_name(w, path), why);
	return rules ? rules : f->ignore;
}

/* Said once, not for each of what may be a million entries. */
static bool scan_has_room(struct scan_walk *w)
{
	if (w->entries++ == SOURCE_MAX_ENTRIES)
		scan_fault(w, w->root, arena_printf(w->arena, "holds more than %d files and folders",
		                                    SOURCE_MAX_ENTRIES));
	return w->entries <= SOURCE_MAX_ENTRIES;
}

/* An empty folder declares nothing, but what a submodule declares is unknown until it is initialised.  As long as git
 * only prepares one, .git is alone in it. */
static bool is_of_empty_folder(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || strcmp(name, ".git") == 0;
}

static void scan_folder_entries(struct scan_walk *w, const struct scan_folder *f)
{
	CLEANUP(directory_close) DIR *dir = opendir(f->real);
	struct scan_folder here = *f;
	struct dirent *entry;
	bool empty = true;

	here.fd = dir ? dirfd(dir) : -1;
	here.ignore = dir ? scan_read_rules(w, f) : f->ignore;
	scan_add_entry(w, SOURCE_FOLDER, f->path, f->real, &f->st, here.ignore);
	if (!dir) {
		scan_fault_errno(w, scan_name(w, f->path));
		return;
	}
	while ((errno = 0, entry = readdir(dir)) && scan_has_room(w)) {
		empty &= is_of_empty_folder(entry->d_name);
		if (*entry->d_name != '.')
			scan_entry(w, &here, entry);
	}
	if (!entry && errno)
		scan_fault_errno(w, scan_name(w, f->path));
	else if (empty && submodule_is_declared(f->real))
		scan_fault(w, scan_name(w, f->path), "a submodule: its files are not read, as it is not initialised; "
		           "to fix it: git submodule update --init");
}

static int entry_by_name(const void *a, const void *b)
{
	const struct source_entry *x = a, *y = b;
	int order = strcmp(x->name, y->name);

	return order ? order : (int)x->kind - (int)y->kind;
}

/* What stands before the paths in dir: nothing for ".", so that names are those a user would
 * write. */
static const char *scan_prefix(struct arena *a, const char *root)
{
	if (strcmp(root, ".") == 0)
		return "";
	return strcmp(root, "/") == 0 ? "/" : arena_printf(a, "%s/", root);
}

static const char *trim_slashes(struct arena *a, const char *dir)
{
	size_t len = strlen(dir);

	while (len > 1 && dir[len - 1] == '/')
		len--;
	return arena_strndup(a, dir, len);
}

bool source_scan(struct arena *a, const char *dir, struct source_scan *out, struct diagnostics *faults)
{
	CLEANUP(scan_free_text) char *real = realpath(dir, NULL);
	struct scan_walk w = { .arena = a, .root = trim_slashes(a, dir), .faults = faults };
	size_t errors = faults->errors;
	struct stat st;

	*out = (struct source_scan){ 0 };
	w.prefix = scan_prefix(a, w.root);
	if (!real || stat(real, &st) < 0)
		return scan_fault_errno(&w, w.root);
	if (!S_ISDIR(st.st_mode))
		return scan_fault(&w, w.root, "a file, expected a directory");
	w.real = arena_strdup(a, real);
	scan_enter_folder(&w, NULL, "", w.real);
	if (w.look.count)
		qsort(w.look.items, w.look.count, sizeof *w.look.items, entry_by_name);
	*out = w.look;
	return faults->errors == errors;
}

const char *source_stamp_text(struct arena *a, const struct source_stamp *s)
{
	return arena_printf(a, "%llx.%llx.%llx.%llx.%llx.%lx.%llx.%lx", (unsigned long long)s->dev, (unsigned long long)s->ino,
	                    (unsigned long long)s->mode, (unsigned long long)s->size, (unsigned long long)s->mtime.tv_sec,
	                    (unsigned long)s->mtime.tv_nsec, (unsigned long long)s->ctime.tv_sec,
	                    (unsigned long)s->ctime.tv_nsec);
}

static bool same_time(struct timespec a, struct timespec b)
{
	return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

static bool same_entry(const struct source_entry *x, const struct source_entry *y)
{
	const struct source_stamp *s = &x->stamp, *t = &y->stamp;

	return x->kind == y->kind && strcmp(x->name, y->name) == 0 && strcmp(x->real, y->real) == 0 &&
	       s->dev == t->dev && s->ino == t->ino && s->mode == t->mode && s->size == t->size &&
	       same_time(s->mtime, t->mtime) && same_time(s->ctime, t->ctime);
}

bool source_scan_equal(const struct source_scan *x, const struct source_scan *y)
{
	if (x->count != y->count)
		return false;
	for (size_t i = 0; i < x->count; i++)
		if (!same_entry(&x->items[i], &y->items[i]))
			return false;
	return true;
}
