/* http_exchange.h: one HTTP request to any server, and the response, on an HTTP client of its own; for processes
 * that send one request and end.  Requests to the workflow service use service_client.h. */
#ifndef AGENT_NET_HTTP_EXCHANGE_H
#define AGENT_NET_HTTP_EXCHANGE_H

#include "reconcile/base/buf.h"
#include "reconcile/tree/node.h"

struct http_exchange {
	const char *called;	/* the field that url comes from, for messages: "url" */
	const char *server;	/* words for the server, where messages must not show its host; NULL: "host:port" */
	const char *url;	/* http or https */
	const char *method;	/* "POST" */
	const struct node *headers;	/* a map of name to text; NULL: none */
	const char *body;	/* NULL: none; sent as application/json if headers has no Content-Type */
	const char *ca_file;	/* a PEM bundle, trusted instead of the system's; NULL: the system's */
	long connect_ms, timeout_ms;	/* limits in milliseconds: for the connection, and for all of it */
	size_t response_max;	/* bytes of the response's body */
};

struct http_reply {
	int status;
	struct buf body;	/* full: the response is larger than response_max, and this is its beginning */
};

/* Sends the request and waits for the response, whatever its status is.  http_reply_done() frees it.  False: there
 * was no whole response, and *err is a sentence why, of kind ERR_USAGE if sending it again cannot help. */
bool http_exchange(const struct http_exchange *exchange, struct http_reply *out, struct err *err);
void http_reply_done(struct http_reply *reply);	/* takes a zeroed one */

/* True if a response with this status, which is not a success, will be the same the next time: what is wrong with the
 * request itself does not get better. */
bool http_status_is_final(int status);

#endif
