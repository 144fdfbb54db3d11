#include "tests/test.h"
#include "reconcile/tree/json.h"
#include "reconcile/tree/node.h"

#include <math.h>
#include <string.h>

static struct node *tree(struct arena *a, const char *json)
{
	struct node *n = NULL;
	struct err err = { 0 };

	if (!json_read(a, json, strlen(json), &n, &err))
		fail_msg("%s: %s", json, err.msg);
	return n;
}

static void assert_json(const struct node *n, const char *json)
{
	CLEANUP(buf_done) struct buf text = BUF_TEXT;

	json_write(n, JSON_COMPACT, &text);
	assert_string_equal(buf_str(&text), json);
}

static void put_replaces_in_place_and_appends(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	struct node *map = node_map(&a);
	char key[] = "b";

	node_put(&a, map, "a", node_int(&a, 1));
	node_put(&a, map, key, node_text(&a, "x"));
	key[0] = 'z';
	node_put(&a, map, "a", node_bool(&a, true));
	struct node *list = node_put(&a, map, "c", node_list(&a));
	node_add(&a, list, node_null(&a));
	assert_json(map, "{\"a\":true,\"b\":\"x\",\"c\":[null]}");
}

static void drop_keeps_the_others_in_order(void **state)
{
	static const struct { const char *key, *left; } cases[] = {
		{ "a", "{\"b\":2,\"c\":3}" },
		{ "b", "{\"a\":1,\"c\":3}" },
		{ "c", "{\"a\":1,\"b\":2}" },
		{ "d", "{\"a\":1,\"b\":2,\"c\":3}" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		struct node *map = tree(&a, "{\"a\":1,\"b\":2,\"c\":3}");
		node_drop(map, cases[i].key);
		assert_json(map, cases[i].left);
	}
}

static void get_finds_nothing_where_nothing_is(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	struct node *map = tree(&a, "{\"a\":1,\"b\":\"x\",\"c\":[1]}");

	assert_int_equal(node_get(map, "a")->integer, 1);
	assert_null(node_get(map, "z"));
	assert_null(node_get(NULL, "a"));
	assert_null(node_get(node_get(map, "c"), "a"));
	assert_string_equal(node_get_text(map, "b"), "x");
	assert_null(node_get_text(map, "a"));
	assert_int_equal(node_get_int(map, "a", 7), 1);
	assert_int_equal(node_get_int(map, "b", 7), 7);
	assert_int_equal(node_get_int(map, "z", 7), 7);
}

static void empty_is_null_and_what_holds_nothing(void **state)
{
	static const struct { const char *json; bool empty; } cases[] = {
		{ "null", true }, { "\"\"", true }, { "[]", true }, { "{}", true },
		{ "0", false }, { "false", false }, { "0.0", false }, { "\" \"", false },
		{ "[null]", false }, { "{\"a\":null}", false },
	};
	CLEANUP(arena_free) struct arena a = { 0 };

	assert_true(node_empty(NULL));
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_int_equal(node_empty(tree(&a, cases[i].json)), cases[i].empty);
}

static void a_copy_outlives_the_original(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	struct arena other = { 0 };
	struct node *n = tree(&other, "{\"a\":[1,2.50,\"x\",null,{}],\"b\":false}");

	n->at = (struct pos){ "f", 3, 4 };
	struct node *copy = node_copy(&a, n);
	arena_free(&other);
	assert_json(copy, "{\"a\":[1,2.50,\"x\",null,{}],\"b\":false}");
	assert_int_equal(copy->at.line, 3);
	node_put(&a, copy, "c", node_int(&a, 1));
	assert_int_equal(copy->count, 3);
}

static void equal_trees_differ_in_no_value(void **state)
{
	static const struct { const char *a, *b; bool equal; } cases[] = {
		{ "{\"a\":1,\"b\":2}", "{\"b\":2,\"a\":1}", true },
		{ "{\"a\":1,\"b\":2}", "{\"a\":1,\"b\":3}", false },
		{ "{\"a\":1}", "{\"b\":1}", false },
		{ "{\"a\":1}", "{\"a\":1,\"b\":null}", false },
		{ "[1,2]", "[2,1]", false },
		{ "[1,2]", "[1,2]", true },
		{ "1", "1.0", false },
		{ "1.10", "1.1", true },
		{ "0.0", "-0.0", true },
		{ "1", "\"1\"", false },
		{ "true", "false", false },
		{ "null", "false", false },
		{ "[]", "{}", false },
		{ "{\"x\":{\"a\":[1],\"b\":{}}}", "{\"x\":{\"b\":{},\"a\":[1]}}", true },
	};
	CLEANUP(arena_free) struct arena arena = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct node *a = tree(&arena, cases[i].a), *b = tree(&arena, cases[i].b);
		assert_int_equal(node_equal(a, b), cases[i].equal);
		assert_int_equal(node_equal(b, a), cases[i].equal);
	}
}

static void not_a_number_equals_itself(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	struct node nan = { .kind = NODE_REAL, .real = NAN }, one = { .kind = NODE_REAL, .real = 1 };

	assert_true(node_equal(&nan, node_copy(&a, &nan)));
	assert_false(node_equal(&nan, &one));
	assert_true(node_order(&nan, &one) < 0);
	assert_true(node_order(&one, &nan) > 0);
}

static void the_order_is_total(void **state)
{
	/* Each comes before all that follow. */
	static const char *const sorted[] = {
		"null", "false", "true", "-1", "2", "-0.5", "1.5", "\"\"", "\"a\"", "\"b\"", "[]", "[1]", "[2]",
		"[0,0]", "{}", "{\"a\":1}", "{\"a\":2}", "{\"b\":0}", "{\"c\":1,\"a\":1}", "{\"b\":0,\"c\":1}",
	};
	CLEANUP(arena_free) struct arena a = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(sorted); i++)
		for (size_t j = 0; j < ARRAY_LEN(sorted); j++) {
			int order = node_order(tree(&a, sorted[i]), tree(&a, sorted[j]));
			assert_int_equal((order > 0) - (order < 0), (i > j) - (i < j));
		}
}

static void maps_of_many_keys_are_compared_in_any_order(void **state)
{
	enum { MANY = 20000 };
	CLEANUP(arena_free) struct arena a = { 0 };
	struct node *up = node_map(&a), *down = node_map(&a);

	up->entries = arena_new(&a, struct entry, MANY);
	down->entries = arena_new(&a, struct entry, MANY);
	for (int i = 0; i < MANY; i++) {
		struct entry entry = { .key = arena_printf(&a, "k%d", i), .value = node_int(&a, i) };
		up->entries[i] = down->entries[MANY - 1 - i] = entry;
	}
	up->count = down->count = MANY;
	assert_true(node_equal(up, down));
	down->entries[5].value = node_int(&a, -1);
	assert_false(node_equal(up, down));
}

/* Of the keys k0, k1, ... the even ones are there, with their number. */
static void assert_even_keys(struct arena *a, const struct node *map, int count)
{
	for (int i = 0; i < count; i++)
		assert_int_equal(node_get_int(map, arena_printf(a, "k%d", i), -1), i % 2 ? -1 : i);
}

static void many_keys_are_found_in_short_time(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	struct node *map = node_map(&a);
	const int count = 4 * (int)rounds_of(25000);
	const char *middle = arena_printf(&a, "k%d", count / 2), *last = arena_printf(&a, "k%d", count - 2);

	for (int i = 0; i < count; i += 2)
		node_put(&a, map, arena_printf(&a, "k%d", i), node_int(&a, -2));
	for (int i = 0; i < count; i += 2)
		node_put(&a, map, arena_printf(&a, "k%d", i), node_int(&a, i));
	assert_int_equal(map->count, count / 2);
	assert_even_keys(&a, map, count);
	struct node *copy = node_copy(&a, map);
	assert_even_keys(&a, copy, count);
	node_drop(copy, "k0");
	node_drop(copy, middle);
	assert_null(node_get(copy, "k0"));
	assert_int_equal(node_get_int(copy, last, 0), count - 2);
	node_put(&a, copy, middle, node_int(&a, count / 2));
	node_put(&a, copy, "k0", node_int(&a, 0));
	assert_even_keys(&a, copy, count);
	node_sort_keys(copy);
	assert_int_equal(node_get_int(copy, last, 0), count - 2);
	assert_true(node_equal(copy, map));
}

static void a_map_copied_as_a_struct_is_no_trap(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	struct node *map = node_map(&a), copy;

	for (int i = 0; i < 40; i++)
		node_put(&a, map, arena_printf(&a, "k%d", i), node_int(&a, i));
	copy = *map;
	node_put(&a, &copy, "only here", node_int(&a, 1));
	assert_null(node_get(map, "only here"));
	assert_int_equal(node_get_int(&copy, "only here", 0), 1);
	assert_int_equal(node_get_int(&copy, "k39", 0), 39);
	assert_int_equal(node_get_int(map, "k39", 0), 39);
}

static void keys_are_sorted_at_every_level(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	struct node *n = tree(&a, "{\"b\":[{\"z\":1,\"y\":2}],\"a\":{\"d\":1,\"C\":2}}");

	node_sort_keys(n);
	assert_json(n, "{\"a\":{\"C\":2,\"d\":1},\"b\":[{\"y\":2,\"z\":1}]}");
}

static void scalars_have_a_text(void **state)
{
	static const struct { const char *json, *text; } cases[] = {
		{ "-12", "-12" }, { "true", "true" }, { "false", "false" }, { "1.50", "1.50" },
		{ "\"x\"", "x" }, { "null", NULL }, { "[]", NULL }, { "{}", NULL },
	};
	CLEANUP(arena_free) struct arena a = { 0 };
	struct node octal = { .kind = NODE_INT, .integer = 8, .text = "010" };
	struct node made = { .kind = NODE_REAL, .real = 0.5 };

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const char *text = node_scalar_text(&a, tree(&a, cases[i].json));
		if (cases[i].text)
			assert_string_equal(text, cases[i].text);
		else
			assert_null(text);
	}
	assert_string_equal(node_scalar_text(&a, &octal), "8");
	assert_string_equal(node_scalar_text(&a, &made), "0.5");
}

static void a_pointer_names_a_node(void **state)
{
	/* The first eleven are the examples of RFC 6901. */
	static const struct { const char *pointer, *json; } cases[] = {
		{ "/foo", "[\"bar\",\"baz\"]" }, { "/foo/0", "\"bar\"" }, { "/", "0" }, { "/a~1b", "1" },
		{ "/c%d", "2" }, { "/e^f", "3" }, { "/g|h", "4" }, { "/i\\j", "5" }, { "/k\"l", "6" },
		{ "/ ", "7" }, { "/m~0n", "8" },
		{ "/foo/1", "\"baz\"" }, { "/foo/2", NULL }, { "/foo/00", NULL }, { "/foo/-", NULL },
		{ "/foo/", NULL }, { "/foo/1/2", NULL }, { "/foo/18446744073709551616", NULL },
		{ "/fo", NULL }, { "/fooo", NULL }, { "foo", NULL }, { "/a~01b", NULL },
		{ "/m~n", "8" },	/* a "~" that escapes nothing stands for itself */
	};
	CLEANUP(arena_free) struct arena a = { 0 };
	struct node *n = tree(&a, "{\"foo\":[\"bar\",\"baz\"],\"\":0,\"a/b\":1,\"c%d\":2,\"e^f\":3,"
	                          "\"g|h\":4,\"i\\\\j\":5,\"k\\\"l\":6,\" \":7,\"m~n\":8}");

	assert_ptr_equal(node_at(n, ""), n);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct node *found = node_at(n, cases[i].pointer);
		if (cases[i].json)
			assert_json(found, cases[i].json);
		else
			assert_null(found);
	}
	assert_null(node_at(NULL, ""));
}

static void pointers_escape_what_they_must(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };

	assert_string_equal(pointer_add(&a, "", "steps"), "/steps");
	assert_string_equal(pointer_add(&a, "/steps", "a~/b"), "/steps/a~0~1b");
	assert_string_equal(pointer_add(&a, "/x", ""), "/x/");
	assert_string_equal(pointer_add_index(&a, "/tags", 12), "/tags/12");
}

static void a_text_is_asked_for_by_its_key(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	struct node *map = node_map(&a);

	node_put(&a, map, "a", node_text(&a, "x"));
	node_put(&a, map, "b", node_int(&a, 1));
	assert_true(node_is_text(map, "a", "x"));
	assert_false(node_is_text(map, "a", "xy"));
	assert_false(node_is_text(map, "b", "1"));
	assert_false(node_is_text(map, "c", "x"));
	assert_false(node_is_text(NULL, "a", "x"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_text_is_asked_for_by_its_key),
		cmocka_unit_test(put_replaces_in_place_and_appends),
		cmocka_unit_test(drop_keeps_the_others_in_order),
		cmocka_unit_test(get_finds_nothing_where_nothing_is),
		cmocka_unit_test(empty_is_null_and_what_holds_nothing),
		cmocka_unit_test(a_copy_outlives_the_original),
		cmocka_unit_test(equal_trees_differ_in_no_value),
		cmocka_unit_test(not_a_number_equals_itself),
		cmocka_unit_test(the_order_is_total),
		cmocka_unit_test(maps_of_many_keys_are_compared_in_any_order),
		cmocka_unit_test(many_keys_are_found_in_short_time),
		cmocka_unit_test(a_map_copied_as_a_struct_is_no_trap),
		cmocka_unit_test(keys_are_sorted_at_every_level),
		cmocka_unit_test(scalars_have_a_text),
		cmocka_unit_test(a_pointer_names_a_node),
		cmocka_unit_test(pointers_escape_what_they_must),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
