/* service_client.h: what a request to the workflow service is, on top of the HTTP client: the endpoint's address or
 * socket, the token, JSON, and operations instead of methods.  It decides nothing: the core's dispatcher
 * (reconcile/wire/dispatch.h) says what is sent again, and when. */
#ifndef AGENT_NET_SERVICE_CLIENT_H
#define AGENT_NET_SERVICE_CLIENT_H

#include "agent/net/endpoint.h"
#include "reconcile/base/err.h"
#include "reconcile/wire/request.h"

struct service_client;

/* All is copied. */
struct service_client_options {
	const struct endpoint *endpoint;
	const char *token;		/* the value of the Authorization header; NULL: no such header */
	const char *ca_file;		/* a PEM bundle, trusted instead of the system's; NULL: the system's */
	unsigned connections;		/* the most requests in flight, at least 1 */
	size_t answer_max;		/* bytes of an answer's body; 0: SERVICE_CLIENT_ANSWER_MAX */
	unsigned timeout_ms;		/* limit for one request; 0: SERVICE_CLIENT_TIMEOUT_MS */
};

enum {
	SERVICE_CLIENT_ANSWER_MAX = 32 << 20,
	SERVICE_CLIENT_TIMEOUT_MS = 30000,
	SERVICE_CLIENT_CONNECT_TIMEOUT_MS = 10000,
};

/* From then on the process ignores SIGPIPE.  ERR_USAGE if ca_file cannot be read. */
bool service_client_open(const struct service_client_options *options, struct service_client **out, struct err *err);
void service_client_close(struct service_client *client);	/* takes NULL; requests in flight are aborted */
void service_client_closep(struct service_client **client);

/* Starts one request, copying it.  tag is returned with its answer.  Call it only while
 * service_client_in_flight() is below options.connections. */
void service_client_send(struct service_client *client, const struct request *request, void *tag);
unsigned service_client_in_flight(const struct service_client *client);

/* Gives up the requests in flight for whose tag `which` returns true: service_client_wait() returns
 * FAILURE_GIVEN_UP for each of them at once, unless its answer has arrived. */
void service_client_give_up(struct service_client *client, bool (*which)(const void *tag));

/* Waits up to timeout_ms (-1: without a limit) for one answer.  False: none came, or one of the two descriptors
 * (-1: none) is readable.  *answer is valid until the next call of send or wait. */
bool service_client_wait(struct service_client *client, int timeout_ms, int stop_fd, int hurry_fd, void **tag,
                         struct answer *answer);

#endif
