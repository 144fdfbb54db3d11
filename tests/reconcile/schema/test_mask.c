#include "tests/test.h"
#include "reconcile/schema/mask.h"

#include <string.h>

#include "reconcile/tree/json.h"
#include "reconcile/plan/render.h"
#include "tests/fake_service.h"
#include "tests/tree.h"

static void what_is_masked_is_what_the_design_says(void **state)
{
	static const struct { const char *body, *shown; } cases[] = {
		{ "{\"steps\":{\"s\":{\"repository\":{\"url\":\"github.com/a/b\",\"branch\":\"main\",\"token\":\"git\"}}}}",
		  "{\"steps\":{\"s\":{\"repository\":{\"url\":\"github.com/a/b\",\"branch\":\"main\",\"token\":\"(masked #1)\"}}}}" },
		{ "{\"steps\":{\"s\":{\"repository\":{\"token\":\"\"}}}}", "{\"steps\":{\"s\":{\"repository\":{\"token\":\"\"}}}}" },
		{ "{\"steps\":{\"s\":{\"auth\":{\"type\":\"oauth\",\"clientId\":\"a\",\"clientSecret\":\"b\",\"authUrl\":\"c\"}}}}",
		  "{\"steps\":{\"s\":{\"auth\":{\"type\":\"oauth\",\"clientId\":\"(masked #1)\",\"clientSecret\":\"(masked #1)\","
		  "\"authUrl\":\"(masked #1)\"}}}}" },
		{ "{\"steps\":{\"s\":{\"auth\":{\"type\":\"basic\",\"username\":\"a\",\"password\":\"b\"}}}}",
		  "{\"steps\":{\"s\":{\"auth\":{\"type\":\"basic\",\"username\":\"(masked #1)\",\"password\":\"(masked #1)\"}}}}" },
		{ "{\"steps\":{\"s\":{\"auth\":{\"type\":\"api-key\",\"apiKey\":\"a\"}}}}",
		  "{\"steps\":{\"s\":{\"auth\":{\"type\":\"api-key\",\"apiKey\":\"(masked #1)\"}}}}" },
		{ "{\"steps\":{\"s\":{\"auth\":{\"type\":\"bearer-token\",\"bearerToken\":\"a\"}}}}",
		  "{\"steps\":{\"s\":{\"auth\":{\"type\":\"bearer-token\",\"bearerToken\":\"(masked #1)\"}}}}" },
		{ "{\"steps\":{\"s\":{\"headers\":{\"absolute\":{\"X-A\":\"v\"},\"secrets\":{\"X-B\":\"name\"}}}}}",
		  "{\"steps\":{\"s\":{\"headers\":{\"absolute\":{\"X-A\":\"(masked #1)\"},\"secrets\":{\"X-B\":\"name\"}}}}}" },
		{ "{\"watchers\":[{\"webhook\":{\"name\":\"p\",\"url\":\"https://h/x\",\"payload\":\"{}\"}}]}",
		  "{\"watchers\":[{\"webhook\":{\"name\":\"p\",\"url\":\"(masked #1)\",\"payload\":\"(masked #1)\"}}]}" },
		{ "{\"triggers\":[{\"webhook\":\"6f1de3aa\"},{\"webhook\":true},{\"cron\":\"0 0 * * *\"}]}",
		  "{\"triggers\":[{\"webhook\":\"(masked #1)\"},{\"webhook\":true},{\"cron\":\"0 0 * * *\"}]}" },
		{ "{\"steps\":{\"s\":{\"parameters\":{\"env\":{\"DB_PASSWORD\":\"a\",\"Secret\":\"b\",\"API_TOKEN\":\"c\","
		  "\"monkey\":\"d\",\"CREDS\":1,\"MODE\":\"e\"}}}}}",
		  "{\"steps\":{\"s\":{\"parameters\":{\"env\":{\"DB_PASSWORD\":\"(masked #1)\",\"Secret\":\"(masked #1)\","
		  "\"API_TOKEN\":\"(masked #1)\",\"monkey\":\"(masked #1)\",\"CREDS\":\"(masked #1)\",\"MODE\":\"e\"}}}}}" },
		{ "{\"steps\":{\"s\":{\"parameters\":{\"env\":[{\"TOKEN\":\"a\"},{\"MODE\":\"e\"}],\"secrets\":[\"db-password\"],"
		  "\"inherit\":{\"KEY\":\"P\"}}}}}",
		  "{\"steps\":{\"s\":{\"parameters\":{\"env\":[{\"TOKEN\":\"(masked #1)\"},{\"MODE\":\"e\"}],"
		  "\"secrets\":[\"db-password\"],\"inherit\":{\"KEY\":\"P\"}}}}}" },
		{ "{\"steps\":{\"s\":{\"command\":\"curl https://me:pw@h/x?t=1 && ls\",\"url\":\"https://h/x?q=a b&t='1'\"}}}",
		  "{\"steps\":{\"s\":{\"command\":\"curl https://(masked #1)@h/x?(masked #1) && ls\","
		  "\"url\":\"https://h/x?(masked #1)\"}}}" },
		{ "{\"novel\":[\"https://u:p@h/\\u0000\",1e400],\"n\":18446744073709551615}",
		  "{\"novel\":[\"(masked #1)\",1e400],\"n\":18446744073709551615}" },
		{ "{\"novel\":{\"secretKeys\":{\"a\":\"b\"},\"list\":[\"https://u@h\"],\"n\":1}}",
		  "{\"novel\":{\"secretKeys\":\"(masked #1)\",\"list\":[\"https://(masked #1)@h\"],\"n\":1}}" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		struct node *body = tree_json(&a, cases[i].body);

		assert_string_equal(tree_text(&a, mask(&a, &workflow_field, body, 1)), cases[i].shown);
		assert_string_equal(tree_text(&a, body), cases[i].body);
	}
}

static void user_and_query_parts_of_urls_are_masked(void **state)
{
	static const struct { const char *text, *shown; } cases[] = {
		{ "no url", "no url" },
		{ "https://h.example/p", "https://h.example/p" },
		{ "https://h.example/p?", "https://h.example/p?" },
		{ "https://h.example/p?a=1", "https://h.example/p?(masked #2)" },
		{ "https://h.example/p?a=1#f", "https://h.example/p?(masked #2)#f" },
		{ "https://user@h.example", "https://(masked #2)@h.example" },
		{ "https://user:p@ss@h.example/x@y", "https://(masked #2)@h.example/x@y" },
		{ "https://h.example/?to=a@b", "https://h.example/?(masked #2)" },
		{ "https://h.example/?a={{b}}&token=c", "https://h.example/?(masked #2)" },
		{ "https://h.example/?a='b'&token=c d", "https://h.example/?(masked #2) d" },
		{ "{\"u\":\"https://h/?a=1\",\"v\":\"ftp://u:p@h\"}", "{\"u\":\"https://h/?(masked #2)\",\"v\":\"ftp://(masked #2)@h\"}" },
		{ "https://a?b https://c?d", "https://a?(masked #2) https://c?(masked #2)" },
		/* what stands behind a URL in prose is no part of it */
		{ "see http://host and mail a@b.c", "see http://host and mail a@b.c" },
		{ "http://host is down, why?", "http://host is down, why?" },
		{ "<http://host> \"http://u@host\" a@b?c", "<http://host> \"http://(masked #2)@host\" a@b?c" },
		{ "://", "://" }, { "https://", "https://" }, { "https://@", "https://(masked #2)@" },
		{ "", "" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		assert_string_equal(mask_urls(&a, cases[i].text, 2), cases[i].shown);
	}
}

static void a_field_that_is_a_url_is_one_to_its_end(void **state)
{
	static const struct { const char *text, *shown; } cases[] = {
		{ "github.com/org/repo", "github.com/org/repo" },
		{ "https://u:p@github.com/org/repo", "https://(masked #1)@github.com/org/repo" },
		{ "u:p@github.com/org/repo", "(masked #1)@github.com/org/repo" },
		{ "git@github.com:org/repo.git", "(masked #1)@github.com:org/repo.git" },
		{ "h/p?q=a b\"c&t=1", "h/p?(masked #1)" },
		{ "https://h/p?next=https://x?y", "https://h/p?(masked #1)" },
		{ "h/p?next=https://x/y", "h/p?(masked #1)" },
	};
	const struct field *step = workflow_field.fields;

	while (strcmp(step->name, "steps") != 0)
		step++;
	const struct field *url = field_child(step->fields, "url", ALL_KINDS);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		assert_string_equal(mask(&a, url, node_text(&a, cases[i].text), 1)->text, cases[i].shown);
	}
}

static void masked_values_are_cut_out_of_any_text(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	struct node *body = tree_json(&a, "{\"steps\":{\"s\":{\"imageId\":4711,\"repository\":{\"token\":\"abcd\"},"
		"\"parameters\":{\"env\":{\"PASS\":\"abc\",\"KEY\":98765,\"SECRETS\":{\"deep\":\"deeper\"}}}}}}");

	assert_string_equal(mask_values(&a, body, "abcd abc 98765 4711 deeper xabcdx"),
	                    "(masked #1) abc (masked #1) 4711 (masked #1) x(masked #1)x");
}

/* Every secret of a workflow, as CANARY, in what is declared and otherwise in what is there. */
#define SECRETS(c, image) \
	"name: w\n" \
	"triggers: [{webhook: true}]\n" \
	"watchers:\n" \
	"  - {webhook: {name: p, url: 'https://hooks.example/" c "/x?y=" c "', payload: '{\"" c "\": 1}'}, events: {fail: true}}\n" \
	"steps:\n" \
	"  one:\n" \
	"    imageId: " image "\n" \
	"    command: curl https://me:" c "@h.example/p?k=" c "\n" \
	"    repository: {url: 'https://" c ":x@git.example/r?q=" c "', branch: b, token: " c "}\n" \
	"    parameters: {env: {DB_PASSWORD: " c ", my_Token: " c ", CREDENTIALS: " c "}}\n" \
	"  two:\n" \
	"    type: http\n" \
	"    method: post\n" \
	"    url: https://h.example/p?k={{x}}" c "\n" \
	"    payload: '{\"u\": \"https://" c "@h/?" c "\"}'\n" \
	"    headers: {absolute: {X-Key: " c "}}\n" \
	"    auth: {type: oauth, clientId: " c ", clientSecret: " c ", authUrl: https://" c "/" c "}\n" \
	"  three:\n" \
	"    type: http\n" \
	"    method: get\n" \
	"    url: h.example\n" \
	"    auth: {type: basic, username: " c ", password: " c "}\n" \
	"  four:\n" \
	"    type: http\n" \
	"    method: get\n" \
	"    url: h.example\n" \
	"    auth: {type: api-key, apiKey: " c "}\n"

static void no_canary(struct arena *a, struct report *report, struct diagnostics *faults)
{
	CLEANUP(buf_done) struct buf human = BUF_TEXT;
	struct node *tree = report_tree(a, report);

	render_document(tree, &(struct render_options){ 0 }, &human);
	assert_null(strstr(buf_str(&human), "CANARY"));
	assert_null(strstr(tree_text(a, tree), "CANARY"));
	assert_null(strstr(tree_faults(a, faults), "CANARY"));
}

static void no_output_of_any_cycle_shows_a_secret(void **state)
{
	static const char *const declared[] = {
		SECRETS("CANARY", "1"), SECRETS("CANARY2", "1"), SECRETS("CANARY2", "2"),
		"name: w\nwatchers: []\ntriggers: []\nsteps: {s: {imageId: 1, command: c}}\n",
	};
	static const struct fake_fault faults_of[] = {
		{ 0 },
		{ .operation = OP_CREATE, .times = 1, .status = 422, .body = "{\"detail\":\"CANARY is no token\"}" },
		{ .operation = OP_UPDATE, .times = 1, .status = 422, .body = "{\"detail\":\"found CANARY2 or https://hooks.example/CANARY2/x?y=CANARY2\"}" },
	};
	for (size_t i = 0; i < ARRAY_LEN(faults_of); i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		CLEANUP(fake_done) struct fake f = { .faults = { faults_of[i] } };

		for (size_t j = 0; j < ARRAY_LEN(declared) * 2; j++) {
			const struct cycle_options options = { .apply = j % 2 };
			struct specs specs = tree_specs(&a, declared[j / 2]);
			struct diagnostics faults = { .arena = &a };
			struct report report = { 0 };

			fake_cycle(&f, &a, &specs, &options, &report, &faults);
			no_canary(&a, &report, &faults);
		}
		/* It was all there: the service has been told. */
		assert_non_null(strstr(tree_text(&a, f.items[0].before), "CANARY"));
	}
}

static void that_a_secret_changed_is_visible(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	CLEANUP(fake_done) struct fake f = { 0 };
	struct specs old = tree_specs(&a, SECRETS("CANARY", "1")), new = tree_specs(&a, SECRETS("CANARY2", "1"));

	fake_sync(&f, &a, &old);
	assert_string_equal(fake_plan(&f, &a, &new),
	    "warning: workflow \"w\" has no record of an earlier apply: keys removed from the spec cannot be detected\n"
	    "~ change    w (id 612)  s.yaml:1\n"
	    "    ~ /watchers/0/webhook/url (webhook/name: p)  \"(masked #1)\" -> \"(masked #2)\"  line 4\n"
	    "    ~ /watchers/0/webhook/payload (webhook/name: p)  \"(masked #1)\" -> \"(masked #2)\"  line 4\n"
	    "    ~ /steps/one/command  line 8\n"
	    "    -     \"curl https://(masked #1)@h.example/p?(masked #1)\"\n"
	    "    +     \"curl https://(masked #2)@h.example/p?(masked #2)\"\n"
	    "    ~ /steps/one/repository/url  line 9\n"
	    "    -     \"https://(masked #1)@git.example/r?(masked #1)\"\n"
	    "    +     \"https://(masked #2)@git.example/r?(masked #2)\"\n"
	    "    + /steps/one/repository/token  \"(masked #1)\"  line 9\n"
	    "    ~ /steps/one/parameters/env/DB_PASSWORD  \"(masked #1)\" -> \"(masked #2)\"  line 10\n"
	    "    ~ /steps/one/parameters/env/my_Token  \"(masked #1)\" -> \"(masked #2)\"  line 10\n"
	    "    ~ /steps/one/parameters/env/CREDENTIALS  \"(masked #1)\" -> \"(masked #2)\"  line 10\n"
	    "    ~ /steps/two/url  line 14\n"
	    "    -     \"https://h.example/p?(masked #1)\"\n"
	    "    +     \"https://h.example/p?(masked #2)\"\n"
	    "    ~ /steps/two/payload  line 15\n"
	    "    -     \"{\\\"u\\\": \\\"https://(masked #1)@h/?(masked #1)\\\"}\"\n"
	    "    +     \"{\\\"u\\\": \\\"https://(masked #2)@h/?(masked #2)\\\"}\"\n"
	    "    ~ /steps/two/headers/absolute/X-Key  \"(masked #1)\" -> \"(masked #2)\"  line 16\n"
	    "    ~ /steps/two/auth/clientId  \"(masked #1)\" -> \"(masked #2)\"  line 17\n"
	    "    ~ /steps/two/auth/clientSecret  \"(masked #1)\" -> \"(masked #2)\"  line 17\n"
	    "    ~ /steps/two/auth/authUrl  \"(masked #1)\" -> \"(masked #2)\"  line 17\n"
	    "    ~ /steps/three/auth/username  \"(masked #1)\" -> \"(masked #2)\"  line 22\n"
	    "    ~ /steps/three/auth/password  \"(masked #1)\" -> \"(masked #2)\"  line 22\n"
	    "    ~ /steps/four/auth/apiKey  \"(masked #1)\" -> \"(masked #2)\"  line 27\n"
	    "\n"
	    "Plan: 0 to create, 1 to change, 0 to delete; 0 unchanged\n"
	    "A sync sends about 5 requests and takes about a second.\n");
}

static void what_a_configuration_names_is_masked_too(void **state)
{
	static const struct { const char *patterns, *body, *masked; } cases[] = {
		{ "[\"/steps/*/command\"]", "{\"steps\":{\"a\":{\"command\":\"c\",\"imageId\":7}}}",
		  "{\"steps\":{\"a\":{\"command\":\"(masked #1)\",\"imageId\":7}}}" },
		/* All that is below. */
		{ "[\"/tags\"]", "{\"name\":\"n\",\"tags\":[{\"name\":\"a\"},{\"name\":\"b\"}]}",
		  "{\"name\":\"n\",\"tags\":[{\"name\":\"(masked #1)\"},{\"name\":\"(masked #1)\"}]}" },
		/* env as describe gives it has the places of a map. */
		{ "[\"/steps/a/parameters/env/X\"]",
		  "{\"steps\":{\"a\":{\"parameters\":{\"env\":[{\"X\":\"1\"},{\"Y\":\"2\"}]}}}}",
		  "{\"steps\":{\"a\":{\"parameters\":{\"env\":[{\"X\":\"(masked #1)\"},{\"Y\":\"2\"}]}}}}" },
		{ "[\"/steps/b/command\"]", "{\"steps\":{\"a\":{\"command\":\"c\"}}}",
		  "{\"steps\":{\"a\":{\"command\":\"c\"}}}" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		struct node *body = tree_json(&a, cases[i].body);
		mask_mark(&a, body, tree_json(&a, cases[i].patterns));
		assert_string_equal(tree_text(&a, mask(&a, &workflow_field, body, 1)), cases[i].masked);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_masked_is_what_the_design_says),
		cmocka_unit_test(user_and_query_parts_of_urls_are_masked),
		cmocka_unit_test(a_field_that_is_a_url_is_one_to_its_end),
		cmocka_unit_test(masked_values_are_cut_out_of_any_text),
		cmocka_unit_test(no_output_of_any_cycle_shows_a_secret),
		cmocka_unit_test(that_a_secret_changed_is_visible),
		cmocka_unit_test(what_a_configuration_names_is_masked_too),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
