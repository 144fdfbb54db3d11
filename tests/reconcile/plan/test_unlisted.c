/* A list that lags, omits workflows or changes while it is read: nothing is created twice, and nothing that is unknown counts as missing. */
#include "tests/test.h"
#include "reconcile/plan/unlisted.h"

#include <string.h>

#include "tests/run.h"
#include "tests/tree.h"

#define HOUR	(3600 * 1000)
#define TWO	HELLO("a", "7") "---\n" HELLO("b", "7")

static const struct cycle_options sync = { .apply = true }, prune = { .apply = true, .prune = true },
	prune_all = { .apply = true, .prune = true, .limits = { .delete_limit = true, .max_delete_percent = 100 } };

static void cycle_with(struct run *r, const char *yaml, const struct cycle_options *options)
{
	const struct specs specs = tree_specs(&r->a, yaml);

	run_cycle(r, &specs, options);
}

/* n specs called w01 ... */
static const char *many(struct run *r, size_t n)
{
	const char *yaml = "";

	for (size_t i = 1; i <= n; i++)
		yaml = arena_printf(&r->a, "%s---\nname: w%02zu\nsteps: {s: {imageId: 1, command: c}}\n", yaml, i);
	return yaml;
}

/* Applied before, and from now on the list shows none of them. */
static void hide_all(struct run *r)
{
	for (size_t i = 0; i < r->f.count; i++)
		r->f.items[i].unlisted = true;
}

static unsigned described(const struct run *r)
{
	return r->report.by_operation[OP_DESCRIBE];
}

static void a_list_that_lags_creates_once(void **state)
{
	CLEANUP(run_done) struct run r = { .f = { .memory.on = true, .list_lag = HOUR } };

	run_sync(&r, TWO);
	assert_writes(&r, "create 612\ncreate 613\n");
	run_plan(&r, TWO);
	assert_steps(&r, "a none unchanged\nb none unchanged\n");
	assert_int_equal(r.report.observed, 2);
	run_sync(&r, TWO);
	assert_steps(&r, "a none unchanged\nb none unchanged\n");
	assert_writes(&r, "");
	run_sync(&r, HELLO("a", "8") "---\n" HELLO("b", "7"));
	assert_writes(&r, "update 612\n");
	assert_said(&r, "");
}

static void a_list_that_shows_all_costs_no_request(void **state)
{
	CLEANUP(run_done) struct run r = { .f.memory.on = true };

	run_sync(&r, TWO);
	run_plan(&r, TWO);
	assert_int_equal(r.f.requests, 3);
	fake_find(&r.f, 612)->unlisted = true;
	run_plan(&r, TWO);
	assert_int_equal(r.f.requests, 4);
}

#define D	"-v11111111"
#define TAGS(owner, n)	"[{\"name\":\"flowsync-" owner "\"},{\"name\":\"flowsync-id-" n D "\"}]"
#define N_A	"ca978112"

static void what_describe_says_decides(void **state)
{
	static const struct { const char *why, *name, *tags; struct fake_fault fault; const char *step, *writes; int code; } cases[] = {
		{ "as it was", .step = "a patch applied\n", .writes = "update 612\n" },
		{ "renamed by hand", .name = "\"mine\"", .step = "a patch applied\n", .writes = "update 612\n" },
		{ "without our tags", .tags = "[]", .step = "a patch applied\n", .writes = "update 612\n" },
		{ "of another owner", .tags = TAGS("team", N_A), .code = 5, .writes = "",
		  .step = "a none conflict: it belongs to owner \"team\" (tag flowsync-team)\n" },
		{ "renamed, and without our tags", .name = "\"mine\"", .tags = "[]", .code = 1, .writes = "",
		  .step = "a none failed: the list does not show it, and it is unknown whether it exists: workflow 612 is called "
		          "\"mine\" now and does not have our tags; give it its name back, or delete it\n" },
		{ "renamed, and of two owners", .name = "\"mine\"", .code = 1, .writes = "",
		  .tags = "[{\"name\":\"flowsync-default\"},{\"name\":\"flowsync-id-" N_A D "\"},{\"name\":\"flowsync-team\"}]",
		  .step = "a none failed: the list does not show it, and it is unknown whether it exists: workflow 612 is called "
		          "\"mine\" now and does not have our tags; give it its name back, or delete it\n" },
		{ "gone", .fault = { .status = 404 }, .step = "a create applied\n", .writes = "create 614\n" },
		{ "gone for good", .fault = { .status = 410 }, .step = "a create applied\n", .writes = "create 614\n" },
		{ "a gateway's 404", .fault = { .status = 404, .type = "text/html", .body = "<html>" }, .code = 1, .writes = "",
		  .step = "a none failed: the list does not show it, and it is unknown whether it exists: describe workflow 612 "
		          "\"a\": the service answered 404 (not found)\n" },
		{ "forbidden", .fault = { .status = 403 }, .code = 1, .writes = "",
		  .step = "a none failed: the list does not show it, and it is unknown whether it exists: describe workflow 612 "
		          "\"a\": the service answered 403 (forbidden): not now\n" },
		{ "out of order", .fault = { .status = 500, .times = 6 }, .code = 1, .writes = "",
		  .step = "a none failed: the list does not show it, and it is unknown whether it exists: describe workflow 612 "
		          "\"a\": the service answered 500 (internal error): not now\n" },
		{ "without an answer", .fault = { .failure = FAILURE_LOST, .times = 6 }, .code = 1, .writes = "",
		  .step = "a none failed: the list does not show it, and it is unknown whether it exists: describe workflow 612 "
		          "\"a\": the connection broke\n" },
		{ "another shape", .fault = { .status = 200, .body = "{\"id\":9}" }, .code = 1, .writes = "",
		  .step = "a none failed: the list does not show it, and it is unknown whether it exists: describe workflow 612 "
		          "\"a\": expected 612 under \"id\", found an answer of another shape\n" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(run_done) struct run r = { .f.memory.on = true };

		run_sync(&r, TWO);
		hide_all(&r);
		if (cases[i].name)
			run_put(&r, 612, "/name", cases[i].name);
		if (cases[i].tags)
			run_put(&r, 612, "/tags", cases[i].tags);
		r.f.faults[0] = cases[i].fault;
		r.f.faults[0].operation = OP_DESCRIBE;
		r.f.faults[0].id = 612;
		if (cases[i].fault.status || cases[i].fault.failure)
			r.f.faults[0].times += !r.f.faults[0].times;
		run_sync(&r, HELLO("a", "8") "---\n" HELLO("b", "7"));
		if (strcmp(run_steps(&r), arena_printf(&r.a, "%sb none unchanged\n", cases[i].step)) != 0)
			fail_msg("%s\n%s", cases[i].why, run_steps(&r));
		assert_writes(&r, cases[i].writes);
		assert_exit(&r, cases[i].code);
	}
}

/* A record may have the name of one spec, and its workflow, by now, that of another. */
static void a_workflow_that_now_has_another_declared_name_is_not_created(void **state)
{
	CLEANUP(run_done) struct run r = { .f.memory.on = true };

	run_sync(&r, HELLO("a", "7"));
	run_put(&r, 612, "/name", "\"b\"");
	run_put(&r, 612, "/tags", "[]");
	hide_all(&r);
	run_sync(&r, HELLO("b", "7"));
	assert_writes(&r, "");
	assert_steps(&r, "b none unchanged\n");
}

static void one_that_may_exist_under_its_old_name_is_not_created_under_the_new_one(void **state)
{
	static const char *const globs[] = { "new" };
	static const struct fake_fault forbidden = { .operation = OP_DESCRIBE, .id = 612, .times = 1, .status = 403 };

	for (unsigned selected = 0; selected < 2; selected++) {
		const struct cycle_options o = { .apply = true, .only = globs, .only_count = selected };
		CLEANUP(run_done) struct run r = { .f.memory.on = true };

		run_sync(&r, HELLO("old", "7"));
		hide_all(&r);
		r.f.faults[0] = forbidden;
		cycle_with(&r, "flowsync: {renamed_from: old}\n" HELLO("new", "7"), &o);
		assert_int_equal(r.report.steps[0].result, RESULT_FAILED);
		assert_int_equal(r.report.steps[0].id, 612);
		assert_writes(&r, "");
		cycle_with(&r, "flowsync: {renamed_from: old}\n" HELLO("new", "7"), &o);
		assert_steps(&r, "new patch applied\n");
		assert_writes(&r, "update 612\n");
	}
}

/* Neither list nor describe shows it yet: the answer to its create had its id, so it exists. */
static void one_that_was_never_described_since_its_create_may_be_shown_late(void **state)
{
	for (unsigned appears = 0; appears < 2; appears++) {
		CLEANUP(run_done) struct run r = { .f = { .memory.on = true, .list_lag = HOUR } };

		r.f.faults[0] = (struct fake_fault){ .operation = OP_DESCRIBE, .times = 999, .status = 404 };
		run_sync(&r, HELLO("a", "7"));
		assert_writes(&r, "create 612\n");
		for (unsigned i = 0; i < 2; i++) {
			run_sync(&r, HELLO("a", "7"));
			assert_int_equal(r.report.steps[0].result, RESULT_FAILED);
			assert_non_null(strstr(r.report.steps[0].error, "it was created less than 15 minutes ago"));
			assert_writes(&r, "");
		}
		r.f.faults[0].times = appears ? 0 : 999;
		r.f.now += appears ? 0 : HOUR / 4;
		run_sync(&r, HELLO("a", "8"));
		assert_writes(&r, appears ? "update 612\n" : "create 613\n");
	}
}

/* One that was described may be deleted by hand, and is created again at once. */
static void one_that_was_described_since_its_create_and_is_gone_is_created(void **state)
{
	CLEANUP(run_done) struct run r = { .f.memory.on = true };

	run_sync(&r, TWO);
	fake_remove(&r.f, 612);
	run_sync(&r, TWO);
	assert_writes(&r, "create 614\n");
}

/* Its namesake is not taken for it: which one is meant is known by id. */
static void a_listed_namesake_does_not_stand_for_one_that_may_exist(void **state)
{
	static const struct { struct fake_fault fault; const char *writes; } cases[] = {
		{ { .operation = OP_DESCRIBE, .id = 612, .times = 1, .status = 403 }, "" },
		{ { 0 }, "update 612\n" },
		{ { .operation = OP_DESCRIBE, .id = 612, .times = 1, .status = 404 }, "update 613\n" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(run_done) struct run r = { .f.memory.on = true };

		run_sync(&r, HELLO("a", "7"));
		hide_all(&r);
		run_make(&r, HELLO_BODY("a", "7"));
		r.f.faults[0] = cases[i].fault;
		run_sync(&r, HELLO("a", "8"));
		assert_writes(&r, cases[i].writes);
	}
}

static void only_names_that_are_selected_are_requested(void **state)
{
	static const char *const globs[] = { "a" };
	const struct cycle_options only = { .apply = true, .only = globs, .only_count = 1 };
	CLEANUP(run_done) struct run r = { .f.memory.on = true };

	run_sync(&r, TWO);
	hide_all(&r);
	r.f.faults[0] = (struct fake_fault){ .operation = OP_DESCRIBE, .id = 613, .times = 1, .status = 403 };
	cycle_with(&r, TWO, &only);
	assert_steps(&r, "a none unchanged\n");
	assert_exit(&r, 0);
	assert_int_equal(described(&r), 2);
}

/* ---- no longer declared ---- */

static void what_is_to_be_deleted_is_deleted_although_it_is_not_listed(void **state)
{
	CLEANUP(run_done) struct run r = { .f.memory.on = true };

	cycle_with(&r, TWO, &prune);
	hide_all(&r);
	cycle_with(&r, HELLO("a", "7"), &prune);
	assert_steps(&r, "a none unchanged\nb delete applied\n");
	assert_writes(&r, "delete 613\n");
	assert_int_equal(r.f.memory.records.count, 1);
}

static void a_record_is_forgotten_only_if_its_workflow_is_gone(void **state)
{
	static const struct { int status; bool prunes; const char *steps; size_t records; } cases[] = {
		{ 404, true, "a none unchanged\n", 1 },
		{ 404, false, "a none unchanged\n", 1 },
		{ 403, false, "a none unchanged\n", 2 },
		{ 403, true, "a none unchanged\nb none failed: the list does not show it, and it is unknown whether it exists: "
		  "describe workflow 613 \"b\": the service answered 403 (forbidden): not now\n", 2 },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(run_done) struct run r = { .f.memory.on = true };

		cycle_with(&r, TWO, &prune);
		hide_all(&r);
		r.f.faults[0] = (struct fake_fault){ .operation = OP_DESCRIBE, .id = 613, .times = 9, .status = cases[i].status };
		cycle_with(&r, HELLO("a", "7"), cases[i].prunes ? &prune_all : &sync);
		assert_steps(&r, cases[i].steps);
		assert_writes(&r, "");
		assert_int_equal(r.f.memory.records.count, cases[i].records);
	}
}

/* ---- the guard on missing workflows ---- */

static void what_may_exist_is_not_counted_as_missing(void **state)
{
	for (unsigned unknown = 0; unknown < 2; unknown++) {
		CLEANUP(run_done) struct run r = { .f.memory.on = true };

		run_sync(&r, many(&r, 10));
		for (int64_t id = 612; id < 616; id++)
			fake_find(&r.f, id)->unlisted = true;
		for (int64_t id = 612; id < 615; id++)
			fake_remove(&r.f, id);
		r.f.faults[0] = (struct fake_fault){
			.operation = OP_DESCRIBE, .id = 615, .times = 1, .status = unknown ? 403 : 404,
		};
		run_sync(&r, many(&r, 10));
		assert_exit(&r, unknown ? 4 : 3);
		assert_string_equal(r.report.guards.items[2].value, unknown ? "3 of 9" : "4 of 10");
		assert_writes(&r, unknown ? "create 622\ncreate 623\ncreate 624\n" : "");
	}
}

static void of_many_that_are_missing_twenty_decide(void **state)
{
	static const struct { bool apply, recreate; int exists; unsigned described; int code; } cases[] = {
		{ false, false, -1, 20, 3 },	/* all are gone */
		{ true, false, -1, 20, 3 },
		{ false, true, -1, 60, 0 },	/* all the same they may be created: each has to be known */
		{ false, false, 671, 60 + 1, 3 },	/* one of the twenty exists */
		{ false, false, 612, 20, 3 },	/* it exists, and is not of the twenty */
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(run_done) struct run r = { .f.memory.on = true };

		run_sync(&r, many(&r, 60));
		for (int64_t id = 612; id < 672; id++)
			if (id != cases[i].exists)
				fake_remove(&r.f, id);
		hide_all(&r);
		cycle_with(&r, many(&r, 60), &(struct cycle_options){
			.apply = cases[i].apply, .limits.allow_recreate = cases[i].recreate });
		assert_int_equal(described(&r), cases[i].described);
		assert_exit(&r, cases[i].code);
		assert_writes(&r, "");
		assert_int_equal(r.f.memory.records.count, 60);
	}
}

/* All were created again by hand: nothing is missing, so each one that the state knows is asked for. */
static void replaced_workflows_do_not_count_as_missing(void **state)
{
	CLEANUP(run_done) struct run r = { .f.memory.on = true };

	run_sync(&r, many(&r, 30));
	hide_all(&r);
	for (size_t i = 0; i < 30; i++)
		run_make(&r, tree_text(&r.a, r.f.items[i].sent));
	for (int64_t id = 612; id < 641; id++)
		fake_remove(&r.f, id);
	run_plan(&r, many(&r, 30));
	assert_exit(&r, 0);
	assert_int_equal(described(&r), 30 + 30);
	assert_said(&r, "warning: s.yaml:89:1: the service has 2 workflows called \"w30\"; the one with id 641 is ours; the "
	            "others are not changed\n");
}

/* ---- a list that changes while it is read ---- */

static unsigned newcomers;	/* how many readings find a new workflow on the service before the second page */

static void add_newcomer(struct fake *f, const struct request *request)
{
	if (request->operation != OP_LIST || !strstr(request->path, "pageNumber=2") || strstr(request->path, "searchTerm") || !newcomers)
		return;
	newcomers--;
	fake_make(f, tree_json(&f->arena, arena_printf(&f->arena, HELLO_BODY("newcomer-%u", "1"), newcomers)));
}

/* Applied before: a, gone and some more, so that the list has two pages. */
static void begin_with_pages(struct run *r, unsigned changing_readings)
{
	newcomers = 0;
	r->f.memory.on = true;
	r->f.page_most = 3;
	r->f.meanwhile = add_newcomer;
	cycle_with(r, arena_printf(&r->a, "%s---\n" TWO "---\n" HELLO("gone", "7"), many(r, 3)), &prune);
	newcomers = changing_readings;
	r->f.deadline = 40 * 1000;
}

#define DECLARED(r)	arena_printf(&(r)->a, "%s---\n" HELLO("a", "8") "---\n" HELLO("b", "7") "---\n" HELLO("new", "7"), many(r, 3))

static void a_list_that_comes_to_rest_is_used(void **state)
{
	CLEANUP(run_done) struct run r = { 0 };

	begin_with_pages(&r, 5);
	int64_t begun = r.f.now;
	cycle_with(&r, DECLARED(&r), &prune_all);
	assert_writes(&r, "update 615\ncreate 623\ndelete 617\n");
	assert_said(&r, "");
	assert_exit(&r, 0);
	assert_true(r.f.now - begun >= 500 + 1000 + 2000 + 4000);	/* the pauses */
}

static void a_list_that_never_rests_allows_changes_but_no_creates_and_deletes(void **state)
{
	CLEANUP(run_done) struct run r = { 0 };

	begin_with_pages(&r, 1000);
	int64_t begun = r.f.now;
	cycle_with(&r, DECLARED(&r), &prune_all);
	assert_writes(&r, "update 615\n");
	assert_steps(&r, "w01 none unchanged\nw02 none unchanged\nw03 none unchanged\na patch applied\nb none unchanged\n"
	             "new create deferred: the list of workflows changed each time it was read\n");
	assert_said(&r, "warning: the list of workflows changed each time it was read: workflows are neither created nor deleted\n");
	assert_exit(&r, 4);
	assert_true(r.f.now - begun < 11 * 1000);	/* a quarter of the deadline, and the rest of the cycle */
	assert_true(r.f.now - begun >= 10 * 1000);
	assert_int_equal(r.f.memory.records.count, 6);
	newcomers = 0;
	cycle_with(&r, DECLARED(&r), &prune_all);
	assert_exit(&r, 0);
}

/* ---- the end of a cycle ---- */

static void five_forbidden_in_a_row_stop_the_cycle(void **state)
{
	CLEANUP(run_done) struct run r = { .f = { .memory.on = true, .concurrency = 1 } };

	run_sync(&r, many(&r, 12));
	hide_all(&r);
	r.f.faults[0] = (struct fake_fault){ .operation = OP_DESCRIBE, .times = 99, .status = 403 };
	run_sync(&r, many(&r, 12));
	assert_exit(&r, 1);
	assert_said(&r, "the service forbade five workflows in a row: the cycle was stopped\n");
	assert_int_equal(described(&r), 5);
	assert_int_equal(r.report.steps[4].result, RESULT_FAILED);
	assert_int_equal(r.report.steps[5].result, RESULT_DEFERRED);
	assert_writes(&r, "");
}

/* However early it is stopped: what was not described is neither created nor forgotten. */
static void a_cycle_that_is_stopped_creates_nothing(void **state)
{
	for (unsigned after = 1; after < 30; after++) {
		CLEANUP(run_done) struct run r = { .f = { .memory.on = true, .concurrency = 1 } };

		run_sync(&r, many(&r, 25));
		hide_all(&r);
		r.f.stop_after = after;
		run_sync(&r, many(&r, 25));
		assert_writes(&r, "");
		assert_int_equal(r.f.count, 25);
		assert_int_equal(r.f.memory.records.count, 25);
		assert_int_equal(r.report.guards.items[2].message != NULL, false);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_list_that_lags_creates_once),
		cmocka_unit_test(a_list_that_shows_all_costs_no_request),
		cmocka_unit_test(what_describe_says_decides),
		cmocka_unit_test(a_workflow_that_now_has_another_declared_name_is_not_created),
		cmocka_unit_test(one_that_may_exist_under_its_old_name_is_not_created_under_the_new_one),
		cmocka_unit_test(one_that_was_never_described_since_its_create_may_be_shown_late),
		cmocka_unit_test(one_that_was_described_since_its_create_and_is_gone_is_created),
		cmocka_unit_test(a_listed_namesake_does_not_stand_for_one_that_may_exist),
		cmocka_unit_test(only_names_that_are_selected_are_requested),
		cmocka_unit_test(what_is_to_be_deleted_is_deleted_although_it_is_not_listed),
		cmocka_unit_test(a_record_is_forgotten_only_if_its_workflow_is_gone),
		cmocka_unit_test(what_may_exist_is_not_counted_as_missing),
		cmocka_unit_test(of_many_that_are_missing_twenty_decide),
		cmocka_unit_test(replaced_workflows_do_not_count_as_missing),
		cmocka_unit_test(a_list_that_comes_to_rest_is_used),
		cmocka_unit_test(a_list_that_never_rests_allows_changes_but_no_creates_and_deletes),
		cmocka_unit_test(five_forbidden_in_a_row_stop_the_cycle),
		cmocka_unit_test(a_cycle_that_is_stopped_creates_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
