#include "agent/net/http_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "agent/net/connection_table.h"
#include "agent/util/clock.h"
#include "reconcile/tree/json.h"

enum {
	HEADERS_MAX = 32 << 10,		/* request line and headers; libmicrohttpd answers 431 above */
	PARAMS_MAX = 1000,
	DISCARD_MAX = 64 << 20,		/* of a refused body; who sends more is cut off */
	RESERVED_HEAD_MS = 1000,	/* a reserved connection is wanted by the next client */
	STOP_MS = 3000,
	FILE_BLOCK = 64 << 10,		/* of a file, read at once */
};

struct http_server {
	struct http_options options;
	bool any_host;			/* on a unix socket */
	struct MHD_Daemon *daemon;
	atomic_bool stopping;
	pthread_t cutter;		/* cuts the connections that are late */
	bool has_cutter;

	/* Under lock. */
	pthread_mutex_t lock;
	pthread_cond_t idle, deadline_set;
	unsigned under_way;		/* requests */
	struct connection_table connections;
	int64_t next_cut;		/* when the cutter wakes up; 0: it waits for deadline_set */

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
	bool http10;
	struct server_connection *connection;
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
	http_files_done(&response->files);
	json_write(answer, JSON_COMPACT, &response->body);
}

bool http_add_file(struct http_response *response, const char *path)
{
	return http_files_add(&response->files, response->body.len, path);
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

/* Returns 0, or the status to refuse the request with. */
static int read_query(struct server_request *x, char *query)
{
	struct http_param *params = NULL;
	size_t count = 0, room = 0;

	for (char *pair; (pair = strsep(&query, "&")); ) {
		char *value = pair;
		char *name = strsep(&value, "=");
		if (!*name && !value)
			continue;
		if (count == PARAMS_MAX)
			return 414;
		if (!decode_percent(name, true) || (value && !decode_percent(value, true)))
			return 400;
		arena_grow(&x->arena, params, count, room);
		params[count++] = (struct http_param){ name, value ? value : "" };
	}
	x->request.query = params;
	x->request.query_count = count;
	return 0;
}

/* True: the address can be used.  False: *response is the refusal. */
static bool read_uri(struct server_request *x, struct http_response *response)
{
	char *query = x->uri;

	x->request.path = strsep(&query, "?");
	int status = !decode_percent(x->uri, false) ? 400 : query ? read_query(x, query) : 0;
	if (status == 414)
		http_detail(response, 414, "the address has more than %d parameters", PARAMS_MAX);
	else if (status)
		http_detail(response, 400, "the address is not properly percent-encoded");
	return !status;
}

/* ---- the host ---- */

/* The name in "NAME", "NAME:PORT" and "[NAME]:PORT", in place. */
static const char *cut_port(char *host)
{
	if (*host == '[') {
		host[strcspn(host, "]")] = '\0';
		return host + 1;
	}
	host[strcspn(host, ":")] = '\0';
	return host;
}

static bool is_address_literal(const char *host)
{
	struct in6_addr any;

	return inet_pton(AF_INET, host, &any) == 1 || inet_pton(AF_INET6, host, &any) == 1;
}

/* A web page that its visitor's browser loaded from evil.example can have that name resolve to this machine, and then
 * read what this server answers.  Such requests carry the name; an address or a name of our own they cannot carry. */
static bool allows_host(const struct http_server *s, const char *header)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	const char *host = cut_port(arena_strdup(&a, header));

	if (is_address_literal(host) || strcasecmp(host, "localhost") == 0 ||
	    (s->options.own_host && strcasecmp(host, s->options.own_host) == 0))
		return true;
	for (size_t i = 0; i < s->options.host_count; i++)
		if (strcasecmp(host, s->options.hosts[i]) == 0)
			return true;
	return false;
}

/* ---- the stations of a request ---- */

/* 0: none. */
static void set_deadline(struct http_server *s, struct server_connection *c, int64_t ms)
{
	pthread_mutex_lock(&s->lock);
	c->deadline = ms ? clock_monotonic() + ms : 0;
	if (ms && (!s->next_cut || c->deadline < s->next_cut))
		pthread_cond_signal(&s->deadline_set);
	pthread_mutex_unlock(&s->lock);
}

/* For a request whose first byte need not have come yet: libmicrohttpd says nothing about that byte. */
static void expect_head(struct http_server *s, struct server_connection *c, unsigned pause_s)
{
	set_deadline(s, c, c->reserved ? RESERVED_HEAD_MS : (s->options.head_s + pause_s) * 1000LL);
}

static void refuse_size(struct server_request *x, size_t most)
{
	x->refused = true;
	http_detail(&x->response, 413, "the body is larger than %zu bytes", most);
	buf_done(&x->body);
}

static ssize_t on_read(void *reader, uint64_t at, char *out, size_t most)
{
	ssize_t n = http_files_reader_read(reader, at, out, most);

	return n < 0 ? MHD_CONTENT_READER_END_WITH_ERROR : n;
}

static void on_sent(void *reader)
{
	http_files_reader_free(reader);
}

/* Takes the body. */
static struct MHD_Response *make_response(struct http_response *r)
{
	if (r->files.count) {
		struct http_files_reader *reader = http_files_reader_new(&r->body, &r->files);
		return MHD_create_response_from_callback(http_files_reader_size(reader), FILE_BLOCK, on_read, reader, on_sent);
	}
	if (!r->body.len)
		return MHD_create_response_from_buffer(0, (void *)(uintptr_t)"", MHD_RESPMEM_PERSISTENT);
	/* The text is handed over as it is, not copied. */
	struct MHD_Response *response = MHD_create_response_from_buffer(r->body.len, r->body.text, MHD_RESPMEM_MUST_FREE);
	r->body = BUF(HTTP_ANSWER_MAX);
	return response;
}

static enum MHD_Result send_answer(struct http_server *s, struct server_request *x,
                                   struct MHD_Connection *connection)
{
	struct http_response *r = &x->response;
	char number[16];
	struct MHD_Response *response;
	enum MHD_Result result;

	if (r->body.full)
		http_detail(r, 500, "the answer is larger than %d bytes; ask for a smaller page",
		            HTTP_ANSWER_MAX);
	set_deadline(s, x->connection, 0);
	response = make_response(r);
	if (!response)
		abort();
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE,
	                        r->type ? r->type : "application/json");
	if (r->allow)
		MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, r->allow);
	snprintf(number, sizeof number, "%u", r->retry_after);
	if (r->retry_after)
		MHD_add_response_header(response, MHD_HTTP_HEADER_RETRY_AFTER, number);
	if (*r->warning)
		MHD_add_response_header(response, "x-flowsync-warning", r->warning);
	if (r->status == 413 || x->connection->reserved || atomic_load(&s->stopping))
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

static enum MHD_Result count_host(void *count, enum MHD_ValueKind kind, const char *name, const char *value)
{
	*(size_t *)count += strcasecmp(name, MHD_HTTP_HEADER_HOST) == 0;
	return MHD_YES;
}

/* What can be refused before the handler knows of it.  False: the response is made. */
static bool check_head(struct http_server *s, struct server_request *x)
{
	const char *host = http_header(&x->request, MHD_HTTP_HEADER_HOST);
	struct http_response *response = &x->response;
	size_t hosts = 0;

	if (!read_uri(x, response))
		return false;
	if (x->connection->reserved &&
	    (!s->options.health_path || strcmp(x->request.path, s->options.health_path) != 0)) {
		http_detail(response, 503, "all %d connections are in use", CONNECTIONS_MAX);
		response->retry_after = 1;
		return false;
	}
	MHD_get_connection_values(x->request.connection, MHD_HEADER_KIND, count_host, &hosts);
	if (hosts > 1) {
		http_detail(response, 400, "expected one header Host, found %zu", hosts);
		return false;
	}
	if (!host && !x->http10) {
		http_detail(response, 421, "expected the header Host");
		return false;
	}
	if (host && !s->any_host && !allows_host(s, host)) {
		http_detail(response, 421, "this server does not answer for the host \"%s\": use its address, or add "
		            "the name to %s", host, s->options.hosts_key);
		return false;
	}
	return true;
}

static enum MHD_Result begin_request(struct http_server *s, struct server_request *x,
                                     struct MHD_Connection *connection, const char *method, const char *version)
{
	const char *length = read_header(connection, MHD_HTTP_HEADER_CONTENT_LENGTH);
	unsigned long long announced = length ? strtoull(length, NULL, 10) : 0;
	const struct http_handler *handler = &s->options.handler;

	x->begun = true;
	pthread_mutex_lock(&s->lock);
	s->under_way++;
	pthread_mutex_unlock(&s->lock);

	x->http10 = strcmp(version, MHD_HTTP_VERSION_1_0) == 0;
	x->request.method = method;
	x->request.connection = connection;
	x->request.authorization = read_header(connection, MHD_HTTP_HEADER_AUTHORIZATION);
	set_deadline(s, x->connection, s->options.body_s * 1000LL);
	if (!check_head(s, x) || !handler->admit(handler->ctx, &x->request, &x->response))
		x->refused = true;
	else if (announced > s->options.body_max)
		refuse_size(x, s->options.body_max);
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
	if (!x->refused && x->received > s->options.body_max)
		refuse_size(x, s->options.body_max);
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
		return begin_request(s, x, connection, method, version);
	if (*upload_len) {
		size_t len = *upload_len;
		*upload_len = 0;
		return receive_body(s, x, upload, len);
	}
	if (!x->refused) {
		x->request.body = buf_str(&x->body);
		x->request.len = x->body.len;
		s->options.handler.answer(s->options.handler.ctx, &x->request, &x->response);
	}
	return send_answer(s, x, connection);
}

static struct server_connection *connection_of(struct MHD_Connection *connection)
{
	return MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
}

/* libmicrohttpd 0.9.75 drops some requests that it cannot store without a call of on_completed(), so each request
 * belongs to its connection. */
static void drop_request(struct http_server *s, struct server_connection *c)
{
	struct server_request *x = take(c->request);

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
	http_files_done(&x->response.files);
	arena_free(&x->arena);
	free(x);
}

/* The first that is heard of a request, before its headers.  The path is taken from here because
 * libmicrohttpd would decode it to a text that a NUL cuts short. */
static void *on_uri(void *ctx, const char *uri, struct MHD_Connection *connection)
{
	struct server_request *x = calloc(1, sizeof *x);
	struct server_connection *c = connection_of(connection);
	char *query = strchr(uri, '?');

	if (!x)
		abort();
	x->uri = arena_strdup(&x->arena, uri);
	x->body = BUF(HTTP_BODY_MAX);
	x->response.body = BUF(HTTP_ANSWER_MAX);
	x->connection = c;
	drop_request(ctx, c);
	c->request = x;
	/* libmicrohttpd goes on to split the query into its own list, which nothing reads.  If that list exceeds the
	 * connection's memory, 0.9.75 leaves the request unanswered.  So it finds an empty query. */
	if (query)
		query[1] = '\0';
	return x;
}

static void on_completed(void *ctx, struct MHD_Connection *connection, void **kept,
                         enum MHD_RequestTerminationCode how)
{
	struct http_server *s = ctx;
	struct server_connection *c = connection_of(connection);

	*kept = NULL;
	drop_request(s, c);
	expect_head(s, c, s->options.idle_s);
}

/* ---- connections ---- */

static enum MHD_Result on_accept(void *ctx, const struct sockaddr *address, socklen_t len)
{
	struct http_server *s = ctx;

	pthread_mutex_lock(&s->lock);
	bool admitted = connection_table_admits(&s->connections, address);
	pthread_mutex_unlock(&s->lock);
	return admitted ? MHD_YES : MHD_NO;
}

static void on_connection(void *ctx, struct MHD_Connection *connection, void **kept,
                          enum MHD_ConnectionNotificationCode what)
{
	struct http_server *s = ctx;
	const struct sockaddr *address =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS)->client_addr;
	int fd = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;

	if (what == MHD_CONNECTION_NOTIFY_CLOSED)
		drop_request(s, *kept);
	pthread_mutex_lock(&s->lock);
	if (what == MHD_CONNECTION_NOTIFY_STARTED)
		*kept = connection_table_add(&s->connections, address, fd);
	else
		connection_table_remove(&s->connections, take(*kept));
	pthread_mutex_unlock(&s->lock);
	if (*kept)
		expect_head(s, *kept, 0);
}

static struct timespec time_of(int64_t ms)
{
	return (struct timespec){ .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };
}

static void *cut_late_connections(void *ctx)
{
	struct http_server *s = ctx;

	pthread_mutex_lock(&s->lock);
	while (!atomic_load(&s->stopping)) {
		s->next_cut = connection_table_cut(&s->connections, clock_monotonic());
		struct timespec until = time_of(s->next_cut);
		if (s->next_cut)
			pthread_cond_clockwait(&s->deadline_set, &s->lock, CLOCK_MONOTONIC, &until);
		else
			pthread_cond_wait(&s->deadline_set, &s->lock);
	}
	pthread_mutex_unlock(&s->lock);
	return NULL;
}

static void stop_cutter(struct http_server *s)
{
	pthread_mutex_lock(&s->lock);
	atomic_store(&s->stopping, true);
	pthread_cond_signal(&s->deadline_set);
	pthread_mutex_unlock(&s->lock);
	if (s->has_cutter)
		pthread_join(s->cutter, NULL);
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
	return MHD_start_daemon(flags, 0, on_accept, s, on_request, s,
	                        MHD_OPTION_EXTERNAL_LOGGER, on_log, s,
	                        MHD_OPTION_LISTEN_SOCKET, fd,
	                        MHD_OPTION_URI_LOG_CALLBACK, on_uri, s,
	                        MHD_OPTION_NOTIFY_COMPLETED, on_completed, s,
	                        MHD_OPTION_NOTIFY_CONNECTION, on_connection, s,
	                        MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MAX + CONNECTIONS_RESERVED,
	                        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HEADERS_MAX,
	                        MHD_OPTION_CONNECTION_TIMEOUT, o->idle_s,
	                        MHD_OPTION_ARRAY, tls, MHD_OPTION_END);
}

static void free_server(struct http_server *s)
{
	pthread_cond_destroy(&s->idle);
	pthread_cond_destroy(&s->deadline_set);
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
	s->options = *options;
	if (!s->options.body_max)
		s->options.body_max = HTTP_BODY_MAX;
	if (!s->options.head_s)
		s->options.head_s = HTTP_HEAD_S;
	if (!s->options.body_s)
		s->options.body_s = HTTP_BODY_S;
	s->any_host = listener->path;
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->idle, NULL);
	pthread_cond_init(&s->deadline_set, NULL);
	/* The new thread inherits this: signals are for the one that waits for them. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	err_set(&words, "the HTTP server does not start");
	s->starter = pthread_self();
	s->starting = &words;
	s->daemon = start_daemon(s, options, listener->fd);
	s->starting = NULL;
	s->has_cutter = s->daemon && pthread_create(&s->cutter, NULL, cut_late_connections, s) == 0;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (s->daemon && !s->has_cutter) {
		http_server_stop(s);
		return err_set(err, "the HTTP server does not start: a thread cannot be created");
	}
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
	struct timespec until = time_of(clock_monotonic() + STOP_MS);

	pthread_mutex_lock(&s->lock);
	while (s->under_way && pthread_cond_clockwait(&s->idle, &s->lock, CLOCK_MONOTONIC, &until) != ETIMEDOUT)
		;
	pthread_mutex_unlock(&s->lock);
}

void http_server_stop(struct http_server *s)
{
	if (!s)
		return;
	stop_cutter(s);
	/* Gives the listening socket back, so that stopping does not close what is the caller's. */
	MHD_quiesce_daemon(s->daemon);
	wait_for_idle(s);
	MHD_stop_daemon(s->daemon);
	free_server(s);
}
