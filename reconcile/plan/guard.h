/* guard.h: the rules that stop a plan before it does harm (design, 6.3). */
#ifndef RECONCILE_PLAN_GUARD_H
#define RECONCILE_PLAN_GUARD_H

#include "reconcile/tree/node.h"

struct guard {
	const char *name;	/* "empty-source", "delete-share", "missing-share", "rollback", "update-share" */
	const char *limit, *value;	/* in words: "30 %", "4 of 10 (40 %)" */
	const char *message;	/* why it blocks, with the names of workflows; NULL: passed */
};

enum revision_order {
	REVISION_FOLLOWS,	/* the present revision comes after the last one, or that is not known */
	REVISION_GOES_BACK,
	REVISION_REWRITTEN,	/* the last one is not in this repository */
	REVISION_FOREIGN,	/* nor was it applied from this repository */
};

/* Git revisions of the source: the present one and the one that was applied last; NULL: not known. */
struct guard_revisions {
	const char *now, *last;
	const char *last_place;		/* repository and path of the last one; NULL: not recorded */
	enum revision_order order;
	size_t undone;			/* commits that REVISION_GOES_BACK would undo; 0: not known */
};

/* What the plan would do, and what is known of the source and the service. */
struct guard_facts {
	size_t declared, meant;		/* all specs; those of them that --only selects */
	size_t owned, updates, deletes;
	size_t remembered, missing;	/* workflows with a record; those of them that are not on the service */
	const char *owner;
	struct guard_revisions revisions;
	const char *const *delete_names, *const *missing_names, *const *owned_names;
};

struct guard_limits {
	bool allow_empty, allow_recreate, allow_rollback;
	bool delete_limit, update_limit;	/* the next two are given; else: the default rule, no limit */
	int max_delete_percent, max_update_percent;
	const char *const *approved;	/* names of guards that do not block this time */
	size_t approved_count;
};

struct guards {
	struct guard *items;
	size_t count, room;
	bool blocked;
};

/* The first `most` names: "a, b and 3 more", each between two of quote. */
const char *name_list(struct arena *a, const char *const *names, size_t count, size_t most, const char *quote);

/* True if the guard on missing workflows does not block, however many are missing. */
bool guards_allow_missing(const struct guard_limits *limits);

/* Checks all guards; the result lives in a. */
struct guards guards_check(struct arena *a, const struct guard_facts *facts,
                           const struct guard_limits *limits);

#endif
