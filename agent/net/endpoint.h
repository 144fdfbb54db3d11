/* endpoint.h: which workflow service a command uses, and which token may be sent to it (contract, 1; design, 3).
 * Pure: the environment comes in as arguments. */
#ifndef AGENT_NET_ENDPOINT_H
#define AGENT_NET_ENDPOINT_H

#include "reconcile/base/arena.h"
#include "reconcile/base/err.h"

struct endpoint {
	bool local;		/* the embedded service; url is set once it listens */
	const char *url;	/* "https://service.peak.ai/workflows/api/v1", no slash at the end */
	const char *unix_socket;	/* connect there instead of to the host of url; NULL: no */
	bool loopback;		/* the host is localhost, 127.0.0.0/8 or [::1], or unix_socket is set */
	bool peak;		/* the host is peak.ai or below it */
	bool tls;
};

/* What is not given is NULL. */
struct endpoint_choice {
	const char *endpoint;	/* --endpoint, FLOWSYNC_ENDPOINT or the configuration: a URL, "local" or unix:PATH */
	const char *stage;	/* --stage, FLOWSYNC_STAGE or the configuration */
	const char *peak_stage;	/* PEAK__STAGE */
	const char *env_stage;	/* STAGE */
};

/* Sets *out to the service that is meant; its text is copied to a.  An endpoint beats a stage.  A URL without a path
 * gets /workflows/api/v1; slashes at its end are left out.  ERR_USAGE: nothing is chosen, or the endpoint is a URL
 * with a user, a password, a query, a fragment, or another scheme than https or http. */
bool endpoint_resolve(struct arena *a, const struct endpoint_choice *choice,
                      struct endpoint *out, struct err *err);

/* What is not given is NULL. */
struct token_choice {
	const char *token_file_text;	/* what the file of --token-file contains */
	const char *flowsync_token;	/* FLOWSYNC_TOKEN */
	const char *peak_auth_token;	/* PEAK_AUTH_TOKEN */
	const char *api_key;		/* API_KEY */
	const char *local_token_file;	/* the path of an existing file with the token of flowsync serve, for messages */
};

/* Picks the token for endpoint: the token file, FLOWSYNC_TOKEN, then, for hosts under peak.ai only, PEAK_AUTH_TOKEN
 * and API_KEY.  White space at the ends of a token is cut off; an empty one counts as not given.  *out lives in a.
 * ERR_USAGE: no token is given (the message names what can be set), the endpoint is plain http to another machine, or
 * the token contains control characters or spaces other than the one of "Bearer x".  No message shows a token. */
bool endpoint_token(struct arena *a, const struct endpoint *endpoint,
                    const struct token_choice *choice, const char **out, struct err *err);

#endif
