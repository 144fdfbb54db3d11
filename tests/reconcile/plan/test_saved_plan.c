#include "tests/test.h"
#include "reconcile/plan/saved_plan.h"

#include <string.h>

#include "reconcile/tree/json.h"
#include "tests/run.h"
#include "tests/tree.h"

static const unsigned char key[DIGEST_KEY_SIZE] = "this is the key of a saved plan";

static const struct node *options_of(struct arena *a, const char *json)
{
	return tree_json(a, json);
}

/* The file of a plan over specs; what the run says is that of the plan. */
static const char *save(struct run *r, const char *yaml, struct cycle_options options)
{
	CLEANUP(buf_done) struct buf text = BUF_TEXT;
	const struct specs specs = tree_specs(&r->a, yaml);
	struct err err;

	options.plan_key = key;
	run_cycle(r, &specs, &options);
	r->report.cycle_id = "c1";
	r->report.sync = "default";
	r->report.started = r->report.finished = "2024-05-31T10:00:00.000Z";
	const struct plan_target target = {
		"https://service.example", "default", options_of(&r->a, "{\"prune\":false,\"only\":[]}"),
	};
	assert_true(saved_plan_write(&r->report, key, &target, &text, &err));
	return arena_strdup(&r->a, buf_str(&text));
}

static struct saved_plan *read_plan(struct run *r, const char *text)
{
	struct saved_plan *plan = arena_new(&r->a, struct saved_plan, 1);
	struct err err = { 0 };

	if (!saved_plan_read(&r->a, "p.json", text, strlen(text), plan, &err))
		fail_msg("%s", err.msg);
	return plan;
}

/* As a sync has it. */
static struct saved_plan *plan_for(struct run *r, const char *yaml, struct cycle_options options)
{
	CLEANUP(arena_free) struct arena scratch = { 0 };
	const char *text = save(r, yaml, options);
	struct saved_plan whole;
	struct err err = { 0 };

	if (!saved_plan_read(&scratch, "p.json", text, strlen(text), &whole, &err))
		fail_msg("%s", err.msg);
	return saved_plan_copy_steps(&r->a, &whole);
}

static void apply_with(struct run *r, const struct saved_plan *plan, const char *yaml, struct cycle_options options)
{
	const struct specs specs = tree_specs(&r->a, yaml);

	options.apply = true;
	options.saved = plan;
	options.plan_key = plan->key;
	run_cycle(r, &specs, &options);
}

static void apply(struct run *r, const struct saved_plan *plan, const char *yaml)
{
	apply_with(r, plan, yaml, (struct cycle_options){ 0 });
}

static const struct cycle_options pruning = { .prune = true, .owner = "default", .limits = {
	.delete_limit = true, .max_delete_percent = 100, .allow_empty = true } };

/* ---- the file ---- */

static bool put_nowhere(void *context, const char *bytes, size_t len, uint64_t *place)
{
	*place = 0;
	return true;
}

static bool get_nothing_again(void *context, uint64_t place, size_t len, char *bytes)
{
	return false;
}

static void a_plan_whose_changes_are_lost_is_not_saved(void **state)
{
	CLEANUP(run_done) struct run r = { 0 };
	CLEANUP(buf_done) struct buf text = BUF_TEXT;
	struct report_spill spill = { put_nowhere, get_nothing_again };
	const struct plan_target target = { "https://service.example", "default", options_of(&r.a, "{}") };
	struct err err = { 0 };

	save(&r, HELLO("a", "7"), (struct cycle_options){ 0 });
	r.report.spill = &spill;
	assert_true(report_spill_step(&r.report, &r.report.steps[0]));
	assert_false(saved_plan_write(&r.report, key, &target, &text, &err));
	assert_string_equal(err.msg, "its changes cannot be read again from their temporary file");
}

static void what_is_written_is_read(void **state)
{
	CLEANUP(run_done) struct run r = { 0 };

	run_make(&r, HELLO_BODY("b", "1"));
	struct saved_plan *plan = read_plan(&r, save(&r, HELLO("a", "7") "---\n" HELLO("b", "7"),
	                                             (struct cycle_options){ 0 }));

	assert_int_equal(plan->count, 2);
	assert_string_equal(plan->steps[0].name, "a");
	assert_int_equal(plan->steps[0].action, ACTION_CREATE);
	assert_int_equal(plan->steps[0].id, 0);
	assert_string_equal(plan->steps[0].digests.observed, "");
	assert_int_equal(strlen(plan->steps[0].digests.declared), 64);
	assert_int_equal(plan->steps[1].action, ACTION_PATCH);
	assert_int_equal(plan->steps[1].id, 612);
	assert_memory_equal(plan->key, key, sizeof key);
	assert_string_equal(plan->made_for.endpoint, "https://service.example");
	assert_ptr_equal(saved_plan_find(plan, "b"), &plan->steps[1]);
	assert_null(saved_plan_find(plan, "c"));
	assert_int_equal(node_get(plan->report, "workflows")->count, 2);
}

static void white_space_and_the_order_of_keys_are_no_edit(void **state)
{
	CLEANUP(run_done) struct run r = { 0 };
	CLEANUP(buf_done) struct buf text = BUF_TEXT;
	struct node *n = tree_json(&r.a, save(&r, HELLO("a", "7"), (struct cycle_options){ 0 }));

	node_sort_keys(n);
	json_write(n, JSON_COMPACT, &text);
	read_plan(&r, buf_str(&text));
}

static void assert_refused(struct run *r, const char *text, const char *message)
{
	struct saved_plan plan;
	struct err err = { 0 };

	assert_false(saved_plan_read(&r->a, "p.json", text, strlen(text), &plan, &err));
	assert_string_equal(err.msg, message);
	assert_int_equal(err.kind, ERR_USAGE);
}

/* The document with another value, and, with sealed, with the digest of what it is then. */
static const char *edit(struct run *r, const char *text, const char *pointer, const char *json, bool sealed)
{
	struct node *n = tree_json(&r->a, text);
	const char *slash = strrchr(pointer, '/');
	struct node *above = node_at(n, arena_strndup(&r->a, pointer, (size_t)(slash - pointer)));

	if (json)
		node_put(&r->a, above, slash + 1, tree_json(&r->a, json));
	else
		node_drop(above, slash + 1);
	if (sealed)
		node_put(&r->a, n, "digest", node_text(&r->a, saved_plan_digest(&r->a, n)));
	return tree_text(&r->a, n);
}

#define EDITED	"p.json: the plan was edited or damaged: its digest is not that of its content; make a new plan"

static void an_edited_plan_is_refused(void **state)
{
	static const struct { const char *pointer, *json; } edits[] = {
		{ "/made_for/owner", "\"other\"" }, { "/made_for/options/prune", "true" }, { "/created", "\"now\"" },
		{ "/steps/0/name", "\"b\"" }, { "/steps/0/action", "\"delete\"" }, { "/report/exit_code", "3" },
		{ "/more", "1" }, { "/key", "\"00\"" }, { "/digest", "\"00\"" }, { "/digest", NULL }, { "/key", NULL },
	};
	CLEANUP(run_done) struct run r = { 0 };
	const char *text = save(&r, HELLO("a", "7"), (struct cycle_options){ 0 });

	for (size_t i = 0; i < ARRAY_LEN(edits); i++)
		assert_refused(&r, edit(&r, text, edits[i].pointer, edits[i].json, false), EDITED);
}

static void what_is_no_plan_is_refused(void **state)
{
	static const struct { const char *text, *message; } cases[] = {
		{ "", "p.json:1:1: nothing, where JSON was expected" },
		{ "{\n  \"plan_version\": 1,\n  \"x", "p.json:3:5: not JSON: it ends inside a string" },
		{ "{\n  \"plan_version\": 1,\n", "p.json:3:1: not JSON: it ends too early" },
		{ "[]", "p.json: this is no saved plan, as it has no plan_version; flowsync plan --out makes one" },
		{ "{\"report_version\":1}", "p.json: this is no saved plan, as it has no plan_version; flowsync plan --out makes "
		  "one" },
		{ "{\"plan_version\":2}", "p.json: plan_version 2 is not known to this flowsync, which knows 1: apply the plan "
		  "with the flowsync that made it, or make a new one" },
		{ "{\"plan_version\":\"1\"}", "p.json: /plan_version is no version of a saved plan" },
		{ "{\"plan_version\":1}", EDITED },
	};
	CLEANUP(run_done) struct run r = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_refused(&r, cases[i].text, cases[i].message);
}

/* Whoever can write the file can also give it its digest: what is read is checked all the same. */
static void a_forged_plan_is_refused(void **state)
{
	static const struct { const char *pointer, *json, *message; } forged[] = {
		{ "/plan_version", "2", "plan_version 2 is not known to this flowsync, which knows 1: apply the plan with the "
		  "flowsync that made it, or make a new one" },
		{ "/key", "\"00\"", "/key is no key of a plan" },
		{ "/key", "7", "/key is a number, expected a text" },
		{ "/created", NULL, "/created is missing" },
		{ "/steps", "{}", "/steps is a mapping, expected a list" },
		{ "/steps/0/name", "null", "/steps/0/name is nothing, expected a text" },
		{ "/steps/0/action", "\"none\"", "/steps/0/action does not fit the plan" },
		{ "/steps/0/action", "\"delete\"", "/steps/0/declared does not fit the plan" },
		{ "/steps/0/declared", "\"00\"", "/steps/0/declared does not fit the plan" },
		{ "/steps/0/declared", "null", "/steps/0/declared does not fit the plan" },
		{ "/steps/0/observed", "\"00\"", "/steps/0/observed does not fit the plan" },
		{ "/steps/0/name", "\"b\"", "the plan has two steps for \"b\"" },
		{ "/made_for/options", "[]", "/made_for/options is a list, expected a mapping" },
		{ "/report", NULL, "/report is missing" },
		{ "/report/workflows", "7", "/report: /workflows is a number, expected a list" },
	};
	CLEANUP(run_done) struct run r = { 0 };
	const char *text = save(&r, HELLO("a", "7") "---\n" HELLO("b", "7"), (struct cycle_options){ 0 });

	for (size_t i = 0; i < ARRAY_LEN(forged); i++)
		assert_refused(&r, edit(&r, text, forged[i].pointer, forged[i].json, true),
		               arena_printf(&r.a, "p.json: %s", forged[i].message));
}

static void a_plan_is_for_one_endpoint_owner_and_options(void **state)
{
	static const struct { const char *endpoint, *owner, *options, *message; } cases[] = {
		{ "https://service.example", "default", "{\"only\":[],\"prune\":false}", NULL },
		{ NULL, "default", "{\"only\":[],\"prune\":false}", NULL },
		{ "https://other.example", "default", "{\"only\":[],\"prune\":false}",
		  "the endpoint https://service.example, and this sync has https://other.example" },
		{ NULL, "b", "{\"only\":[],\"prune\":false}", "the owner default, and this sync has b" },
		{ NULL, "default", "{\"only\":[],\"prune\":true}", "prune false, and this sync has true" },
		{ NULL, "default", "{\"only\":[\"a\"],\"prune\":false}", "only [], and this sync has [\"a\"]" },
		{ NULL, "default", "{\"only\":[],\"prune\":false,\"new\":1}", "new not set, and this sync has 1" },
		{ NULL, "default", "{\"only\":[]}", "prune false, and this sync has no such option" },
	};
	CLEANUP(run_done) struct run r = { 0 };
	const struct saved_plan *plan = plan_for(&r, HELLO("a", "7"), (struct cycle_options){ 0 });

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct plan_target target = {
			cases[i].endpoint, cases[i].owner, options_of(&r.a, cases[i].options),
		};
		struct err err = { 0 };
		assert_int_equal(saved_plan_fits(plan, &target, &err), !cases[i].message);
		if (!cases[i].message)
			continue;
		assert_int_equal(err.kind, ERR_USAGE);
		assert_string_equal(err.msg, arena_printf(&r.a, "the plan was made for %s: give what the plan was made for, or "
		                                          "make a new plan", cases[i].message));
	}
}

/* ---- the digests ---- */

#define SECRET(value)	"name: a\nsteps: {s: {imageId: 1, command: c, parameters: {env: {MY_TOKEN: " value "}}}}\n"

static void no_secret_is_in_the_file_and_a_changed_one_is_noticed(void **state)
{
	CLEANUP(run_done) struct run r = { 0 };
	const char *text = save(&r, SECRET("canary-1"), (struct cycle_options){ 0 });
	const struct saved_plan *plan = read_plan(&r, text);

	assert_null(strstr(text, "canary-1"));
	apply(&r, plan, SECRET("canary-2"));
	assert_steps(&r, "a create conflict: stale: its spec is not the one of the plan\n");
	assert_writes(&r, "");
}

static void another_key_gives_other_digests(void **state)
{
	CLEANUP(run_done) struct run r = { 0 };
	const struct specs specs = tree_specs(&r.a, HELLO("a", "7"));
	static const unsigned char other[DIGEST_KEY_SIZE] = "another key";

	run_cycle(&r, &specs, &(struct cycle_options){ .plan_key = key });
	const struct step_digests one = *r.report.steps[0].digests;
	run_cycle(&r, &specs, &(struct cycle_options){ .plan_key = other });
	assert_string_not_equal(one.declared, r.report.steps[0].digests->declared);
}

/* ---- what is applied ---- */

static void a_plan_is_applied(void **state)
{
	CLEANUP(run_done) struct run r = { 0 };
	const char *before = HELLO("old", "1") "---\n" HELLO("b", "1"), *after = HELLO("a", "7") "---\n" HELLO("b", "7");

	run_sync(&r, before);
	const struct saved_plan *plan = plan_for(&r, after, pruning);
	assert_steps(&r, "a create planned\nb patch planned\nold delete planned\n");
	assert_writes(&r, "");
	apply_with(&r, plan, after, pruning);
	assert_steps(&r, "a create applied\nb patch applied\nold delete applied\n");
	assert_exit(&r, 0);
	assert_int_equal(r.f.count, 2);
}

/* What the second run says: nothing is left to do. */
static void a_plan_that_is_applied_again_does_nothing(void **state)
{
	CLEANUP(run_done) struct run r = { 0 };
	const char *after = HELLO("a", "7") "---\n" HELLO("b", "7");

	run_sync(&r, HELLO("old", "1") "---\n" HELLO("b", "1"));
	const struct saved_plan *plan = plan_for(&r, after, pruning);
	apply_with(&r, plan, after, pruning);
	apply_with(&r, plan, after, pruning);
	assert_steps(&r, "a none unchanged\nb none unchanged\n");
	assert_writes(&r, "");
	assert_exit(&r, 0);
}

static void a_plan_that_failed_in_part_is_applied_again(void **state)
{
	CLEANUP(run_done) struct run r = { 0 };
	const char *yaml = HELLO("a", "7") "---\n" HELLO("b", "7");

	run_make(&r, HELLO_BODY("a", "1"));
	run_make(&r, HELLO_BODY("b", "1"));
	const struct saved_plan *plan = plan_for(&r, yaml, (struct cycle_options){ 0 });
	r.f.faults[0] = (struct fake_fault){ .operation = OP_UPDATE, .id = 613, .times = 1, .status = 422 };
	apply(&r, plan, yaml);
	assert_int_equal(r.report.steps[1].result, RESULT_FAILED);
	apply(&r, plan, yaml);
	assert_steps(&r, "a none unchanged\nb patch applied\n");
}

static void a_stale_spec_is_named_and_the_others_are_applied(void **state)
{
	CLEANUP(run_done) struct run r = { 0 };
	const struct saved_plan *plan = plan_for(&r, HELLO("a", "7") "---\n" HELLO("b", "7"), (struct cycle_options){ 0 });

	apply(&r, plan, HELLO("a", "8") "---\n" HELLO("b", "7"));
	assert_steps(&r, "a create conflict: stale: its spec is not the one of the plan\nb create applied\n");
	assert_exit(&r, 5);
	assert_true(r.report.steps[0].stale);
	assert_false(r.report.steps[1].stale);
}

static void another_spec_is_stale_even_if_nothing_is_left_to_do(void **state)
{
	CLEANUP(run_done) struct run r = { 0 };

	run_make(&r, HELLO_BODY("a", "1"));
	const struct saved_plan *plan = plan_for(&r, HELLO("a", "7"), (struct cycle_options){ 0 });
	apply(&r, plan, HELLO("a", "1"));
	assert_steps(&r, "a none conflict: stale: its spec is not the one of the plan\n");
}

/* Each of these decides what is written, and is no part of the body. */
static void the_block_of_a_spec_belongs_to_it(void **state)
{
	static const char *const blocks[] = {
		"flowsync: {prune: false}\n", "flowsync: {ignore: [/steps/greet/command]}\n", "flowsync: {renamed_from: z}\n",
	};

	for (size_t i = 0; i < ARRAY_LEN(blocks); i++) {
		CLEANUP(run_done) struct run r = { 0 };
		run_make(&r, HELLO_BODY("a", "1"));
		const struct saved_plan *plan = plan_for(&r, HELLO("a", "7"), (struct cycle_options){ 0 });
		apply(&r, plan, arena_printf(&r.a, "%s%s", blocks[i], HELLO("a", "7")));
		assert_steps(&r, "a patch conflict: stale: its spec is not the one of the plan\n");
		assert_writes(&r, "");
	}
}

static void a_suspended_spec_is_stale(void **state)
{
	CLEANUP(run_done) struct run r = { 0 };
	const struct saved_plan *plan = plan_for(&r, HELLO("a", "7"), (struct cycle_options){ 0 });

	apply(&r, plan, "flowsync: {suspend: true}\n" HELLO("a", "7"));
	assert_steps(&r, "a none conflict: stale: its spec says suspend: true now\n");
	assert_exit(&r, 5);
}

static void a_workflow_that_changed_on_the_service_is_stale(void **state)
{
	static const struct { const char *pointer, *json; } changes[] = {
		{ "/steps/greet/command", "\"other\"" },	/* a declared value */
		{ "/tags", "[{\"name\":\"x\"}]" },		/* one that no spec has */
		{ "/steps/more", "{\"imageId\":1,\"command\":\"c\"}" },
		{ "/tags", "[{\"name\":\"flowsync-default\"}]" },
	};

	for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
		CLEANUP(run_done) struct run r = { 0 };
		run_make(&r, HELLO_BODY("a", "1"));
		const struct saved_plan *plan = plan_for(&r, HELLO("a", "7"), (struct cycle_options){ 0 });
		run_put(&r, 612, changes[i].pointer, changes[i].json);
		apply(&r, plan, HELLO("a", "7"));
		assert_int_equal(r.report.steps[0].result, RESULT_CONFLICT);
		assert_string_equal(r.report.steps[0].error, "stale: it changed on the service since the plan");
		assert_writes(&r, "");
		assert_exit(&r, 5);
	}
}

/* What the service sets by itself is no change. */
static void an_execution_makes_nothing_stale(void **state)
{
	CLEANUP(run_done) struct run r = { 0 };

	run_make(&r, HELLO_BODY("a", "1"));
	const struct saved_plan *plan = plan_for(&r, HELLO("a", "7"), (struct cycle_options){ 0 });
	run_put(&r, 612, "/status", "\"Running\"");
	run_put(&r, 612, "/updatedAt", "\"2030-01-01T00:00:00.000Z\"");
	run_put(&r, 612, "/lastExecution", "{\"status\":\"Running\"}");
	r.f.shuffles = true;
	apply(&r, plan, HELLO("a", "7"));
	assert_steps(&r, "a patch applied\n");
}

static void change_before_the_check(struct fake *f, const struct request *request)
{
	struct fake_workflow *w = fake_find(f, 612);

	/* The first description is that of the plan, the second one that right before the update. */
	if (request->operation == OP_DESCRIBE && w && f->turns++ == 1)
		node_put(&f->arena, node_at(w->shown, "/steps/greet"), "command", node_text(&f->arena, "by hand"));
}

static void a_change_between_the_plan_and_the_update_is_noticed(void **state)
{
	CLEANUP(run_done) struct run r = { 0 };

	run_make(&r, HELLO_BODY("a", "1"));
	const struct saved_plan *plan = plan_for(&r, HELLO("a", "7"), (struct cycle_options){ 0 });
	r.f.turns = 0;
	r.f.meanwhile = change_before_the_check;
	apply(&r, plan, HELLO("a", "7"));
	assert_steps(&r, "a patch conflict: stale: it changed on the service since the plan\n");
	assert_writes(&r, "");
	assert_exit(&r, 5);
}

static void remove_before_the_check(struct fake *f, const struct request *request)
{
	if (request->operation == OP_DESCRIBE && f->turns++ == 1)
		fake_remove(f, 612);
}

static void what_is_deleted_meanwhile_is_not_created_again(void **state)
{
	CLEANUP(run_done) struct run r = { 0 };

	run_make(&r, HELLO_BODY("a", "1"));
	const struct saved_plan *plan = plan_for(&r, HELLO("a", "7"), (struct cycle_options){ 0 });
	r.f.turns = 0;
	r.f.meanwhile = remove_before_the_check;
	apply(&r, plan, HELLO("a", "7"));
	assert_steps(&r, "a create conflict: stale: it was deleted from the service since the plan\n");
	assert_writes(&r, "");
}

static void a_workflow_that_was_deleted_is_stale(void **state)
{
	CLEANUP(run_done) struct run r = { 0 };

	run_make(&r, HELLO_BODY("a", "1"));
	const struct saved_plan *plan = plan_for(&r, HELLO("a", "7"), (struct cycle_options){ 0 });
	fake_remove(&r.f, 612);
	apply(&r, plan, HELLO("a", "7"));
	assert_steps(&r, "a create conflict: stale: it was deleted from the service since the plan\n");
	assert_writes(&r, "");
}

static void another_workflow_of_the_name_is_stale(void **state)
{
	CLEANUP(run_done) struct run r = { 0 };

	run_make(&r, HELLO_BODY("a", "1"));
	const struct saved_plan *plan = plan_for(&r, HELLO("a", "7"), (struct cycle_options){ 0 });
	fake_remove(&r.f, 612);
	run_make(&r, HELLO_BODY("a", "1"));
	apply(&r, plan, HELLO("a", "7"));
	assert_steps(&r, "a patch conflict: stale: it changed on the service since the plan\n");
	assert_writes(&r, "");
}

static void a_workflow_that_was_created_meanwhile_is_stale_unless_it_is_equal(void **state)
{
	CLEANUP(run_done) struct run r = { 0 };
	const char *yaml = HELLO("a", "7") "---\n" HELLO("b", "7");
	const struct saved_plan *plan = plan_for(&r, yaml, (struct cycle_options){ 0 });

	run_make(&r, HELLO_BODY("a", "7"));
	run_make(&r, HELLO_BODY("b", "1"));
	apply(&r, plan, yaml);
	assert_steps(&r, "a none unchanged\nb patch conflict: stale: a workflow of this name was created since the plan\n");
	assert_writes(&r, "");
}

static void create_before_the_create(struct fake *f, const struct request *request)
{
	CLEANUP(arena_free) struct arena a = { 0 };

	if (request->operation == OP_LIST && f->turns++ == 1)
		fake_make(f, tree_json(&a, HELLO_BODY("a", "1")));
}

static void one_that_is_created_right_before_the_create_is_left_alone(void **state)
{
	CLEANUP(run_done) struct run r = { 0 };
	const struct saved_plan *plan = plan_for(&r, HELLO("a", "7"), (struct cycle_options){ 0 });

	r.f.turns = 0;
	r.f.meanwhile = create_before_the_create;
	apply(&r, plan, HELLO("a", "7"));
	assert_steps(&r, "a patch conflict: stale: a workflow of this name was created since the plan\n");
	assert_writes(&r, "");
}

/* Without the record of what was applied, a key that the plan removes would silently stay. */
static void other_changes_than_those_of_the_plan_are_not_made(void **state)
{
	CLEANUP(run_done) struct run r = { 0 };
	const char *before = "name: a\nsteps: {greet: {imageId: 7, command: run, parameters: {env: {A: b}}}}\n";

	r.f.memory.on = true;
	run_sync(&r, before);
	const struct saved_plan *plan = plan_for(&r, HELLO("a", "8"), (struct cycle_options){ 0 });
	r.f.memory.on = false;
	apply(&r, plan, HELLO("a", "8"));
	assert_int_equal(r.report.steps[0].result, RESULT_CONFLICT);
	assert_non_null(strstr(r.report.steps[0].error, "stale: other changes would be made than the plan shows"));
	assert_writes(&r, "");
	r.f.memory.on = true;
	apply(&r, plan, HELLO("a", "8"));
	assert_int_equal(r.report.steps[0].result, RESULT_APPLIED);
}

static void what_is_not_in_the_plan_is_left_alone_and_counted(void **state)
{
	CLEANUP(run_done) struct run r = { 0 };
	const char *more = HELLO("a", "7") "---\n" HELLO("b", "7") "---\n" HELLO("c", "7") "---\n" HELLO("d", "7");

	run_sync(&r, HELLO("old", "1") "---\n" HELLO("d", "7"));
	const struct saved_plan *plan = plan_for(&r, HELLO("a", "7") "---\n" HELLO("old", "1") "---\n" HELLO("d", "7"), pruning);
	run_make(&r, HELLO_BODY("c", "1"));
	apply_with(&r, plan, more, pruning);
	assert_steps(&r, "a create applied\nb create unplanned\nc patch unplanned\nd none unchanged\nold delete unplanned\n");
	assert_said(&r, "warning: 3 workflows would be changed by a sync, but not by this plan, and are left alone: \"b\", "
	            "\"c\", \"old\"\nwarning: workflow \"c\" has no record of an earlier apply: keys removed from the spec "
	            "cannot be detected\n");
	assert_exit(&r, 0);
	assert_int_equal(r.f.count, 4);
}

static void a_spec_that_is_gone_is_stale(void **state)
{
	CLEANUP(run_done) struct run r = { 0 };
	const struct saved_plan *plan = plan_for(&r, HELLO("a", "7") "---\n" HELLO("b", "7"), (struct cycle_options){ 0 });

	apply(&r, plan, HELLO("b", "7"));
	assert_steps(&r, "b create applied\na create conflict: stale: it is no longer declared\n");
	assert_exit(&r, 5);
}

/* ---- deletes ---- */

static void a_workflow_to_delete_is_as_it_was(void **state)
{
	CLEANUP(run_done) struct run r = { 0 };

	run_sync(&r, HELLO("old", "1") "---\n" HELLO("b", "1"));
	const struct saved_plan *plan = plan_for(&r, HELLO("b", "1"), pruning);
	run_put(&r, 612, "/steps/greet/command", "\"other\"");
	apply_with(&r, plan, HELLO("b", "1"), pruning);
	assert_steps(&r, "b none unchanged\nold delete conflict: stale: it changed on the service since the plan\n");
	assert_writes(&r, "");
	assert_exit(&r, 5);
}

static void a_delete_of_what_is_declared_again_or_kept_is_stale(void **state)
{
	CLEANUP(run_done) struct run r = { 0 };

	run_sync(&r, HELLO("old", "1") "---\n" HELLO("b", "1"));
	const struct saved_plan *plan = plan_for(&r, HELLO("b", "1"), pruning);
	apply_with(&r, plan, HELLO("b", "1") "---\n" HELLO("old", "1"), pruning);
	assert_steps(&r, "b none unchanged\nold none conflict: stale: the plan deletes it, and it is declared again\n");
	run_put(&r, 612, "/tags", "[]");
	apply_with(&r, plan, HELLO("b", "1"), pruning);
	assert_steps(&r, "b none unchanged\nold delete conflict: stale: it is no longer one to delete: its name or its tags "
	             "changed, or a spec has it as renamed_from\n");
	run_put(&r, 612, "/name", "\"new\"");
	apply_with(&r, plan, HELLO("b", "1"), pruning);
	assert_exit(&r, 5);
	assert_int_equal(r.f.count, 2);
}

/* A lost state or an invalid spec turns pruning off: then a delete of the plan is not done, and that is said. */
static void a_delete_that_may_not_be_done_now_is_deferred(void **state)
{
	CLEANUP(run_done) struct run r = { 0 };
	struct cycle_options options = pruning;

	run_sync(&r, HELLO("old", "1") "---\n" HELLO("b", "1"));
	const struct saved_plan *plan = plan_for(&r, HELLO("b", "1") "---\n" HELLO("c", "1"), pruning);
	options.prune = false;
	apply_with(&r, plan, HELLO("b", "1") "---\n" HELLO("c", "1"), options);
	assert_steps(&r, "b none unchanged\nc create applied\n"
	             "old delete deferred: nothing is deleted in this sync: see its warnings\n");
	assert_exit(&r, 4);
	fake_remove(&r.f, 614);
	options = pruning;
	options.hold = true;
	apply_with(&r, plan, HELLO("b", "1") "---\n" HELLO("c", "1"), options);
	assert_steps(&r, "b none unchanged\nc create deferred: the source could not be read\n"
	             "old delete deferred: the source could not be read\n");
	assert_writes(&r, "");
}

static void a_plan_names_no_delete_of_what_vanished_or_is_no_longer_ours(void **state)
{
	for (int i = 0; i < 2; i++) {
		CLEANUP(run_done) struct run r = { 0 };
		run_sync(&r, HELLO("old", "1") "---\n" HELLO("b", "1"));
		if (i)
			r.f.faults[0] = (struct fake_fault){ .operation = OP_DESCRIBE, .id = 612, .times = 1, .status = 404 };
		else
			r.f.faults[0] = (struct fake_fault){ .operation = OP_DESCRIBE, .id = 612, .times = 9, .status = 403 };
		const struct saved_plan *plan = plan_for(&r, HELLO("b", "1"), pruning);
		assert_int_equal(plan->count, 0);
		assert_int_equal(r.report.steps[1].result, i ? RESULT_UNCHANGED : RESULT_FAILED);
	}
}

/* A create that is not in the plan will not succeed in this sync. */
static void a_delete_does_not_wait_for_a_create_that_is_left_alone(void **state)
{
	CLEANUP(run_done) struct run r = { 0 };

	run_sync(&r, HELLO("old", "1") "---\n" HELLO("b", "1"));
	const struct saved_plan *plan = plan_for(&r, HELLO("b", "1"), pruning);
	apply_with(&r, plan, HELLO("b", "1") "---\n" HELLO("new", "1"), pruning);
	assert_steps(&r, "b none unchanged\nnew create unplanned\nold delete applied\n");
	assert_exit(&r, 0);
}

static void a_delete_waits_for_a_create_that_is_stale(void **state)
{
	CLEANUP(run_done) struct run r = { 0 };

	run_sync(&r, HELLO("old", "1") "---\n" HELLO("b", "1"));
	const struct saved_plan *plan = plan_for(&r, HELLO("b", "1") "---\n" HELLO("new", "1"), pruning);
	apply_with(&r, plan, HELLO("b", "1") "---\n" HELLO("new", "2"), pruning);
	assert_int_equal(r.report.steps[1].result, RESULT_CONFLICT);
	assert_int_equal(r.report.steps[2].result, RESULT_DEFERRED);
	assert_writes(&r, "");
}

/* What looks undeclared may be what the plan creates or renames. */
static void a_delete_waits_for_a_create_or_a_rename_that_is_no_longer_made(void **state)
{
	static const struct { const char *plan, *now; } cases[] = {
		{ HELLO("b", "1") "---\n" HELLO("new", "1"), HELLO("b", "1") },
		{ HELLO("b", "1") "---\n" HELLO("new", "1"),
		  HELLO("b", "1") "---\n" HELLO("new", "1") "flowsync: {suspend: true}\n" },
		{ HELLO("new", "1") "flowsync: {renamed_from: b}\n", HELLO("other", "1") },
		{ HELLO("new", "1") "flowsync: {renamed_from: b}\n",
		  HELLO("new", "1") "flowsync: {renamed_from: b, suspend: true}\n" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(run_done) struct run r = { 0 };
		run_sync(&r, HELLO("old", "1") "---\n" HELLO("b", "1"));
		const struct saved_plan *plan = plan_for(&r, cases[i].plan, pruning);
		apply_with(&r, plan, cases[i].now, pruning);
		assert_writes(&r, "");
		assert_exit(&r, 5);
	}
}

/* It would fail in any sync. */
static void what_fails_and_is_not_in_the_plan_is_not_hidden(void **state)
{
	CLEANUP(run_done) struct run r = { 0 };

	run_sync(&r, HELLO("a", "1") "---\n" HELLO("b", "1"));
	r.f.faults[0] = (struct fake_fault){ .operation = OP_DESCRIBE, .id = 612, .times = 9, .status = 403 };
	const struct saved_plan *plan = plan_for(&r, HELLO("a", "2") "---\n" HELLO("b", "2"), (struct cycle_options){ 0 });
	assert_int_equal(plan->count, 1);
	apply(&r, plan, HELLO("a", "2") "---\n" HELLO("b", "2"));
	assert_int_equal(r.report.steps[0].result, RESULT_FAILED);
	assert_int_equal(r.report.steps[1].result, RESULT_APPLIED);
	assert_exit(&r, 4);
}

/* ---- guards ---- */

static void the_guards_are_checked_again(void **state)
{
	CLEANUP(run_done) struct run r = { 0 };
	struct cycle_options careful = { .prune = true, .owner = "default" };

	run_sync(&r, HELLO("x", "1") "---\n" HELLO("y", "1") "---\n" HELLO("b", "1"));
	const struct saved_plan *plan = plan_for(&r, HELLO("b", "1"), pruning);
	apply_with(&r, plan, HELLO("b", "1"), careful);
	assert_steps(&r, "b none unchanged\nx delete blocked\ny delete blocked\n");
	assert_exit(&r, 3);
	assert_writes(&r, "");
}

/* A guard counts what the plan would do, not what a sync would do. */
static void the_guards_count_the_steps_of_the_plan(void **state)
{
	CLEANUP(run_done) struct run r = { 0 };
	struct cycle_options careful = { .prune = true, .owner = "default" };

	run_sync(&r, HELLO("x", "1") "---\n" HELLO("y", "1") "---\n" HELLO("b", "1"));
	const struct saved_plan *plan = plan_for(&r, HELLO("x", "1") "---\n" HELLO("b", "1"), careful);
	assert_int_equal(plan->count, 1);
	apply_with(&r, plan, HELLO("b", "1"), careful);
	assert_steps(&r, "b none unchanged\nx delete unplanned\ny delete applied\n");
	assert_exit(&r, 0);
}

/* ---- with a state ---- */

static void a_look_of_an_earlier_cycle_does_not_stand_for_a_description(void **state)
{
	CLEANUP(run_done) struct run r = { 0 };

	r.f.memory.on = true;
	r.f.dates = true;
	r.f.stamps = FAKE_STAMP_WRITE;
	run_sync(&r, HELLO("a", "1"));
	r.f.now += 10000;
	run_sync(&r, HELLO("a", "1"));
	const struct saved_plan *plan = plan_for(&r, HELLO("a", "7"), (struct cycle_options){ 0 });
	run_put(&r, 612, "/steps/greet/command", "\"other\"");	/* and its stamp stays */
	apply(&r, plan, HELLO("a", "7"));
	assert_steps(&r, "a patch conflict: stale: it changed on the service since the plan\n");
	assert_writes(&r, "");
}

/* By a look the workflow is as the spec says; that it is another spec than that of the plan would not be seen. */
static void a_look_does_not_hide_that_the_spec_is_another(void **state)
{
	CLEANUP(run_done) struct run r = { 0 };
	const struct specs specs = tree_specs(&r.a, HELLO("a", "1"));

	r.f.memory.on = r.f.dates = true;
	r.f.stamps = FAKE_STAMP_WRITE;
	run_sync(&r, HELLO("a", "1"));
	r.f.now += 10000;
	run_sync(&r, HELLO("a", "1"));
	run_cycle(&r, &specs, &(struct cycle_options){ .observe_all_ms = 3600000 });
	assert_int_equal(r.report.by_operation[OP_DESCRIBE], 0);
	const struct saved_plan *plan = plan_for(&r, HELLO("a", "7"), (struct cycle_options){ 0 });
	apply_with(&r, plan, HELLO("a", "1"), (struct cycle_options){ .observe_all_ms = 3600000 });
	assert_steps(&r, "a none conflict: stale: its spec is not the one of the plan\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_read),
		cmocka_unit_test(a_plan_whose_changes_are_lost_is_not_saved),
		cmocka_unit_test(white_space_and_the_order_of_keys_are_no_edit),
		cmocka_unit_test(an_edited_plan_is_refused),
		cmocka_unit_test(what_is_no_plan_is_refused),
		cmocka_unit_test(a_forged_plan_is_refused),
		cmocka_unit_test(a_plan_is_for_one_endpoint_owner_and_options),
		cmocka_unit_test(no_secret_is_in_the_file_and_a_changed_one_is_noticed),
		cmocka_unit_test(another_key_gives_other_digests),
		cmocka_unit_test(a_plan_is_applied),
		cmocka_unit_test(a_plan_that_is_applied_again_does_nothing),
		cmocka_unit_test(a_plan_that_failed_in_part_is_applied_again),
		cmocka_unit_test(a_stale_spec_is_named_and_the_others_are_applied),
		cmocka_unit_test(another_spec_is_stale_even_if_nothing_is_left_to_do),
		cmocka_unit_test(the_block_of_a_spec_belongs_to_it),
		cmocka_unit_test(a_suspended_spec_is_stale),
		cmocka_unit_test(a_workflow_that_changed_on_the_service_is_stale),
		cmocka_unit_test(an_execution_makes_nothing_stale),
		cmocka_unit_test(a_change_between_the_plan_and_the_update_is_noticed),
		cmocka_unit_test(what_is_deleted_meanwhile_is_not_created_again),
		cmocka_unit_test(a_workflow_that_was_deleted_is_stale),
		cmocka_unit_test(another_workflow_of_the_name_is_stale),
		cmocka_unit_test(a_workflow_that_was_created_meanwhile_is_stale_unless_it_is_equal),
		cmocka_unit_test(one_that_is_created_right_before_the_create_is_left_alone),
		cmocka_unit_test(other_changes_than_those_of_the_plan_are_not_made),
		cmocka_unit_test(what_is_not_in_the_plan_is_left_alone_and_counted),
		cmocka_unit_test(a_spec_that_is_gone_is_stale),
		cmocka_unit_test(a_workflow_to_delete_is_as_it_was),
		cmocka_unit_test(a_delete_of_what_is_declared_again_or_kept_is_stale),
		cmocka_unit_test(a_delete_that_may_not_be_done_now_is_deferred),
		cmocka_unit_test(a_plan_names_no_delete_of_what_vanished_or_is_no_longer_ours),
		cmocka_unit_test(a_delete_does_not_wait_for_a_create_that_is_left_alone),
		cmocka_unit_test(a_delete_waits_for_a_create_that_is_stale),
		cmocka_unit_test(a_delete_waits_for_a_create_or_a_rename_that_is_no_longer_made),
		cmocka_unit_test(what_fails_and_is_not_in_the_plan_is_not_hidden),
		cmocka_unit_test(the_guards_are_checked_again),
		cmocka_unit_test(the_guards_count_the_steps_of_the_plan),
		cmocka_unit_test(a_look_of_an_earlier_cycle_does_not_stand_for_a_description),
		cmocka_unit_test(a_look_does_not_hide_that_the_spec_is_another),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
