#include "reconcile/wire/operation_create.h"

#include "reconcile/tree/json.h"

static enum task_next look_up_name(struct operation_create *create, int64_t wait_ms, struct request *next)
{
	create->looking = true;
	operation_list_name_init(&create->look, create->op.arena, create->name);
	enum task_next ask = operation_list_step(&create->look, NULL, next);
	next->wait_ms = wait_ms;
	return ask;
}

static enum task_next send_create(struct operation_create *create, struct request *next)
{
	if (create->announce)
		create->announce(create->context);
	create->looking = false;
	create->looks = 0;
	*next = create->request;
	return TASK_ASK;
}

static enum task_next finish_create(struct operation_create *create, bool ok)
{
	create->op.ok = ok;
	return TASK_DONE;
}

static bool was_sent(const struct operation_create *create)
{
	return create->sendings > 0;
}

static enum task_next fail_lookup(struct operation_create *create)
{
	create->op.refused = create->look.op.refused;
	if (was_sent(create)) {
		create->lost = true;
		err_append(&create->op.err, "; %s", create->look.op.err.msg);
		return finish_create(create, false);
	}
	create->op.status = create->look.op.status;
	create->op.err = create->look.op.err;
	err_wrap(&create->op.err, "%s", create->request.what);
	return finish_create(create, false);
}

static enum task_next finish_found(struct operation_create *create)
{
	const struct listed *found = create->look.items;
	size_t count = create->look.count;

	if (count == 1 && was_sent(create)) {		/* the answer was lost, but the workflow was created */
		create->id = found->id;
		return finish_create(create, true);
	}
	create->there = found->id;
	create->there_count = count;
	if (count > 1)
		err_set(&create->op.err, "%s", listed_several(create->op.arena, count, &found[0], &found[1]));
	else
		err_set(&create->op.err, "%s: a workflow with this name already exists (id %lld)",
		        create->request.what, (long long)create->there);
	return finish_create(create, false);
}

/* A service may show a new workflow late, so one look that finds nothing proves nothing (design, 6.4). */
static enum task_next handle_missing(struct operation_create *create, struct request *next)
{
	bool may_exist = create->attempted || was_sent(create), stopped = create->op.task.stopped;
	int64_t pause = may_exist && !stopped ? operation_pause(create->looks++, CREATE_LOOK_MS) : 0;

	if (pause)
		return look_up_name(create, pause, next);
	create->lost = was_sent(create);
	/* Hurried lookups came too early to prove anything. */
	create->held_back = !create->lost && (stopped || (create->attempted && create->op.task.hurried));
	return create->lost || create->held_back ? finish_create(create, false) : send_create(create, next);
}

static enum task_next handle_lookup(struct operation_create *create, const struct answer *answer,
                             struct request *next)
{
	if (operation_list_step(&create->look, answer, next) == TASK_ASK)
		return TASK_ASK;
	if (!create->look.op.ok)
		return fail_lookup(create);
	return create->look.count ? finish_found(create) : handle_missing(create, next);
}

static enum task_next handle_create(struct operation_create *create, const struct answer *answer,
                           struct request *next)
{
	bool good = operation_read(&create->op, &create->request, answer, &create->answer);

	create->sendings = create->op.task.attempts;
	if (good) {
		create->id = node_get_int(create->answer, "id", 0);
		if (create->id)
			return finish_create(create, true);
		err_set(&create->op.err, "%s: expected an \"id\", found an answer of another shape",
		        create->request.what);
		create->answer = NULL;
	}
	if (answer_is_lost(answer) || (answer->status >= 200 && answer->status < 300))
		return look_up_name(create, 0, next);
	return finish_create(create, false);
}

static enum task_next operation_create_step(struct task *task, const struct answer *answer,
                                  struct request *next)
{
	struct operation_create *create = (struct operation_create *)task;

	if (!answer)
		return look_up_name(create, 0, next);
	return create->looking ? handle_lookup(create, answer, next) : handle_create(create, answer, next);
}

void operation_create_init(struct operation_create *create, struct arena *a, const struct node *body)
{
	*create = (struct operation_create){
		.op = { .task.step = operation_create_step, .arena = a, .secrets = body },
		.name = node_get_text(body, "name"),
	};
	create->request = (struct request){
		OP_CREATE, "/workflows/", json_text(a, body),
		arena_printf(a, "create workflow \"%s\"", create->name),
	};
	err_set(&create->op.err, "%s: not sent: flowsync was stopped, or its time limit (--timeout) had passed",
	        create->request.what);
}
