/* service_client.h: carries requests to the workflow service and brings answers back, several at a time
 * over connections that are kept.  It decides nothing: what is sent again, and when, is the
 * core's (reconcile/dispatch.h).  libcurl lives in service_client.c, and in
 * transfer.c for what goes elsewhere. */
#ifndef AGENT_NET_SERVICE_CLIENT_H
#define AGENT_NET_SERVICE_CLIENT_H

#include "agent/net/endpoint.h"
#include "reconcile/base/err.h"
#include "reconcile/wire/request.h"

struct rest;

struct rest_options {
	const struct endpoint *endpoint;	/* where; kept, not copied */
	const char *token;		/* sent bare in Authorization; NULL: none */
	const char *ca_file;		/* a PEM bundle, trusted instead of the system's; NULL: those */
	unsigned connections;		/* most requests at a time, at least 1 */
	size_t answer_max;		/* bytes; 0: REST_ANSWER_MAX */
	unsigned timeout_ms;		/* of one request; 0: REST_TIMEOUT_MS */
};

enum { REST_ANSWER_MAX = 32 << 20, REST_TIMEOUT_MS = 30000, REST_CONNECT_TIMEOUT_MS = 10000 };

/* From then on the process ignores SIGPIPE.  ERR_USAGE if ca_file can't be read. */
bool rest_open(const struct rest_options *options, struct rest **out, struct err *err);
void rest_close(struct rest *rest);	/* takes NULL; what is under way is given up */
void rest_closep(struct rest **rest);

/* Starts one request, copying it.  tag comes back with its answer.  Call it only while
 * rest_in_flight() is below options.connections. */
void rest_send(struct rest *rest, const struct request *request, void *tag);
unsigned rest_in_flight(const struct rest *rest);

/* Those requests under way whose tag `which` says true of are not waited for any longer:
 * rest_wait() brings FAILURE_GIVEN_UP for them at once, unless their answer is there already. */
void rest_give_up(struct rest *rest, bool (*which)(const void *tag));

/* Waits up to timeout_ms (-1: as long as it takes) for one answer.  False: none came, or one of
 * both descriptors (-1: none) became readable.  *answer is valid until the next call with rest. */
bool rest_wait(struct rest *rest, int timeout_ms, int stop_fd, int hurry_fd, void **tag,
               struct answer *answer);

#endif
