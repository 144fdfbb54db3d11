/* cycle.h: one cycle over the declared workflows: list, describe, plan, apply, verify (design
 * sections 5 and 6).
 *
 * The cycle hands tasks to a dispatcher; whoever drives that calls cycle_advance() each time it
 * has become idle, until it says that nothing is left.  One task at a time works for one
 * workflow, and no failure of one stops another, except a refused token, and five refusals (403)
 * in a row. */
#ifndef RECONCILE_PLAN_CYCLE_H
#define RECONCILE_PLAN_CYCLE_H

#include "reconcile/wire/operation_list.h"
#include "reconcile/plan/applied_record.h"
#include "reconcile/plan/report.h"
#include "reconcile/plan/spec.h"

struct cycle_options {
	bool apply;			/* false: stop after plan */
	const char *const *only;	/* globs of names; nothing outside is planned or counted */
	size_t only_count;
	const char *owner;		/* NULL: "default" */
	bool prune;			/* delete what is owned and not declared any more */
	bool no_adopt;			/* a workflow without our marker is a conflict */
	bool mark;			/* put our marker on workflows that are equal already */
	bool whole;			/* --undeclared remove */
	bool defer;			/* a workflow that runs (409) is not waited for: its step is deferred */
	/* The source could not be read, the specs are older: nothing is created or deleted. */
	bool hold;
	const struct node *mask;	/* more that is masked, as for mask_mark(); NULL: nothing */
	struct guard_limits limits;
};

/* What is remembered between cycles.  All zero: nothing is. */
struct cycle_memory {
	const struct applied_records *records;	/* NULL: none */
	const unsigned char *key;	/* of sealed bodies, DIGEST_KEY_SIZE bytes; NULL: one of zeros */
	/* The body of an older version of spec's file whose digest_body() is digest, in a; NULL:
	 * none is known. */
	const struct node *(*recall)(void *context, struct arena *a, const struct spec *spec,
	                             const char *digest);
	void (*keep)(void *context, const struct applied_record *record);	/* on disk when it returns */
	void (*forget)(void *context, const char *name);
	void *context;
	/* Git revisions of the source, now and at the last apply; NULL: not known. */
	const char *revision, *last_revision;
	bool rolls_back;		/* revision is known not to come after last_revision */
	size_t rolled_back;		/* commits of last_revision that revision does not have; 0: not known */
};

enum cycle_phase { CYCLE_LIST, CYCLE_OBSERVE, CYCLE_APPLY, CYCLE_DELETE, CYCLE_DONE };

enum { CYCLE_FORBIDDEN_MAX = 5 };

/* A number of workflows of which something is to be said, and the name of the first. */
struct tally { size_t count; const char *name; };

struct cycle {
	struct arena *arena;		/* for what outlives the cycle: the report's steps */
	struct dispatch *dispatch;
	struct cycle_options options;
	struct cycle_memory memory;
	const struct specs *specs;
	struct report *report;		/* steps, counts, warnings, guards and verdict are filled in */
	struct diagnostics *faults;		/* the report's; warnings are added */
	enum cycle_phase phase;
	struct operation_list list;
	struct operation_call resources;	/* the default resource, asked for where options.whole */
	struct workflow_task *tasks;	/* one for each spec that is meant; later one for each workflow that is to go */
	size_t count;
	struct guard_facts facts;
	const char **over;		/* remembered, neither declared nor on the service any more */
	size_t over_count;
	size_t finished, to_do;		/* of the tasks of this phase, for progress */
	unsigned forbidden;		/* 403 answers in a row */
	bool forbade;			/* there were so many of them that it was stopped */
	struct tally unseen;		/* a declared field that the service does not show */
	const char *unseen_path;	/* of the first */
	struct tally unmarked;		/* equal, and without our marker */
	struct tally tagless;		/* our tags do not stay on it */
	struct tally unrecorded;	/* no record of what was declared before */
};

/* specs were read without a fault; they, report, faults and what memory leads to outlive the
 * cycle. */
void cycle_begin(struct cycle *cycle, struct arena *a, struct dispatch *dispatch,
                 const struct specs *specs, const struct cycle_options *options,
                 struct report *report, struct diagnostics *faults);

/* Between cycle_begin() and the first cycle_advance(): what is remembered. */
void cycle_remember(struct cycle *cycle, const struct cycle_memory *memory);

/* To be called when the dispatcher is idle.  False when the cycle has ended and the report's
 * part of it is complete. */
bool cycle_advance(struct cycle *cycle);

/* Frees what the cycle still holds; the report stays. */
void cycle_done(struct cycle *cycle);

#endif
