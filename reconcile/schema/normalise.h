/* normalise.h: brings a workflow into the one shape in which two are compared or one is sent
 * (contract, 4.7; design, 5).  All rules are flags of the field table. */
#ifndef RECONCILE_SCHEMA_NORMALISE_H
#define RECONCILE_SCHEMA_NORMALISE_H

#include "reconcile/schema/fields.h"

/* For comparing, declared and observed alike: keys with null go (but null stays where absent
 * means unknown, FIELD_MAY_HIDE), what the service fills in, fields that are only sent, fields
 * that nobody knows, empty triggers and flowsync's own tags go; env given as a list becomes a
 * map, a webhook's id becomes true, an empty token goes, numbers where text is meant become
 * text, a step without type says `standard`.  What is of another type than the table says stays
 * as it is.  normalise(normalise(x)) equals normalise(x). */
struct node *normalise(struct arena *a, const struct node *body);

/* What was declared, as it is sent: keys with null and empty triggers go, numbers where text is
 * meant become text, a step without type says `standard`.  Nothing else changes, and positions
 * stay. */
struct node *normalise_declared(struct arena *a, const struct node *body);

/* What describe gave, as a request that would change nothing: as normalise(), but unknown keys
 * inside of known ones stay, flowsync's own tags stay, and each webhook asks to keep its address
 * (webhookPolicy: preserve). */
struct node *normalise_request(struct arena *a, const struct node *body);

/* True if the two scalars are the same value of field f (a number beside its text, sizes with
 * spaces). */
bool normal_scalars_equal(const struct field *f, const struct node *x, const struct node *y);

#endif
