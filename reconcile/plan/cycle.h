/* cycle.h: one cycle over the declared workflows: list, describe, plan, apply, verify, delete (design, 6).
 *
 * The cycle gives tasks to a dispatcher.  The caller runs the dispatcher, and calls cycle_advance() each time it
 * is idle, until that returns false.  Each workflow has one task at a time.
 * A failure of one workflow does not stop the others, except a refused token, and five answers of 403
 * in a row. */
#ifndef RECONCILE_PLAN_CYCLE_H
#define RECONCILE_PLAN_CYCLE_H

#include "reconcile/wire/operation_list.h"
#include "reconcile/plan/applied_record.h"
#include "reconcile/plan/explanation.h"
#include "reconcile/plan/report.h"
#include "reconcile/plan/spec.h"
#include "reconcile/plan/warm.h"

struct saved_plan;

struct cycle_options {
	bool apply;			/* false: stop after plan */
	const char *const *only;	/* globs of names; other workflows are neither planned nor counted */
	size_t only_count;
	const char *owner;		/* NULL: "default" */
	bool prune;			/* delete owned workflows that are no longer declared */
	bool no_adopt;			/* a workflow without an owner is a conflict */
	bool mark;			/* write our owner tags on workflows that are already equal */
	bool whole;			/* --undeclared remove */
	bool defer;			/* if a workflow runs (409), do not wait: defer its step */
	/* The source could not be read, the specs are older: nothing is created or deleted. */
	bool hold;
	bool observe_all;		/* describe every workflow, whatever is held */
	int64_t observe_all_ms;		/* that, too, this long after it was done last */
	/* Of the digests of a saved plan, DIGEST_KEY_SIZE bytes; NULL: no plan is saved or applied. */
	const unsigned char *plan_key;
	const struct saved_plan *saved;	/* only its steps are applied; NULL: all that are planned */
	const struct node *mask;	/* places that are masked in addition, as for mask_mark(); NULL: none */
	struct guard_limits limits;
	/* Of a plan that selects one workflow: gets why each of its fields is as it is; NULL: not wanted. */
	struct explanation *explanation;
};

/* What is remembered between cycles; all zero: nothing.  The functions are called during the cycle, with context. */
struct cycle_memory {
	const struct applied_records *records;	/* NULL: none */
	const struct held_looks *looks;	/* NULL: none, and none are wanted: every workflow is described */
	const unsigned char *key;	/* of sealed bodies, DIGEST_KEY_SIZE bytes; NULL: one of zeros */
	/* The body, in a, of that older version of spec's file whose digest_body() is digest; NULL:
	 * not known. */
	const struct node *(*recall)(void *context, struct arena *a, const struct spec *spec,
	                             const char *digest);
	/* Why recall() may find nothing, and what helps, as a clause; NULL: not known.  Called after recall(). */
	const char *(*explain)(void *context);
	/* The next five are changes, which commit() writes; each may be NULL, all or none.  Their arguments are copied.
	 * Stores the record; drops the record of that name.  over: the intents of that name are dropped as well. */
	void (*keep)(void *context, const struct applied_record *record, bool over);
	void (*forget)(void *context, const char *name, bool over);
	/* Stores the intent; drops it, because the service refused the write. */
	void (*intend)(void *context, const struct applied_intent *intent);
	void (*withdraw)(void *context, const struct applied_intent *intent);
	/* Drops the intents of that name: the record has what they have. */
	void (*drop_intents)(void *context, const char *name);
	/* Writes the changes since the last commit, all or none and in their order; on disk when it returns.  The cycle
	 * calls it once for all answers and requests of a round, before it sends anything, and at its end.  If all
	 * changes are drop_intents(), which a crash may undo without harm, they may wait for a later commit, unless this is
	 * the last one of the cycle. */
	void (*commit)(void *context, bool last);
	void *context;
	int64_t clock;			/* milliseconds since 1970 when the dispatcher's clock was 0 */
	struct guard_revisions revisions;
};

enum cycle_phase {
	CYCLE_LIST,
	CYCLE_UNLISTED,		/* recorded workflows that the list does not show are requested */
	CYCLE_OBSERVE,
	CYCLE_APPLY,
	CYCLE_LIST_AGAIN,	/* after the creates: has another run created the same? */
	CYCLE_DUPLICATES,
	CYCLE_DELETE,
	CYCLE_INSPECT,		/* of a plan: what would be deleted is described, for the report */
	CYCLE_DONE,
};

enum { CYCLE_FORBIDDEN_MAX = 5 };

/* The number of workflows that a warning is about, and the name of the first one in the order of the specs. */
struct tally { size_t count; const char *name; const struct spec *first; };

struct cycle {
	struct arena *arena;		/* of results that outlive the cycle: the report's steps */
	struct dispatch *dispatch;
	struct cycle_options options;
	bool owner_named;		/* the options name an owner */
	struct cycle_memory memory;
	const struct specs *specs;
	struct report *report;		/* the cycle fills in steps, counts, guards and verdict */
	struct arena first_steps;	/* of the report's steps until the list is known, which may add some */
	struct diagnostics *faults;		/* the report's; errors and warnings are added */
	enum cycle_phase phase;
	struct operation_list list;
	struct operation_list again;	/* after the creates */
	struct arena again_arena;
	unsigned readings_again;
	struct operation_call resources;	/* the default resource; requested with options.whole and options.explanation */
	struct workflow_task *tasks;	/* one for each selected spec */
	size_t count;
	struct unlisted *unlisted;	/* recorded workflows that the list does not show; NULL: not looked for yet */
	size_t unlisted_count, recorded;	/* recorded: of the workflows that this cycle is about */
	struct warm warm;
	struct guard_facts facts;
	const char **over;		/* names with a record that are neither declared nor on the service */
	size_t over_count;
	const char **undeclared;	/* names of own workflows that are no longer declared; without prune */
	const char **renamed;		/* the same of those that are called differently than flowsync called them */
	size_t undeclared_count, renamed_count;
	size_t finished, to_do;		/* tasks of this phase that have ended; all of its tasks */
	unsigned forbidden;		/* 403 answers in a row */
	const char *held;		/* why nothing is created or deleted; NULL: it may be */
	bool forbade;			/* there were CYCLE_FORBIDDEN_MAX, and the cycle was stopped */
	struct tally unseen;		/* a declared field that the service does not show */
	const char *unseen_path;	/* of the first */
	struct tally unmarked;		/* equal, and without our owner tags */
	struct tally tagless;		/* the service does not keep our tags */
	struct tally unrecorded;	/* without our tags, and no record of what was declared before */
	struct tally unmatched;		/* with our tags, and no record of the digest in them */
};

/* Starts a cycle.  specs have no errors; specs, options->only, report and faults have to outlive the
 * cycle. */
void cycle_begin(struct cycle *cycle, struct arena *a, struct dispatch *dispatch,
                 const struct specs *specs, const struct cycle_options *options,
                 struct report *report, struct diagnostics *faults);

/* Sets what is remembered, between cycle_begin() and the first cycle_advance().  The pointers in *memory have to outlive
 * the cycle. */
void cycle_remember(struct cycle *cycle, const struct cycle_memory *memory);

/* True if this cycle is about workflows of that name. */
bool cycle_selects(const struct cycle_options *options, const char *name);

/* Starts the next phase; to be called when the dispatcher is idle.  False when the cycle has ended and its
 * part of the report is complete. */
bool cycle_advance(struct cycle *cycle);

/* Frees the cycle's own memory; the report stays. */
void cycle_done(struct cycle *cycle);

#endif
