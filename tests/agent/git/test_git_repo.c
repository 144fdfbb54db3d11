#include "tests/test.h"
#include "agent/git/git_repo.h"

#include <malloc.h>
#include <stdlib.h>
#include <unistd.h>

/* More than what libgit2 needs at its start, less than what the authorities of a system take. */
enum { SOME_BYTES = 200 * 1024 };

/* False under valgrind and with sanitizers, which have a malloc() of their own. */
static bool malloc_counts(void)
{
	size_t before = mallinfo2().uordblks;
	char *volatile block = malloc(SOME_BYTES / 2);
	bool counts = mallinfo2().uordblks >= before + SOME_BYTES / 2;

	free(block);
	return counts;
}

static void authorities_are_read_for_a_connection_only(void **state)
{
	if (!malloc_counts() || access("/etc/ssl/certs/ca-certificates.crt", R_OK) != 0)
		skip();
	size_t before = mallinfo2().uordblks;
	git_repo_set_up();
	size_t started = mallinfo2().uordblks;
	assert_true(started < before + SOME_BYTES);
	assert_true(git_repo_read_authorities(NULL));
	assert_true(mallinfo2().uordblks > started + SOME_BYTES);
	git_libgit2_shutdown();
}

static void authorities_that_cannot_be_read_are_an_error(void **state)
{
	git_repo_set_up();
	assert_false(git_repo_read_authorities("/does/not/exist"));
	git_libgit2_shutdown();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(authorities_are_read_for_a_connection_only),
		cmocka_unit_test(authorities_that_cannot_be_read_are_an_error),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
