#include "tests/test.h"
#include "reconcile/plan/explanation.h"

#include <string.h>

#include "tests/run.h"
#include "tests/tree.h"

#define SPEC	"name: w\nsteps:\n  s:\n    imageId: 7\n    command: run\n    stepTimeout: 30\n"

static const char *shown(struct run *r, const struct node *n)
{
	return n ? tree_text(&r->a, n) : "-";
}

/* "PATH rule: declared observed recorded" of the fields whose path begins so, a line each. */
static const char *explained(struct run *r, const char *yaml, struct cycle_options options, const char *below)
{
	const struct specs specs = tree_specs(&r->a, yaml);
	struct explanation x = { .arena = &r->a };
	const char *text = "";

	options.explanation = &x;
	run_cycle(r, &specs, &options);
	assert_true(x.taken);
	for (size_t i = 0; i < x.count; i++) {
		const struct explained_field *f = &x.fields[i];
		if (strncmp(f->path, below, strlen(below)) == 0)
			text = arena_printf(&r->a, "%s%s %s: %s %s %s\n", text, f->path, rule_word(f->rule), shown(r, f->declared),
			                    shown(r, f->observed), shown(r, f->recorded));
	}
	return text;
}

#define assert_explained(r, yaml, below, want)	\
	assert_string_equal(explained(r, yaml, (struct cycle_options){ 0 }, below), want)

static void a_new_workflow_is_created(void **state)
{
	CLEANUP(run_done) struct run r = { 0 };

	assert_explained(&r, SPEC, "/steps", "/steps/s/type declared: \"standard\" - -\n"
	                 "/steps/s/imageId declared: 7 - -\n/steps/s/command declared: \"run\" - -\n"
	                 "/steps/s/stepTimeout declared: 30 - -\n");
	assert_writes(&r, "");
}

static void each_side_has_its_value_and_the_reason_is_that_of_the_plan(void **state)
{
	CLEANUP(run_done) struct run r = { .f.memory.on = true };

	run_sync(&r, SPEC);
	assert_explained(&r, SPEC, "/steps/s/command", "/steps/s/command equal: \"run\" \"run\" \"run\"\n");
	run_put(&r, r.f.items[0].id, "/steps/s/command", "\"by hand\"");
	assert_explained(&r, SPEC, "/steps/s/command", "/steps/s/command drift: \"run\" \"by hand\" \"run\"\n");
	assert_explained(&r, "name: w\nsteps:\n  s:\n    imageId: 8\n    command: run\n", "/steps/s/",
	                 "/steps/s/type equal: \"standard\" \"standard\" \"standard\"\n"
	                 "/steps/s/imageId declared: 8 7 7\n/steps/s/command drift: \"run\" \"by hand\" \"run\"\n"
	                 "/steps/s/stepTimeout undeclared: - 30 30\n"
	                 "/steps/s/clearImageCache default: - false -\n"
	                 "/steps/s/resources/instanceTypeId default: - 21 -\n"
	                 "/steps/s/resources/storage default: - \"10 GB\" -\n/steps/s/parents default: - [] -\n");
}

static void what_nobody_declared_is_kept_and_defaults_are_named(void **state)
{
	CLEANUP(run_done) struct run r = { .f.memory.on = true };

	run_sync(&r, SPEC);
	run_put(&r, r.f.items[0].id, "/steps/s/clearImageCache", "true");
	assert_explained(&r, SPEC, "/steps/s/clearImageCache", "/steps/s/clearImageCache kept: - true -\n");
	run_put(&r, r.f.items[0].id, "/steps/s/clearImageCache", "false");
	assert_explained(&r, SPEC, "/steps/s/clearImageCache", "/steps/s/clearImageCache default: - false -\n");
	run_put(&r, r.f.items[0].id, "/steps/x", "{\"type\":\"standard\",\"imageId\":1,\"command\":\"c\"}");
	assert_explained(&r, SPEC, "/steps/x/imageId", "/steps/x/imageId drift: - 1 -\n");
}

static void settled_and_refused_values_are_told_apart(void **state)
{
	CLEANUP(run_done) struct run r = { .f = {
		.memory.on = true, .habits = { { "/steps/s/command", "\"sh -c run\"" }, { "/steps/s/stepTimeout", "9" } },
	} };

	run_sync(&r, SPEC);
	assert_explained(&r, SPEC, "/steps/s/command", "/steps/s/command settled: \"run\" \"sh -c run\" \"run\"\n");
	assert_explained(&r, SPEC, "/steps/s/stepTimeout", "/steps/s/stepTimeout refused: 30 9 30\n");
}

/* The record decides about what the service never shows. */
static void hidden_fields_are_named(void **state)
{
	static const char spec[] = SPEC "retryOptions: {duration: %d}\n";
	CLEANUP(run_done) struct run r = { .f = { .memory.on = true, .hides_options = true } };
	const char *one = arena_printf(&r.a, spec, 60), *two = arena_printf(&r.a, spec, 90);

	run_sync(&r, one);
	assert_explained(&r, one, "/retryOptions", "/retryOptions/duration hidden: 60 - 60\n");
	assert_explained(&r, two, "/retryOptions", "/retryOptions/duration declared: 90 - 60\n");
}

/* A token is described as empty, which is the same as absent; a password may be described as an empty text. */
static void hidden_secrets_are_named(void **state)
{
	static const char token[] = "name: w\nsteps:\n  s:\n    imageId: 7\n    command: run\n"
		"    repository: {url: 'https://example.com/r', branch: main, token: t-secret}\n";
	static const char password[] = "name: w\nsteps:\n  s:\n    type: http\n    method: get\n"
		"    url: 'https://example.com'\n    auth: {type: basic, username: u, password: p-secret}\n";
	CLEANUP(run_done) struct run r = { .f.memory.on = true }, s = { .f.memory.on = true };

	run_sync(&r, token);
	assert_explained(&r, token, "/steps/s/repository/token", "/steps/s/repository/token hidden: \"(masked #1)\" - "
	                 "\"(masked #1)\"\n");
	run_sync(&s, password);
	run_put(&s, s.f.items[0].id, "/steps/s/auth/password", "\"\"");
	assert_explained(&s, password, "/steps/s/auth/password", "/steps/s/auth/password hidden: \"(masked #1)\" "
	                 "\"\" \"(masked #1)\"\n");
}

static void what_only_the_record_has_is_gone(void **state)
{
	CLEANUP(run_done) struct run r = { .f.memory.on = true };

	run_sync(&r, SPEC);
	node_drop(node_at(r.f.items[0].shown, "/steps/s"), "stepTimeout");
	assert_explained(&r, "name: w\nsteps:\n  s:\n    imageId: 7\n    command: run\n", "/steps/s/stepTimeout",
	                 "/steps/s/stepTimeout gone: - - 30\n");
}

static void ignored_places_are_shown_all_the_same(void **state)
{
	CLEANUP(run_done) struct run r = { .f.memory.on = true };

	run_sync(&r, SPEC);
	run_put(&r, r.f.items[0].id, "/steps/s/command", "\"by hand\"");
	assert_explained(&r, SPEC "flowsync: {ignore: [/steps/*/command]}\n", "/steps/s/command",
	                 "/steps/s/command ignored: \"run\" \"by hand\" \"run\"\n");
}

static void secrets_are_masked_on_every_side(void **state)
{
	static const char spec[] = "name: w\nsteps:\n  s: {imageId: 7, command: run, parameters: {env: {API_TOKEN: %s}}}\n";
	CLEANUP(run_done) struct run r = { .f.memory.on = true };
	const char *one = arena_printf(&r.a, spec, "first-secret"), *two = arena_printf(&r.a, spec, "second-secret");

	run_sync(&r, one);
	assert_explained(&r, one, "/steps/s/parameters", "/steps/s/parameters/env/API_TOKEN equal: \"(masked #1)\" "
	                 "\"(masked #1)\" \"(masked #1)\"\n");
	assert_explained(&r, two, "/steps/s/parameters", "/steps/s/parameters/env/API_TOKEN declared: \"(masked #2)\" "
	                 "\"(masked #1)\" \"(masked #1)\"\n");
}

static void places_of_the_configuration_are_masked_in_the_record_too(void **state)
{
	CLEANUP(run_done) struct run r = { .f.memory.on = true };
	struct node *mask_at = tree_json(&r.a, "[\"/steps/s/command\"]");

	run_sync(&r, SPEC);
	assert_string_equal(explained(&r, SPEC, (struct cycle_options){ .mask = mask_at }, "/steps/s/command"),
	                    "/steps/s/command equal: \"(masked #1)\" \"(masked #1)\" \"(masked #2)\"\n");
}

/* The item that only the service has stands at the same index as a declared one. */
static void items_of_sets_are_paired_as_the_comparison_does(void **state)
{
	static const char spec[] = SPEC "tags: [{name: a}, {name: b}]\n";
	CLEANUP(run_done) struct run r = { .f.memory.on = true };

	run_sync(&r, spec);
	run_put(&r, r.f.items[0].id, "/tags", "[{\"name\":\"0\"},{\"name\":\"b\"},{\"name\":\"a\"}]");
	assert_explained(&r, spec, "/tags", "/tags/0/name equal: \"a\" \"a\" -\n/tags/1/name equal: \"b\" \"b\" -\n"
	                 "/tags/0/name adopted: - \"0\" -\n");
}

static void an_item_that_is_taken_out_was_recorded_and_is_removed(void **state)
{
	CLEANUP(run_done) struct run r = { .f.memory.on = true };

	run_sync(&r, SPEC "triggers: [{cron: 0 1 * * *}, {cron: 0 2 * * *}]\n");
	assert_explained(&r, SPEC "triggers: [{cron: 0 2 * * *}]\n", "/triggers",
	                 "/triggers/0/cron equal: \"0 2 * * *\" \"0 2 * * *\" \"0 2 * * *\"\n"
	                 "/triggers/0/cron undeclared: - \"0 1 * * *\" \"0 1 * * *\"\n");
}

static void a_suspended_and_a_foreign_workflow_are_not_compared(void **state)
{
	CLEANUP(run_done) struct run r = { 0 };

	run_make(&r, "{\"name\":\"w\",\"tags\":[{\"name\":\"flowsync-other\"}],"
	         "\"steps\":{\"s\":{\"imageId\":7,\"command\":\"run\"}}}");
	assert_explained(&r, SPEC "flowsync: {suspend: true}\n", "/steps/s/imageId", "/steps/s/imageId not compared: 7 - -\n");
	assert_explained(&r, SPEC, "/steps/s/imageId", "/steps/s/imageId not compared: 7 - -\n");
	assert_steps(&r, "w none conflict: it belongs to owner \"other\" (tag flowsync-other)\n");
}

static void who_changed_it_is_told_if_the_service_says_so(void **state)
{
	static const struct { const char *key, *json, *want; } cases[] = {
		{ "/updatedBy", "\"ann@example.com\"", "ann@example.com" },
		{ "/lastModifiedBy", "{\"id\":1,\"email\":\"bob@example.com\"}", "bob@example.com" },
		{ "/updatedBy", "\"\"", NULL }, { "/updatedBy", "7", NULL },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(run_done) struct run r = { 0 };
		struct explanation x = { .arena = &r.a };
		const struct specs specs = tree_specs(&r.a, SPEC);
		run_sync(&r, SPEC);
		run_put(&r, r.f.items[0].id, cases[i].key, cases[i].json);
		run_cycle(&r, &specs, &(struct cycle_options){ .explanation = &x });
		assert_true(x.described);
		if (cases[i].want)
			assert_string_equal(x.changed_by, cases[i].want);
		else
			assert_null(x.changed_by);
	}
}

/* A plan that is explained is the plan that is not. */
static void an_explanation_changes_no_plan(void **state)
{
	CLEANUP(run_done) struct run r = { .f.memory.on = true };
	static const char with[] = SPEC "    resources: {instanceTypeId: 22, storage: 20GB}\n";
	const struct specs specs = tree_specs(&r.a, SPEC);
	struct explanation x = { .arena = &r.a };

	run_sync(&r, with);
	run_cycle(&r, &specs, &(struct cycle_options){ 0 });
	const char *before = run_changes(&r);
	run_cycle(&r, &specs, &(struct cycle_options){ .explanation = &x });
	assert_string_equal(run_changes(&r), before);
}

static void places_lead_to_the_declared_values(void **state)
{
	CLEANUP(run_done) struct run r = { 0 };
	struct explanation x = { .arena = &r.a };
	const struct specs specs = tree_specs(&r.a, SPEC);

	run_cycle(&r, &specs, &(struct cycle_options){ .explanation = &x });
	const struct explained_field *f = &x.fields[3];
	assert_string_equal(f->path, "/steps/s/command");
	assert_int_equal(f->at.line, 5);
	assert_int_equal(f->at.col, 5);
	assert_int_equal(f->value_at.col, 14);
	assert_int_equal(f->next.line, 6);
	assert_string_equal(x.fields[1].path, "/steps/s/type");
	assert_int_equal(x.fields[1].at.line, 0);
	assert_int_equal(x.fields[4].next.line, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_new_workflow_is_created),
		cmocka_unit_test(each_side_has_its_value_and_the_reason_is_that_of_the_plan),
		cmocka_unit_test(what_nobody_declared_is_kept_and_defaults_are_named),
		cmocka_unit_test(settled_and_refused_values_are_told_apart),
		cmocka_unit_test(hidden_fields_are_named),
		cmocka_unit_test(hidden_secrets_are_named),
		cmocka_unit_test(what_only_the_record_has_is_gone),
		cmocka_unit_test(ignored_places_are_shown_all_the_same),
		cmocka_unit_test(secrets_are_masked_on_every_side),
		cmocka_unit_test(places_of_the_configuration_are_masked_in_the_record_too),
		cmocka_unit_test(items_of_sets_are_paired_as_the_comparison_does),
		cmocka_unit_test(an_item_that_is_taken_out_was_recorded_and_is_removed),
		cmocka_unit_test(a_suspended_and_a_foreign_workflow_are_not_compared),
		cmocka_unit_test(who_changed_it_is_told_if_the_service_says_so),
		cmocka_unit_test(an_explanation_changes_no_plan),
		cmocka_unit_test(places_lead_to_the_declared_values),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
