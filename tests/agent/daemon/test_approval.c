#include "tests/test.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "agent/daemon/approval.h"
#include "reconcile/base/arena.h"

static char top[] = "/tmp/flowsync-approval-XXXXXX";

static int enter(void **state)
{
	return !mkdtemp(top);
}

static int leave(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };

	return system(arena_printf(&a, "rm -rf %s", top));
}

static const char *file(struct arena *a)
{
	return arena_printf(a, "%s/approved", top);
}

static void one_is_told_of_once_and_the_next_again(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	struct timespec last = { 0 };
	/* The stamps of a file system are as coarse as the ticks of its clock. */
	const struct timespec later[] = { { 2000000000, 0 }, { 2000000000, 1 } };
	struct err err;

	assert_false(approval_arrived(top, &last));
	assert_false(approval_arrived(top, &last));
	assert_true(approval_announce(top, &err));
	assert_true(approval_arrived(top, &last));
	assert_false(approval_arrived(top, &last));
	assert_true(approval_announce(top, &err));
	assert_int_equal(utimensat(AT_FDCWD, file(&a), later, 0), 0);
	assert_true(approval_arrived(top, &last));
	assert_false(approval_arrived(top, &last));
}

static void what_was_announced_before_the_first_look_is_old(void **state)
{
	struct timespec last = { 0 };
	struct err err;

	assert_true(approval_announce(top, &err));
	assert_false(approval_arrived(top, &last));
	assert_false(approval_arrived(top, &last));
}

static void a_folder_that_is_not_there_is_said(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	struct timespec last = { 0 };
	struct err err;

	assert_false(approval_announce(arena_printf(&a, "%s/none", top), &err));
	assert_string_equal(err.msg, arena_printf(&a, "%s/none/approved: cannot be written: No such file or directory", top));
	assert_false(approval_arrived(arena_printf(&a, "%s/none", top), &last));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_is_told_of_once_and_the_next_again),
		cmocka_unit_test(what_was_announced_before_the_first_look_is_old),
		cmocka_unit_test(a_folder_that_is_not_there_is_said),
	};
	return cmocka_run_group_tests(tests, enter, leave);
}
