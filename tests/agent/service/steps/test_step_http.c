#include "tests/test.h"
#include "agent/service/exec/attempt_reply.h"
#include "agent/service/steps/step_http.h"
#include "tests/agent/net/badserver.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <sysexits.h>

#include "agent/util/file.h"
#include "agent/net/http_exchange.h"
#include "agent/net/http_headers.h"
#include "agent/net/url.h"
#include "reconcile/tree/json.h"

#define AGENT	"User-Agent: flowsync/" FLOWSYNC_VERSION

static struct badserver server;
static char folder[] = "/tmp/flowsync-test-XXXXXX";
static char root[4096];

/* One step from its body to what it leaves behind. */
struct sent {
	struct arena arena;
	struct attempt_command command;
	struct masks masks;
	struct err err;
	int code;
	char *said;		/* stdout */
	struct attempt_reply answer;
	const char *response;	/* NULL: there is no response.txt */
};

static void sent_done(struct sent *s)
{
	free(s->said);
	arena_free(&s->arena);
}

static const char *in_folder(struct arena *a, const char *name)
{
	return arena_printf(a, "%s/%s", folder, name);
}

/* "@" becomes the server, single quotes become double ones. */
static struct node *tree(struct arena *a, const char *json)
{
	CLEANUP(buf_done) struct buf text = BUF_TEXT;
	struct node *n;
	struct err err;

	for (; *json; json++)
		if (*json == '@')
			buf_addf(&text, "http://127.0.0.1:%s", server.name);
		else
			buf_addc(&text, *json == '\'' ? '"' : *json);
	if (!json_read(a, buf_str(&text), text.len, &n, &err))
		fail_msg("%s: %s", err.msg, buf_str(&text));
	return n;
}

static bool make(struct sent *s, const char *step, const char *env)
{
	return step_http_command(&s->arena, tree(&s->arena, step), tree(&s->arena, env ? env : "{}"),
	                         in_folder(&s->arena, "secrets"), &s->command, &s->masks, &s->err);
}

static void serve(struct sent *s, const char *document, size_t len)
{
	const char *response;
	size_t said_len;
	struct err err;

	unlink("response.txt");
	FILE *out = open_memstream(&s->said, &said_len);
	s->code = step_http_run(&s->arena, document, len, out, &s->answer) ? attempt_reply_exit_code(&s->answer) : EX_USAGE;
	fclose(out);
	if (file_read(&s->arena, "response.txt", STEP_HTTP_ANSWER_MAX, &response, &len, &err))
		s->response = response;
}

static void send_step(struct sent *s, const char *step, const char *env)
{
	if (!make(s, step, env))
		fail_msg("%s", s->err.msg);
	assert_true(s->command.self);
	assert_string_equal(s->command.argv[0], "step-http");
	assert_null(s->command.argv[1]);
	assert_int_equal(strlen(s->command.input), s->command.len);
	serve(s, s->command.input, s->command.len);
}

/* With less patience than an hour. */
static void send_in_haste(struct sent *s, const char *step, int ms)
{
	CLEANUP(buf_done) struct buf text = BUF_TEXT;
	struct node *document;

	if (!make(s, step, NULL))
		fail_msg("%s", s->err.msg);
	assert_true(json_read(&s->arena, s->command.input, s->command.len, &document, &s->err));
	assert_int_equal(node_get_int(document, "timeout_ms", 0), 3600 * 1000);
	node_put(&s->arena, document, "timeout_ms", node_int(&s->arena, ms));
	json_write(document, JSON_COMPACT, &text);
	serve(s, buf_str(&text), text.len);
}

static void put_secret(const char *name, const char *value)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	const char *path = arena_printf(&a, "%s/secrets/%s", folder, name);
	struct err err;

	assert_true(file_replace(&a, path, value, strlen(value), 0600, &err));
}

static void assert_not_shown(const struct sent *s, const char *secret)
{
	assert_null(strstr(s->said ? s->said : "", secret));
	assert_null(strstr(s->answer.message ? s->answer.message : "", secret));
	assert_null(strstr(s->err.msg, secret));
}

/* ---- what is sent ---- */

/* What /echo says of a request with these lines before and behind the ones that all have. */
static const char *echoed(struct arena *a, const char *first, const char *before_host, const char *behind,
                          const char *body)
{
	return arena_printf(a, "%s\nAccept: */*\n%sHost: 127.0.0.1:%s\n" AGENT "\n%s\n%s", first, before_host,
	                    server.name, behind, body);
}

static void methods_and_payloads_go_out_as_they_are(void **state)
{
	static const struct { const char *step, *first, *headers, *body; } cases[] = {
		{ "{'method': 'get', 'url': '@/echo'}", "GET /echo", "", "" },
		{ "{'method': 'get', 'url': '@/echo', 'payload': '{}'}", "GET /echo", "", "" },
		{ "{'method': 'delete', 'url': '@/echo?a=b'}", "DELETE /echo?a=b", "", "" },
		{ "{'method': 'delete', 'url': '@/echo', 'payload': '[1]'}", "DELETE /echo",
		  "Content-Length: 3\nContent-Type: application/json\n", "[1]" },
		{ "{'method': 'post', 'url': '@/echo', 'payload': '{ }\\n'}", "POST /echo",
		  "Content-Length: 4\nContent-Type: application/json\n", "{ }\n" },
		{ "{'method': 'post', 'url': '@/echo'}", "POST /echo", "Content-Length: 0\n", "" },
		{ "{'method': 'put', 'url': '@/echo'}", "PUT /echo", "Content-Length: 0\n", "" },
		{ "{'method': 'patch', 'url': '@/echo', 'payload': 'x'}", "PATCH /echo",
		  "Content-Length: 1\nContent-Type: application/json\n", "x" },
		{ "{'method': 'put', 'url': '@/echo', 'payload': '\u20ac', 'headers': {'absolute': {'content-type': 'a/b'}}}",
		  "PUT /echo", "Content-Length: 3\n", "\u20ac" },
		{ "{'url': '@/echo'}", "GET /echo", "", "" },
		{ "{'method': null, 'url': '@/echo', 'payload': '[1]'}", "POST /echo",
		  "Content-Length: 3\nContent-Type: application/json\n", "[1]" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(sent_done) struct sent s = { 0 };
		send_step(&s, cases[i].step, NULL);
		assert_int_equal(s.code, EX_OK);
		assert_int_equal(s.answer.status, 200);
		assert_null(s.answer.message);
		assert_string_equal(s.response, echoed(&s.arena, cases[i].first, cases[i].headers,
		                                       i == 8 ? "content-type: a/b\n" : "", cases[i].body));
	}
}

static void every_kind_of_auth_is_sent_as_it_should_be(void **state)
{
	static const struct { const char *auth, *before, *behind; } cases[] = {
		{ "{'type': 'no-auth'}", "", "" },
		{ "{'type': 'basic', 'username': 'robot', 'password': 'word'}",
		  "Authorization: Basic cm9ib3Q6czNzYW1lLXdvcmQ=\n", "" },
		{ "{'type': 'basic', 'username': '', 'password': 'word'}", "Authorization: Basic OnMzc2FtZS13b3Jk\n", "" },
		{ "{'type': 'bearer-token', 'bearerToken': 'word'}", "Authorization: Bearer s3same-word\n", "" },
		{ "{'type': 'api-key', 'apiKey': 'word'}", "", "x-api-key: s3same-word\n" },
		{ "{'type': 'oauth', 'clientId': 'id', 'clientSecret': 'odd', 'authUrl': '@/token'}",
		  "Authorization: Bearer s3same-token\n", "" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(sent_done) struct sent s = { 0 };
		send_step(&s, arena_printf(&s.arena, "{'method': 'get', 'url': '@/echo', 'auth': %s}", cases[i].auth), NULL);
		assert_int_equal(s.code, EX_OK);
		assert_string_equal(s.response, echoed(&s.arena, "GET /echo", cases[i].before, cases[i].behind, ""));
		assert_not_shown(&s, "s3same");
	}
}

static void oauth_asks_for_a_token_with_a_form(void **state)
{
	CLEANUP(sent_done) struct sent s = { 0 }, asked = { 0 };

	send_step(&s, "{'method': 'post', 'url': '@/echo', 'payload': '{}', 'auth': {'type': 'oauth', 'clientId': "
	          "'id', 'clientSecret': 'odd', 'authUrl': '@/token'}}", NULL);
	assert_int_equal(s.code, EX_OK);
	send_step(&asked, "{'method': 'get', 'url': '@/last-token'}", NULL);
	assert_string_equal(asked.response, arena_printf(&s.arena,
		"Accept: application/json\nContent-Length: 97\nContent-Type: application/x-www-form-urlencoded\n"
		"Host: 127.0.0.1:%s\n" AGENT "\n\n"
		"grant_type=client_credentials&client_id=s3same-id&client_secret=s3same%%26%%3D%%25%%20%%2B%%E2%%82%%AC%%2F",
		server.name));
}

static void a_step_without_a_token_is_not_sent(void **state)
{
	static const struct { const char *url, *message; int code; } cases[] = {
		{ "@/unauthorised", "auth.authUrl gives no token: it answers 401", EX_UNAVAILABLE },
		{ "@/server-error", "auth.authUrl gives no token: it answers 500", EX_TEMPFAIL },
		{ "@/busy", "auth.authUrl gives no token: it answers 503", EX_TEMPFAIL },
		{ "@/redirect", "auth.authUrl gives no token: it answers 302", EX_UNAVAILABLE },
		{ "@/token/none", "auth.authUrl answers without an access_token", EX_UNAVAILABLE },
		{ "@/html", "auth.authUrl answers without an access_token", EX_UNAVAILABLE },
		{ "@/endless", "auth.authUrl answers without an access_token", EX_UNAVAILABLE },
		{ "@/drop", "the connection to the server of auth.authUrl broke before a whole answer came", EX_TEMPFAIL },
		{ "http://127.0.0.1:1/s3same", "connection refused by the server of auth.authUrl", EX_TEMPFAIL },
		{ "ftp://s3same/", "auth.authUrl does not begin with https:// or http://", EX_UNAVAILABLE },
		{ "s3same", "auth.authUrl does not begin with https:// or http://", EX_UNAVAILABLE },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(sent_done) struct sent s = { 0 }, seen = { 0 };
		send_step(&s, arena_printf(&s.arena, "{'method': 'get', 'url': '@/unsent', 'auth': {'type': 'oauth', "
		          "'clientId': 'id', 'clientSecret': 'odd', 'authUrl': '%s'}}", cases[i].url), NULL);
		assert_string_equal(s.answer.message, cases[i].message);
		assert_int_equal(s.code, cases[i].code);
		assert_int_equal(s.answer.final, cases[i].code == EX_UNAVAILABLE);
		assert_string_equal(s.said, arena_printf(&s.arena, "%s\n", cases[i].message));
		assert_not_shown(&s, "s3same");
		send_step(&seen, "{'method': 'get', 'url': '@/seen//unsent'}", NULL);
		assert_string_equal(seen.response, "0");
	}
}

static void placeholders_are_filled_in_as_they_are(void **state)
{
	static const char env[] = "{'a': 'x', 'b-c.d_E': 'quote \\u0022', 'empty': '', 'nest': '{{a}}', "
	                          "'WORD': 'env wins', 'line': '1\\n2'}";
	static const struct { const char *payload, *want; } cases[] = {
		{ "{{a}}", "x" },
		{ "{{ a }}{{a\\t}}{{\\ta}}", "xxx" },
		{ "<{{empty}}>", "<>" },
		{ "{{b-c.d_E}}", "quote \"" },
		{ "{{nest}}", "{{a}}" },
		{ "{{{a}}}", "{x}" },
		{ "{{a}}}}{{", "x}}{{" },
		{ "{{WORD}}", "env wins" },
		{ "{{WORD_CUSTOM}}/{{ODD}}/{{ODD_CUSTOM}}", "s3same-word/s3same&=% +\u20ac//s3same&=% +\u20ac/" },
		{ "{{line}}", "1\n2" },
		/* None. */
		{ "{{}} {{ }} {a} {{a} {{a b}} {{a\\n}} {{A}} {{ unknown }}",
		  "{{}} {{ }} {a} {{a} {{a b}} {{a\n}} {{A}} {{ unknown }}" },
		{ "{{ID}}", "{{ID}}" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(sent_done) struct sent s = { 0 };
		send_step(&s, arena_printf(&s.arena, "{'method': 'post', 'url': '@/echo', 'payload': '%s', "
		          "'parameters': {'secrets': ['word', 'odd']}}", cases[i].payload), env);
		assert_int_equal(s.code, EX_OK);
		assert_string_equal(strstr(s.response, "\n\n") + 2, cases[i].want);
		assert_not_shown(&s, "s3same");
	}
}

static void placeholders_count_in_url_and_headers_and_the_log_tells_what_has_no_value(void **state)
{
	CLEANUP(sent_done) struct sent s = { 0 };

	send_step(&s, "{'method': 'get', 'url': '@/{{where}}?key={{WORD_CUSTOM}}&{{b}}', 'headers': {'absolute': "
	          "{'X-A': '{{b}} {{a}}', 'X-B': 'key {{ WORD }}', 'X-Empty': '', 'X-Number': 7}}, "
	          "'parameters': {'secrets': ['word']}}", "{'where': 'echo', 'a': 'x'}");
	/* A URL has no braces; what they are is not libcurl's to mend. */
	assert_int_equal(s.code, EX_OK);
	assert_string_equal(s.response, echoed(&s.arena, "GET /echo?key=s3same-word&{{b}}", "",
	                                       "X-A: {{b}} x\nX-B: key s3same-word\nX-Empty:\nX-Number: 7\n", ""));
	const char *begin = arena_printf(&s.arena, "{{b}} has no value and stays in the text\n"
	                                 "GET http://127.0.0.1:%s/echo?(masked #1)\nanswered 200 in ", server.name);
	assert_memory_equal(s.said, begin, strlen(begin));
}

static void later_headers_win(void **state)
{
	CLEANUP(sent_done) struct sent s = { 0 };

	send_step(&s, "{'method': 'get', 'url': '@/echo', 'headers': {'absolute': {'X-A': '1', 'authorization': 'mine', "
	          "'X-Key': 'no'}, 'secrets': {'x-key': 'word'}}, 'auth': {'type': 'bearer-token', 'bearerToken': 'id'}}",
	          NULL);
	assert_string_equal(s.response, echoed(&s.arena, "GET /echo", "",
	                                       "X-A: 1\nX-Key: s3same-word\nauthorization: Bearer s3same-id\n", ""));
}

static void what_is_no_header_is_refused(void **state)
{
	static const struct { const char *name, *value, *message; } cases[] = {
		{ "X-A", "{{line}}", "the value of the header X-A contains a line break or another control character" },
		{ "X-A", "a\\u0001", "the value of the header X-A contains a line break or another control character" },
		{ "X A", "1", "the name of a header contains a character that no header's name may have" },
		{ "X-A: 1\\r\\nX-B", "1", "the name of a header contains a character that no header's name may have" },
		{ "", "1", "the name of a header contains a character that no header's name may have" },
		{ "content-length", "1", "the header Content-Length cannot be set: flowsync sets it" },
		{ "Transfer-Encoding", "chunked", "the header Transfer-Encoding cannot be set: flowsync sets it" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(sent_done) struct sent s = { 0 };
		send_step(&s, arena_printf(&s.arena, "{'method': 'get', 'url': '@/echo', 'headers': {'absolute': "
		          "{'%s': '%s'}}}", cases[i].name, cases[i].value), "{'line': 'a\\r\\nX-B: 1'}");
		assert_string_equal(s.answer.message, cases[i].message);
		assert_int_equal(s.code, EX_UNAVAILABLE);
		assert_true(s.answer.final);
	}
	/* What a server of tokens says is no header either. */
	CLEANUP(sent_done) struct sent s = { 0 };
	send_step(&s, "{'method': 'get', 'url': '@/echo', 'auth': {'type': 'oauth', 'clientId': 'id', 'clientSecret': "
	          "'odd', 'authUrl': '@/token/break'}}", NULL);
	assert_int_equal(s.code, EX_UNAVAILABLE);
	assert_string_equal(s.answer.message,
	                    "the value of the header Authorization contains a line break or another control character");
}

/* ---- what cannot be sent ---- */

static void a_secret_that_is_not_there_is_named_by_its_field(void **state)
{
	static const struct { const char *rest, *begin; } cases[] = {
		{ "'auth': {'type': 'basic', 'username': 'u', 'password': 'sup3r'}", "the secret that auth.password names was not found: " },
		{ "'auth': {'type': 'bearer-token', 'bearerToken': 'sup3r/x'}", "the secret that auth.bearerToken names was not found: " },
		{ "'auth': {'type': 'api-key', 'apiKey': 'sup3r'}", "the secret that auth.apiKey names was not found: " },
		{ "'auth': {'type': 'oauth', 'clientId': 'sup3r', 'clientSecret': 'word', 'authUrl': '@'}",
		  "the secret that auth.clientId names was not found: " },
		{ "'auth': {'type': 'oauth', 'clientId': 'word', 'clientSecret': 'sup3r', 'authUrl': '@'}",
		  "the secret that auth.clientSecret names was not found: " },
		{ "'headers': {'secrets': {'X-Key': 'sup3r'}}", "the secret that headers.secrets.X-Key names was not found: " },
		{ "'parameters': {'secrets': ['word', 'not-mine']}",
		  "parameters.secrets: secret \"not-mine\" was not found: " },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(sent_done) struct sent s = { 0 };
		assert_false(make(&s, arena_printf(&s.arena, "{'method': 'get', 'url': '@/', %s}", cases[i].rest), NULL));
		assert_string_equal(s.err.msg, arena_printf(&s.arena, "%sexpected a file of that name in %s/secrets",
		                                            cases[i].begin, folder));
		assert_not_shown(&s, "sup3r");
		assert_not_shown(&s, "s3same");
	}
}

static void what_is_wrong_with_a_step_is_a_sentence(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	CLEANUP(buf_done) struct buf many = BUF_TEXT, large = BUF_TEXT;

	for (int i = 0; i < 101; i++)
		buf_addf(&many, "%s'word'", i ? ", " : "");
	for (int i = 0; i < 90; i++)
		buf_adds(&large, "{{a}}");
	const struct { const char *step, *msg; } cases[] = {
		{ "{'method': 'get'}", "url is missing" },
		{ "{'method': 7, 'url': '@/'}", "method: expected get, post, put, patch or delete" },
		{ "{'method': 'head', 'url': '@/'}", "method: expected get, post, put, patch or delete" },
		{ "{'method': 'get', 'url': '@/', 'auth': {'type': 'other'}}",
		  "auth.type: expected no-auth, oauth, basic, api-key or bearer-token" },
		{ "{'method': 'get', 'url': '@/', 'auth': {'type': 'basic', 'username': 'a:b', 'password': 'word'}}",
		  "auth.username contains a colon, which basic authentication cannot send" },
		{ "{'method': 'get', 'url': '@/', 'auth': {'type': 'basic', 'password': 'word'}}", "auth.username is missing" },
		{ "{'method': 'get', 'url': '@/', 'auth': {'type': 'oauth', 'clientId': 'id', 'clientSecret': 'odd'}}",
		  "auth.authUrl is missing" },
		{ arena_printf(&a, "{'method': 'get', 'url': '@/', 'parameters': {'secrets': [%s]}}", buf_str(&many)),
		  "parameters.secrets has 101 names, expected at most 100" },
		{ arena_printf(&a, "{'method': 'post', 'url': '@/', 'payload': '%s'}", buf_str(&large)),
		  "payload: the request is larger than 8 MiB after filling in its placeholders" },
		{ arena_printf(&a, "{'method': 'get', 'url': '@/%s'}", buf_str(&large)),
		  "url: the request is larger than 8 MiB after filling in its placeholders" },
		{ arena_printf(&a, "{'method': 'get', 'url': '@/', 'headers': {'absolute': {'X-A': '%s'}}}", buf_str(&large)),
		  "headers.absolute: the request is larger than 8 MiB after filling in its placeholders" },
	};
	char *value = arena_new(&a, char, 100001);
	memset(value, 'x', 100000);

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(sent_done) struct sent s = { 0 };
		assert_false(make(&s, cases[i].step, arena_printf(&s.arena, "{'a': '%s'}", value)));
		assert_string_equal(s.err.msg, cases[i].msg);
	}
}

static void urls_that_lead_nowhere_are_final(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	char *longer = arena_new(&a, char, URL_MAX + 2);
	const struct { const char *url, *message; } cases[] = {
		{ "s3same.example/x", "url does not begin with https:// or http://" },
		{ "file:///etc/passwd", "url does not begin with https:// or http://" },
		{ "ftp://s3same@host/", "url does not begin with https:// or http://" },
		{ "gopher://127.0.0.1/", "url does not begin with https:// or http://" },
		{ "http://", "url is not a valid URL, such as https://host/path" },
		{ "http://host:s3same/", "url is not a valid URL, such as https://host/path" },
		{ "http://host/s3same with spaces", "url is not a valid URL, such as https://host/path" },
		{ "http://host/s3same\\r\\nX: 1", "url is not a valid URL, such as https://host/path" },
		{ arena_printf(&a, "http://%s", longer), "url is longer than 64 KiB" },
	};
	memset(longer, 'x', URL_MAX);

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(sent_done) struct sent s = { 0 };
		const char *url = i == 8 ? arena_printf(&s.arena, "http://%s", longer) : cases[i].url;
		send_step(&s, arena_printf(&s.arena, "{'method': 'get', 'url': '%s'}", url), NULL);
		assert_string_equal(s.answer.message, cases[i].message);
		assert_int_equal(s.code, EX_UNAVAILABLE);
		assert_not_shown(&s, "s3same");
	}
}

/* ---- what comes back ---- */

static void any_answer_is_an_answer_and_one_that_is_no_success_is_shown(void **state)
{
	static const struct { const char *path; int status; const char *response, *said; } cases[] = {
		{ "/bytes/100", 200, NULL, ", 100 bytes\n" },
		{ "/empty", 204, "", ", 0 bytes\n" },
		{ "/chunked", 200, "{\"a\":1}", ", 7 bytes\n" },
		{ "/unauthorised", 401, "{\"detail\": \"no\"}", ", 16 bytes\n{\"detail\": \"no\"}\n" },
		{ "/server-error", 500, "oops", ", 4 bytes\noops\n" },
		{ "/busy", 503, "slow down", ", 9 bytes\nslow down\n" },
		{ "/redirect", 302, "", ", 0 bytes (redirects are not followed)\n" },
		{ "/continue", 200, "after", ", 5 bytes\n" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(sent_done) struct sent s = { 0 };
		send_step(&s, arena_printf(&s.arena, "{'method': 'get', 'url': '@%s'}", cases[i].path), NULL);
		assert_int_equal(s.code, EX_OK);
		assert_true(s.answer.found);
		assert_int_equal(s.answer.status, cases[i].status);
		if (cases[i].response)
			assert_string_equal(s.response, cases[i].response);
		const char *first = arena_printf(&s.arena, "GET http://127.0.0.1:%s%s\nanswered %d in ", server.name,
		                                 cases[i].path, cases[i].status);
		assert_memory_equal(s.said, first, strlen(first));
		assert_string_equal(strchr(s.said + strlen(first), ','), cases[i].said);
	}
}

static void no_answer_says_why_and_whether_it_is_worth_another_try(void **state)
{
	static const struct { const char *path, *message; int code; } cases[] = {
		{ "/short", "the answer of 127.0.0.1:%s was cut short", EX_TEMPFAIL },
		{ "/short-chunked", "the answer of 127.0.0.1:%s was cut short", EX_TEMPFAIL },
		{ "/drop", "the connection to 127.0.0.1:%s broke before a whole answer came", EX_TEMPFAIL },
		{ "/no-http", "the answer of 127.0.0.1:%s is not HTTP", EX_UNAVAILABLE },
		{ "/silent", "no answer from 127.0.0.1:%s within 2s", EX_TEMPFAIL },
		{ "/slow-body", "no whole answer from 127.0.0.1:%s within 2s", EX_TEMPFAIL },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(sent_done) struct sent s = { 0 };
		CLEANUP(buf_done) struct buf want = BUF_TEXT;
		const char *port = strstr(cases[i].message, "%s");
		send_in_haste(&s, arena_printf(&s.arena, "{'method': 'get', 'url': '@%s'}", cases[i].path),
		              i < 4 ? 60000 : 2000);
		buf_add(&want, cases[i].message, (size_t)(port - cases[i].message));
		buf_addf(&want, "%s%s", server.name, port + 2);
		assert_string_equal(s.answer.message, buf_str(&want));
		assert_int_equal(s.code, cases[i].code);
		assert_int_equal(s.answer.final, cases[i].code == EX_UNAVAILABLE);
		assert_int_equal(s.answer.status, 0);
		assert_null(s.response);
	}
}

static void an_answer_is_16_mib_at_most(void **state)
{
	CLEANUP(sent_done) struct sent most = { 0 }, more = { 0 }, endless = { 0 };

	send_step(&most, "{'method': 'get', 'url': '@/bytes/16777216'}", NULL);
	assert_int_equal(most.code, EX_OK);
	assert_int_equal(strlen(most.response), 16 << 20);
	send_step(&more, "{'method': 'get', 'url': '@/bytes/16777217'}", NULL);
	assert_int_equal(more.code, EX_UNAVAILABLE);
	assert_string_equal(more.answer.message, "the answer is larger than 16 MiB");
	assert_null(more.response);
	send_step(&endless, "{'method': 'post', 'url': '@/endless'}", NULL);
	assert_int_equal(endless.code, EX_UNAVAILABLE);
	assert_string_equal(endless.answer.message, "the answer is larger than 16 MiB");
}

static void what_an_answer_repeats_of_a_secret_is_masked(void **state)
{
	CLEANUP(sent_done) struct sent s = { 0 }, oauth = { 0 };
	static const char *const hidden[] = { "s3same", "cm9ib3Q6", "l1teral-header", "k3y-of-env", "quer1=ed",
	                                      "robot-name" };

	send_step(&s, "{'method': 'post', 'url': '@/reflect?quer1=ed', 'payload': '{{WORD_CUSTOM}} {{MY_KEY}} s3same-id', "
	          "'headers': {'absolute': {'X-A': 'l1teral-header'}, 'secrets': {'X-Key': 'one'}}, 'auth': {'type': 'basic', "
	          "'username': 'robot-name', 'password': 'word'}, 'parameters': {'secrets': ['word', 'id']}}",
	          "{'MY_KEY': 'k3y-of-env', 'OTHER': 'plain-value'}");
	assert_int_equal(s.answer.status, 400);
	for (size_t i = 0; i < ARRAY_LEN(hidden); i++)
		if (strstr(s.said, hidden[i]))
			fail_msg("%s is shown: %s", hidden[i], s.said);
	assert_non_null(strstr(s.said, "\nAuthorization: Basic (masked #1)\n"));
	assert_non_null(strstr(s.said, "\nX-Key: (masked #1)\n"));
	assert_non_null(strstr(s.said, "\n(masked #1) (masked #1) (masked #1)\n"));
	assert_non_null(strstr(s.response, "s3same-word k3y-of-env s3same-id"));
	/* The service's log will mask the same. */
	bool found = false;
	for (const char *const *m = masks_list(&s.masks); *m; m++)
		found |= strcmp(*m, "s3same-word") == 0;
	assert_true(found);

	send_step(&oauth, "{'method': 'get', 'url': '@/reflect', 'auth': {'type': 'oauth', 'clientId': 'id', "
	          "'clientSecret': 'odd', 'authUrl': '@/token'}}", NULL);
	assert_not_shown(&oauth, "s3same");
	assert_non_null(strstr(oauth.said, "\nAuthorization: Bearer (masked #1)\n"));
}

static void a_long_answer_is_shown_in_part_and_a_secret_in_it_never(void **state)
{
	CLEANUP(sent_done) struct sent s = { 0 };

	send_step(&s, "{'method': 'get', 'url': '@/long', 'parameters': {'secrets': ['one']}}", NULL);
	assert_int_equal(s.answer.status, 404);
	const char *body = strstr(s.said, "bytes\n") + 6;
	assert_memory_equal(body, "a??[1m\n(masked #1)(masked #1)", 29);
	assert_not_shown(&s, "s3s");
	assert_true(strlen(body) < STEP_HTTP_SHOWN_MAX + 50);
	assert_non_null(strstr(body, ")\n(the whole response is in response.txt)\n"));
}

static void a_document_that_is_none_does_nothing(void **state)
{
	static const char *const documents[] = { "", "x", "[]", "{}", "{\"url\": \"http://h\", \"method\": \"GET\"}",
		"{\"url\": \"http://h\", \"method\": \"GET\", \"headers\": {\"a\": 1}}",
		"{\"url\": \"http://h\", \"method\": \"GET\", \"headers\": {}, \"oauth\": {}}" };

	for (size_t i = 0; i < ARRAY_LEN(documents); i++) {
		CLEANUP(sent_done) struct sent s = { 0 };
		serve(&s, documents[i], strlen(documents[i]));
		assert_int_equal(s.code, EX_USAGE);
		assert_false(s.answer.found);
	}
}

static void an_answer_file_is_read_strictly(void **state)
{
	static const struct { const char *text; bool good; } cases[] = {
		{ "{\"status\": 200}", true },
		{ "{\"message\": \"x\", \"final\": true}", true },
		{ "{\"message\": \"x\"}", true },
		{ "{}", false }, { "", false }, { "[]", false }, { "{\"status\": \"200\"}", false },
		{ "{\"status\": 200, \"message\": \"x\"}", false },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		struct attempt_reply answer;
		struct err err;
		assert_true(file_replace(&a, "../answer", cases[i].text, strlen(cases[i].text), 0600, &err));
		assert_int_equal(attempt_reply_read(&a, folder, &answer, &err), cases[i].good);
		if (!cases[i].good)
			assert_memory_equal(err.msg, "the reply of the command", 24);
	}
}

static void what_cannot_be_written_is_no_success(void **state)
{
	CLEANUP(sent_done) struct sent s = { 0 };

	assert_int_equal(mkdir("response.txt", 0700), 0);
	send_step(&s, "{'method': 'get', 'url': '@/bytes/3'}", NULL);
	assert_int_equal(s.code, EX_TEMPFAIL);
	assert_string_equal(s.answer.message, "response.txt: cannot be written: Is a directory");
	assert_int_equal(rmdir("response.txt"), 0);
}

/* ---- TLS ---- */

static void certificates_are_verified(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	struct badserver tls;
	struct err err;

	assert_int_equal(system("openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 2 "
	                        "-subj /CN=localhost -addext subjectAltName=DNS:localhost >log 2>&1"), 0);
	assert_int_equal(chdir(root), 0);
	badserver_start(&tls, (const char *const[]){ "--tls", in_folder(&a, "work/cert.pem"),
	                                             in_folder(&a, "work/key.pem"), NULL });
	struct http_exchange r = {
		.called = "url", .url = arena_printf(&a, "https://localhost:%s/echo", tls.name), .method = "GET",
		.connect_ms = 60000, .timeout_ms = 60000, .response_max = 1000, .ca_file = in_folder(&a, "work/cert.pem"),
	};
	CLEANUP(http_reply_done) struct http_reply answer = { 0 };
	assert_true(http_exchange(&r, &answer, &err));
	assert_int_equal(answer.status, 200);

	r.ca_file = NULL;
	assert_false(http_exchange(&r, &answer, &err));
	assert_string_equal(err.msg, arena_printf(&a, "the certificate of localhost:%s is not trusted: no authority that "
	                                          "this machine trusts has signed it", tls.name));
	assert_int_equal(err.kind, ERR_USAGE);
	badserver_stop(&tls);
	assert_int_equal(chdir(in_folder(&a, "work")), 0);
}

static void nothing_for_this_machine_goes_to_a_proxy(void **state)
{
	CLEANUP(sent_done) struct sent s = { 0 };

	setenv("http_proxy", "http://127.0.0.1:1", 1);
	send_step(&s, "{'method': 'get', 'url': '@/bytes/3'}", NULL);
	unsetenv("http_proxy");
	assert_int_equal(s.code, EX_OK);
}

static int set_up(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };

	badserver_start(&server, (const char *const[]){ NULL });
	if (!getcwd(root, sizeof root) || !mkdtemp(folder) || mkdir(in_folder(&a, "work"), 0700) < 0 ||
	    mkdir(in_folder(&a, "secrets"), 0700) < 0 || chdir(in_folder(&a, "work")) < 0)
		return -1;
	put_secret("word", "s3same-word\n");
	put_secret("id", "s3same-id");
	put_secret("odd", "s3same&=% +\u20ac/");
	put_secret("one", "s3same-one");
	return 0;
}

static int tear_down(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };

	badserver_stop(&server);
	return system(arena_printf(&a, "rm -r %s", folder));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(methods_and_payloads_go_out_as_they_are),
		cmocka_unit_test(every_kind_of_auth_is_sent_as_it_should_be),
		cmocka_unit_test(oauth_asks_for_a_token_with_a_form),
		cmocka_unit_test(a_step_without_a_token_is_not_sent),
		cmocka_unit_test(placeholders_are_filled_in_as_they_are),
		cmocka_unit_test(placeholders_count_in_url_and_headers_and_the_log_tells_what_has_no_value),
		cmocka_unit_test(later_headers_win),
		cmocka_unit_test(what_is_no_header_is_refused),
		cmocka_unit_test(a_secret_that_is_not_there_is_named_by_its_field),
		cmocka_unit_test(what_is_wrong_with_a_step_is_a_sentence),
		cmocka_unit_test(urls_that_lead_nowhere_are_final),
		cmocka_unit_test(any_answer_is_an_answer_and_one_that_is_no_success_is_shown),
		cmocka_unit_test(no_answer_says_why_and_whether_it_is_worth_another_try),
		cmocka_unit_test(an_answer_is_16_mib_at_most),
		cmocka_unit_test(what_an_answer_repeats_of_a_secret_is_masked),
		cmocka_unit_test(a_long_answer_is_shown_in_part_and_a_secret_in_it_never),
		cmocka_unit_test(a_document_that_is_none_does_nothing),
		cmocka_unit_test(an_answer_file_is_read_strictly),
		cmocka_unit_test(what_cannot_be_written_is_no_success),
		cmocka_unit_test(certificates_are_verified),
		cmocka_unit_test(nothing_for_this_machine_goes_to_a_proxy),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
