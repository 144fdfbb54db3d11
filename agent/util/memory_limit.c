#include "agent/util/memory_limit.h"

#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

static void memory_limit_close_file(FILE **file)
{
	if (*file)
		fclose(*file);
}

void memory_limit_set(size_t bytes)
{
	CLEANUP(memory_limit_close_file) FILE *file = fopen("/proc/self/statm", "re");
	unsigned long pages = 0;
	struct rlimit limit;

	if (!file || fscanf(file, "%*u %*u %*u %*u %*u %lu", &pages) != 1)
		pages = 0;	/* NOLINT(clang-analyzer-unix.Stream): it does not see CLEANUP */
	rlim_t most = (rlim_t)pages * sysconf(_SC_PAGESIZE) + bytes;
	if (getrlimit(RLIMIT_DATA, &limit) == 0 && limit.rlim_cur > most) {
		limit.rlim_cur = most;
		setrlimit(RLIMIT_DATA, &limit);
	}
}
