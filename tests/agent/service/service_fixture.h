/* service_fixture.h: the local service without a socket: a file, a clock that stands, and requests as a line
 * of text each.  For tests that include it, with cmocka. */
#ifndef TESTS_AGENT_SERVICE_SERVICE_FIXTURE_H
#define TESTS_AGENT_SERVICE_SERVICE_FIXTURE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/service/api/routes.h"

#define W "/workflows/api/v1/workflows"

struct fixture {
	char folder[32];
	char *file;
	struct service_api api;
	struct cron_times cron_times;
	struct arena scratch;
	struct http_handler handler;
	struct arena arena;
};

/* 2024-05-31 10:00:00, a Friday. */
static int64_t clock_ms;
static unsigned uuids;

static int64_t now(void)
{
	return clock_ms;
}

static void uuid(char out[UUID_LEN + 1])
{
	snprintf(out, UUID_LEN + 1, "00000000-0000-4000-8000-%012u", ++uuids);
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	struct err err;

	assert_non_null(f);
	strcpy(f->folder, "/tmp/flowsync-api-XXXXXX");
	assert_non_null(mkdtemp(f->folder));
	assert_true(asprintf(&f->file, "%s/a.db", f->folder) > 0);
	f->api = (struct service_api){ .token = "Bearer t", .now = now, .uuid = uuid, .wake = -1, .sets_cron_times = true,
	                               .cron_times = &f->cron_times, .scratch = &f->scratch };
	if (!workflow_store_open(f->file, 50, &f->api.store, &err))
		fail_msg("%s", err.msg);
	f->handler = routes_handler(&f->api);
	clock_ms = 1717149600000;
	uuids = 0;
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	workflow_store_close(f->api.store);
	unlink(f->file);
	unlink(arena_printf(&f->arena, "%s-wal", f->file));
	unlink(arena_printf(&f->arena, "%s-shm", f->file));
	assert_int_equal(rmdir(f->folder), 0);
	arena_free(&f->scratch);
	arena_free(&f->arena);
	free(f->file);
	free(f);
	return 0;
}

/* "STATUS BODY", with " [Allow]", " {x-flowsync-warning}", " (Retry-After)" or " <Type>" if there is one.  line: "GET /path?a=1&b=2"; a value is not
 * decoded.  token NULL: none is sent. */
static const char *ask_as(struct fixture *f, const char *token, const char *line, const char *body, size_t len)
{
	struct arena *a = &f->arena;
	char *path = arena_strdup(a, line);
	struct http_request request = {
		.method = strsep(&path, " "), .authorization = token, .body = body, .len = len,
	};
	struct http_param *params = arena_new(a, struct http_param, 100);
	struct http_response response = { .body = BUF(HTTP_ANSWER_MAX) };

	request.path = strsep(&path, "?");
	request.query = params;
	for (char *pair; (pair = strsep(&path, "&")); ) {
		params[request.query_count].name = strsep(&pair, "=");
		params[request.query_count++].value = pair ? pair : "";
	}
	if (f->handler.admit(f->handler.ctx, &request, &response))
		f->handler.answer(f->handler.ctx, &request, &response);
	const char *text = arena_printf(a, "%d %s", response.status, buf_str(&response.body));
	if (response.allow)
		text = arena_printf(a, "%s [%s]", text, response.allow);
	if (*response.warning)
		text = arena_printf(a, "%s {%s}", text, response.warning);
	if (response.retry_after)
		text = arena_printf(a, "%s (%u)", text, response.retry_after);
	if (response.type)
		text = arena_printf(a, "%s <%s>", text, response.type);
	buf_done(&response.body);
	return text;
}

static const char *ask(struct fixture *f, const char *line, const char *body)
{
	return ask_as(f, "Bearer t", line, body ? body : "", body ? strlen(body) : 0);
}

struct exchange { const char *line, *body, *answer; };

static void play(struct fixture *f, const struct exchange *script, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const char *answer = ask(f, script[i].line, script[i].body);
		if (strcmp(answer, script[i].answer) != 0)
			fail_msg("%s %s\nwant %s\ngot  %s", script[i].line, script[i].body ? script[i].body : "",
			         script[i].answer, answer);
	}
}

#define PLAY(f, ...) do { \
		const struct exchange script[] = { __VA_ARGS__ }; \
		play(f, script, ARRAY_LEN(script)); \
	} while (0)

#define WITH_API(test)	cmocka_unit_test_setup_teardown(test, set_up, tear_down)

#endif
