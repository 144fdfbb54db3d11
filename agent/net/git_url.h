/* git_url.h: the address of a git repository, taken apart: what of it messages may show, and which rules apply to it.
 * Pure.  No message shows the text of a wrong URL: it may contain a password. */
#ifndef AGENT_NET_GIT_URL_H
#define AGENT_NET_GIT_URL_H

#include "reconcile/base/arena.h"
#include "reconcile/base/err.h"
#include "reconcile/base/diagnostics.h"

enum git_scheme { GIT_SCHEME_PATH, GIT_SCHEME_FILE, GIT_SCHEME_GIT, GIT_SCHEME_HTTP, GIT_SCHEME_HTTPS, GIT_SCHEME_SSH };

struct git_url {
	enum git_scheme transport;
	const char *text;	/* as it was given */
	const char *shown;	/* without the user: for reports and messages */
	const char *host;	/* in lower case, an IPv6 address without its brackets; NULL: none */
	int port;		/* 0: none in the URL */
	const char *user;	/* of ssh; NULL: none */
	bool loopback;		/* host is this machine itself */
	const char *folder;	/* name for its mirror: "specs-1a2b3c4d" */
};

/* Parses a path, file://, git://, http(s)://, ssh:// or user@host:path.  Text lives in a.  ERR_USAGE: another scheme, a
 * password, a user in http(s) or git, a query, a fragment, a wrong host or port. */
bool git_url_read(struct arena *a, const char *text, struct git_url *out, struct err *err);

/* ERR_USAGE for plain http to another machine: no token may be sent there. */
bool git_url_check_token(const struct git_url *url, struct err *err);

/* Warns of http and git to another machine: anyone on the network path can change the specs, which are then run. */
void git_url_warn_if_plain(const struct git_url *url, struct diagnostics *faults);

/* True for a path: in the configuration file it is relative to the file's folder. */
bool git_url_is_path(const char *text);

#endif
