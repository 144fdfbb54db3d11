/* request_loop.h: runs a dispatcher's tasks over a REST client until all are done. */
#ifndef AGENT_NET_REQUEST_LOOP_H
#define AGENT_NET_REQUEST_LOOP_H

#include "agent/net/service_client.h"
#include "agent/util/clock.h"
#include "reconcile/wire/dispatch.h"

/* Somebody who watches; each may be NULL. */
struct request_loop_watch {
	void (*tick)(void *context);	/* called while requests are under way, at most ten times a second */
	/* task's request was answered so, and waits before it is sent again. */
	void (*again)(void *context, const struct task *task, const struct answer *answer,
	              int64_t wait_ms);
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
