/* mask.h: what must never be shown, and what is shown instead (design section 5, "Masked"). */
#ifndef RECONCILE_SCHEMA_MASK_H
#define RECONCILE_SCHEMA_MASK_H

#include "reconcile/base/buf.h"
#include "reconcile/schema/fields.h"
#include "reconcile/tree/path.h"

/* What is put where a secret stood; at is where that is (list items count as one place). */
struct cover {
	void (*add)(const struct cover *cover, const struct path *at, const char *secret, size_t len,
	            struct buf *out);
};

/* A copy of n, a value of field f (NULL: a field nobody knows) that stands at `at`, with every
 * secret covered: secret fields as a whole, env values whose key tells, webhook ids, user and
 * query parts of URLs in any text. */
struct node *mask_cover(struct arena *a, const struct cover *cover, const struct path *at,
                        const struct field *f, const struct node *n);

/* The same for the value of key inside a map of field outer, whose key may tell that it is a
 * secret. */
struct node *mask_cover_entry(struct arena *a, const struct cover *cover, const struct path *at,
                              const struct field *outer, const struct field *f, const struct node *n);

/* Marks every scalar at or below what patterns names as secret, in place; patterns is a list of JSON
 * Pointers into a body, "*" matching one level (the `mask:` of a configuration); NULL: none. */
void mask_mark(struct arena *a, struct node *body, const struct node *patterns);

/* A copy of n, a value of field f (NULL: a field nobody knows), with "(masked #number)" wherever
 * a secret stands. */
struct node *mask(struct arena *a, const struct field *f, const struct node *n, unsigned number);

/* The same for n that is the value of key (NULL: an item of a list) inside a map of field outer. */
struct node *mask_entry(struct arena *a, const struct field *outer, const char *key,
                        const struct field *f, const struct node *n, unsigned number);

/* Whether the value of a variable of that name is masked: "pass, secret, token, key or cred". */
bool mask_key(const char *key);

/* A copy of text in which the user and query parts of every URL are masked. */
const char *mask_urls(struct arena *a, const char *text, unsigned number);

/* text with "(masked #1)" wherever secret stands in it.  One under four letters stays: it would
 * match anything. */
const char *mask_text(struct arena *a, const char *secret, const char *text);

/* A copy of text in which every masked value of a workflow body is "(masked #1)", for text that
 * somebody else made of the body, such as the service's refusal of it.  Values under four
 * letters stay: they would match anything. */
const char *mask_values(struct arena *a, const struct node *body, const char *text);

/* Calls found for each value in body in which "(masked #1)", or another number, stands for a
 * secret: somebody took it over from what was shown.  What ignore names (JSON Pointers as for
 * diff_workflow(); NULL: nothing) is passed over, with what is below. */
void mask_each(struct arena *a, const struct node *body, const struct node *ignore,
               void (*found)(void *context, const struct path *at, const struct node *value),
               void *context);

#endif
