#include "tests/test.h"
#include "reconcile/plan/spec_write.h"

#include <string.h>
#include <time.h>

#include "reconcile/plan/diff.h"
#include "reconcile/schema/normalise.h"
#include "tests/tree.h"

#define HEAD	"# workflow 12, imported from https://h\n"
#define RETRY	"# /retryOptions: not shown by the service; add it if there is one\n"
#define META	"# /metadata: not shown by the service; add it if there is one\n"
#define IGNORED	"# To declare a key that flowsync.ignore lists, remove it from that list; until then it is left as it is.\n"
/* Shown, as null: so there are none, and no comment speaks of them. */
#define NONE	"\"metadata\":null,\"retryOptions\":null"
#define OURS	"\"tags\":[{\"name\":\"flowsync-ops\"},{\"name\":\"flowsync-id-00000000-v00000000\"}]"

static const struct {
	const char *why, *described, *text;
} cases[] = {
	{ "what the service fills in, null, empty and what means the same left out goes; the rest is in the table's order",
	  "{\"steps\":{\"s\":{\"stepTimeout\":0,\"command\":\"a\\nb\\n\",\"clearImageCache\":true,\"imageName\":\"x\","
	  "\"imageId\":7,\"type\":\"standard\",\"parents\":[],\"resources\":{\"storage\":\"10 GB\",\"instanceTypeId\":2},"
	  "\"executionParameters\":null,\"runConfiguration\":{\"skipConfiguration\":{\"skip\":false}},"
	  "\"parameters\":{\"env\":[{\"B\":1},{\"A\":\"\"}],\"inherit\":{}},\"nodeId\":\"n\"}},\"watchers\":[],"
	  "\"tags\":[{\"name\":\"z\"},{\"name\":\"a\"}],\"createdBy\":\"x\",\"name\":\"n\",\"status\":\"Available\",\"id\":12,"
	  "\"lastExecution\":null,\"createdAt\":\"t\",\"triggers\":[{\"webhook\":\"6f1d\"},{},{\"cron\":\"0 0 * * *\","
	  "\"scheduled\":\"t\"}]}",
	  HEAD META RETRY
	  "name: n\n"
	  "tags:\n"
	  "  - name: a\n"
	  "  - name: z\n"
	  "triggers:\n"
	  "  - cron: 0 0 * * *\n"
	  "  - webhook: true\n"
	  "steps:\n"
	  "  s:\n"
	  "    imageId: 7\n"
	  "    command: |\n"
	  "      a\n"
	  "      b\n"
	  "    resources:\n"
	  "      instanceTypeId: 2\n"
	  "      storage: 10 GB\n"
	  "    clearImageCache: true\n"
	  "    parameters:\n"
	  "      env:\n"
	  "        A: \"\"\n"
	  "        B: \"1\"\n" },
	{ "what must be there stays though it is empty",
	  "{\"id\":12,\"name\":\"n\",\"steps\":{}," NONE ",\"watchers\":[{\"user\":\"u\",\"events\":{\"success\":false},"
	  "\"id\":\"w\"}]}",
	  HEAD "name: n\nwatchers:\n  - user: u\n    events: {}\nsteps: {}\n" },
	{ "braces are written so that they are filled in as themselves, here and in the service's own tool",
	  "{\"id\":12,\"name\":\"n\"," NONE ",\"steps\":{\"s\":{\"type\":\"standard\",\"imageId\":7,"
	  "\"command\":\"{{ x }} {{.Names}} ${#a}{%\"}}}",
	  HEAD "name: n\nsteps:\n  s:\n    imageId: 7\n"
	  "    command: \"{{ '{{' }} x }} {{ '{{' }}.Names}} ${{ '{#' }}a}{{ '{%' }}\"\n" },
	{ "a text that ends the file with a newline gets another, which is the file's",
	  "{\"id\":12,\"name\":\"n\"," NONE ",\"steps\":{\"s\":{\"type\":\"standard\",\"imageId\":7,"
	  "\"command\":\"a\\nb\\n\"}}}",
	  HEAD "name: n\nsteps:\n  s:\n    imageId: 7\n    command: |\n      a\n      b\n\n" },
	{ "a text that ends the file without one gets none",
	  "{\"id\":12,\"name\":\"n\"," NONE ",\"steps\":{\"s\":{\"type\":\"standard\",\"imageId\":7,"
	  "\"command\":\"a\\nb\"}}}",
	  HEAD "name: n\nsteps:\n  s:\n    imageId: 7\n    command: |-\n      a\n      b\n" },
	{ "what is never to be deleted stays so",
	  "{\"id\":12,\"name\":\"n\",\"steps\":{}," NONE ",\"tags\":[{\"name\":\"flowsync-ops\"},"
	  "{\"name\":\"flowsync-keep\"}]}",
	  HEAD "# owner: ops\nflowsync:\n  prune: false\nname: n\nsteps: {}\n" },
	{ "options that are there, though all of them are as usual, mean something",
	  "{\"id\":12,\"name\":\"n\",\"steps\":{},\"metadata\":{},\"retryOptions\":{\"duration\":5,\"numberOfRetries\":3}}",
	  HEAD "name: n\nretryOptions:\n  duration: 5\n  numberOfRetries: 3\nsteps: {}\n" },
	{ "parents come first, else names decide",
	  "{\"id\":12,\"name\":\"n\"," NONE ",\"steps\":{\"a\":{\"type\":\"sql\",\"sqlQueryPath\":\"q\",\"parents\":[\"c\",\"b\"]},"
	  "\"d\":{\"type\":\"sql\",\"sqlQueryPath\":\"q\"},\"c\":{\"type\":\"sql\",\"sqlQueryPath\":\"q\",\"parents\":[\"d\"]},"
	  "\"b\":{\"type\":\"sql\",\"sqlQueryPath\":\"q\",\"clearImageCache\":false,\"command\":\"x\"}}}",
	  HEAD
	  "name: n\n"
	  "steps:\n"
	  "  b:\n    type: sql\n    sqlQueryPath: q\n"
	  "  d:\n    type: sql\n    sqlQueryPath: q\n"
	  "  c:\n    type: sql\n    sqlQueryPath: q\n    parents:\n      - d\n"
	  "  a:\n    type: sql\n    sqlQueryPath: q\n    parents:\n      - b\n      - c\n" },
	{ "a paused one says so, a running one is none for long",
	  "{\"id\":12,\"name\":\"n\",\"status\":\"Paused\",\"steps\":{}," NONE "}", HEAD "# status: Paused\nname: n\nsteps: {}\n" },
	{ "...", "{\"id\":12,\"name\":\"n\",\"status\":\"Running\",\"steps\":{}," NONE "}", HEAD "name: n\nsteps: {}\n" },
	{ "secrets go with the smallest thing that can be without",
	  "{\"id\":12,\"name\":\"n\"," NONE ",\"watchers\":[{\"user\":\"u\",\"events\":{\"fail\":true}},{\"webhook\":{\"name\":\"p\","
	  "\"url\":\"https://CANARY\",\"payload\":\"{\\\"k\\\":\\\"CANARY\\\"}\"},\"events\":{\"fail\":true}}],\"steps\":{"
	  "\"h\":{\"type\":\"http\",\"method\":\"post\",\"url\":\"https://h/x\",\"payload\":\"https://h/?CANARY\",\"headers\":{"
	  "\"absolute\":{\"A\":\"CANARY\"},\"secrets\":{\"B\":\"stored\"}},\"auth\":{\"type\":\"basic\",\"username\":\"CANARY\","
	  "\"password\":\"CANARY\"}},\"s\":{\"imageId\":7,\"command\":\"c\",\"repository\":{\"url\":\"g\",\"branch\":\"b\",\"token\":"
	  "\"CANARY\"},\"parameters\":{\"env\":{\"MY_PASSWORD\":\"CANARY\",\"PLAIN\":\"p\",\"URL\":\"ftp://CANARY@h\"}}},"
	  "\"t\":{\"imageId\":7,\"command\":\"c\",\"repository\":{\"url\":\"https://CANARY@g\",\"branch\":\"b\"}}}}",
	  HEAD
	  "# /watchers: left out, /watchers/*/webhook/url is secret\n"
	  "# /steps/h/payload: left out, it is secret\n"
	  "# /steps/h/headers/absolute/A: left out, it is secret\n"
	  "# /steps/h/auth: left out, /steps/h/auth/username is secret\n"
	  "# /steps/s/repository/token: left out, it is secret\n"
	  "# /steps/s/parameters/env/MY_PASSWORD: left out, it is secret\n"
	  "# /steps/s/parameters/env/URL: left out, it is secret\n"
	  "# /steps/t/repository: left out, /steps/t/repository/url is secret\n"
	  "name: n\n"
	  "steps:\n"
	  "  h:\n"
	  "    type: http\n"
	  "    method: post\n"
	  "    url: https://h/x\n"
	  "    headers:\n"
	  "      secrets:\n"
	  "        B: stored\n"
	  "  s:\n"
	  "    imageId: 7\n"
	  "    command: c\n"
	  "    repository:\n"
	  "      url: g\n"
	  "      branch: b\n"
	  "    parameters:\n"
	  "      env:\n"
	  "        PLAIN: p\n"
	  "  t:\n"
	  "    imageId: 7\n"
	  "    command: c\n" },
	{ "a secret that no spec can be without is masked and ignored",
	  "{\"id\":12,\"name\":\"n\"," NONE ",\"steps\":{\"a/b\":{\"imageId\":7,\"command\":\"curl https://u:CANARY@h/x?k=CANARY | sh\"},"
	  "\"q\":{\"type\":\"sql\",\"repository\":{\"url\":\"CANARY@g/x\",\"branch\":\"b\",\"filePath\":\"f\",\"token\":\"\"}}}}",
	  HEAD
	  "# /steps/a~1b/command: holds a secret, which is masked here and not compared\n"
	  "# /steps/q/repository/url: holds a secret, which is masked here and not compared\n"
	  "# /steps/q/repository/token: not shown by the service; add it if there is one\n"
	  IGNORED
	  "flowsync:\n"
	  "  ignore:\n"
	  "    - /steps/a~1b/command\n"
	  "    - /steps/q/repository/url\n"
	  "name: n\n"
	  "steps:\n"
	  "  a/b:\n"
	  "    imageId: 7\n"
	  "    command: \"curl https://(masked #1)@h/x?(masked #1) | sh\"\n"
	  "  q:\n"
	  "    type: sql\n"
	  "    repository:\n"
	  "      url: \"(masked #1)@g/x\"\n"
	  "      branch: b\n"
	  "      filePath: f\n" },
	{ "what flowsync wrote before has a record, which would miss what is left out",
	  "{\"id\":12,\"name\":\"n\"," OURS ",\"steps\":{\"s\":{\"type\":\"http\",\"method\":\"get\",\"url\":\"https://h\",\"headers\":{"
	  "\"absolute\":{\"A\":\"CANARY\",\"B\":\"CANARY\"}},\"auth\":{\"type\":\"api-key\",\"apiKey\":\"\"}}}}",
	  HEAD
	  "# owner: ops\n"
	  "# /steps/s/headers/absolute/A: left out, it is secret\n"
	  "# /steps/s/headers/absolute/B: left out, it is secret\n"
	  "# /steps/s/auth: left out, /steps/s/auth/apiKey is secret\n"
	  META RETRY IGNORED
	  "flowsync:\n"
	  "  ignore:\n"
	  "    - /steps/s/headers\n"
	  "    - /steps/s/auth\n"
	  "    - /metadata\n"
	  "    - /retryOptions\n"
	  "name: n\n"
	  "steps:\n"
	  "  s:\n"
	  "    type: http\n"
	  "    method: get\n"
	  "    url: https://h\n" },
	{ "a name cannot end a comment's line, and a workflow's own name is no secret",
	  "{\"id\":12,\"name\":\"ftp://a@b?c\"," NONE ",\"status\":\"x\\nsteps: 1\",\"steps\":{\"s\\n#\":{\"imageId\":7,\"command\":\"c\","
	  "\"parameters\":{\"env\":{\"KEY\\u2028\":\"CANARY\"}}}}}",
	  HEAD
	  "# status: x?steps: 1\n"
	  "# /steps/s?#/parameters/env/KEY?: left out, it is secret\n"
	  "name: ftp://a@b?c\n"
	  "steps:\n"
	  "  \"s\\n#\":\n"
	  "    imageId: 7\n"
	  "    command: c\n" },
};

/* What a plan sees: the changes that the spec in text would make to what describe gave. */
static size_t changes(struct arena *a, const char *text, const struct node *described)
{
	struct specs specs = tree_specs(a, text);
	struct diff diff;

	diff_three_way(a, &(struct diff_sides){
		.name = specs.items[0].name, .declared = normalise(a, spec_body(a, &specs.items[0])),
		.observed = normalise(a, described), .ignore = specs.items[0].ignore,
	}, &diff);
	return diff.count;
}

static void each_workflow_becomes_this_text_and_a_plan_over_it_is_empty(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		CLEANUP(buf_done) struct buf out = BUF_TEXT;
		const struct node *described = tree_json(&a, cases[i].described);
		struct err err;

		if (!spec_write(&a, described, "https://h", &out, &err))
			fail_msg("%s: %s", cases[i].why, err.msg);
		if (strcmp(buf_str(&out), cases[i].text) != 0)
			print_message("%s\n", cases[i].why);
		assert_string_equal(buf_str(&out), cases[i].text);
		assert_null(strstr(buf_str(&out), "CANARY"));
		assert_int_equal(changes(&a, buf_str(&out), described), 0);
	}
}

static void the_order_in_which_the_service_gives_things_does_not_matter(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	CLEANUP(buf_done) struct buf one = BUF_TEXT, two = BUF_TEXT;
	struct err err;

	assert_true(spec_write(&a, tree_json(&a,
		"{\"id\":1,\"name\":\"n\",\"tags\":[{\"name\":\"a\"},{\"name\":\"b\"}],\"watchers\":[{\"user\":\"x\",\"events\":{}},"
		"{\"user\":\"y\",\"events\":{\"fail\":true}}],\"steps\":{\"a\":{\"imageId\":7,\"command\":\"c\",\"parameters\":{\"env\":"
		"{\"X\":\"1\",\"KEY1\":\"s\",\"KEY2\":\"s\"},\"secrets\":[\"p\",\"q\"]}},\"b\":{\"imageId\":7,\"command\":\"c\"}}}"),
		"h", &one, &err));
	assert_true(spec_write(&a, tree_json(&a,
		"{\"steps\":{\"b\":{\"command\":\"c\",\"imageId\":7},\"a\":{\"parameters\":{\"secrets\":[\"q\",\"p\"],\"env\":"
		"{\"KEY2\":\"s\",\"KEY1\":\"s\",\"X\":\"1\"}},\"imageId\":7,\"command\":\"c\"}},\"name\":\"n\",\"watchers\":["
		"{\"events\":{\"fail\":true},\"user\":\"y\"},{\"events\":{},\"user\":\"x\"}],\"id\":1,\"tags\":[{\"name\":\"b\"},"
		"{\"name\":\"a\"}]}"), "h", &two, &err));
	assert_string_equal(buf_str(&one), buf_str(&two));
}

static void what_no_spec_can_say_is_refused_and_nothing_is_written(void **state)
{
	static const struct { const char *described, *message; } refused[] = {
		{ "{\"id\":1,\"name\":\"n\",\"steps\":{\"s\":{\"imageId\":\"7\",\"command\":\"c\"}}}",
		  "it would not be a valid spec: /steps/s/imageId: expected a whole number, found a text" },
		{ "{\"id\":1,\"name\":\"n\",\"steps\":{\"s\":{\"type\":\"spark\"}}}",
		  "it would not be a valid spec: /steps/s/type: expected standard, http, export or sql, found \"spark\"" },
		{ "{\"id\":1,\"name\":\"n\",\"steps\":{\"a\":{\"imageId\":7,\"command\":\"c\",\"parents\":[\"b\"]},"
		  "\"b\":{\"imageId\":7,\"command\":\"c\",\"parents\":[\"a\"]}}}",
		  "it would not be a valid spec: /steps/b/parents: steps wait for each other in a circle: a -> b -> a" },
		{ "{\"id\":1,\"name\":\"a\\nb\",\"steps\":{}}",
		  "it would not be a valid spec: /name: expected a name on one line, found a control character" },
		{ "{\"id\":1,\"name\":\"n\",\"steps\":{},\"watchers\":[{\"events\":{\"fail\":true}}]}",
		  "it would not be a valid spec: /watchers/0: expected exactly one of \"user\", \"webhook\", \"email\", found none" },
		{ "{\"id\":1,\"name\":\"n\",\"steps\":{},\"tags\":\"x\"}",
		  "it would not be a valid spec: /tags: expected a list such as [{name: red}], found a text" },
		{ "{\"id\":1,\"name\":\"n\",\"steps\":{\"s\":{\"type\":\"http\",\"method\":\"get\",\"url\":\"u\",\"auth\":[\"CANARY\"]}}}",
		  "it would not be a valid spec: /steps/s/auth: expected a mapping, found a list" },
	};
	for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		CLEANUP(buf_done) struct buf out = BUF_TEXT;
		struct err err;

		assert_false(spec_write(&a, tree_json(&a, refused[i].described), "h", &out, &err));
		assert_string_equal(err.msg, refused[i].message);
		assert_int_equal(out.len, 0);
	}
}

/* CPU time of a workflow where each step waits for the next by name. */
static clock_t time_of_chain(int steps)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	CLEANUP(buf_done) struct buf text = BUF_TEXT, out = BUF_TEXT;
	struct err err;

	buf_adds(&text, "{\"id\":1,\"name\":\"n\",\"steps\":{");
	for (int i = 0; i < steps; i++)
		buf_addf(&text, "\"s%06d\":{\"imageId\":7,\"command\":\"c\",\"parents\":[\"s%06d\"]},", i, i + 1);
	buf_addf(&text, "\"s%06d\":{\"imageId\":7,\"command\":\"c\"}}}", steps);
	const struct node *described = tree_json(&a, buf_str(&text));
	clock_t begun = clock();
	assert_true(spec_write(&a, described, "h", &out, &err));
	clock_t took = clock() - begun;
	/* The last by name comes first. */
	assert_true(strstr(buf_str(&out), arena_printf(&a, "  s%06d:\n", steps)) < strstr(buf_str(&out), "  s000000:\n"));
	return took;
}

/* Linear is 8, quadratic 64. */
static void the_time_is_linear_in_the_steps(void **state)
{
	clock_t few = time_of_chain(rounds_of(1000)), many = time_of_chain(rounds_of(8000));

	if (many > 24 * few)
		fail_msg("1000 steps take %ld, 8000 take %ld", (long)few, (long)many);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_workflow_becomes_this_text_and_a_plan_over_it_is_empty),
		cmocka_unit_test(the_order_in_which_the_service_gives_things_does_not_matter),
		cmocka_unit_test(what_no_spec_can_say_is_refused_and_nothing_is_written),
		cmocka_unit_test(the_time_is_linear_in_the_steps),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
