#include "agent/service/store/workflow_store.h"

#include <stdlib.h>
#include <string.h>

#include "agent/service/store/store_schema.h"
#include "reconcile/base/buf.h"
#include "reconcile/tree/json.h"

/* Which program made an answer: another version may shape it differently. */
static const char made_by[] = FLOWSYNC_VERSION;

static bool store_open_with(bool (*open)(const char *, const struct database_kind *, int, struct database **,
                                         struct err *),
                            const char *path, int patience_ms, struct store **out, struct err *err)
{
	CLEANUP(workflow_store_closep) struct store *s = calloc(1, sizeof *s);

	if (!s)
		abort();
	if (!open(path, &store_kind, patience_ms, &s->db, err))
		return false;
	*out = take(s);
	return true;
}

bool workflow_store_open(const char *path, int patience_ms, struct store **out, struct err *err)
{
	return store_open_with(database_open, path, patience_ms, out, err);
}

bool workflow_store_copy(const char *path, int patience_ms, struct store **out, struct err *err)
{
	return store_open_with(database_copy, path, patience_ms, out, err);
}

bool workflow_store_backup(const char *path, int patience_ms, const char *to, struct err *err)
{
	return database_backup(path, &store_kind, patience_ms, to, err);
}

void workflow_store_close(struct store *s)
{
	if (!s)
		return;
	database_close(s->db);
	free(s);
}

void workflow_store_closep(struct store **store)
{
	workflow_store_close(*store);
}

bool workflow_store_was_busy(const struct store *s)
{
	return database_was_busy(s->db);
}

/* ---- writing ---- */

bool workflow_store_begin(struct store *s, struct err *err)
{
	return database_begin(s->db, err);
}

bool workflow_store_begin_read(struct store *s, struct err *err)
{
	bool begun;

	return database_begin_read(s->db, &begun, err);
}

bool workflow_store_end(struct store *s, bool keep, struct err *err)
{
	return database_end(s->db, keep, err);
}

static void workflow_store_bind_due(struct query *q, int at, int64_t due)
{
	if (due >= 0)
		query_int(q, at, due);
}

static bool workflow_store_add_triggers(struct store *s, const struct stored_workflow *w, struct err *err)
{
	for (size_t i = 0; i < w->trigger_count; i++) {
		struct query *q = query_begin(s->db, SQL_TRIGGER_ADD);
		query_int(q, 1, w->id);
		query_int(q, 2, (int64_t)i);
		query_text(q, 3, w->triggers[i].cron);
		query_text(q, 4, w->triggers[i].webhook);
		workflow_store_bind_due(q, 5, w->triggers[i].due);
		if (!query_run(q, err))
			return false;
	}
	return true;
}

static bool workflow_store_add_tags(struct store *s, const struct stored_workflow *w, struct err *err)
{
	for (size_t i = 0; i < w->tag_count; i++) {
		struct query *q = query_begin(s->db, SQL_TAG_ADD);
		query_int(q, 1, w->id);
		query_int(q, 2, (int64_t)i);
		query_text(q, 3, w->tags[i]);
		if (!query_run(q, err))
			return false;
	}
	return true;
}

static bool workflow_store_write_body(struct store *s, enum store_statement which, const struct stored_workflow *w,
                                      struct err *err)
{
	struct query *q = query_begin(s->db, which);

	query_int(q, 1, w->id);
	query_text(q, 2, w->body);
	return query_run(q, err);
}

static struct query *workflow_store_begin_write(struct store *s, enum store_statement which,
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

static bool workflow_store_run_for_id(struct store *s, enum store_statement which, int64_t id, struct err *err)
{
	struct query *q = query_begin(s->db, which);

	query_int(q, 1, id);
	return query_run(q, err);
}

bool workflow_store_add(struct store *s, struct stored_workflow *w, struct err *err)
{
	if (!query_run(workflow_store_begin_write(s, SQL_WORKFLOW_ADD, w), err))
		return false;
	w->id = database_last_id(s->db);
	return workflow_store_write_body(s, SQL_BODY_ADD, w, err) && workflow_store_add_triggers(s, w, err) &&
	       workflow_store_add_tags(s, w, err);
}

bool workflow_store_put(struct store *s, const struct stored_workflow *w, struct err *err)
{
	struct query *q = workflow_store_begin_write(s, SQL_WORKFLOW_PUT, w);

	query_int(q, 6, w->id);
	return query_run(q, err) && workflow_store_write_body(s, SQL_BODY_PUT, w, err) &&
	       workflow_store_run_for_id(s, SQL_TRIGGERS_DROP, w->id, err) && workflow_store_add_triggers(s, w, err) &&
	       workflow_store_run_for_id(s, SQL_TAGS_DROP, w->id, err) && workflow_store_add_tags(s, w, err);
}

bool workflow_store_put_status(struct store *s, int64_t id, enum workflow_status status, int64_t updated,
                               struct err *err)
{
	struct query *q = query_begin(s->db, SQL_WORKFLOW_PUT_STATUS);

	query_int(q, 1, id);
	query_int(q, 2, status);
	query_int(q, 3, updated);
	return query_run(q, err);
}

static bool workflow_store_put_part(struct store *s, enum store_statement which, const struct stored_workflow *w,
                                    const char *part, struct err *err)
{
	struct query *q = query_begin(s->db, which);

	query_int(q, 1, w->id);
	query_int(q, 2, w->updated);
	query_text(q, 3, made_by);
	query_text(q, 4, part);
	return query_run(q, err);
}

bool workflow_store_put_answer(struct store *s, const struct stored_workflow *w, struct err *err)
{
	return workflow_store_put_part(s, SQL_ITEM_PUT, w, w->item, err) &&
	       workflow_store_put_part(s, SQL_REST_PUT, w, w->rest, err);
}

bool workflow_store_drop(struct store *s, int64_t id, struct err *err)
{
	return workflow_store_run_for_id(s, SQL_WORKFLOW_DROP, id, err);
}

bool workflow_store_put_due(struct store *s, int64_t id, size_t position, int64_t due, struct err *err)
{
	struct query *q = query_begin(s->db, SQL_DUE_PUT);

	query_int(q, 1, id);
	query_int(q, 2, (int64_t)position);
	workflow_store_bind_due(q, 3, due);
	return query_run(q, err);
}

bool workflow_store_clear_dues(struct store *s, int64_t id, struct err *err)
{
	return workflow_store_run_for_id(s, SQL_DUES_CLEAR, id, err);
}

/* ---- crons and webhooks ---- */

static bool workflow_store_read_crons(struct arena *a, struct query *q, struct stored_cron **out, size_t *count,
                                      struct err *err)
{
	struct stored_cron *items = NULL;
	size_t n = 0, room = 0;
	bool more, ok;

	while ((ok = query_row(q, &more, err)) && more) {
		arena_grow(a, items, n, room);
		items[n++] = (struct stored_cron){
			.workflow = query_get_int(q, 0), .position = (size_t)query_get_int(q, 1),
			.cron = query_get_text(a, q, 2), .due = query_get_int_or(q, 3, -1),
		};
	}
	*out = items;
	*count = n;
	return ok;
}

bool workflow_store_list_due(struct store *s, struct arena *a, int64_t now, size_t most, struct stored_cron **out,
                             size_t *count, struct err *err)
{
	struct query *q = query_begin(s->db, SQL_DUE_LIST);

	query_int(q, 1, now);
	query_int(q, 2, (int64_t)most);
	return workflow_store_read_crons(a, q, out, count, err);
}

bool workflow_store_list_crons(struct store *s, struct arena *a, struct stored_cron **out, size_t *count,
                               struct err *err)
{
	return workflow_store_read_crons(a, query_begin(s->db, SQL_CRONS_LIST), out, count, err);
}

bool workflow_store_next_due(struct store *s, int64_t *out, struct err *err)
{
	return query_number(query_begin(s->db, SQL_DUE_NEXT), -1, out, err);
}

bool workflow_store_find_webhook(struct store *s, const char *webhook, int64_t *id, struct err *err)
{
	struct query *q = query_begin(s->db, SQL_WEBHOOK_FIND);

	query_text(q, 1, webhook);
	return query_number(q, 0, id, err);
}

/* ---- reading ---- */

static bool workflow_store_get_triggers(struct store *s, struct arena *a, struct stored_workflow *w,
                                        struct err *err)
{
	struct query *q = query_begin(s->db, SQL_TRIGGERS_GET);
	struct stored_trigger *items = NULL;
	size_t room = 0;
	bool more, ok;

	query_int(q, 1, w->id);
	while ((ok = query_row(q, &more, err)) && more) {
		arena_grow(a, items, w->trigger_count, room);
		items[w->trigger_count++] = (struct stored_trigger){
			.cron = query_get_text(a, q, 0), .webhook = query_get_text(a, q, 1),
			.due = query_get_int_or(q, 2, -1),
		};
	}
	w->triggers = items;
	return ok;
}

static bool workflow_store_get_tags(struct store *s, struct arena *a, struct stored_workflow *w, struct err *err)
{
	struct query *q = query_begin(s->db, SQL_TAGS_GET);
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

static bool workflow_store_get_body(struct store *s, struct arena *a, struct stored_workflow *w, struct err *err)
{
	struct query *q = query_begin(s->db, SQL_BODY_GET);
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

static struct stored_workflow workflow_store_read_columns(struct arena *a, struct query *q)
{
	return (struct stored_workflow){
		.id = query_get_int(q, 0),
		.name = query_get_text(a, q, 1),
		.status = (enum workflow_status)query_get_int(q, 2),
		.created = query_get_int(q, 3),
		.updated = query_get_int(q, 4),
		.modified_by = query_get_text(a, q, 5),
		.resting = (enum workflow_status)query_get_int(q, 6),
		.item = query_get_text(a, q, 7),
		.last_run = query_get_int_or(q, 8, 0),
	};
}

static bool workflow_store_get_parts(struct store *s, struct arena *a, int64_t id, struct stored_workflow *out,
                                     struct err *err)
{
	struct query *q = query_begin(s->db, SQL_WORKFLOW_GET);
	struct stored_workflow w = { 0 };
	bool more;

	query_int(q, 1, id);
	query_text(q, 8, made_by);
	if (!query_row(q, &more, err))
		return false;
	if (more) {
		w = workflow_store_read_columns(a, q);
		query_end(q);
		if (!workflow_store_get_triggers(s, a, &w, err) || !workflow_store_get_tags(s, a, &w, err) ||
		    !workflow_store_get_body(s, a, &w, err))
			return false;
	}
	*out = w;
	return true;
}

bool workflow_store_get(struct store *s, struct arena *a, int64_t id, struct stored_workflow *out,
                        struct err *err)
{
	struct err ignored;
	bool begun;

	if (!database_begin_read(s->db, &begun, err))
		return false;
	bool ok = workflow_store_get_parts(s, a, id, out, err);
	if (begun)
		workflow_store_end(s, false, &ignored);
	return ok;
}

static struct stored_workflow workflow_store_read_entry(struct arena *a, struct query *q)
{
	return (struct stored_workflow){
		.id = query_get_int(q, 0), .status = (enum workflow_status)query_get_int(q, 1),
		.item = query_get_text(a, q, 2), .last_run = query_get_int_or(q, 3, 0),
	};
}

bool workflow_store_get_answer(struct store *s, struct arena *a, int64_t id, struct stored_workflow *out,
                               struct err *err)
{
	struct query *q = query_begin(s->db, SQL_ANSWER_GET);
	struct stored_workflow w = { 0 };
	bool more;

	query_int(q, 1, id);
	query_text(q, 8, made_by);
	if (!query_row(q, &more, err))
		return false;
	if (more) {
		w = workflow_store_read_entry(a, q);
		w.rest = query_get_text(a, q, 4);
		query_end(q);
	}
	*out = w;
	return true;
}

bool workflow_store_list_unmade(struct store *s, struct arena *a, int64_t after, size_t most, int64_t **ids,
                                size_t *count, struct err *err)
{
	struct query *q = query_begin(s->db, SQL_UNMADE_LIST);
	int64_t *items = NULL;
	size_t n = 0, room = 0;
	bool more, ok;

	query_int(q, 1, after);
	query_int(q, 2, (int64_t)most);
	query_text(q, 8, made_by);
	while ((ok = query_row(q, &more, err)) && more) {
		arena_grow(a, items, n, room);
		items[n++] = query_get_int(q, 0);
	}
	*ids = items;
	*count = n;
	return ok;
}

/* A list of texts as JSON, for json_each() of SQLite. */
static const char *workflow_store_json_list(struct arena *a, const char *const *texts, size_t count)
{
	struct node *list = node_list(a);

	for (size_t i = 0; i < count; i++)
		node_add(a, list, node_text(a, texts[i]));
	return json_text(a, list);
}

/* The phrase for the index of names: the last characters of the searched part.  Names often begin alike
 * (pipeline-0001, pipeline-0002), and the index is slow in what they share: among 10,000 such names it takes 0.8 ms to
 * find a whole name, and 0.05 ms to find six characters of it.  NULL if the part has less than three characters, of
 * which the index is made: then every name is examined. */
static const char *workflow_store_search_phrase(struct arena *a, const char *search)
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

struct workflow_selection { const char *by, *search, *phrase; unsigned statuses, last_runs; };

/* every: SQL_COUNT_EVERY or SQL_PAGE_EVERY. */
static struct query *workflow_store_begin_select(struct store *s, enum store_statement every,
                                                 const struct workflow_selection *sel)
{
	enum store_statement count = sel->phrase ? SQL_COUNT_INDEXED : sel->search ? SQL_COUNT_NAMED :
	                             sel->by || sel->statuses || sel->last_runs ? SQL_COUNT_ALL : SQL_COUNT_EVERY;
	struct query *q = query_begin(s->db, every + (count - SQL_COUNT_EVERY));

	if (count == SQL_COUNT_EVERY)
		return q;
	query_int(q, 1, sel->statuses);
	query_text(q, 2, sel->by);
	query_int(q, 7, sel->last_runs);
	if (sel->search)
		query_text(q, 3, sel->search);
	if (sel->phrase)
		query_text(q, 4, sel->phrase);
	return q;
}

static bool workflow_store_get_total(struct store *s, const struct workflow_selection *sel, int64_t *out,
                                     struct err *err)
{
	struct query *q = workflow_store_begin_select(s, SQL_COUNT_EVERY, sel);
	bool more;

	if (!query_row(q, &more, err))
		return false;
	*out = query_get_int(q, 0);
	query_end(q);
	return true;
}

static bool workflow_store_get_items(struct store *s, struct arena *a, const struct page_query *asked,
                                     const struct workflow_selection *sel, struct workflow_page *page, struct err *err)
{
	struct query *q = workflow_store_begin_select(s, SQL_PAGE_EVERY, sel);
	size_t room = 0;
	bool more, ok;

	query_int(q, 5, asked->size);
	query_int(q, 6, (asked->number - 1) * asked->size);
	query_text(q, 8, made_by);
	while ((ok = query_row(q, &more, err)) && more) {
		arena_grow(a, page->items, page->count, room);
		page->items[page->count++] = workflow_store_read_entry(a, q);
	}
	for (size_t i = 0; ok && i < page->count; i++)
		ok = page->items[i].item || workflow_store_get_parts(s, a, page->items[i].id, &page->items[i], err);
	return ok;
}

bool workflow_store_page(struct store *s, struct arena *a, const struct page_query *q,
                struct workflow_page *out, struct err *err)
{
	struct workflow_page page = { 0 };
	struct err ignored;
	bool begun, ok;
	struct workflow_selection sel = {
		.by = q->modified_by_count ? workflow_store_json_list(a, q->modified_by, q->modified_by_count) : NULL,
		.search = q->search,
		.phrase = q->search ? workflow_store_search_phrase(a, q->search) : NULL,
		.statuses = q->statuses, .last_runs = q->last_runs,
	};

	if (!database_begin_read(s->db, &begun, err))
		return false;
	ok = workflow_store_get_total(s, &sel, &page.total, err) && workflow_store_get_items(s, a, q, &sel, &page, err);
	if (begun)
		workflow_store_end(s, false, &ignored);
	if (ok)
		*out = page;
	return ok;
}
