#include "tests/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "agent/util/file.h"
#include "agent/service/steps/exec_limits.h"
#include "agent/service/steps/step_command.h"
#include "reconcile/tree/json.h"

static char secrets[] = "/tmp/flowsync-prepare-XXXXXX";
static struct arena arena;

static struct node *tree(const char *json)
{
	struct node *n = NULL;
	struct err err;

	if (json && !json_read(&arena, json, strlen(json), &n, &err))
		fail_msg("%s: %s", json, err.msg);
	return n;
}

static const char *const service_env[] = {
	"PATH=/opt/bin:/bin", "HOME=/root", "TZ=Asia/Kathmandu", "FLOWSYNC_TOKEN=t", "LD_PRELOAD=x.so", "LANG=", NULL,
};

/* What is asked for, and what comes out. */
struct made {
	const char *step;			/* JSON */
	const char *env, *secrets, *missing;	/* JSON; NULL: none */
	struct step_options options;
	const char *const *service_env;			/* NULL: service_env */
	unsigned attempts;
	const char *const *masks;			/* of the execution; NULL: none */
};

/* The commands, "sh -c x; ...", with "<N" for the N bytes of an input; or "no: WHY". */
static const char *commands;
/* "A=1 B=2", without what every step has. */
static const char *environment_of, *masks, *notes;

static const char *join(const char *const *list, const char *between)
{
	const char *text = "";

	for (; *list; list++)
		text = arena_printf(&arena, "%s%s%s", text, *text ? between : "", *list);
	return text;
}

static const char *command_text(const struct attempt_command *c)
{
	return arena_printf(&arena, "%s%s%s", c->self ? "self: " : "", join(c->argv, "|"), c->input ? " <" : "");
}

static struct attempt make(const struct made *m)
{
	CLEANUP(buf_done) struct buf said = BUF(1000);
	struct dag_step step = { .name = "s", .body = tree(m->step), .attempts = m->attempts };
	struct dag_start start = {
		.step = &step, .env = m->env ? tree(m->env) : node_map(&arena), .secrets = tree(m->secrets),
		.missing = tree(m->missing),
	};
	const struct step_execution run = { "u-1", "daily report", 12, m->masks };
	struct step_options options = m->options;
	struct attempt out = { 0 };
	struct err err;

	options.env = (char **)(uintptr_t)(m->service_env ? m->service_env : service_env);
	options.place.secrets_dir = secrets;
	options.place.mirrors = "/nowhere/mirrors";
	commands = "";
	if (!step_command_prepare(&arena, &options, &run, &start, "/nowhere/folder", &out, &said, &err)) {
		commands = arena_printf(&arena, "no: %s", err.msg);
	} else {
		assert_string_equal(out.folder, "/nowhere/folder");
		assert_null(out.cgroup);
		for (size_t i = 0; i < out.command_count; i++)
			commands = arena_printf(&arena, "%s%s%s", commands, i ? "; " : "", command_text(&out.commands[i]));
		environment_of = join(out.env, " ");
		masks = join(out.masks, " ");
	}
	notes = arena_strdup(&arena, buf_str(&said));
	return out;
}

#define SERVICE	"PATH=/opt/bin:/bin HOME=/root TZ=Asia/Kathmandu"
#define PLACE	" WORKFLOW_ID=12 WORKFLOW_NAME=daily report WORKFLOW_EXECUTION_ID=u-1 WORKFLOW_STEP=s WORKFLOW_ATTEMPT=1"

/* ---- the environment ---- */

static void a_step_gets_what_it_needs_of_the_service_and_no_more(void **state)
{
	static const char *const bare[] = { "HOME=/h", NULL };

	make(&(struct made){ "{\"command\":\"x\"}", .attempts = 1 });
	assert_string_equal(environment_of, SERVICE PLACE);
	assert_string_equal(masks, "");
	assert_string_equal(notes, "");
	make(&(struct made){ "{\"command\":\"x\"}", .attempts = 3, .service_env = bare });
	assert_string_equal(environment_of,
	                    "HOME=/h PATH=/usr/local/bin:/usr/bin:/bin WORKFLOW_ID=12 WORKFLOW_NAME=daily report "
	                    "WORKFLOW_EXECUTION_ID=u-1 WORKFLOW_STEP=s WORKFLOW_ATTEMPT=3");
	assert_string_equal(join(step_command_environment(&arena, &(struct step_options){
		.env = (char **)(uintptr_t)service_env }), " "), SERVICE);
}

static void parameters_win_over_all_but_what_is_ours(void **state)
{
	make(&(struct made){ "{\"command\":\"x\"}", "{\"A\":\"1\",\"PATH\":\"/mine\",\"WORKFLOW_STEP\":\"other\",\"B C\":\"=\"}",
	                     .attempts = 1 });
	assert_string_equal(environment_of,
	                    "PATH=/mine HOME=/root TZ=Asia/Kathmandu WORKFLOW_ID=12 WORKFLOW_NAME=daily report "
	                    "WORKFLOW_EXECUTION_ID=u-1 WORKFLOW_STEP=s WORKFLOW_ATTEMPT=1 A=1 B C==");
	assert_string_equal(notes, "");
}

static void what_cannot_be_a_variable_and_what_nobody_wrote_is_noted(void **state)
{
	make(&(struct made){ "{\"command\":\"x\",\"parameters\":{\"inherit\":{\"ROWS\":\"N\"}}}", "{\"\":\"1\",\"A=B\":\"2\",\"C\":\"3\"}",
	                     .missing = "[\"ROWS\",\"DAYS\"]", .attempts = 1 });
	assert_string_equal(environment_of, SERVICE PLACE " C=3");
	assert_string_equal(notes, "flowsync: \"\" is not a valid name of a variable; not set\n"
	                    "flowsync: \"A=B\" is not a valid name of a variable; not set\n"
	                    "flowsync: ROWS is not set: no earlier step wrote the output parameter N\n"
	                    "flowsync: DAYS is not set: no earlier step wrote the output parameter \n");
}

static void the_value_of_a_variable_whose_name_tells_is_masked(void **state)
{
	make(&(struct made){ "{\"command\":\"x\"}",
	                     "{\"API_KEY\":\"k1\",\"MODE\":\"full\",\"db_password\":\"p1\",\"EMPTY_TOKEN\":\"\"}", .attempts = 1 });
	assert_string_equal(masks, "k1 p1");
}

/* ---- secrets ---- */

static void secrets_are_variables_that_no_log_shows(void **state)
{
	make(&(struct made){ "{\"command\":\"x\"}", .secrets = "[\"db-password\",7,\"x.y\"]", .attempts = 1 });
	assert_string_equal(environment_of, SERVICE PLACE
	                    " DB_PASSWORD_CUSTOM=hush1 DB_PASSWORD=hush1 X_Y_CUSTOM=hush2 X_Y=hush2");
	assert_string_equal(masks, "hush1 hush2");
	assert_string_equal(notes, "");
	assert_null(strstr(commands, "hush"));
}

static void a_secret_replaces_nothing_that_is_set(void **state)
{
	static const struct { const char *env, *names, *added, *notes; } cases[] = {
		{ "{}", "[\"path\"]", " PATH_CUSTOM=evil", "flowsync: secret \"path\" is not in PATH, which is already set\n" },
		{ "{}", "[\"home\"]", " HOME_CUSTOM=evil", "flowsync: secret \"home\" is not in HOME, which is already set\n" },
		{ "{}", "[\"ld-preload\"]", " LD_PRELOAD_CUSTOM=evil",
		  "flowsync: secret \"ld-preload\" is not in LD_PRELOAD: programs load libraries by such variables\n" },
		{ "{}", "[\"workflow-id\"]", " WORKFLOW_ID_CUSTOM=evil",
		  "flowsync: secret \"workflow-id\" is not in WORKFLOW_ID, which is already set\n" },
		{ "{\"DB_PASSWORD\":\"mine\"}", "[\"db-password\"]", " DB_PASSWORD=mine DB_PASSWORD_CUSTOM=hush1",
		  "flowsync: secret \"db-password\" is not in DB_PASSWORD, which is already set\n" },
		{ "{}", "[\"db-password\",\"db.password\"]", " DB_PASSWORD_CUSTOM=hush1 DB_PASSWORD=hush1",
		  "flowsync: secret \"db.password\" is not in DB_PASSWORD_CUSTOM, which is already set\n"
		  "flowsync: secret \"db.password\" is not in DB_PASSWORD, which is already set\n" },
		/* What the service has not, and what only sounds alike. */
		{ "{}", "[\"user\"]", " USER_CUSTOM=evil USER=evil", "" },
		{ "{}", "[\"old-path\"]", " OLD_PATH_CUSTOM=evil OLD_PATH=evil", "" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		make(&(struct made){ "{\"command\":\"x\"}", cases[i].env, cases[i].names, .attempts = 1 });
		assert_string_equal(environment_of, arena_printf(&arena, SERVICE PLACE "%s", cases[i].added));
		assert_string_equal(notes, cases[i].notes);
	}
}

static void a_user_may_say_what_a_step_loads(void **state)
{
	make(&(struct made){ "{\"command\":\"x\"}", "{\"LD_PRELOAD\":\"my.so\"}", "[\"ld-preload\"]", .attempts = 1 });
	assert_string_equal(environment_of, SERVICE PLACE " LD_PRELOAD=my.so LD_PRELOAD_CUSTOM=evil");
}

static void a_secret_that_is_not_there_is_told(void **state)
{
	make(&(struct made){ "{\"command\":\"x\"}", .secrets = "[\"db-password\",\"none\"]", .attempts = 1 });
	assert_string_equal(commands, arena_printf(&arena, "no: secret \"none\" was not found: expected a file of that name "
	                                           "in %s", secrets));
	make(&(struct made){ "{\"command\":\"x\"}", .secrets = "[\"../etc/passwd\"]", .attempts = 1 });
	assert_string_equal(commands, "no: the name of a secret is not a file name: it is empty, too long, begins with a "
	                    "dot, or has a slash or a control character in it");
}

/* ---- commands by type ---- */

static void a_standard_step_is_a_command_of_the_shell(void **state)
{
	static const struct { const char *step, *commands; } cases[] = {
		{ "{\"command\":\"make all > log\"}", "/bin/sh|-c|make all > log" },
		{ "{\"type\":\"standard\",\"command\":\"x\",\"repository\":null}", "/bin/sh|-c|x" },
		{ "{\"type\":null}", "/bin/sh|-c|" },
		{ "{\"command\":\"x\",\"repository\":{\"url\":\"https://git.example.com/o/r\",\"branch\":\"main\"}}",
		  "self: step-checkout <; /bin/sh|-c|x" },
		{ "{\"command\":\"x\",\"repository\":{\"url\":\"https://git.example.com/o/r\",\"branch\":\"main\","
		  "\"token\":\"none\"}}", NULL },
		{ "{\"command\":\"x\",\"repository\":{\"url\":\"ftp://x/y\",\"branch\":\"main\"}}", NULL },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		make(&(struct made){ cases[i].step, .attempts = 1 });
		if (cases[i].commands)
			assert_string_equal(commands, cases[i].commands);
		else
			assert_memory_equal(commands, "no: ", 4);
	}
}

static void the_credential_of_a_checkout_is_in_its_input_alone(void **state)
{
	struct attempt made = make(&(struct made){
		"{\"command\":\"x\",\"repository\":{\"url\":\"https://git.example.com/o/r\",\"branch\":\"main\","
		"\"token\":\"git-token\"}}", .attempts = 1 });

	assert_string_equal(commands, "self: step-checkout <; /bin/sh|-c|x");
	assert_non_null(memmem(made.commands[0].input, made.commands[0].len, "hush3", 5));
	assert_non_null(strstr(masks, "hush3"));
	assert_null(strstr(environment_of, "hush3"));
	assert_null(made.commands[1].input);
}

static void the_prefix_of_an_image_is_the_most_exact_one(void **state)
{
	static struct var all[] = { { "*", "any" }, { "12", "twelve" }, { "12:3", "exact" } }, one[] = { { "12:3", "exact" } };
	static const struct { const char *ids; struct var_list images; const char *command; } cases[] = {
		{ "\"imageId\":12,\"imageVersionId\":3", { all, 3 }, "/bin/sh|-c|exact /bin/sh -c \"$1\"|sh|x 'y'" },
		{ "\"imageId\":12,\"imageVersionId\":4", { all, 3 }, "/bin/sh|-c|twelve /bin/sh -c \"$1\"|sh|x 'y'" },
		{ "\"imageId\":12", { all, 3 }, "/bin/sh|-c|twelve /bin/sh -c \"$1\"|sh|x 'y'" },
		{ "\"imageId\":13,\"imageVersionId\":3", { all, 3 }, "/bin/sh|-c|any /bin/sh -c \"$1\"|sh|x 'y'" },
		{ "\"imageId\":13", { all, 3 }, "/bin/sh|-c|any /bin/sh -c \"$1\"|sh|x 'y'" },
		{ "\"imageId\":12,\"imageVersionId\":3", { one, 1 }, "/bin/sh|-c|exact /bin/sh -c \"$1\"|sh|x 'y'" },
		{ "\"imageId\":12", { one, 1 }, "/bin/sh|-c|x 'y'" },
		{ "\"imageId\":1,\"imageVersionId\":2", { one, 1 }, "/bin/sh|-c|x 'y'" },
		{ "\"imageId\":12", { 0 }, "/bin/sh|-c|x 'y'" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		make(&(struct made){ arena_printf(&arena, "{%s,\"command\":\"x 'y'\"}", cases[i].ids),
		                     .options.images = cases[i].images, .attempts = 1 });
		assert_string_equal(commands, cases[i].command);
	}
}

static char *long_text(char c, size_t len)
{
	char *text = arena_new(&arena, char, len + 1);

	memset(text, c, len);
	return text;
}

static void what_the_kernel_does_not_take_is_named_with_its_limit(void **state)
{
	size_t most = exec_limits_text();
	struct rlimit stack;
	const char *env = "";

	assert_int_equal(getrlimit(RLIMIT_STACK, &stack), 0);
	stack.rlim_cur = 8 << 20;
	assert_int_equal(setrlimit(RLIMIT_STACK, &stack), 0);
	make(&(struct made){ arena_printf(&arena, "{\"command\":\"%s\"}", long_text('x', most)), .attempts = 1 });
	assert_memory_equal(commands, "/bin/sh|-c|x", 12);
	make(&(struct made){ arena_printf(&arena, "{\"command\":\"%s\"}", long_text('x', most + 1)), .attempts = 1 });
	assert_string_equal(commands, arena_printf(&arena, "no: its command is too long: %zu bytes, and the kernel takes %zu; put the "
	                                           "script into a file, as in a repository", most + 1, most));
	make(&(struct made){ "{\"command\":\"x\"}", arena_printf(&arena, "{\"BIG\":\"%s\"}", long_text('x', most - 4)), .attempts = 1 });
	assert_string_equal(commands, "/bin/sh|-c|x");
	make(&(struct made){ "{\"command\":\"x\"}", arena_printf(&arena, "{\"BIG\":\"%s\"}", long_text('x', most - 3)), .attempts = 1 });
	assert_string_equal(commands, arena_printf(&arena, "no: the variable BIG is too long: %zu bytes with its name, and the kernel "
	                                           "takes %zu", most + 1, most));
	/* An http step has no variables. */
	make(&(struct made){ "{\"type\":\"http\",\"method\":\"get\",\"url\":\"http://x\"}",
	                     arena_printf(&arena, "{\"BIG\":\"%s\"}", long_text('x', most)), .attempts = 1 });
	assert_string_equal(commands, "self: step-http <");
	/* All together: a quarter of the stack. */
	for (int i = 0; i < 22; i++)
		env = arena_printf(&arena, "%s%s\"V%d\":\"%s\"", env, i ? "," : "", i, long_text('x', 100000 + (i == 7)));
	make(&(struct made){ "{\"command\":\"x\"}", arena_printf(&arena, "{%s}", env), .attempts = 1 });
	assert_non_null(strstr(commands, "no: its command and its variables are too long together: 220"));
	assert_non_null(strstr(commands, " bytes, and the kernel takes 2093056; the longest variable is V7"));
}

/* Another step may have passed them on in an output parameter. */
static void the_secrets_of_other_steps_are_masked_too(void **state)
{
	static const char *const others[] = { "hush7", "hush8", NULL };
	struct attempt made = make(&(struct made){ "{\"command\":\"x\"}", .attempts = 1, .masks = others });

	assert_string_equal(masks, "hush7 hush8");
	made = make(&(struct made){ "{\"type\":\"http\",\"method\":\"get\",\"url\":\"http://x\"}", .attempts = 1, .masks = others });
	assert_string_equal(masks, "hush7 hush8");
	assert_non_null(memmem(made.commands[0].input, made.commands[0].len, "[\"hush7\",\"hush8\"]", 17));
}

static void an_http_step_is_a_command_of_ours(void **state)
{
	struct attempt made = make(&(struct made){
		"{\"type\":\"http\",\"method\":\"post\",\"url\":\"http://x/{{A}}\",\"headers\":{\"secrets\":{\"X\":\"db-password\"}}}",
		"{\"A\":\"one\"}", .attempts = 1 });

	assert_string_equal(commands, "self: step-http <");
	assert_non_null(memmem(made.commands[0].input, made.commands[0].len, "http://x/one", 12));
	assert_string_equal(masks, "hush1");
	assert_string_equal(environment_of, SERVICE PLACE " A=one");
	/* A variable that programs obey is none of ours. */
	assert_string_equal(join(made.commands[0].env, " "), SERVICE PLACE);
	make(&(struct made){ "{\"type\":\"http\",\"method\":\"get\",\"url\":\"http://x/\",\"auth\":{\"type\":\"bearer-token\","
	                     "\"bearerToken\":\"none\"}}", .attempts = 1 });
	assert_memory_equal(commands, "no: the secret that auth.bearerToken names was not found", 56);
}

static void sql_and_export_steps_are_what_the_operator_says(void **state)
{
	static const struct { const char *step; struct step_options options; const char *commands, *env; } cases[] = {
		{ "{\"type\":\"sql\",\"sqlQueryPath\":\"a.sql\"}", { .export = "e" },
		  "no: this service cannot run sql steps: set serve.sql to the command for them", NULL },
		{ "{\"type\":\"export\"}", { .sql = "q" },
		  "no: this service cannot run export steps: set serve.export to the command for them", NULL },
		{ "{\"type\":\"sql\",\"sqlQueryPath\":\"a.sql\"}", { .sql = "psql -f \"$SQL_QUERY_PATH\"" },
		  "/bin/sh|-c|psql -f \"$SQL_QUERY_PATH\"", " SQL_QUERY_PATH=a.sql" },
		{ "{\"type\":\"sql\",\"repository\":{\"url\":\"https://x/y\",\"branch\":\"m\",\"filePath\":\"b/c.sql\"}}",
		  { .sql = "q" }, "self: step-checkout <; /bin/sh|-c|q", " SQL_QUERY_PATH=b/c.sql" },
		{ "{\"type\":\"export\",\"schema\":\"s\",\"table\":\"t\",\"sortBy\":\"c\"}", { .export = "e" }, "/bin/sh|-c|e",
		  " EXPORT_SCHEMA=s EXPORT_TABLE=t EXPORT_SORT_BY=c EXPORT_SORT_ORDER=asc EXPORT_COMPRESSION=false" },
		{ "{\"type\":\"export\",\"schema\":\"s\",\"table\":\"t\",\"sortBy\":\"c\",\"sortOrder\":\"desc\",\"compression\":true}",
		  { .export = "e" }, "/bin/sh|-c|e",
		  " EXPORT_SCHEMA=s EXPORT_TABLE=t EXPORT_SORT_BY=c EXPORT_SORT_ORDER=desc EXPORT_COMPRESSION=true" },
		{ "{\"type\":\"other\"}", { 0 }, "no: this service cannot run steps of type \"other\"", NULL },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		make(&(struct made){ cases[i].step, .options = cases[i].options, .attempts = 1 });
		assert_string_equal(commands, cases[i].commands);
		if (cases[i].env)
			assert_string_equal(environment_of, arena_printf(&arena, SERVICE PLACE "%s", cases[i].env));
	}
}

/* An image is for standard steps; a sql step's parameters are variables too. */
static void an_operators_command_gets_the_parameters_and_no_image(void **state)
{
	static struct var all[] = { { "*", "any" } };

	make(&(struct made){ "{\"type\":\"sql\",\"sqlQueryPath\":\"a.sql\"}", "{\"DAY\":\"1\"}",
	                     .options = { .sql = "q", .images = { all, 1 } }, .attempts = 1 });
	assert_string_equal(commands, "/bin/sh|-c|q");
	assert_string_equal(environment_of, SERVICE PLACE " DAY=1 SQL_QUERY_PATH=a.sql");
}

static void keep_secret(const char *name, const char *value)
{
	struct err err;

	if (!file_replace(&arena, arena_printf(&arena, "%s/%s", secrets, name), value, strlen(value), 0600, &err))
		fail_msg("%s", err.msg);
}

static int enter(void **state)
{
	static const char *const evil[] = { "path", "home", "ld-preload", "workflow-id", "user", "old-path" };

	if (!mkdtemp(secrets))
		return -1;
	keep_secret("db-password", "hush1\n");
	keep_secret("db.password", "hush4");
	keep_secret("x.y", "hush2");
	keep_secret("git-token", "hush3");
	for (size_t i = 0; i < ARRAY_LEN(evil); i++)
		keep_secret(evil[i], "evil");
	return 0;
}

static int leave(void **state)
{
	struct err err;
	bool good = attempt_remove(secrets, &err);

	arena_free(&arena);
	return !good;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_step_gets_what_it_needs_of_the_service_and_no_more),
		cmocka_unit_test(parameters_win_over_all_but_what_is_ours),
		cmocka_unit_test(what_cannot_be_a_variable_and_what_nobody_wrote_is_noted),
		cmocka_unit_test(the_value_of_a_variable_whose_name_tells_is_masked),
		cmocka_unit_test(secrets_are_variables_that_no_log_shows),
		cmocka_unit_test(a_secret_replaces_nothing_that_is_set),
		cmocka_unit_test(a_user_may_say_what_a_step_loads),
		cmocka_unit_test(a_secret_that_is_not_there_is_told),
		cmocka_unit_test(a_standard_step_is_a_command_of_the_shell),
		cmocka_unit_test(the_credential_of_a_checkout_is_in_its_input_alone),
		cmocka_unit_test(the_prefix_of_an_image_is_the_most_exact_one),
		cmocka_unit_test(what_the_kernel_does_not_take_is_named_with_its_limit),
		cmocka_unit_test(the_secrets_of_other_steps_are_masked_too),
		cmocka_unit_test(an_http_step_is_a_command_of_ours),
		cmocka_unit_test(sql_and_export_steps_are_what_the_operator_says),
		cmocka_unit_test(an_operators_command_gets_the_parameters_and_no_image),
	};
	return cmocka_run_group_tests(tests, enter, leave);
}
