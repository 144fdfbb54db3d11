/* request.h: one request to the workflow service and its answer, as data.  The core makes requests and
 * reads answers; the agent's service_client.c sends them. */
#ifndef RECONCILE_WIRE_REQUEST_H
#define RECONCILE_WIRE_REQUEST_H

#include <stdint.h>

#include "reconcile/base/base.h"

enum method { METHOD_GET, METHOD_POST, METHOD_PUT, METHOD_DELETE };

/* The operations of the contract, 2, and OP_STOP, which only the local service has. */
enum operation {
	OP_LIST, OP_CREATE, OP_DESCRIBE, OP_UPDATE, OP_DELETE, OP_PAUSE, OP_RESUME, OP_EXECUTE,
	OP_LIST_EXECUTIONS, OP_EXECUTION, OP_LOGS, OP_LOGS_DOWNLOAD, OP_RESOURCES, OP_DEFAULT_RESOURCE,
	OP_STOP,
	OPERATION_COUNT
};

struct request {
	enum operation operation;
	const char *path;	/* below the endpoint, with query, percent-encoded: "/workflows/12" */
	const char *body;	/* JSON; NULL: none is sent */
	const char *what;	/* for messages: "describe workflow 12 \"nightly\"" */
	int64_t wait_ms;	/* how long to wait before it is sent */
	int64_t most_ms;	/* how long to wait for its answer, if less than usual; 0: the usual limit */
};

enum failure {
	FAILURE_NONE,		/* an HTTP status and the whole body were received */
	FAILURE_UNSENT,		/* nothing reached the service: no address, no connection, TLS refused */
	FAILURE_LOST,		/* sent, but no complete answer was received: it may have been carried out */
	FAILURE_TOO_LARGE,	/* the answer passed the limit; it may have been carried out */
	FAILURE_GIVEN_UP,	/* a read whose answer was not waited for, because the dispatcher stops */
};

struct answer {
	enum failure failure;
	bool hopeless;		/* a retry cannot help: certificate not trusted, no HTTP */
	const char *error;	/* of a failure: one sentence without the name of the request */
	int status;		/* HTTP; 0 with a failure */
	const char *type;	/* Content-Type without parameters, lower case; "" if none */
	const char *body;	/* NUL-terminated; valid until the answer is released */
	size_t len;
	int64_t retry_after_ms;	/* from Retry-After, seconds or date; -1: none */
	int64_t date_ms;	/* from Date: when it was made by the service's clock, milliseconds since 1970; 0: not known */
	const char *url;	/* the address of the request, for messages; NULL: not known */
	const char *token;	/* that the request was sent with, to be masked in messages; NULL: none */
};

/* True if a write with this answer may have been carried out, or may be carried out later: there was no complete answer,
 * or not one of the service itself (design, 6.4). */
bool answer_is_lost(const struct answer *answer);
/* True if the service is too busy, and says that it did not begin. */
bool answer_refuses_for_now(const struct answer *answer);

enum method operation_method(enum operation op);
const char *operation_name(enum operation op);	/* "create_workflow": the SDK's name, for reports */

#endif
