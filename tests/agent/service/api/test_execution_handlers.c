#include "tests/test.h"

#include <poll.h>

#include "agent/service/engine/execution_start.h"
#include "agent/service/engine/wakeup.h"
#include "reconcile/tree/json.h"
#include "tests/agent/service/service_fixture.h"

/* The clock of the fixture begins there. */
#define NOW	INT64_C(1717149600000)
#define DAY	INT64_C(86400000)
#define UUID(n)	"00000000-0000-4000-8000-0000000000" n
#define STEP	"\"s\":{\"imageId\":1,\"command\":\"x\"}"
#define MINI	"{\"name\":\"a\",\"steps\":{" STEP "}}"
#define BESIDE	"{\"name\":\"a\",\"metadata\":{\"allowConcurrentExecution\":true},\"steps\":{" STEP "}}"
#define HOOKED	"{\"name\":\"a\",\"triggers\":[{\"webhook\":true}],\"steps\":{" STEP "}}"

static void check(bool ok, const struct err *err)
{
	if (!ok)
		fail_msg("%s", err->msg);
}

static struct stored_execution run_of(struct fixture *f, const char *id)
{
	struct stored_execution run;
	struct err err;

	check(execution_store_find(f->api.store, &f->arena, id, &run, &err), &err);
	assert_true(run.id > 0);
	return run;
}

/* What an engine would have written. */
static void put(struct fixture *f, const char *id, enum dag_status status, int64_t finished, const char *steps)
{
	struct stored_execution run = run_of(f, id);
	const char *state = arena_printf(&f->arena, "{\"flow\":{\"steps\":{%s}},\"boot\":\"\"}", steps);
	struct err err;

	run.status = status;
	run.finished = finished;
	run.stopped_by = status == DAG_STOPPED ? "local" : NULL;
	check(execution_store_put(f->api.store, &run, state, &err), &err);
}

static void expect(struct fixture *f, const char *line, const char *body, const char *answer)
{
	play(f, &(struct exchange){ line, body, answer }, 1);
}

/* ---- beginning one ---- */

static void a_run_is_begun_by_hand(void **state)
{
	static const char *const bodies[] = {
		"", "{}", "null", "{\"params\":{\"global\":{\"A\":\"1\"},\"stepWise\":{\"s\":{\"B\":2}}}}",
		"{\"stepsToRun\":[{\"stepName\":\"s\",\"runDAG\":true}]}",
	};
	struct fixture *f = *state;

	expect(f, "POST " W, BESIDE, "201 {\"id\":1}");
	for (unsigned i = 0; i < ARRAY_LEN(bodies); i++) {
		const char *id = arena_printf(&f->arena, UUID("%02u"), i + 1);
		expect(f, "POST " W "/1/execute", bodies[i], arena_printf(&f->arena, "200 {\"executionId\":\"%s\"}", id));
		struct stored_execution run = run_of(f, id);
		assert_true(run.workflow == 1 && run.status == DAG_RUNNING && run.began == NOW && run.finished < 0);
		assert_string_equal(run.cause, "local");
	}
}

static void what_cannot_be_executed_is_refused(void **state)
{
#define WRONG(text)	"400 {\"detail\":\"" text "\"}"
#define NO_STEP(text)	WRONG("workflow 1 cannot be executed: " text)
	static const struct { const char *body, *answer; } cases[] = {
		{ "[]", WRONG("body: expected a mapping, found a list") },
		{ "7", WRONG("body: expected a mapping, found a number") },
		{ "{\"params\":[]}", WRONG("body/params: expected a mapping such as {global: {NAME: value}}, found a list") },
		{ "{\"params\":{\"global\":\"x\"}}",
		  WRONG("body/params/global: expected a mapping such as {NAME: value}, found a text") },
		{ "{\"params\":{\"global\":{\"A\":[]}}}", WRONG("body/params/global/A: expected text, found a list") },
		{ "{\"params\":{\"stepWise\":{\"t\":{}}}}", NO_STEP("params.stepWise: there is no step \\\"t\\\"") },
		{ "{\"params\":{\"stepWise\":7}}",
		  WRONG("body/params/stepWise: expected a mapping such as {STEP: {NAME: value}}, found a number") },
		{ "{\"stepsToRun\":{}}", WRONG("body/stepsToRun: expected a list such as [{stepName: train}], found a mapping") },
		{ "{\"stepsToRun\":[7]}", WRONG("body/stepsToRun/0: expected a mapping such as {stepName: train, runDAG: true}, "
		  "found a number") },
		{ "{\"stepsToRun\":[{\"runDAG\":true}]}", WRONG("body/stepsToRun/0: \\\"stepName\\\" is missing") },
		{ "{\"stepsToRun\":[{\"stepName\":\"t\"}]}", NO_STEP("stepsToRun: there is no step \\\"t\\\"") },
		{ "{\"param\":{}}", WRONG("body: unknown field \\\"param\\\"; did you mean \\\"params\\\"?") },
		{ "{\"params\":{\"A\":\"1\"},\"stepsToRun\":[{\"stepName\":\"s\",\"x\":1}]}",
		  WRONG("body/params: unknown field \\\"A\\\"; body/stepsToRun/0: unknown field \\\"x\\\"") },
	};
	struct fixture *f = *state;

	expect(f, "POST " W, MINI, "201 {\"id\":1}");
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		expect(f, "POST " W "/1/execute", cases[i].body, cases[i].answer);
	assert_non_null(strstr(ask(f, "POST " W "/1/execute", "{"), "400 {\"detail\":\"body: not JSON: "));
	assert_non_null(strstr(ask(f, "POST " W "/1/execute", "{}{}"), "400 {\"detail\":\"body: not JSON: "));
	assert_non_null(strstr(ask(f, "GET " W "/executions/1", ""), "\"executionCount\":0,"));
	expect(f, "POST " W "/2/execute", "{}", "404 {\"detail\":\"workflow 2 is not found\"}");
	expect(f, "GET " W "/1/execute", "", "405 {\"detail\":\"this address accepts POST\"} [POST]");
}

static void how_a_workflow_stands_may_forbid_a_run(void **state)
{
	struct fixture *f = *state;
	struct err err;

	expect(f, "POST " W, MINI, "201 {\"id\":1}");
	expect(f, "POST " W "/1/execute", "{}", "200 {\"executionId\":\"" UUID("01") "\"}");
	expect(f, "POST " W "/1/execute", "{}",
	       "409 {\"detail\":\"workflow 1 is running already, and does not allow concurrent executions (metadata.allowConcurrentExecution)\"}");
	put(f, UUID("01"), DAG_SUCCESS, NOW + 1, "");
	expect(f, "POST " W "/1/execute", "{}", "200 {\"executionId\":\"" UUID("03") "\"}");
	put(f, UUID("03"), DAG_SUCCESS, NOW + 1, "");

	check(workflow_store_put_status(f->api.store, 1, WORKFLOW_DRAFT, NOW, &err), &err);
	expect(f, "POST " W "/1/execute", "{}", "409 {\"detail\":\"workflow 1 is a draft\"}");
	check(workflow_store_put_status(f->api.store, 1, WORKFLOW_PAUSED, NOW, &err), &err);
	expect(f, "POST " W "/1/execute", "{}", "200 {\"executionId\":\"" UUID("05") "\"}");
}

static void too_many_runs_are_asked_to_come_later(void **state)
{
	struct fixture *f = *state;
	struct err err;

	expect(f, "POST " W, BESIDE, "201 {\"id\":1}");
	check(workflow_store_begin(f->api.store, &err), &err);
	for (int i = 0; i < EXECUTION_OPEN_MAX; i++)
		check(execution_store_add(f->api.store, &(struct stored_execution){
			.uuid = arena_printf(&f->arena, "%d", i), .workflow = 1, .status = DAG_RUNNING, .cause = "x",
		}, &(struct execution_details){ NULL, "[]", "{}" }, &err), &err);
	check(workflow_store_end(f->api.store, true, &err), &err);
	expect(f, "POST " W "/1/execute", "{}",
	       "429 {\"detail\":\"workflow 1 has to wait: too many executions are in progress\"} (5)");
}

/* ---- webhooks ---- */

static void a_webhook_is_pulled_by_whoever_knows_it(void **state)
{
	static const struct { const char *payload, *execute; } cases[] = {
		{ "", "{\"params\":{\"global\":{\"payload\":\"\"}}}" },
		{ "{\"ref\": \"main\"}", "{\"params\":{\"global\":{\"payload\":\"{\\\"ref\\\": \\\"main\\\"}\"}}}" },
		{ "not JSON\n\xc3\xa4", "{\"params\":{\"global\":{\"payload\":\"not JSON\\n\xc3\xa4\"}}}" },
	};
	struct fixture *f = *state;

	expect(f, "POST " W, HOOKED, "201 {\"id\":1,\"triggers\":[{\"webhook\":\"" UUID("01") "\"}]}");
	for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
		const char *id = arena_printf(&f->arena, UUID("%02u"), i + 2);
		struct execution_details work;
		struct err err;
		assert_string_equal(ask_as(f, NULL, "POST /hooks/" UUID("01"), cases[i].payload, strlen(cases[i].payload)),
		                    arena_printf(&f->arena, "200 {\"executionId\":\"%s\"}", id));
		check(execution_store_get_details(f->api.store, &f->arena, run_of(f, id).id, &work, &err), &err);
		assert_string_equal(work.execute, cases[i].execute);
		assert_string_equal(run_of(f, id).cause, "webhook");
		put(f, id, DAG_SUCCESS, NOW + 1, "");
	}
}

static void a_webhook_that_is_none_or_may_not_be_pulled_begins_nothing(void **state)
{
	struct fixture *f = *state;
	enum { MOST = 1 << 20 };
	char *large = arena_new(&f->arena, char, MOST + 2);

	memset(large, 'x', MOST + 1);
	PLAY(f,
		{ "POST " W, HOOKED, "201 {\"id\":1,\"triggers\":[{\"webhook\":\"" UUID("01") "\"}]}" },
		{ "POST /hooks/" UUID("09"), "", "404 {\"detail\":\"there is no such webhook\"}" },
		{ "POST /hooks/", "", "404 {\"detail\":\"there is nothing at this address; the interface is at /workflows/api/v1\"}" },
		{ "POST /hooks/x/y", "", "404 {\"detail\":\"there is nothing at this address; the interface is at /workflows/api/v1\"}" },
		{ "GET /hooks/" UUID("01"), "", "405 {\"detail\":\"this address accepts POST\"} [POST]" },
		{ "POST /hooks/" UUID("01"), large, "413 {\"detail\":\"the payload is larger than 1048576 bytes\"}" },
		{ "POST /hooks/" UUID("01"), "\xff\xfe",
		  "400 {\"detail\":\"the payload is not text: it has a NUL byte in it, or is not UTF-8\"}" },
		{ "POST " W "/1/pause", "", "200 {}" },
		{ "POST /hooks/" UUID("01"), "", "409 {\"detail\":\"workflow 1 is paused\"}" },
		{ "POST " W "/1/resume", "", "200 {}" });
	assert_string_equal(ask_as(f, NULL, "POST /hooks/" UUID("01"), "a\0b", 3),
	                    "400 {\"detail\":\"the payload is not text: it has a NUL byte in it, or is not UTF-8\"}");
	assert_non_null(strstr(ask(f, "GET " W "/executions/1", ""), "\"executionCount\":0,"));
	large[MOST] = '\0';
	assert_non_null(strstr(ask(f, "POST /hooks/" UUID("01"), large), "200 {\"executionId\":\""));
	expect(f, "POST /hooks/" UUID("01"), "",
	       "409 {\"detail\":\"workflow 1 is running already, and does not allow concurrent executions (metadata.allowConcurrentExecution)\"}");
	expect(f, "POST /hooks/x/y", "", "404 {\"detail\":\"there is nothing at this address; the interface is at /workflows/api/v1\"}");
}

static void a_webhook_that_was_replaced_pulls_nothing(void **state)
{
	PLAY(*state,
		{ "POST " W, HOOKED, "201 {\"id\":1,\"triggers\":[{\"webhook\":\"" UUID("01") "\"}]}" },
		{ "PUT " W "/1", HOOKED, "200 {\"id\":1,\"triggers\":[{\"webhook\":\"" UUID("02") "\"}]}" },
		{ "POST /hooks/" UUID("01"), "", "404 {\"detail\":\"there is no such webhook\"}" },
		{ "POST /hooks/" UUID("02"), "", "200 {\"executionId\":\"" UUID("03") "\"}" });
}

/* ---- while one runs ---- */

static void a_running_workflow_is_left_as_it_is(void **state)
{
#define RUNNING	"409 {\"detail\":\"workflow 1 is running\"}"
	struct fixture *f = *state;

	PLAY(f,
		{ "POST " W, MINI, "201 {\"id\":1}" },
		{ "POST " W "/1/execute", "{}", "200 {\"executionId\":\"" UUID("01") "\"}" },
		{ "PUT " W "/1", MINI, RUNNING },
		{ "DELETE " W "/1", "", RUNNING },
		{ "POST " W "/1/pause", "", RUNNING },
		{ "POST " W "/1/resume", "", RUNNING },
		{ "GET " W, "",
		  "200 {\"pageCount\":1,\"pageNumber\":1,\"pageSize\":25,\"workflowsCount\":1,\"workflows\":[{\"id\":1,"
		  "\"name\":\"a\",\"status\":\"Running\",\"createdAt\":\"2024-05-31T10:00:00.000Z\","
		  "\"updatedAt\":\"2024-05-31T10:00:00.000Z\",\"lastExecution\":{\"executionId\":\"" UUID("01") "\","
		  "\"executedAt\":\"2024-05-31T10:00:00.000Z\",\"status\":\"Running\",\"rerunId\":null},\"triggers\":[],"
		  "\"tags\":[]}]}" });
	assert_non_null(strstr(ask(f, "GET " W "/1", ""),
	                       "\"status\":\"Running\",\"createdAt\":\"2024-05-31T10:00:00.000Z\",\"updatedAt\":"
	                       "\"2024-05-31T10:00:00.000Z\",\"lastExecution\":{\"executionId\":\"" UUID("01") "\","));
	put(f, UUID("01"), DAG_FAILED, NOW + 1, "");
	PLAY(f,
		{ "PUT " W "/1", MINI, "200 {\"id\":1}" },
		{ "POST " W "/1/pause", "", "200 {}" },
		{ "POST " W "/1/resume", "", "200 {}" },
		{ "DELETE " W "/1", "", "200 {}" },
		{ "GET " W "/1/executions/" UUID("01"), "", "404 {\"detail\":\"workflow 1 is not found\"}" });
}

static void a_list_finds_workflows_by_their_last_run(void **state)
{
	static const struct { const char *query, *names; } cases[] = {
		{ "", "abc" }, { "lastExecutionStatus=Failed", "a" }, { "lastExecutionStatus=Running", "b" },
		{ "lastExecutionStatus=Running&lastExecutionStatus=Failed", "ab" }, { "lastExecutionStatus=Success", "" },
		{ "workflowStatus=Running", "b" }, { "workflowStatus=Available", "ac" },
	};
	struct fixture *f = *state;

	PLAY(f,
		{ "POST " W, "{\"name\":\"a\",\"steps\":{}}", "201 {\"id\":1}" },
		{ "POST " W, "{\"name\":\"b\",\"steps\":{}}", "201 {\"id\":2}" },
		{ "POST " W, "{\"name\":\"c\",\"steps\":{}}", "201 {\"id\":3}" },
		{ "POST " W "/1/execute", "{}", "200 {\"executionId\":\"" UUID("01") "\"}" },
		{ "POST " W "/2/execute", "{}", "200 {\"executionId\":\"" UUID("02") "\"}" });
	put(f, UUID("01"), DAG_FAILED, NOW + 1, "");
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const char *answer = ask(f, arena_printf(&f->arena, "GET " W "?%s", cases[i].query), "");
		for (const char *name = "abc"; *name; name++) {
			bool found = strstr(answer, arena_printf(&f->arena, "\"name\":\"%c\"", *name)) != NULL;
			if (found != (strchr(cases[i].names, *name) != NULL))
				fail_msg("%s: %c: %s", cases[i].query, *name, answer);
		}
	}
}

/* ---- when a workflow is due ---- */

static int64_t due(struct fixture *f)
{
	int64_t next;
	struct err err;

	check(workflow_store_next_due(f->api.store, &next, &err), &err);
	return next;
}

#define CRON(cron, rest)	"{\"name\":\"a\",\"triggers\":[{\"cron\":\"" cron "\"}],\"steps\":{}" rest "}"

static void a_cron_is_due_from_when_it_is_declared_until_it_is_paused(void **state)
{
	const int64_t hour = 3600 * 1000;
	struct fixture *f = *state;

	assert_int_equal(due(f), -1);
	expect(f, "POST " W, CRON("0 * * * *", ""), "201 {\"id\":1}");
	assert_int_equal(due(f), NOW + hour);

	/* It was not fired yet: what is due stays due, whatever else of the workflow changes. */
	clock_ms = NOW + hour + 1000;
	expect(f, "PUT " W "/1", CRON("0 * * * *", ",\"tags\":[{\"name\":\"t\"}]"), "200 {\"id\":1}");
	assert_int_equal(due(f), NOW + hour);
	expect(f, "PUT " W "/1", CRON("30 * * * *", ""), "200 {\"id\":1}");
	assert_int_equal(due(f), NOW + hour + hour / 2);
	expect(f, "PUT " W "/1", CRON("some day", ""), "200 {\"id\":1} {/triggers/0/cron: \"some day\" never fires: "
	       "expected five cron fields, or six or seven with seconds first and a year last, found 2}");
	assert_int_equal(due(f), -1);
	expect(f, "PUT " W "/1", CRON("0 * * * *", ""), "200 {\"id\":1}");
	assert_int_equal(due(f), NOW + 2 * hour);

	/* What was due while it was paused is not made up for. */
	expect(f, "POST " W "/1/pause", "", "200 {}");
	assert_int_equal(due(f), -1);
	expect(f, "PUT " W "/1", CRON("15 * * * *", ""), "200 {\"id\":1}");
	assert_int_equal(due(f), -1);
	clock_ms = NOW + 7 * hour;
	expect(f, "POST " W "/1/resume", "", "200 {}");
	assert_int_equal(due(f), NOW + 7 * hour + hour / 4);
	expect(f, "DELETE " W "/1", "", "200 {}");
	assert_int_equal(due(f), -1);
}

static void where_no_engine_begins_what_is_due_another_one_reckons(void **state)
{
	struct fixture *f = *state;

	f->api.sets_cron_times = false;
	ask(f, "POST " W "/", "{\"name\":\"a\",\"triggers\":[{\"cron\":\"0 * * * *\"}],\"steps\":{}}");
	assert_int_equal(due(f), DUE_UNKNOWN);
	ask(f, "POST " W "/1/pause", "{}");
	assert_int_equal(due(f), -1);
	ask(f, "POST " W "/1/resume", "{}");
	assert_int_equal(due(f), DUE_UNKNOWN);
}

/* ---- a list of runs ---- */

/* The last two digits of the ids that a list has, between its count of pages and of runs. */
static const char *listed(struct fixture *f, const char *query)
{
	const char *answer = ask(f, arena_printf(&f->arena, "GET " W "/executions/1?%s", query), "{}");
	struct node *root;
	struct err err;

	if (strncmp(answer, "200 ", 4) != 0)
		return answer;
	check(json_read(&f->arena, answer + 4, strlen(answer + 4), &root, &err), &err);
	const char *text = arena_printf(&f->arena, "%lld:", (long long)node_get_int(root, "pageCount", -1));
	const struct node *items = node_get(root, "executions");
	for (size_t i = 0; i < items->count; i++)
		text = arena_printf(&f->arena, "%s %s", text, node_get_text(items->entries[i].value, "executionId") + 34);
	return arena_printf(&f->arena, "%s of %lld", text, (long long)node_get_int(root, "executionCount", -1));
}

/* Five of workflow 1, a day apart, the last of them now, and one of workflow 2. */
static void add_runs(struct fixture *f)
{
	static const enum dag_status statuses[] = {
		DAG_SUCCESS, DAG_FAILED, DAG_STOPPED, DAG_SUCCESS, DAG_RUNNING,
	};

	expect(f, "POST " W, BESIDE, "201 {\"id\":1}");
	expect(f, "POST " W, BESIDE, "201 {\"id\":2}");
	for (unsigned i = 0; i < ARRAY_LEN(statuses); i++) {
		clock_ms = NOW - (4 - (int64_t)i) * DAY;
		ask(f, "POST " W "/1/execute", "{}");
		if (statuses[i] != DAG_RUNNING)
			put(f, arena_printf(&f->arena, UUID("%02u"), i + 1), statuses[i], clock_ms + 61500, "");
	}
	ask(f, "POST " W "/2/execute", "{}");
}

static void runs_are_listed_as_they_are_asked_for(void **state)
{
	static const struct { const char *query, *found; } cases[] = {
		{ "", "1: 05 04 03 02 01 of 5" },
		{ "unknown=1", "1: 05 04 03 02 01 of 5" },
		{ "pageSize=2", "3: 05 04 of 5" },
		{ "pageSize=2&pageNumber=3", "3: 01 of 5" },
		{ "pageSize=2&pageNumber=4", "3: of 5" },
		{ "pageSize=1000&pageNumber=1000000000", "1: of 5" },
		{ "count=3", "1: 05 04 03 of 3" },
		{ "count=3&pageSize=2", "2: 05 04 of 3" },
		{ "count=3&pageSize=2&pageNumber=2", "2: 03 of 3" },
		{ "count=100", "1: 05 04 03 02 01 of 5" },
		{ "statuses=Success", "1: 04 01 of 2" },
		{ "statuses=Success&statuses=Running", "1: 05 04 01 of 3" },
		{ "statuses=Stopping", "0: of 0" },
		{ "statuses=Success&count=1", "1: 04 of 1" },
		{ "dateFrom=2024-05-29T10:00:00.000Z", "1: 05 04 03 of 3" },
		{ "dateFrom=2024-05-29T10:00:00.001Z", "1: 05 04 of 2" },
		{ "dateTo=2024-05-29T10:00:00Z", "1: 03 02 01 of 3" },
		{ "dateTo=2024-05-29T09:59:59.999Z", "1: 02 01 of 2" },
		{ "dateFrom=2024-05-28T10:00:00Z&dateTo=2024-05-30T10:00:00Z&statuses=Failed&statuses=Stopped",
		  "1: 03 02 of 2" },
		{ "dateFrom=2024-05-30T10:00:00Z&dateTo=2024-05-28T10:00:00Z", "0: of 0" },
		{ "dateFrom=1999-01-01T00:00:00Z", "1: 05 04 03 02 01 of 5" },
		{ "dateFrom=x", "400 {\"detail\":\"dateFrom: expected a date and time such as 2024-01-07T18:00:00.000Z, or a date\"}" },
		{ "dateTo=2024-05-29", "1: 02 01 of 2" },
		{ "dateFrom=2024-05-29T12:00:00.001000+02:00", "1: 05 04 of 2" },
		{ "dateTo=2024-05-29 10:00:00", "1: 03 02 01 of 3" },
		{ "dateTo=", "400 {\"detail\":\"dateTo: expected a date and time such as 2024-01-07T18:00:00.000Z, or a date\"}" },
		{ "statuses=Pending", "400 {\"detail\":\"statuses: expected Running, Stopping, Success, Failed or Stopped\"}" },
		{ "count=x", "400 {\"detail\":\"count: expected a number from 1 to 1000000000\"}" },
		{ "pageNumber=0", "400 {\"detail\":\"pageNumber: expected a number from 1 to 1000000000\"}" },
		{ "pageSize=1001", "400 {\"detail\":\"pageSize: expected a number from 1 to 1000\"}" },
	};
	struct fixture *f = *state;

	add_runs(f);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		if (strcmp(listed(f, cases[i].query), cases[i].found) != 0)
			fail_msg("%s: want %s, got %s", cases[i].query, cases[i].found, listed(f, cases[i].query));
}

static void a_list_of_runs_tells_what_the_contract_says(void **state)
{
	struct fixture *f = *state;
	struct err err;

	add_runs(f);
	check(execution_store_rerun_add(f->api.store, 3, &(struct stored_rerun){ "r-1", DAG_RUNNING, NOW - DAY, -1 }, &err), &err);
	expect(f, "GET " W "/executions/1?statuses=Stopped&statuses=Running", "{}",
	       "200 {\"workflowId\":1,\"executionCount\":2,\"executionsCount\":2,\"pageCount\":1,\"pageNumber\":1,"
	       "\"pageSize\":25,\"executions\":["
	       "{\"executionId\":\"" UUID("05") "\",\"status\":\"Running\",\"executedAt\":\"2024-05-31T10:00:00.000Z\","
	       "\"reruns\":[]},"
	       "{\"executionId\":\"" UUID("03") "\",\"status\":\"Stopped\",\"executedAt\":\"2024-05-29T10:00:00.000Z\","
	       "\"finishedAt\":\"2024-05-29T10:01:01.500Z\",\"duration\":\"00:01:01\",\"stoppedBy\":\"local\",\"reruns\":["
	       "{\"rerunId\":\"r-1\",\"status\":\"Running\",\"executedAt\":\"2024-05-30T10:00:00.000Z\"}]}]}");
	expect(f, "GET " W "/executions/3", "", "404 {\"detail\":\"workflow 3 is not found\"}");
}

static void runs_of_more_than_ninety_days_ago_are_not_listed(void **state)
{
	struct fixture *f = *state;

	add_runs(f);
	clock_ms = NOW - 3 * DAY + 90 * DAY;
	assert_string_equal(listed(f, ""), "1: 05 04 03 02 of 4");
	clock_ms++;
	assert_string_equal(listed(f, ""), "1: 05 04 03 of 3");
	assert_string_equal(listed(f, "dateFrom=2020-01-01T00:00:00Z"), "1: 05 04 03 of 3");
}

/* ---- one of them ---- */

static void a_run_is_told_with_its_steps(void **state)
{
	struct fixture *f = *state;
	struct err err;

	PLAY(f,
		{ "POST " W, MINI, "201 {\"id\":1}" },
		{ "POST " W, MINI, "201 {\"id\":2}" },
		{ "POST " W "/1/execute", "{}", "200 {\"executionId\":\"" UUID("01") "\"}" },
		{ "GET " W "/1/executions/" UUID("01"), "",
		  "200 {\"executionId\":\"" UUID("01") "\",\"status\":\"Running\",\"executedAt\":\"2024-05-31T10:00:00.000Z\","
		  "\"finishedAt\":null,\"steps\":[{\"name\":\"s\",\"stepType\":\"standard\",\"children\":[],\"command\":\"x\","
		  "\"image\":\"image-1:latest\",\"resources\":{\"instanceTypeId\":21,\"storage\":\"10 GB\"},"
		  "\"status\":\"Pending\",\"startedAt\":null,\"finishedAt\":null,\"attempts\":0}]}" },
		{ "GET " W "/2/executions/" UUID("01"), "", "404 {\"detail\":\"workflow 2 has no execution with this executionId\"}" },
		{ "GET " W "/1/executions/" UUID("02"), "", "404 {\"detail\":\"workflow 1 has no execution with this executionId\"}" },
		{ "GET " W "/3/executions/" UUID("01"), "", "404 {\"detail\":\"workflow 3 is not found\"}" });
	put(f, UUID("01"), DAG_FAILED, NOW + 2000,
	    "\"s\":{\"phase\":\"over\",\"status\":\"Failed\",\"attempts\":2,\"started\":1717149601000,"
	    "\"finished\":1717149602000,\"code\":7,\"message\":\"exit code 7\"}");
	expect(f, "GET " W "/1/executions/" UUID("01"), "",
	       "200 {\"executionId\":\"" UUID("01") "\",\"status\":\"Failed\",\"executedAt\":\"2024-05-31T10:00:00.000Z\","
	       "\"finishedAt\":\"2024-05-31T10:00:02.000Z\",\"steps\":[{\"name\":\"s\",\"stepType\":\"standard\","
	       "\"children\":[],\"command\":\"x\",\"image\":\"image-1:latest\","
	       "\"resources\":{\"instanceTypeId\":21,\"storage\":\"10 GB\"},\"status\":\"Failed\","
	       "\"startedAt\":\"2024-05-31T10:00:01.000Z\",\"finishedAt\":\"2024-05-31T10:00:02.000Z\","
	       "\"output\":{\"exitCode\":\"7\",\"message\":\"terminated\"},\"attempts\":2}]}");
	check(execution_store_put(f->api.store, &(struct stored_execution){ 1, .status = DAG_FAILED, .finished = 1 }, "[]", &err), &err);
	expect(f, "GET " W "/1/executions/" UUID("01"), "",
	       "500 {\"detail\":\"execution " UUID("01") " is damaged in the database: "
	       "expected the saved state of an execution\"}");
}

static void a_run_is_stopped_while_it_is_under_way(void **state)
{
	struct fixture *f = *state;

	PLAY(f,
		{ "POST " W, MINI, "201 {\"id\":1}" },
		{ "POST " W, MINI, "201 {\"id\":2}" },
		{ "POST " W "/1/execute", "{}", "200 {\"executionId\":\"" UUID("01") "\"}" },
		{ "POST " W "/1/executions/" UUID("02") "/stop", "{}", "404 {\"detail\":\"workflow 1 has no execution with this executionId\"}" },
		{ "POST " W "/2/executions/" UUID("01") "/stop", "{}", "404 {\"detail\":\"workflow 2 has no execution with this executionId\"}" },
		{ "POST " W "/3/executions/" UUID("01") "/stop", "{}", "404 {\"detail\":\"workflow 3 is not found\"}" },
		{ "GET " W "/1/executions/" UUID("01") "/stop", "", "405 {\"detail\":\"this address accepts POST\"} [POST]" });
	assert_null(run_of(f, UUID("01")).stop_asked);
	expect(f, "POST " W "/1/executions/" UUID("01") "/stop", "{}", "200 {}");
	assert_string_equal(run_of(f, UUID("01")).stop_asked, "local");
	expect(f, "POST " W "/1/executions/" UUID("01") "/stop", "", "200 {}");
	put(f, UUID("01"), DAG_STOPPED, NOW + 1, "");
	expect(f, "POST " W "/1/executions/" UUID("01") "/stop", "{}",
	       "409 {\"detail\":\"execution " UUID("01") " has ended: it is Stopped\"}");
}

/* ---- logs ---- */

#define LOGS	W "/1/executions/" UUID("01") "/logs"

static void begin_with_logs(struct fixture *f, const char *const *parts, size_t count)
{
	struct err err;

	expect(f, "POST " W, MINI, "201 {\"id\":1}");
	expect(f, "POST " W "/1/execute", "{}", "200 {\"executionId\":\"" UUID("01") "\"}");
	for (size_t i = 0; i < count; i++)
		check(execution_store_log_add(f->api.store, 1, 0, 1, 0, parts[i], &err), &err);
}

static void a_log_is_followed_from_token_to_token(void **state)
{
	static const char *const parts[] = { "1717149600000 one\n1717149600001 two\n", "1717149600002 \xc3\xa4\"\t\n" };
	struct fixture *f = *state;
	struct err err;

	begin_with_logs(f, parts, 1);
	PLAY(f,
		{ "GET " LOGS "?stepName=s", "{}",
		  "200 {\"logs\":[{\"message\":\"one\",\"timestamp\":1717149600000},{\"message\":\"two\","
		  "\"timestamp\":1717149600001}],\"nextToken\":\"f/1/s\",\"stepRunStatus\":\"Pending\"}" },
		{ "GET " LOGS "?stepName=s&nextToken=f/1/s", "{}",
		  "200 {\"logs\":[],\"nextToken\":\"f/1/s\",\"stepRunStatus\":\"Pending\"}" });
	check(execution_store_log_add(f->api.store, 1, 0, 1, 0, parts[1], &err), &err);
	put(f, UUID("01"), DAG_SUCCESS, NOW + 5, "\"s\":{\"status\":\"Success\"}");
	PLAY(f,
		{ "GET " LOGS "?stepName=s&nextToken=f/1/s", "{}",
		  "200 {\"logs\":[{\"message\":\"\xc3\xa4\\\"\\t\",\"timestamp\":1717149600002}],\"nextToken\":\"f/2/s\","
		  "\"stepRunStatus\":\"Success\"}" },
		{ "GET " LOGS "?stepName=s&nextToken=f/2/s", "{}",
		  "200 {\"logs\":[],\"nextToken\":\"f/2/s\",\"stepRunStatus\":\"Success\"}" },
		{ "GET " LOGS "?stepName=s&nextToken=", "{}",
		  "200 {\"logs\":[{\"message\":\"one\",\"timestamp\":1717149600000},{\"message\":\"two\","
		  "\"timestamp\":1717149600001},{\"message\":\"\xc3\xa4\\\"\\t\",\"timestamp\":1717149600002}],"
		  "\"nextToken\":\"f/2/s\",\"stepRunStatus\":\"Success\"}" });
}

static void a_large_log_comes_in_pages(void **state)
{
	struct fixture *f = *state;
	enum { PART = 128 << 10, PARTS = 5 };
	char *part = arena_new(&f->arena, char, PART + 1);
	const char *parts[PARTS] = { part, part, part, part, part }, *token = "";
	size_t pages = 0, lines = 0;

	memset(part, 'x', PART);
	memcpy(part, "1717149600000 ", 14);
	part[PART - 1] = '\n';
	begin_with_logs(f, parts, PARTS);
	for (size_t more = 1; more; pages++) {
		const char *answer = ask(f, arena_printf(&f->arena, "GET " LOGS "?stepName=s&nextToken=%s", token), "{}");
		struct node *root;
		struct err err;
		assert_true(strncmp(answer, "200 ", 4) == 0 && strlen(answer) < 3 * PART);
		check(json_read(&f->arena, answer + 4, strlen(answer + 4), &root, &err), &err);
		more = node_get(root, "logs")->count;
		lines += more;
		token = node_get_text(root, "nextToken");
	}
	assert_int_equal(lines, PARTS);
	assert_int_equal(pages, 4);
	assert_string_equal(token, "f/5/s");
}

static void what_is_no_question_for_a_log_is_refused(void **state)
{
	static const char *const tokens[] = { "x", "f/", "f/1", "f/1/", "f//s", "f/-1/s", "f/ 1/s", "f/1/sx", "g/1/s" };
	struct fixture *f = *state;

	begin_with_logs(f, NULL, 0);
	for (size_t i = 0; i < ARRAY_LEN(tokens); i++)
		expect(f, arena_printf(&f->arena, "GET " LOGS "?stepName=s&nextToken=%s", tokens[i]), "",
		       "400 {\"detail\":\"nextToken: expected the nextToken of an earlier answer\"}");
	PLAY(f,
		{ "GET " LOGS, "", "400 {\"detail\":\"stepName: expected the name of a step\"}" },
		{ "GET " LOGS "/download", "", "400 {\"detail\":\"stepName: expected the name of a step\"}" },
		{ "GET " LOGS "?stepName=t", "", "404 {\"detail\":\"execution " UUID("01") " has no step \\\"t\\\"\"}" },
		{ "GET " LOGS "?stepName=", "", "404 {\"detail\":\"execution " UUID("01") " has no step \\\"\\\"\"}" },
		{ "GET " LOGS "/download?stepName=t", "",
		  "404 {\"detail\":\"execution " UUID("01") " has no step \\\"t\\\"\"}" },
		{ "GET " W "/1/executions/" UUID("02") "/logs?stepName=s", "",
		  "404 {\"detail\":\"workflow 1 has no execution with this executionId\"}" },
		{ "GET " LOGS "?stepName=s&nextToken=f/99999999999999999999999/s", "",
		  "200 {\"logs\":[],\"nextToken\":\"f/9223372036854775807/s\",\"stepRunStatus\":\"Pending\"}" });
}

/* ---- downloads ---- */

/* What stands behind the host in the address that is given for a step's log. */
static const char *address(struct fixture *f, const char *step)
{
	static const char before[] = "200 {\"downloadUrl\":\"http://localhost";
	const char *answer = ask(f, arena_printf(&f->arena, "GET " LOGS "/download?stepName=%s", step), "{}");
	size_t len = strlen(answer);

	assert_true(strncmp(answer, before, sizeof before - 1) == 0);
	assert_string_equal(answer + len - 2, "\"}");
	return arena_strndup(&f->arena, answer + sizeof before - 1, len - sizeof before - 1);
}

static const char *fetch(struct fixture *f, const char *path)
{
	return ask_as(f, NULL, arena_printf(&f->arena, "GET %s", path), "", 0);
}

static void a_log_is_fetched_without_a_token_from_the_address_that_is_given(void **state)
{
	static const char *const parts[] = { "1717149600000 one\n", "1717149600001 two\n" };
	struct fixture *f = *state;

	begin_with_logs(f, parts, 2);
	const char *url = address(f, "s");
	assert_non_null(strstr(url, "/downloads/" UUID("01") "?stepName=s&until=1717150500&proof="));
	assert_int_equal(strlen(strstr(url, "proof=")), 6 + 64);
	assert_string_equal(fetch(f, url),
	                    "200 one\ntwo\n <text/plain; charset=utf-8>");
	f->api.tls = true;
	assert_non_null(strstr(ask(f, "GET " LOGS "/download?stepName=s", ""), "{\"downloadUrl\":\"https://localhost/"));
}

static void an_address_is_good_for_one_log_and_a_quarter_of_an_hour(void **state)
{
#define BAD	"403 {\"detail\":\"this URL is not valid or has expired: request a new one\"}"
	struct fixture *f = *state;
	const char *url, *proof;

	begin_with_logs(f, NULL, 0);
	url = address(f, "s");
	proof = strstr(url, "&proof=") + 7;
	const char *const bad[] = {
		"GET /downloads/" UUID("01"),
		"GET /downloads/" UUID("01") "?stepName=s",
		"GET /downloads/" UUID("01") "?stepName=s&until=1717150500",
		"GET /downloads/" UUID("01") "?stepName=s&until=1717150500&proof=",
		arena_printf(&f->arena, "GET /downloads/" UUID("01") "?until=1717150500&proof=%s", proof),
		arena_printf(&f->arena, "GET /downloads/" UUID("01") "?stepName=s&proof=%s", proof),
		arena_printf(&f->arena, "GET /downloads/" UUID("01") "?stepName=t&until=1717150500&proof=%s", proof),
		arena_printf(&f->arena, "GET /downloads/" UUID("02") "?stepName=s&until=1717150500&proof=%s", proof),
		arena_printf(&f->arena, "GET /downloads/" UUID("01") "?stepName=s&until=1717150501&proof=%s", proof),
		arena_printf(&f->arena, "GET /downloads/" UUID("01") "?stepName=s&until=99999999999999999999&proof=%s", proof),
		arena_printf(&f->arena, "GET /downloads/" UUID("01") "?stepName=s&until=1717150500&proof=%sa", proof),
		arena_printf(&f->arena, "GET /downloads/" UUID("01") "?stepName=s&until=1717150500&proof=%.63s", proof),
		arena_printf(&f->arena, "GET /downloads/" UUID("01") "?stepName=s&until=1717150500&proof=%s%.63s",
		             *proof == 'a' ? "b" : "a", proof + 1),
	};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_string_equal(ask_as(f, NULL, bad[i], "", 0), BAD);

	clock_ms = NOW + 15 * 60 * 1000 + 999;
	assert_string_equal(fetch(f, url), "200  <text/plain; charset=utf-8>");
	clock_ms++;
	assert_string_equal(fetch(f, url), BAD);
	clock_ms = NOW;
	f->api.token = "Bearer u";
	assert_string_equal(fetch(f, url), BAD);
}

static void an_address_of_what_is_gone_says_so(void **state)
{
	struct fixture *f = *state;

	begin_with_logs(f, NULL, 0);
	const char *url = address(f, "s");
	put(f, UUID("01"), DAG_SUCCESS, NOW + 1, "");
	expect(f, "DELETE " W "/1", "", "200 {}");
	assert_string_equal(fetch(f, url), "404 {\"detail\":\"this execution was deleted\"}");
}

static void an_address_holds_any_name_of_a_step(void **state)
{
	struct fixture *f = *state;

	expect(f, "POST " W, "{\"name\":\"a\",\"steps\":{\"a b/&\xc3\xa4\":{\"imageId\":1,\"command\":\"x\"}}}", "201 {\"id\":1}");
	expect(f, "POST " W "/1/execute", "{}", "200 {\"executionId\":\"" UUID("01") "\"}");
	/* A value is not decoded here, so that one with "&" cannot be asked for in a line. */
	struct http_param param = { "stepName", "a b/&\xc3\xa4" };
	struct http_request request = { .method = "GET", .path = LOGS "/download", .query = &param, .query_count = 1,
	                                .body = "" };
	struct http_response response = { .body = BUF(1000) };
	f->handler.answer(f->handler.ctx, &request, &response);
	assert_non_null(strstr(buf_str(&response.body), "?stepName=a+b%2F%26%C3%A4&until="));
	buf_done(&response.body);
}

/* ---- who is told ---- */

static bool is_readable(int fd)
{
	return poll(&(struct pollfd){ .fd = fd, .events = POLLIN }, 1, 0) == 1;
}

static void the_engine_is_woken_by_what_was_written_alone(void **state)
{
	static const struct { const char *line, *body; bool wakes; } cases[] = {
		{ "POST " W, HOOKED, true },
		{ "GET " W, "", false },
		{ "POST " W "/1/execute", "[]", false },
		{ "POST " W "/1/execute", "{}", true },
		{ "POST " W "/1/execute", "{}", false },
		{ "POST /hooks/none", "", false },
		{ "GET " W "/executions/1", "", false },
		{ "POST " W "/1/executions/" UUID("02") "/stop", "", true },
		{ "POST " W "/1/executions/" UUID("09") "/stop", "", false },
	};
	struct fixture *f = *state;
	struct err err;

	check(wakeup_open(f->file, &f->api.wake, &err), &err);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		ask(f, cases[i].line, cases[i].body);
		if (is_readable(f->api.wake) != cases[i].wakes)
			fail_msg("%s", cases[i].line);
		wakeup_take(f->api.wake);
	}
	close(f->api.wake);
	unlink(arena_printf(&f->arena, "%s.wake", f->file));
}

static void a_file_that_is_kept_busy_is_worth_another_try(void **state)
{
	struct fixture *f = *state;
	CLEANUP(workflow_store_closep) struct store *other = NULL;
	struct err err;

	expect(f, "POST " W, HOOKED, "201 {\"id\":1,\"triggers\":[{\"webhook\":\"" UUID("01") "\"}]}");
	check(workflow_store_open(f->file, 50, &other, &err) && workflow_store_begin(other, &err), &err);
	const char *busy = arena_printf(&f->arena, "503 {\"detail\":\"database \\\"%s\\\" is in use by another process\"} "
	                                "(1)", f->file);
	expect(f, "POST " W "/1/execute", "{}", busy);
	expect(f, "POST /hooks/" UUID("01"), "{}", busy);
	check(workflow_store_end(other, false, &err), &err);
	expect(f, "POST " W "/1/execute", "{}", "200 {\"executionId\":\"" UUID("02") "\"}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_API(a_run_is_begun_by_hand),
		WITH_API(what_cannot_be_executed_is_refused),
		WITH_API(how_a_workflow_stands_may_forbid_a_run),
		WITH_API(too_many_runs_are_asked_to_come_later),
		WITH_API(a_webhook_is_pulled_by_whoever_knows_it),
		WITH_API(a_webhook_that_is_none_or_may_not_be_pulled_begins_nothing),
		WITH_API(a_webhook_that_was_replaced_pulls_nothing),
		WITH_API(a_running_workflow_is_left_as_it_is),
		WITH_API(a_list_finds_workflows_by_their_last_run),
		WITH_API(a_cron_is_due_from_when_it_is_declared_until_it_is_paused),
		WITH_API(where_no_engine_begins_what_is_due_another_one_reckons),
		WITH_API(runs_are_listed_as_they_are_asked_for),
		WITH_API(a_list_of_runs_tells_what_the_contract_says),
		WITH_API(runs_of_more_than_ninety_days_ago_are_not_listed),
		WITH_API(a_run_is_told_with_its_steps),
		WITH_API(a_run_is_stopped_while_it_is_under_way),
		WITH_API(a_log_is_followed_from_token_to_token),
		WITH_API(a_large_log_comes_in_pages),
		WITH_API(what_is_no_question_for_a_log_is_refused),
		WITH_API(a_log_is_fetched_without_a_token_from_the_address_that_is_given),
		WITH_API(an_address_is_good_for_one_log_and_a_quarter_of_an_hour),
		WITH_API(an_address_of_what_is_gone_says_so),
		WITH_API(an_address_holds_any_name_of_a_step),
		WITH_API(the_engine_is_woken_by_what_was_written_alone),
		WITH_API(a_file_that_is_kept_busy_is_worth_another_try),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
