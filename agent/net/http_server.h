/* http_server.h: answers HTTP requests on a listening socket, from one thread of its own.
 *
 * The handler decides what to answer.  It is called in that thread, one request at a time, so what it uses needs no
 * lock unless other threads use it too.  libmicrohttpd's header is included in http_server.c only. */
#ifndef AGENT_NET_HTTP_SERVER_H
#define AGENT_NET_HTTP_SERVER_H

#include "agent/net/http_files.h"
#include "agent/net/listener.h"
#include "reconcile/base/buf.h"

enum {
	HTTP_BODY_MAX = 4 << 20,	/* of a request, unless options say less: 413 above */
	HTTP_ANSWER_MAX = 64 << 20,
	HTTP_HEAD_S = 10,
	HTTP_BODY_S = 120,
};

struct http_param { const char *name, *value; };

/* All of it is valid until the handler returns. */
struct http_request {
	const char *method;		/* "GET" */
	const char *path;		/* percent-decoded, without the query */
	const struct http_param *query;	/* decoded, in the order sent; a name can come again */
	size_t query_count;
	const char *authorization;	/* NULL: not sent */
	const char *body;		/* NUL-terminated, "" if the request has no body */
	size_t len;
	void *connection;		/* http_header()'s; NULL: there are no other headers */
};

struct http_response {
	int status;
	const char *type;		/* of the body, static text; NULL: application/json */
	struct buf body;
	struct http_files files;	/* whose bytes stand in the body too: http_add_file() */
	const char *allow;		/* of a 405, static text; NULL: no such header */
	unsigned retry_after;		/* seconds; 0: no such header */
	char warning[1000];		/* printable ASCII, of the header x-flowsync-warning; "": no such header */
};

struct http_handler {
	void *ctx;
	/* Called when the headers have arrived.  False: *response is the answer, and the body is discarded. */
	bool (*admit)(void *ctx, const struct http_request *request, struct http_response *response);
	/* Called when the body has arrived. */
	void (*answer)(void *ctx, const struct http_request *request, struct http_response *response);
};

struct http_options {
	struct http_handler handler;
	const char *tls_certificate;	/* PEM text, with tls_key; NULL: plain HTTP */
	const char *tls_key;
	unsigned idle_s;		/* a connection on which nothing moves for so long is closed */
	unsigned head_s;		/* request line and headers have to be here after so long; 0: HTTP_HEAD_S */
	unsigned body_s;		/* the body so long after them; 0: HTTP_BODY_S */
	size_t body_max;		/* of a request; 0: HTTP_BODY_MAX, which is the most */
	/* The path that is answered even if all connections are taken, on one of a few reserved ones; any other path
	 * gets 503 there.  NULL: each path gets 503. */
	const char *health_path;
	/* Names that a request may be for (its header Host), in any case; static or outliving the server.  Address
	 * literals and localhost are allowed always, and so is each name on a unix socket. */
	const char *const *hosts;
	size_t host_count;
	const char *own_host;		/* one more; NULL: none */
	const char *hosts_key;		/* the setting that adds one, for the message */
};

struct http_server;

/* Serves on listener's socket until stopped; the socket stays the caller's and outlives the
 * server. */
bool http_server_start(const struct http_options *options, const struct listener *listener,
                       struct http_server **out, struct err *err);

/* Accepts no new connection and waits for requests in progress, for three seconds at most.  Takes NULL. */
void http_server_stop(struct http_server *server);

/* The value of the request's header of that name, in any case; NULL: not sent.  The first one if it was sent several
 * times. */
const char *http_header(const struct http_request *request, const char *name);

/* Adds the bytes of a file to the body, behind those that are there.  They are read while they are sent, so a large file
 * takes no memory.  If the file is gone by then, or another has its name, the answer is cut off.  False, and nothing is
 * added: it is no plain file that can be read. */
bool http_add_file(struct http_response *response, const char *path);

/* Sets the body to {"detail": "..."}, the shape of all errors. */
void http_detail(struct http_response *response, int status, const char *fmt, ...) PRINTF(3, 4);

#endif
