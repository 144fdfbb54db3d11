#include "tests/test.h"
#include "reconcile/tree/json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Reads bytes from a block of exactly their size, so that a sanitizer sees a step too far. */
static bool read_exact(struct arena *a, const char *bytes, size_t len, struct node **out,
                       struct err *err)
{
	char *block = malloc(len ? len : 1);

	memcpy(block, bytes, len);
	bool ok = json_read(a, block, len, out, err);
	free(block);
	return ok;
}

static void assert_reads(const char *json, enum json_style style, const char *want)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	CLEANUP(buf_done) struct buf text = BUF_TEXT;
	struct node *n = NULL;
	struct err err = { 0 };

	if (!read_exact(&a, json, strlen(json), &n, &err))
		fail_msg("%s: %s", json, err.msg);
	json_write(n, style, &text);
	assert_string_equal(buf_str(&text), want);
}

static void what_is_read_is_written(void **state)
{
	static const struct { const char *json, *written; } cases[] = {
		{ "null", "null" }, { " true\n", "true" }, { "\tfalse\r\n", "false" }, { "1", "1" }, { "-0", "0" },
		{ "\"\"", "\"\"" }, { "[]", "[]" }, { "{ }", "{}" }, { "[ 1 , 2 ]", "[1,2]" },
		{ "{\"b\" : 1, \"a\": {\"\": null}}", "{\"b\":1,\"a\":{\"\":null}}" },
		{ "{\"a\":1,\"b\":2,\"a\":3}", "{\"a\":3,\"b\":2}" },	/* the last of two equal keys */
		{ "9223372036854775807", "9223372036854775807" },
		{ "-9223372036854775808", "-9223372036854775808" },
		{ "1.10", "1.10" }, { "-0.0", "-0.0" }, { "1e5", "1e5" }, { "1E-2", "1E-2" },
		{ "0.1000000000000000055", "0.1000000000000000055" },
		{ "\"a\\/b/c\"", "\"a/b/c\"" },
		{ "\"\\u00e9\\ud83d\\ude00\\u0041\"", "\"\xc3\xa9\xf0\x9f\x98\x80" "A\"" },
		{ "\"\\\"\\\\\\b\\f\\n\\r\\t\\u0001\\u001f\\u007f\"", "\"\\\"\\\\\\b\\f\\n\\r\\t\\u0001\\u001f\\u007f\"" },
		{ "\"\\\\u0000\"", "\"\\\\u0000\"" },	/* a backslash and five letters */
		{ "\"\\ud800x\"", "\"\xef\xbf\xbdx\"" },	/* half a pair becomes U+FFFD */
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_reads(cases[i].json, JSON_COMPACT, cases[i].written);
}

static void the_pretty_form_has_two_spaces(void **state)
{
	assert_reads("{\"a\":[1,{\"b\":[]}],\"c\":{}}", JSON_PRETTY,
	             "{\n  \"a\": [\n    1,\n    {\n      \"b\": []\n    }\n  ],\n  \"c\": {}\n}");
}

static void what_is_no_json_is_refused(void **state)
{
	static const struct { const char *json, *message; } cases[] = {
		{ "", "nothing, where JSON was expected" },
		{ " \n", "nothing, where JSON was expected" },
		{ "[1", "not JSON: it ends too early" },
		{ "{\"a\":", "not JSON: it ends too early" },
		{ "\"abc", "not JSON: it ends inside a string" },
		{ "\"abc\\", "not JSON: it ends inside a string" },
		{ "<html>", "not JSON: found \"<html>\" at byte 1" },
		{ "{} x", "not JSON: found \"x\" at byte 4" },
		{ "{} {}", "not JSON: unexpected character at byte 4" },
		{ "1 2", "not JSON: unexpected character at byte 3" },
		{ "[1,]", "not JSON: unexpected character at byte 4" },
		{ "{\"a\":1,}", "not JSON: unexpected character at byte 8" },
		{ "{\"a\" 1}", "not JSON: object property name separator ':' expected at byte 6" },
		{ "]", "not JSON: unexpected character at byte 1" },
		{ "{'a':1}", "not JSON: found \"'a'\" at byte 2" },
		{ "[tru]", "not JSON: found \"tru\" at byte 2" },
		{ "TRUE", "not JSON: found \"TRUE\" at byte 1" },
		{ "NaN", "not JSON: found \"NaN\" at byte 1" },
		{ "[-Infinity]", "not JSON: found \"-Infinity\" at byte 2" },
		{ "01", "not JSON: found \"01\" at byte 1" },
		{ "1.", "not JSON: found \"1.\" at byte 1" },
		{ ".5", "not JSON: found \".5\" at byte 1" },
		{ "+1", "not JSON: found \"+1\" at byte 1" },
		{ "1e", "not JSON: found \"1e\" at byte 1" },
		{ "-", "not JSON: found \"-\" at byte 1" },
		{ "0x10", "not JSON: found \"0x10\" at byte 1" },
		{ "[1]/**/", "not JSON: found \"/**/\" at byte 4" },
		{ "\"\\x\"", "not JSON: invalid string sequence at byte 3" },
		{ "\"\\\xc3\xa9\"", "not JSON: invalid string sequence at byte 3" },
		{ "\"\\\xdc" "2\"", "not JSON: invalid string sequence at byte 3" },	/* nor is it UTF-8 */
		{ "\"a\nb\"", "not JSON: a control character that is not escaped at byte 3" },
		{ "\"\xff\"", "not JSON: a string that is not UTF-8 at byte 2" },
		{ "\"\xc0\xaf\"", "not JSON: a string that is not UTF-8 at byte 2" },	/* overlong */
		{ "\"\xe0\x80\xaf\"", "not JSON: a string that is not UTF-8 at byte 2" },
		{ "\"\xed\xa0\x80\"", "not JSON: a string that is not UTF-8 at byte 2" },	/* surrogate */
		{ "\"\xf4\x90\x80\x80\"", "not JSON: a string that is not UTF-8 at byte 2" },
		{ "\"x\xc3\"", "not JSON: a string that is not UTF-8 at byte 3" },
		{ "\xef\xbb\xbf{}", "not JSON: binary data at byte 1" },
		{ "\f1", "not JSON: binary data at byte 1" },
		{ "\"a\\u0000\"", "a text with a NUL character at byte 3" },
		{ "{\"\\u0000\":1}", "a text with a NUL character at byte 3" },
		{ "[9223372036854775808]", "an integer past 64 bits at byte 2" },
		{ "-9223372036854775809", "an integer past 64 bits at byte 1" },
		{ "18446744073709551616", "an integer past 64 bits at byte 1" },
		{ "1e999", "a number that is too large at byte 1" },
		/* The position counts bytes of the source, also behind text that is not ASCII. */
		{ "[\"\xc3\xbc\",]", "not JSON: unexpected character at byte 7" },
		{ "{\"\xf0\x9f\x98\x80\" 1}", "not JSON: object property name separator ':' expected at byte 9" },
		{ "{\"\xc3\xbc\":1,}", "not JSON: unexpected character at byte 9" },
		{ "\"\xe2\x82\xac\" \"\"", "not JSON: unexpected character at byte 7" },
		{ "\"\xe2\x82\xac\\x\"", "not JSON: invalid string sequence at byte 6" },
		{ "[\"\xe2\x82\xac", "not JSON: it ends inside a string" },
		{ "[\"\xe2\x82\xac\"", "not JSON: it ends too early" },
		{ "[1 2]", "not JSON: array value separator ',' expected at byte 4" },
		{ "[,1]", "not JSON: unexpected character at byte 2" },
		{ "{,}", "not JSON: quoted object property name expected at byte 2" },
		{ "[1,,2]", "not JSON: unexpected character at byte 4" },
		{ "{\"a\":1,,\"b\":2}", "not JSON: quoted object property name expected at byte 8" },
		{ "\"a\tb\"", "not JSON: a control character that is not escaped at byte 3" },
		{ "\"a\x1f\"", "not JSON: a control character that is not escaped at byte 3" },
		{ "[1]//x", "not JSON: found \"//x\" at byte 4" },
		{ "nul", "not JSON: found \"nul\" at byte 1" },
		{ "[Null]", "not JSON: found \"Null\" at byte 2" },
		{ "'a'", "not JSON: found \"'a'\" at byte 1" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		struct node *n = NULL;
		struct err err = { 0 };
		if (read_exact(&a, cases[i].json, strlen(cases[i].json), &n, &err))
			fail_msg("%s was read", cases[i].json);
		assert_string_equal(err.msg, cases[i].message);
		assert_null(n);
	}
}

/* The first and the last character of each length that UTF-8 has, and what stands beside the surrogates. */
static void text_that_is_not_ascii_is_read_in_keys_and_values(void **state)
{
	static const char *const characters[] = {
		"\x7e", "\xc2\x80", "\xc3\xbc", "\xdf\xbf", "\xe0\xa0\x80", "\xe2\x82\xac", "\xed\x9f\xbf",
		"\xee\x80\x80", "\xef\xbf\xbd", "\xef\xbf\xbf", "\xf0\x90\x80\x80", "\xf0\x9f\x98\x80",
		"\xf3\xbf\xbf\xbf", "\xf4\x8f\xbf\xbf",
	};
	for (size_t i = 0; i < ARRAY_LEN(characters); i++) {
		CLEANUP(buf_done) struct buf json = BUF_TEXT;
		buf_addf(&json, "{\"%s\":\"%s\",\"a%sb\":[\"a%sb%s%s\"]}", characters[i], characters[i],
		         characters[i], characters[i], characters[i], characters[i]);
		assert_reads(buf_str(&json), JSON_COMPACT, buf_str(&json));
	}
}

static void an_escaped_character_is_the_same_as_a_plain_one(void **state)
{
	assert_reads("{\"\\u00fc\\u20ac\\ud83d\\ude00\":\"\xc3\xbc\\u20ac\xf0\x9f\x98\x80\",\"\xc3\xbc\":\"\\\\u00fc\"}",
	             JSON_COMPACT, "{\"\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80\":"
	             "\"\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80\",\"\xc3\xbc\":\"\\\\u00fc\"}");
	/* The last of two equal keys, however they are written. */
	assert_reads("{\"\xc3\xbc\":1,\"\\u00fc\":2}", JSON_COMPACT, "{\"\xc3\xbc\":2}");
	/* Half a pair takes nothing from the character after it. */
	assert_reads("\"\\ud83d\xc3\xbc\"", JSON_COMPACT, "\"\xef\xbf\xbd\xc3\xbc\"");
	assert_reads("\"\\ud83d\xf0\x9f\x98\x80\"", JSON_COMPACT, "\"\xef\xbf\xbd\xf0\x9f\x98\x80\"");
}

static void a_nul_byte_is_refused(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	struct node *n = NULL;
	struct err err;

	assert_false(read_exact(&a, "[1]\0", 4, &n, &err));
	assert_string_equal(err.msg, "not JSON: a control character at byte 4");
	assert_false(read_exact(&a, "\"a\0b\"", 5, &n, &err));
	assert_string_equal(err.msg, "not JSON: a control character that is not escaped at byte 3");
}

static void nesting_has_a_limit(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	char text[2 * (JSON_MAX_DEPTH + 1)];
	struct node *n = NULL;
	struct err err;

	memset(text, '[', JSON_MAX_DEPTH + 1);
	memset(text + JSON_MAX_DEPTH + 1, ']', JSON_MAX_DEPTH + 1);
	assert_true(read_exact(&a, text + 1, 2 * JSON_MAX_DEPTH, &n, &err));
	assert_false(read_exact(&a, text, sizeof text, &n, &err));
	assert_string_equal(err.msg, "nested more than 64 deep at byte 65");
}

/* The answer of a service: one odd value must not hide the rest. */
static void what_no_tree_can_hold_is_kept_raw_in_an_answer(void **state)
{
	char deep[2 * 70 + 1] = "", nested[2 * 70 + 40], want[2 * 70 + 40];
	struct { const char *json, *written; } cases[] = {
		{ "{\"a\":18446744073709551615,\"b\":1}", "{\"a\":18446744073709551615,\"b\":1}" },
		{ "[-9223372036854775809 , 1e400, -1e400,2]", "[-9223372036854775809,1e400,-1e400,2]" },
		{ "{\"\xc3\xa9\":\"x\\u0000\xc3\xa9\",\"b\":\"y\"}", "{\"\xc3\xa9\":\"x\\u0000\xc3\xa9\",\"b\":\"y\"}" },
		{ "[\"a\tb\",\"\xff\",\"c\"]", "[\"a b\",\"\\ufffd\",\"c\"]" },
		{ "[NaN,Infinity,-Infinity,1]", "[null,null,null,1]" },
		{ "{\"k\\u0000\" : {\"a\":[1]} , \"b\":2}", "{\"\\\"k\\\\u0000\\\"\":{\"a\":[1]},\"b\":2}" },
		{ "1e400", "1e400" },
		{ nested, want },
	};
	memset(deep, '[', 70);
	memset(deep + 70, ']', 70);
	snprintf(nested, sizeof nested, "{\"a\":%s,\"b\":1}", deep);
	snprintf(want, sizeof want, "{\"a\":%s,\"b\":1}", deep);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		struct node *n = NULL;
		struct err err = { 0 };

		assert_false(json_read(&a, cases[i].json, strlen(cases[i].json), &n, &err));
		if (!json_read_answer(&a, cases[i].json, strlen(cases[i].json), &n, &err))
			fail_msg("%s: %s", cases[i].json, err.msg);
		assert_string_equal(json_text(&a, n), cases[i].written);
		assert_true(node_equal(n, node_copy(&a, n)));
	}
}

static void what_is_no_json_is_refused_in_an_answer_too(void **state)
{
	static const char *const cases[] = {
		"", "[1", "{\"a\\u0000\"", "{\"a\\u0000\":", "{\"a\\u0000\":}", "{\"a\\u0000\":1,}", "[nan]", "[1e400 2]", "[0\"\\u0000\"20]", "<html>",
		"{\"a\\u0000\" 1}", "[\"\\x\"]", "[1e400", "[\"\\u0000",
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		struct node *n = NULL;
		struct err err = { 0 };
		size_t len = strlen(cases[i]);
		char *block = malloc(len ? len : 1);

		memcpy(block, cases[i], len);
		if (json_read_answer(&a, block, len, &n, &err))
			fail_msg("%s was read", cases[i]);
		free(block);
	}
}

static void what_is_no_utf8_is_written_as_the_character_for_that(void **state)
{
	static const struct { const char *text, *json; } cases[] = {
		{ "a\xff.yaml", "\"a\\ufffd.yaml\"" },
		{ "\xc3\xa9\xe2\x82", "\"\xc3\xa9\\ufffd\\ufffd\"" },
		{ "\xed\xa0\x80\n", "\"\\ufffd\\ufffd\\ufffd\\n\"" },
		{ "\xf0\x9f\x98\x80", "\"\xf0\x9f\x98\x80\"" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		CLEANUP(buf_done) struct buf out = BUF_TEXT;
		json_write(node_text(&a, cases[i].text), JSON_COMPACT, &out);
		assert_string_equal(buf_str(&out), cases[i].json);
	}
}

/* On a terminal it would turn what follows around, or not be there at all. */
static void what_people_read_hides_no_character(void **state)
{
	static const char json[] = "{\"\\u202ea\":\"x\\u200by\\udb40\\udc41z\\u0085\xc3\xa9\"}";

	assert_reads(json, JSON_PRETTY, "{\n  \"\\u202ea\": \"x\\u200by\\udb40\\udc41z\\u0085\xc3\xa9\"\n}");
	assert_reads(json, JSON_COMPACT, "{\"\xe2\x80\xae" "a\":\"x\xe2\x80\x8by\xf3\xa0\x81\x81z\xc2\x85\xc3\xa9\"}");
}

static void what_json_can_hold_stays_what_it_is(void **state)
{
	static const struct { const char *bytes; size_t len; bool can; } cases[] = {
		{ "", 0, true }, { "plain \"\\\n\x01\x7f", 11, true }, { "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", 9, true },
		{ "a\0b", 3, false }, { "\0", 1, false }, { "\xe9", 1, false }, { "a\xc3", 2, false },
		{ "\xc0\x80", 2, false }, { "\xed\xa0\x80", 3, false }, { "\xf4\x90\x80\x80", 4, false },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		CLEANUP(buf_done) struct buf text = BUF_TEXT;
		struct node *n = NULL;
		struct err err;
		assert_int_equal(json_can_hold(cases[i].bytes, cases[i].len), cases[i].can);
		json_write(node_text(&a, cases[i].bytes), JSON_COMPACT, &text);
		assert_true(json_read(&a, buf_str(&text), text.len, &n, &err));
		bool same = strlen(n->text) == cases[i].len && memcmp(n->text, cases[i].bytes, cases[i].len) == 0;
		assert_int_equal(same, cases[i].can);
	}
}

static void numbers_that_json_lacks_are_written_as_it_can(void **state)
{
	static const struct { struct node n; const char *json; } cases[] = {
		{ { .kind = NODE_REAL, .real = NAN, .text = ".nan" }, "null" },
		{ { .kind = NODE_REAL, .real = -INFINITY, .text = "-.inf" }, "null" },
		{ { .kind = NODE_REAL, .real = 0.5, .text = ".5" }, "0.5" },
		{ { .kind = NODE_REAL, .real = 90.5, .text = "1:30.5" }, "90.5" },
		{ { .kind = NODE_REAL, .real = 1, .text = "1" }, "1.0" },	/* !!float 1 */
		{ { .kind = NODE_REAL, .real = 3 }, "3.0" },
		{ { .kind = NODE_INT, .integer = 8, .text = "010" }, "8" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(buf_done) struct buf text = BUF_TEXT;
		json_write(&cases[i].n, JSON_COMPACT, &text);
		assert_string_equal(buf_str(&text), cases[i].json);
	}
}

static void equal_trees_have_one_canonical_form(void **state)
{
	static const struct { const char *json, *canonical; } cases[] = {
		{ "{\"b\": 1, \"a\": [{\"z\": 1, \"B\": 2}]}", "{\"a\":[{\"B\":2,\"z\":1}],\"b\":1}" },
		{ "[1.10, 1.1, 1e2, 100.0]", "[1.1,1.1,100.0,100.0]" },
		{ "[0.0, -0.0]", "[0.0,0.0]" },
		{ "{\"\xc3\xa9\": \"\\u00e9\", \"z\": \"/\"}", "{\"z\":\"/\",\"\xc3\xa9\":\"\xc3\xa9\"}" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		CLEANUP(buf_done) struct buf text = BUF_TEXT;
		CLEANUP(buf_done) struct buf after = BUF_TEXT;
		CLEANUP(buf_done) struct buf before = BUF_TEXT;
		struct node *n = NULL;
		struct err err;
		assert_true(json_read(&a, cases[i].json, strlen(cases[i].json), &n, &err));
		json_write(n, JSON_COMPACT, &before);
		json_write_canonical(n, &text);
		json_write(n, JSON_COMPACT, &after);
		assert_string_equal(buf_str(&text), cases[i].canonical);
		assert_string_equal(buf_str(&after), buf_str(&before));	/* the tree stays as it was */
	}
}

static void an_error_in_a_file_says_line_and_column(void **state)
{
	static const struct { const char *json, *message; } cases[] = {
		{ "{\n  \"a\": 1,\n}", "f.json:3:1: not JSON: unexpected character" },
		{ "{\n  \"a\": \"caf\u00e9\", x}", "f.json:2:16: not JSON: found \"x\"" },
		{ "{\n  \"a\": [1", "f.json:2:10: not JSON: it ends too early" },
		{ "{\n  \"a\": \"b", "f.json:2:10: not JSON: it ends inside a string" },
		{ "", "f.json:1:1: nothing, where JSON was expected" },
		{ "[99999999999999999999,]", "f.json: not JSON: unexpected character" },
		{ "[\"\xff\",]", "f.json: not JSON: unexpected character" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		struct node *n;
		struct err err;

		assert_false(json_read_file(&a, "f.json", cases[i].json, strlen(cases[i].json), &n, &err));
		assert_string_equal(err.msg, cases[i].message);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_read_is_written),
		cmocka_unit_test(the_pretty_form_has_two_spaces),
		cmocka_unit_test(what_is_no_json_is_refused),
		cmocka_unit_test(text_that_is_not_ascii_is_read_in_keys_and_values),
		cmocka_unit_test(an_escaped_character_is_the_same_as_a_plain_one),
		cmocka_unit_test(a_nul_byte_is_refused),
		cmocka_unit_test(nesting_has_a_limit),
		cmocka_unit_test(what_no_tree_can_hold_is_kept_raw_in_an_answer),
		cmocka_unit_test(what_is_no_json_is_refused_in_an_answer_too),
		cmocka_unit_test(what_is_no_utf8_is_written_as_the_character_for_that),
		cmocka_unit_test(what_people_read_hides_no_character),
		cmocka_unit_test(what_json_can_hold_stays_what_it_is),
		cmocka_unit_test(numbers_that_json_lacks_are_written_as_it_can),
		cmocka_unit_test(equal_trees_have_one_canonical_form),
		cmocka_unit_test(an_error_in_a_file_says_line_and_column),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
