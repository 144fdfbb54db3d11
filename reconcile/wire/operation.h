/* operation.h: one operation of the service as a task, and what is common to all (contract sections 1,
 * 2 and 5).
 *
 * An op lives wherever its caller keeps it, is set up by its _init, added to a dispatcher, and
 * read when the dispatcher has ended it.  Texts and trees it gives live in the arena it was made
 * with. */
#ifndef RECONCILE_WIRE_OPERATION_H
#define RECONCILE_WIRE_OPERATION_H

#include "reconcile/base/buf.h"
#include "reconcile/wire/dispatch.h"
#include "reconcile/tree/node.h"

struct operation_task {
	struct task task;	/* first, so that a task is its op */
	struct arena *arena;
	bool ok;		/* it ended as it should; else err says why (also if it was never begun) */
	int status;		/* HTTP, of the last answer; 0: none */
	bool refused;		/* 401 */
	struct err err;
	const struct node *secrets;	/* a body whose masked values are cut out of error texts; NULL: none */
};

/* ---- plain operations: one request, one answer ---- */

struct operation_call {
	struct operation_task op;
	struct request request;
	int64_t id;		/* of the workflow that is described */
	bool want_json;		/* an answer that is no JSON is an error; else it may be empty (contract, 2.1) */
	struct node *answer;	/* NULL where none is wanted and none came */
};

/* path, body (NULL: none) and what as in struct request, copied. */
void operation_call_init(struct operation_call *op, struct arena *a, enum operation operation, const char *path,
                  const struct node *body, const char *what);

/* describe; the answer is checked to be a workflow: an object with this id, a name and steps. */
void operation_describe_init(struct operation_call *op, struct arena *a, int64_t id, const char *name);
/* update with a whole body. */
void operation_update_init(struct operation_call *op, struct arena *a, int64_t id, const char *name,
                    const struct node *body);
/* delete, pause, resume. */
void operation_act_init(struct operation_call *op, struct arena *a, enum operation operation, int64_t id,
                 const char *name);

/* ---- for the making of further ops ---- */

/* If the answer is a good one (2xx), and JSON where out is given: true, *out set.  Else false,
 * and op->err says in one sentence, with the request's name, what came instead; op->status is
 * set in any case. */
bool operation_read(struct operation_task *op, const struct request *request, const struct answer *answer,
             struct node **out);

/* "workflow 12 \"nightly\""; name NULL: "workflow 12". */
const char *operation_workflow(struct arena *a, int64_t id, const char *name);

/* Appends value, percent-encoded as in a form (a space is "+"). */
void operation_encode(struct buf *out, const char *value);

#endif
