/* scalar.h: the meaning of a plain YAML scalar, by YAML 1.1 as PyYAML's safe loader reads it (contract, 7.5; design,
 * 4.3), because the service's own tool uses that loader. */
#ifndef RECONCILE_TREE_SCALAR_H
#define RECONCILE_TREE_SCALAR_H

#include "reconcile/tree/node.h"

/* Sets kind and value of n from its plain text, which n->text keeps as it is written (not copied).  Dates are
 * text, and so are "=" and "<<".  False, with *err, for an integer past 64 bits or a real past a double. */
bool scalar_resolve(struct node *n, const char *text, struct err *err);

/* True if text, written plain, is text in YAML 1.1 and 1.2 alike, as its first character and its length show: most
 * scalars are that, and need not be compared with any word or pattern.  False if it is not known. */
bool scalar_is_only_text(const char *text);

/* Reads text as PyYAML reads what is tagged !!float: 010 is 10.  Also sets n->text.  False if it is not a number. */
bool scalar_resolve_real(struct node *n, const char *text);

/* How YAML 1.2 (core schema) reads the plain text of n, which scalar_resolve() has read, in words without the value
 * ("text", "a number", "a decimal number"); NULL if it reads the same. */
const char *scalar_in_yaml12(const struct node *n);

/* True if text, written plain, would not be read back as the same text by this program, by YAML 1.2 or by the service's
 * own tool, which fails on dates, "=" and "<<".  The writer quotes such text. */
bool scalar_needs_quotes(const char *text);

/* The length in bytes of the character at text if it is escaped in YAML: a control character, a line break (also U+0085,
 * U+2028 and U+2029), a byte order mark, what cannot be seen (but for joiners and variation selectors) or changes the
 * direction of writing.  0 for any other character. */
size_t scalar_odd_character(const char *text);

#endif
