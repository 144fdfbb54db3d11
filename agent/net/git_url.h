/* git_url.h: where a git repository is, taken apart: what may be said of it, and which rules hold
 * there.  Pure.  No message shows the text of a URL: it may hold a password. */
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

/* Takes a path, file://, git://, http(s)://, ssh:// or user@host:path.  ERR_USAGE: another scheme,
 * a password, a user in http(s) or git, a query, a fragment, a host that is none.  Text lives in
 * a. */
bool git_url_read(struct arena *a, const char *text, struct git_url *out, struct err *err);

/* ERR_USAGE for plain http to another machine: no token may go there. */
bool git_url_check_token(const struct git_url *url, struct err *err);

/* Warns of a connection on which whoever stands in between can change what comes: it becomes what is
 * run. */
void git_url_warn_if_plain(const struct git_url *url, struct diagnostics *faults);

/* True for a path: in the configuration file it is relative to the file's folder. */
bool git_url_is_path(const char *text);

#endif
