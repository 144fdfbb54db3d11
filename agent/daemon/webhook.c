#include "agent/daemon/webhook.h"

#include <string.h>

#include "reconcile/schema/digest.h"

/* prefix NULL: the value is the secret itself. */
static const struct { const char *header, *prefix; } proofs[] = {
	{ "X-Hub-Signature-256", "sha256=" },
	{ "X-Hub-Signature", "sha256=" },	/* Bitbucket; GitHub's is sha1 */
	{ "X-Gitea-Signature", "" },
	{ "X-Gogs-Signature", "" },
	{ "X-Forgejo-Signature", "" },
	{ "X-Signature", "sha256=" },
	{ "X-Gitlab-Token", NULL },
	{ "X-Flowsync-Token", NULL },
};

static bool is_signature(const char *value, const char *prefix, const char *secret, const struct http_request *request)
{
	unsigned char given[DIGEST_SIZE], wanted[DIGEST_SIZE];

	if (strncmp(value, prefix, strlen(prefix)) != 0 || !digest_from_hex(value + strlen(prefix), given, sizeof given))
		return false;
	digest_hmac(secret, strlen(secret), request->body, request->len, wanted);
	return digest_equal(given, wanted);
}

bool webhook_has_proof(const struct http_request *request)
{
	for (size_t i = 0; i < ARRAY_LEN(proofs); i++)
		if (http_header(request, proofs[i].header))
			return true;
	return false;
}

bool webhook_is_proved(const struct http_request *request, const char *secret)
{
	for (size_t i = 0; i < ARRAY_LEN(proofs); i++) {
		const char *value = http_header(request, proofs[i].header);
		if (value && (proofs[i].prefix ? is_signature(value, proofs[i].prefix, secret, request)
		                               : digest_secret_equal(value, secret)))
			return true;
	}
	return false;
}

bool webhook_is_ping(const struct http_request *request)
{
	const char *event = http_header(request, "X-GitHub-Event");

	return event && strcmp(event, "ping") == 0;
}
