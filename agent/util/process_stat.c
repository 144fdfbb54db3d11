#include "agent/util/process_stat.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/util/fd.h"

enum { STAT_MAX = 1024 };	/* enough for the fields below, however long their numbers */

/* "12 (name) S 1 12 ...", see proc_pid_stat(5).  The name may hold any byte, parentheses too, and all behind it are
 * numbers: so it ends at the last parenthesis. */
bool process_stat_read(pid_t pid, struct process_stat *out)
{
	char path[64], text[STAT_MAX + 1];
	struct process_stat s = { .pid = pid };
	long long start, size, resident;

	snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
	CLEANUP(fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t len = fd < 0 ? -1 : read(fd, text, STAT_MAX);
	text[len > 0 ? len : 0] = '\0';
	const char *name = strchr(text, '('), *end = strrchr(text, ')');
	if (!name || !end || end < name ||
	    sscanf(end, ") %c %d %d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %lld %lld %lld",
	           &s.state, &s.parent, &s.group, &start, &size, &resident) != 6)
		return false;
	snprintf(s.name, sizeof s.name, "%.*s", (int)(end - name - 1), name + 1);
	s.start_ms = start * 1000 / sysconf(_SC_CLK_TCK);
	s.virtual_bytes = size;
	s.resident_bytes = resident * sysconf(_SC_PAGESIZE);
	*out = s;
	return true;
}
