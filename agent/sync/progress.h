/* progress.h: shows the progress of long work: a line on the terminal that is overwritten, and a log line when a
 * request is retried. */
#ifndef AGENT_SYNC_PROGRESS_H
#define AGENT_SYNC_PROGRESS_H

#include "agent/config/context.h"
#include "agent/net/request_loop.h"

struct progress {
	struct context *ctx;
	/* Appends a description of how far work is; NULL: only retries are logged. */
	void (*describe)(const void *work, struct buf *line);
	const void *work;
	int64_t last_logged;		/* when a retry was last logged, by clock_monotonic(); 0: never */
};

/* The callbacks for request_loop_run(); may be used for several calls.  p has to outlive them. */
struct request_loop_watch progress_watch(struct progress *p);

/* Clears the line; call it before other output. */
void progress_clear(const struct progress *p);

#endif
