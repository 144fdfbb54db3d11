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
static const char VERSION_SIGN[] = "1";

/* Writes two digits for each byte and a NUL. */
static void write_hex(char *out, const uint8_t *bytes, size_t len)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < len; i++) {
		*out++ = digits[bytes[i] >> 4];
		*out++ = digits[bytes[i] & 0xf];
	}
	*out = '\0';
}

/* prefix, and behind it the hex digits of the first bytes of the SHA-256 of text. */
static const char *sha256_hex(struct arena *a, const char *prefix, const char *text, size_t bytes)
{
	uint8_t digest[SHA256_DIGEST_SIZE];
	size_t before = strlen(prefix);
	char *out = arena_alloc(a, before + 2 * bytes + 1, 1, 1);
	struct sha256_ctx ctx;

	sha256_init(&ctx);
	sha256_update(&ctx, strlen(text), (const uint8_t *)text);
	sha256_digest(&ctx, bytes, digest);
	memcpy(out, prefix, before);
	write_hex(out + before, digest, bytes);
	return out;
}

const char *digest_hex(struct arena *a, const unsigned char *bytes, size_t len)
{
	char *out = arena_alloc(a, 2 * len + 1, 1, 1);

	write_hex(out, bytes, len);
	return out;
}

static int digit_of_hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool digest_from_hex(const char *text, unsigned char *out, size_t len)
{
	if (strlen(text) != 2 * len)
		return false;
	for (size_t i = 0; i < len; i++) {
		int high = digit_of_hex(text[2 * i]), low = digit_of_hex(text[2 * i + 1]);
		if (high < 0 || low < 0)
			return false;
		out[i] = (unsigned char)(high << 4 | low);
	}
	return true;
}

const char *digest_name(struct arena *a, const char *name)
{
	return sha256_hex(a, "", name, 4);
}

const char *digest_text(struct arena *a, const char *text)
{
	return sha256_hex(a, "", text, 4);
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
	struct node *out = normalise(a, body);	/* its lists are its own */

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
	buf_addc(out, '/');
	buf_adds(out, at->key ? at->key : "*");
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
	char digits[5];

	write_hex(digits, digest, 2);
	buf_adds(out, "(secret ");
	buf_adds(out, digits);
	buf_addc(out, ')');
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
	char digits[2 * sizeof digest + 1];

	write_hex(digits, digest, sizeof digest);
	buf_adds(out, "(sealed ");
	buf_adds(out, digits);
	buf_addc(out, ')');
}

/* ---- digests ---- */

const char *digest_of_canonical(struct arena *a, const struct node *canonical)
{
	CLEANUP(buf_done) struct buf text = BUF_TEXT;
	const char *name = node_get_text(canonical, "name");
	struct salted salted = { { add_salted, .share = true }, name ? name : "", "" };

	json_write_canonical(mask_cover(a, &salted.cover, &(struct path){ 0 }, &workflow_field, canonical), &text);
	return sha256_hex(a, VERSION_SIGN, buf_str(&text), 4);
}

const char *digest_body(struct arena *a, const struct node *declared)
{
	return digest_of_canonical(a, digest_canonical(a, declared));
}

const char *digest_value(struct arena *a, const char *name, const char *pointer,
                         const struct field *outer, const char *key, const struct field *f,
                         const struct node *n)
{
	CLEANUP(buf_done) struct buf text = BUF_TEXT;
	struct salted salted = { { add_salted, .share = true }, name, pointer };

	if (!n)
		return "absent";
	struct node *copy = node_copy(a, n);
	if (copy->kind >= NODE_LIST)
		sort_sets(f, copy, ALL_KINDS);
	json_write_canonical(mask_cover_entry(a, &salted.cover, &(struct path){ .key = key }, outer, f, copy),
	                     &text);
	return sha256_hex(a, "", buf_str(&text), 8);
}

struct node *digest_seal_canonical(struct arena *a, const unsigned char *key, const struct node *canonical)
{
	struct keyed keyed = { { add_keyed, .share = true }, key };

	return mask_cover(a, &keyed.cover, &(struct path){ 0 }, &workflow_field, canonical);
}

struct node *digest_seal(struct arena *a, const unsigned char *key, const struct node *declared)
{
	return digest_seal_canonical(a, key, digest_canonical(a, declared));
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
