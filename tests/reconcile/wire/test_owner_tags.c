#include "tests/test.h"
#include "reconcile/wire/owner_tags.h"

#include <string.h>

#include "tests/tree.h"

static const char *or_none(const char *text)
{
	return text ? text : "-";
}

/* Tags as JSON, from their names with spaces between. */
static struct node *tags_of(struct arena *a, const char *names)
{
	struct node *tags = node_list(a);

	for (const char *s = names; *s; s += strspn(s, " ")) {
		size_t len = strcspn(s, " ");
		node_put(a, node_add(a, tags, node_map(a)), "name", node_text(a, arena_strndup(a, s, len)));
		s += len;
	}
	return tags;
}

static void an_owner_is_a_short_word_that_no_other_tag_of_ours_is(void **state)
{
	static const struct { const char *text; bool is; } cases[] = {
		{ "default", true }, { "a", true }, { "0-9", true }, { "-", true }, { "keeper", true }, { "id", true },
		{ "settled", true },
		{ "a23456789012345678901234567890123456789a", true },
		{ "a23456789012345678901234567890123456789ab", false },
		{ "", false }, { "A", false }, { "a b", false }, { "a_b", false }, { "ä", false },
		{ "keep", false }, { "id-", false }, { "id-x", false }, { "settled-x", false },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		if (owner_tags_is_owner(cases[i].text) != cases[i].is)
			fail_msg("\"%s\"", cases[i].text);
}

static void the_tags_say_whose_it_is(void **state)
{
	static const struct { const char *tags, *read; } cases[] = {
		{ "", "- - - - -" },
		{ "a flowsync", "- - - - -" },
		{ "flowsync-", "- - - - -" },
		{ "flowsync-team", "team - - - -" },
		{ "flowsync-team flowsync-team", "team - - - -" },
		{ "flowsync-team flowsync-other", "team other - - -" },
		{ "flowsync-id-2cf24dba-100112233 x flowsync-team", "team - 2cf24dba 100112233 -" },
		{ "flowsync-team flowsync-id-2cf24dba-z00112233", "team - 2cf24dba z00112233 -" },
		/* ids that are none */
		{ "flowsync-id-2cf24db-100112233", "- - - - -" },
		{ "flowsync-id-2cf24dba_100112233", "- - - - -" },
		{ "flowsync-id-2CF24DBA-100112233", "- - - - -" },
		{ "flowsync-id-2cf24dba-10011223g", "- - - - -" },
		{ "flowsync-id-2cf24dba-1001122334", "- - - - -" },
		/* two of them say nothing, whatever their order */
		{ "flowsync-id-2cf24dba-100112233 flowsync-id-3cf24dba-100112233", "- - - - -" },
		{ "flowsync-team flowsync-settled-01234567", "team - - - 01234567" },
		{ "flowsync-keep flowsync-team", "team - - - - keep" },
		{ "Flowsync-team FLOWSYNC-KEEP", "- - - - -" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		struct owner_tags m = owner_tags_read(&a, tags_of(&a, cases[i].tags));
		const char *read = arena_printf(&a, "%s %s %s %s %s%s", or_none(m.owner), or_none(m.other),
		                                or_none(m.name), or_none(m.body), or_none(m.settled),
		                                m.keep ? " keep" : "");
		if (strcmp(read, cases[i].read) != 0)
			fail_msg("%s: %s", cases[i].tags, read);
	}
}

static void what_is_no_list_of_tags_says_nothing(void **state)
{
	static const char *const tags[] = {
		"null", "{}", "\"flowsync-team\"", "[\"flowsync-team\"]", "[{\"name\":7}]", "[{}]", "[null]", "[[]]",
	};
	for (size_t i = 0; i < ARRAY_LEN(tags); i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		struct owner_tags m = owner_tags_read(&a, tree_json(&a, tags[i]));

		assert_null(m.owner);
	}
	CLEANUP(arena_free) struct arena a = { 0 };
	assert_null(owner_tags_read(&a, NULL).owner);
}

static void the_id_tells_a_copy(void **state)
{
	/* 2cf24dba is of "hello" */
	static const struct { const char *tags; bool owned; const char *other; } cases[] = {
		{ "", false, NULL },
		{ "flowsync-team flowsync-id-2cf24dba-100112233", true, NULL },
		{ "flowsync-team", false, NULL },
		{ "flowsync-id-2cf24dba-100112233", false, NULL },
		{ "flowsync-team flowsync-id-00000000-100112233", false, NULL },
		{ "flowsync-x flowsync-id-2cf24dba-100112233", false, "x" },
		{ "flowsync-x", false, "x" },
		{ "flowsync-x flowsync-id-00000000-100112233", false, NULL },
		{ "flowsync-team flowsync-x flowsync-id-2cf24dba-100112233", false, "x" },
		{ "flowsync-x flowsync-id-2cf24dba-100112233 flowsync-team", false, "x" },
		{ "flowsync-x flowsync-team", false, "x" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		struct owner_tags m = owner_tags_read(&a, tags_of(&a, cases[i].tags));

		if (owner_tags_owned(&a, &m, "team", "hello") != cases[i].owned ||
		    strcmp(or_none(owner_tags_other_owner(&a, &m, "team", "hello")), or_none(cases[i].other)) != 0)
			fail_msg("%s", cases[i].tags);
	}
}

static void our_tags_are_written_behind_the_others_and_replace_the_old_ones(void **state)
{
	static const struct { const char *before; struct owner_tags m; const char *after; } cases[] = {
		{ "", { .owner = "team", .name = "01234567", .body = "189abcdef" },
		  "flowsync-team flowsync-id-01234567-189abcdef" },
		{ "flowsync-old b flowsync-id-00000000-100000000 a flowsync-settled-00000000 flowsync-keep flowsync-unknown",
		  { .owner = "team", .name = "01234567", .body = "189abcdef", .settled = "fedcba98", .keep = true },
		  "b a flowsync-team flowsync-id-01234567-189abcdef flowsync-settled-fedcba98 flowsync-keep" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		struct node *tags = tags_of(&a, cases[i].before);

		owner_tags_write(&a, tags, &cases[i].m);
		assert_string_equal(tree_text(&a, tags), tree_text(&a, tags_of(&a, cases[i].after)));
		/* And what is written is read. */
		struct owner_tags m = owner_tags_read(&a, tags);
		assert_true(owner_tags_equal(&m, &cases[i].m));
		assert_string_equal(m.body, cases[i].m.body);
		assert_string_equal(or_none(m.settled), or_none(cases[i].m.settled));
	}
}

static void markers_differ_by_owner_name_and_keep(void **state)
{
	static const struct owner_tags m = { .owner = "a", .name = "n", .body = "b" };
	static const struct { struct owner_tags other; bool same; } cases[] = {
		{ { .owner = "a", .name = "n", .body = "c", .settled = "s" }, true },
		{ { .owner = "b", .name = "n" }, false },
		{ { .owner = "a", .other = "b", .name = "n" }, false },
		{ { .owner = "a", .name = "m" }, false },
		{ { .owner = "a" }, false },
		{ { .name = "n" }, false },
		{ { .owner = "a", .name = "n", .keep = true }, false },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_int_equal(owner_tags_equal(&m, &cases[i].other), cases[i].same);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_owner_is_a_short_word_that_no_other_tag_of_ours_is),
		cmocka_unit_test(the_tags_say_whose_it_is),
		cmocka_unit_test(what_is_no_list_of_tags_says_nothing),
		cmocka_unit_test(the_id_tells_a_copy),
		cmocka_unit_test(our_tags_are_written_behind_the_others_and_replace_the_old_ones),
		cmocka_unit_test(markers_differ_by_owner_name_and_keep),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
