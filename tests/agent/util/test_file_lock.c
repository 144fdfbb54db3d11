#include "tests/test.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/util/file_lock.h"
#include "agent/util/process_stat.h"
#include "reconcile/base/arena.h"

static char top[] = "/tmp/flowsync-file-lock-XXXXXX";

static int enter(void **state)
{
	return !mkdtemp(top) || chdir(top);
}

static int leave(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };

	return chdir("/") || system(arena_printf(&a, "rm -rf %s", top));
}

static void take_lock(const char *path, bool wait, int *fd)
{
	struct err err;

	if (!file_lock_take(path, wait, fd, &err))
		fail_msg("%s", err.msg);
}

static void assert_held(const char *path)
{
	struct err err;
	int fd = -7;

	assert_false(file_lock_take(path, false, &fd, &err));
	assert_int_equal(err.kind, ERR_CONFLICT);
	assert_int_equal(fd, -7);
}

static void a_lock_is_held_until_it_is_closed(void **state)
{
	struct stat st;
	int fd;

	take_lock("a", false, &fd);
	assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	assert_int_equal(stat("a", &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_held("a");
	close(fd);
	take_lock("a", false, &fd);
	close(fd);
}

static void a_child_with_a_copy_keeps_the_lock(void **state)
{
	int fd;

	take_lock("b", false, &fd);
	pid_t child = fork();
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
	close(fd);
	assert_held("b");
	kill(child, SIGKILL);
	assert_int_equal(waitpid(child, NULL, 0), child);
	take_lock("b", false, &fd);
	close(fd);
}

static int handled[2];

static void handle_signal(int number)
{
	if (write(handled[1], "", 1) != 1)
		abort();
}

static void wait_until_asleep(pid_t pid)
{
	struct process_stat s;

	while (process_stat_read(pid, &s) && s.state != 'S')
		usleep(1000);
}

/* Holds the lock until its parent waits for it, was interrupted by a signal, and waits again. */
static _Noreturn void hold_lock(int ready)
{
	struct err err;
	char byte;
	int fd;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (!file_lock_take("c", false, &fd, &err) || write(ready, "", 1) != 1)
		_exit(1);
	wait_until_asleep(getppid());
	kill(getppid(), SIGUSR1);
	if (read(handled[0], &byte, 1) != 1)
		_exit(1);
	wait_until_asleep(getppid());
	_exit(mkdir("released", 0700) < 0);
}

static void waiting_ends_when_the_lock_is_released_and_not_at_a_signal(void **state)
{
	struct sigaction action = { .sa_handler = handle_signal };
	int ready[2], fd, status;
	char byte;

	assert_int_equal(pipe(ready), 0);
	assert_int_equal(pipe(handled), 0);
	assert_int_equal(sigaction(SIGUSR1, &action, NULL), 0);
	pid_t child = fork();
	if (child == 0)
		hold_lock(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	take_lock("c", true, &fd);
	assert_int_equal(access("released", F_OK), 0);
	close(fd);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	for (size_t i = 0; i < 2; i++) {
		close(ready[i]);
		close(handled[i]);
	}
}

static void a_file_that_cannot_be_opened_is_named(void **state)
{
	struct err err;
	int fd = -7;

	assert_int_equal(symlink("elsewhere", "link"), 0);
	assert_false(file_lock_take("link", false, &fd, &err));
	assert_string_equal(err.msg, "open lock \"link\": Too many levels of symbolic links");
	assert_int_equal(err.kind, ERR_FAILED);
	assert_false(file_lock_take("none/lock", true, &fd, &err));
	assert_string_equal(err.msg, "open lock \"none/lock\": No such file or directory");
	assert_int_equal(fd, -7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_lock_is_held_until_it_is_closed),
		cmocka_unit_test(a_child_with_a_copy_keeps_the_lock),
		cmocka_unit_test(waiting_ends_when_the_lock_is_released_and_not_at_a_signal),
		cmocka_unit_test(a_file_that_cannot_be_opened_is_named),
	};
	return cmocka_run_group_tests(tests, enter, leave);
}
