#include "tests/test.h"

#include <poll.h>
#include <signal.h>

#include "agent/util/control_signals.h"

static bool readable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, 0) == 1;
}

static void each_signal_is_given_in_its_turn_and_once(void **state)
{
	struct err err;
	int fd;

	assert_true(control_signals_watch(&fd, &err));
	assert_false(readable(fd));
	assert_int_equal(control_signals_next(fd), 0);
	raise(SIGUSR1);
	raise(SIGHUP);
	raise(SIGUSR1);
	assert_true(readable(fd));
	assert_int_equal(control_signals_next(fd), SIGUSR1);
	assert_int_equal(control_signals_next(fd), SIGHUP);
	assert_int_equal(control_signals_next(fd), SIGUSR1);
	assert_int_equal(control_signals_next(fd), 0);
	assert_false(readable(fd));
}

static void a_flood_of_them_neither_waits_nor_is_forgotten(void **state)
{
	struct err err;
	int fd, count = 0;

	assert_true(control_signals_watch(&fd, &err));
	for (int i = 0; i < 100000; i++)
		raise(SIGUSR1);
	while (control_signals_next(fd) == SIGUSR1)
		count++;
	assert_in_range(count, 4096, 100000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_signal_is_given_in_its_turn_and_once),
		cmocka_unit_test(a_flood_of_them_neither_waits_nor_is_forgotten),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
