#include "tests/test.h"
#include "reconcile/base/suggest.h"

#include <string.h>

static void the_nearest_known_word_is_kept(void **state)
{
	static const char *const known[] = {
		"imageId", "imageDetails", "command", "parents", "type", "stepTimeout", "id", NULL
	};
	static const struct { const char *word, *best; } cases[] = {
		{ "imageID", "imageId" },
		{ "imagId", "imageId" },
		{ "comand", "command" },
		{ "cmomand", "command" },	/* two letters swapped are one edit */
		{ "parent", "parents" },
		{ "tpye", "type" },
		{ "steptimout", "stepTimeout" },
		{ "txxx", NULL },
		{ "zebra", NULL },
		{ "", NULL },
		{ "ie", NULL },		/* of a word of two letters none may differ */
		{ "ID", "id" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct suggestion near = { .word = cases[i].word };
		for (const char *const *k = known; *k; k++)
			suggest_offer(&near, *k);
		if (cases[i].best)
			assert_string_equal(near.best ? near.best : "(none)", cases[i].best);
		else
			assert_null(near.best);
	}
}

static void of_two_as_near_the_first_is_kept(void **state)
{
	struct suggestion near = { .word = "cat" };

	suggest_offer(&near, "bat");
	suggest_offer(&near, "hat");
	assert_string_equal(near.best, "bat");
	assert_int_equal(near.distance, 1);
}

static void very_long_words_are_passed_over(void **state)
{
	char word[200];
	struct suggestion near = { .word = word };

	memset(word, 'x', sizeof word - 1);
	word[sizeof word - 1] = '\0';
	suggest_offer(&near, word);
	assert_null(near.best);
	near = (struct suggestion){ .word = "xxxx" };
	suggest_offer(&near, word);
	assert_null(near.best);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_nearest_known_word_is_kept),
		cmocka_unit_test(of_two_as_near_the_first_is_kept),
		cmocka_unit_test(very_long_words_are_passed_over),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
