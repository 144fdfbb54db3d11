#include "agent/service/engine/execution_start.h"

#include <inttypes.h>

#include "agent/util/id128.h"
#include "agent/service/engine/execution_document.h"
#include "reconcile/tree/json.h"

static enum execution_start_result no(enum execution_start_result result, const struct execution_start_request *l, struct err *err,
                             const char *why)
{
	err_set(err, "workflow %" PRId64 " %s", l->workflow->id, why);
	return result;
}

static bool overlaps(const struct execution_start_request *l)
{
	const struct node *allow = node_get(node_get(l->body, "metadata"), "allowConcurrentExecution");

	return allow && allow->kind == NODE_BOOL && allow->boolean;
}

static enum execution_start_result check(struct store *s, const struct execution_start_request *l, struct err *err)
{
	int64_t open;

	if (l->workflow->resting == WORKFLOW_DRAFT)
		return no(EXECUTION_ALREADY_RUNNING, l, err, "is a draft");
	if (l->workflow->resting == WORKFLOW_PAUSED && !l->by_hand)
		return no(EXECUTION_ALREADY_RUNNING, l, err, "is paused");
	if (l->workflow->status == WORKFLOW_RUNNING && !overlaps(l))
		return no(EXECUTION_ALREADY_RUNNING, l, err, "is running, and does not allow a run beside another one");
	if (!execution_store_count_open(s, 0, &open, err))
		return EXECUTION_START_FAILED;
	return open < EXECUTION_OPEN_MAX ? EXECUTION_STARTED
	       : no(EXECUTION_TOO_MANY, l, err, "has to wait: as many runs as there may be are under way");
}

enum execution_start_result execution_start(struct store *s, struct arena *a, const struct execution_start_request *l, struct err *err)
{
	enum execution_start_result result = check(s, l, err);
	struct stored_execution run = {
		.uuid = l->uuid, .workflow = l->workflow->id, .status = DAG_RUNNING, .began = l->now,
		.cause = l->cause,
	};
	struct dag_run *flow;

	if (result != EXECUTION_STARTED)
		return result;
	if (!dag_run_begin(a, l->body, l->execute, l->now, &flow, err)) {
		err_wrap(err, "workflow %" PRId64 " cannot be run", l->workflow->id);
		return EXECUTION_NOT_VALID;
	}
	const struct execution_state state = { .flow = dag_run_save(a, flow), .boot = boot_id(a) };
	const struct execution_details work = {
		.execute = node_empty(l->execute) ? NULL : json_text(a, l->execute),
		.steps = json_text(a, execution_document_steps(a, l->body)),
		.state = json_text(a, execution_document_write_state(a, &state)),
	};
	return execution_store_add(s, &run, &work, err) ? EXECUTION_STARTED : EXECUTION_START_FAILED;
}
