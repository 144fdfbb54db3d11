#include "reconcile/schema/digest.h"

#include <nettle/hmac.h>
#include <nettle/memops.h>
#include <nettle/sha2.h>
#include <stdlib.h>
#include <string.h>

#include "reconcile/tree/json.h"
#include "reconcile/schema/mask.h"
#include "reconcile/schema/normalise.h"

/* To be changed with the canonical form, so that old digests are recognised as such. */
static const char VERSION_SIGN = '1';

static const char *digest_hex(struct arena *a, const uint8_t *bytes, size_t len)
{
	CLEANUP(buf_done) struct buf out = BUF_TEXT;

	for (size_t i = 0; i < len; i++)
		buf_addf(&out, "%02x", bytes[i]);
	return arena_strdup(a, buf_str(&out));
}

static const char *sha256_hex(struct arena *a, const char *text, size_t bytes)
{
	uint8_t digest[SHA256_DIGEST_SIZE];
	struct sha256_ctx ctx;

	sha256_init(&ctx);
	sha256_update(&ctx, strlen(text), (const uint8_t *)text);
	sha256_digest(&ctx, bytes, digest);
	return digest_hex(a, digest, bytes);
}

const char *digest_name(struct arena *a, const char *name)
{
	return sha256_hex(a, name, 4);
}

const char *digest_text(struct arena *a, const char *text)
{
	return sha256_hex(a, text, 4);
}

/* ---- the canonical form ---- */

static int order_entry_values(const void *a, const void *b)
{
	return node_order(((const struct entry *)a)->value, ((const struct entry *)b)->value);
}

static void sort_sets(const struct field *f, struct node *n, unsigned kind)
{
	kind = field_kind(f, n, kind);
	for (size_t i = 0; i < n->count; i++)
		if (n->entries[i].value->kind >= NODE_LIST)
			sort_sets(field_child(f, n->entries[i].key, kind), n->entries[i].value, kind);
	if (n->kind == NODE_LIST && n->count && f && (f->flags & FIELD_SET))
		qsort(n->entries, n->count, sizeof *n->entries, order_entry_values);
}

struct node *digest_ordered(struct arena *a, const struct node *body)
{
	struct node *out = node_copy(a, normalise(a, body));

	sort_sets(&workflow_field, out, ALL_KINDS);
	return out;
}

struct node *digest_canonical(struct arena *a, const struct node *declared)
{
	struct node *out = digest_ordered(a, declared);

	node_sort_keys(out);
	return out;
}

/* ---- secrets ---- */

/* Appends the place of the secret.  All items of a list have the same place, otherwise a new first item would change
 * the digests of all others. */
static void add_salt_path(struct buf *out, const struct path *at)
{
	if (!at->up)
		return;
	add_salt_path(out, at->up);
	buf_addf(out, "/%s", at->key ? at->key : "*");
}

struct salted {
	struct cover cover;
	const char *name, *place;
};

static void add_salted(const struct cover *cover, const struct path *at, const char *secret,
                       size_t len, struct buf *out)
{
	const struct salted *s = (const struct salted *)cover;
	CLEANUP(buf_done) struct buf place = BUF_TEXT;
	uint8_t digest[SHA256_DIGEST_SIZE];
	struct sha256_ctx ctx;

	buf_adds(&place, s->place);
	add_salt_path(&place, at);
	sha256_init(&ctx);
	sha256_update(&ctx, strlen(s->name) + 1, (const uint8_t *)s->name);
	sha256_update(&ctx, place.len + 1, (const uint8_t *)buf_str(&place));
	sha256_update(&ctx, len, (const uint8_t *)secret);
	sha256_digest(&ctx, 2, digest);
	buf_addf(out, "(secret %02x%02x)", digest[0], digest[1]);
}

struct keyed {
	struct cover cover;
	const unsigned char *key;
};

static void add_keyed(const struct cover *cover, const struct path *at, const char *secret,
                      size_t len, struct buf *out)
{
	const struct keyed *k = (const struct keyed *)cover;
	CLEANUP(buf_done) struct buf place = BUF_TEXT;
	uint8_t digest[SHA256_DIGEST_SIZE];
	struct hmac_sha256_ctx ctx;

	add_salt_path(&place, at);
	hmac_sha256_set_key(&ctx, DIGEST_KEY_SIZE, k->key);
	hmac_sha256_update(&ctx, place.len + 1, (const uint8_t *)buf_str(&place));
	hmac_sha256_update(&ctx, len, (const uint8_t *)secret);
	hmac_sha256_digest(&ctx, sizeof digest, digest);
	buf_adds(out, "(sealed ");
	for (size_t i = 0; i < sizeof digest; i++)
		buf_addf(out, "%02x", digest[i]);
	buf_addc(out, ')');
}

/* ---- digests ---- */

const char *digest_body(struct arena *a, const struct node *declared)
{
	CLEANUP(buf_done) struct buf text = BUF_TEXT;
	const char *name = node_get_text(declared, "name");
	struct salted salted = { { add_salted }, name ? name : "", "" };
	struct node *n = mask_cover(a, &salted.cover, &(struct path){ 0 }, &workflow_field,
	                            digest_canonical(a, declared));

	json_write_canonical(n, &text);
	return arena_printf(a, "%c%s", VERSION_SIGN, sha256_hex(a, buf_str(&text), 4));
}

const char *digest_value(struct arena *a, const char *name, const char *pointer,
                         const struct field *outer, const char *key, const struct field *f,
                         const struct node *n)
{
	CLEANUP(buf_done) struct buf text = BUF_TEXT;
	struct salted salted = { { add_salted }, name, pointer };

	if (!n)
		return "absent";
	struct node *copy = node_copy(a, n);
	if (copy->kind >= NODE_LIST)
		sort_sets(f, copy, ALL_KINDS);
	json_write_canonical(mask_cover_entry(a, &salted.cover, &(struct path){ .key = key }, outer, f, copy),
	                     &text);
	return sha256_hex(a, buf_str(&text), 8);
}

struct node *digest_seal(struct arena *a, const unsigned char *key, const struct node *declared)
{
	struct keyed keyed = { { add_keyed }, key };

	return mask_cover(a, &keyed.cover, &(struct path){ 0 }, &workflow_field,
	                  digest_canonical(a, declared));
}

/* ---- proof of a secret ---- */

_Static_assert(DIGEST_SIZE == SHA256_DIGEST_SIZE, "DIGEST_SIZE is that of SHA-256");

void digest_hmac(const void *key, size_t key_len, const void *bytes, size_t len,
                 unsigned char out[DIGEST_SIZE])
{
	struct hmac_sha256_ctx ctx;

	hmac_sha256_set_key(&ctx, key_len, key);
	hmac_sha256_update(&ctx, len, bytes);
	hmac_sha256_digest(&ctx, DIGEST_SIZE, out);
}

bool digest_equal(const unsigned char a[DIGEST_SIZE], const unsigned char b[DIGEST_SIZE])
{
	return memeql_sec(a, b, DIGEST_SIZE);
}

bool digest_secret_equal(const char *given, const char *secret)
{
	unsigned char a[DIGEST_SIZE], b[DIGEST_SIZE];

	digest_hmac(secret, strlen(secret), given, strlen(given), a);
	digest_hmac(secret, strlen(secret), secret, strlen(secret), b);
	return digest_equal(a, b);
}
