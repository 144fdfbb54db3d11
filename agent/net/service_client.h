/* service_client.h: carries requests to the workflow service and brings answers back, several at a time
 * over connections that are kept.  It decides nothing: what is sent again, and when, is the
 * core's (reconcile/dispatch.h).  libcurl lives in service_client.c, and in
 * transfer.c for what goes elsewhere. */
#ifndef AGENT_NET_SERVICE_CLIENT_H
#define AGENT_NET_SERVICE_CLIENT_H

#include "agent/net/endpoint.h"
#include "reconcile/base/err.h"
#include "reconcile/wire/request.h"

struct service_client;

struct service_client_options {
	const struct endpoint *endpoint;	/* where; kept, not copied */
	const char *token;		/* sent bare in Authorization; NULL: none */
	const char *ca_file;		/* a PEM bundle, trusted instead of the system's; NULL: those */
	unsigned connections;		/* most requests at a time, at least 1 */
	size_t answer_max;		/* bytes; 0: SERVICE_CLIENT_ANSWER_MAX */
	unsigned timeout_ms;		/* of one request; 0: SERVICE_CLIENT_TIMEOUT_MS */
};

enum { SERVICE_CLIENT_ANSWER_MAX = 32 << 20, SERVICE_CLIENT_TIMEOUT_MS = 30000, SERVICE_CLIENT_CONNECT_TIMEOUT_MS = 10000 };

/* From then on the process ignores SIGPIPE.  ERR_USAGE if ca_file can't be read. */
bool service_client_open(const struct service_client_options *options, struct service_client **out, struct err *err);
void service_client_close(struct service_client *rest);	/* takes NULL; what is under way is given up */
void service_client_closep(struct service_client **rest);

/* Starts one request, copying it.  tag comes back with its answer.  Call it only while
 * service_client_in_flight() is below options.connections. */
void service_client_send(struct service_client *rest, const struct request *request, void *tag);
unsigned service_client_in_flight(const struct service_client *rest);

/* Those requests under way whose tag `which` says true of are not waited for any longer:
 * service_client_wait() brings FAILURE_GIVEN_UP for them at once, unless their answer is there already. */
void service_client_give_up(struct service_client *rest, bool (*which)(const void *tag));

/* Waits up to timeout_ms (-1: as long as it takes) for one answer.  False: none came, or one of
 * both descriptors (-1: none) became readable.  *answer is valid until the next call with rest. */
bool service_client_wait(struct service_client *rest, int timeout_ms, int stop_fd, int hurry_fd, void **tag,
               struct answer *answer);

#endif
