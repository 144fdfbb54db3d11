/* Two runs that create the same workflows at the same time: one of each stays, and nothing else is deleted. */
#include "tests/test.h"
#include "reconcile/plan/duplicates.h"

#include <string.h>

#include "reconcile/plan/workflow_task.h"
#include "tests/run.h"
#include "tests/tree.h"

#define TWO	HELLO("a", "7") "---\n" HELLO("b", "7")
#define WARNED(name, line, gone, stays)	"warning: s.yaml:" line ":1: workflow \"" name "\": another run created it at the same " \
	"time; id " gone " was deleted, id " stays " stays\n"

/* What the other run does, and when. */
static struct other_run {
	bool lower;			/* it creates each workflow right before we do; else right after */
	const char *pointer, *json;	/* something of its workflow is different */
	const char *ours_pointer, *ours_json;	/* someone changes our workflow before it is described again */
	bool hides_ours;		/* the list never shows our workflow */
	bool late;			/* list and search show its workflow only when all are listed again */
	bool removes;			/* it deletes its own, once it was described */
	unsigned runs;			/* how many other runs there are; 0: one */
} other;

static void put_shown(struct fake *f, int64_t id, const char *pointer, const char *json)
{
	node_put(&f->arena, fake_find(f, id)->shown, pointer + 1, tree_json(&f->arena, json));
}

static void make_twins(struct fake *f, const char *body)
{
	for (unsigned i = 0; i < (other.runs ? other.runs : 1); i++) {
		struct fake_workflow *w = fake_make(f, tree_json(&f->arena, body));
		w->unlisted = other.late;
		if (other.pointer)
			put_shown(f, w->id, other.pointer, other.json);
	}
}

/* The list is read again after the creates: its page is requested without a search. */
static bool reads_all(const struct fake *f, const struct request *request)
{
	return request->operation == OP_LIST && !strstr(request->path, "searchTerm") && f->writes.len;
}

static void act_beside(struct fake *f, const struct request *request)
{
	if (request->operation == OP_CREATE && other.lower)
		make_twins(f, request->body);
	if (!reads_all(f, request))
		return;
	size_t count = f->count;
	for (size_t i = 0; i < count; i++)
		f->items[i].unlisted = other.hides_ours && i == count - 1;
	for (size_t i = 0; i < count && !other.lower; i++)
		make_twins(f, tree_text(&f->arena, f->items[i].sent));
	if (other.ours_json)
		put_shown(f, f->items[f->count - 1].id, other.ours_pointer, other.ours_json);
}

/* The other run describes its duplicate, and deletes it, a moment after we have read the list. */
static void remove_own(struct fake *f, const struct request *request)
{
	act_beside(f, request);
	if (request->operation == OP_DESCRIBE && other.removes && strstr(request->path, "613") && f->now > 1500)
		fake_remove(f, 613);
}

static void begin(struct run *r)
{
	r->f.meanwhile = act_beside;
	r->f.memory.on = true;
	r->f.concurrency = 1;
}

static void of_two_the_lowest_id_stays_and_ours_is_deleted(void **state)
{
	CLEANUP(run_done) struct run r = { 0 };

	other = (struct other_run){ .lower = true };
	begin(&r);
	run_sync(&r, TWO);
	assert_writes(&r, "create 613\ncreate 615\ndelete 613\ndelete 615\n");
	assert_steps(&r, "a none unchanged\nb none unchanged\n");
	assert_int_equal(r.report.steps[0].id, 612);
	assert_exit(&r, 0);
	assert_said(&r, WARNED("a", "1", "613", "612") WARNED("b", "4", "615", "614"));
	assert_int_equal(r.f.memory.records.items[0].id, 612);
	assert_int_equal(r.f.memory.records.items[1].id, 614);
	r.f.meanwhile = NULL;
	run_sync(&r, TWO);
	assert_writes(&r, "");
	assert_said(&r, "");
	assert_exit(&r, 0);
}

/* The list is read once for all creates, and not at all without one. */
static void the_list_is_read_once_more_and_only_after_creates(void **state)
{
	CLEANUP(run_done) struct run r = { .f.memory.on = true };

	run_sync(&r, TWO);
	assert_int_equal(r.report.by_operation[OP_LIST], 1 + 2 + 1);
	run_sync(&r, HELLO("a", "8") "---\n" HELLO("b", "7"));
	assert_writes(&r, "update 612\n");
	assert_int_equal(r.report.by_operation[OP_LIST], 1);
}

/* The other run read another revision of the spec. */
static void the_lowest_is_planned_like_any_that_is_observed(void **state)
{
	CLEANUP(run_done) struct run r = { 0 };

	other = (struct other_run){ .lower = true, .pointer = "/retryOptions", .json = "{\"duration\":9}" };
	begin(&r);
	run_sync(&r, "name: a\nretryOptions: {duration: 8}\nsteps: {greet: {imageId: 7, command: run}}\n");
	assert_writes(&r, "create 613\ndelete 613\nupdate 612\n");
	assert_steps(&r, "a patch applied\n");
	assert_string_equal(run_shown(&r, 612, "/retryOptions/duration"), "8");
	assert_int_equal(r.f.memory.records.items[0].id, 612);
	assert_exit(&r, 0);
}

#define BOTH(why)	"a create conflict: created more than once (ids 612, 613), and none is deleted: " why "; delete all but one\n"
#define TAGS(owner, d)	"[{\"name\":\"flowsync-" owner "\"},{\"name\":\"flowsync-id-ca978112-v" d "\"}]"

/* Each of the conditions, alone, keeps both. */
static void unless_all_is_certain_nothing_is_deleted(void **state)
{
	static const struct { const char *why, *pointer, *json, *ours_pointer, *ours_json; struct fake_fault fault; const char *step; } cases[] = {
		{ "another owner's", .pointer = "/tags", .json = TAGS("team", "11111111"), .step = BOTH("not all of them are ours") },
		{ "made by hand", .pointer = "/tags", .json = "[]", .step = BOTH("not all of them are ours") },
		{ "of two owners", .pointer = "/tags", .json = "[{\"name\":\"flowsync-team\"},{\"name\":\"flowsync-default\"},"
		  "{\"name\":\"flowsync-id-ca978112-v11111111\"}]", .step = BOTH("not all of them are ours") },
		{ "ours was executed", .ours_pointer = "/lastExecution", .ours_json = "{\"status\":\"Failed\"}",
		  .step = BOTH("ours has been executed") },
		{ "ours runs", .ours_pointer = "/status", .ours_json = "\"Running\"", .step = BOTH("ours has been executed") },
		{ "ours has another D", .ours_pointer = "/tags", .ours_json = TAGS("default", "11111111"),
		  .step = BOTH("ours changed since it was created") },
		{ "ours has no tags", .ours_pointer = "/tags", .ours_json = "[]", .step = BOTH("ours changed since it was created") },
		{ "the lowest cannot be read", .fault = { .operation = OP_DESCRIBE, .id = 612, .times = 9, .status = 403 },
		  .step = BOTH("describe workflow 612 \"a\": the service answered 403 (forbidden): not now") },
		{ "the lowest is gone", .fault = { .operation = OP_DESCRIBE, .id = 612, .times = 99, .status = 404 },
		  .step = BOTH("describe workflow 612 \"a\": the service answered 404 (not found): not now") },
		{ "ours cannot be read", .fault = { .operation = OP_DESCRIBE, .id = 613, .skip = 1, .times = 9, .status = 403 },
		  .step = BOTH("describe workflow 613 \"a\": the service answered 403 (forbidden): not now") },
		{ "the delete is refused", .fault = { .operation = OP_DELETE, .times = 9, .status = 409 },
		  .step = BOTH("delete workflow 613 \"a\": the service answered 409 (conflict): not now") },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(run_done) struct run r = { 0 };

		other = (struct other_run){ .lower = true, .pointer = cases[i].pointer, .json = cases[i].json,
		                         .ours_pointer = cases[i].ours_pointer, .ours_json = cases[i].ours_json };
		begin(&r);
		r.f.faults[0] = cases[i].fault;
		run_sync(&r, HELLO("a", "7"));
		if (cases[i].step && strcmp(run_steps(&r), cases[i].step) != 0)
			fail_msg("%s\n%s", cases[i].why, run_steps(&r));
		assert_exit(&r, 5);
		assert_int_equal(r.f.count, 2);
		assert_null(strstr(buf_str(&r.f.writes), "update"));
	}
}

/* After a lost answer the id was found by its name: it may be the other run's. */
static void an_id_that_was_looked_up_is_not_deleted(void **state)
{
	CLEANUP(run_done) struct run r = { 0 };

	other = (struct other_run){ .lower = true, .late = true };
	begin(&r);
	r.f.faults[0] = (struct fake_fault){ .operation = OP_CREATE, .times = 1, .done = true, .failure = FAILURE_LOST };
	run_sync(&r, HELLO("a", "7"));
	assert_writes(&r, "create 613\n");
	assert_steps(&r, BOTH("the answer to the create was lost"));
	assert_exit(&r, 5);
}

/* A list that shows no tags hides whose a workflow is: describe decides. */
static void a_list_without_tags_leaves_the_decision_to_describe(void **state)
{
	for (unsigned foreign = 0; foreign < 2; foreign++) {
		CLEANUP(run_done) struct run r = { .f.list_without_tags = true };

		other = (struct other_run){ .lower = true, .pointer = foreign ? "/tags" : NULL, .json = TAGS("team", "11111111") };
		begin(&r);
		run_sync(&r, HELLO("a", "7"));
		assert_steps(&r, foreign ? BOTH("the one with the lowest id is not ours") : "a none unchanged\n");
		assert_writes(&r, foreign ? "create 613\n" : "create 613\ndelete 613\n");
	}
}

/* "Describe answers 404 for a while after its own 201": that of the other run, too. */
static void the_lowest_may_be_described_late(void **state)
{
	CLEANUP(run_done) struct run r = { 0 };

	other = (struct other_run){ .lower = true };
	begin(&r);
	r.f.faults[0] = (struct fake_fault){ .operation = OP_DESCRIBE, .id = 612, .times = 3, .status = 404 };
	run_sync(&r, HELLO("a", "7"));
	assert_writes(&r, "create 613\ndelete 613\n");
	assert_exit(&r, 0);
}

/* It may appear later, so it does not count as deleted. */
static void one_of_ours_that_was_never_described_is_not_taken_as_deleted(void **state)
{
	CLEANUP(run_done) struct run r = { 0 };

	other = (struct other_run){ .lower = true };
	begin(&r);
	r.f.faults[0] = (struct fake_fault){ .operation = OP_DESCRIBE, .id = 613, .times = 99, .status = 404 };
	run_sync(&r, HELLO("a", "7"));
	assert_steps(&r, BOTH("describe workflow 613 \"a\": the service answered 404 (not found): not now"));
	assert_exit(&r, 5);
}

/* The run with the higher id deletes its workflow: the other waits a moment for that, and is content then. */
static void the_run_with_the_lowest_id_waits_for_the_other(void **state)
{
	for (unsigned removes = 0; removes < 2; removes++) {
		CLEANUP(run_done) struct run r = { 0 };

		other = (struct other_run){ .removes = removes };
		begin(&r);
		r.f.meanwhile = remove_own;
		run_sync(&r, HELLO("a", "7"));
		assert_writes(&r, "create 612\n");
		assert_steps(&r, removes ? "a create applied\n" : BOTH("only the run that created the higher id may delete it"));
		assert_said(&r, removes ? WARNED("a", "1", "613", "612") : "");
		assert_exit(&r, removes ? 0 : 5);
		assert_true(r.f.now < 15000);
	}
}

static void of_three_each_run_deletes_its_own(void **state)
{
	CLEANUP(run_done) struct run r = { 0 };

	other = (struct other_run){ .lower = true, .runs = 2 };
	begin(&r);
	run_sync(&r, HELLO("a", "7"));
	assert_writes(&r, "create 614\ndelete 614\n");
	assert_int_equal(r.report.steps[0].id, 612);
}

/* A list that does not show ours yet may hide the other one too, so it is read again, for 15 s. */
static void a_list_that_lags_is_read_again_until_it_shows_ours(void **state)
{
	static const struct { int64_t lag; bool found; } cases[] = { { 3000, true }, { 14000, true }, { 3600000, false } };

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(run_done) struct run r = { 0 };

		other = (struct other_run){ .lower = true };
		begin(&r);
		r.f.list_lag = cases[i].lag;
		run_sync(&r, HELLO("a", "7"));
		assert_writes(&r, cases[i].found ? "create 613\ndelete 613\n" : "create 613\n");
		assert_exit(&r, 0);
		assert_true(r.f.now < 20000);
		assert_said(&r, cases[i].found ? WARNED("a", "1", "613", "612") :
		            "warning: it is unknown whether another run created the same workflows: the list does not show ours yet\n");
	}
}

/* After that, the one that it does show counts. */
static void one_that_is_listed_counts_although_ours_is_not(void **state)
{
	CLEANUP(run_done) struct run r = { 0 };

	other = (struct other_run){ .lower = true, .hides_ours = true };
	begin(&r);
	run_sync(&r, HELLO("a", "7"));
	assert_writes(&r, "create 613\ndelete 613\n");
	assert_exit(&r, 0);
}

/* Deletes neither need prune nor count for the guard, and the real ones come after. */
static void deletes_of_prune_come_after_and_are_counted_alone(void **state)
{
	CLEANUP(run_done) struct run r = { 0 };
	const struct specs old = tree_specs(&r.a, HELLO("old", "7") "---\n" HELLO("keep", "7"));
	const struct specs new = tree_specs(&r.a, HELLO("keep", "7") "---\n" HELLO("new", "7"));
	const struct cycle_options prune = { .apply = true, .prune = true };

	run_cycle(&r, &old, &prune);
	other = (struct other_run){ .lower = true };
	begin(&r);
	run_cycle(&r, &new, &prune);
	assert_writes(&r, "create 615\ndelete 615\ndelete 612\n");
	assert_exit(&r, 0);
	assert_string_equal(r.report.guards.items[1].value, "1 of 2");
}

static void a_list_that_cannot_be_read_again_is_reported(void **state)
{
	CLEANUP(run_done) struct run r = { 0 };

	other = (struct other_run){ .lower = true };
	begin(&r);
	r.f.faults[0] = (struct fake_fault){ .operation = OP_LIST, .skip = 2, .times = 9, .status = 403 };
	run_sync(&r, HELLO("a", "7"));
	assert_writes(&r, "create 613\n");
	assert_said(&r, "warning: it is unknown whether another run created the same workflows: list workflows, page 1: the service "
	            "answered 403 (forbidden): not now\n");
	assert_exit(&r, 4);
}

/* However early it is stopped: never both deleted, and never silent about both. */
static void a_cycle_that_is_stopped_deletes_at_most_ours(void **state)
{
	for (unsigned after = 3; after < 14; after++) {
		CLEANUP(run_done) struct run r = { 0 };

		other = (struct other_run){ .lower = true };
		begin(&r);
		r.f.stop_after = after;
		run_sync(&r, HELLO("a", "7"));
		assert_non_null(fake_find(&r.f, 612));
		if (r.f.count > 1 && exit_status_code(&r.report.verdict) == 0)
			assert_non_null(strstr(tree_faults(&r.a, &r.faults), "it is unknown whether another run created"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(of_two_the_lowest_id_stays_and_ours_is_deleted),
		cmocka_unit_test(the_list_is_read_once_more_and_only_after_creates),
		cmocka_unit_test(the_lowest_is_planned_like_any_that_is_observed),
		cmocka_unit_test(unless_all_is_certain_nothing_is_deleted),
		cmocka_unit_test(an_id_that_was_looked_up_is_not_deleted),
		cmocka_unit_test(a_list_without_tags_leaves_the_decision_to_describe),
		cmocka_unit_test(the_lowest_may_be_described_late),
		cmocka_unit_test(one_of_ours_that_was_never_described_is_not_taken_as_deleted),
		cmocka_unit_test(the_run_with_the_lowest_id_waits_for_the_other),
		cmocka_unit_test(of_three_each_run_deletes_its_own),
		cmocka_unit_test(a_list_that_lags_is_read_again_until_it_shows_ours),
		cmocka_unit_test(one_that_is_listed_counts_although_ours_is_not),
		cmocka_unit_test(deletes_of_prune_come_after_and_are_counted_alone),
		cmocka_unit_test(a_list_that_cannot_be_read_again_is_reported),
		cmocka_unit_test(a_cycle_that_is_stopped_deletes_at_most_ours),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
