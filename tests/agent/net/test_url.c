#include "tests/test.h"
#include "agent/net/url.h"

#include <string.h>

static void a_url_is_taken_apart(void **state)
{
	static const struct { const char *text, *scheme, *host, *address, *origin, *path; bool loopback; } cases[] = {
		{ "https://x/y/z", "https", "x", "x:443", "https://x", "/y/z", false },
		{ "HTTP://localhost", "http", "localhost", "localhost:80", "http://localhost", "/", true },
		{ "https://x:8443/", "https", "x", "x:8443", "https://x:8443", "/", false },
		{ "http://[::1]:81/a", "http", "[::1]", "[::1]:81", "http://[::1]:81", "/a", true },
		{ "smtp://127.0.0.2", "smtp", "127.0.0.2", "127.0.0.2:25", "smtp://127.0.0.2", "/", true },
		{ "smtps://mail.example.com", "smtps", "mail.example.com", "mail.example.com:465",
		  "smtps://mail.example.com", "/", false },
		{ "made-up://x/y", "made-up", "x", "x", "made-up://x", "/y", false },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		struct url url;
		assert_int_equal(url_parse(&a, cases[i].text, &url), URL_OK);
		assert_string_equal(url.scheme, cases[i].scheme);
		assert_string_equal(url.host, cases[i].host);
		assert_string_equal(url.address, cases[i].address);
		assert_string_equal(url.origin, cases[i].origin);
		assert_string_equal(url.path ? url.path : "/", cases[i].path);
		assert_int_equal(url.loopback, cases[i].loopback);
		assert_false(url.has_user || url.has_query || url.has_fragment);
	}
}

static void the_parts_that_may_hold_secrets_are_noticed_and_never_shown(void **state)
{
	static const struct { const char *text; bool user, query, fragment; } cases[] = {
		{ "https://s3same@x/", true, false, false },
		{ "https://s3same:s3same@x/", true, false, false },
		{ "https://:s3same@x/", true, false, false },
		{ "https://x/?s3same", false, true, false },
		{ "https://x/#s3same", false, false, true },
		{ "https://x/s3same", false, false, false },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		struct url url;
		assert_int_equal(url_parse(&a, cases[i].text, &url), URL_OK);
		assert_int_equal(url.has_user, cases[i].user);
		assert_int_equal(url.has_query, cases[i].query);
		assert_int_equal(url.has_fragment, cases[i].fragment);
		assert_string_equal(url.origin, "https://x");
		assert_string_equal(url.address, "x:443");
	}
}

static void what_is_no_url_has_a_reason(void **state)
{
	static const struct { const char *text; enum url_result result; } cases[] = {
		{ "", URL_NO_SCHEME }, { "localhost:8484", URL_NO_SCHEME }, { "mail.example.com/x", URL_NO_SCHEME },
		{ "https://x:99999", URL_BAD_PORT }, { "https://x:y", URL_BAD_PORT },
		{ "https://", URL_INVALID }, { "https://x y/", URL_INVALID },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		struct url url = { .scheme = "untouched" };
		assert_int_equal(url_parse(&a, cases[i].text, &url), cases[i].result);
		assert_string_equal(url.scheme, "untouched");
	}
}

static void a_required_url_is_refused_without_its_text(void **state)
{
	static char longer[URL_MAX + 2] = "https://";
	static const struct { const char *text, *error; } cases[] = {
		{ "s3same", "f does not begin with https:// or http://" },
		{ "ftp://s3same", "f does not begin with https:// or http://" },
		{ "https://s3 same", "f is not a valid URL, such as https://host/path" },
		{ longer, "f is longer than 64 KiB" },
	};

	memset(longer + 8, 'x', sizeof longer - 9);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		struct url url;
		struct err err = { 0 };
		assert_false(url_require(&a, "f", cases[i].text, "http", "https", &url, &err));
		assert_string_equal(err.msg, cases[i].error);
		assert_int_equal(err.kind, ERR_USAGE);
	}
}

static void another_path_leaves_the_rest_as_it_is(void **state)
{
	static const struct { const char *text, *want; } cases[] = {
		{ "https://x", "https://x/a/b" },
		{ "HTTPS://x:443/y/", "https://x/a/b" },
		{ "http://[fe80::1%25eth0]:8080/y", "http://[fe80::1%25eth0]:8080/a/b" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		assert_string_equal(url_with_path(&a, cases[i].text, "/a/b"), cases[i].want);
	}
}

static void loopback_is_this_machine_alone(void **state)
{
	static const char *const here[] = { "localhost", "LocalHost", "127.0.0.1", "127.255.0.9", "[::1]",
	                                    "[0:0:0:0:0:0:0:1]" };
	static const char *const elsewhere[] = { "", "[", "[]", "x", "localhost.example.com", "128.0.0.1", "10.0.0.1", "[::2]",
	                                         "0.0.0.0", "127.0.0.1.example.com" };

	for (size_t i = 0; i < ARRAY_LEN(here); i++)
		assert_true(url_is_loopback(here[i]));
	for (size_t i = 0; i < ARRAY_LEN(elsewhere); i++)
		assert_false(url_is_loopback(elsewhere[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_url_is_taken_apart),
		cmocka_unit_test(the_parts_that_may_hold_secrets_are_noticed_and_never_shown),
		cmocka_unit_test(what_is_no_url_has_a_reason),
		cmocka_unit_test(a_required_url_is_refused_without_its_text),
		cmocka_unit_test(another_path_leaves_the_rest_as_it_is),
		cmocka_unit_test(loopback_is_this_machine_alone),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
