/* render_text.h: a report as text for a terminal or a log. */
#ifndef RECONCILE_PLAN_RENDER_TEXT_H
#define RECONCILE_PLAN_RENDER_TEXT_H

#include "reconcile/plan/render.h"
#include "reconcile/plan/report_view.h"

/* False if the output takes no more, or if changes cannot be read again. */
bool render_text(struct report_view *view, const struct render_options *options);

/* What is, or was, done with a workflow, in a word: "create", "changed", "failed". */
const char *render_action_word(const struct node *workflow);

/* Appends the line that counts: "Plan: 1 to create, ...". */
void render_counts(const struct report_view *view, struct buf *out);

#endif
