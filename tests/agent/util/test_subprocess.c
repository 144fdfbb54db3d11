#include "tests/test.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/util/subprocess.h"
#include "agent/util/shutdown_signals.h"

enum { LONG_MS = 120000 };	/* for what does end */

/* What the children do: they are this program run again. */

static int echo(int argc, char **argv)
{
	int c;

	for (int i = 2; i < argc; i++)
		printf("[%s]", argv[i]);
	while ((c = getchar()) != EOF)
		putchar(c);
	return 7;
}

static int flood(void)
{
	for (int i = 0; i < 400000; i++)
		putchar('x');
	return 0;
}

/* Answers, closes its stdout and never ends. */
static _Noreturn void hang(void)
{
	signal(SIGPIPE, SIG_IGN);	/* the reader may be gone before the first write */
	puts("here");
	fflush(stdout);
	close(STDOUT_FILENO);
	for (;;)
		pause();
}

static int has_descriptor(const char *number)
{
	int fd = 0;

	sscanf(number, "%d", &fd);
	return fcntl(fd, F_GETFD) < 0;
}

/* 0 once it was told to hurry. */
static int wait_for_hurry(void)
{
	struct pollfd p = { .fd = -1, .events = POLLIN };
	struct err err;

	if (!shutdown_signals_watch_hurry(&p.fd, &err))
		return 1;
	while (poll(&p, 1, LONG_MS) < 0 && errno == EINTR)
		;
	return p.revents != POLLIN;
}

static int grandparent(void)
{
	struct subprocess child;
	struct err err;

	if (!subprocess_start("hang", NULL, "", 0, -1, &child, &err))
		return 1;
	printf("%d", (int)child.pid);
	return 0;	/* dies without a word to it */
}

static int act(int argc, char **argv)
{
	if (strcmp(argv[1], "echo") == 0)
		return echo(argc, argv);
	if (strcmp(argv[1], "flood") == 0)
		return flood();
	if (strcmp(argv[1], "hang") == 0)
		hang();
	if (strcmp(argv[1], "grandparent") == 0)
		return grandparent();
	if (strcmp(argv[1], "hurry") == 0)
		return wait_for_hurry();
	return has_descriptor(argv[2]);
}

static void run(const char *command, const char *const *words, const char *input, int keep, struct subprocess *out)
{
	struct err err;

	if (!subprocess_start(command, words, input, strlen(input), keep, out, &err) ||
	    !subprocess_wait(out, LONG_MS, -1, &err))
		fail_msg("%s", err.msg);
	assert_true(WIFEXITED(out->status));
}

static void words_and_input_reach_it_and_its_answer_and_status_come_back(void **state)
{
	static const char *const words[] = { "a b", "--c=d", NULL };
	CLEANUP(subprocess_close) struct subprocess child = SUBPROCESS_INIT;

	run("echo", words, "input\nof two lines", -1, &child);
	assert_string_equal(buf_str(&child.said), "[a b][--c=d]input\nof two lines");
	assert_int_equal(WEXITSTATUS(child.status), 7);
}

static void more_than_a_pipe_holds_is_read_and_given_to_it(void **state)
{
	CLEANUP(subprocess_close) struct subprocess out = SUBPROCESS_INIT, in = SUBPROCESS_INIT;

	run("flood", NULL, "", -1, &out);
	assert_int_equal(out.said.len, 400000);
	run("echo", NULL, buf_str(&out.said), -1, &in);
	assert_string_equal(buf_str(&in.said), buf_str(&out.said));
}

static void a_descriptor_is_inherited_only_if_it_is_to_be_kept(void **state)
{
	CLEANUP(subprocess_close) struct subprocess with = SUBPROCESS_INIT, without = SUBPROCESS_INIT;
	char number[16];
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	const char *words[] = { number, NULL };

	snprintf(number, sizeof number, "%d", fd);
	run("descriptor", words, "", fd, &with);
	run("descriptor", words, "", -1, &without);
	assert_int_equal(WEXITSTATUS(with.status), 0);
	assert_int_equal(WEXITSTATUS(without.status), 1);
	close(fd);
}

static void one_that_hangs_is_killed_at_the_end_of_its_time(void **state)
{
	CLEANUP(subprocess_close) struct subprocess child = SUBPROCESS_INIT;
	struct err err;

	assert_true(subprocess_start("hang", NULL, "", 0, -1, &child, &err));
	while (child.said.len == 0)
		assert_false(subprocess_read(&child));
	assert_false(subprocess_wait(&child, 10, -1, &err));
	assert_string_equal(err.msg, "it did not end in time");
	assert_string_equal(buf_str(&child.said), "here\n");
	assert_true(WIFSIGNALED(child.status));
	assert_int_equal(kill(child.pid, 0) == 0 && child.pid != 0, 0);
}

static void whoever_waits_for_it_can_be_told_to_stop(void **state)
{
	CLEANUP(subprocess_close) struct subprocess child = SUBPROCESS_INIT;
	struct err err;
	int ends[2];

	assert_int_equal(pipe(ends), 0);
	assert_int_equal(write(ends[1], "", 1), 1);
	assert_true(subprocess_start("hang", NULL, "", 0, -1, &child, &err));
	assert_false(subprocess_wait(&child, LONG_MS, ends[0], &err));
	assert_string_equal(err.msg, "interrupted");
	close(ends[0]);
	close(ends[1]);
}

static void a_signal_reaches_it_and_none_is_sent_once_it_has_ended(void **state)
{
	CLEANUP(subprocess_close) struct subprocess child = SUBPROCESS_INIT;
	struct err err;

	assert_true(subprocess_start("hang", NULL, "", 0, -1, &child, &err));
	subprocess_signal(&child, SIGTERM);
	assert_true(subprocess_wait(&child, LONG_MS, -1, &err));
	assert_int_equal(WTERMSIG(child.status), SIGTERM);
	assert_true(subprocess_read(&child));
	subprocess_signal(&child, SIGKILL);	/* to no process, least of all to our own group */
}

/* Of several that wait the lowest number comes first: it would have been the end. */
static void what_is_asked_of_the_agent_does_not_end_it(void **state)
{
	CLEANUP(subprocess_close) struct subprocess child = SUBPROCESS_INIT;
	struct err err;

	assert_true(subprocess_start("hang", NULL, "", 0, -1, &child, &err));
	while (child.said.len == 0)
		assert_false(subprocess_read(&child));
	subprocess_signal(&child, SIGHUP);
	subprocess_signal(&child, SIGUSR1);
	subprocess_signal(&child, SIGTERM);
	assert_true(subprocess_wait(&child, LONG_MS, -1, &err));
	assert_int_equal(WTERMSIG(child.status), SIGTERM);
}

static void a_hurry_may_come_before_it_listens(void **state)
{
	CLEANUP(subprocess_close) struct subprocess child = SUBPROCESS_INIT;
	struct err err;

	if (getenv("TESTS_RUN_SLOWLY"))		/* valgrind loses what came before it had become another program */
		skip();
	assert_true(subprocess_start("hurry", NULL, "", 0, -1, &child, &err));
	subprocess_signal(&child, SIGUSR2);
	assert_true(subprocess_wait(&child, LONG_MS, -1, &err));
	assert_true(WIFEXITED(child.status));
	assert_int_equal(WEXITSTATUS(child.status), 0);
}

static volatile sig_atomic_t *handled;	/* by this process or a copy of it */

static void on_signal(int number)
{
	*handled = number;
}

static void what_ends_it_at_once_runs_no_handler_of_ours_in_it(void **state)
{
	struct sigaction action = { .sa_handler = on_signal }, before;

	handled = mmap(NULL, sizeof *handled, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(handled != MAP_FAILED);
	sigaction(SIGTERM, &action, &before);
	for (int i = 0; i < 20; i++) {
		CLEANUP(subprocess_close) struct subprocess child = SUBPROCESS_INIT;
		struct err err;
		assert_true(subprocess_start("hang", NULL, "", 0, -1, &child, &err));
		subprocess_signal(&child, SIGTERM);
		assert_true(subprocess_wait(&child, LONG_MS, -1, &err));
		assert_true(WIFSIGNALED(child.status));
		assert_int_equal(*handled, 0);
	}
	assert_int_equal(raise(SIGTERM), 0);
	assert_int_equal(*handled, SIGTERM);
	sigaction(SIGTERM, &before, NULL);
	munmap((void *)handled, sizeof *handled);
}

static void it_does_not_outlive_who_started_it(void **state)
{
	CLEANUP(subprocess_close) struct subprocess child = SUBPROCESS_INIT;
	int pid = 0, status = 0;

	/* Orphans come to us: not every machine has an init that takes them. */
	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	run("grandparent", NULL, "", -1, &child);
	assert_int_equal(sscanf(buf_str(&child.said), "%d", &pid), 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	/* It may have seen that it was alone before it became the program. */
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 127)
		assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_and_input_reach_it_and_its_answer_and_status_come_back),
		cmocka_unit_test(more_than_a_pipe_holds_is_read_and_given_to_it),
		cmocka_unit_test(a_descriptor_is_inherited_only_if_it_is_to_be_kept),
		cmocka_unit_test(one_that_hangs_is_killed_at_the_end_of_its_time),
		cmocka_unit_test(whoever_waits_for_it_can_be_told_to_stop),
		cmocka_unit_test(a_signal_reaches_it_and_none_is_sent_once_it_has_ended),
		cmocka_unit_test(what_is_asked_of_the_agent_does_not_end_it),
		cmocka_unit_test(a_hurry_may_come_before_it_listens),
		cmocka_unit_test(what_ends_it_at_once_runs_no_handler_of_ours_in_it),
		cmocka_unit_test(it_does_not_outlive_who_started_it),
	};

	return argc > 1 ? act(argc, argv) : cmocka_run_group_tests(tests, NULL, NULL);
}
