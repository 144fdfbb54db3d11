#include "reconcile/plan/workflow_task.h"

#include <assert.h>
#include <string.h>

#include "reconcile/plan/task_event.h"
#include "reconcile/plan/task_outcome.h"
#include "reconcile/plan/task_plan.h"
#include "reconcile/plan/task_record.h"
#include "reconcile/plan/task_request.h"
#include "reconcile/plan/task_spec.h"
#include "reconcile/plan/task_verify.h"

enum {
	BUSY_FIRST_MS = 2000,	/* a running workflow is tried again until the cycle's time is over */
	BUSY_MOST_MS = 30000,
	LATE_MS = 1000,		/* "described again after a second": reads may be stale after a write */
};

/* ---- actions ---- */

/* After a refusal nothing of the create can appear later. */
static void reject_create(struct workflow_task *t)
{
	if (t->create->sendings)
		task_record_refused(t);
	task_outcome_failed(t);
}

/* From now on the workflow may appear; the time of the attempt counts from its end. */
static void lose_create(struct workflow_task *t)
{
	task_record_intend(t);
	task_outcome_lost(t);
}

/* The description right before the write is the first one. */
static void count_postponed(struct workflow_task *t)
{
	if (!t->postponed)
		return;
	task_outcome_observed(t);
	if (t->step->action != ACTION_NONE)
		task_outcome_warn_of_loss(t);
	t->postponed = false;
}

/* What is about to be written "is recorded before it is sent" (design, 5.3), so that a crash forgets no key; and "that it
 * was paused is recorded before an update" (design, 6.1), so that a crash does not resume it. */
static void update_workflow(struct workflow_task *t)
{
	count_postponed(t);
	task_record_intend(t);
	if (t->was_paused)
		task_record_pause(t);
	task_request_update(t);
}

static void write_second_time(struct workflow_task *t)
{
	t->round = ROUND_SECOND;
	task_request_update(t);
}

/* A tag for a difference that was visible for a moment only would, without a state, hide a real one later. */
static void correct_settled_tag(struct workflow_task *t)
{
	t->round = ROUND_CORRECTION;
	task_request_update(t);
}

/* What has to be known of a new workflow to tell later whether it is still as this cycle wrote it. */
static void note_created(struct workflow_task *t)
{
	struct owner_tags m = task_request_tags(t);
	struct arena *a = t->cycle->arena;

	if (t->state == STATE_CREATING) {
		t->created.id = t->step->id;
		t->created.answered = t->create->answer;
	}
	if (!t->created.id)
		return;
	t->created.tags = (struct owner_tags){
		.owner = m.owner, .name = arena_strdup(a, m.name), .body = arena_strdup(a, m.body),
		.settled = arena_strdup_or_null(a, m.settled), .keep = m.keep,
	};
}

/* Without a record and a tag of settled differences the service is taken to store what it is sent.  As a rule the
 * description shows that, and the record holds as it is. */
static const struct node *habits_after_write(struct workflow_task *t)
{
	const struct node *habits = task_record_habits(t);

	return habits || t->known.settled_tag ? habits : node_list(&t->arena);
}

/* The workflow was written: what may fail now does not undo that. */
static void verify_write(struct workflow_task *t)
{
	t->tries = t->absences = 0;
	note_created(t);
	task_outcome_written(t);
	task_record_write(t, habits_after_write(t), t->was_paused);
	task_request_description(t, 0);
}

static void verify_later(struct workflow_task *t)
{
	task_request_description(t, LATE_MS);
}

static void describe_when_shown(struct workflow_task *t)
{
	task_request_description(t, operation_pause(t->absences++, TASK_APPEARS_MS));
}

/* What was read and made for the last attempt is not needed any more: a workflow that runs for long is tried often. */
static void begin_attempt(struct workflow_task *t)
{
	arena_free(&t->arena);
	task_spec_free(t);
	memset(&t->known, 0, sizeof t->known);
	memset(&t->parts, 0, sizeof t->parts);
	t->removals = NULL;
	t->kept = NULL;
	t->call = NULL;
	t->create = NULL;
	t->op = NULL;
}

/* "409 (the workflow runs) is retried by a one-shot sync until its timeout" (design, 6.4).  The workflow is described
 * again each time, as it may be another one by then. */
static void retry_when_idle(struct workflow_task *t)
{
	int64_t wait = BUSY_FIRST_MS << (t->tries < 4 ? t->tries : 4);

	t->tries++;
	t->step->http_status = t->op->status;
	begin_attempt(t);
	task_request_description(t, wait < BUSY_MOST_MS ? wait : BUSY_MOST_MS);
}

static void retry_update(struct workflow_task *t)
{
	task_record_undo_pause(t);
	retry_when_idle(t);
}

static void defer_update(struct workflow_task *t)
{
	task_record_refused(t);
	task_record_undo_pause(t);
	task_outcome_busy(t);
}

static void reject_update(struct workflow_task *t)
{
	task_record_refused(t);
	task_record_undo_pause(t);
	task_outcome_failed(t);
}

static void describe_workflow(struct workflow_task *t)
{
	task_request_description(t, 0);
}

static void finish_plan(struct workflow_task *t)
{
	task_outcome_observed(t);
	task_outcome_warn_of_loss(t);
	task_outcome_explain(t);
}

static void finish_unchanged(struct workflow_task *t)
{
	task_outcome_observed(t);
	if (t->step->result == RESULT_UNCHANGED && t->cycle->options.apply)
		task_record_refresh(t);
	task_outcome_explain(t);
}

static void finish_settled(struct workflow_task *t)
{
	task_outcome_settled(t);
	task_record_write(t, task_verify_habits(t), false);
	task_outcome_explain(t);
}

static void pause_again(struct workflow_task *t)
{
	count_postponed(t);
	task_outcome_settled(t);
	t->habits = task_verify_habits(t);
	task_request_pause(t);
}

static void finish_paused(struct workflow_task *t)
{
	task_outcome_paused(t);
	task_record_write(t, t->habits, false);
	task_outcome_explain(t);
}

/* The spec may have been found applied only now: after a duplicate was deleted, or undone by hand since the plan. */
static void finish_check(struct workflow_task *t)
{
	bool look = t->postponed && t->call && t->call->op.ok;

	if (look)
		count_postponed(t);
	if (t->step->result == RESULT_UNCHANGED)
		task_record_refresh(t);
	if (look)
		warm_take_look(t);
	task_outcome_explain(t);
}

/* ---- duplicates ---- */

static void describe_lowest(struct workflow_task *t)
{
	task_request_description_of(t, t->duplicates.ids[0], 0);
}

static void describe_lowest_when_shown(struct workflow_task *t)
{
	task_request_description_of(t, t->duplicates.ids[0], operation_pause(t->absences++, TASK_APPEARS_MS));
}

/* From here on the workflow with the lowest id is that of the spec, as any that is observed. */
static void take_lowest(struct workflow_task *t)
{
	task_outcome_duplicate_deleted(t);
	task_record_drop(t);
	t->step->id = t->duplicates.ids[0];
	memset(&t->known, 0, sizeof t->known);
	t->absences = 0;
	task_request_description(t, 0);
}

static void await_removal(struct workflow_task *t)
{
	task_request_description_of(t, t->duplicates.ids[t->duplicates.next],
	                            operation_pause(t->tries++, TASK_AWAIT_MS));
}

/* The report shows what is deleted. */
static void delete_workflow(struct workflow_task *t)
{
	task_plan_removal(t);
	task_request_delete(t);
}

static void inspect_delete(struct workflow_task *t)
{
	task_plan_removal(t);
	task_outcome_inspected(t);
}

static void finish_deleted(struct workflow_task *t)
{
	task_outcome_deleted(t);
	task_record_drop(t);
}

/* ---- the table ---- */

struct transition {
	enum task_state state;
	enum task_event event;
	void (*act)(struct workflow_task *);	/* prepares the request of the next state, or sets the step's result */
	enum task_state next;
};

/* One row for each answer that a state can get; see enum task_state and enum task_event. */
static const struct transition transitions[] = {
	{ STATE_OBSERVING,  EVENT_BEGIN,        describe_workflow,        STATE_OBSERVING },
	{ STATE_OBSERVING,  EVENT_CHANGED,      finish_plan,              STATE_ENDED },
	{ STATE_OBSERVING,  EVENT_RESUMED,      finish_plan,              STATE_ENDED },
	{ STATE_OBSERVING,  EVENT_NOTHING,      finish_unchanged,         STATE_ENDED },
	{ STATE_OBSERVING,  EVENT_GONE,         task_outcome_explain,     STATE_ENDED },
	{ STATE_OBSERVING,  EVENT_FOREIGN,      task_outcome_foreign,     STATE_ENDED },
	{ STATE_OBSERVING,  EVENT_GIVEN_UP,     task_outcome_given_up,    STATE_ENDED },
	{ STATE_OBSERVING,  EVENT_FAILED,       task_outcome_failed,      STATE_ENDED },

	{ STATE_CREATING,   EVENT_BEGIN,        task_request_create,      STATE_CREATING },
	{ STATE_CREATING,   EVENT_ACCEPTED,     verify_write,             STATE_VERIFYING },
	/* "If it is there, the step is planned again by the rules of 6.2" (design, 6.4). */
	{ STATE_CREATING,   EVENT_EXISTS,       describe_workflow,        STATE_CHECKING },
	{ STATE_CREATING,   EVENT_AMBIGUOUS,    task_outcome_ambiguous,   STATE_ENDED },
	{ STATE_CREATING,   EVENT_NOT_SENT,     task_outcome_not_begun,   STATE_ENDED },
	{ STATE_CREATING,   EVENT_LOST,         lose_create,              STATE_ENDED },
	{ STATE_CREATING,   EVENT_GIVEN_UP,     task_outcome_given_up,    STATE_ENDED },
	{ STATE_CREATING,   EVENT_FAILED,       reject_create,            STATE_ENDED },

	{ STATE_CHECKING,   EVENT_BEGIN,        describe_workflow,        STATE_CHECKING },
	{ STATE_CHECKING,   EVENT_CHANGED,      update_workflow,          STATE_UPDATING },
	{ STATE_CHECKING,   EVENT_RESUMED,      pause_again,              STATE_PAUSING },
	{ STATE_CHECKING,   EVENT_NOTHING,      finish_check,             STATE_ENDED },
	{ STATE_CHECKING,   EVENT_GONE,         task_request_create,      STATE_CREATING },
	{ STATE_CHECKING,   EVENT_ABSENT,       describe_when_shown,      STATE_CHECKING },
	{ STATE_CHECKING,   EVENT_STALE,        task_outcome_stale,       STATE_ENDED },
	{ STATE_CHECKING,   EVENT_FOREIGN,      task_outcome_foreign,     STATE_ENDED },
	{ STATE_CHECKING,   EVENT_GIVEN_UP,     task_outcome_given_up,    STATE_ENDED },
	{ STATE_CHECKING,   EVENT_FAILED,       task_outcome_failed,      STATE_ENDED },

	{ STATE_UPDATING,   EVENT_ACCEPTED,     verify_write,             STATE_VERIFYING },
	{ STATE_UPDATING,   EVENT_BUSY,         retry_update,             STATE_CHECKING },
	{ STATE_UPDATING,   EVENT_OUT_OF_TIME,  defer_update,             STATE_ENDED },
	{ STATE_UPDATING,   EVENT_REJECTED,     reject_update,            STATE_ENDED },
	{ STATE_UPDATING,   EVENT_FAILED,       task_outcome_failed,      STATE_ENDED },

	{ STATE_VERIFYING,  EVENT_LATE,         verify_later,             STATE_VERIFYING },
	{ STATE_VERIFYING,  EVENT_ABSENT,       describe_when_shown,      STATE_VERIFYING },
	{ STATE_VERIFYING,  EVENT_DIFFERS,      write_second_time,        STATE_UPDATING },
	{ STATE_VERIFYING,  EVENT_OTHER_DIGEST, correct_settled_tag,      STATE_UPDATING },
	{ STATE_VERIFYING,  EVENT_RESUMED,      pause_again,              STATE_PAUSING },
	{ STATE_VERIFYING,  EVENT_SETTLED,      finish_settled,           STATE_ENDED },
	{ STATE_VERIFYING,  EVENT_FAILED,       task_outcome_unverified,  STATE_ENDED },

	{ STATE_PAUSING,    EVENT_ACCEPTED,     finish_paused,            STATE_ENDED },
	{ STATE_PAUSING,    EVENT_FAILED,       task_outcome_not_paused,  STATE_ENDED },

	{ STATE_INSPECTING, EVENT_BEGIN,        describe_workflow,        STATE_INSPECTING },
	{ STATE_INSPECTING, EVENT_OURS,         inspect_delete,           STATE_ENDED },
	{ STATE_INSPECTING, EVENT_GONE,         task_outcome_vanished,    STATE_ENDED },
	{ STATE_INSPECTING, EVENT_FOREIGN,      task_outcome_not_deleted, STATE_ENDED },
	{ STATE_INSPECTING, EVENT_GIVEN_UP,     task_outcome_given_up,    STATE_ENDED },
	{ STATE_INSPECTING, EVENT_FAILED,       task_outcome_failed,      STATE_ENDED },

	{ STATE_CONFIRMING, EVENT_BEGIN,        describe_workflow,        STATE_CONFIRMING },
	{ STATE_CONFIRMING, EVENT_OURS,         delete_workflow,          STATE_DELETING },
	{ STATE_CONFIRMING, EVENT_GONE,         finish_deleted,           STATE_ENDED },
	{ STATE_CONFIRMING, EVENT_STALE,        task_outcome_stale,       STATE_ENDED },
	{ STATE_CONFIRMING, EVENT_FOREIGN,      task_outcome_not_deleted, STATE_ENDED },
	{ STATE_CONFIRMING, EVENT_GIVEN_UP,     task_outcome_given_up,    STATE_ENDED },
	{ STATE_CONFIRMING, EVENT_FAILED,       task_outcome_failed,      STATE_ENDED },

	{ STATE_DELETING,   EVENT_ACCEPTED,     finish_deleted,           STATE_ENDED },
	{ STATE_DELETING,   EVENT_BUSY,         retry_when_idle,          STATE_CONFIRMING },
	{ STATE_DELETING,   EVENT_OUT_OF_TIME,  task_outcome_busy,        STATE_ENDED },
	{ STATE_DELETING,   EVENT_FAILED,       task_outcome_failed,      STATE_ENDED },

	{ STATE_COMPARING,  EVENT_BEGIN,        describe_lowest,          STATE_COMPARING },
	{ STATE_COMPARING,  EVENT_OURS,         describe_workflow,        STATE_WITHDRAWING },
	{ STATE_COMPARING,  EVENT_ABSENT,       describe_lowest_when_shown, STATE_COMPARING },
	{ STATE_COMPARING,  EVENT_FOREIGN,      task_outcome_duplicate,   STATE_ENDED },

	{ STATE_WITHDRAWING, EVENT_OURS,        task_request_delete,      STATE_REMOVING },
	{ STATE_WITHDRAWING, EVENT_GONE,        take_lowest,              STATE_CHECKING },
	{ STATE_WITHDRAWING, EVENT_FOREIGN,     task_outcome_duplicate,   STATE_ENDED },

	{ STATE_REMOVING,   EVENT_ACCEPTED,     take_lowest,              STATE_CHECKING },
	{ STATE_REMOVING,   EVENT_FOREIGN,      task_outcome_duplicate,   STATE_ENDED },

	{ STATE_AWAITING,   EVENT_BEGIN,        await_removal,            STATE_AWAITING },
	{ STATE_AWAITING,   EVENT_LATE,         await_removal,            STATE_AWAITING },
	{ STATE_AWAITING,   EVENT_NOTHING,      task_outcome_duplicates_gone, STATE_ENDED },
	{ STATE_AWAITING,   EVENT_FOREIGN,      task_outcome_duplicate,   STATE_ENDED },
};

static const struct transition *find_transition(enum task_state state, enum task_event event)
{
	for (const struct transition *row = transitions; row < transitions + ARRAY_LEN(transitions); row++)
		if (row->state == state && row->event == event)
			return row;
	assert(!"a state without a row for what its answer means");
	return NULL;
}

/* ---- the task ---- */

static enum task_next start_request(struct workflow_task *t, struct request *next)
{
	enum task_next ask = t->op->task.step(&t->op->task, NULL, next);

	next->wait_ms = t->wait_ms;
	return ask;
}

void workflow_task_plan_anew(struct workflow_task *t)
{
	struct plan_step *s = t->step;

	arena_free(&t->planned);
	s->diff = s->settled = s->refused = (struct diff){ 0 };
	s->diff_spilled = s->settled_spilled = s->refused_spilled = (struct spilled){ 0 };
}

void workflow_task_end_plan(struct workflow_task *t)
{
	explanation_take(t);
	if (report_spill_step(t->cycle->report, t->step))
		arena_free(&t->planned);
	else
		arena_join(t->cycle->arena, &t->planned);
	task_spec_free(t);
}

/* from: the state before the end. */
static enum task_next end_task(struct workflow_task *t, enum task_state from)
{
	bool reads = from == STATE_OBSERVING || from == STATE_INSPECTING;

	t->step->duration_ms = reads ? 0 : t->cycle->dispatch->now - t->begun;
	if (from == STATE_OBSERVING)
		warm_take_look(t);
	t->cycle->finished++;
	workflow_task_end_plan(t);
	arena_free(&t->arena);
	return TASK_DONE;
}

static enum task_next workflow_task_step(struct task *task, const struct answer *answer, struct request *next)
{
	struct workflow_task *t = (struct workflow_task *)task;
	enum task_event event = EVENT_BEGIN;

	if (answer) {
		t->op->task.stopped = task->stopped;
		t->op->task.hurried = task->hurried;
		t->op->task.attempts = task->attempts;
		if (t->op->task.step(&t->op->task, answer, next) == TASK_ASK)
			return TASK_ASK;
		t->described = answer->date_ms * 1000;
		event = task_event_read(t, answer);
	} else {
		t->begun = t->cycle->dispatch->now;
	}
	const struct transition *row = find_transition(t->state, event);
	t->wait_ms = 0;
	row->act(t);
	t->state = row->next;
	return row->next == STATE_ENDED ? end_task(t, row->state) : start_request(t, next);
}

static void add_task(struct workflow_task *t, enum task_state state)
{
	arena_free(&t->arena);
	task_spec_free(t);
	struct workflow_task before = *t;
	*t = (struct workflow_task){
		.task.step = workflow_task_step, .cycle = t->cycle, .spec = t->spec, .step = t->step,
		.marked = t->marked, .old_name = t->old_name, .created = t->created, .duplicates = t->duplicates,
		.postponed = t->postponed, .listed = t->listed, .state = state,
	};
	memcpy(t->name_digest, before.name_digest, sizeof t->name_digest);
	memcpy(t->digest, before.digest, sizeof t->digest);
	memcpy(t->inputs, before.inputs, sizeof t->inputs);
	t->cycle->to_do++;
	dispatch_add(t->cycle->dispatch, &t->task);
}

static void describe_to_plan(struct workflow_task *t, enum task_state state)
{
	t->step->result = RESULT_DEFERRED;	/* until it was described */
	t->step->error = TASK_NOT_DESCRIBED;
	t->postponed = false;
	add_task(t, state);
}

void workflow_task_observe(struct workflow_task *t)
{
	describe_to_plan(t, STATE_OBSERVING);
}

void workflow_task_inspect(struct workflow_task *t)
{
	describe_to_plan(t, STATE_INSPECTING);
}

void workflow_task_postpone(struct workflow_task *t)
{
	t->step->result = RESULT_PLANNED;
	t->postponed = true;
}

void workflow_task_apply(struct workflow_task *t)
{
	add_task(t, t->step->action == ACTION_CREATE ? STATE_CREATING : STATE_CHECKING);
}

/* "The id came in the answer to a create of this very run" (design, 6.4): only such a workflow is deleted. */
void workflow_task_resolve_duplicates(struct workflow_task *t, bool strangers)
{
	bool lowest = t->created.id < t->duplicates.ids[0];

	t->duplicates.why = strangers ? "not all of them are ours" :
	                    !lowest && !t->created.answered ? "the answer to the create was lost" : NULL;
	bool resolve = !t->duplicates.why;
	if (resolve)
		t->duplicates.why = TASK_NOT_DESCRIBED;
	t->duplicates.result = t->step->result;
	t->duplicates.error = t->step->error;
	task_outcome_duplicate(t);	/* until it is known that only one is left */
	if (resolve)
		add_task(t, lowest ? STATE_AWAITING : STATE_COMPARING);
}

void workflow_task_delete(struct workflow_task *t)
{
	add_task(t, STATE_CONFIRMING);
}
