#include "tests/test.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/util/boot_id.h"

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
	assert_int_equal(strlen(line), 36);
	assert_string_equal(boot_id(&a), line);
	assert_string_equal(boot_id(&a), line);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_boot_is_what_the_kernel_says),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
