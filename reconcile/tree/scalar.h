/* scalar.h: what a plain YAML scalar means, by YAML 1.1 as PyYAML's safe loader reads
 * it (contract, 7.5), because the service's own tool is built on that. */
#ifndef RECONCILE_TREE_SCALAR_H
#define RECONCILE_TREE_SCALAR_H

#include "reconcile/tree/node.h"

/* Sets kind and value of n from its plain text; n->text is set and stays as written.  Dates are
 * text, and so are "=" and "<<".  An integer past 64 bits or a real past a double is refused:
 * false, *err says so. */
bool scalar_resolve(struct node *n, const char *text, struct err *err);

/* What YAML 1.2 (core schema) would make of this plain text, in words without the value ("text",
 * "a number", "a decimal number"), if it is not what scalar_resolve() makes of it; else NULL. */
const char *scalar_in_yaml12(const char *text);

/* True if text, written plain, would not come back as the text it is, here, in YAML 1.2 or in the
 * service's own tool, which fails on dates, "=" and "<<"; the writer quotes it. */
bool scalar_needs_quotes(const char *text);

/* How many bytes the character at text takes if YAML cannot have it as it stands (a control
 * character, a line break, which U+0085, U+2028 and U+2029 are too, a byte order mark); 0 if it
 * can. */
size_t scalar_odd_character(const char *text);

#endif
