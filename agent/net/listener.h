/* listener.h: the socket on which a service waits, TCP or unix. */
#ifndef AGENT_NET_LISTENER_H
#define AGENT_NET_LISTENER_H

#include <stdint.h>
#include <sys/types.h>

#include "reconcile/base/arena.h"
#include "reconcile/base/err.h"

struct listener {
	int fd;			/* close-on-exec */
	uint16_t port;		/* the one that was taken; 0 for a unix socket */
	char *path;		/* of a unix socket; NULL: TCP */
	dev_t device;		/* tell the socket's file from one that took its place */
	ino_t inode;
};

#define LISTENER	((struct listener){ .fd = -1 })

/* Takes "127.0.0.1:8484", "localhost:0" or "[::1]:8484" apart; *host is in a, without brackets.
 * ERR_USAGE for any other text. */
bool listener_split_address(struct arena *a, const char *address, const char **host, uint16_t *port, struct err *err);

/* Sets *out to whether host names this machine's loopback and nothing else.  A host that cannot
 * be resolved is an error. */
bool listener_is_loopback(const char *host, bool *out, struct err *err);

/* Takes the first address of host that can be had; port 0: any free one. */
bool listener_open_tcp(const char *host, uint16_t port, struct listener *out, struct err *err);

/* Makes a socket at path that only its owner can connect to.  One that a dead process left is
 * replaced; one that answers, and what is no socket, is not touched. */
bool listener_open_unix(const char *path, struct listener *out, struct err *err);

/* Closes it, and takes the file of a unix socket away if it is still ours.  Takes LISTENER. */
void listener_close(struct listener *listener);

#endif
