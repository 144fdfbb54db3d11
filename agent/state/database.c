#include "agent/state/database.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "reconcile/base/buf.h"

enum {
	PAUSE_MS = 10,		/* between tries of what sqlite3 does not wait for itself */
	COPY_TRIES = 50,	/* a file that is written to again and again while it is copied */
};

struct query {
	struct database *database;
	const char *sql;
	sqlite3_stmt *stmt;	/* made when first used, then kept */
};

enum transaction_step { STEP_BEGIN, STEP_BEGIN_READ, STEP_COMMIT, STEP_ROLLBACK, TRANSACTION_STEPS };

struct database {
	char *path;
	const struct database_kind *kind;
	sqlite3 *db;
	struct query *queries;
	sqlite3_stmt *steps[TRANSACTION_STEPS];	/* made when first used, then kept */
	bool busy;
};

static bool is_corruption(int code)
{
	return code == SQLITE_CORRUPT || code == SQLITE_NOTADB;
}

static bool connection_failed(struct database *d, sqlite3 *db, struct err *err)
{
	int code = db ? sqlite3_errcode(db) & 0xff : SQLITE_NOMEM;
	const char *otherwise = is_corruption(code) ? d->kind->otherwise : NULL;

	d->busy = code == SQLITE_BUSY || code == SQLITE_LOCKED;
	if (d->busy)
		return err_set(err, "%s \"%s\" is in use by another process", d->kind->what, d->path);
	err_set(err, "%s \"%s\": %s%s%s", d->kind->what, d->path, sqlite3_errmsg(db),
	        otherwise ? "; " : "", otherwise ? otherwise : "");
	if (is_corruption(code))
		err->kind = ERR_DAMAGED;
	return false;
}

static bool database_failed(struct database *d, struct err *err)
{
	return connection_failed(d, d->db, err);
}

/* ---- queries ---- */

struct query *query_begin(struct database *d, size_t number)
{
	struct query *q = &d->queries[number];

	/* What cannot be prepared is NULL; every call of sqlite3 takes that as misuse, so
	 * query_row() sees it. */
	if (!q->stmt)
		sqlite3_prepare_v3(d->db, q->sql, -1, SQLITE_PREPARE_PERSISTENT, &q->stmt, NULL);
	return q;
}

void query_text(struct query *q, int at, const char *text)
{
	sqlite3_bind_text(q->stmt, at, text, -1, SQLITE_STATIC);
}

void query_bytes(struct query *q, int at, const void *bytes, size_t len)
{
	sqlite3_bind_blob64(q->stmt, at, bytes, len, SQLITE_STATIC);
}

void query_int(struct query *q, int at, int64_t number)
{
	sqlite3_bind_int64(q->stmt, at, number);
}

void query_end(struct query *q)
{
	sqlite3_reset(q->stmt);
	sqlite3_clear_bindings(q->stmt);
}

bool query_row(struct query *q, bool *more, struct err *err)
{
	int code = q->stmt ? sqlite3_step(q->stmt) : SQLITE_ERROR;

	*more = code == SQLITE_ROW;
	if (*more)
		return true;
	if (code != SQLITE_DONE)
		database_failed(q->database, err);
	if (q->stmt)
		query_end(q);
	return code == SQLITE_DONE;
}

bool query_run(struct query *q, struct err *err)
{
	bool more;

	return query_row(q, &more, err);
}

const char *query_get_text(struct arena *a, struct query *q, int column)
{
	const char *text = (const char *)sqlite3_column_text(q->stmt, column);

	return text ? arena_strndup(a, text, (size_t)sqlite3_column_bytes(q->stmt, column)) : NULL;
}

int64_t query_get_int(struct query *q, int column)
{
	return sqlite3_column_int64(q->stmt, column);
}

int64_t query_get_int_or(struct query *q, int column, int64_t otherwise)
{
	return sqlite3_column_type(q->stmt, column) == SQLITE_NULL ? otherwise : query_get_int(q, column);
}

bool query_number(struct query *q, int64_t otherwise, int64_t *out, struct err *err)
{
	bool more;

	if (!query_row(q, &more, err))
		return false;
	*out = more ? query_get_int_or(q, 0, otherwise) : otherwise;
	if (more)
		query_end(q);
	return true;
}

bool query_get_bytes(struct query *q, int column, void *bytes, size_t len)
{
	const void *found = sqlite3_column_blob(q->stmt, column);

	if (!found || (size_t)sqlite3_column_bytes(q->stmt, column) != len)
		return false;
	memcpy(bytes, found, len);
	return true;
}

/* ---- transactions ---- */

static bool database_execute(struct database *d, const char *text, struct err *err)
{
	return sqlite3_exec(d->db, text, NULL, NULL, NULL) == SQLITE_OK || database_failed(d, err);
}

/* Several times in each request: they are parsed once. */
static bool transaction_step(struct database *d, enum transaction_step step, struct err *err)
{
	static const char *const sql[] = {
		[STEP_BEGIN] = "BEGIN IMMEDIATE", [STEP_BEGIN_READ] = "BEGIN", [STEP_COMMIT] = "COMMIT",
		[STEP_ROLLBACK] = "ROLLBACK",
	};
	sqlite3_stmt **stmt = &d->steps[step];

	if (!*stmt && sqlite3_prepare_v3(d->db, sql[step], -1, SQLITE_PREPARE_PERSISTENT, stmt, NULL) != SQLITE_OK)
		return database_failed(d, err);
	bool ok = sqlite3_step(*stmt) == SQLITE_DONE || database_failed(d, err);
	sqlite3_reset(*stmt);
	return ok;
}

bool database_begin(struct database *d, struct err *err)
{
	return transaction_step(d, STEP_BEGIN, err);
}

bool database_begin_read(struct database *d, bool *begun, struct err *err)
{
	*begun = sqlite3_get_autocommit(d->db);
	return !*begun || transaction_step(d, STEP_BEGIN_READ, err);
}

bool database_end(struct database *d, bool keep, struct err *err)
{
	struct err ignored;

	if (keep && transaction_step(d, STEP_COMMIT, err))
		return true;
	/* A full disk may have taken it back already; then there is nothing to roll back, and
	 * nothing to say. */
	if (!sqlite3_get_autocommit(d->db))
		transaction_step(d, STEP_ROLLBACK, &ignored);
	return !keep;
}

void database_release_memory(struct database *d)
{
	sqlite3_db_release_memory(d->db);
}

const char *database_path(const struct database *d)
{
	return d->path;
}

bool database_was_busy(const struct database *d)
{
	return d->busy;
}

int64_t database_last_id(const struct database *d)
{
	return sqlite3_last_insert_rowid(d->db);
}

/* ---- bringing it up to date ---- */

static bool pragma_number(struct database *d, const char *sql, int *out, struct err *err)
{
	sqlite3_stmt *stmt = NULL;
	bool ok = sqlite3_prepare_v2(d->db, sql, -1, &stmt, NULL) == SQLITE_OK &&
	          sqlite3_step(stmt) == SQLITE_ROW;

	if (ok)
		*out = sqlite3_column_int(stmt, 0);
	else
		database_failed(d, err);
	sqlite3_finalize(stmt);
	return ok;
}

struct database_versions { int version, application, tables; };

/* All of one moment: another process may be making the file. */
static bool database_read_versions(struct database *d, struct database_versions *out, struct err *err)
{
	bool begun, ok;

	if (!database_begin_read(d, &begun, err))
		return false;
	ok = pragma_number(d, "PRAGMA user_version", &out->version, err) &&
	     pragma_number(d, "PRAGMA application_id", &out->application, err) &&
	     pragma_number(d, "SELECT count(*) FROM sqlite_schema", &out->tables, err);
	if (begun)
		database_end(d, false, err);
	return ok;
}

static bool database_check_kind(struct database *d, int *version, struct err *err)
{
	const struct database_kind *kind = d->kind;
	struct database_versions found;

	if (!database_read_versions(d, &found, err))
		return false;
	if (found.application != kind->application && (found.application || found.version || found.tables))
		return err_set(err, "\"%s\" is the database of another program", d->path);
	if (found.version > kind->version)
		return err_set(err, "%s \"%s\" is of version %d, this flowsync knows versions up to %d: "
		               "it was written by a newer flowsync", kind->what, d->path, found.version,
		               kind->version);
	*version = found.version;
	return true;
}

/* Checks again when no other process can write: two processes may open a new file at the same time. */
static bool database_migrate(struct database *d, struct err *err)
{
	CLEANUP(buf_done) struct buf stamp = BUF_TEXT;
	int version = 0;
	bool ok;

	if (!database_check_kind(d, &version, err))
		return false;
	if (version == d->kind->version)
		return true;
	if (!database_begin(d, err))
		return false;
	ok = database_check_kind(d, &version, err);
	for (; ok && version < d->kind->version; version++)
		ok = database_execute(d, d->kind->migrations[version], err);
	buf_addf(&stamp, "PRAGMA application_id = %d; PRAGMA user_version = %d", (int)d->kind->application,
	         d->kind->version);
	ok = ok && database_execute(d, buf_str(&stamp), err);
	return database_end(d, ok, err) && ok;
}

bool database_check(struct database *d, struct err *err)
{
	sqlite3_stmt *stmt = NULL;
	bool ran = sqlite3_prepare_v2(d->db, "PRAGMA quick_check(1)", -1, &stmt, NULL) == SQLITE_OK &&
	           sqlite3_step(stmt) == SQLITE_ROW;
	bool ok = ran && strcmp((const char *)sqlite3_column_text(stmt, 0), "ok") == 0;

	if (!ran)
		database_failed(d, err);
	else if (!ok) {
		err_set(err, "%s \"%s\": %s", d->kind->what, d->path, sqlite3_column_text(stmt, 0));
		err->kind = ERR_DAMAGED;
	}
	sqlite3_finalize(stmt);
	return ok;
}

/* ---- opening ---- */

/* Looks without opening: to close a file gives up every lock that this process has on it,
 * sqlite3's too. */
static bool database_check_file(struct database *d, int access, struct stat *st, struct err *err)
{
	if (stat(d->path, st) < 0 || euidaccess(d->path, access) < 0)
		return err_sys(err, errno, "open %s \"%s\"", d->kind->what, d->path);
	if (S_ISDIR(st->st_mode))
		return err_sys(err, EISDIR, "open %s \"%s\"", d->kind->what, d->path);
	if (!S_ISREG(st->st_mode))
		return err_set(err, "open %s \"%s\": not a regular file", d->kind->what, d->path);
	return true;
}

/* sqlite3 would make it readable for all; its other files get the mode of this one. */
static bool database_make_file(struct database *d, struct err *err)
{
	int fd = open(d->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOCTTY, 0600);
	struct stat st;

	if (fd >= 0)
		return close(fd) == 0 || err_sys(err, errno, "open %s \"%s\"", d->kind->what, d->path);
	if (errno != EEXIST)
		return err_sys(err, errno, "open %s \"%s\"", d->kind->what, d->path);
	return database_check_file(d, R_OK | W_OK, &st, err);
}

/* The user of a database calls from one thread at a time, so sqlite3 needs no locks of its own. */
static bool database_connect(struct database *d, const char *name, int flags, int patience_ms,
                             sqlite3 **db, struct err *err)
{
	if (sqlite3_open_v2(name, db, flags | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK)
		return connection_failed(d, *db, err);
	sqlite3_extended_result_codes(*db, 1);
	sqlite3_busy_timeout(*db, patience_ms);
	return true;
}

static void pause_between_tries(void)
{
	nanosleep(&(struct timespec){ .tv_nsec = PAUSE_MS * 1000000L }, NULL);
}

/* Two processes may open a new file at the same time, and sqlite3 does not wait here.
 * cache_size: in KiB, if it is negative; with less, what a few thousand workflows are is read from the file again and
 * again.
 * synchronous = FULL: what was written is still there after the power went. */
static bool database_set_pragmas(struct database *d, int patience_ms, struct err *err)
{
	for (int waited = 0; !database_execute(d, "PRAGMA journal_mode = WAL", err); waited += PAUSE_MS) {
		if (!d->busy || waited >= patience_ms)
			return false;
		pause_between_tries();
	}
	return database_execute(d, "PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA cache_size = -8192",
	                        err);
}

static struct database *database_new(const char *path, const struct database_kind *kind)
{
	struct database *d = calloc(1, sizeof *d);

	if (!d || !(d->path = strdup(path)) || !(d->queries = calloc(kind->sql_count, sizeof *d->queries)))
		abort();
	d->kind = kind;
	for (size_t i = 0; i < kind->sql_count; i++)
		d->queries[i] = (struct query){ d, kind->sql[i], NULL };
	return d;
}

bool database_open(const char *path, const struct database_kind *kind, int patience_ms,
                   struct database **out, struct err *err)
{
	CLEANUP(database_closep) struct database *d = database_new(path, kind);

	/* What another program keeps is refused before anything in it is changed. */
	if (!database_make_file(d, err) || !database_connect(d, path, SQLITE_OPEN_READWRITE, patience_ms, &d->db, err) ||
	    !database_check_kind(d, &(int){ 0 }, err) ||
	    !database_set_pragmas(d, patience_ms, err) || !database_migrate(d, err))
		return false;
	*out = take(d);
	return true;
}

void database_close(struct database *d)
{
	if (!d)
		return;
	for (size_t i = 0; i < d->kind->sql_count; i++)
		sqlite3_finalize(d->queries[i].stmt);
	for (size_t i = 0; i < TRANSACTION_STEPS; i++)
		sqlite3_finalize(d->steps[i]);
	sqlite3_close(d->db);
	free(d->queries);
	free(d->path);
	free(d);
}

void database_closep(struct database **database)
{
	database_close(*database);
}

/* ---- copying ---- */

/* What tells whether a file was written to meanwhile. */
struct file_snapshot {
	bool there, alone;	/* alone: no file of a writer stands beside it */
	struct stat st;
};

static bool has_file_beside(const char *path, const char *end)
{
	CLEANUP(arena_free) struct arena a = { 0 };

	return access(arena_printf(&a, "%s%s", path, end), F_OK) == 0;
}

static void database_free_path(char **text)
{
	free(*text);
}

static bool database_snapshot_file(struct database *d, struct file_snapshot *out, struct err *err)
{
	/* sqlite3 follows links before it names its other files. */
	CLEANUP(database_free_path) char *real = realpath(d->path, NULL);

	*out = (struct file_snapshot){ .there = real || errno != ENOENT };
	if (!out->there)
		return true;
	if (!database_check_file(d, R_OK, &out->st, err))
		return false;
	out->alone = real && !has_file_beside(real, "-wal") && !has_file_beside(real, "-journal");
	return true;
}

static bool file_snapshot_equal(const struct file_snapshot *a, const struct file_snapshot *b)
{
	return a->there == b->there && a->alone == b->alone && a->st.st_dev == b->st.st_dev &&
	       a->st.st_ino == b->st.st_ino && a->st.st_size == b->st.st_size &&
	       a->st.st_mtim.tv_sec == b->st.st_mtim.tv_sec &&
	       a->st.st_mtim.tv_nsec == b->st.st_mtim.tv_nsec;
}

static void add_file_uri(const char *path, bool alone, struct buf *out)
{
	buf_adds(out, "file:");
	for (const char *p = path; *p; p++) {
		if (strchr("%?#", *p))
			buf_addf(out, "%%%02X", (unsigned)*p);
		else
			buf_addc(out, *p);
	}
	buf_adds(out, alone ? "?mode=ro&immutable=1" : "?mode=ro");
}

static void database_close_connection(sqlite3 **db)
{
	sqlite3_close(*db);
}

/* The usual way of reading would create files beside the database, or fail where files cannot be created.  Therefore a
 * database without such files (alone) is read without locks, as if no process could write to it, and the caller checks
 * afterwards whether one did. */
static bool database_copy_once(struct database *d, bool alone, int patience_ms, struct err *err)
{
	CLEANUP(database_close_connection) sqlite3 *from = NULL;
	CLEANUP(buf_done) struct buf uri = BUF_TEXT;

	add_file_uri(d->path, alone, &uri);
	if (!database_connect(d, buf_str(&uri), SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, patience_ms, &from, err))
		return false;
	sqlite3_backup *backup = sqlite3_backup_init(d->db, "main", from, "main");
	if (!backup)
		return database_failed(d, err);
	sqlite3_backup_step(backup, -1);
	return sqlite3_backup_finish(backup) == SQLITE_OK || database_failed(d, err);
}

static bool database_copy_file(struct database *d, int patience_ms, struct err *err)
{
	for (int i = 0; i < COPY_TRIES; i++) {
		struct file_snapshot before, after;
		if (!database_snapshot_file(d, &before, err))
			return false;
		if (!before.there)
			return true;
		bool ok = database_copy_once(d, before.alone, patience_ms, err);
		if (ok && !before.alone)
			return true;
		if (!database_snapshot_file(d, &after, err))
			return false;
		if (file_snapshot_equal(&before, &after))
			return ok;
		pause_between_tries();
	}
	d->busy = true;
	return err_set(err, "%s \"%s\" is in use by another process", d->kind->what, d->path);
}

/* to: as SQLite names it.  *busy: another process uses the file. */
static bool database_copy_to(const char *to, const char *path, const struct database_kind *kind, int patience_ms, bool *busy,
                             struct database **out, struct err *err)
{
	CLEANUP(database_closep) struct database *d = database_new(path, kind);
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;

	if (!database_connect(d, to, flags, patience_ms, &d->db, err) || !database_copy_file(d, patience_ms, err) ||
	    !database_migrate(d, err)) {
		*busy = d->busy;
		return false;
	}
	*out = take(d);
	return true;
}

/* To a temporary file, which SQLite deletes, as it may be large; to memory where no file can be made. */
bool database_copy(const char *path, const struct database_kind *kind, int patience_ms,
                   struct database **out, struct err *err)
{
	bool busy = false;

	return database_copy_to("", path, kind, patience_ms, &busy, out, err) ||
	       (!busy && err->kind != ERR_DAMAGED && database_copy_to(":memory:", path, kind, patience_ms, &busy, out, err));
}

/* ---- a backup ---- */

static bool database_copy_into(struct database *d, const char *to, struct err *err)
{
	sqlite3_stmt *stmt = NULL;
	bool ok = sqlite3_prepare_v2(d->db, "VACUUM INTO ?1", -1, &stmt, NULL) == SQLITE_OK &&
	          sqlite3_bind_text(stmt, 1, to, -1, SQLITE_STATIC) == SQLITE_OK && sqlite3_step(stmt) == SQLITE_DONE;

	if (!ok)
		database_failed(d, err);
	sqlite3_finalize(stmt);
	return ok;
}

/* sqlite3 has closed the file, and does not wait for the disk. */
static bool database_sync_file(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	bool ok = fd >= 0 && fsync(fd) == 0;

	if (fd >= 0)
		close(fd);
	return ok;
}

bool database_backup(const char *path, const struct database_kind *kind, int patience_ms, const char *to,
                     struct err *err)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	CLEANUP(database_closep) struct database *d = database_new(path, kind);
	char *part = arena_printf(&a, "%s.XXXXXX", to);
	struct stat st;

	if (!database_check_file(d, R_OK, &st, err) ||
	    !database_connect(d, path, SQLITE_OPEN_READWRITE, patience_ms, &d->db, err) ||
	    !database_check_kind(d, &(int){ 0 }, err))
		return false;
	int fd = mkostemp(part, O_CLOEXEC);
	if (fd < 0)
		return err_sys(err, errno, "write the backup \"%s\"", to);
	close(fd);
	bool copied = database_copy_into(d, part, err);
	if (copied && database_sync_file(part) && rename(part, to) == 0)
		return true;
	if (copied)
		err_sys(err, errno, "write the backup \"%s\"", to);
	unlink(part);
	return false;
}
