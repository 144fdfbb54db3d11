/* digest.h: short names for names, bodies and values, by which a workflow is known again (design
 * sections 5 and 6). The only file that knows nettle is digest.c. */
#ifndef RECONCILE_SCHEMA_DIGEST_H
#define RECONCILE_SCHEMA_DIGEST_H

#include "reconcile/schema/fields.h"

enum { DIGEST_KEY_SIZE = 32, DIGEST_SIZE = 32 };

/* N: the first eight hex digits of the SHA-256 of a workflow's own name. */
const char *digest_name(struct arena *a, const char *name);

/* As normalise() makes it, with sets in one order: what is compared with it comes out the same
 * each time. */
struct node *digest_ordered(struct arena *a, const struct node *body);

/* The canonical form of a declared body: as normalise() makes it, with sets in one order. */
struct node *digest_canonical(struct arena *a, const struct node *declared);

/* vD: the sign of the canonical form's version and the first eight hex digits of the SHA-256 of
 * the canonical body.  Masked values enter it as the first 16 bits of their own SHA-256, salted
 * with the workflow's name and their place: enough to see most changes, too little to guess a
 * value by. */
const char *digest_body(struct arena *a, const struct node *declared);

/* The same, of 16 hex digits, for one value of field f at pointer inside the workflow called
 * name; n NULL: absent. */
const char *digest_value(struct arena *a, const char *name, const char *pointer,
                         const struct field *outer, const char *key, const struct field *f,
                         const struct node *n);

/* Eight hex digits of the SHA-256 of text. */
const char *digest_text(struct arena *a, const char *text);

/* The canonical form with each masked value replaced by its HMAC-SHA-256 under key,
 * DIGEST_KEY_SIZE bytes: what may be kept. Equal bodies give equal trees, and a changed secret
 * gives another tree. */
struct node *digest_seal(struct arena *a, const unsigned char *key, const struct node *declared);

/* The HMAC-SHA-256 of len bytes under a key of any size. */
void digest_hmac(const void *key, size_t key_len, const void *bytes, size_t len,
                 unsigned char out[DIGEST_SIZE]);
/* Whether both are equal; takes equally long wherever they differ. */
bool digest_equal(const unsigned char a[DIGEST_SIZE], const unsigned char b[DIGEST_SIZE]);

#endif
