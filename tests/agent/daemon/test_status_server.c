#include "tests/test.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "agent/daemon/status_server.h"
#include "agent/util/clock.h"

/* The first two are GitHub's example of a secret, a body and its signature. */
#define SECRET	"It's a Secret to Everybody"
#define BODY	"Hello, World!"
#define HEX	"757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"

struct fixture {
	struct status_server *face;
	struct metrics *metrics;
	struct arena arena;
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	struct err err;

	assert_non_null(f);
	if (!status_server_open("127.0.0.1:0", NULL, 0, &f->face, &err))
		fail_msg("%s", err.msg);
	f->metrics = metrics_new();
	status_server_set_hooks(f->face, (const struct status_server_hook[]){
		{ "a", SECRET }, { "b/c d", "other" }, { "none", NULL }, { "empty", "" } }, 4);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	status_server_close(f->face);
	metrics_free(f->metrics);
	arena_free(&f->arena);
	free(f);
	return 0;
}

static int dial(const struct fixture *f)
{
	uint16_t port = (uint16_t)atoi(strrchr(status_server_url(f->face), ':') + 1);
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(port),
	                          .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &(struct timeval){ .tv_sec = 60 }, sizeof(struct timeval));
	assert_int_equal(connect(fd, (void *)&in, sizeof in), 0);
	return fd;
}

/* All of the answer to a request on a connection of its own. */
static const char *ask_all(struct fixture *f, const char *line, const char *headers, const char *body,
                           size_t len)
{
	CLEANUP(buf_done) struct buf text = BUF_TEXT, in = BUF_TEXT;
	int fd = dial(f);
	char part[4096];
	ssize_t n;

	buf_addf(&text, "%s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n%sContent-Length: %zu\r\n\r\n", line, headers,
	         len);
	buf_add(&text, body, len);
	for (size_t sent = 0; sent < text.len; sent += (size_t)n) {
		n = send(fd, buf_str(&text) + sent, text.len - sent, MSG_NOSIGNAL);
		assert_true(n > 0);
	}
	while ((n = recv(fd, part, sizeof part, 0)) > 0)
		buf_add(&in, part, (size_t)n);
	close(fd);
	return arena_strdup(&f->arena, buf_str(&in));
}

/* "STATUS BODY" */
static const char *ask(struct fixture *f, const char *line, const char *headers, const char *body)
{
	const char *all = ask_all(f, line, headers, body, strlen(body)), *end = strstr(all, "\r\n\r\n");

	assert_non_null(end);
	return arena_printf(&f->arena, "%.3s %s", all + strlen("HTTP/1.1 "), end + 4);
}

#define GET(path)	ask(f, "GET " path, "", "")
#define HOOK(headers)	ask(f, "POST /hook/a", headers, BODY)

#define NO_PAGE		"404 {\"detail\":\"page not found\"}"
#define NO_PROOF	"401 {\"detail\":\"expected a signature of the body or a token made with the hook's secret\"}"

static void it_is_healthy_as_long_as_the_loop_comes_by(void **state)
{
	struct fixture *f = *state;

	assert_string_equal(GET("/healthz"), "200 ok\n");
	status_server_heartbeat(f->face, clock_boottime() - 3600 * 1000);
	const char *said = GET("/healthz");
	int seconds = 0;
	assert_int_equal(sscanf(said, "503 agent main loop has been stalled for %d s\n", &seconds), 1);
	assert_true(seconds >= 3600 && seconds < 7200);
	status_server_heartbeat(f->face, clock_boottime());
	assert_string_equal(GET("/healthz"), "200 ok\n");
}

/* A file with this text; its path. */
static const char *write_report(struct fixture *f, const char *text)
{
	char *path = arena_strdup(&f->arena, "/tmp/flowsync-status-XXXXXX");
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	return path;
}

static void it_answers_what_was_published_last(void **state)
{
	struct fixture *f = *state;

	assert_string_equal(GET("/readyz"), "503 {\"ready\":false,\"why\":\"the agent is starting\"}");
	assert_string_equal(GET("/status"), "200 {}");
	const char *file = write_report(f, "{\n  \"a\": 1\n}\n"), *none = arena_printf(&f->arena, "%s.none", file);
	const struct status_server_sync syncs[] = {
		{ "a", false, "blocked", "cycle", file, "null" }, { "b \"x\"", true, .report = "{\"b\":2}" },
		{ "c", true, .report_file = none, .report = "null" },
	};
	status_server_publish(f->face, false, syncs, 3, "m 1\n");
	assert_string_equal(GET("/readyz"), "503 {\"ready\":false,\"syncs\":[{\"name\":\"a\",\"ready\":false,"
	                    "\"why\":\"blocked\"},{\"name\":\"b \\\"x\\\"\",\"ready\":true,\"why\":null},"
	                    "{\"name\":\"c\",\"ready\":true,\"why\":null}]}");
	static const char status[] =
		"200 {\n  \"syncs\": [\n"
		"    {\"name\":\"a\",\"ready\":false,\"why\":\"blocked\",\"running\":\"cycle\",\"report\":\n{\n  \"a\": 1\n}\n},\n"
		"    {\"name\":\"b \\\"x\\\"\",\"ready\":true,\"why\":null,\"running\":null,\"report\":\n{\"b\":2}},\n"
		"    {\"name\":\"c\",\"ready\":true,\"why\":null,\"running\":null,\"report\":\nnull}\n  ]\n}\n";
	assert_string_equal(GET("/status"), status);
	const char *head = ask_all(f, "HEAD /status", "", "", 0);
	assert_non_null(strstr(head, arena_printf(&f->arena, "\r\nContent-Length: %zu\r\n", strlen(status) - 4)));
	/* A report that is gone. */
	assert_int_equal(unlink(file), 0);
	assert_memory_equal(GET("/status"), "200 {\n  \"syncs\": [\n    {\"name\":\"a\",\"ready\":false,"
	                    "\"why\":\"blocked\",\"running\":\"cycle\",\"report\":\nnull},\n", 100);
	status_server_publish(f->face, true, NULL, 0, "m 2\n");
	assert_string_equal(GET("/readyz"), "200 {\"ready\":true,\"syncs\":[]}");
	assert_string_equal(GET("/status"), "200 {\n  \"syncs\": []\n}\n");
	const char *metrics = GET("/metrics"), *begins = "200 m 2\n# HELP process_cpu_seconds_total ";
	assert_memory_equal(metrics, begins, strlen(begins));
	assert_non_null(strstr(metrics, "\nprocess_start_time_seconds "));
}

static void each_page_has_its_type(void **state)
{
	static const struct { const char *page, *type; } cases[] = {
		{ "/healthz", "text/plain; charset=utf-8" }, { "/readyz", "application/json" },
		{ "/status", "application/json" }, { "/metrics", "text/plain; version=0.0.4; charset=utf-8" },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const char *line = arena_printf(&f->arena, "HEAD %s", cases[i].page);
		const char *all = ask_all(f, line, "", "", 0);
		const char *type = arena_printf(&f->arena, "\r\nContent-Type: %s\r\n", cases[i].type);
		if (!strstr(all, type))
			fail_msg("%s: %s", cases[i].page, all);
		assert_string_equal(strstr(all, "\r\n\r\n"), "\r\n\r\n");
	}
}

static void what_is_no_page_and_what_is_no_verb_is_said(void **state)
{
	static const struct { const char *line, *answer, *allow; } cases[] = {
		{ "GET /", NO_PAGE }, { "GET /metrics/", NO_PAGE }, { "GET /status/a", NO_PAGE },
		{ "POST /hook", NO_PAGE }, { "POST /hook/", NO_PAGE }, { "DELETE /nothing", NO_PAGE },
		{ "POST /metrics", "405 {\"detail\":\"expected GET, HEAD\"}", "\r\nAllow: GET, HEAD\r\n" },
		{ "PUT /healthz", "405 {\"detail\":\"expected GET, HEAD\"}", "\r\nAllow: GET, HEAD\r\n" },
		{ "GET /hook/a", "405 {\"detail\":\"expected POST\"}", "\r\nAllow: POST\r\n" },
		{ "PUT /hook/a", "405 {\"detail\":\"expected POST\"}", "\r\nAllow: POST\r\n" },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const char *said = ask(f, cases[i].line, "", "");
		if (strcmp(said, cases[i].answer) != 0)
			fail_msg("%s: %s", cases[i].line, said);
		if (cases[i].allow)
			assert_non_null(strstr(ask_all(f, cases[i].line, "", "", 0), cases[i].allow));
	}
}

/* Which syncs there are is no secret, /status says it; but an answer that differs would say which
 * of them have no hook. */
static void a_hook_without_a_secret_is_as_if_it_were_not_there(void **state)
{
	static const char *const paths[] = { "/hook/none", "/hook/empty", "/hook/unknown", "/hook/a//", "/hook/A" };
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		const char *get = arena_printf(&f->arena, "GET %s", paths[i]);
		const char *post = arena_printf(&f->arena, "POST %s", paths[i]);
		assert_string_equal(ask(f, get, "", ""), NO_PAGE);
		assert_string_equal(ask(f, post, "", ""), NO_PAGE);
		assert_string_equal(ask(f, post, "X-Flowsync-Token: \r\n", ""), NO_PAGE);
		assert_string_equal(ask(f, post, "X-Flowsync-Token: " SECRET "\r\n", BODY), NO_PAGE);
	}
	assert_null(status_server_next_hook(f->face, &f->arena));
}

static bool is_readable(struct fixture *f)
{
	struct pollfd p = { status_server_hook_fd(f->face), POLLIN, 0 };

	return poll(&p, 1, 0) == 1;
}

static void any_proof_of_the_secret_will_do_and_nothing_else(void **state)
{
	static const struct { const char *headers; bool good; } cases[] = {
		{ "X-Hub-Signature-256: sha256=" HEX "\r\n", true },
		{ "x-hub-signature-256: sha256=757107EA0EB2509FC211221CCE984B8A37570B6D7586C22C46F4379C8B043E17\r\n",
		  true },
		{ "X-Gitea-Signature: " HEX "\r\n", true },
		{ "X-Hub-Signature: sha256=" HEX "\r\n", true },
		{ "X-Gogs-Signature: " HEX "\r\n", true },
		{ "X-Forgejo-Signature: " HEX "\r\n", true },
		{ "X-Hub-Signature: sha1=01dc10d0c83e72ed246219cdd91669667fe2ca59\r\n"
		  "X-Hub-Signature-256: sha256=" HEX "\r\n", true },
		{ "X-Signature: sha256=" HEX "\r\n", true },
		{ "X-Gitlab-Token: " SECRET "\r\n", true },
		{ "X-Flowsync-Token: " SECRET "\r\n", true },
		/* Gitea sends several. */
		{ "X-Gitea-Signature: " HEX "\r\nX-Hub-Signature-256: sha256=" HEX "\r\nX-GitHub-Event: push\r\n",
		  true },
		{ "X-Hub-Signature-256: nothing\r\nX-Gitlab-Token: " SECRET "\r\n", true },

		{ "", false },
		{ "Authorization: " SECRET "\r\n", false },
		{ "X-Hub-Signature: sha1=01dc10d0c83e72ed246219cdd91669667fe2ca59\r\n", false },
		{ "X-Hub-Signature: " HEX "\r\n", false },
		{ "X-Gogs-Signature: sha256=" HEX "\r\n", false },
		{ "X-Forgejo-Signature: 0" HEX "\r\n", false },
		{ "X-Hub-Signature-256: " HEX "\r\n", false },
		{ "X-Hub-Signature-256: sha256=\r\n", false },
		{ "X-Hub-Signature-256: sha256=" HEX "0\r\n", false },
		{ "X-Hub-Signature-256: sha256=857107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17\r\n", false },
		{ "X-Hub-Signature-256: sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e18\r\n", false },
		{ "X-Hub-Signature-256: sha256=g57107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17\r\n", false },
		{ "X-Hub-Signature-256: sha512=" HEX "\r\n", false },
		{ "X-Gitea-Signature: sha256=" HEX "\r\n", false },
		{ "X-Signature: " HEX "\r\n", false },
		{ "X-Gitlab-Token: " HEX "\r\n", false },
		{ "X-Gitlab-Token: \r\n", false },
		{ "X-Gitlab-Token: It's a Secret to Everybod\r\n", false },
		{ "X-Gitlab-Token: It's a Secret to Everybody!\r\n", false },
		{ "X-Flowsync-Token: other\r\n", false },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const char *said = HOOK(cases[i].headers);
		if (strcmp(said, cases[i].good ? "202 {}" : NO_PROOF) != 0)
			fail_msg("%s: %s", cases[i].headers, said);
		assert_int_equal(is_readable(f), cases[i].good);
		const char *sync = status_server_next_hook(f->face, &f->arena);
		if (cases[i].good)
			assert_string_equal(sync, "a");
		assert_null(status_server_next_hook(f->face, &f->arena));
		assert_false(is_readable(f));
	}
}

static void a_signature_is_of_every_byte_of_the_body(void **state)
{
	/* Of the same secret, over "a\0b". */
	static const char header[] = "X-Signature: sha256="
		"7268210784b35209c98c3a33a218c3c17018e8d875930d9cf70aafe51d110dd5\r\n";
	struct fixture *f = *state;

	assert_non_null(strstr(ask_all(f, "POST /hook/a", header, "a\0b", 3), "HTTP/1.1 202 "));
	assert_non_null(strstr(ask_all(f, "POST /hook/a", header, "a\0c", 3), "HTTP/1.1 401 "));
	assert_non_null(strstr(ask_all(f, "POST /hook/a", header, "a", 1), "HTTP/1.1 401 "));
	assert_non_null(strstr(ask_all(f, "POST /hook/a", header, "", 0), "HTTP/1.1 401 "));
}

static void a_body_has_a_limit(void **state)
{
	struct fixture *f = *state;
	char *body = calloc(1, STATUS_SERVER_HOOK_MAX + 1);

	assert_non_null(body);
	const char *at = ask_all(f, "POST /hook/a", "X-Flowsync-Token: " SECRET "\r\n", body, STATUS_SERVER_HOOK_MAX);
	const char *above = ask_all(f, "POST /hook/a", "X-Flowsync-Token: " SECRET "\r\n", body,
	                            STATUS_SERVER_HOOK_MAX + 1);
	free(body);
	assert_non_null(strstr(at, "HTTP/1.1 202 "));
	assert_non_null(strstr(above, "HTTP/1.1 413 "));
	assert_non_null(strstr(above, "{\"detail\":\"the body is larger than 1048576 bytes\"}"));
}

static void many_calls_are_one_hint(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < 20; i++)
		assert_string_equal(HOOK("X-Flowsync-Token: " SECRET "\r\n"), "202 {}");
	assert_string_equal(ask(f, "POST /hook/b%2Fc%20d", "X-Flowsync-Token: other\r\n", "{not json"), "202 {}");
	assert_string_equal(status_server_next_hook(f->face, &f->arena), "a");
	assert_true(is_readable(f));
	/* One that comes while they are asked for is another. */
	assert_string_equal(HOOK("X-Flowsync-Token: " SECRET "\r\n"), "202 {}");
	assert_string_equal(status_server_next_hook(f->face, &f->arena), "a");
	assert_string_equal(status_server_next_hook(f->face, &f->arena), "b/c d");
	assert_null(status_server_next_hook(f->face, &f->arena));
	assert_false(is_readable(f));
}

static void a_slash_after_the_sync_is_ignored(void **state)
{
	struct fixture *f = *state;

	assert_string_equal(ask(f, "POST /hook/a/", "X-Flowsync-Token: " SECRET "\r\n", ""), "202 {}");
	assert_string_equal(status_server_next_hook(f->face, &f->arena), "a");
	assert_string_equal(ask(f, "POST /hook/a/", "", ""), NO_PROOF);
	assert_string_equal(ask(f, "POST /hook/a//", "X-Flowsync-Token: " SECRET "\r\n", ""), NO_PAGE);
	assert_string_equal(ask(f, "POST /hook/", "X-Flowsync-Token: " SECRET "\r\n", ""), NO_PAGE);
}

static void a_ping_is_answered_and_is_no_hint(void **state)
{
	struct fixture *f = *state;

	assert_string_equal(HOOK("X-GitHub-Event: ping\r\nX-Hub-Signature-256: sha256=" HEX "\r\n"), "200 {}");
	assert_string_equal(HOOK("X-GitHub-Event: ping\r\n"), NO_PROOF);
	assert_false(is_readable(f));
	assert_null(status_server_next_hook(f->face, &f->arena));
}

static void calls_are_counted_once(void **state)
{
	struct fixture *f = *state;
	CLEANUP(buf_done) struct buf text = BUF_TEXT;

	HOOK("X-Flowsync-Token: " SECRET "\r\n");
	HOOK("X-Flowsync-Token: " SECRET "\r\n");
	HOOK("X-Flowsync-Token: wrong\r\n");
	HOOK("");
	HOOK("");
	ask(f, "POST /hook/unknown", "", "");
	status_server_count_hooks(f->face, f->metrics);
	status_server_count_hooks(f->face, f->metrics);
	metrics_write(f->metrics, &text);
	assert_non_null(strstr(buf_str(&text), "flowsync_webhook_events_total{sync=\"a\",result=\"accepted\"} 2\n"));
	assert_non_null(strstr(buf_str(&text), "flowsync_webhook_events_total{sync=\"a\",result=\"refused\"} 3\n"));
	assert_null(strstr(buf_str(&text), "unknown"));
}

static void hooks_can_be_others_and_what_is_pending_stays(void **state)
{
	struct fixture *f = *state;

	HOOK("X-Flowsync-Token: " SECRET "\r\n");
	ask(f, "POST /hook/b%2Fc%20d", "X-Flowsync-Token: other\r\n", "");
	status_server_set_hooks(f->face, (const struct status_server_hook[]){ { "new", "n" }, { "a", "changed" } }, 2);
	assert_string_equal(ask(f, "POST /hook/b%2Fc%20d", "X-Flowsync-Token: other\r\n", ""), NO_PAGE);
	assert_string_equal(HOOK("X-Flowsync-Token: " SECRET "\r\n"), NO_PROOF);
	assert_string_equal(ask(f, "POST /hook/new", "X-Flowsync-Token: n\r\n", ""), "202 {}");
	assert_string_equal(status_server_next_hook(f->face, &f->arena), "new");
	assert_string_equal(status_server_next_hook(f->face, &f->arena), "a");
	assert_null(status_server_next_hook(f->face, &f->arena));
	status_server_set_hooks(f->face, NULL, 0);
	assert_string_equal(HOOK("X-Flowsync-Token: changed\r\n"), NO_PAGE);
}

static void *call_often(void *ctx)
{
	struct fixture f = { .face = ((struct fixture *)ctx)->face };

	for (int i = 0; i < 50; i++) {
		ask(&f, "POST /hook/a", "X-Flowsync-Token: " SECRET "\r\n", BODY);
		ask(&f, "GET /status", "", "");
	}
	arena_free(&f.arena);
	return NULL;
}

static void it_answers_while_the_loop_publishes(void **state)
{
	struct fixture *f = *state;
	pthread_t threads[2];
	CLEANUP(buf_done) struct buf text = BUF_TEXT;
	const char *file = write_report(f, "{}\n");
	unsigned hints = 0;

	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, call_often, f), 0);
	for (int i = 0; i < 300; i++) {
		const struct status_server_hook hook = { "a", SECRET };
		status_server_publish(f->face, i % 2, &(const struct status_server_sync){ "a", .report_file = file, .report = "null" },
		                      (size_t)(i % 2), "m 1\n");
		status_server_set_hooks(f->face, &hook, 1);
		status_server_heartbeat(f->face, clock_boottime());
		status_server_count_hooks(f->face, f->metrics);
		while (status_server_next_hook(f->face, &f->arena))
			hints++;
	}
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		pthread_join(threads[i], NULL);
	while (status_server_next_hook(f->face, &f->arena))
		hints++;
	assert_true(hints >= 1 && hints <= 100);
	status_server_count_hooks(f->face, f->metrics);
	metrics_write(f->metrics, &text);
	assert_non_null(strstr(buf_str(&text), "flowsync_webhook_events_total{sync=\"a\",result=\"accepted\"} 100\n"));
	assert_int_equal(unlink(file), 0);
}

static void an_address_is_where_it_listens(void **state)
{
	struct fixture *f = *state;
	struct status_server *other = NULL;
	struct err err;

	assert_memory_equal(status_server_url(f->face), "http://127.0.0.1:", 17);
	const char *taken = status_server_url(f->face) + strlen("http://");
	assert_false(status_server_open(taken, NULL, 0, &other, &err));
	assert_string_equal(err.msg, arena_printf(&f->arena, "listen on port %s of \"127.0.0.1\": Address already in use",
	                                          strchr(taken, ':') + 1));
	assert_false(status_server_open("8485", NULL, 0, &other, &err));
	assert_int_equal(err.kind, ERR_USAGE);
	assert_null(other);
	/* What the user means is done: metrics are fetched from elsewhere. */
	assert_true(status_server_open("0.0.0.0:0", NULL, 0, &other, &err));
	assert_memory_equal(status_server_url(other), "http://0.0.0.0:", 15);
	status_server_close(other);
	if (!status_server_open("[::1]:0", NULL, 0, &other, &err))
		skip();		/* a machine without IPv6 */
	assert_memory_equal(status_server_url(other), "http://[::1]:", 13);
	status_server_close(other);
	status_server_close(NULL);
}

#define WITH_FACE(test)	cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_FACE(it_is_healthy_as_long_as_the_loop_comes_by),
		WITH_FACE(it_answers_what_was_published_last),
		WITH_FACE(each_page_has_its_type),
		WITH_FACE(what_is_no_page_and_what_is_no_verb_is_said),
		WITH_FACE(a_hook_without_a_secret_is_as_if_it_were_not_there),
		WITH_FACE(any_proof_of_the_secret_will_do_and_nothing_else),
		WITH_FACE(a_signature_is_of_every_byte_of_the_body),
		WITH_FACE(a_body_has_a_limit),
		WITH_FACE(many_calls_are_one_hint),
		WITH_FACE(a_slash_after_the_sync_is_ignored),
		WITH_FACE(a_ping_is_answered_and_is_no_hint),
		WITH_FACE(calls_are_counted_once),
		WITH_FACE(hooks_can_be_others_and_what_is_pending_stays),
		WITH_FACE(it_answers_while_the_loop_publishes),
		WITH_FACE(an_address_is_where_it_listens),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
