#include "tests/test.h"
#include "reconcile/plan/cycle.h"

#include <malloc.h>
#include <string.h>

#include "tests/run.h"
#include "tests/tree.h"

static const char *const examples[] = {
	"hello.yaml", "month-end.yaml", "nightly-forecast.yaml", "order-received.yaml", "price-watch.yaml",
	"regional-reports.yaml",
};

static void cycle(struct run *r, const struct specs *specs, bool apply)
{
	run_cycle(r, specs, &(struct cycle_options){ .apply = apply });
}

/* n specs called w1, w2, ... that are already there with another image. */
static struct specs many(struct run *r, size_t n)
{
	CLEANUP(buf_done) struct buf yaml = BUF_TEXT;

	for (size_t i = 1; i <= n; i++) {
		buf_addf(&yaml, "---\nname: w%zu\nsteps: {s: {imageId: 1, command: c}}\n", i);
		fake_make(&r->f, tree_json(&r->a, arena_printf(&r->a,
		          "{\"name\":\"w%zu\",\"steps\":{\"s\":{\"imageId\":2,\"command\":\"c\"}}}", i)));
	}
	return tree_specs(&r->a, buf_str(&yaml));
}

static struct specs example(struct run *r, const char *file)
{
	return tree_specs(&r->a, tree_file(&r->a, arena_printf(&r->a, "examples/workflows/%s", file)));
}

static void a_plan_writes_nothing(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(examples); i++) {
		CLEANUP(run_done) struct run r = { 0 };
		struct specs specs = example(&r, examples[i]);

		cycle(&r, &specs, false);
		assert_writes(&r, "");
		assert_int_equal(r.f.count, 0);
		assert_int_equal(r.report.step_count, specs.count);
		assert_int_equal(r.report.steps[0].result, RESULT_PLANNED);
		assert_int_equal(exit_status_outcome(&r.report.verdict), OUTCOME_CHANGES_PENDING);
		assert_exit(&r, 0);
	}
}

static void a_second_sync_writes_nothing_whatever_the_service_is_like(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(examples) * 4; i++) {
		CLEANUP(run_done) struct run r = { 0 };
		struct specs specs = example(&r, examples[i / 4]);

		r.f.hides_options = i & 1;
		r.f.env_as_map = i & 2;
		cycle(&r, &specs, true);
		assert_int_equal(r.f.count, specs.count);
		assert_exit(&r, 0);
		assert_int_equal(exit_status_outcome(&r.report.verdict), OUTCOME_APPLIED);
		cycle(&r, &specs, true);
		assert_writes(&r, "");
		assert_exit(&r, 0);
		assert_int_equal(exit_status_outcome(&r.report.verdict), OUTCOME_CONVERGED);
	}
}

static void drift_is_patched_and_a_step_too_many_is_replaced_away(void **state)
{
	CLEANUP(run_done) struct run r = { 0 };
	struct specs specs = tree_specs(&r.a, HELLO("a", "7") "---\n" HELLO("b", "7") "---\n" HELLO("c", "7"));

	fake_make(&r.f, tree_json(&r.a, "{\"name\":\"a\",\"steps\":{\"greet\":{\"imageId\":8,\"command\":\"run\"}}}"));
	fake_make(&r.f, tree_json(&r.a, "{\"name\":\"b\",\"steps\":{\"greet\":{\"imageId\":7,\"command\":\"run\"},"
	                                "\"x\":{\"imageId\":1,\"command\":\"x\"}}}"));
	cycle(&r, &specs, true);
	assert_steps(&r, "a patch applied\nb replace applied\nc create applied\n");
	assert_writes(&r, "update 612\nupdate 613\ncreate 614\n");
	assert_null(node_at(fake_find(&r.f, 613)->shown, "/steps/x"));
	assert_int_equal(r.report.steps[2].id, 614);
	assert_exit(&r, 0);
	cycle(&r, &specs, true);
	assert_steps(&r, "a none unchanged\nb none unchanged\nc none unchanged\n");
	assert_writes(&r, "");
}

static void a_step_of_another_kind_is_a_replacement(void **state)
{
	CLEANUP(run_done) struct run r = { 0 };
	struct specs specs = tree_specs(&r.a, "name: a\nsteps: {greet: {type: http, method: get, url: u}}\n");

	fake_make(&r.f, tree_json(&r.a, "{\"name\":\"a\",\"steps\":{\"greet\":{\"imageId\":8,\"command\":\"run\"}}}"));
	cycle(&r, &specs, true);
	assert_steps(&r, "a replace applied\n");
	assert_null(node_at(fake_find(&r.f, 612)->shown, "/steps/greet/imageId"));
}

static void the_address_of_a_webhook_stays_through_an_update(void **state)
{
	CLEANUP(run_done) struct run r = { 0 };
	struct specs specs = tree_specs(&r.a, "name: a\ntriggers: [{cron: 0 1 * * *}, {webhook: true}]\n"
	                                "steps: {s: {imageId: 1, command: c}}\n");
	cycle(&r, &specs, true);
	const char *before = tree_text(&r.a, node_at(fake_find(&r.f, 612)->shown, "/triggers"));
	struct specs declared = tree_specs(&r.a, "name: a\ntriggers: [{webhook: true}, {cron: 0 1 * * *}]\n"
	                                   "steps: {s: {imageId: 2, command: c}}\n");
	struct specs silent = tree_specs(&r.a, HELLO("a", "3"));

	cycle(&r, &declared, true);
	assert_writes(&r, "update 612\n");
	assert_string_equal(node_get_text(node_at(fake_find(&r.f, 612)->shown, "/triggers/0"), "webhook"),
	                    "6f1de3aa-0000-4000-8000-000000000001");
	cycle(&r, &silent, true);
	assert_writes(&r, "update 612\n");
	assert_string_equal(tree_text(&r.a, node_at(fake_find(&r.f, 612)->shown, "/triggers")),
	    "[{\"webhook\":\"6f1de3aa-0000-4000-8000-000000000001\"},"
	    "{\"cron\":\"0 1 * * *\",\"scheduled\":\"2024-05-31T10:00:00.000Z\"}]");
	assert_non_null(before);
}

static void one_step_that_fails_stops_no_other(void **state)
{
	CLEANUP(run_done) struct run r = { 0 };
	struct specs specs = many(&r, 3);

	r.f.faults[0] = (struct fake_fault){ .operation = OP_UPDATE, .id = 613, .times = 99, .status = 500 };
	cycle(&r, &specs, true);
	assert_steps(&r, "w1 patch applied\n"
	    "w2 patch failed: update workflow 613 \"w2\": the service answered 500 (internal error): not now\n"
	    "w3 patch applied\n");
	assert_int_equal(r.report.steps[1].attempts, DISPATCH_ATTEMPTS);
	assert_int_equal(r.report.steps[1].http_status, 500);
	assert_exit(&r, 4);
}

static void what_only_fails_is_a_failure(void **state)
{
	CLEANUP(run_done) struct run r = { 0 };
	struct specs specs = many(&r, 1);

	r.f.faults[0] = (struct fake_fault){ .operation = OP_UPDATE, .times = 1, .status = 422 };
	cycle(&r, &specs, true);
	assert_steps(&r, "w1 patch failed: update workflow 612 \"w1\": "
	                    "the service answered 422 (not a valid workflow): not now\n");
	assert_exit(&r, 1);
}

static void a_failure_that_passes_is_waited_out(void **state)
{
	CLEANUP(run_done) struct run r = { 0 };
	struct specs specs = many(&r, 1);

	r.f.faults[0] = (struct fake_fault){ .operation = OP_UPDATE, .times = 3, .status = 503 };
	r.f.faults[1] = (struct fake_fault){ .operation = OP_DESCRIBE, .times = 2, .failure = FAILURE_LOST };
	cycle(&r, &specs, true);
	assert_steps(&r, "w1 patch applied\n");
	assert_int_equal(r.report.steps[0].attempts, 4);
	assert_int_equal(r.report.retries, 5);
	assert_exit(&r, 0);
}

static void a_refused_token_stops_the_cycle_at_once(void **state)
{
	CLEANUP(run_done) struct run r = { 0 };
	struct specs specs = many(&r, 40);

	r.f.faults[0] = (struct fake_fault){ .operation = OP_DESCRIBE, .skip = 10, .times = 99, .status = 401 };
	cycle(&r, &specs, true);
	assert_writes(&r, "");
	assert_in_range(r.f.requests, 12, 18);
	assert_said(&r, "the service no longer accepts the token: the cycle was stopped\n");
	assert_exit(&r, 1);
}

static void a_token_that_is_refused_while_writing_stops_it_too(void **state)
{
	static const enum operation operations[] = { OP_UPDATE, OP_DESCRIBE };

	for (size_t i = 0; i < ARRAY_LEN(operations); i++) {
		CLEANUP(run_done) struct run r = { 0 };
		struct specs specs = many(&r, 20);

		/* 20 describes to plan with, one before the write; the next one checks it. */
		r.f.concurrency = 1;
		r.f.faults[0] = (struct fake_fault){ .operation = operations[i], .times = 99, .status = 401,
		                                     .skip = operations[i] == OP_UPDATE ? 0 : 21 };
		cycle(&r, &specs, true);
		assert_int_equal(r.f.requests, i == 0 ? 23 : 24);
		assert_int_equal(r.report.steps[1].result, RESULT_DEFERRED);
		assert_string_equal(r.report.steps[1].error,
		                    "not started: the cycle was stopped, or its time limit (--timeout) had passed");
		assert_said(&r, "the service no longer accepts the token: the cycle was stopped\n");
		assert_exit(&r, 1);
	}
}

static void five_workflows_forbidden_in_a_row_stop_the_cycle(void **state)
{
	for (unsigned concurrency = 1; concurrency <= 4; concurrency += 3) {
		CLEANUP(run_done) struct run r = { 0 };
		struct specs specs = many(&r, 40);

		r.f.concurrency = concurrency;
		r.f.faults[0] = (struct fake_fault){ .operation = OP_DESCRIBE, .skip = 4, .times = 5, .status = 403 };
		cycle(&r, &specs, false);
		assert_in_range(r.f.requests, 10, 13);
		assert_said(&r, "the service forbade five workflows in a row: the cycle was stopped\n");
		assert_exit(&r, 1);
	}
}

static void four_forbidden_in_a_row_are_four_failures(void **state)
{
	CLEANUP(run_done) struct run r = { 0 };
	struct specs specs = many(&r, 12);

	r.f.concurrency = 1;
	r.f.faults[0] = (struct fake_fault){ .operation = OP_DESCRIBE, .skip = 1, .times = 4, .status = 403 };
	r.f.faults[1] = (struct fake_fault){ .operation = OP_DESCRIBE, .skip = 2, .times = 4, .status = 403 };
	cycle(&r, &specs, true);
	assert_said(&r, "warning: 4 workflows (\"w1\" and others) have no record of an earlier apply: keys "
	            "removed from the spec cannot be detected\n");
	assert_string_equal(r.report.steps[1].error, "describe workflow 613 \"w2\": "
	                    "the service answered 403 (forbidden): not now");
	assert_exit(&r, 4);
}

static void another_failure_between_breaks_the_row_of_the_forbidden(void **state)
{
	CLEANUP(run_done) struct run r = { .f.concurrency = 1 };
	struct specs specs = many(&r, 12);

	r.f.faults[0] = (struct fake_fault){ .operation = OP_DESCRIBE, .times = 1, .status = 403 };
	r.f.faults[1] = (struct fake_fault){ .operation = OP_DESCRIBE, .times = 1, .status = 422 };
	r.f.faults[2] = (struct fake_fault){ .operation = OP_DESCRIBE, .times = 4, .status = 403 };
	cycle(&r, &specs, false);
	assert_null(strstr(tree_faults(&r.a, &r.faults), "forbade"));
	assert_int_equal(r.report.steps[5].result, RESULT_FAILED);
	assert_int_equal(r.report.steps[6].result, RESULT_PLANNED);
	assert_int_equal(r.f.requests, 13);
}

static void a_workflow_that_runs_is_waited_for(void **state)
{
	CLEANUP(run_done) struct run r = { 0 };
	struct specs specs = many(&r, 1);

	r.f.faults[0] = (struct fake_fault){ .operation = OP_UPDATE, .times = 8, .status = 409 };
	cycle(&r, &specs, true);
	assert_steps(&r, "w1 patch applied\n");
	assert_int_equal(r.report.steps[0].attempts, 9);
	assert_in_range(r.f.now, 2000 + 4000 + 8000 + 16000 + 4 * 30000, 152000);
	assert_exit(&r, 0);
}

static void a_workflow_that_runs_until_the_end_is_deferred(void **state)
{
	CLEANUP(run_done) struct run r = { 0 };
	struct specs specs = many(&r, 2);

	r.f.deadline = 600000;
	r.f.faults[0] = (struct fake_fault){ .operation = OP_UPDATE, .id = 612, .times = 999, .status = 409 };
	cycle(&r, &specs, true);
	assert_steps(&r, "w1 patch deferred: update workflow 612 \"w1\": "
	                    "the service answered 409 (conflict): not now\nw2 patch applied\n");
	assert_in_range(r.f.now, 600000, 601000);
	assert_exit(&r, 4);
}

static size_t heap_in_use(void)
{
	struct mallinfo2 info = mallinfo2();

	return info.uordblks + info.hblkhd;
}

/* Runs the tasks of one phase, one request at a time.  At the `at`th request of the operation *in_use is the memory that
 * the core has, which is all but what the fake service has taken. */
static void run_and_weigh(struct run *r, struct dispatch *d, enum operation operation, unsigned at, size_t *in_use)
{
	size_t fake = 0;

	while (!dispatch_idle(d)) {
		struct task *task = dispatch_round(d, r->f.now);
		struct answer answer = { 0 };
		if (!task) {
			r->f.now = dispatch_idle(d) ? r->f.now : dispatch_wake(d);
			continue;
		}
		assert_null(task->next);
		size_t before = heap_in_use();
		if (task->request.operation == operation && --at == 0)
			*in_use = before - fake;
		fake_answer(&r->f, &task->request, &answer);
		fake += heap_in_use() - before;
		dispatch_answer(d, task, &answer, ++r->f.now);
	}
}

/* A workflow can be busy for hours. */
static void the_attempts_at_a_workflow_that_runs_take_no_more_memory(void **state)
{
	static const enum operation operations[] = { OP_UPDATE, OP_DELETE };
	size_t few = 0, many_more = 0;

	for (size_t i = 0; i < ARRAY_LEN(operations) * 2; i++) {
		enum operation operation = operations[i / 2];
		CLEANUP(run_done) struct run r = { 0 };
		const struct specs before = tree_specs(&r.a, HELLO("a", "6"));
		const struct specs specs = tree_specs(&r.a, operation == OP_UPDATE ? HELLO("a", "7") : HELLO("b", "7"));
		struct cycle_options options = { .apply = true, .owner = "o", .prune = true };
		struct report report = { .mode = "sync", .faults = &r.faults };
		struct dispatch d;
		struct cycle c;

		run_cycle(&r, &before, &options);
		r.f.faults[0] = (struct fake_fault){ .operation = operation, .times = 999, .status = 409 };
		dispatch_init(&d, 1, r.f.now + 3 * 3600 * 1000, 1);
		cycle_begin(&c, &r.a, &d, &specs, &options, &report, &r.faults);
		do
			run_and_weigh(&r, &d, operation, i % 2 ? 300 : 30, i % 2 ? &many_more : &few);
		while (cycle_advance(&c));
		cycle_done(&c);
		assert_int_equal(exit_status_code(&report.verdict), 4);
		assert_in_range(report.steps[report.step_count - 1].attempts, 300, 400);
		/* The counts of the sanitizers' allocator are zero. */
		if (i % 2)
			assert_in_range(many_more, 0, few + 64 * 1024);
	}
}

/* The agent comes back to it. */
static void with_defer_a_workflow_that_runs_is_not_waited_for(void **state)
{
	static const struct { const char *yaml; enum operation operation; const char *steps; } cases[] = {
		{ HELLO("a", "7"), OP_UPDATE, "a patch deferred: update workflow 612 \"a\": "
		                              "the service answered 409 (conflict): not now\n" },
		{ HELLO("b", "7"), OP_DELETE, "b create applied\na delete deferred: delete workflow 612 \"a\": "
		                              "the service answered 409 (conflict): not now\n" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(run_done) struct run r = { 0 };
		const struct specs specs = tree_specs(&r.a, cases[i].yaml);
		const struct cycle_options options = {
			.apply = true, .defer = true, .owner = "o", .prune = true,
		};

		const struct specs before = tree_specs(&r.a, HELLO("a", "6"));
		run_cycle(&r, &before, &options);
		r.f.faults[0] = (struct fake_fault){ .operation = cases[i].operation, .times = 999, .status = 409 };
		run_cycle(&r, &specs, &options);
		assert_steps(&r, cases[i].steps);
		assert_int_equal(r.report.steps[i].attempts, 1);
		assert_in_range(r.f.now, 0, 1999);
		assert_exit(&r, 4);
	}
}

static void a_hurry_waits_for_no_workflow_that_runs_and_begins_all_others(void **state)
{
	/* Before it is asked for anything, and in the midst of its waiting. */
	static const unsigned after[] = { 1, 9 };

	for (size_t i = 0; i < ARRAY_LEN(after); i++) {
		CLEANUP(run_done) struct run r = { 0 };
		struct specs specs = many(&r, 3);

		r.f.concurrency = 1;
		r.f.hurry_after = after[i];
		r.f.faults[0] = (struct fake_fault){ .operation = OP_UPDATE, .id = 612, .times = 999, .status = 409 };
		cycle(&r, &specs, true);
		assert_steps(&r, "w1 patch deferred: update workflow 612 \"w1\": "
		                 "the service answered 409 (conflict): not now\n"
		                 "w2 patch applied\nw3 patch applied\n");
		assert_in_range(r.f.now, 0, 4000);
		assert_exit(&r, 4);
	}
}

/* "A failed fetch plans neither deletes nor creates" (design, 6). */
static void what_is_held_back_is_neither_made_nor_deleted(void **state)
{
	CLEANUP(run_done) struct run r = { .f.memory.on = true };
	const struct specs before = tree_specs(&r.a, HELLO("a", "6") "---\n" HELLO("z", "7"));
	const struct specs specs = tree_specs(&r.a, HELLO("a", "7") "---\n" HELLO("b", "7"));
	struct cycle_options options = { .apply = true, .owner = "o", .prune = true };

	run_cycle(&r, &before, &options);
	options.hold = true;
	run_cycle(&r, &specs, &options);
	assert_steps(&r, "a patch applied\nb create deferred: the source could not be read\n");
	assert_writes(&r, "update 612\n");
	assert_said(&r, "warning: the source could not be read: workflows are neither created nor deleted\n");
	assert_exit(&r, 4);
	options.hold = false;
	run_cycle(&r, &specs, &options);
	assert_steps(&r, "a none unchanged\nb create applied\nz delete applied\n");
}

static void remove_before_describe(struct fake *f, const struct request *request)
{
	if (request->operation == OP_DESCRIBE && fake_find(f, 612))
		fake_remove(f, 612);
}

static void one_that_vanishes_after_the_list_is_planned_to_be_made(void **state)
{
	CLEANUP(run_done) struct run r = { 0 };
	struct specs specs = many(&r, 1);

	r.f.meanwhile = remove_before_describe;
	cycle(&r, &specs, true);
	assert_steps(&r, "w1 create applied\n");
	assert_writes(&r, "create 613\n");
	assert_int_equal(r.report.steps[0].id, 613);
	assert_exit(&r, 0);
}

static void remove_before_the_second_describe(struct fake *f, const struct request *request)
{
	if (request->operation == OP_DESCRIBE && f->requests > 2 && fake_find(f, 612))
		fake_remove(f, 612);
}

static void one_that_vanishes_after_the_plan_is_made_again(void **state)
{
	CLEANUP(run_done) struct run r = { 0 };
	struct specs specs = many(&r, 1);

	r.f.meanwhile = remove_before_the_second_describe;
	cycle(&r, &specs, true);
	assert_steps(&r, "w1 create applied\n");
	assert_writes(&r, "create 613\n");
}

static void one_that_vanishes_is_not_made_again_by_a_cycle_that_holds_back(void **state)
{
	for (unsigned before_plan = 0; before_plan < 2; before_plan++) {
		CLEANUP(run_done) struct run r = { 0 };
		struct specs specs = many(&r, 1);

		r.f.meanwhile = before_plan ? remove_before_describe : remove_before_the_second_describe;
		run_cycle(&r, &specs, &(struct cycle_options){ .apply = true, .hold = true });
		assert_steps(&r, "w1 create deferred: the source could not be read\n");
		assert_writes(&r, "");
	}
}

static void somebody_else_heals_it(struct fake *f, const struct request *request)
{
	if (request->operation == OP_DESCRIBE && f->requests > 2)
		node_put(&f->arena, node_at(fake_find(f, 612)->shown, "/steps/s"), "imageId",
		         node_int(&f->arena, 1));
}

static void one_that_became_equal_since_the_plan_is_not_written(void **state)
{
	CLEANUP(run_done) struct run r = { 0 };
	struct specs specs = many(&r, 1);

	r.f.meanwhile = somebody_else_heals_it;
	cycle(&r, &specs, true);
	assert_steps(&r, "w1 none unchanged\n");
	assert_writes(&r, "");
	assert_exit(&r, 0);
}

static void a_create_whose_answer_was_lost_makes_one_workflow(void **state)
{
	static const struct { enum failure failure; int status; bool done; int64_t retry_after_ms; } cases[] = {
		{ FAILURE_LOST, 0, true }, { FAILURE_TOO_LARGE, 0, true }, { 0, 500, true }, { 0, 502, true },
		{ 0, 503, true }, { 0, 504, true }, { 0, 524, true }, { 0, 200, true },
		/* refused */
		{ 0, 429, false }, { 0, 503, false, 2000 }, { FAILURE_UNSENT, 0, false },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(run_done) struct run r = { 0 };
		struct specs specs = tree_specs(&r.a, HELLO("hello", "7"));

		r.f.faults[0] = (struct fake_fault){ .operation = OP_CREATE, .times = 1, .done = cases[i].done,
			.failure = cases[i].failure, .status = cases[i].status, .retry_after_ms = cases[i].retry_after_ms };
		cycle(&r, &specs, true);
		assert_steps(&r, "hello create applied\n");
		assert_writes(&r, "create 612\n");
		assert_int_equal(r.f.count, 1);
		assert_int_equal(r.report.steps[0].id, 612);
		assert_exit(&r, 0);
	}
}

#define MAY_EXIST "; it may have been created; the next cycle looks again\n"

static void a_lost_create_that_is_not_found_is_not_sent_again(void **state)
{
	static const struct { struct fake_fault fault; const char *error; } cases[] = {
		{ { .failure = FAILURE_LOST }, "the connection broke" },
		{ { .status = 500 }, "the service answered 500 (internal error): not now" },
		{ { .status = 502 }, "the service answered 502 (bad gateway): not now" },
		{ { .status = 503 }, "the service answered 503 (unavailable): not now" },
		{ { .status = 201 }, "expected an \"id\", found an answer of another shape" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(run_done) struct run r = { 0 };
		struct specs specs = tree_specs(&r.a, HELLO("hello", "7"));

		r.f.faults[0] = cases[i].fault;
		r.f.faults[0].operation = OP_CREATE;
		r.f.faults[0].times = 1;
		cycle(&r, &specs, true);
		assert_steps(&r, arena_printf(&r.a, "hello create failed: create workflow \"hello\": %s" MAY_EXIST,
		                              cases[i].error));
		assert_int_equal(r.report.steps[0].attempts, 1);
		assert_int_equal(r.report.steps[0].http_status, cases[i].fault.status);
		assert_int_equal(r.f.count, 0);
		assert_in_range(r.f.now, 15000, 16000);
		assert_exit(&r, 1);
		/* Without a state the next cycle relies on its own look. */
		cycle(&r, &specs, true);
		assert_steps(&r, "hello create applied\n");
		assert_exit(&r, 0);
	}
}

/* Lost answers x a search that lags: one create of each name in each cycle, and of one that was carried out one at all. */
static void no_lag_of_the_search_makes_a_second_workflow(void **state)
{
	for (int64_t lag = 0; lag <= 20000; lag += 1000) {
		CLEANUP(run_done) struct run r = { .f = { .list_lag = lag, .concurrency = 2 } };
		struct specs specs = tree_specs(&r.a, HELLO("a", "7") "---\n" HELLO("b", "7") "---\n" HELLO("c", "7"));
		r.f.faults[0] = (struct fake_fault){ .operation = OP_CREATE, .times = 2, .done = true, .failure = FAILURE_LOST };
		cycle(&r, &specs, true);
		assert_writes(&r, "create 612\ncreate 613\ncreate 614\n");
		assert_exit(&r, lag <= 15000 ? 0 : 4);
		/* After the lookups the list is read again until it shows the create that was answered. */
		assert_in_range(r.f.now, lag < 15000 ? lag : 15000, lag <= 15000 ? 17000 : lag + 5000);
		r.f.now += lag;
		cycle(&r, &specs, true);
		assert_writes(&r, "");
		assert_int_equal(r.f.count, 3);
		assert_exit(&r, 0);
	}
}

/* With one connection alone the other steps end long before the lookups. */
static void waiting_for_a_lost_create_holds_no_connection(void **state)
{
	CLEANUP(run_done) struct run r = { .f.concurrency = 1 };
	struct specs specs = tree_specs(&r.a, HELLO("a", "7") "---\n" HELLO("b", "7"));

	r.f.faults[0] = (struct fake_fault){ .operation = OP_CREATE, .times = 1, .failure = FAILURE_LOST };
	cycle(&r, &specs, true);
	assert_steps(&r, "a create failed: create workflow \"a\": the connection broke" MAY_EXIST "b create applied\n");
	assert_true(r.report.steps[1].duration_ms < 1000);
	assert_exit(&r, 4);
}

static void the_deadline_ends_the_lookups_of_a_lost_create(void **state)
{
	CLEANUP(run_done) struct run r = { .f.deadline = 3000 };
	struct specs specs = tree_specs(&r.a, HELLO("hello", "7"));

	r.f.faults[0] = (struct fake_fault){ .operation = OP_CREATE, .times = 1, .failure = FAILURE_LOST };
	cycle(&r, &specs, true);
	assert_steps(&r, "hello create failed: create workflow \"hello\": the connection broke" MAY_EXIST);
	assert_in_range(r.f.now, 3000, 3100);
}

static void make_anothers_after_the_create(struct fake *f, const struct request *request)
{
	if (request->operation == OP_CREATE)
		fake_make(f, tree_json(&f->arena, "{\"name\":\"hello\",\"tags\":[{\"name\":\"flowsync-other\"},{\"name\":"
		                       "\"flowsync-id-2cf24dba-100000000\"}],\"steps\":{\"greet\":{\"imageId\":8,"
		                       "\"command\":\"run\"}}}"));
}

/* The create did not arrive, and another owner made one meanwhile. */
static void what_is_found_after_a_lost_create_may_be_anothers(void **state)
{
	CLEANUP(run_done) struct run r = { .f.meanwhile = make_anothers_after_the_create };
	struct specs specs = tree_specs(&r.a, HELLO("hello", "7"));

	r.f.faults[0] = (struct fake_fault){ .operation = OP_CREATE, .times = 1, .failure = FAILURE_LOST };
	cycle(&r, &specs, true);
	assert_steps(&r, "hello create conflict: it belongs to owner \"other\" (tag flowsync-other)\n");
	assert_writes(&r, "");
	assert_exit(&r, 5);
}

#define UNSEEN "describe workflow 612 \"hello\": the service answered 404 (not found): no such workflow\n"

static void a_new_workflow_may_be_described_ten_seconds_late(void **state)
{
	for (int64_t lag = 0; lag <= 14000; lag += 1000) {
		CLEANUP(run_done) struct run r = { .f.describe_lag = lag };
		struct specs specs = tree_specs(&r.a, HELLO("hello", "7"));

		cycle(&r, &specs, true);
		assert_writes(&r, "create 612\n");
		assert_steps(&r, lag <= 10000 ? "hello create applied\n"
		                              : "hello create failed: written, but not verified: " UNSEEN);
		assert_exit(&r, lag <= 10000 ? 0 : 4);
		assert_in_range(r.f.now, lag < 10000 ? lag : 10000, 11000);
		cycle(&r, &specs, true);
		assert_writes(&r, "");
		assert_exit(&r, 0);
	}
}

/* Another sync created it a moment ago: the list shows it, and a description does not. */
static void a_listed_workflow_that_is_not_described_yet_is_not_created_again(void **state)
{
	CLEANUP(run_done) struct run r = { .f.describe_lag = 5000 };
	struct specs specs = tree_specs(&r.a, HELLO("hello", "8"));

	run_make(&r, HELLO_BODY("hello", "7"));
	cycle(&r, &specs, true);
	assert_steps(&r, "hello patch applied\n");
	assert_writes(&r, "update 612\n");
}

static void the_deadline_ends_the_wait_for_a_new_workflow(void **state)
{
	CLEANUP(run_done) struct run r = { .f = { .describe_lag = 60000, .deadline = 2000 } };
	struct specs specs = tree_specs(&r.a, HELLO("hello", "7"));

	cycle(&r, &specs, true);
	assert_steps(&r, "hello create failed: written, but not verified: " UNSEEN);
	assert_in_range(r.f.now, 2000, 2100);
	/* list, lookup, create; described at once, after 0.5 s, after 1.5 s, and at the deadline */
	assert_int_equal(r.f.requests, 7);
}

static void make_it_first(struct fake *f, const struct request *request)
{
	if (request->operation == OP_LIST && f->requests > 1 && f->count == 0)
		fake_make(f, tree_json(&f->arena, "{\"name\":\"hello\",\"steps\":{\"greet\":"
		                       "{\"imageId\":8,\"command\":\"run\"}}}"));
}

static void one_that_somebody_made_since_the_list_is_updated(void **state)
{
	CLEANUP(run_done) struct run r = { 0 };
	struct specs specs = tree_specs(&r.a, HELLO("hello", "7"));

	r.f.meanwhile = make_it_first;
	cycle(&r, &specs, true);
	assert_steps(&r, "hello patch applied\n");
	assert_writes(&r, "update 612\n");
	assert_int_equal(r.report.steps[0].id, 612);
}

static void make_two_first(struct fake *f, const struct request *request)
{
	make_it_first(f, request);
	if (f->count == 1)
		fake_make(f, f->items[0].sent);
}

static void two_that_somebody_made_since_the_list_are_a_conflict(void **state)
{
	CLEANUP(run_done) struct run r = { 0 };
	struct specs specs = tree_specs(&r.a, HELLO("hello", "7"));

	r.f.meanwhile = make_two_first;
	cycle(&r, &specs, true);
	assert_steps(&r, "hello create conflict: the service has 2 workflows called \"hello\" "
	                    "(ids 612, 613): it is unclear which one is meant\n");
	assert_writes(&r, "");
	assert_exit(&r, 5);
}

static void two_of_one_name_are_a_conflict_and_the_others_are_applied(void **state)
{
	CLEANUP(run_done) struct run r = { 0 };
	struct specs specs = many(&r, 2);

	fake_make(&r.f, r.f.items[0].sent);
	cycle(&r, &specs, true);
	assert_steps(&r, "w1 none conflict: the service has 2 workflows called \"w1\" (ids 612, 614): "
	                    "it is unclear which one is meant\nw2 patch applied\n");
	assert_writes(&r, "update 613\n");
	assert_exit(&r, 5);
}

static void renamed_from_follows_the_workflow(void **state)
{
	static const char yaml[] = "flowsync: {renamed_from: old}\n" HELLO("new", "7");
	static const struct { const char *live[3], *steps, *writes; int code; } cases[] = {
		{ { "old" }, "new patch applied\n", "update 612\n", 0 },
		{ { "new" }, "new none unchanged\n", "", 0 },
		{ { NULL }, "new create applied\n", "create 612\n", 0 },
		{ { "new", "old" }, "new none conflict: renamed_from: \"old\" (id 613) and \"new\" (id 612) are both on "
		  "the service\n", "", 5 },
		{ { "old", "old" }, "new none conflict: the service has 2 workflows called \"old\" (ids 612, 613): "
		  "it is unclear which one is meant\n", "", 5 },
		{ { "old", "old", "new" }, "new none conflict: renamed_from: \"old\" (id 612) and \"new\" (id 614) are "
		  "both on the service\n", "", 5 },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(run_done) struct run r = { 0 };
		struct specs specs = tree_specs(&r.a, yaml);

		for (size_t j = 0; j < 3 && cases[i].live[j]; j++)
			fake_make(&r.f, tree_json(&r.a, arena_printf(&r.a, "{\"name\":\"%s\",\"steps\":{\"greet\":"
			          "{\"imageId\":7,\"command\":\"run\"}}}", cases[i].live[j])));
		cycle(&r, &specs, true);
		assert_steps(&r, cases[i].steps);
		assert_writes(&r, cases[i].writes);
		assert_exit(&r, cases[i].code);
	}
}

static void a_suspended_workflow_is_left_alone(void **state)
{
	CLEANUP(run_done) struct run r = { 0 };
	struct specs specs = tree_specs(&r.a, "flowsync: {suspend: true}\n" HELLO("a", "7") "---\n" HELLO("b", "7"));

	cycle(&r, &specs, true);
	assert_steps(&r, "a none suspended\nb create applied\n");
	assert_exit(&r, 0);
}

static void only_what_a_glob_names_is_planned_and_counted(void **state)
{
	static const char *const globs[] = { "w1?", "w3" };
	const struct cycle_options options = { .apply = true, .only = globs, .only_count = 2 };
	CLEANUP(run_done) struct run r = { .faults.arena = &r.a };
	struct specs specs = many(&r, 11);

	fake_cycle(&r.f, &r.a, &specs, &options, &r.report, &r.faults);
	assert_steps(&r, "w3 patch applied\nw10 patch applied\nw11 patch applied\n");
	assert_int_equal(r.report.source.specs, 3);
	assert_writes(&r, "update 614\nupdate 621\nupdate 622\n");
}

/* Stopped after any number of requests, what was sent is finished and told, and nothing else begun. */
static void a_stop_leaves_no_half_done_step(void **state)
{
	for (unsigned after = 1; after < 40; after++) {
		CLEANUP(run_done) struct run r = { 0 };
		struct specs specs = many(&r, 6);
		size_t applied = 0;

		for (size_t i = 0; i < 3; i++)		/* three are there, three are not */
			fake_remove(&r.f, r.f.items[0].id);
		r.f.stop_after = after;
		r.f.concurrency = 2;
		cycle(&r, &specs, true);
		for (size_t i = 0; i < r.report.step_count; i++) {
			enum result result = r.report.steps[i].result;
			if (result != RESULT_APPLIED)
				assert_int_equal(result, RESULT_DEFERRED);
			applied += result == RESULT_APPLIED;
		}
		size_t writes = 0;
		for (const char *s = buf_str(&r.f.writes); (s = strchr(s, '\n')); s++)
			writes++;
		assert_int_equal(writes, applied);
		if (r.f.requests > after)
			assert_in_range(r.f.requests - after, 1, 8);
	}
}

static void a_list_that_fails_plans_nothing(void **state)
{
	static const struct { int status; const char *type, *body, *said; } cases[] = {
		{ 500, NULL, NULL, "list workflows, page 1: the service answered 500 (internal error): not now\n" },
		{ 403, NULL, NULL, "list workflows, page 1: the service answered 403 (forbidden): not now\n" },
		{ 401, NULL, NULL, "list workflows, page 1: the service answered 401 (the token is not accepted): not now\n" },
		{ 200, "text/html", "<html>Sign in</html>", "list workflows, page 1: expected JSON, found a web page (HTML); "
		  "is the endpoint right?\n" },
		{ 200, NULL, "{\"workflows\":[]}", "list workflows, page 1: expected a number under \"pageCount\", "
		  "found an answer of another shape\n" },
		{ 200, NULL, "{\"workflows\":[],\"pageCount\":0,\"workflowsCount\":7}", "list workflows: the service counts "
		  "7 of them and listed 0, in 3 readings\n" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(run_done) struct run r = { 0 };
		struct specs specs = many(&r, 3);

		r.f.faults[0] = (struct fake_fault){ .operation = OP_LIST, .times = 99, .status = cases[i].status,
		                                     .type = cases[i].type, .body = cases[i].body };
		cycle(&r, &specs, true);
		assert_said(&r, cases[i].said);
		assert_int_equal(r.report.step_count, 0);
		assert_writes(&r, "");
		assert_exit(&r, 1);
	}
}

static void a_value_that_the_service_does_not_keep_is_refused(void **state)
{
	CLEANUP(run_done) struct run r = { 0 };
	struct specs specs = many(&r, 1);

	r.f.deaf_to = "/steps/s/imageId";
	cycle(&r, &specs, true);
	assert_steps(&r, "w1 patch refused: refused by the service: /steps/s/imageId\n");
	assert_writes(&r, "update 612\nupdate 612\n");
	assert_int_equal(r.report.steps[0].refused.count, 1);
	assert_string_equal(tree_text(&r.a, r.report.steps[0].refused.items[0].from), "2");
	assert_string_equal(tree_text(&r.a, r.report.steps[0].refused.items[0].to), "1");
	assert_exit(&r, 4);
}

static void a_service_that_shows_a_write_late_is_asked_again(void **state)
{
	CLEANUP(run_done) struct run r = { 0 };
	struct specs specs = many(&r, 1), new = tree_specs(&r.a, HELLO("new", "1"));

	r.f.stale_reads = 1;
	cycle(&r, &specs, true);
	assert_steps(&r, "w1 patch applied\n");
	cycle(&r, &new, true);
	assert_steps(&r, "new create applied\n");
	assert_exit(&r, 0);
}

static void what_was_written_and_cannot_be_checked_was_not_nothing(void **state)
{
	CLEANUP(run_done) struct run r = { 0 };
	struct specs specs = many(&r, 1);

	r.f.faults[0] = (struct fake_fault){ .operation = OP_DESCRIBE, .skip = 2, .times = 99, .status = 500 };
	cycle(&r, &specs, true);
	assert_steps(&r, "w1 patch failed: written, but not verified: describe workflow 612 "
	                    "\"w1\": the service answered 500 (internal error): not now\n");
	assert_exit(&r, 4);
}

static void never_more_requests_at_a_time_than_allowed(void **state)
{
	for (unsigned most = 1; most <= 16; most *= 4) {
		CLEANUP(run_done) struct run r = { 0 };
		struct specs specs = many(&r, 50);

		r.f.concurrency = most;
		cycle(&r, &specs, true);
		assert_int_equal(r.f.most_running, most);
		assert_exit(&r, 0);
	}
}

static void several_pages_are_read(void **state)
{
	CLEANUP(run_done) struct run r = { 0 };
	struct specs specs = many(&r, 250);

	cycle(&r, &specs, false);
	assert_int_equal(r.report.observed, 250);
	assert_int_equal(r.report.requests, 3 + 250);
	assert_int_equal(r.report.by_operation[OP_LIST], 3);
	assert_int_equal(r.report.by_operation[OP_DESCRIBE], 250);
}

static void what_may_be_lost_is_warned_of_once_for_each_workflow(void **state)
{
	CLEANUP(run_done) struct run r = { 0 };
	struct specs specs = many(&r, 1);

	r.f.hides_options = true;
	fake_remove(&r.f, 612);
	fake_make(&r.f, tree_json(&r.a, "{\"name\":\"w1\",\"steps\":{\"s\":{\"imageId\":2,\"command\":\"c\"}}}"));
	cycle(&r, &specs, true);
	assert_said(&r, "warning: workflow \"w1\" has no record of an earlier apply: keys removed from the spec cannot be detected\n"
	            "warning: s.yaml:2:1: workflow \"w1\": an update loses /metadata, /retryOptions if it is set on "
	            "the service, which does not show it; declare it to keep it\n");
}

static void what_the_service_does_not_show_is_warned_of_once(void **state)
{
	for (size_t n = 1; n <= 2; n++) {
		CLEANUP(run_done) struct run r = { .f.hides_options = true };
		struct specs specs = tree_specs(&r.a, n == 1 ? "metadata: {allowConcurrentExecution: true}\n" HELLO("a", "7")
		    : "metadata: {allowConcurrentExecution: true}\n" HELLO("a", "7")
		      "---\nretryOptions: {duration: 1}\n" HELLO("b", "7"));

		cycle(&r, &specs, true);
		assert_said(&r, "");
		cycle(&r, &specs, true);
		assert_writes(&r, "");
		assert_said(&r, n == 1
		    ? "warning: workflow \"a\" declares /metadata, which this service does not show: a change there "
		      "is not seen\n"
		    : "warning: 2 workflows (\"a\" and others) declare what this service does not show, such as "
		      "/metadata: a change there is not seen\n");
		assert_exit(&r, 0);
	}
}

/* ---- what is deleted is shown ---- */

#define KEPT	"---\n" HELLO("b", "7") "---\n" HELLO("c", "7")

/* A plan that would delete a; before it is described, `fault` is set. */
static void plan_delete_of_a(struct run *r, const struct fake_fault *fault)
{
	static const char *const masks[] = { "/steps/*/imageId" };
	const struct cycle_options sync = { .apply = true, .owner = "o", .prune = true };
	struct cycle_options plan = { .owner = "o", .prune = true };
	struct node *mask = node_list(&r->a);
	struct specs all = tree_specs(&r->a, "name: a\ntags: [{name: red}]\nsteps: {s: {imageId: 7, command: run, "
		"parameters: {env: {DB_PASSWORD: CANARY}}}}\n" KEPT);
	struct specs rest = tree_specs(&r->a, KEPT);

	node_add(&r->a, mask, node_text(&r->a, masks[0]));
	plan.mask = mask;
	run_cycle(r, &all, &sync);
	r->f.faults[0] = *fault;
	run_cycle(r, &rest, &plan);
	assert_writes(r, "");
}

static void a_plan_shows_what_it_would_delete(void **state)
{
	CLEANUP(run_done) struct run r = { 0 };

	plan_delete_of_a(&r, &(struct fake_fault){ 0 });
	assert_steps(&r, "b none unchanged\nc none unchanged\na delete planned\n");
	assert_string_equal(run_changes(&r), "remove /name undeclared\nremove /tags undeclared\nremove /steps/s undeclared\n");
	const char *shown = tree_text(&r.a, node_at(report_tree(&r.a, &r.report), "/workflows/0/changes"));
	assert_null(strstr(shown, "CANARY"));
	assert_null(strstr(shown, "flowsync-"));
	assert_non_null(strstr(shown, "\"imageId\":\"(masked #1)\""));
	assert_non_null(strstr(shown, "\"from\":[{\"name\":\"red\"}],\"to\":null"));
}

/* As the plan of an update does. */
static void a_plan_says_why_a_delete_would_not_be_made(void **state)
{
	static const struct { struct fake_fault fault; const char *step; } cases[] = {
		{ { .operation = OP_DESCRIBE, .id = 612, .times = 99, .status = 403 },
		  "a delete failed: describe workflow 612 \"a\": the service answered 403 (forbidden): not now\n" },
		{ { .operation = OP_DESCRIBE, .id = 612, .times = 99, .status = 404 }, "a none unchanged\n" },
		{ { .operation = OP_DESCRIBE, .id = 612, .times = 99, .failure = FAILURE_LOST },
		  "a delete failed: describe workflow 612 \"a\": the connection broke\n" },
		{ { .operation = OP_DESCRIBE, .id = 612, .times = 99, .status = 200,
		    .body = "{\"id\":612,\"name\":\"x\",\"steps\":{}}" },
		  "a delete conflict: changed since it was listed; skipped\n" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(run_done) struct run r = { 0 };
		plan_delete_of_a(&r, &cases[i].fault);
		assert_steps(&r, arena_printf(&r.a, "b none unchanged\nc none unchanged\n%s", cases[i].step));
		assert_string_equal(run_changes(&r), "");
	}
}

static void what_a_guard_blocks_is_not_described(void **state)
{
	CLEANUP(run_done) struct run r = { 0 };
	const struct cycle_options sync = { .apply = true, .owner = "o", .prune = true };
	const struct cycle_options plan = { .owner = "o", .prune = true };
	struct specs all = tree_specs(&r.a, HELLO("a", "7") KEPT), rest = tree_specs(&r.a, HELLO("a", "7"));

	run_cycle(&r, &all, &sync);
	run_cycle(&r, &rest, &plan);
	assert_steps(&r, "a none unchanged\nb delete blocked\nc delete blocked\n");
	assert_int_equal(r.report.by_operation[OP_DESCRIBE], 1);
}

static void a_sync_shows_what_it_deleted(void **state)
{
	CLEANUP(run_done) struct run r = { 0 };
	const struct cycle_options sync = { .apply = true, .owner = "o", .prune = true };
	struct specs all = tree_specs(&r.a, HELLO("a", "7") KEPT), rest = tree_specs(&r.a, KEPT);

	run_cycle(&r, &all, &sync);
	run_cycle(&r, &rest, &sync);
	assert_steps(&r, "b none unchanged\nc none unchanged\na delete applied\n");
	assert_string_equal(run_changes(&r), "remove /name undeclared\nremove /steps/greet undeclared\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_plan_shows_what_it_would_delete),
		cmocka_unit_test(a_plan_says_why_a_delete_would_not_be_made),
		cmocka_unit_test(what_a_guard_blocks_is_not_described),
		cmocka_unit_test(a_sync_shows_what_it_deleted),
		cmocka_unit_test(a_plan_writes_nothing),
		cmocka_unit_test(a_second_sync_writes_nothing_whatever_the_service_is_like),
		cmocka_unit_test(drift_is_patched_and_a_step_too_many_is_replaced_away),
		cmocka_unit_test(a_step_of_another_kind_is_a_replacement),
		cmocka_unit_test(the_address_of_a_webhook_stays_through_an_update),
		cmocka_unit_test(one_step_that_fails_stops_no_other),
		cmocka_unit_test(what_only_fails_is_a_failure),
		cmocka_unit_test(a_failure_that_passes_is_waited_out),
		cmocka_unit_test(a_refused_token_stops_the_cycle_at_once),
		cmocka_unit_test(a_token_that_is_refused_while_writing_stops_it_too),
		cmocka_unit_test(five_workflows_forbidden_in_a_row_stop_the_cycle),
		cmocka_unit_test(four_forbidden_in_a_row_are_four_failures),
		cmocka_unit_test(another_failure_between_breaks_the_row_of_the_forbidden),
		cmocka_unit_test(a_workflow_that_runs_is_waited_for),
		cmocka_unit_test(a_workflow_that_runs_until_the_end_is_deferred),
		cmocka_unit_test(the_attempts_at_a_workflow_that_runs_take_no_more_memory),
		cmocka_unit_test(with_defer_a_workflow_that_runs_is_not_waited_for),
		cmocka_unit_test(a_hurry_waits_for_no_workflow_that_runs_and_begins_all_others),
		cmocka_unit_test(what_is_held_back_is_neither_made_nor_deleted),
		cmocka_unit_test(one_that_vanishes_after_the_list_is_planned_to_be_made),
		cmocka_unit_test(one_that_vanishes_after_the_plan_is_made_again),
		cmocka_unit_test(one_that_vanishes_is_not_made_again_by_a_cycle_that_holds_back),
		cmocka_unit_test(one_that_became_equal_since_the_plan_is_not_written),
		cmocka_unit_test(a_create_whose_answer_was_lost_makes_one_workflow),
		cmocka_unit_test(a_lost_create_that_is_not_found_is_not_sent_again),
		cmocka_unit_test(no_lag_of_the_search_makes_a_second_workflow),
		cmocka_unit_test(waiting_for_a_lost_create_holds_no_connection),
		cmocka_unit_test(the_deadline_ends_the_lookups_of_a_lost_create),
		cmocka_unit_test(what_is_found_after_a_lost_create_may_be_anothers),
		cmocka_unit_test(a_new_workflow_may_be_described_ten_seconds_late),
		cmocka_unit_test(a_listed_workflow_that_is_not_described_yet_is_not_created_again),
		cmocka_unit_test(the_deadline_ends_the_wait_for_a_new_workflow),
		cmocka_unit_test(one_that_somebody_made_since_the_list_is_updated),
		cmocka_unit_test(two_that_somebody_made_since_the_list_are_a_conflict),
		cmocka_unit_test(two_of_one_name_are_a_conflict_and_the_others_are_applied),
		cmocka_unit_test(renamed_from_follows_the_workflow),
		cmocka_unit_test(a_suspended_workflow_is_left_alone),
		cmocka_unit_test(only_what_a_glob_names_is_planned_and_counted),
		cmocka_unit_test(a_stop_leaves_no_half_done_step),
		cmocka_unit_test(a_list_that_fails_plans_nothing),
		cmocka_unit_test(a_value_that_the_service_does_not_keep_is_refused),
		cmocka_unit_test(a_service_that_shows_a_write_late_is_asked_again),
		cmocka_unit_test(what_was_written_and_cannot_be_checked_was_not_nothing),
		cmocka_unit_test(never_more_requests_at_a_time_than_allowed),
		cmocka_unit_test(several_pages_are_read),
		cmocka_unit_test(what_may_be_lost_is_warned_of_once_for_each_workflow),
		cmocka_unit_test(what_the_service_does_not_show_is_warned_of_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
