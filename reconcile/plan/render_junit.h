/* render_junit.h: a report as JUnit XML: a test case for each workflow. */
#ifndef RECONCILE_PLAN_RENDER_JUNIT_H
#define RECONCILE_PLAN_RENDER_JUNIT_H

#include "reconcile/plan/render.h"
#include "reconcile/plan/report_view.h"

/* False if the output takes no more, or if changes cannot be read again. */
bool render_junit(struct report_view *view, const struct render_options *options);

#endif
