#include "reconcile/wire/operation_create.h"

#include "reconcile/tree/json.h"

static enum task_next look_up_name(struct operation_create *create, struct request *next)
{
	create->looking = true;
	operation_list_name_init(&create->look, create->op.arena, create->name);
	return operation_list_step(&create->look, NULL, next);
}

static enum task_next send_create(struct operation_create *create, struct request *next)
{
	create->looking = false;
	create->sendings++;
	*next = create->request;
	return TASK_ASK;
}

static enum task_next finish_create(struct operation_create *create, bool ok)
{
	create->op.ok = ok;
	return TASK_DONE;
}

static enum task_next handle_lookup(struct operation_create *create, const struct answer *answer,
                             struct request *next)
{
	if (operation_list_step(&create->look, answer, next) == TASK_ASK)
		return TASK_ASK;
	if (!create->look.op.ok) {
		create->op.status = create->look.op.status;
		create->op.refused = create->look.op.refused;
		create->op.err = create->look.op.err;
		err_wrap(&create->op.err, "%s", create->request.what);
		return finish_create(create, false);
	}
	if (create->look.count == 0) {
		bool again = create->sendings < CREATE_SENDINGS && !create->op.task.stopped;
		create->held_back = !again && create->sendings == 0;
		return again ? send_create(create, next) : finish_create(create, false);
	}
	if (create->sendings) {		/* the answer was lost, but the workflow was created */
		create->id = create->look.items[0].id;
		return finish_create(create, true);
	}
	create->there = create->look.items[0].id;
	create->there_count = create->look.count;
	if (create->there_count > 1)
		err_set(&create->op.err, "%s",
		        listed_several(create->op.arena, create->look.count, &create->look.items[0],
		                       &create->look.items[1]));
	else
		err_set(&create->op.err, "%s: a workflow with this name already exists (id %lld)",
		        create->request.what, (long long)create->there);
	return finish_create(create, false);
}

/* True if the create may or may not have been carried out: there was no answer, or not one of the service itself. */
static bool outcome_is_unknown(const struct answer *answer)
{
	return answer->failure == FAILURE_LOST || answer->failure == FAILURE_TOO_LARGE ||
	       (answer->status >= 500 && answer->status != 501);
}

static enum task_next handle_create(struct operation_create *create, const struct answer *answer,
                           struct request *next)
{
	bool good = operation_read(&create->op, &create->request, answer, &create->answer);

	if (good) {
		create->id = node_get_int(create->answer, "id", 0);
		if (create->id)
			return finish_create(create, true);
		err_set(&create->op.err, "%s: expected an \"id\", found an answer of another shape",
		        create->request.what);
		create->answer = NULL;
	}
	if (outcome_is_unknown(answer) || (answer->status >= 200 && answer->status < 300))
		return look_up_name(create, next);
	return finish_create(create, false);
}

static enum task_next operation_create_step(struct task *task, const struct answer *answer,
                                  struct request *next)
{
	struct operation_create *create = (struct operation_create *)task;

	if (!answer)
		return look_up_name(create, next);
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
