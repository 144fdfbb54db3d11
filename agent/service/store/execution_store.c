#include "agent/service/store/execution_store.h"

#include "agent/service/store/store_schema.h"

/* These numbers are stored in the file. */
_Static_assert(DAG_RUNNING == 1 && DAG_STOPPING == 2 && DAG_SUCCESS == 3 && DAG_FAILED == 4 &&
               DAG_STOPPED == 5, "the numbers in existing files have other meanings");

static const int64_t EVER = INT64_MAX;

static void execution_store_bind_time(struct query *q, int at, int64_t ms)
{
	if (ms >= 0)
		query_int(q, at, ms);
}

/* ---- executions ---- */

bool execution_store_add(struct store *s, struct stored_execution *run, const struct execution_details *work,
                         struct err *err)
{
	struct query *q = query_begin(s->db, SQL_EXECUTION_ADD);

	query_text(q, 1, run->uuid);
	query_int(q, 2, run->workflow);
	query_int(q, 3, run->status);
	query_int(q, 4, run->began);
	query_text(q, 5, run->cause);
	if (!query_run(q, err))
		return false;
	run->id = database_last_id(s->db);
	q = query_begin(s->db, SQL_DETAILS_ADD);
	query_int(q, 1, run->id);
	query_text(q, 2, work->execute);
	query_text(q, 3, work->steps);
	query_text(q, 4, work->state);
	return query_run(q, err);
}

static bool execution_store_put_state(struct store *s, int64_t id, const char *state, struct err *err)
{
	struct query *q = query_begin(s->db, SQL_STATE_PUT);

	query_int(q, 1, id);
	query_text(q, 2, state);
	return query_run(q, err);
}

static bool execution_store_forget_request(struct store *s, int64_t id, struct err *err)
{
	struct query *q = query_begin(s->db, SQL_REQUEST_FORGET);

	query_int(q, 1, id);
	return query_run(q, err);
}

/* While an execution only goes on, no indexed column changes: the pages of the indexes are not written. */
static bool execution_store_put_status(struct store *s, const struct stored_execution *run, struct err *err)
{
	bool goes_on = run->status == DAG_RUNNING && run->finished < 0;
	struct query *q = query_begin(s->db, goes_on ? SQL_EXECUTION_TAKE : SQL_EXECUTION_PUT);

	query_int(q, 1, run->id);
	if (goes_on)
		return query_run(q, err);
	query_int(q, 2, run->status);
	execution_store_bind_time(q, 3, run->finished);
	query_text(q, 4, run->stopped_by);
	return query_run(q, err);
}

bool execution_store_put(struct store *s, const struct stored_execution *run, const char *state, struct err *err)
{
	return execution_store_put_status(s, run, err) &&
	       (!state || execution_store_put_state(s, run->id, state, err)) &&
	       (run->finished < 0 || execution_store_forget_request(s, run->id, err));
}

bool execution_store_request_stop(struct store *s, int64_t id, const char *by, struct err *err)
{
	struct query *q = query_begin(s->db, SQL_EXECUTION_ASK_STOP);

	query_int(q, 1, id);
	query_text(q, 2, by);
	return query_run(q, err);
}

static struct stored_execution execution_store_read_columns(struct arena *a, struct query *q)
{
	return (struct stored_execution){
		.id = query_get_int(q, 0), .uuid = query_get_text(a, q, 1), .workflow = query_get_int(q, 2),
		.status = (enum dag_status)query_get_int(q, 3), .began = query_get_int(q, 4),
		.finished = query_get_int_or(q, 5, -1), .cause = query_get_text(a, q, 6),
		.stopped_by = query_get_text(a, q, 7), .stop_asked = query_get_text(a, q, 8),
		.taken = query_get_int(q, 9),
	};
}

/* Reads all rows of the query. */
static bool execution_store_read_rows(struct arena *a, struct query *q, struct stored_execution **out, size_t *count,
                                      struct err *err)
{
	struct stored_execution *items = NULL;
	size_t n = 0, room = 0;
	bool more, ok;

	while ((ok = query_row(q, &more, err)) && more) {
		arena_grow(a, items, n, room);
		items[n++] = execution_store_read_columns(a, q);
	}
	*out = items;
	*count = n;
	return ok;
}

static bool execution_store_read_one(struct arena *a, struct query *q, struct stored_execution *out, struct err *err)
{
	struct stored_execution *found;
	size_t count;

	if (!execution_store_read_rows(a, q, &found, &count, err))
		return false;
	*out = count ? found[0] : (struct stored_execution){ 0 };
	return true;
}

bool execution_store_find(struct store *s, struct arena *a, const char *uuid, struct stored_execution *out,
                          struct err *err)
{
	struct query *q = query_begin(s->db, SQL_EXECUTION_GET);

	query_text(q, 1, uuid);
	return execution_store_read_one(a, q, out, err);
}

bool execution_store_find_last(struct store *s, struct arena *a, int64_t workflow, struct stored_execution *out,
                               struct err *err)
{
	struct query *q = query_begin(s->db, SQL_EXECUTION_LAST);

	query_int(q, 1, workflow);
	return execution_store_read_one(a, q, out, err);
}

bool execution_store_get_details(struct store *s, struct arena *a, int64_t id, struct execution_details *out,
                                 struct err *err)
{
	struct query *q = query_begin(s->db, SQL_DETAILS_GET);
	bool more;

	query_int(q, 1, id);
	if (!query_row(q, &more, err))
		return false;
	if (!more)
		return err_set(err, "database \"%s\": execution %lld has no steps", database_path(s->db),
		               (long long)id);
	*out = (struct execution_details){
		query_get_text(a, q, 0), query_get_text(a, q, 1), query_get_text(a, q, 2),
	};
	query_end(q);
	return true;
}

static struct query *execution_store_begin_select(struct store *s, enum store_statement which,
                                                  const struct execution_query *asked)
{
	struct query *q = query_begin(s->db, which);

	query_int(q, 1, asked->workflow);
	query_int(q, 2, asked->from);
	query_int(q, 3, asked->to);
	query_int(q, 4, asked->statuses);
	return q;
}

bool execution_store_page(struct store *s, struct arena *a, const struct execution_query *asked,
                          struct stored_execution **out, size_t *count, int64_t *total, struct err *err)
{
	int64_t before = (asked->number - 1) * asked->size, most = asked->newest ? asked->newest : EVER;
	int64_t all = 0;

	if (!query_number(execution_store_begin_select(s, SQL_EXECUTION_COUNT, asked), 0, &all, err))
		return false;
	all = all < most ? all : most;
	struct query *q = execution_store_begin_select(s, SQL_EXECUTION_PAGE, asked);
	query_int(q, 5, all - before < asked->size ? all > before ? all - before : 0 : asked->size);
	query_int(q, 6, before);
	*total = all;
	return execution_store_read_rows(a, q, out, count, err);
}

bool execution_store_count_open(struct store *s, int64_t workflow, int64_t *out, struct err *err)
{
	struct query *q = query_begin(s->db, workflow ? SQL_EXECUTION_COUNT_OPEN_OF : SQL_EXECUTION_COUNT_OPEN);

	if (workflow)
		query_int(q, 1, workflow);
	return query_number(q, 0, out, err);
}

bool execution_store_list_new(struct store *s, struct arena *a, int64_t after, size_t most,
                              struct stored_execution **out, size_t *count, struct err *err)
{
	struct query *q = query_begin(s->db, SQL_EXECUTION_NEW);

	query_int(q, 1, after);
	query_int(q, 2, (int64_t)most);
	return execution_store_read_rows(a, q, out, count, err);
}

bool execution_store_stop_requests(struct store *s, struct arena *a, struct stored_execution **out, size_t *count,
                                   struct err *err)
{
	struct query *q = query_begin(s->db, SQL_EXECUTION_STOPS);
	struct stored_execution *items = NULL;
	size_t n = 0, room = 0;
	bool more, ok;

	while ((ok = query_row(q, &more, err)) && more) {
		arena_grow(a, items, n, room);
		items[n++] = (struct stored_execution){ .id = query_get_int(q, 0),
			.stop_asked = query_get_text(a, q, 1) };
	}
	*out = items;
	*count = n;
	return ok;
}

bool execution_store_drop_old(struct store *s, int64_t before, size_t most, struct err *err)
{
	struct query *q = query_begin(s->db, SQL_EXECUTION_DROP_OLD);

	query_int(q, 1, before);
	query_int(q, 2, (int64_t)most);
	return query_run(q, err);
}

/* ---- reruns ---- */

bool execution_store_rerun_add(struct store *s, int64_t run, const struct stored_rerun *rerun, struct err *err)
{
	struct query *q = query_begin(s->db, SQL_RERUN_ADD);

	query_int(q, 1, run);
	query_text(q, 2, rerun->uuid);
	query_int(q, 3, rerun->status);
	query_int(q, 4, rerun->began);
	return query_run(q, err);
}

bool execution_store_rerun_end(struct store *s, const struct stored_execution *run, struct err *err)
{
	struct query *q = query_begin(s->db, SQL_RERUN_PUT);

	query_int(q, 1, run->id);
	query_int(q, 2, run->status);
	execution_store_bind_time(q, 3, run->finished);
	query_text(q, 4, run->stopped_by);
	return query_run(q, err);
}

bool execution_store_reruns(struct store *s, struct arena *a, int64_t run, struct stored_rerun **out, size_t *count,
                            struct err *err)
{
	struct query *q = query_begin(s->db, SQL_RERUN_LIST);
	struct stored_rerun *items = NULL;
	size_t n = 0, room = 0;
	bool more, ok;

	query_int(q, 1, run);
	while ((ok = query_row(q, &more, err)) && more) {
		arena_grow(a, items, n, room);
		items[n++] = (struct stored_rerun){
			.uuid = query_get_text(a, q, 0), .status = (enum dag_status)query_get_int(q, 1),
			.began = query_get_int(q, 2), .finished = query_get_int_or(q, 3, -1),
			.stopped_by = query_get_text(a, q, 4),
		};
	}
	*out = items;
	*count = n;
	return ok;
}

/* ---- logs ---- */

bool execution_store_log_add(struct store *s, int64_t run, size_t step, unsigned attempt, int64_t upto,
                             const char *text, struct err *err)
{
	struct query *q = query_begin(s->db, SQL_LOG_ADD);

	query_int(q, 1, run);
	query_int(q, 2, (int64_t)step);
	query_int(q, 3, attempt);
	query_int(q, 4, upto);
	query_text(q, 5, text);
	return query_run(q, err);
}

static struct query *execution_store_begin_step_query(struct store *s, enum store_statement which, int64_t run,
                                                      size_t step)
{
	struct query *q = query_begin(s->db, which);

	query_int(q, 1, run);
	query_int(q, 2, (int64_t)step);
	return q;
}

bool execution_store_log_end(struct store *s, int64_t run, size_t step, unsigned *attempt, int64_t *upto,
                             struct err *err)
{
	struct query *q = execution_store_begin_step_query(s, SQL_LOG_END, run, step);
	bool more;

	*attempt = 0;
	*upto = 0;
	if (!query_row(q, &more, err))
		return false;
	if (!more)
		return true;
	*attempt = (unsigned)query_get_int(q, 0);
	*upto = query_get_int(q, 1);
	query_end(q);
	return true;
}

bool execution_store_log_read(struct store *s, int64_t run, size_t step, int64_t seq, size_t most, struct buf *out,
                              int64_t *next, struct err *err)
{
	struct query *q = execution_store_begin_step_query(s, SQL_LOG_PAGE, run, step);
	bool more, ok;

	query_int(q, 3, seq);
	*next = seq;
	while ((ok = query_row(q, &more, err)) && more) {
		CLEANUP(arena_free) struct arena a = { 0 };
		buf_adds(out, query_get_text(&a, q, 1));
		*next = query_get_int(q, 0) + 1;
		if (out->len < most)
			continue;
		query_end(q);
		break;
	}
	return ok;
}

/* ---- notifications ---- */

bool execution_store_add_notification(struct store *s, int64_t run, const char *watcher, const char *news, int64_t due,
                                      struct err *err)
{
	struct query *q = query_begin(s->db, SQL_NOTIFICATION_ADD);

	query_int(q, 1, run);
	query_text(q, 2, watcher);
	query_text(q, 3, news);
	query_int(q, 4, due);
	return query_run(q, err);
}

bool execution_store_put_notification(struct store *s, int64_t id, unsigned attempts, int64_t due, struct err *err)
{
	struct query *q = query_begin(s->db, SQL_NOTIFICATION_PUT);

	query_int(q, 1, id);
	query_int(q, 2, attempts);
	query_int(q, 3, due);
	return query_run(q, err);
}

bool execution_store_drop_notification(struct store *s, int64_t id, struct err *err)
{
	struct query *q = query_begin(s->db, SQL_NOTIFICATION_DROP);

	query_int(q, 1, id);
	return query_run(q, err);
}

bool execution_store_due_notifications(struct store *s, struct arena *a, int64_t now, size_t most,
                                       struct stored_notification **out, size_t *count, struct err *err)
{
	struct query *q = query_begin(s->db, SQL_NOTIFICATION_DUE);
	struct stored_notification *items = NULL;
	size_t n = 0, room = 0;
	bool more, ok;

	query_int(q, 1, now);
	query_int(q, 2, (int64_t)most);
	while ((ok = query_row(q, &more, err)) && more) {
		arena_grow(a, items, n, room);
		items[n++] = (struct stored_notification){
			query_get_int(q, 0), query_get_text(a, q, 1), query_get_text(a, q, 2),
			(unsigned)query_get_int(q, 3),
		};
	}
	*out = items;
	*count = n;
	return ok;
}

bool execution_store_make_notifications_due(struct store *s, int64_t now, struct err *err)
{
	struct query *q = query_begin(s->db, SQL_NOTIFICATION_MAKE_DUE);

	query_int(q, 1, now);
	return query_run(q, err);
}

bool execution_store_next_notification(struct store *s, int64_t *out, struct err *err)
{
	return query_number(query_begin(s->db, SQL_NOTIFICATION_NEXT), -1, out, err);
}
