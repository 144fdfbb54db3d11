/* process_stat.h: what the kernel reports about a process in /proc/PID/stat. */
#ifndef AGENT_UTIL_PROCESS_STAT_H
#define AGENT_UTIL_PROCESS_STAT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct process_stat {
	pid_t pid, parent, group;
	char name[64];		/* of its main thread; the kernel keeps 15 bytes of it */
	char state;		/* 'R', 'S', ...; 'Z': it has ended, and its parent has not waited for it */
	int64_t start_ms;	/* milliseconds of clock_boottime() at which it started */
	int64_t virtual_bytes, resident_bytes;
};

/* Reads about process pid into *out; false, and *out is untouched, if there is no such process or it cannot be read. */
bool process_stat_read(pid_t pid, struct process_stat *out);

#endif
