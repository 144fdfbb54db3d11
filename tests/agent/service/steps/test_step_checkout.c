#include "tests/agent/git/git_repos.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sysexits.h>

#include "agent/util/base64.h"
#include "agent/service/steps/step_checkout.h"
#include "agent/util/file.h"
#include "agent/git/git_fetch.h"
#include "agent/net/git_url.h"
#include "agent/service/steps/secrets.h"
#include "reconcile/tree/json.h"

enum { LONG_MS = 120000 };	/* for what does end */

/* The child that fetches is this program run again. */
static int serve(void)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	CLEANUP(buf_done) struct buf question = BUF(1 << 20);
	int c;

	while ((c = getchar()) != EOF)
		buf_addc(&question, (char)c);
	const char *answer = git_fetch_serve(&a, buf_str(&question), question.len);
	return !answer || puts(answer) < 0;
}

static const char *top_of(struct arena *a)
{
	return said(a, "pwd");
}

static void put_secret(struct arena *a, const char *name, const char *text)
{
	struct err err;

	mkdir("secrets", 0700);
	assert_true(file_replace(a, arena_printf(a, "secrets/%s", name), text, strlen(text), 0600, &err));
}

static struct step_checkout_options place_of(struct arena *a)
{
	return (struct step_checkout_options){ .mirrors = arena_printf(a, "%s/mirrors", top_of(a)), .secrets_dir = "secrets" };
}

static const struct node *parse(struct arena *a, const char *text)
{
	struct node *n;
	struct err err;

	if (!json_read(a, text, strlen(text), &n, &err))
		fail_msg("%s: %s", text, err.msg);
	return n;
}

static const struct node *repository_of(struct arena *a, const char *url, const char *token)
{
	struct node *n = node_map(a);

	node_put(a, n, "url", node_text(a, url));
	node_put(a, n, "branch", node_text(a, "refs/heads/main"));
	if (token)
		node_put(a, n, "token", node_text(a, token));
	return n;
}

/* ---- the command ---- */

/* A member of the document that the command for url gets, or what is wrong. */
static const char *asked(struct arena *a, const char *url, const char *token, const char *key)
{
	struct step_checkout_options place = place_of(a);
	const char *const *masks = NULL;
	struct attempt_command command;
	struct err err;

	if (!step_checkout_command(a, repository_of(a, url, token), &place, &command, &masks, &err))
		return arena_strdup(a, err.msg);
	assert_true(command.self);
	assert_string_equal(command.argv[0], "step-checkout");
	assert_null(command.argv[1]);
	assert_int_equal(command.len, strlen(command.input));
	const char *text = node_get_text(parse(a, command.input), key);
	return text ? text : "-";
}

static void a_url_without_a_scheme_means_https(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	static const struct { const char *url, *whole; } cases[] = {
		{ "github.com/org/repo", "https://github.com/org/repo" },
		{ "git.example.com:8443/a/b.git", "https://git.example.com:8443/a/b.git" },
		{ "[::1]:8443/a", "https://[::1]:8443/a" },
		{ "https://h/a", "https://h/a" }, { "http://h/a", "http://h/a" }, { "ssh://me@h/a", "ssh://me@h/a" },
		{ "git@h:a/b.git", "git@h:a/b.git" }, { "git://h/a", "git://h/a" },
		{ "/srv/a.git", "/srv/a.git" }, { "file:///srv/a", "file:///srv/a" },
		{ "h", "the URL of the git repository has no path after its host" },
		{ "h:a/b", "the URL of the git repository has a port that is not a number between 1 and 65535" },
		{ "./a", "the repository's url is a relative path, expected a URL or an absolute path" },
		{ "../a", "the repository's url is a relative path, expected a URL or an absolute path" },
		{ "", "the repository has no url" },
		{ "ftp://h/a", "the URL of the git repository is not https://, http://, ssh://, git://, file://, "
		               "user@host:path or a path" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_string_equal(asked(&a, cases[i].url, NULL, "url"), cases[i].whole);
}

static void a_credential_in_the_url_is_refused_and_not_shown(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	static const char *const urls[] = {
		"https://me:canary@h/a", "https://canary@h/a", "me:canary@h/a", "http://me:canary@h/a", "git://canary@h/a",
		"me@h/a",
	};

	for (size_t i = 0; i < ARRAY_LEN(urls); i++) {
		const char *got = asked(&a, urls[i], NULL, "url");
		assert_null(strstr(got, "canary"));
		assert_string_equal(got, "the repository's url contains a user or a password: remove that, and name a "
		                         "stored credential as its token");
	}
	assert_null(strstr(asked(&a, "ssh://me:canary@h/a", NULL, "url"), "canary"));
}

static void the_document_says_where_and_what(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	struct step_checkout_options place = {
		.mirrors = "m", .secrets_dir = "none", .ca_file = "ca.pem", .ssh_key = "/k", .known_hosts = "hosts",
	};
	const char *const *masks = NULL;
	struct attempt_command command;
	struct git_fetch f;
	struct git_url url;
	struct err err;

	assert_true(git_url_read(&a, "https://h/a/repo.git", &url, &err));
	assert_true(step_checkout_command(&a, repository_of(&a, "h/a/repo.git", ""), &place, &command, &masks, &err));
	assert_null(masks);
	assert_true(git_fetch_read(&a, command.input, command.len, &f, &err));
	assert_string_equal(f.mirror, arena_printf(&a, "%s/m/%s", top_of(&a), url.folder));
	assert_string_equal(f.remote.ca_file, arena_printf(&a, "%s/ca.pem", top_of(&a)));
	assert_string_equal(f.remote.ssh_key_file, "/k");
	assert_string_equal(f.remote.known_hosts_file, arena_printf(&a, "%s/hosts", top_of(&a)));
	assert_string_equal(f.ref.text, "main");
	assert_int_equal(f.ref.kind, GIT_BRANCH);
	assert_null(f.remote.token);
	assert_null(f.path);
}

static void a_repository_without_a_branch_is_refused(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	static const char *const cases[] = { "{\"url\": \"h/a\"}", "{\"url\": \"h/a\", \"branch\": \"\"}" };
	struct step_checkout_options place = place_of(&a);
	const char *const *masks = NULL;
	struct attempt_command command = { .len = 7 };
	struct err err;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_false(step_checkout_command(&a, parse(&a, cases[i]), &place, &command, &masks, &err));
		assert_string_equal(err.msg, "the repository has no branch");
		assert_int_equal(command.len, 7);
	}
}

static void a_credential_is_a_user_and_a_password_or_a_token(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	static const struct { const char *text, *user, *token; } cases[] = {
		{ "canary\n", "-", "canary" }, { "me:canary\r\n\n", "me", "canary" }, { "me:can:ary", "me", "can:ary" },
		{ ":canary", "-", "canary" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		put_secret(&a, "github", cases[i].text);
		assert_string_equal(asked(&a, "h/a", "github", "username"), cases[i].user);
		assert_string_equal(asked(&a, "h/a", "github", "token"), cases[i].token);
	}
}

#define NO_FILE	"the name of a secret is not a file name: it is empty, too long, begins with a dot, or has a " \
	"slash or a control character in it"

static void a_credential_that_cannot_be_used_is_not_shown(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	static const struct { const char *text, *url, *name, *msg; } cases[] = {
		{ NULL, "h/a", "none", "the credential of https://h/a: secret \"none\" was not found: expected a file of that name "
		  "in secrets" },
		{ "x", "h/a", "../secrets/bad", "the credential of https://h/a: " NO_FILE },
		{ "x", "h/a", "..", "the credential of https://h/a: " NO_FILE },
		{ "\n", "h/a", "bad", "the credential of https://h/a: secret \"bad\" is empty, expected USER:PASSWORD or a token" },
		{ "canary:", "h/a", "bad", "the credential of https://h/a: secret \"bad\" is empty, expected USER:PASSWORD or a "
		  "token" },
		{ "canary\ncanary\n", "h/a", "bad", "the credential of https://h/a: secret \"bad\" is not a credential, "
		  "expected one line of printable ASCII" },
		{ "canary", "http://h/a", "bad", "the credential of http://h/a: the URL of the git repository is plain http: a "
		  "token is sent over http to this machine only; use https" },
		{ "canary", "http://localhost/a", "bad", "http://localhost/a" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		if (cases[i].text)
			put_secret(&a, "bad", cases[i].text);
		assert_string_equal(asked(&a, cases[i].url, cases[i].name, "url"), cases[i].msg);
	}
}

static void no_log_may_show_the_credential(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	struct step_checkout_options place = place_of(&a);
	const char *const before[] = { "one", "two", NULL }, *const *masks = before;
	struct attempt_command command;
	struct err err;

	put_secret(&a, "github", "me:canary\n");
	assert_true(step_checkout_command(&a, repository_of(&a, "h/a", "github"), &place, &command, &masks, &err));
	const char *const expected[] = { "one", "two", "me:canary", "canary", base64_encode(&a, "me:canary", 9) };
	for (size_t i = 0; i < ARRAY_LEN(expected); i++)
		assert_string_equal(masks[i], expected[i]);
	assert_null(masks[ARRAY_LEN(expected)]);
}

/* ---- what it does ---- */

/* Checks a repository out into a new folder: "CODE" and what it printed, with HERE for the test's folder. */
static const char *check_out_as(struct arena *a, const char *document, const char *folder, int64_t limit_ms)
{
	const char *top = top_of(a);
	char *text = NULL;
	size_t len;
	FILE *log = open_memstream(&text, &len);

	assert_non_null(log);
	mkdir(folder, 0700);
	assert_int_equal(chdir(folder), 0);
	struct attempt_reply reply = { 0 };
	int code = step_checkout_run(a, document, strlen(document), limit_ms, log, &reply) ? attempt_reply_exit_code(&reply)
	                                                                                   : EX_USAGE;
	assert_int_equal(chdir(top), 0);
	fclose(log);
	/* The reason is the last line that was printed. */
	if (reply.found)
		assert_non_null(strstr(text, arena_printf(a, "%s\n", reply.message)));
	const char *out = arena_printf(a, "%d %s", code, text);
	free(text);
	for (const char *at; (at = strstr(out, top)); )
		out = arena_printf(a, "%.*sHERE%s", (int)(at - out), out, at + strlen(top));
	return out;
}

static const char *document_of(struct arena *a, const char *repo)
{
	struct step_checkout_options place = place_of(a);
	const char *const *masks = NULL;
	struct attempt_command command;
	struct err err;

	assert_true(step_checkout_command(a, repository_of(a, arena_printf(a, "%s/%s", top_of(a), repo), NULL), &place, &command,
	                             &masks, &err));
	return command.input;
}

static const char *check_out(struct arena *a, const char *repo, const char *folder)
{
	return check_out_as(a, document_of(a, repo), folder, LONG_MS);
}

static const char *done(struct arena *a, const char *repo, const char *lines)
{
	return arena_printf(a, "0 %schecked out main of HERE/%s at %.10s\n", lines, repo,
	                    said(a, arena_printf(a, "git -C %s rev-parse main", repo)));
}

static void the_branch_is_checked_out_and_the_mirror_used_again(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };

	sh("new one; mkdir d; echo 1 > d/f; c; git checkout -q -b side; echo 2 > d/f; c");
	assert_string_equal(check_out(&a, "one", "out-one"), done(&a, "one", ""));
	sh("test \"$(cat out-one/d/f)\" = 1; test ! -e out-one/.git; test $(ls -d mirrors/one-* | wc -l) = 2");
	sh("cd one; git checkout -q main; echo 3 > d/f; git rm -q --cached d/f; c; echo 4 > g; c");
	assert_string_equal(check_out(&a, "one", "out-two"), done(&a, "one", ""));
	sh("test \"$(cat out-two/d/f out-two/g)\" = '3\n4'; test $(ls -d mirrors/one-* | wc -l) = 2");
}

static void notes_come_before_the_last_line_and_stay_in_theirs(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };

	sh("new notes; c\n"
	   "git update-index --add --cacheinfo \"160000,1111111111111111111111111111111111111111,a\nchecked out\"\n"
	   "git commit -q -m x");
	assert_string_equal(check_out(&a, "notes", "out-notes"),
	                    done(&a, "notes", "warning: \"a?checked out\" is a submodule: it is left empty\n"));
}

static void a_failure_that_stays_is_final_and_its_exit_code_says_so(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };

	assert_string_equal(check_out(&a, "nothing", "out-64"), "69 git repository HERE/nothing: there is no git repository\n");
	sh("new empty");
	assert_string_equal(check_out(&a, "empty", "out-64"), "69 git repository HERE/empty: it has no commit yet\n");
	sh("new other; c; git branch -q -m maine");
	assert_string_equal(check_out(&a, "other", "out-64"), "69 git repository HERE/other: it has no branch \"main\"; did you mean "
	                    "\"maine\"?\n");
	sh("new crafted; echo 1 > .gitx; c; git cat-file tree HEAD: | sed 's/[.]gitx/.git\\x00/;s/\\x00\\x00/\\x00/' > ../t\n"
	   "git update-ref refs/heads/main $(git commit-tree -m x $(git hash-object -t tree -w --literally ../t))");
	assert_string_equal(check_out(&a, "crafted", "out-64"),
	                    arena_printf(&a, "69 git repository HERE/crafted: commit %s: \".git\" in it has a name that is "
	                                 "refused\n", said(&a, "git -C crafted rev-parse main")));
	sh("test -z \"$(ls -A out-64)\"; touch out-64/mine");
	assert_string_equal(check_out(&a, "other", "out-64"), "69 the folder of the step is not empty\n");
	assert_string_equal(check_out_as(&a, "{", "out-65", LONG_MS), "64 the document of a fetch: not JSON: it ends too "
	                    "early\n");
	assert_string_equal(check_out_as(&a, "{}", "out-65", LONG_MS), "64 the document of a fetch: it names no url, or no "
	                    "mirror\n");
}

/* Damage that a fetch does not see, as it looks at commits alone. */
static void a_damaged_mirror_is_fetched_anew(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };

	sh("new damaged; echo 1 > a; mkdir d; head -c 100000 /dev/urandom > d/b; c");
	assert_string_equal(check_out(&a, "damaged", "out-before"), done(&a, "damaged", ""));
	sh("cd mirrors/damaged-*[0-9a-f]; set -- objects/pack/*.pack; chmod u+w $1; size=$(wc -c < $1)\n"
	   "printf xxxxxxxx | dd of=$1 bs=1 seek=$((size - 50000)) conv=notrunc status=none");
	const char *got = check_out(&a, "damaged", "out-damaged");
	assert_int_equal(strncmp(got, "0 warning: the mirror of HERE/damaged was corrupt; it is cloned again: d/b: ", 76), 0);
	sh("cmp damaged/d/b out-damaged/d/b; cmp damaged/a out-damaged/a");
}

static void a_server_that_says_nothing_is_left_when_the_time_is_over(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t len = sizeof at;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&at, len), 0);
	assert_int_equal(listen(fd, 5), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
	const char *url = arena_printf(&a, "git://127.0.0.1:%d/a", ntohs(at.sin_port));
	const char *document = arena_printf(&a, "{\"url\": \"%s\", \"mirror\": \"%s/mirrors/x\", \"kind\": 1, \"ref\": \"main\"}",
	                                    url, top_of(&a));
	assert_string_equal(check_out_as(&a, document, "out-silent", 100),
	                    arena_printf(&a, "75 git repository %s: the fetch: it did not end in time\n", url));
	close(fd);
	assert_int_equal(strncmp(check_out_as(&a, document, "out-silent", LONG_MS), "75 git repository git://", 24), 0);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_url_without_a_scheme_means_https),
		cmocka_unit_test(a_credential_in_the_url_is_refused_and_not_shown),
		cmocka_unit_test(the_document_says_where_and_what),
		cmocka_unit_test(a_repository_without_a_branch_is_refused),
		cmocka_unit_test(a_credential_is_a_user_and_a_password_or_a_token),
		cmocka_unit_test(a_credential_that_cannot_be_used_is_not_shown),
		cmocka_unit_test(no_log_may_show_the_credential),
		cmocka_unit_test(the_branch_is_checked_out_and_the_mirror_used_again),
		cmocka_unit_test(notes_come_before_the_last_line_and_stay_in_theirs),
		cmocka_unit_test(a_failure_that_stays_is_final_and_its_exit_code_says_so),
		cmocka_unit_test(a_damaged_mirror_is_fetched_anew),
		cmocka_unit_test(a_server_that_says_nothing_is_left_when_the_time_is_over),
	};

	if (argc > 1 && strcmp(argv[1], "git-fetch") == 0)
		return serve();
	return cmocka_run_group_tests(tests, repos_enter, repos_leave);
}
