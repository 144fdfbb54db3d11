#include "agent/service/engine/execution_start.h"

#include <inttypes.h>

#include "agent/util/boot_id.h"
#include "agent/service/engine/execution_json.h"
#include "reconcile/tree/json.h"

static enum run_begin_result no(enum run_begin_result result, const struct run_begin *l, struct err *err,
                             const char *why)
{
	err_set(err, "workflow %" PRId64 " %s", l->workflow->id, why);
	return result;
}

static bool overlaps(const struct run_begin *l)
{
	const struct node *allow = node_get(node_get(l->body, "metadata"), "allowConcurrentExecution");

	return allow && allow->kind == NODE_BOOL && allow->boolean;
}

static enum run_begin_result check(struct store *s, const struct run_begin *l, struct err *err)
{
	int64_t open;

	if (l->workflow->resting == WORKFLOW_DRAFT)
		return no(RUN_BUSY, l, err, "is a draft");
	if (l->workflow->resting == WORKFLOW_PAUSED && !l->by_hand)
		return no(RUN_BUSY, l, err, "is paused");
	if (l->workflow->status == WORKFLOW_RUNNING && !overlaps(l))
		return no(RUN_BUSY, l, err, "is running, and does not allow a run beside another one");
	if (!runs_open(s, 0, &open, err))
		return RUN_BROKEN;
	return open < RUN_OPEN_MAX ? RUN_BEGUN
	       : no(RUN_FULL, l, err, "has to wait: as many runs as there may be are under way");
}

enum run_begin_result run_begin(struct store *s, struct arena *a, const struct run_begin *l, struct err *err)
{
	enum run_begin_result result = check(s, l, err);
	struct stored_run run = {
		.uuid = l->uuid, .workflow = l->workflow->id, .status = DAG_RUNNING, .began = l->now,
		.cause = l->cause,
	};
	struct dag_run *flow;

	if (result != RUN_BEGUN)
		return result;
	if (!dag_run_begin(a, l->body, l->execute, l->now, &flow, err)) {
		err_wrap(err, "workflow %" PRId64 " cannot be run", l->workflow->id);
		return RUN_WRONG;
	}
	const struct run_state state = { .flow = dag_run_save(a, flow), .boot = boot_id(a) };
	const struct stored_work work = {
		.execute = node_empty(l->execute) ? NULL : json_text(a, l->execute),
		.steps = json_text(a, run_shape_steps(a, l->body)),
		.state = json_text(a, run_state_write(a, &state)),
	};
	return runs_add(s, &run, &work, err) ? RUN_BEGUN : RUN_BROKEN;
}
