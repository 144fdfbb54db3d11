#include "tests/test.h"
#include "agent/net/endpoint.h"

#include <string.h>

#define USER_WORDS	"the endpoint contains a user or a password: give a token instead, " \
			"in a file (--token-file) or in FLOWSYNC_TOKEN"
#define EXPECTED	"a URL such as https://host/workflows/api/v1, \"local\" or unix:PATH"
#define KIND_WORDS	"the endpoint is not " EXPECTED
#define URL_WORDS	"the endpoint is not a valid URL, such as https://host/workflows/api/v1"
#define STAGE_WORDS	": expected lower-case letters, digits and hyphens, such as prod"

static void an_endpoint_becomes_the_url_of_the_api(void **state)
{
	enum { LOOPBACK = 1, PEAK = 2, TLS = 4 };
	static const struct { const char *text, *url; int is; } cases[] = {
		{ "https://service.peak.ai", "https://service.peak.ai/workflows/api/v1", PEAK | TLS },
		{ "https://service.peak.ai/", "https://service.peak.ai/workflows/api/v1", PEAK | TLS },
		{ "https://service.peak.ai///", "https://service.peak.ai/workflows/api/v1", PEAK | TLS },
		{ "https://peak.ai:443", "https://peak.ai/workflows/api/v1", PEAK | TLS },
		{ "HTTPS://Service.PEAK.AI.", "https://Service.PEAK.AI./workflows/api/v1", PEAK | TLS },
		{ "http://service.peak.ai", "http://service.peak.ai/workflows/api/v1", 0 },
		{ "https://evilpeak.ai", "https://evilpeak.ai/workflows/api/v1", TLS },
		{ "https://peak.ai.evil.org", "https://peak.ai.evil.org/workflows/api/v1", TLS },
		{ "https://peak.ai..", "https://peak.ai../workflows/api/v1", TLS },
		{ "https://x/peak.ai", "https://x/peak.ai", TLS },
		{ "https://proxy.example/a/b//", "https://proxy.example/a/b", TLS },
		{ "https://x:8443/workflows/api/v1", "https://x:8443/workflows/api/v1", TLS },
		{ "http://localhost:8080", "http://localhost:8080/workflows/api/v1", LOOPBACK },
		{ "http://LocalHost", "http://LocalHost/workflows/api/v1", LOOPBACK },
		{ "http://localhost.example", "http://localhost.example/workflows/api/v1", 0 },
		{ "http://127.0.0.1:1", "http://127.0.0.1:1/workflows/api/v1", LOOPBACK },
		{ "http://127.254.3.2", "http://127.254.3.2/workflows/api/v1", LOOPBACK },
		{ "http://127.1", "http://127.0.0.1/workflows/api/v1", LOOPBACK },
		{ "http://128.0.0.1", "http://128.0.0.1/workflows/api/v1", 0 },
		{ "http://127.0.0.1.example", "http://127.0.0.1.example/workflows/api/v1", 0 },
		{ "http://[::1]:80", "http://[::1]/workflows/api/v1", LOOPBACK },
		{ "http://[0:0:0:0:0:0:0:1]", NULL, LOOPBACK },
		{ "http://[::2]", "http://[::2]/workflows/api/v1", 0 },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		struct endpoint_choice choice = { .endpoint = cases[i].text, .stage = "never-read" };
		struct endpoint e;
		struct err err;

		assert_true(endpoint_resolve(&a, &choice, &e, &err));
		if (cases[i].url)
			assert_string_equal(e.url, cases[i].url);
		assert_int_equal(e.loopback * LOOPBACK | e.peak * PEAK | e.tls * TLS, cases[i].is);
		assert_null(e.unix_socket);
		assert_false(e.local);
	}
}

static void a_stage_becomes_the_hosted_service(void **state)
{
	static const struct { const char *stage, *peak, *env, *url; } cases[] = {
		{ "prod", NULL, NULL, "https://service.peak.ai/workflows/api/v1" },
		{ "latest", NULL, NULL, "https://service.dev.peak.ai/workflows/api/v1" },
		{ "dev", NULL, NULL, "https://service.dev.peak.ai/workflows/api/v1" },
		{ "test", NULL, NULL, "https://service.test.peak.ai/workflows/api/v1" },
		{ "beta-2", NULL, NULL, "https://service.beta-2.peak.ai/workflows/api/v1" },
		{ "prod", "test", "beta", "https://service.peak.ai/workflows/api/v1" },
		{ NULL, "test", "beta", "https://service.test.peak.ai/workflows/api/v1" },
		{ NULL, NULL, "beta", "https://service.beta.peak.ai/workflows/api/v1" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		struct endpoint_choice choice = { .stage = cases[i].stage, .peak_stage = cases[i].peak,
		                                  .env_stage = cases[i].env };
		struct endpoint e;
		struct err err;

		assert_true(endpoint_resolve(&a, &choice, &e, &err));
		assert_string_equal(e.url, cases[i].url);
		assert_true(e.peak && e.tls && !e.loopback);
	}
}

static void local_and_a_unix_socket_are_loopback(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	struct endpoint e;
	struct err err;

	assert_true(endpoint_resolve(&a, &(struct endpoint_choice){ "local" }, &e, &err));
	assert_true(e.local && e.loopback && !e.peak && !e.tls);
	assert_null(e.url);
	assert_true(endpoint_resolve(&a, &(struct endpoint_choice){ "unix:/run/flow sync" }, &e, &err));
	assert_true(!e.local && e.loopback && !e.peak && !e.tls);
	assert_string_equal(e.url, "http://localhost/workflows/api/v1");
	assert_string_equal(e.unix_socket, "/run/flow sync");
}

static void a_wrong_choice_is_a_usage_error_in_words(void **state)
{
	static const struct { struct endpoint_choice choice; const char *msg; } cases[] = {
		{ { NULL }, "no service is chosen: give --endpoint URL, --endpoint local for the built-in local "
		            "service, or --stage NAME (such as prod) for the hosted one" },
		{ { "" }, KIND_WORDS },
		{ { "locale" }, "the endpoint \"locale\" is not " EXPECTED "; did you mean \"local\"?" },
		{ { "loacl" }, "the endpoint \"loacl\" is not " EXPECTED "; did you mean \"local\"?" },
		{ { "LOCAL" }, "the endpoint \"LOCAL\" is not " EXPECTED "; did you mean \"local\"?" },
		{ { "prod" }, "the endpoint \"prod\" is not " EXPECTED },
		{ { "service.peak.ai" }, "the endpoint \"service.peak.ai\" has no https:// before it: expected " EXPECTED },
		{ { "localhost:8080" }, "the endpoint \"localhost:8080\" has no http:// before it: expected " EXPECTED },
		{ { "[::1]:8080" }, "the endpoint \"[::1]:8080\" has no http:// before it: expected " EXPECTED },
		{ { "localhost" }, "the endpoint \"localhost\" has no http:// before it: expected " EXPECTED },
		{ { "u:s3same@service.peak.ai" }, KIND_WORDS },
		{ { "service.peak.ai/x?token=s3same" }, KIND_WORDS },
		{ { "https:/x" }, KIND_WORDS },
		{ { "ftp://x" }, "the endpoint's scheme is ftp: it has to be https or http" },
		{ { "gopher+x://x" }, "the endpoint's scheme is gopher+x: it has to be https or http" },
		{ { "https://u@x" }, USER_WORDS },
		{ { "https://u:pw@x/y" }, USER_WORDS },
		{ { "https://:pw@x" }, USER_WORDS },
		{ { "https://service.peak.ai@evil.org/" }, USER_WORDS },
		{ { "https://x/y?token=secret" }, "the endpoint contains a query (\"?\"): it has to end at "
		                                  "the path, such as /workflows/api/v1" },
		{ { "https://x/y#z" }, "the endpoint contains a fragment (\"#\"): it has to end at "
		                       "the path, such as /workflows/api/v1" },
		{ { "https://x:99999" }, "the endpoint's port is not a number between 0 and 65535" },
		{ { "https://" }, URL_WORDS },
		{ { "https://a b/" }, URL_WORDS },
		{ { "https://a\nb/" }, URL_WORDS },
		{ { "unix:" }, "the endpoint \"unix:\" lacks the path of a socket" },
		{ { "unix:/23456789012345678901234567890123456789012345678901234"
		    "567890123456789012345678901234567890123456789012345678" },
		  "the endpoint's socket path has 108 bytes: at most 107 are possible" },
		{ { .stage = "" }, "the stage is empty: expected a stage, such as prod" },
		{ { .peak_stage = "", .env_stage = "prod" },
		  "PEAK__STAGE is empty: expected a stage, such as prod" },
		{ { .env_stage = "" }, "STAGE is empty: expected a stage, such as prod" },
		{ { .stage = "Prod" }, "the stage is \"Prod\"" STAGE_WORDS },
		{ { .peak_stage = "x.evil.org/" }, "PEAK__STAGE is \"x.evil.org/\"" STAGE_WORDS },
		{ { .env_stage = "-x" }, "STAGE is \"-x\"" STAGE_WORDS },
		{ { .env_stage = "x-" }, "STAGE is \"x-\"" STAGE_WORDS },
		{ { .env_stage = "1234567890123456789012345678901234567890123456789012345678901234" },
		  "STAGE is \"123456789012345678901234567890123456789012345678901234567890123\"" STAGE_WORDS },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		struct endpoint e = { .url = "untouched" };
		struct err err;

		assert_false(endpoint_resolve(&a, &cases[i].choice, &e, &err));
		assert_string_equal(err.msg, cases[i].msg);
		assert_int_equal(err.kind, ERR_USAGE);
		assert_string_equal(e.url, "untouched");
	}
}

static const struct endpoint hosted = { .peak = true, .tls = true };
static const struct endpoint private = { .tls = true };
static const struct endpoint loopback = { .loopback = true };
static const struct endpoint open_http = { .tls = false };

static void the_first_token_that_may_go_there_is_picked(void **state)
{
	static const struct { const struct endpoint *to; struct token_choice choice; const char *token; } cases[] = {
		{ &hosted, { "file", "own", "peak", "key" }, "file" },
		{ &hosted, { NULL, "own", "peak", "key" }, "own" },
		{ &hosted, { NULL, NULL, "peak", "key" }, "peak" },
		{ &hosted, { NULL, NULL, NULL, "key" }, "key" },
		{ &hosted, { " \n", "", "", "key" }, "key" },
		{ &private, { NULL, "own", "peak", "key" }, "own" },
		{ &private, { "file", NULL, "peak", "key" }, "file" },
		{ &loopback, { NULL, "own", "peak", "key" }, "own" },
		{ &hosted, { "\tfile \r\n" }, "file" },
		{ &hosted, { "Bearer a.b-c_d==\n" }, "Bearer a.b-c_d==" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		const char *token = NULL;
		struct err err;

		assert_true(endpoint_token(&a, cases[i].to, &cases[i].choice, &token, &err));
		assert_string_equal(token, cases[i].token);
	}
}

static void a_missing_or_broken_token_is_a_usage_error_that_shows_none(void **state)
{
	static char huge[9000];
	static const char odd[] = " contains a space, a line break or another character that no token contains";
	static const char http[] = "the endpoint is plain http: a token is sent over http to this machine "
	                           "only; use https";
	const struct {
		const struct endpoint *to;
		struct token_choice choice;
		const char *msg, *more;
	} cases[] = {
		{ &hosted, { NULL }, "no token: give --token-file FILE, or set FLOWSYNC_TOKEN, PEAK_AUTH_TOKEN "
		                     "or API_KEY", "" },
		{ &private, { NULL }, "no token: give --token-file FILE or set FLOWSYNC_TOKEN", "" },
		{ &private, { "" }, "no token (the token file is empty): give --token-file FILE or set "
		                    "FLOWSYNC_TOKEN", "" },
		{ &private, { .peak_auth_token = "sesame", .api_key = "sesame" },
		  "no token: give --token-file FILE or set FLOWSYNC_TOKEN; PEAK_AUTH_TOKEN is set, but is "
		  "sent to hosts under peak.ai only", "" },
		{ &loopback, { .peak_auth_token = "", .api_key = "sesame" },
		  "no token: give --token-file FILE or set FLOWSYNC_TOKEN; API_KEY is set, but is "
		  "sent to hosts under peak.ai only", "" },
		{ &loopback, { .local_token_file = "/home/me/token" },
		  "no token: give --token-file FILE or set FLOWSYNC_TOKEN; the token of flowsync serve on this machine is "
		  "in /home/me/token", "" },
		{ &private, { .local_token_file = "/home/me/token" },
		  "no token: give --token-file FILE or set FLOWSYNC_TOKEN", "" },
		{ &open_http, { "sesame" }, http, "" },
		{ &open_http, { NULL }, http, "" },
		{ &hosted, { "ses\name" }, "the token in the token file", odd },
		{ &hosted, { "ses ame" }, "the token in the token file", odd },
		{ &hosted, { "Bearer ses ame" }, "the token in the token file", odd },
		{ &hosted, { "Bearer  sesame" }, "the token in the token file", odd },
		{ &hosted, { NULL, "ses\x7f" "ame" }, "the token in FLOWSYNC_TOKEN", odd },
		{ &hosted, { NULL, NULL, "\xc3\xa4" }, "the token in PEAK_AUTH_TOKEN", odd },
		{ &hosted, { NULL, NULL, NULL, "ses\tame" }, "the token in API_KEY", odd },
		{ &hosted, { huge }, "the token in the token file is longer than 8192 bytes", "" },
	};

	memset(huge, 'x', sizeof huge - 1);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		const char *token = "untouched";
		struct err err;

		assert_false(endpoint_token(&a, cases[i].to, &cases[i].choice, &token, &err));
		assert_string_equal(err.msg, arena_printf(&a, "%s%s", cases[i].msg, cases[i].more));
		assert_int_equal(err.kind, ERR_USAGE);
		assert_string_equal(token, "untouched");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_endpoint_becomes_the_url_of_the_api),
		cmocka_unit_test(a_stage_becomes_the_hosted_service),
		cmocka_unit_test(local_and_a_unix_socket_are_loopback),
		cmocka_unit_test(a_wrong_choice_is_a_usage_error_in_words),
		cmocka_unit_test(the_first_token_that_may_go_there_is_picked),
		cmocka_unit_test(a_missing_or_broken_token_is_a_usage_error_that_shows_none),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
