/* normalise.h: brings a workflow into the shape in which it is compared or sent (contract, 4.7; design, 5.1).  All
 * rules are flags of the field table.  The results live in a and share branches with their input, which is untouched.
 * All lists and maps are new, so that they can be changed; only those of normalise_declared() may be the input's. */
#ifndef RECONCILE_SCHEMA_NORMALISE_H
#define RECONCILE_SCHEMA_NORMALISE_H

#include "reconcile/base/diagnostics.h"
#include "reconcile/schema/fields.h"

/* The form for comparing, of declared and observed workflows.  Removed: keys with null (except where absent
 * means unknown, FIELD_MAY_HIDE), fields that the service sets, fields that are only sent, unknown fields,
 * empty triggers, a false webhook, flowsync's own tags and an empty token.  Changed: env in the form of a list becomes a
 * map, a webhook's id becomes true, numbers where the table expects text become
 * text, a step without type gets `standard`.  A value of another type than the table says is not
 * changed.  normalise(normalise(x)) equals normalise(x). */
struct node *normalise(struct arena *a, const struct node *body);

/* A declared body as it is sent: without keys with null and without empty triggers, with text for numbers where the
 * table expects text, and with type `standard` in a step without type.  Nothing else changes; positions stay. */
struct node *normalise_declared(struct arena *a, const struct node *body);

/* A described workflow as the request that would change nothing: as normalise(), but with unknown keys
 * inside of known ones, with flowsync's own tags, and with the request to keep the address of each webhook
 * (webhookPolicy: preserve). */
struct node *normalise_request(struct arena *a, const struct node *body);

/* A body of an update, as it is but without what its steps cannot have: fields of another type of step, an incomplete
 * one of several that exclude each other, and stray ones.  The SDK's patch puts image, command and repository into every
 * step (contract, 2.7 G).  faults (NULL: none) gets a warning for each. */
struct node *normalise_own_fields(struct arena *a, const struct node *body, struct diagnostics *faults);

/* A declared body as flowsync read it while the last newline of a file was part of the file; NULL: that is the same, as
 * no text of it ends its file.  Records and tags may be of that reading. */
struct node *normalise_other_reading(struct arena *a, const struct node *declared);

/* True if the two scalars are the same value of field f (NULL: unknown field): equal, or 10 and 10.0, or sizes that
 * differ in spaces, or texts of which one ends its file and that differ in one newline at the end. */
bool normal_scalars_equal(const struct field *f, const struct node *x, const struct node *y);

#endif
