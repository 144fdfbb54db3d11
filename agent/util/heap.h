/* heap.h: how the heap of malloc() grows and shrinks.
 *
 * The system gives memory to a process page by page, when each page is first used, and that costs more than the work
 * that is done with the page. */
#ifndef AGENT_UTIL_HEAP_H
#define AGENT_UTIL_HEAP_H

/* Free memory stays with the process.  Without this glibc gives it back whenever some pages at the end of the heap are
 * free, and asks for it again at once.  A process that runs for long gives it back when it becomes idle
 * (memory_trim.h). */
void heap_keep_free_memory(void);

/* From here on the heap grows in the huge pages of the system, where it has any.  For a process that works on thousands of
 * workflows and then ends: used memory is rounded up to a huge page (2 MiB), and the system might fill the holes that
 * memory_trim.h makes.  Addresses for 512 MiB are reserved, which takes no memory; if the system refuses them, the heap
 * grows as before. */
void heap_use_huge_pages(void);

#endif
