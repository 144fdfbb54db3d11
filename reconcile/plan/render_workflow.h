/* render_workflow.h: what happens to one workflow as lines, for every rendering. */
#ifndef RECONCILE_PLAN_RENDER_WORKFLOW_H
#define RECONCILE_PLAN_RENDER_WORKFLOW_H

#include "reconcile/plan/render_change.h"

/* Adds the changes of a workflow of a report's document (a new or deleted one as YAML), and then its note and its error. */
void render_body(struct line_writer *w, const struct node *workflow, const struct change_style *style);

#endif
