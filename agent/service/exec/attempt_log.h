/* attempt_log.h: the log of an attempt, bounded: what is printed first is written as it comes, of what
 * comes after that the newest is kept in memory and written at the end.  Nothing here fails in a way
 * that would keep the attempt from going on: when the disk is full the log ends. */
#ifndef AGENT_SERVICE_EXEC_ATTEMPT_LOG_H
#define AGENT_SERVICE_EXEC_ATTEMPT_LOG_H

#include <stdint.h>

#include "agent/service/exec/line_splitter.h"
#include "reconcile/base/err.h"

struct attempt_log {
	int fd;			/* -1: the log has ended */
	struct redactor secrets;
	struct line_splitter lines;	/* to the file */
	struct buf out;		/* lines that are not written yet */
	size_t size;		/* of the file */
	struct attempt_log_tail *tail;	/* NULL: the head has room still */
};

/* Makes the file path.  masks (ends with NULL; NULL: none) have to stay, so does a, and *out where it
 * is. */
bool attempt_log_open(struct arena *a, const char *path, const char *const *masks,
                      struct attempt_log *out, struct err *err);

/* What was printed; ms is when. */
void attempt_log_add(struct attempt_log *log, const char *bytes, size_t len, int64_t ms);

/* For a second nothing was printed: what stands there without a newline is a line. */
void attempt_log_pause(struct attempt_log *log, int64_t ms);

/* The program that printed has ended: what comes next is another line. */
void attempt_log_end_line(struct attempt_log *log, int64_t ms);

/* A line of ours. */
void attempt_log_printf(struct attempt_log *log, int64_t ms, const char *fmt, ...) PRINTF(3, 4);

/* Writes what was kept, and frees all. */
void attempt_log_close(struct attempt_log *log, int64_t ms);

#endif
