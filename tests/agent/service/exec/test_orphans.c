#include "tests/test.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/util/clock.h"
#include "agent/util/fd.h"
#include "agent/service/exec/orphans.h"
#include "reconcile/base/arena.h"

enum { LONG_MS = 60000 };

static struct arena arena;
static const char *mark, *other;

static int make_marks(void **state)
{
	mark = arena_printf(&arena, "TEST_STRAY=%d-a", (int)getpid());
	other = arena_printf(&arena, "TEST_STRAY=%d-b", (int)getpid());
	return 0;
}

static int free_marks(void **state)
{
	arena_free(&arena);
	return 0;
}

/* Runs a script that prints pids, and is below nobody of us when it runs on; returns count of them. */
static void run_apart(const char *script, const char *const *env, pid_t *pids, size_t count)
{
	const char *argv[] = { "sh", "-c", script, NULL };
	int ends[2];

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	pid_t middle = fork();
	if (middle == 0) {
		if (fork() > 0)
			_exit(0);
		dup2(ends[1], STDOUT_FILENO);
		execve("/bin/sh", (char *const *)argv, (char *const *)env);
		_exit(127);
	}
	assert_int_equal(waitpid(middle, NULL, 0), middle);
	close(ends[1]);
	FILE *said = fdopen(ends[0], "r");
	for (size_t i = 0; i < count; i++)
		assert_int_equal(fscanf(said, "%d", &pids[i]), 1);
	fclose(said);
}

/* Who has ended and was not waited for has ended. */
static bool lives(pid_t pid)
{
	CLEANUP(fd_close) int fd = open(arena_printf(&arena, "/proc/%d/cmdline", (int)pid), O_RDONLY);
	char byte;

	return fd >= 0 && read(fd, &byte, 1) == 1;
}

/* One that is just becoming another program has no command line for a moment. */
static void wait_for_life(pid_t pid)
{
	for (int64_t until = clock_monotonic() + LONG_MS; !lives(pid); usleep(1000))
		if (clock_monotonic() > until)
			fail_msg("process %d does not live", (int)pid);
}

static void whatever_has_the_mark_ends(void **state)
{
	const char *env[] = { "PATH=/usr/bin:/bin", other, mark, NULL };
	pid_t pids[3];

	run_apart("trap '' TERM; echo $$; sleep 1000 & echo $!; setsid sleep 1000 & echo $!; wait; sleep 1000", env,
	          pids, 3);
	for (size_t i = 0; i < 3; i++)
		wait_for_life(pids[i]);
	assert_true(orphans_kill((const char *[]){ "TEST_STRAY=no such", mark }, 2, LONG_MS));
	for (size_t i = 0; i < 3; i++)
		assert_false(lives(pids[i]));
}

static void one_that_starts_others_meanwhile_ends_with_them(void **state)
{
	const char *env[] = { "PATH=/usr/bin:/bin", mark, NULL };
	pid_t pid;

	run_apart("echo $$; while :; do setsid sleep 1000 & done", env, &pid, 1);
	usleep(50000);
	assert_true(orphans_kill(&mark, 1, LONG_MS));
	assert_false(lives(pid));
	assert_true(orphans_kill(&mark, 1, 0));	/* none was left */
}

static void another_mark_is_another(void **state)
{
	const char *longer = arena_printf(&arena, "%sx", mark), *in_it = arena_printf(&arena, "X%s", mark);
	const char *env[] = { "PATH=/usr/bin:/bin", longer, in_it, other, NULL };
	pid_t pid;

	run_apart("echo $$; exec sleep 1000", env, &pid, 1);
	assert_true(orphans_kill(&mark, 1, LONG_MS));
	assert_true(orphans_kill(NULL, 0, 0));
	wait_for_life(pid);
	kill(pid, SIGKILL);
}

static void what_is_below_us_is_left_alone(void **state)
{
	const char *env[] = { "PATH=/usr/bin:/bin", mark, NULL }, *argv[] = { "sleep", "1000", NULL };
	pid_t pid = fork();

	if (pid == 0) {
		execve("/bin/sleep", (char *const *)argv, (char *const *)env);
		_exit(127);
	}
	usleep(50000);
	assert_true(orphans_kill(&mark, 1, LONG_MS));
	wait_for_life(pid);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whatever_has_the_mark_ends),
		cmocka_unit_test(one_that_starts_others_meanwhile_ends_with_them),
		cmocka_unit_test(another_mark_is_another),
		cmocka_unit_test(what_is_below_us_is_left_alone),
	};
	return cmocka_run_group_tests(tests, make_marks, free_marks);
}
