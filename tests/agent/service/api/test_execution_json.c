#include "tests/test.h"

#include <string.h>

#include "agent/service/api/execution_json.h"
#include "reconcile/tree/json.h"

/* ---- one in a list ---- */

/* 2024-05-31 10:00:00 */
#define T	INT64_C(1717149600000)
#define AT(time)	"\"2024-05-31T" time "Z\""

static void an_entry_of_a_list_has_times_status_and_reruns(void **state)
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

static void the_last_execution_is_shown_with_its_last_rerun(void **state)
{
	const struct stored_rerun reruns[] = { { "r-1", DAG_RUNNING, T, -1 }, { "r-2", DAG_RUNNING, T, -1 } };
	const struct stored_execution run = { .id = 7, .uuid = "u", .status = DAG_RUNNING, .began = T, .finished = -1 };
	const struct stored_execution none = { 0 };
	CLEANUP(arena_free) struct arena a = { 0 };

	assert_null(execution_json_last(&a, &none, NULL, 0));
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

static void details_show_the_state_of_each_step(void **state)
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

static void details_begin_with_the_execution_itself(void **state)
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

static void damaged_documents_are_an_error(void **state)
{
#define STATE	"{\"flow\":{\"steps\":{}},\"boot\":\"b\"}"
	static const struct { const char *steps, *state, *msg; } cases[] = {
		{ "{}", STATE, "execution u is damaged in the database: expected a list of steps" },
		{ "[7]", STATE, "execution u is damaged in the database: expected a list of steps" },
		{ "[{\"name\":7}]", STATE, "execution u is damaged in the database: expected a list of steps" },
		{ "[]", "[]", "execution u is damaged in the database: expected the saved state of an execution" },
		{ "[]", "{\"flow\":{}}", "execution u is damaged in the database: expected the saved state of an execution" },
		{ "[]", "{\"flow\":[],\"boot\":\"b\"}", "execution u is damaged in the database: expected the saved state of an execution" },
		{ "[]", "{\"flow\":{},\"boot\":1}", "execution u is damaged in the database: expected the saved state of an execution" },
		{ "[]", "{\"flow\":{},\"reruns\":[],\"boot\":\"b\"}", "execution u is damaged in the database: expected the saved state of an execution" },
		{ "[]", "", "execution u is damaged in the database: nothing, where JSON was expected" },
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
	assert_non_null(strstr(err.msg, "execution u is damaged in the database: not JSON: "));
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

/* ---- logs ---- */

static void a_log_is_shown_line_by_line_whatever_it_contains(void **state)
{
	static const struct { const char *log, *lines, *text; } cases[] = {
		{ "", "[]", "" },
		{ "1717149600000 hello\n1717149600001 you\n",
		  "[{\"message\":\"hello\",\"timestamp\":1717149600000},{\"message\":\"you\",\"timestamp\":1717149600001}]",
		  "hello\nyou\n" },
		{ "1717149600000 \n1717149600000   in  \n1717149600000 7 \n",
		  "[{\"message\":\"\",\"timestamp\":1717149600000},{\"message\":\"  in  \",\"timestamp\":1717149600000},"
		  "{\"message\":\"7 \",\"timestamp\":1717149600000}]",
		  "\n  in  \n7 \n" },
		/* no line of attempt.h's */
		{ "1717149600000\n", "[{\"message\":\"\",\"timestamp\":1717149600000}]", "\n" },
		{ "hello\n1717149600000 x\n",
		  "[{\"message\":\"hello\",\"timestamp\":0},{\"message\":\"x\",\"timestamp\":1717149600000}]",
		  "hello\nx\n" },
		{ "\n1717149600000 x\n",
		  "[{\"message\":\"\",\"timestamp\":0},{\"message\":\"x\",\"timestamp\":1717149600000}]",
		  "\nx\n" },
		{ "99999999999999999999999 x\n-5 y\n",
		  "[{\"message\":\"99999999999999999999999 x\",\"timestamp\":0},{\"message\":\"-5 y\",\"timestamp\":0}]",
		  "99999999999999999999999 x\n-5 y\n" },
		/* the output, where lines were made of parts of it */
		{ "5 go on? \n6+yes\n7 \r\n8 a\r\n9 b\n9+\n",
		  "[{\"message\":\"go on? \",\"timestamp\":5},{\"message\":\"yes\",\"timestamp\":6},{\"message\":\"\",\"timestamp\":7},"
		  "{\"message\":\"a\",\"timestamp\":8},{\"message\":\"b\",\"timestamp\":9}]", "go on? yes\n\r\na\r\nb" },
		{ "5 a\n5+\n6 b\n", "[{\"message\":\"a\",\"timestamp\":5},{\"message\":\"b\",\"timestamp\":6}]", "a\nb\n" },
		/* what has no end is none yet */
		{ "1717149600000 x\n1717149600000 half",
		  "[{\"message\":\"x\",\"timestamp\":1717149600000}]", "x\n" },
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
		cmocka_unit_test(an_entry_of_a_list_has_times_status_and_reruns),
		cmocka_unit_test(the_last_execution_is_shown_with_its_last_rerun),
		cmocka_unit_test(details_show_the_state_of_each_step),
		cmocka_unit_test(details_begin_with_the_execution_itself),
		cmocka_unit_test(damaged_documents_are_an_error),
		cmocka_unit_test(a_step_is_found_by_its_name),
		cmocka_unit_test(a_log_is_shown_line_by_line_whatever_it_contains),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
