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

/* An engine's world without an engine: a file, a log, and somebody who may stop it. */
struct fixture {
	char folder[32];
	char *file, *said;
	size_t said_len;
	struct log log;
	struct engine_options options;
	struct engine_state world;
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
	f->world = (struct engine_state){ .options = &f->options, .stop_fd = eventfd(0, 0) };
	check(workflow_store_open(f->file, 100, &f->world.store, &err), &err);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	static const char *const ends[] = { "", "-wal", "-shm" };

	workflow_store_close(f->world.store);
	for (size_t i = 0; i < ARRAY_LEN(ends); i++)
		unlink(arena_printf(&f->arena, "%s%s", f->file, ends[i]));
	assert_int_equal(rmdir(f->folder), 0);
	close(f->world.stop_fd);
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
	check(workflow_store_add(f->world.store, &w, &err), &err);
	return w.id;
}

static int64_t due_of(struct fixture *f, int64_t id)
{
	struct stored_workflow w;
	struct err err;

	check(workflow_store_get(f->world.store, &f->arena, id, &w, &err), &err);
	assert_int_equal(w.triggers[0].due, -1);
	return w.triggers[1].due;
}

static int64_t runs_of(struct fixture *f, int64_t id)
{
	struct stored_execution *runs;
	int64_t total;
	size_t count;
	struct err err;

	check(execution_store_page(f->world.store, &f->arena, &(struct execution_query){ id, 0, INT64_MAX, 0, 1, 100 }, &runs, &count,
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

static void at_the_start_each_cron_gets_a_time_and_a_missed_one_keeps_its(void **state)
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
	cron_scheduler_init(&f->world);
	assert_next(due_of(f, 1), cron);
	assert_int_equal(due_of(f, 2), past);
	assert_next(due_of(f, 3), cron);
	for (int64_t id = 4; id <= 7; id++)
		assert_int_equal(due_of(f, id), -1);
	assert_string_equal(said(f),
	                    "flowsync: warning: workflow 6: its cron \"no cron\" never comes, as this service reads crons\n"
	                    "flowsync: warning: workflow 7: its cron \"0 0 31 2 *\" never comes, as this service reads crons\n");
}

static void what_is_due_begins_once_however_long_ago_it_was(void **state)
{
	struct fixture *f = *state;
	int64_t now = clock_now(), next = 0;
	static const char cron[] = "* * * * *";

	add(f, WORKFLOW_AVAILABLE, BODY, cron, 1000);
	add(f, WORKFLOW_AVAILABLE, BODY, cron, now);
	add(f, WORKFLOW_AVAILABLE, BODY, cron, now + 3600000);
	assert_true(cron_scheduler_start_due(&f->world, &next));
	for (int64_t id = 1; id <= 2; id++) {
		assert_int_equal(runs_of(f, id), 1);
		assert_next(due_of(f, id), cron);
	}
	assert_int_equal(runs_of(f, 3), 0);
	assert_int_equal(due_of(f, 3), now + 3600000);
	assert_next(next, cron);
	assert_string_equal(said(f), "");

	assert_false(cron_scheduler_start_due(&f->world, &next));
	assert_int_equal(runs_of(f, 1), 1);
}

static void a_cron_that_never_comes_again_is_due_no_more(void **state)
{
	struct fixture *f = *state;
	int64_t next = 0;

	add(f, WORKFLOW_AVAILABLE, BODY, "0 0 31 2 *", 1000);
	assert_true(cron_scheduler_start_due(&f->world, &next));
	assert_int_equal(runs_of(f, 1), 1);
	assert_int_equal(due_of(f, 1), -1);
	assert_int_equal(next, -1);
}

static void what_cannot_begin_is_told_and_waits_for_its_next_time(void **state)
{
	static const struct { const char *body, *said; bool open; } cases[] = {
		{ BODY, "workflow \"w\": no run at its time: workflow 1 is running, and does not allow a run beside "
		        "another one\n", true },
		{ "{\"steps\":{\"s\":{\"parents\":[\"t\"]}}}",
		  "workflow \"w\": no run at its time: workflow 1 cannot be run: step \"s\": parent 1 is no step of the "
		  "workflow\n" },
		{ "", "workflow \"w\": no run at its time: nothing, where JSON was expected\n" },
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
			check(execution_store_add(f->world.store, &(struct stored_execution){
				.uuid = "00000000-0000-4000-8000-000000000001", .workflow = 1, .status = DAG_RUNNING,
				.cause = "cron" }, &(struct execution_details){ NULL, "[]", "{}" }, &err), &err);
		assert_false(cron_scheduler_start_due(&f->world, &next));
		assert_int_equal(runs_of(f, 1), cases[i].open);
		assert_next(due_of(f, 1), "* * * * *");
		assert_string_equal(strstr(said(f), "workflow"), cases[i].said);
	}
}

static void those_that_allow_it_begin_beside_each_other(void **state)
{
	struct fixture *f = *state;
	int64_t next = 0;
	struct err err;

	add(f, WORKFLOW_AVAILABLE, BESIDE, "* * * * *", 1000);
	assert_true(cron_scheduler_start_due(&f->world, &next));
	check(workflow_store_put_due(f->world.store, 1, 1, 2000, &err), &err);
	assert_true(cron_scheduler_start_due(&f->world, &next));
	assert_int_equal(runs_of(f, 1), 2);
}

static void many_that_are_due_all_begin(void **state)
{
	struct fixture *f = *state;
	int64_t next = 0;
	struct err err;

	check(workflow_store_begin(f->world.store, &err), &err);
	for (int i = 0; i < 250; i++)
		add(f, WORKFLOW_AVAILABLE, BODY, "* * * * *", 1000 + i);
	check(workflow_store_end(f->world.store, true, &err), &err);
	assert_true(cron_scheduler_start_due(&f->world, &next));
	for (int64_t id = 1; id <= 250; id++)
		assert_int_equal(runs_of(f, id), 1);
}

static void set_open(struct fixture *f, int64_t count, int64_t finished)
{
	struct err err;

	check(workflow_store_begin(f->world.store, &err), &err);
	for (int64_t i = 1; i <= count; i++) {
		struct stored_execution run = {
			.id = i, .uuid = arena_printf(&f->arena, "00000000-0000-4000-8000-%012lld", (long long)i), .workflow = 1,
			.status = finished < 0 ? DAG_RUNNING : DAG_SUCCESS, .cause = "cron", .finished = finished,
		};
		check((finished >= 0 || execution_store_add(f->world.store, &run, &(struct execution_details){ NULL, "[]", "{}" }, &err)) &&
		      execution_store_put(f->world.store, &run, NULL, &err), &err);
	}
	check(workflow_store_end(f->world.store, true, &err), &err);
}

static void where_no_more_runs_may_be_those_that_are_due_wait_for_room(void **state)
{
	struct fixture *f = *state;
	int64_t next = 0, before = clock_now();

	add(f, WORKFLOW_AVAILABLE, BESIDE, "0 0 1 1 *", -1);
	for (int i = 0; i < 3; i++)
		add(f, WORKFLOW_AVAILABLE, BODY, "0 0 1 1 *", 1000 + i);
	set_open(f, EXECUTION_OPEN_MAX - 1, -1);
	assert_true(cron_scheduler_start_due(&f->world, &next));
	for (int i = 0; i < 2; i++) {
		assert_int_equal(runs_of(f, 2), 1);
		assert_int_equal(due_of(f, 3), 1001);
		assert_int_equal(due_of(f, 4), 1002);
		assert_in_range(next, before + 1000, clock_now() + 60000);	/* no haste, and no year either */
		assert_false(cron_scheduler_start_due(&f->world, &next));
	}
	assert_string_equal(said(f), "flowsync: warning: crons that are due wait: as many runs as there may be are under "
	                             "way\n");

	set_open(f, EXECUTION_OPEN_MAX - 1, 2000);
	assert_true(cron_scheduler_start_due(&f->world, &next));
	for (int64_t id = 3; id <= 4; id++) {
		assert_int_equal(runs_of(f, id), 1);
		assert_next(due_of(f, id), "0 0 1 1 *");
	}
}

/* What others do between the moment when it is known who is due and the moment when it begins. */
static void what_is_changed_or_paused_meanwhile_does_not_begin(void **state)
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
		assert_true(cron_scheduler_start_due(&f->world, &next));
		assert_int_equal(runs_of(f, 1), 1);
		assert_int_equal(runs_of(f, 2), 0);
		check(workflow_store_get(f->world.store, &f->arena, 2, &w, &err), &err);
		if (w.trigger_count > 1)
			assert_int_equal(w.triggers[1].due, dues[i]);
		assert_string_equal(said(f), "");
	}
}

/* Somebody else writes; the engine is told to end meanwhile. */
static void an_engine_that_ends_while_it_waits_for_the_file_begins_nothing(void **state)
{
	struct fixture *f = *state;
	CLEANUP(workflow_store_closep) struct store *other = NULL;
	int64_t next = 0;
	struct err err;

	add(f, WORKFLOW_AVAILABLE, BODY, "* * * * *", 1000);
	check(workflow_store_open(f->file, 100, &other, &err) && workflow_store_begin(other, &err), &err);
	assert_int_equal(eventfd_write(f->world.stop_fd, 1), 0);
	assert_false(cron_scheduler_start_due(&f->world, &next));
	check(workflow_store_end(other, false, &err), &err);
	assert_true(f->world.stopping);
	assert_int_equal(runs_of(f, 1), 0);
	assert_int_equal(due_of(f, 1), 1000);
	assert_string_equal(strstr(said(f), "runs wait"),
	                    arena_printf(&f->arena, "runs wait, as they cannot be written down: database \"%s\" is kept "
	                                 "busy by another process\n", f->file));
}

static void old_runs_are_forgotten(void **state)
{
	struct fixture *f = *state;
	struct err err;

	add(f, WORKFLOW_AVAILABLE, BODY, "* * * * *", -1);
	for (int i = 1; i <= 3; i++) {
		struct stored_execution run = {
			.uuid = arena_printf(&f->arena, "00000000-0000-4000-8000-00000000000%d", i), .workflow = 1,
			.status = DAG_RUNNING, .cause = "cron", .finished = i < 3 ? i * 1000 : -1,
		};
		check(execution_store_add(f->world.store, &run, &(struct execution_details){ NULL, "[]", "{}" }, &err), &err);
		run.status = i < 3 ? DAG_SUCCESS : DAG_RUNNING;
		check(execution_store_put(f->world.store, &run, "{}", &err), &err);
	}
	cron_scheduler_forget_old_executions(&f->world, 2000);
	assert_int_equal(runs_of(f, 1), 2);
}

static void one_that_nobody_reckoned_gets_its_time_and_no_run(void **state)
{
	struct fixture *f = *state;
	int64_t next = -1;

	add(f, WORKFLOW_AVAILABLE, BODY, "17 3 * * *", DUE_UNKNOWN);
	assert_false(cron_scheduler_start_due(&f->world, &next));
	assert_next(due_of(f, 1), "17 3 * * *");
	assert_int_equal(next, due_of(f, 1));
	assert_int_equal(runs_of(f, 1), 0);
	/* At the start it is the same. */
	add(f, WORKFLOW_AVAILABLE, BODY, "17 3 * * *", DUE_UNKNOWN);
	cron_scheduler_init(&f->world);
	assert_next(due_of(f, 2), "17 3 * * *");
}

int main(void)
{
#define WITH_WORLD(test)	cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		WITH_WORLD(at_the_start_each_cron_gets_a_time_and_a_missed_one_keeps_its),
		WITH_WORLD(what_is_due_begins_once_however_long_ago_it_was),
		WITH_WORLD(a_cron_that_never_comes_again_is_due_no_more),
		WITH_WORLD(what_cannot_begin_is_told_and_waits_for_its_next_time),
		WITH_WORLD(those_that_allow_it_begin_beside_each_other),
		WITH_WORLD(many_that_are_due_all_begin),
		WITH_WORLD(where_no_more_runs_may_be_those_that_are_due_wait_for_room),
		WITH_WORLD(what_is_changed_or_paused_meanwhile_does_not_begin),
		WITH_WORLD(an_engine_that_ends_while_it_waits_for_the_file_begins_nothing),
		WITH_WORLD(old_runs_are_forgotten),
		WITH_WORLD(one_that_nobody_reckoned_gets_its_time_and_no_run),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
