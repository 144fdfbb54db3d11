/* endpoint.h: which service is meant, and which token may go to it (contract section 1, design
 * section 3).  Pure: the environment comes in as arguments.  See
 * url.h for how a URL is taken apart. */
#ifndef AGENT_NET_ENDPOINT_H
#define AGENT_NET_ENDPOINT_H

#include "reconcile/base/arena.h"
#include "reconcile/base/err.h"

struct endpoint {
	bool local;		/* the embedded service; url is set once it listens */
	const char *url;	/* "https://service.peak.ai/workflows/api/v1", no slash at the end */
	const char *unix_socket;	/* connect there instead of to the host of url; NULL: none */
	bool loopback;		/* the host is localhost, 127.0.0.0/8 or [::1], or unix_socket is set */
	bool peak;		/* the host is peak.ai or below it */
	bool tls;
};

struct endpoint_choice {
	const char *endpoint;	/* --endpoint, FLOWSYNC_ENDPOINT or the configuration; NULL: none.  A URL, "local",
				 * or unix:PATH */
	const char *stage;	/* --stage and its kin; NULL: none */
	const char *peak_stage;	/* PEAK__STAGE; NULL: not set */
	const char *env_stage;	/* STAGE; NULL: not set */
};

/* An endpoint beats a stage.  With neither it is an error of kind ERR_USAGE that says which
 * choices there are; so is a URL with user or password, a query, a fragment, or another scheme
 * than https or http.  A URL without path gets /workflows/api/v1; slashes at its end go.  Text
 * is copied to a. */
bool endpoint_resolve(struct arena *a, const struct endpoint_choice *choice,
                      struct endpoint *out, struct err *err);

struct token_choice {
	const char *token_file_text;	/* what --token-file holds; NULL: no file given */
	const char *flowsync_token;	/* FLOWSYNC_TOKEN; NULL: not set */
	const char *peak_auth_token;	/* PEAK_AUTH_TOKEN */
	const char *api_key;		/* API_KEY */
};

/* Picks the token for endpoint: token file, FLOWSYNC_TOKEN, then, for hosts under peak.ai only,
 * PEAK_AUTH_TOKEN and API_KEY; an empty one counts as not set.  ERR_USAGE without any (naming
 * what can be set, and saying so if PEAK_AUTH_TOKEN or API_KEY was passed over because of the
 * host), for plain http to a host that is not loopback, and for a token with control characters
 * or spaces other than the one of "Bearer x".  White space at its ends is cut.  No text of a
 * token is ever in an error. */
bool endpoint_token(struct arena *a, const struct endpoint *endpoint,
                    const struct token_choice *choice, const char **out, struct err *err);

#endif
