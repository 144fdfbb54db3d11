#include "agent/store.h"

#include <stdlib.h>
#include <string.h>

#include "agent/database.h"
#include "reconcile/buf.h"
#include "reconcile/json.h"

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
	ADD, ADD_BODY, ADD_TRIGGER, ADD_TAG, PUT, PUT_BODY, PUT_STATUS,
	DROP, DROP_TRIGGERS, DROP_TAGS,
	GET, GET_BODY, GET_TRIGGERS, GET_TAGS,
	COUNT_ALL, PAGE_ALL, COUNT_NAMED, PAGE_NAMED, COUNT_INDEXED, PAGE_INDEXED,
};

static const char *const sql[] = {
	[ADD] = "INSERT INTO workflow(name, status, created, updated, modified_by)"
	        " VALUES(?1, ?2, ?3, ?4, ?5)",
	[ADD_BODY] = "INSERT INTO workflow_body(workflow, body) VALUES(?1, ?2)",
	[ADD_TRIGGER] = "INSERT INTO workflow_trigger(workflow, position, cron, webhook)"
	                " VALUES(?1, ?2, ?3, ?4)",
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
	[GET_TRIGGERS] = "SELECT cron, webhook FROM workflow_trigger WHERE workflow = ?1"
	                 " ORDER BY position",
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

static const struct database_kind kind = {
	.what = "database",
	.application = 0x666c6f77,	/* "flow" */
	.migrations = migrations, .version = ARRAY_LEN(migrations),
	.sql = sql, .sql_count = ARRAY_LEN(sql),
};

struct store {
	struct database *db;
};

bool store_open(const char *path, int patience_ms, struct store **out, struct err *err)
{
	CLEANUP(store_closep) struct store *s = calloc(1, sizeof *s);

	if (!s)
		abort();
	if (!database_open(path, &kind, patience_ms, &s->db, err))
		return false;
	*out = take(s);
	return true;
}

void store_close(struct store *s)
{
	if (!s)
		return;
	database_close(s->db);
	free(s);
}

void store_closep(struct store **store)
{
	store_close(*store);
}

bool store_was_busy(const struct store *s)
{
	return database_was_busy(s->db);
}

/* ---- writing ---- */

bool store_begin(struct store *s, struct err *err)
{
	return database_begin(s->db, err);
}

bool store_end(struct store *s, bool keep, struct err *err)
{
	return database_end(s->db, keep, err);
}

static bool add_triggers(struct store *s, const struct stored_workflow *w, struct err *err)
{
	for (size_t i = 0; i < w->trigger_count; i++) {
		struct query *q = query_begin(s->db, ADD_TRIGGER);
		query_int(q, 1, w->id);
		query_int(q, 2, (int64_t)i);
		query_text(q, 3, w->triggers[i].cron);
		query_text(q, 4, w->triggers[i].webhook);
		if (!query_run(q, err))
			return false;
	}
	return true;
}

static bool add_tags(struct store *s, const struct stored_workflow *w, struct err *err)
{
	for (size_t i = 0; i < w->tag_count; i++) {
		struct query *q = query_begin(s->db, ADD_TAG);
		query_int(q, 1, w->id);
		query_int(q, 2, (int64_t)i);
		query_text(q, 3, w->tags[i]);
		if (!query_run(q, err))
			return false;
	}
	return true;
}

static bool with_body(struct store *s, enum statement which, const struct stored_workflow *w,
                      struct err *err)
{
	struct query *q = query_begin(s->db, which);

	query_int(q, 1, w->id);
	query_text(q, 2, w->body);
	return query_run(q, err);
}

static struct query *with_columns(struct store *s, enum statement which,
                                  const struct stored_workflow *w)
{
	struct query *q = query_begin(s->db, which);

	query_text(q, 1, w->name);
	query_int(q, 2, w->status);
	query_int(q, 3, w->created);
	query_int(q, 4, w->updated);
	query_text(q, 5, w->modified_by);
	return q;
}

static bool of_id(struct store *s, enum statement which, int64_t id, struct err *err)
{
	struct query *q = query_begin(s->db, which);

	query_int(q, 1, id);
	return query_run(q, err);
}

bool store_add(struct store *s, struct stored_workflow *w, struct err *err)
{
	if (!query_run(with_columns(s, ADD, w), err))
		return false;
	w->id = database_last_id(s->db);
	return with_body(s, ADD_BODY, w, err) && add_triggers(s, w, err) && add_tags(s, w, err);
}

bool store_put(struct store *s, const struct stored_workflow *w, struct err *err)
{
	struct query *q = with_columns(s, PUT, w);

	query_int(q, 6, w->id);
	return query_run(q, err) && with_body(s, PUT_BODY, w, err) &&
	       of_id(s, DROP_TRIGGERS, w->id, err) && add_triggers(s, w, err) &&
	       of_id(s, DROP_TAGS, w->id, err) && add_tags(s, w, err);
}

bool store_put_status(struct store *s, int64_t id, enum workflow_status status, int64_t updated,
                      struct err *err)
{
	struct query *q = query_begin(s->db, PUT_STATUS);

	query_int(q, 1, id);
	query_int(q, 2, status);
	query_int(q, 3, updated);
	return query_run(q, err);
}

bool store_drop(struct store *s, int64_t id, struct err *err)
{
	return of_id(s, DROP, id, err);
}

/* ---- reading ---- */

static bool get_triggers(struct store *s, struct arena *a, struct stored_workflow *w,
                         struct err *err)
{
	struct query *q = query_begin(s->db, GET_TRIGGERS);
	struct stored_trigger *items = NULL;
	size_t room = 0;
	bool more, ok;

	query_int(q, 1, w->id);
	while ((ok = query_row(q, &more, err)) && more) {
		arena_grow(a, items, w->trigger_count, room);
		items[w->trigger_count++] = (struct stored_trigger){
			.cron = query_get_text(a, q, 0), .webhook = query_get_text(a, q, 1),
		};
	}
	w->triggers = items;
	return ok;
}

static bool get_tags(struct store *s, struct arena *a, struct stored_workflow *w, struct err *err)
{
	struct query *q = query_begin(s->db, GET_TAGS);
	const char **items = NULL;
	size_t room = 0;
	bool more, ok;

	query_int(q, 1, w->id);
	while ((ok = query_row(q, &more, err)) && more) {
		arena_grow(a, items, w->tag_count, room);
		items[w->tag_count++] = query_get_text(a, q, 0);
	}
	w->tags = items;
	return ok;
}

static bool get_body(struct store *s, struct arena *a, struct stored_workflow *w, struct err *err)
{
	struct query *q = query_begin(s->db, GET_BODY);
	bool more;

	query_int(q, 1, w->id);
	if (!query_row(q, &more, err))
		return false;
	if (!more)
		return err_set(err, "database \"%s\": workflow %lld has no body", database_path(s->db),
		               (long long)w->id);
	w->body = query_get_text(a, q, 0);
	query_end(q);
	return true;
}

static struct stored_workflow columns(struct arena *a, struct query *q)
{
	return (struct stored_workflow){
		.id = query_get_int(q, 0),
		.name = query_get_text(a, q, 1),
		.status = (enum workflow_status)query_get_int(q, 2),
		.created = query_get_int(q, 3),
		.updated = query_get_int(q, 4),
		.modified_by = query_get_text(a, q, 5),
	};
}

static bool get(struct store *s, struct arena *a, int64_t id, struct stored_workflow *out,
                struct err *err)
{
	struct query *q = query_begin(s->db, GET);
	struct stored_workflow w = { 0 };
	bool more;

	query_int(q, 1, id);
	if (!query_row(q, &more, err))
		return false;
	if (more) {
		w = columns(a, q);
		query_end(q);
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

	if (!database_begin_read(s->db, &begun, err))
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

static struct query *select_with(struct store *s, enum statement all, const struct selection *sel)
{
	enum statement which = !sel->search ? all : all + (sel->phrase ? COUNT_INDEXED - COUNT_ALL
	                                                               : COUNT_NAMED - COUNT_ALL);
	struct query *q = query_begin(s->db, which);

	query_int(q, 1, sel->statuses);
	query_text(q, 2, sel->by);
	if (sel->search)
		query_text(q, 3, sel->search);
	if (sel->phrase)
		query_text(q, 4, sel->phrase);
	return q;
}

static bool get_count(struct store *s, const struct selection *sel, int64_t *out, struct err *err)
{
	struct query *q = select_with(s, COUNT_ALL, sel);
	bool more;

	if (!query_row(q, &more, err))
		return false;
	*out = query_get_int(q, 0);
	query_end(q);
	return true;
}

static bool get_items(struct store *s, struct arena *a, const struct page_query *asked,
                      const struct selection *sel, struct workflow_page *page, struct err *err)
{
	struct query *q = select_with(s, PAGE_ALL, sel);
	size_t room = 0;
	bool more, ok;

	query_int(q, 5, asked->size);
	query_int(q, 6, (asked->number - 1) * asked->size);
	while ((ok = query_row(q, &more, err)) && more) {
		arena_grow(a, page->items, page->count, room);
		page->items[page->count++] = columns(a, q);
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

	if (!database_begin_read(s->db, &begun, err))
		return false;
	ok = get_count(s, &sel, &page.total, err) && get_items(s, a, q, &sel, &page, err);
	if (begun)
		store_end(s, false, &ignored);
	if (ok)
		*out = page;
	return ok;
}
