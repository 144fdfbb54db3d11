#include "tests/test.h"

#include <string.h>

#include "agent/service/engine/execution_json.h"
#include "reconcile/tree/json.h"

static struct node *read(struct arena *a, const char *json)
{
	struct node *n = NULL;
	struct err err;

	if (!json_read(a, json, strlen(json), &n, &err))
		fail_msg("%s: %s", json, err.msg);
	return n;
}

/* ---- what does not change ---- */

static void the_steps_are_shown_by_their_type_with_who_follows_them(void **state)
{
	static const struct { const char *steps, *shape; } cases[] = {
		{ "{}", "[]" },
		{ "{\"s\":{\"imageId\":12,\"command\":\"make\"}}",
		  "[{\"name\":\"s\",\"stepType\":\"standard\",\"children\":[],\"command\":\"make\",\"image\":\"image-12:latest\","
		  "\"resources\":{\"instanceTypeId\":21,\"storage\":\"10 GB\"}}]" },
		{ "{\"s\":{\"type\":null,\"imageId\":12,\"imageVersionId\":3,\"command\":\"x\",\"resources\":"
		  "{\"instanceTypeId\":23,\"storage\":\"2.5Gi\"},\"repository\":null}}",
		  "[{\"name\":\"s\",\"stepType\":\"standard\",\"children\":[],\"command\":\"x\",\"image\":\"image-12:version-3\","
		  "\"resources\":{\"instanceTypeId\":23,\"storage\":\"2.5 Gi\"}}]" },
		{ "{\"s\":{\"type\":\"standard\",\"imageId\":1,\"command\":\"x\",\"resources\":{\"storage\":\"20 GB\"},"
		  "\"repository\":{\"url\":\"https://u:p@github.com/o/r\",\"branch\":\"m\",\"token\":\"name\"}}}",
		  "[{\"name\":\"s\",\"stepType\":\"standard\",\"children\":[],\"command\":\"x\",\"image\":\"image-1:latest\","
		  "\"resources\":{\"instanceTypeId\":21,\"storage\":\"20 GB\"},"
		  "\"source\":{\"type\":\"GITHUB\",\"url\":\"https://(masked #1)@github.com/o/r\",\"filePath\":\"\"}}]" },
		{ "{\"h\":{\"type\":\"http\",\"method\":\"get\",\"url\":\"http://u:p@x/\",\"auth\":{\"type\":\"bearer-token\","
		  "\"bearerToken\":\"secret\"}},\"q\":{\"type\":\"sql\",\"repository\":{\"url\":\"git.x/o\",\"branch\":\"m\","
		  "\"filePath\":\"a.sql\"}},\"p\":{\"type\":\"sql\",\"sqlQueryPath\":\"b.sql\"},"
		  "\"e\":{\"type\":\"export\",\"schema\":\"s\",\"table\":\"t\",\"sortBy\":\"c\"}}",
		  "[{\"name\":\"h\",\"stepType\":\"http\",\"children\":[]},"
		  "{\"name\":\"q\",\"stepType\":\"sql\",\"children\":[],"
		  "\"source\":{\"type\":\"GIT\",\"url\":\"git.x/o\",\"filePath\":\"a.sql\"}},"
		  "{\"name\":\"p\",\"stepType\":\"sql\",\"children\":[]},"
		  "{\"name\":\"e\",\"stepType\":\"export\",\"children\":[]}]" },
		{ "{\"d\":{\"type\":\"sql\",\"parents\":[\"b\",\"a\"]},\"a\":{\"type\":\"sql\"},"
		  "\"b\":{\"type\":\"sql\",\"parents\":[\"a\"]},\"c\":{\"type\":\"sql\",\"parents\":[\"a\",\"nobody\",3]}}",
		  "[{\"name\":\"d\",\"stepType\":\"sql\",\"children\":[]},"
		  "{\"name\":\"a\",\"stepType\":\"sql\",\"children\":[\"d\",\"b\",\"c\"]},"
		  "{\"name\":\"b\",\"stepType\":\"sql\",\"children\":[\"d\"]},"
		  "{\"name\":\"c\",\"stepType\":\"sql\",\"children\":[]}]" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		const char *body = arena_printf(&a, "{\"steps\":%s}", cases[i].steps);
		assert_string_equal(json_text(&a, execution_json_steps(&a, read(&a, body))), cases[i].shape);
	}
}

static void storage_is_shown_with_a_space(void **state)
{
	static const struct { const char *storage, *shown; } cases[] = {
		{ "10GB", "10 GB" }, { "1.5Ti", "1.5 Ti" }, { "10 GB", "10 GB" }, { "10  GB", "10  GB" },
		{ "GB", "GB" }, { "10", "10" }, { "", "" }, { "some", "some" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		const char *body = arena_printf(&a, "{\"steps\":{\"s\":{\"resources\":{\"storage\":\"%s\"}}}}",
		                                cases[i].storage);
		const struct node *steps = execution_json_steps(&a, read(&a, body));
		assert_string_equal(node_at(steps, "/0/resources/storage")->text, cases[i].shown);
	}
}

static void a_body_without_steps_has_none_to_show(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };

	assert_string_equal(json_text(&a, execution_json_steps(&a, read(&a, "{}"))), "[]");
	assert_string_equal(json_text(&a, execution_json_steps(&a, read(&a, "{\"steps\":null}"))), "[]");
}

/* ---- one in a list ---- */

/* 2024-05-31 10:00:00 */
#define T	INT64_C(1717149600000)
#define AT(time)	"\"2024-05-31T" time "Z\""

static void a_run_in_a_list_says_when_and_how_and_what_came_of_its_parts(void **state)
{
	const struct stored_rerun reruns[] = {
		{ "r-1", DAG_STOPPED, T + 2000, T + 5000, "ann" }, { "r-2", DAG_RUNNING, T + 9000, -1, NULL },
	};
	const struct { struct stored_execution run; size_t reruns; const char *shape; } cases[] = {
		{ { .uuid = "u", .status = DAG_RUNNING, .began = T, .finished = -1 }, 0,
		  "{\"executionId\":\"u\",\"status\":\"Running\",\"executedAt\":" AT("10:00:00.000") ",\"reruns\":[]}" },
		{ { .uuid = "u", .status = DAG_STOPPING, .began = T + 1, .finished = -1, .stopped_by = "ann" }, 0,
		  "{\"executionId\":\"u\",\"status\":\"Stopping\",\"executedAt\":" AT("10:00:00.001") ",\"stoppedBy\":\"ann\","
		  "\"reruns\":[]}" },
		{ { .uuid = "u", .status = DAG_SUCCESS, .began = T, .finished = T + 999 }, 0,
		  "{\"executionId\":\"u\",\"status\":\"Success\",\"executedAt\":" AT("10:00:00.000") ","
		  "\"finishedAt\":" AT("10:00:00.999") ",\"duration\":\"00:00:00\",\"reruns\":[]}" },
		{ { .uuid = "u", .status = DAG_FAILED, .began = T, .finished = T + 3723000 }, 0,
		  "{\"executionId\":\"u\",\"status\":\"Failed\",\"executedAt\":" AT("10:00:00.000") ","
		  "\"finishedAt\":" AT("11:02:03.000") ",\"duration\":\"01:02:03\",\"reruns\":[]}" },
		{ { .uuid = "u", .status = DAG_STOPPED, .began = T, .finished = T + 360000000, .stopped_by = "ann" }, 0,
		  "{\"executionId\":\"u\",\"status\":\"Stopped\",\"executedAt\":" AT("10:00:00.000") ","
		  "\"finishedAt\":\"2024-06-04T14:00:00.000Z\",\"duration\":\"100:00:00\",\"stoppedBy\":\"ann\",\"reruns\":[]}" },
		{ { .uuid = "u", .status = DAG_RUNNING, .began = T, .finished = -1 }, 2,
		  "{\"executionId\":\"u\",\"status\":\"Running\",\"executedAt\":" AT("10:00:00.000") ",\"reruns\":["
		  "{\"rerunId\":\"r-1\",\"status\":\"Stopped\",\"executedAt\":" AT("10:00:02.000") ","
		  "\"finishedAt\":" AT("10:00:05.000") ",\"duration\":\"00:00:03\",\"stoppedBy\":\"ann\"},"
		  "{\"rerunId\":\"r-2\",\"status\":\"Running\",\"executedAt\":" AT("10:00:09.000") "}]}" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		struct node *entry = execution_json_entry(&a, &cases[i].run, reruns, cases[i].reruns);
		assert_string_equal(json_text(&a, entry), cases[i].shape);
	}
}

static void the_last_run_of_a_workflow_is_told_with_its_last_part(void **state)
{
	const struct stored_rerun reruns[] = { { "r-1", DAG_RUNNING, T, -1 }, { "r-2", DAG_RUNNING, T, -1 } };
	const struct stored_execution run = { .id = 7, .uuid = "u", .status = DAG_RUNNING, .began = T, .finished = -1 };
	const struct stored_execution none = { 0 };
	CLEANUP(arena_free) struct arena a = { 0 };

	assert_string_equal(json_text(&a, execution_json_last(&a, &none, NULL, 0)), "null");
	assert_string_equal(json_text(&a, execution_json_last(&a, &run, NULL, 0)),
	                    "{\"executionId\":\"u\",\"executedAt\":" AT("10:00:00.000") ",\"status\":\"Running\","
	                    "\"rerunId\":null}");
	assert_string_equal(json_text(&a, execution_json_last(&a, &run, reruns, 2)),
	                    "{\"executionId\":\"u\",\"executedAt\":" AT("10:00:00.000") ",\"status\":\"Running\","
	                    "\"rerunId\":\"r-2\"}");
}

/* ---- all that is told of one ---- */

static const struct stored_execution open_run = { .id = 1, .uuid = "u", .status = DAG_RUNNING, .began = T,
                                            .finished = -1 };

/* "[...]" of the one step s, whose saved state is this. */
static const char *step_told(struct arena *a, const char *saved, const char *reruns)
{
	const struct execution_details work = {
		.steps = "[{\"name\":\"s\",\"stepType\":\"sql\",\"children\":[]}]",
		.state = arena_printf(a, "{\"flow\":{\"steps\":{%s}},%s\"boot\":\"b\"}", saved, reruns),
	};
	struct node *out;
	struct err err;

	if (!execution_json_details(a, &open_run, &work, &out, &err))
		fail_msg("%s", err.msg);
	return json_text(a, node_get(out, "steps"));
}

static void a_step_is_told_as_it_stands(void **state)
{
#define STEP(rest)	"[{\"name\":\"s\",\"stepType\":\"sql\",\"children\":[]," rest "}]"
	static const struct { const char *saved, *reruns, *told; } cases[] = {
		/* it never began */
		{ "\"s\":{}", "",
		  STEP("\"status\":\"Pending\",\"startedAt\":null,\"finishedAt\":null,\"attempts\":0") },
		{ "", "", STEP("\"status\":\"Pending\",\"startedAt\":null,\"finishedAt\":null,\"attempts\":0") },
		/* it runs */
		{ "\"s\":{\"phase\":\"active\",\"status\":\"Running\",\"attempts\":1,\"started\":1717149600000,"
		  "\"began\":1717149600000}", "\"reruns\":{},",
		  STEP("\"status\":\"Running\",\"startedAt\":" AT("10:00:00.000") ",\"finishedAt\":null,\"attempts\":1") },
		/* it waits for its third attempt, the second was another engine's */
		{ "\"s\":{\"phase\":\"retries\",\"status\":\"Running\",\"attempts\":2,\"started\":1717149600000,"
		  "\"began\":1717149601000,\"due\":1717149609000,\"code\":75,\"message\":\"exit code 75\"}",
		  "\"reruns\":{\"s\":\"r-1\",\"t\":\"r-0\"},",
		  STEP("\"status\":\"Running\",\"startedAt\":" AT("10:00:00.000") ",\"finishedAt\":null,"
		       "\"output\":{\"exitCode\":\"75\",\"message\":\"terminated\"},\"attempts\":2,\"rerunId\":\"r-1\"") },
		/* it is over */
		{ "\"s\":{\"phase\":\"over\",\"status\":\"Success\",\"attempts\":1,\"started\":1717149600000,"
		  "\"finished\":1717149601500,\"code\":0}", "",
		  STEP("\"status\":\"Success\",\"startedAt\":" AT("10:00:00.000") ",\"finishedAt\":" AT("10:00:01.500") ","
		       "\"output\":{\"exitCode\":\"0\",\"message\":\"terminated\"},\"attempts\":1") },
		{ "\"s\":{\"phase\":\"over\",\"status\":\"Failed\",\"attempts\":1,\"started\":1717149600000,"
		  "\"finished\":1717149601500,\"code\":127,\"message\":\"sh: x: not found\"}", "",
		  STEP("\"status\":\"Failed\",\"startedAt\":" AT("10:00:00.000") ",\"finishedAt\":" AT("10:00:01.500") ","
		       "\"output\":{\"exitCode\":\"127\",\"message\":\"sh: x: not found\"},\"attempts\":1") },
		/* where nobody knows a code */
		{ "\"s\":{\"phase\":\"over\",\"status\":\"Failed\",\"attempts\":1,\"started\":1717149600000,"
		  "\"finished\":1717149601500,\"message\":\"it could not start\"}", "",
		  STEP("\"status\":\"Failed\",\"startedAt\":" AT("10:00:00.000") ",\"finishedAt\":" AT("10:00:01.500") ","
		       "\"output\":{\"exitCode\":\"\",\"message\":\"it could not start\"},\"attempts\":1") },
		/* left out: it has an end, and never began */
		{ "\"s\":{\"phase\":\"over\",\"status\":\"Skipped\",\"finished\":1717149601500,"
		  "\"message\":\"skip is set\"}", "",
		  STEP("\"status\":\"Skipped\",\"startedAt\":null,\"finishedAt\":null,"
		       "\"output\":{\"exitCode\":\"\",\"message\":\"skip is set\"},\"attempts\":0") },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		assert_string_equal(step_told(&a, cases[i].saved, cases[i].reruns), cases[i].told);
	}
}

static void the_details_begin_with_the_run_itself(void **state)
{
	const struct execution_details work = { .steps = "[]", .state = "{\"flow\":{\"steps\":{}},\"boot\":\"\"}" };
	const struct stored_execution over = { .id = 1, .uuid = "u", .status = DAG_FAILED, .began = T, .finished = T + 1500 };
	CLEANUP(arena_free) struct arena a = { 0 };
	struct node *out;
	struct err err;

	assert_true(execution_json_details(&a, &open_run, &work, &out, &err));
	assert_string_equal(json_text(&a, out),
	                    "{\"executionId\":\"u\",\"status\":\"Running\",\"executedAt\":" AT("10:00:00.000") ","
	                    "\"finishedAt\":null,\"steps\":[]}");
	assert_true(execution_json_details(&a, &over, &work, &out, &err));
	assert_string_equal(json_text(&a, out),
	                    "{\"executionId\":\"u\",\"status\":\"Failed\",\"executedAt\":" AT("10:00:00.000") ","
	                    "\"finishedAt\":" AT("10:00:01.500") ",\"steps\":[]}");
}

static void what_is_damaged_is_said_to_be_so(void **state)
{
#define STATE	"{\"flow\":{\"steps\":{}},\"boot\":\"b\"}"
	static const struct { const char *steps, *state, *msg; } cases[] = {
		{ "{}", STATE, "run u is damaged in the database: expected a list of steps" },
		{ "[7]", STATE, "run u is damaged in the database: expected a list of steps" },
		{ "[{\"name\":7}]", STATE, "run u is damaged in the database: expected a list of steps" },
		{ "[]", "[]", "run u is damaged in the database: expected a saved run" },
		{ "[]", "{\"flow\":{}}", "run u is damaged in the database: expected a saved run" },
		{ "[]", "{\"flow\":[],\"boot\":\"b\"}", "run u is damaged in the database: expected a saved run" },
		{ "[]", "{\"flow\":{},\"boot\":1}", "run u is damaged in the database: expected a saved run" },
		{ "[]", "{\"flow\":{},\"reruns\":[],\"boot\":\"b\"}", "run u is damaged in the database: expected a saved run" },
		{ "[]", "", "run u is damaged in the database: nothing, where JSON was expected" },
	};
	CLEANUP(arena_free) struct arena a = { 0 };
	struct node *out;
	const char *status = NULL;
	size_t number = 9;
	struct err err;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct execution_details work = { .steps = cases[i].steps, .state = cases[i].state };
		if (execution_json_details(&a, &open_run, &work, &out, &err))
			fail_msg("case %zu: nothing is found to be damaged", i);
		assert_string_equal(err.msg, cases[i].msg);
		assert_false(execution_json_step(&a, &work, "s", &number, &status));
	}
	assert_true(number == 9 && !status);
	const struct execution_details work = { .steps = "[{", .state = STATE };
	assert_false(execution_json_details(&a, &open_run, &work, &out, &err));
	assert_non_null(strstr(err.msg, "run u is damaged in the database: not JSON: "));
}

static void a_step_is_found_by_its_name(void **state)
{
	const struct execution_details work = {
		.steps = "[{\"name\":\"a\"},{\"name\":\"b c\"},{\"name\":\"\"}]",
		.state = "{\"flow\":{\"steps\":{\"b c\":{\"status\":\"Failed\"}}},\"boot\":\"b\"}",
	};
	static const struct { const char *name, *status; size_t number; } cases[] = {
		{ "a", "Pending", 0 }, { "b c", "Failed", 1 }, { "", "Pending", 2 }, { "b", NULL }, { "A", NULL },
	};
	CLEANUP(arena_free) struct arena a = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const char *status = NULL;
		size_t number = 9;
		assert_int_equal(execution_json_step(&a, &work, cases[i].name, &number, &status), cases[i].status != NULL);
		assert_int_equal(number, cases[i].status ? cases[i].number : 9);
		if (cases[i].status)
			assert_string_equal(status, cases[i].status);
	}
}

static void what_is_kept_of_a_run_is_read_as_it_was_written(void **state)
{
	static const char *const states[] = {
		"{\"flow\":{\"steps\":{}},\"boot\":\"b\"}",
		"{\"flow\":{\"steps\":{}},\"reruns\":{\"s\":\"r-1\"},\"boot\":\"\"}",
	};
	for (size_t i = 0; i < ARRAY_LEN(states); i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		struct execution_state s;
		struct err err;
		assert_true(execution_state_read(&a, states[i], &s, &err));
		assert_string_equal(json_text(&a, execution_state_write(&a, &s)), states[i]);
	}
}

/* ---- logs ---- */

static void a_log_is_told_line_by_line_whatever_stands_in_it(void **state)
{
	static const struct { const char *log, *lines, *text; } cases[] = {
		{ "", "[]", "" },
		{ "1717149600000 hello\n1717149600001 you\n",
		  "[{\"message\":\"hello\",\"timestamp\":1717149600000},{\"message\":\"you\",\"timestamp\":1717149600001}]",
		  "2024-05-31T10:00:00.000Z hello\n2024-05-31T10:00:00.001Z you\n" },
		{ "1717149600000 \n1717149600000   in  \n1717149600000 7 \n",
		  "[{\"message\":\"\",\"timestamp\":1717149600000},{\"message\":\"  in  \",\"timestamp\":1717149600000},"
		  "{\"message\":\"7 \",\"timestamp\":1717149600000}]",
		  "2024-05-31T10:00:00.000Z \n2024-05-31T10:00:00.000Z   in  \n2024-05-31T10:00:00.000Z 7 \n" },
		/* no line of attempt.h's */
		{ "1717149600000\n", "[{\"message\":\"\",\"timestamp\":1717149600000}]", "2024-05-31T10:00:00.000Z \n" },
		{ "hello\n1717149600000 x\n",
		  "[{\"message\":\"hello\",\"timestamp\":0},{\"message\":\"x\",\"timestamp\":1717149600000}]",
		  "1970-01-01T00:00:00.000Z hello\n2024-05-31T10:00:00.000Z x\n" },
		{ "\n1717149600000 x\n",
		  "[{\"message\":\"\",\"timestamp\":0},{\"message\":\"x\",\"timestamp\":1717149600000}]",
		  "1970-01-01T00:00:00.000Z \n2024-05-31T10:00:00.000Z x\n" },
		{ "99999999999999999999999 x\n-5 y\n",
		  "[{\"message\":\"99999999999999999999999 x\",\"timestamp\":0},{\"message\":\"-5 y\",\"timestamp\":0}]",
		  "1970-01-01T00:00:00.000Z 99999999999999999999999 x\n1970-01-01T00:00:00.000Z -5 y\n" },
		/* what has no end is none yet */
		{ "1717149600000 x\n1717149600000 half",
		  "[{\"message\":\"x\",\"timestamp\":1717149600000}]", "2024-05-31T10:00:00.000Z x\n" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		CLEANUP(buf_done) struct buf text = BUF_TEXT;
		struct node *list = node_list(&a);
		execution_json_log(&a, cases[i].log, list);
		assert_string_equal(json_text(&a, list), cases[i].lines);
		execution_json_log_text(cases[i].log, &text);
		assert_string_equal(buf_str(&text), cases[i].text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_steps_are_shown_by_their_type_with_who_follows_them),
		cmocka_unit_test(storage_is_shown_with_a_space),
		cmocka_unit_test(a_body_without_steps_has_none_to_show),
		cmocka_unit_test(a_run_in_a_list_says_when_and_how_and_what_came_of_its_parts),
		cmocka_unit_test(the_last_run_of_a_workflow_is_told_with_its_last_part),
		cmocka_unit_test(a_step_is_told_as_it_stands),
		cmocka_unit_test(the_details_begin_with_the_run_itself),
		cmocka_unit_test(what_is_damaged_is_said_to_be_so),
		cmocka_unit_test(a_step_is_found_by_its_name),
		cmocka_unit_test(what_is_kept_of_a_run_is_read_as_it_was_written),
		cmocka_unit_test(a_log_is_told_line_by_line_whatever_stands_in_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
