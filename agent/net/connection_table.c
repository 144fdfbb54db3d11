#include "agent/net/connection_table.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

static struct connection_address address_of_ipv4(uint32_t host)
{
	return (struct connection_address){ host >> 24 == 127 ? 0 : host, false };
}

/* The last 64 bits of an IPv6 address are the client's own choice. */
static struct connection_address connection_address_read(const struct sockaddr *address)
{
	struct connection_address out = { .ipv6 = true };
	struct sockaddr_in6 v6;
	struct sockaddr_in v4;

	if (address && address->sa_family == AF_INET) {
		memcpy(&v4, address, sizeof v4);
		return address_of_ipv4(ntohl(v4.sin_addr.s_addr));
	}
	if (!address || address->sa_family != AF_INET6)
		return (struct connection_address){ 0 };
	memcpy(&v6, address, sizeof v6);
	const struct in6_addr *in6 = &v6.sin6_addr;
	uint32_t ipv4;
	if (IN6_IS_ADDR_V4MAPPED(in6)) {
		memcpy(&ipv4, &in6->s6_addr[12], sizeof ipv4);
		return address_of_ipv4(ntohl(ipv4));
	}
	if (IN6_IS_ADDR_LOOPBACK(in6))
		return (struct connection_address){ 0 };
	memcpy(&out.network, in6->s6_addr, sizeof out.network);
	return out;
}

bool connection_table_admits(const struct connection_table *t, const struct sockaddr *address)
{
	const struct connection_address key = connection_address_read(address);
	size_t same = 0;

	if (key.network == 0 && !key.ipv6)
		return true;
	for (const struct server_connection *c = t->first; c; c = c->next)
		same += c->address.network == key.network && c->address.ipv6 == key.ipv6;
	return same < CONNECTIONS_PER_ADDRESS;
}

struct server_connection *connection_table_add(struct connection_table *t, const struct sockaddr *address, int fd)
{
	struct server_connection *c = calloc(1, sizeof *c);

	if (!c)
		abort();
	*c = (struct server_connection){
		.next = t->first, .link = &t->first, .address = connection_address_read(address), .fd = fd,
		.reserved = t->count >= CONNECTIONS_MAX,
	};
	if (c->next)
		c->next->link = &c->next;
	t->first = c;
	t->count++;
	return c;
}

void connection_table_remove(struct connection_table *t, struct server_connection *c)
{
	*c->link = c->next;
	if (c->next)
		c->next->link = c->link;
	t->count--;
	free(c);
}

int64_t connection_table_cut(struct connection_table *t, int64_t now)
{
	int64_t next = 0;

	for (struct server_connection *c = t->first; c; c = c->next) {
		if (c->deadline && c->deadline <= now) {
			shutdown(c->fd, SHUT_RDWR);
			c->deadline = 0;
		}
		if (c->deadline && (!next || c->deadline < next))
			next = c->deadline;
	}
	return next;
}
