/* url.h: the parts of a URL, and which of them messages may show.  libcurl's parser takes a URL apart, so the
 * host that our rules check is the host that libcurl connects to.  Only url.c uses that parser.
 *
 * The URL of a git repository is libgit2's to parse: see git_url.h. */
#ifndef AGENT_NET_URL_H
#define AGENT_NET_URL_H

#include "reconcile/base/arena.h"
#include "reconcile/base/err.h"

enum { URL_MAX = 64 << 10 };	/* bytes that url_require() accepts */

/* All text lives in the arena that was given to url_parse(). */
struct url {
	const char *scheme;	/* in lower case: "https" */
	const char *host;	/* as written, an IPv6 address with its brackets; "" without a host */
	const char *address;	/* for messages: "host:8443", with the scheme's port if the URL has none */
	const char *origin;	/* "https://host:8443": all that messages may show of a URL that holds secrets */
	const char *path;	/* "/" for a URL without a path, for the schemes that libcurl knows */
	bool has_user;		/* a user, a password or both */
	bool has_query, has_fragment;
	bool loopback;		/* url_is_loopback(host) */
};

enum url_result {
	URL_OK,
	URL_NO_SCHEME,		/* there is no "://", or nothing before it */
	URL_BAD_PORT,		/* the port is no number between 0 and 65535 */
	URL_INVALID,
};

/* Takes text apart.  Any scheme is accepted.  *out is set only with URL_OK. */
enum url_result url_parse(struct arena *a, const char *text, struct url *out);

/* Takes apart a URL that has to have a host and one of two schemes; the second is the one that messages recommend.
 * False: *err (ERR_USAGE) is a sentence about `called`, the field that the URL was found in.  No message shows
 * any of text, which may hold a secret. */
bool url_require(struct arena *a, const char *called, const char *text, const char *scheme,
                 const char *recommended, struct url *out, struct err *err);

/* text, a valid URL, with another path; in a. */
const char *url_with_path(struct arena *a, const char *text, const char *path);

/* True for localhost, 127.0.0.0/8 and "[::1]": what is sent there does not leave the machine. */
bool url_is_loopback(const char *host);

#endif
