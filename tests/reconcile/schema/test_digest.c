#include "tests/test.h"
#include "reconcile/schema/digest.h"

#include <string.h>

#include "tests/tree.h"

static const unsigned char zeros[DIGEST_KEY_SIZE], ones[DIGEST_KEY_SIZE] = { 1 };

static void a_name_has_eight_digits(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };

	assert_string_equal(digest_name(&a, "hello"), "2cf24dba");
	assert_string_equal(digest_name(&a, ""), "e3b0c442");
	assert_string_equal(digest_text(&a, "hello"), "2cf24dba");
}

#define STEP(rest)	"{\"name\":\"a\",\"steps\":{\"s\":{\"imageId\":1" rest "}}}"
#define TOP(rest)	"{\"name\":\"a\",\"steps\":{}" rest "}"

static void a_digest_is_of_what_is_meant_not_of_how_it_is_written(void **state)
{
	static const struct { const char *x, *y; bool same; } cases[] = {
		{ "{\"name\":\"a\",\"steps\":{}}", "{\"steps\":{},\"name\":\"a\"}", true },
		{ "{\"name\":\"a\",\"steps\":{}}", "{\"steps\":{},\"name\":\"b\"}", false },
		{ STEP(""), STEP(",\"type\":\"standard\""), true },
		{ STEP(""), STEP(",\"stepTimeout\":null"), true },
		{ STEP(""), STEP(",\"stepTimeout\":0"), false },
		{ TOP(",\"tags\":[{\"name\":\"x\"},{\"name\":\"y\"}]"), TOP(",\"tags\":[{\"name\":\"y\"},{\"name\":\"x\"}]"), true },
		{ TOP(",\"tags\":[{\"name\":\"x\"}]"), TOP(",\"tags\":[{\"name\":\"x\"},{\"name\":\"flowsync-x\"}]"), true },
		{ TOP(",\"watchers\":[{\"user\":\"u\",\"events\":{}},{\"user\":\"v\",\"events\":{}}]"),
		  TOP(",\"watchers\":[{\"events\":{},\"user\":\"v\"},{\"events\":{},\"user\":\"u\"}]"), true },
		{ STEP(",\"parents\":[\"p\",\"q\"]"), STEP(",\"parents\":[\"q\",\"p\"]"), true },
		{ STEP(",\"executionParameters\":{\"conditional\":[{\"value\":\"1\"},{\"value\":\"2\"}]}"),
		  STEP(",\"executionParameters\":{\"conditional\":[{\"value\":\"2\"},{\"value\":\"1\"}]}"), false },
		{ STEP(",\"parameters\":{\"env\":{\"A\":\"1\",\"B\":2}}"), STEP(",\"parameters\":{\"env\":[{\"B\":\"2\"},{\"A\":1}]}"), true },
		{ STEP(",\"parameters\":{\"env\":{\"A\":\"1\"}}"), STEP(",\"parameters\":{\"env\":{\"A\":\"2\"}}"), false },
		/* secrets count, though little of them */
		{ STEP(",\"repository\":{\"token\":\"one\"}"), STEP(",\"repository\":{\"token\":\"two\"}"), false },
		{ STEP(",\"parameters\":{\"env\":{\"PASSWORD\":\"one\"}}"), STEP(",\"parameters\":{\"env\":{\"PASSWORD\":\"two\"}}"), false },
		{ STEP(",\"repository\":{\"url\":\"https://u:p@h/\"}"), STEP(",\"repository\":{\"url\":\"https://u:q@h/\"}"), false },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		const char *x = digest_body(&a, tree_json(&a, cases[i].x)), *y = digest_body(&a, tree_json(&a, cases[i].y));

		if ((strcmp(x, y) == 0) != cases[i].same)
			fail_msg("%s %s\n%s %s", x, cases[i].x, y, cases[i].y);
		assert_int_equal(strlen(x), 9);
		/* What is sealed is equal just where that is. */
		assert_int_equal(node_equal(digest_seal(&a, zeros, tree_json(&a, cases[i].x)),
		                            digest_seal(&a, zeros, tree_json(&a, cases[i].y))), cases[i].same);
	}
}

/* It stands on workflows of people: whoever changes it has to raise the sign, too. */
static void the_digest_of_a_body_is_this_one(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };

	assert_string_equal(digest_body(&a, tree_json(&a,
		"{\"name\":\"a\",\"tags\":[{\"name\":\"y\"},{\"name\":\"x\"}],\"steps\":{\"s\":{\"imageId\":1,\"command\":\"c\","
		"\"repository\":{\"url\":\"u\",\"branch\":\"b\",\"token\":\"t\"}}}}")), "1b86fad0e");
}

static void one_secret_in_two_places_is_two(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	struct node *n = digest_seal(&a, zeros, tree_json(&a,
		"{\"name\":\"a\",\"steps\":{\"s\":{\"parameters\":{\"env\":{\"KEY\":\"one\",\"TOKEN\":\"one\"}}}}}"));
	const char *key = node_get_text(node_at(n, "/steps/s/parameters/env"), "KEY");
	const char *token = node_get_text(node_at(n, "/steps/s/parameters/env"), "TOKEN");

	assert_int_equal(strlen(key), strlen("(sealed )") + 64);
	assert_string_not_equal(key, token);
}

static void a_seal_needs_its_key(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	const struct node *body = tree_json(&a, STEP(",\"repository\":{\"token\":\"one\"}"));

	assert_false(node_equal(digest_seal(&a, zeros, body), digest_seal(&a, ones, body)));
	assert_true(node_equal(digest_seal(&a, ones, body), digest_seal(&a, ones, body)));
	assert_null(strstr(tree_text(&a, digest_seal(&a, zeros, body)), "one"));
}

/* A new first item leaves the seals of the others as they were. */
static void a_list_is_one_place(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	struct node *one = digest_seal(&a, zeros, tree_json(&a,
		TOP(",\"watchers\":[{\"user\":\"\"},{\"webhook\":{\"name\":\"n\",\"url\":\"x\"}}]")));
	struct node *two = digest_seal(&a, zeros, tree_json(&a,
		TOP(",\"watchers\":[{\"webhook\":{\"name\":\"n\",\"url\":\"x\"}}]")));

	assert_string_equal(node_get_text(node_at(one, "/watchers/1/webhook"), "url"),
	                    node_get_text(node_at(two, "/watchers/0/webhook"), "url"));
}

static const struct field *field_at(const char *pointer)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	const struct field *f = &workflow_field;
	char *rest = arena_strdup(&a, pointer + 1), *key;

	while ((key = strsep(&rest, "/")))
		f = field_child(f, key, ALL_KINDS);
	return f;
}

static const char *value(struct arena *a, const char *name, const char *pointer, const char *json)
{
	return digest_value(a, name, pointer, NULL, NULL, field_at(pointer),
	                    json ? tree_json(a, json) : NULL);
}

static void a_value_is_known_by_what_it_is(void **state)
{
	static const struct { const char *pointer, *x, *y; bool same; } cases[] = {
		{ "/steps/s/imageId", "1", "1", true },
		{ "/steps/s/imageId", "1", "2", false },
		{ "/steps/s/imageId", "1", "\"1\"", false },
		{ "/steps/s/imageId", "1", NULL, false },
		{ "/steps/s/imageId", NULL, NULL, true },
		{ "/steps/s/command", "\"absent\"", NULL, false },
		{ "/tags", "[{\"name\":\"x\"},{\"name\":\"y\"}]", "[{\"name\":\"y\"},{\"name\":\"x\"}]", true },
		{ "/metadata", "{\"a\":1,\"b\":2}", "{\"b\":2,\"a\":1}", true },
		{ "/steps/s/repository/token", "\"one\"", "\"one\"", true },
		{ "/steps/s/repository/token", "\"one\"", "\"two\"", false },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		const char *x = value(&a, "a", cases[i].pointer, cases[i].x), *y = value(&a, "a", cases[i].pointer, cases[i].y);

		if ((strcmp(x, y) == 0) != cases[i].same)
			fail_msg("%s: %s %s", cases[i].pointer, x, y);
	}
}

static void a_secret_value_is_salted_with_name_and_place(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	const char *one = value(&a, "a", "/steps/s/repository/token", "\"one\"");

	assert_string_not_equal(one, value(&a, "b", "/steps/s/repository/token", "\"one\""));
	assert_string_not_equal(one, value(&a, "a", "/steps/t/repository/token", "\"one\""));
	/* What is none is the same everywhere. */
	assert_string_equal(value(&a, "a", "/steps/s/imageId", "1"),
	                    value(&a, "b", "/steps/t/imageId", "1"));
}

static void a_proof_of_a_secret_is_the_one_of_the_standard(void **state)
{
	/* RFC 4231, test cases 2 and 6; the second has a key that is longer than a block. */
	static const struct { char key[132]; size_t key_len; const char *text, *digest; } cases[] = {
		{ "Jefe", 4, "what do ya want for nothing?",
		  "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843" },
		{ "", 131, "Test Using Larger Than Block-Size Key - Hash Key First",
		  "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		unsigned char key[132], digest[DIGEST_SIZE];
		CLEANUP(buf_done) struct buf text = BUF_TEXT;
		memcpy(key, cases[i].key, sizeof key);
		if (!*cases[i].key)
			memset(key, 0xaa, sizeof key);
		digest_hmac(key, cases[i].key_len, cases[i].text, strlen(cases[i].text), digest);
		for (size_t k = 0; k < DIGEST_SIZE; k++)
			buf_addf(&text, "%02x", digest[k]);
		assert_string_equal(buf_str(&text), cases[i].digest);
	}
}

static void digests_are_equal_only_if_every_byte_is(void **state)
{
	unsigned char a[DIGEST_SIZE] = { 0 }, b[DIGEST_SIZE] = { 0 };

	assert_true(digest_equal(a, b));
	for (size_t i = 0; i < DIGEST_SIZE; i++) {
		b[i] = 1;
		assert_false(digest_equal(a, b));
		b[i] = 0;
	}
}

static void a_secret_is_equal_only_to_the_whole_text(void **state)
{
	static const char *const others[] = { "", "s", "secre", "secret ", "Secret", "secreT", "secretsecret" };

	assert_true(digest_secret_equal("secret", "secret"));
	assert_true(digest_secret_equal("", ""));
	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
		assert_false(digest_secret_equal(others[i], "secret"));
		assert_false(digest_secret_equal("secret", others[i]));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_name_has_eight_digits),
		cmocka_unit_test(a_digest_is_of_what_is_meant_not_of_how_it_is_written),
		cmocka_unit_test(the_digest_of_a_body_is_this_one),
		cmocka_unit_test(one_secret_in_two_places_is_two),
		cmocka_unit_test(a_seal_needs_its_key),
		cmocka_unit_test(a_list_is_one_place),
		cmocka_unit_test(a_value_is_known_by_what_it_is),
		cmocka_unit_test(a_secret_value_is_salted_with_name_and_place),
		cmocka_unit_test(a_proof_of_a_secret_is_the_one_of_the_standard),
		cmocka_unit_test(digests_are_equal_only_if_every_byte_is),
		cmocka_unit_test(a_secret_is_equal_only_to_the_whole_text),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
