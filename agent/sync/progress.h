/* progress.h: what is seen of work that takes a while: a line on the terminal that is written
 * over again and again, and a line of the log when a request has to wait. */
#ifndef AGENT_SYNC_PROGRESS_H
#define AGENT_SYNC_PROGRESS_H

#include "agent/config/context.h"
#include "agent/net/request_loop.h"

struct progress {
	struct context *ctx;
	/* Says how far work is; NULL: only waits are told of. */
	void (*describe)(const void *work, struct buf *line);
	const void *work;
	int64_t last_logged;		/* when a wait was last told of, of clock_monotonic() */
};

/* For request_loop_run(), which may be called with it again; p has to outlive that. */
struct request_loop_watch progress_watch(struct progress *p);

/* Takes the line away, before anything else is printed. */
void progress_clear(const struct progress *p);

#endif
