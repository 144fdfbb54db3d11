/* execution_store.h: the executions of the local service's workflows, in the database of workflow_store.h: their state,
 * the logs of their steps, and the notifications that are not sent yet.
 *
 * Functions that write are to be called between workflow_store_begin() and workflow_store_end(). */
#ifndef AGENT_SERVICE_STORE_EXECUTION_STORE_H
#define AGENT_SERVICE_STORE_EXECUTION_STORE_H

#include "agent/service/store/workflow_store.h"
#include "reconcile/base/buf.h"
#include "reconcile/dag/dag_run.h"

enum { EXECUTIONS_KEPT_DAYS = 90 };	/* "executions older than 90 days are not available" (contract, 5) */

struct stored_execution {
	int64_t id;
	const char *uuid;		/* the executionId */
	int64_t workflow;
	enum dag_status status;
	int64_t began, finished;	/* milliseconds since 1970; finished -1: in progress */
	const char *cause;		/* what started it: "cron", "webhook", "local" */
	const char *stopped_by;		/* user; NULL: it was not stopped */
	const char *stop_asked;		/* user who asked for the stop; NULL: no one has */
	bool taken;			/* an engine has begun to run it */
};

/* The large columns of an execution. */
struct execution_details {
	const char *execute;		/* JSON body of the starting request; NULL: none, or it has finished */
	const char *steps;		/* JSON list: the fields of each step that are shown and do not change */
	const char *state;		/* dag_run_save()'s JSON */
};

/* The part of an execution that one engine ran, after the engine before it had ended. */
struct stored_rerun {
	const char *uuid;
	enum dag_status status;
	int64_t began, finished;	/* milliseconds since 1970; finished -1: in progress */
	const char *stopped_by;		/* NULL: it was not stopped */
};

struct execution_query {
	int64_t workflow;
	int64_t from, to;		/* when they began, milliseconds since 1970, both included */
	unsigned statuses;		/* bits 1 << enum dag_status; 0: all */
	int64_t number, size;		/* of the page; number counts from 1 */
	int64_t newest;			/* only the newest so many of those; 0: all */
};

/* Adds an execution.  Sets run->id; all other fields are stored. */
bool execution_store_add(struct store *store, struct stored_execution *run, const struct execution_details *work,
                         struct err *err);
/* Stores the status of an execution, and marks it as taken.  state NULL: unchanged.  When it has finished, the request
 * that started it is deleted: it may hold secrets. */
bool execution_store_put(struct store *store, const struct stored_execution *run, const char *state, struct err *err);
/* Stores that user `by` asks to stop an execution in progress. */
bool execution_store_request_stop(struct store *store, int64_t id, const char *by, struct err *err);

/* The execution with that executionId; out->id is 0 if not found.  Texts live in a, here and below. */
bool execution_store_find(struct store *store, struct arena *a, const char *uuid, struct stored_execution *out,
                          struct err *err);
/* The newest execution of the workflow; out->id is 0 if the workflow has none. */
bool execution_store_find_last(struct store *store, struct arena *a, int64_t workflow, struct stored_execution *out,
                               struct err *err);
bool execution_store_get_details(struct store *store, struct arena *a, int64_t id, struct execution_details *out,
                                 struct err *err);
/* One page of executions, newest first; *total counts those of all pages. */
bool execution_store_page(struct store *store, struct arena *a, const struct execution_query *query,
                          struct stored_execution **out, size_t *count, int64_t *total, struct err *err);

/* Number of executions in progress, of one workflow or of all (0). */
bool execution_store_count_open(struct store *store, int64_t workflow, int64_t *out, struct err *err);
/* Executions in progress with an id above `after`, at most `most` of them, in order of id. */
bool execution_store_list_new(struct store *store, struct arena *a, int64_t after, size_t most,
                              struct stored_execution **out, size_t *count, struct err *err);
/* Executions in progress with a request to stop: only id and stop_asked are set. */
bool execution_store_stop_requests(struct store *store, struct arena *a, struct stored_execution **out, size_t *count,
                                   struct err *err);
/* Deletes up to `most` executions that finished before `before`, with their logs, reruns and notifications. */
bool execution_store_drop_old(struct store *store, int64_t before, size_t most, struct err *err);

bool execution_store_rerun_add(struct store *store, int64_t run, const struct stored_rerun *rerun, struct err *err);
/* Stores how the rerun in progress has ended. */
bool execution_store_rerun_end(struct store *store, const struct stored_execution *run, struct err *err);
bool execution_store_reruns(struct store *store, struct arena *a, int64_t run, struct stored_rerun **out, size_t *count,
                            struct err *err);

/* Appends lines of an attempt's log (attempt.h) to the log of a step.  upto: bytes of the attempt's log that are in the
 * store then. */
bool execution_store_log_add(struct store *store, int64_t run, size_t step, unsigned attempt, int64_t upto,
                             const char *text, struct err *err);
/* The attempt of which the log of a step was stored last, and how many bytes of that; 0 and 0: nothing is stored. */
bool execution_store_log_end(struct store *store, int64_t run, size_t step, unsigned *attempt, int64_t *upto,
                             struct err *err);
/* Appends the log of a step to out, from part `seq` on, in whole parts, until out has `most` bytes or the log ends.
 * *next is the part to continue with. */
bool execution_store_log_read(struct store *store, int64_t run, size_t step, int64_t seq, size_t most, struct buf *out,
                              int64_t *next, struct err *err);

struct stored_notification {
	int64_t id;
	const char *watcher, *news;	/* JSON */
	unsigned attempts;
};

bool execution_store_add_notification(struct store *store, int64_t run, const char *watcher, const char *news,
                                      int64_t due, struct err *err);
bool execution_store_put_notification(struct store *store, int64_t id, unsigned attempts, int64_t due, struct err *err);
bool execution_store_drop_notification(struct store *store, int64_t id, struct err *err);
bool execution_store_due_notifications(struct store *store, struct arena *a, int64_t now, size_t most,
                                       struct stored_notification **out, size_t *count, struct err *err);
/* Makes all of them due at `now` at the latest. */
bool execution_store_make_notifications_due(struct store *store, int64_t now, struct err *err);
/* When the next notification is due; -1: no notification is waiting. */
bool execution_store_next_notification(struct store *store, int64_t *out, struct err *err);

#endif
