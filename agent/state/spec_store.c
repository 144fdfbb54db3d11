#include "agent/state/spec_store.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "agent/state/database.h"
#include "agent/util/fd.h"
#include "agent/util/file_lock.h"
#include "agent/util/state_directory.h"

enum { BUSY_MS = 5000 };

/* Sources that no sync has used for so long are dropped. */
#define UNUSED_MS	((int64_t)30 * 24 * 3600 * 1000)
#define USED_AGAIN_MS	((int64_t)24 * 3600 * 1000)

enum spec_statement { GET_SPEC_KEY, ADD_SPEC_KEY, GET_SOURCE, ADD_SOURCE, SET_USED, DROP_UNUSED, DROP_OTHER_OPTIONS,
                      FIND_FILE, PUT_FILE, DROP_FILE, COUNT_FILES, LIST_FILES };

static const char *const spec_sql[] = {
	[GET_SPEC_KEY] = "SELECT key FROM seal WHERE id = 0",
	[ADD_SPEC_KEY] = "INSERT OR IGNORE INTO seal(id, key) VALUES(0, ?1)",
	[GET_SOURCE] = "SELECT id, used FROM source WHERE name = ?1 AND options = ?2",
	[ADD_SOURCE] = "INSERT OR IGNORE INTO source(name, options, used) VALUES(?1, ?2, ?3)",
	[SET_USED] = "UPDATE source SET used = ?2 WHERE id = ?1 AND used < ?3",
	[DROP_UNUSED] = "DELETE FROM source WHERE used < ?1",
	[DROP_OTHER_OPTIONS] = "DELETE FROM source WHERE name = ?1 AND options <> ?2",
	[FIND_FILE] = "SELECT len, digest, declares FROM file WHERE source = ?1 AND name = ?2 AND stamp = ?3",
	[PUT_FILE] = "INSERT INTO file(source, name, stamp, len, digest, declares) VALUES(?1, ?2, ?3, ?4, ?5, ?6)"
	             " ON CONFLICT(source, name) DO UPDATE SET stamp = ?3, len = ?4, digest = ?5, declares = ?6"
	             " WHERE stamp <> ?3 OR len <> ?4 OR digest <> ?5 OR declares <> ?6",
	[DROP_FILE] = "DELETE FROM file WHERE source = ?1 AND name = ?2",
	[COUNT_FILES] = "SELECT count(*) FROM file WHERE source = ?1",
	[LIST_FILES] = "SELECT name FROM file WHERE source = ?1",
};

static const char *const spec_migrations[] = {
	"CREATE TABLE seal(id INTEGER PRIMARY KEY CHECK(id = 0), key BLOB NOT NULL) STRICT;"
	"CREATE TABLE source(id INTEGER PRIMARY KEY, name TEXT NOT NULL, options BLOB NOT NULL, used INTEGER NOT NULL,"
	"  UNIQUE(name, options)) STRICT;"
	"CREATE TABLE file("
	"  source INTEGER NOT NULL REFERENCES source ON DELETE CASCADE, name TEXT NOT NULL, stamp TEXT NOT NULL,"
	"  len INTEGER NOT NULL, digest BLOB NOT NULL, declares TEXT NOT NULL,"
	"  PRIMARY KEY(source, name)) STRICT, WITHOUT ROWID;",
};

static const struct database_kind spec_kind = {
	.what = "file of known specs",
	.otherwise = "remove it; the next sync makes another one",
	.application = 0x666c7370,	/* "flsp" */
	.migrations = spec_migrations, .version = ARRAY_LEN(spec_migrations),
	.sql = spec_sql, .sql_count = ARRAY_LEN(spec_sql),
};

struct spec_store {
	struct database *db;
	int64_t source, used;		/* source 0: nothing is stored of it */
	bool reading;			/* within a transaction, which costs each query less */
	char *name;
	unsigned char options[DIGEST_SIZE], key[DIGEST_KEY_SIZE];
};

static bool spec_store_get_key(struct spec_store *s, bool *found, struct err *err)
{
	struct query *q = query_begin(s->db, GET_SPEC_KEY);

	if (!query_row(q, found, err))
		return false;
	if (!*found)
		return true;
	bool whole = query_get_bytes(q, 0, s->key, sizeof s->key);
	query_end(q);
	return whole || err_set(err, "%s: its key has the wrong length", database_path(s->db));
}

/* Another process may add its own meanwhile: the first one holds. */
static bool spec_store_ensure_key(struct spec_store *s, struct err *err)
{
	unsigned char fresh[DIGEST_KEY_SIZE];
	bool found;

	if (!spec_store_get_key(s, &found, err))
		return false;
	if (found)
		return true;
	if (getrandom(fresh, sizeof fresh, 0) != sizeof fresh)
		return err_sys(err, errno, "make the key of %s", database_path(s->db));
	struct query *q = query_begin(s->db, ADD_SPEC_KEY);
	query_bytes(q, 1, fresh, sizeof fresh);
	return query_run(q, err) && spec_store_get_key(s, &found, err);
}

static bool spec_store_get_source(struct spec_store *s, struct err *err)
{
	struct query *q = query_begin(s->db, GET_SOURCE);
	bool found;

	query_text(q, 1, s->name);
	query_bytes(q, 2, s->options, sizeof s->options);
	if (!query_row(q, &found, err))
		return false;
	if (found) {
		s->source = query_get_int(q, 0);
		s->used = query_get_int(q, 1);
		query_end(q);
	}
	return true;
}

static bool spec_store_open_file(struct spec_store *s, const char *path, bool write, struct err *err)
{
	/* Not checked as a whole: what SQLite cannot read is not known, and each row is bound to its stamp. */
	return (write ? database_open : database_copy)(path, &spec_kind, BUSY_MS, &s->db, err) &&
	       spec_store_ensure_key(s, err) && spec_store_get_source(s, err);
}

/* All of it can be made again, so nothing is set aside; SQLite's own files go with it. */
static void spec_store_remove_file(const char *path)
{
	static const char *const ends[] = { "-journal", "-wal", "-shm", "" };
	CLEANUP(arena_free) struct arena a = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(ends); i++)
		unlink(arena_printf(&a, "%s%s", path, ends[i]));
}

/* Another process may have replaced it meanwhile. */
static bool spec_store_replace_file(struct spec_store *s, const char *path, struct err *err)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	CLEANUP(fd_close) int lock = -1;

	database_close(take(s->db));
	if (!file_lock_take(arena_printf(&a, "%s.lock", path), true, &lock, err))
		return false;
	if (spec_store_open_file(s, path, true, err))
		return true;
	database_close(take(s->db));
	if (err->kind != ERR_DAMAGED)
		return false;
	spec_store_remove_file(path);
	return spec_store_open_file(s, path, true, err);
}

static void spec_store_closep(struct spec_store **store)
{
	spec_store_close(*store);
}

bool spec_store_open(const char *dir, bool write, const char *source, const unsigned char options[DIGEST_SIZE],
                     struct spec_store **out, struct err *err)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	CLEANUP(spec_store_closep) struct spec_store *s = calloc(1, sizeof *s);
	const char *path = arena_printf(&a, "%s/specs.db", dir);

	if (!s || !(s->name = strdup(source)))
		abort();
	memcpy(s->options, options, sizeof s->options);
	if (!(write ? state_directory_make : state_directory_check)(dir, err))
		return false;	/* NOLINT(clang-analyzer-unix.Malloc): it does not see CLEANUP */
	if (!spec_store_open_file(s, path, write, err) &&
	    !(write && err->kind == ERR_DAMAGED && spec_store_replace_file(s, path, err)))
		return false;
	*out = take(s);
	return true;
}

static void spec_store_begin_reading(struct spec_store *s)
{
	struct err err;

	/* If this fails each query has its own. */
	if (!s->reading && !database_begin_read(s->db, &s->reading, &err))
		s->reading = false;
}

static void spec_store_end_reading(struct spec_store *s)
{
	struct err err;

	if (s->reading)
		database_end(s->db, false, &err);
	s->reading = false;
}

void spec_store_close(struct spec_store *s)
{
	if (!s)
		return;
	spec_store_end_reading(s);
	database_close(s->db);
	explicit_bzero(s->key, sizeof s->key);
	free(s->name);
	free(s);
}

const unsigned char *spec_store_key(const struct spec_store *s)
{
	return s->key;
}

bool spec_store_find(struct spec_store *s, struct arena *a, const char *name, const char *stamp,
                     struct stored_file *out)
{
	struct query *q;
	struct err err;
	bool found;

	if (!s->source)
		return false;
	spec_store_begin_reading(s);
	q = query_begin(s->db, FIND_FILE);
	query_int(q, 1, s->source);
	query_text(q, 2, name);
	query_text(q, 3, stamp);
	/* What cannot be read is not known: the file is read. */
	if (!query_row(q, &found, &err) || !found)
		return false;
	*out = (struct stored_file){ .name = name, .stamp = stamp, .len = (size_t)query_get_int(q, 0),
	                             .declares = query_get_text(a, q, 2) };
	found = query_get_bytes(q, 1, out->digest, sizeof out->digest);
	query_end(q);
	return found;
}

void spec_store_pause(struct spec_store *s)
{
	spec_store_end_reading(s);
	database_release_memory(s->db);
}

/* ---- saving ---- */

static bool spec_store_use_source(struct spec_store *s, int64_t now, struct err *err)
{
	struct query *q = query_begin(s->db, ADD_SOURCE);

	query_text(q, 1, s->name);
	query_bytes(q, 2, s->options, sizeof s->options);
	query_int(q, 3, now);
	if (!query_run(q, err) || !spec_store_get_source(s, err))
		return false;
	q = query_begin(s->db, SET_USED);
	query_int(q, 1, s->source);
	query_int(q, 2, now);
	query_int(q, 3, now - USED_AGAIN_MS);
	if (!query_run(q, err))
		return false;
	q = query_begin(s->db, DROP_OTHER_OPTIONS);
	query_text(q, 1, s->name);
	query_bytes(q, 2, s->options, sizeof s->options);
	if (!query_run(q, err))
		return false;
	q = query_begin(s->db, DROP_UNUSED);
	query_int(q, 1, now - UNUSED_MS);
	return query_run(q, err);
}

static bool spec_store_put(struct spec_store *s, const struct stored_file *f, struct err *err)
{
	struct query *q = query_begin(s->db, PUT_FILE);

	query_int(q, 1, s->source);
	query_text(q, 2, f->name);
	query_text(q, 3, f->stamp);
	query_int(q, 4, (int64_t)f->len);
	query_bytes(q, 5, f->digest, sizeof f->digest);
	query_text(q, 6, f->declares);
	return query_run(q, err);
}

static bool spec_store_drop(struct spec_store *s, const char *name, struct err *err)
{
	struct query *q = query_begin(s->db, DROP_FILE);

	query_int(q, 1, s->source);
	query_text(q, 2, name);
	return query_run(q, err);
}

static int order_stored_names(const void *x, const void *y)
{
	return strcmp(*(const char *const *)x, *(const char *const *)y);
}

static bool spec_store_drop_others(struct spec_store *s, const char *const *names, size_t count, struct err *err)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	const char **gone = NULL;
	size_t gone_count = 0, room = 0;
	struct query *q = query_begin(s->db, LIST_FILES);
	bool more, good;

	query_int(q, 1, s->source);
	while ((good = query_row(q, &more, err)) && more) {
		const char *name = query_get_text(&a, q, 0);
		if (count && bsearch(&name, names, count, sizeof *names, order_stored_names))
			continue;
		arena_grow(&a, gone, gone_count, room);
		gone[gone_count++] = name;
	}
	if (!good)
		return false;
	for (size_t i = 0; i < gone_count; i++)
		if (!spec_store_drop(s, gone[i], err))
			return false;
	return true;
}

static bool spec_store_write(struct spec_store *s, const struct stored_file *files, size_t count,
                             const char *const *names, size_t name_count, int64_t now, struct err *err)
{
	if (!spec_store_use_source(s, now, err))
		return false;
	for (size_t i = 0; i < count; i++)
		if (!spec_store_put(s, &files[i], err))
			return false;
	return spec_store_drop_others(s, names, name_count, err);
}

/* True if the file has already what it would have then: a cycle over an unchanged source writes nothing. */
static bool spec_store_is_saved(struct spec_store *s, size_t count, size_t name_count, int64_t now, bool *out,
                                struct err *err)
{
	struct query *q = query_begin(s->db, COUNT_FILES);
	int64_t stored;

	query_int(q, 1, s->source);
	if (!query_number(q, 0, &stored, err))
		return false;
	*out = !count && s->source && (uint64_t)stored == name_count && now - s->used < USED_AGAIN_MS;
	return true;
}

bool spec_store_save(struct spec_store *s, const struct stored_file *files, size_t count,
                     const char *const *names, size_t name_count, int64_t now, struct err *err)
{
	bool saved;

	spec_store_end_reading(s);
	if (!spec_store_is_saved(s, count, name_count, now, &saved, err))
		return false;
	if (saved)
		return true;
	if (!database_begin(s->db, err))
		return false;
	bool good = spec_store_write(s, files, count, names, name_count, now, err);
	return database_end(s->db, good, err) && good;
}
