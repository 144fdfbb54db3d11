#include "tests/test.h"

#include <string.h>

#include "agent/state/report_store.h"
#include "agent/sync/cycle_summary.h"
#include "reconcile/tree/json.h"

static struct arena arena;

static int tear_down(void **state)
{
	arena_free(&arena);
	return 0;
}

static const struct node *summary_of(struct report report, bool stored)
{
	report.mode = "agent";
	report_judge(&report);
	return cycle_summary_tree(&arena, &report, report_tree(&arena, &report), stored);
}

static const char *text_of(const struct node *summary, const char *key)
{
	return json_text(&arena, node_get(summary, key));
}

static void it_is_the_report_with_the_workflows_counted(void **state)
{
	struct plan_step steps[] = {
		{ "a", .action = ACTION_CREATE, .result = RESULT_APPLIED, .reason = REASON_DECLARED },
		{ "b", .action = ACTION_CREATE, .result = RESULT_APPLIED, .reason = REASON_DECLARED },
		{ "c", .action = ACTION_PATCH, .result = RESULT_APPLIED, .reason = REASON_DRIFT },
		{ "d", .action = ACTION_NONE, .result = RESULT_UNCHANGED },
		{ "e", .action = ACTION_PATCH, .result = RESULT_DEFERRED, .http_status = 409 },
		{ "f", .action = ACTION_PATCH, .result = RESULT_DEFERRED, .http_status = 503 },
		{ "g", .action = ACTION_PATCH, .result = RESULT_FAILED, .http_status = 409 },
	};
	const struct report report = { .steps = steps, .step_count = ARRAY_LEN(steps), .mode = "agent", .cycle_id = "x",
	                               .trigger = "start", .requests = 5 };
	const struct node *whole = report_tree(&arena, &report), *summary = cycle_summary_tree(&arena, &report, whole, true);

	for (size_t i = 0; i < whole->count; i++)
		if (strcmp(whole->entries[i].key, "workflows") != 0)
			assert_true(node_equal(node_get(summary, whole->entries[i].key), whole->entries[i].value));
	assert_null(node_get(summary, "workflows"));
	assert_string_equal(text_of(summary, "results"),
		"[{\"action\":\"none\",\"result\":\"unchanged\",\"drift\":false,\"count\":1},"
		"{\"action\":\"create\",\"result\":\"applied\",\"drift\":false,\"count\":2},"
		"{\"action\":\"patch\",\"result\":\"applied\",\"drift\":true,\"count\":1},"
		"{\"action\":\"patch\",\"result\":\"failed\",\"drift\":false,\"count\":1},"
		"{\"action\":\"patch\",\"result\":\"deferred\",\"drift\":false,\"count\":2}]");
	assert_string_equal(text_of(summary, "busy"), "1");
	assert_string_equal(text_of(summary, "busy_names"), "[\"e\"]");
	assert_string_equal(text_of(summary, "stored"), "true");
}

static struct report of_busy(size_t count)
{
	struct plan_step *steps = arena_new(&arena, struct plan_step, count);

	for (size_t i = 0; i < count; i++)
		steps[i] = (struct plan_step){ .name = arena_printf(&arena, "w%zu", i), .action = ACTION_PATCH,
		                               .result = RESULT_DEFERRED, .http_status = 409 };
	return (struct report){ .steps = steps, .step_count = count };
}

static void busy_workflows_are_named_unless_a_whole_cycle_has_to_look(void **state)
{
	struct report most = of_busy(CYCLE_SUMMARY_NAMES), more = of_busy(CYCLE_SUMMARY_NAMES + 1), delete = of_busy(3);

	assert_int_equal(node_get(summary_of(most, true), "busy_names")->count, CYCLE_SUMMARY_NAMES);
	assert_string_equal(text_of(summary_of(more, true), "busy_names"), "[]");
	assert_int_equal(node_get_int(summary_of(more, true), "busy", 0), CYCLE_SUMMARY_NAMES + 1);
	delete.steps[1].action = ACTION_DELETE;
	assert_string_equal(text_of(summary_of(delete, true), "busy_names"), "[]");
	assert_int_equal(node_get_int(summary_of(delete, true), "busy", 0), 3);
}

static void it_stays_small_whatever_there_is_to_say(void **state)
{
	struct diagnostics faults = { .arena = &arena };
	struct report report = of_busy(20000);
	char message[2001] = "";
	CLEANUP(buf_done) struct buf text = BUF_TEXT;

	memset(message, 'm', sizeof message - 1);
	for (int i = 0; i < DIAGNOSTICS_MAX; i++)
		diagnostics_warn(&faults, (struct pos){ .file = "f" }, "%s", message);
	report.faults = &faults;
	const struct node *summary = summary_of(report, true);
	json_write(summary, JSON_COMPACT, &text);
	assert_true(text.len < CYCLE_SUMMARY_BYTES + (64 << 10));
	assert_int_equal(node_get(summary, "warnings")->count, CYCLE_SUMMARY_BYTES / (strlen(faults.items[0].message) + 1));
}

static void a_report_that_is_not_stored_is_shown_without_its_workflows(void **state)
{
	const struct node *summary = summary_of(of_busy(2), false), *report = cycle_summary_report(&arena, summary);
	struct err err;

	assert_string_equal(text_of(summary, "stored"), "false");
	if (!report_store_check(report, &err))
		fail_msg("%s", err.msg);
	assert_string_equal(text_of(report, "workflows"), "[]");
	assert_int_equal(node_get_int(node_get(report, "summary"), "deferred", 0), 2);
	static const char *const own[] = { "results", "busy", "busy_names", "stored" };
	for (size_t i = 0; i < ARRAY_LEN(own); i++)
		assert_null(node_get(report, own[i]));
}

int main(void)
{
#define THAT_FREES(test)	cmocka_unit_test_teardown(test, tear_down)
	const struct CMUnitTest tests[] = {
		THAT_FREES(it_is_the_report_with_the_workflows_counted),
		THAT_FREES(busy_workflows_are_named_unless_a_whole_cycle_has_to_look),
		THAT_FREES(it_stays_small_whatever_there_is_to_say),
		THAT_FREES(a_report_that_is_not_stored_is_shown_without_its_workflows),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
