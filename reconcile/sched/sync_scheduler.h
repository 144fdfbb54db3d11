/* sync_scheduler.h: decides what the agent does next for one sync, and when (design, 8).
 *
 * The agent's loop passes each event, and carries out the returned action; it starts a job (a fetch, a
 * cycle) only by an action, and passes an event when the job has ended.  At most one fetch and one cycle run
 * at a time.  Pure: the time is an argument, in milliseconds of a clock that also counts while the machine sleeps;
 * jitter comes from a seed. */
#ifndef RECONCILE_SCHED_SYNC_SCHEDULER_H
#define RECONCILE_SCHED_SYNC_SCHEDULER_H

#include <stdbool.h>
#include <stdint.h>

struct scheduler_settings {
	int64_t interval_ms;	/* from the end of a cycle to the next; positive */
	int64_t poll_ms;	/* git: how often to look for a new revision; 0: the source is a directory */
};

enum scheduler_event_kind {
	SCHEDULER_TICK,			/* time has passed */
	SCHEDULER_SOURCE_CHANGED,	/* directory: inotify or a scan found a change */
	SCHEDULER_HINT,			/* a push webhook: fetch and cycle now */
	SCHEDULER_REQUESTED,		/* SIGUSR1: fetch and cycle now */
	SCHEDULER_FETCHED,		/* the fetch ended: ok, tree */
	SCHEDULER_CYCLE_ENDED,	/* the cycle, whole or of deferred steps, ended: outcome, deferred */
	SCHEDULER_CONFIGURED,		/* the settings changed: settings; takes back a SCHEDULER_STOP */
	SCHEDULER_STOP,			/* SIGTERM: finish running jobs, start nothing */
};

enum scheduler_outcome {
	SCHEDULER_GOOD,
	SCHEDULER_BAD,		/* blocked, conflict, invalid, partly: a person has to act */
	SCHEDULER_FAILED,	/* service or source not reached: back off */
};

struct scheduler_event {
	enum scheduler_event_kind kind;
	bool ok;				/* FETCHED */
	const char *tree;			/* FETCHED and ok: 40 hex digits; copied */
	enum scheduler_outcome outcome;		/* CYCLE_ENDED */
	bool deferred;				/* CYCLE_ENDED: some steps wait for an execution to end */
	const struct scheduler_settings *settings;	/* CONFIGURED; copied */
};

enum scheduler_start {
	SCHEDULER_NOTHING,
	SCHEDULER_START_FETCH,
	SCHEDULER_START_CYCLE,
	SCHEDULER_START_DEFERRED,	/* a cycle of the deferred steps only */
};

struct scheduler_action {
	enum scheduler_start start;
	/* Of a cycle: "start", "source", "interval", "catch-up", "signal", "webhook", "reload",
	 * "deferred"; else NULL. */
	const char *trigger;
	bool source_failed;	/* of a cycle: the fetch before it failed, so it must neither create nor delete */
	bool scan;		/* directory: look for changes that inotify did not report */
	bool hurry;		/* make the running cycle end its waits: there is a newer revision */
	bool stop;		/* make the running jobs end after the step in flight */
	bool over;		/* stopped, and no job runs */
	int64_t wake;		/* call again by then with SCHEDULER_TICK; -1: only on an event */
};

/* Why a cycle is requested; of several reasons the highest one is reported. */
enum scheduler_trigger {
	TRIGGER_NONE, TRIGGER_INTERVAL, TRIGGER_CATCH_UP, TRIGGER_RELOAD, TRIGGER_SOURCE,
	TRIGGER_WEBHOOK, TRIGGER_SIGNAL, TRIGGER_START,
};

/* Kept by the caller, which does not change it; it owns no memory.  Times that are not set are -1. */
struct sync_scheduler {
	struct scheduler_settings settings;
	uint64_t random;
	int64_t now, shift;		/* our clock never goes back: it is the caller's plus shift */

	/* The trigger of a requested cycle moves from one to the next; for a directory it is ready at once. */
	enum scheduler_trigger asked;	/* waits for a fetch that has not started */
	enum scheduler_trigger fetched_for;	/* waits for the running fetch */
	enum scheduler_trigger ready;	/* may start */

	bool fetching;
	bool stale;			/* the running fetch is for earlier settings */
	bool source_failed;		/* the last fetch for a cycle failed, and none has succeeded since */
	bool cycling, whole, hurried;	/* a cycle runs; not for deferred steps only; it was made to hurry */
	bool stopping;
	char tree[41];			/* of the last cycle; "": there was none, or its source failed */
	char fetched[41];		/* tree of the last successful fetch */
	unsigned fetches_failed, cycles_failed;	/* in a row */

	int64_t cycle_due, poll_due, scan_due, deferred_due;
	int64_t quiet_due, quiet_most;	/* after a change: when there was no other for a while, and the latest time */
};

/* Sets *s up; the first sync_scheduler_step() starts the first job. */
void sync_scheduler_init(struct sync_scheduler *s, const struct scheduler_settings *settings, uint64_t seed, int64_t now);

/* Handles an event and returns what is to be done.  An action starts one job at most: if there is more
 * to do, wake is now. */
struct scheduler_action sync_scheduler_step(struct sync_scheduler *s, const struct scheduler_event *event, int64_t now);

#endif
