#include "tests/test.h"
#include "agent/util/spill_file.h"

#include <signal.h>
#include <string.h>
#include <sys/resource.h>

enum { ITEMS = 300, ITEM = 1000 };	/* more than is kept in memory */

static void fill_item(char *bytes, unsigned i)
{
	for (unsigned k = 0; k < ITEM; k++)
		bytes[k] = (char)(i + k);
}

static void put_items(struct spill_file *f, uint64_t *places, unsigned from, unsigned to)
{
	char bytes[ITEM];

	for (unsigned i = from; i < to; i++) {
		fill_item(bytes, i);
		assert_true(spill_file_put(f, bytes, ITEM, &places[i]));
	}
}

static void expect_items(const struct spill_file *f, const uint64_t *places, unsigned count)
{
	char bytes[ITEM], expected[ITEM];

	for (unsigned i = 0; i < count; i++) {
		fill_item(expected, i);
		assert_true(spill_file_get(f, places[i], ITEM, bytes));
		assert_memory_equal(bytes, expected, ITEM);
	}
}

static void what_is_put_is_read_again(void **state)
{
	struct spill_file f;
	uint64_t places[ITEMS];

	spill_file_open(NULL, &f);
	for (unsigned i = 0; i < ITEMS; i += 100) {
		put_items(&f, places, i, i + 100);
		expect_items(&f, places, i + 100);
	}
	assert_true(f.written > 0);
	assert_true(f.waiting.len < f.written);
	spill_file_close(&f);
}

static void without_a_file_all_stays_in_memory(void **state)
{
	struct spill_file f = SPILL_FILE_NONE;
	uint64_t places[ITEMS];

	put_items(&f, places, 0, ITEMS);
	expect_items(&f, places, ITEMS);
	assert_int_equal(f.waiting.len, ITEMS * ITEM);
	spill_file_close(&f);
}

/* The limit stands for a full disk. */
static void after_a_failed_write_all_stays_in_memory(void **state)
{
	struct rlimit limit, before;
	struct spill_file f;
	uint64_t places[ITEMS];

	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	limit = (struct rlimit){ 150 * ITEM, before.rlim_max };
	spill_file_open(NULL, &f);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	put_items(&f, places, 0, ITEMS);
	assert_true(f.failed);
	assert_true(f.written > 0);
	expect_items(&f, places, ITEMS);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	put_items(&f, places, 0, 1);
	expect_items(&f, places, ITEMS);
	spill_file_close(&f);
}

static void more_than_memory_may_hold_is_refused(void **state)
{
	struct spill_file f = SPILL_FILE_NONE;
	uint64_t place;

	f.waiting.limit = 10;
	assert_true(spill_file_put(&f, "0123456789", 10, &place));
	assert_false(spill_file_put(&f, "x", 1, &place));
	spill_file_close(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_put_is_read_again),
		cmocka_unit_test(without_a_file_all_stays_in_memory),
		cmocka_unit_test(after_a_failed_write_all_stays_in_memory),
		cmocka_unit_test(more_than_memory_may_hold_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
