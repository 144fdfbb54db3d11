#include "agent/service/engine/execution_start.h"

#include <inttypes.h>

#include "agent/util/id128.h"
#include "agent/service/engine/execution_document.h"
#include "reconcile/tree/json.h"

static enum execution_start_result refuse_start(enum execution_start_result result,
                                                const struct execution_start_request *request, struct err *err,
                                                const char *why)
{
	err_set(err, "workflow %" PRId64 " %s", request->workflow->id, why);
	return result;
}

static bool allows_concurrent_execution(const struct execution_start_request *request)
{
	const struct node *allow = node_get(node_get(request->body, "metadata"), "allowConcurrentExecution");

	return allow && allow->kind == NODE_BOOL && allow->boolean;
}

static enum execution_start_result check_start(struct store *store, const struct execution_start_request *request,
                                               struct err *err)
{
	int64_t open;

	if (request->workflow->resting == WORKFLOW_DRAFT)
		return refuse_start(EXECUTION_ALREADY_RUNNING, request, err, "is a draft");
	if (request->workflow->resting == WORKFLOW_PAUSED && !request->by_hand)
		return refuse_start(EXECUTION_ALREADY_RUNNING, request, err, "is paused");
	if (request->workflow->status == WORKFLOW_RUNNING && !allows_concurrent_execution(request))
		return refuse_start(EXECUTION_ALREADY_RUNNING, request, err,
		                    "is running already, and does not allow concurrent executions "
		                    "(metadata.allowConcurrentExecution)");
	if (!execution_store_count_open(store, 0, &open, err))
		return EXECUTION_START_FAILED;
	if (open < EXECUTION_OPEN_MAX)
		return EXECUTION_STARTED;
	return refuse_start(EXECUTION_TOO_MANY, request, err, "has to wait: too many executions are in progress");
}

enum execution_start_result execution_start(struct store *store, struct arena *a,
                                            const struct execution_start_request *request, struct err *err)
{
	enum execution_start_result result = check_start(store, request, err);
	struct stored_execution execution = {
		.uuid = request->uuid, .workflow = request->workflow->id, .status = DAG_RUNNING, .began = request->now,
		.cause = request->cause,
	};
	struct dag_run *dag;

	if (result != EXECUTION_STARTED)
		return result;
	if (!dag_run_begin(a, request->body, request->execute, request->now, &dag, err)) {
		err_wrap(err, "workflow %" PRId64 " cannot be executed", request->workflow->id);
		return EXECUTION_NOT_VALID;
	}
	const struct execution_state state = { .flow = dag_run_save(a, dag), .boot = boot_id(a) };
	const struct execution_details details = {
		.execute = node_empty(request->execute) ? NULL : json_text(a, request->execute),
		.steps = json_text(a, execution_document_steps(a, request->body)),
		.state = json_text(a, execution_document_write_state(a, &state)),
	};
	return execution_store_add(store, &execution, &details, err) ? EXECUTION_STARTED : EXECUTION_START_FAILED;
}
