/* execution_start.h: starts an execution of a workflow, by hand, by a webhook or by a cron.  It only writes the
 * execution into the store; an engine (engine.h) takes it from there. */
#ifndef AGENT_SERVICE_ENGINE_EXECUTION_START_H
#define AGENT_SERVICE_ENGINE_EXECUTION_START_H

#include "agent/service/store/execution_store.h"
#include "reconcile/tree/node.h"

enum { EXECUTION_OPEN_MAX = 1000 };	/* executions in progress; more are refused for now */

enum execution_start_result {
	EXECUTION_STARTED,
	EXECUTION_ALREADY_RUNNING,	/* and the workflow allows one at a time; or it is paused or a draft */
	EXECUTION_TOO_MANY,		/* EXECUTION_OPEN_MAX are in progress */
	EXECUTION_NOT_VALID,		/* the workflow cannot be executed, or not with this request */
	EXECUTION_START_FAILED,		/* the store failed */
};

struct execution_start_request {
	const struct stored_workflow *workflow;
	const struct node *body;	/* of the workflow, as it is stored */
	const struct node *execute;	/* body of the request (contract, 3.11); NULL: all steps, no parameters */
	const char *cause;		/* "cron", "webhook", or the user who asked for it */
	bool by_hand;			/* also a paused workflow is executed */
	const char *uuid;		/* the executionId */
	int64_t now;			/* milliseconds since 1970 */
};

/* Call it between workflow_store_begin() and workflow_store_end().  Unless the result is EXECUTION_STARTED, nothing
 * was written and *err says why, in a sentence that begins with "workflow 12". */
enum execution_start_result execution_start(struct store *store, struct arena *a,
                                            const struct execution_start_request *request, struct err *err);

#endif
