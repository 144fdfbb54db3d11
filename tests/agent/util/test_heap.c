#include "tests/test.h"
#include "agent/util/heap.h"

#include <malloc.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

/* True if the memory at p is meant to be huge pages ("hg" among the flags of its mapping). */
static bool is_advised(const void *p)
{
	FILE *maps = fopen("/proc/self/smaps", "re");
	char line[500];
	bool inside = false, advised = false;

	assert_non_null(maps);
	while (fgets(line, sizeof line, maps)) {
		unsigned long from, to;
		if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
			inside = (uintptr_t)p >= from && (uintptr_t)p < to;
		else if (inside && strncmp(line, "VmFlags:", 8) == 0)
			advised = strstr(line, " hg") != NULL;
	}
	fclose(maps);
	return advised;
}

static bool has_huge_pages(void)
{
	size_t len = 4 << 20;
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	bool advised = madvise(p, len, MADV_HUGEPAGE) == 0 && is_advised(p);

	munmap(p, len);
	return advised;
}

static bool has_heap(void)
{
	void *p = malloc(1000);
	bool is_in_heap = p < sbrk(0) && sbrk(0) != NULL;

	free(p);
	return is_in_heap;
}

/* In a child, as the heap of the tests should stay as it is. */
static void run_in_child(void (*check)(void))
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		heap_keep_free_memory();
		check();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void allocate_in_huge_pages(void)
{
	heap_use_huge_pages();
	void *volatile rest = malloc(2 << 20);	/* what was free before may be used first */
	if (!rest)
		_exit(2);
	for (unsigned i = 0; i < 100; i++)
		if (!is_advised(malloc(200 << 10)))
			_exit(1);
}

static void free_and_allocate(void)
{
	void *end = sbrk(0);
	heap_use_huge_pages();
	if ((char *)sbrk(0) - (char *)end < 512 << 20)
		_exit(2);
	end = sbrk(0);
	for (unsigned i = 0; i < 100; i++)
		free(malloc(20 << 20));
	if (sbrk(0) != end)
		_exit(3);
}

static void a_cycle_works_in_huge_pages(void **state)
{
	if (!has_heap() || !has_huge_pages())
		skip();
	run_in_child(allocate_in_huge_pages);
}

static void reserved_addresses_are_not_given_back(void **state)
{
	if (!has_heap())
		skip();
	run_in_child(free_and_allocate);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_cycle_works_in_huge_pages),
		cmocka_unit_test(reserved_addresses_are_not_given_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
