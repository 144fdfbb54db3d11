#include "tests/test.h"
#include "agent/config/config_file.h"
#include "agent/util/diagnostics_text.h"

#include <string.h>

static char *no_env[] = { NULL };

static const char *lines_of(struct arena *a, const struct diagnostics *f)
{
	const char *all = "";

	for (size_t i = 0; i < f->count; i++)
		all = arena_printf(a, "%s%s%s", all, i ? "\n" : "", diagnostics_text_line(a, &f->items[i]));
	return all;
}

/* The settings of the first sync, if there is any; gives the faults. */
static const char *parse_at_home(struct arena *a, const char *path, const char *home, const char *text,
                                 struct settings *s)
{
	struct diagnostics f = { .arena = a };
	struct config config;

	options_defaults(a, FOR_ALL | FOR_CYCLE | FOR_RESULT, no_env, s);
	if (config_parse(a, path, home, text, strlen(text), &config, &f))
		config_set(a, &config, 0, s);
	return lines_of(a, &f);
}

static const char *parse(struct arena *a, const char *path, const char *text, struct settings *s)
{
	return parse_at_home(a, path, "/home/me", text, s);
}

static void every_key_is_read(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	struct settings s;

	assert_string_equal(parse(&a, "conf/flowsync.yaml",
		"service: {endpoint: \"https://h/x\", stage: prod, token_file: token, ca_file: /etc/ca.pem}\n"
		"state_dir: ../state\n"
		"log: {level: debug, format: json}\n"
		"images: {12: podman run x, \"12:3\": env A=b}\n"
		"serve: {jobs: 3, secrets_dir: secrets, sql: psql, smtp: {url: \"smtp://h\", password_file: pw}}\n"
		"syncs:\n"
		"  - name: production\n"
		"    source: {dir: specs}\n"
		"    only: [a*, b]\n"
		"    concurrency: 3\n"
		"    timeout: 90s\n"
		"    interval: 5m\n"
		"    prune: true\n"
		"    adopt: \"no\"\n"
		"    hook: {secret_file: hook}\n"
		"    vars: {region: eu, count: 10, flag: true, none: null}\n"
		"    vars_passthrough: [runId]\n", &s), "");
	assert_string_equal(s.endpoint, "https://h/x");
	assert_string_equal(s.stage, "prod");
	assert_string_equal(s.token_file, "conf/token");
	assert_string_equal(s.ca_file, "/etc/ca.pem");
	assert_string_equal(s.state_dir, "conf/../state");
	assert_int_equal(s.log_level, LEVEL_DEBUG);
	assert_int_equal(s.log_format, LOG_JSON);
	assert_string_equal(s.sync_name, "production");
	assert_string_equal(s.dir, "conf/specs");
	assert_int_equal(s.only.count, 2);
	assert_string_equal(s.only.items[0], "a*");
	assert_int_equal(s.concurrency, 3);
	assert_int_equal(s.timeout_ms, 90000);
	assert_int_equal(s.interval_ms, 300000);
	assert_true(s.prune);
	assert_int_equal(s.adopt, 0);
	assert_string_equal(s.hook_secret_file, "conf/hook");
	assert_int_equal(s.images.count, 2);
	assert_string_equal(s.images.items[0].name, "12");
	assert_string_equal(s.images.items[1].name, "12:3");
	assert_string_equal(s.images.items[1].value, "env A=b");
	assert_int_equal(s.jobs, 3);
	assert_string_equal(s.secrets_dir, "conf/secrets");
	assert_string_equal(s.sql_command, "psql");
	assert_string_equal(s.smtp_url, "smtp://h");
	assert_string_equal(s.smtp_password_file, "conf/pw");
	assert_int_equal(s.vars.count, 3);
	assert_string_equal(s.vars.items[0].value, "eu");
	assert_string_equal(s.vars.items[1].value, "10");
	assert_string_equal(s.vars.items[2].value, "True");
	assert_string_equal(s.vars_passthrough.items[0], "runId");
}

static void a_relative_path_begins_at_the_file(void **state)
{
	static const struct { const char *path, *text, *token_file, *endpoint; } cases[] = {
		{ "c.yaml", "service: {token_file: t, endpoint: \"unix:s\"}", "t", "unix:s" },
		{ "/etc/c.yaml", "service: {token_file: t, endpoint: \"unix:s\"}", "/etc/t", "unix:/etc/s" },
		{ "/etc/c.yaml", "service: {token_file: /t, endpoint: \"unix:/s\"}", "/t", "unix:/s" },
		{ "../c.yaml", "service: {token_file: ./t, endpoint: local}", ".././t", "local" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		struct settings s;
		assert_string_equal(parse(&a, cases[i].path, cases[i].text, &s), "");
		assert_string_equal(s.token_file, cases[i].token_file);
		assert_string_equal(s.endpoint, cases[i].endpoint);
	}
}

static void a_tilde_is_the_home_directory(void **state)
{
	static const struct { const char *text, *token_file, *endpoint, *git; } cases[] = {
		{ "service: {token_file: ~/t, endpoint: \"unix:~/s\"}", "/home/me/t", "unix:/home/me/s", NULL },
		{ "service: {token_file: ./~/t, endpoint: local}", "/etc/./~/t", "local", NULL },
		{ "service: {token_file: a/~, endpoint: local}\nsyncs: [{source: {git: {url: ~/r}}}]", "/etc/a/~", "local",
		  "/home/me/r" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		struct settings s;
		assert_string_equal(parse(&a, "/etc/c.yaml", cases[i].text, &s), "");
		assert_string_equal(s.token_file, cases[i].token_file);
		assert_string_equal(s.endpoint, cases[i].endpoint);
		if (cases[i].git)
			assert_string_equal(s.git, cases[i].git);
	}
}

static void a_tilde_that_cannot_be_expanded_is_a_fault(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	struct settings s;

	assert_string_equal(parse(&a, "c.yaml", "state_dir: ~you/t\n", &s),
	                    "c.yaml:1:12: state_dir: \"~you/t\" cannot be expanded: only ~/ is; write the whole path, or "
	                    "./~ for a name that begins with ~");
	assert_string_equal(parse_at_home(&a, "c.yaml", NULL, "state_dir: ~/t\n", &s),
	                    "c.yaml:1:12: state_dir: \"~/t\" cannot be expanded: HOME is not set; write the whole path, or "
	                    "./~ for a name that begins with ~");
}

static void a_repository_is_relative_only_if_it_is_a_path(void **state)
{
	static const struct { const char *url, *git; } cases[] = {
		{ "r.git", "/etc/r.git" }, { "../r", "/etc/../r" }, { "/r", "/r" }, { "https://h/r", "https://h/r" },
		{ "git@h:r", "git@h:r" }, { "file:///r", "file:///r" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		const char *text = arena_printf(&a, "syncs: [{source: {git: {url: \"%s\", poll: 5s, path: p}}}]", cases[i].url);
		struct settings s;
		assert_string_equal(parse(&a, "/etc/c.yaml", text, &s), "");
		assert_string_equal(s.git, cases[i].git);
		assert_string_equal(s.path, "p");
		assert_int_equal(s.git_poll_ms, 5000);
	}
}

static void nothing_said_changes_nothing(void **state)
{
	static const char *const cases[] = { "", "# nothing\n", "{}", "service:\n", "syncs:\n", "syncs: [{}]\n", "log: {}" };

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		struct settings s;
		assert_string_equal(parse(&a, "c.yaml", cases[i], &s), "");
		assert_null(s.endpoint);
		assert_int_equal(s.concurrency, 8);
	}
}

#define TOP	"service, state_dir, log, syncs, http, serve, images"

static void what_is_wrong_has_its_place(void **state)
{
	static const struct { const char *text, *faults; } cases[] = {
		{ "servce: {}", "c.yaml:1:1: unknown key \"servce\"; did you mean \"service\"?" },
		{ "service: {endpiont: x}", "c.yaml:1:11: unknown key \"endpiont\"; did you mean \"endpoint\"?" },
		{ "service: {dir: x}", "c.yaml:1:11: unknown key \"dir\"; expected one of endpoint, stage, token_file, ca_file" },
		{ "service.endpoint: x", "c.yaml:1:1: unknown key \"service.endpoint\"; expected one of " TOP },
		{ "endpoint: x", "c.yaml:1:1: unknown key \"endpoint\"; expected one of " TOP },
		{ "log: {\"\": x}", "c.yaml:1:7: unknown key \"\"; expected one of level, format" },
		{ "service: x", "c.yaml:1:10: service: expected a mapping such as service: {endpoint: URL}, found a text" },
		{ "service: {endpoint: [x]}", "c.yaml:1:21: service.endpoint: expected a text, found a list" },
		{ "service: {stage: 12}", "c.yaml:1:18: service.stage: expected a text such as \"12\" in quotes, found a number" },
		{ "service: {endpoint: \"\"}", "c.yaml:1:21: service.endpoint: expected URL, found nothing" },
		{ "log: {level: loud}", "c.yaml:1:14: log.level: \"loud\" is not one of error, warn, info, debug" },
		{ "service: {token: abc}", "c.yaml:1:11: unknown key \"token\": put the token in a file and set "
		                           "token_file: FILE" },
		{ "http: 8485", "c.yaml:1:7: http: expected a mapping such as http: {listen: ADDRESS}, found a number" },
		{ "log: debug", "c.yaml:1:6: log: expected a mapping such as log: {level: error}, found a text" },
		{ "serve: {smtp: x}", "c.yaml:1:15: serve.smtp: expected a mapping such as smtp: {url: ...}, found a text" },
		{ "serve: x", "c.yaml:1:8: serve: expected a mapping such as serve: {jobs: N}, found a text" },
		{ "syncs: [{source: wf}]", "c.yaml:1:18: syncs.source: expected a mapping such as source: {dir: DIR}, found a "
		                           "text" },
		{ "syncs: [{source: {directory: wf}}]", "c.yaml:1:19: unknown key \"directory\"; expected one of dir, git" },
		{ "syncs: [{x: 1}]", "c.yaml:1:10: unknown key \"x\"; expected one of source, vars_passthrough, only, concurrency, owner, prune, "
		                     "undeclared, adopt, observe, max_delete_percent, max_update_percent, timeout, interval, name, "
		                     "on_invalid, observe_full, hook, vars, mask, service" },
		{ "syncs: [{interval: 30}]", "c.yaml:1:20: syncs.interval: expected a duration such as 30s, found a number" },
		{ "- x", "c.yaml:1:1: expected a mapping such as syncs: [...], found a list" },
		{ "a", "c.yaml:1:1: expected a mapping such as syncs: [...], found a text" },
		{ "syncs: {}", "c.yaml:1:8: syncs: expected a list of syncs, found a mapping" },
		{ "syncs: []", "c.yaml:1:8: syncs: expected a list of syncs, found none" },
		{ "syncs: [{name: a}, {}]", "c.yaml:1:20: expected a name: of several syncs each needs one" },
		{ "syncs: [{name: a}, {name: b}, {name: a}]", "c.yaml:1:31: another sync has the name \"a\" too" },
		{ "syncs: [{name: a/b}]", "c.yaml:1:16: syncs.name: expected 1 to 64 letters, digits and any of -_., "
		                          "found \"a/b\"" },
		{ "syncs: [{name: [a]}]", "c.yaml:1:16: syncs.name: expected a text, found a list" },
		{ "syncs: [{name: a}, {name: b, prune: 1}]", "c.yaml:1:37: syncs.prune: expected true or false, found a "
		                                             "number" },
		{ "syncs: [{service: {endpiont: x}}]", "c.yaml:1:20: unknown key \"endpiont\"; did you mean "
		                                       "\"endpoint\"?" },
		{ "syncs: [x]", "c.yaml:1:9: syncs: expected a mapping such as {source: {dir: DIR}}, found a text" },
		{ "syncs: [{source: {git: x}}]", "c.yaml:1:24: syncs.source.git: expected a mapping such as git: {url: URL}, found a text" },
		{ "syncs: [{source: {git: {brnach: x}}}]", "c.yaml:1:25: unknown key \"brnach\"; did you mean \"branch\"?" },
		{ "syncs: [{concurrency: 65}]",
		  "c.yaml:1:23: syncs.concurrency: \"65\" is not a whole number from 1 to 64" },
		{ "syncs: [{concurrency: \"8\"}]", "c.yaml:1:23: syncs.concurrency: expected a whole number, found a text" },
		{ "syncs: [{only: a}]", "c.yaml:1:16: syncs.only: expected a list of texts, found a text" },
		{ "syncs: [{only: [a, [b]]}]", "c.yaml:1:20: syncs.only: expected a text, found a list" },
		{ "syncs: [{vars: [a]}]", "c.yaml:1:16: syncs.vars: expected a mapping of names to texts, found a list" },
		{ "syncs: [{vars: {a: [b]}}]", "c.yaml:1:20: syncs.vars: \"a\": expected a text, found a list" },
		{ "log: {level: x}\nx: 1\nsyncs: [{timeout: 5s5}]",
		  "c.yaml:1:14: log.level: \"x\" is not one of error, warn, info, debug\n"
		  "c.yaml:2:1: unknown key \"x\"; expected one of " TOP "\n"
		  "c.yaml:3:19: syncs.timeout: \"5s5\" is not a duration such as 90s, 10m or 1h30m" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		struct settings s;
		assert_string_equal(parse(&a, "c.yaml", cases[i].text, &s), cases[i].faults);
	}
}

static void each_sync_has_its_own_and_what_holds_for_all(void **state)
{
	static const char text[] =
		"service: {endpoint: \"https://all/x\", stage: prod}\n"
		"syncs:\n"
		"  - {name: one, owner: a, prune: true}\n"
		"  - {name: two, service: {endpoint: local}, only: [b]}\n";
	static const struct { const char *endpoint, *name, *owner; bool prune; size_t only; } wanted[] = {
		{ "https://all/x", "one", "a", true, 0 }, { "local", "two", NULL, false, 1 },
	};
	CLEANUP(arena_free) struct arena a = { 0 };
	struct diagnostics f = { .arena = &a };
	struct config config;
	size_t found;

	assert_true(config_parse(&a, "c.yaml", NULL, text, strlen(text), &config, &f));
	assert_int_equal(config.count, 2);
	for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
		struct settings s = { 0 };
		assert_true(config_find(&config, wanted[i].name, &found));
		assert_int_equal(found, i);
		config_set(&a, &config, i, &s);
		assert_string_equal(s.endpoint, wanted[i].endpoint);
		assert_string_equal(s.stage, "prod");
		assert_string_equal(s.sync_name, wanted[i].name);
		assert_true(wanted[i].owner ? s.owner && strcmp(s.owner, wanted[i].owner) == 0 : !s.owner);
		assert_int_equal(s.prune, wanted[i].prune);
		assert_int_equal(s.only.count, wanted[i].only);
	}
	assert_false(config_find(&config, "three", &found));
	struct settings all = { 0 };
	config_set(&a, &config, CONFIG_NO_SYNC, &all);
	assert_string_equal(all.endpoint, "https://all/x");
	assert_null(all.sync_name);
}

static void a_second_document_is_refused(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	struct settings s;

	assert_string_equal(parse(&a, "c.yaml", "log: {level: info}\n---\nlog: {level: warn}\n", &s),
	                    "c.yaml:3:1: expected one YAML document, found 2");
}

static void a_file_that_is_not_there_is_named(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	struct diagnostics f = { .arena = &a };
	struct config config;

	assert_false(config_read(&a, "/nonexistent/c.yaml", NULL, &config, &f));
	assert_int_equal(f.count, 1);
	assert_string_equal(diagnostics_text_line(&a, &f.items[0]),
	                    "/nonexistent/c.yaml: configuration file: cannot be read: No such file or directory");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_key_is_read),
		cmocka_unit_test(a_relative_path_begins_at_the_file),
		cmocka_unit_test(a_tilde_is_the_home_directory),
		cmocka_unit_test(a_tilde_that_cannot_be_expanded_is_a_fault),
		cmocka_unit_test(a_repository_is_relative_only_if_it_is_a_path),
		cmocka_unit_test(nothing_said_changes_nothing),
		cmocka_unit_test(what_is_wrong_has_its_place),
		cmocka_unit_test(each_sync_has_its_own_and_what_holds_for_all),
		cmocka_unit_test(a_second_document_is_refused),
		cmocka_unit_test(a_file_that_is_not_there_is_named),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
