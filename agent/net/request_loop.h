/* request_loop.h: runs the tasks of a dispatcher over a service client until all are done. */
#ifndef AGENT_NET_REQUEST_LOOP_H
#define AGENT_NET_REQUEST_LOOP_H

#include "agent/net/service_client.h"
#include "agent/util/clock.h"
#include "reconcile/wire/dispatch.h"

/* Callbacks of the caller; each may be NULL. */
struct request_loop_watch {
	void (*tick)(void *context);	/* called while requests are under way, at most ten times a second */
	/* Called when the request of task got this answer and is sent again after wait_ms. */
	void (*again)(void *context, const struct dispatch *dispatch, const struct task *task,
	              const struct answer *answer, int64_t wait_ms);
	void *context;
	const int *hurry_fd;	/* once it is readable: dispatch_hurry(); it is not read from */
};

/* Returns when dispatch_idle().  When stop_fd (-1: none) becomes readable it calls
 * dispatch_stop() once and goes on until what is under way has ended, but waits for no answer to
 * a task that only read; it does not read from stop_fd.  Returns false if it was stopped that
 * way.  watch may be NULL. */
bool request_loop_run(struct service_client *rest, struct dispatch *dispatch, int stop_fd,
                      const struct request_loop_watch *watch);

#endif
