/* descriptors.h: how many descriptors the process has open. */
#ifndef TESTS_DESCRIPTORS_H
#define TESTS_DESCRIPTORS_H

#include <dirent.h>

#include "tests/test.h"

static inline int count_descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int count = -1;		/* the one that counts */

	assert_non_null(dir);
	for (struct dirent *e; (e = readdir(dir)); )
		count += *e->d_name != '.';
	closedir(dir);
	return count;
}

#endif
