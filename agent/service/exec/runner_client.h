/* runner_client.h: the engine's side of the runner, a process that runs attempts.  The runner outlives a service that
 * is killed just long enough to end the attempts.  It gives each attempt a supervisor (supervisor.h), which writes log
 * and result to the attempt's folder; the events here only say when to look there.
 *
 * To be used by one thread at a time.  Only runner_client_stop() waits for attempts. */
#ifndef AGENT_SERVICE_EXEC_RUNNER_CLIENT_H
#define AGENT_SERVICE_EXEC_RUNNER_CLIENT_H

#include <stdint.h>

#include "agent/service/exec/attempt.h"

struct runner_client;

/* A runner that does not take an order so long is taken to hang.  Only a test sets it, so as not to wait so long. */
extern int runner_client_takes_ms;

enum runner_event_kind {
	/* The attempt and all its processes have ended.  If there is no result, its supervisor was killed, or the disk
	 * is full. */
	RUNNER_ATTEMPT_ENDED,
	/* None of its commands began: message says why. */
	RUNNER_ATTEMPT_NOT_BEGUN,
	/* The runner and all supervisors have ended unexpectedly; what became of the attempts is in their folders.
	 * This is the last event. */
	RUNNER_GONE,
};

struct runner_event {
	enum runner_event_kind kind;
	uint64_t id;		/* of the attempt; 0 for RUNNER_GONE */
	char message[256];	/* of RUNNER_ATTEMPT_NOT_BEGUN; else "" */
};

/* Starts the runner.  keep_fd (-1: none) is the descriptor of a lock file.  The runner and every supervisor keep it
 * open, so that the lock is free when all of them are gone (RUNNER_GONE may come a moment before); commands do not get
 * it. */
bool runner_client_start(int keep_fd, struct runner_client **out, struct err *err);

/* A descriptor that is readable when runner_client_next() has an event: poll it, do not read it. */
int runner_client_fd(const struct runner_client *runner);

/* False once the runner is gone, or was killed because it hung: no attempt can begin, and RUNNER_GONE follows when its
 * supervisors are gone too. */
bool runner_client_is_alive(const struct runner_client *runner);	/* NULL: false */

/* Begins an attempt under an id that no attempt in progress has.  *attempt is copied.  If false, it does not begin and
 * there is no event for it. */
bool runner_client_begin(struct runner_client *runner, uint64_t id, const struct attempt *attempt, struct err *err);

/* Ends an attempt: SIGTERM to all its processes, SIGKILL grace_ms later (0: at once).  If it is called twice, the
 * earlier of the two times counts.  An attempt that is over or unknown is ignored. */
void runner_client_end(struct runner_client *runner, uint64_t id, int grace_ms);

/* Takes the next event; false if no event is waiting. */
bool runner_client_next(struct runner_client *runner, struct runner_event *out);

/* Ends all attempts as runner_client_end() does, waits until all processes are gone, and frees the runner.  Events that
 * were not taken are lost.  Takes NULL. */
void runner_client_stop(struct runner_client *runner, int grace_ms);

#endif
