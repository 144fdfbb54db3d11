/* http_client.h: sends HTTP requests to one server and receives the responses, up to a fixed number at a time, over
 * connections that are kept open.  It decides nothing about a response: any status is one.
 *
 * A client owns its slots.  Each slot has a libcurl handle and buffers that its next request uses again, so that a
 * request costs no set-up but for its URL, method and body.  Single requests: see http_exchange.h. */
#ifndef AGENT_NET_HTTP_CLIENT_H
#define AGENT_NET_HTTP_CLIENT_H

#include "agent/net/http_headers.h"
#include "reconcile/base/err.h"
#include "reconcile/wire/request.h"

struct http_client;

/* All is copied but headers. */
struct http_client_options {
	const char *url;		/* a valid http or https URL; the path of each request is appended to it */
	const char *unix_socket;	/* connect to this socket instead of the host of url; NULL: no */
	const struct http_headers *headers;	/* sent with each request; outlives the client; NULL: none */
	const char *ca_file;		/* a PEM bundle, trusted instead of the system's; NULL: the system's */
	const char *server;		/* words for the server, where messages must not show its host; NULL: "host:port" */
	const char *trust_hint;		/* appended to the message on an untrusted certificate; NULL: nothing */
	const char *refused_hint;	/* appended to the message on a refused connection; NULL: nothing */
	bool compressed;		/* ask for responses in gzip */
	unsigned slots;			/* the most requests in flight, at least 1 */
	size_t response_max;		/* bytes of a response's body */
	long connect_ms, timeout_ms;	/* limits in milliseconds: for the connection, and for all of a request */
};

struct http_client_request {
	const char *method;	/* "POST" */
	const char *path;	/* below the client's url, with query, percent-encoded; "": the url itself */
	const char *body;	/* NULL: none */
	long timeout_ms;	/* if it is shorter than the client's; 0: the client's */
};

/* From the first open on the process ignores SIGPIPE.  ERR_USAGE if ca_file cannot be read. */
bool http_client_open(const struct http_client_options *options, struct http_client **out, struct err *err);
void http_client_close(struct http_client *client);	/* takes NULL; requests in flight are aborted */
void http_client_closep(struct http_client **client);

/* Starts a request, copying it.  tag is returned with its answer.  There has to be a free slot.
 * libcurl may send a request again, on a new connection, when a kept one breaks: but never the body of a POST
 * or PATCH, which the server might then carry out twice. */
void http_client_send(struct http_client *client, const struct http_client_request *request, void *tag);
unsigned http_client_in_flight(const struct http_client *client);

/* Gives up the requests in flight for whose tag `which` returns true: http_client_wait() returns FAILURE_GIVEN_UP
 * for each of them at once, unless its answer has arrived. */
void http_client_give_up(struct http_client *client, bool (*which)(const void *tag));

/* Waits up to timeout_ms (-1: without a limit) for one answer.  False: none came, or one of the two descriptors
 * (-1: none) is readable.  *answer is valid until the next call of send or wait.  Its url is the
 * request's, its token is not set.  A
 * FAILURE_TOO_LARGE has the status, and as much of the body as the limit allows. */
bool http_client_wait(struct http_client *client, int timeout_ms, int stop_fd, int hurry_fd, void **tag,
                      struct answer *answer);

#endif
