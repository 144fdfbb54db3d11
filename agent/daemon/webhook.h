/* webhook.h: whether a request to /hook/SYNC comes from who knows the hook's secret. */
#ifndef AGENT_DAEMON_WEBHOOK_H
#define AGENT_DAEMON_WEBHOOK_H

#include "agent/net/http_server.h"

/* True if the request has a proof of any kind, right or wrong; its body is not needed. */
bool webhook_has_proof(const struct http_request *request);

/* True if one of the proofs was made with secret.  Signatures of the body: X-Hub-Signature-256 (GitHub), X-Hub-Signature
 * (Bitbucket), X-Gitea-Signature, X-Gogs-Signature, X-Forgejo-Signature, X-Signature.  The secret itself:
 * X-Gitlab-Token, X-Flowsync-Token.  The time does not depend on how much of a proof is right. */
bool webhook_is_proved(const struct http_request *request, const char *secret);

/* True for the request that GitHub sends when a hook is created: nothing was pushed. */
bool webhook_is_ping(const struct http_request *request);

#endif
