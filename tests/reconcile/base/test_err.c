#include "tests/test.h"
#include "reconcile/base/err.h"

#include <errno.h>
#include <string.h>

static void wrap_puts_the_context_first(void **state)
{
	struct err e;

	assert_false(err_sys(&e, ENOENT, "open %s", "a.yaml"));
	assert_false(err_wrap(&e, "source \"main\""));
	assert_string_equal(e.msg, "source \"main\": open a.yaml: No such file or directory");
}

static void a_long_message_is_cut(void **state)
{
	struct err e;
	char text[2000];

	memset(text, 'x', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	assert_false(err_at(&e, (struct pos){ "f", 0, 0 }, "%s", text));
	assert_false(err_wrap(&e, "%s", text));
	assert_int_equal(strlen(e.msg), sizeof e.msg - 1);
}

static void no_character_is_cut_in_two(void **state)
{
	static const char *const characters[] = { "x", "\xc3\xa4", "\xe2\x82\xac", "\xf0\x9f\x90\xa7" };
	struct err e;

	for (size_t i = 0; i < ARRAY_LEN(characters); i++)
		for (size_t shift = 0; shift < 4; shift++) {
			size_t len = strlen(characters[i]);
			char text[2400] = "";
			memset(text, 'x', shift);
			for (size_t j = 0; j < 500; j++)
				memcpy(text + shift + j * len, characters[i], len);
			assert_false(err_set(&e, "%s", text));
			size_t most = strlen(text) < sizeof e.msg ? strlen(text) : sizeof e.msg - 1;
			assert_int_equal(strlen(e.msg), most - (most - shift) % len);
			assert_memory_equal(e.msg + strlen(e.msg) - len, characters[i], len);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wrap_puts_the_context_first),
		cmocka_unit_test(a_long_message_is_cut),
		cmocka_unit_test(no_character_is_cut_in_two),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
