/* execution_client.h: one execution of a workflow, seen from a client: reads its details and logs, and waits for its
 * end. */
#ifndef AGENT_CMD_EXECUTION_CLIENT_H
#define AGENT_CMD_EXECUTION_CLIENT_H

#include "agent/cmd/workflow_session.h"

/* Receives log lines. */
struct execution_log_sink {
	/* ms: the time of the line, since 1970; -1: not known. */
	void (*line)(void *context, const char *step, int64_t ms, const char *message);
	void (*page_end)(void *context);	/* after each page, to flush; may be NULL */
	bool (*closed)(void *context);	/* true: no more lines are wanted, and reading or waiting ends; may be NULL */
	void *context;
};

/* How far the log of one step has been read. */
struct execution_log_reader {
	const char *step;
	struct buf token;		/* of the next page; "": from the beginning */
	size_t seen;			/* lines of that page that were passed on already */
	char status[32];		/* the step's state in the newest page */
	const char *logged_state;		/* the step's state that was logged last */
};

void execution_client_log_done(struct execution_log_reader *log);

struct execution_client {
	struct workflow_session *session;	/* of its workflow */
	const char *id;
	struct execution_log_reader *logs;		/* of the steps seen so far */
	size_t count, room;
};

/* False, ERR_USAGE, if id cannot be the ID of an execution. */
bool execution_client_init(struct execution_client *run, struct workflow_session *session, const char *id,
                           struct err *err);
/* Opens *session for the workflow that the command's first argument names, and init for the execution that the second
 * one names: an ID, the beginning of one, or "latest", which is also meant if there is no second one. */
bool execution_client_open(struct execution_client *run, struct workflow_session *session, struct context *ctx,
                           struct err *err);
void execution_client_done(struct execution_client *run);			/* takes a zeroed one */

/* Reads the details from the service, into a: an object with a text under "status".  *http_status: of the answer, 0:
 * there was none. */
bool execution_client_get(struct execution_client *run, struct arena *a, struct node **out, int *http_status,
                          struct err *err);
/* True if the status is final. */
bool execution_client_has_ended(const struct node *details);
/* The duration of an execution or a step so far, as text in a; begun is the key of its start time.  NULL if it has not
 * started. */
const char *execution_client_duration(struct arena *a, const struct node *n, const char *begun);

/* The exit code and message of a step, where they say more than its state; else "". */
const char *execution_client_step_result(struct arena *a, const struct node *step);

/* Passes the lines of a step's log that are new since the last call to lines. */
bool execution_client_read_log(struct execution_client *run, struct execution_log_reader *log,
                               const struct execution_log_sink *lines, struct err *err);
/* The same for each step that has started. */
bool execution_client_read_logs(struct execution_client *run, const struct node *details,
                                const struct execution_log_sink *lines, struct err *err);

/* Waits until the execution has ended and gives its details, in the command's arena.  lines (may be NULL) gets the log
 * lines meanwhile: of all steps, or of the step called `step` (NULL: all); with a step it waits for the end of that
 * step only.  begun: the execution was started just now, so that the service may not know it yet; changes of its steps'
 * states are logged.  False if a request failed or the command was interrupted. */
bool execution_client_wait(struct execution_client *run, const struct execution_log_sink *lines, const char *step,
                           bool begun, struct node **details, struct err *err);

#endif
