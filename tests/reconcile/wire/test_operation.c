#include "tests/test.h"
#include "reconcile/wire/operation.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reconcile/wire/operation_create.h"
#include "tests/tree.h"

struct script {
	enum failure failure;
	int status;		/* 0: 200, unless there is a failure */
	const char *body;
	const char *type;	/* NULL: JSON */
	int64_t retry_after_ms;	/* 0: not in the answer */
};

static struct answer answer_of(const struct script *s)
{
	const char *body = s->body ? s->body : "";

	if (s->failure)
		return (struct answer){ .failure = s->failure, .error = "the connection broke", .retry_after_ms = -1 };
	return (struct answer){
		.status = s->status ? s->status : 200, .type = s->type ? s->type : "application/json",
		.body = body, .len = strlen(body), .retry_after_ms = s->retry_after_ms ? s->retry_after_ms : -1,
	};
}

/* Gives the task the answers one after the other.  Returns what it asked for, a line each, with "+" before what is sent
 * after a pause; a last line says "done" if it ended with the last answer, "early" if before it. */
static const char *play(struct arena *a, struct task *task, const struct script *script, size_t count)
{
	struct request request = { 0 };
	enum task_next next = task->step(task, NULL, &request);
	const char *text = "";

	for (size_t i = 0; i < count; i++) {
		if (next == TASK_DONE)
			return arena_printf(a, "%searly\n", text);
		text = arena_printf(a, "%s%s%s %s%s%s\n", text, request.wait_ms ? "+" : "",
		                    operation_name(request.operation), request.path,
		                    request.body ? " " : "", request.body ? request.body : "");
		struct answer answer = answer_of(&script[i]);
		task->attempts = 1;
		next = task->step(task, &answer, &request);
	}
	return arena_printf(a, "%s%s\n", text, next == TASK_DONE ? "done" :
	                    arena_printf(a, "asks on: %s %s", operation_name(request.operation), request.path));
}

#define ITEM(id, name)	"{\"id\":" id ",\"name\":\"" name "\"}"
#define PAGE(pages, count, items)	"{\"pageCount\":" pages ",\"workflowsCount\":" count ",\"workflows\":[" items "]}"
#define P1	"list_workflows /workflows/?pageSize=100&pageNumber=1\n"
#define P2	"list_workflows /workflows/?pageSize=100&pageNumber=2\n"
#define P3	"list_workflows /workflows/?pageSize=100&pageNumber=3\n"
#define MOST	12

static size_t length(const struct script *script)
{
	size_t count = 0;

	while (count < MOST && (script[count].failure || script[count].status || script[count].body))
		count++;
	return count;
}

static void a_list_is_whole_or_none(void **state)
{
	static const struct { struct script script[MOST]; const char *asked, *ids, *error; } cases[] = {
		{ { { .body = PAGE("0", "0", "") } }, P1 "done\n", "", NULL },
		{ { { .body = PAGE("1", "2", ITEM("9", "b") "," ITEM("3", "a")) } }, P1 "done\n", "3 9", NULL },
		{ { { .body = "{\"pageCount\":1,\"workflows\":[" ITEM("3", "a") "]}" } }, P1 "done\n", "3", NULL },
		/* the pageCount of the newest answer counts */
		{ { { .body = PAGE("2", "2", ITEM("1", "a")) }, { .body = PAGE("2", "2", ITEM("2", "b")) } },
		  P1 P2 "done\n", "1 2", NULL },
		{ { { .body = "{\"pageCount\":1,\"workflows\":[" ITEM("1", "a") "]}" } }, P1 "done\n", "1", NULL },
		{ { { .body = "{\"pageCount\":3,\"workflows\":[" ITEM("1", "a") "]}" },
		    { .body = "{\"pageCount\":2,\"workflows\":[" ITEM("2", "a") "]}" } }, P1 P2 "done\n", "1 2", NULL },
		/* an id twice, then it is good */
		{ { { .body = PAGE("2", "2", ITEM("1", "a")) }, { .body = PAGE("2", "2", ITEM("1", "a")) },
		    { .body = PAGE("2", "2", ITEM("1", "a")) }, { .body = PAGE("2", "2", ITEM("2", "b")) } },
		  P1 P2 "+" P1 P2 "done\n", "1 2", NULL },
		{ { { .body = PAGE("2", "2", ITEM("1", "a")) }, { .body = PAGE("2", "2", ITEM("1", "a")) },
		    { .body = PAGE("2", "2", ITEM("1", "a")) }, { .body = PAGE("2", "2", ITEM("1", "a")) },
		    { .body = PAGE("2", "2", ITEM("1", "a")) }, { .body = PAGE("2", "2", ITEM("1", "a")) } },
		  P1 P2 "+" P1 P2 "+" P1 P2 "done\n", NULL, "list workflows: workflow 1 came twice in 3 readings" },
		/* one deleted and one made while it was read: the sum is right, and one is missing all the same */
		{ { { .body = PAGE("2", "3", ITEM("1", "a") "," ITEM("2", "b")) }, { .body = PAGE("2", "2", "") },
		    { .body = PAGE("1", "1", ITEM("3", "c")) } }, P1 P2 "+" P1 "done\n", "3", NULL },
		{ { { .body = PAGE("2", "2", ITEM("1", "a")) }, { .body = PAGE("3", "3", ITEM("2", "b")) },
		    { .body = PAGE("3", "3", ITEM("3", "c")) }, { .body = PAGE("1", "1", ITEM("1", "a")) } },
		  P1 P2 P3 "+" P1 "done\n", "1", NULL },
		{ { { .body = PAGE("2", "2", ITEM("1", "a")) }, { .body = PAGE("2", "3", ITEM("2", "b") "," ITEM("3", "b")) },
		    { .body = PAGE("2", "2", ITEM("1", "a")) }, { .body = PAGE("2", "3", ITEM("2", "b") "," ITEM("3", "b")) },
		    { .body = PAGE("2", "2", ITEM("1", "a")) }, { .body = PAGE("2", "3", ITEM("2", "b") "," ITEM("3", "b")) } },
		  P1 P2 "+" P1 P2 "+" P1 P2 "done\n", NULL,
		  "list workflows: their number changed while they were read, in 3 readings" },
		/* a count that lies */
		{ { { .body = PAGE("1", "2", ITEM("1", "a")) }, { .body = PAGE("1", "2", ITEM("1", "a")) },
		    { .body = PAGE("1", "2", ITEM("1", "a")) } }, P1 "+" P1 "+" P1 "done\n", NULL,
		  "list workflows: the service counts 2 of them and listed 1, in 3 readings" },
		/* pages without an end */
		{ { { .body = PAGE("9", "1", ITEM("1", "a")) }, { .body = PAGE("9", "1", "") },
		    { .body = PAGE("9", "1", ITEM("1", "a")) }, { .body = PAGE("9", "1", "") },
		    { .body = PAGE("9", "1", ITEM("1", "a")) }, { .body = PAGE("9", "1", "") } },
		  P1 P2 "+" P1 P2 "+" P1 P2 "done\n", NULL,
		  "list workflows: their number changed while they were read, in 3 readings" },
		/* a page that fails */
		{ { { .body = PAGE("2", "2", ITEM("1", "a")) }, { .status = 500 } }, P1 P2 "done\n", NULL,
		  "list workflows, page 2: the service answered 500 (internal error)" },
		{ { { .failure = FAILURE_LOST } }, P1 "done\n", NULL,
		  "list workflows, page 1: the connection broke" },
		/* answers of another shape */
		{ { { .body = "<!doctype html>", .type = "text/html" } }, P1 "done\n", NULL,
		  "list workflows, page 1: expected JSON, found a web page (HTML); is the endpoint right?" },
		{ { { .body = " <html>" } }, P1 "done\n", NULL,
		  "list workflows, page 1: expected JSON, found a web page (HTML); is the endpoint right?" },
		{ { { .status = 200 } }, P1 "done\n", NULL,
		  "list workflows, page 1: expected JSON, found an empty answer" },
		{ { { .body = "{\"workflows\":[" } }, P1 "done\n", NULL,
		  "list workflows, page 1: the answer cannot be read: not JSON: it ends too early" },
		{ { { .body = "[]" } }, P1 "done\n", NULL,
		  "list workflows, page 1: expected a list under \"workflows\", found an answer of another shape" },
		{ { { .body = "{\"workflows\":{},\"pageCount\":1}" } }, P1 "done\n", NULL,
		  "list workflows, page 1: expected a list under \"workflows\", found an answer of another shape" },
		{ { { .body = "{\"workflows\":[],\"pageCount\":\"1\"}" } }, P1 "done\n", NULL,
		  "list workflows, page 1: expected a number under \"pageCount\", found an answer of another shape" },
		{ { { .body = PAGE("1", "1", "{\"id\":\"1\",\"name\":\"a\"}") } }, P1 "done\n", NULL,
		  "list workflows, page 1: expected workflows with an \"id\" and a \"name\", found an answer of another shape" },
		{ { { .body = PAGE("1", "1", "{\"id\":1}") } }, P1 "done\n", NULL,
		  "list workflows, page 1: expected workflows with an \"id\" and a \"name\", found an answer of another shape" },
		{ { { .body = PAGE("1", "1", ITEM("0", "a")) } }, P1 "done\n", NULL,
		  "list workflows, page 1: expected workflows with an \"id\" and a \"name\", found an answer of another shape" },
		/* what cannot be read is never taken for absent */
		{ { { .body = PAGE("1", "1", ITEM("18446744073709551615", "a")) } }, P1 "done\n", NULL,
		  "list workflows, page 1: expected workflows with an \"id\" and a \"name\", found an answer of another shape" },
		{ { { .body = PAGE("1", "1", ITEM("1", "a\\u0000")) } }, P1 "done\n", NULL,
		  "list workflows, page 1: expected workflows with an \"id\" and a \"name\", found an answer of another shape" },
		/* an odd value in another key hides nothing */
		{ { { .body = PAGE("1", "2", "{\"id\":1,\"name\":\"a\",\"quota\":18446744073709551615,\"f\":1e400,\"note\":\"\\u0000\"},"
		                   ITEM("2", "b")) } }, P1 "done\n", "1 2", NULL },
		{ { { .body = PAGE("1", "1", "null") } }, P1 "done\n", NULL,
		  "list workflows, page 1: expected workflows with an \"id\" and a \"name\", found an answer of another shape" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		struct operation_list list;
		const char *ids = "";

		operation_list_init(&list, &a);
		assert_string_equal(list.op.err.msg, "list workflows: not sent: flowsync was stopped, or its time limit (--timeout) had passed");
		assert_string_equal(play(&a, &list.op.task, cases[i].script, length(cases[i].script)), cases[i].asked);
		assert_int_equal(list.op.ok, cases[i].error == NULL);
		if (cases[i].error)
			assert_string_equal(list.op.err.msg, cases[i].error);
		for (size_t j = 0; j < list.count; j++)
			ids = arena_printf(&a, "%s%s%lld", ids, j ? " " : "", (long long)list.items[j].id);
		assert_string_equal(ids, cases[i].ids ? cases[i].ids : "");
	}
}

static void a_deep_answer_is_refused(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	char deep[200] = "";
	struct script script[] = { { .body = deep } };
	struct operation_list list;

	memset(deep, '[', 70);
	memset(deep + 70, ']', 70);
	operation_list_init(&list, &a);
	assert_string_equal(play(&a, &list.op.task, script, 1), P1 "done\n");
	assert_false(list.op.ok);
	assert_string_equal(list.op.err.msg,
	    "list workflows, page 1: expected a list under \"workflows\", found an answer of another shape");
}

static void a_name_is_looked_up_exactly_and_percent_encoded(void **state)
{
	static const struct { const char *name, *term; } cases[] = {
		{ "nightly", "nightly" }, { "a b", "a+b" }, { "a+b&c=d", "a%2Bb%26c%3Dd" },
		{ "50%/x?#", "50%25%2Fx%3F%23" }, { "Ωr", "%CE%A9r" }, { "-._~", "-._~" }, { "\"'\\", "%22%27%5C" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		struct operation_list list;
		struct script script[] = { { .body = PAGE("1", "1", ITEM("1", "x")) } };

		operation_list_name_init(&list, &a, cases[i].name);
		assert_string_equal(play(&a, &list.op.task, script, 1),
		    arena_printf(&a, "list_workflows /workflows/?pageSize=100&searchTerm=%s&pageNumber=1\ndone\n",
		                 cases[i].term));
		assert_true(list.op.ok);
		assert_int_equal(list.count, 0);
	}
}

static void only_the_exact_name_is_found_on_any_page(void **state)
{
	static const struct script script[] = {
		{ .body = PAGE("2", "4", ITEM("1", "nightly-old") "," ITEM("2", "Nightly")) },
		{ .body = PAGE("2", "4", ITEM("4", "nightly") "," ITEM("3", "nightly")) },
	};
	CLEANUP(arena_free) struct arena a = { 0 };
	struct operation_list list;

	operation_list_name_init(&list, &a, "nightly");
	play(&a, &list.op.task, script, 2);
	assert_true(list.op.ok);
	assert_int_equal(list.count, 2);
	assert_int_equal(list.items[0].id, 3);
	assert_int_equal(list.items[1].id, 4);
}

#define BODY	"{\"name\":\"n\"}"
#define LOOK	"list_workflows /workflows/?pageSize=100&searchTerm=n&pageNumber=1\n"
#define SEND	"create_workflow /workflows/ " BODY "\n"
#define NONE	{ .body = PAGE("0", "0", "") }
/* The five looks after the first one have pauses before them, 15 s in all. */
#define LATER	"+" LOOK
#define LOOKS	LOOK LATER LATER LATER LATER LATER "done\n"
#define THERE	{ .body = PAGE("1", "1", ITEM("7", "n")) }

static void a_create_looks_first_and_never_makes_two(void **state)
{
	static const struct {
		struct script script[MOST];
		const char *asked;
		int64_t id, there;
		const char *error;
	} cases[] = {
		{ { NONE, { .body = "{\"id\":5}" } }, LOOK SEND "done\n", 5, 0, NULL },
		{ { THERE }, LOOK "done\n", 0, 7, "create workflow \"n\": a workflow with this name already exists (id 7)" },
		{ { { .body = PAGE("1", "2", ITEM("8", "n") "," ITEM("7", "n")) } }, LOOK "done\n", 0, 7,
		  "the service has 2 workflows called \"n\" (ids 7, 8): it is unclear which one is meant" },
		{ { { .status = 500 } }, LOOK "done\n", 0, 0,
		  "create workflow \"n\": list workflows, page 1: the service answered 500 (internal error)" },
		/* the answer was lost, and it was carried out */
		{ { NONE, { .failure = FAILURE_LOST }, THERE }, LOOK SEND LOOK "done\n", 7, 0, NULL },
		{ { NONE, { .failure = FAILURE_TOO_LARGE }, THERE }, LOOK SEND LOOK "done\n", 7, 0, NULL },
		{ { NONE, { .status = 502 }, THERE }, LOOK SEND LOOK "done\n", 7, 0, NULL },
		{ { NONE, { .body = "<html>" }, THERE }, LOOK SEND LOOK "done\n", 7, 0, NULL },
		{ { NONE, { .body = "{}" }, THERE }, LOOK SEND LOOK "done\n", 7, 0, NULL },
		/* it is listed late */
		{ { NONE, { .failure = FAILURE_LOST }, NONE, NONE, NONE, THERE }, LOOK SEND LOOK LATER LATER LATER "done\n",
		  7, 0, NULL },
		/* it was lost, and is not found: it is not sent again */
		{ { NONE, { .failure = FAILURE_LOST }, NONE, NONE, NONE, NONE, NONE, NONE }, LOOK SEND LOOKS, 0, 0,
		  "create workflow \"n\": the connection broke" },
		{ { NONE, { .status = 504 }, NONE, NONE, NONE, NONE, NONE, NONE }, LOOK SEND LOOKS, 0, 0,
		  "create workflow \"n\": the service answered 504 (gateway timeout)" },
		{ { NONE, { .status = 520 }, NONE, NONE, NONE, NONE, NONE, NONE }, LOOK SEND LOOKS, 0, 0,
		  "create workflow \"n\": the service answered 520 (unexpected)" },
		{ { NONE, { .status = 503 }, NONE, NONE, NONE, NONE, NONE, NONE }, LOOK SEND LOOKS, 0, 0,
		  "create workflow \"n\": the service answered 503 (unavailable)" },
		/* it was lost, and two have the name: which one is meant is not guessed */
		{ { NONE, { .failure = FAILURE_LOST }, { .body = PAGE("1", "2", ITEM("8", "n") "," ITEM("7", "n")) } },
		  LOOK SEND LOOK "done\n", 0, 7,
		  "the service has 2 workflows called \"n\" (ids 7, 8): it is unclear which one is meant" },
		/* it was lost, and nobody can say: it is not sent again */
		{ { NONE, { .failure = FAILURE_LOST }, { .status = 500 } }, LOOK SEND LOOK "done\n", 0, 0, "create workflow \"n\": "
		  "the connection broke; list workflows, page 1: the service answered 500 (internal error)" },
		/* it was refused */
		{ { NONE, { .status = 422, .body = "{\"detail\":\"no steps\"}" } }, LOOK SEND "done\n", 0, 0,
		  "create workflow \"n\": the service answered 422 (not a valid workflow): no steps" },
		{ { NONE, { .status = 409 } }, LOOK SEND "done\n", 0, 0, "create workflow \"n\": the service answered 409 (conflict)" },
		{ { NONE, { .status = 501 } }, LOOK SEND "done\n", 0, 0,
		  "create workflow \"n\": the service answered 501 (not implemented)" },
		{ { NONE, { .failure = FAILURE_UNSENT } }, LOOK SEND "done\n", 0, 0, "create workflow \"n\": the connection broke" },
		{ { NONE, { .status = 503, .retry_after_ms = 1000 } }, LOOK SEND "done\n", 0, 0,
		  "create workflow \"n\": the service answered 503 (unavailable)" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		struct operation_create create;

		operation_create_init(&create, &a, tree_json(&a, BODY));
		assert_string_equal(play(&a, &create.op.task, cases[i].script, length(cases[i].script)), cases[i].asked);
		assert_int_equal(create.op.ok, cases[i].error == NULL);
		assert_int_equal(create.id, cases[i].id);
		assert_int_equal(create.there, cases[i].there);
		if (cases[i].error)
			assert_string_equal(create.op.err.msg, cases[i].error);
		assert_false(create.held_back);
		assert_int_equal(create.lost, strstr(cases[i].asked, SEND LOOK) && !create.op.ok && !create.there);
	}
}

/* An earlier cycle sent it, and its answer was lost. */
static void a_create_that_was_attempted_before_is_looked_up_longer(void **state)
{
	static const struct {
		struct script script[MOST];
		const char *asked;
		int64_t id, there;
		bool stopped, hurried;
	} cases[] = {
		{ { NONE, NONE, NONE, THERE }, LOOK LATER LATER LATER "done\n", 0, 7, false, false },
		{ { NONE, NONE, NONE, NONE, NONE, NONE, { .body = "{\"id\":5}" } }, LOOK LATER LATER LATER LATER LATER SEND
		  "done\n", 5, 0, false, false },
		{ { NONE }, LOOK "done\n", 0, 0, true, false },
		/* the pauses were cut short */
		{ { NONE, NONE, NONE, NONE, NONE, NONE }, LOOKS, 0, 0, false, true },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		struct operation_create create;

		operation_create_init(&create, &a, tree_json(&a, BODY));
		create.attempted = true;
		create.op.task.stopped = cases[i].stopped;
		create.op.task.hurried = cases[i].hurried;
		assert_string_equal(play(&a, &create.op.task, cases[i].script, length(cases[i].script)), cases[i].asked);
		assert_int_equal(create.id, cases[i].id);
		assert_int_equal(create.there, cases[i].there);
		assert_int_equal(create.held_back, cases[i].stopped || cases[i].hurried);
		assert_false(create.lost);
	}
}

/* One look right before the cycle ends, and no pause. */
static void a_lost_create_is_looked_up_once_after_a_stop(void **state)
{
	static const struct script script[] = { NONE, { .failure = FAILURE_LOST }, NONE };
	CLEANUP(arena_free) struct arena a = { 0 };
	struct operation_create create;
	struct request next;

	operation_create_init(&create, &a, tree_json(&a, BODY));
	create.op.task.step(&create.op.task, NULL, &next);
	for (size_t i = 0; i < ARRAY_LEN(script); i++) {
		struct answer answer = answer_of(&script[i]);
		create.op.task.attempts = 1;
		create.op.task.stopped = i > 0;
		assert_int_equal(create.op.task.step(&create.op.task, &answer, &next), i < 2 ? TASK_ASK : TASK_DONE);
		assert_int_equal(next.wait_ms, 0);
	}
	assert_true(create.lost);
	assert_false(create.held_back);
}

static void pauses_grow_until_their_time_is_over(void **state)
{
	static const struct { int64_t most; int64_t pauses[8]; } cases[] = {
		{ 15000, { 500, 1000, 2000, 4000, 7500 } }, { 10000, { 500, 1000, 2000, 4000, 2500 } },
		{ 1500, { 500, 1000 } }, { 1501, { 500, 1000, 1 } }, { 300, { 300 } }, { 0, { 0 } },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		for (unsigned reads = 0; reads < ARRAY_LEN(cases[i].pauses); reads++)
			assert_int_equal(operation_pause(reads, cases[i].most), cases[i].pauses[reads]);
	assert_int_equal(operation_pause(1000, 15000), 0);
}

static void a_create_is_not_sent_after_a_stop(void **state)
{
	static const struct script script[] = { NONE };
	CLEANUP(arena_free) struct arena a = { 0 };
	struct operation_create create;

	operation_create_init(&create, &a, tree_json(&a, BODY));
	create.op.task.stopped = true;
	assert_string_equal(play(&a, &create.op.task, script, 1), LOOK "done\n");
	assert_false(create.op.ok);
	assert_true(create.held_back);
	assert_string_equal(create.op.err.msg, "create workflow \"n\": not sent: flowsync was stopped, or its time limit (--timeout) had passed");
}

static void every_refusal_becomes_one_sentence(void **state)
{
	static const struct { int status; const char *type, *body, *error; } cases[] = {
		{ 400, NULL, "{\"detail\":\"bad name\"}", "400 (bad request): bad name" },
		{ 401, NULL, "", "401 (the token is not accepted)" },
		{ 403, NULL, "{\"message\":\"go away\"}", "403 (forbidden): go away" },
		{ 404, NULL, "{\"title\":\"Not Found\"}", "404 (not found): Not Found" },
		{ 404, NULL, "{\"title\":\"Not Found\",\"detail\":\"no 12\"}", "404 (not found): no 12" },
		{ 405, NULL, "{}", "405 (method not allowed)" },
		{ 409, NULL, "{\"detail\":\"is running\"}", "409 (conflict): is running" },
		{ 409, NULL, "\"is running\"", "409 (conflict): is running" },
		{ 413, "text/plain", "too much", "413 (too large): too much" },
		{ 422, NULL, "{\"detail\":[{\"loc\":[\"name\"],\"msg\":\"missing\"}]}",
		  "422 (not a valid workflow): [{\"loc\":[\"name\"],\"msg\":\"missing\"}]" },
		{ 429, NULL, NULL, "429 (too many requests)" },
		{ 500, "text/html", "<html>trace</html>", "500 (internal error)" },
		{ 501, NULL, "null", "501 (not implemented)" },
		{ 502, NULL, "{\"detail\":null}", "502 (bad gateway)" },
		{ 503, NULL, "{\"detail\":\"\"}", "503 (unavailable)" },
		{ 504, NULL, "", "504 (gateway timeout)" },
		{ 302, NULL, "", "302 (a redirect, which is not followed)" },
		{ 418, NULL, "", "418 (unexpected)" },
		{ 400, NULL, "{\"detail\":\"two\\nlines\\u001b[31m\\u007f\"}", "400 (bad request): two lines [31m " },
		{ 400, "text/plain", "\xe4rger \xc3\xa4", "400 (bad request): ?rger \xc3\xa4" },
		{ 400, "text/plain", "see https://u:pw@h.example/x?token=abc#f",
		  "400 (bad request): see https://(masked #1)@h.example/x?(masked #1)#f" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		struct script script[] = { { .status = cases[i].status, .type = cases[i].type, .body = cases[i].body } };
		struct operation_call call;

		operation_describe_init(&call, &a, 12, "nightly");
		assert_string_equal(call.op.err.msg, "describe workflow 12 \"nightly\": not sent: flowsync was stopped, or its time limit (--timeout) had passed");
		assert_string_equal(play(&a, &call.op.task, script, 1),
		                    "describe_workflow /workflows/12\ndone\n");
		assert_false(call.op.ok);
		assert_int_equal(call.op.status, cases[i].status);
		assert_int_equal(call.op.refused, cases[i].status == 401);
		assert_string_equal(call.op.err.msg,
		    arena_printf(&a, "describe workflow 12 \"nightly\": the service answered %s", cases[i].error));
	}
}

static void a_long_refusal_is_cut_between_characters(void **state)
{
	for (size_t shift = 0; shift < 3; shift++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		char text[1000] = "";
		struct script script[] = { { .status = 400, .type = "text/plain", .body = text } };
		struct operation_call call;

		memset(text, 'x', shift);
		for (size_t i = 0; i < 300; i++)
			memcpy(text + shift + 3 * i, "\xe2\x82\xac", 3);
		operation_describe_init(&call, &a, 12, NULL);
		play(&a, &call.op.task, script, 1);
		const char *said = strstr(call.op.err.msg, "): ") + 3;
		assert_in_range(strlen(said), 397, 403);
		assert_int_equal((strlen(said) - shift) % 3, 0);
		assert_string_equal(said + strlen(said) - 3, "\xe2\x82\xac");
	}
}

static void what_is_no_workflow_is_no_answer_to_describe(void **state)
{
	static const struct { const char *body, *lacks; } cases[] = {
		{ "[]", "an object" },
		{ "{\"name\":\"n\",\"steps\":{}}", "a number under \"id\"" },
		{ "{\"id\":\"12\",\"name\":\"n\",\"steps\":{}}", "a number under \"id\"" },
		{ "{\"id\":12,\"steps\":{}}", "a text under \"name\"" },
		{ "{\"id\":12,\"name\":\"n\"}", "an object under \"steps\"" },
		{ "{\"id\":12,\"name\":\"n\",\"steps\":[]}", "an object under \"steps\"" },
		{ "{\"id\":12,\"name\":\"\\u0000\",\"steps\":{}}", "a text under \"name\"" },
		{ "{\"id\":12e999,\"name\":\"n\",\"steps\":{}}", "a number under \"id\"" },
		{ "{\"id\":13,\"name\":\"n\",\"steps\":{}}", "12 under \"id\"" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		struct script script[] = { { .body = cases[i].body } };
		struct operation_call call;

		operation_describe_init(&call, &a, 12, NULL);
		play(&a, &call.op.task, script, 1);
		assert_false(call.op.ok);
		assert_string_equal(call.op.err.msg,
		    arena_printf(&a, "describe workflow 12: expected %s, found an answer of another shape", cases[i].lacks));
	}
}

static void update_and_acts_ask_for_what_the_contract_says(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	static const struct script empty[] = { { .status = 200 } };
	struct operation_call call;

	operation_update_init(&call, &a, 12, "n", tree_json(&a, BODY));
	assert_string_equal(play(&a, &call.op.task, empty, 1),
	                    "update_workflow /workflows/12 " BODY "\ndone\n");
	assert_true(call.op.ok);
	operation_act_init(&call, &a, OP_DELETE, 12, "n");
	assert_string_equal(play(&a, &call.op.task, empty, 1), "delete_workflow /workflows/12\ndone\n");
	operation_act_init(&call, &a, OP_PAUSE, 12, "n");
	assert_string_equal(play(&a, &call.op.task, empty, 1),
	                    "pause_workflow /workflows/12/pause {}\ndone\n");
	operation_act_init(&call, &a, OP_RESUME, 12, "n");
	assert_string_equal(play(&a, &call.op.task, empty, 1),
	                    "resume_workflow /workflows/12/resume {}\ndone\n");
	assert_true(call.op.ok);
}

#define PAGE_OF_GATEWAY	"<html>Welcome</html>"

static void a_web_page_is_no_answer_to_a_write(void **state)
{
	static const struct { const char *body, *error; } cases[] = {
		{ PAGE_OF_GATEWAY, "expected JSON, found a web page (HTML); is the endpoint right?" },
		{ "OK", "the answer cannot be read: not JSON: found \"OK\" at byte 1" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		struct script script[] = { { .body = cases[i].body } };
		struct operation_call call;

		operation_update_init(&call, &a, 12, "n", tree_json(&a, BODY));
		play(&a, &call.op.task, script, 1);
		assert_false(call.op.ok);
		assert_string_equal(call.op.err.msg, arena_printf(&a, "update workflow 12 \"n\": %s", cases[i].error));
		operation_act_init(&call, &a, OP_PAUSE, 12, "n");
		play(&a, &call.op.task, script, 1);
		assert_false(call.op.ok);
		assert_string_equal(call.op.err.msg, arena_printf(&a, "pause workflow 12 \"n\": %s", cases[i].error));
	}
}

#define DELETE	"delete_workflow /workflows/12\n"
#define STILL	"describe_workflow /workflows/12\n"
#define SHOWN	{ .body = "{\"id\":12,\"name\":\"n\",\"steps\":{}}" }
#define UNCLEAR	"delete workflow 12 \"n\": expected {} or an empty answer, found a web page (HTML)"

static void an_answer_to_a_delete_that_does_not_fit_is_checked(void **state)
{
	static const struct { struct script script[MOST]; const char *asked, *error; } cases[] = {
		{ { { .body = "{}" } }, DELETE "done\n", NULL },
		{ { { .body = " {\n}\n" } }, DELETE "done\n", NULL },
		{ { { .status = 204 } }, DELETE "done\n", NULL },
		{ { { .body = PAGE_OF_GATEWAY, .type = "text/html" }, { .status = 404 } }, DELETE STILL "done\n", NULL },
		{ { { .body = PAGE_OF_GATEWAY }, SHOWN, SHOWN, { .status = 410 } }, DELETE STILL "+" STILL "+" STILL "done\n", NULL },
		{ { { .body = "[]" }, { .status = 404 } }, DELETE STILL "done\n", NULL },
		{ { { .body = PAGE_OF_GATEWAY }, SHOWN, SHOWN, SHOWN, SHOWN, SHOWN, SHOWN },
		  DELETE STILL "+" STILL "+" STILL "+" STILL "+" STILL "+" STILL "done\n",
		  UNCLEAR ", and the workflow is still there" },
		{ { { .body = "{\"id\":12}" }, { .status = 403 } }, DELETE STILL "done\n", "delete workflow 12 \"n\": expected {} or "
		  "an empty answer, found another answer; describe workflow 12 \"n\": the service answered 403 (forbidden)" },
		/* a gateway's 404 */
		{ { { .body = PAGE_OF_GATEWAY }, { .status = 404, .body = PAGE_OF_GATEWAY, .type = "text/html" } },
		  DELETE STILL "done\n", UNCLEAR "; describe workflow 12 \"n\": the service answered 404 (not found)" },
		{ { { .status = 404, .body = PAGE_OF_GATEWAY } }, DELETE "done\n",
		  "delete workflow 12 \"n\": the service answered 404 (not found)" },
		{ { { .status = 404 } }, DELETE "done\n", "delete workflow 12 \"n\": the service answered 404 (not found)" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		struct operation_call call;

		operation_act_init(&call, &a, OP_DELETE, 12, "n");
		assert_string_equal(play(&a, &call.op.task, cases[i].script, length(cases[i].script)), cases[i].asked);
		assert_int_equal(call.op.ok, cases[i].error == NULL);
		if (cases[i].error)
			assert_string_equal(call.op.err.msg, cases[i].error);
		/* Right before the cycle ends there is one look. */
		operation_act_init(&call, &a, OP_DELETE, 12, "n");
		call.op.task.stopped = true;
		play(&a, &call.op.task, cases[i].script, 2);
		assert_true(call.looks == 0);
	}
}

static void a_refusal_that_tells_secrets_of_the_body_is_cut(void **state)
{
	static const char body[] =
		"{\"name\":\"n\",\"watchers\":[{\"webhook\":{\"name\":\"p\",\"url\":\"https://hooks.example/T0/CANARY?x=1\","
		"\"payload\":\"CANARY-payload\"}}],\"steps\":{\"s\":{\"repository\":{\"token\":\"CANARY-token\"},"
		"\"parameters\":{\"env\":{\"DB_PASSWORD\":\"CANARY-pass\",\"MODE\":\"plain\"}},"
		"\"auth\":{\"type\":\"basic\",\"username\":\"CANARY-user\"},\"new\":{\"secretKey\":{\"deep\":\"CANARY-deep\"}},"
		"\"headers\":{\"absolute\":{\"X\":\"CANARY-header\"}}}}}";
	static const char said[] = "bad: https://hooks.example/T0/CANARY?x=1, CANARY-payload, CANARY-token CANARY-pass "
		"CANARY-user CANARY-header CANARY-deep plain";
	CLEANUP(arena_free) struct arena a = { 0 };
	struct script script[] = { { .status = 422, .type = "text/plain", .body = said } };
	struct operation_call call;

	operation_update_init(&call, &a, 12, "n", tree_json(&a, body));
	play(&a, &call.op.task, script, 1);
	assert_string_equal(call.op.err.msg, "update workflow 12 \"n\": the service answered 422 (not a valid workflow): "
	    "bad: (masked #1), (masked #1), (masked #1) (masked #1) (masked #1) (masked #1) (masked #1) plain");
}

static void a_list_that_is_stopped_asks_for_no_further_page(void **state)
{
	static const char page[] = "{\"pageCount\":2,\"workflowsCount\":2,\"workflows\":[{\"id\":1,\"name\":\"a\"}]}";
	CLEANUP(arena_free) struct arena a = { 0 };
	const struct answer answer = {
		.status = 200, .type = "application/json", .body = page, .len = strlen(page), .retry_after_ms = -1,
	};
	struct request next;
	struct operation_list list;

	operation_list_init(&list, &a);
	assert_int_equal(operation_list_step(&list, NULL, &next), TASK_ASK);
	list.op.task.stopped = true;
	assert_int_equal(operation_list_step(&list, &answer, &next), TASK_DONE);
	assert_false(list.op.ok);
	assert_string_equal(list.op.err.msg,
	                    "list workflows: flowsync was stopped, or its time limit (--timeout) had passed, before page 2");
}

static void a_first_page_that_is_missing_asks_for_the_path_of_the_endpoint(void **state)
{
	static const char page[] = "{\"pageCount\":2,\"workflowsCount\":2,\"workflows\":[{\"id\":1,\"name\":\"a\"}]}";
	CLEANUP(arena_free) struct arena a = { 0 };
	const struct answer missing = { .status = 404, .type = "", .body = "", .url = "http://h/wrong/workflows/?pageSize=9" };
	const struct answer good = {
		.status = 200, .type = "application/json", .body = page, .len = strlen(page), .url = "http://h/x",
	};
	struct request next;
	struct operation_list list;

	operation_list_init(&list, &a);
	assert_int_equal(operation_list_step(&list, NULL, &next), TASK_ASK);
	assert_int_equal(operation_list_step(&list, &missing, &next), TASK_DONE);
	assert_string_equal(list.op.err.msg, "list workflows, page 1: the service answered 404 (not found); the address was "
	                                     "http://h/wrong/workflows/: is the path of --endpoint right?");
	operation_list_init(&list, &a);
	assert_int_equal(operation_list_step(&list, NULL, &next), TASK_ASK);
	assert_int_equal(operation_list_step(&list, &good, &next), TASK_ASK);
	assert_int_equal(operation_list_step(&list, &missing, &next), TASK_DONE);
	assert_string_equal(list.op.err.msg, "list workflows, page 2: the service answered 404 (not found)");
}

/* Each time after a longer pause; the same wrong list three times is wrong, one that changes is not. */
static void a_list_that_changes_is_read_again_for_a_quarter_of_the_time(void **state)
{
	static const struct { const char *why; int64_t deadline; bool changes; const char *waits; bool ok; } cases[] = {
		{ "wrong", 60000, false, "500 1000", false },
		{ "changing", 60000, true, "500 1000 2000 4000 7500", true },
		{ "changing, with little time", 400, true, "100 0", true },
		{ "changing, without a deadline", -1, true, "0 0", true },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		struct dispatch d = { .deadline = cases[i].deadline };
		struct operation_list list;
		struct request request;
		const char *waits = "";

		operation_list_init(&list, &a);
		list.dispatch = &d;
		enum task_next next = operation_list_step(&list, NULL, &request);
		for (int64_t id = 1; next == TASK_ASK; id++) {
			struct script page = { .body = arena_printf(&a, PAGE("1", "2", ITEM("%lld", "a") "," ITEM("%lld", "a")),
			                                            cases[i].changes ? (long long)id : 1LL,
			                                            cases[i].changes ? (long long)id : 1LL) };
			struct answer answer = answer_of(&page);
			next = operation_list_step(&list, &answer, &request);
			if (next == TASK_ASK)
				waits = arena_printf(&a, "%s%s%lld", waits, *waits ? " " : "", (long long)request.wait_ms);
			d.now += request.wait_ms;
		}
		if (strcmp(waits, cases[i].waits) != 0)
			fail_msg("%s: %s", cases[i].why, waits);
		assert_int_equal(list.op.ok, cases[i].ok);
		assert_int_equal(list.changing, cases[i].ok);
		assert_int_equal(list.count, cases[i].ok);	/* the repeated one once */
	}
}

/* ---- pages side by side ---- */

struct page_script { const char *pages[4]; };		/* JSON; NULL: the service answers 500 */

struct side_case {
	const char *title;
	unsigned most;			/* requests at a time */
	bool backwards;			/* in every second reading the answers arrive in reverse order */
	struct page_script readings[3];
	const char *asked;		/* numbers of pages; "|" stands between rounds */
	const char *ids, *error;
};

static int page_number(const struct task *task)
{
	return atoi(strstr(task->request.path, "pageNumber=") + strlen("pageNumber="));
}

static const char *page_list_ids(struct arena *a, const struct operation_list *list)
{
	const char *ids = "";

	for (size_t i = 0; i < list->count; i++)
		ids = arena_printf(a, "%s%s%lld", ids, i ? " " : "", (long long)list->items[i].id);
	return ids;
}

/* Runs the list over the pages of its readings; a new one begins with each request for page 1. */
static const char *play_pages(struct arena *a, struct operation_list *list, struct dispatch *d, const struct side_case *c)
{
	int reading = -1;
	const char *asked = "";

	while (!dispatch_idle(d)) {
		struct task *flights[8];
		int count = 0;
		for (struct task *task = dispatch_round(d, d->now); task; task = task->next)
			flights[count++] = task;
		if (!count) {
			d->now = dispatch_wake(d);
			continue;
		}
		for (int i = 0; i < count; i++) {
			asked = arena_printf(a, "%s%s%d", asked, i ? " " : *asked ? " | " : "", page_number(flights[i]));
			reading += page_number(flights[i]) == 1;
		}
		bool reverse = c->backwards && reading % 2;
		for (int i = 0; i < count; i++) {
			struct task *task = flights[reverse ? count - 1 - i : i];
			const char *body = c->readings[reading].pages[page_number(task) - 1];
			const struct script script = { .status = body ? 0 : 400, .body = body };
			const struct answer answer = answer_of(&script);
			dispatch_answer(d, task, &answer, d->now);
		}
	}
	return asked;
}

#define THREE	PAGE("3", "3", ITEM("5", "a")), PAGE("3", "3", ITEM("2", "b")), PAGE("3", "3", ITEM("9", "c"))
#define TWICE	PAGE("3", "3", ITEM("5", "a")), PAGE("3", "3", ITEM("2", "b")), PAGE("3", "3", ITEM("5", "c"))

static void the_pages_after_the_first_are_requested_together(void **state)
{
	static const struct side_case cases[] = {
		{ "in order", 8, false, { { { THREE } } }, "1 | 2 3", "2 5 9", NULL },
		{ "in any order", 8, true, { { { TWICE } }, { { THREE } } }, "1 | 2 3 | 1 | 2 3", "2 5 9", NULL },
		{ "one at a time", 1, false, { { { THREE } } }, "1 | 2 | 3", "2 5 9", NULL },
		{ "a last page that is not full", 8, false,
		  { { { PAGE("3", "5", ITEM("1", "a") "," ITEM("2", "a")), PAGE("3", "5", ITEM("3", "a") "," ITEM("4", "a")),
		        PAGE("3", "5", ITEM("5", "a")) } } }, "1 | 2 3", "1 2 3 4 5", NULL },
		{ "one that was deleted while they were read", 8, false,
		  { { { PAGE("3", "3", ITEM("5", "a")), PAGE("2", "2", ITEM("9", "c")), PAGE("3", "3", ITEM("2", "b")) } },
		    { { PAGE("2", "2", ITEM("5", "a")), PAGE("2", "2", ITEM("9", "c")) } } }, "1 | 2 3 | 1 | 2", "5 9", NULL },
		{ "the same wrong list, in any order", 8, true, { { { TWICE } }, { { TWICE } }, { { TWICE } } },
		  "1 | 2 3 | 1 | 2 3 | 1 | 2 3", "", "list workflows: workflow 5 came twice in 3 readings" },
		{ "a page that fails", 8, false, { { { PAGE("3", "3", ITEM("5", "a")), NULL, PAGE("3", "3", ITEM("9", "c")) } } },
		  "1 | 2 3", "", "list workflows, page 2: the service answered 400 (bad request)" },
		{ "nothing more after a failure", 1, false, { { { PAGE("3", "3", ITEM("5", "a")), NULL } } },
		  "1 | 2", "", "list workflows, page 2: the service answered 400 (bad request)" },
		{ "a last page that announces one more", 8, false,
		  { { { PAGE("3", "3", ITEM("5", "a")), PAGE("3", "3", ITEM("2", "b")), PAGE("4", "4", ITEM("9", "c")),
		        PAGE("4", "4", ITEM("7", "d")) } }, { { PAGE("1", "1", ITEM("5", "a")) } } }, "1 | 2 3 | 4 | 1", "5", NULL },
		/* Then the service could make us request pages without end. */
		{ "pages that the count does not confirm", 8, false,
		  { { { PAGE("9000", "3", ITEM("5", "a")), PAGE("3", "3", ITEM("2", "b")), PAGE("3", "3", ITEM("9", "c")) } } },
		  "1 | 2 | 3", "2 5 9", NULL },
		{ "no count", 8, false,
		  { { { "{\"pageCount\":3,\"workflows\":[" ITEM("1", "a") "]}", "{\"pageCount\":3,\"workflows\":[" ITEM("2", "a") "]}",
		        "{\"pageCount\":3,\"workflows\":[" ITEM("3", "a") "]}" } } }, "1 | 2 | 3", "1 2 3", NULL },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		struct operation_list list;
		struct dispatch d;

		dispatch_init(&d, cases[i].most, 60000, 1);
		operation_list_init(&list, &a);
		list.dispatch = &d;
		dispatch_add(&d, &list.op.task);
		const char *asked = play_pages(&a, &list, &d, &cases[i]);
		if (strcmp(asked, cases[i].asked) != 0)
			fail_msg("%s: asked for %s", cases[i].title, asked);
		assert_int_equal(list.op.ok, !cases[i].error);
		if (cases[i].error)
			assert_string_equal(list.op.err.msg, cases[i].error);
		assert_string_equal(page_list_ids(&a, &list), cases[i].ids);
		arena_free(&list.page);
	}
}

static void a_stop_between_pages_fails_the_list(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	const struct script script = { .body = PAGE("3", "3", ITEM("5", "a")) };
	const struct answer answer = answer_of(&script);
	struct operation_list list;
	struct dispatch d;

	dispatch_init(&d, 8, 60000, 1);
	operation_list_init(&list, &a);
	list.dispatch = &d;
	dispatch_add(&d, &list.op.task);
	dispatch_answer(&d, dispatch_round(&d, 0), &answer, 0);
	dispatch_stop(&d);
	assert_null(dispatch_round(&d, 0));
	assert_true(dispatch_idle(&d));
	assert_false(list.op.ok);
	assert_string_equal(list.op.err.msg, "list workflows: flowsync was stopped, or its time limit (--timeout) had passed, "
	                                     "before page 2");
}

/* A gateway that does not know the path answers 404 too, with a page for people. */
static void only_the_service_itself_says_that_a_workflow_is_gone(void **state)
{
	static const struct { struct script script; bool gone; } cases[] = {
		{ { .status = 404, .body = "{\"detail\":\"no such workflow\"}" }, true },
		{ { .status = 410, .body = "{}" }, true },
		{ { .status = 404, .body = "", .type = "" }, true },
		{ { .status = 404, .body = "404 page not found", .type = "text/plain" }, true },
		{ { .status = 404, .body = "<html>no route</html>", .type = "text/html" }, false },
		{ { .status = 410, .body = "\n <!doctype html>" }, false },
		{ { .status = 403, .body = "{}" }, false },
		{ { .failure = FAILURE_LOST }, false },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		struct operation_call call;

		operation_describe_init(&call, &a, 7, "a");
		play(&a, &call.op.task, &cases[i].script, 1);
		assert_false(call.op.ok);
		assert_int_equal(call.op.gone, cases[i].gone);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_list_that_is_stopped_asks_for_no_further_page),
		cmocka_unit_test(a_first_page_that_is_missing_asks_for_the_path_of_the_endpoint),
		cmocka_unit_test(a_list_is_whole_or_none),
		cmocka_unit_test(a_list_that_changes_is_read_again_for_a_quarter_of_the_time),
		cmocka_unit_test(the_pages_after_the_first_are_requested_together),
		cmocka_unit_test(a_stop_between_pages_fails_the_list),
		cmocka_unit_test(only_the_service_itself_says_that_a_workflow_is_gone),
		cmocka_unit_test(a_deep_answer_is_refused),
		cmocka_unit_test(a_name_is_looked_up_exactly_and_percent_encoded),
		cmocka_unit_test(only_the_exact_name_is_found_on_any_page),
		cmocka_unit_test(a_create_looks_first_and_never_makes_two),
		cmocka_unit_test(a_create_that_was_attempted_before_is_looked_up_longer),
		cmocka_unit_test(a_lost_create_is_looked_up_once_after_a_stop),
		cmocka_unit_test(pauses_grow_until_their_time_is_over),
		cmocka_unit_test(a_create_is_not_sent_after_a_stop),
		cmocka_unit_test(every_refusal_becomes_one_sentence),
		cmocka_unit_test(a_long_refusal_is_cut_between_characters),
		cmocka_unit_test(what_is_no_workflow_is_no_answer_to_describe),
		cmocka_unit_test(update_and_acts_ask_for_what_the_contract_says),
		cmocka_unit_test(a_web_page_is_no_answer_to_a_write),
		cmocka_unit_test(an_answer_to_a_delete_that_does_not_fit_is_checked),
		cmocka_unit_test(a_refusal_that_tells_secrets_of_the_body_is_cut),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
