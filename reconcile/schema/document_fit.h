/* document_fit.h: whether a document of flowsync's own (a report, a saved plan) has the form that its table says. */
#ifndef RECONCILE_SCHEMA_DOCUMENT_FIT_H
#define RECONCILE_SCHEMA_DOCUMENT_FIT_H

#include "reconcile/schema/fields.h"

/* True if every key that f says is needed is there, and every value of a key in f has its type.  Keys that f does not
 * have may be there: a later version adds some.  Else *err names the place: "/steps/3/name is missing". */
bool document_fits(struct arena *a, const struct field *f, const struct node *document, struct err *err);

#endif
