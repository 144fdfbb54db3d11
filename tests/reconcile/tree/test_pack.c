#include "tests/test.h"
#include "reconcile/tree/pack.h"

#include <stdint.h>
#include <string.h>

#include "tests/tree.h"

static struct node *packed_and_read(struct arena *a, const struct node *n)
{
	struct buf bytes = BUF_TEXT;

	pack_tree(n, &bytes);
	char *kept = arena_alloc(a, bytes.len, 1, 1);
	memcpy(kept, bytes.text, bytes.len);
	buf_done(&bytes);
	return pack_read(a, kept, "s.yaml");
}

static void assert_place(struct pos x, struct pos y)
{
	assert_int_equal(x.line, y.line);
	assert_int_equal(x.col, y.col);
	if (x.line)
		assert_string_equal(x.file, y.file);
}

static void assert_same(const struct node *x, const struct node *y)
{
	assert_int_equal(x->kind, y->kind);
	assert_place(x->at, y->at);
	assert_int_equal(x->secret, y->secret);
	if (x->kind < NODE_LIST) {
		assert_true(node_equal(x, y));
		assert_int_equal(x->kind == NODE_TEXT && x->ends_file, y->kind == NODE_TEXT && y->ends_file);
		assert_int_equal(!x->text, !y->text);
		if (x->text)
			assert_string_equal(x->text, y->text);
		return;
	}
	assert_int_equal(x->count, y->count);
	for (size_t i = 0; i < x->count; i++) {
		assert_place(x->entries[i].at, y->entries[i].at);
		assert_int_equal(!x->entries[i].key, !y->entries[i].key);
		if (x->entries[i].key) {
			assert_string_equal(x->entries[i].key, y->entries[i].key);
			assert_ptr_equal(node_get(y, x->entries[i].key), y->entries[i].value);
		}
		assert_same(x->entries[i].value, y->entries[i].value);
	}
}

static void a_tree_is_read_back_as_it_was(void **state)
{
	static const char *const texts[] = {
		"a: 1\nb: [x, 'y', 2.50, -3, 012, yes, ~, {c: []}]\nd: {}\ne: ''\n",
		"i: [0, 1, -1, 63, 64, -64, -65, 9223372036854775807, -9223372036854775808, 1e300, .nan, -.inf]\n",
		"long: |\n  one\n  two\nlast: |\n  ends\n  the file\n",
		"\"k\\u00e9y \\\" / ~\": \"v\\u2028\"\n",
	};
	CLEANUP(arena_free) struct arena a = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct node *n = tree_yaml(&a, texts[i]);
		n->entries[0].value->secret = true;
		assert_same(n, packed_and_read(&a, n));
	}
	assert_same(tree_json(&a, "{\"a\":[1,{\"b\":null}]}"), packed_and_read(&a, tree_json(&a, "{\"a\":[1,{\"b\":null}]}")));
}

static void a_map_of_many_keys_is_found_in_fast(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	struct node *n = node_map(&a);

	for (int i = 0; i < 1000; i++)
		node_put(&a, n, arena_printf(&a, "k%d", i), node_int(&a, i));
	struct node *read = packed_and_read(&a, n);
	assert_same(n, read);
	assert_non_null(read->index);
}

static void a_packed_tree_is_small(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	CLEANUP(buf_done) struct buf bytes = BUF_TEXT;
	const char *text = tree_file(&a, "examples/workflows/nightly-forecast.yaml");

	pack_tree(tree_yaml(&a, text), &bytes);
	assert_in_range(bytes.len, 1, strlen(text) * 5 / 4);
}

static const char *values(struct arena *a, const char *yaml, size_t *len)
{
	CLEANUP(buf_done) struct buf bytes = BUF_TEXT, out = BUF_TEXT;

	pack_tree(tree_yaml(a, yaml), &bytes);
	pack_add_values(buf_str(&bytes), &out);
	*len = out.len;
	return memcpy(arena_alloc(a, out.len, 1, 1), out.text, out.len);
}

static void values_are_those_of_the_tree_wherever_it_stands(void **state)
{
	static const char tree[] = "a: [1, 2.5, x, null, true, {b: c}]\nd: {e: ~}\n";
	static const char *const same[] = { "# moved\n\na:   [1, 2.5,\n  x, null, true, {b: c}]\nd:\n  e: ~\n" };
	static const char *const others[] = {
		"a: [1, 2.5, x, null, true, {b: d}]\nd: {e: ~}\n", "a: [1, 2.5, x, null, false, {b: c}]\nd: {e: ~}\n",
		"a: [3, 2.5, x, null, true, {b: c}]\nd: {e: ~}\n", "a: [1, 2.25, x, null, true, {b: c}]\nd: {e: ~}\n",
		"a: [1, 2.5, x, null, true, {c: c}]\nd: {e: ~}\n", "a: [1, 2.5, x, null, true, {b: c}, 1]\nd: {e: ~}\n",
		"a: [1, 2.5, x, null, true, {b: c}]\nd: {e: {}}\n",
	};
	CLEANUP(arena_free) struct arena a = { 0 };
	size_t len, other_len;
	const char *want = values(&a, tree, &len);

	for (size_t i = 0; i < ARRAY_LEN(same); i++) {
		const char *found = values(&a, same[i], &other_len);
		assert_int_equal(len, other_len);
		assert_memory_equal(want, found, len);
	}
	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
		const char *found = values(&a, others[i], &other_len);
		if (other_len == len && memcmp(want, found, len) == 0)
			fail_msg("%s", others[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_tree_is_read_back_as_it_was),
		cmocka_unit_test(a_map_of_many_keys_is_found_in_fast),
		cmocka_unit_test(a_packed_tree_is_small),
		cmocka_unit_test(values_are_those_of_the_tree_wherever_it_stands),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
