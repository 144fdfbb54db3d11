#include "agent/net/service_client.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/net/http_client.h"

struct service_client {
	struct http_client *http;
	struct http_headers *headers;
	char *token;		/* without "Bearer "; NULL: none */
};

static _Noreturn void service_client_out_of_memory(void)
{
	fputs("out of memory\n", stderr);
	abort();
}

static void service_client_set_headers(struct service_client *client, const char *token)
{
	static const char bearer[] = "Bearer ";
	size_t len = sizeof bearer - 1;

	http_headers_set(client->headers, "Accept", "application/json");
	http_headers_set(client->headers, "Content-Type", "application/json");
	/* With this header libcurl would ask the server before it sends a larger body, and wait a second for leave,
	 * which few servers give. */
	http_headers_omit(client->headers, "Expect");
	if (!token)
		return;
	http_headers_set(client->headers, "Authorization", token);
	client->token = strdup(strncmp(token, bearer, len) == 0 ? token + len : token);
	if (!client->token)
		service_client_out_of_memory();
}

bool service_client_open(const struct service_client_options *options, struct service_client **out, struct err *err)
{
	const struct endpoint *endpoint = options->endpoint;
	CLEANUP(service_client_closep) struct service_client *client = calloc(1, sizeof *client);

	if (!client)
		service_client_out_of_memory();
	client->headers = http_headers_new();
	service_client_set_headers(client, options->token);
	struct http_client_options http = {
		.url = endpoint->url, .unix_socket = endpoint->unix_socket, .headers = client->headers,
		.ca_file = options->ca_file, .compressed = true, .slots = options->connections,
		.trust_hint = ": give --ca-file if a private authority signed it",
		.refused_hint = endpoint->loopback ? "; is `flowsync serve` running?" : "",
		.response_max = options->answer_max ? options->answer_max : SERVICE_CLIENT_ANSWER_MAX,
		.connect_ms = SERVICE_CLIENT_CONNECT_TIMEOUT_MS,
		.timeout_ms = options->timeout_ms ? options->timeout_ms : SERVICE_CLIENT_TIMEOUT_MS,
	};
	if (!http_client_open(&http, &client->http, err))
		return false;
	*out = client;
	client = NULL;
	return true;
}

void service_client_close(struct service_client *client)
{
	if (!client)
		return;
	http_client_close(client->http);
	http_headers_free(client->headers);
	free(client->token);
	free(client);
}

void service_client_closep(struct service_client **client)
{
	service_client_close(*client);
}

void service_client_send(struct service_client *client, const struct request *request, void *tag)
{
	static const char *const methods[] = {
		[METHOD_GET] = "GET", [METHOD_POST] = "POST", [METHOD_PUT] = "PUT", [METHOD_DELETE] = "DELETE",
	};

	assert(request->path[0] == '/');
	http_client_send(client->http, &(struct http_client_request){
		.method = methods[operation_method(request->operation)], .path = request->path,
		.body = request->body, .timeout_ms = (long)request->most_ms,
	}, tag);
}

unsigned service_client_in_flight(const struct service_client *client)
{
	return http_client_in_flight(client->http);
}

void service_client_give_up(struct service_client *client, bool (*which)(const void *tag))
{
	http_client_give_up(client->http, which);
}

bool service_client_wait(struct service_client *client, int timeout_ms, int stop_fd, int hurry_fd, void **tag,
                         struct answer *answer)
{
	if (!http_client_wait(client->http, timeout_ms, stop_fd, hurry_fd, tag, answer))
		return false;
	/* The core does not look into an answer that is not whole. */
	if (answer->failure != FAILURE_NONE)
		*answer = (struct answer){
			.failure = answer->failure, .hopeless = answer->hopeless, .error = answer->error,
			.type = "", .body = "", .retry_after_ms = -1,
		};
	answer->token = client->token;
	return true;
}
