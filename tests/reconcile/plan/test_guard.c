#include "tests/test.h"
#include "reconcile/plan/guard.h"

#include <string.h>

static const char *const names[] = {
	"w1", "w2", "w3", "w4", "w5", "w6", "w7", "w8", "w9", "w10", "w11", "w12",
};

/* "name: limit, value" of each, with the message behind if it blocks. */
static const char *told(struct arena *a, struct guard_facts facts, const struct guard_limits *limits)
{
	const char *text = "";

	facts.owned_names = facts.delete_names = facts.missing_names = names;
	const struct guards g = guards_check(a, &facts, limits);
	for (size_t i = 0; i < g.count; i++)
		text = arena_printf(a, "%s%s: %s, %s%s%s\n", text, g.items[i].name,
		                    g.items[i].limit, g.items[i].value,
		                    g.items[i].message ? ": " : "",
		                    g.items[i].message ? g.items[i].message : "");
	bool any = strstr(text, "; if that is meant") || strstr(text, "--allow-recreate");
	assert_int_equal(g.blocked, any);
	return text;
}

static void all_guards_are_told_with_limit_and_value(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };

	assert_string_equal(told(&a, (struct guard_facts){ .declared = 3, .meant = 3, .owned = 2, .deletes = 1, .updates = 1,
	    .remembered = 2, .missing = 1, .revisions = { .now = "b", .last = "a" } },
	    &(struct guard_limits){ .update_limit = true, .max_update_percent = 50 }),
	    "empty-source: not empty, 3 declared\n"
	    "delete-share: 50 %, 1 of 2\n"
	    "missing-share: 30 %, 1 of 2\n"
	    "rollback: a later revision, b\n"
	    "update-share: 50 %, 1 of 3\n");
	assert_string_equal(told(&a, (struct guard_facts){ .declared = 1, .owned = 20 },
	    &(struct guard_limits){ .allow_empty = true, .allow_recreate = true, .delete_limit = true,
	                            .max_delete_percent = 5 }),
	    "empty-source: allowed, 1 declared\n"
	    "delete-share: 5 %, 0 of 20\n"
	    "missing-share: allowed, 0 of 0\n");
}

static void an_empty_source_blocks_where_something_is_owned(void **state)
{
	static const struct { size_t declared, owned; bool allow; const char *told; } cases[] = {
		{ 0, 0, false, "empty-source: not empty, 0 declared\n" },
		{ 1, 3, false, "empty-source: not empty, 1 declared\n" },
		{ 0, 3, true, "empty-source: allowed, 0 declared\n" },
		{ 0, 3, false, "empty-source: not empty, 0 declared: the source declares nothing, but 3 workflows are owned "
		  "(w1, w2, w3); if that is meant, give --allow-empty\n" },
		{ 0, 1, false, "empty-source: not empty, 0 declared: the source declares nothing, but 1 workflow is owned "
		  "(w1); if that is meant, give --allow-empty\n" },
		{ 0, 12, false, "empty-source: not empty, 0 declared: the source declares nothing, but 12 workflows are owned "
		  "(w1, w2, w3, w4, w5, w6, w7, w8, w9, w10 and 2 more); if that is meant, give --allow-empty\n" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		const char *text = told(&a, (struct guard_facts){ .declared = cases[i].declared, .owned = cases[i].owned },
		                        &(struct guard_limits){ .allow_empty = cases[i].allow });

		assert_memory_equal(text, cases[i].told, strlen(cases[i].told));
	}
}

enum what { DELETES, MISSING, UPDATES };

/* part of whole; percent -1: the design's rule */
static bool blocks(enum what what, size_t part, size_t whole, int percent)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	struct guard_facts facts = {
		.declared = 100, .owned_names = names, .delete_names = names, .missing_names = names,
	};
	struct guard_limits limits = { 0 };

	if (what == DELETES)
		facts.deletes = part, facts.owned = whole;
	else if (what == MISSING)
		facts.missing = part, facts.remembered = whole;
	else
		facts.updates = part, facts.meant = whole;
	if (percent >= 0) {
		limits.delete_limit = limits.update_limit = true;
		limits.max_delete_percent = limits.max_update_percent = percent;
	}
	return guards_check(&a, &facts, &limits).blocked;
}

static void a_share_blocks_when_it_is_over_its_limit(void **state)
{
	static const struct { enum what what; size_t part, whole; int percent; bool blocks; } cases[] = {
		/* "over 30 % of the owned workflows from 10 up" */
		{ DELETES, 3, 10, -1, false }, { DELETES, 4, 10, -1, true },
		{ DELETES, 3, 11, -1, false }, { DELETES, 4, 11, -1, true },
		/* "or of two or more and over half below 10" */
		{ DELETES, 0, 0, -1, false }, { DELETES, 1, 1, -1, false }, { DELETES, 1, 2, -1, false },
		{ DELETES, 2, 2, -1, true }, { DELETES, 2, 3, -1, true }, { DELETES, 2, 4, -1, false },
		{ DELETES, 4, 9, -1, false }, { DELETES, 5, 9, -1, true },
		{ DELETES, 1, 100, 0, true }, { DELETES, 0, 100, 0, false }, { DELETES, 1, 1, 0, true },
		{ DELETES, 9, 9, 100, false }, { DELETES, 10, 20, 50, false }, { DELETES, 11, 20, 50, true },
		/* "over 30 % (from 10 up)" */
		{ MISSING, 9, 9, -1, false }, { MISSING, 3, 10, -1, false }, { MISSING, 4, 10, -1, true },
		/* "off by default" */
		{ UPDATES, 10, 10, -1, false }, { UPDATES, 10, 10, 100, false }, { UPDATES, 2, 10, 19, true },
		{ UPDATES, 2, 10, 20, false }, { UPDATES, 0, 0, 0, false }, { UPDATES, 1, 1, 0, true },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		if (blocks(cases[i].what, cases[i].part, cases[i].whole, cases[i].percent) != cases[i].blocks)
			fail_msg("%d: %zu of %zu, %d %%", cases[i].what, cases[i].part,
			         cases[i].whole, cases[i].percent);
}

#define BACK	{ .now = "a", .last = "b", .order = REVISION_GOES_BACK }

static void what_blocks_says_what_why_and_how_to_go_on(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };

	assert_string_equal(told(&a, (struct guard_facts){ .declared = 20, .meant = 20, .owned = 10, .deletes = 4, .updates = 11,
	    .remembered = 30, .missing = 12, .owner = "o", .revisions = BACK },
	    &(struct guard_limits){ .update_limit = true, .max_update_percent = 50 }),
	    "empty-source: not empty, 20 declared\n"
	    "delete-share: 30 %, 4 of 10: 4 of 10 owned workflows would be deleted, over 30 % (w1, w2, w3, w4); if that "
	    "is meant, give --max-delete-percent 40\n"
	    "missing-share: 30 %, 12 of 30: 12 of 30 workflows that were applied are missing on the service, over 30 % "
	    "(w1, w2, w3, w4, w5, w6, w7, w8, w9, w10 and 2 more); is the token for another tenant? To create them "
	    "again, give --allow-recreate\n"
	    "rollback: a later revision, a: revision a does not come after b, which was applied last under owner \"o\"; if "
	    "that is meant, give --allow-rollback; another source needs its own --owner\n"
	    "update-share: 50 %, 11 of 20: 11 of 20 declared workflows would be updated, over 50 %; if that is meant, "
	    "give --max-update-percent 55\n");
	assert_string_equal(told(&a, (struct guard_facts){ .declared = 1, .meant = 1, .owned = 1, .deletes = 1, .updates = 1 },
	    &(struct guard_limits){ .update_limit = true, .delete_limit = true }),
	    "empty-source: not empty, 1 declared\n"
	    "delete-share: 0 %, 1 of 1: 1 of 1 owned workflow would be deleted, over 0 % (w1); if that is meant, give "
	    "--max-delete-percent 100\n"
	    "missing-share: 30 %, 0 of 0\n"
	    "update-share: 0 %, 1 of 1: 1 of 1 declared workflow would be updated, over 0 %; if that is meant, give "
	    "--max-update-percent 100\n");
	assert_string_equal(told(&a, (struct guard_facts){ .declared = 1, .remembered = 30, .missing = 12,
	    .revisions = BACK },
	    &(struct guard_limits){ .allow_rollback = true, .allow_recreate = true }),
	    "empty-source: not empty, 1 declared\n"
	    "delete-share: 50 %, 0 of 0\n"
	    "missing-share: allowed, 12 of 30\n"
	    "rollback: allowed, a\n");
}

static void a_rollback_says_what_was_applied_last_and_why_this_does_not_follow(void **state)
{
	static const struct { struct guard_revisions revisions; const char *message; } cases[] = {
		{ { "a", "b", "/r", REVISION_GOES_BACK, 1 }, "revision a does not come after b, which was applied last under "
		  "owner \"o\" (/r), and would undo 1 commit; if that is meant, give --allow-rollback; another source needs its "
		  "own --owner" },
		{ { "a", "b", "https://h/r, path p", REVISION_GOES_BACK, 2 }, "revision a does not come after b, which was "
		  "applied last under owner \"o\" (https://h/r, path p), and would undo 2 commits; if that is meant, give "
		  "--allow-rollback; another source needs its own --owner" },
		{ { "a", "b", "/r", REVISION_REWRITTEN }, "revision a does not come after b, which was applied last under "
		  "owner \"o\" (/r) and is no longer in this repository: its history was rewritten; if that is meant, give "
		  "--allow-rollback; another source needs its own --owner" },
		/* a state of an older version does not say from where */
		{ { "a", "b", NULL, REVISION_REWRITTEN }, "revision a does not come after b, which was applied last under "
		  "owner \"o\" and is not in this repository; if that is meant, give --allow-rollback; another source needs "
		  "its own --owner" },
		{ { "a", "b", "/r, path p", REVISION_FOREIGN }, "this is another repository: it does not have revision b, which "
		  "was applied last under owner \"o\" (/r, path p); give this repository its own --owner; if it replaces the "
		  "other one, give --allow-rollback" },
		{ { "a", "b", "/r", REVISION_FOLLOWS }, NULL },
		{ { "a", NULL, NULL, REVISION_FOLLOWS }, NULL },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		const struct guard_facts facts = { .declared = 1, .owner = "o", .revisions = cases[i].revisions };
		const struct guards g = guards_check(&a, &facts, &(struct guard_limits){ 0 });
		const struct guards passed = guards_check(&a, &facts, &(struct guard_limits){ .allow_rollback = true });

		assert_int_equal(g.count, cases[i].revisions.last ? 4 : 3);
		assert_int_equal(g.blocked, cases[i].message != NULL);
		assert_false(passed.blocked);
		if (cases[i].message)
			assert_string_equal(g.items[3].message, cases[i].message);
	}
}

static void an_approval_is_of_one_guard(void **state)
{
	static const struct { const char *approved[2]; size_t count; bool blocked; const char *limit; } cases[] = {
		{ { "rollback" }, 1, true, "30 %" },
		{ { "delete-share" }, 1, false, "30 %, approved" },
		{ { "rollback", "delete-share" }, 2, false, "30 %, approved" },
		{ { "delete" }, 1, true, "30 %" },
		{ { "delete-shares" }, 1, true, "30 %" },
		{ { NULL }, 0, true, "30 %" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		const struct guards g = guards_check(&a, &(struct guard_facts){
			.declared = 20, .owned = 10, .deletes = 4, .owned_names = names, .delete_names = names,
		}, &(struct guard_limits){ .approved = cases[i].approved, .approved_count = cases[i].count });

		assert_int_equal(g.blocked, cases[i].blocked);
		assert_string_equal(g.items[1].name, "delete-share");
		assert_string_equal(g.items[1].limit, cases[i].limit);
		assert_int_equal(g.items[1].message != NULL, cases[i].blocked);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_guards_are_told_with_limit_and_value),
		cmocka_unit_test(an_empty_source_blocks_where_something_is_owned),
		cmocka_unit_test(a_share_blocks_when_it_is_over_its_limit),
		cmocka_unit_test(what_blocks_says_what_why_and_how_to_go_on),
		cmocka_unit_test(a_rollback_says_what_was_applied_last_and_why_this_does_not_follow),
		cmocka_unit_test(an_approval_is_of_one_guard),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
