/* git_transport.h: the connection to the server of a git repository: our credentials, the server's identity, and one
 * sentence for each failure. */
#ifndef AGENT_GIT_GIT_TRANSPORT_H
#define AGENT_GIT_GIT_TRANSPORT_H

#include <git2.h>
#include <stdint.h>

#include "agent/net/git_url.h"
#include "agent/git/known_hosts.h"
#include "agent/git/mirror.h"
#include "agent/git/ssh_key.h"

#define GIT_TRANSPORT_FETCH_MAX	((int64_t)8 << 30)	/* bytes that one fetch may bring: a disk is finite */

struct git_transport {
	struct arena *arena;
	const struct git_remote_place *remote;
	struct git_url url;
	struct known_hosts *hosts;	/* of ssh */
	struct ssh_key key;		/* of ssh, if one is in a file */
	const char *sent;		/* the token as a request contains it; NULL: not sent yet */
	unsigned asked;			/* how often the server asked for a credential */
	const char *why;		/* what our own checks refused; NULL: nothing */
};

/* scratch is a folder of ours, where libgit2 finds the known hosts.  Text lives in a; git_transport_done() takes a
 * zeroed one. */
bool git_transport_begin(struct arena *a, const struct git_remote_place *remote, const char *scratch,
                         struct git_transport *out, struct err *err);
void git_transport_done(struct git_transport *talk);

/* talk has to stay where it is as long as the options are used. */
git_remote_connect_options git_transport_connecting(struct git_transport *talk);
git_fetch_options git_transport_fetching(struct git_transport *talk);

/* One sentence about the call of libgit2 that failed just now; ERR_FINAL if it would fail again. */
bool git_transport_failed(const struct git_transport *talk, struct err *err);

#endif
