/* execution_document.h: the two JSON documents that the store keeps of each execution (struct execution_details):
 * its steps, written once when it starts, and its state, written at each change.  Pure. */
#ifndef AGENT_SERVICE_ENGINE_EXECUTION_DOCUMENT_H
#define AGENT_SERVICE_ENGINE_EXECUTION_DOCUMENT_H

#include "reconcile/base/arena.h"
#include "reconcile/base/err.h"
#include "reconcile/tree/node.h"

/* The document `steps`: a list with one map for each step of the workflow's body, in its order.  It has what an
 * answer of the REST interface shows of a step (contract, 4.4) and what does not change during the execution. */
struct node *execution_document_steps(struct arena *a, const struct node *body);

/* The document `state`. */
struct execution_state {
	const struct node *flow;	/* dag_run_save()'s */
	const struct node *reruns;	/* step's name to the rerunId that its last attempt belongs to; NULL: none */
	const char *boot;		/* boot_id() of the machine when it was written */
};
struct node *execution_document_write_state(struct arena *a, const struct execution_state *state);
/* *out points into a.  If false, *err says what is wrong with the document, *out is untouched. */
bool execution_document_read_state(struct arena *a, const char *json, struct execution_state *out, struct err *err);

#endif
