/* change_groups.h: workflows with the same changes, so that a rendering shows these once.  Holds a digest and a name of
 * each workflow, and no changes. */
#ifndef RECONCILE_PLAN_CHANGE_GROUPS_H
#define RECONCILE_PLAN_CHANGE_GROUPS_H

#include "reconcile/plan/report_view.h"

enum { GROUP_LEAST = 3 };	/* workflows of a group: two are shown one by one */

struct change_group {
	size_t count;
	const char **names;		/* in the order of the report */
};

struct change_groups {
	struct arena *arena;
	struct grouped_workflow *items;	/* private */
	size_t count, room;
};

enum group_role { GROUP_NONE, GROUP_FIRST, GROUP_OTHER };

/* Reads all workflows.  A workflow is in a group if it is changed, without an error, and what its changes are, their
 * reasons and its note are equal; where they stand in the files may differ.  False as report_view_each(). */
bool change_groups_find(const struct report_view *view, struct arena *a, struct change_groups *out);

/* What the workflow number `index` of the report is; of the first of a group *group is set. */
enum group_role change_groups_role(const struct change_groups *groups, size_t index, struct change_group *group);

#endif
