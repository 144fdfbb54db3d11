#include "reconcile/plan/task_outcome.h"

#include <string.h>

#include "reconcile/plan/request_body.h"
#include "reconcile/plan/task_plan.h"
#include "reconcile/plan/task_record.h"
#include "reconcile/plan/task_saved.h"
#include "reconcile/plan/task_spec.h"

enum { STATUS_FORBIDDEN = 403 };

static void set_result(struct workflow_task *t, enum result result, const char *error)
{
	t->step->result = result;
	t->step->error = arena_strdup_or_null(t->cycle->arena, error);
}

/* Answers come in any order, the report is the same: the first is that of the specs.  True if it is this one so far. */
static bool count_workflow(struct tally *tally, const struct workflow_task *t)
{
	bool first = tally->count++ == 0 || t->spec < tally->first;

	if (first) {
		tally->name = t->step->name;
		tally->first = t->spec;
	}
	return first;
}

static const char *list_paths(struct workflow_task *t, const char *words, const struct diff *diff)
{
	for (size_t i = 0; i < diff->count; i++)
		words = arena_printf(&t->arena, "%s%s %s", words, i ? "," : "", diff->items[i].path);
	return words;
}

/* ---- of a plan ---- */

const char *task_outcome_note(const struct workflow_task *t, bool changes, bool tags, bool pause)
{
	if (pause)
		return "an update by flowsync resumed this paused workflow; it is paused again";
	if (tags && (!t->marked || task_plan_renews_tags(t)))
		return changes ? NULL : "already equal: flowsync's tags are added, because --mark is given";
	if (tags)
		return t->spec->prune ? "the tag flowsync-keep is removed: the spec no longer says prune: false"
		                      : "the tag flowsync-keep is added: the spec says prune: false";
	return NULL;
}

void task_outcome_masked(struct workflow_task *t, const char *path)
{
	set_result(t, RESULT_FAILED, arena_printf(&t->arena, "%s: \"(masked #...)\" stands for a secret that was not "
	                                          "shown, and is never sent; write the secret itself", path));
}

/* True if the service is known to drop our tags. */
static bool tags_never_stay(struct workflow_task *t)
{
	struct owner_tags m = owner_tags_read(&t->arena, node_get(t->call->answer, "tags"));

	return !m.body && settled_knows_tags(&t->arena, task_record_habits(t), NULL, &m);
}

const char *task_outcome_tags(struct workflow_task *t)
{
	if (t->marked || t->step->action != ACTION_NONE)
		return NULL;
	return tags_never_stay(t) ? "dropped" : "none";
}

void task_outcome_tally(struct workflow_task *t, const char *unseen, const char *tags)
{
	struct cycle *c = t->cycle;

	if (unseen && count_workflow(&c->unseen, t))
		c->unseen_path = arena_strdup(c->arena, unseen);
	if (tags)
		count_workflow(strcmp(tags, "dropped") == 0 ? &c->tagless : &c->unmarked, t);
}

void task_outcome_observed(struct workflow_task *t)
{
	struct cycle *c = t->cycle;
	const struct plan_step *s = t->step;
	bool write = s->action != ACTION_NONE;

	task_outcome_tally(t, s->diff.unseen_count ? s->diff.unseen[0] : NULL, task_outcome_tags(t));
	if (!t->known.record && t->marked && !(c->options.whole && !write))
		count_workflow(&c->unmatched, t);
	else if (!t->known.record && write)
		count_workflow(&c->unrecorded, t);
}

/* Only of a workflow that we never wrote (design, 6.1). */
void task_outcome_warn_of_loss(struct workflow_task *t)
{
	const char *lost = t->marked ? NULL : request_body_may_lose(&t->arena, task_spec_body(t), t->call->answer);

	if (lost)
		diagnostics_warn(t->cycle->faults, t->step->at, "workflow \"%s\": an update loses %s if it is set on the service, "
		           "which does not show it; declare it to keep it", t->step->name, lost);
}

/* ---- of a task that ends ---- */

void task_outcome_explain(struct workflow_task *t)
{
	const struct plan_step *s = t->step;

	if (s->result == RESULT_REFUSED)
		set_result(t, s->result, list_paths(t, "refused by the service:", &s->refused));
	else if (s->result != RESULT_FAILED && s->result != RESULT_DEFERRED)
		set_result(t, s->result, NULL);
}

void task_outcome_foreign(struct workflow_task *t)
{
	set_result(t, RESULT_CONFLICT, task_plan_conflict(t));
}

void task_outcome_stale_step(struct plan_step *s, const char *why)
{
	s->result = RESULT_CONFLICT;
	s->error = why;
	s->stale = true;
}

void task_outcome_stale(struct workflow_task *t)
{
	task_outcome_stale_step(t->step, task_saved_why_stale(t));
}

void task_outcome_inspected(struct workflow_task *t)
{
	set_result(t, RESULT_PLANNED, NULL);
	task_saved_note(t);
}

void task_outcome_vanished(struct workflow_task *t)
{
	t->step->action = ACTION_NONE;
	set_result(t, RESULT_UNCHANGED, NULL);
}

void task_outcome_not_deleted(struct workflow_task *t)
{
	set_result(t, RESULT_CONFLICT, "changed since it was listed; skipped");
}

void task_outcome_ambiguous(struct workflow_task *t)
{
	set_result(t, RESULT_CONFLICT, t->op->err.msg);
}

void task_outcome_not_begun(struct workflow_task *t)
{
	set_result(t, RESULT_DEFERRED, TASK_NOT_BEGUN);
}

void task_outcome_count_forbidden(struct cycle *c, int status)
{
	c->forbidden = status == STATUS_FORBIDDEN ? c->forbidden + 1 : 0;
	if (c->forbidden != CYCLE_FORBIDDEN_MAX)
		return;
	c->forbade = true;
	dispatch_stop(c->dispatch);
}

void task_outcome_given_up(struct workflow_task *t)
{
	t->step->http_status = t->op->status;
	task_outcome_count_forbidden(t->cycle, t->op->status);
	set_result(t, RESULT_DEFERRED, t->op->err.msg);
}

void task_outcome_busy(struct workflow_task *t)
{
	t->step->http_status = t->op->status;
	set_result(t, RESULT_DEFERRED, t->op->err.msg);
}

void task_outcome_unread(struct workflow_task *t, const char *why)
{
	set_result(t, RESULT_FAILED, why);
}

void task_outcome_failed(struct workflow_task *t)
{
	t->step->http_status = t->op->status;
	task_outcome_count_forbidden(t->cycle, t->op->status);
	set_result(t, RESULT_FAILED, t->op->err.msg);
}

void task_outcome_lost(struct workflow_task *t)
{
	t->step->http_status = t->op->status;
	set_result(t, RESULT_FAILED, arena_printf(&t->arena, "%s; it may have been created; the next cycle looks again",
	                                          t->op->err.msg));
}

void task_outcome_unverified(struct workflow_task *t)
{
	t->step->http_status = t->op->status;
	set_result(t, RESULT_FAILED, arena_printf(&t->arena, "written, but not verified: %s", t->op->err.msg));
}

void task_outcome_not_paused(struct workflow_task *t)
{
	t->step->http_status = t->op->status;
	set_result(t, RESULT_FAILED, arena_printf(&t->arena, "written, but the update resumed it, and it could not be "
	                                          "paused again: %s", t->op->err.msg));
}

void task_outcome_deleted(struct workflow_task *t)
{
	t->step->http_status = t->op->status;
	t->cycle->report->verdict.applied = true;
	set_result(t, RESULT_APPLIED, NULL);
}

void task_outcome_duplicate(struct workflow_task *t)
{
	const int64_t *ids = t->duplicates.ids;
	int64_t own = t->created.id;
	bool lowest = own < ids[0];

	set_result(t, RESULT_CONFLICT, arena_printf(&t->arena, "created more than once (ids %lld, %lld%s), and none is deleted: "
	           "%s; delete all but one", (long long)(lowest ? own : ids[0]), (long long)(lowest ? ids[0] : own),
	           t->duplicates.count > 1 ? ", ..." : "", t->duplicates.why));
}

static void warn_of_duplicate(struct workflow_task *t, int64_t deleted, int64_t kept)
{
	diagnostics_warn(t->cycle->faults, t->step->at, "workflow \"%s\": another run created it at the same time; id %lld "
	                 "was deleted, id %lld stays", t->step->name, (long long)deleted, (long long)kept);
}

void task_outcome_duplicates_gone(struct workflow_task *t)
{
	set_result(t, t->duplicates.result, t->duplicates.error);
	for (size_t i = 0; i < t->duplicates.count; i++)
		warn_of_duplicate(t, t->duplicates.ids[i], t->created.id);
}

/* ---- on the way ---- */

void task_outcome_duplicate_deleted(struct workflow_task *t)
{
	warn_of_duplicate(t, t->created.id, t->duplicates.ids[0]);
}

void task_outcome_written(struct workflow_task *t)
{
	t->cycle->report->verdict.applied = true;
	t->cycle->forbidden = 0;
	t->step->http_status = t->op->status;
}

/* Without a state only the cycle of the write can notice that the tags are missing. */
static void count_tagless(struct workflow_task *t)
{
	struct owner_tags shown = owner_tags_read(&t->arena, node_get(t->call->answer, "tags"));

	if (!shown.body)
		count_workflow(&t->cycle->tagless, t);
}

/* "Applied" does not say that these keys are gone. */
static void warn_of_blind_removals(struct workflow_task *t)
{
	const struct diff *diff = &t->step->diff;

	for (size_t i = 0; i < diff->count; i++)
		if (diff->items[i].blind)
			diagnostics_warn(t->cycle->faults, t->step->at, "workflow \"%s\": %s was removed from the spec; the service "
			           "does not show whether it is gone", t->step->name, diff->items[i].path);
}

void task_outcome_settled(struct workflow_task *t)
{
	struct plan_step *s = t->step;
	struct cycle *c = t->cycle;

	s->settled = diff_copy(&t->planned, &t->parts.settled);
	s->refused = diff_copy(&t->planned, &t->parts.refused);
	s->result = s->refused.count ? RESULT_REFUSED : RESULT_APPLIED;
	if (t->was_draft && !task_plan_has_status(t->call->answer, "Draft"))
		diagnostics_warn(c->faults, s->at, "workflow \"%s\": it was a draft, and the service published it with the update",
		           s->name);
	count_tagless(t);
	warn_of_blind_removals(t);
}

void task_outcome_paused(struct workflow_task *t)
{
	diagnostics_warn(t->cycle->faults, t->step->at, "workflow \"%s\": the update resumed it; it was paused again",
	           t->step->name);
}
