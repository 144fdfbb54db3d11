/* workflow_store.h: the workflows of the local service, kept in one file.
 *
 * Several processes may use one file at a time; a write waits for the other's to end.  One store
 * is used by one thread at a time. */
#ifndef AGENT_SERVICE_STORE_WORKFLOW_STORE_H
#define AGENT_SERVICE_STORE_WORKFLOW_STORE_H

#include <stdint.h>

#include "reconcile/base/arena.h"
#include "reconcile/base/err.h"

struct store;

/* The numbers stand in the file: never change one. */
enum workflow_status { WORKFLOW_DRAFT, WORKFLOW_RUNNING, WORKFLOW_AVAILABLE, WORKFLOW_PAUSED,
                       WORKFLOW_STATUS_COUNT };

struct stored_trigger {
	const char *cron;	/* NULL: a webhook */
	const char *webhook;	/* its id; NULL: a cron */
	int64_t due;		/* of a cron: when it fires next, milliseconds since 1970; -1: never */
};

/* As `due`: at once, for an engine to reckon when it is. */
#define DUE_UNKNOWN	0

struct stored_workflow {
	int64_t id;			/* never given out twice */
	const char *name;		/* need not be unique */
	/* Read: WORKFLOW_RUNNING while a run of it is under way, whatever was written. */
	enum workflow_status status;
	enum workflow_status resting;	/* read: what was written, and what it is while none is */
	int64_t created, updated;	/* milliseconds since 1970 */
	const char *modified_by;
	struct stored_trigger *triggers;
	size_t trigger_count;
	const char *const *tags;
	size_t tag_count;
	const char *body;		/* JSON, as it was sent; NULL in a page */
};

struct page_query {
	int64_t number, size;		/* number counts from 1 */
	unsigned statuses;		/* bits 1 << enum workflow_status; 0: all */
	const char *search;		/* a part of the name, in any case of A to Z; NULL: all */
	const char *const *modified_by;	/* by one of these; count 0: by anyone */
	size_t modified_by_count;
	unsigned last_runs;		/* bits 1 << enum dag_status of the last run; 0: all, those without one too */
};

struct workflow_page {
	struct stored_workflow *items;	/* by id */
	size_t count;
	int64_t total;			/* that fit the query, on all pages */
};

/* Opens the file at path, made with mode 0600 if it is not there, and brings an older one up to
 * date.  A newer one, or what is no store of ours, is refused and left as it is.  patience_ms:
 * how long to wait for another process to end its write. */
bool workflow_store_open(const char *path, int patience_ms, struct store **out, struct err *err);
void workflow_store_close(struct store *store);	/* takes NULL */
void workflow_store_closep(struct store **store);

/* True if the last failure was that another process kept the file busy: the same may work later. */
bool workflow_store_was_busy(const struct store *store);

/* What is read and written between these two is one step: nobody else writes meanwhile, others
 * see all of it or nothing.  keep false takes everything back, and so does a failure to keep;
 * they do not nest. */
bool workflow_store_begin(struct store *store, struct err *err);
/* The same for what is only read: all of it sees one state, also while others write. */
bool workflow_store_begin_read(struct store *store, struct err *err);
bool workflow_store_end(struct store *store, bool keep, struct err *err);

/* Adds a workflow; all but its id is read, and its id is set. */
bool workflow_store_add(struct store *store, struct stored_workflow *workflow, struct err *err);
/* Writes all of a workflow that is there. */
bool workflow_store_put(struct store *store, const struct stored_workflow *workflow, struct err *err);
/* The same for what a pause changes. */
bool workflow_store_put_status(struct store *store, int64_t id, enum workflow_status status, int64_t updated,
                               struct err *err);
bool workflow_store_drop(struct store *store, int64_t id, struct err *err);

/* When trigger `position` of the workflow fires next; -1: never. */
bool workflow_store_put_due(struct store *store, int64_t id, size_t position, int64_t due, struct err *err);
/* None of its triggers fires any more. */
bool workflow_store_clear_dues(struct store *store, int64_t id, struct err *err);

struct stored_cron {
	int64_t workflow;
	size_t position;	/* among its triggers */
	const char *cron;
	int64_t due;		/* -1: never */
};

/* Up to most triggers that are due by now, those that were due first first. */
bool workflow_store_list_due(struct store *store, struct arena *a, int64_t now, size_t most, struct stored_cron **out,
                             size_t *count, struct err *err);
/* All crons of workflows that are available. */
bool workflow_store_list_crons(struct store *store, struct arena *a, struct stored_cron **out, size_t *count,
                               struct err *err);
/* When the next one is due; -1: none is. */
bool workflow_store_next_due(struct store *store, int64_t *out, struct err *err);

/* The workflow with that webhook; 0 if there is none. */
bool workflow_store_find_webhook(struct store *store, const char *webhook, int64_t *id, struct err *err);

/* The workflow of that id, its text in a.  If there is none it is true and out->id is 0. */
bool workflow_store_get(struct store *store, struct arena *a, int64_t id, struct stored_workflow *out,
                        struct err *err);
bool workflow_store_page(struct store *store, struct arena *a, const struct page_query *query,
                struct workflow_page *out, struct err *err);

#endif
