#include "agent/net/service_client.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "agent/net/curl_common.h"
#include "reconcile/base/buf.h"

enum {
	TYPE_MAX = 200,
	KEPT_BODY_MAX = 1 << 20,	/* memory that an idle exchange may keep */
	POLL_MS = 60000,
};

/* One request on its way and its answer afterwards; used again for the next one. */
struct exchange {
	CURL *easy;
	struct service_client *rest;
	void *tag;
	struct buf url, sending, body, type, error;
	size_t sent;		/* bytes of sending that libcurl has taken */
	bool hurried;		/* the request had less time than any other has */
	bool begun;		/* there was a connection, and the request began to go out on it */
	bool under_way;		/* the multi handle has it */
	bool given_up;		/* service_client_give_up() meant it */
	bool failed;		/* libcurl did not carry it to its end */
	struct exchange *next;
};

struct service_client {
	const struct endpoint *endpoint;
	char *ca_file;			/* NULL: the system's authorities */
	CURLM *multi;
	struct curl_slist *headers;
	char *token;			/* without "Bearer "; NULL: none */
	char *host, *address;		/* of the endpoint, for messages: "x", "x:8080" */
	size_t answer_max;
	long timeout_ms, connect_ms;
	unsigned connections, in_flight;
	struct exchange *exchanges;	/* as many as connections */
	struct exchange *idle;
	struct exchange *given;		/* the caller is reading its answer */
};

static size_t take_body(char *bytes, size_t size, size_t count, void *arg)
{
	struct exchange *x = arg;

	buf_add(&x->body, bytes, size * count);
	return x->body.full ? 0 : size * count;
}

static size_t give_body(char *to, size_t size, size_t count, void *arg)
{
	struct exchange *x = arg;
	size_t left = x->sending.len - x->sent;
	size_t len = left < size * count ? left : size * count;

	if (len > 0)
		memcpy(to, x->sending.text + x->sent, len);
	x->sent += len;
	return len;
}

/* When a kept connection breaks, libcurl sends the request again by itself on a new one.  For a
 * POST that could create a workflow twice, so it does not get the body a second time. */
static int refuse_to_rewind(void *arg, curl_off_t offset, int origin)
{
	return CURL_SEEKFUNC_FAIL;
}

static int note_begin(void *arg, char *peer, char *self, int peer_port, int self_port)
{
	((struct exchange *)arg)->begun = true;
	return CURL_PREREQFUNC_OK;
}

/* Gives x a handle, with what is the same for all requests. */
static void exchange_make_handle(struct exchange *x)
{
	const struct service_client *rest = x->rest;
	const struct endpoint *endpoint = rest->endpoint;
	CURL *easy = curl_easy_init();

	curl_common_must(easy);
	x->easy = easy;
	SET(easy, CURLOPT_PRIVATE, x);
	curl_common_basics(easy, rest->ca_file);
	SET(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	SET(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	SET(easy, CURLOPT_CONNECTTIMEOUT_MS, rest->connect_ms);
	SET(easy, CURLOPT_USERAGENT, "flowsync/" FLOWSYNC_VERSION);
	SET(easy, CURLOPT_ACCEPT_ENCODING, "gzip");
	/* The token is for the service, not for a proxy on the way to it. */
	SET(easy, CURLOPT_HEADEROPT, (long)CURLHEADER_SEPARATE);
	SET(easy, CURLOPT_HTTPHEADER, rest->headers);
	if (endpoint->unix_socket)
		SET(easy, CURLOPT_UNIX_SOCKET_PATH, endpoint->unix_socket);
	if (endpoint->loopback)
		SET(easy, CURLOPT_NOPROXY, "*");
	SET(easy, CURLOPT_WRITEFUNCTION, take_body);
	SET(easy, CURLOPT_WRITEDATA, x);
	SET(easy, CURLOPT_READFUNCTION, give_body);
	SET(easy, CURLOPT_READDATA, x);
	SET(easy, CURLOPT_SEEKFUNCTION, refuse_to_rewind);
	SET(easy, CURLOPT_PREREQFUNCTION, note_begin);
	SET(easy, CURLOPT_PREREQDATA, x);
}

static void exchange_init(struct exchange *x, struct service_client *rest)
{
	*x = (struct exchange){
		.rest = rest, .next = rest->idle,
		.url = BUF_TEXT, .sending = BUF_TEXT, .error = BUF_TEXT,
		.body = BUF(rest->answer_max), .type = BUF(TYPE_MAX),
	};
	exchange_make_handle(x);
	rest->idle = x;
}

static void exchange_done(struct exchange *x)
{
	curl_easy_cleanup(x->easy);
	buf_done(&x->url);
	buf_done(&x->sending);
	buf_done(&x->body);
	buf_done(&x->type);
	buf_done(&x->error);
}

static void add_header(struct service_client *rest, const char *line)
{
	struct curl_slist *longer = curl_slist_append(rest->headers, line);

	curl_common_must(longer);
	rest->headers = longer;
}

static void keep_token(struct service_client *rest, const char *token)
{
	static const char bearer[] = "Bearer ";
	size_t len = sizeof bearer - 1;

	rest->token = strdup(strncmp(token, bearer, len) == 0 ? token + len : token);
	curl_common_must(rest->token);
}

static void make_headers(struct service_client *rest, const char *token)
{
	add_header(rest, "Accept: application/json");
	add_header(rest, "Content-Type: application/json");
	/* Without this libcurl asks before a larger body and waits a second for leave, which few
	 * servers give. */
	add_header(rest, "Expect:");
	if (token) {
		CLEANUP(buf_done) struct buf line = BUF_TEXT;
		buf_addf(&line, "Authorization: %s", token);
		keep_token(rest, token);
		add_header(rest, buf_str(&line));
	}
}

/* The names that messages call the service by. */
static void make_names(struct service_client *rest)
{
	curl_common_names(rest->endpoint->url, &rest->host, &rest->address);
	if (rest->endpoint->unix_socket) {
		free(rest->address);
		rest->address = strdup(rest->endpoint->unix_socket);
		curl_common_must(rest->address);
	}
}

bool service_client_open(const struct service_client_options *options, struct service_client **out, struct err *err)
{
	/* libcurl would say it only at the first request, and not which file. */
	if (options->ca_file && access(options->ca_file, R_OK) != 0) {
		err_sys(err, errno, "open %s, the file of certificate authorities", options->ca_file);
		err->kind = ERR_USAGE;
		return false;
	}
	assert(options->connections > 0);
	curl_common_begin();

	struct service_client *rest = calloc(1, sizeof *rest);
	curl_common_must(rest);
	rest->endpoint = options->endpoint;
	if (options->ca_file) {
		rest->ca_file = strdup(options->ca_file);
		curl_common_must(rest->ca_file);
	}
	rest->connections = options->connections;
	rest->answer_max = options->answer_max ? options->answer_max : SERVICE_CLIENT_ANSWER_MAX;
	rest->timeout_ms = options->timeout_ms ? options->timeout_ms : SERVICE_CLIENT_TIMEOUT_MS;
	rest->connect_ms = rest->timeout_ms < SERVICE_CLIENT_CONNECT_TIMEOUT_MS ? rest->timeout_ms
	                                                              : SERVICE_CLIENT_CONNECT_TIMEOUT_MS;
	rest->multi = curl_multi_init();
	curl_common_must(rest->multi);
	SET_MULTI(rest->multi, CURLMOPT_MAXCONNECTS, (long)rest->connections);
	make_headers(rest, options->token);
	make_names(rest);
	rest->exchanges = calloc(rest->connections, sizeof *rest->exchanges);
	curl_common_must(rest->exchanges);
	for (unsigned i = 0; i < rest->connections; i++)
		exchange_init(&rest->exchanges[i], rest);
	*out = rest;
	return true;
}

void service_client_close(struct service_client *rest)
{
	if (!rest)
		return;
	for (unsigned i = 0; i < rest->connections; i++) {
		/* One that is not under way is not in the multi handle; libcurl does not mind. */
		curl_multi_remove_handle(rest->multi, rest->exchanges[i].easy);
		exchange_done(&rest->exchanges[i]);
	}
	curl_multi_cleanup(rest->multi);
	curl_slist_free_all(rest->headers);
	curl_free(rest->host);
	free(rest->address);
	free(rest->token);
	free(rest->ca_file);
	free(rest->exchanges);
	free(rest);
	curl_common_end();
}

void service_client_closep(struct service_client **rest)
{
	service_client_close(*rest);
}

/* The answer that was given out is over: its exchange may carry another request. */
static void release(struct service_client *rest)
{
	struct exchange *x = rest->given;

	if (!x)
		return;
	if (x->body.room > KEPT_BODY_MAX)
		buf_done(&x->body);
	/* libcurl 8.14 keeps in the handle that the body has to be rewound, which refuse_to_rewind() does
	 * not do: every later request on it would fail.  Kept connections are the multi handle's. */
	if (x->failed) {
		curl_easy_cleanup(x->easy);
		exchange_make_handle(x);
	}
	x->next = rest->idle;
	rest->idle = x;
	rest->given = NULL;
}

static void set_method(CURL *easy, enum method method, const struct exchange *x, bool has_body)
{
	static const char *const words[] = {
		[METHOD_POST] = NULL, [METHOD_PUT] = "PUT", [METHOD_DELETE] = "DELETE", [METHOD_GET] = NULL,
	};

	SET(easy, CURLOPT_CUSTOMREQUEST, words[method]);
	if (!has_body && method != METHOD_POST && method != METHOD_PUT) {
		SET(easy, CURLOPT_HTTPGET, 1L);
		return;
	}
	SET(easy, CURLOPT_POST, 1L);
	/* Only a POST must not be sent again unasked: it alone goes through give_body(). */
	SET(easy, CURLOPT_POSTFIELDS, method == METHOD_POST && has_body ? NULL : buf_str(&x->sending));
	SET(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)x->sending.len);
}

void service_client_send(struct service_client *rest, const struct request *request, void *tag)
{
	assert(request->path[0] == '/');
	release(rest);
	struct exchange *x = rest->idle;
	assert(x);
	rest->idle = x->next;

	x->tag = tag;
	x->sent = 0;
	x->begun = x->given_up = x->failed = false;
	x->under_way = true;
	x->hurried = request->most_ms > 0 && request->most_ms < rest->timeout_ms;
	buf_reset(&x->url);
	buf_reset(&x->sending);
	buf_reset(&x->body);
	buf_reset(&x->type);
	buf_reset(&x->error);
	buf_adds(&x->url, rest->endpoint->url);
	buf_adds(&x->url, request->path);
	if (request->body)
		buf_adds(&x->sending, request->body);
	SET(x->easy, CURLOPT_URL, buf_str(&x->url));
	SET(x->easy, CURLOPT_TIMEOUT_MS, x->hurried ? (long)request->most_ms : rest->timeout_ms);
	set_method(x->easy, operation_method(request->operation), x, request->body);
	curl_common_must(curl_multi_add_handle(rest->multi, x->easy) == CURLM_OK);
	rest->in_flight++;
}

unsigned service_client_in_flight(const struct service_client *rest)
{
	return rest->in_flight;
}

static bool explain(struct exchange *x, CURLcode code)
{
	const struct service_client *rest = x->rest;
	struct curl_exchange talk = {
		.easy = x->easy, .host = rest->host, .address = rest->address, .speaks = "HTTP",
		.trust = ": give --ca-file if it is of a private authority",
		.connect_ms = rest->connect_ms, .timeout_ms = rest->timeout_ms, .answer_max = rest->answer_max,
		.full = x->body.full, .hurried = x->hurried, .begun = x->begun,
	};

	return curl_common_explain(&talk, code, &x->error);
}

/* "Text/HTML; charset=x" becomes "text/html". */
static void read_type(struct exchange *x)
{
	const char *type = NULL;

	GET(x->easy, CURLINFO_CONTENT_TYPE, &type);
	for (; type && *type && !strchr("; \t", *type); type++)
		buf_addc(&x->type, tolower((unsigned char)*type));
}

/* Retry-After is a number of seconds or a date; -1 if it is neither. */
static int64_t read_retry_after(CURL *easy)
{
	static const long most = 365 * 24 * 3600;
	struct curl_header *header;
	long seconds;
	char *end;

	if (curl_easy_header(easy, "Retry-After", 0, CURLH_HEADER, -1, &header) != CURLHE_OK)
		return -1;
	if (isdigit((unsigned char)header->value[0])) {
		seconds = strtol(header->value, &end, 10);
		if (*end)
			return -1;
	} else {
		time_t date = curl_getdate(header->value, NULL);
		if (date == -1)
			return -1;
		seconds = date - time(NULL);
	}
	if (seconds > most)
		seconds = most;
	return seconds > 0 ? (int64_t)seconds * 1000 : 0;
}

static void read_answer(struct exchange *x, CURLcode code, struct answer *answer)
{
	long status = 0;

	*answer = (struct answer){
		.type = "", .body = "", .retry_after_ms = -1, .token = x->rest->token,
	};
	if (code != CURLE_OK) {
		answer->failure = x->body.full ? FAILURE_TOO_LARGE
		                : x->begun ? FAILURE_LOST : FAILURE_UNSENT;
		answer->hopeless = explain(x, code);
		answer->error = buf_str(&x->error);
		return;
	}
	GET(x->easy, CURLINFO_RESPONSE_CODE, &status);
	read_type(x);
	answer->status = status;
	answer->type = buf_str(&x->type);
	answer->body = buf_str(&x->body);
	answer->len = x->body.len;
	answer->retry_after_ms = read_retry_after(x->easy);
}

/* Takes x out of those under way, to be read by the caller. */
static void give(struct service_client *rest, struct exchange *x, void **tag)
{
	*tag = x->tag;
	curl_common_must(curl_multi_remove_handle(rest->multi, x->easy) == CURLM_OK);
	x->under_way = false;
	rest->in_flight--;
	rest->given = x;
}

void service_client_give_up(struct service_client *rest, bool (*which)(const void *tag))
{
	for (unsigned i = 0; i < rest->connections; i++) {
		struct exchange *x = &rest->exchanges[i];
		x->given_up |= x->under_way && which(x->tag);
	}
}

static bool next_given_up(struct service_client *rest, void **tag, struct answer *answer)
{
	for (unsigned i = 0; i < rest->connections; i++) {
		struct exchange *x = &rest->exchanges[i];
		if (!x->under_way || !x->given_up)
			continue;
		x->failed = true;
		give(rest, x, tag);
		*answer = (struct answer){
			.failure = FAILURE_GIVEN_UP, .type = "", .body = "", .retry_after_ms = -1,
			.error = "it was stopped", .token = rest->token,
		};
		return true;
	}
	return false;
}

static bool next_answer(struct service_client *rest, void **tag, struct answer *answer)
{
	struct exchange *x;
	CURLMsg *msg;
	int left;

	while ((msg = curl_multi_info_read(rest->multi, &left)))
		if (msg->msg == CURLMSG_DONE)
			break;
	if (!msg)
		return next_given_up(rest, tag, answer);
	CURLcode code = msg->data.result;
	GET(msg->easy_handle, CURLINFO_PRIVATE, &x);
	x->failed = code != CURLE_OK;
	read_answer(x, code, answer);
	give(rest, x, tag);
	return true;
}

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

bool service_client_wait(struct service_client *rest, int timeout_ms, int stop_fd, int hurry_fd, void **tag,
               struct answer *answer)
{
	struct curl_waitfd fds[2];
	unsigned count = 0;
	bool readable = false;
	int64_t end = now_ms() + timeout_ms;

	if (stop_fd >= 0)
		fds[count++] = (struct curl_waitfd){ .fd = stop_fd, .events = CURL_WAIT_POLLIN };
	if (hurry_fd >= 0)
		fds[count++] = (struct curl_waitfd){ .fd = hurry_fd, .events = CURL_WAIT_POLLIN };

	release(rest);
	for (;;) {
		int running;
		curl_common_must(curl_multi_perform(rest->multi, &running) == CURLM_OK);
		if (next_answer(rest, tag, answer))
			return true;
		int64_t left = timeout_ms < 0 ? POLL_MS : end - now_ms();
		if (left <= 0 || readable)
			return false;
		curl_common_must(curl_multi_poll(rest->multi, fds, count, left, NULL) == CURLM_OK);
		for (unsigned i = 0; i < count; i++)
			readable |= fds[i].revents != 0;
	}
}
