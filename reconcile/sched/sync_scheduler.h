/* sync_scheduler.h: what the agent does next for one sync (design section 8).
 *
 * The loop tells each event as it comes and does what the answer says; it starts a job (a fetch, a
 * cycle) only when told to and says when the job has ended.  At most one fetch and one cycle run
 * at a time.  Pure: times are milliseconds of a clock that counts sleep too and is an argument,
 * jitter comes from a seed. */
#ifndef RECONCILE_SCHED_SYNC_SCHEDULER_H
#define RECONCILE_SCHED_SYNC_SCHEDULER_H

#include <stdbool.h>
#include <stdint.h>

struct scheduler_settings {
	int64_t interval_ms;	/* from the end of a cycle to the next; positive */
	int64_t poll_ms;	/* git: how often a new revision is asked for; 0: a directory */
};

enum scheduler_event_kind {
	SCHEDULER_TICK,		/* only time went by */
	SCHEDULER_SOURCE_CHANGED,	/* directory: inotify or scan saw something */
	SCHEDULER_HINT,		/* a push webhook: fetch and cycle now */
	SCHEDULER_REQUESTED,		/* SIGUSR1: fetch and cycle now */
	SCHEDULER_FETCHED,		/* the fetch ended: ok, tree */
	SCHEDULER_CYCLE_ENDED,	/* the cycle, whole or of deferred steps, ended: outcome, deferred */
	SCHEDULER_CONFIGURED,	/* the settings are others: settings; takes a SCHEDULER_STOP back */
	SCHEDULER_STOP,		/* SIGTERM: finish what is under way, start nothing */
};

enum scheduler_outcome {
	SCHEDULER_GOOD,
	SCHEDULER_BAD,	/* blocked, conflict, invalid, partly: it waits for somebody */
	SCHEDULER_FAILED,	/* service or source not reached: back off */
};

struct scheduler_event {
	enum scheduler_event_kind kind;
	bool ok;				/* FETCHED */
	const char *tree;			/* FETCHED and ok: 40 hex digits; copied */
	enum scheduler_outcome outcome;		/* CYCLE_ENDED */
	bool deferred;				/* CYCLE_ENDED: some steps wait for a run to end */
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
	bool source_failed;	/* of a cycle: the fetch before it failed: neither creates nor deletes */
	bool scan;		/* directory: look for changes that inotify did not tell of */
	bool hurry;		/* tell the cycle that runs to wait no more: a newer revision is there */
	bool stop;		/* tell what runs to end after the step in flight */
	bool over;		/* stopped, and nothing runs */
	int64_t wake;		/* call again by then with SCHEDULER_TICK; -1: only on an event */
};

/* Why a cycle is wanted; of several the greatest is named. */
enum scheduler_trigger {
	TRIGGER_NONE, TRIGGER_INTERVAL, TRIGGER_CATCH_UP, TRIGGER_RELOAD, TRIGGER_SOURCE,
	TRIGGER_WEBHOOK, TRIGGER_SIGNAL, TRIGGER_START,
};

/* Owned by its caller, who only keeps it; owns nothing. Times that are not set are -1. */
struct sync_scheduler {
	struct scheduler_settings settings;
	uint64_t random;
	int64_t now, shift;		/* our clock never goes back: it is the caller's plus shift */

	/* A wanted cycle goes from one to the next; for a directory it is ready at once. */
	enum scheduler_trigger asked;	/* wants a fetch that has not begun */
	enum scheduler_trigger fetched_for;	/* waits for the fetch that runs */
	enum scheduler_trigger ready;	/* may begin */

	bool fetching;
	bool stale;			/* the fetch that runs is of settings that are gone */
	bool source_failed;		/* the last fetch for a cycle failed, and none was well since */
	bool cycling, whole, hurried;	/* a cycle runs, not only deferred steps, was told to hurry */
	bool stopping;
	char tree[41];			/* of the last cycle; "": of none, or its source was not known */
	char fetched[41];		/* of the last good fetch */
	unsigned fetches_failed, cycles_failed;	/* in a row */

	int64_t cycle_due, poll_due, scan_due, deferred_due;
	int64_t settle_due, settle_most;	/* a change settles: till no other came, and at the latest */
};

/* The first sync_scheduler_step() starts the first job. */
void sync_scheduler_init(struct sync_scheduler *s, const struct scheduler_settings *settings, uint64_t seed, int64_t now);

/* Takes an event and says what is to be done. An action starts one job at most: if there is more
 * to do, wake is now. */
struct scheduler_action sync_scheduler_step(struct sync_scheduler *s, const struct scheduler_event *event, int64_t now);

#endif
