/* drive.h: runs a dispatcher's tasks over a REST client until all are done. */
#ifndef AGENT_DRIVE_H
#define AGENT_DRIVE_H

#include "agent/rest.h"
#include "reconcile/dispatch.h"

/* Milliseconds of CLOCK_MONOTONIC: the clock of dispatch. */
int64_t drive_now(void);

/* Called while requests are under way, at most ten times a second: for progress. */
struct drive_watch {
	void (*tick)(void *context);	/* NULL: nobody watches */
	void *context;
};

/* Returns when dispatch_idle().  When stop_fd (-1: none) becomes readable it calls dispatch_stop() once and goes on until
 * what is under way has ended; it does not read from it.  Returns false if it was stopped that way.  watch may be NULL. */
bool drive(struct rest *rest, struct dispatch *dispatch, int stop_fd,
           const struct drive_watch *watch);

#endif
