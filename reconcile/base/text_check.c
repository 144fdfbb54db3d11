#include "reconcile/base/text_check.h"

#include <string.h>

#include "reconcile/base/base.h"

const char *text_check(const char *bytes, size_t len)
{
	static const struct { const char *begin, *why; } cases[] = {
		{ "\xff\xfe", "this is UTF-16, not UTF-8" },
		{ "\xfe\xff", "this is UTF-16, not UTF-8" },
		{ "version https://git-lfs.github.com/spec/",
		  "this is a pointer of Git LFS, not the file itself: run git lfs pull, or keep the file out of LFS" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		if (len >= strlen(cases[i].begin) && memcmp(bytes, cases[i].begin, strlen(cases[i].begin)) == 0)
			return cases[i].why;
	return NULL;
}
