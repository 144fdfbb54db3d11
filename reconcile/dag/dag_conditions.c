#include "reconcile/dag/dag_conditions.h"

#include <string.h>

#include "reconcile/dag/dag_graph.h"

enum { SUCCESS = 1, FAILURE = 2, ANY = SUCCESS | FAILURE };

struct judge {
	const struct dag_run *run;
	const struct dag_vertex *v;
	const char **why;
};

#define set_reason(j, ...)	(*(j)->why = arena_printf((j)->run->arena, __VA_ARGS__))

static const struct node *get_list(const struct node *map, const char *key)
{
	const struct node *n = dag_given(map, key);

	return n && n->kind == NODE_LIST && n->count ? n : NULL;
}

/* The step that a condition names; NULL: stepsToRun leaves it out.  dag_graph_make() has checked that it exists. */
static const struct dag_step *find_named_step(const struct judge *j, const char *name)
{
	const struct dag_step *step = dag_run_find(j->run, name);

	return step && !step->left_out ? step : NULL;
}

/* ---- parents ---- */

static const struct dag_step *find_skipped_parent(const struct judge *j)
{
	for (size_t i = 0; i < j->v->parents.count; i++) {
		const struct dag_step *parent = &j->run->steps[j->v->parents.to[i]];
		if (parent->counts == COUNTS_SKIP_DAG)
			return parent;
	}
	return NULL;
}

static enum dag_verdict judge_plain_parents(const struct judge *j)
{
	for (size_t i = 0; i < j->v->parents.count; i++) {
		const struct dag_step *parent = &j->run->steps[j->v->parents.to[i]];
		if (parent->counts == COUNTS_SUCCESS)
			continue;
		set_reason(j, "step \"%s\" %s", parent->name,
		    parent->counts == COUNTS_FAILURE ? "failed" : "did not run");
		return VERDICT_SKIP;
	}
	return VERDICT_RUN;
}

static bool read_status_words(const struct judge *j, const struct node *list, size_t index, unsigned *out)
{
	for (size_t i = 0; list && i < list->count; i++) {
		const struct node *word = list->entries[i].value;
		if (word->kind == NODE_TEXT && strcmp(word->text, "success") == 0)
			*out |= SUCCESS;
		else if (word->kind == NODE_TEXT && strcmp(word->text, "failure") == 0)
			*out |= FAILURE;
		else
			return set_reason(j, "parentStatus[%zu]: expected success or failure as status",
			           index), false;
	}
	return *out || (set_reason(j, "parentStatus[%zu]: no status is named", index), false);
}

static bool ended_with(const struct dag_step *step, unsigned words)
{
	return words == ANY || (step->counts == COUNTS_SUCCESS && words == SUCCESS) ||
	       (step->counts == COUNTS_FAILURE && words == FAILURE);
}

static enum dag_verdict judge_parent_entry(const struct judge *j, const struct node *entry, size_t index)
{
	const struct node *parents = get_list(entry, "parents");
	const char *word = node_get_text(entry, "condition");
	bool all = word && strcmp(word, "all-of") == 0, one = word && strcmp(word, "one-of") == 0;
	size_t asked = 0, fitting = 0;
	unsigned words = 0;

	if (!all && !one)
		return set_reason(j, "parentStatus[%zu]: expected all-of or one-of as condition", index),
		       VERDICT_FAIL;
	if (!parents)
		return set_reason(j, "parentStatus[%zu]: no parents are named", index), VERDICT_FAIL;
	if (!read_status_words(j, get_list(entry, "status"), index, &words))
		return VERDICT_FAIL;
	for (size_t i = 0; i < parents->count; i++) {
		const struct dag_step *step = find_named_step(j, parents->entries[i].value->text);
		asked += step != NULL;
		fitting += step && ended_with(step, words);
	}
	if (asked == 0 || (all ? fitting == asked : fitting > 0))
		return VERDICT_RUN;
	set_reason(j, "parentStatus[%zu] does not hold", index);
	return VERDICT_SKIP;
}

static enum dag_verdict judge_parents(const struct judge *j, const struct node *entries)
{
	if (!entries)
		return judge_plain_parents(j);
	for (size_t i = 0; i < entries->count; i++) {
		enum dag_verdict verdict = judge_parent_entry(j, entries->entries[i].value, i);
		if (verdict != VERDICT_RUN)
			return verdict;
	}
	return VERDICT_RUN;
}

/* ---- output parameters ---- */

/* The reason does not show the value of the parameter, which may be a secret; the one that it is compared with is in the
 * workflow. */
static enum dag_verdict condition_holds(const struct judge *j, const struct node *c, size_t index)
{
	const char *word = node_get_text(c, "condition"), *param = node_get_text(c, "paramName");
	bool equals = word && strcmp(word, "equals") == 0;
	const struct node *value = node_get(c, "value");
	const char *wanted = value ? node_scalar_text(j->run->arena, value) : NULL;
	const struct dag_step *step = find_named_step(j, node_get_text(c, "stepName"));

	if (!equals && (!word || strcmp(word, "not-equals") != 0))
		return set_reason(j, "conditional[%zu]: expected equals or not-equals as condition", index),
		       VERDICT_FAIL;
	if (!param || !wanted)
		return set_reason(j, "conditional[%zu]: expected a paramName and a value", index),
		       VERDICT_FAIL;
	if (!step)
		return VERDICT_RUN;
	const char *found = node_get_text(step->outputs, param);
	if (!found)
		return set_reason(j, "conditional[%zu] cannot be evaluated: step \"%s\" wrote no output "
		           "parameter \"%s\"", index, step->name, param), VERDICT_FAIL;
	if ((strcmp(found, wanted) == 0) == equals)
		return VERDICT_RUN;
	set_reason(j, "conditional[%zu] does not hold: \"%s\" of step \"%s\" %s \"%s\"", index, param,
	    step->name, equals ? "is not" : "is", wanted);
	return VERDICT_SKIP;
}

static enum dag_verdict judge_rules(const struct judge *j)
{
	const struct node *all = dag_given(j->v->body, "executionParameters");
	const struct node *conditions = get_list(all, "conditional");

	if (j->v->unjudged) {
		*j->why = j->v->unjudged;
		return VERDICT_FAIL;
	}
	enum dag_verdict verdict = judge_parents(j, get_list(all, "parentStatus"));
	for (size_t i = 0; verdict == VERDICT_RUN && conditions && i < conditions->count; i++)
		verdict = condition_holds(j, conditions->entries[i].value, i);
	return verdict;
}

enum dag_verdict dag_conditions_judge(const struct dag_run *run, size_t at, const char **why)
{
	const struct judge j = { run, &run->graph->vertices[at], why };
	const struct dag_step *above = find_skipped_parent(&j);
	enum dag_verdict verdict;

	if (above)
		return set_reason(&j, "skipped with step \"%s\"", above->name), VERDICT_SKIP_DAG;
	if (!j.v->chosen) {
		verdict = judge_plain_parents(&j);
		*why = "not among the steps to run";
		return verdict == VERDICT_RUN ? VERDICT_PASS : verdict;
	}
	if (j.v->skip_dag)
		return *why = "skipDAG is set", VERDICT_SKIP_DAG;
	verdict = judge_rules(&j);
	if (!j.v->skip || verdict == VERDICT_SKIP)
		return verdict;
	*why = "skip is set";
	return VERDICT_PASS;
}
