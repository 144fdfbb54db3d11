#include "reconcile/wire/request.h"

#include <assert.h>

static const struct {
	enum method method;
	const char *name;
} operations[OPERATION_COUNT] = {
	[OP_LIST] = { METHOD_GET, "list_workflows" },
	[OP_CREATE] = { METHOD_POST, "create_workflow" },
	[OP_DESCRIBE] = { METHOD_GET, "describe_workflow" },
	[OP_UPDATE] = { METHOD_PUT, "update_workflow" },
	[OP_DELETE] = { METHOD_DELETE, "delete_workflow" },
	[OP_PAUSE] = { METHOD_POST, "pause_workflow" },
	[OP_RESUME] = { METHOD_POST, "resume_workflow" },
	[OP_EXECUTE] = { METHOD_POST, "execute_workflow" },
	[OP_LIST_EXECUTIONS] = { METHOD_GET, "list_executions" },
	[OP_EXECUTION] = { METHOD_GET, "get_execution_details" },
	[OP_LOGS] = { METHOD_GET, "get_execution_logs" },
	/* The SDK has no name of its own for this one: it is get_execution_logs(save=True). */
	[OP_LOGS_DOWNLOAD] = { METHOD_GET, "download_execution_logs" },
	[OP_RESOURCES] = { METHOD_GET, "list_resources" },
	[OP_DEFAULT_RESOURCE] = { METHOD_GET, "get_default_resource" },
	[OP_STOP] = { METHOD_POST, "stop_execution" },
};

bool answer_refuses_for_now(const struct answer *answer)
{
	return answer->status == 429 || (answer->status == 503 && answer->retry_after_ms >= 0);
}

bool answer_is_lost(const struct answer *answer)
{
	return answer->failure == FAILURE_LOST || answer->failure == FAILURE_TOO_LARGE ||
	       (answer->status >= 500 && answer->status != 501 && !answer_refuses_for_now(answer));
}

enum method operation_method(enum operation op)
{
	assert(op < OPERATION_COUNT);
	return operations[op].method;
}

const char *operation_name(enum operation op)
{
	assert(op < OPERATION_COUNT);
	return operations[op].name;
}
