#include "tests/test.h"
#include "reconcile/base/buf.h"

#include <math.h>
#include <stdlib.h>

static void an_empty_one_is_the_empty_text(void **state)
{
	CLEANUP(buf_done) struct buf b = BUF(10);

	assert_string_equal(buf_str(&b), "");
	buf_add(&b, NULL, 0);
	assert_string_equal(buf_str(&b), "");
}

static void it_grows_as_needed(void **state)
{
	CLEANUP(buf_done) struct buf b = BUF(2000);

	for (int i = 0; i < 200; i++)
		buf_addf(&b, "%d,", 1000 + i);
	assert_int_equal(b.len, 1000);
	assert_memory_equal(b.text, "1000,1001,", 10);
	assert_string_equal(b.text + 990, "1198,1199,");
	assert_false(b.full);
}

static void what_fits_exactly_is_taken(void **state)
{
	CLEANUP(buf_done) struct buf b = BUF(4);

	buf_adds(&b, "abcd");
	assert_string_equal(buf_str(&b), "abcd");
	assert_false(b.full);
}

static void what_passes_the_limit_is_left_out_and_all_after_it(void **state)
{
	CLEANUP(buf_done) struct buf b = BUF(4);

	buf_adds(&b, "abc");
	buf_addf(&b, "%s", "de");
	buf_addc(&b, 'f');
	assert_string_equal(buf_str(&b), "abc");
	assert_true(b.full);
	buf_reset(&b);
	buf_addc(&b, 'f');
	assert_string_equal(buf_str(&b), "f");
	assert_false(b.full);
}

static void bytes_may_hold_a_nul(void **state)
{
	CLEANUP(buf_done) struct buf b = BUF(4);

	buf_add(&b, "a\0b", 3);
	assert_int_equal(b.len, 3);
	assert_memory_equal(b.text, "a\0b", 4);
}

static void reals_are_as_short_as_they_can_be(void **state)
{
	static const struct { double real; const char *text; } cases[] = {
		{ 0, "0.0" }, { -0.0, "-0.0" }, { 1, "1.0" }, { 0.1, "0.1" }, { -2.5, "-2.5" },
		{ 0.1 + 0.2, "0.30000000000000004" }, { 1e15, "1.0e+15" }, { 123456789012345, "123456789012345.0" },
		{ 1e300, "1.0e+300" }, { 1.5e-7, "1.5e-07" }, { 5e-324, "4.94065645841247e-324" },
		{ NAN, ".nan" }, { INFINITY, ".inf" }, { -INFINITY, "-.inf" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(buf_done) struct buf b = BUF(40);
		buf_add_real(&b, cases[i].real);
		assert_string_equal(buf_str(&b), cases[i].text);
		if (isfinite(cases[i].real))
			assert_true(strtod(buf_str(&b), NULL) == cases[i].real);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_one_is_the_empty_text),
		cmocka_unit_test(it_grows_as_needed),
		cmocka_unit_test(what_fits_exactly_is_taken),
		cmocka_unit_test(what_passes_the_limit_is_left_out_and_all_after_it),
		cmocka_unit_test(bytes_may_hold_a_nul),
		cmocka_unit_test(reals_are_as_short_as_they_can_be),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
