#include "tests/test.h"
#include "agent/util/memory_trim.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BLOCKS = 512, BLOCK = 64 * 1024 };

/* The resident memory of this process in KiB. */
static long resident_kib(void)
{
	FILE *f = fopen("/proc/self/statm", "r");
	long whole = 0, resident = 0;

	assert_non_null(f);
	assert_int_equal(fscanf(f, "%ld %ld", &whole, &resident), 2);
	fclose(f);
	return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

/* Leaves 32 MiB of free memory below a block that is in use. */
static void *use_and_free_memory(void)
{
	void *blocks[BLOCKS];

	for (size_t i = 0; i < BLOCKS; i++)
		memset(blocks[i] = malloc(BLOCK), 'x', BLOCK);
	void *last = malloc(16);
	for (size_t i = 0; i < BLOCKS; i++)
		free(blocks[i]);
	return last;
}

/* A sanitizer and valgrind bring a malloc of their own, which keeps what it has. */
static bool has_other_malloc(void)
{
#ifdef __SANITIZE_ADDRESS__
	return true;
#else
	return getenv("TESTS_RUN_SLOWLY");
#endif
}

static void an_idle_process_gives_memory_back_once(void **state)
{
	struct memory_trim t = { 0 };

	if (has_other_malloc())
		skip();
	mallopt(M_TRIM_THRESHOLD, 512 << 20);
	memory_trim_idle_ms = 10;
	void *last = use_and_free_memory();
	long used = resident_kib();
	/* Busy: the time is over before it is idle. */
	assert_int_equal(memory_trim_poll(&t, NULL, 0, 5), 0);
	assert_false(t.trimmed);
	assert_true(resident_kib() > used - 8 * 1024);
	assert_int_equal(memory_trim_poll(&t, NULL, 0, 50), 0);
	assert_true(t.trimmed);
	assert_true(resident_kib() < used - 16 * 1024);
	free(last);
}

static void after_an_event_it_is_busy_again(void **state)
{
	struct memory_trim t = { .trimmed = true };
	int fds[2];

	memory_trim_idle_ms = 10;
	assert_int_equal(pipe(fds), 0);
	struct pollfd p = { .fd = fds[0], .events = POLLIN };
	assert_int_equal(memory_trim_poll(&t, &p, 1, 1), 0);
	assert_true(t.trimmed);
	assert_int_equal(write(fds[1], "x", 1), 1);
	assert_int_equal(memory_trim_poll(&t, &p, 1, -1), 1);
	assert_false(t.trimmed);
	assert_int_equal(memory_trim_poll(&t, &p, 1, -1), 1);
	assert_false(t.trimmed);
	close(fds[0]);
	close(fds[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_idle_process_gives_memory_back_once),
		cmocka_unit_test(after_an_event_it_is_busy_again),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
