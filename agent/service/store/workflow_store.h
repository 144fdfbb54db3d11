/* workflow_store.h: the workflows of the local service, in a SQLite file.
 *
 * Several processes may use one file at the same time; a write waits for another's to end.  A struct store is used by
 * one thread at a time. */
#ifndef AGENT_SERVICE_STORE_WORKFLOW_STORE_H
#define AGENT_SERVICE_STORE_WORKFLOW_STORE_H

#include <stdint.h>

#include "reconcile/base/arena.h"
#include "reconcile/base/err.h"

struct store;

/* These numbers are stored in the file: never change one. */
enum workflow_status { WORKFLOW_DRAFT, WORKFLOW_RUNNING, WORKFLOW_AVAILABLE, WORKFLOW_PAUSED,
                       WORKFLOW_STATUS_COUNT };

struct stored_trigger {
	const char *cron;	/* NULL: a webhook */
	const char *webhook;	/* its id; NULL: a cron */
	int64_t due;		/* when the cron fires next, milliseconds since 1970; -1: never */
};

/* A value of `due`: not computed yet; the engine computes it at once. */
#define DUE_UNKNOWN	0

struct stored_workflow {
	int64_t id;			/* never used twice */
	const char *name;		/* need not be unique */
	/* When read: WORKFLOW_RUNNING while an execution is in progress, whatever was written. */
	enum workflow_status status;
	enum workflow_status resting;	/* when read: the status that was written */
	int64_t created, updated;	/* milliseconds since 1970 */
	const char *modified_by;
	struct stored_trigger *triggers;
	size_t trigger_count;
	const char *const *tags;
	size_t tag_count;
	const char *body;		/* JSON, as it was sent */
	/* Parts of answers, which the store does not interpret.  When read: NULL if they were not made of this workflow
	 * as it is, by this version of the program; rest is read by workflow_store_get_answer() alone. */
	const char *item, *rest;
	int64_t last_run;		/* when read: its newest execution; 0: none */
};

struct page_query {
	int64_t number, size;		/* number counts from 1 */
	unsigned statuses;		/* bits 1 << enum workflow_status; 0: all */
	const char *search;		/* part of the name; A to Z match in any case; NULL: all */
	const char *const *modified_by;	/* by one of these; count 0: by anyone */
	size_t modified_by_count;
	unsigned last_runs;		/* bits 1 << enum dag_status of the newest execution; 0: all workflows */
};

struct workflow_page {
	struct stored_workflow *items;	/* by id; whole if item is NULL, else as workflow_store_get_answer() sets them */
	size_t count;
	int64_t total;			/* matches on all pages */
};

/* Opens the file at path.  A missing file is created with mode 0600; one of an older version is migrated; one of a
 * newer version, or another database, is refused and not changed.  patience_ms: how long to wait for another process's
 * write. */
bool workflow_store_open(const char *path, int patience_ms, struct store **out, struct err *err);
/* Opens a copy of the file at path; empty if there is no file (database_copy()). */
bool workflow_store_copy(const char *path, int patience_ms, struct store **out, struct err *err);
/* Writes a copy of the file at path to the file `to`, while others use it (database_backup()). */
bool workflow_store_backup(const char *path, int patience_ms, const char *to, struct err *err);
void workflow_store_close(struct store *store);	/* takes NULL */
void workflow_store_closep(struct store **store);

/* True if the last failure was a write of another process that took too long: trying again may help. */
bool workflow_store_was_busy(const struct store *store);

/* Begin and end a transaction for writing: no other process writes meanwhile, and others see all changes or none.  keep
 * false takes the changes back, and so does a failure of workflow_store_end().  Transactions do not nest. */
bool workflow_store_begin(struct store *store, struct err *err);
/* The same for reading only: all reads see one state, also while others write. */
bool workflow_store_begin_read(struct store *store, struct err *err);
bool workflow_store_end(struct store *store, bool keep, struct err *err);

/* Adds a workflow.  Sets workflow->id; all other fields are stored. */
bool workflow_store_add(struct store *store, struct stored_workflow *workflow, struct err *err);
/* Replaces the workflow with that id. */
bool workflow_store_put(struct store *store, const struct stored_workflow *workflow, struct err *err);
/* Stores status and time of the update only: what pause and resume change. */
bool workflow_store_put_status(struct store *store, int64_t id, enum workflow_status status, int64_t updated,
                               struct err *err);
/* Stores item and rest of the workflow as it is stored now.  A later change makes them void. */
bool workflow_store_put_answer(struct store *store, const struct stored_workflow *workflow, struct err *err);
bool workflow_store_drop(struct store *store, int64_t id, struct err *err);

/* Stores when trigger `position` of the workflow fires next; -1: never. */
bool workflow_store_put_due(struct store *store, int64_t id, size_t position, int64_t due, struct err *err);
/* Stores that none of the workflow's triggers fires. */
bool workflow_store_clear_dues(struct store *store, int64_t id, struct err *err);

struct stored_cron {
	int64_t workflow;
	size_t position;	/* among its triggers */
	const char *cron;
	int64_t due;		/* -1: never */
};

/* Up to `most` triggers that are due at `now`, the longest overdue first. */
bool workflow_store_list_due(struct store *store, struct arena *a, int64_t now, size_t most, struct stored_cron **out,
                             size_t *count, struct err *err);
/* The crons of all workflows with status WORKFLOW_AVAILABLE. */
bool workflow_store_list_crons(struct store *store, struct arena *a, struct stored_cron **out, size_t *count,
                               struct err *err);
/* When the next trigger is due; -1: none is. */
bool workflow_store_next_due(struct store *store, int64_t *out, struct err *err);

/* Sets *id to the workflow with that webhook; 0 if not found. */
bool workflow_store_find_webhook(struct store *store, const char *webhook, int64_t *id, struct err *err);

/* The workflow with that id; texts live in a.  If it is not found, returns true with out->id 0. */
bool workflow_store_get(struct store *store, struct arena *a, int64_t id, struct stored_workflow *out,
                        struct err *err);
/* The same, but of the fields only id, status, item, rest and last_run are set; of those of a page not rest. */
bool workflow_store_get_answer(struct store *store, struct arena *a, int64_t id, struct stored_workflow *out,
                               struct err *err);
/* Up to `most` workflows with an id above `after` of which item or rest is NULL, by id. */
bool workflow_store_list_unmade(struct store *store, struct arena *a, int64_t after, size_t most, int64_t **ids,
                                size_t *count, struct err *err);
bool workflow_store_page(struct store *store, struct arena *a, const struct page_query *query,
                struct workflow_page *out, struct err *err);

#endif
