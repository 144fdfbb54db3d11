#include "tests/test.h"
#include "reconcile/base/printable.h"

static void text_stays_one_harmless_line_in_which_nothing_is_hidden(void **state)
{
	static const struct { const char *text, *shown; } cases[] = {
		{ "plain \xc3\xa9 Ω € \xf0\x9f\x98\x80", "plain \xc3\xa9 Ω € \xf0\x9f\x98\x80" },
		{ "", "" },
		{ "a\nb\tc\rd", "a\\nb\\tc\\rd" },
		{ "\033[2J\x7f\x01", "\\x1b[2J\\x7f\\x01" },
		{ "\xc2\x9b" "2J", "\\x9b2J" },
		{ "\xc2\xa0", "\xc2\xa0" },	/* a blank can be seen; no-break spaces are everyday text */
		/* bytes that are not UTF-8: cut off, too long, a surrogate, past the last code */
		{ "\xff\xc3", "\\xff\\xc3" },
		{ "\xc0\x8a\xed\xa0\x80\xf4\x90\x80\x80", "\\xc0\\x8a\\xed\\xa0\\x80\\xf4\\x90\\x80\\x80" },
		/* the direction of writing */
		{ "\xe2\x80\xae" "x\xe2\x80\xa8", "\\u202ex\\u2028" },
		{ "\xd8\x9c\xe2\x80\x8e\xe2\x80\x8f\xe2\x81\xa6\xe2\x81\xa9", "\\u061c\\u200e\\u200f\\u2066\\u2069" },
		/* what cannot be seen */
		{ "a\xe2\x80\x8b" "b\xef\xbb\xbf" "c\xc2\xad" "d\xe2\x81\xa0", "a\\u200bb\\ufeffc\\xadd\\u2060" },
		{ "\xe2\x80\x8d\xef\xb8\x8f\xe3\x85\xa4\xcd\x8f", "\\u200d\\ufe0f\\u3164\\u034f" },
		{ "\xf3\xa0\x81\x81", "\\U000e0041" },
		/* a command of GitHub's runner, anywhere in a line */
		{ "a ##[error]b #[c] ${x###[a]}", "a ##\\x5berror]b #[c] ${x###\\x5ba]}" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(buf_done) struct buf out = BUF_TEXT;
		CLEANUP(arena_free) struct arena a = { 0 };
		printable_add(&out, cases[i].text);
		assert_string_equal(buf_str(&out), cases[i].shown);
		assert_string_equal(printable_text(&a, cases[i].text), cases[i].shown);
	}
}

static void what_may_look_like_another_text_is_known(void **state)
{
	static const uint32_t alike[] = { 0xa0, 0x301, 0x1161, 0x2003, 0x212b, 0x3000, 0x3099, 0xf900, 0x2fa1d };
	static const uint32_t others[] = { ' ', 'e', 0xe9, 0x3a9, 0xac00, 0x4e00, 0x1f600 };

	for (size_t i = 0; i < ARRAY_LEN(alike); i++)
		assert_true(printable_looks_like_other(alike[i]));
	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		assert_false(printable_looks_like_other(others[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_stays_one_harmless_line_in_which_nothing_is_hidden),
		cmocka_unit_test(what_may_look_like_another_text_is_known),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
