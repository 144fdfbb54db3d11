#include "tests/test.h"
#include "agent/net/service_client.h"
#include "agent/util/clock.h"
#include "tests/agent/net/badserver.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>

#include "reconcile/base/buf.h"

#define AGENT	"User-Agent: flowsync/" FLOWSYNC_VERSION

static struct badserver server;

/* A client, where it goes, and the copy of the last answer. */
struct client {
	struct arena arena;
	struct endpoint endpoint;
	struct service_client_options options;
	struct service_client *rest;
};

static void client_open(struct client *c, const char *url)
{
	struct err err;

	c->endpoint.url = url ? url : arena_printf(&c->arena, "http://127.0.0.1:%s", server.name);
	c->options.endpoint = &c->endpoint;
	if (!c->options.connections)
		c->options.connections = 1;
	if (!c->options.timeout_ms)
		c->options.timeout_ms = 60000;
	assert_true(service_client_open(&c->options, &c->rest, &err));
}

static void client_done(struct client *c)
{
	service_client_close(c->rest);
	arena_free(&c->arena);
}

static struct answer ask(struct client *c, enum operation op, const char *path, const char *body)
{
	struct request request = { op, path, body, "x" };
	struct answer answer;
	void *tag;

	service_client_send(c->rest, &request, c);
	assert_int_equal(service_client_in_flight(c->rest), 1);
	assert_true(service_client_wait(c->rest, -1, -1, -1, &tag, &answer));
	assert_ptr_equal(tag, c);
	assert_int_equal(service_client_in_flight(c->rest), 0);
	return answer;
}

static void requests_have_the_headers_of_the_contract(void **state)
{
	static const struct { enum operation op; const char *body, *want; } cases[] = {
		{ OP_DESCRIBE, NULL, "GET /echo\nAccept-Encoding: gzip\nAccept: application/json\n"
		  "Authorization: s3same\nContent-Type: application/json\nHost: 127.0.0.1:%s\n" AGENT "\n\n" },
		{ OP_DELETE, NULL, "DELETE /echo\nAccept-Encoding: gzip\nAccept: application/json\n"
		  "Authorization: s3same\nContent-Type: application/json\nHost: 127.0.0.1:%s\n" AGENT "\n\n" },
		{ OP_CREATE, "{\"a\":1}", "POST /echo\nAccept-Encoding: gzip\nAccept: application/json\n"
		  "Authorization: s3same\nContent-Length: 7\nContent-Type: application/json\n"
		  "Host: 127.0.0.1:%s\n" AGENT "\n\n{\"a\":1}" },
		{ OP_PAUSE, NULL, "POST /echo\nAccept-Encoding: gzip\nAccept: application/json\n"
		  "Authorization: s3same\nContent-Length: 0\nContent-Type: application/json\n"
		  "Host: 127.0.0.1:%s\n" AGENT "\n\n" },
		{ OP_UPDATE, "{}", "PUT /echo\nAccept-Encoding: gzip\nAccept: application/json\n"
		  "Authorization: s3same\nContent-Length: 2\nContent-Type: application/json\n"
		  "Host: 127.0.0.1:%s\n" AGENT "\n\n{}" },
	};
	CLEANUP(client_done) struct client c = { .options.token = "s3same" };

	/* Each after each other on the same handle: nothing of one may stick to the next. */
	client_open(&c, NULL);
	for (size_t i = 0; i < ARRAY_LEN(cases) * ARRAY_LEN(cases) * 2; i++) {
		size_t row = i % 2 ? i / 2 % ARRAY_LEN(cases) : i / 2 / ARRAY_LEN(cases);
		struct answer answer = ask(&c, cases[row].op, "/echo", cases[row].body);
		CLEANUP(buf_done) struct buf want = BUF_TEXT;
		const char *port = strstr(cases[row].want, "%s");
		buf_add(&want, cases[row].want, port - cases[row].want);
		buf_adds(&want, server.name);
		buf_adds(&want, port + 2);
		assert_int_equal(answer.status, 200);
		assert_string_equal(answer.body, buf_str(&want));
	}
}

static void a_large_body_is_sent_without_asking_for_leave(void **state)
{
	static char body[2 << 20];
	static const enum operation ops[] = { OP_CREATE, OP_UPDATE };

	memset(body, 'x', sizeof body - 1);
	for (size_t i = 0; i < ARRAY_LEN(ops); i++) {
		CLEANUP(client_done) struct client c = { 0 };
		client_open(&c, NULL);
		struct answer answer = ask(&c, ops[i], "/echo", body);
		assert_int_equal(answer.status, 200);
		assert_null(strstr(answer.body, "Expect"));
		assert_null(strstr(answer.body, "Authorization"));
		assert_string_equal(answer.body + answer.len - (sizeof body - 1), body);
	}
}

static void an_answer_that_came_whole_is_no_failure(void **state)
{
	static const struct { const char *path; int status; const char *type, *body; } cases[] = {
		{ "/chunked", 200, "application/json", "{\"a\":1}" },
		{ "/html", 200, "text/html", "<p>" },
		{ "/gzip", 200, "", "unpacked" },
		{ "/empty", 204, "", "" },
		{ "/redirect", 302, "", "" },
		{ "/continue", 200, "", "after" },
		{ "/bytes/5", 200, "", "xxxxx" },
		{ "/unauthorised", 401, "", "{\"detail\": \"no\"}" },
	};
	CLEANUP(client_done) struct client c = { .options.token = "s3same" };

	client_open(&c, NULL);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct answer answer = ask(&c, OP_DESCRIBE, cases[i].path, NULL);
		assert_int_equal(answer.failure, FAILURE_NONE);
		assert_int_equal(answer.status, cases[i].status);
		assert_string_equal(answer.type, cases[i].type);
		assert_string_equal(answer.body, cases[i].body);
		assert_int_equal(answer.len, strlen(cases[i].body));
		assert_int_equal(answer.retry_after_ms, -1);
		assert_null(answer.error);
	}
}

static void a_broken_answer_is_lost_in_words(void **state)
{
	static const struct {
		const char *path;
		enum failure failure;
		bool hopeless;
		const char *error;
		bool late;	/* waited for half a second, all others as long as it takes */
	} cases[] = {
		{ "/short", FAILURE_LOST, false, "the answer of %s was cut short" },
		{ "/short-chunked", FAILURE_LOST, false, "the answer of %s was cut short" },
		{ "/drop", FAILURE_LOST, false, "the connection to %s broke before a whole answer came" },
		{ "/silent", FAILURE_LOST, false, "no answer from %s within 500ms", true },
		{ "/slow-body", FAILURE_LOST, false, "no whole answer from %s within 500ms", true },
		{ "/no-http", FAILURE_LOST, true, "the answer of %s is not HTTP" },
		{ "/broken-gzip", FAILURE_LOST, false, "%s: Unrecognized or bad HTTP Content or Transfer-Encoding" },
		{ "/endless", FAILURE_TOO_LARGE, true, "the answer is larger than 100000 bytes" },
		{ "/bytes/100001", FAILURE_TOO_LARGE, true, "the answer is larger than 100000 bytes" },
		{ "/bomb", FAILURE_TOO_LARGE, true, "the answer is larger than 100000 bytes" },
	};
	static const enum operation ops[] = { OP_DESCRIBE, OP_CREATE, OP_UPDATE, OP_DELETE };
	CLEANUP(client_done) struct client patient = { .options.answer_max = 100000 };
	CLEANUP(client_done) struct client hasty = { .options.timeout_ms = 500 };

	client_open(&patient, NULL);
	client_open(&hasty, NULL);
	for (size_t i = 0; i < ARRAY_LEN(cases) * ARRAY_LEN(ops); i++) {
		size_t row = i / ARRAY_LEN(ops);
		enum operation op = ops[i % ARRAY_LEN(ops)];
		bool body = op == OP_CREATE || op == OP_UPDATE;
		struct client *c = cases[row].late ? &hasty : &patient;
		struct answer answer = ask(c, op, cases[row].path, body ? "{}" : NULL);
		const char *gap = strstr(cases[row].error, "%s");
		const char *want = cases[row].error;
		if (gap)
			want = arena_printf(&c->arena, "%.*s127.0.0.1:%s%s", (int)(gap - want), want,
			                    server.name, gap + 2);
		assert_string_equal(answer.error, want);
		assert_int_equal(answer.failure, cases[row].failure);
		assert_int_equal(answer.hopeless, cases[row].hopeless);
		assert_int_equal(answer.status, 0);
		assert_string_equal(answer.body, "");
		/* And the handle is as good as new. */
		assert_int_equal(ask(c, OP_DESCRIBE, "/empty", NULL).status, 204);
		assert_int_equal(ask(c, OP_DESCRIBE, "/bytes/100000", NULL).len, 100000);
	}
}

/* A port on which nobody listens: bound, so that nobody else does. */
static int dead_port(struct sockaddr_in *address)
{
	socklen_t len = sizeof *address;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	*address = (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	assert_int_equal(bind(fd, (struct sockaddr *)address, len), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)address, &len), 0);
	return fd;
}

static void assert_unsent(struct client *c, const char *error, bool hopeless)
{
	struct answer answer = ask(c, OP_CREATE, "/echo", "{}");

	assert_string_equal(answer.error, error);
	assert_int_equal(answer.failure, FAILURE_UNSENT);
	assert_int_equal(answer.hopeless, hopeless);
}

static void without_a_connection_nothing_was_sent(void **state)
{
	struct sockaddr_in address;
	int fd = dead_port(&address);
	CLEANUP(client_done) struct client refused = { 0 }, nowhere = { 0 }, deaf = { .options.timeout_ms = 300 };
	CLEANUP(client_done) struct client no_socket = { .endpoint.unix_socket = "/nonexistent/socket" };
	char host[100] = "http://";

	client_open(&refused,
	            arena_printf(&refused.arena, "http://127.0.0.1:%d", ntohs(address.sin_port)));
	assert_unsent(&refused, arena_printf(&refused.arena, "connection refused by 127.0.0.1:%d",
	                                     ntohs(address.sin_port)), false);

	/* A label of more than 63 letters: no resolver has to be asked. */
	memset(host + 7, 'x', 70);
	client_open(&nowhere, host);
	assert_unsent(&nowhere, arena_printf(&nowhere.arena, "could not resolve host %s", host + 7),
	              false);

	client_open(&no_socket, "http://localhost");
	assert_unsent(&no_socket,
	              "could not connect to /nonexistent/socket: No such file or directory", false);

	/* A queue of length 0 with one in it: further ones are neither taken nor refused. */
	assert_int_equal(listen(fd, 0), 0);
	int first = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(first, (struct sockaddr *)&address, sizeof address), 0);
	client_open(&deaf, arena_printf(&deaf.arena, "http://127.0.0.1:%d", ntohs(address.sin_port)));
	assert_unsent(&deaf, arena_printf(&deaf.arena, "no connection to 127.0.0.1:%d within 300ms",
	                                  ntohs(address.sin_port)), false);
	close(first);
	close(fd);
}

static void a_refused_connection_on_this_machine_asks_for_the_local_service(void **state)
{
	CLEANUP(client_done) struct client c = { .endpoint.loopback = true };
	struct sockaddr_in address;
	int fd = dead_port(&address);

	client_open(&c, arena_printf(&c.arena, "http://localhost:%d", ntohs(address.sin_port)));
	assert_unsent(&c, arena_printf(&c.arena, "connection refused by localhost:%d; is `flowsync serve` running?",
	                               ntohs(address.sin_port)), false);
	close(fd);
}

static void a_service_that_went_away_refuses_the_next_connection(void **state)
{
	CLEANUP(client_done) struct client c = { 0 };
	struct badserver mortal;

	badserver_start(&mortal, (const char *const[]){ NULL });
	client_open(&c, arena_printf(&c.arena, "http://127.0.0.1:%s", mortal.name));
	assert_int_equal(ask(&c, OP_CREATE, "/echo", "{}").status, 200);
	badserver_stop(&mortal);
	assert_unsent(&c, arena_printf(&c.arena, "connection refused by 127.0.0.1:%s", mortal.name),
	              false);
}

static void a_redirect_takes_the_token_nowhere(void **state)
{
	CLEANUP(client_done) struct client c = { .options.token = "s3same" };
	char before[20];

	client_open(&c, NULL);
	snprintf(before, sizeof before, "%s", ask(&c, OP_DESCRIBE, "/seen//echo", NULL).body);
	assert_int_equal(ask(&c, OP_DESCRIBE, "/redirect", NULL).status, 302);
	assert_int_equal(ask(&c, OP_CREATE, "/redirect", "{}").status, 302);
	assert_string_equal(ask(&c, OP_DESCRIBE, "/seen//echo", NULL).body, before);
}

static void connections_are_kept(void **state)
{
	CLEANUP(client_done) struct client c = { 0 };
	char first[20];

	client_open(&c, NULL);
	snprintf(first, sizeof first, "%s", ask(&c, OP_DESCRIBE, "/connection", NULL).body);
	ask(&c, OP_CREATE, "/connection", "{}");
	ask(&c, OP_UPDATE, "/connection", "{}");
	assert_string_equal(ask(&c, OP_DELETE, "/connection", NULL).body, first);
}

static void a_kept_connection_that_breaks_never_sends_a_post_twice(void **state)
{
	static const struct { enum operation op; const char *body, *seen; enum failure failure; } cases[] = {
		/* libcurl sends these again by itself, which does no harm. */
		{ OP_DESCRIBE, NULL, "3", FAILURE_NONE },
		{ OP_UPDATE, "{}", "6", FAILURE_NONE },
		{ OP_CREATE, "{}", "8", FAILURE_LOST },
		{ OP_EXECUTE, "{\"params\": {}}", "10", FAILURE_LOST },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(client_done) struct client c = { 0 };
		client_open(&c, NULL);
		assert_int_equal(ask(&c, cases[i].op, "/drop-second", cases[i].body).status, 200);
		struct answer answer = ask(&c, cases[i].op, "/drop-second", cases[i].body);
		assert_int_equal(answer.failure, cases[i].failure);
		if (answer.failure)
			assert_string_equal(answer.error, arena_printf(&c.arena,
				"the connection to 127.0.0.1:%s broke before a whole answer came", server.name));
		assert_string_equal(ask(&c, OP_DESCRIBE, "/seen//drop-second", NULL).body, cases[i].seen);
	}
}

/* A handle that libcurl failed with is replaced: the next request must go out as any other. */
static void a_request_after_a_lost_one_is_as_any_other(void **state)
{
	CLEANUP(client_done) struct client c = { .options.token = "s3same" };
	CLEANUP(buf_done) struct buf want = BUF_TEXT;

	client_open(&c, NULL);
	buf_adds(&want, ask(&c, OP_CREATE, "/echo", "{\"a\":1}").body);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(ask(&c, OP_CREATE, "/drop-second", "{}").failure, FAILURE_LOST);
		struct answer answer = ask(&c, OP_CREATE, "/echo", "{\"a\":1}");
		assert_int_equal(answer.status, 200);
		assert_string_equal(answer.body, buf_str(&want));
	}
}

static void retry_after_is_read_as_seconds_or_date(void **state)
{
	static const struct { const char *path; int64_t least, most; } cases[] = {
		{ "/retry/seconds", 7000, 7000 },
		{ "/retry/zero", 0, 0 },
		{ "/retry/date", 97000, 100000 },
		{ "/retry/slow-clock", 8000, 9000 },
		{ "/retry/fast-clock", 8000, 9000 },
		{ "/retry/odd-clock", 97000, 100000 },
		{ "/retry/past", 0, 0 },
		{ "/retry/forever", 31536000000, 31536000000 },
		{ "/retry/words", -1, -1 },
		{ "/retry/mixed", -1, -1 },
	};
	CLEANUP(client_done) struct client c = { 0 };

	client_open(&c, NULL);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct answer answer = ask(&c, OP_DESCRIBE, cases[i].path, NULL);
		assert_int_equal(answer.status, 503);
		assert_true(answer.retry_after_ms >= cases[i].least);
		assert_true(answer.retry_after_ms <= cases[i].most);
	}
}

static void the_date_of_an_answer_is_the_services(void **state)
{
	static const struct { const char *path; int64_t off_ms; } cases[] = {
		{ "/retry/slow-clock", -3600000 }, { "/retry/fast-clock", 3600000 },
	};
	CLEANUP(client_done) struct client c = { 0 };

	client_open(&c, NULL);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		int64_t off = ask(&c, OP_DESCRIBE, cases[i].path, NULL).date_ms - (int64_t)time(NULL) * 1000 - cases[i].off_ms;
		assert_true(off > -60000 && off < 60000);
	}
	assert_int_equal(ask(&c, OP_DESCRIBE, "/retry/odd-clock", NULL).date_ms, 0);
	assert_int_equal(ask(&c, OP_DESCRIBE, "/retry/words", NULL).date_ms, 0);
}

static void eight_requests_go_at_once(void **state)
{
	struct request request = { OP_DESCRIBE, "/together", NULL, "x" };
	CLEANUP(client_done) struct client c = { .options.connections = 8 };
	int tags[8], sum = 0;
	struct answer answer;
	void *tag;

	client_open(&c, NULL);
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < 8; i++)
			service_client_send(c.rest, &request, &tags[i]);
		assert_int_equal(service_client_in_flight(c.rest), 8);
		while (service_client_in_flight(c.rest) > 0) {
			assert_true(service_client_wait(c.rest, -1, -1, -1, &tag, &answer));
			assert_int_equal(answer.status, 200);
			sum += 1 + (int)((int *)tag - tags);
		}
	}
	assert_int_equal(sum, 2 * 36);
}

static void waiting_ends_by_time_and_by_the_stop_descriptor(void **state)
{
	struct request request = { OP_DESCRIBE, "/silent", NULL, "x" };
	CLEANUP(client_done) struct client c = { 0 };
	struct answer answer;
	int stop = eventfd(0, EFD_CLOEXEC);
	int64_t begun = clock_monotonic();
	void *tag;

	client_open(&c, NULL);
	assert_false(service_client_wait(c.rest, 50, -1, -1, &tag, &answer));	/* with nothing under way */
	assert_true(clock_monotonic() - begun >= 50);
	service_client_send(c.rest, &request, &c);
	assert_false(service_client_wait(c.rest, 50, stop, -1, &tag, &answer));
	assert_true(clock_monotonic() - begun >= 100);
	assert_int_equal(eventfd_write(stop, 1), 0);
	assert_false(service_client_wait(c.rest, -1, stop, -1, &tag, &answer));
	assert_int_equal(service_client_in_flight(c.rest), 1);	/* given up by service_client_close() */
	close(stop);
}

static bool is_odd(const void *tag)
{
	return *(const int *)tag % 2;
}

static void what_is_given_up_ends_at_once_and_its_place_is_free(void **state)
{
	struct request hangs = { OP_DESCRIBE, "/silent", NULL, "x" };
	CLEANUP(client_done) struct client c = { .options.connections = 3 };
	int tags[] = { 0, 1, 2 };
	struct answer answer;
	void *tag;

	client_open(&c, NULL);
	for (size_t i = 0; i < 3; i++)
		service_client_send(c.rest, &hangs, &tags[i]);
	service_client_give_up(c.rest, is_odd);
	assert_true(service_client_wait(c.rest, -1, -1, -1, &tag, &answer));
	assert_ptr_equal(tag, &tags[1]);
	assert_int_equal(answer.failure, FAILURE_GIVEN_UP);
	assert_string_equal(answer.error, "it was stopped");
	assert_int_equal(service_client_in_flight(c.rest), 2);
	assert_false(service_client_wait(c.rest, 50, -1, -1, &tag, &answer));

	service_client_send(c.rest, &(struct request){ OP_DESCRIBE, "/bytes/3", NULL, "x" }, &tags[1]);
	assert_true(service_client_wait(c.rest, -1, -1, -1, &tag, &answer));
	assert_ptr_equal(tag, &tags[1]);
	assert_string_equal(answer.body, "xxx");
}

static void a_unix_socket_is_reached_by_its_path(void **state)
{
	char dir[] = "/tmp/flowsync-test-XXXXXX";
	struct badserver unix_server;

	assert_non_null(mkdtemp(dir));
	CLEANUP(client_done) struct client c = { 0 };
	const char *path = arena_printf(&c.arena, "%s/socket", dir);
	badserver_start(&unix_server, (const char *const[]){ "--unix", path, NULL });
	c.endpoint.unix_socket = path;
	c.endpoint.loopback = true;
	client_open(&c, "http://localhost");
	struct answer answer = ask(&c, OP_DESCRIBE, "/echo", NULL);
	assert_non_null(strstr(answer.body, "\nHost: localhost\n"));
	badserver_stop(&unix_server);
	unlink(path);
	rmdir(dir);
}

static void proxies_are_used_except_for_loopback_and_never_see_the_token(void **state)
{
	CLEANUP(client_done) struct client plain = { .options.token = "s3same" };
	CLEANUP(client_done) struct client tls = { .options.token = "s3same" };
	CLEANUP(client_done) struct client direct = { .endpoint.loopback = true };
	const char *proxy = arena_printf(&plain.arena, "http://127.0.0.1:%s", server.name);

	setenv("http_proxy", proxy, 1);
	setenv("https_proxy", proxy, 1);
	client_open(&plain, "http://service.example");
	struct answer answer = ask(&plain, OP_DESCRIBE, "/echo", NULL);
	assert_memory_equal(answer.body, "GET http://service.example/echo\n", 32);

	/* With CONNECT the proxy only carries bytes. */
	client_open(&tls, "https://service.example");
	answer = ask(&tls, OP_DESCRIBE, "/echo", NULL);
	assert_int_equal(answer.failure, FAILURE_UNSENT);
	assert_string_equal(answer.error, "the proxy refuses the connection to service.example:443: it answers 403");

	setenv("http_proxy", "http://127.0.0.1:1", 1);
	client_open(&direct, NULL);
	answer = ask(&direct, OP_DESCRIBE, "/last-connect", NULL);
	assert_int_equal(answer.status, 200);
	assert_string_equal(answer.body,
	                    "Host: service.example:443\nProxy-Connection: Keep-Alive\n" AGENT);
	unsetenv("http_proxy");
	unsetenv("https_proxy");
}

/* A private authority, and a certificate by it for localhost. */
static void make_certificates(struct arena *a, const char *dir)
{
	const char *script = arena_printf(a,
		"cd %s && {"
		" openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 2 -subj /CN=authority"
		" && openssl req -newkey rsa:2048 -nodes -keyout key.pem -out csr.pem -subj /CN=service"
		" && echo subjectAltName=DNS:localhost > ext"
		" && openssl x509 -req -in csr.pem -CA ca.pem -CAkey ca.key -CAcreateserial -days 2"
		" -extfile ext -out cert.pem; } > log 2>&1 || { cat log; exit 1; }", dir);

	assert_int_equal(system(script), 0);
}

static void a_certificate_is_verified_always(void **state)
{
	char dir[] = "/tmp/flowsync-test-XXXXXX";
	CLEANUP(arena_free) struct arena a = { 0 };
	CLEANUP(client_done) struct client unknown = { 0 }, other_name = { 0 }, good = { 0 }, bad_file = { 0 };
	CLEANUP(client_done) struct client no_tls = { 0 }, no_http = { 0 };
	struct badserver tls_server;

	assert_non_null(mkdtemp(dir));
	make_certificates(&a, dir);
	const char *ca = arena_printf(&a, "%s/ca.pem", dir);
	badserver_start(&tls_server, (const char *const[]){ "--tls", arena_printf(&a, "%s/cert.pem", dir),
	                                                    arena_printf(&a, "%s/key.pem", dir), NULL });
	const char *url = arena_printf(&a, "https://localhost:%s", tls_server.name);

	client_open(&unknown, url);
	assert_unsent(&unknown, arena_printf(&a, "the certificate of localhost:%s is not trusted: give "
	                                     "--ca-file if a private authority signed it", tls_server.name), true);
	good.options.ca_file = ca;
	good.options.token = "s3same";
	client_open(&good, url);
	struct answer answer = ask(&good, OP_CREATE, "/echo", "{}");
	assert_int_equal(answer.status, 200);
	assert_non_null(strstr(answer.body, "\nAuthorization: s3same\n"));

	other_name.options.ca_file = ca;
	client_open(&other_name, arena_printf(&a, "https://127.0.0.1:%s", tls_server.name));
	assert_unsent(&other_name, arena_printf(&a, "the certificate of 127.0.0.1:%s is for another "
	                                        "host name", tls_server.name), true);

	bad_file.options.ca_file = arena_printf(&a, "%s/ext", dir);
	client_open(&bad_file, url);
	assert_unsent(&bad_file,
	              "the file of certificate authorities holds no certificate in PEM form", true);

	client_open(&no_tls, arena_printf(&a, "https://127.0.0.1:%s", server.name));
	assert_unsent(&no_tls, arena_printf(&a, "127.0.0.1:%s does not speak TLS (is it http:// instead of https://?)",
	                                    server.name), true);

	client_open(&no_http, arena_printf(&a, "http://localhost:%s", tls_server.name));
	answer = ask(&no_http, OP_LIST, "/echo", NULL);
	assert_string_equal(answer.error, arena_printf(&a, "localhost:%s speaks TLS (is it https:// instead of http://?)",
	                                               tls_server.name));
	assert_true(answer.hopeless);

	badserver_stop(&tls_server);
	assert_int_equal(system(arena_printf(&a, "rm -r %s", dir)), 0);
}

static void a_missing_file_of_authorities_is_a_usage_error(void **state)
{
	struct endpoint endpoint = { .url = "https://x" };
	struct service_client_options options = { .endpoint = &endpoint, .connections = 1, .ca_file = "/nonexistent/ca.pem" };
	struct service_client *rest = NULL;
	struct err err;

	assert_false(service_client_open(&options, &rest, &err));
	assert_string_equal(err.msg, "open /nonexistent/ca.pem, the file of certificate authorities: "
	                             "No such file or directory");
	assert_int_equal(err.kind, ERR_USAGE);
	assert_null(rest);
}

static int start(void **state)
{
	badserver_start(&server, (const char *const[]){ NULL });
	return 0;
}

static int stop(void **state)
{
	badserver_stop(&server);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_have_the_headers_of_the_contract),
		cmocka_unit_test(a_large_body_is_sent_without_asking_for_leave),
		cmocka_unit_test(an_answer_that_came_whole_is_no_failure),
		cmocka_unit_test(a_broken_answer_is_lost_in_words),
		cmocka_unit_test(without_a_connection_nothing_was_sent),
		cmocka_unit_test(a_refused_connection_on_this_machine_asks_for_the_local_service),
		cmocka_unit_test(a_service_that_went_away_refuses_the_next_connection),
		cmocka_unit_test(a_redirect_takes_the_token_nowhere),
		cmocka_unit_test(connections_are_kept),
		cmocka_unit_test(a_kept_connection_that_breaks_never_sends_a_post_twice),
		cmocka_unit_test(a_request_after_a_lost_one_is_as_any_other),
		cmocka_unit_test(retry_after_is_read_as_seconds_or_date),
		cmocka_unit_test(the_date_of_an_answer_is_the_services),
		cmocka_unit_test(eight_requests_go_at_once),
		cmocka_unit_test(waiting_ends_by_time_and_by_the_stop_descriptor),
		cmocka_unit_test(what_is_given_up_ends_at_once_and_its_place_is_free),
		cmocka_unit_test(a_unix_socket_is_reached_by_its_path),
		cmocka_unit_test(proxies_are_used_except_for_loopback_and_never_see_the_token),
		cmocka_unit_test(a_certificate_is_verified_always),
		cmocka_unit_test(a_missing_file_of_authorities_is_a_usage_error),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
