/* operation.h: one operation of the service as a task, and the parts that all operations share (contract, 1, 2 and 6).
 *
 * The caller keeps the struct of an operation, sets it up with its _init function, adds it to a dispatcher, and
 * reads it when the dispatcher has ended it.  Texts and trees in it live in the arena that was given to _init. */
#ifndef RECONCILE_WIRE_OPERATION_H
#define RECONCILE_WIRE_OPERATION_H

#include "reconcile/base/buf.h"
#include "reconcile/wire/dispatch.h"
#include "reconcile/tree/node.h"

struct operation_task {
	struct task task;	/* first, so that a pointer to it is a pointer to this */
	struct arena *arena;
	bool ok;		/* the operation succeeded; else err says why not (also if it was never sent) */
	int status;		/* HTTP, of the last answer; 0: none */
	bool refused;		/* 401 */
	bool gone;		/* 404 or 410 of the service itself; one with a web page is that of a gateway */
	struct err err;
	const struct node *secrets;	/* a body whose secrets are masked in error texts; NULL: none */
};

/* ---- plain operations: one request, one answer ---- */

struct operation_call {
	struct operation_task op;
	struct request request;
	int64_t id;		/* of the described workflow */
	bool want_json;		/* an answer that is not JSON is an error; else it may be empty (contract, 2.1) */
	struct node *answer;	/* NULL if the answer was empty and did not have to be JSON */

	/* Private: state of a delete after its answer. */
	struct request look;
	unsigned looks;
};

/* Any operation of one request.  path, body (NULL: none) and what as in struct request; all are copied. */
void operation_call_init(struct operation_call *op, struct arena *a, enum operation operation, const char *path,
                  const struct node *body, const char *what);

/* Describe the workflow.  The answer has to be an object with this id, a name and steps.  name, here and below, is for
 * messages. */
void operation_describe_init(struct operation_call *op, struct arena *a, int64_t id, const char *name);
/* Update with a whole body. */
void operation_update_init(struct operation_call *op, struct arena *a, int64_t id, const char *name,
                    const struct node *body);
/* Delete, pause or resume: operation is one of OP_DELETE, OP_PAUSE, OP_RESUME.  After an answer to a delete that is neither
 * {} nor empty the workflow is described until it is gone; if it is there after 10 s, the delete failed. */
void operation_act_init(struct operation_call *op, struct arena *a, enum operation operation, int64_t id,
                 const char *name);

/* ---- for other operations ---- */

/* True if the answer is 2xx and, if out is not NULL, JSON: *out is the tree.  If false,
 * op->err says in one sentence, with the name of the request, what the answer was instead.  op->status is
 * always set. */
bool operation_read(struct operation_task *op, const struct request *request, const struct answer *answer,
             struct node **out);

/* The pause before something is read again that a service may show late: 500 ms, 1 s, 2 s, ..., most_ms in all.  reads: how
 * often it was read again; 0: the time is over. */
int64_t operation_pause(unsigned reads, int64_t most_ms);

/* "workflow 12 \"nightly\""; name NULL: "workflow 12". */
const char *operation_workflow(struct arena *a, int64_t id, const char *name);

/* Appends value, percent-encoded as in a form (a space is "+"). */
void operation_encode(struct buf *out, const char *value);

#endif
