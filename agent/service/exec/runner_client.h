/* runner_client.h: runs attempts in a process of their own, which outlives whatever happens to the service just
 * long enough to end what runs.  It gives each attempt a keeper (supervisor.h), which writes what happened
 * to the folder of the attempt; here comes only when to look.
 *
 * One thread uses it, whichever.  Nothing here waits for an attempt but runner_client_stop(). */
#ifndef AGENT_SERVICE_EXEC_RUNNER_CLIENT_H
#define AGENT_SERVICE_EXEC_RUNNER_CLIENT_H

#include <stdint.h>

#include "agent/service/exec/attempt.h"

struct runner_client;

/* A runner that does not take an order so long is taken to hang.  Only a test sets it, so as not to wait so long. */
extern int runner_client_takes_ms;

enum runner_event_kind {
	RUNNER_ATTEMPT_ENDED,	/* the attempt has ended, and so has all it started.  Its result is there; if not, its keeper was killed, or had no disk to write to */
	RUNNER_ATTEMPT_NOT_BEGUN,	/* none of its commands ever began: message says why */
	RUNNER_GONE,	/* the runner and all its keepers have ended, uncalled for; what was told of no attempt is in its folder. The last event */
};

struct runner_event {
	enum runner_event_kind kind;
	uint64_t id;		/* the attempt's; 0 for RUNNER_GONE */
	char message[256];	/* "" but for RUNNER_ATTEMPT_NOT_BEGUN */
};

/* Starts the runner.  keep_fd (-1: none) is the descriptor of a lock, which the runner and every keeper
 * keep open, so that the lock is free when all of them are gone (RUNNER_GONE may come a moment before),
 * and no command gets. */
bool runner_client_start(int keep_fd, struct runner_client **out, struct err *err);

/* Is readable when runner_client_next() has something; poll it, do not read from it. */
int runner_client_fd(const struct runner_client *runner);

/* False once the runner is gone, or hangs and was killed: no attempt can be begun any more, and
 * RUNNER_GONE comes when its keepers are gone too. */
bool runner_client_is_alive(const struct runner_client *runner);	/* NULL: false */

/* Begins an attempt, under an id that no other has which is not over.  Nothing of it is kept.  False: it
 * never begins, and no event comes. */
bool runner_client_begin(struct runner_client *runner, uint64_t id, const struct attempt *attempt, struct err *err);

/* Ends an attempt: SIGTERM to all that runs of it, SIGKILL grace_ms later; 0: that at once.  What still runs
 * then of an attempt that was told so before gets the shorter time.  One that is over, or unknown, is
 * passed over. */
void runner_client_end(struct runner_client *runner, uint64_t id, int grace_ms);

/* The next event; false: none is there now. */
bool runner_client_next(struct runner_client *runner, struct runner_event *out);

/* Ends all that runs like runner_client_end(), waits until all of it is gone, and frees the runner; events
 * that were not taken are lost.  Takes NULL. */
void runner_client_stop(struct runner_client *runner, int grace_ms);

#endif
