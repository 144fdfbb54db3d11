#include "tests/agent/service/store/store_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/util/id128.h"
#include "agent/service/engine/execution_start.h"
#include "reconcile/tree/json.h"

/* 2024-05-31 10:00:00 */
#define NOW	INT64_C(1717149600000)

static struct node *read_json(struct arena *a, const char *json)
{
	struct node *n = NULL;
	struct err err;

	check(!json || json_read(a, json, strlen(json), &n, &err), &err);
	return n;
}

#define STEP	"\"s\":{\"imageId\":1,\"command\":\"x\"}"
#define PLAIN	"{\"name\":\"w\",\"steps\":{" STEP "}}"
#define BESIDE(word)	"{\"name\":\"w\",\"metadata\":{\"allowConcurrentExecution\":" word "},\"steps\":{" STEP "}}"

static int64_t add_workflow(struct fixture *f, enum workflow_status status, const char *body)
{
	struct stored_workflow w = { .name = "w", .status = status, .modified_by = "me", .body = body };
	struct err err;

	check(workflow_store_add(f->store, &w, &err), &err);
	return w.id;
}

/* "RESULT WORDS" of a run of workflow id, as it stands in the file. */
static const char *begin(struct fixture *f, int64_t id, const char *uuid, const char *execute, bool by_hand)
{
	static const char *const words[] = {
		[EXECUTION_STARTED] = "begun", [EXECUTION_ALREADY_RUNNING] = "busy", [EXECUTION_TOO_MANY] = "full", [EXECUTION_NOT_VALID] = "wrong",
		[EXECUTION_START_FAILED] = "broken",
	};
	struct stored_workflow w;
	struct err err = { 0 };

	check(workflow_store_get(f->store, &f->arena, id, &w, &err), &err);
	enum execution_start_result result = execution_start(f->store, &f->arena, &(struct execution_start_request){
		.workflow = &w, .body = read_json(&f->arena, w.body), .execute = read_json(&f->arena, execute),
		.cause = "webhook", .by_hand = by_hand, .uuid = uuid, .now = NOW,
	}, &err);
	return result == EXECUTION_STARTED ? "begun" : arena_printf(&f->arena, "%s %s", words[result], err.msg);
}

static int64_t open_runs(struct fixture *f)
{
	int64_t count = -1;
	struct err err;

	check(execution_store_count_open(f->store, 0, &count, &err), &err);
	return count;
}

static void a_run_that_begins_stands_in_the_file(void **state)
{
	static const struct { const char *execute, *kept; } cases[] = {
		{ NULL, NULL }, { "{}", NULL }, { "null", NULL },
		{ "{\"params\":{\"global\":{\"A\":\"1\"}},\"stepsToRun\":[{\"stepName\":\"s\"}]}",
		  "{\"params\":{\"global\":{\"A\":\"1\"}},\"stepsToRun\":[{\"stepName\":\"s\"}]}" },
	};
	struct fixture *f = *state;

	add_workflow(f, WORKFLOW_AVAILABLE, BESIDE("true"));
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const char *uuid = arena_printf(&f->arena, "u-%zu", i);
		struct execution_details work;
		struct stored_execution run;
		struct err err;
		assert_string_equal(begin(f, 1, uuid, cases[i].execute, false), "begun");
		check(execution_store_find(f->store, &f->arena, uuid, &run, &err) &&
		      execution_store_get_details(f->store, &f->arena, run.id, &work, &err), &err);
		assert_true(run.workflow == 1 && run.status == DAG_RUNNING && run.began == NOW && run.finished < 0);
		assert_string_equal(run.cause, "webhook");
		assert_true(!run.stopped_by && !run.stop_asked && !run.taken);
		if (cases[i].kept)
			assert_string_equal(work.execute, cases[i].kept);
		else
			assert_null(work.execute);
		assert_string_equal(work.steps,
		                    "[{\"name\":\"s\",\"stepType\":\"standard\",\"children\":[],\"command\":\"x\","
		                    "\"image\":\"image-1:latest\",\"resources\":{\"instanceTypeId\":21,\"storage\":\"10 GB\"}}]");
		assert_string_equal(work.state, arena_printf(&f->arena,
			"{\"flow\":{\"version\":1,\"status\":\"Running\",\"began\":1717149600000,\"now\":1717149600000,"
			"\"steps\":{\"s\":{}}},\"boot\":\"%s\"}", boot_id(&f->arena)));
	}
}

static void whether_it_begins_is_a_question_of_how_the_workflow_stands(void **state)
{
	static const struct {
		enum workflow_status status;
		const char *body;
		bool open, by_hand;
		const char *said;
	} cases[] = {
		{ WORKFLOW_AVAILABLE, PLAIN, false, false, "begun" },
		{ WORKFLOW_AVAILABLE, PLAIN, false, true, "begun" },
		{ WORKFLOW_DRAFT, PLAIN, false, false, "busy workflow 1 is a draft" },
		{ WORKFLOW_DRAFT, PLAIN, false, true, "busy workflow 1 is a draft" },
		{ WORKFLOW_PAUSED, PLAIN, false, false, "busy workflow 1 is paused" },
		{ WORKFLOW_PAUSED, PLAIN, false, true, "begun" },
		{ WORKFLOW_AVAILABLE, PLAIN, true, true,
		  "busy workflow 1 is running already, and does not allow concurrent executions (metadata.allowConcurrentExecution)" },
		{ WORKFLOW_AVAILABLE, BESIDE("false"), true, true,
		  "busy workflow 1 is running already, and does not allow concurrent executions (metadata.allowConcurrentExecution)" },
		{ WORKFLOW_AVAILABLE, BESIDE("null"), true, true,
		  "busy workflow 1 is running already, and does not allow concurrent executions (metadata.allowConcurrentExecution)" },
		{ WORKFLOW_AVAILABLE, BESIDE("true"), true, false, "begun" },
		{ WORKFLOW_AVAILABLE, BESIDE("true"), false, false, "begun" },
		{ WORKFLOW_PAUSED, BESIDE("true"), true, false, "busy workflow 1 is paused" },
		{ WORKFLOW_PAUSED, BESIDE("true"), true, true, "begun" },
		{ WORKFLOW_PAUSED, PLAIN, true, true,
		  "busy workflow 1 is running already, and does not allow concurrent executions (metadata.allowConcurrentExecution)" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		if (i > 0) {
			tear_down(state);
			set_up(state);
		}
		struct fixture *f = *state;
		add_workflow(f, cases[i].status, cases[i].body);
		if (cases[i].open)
			assert_string_equal(begin(f, 1, "first", NULL, true), "begun");
		const char *said = begin(f, 1, "second", NULL, cases[i].by_hand);
		if (strcmp(said, cases[i].said) != 0)
			fail_msg("case %zu: %s, not %s", i, said, cases[i].said);
		assert_int_equal(open_runs(f), cases[i].open + (strcmp(said, "begun") == 0));
	}
}

static void what_cannot_be_run_is_told(void **state)
{
	static const struct { const char *body, *execute, *said; } cases[] = {
		{ PLAIN, "[]", "wrong workflow 1 cannot be executed: expected a mapping, found a list" },
		{ PLAIN, "\"x\"", "wrong workflow 1 cannot be executed: expected a mapping, found a text" },
		{ PLAIN, "{\"stepsToRun\":[{\"stepName\":\"t\"}]}",
		  "wrong workflow 1 cannot be executed: stepsToRun: there is no step \"t\"" },
		{ PLAIN, "{\"params\":{\"stepWise\":{\"t\":{}}}}",
		  "wrong workflow 1 cannot be executed: params.stepWise: there is no step \"t\"" },
		{ "{\"name\":\"w\",\"steps\":{\"a\":{\"type\":\"sql\",\"parents\":[\"b\"]},"
		  "\"b\":{\"type\":\"sql\",\"parents\":[\"a\"]}}}", NULL,
		  "wrong workflow 1 cannot be executed: steps wait for each other in a circle: step \"a\" is one of them" },
		{ "{\"name\":\"w\"}", NULL, "wrong workflow 1 cannot be executed: steps: expected a mapping of steps" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		if (i > 0) {
			tear_down(state);
			set_up(state);
		}
		struct fixture *f = *state;
		add_workflow(f, WORKFLOW_AVAILABLE, cases[i].body);
		assert_string_equal(begin(f, 1, "u", cases[i].execute, true), cases[i].said);
		assert_int_equal(open_runs(f), 0);
	}
}

static void there_is_an_end_to_how_many_run_at_once(void **state)
{
	struct fixture *f = *state;
	struct err err;

	add_workflow(f, WORKFLOW_AVAILABLE, BESIDE("true"));
	add_workflow(f, WORKFLOW_AVAILABLE, PLAIN);
	check(workflow_store_begin(f->store, &err), &err);
	for (int i = 0; i < EXECUTION_OPEN_MAX; i++)
		assert_string_equal(begin(f, 1, arena_printf(&f->arena, "%d", i), NULL, false), "begun");
	assert_string_equal(begin(f, 2, "u", NULL, true),
	                    "full workflow 2 has to wait: too many executions are in progress");
	check(execution_store_put(f->store, &(struct stored_execution){ .id = 7, .status = DAG_SUCCESS, .finished = NOW }, "{}", &err),
	      &err);
	assert_string_equal(begin(f, 2, "u", NULL, true), "begun");
	check(workflow_store_end(f->store, true, &err), &err);
}

static void a_file_that_fails_is_told(void **state)
{
	struct fixture *f = *state;

	add_workflow(f, WORKFLOW_AVAILABLE, BESIDE("true"));
	assert_string_equal(begin(f, 1, "u", NULL, true), "begun");
	assert_string_equal(begin(f, 1, "u", NULL, true),
	                    arena_printf(&f->arena, "broken database \"%s\": UNIQUE constraint failed: run.uuid", f->file));
}

int main(void)
{
#define WITH_STORE(test)	cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		WITH_STORE(a_run_that_begins_stands_in_the_file),
		WITH_STORE(whether_it_begins_is_a_question_of_how_the_workflow_stands),
		WITH_STORE(what_cannot_be_run_is_told),
		WITH_STORE(there_is_an_end_to_how_many_run_at_once),
		WITH_STORE(a_file_that_fails_is_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
