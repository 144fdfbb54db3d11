#include "tests/test.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/util/directory.h"
#include "agent/util/file.h"

enum { NOBODY = 65534 };

static char top[] = "/tmp/flowsync-directory-XXXXXX";

static int enter(void **state)
{
	return !mkdtemp(top) || chdir(top);
}

static int leave(void **state)
{
	return chdir("/") || rmdir(top);
}

/* Removing of a whole tree is tested more fully with what attempts leave. */
static void a_tree_is_emptied_or_removed(void **state)
{
	struct stat before, after;
	struct err err;

	for (int emptied = 0; emptied < 2; emptied++) {
		assert_int_equal(system("mkdir -p t/a/b t/.hidden kept && echo 1 > t/a/b/f && echo 1 > kept/f &&"
		                        " ln -s ../kept t/link && chmod 0 t/a/b && chmod 0 t/a"), 0);
		assert_int_equal(stat("t", &before), 0);
		if (emptied) {
			assert_true(directory_empty("t", &err));
			assert_int_equal(stat("t", &after), 0);
			assert_int_equal(after.st_ino, before.st_ino);
			assert_int_equal(rmdir("t"), 0);
		} else {
			assert_true(directory_remove_tree("t", &err));
			assert_int_equal(stat("t", &after), -1);
		}
		assert_int_equal(stat("kept/f", &after), 0);
	}
	assert_true(directory_remove_tree("kept", &err));
	assert_true(directory_remove_tree("kept", &err));
}

static void the_folder_that_one_is_in_can_be_emptied(void **state)
{
	struct err err;

	assert_int_equal(system("mkdir -p w/a/b && echo 1 > w/f"), 0);
	assert_int_equal(chdir("w"), 0);
	assert_true(directory_empty(".", &err));
	assert_true(directory_empty(".", &err));
	assert_int_equal(chdir(".."), 0);
	assert_int_equal(rmdir("w"), 0);
}

/* Not what the look at the missing folder says. */
static void a_folder_that_cannot_be_made_says_why(void **state)
{
	static const struct { const char *path, *why; } cases[] = {
		{ "locked/x", "make the folder \"locked/x\": Permission denied" },
		{ "locked/x/y", "make the folder \"locked/x\": Permission denied" },
		{ "file", "make the folder \"file\": File exists" },
		{ "file/x", "make the folder \"file\": File exists" },
	};
	bool root = geteuid() == 0;
	struct err err;

	assert_int_equal(system("mkdir -m 555 locked && echo > file && chmod 755 ."), 0);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		if (root)
			assert_int_equal(seteuid(NOBODY), 0);
		bool made = directory_make(cases[i].path, &err);
		if (root)
			assert_int_equal(seteuid(0), 0);
		assert_false(made);
		assert_string_equal(err.msg, cases[i].why);
	}
	assert_int_equal(system("rm -r locked file"), 0);
}

static void what_is_no_folder_is_not_emptied(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	struct stat st;
	struct err err;

	assert_false(directory_empty("none", &err));
	assert_string_equal(err.msg, "empty the folder \"none\": No such file or directory");
	assert_true(file_replace(&a, "f", "x", 1, 0600, &err));
	assert_false(directory_remove_tree("f", &err));
	assert_string_equal(err.msg, "remove the folder \"f\": Not a directory");
	assert_int_equal(mkdir("d", 0700), 0);
	assert_true(file_replace(&a, "d/f", "x", 1, 0600, &err));
	assert_int_equal(symlink("d", "link"), 0);
	assert_false(directory_empty("link", &err));
	assert_int_equal(stat("d/f", &st), 0);
	assert_int_equal(unlink("link") | unlink("f"), 0);
	assert_true(directory_remove_tree("d", &err));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_tree_is_emptied_or_removed),
		cmocka_unit_test(the_folder_that_one_is_in_can_be_emptied),
		cmocka_unit_test(a_folder_that_cannot_be_made_says_why),
		cmocka_unit_test(what_is_no_folder_is_not_emptied),
	};
	return cmocka_run_group_tests(tests, enter, leave);
}
