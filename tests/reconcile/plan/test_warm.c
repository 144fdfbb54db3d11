/* Cycles that describe only what may have changed (design, 6.5). */
#include "tests/test.h"
#include "reconcile/plan/warm.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "tests/run.h"
#include "tests/tree.h"

enum { SECOND = 1000, HOUR = 3600 * 1000 };

#define THREE	HELLO("a", "7") "---\n" HELLO("b", "7") "---\n" HELLO("c", "7")

static const struct cycle_options usual = { .apply = true, .observe_all_ms = HOUR };

/* Runs a cycle and returns how many workflows it described. */
static unsigned cycle(struct run *r, const char *yaml, struct cycle_options options)
{
	const struct specs specs = tree_specs(&r->a, yaml);

	run_cycle(r, &specs, &options);
	return r->report.by_operation[OP_DESCRIBE];
}

static unsigned sync(struct run *r, const char *yaml)
{
	return cycle(r, yaml, usual);
}

/* A service whose clock goes, with the workflows of yaml on it, and a state that holds a look at each. */
static void begin_warm(struct run *r, const char *yaml)
{
	r->f.memory.on = r->f.dates = true;
	r->f.stamps = FAKE_STAMP_WRITE;
	sync(r, yaml);
	r->f.now += 5 * SECOND;
	sync(r, yaml);
	r->f.now += 5 * SECOND;
	assert_int_equal(sync(r, yaml), 0);
}

/* The report of a cycle that uses looks is the one of a cycle that describes everything. */
static void assert_reports_agree(struct run *r, const char *yaml, struct cycle_options options, unsigned described)
{
	options.observe_all = false;
	options.observe_all_ms = HOUR;
	assert_int_equal(cycle(r, yaml, options), described);
	const char *warm = fake_report(&r->a, &r->report);
	options.observe_all = true;
	assert_true(cycle(r, yaml, options) > described);
	assert_string_equal(warm, fake_report(&r->a, &r->report));
}

/* ---- specs whose files were not read ---- */

/* Specs of which only names, places and digests are known, and how often their file was read after all. */
struct unread {
	struct specs specs;
	const char *const packed[3];
	unsigned loads;
	bool changed;		/* the file is not what was read any more */
};

static bool load_unread(void *context, const struct spec *spec, struct err *err)
{
	struct unread *u = context;

	u->loads++;
	if (u->changed)
		return err_set(err, "s.yaml changed");
	for (size_t i = 0; i < u->specs.count; i++)
		u->specs.items[i].packed = u->packed[i];
	return spec->packed;
}

static struct unread unread(struct arena *a, const char *yaml)
{
	const struct specs specs = tree_specs(a, yaml);
	struct unread u = { specs, { specs.items[0].packed, specs.items[1].packed, specs.items[2].packed } };

	assert_int_equal(specs.count, 3);
	for (size_t i = 0; i < specs.count; i++)
		u.specs.items[i].packed = NULL;
	u.specs.load = load_unread;
	return u;
}

static void a_file_is_read_only_if_a_workflow_of_it_may_have_changed(void **state)
{
	CLEANUP(run_done) struct run r = { 0 };

	begin_warm(&r, THREE);
	struct unread u = unread(&r.a, THREE);
	u.specs.context = &u;
	run_cycle(&r, &u.specs, &usual);
	assert_int_equal(u.loads, 0);
	assert_steps(&r, "a none unchanged\nb none unchanged\nc none unchanged\n");
	run_put(&r, 613, "/steps/greet/command", "\"walk\"");
	run_put(&r, 613, "/updatedAt", "\"2024-05-31T11:00:00.000Z\"");
	run_cycle(&r, &u.specs, &usual);
	assert_int_equal(u.loads, 1);
	assert_steps(&r, "a none unchanged\nb patch applied\nc none unchanged\n");
}

static void a_workflow_whose_file_changed_meanwhile_is_left_alone(void **state)
{
	CLEANUP(run_done) struct run r = { 0 };

	begin_warm(&r, THREE);
	struct unread u = unread(&r.a, THREE);
	u.specs.context = &u;
	u.changed = true;
	run_put(&r, 613, "/updatedAt", "\"2024-05-31T11:00:00.000Z\"");
	fake_remove(&r.f, 614);
	run_cycle(&r, &u.specs, &usual);
	assert_int_equal(u.loads, 2);
	assert_writes(&r, "");
	assert_steps(&r, "a none unchanged\n"
	             "b none failed: s.yaml changed\nc none failed: s.yaml changed\n");
	assert_exit(&r, 1);
}

static struct node *shown(struct run *r, size_t i)
{
	return r->f.items[i].shown;
}

/* ---- what is described ---- */

static void where_nothing_changed_only_the_list_is_read(void **state)
{
	CLEANUP(run_done) struct run r = { 0 };

	begin_warm(&r, THREE);
	assert_int_equal(r.f.requests, 1);
	assert_steps(&r, "a none unchanged\nb none unchanged\nc none unchanged\n");
	assert_exit(&r, 0);
	assert_reports_agree(&r, THREE, usual, 0);
}

static void without_a_state_all_are_described_each_time(void **state)
{
	CLEANUP(run_done) struct run r = { .f = { .dates = true, .stamps = FAKE_STAMP_WRITE } };

	sync(&r, THREE);
	for (int i = 0; i < 3; i++) {
		r.f.now += 5 * SECOND;
		assert_int_equal(sync(&r, THREE), 3);
	}
}

static void an_entry_that_changed_is_described(void **state)
{
	static const struct { const char *key, *json; unsigned described; } cases[] = {
		{ "updatedAt", "\"2024-05-31T11:00:00.000Z\"", 1 }, { "updatedAt", "\"2023-01-01T00:00:00.000Z\"", 1 },
		{ "createdAt", "\"2023-01-01T00:00:00.000Z\"", 1 }, { "status", "\"Paused\"", 1 },
		{ "status", "\"Running\"", 0 }, { "lastExecution", "{\"status\": \"Failed\"}", 0 },
		{ "triggers", "[{\"cron\": \"1 2 * * *\", \"scheduled\": \"2024-05-31T11:00:00Z\"}]", 1 },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(run_done) struct run r = { 0 };
		begin_warm(&r, THREE);
		run_put(&r, 613, arena_printf(&r.a, "/%s", cases[i].key), cases[i].json);
		assert_int_equal(sync(&r, THREE), cases[i].described);
		assert_writes(&r, "");
	}
}

static void what_changes_by_itself_in_an_entry_does_not_count(void **state)
{
	static const char yaml[] = "name: a\ntriggers: [{cron: 1 2 * * *}, {webhook: true}]\n"
	                           "steps: {greet: {imageId: 7, command: run}}\n";
	CLEANUP(run_done) struct run r = { 0 };

	begin_warm(&r, yaml);
	run_put(&r, 612, "/triggers", arena_printf(&r.a, "[%s, {\"scheduled\": \"2031-01-01T00:00:00Z\", \"cron\": "
	                                           "\"1 2 * * *\"}]", run_shown(&r, 612, "/triggers/1")));
	assert_int_equal(sync(&r, yaml), 0);
}

static void what_decides_the_outcome_and_changed_is_looked_at_again(void **state)
{
	static const char other[] = "flowsync: {ignore: [/steps/greet/command]}\nname: a\n"
	                            "steps: {greet: {imageId: 7, command: run}}\n";
	const struct node *mask;
	CLEANUP(run_done) struct run r = { 0 };

	begin_warm(&r, HELLO("a", "7"));
	assert_int_equal(sync(&r, other), 1);
	assert_int_equal(sync(&r, other), 0);
	assert_int_equal(sync(&r, HELLO("a", "7")), 1);
	mask = tree_json(&r.a, "[\"/steps/greet/command\"]");
	const struct cycle_options options[] = {
		{ .apply = true, .observe_all_ms = HOUR, .mask = mask },
		{ .apply = true, .observe_all_ms = HOUR, .no_adopt = true },
		{ .apply = true, .observe_all_ms = HOUR, .mark = true },
		{ .apply = true, .observe_all_ms = HOUR, .whole = true },
	};
	for (size_t i = 0; i < ARRAY_LEN(options); i++) {
		r.f.faults[0] = (struct fake_fault){ .operation = OP_DEFAULT_RESOURCE, .times = 2, .status = 404 };
		assert_int_equal(cycle(&r, HELLO("a", "7"), options[i]), 1);
		assert_int_equal(cycle(&r, HELLO("a", "7"), options[i]), 0);
		assert_int_equal(sync(&r, HELLO("a", "7")), 1);
		assert_int_equal(sync(&r, HELLO("a", "7")), 0);
	}
	assert_int_equal(sync(&r, "flowsync: {renamed_from: old}\n" HELLO("a", "7")), 1);
	assert_int_equal(sync(&r, HELLO("a", "7")), 1);
	sync(&r, "flowsync: {prune: false}\n" HELLO("a", "7"));
	assert_writes(&r, "update 612\n");
}

/* Without the default resource it is not known which resources were declared. */
static void the_default_resource_counts_where_the_spec_is_the_whole_truth(void **state)
{
	struct cycle_options whole = usual;
	CLEANUP(run_done) struct run r = { 0 };

	whole.whole = true;
	begin_warm(&r, HELLO("a", "7"));
	assert_int_equal(cycle(&r, HELLO("a", "7"), whole), 1);
	assert_int_equal(cycle(&r, HELLO("a", "7"), whole), 0);
	r.f.faults[0] = (struct fake_fault){ .operation = OP_DEFAULT_RESOURCE, .times = 1, .status = 200, .body = "{}" };
	assert_true(cycle(&r, HELLO("a", "7"), whole) > 0);
}

/* A text that ends its file is compared otherwise, although it is the same text. */
static void the_end_of_a_file_counts(void **state)
{
	static const char end[] = "name: a\nsteps:\n  greet:\n    imageId: 7\n    command: |\n      run\n";
	static const char plain[] = "name: a\nsteps:\n  greet:\n    imageId: 7\n    command: run\n";
	CLEANUP(run_done) struct run r = { 0 };

	begin_warm(&r, end);
	assert_int_equal(sync(&r, plain), 1);
}

static void a_changed_spec_is_written_and_looked_at_until_its_stamp_is_old(void **state)
{
	CLEANUP(run_done) struct run r = { 0 };

	begin_warm(&r, THREE);
	const char *changed = HELLO("a", "7") "---\n" HELLO("b", "8") "---\n" HELLO("c", "7");
	sync(&r, changed);
	assert_writes(&r, "update 613\n");
	for (int i = 0; i < 2; i++)
		assert_int_equal(sync(&r, changed), 1);
	r.f.now += 3 * SECOND;
	assert_int_equal(sync(&r, changed), 1);
	assert_int_equal(sync(&r, changed), 0);
}

/* Described twice for the update: right before it, and after it. */
static void a_changed_spec_is_described_right_before_its_write_and_after_it(void **state)
{
	const char *changed = HELLO("a", "7") "---\n" HELLO("b", "8") "---\n" HELLO("c", "7");
	CLEANUP(run_done) struct run r = { 0 };

	begin_warm(&r, THREE);
	assert_int_equal(sync(&r, changed), 2);
	assert_int_equal(r.f.requests, 4);
	assert_writes(&r, "update 613\n");
	assert_steps(&r, "a none unchanged\nb patch applied\nc none unchanged\n");
	assert_string_equal(run_changes(&r), "replace /steps/greet/imageId declared\n");
}

static void what_a_changed_spec_does_not_change_is_held_at_once(void **state)
{
	static const char other[] = "flowsync: {ignore: [/steps/greet/command]}\n" HELLO("a", "7");
	CLEANUP(run_done) struct run r = { 0 };

	begin_warm(&r, HELLO("a", "7"));
	assert_int_equal(sync(&r, other), 1);
	assert_writes(&r, "");
	assert_steps(&r, "a none unchanged\n");
	assert_int_equal(sync(&r, other), 0);
}

/* Whether a cycle describes to plan or not: what it reports, warns of and writes is the same. */
static void a_changed_spec_is_reported_as_if_it_were_described_to_plan(void **state)
{
	static const char *const specs[] = {
		"name: a\nsteps: {greet: {imageId: 8, command: run}}\n",
		"name: a\nretryOptions: {duration: 5}\nsteps: {greet: {imageId: 7, command: run}}\n",
		"flowsync: {prune: false}\n" HELLO("a", "7"),
	};
	static const char *const hands[] = { "\"Available\"", "\"Paused\"", "\"Draft\"" };

	for (size_t i = 0; i < ARRAY_LEN(specs) * ARRAY_LEN(hands); i++) {
		const char *reports[2];
		for (unsigned full = 0; full < 2; full++) {
			CLEANUP(run_done) struct run r = { .f = {
				.hides_options = true, .update_resumes = true, .memory.on = true, .dates = true, .stamps = FAKE_STAMP_WRITE,
			} };
			struct cycle_options options = usual;
			options.observe_all = full;
			run_make(&r, HELLO_BODY("a", "7"));
			for (unsigned j = 0; j < 2; j++) {
				r.f.now += 5 * SECOND;
				run_put(&r, 612, "/status", hands[i % ARRAY_LEN(hands)]);
				sync(&r, HELLO("a", "7"));
			}
			cycle(&r, specs[i / ARRAY_LEN(hands)], options);
			const char *report = arena_printf(&r.a, "%s %s", fake_report(&r.a, &r.report), buf_str(&r.f.writes));
			reports[full] = strdup(report);
		}
		assert_string_equal(reports[0], reports[1]);
		free((char *)reports[0]);
		free((char *)reports[1]);
	}
}

static void a_blocked_plan_describes_what_it_would_write(void **state)
{
	const char *changed = HELLO("a", "8");
	struct cycle_options options = usual;
	CLEANUP(run_done) struct run r = { 0 };

	begin_warm(&r, THREE);
	options.prune = true;
	assert_int_equal(cycle(&r, changed, options), 1);
	assert_writes(&r, "");
	assert_exit(&r, 3);
	assert_steps(&r, "a patch blocked\nb delete blocked\nc delete blocked\n");
	assert_string_equal(run_changes(&r), "replace /steps/greet/imageId declared\n");
}

static void with_a_limit_for_updates_they_are_counted_first(void **state)
{
	struct cycle_options options = usual;
	CLEANUP(run_done) struct run r = { 0 };

	begin_warm(&r, THREE);
	options.limits.update_limit = true;
	/* No update would be written of these. */
	options.limits.max_update_percent = 100;
	const char *same = "flowsync: {ignore: [/steps/greet/command]}\n" HELLO("a", "7") "---\n" HELLO("b", "7") "---\n"
	                   HELLO("c", "7");
	assert_int_equal(cycle(&r, same, options), 1);
	assert_exit(&r, 0);
	assert_non_null(strstr(fake_report(&r.a, &r.report), "\"limit\":\"100 %\",\"value\":\"0 of 3\""));
	options.limits.max_update_percent = 10;
	assert_int_equal(cycle(&r, HELLO("a", "8") "---\n" HELLO("b", "7") "---\n" HELLO("c", "7"), options), 1);
	assert_exit(&r, 3);
}

static void a_plan_describes_a_changed_spec(void **state)
{
	CLEANUP(run_done) struct run r = { 0 };

	begin_warm(&r, THREE);
	assert_int_equal(cycle(&r, HELLO("a", "8"), (struct cycle_options){ .observe_all_ms = HOUR }), 1);
	assert_string_equal(run_changes(&r), "replace /steps/greet/imageId declared\n");
}

/* Neither the list nor a stamp shows it. */
static void a_conflict_that_a_full_look_found_stays_one(void **state)
{
	CLEANUP(run_done) struct run r = { .f.list_without_tags = true };

	begin_warm(&r, HELLO("a", "7"));
	run_put(&r, 612, "/tags", "[{\"name\": \"flowsync-other\"}, {\"name\": \"flowsync-id-ca978112-100000000\"}]");
	r.f.now += HOUR;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(sync(&r, HELLO("a", "7")), 1);
		assert_exit(&r, 5);
	}
}

static void remove_before_describe(struct fake *f, const struct request *request)
{
	if (request->operation == OP_DESCRIBE && fake_find(f, 612))
		fake_remove(f, 612);
}

static void one_that_is_gone_right_before_its_write_is_made(void **state)
{
	CLEANUP(run_done) struct run r = { 0 };

	begin_warm(&r, HELLO("a", "7"));
	r.f.meanwhile = remove_before_describe;
	sync(&r, HELLO("a", "8"));
	assert_exit(&r, 0);
	assert_writes(&r, "create 613\n");
}

static void change_before_describe(struct fake *f, const struct request *request)
{
	struct run *r = (struct run *)((char *)f - offsetof(struct run, f));

	if (request->operation == OP_DESCRIBE && !*buf_str(&f->writes))
		run_put(r, 612, "/steps/greet/imageId", "8");
}

/* Looked at by chance while somebody else did what the spec says. */
static void one_that_is_as_the_spec_says_right_before_its_write_is_not_written(void **state)
{
	CLEANUP(run_done) struct run r = { 0 };

	begin_warm(&r, HELLO("a", "7"));
	r.f.meanwhile = change_before_describe;
	assert_int_equal(sync(&r, HELLO("a", "8")), 1);
	assert_steps(&r, "a none unchanged\n");
	assert_writes(&r, "");
}

static void a_stop_before_the_description_defers_the_step(void **state)
{
	CLEANUP(run_done) struct run r = { 0 };

	begin_warm(&r, HELLO("a", "7"));
	r.f.stop_after = 1;
	sync(&r, HELLO("a", "8"));
	assert_steps(&r, "a none deferred: not described: the cycle was stopped, or its time limit (--timeout) had passed\n");
	assert_writes(&r, "");
}

/* With a clock of seconds a change in the same second has the same stamp. */
static void a_change_right_after_the_description_is_seen(void **state)
{
	CLEANUP(run_done) struct run r = { .f.stamps_of_seconds = true };

	begin_warm(&r, THREE);
	r.f.now = (r.f.now / SECOND + 1) * SECOND;
	run_put(&r, 613, "/watchers", "[]");
	fake_touch(&r.f, fake_find(&r.f, 613));
	assert_int_equal(sync(&r, THREE), 1);
	assert_writes(&r, "");
	run_put(&r, 613, "/steps/greet/command", "\"by hand\"");
	fake_touch(&r.f, fake_find(&r.f, 613));
	sync(&r, THREE);
	assert_writes(&r, "update 613\n");
}

static void a_description_with_another_stamp_than_the_entry_is_not_held(void **state)
{
	CLEANUP(run_done) struct run r = { 0 };

	begin_warm(&r, THREE);
	run_put(&r, 613, "/createdAt", "\"2023-01-01T00:00:00.000Z\"");
	/* As if the workflow changed after the list was read, or an older state of it was described. */
	fake_find(&r.f, 613)->before = node_copy(&r.f.arena, shown(&r, 1));
	node_put(&r.f.arena, fake_find(&r.f, 613)->before, "updatedAt", node_text(&r.f.arena, "2023-01-01T00:00:00.000Z"));
	fake_find(&r.f, 613)->stale = 1;
	assert_int_equal(sync(&r, THREE), 1);
	assert_int_equal(sync(&r, THREE), 1);
	assert_int_equal(sync(&r, THREE), 0);
}

static void without_a_date_or_a_stamp_nothing_is_held(void **state)
{
	static const char *const stamps[] = { "\"yesterday\"", "null", "7" };
	CLEANUP(run_done) struct run r = { 0 };
	CLEANUP(run_done) struct run moves = { .f = { .dates = true, .stamps = FAKE_STAMP_READ, .memory.on = true } };

	begin_warm(&r, HELLO("a", "7"));
	for (size_t i = 0; i < ARRAY_LEN(stamps); i++) {
		run_put(&r, 612, "/updatedAt", stamps[i]);
		for (int j = 0; j < 2; j++)
			assert_int_equal(sync(&r, HELLO("a", "7")), 1);
	}
	for (int i = 0; i < 4; i++) {
		moves.f.now += 5 * SECOND;
		sync(&moves, THREE);
	}
	assert_int_equal(moves.report.by_operation[OP_DESCRIBE], 3);
	assert_said(&moves, "");
}

static void a_workflow_that_was_made_again_is_described(void **state)
{
	CLEANUP(run_done) struct run r = { 0 };

	begin_warm(&r, THREE);
	struct node *copy = node_copy(&r.f.arena, shown(&r, 1));
	fake_remove(&r.f, 613);
	node_put(&r.f.arena, copy, "id", node_int(&r.f.arena, 700));
	fake_add(&r.f, copy);
	/* The one that is gone is asked for by its id. */
	assert_int_equal(sync(&r, THREE), 2);
	assert_writes(&r, "");
}

/* Its description stands for the entry that it does not have, and is none. */
static void a_workflow_that_is_missing_in_the_list_is_described(void **state)
{
	CLEANUP(run_done) struct run r = { 0 };

	begin_warm(&r, THREE);
	fake_find(&r.f, 613)->unlisted = true;
	for (int i = 0; i < 3; i++)
		assert_int_equal(sync(&r, THREE), 2);
}

static void one_that_must_be_written_is_never_taken_as_known(void **state)
{
	CLEANUP(run_done) struct run r = { 0 };

	begin_warm(&r, THREE);
	run_put(&r, 613, "/steps/greet/command", "\"by hand\"");
	fake_touch(&r.f, fake_find(&r.f, 613));
	struct cycle_options defer = usual;
	defer.defer = true;
	for (int i = 0; i < 2; i++) {
		r.f.faults[0] = (struct fake_fault){ .operation = OP_UPDATE, .times = 1, .status = 409 };
		r.f.now += 5 * SECOND;
		assert_true(cycle(&r, THREE, defer) > 0);
		assert_exit(&r, 4);
	}
	sync(&r, THREE);
	assert_writes(&r, "update 613\n");
}

/* Whatever the list says: what was written is not what an earlier cycle saw. */
static void a_write_drops_the_look_also_if_the_entry_stays_the_same(void **state)
{
	CLEANUP(run_done) struct run r = { .f.list_without_tags = true };

	begin_warm(&r, HELLO("a", "7"));
	r.f.stamps = FAKE_STAMP_NEVER;
	const char *stamp = run_shown(&r, 612, "/updatedAt");
	sync(&r, HELLO("a", "8"));
	run_put(&r, 612, "/updatedAt", stamp);
	sync(&r, HELLO("a", "7"));
	assert_writes(&r, "update 612\n");
}

/* ---- a full look ---- */

static void after_an_hour_all_are_described(void **state)
{
	CLEANUP(run_done) struct run r = { 0 };

	begin_warm(&r, THREE);
	r.f.now += HOUR - 60 * SECOND;
	assert_int_equal(sync(&r, THREE), 0);
	r.f.now += 60 * SECOND;
	assert_int_equal(sync(&r, THREE), 3);
	assert_int_equal(sync(&r, THREE), 0);
	struct cycle_options all = usual;
	all.observe_all = true;
	assert_int_equal(cycle(&r, THREE, all), 3);
	r.f.now -= 60 * SECOND;		/* somebody set the clock back */
	assert_int_equal(sync(&r, THREE), 3);
}

static void a_look_at_some_is_no_full_look(void **state)
{
	static const char *const only[] = { "a" };
	struct cycle_options some = usual;
	CLEANUP(run_done) struct run r = { 0 };

	some.only = only;
	some.only_count = 1;
	begin_warm(&r, THREE);
	r.f.now += HOUR;
	assert_int_equal(cycle(&r, THREE, some), 1);
	assert_int_equal(sync(&r, THREE), 3);
	assert_int_equal(sync(&r, THREE), 0);
}

static void a_full_look_that_was_stopped_is_due_again(void **state)
{
	CLEANUP(run_done) struct run r = { .f.concurrency = 1 };

	begin_warm(&r, THREE);
	r.f.now += HOUR;
	r.f.stop_after = 2;
	assert_int_equal(sync(&r, THREE), 1);
	r.f.stop_after = 0;
	assert_int_equal(sync(&r, THREE), 3);
	assert_int_equal(sync(&r, THREE), 0);
}

static void after_an_error_all_are_described(void **state)
{
	static const struct fake_fault faults[] = {
		{ .operation = OP_LIST, .times = 1, .status = 403 },
		{ .operation = OP_DESCRIBE, .id = 613, .times = 1, .status = 400 },
	};

	for (size_t i = 0; i < ARRAY_LEN(faults); i++) {
		CLEANUP(run_done) struct run r = { 0 };
		begin_warm(&r, THREE);
		run_put(&r, 613, "/createdAt", "\"2023-01-01T00:00:00.000Z\"");
		r.f.faults[0] = faults[i];
		sync(&r, THREE);
		assert_exit(&r, 1);
		assert_int_equal(sync(&r, THREE), 3);
		assert_int_equal(sync(&r, THREE), 0);
	}
}

static void looks_at_what_is_declared_no_longer_are_dropped(void **state)
{
	CLEANUP(run_done) struct run r = { 0 };

	begin_warm(&r, THREE);
	assert_int_equal(r.f.memory.looks.count, 3);
	sync(&r, HELLO("a", "7"));
	assert_int_equal(r.f.memory.looks.count, 3);
	r.f.now += HOUR;
	sync(&r, HELLO("a", "7"));
	assert_int_equal(r.f.memory.looks.count, 1);
}

static void a_plan_uses_looks_and_stores_none(void **state)
{
	struct cycle_options plan = { .observe_all_ms = HOUR };
	CLEANUP(run_done) struct run r = { 0 };

	begin_warm(&r, THREE);
	assert_int_equal(cycle(&r, THREE, plan), 0);
	r.f.now += HOUR;
	for (int i = 0; i < 2; i++)
		assert_int_equal(cycle(&r, THREE, plan), 3);
}

/* ---- a service whose stamps say nothing ---- */

#define WRONG	"warning: workflow \"b\" was changed, and its entry in the list was not: the updatedAt of this service " \
		"does not tell what changed, so each cycle describes every workflow\n"

static void where_stamps_say_nothing_drift_is_healed_within_the_hour_and_later_at_once(void **state)
{
	CLEANUP(run_done) struct run r = { 0 };

	begin_warm(&r, THREE);
	run_put(&r, 613, "/steps/greet/command", "\"by hand\"");
	assert_int_equal(sync(&r, THREE), 0);
	r.f.now += HOUR;
	sync(&r, THREE);
	assert_writes(&r, "update 613\n");
	assert_said(&r, WRONG);
	run_put(&r, 613, "/steps/greet/command", "\"by hand\"");
	sync(&r, THREE);
	assert_writes(&r, "update 613\n");
	assert_said(&r, "");
	assert_int_equal(sync(&r, THREE), 3);
	r.f.now += WARM_OFF_MS;
	sync(&r, THREE);
	r.f.now += 5 * SECOND;
	sync(&r, THREE);
	assert_int_equal(sync(&r, THREE), 0);
}

static void a_plan_does_not_warn_of_what_it_cannot_end(void **state)
{
	CLEANUP(run_done) struct run r = { 0 };

	begin_warm(&r, THREE);
	run_put(&r, 613, "/steps/greet/command", "\"by hand\"");
	cycle(&r, THREE, (struct cycle_options){ .observe_all = true });
	assert_said(&r, "");
	assert_int_equal(r.f.memory.looks.off_ms, 0);
}

/* What no spec declares is not compared. */
static void an_undeclared_key_may_change_unseen(void **state)
{
	CLEANUP(run_done) struct run r = { 0 };

	begin_warm(&r, THREE);
	run_put(&r, 613, "/steps/greet/stepTimeout", "60");
	r.f.now += HOUR;
	assert_int_equal(sync(&r, THREE), 3);
	assert_said(&r, "");
}

/* ---- outcomes that are reported from looks ---- */

static void what_is_settled_or_refused_is_reported_from_its_look(void **state)
{
	static const char yaml[] = "name: a\nsteps: {greet: {imageId: 7, command: run, stepTimeout: 60, resources: "
	                           "{instanceTypeId: 21, storage: 20GB}}}\n---\n" HELLO("b", "7");
	CLEANUP(run_done) struct run r = { .f.habits = { { "/steps/greet/stepTimeout", "30" },
	                                                 { "/steps/greet/command", "\"other\"" } } };

	r.f.memory.on = r.f.dates = true;
	r.f.stamps = FAKE_STAMP_WRITE;
	for (int i = 0; i < 3; i++) {
		sync(&r, yaml);
		r.f.now += 5 * SECOND;
	}
	struct cycle_options verbose = usual;
	assert_reports_agree(&r, yaml, verbose, 0);
	assert_exit(&r, 4);
	assert_non_null(strstr(fake_report(&r.a, &r.report), "\"settled\":[{\"path\":"));
	assert_non_null(strstr(fake_report(&r.a, &r.report), "refused by the service: /steps/greet/stepTimeout"));
}

static void what_is_unmarked_or_not_shown_is_reported_from_its_look(void **state)
{
	static const char yaml[] = "name: b\nretryOptions: {duration: 5}\nsteps: {greet: {imageId: 7, command: run}}\n---\n"
	                           HELLO("z", "7") "---\n" HELLO("a", "7");
	CLEANUP(run_done) struct run r = { .f = { .hides_options = true, .dates = true, .stamps = FAKE_STAMP_WRITE } };

	r.f.memory.on = true;
	run_make(&r, HELLO_BODY("a", "7"));
	run_make(&r, HELLO_BODY("z", "7"));
	for (int i = 0; i < 3; i++) {
		r.f.now += 5 * SECOND;
		sync(&r, yaml);
	}
	assert_reports_agree(&r, yaml, usual, 0);
	assert_said(&r, "warning: workflow \"b\" declares /retryOptions, which this service does not show: a change there is "
	                "not seen\nwarning: 2 workflows (\"z\" and others) have no owner tag yet, so they are not pruned; "
	                "--mark writes the tags\n");
	/* The name is the first of the specs, whichever is described. */
	run_put(&r, 613, "/createdAt", "\"2023-01-01T00:00:00.000Z\"");
	assert_reports_agree(&r, yaml, usual, 1);
	assert_non_null(strstr(tree_faults(&r.a, &r.faults), "2 workflows (\"z\" and others)"));
}

/* The history of its file, which may come or go, decides what was declared before. */
static void without_a_record_nothing_is_held(void **state)
{
	CLEANUP(run_done) struct run r = { 0 };

	begin_warm(&r, HELLO("a", "7"));
	run_put(&r, 612, "/tags", "[{\"name\": \"flowsync-default\"}, {\"name\": \"flowsync-id-ca978112-100000000\"}]");
	for (int i = 0; i < 3; i++) {
		r.f.now += 5 * SECOND;
		assert_int_equal(sync(&r, HELLO("a", "7")), 1);
		assert_int_equal(r.f.memory.recalls, i + 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(where_nothing_changed_only_the_list_is_read),
		cmocka_unit_test(without_a_state_all_are_described_each_time),
		cmocka_unit_test(an_entry_that_changed_is_described),
		cmocka_unit_test(what_changes_by_itself_in_an_entry_does_not_count),
		cmocka_unit_test(what_decides_the_outcome_and_changed_is_looked_at_again),
		cmocka_unit_test(the_default_resource_counts_where_the_spec_is_the_whole_truth),
		cmocka_unit_test(the_end_of_a_file_counts),
		cmocka_unit_test(a_changed_spec_is_written_and_looked_at_until_its_stamp_is_old),
		cmocka_unit_test(a_changed_spec_is_described_right_before_its_write_and_after_it),
		cmocka_unit_test(what_a_changed_spec_does_not_change_is_held_at_once),
		cmocka_unit_test(a_changed_spec_is_reported_as_if_it_were_described_to_plan),
		cmocka_unit_test(a_blocked_plan_describes_what_it_would_write),
		cmocka_unit_test(with_a_limit_for_updates_they_are_counted_first),
		cmocka_unit_test(a_plan_describes_a_changed_spec),
		cmocka_unit_test(a_conflict_that_a_full_look_found_stays_one),
		cmocka_unit_test(one_that_is_gone_right_before_its_write_is_made),
		cmocka_unit_test(one_that_is_as_the_spec_says_right_before_its_write_is_not_written),
		cmocka_unit_test(a_stop_before_the_description_defers_the_step),
		cmocka_unit_test(a_change_right_after_the_description_is_seen),
		cmocka_unit_test(a_description_with_another_stamp_than_the_entry_is_not_held),
		cmocka_unit_test(without_a_date_or_a_stamp_nothing_is_held),
		cmocka_unit_test(a_workflow_that_was_made_again_is_described),
		cmocka_unit_test(a_workflow_that_is_missing_in_the_list_is_described),
		cmocka_unit_test(one_that_must_be_written_is_never_taken_as_known),
		cmocka_unit_test(a_write_drops_the_look_also_if_the_entry_stays_the_same),
		cmocka_unit_test(after_an_hour_all_are_described),
		cmocka_unit_test(a_look_at_some_is_no_full_look),
		cmocka_unit_test(a_full_look_that_was_stopped_is_due_again),
		cmocka_unit_test(after_an_error_all_are_described),
		cmocka_unit_test(looks_at_what_is_declared_no_longer_are_dropped),
		cmocka_unit_test(a_plan_uses_looks_and_stores_none),
		cmocka_unit_test(where_stamps_say_nothing_drift_is_healed_within_the_hour_and_later_at_once),
		cmocka_unit_test(a_plan_does_not_warn_of_what_it_cannot_end),
		cmocka_unit_test(an_undeclared_key_may_change_unseen),
		cmocka_unit_test(what_is_settled_or_refused_is_reported_from_its_look),
		cmocka_unit_test(what_is_unmarked_or_not_shown_is_reported_from_its_look),
		cmocka_unit_test(without_a_record_nothing_is_held),
		cmocka_unit_test(a_file_is_read_only_if_a_workflow_of_it_may_have_changed),
		cmocka_unit_test(a_workflow_whose_file_changed_meanwhile_is_left_alone),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
