#include "agent/source/dir_watch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/source/ignore_rules.h"
#include "agent/source/source_scan.h"

/* Names that come and go, and nothing of what is written: all that counts above the source. */
#define NAMES	(IN_CREATE | IN_DELETE | IN_MOVE | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF)
#define CONTENT	(NAMES | IN_CLOSE_WRITE)

enum {
	READ_BYTES = 64 << 10,
	READS = 256,		/* at one time: a writer that never rests must not keep the caller */
	PASSES = 4,
	LINKS = 40,		/* on the way to one file, as the system has it */
};

/* Why a folder is watched.  There may be several reasons. */
struct watch_reason {
	int wd;
	const char *name;		/* only what has this name counts; NULL: all that may be a source's */
	const char *real;		/* of the folder */
	const char *path;		/* of it below the source, if name is NULL */
	const struct ignore_rules *ignore;	/* likewise */
};

struct watch_reasons {
	struct watch_reason *items;		/* sorted by wd */
	size_t count, room;
};

struct dir_watch {
	int fd;
	char *dir;
	struct arena arena;		/* of what follows */
	struct source_scan look;	/* the last */
	struct watch_reasons reasons;
	bool full;			/* no room for a further watch */
	struct err degraded;
};

/* What a new look is made with, while the old one still stands. */
struct watch_pass {
	struct dir_watch *watch;
	struct arena arena;
	struct source_scan look;
	struct watch_reasons reasons;
};

static const char *watch_join(struct arena *a, const char *folder, const char *name)
{
	size_t len = strlen(folder);

	return arena_printf(a, "%s%s%s", folder, len && folder[len - 1] != '/' ? "/" : "", name);
}

/* ---- which folders ---- */

static void add_reason(struct watch_pass *u, const struct watch_reason *why, uint32_t mask)
{
	/* A folder that is watched already, for another reason, must not lose that one's events. */
	int wd = inotify_add_watch(u->watch->fd, why->real, mask | IN_ONLYDIR | IN_MASK_ADD);

	if (wd < 0) {
		u->watch->full |= errno == ENOSPC || errno == ENOMEM;
		return;		/* gone, or not ours to read: then a look has nothing to say of it either */
	}
	arena_grow(&u->arena, u->reasons.items, u->reasons.count, u->reasons.room);
	u->reasons.items[u->reasons.count] = *why;
	u->reasons.items[u->reasons.count++].wd = wd;
}

static char *watch_read_link(struct arena *a, const char *path)
{
	struct stat st;

	if (lstat(path, &st) < 0 || !S_ISLNK(st.st_mode))
		return NULL;
	char *target = arena_new(a, char, 4096 + 1);
	return readlink(path, target, 4096) > 0 ? target : NULL;
}

/* Watches each folder in which a part of the way from folder `at` along rest stands, links and all,
 * for that part; where a part is missing, the way ends with the folder that would hold it. */
static void watch_way(struct watch_pass *u, const char *at, const char *rest, uint32_t mask)
{
	int links = 0;

	while (*rest) {
		size_t len = strcspn(rest, "/");
		const char *part = arena_strndup(&u->arena, rest, len), *target;
		struct stat st;
		rest += len + strspn(rest + len, "/");
		if (!len || strcmp(part, ".") == 0)
			continue;
		const char *next = watch_join(&u->arena, at, part);
		if (strcmp(part, "..") != 0)
			/* Before it is looked at, so that no change is missed in between. */
			add_reason(u, &(struct watch_reason){ .name = part, .real = at }, mask);
		if ((target = watch_read_link(&u->arena, next))) {
			if (++links > LINKS)
				return;
			rest = watch_join(&u->arena, target, rest);
			next = *target == '/' ? "/" : at;
		} else if (stat(next, &st) < 0) {
			return;
		}
		at = next;
	}
}

static void watch_link(struct watch_pass *u, const struct source_entry *link)
{
	const char *slash = strrchr(link->real, '/');

	watch_way(u, slash == link->real ? "/" : arena_strndup(&u->arena, link->real, slash - link->real),
	          slash + 1, CONTENT);
}

static void watch_all(struct watch_pass *u)
{
	const char *dir = u->watch->dir;

	watch_way(u, *dir == '/' ? "/" : ".", dir, NAMES);
	for (size_t i = 0; i < u->look.count; i++) {
		const struct source_entry *e = &u->look.items[i];
		struct watch_reason why = { .real = e->real, .path = e->path, .ignore = e->ignore };
		if (e->kind == SOURCE_FOLDER)
			add_reason(u, &why, CONTENT);
		else if (e->kind == SOURCE_LINK)
			watch_link(u, e);
	}
}

static int by_wd(const void *a, const void *b)
{
	const struct watch_reason *x = a, *y = b;

	if (x->wd != y->wd)
		return x->wd < y->wd ? -1 : 1;
	if (!x->name || !y->name)
		return !!x->name - !!y->name;
	return strcmp(x->name, y->name);
}

/* Many links lead the same way. */
static void sort_reasons(struct watch_reasons *r)
{
	size_t kept = 0;

	if (r->count)
		qsort(r->items, r->count, sizeof *r->items, by_wd);
	for (size_t i = 0; i < r->count; i++)
		if (!kept || !r->items[i].name || by_wd(&r->items[kept - 1], &r->items[i]) != 0)
			r->items[kept++] = r->items[i];
	r->count = kept;
}

/* The first of those of wd; NULL if it is not watched. */
static const struct watch_reason *find_reason(const struct watch_reasons *r, int wd)
{
	size_t low = 0, high = r->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (r->items[middle].wd < wd)
			low = middle + 1;
		else
			high = middle;
	}
	return low < r->count && r->items[low].wd == wd ? &r->items[low] : NULL;
}

/* Lets go of the watches that there is no reason for any more; true if some are new. */
static bool replace_reasons(struct dir_watch *w, const struct watch_reasons *old, const struct watch_reasons *fresh)
{
	bool more = false;

	for (size_t i = 0; i < old->count; i++)
		if ((!i || old->items[i].wd != old->items[i - 1].wd) && !find_reason(fresh, old->items[i].wd))
			inotify_rm_watch(w->fd, old->items[i].wd);
	for (size_t i = 0; i < fresh->count && !more; i++)
		more = !find_reason(old, fresh->items[i].wd);
	return more;
}

static bool watch_update_once(struct dir_watch *w)
{
	struct watch_pass u = { .watch = w };
	struct diagnostics faults = { .arena = &u.arena };	/* the cycle that reads the source reports them */

	w->full = false;
	source_scan(&u.arena, w->dir, &u.look, &faults);
	if (w->fd >= 0)
		watch_all(&u);
	sort_reasons(&u.reasons);
	bool more = replace_reasons(w, &w->reasons, &u.reasons);
	arena_free(&w->arena);
	w->arena = u.arena;
	w->look = u.look;
	w->reasons = u.reasons;
	return more;
}

/* A folder is scanned before it is watched, so a file that is created in between causes no event.  Therefore scans
 * again until every folder of a scan was already watched before that scan, PASSES times at most. */
static void watch_update(struct dir_watch *w)
{
	for (int pass = 0; watch_update_once(w) && pass < PASSES; pass++)
		;
	if (w->fd < 0)
		return;		/* dir_watch_open() said why */
	w->degraded.msg[0] = '\0';
	if (w->full)
		err_set(&w->degraded, "%s: the system has no inotify watch left for some of its folders "
		                      "(fs.inotify.max_user_watches): changes in them are found only by regular scans", w->dir);
}

/* ---- which events ---- */

/* What is being written tells so when it is closed.  Another name of a file that is there already,
 * and a link, tell nothing further; linking sets ctime alone. */
static bool is_complete(const char *path)
{
	struct stat st;

	if (lstat(path, &st) < 0)
		return false;	/* gone: that is an event too */
	return !S_ISREG(st.st_mode) || st.st_nlink > 1 || st.st_mtim.tv_sec != st.st_ctim.tv_sec ||
	       st.st_mtim.tv_nsec != st.st_ctim.tv_nsec;
}

static bool is_link(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 && S_ISLNK(st.st_mode);
}

/* An event on a name in a folder of the source. */
static bool is_name_relevant(const struct watch_reason *why, const struct inotify_event *e, struct arena *a)
{
	const char *full = watch_join(a, why->real, e->name);
	bool is_folder = e->mask & IN_ISDIR, is_rules = strcmp(e->name, ".flowsyncignore") == 0;

	if (*e->name == '.' && !is_rules)
		return false;
	if (!is_rules && ignore_rules_match(why->ignore, watch_join(a, why->path, e->name), is_folder))
		return false;
	if (is_folder)
		return true;
	if (is_rules || source_is_spec(e->name))
		return !(e->mask & IN_CREATE) || is_complete(full);
	/* A link to a folder; those that were there have a reason of their own. */
	return (e->mask & (IN_CREATE | IN_MOVED_TO)) && is_link(full);
}

static bool is_reason_relevant(const struct watch_reason *why, const struct inotify_event *e, struct arena *a)
{
	if (!e->len)
		return !why->name;	/* the folder itself, such as its permissions */
	if (!why->name)
		return is_name_relevant(why, e, a);
	if (strcmp(why->name, e->name) != 0)
		return false;
	return (e->mask & IN_ISDIR) || !(e->mask & IN_CREATE) || is_complete(watch_join(a, why->real, e->name));
}

static bool is_event_relevant(const struct dir_watch *w, const struct inotify_event *e)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	const struct watch_reason *end = w->reasons.items + w->reasons.count, *why;

	if (e->mask & IN_Q_OVERFLOW)
		return true;
	why = find_reason(&w->reasons, e->wd);
	if (!why)
		return false;	/* the last words of a watch that was let go of */
	if (e->mask & (IN_IGNORED | IN_UNMOUNT | IN_DELETE_SELF | IN_MOVE_SELF))
		return true;
	for (; why < end && why->wd == e->wd; why++)
		if (is_reason_relevant(why, e, &a))
			return true;
	return false;
}

/* False: the last scan has nothing of that kind at real, or something else is there by now. */
static bool update_stamp(struct dir_watch *w, enum source_kind kind, const char *real)
{
	bool known = false;
	struct stat st;

	if (lstat(real, &st) < 0 || (kind == SOURCE_FOLDER ? !S_ISDIR(st.st_mode) : !S_ISREG(st.st_mode)))
		return false;
	/* Several entries, if links lead there. */
	for (size_t i = 0; i < w->look.count; i++)
		if (w->look.items[i].kind == kind && strcmp(w->look.items[i].real, real) == 0) {
			w->look.items[i].stamp = source_stamp_of(&st);
			known = true;
		}
	return known;
}

/* The folder too: the file may have come by a rename. */
static bool update_stamps(struct dir_watch *w, const struct watch_reason *why, const char *name, struct arena *a)
{
	return update_stamp(w, SOURCE_FILE, watch_join(a, why->real, name)) && update_stamp(w, SOURCE_FOLDER, why->real);
}

/* A file that was there has another content: the source has the same folders, and only this file has to be looked at.
 * False: the source has to be scanned again. */
static bool update_file(struct dir_watch *w, const struct inotify_event *e)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	const struct watch_reason *end = w->reasons.items + w->reasons.count, *why = find_reason(&w->reasons, e->wd);
	bool known = false;

	if (!why || !e->len || e->mask & (IN_Q_OVERFLOW | IN_IGNORED | IN_UNMOUNT) || !source_is_spec(e->name))
		return false;
	for (; why < end && why->wd == e->wd; why++) {
		if (!why->name && !update_stamps(w, why, e->name, &a))
			return false;
		known |= !why->name;
	}
	return known;	/* else only a link leads here */
}

/* An event that does not matter, such as that of an editor's temporary file, changed the stamps of its folder. */
static void update_folder(struct dir_watch *w, const struct inotify_event *e)
{
	const struct watch_reason *end = w->reasons.items + w->reasons.count, *why = find_reason(&w->reasons, e->wd);

	for (; why && why < end && why->wd == e->wd; why++)
		if (!why->name)
			update_stamp(w, SOURCE_FOLDER, why->real);
}

bool dir_watch_read(struct dir_watch *w)
{
	_Alignas(struct inotify_event) char bytes[READ_BYTES];
	bool matters = false, scan = false;
	ssize_t n;

	for (int i = 0; w->fd >= 0 && i < READS && (n = read(w->fd, bytes, sizeof bytes)) > 0; i++) {
		const struct inotify_event *e;
		for (const char *p = bytes; p < bytes + n && !scan; p += sizeof *e + e->len) {
			e = (const struct inotify_event *)p;
			if (!is_event_relevant(w, e)) {
				update_folder(w, e);
				continue;
			}
			matters = true;
			scan = !update_file(w, e);
		}
	}
	if (scan)
		watch_update(w);
	return matters;
}

bool dir_watch_scan(struct dir_watch *w)
{
	struct source_scan before = w->look;
	struct arena kept = w->arena;

	w->arena = (struct arena){ 0 };
	watch_update(w);
	bool differs = !source_scan_equal(&before, &w->look);
	arena_free(&kept);
	return differs;
}

/* ---- the handle ---- */

bool dir_watch_open(const char *dir, struct dir_watch **out, struct err *err)
{
	CLEANUP(dir_watch_closep) struct dir_watch *w = calloc(1, sizeof *w);

	if (!w || !(w->dir = strdup(dir))) {
		fputs("out of memory\n", stderr);
		abort();
	}
	w->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (w->fd < 0 && errno != EMFILE)
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): it does not see CLEANUP */
		return err_sys(err, errno, "watch %s", dir);
	if (w->fd < 0)
		err_set(&w->degraded, "%s: the system has no inotify instance left (fs.inotify.max_user_instances): "
		                      "changes are found only by regular scans", dir);
	watch_update(w);
	*out = take(w);
	return true;
}

void dir_watch_close(struct dir_watch *w)
{
	if (!w)
		return;
	if (w->fd >= 0)
		close(w->fd);
	arena_free(&w->arena);
	free(w->dir);
	free(w);
}

void dir_watch_closep(struct dir_watch **w)
{
	dir_watch_close(*w);
}

int dir_watch_fd(const struct dir_watch *w)
{
	return w->fd;
}

const char *dir_watch_degraded(const struct dir_watch *w)
{
	return *w->degraded.msg ? w->degraded.msg : NULL;
}
