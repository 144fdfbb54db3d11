#include "tests/test.h"
#include "reconcile/plan/excerpt.h"

#include <string.h>

#include "tests/tree.h"

struct shown { struct buf from, to; };

static void shown_done(struct shown *s)
{
	buf_done(&s->from);
	buf_done(&s->to);
}

/* Texts as they are shown; old or new NULL: there is none. */
static struct shown excerpt(const char *old, const char *new)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	struct shown s = { BUF_TEXT, BUF_TEXT };

	excerpt_values(old ? node_text(&a, old) : NULL, new ? node_text(&a, new) : node_null(&a), false, &s.from, &s.to);
	return s;
}

static void check(const char *old, const char *new, const char *from, const char *to)
{
	CLEANUP(shown_done) struct shown s = excerpt(old, new);

	assert_string_equal(buf_str(&s.from), from);
	assert_string_equal(buf_str(&s.to), to);
}

static void a_short_value_is_whole(void **state)
{
	check("run", "walk", "\"run\"", "\"walk\"");
	check("run", NULL, "\"run\"", "");
	check(NULL, "a\nb", "", "\"a\\nb\"");
	/* What GitHub's runner takes for a command is escaped. */
	check("[##[error]x", "a", "\"[##\\x5berror]x\"", "\"a\"");
}

/* count lines "echo line N", of which line `odd` is another text. */
static const char *script(struct arena *a, int count, int odd, const char *text)
{
	CLEANUP(buf_done) struct buf b = BUF_TEXT;

	for (int i = 1; i <= count; i++)
		if (i == odd)
			buf_addf(&b, "%s\n", text);
		else
			buf_addf(&b, "echo line %d\n", i);
	return arena_strdup(a, buf_str(&b));
}

static void of_a_long_text_the_part_that_differs_is_shown(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	const char *old = script(&a, 60, 0, ""), *new = script(&a, 60, 50, "rm -rf DATA");

	check(old, new,
	      "...ho line 47\\necho line 48\\necho line 49\\necho line 50\\necho line 51\\necho line 52\\n"
	      "echo line 53\\necho line 54\\necho li... (833 bytes)",
	      "...ho line 47\\necho line 48\\necho line 49\\nrm -rf DATA\\necho line 51\\necho line 52\\n"
	      "echo line 53\\necho line 54\\necho lin... (832 bytes)");
	/* at the beginning, at the end, and in a text that was cut off by the service */
	check(old, script(&a, 60, 1, "cd /"),
	      "\"echo line 1\\necho line 2\\necho line 3\\necho line 4\\necho line 5\\necho line 6\\necho line 7\\n"
	      "echo line 8\\necho line 9\\nec... (833 bytes)",
	      "\"cd /\\necho line 2\\necho line 3\\necho line 4\\necho line 5\\necho line 6\\necho line 7\\n"
	      "echo line 8\\necho line 9\\necho line... (826 bytes)");
	check(old, script(&a, 61, 0, ""),
	      "...ho line 58\\necho line 59\\necho line 60\\n\" (833 bytes)",
	      "...ho line 58\\necho line 59\\necho line 60\\necho line 61\\n\" (847 bytes)");
	check(old, arena_strndup(&a, old, 90),
	      "...line 5\\necho line 6\\necho line 7\\necho line 8\\necho line 9\\necho line 10\\n"
	      "echo line 11\\necho line 12\\necho line 13\\ne... (833 bytes)",
	      "\"echo line 1\\necho line 2\\necho line 3\\necho line 4\\necho line 5\\necho line 6\\necho line 7\\n"
	      "echo l\"");
}

static void a_value_alone_is_shown_from_its_beginning(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };

	check(NULL, script(&a, 60, 0, ""), "",
	      "\"echo line 1\\necho line 2\\necho line 3\\necho line 4\\necho line 5\\necho line 6\\necho line 7\\n"
	      "echo line 8\\necho line 9\\nec... (833 bytes)");
}

static void lists_and_maps_are_cut_like_texts(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	CLEANUP(buf_done) struct buf from = BUF_TEXT, to = BUF_TEXT, old = BUF_TEXT, new = BUF_TEXT;

	for (int i = 0; i < 50; i++) {
		buf_addf(&old, "%s\"item-%d\"", i ? "," : "[", i);
		buf_addf(&new, "%s\"item-%d\"", i ? "," : "[", i == 40 ? 99 : i);
	}
	buf_addc(&old, ']');
	buf_addc(&new, ']');
	excerpt_values(tree_json(&a, buf_str(&old)), tree_json(&a, buf_str(&new)), false, &from, &to);
	assert_non_null(strstr(buf_str(&from), "\"item-39\",\"item-40\",\"item-41\""));
	assert_non_null(strstr(buf_str(&to), "\"item-39\",\"item-99\",\"item-41\""));
}

static void what_only_seems_to_be_equal_is_shown_as_different(void **state)
{
	static const struct { const char *old, *new, *from, *to; } cases[] = {
		/* blanks */
		{ "a  b", "a b", "\"a \\x20b\"", "\"a b\"" },
		{ "run ", "run", "\"run\\x20\"", "\"run\"" },
		{ "run\n", "run", "\"run\\n\"", "\"run\"" },
		{ "a\tb", "a b", "\"a\\tb\"", "\"a\\x20b\"" },
		{ "if a:\n  b\n  c", "if a:\n b\n c", "\"if a:\\n \\x20b\\n\\x20 c\"", "\"if a:\\n b\\n c\"" },
		{ "a\xc2\xa0" "b", "a b", "\"a\\xa0b\"", "\"a b\"" },
		{ "a\xe3\x80\x80" "b", "a\xe2\x80\x83" "b", "\"a\\u3000b\"", "\"a\\u2003b\"" },
		/* a backslash and an n are no line break */
		{ "a\\n", "a\n", "\"a\\\\n\"", "\"a\\n\"" },
		{ "a\\nb", "a\\ nb", "\"a\\\\nb\"", "\"a\\\\\\x20nb\"" },
		/* what cannot be seen */
		{ "a\xe2\x80\x8b" "b", "ab", "\"a\\u200bb\"", "\"ab\"" },
		{ "\xef\xbb\xbf" "ab", "ab", "\"\\ufeffab\"", "\"ab\"" },
		/* the Unicode forms NFC and NFD: accents, Hangul, kana; a second code for a letter */
		{ "caf\xc3\xa9", "cafe\xcc\x81", "\"caf\\xe9\"", "\"cafe\\u0301\"" },
		{ "\xed\x95\x9c", "\xe1\x84\x92\xe1\x85\xa1\xe1\x86\xab", "\"\\ud55c\"", "\"\\u1112\\u1161\\u11ab\"" },
		{ "\xe3\x81\x8c", "\xe3\x81\x8b\xe3\x82\x99", "\"\\u304c\"", "\"\\u304b\\u3099\"" },
		{ "\xe2\x84\xab", "\xc3\x85", "\"\\u212b\"", "\"\\xc5\"" },
		/* letters that can be told apart stay as they are */
		{ "Gr\xc3\xbc\xc3\x9f" "e", "Gr\xc3\xb6\xc3\x9f" "e", "\"Gr\xc3\xbc\xc3\x9f" "e\"",
		  "\"Gr\xc3\xb6\xc3\x9f" "e\"" },
		{ "a b", "c d", "\"a b\"", "\"c d\"" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		check(cases[i].old, cases[i].new, cases[i].from, cases[i].to);
}

static void it_is_seen_deep_in_a_long_text_as_well(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	CLEANUP(shown_done) struct shown s = excerpt(script(&a, 60, 50, "echo caf\xc3\xa9 \xc3\xa4"),
	                                             script(&a, 60, 50, "echo cafe\xcc\x81 \xc3\xa4"));

	assert_non_null(strstr(buf_str(&s.from), "echo caf\\xe9 \xc3\xa4\\necho line 51"));
	assert_non_null(strstr(buf_str(&s.to), "echo cafe\\u0301 \xc3\xa4\\necho line 51"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_short_value_is_whole),
		cmocka_unit_test(of_a_long_text_the_part_that_differs_is_shown),
		cmocka_unit_test(a_value_alone_is_shown_from_its_beginning),
		cmocka_unit_test(lists_and_maps_are_cut_like_texts),
		cmocka_unit_test(what_only_seems_to_be_equal_is_shown_as_different),
		cmocka_unit_test(it_is_seen_deep_in_a_long_text_as_well),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
