#include "tests/agent/git/git_repos.h"

#include <arpa/inet.h>
#include <signal.h>
#include <sys/socket.h>

#include "agent/git/git_fetch.h"
#include "reconcile/tree/json.h"

enum { LONG_MS = 120000 };	/* for what does end */

/* The child is this program run again; the name of a mirror says what else it does. */
static int serve(void)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	CLEANUP(buf_done) struct buf question = BUF(1 << 20);
	int c;

	while ((c = getchar()) != EOF)
		buf_addc(&question, (char)c);
	if (strstr(buf_str(&question), "\"crashing\""))
		raise(SIGKILL);
	if (strstr(buf_str(&question), "\"babbling\""))
		return puts("hello") < 0;
	if (strstr(buf_str(&question), "\"lacking\""))
		return puts("{\"commit\": \"12\", \"name\": \"x\"}") < 0;
	const char *answer = git_fetch_serve(&a, buf_str(&question), question.len);
	return !answer || puts(answer) < 0;
}

static struct git_fetch fetch_of(struct arena *a, const char *mirror, const char *repo)
{
	return (struct git_fetch){
		.mirror = mirror, .remote = { .url = arena_printf(a, "%s/%s", said(a, "pwd"), repo), .token = "secret" },
		.ref = { GIT_BRANCH, "main" }, .path = "s",
	};
}

static void a_child_says_what_the_mirror_says(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	struct diagnostics warnings = { .arena = &a };
	struct git_fetch f = fetch_of(&a, "m-one", "one");
	struct git_revision r;
	struct err err;

	sh("new one; mkdir s; echo 1 > s/a.yaml; c; git tag live");
	if (!git_fetch_run(&a, &f, LONG_MS, -1, &r, &warnings, &err))
		fail_msg("%s", err.msg);
	assert_string_equal(r.commit, said(&a, "git -C one rev-parse HEAD"));
	assert_string_equal(r.tree, said(&a, "git -C one rev-parse HEAD:s"));
	assert_string_equal(r.name, "main");
	f.ref = (struct git_ref){ GIT_TAG, "live" };
	assert_true(git_fetch_run(&a, &f, LONG_MS, -1, &r, &warnings, &err));
	assert_int_equal(warnings.count, 0);
	const char *old = arena_strdup(&a, r.commit);
	sh("cd one; echo 2 > s/a.yaml; c; git tag -f live > /dev/null");
	assert_true(git_fetch_run(&a, &f, LONG_MS, -1, &r, &warnings, &err));
	assert_int_equal(warnings.count, 1);
	assert_true(warnings.items[0].warning);
	assert_string_equal(warnings.items[0].message,
	                    arena_printf(&a, "git repository %s: the tag live was moved from %s to %s", f.remote.url, old,
	                                 r.commit));
}

static void what_failed_keeps_its_sentence_and_kind(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	struct diagnostics warnings = { .arena = &a };
	struct git_fetch f = fetch_of(&a, "m-none", "none");
	struct git_revision r = { .name = "untouched" };
	struct err err;

	assert_false(git_fetch_run(&a, &f, LONG_MS, -1, &r, &warnings, &err));
	assert_string_equal(err.msg, arena_printf(&a, "git repository %s: there is no git repository", f.remote.url));
	assert_int_equal(err.kind, ERR_FINAL);
	f.remote.url = "nowhere.example.com/foo/bar.git";
	assert_false(git_fetch_run(&a, &f, LONG_MS, -1, &r, &warnings, &err));
	assert_string_equal(err.msg, "git repository nowhere.example.com/foo/bar.git: there is no git repository; is https:// "
	                             "missing before nowhere.example.com?");
	f.remote.url = "specs.git/nowhere";
	assert_false(git_fetch_run(&a, &f, LONG_MS, -1, &r, &warnings, &err));
	assert_string_equal(err.msg, "git repository specs.git/nowhere: there is no git repository");
	f.remote.url = "https://me:secret@h/a";
	assert_false(git_fetch_run(&a, &f, LONG_MS, -1, &r, &warnings, &err));
	assert_int_equal(err.kind, ERR_USAGE);
	assert_null(strstr(err.msg, "secret"));
	assert_string_equal(r.name, "untouched");
}

static void a_child_that_gives_no_answer_is_an_error(void **state)
{
	static const struct { const char *mirror, *msg; } cases[] = {
		{ "crashing", "git repository %s: the fetch was ended by signal 9" },
		{ "babbling", "git repository %s: the fetch ended with code 0 and no answer" },
		{ "lacking", "git repository %s: the fetch ended with code 0 and no answer" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		struct diagnostics warnings = { .arena = &a };
		struct git_fetch f = fetch_of(&a, cases[i].mirror, "one");
		struct git_revision r;
		struct err err;
		const char *at = strstr(cases[i].msg, "%s");
		assert_false(git_fetch_run(&a, &f, LONG_MS, -1, &r, &warnings, &err));
		assert_string_equal(err.msg, arena_printf(&a, "%.*s%s%s", (int)(at - cases[i].msg), cases[i].msg, f.remote.url,
		                                          at + 2));
	}
}

static void a_server_that_says_nothing_is_left_when_the_time_is_over(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	struct diagnostics warnings = { .arena = &a };
	struct git_fetch f = { .mirror = "m-silent" };
	socklen_t len = sizeof at;
	struct git_revision r;
	struct err err;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), stop[2];

	assert_int_equal(bind(fd, (struct sockaddr *)&at, len), 0);
	assert_int_equal(listen(fd, 5), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
	f.remote.url = arena_printf(&a, "git://127.0.0.1:%d/a", ntohs(at.sin_port));
	assert_false(git_fetch_run(&a, &f, 100, -1, &r, &warnings, &err));
	assert_string_equal(err.msg, arena_printf(&a, "git repository %s: the fetch: it did not end in time", f.remote.url));
	assert_int_equal(pipe(stop), 0);
	assert_int_equal(write(stop[1], "", 1), 1);
	assert_false(git_fetch_run(&a, &f, LONG_MS, stop[0], &r, &warnings, &err));
	assert_string_equal(err.msg, arena_printf(&a, "git repository %s: the fetch: interrupted", f.remote.url));
	close(stop[0]);
	close(stop[1]);
	close(fd);
}

static void only_a_first_fetch_may_take_all_the_time(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	struct diagnostics warnings = { .arena = &a };
	struct git_fetch f = fetch_of(&a, "m-limit", "limit"), none = fetch_of(&a, "m-limit-none", "nothing");
	struct git_revision r;
	struct err err;

	sh("new limit; mkdir s; echo 1 > s/a; c");
	assert_int_equal(git_fetch_limit(&f, 600000), 600000);
	assert_true(git_fetch_run(&a, &f, LONG_MS, -1, &r, &warnings, &err));
	assert_int_equal(git_fetch_limit(&f, 600000), 120000);
	assert_int_equal(git_fetch_limit(&f, 5000), 5000);
	assert_false(git_fetch_run(&a, &none, LONG_MS, -1, &r, &warnings, &err));
	assert_int_equal(git_fetch_limit(&none, 600000), 600000);
}

static void a_question_that_is_none_gets_no_answer(void **state)
{
	static const char *const questions[] = { "", "{}", "[]", "{\"url\": \"/a\"}", "{\"mirror\": \"m\"}", "{\"url\": 1" };

	for (size_t i = 0; i < ARRAY_LEN(questions); i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		assert_null(git_fetch_serve(&a, questions[i], strlen(questions[i])));
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_child_says_what_the_mirror_says),
		cmocka_unit_test(what_failed_keeps_its_sentence_and_kind),
		cmocka_unit_test(a_child_that_gives_no_answer_is_an_error),
		cmocka_unit_test(a_server_that_says_nothing_is_left_when_the_time_is_over),
		cmocka_unit_test(only_a_first_fetch_may_take_all_the_time),
		cmocka_unit_test(a_question_that_is_none_gets_no_answer),
	};

	if (argc > 1 && strcmp(argv[1], "git-fetch") == 0)
		return serve();
	return cmocka_run_group_tests(tests, repos_enter, repos_leave);
}
