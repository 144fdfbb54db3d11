#include "tests/test.h"
#include "agent/net/git_url.h"

#include <string.h>

static void a_url_is_taken_apart(void **state)
{
	static const struct {
		const char *text;
		enum git_scheme way;
		const char *shown, *host, *user;
		int port;
		bool loopback;
	} cases[] = {
		{ "https://git.example.com/team/specs.git", GIT_SCHEME_HTTPS, "https://git.example.com/team/specs.git",
		  "git.example.com", NULL, 0, false },
		{ "https://GIT.example.com:8443/a", GIT_SCHEME_HTTPS, "https://GIT.example.com:8443/a", "git.example.com", NULL,
		  8443, false },
		{ "http://localhost/a", GIT_SCHEME_HTTP, "http://localhost/a", "localhost", NULL, 0, true },
		{ "http://[::1]:80/a", GIT_SCHEME_HTTP, "http://[::1]:80/a", "::1", NULL, 80, true },
		{ "git://127.0.0.1:9418/a", GIT_SCHEME_GIT, "git://127.0.0.1:9418/a", "127.0.0.1", NULL, 9418, true },
		{ "ssh://git@h:2222/a/b", GIT_SCHEME_SSH, "ssh://h:2222/a/b", "h", "git", 2222, false },
		{ "ssh://h/~/a", GIT_SCHEME_SSH, "ssh://h/~/a", "h", NULL, 0, false },
		{ "git@h.example:team/a.git", GIT_SCHEME_SSH, "h.example:team/a.git", "h.example", "git", 0, false },
		{ "h:a", GIT_SCHEME_SSH, "h:a", "h", NULL, 0, false },
		{ "file:///srv/a.git", GIT_SCHEME_FILE, "file:///srv/a.git", NULL, NULL, 0, false },
		{ "/srv/a.git", GIT_SCHEME_PATH, "/srv/a.git", NULL, NULL, 0, false },
		{ "../a", GIT_SCHEME_PATH, "../a", NULL, NULL, 0, false },
		{ "./h:a", GIT_SCHEME_PATH, "./h:a", NULL, NULL, 0, false },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		struct git_url u;
		struct err err;
		if (!git_url_read(&a, cases[i].text, &u, &err))
			fail_msg("%s: %s", cases[i].text, err.msg);
		assert_int_equal(u.transport, cases[i].way);
		assert_string_equal(u.text, cases[i].text);
		assert_string_equal(u.shown, cases[i].shown);
		assert_string_equal(u.host ? u.host : "-", cases[i].host ? cases[i].host : "-");
		assert_string_equal(u.user ? u.user : "-", cases[i].user ? cases[i].user : "-");
		assert_int_equal(u.port, cases[i].port);
		assert_int_equal(u.loopback, cases[i].loopback);
		assert_int_equal(git_url_is_path(cases[i].text), cases[i].way == GIT_SCHEME_PATH);
	}
}

static void what_is_refused_is_not_repeated(void **state)
{
	static const char the_url[] = "the URL of the git repository ";
	static const char password[] = "contains a password: give a token instead, in a file (--git-token-file) or "
	                               "in FLOWSYNC_GIT_TOKEN";
	static const char user[] = "contains a user: give --git-username, and a token in a file (--git-token-file) or in "
	                           "FLOWSYNC_GIT_TOKEN";
	static const char host[] = "has no host, or one with an unexpected character";
	static const char port[] = "has a port that is not a number between 1 and 65535";
	static const char query[] = "contains a query or a fragment (\"?\", \"#\"): it has to end at the path";
	static const char path[] = "has no path after its host";
	static const char scheme[] = "is not https://, http://, ssh://, git://, file://, user@host:path or a path";
	static const struct { const char *text, *msg; } cases[] = {
		{ "https://me:secret@h/a", password }, { "https://:secret@h/a", password }, { "ssh://git:secret@h/a", password },
		{ "https://secret@h/a", user }, { "git://secret@h/a", user }, { "https://h@secret@h/a", user },
		{ "ssh://@h/a", "contains an empty user" }, { "@h:a", "contains an empty user" },
		{ "ssh://a%40b@h/a", "contains a user name with an unexpected character" },
		{ "ssh://-oProxyCommand=secret/a", host }, { "https:///a", host }, { "http://127.0.0.1\\secret/a", host },
		{ "https://h%00/a", host }, { "https://[::1/a", host }, { "https://[secret]/a", host }, { "https://é/a", host },
		{ "https://h:/a", port }, { "https://h:0/a", port }, { "https://h:65536/a", port }, { "https://h:8o/a", port },
		{ "https://h/a?token=secret", query }, { "https://h/a#secret", query }, { "https://h?secret", query },
		{ "https://h", path }, { "ssh://h/", path }, { "h:", path }, { "git@h:/", path },
		{ "svn://secret/a", scheme }, { "ext::sh -c secret://", scheme }, { "HTTPS://h/a", scheme },
		{ "file://h/a", "begins with file://: expected a path that begins with a slash after it" },
		{ "https://h/a\nb", "contains a control character" }, { "", "is empty" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		struct git_url u;
		struct err err;
		if (git_url_read(&a, cases[i].text, &u, &err))
			fail_msg("%s is taken", cases[i].text);
		assert_string_equal(err.msg, arena_printf(&a, "%s%s", the_url, cases[i].msg));
		assert_int_equal(err.kind, ERR_USAGE);
		assert_null(strstr(err.msg, "secret"));
	}
}

static void a_mirrors_folder_tells_repositories_apart(void **state)
{
	static const struct { const char *text, *folder; } cases[] = {
		{ "https://h/team/specs.git", "specs-" }, { "/srv/specs/", "specs-" }, { "git@h:specs.git", "specs-" },
		{ "/", "repository-" }, { "/a/../", "repository-" }, { "h:a b", "b-" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		size_t len = strlen(cases[i].folder);
		struct git_url u, other;
		struct err err;
		assert_true(git_url_read(&a, cases[i].text, &u, &err));
		assert_string_equal(arena_strndup(&a, u.folder, len), cases[i].folder);
		assert_int_equal(strlen(u.folder), len + 8);
		assert_true(git_url_read(&a, arena_printf(&a, "%s/", cases[i].text), &other, &err));
		assert_string_not_equal(u.folder, other.folder);
	}
}

static void plain_http_carries_no_token_and_is_warned_of(void **state)
{
	static const struct { const char *text; bool token, warned; } cases[] = {
		{ "http://h/a", false, true }, { "http://localhost/a", true, false }, { "https://h/a", true, false },
		{ "git://h/a", true, true }, { "git://127.0.0.1/a", true, false }, { "ssh://h/a", true, false },
		{ "/srv/a", true, false },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		struct diagnostics faults = { .arena = &a };
		struct git_url u;
		struct err err;
		assert_true(git_url_read(&a, cases[i].text, &u, &err));
		assert_int_equal(git_url_check_token(&u, &err), cases[i].token);
		if (!cases[i].token)
			assert_int_equal(err.kind, ERR_USAGE);
		git_url_warn_if_plain(&u, &faults);
		assert_int_equal(faults.count, cases[i].warned);
		assert_int_equal(faults.errors, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_url_is_taken_apart),
		cmocka_unit_test(what_is_refused_is_not_repeated),
		cmocka_unit_test(a_mirrors_folder_tells_repositories_apart),
		cmocka_unit_test(plain_http_carries_no_token_and_is_warned_of),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
