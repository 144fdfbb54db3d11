#include "reconcile/sched/sync_scheduler.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "reconcile/base/jitter.h"

static const int64_t NEVER = -1;
static const int64_t QUIET_MS = 200, QUIET_MOST_MS = 10 * 1000;
static const int64_t SCAN_MS = 60 * 1000;
static const int64_t DEFERRED_MS = 30 * 1000;
static const int64_t BACKOFF_FIRST_MS = 10 * 1000, BACKOFF_MOST_MS = 15 * 60 * 1000;

static const char *const trigger_names[] = {
	[TRIGGER_INTERVAL] = "interval", [TRIGGER_CATCH_UP] = "catch-up", [TRIGGER_RELOAD] = "reload",
	[TRIGGER_SOURCE] = "source", [TRIGGER_WEBHOOK] = "webhook", [TRIGGER_SIGNAL] = "signal",
	[TRIGGER_START] = "start",
};

static bool polls_for_revisions(const struct sync_scheduler *s)
{
	return s->settings.poll_ms > 0;
}

/* ---- time ---- */

/* If the caller's clock is set back, the time until each deadline stays the same. */
static void set_scheduler_clock(struct sync_scheduler *s, int64_t now)
{
	if (now + s->shift < s->now)
		s->shift = s->now - now;
	s->now = now + s->shift;
}

/* ms from now and up to a tenth more, so that many agents do not poll at the same time. */
static int64_t time_with_jitter(struct sync_scheduler *s, int64_t ms)
{
	return s->now + ms + jitter(&s->random, ms / 10);
}

static int64_t backoff_time(struct sync_scheduler *s, unsigned failures)
{
	int64_t wait = BACKOFF_FIRST_MS;

	for (unsigned i = 1; i < failures && wait < BACKOFF_MOST_MS; i++)
		wait *= 2;
	wait += jitter(&s->random, wait / 10);
	return s->now + (wait < BACKOFF_MOST_MS ? wait : BACKOFF_MOST_MS);
}

static bool time_passed(const struct sync_scheduler *s, int64_t due)
{
	return due != NEVER && due <= s->now;
}

static int64_t earlier_time(int64_t a, int64_t b)
{
	return a == NEVER || (b != NEVER && b < a) ? b : a;
}

/* ---- requests for cycles ---- */

static void raise_trigger(enum scheduler_trigger *present, enum scheduler_trigger trigger)
{
	if (*present < trigger)
		*present = trigger;
}

static void move_trigger(enum scheduler_trigger *from, enum scheduler_trigger *to)
{
	raise_trigger(to, *from);
	*from = TRIGGER_NONE;
}

/* True while the repository is not fetched after a failure.  A cycle then uses the last known revision, so that drift is
 * still repaired. */
static bool backs_off(const struct sync_scheduler *s)
{
	return s->fetches_failed && !time_passed(s, s->poll_due);
}

/* A running fetch may have begun before the event that requests the cycle, so another fetch is needed; for the
 * interval it is enough. */
static void request_cycle(struct sync_scheduler *s, enum scheduler_trigger trigger)
{
	bool by_time = trigger <= TRIGGER_CATCH_UP, without = by_time && backs_off(s);

	s->source_failed |= without;
	if (!polls_for_revisions(s) || without)
		raise_trigger(&s->ready, trigger);
	else if (by_time && s->fetching)
		raise_trigger(&s->fetched_for, trigger);
	else
		raise_trigger(&s->asked, trigger);
}

/* Requests a cycle after an event that may mean that the service or the source works again: the backoff starts again. */
static void request_cycle_now(struct sync_scheduler *s, enum scheduler_trigger trigger)
{
	s->cycles_failed = 0;
	request_cycle(s, trigger);
}

static bool source_is_changing(const struct sync_scheduler *s)
{
	return s->quiet_due != NEVER;
}

static int64_t quiet_time(const struct sync_scheduler *s)
{
	return earlier_time(s->quiet_due, s->quiet_most);
}

/* The source has changed since the running cycle started, which should end its waits. */
static void note_new_source(struct sync_scheduler *s, struct scheduler_action *action)
{
	s->cycles_failed = 0;
	raise_trigger(&s->ready, TRIGGER_SOURCE);
	action->hurry = s->cycling && !s->hurried;
	s->hurried |= s->cycling;
}

/* ---- events ---- */

static void handle_change(struct sync_scheduler *s)
{
	if (polls_for_revisions(s))
		return;
	if (!source_is_changing(s))
		s->quiet_most = s->now + QUIET_MOST_MS;
	s->quiet_due = s->now + QUIET_MS;
}

static void handle_fetched(struct sync_scheduler *s, const struct scheduler_event *e, struct scheduler_action *action)
{
	assert(s->fetching);
	s->fetching = false;
	if (s->stale) {
		s->stale = false;	/* requests wait for the next fetch */
		return;
	}
	if (!e->ok) {
		s->source_failed |= s->fetched_for != TRIGGER_NONE;
		move_trigger(&s->fetched_for, &s->ready);
		s->poll_due = backoff_time(s, ++s->fetches_failed);
		return;
	}
	s->fetches_failed = 0;
	s->source_failed = false;
	s->poll_due = time_with_jitter(s, s->settings.poll_ms);
	snprintf(s->fetched, sizeof s->fetched, "%s", e->tree);
	move_trigger(&s->fetched_for, &s->ready);
	if (strcmp(s->fetched, s->tree) != 0)
		note_new_source(s, action);
}

static void handle_cycle_end(struct sync_scheduler *s, const struct scheduler_event *e)
{
	assert(s->cycling);
	s->cycling = false;
	s->deferred_due = NEVER;
	if (e->outcome == SCHEDULER_FAILED) {
		/* The next whole cycle also tries the deferred steps. */
		s->cycle_due = backoff_time(s, ++s->cycles_failed);
		return;
	}
	s->cycles_failed = 0;
	if (s->whole)
		s->cycle_due = time_with_jitter(s, s->settings.interval_ms);
	if (e->deferred)
		s->deferred_due = s->now + DEFERRED_MS;
}

/* Requests that wait are now for the new source. */
static void handle_configured(struct sync_scheduler *s, const struct scheduler_settings *settings)
{
	assert(settings->interval_ms > 0 && settings->poll_ms >= 0);
	s->settings = *settings;
	s->stopping = false;
	s->stale = s->fetching;
	s->source_failed = false;
	s->fetches_failed = 0;
	s->poll_due = NEVER;
	if (polls_for_revisions(s)) {
		s->quiet_due = s->quiet_most = s->scan_due = NEVER;
		move_trigger(&s->fetched_for, &s->asked);
		move_trigger(&s->ready, &s->asked);
		return;
	}
	s->scan_due = s->now + SCAN_MS;
	move_trigger(&s->asked, &s->ready);
	move_trigger(&s->fetched_for, &s->ready);
}

static void handle_scheduler_event(struct sync_scheduler *s, const struct scheduler_event *e,
                                   struct scheduler_action *action)
{
	switch (e->kind) {
	case SCHEDULER_TICK:
		break;
	case SCHEDULER_SOURCE_CHANGED:
		handle_change(s);
		break;
	case SCHEDULER_HINT:
		request_cycle_now(s, TRIGGER_WEBHOOK);
		break;
	case SCHEDULER_REQUESTED:
		request_cycle_now(s, TRIGGER_SIGNAL);
		break;
	case SCHEDULER_FETCHED:
		handle_fetched(s, e, action);
		break;
	case SCHEDULER_CYCLE_ENDED:
		handle_cycle_end(s, e);
		break;
	case SCHEDULER_CONFIGURED:
		handle_configured(s, e->settings);
		request_cycle_now(s, TRIGGER_RELOAD);
		break;
	case SCHEDULER_STOP:
		s->stopping = true;
		action->stop = s->fetching || s->cycling;
		break;
	}
}

/* Handles the times that have passed. */
static void handle_due_times(struct sync_scheduler *s, struct scheduler_action *action)
{
	if (time_passed(s, quiet_time(s))) {
		s->quiet_due = s->quiet_most = NEVER;
		note_new_source(s, action);
	}
	if (time_passed(s, s->cycle_due)) {
		bool slept = s->now - s->cycle_due > s->settings.interval_ms;
		s->cycle_due = NEVER;
		request_cycle(s, slept ? TRIGGER_CATCH_UP : TRIGGER_INTERVAL);
	}
	if (time_passed(s, s->scan_due)) {
		s->scan_due = s->now + SCAN_MS;
		action->scan = true;
	}
}

/* ---- the next job ---- */

/* A cycle waits for a fetch that runs for a cycle, and for a source that still changes: one cycle is enough for both. */
static bool may_start_cycle(const struct sync_scheduler *s)
{
	return s->ready && !s->cycling && !source_is_changing(s) && !(s->fetching && s->fetched_for);
}

static bool may_start_fetch(const struct sync_scheduler *s)
{
	return !s->fetching && (s->asked || time_passed(s, s->poll_due));
}

/* A requested whole cycle also tries the deferred steps. */
static bool whole_cycle_is_coming(const struct sync_scheduler *s)
{
	return s->ready || s->asked || s->fetched_for || source_is_changing(s);
}

static bool may_start_deferred(const struct sync_scheduler *s)
{
	return time_passed(s, s->deferred_due) && !s->cycling && !whole_cycle_is_coming(s);
}

static void choose_cycle(struct sync_scheduler *s, struct scheduler_action *action)
{
	action->start = SCHEDULER_START_CYCLE;
	action->trigger = trigger_names[s->ready];
	action->source_failed = s->source_failed;
	s->ready = TRIGGER_NONE;
	s->cycling = s->whole = true;
	s->hurried = false;
	s->cycle_due = NEVER;
	/* After a failed fetch the tree is not set, so that the next successful fetch starts a cycle for the creates and
	 * deletes that were held back, even if the tree is the same. */
	snprintf(s->tree, sizeof s->tree, "%s", s->source_failed ? "" : s->fetched);
}

static void choose_deferred(struct sync_scheduler *s, struct scheduler_action *action)
{
	action->start = SCHEDULER_START_DEFERRED;
	action->trigger = "deferred";
	action->source_failed = s->source_failed;
	s->cycling = true;
	s->whole = s->hurried = false;
}

static void choose_fetch(struct sync_scheduler *s, struct scheduler_action *action)
{
	action->start = SCHEDULER_START_FETCH;
	s->fetching = true;
	s->poll_due = NEVER;
	move_trigger(&s->asked, &s->fetched_for);
}

static void choose_next_job(struct sync_scheduler *s, struct scheduler_action *action)
{
	if (may_start_cycle(s))
		choose_cycle(s, action);
	else if (may_start_fetch(s))
		choose_fetch(s, action);
	else if (may_start_deferred(s))
		choose_deferred(s, action);
}

static int64_t next_scheduler_wake(const struct sync_scheduler *s)
{
	int64_t wake = earlier_time(earlier_time(quiet_time(s), s->cycle_due), s->scan_due);

	if (may_start_cycle(s) || may_start_fetch(s) || may_start_deferred(s))
		return s->now;
	if (!s->fetching)
		wake = earlier_time(wake, s->poll_due);
	/* Otherwise the deferred steps wait for the cycle that comes first. */
	return !s->cycling && !whole_cycle_is_coming(s) ? earlier_time(wake, s->deferred_due) : wake;
}

void sync_scheduler_init(struct sync_scheduler *s, const struct scheduler_settings *settings, uint64_t seed, int64_t now)
{
	*s = (struct sync_scheduler){
		.random = seed, .now = now, .cycle_due = NEVER, .deferred_due = NEVER,
		.quiet_due = NEVER, .quiet_most = NEVER,
	};
	handle_configured(s, settings);
	request_cycle(s, TRIGGER_START);
}

struct scheduler_action sync_scheduler_step(struct sync_scheduler *s, const struct scheduler_event *event, int64_t now)
{
	struct scheduler_action action = { .wake = NEVER };

	set_scheduler_clock(s, now);
	handle_scheduler_event(s, event, &action);
	if (s->stopping) {
		action.over = !s->fetching && !s->cycling;
		action.hurry = false;	/* a stop ends all waits too */
		return action;
	}
	handle_due_times(s, &action);
	choose_next_job(s, &action);
	action.wake = next_scheduler_wake(s);
	if (action.wake != NEVER)
		action.wake -= s->shift;
	return action;
}
