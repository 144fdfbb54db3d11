/* scalar.h: what a plain YAML scalar means, by YAML 1.1 as PyYAML's safe loader reads
 * it (contract, full text, section 7.5), because the service's own tool is built on that. */
#ifndef RECONCILE_SCALAR_H
#define RECONCILE_SCALAR_H

#include "reconcile/node.h"

/* Sets kind and value of n from its plain text; n->text is set and stays as written.  Dates are text
 * ("we keep the text as written").  An integer past 64 bits is refused: false, *err says so. */
bool scalar_resolve(struct node *n, const char *text, struct err *err);

/* How YAML 1.2 (core schema) would read this plain text, in words ("the text \"yes\"",
 * "the number 12"), if it is not what scalar_resolve() makes of it; else NULL. */
const char *scalar_in_yaml12(struct arena *a, const char *text);

/* True if text, written plain, would not come back as the text it is; the writer quotes it. */
bool scalar_needs_quotes(const char *text);

#endif
