#include "tests/test.h"
#include "reconcile/dag/dag_run.h"

#include <stdio.h>
#include <string.h>

#include "reconcile/base/buf.h"
#include "tests/tree.h"

enum { SECOND = 1000, MINUTE = 60 * SECOND };
static const int64_t BEGIN = 1700000000000;

/* A run and what it said, in words. */
struct curl_exchange {
	struct arena a;
	const struct node *body, *execute;
	struct dag_run *flow;
	int64_t now, wake;
	size_t places;
	struct dag_action action;
	struct buf said;
};

static void talk_done(struct curl_exchange *t)
{
	arena_free(&t->a);
	buf_done(&t->said);
}

static void word(struct buf *out, const char *text)
{
	if (out->len > 0)
		buf_addc(out, ' ');
	buf_adds(out, text);
}

static void describe(const struct dag_action *x, struct buf *out)
{
	for (size_t i = 0; i < x->tell_count; i++) {
		word(out, "tell");
		buf_addf(out, " %zu %s", x->tells[i].index, x->tells[i].event);
	}
	for (size_t i = 0; i < x->end_count; i++) {
		word(out, x->ends[i].why == ENDING_STOP ? "stop" : "timeout");
		word(out, x->ends[i].step->name);
	}
	for (size_t i = 0; i < x->start_count; i++) {
		word(out, x->starts[i].step->name);
		if (x->starts[i].step->attempts > 1)
			buf_addf(out, "#%u", x->starts[i].step->attempts);
	}
	if (x->waiting) {
		word(out, "");
		buf_addf(out, "(%zu wait)", x->waiting);
	}
	if (x->over)
		word(out, "over");
}

/* Goes on with a run that was written and read: no test may see a difference. */
static void reload(struct curl_exchange *t)
{
	const struct node *saved = dag_run_save(&t->a, t->flow);
	const char *text = tree_text(&t->a, saved);
	struct err err;

	if (!dag_run_load(&t->a, t->body, t->execute, tree_json(&t->a, text), &t->flow, &err))
		fail_msg("%s: %s", err.msg, text);
	assert_string_equal(tree_text(&t->a, dag_run_save(&t->a, t->flow)), text);
}

static void talk_init(struct curl_exchange *t, const char *yaml, const char *execute)
{
	struct err err;

	*t = (struct curl_exchange){ .now = BEGIN, .places = 100, .said = BUF_TEXT };
	t->body = tree_yaml(&t->a, yaml);
	t->execute = execute ? tree_json(&t->a, execute) : NULL;
	if (!dag_run_begin(&t->a, t->body, t->execute, t->now, &t->flow, &err))
		fail_msg("%s", err.msg);
	reload(t);
}

static const char *tell(struct curl_exchange *t, struct dag_event event)
{
	const char *before = tree_text(&t->a, node_at(dag_run_save(&t->a, t->flow), "/steps"));

	buf_reset(&t->said);
	t->action = dag_run_handle(t->flow, &t->a, &event, t->places, t->now);
	if (strcmp(before, tree_text(&t->a, node_at(dag_run_save(&t->a, t->flow), "/steps"))) != 0)
		assert_true(t->action.changed);
	t->wake = t->action.wake;
	describe(&t->action, &t->said);
	reload(t);
	return buf_str(&t->said);
}

static const char *tick(struct curl_exchange *t)
{
	return tell(t, (struct dag_event){ .kind = DAG_TICK });
}

static const char *ended(struct curl_exchange *t, const char *step, int code)
{
	return tell(t, (struct dag_event){ .kind = DAG_ENDED, .step = step, .code = code });
}

static const char *wrote(struct curl_exchange *t, const char *step, const char *outputs)
{
	return tell(t, (struct dag_event){ .kind = DAG_ENDED, .step = step,
	                                    .outputs = tree_json(&t->a, outputs) });
}

static const char *gone(struct curl_exchange *t, const char *step, enum dag_event_kind kind,
                        const char *message)
{
	return tell(t, (struct dag_event){ .kind = kind, .step = step, .message = message });
}

static const char *stop(struct curl_exchange *t, const char *by)
{
	return tell(t, (struct dag_event){ .kind = DAG_STOP, .by = by });
}

/* Goes to the time that was asked for, and says how long that took. */
static const char *wait_for(struct curl_exchange *t, int64_t ms)
{
	assert_int_equal(t->wake - t->now, ms);
	t->now = t->wake;
	return tick(t);
}

/* "Success: a Success, b Skipped". */
static const char *stand(struct curl_exchange *t)
{
	const char *text = arena_printf(&t->a, "%s:", dag_status_words[t->flow->status]);

	for (size_t i = 0; i < t->flow->count; i++)
		text = arena_printf(&t->a, "%s%s %s %s", text, i ? "," : "", t->flow->steps[i].name,
		                    dag_status_words[t->flow->steps[i].status]);
	return text;
}

static const char *message(struct curl_exchange *t, const char *step)
{
	return dag_run_find(t->flow, step)->message;
}

/* ---- parents ---- */

static void steps_begin_when_all_their_parents_have_ended(void **state)
{
	CLEANUP(talk_done) struct curl_exchange t;

	talk_init(&t, "steps: {join: {parents: [left, right]}, left: {parents: [first]},"
	              " right: {parents: [first]}, first: {}}", NULL);
	assert_string_equal(tick(&t), "first");
	assert_string_equal(stand(&t), "Running: join Pending, left Pending, right Pending, first Running");
	assert_string_equal(ended(&t, "first", 0), "left right");
	assert_string_equal(ended(&t, "right", 0), "");
	assert_string_equal(ended(&t, "left", 0), "join");
	assert_string_equal(ended(&t, "join", 0), "over");
	assert_string_equal(stand(&t), "Success: join Success, left Success, right Success, first Success");
	assert_string_equal(tick(&t), "over");
	assert_int_equal(t.wake, -1);
}

static void a_workflow_without_steps_succeeds_at_once(void **state)
{
	CLEANUP(talk_done) struct curl_exchange t;

	talk_init(&t, "steps: {}", NULL);
	assert_string_equal(tick(&t), "over");
	assert_string_equal(stand(&t), "Success:");
}

static void no_more_steps_begin_than_there_are_places(void **state)
{
	CLEANUP(talk_done) struct curl_exchange t;

	talk_init(&t, "steps: {a: {}, b: {}, c: {}}", NULL);
	t.places = 2;
	assert_string_equal(tick(&t), "a b (1 wait)");
	t.places = 0;
	assert_string_equal(tick(&t), "(1 wait)");
	assert_int_equal(t.wake, -1);
	t.places = 1;
	assert_string_equal(ended(&t, "b", 0), "c");
}

static void a_failed_step_leaves_out_what_depends_on_it_and_nothing_else(void **state)
{
	CLEANUP(talk_done) struct curl_exchange t;

	talk_init(&t, "steps: {a: {}, b: {parents: [a]}, c: {parents: [b]}, d: {}, e: {parents: [d]}}",
	          NULL);
	assert_string_equal(tick(&t), "a d");
	assert_string_equal(ended(&t, "a", 3), "");
	assert_string_equal(ended(&t, "d", 0), "e");
	assert_string_equal(ended(&t, "e", 0), "over");
	assert_string_equal(stand(&t), "Failed: a Failed, b Skipped, c Skipped, d Success, e Success");
	assert_string_equal(message(&t, "a"), "exit code 3");
	assert_string_equal(message(&t, "b"), "step \"a\" failed");
	assert_string_equal(message(&t, "c"), "step \"b\" did not run");
	assert_int_equal(dag_run_find(t.flow, "a")->code, 3);
}

static void what_cannot_be_run_is_refused(void **state)
{
	static const struct { const char *body, *execute, *msg; } cases[] = {
		{ "steps: []", NULL, "steps: expected a mapping of steps" },
		{ "steps: {a: {parents: [b]}}", NULL, "step \"a\": parent 1 is not a step of the workflow" },
		{ "steps: {a: {parents: [b]}, b: {parents: [a]}}", NULL,
		  "steps wait for each other in a circle: step \"a\" is one of them" },
		{ "steps: {a: {parents: [a]}}", NULL,
		  "steps wait for each other in a circle: step \"a\" is one of them" },
		{ "steps: {a: {}}", "[]", "expected a mapping, found a list" },
		{ "steps: {a: {}}", "{\"stepsToRun\": \"a\"}", "stepsToRun: expected a list, found a text" },
		{ "steps: {a: {}}", "{\"stepsToRun\": [{}]}", "stepsToRun: expected a stepName in each entry" },
		{ "steps: {a: {}}", "{\"stepsToRun\": [{\"stepName\": \"b\"}]}",
		  "stepsToRun: there is no step \"b\"" },
		{ "steps: {a: {}}", "{\"params\": []}", "params: expected a mapping, found a list" },
		{ "steps: {a: {}}", "{\"params\": {\"global\": [1]}}",
		  "params.global: expected a mapping, found a list" },
		{ "steps: {a: {}}", "{\"params\": {\"global\": {\"K\": [1]}}}",
		  "params.global: K: expected a text, found a list" },
		{ "steps: {a: {}}", "{\"params\": {\"stepWise\": 1}}",
		  "params.stepWise: expected a mapping, found a number" },
		{ "steps: {a: {}}", "{\"params\": {\"stepWise\": {\"b\": {}}}}",
		  "params.stepWise: there is no step \"b\"" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		const struct node *execute = cases[i].execute ? tree_json(&a, cases[i].execute) : NULL;
		struct dag_run *flow = NULL;
		struct err err;
		assert_false(dag_run_begin(&a, tree_yaml(&a, cases[i].body), execute, BEGIN, &flow, &err));
		assert_null(flow);
		assert_string_equal(err.msg, cases[i].msg);
	}
}

/* ---- parentStatus ---- */

static void parent_status_says_when_a_step_is_to_run(void **state)
{
	/* a ended well, b failed, c is left out: it waits for b. */
	static const struct { const char *entries, *stand; } cases[] = {
		{ "[{condition: all-of, parents: [a], status: [success]}]", "Success" },
		{ "[{condition: all-of, parents: [a, b], status: [success]}]", "Skipped" },
		{ "[{condition: one-of, parents: [a, b], status: [success]}]", "Success" },
		{ "[{condition: one-of, parents: [a, b], status: [failure]}]", "Success" },
		{ "[{condition: all-of, parents: [b], status: [failure]}]", "Success" },
		{ "[{condition: one-of, parents: [a], status: [failure]}]", "Skipped" },
		{ "[{condition: all-of, parents: [a, b], status: [success, failure]}]", "Success" },
		{ "[{condition: one-of, parents: [c], status: [success]}]", "Skipped" },
		{ "[{condition: one-of, parents: [c], status: [failure]}]", "Skipped" },
		{ "[{condition: all-of, parents: [a, b, c], status: [failure, success]}]", "Success" },
		{ "[{condition: all-of, parents: [a], status: [success]},"
		  " {condition: all-of, parents: [b], status: [success]}]", "Skipped" },
		{ "[]", "Skipped" },
		{ "null", "Skipped" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(talk_done) struct curl_exchange t;
		CLEANUP(buf_done) struct buf yaml = BUF_TEXT;

		buf_addf(&yaml, "steps: {a: {}, b: {}, c: {parents: [b]}, x: {parents: [a, b], "
		                "executionParameters: {parentStatus: %s}}}", cases[i].entries);
		talk_init(&t, buf_str(&yaml), NULL);
		assert_string_equal(tick(&t), "a b");
		ended(&t, "a", 0);
		ended(&t, "b", 1);
		if (dag_run_find(t.flow, "x")->status == DAG_RUNNING)
			ended(&t, "x", 0);
		if (strcmp(dag_status_words[dag_run_find(t.flow, "x")->status], cases[i].stand) != 0)
			fail_msg("%s: %s", cases[i].entries, stand(&t));
		assert_int_equal(t.flow->status, DAG_FAILED);
	}
}

static void a_step_that_parent_status_names_is_waited_for_though_it_is_no_parent(void **state)
{
	CLEANUP(talk_done) struct curl_exchange t;

	talk_init(&t, "steps: {x: {executionParameters: {parentStatus: [{condition: all-of,"
	              " parents: [a], status: [failure]}]}}, a: {}}", NULL);
	assert_string_equal(tick(&t), "a");
	assert_string_equal(ended(&t, "a", 1), "x");
}

/* ---- conditional ---- */

static void conditions_compare_output_parameters_as_text(void **state)
{
	static const struct { const char *condition, *stand, *message; } cases[] = {
		{ "[{condition: equals, stepName: a, paramName: ROWS, value: '5'}]", "Running", "" },
		{ "[{condition: equals, stepName: a, paramName: ROWS, value: 5}]", "Running", "" },
		{ "[{condition: not-equals, stepName: a, paramName: ROWS, value: '5'}]", "Skipped",
		  "conditional[0] does not hold: \"ROWS\" of step \"a\" is \"5\"" },
		{ "[{condition: equals, stepName: a, paramName: ROWS, value: '05'}]", "Skipped",
		  "conditional[0] does not hold: \"ROWS\" of step \"a\" is not \"05\"" },
		{ "[{condition: equals, stepName: a, paramName: ROWS, value: 5},"
		  " {condition: not-equals, stepName: a, paramName: MODE, value: full}]", "Skipped",
		  "conditional[1] does not hold: \"MODE\" of step \"a\" is \"full\"" },
		{ "[{condition: equals, stepName: a, paramName: NONE, value: '5'}]", "Failed",
		  "conditional[0] cannot be evaluated: step \"a\" wrote no output parameter \"NONE\"" },
		{ "[{condition: over, stepName: a, paramName: ROWS, value: '5'}]", "Failed",
		  "conditional[0]: expected equals or not-equals as condition" },
		{ "[{condition: equals, stepName: a, value: '5'}]", "Failed",
		  "conditional[0]: expected a paramName and a value" },
		{ "[{condition: equals, stepName: z, paramName: ROWS, value: '5'}]", "Failed",
		  "executionParameters.conditional[0] names \"z\", which is not a step of the workflow" },
		{ "[{condition: equals, stepName: y, paramName: ROWS, value: '5'}]", "Failed",
		  "executionParameters names step \"y\", which waits for this one" },
		{ "[{condition: equals, stepName: x, paramName: ROWS, value: '5'}]", "Failed",
		  "executionParameters names step \"x\", which waits for this one" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(talk_done) struct curl_exchange t;
		CLEANUP(buf_done) struct buf yaml = BUF_TEXT;

		buf_addf(&yaml, "steps: {y: {parents: [x]}, x: {parents: [a], executionParameters: "
		                "{conditional: %s}}, a: {}}", cases[i].condition);
		talk_init(&t, buf_str(&yaml), NULL);
		assert_string_equal(tick(&t), "a");
		wrote(&t, "a", "{\"ROWS\": \"5\\n\", \"MODE\": \"full\"}");
		assert_string_equal(message(&t, "x"), cases[i].message);
		assert_string_equal(dag_status_words[dag_run_find(t.flow, "x")->status], cases[i].stand);
	}
}

static void entries_of_parent_status_that_cannot_be_judged_fail_the_step(void **state)
{
	static const struct { const char *entry, *message; } cases[] = {
		{ "{condition: none-of, parents: [a], status: [success]}",
		  "parentStatus[0]: expected all-of or one-of as condition" },
		{ "{condition: all-of, parents: [], status: [success]}",
		  "parentStatus[0]: no parents are named" },
		{ "{condition: all-of, parents: [a], status: []}", "parentStatus[0]: no status is named" },
		{ "{condition: all-of, parents: [a], status: [Success]}",
		  "parentStatus[0]: expected success or failure as status" },
		{ "{condition: all-of, parents: [z], status: [success]}",
		  "executionParameters.parentStatus[0] names \"z\", which is not a step of the workflow" },
		{ "{condition: all-of, parents: [1], status: [success]}",
		  "executionParameters.parentStatus[0] names \"\", which is not a step of the workflow" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(talk_done) struct curl_exchange t;
		CLEANUP(buf_done) struct buf yaml = BUF_TEXT;

		buf_addf(&yaml, "steps: {a: {}, x: {parents: [a], executionParameters: "
		                "{parentStatus: [%s]}}}", cases[i].entry);
		talk_init(&t, buf_str(&yaml), NULL);
		tick(&t);
		assert_string_equal(ended(&t, "a", 0), "over");
		assert_string_equal(message(&t, "x"), cases[i].message);
		assert_string_equal(stand(&t), "Failed: a Success, x Failed");
	}
}

static void a_condition_that_does_not_hold_leaves_out_its_branch(void **state)
{
	CLEANUP(talk_done) struct curl_exchange t;

	talk_init(&t, "steps: {a: {}, b: {parents: [a], executionParameters: {conditional: [{condition: "
	              "equals, stepName: a, paramName: P, value: x}]}}, c: {parents: [b]}, "
	              "d: {parents: [a]}}", NULL);
	tick(&t);
	assert_string_equal(wrote(&t, "a", "{\"P\": \"y\"}"), "d");
	assert_string_equal(ended(&t, "d", 0), "over");
	assert_string_equal(stand(&t), "Success: a Success, b Skipped, c Skipped, d Success");
}

/* Each names the other; neither can be asked, and no run may wait for ever. */
static void steps_whose_conditions_name_each_other_both_fail(void **state)
{
	CLEANUP(talk_done) struct curl_exchange t;

	talk_init(&t, "steps: {a: {executionParameters: {parentStatus: [{condition: all-of, parents: "
	              "[b], status: [success]}]}}, b: {executionParameters: {parentStatus: [{condition: "
	              "all-of, parents: [a], status: [failure]}]}}}", NULL);
	assert_string_equal(tick(&t), "over");
	assert_string_equal(stand(&t), "Failed: a Failed, b Failed");
}

/* ---- skip ---- */

static void skip_leaves_out_the_step_and_skip_dag_all_below(void **state)
{
	static const struct { const char *skip, *stand; } cases[] = {
		{ "{skip: false, skipDAG: false}", "Running: a Success, b Running, c Pending, d Pending" },
		{ "{skip: true}", "Running: a Success, b Skipped, c Running, d Pending" },
		{ "{skipDAG: true}", "Success: a Success, b Skipped, c Skipped, d Skipped" },
		{ "{skip: true, skipDAG: true}", "Success: a Success, b Skipped, c Skipped, d Skipped" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(talk_done) struct curl_exchange t;
		CLEANUP(buf_done) struct buf yaml = BUF_TEXT;

		/* d takes any end of a, and is left out all the same. */
		buf_addf(&yaml, "steps: {a: {}, b: {parents: [a], runConfiguration: {skipConfiguration: %s}},"
		                " c: {parents: [b]}, d: {parents: [c], executionParameters: {parentStatus: "
		                "[{condition: all-of, parents: [a], status: [success]}]}}}", cases[i].skip);
		talk_init(&t, buf_str(&yaml), NULL);
		tick(&t);
		ended(&t, "a", 0);
		assert_string_equal(stand(&t), cases[i].stand);
	}
}

static void a_failure_is_not_hidden_by_a_skipped_step_between(void **state)
{
	CLEANUP(talk_done) struct curl_exchange t;

	talk_init(&t, "steps: {a: {}, b: {parents: [a], runConfiguration: {skipConfiguration: "
	              "{skip: true}}}, c: {parents: [b]}}", NULL);
	tick(&t);
	assert_string_equal(ended(&t, "a", 1), "over");
	assert_string_equal(stand(&t), "Failed: a Failed, b Skipped, c Skipped");
}

/* ---- stepsToRun ---- */

static void steps_to_run_choose_steps_and_what_depends_on_them(void **state)
{
	static const char body[] = "steps: {a: {}, b: {parents: [a]}, c: {parents: [b]}, d: {parents: [c]}}";
	static const struct { const char *list, *said; } cases[] = {
		{ "[]", "a b c d" },
		{ "null", "a b c d" },
		{ "[{\"stepName\": \"b\"}]", "b" },
		{ "[{\"stepName\": \"b\", \"runDAG\": true}]", "b c d" },
		{ "[{\"stepName\": \"d\"}, {\"stepName\": \"a\", \"runDAG\": false}]", "a d" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(talk_done) struct curl_exchange t;
		CLEANUP(buf_done) struct buf execute = BUF_TEXT;
		const char *said = "";

		buf_addf(&execute, "{\"stepsToRun\": %s}", cases[i].list);
		talk_init(&t, body, buf_str(&execute));
		for (const char *step = tick(&t); strcmp(step, "over") != 0; step = ended(&t, step, 0)) {
			step = arena_strdup(&t.a, step);
			said = arena_printf(&t.a, "%s%s%s", said, *said ? " " : "", step);
		}
		assert_string_equal(said, cases[i].said);
		assert_int_equal(t.flow->status, DAG_SUCCESS);
	}
}

static void what_steps_to_run_leave_out_is_not_asked(void **state)
{
	CLEANUP(talk_done) struct curl_exchange t;

	talk_init(&t, "steps: {a: {}, b: {parents: [a], executionParameters: {conditional: [{condition: "
	              "equals, stepName: a, paramName: P, value: x}], parentStatus: [{condition: all-of,"
	              " parents: [a], status: [failure]}]}}}", "{\"stepsToRun\": [{\"stepName\": \"b\"}]}");
	assert_string_equal(tick(&t), "b");
	assert_string_equal(ended(&t, "b", 0), "over");
	assert_string_equal(stand(&t), "Success: a Skipped, b Success");
	assert_string_equal(message(&t, "a"), "not among the steps to run");
	assert_true(dag_run_find(t.flow, "a")->left_out);
	assert_false(dag_run_find(t.flow, "b")->left_out);
}

/* ---- retries ---- */

static void retries_wait_as_the_options_say(void **state)
{
	static const struct { const char *workflow, *step; int codes[6]; int waits[6]; } cases[] = {
		{ "null", "null", { 1 }, { -1 } },
		{ "{}", "null", { 1, 1, 1, 1 }, { 5, 5, 5, -1 } },
		{ "{duration: 10, numberOfRetries: 1}", "null", { 1, 1 }, { 10, -1 } },
		{ "{numberOfRetries: 1}", "{numberOfRetries: 2, duration: 0}", { 1, 1, 1 }, { 0, 0, -1 } },
		/* As a whole: the workflow's duration is not taken over. */
		{ "{duration: 10}", "{numberOfRetries: 1}", { 1, 1 }, { 5, -1 } },
		{ "{numberOfRetries: 5}", "{numberOfRetries: 0}", { 1 }, { -1 } },
		{ "{exponentialBackoff: true, duration: 120, numberOfRetries: 5}", "null",
		  { 1, 1, 1, 1, 1, 1 }, { 120, 240, 480, 960, 1920, -1 } },
		{ "{exitCodes: [3, 75]}", "null", { 75, 3, 1 }, { 5, 5, -1 } },
		{ "{exitCodes: []}", "null", { 9, 0 }, { 5, -1 } },
		{ "{numberOfRetries: 99, duration: 999}", "null", { 1, 1, 1, 1, 1, 1 },
		  { 120, 120, 120, 120, 120, -1 } },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(talk_done) struct curl_exchange t;
		CLEANUP(buf_done) struct buf yaml = BUF_TEXT;
		size_t n = 0;

		buf_addf(&yaml, "retryOptions: %s\nsteps: {a: {runConfiguration: {retryOptions: %s}}}\n",
		         cases[i].workflow, cases[i].step);
		talk_init(&t, buf_str(&yaml), NULL);
		assert_string_equal(tick(&t), "a");
		for (; cases[i].waits[n] >= 0; n++) {
			char again[] = { 'a', '#', (char)('2' + n), '\0' };
			const char *said = ended(&t, "a", cases[i].codes[n]);
			assert_string_equal(stand(&t), "Running: a Running");
			if (cases[i].waits[n] > 0) {
				assert_string_equal(said, "");
				said = wait_for(&t, cases[i].waits[n] * SECOND);
			}
			assert_string_equal(said, again);
		}
		assert_string_equal(ended(&t, "a", cases[i].codes[n]), "over");
		assert_string_equal(stand(&t), cases[i].codes[n] ? "Failed: a Failed" : "Success: a Success");
		assert_int_equal(dag_run_find(t.flow, "a")->attempts, n + 1);
		assert_int_equal(dag_run_find(t.flow, "a")->started, BEGIN);
		assert_int_equal(dag_run_find(t.flow, "a")->finished, t.now);
	}
}

static void a_step_that_waits_for_its_retry_leaves_its_place_to_another(void **state)
{
	CLEANUP(talk_done) struct curl_exchange t;

	talk_init(&t, "steps: {a: {runConfiguration: {retryOptions: {}}}, b: {}}", NULL);
	t.places = 1;
	assert_string_equal(tick(&t), "a (1 wait)");
	assert_string_equal(ended(&t, "a", 1), "b");
	t.places = 0;
	assert_string_equal(wait_for(&t, 5 * SECOND), "(1 wait)");
	t.places = 1;
	assert_string_equal(ended(&t, "b", 0), "a#2");
}

static void what_left_no_code_is_tried_again_only_after_any_failure(void **state)
{
	static const struct { enum dag_event_kind kind; const char *given, *message; } cases[] = {
		{ DAG_BROKEN, "the secret \"s\" is not there", "the secret \"s\" is not there" },
		{ DAG_BROKEN, NULL, "it could not start" },
		{ DAG_LOST, NULL, "the service ended while it ran" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(talk_done) struct curl_exchange t;

		talk_init(&t, "steps: {any: {runConfiguration: {retryOptions: {}}}, one: {runConfiguration: "
		              "{retryOptions: {exitCodes: [1, -1]}}}}", NULL);
		tick(&t);
		assert_string_equal(gone(&t, "one", cases[i].kind, cases[i].given), "");
		assert_string_equal(gone(&t, "any", cases[i].kind, cases[i].given), "");
		assert_string_equal(stand(&t), "Running: any Running, one Failed");
		assert_string_equal(message(&t, "one"), cases[i].message);
		assert_int_equal(dag_run_find(t.flow, "one")->code, -1);
		assert_string_equal(wait_for(&t, 5 * SECOND), "any#2");
	}
}

static void what_is_refused_is_not_tried_again(void **state)
{
	CLEANUP(talk_done) struct curl_exchange t;

	talk_init(&t, "steps: {a: {type: sql, runConfiguration: {retryOptions: {}}}}", NULL);
	tick(&t);
	assert_string_equal(gone(&t, "a", DAG_REFUSED, "no command is configured for sql"), "over");
	assert_string_equal(stand(&t), "Failed: a Failed");
	assert_string_equal(message(&t, "a"), "no command is configured for sql");
}

static void a_step_that_never_began_begins_again_and_is_not_counted(void **state)
{
	CLEANUP(talk_done) struct curl_exchange t;

	talk_init(&t, "steps: {a: {}}", NULL);
	tick(&t);
	t.places = 0;
	assert_string_equal(gone(&t, "a", DAG_UNBEGUN, NULL), "(1 wait)");
	assert_string_equal(stand(&t), "Running: a Pending");
	t.places = 1;
	t.now += SECOND;
	assert_string_equal(tick(&t), "a");
	assert_int_equal(dag_run_find(t.flow, "a")->started, BEGIN + SECOND);
	assert_string_equal(stop(&t, NULL), "stop a");
	assert_string_equal(gone(&t, "a", DAG_UNBEGUN, NULL), "over");
	assert_string_equal(stand(&t), "Stopped: a Stopped");
	assert_string_equal(message(&t, "a"), "stopped before it started");
	assert_int_equal(dag_run_find(t.flow, "a")->attempts, 0);
}

static void an_answer_is_good_from_200_to_299(void **state)
{
	static const struct { int status; const char *stand, *message; } cases[] = {
		{ 200, "Success: a Success", "" },
		{ 299, "Success: a Success", "" },
		{ 0, "Failed: a Failed", "the answer has status 0" },
		{ 302, "Failed: a Failed", "the answer has status 302" },
		{ 503, "Running: a Running", "the answer has status 503" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(talk_done) struct curl_exchange t;

		talk_init(&t, "steps: {a: {type: http, runConfiguration: {retryOptions: "
		              "{exitCodes: [503]}}}}", NULL);
		tick(&t);
		ended(&t, "a", cases[i].status);
		assert_string_equal(stand(&t), cases[i].stand);
		assert_string_equal(message(&t, "a"), cases[i].message);
	}
}

/* ---- time ---- */

static void a_step_that_takes_too_long_is_ended_once_and_has_failed(void **state)
{
	CLEANUP(talk_done) struct curl_exchange t;

	talk_init(&t, "steps: {a: {stepTimeout: 30, runConfiguration: {retryOptions: {exitCodes: [143], "
	              "numberOfRetries: 1}}}}", NULL);
	tick(&t);
	assert_string_equal(wait_for(&t, 30 * SECOND), "timeout a");
	assert_string_equal(tick(&t), "");
	assert_int_equal(t.wake, -1);
	t.now += SECOND;
	assert_string_equal(ended(&t, "a", 143), "");
	assert_string_equal(wait_for(&t, 5 * SECOND), "a#2");
	assert_string_equal(wait_for(&t, 30 * SECOND), "timeout a");
	assert_string_equal(ended(&t, "a", 0), "over");
	assert_string_equal(stand(&t), "Failed: a Failed");
	assert_string_equal(message(&t, "a"), "it took longer than its stepTimeout of 30 seconds");
}

static void a_step_that_ends_as_its_time_runs_out_has_ended_by_itself(void **state)
{
	CLEANUP(talk_done) struct curl_exchange t;

	talk_init(&t, "steps: {a: {stepTimeout: 30}, b: {stepTimeout: 0}}", NULL);
	tick(&t);
	t.now += MINUTE;
	assert_string_equal(ended(&t, "a", 0), "");
	assert_string_equal(ended(&t, "b", 0), "over");
	assert_string_equal(stand(&t), "Success: a Success, b Success");
}

static void a_clock_that_is_set_back_makes_nothing_wait_longer(void **state)
{
	CLEANUP(talk_done) struct curl_exchange t;

	talk_init(&t, "steps: {a: {stepTimeout: 30}}", NULL);
	tick(&t);
	t.now -= 60 * MINUTE;
	assert_string_equal(tick(&t), "");
	assert_string_equal(wait_for(&t, 30 * SECOND), "timeout a");
	ended(&t, "a", 143);
	assert_int_equal(t.flow->finished, BEGIN + 30 * SECOND);
}

/* ---- stop ---- */

static void a_stop_ends_what_runs_and_begins_nothing(void **state)
{
	CLEANUP(talk_done) struct curl_exchange t;

	talk_init(&t, "steps: {a: {}, b: {runConfiguration: {retryOptions: {}}}, c: {parents: [a]}, "
	              "d: {}, e: {stepTimeout: 1}}", NULL);
	tick(&t);
	ended(&t, "d", 0);
	ended(&t, "b", 1);
	t.now += SECOND;
	assert_string_equal(tick(&t), "timeout e");
	assert_string_equal(stop(&t, "ann"), "stop a");
	assert_string_equal(stand(&t), "Stopping: a Running, b Stopped, c Stopped, d Success, e Running");
	assert_string_equal(stop(&t, "bob"), "");
	assert_string_equal(ended(&t, "e", 143), "");
	assert_string_equal(ended(&t, "a", 0), "over");
	assert_string_equal(stand(&t), "Stopped: a Stopped, b Stopped, c Stopped, d Success, e Stopped");
	assert_string_equal(t.flow->stopped_by, "ann");
	assert_string_equal(message(&t, "b"), "stopped before its next attempt");
	assert_string_equal(message(&t, "c"), "stopped before it started");
	assert_string_equal(message(&t, "a"), "stopped");
	assert_string_equal(stop(&t, "bob"), "over");
}

static void a_stop_before_anything_began_ends_the_run_at_once(void **state)
{
	CLEANUP(talk_done) struct curl_exchange t;

	talk_init(&t, "watchers: [{user: u, events: {success: true, fail: true}}]\n"
	              "steps: {a: {}, b: {parents: [a]}}\n", NULL);
	assert_string_equal(stop(&t, NULL), "over");
	assert_string_equal(stand(&t), "Stopped: a Stopped, b Stopped");
	assert_null(t.flow->stopped_by);
}

/* ---- watchers ---- */

static void watchers_are_told_of_what_they_asked_for(void **state)
{
	static const char watchers[] =
		"watchers: [{user: a, events: {success: true, fail: false}}, {user: b, events: {fail: true}},"
		" {user: c, events: {runtimeExceeded: 30, success: true}}, {user: d, events: {}},"
		" {user: e, events: {runtimeExceeded: 0.5}}, {user: f, events: {runtimeExceeded: 0}}]\n"
		"steps: {a: {}}\n";
	CLEANUP(talk_done) struct curl_exchange t, u;

	talk_init(&t, watchers, NULL);
	tick(&t);
	assert_string_equal(wait_for(&t, MINUTE / 2), "tell 4 runtimeExceeded");
	assert_string_equal(tick(&t), "");
	assert_string_equal(wait_for(&t, 29 * MINUTE + MINUTE / 2), "tell 2 runtimeExceeded");
	assert_int_equal(t.wake, -1);
	assert_string_equal(ended(&t, "a", 0), "tell 0 success tell 2 success over");
	assert_string_equal(tick(&t), "over");

	talk_init(&u, watchers, NULL);
	tick(&u);
	assert_string_equal(ended(&u, "a", 1), "tell 1 fail over");
	assert_string_equal(node_get_text(u.action.tells[0].watcher, "user"), "b");
}

/* ---- parameters ---- */

static const char *env_of(struct curl_exchange *t, size_t start)
{
	return tree_text(&t->a, t->action.starts[start].env);
}

static void the_environment_is_merged_from_all_that_gives_values(void **state)
{
	CLEANUP(talk_done) struct curl_exchange t;

	talk_init(&t,
		"steps:\n"
		"  a: {parameters: {env: {E: env, N: 1, Z: null}, secrets: [s1, s2]}}\n"
		"  b: {parents: [a], parameters: {env: {A: env, B: env, C: env, D: env},"
		" inherit: {B: OUT, C: OUT, D: OUT, G: GONE}}}\n",
		"{\"params\": {\"global\": {\"C\": \"global\", \"D\": \"global\"}, \"stepWise\": "
		"{\"b\": {\"D\": \"step\", \"X\": 7, \"Y\": true}}}}");
	tick(&t);
	assert_string_equal(env_of(&t, 0), "{\"E\":\"env\",\"N\":\"1\",\"C\":\"global\",\"D\":\"global\"}");
	assert_string_equal(tree_text(&t.a, t.action.starts[0].secrets), "[\"s1\",\"s2\"]");
	assert_string_equal(tree_text(&t.a, t.action.starts[0].missing), "[]");
	wrote(&t, "a", "{\"OUT\": \"two\\nlines\\r\\n\\n\"}");
	assert_string_equal(env_of(&t, 0), "{\"A\":\"env\",\"B\":\"two\\nlines\",\"C\":\"global\","
	                    "\"D\":\"step\",\"X\":\"7\",\"Y\":\"true\"}");
	assert_null(t.action.starts[0].secrets);
	assert_string_equal(tree_text(&t.a, t.action.starts[0].missing), "[\"G\"]");
}

static void inherit_takes_what_the_nearest_step_before_wrote(void **state)
{
	CLEANUP(talk_done) struct curl_exchange t;

	talk_init(&t,
		"steps:\n"
		"  far: {}\n"
		"  near: {parents: [far]}\n"
		"  other: {}\n"
		"  aside: {}\n"
		"  x: {parents: [near, other], parameters: {inherit: {P: P, Q: Q, R: R, S: S}},"
		" runConfiguration: {retryOptions: {duration: 0}}}\n", NULL);
	assert_string_equal(tick(&t), "far other aside");
	wrote(&t, "aside", "{\"S\": \"aside\"}");
	wrote(&t, "far", "{\"P\": \"far\", \"Q\": \"far\", \"R\": \"far\"}");
	wrote(&t, "near", "{\"P\": \"near\"}");
	wrote(&t, "other", "{\"P\": \"other\", \"R\": \"other\"}");
	assert_string_equal(env_of(&t, 0), "{\"P\":\"near\",\"Q\":\"far\",\"R\":\"other\"}");
	assert_string_equal(tree_text(&t.a, t.action.starts[0].missing), "[\"S\"]");

	/* What its own first attempt wrote is no answer. */
	tell(&t, (struct dag_event){ .kind = DAG_ENDED, .step = "x", .code = 1,
	                              .outputs = tree_json(&t.a, "{\"S\": \"own\"}") });
	assert_string_equal(buf_str(&t.said), "x#2");
	assert_string_equal(env_of(&t, 0), "{\"P\":\"near\",\"Q\":\"far\",\"R\":\"other\"}");
}

/* ---- the saved run ---- */

static void a_run_is_saved_as_what_is_not_as_at_the_beginning(void **state)
{
	CLEANUP(talk_done) struct curl_exchange t;

	talk_init(&t, "watchers: [{user: u, events: {runtimeExceeded: 1}}]\n"
	              "steps: {a: {}, b: {parents: [a]}, c: {stepTimeout: 60}}\n", NULL);
	tick(&t);
	wrote(&t, "a", "{\"P\": \"1\"}");
	t.now += MINUTE;
	tick(&t);
	stop(&t, "ann");
	assert_string_equal(tree_text(&t.a, dag_run_save(&t.a, t.flow)),
		"{\"version\":1,\"status\":\"Stopping\",\"began\":1700000000000,\"now\":1700000060000,"
		"\"stoppedBy\":\"ann\",\"told\":[0],\"steps\":{"
		"\"a\":{\"phase\":\"over\",\"status\":\"Success\",\"counts\":\"success\",\"attempts\":1,"
		"\"started\":1700000000000,\"began\":1700000000000,\"finished\":1700000000000,\"code\":0,"
		"\"outputs\":{\"P\":\"1\"}},"
		"\"b\":{\"phase\":\"active\",\"status\":\"Running\",\"ending\":\"stop\",\"attempts\":1,"
		"\"started\":1700000000000,\"began\":1700000000000},"
		"\"c\":{\"phase\":\"active\",\"status\":\"Running\",\"ending\":\"stop\",\"attempts\":1,"
		"\"started\":1700000000000,\"began\":1700000000000}}}");
}

static void of_a_run_that_has_ended_no_output_is_saved(void **state)
{
	CLEANUP(talk_done) struct curl_exchange t;

	talk_init(&t, "steps: {a: {}, b: {parents: [a]}}\n", NULL);
	tick(&t);
	wrote(&t, "a", "{\"P\": \"a token\"}");
	assert_string_equal(tree_text(&t.a, node_at(dag_run_save(&t.a, t.flow), "/steps/a/outputs")), "{\"P\":\"a token\"}");
	wrote(&t, "b", "{\"Q\": \"another\"}");
	assert_true(t.action.over);
	assert_null(strstr(tree_text(&t.a, dag_run_save(&t.a, t.flow)), "outputs"));
}

static void a_saved_run_that_does_not_fit_is_refused(void **state)
{
#define HEAD	"\"version\":1,\"status\":\"Running\",\"began\":1,\"now\":1"
	static const struct { const char *saved, *msg; } cases[] = {
		{ "null", "expected version 1" },
		{ "{\"version\":2}", "expected version 1" },
		{ "{\"version\":1}", "status: expected that of a run" },
		{ "{\"version\":1,\"status\":\"Skipped\"}", "status: expected that of a run" },
		{ "{\"version\":1,\"status\":\"running\"}", "status: unknown word" },
		{ "{" HEAD ",\"stoppedBy\":1}", "expected a text in stoppedBy and a list in told" },
		{ "{" HEAD ",\"told\":[1]}", "told: expected indices of watchers" },
		{ "{" HEAD ",\"told\":[-1]}", "told: expected indices of watchers" },
		{ "{" HEAD ",\"shift\":-1}", "shift: expected a number from 0 to 4503599627370496" },
		{ "{" HEAD "}", "the saved run has other steps than the workflow" },
		{ "{" HEAD ",\"steps\":{\"a\":{},\"b\":{}}}", "the saved run has other steps than the workflow" },
		{ "{" HEAD ",\"steps\":{\"b\":{}}}", "step \"a\": expected a mapping" },
		{ "{" HEAD ",\"steps\":{\"a\":{\"phase\":\"x\"}}}", "step \"a\": phase: unknown word" },
		{ "{" HEAD ",\"steps\":{\"a\":{\"phase\":\"active\"}}}",
		  "step \"a\": it is running, but has no attempt" },
		{ "{" HEAD ",\"steps\":{\"a\":{\"phase\":\"retries\"}}}",
		  "step \"a\": it waits for a retry, but has no time for it" },
		{ "{" HEAD ",\"steps\":{\"a\":{\"attempts\":-1}}}",
		  "step \"a\": attempts: expected a number from 0 to 2147483647" },
		{ "{" HEAD ",\"steps\":{\"a\":{\"message\":1}}}", "step \"a\": message: expected a text" },
		{ "{" HEAD ",\"steps\":{\"a\":{\"outputs\":[]}}}", "step \"a\": outputs: expected a mapping" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		struct dag_run *flow = NULL;
		struct err err;
		const struct node *body = tree_yaml(&a, "watchers: [{user: u, events: {}}]\nsteps: {a: {}}");
		assert_false(dag_run_load(&a, body, NULL, tree_json(&a, cases[i].saved), &flow, &err));
		assert_null(flow);
		assert_string_equal(err.msg, cases[i].msg);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(steps_begin_when_all_their_parents_have_ended),
		cmocka_unit_test(a_workflow_without_steps_succeeds_at_once),
		cmocka_unit_test(no_more_steps_begin_than_there_are_places),
		cmocka_unit_test(a_failed_step_leaves_out_what_depends_on_it_and_nothing_else),
		cmocka_unit_test(what_cannot_be_run_is_refused),
		cmocka_unit_test(parent_status_says_when_a_step_is_to_run),
		cmocka_unit_test(a_step_that_parent_status_names_is_waited_for_though_it_is_no_parent),
		cmocka_unit_test(conditions_compare_output_parameters_as_text),
		cmocka_unit_test(entries_of_parent_status_that_cannot_be_judged_fail_the_step),
		cmocka_unit_test(a_condition_that_does_not_hold_leaves_out_its_branch),
		cmocka_unit_test(steps_whose_conditions_name_each_other_both_fail),
		cmocka_unit_test(skip_leaves_out_the_step_and_skip_dag_all_below),
		cmocka_unit_test(a_failure_is_not_hidden_by_a_skipped_step_between),
		cmocka_unit_test(steps_to_run_choose_steps_and_what_depends_on_them),
		cmocka_unit_test(what_steps_to_run_leave_out_is_not_asked),
		cmocka_unit_test(retries_wait_as_the_options_say),
		cmocka_unit_test(a_step_that_waits_for_its_retry_leaves_its_place_to_another),
		cmocka_unit_test(what_left_no_code_is_tried_again_only_after_any_failure),
		cmocka_unit_test(what_is_refused_is_not_tried_again),
		cmocka_unit_test(a_step_that_never_began_begins_again_and_is_not_counted),
		cmocka_unit_test(an_answer_is_good_from_200_to_299),
		cmocka_unit_test(a_step_that_takes_too_long_is_ended_once_and_has_failed),
		cmocka_unit_test(a_step_that_ends_as_its_time_runs_out_has_ended_by_itself),
		cmocka_unit_test(a_clock_that_is_set_back_makes_nothing_wait_longer),
		cmocka_unit_test(a_stop_ends_what_runs_and_begins_nothing),
		cmocka_unit_test(a_stop_before_anything_began_ends_the_run_at_once),
		cmocka_unit_test(watchers_are_told_of_what_they_asked_for),
		cmocka_unit_test(the_environment_is_merged_from_all_that_gives_values),
		cmocka_unit_test(inherit_takes_what_the_nearest_step_before_wrote),
		cmocka_unit_test(a_run_is_saved_as_what_is_not_as_at_the_beginning),
		cmocka_unit_test(of_a_run_that_has_ended_no_output_is_saved),
		cmocka_unit_test(a_saved_run_that_does_not_fit_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
