#include "tests/agent/service/store/store_fixture.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/service/store/execution_store.h"

/* ---- what a file holds, and what it is asked ---- */

static int64_t add_workflow(struct fixture *f, const char *name, enum workflow_status status)
{
	struct stored_workflow w = {
		.name = name, .status = status, .created = 1, .updated = 2, .modified_by = "me", .body = "{}",
		.triggers = (struct stored_trigger[]){ { .cron = "0 * * * *", .due = -1 }, { .webhook = name, .due = -1 } },
		.trigger_count = 2,
	};
	struct err err;

	check(workflow_store_add(f->store, &w, &err), &err);
	return w.id;
}

static struct stored_execution add(struct fixture *f, const char *uuid, int64_t workflow, int64_t began)
{
	struct stored_execution run = {
		.uuid = uuid, .workflow = workflow, .status = DAG_RUNNING, .began = began, .finished = -1,
		.cause = "cron",
	};
	struct err err;

	check(execution_store_add(f->store, &run, &(struct execution_details){ "{\"e\":1}", "[]", "{\"n\":1}" }, &err), &err);
	return run;
}

static void end(struct fixture *f, struct stored_execution run, enum dag_status status, int64_t finished)
{
	struct err err;

	run.status = status;
	run.finished = finished;
	check(execution_store_put(f->store, &run, "{}", &err), &err);
}

static const char *print(struct arena *a, const struct stored_execution *r)
{
	if (!r->id)
		return "none";
	return arena_printf(a, "%lld %s of %lld: %s %lld-%lld by %s, stopped by %s, asked by %s%s", (long long)r->id,
	                    r->uuid, (long long)r->workflow, dag_status_words[r->status], (long long)r->began,
	                    (long long)r->finished, r->cause, r->stopped_by ? r->stopped_by : "-",
	                    r->stop_asked ? r->stop_asked : "-", r->taken ? ", taken" : "");
}

static const char *found(struct fixture *f, const char *uuid)
{
	struct stored_execution run;
	struct err err;

	check(execution_store_find(f->store, &f->arena, uuid, &run, &err), &err);
	return print(&f->arena, &run);
}

static const char *last(struct fixture *f, int64_t workflow)
{
	struct stored_execution run;
	struct err err;

	check(execution_store_find_last(f->store, &f->arena, workflow, &run, &err), &err);
	return print(&f->arena, &run);
}

static const char *work(struct fixture *f, int64_t id)
{
	struct execution_details w;
	struct err err;

	if (!execution_store_get_details(f->store, &f->arena, id, &w, &err))
		return arena_strdup(&f->arena, err.msg);
	return arena_printf(&f->arena, "%s %s %s", w.execute ? w.execute : "-", w.steps, w.state);
}

/* "3: b a", or "a b" for total < 0. */
static const char *uuids(struct arena *a, const struct stored_execution *runs, size_t count, int64_t total)
{
	const char *text = total < 0 ? "" : arena_printf(a, "%lld:", (long long)total);

	for (size_t i = 0; i < count; i++)
		text = arena_printf(a, "%s%s%s", text, *text ? " " : "", runs[i].uuid);
	return text;
}

static const char *page(struct fixture *f, const struct execution_query *q)
{
	struct stored_execution *runs;
	int64_t total;
	size_t count;
	struct err err;

	check(execution_store_page(f->store, &f->arena, q, &runs, &count, &total, &err), &err);
	return uuids(&f->arena, runs, count, total);
}

static int64_t open_runs(struct fixture *f, int64_t workflow)
{
	int64_t count = -1;
	struct err err;

	check(execution_store_count_open(f->store, workflow, &count, &err), &err);
	return count;
}

static const char *news(struct fixture *f, int64_t after, size_t most)
{
	struct stored_execution *runs;
	size_t count;
	struct err err;

	check(execution_store_list_new(f->store, &f->arena, after, most, &runs, &count, &err), &err);
	return uuids(&f->arena, runs, count, -1);
}

/* ---- runs ---- */

static void a_run_is_given_back_as_it_was_added_and_put(void **state)
{
	struct fixture *f = *state;
	struct stored_execution run;
	struct err err;

	add_workflow(f, "a", WORKFLOW_AVAILABLE);
	run = add(f, "u-1", 1, 10);
	assert_int_equal(run.id, 1);
	assert_string_equal(found(f, "u-1"), "1 u-1 of 1: Running 10--1 by cron, stopped by -, asked by -");
	assert_string_equal(work(f, 1), "{\"e\":1} [] {\"n\":1}");
	assert_string_equal(found(f, "u-2"), "none");

	check(execution_store_put(f->store, &run, "{\"n\":2}", &err), &err);
	assert_string_equal(found(f, "u-1"), "1 u-1 of 1: Running 10--1 by cron, stopped by -, asked by -, taken");
	assert_string_equal(work(f, 1), "{\"e\":1} [] {\"n\":2}");

	run.status = DAG_STOPPED;
	run.finished = 30;
	run.stopped_by = "ann";
	check(execution_store_put(f->store, &run, "{\"n\":3}", &err), &err);
	assert_string_equal(found(f, "u-1"), "1 u-1 of 1: Stopped 10-30 by cron, stopped by ann, asked by -, taken");
	check(execution_store_put(f->store, &run, NULL, &err), &err);
	assert_string_equal(work(f, 1), "- [] {\"n\":3}");
}

static void what_a_run_was_sent_is_forgotten_when_it_ends(void **state)
{
	struct fixture *f = *state;

	add_workflow(f, "a", WORKFLOW_AVAILABLE);
	end(f, add(f, "u-1", 1, 10), DAG_SUCCESS, 20);
	assert_string_equal(work(f, 1), "- [] {}");
}

static void work_that_is_not_there_is_told(void **state)
{
	struct fixture *f = *state;

	assert_string_equal(work(f, 5), arena_printf(&f->arena, "database \"%s\": execution 5 has no steps", f->file));
}

static void two_runs_of_one_uuid_and_a_run_of_nothing_are_refused(void **state)
{
	struct fixture *f = *state;
	const struct execution_details work_of = { NULL, "[]", "{}" };
	struct stored_execution twice = { .uuid = "u-1", .workflow = 1, .status = DAG_RUNNING, .cause = "cron" };
	struct stored_execution nobodys = { .uuid = "u-2", .workflow = 8, .status = DAG_RUNNING, .cause = "cron" };
	struct err err;

	add_workflow(f, "a", WORKFLOW_AVAILABLE);
	add(f, "u-1", 1, 10);
	assert_false(execution_store_add(f->store, &twice, &work_of, &err));
	assert_false(execution_store_add(f->store, &nobodys, &work_of, &err));
	assert_int_equal(open_runs(f, 0), 1);
}

static void a_stop_is_asked_for_once_it_matters(void **state)
{
	struct fixture *f = *state;
	struct stored_execution *runs;
	size_t count;
	struct err err;

	add_workflow(f, "a", WORKFLOW_AVAILABLE);
	add(f, "u-1", 1, 10);
	end(f, add(f, "u-2", 1, 10), DAG_SUCCESS, 20);
	add(f, "u-3", 1, 10);
	for (int64_t id = 1; id <= 4; id++)
		if (id != 3)
			check(execution_store_request_stop(f->store, id, "ann", &err), &err);
	assert_string_equal(found(f, "u-1"), "1 u-1 of 1: Running 10--1 by cron, stopped by -, asked by ann");
	assert_string_equal(found(f, "u-2"), "2 u-2 of 1: Success 10-20 by cron, stopped by -, asked by -, taken");
	check(execution_store_stop_requests(f->store, &f->arena, &runs, &count, &err), &err);
	assert_int_equal(count, 1);
	assert_int_equal(runs[0].id, 1);
	assert_string_equal(runs[0].stop_asked, "ann");

	/* Once it has ended nobody is to stop it. */
	end(f, (struct stored_execution){ .id = 1 }, DAG_STOPPED, 40);
	check(execution_store_stop_requests(f->store, &f->arena, &runs, &count, &err), &err);
	assert_int_equal(count, 0);
}

static void a_page_has_the_newest_that_fit_first(void **state)
{
	struct fixture *f = *state;
	const struct { struct execution_query q; const char *found; } cases[] = {
		{ { 1, 0, INT64_MAX, 0, 1, 10 }, "6: f e d c b a" },
		{ { 1, 0, INT64_MAX, 0, 2, 4 }, "6: b a" },
		{ { 1, 0, INT64_MAX, 0, 3, 4 }, "6:" },
		{ { 1, 0, INT64_MAX, 0, 1000000000, 1000 }, "6:" },
		{ { 2, 0, INT64_MAX, 0, 1, 10 }, "1: x" },
		{ { 3, 0, INT64_MAX, 0, 1, 10 }, "0:" },
		/* dates, both included */
		{ { 1, 20, 40, 0, 1, 10 }, "3: d c b" },
		{ { 1, 21, 39, 0, 1, 10 }, "1: c" },
		{ { 1, 41, 40, 0, 1, 10 }, "0:" },
		/* statuses */
		{ { 1, 0, INT64_MAX, 1 << DAG_RUNNING, 1, 10 }, "2: f e" },
		{ { 1, 0, INT64_MAX, 1 << DAG_SUCCESS, 1, 10 }, "2: c a" },
		{ { 1, 0, INT64_MAX, 1 << DAG_FAILED | 1 << DAG_STOPPED, 1, 10 }, "2: d b" },
		{ { 1, 0, INT64_MAX, 1 << DAG_STOPPING, 1, 10 }, "0:" },
		{ { 1, 20, 50, 1 << DAG_SUCCESS | 1 << DAG_RUNNING, 1, 10 }, "2: e c" },
		/* the newest few of those, in pages */
		{ { 1, 0, INT64_MAX, 0, 1, 10, 4 }, "4: f e d c" },
		{ { 1, 0, INT64_MAX, 0, 1, 3, 4 }, "4: f e d" },
		{ { 1, 0, INT64_MAX, 0, 2, 3, 4 }, "4: c" },
		{ { 1, 0, INT64_MAX, 0, 3, 3, 4 }, "4:" },
		{ { 1, 0, INT64_MAX, 0, 2, 2, 4 }, "4: d c" },
		{ { 1, 0, INT64_MAX, 0, 1, 10, 6 }, "6: f e d c b a" },
		{ { 1, 0, INT64_MAX, 0, 1, 10, 100 }, "6: f e d c b a" },
		{ { 1, 0, 40, 1 << DAG_SUCCESS, 1, 10, 1 }, "1: c" },
	};

	add_workflow(f, "w", WORKFLOW_AVAILABLE);
	add_workflow(f, "v", WORKFLOW_AVAILABLE);
	end(f, add(f, "a", 1, 10), DAG_SUCCESS, 11);
	end(f, add(f, "b", 1, 20), DAG_FAILED, 21);
	add(f, "x", 2, 25);
	end(f, add(f, "c", 1, 30), DAG_SUCCESS, 31);
	end(f, add(f, "d", 1, 40), DAG_STOPPED, 41);
	add(f, "e", 1, 50);
	add(f, "f", 1, 60);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		if (strcmp(page(f, &cases[i].q), cases[i].found) != 0)
			fail_msg("case %zu: %s, not %s", i, page(f, &cases[i].q), cases[i].found);
}

static void those_under_way_are_counted_and_taken_in_their_order(void **state)
{
	struct fixture *f = *state;

	add_workflow(f, "w", WORKFLOW_AVAILABLE);
	add_workflow(f, "v", WORKFLOW_AVAILABLE);
	assert_int_equal(open_runs(f, 0), 0);
	assert_string_equal(last(f, 1), "none");
	add(f, "a", 1, 30);
	end(f, add(f, "b", 1, 10), DAG_FAILED, 20);
	add(f, "c", 2, 5);
	add(f, "d", 1, 1);
	assert_int_equal(open_runs(f, 0), 3);
	assert_int_equal(open_runs(f, 1), 2);
	assert_int_equal(open_runs(f, 2), 1);
	assert_int_equal(open_runs(f, 3), 0);
	assert_string_equal(news(f, 0, 10), "a c d");
	assert_string_equal(news(f, 0, 2), "a c");
	assert_string_equal(news(f, 3, 2), "d");
	assert_string_equal(news(f, 4, 2), "");
	assert_string_equal(last(f, 1), "4 d of 1: Running 1--1 by cron, stopped by -, asked by -");
}

static void an_id_of_a_run_is_never_given_out_twice(void **state)
{
	struct fixture *f = *state;
	struct err err;

	add_workflow(f, "w", WORKFLOW_AVAILABLE);
	end(f, add(f, "a", 1, 10), DAG_SUCCESS, 20);
	check(execution_store_drop_old(f->store, 21, 10, &err), &err);
	assert_int_equal(add(f, "b", 1, 30).id, 2);
}

static void a_workflow_is_running_while_a_run_of_it_is(void **state)
{
	static const enum workflow_status resting[] = { WORKFLOW_AVAILABLE, WORKFLOW_PAUSED };
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LEN(resting); i++) {
		int64_t id = add_workflow(f, i ? "b" : "a", resting[i]);
		struct stored_execution first = add(f, i ? "u-1" : "u-2", id, 10), second = add(f, i ? "u-3" : "u-4", id, 10);
		struct stored_workflow w;
		struct err err;
		check(workflow_store_get(f->store, &f->arena, id, &w, &err), &err);
		assert_int_equal(w.status, WORKFLOW_RUNNING);
		end(f, first, DAG_SUCCESS, 20);
		check(workflow_store_get(f->store, &f->arena, id, &w, &err), &err);
		assert_int_equal(w.status, WORKFLOW_RUNNING);
		end(f, second, DAG_SUCCESS, 20);
		check(workflow_store_get(f->store, &f->arena, id, &w, &err), &err);
		assert_int_equal(w.status, resting[i]);
	}
}

static const char *workflows(struct fixture *f, struct page_query q)
{
	struct workflow_page p = { 0 };
	const char *text;
	struct err err;

	q.number = 1;
	q.size = 10;
	check(workflow_store_page(f->store, &f->arena, &q, &p, &err), &err);
	text = arena_printf(&f->arena, "%lld:", (long long)p.total);
	for (size_t i = 0; i < p.count; i++)
		text = arena_printf(&f->arena, "%s %s", text, p.items[i].name);
	return text;
}

static void workflows_are_found_by_how_their_last_run_stands(void **state)
{
	struct fixture *f = *state;
	const struct { struct page_query q; const char *found; } cases[] = {
		{ { 0 }, "4: never again twice open" },
		{ { .last_runs = 1 << DAG_SUCCESS }, "1: again" },
		{ { .last_runs = 1 << DAG_FAILED }, "1: twice" },
		{ { .last_runs = 1 << DAG_SUCCESS | 1 << DAG_RUNNING }, "2: again open" },
		{ { .last_runs = 1 << DAG_STOPPED }, "0:" },
		{ { .last_runs = 1 << DAG_RUNNING, .statuses = 1 << WORKFLOW_RUNNING }, "1: open" },
		{ { .statuses = 1 << WORKFLOW_RUNNING }, "1: open" },
		{ { .statuses = 1 << WORKFLOW_AVAILABLE }, "3: never again twice" },
		{ { .last_runs = 1 << DAG_SUCCESS, .statuses = 1 << WORKFLOW_RUNNING }, "0:" },
		{ { .last_runs = 1 << DAG_FAILED | 1 << DAG_SUCCESS, .search = "tw" }, "1: twice" },
		{ { .last_runs = 1 << DAG_FAILED | 1 << DAG_SUCCESS, .search = "gain" }, "1: again" },
	};

	for (size_t i = 0; i < 4; i++)
		add_workflow(f, (const char *const[]){ "never", "again", "twice", "open" }[i], WORKFLOW_AVAILABLE);
	end(f, add(f, "u-1", 2, 10), DAG_FAILED, 20);
	end(f, add(f, "u-2", 2, 20), DAG_SUCCESS, 30);
	end(f, add(f, "u-3", 3, 10), DAG_SUCCESS, 20);
	end(f, add(f, "u-4", 3, 5), DAG_FAILED, 20);
	add(f, "u-5", 4, 10);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		if (strcmp(workflows(f, cases[i].q), cases[i].found) != 0)
			fail_msg("case %zu: %s, not %s", i, workflows(f, cases[i].q), cases[i].found);
}

/* ---- what belongs to a run ---- */

static const char *reruns(struct fixture *f, int64_t run)
{
	const char *text = "";
	struct stored_rerun *list;
	size_t count;
	struct err err;

	check(execution_store_reruns(f->store, &f->arena, run, &list, &count, &err), &err);
	for (size_t i = 0; i < count; i++)
		text = arena_printf(&f->arena, "%s%s%s %s %lld-%lld %s", text, i ? ", " : "", list[i].uuid,
		                    dag_status_words[list[i].status], (long long)list[i].began,
		                    (long long)list[i].finished, list[i].stopped_by ? list[i].stopped_by : "-");
	return text;
}

static void a_rerun_ends_with_the_run_or_with_what_follows_it(void **state)
{
	struct fixture *f = *state;
	struct stored_execution run;
	struct err err;

	add_workflow(f, "w", WORKFLOW_AVAILABLE);
	run = add(f, "a", 1, 10);
	add(f, "b", 1, 10);
	assert_string_equal(reruns(f, 1), "");
	check(execution_store_rerun_end(f->store, &run, &err), &err);
	check(execution_store_rerun_add(f->store, 1, &(struct stored_rerun){ "r-1", DAG_RUNNING, 20 }, &err), &err);
	check(execution_store_rerun_add(f->store, 2, &(struct stored_rerun){ "q-1", DAG_RUNNING, 25 }, &err), &err);
	assert_string_equal(reruns(f, 1), "r-1 Running 20--1 -");

	run.status = DAG_STOPPED;
	run.finished = 30;
	run.stopped_by = "ann";
	check(execution_store_rerun_end(f->store, &run, &err), &err);
	assert_string_equal(reruns(f, 1), "r-1 Stopped 20-30 ann");
	check(execution_store_rerun_add(f->store, 1, &(struct stored_rerun){ "r-2", DAG_RUNNING, 40 }, &err), &err);
	run.status = DAG_SUCCESS;
	run.finished = 50;
	run.stopped_by = NULL;
	check(execution_store_rerun_end(f->store, &run, &err), &err);
	assert_string_equal(reruns(f, 1), "r-1 Stopped 20-30 ann, r-2 Success 40-50 -");
	assert_string_equal(reruns(f, 2), "q-1 Running 25--1 -");
}

/* "NEXT TEXT" */
static const char *log_of(struct fixture *f, size_t step, int64_t seq, size_t most)
{
	CLEANUP(buf_done) struct buf text = BUF_TEXT;
	int64_t next = -1;
	struct err err;

	buf_adds(&text, "|");
	check(execution_store_log_read(f->store, 1, step, seq, most, &text, &next, &err), &err);
	return arena_printf(&f->arena, "%lld %s", (long long)next, buf_str(&text));
}

static const char *log_end(struct fixture *f, size_t step)
{
	unsigned attempt = 9;
	int64_t upto = 9;
	struct err err;

	check(execution_store_log_end(f->store, 1, step, &attempt, &upto, &err), &err);
	return arena_printf(&f->arena, "%u %lld", attempt, (long long)upto);
}

static void a_log_is_read_in_whole_parts(void **state)
{
	static const struct { size_t step; int64_t seq; size_t most; const char *read; } cases[] = {
		{ 0, 0, 100, "3 |one\ntwo\nthree\n" }, { 0, 0, 4, "1 |one\n" }, { 0, 0, 5, "1 |one\n" },
		{ 0, 0, 6, "2 |one\ntwo\n" }, { 0, 1, 1, "2 |two\n" }, { 0, 2, 100, "3 |three\n" }, { 0, 3, 100, "3 |" },
		{ 0, 77, 100, "77 |" }, { 1, 0, 100, "1 |other\n" }, { 2, 0, 100, "0 |" },
	};
	struct fixture *f = *state;
	struct err err;

	add_workflow(f, "w", WORKFLOW_AVAILABLE);
	add(f, "a", 1, 10);
	assert_string_equal(log_end(f, 0), "0 0");
	check(execution_store_log_add(f->store, 1, 0, 1, 4, "one\n", &err), &err);
	check(execution_store_log_add(f->store, 1, 1, 1, 6, "other\n", &err), &err);
	check(execution_store_log_add(f->store, 1, 0, 1, 8, "two\n", &err), &err);
	assert_string_equal(log_end(f, 0), "1 8");
	check(execution_store_log_add(f->store, 1, 0, 2, 6, "three\n", &err), &err);
	assert_string_equal(log_end(f, 0), "2 6");
	assert_string_equal(log_end(f, 1), "1 6");
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_string_equal(log_of(f, cases[i].step, cases[i].seq, cases[i].most), cases[i].read);
}

static const char *tells(struct fixture *f, int64_t now, size_t most)
{
	const char *text = "";
	struct stored_notification *list;
	size_t count;
	int64_t next;
	struct err err;

	check(execution_store_due_notifications(f->store, &f->arena, now, most, &list, &count, &err) &&
	      execution_store_next_notification(f->store, &next, &err), &err);
	for (size_t i = 0; i < count; i++)
		text = arena_printf(&f->arena, "%s%lld %s %s %u, ", text, (long long)list[i].id, list[i].watcher,
		                    list[i].news, list[i].attempts);
	return arena_printf(&f->arena, "%snext %lld", text, (long long)next);
}

static void watchers_wait_until_they_are_due(void **state)
{
	struct fixture *f = *state;
	struct err err;

	add_workflow(f, "w", WORKFLOW_AVAILABLE);
	add(f, "a", 1, 10);
	assert_string_equal(tells(f, 100, 10), "next -1");
	check(execution_store_add_notification(f->store, 1, "w1", "n1", 30, &err), &err);
	check(execution_store_add_notification(f->store, 1, "w2", "n2", 20, &err), &err);
	assert_string_equal(tells(f, 19, 10), "next 20");
	assert_string_equal(tells(f, 20, 10), "2 w2 n2 0, next 20");
	assert_string_equal(tells(f, 30, 10), "2 w2 n2 0, 1 w1 n1 0, next 20");
	assert_string_equal(tells(f, 30, 1), "2 w2 n2 0, next 20");
	check(execution_store_put_notification(f->store, 2, 3, 50, &err), &err);
	assert_string_equal(tells(f, 60, 10), "1 w1 n1 0, 2 w2 n2 3, next 30");
	check(execution_store_drop_notification(f->store, 1, &err), &err);
	assert_string_equal(tells(f, 60, 10), "2 w2 n2 3, next 50");
}

/* ---- what goes ---- */

/* How many rows of each table belong to runs. */
static const char *rows(struct fixture *f)
{
	static const char *const tables[] = { "run", "run_work", "rerun", "log", "tell", "workflow_trigger" };
	const char *text = "";
	sqlite3 *db;

	assert_int_equal(sqlite3_open(f->file, &db), SQLITE_OK);
	for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
		sqlite3_stmt *s;
		const char *sql = arena_printf(&f->arena, "SELECT count(*) FROM %s", tables[i]);
		assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &s, NULL), SQLITE_OK);
		assert_int_equal(sqlite3_step(s), SQLITE_ROW);
		text = arena_printf(&f->arena, "%s%s%d", text, i ? " " : "", sqlite3_column_int(s, 0));
		sqlite3_finalize(s);
	}
	sqlite3_close(db);
	return text;
}

static void fill(struct fixture *f, int64_t run)
{
	struct err err;

	check(execution_store_rerun_add(f->store, run, &(struct stored_rerun){ "r", DAG_RUNNING, 20 }, &err) &&
	      execution_store_log_add(f->store, run, 0, 1, 4, "one\n", &err) &&
	      execution_store_add_notification(f->store, run, "w", "n", 30, &err), &err);
}

static void a_workflow_takes_its_runs_along(void **state)
{
	struct fixture *f = *state;
	struct err err;

	add_workflow(f, "w", WORKFLOW_AVAILABLE);
	add_workflow(f, "v", WORKFLOW_AVAILABLE);
	fill(f, add(f, "a", 1, 10).id);
	fill(f, add(f, "b", 2, 10).id);
	assert_string_equal(rows(f), "2 2 2 2 2 4");
	check(workflow_store_drop(f->store, 1, &err), &err);
	assert_string_equal(rows(f), "1 1 1 1 1 2");
	assert_string_equal(found(f, "a"), "none");
	assert_string_equal(found(f, "b"), "2 b of 2: Running 10--1 by cron, stopped by -, asked by -");
}

static void an_update_of_a_workflow_keeps_its_runs(void **state)
{
	struct fixture *f = *state;
	struct stored_workflow w;
	struct err err;

	add_workflow(f, "w", WORKFLOW_AVAILABLE);
	fill(f, add(f, "a", 1, 10).id);
	check(workflow_store_get(f->store, &f->arena, 1, &w, &err) && workflow_store_put(f->store, &w, &err), &err);
	assert_string_equal(rows(f), "1 1 1 1 1 2");
}

static void those_that_ended_long_ago_are_forgotten_a_few_at_a_time(void **state)
{
	struct fixture *f = *state;
	struct err err;

	add_workflow(f, "w", WORKFLOW_AVAILABLE);
	for (int i = 0; i < 4; i++) {
		struct stored_execution run = add(f, arena_printf(&f->arena, "%d", i), 1, 1);
		fill(f, run.id);
		end(f, run, DAG_SUCCESS, 40 - i * 10);
	}
	fill(f, add(f, "open", 1, 1).id);
	check(execution_store_drop_old(f->store, 10, 10, &err), &err);
	assert_string_equal(rows(f), "5 5 5 5 5 2");
	check(execution_store_drop_old(f->store, 40, 2, &err), &err);
	assert_string_equal(rows(f), "3 3 3 3 3 2");
	assert_string_equal(page(f, &(struct execution_query){ 1, 0, INT64_MAX, 0, 1, 10 }), "3: open 1 0");
	check(execution_store_drop_old(f->store, INT64_MAX, 10, &err), &err);
	assert_string_equal(page(f, &(struct execution_query){ 1, 0, INT64_MAX, 0, 1, 10 }), "1: open");
}

/* ---- triggers ---- */

static const char *due(struct fixture *f, int64_t now, size_t most)
{
	const char *text = "";
	struct stored_cron *list;
	size_t count;
	int64_t next;
	struct err err;

	check(workflow_store_list_due(f->store, &f->arena, now, most, &list, &count, &err) &&
	      workflow_store_next_due(f->store, &next, &err), &err);
	for (size_t i = 0; i < count; i++)
		text = arena_printf(&f->arena, "%s%lld/%zu %s %lld, ", text, (long long)list[i].workflow, list[i].position,
		                    list[i].cron, (long long)list[i].due);
	return arena_printf(&f->arena, "%snext %lld", text, (long long)next);
}

static const char *crons(struct fixture *f)
{
	const char *text = "";
	struct stored_cron *list;
	size_t count;
	struct err err;

	check(workflow_store_list_crons(f->store, &f->arena, &list, &count, &err), &err);
	for (size_t i = 0; i < count; i++)
		text = arena_printf(&f->arena, "%s%s%lld/%zu %lld", text, i ? ", " : "", (long long)list[i].workflow,
		                    list[i].position, (long long)list[i].due);
	return text;
}

static void triggers_are_due_when_they_were_put_to_be(void **state)
{
	struct fixture *f = *state;
	int64_t id = 9;
	struct err err;

	add_workflow(f, "w", WORKFLOW_AVAILABLE);
	add_workflow(f, "v", WORKFLOW_AVAILABLE);
	add_workflow(f, "p", WORKFLOW_PAUSED);
	assert_string_equal(due(f, 1000, 10), "next -1");
	assert_string_equal(crons(f), "1/0 -1, 2/0 -1");
	check(workflow_store_put_due(f->store, 1, 0, 50, &err) && workflow_store_put_due(f->store, 2, 0, 40, &err), &err);
	assert_string_equal(crons(f), "1/0 50, 2/0 40");
	assert_string_equal(due(f, 39, 10), "next 40");
	assert_string_equal(due(f, 50, 10), "2/0 0 * * * * 40, 1/0 0 * * * * 50, next 40");
	assert_string_equal(due(f, 50, 1), "2/0 0 * * * * 40, next 40");
	check(workflow_store_clear_dues(f->store, 2, &err), &err);
	assert_string_equal(due(f, 50, 10), "1/0 0 * * * * 50, next 50");
	check(workflow_store_put_due(f->store, 1, 0, -1, &err), &err);
	assert_string_equal(due(f, 50, 10), "next -1");

	check(workflow_store_find_webhook(f->store, "v", &id, &err), &err);
	assert_int_equal(id, 2);
	check(workflow_store_find_webhook(f->store, "x", &id, &err), &err);
	assert_int_equal(id, 0);
}

/* A cron is not looked at again because a run of its workflow is under way. */
static void a_running_workflow_has_its_crons(void **state)
{
	struct fixture *f = *state;

	add_workflow(f, "w", WORKFLOW_AVAILABLE);
	add(f, "a", 1, 10);
	assert_string_equal(crons(f), "1/0 -1");
}

/* ---- from one version to the next ---- */

/* What version 1 made of a file, and two workflows in it. */
static const char version_1[] =
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
	"  INSERT INTO workflow_name(rowid, name) VALUES(new.id, new.name); END;"
	"INSERT INTO workflow VALUES(3, 'daily', 2, 10, 20, 'me'), (7, 'nightly', 3, 11, 21, 'you');"
	"INSERT INTO workflow_body VALUES(3, '{\"a\":1}'), (7, '{}');"
	"INSERT INTO workflow_trigger VALUES(3, 0, '0 * * * *', NULL), (3, 1, NULL, 'hook'), (7, 0, '@daily', NULL);"
	"INSERT INTO workflow_tag VALUES(3, 0, 'b'), (3, 1, 'a');"
	"PRAGMA application_id = 0x666c6f77; PRAGMA user_version = 1;";

static void make_old(struct fixture *f)
{
	static const char *const ends[] = { "", "-wal", "-shm" };
	char *message = NULL;
	sqlite3 *db;

	workflow_store_close(take(f->store));
	for (size_t i = 0; i < ARRAY_LEN(ends); i++)
		unlink(arena_printf(&f->arena, "%s%s", f->file, ends[i]));
	assert_int_equal(sqlite3_open(f->file, &db), SQLITE_OK);
	if (sqlite3_exec(db, version_1, NULL, NULL, &message) != SQLITE_OK)
		fail_msg("%s", message);
	sqlite3_close(db);
}

static void a_file_of_version_1_keeps_what_is_in_it_and_takes_runs(void **state)
{
	struct fixture *f = *state;
	struct stored_workflow w;
	struct err err;

	make_old(f);
	check(workflow_store_open(f->file, 100, &f->store, &err), &err);
	check(workflow_store_get(f->store, &f->arena, 3, &w, &err), &err);
	assert_string_equal(arena_printf(&f->arena, "%s %d %lld %lld %s %s %s %s %s %s", w.name, w.status,
	                                 (long long)w.created, (long long)w.updated, w.modified_by, w.triggers[0].cron,
	                                 w.triggers[1].webhook, w.tags[0], w.tags[1], w.body),
	                    "daily 2 10 20 me 0 * * * * hook b a {\"a\":1}");
	assert_true(w.trigger_count == 2 && w.tag_count == 2);
	assert_int_equal(w.triggers[0].due, -1);
	assert_string_equal(workflows(f, (struct page_query){ .search = "aily" }), "1: daily");
	/* Nothing is due until an engine has given each a time. */
	assert_string_equal(crons(f), "3/0 -1");
	assert_string_equal(due(f, INT64_MAX, 10), "next -1");
	assert_string_equal(last(f, 3), "none");
	add(f, "a", 3, 10);
	assert_int_equal(add_workflow(f, "new", WORKFLOW_AVAILABLE), 8);
	workflow_store_close(take(f->store));

	check(workflow_store_open(f->file, 100, &f->store, &err), &err);
	assert_string_equal(found(f, "a"), "1 a of 3: Running 10--1 by cron, stopped by -, asked by -");
}

int main(void)
{
#define WITH_STORE(test)	cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		WITH_STORE(a_run_is_given_back_as_it_was_added_and_put),
		WITH_STORE(what_a_run_was_sent_is_forgotten_when_it_ends),
		WITH_STORE(work_that_is_not_there_is_told),
		WITH_STORE(two_runs_of_one_uuid_and_a_run_of_nothing_are_refused),
		WITH_STORE(a_stop_is_asked_for_once_it_matters),
		WITH_STORE(a_page_has_the_newest_that_fit_first),
		WITH_STORE(those_under_way_are_counted_and_taken_in_their_order),
		WITH_STORE(an_id_of_a_run_is_never_given_out_twice),
		WITH_STORE(a_workflow_is_running_while_a_run_of_it_is),
		WITH_STORE(workflows_are_found_by_how_their_last_run_stands),
		WITH_STORE(a_rerun_ends_with_the_run_or_with_what_follows_it),
		WITH_STORE(a_log_is_read_in_whole_parts),
		WITH_STORE(watchers_wait_until_they_are_due),
		WITH_STORE(a_workflow_takes_its_runs_along),
		WITH_STORE(an_update_of_a_workflow_keeps_its_runs),
		WITH_STORE(those_that_ended_long_ago_are_forgotten_a_few_at_a_time),
		WITH_STORE(triggers_are_due_when_they_were_put_to_be),
		WITH_STORE(a_running_workflow_has_its_crons),
		WITH_STORE(a_file_of_version_1_keeps_what_is_in_it_and_takes_runs),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
