/* Whose a workflow is, which one a spec means, and which are to go. */
#include "tests/test.h"
#include "reconcile/plan/ownership.h"

#include <string.h>

#include "tests/run.h"
#include "tests/tree.h"

/* N of the names that are used here. */
#define A	"ca978112"
#define B	"3e23e816"
#define OLD	"cba06b57"
#define NEW	"11507a0e"
#define D	"-111111111"
#define IS(owner, n)	"[{\"name\":\"flowsync-" owner "\"},{\"name\":\"flowsync-id-" n D "\"}]"
#define RENAME(from, to, image)	"flowsync: {renamed_from: " from "}\n" HELLO(to, image)

static const struct cycle_options prune = { .apply = true, .prune = true };

static void sync_with(struct run *r, const char *yaml, const struct cycle_options *options)
{
	const struct specs specs = *yaml ? tree_specs(&r->a, yaml) : (struct specs){ .arena = &r->a };

	run_cycle(r, &specs, options);
}

/* A workflow of that name with these tags, as JSON; image 7. */
static void there(struct run *r, const char *name, const char *tags)
{
	run_make(r, arena_printf(&r->a, "{\"name\":\"%s\",\"tags\":%s,\"steps\":{\"greet\":{\"imageId\":7,"
	                         "\"command\":\"run\"}}}", name, tags));
}

static void a_workflow_is_adopted_unless_it_is_another_owners(void **state)
{
	static const struct { const char *why, *tags; bool no_adopt; const char *steps; } cases[] = {
		{ "no marker", "[]", false, "a patch applied\n" },
		{ "no marker, not to be adopted", "[]", true, "a none conflict: it has no owner tag, and "
		  "adopting is off (--adopt no)\n" },
		{ "ours", IS("default", A), true, "a patch applied\n" },
		{ "another's", IS("team", A), false, "a none conflict: it belongs to owner \"team\" "
		  "(tag flowsync-team)\n" },
		{ "two owners, ours first", "[{\"name\":\"flowsync-default\"},{\"name\":\"flowsync-team\"},"
		  "{\"name\":\"flowsync-id-" A D "\"}]", false,
		  "a none conflict: it belongs to owner \"team\" (tag flowsync-team)\n" },
		{ "two owners, ours last", "[{\"name\":\"flowsync-team\"},{\"name\":\"flowsync-id-" A D "\"},"
		  "{\"name\":\"flowsync-default\"}]", false,
		  "a none conflict: it belongs to owner \"team\" (tag flowsync-team)\n" },
		{ "another's without an id", "[{\"name\":\"flowsync-team\"}]", false,
		  "a none conflict: it belongs to owner \"team\" (tag flowsync-team)\n" },
		{ "a copy of another's", IS("team", B), false, "a patch applied\n" },
		{ "a copy of another's, not to be adopted", IS("team", B), true, "a none conflict: it has no "
		  "owner tag, and adopting is off (--adopt no)\n" },
		{ "a copy of ours, not to be adopted", IS("default", B), true, "a none conflict: it has no "
		  "owner tag, and adopting is off (--adopt no)\n" },
		{ "our tag alone, not to be adopted", "[{\"name\":\"flowsync-default\"}]", true, "a none conflict: "
		  "it has no owner tag, and adopting is off (--adopt no)\n" },
		{ "an id without an owner", "[{\"name\":\"flowsync-id-" A D "\"}]", false, "a patch applied\n" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		for (unsigned list = 0; list < 2; list++) {
			CLEANUP(run_done) struct run r = { .f.list_without_tags = list };

			/* What the list does not tell, describe does. */
			if (list && cases[i].no_adopt)
				continue;
			there(&r, "a", cases[i].tags);
			sync_with(&r, HELLO("a", "8"), &(struct cycle_options){ .apply = true, .no_adopt = cases[i].no_adopt });
			if (strcmp(run_steps(&r), cases[i].steps) != 0)
				fail_msg("%s\n%s", cases[i].why, run_steps(&r));
			assert_exit(&r, strstr(cases[i].steps, "conflict") ? 5 : 0);
			if (!strstr(cases[i].steps, "conflict"))
				assert_memory_equal(run_tags(&r, 612), "flowsync-default flowsync-id-" A, 36);
		}
}

static void what_is_equal_is_marked_only_on_demand(void **state)
{
	CLEANUP(run_done) struct run r = { 0 };

	there(&r, "a", "[]");
	run_sync(&r, HELLO("a", "7"));
	assert_writes(&r, "");
	assert_said(&r, "warning: workflow \"a\" has no owner tag yet, so it is not pruned; --mark writes the tag\n");
	sync_with(&r, HELLO("a", "7"), &(struct cycle_options){ .apply = true, .mark = true });
	assert_writes(&r, "update 612\n");
	assert_memory_equal(run_tags(&r, 612), "flowsync-default flowsync-id-" A "-1", 39);
	sync_with(&r, HELLO("a", "7"), &(struct cycle_options){ .apply = true, .mark = true });
	assert_writes(&r, "");
	assert_said(&r, "");
}

static void a_list_without_tags_does_not_make_it_mark_again(void **state)
{
	CLEANUP(run_done) struct run r = { .f.list_without_tags = true };

	for (unsigned i = 0; i < 2; i++) {
		sync_with(&r, HELLO("a", "7"), &(struct cycle_options){ .apply = true, .mark = true });
		assert_writes(&r, i == 0 ? "create 612\n" : "");
		assert_said(&r, "");
	}
}

static void what_somebody_renamed_by_hand_is_renamed_back(void **state)
{
	for (unsigned prunes = 0; prunes < 2; prunes++) {
		CLEANUP(run_done) struct run r = { 0 };

		run_sync(&r, HELLO("a", "7"));
		run_put(&r, 612, "/name", "\"mine\"");
		sync_with(&r, HELLO("a", "7"), &(struct cycle_options){ .apply = true, .prune = prunes, .no_adopt = true });
		assert_steps(&r, "a patch applied\n");
		assert_string_equal(run_changes(&r), "replace /name drift\n");
		assert_writes(&r, "update 612\n");
		assert_string_equal(run_shown(&r, 612, "/name"), "\"a\"");
	}
}

static void of_two_that_may_have_been_renamed_none_is_guessed(void **state)
{
	CLEANUP(run_done) struct run r = { 0 };

	there(&r, "x", IS("default", A));
	there(&r, "y", IS("default", A));
	sync_with(&r, HELLO("a", "7"), &prune);
	assert_steps(&r, "a create applied\n");
	assert_writes(&r, "create 614\n");
}

static void a_copy_by_hand_is_neither_taken_nor_deleted(void **state)
{
	CLEANUP(run_done) struct run r = { 0 };

	run_sync(&r, HELLO("a", "7"));
	run_make(&r, tree_text(&r.a, fake_find(&r.f, 612)->sent));
	run_put(&r, 613, "/name", "\"copy of a\"");
	sync_with(&r, HELLO("a", "7"), &prune);
	assert_steps(&r, "a none unchanged\n");
	assert_int_equal(r.report.owned, 1);
	/* One that is called as another spec declares it becomes that one. */
	run_put(&r, 613, "/name", "\"b\"");
	sync_with(&r, HELLO("a", "7") "---\n" HELLO("b", "8"), &prune);
	assert_steps(&r, "a none unchanged\nb patch applied\n");
	assert_memory_equal(run_tags(&r, 613), "flowsync-default flowsync-id-" B "-1", 39);
}

static void of_several_of_one_name_the_one_that_is_known_is_meant(void **state)
{
	CLEANUP(run_done) struct run r = { .f.memory.on = true };

	run_sync(&r, HELLO("a", "7"));
	run_make(&r, tree_text(&r.a, fake_find(&r.f, 612)->sent));
	run_sync(&r, HELLO("a", "8"));
	assert_steps(&r, "a patch applied\n");
	assert_writes(&r, "update 612\n");
	assert_said(&r, "warning: s.yaml:1:1: the service has 2 workflows called \"a\"; the one with id 612 is ours; "
	            "the others are not changed\n");
	r.f.memory.on = false;
	run_sync(&r, HELLO("a", "9"));
	assert_steps(&r, "a none conflict: the service has 2 workflows called \"a\" (ids 612, 613): it is unclear which "
	             "one is meant\n");
}

static void a_rename_takes_its_record_along(void **state)
{
	CLEANUP(run_done) struct run r = { .f.memory.on = true };

	run_sync(&r, "name: old\nmetadata: {allowConcurrentExecution: true}\nsteps: {greet: {imageId: 7, command: run}}\n");
	run_put(&r, 612, "/steps/greet/command", "\"other\"");
	run_sync(&r, RENAME("old", "new", "8"));
	assert_steps(&r, "new replace applied\n");
	assert_string_equal(run_changes(&r),
	                    "replace /name declared\nreplace /steps/greet/imageId declared\n"
	                    "replace /steps/greet/command drift\nremove /metadata undeclared\n");
	assert_said(&r, "");
	assert_int_equal(r.f.memory.records.count, 1);
	assert_string_equal(r.f.memory.records.items[0].name, "new");
	run_sync(&r, RENAME("old", "new", "8"));
	assert_writes(&r, "");
}

static void one_workflow_is_no_two_specs(void **state)
{
	CLEANUP(run_done) struct run r = { 0 };

	run_sync(&r, HELLO("a", "7"));
	run_put(&r, 612, "/name", "\"x\"");
	sync_with(&r, HELLO("a", "7") "---\n" RENAME("x", "b", "7"), &prune);
	assert_steps(&r, "a patch applied\nb none conflict: workflow \"x\" (id 612) is also meant by the spec \"a\"\n");
	assert_writes(&r, "update 612\n");
	assert_exit(&r, 5);
}

static void what_is_owned_and_not_declared_goes_last(void **state)
{
	CLEANUP(run_done) struct run r = { 0 };

	sync_with(&r, HELLO("old", "7") "---\n" HELLO("a", "7") "---\n" HELLO("b", "7"), &prune);
	there(&r, "stranger", "[]");
	there(&r, "theirs", IS("team", "00000000"));
	run_sync(&r, HELLO("a", "7") "---\n" HELLO("b", "7"));
	assert_writes(&r, "");		/* prune has to be asked for */
	sync_with(&r, HELLO("a", "7") "---\n" HELLO("b", "8") "---\n" HELLO("new", "7"), &prune);
	assert_steps(&r, "a none unchanged\nb patch applied\nnew create applied\nold delete applied\n");
	assert_writes(&r, "update 614\ncreate 617\ndelete 612\n");
	assert_int_equal(r.report.owned, 3);
}

static void what_is_to_be_kept_is_kept_when_its_file_goes(void **state)
{
	CLEANUP(run_done) struct run r = { 0 };

	sync_with(&r, "flowsync: {prune: false}\n" HELLO("old", "7") "---\n" HELLO("a", "7"), &prune);
	assert_non_null(strstr(run_tags(&r, 612), " flowsync-keep"));
	sync_with(&r, HELLO("a", "7"), &prune);
	assert_writes(&r, "");
	assert_steps(&r, "a none unchanged\n");
}

static void the_keep_tag_follows_the_spec(void **state)
{
	CLEANUP(run_done) struct run r = { 0 };

	run_sync(&r, HELLO("a", "7"));
	run_sync(&r, "flowsync: {prune: false}\n" HELLO("a", "7"));
	assert_writes(&r, "update 612\n");
	assert_non_null(strstr(run_tags(&r, 612), " flowsync-keep"));
	run_sync(&r, HELLO("a", "7"));
	assert_writes(&r, "update 612\n");
	assert_null(strstr(run_tags(&r, 612), " flowsync-keep"));
}

static void deletes_wait_for_what_is_to_be_made(void **state)
{
	static const enum operation operations[] = { OP_CREATE, OP_UPDATE };

	for (size_t i = 0; i < ARRAY_LEN(operations); i++) {
		CLEANUP(run_done) struct run r = { 0 };
		const char *spec = i == 0 ? HELLO("b", "7") : RENAME("b", "c", "7");

		sync_with(&r, HELLO("a", "7"), &prune);
		if (i)
			there(&r, "b", "[]");
		r.f.faults[0] = (struct fake_fault){ .operation = operations[i], .times = 1, .status = 422 };
		sync_with(&r, spec, &prune);
		assert_int_equal(r.report.steps[0].result, RESULT_FAILED);
		assert_int_equal(r.report.steps[1].result, RESULT_DEFERRED);
		assert_string_equal(r.report.steps[1].error,
		                    "waits for a create or a rename that has not succeeded");
		assert_non_null(fake_find(&r.f, 612));
		sync_with(&r, spec, &prune);
		assert_int_equal(r.report.steps[1].result, RESULT_APPLIED);
		assert_null(fake_find(&r.f, 612));
	}
}

/* Whatever happens to the spec that says it was "old": that one is not undeclared. */
static void what_a_spec_calls_its_old_name_is_not_deleted(void **state)
{
	static const struct { const char *spec, *steps; } cases[] = {
		{ "flowsync: {renamed_from: old, suspend: true}\n" HELLO("new", "7"), "new none suspended\n" },
		{ RENAME("old", "a", "7"), "a none conflict: renamed_from: \"old\" (id 612) and \"a\" (id 613) are both "
		  "on the service\n" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(run_done) struct run r = { 0 };

		sync_with(&r, HELLO("old", "7") "---\n" HELLO("a", "7"), &prune);
		sync_with(&r, cases[i].spec, &(struct cycle_options){ .apply = true, .prune = true,
		          .limits = { .delete_limit = true, .max_delete_percent = 100 } });
		assert_non_null(fake_find(&r.f, 612));
		assert_memory_equal(run_steps(&r), cases[i].steps, strlen(cases[i].steps));
	}
}

static void of_two_of_one_name_that_nobody_declares_none_is_guessed(void **state)
{
	for (unsigned known = 0; known < 2; known++) {
		CLEANUP(run_done) struct run r = { .f.memory.on = known };

		sync_with(&r, HELLO("old", "7") "---\n" HELLO("a", "7") "---\n" HELLO("b", "7"), &prune);
		run_make(&r, tree_text(&r.a, fake_find(&r.f, 612)->sent));
		sync_with(&r, HELLO("a", "7") "---\n" HELLO("b", "7"), &prune);
		assert_writes(&r, known ? "delete 612\n" : "");
		assert_steps(&r, known ? "a none unchanged\nb none unchanged\nold delete applied\n"
		             : "a none unchanged\nb none unchanged\nold delete conflict: the service has 2 workflows called "
		               "\"old\" (ids 612, 615): it is unclear which one is meant\n");
	}
}

static const char *now_tags;

static void somebody_changes_tags(struct fake *f, const struct request *request)
{
	if (request->operation == OP_DESCRIBE && strcmp(request->path, "/workflows/612") == 0)
		node_put(&f->arena, fake_find(f, 612)->shown, "tags", tree_json(&f->arena, now_tags));
}

static void it_is_looked_at_again_right_before_it_is_deleted(void **state)
{
	static const char *const tags[] = {
		"[]", IS("team", OLD), IS("default", A), "[{\"name\":\"flowsync-default\"}]",
		"[{\"name\":\"flowsync-default\"},{\"name\":\"flowsync-id-" OLD D "\"},{\"name\":\"flowsync-keep\"}]",
		"[{\"name\":\"flowsync-default\"},{\"name\":\"flowsync-id-" OLD D "\"},{\"name\":\"flowsync-x\"}]",
	};
	for (size_t i = 0; i < ARRAY_LEN(tags); i++) {
		CLEANUP(run_done) struct run r = { 0 };

		sync_with(&r, HELLO("old", "7") "---\n" HELLO("a", "7"), &prune);
		now_tags = tags[i];
		r.f.meanwhile = somebody_changes_tags;
		sync_with(&r, HELLO("a", "7"), &prune);
		assert_steps(&r, "a none unchanged\nold delete conflict: changed since it was listed; skipped\n");
		assert_writes(&r, "");
		assert_exit(&r, 5);
	}
}

static const char *now_name;

static void somebody_renames_it(struct fake *f, const struct request *request)
{
	if (request->operation == OP_DESCRIBE && strcmp(request->path, "/workflows/612") == 0)
		node_put(&f->arena, fake_find(f, 612)->shown, "name", node_text(&f->arena, now_name));
}

/* Its tags still say that it is ours. */
static void one_that_was_renamed_since_the_list_is_not_deleted(void **state)
{
	CLEANUP(run_done) struct run r = { 0 };

	sync_with(&r, HELLO("old", "7") "---\n" HELLO("a", "7"), &prune);
	now_name = "mine";
	r.f.meanwhile = somebody_renames_it;
	sync_with(&r, HELLO("a", "7"), &prune);
	assert_steps(&r, "a none unchanged\nold delete conflict: changed since it was listed; skipped\n");
	assert_writes(&r, "");
	assert_exit(&r, 5);
}

static void one_that_was_renamed_since_the_list_is_not_adopted(void **state)
{
	CLEANUP(run_done) struct run r = { .f.meanwhile = somebody_renames_it };

	there(&r, "a", "[]");
	now_name = "mine";
	run_sync(&r, HELLO("a", "8"));
	assert_steps(&r, "a none conflict: renamed to \"mine\" since it was listed; skipped\n");
	assert_writes(&r, "");
	assert_exit(&r, 5);
}

static void somebody_takes_it(struct fake *f, const struct request *request)
{
	if (request->operation == OP_DESCRIBE && f->requests > 2)
		node_put(&f->arena, fake_find(f, 612)->shown, "tags", tree_json(&f->arena, now_tags));
}

static void another_owner_may_come_between_plan_and_write(void **state)
{
	static const char *const tags[] = {
		IS("team", A),
		"[{\"name\":\"flowsync-default\"},{\"name\":\"flowsync-id-" A D "\"},{\"name\":\"flowsync-team\"}]",
	};
	for (size_t i = 0; i < ARRAY_LEN(tags); i++) {
		CLEANUP(run_done) struct run r = { .f.meanwhile = somebody_takes_it };

		there(&r, "a", "[]");
		now_tags = tags[i];
		run_sync(&r, HELLO("a", "8"));
		assert_steps(&r, "a patch conflict: it belongs to owner \"team\" (tag flowsync-team)\n");
		assert_writes(&r, "");
		assert_exit(&r, 5);
	}
}

static void make_it_first(struct fake *f, const struct request *request)
{
	if (request->operation == OP_LIST && f->requests > 1 && f->count == 0)
		node_put(&f->arena, fake_make(f, tree_json(&f->arena, HELLO_BODY("a", "8")))->shown, "tags",
		         tree_json(&f->arena, now_tags));
}

static void one_that_somebody_made_meanwhile_is_adopted_by_the_same_rules(void **state)
{
	static const struct { const char *tags; bool no_adopt; const char *steps; } cases[] = {
		{ "[]", false, "a patch applied\n" },
		{ "[]", true, "a create conflict: it has no owner tag, and adopting is off (--adopt no)\n" },
		{ IS("team", A), false, "a create conflict: it belongs to owner \"team\" (tag flowsync-team)\n" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(run_done) struct run r = { .f.meanwhile = make_it_first };

		now_tags = cases[i].tags;
		sync_with(&r, HELLO("a", "7"), &(struct cycle_options){ .apply = true, .no_adopt = cases[i].no_adopt });
		assert_steps(&r, cases[i].steps);
	}
}

/* ---- no longer declared, without prune ---- */

#define UNDECLARED(text)	"warning: " text "; --owner team --prune would delete "

static void what_is_no_longer_declared_is_named(void **state)
{
	static const char *const globs[] = { "gone*" };
	static const struct { const char *before, *now; struct cycle_options options; const char *said; } cases[] = {
		{ HELLO("old", "7") "---\n" HELLO("a", "7"), HELLO("new", "7") "---\n" HELLO("a", "7"), { .owner = "team" },
		  UNDECLARED("1 workflow of ours is no longer declared (\"old\")") "it\n" },
		{ HELLO("old", "7") "---\n" HELLO("a", "7"), HELLO("a", "7"), { 0 },
		  "warning: 1 workflow of ours is no longer declared (\"old\"); --owner default --prune would delete it; no owner was "
		  "named, so another folder may have created it: name an owner for each folder\n" },
		{ HELLO("old", "7") "---\n" HELLO("gone1", "7") "---\n" HELLO("gone2", "7"), HELLO("a", "7"),
		  { .owner = "team", .only = globs, .only_count = 1 },
		  "warning: only \"gone*\": no declared workflow has such a name\n"
		  UNDECLARED("2 workflows of ours are no longer declared (\"gone1\", \"gone2\")") "them\n" },
		/* those that are not left behind */
		{ "flowsync: {prune: false}\n" HELLO("kept", "7"), HELLO("a", "7"), { .owner = "team" }, "" },
		{ HELLO("old", "7"), RENAME("old", "new", "7"), { .owner = "team" }, "" },
		{ HELLO("old", "7"), "flowsync: {suspend: true}\n" HELLO("old", "7"), { .owner = "team" }, "" },
		{ HELLO("old", "7"), HELLO("a", "7"), { .owner = "team", .prune = true }, "" },
		{ HELLO("old", "7"), HELLO("a", "7"), { .owner = "team", .hold = true },
		  "warning: the source could not be read: workflows are neither created nor deleted\n" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		for (unsigned apply = 0; apply < 2; apply++) {
			CLEANUP(run_done) struct run r = { .f.memory.on = true };
			struct cycle_options o = { .apply = true, .owner = cases[i].options.owner };

			sync_with(&r, cases[i].before, &o);
			o = cases[i].options;
			o.apply = apply;
			sync_with(&r, cases[i].now, &o);
			assert_said(&r, cases[i].said);
		}
}

static void of_many_that_are_no_longer_declared_five_are_named(void **state)
{
	CLEANUP(run_done) struct run r = { .f.memory.on = true };
	const struct cycle_options team = { .apply = true, .owner = "team" };
	const char *yaml = "";

	for (unsigned i = 1; i <= 8; i++)
		yaml = arena_printf(&r.a, "%s---\nname: w%u\nsteps: {s: {imageId: 1, command: c}}\n", yaml, i);
	sync_with(&r, yaml, &team);
	sync_with(&r, HELLO("w1", "7"), &team);
	assert_said(&r, UNDECLARED("7 workflows of ours are no longer declared (\"w2\", \"w3\", \"w4\", \"w5\", \"w6\" and 2 more)")
	            "them\n");
}

/* A service may change names; a copy by hand has the tags of its original, which is still there. */
static void an_orphan_under_a_changed_name_is_named_and_a_copy_is_not(void **state)
{
	for (unsigned copy = 0; copy < 2; copy++)
		for (unsigned prunes = 0; prunes < 2; prunes++) {
			CLEANUP(run_done) struct run r = { .f.habits = { { copy ? NULL : "/name", "\"hello\"" } } };

			sync_with(&r, HELLO("HELLO", "7"), &(struct cycle_options){ .apply = true, .owner = "team" });
			r.f.habits[0].pointer = NULL;
			if (copy) {
				run_make(&r, tree_text(&r.a, fake_find(&r.f, 612)->sent));
				run_put(&r, 613, "/name", "\"copy\"");
			}
			sync_with(&r, copy ? HELLO("HELLO", "7") : HELLO("a", "7"),
			          &(struct cycle_options){ .apply = true, .owner = "team", .prune = prunes });
			assert_said(&r, copy ? "" : "warning: 1 workflow of ours is no longer declared, and not called as flowsync called it "
			            "(\"hello\"); --prune does not delete it, flowsync workflow delete does\n");
			assert_null(strstr(buf_str(&r.f.writes), "delete"));
		}
}

/* ---- guards ---- */

/* n specs called w1 ... */
static const char *many(struct run *r, size_t from, size_t to)
{
	const char *yaml = "";

	for (size_t i = from; i <= to; i++)
		yaml = arena_printf(&r->a, "%s---\nname: w%zu\nsteps: {s: {imageId: 1, command: c}}\n", yaml, i);
	return yaml;
}

static void a_guard_that_blocks_lets_nothing_be_written(void **state)
{
	CLEANUP(run_done) struct run r = { 0 };

	sync_with(&r, many(&r, 1, 10), &prune);
	sync_with(&r, many(&r, 5, 11), &prune);
	assert_writes(&r, "");
	assert_exit(&r, 3);
	assert_said(&r, "guard delete-share: 4 of 10 owned workflows would be deleted, over 30 % (w1, w2, w3, w4); if "
	            "that is meant, give --max-delete-percent 40\n");
	assert_int_equal(r.report.steps[6].result, RESULT_BLOCKED);
	assert_int_equal(r.report.steps[7].result, RESULT_BLOCKED);
	sync_with(&r, many(&r, 4, 11), &prune);
	assert_writes(&r, "create 622\ndelete 612\ndelete 613\ndelete 614\n");
}

static void an_empty_source_deletes_nothing(void **state)
{
	CLEANUP(run_done) struct run r = { 0 };

	sync_with(&r, HELLO("a", "7"), &prune);
	sync_with(&r, "", &prune);
	assert_writes(&r, "");
	assert_exit(&r, 3);
	sync_with(&r, "", &(struct cycle_options){ .apply = true, .prune = true, .limits.allow_empty = true });
	assert_writes(&r, "delete 612\n");
}

static void a_token_of_another_tenant_makes_nothing(void **state)
{
	CLEANUP(run_done) struct run r = { .f.memory.on = true };

	sync_with(&r, many(&r, 1, 10), &prune);
	while (r.f.count > 6)
		fake_remove(&r.f, r.f.items[6].id);
	sync_with(&r, many(&r, 1, 10), &prune);
	assert_writes(&r, "");
	assert_exit(&r, 3);
	assert_said(&r, "guard missing-share: 4 of 10 workflows that were applied are missing on the service, over 30 % "
	            "(w10, w7, w8, w9); is the token for another tenant? To create them again, give "
	            "--allow-recreate\n");
	sync_with(&r, many(&r, 1, 10), &(struct cycle_options){ .apply = true, .limits.allow_recreate = true });
	assert_int_equal(r.f.count, 10);
}

/* Else they would be missing for ever, and one day too many. */
static void what_is_neither_declared_nor_there_is_forgotten(void **state)
{
	CLEANUP(run_done) struct run r = { .f.memory.on = true };

	sync_with(&r, many(&r, 1, 10), &(struct cycle_options){ .apply = true });
	fake_remove(&r.f, 612);
	fake_remove(&r.f, 613);
	sync_with(&r, many(&r, 3, 10), &(struct cycle_options){ 0 });
	assert_int_equal(r.f.memory.records.count, 10);
	sync_with(&r, many(&r, 3, 10), &(struct cycle_options){ .apply = true });
	assert_int_equal(r.f.memory.records.count, 8);
}

static void nothing_outside_of_only_is_planned_or_counted(void **state)
{
	static const char *const globs[] = { "w1*" };
	CLEANUP(run_done) struct run r = { .f.memory.on = true };
	struct cycle_options only = { .apply = true, .prune = true, .only = globs, .only_count = 1 };

	sync_with(&r, many(&r, 1, 19), &prune);
	/* Of w1 and w10 ... w19 are five to go: that is too much of eleven, though not of nineteen. */
	sync_with(&r, many(&r, 6, 14), &only);
	assert_writes(&r, "");
	assert_int_equal(r.report.owned, 11);
	assert_said(&r, "guard delete-share: 6 of 11 owned workflows would be deleted, over 30 % (w1, w15, w16, w17, "
	            "w18, w19); if that is meant, give --max-delete-percent 55\n");
	sync_with(&r, many(&r, 2, 19), &only);
	assert_writes(&r, "delete 612\n");
}

static void a_share_of_updates_is_of_what_is_meant(void **state)
{
	static const char *const globs[] = { "w1*" };
	CLEANUP(run_done) struct run r = { 0 };

	sync_with(&r, many(&r, 1, 19), &prune);
	for (int64_t id = 621; id < 624; id++)
		run_put(&r, id, "/steps/s/imageId", "2");
	sync_with(&r, many(&r, 1, 19), &(struct cycle_options){
		.apply = true, .only = globs, .only_count = 1,
		.limits = { .update_limit = true, .max_update_percent = 20 },
	});
	assert_writes(&r, "");
	assert_said(&r, "guard update-share: 3 of 11 declared workflows would be updated, over 20 %; if that is meant, "
	            "give --max-update-percent 28\n");
}

static void what_is_created_is_no_update(void **state)
{
	CLEANUP(run_done) struct run r = { 0 };
	struct cycle_options fifth = { .apply = true, .limits = { .update_limit = true, .max_update_percent = 20 } };

	run_sync(&r, many(&r, 1, 5));
	run_put(&r, 612, "/steps/s/imageId", "2");
	/* one update and five creates of ten */
	sync_with(&r, many(&r, 1, 10), &fifth);
	assert_exit(&r, 0);
	assert_int_equal(r.report.guards.items[3].message != NULL, false);
	assert_string_equal(r.report.guards.items[3].value, "1 of 10");
	assert_int_equal(r.f.count, 10);
}

/* Of w1 and w10 ... w19 none is missing; of all 24 eight are. */
static void nothing_outside_of_only_is_missing_or_forgotten(void **state)
{
	static const char *const globs[] = { "w1*" };
	CLEANUP(run_done) struct run r = { .f.memory.on = true };
	const char *specs;

	run_sync(&r, many(&r, 1, 24));
	for (int64_t id = 613; id <= 620; id++)
		fake_remove(&r.f, id);
	specs = arena_printf(&r.a, "%s%s", many(&r, 1, 1), many(&r, 10, 19));
	sync_with(&r, specs, &(struct cycle_options){ .apply = true, .only = globs, .only_count = 1 });
	assert_exit(&r, 0);
	assert_string_equal(r.report.guards.items[2].value, "0 of 11");
	/* They may be declared in another folder, which another sync reads. */
	assert_int_equal(r.f.memory.records.count, 24);
	sync_with(&r, specs, &(struct cycle_options){ .apply = true });
	assert_exit(&r, 3);
}

static void a_pattern_is_a_slip_unless_it_fits_what_is_declared_or_is_to_go(void **state)
{
	static const struct { const char *glob; bool prune; const char *said; } cases[] = {
		{ "a", false, "" }, { "gone", true, "" },
		{ "gone", false, "warning: only \"gone\": no declared workflow has such a name\nwarning: 1 workflow of ours "
		  "is no longer declared (\"gone\"); --owner default --prune would delete it; no owner was named, so another folder may "
		  "have created it: name an owner for each folder\n" },
		{ "x*", true, "warning: only \"x*\": no declared workflow has such a name\n" },
		{ "a,b", false, "warning: only \"a,b\": no declared workflow has such a name; give each name by an --only of "
		  "its own\n" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(run_done) struct run r = { 0 };
		run_sync(&r, HELLO("a", "7") "---\n" HELLO("gone", "7"));
		sync_with(&r, HELLO("a", "7"), &(struct cycle_options){
			.prune = cases[i].prune, .only = &cases[i].glob, .only_count = 1 });
		assert_said(&r, cases[i].said);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pattern_is_a_slip_unless_it_fits_what_is_declared_or_is_to_go),
		cmocka_unit_test(a_workflow_is_adopted_unless_it_is_another_owners),
		cmocka_unit_test(what_is_equal_is_marked_only_on_demand),
		cmocka_unit_test(a_list_without_tags_does_not_make_it_mark_again),
		cmocka_unit_test(what_somebody_renamed_by_hand_is_renamed_back),
		cmocka_unit_test(of_two_that_may_have_been_renamed_none_is_guessed),
		cmocka_unit_test(a_copy_by_hand_is_neither_taken_nor_deleted),
		cmocka_unit_test(of_several_of_one_name_the_one_that_is_known_is_meant),
		cmocka_unit_test(a_rename_takes_its_record_along),
		cmocka_unit_test(one_workflow_is_no_two_specs),
		cmocka_unit_test(what_is_owned_and_not_declared_goes_last),
		cmocka_unit_test(what_is_to_be_kept_is_kept_when_its_file_goes),
		cmocka_unit_test(the_keep_tag_follows_the_spec),
		cmocka_unit_test(deletes_wait_for_what_is_to_be_made),
		cmocka_unit_test(what_a_spec_calls_its_old_name_is_not_deleted),
		cmocka_unit_test(of_two_of_one_name_that_nobody_declares_none_is_guessed),
		cmocka_unit_test(it_is_looked_at_again_right_before_it_is_deleted),
		cmocka_unit_test(one_that_was_renamed_since_the_list_is_not_deleted),
		cmocka_unit_test(one_that_was_renamed_since_the_list_is_not_adopted),
		cmocka_unit_test(another_owner_may_come_between_plan_and_write),
		cmocka_unit_test(one_that_somebody_made_meanwhile_is_adopted_by_the_same_rules),
		cmocka_unit_test(what_is_no_longer_declared_is_named),
		cmocka_unit_test(of_many_that_are_no_longer_declared_five_are_named),
		cmocka_unit_test(an_orphan_under_a_changed_name_is_named_and_a_copy_is_not),
		cmocka_unit_test(a_guard_that_blocks_lets_nothing_be_written),
		cmocka_unit_test(an_empty_source_deletes_nothing),
		cmocka_unit_test(a_token_of_another_tenant_makes_nothing),
		cmocka_unit_test(what_is_neither_declared_nor_there_is_forgotten),
		cmocka_unit_test(nothing_outside_of_only_is_planned_or_counted),
		cmocka_unit_test(nothing_outside_of_only_is_missing_or_forgotten),
		cmocka_unit_test(what_is_created_is_no_update),
		cmocka_unit_test(a_share_of_updates_is_of_what_is_meant),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
