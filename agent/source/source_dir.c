#include "agent/source/source_dir.h"

#include <poll.h>
#include <string.h>

#include "agent/util/file.h"
#include "agent/source/source_scan.h"
#include "agent/util/clock.h"
#include "reconcile/schema/digest.h"
#include "reconcile/tree/yaml.h"

enum { YOUNG_MS = 2000 };

bool source_file_read_as(struct arena *a, const char *name, const char *path, struct source_file *out,
                         struct diagnostics *faults)
{
	struct source_file file = { .name = name };
	struct err err;

	if (!(path ? file_read(a, path, YAML_MAX_BYTES, &file.bytes, &file.len, &err)
	           : file_read_stdin(a, YAML_MAX_BYTES, &file.bytes, &file.len, &err))) {
		diagnostics_add(faults, (struct pos){ name, 0, 0 }, "%s", err.msg);
		return false;
	}
	*out = file;
	return true;
}

static void add_spec_file(struct arena *a, struct source_files *out, const struct source_file *file)
{
	arena_grow(a, out->items, out->count, out->room);
	out->items[out->count++] = *file;
}

bool source_file_read(struct arena *a, const char *path, struct source_files *out, struct diagnostics *faults)
{
	bool is_stdin = strcmp(path, "-") == 0;
	struct source_file file;

	if (!source_file_read_as(out->bytes ? out->bytes : a, is_stdin ? FILE_STDIN : arena_strdup(a, path),
	                         is_stdin ? NULL : path, &file, faults))
		return false;
	add_spec_file(a, out, &file);
	return true;
}

/* "Do not trust" stamps that may be those of a later change, too: the clock of some file systems goes in steps of 2 s.
 * Time in the future is that of another machine. */
static bool is_young(const struct source_stamp *s)
{
	int64_t now = clock_now();

	return now - clock_of_timespec(&s->mtime) < YOUNG_MS || now - clock_of_timespec(&s->ctime) < YOUNG_MS;
}

void source_file_digest(struct source_file *file)
{
	static const unsigned char no_key[DIGEST_SIZE];

	digest_hmac(no_key, sizeof no_key, file->bytes, file->len, file->digest);
}

/* Adds the files with what is known of them.  Returns how much memory the bytes of the others take. */
static size_t list_spec_files(struct arena *a, const struct source_scan *look, struct source_files *out)
{
	size_t size = 0;

	for (size_t i = 0; i < look->count; i++) {
		const struct source_entry *e = &look->items[i];
		if (e->kind != SOURCE_FILE)
			continue;
		struct source_file file = { .name = arena_strdup(a, e->name), .real = arena_strdup(a, e->real) };
		if (out->recall) {
			file.stamp = source_stamp_text(a, &e->stamp);
			file.known = out->recall(out->context, a, &file);
		}
		if (!file.known && is_young(&e->stamp))
			file.stamp = NULL;
		if (!file.known && e->stamp.size <= YAML_MAX_BYTES)
			size += (size_t)e->stamp.size + FILE_READ_EXTRA;
		add_spec_file(a, out, &file);
	}
	return size;
}

static bool read_listed_file(struct arena *a, struct source_file *file, struct diagnostics *faults)
{
	struct source_file read;

	if (file->known)
		return true;
	if (!source_file_read_as(a, file->name, file->real, &read, faults))
		return false;
	file->bytes = read.bytes;
	file->len = read.len;
	return true;
}

bool source_dir_read_known(struct arena *a, struct source_file *known, struct err *err)
{
	struct source_file file = { 0 };

	if (!file_read(a, known->real, YAML_MAX_BYTES, &file.bytes, &file.len, err))
		return err_wrap(err, "%s", known->name);
	source_file_digest(&file);
	known->bytes = file.bytes;
	known->len = file.len;
	return memcmp(file.digest, known->digest, sizeof file.digest) == 0 ||
	       err_set(err, "%s changed after this cycle had begun: the next cycle reads it", known->name);
}

static void read_spec_files(struct arena *a, const struct source_scan *look, const char *dir,
                            struct source_files *out, struct diagnostics *faults)
{
	size_t kept = out->count, i = kept, bytes = 0, size = list_spec_files(a, look, out);

	/* In one piece, so that other large things fit where they were. */
	if (out->bytes && size <= SOURCE_MAX_BYTES)
		arena_reserve(out->bytes, size);
	for (; i < out->count && bytes <= SOURCE_MAX_BYTES; i++) {
		if (!read_listed_file(out->bytes ? out->bytes : a, &out->items[i], faults))
			continue;
		bytes += out->items[i].len;
		out->items[kept++] = out->items[i];
	}
	out->count = kept;
	if (bytes > SOURCE_MAX_BYTES)
		diagnostics_add(faults, (struct pos){ dir, 0, 0 }, "holds more than %d MiB of specs",
		                SOURCE_MAX_BYTES >> 20);
}

bool source_dir_read(struct arena *a, const char *dir, struct source_files *out, struct diagnostics *faults)
{
	size_t errors = faults->errors;
	struct source_scan look;

	source_scan(a, dir, &look, faults);
	read_spec_files(a, &look, arena_strdup(a, dir), out, faults);
	return faults->errors == errors;
}

/* ---- waiting until no file changes ---- */

enum { MOST_MS = 5000 };

int source_dir_still_ms = 200;

struct settle_wait {
	const char *dir;
	struct arena arena;		/* of the look */
	struct source_scan look;
	struct arena read;		/* of the files */
	int64_t since;			/* it is like this, by clock_monotonic() */
	int looks, changes;		/* changes: between two looks */
};

/* The time of the last change is first taken from ctime, which programs cannot set.  But the clock of ctime may be that
 * of another machine, and ahead of ours: then, and after any change, only the changes between two looks count.
 * Two changes within one tick of the clock have the same stamp: after the wait no further change can have the stamp
 * that was seen. */
static void settle_look(struct settle_wait *s, struct diagnostics *faults)
{
	struct arena arena = { 0 };
	struct source_scan look;
	int64_t now = clock_monotonic(), stamp = clock_now();

	source_scan(&arena, s->dir, &look, faults);
	int64_t age = stamp - clock_of_timespec(&look.newest);
	if (!s->looks++) {
		s->since = now - (age > 0 ? age : 0);
	} else if (!source_scan_equal(&look, &s->look)) {
		s->since = now;
		s->changes++;
	}
	arena_free(&s->arena);
	s->arena = arena;
	s->look = look;
}

static bool settle_is_unchanged(const struct settle_wait *s)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	struct diagnostics faults = { .arena = &a };
	struct source_scan look;

	source_scan(&a, s->dir, &look, &faults);
	return source_scan_equal(&look, &s->look);
}

/* Fills *files with what there is; false if it changed meanwhile. */
static bool settle_read(struct settle_wait *s, struct source_files *files, struct diagnostics *faults)
{
	if (files->bytes)
		arena_free(files->bytes);
	arena_free(&s->read);
	*files = (struct source_files){ .recall = files->recall, .context = files->context, .bytes = files->bytes };
	read_spec_files(&s->read, &s->look, s->dir, files, faults);
	return settle_is_unchanged(s);
}

static bool settle_was_stopped(int stop_fd, int64_t ms)
{
	struct pollfd stop = { .fd = stop_fd, .events = POLLIN };

	return poll(&stop, 1, (int)ms) > 0;
}

bool source_dir_settled(struct arena *a, const char *dir, int stop_fd, struct source_files *out,
                        struct diagnostics *faults, struct err *err)
{
	struct settle_wait s = { .dir = arena_strdup(a, dir) };
	struct diagnostics before = *faults;
	struct source_files files = { .recall = out->recall, .context = out->context, .bytes = out->bytes };
	int64_t begun = clock_monotonic();

	for (;;) {
		*faults = before;
		settle_look(&s, faults);
		int64_t wait = s.since + source_dir_still_ms - clock_monotonic();
		if (wait <= 0 && settle_read(&s, &files, faults))
			break;
		/* Where a look takes long, one that found no change is no reason to give up. */
		if (s.changes && clock_monotonic() - begun > MOST_MS)
			err_set(err, "%s: kept changing while it was being read: it was never unchanged for %d ms "
			        "within %d s", dir, source_dir_still_ms, MOST_MS / 1000);
		else if (settle_was_stopped(stop_fd, wait > 0 ? wait : 0))
			err_set(err, "%s: stopped before it was read", dir);
		else
			continue;
		*faults = before;
		arena_free(&s.arena);
		arena_free(&s.read);
		return false;
	}
	*out = files;
	arena_join(a, &s.read);
	if (faults->count > before.count)
		arena_join(a, &s.arena);	/* they name entries of the look */
	else
		arena_free(&s.arena);
	return true;
}
