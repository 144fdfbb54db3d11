/* spec_write.h: a workflow that is on the service, as the text of a spec file (design section 3,
 * import).
 *
 * The text is the same whatever order the service gives things in.  It leaves out what the
 * service fills in, what means the same left out, and what is masked (design section 5);
 * comments say where that stood. */
#ifndef RECONCILE_PLAN_SPEC_WRITE_H
#define RECONCILE_PLAN_SPEC_WRITE_H

#include "reconcile/base/buf.h"
#include "reconcile/base/err.h"
#include "reconcile/tree/node.h"

/* Appends the text for what describe gave; endpoint is how the text calls the service.  The text
 * is a valid spec, it holds no masked value, and a plan over it is empty.  False, and out
 * untouched, if there is no such text: the workflow has what no spec can say. */
bool spec_write(struct arena *a, const struct node *described, const char *endpoint, struct buf *out,
                struct err *err);

#endif
