#include "agent/net/http_client.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "agent/net/curl_common.h"
#include "agent/net/url.h"
#include "agent/util/clock.h"
#include "reconcile/base/buf.h"

enum {
	TYPE_MAX = 200,
	KEPT_BODY_MAX = 1 << 20,	/* bytes of memory that a free slot may keep for its next response */
	POLL_MS = 60000,
	PROBE_MS = 5000,
};

/* One request and its response.  The slot, its handle and its buffers are used again for the next request. */
struct http_slot {
	CURL *easy;
	struct http_client *client;
	void *tag;
	struct buf url, sending, body, type, error;
	size_t sent;		/* bytes of sending that libcurl has taken */
	bool hurried;		/* the request has less time than others have */
	bool begun;		/* there was a connection, and the request began to go out on it */
	bool in_flight;		/* the multi handle has it */
	bool given_up;		/* http_client_give_up() chose it */
	bool failed;		/* libcurl did not carry it to its end */
	char detail[CURL_ERROR_SIZE];	/* libcurl's words about the failure */
	struct http_slot *next;	/* in the list of free slots */
};

struct http_client {
	CURLM *multi;
	char *url, *unix_socket, *ca_file;	/* copies; NULL: none */
	char *trust_hint, *refused_hint;
	char *host, *address;		/* of the server, for messages: "x", "x:8080" */
	const struct http_headers *headers;
	bool loopback, compressed;
	size_t response_max;
	long connect_ms, timeout_ms;
	unsigned slot_count, in_flight;
	unsigned given_up;		/* slots in flight that were given up */
	struct http_slot *slots;
	struct http_slot *free;
	struct http_slot *answered;	/* the caller is reading its answer */
	char date_text[40];		/* the Date of the last answer that had one, and its time: many answers have the same */
	time_t date;
	bool knows_scheme;		/* an answer came, or client_probe_tls() was called */
	bool wants_tls;			/* what the probe found */
};

static char *http_copy_text(const char *text)
{
	char *copy = text ? strdup(text) : NULL;

	curl_common_must(copy || !text);
	return copy;
}

/* ---- a slot ---- */

/* What passes the limit is left out, and ends the transfer. */
static size_t slot_take_body(char *bytes, size_t size, size_t count, void *arg)
{
	struct buf *body = &((struct http_slot *)arg)->body;
	size_t len = size * count, room = body->limit - body->len;

	buf_add(body, bytes, len < room ? len : room);
	body->full = len > room;
	return body->full ? 0 : len;
}

static size_t slot_give_body(char *to, size_t size, size_t count, void *arg)
{
	struct http_slot *slot = arg;
	size_t left = slot->sending.len - slot->sent;
	size_t len = left < size * count ? left : size * count;

	if (len > 0)
		memcpy(to, slot->sending.text + slot->sent, len);
	slot->sent += len;
	return len;
}

/* When a kept connection breaks, libcurl sends the request again by itself on a new one.  A POST could
 * create a workflow twice that way, so libcurl does not get the body a second time. */
static int slot_refuse_rewind(void *arg, curl_off_t offset, int origin)
{
	return CURL_SEEKFUNC_FAIL;
}

/* Gives the slot a handle with the options that all requests have in common. */
static void slot_make_handle(struct http_slot *slot)
{
	const struct http_client *client = slot->client;
	CURL *easy = curl_easy_init();

	curl_common_must(easy);
	slot->easy = easy;
	SET(easy, CURLOPT_PRIVATE, slot);
	SET(easy, CURLOPT_ERRORBUFFER, slot->detail);
	curl_common_set_rules(easy, client->ca_file, client->loopback);
	curl_common_watch_begin(easy, &slot->begun);
	SET(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	SET(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	SET(easy, CURLOPT_CONNECTTIMEOUT_MS, client->connect_ms);
	SET(easy, CURLOPT_USERAGENT, "flowsync/" FLOWSYNC_VERSION);
	if (client->compressed)
		SET(easy, CURLOPT_ACCEPT_ENCODING, "gzip");
	/* Tokens are for the server, not for a proxy on the way to it. */
	SET(easy, CURLOPT_HEADEROPT, (long)CURLHEADER_SEPARATE);
	SET(easy, CURLOPT_HTTPHEADER, http_headers_list(client->headers));
	if (client->unix_socket)
		SET(easy, CURLOPT_UNIX_SOCKET_PATH, client->unix_socket);
	SET(easy, CURLOPT_WRITEFUNCTION, slot_take_body);
	SET(easy, CURLOPT_WRITEDATA, slot);
	SET(easy, CURLOPT_READFUNCTION, slot_give_body);
	SET(easy, CURLOPT_READDATA, slot);
	SET(easy, CURLOPT_SEEKFUNCTION, slot_refuse_rewind);
}

static void slot_init(struct http_slot *slot, struct http_client *client)
{
	*slot = (struct http_slot){
		.client = client, .next = client->free,
		.url = BUF_TEXT, .sending = BUF_TEXT, .error = BUF_TEXT,
		.body = BUF(client->response_max), .type = BUF(TYPE_MAX),
	};
	slot_make_handle(slot);
	client->free = slot;
}

static void slot_done(struct http_slot *slot)
{
	curl_easy_cleanup(slot->easy);
	buf_done(&slot->url);
	buf_done(&slot->sending);
	buf_done(&slot->body);
	buf_done(&slot->type);
	buf_done(&slot->error);
}

static void slot_reset(struct http_slot *slot, void *tag)
{
	slot->tag = tag;
	slot->sent = 0;
	slot->begun = slot->given_up = slot->failed = false;
	slot->detail[0] = '\0';
	buf_reset(&slot->url);
	buf_reset(&slot->sending);
	buf_reset(&slot->body);
	buf_reset(&slot->type);
	buf_reset(&slot->error);
}

/* A kept connection may break while the request goes out on it: then libcurl may repeat these alone.  RFC 9110,
 * 9.2.2 calls them idempotent; the others of our methods are POST and PATCH. */
static bool is_idempotent(const char *method)
{
	return strcmp(method, "POST") != 0 && strcmp(method, "PATCH") != 0;
}

static void slot_set_method(struct http_slot *slot, const char *method, bool has_body)
{
	bool without = !has_body && (strcmp(method, "GET") == 0 || strcmp(method, "DELETE") == 0);
	CURL *easy = slot->easy;

	SET(easy, without ? CURLOPT_HTTPGET : CURLOPT_POST, 1L);
	SET(easy, CURLOPT_CUSTOMREQUEST, method);
	if (without)
		return;
	SET(easy, CURLOPT_POSTFIELDS, has_body && !is_idempotent(method) ? NULL : buf_str(&slot->sending));
	SET(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)slot->sending.len);
}

/* ---- the client ---- */

/* What messages call the server. */
static void client_set_names(struct http_client *client, const struct http_client_options *options)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	struct url url;

	curl_common_must(url_parse(&a, options->url, &url) == URL_OK);
	client->loopback = url.loopback || options->unix_socket;
	client->host = http_copy_text(options->server ? options->server : url.host);
	client->address = http_copy_text(options->server ? options->server
	                            : options->unix_socket ? options->unix_socket : url.address);
}

bool http_client_open(const struct http_client_options *options, struct http_client **out, struct err *err)
{
	/* libcurl would report it with the first request only, and without the file's name. */
	if (options->ca_file && access(options->ca_file, R_OK) != 0) {
		err_sys(err, errno, "open %s, the file of certificate authorities", options->ca_file);
		err->kind = ERR_USAGE;
		return false;
	}
	assert(options->slots > 0 && options->timeout_ms > 0);
	curl_common_begin();

	struct http_client *client = calloc(1, sizeof *client);
	curl_common_must(client);
	client->url = http_copy_text(options->url);
	client->unix_socket = http_copy_text(options->unix_socket);
	client->ca_file = http_copy_text(options->ca_file);
	client->trust_hint = http_copy_text(options->trust_hint ? options->trust_hint : "");
	client->refused_hint = http_copy_text(options->refused_hint ? options->refused_hint : "");
	client->headers = options->headers;
	client->compressed = options->compressed;
	client->response_max = options->response_max;
	client->timeout_ms = options->timeout_ms;
	client->connect_ms = options->connect_ms < options->timeout_ms ? options->connect_ms : options->timeout_ms;
	client_set_names(client, options);
	client->multi = curl_multi_init();
	curl_common_must(client->multi);
	client->slot_count = options->slots;
	SET_MULTI(client->multi, CURLMOPT_MAXCONNECTS, (long)client->slot_count);
	client->slots = calloc(client->slot_count, sizeof *client->slots);
	curl_common_must(client->slots);
	for (unsigned i = 0; i < client->slot_count; i++)
		slot_init(&client->slots[i], client);
	*out = client;
	return true;
}

void http_client_close(struct http_client *client)
{
	if (!client)
		return;
	for (unsigned i = 0; i < client->slot_count; i++) {
		/* libcurl accepts one that is not in the multi handle, too. */
		curl_multi_remove_handle(client->multi, client->slots[i].easy);
		slot_done(&client->slots[i]);
	}
	curl_multi_cleanup(client->multi);
	free(client->url);
	free(client->unix_socket);
	free(client->ca_file);
	free(client->trust_hint);
	free(client->refused_hint);
	free(client->host);
	free(client->address);
	free(client->slots);
	free(client);
	curl_common_end();
}

void http_client_closep(struct http_client **client)
{
	http_client_close(*client);
}

/* The caller is done with the answer that it got: its slot is free for another request. */
static void client_free_answered(struct http_client *client)
{
	struct http_slot *slot = client->answered;

	if (!slot)
		return;
	if (slot->body.room > KEPT_BODY_MAX)
		buf_done(&slot->body);
	/* libcurl 8.14 keeps in the handle that the body has to be rewound, which slot_refuse_rewind() does
	 * not do: every later request on it would fail.  Kept connections are the multi handle's. */
	if (slot->failed) {
		curl_easy_cleanup(slot->easy);
		slot_make_handle(slot);
	}
	slot->next = client->free;
	client->free = slot;
	client->answered = NULL;
}

void http_client_send(struct http_client *client, const struct http_client_request *request, void *tag)
{
	client_free_answered(client);
	struct http_slot *slot = client->free;
	assert(slot);
	client->free = slot->next;

	slot_reset(slot, tag);
	slot->hurried = request->timeout_ms > 0 && request->timeout_ms < client->timeout_ms;
	buf_adds(&slot->url, client->url);
	buf_adds(&slot->url, request->path);
	if (request->body)
		buf_adds(&slot->sending, request->body);
	SET(slot->easy, CURLOPT_URL, buf_str(&slot->url));
	SET(slot->easy, CURLOPT_TIMEOUT_MS, slot->hurried ? request->timeout_ms : client->timeout_ms);
	slot_set_method(slot, request->method, request->body);
	curl_common_must(curl_multi_add_handle(client->multi, slot->easy) == CURLM_OK);
	slot->in_flight = true;
	client->in_flight++;
}

unsigned http_client_in_flight(const struct http_client *client)
{
	return client->in_flight;
}

/* ---- answers ---- */

/* True if the server speaks TLS where plain HTTP was sent.  Nothing but a handshake is sent. */
static bool client_probe_tls(const struct http_client *client)
{
	CLEANUP(buf_done) struct buf url = BUF_TEXT;
	CURL *easy = curl_easy_init();

	curl_common_must(easy);
	buf_addf(&url, "https%s", client->url + strlen("http"));
	curl_common_set_rules(easy, client->ca_file, client->loopback);
	SET(easy, CURLOPT_PROTOCOLS_STR, "https");
	SET(easy, CURLOPT_URL, buf_str(&url));
	SET(easy, CURLOPT_CONNECT_ONLY, 1L);
	SET(easy, CURLOPT_TIMEOUT_MS, (long)PROBE_MS);
	CURLcode code = curl_easy_perform(easy);
	curl_easy_cleanup(easy);
	return code == CURLE_OK || code == CURLE_PEER_FAILED_VERIFICATION;
}

/* A server that expects TLS closes the connection, or answers with a TLS record: so does one that is broken for a
 * moment.  Only a server that has never answered is asked which it is, and only once. */
static void client_find_scheme(struct http_client *client, CURLcode code)
{
	bool unclear = code == CURLE_GOT_NOTHING || code == CURLE_RECV_ERROR || code == CURLE_UNSUPPORTED_PROTOCOL ||
	               code == CURLE_WEIRD_SERVER_REPLY;

	if (client->knows_scheme || client->unix_socket || !unclear || strncmp(client->url, "http:", 5) != 0)
		return;
	client->knows_scheme = true;
	client->wants_tls = client_probe_tls(client);
}

static bool slot_explain_failure(struct http_slot *slot, CURLcode code)
{
	struct http_client *client = slot->client;

	client_find_scheme(client, code);
	struct curl_failure failure = {
		.easy = slot->easy, .host = client->host, .address = client->address, .protocol = "HTTP",
		.trust_hint = client->trust_hint, .refused_hint = client->refused_hint,
		.tls_hint = " (is it http:// instead of https://?)", .detail = slot->detail,
		.wants_tls = client->wants_tls,
		.connect_ms = client->connect_ms, .timeout_ms = client->timeout_ms,
		.response_max = client->response_max,
		.full = slot->body.full, .hurried = slot->hurried, .begun = slot->begun,
	};

	return curl_failure_explain(&failure, code, &slot->error);
}

/* "Text/HTML; charset=x" becomes "text/html". */
static void slot_read_type(struct http_slot *slot)
{
	const char *type = NULL;

	GET(slot->easy, CURLINFO_CONTENT_TYPE, &type);
	for (; type && *type && !strchr("; \t", *type); type++)
		buf_addc(&slot->type, tolower((unsigned char)*type));
}

static const char *slot_header(const struct http_slot *slot, const char *name)
{
	struct curl_header *header;

	return curl_easy_header(slot->easy, name, 0, CURLH_HEADER, -1, &header) == CURLHE_OK ? header->value : NULL;
}

/* When the answer was made, by the server's clock, which may differ from ours; -1: it does not say. */
static time_t slot_date(const struct http_slot *slot)
{
	struct http_client *client = slot->client;
	const char *text = slot_header(slot, "Date");

	if (!text)
		return -1;
	if (*client->date_text && strcmp(text, client->date_text) == 0)
		return client->date;
	time_t date = curl_getdate(text, NULL);
	if (strlen(text) < sizeof client->date_text) {
		strcpy(client->date_text, text);
		client->date = date;
	}
	return date;
}

static time_t slot_answer_date(const struct http_slot *slot)
{
	time_t date = slot_date(slot);

	/* time() may still give the second before. */
	return date != -1 ? date : (time_t)(clock_now() / 1000);
}

/* Retry-After is a number of seconds or a date; -1 if it is neither. */
static int64_t slot_retry_after(const struct http_slot *slot)
{
	static const long most = 365 * 24 * 3600;
	const char *text = slot_header(slot, "Retry-After");
	long seconds;
	char *end;

	if (!text)
		return -1;
	if (isdigit((unsigned char)text[0])) {
		seconds = strtol(text, &end, 10);
		if (*end)
			return -1;
	} else {
		time_t date = curl_getdate(text, NULL);
		if (date == -1)
			return -1;
		seconds = date - slot_answer_date(slot);
	}
	if (seconds > most)
		seconds = most;
	return seconds > 0 ? (int64_t)seconds * 1000 : 0;
}

static void slot_read_failure(struct http_slot *slot, CURLcode code, struct answer *answer)
{
	*answer = (struct answer){
		.failure = slot->body.full ? FAILURE_TOO_LARGE : slot->begun ? FAILURE_LOST : FAILURE_UNSENT,
		.type = "", .body = "", .retry_after_ms = -1,
		.hopeless = slot_explain_failure(slot, code),
	};
	answer->error = buf_str(&slot->error);
}

static void slot_read_answer(struct http_slot *slot, CURLcode code, struct answer *answer)
{
	long status = 0;

	*answer = (struct answer){ .retry_after_ms = -1, .url = buf_str(&slot->url) };
	if (code != CURLE_OK)
		slot_read_failure(slot, code, answer);
	else
		slot->client->knows_scheme = true;
	if (code != CURLE_OK && !slot->body.full)
		return;
	GET(slot->easy, CURLINFO_RESPONSE_CODE, &status);
	slot_read_type(slot);
	answer->status = status;
	answer->type = buf_str(&slot->type);
	answer->body = buf_str(&slot->body);
	answer->len = slot->body.len;
	answer->retry_after_ms = slot_retry_after(slot);
	time_t date = slot_date(slot);
	answer->date_ms = date > 0 ? (int64_t)date * 1000 : 0;
}

/* The slot is in flight no longer: the caller reads its answer. */
static void client_hand_out(struct http_client *client, struct http_slot *slot, void **tag)
{
	*tag = slot->tag;
	curl_common_must(curl_multi_remove_handle(client->multi, slot->easy) == CURLM_OK);
	slot->in_flight = false;
	client->in_flight--;
	client->given_up -= slot->given_up;
	client->answered = slot;
}

void http_client_give_up(struct http_client *client, bool (*which)(const void *tag))
{
	for (unsigned i = 0; i < client->slot_count; i++) {
		struct http_slot *slot = &client->slots[i];
		if (!slot->in_flight || slot->given_up || !which(slot->tag))
			continue;
		slot->given_up = true;
		client->given_up++;
	}
}

static bool client_next_given_up(struct http_client *client, void **tag, struct answer *answer)
{
	for (unsigned i = 0; client->given_up > 0 && i < client->slot_count; i++) {
		struct http_slot *slot = &client->slots[i];
		if (!slot->in_flight || !slot->given_up)
			continue;
		slot->failed = true;
		client_hand_out(client, slot, tag);
		*answer = (struct answer){
			.failure = FAILURE_GIVEN_UP, .type = "", .body = "", .retry_after_ms = -1,
			.error = "it was stopped",
		};
		return true;
	}
	return false;
}

static bool client_next_answer(struct http_client *client, void **tag, struct answer *answer)
{
	struct http_slot *slot;
	CURLMsg *msg;
	int left;

	while ((msg = curl_multi_info_read(client->multi, &left)))
		if (msg->msg == CURLMSG_DONE)
			break;
	if (!msg)
		return client_next_given_up(client, tag, answer);
	CURLcode code = msg->data.result;
	GET(msg->easy_handle, CURLINFO_PRIVATE, &slot);
	slot->failed = code != CURLE_OK;
	slot_read_answer(slot, code, answer);
	client_hand_out(client, slot, tag);
	return true;
}

bool http_client_wait(struct http_client *client, int timeout_ms, int stop_fd, int hurry_fd, void **tag,
                      struct answer *answer)
{
	struct curl_waitfd fds[2];
	unsigned count = 0;
	bool readable = false;
	int64_t end = clock_monotonic() + timeout_ms;

	if (stop_fd >= 0)
		fds[count++] = (struct curl_waitfd){ .fd = stop_fd, .events = CURL_WAIT_POLLIN };
	if (hurry_fd >= 0)
		fds[count++] = (struct curl_waitfd){ .fd = hurry_fd, .events = CURL_WAIT_POLLIN };

	client_free_answered(client);
	for (;;) {
		int running;
		curl_common_must(curl_multi_perform(client->multi, &running) == CURLM_OK);
		if (client_next_answer(client, tag, answer))
			return true;
		int64_t left = timeout_ms < 0 ? POLL_MS : end - clock_monotonic();
		if (left <= 0 || readable)
			return false;
		curl_common_must(curl_multi_poll(client->multi, fds, count, left, NULL) == CURLM_OK);
		for (unsigned i = 0; i < count; i++)
			readable |= fds[i].revents != 0;
	}
}
