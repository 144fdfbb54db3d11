#include "tests/test.h"

#include <fcntl.h>
#include <regex.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/util/state_lock.h"
#include "reconcile/base/arena.h"

static char top[] = "/tmp/flowsync-lock-XXXXXX";

static int enter(void **state)
{
	return !mkdtemp(top) || chdir(top);
}

static int leave(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };

	return chdir("/") || system(arena_printf(&a, "rm -rf %s", top));
}

static void matches(const char *text, const char *pattern)
{
	regex_t regex;

	assert_int_equal(regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB), 0);
	if (regexec(&regex, text, 0, NULL, 0) != 0)
		fail_msg("\"%s\" does not match \"%s\"", text, pattern);
	regfree(&regex);
}

static void a_second_one_is_told_who_holds_it_and_since_when(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	struct stat st;
	struct err err;
	int fd = -1, other = -7;

	assert_true(state_lock_take("a/b", &fd, &err));
	assert_int_equal(stat("a/b", &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	assert_int_equal(stat("a/b/lock", &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);

	assert_false(state_lock_take("a/b", &other, &err));
	assert_int_equal(err.kind, ERR_CONFLICT);
	assert_int_equal(other, -7);
	matches(err.msg, arena_printf(&a, "^the state directory \"a/b\" is in use by another flowsync "
	                              "\\(process %d, since 20[0-9-]{8}T[0-9:]{8}\\.[0-9]{3}Z\\)$", (int)getpid()));
	close(fd);
	assert_true(state_lock_take("a/b", &other, &err));
	close(other);
}

static void what_a_stranger_wrote_there_is_not_repeated(void **state)
{
	static const char *const texts[] = {
		"", "x", "12", "12 ", "12 2026", "12 2026\x1b[31m\n", " 2026\n", "-1 2026\n",
		"1111111111111111111111111111111111111111111111111111111111111111111111111111111111 2026\n",
	};
	struct err err;
	int fd = -1;

	assert_true(state_lock_take("c", &fd, &err));
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		FILE *f = fopen("c/lock", "w");
		assert_non_null(f);
		fputs(texts[i], f);
		fclose(f);
		assert_false(state_lock_take("c", &(int){ 0 }, &err));
		assert_string_equal(err.msg, "the state directory \"c\" is in use by another flowsync");
	}
	close(fd);
}

static void it_goes_with_the_process_that_held_it(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	struct err err;
	int ends[2], fd = -1;
	char byte;

	assert_int_equal(pipe(ends), 0);
	pid_t pid = fork();
	if (pid == 0) {
		if (!state_lock_take("d", &fd, &err) || write(ends[1], "", 1) != 1)
			_exit(1);
		pause();
	}
	assert_int_equal(read(ends[0], &byte, 1), 1);
	assert_false(state_lock_take("d", &fd, &err));
	assert_non_null(strstr(err.msg, arena_printf(&a, "(process %d, ", (int)pid)));
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_true(state_lock_take("d", &fd, &err));
	close(fd);
	close(ends[0]);
	close(ends[1]);
}

static void a_folder_that_cannot_be_made_is_said(void **state)
{
	struct err err;
	int fd = open("file", O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

	close(fd);
	fd = -7;
	assert_false(state_lock_take("file", &fd, &err));
	assert_string_equal(err.msg, "make the folder \"file\": File exists; --state-dir names another state directory");
	assert_int_equal(err.kind, ERR_FAILED);
	assert_int_equal(mkdir("e", 0700), 0);
	assert_int_equal(mkdir("e/lock", 0700), 0);
	assert_false(state_lock_take("e", &fd, &err));
	assert_string_equal(err.msg, "open lock \"e/lock\": Is a directory");
	assert_int_equal(fd, -7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_second_one_is_told_who_holds_it_and_since_when),
		cmocka_unit_test(what_a_stranger_wrote_there_is_not_repeated),
		cmocka_unit_test(it_goes_with_the_process_that_held_it),
		cmocka_unit_test(a_folder_that_cannot_be_made_is_said),
	};
	return cmocka_run_group_tests(tests, enter, leave);
}
