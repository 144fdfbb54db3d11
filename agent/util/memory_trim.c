#include "agent/util/memory_trim.h"

#include <malloc.h>

int memory_trim_idle_ms = 1000;

int memory_trim_poll(struct memory_trim *t, struct pollfd *fds, nfds_t count, int timeout_ms)
{
	int ready = 0;

	if (!t->trimmed && (timeout_ms < 0 || timeout_ms > memory_trim_idle_ms)) {
		ready = poll(fds, count, memory_trim_idle_ms);
		if (ready != 0)
			return ready;
		malloc_trim(0);
		t->trimmed = true;
		timeout_ms -= timeout_ms < 0 ? 0 : memory_trim_idle_ms;
	}
	ready = poll(fds, count, timeout_ms);
	t->trimmed = t->trimmed && ready == 0;
	return ready;
}
