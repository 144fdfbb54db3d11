#include "agent/git/ssh_key.h"

#include <string.h>

#include "agent/util/base64.h"
#include "agent/util/file.h"

enum { KEY_MAX = 64 << 10 };	/* bytes of the file; RSA with 16384 bits takes 13,000 */

static const char openssh_begin[] = "-----BEGIN OPENSSH PRIVATE KEY-----";
static const char openssh_magic[] = "openssh-key-v1";	/* its NUL counts */

struct key_reader {
	const uint8_t *at;
	size_t left;
};

/* A length in four bytes, and so many bytes (RFC 4251, section 5: string). */
static bool next_string(struct key_reader *r, struct key_reader *out)
{
	if (r->left < 4)
		return false;
	size_t len = (size_t)r->at[0] << 24 | r->at[1] << 16 | r->at[2] << 8 | r->at[3];
	if (len > r->left - 4)
		return false;
	*out = (struct key_reader){ r->at + 4, len };
	r->at += 4 + len;
	r->left -= 4 + len;
	return true;
}

static bool string_equals(const struct key_reader *text, const char *word)
{
	return text->left == strlen(word) && memcmp(text->at, word, text->left) == 0;
}

/* OpenSSH's PROTOCOL.key: the magic, the cipher, the kdf and its options, how many keys, then the
 * public one, which begins with its kind. */
static bool inspect_openssh(struct key_reader r, struct ssh_key *out)
{
	struct key_reader cipher, skipped, public, kind;

	if (r.left < sizeof openssh_magic || memcmp(r.at, openssh_magic, sizeof openssh_magic) != 0)
		return false;
	r.at += sizeof openssh_magic;
	r.left -= sizeof openssh_magic;
	if (!next_string(&r, &cipher) || !next_string(&r, &skipped) || !next_string(&r, &skipped) || r.left < 4)
		return false;
	r.at += 4;
	r.left -= 4;
	if (!next_string(&r, &public) || !next_string(&public, &kind))
		return false;
	*out = (struct ssh_key){ .locked = !string_equals(&cipher, "none"), .rsa = string_equals(&kind, "ssh-rsa") };
	return true;
}

static bool read_openssh(struct arena *a, const char *text, struct ssh_key *out)
{
	const char *end = strstr(text, "-----END");
	struct key_reader r;

	return end && base64_decode(a, text, end - text, &r.at, &r.left) && inspect_openssh(r, out);
}

static bool is_public(const char *text)
{
	return strncmp(text, "ssh-", 4) == 0 || strncmp(text, "ecdsa-", 6) == 0 || strncmp(text, "sk-", 3) == 0 ||
	       strstr(text, "PUBLIC KEY-----");
}

bool ssh_key_inspect(const char *path, struct ssh_key *out, struct err *err)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	const char *text, *begin;
	size_t len;

	if (!file_read(&a, path, KEY_MAX, &text, &len, err))
		return false;
	if ((begin = strstr(text, openssh_begin)))
		return read_openssh(&a, begin + strlen(openssh_begin), out) ||
		       err_set(err, "contains a corrupt private key of OpenSSH");
	if (!strstr(text, "PRIVATE KEY-----"))
		return err_set(err, is_public(text) ? "contains a public key; expected the private key that belongs to it"
		                                    : "contains no private key in OpenSSH's form or in PEM");
	*out = (struct ssh_key){ .locked = strstr(text, "ENCRYPTED"), .rsa = strstr(text, "BEGIN RSA") };
	return true;
}
