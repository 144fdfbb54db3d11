/* workflow_session.h: what the `workflow` commands share: a connection to the service, one operation after the other,
 * and their output. */
#ifndef AGENT_CMD_WORKFLOW_SESSION_H
#define AGENT_CMD_WORKFLOW_SESSION_H

#include "agent/cmd/cli.h"
#include "agent/sync/connection.h"
#include "reconcile/wire/operation.h"
#include "reconcile/plan/spec.h"

enum { BY_HAND_TIMEOUT_MS = 120000 };	/* of one operation, retries included */

struct workflow_session {
	struct context *ctx;
	struct connection connection;
	struct dispatch dispatch;
	int64_t id;		/* of the workflow that the command names; 0: it names none */
	const char *name;	/* NULL: the command named it by its ID */
};

bool workflow_session_open(struct context *ctx, struct workflow_session *out, struct err *err);
/* Opens a session and finds the workflow that word, an ID or a name, stands for. */
bool workflow_session_open_workflow(struct context *ctx, const char *word, struct workflow_session *out, struct err *err);
void workflow_session_close(struct workflow_session *session);	/* takes a zeroed one */

/* Runs one operation to its end; false with its error if it failed, or if the command was interrupted:
 * workflow_session_stopped(). */
bool workflow_session_run(struct workflow_session *session, struct operation_task *op, struct err *err);
bool workflow_session_stopped(const struct workflow_session *session);
/* Reports err like cli_fail() and returns the exit code; after an interrupt returns 130 or 143 without a report. */
int workflow_session_fail(const struct workflow_session *session, const struct err *err);

/* Reads the description of the session's workflow from the service, into ctx->arena. */
bool workflow_session_describe(struct workflow_session *session, struct node **out, struct err *err);

/* Prints n, the body of a workflow or a list of bodies, as JSON or YAML, with secrets masked unless --show-masked is
 * given. */
void workflow_session_print(struct context *ctx, const struct node *n);
/* The same for a page of workflows. */
void workflow_session_print_page(struct context *ctx, const struct node *page);
/* The same for an execution or a list of executions: user and query parts of URLs are masked. */
void workflow_session_print_execution(struct context *ctx, const struct node *n);
/* Makes the numbers of a page fit if it is several pages in one: one page of count items. */
void workflow_session_join_pages(struct context *ctx, struct node *page, size_t count);
/* Prints n as JSON or YAML as it is. */
void workflow_session_print_plain(struct context *ctx, const struct node *n);

/* Reads the one spec in file ("-": stdin), with its variables filled in, and logs warnings.  False with all its
 * faults in *faults. */
bool workflow_session_read_file(struct context *ctx, const char *file, struct spec *out,
                                struct diagnostics *faults);
/* The same for a patch, in which no key is required. */
bool workflow_session_read_patch(struct context *ctx, const char *file, struct spec *out,
                                 struct diagnostics *faults);

/* The same for the body of execute. */
bool workflow_session_read_execute(struct context *ctx, const char *file, struct spec *out,
                                   struct diagnostics *faults);

/* Logs all of faults, which are warnings. */
void workflow_session_log_warnings(struct context *ctx, struct diagnostics *faults);

/* Prints the result of a change: a sentence ("created workflow 1"), or the service's answer as it was received
 * (NULL: none, an empty object). */
void workflow_session_print_result(struct context *ctx, const char *verb, int64_t id, const char *name,
                                   const struct node *answer);

/* A cell of a table: text, or "-" for NULL and "". */
const char *workflow_session_cell(const char *text);

extern const struct command cmd_workflow_list, cmd_workflow_describe, cmd_workflow_create, cmd_workflow_update,
                            cmd_workflow_patch, cmd_workflow_create_or_update, cmd_workflow_delete,
                            cmd_workflow_pause, cmd_workflow_resume, cmd_workflow_execute, cmd_workflow_executions,
                            cmd_workflow_execution, cmd_workflow_logs, cmd_workflow_stop, cmd_workflow_resources,
                            cmd_workflow_default_resource;

#endif
