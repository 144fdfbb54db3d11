/* attempt_log.h: the log of an attempt, with a limit on its size.  The first ATTEMPT_HEAD_MAX bytes are written at
 * once; of the rest, the last ATTEMPT_TAIL_MAX bytes are kept in memory and written when the log is closed.  A full
 * disk ends the log, not the attempt.
 *
 * A line is "MS TEXT", or "MS+TEXT" if no newline is between it and the line before.  An empty "MS+" at the end says that
 * the output has no newline at its end. */
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
	size_t size;		/* bytes of the file */
	bool ended_in_line;	/* the newest output has no newline at its end */
	struct attempt_log_tail *tail;	/* NULL: the head has room */
};

/* Creates the file path.  masks (ends with NULL; NULL: none) and a must outlive the log, and *out must not move. */
bool attempt_log_open(struct arena *a, const char *path, const char *const *masks,
                      struct attempt_log *out, struct err *err);

/* Adds output; ms is its time. */
void attempt_log_add(struct attempt_log *log, const char *bytes, size_t len, int64_t ms);

/* To be called after a second without output: a text without a newline becomes a line. */
void attempt_log_pause(struct attempt_log *log, int64_t ms);

/* To be called when a command has ended: the next output begins a new line. */
void attempt_log_end_line(struct attempt_log *log, int64_t ms);

/* Adds a line of the supervisor itself. */
void attempt_log_printf(struct attempt_log *log, int64_t ms, const char *fmt, ...) PRINTF(3, 4);

/* Writes what is kept in memory, and frees everything. */
void attempt_log_close(struct attempt_log *log, int64_t ms);

#endif
