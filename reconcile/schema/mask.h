/* mask.h: finds secrets in workflows and texts, and replaces them (design, 5.6).  Results live in a. */
#ifndef RECONCILE_SCHEMA_MASK_H
#define RECONCILE_SCHEMA_MASK_H

#include "reconcile/base/buf.h"
#include "reconcile/schema/fields.h"
#include "reconcile/tree/path.h"

/* How a secret is replaced: add() appends the replacement.  at is the place of the secret (all items of a list have the
 * same place). */
struct cover {
	void (*add)(const struct cover *cover, const struct path *at, const char *secret, size_t len,
	            struct buf *out);
	bool share;		/* what holds no secret is shared, not copied */
};

/* A copy of n, a value of field f (NULL: unknown field) at the place `at`, with every
 * secret replaced: secret fields as a whole, env values by their key (mask_key()), webhook ids, user and
 * query parts of URLs in any text. */
struct node *mask_cover(struct arena *a, const struct cover *cover, const struct path *at,
                        const struct field *f, const struct node *n);

/* The same for a value inside a map of field outer, which may be secret by its key, the last one of `at`. */
struct node *mask_cover_entry(struct arena *a, const struct cover *cover, const struct path *at,
                              const struct field *outer, const struct field *f, const struct node *n);

/* Marks every scalar at or below a matching place as secret, in place.  patterns is a list of JSON
 * Pointers into a body, "*" matching one level (the `mask:` of a configuration); NULL: none. */
void mask_mark(struct arena *a, struct node *body, const struct node *patterns);

/* A copy of n, a value of field f (NULL: unknown field), with "(masked #number)" for each
 * secret. */
struct node *mask(struct arena *a, const struct field *f, const struct node *n, unsigned number);

/* The same for the value n of key (NULL: an item of a list) inside a map or list of field outer. */
struct node *mask_entry(struct arena *a, const struct field *outer, const char *key,
                        const struct field *f, const struct node *n, unsigned number);

/* True if the value of a variable with this name is masked: the name contains pass, secret, token, key or cred. */
bool mask_key(const char *key);

/* A copy of text in which the user and query parts of every URL are masked. */
const char *mask_urls(struct arena *a, const char *text, unsigned number);

/* text with "(masked #1)" for each occurrence of secret; text itself without an occurrence.  A secret of less than
 * four bytes is not replaced: it would match anything. */
const char *mask_text(struct arena *a, const char *secret, const char *text);

/* text with "(masked #1)" for each masked value of a workflow body, for text from outside that may quote the body, such
 * as the service's reason for refusing it.  Values of less than four bytes are not replaced. */
const char *mask_values(struct arena *a, const struct node *body, const char *text);

/* Calls found for each value in body that contains "(masked #1)", or another number, which was copied from an output
 * and is not the secret itself.  Places that ignore matches (JSON Pointers as for
 * diff_workflow(); NULL: none) are skipped, with everything below. */
void mask_each(struct arena *a, const struct node *body, const struct node *ignore,
               void (*found)(void *context, const struct path *at, const struct node *value),
               void *context);

#endif
