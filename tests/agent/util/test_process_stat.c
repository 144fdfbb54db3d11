#include "tests/test.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/util/clock.h"
#include "agent/util/process_stat.h"

static void this_process_is_described(void **state)
{
	struct process_stat s;
	char name[16];	/* under valgrind it is valgrind's */

	assert_int_equal(prctl(PR_GET_NAME, name), 0);
	assert_true(process_stat_read(getpid(), &s));
	assert_int_equal(s.pid, getpid());
	assert_int_equal(s.parent, getppid());
	assert_int_equal(s.group, getpgrp());
	assert_string_equal(s.name, name);
	assert_int_equal(s.state, 'R');
	assert_in_range(s.resident_bytes, 1 << 16, s.virtual_bytes);
}

/* Its name looks like other fields. */
static void a_name_may_hold_spaces_and_parentheses(void **state)
{
	static const char *const names[] = { "a b", "x) Z 7 7 (y", ")", "((", ") Z 1 1", "" };
	char before[16];
	struct process_stat s;

	assert_int_equal(prctl(PR_GET_NAME, before), 0);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		assert_int_equal(prctl(PR_SET_NAME, names[i]), 0);
		assert_true(process_stat_read(getpid(), &s));
		assert_string_equal(s.name, names[i]);
		assert_int_equal(s.state, 'R');
		assert_int_equal(s.parent, getppid());
		assert_int_equal(s.group, getpgrp());
	}
	assert_int_equal(prctl(PR_SET_NAME, before), 0);
}

static void a_child_is_described_until_it_is_waited_for(void **state)
{
	enum { TICK_MS = 10 };	/* the kernel cuts the start to this */
	int64_t before = clock_boottime();
	struct process_stat s;
	siginfo_t info;
	pid_t child = fork();

	if (child == 0) {
		setpgid(0, 0);
		_exit(0);
	}
	assert_int_equal(waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT), 0);
	assert_true(process_stat_read(child, &s));
	assert_int_equal(s.pid, child);
	assert_int_equal(s.parent, getpid());
	assert_int_equal(s.group, child);
	assert_int_equal(s.state, 'Z');
	assert_in_range(s.start_ms, before - TICK_MS, clock_boottime());
	assert_int_equal(waitpid(child, NULL, 0), child);

	s.pid = -7;
	assert_false(process_stat_read(child, &s));
	assert_int_equal(s.pid, -7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(this_process_is_described),
		cmocka_unit_test(a_name_may_hold_spaces_and_parentheses),
		cmocka_unit_test(a_child_is_described_until_it_is_waited_for),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
