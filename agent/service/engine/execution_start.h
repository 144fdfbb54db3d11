/* execution_start.h: begins a run of a workflow, whoever asked for it: by hand, a webhook, a cron.  It only
 * writes the run down; an engine (engine.h) takes it from there. */
#ifndef AGENT_SERVICE_ENGINE_EXECUTION_START_H
#define AGENT_SERVICE_ENGINE_EXECUTION_START_H

#include "agent/service/store/execution_store.h"
#include "reconcile/tree/node.h"

enum { EXECUTION_OPEN_MAX = 1000 };	/* runs under way; more are asked to come later */

enum execution_start_result {
	EXECUTION_STARTED,
	EXECUTION_ALREADY_RUNNING,	/* a run of it is under way, and it allows no second one; or it is paused or a draft */
	EXECUTION_TOO_MANY,	/* EXECUTION_OPEN_MAX are under way */
	EXECUTION_NOT_VALID,	/* it cannot be run, or not with what was sent */
	EXECUTION_START_FAILED,	/* the store failed */
};

struct execution_start_request {
	const struct stored_workflow *workflow;
	const struct node *body;	/* workflow's, as it is kept */
	const struct node *execute;	/* contract, 3.11; NULL: a plain run */
	const char *cause;		/* "cron", "webhook", or who asked for it */
	bool by_hand;			/* a paused workflow is run all the same */
	const char *uuid;		/* its executionId */
	int64_t now;			/* milliseconds since 1970 */
};

/* To be called between workflow_store_begin() and workflow_store_end().  Unless it is EXECUTION_STARTED *err says why not, in a
 * sentence that begins with "workflow 12". */
enum execution_start_result execution_start(struct store *store, struct arena *a, const struct execution_start_request *l, struct err *err);

#endif
