/* cycle.h: one cycle over the declared workflows: list, describe, plan, apply, verify (design sections 5 and 6).
 *
 * The cycle hands tasks to a dispatcher; whoever drives that calls cycle_advance() each time it has become idle, until
 * it says that nothing is left.  One task at a time works for one workflow, and no failure of one stops another, except
 * a refused token, and five refusals (403) in a row. */
#ifndef RECONCILE_CYCLE_H
#define RECONCILE_CYCLE_H

#include "reconcile/op_list.h"
#include "reconcile/report.h"
#include "reconcile/spec.h"

struct cycle_options {
	bool apply;			/* false: stop after plan */
	const char *const *only;	/* globs of names; nothing outside is planned or counted */
	size_t only_count;
};

enum cycle_phase { CYCLE_LIST, CYCLE_OBSERVE, CYCLE_APPLY, CYCLE_DONE };

enum { CYCLE_FORBIDDEN_MAX = 5 };

struct cycle {
	struct arena *arena;		/* for what outlives the cycle: the report's steps */
	struct dispatch *dispatch;
	struct cycle_options options;
	struct report *report;		/* steps, counts, warnings and verdict are filled in */
	struct faults *faults;		/* the report's; warnings are added */
	enum cycle_phase phase;
	struct op_list list;
	struct work *works;		/* one for each spec that is meant */
	size_t count;
	size_t finished, to_do;		/* of the works of this phase, for progress */
	unsigned forbidden;		/* 403 answers in a row */
	bool forbade;			/* there were so many of them that it was stopped */
	size_t unseen;			/* workflows with a declared field that the service does not show */
	const char *unseen_name, *unseen_path;	/* the first of them */
};

/* specs were read without a fault; they, report and faults outlive the cycle. */
void cycle_begin(struct cycle *cycle, struct arena *a, struct dispatch *dispatch,
                 const struct specs *specs, const struct cycle_options *options,
                 struct report *report, struct faults *faults);

/* To be called when the dispatcher is idle.  False when the cycle has ended and the report's part of it is complete. */
bool cycle_advance(struct cycle *cycle);

/* Frees what the cycle still holds; the report stays. */
void cycle_done(struct cycle *cycle);

#endif
