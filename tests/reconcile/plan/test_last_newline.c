/* The last newline of a file was part of the file in older versions.  Workflows, tags and records that they wrote are taken
 * over without a write. */
#include "tests/test.h"

#include <string.h>

#include "reconcile/schema/digest.h"
#include "reconcile/schema/normalise.h"
#include "tests/run.h"
#include "tests/tree.h"

#define STEP	"steps:\n  s:\n    imageId: 7\n"

/* Files that end with a block of text, each in a field of another kind. */
static const struct { const char *pointer, *yaml; } files[] = {
	{ "/steps/s/command", "name: w0\n" STEP "    command: |\n      set -e\n      run\n" },
	{ "/steps/s/command", "name: w1\n" STEP "    command: >\n      run\n      all\n" },
	{ "/steps/s/command", "name: w2\n" STEP "    command: |+\n      run\n\n" },
	{ "/steps/s/payload", "name: w3\nsteps:\n  s:\n    type: http\n    method: post\n    url: u\n    payload: |\n      {}\n" },
	{ "/steps/s/headers/absolute/A", "name: w4\nsteps:\n  s:\n    type: http\n    method: post\n    url: u\n    headers:\n"
	  "      absolute:\n        A: |\n          secret\n" },
	{ "/steps/s/parameters/env", "name: w5\n" STEP "    command: c\n    parameters:\n      env:\n        PASSWORD: |\n          pw\n" },
	{ "/steps/s/repository/token", "name: w6\n" STEP "    command: c\n    repository:\n      url: u\n      branch: b\n"
	  "      token: |\n        stored\n" },
	{ "/watchers", "name: w7\nsteps: {}\nwatchers:\n  - events: {fail: true}\n    webhook:\n      name: n\n      url: u\n"
	  "      payload: |\n        {}\n" },
	{ "/steps/s/parameters/secrets", "name: w8\n" STEP "    command: c\n    parameters:\n      secrets:\n        - a\n"
	  "        - |\n          b\n" },
};

static void read_files(struct arena *a, const char *end, struct specs *out)
{
	struct diagnostics faults = { .arena = a };

	*out = (struct specs){ .arena = a };
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		const char *text = arena_printf(a, "%s%s", files[i].yaml, end);
		if (!specs_read(out, &(struct vars){ 0 }, arena_printf(a, "w%zu.yaml", i), text, strlen(text), &faults))
			fail_msg("%s", tree_faults(a, &faults));
	}
}

/* What is known beside the tags: the state, nothing, an older version of the file, a state that is begun again. */
enum known { STATE, NOTHING, OLDER, STATE_AGAIN, KNOWN };

static void forget_records(struct run *r)
{
	r->f.memory.records = (struct applied_records){ 0 };
}

static void a_service_full_of_such_workflows_gets_no_write(void **state)
{
	for (enum known known = 0; known < KNOWN; known++) {
		CLEANUP(run_done) struct run r = { .f.memory.on = known == STATE || known == STATE_AGAIN };
		struct specs before, now;

		/* With one newline more a file reads as an older version read it. */
		read_files(&r.a, "\n", &before);
		run_cycle(&r, &before, &(struct cycle_options){ .apply = true });
		assert_exit(&r, 0);
		assert_non_null(strstr(run_shown(&r, 612, "/steps/s/command"), "run\\n"));
		if (known == STATE_AGAIN)
			forget_records(&r);
		read_files(&r.a, "", &now);
		assert_string_equal(node_get_text(node_at(spec_body(&r.a, &now.items[0]), "/steps/s"), "command"), "set -e\nrun");
		for (unsigned again = 0; again < 2; again++) {
			run_cycle(&r, &now, &(struct cycle_options){ .apply = true });
			assert_writes(&r, "");
			assert_string_equal(run_changes(&r), "");
			assert_said(&r, "");
			assert_exit(&r, 0);
			assert_int_equal(r.report.step_count, ARRAY_LEN(files));
		}
	}
}

#define TIMED		"    stepTimeout: 9\n"
#define RUN(image, more)	"name: a\nsteps:\n  s:\n    imageId: " image "\n" more "    command: |\n      run\n"

static void the_other_way_round_it_is_no_change_either(void **state)
{
	CLEANUP(run_done) struct run r = { .f.memory.on = true };

	run_sync(&r, RUN("7", ""));
	assert_string_equal(run_shown(&r, 612, "/steps/s/command"), "\"run\"");
	run_sync(&r, RUN("7", "") "\n");
	assert_string_equal(run_changes(&r), "");
	assert_writes(&r, "");
}

static struct node *first_body(struct arena *a, const char *yaml)
{
	const struct specs specs = tree_specs(a, yaml);

	return spec_body(a, &specs.items[0]);
}

static void what_else_changed_is_written_without_it_and_its_record_is_found(void **state)
{
	for (enum known known = 0; known < KNOWN; known++) {
		CLEANUP(run_done) struct run r = { .f.memory.on = known == STATE || known == STATE_AGAIN };
		const struct specs before = tree_specs(&r.a, RUN("7", TIMED) "\n");
		const struct specs older = tree_specs(&r.a, RUN("7", TIMED));

		run_cycle(&r, &before, &(struct cycle_options){ .apply = true });
		if (known == OLDER)
			r.f.memory.older = spec_body(&r.a, &older.items[0]);
		if (known == STATE_AGAIN) {
			forget_records(&r);
			run_sync(&r, RUN("7", TIMED));
			assert_writes(&r, "");
		}
		run_sync(&r, RUN("8", ""));
		assert_string_equal(run_changes(&r), known == NOTHING ? "replace /steps/s/imageId adopted\n"
		                    : "replace /steps/s/imageId declared\nremove /steps/s/stepTimeout undeclared\n");
		assert_writes(&r, "update 612\n");
		assert_string_equal(run_shown(&r, 612, "/steps/s/command"), "\"run\"");
		assert_non_null(strstr(run_tags(&r, 612), digest_body(&r.a, first_body(&r.a, RUN("8", "")))));
		run_sync(&r, RUN("8", ""));
		assert_writes(&r, "");
	}
}

static void drift_of_the_text_is_drift_and_a_changed_text_is_declared(void **state)
{
	CLEANUP(run_done) struct run r = { .f.memory.on = true };

	run_sync(&r, RUN("7", "") "\n");
	run_put(&r, 612, "/steps/s/command", "\"run \\n\"");
	run_plan(&r, RUN("7", ""));
	assert_string_equal(run_changes(&r), "replace /steps/s/command drift\n");
	run_put(&r, 612, "/steps/s/command", "\"run\\n\\n\"");
	run_plan(&r, RUN("7", ""));
	assert_string_equal(run_changes(&r), "replace /steps/s/command drift\n");
	run_put(&r, 612, "/steps/s/command", "\"run\\n\"");
	run_plan(&r, "name: a\nsteps:\n  s:\n    imageId: 7\n    command: |\n      walk\n");
	assert_string_equal(run_changes(&r), "replace /steps/s/command declared\n");
}

static void in_a_text_that_does_not_end_the_file_a_newline_counts(void **state)
{
	static const char *const others[] = {
		"name: a\nsteps:\n  s:\n    imageId: 7\n    command: run\n", "name: a\nsteps:\n  s:\n    imageId: 7\n    command: \"run\"\n",
		"name: a\nsteps:\n  s:\n    imageId: 7\n    command: |-\n      run\n# the end\n",
	};
	CLEANUP(run_done) struct run r = { 0 };

	run_sync(&r, "name: a\nsteps:\n  s:\n    command: |\n      run\n    imageId: 7\n");
	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
		run_plan(&r, others[i]);
		assert_string_equal(run_changes(&r), "replace /steps/s/command adopted\n");
	}
}

static void both_readings_of_a_spec_have_their_digest(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	const struct node *ends = first_body(&a, RUN("7", "")), *middle = first_body(&a, HELLO("a", "7"));
	const struct node *old = normalise_other_reading(&a, ends);

	assert_string_equal(node_get_text(node_at(old, "/steps/s"), "command"), "run\n");
	assert_ptr_equal(spec_body_of_digest(&a, ends, digest_body(&a, ends)), ends);
	assert_true(node_equal(spec_body_of_digest(&a, ends, digest_body(&a, old)), old));
	assert_null(spec_body_of_digest(&a, ends, "100000000"));
	assert_null(normalise_other_reading(&a, middle));
	/* Only one of a file's documents ends it. */
	assert_null(normalise_other_reading(&a, first_body(&a, RUN("7", "") "---\n" HELLO("b", "7"))));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_service_full_of_such_workflows_gets_no_write),
		cmocka_unit_test(the_other_way_round_it_is_no_change_either),
		cmocka_unit_test(what_else_changed_is_written_without_it_and_its_record_is_found),
		cmocka_unit_test(drift_of_the_text_is_drift_and_a_changed_text_is_declared),
		cmocka_unit_test(in_a_text_that_does_not_end_the_file_a_newline_counts),
		cmocka_unit_test(both_readings_of_a_spec_have_their_digest),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
