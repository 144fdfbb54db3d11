#include "agent/net/http_server.h"

#include <errno.h>
#include <microhttpd.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/util/clock.h"
#include "reconcile/tree/json.h"

enum {
	CONNECTIONS_MAX = 256,
	HEADERS_MAX = 32 << 10,		/* request line and headers; libmicrohttpd answers 431 above */
	PARAMS_MAX = 1000,
	DISCARD_MAX = 64 << 20,		/* of a refused body; who sends more is cut off */
	STOP_MS = 3000,
};

struct http_server {
	struct http_handler handler;
	size_t body_max;
	struct MHD_Daemon *daemon;
	atomic_bool stopping;
	pthread_mutex_t lock;
	pthread_cond_t idle;
	unsigned under_way;		/* requests; under lock */
	pthread_t starter;
	struct err *starting;		/* where libmicrohttpd's words to the starter go; NULL: nowhere */
};

/* One request and its answer. */
struct server_request {
	struct arena arena;
	char *uri;			/* as it was sent; cut in place */
	struct http_request request;
	struct buf body;
	struct http_response response;
	size_t received;		/* of the body */
	bool begun, refused;		/* refused: response is made, body is thrown away */
};

void http_detail(struct http_response *response, int status, const char *fmt, ...)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	CLEANUP(buf_done) struct buf text = BUF(64 << 10);
	struct node *answer = node_map(&a);
	va_list ap;

	va_start(ap, fmt);
	buf_addv(&text, fmt, ap);
	va_end(ap);
	node_put(&a, answer, "detail", node_text(&a, buf_str(&text)));
	response->status = status;
	response->type = NULL;
	buf_reset(&response->body);
	response->body.full = false;
	json_write(answer, JSON_COMPACT, &response->body);
}

/* ---- the request line ---- */

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Decodes in place; form: a plus stands for a space.  Refuses an encoded NUL: it would end the text early. */
static bool decode_percent(char *text, bool form)
{
	char *out = text;

	for (const char *s = text; *s; s++) {
		int high, low;
		if (*s == '%') {
			if ((high = hex_value(s[1])) < 0 || (low = hex_value(s[2])) < 0 || !(high || low))
				return false;
			*out++ = (char)(high << 4 | low);
			s += 2;
		} else {
			*out++ = form && *s == '+' ? ' ' : *s;
		}
	}
	*out = '\0';
	return true;
}

static bool read_query(struct server_request *x, char *query)
{
	struct http_param *params = NULL;
	size_t count = 0, room = 0;

	for (char *pair; (pair = strsep(&query, "&")); ) {
		char *value = pair;
		char *name = strsep(&value, "=");
		if (!*name && !value)
			continue;
		if (count == PARAMS_MAX || !decode_percent(name, true) || (value && !decode_percent(value, true)))
			return false;
		arena_grow(&x->arena, params, count, room);
		params[count++] = (struct http_param){ name, value ? value : "" };
	}
	x->request.query = params;
	x->request.query_count = count;
	return true;
}

static bool read_uri(struct server_request *x)
{
	char *query = x->uri;

	x->request.path = strsep(&query, "?");
	return decode_percent(x->uri, false) && (!query || read_query(x, query));
}

/* ---- the stations of a request ---- */

static void refuse_size(struct server_request *x, size_t most)
{
	x->refused = true;
	http_detail(&x->response, 413, "the body is larger than %zu bytes", most);
	buf_done(&x->body);
}

static enum MHD_Result send_answer(struct http_server *s, struct server_request *x,
                                   struct MHD_Connection *connection)
{
	struct http_response *r = &x->response;
	CLEANUP(buf_done) struct buf number = BUF_TEXT;
	struct MHD_Response *response;
	enum MHD_Result result;

	if (r->body.full)
		http_detail(r, 500, "the answer is larger than %d bytes; ask for a smaller page",
		            HTTP_ANSWER_MAX);
	buf_addf(&number, "%u", r->retry_after);
	response = MHD_create_response_from_buffer(r->body.len, (void *)(uintptr_t)buf_str(&r->body),
	                                           MHD_RESPMEM_MUST_COPY);
	if (!response)
		abort();
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE,
	                        r->type ? r->type : "application/json");
	if (r->allow)
		MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, r->allow);
	if (r->retry_after)
		MHD_add_response_header(response, MHD_HTTP_HEADER_RETRY_AFTER, buf_str(&number));
	if (r->status == 413 || atomic_load(&s->stopping))
		MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
	result = MHD_queue_response(connection, (unsigned)r->status, response);
	MHD_destroy_response(response);
	return result;
}

static const char *read_header(struct MHD_Connection *connection, const char *name)
{
	return MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
}

const char *http_header(const struct http_request *request, const char *name)
{
	return request->connection ? read_header(request->connection, name) : NULL;
}

/* A client that waits for "100 Continue" has not sent its body, and one that announces far too
 * much will not be listened to for that long: both are answered at once.  Everybody else first
 * gets rid of the body, else the answer would be lost in the reset of the connection. */
static bool refused_at_once(struct MHD_Connection *connection, unsigned long long announced)
{
	return read_header(connection, MHD_HTTP_HEADER_EXPECT) || announced > DISCARD_MAX;
}

static enum MHD_Result begin_request(struct http_server *s, struct server_request *x,
                                     struct MHD_Connection *connection, const char *method)
{
	const char *length = read_header(connection, MHD_HTTP_HEADER_CONTENT_LENGTH);
	unsigned long long announced = length ? strtoull(length, NULL, 10) : 0;

	x->begun = true;
	pthread_mutex_lock(&s->lock);
	s->under_way++;
	pthread_mutex_unlock(&s->lock);

	x->request.method = method;
	x->request.connection = connection;
	x->request.authorization = read_header(connection, MHD_HTTP_HEADER_AUTHORIZATION);
	if (!read_uri(x)) {
		x->refused = true;
		http_detail(&x->response, 400, "the address is not properly percent-encoded");
	} else if (!s->handler.admit(s->handler.ctx, &x->request, &x->response)) {
		x->refused = true;
	} else if (announced > s->body_max) {
		refuse_size(x, s->body_max);
	}
	if (x->refused && refused_at_once(connection, announced))
		return send_answer(s, x, connection);
	return MHD_YES;
}

static enum MHD_Result receive_body(const struct http_server *s, struct server_request *x, const char *bytes,
                                    size_t len)
{
	x->received += len;
	if (x->received > DISCARD_MAX)
		return MHD_NO;
	if (!x->refused && x->received > s->body_max)
		refuse_size(x, s->body_max);
	if (!x->refused)
		buf_add(&x->body, bytes, len);
	return MHD_YES;
}

static enum MHD_Result on_request(void *ctx, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *upload,
                                  size_t *upload_len, void **kept)
{
	struct http_server *s = ctx;
	struct server_request *x = *kept;

	if (!x->begun)
		return begin_request(s, x, connection, method);
	if (*upload_len) {
		size_t len = *upload_len;
		*upload_len = 0;
		return receive_body(s, x, upload, len);
	}
	if (!x->refused) {
		x->request.body = buf_str(&x->body);
		x->request.len = x->body.len;
		s->handler.answer(s->handler.ctx, &x->request, &x->response);
	}
	return send_answer(s, x, connection);
}

/* The first that is heard of a request, before its headers.  The path is taken from here because
 * libmicrohttpd would decode it to a text that a NUL cuts short. */
static void *on_uri(void *ctx, const char *uri, struct MHD_Connection *connection)
{
	struct server_request *x = calloc(1, sizeof *x);

	if (!x)
		abort();
	x->uri = arena_strdup(&x->arena, uri);
	x->body = BUF(HTTP_BODY_MAX);
	x->response.body = BUF(HTTP_ANSWER_MAX);
	return x;
}

static void on_completed(void *ctx, struct MHD_Connection *connection, void **kept,
                         enum MHD_RequestTerminationCode how)
{
	struct http_server *s = ctx;
	struct server_request *x = take(*kept);

	if (!x)
		return;
	if (x->begun) {
		pthread_mutex_lock(&s->lock);
		if (--s->under_way == 0)
			pthread_cond_signal(&s->idle);
		pthread_mutex_unlock(&s->lock);
	}
	buf_done(&x->body);
	buf_done(&x->response.body);
	arena_free(&x->arena);
	free(x);
}

/* ---- start and stop ---- */

static void on_log(void *ctx, const char *fmt, va_list ap) PRINTF(2, 0);

/* Once it runs, what libmicrohttpd says is about clients that hung up; its thread says only
 * that. */
static void on_log(void *ctx, const char *fmt, va_list ap)
{
	struct http_server *s = ctx;
	CLEANUP(buf_done) struct buf text = BUF_TEXT;

	if (!pthread_equal(pthread_self(), s->starter) || !s->starting)
		return;
	buf_addv(&text, fmt, ap);
	err_set(s->starting, "%.*s", (int)strcspn(buf_str(&text), "\n"), buf_str(&text));
}

static struct MHD_Daemon *start_daemon(struct http_server *s, const struct http_options *o, int fd)
{
	struct MHD_OptionItem tls[] = {
		{ MHD_OPTION_HTTPS_MEM_CERT, 0, (void *)(uintptr_t)o->tls_certificate },
		{ MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)(uintptr_t)o->tls_key },
		{ MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)(uintptr_t)"NORMAL:-VERS-TLS1.0:-VERS-TLS1.1" },
		{ MHD_OPTION_END, 0, NULL },
	};
	unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ITC | MHD_USE_ERROR_LOG;

	if (o->tls_certificate)
		flags |= MHD_USE_TLS;
	else
		tls[0].option = MHD_OPTION_END;
	return MHD_start_daemon(flags, 0, NULL, NULL, on_request, s,
	                        MHD_OPTION_EXTERNAL_LOGGER, on_log, s,
	                        MHD_OPTION_LISTEN_SOCKET, fd,
	                        MHD_OPTION_URI_LOG_CALLBACK, on_uri, s,
	                        MHD_OPTION_NOTIFY_COMPLETED, on_completed, s,
	                        MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MAX,
	                        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HEADERS_MAX,
	                        MHD_OPTION_CONNECTION_TIMEOUT, o->idle_s,
	                        MHD_OPTION_ARRAY, tls, MHD_OPTION_END);
}

static void free_server(struct http_server *s)
{
	pthread_cond_destroy(&s->idle);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

bool http_server_start(const struct http_options *options, const struct listener *listener,
                       struct http_server **out, struct err *err)
{
	struct http_server *s = calloc(1, sizeof *s);
	struct err words;
	sigset_t all, before;

	if (!s)
		abort();
	s->handler = options->handler;
	s->body_max = options->body_max ? options->body_max : HTTP_BODY_MAX;
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->idle, NULL);
	/* The new thread inherits this: signals are for the one that waits for them. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	err_set(&words, "the HTTP server does not start");
	s->starter = pthread_self();
	s->starting = &words;
	s->daemon = start_daemon(s, options, listener->fd);
	s->starting = NULL;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (!s->daemon) {
		free_server(s);
		/* All that is heard of a bad certificate is that TLS does not start. */
		return err_set(err, "%s", options->tls_certificate ? "the TLS certificate and key cannot be used: "
		               "expected PEM, and the key that belongs to the certificate" : words.msg);
	}
	*out = s;
	return true;
}

static void wait_for_idle(struct http_server *s)
{
	int64_t end = clock_monotonic() + STOP_MS;
	struct timespec until = { .tv_sec = end / 1000, .tv_nsec = end % 1000 * 1000000 };

	pthread_mutex_lock(&s->lock);
	while (s->under_way && pthread_cond_clockwait(&s->idle, &s->lock, CLOCK_MONOTONIC, &until) != ETIMEDOUT)
		;
	pthread_mutex_unlock(&s->lock);
}

void http_server_stop(struct http_server *s)
{
	if (!s)
		return;
	atomic_store(&s->stopping, true);
	/* Gives the listening socket back, so that stopping does not close what is the caller's. */
	MHD_quiesce_daemon(s->daemon);
	wait_for_idle(s);
	MHD_stop_daemon(s->daemon);
	free_server(s);
}
