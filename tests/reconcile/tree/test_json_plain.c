#include "tests/test.h"
#include "reconcile/tree/json_plain.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reconcile/tree/json.h"

/* Reads bytes from a block of exactly their size, so that a sanitizer sees a step too far. */
static struct node *read_plain_exact(struct arena *a, const char *bytes, size_t len)
{
	char *block = malloc(len ? len : 1);

	memcpy(block, bytes, len);
	struct node *n = json_plain_read(a, block, len);
	free(block);
	return n;
}

/* Reads json inside a list whose second item is not plain, so that json-c reads all of it. */
static struct node *read_by_json_c(struct arena *a, const char *json)
{
	const char *list = arena_printf(a, "[%s,1.5]", json);
	struct node *n = NULL;
	struct err err = { 0 };

	assert_null(json_plain_read(a, list, strlen(list)));
	if (!json_read(a, list, strlen(list), &n, &err))
		fail_msg("%s: %s", list, err.msg);
	return n->entries[0].value;
}

static void assert_same_tree(struct arena *a, const char *json)
{
	struct node *plain = read_plain_exact(a, json, strlen(json)), *other = read_by_json_c(a, json);

	if (!plain)
		fail_msg("%s is not plain", json);
	assert_true(node_equal(plain, other));
	assert_string_equal(json_text(a, plain), json_text(a, other));	/* in the same order */
}

static void what_is_plain_is_read_as_by_json_c(void **state)
{
	static const char *const cases[] = {
		"null", " true\n", "\tfalse\r\n", "0", "1", "-1", "999999999999999999", "-999999999999999999",
		"\"\"", "[]", "{}", "{ }", "[ 1 , [ ] ]", "{\"b\" : 1, \"a\": {\"\": null}}",
		"{\"a\":1,\"b\":2,\"a\":3}", "{\"a\":{\"x\":1},\"a\":[],\"a\":null}",
		"\"a\\/b/c\"", "\"\\u00e9\\u20ac\\uFFFD\\u0041\\u07ff\\u0800\\ud7ff\\ue000\"", "\"\xc3\xa9\xf0\x9f\x98\x80\"",
		"\"\\\"\\\\\\b\\f\\n\\r\\t\\u0001\\u001f\\u007f\x7f\"", "\"\\\\u0000\"", "{\"\\u0061\":1,\"a\":2}",
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		assert_same_tree(&a, cases[i]);
	}
}

static void what_is_wrong_or_rare_is_left_to_json_c(void **state)
{
	static const char *const cases[] = {
		"", " ", "nul", "nullx", "True", "-", "-0", "01", "1.5", "1e5", "+1", "1000000000000000000", "1 2", "[1,]", "[,1]",
		"[1", "[1 2]", "{", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{\"a\" 1}", "{a:1}", "{1:1}", "]", "[}", "\"", "\"a",
		"\"a\\", "\"\\\"", "\"\\x\"", "\"\\u12\"", "\"\\u12g4\"", "\"\\u0000\"", "\"\\ud83d\\ude00\"",
		"\"\\ude00\"", "\"\\ud800\"", "\"\\udfff\"",
		"\"a\nb\"", "\"\x80\"", "\"\xc3\"", "\"\xc3", "\"\xc0\xaf\"", "\"\xed\xa0\x80\"", "\"\\\xc3\xa9\"", "\f1", ("\xef\xbb\xbf" "1"),
		"NaN", "Infinity", "'a'", "/**/1",
	};
	CLEANUP(arena_free) struct arena a = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		if (read_plain_exact(&a, cases[i], strlen(cases[i])))
			fail_msg("%s is taken for plain", cases[i]);
	assert_null(read_plain_exact(&a, "\"a\0b\"", 5));
	assert_null(read_plain_exact(&a, "1\0", 2));
	assert_null(read_plain_exact(&a, "\"\\\0\"", 4));
}

static void large_maps_and_lists_are_read_with_the_last_of_equal_keys(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };

	for (int count = 30; count < 300; count += count < 40 || (count > 60 && count < 70) ? 1 : 20) {
		CLEANUP(buf_done) struct buf map = BUF_TEXT;
		CLEANUP(buf_done) struct buf list = BUF_TEXT;
		for (int i = 0; i < count; i++) {
			buf_addf(&map, "%s\"key %d\":{\"inner\":[%d]}", i ? "," : "{\"key 3\":0,", i, i);
			buf_addf(&list, "%s{\"item\":%d}", i ? "," : "[", i);
		}
		buf_adds(&map, ",\"key 7\":\"last\"}");
		buf_adds(&list, "]");
		assert_same_tree(&a, buf_str(&map));
		assert_same_tree(&a, buf_str(&list));
		struct node *n = json_plain_read(&a, buf_str(&map), map.len);
		assert_int_equal(n->count, count);
		assert_string_equal(node_get_text(n, "key 7"), "last");
	}
}

static void what_is_nested_too_deep_is_not_plain(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	char json[2 * JSON_MAX_DEPTH + 3] = "";

	memset(json, '[', JSON_MAX_DEPTH);
	memset(json + JSON_MAX_DEPTH, ']', JSON_MAX_DEPTH);
	assert_non_null(json_plain_read(&a, json, strlen(json)));
	memset(json, '[', JSON_MAX_DEPTH + 1);
	memset(json + JSON_MAX_DEPTH + 1, ']', JSON_MAX_DEPTH + 1);
	assert_null(json_plain_read(&a, json, strlen(json)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_plain_is_read_as_by_json_c),
		cmocka_unit_test(what_is_wrong_or_rare_is_left_to_json_c),
		cmocka_unit_test(large_maps_and_lists_are_read_with_the_last_of_equal_keys),
		cmocka_unit_test(what_is_nested_too_deep_is_not_plain),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
