/* connection.h: the service that the settings choose: endpoint, token, client, and the embedded local service where
 * the endpoint is "local". */
#ifndef AGENT_SYNC_CONNECTION_H
#define AGENT_SYNC_CONNECTION_H

#include "agent/config/context.h"
#include "agent/net/endpoint.h"
#include "agent/net/service_client.h"

struct local_service;

struct connection {
	const char *name;		/* "local", or the endpoint's URL */
	struct endpoint endpoint;	/* its url is set for the embedded service too */
	struct service_client *client;
	struct local_service *serve;		/* the embedded service; NULL: the service is elsewhere */
};

/* Finds the service that the settings choose; opens nothing.  False, ERR_USAGE, if they choose none or two. */
bool connection_endpoint(struct context *ctx, struct endpoint *out, struct err *err);

/* True if the settings choose the embedded service or one on this machine, which is taken for `flowsync serve`. */
bool connection_is_local(struct context *ctx);

/* Reads the token, starts the embedded service if it is chosen, and makes the client; a service elsewhere is not
 * contacted yet.  ctx->arena has to outlive the connection. */
bool connection_open(struct context *ctx, unsigned concurrency, struct connection *out, struct err *err);
void connection_close(struct connection *connection);	/* takes a zeroed one */

#endif
