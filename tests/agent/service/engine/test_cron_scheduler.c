#include "tests/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <sqlite3.h>

#include "agent/service/engine/cron_scheduler.h"
#include "agent/service/engine/execution_start.h"
#include "agent/service/api/workflow_json.h"
#include "agent/service/engine/cron_time.h"
#include "agent/util/clock.h"

/* The state of an engine, without an engine: a file, a log, and an eventfd that stops it. */
struct fixture {
	char folder[32];
	char *file, *said;
	size_t said_len;
	struct log log;
	struct engine_options options;
	struct engine_state state;
	struct arena arena;
};

static void check(bool ok, const struct err *err)
{
	if (!ok)
		fail_msg("%s", err->msg);
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	struct err err;

	assert_non_null(f);
	strcpy(f->folder, "/tmp/flowsync-due-XXXXXX");
	assert_non_null(mkdtemp(f->folder));
	assert_true(asprintf(&f->file, "%s/a.db", f->folder) > 0);
	f->log = (struct log){ .to = open_memstream(&f->said, &f->said_len), .level = LEVEL_INFO };
	f->options.log = &f->log;
	f->state = (struct engine_state){ .options = &f->options, .stop_fd = eventfd(0, 0) };
	check(workflow_store_open(f->file, 100, &f->state.store, &err), &err);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	static const char *const ends[] = { "", "-wal", "-shm" };

	workflow_store_close(f->state.store);
	for (size_t i = 0; i < ARRAY_LEN(ends); i++)
		unlink(arena_printf(&f->arena, "%s%s", f->file, ends[i]));
	assert_int_equal(rmdir(f->folder), 0);
	close(f->state.stop_fd);
	fclose(f->log.to);
	free(f->said);
	arena_free(&f->arena);
	free(f->file);
	free(f);
	return 0;
}

#define BODY	"{\"name\":\"w\",\"steps\":{\"s\":{\"imageId\":1,\"command\":\"x\"}}}"
#define BESIDE	"{\"metadata\":{\"allowConcurrentExecution\":true},\"steps\":{}}"

static int64_t add(struct fixture *f, enum workflow_status status, const char *body, const char *cron, int64_t due)
{
	struct stored_trigger triggers[] = { { .webhook = NULL, .due = -1 }, { .cron = cron, .due = due } };
	struct stored_workflow w = {
		.name = "w", .status = status, .modified_by = "me", .body = body, .triggers = triggers, .trigger_count = 2,
	};
	struct err err;
	static unsigned hooks;

	triggers[0].webhook = arena_printf(&f->arena, "hook-%u", ++hooks);
	check(workflow_store_add(f->state.store, &w, &err), &err);
	return w.id;
}

static int64_t due_of(struct fixture *f, int64_t id)
{
	struct stored_workflow w;
	struct err err;

	check(workflow_store_get(f->state.store, &f->arena, id, &w, &err), &err);
	assert_int_equal(w.triggers[0].due, -1);
	return w.triggers[1].due;
}

static int64_t runs_of(struct fixture *f, int64_t id)
{
	struct stored_execution *runs;
	int64_t total;
	size_t count;
	struct err err;

	check(execution_store_page(f->state.store, &f->arena, &(struct execution_query){ id, 0, INT64_MAX, 0, 1, 100 }, &runs, &count,
	                &total, &err), &err);
	for (size_t i = 0; i < count; i++) {
		assert_string_equal(runs[i].cause, "cron");
		assert_int_equal(strlen(runs[i].uuid), UUID_LEN);
	}
	return total;
}

static const char *said(struct fixture *f)
{
	fflush(f->log.to);
	return f->said;
}

/* The next time of the cron after one of the last seconds. */
static void assert_next(int64_t due, const char *cron)
{
	int64_t now = clock_now();

	if (due != cron_time_next(cron, now) && due != cron_time_next(cron, now - 5000))
		fail_msg("%lld is not when \"%s\" comes next", (long long)due, cron);
}

static void each_cron_gets_a_time_and_a_missed_one_keeps_its_own(void **state)
{
	struct fixture *f = *state;
	int64_t past = clock_now() - 86400000, future = clock_now() + INT64_C(86400000) * 400;
	static const char cron[] = "17 3 * * *";

	add(f, WORKFLOW_AVAILABLE, BODY, cron, -1);
	add(f, WORKFLOW_AVAILABLE, BODY, cron, past);
	add(f, WORKFLOW_AVAILABLE, BODY, cron, future);		/* it was another zone's */
	add(f, WORKFLOW_PAUSED, BODY, cron, -1);
	add(f, WORKFLOW_DRAFT, BODY, cron, -1);
	add(f, WORKFLOW_AVAILABLE, BODY, "no cron", -1);
	add(f, WORKFLOW_AVAILABLE, BODY, "0 0 31 2 *", -1);	/* a day that never comes */
	cron_scheduler_set_times(&f->state);
	assert_next(due_of(f, 1), cron);
	assert_int_equal(due_of(f, 2), past);
	assert_next(due_of(f, 3), cron);
	for (int64_t id = 4; id <= 7; id++)
		assert_int_equal(due_of(f, id), -1);
	assert_string_equal(said(f),
	                    "flowsync: warning: workflow 6: the time of cron \"no cron\" never comes: expected five cron fields, or six "
	                    "or seven with seconds first and a year last, found 2\n"
	                    "flowsync: warning: workflow 7: the time of cron \"0 0 31 2 *\" never comes: expected a day of the month "
	                    "that one of its months has, found \"31\"\n");
}

static void a_due_cron_fires_once_however_long_ago_it_was_due(void **state)
{
	struct fixture *f = *state;
	int64_t now = clock_now(), next = 0;
	static const char cron[] = "* * * * *";

	add(f, WORKFLOW_AVAILABLE, BODY, cron, 1000);
	add(f, WORKFLOW_AVAILABLE, BODY, cron, now);
	add(f, WORKFLOW_AVAILABLE, BODY, cron, now + 3600000);
	assert_true(cron_scheduler_run(&f->state, &next));
	for (int64_t id = 1; id <= 2; id++) {
		assert_int_equal(runs_of(f, id), 1);
		assert_next(due_of(f, id), cron);
	}
	assert_int_equal(runs_of(f, 3), 0);
	assert_int_equal(due_of(f, 3), now + 3600000);
	assert_next(next, cron);
	assert_string_equal(said(f), "");

	assert_false(cron_scheduler_run(&f->state, &next));
	assert_int_equal(runs_of(f, 1), 1);
}

static void a_cron_that_never_fires_again_has_no_next_time(void **state)
{
	struct fixture *f = *state;
	int64_t next = 0;

	add(f, WORKFLOW_AVAILABLE, BODY, "0 0 31 2 *", 1000);
	assert_true(cron_scheduler_run(&f->state, &next));
	assert_int_equal(runs_of(f, 1), 1);
	assert_int_equal(due_of(f, 1), -1);
	assert_int_equal(next, -1);
}

static void a_refused_execution_is_logged_and_the_cron_gets_its_next_time(void **state)
{
	static const struct { const char *body, *said; bool open; } cases[] = {
		{ BODY, "workflow \"w\": its cron started no execution: workflow 1 is running already, and does not "
		        "allow concurrent executions (metadata.allowConcurrentExecution)\n", true },
		{ "{\"steps\":{\"s\":{\"parents\":[\"t\"]}}}",
		  "workflow \"w\": its cron started no execution: workflow 1 cannot be executed: step \"s\": parent 1 is not a step of the "
		  "workflow\n" },
		{ "", "workflow \"w\": its cron started no execution: nothing, where JSON was expected\n" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		if (i > 0) {
			tear_down(state);
			set_up(state);
		}
		struct fixture *f = *state;
		int64_t next = 0;
		struct err err;
		add(f, WORKFLOW_AVAILABLE, cases[i].body, "* * * * *", 1000);
		if (cases[i].open)
			check(execution_store_add(f->state.store, &(struct stored_execution){
				.uuid = "00000000-0000-4000-8000-000000000001", .workflow = 1, .status = DAG_RUNNING,
				.cause = "cron" }, &(struct execution_details){ NULL, "[]", "{}" }, &err), &err);
		assert_false(cron_scheduler_run(&f->state, &next));
		assert_int_equal(runs_of(f, 1), cases[i].open);
		assert_next(due_of(f, 1), "* * * * *");
		assert_string_equal(strstr(said(f), "workflow"), cases[i].said);
	}
}

static void workflows_that_allow_it_are_executed_concurrently(void **state)
{
	struct fixture *f = *state;
	int64_t next = 0;
	struct err err;

	add(f, WORKFLOW_AVAILABLE, BESIDE, "* * * * *", 1000);
	assert_true(cron_scheduler_run(&f->state, &next));
	check(workflow_store_put_due(f->state.store, 1, 1, 2000, &err), &err);
	assert_true(cron_scheduler_run(&f->state, &next));
	assert_int_equal(runs_of(f, 1), 2);
}

static void many_due_crons_all_fire(void **state)
{
	struct fixture *f = *state;
	int64_t next = 0;
	struct err err;

	check(workflow_store_begin(f->state.store, &err), &err);
	for (int i = 0; i < 250; i++)
		add(f, WORKFLOW_AVAILABLE, BODY, "* * * * *", 1000 + i);
	check(workflow_store_end(f->state.store, true, &err), &err);
	assert_true(cron_scheduler_run(&f->state, &next));
	for (int64_t id = 1; id <= 250; id++)
		assert_int_equal(runs_of(f, id), 1);
}

static void set_open(struct fixture *f, int64_t count, int64_t finished)
{
	struct err err;

	check(workflow_store_begin(f->state.store, &err), &err);
	for (int64_t i = 1; i <= count; i++) {
		struct stored_execution run = {
			.id = i, .uuid = arena_printf(&f->arena, "00000000-0000-4000-8000-%012lld", (long long)i), .workflow = 1,
			.status = finished < 0 ? DAG_RUNNING : DAG_SUCCESS, .cause = "cron", .finished = finished,
		};
		check((finished >= 0 || execution_store_add(f->state.store, &run, &(struct execution_details){ NULL, "[]", "{}" }, &err)) &&
		      execution_store_put(f->state.store, &run, NULL, &err), &err);
	}
	check(workflow_store_end(f->state.store, true, &err), &err);
}

static void with_too_many_open_executions_due_crons_wait(void **state)
{
	struct fixture *f = *state;
	int64_t next = 0, before = clock_now();

	add(f, WORKFLOW_AVAILABLE, BESIDE, "0 0 1 1 *", -1);
	for (int i = 0; i < 3; i++)
		add(f, WORKFLOW_AVAILABLE, BODY, "0 0 1 1 *", 1000 + i);
	set_open(f, EXECUTION_OPEN_MAX - 1, -1);
	assert_true(cron_scheduler_run(&f->state, &next));
	for (int i = 0; i < 2; i++) {
		assert_int_equal(runs_of(f, 2), 1);
		assert_int_equal(due_of(f, 3), 1001);
		assert_int_equal(due_of(f, 4), 1002);
		assert_in_range(next, before + 1000, clock_now() + 60000);	/* no haste, and no year either */
		assert_false(cron_scheduler_run(&f->state, &next));
	}
	assert_string_equal(said(f), "flowsync: warning: crons that are due wait: too many executions are in progress\n");

	set_open(f, EXECUTION_OPEN_MAX - 1, 2000);
	assert_true(cron_scheduler_run(&f->state, &next));
	for (int64_t id = 3; id <= 4; id++) {
		assert_int_equal(runs_of(f, id), 1);
		assert_next(due_of(f, id), "0 0 1 1 *");
	}
}

/* Changes made by other processes after the list of due crons was read. */
static void a_workflow_changed_or_paused_meanwhile_is_not_executed(void **state)
{
	static const char *const changes[] = {
		"UPDATE workflow_trigger SET cron = NULL, webhook = 'now a hook', due = NULL WHERE workflow = 2 AND position = 1",
		"UPDATE workflow_trigger SET due = NULL WHERE workflow = 2",
		"UPDATE workflow_trigger SET cron = '0 0 1 1 *', due = 4102444800000 WHERE workflow = 2 AND position = 1",
		"DELETE FROM workflow_trigger WHERE workflow = 2 AND position = 1",
	};
	static const int64_t dues[] = { -1, -1, 4102444800000, -1 };

	for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
		if (i > 0) {
			tear_down(state);
			set_up(state);
		}
		struct fixture *f = *state;
		struct stored_workflow w;
		sqlite3 *db;
		int64_t next = 0;
		struct err err;
		add(f, WORKFLOW_AVAILABLE, BODY, "* * * * *", 1000);
		add(f, WORKFLOW_AVAILABLE, BODY, "* * * * *", 1001);
		assert_int_equal(sqlite3_open(f->file, &db), SQLITE_OK);
		assert_int_equal(sqlite3_exec(db, arena_printf(&f->arena, "CREATE TRIGGER somebody AFTER INSERT ON run WHEN "
		                              "new.workflow = 1 BEGIN %s; END", changes[i]), NULL, NULL, NULL), SQLITE_OK);
		sqlite3_close(db);
		assert_true(cron_scheduler_run(&f->state, &next));
		assert_int_equal(runs_of(f, 1), 1);
		assert_int_equal(runs_of(f, 2), 0);
		check(workflow_store_get(f->state.store, &f->arena, 2, &w, &err), &err);
		if (w.trigger_count > 1)
			assert_int_equal(w.triggers[1].due, dues[i]);
		assert_string_equal(said(f), "");
	}
}

/* Another process writes for long; the engine is asked to end meanwhile. */
static void an_engine_that_ends_while_the_store_is_busy_starts_nothing(void **state)
{
	struct fixture *f = *state;
	CLEANUP(workflow_store_closep) struct store *other = NULL;
	int64_t next = 0;
	struct err err;

	add(f, WORKFLOW_AVAILABLE, BODY, "* * * * *", 1000);
	check(workflow_store_open(f->file, 100, &other, &err) && workflow_store_begin(other, &err), &err);
	assert_int_equal(eventfd_write(f->state.stop_fd, 1), 0);
	assert_false(cron_scheduler_run(&f->state, &next));
	check(workflow_store_end(other, false, &err), &err);
	assert_true(f->state.stopping);
	assert_int_equal(runs_of(f, 1), 0);
	assert_int_equal(due_of(f, 1), 1000);
	assert_string_equal(strstr(said(f), "cannot save"),
	                    arena_printf(&f->arena, "cannot save execution state, retrying: database \"%s\" is in "
	                                 "use by another process\n", f->file));
}

static void a_cron_of_unknown_time_gets_a_time_and_no_execution(void **state)
{
	struct fixture *f = *state;
	int64_t next = -1;

	add(f, WORKFLOW_AVAILABLE, BODY, "17 3 * * *", DUE_UNKNOWN);
	assert_false(cron_scheduler_run(&f->state, &next));
	assert_next(due_of(f, 1), "17 3 * * *");
	assert_int_equal(next, due_of(f, 1));
	assert_int_equal(runs_of(f, 1), 0);
	/* At the start it is the same. */
	add(f, WORKFLOW_AVAILABLE, BODY, "17 3 * * *", DUE_UNKNOWN);
	cron_scheduler_set_times(&f->state);
	assert_next(due_of(f, 2), "17 3 * * *");
}

int main(void)
{
#define WITH_STATE(test)	cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		WITH_STATE(each_cron_gets_a_time_and_a_missed_one_keeps_its_own),
		WITH_STATE(a_due_cron_fires_once_however_long_ago_it_was_due),
		WITH_STATE(a_cron_that_never_fires_again_has_no_next_time),
		WITH_STATE(a_refused_execution_is_logged_and_the_cron_gets_its_next_time),
		WITH_STATE(workflows_that_allow_it_are_executed_concurrently),
		WITH_STATE(many_due_crons_all_fire),
		WITH_STATE(with_too_many_open_executions_due_crons_wait),
		WITH_STATE(a_workflow_changed_or_paused_meanwhile_is_not_executed),
		WITH_STATE(an_engine_that_ends_while_the_store_is_busy_starts_nothing),
		WITH_STATE(a_cron_of_unknown_time_gets_a_time_and_no_execution),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
