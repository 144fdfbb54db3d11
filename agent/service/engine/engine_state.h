/* engine_state.h: what the modules of the engine share: the store, the runner, and the attempts that the runner has.
 * For the engine's thread alone, as are those modules. */
#ifndef AGENT_SERVICE_ENGINE_ENGINE_STATE_H
#define AGENT_SERVICE_ENGINE_ENGINE_STATE_H

#include "agent/service/exec/cgroup.h"
#include "agent/service/engine/engine.h"
#include "agent/service/exec/runner_client.h"
#include "agent/service/store/execution_store.h"

/* An attempt that the runner has: of a step, or of sending a notification. */
struct active_attempt {
	uint64_t id;
	struct execution *execution;	/* NULL: a notification is sent */
	size_t step;			/* its index in the execution */
	const char *cgroup;		/* NULL: none */
	int64_t log_bytes;		/* size of its log when execution_ingest_logs() last read it */
	struct stored_notification *notification;
	struct arena arena;		/* of what this points to */
};

struct engine_state {
	const struct engine_options *options;
	struct store *store;
	struct runner_client *runner;
	struct cgroups *cgroups;	/* NULL: no limits */
	const char *directory;		/* has a directory for each attempt */
	int stop_fd;			/* readable: the engine has to end */
	bool crons_waiting;		/* cron_scheduler.c has logged that too many executions are open */
	bool stopping;			/* the engine ends; a commit may have been given up because of that */
	bool new_notifications;		/* some were written since the engine last looked */
	uint64_t last_attempt_id;
	struct active_attempt **active;
	size_t active_count, active_room, active_steps;	/* active_steps: those with an execution */
	struct arena arena;		/* of the array `active` */
};

/* Calls write(es, what) in one transaction of the store, and repeats both until they succeed: the engine does
 * nothing that is not written down first, or an engine after it could do the same thing twice.
 *
 * THIS CAN BLOCK THE ENGINE'S ONLY THREAD WITHOUT A LIMIT.  As long as the database cannot be written (a full disk, a
 * lock of another process, a damaged file) it tries again every second, logs the first failure and then one a minute,
 * and returns only when a try succeeds or when stop_fd is readable.  Meanwhile every execution waits, not only the
 * one that the commit is about: no ended step is handled, no timeout of a step is enforced, no cron fires, no stop
 * request and no new execution is read.  The attempts that already run go on, and their logs stay in their
 * directories; nothing is lost.  The REST interface has its own connection to the database: it answers reads.
 *
 * True: written.  False: es->stopping is set, nothing was written, and the caller returns without acting on it; the
 * next engine finds what the last successful commit left. */
bool engine_state_commit_with_retry(struct engine_state *es,
                                    bool (*write)(struct engine_state *es, void *what, struct err *err), void *what);

/* Hands an attempt to the runner, and adds it to `active`.  If false, at is still the caller's. */
bool engine_state_start_attempt(struct engine_state *es, struct active_attempt *at, const struct attempt *attempt,
                                struct err *err);
/* The active attempt with that id; NULL: it is no longer active. */
struct active_attempt *engine_state_find_attempt(const struct engine_state *es, uint64_t id);
/* Takes it off `active`, if it is there, removes its cgroup, and frees it. */
void engine_state_free_attempt(struct engine_state *es, struct active_attempt *at);
/* Removes the directory of an attempt.  A failure is logged; the next engine tries again when it starts. */
void engine_state_remove_directory(const struct engine_state *es, const char *directory);

/* Waits for stop_fd for up to ms milliseconds.  True: it is readable, the engine has to end. */
bool engine_state_wait(struct engine_state *es, int ms);

#endif
