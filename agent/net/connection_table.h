/* connection_table.h: the open connections of a server: which may be opened, and until when each has to have sent what
 * it owes.  It knows nothing of HTTP; the caller holds a lock if several threads use it. */
#ifndef AGENT_NET_CONNECTION_TABLE_H
#define AGENT_NET_CONNECTION_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

enum {
	CONNECTIONS_MAX = 256,
	CONNECTIONS_RESERVED = 32,		/* opened when all others are taken */
	CONNECTIONS_PER_ADDRESS = 64,		/* of an address that is not loopback; IPv6: of its /64 */
};

/* Loopback and unix sockets have the address 0, which has no limit. */
struct connection_address { uint64_t network; bool ipv6; };

struct server_connection {
	struct server_connection *next, **link;
	struct connection_address address;
	int fd;
	int64_t deadline;		/* the connection is cut then; 0: never */
	bool reserved;			/* one of CONNECTIONS_RESERVED */
	void *request;			/* the caller's; NULL at first */
};

/* All 0: empty. */
struct connection_table {
	struct server_connection *first;
	size_t count;
};

/* Whether one more connection from address may be opened. */
bool connection_table_admits(const struct connection_table *t, const struct sockaddr *address);

/* address may be NULL: one that has no limit.  fd stays the caller's. */
struct server_connection *connection_table_add(struct connection_table *t, const struct sockaddr *address, int fd);

/* Removes c, before its fd is closed. */
void connection_table_remove(struct connection_table *t, struct server_connection *c);

/* Shuts down the connections whose deadline has come: their owner reads the end of file.  Returns the next
 * deadline; 0: there is none. */
int64_t connection_table_cut(struct connection_table *t, int64_t now);

#endif
