#include "tests/test.h"
#include "reconcile/plan/settled_differences.h"

#include <string.h>

#include "tests/tree.h"

#define COMMAND	{ CHANGE_REPLACE, "/steps/s/command", .sent = "c1", .kept = "k1" }
#define IMAGE	{ CHANGE_REPLACE, "/steps/s/imageId", .sent = "1", .kept = "2", .strict = true }
#define GONE	{ CHANGE_REMOVE, "/steps/x", .sent = "absent", .kept = "x", .whole = true }
#define TAG(n)	{ CHANGE_ADD, "/tags/0", .sent = n, .kept = "absent", .is_item = true }

/* "path", "path", ... of the parts, a line for each. */
static const char *told(struct arena *a, const struct settlement *s)
{
	const struct { const char *name; const struct diff *diff; } parts[] = {
		{ "open", &s->open }, { "settled", &s->settled }, { "refused", &s->refused },
	};
	const char *text = "";

	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		for (size_t j = 0; j < parts[i].diff->count; j++)
			text = arena_printf(a, "%s%s %s%s\n", text, parts[i].name, parts[i].diff->items[j].path,
			                    parts[i].diff->removes ? " removes" : "");
	return text;
}

static struct diff diff_of(struct change *changes)
{
	struct diff diff = { .items = changes };

	while (changes[diff.count].path)
		diff.removes |= changes[diff.count++].whole;
	return diff;
}

static const char known_command[] =
	"[{\"path\":\"/steps/s/command\",\"sent\":\"c1\",\"kept\":\"k1\",\"refused\":false}]";

static void what_is_known_is_left_alone_and_the_rest_is_open(void **state)
{
	struct {
		struct change changes[4];
		const char *known;
		bool marked;	/* by the digest of all changes */
		const char *parts;
	} cases[] = {
		{ { { 0 } }, NULL, false, "" },
		{ { COMMAND }, NULL, false, "open /steps/s/command\n" },
		{ { COMMAND }, "[]", false, "open /steps/s/command\n" },
		{ { COMMAND }, known_command, false, "settled /steps/s/command\n" },
		{ { COMMAND, IMAGE }, known_command, false, "open /steps/s/imageId\nsettled /steps/s/command\n" },
		{ { IMAGE }, "[{\"path\":\"/steps/s/imageId\",\"sent\":\"1\",\"kept\":\"2\",\"refused\":true}]", false,
		  "refused /steps/s/imageId\n" },
		/* what was sent or kept is another value now */
		{ { COMMAND }, "[{\"path\":\"/steps/s/command\",\"sent\":\"c2\",\"kept\":\"k1\",\"refused\":false}]", false,
		  "open /steps/s/command\n" },
		{ { COMMAND }, "[{\"path\":\"/steps/s/command\",\"sent\":\"c1\",\"kept\":\"k2\",\"refused\":false}]", false,
		  "open /steps/s/command\n" },
		{ { COMMAND }, "[{\"path\":\"/steps/t/command\",\"sent\":\"c1\",\"kept\":\"k1\",\"refused\":false}]", false,
		  "open /steps/s/command\n" },
		/* the sign on the workflow stands for all or nothing, and for nothing beside what is known */
		{ { COMMAND, IMAGE }, NULL, true, "settled /steps/s/command\nrefused /steps/s/imageId\n" },
		{ { COMMAND, IMAGE }, "[]", true, "open /steps/s/command\nopen /steps/s/imageId\n" },
		/* only what is open says whether a patch will do */
		{ { COMMAND, GONE }, known_command, false, "open /steps/x removes\nsettled /steps/s/command\n" },
		{ { COMMAND, GONE }, "[{\"path\":\"/steps/x\",\"sent\":\"absent\",\"kept\":\"x\",\"refused\":false}]", false,
		  "open /steps/s/command\nsettled /steps/x removes\n" },
		/* nonsense in the state is no knowledge */
		{ { COMMAND }, "[7,{},{\"path\":\"/steps/s/command\"},{\"path\":1,\"sent\":\"c1\",\"kept\":\"k1\"}]", false,
		  "open /steps/s/command\n" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		struct diff diff = diff_of(cases[i].changes);
		struct settlement parts;

		settled_split(&a, &diff, cases[i].known ? tree_json(&a, cases[i].known) : NULL,
		             cases[i].marked ? settled_digest(&a, &diff) : "00000000", &parts);
		if (strcmp(told(&a, &parts), cases[i].parts) != 0)
			fail_msg("case %zu:\n%s", i, told(&a, &parts));
	}
}

static void what_no_service_writes_in_another_way_is_refused(void **state)
{
	struct { struct change changes[3]; const char *known, *parts; } cases[] = {
		{ { COMMAND }, NULL, "settled /steps/s/command\n" },
		{ { IMAGE }, NULL, "refused /steps/s/imageId\n" },
		{ { COMMAND }, known_command, "settled /steps/s/command\n" },
		/* "another sent value led to the same kept one" */
		{ { COMMAND }, "[{\"path\":\"/steps/s/command\",\"sent\":\"c0\",\"kept\":\"k1\",\"refused\":false}]",
		  "refused /steps/s/command\n" },
		{ { COMMAND }, "[{\"path\":\"/steps/s/command\",\"sent\":\"c0\",\"kept\":\"k0\",\"refused\":false}]",
		  "settled /steps/s/command\n" },
		/* two tags that are both nowhere may both be there in another shape */
		{ { TAG("t1") }, "[{\"path\":\"/tags/0\",\"sent\":\"t0\",\"kept\":\"absent\",\"refused\":false}]",
		  "settled /tags/0\n" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		struct diff diff = diff_of(cases[i].changes);
		struct settlement parts;

		settled_judge(&a, &diff, cases[i].known ? tree_json(&a, cases[i].known) : NULL, &parts);
		if (strcmp(told(&a, &parts), cases[i].parts) != 0)
			fail_msg("case %zu:\n%s", i, told(&a, &parts));
		/* What was judged is known from then on. */
		struct node *list = settled_list(&a, &parts);
		settled_split(&a, &diff, list, NULL, &parts);
		assert_string_equal(told(&a, &parts), cases[i].parts);
	}
}

static void what_is_remembered_is_this(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	struct change changes[] = { COMMAND, IMAGE, { 0 } };
	struct diff diff = diff_of(changes);
	struct settlement parts;

	settled_judge(&a, &diff, NULL, &parts);
	assert_string_equal(tree_text(&a, settled_list(&a, &parts)),
	    "[{\"path\":\"/steps/s/command\",\"sent\":\"c1\",\"kept\":\"k1\",\"refused\":false},"
	    "{\"path\":\"/steps/s/imageId\",\"sent\":\"1\",\"kept\":\"2\",\"refused\":true}]");
}

static void the_sign_is_of_all_changes_in_any_order(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	struct change one[] = { COMMAND, IMAGE, { 0 } }, two[] = { IMAGE, COMMAND, { 0 } };
	struct change less[] = { COMMAND, { 0 } }, none[] = { { 0 } };
	struct diff x = diff_of(one), y = diff_of(two), z = diff_of(less), n = diff_of(none);
	struct settlement parts;

	assert_string_equal(settled_digest(&a, &x), settled_digest(&a, &y));
	assert_string_not_equal(settled_digest(&a, &x), settled_digest(&a, &z));
	assert_null(settled_digest(&a, &n));
	settled_judge(&a, &x, NULL, &parts);
	assert_string_equal(settled_digest_of(&a, &parts), settled_digest(&a, &x));
	assert_null(settled_digest_of(&a, &(struct settlement){ .open = x }));
}

static void tags_that_a_service_does_not_keep_are_known(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	struct node *list = node_list(&a);
	struct owner_tags sent = { .owner = "o", .name = "n", .body = "1d" }, none = { 0 };
	struct owner_tags later = { .owner = "o", .name = "n", .body = "1e" };
	struct owner_tags keep = { .owner = "o", .name = "n", .body = "1d", .keep = true };

	assert_false(settled_knows_tags(&a, list, &sent, &none));
	assert_false(settled_knows_tags(&a, NULL, &sent, &none));
	settled_tags(&a, list, &sent, &none);
	assert_true(settled_knows_tags(&a, list, &sent, &none));
	assert_true(settled_knows_tags(&a, list, &later, &none));
	assert_true(settled_knows_tags(&a, list, NULL, &none));
	assert_false(settled_knows_tags(&a, list, &keep, &none));
	assert_false(settled_knows_tags(&a, list, NULL, &sent));
	/* And no change of the tags is taken for it. */
	struct change changes[] = { { CHANGE_ADD, "/tags", .sent = "x", .kept = "absent" }, { 0 } };
	struct diff diff = diff_of(changes);
	struct settlement parts;
	settled_split(&a, &diff, list, NULL, &parts);
	assert_string_equal(told(&a, &parts), "open /tags\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_known_is_left_alone_and_the_rest_is_open),
		cmocka_unit_test(what_no_service_writes_in_another_way_is_refused),
		cmocka_unit_test(what_is_remembered_is_this),
		cmocka_unit_test(the_sign_is_of_all_changes_in_any_order),
		cmocka_unit_test(tags_that_a_service_does_not_keep_are_known),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
