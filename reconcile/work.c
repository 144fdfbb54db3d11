#include "reconcile/work.h"

#include "reconcile/compose.h"
#include "reconcile/mask.h"

enum {
	VERIFY_AGAIN_MS = 1000,		/* "described again after a second": reads may be stale after a write */
	VERIFY_TRIES = 2,
	CONFLICT_FIRST_MS = 2000,	/* a running workflow is tried again until the cycle's time is over */
	CONFLICT_MOST_MS = 30000,
	NOT_FOUND = 404,
	CONFLICT = 409,
	FORBIDDEN = 403,
};

static enum task_next ended(struct work *w, enum result result, const char *error)
{
	struct cycle *c = w->cycle;

	w->step->result = result;
	w->step->error = error ? arena_strdup(c->arena, error) : NULL;
	w->step->duration_ms = w->state == WORK_LOOK ? 0 : c->dispatch->now - w->begun;
	c->finished++;
	arena_free(&w->arena);
	return TASK_DONE;
}

/* "401 stops the cycle at once; 403 on one workflow fails that step, five in a row stop" (design, 6). */
static enum task_next failed(struct work *w, const struct op *op)
{
	struct cycle *c = w->cycle;

	w->step->http_status = op->status;
	c->forbidden = op->status == FORBIDDEN ? c->forbidden + 1 : 0;
	if (c->forbidden == CYCLE_FORBIDDEN_MAX) {
		c->forbade = true;
		dispatch_stop(c->dispatch);
	}
	return ended(w, RESULT_FAILED, op->err.msg);
}

/* Sets the step by the difference between the spec and what describe gave. */
static void plan(struct work *w, const struct node *described)
{
	struct step *s = w->step;
	struct arena *a = w->cycle->arena;
	struct node *declared = normalise(&w->arena, w->spec->body);
	struct diff diff;

	diff_workflow(&w->arena, declared, normalise(&w->arena, described), w->spec->ignore, &diff);
	s->diff = diff_copy(a, &diff);
	s->reason = REASON_ADOPTED;
	s->action = !diff.count ? ACTION_NONE : diff.removes ? ACTION_REPLACE : ACTION_PATCH;
	s->result = diff.count ? RESULT_PLANNED : RESULT_UNCHANGED;
}

static void plan_addition(struct work *w, const char *path, const struct field *f,
                          const struct entry *e)
{
	struct arena *a = w->cycle->arena;
	struct diff *diff = &w->step->diff;

	arena_grow(a, diff->items, diff->count, diff->room);
	diff->items[diff->count++] = (struct change){
		.op = CHANGE_ADD, .path = pointer_add(a, path, e->key), .reason = REASON_DECLARED,
		.to = mask(a, f, e->value, 1), .at = e->at,
	};
}

void work_plan_create(struct work *w)
{
	struct step *s = w->step;
	const struct node *body = w->spec->body;

	s->diff = (struct diff){ 0 };
	for (size_t i = 0; i < body->count; i++) {
		const struct entry *e = &body->entries[i];
		const struct field *f = field_child(&workflow_field, e->key, ALL_KINDS);
		if (f->type != FIELD_MAP)
			plan_addition(w, "", f, e);
		/* The steps one by one: together they would be too much to read. */
		for (size_t j = 0; f->type == FIELD_MAP && j < e->value->count; j++)
			plan_addition(w, pointer_add(w->cycle->arena, "", e->key), f->fields,
			              &e->value->entries[j]);
	}
	s->id = 0;
	s->action = ACTION_CREATE;
	s->reason = REASON_DECLARED;
	s->result = RESULT_PLANNED;
}

static enum task_next describe(struct work *w, enum work_state state, int64_t wait_ms,
                               struct request *next)
{
	w->state = state;
	op_describe_init(&w->call, &w->arena, w->step->id, w->step->name);
	enum task_next ask = w->call.op.task.step(&w->call.op.task, NULL, next);
	next->wait_ms = wait_ms;
	return ask;
}

/* ---- looking ---- */

static enum task_next looked(struct work *w)
{
	const struct op *op = &w->call.op;
	enum result result;

	if (!op->ok && op->status == NOT_FOUND) {	/* deleted since it was listed */
		work_plan_create(w);
		return ended(w, RESULT_PLANNED, NULL);
	}
	if (!op->ok)
		return failed(w, op);
	w->cycle->forbidden = 0;
	plan(w, w->call.answer);
	result = w->step->result;
	if (w->step->diff.unseen_count && w->cycle->unseen++ == 0) {
		w->cycle->unseen_name = w->step->name;
		w->cycle->unseen_path = w->step->diff.unseen[0];
	}
	const char *lost = result == RESULT_PLANNED
	                 ? compose_may_lose(&w->arena, w->spec->body, w->call.answer) : NULL;
	if (lost)
		fault_warn(w->cycle->faults, w->step->at,
		           "workflow \"%s\": an update loses %s if it is set on the service, which does not "
		           "show it; declare it to keep it", w->step->name, lost);
	return ended(w, result, NULL);
}

/* ---- writing ---- */

static enum task_next create(struct work *w, struct request *next)
{
	w->state = WORK_CREATE;
	op_create_init(&w->create, &w->arena, w->spec->body);
	return w->create.op.task.step(&w->create.op.task, NULL, next);
}

static enum task_next update(struct work *w, struct request *next)
{
	struct node *body = compose_update(&w->arena, w->spec->body, w->call.answer,
	                                   w->spec->ignore);

	w->state = WORK_WRITE;
	op_update_init(&w->call, &w->arena, w->step->id, w->step->name, body);
	return w->call.op.task.step(&w->call.op.task, NULL, next);
}

/* It was written: what may fail now does not undo that. */
static enum task_next verify(struct work *w, const struct op *op, struct request *next)
{
	w->cycle->report->verdict.applied = true;
	w->cycle->forbidden = 0;
	w->step->http_status = op->status;
	w->tries = 0;
	return describe(w, WORK_VERIFY, 0, next);
}

static enum task_next created(struct work *w, struct request *next)
{
	struct op_create *op = &w->create;

	w->step->attempts = op->sendings;
	if (op->op.ok) {
		w->step->id = op->id;
		return verify(w, &op->op, next);
	}
	if (op->there_count > 1)
		return ended(w, RESULT_CONFLICT, op->op.err.msg);
	/* "If it is there, the step is planned again": somebody made it since it was listed. */
	if (op->there) {
		w->step->id = op->there;
		return describe(w, WORK_DESCRIBE, 0, next);
	}
	if (op->held_back)
		return ended(w, RESULT_DEFERRED, WORK_NOT_BEGUN);
	return failed(w, &op->op);
}

/* "A workflow is described again right before it is changed; if it changed since the plan, the step is planned
 * again." */
static enum task_next described(struct work *w, struct request *next)
{
	if (!w->call.op.ok && w->call.op.status == NOT_FOUND && w->step->action != ACTION_CREATE) {
		work_plan_create(w);
		return create(w, next);
	}
	if (!w->call.op.ok)
		return failed(w, &w->call.op);
	plan(w, w->call.answer);
	if (w->step->result == RESULT_UNCHANGED)
		return ended(w, RESULT_UNCHANGED, NULL);
	return update(w, next);
}

/* 409: the workflow runs.  Described again each time, as it may be another one by then. */
static enum task_next conflicted(struct work *w, struct request *next)
{
	int64_t wait = CONFLICT_FIRST_MS << (w->tries < 4 ? w->tries : 4);

	w->step->http_status = CONFLICT;
	if (w->task.stopped)
		return ended(w, RESULT_DEFERRED, w->call.op.err.msg);
	w->tries++;
	return describe(w, WORK_DESCRIBE, wait < CONFLICT_MOST_MS ? wait : CONFLICT_MOST_MS, next);
}

static enum task_next written(struct work *w, struct request *next)
{
	w->step->attempts += w->task.attempts;
	if (!w->call.op.ok && w->call.op.status == CONFLICT)
		return conflicted(w, next);
	return w->call.op.ok ? verify(w, &w->call.op, next) : failed(w, &w->call.op);
}

/* ---- verifying ---- */

static const char *not_kept(struct work *w, const struct diff *diff)
{
	const char *text = "written, but the service did not keep";

	for (size_t i = 0; i < diff->count; i++)
		text = arena_printf(&w->arena, "%s%s %s", text, i ? "," : "", diff->items[i].path);
	return text;
}

static enum task_next verified(struct work *w, struct request *next)
{
	struct diff diff;

	/* One that was just made may not be seen yet. */
	if (!w->call.op.ok && w->call.op.status == NOT_FOUND && ++w->tries < VERIFY_TRIES)
		return describe(w, WORK_VERIFY, VERIFY_AGAIN_MS, next);
	if (!w->call.op.ok) {
		w->step->http_status = w->call.op.status;
		return ended(w, RESULT_FAILED, arena_printf(&w->arena, "written, but it could not be checked: %s",
		                                            w->call.op.err.msg));
	}
	diff_workflow(&w->arena, normalise(&w->arena, w->spec->body),
	              normalise(&w->arena, w->call.answer), w->spec->ignore, &diff);
	if (!diff.count)
		return ended(w, RESULT_APPLIED, NULL);
	if (++w->tries < VERIFY_TRIES)
		return describe(w, WORK_VERIFY, VERIFY_AGAIN_MS, next);
	w->step->kept = diff_copy(w->cycle->arena, &diff);
	return ended(w, RESULT_REFUSED, not_kept(w, &diff));
}

/* ---- the task ---- */

static enum task_next begin(struct work *w, struct request *next)
{
	w->begun = w->cycle->dispatch->now;
	switch (w->state) {
	case WORK_CREATE:
		return create(w, next);
	case WORK_LOOK:
	case WORK_DESCRIBE:
	default:
		return describe(w, w->state, 0, next);
	}
}

static enum task_next work_step(struct task *task, const struct answer *answer,
                                struct request *next)
{
	struct work *w = (struct work *)task;
	struct op *op = w->state == WORK_CREATE ? &w->create.op : &w->call.op;

	if (!answer)
		return begin(w, next);
	op->task.stopped = task->stopped;
	if (op->task.step(&op->task, answer, next) == TASK_ASK)
		return TASK_ASK;
	switch (w->state) {
	case WORK_LOOK: return looked(w);
	case WORK_CREATE: return created(w, next);
	case WORK_DESCRIBE: return described(w, next);
	case WORK_WRITE: return written(w, next);
	case WORK_VERIFY: return verified(w, next);
	}
	return TASK_DONE;
}

static void hand_over(struct work *w, enum work_state state)
{
	w->task = (struct task){ .step = work_step };
	w->state = state;
	w->tries = 0;
	w->cycle->to_do++;
	dispatch_add(w->cycle->dispatch, &w->task);
}

void work_look(struct work *w)
{
	w->step->result = RESULT_DEFERRED;	/* until it was looked at */
	w->step->error = "not looked at: the cycle was stopped or its time was over";
	hand_over(w, WORK_LOOK);
}

void work_apply(struct work *w)
{
	hand_over(w, w->step->action == ACTION_CREATE ? WORK_CREATE : WORK_DESCRIBE);
}
