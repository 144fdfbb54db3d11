/* render_markdown.h: a report as GitHub Flavored Markdown, for a comment on a pull request.
 *
 * Text of any origin stands only where markup has no meaning: in code spans, in fences longer than any run of backticks
 * in it, and escaped in <code> of a <summary>.  Sites that look for mentions, references and addresses leave all three
 * alone. */
#ifndef RECONCILE_PLAN_RENDER_MARKDOWN_H
#define RECONCILE_PLAN_RENDER_MARKDOWN_H

#include "reconcile/plan/render.h"
#include "reconcile/plan/report_view.h"

enum { MARKDOWN_MOST = 60000 };		/* characters; GitHub takes 65,536 */

/* False if the output takes no more, or if changes cannot be read again. */
bool render_markdown(struct report_view *view, const struct render_options *options);

#endif
