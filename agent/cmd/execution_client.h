/* execution_client.h: one execution of a workflow, seen from a client: its details, its logs, and waiting for
 * its end. */
#ifndef AGENT_CMD_EXECUTION_CLIENT_H
#define AGENT_CMD_EXECUTION_CLIENT_H

#include "agent/cmd/workflow_session.h"

/* Who takes log lines. */
struct run_lines {
	/* ms: its time, -1 if the service does not tell it. */
	void (*line)(void *context, const char *step, int64_t ms, const char *message);
	void (*page_end)(void *context);	/* what came can be shown; NULL: it does not matter */
	void *context;
};

/* How far the logs of one step are read. */
struct run_log {
	const char *step;
	struct buf token;		/* of the next page; "": from the beginning */
	size_t seen;			/* lines of that page that were taken already */
	char status[32];		/* what the newest page calls the step's state */
	const char *told;		/* of the step's states: the one that was logged last */
};

void run_log_done(struct run_log *log);

struct run {
	struct session *session;	/* about its workflow */
	const char *id;
	struct run_log *logs;		/* of the steps met so far */
	size_t count, room;
};

/* Refuses what can be no execution's ID: ERR_USAGE. */
bool run_init(struct run *run, struct session *session, const char *id, struct err *err);
void run_done(struct run *run);			/* takes a zeroed one */

/* What the service tells of it, in a: an object with a `status`. */
bool run_details(struct run *run, struct arena *a, struct node **out, int *http_status,
                 struct err *err);
/* True for a status that does not change any more. */
bool run_ended(const struct node *details);
/* How long it, or a step of it (`begun` is the key of its beginning), took or takes by now; NULL
 * if it has not begun. */
const char *run_time(struct arena *a, const struct node *n, const char *begun);

/* What a step ended with, where that says more than its state; "": nothing does. */
const char *run_ending(struct arena *a, const struct node *step);

/* Hands all lines of log that are there by now and were not handed on before to lines. */
bool run_read_log(struct run *run, struct run_log *log, const struct run_lines *lines, struct err *err);
/* The same of each step that has begun. */
bool run_read_logs(struct run *run, const struct node *details, const struct run_lines *lines,
                   struct err *err);

/* Waits until it has ended and gives its details then, in the command's arena.  lines (NULL:
 * nobody) gets what its steps print meanwhile, or what the step called `step` does (NULL: all);
 * its end is then waited for only.  begun: it was begun just now and may not be there yet, and what
 * becomes of its steps is logged.  False if
 * it failed or was stopped. */
bool run_wait(struct run *run, const struct run_lines *lines, const char *step, bool begun,
              struct node **details, struct err *err);

#endif
