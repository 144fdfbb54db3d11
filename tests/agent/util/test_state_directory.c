#include "tests/test.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/util/state_directory.h"
#include "agent/util/state_lock.h"
#include "reconcile/base/arena.h"

static char top[] = "/tmp/flowsync-state-XXXXXX";

static int enter(void **state)
{
	umask(022);
	return !mkdtemp(top) || chmod(top, 0755) || chdir(top);
}

static int leave(void **state)
{
	return system("rm -rf s real link") || chdir("/") || rmdir(top);
}

static void it_is_made_for_its_user_alone(void **state)
{
	struct stat st;
	struct err err;

	assert_true(state_directory_check("s/a", &err));
	assert_true(state_directory_make("s/a", &err));
	assert_int_equal(stat("s/a", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_true(state_directory_check("s/a", &err));
	assert_int_equal(system("rm -r s && echo x > s"), 0);
	assert_false(state_directory_make("s", &err));
	assert_string_equal(err.msg, "make the folder \"s\": File exists; --state-dir names another state directory");
	assert_int_equal(unlink("s"), 0);
}

static void others_must_not_write_to_it(void **state)
{
	struct err err;

	assert_int_equal(mkdir("real", 0700), 0);
	assert_int_equal(symlink("real", "link"), 0);
	assert_true(state_directory_make("link", &err));
	assert_int_equal(chmod("real", 0702), 0);
	assert_false(state_directory_make("link", &err));
	assert_string_equal(err.msg, "all users can write to the state directory \"link\"; to fix it: chmod o-w 'link'");
	/* A sticky bit does not keep others from making files. */
	assert_int_equal(chmod("real", 01777), 0);
	assert_false(state_directory_check("real", &err));
	int lock = -1;
	assert_false(state_lock_take("real", &lock, &err));
	assert_int_equal(chmod("real", 0770), 0);
	assert_true(state_directory_check("real", &err));
	assert_int_equal(system("rm -r real link"), 0);
}

static void a_group_that_can_write_is_a_warning(void **state)
{
	char *text = NULL;
	size_t len = 0;
	FILE *to = open_memstream(&text, &len);
	struct log log = { .to = to, .level = LEVEL_INFO };

	assert_int_equal(mkdir("s", 0700), 0);
	state_directory_warn(&log, "s");
	state_directory_warn(&log, "nowhere");
	state_directory_warn(&log, NULL);
	fflush(to);
	assert_int_equal(len, 0);
	assert_int_equal(chmod("s", 0770), 0);
	state_directory_warn(&log, "s");
	fclose(to);
	assert_non_null(strstr(text, "a group can write to the state directory \"s\"; to fix it: chmod g-w 's'"));
	free(text);
	assert_int_equal(rmdir("s"), 0);
}

static void nothing_of_ours_is_a_link(void **state)
{
	static const char *const links[] = {
		"approved", "decisions.json", "git", "git/0123", "local.db", "local.db-wal", "lock", "reports",
		"reports/latest.json", "service-token", "state.db", "state.db-journal",
	};
	CLEANUP(arena_free) struct arena a = { 0 };
	struct err err;

	for (size_t i = 0; i < ARRAY_LEN(links); i++) {
		assert_int_equal(system("mkdir -p s real"), 0);
		if (strchr(links[i], '/'))
			assert_int_equal(system("mkdir s/git s/reports"), 0);
		assert_int_equal(symlink("/nowhere", arena_printf(&a, "s/%s", links[i])), 0);
		if (state_directory_check("s", &err))
			fail_msg("%s", links[i]);
		assert_string_equal(err.msg, arena_printf(&a, "\"s/%s\" is a symbolic link, and flowsync opens nothing "
		                    "through a link in its state directory; to fix it: rm 's/%s'", links[i], links[i]));
		assert_int_equal(system("rm -r s real"), 0);
	}
	assert_int_equal(system("mkdir -p s/git s/reports && ln -s /nowhere s/mine && : > s/state.db"), 0);
	assert_true(state_directory_check("s", &err));
	assert_int_equal(system("rm -r s"), 0);
}

enum { OTHER = 61234 };

static void what_belongs_to_others_is_refused(void **state)
{
	struct err err;

	if (geteuid() != 0)
		skip();
	assert_int_equal(mkdir("s", 0700), 0);
	assert_int_equal(chown("s", OTHER, OTHER), 0);
	assert_false(state_directory_check("s", &err));
	assert_string_equal(err.msg, "the state directory \"s\" belongs to the user 61234, and this is the user 0: run "
	                    "flowsync as that user, or change the owner: chown -R 0 's'");
	assert_int_equal(rmdir("s"), 0);
}

/* The exit code tells which line failed. */
static int write_as_owner(const char *path)
{
	const char *dir = path;
	struct err err;

	if (!state_directory_become_owner(&dir, &err))
		return 1;
	if (strcmp(dir, ".") != 0 || geteuid() != OTHER || getegid() != OTHER || setuid(0) == 0)
		return 2;
	if (!state_directory_check(dir, &err))
		return 3;
	return close(open("approved", O_WRONLY | O_CREAT | O_CLOEXEC, 0600)) == 0 ? 0 : 4;
}

/* As with systemd's DynamicUser=, whose folders lie below one that only root can enter. */
static void root_becomes_the_owner(void **state)
{
	const char *dir = "s/private/state";
	struct stat st;
	struct err err;
	int status;

	assert_true(state_directory_become_owner(&(const char *){ "nowhere" }, &err));
	if (geteuid() != 0)
		skip();
	assert_int_equal(system("mkdir -p real s/private/state && chmod 700 s/private"), 0);
	assert_true(state_directory_become_owner(&dir, &err));
	assert_string_equal(dir, "s/private/state");
	assert_int_equal(geteuid(), 0);
	assert_int_equal(chown(dir, OTHER, OTHER), 0);
	assert_int_equal(symlink("s/private/state", "link"), 0);
	pid_t child = fork();
	if (child == 0)
		_exit(write_as_owner("link"));
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(stat("s/private/state/approved", &st), 0);
	assert_int_equal(st.st_uid, OTHER);
	assert_int_equal(system("rm -r s real link"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_made_for_its_user_alone),
		cmocka_unit_test(others_must_not_write_to_it),
		cmocka_unit_test(a_group_that_can_write_is_a_warning),
		cmocka_unit_test(nothing_of_ours_is_a_link),
		cmocka_unit_test(what_belongs_to_others_is_refused),
		cmocka_unit_test(root_becomes_the_owner),
	};
	return cmocka_run_group_tests(tests, enter, leave);
}
