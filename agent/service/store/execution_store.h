/* execution_store.h: the runs of the local service's workflows, in the file of workflow_store.h: how each stands, what its
 * steps printed, and which watchers are still to be told.
 *
 * All that is written belongs between workflow_store_begin() and workflow_store_end(). */
#ifndef AGENT_SERVICE_STORE_EXECUTION_STORE_H
#define AGENT_SERVICE_STORE_EXECUTION_STORE_H

#include "agent/service/store/workflow_store.h"
#include "reconcile/base/buf.h"
#include "reconcile/dag/dag_run.h"

enum { EXECUTIONS_KEPT_DAYS = 90 };	/* "executions older than 90 days are not available" (contract, 5) */

struct stored_execution {
	int64_t id;
	const char *uuid;		/* its executionId */
	int64_t workflow;
	enum dag_status status;
	int64_t began, finished;	/* milliseconds since 1970; finished -1: it is under way */
	const char *cause;		/* what began it: "cron", "webhook", "local" */
	const char *stopped_by;		/* NULL: nobody */
	const char *stop_asked;		/* who asked for its stop; NULL: nobody yet */
	bool taken;			/* an engine had it in hand */
};

/* What stands apart from it. */
struct execution_details {
	const char *execute;		/* JSON that it was sent; NULL: nothing, or the run has ended */
	const char *steps;		/* JSON list: what of each step is shown and does not change */
	const char *state;		/* dag_run_save()'s JSON */
};

/* A part of a run that an engine went on with after another one had ended in between. */
struct stored_rerun {
	const char *uuid;
	enum dag_status status;
	int64_t began, finished;	/* -1: it is under way */
	const char *stopped_by;		/* NULL: nobody */
};

struct execution_query {
	int64_t workflow;
	int64_t from, to;		/* of their begin, milliseconds since 1970, both included */
	unsigned statuses;		/* bits 1 << enum dag_status; 0: all */
	int64_t number, size;		/* of the page; number counts from 1 */
	int64_t newest;			/* only the newest so many of those; 0: all */
};

/* Adds a run that begins at began: all but its id is read, and its id is set. */
bool execution_store_add(struct store *store, struct stored_execution *run, const struct execution_details *work,
                         struct err *err);
/* How it stands now; it counts as taken then.  state NULL: as it was.  Once it has finished what it was
 * sent is forgotten: there may be secrets in it. */
bool execution_store_put(struct store *store, const struct stored_execution *run, const char *state, struct err *err);
/* Of one that is under way. */
bool execution_store_request_stop(struct store *store, int64_t id, const char *by, struct err *err);

/* The run of that executionId; id 0 if there is none.  Text is in a, here and below. */
bool execution_store_find(struct store *store, struct arena *a, const char *uuid, struct stored_execution *out,
                          struct err *err);
/* The one of the workflow that began last. */
bool execution_store_find_last(struct store *store, struct arena *a, int64_t workflow, struct stored_execution *out,
                               struct err *err);
bool execution_store_get_details(struct store *store, struct arena *a, int64_t id, struct execution_details *out,
                                 struct err *err);
/* Newest first; *total of all pages. */
bool execution_store_page(struct store *store, struct arena *a, const struct execution_query *query,
                          struct stored_execution **out, size_t *count, int64_t *total, struct err *err);

/* How many are under way: of one workflow, or of all (0). */
bool execution_store_count_open(struct store *store, int64_t workflow, int64_t *out, struct err *err);
/* Those under way whose id is above `after`, at most most of them, by id. */
bool execution_store_list_new(struct store *store, struct arena *a, int64_t after, size_t most,
                              struct stored_execution **out, size_t *count, struct err *err);
/* Those under way whose stop was asked for: id and stop_asked alone are set. */
bool execution_store_stop_requests(struct store *store, struct arena *a, struct stored_execution **out, size_t *count,
                                   struct err *err);
/* Forgets up to most runs that finished before then, with all that belongs to them. */
bool execution_store_drop_old(struct store *store, int64_t before, size_t most, struct err *err);

bool execution_store_rerun_add(struct store *store, int64_t run, const struct stored_rerun *rerun, struct err *err);
/* The one that is under way has ended so. */
bool execution_store_rerun_end(struct store *store, const struct stored_execution *run, struct err *err);
bool execution_store_reruns(struct store *store, struct arena *a, int64_t run, struct stored_rerun **out, size_t *count,
                            struct err *err);

/* Appends lines of attempt.h's log to that of a step.  upto: bytes of the attempt's log that are
 * stored with them. */
bool execution_store_log_add(struct store *store, int64_t run, size_t step, unsigned attempt, int64_t upto,
                             const char *text, struct err *err);
/* How far the log of a step is: of which attempt, and how many bytes of it; 0 and 0: nothing is there. */
bool execution_store_log_end(struct store *store, int64_t run, size_t step, unsigned *attempt, int64_t *upto,
                             struct err *err);
/* Appends to out what was stored from part `seq` on, whole parts, until out has most bytes or there is no
 * more; *next is the part to go on with. */
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
/* None is due later than now. */
bool execution_store_make_notifications_due(struct store *store, int64_t now, struct err *err);
bool execution_store_next_notification(struct store *store, int64_t *out, struct err *err);	/* -1: none is due */

#endif
