/* listener.h: a socket that a server listens on, TCP or unix. */
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

/* Splits "127.0.0.1:8484", "localhost:0" or "[::1]:8484"; *host is in a, without brackets.
 * ERR_USAGE for any other text. */
bool listener_split_address(struct arena *a, const char *address, const char **host, uint16_t *port, struct err *err);

/* Sets *out to whether host names this machine's loopback and nothing else.  A host that cannot
 * be resolved is an error. */
bool listener_is_loopback(const char *host, bool *out, struct err *err);

/* Listens on the first address of host that is free; port 0: any free port. */
bool listener_open_tcp(const char *host, uint16_t port, struct listener *out, struct err *err);

/* Creates a socket at path that only its owner can connect to.  The socket of a dead process is replaced; one that
 * answers, and a file that is no socket, is an error and stays. */
bool listener_open_unix(const char *path, struct listener *out, struct err *err);

/* Closes the socket, and removes the file of a unix socket if it is still ours.  Takes LISTENER. */
void listener_close(struct listener *listener);

#endif
