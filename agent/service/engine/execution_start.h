/* execution_start.h: begins a run of a workflow, whoever asked for it: by hand, a webhook, a cron.  It only
 * writes the run down; an engine (engine.h) takes it from there. */
#ifndef AGENT_SERVICE_ENGINE_EXECUTION_START_H
#define AGENT_SERVICE_ENGINE_EXECUTION_START_H

#include "agent/service/store/execution_store.h"
#include "reconcile/tree/node.h"

enum { RUN_OPEN_MAX = 1000 };	/* runs under way; more are asked to come later */

enum run_begin_result {
	RUN_BEGUN,
	RUN_BUSY,	/* a run of it is under way, and it allows no second one; or it is paused or a draft */
	RUN_FULL,	/* RUN_OPEN_MAX are under way */
	RUN_WRONG,	/* it cannot be run, or not with what was sent */
	RUN_BROKEN,	/* the store failed */
};

struct run_begin {
	const struct stored_workflow *workflow;
	const struct node *body;	/* workflow's, as it is kept */
	const struct node *execute;	/* contract, section 4; NULL: a plain run */
	const char *cause;		/* "cron", "webhook", or who asked for it */
	bool by_hand;			/* a paused workflow is run all the same */
	const char *uuid;		/* its executionId */
	int64_t now;			/* milliseconds since 1970 */
};

/* To be called between store_begin() and store_end().  Unless it is RUN_BEGUN *err says why not, in a
 * sentence that begins with "workflow 12". */
enum run_begin_result run_begin(struct store *store, struct arena *a, const struct run_begin *l, struct err *err);

#endif
