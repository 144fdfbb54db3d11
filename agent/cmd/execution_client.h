/* execution_client.h: one execution of a workflow, seen from a client: its details, its logs, and waiting for
 * its end. */
#ifndef AGENT_CMD_EXECUTION_CLIENT_H
#define AGENT_CMD_EXECUTION_CLIENT_H

#include "agent/cmd/workflow_session.h"

/* Who takes log lines. */
struct execution_log_sink {
	/* ms: its time, -1 if the service does not tell it. */
	void (*line)(void *context, const char *step, int64_t ms, const char *message);
	void (*page_end)(void *context);	/* what came can be shown; NULL: it does not matter */
	void *context;
};

/* How far the logs of one step are read. */
struct execution_log_reader {
	const char *step;
	struct buf token;		/* of the next page; "": from the beginning */
	size_t seen;			/* lines of that page that were taken already */
	char status[32];		/* what the newest page calls the step's state */
	const char *logged_state;		/* of the step's states: the one that was logged last */
};

void execution_client_log_done(struct execution_log_reader *log);

struct execution_client {
	struct workflow_session *session;	/* about its workflow */
	const char *id;
	struct execution_log_reader *logs;		/* of the steps met so far */
	size_t count, room;
};

/* Refuses what can be no execution's ID: ERR_USAGE. */
bool execution_client_init(struct execution_client *run, struct workflow_session *session, const char *id,
                           struct err *err);
void execution_client_done(struct execution_client *run);			/* takes a zeroed one */

/* What the service tells of it, in a: an object with a `status`. */
bool execution_client_get(struct execution_client *run, struct arena *a, struct node **out, int *http_status,
                          struct err *err);
/* True for a status that does not change any more. */
bool execution_client_has_ended(const struct node *details);
/* How long it, or a step of it (`begun` is the key of its beginning), took or takes by now; NULL
 * if it has not begun. */
const char *execution_client_duration(struct arena *a, const struct node *n, const char *begun);

/* What a step ended with, where that says more than its state; "": nothing does. */
const char *execution_client_step_result(struct arena *a, const struct node *step);

/* Hands all lines of log that are there by now and were not handed on before to lines. */
bool execution_client_read_log(struct execution_client *run, struct execution_log_reader *log,
                               const struct execution_log_sink *lines, struct err *err);
/* The same of each step that has begun. */
bool execution_client_read_logs(struct execution_client *run, const struct node *details,
                                const struct execution_log_sink *lines, struct err *err);

/* Waits until it has ended and gives its details then, in the command's arena.  lines (NULL:
 * nobody) gets what its steps print meanwhile, or what the step called `step` does (NULL: all);
 * its end is then waited for only.  begun: it was begun just now and may not be there yet, and what
 * becomes of its steps is logged.  False if
 * it failed or was stopped. */
bool execution_client_wait(struct execution_client *run, const struct execution_log_sink *lines, const char *step,
                           bool begun, struct node **details, struct err *err);

#endif
