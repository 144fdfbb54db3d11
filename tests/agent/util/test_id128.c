#include "tests/test.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/util/id128.h"

static void an_id_is_a_uuid_of_version_4(void **state)
{
	for (int i = 0; i < 1000; i++) {
		char id[UUID_LEN + 1];
		memset(id, 'x', sizeof id);
		uuid_make(id);
		assert_int_equal(strlen(id), UUID_LEN);
		for (int at = 0; at < UUID_LEN; at++) {
			bool dash = at == 8 || at == 13 || at == 18 || at == 23;
			assert_true(dash ? id[at] == '-' : strchr("0123456789abcdef", id[at]) != NULL);
		}
		assert_true(id[14] == '4' && strchr("89ab", id[19]));
	}
}

static int order(const void *a, const void *b)
{
	return strcmp(a, b);
}

static void no_two_are_the_same(void **state)
{
	enum { MANY = 5000 };
	static char ids[MANY][UUID_LEN + 1];

	for (int i = 0; i < MANY; i++)
		uuid_make(ids[i]);
	qsort(ids, MANY, sizeof *ids, order);
	for (int i = 1; i < MANY; i++)
		assert_string_not_equal(ids[i - 1], ids[i]);
}

static void the_boot_is_what_the_kernel_says(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	FILE *file = fopen("/proc/sys/kernel/random/boot_id", "r");
	char line[100] = "";

	if (!file) {
		assert_string_equal(boot_id(&a), "");
		return;
	}
	assert_non_null(fgets(line, sizeof line, file));
	fclose(file);
	line[strcspn(line, "\n")] = '\0';
	assert_int_equal(strlen(line), UUID_LEN);
	assert_string_equal(boot_id(&a), line);
	assert_string_equal(boot_id(&a), line);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_id_is_a_uuid_of_version_4),
		cmocka_unit_test(no_two_are_the_same),
		cmocka_unit_test(the_boot_is_what_the_kernel_says),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
