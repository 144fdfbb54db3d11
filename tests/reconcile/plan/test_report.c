#include "tests/test.h"
#include "reconcile/plan/report.h"

#include <string.h>

#include "reconcile/tree/json.h"
#include "reconcile/plan/render.h"
#include "reconcile/schema/schema.h"
#include "tests/fake_service.h"
#include "tests/tree.h"

/* Holds n against the row of the table from which the schema of reports is printed. */
static void check_row(const struct field *f, const struct node *n, const char *where)
{
	static const enum node_kind kinds[] = {
		[FIELD_BOOL] = NODE_BOOL, [FIELD_INT] = NODE_INT, [FIELD_NUMBER] = NODE_REAL, [FIELD_TEXT] = NODE_TEXT,
		[FIELD_OBJECT] = NODE_MAP, [FIELD_MAP] = NODE_MAP, [FIELD_LIST] = NODE_LIST,
	};
	if ((f->flags & FIELD_ANYTHING) || ((f->flags & FIELD_NULLABLE) && n->kind == NODE_NULL))
		return;
	if (n->kind != kinds[f->type])
		fail_msg("%s: %s", where, node_kind_words(n->kind));
	bool known = !f->words;
	for (size_t i = 0; f->words && f->words[i]; i++)
		known |= strcmp(f->words[i], n->text) == 0;
	if (!known)
		fail_msg("%s: the word \"%s\" is not in the table", where, n->text);
	for (const struct field *child = f->fields; child && child->name && f->type == FIELD_OBJECT;
	     child++)
		if (child->need && !node_get(n, child->name))
			fail_msg("%s: \"%s\" is missing", where, child->name);
	for (size_t i = 0; i < n->count; i++) {
		const struct field *child = field_child(f, n->entries[i].key, ALL_KINDS);
		if (!child)
			fail_msg("%s: \"%s\" is not in the table", where, n->entries[i].key);
		check_row(child, n->entries[i].value, child->name);
	}
}

#define HELLO(name, image)	"name: " name "\nsteps: {greet: {imageId: " image ", command: run}}\n"
#define LIVE(name, image)	"{\"name\":\"" name "\",\"steps\":{\"greet\":{\"imageId\":" image ",\"command\":\"run\"}}}"

/* One of everything: made, changed, equal, suspended, in conflict, failing, running, not kept. */
static void set_up(struct fake *f, struct arena *a, struct specs *specs)
{
	static const char *const live[] = {
		LIVE("changed", "1"), LIVE("equal", "2"), LIVE("twice", "2"), LIVE("twice", "2"), LIVE("failing", "1"),
		LIVE("running", "1"), LIVE("deaf", "1"),
	};
	*specs = tree_specs(a, HELLO("new", "2") "---\n" HELLO("changed", "2") "---\n" HELLO("equal", "2")
		"---\nflowsync: {suspend: true}\n" HELLO("asleep", "2") "---\n" HELLO("twice", "2") "---\n"
		HELLO("failing", "2") "---\n" HELLO("running", "2") "---\n" HELLO("deaf", "2"));
	for (size_t i = 0; i < ARRAY_LEN(live); i++)
		fake_make(f, tree_json(a, live[i]));
	f->deadline = 60000;
	f->faults[0] = (struct fake_fault){ .operation = OP_UPDATE, .id = 616, .times = 99, .status = 422 };
	f->faults[1] = (struct fake_fault){ .operation = OP_UPDATE, .id = 617, .times = 99, .status = 409 };
	f->faults[2] = (struct fake_fault){ .operation = OP_UPDATE, .id = 618, .times = 2, .status = 200, .body = "{}" };
}

static struct node *run(struct fake *f, struct arena *a, const struct specs *specs, bool apply,
                        struct report *report)
{
	const struct cycle_options options = { .apply = apply };
	struct diagnostics *faults = arena_new(a, struct diagnostics, 1);

	faults->arena = a;
	fake_cycle(f, a, specs, &options, report, faults);
	report->cycle_id = "c1";
	report->started = "2024-05-31T10:00:00.000Z";
	report->finished = "2024-05-31T10:01:01.007Z";
	report->duration_ms = 61007;
	report->source.kind = "directory";
	report->source.location = "flows";
	report->endpoint = "https://service.example/workflows/api/v1";
	return report_tree(a, report);
}

static const char *human(struct arena *a, const struct node *report, bool colour)
{
	CLEANUP(buf_done) struct buf out = BUF_TEXT;

	render_document(report, &(struct render_options){ .colour = colour }, &out);
	return arena_strdup(a, buf_str(&out));
}

static void a_report_has_every_key_of_the_design(void **state)
{
	for (int apply = 0; apply < 2; apply++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		CLEANUP(fake_done) struct fake f = { 0 };
		struct report report;
		struct specs specs;

		set_up(&f, &a, &specs);
		struct node *tree = run(&f, &a, &specs, apply, &report);
		check_row(&report_field, tree, "report");
		assert_int_equal(node_get(tree, "workflows")->count, 7);
		assert_true(node_equal(tree, tree_json(&a, tree_text(&a, tree))));
		report.verbose = true;
		assert_int_equal(node_get(report_tree(&a, &report), "workflows")->count, 8);
	}
}

/* ---- changes outside of memory ---- */

static bool add_to_buf(void *context, const char *bytes, size_t len)
{
	buf_add(context, bytes, len);
	return true;
}

static bool put_in_buf(void *context, const char *bytes, size_t len, uint64_t *place)
{
	*place = ((const struct buf *)context)->len;
	return add_to_buf(context, bytes, len);
}

static bool put_first_only(void *context, const char *bytes, size_t len, uint64_t *place)
{
	return !((const struct buf *)context)->len && put_in_buf(context, bytes, len, place);
}

static bool get_from_buf(void *context, uint64_t place, size_t len, char *bytes)
{
	const struct buf *b = context;

	assert_true(place + len <= b->len);
	memcpy(bytes, b->text + place, len);
	return true;
}

static bool get_nothing(void *context, uint64_t place, size_t len, char *bytes)
{
	return false;
}

static const char *written(struct arena *a, const struct report *report, bool for_people)
{
	CLEANUP(buf_done) struct buf text = BUF_TEXT;
	const struct report_output out = { add_to_buf, &text };

	const struct render_options options = { .colour = true };

	assert_true(for_people ? render_report(report, &options, &out) : report_write(report, &out));
	return arena_strdup(a, buf_str(&text));
}

/* With values that only an answer of the service can have. */
static void run_with_spill(struct arena *a, struct report_spill *spill, bool apply, bool verbose, struct report *report)
{
	CLEANUP(fake_done) struct fake f = { .spill = spill };
	struct specs specs;

	set_up(&f, a, &specs);
	node_put(&f.arena, node_at(fake_find(&f, 612)->shown, "/steps/greet"), "command",
	         tree_json(&f.arena, "{\"big\": [1.50, 12e400]}"));
	run(&f, a, &specs, apply, report);
	report->verbose = verbose;
}

static void a_report_is_the_same_wherever_its_changes_are_held(void **state)
{
	for (unsigned i = 0; i < 8; i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		CLEANUP(buf_done) struct buf held = BUF_TEXT;
		struct report_spill spill = { i & 1 ? put_in_buf : put_first_only, get_from_buf, &held };
		struct report whole, parts;

		run_with_spill(&a, NULL, i & 2, i & 4, &whole);
		run_with_spill(&a, &spill, i & 2, i & 4, &parts);
		assert_true(held.len > 0);
		const char *text = written(&a, &parts, false);
		CLEANUP(buf_done) struct buf expected = BUF_TEXT;
		json_write(report_tree(&a, &whole), JSON_PRETTY, &expected);
		assert_string_equal(text, arena_printf(&a, "%s\n", buf_str(&expected)));
		assert_string_equal(tree_text(&a, report_tree(&a, &parts)), tree_text(&a, report_tree(&a, &whole)));
		assert_string_equal(written(&a, &parts, true), human(&a, report_tree(&a, &whole), true));
	}
}

static void changes_that_are_lost_are_noticed(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	CLEANUP(buf_done) struct buf held = BUF_TEXT, text = BUF_TEXT;
	struct report_spill spill = { put_in_buf, get_nothing, &held };
	const struct report_output out = { add_to_buf, &text };
	struct report report;

	run_with_spill(&a, &spill, true, true, &report);
	assert_false(report_write(&report, &out));
	assert_false(render_report(&report, &(struct render_options){ 0 }, &out));
}

static void a_report_without_workflows_is_written_like_any_other(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	CLEANUP(buf_done) struct buf expected = BUF_TEXT;
	const struct report report = { .mode = "sync" };

	json_write(report_tree(&a, &report), JSON_PRETTY, &expected);
	assert_string_equal(written(&a, &report, false), arena_printf(&a, "%s\n", buf_str(&expected)));
	assert_string_equal(written(&a, &report, true), human(&a, report_tree(&a, &report), true));
}

static void a_report_counts_what_it_lists(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	CLEANUP(fake_done) struct fake f = { 0 };
	struct report report;
	struct specs specs;

	set_up(&f, &a, &specs);
	struct node *tree = run(&f, &a, &specs, true, &report);
	assert_string_equal(tree_text(&a, node_get(tree, "summary")),
		"{\"declared\":8,\"observed\":7,\"owned\":0,\"create\":1,\"patch\":4,\"replace\":0,\"delete\":0,\"none\":3,"
		"\"unchanged\":1,\"settled\":0,\"deferred\":1,\"failed\":2,\"blocked\":0,\"conflict\":1,\"suspended\":1}");
	assert_string_equal(node_get_text(tree, "outcome"), "conflict");
	assert_int_equal(node_get_int(tree, "exit_code", -1), 5);
	assert_string_equal(tree_text(&a, node_at(tree, "/source")),
		"{\"kind\":\"directory\",\"location\":\"flows\",\"revision\":null,\"tree\":null,\"path\":null,\"specs\":8,\"files\":1}");
	assert_string_equal(tree_text(&a, node_at(tree, "/duration_s")), "61.007");
	assert_string_equal(tree_text(&a, node_at(tree, "/workflows/6/refused")),
		"[{\"path\":\"/steps/greet/imageId\",\"sent\":2,\"kept\":1}]");
	assert_string_equal(tree_text(&a, node_at(tree, "/workflows/1/changes")),
		"[{\"op\":\"replace\",\"path\":\"/steps/greet/imageId\",\"from\":1,\"to\":2,\"reason\":\"adopted\","
		"\"file\":\"s.yaml\",\"line\":5,\"column\":26}]");
	assert_int_equal(node_get_int(node_get(tree, "requests"), "total", 0), f.requests);
}

static void a_plan_reads_well(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	CLEANUP(fake_done) struct fake f = { 0 };
	struct report report;
	struct specs specs;

	set_up(&f, &a, &specs);
	assert_string_equal(human(&a, run(&f, &a, &specs, false, &report), false),
		"+ create    new  s.yaml:1\n"
		"    + name: new\n"
		"    + steps:\n"
		"    +   greet:\n"
		"    +     type: standard\n"
		"    +     imageId: 2\n"
		"    +     command: run\n"
		"~ change    4 workflows in the same way: changed, failing, running, deaf\n"
		"    ~ /steps/greet/imageId  1 -> 2\n"
		"  suspended asleep  s.yaml:10\n"
		"! conflict  twice  s.yaml:14\n"
		"    the service has 2 workflows called \"twice\" (ids 614, 615): it is unclear which one is meant\n"
		"\n"
		"Plan: 1 to create, 4 to change, 0 to delete; 1 unchanged, 1 suspended, 1 in conflict\n"
		"A sync sends about 22 requests and takes about 62 seconds.\n");
}

static void a_sync_reads_well(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	CLEANUP(fake_done) struct fake f = { 0 };
	struct report report;
	struct specs specs;

	set_up(&f, &a, &specs);
	assert_string_equal(human(&a, run(&f, &a, &specs, true, &report), false),
		"+ created   new (id 619)  s.yaml:1\n"
		"    + name: new\n"
		"    + steps:\n"
		"    +   greet:\n"
		"    +     type: standard\n"
		"    +     imageId: 2\n"
		"    +     command: run\n"
		"~ changed   changed (id 612)  s.yaml:4\n"
		"    ~ /steps/greet/imageId  1 -> 2  line 5\n"
		"  suspended asleep  s.yaml:10\n"
		"! conflict  twice  s.yaml:14\n"
		"    the service has 2 workflows called \"twice\" (ids 614, 615): it is unclear which one is meant\n"
		"! failed    failing (id 616)  s.yaml:17\n"
		"    ~ /steps/greet/imageId  1 -> 2  line 18\n"
		"    update workflow 616 \"failing\": the service answered 422 (not a valid workflow): not now\n"
		"! deferred  running (id 617)  s.yaml:20\n"
		"    ~ /steps/greet/imageId  1 -> 2  line 21\n"
		"    update workflow 617 \"running\": the service answered 409 (conflict): not now\n"
		"! refused   deaf (id 618)  s.yaml:23\n"
		"    ~ /steps/greet/imageId  1 -> 2  line 24\n"
		"    refused by the service: /steps/greet/imageId\n"
		"\n"
		"Sync: 1 created, 1 changed, 0 deleted; 1 unchanged, 1 suspended, 1 in conflict, 1 deferred, 1 refused, 1 failed\n");
}

static void colour_is_added_and_nothing_else(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	CLEANUP(fake_done) struct fake f = { 0 };
	struct specs specs = tree_specs(&a, HELLO("a", "2") "---\n" HELLO("b", "2") "---\n" HELLO("c", "2"));
	struct report report;

	fake_make(&f, tree_json(&a, LIVE("b", "1")));
	fake_make(&f, tree_json(&a, LIVE("c", "2")));
	fake_make(&f, tree_json(&a, LIVE("c", "2")));
	assert_string_equal(human(&a, run(&f, &a, &specs, false, &report), true),
		"\x1b[32m+ create    \x1b[0m\x1b[1ma\x1b[0m\x1b[2m  s.yaml:1\x1b[0m\n"
		"    \x1b[32m+ \x1b[0m\x1b[32mname: a\x1b[0m\n"
		"    \x1b[32m+ \x1b[0m\x1b[32msteps:\x1b[0m\n"
		"    \x1b[32m+ \x1b[0m  \x1b[32mgreet:\x1b[0m\n"
		"    \x1b[32m+ \x1b[0m    \x1b[32mtype: standard\x1b[0m\n"
		"    \x1b[32m+ \x1b[0m    \x1b[32mimageId: 2\x1b[0m\n"
		"    \x1b[32m+ \x1b[0m    \x1b[32mcommand: run\x1b[0m\n"
		"\x1b[33m~ change    \x1b[0m\x1b[1mb\x1b[0m (id 612)\x1b[2m  s.yaml:4\x1b[0m\n"
		"    \x1b[33m~ \x1b[0m/steps/greet/imageId  1 -> 2\x1b[2m  line 5\x1b[0m\n"
		"\x1b[31m! conflict  \x1b[0m\x1b[1mc\x1b[0m\x1b[2m  s.yaml:7\x1b[0m\n"
		"    \x1b[31mthe service has 2 workflows called \"c\" (ids 613, 614): it is unclear which one is meant\x1b[0m\n"
		"\n"
		"\x1b[1mPlan: 1 to create, 1 to change, 0 to delete; 0 unchanged, 1 in conflict\x1b[0m\n"
		"A sync sends about 9 requests and takes about 62 seconds.\n");
}

static void a_cycle_that_could_do_nothing_says_so(void **state)
{
	static const char *const said[] = { "Plan: nothing was planned\n", "Sync: nothing was written\n" };

	for (int apply = 0; apply < 2; apply++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		CLEANUP(fake_done) struct fake f = { 0 };
		struct report report;
		struct specs specs;

		set_up(&f, &a, &specs);
		f.faults[0] = (struct fake_fault){ .operation = OP_LIST, .times = 99, .status = 403 };
		struct node *tree = run(&f, &a, &specs, apply, &report);
		check_row(&report_field, tree, "report");
		assert_string_equal(human(&a, tree, false), said[apply]);
		assert_string_equal(tree_text(&a, node_get(tree, "errors")), "[{\"message\":\"list workflows, page 1: the service "
			"answered 403 (forbidden): not now\",\"file\":null,\"line\":null,\"column\":null}]");
	}
}

static void text_of_a_stranger_is_escaped_wherever_it_stands(void **state)
{
	static const char yaml[] = "name: n\ntags: [{name: \"t\\u009b31m\"}]\n"
		"steps: {\"s\\e[0m\": {imageId: 1, command: \"c\\e[31m\\x7f\"}}\n";
	CLEANUP(arena_free) struct arena a = { 0 };
	CLEANUP(fake_done) struct fake f = { 0 };
	struct specs specs = tree_specs(&a, yaml);
	struct report report;

	f.faults[0] = (struct fake_fault){ .operation = OP_CREATE, .times = 1, .status = 400,
		.type = "text/plain", .body = "no \x1b[31m\xc2\x9b" "1m" };
	for (const char *s = human(&a, run(&f, &a, &specs, true, &report), false); *s; s++)
		assert_true(*s == '\n' || (unsigned char)*s >= ' ');
	assert_null(strstr(human(&a, report_tree(&a, &report), false), "\xc2\x9b"));
	assert_null(strstr(human(&a, report_tree(&a, &report), false), "\x7f"));
}

static void a_long_value_is_cut_for_people_and_whole_in_json(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	CLEANUP(fake_done) struct fake f = { 0 };
	char *text = arena_alloc(&a, 1001, 1, 1);
	struct report report;

	for (size_t i = 0; i < 500; i++)
		memcpy(text + 2 * i, "\xc3\xa4", 2);
	struct specs specs = tree_specs(&a, arena_printf(&a, "name: n\nsteps: {s: {imageId: 1, command: %s}}\n", text));
	fake_make(&f, tree_json(&a, "{\"name\":\"n\",\"steps\":{\"s\":{\"imageId\":1,\"command\":\"run\"}}}"));
	struct node *tree = run(&f, &a, &specs, false, &report);
	const char *shown = human(&a, tree, false);
	assert_non_null(strstr(shown, "\xc3\xa4... (1002 bytes)\n"));
	assert_non_null(strstr(tree_text(&a, tree), text));
}

static void what_was_left_out_counts_as_what_it_was(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	struct diagnostics faults = { .arena = &a };
	struct report report = { .mode = "plan", .faults = &faults };

	for (int i = 0; i < DIAGNOSTICS_MAX; i++)
		diagnostics_warn(&faults, (struct pos){ "s.yaml", 1, i + 1 }, "w");
	struct node *tree = report_tree(&a, &report);
	assert_int_equal(node_get(tree, "errors")->count, 0);
	assert_int_equal(node_get(tree, "warnings")->count, DIAGNOSTICS_MAX / 2 + 1);
	assert_string_equal(node_get_text(node_at(tree, "/warnings/500"), "message"),
	                    "500 more are not shown");
	faults.left_out = 1;
	assert_string_equal(node_get_text(node_at(report_tree(&a, &report), "/warnings/500"), "message"), "1 more is not shown");
	diagnostics_add(&faults, (struct pos){ 0 }, "e");
	tree = report_tree(&a, &report);
	assert_int_equal(node_get(tree, "errors")->count, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_report_has_every_key_of_the_design),
		cmocka_unit_test(a_report_is_the_same_wherever_its_changes_are_held),
		cmocka_unit_test(changes_that_are_lost_are_noticed),
		cmocka_unit_test(a_report_without_workflows_is_written_like_any_other),
		cmocka_unit_test(a_report_counts_what_it_lists),
		cmocka_unit_test(a_plan_reads_well),
		cmocka_unit_test(a_sync_reads_well),
		cmocka_unit_test(colour_is_added_and_nothing_else),
		cmocka_unit_test(a_cycle_that_could_do_nothing_says_so),
		cmocka_unit_test(text_of_a_stranger_is_escaped_wherever_it_stands),
		cmocka_unit_test(a_long_value_is_cut_for_people_and_whole_in_json),
		cmocka_unit_test(what_was_left_out_counts_as_what_it_was),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
