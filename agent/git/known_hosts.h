/* known_hosts.h: which servers of ssh are who they say they are, from a file as OpenSSH keeps it.
 * The only file that knows libssh2 is known_hosts.c.
 *
 * Lines whose host is hashed, and such with several hosts, are read; patterns (*.example.com) and
 * authorities (@cert-authority) fit no host.  A key that is @revoked is so for every host. */
#ifndef AGENT_GIT_KNOWN_HOSTS_H
#define AGENT_GIT_KNOWN_HOSTS_H

#include "reconcile/base/arena.h"
#include "reconcile/base/err.h"

enum known_host {
	HOST_KNOWN,		/* with this very key */
	HOST_UNKNOWN,
	HOST_CHANGED,		/* the file has another key for it */
	HOST_REVOKED,		/* the file says of this key that it is to be trusted no more */
};

struct known_hosts;

/* Reads the file at path; a line that cannot be understood is passed over, as ssh does. */
bool known_hosts_read(const char *path, struct known_hosts **out, struct err *err);
void known_hosts_free(struct known_hosts **hosts);	/* for CLEANUP; takes NULL */

/* key is what the server shows, of the wire's form. */
enum known_host known_hosts_check(struct known_hosts *hosts, const char *host, int port,
                                  const char *key, size_t len);

/* The lines of the file with keys of one kind: the best of those that it has for the host, which
 * is what the server has to be asked for, as it may have others too; "" if it has none.  *kind is
 * then "ssh-ed25519", or NULL. */
const char *known_hosts_lines(struct known_hosts *hosts, struct arena *a, const char *host, int port,
                              const char **kind);

#endif
