/* json.h: JSON bytes to trees and back.  Only json.c uses json-c. */
#ifndef RECONCILE_TREE_JSON_H
#define RECONCILE_TREE_JSON_H

#include "reconcile/base/buf.h"
#include "reconcile/tree/node.h"

enum { JSON_MAX_DEPTH = 64 };

/* Reads one JSON value that fills all of bytes (white space around it is allowed) into *out, in a.  Refused:
 * bytes that are not JSON, NaN and Infinity, bytes that are not UTF-8, nesting over JSON_MAX_DEPTH, integers past 64
 * bits, a NUL in a text or key, text after the value.  Of two equal keys in one object the last
 * one counts, as in other readers.  Reals keep their text as it was written.  If false, *err says what is wrong and,
 * where known, at which byte. */
bool json_read(struct arena *a, const char *bytes, size_t len, struct node **out, struct err *err);

/* The same for the answer of a service, in which one odd value must not hide the others: a value that is refused above
 * for its size, depth, bytes or NUL, and NaN and Infinity, become a NODE_RAW.  So does the value of a key with such
 * bytes; that key is kept as it was written, with its quotes. */
bool json_read_answer(struct arena *a, const char *bytes, size_t len, struct node **out, struct err *err);

/* json_read_answer() of a file: *err begins with the file and, where known, the line and column. */
bool json_read_file(struct arena *a, const char *file, const char *bytes, size_t len, struct node **out, struct err *err);

enum json_style {
	JSON_COMPACT,	/* one line, no spaces, keys in their order */
	/* two spaces, keys in their order; characters that cannot be seen, or that change the direction of writing, are
	 * escaped */
	JSON_PRETTY,
};

/* Appends n, without a newline at the end.  "/" is not escaped; reals are printed so that they
 * are read back the same.  NaN and infinities, which only YAML has, become null; a byte that is not UTF-8, which only
 * names of files and messages can have, becomes the character U+FFFD. */
void json_write(const struct node *n, enum json_style style, struct buf *out);

/* The same with JSON_PRETTY for a value that stands `depth` levels deep in a document. */
void json_write_inside(const struct node *n, int depth, struct buf *out);

/* The same, compact, in a. */
const char *json_text(struct arena *a, const struct node *n);

/* Appends the canonical form: compact, keys sorted by bytes.  Equal trees give equal bytes. */
void json_write_canonical(const struct node *n, struct buf *out);

/* True if JSON can hold these bytes unchanged as a text: UTF-8 without a NUL. */
bool json_can_hold(const char *bytes, size_t len);

#endif
