#include "reconcile/plan/task_request.h"

#include "reconcile/plan/request_body.h"
#include "reconcile/plan/task_record.h"
#include "reconcile/plan/task_spec.h"

struct owner_tags task_request_tags(struct workflow_task *t)
{
	return (struct owner_tags){
		.owner = t->cycle->options.owner, .name = task_spec_name_digest(t), .body = task_spec_digest(t),
	 .settled = t->known.settled_tag, .keep = !t->spec->prune,
	};
}

static void prepare_call(struct workflow_task *t)
{
	if (!t->call)
		t->call = arena_new(&t->arena, struct operation_call, 1);
	t->op = &t->call->op;
}

void task_request_description(struct workflow_task *t, int64_t wait_ms)
{
	task_request_description_of(t, t->step->id, wait_ms);
}

void task_request_description_of(struct workflow_task *t, int64_t id, int64_t wait_ms)
{
	t->wait_ms = wait_ms;
	prepare_call(t);
	operation_describe_init(t->call, &t->arena, id, t->step->name);
}

static void announce_create(void *task)
{
	task_record_intend(task);
}

void task_request_create(struct workflow_task *t)
{
	struct owner_tags m = task_request_tags(t);
	struct node *body = request_body_write(&t->arena, &(struct request_body_sides){
		.declared = task_spec_body(t), .marker = &m,
	});

	if (!t->create)
		t->create = arena_new(&t->arena, struct operation_create, 1);
	t->op = &t->create->op;
	operation_create_init(t->create, &t->arena, body);
	t->create->attempted = task_record_attempted(t->cycle, t->spec->name);
	t->create->announce = announce_create;
	t->create->context = t;
}

static struct request_body_sides update_sides(struct workflow_task *t, const struct node *described,
                                         const struct owner_tags *m)
{
	return (struct request_body_sides){
		.declared = task_spec_body(t), .described = described, .ignore = t->spec->ignore, .diff = t->removals,
		.marker = m, .whole = t->cycle->options.whole,
	};
}

void task_request_update(struct workflow_task *t)
{
	struct owner_tags m = task_request_tags(t);
	const struct request_body_sides sides = update_sides(t, t->call->answer, &m);

	struct node *body = request_body_write(&t->arena, &sides);

	prepare_call(t);
	operation_update_init(t->call, &t->arena, t->step->id, t->step->name, body);
}

void task_request_pause(struct workflow_task *t)
{
	prepare_call(t);
	operation_act_init(t->call, &t->arena, OP_PAUSE, t->step->id, t->step->name);
}

void task_request_delete(struct workflow_task *t)
{
	prepare_call(t);
	operation_act_init(t->call, &t->arena, OP_DELETE, t->step->id, t->step->name);
}

const char *task_request_masked(struct workflow_task *t, const struct node *described)
{
	struct owner_tags m = task_request_tags(t);
	const struct request_body_sides sides = update_sides(t, described, &m);

	return request_body_masked(&t->arena, &sides);
}
