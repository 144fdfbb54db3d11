/* digest.h: short digests of names, bodies and values, by which a workflow is recognised (design, 5.3 and 6.2), and
 * sealed bodies.  Results live in a.  Only digest.c uses nettle. */
#ifndef RECONCILE_SCHEMA_DIGEST_H
#define RECONCILE_SCHEMA_DIGEST_H

#include "reconcile/schema/fields.h"

enum { DIGEST_KEY_SIZE = 32, DIGEST_SIZE = 32 };

/* N of the owner tags: the first eight hex digits of the SHA-256 of a workflow's name. */
const char *digest_name(struct arena *a, const char *name);

/* normalise(body), with the items of sets sorted: a comparison then gives the same result each time, whatever order the
 * service shows.  Scalars are shared with body; all lists and maps are new. */
struct node *digest_ordered(struct arena *a, const struct node *body);

/* The canonical form of a declared body: normalise(declared), with the items of sets and all keys sorted. */
struct node *digest_canonical(struct arena *a, const struct node *declared);

/* vD of the owner tags: the sign of the canonical form's version and the first eight hex digits of the SHA-256 of
 * the canonical body.  Masked values enter it as the first 16 bits of their own SHA-256, salted
 * with the workflow's name and their place: enough to notice most changes, too little to guess a
 * value (design, 6.2). */
const char *digest_body(struct arena *a, const struct node *declared);
/* The same of digest_canonical(declared), for who has it. */
const char *digest_of_canonical(struct arena *a, const struct node *canonical);

/* 16 hex digits of one value n (NULL: absent) of field f at pointer inside the workflow called name; key and outer as
 * for mask_cover_entry(). */
const char *digest_value(struct arena *a, const char *name, const char *pointer,
                         const struct field *outer, const char *key, const struct field *f,
                         const struct node *n);

/* Eight hex digits of the SHA-256 of text. */
const char *digest_text(struct arena *a, const char *text);

/* The canonical form with each masked value replaced by its HMAC-SHA-256 under key (DIGEST_KEY_SIZE bytes), so that
 * it may be stored.  Equal bodies give equal trees, and a changed secret gives another tree. */
struct node *digest_seal(struct arena *a, const unsigned char *key, const struct node *declared);
/* The same of digest_canonical(declared); shares with it what is no secret. */
struct node *digest_seal_canonical(struct arena *a, const unsigned char *key, const struct node *canonical);

/* Bytes as hex digits, and back, in capitals too; false if text has another number of digits, or others. */
const char *digest_hex(struct arena *a, const unsigned char *bytes, size_t len);
bool digest_from_hex(const char *text, unsigned char *out, size_t len);

/* The HMAC-SHA-256 of len bytes under a key of any size. */
void digest_hmac(const void *key, size_t key_len, const void *bytes, size_t len,
                 unsigned char out[DIGEST_SIZE]);
/* True if both are equal; takes the same time wherever they differ. */
bool digest_equal(const unsigned char a[DIGEST_SIZE], const unsigned char b[DIGEST_SIZE]);
/* True if given is the text of secret; the time reveals nothing of secret, not even its length. */
bool digest_secret_equal(const char *given, const char *secret);

#endif
