#include "tests/test.h"
#include "reconcile/plan/request_body.h"

#include "tests/tree.h"

/* The answer of contract, B.4. */
#define MINI_TRAIN \
	"{\"id\":612,\"name\":\"mini-train\",\"status\":\"Available\",\"createdAt\":\"2024-05-31T10:00:00.000Z\"," \
	"\"updatedAt\":\"2024-05-31T10:00:00.000Z\",\"triggers\":[{\"webhook\":\"6f1de3aa-7d0b-4bb2-9a2f-2d7b5a0c9e10\"}]," \
	"\"watchers\":[],\"tags\":[{\"name\":\"demo\"}],\"steps\":{\"train\":{\"type\":\"standard\",\"imageId\":41," \
	"\"imageName\":\"py-base\",\"imageVersionId\":6,\"imageVersion\":\"0.6.0\",\"command\":\"python train.py\"," \
	"\"clearImageCache\":false,\"stepTimeout\":0,\"parents\":[],\"repository\":{\"url\":\"https://git.example.org/a/b.git\"," \
	"\"branch\":\"main\",\"token\":\"\"},\"resources\":{\"instanceTypeId\":21,\"storage\":\"10GB\"},\"parameters\":{\"env\":[{" \
	"\"EPOCHS\":\"20\"},{\"SEED\":\"7\"}],\"secrets\":[\"warehouse-login\"]},\"runConfiguration\":null," \
	"\"executionParameters\":null,\"outputParameters\":null}}}"

static const struct {
	const char *why, *declared, *described, *ignore, *sent;
} cases[] = {
	{ "B.5: what patch makes of B.4 with another image version",
	  "{\"name\":\"mini-train\",\"steps\":{\"train\":{\"type\":\"standard\",\"imageId\":41,\"imageVersionId\":7,"
	  "\"command\":\"python train.py\"}}}",
	  MINI_TRAIN, NULL,
	  "{\"triggers\":[{\"webhook\":true,\"webhookPolicy\":\"preserve\"}],\"watchers\":[],\"tags\":[{\"name\":\"demo\"}],"
	  "\"name\":\"mini-train\",\"steps\":{\"train\":{\"clearImageCache\":false,\"stepTimeout\":0,\"parents\":[],"
	  "\"repository\":{\"url\":\"https://git.example.org/a/b.git\",\"branch\":\"main\"},\"resources\":{\"instanceTypeId\":21,"
	  "\"storage\":\"10GB\"},\"parameters\":{\"env\":{\"EPOCHS\":\"20\",\"SEED\":\"7\"},\"secrets\":[\"warehouse-login\"]},"
	  "\"type\":\"standard\",\"imageId\":41,\"imageVersionId\":7,\"command\":\"python train.py\"}}}" },
	{ "our correction: a token that is declared is sent, and options that are shown are carried over",
	  "{\"name\":\"n\",\"steps\":{\"s\":{\"type\":\"standard\",\"repository\":{\"token\":\"git\"}}}}",
	  "{\"name\":\"n\",\"retryOptions\":{\"duration\":5},\"metadata\":{\"allowConcurrentExecution\":false},\"steps\":{\"s\":{"
	  "\"repository\":{\"url\":\"u\",\"branch\":\"b\",\"token\":\"\"}}}}", NULL,
	  "{\"retryOptions\":{\"duration\":5},\"metadata\":{\"allowConcurrentExecution\":false},\"name\":\"n\",\"steps\":{\"s\":{"
	  "\"repository\":{\"url\":\"u\",\"branch\":\"b\",\"token\":\"git\"},\"type\":\"standard\"}}}" },
	{ "our correction: all triggers, each address kept", "{\"name\":\"n\",\"steps\":{}}",
	  "{\"name\":\"n\",\"triggers\":[{\"cron\":\"c\",\"scheduled\":\"s\"},{\"webhook\":\"1\"},{\"webhook\":\"2\"}],\"steps\":{}}", NULL,
	  "{\"triggers\":[{\"cron\":\"c\"},{\"webhook\":true,\"webhookPolicy\":\"preserve\"},{\"webhook\":true,"
	  "\"webhookPolicy\":\"preserve\"}],\"name\":\"n\",\"steps\":{}}" },
	{ "declared triggers: the address that is there is kept, a second one is new",
	  "{\"triggers\":[{\"webhook\":true},{\"cron\":\"d\"},{\"webhook\":true}],\"steps\":{}}",
	  "{\"triggers\":[{\"cron\":\"c\"},{\"webhook\":\"1\"}],\"steps\":{}}", NULL,
	  "{\"triggers\":[{\"webhook\":true,\"webhookPolicy\":\"preserve\"},{\"cron\":\"d\"},{\"webhook\":true}],\"steps\":{}}" },
	{ "a webhook that is new has no address to keep",
	  "{\"triggers\":[{\"webhook\":true,\"webhookPolicy\":\"preserve\"}],\"steps\":{}}", "{\"triggers\":null,\"steps\":{}}", NULL,
	  "{\"triggers\":[{\"webhook\":true}],\"steps\":{}}" },
	{ "a declared empty list is sent", "{\"triggers\":[],\"tags\":[],\"steps\":{}}",
	  "{\"triggers\":[{\"webhook\":\"1\"}],\"tags\":[{\"name\":\"a\"}],\"steps\":{}}", NULL,
	  "{\"triggers\":[],\"tags\":[],\"steps\":{}}" },
	{ "false and 0 stay, on both sides",
	  "{\"steps\":{\"s\":{\"type\":\"standard\",\"clearImageCache\":false,\"stepTimeout\":0}}}",
	  "{\"steps\":{\"s\":{\"clearImageCache\":true,\"stepTimeout\":9,\"runConfiguration\":{\"skipConfiguration\":"
	  "{\"skip\":false},\"retryOptions\":{\"numberOfRetries\":0}}}}}", NULL,
	  "{\"steps\":{\"s\":{\"runConfiguration\":{\"skipConfiguration\":{\"skip\":false},\"retryOptions\":{\"numberOfRetries\":0}},"
	  "\"type\":\"standard\",\"clearImageCache\":false,\"stepTimeout\":0}}}" },
	{ "a step that is not declared goes", "{\"steps\":{\"a\":{\"type\":\"standard\"}}}", "{\"steps\":{\"a\":{},\"b\":{}}}", NULL,
	  "{\"steps\":{\"a\":{\"type\":\"standard\"}}}" },
	{ "... unless it is to be ignored", "{\"steps\":{\"a\":{\"type\":\"standard\"}}}", "{\"steps\":{\"a\":{},\"b\":{}}}",
	  "[\"/steps/b\"]", "{\"steps\":{\"b\":{\"type\":\"standard\"},\"a\":{\"type\":\"standard\"}}}" },
	{ "what is ignored stays as it is there, and is declared where there is nothing",
	  "{\"steps\":{\"a\":{\"type\":\"standard\",\"command\":\"c\",\"imageId\":2,\"resources\":{\"storage\":\"1GB\"}},"
	  "\"b\":{\"type\":\"standard\",\"command\":\"c\"}}}",
	  "{\"steps\":{\"a\":{\"command\":\"tuned\",\"imageId\":1,\"resources\":{\"storage\":\"2GB\",\"instanceTypeId\":7}}}}",
	  "[\"/steps/*/command\",\"/steps/a/resources\"]",
	  "{\"steps\":{\"a\":{\"type\":\"standard\",\"command\":\"tuned\",\"imageId\":2,\"resources\":{\"storage\":\"2GB\","
	  "\"instanceTypeId\":7}},\"b\":{\"type\":\"standard\",\"command\":\"c\"}}}" },
	{ "a step that becomes another kind loses what that cannot have",
	  "{\"steps\":{\"s\":{\"type\":\"http\",\"method\":\"get\",\"url\":\"u\"}}}",
	  "{\"steps\":{\"s\":{\"type\":\"standard\",\"imageId\":1,\"command\":\"c\",\"resources\":{},\"repository\":{},\"stepTimeout\":0,"
	  "\"clearImageCache\":false,\"parents\":[\"p\"],\"parameters\":{\"env\":{\"A\":\"1\"}}}}}", NULL,
	  "{\"steps\":{\"s\":{\"parents\":[\"p\"],\"parameters\":{\"env\":{\"A\":\"1\"}},\"type\":\"http\",\"method\":\"get\",\"url\":\"u\"}}}" },
	{ "... sql has no secrets",
	  "{\"steps\":{\"s\":{\"type\":\"sql\",\"sqlQueryPath\":\"q\",\"parameters\":{\"env\":{}}}}}",
	  "{\"steps\":{\"s\":{\"type\":\"standard\",\"repository\":{\"url\":\"u\"},\"parameters\":{\"secrets\":[\"a\"],\"inherit\":{\"B\":\"c\"}}}}}",
	  NULL, "{\"steps\":{\"s\":{\"type\":\"sql\",\"sqlQueryPath\":\"q\",\"parameters\":{\"inherit\":{\"B\":\"c\"},\"env\":{}}}}}" },
	{ "... also of what nobody declares",
	  "{\"steps\":{\"s\":{\"type\":\"sql\",\"sqlQueryPath\":\"q\"}}}",
	  "{\"steps\":{\"s\":{\"type\":\"standard\",\"parameters\":{\"secrets\":[\"a\"],\"inherit\":{\"B\":\"c\"},\"novel\":1}}}}",
	  NULL, "{\"steps\":{\"s\":{\"type\":\"sql\",\"sqlQueryPath\":\"q\",\"parameters\":{\"inherit\":{\"B\":\"c\"},\"novel\":1}}}}" },
	{ "... and outputParameters mean another thing in each",
	  "{\"steps\":{\"s\":{\"type\":\"http\",\"method\":\"get\",\"url\":\"u\"}}}",
	  "{\"steps\":{\"s\":{\"imageId\":1,\"command\":\"c\",\"outputParameters\":{\"A\":\"file\"},\"stepTimeout\":0}}}", NULL,
	  "{\"steps\":{\"s\":{\"type\":\"http\",\"method\":\"get\",\"url\":\"u\"}}}" },
	{ "... even where they are declared",
	  "{\"steps\":{\"s\":{\"type\":\"http\",\"outputParameters\":{\"B\":\"response.txt\"}}}}",
	  "{\"steps\":{\"s\":{\"outputParameters\":{\"A\":\"file\"}}}}", NULL,
	  "{\"steps\":{\"s\":{\"type\":\"http\",\"outputParameters\":{\"B\":\"response.txt\"}}}}" },
	{ "a step that goes takes its mentions with it",
	  "{\"steps\":{\"a\":{\"type\":\"standard\"},\"b\":{\"type\":\"standard\"}}}",
	  "{\"steps\":{\"gone\":{},\"a\":{\"parents\":[\"gone\"],\"executionParameters\":{\"conditional\":[{\"stepName\":\"gone\","
	  "\"condition\":\"equals\",\"paramName\":\"p\",\"value\":\"v\"}],\"parentStatus\":[{\"condition\":\"all-of\",\"parents\":["
	  "\"gone\"],\"status\":[\"success\"]}]}},\"b\":{\"parents\":[\"gone\",\"a\"],\"executionParameters\":{\"conditional\":[{"
	  "\"stepName\":\"a\",\"condition\":\"equals\",\"paramName\":\"gone\",\"value\":\"gone\"}],\"parentStatus\":[{\"condition\":"
	  "\"one-of\",\"parents\":[\"a\",\"gone\"],\"status\":[\"failure\"]}]}}}}", NULL,
	  "{\"steps\":{\"a\":{\"parents\":[],\"executionParameters\":{\"conditional\":[],\"parentStatus\":[]},\"type\":\"standard\"},"
	  "\"b\":{\"parents\":[\"a\"],\"executionParameters\":{\"conditional\":[{\"stepName\":\"a\",\"condition\":\"equals\","
	  "\"paramName\":\"gone\",\"value\":\"gone\"}],\"parentStatus\":[{\"condition\":\"one-of\",\"parents\":[\"a\"],\"status\":["
	  "\"failure\"]}]},\"type\":\"standard\"}}}" },
	{ "a request that becomes a get loses its payload", "{\"steps\":{\"s\":{\"type\":\"http\",\"method\":\"get\",\"url\":\"u\"}}}",
	  "{\"steps\":{\"s\":{\"type\":\"http\",\"method\":\"post\",\"url\":\"u\",\"payload\":\"{}\"}}}", NULL,
	  "{\"steps\":{\"s\":{\"type\":\"http\",\"method\":\"get\",\"url\":\"u\"}}}" },
	{ "a payload without a method replaces the get that has none",
	  "{\"steps\":{\"s\":{\"type\":\"http\",\"url\":\"u\",\"payload\":\"{}\"}}}",
	  "{\"steps\":{\"s\":{\"type\":\"http\",\"method\":\"get\",\"url\":\"u\"}}}", NULL,
	  "{\"steps\":{\"s\":{\"type\":\"http\",\"url\":\"u\",\"payload\":\"{}\"}}}" },
	{ "another method stays where none is declared",
	  "{\"steps\":{\"s\":{\"type\":\"http\",\"url\":\"u\",\"payload\":\"{}\"}}}",
	  "{\"steps\":{\"s\":{\"type\":\"http\",\"method\":\"put\",\"url\":\"u\"}}}", NULL,
	  "{\"steps\":{\"s\":{\"method\":\"put\",\"type\":\"http\",\"url\":\"u\",\"payload\":\"{}\"}}}" },
	{ "another way to log in takes the keys of the old one away",
	  "{\"steps\":{\"s\":{\"type\":\"http\",\"auth\":{\"type\":\"api-key\",\"apiKey\":\"k\"}}}}",
	  "{\"steps\":{\"s\":{\"type\":\"http\",\"auth\":{\"type\":\"basic\",\"username\":\"u\",\"password\":\"p\"}}}}", NULL,
	  "{\"steps\":{\"s\":{\"type\":\"http\",\"auth\":{\"type\":\"api-key\",\"apiKey\":\"k\"}}}}" },
	{ "flowsync's own tags stay, other tags are as declared", "{\"tags\":[{\"name\":\"b\"},{\"name\":\"c\"}],\"steps\":{}}",
	  "{\"tags\":[{\"name\":\"a\"},{\"name\":\"flowsync-default\"},{\"name\":\"b\",\"id\":7}],\"steps\":{}}", NULL,
	  "{\"tags\":[{\"name\":\"b\",\"id\":7},{\"name\":\"c\"},{\"name\":\"flowsync-default\"}],\"steps\":{}}" },
	{ "what a watcher has beside the declared stays", "{\"watchers\":[{\"user\":\"b\",\"events\":{\"fail\":true}}],\"steps\":{}}",
	  "{\"watchers\":[{\"user\":\"a\",\"events\":{\"fail\":true}},{\"user\":\"b\",\"events\":{\"fail\":false,\"success\":true}}],"
	  "\"steps\":{}}", NULL,
	  "{\"watchers\":[{\"user\":\"b\",\"events\":{\"success\":true,\"fail\":true}}],\"steps\":{}}" },
	{ "unknown keys of the service stay where they are known to be a workflow's",
	  "{\"steps\":{\"s\":{\"type\":\"standard\",\"imageId\":1}}}", "{\"quota\":7,\"steps\":{\"s\":{\"novel\":{\"a\":[1]},\"none\":null}}}",
	  NULL, "{\"steps\":{\"s\":{\"novel\":{\"a\":[1]},\"type\":\"standard\",\"imageId\":1}}}" },
	{ "what flowsync cannot hold is sent back as it was",
	  "{\"steps\":{\"s\":{\"type\":\"standard\",\"imageId\":1}}}",
	  "{\"quota\":1e400,\"steps\":{\"s\":{\"imageId\":18446744073709551615,\"novel\":[18446744073709551615],"
	  "\"parameters\":{\"env\":{\"A\":1e400,\"B\":\"x\\u0000\"}}}}}",
	  NULL, "{\"steps\":{\"s\":{\"novel\":[18446744073709551615],\"parameters\":{\"env\":{\"A\":1e400,\"B\":\"x\\u0000\"}},"
	  "\"type\":\"standard\",\"imageId\":1}}}" },
	{ "env is laid over, a declared list replaces",
	  "{\"steps\":{\"s\":{\"type\":\"standard\",\"parents\":[\"a\"],\"parameters\":{\"env\":{\"A\":\"2\"},\"secrets\":[\"x\"]}}}}",
	  "{\"steps\":{\"s\":{\"parents\":[\"b\",\"c\"],\"parameters\":{\"env\":[{\"A\":\"1\"},{\"B\":\"1\"}],\"secrets\":[\"y\"],"
	  "\"inherit\":{\"I\":\"p\"}}}}}", NULL,
	  "{\"steps\":{\"s\":{\"type\":\"standard\",\"parents\":[\"a\"],\"parameters\":{\"inherit\":{\"I\":\"p\"},\"env\":{\"B\":\"1\","
	  "\"A\":\"2\"},\"secrets\":[\"x\"]}}}}" },
};

static void an_update_is_what_is_there_with_the_declared_laid_over_it(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		struct node *declared = tree_json(&a, cases[i].declared), *described = tree_json(&a, cases[i].described);
		struct node *ignore = cases[i].ignore ? tree_json(&a, cases[i].ignore) : NULL;
		struct node *sent = request_body_update(&a, declared, described, ignore);

		if (!node_equal(sent, tree_json(&a, cases[i].sent)))
			fail_msg("%s\n%s\n%s", cases[i].why, tree_text(&a, sent), cases[i].sent);
		assert_string_equal(tree_text(&a, declared), cases[i].declared);
		assert_string_equal(tree_text(&a, described), cases[i].described);
	}
}

#define SHOWN(step)	"{\"metadata\":{},\"retryOptions\":{},\"steps\":{\"s\":" step "}}"
#define BASIC(password)	"{\"type\":\"http\",\"auth\":{\"type\":\"basic\",\"username\":\"\",\"password\":" password "}}"

static void what_may_be_lost_is_what_is_neither_shown_nor_declared(void **state)
{
	static const struct { const char *declared, *described, *lost; } rows[] = {
		{ "{}", "{}", "/metadata, /retryOptions" },
		{ "{\"metadata\":{}}", "{}", "/retryOptions" },
		{ "{}", "{\"retryOptions\":null}", "/metadata" },
		{ "{}", "{\"retryOptions\":{},\"metadata\":null}", NULL },
		{ "{\"metadata\":{},\"retryOptions\":{}}", "{}", NULL },
		/* secrets that are shown empty */
		{ SHOWN("{\"type\":\"http\"}"), SHOWN(BASIC("\"\"")), "/steps/s/auth/password" },
		{ SHOWN("{\"type\":\"http\"}"), SHOWN(BASIC("\"p\"")), NULL },
		{ SHOWN("{\"type\":\"http\"}"), SHOWN(BASIC("null")), NULL },
		{ SHOWN(BASIC("\"p\"")), SHOWN(BASIC("\"\"")), NULL },
		{ SHOWN("{\"type\":\"standard\"}"), SHOWN(BASIC("\"\"")), NULL },
		{ "{\"metadata\":{},\"retryOptions\":{},\"steps\":{}}", SHOWN(BASIC("\"\"")), NULL },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		const char *lost = request_body_may_lose(&a, tree_json(&a, rows[i].declared),
		                                    tree_json(&a, rows[i].described));

		assert_string_equal(lost ? lost : "nothing", rows[i].lost ? rows[i].lost : "nothing");
	}
}

static void a_whole_body_keeps_but_addresses_and_own_tags(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	struct node *described = tree_json(&a,
		"{\"id\":1,\"name\":\"old\",\"metadata\":{},\"triggers\":[{\"webhook\":\"6f1d\"},{\"cron\":\"c\"}],"
		"\"tags\":[{\"name\":\"a\"},{\"name\":\"flowsync-default\"}],"
		"\"watchers\":[{\"user\":\"u\",\"events\":{\"fail\":true}}],\"steps\":{\"s\":{\"stepTimeout\":9}}}");
	struct node *declared = tree_json(&a,
		"{\"name\":\"new\",\"triggers\":[{\"cron\":\"d\"},{\"webhook\":true}],\"tags\":[{\"name\":\"b\"}],"
		"\"watchers\":[{\"user\":\"u\",\"events\":{}}],\"steps\":{\"s\":{\"type\":\"standard\",\"imageId\":1}}}");

	assert_string_equal(tree_text(&a, request_body_whole(&a, declared, described)),
		"{\"name\":\"new\",\"triggers\":[{\"cron\":\"d\"},{\"webhookPolicy\":\"preserve\",\"webhook\":true}],"
		"\"tags\":[{\"name\":\"b\"},{\"name\":\"flowsync-default\"}],"
		"\"watchers\":[{\"user\":\"u\",\"events\":{}}],\"steps\":{\"s\":{\"type\":\"standard\",\"imageId\":1}}}");
}

/* What a sync writes.  removed: pointers of what goes; described NULL: it is made anew. */
static const struct {
	const char *why, *declared, *described, *ignore, *removed;
	bool whole;
	const char *sent;
} writes[] = {
	{ "a create has our tags behind its own", "{\"name\":\"n\",\"tags\":[{\"name\":\"a\"}],\"steps\":{}}", NULL, NULL, NULL, false,
	  "{\"name\":\"n\",\"tags\":[{\"name\":\"a\"},{\"name\":\"flowsync-o\"},{\"name\":\"flowsync-id-01234567-189abcdef\"}],"
	  "\"steps\":{}}" },
	{ "tags that nobody declares stay beside ours, old ones of ours go", "{\"name\":\"n\",\"steps\":{}}",
	  "{\"name\":\"n\",\"tags\":[{\"name\":\"flowsync-x\"},{\"name\":\"a\"},{\"name\":\"flowsync-keep\"},"
	  "{\"name\":\"flowsync-settled-00000000\"}],\"steps\":{}}", NULL, NULL, false,
	  "{\"tags\":[{\"name\":\"a\"},{\"name\":\"flowsync-o\"},{\"name\":\"flowsync-id-01234567-189abcdef\"}],"
	  "\"name\":\"n\",\"steps\":{}}" },
	{ "a cron is written without the line break of a block scalar",
	  "{\"name\":\"n\",\"triggers\":[{\"cron\":\"0 0 * * *\\n\"},{}],\"steps\":{}}", NULL, NULL, NULL, false,
	  "{\"name\":\"n\",\"triggers\":[{\"cron\":\"0 0 * * *\"},{}],\"steps\":{},"
	  "\"tags\":[{\"name\":\"flowsync-o\"},{\"name\":\"flowsync-id-01234567-189abcdef\"}]}" },
	{ "null tags are none", "{\"name\":\"n\",\"steps\":{}}", "{\"name\":\"n\",\"tags\":null,\"steps\":{}}", NULL, NULL, false,
	  "{\"name\":\"n\",\"steps\":{},\"tags\":[{\"name\":\"flowsync-o\"},{\"name\":\"flowsync-id-01234567-189abcdef\"}]}" },
	{ "our tags are written even where tags are ignored", "{\"name\":\"n\",\"tags\":[{\"name\":\"b\"}],\"steps\":{}}",
	  "{\"name\":\"n\",\"tags\":[{\"name\":\"a\"}],\"steps\":{}}", "[\"/tags\"]", NULL, false,
	  "{\"name\":\"n\",\"steps\":{},\"tags\":[{\"name\":\"a\"},{\"name\":\"flowsync-o\"},"
	  "{\"name\":\"flowsync-id-01234567-189abcdef\"}]}" },
	{ "what is removed goes, its neighbours stay", "{\"name\":\"n\",\"steps\":{\"s\":{\"type\":\"standard\"}}}",
	  "{\"name\":\"n\",\"metadata\":{\"allowConcurrentExecution\":true},\"retryOptions\":{\"duration\":9},\"steps\":{\"s\":{"
	  "\"stepTimeout\":9,\"parameters\":{\"env\":[{\"a/b~c\":\"1\"},{\"B\":\"1\"}]}}}}", NULL,
	  "[\"/metadata\",\"/steps/s/parameters/env/a~1b~0c\",\"/steps/x/none\",\"/none\"]", false,
	  "{\"retryOptions\":{\"duration\":9},\"name\":\"n\",\"steps\":{\"s\":{\"stepTimeout\":9,\"parameters\":{\"env\":{\"B\":\"1\"}},"
	  "\"type\":\"standard\"}},\"tags\":[{\"name\":\"flowsync-o\"},{\"name\":\"flowsync-id-01234567-189abcdef\"}]}" },
	{ "the whole truth carries nothing over but addresses",
	  "{\"name\":\"n\",\"triggers\":[{\"webhook\":true}],\"steps\":{\"s\":{\"type\":\"standard\",\"imageId\":1}}}",
	  "{\"name\":\"n\",\"metadata\":{},\"tags\":[{\"name\":\"a\"},{\"name\":\"flowsync-x\"}],\"triggers\":[{\"webhook\":\"6f1d\"}],"
	  "\"steps\":{\"s\":{\"stepTimeout\":9}}}", NULL, NULL, true,
	  "{\"name\":\"n\",\"triggers\":[{\"webhookPolicy\":\"preserve\",\"webhook\":true}],\"steps\":{\"s\":{\"type\":\"standard\","
	  "\"imageId\":1}},\"tags\":[{\"name\":\"flowsync-o\"},{\"name\":\"flowsync-id-01234567-189abcdef\"}]}" },
	{ "... and what is ignored",
	  "{\"name\":\"n\",\"steps\":{\"s\":{\"type\":\"standard\",\"imageId\":1,\"command\":\"c\"}}}",
	  "{\"name\":\"n\",\"retryOptions\":{\"duration\":9},\"watchers\":[{\"user\":\"u\"}],\"steps\":{\"s\":{\"command\":\"d\","
	  "\"parameters\":{\"env\":[{\"A\":\"1\"},{\"B\":\"1\"}],\"secrets\":[\"x\"]}},\"t\":{\"command\":\"x\"},\"u\":{\"imageId\":7,\"parents\":[\"t\"]}}}",
	  "[\"/steps/*/command\",\"/watchers\",\"/steps/s/parameters/env/A\",\"/steps/u\"]", NULL, true,
	  "{\"name\":\"n\",\"watchers\":[{\"user\":\"u\"}],\"steps\":{\"s\":{\"type\":\"standard\",\"imageId\":1,\"command\":\"d\","
	  "\"parameters\":{\"env\":{\"A\":\"1\"}}},\"u\":{\"imageId\":7,\"type\":\"standard\",\"parents\":[]}},"
	  "\"tags\":[{\"name\":\"flowsync-o\"},{\"name\":\"flowsync-id-01234567-189abcdef\"}]}" },
};

static struct diff removals(struct arena *a, const char *pointers)
{
	struct node *list = tree_json(a, pointers ? pointers : "[]");
	struct diff diff = { .items = arena_new(a, struct change, list->count + 1) };

	for (; diff.count < list->count; diff.count++)
		diff.items[diff.count] = (struct change){ CHANGE_REMOVE, list->entries[diff.count].value->text };
	return diff;
}

static void what_a_sync_writes_bears_our_marker(void **state)
{
	static const struct owner_tags marker = { .owner = "o", .name = "01234567", .body = "189abcdef" };

	for (size_t i = 0; i < ARRAY_LEN(writes); i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		struct node *declared = tree_json(&a, writes[i].declared);
		struct node *described = writes[i].described ? tree_json(&a, writes[i].described) : NULL;
		struct diff diff = removals(&a, writes[i].removed);
		struct node *sent = request_body_write(&a, &(struct request_body_sides){
			.declared = declared, .described = described, .diff = &diff, .marker = &marker, .whole = writes[i].whole,
			.ignore = writes[i].ignore ? tree_json(&a, writes[i].ignore) : NULL,
		});

		if (!node_equal(sent, tree_json(&a, writes[i].sent)))
			fail_msg("%s\n%s\n%s", writes[i].why, tree_text(&a, sent), writes[i].sent);
		assert_string_equal(tree_text(&a, declared), writes[i].declared);
		if (described)
			assert_string_equal(tree_text(&a, described), writes[i].described);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_update_is_what_is_there_with_the_declared_laid_over_it),
		cmocka_unit_test(a_whole_body_keeps_but_addresses_and_own_tags),
		cmocka_unit_test(what_a_sync_writes_bears_our_marker),
		cmocka_unit_test(what_may_be_lost_is_what_is_neither_shown_nor_declared),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
