#include "tests/test.h"

#include <string.h>

#include "agent/service/engine/execution_document.h"
#include "reconcile/tree/json.h"

static struct node *read(struct arena *a, const char *json)
{
	struct node *n = NULL;
	struct err err;

	if (!json_read(a, json, strlen(json), &n, &err))
		fail_msg("%s: %s", json, err.msg);
	return n;
}

/* ---- steps ---- */

static void steps_are_shown_by_their_type_with_their_children(void **state)
{
	static const struct { const char *steps, *shape; } cases[] = {
		{ "{}", "[]" },
		{ "{\"s\":{\"imageId\":12,\"command\":\"make\"}}",
		  "[{\"name\":\"s\",\"stepType\":\"standard\",\"children\":[],\"command\":\"make\",\"image\":\"image-12:latest\","
		  "\"resources\":{\"instanceTypeId\":21,\"storage\":\"10 GB\"}}]" },
		{ "{\"s\":{\"type\":null,\"imageId\":12,\"imageVersionId\":3,\"command\":\"x\",\"resources\":"
		  "{\"instanceTypeId\":23,\"storage\":\"2.5Gi\"},\"repository\":null}}",
		  "[{\"name\":\"s\",\"stepType\":\"standard\",\"children\":[],\"command\":\"x\",\"image\":\"image-12:version-3\","
		  "\"resources\":{\"instanceTypeId\":23,\"storage\":\"2.5 Gi\"}}]" },
		{ "{\"s\":{\"type\":\"standard\",\"imageId\":1,\"command\":\"x\",\"resources\":{\"storage\":\"20 GB\"},"
		  "\"repository\":{\"url\":\"https://u:p@github.com/o/r\",\"branch\":\"m\",\"token\":\"name\"}}}",
		  "[{\"name\":\"s\",\"stepType\":\"standard\",\"children\":[],\"command\":\"x\",\"image\":\"image-1:latest\","
		  "\"resources\":{\"instanceTypeId\":21,\"storage\":\"20 GB\"},"
		  "\"source\":{\"type\":\"GITHUB\",\"url\":\"https://(masked #1)@github.com/o/r\",\"filePath\":\"\"}}]" },
		{ "{\"h\":{\"type\":\"http\",\"method\":\"get\",\"url\":\"http://u:p@x/\",\"auth\":{\"type\":\"bearer-token\","
		  "\"bearerToken\":\"secret\"}},\"q\":{\"type\":\"sql\",\"repository\":{\"url\":\"git.x/o\",\"branch\":\"m\","
		  "\"filePath\":\"a.sql\"}},\"p\":{\"type\":\"sql\",\"sqlQueryPath\":\"b.sql\"},"
		  "\"e\":{\"type\":\"export\",\"schema\":\"s\",\"table\":\"t\",\"sortBy\":\"c\"}}",
		  "[{\"name\":\"h\",\"stepType\":\"http\",\"children\":[]},"
		  "{\"name\":\"q\",\"stepType\":\"sql\",\"children\":[],"
		  "\"source\":{\"type\":\"GIT\",\"url\":\"git.x/o\",\"filePath\":\"a.sql\"}},"
		  "{\"name\":\"p\",\"stepType\":\"sql\",\"children\":[]},"
		  "{\"name\":\"e\",\"stepType\":\"export\",\"children\":[]}]" },
		{ "{\"d\":{\"type\":\"sql\",\"parents\":[\"b\",\"a\"]},\"a\":{\"type\":\"sql\"},"
		  "\"b\":{\"type\":\"sql\",\"parents\":[\"a\"]},\"c\":{\"type\":\"sql\",\"parents\":[\"a\",\"nobody\",3]}}",
		  "[{\"name\":\"d\",\"stepType\":\"sql\",\"children\":[]},"
		  "{\"name\":\"a\",\"stepType\":\"sql\",\"children\":[\"d\",\"b\",\"c\"]},"
		  "{\"name\":\"b\",\"stepType\":\"sql\",\"children\":[\"d\"]},"
		  "{\"name\":\"c\",\"stepType\":\"sql\",\"children\":[]}]" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		const char *body = arena_printf(&a, "{\"steps\":%s}", cases[i].steps);
		assert_string_equal(json_text(&a, execution_document_steps(&a, read(&a, body))), cases[i].shape);
	}
}

static void storage_is_shown_with_a_space(void **state)
{
	static const struct { const char *storage, *shown; } cases[] = {
		{ "10GB", "10 GB" }, { "1.5Ti", "1.5 Ti" }, { "10 GB", "10 GB" }, { "10  GB", "10  GB" },
		{ "GB", "GB" }, { "10", "10" }, { "", "" }, { "some", "some" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		const char *body = arena_printf(&a, "{\"steps\":{\"s\":{\"resources\":{\"storage\":\"%s\"}}}}",
		                                cases[i].storage);
		const struct node *steps = execution_document_steps(&a, read(&a, body));
		assert_string_equal(node_at(steps, "/0/resources/storage")->text, cases[i].shown);
	}
}

static void a_body_without_steps_gives_an_empty_list(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };

	assert_string_equal(json_text(&a, execution_document_steps(&a, read(&a, "{}"))), "[]");
	assert_string_equal(json_text(&a, execution_document_steps(&a, read(&a, "{\"steps\":null}"))), "[]");
}

/* ---- state ---- */

static void a_written_state_is_read_back_unchanged(void **state)
{
	static const char *const states[] = {
		"{\"flow\":{\"steps\":{}},\"boot\":\"b\"}",
		"{\"flow\":{\"steps\":{}},\"reruns\":{\"s\":\"r-1\"},\"boot\":\"\"}",
	};
	for (size_t i = 0; i < ARRAY_LEN(states); i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		struct execution_state s;
		struct err err;
		assert_true(execution_document_read_state(&a, states[i], &s, &err));
		assert_string_equal(json_text(&a, execution_document_write_state(&a, &s)), states[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(steps_are_shown_by_their_type_with_their_children),
		cmocka_unit_test(storage_is_shown_with_a_space),
		cmocka_unit_test(a_body_without_steps_gives_an_empty_list),
		cmocka_unit_test(a_written_state_is_read_back_unchanged),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
