/* guard.h: the rules that stop a plan before it does harm (design section 6). */
#ifndef RECONCILE_PLAN_GUARD_H
#define RECONCILE_PLAN_GUARD_H

#include "reconcile/tree/node.h"

struct guard {
	const char *name;	/* "empty-source", "delete-share", "missing-share", "rollback", "update-share" */
	const char *limit, *value;	/* in words: "30 %", "4 of 10 (40 %)" */
	const char *message;	/* of one that blocks: the sentence, with the names; NULL: passed */
};

/* What a plan would do. */
struct guard_facts {
	size_t declared, meant;		/* in all; those of them that --only names */
	size_t owned, updates, deletes;
	size_t remembered, missing;	/* workflows that the state has as applied; those of them not on the service */
	const char *revision, *last_revision;	/* of the source, now and at the last apply; NULL: not known */
	bool rolls_back;		/* revision does not come after last_revision */
	size_t rolled_back;		/* commits that it takes back; 0: not known */
	const char *const *delete_names, *const *missing_names, *const *owned_names;
};

struct guard_limits {
	bool allow_empty, allow_recreate, allow_rollback;
	bool delete_limit, update_limit;	/* whether the next two are given: else the design's rule, and none */
	int max_delete_percent, max_update_percent;
	const char *const *approved;	/* names of guards that may be passed this time */
	size_t approved_count;
};

struct guards {
	struct guard *items;
	size_t count, room;
	bool blocked;
};

struct guards guards_check(struct arena *a, const struct guard_facts *facts,
                           const struct guard_limits *limits);

#endif
