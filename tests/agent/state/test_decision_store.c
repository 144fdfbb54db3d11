#include "tests/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/state/decision_store.h"
#include "agent/util/file.h"
#include "reconcile/base/buf.h"

struct fixture {
	char dir[40];
	const char *file;
	struct arena arena;
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	assert_non_null(f);
	strcpy(f->dir, "/tmp/flowsync-decisions-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	f->file = arena_printf(&f->arena, "%s/decisions.json", f->dir);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	int failed = system(arena_printf(&f->arena, "rm -rf %s", f->dir));

	arena_free(&f->arena);
	free(f);
	return failed;
}

#define SCOPE(owner)	((struct decision_scope){ "https://s", owner })

static const char *approved(struct fixture *f, const char *owner, const char *revision)
{
	struct approved_guards all;
	const char *text = "";
	struct err err;

	if (!decision_store_approved(f->dir, &f->arena, &SCOPE(owner), revision, &all, &err))
		fail_msg("%s", err.msg);
	for (size_t i = 0; i < all.count; i++)
		text = arena_printf(&f->arena, "%s%s,", text, all.guards[i]);
	return text;
}

static void approve(struct fixture *f, const char *owner, const char *guard, const char *revision)
{
	struct err err;

	if (!decision_store_approve(f->dir, &(struct approval){ SCOPE(owner), guard, revision }, &err))
		fail_msg("%s", err.msg);
}

static void an_approval_is_of_one_owner_one_guard_and_one_revision(void **state)
{
	struct fixture *f = *state;
	struct stat st;

	assert_string_equal(approved(f, "a", "r1"), "");
	assert_int_equal(stat(f->file, &st), -1);
	approve(f, "a", "delete-share", "r1");
	approve(f, "a", "rollback", "r1");
	approve(f, "b", "rollback", "r2");
	assert_string_equal(approved(f, "a", "r1"), "delete-share,rollback,");
	assert_string_equal(approved(f, "b", "r1"), "");
	assert_string_equal(approved(f, "b", "r2"), "rollback,");
	assert_string_equal(approved(f, "a", "r"), "");
	assert_string_equal(approved(f, "a", NULL), "");
	approve(f, "a", "rollback", "r3");
	assert_string_equal(approved(f, "a", "r1"), "delete-share,");
	assert_string_equal(approved(f, "a", "r3"), "rollback,");
	assert_int_equal(stat(f->file, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
}

static void approvals_that_were_used_are_gone_and_others_stay(void **state)
{
	struct fixture *f = *state;
	struct err err;

	approve(f, "a", "rollback", "r1");
	approve(f, "a", "delete-share", "r2");
	approve(f, "b", "rollback", "r1");
	assert_true(decision_store_drop_approvals(f->dir, &SCOPE("a"), &err));
	assert_string_equal(approved(f, "a", "r1"), "");
	assert_string_equal(approved(f, "a", "r2"), "");
	assert_string_equal(approved(f, "b", "r1"), "rollback,");
}

static void those_of_an_earlier_version_are_taken_over_once(void **state)
{
	struct fixture *f = *state;
	struct approval old = { SCOPE("a"), "rollback", "r1" };
	const struct approval_list list = { &old, 1, 1 };
	struct err err;

	assert_true(decision_store_take_over(f->dir, &list, &err));
	assert_string_equal(approved(f, "a", "r1"), "rollback,");
	/* One that was used does not come back. */
	assert_true(decision_store_drop_approvals(f->dir, &SCOPE("a"), &err));
	assert_true(decision_store_take_over(f->dir, &list, &err));
	assert_string_equal(approved(f, "a", "r1"), "");
}

static void a_damaged_file_stops_everything_until_it_is_moved_away(void **state)
{
	static const char *const texts[] = {
		"", "{", "[]", "1", "{}", "{\"version\": 1}", "{\"version\": 0, \"approvals\": []}",
		"{\"version\": 1, \"approvals\": {}}", "{\"version\": 1, \"approvals\": [1]}",
		"{\"version\": 1, \"approvals\": [{\"endpoint\": \"e\", \"owner\": \"o\", \"guard\": \"g\"}]}",
		"{\"version\": 1, \"approvals\": [{\"endpoint\": \"e\", \"owner\": \"o\", \"guard\": \"g\", \"revision\": 1}]}",
	};
	struct fixture *f = *state;
	struct approved_guards all;
	const char *bytes;
	struct err err;
	size_t len;

	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		assert_true(file_replace(&f->arena, f->file, texts[i], strlen(texts[i]), 0600, &err));
		if (decision_store_approved(f->dir, &f->arena, &SCOPE("a"), NULL, &all, &err))
			fail_msg("%s", texts[i]);
		assert_non_null(strstr(err.msg, "is damaged ("));
		assert_non_null(strstr(err.msg, arena_printf(&f->arena, "): nothing is written. To continue without these "
		                       "decisions: mv '%s' '%s.damaged'", f->file, f->file)));
		assert_false(decision_store_approve(f->dir, &(struct approval){ SCOPE("a"), "g", "r" }, &err));
		assert_false(decision_store_drop_approvals(f->dir, &SCOPE("a"), &err));
		assert_true(decision_store_take_over(f->dir, &(struct approval_list){ 0 }, &err));
		assert_true(file_read(&f->arena, f->file, 1000, &bytes, &len, &err));
		assert_string_equal(bytes, texts[i]);
	}
	assert_int_equal(system(arena_printf(&f->arena, "mv '%s' '%s.damaged'", f->file, f->file)), 0);
	approve(f, "a", "rollback", "r1");
}

static void a_file_of_a_newer_version_is_refused(void **state)
{
	static const char text[] = "{\"version\": 2, \"holds\": []}";
	struct fixture *f = *state;
	struct approved_guards all;
	struct err err;

	assert_true(file_replace(&f->arena, f->file, text, strlen(text), 0600, &err));
	assert_false(decision_store_approved(f->dir, &f->arena, &SCOPE("a"), NULL, &all, &err));
	assert_string_equal(err.msg, arena_printf(&f->arena, "\"%s\" is of version 2, this flowsync knows versions up to 1: it "
	                                          "was written by a newer flowsync", f->file));
	assert_false(decision_store_approve(f->dir, &(struct approval){ SCOPE("a"), "g", "r" }, &err));
}

int main(void)
{
#define WITH_FOLDER(test)	cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		WITH_FOLDER(an_approval_is_of_one_owner_one_guard_and_one_revision),
		WITH_FOLDER(approvals_that_were_used_are_gone_and_others_stay),
		WITH_FOLDER(those_of_an_earlier_version_are_taken_over_once),
		WITH_FOLDER(a_damaged_file_stops_everything_until_it_is_moved_away),
		WITH_FOLDER(a_file_of_a_newer_version_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
