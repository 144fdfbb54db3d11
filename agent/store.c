#include "agent/store.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "reconcile/buf.h"
#include "reconcile/json.h"

enum { APPLICATION_ID = 0x666c6f77 };	/* "flow": tells our files from those of other programs */

/* What a page selects by.  Unlike LIKE, instr() knows no wildcards and no limit; both fold A to
 * Z only. */
#define FITS " (?1 = 0 OR ?1 >> status & 1)" \
	" AND (?2 IS NULL OR modified_by IN (SELECT value FROM json_each(?2)))"
#define NAMED " AND instr(lower(name), lower(?3)) > 0"
/* The index only narrows: what it takes for the same in another case is more than what lower()
 * does. */
#define INDEXED " AND id IN (SELECT rowid FROM workflow_name WHERE workflow_name MATCH ?4)"
#define COLUMNS "SELECT id, name, status, created, updated, modified_by FROM workflow"
#define PAGE " ORDER BY id LIMIT ?5 OFFSET ?6"

enum statement {
	BEGIN, BEGIN_READ, COMMIT, ROLLBACK,
	ADD, ADD_BODY, ADD_TRIGGER, ADD_TAG, PUT, PUT_BODY, PUT_STATUS,
	DROP, DROP_TRIGGERS, DROP_TAGS,
	GET, GET_BODY, GET_TRIGGERS, GET_TAGS,
	COUNT_ALL, PAGE_ALL, COUNT_NAMED, PAGE_NAMED, COUNT_INDEXED, PAGE_INDEXED,
	STATEMENT_COUNT
};

static const char *const sql[] = {
	[BEGIN] = "BEGIN IMMEDIATE",
	[BEGIN_READ] = "BEGIN",
	[COMMIT] = "COMMIT",
	[ROLLBACK] = "ROLLBACK",
	[ADD] = "INSERT INTO workflow(name, status, created, updated, modified_by) VALUES(?1, ?2, ?3, ?4, ?5)",
	[ADD_BODY] = "INSERT INTO workflow_body(workflow, body) VALUES(?1, ?2)",
	[ADD_TRIGGER] = "INSERT INTO workflow_trigger(workflow, position, cron, webhook) VALUES(?1, ?2, ?3, ?4)",
	[ADD_TAG] = "INSERT INTO workflow_tag(workflow, position, name) VALUES(?1, ?2, ?3)",
	[PUT] = "UPDATE workflow SET name = ?1, status = ?2, created = ?3, updated = ?4, modified_by = ?5"
	        " WHERE id = ?6",
	[PUT_BODY] = "UPDATE workflow_body SET body = ?2 WHERE workflow = ?1",
	[PUT_STATUS] = "UPDATE workflow SET status = ?2, updated = ?3 WHERE id = ?1",
	[DROP] = "DELETE FROM workflow WHERE id = ?1",
	[DROP_TRIGGERS] = "DELETE FROM workflow_trigger WHERE workflow = ?1",
	[DROP_TAGS] = "DELETE FROM workflow_tag WHERE workflow = ?1",
	[GET] = COLUMNS " WHERE id = ?1",
	[GET_BODY] = "SELECT body FROM workflow_body WHERE workflow = ?1",
	[GET_TRIGGERS] = "SELECT cron, webhook FROM workflow_trigger WHERE workflow = ?1 ORDER BY position",
	[GET_TAGS] = "SELECT name FROM workflow_tag WHERE workflow = ?1 ORDER BY position",
	[COUNT_ALL] = "SELECT count(*) FROM workflow WHERE" FITS,
	[PAGE_ALL] = COLUMNS " WHERE" FITS PAGE,
	[COUNT_NAMED] = "SELECT count(*) FROM workflow WHERE" FITS NAMED,
	[PAGE_NAMED] = COLUMNS " WHERE" FITS NAMED PAGE,
	[COUNT_INDEXED] = "SELECT count(*) FROM workflow WHERE" FITS NAMED INDEXED,
	[PAGE_INDEXED] = COLUMNS " WHERE" FITS NAMED INDEXED PAGE,
};

/* Row i brings a file of version i to version i + 1.  Never change a row that was released.
 * A body stands apart from its workflow, so that reading a page touches no body. */
static const char *const migrations[] = {
	"CREATE TABLE workflow("
	"  id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL,"
	"  status INTEGER NOT NULL CHECK(status BETWEEN 0 AND 3), created INTEGER NOT NULL,"
	"  updated INTEGER NOT NULL, modified_by TEXT NOT NULL) STRICT;"
	"CREATE TABLE workflow_body("
	"  workflow INTEGER PRIMARY KEY REFERENCES workflow ON DELETE CASCADE, body TEXT NOT NULL) STRICT;"
	"CREATE TABLE workflow_trigger("
	"  workflow INTEGER NOT NULL REFERENCES workflow ON DELETE CASCADE, position INTEGER NOT NULL,"
	"  cron TEXT, webhook TEXT UNIQUE, CHECK((cron IS NULL) <> (webhook IS NULL)),"
	"  PRIMARY KEY(workflow, position)) STRICT, WITHOUT ROWID;"
	"CREATE TABLE workflow_tag("
	"  workflow INTEGER NOT NULL REFERENCES workflow ON DELETE CASCADE, position INTEGER NOT NULL,"
	"  name TEXT NOT NULL, PRIMARY KEY(workflow, position)) STRICT, WITHOUT ROWID;"
	"CREATE VIRTUAL TABLE workflow_name"
	"  USING fts5(name, content = 'workflow', content_rowid = 'id', tokenize = 'trigram');"
	"CREATE TRIGGER name_added AFTER INSERT ON workflow BEGIN"
	"  INSERT INTO workflow_name(rowid, name) VALUES(new.id, new.name); END;"
	"CREATE TRIGGER name_gone AFTER DELETE ON workflow BEGIN"
	"  INSERT INTO workflow_name(workflow_name, rowid, name) VALUES('delete', old.id, old.name); END;"
	"CREATE TRIGGER name_changed AFTER UPDATE OF name ON workflow WHEN old.name <> new.name BEGIN"
	"  INSERT INTO workflow_name(workflow_name, rowid, name) VALUES('delete', old.id, old.name);"
	"  INSERT INTO workflow_name(rowid, name) VALUES(new.id, new.name); END;",
};

struct store {
	char *path;
	sqlite3 *db;
	sqlite3_stmt *statements[STATEMENT_COUNT];	/* made when first used, then kept */
	bool busy;
};

static bool failed(struct store *s, struct err *err)
{
	int code = s->db ? sqlite3_errcode(s->db) : SQLITE_NOMEM;

	s->busy = (code & 0xff) == SQLITE_BUSY || (code & 0xff) == SQLITE_LOCKED;
	if (s->busy)
		return err_set(err, "database \"%s\" is kept busy by another process", s->path);
	return err_set(err, "database \"%s\": %s", s->path, sqlite3_errmsg(s->db));
}

/* ---- one statement: begin_with(), bind_...(), then run() or row() until it is false ---- */

static sqlite3_stmt *begin_with(struct store *s, enum statement which)
{
	sqlite3_stmt **stmt = &s->statements[which];

	/* What cannot be prepared is NULL; every call of sqlite3 takes that as misuse, so row()
	 * sees it. */
	if (!*stmt)
		sqlite3_prepare_v3(s->db, sql[which], -1, SQLITE_PREPARE_PERSISTENT, stmt, NULL);
	return *stmt;
}

static void bind_text(sqlite3_stmt *stmt, int at, const char *text)
{
	sqlite3_bind_text(stmt, at, text, -1, SQLITE_STATIC);
}

static void finish(sqlite3_stmt *stmt)
{
	sqlite3_reset(stmt);
	sqlite3_clear_bindings(stmt);
}

/* Sets *more to whether there is a row.  After the last one, and after a failure, stmt is
 * finished. */
static bool row(struct store *s, sqlite3_stmt *stmt, bool *more, struct err *err)
{
	int code = stmt ? sqlite3_step(stmt) : SQLITE_ERROR;

	*more = code == SQLITE_ROW;
	if (*more)
		return true;
	if (code != SQLITE_DONE)
		failed(s, err);
	if (stmt)
		finish(stmt);
	return code == SQLITE_DONE;
}

static bool run(struct store *s, sqlite3_stmt *stmt, struct err *err)
{
	bool more;

	return row(s, stmt, &more, err);
}

static const char *text_of(struct arena *a, sqlite3_stmt *stmt, int column)
{
	const char *text = (const char *)sqlite3_column_text(stmt, column);

	return text ? arena_strndup(a, text, (size_t)sqlite3_column_bytes(stmt, column)) : NULL;
}

/* ---- opening ---- */

static bool pragma(struct store *s, const char *text, int *out, struct err *err)
{
	sqlite3_stmt *stmt = NULL;
	bool more = false, ok;

	sqlite3_prepare_v2(s->db, text, -1, &stmt, NULL);
	ok = row(s, stmt, &more, err);
	if (more && out)
		*out = sqlite3_column_int(stmt, 0);
	sqlite3_finalize(stmt);
	return ok;
}

static bool execute(struct store *s, const char *text, struct err *err)
{
	return sqlite3_exec(s->db, text, NULL, NULL, NULL) == SQLITE_OK || failed(s, err);
}

static bool check_kind(struct store *s, int *version, struct err *err)
{
	int application = 0, tables = 0, newest = ARRAY_LEN(migrations);

	if (!pragma(s, "PRAGMA user_version", version, err) ||
	    !pragma(s, "PRAGMA application_id", &application, err) ||
	    !pragma(s, "SELECT count(*) FROM sqlite_schema", &tables, err))
		return false;
	if (application != APPLICATION_ID && (application || *version || tables))
		return err_set(err, "\"%s\" is the database of another program", s->path);
	if (*version > newest)
		return err_set(err, "database \"%s\" is of version %d, this flowsync knows versions up to %d: "
		               "it was written by a newer flowsync", s->path, *version, newest);
	return true;
}

/* Looks again once nobody else can write: two processes may open a new file at the same time. */
static bool migrate(struct store *s, struct err *err)
{
	static const char stamp[] = "PRAGMA application_id = %d; PRAGMA user_version = %d";
	CLEANUP(buf_done) struct buf text = BUF_TEXT;
	int version = 0;

	if (!check_kind(s, &version, err))
		return false;
	if (version == ARRAY_LEN(migrations))
		return true;
	if (!execute(s, sql[BEGIN], err))
		return false;
	bool ok = check_kind(s, &version, err);
	for (; ok && version < (int)ARRAY_LEN(migrations); version++)
		ok = execute(s, migrations[version], err);
	buf_addf(&text, stamp, APPLICATION_ID, (int)ARRAY_LEN(migrations));
	if (ok && execute(s, buf_str(&text), err) && execute(s, sql[COMMIT], err))
		return true;
	sqlite3_exec(s->db, sql[ROLLBACK], NULL, NULL, NULL);
	return false;
}

/* sqlite3 would make it readable for all; its other files get the mode of this one. */
static bool make_file(const char *path, struct err *err)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY, 0600);

	if (fd < 0)
		return err_sys(err, errno, "open database \"%s\"", path);
	close(fd);
	return true;
}

static bool set_up(struct store *s, int patience_ms, struct err *err)
{
	/* The store's user calls from one thread at a time, so sqlite3 needs no locks of its
	 * own. */
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX;

	if (!make_file(s->path, err))
		return false;
	if (sqlite3_open_v2(s->path, &s->db, flags, NULL) != SQLITE_OK)
		return failed(s, err);
	sqlite3_extended_result_codes(s->db, 1);
	sqlite3_busy_timeout(s->db, patience_ms);
	/* What another program keeps is refused before anything in it is changed.  synchronous =
	 * FULL: an id that was given out is not given out again after the power went. */
	return check_kind(s, &(int){ 0 }, err) &&
	       execute(s, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
	                  "PRAGMA foreign_keys = ON", err) &&
	       migrate(s, err);
}

bool store_open(const char *path, int patience_ms, struct store **out, struct err *err)
{
	CLEANUP(store_closep) struct store *s = calloc(1, sizeof *s);

	if (!s || !(s->path = strdup(path)))
		abort();
	if (!set_up(s, patience_ms, err))
		return false;
	*out = take(s);
	return true;
}

void store_close(struct store *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < STATEMENT_COUNT; i++)
		sqlite3_finalize(s->statements[i]);
	sqlite3_close(s->db);
	free(s->path);
	free(s);
}

void store_closep(struct store **store)
{
	store_close(*store);
}

bool store_was_busy(const struct store *s)
{
	return s->busy;
}

/* ---- writing ---- */

bool store_begin(struct store *s, struct err *err)
{
	return run(s, begin_with(s, BEGIN), err);
}

bool store_end(struct store *s, bool keep, struct err *err)
{
	if (keep && run(s, begin_with(s, COMMIT), err))
		return true;
	/* A full disk may have taken it back already; then there is nothing to roll back, and
	 * nothing to say. */
	struct err ignored;
	if (!sqlite3_get_autocommit(s->db))
		run(s, begin_with(s, ROLLBACK), &ignored);
	return !keep;
}

static bool add_triggers(struct store *s, const struct stored_workflow *w, struct err *err)
{
	for (size_t i = 0; i < w->trigger_count; i++) {
		sqlite3_stmt *stmt = begin_with(s, ADD_TRIGGER);
		sqlite3_bind_int64(stmt, 1, w->id);
		sqlite3_bind_int64(stmt, 2, (int64_t)i);
		bind_text(stmt, 3, w->triggers[i].cron);
		bind_text(stmt, 4, w->triggers[i].webhook);
		if (!run(s, stmt, err))
			return false;
	}
	return true;
}

static bool add_tags(struct store *s, const struct stored_workflow *w, struct err *err)
{
	for (size_t i = 0; i < w->tag_count; i++) {
		sqlite3_stmt *stmt = begin_with(s, ADD_TAG);
		sqlite3_bind_int64(stmt, 1, w->id);
		sqlite3_bind_int64(stmt, 2, (int64_t)i);
		bind_text(stmt, 3, w->tags[i]);
		if (!run(s, stmt, err))
			return false;
	}
	return true;
}

static bool with_body(struct store *s, enum statement which, const struct stored_workflow *w,
                      struct err *err)
{
	sqlite3_stmt *stmt = begin_with(s, which);

	sqlite3_bind_int64(stmt, 1, w->id);
	bind_text(stmt, 2, w->body);
	return run(s, stmt, err);
}

static sqlite3_stmt *with_columns(struct store *s, enum statement which,
                                  const struct stored_workflow *w)
{
	sqlite3_stmt *stmt = begin_with(s, which);

	bind_text(stmt, 1, w->name);
	sqlite3_bind_int(stmt, 2, w->status);
	sqlite3_bind_int64(stmt, 3, w->created);
	sqlite3_bind_int64(stmt, 4, w->updated);
	bind_text(stmt, 5, w->modified_by);
	return stmt;
}

static bool of_id(struct store *s, enum statement which, int64_t id, struct err *err)
{
	sqlite3_stmt *stmt = begin_with(s, which);

	sqlite3_bind_int64(stmt, 1, id);
	return run(s, stmt, err);
}

bool store_add(struct store *s, struct stored_workflow *w, struct err *err)
{
	if (!run(s, with_columns(s, ADD, w), err))
		return false;
	w->id = sqlite3_last_insert_rowid(s->db);
	return with_body(s, ADD_BODY, w, err) && add_triggers(s, w, err) && add_tags(s, w, err);
}

bool store_put(struct store *s, const struct stored_workflow *w, struct err *err)
{
	sqlite3_stmt *stmt = with_columns(s, PUT, w);

	sqlite3_bind_int64(stmt, 6, w->id);
	return run(s, stmt, err) && with_body(s, PUT_BODY, w, err) &&
	       of_id(s, DROP_TRIGGERS, w->id, err) && add_triggers(s, w, err) &&
	       of_id(s, DROP_TAGS, w->id, err) && add_tags(s, w, err);
}

bool store_put_status(struct store *s, int64_t id, enum workflow_status status, int64_t updated,
                      struct err *err)
{
	sqlite3_stmt *stmt = begin_with(s, PUT_STATUS);

	sqlite3_bind_int64(stmt, 1, id);
	sqlite3_bind_int(stmt, 2, status);
	sqlite3_bind_int64(stmt, 3, updated);
	return run(s, stmt, err);
}

bool store_drop(struct store *s, int64_t id, struct err *err)
{
	return of_id(s, DROP, id, err);
}

/* ---- reading ---- */

static bool get_triggers(struct store *s, struct arena *a, struct stored_workflow *w, struct err *err)
{
	sqlite3_stmt *stmt = begin_with(s, GET_TRIGGERS);
	struct stored_trigger *items = NULL;
	size_t room = 0;
	bool more, ok;

	sqlite3_bind_int64(stmt, 1, w->id);
	while ((ok = row(s, stmt, &more, err)) && more) {
		arena_grow(a, items, w->trigger_count, room);
		items[w->trigger_count++] = (struct stored_trigger){ text_of(a, stmt, 0), text_of(a, stmt, 1) };
	}
	w->triggers = items;
	return ok;
}

static bool get_tags(struct store *s, struct arena *a, struct stored_workflow *w, struct err *err)
{
	sqlite3_stmt *stmt = begin_with(s, GET_TAGS);
	const char **items = NULL;
	size_t room = 0;
	bool more, ok;

	sqlite3_bind_int64(stmt, 1, w->id);
	while ((ok = row(s, stmt, &more, err)) && more) {
		arena_grow(a, items, w->tag_count, room);
		items[w->tag_count++] = text_of(a, stmt, 0);
	}
	w->tags = items;
	return ok;
}

static bool get_body(struct store *s, struct arena *a, struct stored_workflow *w, struct err *err)
{
	sqlite3_stmt *stmt = begin_with(s, GET_BODY);
	bool more;

	sqlite3_bind_int64(stmt, 1, w->id);
	if (!row(s, stmt, &more, err))
		return false;
	if (!more)
		return err_set(err, "database \"%s\": workflow %lld has no body", s->path, (long long)w->id);
	w->body = text_of(a, stmt, 0);
	finish(stmt);
	return true;
}

static struct stored_workflow columns(struct arena *a, sqlite3_stmt *stmt)
{
	return (struct stored_workflow){
		.id = sqlite3_column_int64(stmt, 0),
		.name = text_of(a, stmt, 1),
		.status = (enum workflow_status)sqlite3_column_int(stmt, 2),
		.created = sqlite3_column_int64(stmt, 3),
		.updated = sqlite3_column_int64(stmt, 4),
		.modified_by = text_of(a, stmt, 5),
	};
}

/* Reading that takes several statements sees one state of the file, also while others write. */
static bool begin_read(struct store *s, bool *begun, struct err *err)
{
	*begun = sqlite3_get_autocommit(s->db);
	return !*begun || run(s, begin_with(s, BEGIN_READ), err);
}

static bool get(struct store *s, struct arena *a, int64_t id, struct stored_workflow *out,
                struct err *err)
{
	sqlite3_stmt *stmt = begin_with(s, GET);
	struct stored_workflow w = { 0 };
	bool more;

	sqlite3_bind_int64(stmt, 1, id);
	if (!row(s, stmt, &more, err))
		return false;
	if (more) {
		w = columns(a, stmt);
		finish(stmt);
		if (!get_triggers(s, a, &w, err) || !get_tags(s, a, &w, err) || !get_body(s, a, &w, err))
			return false;
	}
	*out = w;
	return true;
}

bool store_get(struct store *s, struct arena *a, int64_t id, struct stored_workflow *out,
               struct err *err)
{
	struct err ignored;
	bool begun;

	if (!begin_read(s, &begun, err))
		return false;
	bool ok = get(s, a, id, out, err);
	if (begun)
		store_end(s, false, &ignored);
	return ok;
}

/* A list of texts as the JSON that json_each() reads. */
static const char *as_json(struct arena *a, const char *const *texts, size_t count)
{
	CLEANUP(buf_done) struct buf text = BUF_TEXT;
	struct node *list = node_list(a);

	for (size_t i = 0; i < count; i++)
		node_add(a, list, node_text(a, texts[i]));
	json_write(list, JSON_COMPACT, &text);
	return arena_strdup(a, buf_str(&text));
}

/* What the index of names is asked: the last characters of the searched part, as a phrase.
 * Names that begin alike are the rule (pipeline-0001, pipeline-0002), and the index is slow in
 * what they share: of 10,000 such names a whole one takes 0.8 ms to find, six characters of it
 * 0.05 ms.  NULL if there are less than the three that the index is made of: then each name is
 * looked at. */
static const char *phrase(struct arena *a, const char *search)
{
	enum { LEAST = 3, MOST = 6 };
	const char *s = search + strlen(search);
	int characters = 0;

	while (s > search && characters < MOST)
		if ((*--s & 0xc0) != 0x80)
			characters++;
	if (characters < LEAST)
		return NULL;
	CLEANUP(buf_done) struct buf text = BUF_TEXT;
	buf_addc(&text, '"');
	for (; *s; s++) {
		if (*s == '"')
			buf_addc(&text, '"');
		buf_addc(&text, *s);
	}
	buf_addc(&text, '"');
	return arena_strdup(a, buf_str(&text));
}

struct selection { const char *by, *search, *phrase; unsigned statuses; };

static sqlite3_stmt *select_with(struct store *s, enum statement all, const struct selection *sel)
{
	enum statement which = !sel->search ? all : all + (sel->phrase ? COUNT_INDEXED - COUNT_ALL
	                                                               : COUNT_NAMED - COUNT_ALL);
	sqlite3_stmt *stmt = begin_with(s, which);

	sqlite3_bind_int64(stmt, 1, sel->statuses);
	bind_text(stmt, 2, sel->by);
	if (sel->search)
		bind_text(stmt, 3, sel->search);
	if (sel->phrase)
		bind_text(stmt, 4, sel->phrase);
	return stmt;
}

static bool get_count(struct store *s, const struct selection *sel, int64_t *out, struct err *err)
{
	sqlite3_stmt *stmt = select_with(s, COUNT_ALL, sel);
	bool more;

	if (!row(s, stmt, &more, err))
		return false;
	*out = sqlite3_column_int64(stmt, 0);
	finish(stmt);
	return true;
}

static bool get_items(struct store *s, struct arena *a, const struct page_query *q,
                      const struct selection *sel, struct workflow_page *page, struct err *err)
{
	sqlite3_stmt *stmt = select_with(s, PAGE_ALL, sel);
	size_t room = 0;
	bool more, ok;

	sqlite3_bind_int64(stmt, 5, q->size);
	sqlite3_bind_int64(stmt, 6, (q->number - 1) * q->size);
	while ((ok = row(s, stmt, &more, err)) && more) {
		arena_grow(a, page->items, page->count, room);
		page->items[page->count++] = columns(a, stmt);
	}
	for (size_t i = 0; ok && i < page->count; i++)
		ok = get_triggers(s, a, &page->items[i], err) && get_tags(s, a, &page->items[i], err);
	return ok;
}

bool store_page(struct store *s, struct arena *a, const struct page_query *q,
                struct workflow_page *out, struct err *err)
{
	struct workflow_page page = { 0 };
	struct err ignored;
	bool begun, ok;
	struct selection sel = {
		.by = q->modified_by_count ? as_json(a, q->modified_by, q->modified_by_count) : NULL,
		.search = q->search,
		.phrase = q->search ? phrase(a, q->search) : NULL,
		.statuses = q->statuses,
	};

	if (!begin_read(s, &begun, err))
		return false;
	ok = get_count(s, &sel, &page.total, err) && get_items(s, a, q, &sel, &page, err);
	if (begun)
		store_end(s, false, &ignored);
	if (ok)
		*out = page;
	return ok;
}
