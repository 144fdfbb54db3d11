#include "reconcile/plan/task_event.h"

#include "reconcile/plan/task_plan.h"
#include "reconcile/plan/task_saved.h"
#include "reconcile/plan/task_verify.h"

enum { STATUS_CONFLICT = 409 };

static bool is_gone(const struct workflow_task *t)
{
	return !t->call->op.ok && t->call->op.gone;
}

/* True if the service says that it carried out nothing. */
static bool is_rejected(const struct operation_task *op)
{
	return !op->ok && op->status >= 400 && op->status < 500;
}

/* "A workflow that was just created may be described late" (design, 6.4). */
static bool may_appear(const struct workflow_task *t)
{
	return is_gone(t) && !t->task.stopped && operation_pause(t->absences, TASK_APPEARS_MS) > 0;
}

static enum task_event plan_by_description(struct workflow_task *t)
{
	if (task_plan_conflict(t))
		return EVENT_FOREIGN;
	switch (task_plan_update(t)) {
	case PLAN_UPDATE:	return EVENT_CHANGED;
	case PLAN_PAUSE:	return EVENT_RESUMED;
	case PLAN_NOTHING:	break;
	}
	return EVENT_NOTHING;
}

static enum task_event assess_observation(struct workflow_task *t)
{
	if (is_gone(t))		/* it was deleted since it was listed */
		task_plan_create(t);
	if (!t->call->op.ok)
		return is_gone(t) ? EVENT_GONE : EVENT_FAILED;
	t->cycle->forbidden = 0;
	return plan_by_description(t);
}

/* After a lost answer: the workflow of that name may have been created by someone else meanwhile. */
static bool found_anothers(struct workflow_task *t)
{
	const struct listed *found = t->create->look.items;
	const char *owner = t->cycle->options.owner, *name = t->spec->name;

	if (t->create->answer)
		return false;
	return owner_tags_other_owner(&t->arena, &found->marker, owner, name) ||
	       (t->cycle->options.no_adopt && !owner_tags_owned(&t->arena, &found->marker, owner, name));
}

static enum task_event assess_create(struct workflow_task *t)
{
	const struct operation_create *create = t->create;

	t->step->attempts = create->sendings;
	if (create->op.ok) {
		t->step->id = create->id;
		return found_anothers(t) ? EVENT_EXISTS : EVENT_ACCEPTED;
	}
	if (create->lost)
		return EVENT_LOST;
	if (create->there_count > 1)
		return EVENT_AMBIGUOUS;
	if (create->there) {		/* it was created since the list was read */
		t->step->id = create->there;
		return EVENT_EXISTS;
	}
	return create->held_back ? EVENT_NOT_SENT : EVENT_FAILED;
}

/* "If it changed since the plan, the step is planned again; with a saved plan it is stale" (design, 6.4). */
static enum task_event stale_or(const struct workflow_task *t, enum task_event event)
{
	return task_saved_why_stale(t) ? EVENT_STALE : event;
}

static enum task_event assess_check(struct workflow_task *t)
{
	enum task_event event;

	/* A workflow to create that is listed now. */
	if (t->step->action == ACTION_CREATE && may_appear(t))
		return EVENT_ABSENT;
	if (is_gone(t) && t->step->action != ACTION_CREATE) {
		task_plan_create(t);
		return t->step->result == RESULT_PLANNED ? stale_or(t, EVENT_GONE) : EVENT_NOTHING;
	}
	event = t->call->op.ok ? plan_by_description(t) : EVENT_FAILED;
	return event == EVENT_CHANGED || event == EVENT_RESUMED ? stale_or(t, event) : event;
}

static enum task_event assess_busy(const struct workflow_task *t)
{
	return t->task.stopped || t->task.hurried || t->cycle->options.defer ? EVENT_OUT_OF_TIME : EVENT_BUSY;
}

static enum task_event assess_update(struct workflow_task *t)
{
	t->step->attempts += t->task.attempts;
	if (t->call->op.ok)
		return EVENT_ACCEPTED;
	if (t->call->op.status == STATUS_CONFLICT)
		return assess_busy(t);
	return is_rejected(&t->call->op) ? EVENT_REJECTED : EVENT_FAILED;
}

static enum task_event assess_verification(struct workflow_task *t)
{
	if (may_appear(t))
		return EVENT_ABSENT;
	return t->call->op.ok ? task_verify_description(t) : EVENT_FAILED;
}

static enum task_event assess_pause(struct workflow_task *t)
{
	return t->call->op.ok ? EVENT_ACCEPTED : EVENT_FAILED;
}

static enum task_event assess_inspection(struct workflow_task *t)
{
	if (!t->call->op.ok)
		return is_gone(t) ? EVENT_GONE : EVENT_FAILED;
	return task_plan_may_delete(t) ? EVENT_OURS : EVENT_FOREIGN;
}

static enum task_event assess_confirmation(struct workflow_task *t)
{
	enum task_event event = assess_inspection(t);

	if (event != EVENT_OURS)
		return event;
	task_saved_note(t);
	return stale_or(t, event);
}

static enum task_event assess_delete(struct workflow_task *t)
{
	t->step->attempts += t->task.attempts;
	if (t->call->op.ok || is_gone(t))
		return EVENT_ACCEPTED;
	return t->call->op.status == STATUS_CONFLICT ? assess_busy(t) : EVENT_FAILED;
}

/* ---- duplicates: another run created the workflow as well ---- */

/* Why the workflow that was just described counts as another's; NULL: the description could not be read, or it is ours. */
static enum task_event keep_both(struct workflow_task *t, const char *why)
{
	t->duplicates.why = arena_strdup(t->cycle->arena, t->op->ok ? why : t->op->err.msg);
	return EVENT_FOREIGN;
}

/* "A describe of the lowest id shows our owner and N and no other owner's tag" (design, 6.4). */
static enum task_event assess_lowest(struct workflow_task *t)
{
	struct owner_tags m = { 0 };

	if (may_appear(t))
		return EVENT_ABSENT;
	if (t->call->op.ok)
		m = owner_tags_read(&t->arena, node_get(t->call->answer, "tags"));
	if (owner_tags_owned(&t->arena, &m, t->cycle->options.owner, t->spec->name))
		return EVENT_OURS;
	return keep_both(t, "the one with the lowest id is not ours");
}

/* "A describe right before the delete shows the tags and D that this run wrote, no lastExecution, and a status other
 * than Running" (design, 6.4). */
static enum task_event assess_duplicate(struct workflow_task *t)
{
	const struct node *described = t->call->answer;

	/* One that could not be verified may appear later. */
	if (is_gone(t) && t->duplicates.result != RESULT_FAILED)
		return EVENT_GONE;
	if (!t->call->op.ok)
		return keep_both(t, NULL);
	struct owner_tags m = owner_tags_read(&t->arena, node_get(described, "tags"));
	if (!owner_tags_equal(&m, &t->created.tags) || !owner_tags_equal_digests(&m, &t->created.tags))
		return keep_both(t, "ours changed since it was created");
	if (!node_empty(node_get(described, "lastExecution")) || task_plan_has_status(described, "Running"))
		return keep_both(t, "ours has been executed");
	return EVENT_OURS;
}

static enum task_event assess_removal(struct workflow_task *t)
{
	return t->call->op.ok || is_gone(t) ? EVENT_ACCEPTED : keep_both(t, NULL);
}

/* The higher ids are not ours to delete: the runs that created them do that. */
static enum task_event assess_awaited(struct workflow_task *t)
{
	if (is_gone(t))
		return ++t->duplicates.next < t->duplicates.count ? EVENT_LATE : EVENT_NOTHING;
	if (t->call->op.ok && !t->task.stopped && operation_pause(t->tries, TASK_AWAIT_MS) > 0)
		return EVENT_LATE;
	return keep_both(t, "only the run that created the higher id may delete it");
}

static enum task_event (*const assess[])(struct workflow_task *) = {
	[STATE_OBSERVING] = assess_observation,
	[STATE_CREATING] = assess_create,
	[STATE_CHECKING] = assess_check,
	[STATE_UPDATING] = assess_update,
	[STATE_VERIFYING] = assess_verification,
	[STATE_PAUSING] = assess_pause,
	[STATE_INSPECTING] = assess_inspection,
	[STATE_CONFIRMING] = assess_confirmation,
	[STATE_DELETING] = assess_delete,
	[STATE_COMPARING] = assess_lowest,
	[STATE_WITHDRAWING] = assess_duplicate,
	[STATE_REMOVING] = assess_removal,
	[STATE_AWAITING] = assess_awaited,
};

/* A task that wrote is never given up: it goes on to its end. */
enum task_event task_event_read(struct workflow_task *t, const struct answer *answer)
{
	enum task_event event = assess[t->state](t);
	bool given_up = answer->failure == FAILURE_GIVEN_UP && !t->task.wrote;

	return event == EVENT_FAILED && given_up ? EVENT_GIVEN_UP : event;
}
