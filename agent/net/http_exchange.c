#include "agent/net/http_exchange.h"

#include <strings.h>

#include "agent/net/http_client.h"
#include "agent/net/url.h"

static bool exchange_has_header(const struct node *headers, const char *name)
{
	for (size_t i = 0; headers && i < headers->count; i++)
		if (strcasecmp(headers->entries[i].key, name) == 0)
			return true;
	return false;
}

static bool exchange_add_headers(const struct http_exchange *x, struct http_headers *out, struct err *err)
{
	/* With this header libcurl would ask the server before it sends a larger body, and wait a second for leave,
	 * which few servers give. */
	http_headers_omit(out, "Expect");
	if (!exchange_has_header(x->headers, "Content-Type")) {
		if (x->body)
			http_headers_set(out, "Content-Type", "application/json");
		else
			http_headers_omit(out, "Content-Type");
	}
	for (size_t i = 0; x->headers && i < x->headers->count; i++)
		if (!http_headers_add(out, x->headers->entries[i].key, x->headers->entries[i].value->text, err))
			return false;
	return true;
}

static bool exchange_failed(const struct answer *answer, struct err *err)
{
	err_set(err, "%s", answer->error);
	if (answer->hopeless)
		err->kind = ERR_USAGE;
	return false;
}

bool http_exchange(const struct http_exchange *x, struct http_reply *out, struct err *err)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	CLEANUP(http_headers_freep) struct http_headers *headers = http_headers_new();
	CLEANUP(http_client_closep) struct http_client *client = NULL;
	struct http_client_options options = {
		.url = x->url, .headers = headers, .ca_file = x->ca_file, .server = x->server, .slots = 1,
		.trust_hint = ": no authority that this machine trusts has signed it",
		.connect_ms = x->connect_ms, .timeout_ms = x->timeout_ms, .response_max = x->response_max,
	};
	struct answer answer;
	struct url url;
	void *tag;

	if (!url_require(&a, x->called, x->url, "http", "https", &url, err) ||
	    !exchange_add_headers(x, headers, err) || !http_client_open(&options, &client, err))
		return false;
	http_client_send(client, &(struct http_client_request){ .method = x->method, .path = "", .body = x->body }, NULL);
	while (!http_client_wait(client, -1, -1, -1, &tag, &answer))
		continue;
	if (answer.failure != FAILURE_NONE && answer.failure != FAILURE_TOO_LARGE)
		return exchange_failed(&answer, err);
	*out = (struct http_reply){ .status = answer.status, .body = BUF(x->response_max) };
	buf_add(&out->body, answer.body, answer.len);
	out->body.full = answer.failure == FAILURE_TOO_LARGE;
	return true;
}

void http_reply_done(struct http_reply *reply)
{
	buf_done(&reply->body);
}

bool http_status_is_final(int status)
{
	return status < 500 && status != 408 && status != 425 && status != 429;
}
