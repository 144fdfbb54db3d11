/* warm.h: which workflows a cycle need not describe, because nothing can have changed since an earlier cycle did
 * (design, 6.5).
 *
 * A look is the outcome of a description that asked for no write, with all that decides it.  Looks are kept between
 * cycles.  While the workflow's entry in the list and the inputs are those of the look, its outcome is reported again.
 * This module decides: the time is an argument of the cycle, and the agent loads and stores the looks. */
#ifndef RECONCILE_PLAN_WARM_H
#define RECONCILE_PLAN_WARM_H

#include "reconcile/wire/list_entry.h"

enum {
	LOOK_DIGEST = 16,
	LOOK_FRESH_US = 2000000,	/* a description that is not that much younger than the stamp may be older than a change */
};
/* How long every workflow is described after a look was wrong. */
#define WARM_OFF_MS	((int64_t)30 * 24 * 3600 * 1000)

struct held_look {
	const char *name;			/* of the spec; the key among the looks of one endpoint and owner */
	struct list_entry entry;		/* of the workflow in the list; its stamp is that of the description, too */
	int64_t described;			/* the service's Date of the description, microseconds since 1970; 0: not known */
	unsigned char inputs[LOOK_DIGEST];	/* of all else that decides the outcome, under the state's key */
	/* The outcome: a JSON object with what is not usual of result, tags, settled and refused, secrets masked; NULL: all
	 * is usual, which is unchanged and marked. */
	const char *outcome;
	const char *unseen;			/* the first declared field that the service does not show; NULL: none */
};

struct held_looks {
	struct held_look *items;	/* sorted by name */
	size_t count, room;
	int64_t full_ms;		/* when a cycle described all workflows last, milliseconds since 1970; 0: it is due again */
	int64_t off_ms;			/* when a look of this endpoint was found wrong; 0: never */
};

/* The looks in the hands of a cycle, and what is to be stored at its end; all zero: nothing is held. */
struct warm {
	const struct held_looks *held;	/* NULL: there is no state, or a look was wrong: all workflows are described */
	bool full;			/* all workflows are described, and the held looks are checked */
	unsigned char options[LOOK_DIGEST];	/* of the inputs that all workflows share */
	struct held_look *fresh;	/* to be stored */
	size_t fresh_count, fresh_room;
	const char **stale;		/* names whose look is to be dropped */
	size_t stale_count, stale_room;
	size_t reused;			/* looks that stood for a description */
	const char *wrong;		/* the name of a workflow whose look was wrong; NULL: none */
	int64_t full_ms;		/* to be stored instead of that of held, unless it is the same */
};

struct cycle;
struct workflow_task;
struct listed;

/* In cycle_remember(), before the list is read. */
void warm_begin(struct cycle *cycle);
/* After that, before the first warm_reuse(): may looks be used, and is everything described? */
void warm_plan(struct cycle *cycle);
/* True if the workflow, which is `listed`, need not be described: the step and the cycle's tallies are as after the
 * look. */
bool warm_reuse(struct workflow_task *task, const struct listed *listed);
/* After that was false: true if nothing changed but the spec, so that the workflow is most likely written, and one
 * description before that is enough. */
bool warm_may_postpone(const struct workflow_task *task);
/* After the workflow was described to plan by, or could not be: holds the look, or drops that of an earlier cycle. */
void warm_take_look(struct workflow_task *task);
/* At the end of the cycle. */
void warm_end(struct cycle *cycle);

#endif
