/* spec_write.h: writes a workflow of the service as the text of a spec file, for `flowsync import`.
 *
 * The text does not depend on the order in which the service shows things.  It leaves out what the
 * service sets, defaults, and secrets (design, 5.6);
 * comments name the places of the secrets. */
#ifndef RECONCILE_PLAN_SPEC_WRITE_H
#define RECONCILE_PLAN_SPEC_WRITE_H

#include "reconcile/base/buf.h"
#include "reconcile/base/err.h"
#include "reconcile/tree/node.h"

/* Appends the text for a described workflow; endpoint is the name of the service in its first comment.  The text
 * is a valid spec, it holds no secret, and a plan for it is empty.  False, with *err and out
 * untouched, if there is no such text, because the workflow has something that no spec can express. */
bool spec_write(struct arena *a, const struct node *described, const char *endpoint, struct buf *out,
                struct err *err);

#endif
