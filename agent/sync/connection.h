/* connection.h: the service that a command talks to, from its settings: endpoint, token, REST
 * client, and the embedded service where that is meant. */
#ifndef AGENT_SYNC_CONNECTION_H
#define AGENT_SYNC_CONNECTION_H

#include "agent/config/context.h"
#include "agent/net/endpoint.h"
#include "agent/net/service_client.h"

struct local_service;

struct connection {
	const char *name;		/* "local", or the endpoint's URL */
	struct endpoint endpoint;	/* for the embedded service too its url is set */
	struct service_client *client;
	struct local_service *serve;		/* NULL: the service is somewhere else */
};

/* Which service the settings mean; nothing is opened. */
bool connection_endpoint(struct context *ctx, struct endpoint *out, struct err *err);

/* Opens no socket to a service elsewhere yet.  What it takes from ctx stays valid as long as
 * ctx->arena. */
bool connection_open(struct context *ctx, unsigned concurrency, struct connection *out, struct err *err);
void connection_close(struct connection *connection);	/* takes one that was never opened, if zeroed */

#endif
