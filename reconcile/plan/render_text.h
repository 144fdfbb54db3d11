/* render_text.h: a report as text for a terminal or a log. */
#ifndef RECONCILE_PLAN_RENDER_TEXT_H
#define RECONCILE_PLAN_RENDER_TEXT_H

#include "reconcile/plan/render.h"
#include "reconcile/plan/report_view.h"

/* False if the output takes no more, or if changes cannot be read again. */
bool render_text(struct report_view *view, const struct render_options *options);

/* What is, or was, done with a workflow, in a word: "create", "changed", "failed". */
const char *render_action_word(const struct node *workflow);

/* The same with what was to be done: "delete, blocked". */
void render_add_action(struct buf *out, const struct node *workflow);

/* True if an error kept the cycle from planning anything. */
bool render_is_nothing(const struct report_view *view);

/* Appends the line that counts: "Plan: 1 to create, ...", or that there is nothing to count. */
void render_counts(const struct report_view *view, struct buf *out);

#endif
