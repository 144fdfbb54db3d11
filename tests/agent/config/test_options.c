#include "tests/test.h"
#include "agent/config/config_file.h"
#include "agent/config/options.h"

#include <string.h>

enum { ALL_GROUPS = FOR_ALL | FOR_PLAN | FOR_CYCLE | FOR_REPORTED | FOR_SPECS | FOR_RESULT | FOR_SERVE | FOR_DESCRIBE | FOR_LIST };

static char *no_env[] = { NULL };

/* All faults, each in one line. */
static const char *lines_of(struct arena *a, const struct diagnostics *f)
{
	const char *all = "";

	for (size_t i = 0; i < f->count; i++)
		all = arena_printf(a, "%s%s%s%s", all, i ? "\n" : "", f->items[i].warning ? "warning: " : "",
		                   f->items[i].message);
	return all;
}

/* Reads a command line whose words stand between single spaces, and env; returns the faults. */
static const char *read_line(struct arena *a, unsigned groups, const char *text, char **env, struct settings *s)
{
	struct diagnostics f = { .arena = a };
	struct command_line line;
	char *argv[32] = { (char *)"flowsync" };
	int argc = 1;

	for (char *rest = arena_strdup(a, text), *word; *text && (word = strsep(&rest, " ")); )
		argv[argc++] = word;
	options_scan(a, argc, argv, &line, &f);
	options_defaults(a, groups, env, s);
	options_from_env(a, groups, env, s, &f);
	options_from_argv(a, groups, "plan", &line, s, &f);
	return lines_of(a, &f);
}

/* What a member holds, as a text. */
static const char *value_of(struct arena *a, const struct option *o, const struct settings *s)
{
	const void *at = (const char *)s + o->offset;
	const char *all = "";

	switch (o->type) {
	case OPTION_FLAG:
		return *(const bool *)at ? "yes" : "no";
	case OPTION_NUMBER:
		return arena_printf(a, "%d", *(const int *)at);
	case OPTION_DURATION:
		return arena_printf(a, "%lldms", (long long)*(const int64_t *)at);
	case OPTION_WORD:
	case OPTION_OUTPUT:
		for (const struct option_word *w = o->words; w->word; w++)
			if (w->value == *(const int *)at)
				return w->word;
		return "?";
	case OPTION_LIST:
		for (size_t i = 0; i < ((const struct texts *)at)->count; i++)
			all = arena_printf(a, "%s%s", all, ((const struct texts *)at)->items[i]);
		return all;
	default:
		return *(const char *const *)at ? *(const char *const *)at : "";
	}
}

/* Three values that the option may have and that differ, to be given in three places. */
static const char *sample(const struct option *o, int which)
{
	static const char *const durations[] = { "1000ms", "2000ms", "3000ms" };
	static const char *const numbers[] = { "2", "3", "4" };
	static const char *const texts[] = { "/a", "/b", "/c" };

	if (o->type == OPTION_FLAG)
		return which % 2 ? "no" : "yes";
	if (o->words)
		return o->words[which].word ? o->words[which].word : o->words[0].word;
	return (o->type == OPTION_DURATION ? durations : o->type == OPTION_NUMBER ? numbers : texts)[which];
}

static const char *variable(struct arena *a, const struct option *o)
{
	char *name = arena_printf(a, "FLOWSYNC_%s", o->name);

	for (char *p = name; *p; p++)
		*p = *p == '-' ? '_' : *p >= 'a' && *p <= 'z' ? (char)(*p - 32) : *p;
	return name;
}

/* "service.endpoint" and a value as a configuration file. */
static const char *config_of(struct arena *a, const struct option *o, const char *value)
{
	const char *quoted = o->type == OPTION_NUMBER ? value : arena_printf(a, "\"%s\"", value);
	CLEANUP(buf_done) struct buf b = BUF_TEXT;
	size_t depth = 0;

	for (const char *key = o->key; key; depth++) {
		const char *dot = strchr(key, '.');
		int len = (int)(dot ? (size_t)(dot - key) : strlen(key));
		bool list = depth == 0 && strncmp(key, "syncs", 5) == 0;
		buf_addf(&b, "%.*s: %s", len, key, list ? "[{" : dot ? "{" : "");
		key = dot ? dot + 1 : NULL;
	}
	buf_addf(&b, o->type == OPTION_LIST ? "[%s]" : "%s", quoted);
	while (--depth > 0)
		buf_adds(&b, depth == 1 && strncmp(o->key, "syncs", 5) == 0 ? "}]" : "}");
	return arena_strdup(a, buf_str(&b));
}

static void each_option_beats_its_variable_and_that_the_file(void **state)
{
	for (const struct option *o = option_table; o->name; o++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		unsigned groups = o->groups | FOR_ALL;
		const char *file = sample(o, 0), *var = sample(o, 1), *line = sample(o, 2);
		char *env[] = { arena_printf(&a, "%s=%s", variable(&a, o), var), NULL };
		struct diagnostics f = { .arena = &a };
		struct settings s;
		struct command_line cl = { .given = &(struct given){ o->name, line }, .given_count = 1 };

		if (o->type == OPTION_FLAG)
			cl.given[0].value = NULL;
		options_defaults(&a, groups, no_env, &s);
		if (o->key) {
			const char *text = config_of(&a, o, file);
			struct config config = { 0 };
			config_parse(&a, "/f.yaml", NULL, text, strlen(text), &config, &f);
			assert_string_equal(lines_of(&a, &f), "");
			config_set(&a, &config, 0, &s);
			assert_string_equal(value_of(&a, o, &s), file);
			assert_string_equal(settings_origin(&s, (char *)&s + o->offset)->name, o->key);
		} else if (o->otherwise) {
			assert_string_equal(value_of(&a, o, &s), o->otherwise);
			assert_null(settings_origin(&s, (char *)&s + o->offset));
		}
		if (!o->no_variable) {
			options_from_env(&a, groups, env, &s, &f);
			assert_string_equal(value_of(&a, o, &s), var);
			assert_string_equal(settings_origin(&s, (char *)&s + o->offset)->name, variable(&a, o));
		}
		options_from_argv(&a, groups, "plan", &cl, &s, &f);
		assert_string_equal(value_of(&a, o, &s), o->type == OPTION_FLAG ? "yes" : line);
		assert_string_equal(settings_origin(&s, (char *)&s + o->offset)->name,
		                    arena_printf(&a, "--%s", o->name));
		assert_string_equal(lines_of(&a, &f), "");
	}
}

static void a_wrong_option_is_named(void **state)
{
	static const struct { const char *line, *faults; } cases[] = {
		{ "--endpont x", "unknown option \"--endpont\"; did you mean \"--endpoint\"?" },
		{ "--hlep", "unknown option \"--hlep\"; did you mean \"--help\"?" },
		{ "--zzz=secret", "unknown option \"--zzz\"" },
		{ "-z", "unknown option \"-z\"" },
		{ "-zsecret", "unknown option \"-z\"" },
		{ "-detailed-exitcode", "unknown option \"-detailed-exitcode\"; did you mean \"--detailed-exitcode\"?" },
		{ "-version", "unknown option \"-version\"; did you mean \"--version\"?" },
		{ "-stage=secret", "unknown option \"-stage\"; did you mean \"--stage\"?" },
		{ "--dry-run", "unknown option \"--dry-run\"; flowsync plan shows what a sync would do" },
		{ "--port 9000", "unknown option \"--port\"; did you mean \"--listen\"?" },
		{ "-qz", "unknown option \"-z\"" },
		{ "--token abc", "--token: a token never stands on a command line, where others can read it; put it in "
		                 "a file and give --token-file, or set FLOWSYNC_TOKEN" },
		{ "--token=abc", "--token: a token never stands on a command line, where others can read it; put it in "
		                 "a file and give --token-file, or set FLOWSYNC_TOKEN" },
		{ "--quiet=yes", "--quiet takes no value" },
		{ "--endpoint", "--endpoint: expected URL, found nothing" },
		{ "--endpoint=", "--endpoint: expected URL, found nothing" },
		{ "-c", "--config: expected FILE, found nothing" },
		{ "--output", "--output: expected human|json, found nothing" },
		{ "--listen x", "\"plan\" takes no option --listen" },
		{ "--concurrency x", "--concurrency: \"x\" is not a whole number from 1 to 64" },
		{ "--concurrency 0", "--concurrency: \"0\" is not a whole number from 1 to 64" },
		{ "--concurrency 65", "--concurrency: \"65\" is not a whole number from 1 to 64" },
		{ "--concurrency 8x", "--concurrency: \"8x\" is not a whole number from 1 to 64" },
		{ "--concurrency -1", "--concurrency: \"-1\" is not a whole number from 1 to 64" },
		{ "--concurrency 4294967297", "--concurrency: \"4294967297\" is not a whole number from 1 to 64" },
		{ "-o yaml", "--output: \"yaml\" is not one of human, json" },
		{ "--log-level wran", "--log-level: \"wran\" is not one of error, warn, info, debug; "
		                      "did you mean \"warn\"?" },
		{ "--timeout 10", "--timeout: \"10\" is not a duration such as 90s, 10m or 1h30m" },
		{ "--zz --concurrency x", "unknown option \"--zz\"\n"
		                          "--concurrency: \"x\" is not a whole number from 1 to 64" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		struct settings s;
		assert_string_equal(read_line(&a, FOR_ALL | FOR_CYCLE | FOR_REPORTED | FOR_RESULT, cases[i].line, no_env, &s),
		                    cases[i].faults);
	}
}

static void a_duration_is_read_in_milliseconds(void **state)
{
	static const struct { const char *text; int64_t ms; } cases[] = {
		{ "90s", 90000 }, { "10m", 600000 }, { "1h30m", 5400000 }, { "500ms", 500 }, { "1h", 3600000 },
		{ "1m500ms", 60500 }, { "1h2m3s4ms", 3723004 }, { "0h1s", 1000 },
		{ "999999999h", INT64_C(3599999996400000) },
		/* and these are none: the default stays */
		{ "0s", 600000 }, { "1.5h", 600000 }, { "-1s", 600000 }, { "1m1h", 600000 }, { "1s1s", 600000 },
		{ "s", 600000 }, { "1d", 600000 }, { "1 h", 600000 }, { "1000000000s", 600000 }, { "5M", 600000 },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		const struct option *o = option_table;
		struct diagnostics f = { .arena = &a };
		struct settings s;

		while (strcmp(o->name, "timeout") != 0)
			o++;
		options_defaults(&a, FOR_CYCLE, no_env, &s);
		option_set(&a, o, cases[i].text, &(struct origin){ ORIGIN_OPTION, "--timeout", { 0 } }, &s, &f);
		assert_int_equal(s.timeout_ms, cases[i].ms);
		assert_int_equal(f.errors, cases[i].ms == 600000 && strcmp(cases[i].text, "10m") != 0);
	}
}

static void options_and_words_may_stand_in_any_order(void **state)
{
	static const char *const argvs[][12] = {
		{ "flowsync", "-qo", "json", "--only", "a", "plan", "--only=b", "dir", NULL },
		{ "flowsync", "plan", "dir", "-q", "-ojson", "--only=a", "--only", "b", NULL },
		{ "flowsync", "--quiet", "plan", "--output=json", "--only", "a", "--only", "b", "--", "dir", NULL },
	};
	for (size_t i = 0; i < ARRAY_LEN(argvs); i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		struct diagnostics f = { .arena = &a };
		struct command_line line;
		struct settings s;
		int argc = 0;

		while (argvs[i][argc])
			argc++;
		options_scan(&a, argc, (char **)argvs[i], &line, &f);
		assert_int_equal(line.word_count, 2);
		assert_string_equal(line.words[0], "plan");
		assert_string_equal(line.words[1], "dir");
		options_defaults(&a, ALL_GROUPS, no_env, &s);
		options_from_argv(&a, ALL_GROUPS, "plan", &line, &s, &f);
		assert_string_equal(lines_of(&a, &f), "");
		assert_true(s.quiet);
		assert_int_equal(s.output, OUTPUT_JSON);
		assert_int_equal(s.only.count, 2);
		assert_string_equal(s.only.items[1], "b");
	}
}

static void behind_two_dashes_and_alone_a_dash_is_a_word(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	struct diagnostics f = { .arena = &a };
	struct command_line line;
	const char *argv[] = { "flowsync", "-", "--", "-q", "--", "--help" };

	options_scan(&a, 6, (char **)argv, &line, &f);
	assert_int_equal(line.word_count, 4);
	assert_string_equal(line.words[1], "-q");
	assert_int_equal(line.given_count, 0);
	assert_false(line.help);
}

static void the_last_of_two_holds(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	struct settings s;

	assert_string_equal(read_line(&a, ALL_GROUPS,
	                              "--concurrency 3 --concurrency 5 --stage a --stage b", no_env,
	                              &s),
	                    "");
	assert_int_equal(s.concurrency, 5);
	assert_string_equal(s.stage, "b");
}

static void variables_are_read_and_unknown_ones_named(void **state)
{
	static const struct { const char *env, *faults; } cases[] = {
		{ "FLOWSYNC_CONCURRENCY=3", "" },
		{ "FLOWSYNC_CONCURRENCY=", "" },
		{ "FLOWSYNC_TOKEN=abc", "" },
		{ "FLOWSYNC_LISTEN=x", "" },
		{ "FLOWSYNCX=1", "" },
		{ "FLOWSYNC_QUIET=off", "" },
		{ "FLOWSYNC_CONCURRENCY=x", "FLOWSYNC_CONCURRENCY: \"x\" is not a whole number from 1 to 64" },
		{ "FLOWSYNC_QUIET=maybe", "FLOWSYNC_QUIET: \"maybe\" is not yes or no" },
		{ "FLOWSYNC_ENDPIONT=x", "warning: unknown variable FLOWSYNC_ENDPIONT; did you mean FLOWSYNC_ENDPOINT?" },
		{ "FLOWSYNC_TOKENN=abc", "warning: unknown variable FLOWSYNC_TOKENN; did you mean FLOWSYNC_TOKEN?" },
		{ "FLOWSYNC_X_Y_Z_ABRACADABRA=abc", "warning: unknown variable FLOWSYNC_X_Y_Z_ABRACADABRA" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		struct settings s;
		char *env[] = { arena_strdup(&a, cases[i].env), NULL };
		assert_string_equal(read_line(&a, FOR_ALL | FOR_CYCLE, "", env, &s), cases[i].faults);
	}
}

/* "With FLOWSYNC_STEP=b exported, `workflow execute two` runs only b and says Success": no more. */
static void options_of_workflow_commands_are_not_read_from_variables(void **state)
{
	enum { WORKFLOW = FOR_TABLE | FOR_DESCRIBE | FOR_LIST | FOR_PATCH | FOR_EXECUTE | FOR_EXECUTIONS | FOR_LOGS |
	                  FOR_DELETE };
	size_t count = 0;

	for (const struct option *o = option_table; o->name; o++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		char *env[] = { arena_printf(&a, "%s=%s", variable(&a, o), sample(o, 1)), NULL };
		struct diagnostics f = { .arena = &a };
		struct settings s;

		/* `serve --backup`, `plan --out` and `sync --plan` are something to do, not a setting. */
		bool to_do = strcmp(o->name, "backup") == 0 || strcmp(o->name, "plan") == 0 ||
		             (strcmp(o->name, "out") == 0 && (o->groups & FOR_PLAN));
		assert_int_equal(o->no_variable, (o->groups & WORKFLOW) != 0 || to_do);
		if (!o->no_variable)
			continue;
		options_defaults(&a, o->groups, no_env, &s);
		const char *before = value_of(&a, o, &s);
		options_from_env(&a, o->groups, env, &s, &f);
		assert_string_equal(value_of(&a, o, &s), before);
		count++;
	}
	assert_true(count > 20);
}

static void a_variable_that_no_command_reads_is_named(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	char *step[] = { arena_strdup(&a, "FLOWSYNC_STEP=b"), NULL }, *name[] = { arena_strdup(&a, "FLOWSYNC_NAME=b"), NULL };
	struct settings s;

	assert_string_equal(read_line(&a, FOR_EXECUTE | FOR_TABLE, "", step, &s),
	                    "warning: variable FLOWSYNC_STEP is not used: --step is read from the command line only");
	/* import reads the other. */
	assert_string_equal(read_line(&a, FOR_LIST | FOR_TABLE, "", name, &s), "");
	assert_null(s.name);
}

/* A member of s that is another value of the same type. */
static void change(const struct option *o, struct settings *s)
{
	static struct var var = { "12", "podman" };
	static const char *const item = "x";
	void *at = (char *)s + o->offset;

	switch (o->type) {
	case OPTION_FLAG:
		*(bool *)at = !*(bool *)at;
		break;
	case OPTION_NUMBER:
	case OPTION_WORD:
		*(int *)at += 1;
		break;
	case OPTION_DURATION:
		*(int64_t *)at += 1;
		break;
	case OPTION_LIST:
		*(struct texts *)at = (struct texts){ (const char **)&item, 1, 1 };
		break;
	case OPTION_MAP:
		*(struct var_list *)at = (struct var_list){ &var, 1, 1 };
		break;
	default:
		*(const char **)at = "other";
	}
}

static void two_settings_are_compared_by_the_type_of_their_row(void **state)
{
	for (const struct option *o = option_table; o->name || o->key; o++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		struct settings one, two;

		options_defaults(&a, o->groups | FOR_ALL, no_env, &one);
		options_defaults(&a, o->groups | FOR_ALL, no_env, &two);
		assert_true(option_equal(o, &one, &two));
		change(o, &two);
		assert_false(option_equal(o, &one, &two));
		assert_false(option_equal(o, &two, &one));
	}
}

static void images_differ_by_the_command_of_an_image_too(void **state)
{
	struct var one = { "12", "podman run" }, two = { "12", "docker run" };
	struct settings a = { .images = { &one, 1, 1 } }, b = { .images = { &two, 1, 1 } };

	for (const struct option *o = option_table; o->name || o->key; o++)
		if (o->offset == offsetof(struct settings, images))
			assert_false(option_equal(o, &a, &b));
}

static void a_list_in_a_variable_has_one_item_a_line_and_is_replaced_whole(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	char *env[] = { arena_strdup(&a, "FLOWSYNC_ONLY=a b\nc,d\n"), NULL };
	struct settings s;

	assert_string_equal(read_line(&a, ALL_GROUPS, "", env, &s), "");
	assert_int_equal(s.only.count, 2);
	assert_string_equal(s.only.items[0], "a b");
	assert_string_equal(s.only.items[1], "c,d");
	assert_string_equal(read_line(&a, ALL_GROUPS, "--only x", env, &s), "");
	assert_int_equal(s.only.count, 1);
	assert_string_equal(s.only.items[0], "x");
}

static void two_options_of_one_name_are_told_apart_by_the_command(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	struct settings s;

	assert_string_equal(read_line(&a, FOR_TABLE, "-o yaml", no_env, &s), "");
	assert_int_equal(s.output, OUTPUT_YAML);
	assert_string_equal(read_line(&a, FOR_TABLE, "", no_env, &s), "");
	assert_int_equal(s.output, OUTPUT_TABLE);
	assert_string_equal(read_line(&a, FOR_RESULT, "", no_env, &s), "");
	assert_int_equal(s.output, OUTPUT_HUMAN);
}

static void a_word_of_a_list_is_brought_to_its_spelling(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	struct settings s;

	assert_string_equal(read_line(&a, FOR_LIST, "--status paused --status Draft", no_env, &s), "");
	assert_string_equal(s.status.items[0], "Paused");
	assert_string_equal(s.status.items[1], "Draft");
	assert_string_equal(read_line(&a, FOR_LIST, "--status pausd", no_env, &s),
	                    "--status: \"pausd\" is not one of Draft, Running, Available, Paused; "
	                    "did you mean \"Paused\"?");
}

static void the_state_directory_follows_systemd_xdg_and_home(void **state)
{
	static const struct { const char *env[4], *dir; } cases[] = {
		{ { "HOME=/h" }, "/h/.local/state/flowsync" },
		{ { "HOME=/h", "XDG_STATE_HOME=/x" }, "/x/flowsync" },
		{ { "HOME=/h", "XDG_STATE_HOME=x" }, "/h/.local/state/flowsync" },
		{ { "HOME=/h", "XDG_STATE_HOME=" }, "/h/.local/state/flowsync" },
		{ { "HOME=/h", "XDG_STATE_HOME=/x", "STATE_DIRECTORY=/var/lib/a:/var/lib/b" }, "/var/lib/a" },
		{ { "HOME=/h", "FLOWSYNC_STATE_DIR=/v" }, "/v" },
		{ { NULL }, NULL },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		struct settings s;
		read_line(&a, FOR_ALL, "", (char **)cases[i].env, &s);
		if (cases[i].dir)
			assert_string_equal(s.state_dir, cases[i].dir);
		else
			assert_null(s.state_dir);
	}
}

/* The outputs as a command line gives them: the form of stdout, then the files. */
static const char *outputs_of(struct arena *a, const char *line, char *variable)
{
	CLEANUP(buf_done) struct buf out = BUF_TEXT;
	char *env[] = { variable, NULL };
	struct settings s;
	const char *faults = read_line(a, FOR_RENDERING, line, env, &s);

	if (*faults)
		return faults;
	buf_addf(&out, "%d", s.output);
	for (size_t i = 0; i < s.outputs.count; i++)
		buf_addf(&out, " %d %s", s.outputs.items[i].output, s.outputs.items[i].file);
	return arena_strdup(a, buf_str(&out));
}

static void a_report_is_written_in_several_forms(void **state)
{
	static const struct { const char *line, *variable, *outputs; } cases[] = {
		{ "", NULL, "0" },
		{ "-o json", NULL, "3" },
		{ "-o markdown=plan.md -o json=plan.json", NULL, "0 5 plan.md 3 plan.json" },
		{ "-o junit -o human=a=b.txt -o JSON=-", NULL, "3 0 a=b.txt" },
		/* all of a stronger place replaces all of a weaker one */
		{ "", "FLOWSYNC_OUTPUT=json\nmarkdown=a.md", "3 5 a.md" },
		{ "-o junit=x.xml", "FLOWSYNC_OUTPUT=json\nmarkdown=a.md", "0 6 x.xml" },
		{ "-o table=x", NULL, "--output: \"table\" is not one of human, json, markdown, junit" },
		{ "-o json=", NULL, "--output: expected the name of a file after \"json=\"" },
		{ "-o json=x -o junit=x", NULL, "--output: the file \"x\" is given twice" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		char *variable = cases[i].variable ? arena_strdup(&a, cases[i].variable) : NULL;
		assert_string_equal(outputs_of(&a, cases[i].line, variable), cases[i].outputs);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_report_is_written_in_several_forms),
		cmocka_unit_test(each_option_beats_its_variable_and_that_the_file),
		cmocka_unit_test(a_wrong_option_is_named),
		cmocka_unit_test(a_duration_is_read_in_milliseconds),
		cmocka_unit_test(options_and_words_may_stand_in_any_order),
		cmocka_unit_test(behind_two_dashes_and_alone_a_dash_is_a_word),
		cmocka_unit_test(the_last_of_two_holds),
		cmocka_unit_test(variables_are_read_and_unknown_ones_named),
		cmocka_unit_test(options_of_workflow_commands_are_not_read_from_variables),
		cmocka_unit_test(a_variable_that_no_command_reads_is_named),
		cmocka_unit_test(two_settings_are_compared_by_the_type_of_their_row),
		cmocka_unit_test(images_differ_by_the_command_of_an_image_too),
		cmocka_unit_test(a_list_in_a_variable_has_one_item_a_line_and_is_replaced_whole),
		cmocka_unit_test(two_options_of_one_name_are_told_apart_by_the_command),
		cmocka_unit_test(a_word_of_a_list_is_brought_to_its_spelling),
		cmocka_unit_test(the_state_directory_follows_systemd_xdg_and_home),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
