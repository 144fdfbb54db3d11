/* request.h: one exchange with the workflow service, as data.  The core makes requests and
 * reads answers; the agent's service_client.c carries them. */
#ifndef RECONCILE_WIRE_REQUEST_H
#define RECONCILE_WIRE_REQUEST_H

#include <stdint.h>

#include "reconcile/base/base.h"

enum method { METHOD_GET, METHOD_POST, METHOD_PUT, METHOD_DELETE };

/* The operations of contract section 2; OP_STOP is no part of it, and the local service's alone. */
enum operation {
	OP_LIST, OP_CREATE, OP_DESCRIBE, OP_UPDATE, OP_DELETE, OP_PAUSE, OP_RESUME, OP_EXECUTE,
	OP_LIST_EXECUTIONS, OP_EXECUTION, OP_LOGS, OP_LOGS_DOWNLOAD, OP_RESOURCES, OP_DEFAULT_RESOURCE,
	OP_STOP,
	OPERATION_COUNT
};

struct request {
	enum operation operation;
	const char *path;	/* below the endpoint, with query, already percent-encoded: "/workflows/12" */
	const char *body;	/* JSON; NULL: none is sent */
	const char *what;	/* for messages: "describe workflow 12 \"nightly\"" */
	int64_t wait_ms;	/* not to be sent before so long from now: a task that tries again */
	int64_t most_ms;	/* how long its answer is waited for, if that is less than for any; 0: as for any */
};

enum failure {
	FAILURE_NONE,		/* an HTTP status came back and the whole body with it */
	FAILURE_UNSENT,		/* nothing reached the service: no address, no connection, TLS refused */
	FAILURE_LOST,		/* it was sent, but no whole answer came: it may have been carried out */
	FAILURE_TOO_LARGE,	/* the answer passed the limit; it may have been carried out */
	FAILURE_GIVEN_UP,	/* a read whose answer nobody waits for any more, as all is to stop */
};

struct answer {
	enum failure failure;
	bool hopeless;		/* sending it again cannot help: certificate not trusted, no HTTP */
	const char *error;	/* for a failure: one sentence without the request's name */
	int status;		/* HTTP; 0 with a failure */
	const char *type;	/* Content-Type without parameters, lower case; "" if none */
	const char *body;	/* NUL-terminated; valid until the answer is released */
	size_t len;
	int64_t retry_after_ms;	/* from Retry-After, seconds or date; -1: none */
	const char *token;	/* with which it was asked for: no message may show it; NULL: none */
};

enum method operation_method(enum operation op);
const char *operation_name(enum operation op);	/* "create_workflow": the SDK's name, for reports */

#endif
