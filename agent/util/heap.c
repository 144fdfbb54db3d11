#include "agent/util/heap.h"

#include <limits.h>
#include <malloc.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define MIB	(1 << 20)

/* Of addresses: enough for a cycle over some 60,000 workflows. */
enum { STEP = 1 * MIB, RESERVED = 512 * MIB };

void heap_keep_free_memory(void)
{
	mallopt(M_TOP_PAD, STEP);
	mallopt(M_TRIM_THRESHOLD, RESERVED);
	mallopt(M_MMAP_THRESHOLD, 32 * MIB);
}

/* About STEP is free at the end of the heap: a larger block makes it grow. */
static bool heap_reserve(void)
{
	mallopt(M_TRIM_THRESHOLD, INT_MAX);
	mallopt(M_TOP_PAD, RESERVED);
	void *block = malloc(2 * STEP);
	/* Asking for the size also keeps the compiler from leaving out the allocation. */
	bool grown = malloc_usable_size(block) >= 2 * STEP;
	free(block);
	mallopt(M_TOP_PAD, STEP);
	return grown;
}

void heap_use_huge_pages(void)
{
	char *begin = sbrk(0);
	bool grown = heap_reserve();
	char *end = sbrk(0);

	/* Another malloc() (that of a sanitizer) has no heap here. */
	if (!grown || end - begin < RESERVED)
		return;
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), from = ((uintptr_t)begin + page - 1) & -page;
	madvise((void *)from, (uintptr_t)end - from, MADV_HUGEPAGE);
}
