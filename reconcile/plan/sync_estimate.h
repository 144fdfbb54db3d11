/* sync_estimate.h: what a sync will cost, from what its plan cost. */
#ifndef RECONCILE_PLAN_SYNC_ESTIMATE_H
#define RECONCILE_PLAN_SYNC_ESTIMATE_H

#include "reconcile/plan/report_view.h"

struct sync_estimate { int64_t requests, ms; };

/* False if there is nothing to do. */
bool sync_estimate(const struct report_view *plan, struct sync_estimate *out);

/* Appends it as a sentence: "A sync sends about 12 requests and takes about 3 s." */
void sync_estimate_add(const struct sync_estimate *estimate, struct buf *out);

#endif
