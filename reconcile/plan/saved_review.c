#include "reconcile/plan/saved_review.h"

#include <string.h>

#include "reconcile/plan/task_outcome.h"
#include "reconcile/plan/task_saved.h"

enum { REVIEW_NAMES_SHOWN = 5 };

size_t saved_review_room(const struct cycle *c)
{
	return c->options.saved ? c->options.saved->count : 0;
}

/* What failed, waits or is in conflict is reported as in any other sync. */
static void leave_unplanned(struct plan_step *s)
{
	if (s->result == RESULT_PLANNED)
		s->result = RESULT_UNPLANNED;
}

/* A step that has nothing left to do was applied already, by an earlier sync of the plan for example. */
static void review_spec_step(const struct workflow_task *t, const struct saved_step *saved)
{
	struct plan_step *s = t->step;
	const char *why = NULL;

	if (s->result == RESULT_SUSPENDED)
		why = "stale: its spec says suspend: true now";
	else if (saved->action == ACTION_DELETE && s->result != RESULT_FAILED && s->result != RESULT_DEFERRED)
		why = "stale: the plan deletes it, and it is declared again";
	else if (s->result == RESULT_PLANNED)
		why = task_saved_why_stale(t);
	else if (s->result == RESULT_UNCHANGED && s->digests && strcmp(s->digests->declared, saved->digests.declared) != 0)
		why = "stale: its spec is not the one of the plan";
	if (why)
		task_outcome_stale_step(s, why);
}

/* Whether it is as the plan says is seen right before the delete. */
static void review_delete(struct plan_step *s, const struct saved_step *saved)
{
	if (s->result == RESULT_PLANNED && saved->action != ACTION_DELETE)
		task_outcome_stale_step(s, "stale: it is no longer declared");
}

/* Perhaps under another name. */
static bool is_on_the_service(const struct cycle *c, const struct saved_step *saved)
{
	for (size_t i = 0; i < c->list.count; i++)
		if (c->list.items[i].id == saved->id || strcmp(c->list.items[i].name, saved->name) == 0)
			return true;
	return false;
}

/* The workflow of the step has another name on the service than the plan wanted to give it. */
static bool is_rename(const struct cycle *c, const struct saved_step *saved)
{
	for (size_t i = 0; i < c->list.count; i++)
		if (c->list.items[i].id == saved->id && strcmp(c->list.items[i].name, saved->name) != 0)
			return true;
	return false;
}

bool saved_review_holds_deletes(const struct cycle *c)
{
	const struct report *r = c->report;

	for (size_t i = 0; c->options.saved && i < r->step_count; i++) {
		const struct saved_step *saved = r->steps[i].stale ? saved_plan_find(c->options.saved, r->steps[i].name) : NULL;
		if (saved && (saved->action == ACTION_CREATE || (saved->action != ACTION_DELETE && is_rename(c, saved))))
			return true;
	}
	return false;
}

/* The plan has a step, and nothing is planned about the workflow. */
static void add_missing_step(struct cycle *c, const struct saved_step *saved)
{
	struct plan_step step = { .name = saved->name, .action = saved->action };

	if (saved->action != ACTION_DELETE) {
		task_outcome_stale_step(&step, "stale: it is no longer declared");
	} else if (!c->options.prune) {
		step.result = RESULT_DEFERRED;
		step.error = c->held ? c->held : "nothing is deleted in this sync: see its warnings";
	} else if (is_on_the_service(c, saved)) {
		task_outcome_stale_step(&step, "stale: it is no longer one to delete: its name or its tags changed, or a "
		                        "spec has it as renamed_from");
	} else {
		return;		/* it is gone, as the plan says */
	}
	step.reason = saved->action == ACTION_DELETE ? REASON_UNDECLARED : REASON_DECLARED;
	c->report->steps[c->report->step_count++] = step;
}

/* What the guards have to count now. */
static void count_deletes_again(struct cycle *c)
{
	const struct report *r = c->report;
	const char **names = arena_new(c->arena, const char *, r->step_count + 1);

	c->facts.deletes = 0;
	for (size_t i = c->count; i < r->step_count; i++)
		if (r->steps[i].result == RESULT_PLANNED)
			names[c->facts.deletes++] = r->steps[i].name;
	c->facts.delete_names = names;
}

static void warn_of_unplanned(struct cycle *c)
{
	const struct report *r = c->report;
	const char **names = arena_new(c->arena, const char *, r->step_count + 1);
	size_t count = 0;

	for (size_t i = 0; i < r->step_count; i++)
		if (r->steps[i].result == RESULT_UNPLANNED)
			names[count++] = r->steps[i].name;
	if (count)
		diagnostics_warn(c->faults, (struct pos){ 0 }, "%zu workflow%s would be changed by a sync, but not by this "
		                 "plan, and %s left alone: %s", count, count == 1 ? "" : "s", count == 1 ? "is" : "are",
		                 name_list(c->arena, names, count, REVIEW_NAMES_SHOWN, "\""));
}

void saved_review_steps(struct cycle *c)
{
	const struct saved_plan *plan = c->options.saved;
	struct report *r = c->report;
	bool *seen = arena_new(c->arena, bool, plan->count + 1);
	size_t planned = r->step_count;

	for (size_t i = 0; i < planned; i++) {
		const struct saved_step *saved = saved_plan_find(plan, r->steps[i].name);
		if (!saved) {
			leave_unplanned(&r->steps[i]);
			continue;
		}
		seen[saved - plan->steps] = true;
		if (i < c->count)
			review_spec_step(&c->tasks[i], saved);
		else
			review_delete(&r->steps[i], saved);
	}
	for (size_t i = 0; i < plan->count; i++)
		if (!seen[i])
			add_missing_step(c, &plan->steps[i]);
	count_deletes_again(c);
	warn_of_unplanned(c);
}
