/* known_hosts.h: the keys of known ssh servers, from a file in OpenSSH's format.  libssh2's header is included in
 * known_hosts.c only.
 *
 * Lines with a hashed host and lines with several hosts are read; patterns (*.example.com) and authorities
 * (@cert-authority) match no host.  A key that is @revoked is revoked for every host. */
#ifndef AGENT_GIT_KNOWN_HOSTS_H
#define AGENT_GIT_KNOWN_HOSTS_H

#include "reconcile/base/arena.h"
#include "reconcile/base/err.h"

enum known_host {
	HOST_KNOWN,		/* with this very key */
	HOST_UNKNOWN,
	HOST_CHANGED,		/* the file has another key for it */
	HOST_REVOKED,		/* the file revokes this key */
};

struct known_hosts;

/* Reads the file at path; a line that cannot be parsed is skipped, as ssh does. */
bool known_hosts_read(const char *path, struct known_hosts **out, struct err *err);
void known_hosts_free(struct known_hosts **hosts);	/* for CLEANUP; takes NULL */

/* key is the server's key in wire format. */
enum known_host known_hosts_check(struct known_hosts *hosts, const char *host, int port,
                                  const char *key, size_t len);

/* Returns the lines of the file with keys of one kind, the best kind that it has for the host; "" if it has none.  The
 * server may have keys of other kinds too, so it has to be asked for this one.  *kind is "ssh-ed25519" or the like, or
 * NULL for none. */
const char *known_hosts_lines(struct known_hosts *hosts, struct arena *a, const char *host, int port,
                              const char **kind);

#endif
