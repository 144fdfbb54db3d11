#include "tests/test.h"
#include "reconcile/sched/sync_scheduler.h"

#include <stdio.h>
#include <string.h>

#include "reconcile/base/buf.h"
#include "reconcile/base/jitter.h"

#define TREE_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define TREE_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

enum { SECOND = 1000, MINUTE = 60 * SECOND, HOUR = 60 * MINUTE, BEGIN = 5 * HOUR };

static const int64_t DAY = (int64_t)24 * HOUR;

static const struct scheduler_settings git = { 2 * MINUTE, 30 * SECOND };
static const struct scheduler_settings dir = { 2 * MINUTE, 0 };

/* A schedule and what it said, in words. */
struct curl_exchange {
	struct sync_scheduler s;
	int64_t now, wake;
	struct buf said;
};

static void talk_done(struct curl_exchange *t)
{
	buf_done(&t->said);
}

static void talk_init(struct curl_exchange *t, const struct scheduler_settings *settings)
{
	*t = (struct curl_exchange){ .now = BEGIN, .said = BUF_TEXT };
	sync_scheduler_init(&t->s, settings, 7, t->now);
}

static void word(struct buf *out, bool holds, const char *text)
{
	if (!holds)
		return;
	if (out->len > 0)
		buf_addc(out, ' ');
	buf_adds(out, text);
}

static void describe(const struct scheduler_action *a, struct buf *out)
{
	word(out, a->hurry, "hurry");
	word(out, a->stop, "stop");
	word(out, a->over, "over");
	word(out, a->scan, "scan");
	word(out, a->start == SCHEDULER_START_FETCH, "fetch");
	word(out, a->start == SCHEDULER_START_CYCLE, "cycle");
	word(out, a->start == SCHEDULER_START_DEFERRED, "only");
	word(out, a->trigger, a->trigger);
	word(out, a->source_failed, "unread");
}

/* What is said to the event, and to all ticks that are asked for at once. */
static const char *tell(struct curl_exchange *t, struct scheduler_event event)
{
	buf_reset(&t->said);
	for (unsigned calls = 0; ; calls++) {
		struct scheduler_action a = sync_scheduler_step(&t->s, &event, t->now);
		size_t before;
		assert_true(calls < 5);
		word(&t->said, calls, "then");
		before = t->said.len;
		describe(&a, &t->said);
		if (calls)	/* it was not asked for in vain */
			assert_true(t->said.len > before);
		t->wake = a.wake;
		if (a.wake < 0 || a.wake > t->now)
			return buf_str(&t->said);
		event = (struct scheduler_event){ .kind = SCHEDULER_TICK };
	}
}

static const char *kind(struct curl_exchange *t, enum scheduler_event_kind k)
{
	return tell(t, (struct scheduler_event){ .kind = k });
}

static const char *fetched(struct curl_exchange *t, const char *tree)
{
	return tell(t, (struct scheduler_event){ .kind = SCHEDULER_FETCHED, .ok = tree, .tree = tree });
}

static const char *ended(struct curl_exchange *t, enum scheduler_outcome outcome)
{
	return tell(t, (struct scheduler_event){ .kind = SCHEDULER_CYCLE_ENDED, .outcome = outcome });
}

static const char *ended_deferred(struct curl_exchange *t)
{
	return tell(t, (struct scheduler_event){ .kind = SCHEDULER_CYCLE_ENDED, .outcome = SCHEDULER_BAD,
	                                     .deferred = true });
}

static const char *configured(struct curl_exchange *t, const struct scheduler_settings *settings)
{
	return tell(t, (struct scheduler_event){ .kind = SCHEDULER_CONFIGURED, .settings = settings });
}

/* Goes to the time that was asked for. */
static const char *tick(struct curl_exchange *t)
{
	assert_true(t->wake >= t->now);
	t->now = t->wake;
	return kind(t, SCHEDULER_TICK);
}

/* As tick(), until something other than a scan is said. */
static const char *until_said(struct curl_exchange *t)
{
	const char *said;

	do
		said = tick(t);
	while (*said == '\0' || strcmp(said, "scan") == 0);
	return said;
}

/* Past the first cycle. */
static void curl_common_begin(struct curl_exchange *t, const struct scheduler_settings *settings)
{
	talk_init(t, settings);
	kind(t, SCHEDULER_TICK);
	if (settings->poll_ms)
		fetched(t, TREE_A);
	ended(t, SCHEDULER_GOOD);
}

/* ---- beginning ---- */

static void a_git_source_is_fetched_before_the_first_cycle(void **state)
{
	CLEANUP(talk_done) struct curl_exchange t;

	talk_init(&t, &git);
	assert_string_equal(kind(&t, SCHEDULER_TICK), "fetch");
	assert_int_equal(t.wake, -1);
	assert_string_equal(fetched(&t, TREE_A), "cycle start");
}

static void after_a_first_fetch_that_fails_the_next_good_one_begins_another_cycle(void **state)
{
	CLEANUP(talk_done) struct curl_exchange t;

	talk_init(&t, &git);
	kind(&t, SCHEDULER_TICK);
	assert_string_equal(fetched(&t, NULL), "cycle start unread");
	assert_string_equal(ended(&t, SCHEDULER_BAD), "");
	assert_string_equal(until_said(&t), "fetch");
	assert_string_equal(fetched(&t, TREE_A), "cycle source");
}

static void a_directory_begins_with_a_cycle_at_once(void **state)
{
	CLEANUP(talk_done) struct curl_exchange t;

	talk_init(&t, &dir);
	assert_string_equal(kind(&t, SCHEDULER_TICK), "cycle start");
	assert_int_equal(t.wake, BEGIN + MINUTE);
	assert_string_equal(tick(&t), "scan");
	assert_int_equal(t.wake, BEGIN + 2 * MINUTE);
}

/* ---- the interval ---- */

static void the_interval_counts_from_the_end_of_a_cycle_with_up_to_a_tenth_more(void **state)
{
	bool early = false, late = false;

	for (uint64_t seed = 0; seed < 50; seed++) {
		CLEANUP(talk_done) struct curl_exchange t = { .now = BEGIN, .said = BUF_TEXT };

		sync_scheduler_init(&t.s, &dir, seed, t.now);
		kind(&t, SCHEDULER_TICK);
		t.now += 7 * MINUTE;
		ended(&t, SCHEDULER_BAD);
		int64_t end = t.now;
		assert_string_equal(until_said(&t), "cycle interval");
		assert_in_range(t.now - end, 2 * MINUTE, 2 * MINUTE + 12 * SECOND);
		early |= t.now - end < 2 * MINUTE + 6 * SECOND;
		late |= t.now - end > 2 * MINUTE + 6 * SECOND;
	}
	assert_true(early && late);
}

static void a_git_source_is_fetched_before_the_cycle_of_an_interval(void **state)
{
	static const struct scheduler_settings rare_polls = { 2 * MINUTE, HOUR };
	static const struct { const char *tree, *cycle; } cases[] = {
		{ TREE_A, "cycle interval" },
		{ TREE_B, "cycle source" },
		{ NULL, "cycle interval unread" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(talk_done) struct curl_exchange t;

		curl_common_begin(&t, &rare_polls);
		assert_string_equal(until_said(&t), "fetch");
		assert_in_range(t.now, BEGIN + 2 * MINUTE, BEGIN + 3 * MINUTE);
		assert_string_equal(fetched(&t, cases[i].tree), cases[i].cycle);
	}
}

static void an_interval_that_comes_while_a_poll_is_under_way_needs_no_fetch_of_its_own(void **state)
{
	CLEANUP(talk_done) struct curl_exchange t;

	curl_common_begin(&t, &git);
	assert_string_equal(until_said(&t), "fetch");
	t.now = BEGIN + 3 * MINUTE;
	assert_string_equal(kind(&t, SCHEDULER_TICK), "");
	assert_string_equal(fetched(&t, TREE_A), "cycle interval");
}

static void many_missed_intervals_make_one_cycle(void **state)
{
	CLEANUP(talk_done) struct curl_exchange t;

	curl_common_begin(&t, &dir);
	t.now += 10 * DAY;
	assert_string_equal(kind(&t, SCHEDULER_TICK), "scan cycle catch-up");
	ended(&t, SCHEDULER_GOOD);
	assert_string_equal(until_said(&t), "cycle interval");
}

/* ---- polls ---- */

static void a_poll_begins_a_cycle_only_for_another_tree(void **state)
{
	CLEANUP(talk_done) struct curl_exchange t;

	curl_common_begin(&t, &git);
	assert_string_equal(tick(&t), "fetch");
	assert_in_range(t.now, BEGIN + 30 * SECOND, BEGIN + 33 * SECOND);
	assert_string_equal(fetched(&t, TREE_A), "");
	assert_string_equal(tick(&t), "fetch");
	assert_string_equal(fetched(&t, TREE_B), "cycle source");
	ended(&t, SCHEDULER_GOOD);
	assert_string_equal(tick(&t), "fetch");
	assert_string_equal(fetched(&t, TREE_B), "");
}

static void failing_polls_begin_nothing_and_back_off_to_fifteen_minutes(void **state)
{
	static const int64_t least[] = { 10, 20, 40, 80, 160, 320, 640, 900, 900, 900 };
	static const struct scheduler_settings no_interval = { 24 * HOUR, 30 * SECOND };
	CLEANUP(talk_done) struct curl_exchange t;

	curl_common_begin(&t, &no_interval);
	tick(&t);
	for (size_t i = 0; i < ARRAY_LEN(least); i++) {
		int64_t most = least[i] * 1100;
		assert_string_equal(fetched(&t, NULL), "");
		assert_in_range(t.wake - t.now, least[i] * SECOND, most < 900000 ? most : 900000);
		assert_string_equal(tick(&t), "fetch");
	}
	assert_string_equal(fetched(&t, TREE_A), "");
	assert_in_range(t.wake - t.now, 30 * SECOND, 33 * SECOND);
	tick(&t);
	fetched(&t, NULL);
	assert_in_range(t.wake - t.now, 10 * SECOND, 11 * SECOND);
}

static void an_interval_asks_no_repository_that_is_left_in_peace(void **state)
{
	CLEANUP(talk_done) struct curl_exchange t;

	curl_common_begin(&t, &git);
	for (int64_t end = t.now + DAY; t.now < end; ) {
		const char *said = until_said(&t);
		if (strcmp(said, "cycle interval unread") == 0) {
			ended(&t, SCHEDULER_BAD);
			continue;
		}
		assert_string_equal(said, "fetch");
		fetched(&t, NULL);
	}
	/* As often as if there were no interval. */
	assert_in_range(t.s.fetches_failed, 24 * 4, 24 * 4 + 8);
	assert_string_equal(kind(&t, SCHEDULER_HINT), "fetch");
	assert_string_equal(fetched(&t, TREE_A), "cycle webhook");
}

static void a_repository_that_hangs_again_holds_up_no_interval(void **state)
{
	CLEANUP(talk_done) struct curl_exchange t;

	curl_common_begin(&t, &git);
	until_said(&t);
	fetched(&t, NULL);
	assert_string_equal(until_said(&t), "fetch");
	assert_string_equal(until_said(&t), "cycle interval unread");
	ended(&t, SCHEDULER_BAD);
	assert_string_equal(fetched(&t, TREE_A), "cycle source");
}

static void what_a_cycle_held_back_is_done_once_the_source_can_be_read_again(void **state)
{
	CLEANUP(talk_done) struct curl_exchange t;

	curl_common_begin(&t, &git);
	assert_string_equal(kind(&t, SCHEDULER_REQUESTED), "fetch");
	assert_string_equal(fetched(&t, NULL), "cycle signal unread");
	ended(&t, SCHEDULER_GOOD);
	assert_string_equal(tick(&t), "fetch");
	assert_string_equal(fetched(&t, TREE_A), "cycle source");
}

/* ---- a directory that changes ---- */

static void a_change_settles_before_its_cycle_begins(void **state)
{
	CLEANUP(talk_done) struct curl_exchange t;

	curl_common_begin(&t, &dir);
	assert_string_equal(kind(&t, SCHEDULER_SOURCE_CHANGED), "");
	assert_int_equal(t.wake, t.now + 200);
	t.now += 150;
	assert_string_equal(kind(&t, SCHEDULER_SOURCE_CHANGED), "");
	assert_int_equal(t.wake, t.now + 200);
	t.now += 199;
	assert_string_equal(kind(&t, SCHEDULER_TICK), "");
	t.now += 1;
	assert_string_equal(kind(&t, SCHEDULER_TICK), "cycle source");
}

static void changes_without_end_are_waited_for_ten_seconds(void **state)
{
	CLEANUP(talk_done) struct curl_exchange t;
	const char *said = "";

	curl_common_begin(&t, &dir);
	for (; t.now < BEGIN + 20 * SECOND && !*said; t.now += 100)
		said = kind(&t, SCHEDULER_SOURCE_CHANGED);
	assert_string_equal(said, "cycle source");
	assert_int_equal(t.now - 100, BEGIN + 10 * SECOND);
}

static void whatever_comes_while_a_change_settles_waits_for_it(void **state)
{
	static const struct { enum scheduler_event_kind kind; const char *cycle; } cases[] = {
		{ SCHEDULER_TICK, "cycle source" },	/* the interval */
		{ SCHEDULER_HINT, "cycle webhook" },
		{ SCHEDULER_REQUESTED, "cycle signal" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(talk_done) struct curl_exchange t;

		curl_common_begin(&t, &dir);
		t.now = t.s.cycle_due - 100;
		kind(&t, SCHEDULER_SOURCE_CHANGED);
		t.now += 150;
		assert_string_equal(kind(&t, cases[i].kind), "");
		t.now += 50;
		assert_string_equal(kind(&t, SCHEDULER_TICK), cases[i].cycle);
		ended(&t, SCHEDULER_GOOD);
		assert_string_equal(until_said(&t), "cycle interval");
	}
}

static void a_change_is_nothing_to_a_git_source(void **state)
{
	CLEANUP(talk_done) struct curl_exchange t;

	curl_common_begin(&t, &git);
	int64_t wake = t.wake;
	assert_string_equal(kind(&t, SCHEDULER_SOURCE_CHANGED), "");
	assert_int_equal(t.wake, wake);
}

/* ---- while a cycle runs ---- */

static void whatever_comes_while_a_cycle_runs_makes_one_more_by_the_strongest_name(void **state)
{
	static const struct { enum scheduler_event_kind kinds[3]; const char *cycle; } cases[] = {
		{ { SCHEDULER_HINT, SCHEDULER_REQUESTED, SCHEDULER_CONFIGURED }, "cycle signal" },
		{ { SCHEDULER_CONFIGURED, SCHEDULER_HINT, SCHEDULER_HINT }, "cycle webhook" },
		{ { SCHEDULER_CONFIGURED, SCHEDULER_CONFIGURED, SCHEDULER_TICK }, "cycle reload" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(talk_done) struct curl_exchange t;

		curl_common_begin(&t, &dir);
		assert_string_equal(kind(&t, SCHEDULER_REQUESTED), "cycle signal");
		for (size_t j = 0; j < 3; j++) {
			t.now += SECOND;
			assert_string_equal(tell(&t, (struct scheduler_event){
				.kind = cases[i].kinds[j], .settings = &dir }), "");
		}
		assert_string_equal(ended(&t, SCHEDULER_GOOD), cases[i].cycle);
		assert_string_equal(ended(&t, SCHEDULER_GOOD), "");
	}
}

static void a_newer_revision_hurries_the_cycle_that_runs_once(void **state)
{
	CLEANUP(talk_done) struct curl_exchange t;

	curl_common_begin(&t, &git);
	kind(&t, SCHEDULER_REQUESTED);
	assert_string_equal(fetched(&t, TREE_A), "cycle signal");
	assert_string_equal(tick(&t), "fetch");
	assert_string_equal(fetched(&t, TREE_A), "");
	assert_string_equal(tick(&t), "fetch");
	assert_string_equal(fetched(&t, TREE_B), "hurry");
	assert_string_equal(tick(&t), "fetch");
	assert_string_equal(fetched(&t, TREE_B), "");
	assert_string_equal(ended(&t, SCHEDULER_BAD), "cycle source");
	assert_string_equal(ended(&t, SCHEDULER_GOOD), "");
}

static void a_settled_change_hurries_the_cycle_that_runs_once(void **state)
{
	CLEANUP(talk_done) struct curl_exchange t;

	curl_common_begin(&t, &dir);
	kind(&t, SCHEDULER_REQUESTED);
	kind(&t, SCHEDULER_SOURCE_CHANGED);
	assert_string_equal(tick(&t), "hurry");
	kind(&t, SCHEDULER_SOURCE_CHANGED);
	assert_string_equal(tick(&t), "");
	assert_string_equal(ended(&t, SCHEDULER_GOOD), "cycle source");
	kind(&t, SCHEDULER_SOURCE_CHANGED);
	assert_string_equal(tick(&t), "hurry");
}

static void a_fetch_that_runs_may_be_too_old_for_a_signal(void **state)
{
	CLEANUP(talk_done) struct curl_exchange t;

	curl_common_begin(&t, &git);
	assert_string_equal(tick(&t), "fetch");
	assert_string_equal(kind(&t, SCHEDULER_REQUESTED), "");
	assert_string_equal(fetched(&t, TREE_A), "fetch");
	assert_string_equal(fetched(&t, TREE_B), "cycle signal");
}

static void hooks_that_come_faster_than_fetches_end_hold_up_no_cycle(void **state)
{
	CLEANUP(talk_done) struct curl_exchange t;

	curl_common_begin(&t, &git);
	assert_string_equal(kind(&t, SCHEDULER_HINT), "fetch");
	assert_string_equal(kind(&t, SCHEDULER_HINT), "");
	assert_string_equal(fetched(&t, TREE_B), "cycle webhook then fetch");
	assert_string_equal(kind(&t, SCHEDULER_HINT), "");
	assert_string_equal(fetched(&t, TREE_B), "fetch");
	/* One more, of what both fetches found. */
	assert_string_equal(ended(&t, SCHEDULER_GOOD), "");
	assert_string_equal(fetched(&t, TREE_B), "cycle webhook");
	assert_string_equal(ended(&t, SCHEDULER_GOOD), "");
}

/* ---- cycles that fail, or that are not done ---- */

static void failing_cycles_back_off_to_fifteen_minutes(void **state)
{
	static const int64_t least[] = { 10, 20, 40, 80, 160, 320, 640, 900, 900, 900 };
	CLEANUP(talk_done) struct curl_exchange t;

	curl_common_begin(&t, &dir);
	kind(&t, SCHEDULER_REQUESTED);
	for (size_t i = 0; i < ARRAY_LEN(least); i++) {
		int64_t end = t.now, most = least[i] * 1100;
		assert_string_equal(ended(&t, SCHEDULER_FAILED), "");
		assert_string_equal(until_said(&t), "cycle interval");
		assert_in_range(t.now - end, least[i] * SECOND, most < 900000 ? most : 900000);
	}
	ended(&t, SCHEDULER_GOOD);
	int64_t end = t.now;
	until_said(&t);
	assert_in_range(t.now - end, 2 * MINUTE, 2 * MINUTE + 12 * SECOND);
}

static void hope_begins_a_cycle_at_once_and_the_backoff_afresh(void **state)
{
	static const enum scheduler_event_kind kinds[] = {
		SCHEDULER_HINT, SCHEDULER_REQUESTED, SCHEDULER_CONFIGURED, SCHEDULER_SOURCE_CHANGED,
	};

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		CLEANUP(talk_done) struct curl_exchange t;

		curl_common_begin(&t, &dir);
		kind(&t, SCHEDULER_REQUESTED);
		for (unsigned fails = 0; fails < 8; fails++) {
			ended(&t, SCHEDULER_FAILED);
			until_said(&t);
		}
		ended(&t, SCHEDULER_FAILED);
		int64_t before = t.now;
		const char *said = tell(&t, (struct scheduler_event){ .kind = kinds[i], .settings = &dir });
		if (kinds[i] == SCHEDULER_SOURCE_CHANGED) {
			assert_string_equal(said, "");
			said = tick(&t);
		}
		assert_true(strncmp(said, "cycle ", 6) == 0);
		assert_in_range(t.now - before, 0, 200);
		ended(&t, SCHEDULER_FAILED);
		before = t.now;
		until_said(&t);
		assert_in_range(t.now - before, 10 * SECOND, 11 * SECOND);
	}
}

/* A sync that one reload took out and the next brought back, while its cycle ran. */
static void settings_take_a_stop_back(void **state)
{
	CLEANUP(talk_done) struct curl_exchange t;

	curl_common_begin(&t, &dir);
	kind(&t, SCHEDULER_REQUESTED);
	assert_string_equal(kind(&t, SCHEDULER_STOP), "stop");
	assert_string_equal(configured(&t, &dir), "");
	assert_string_equal(ended(&t, SCHEDULER_BAD), "cycle reload");
}

static void a_new_revision_ends_the_backoff_of_a_service_that_fails(void **state)
{
	static const struct scheduler_settings often = { 24 * HOUR, 5 * SECOND };
	CLEANUP(talk_done) struct curl_exchange t;

	curl_common_begin(&t, &often);
	kind(&t, SCHEDULER_REQUESTED);
	fetched(&t, TREE_A);
	ended(&t, SCHEDULER_FAILED);
	assert_string_equal(tick(&t), "fetch");
	assert_string_equal(fetched(&t, TREE_A), "");
	assert_string_equal(tick(&t), "fetch");
	assert_string_equal(fetched(&t, TREE_B), "cycle source");
}

static void a_cycle_that_is_bad_is_not_repeated_before_the_interval(void **state)
{
	CLEANUP(talk_done) struct curl_exchange t;

	curl_common_begin(&t, &dir);
	kind(&t, SCHEDULER_REQUESTED);
	ended(&t, SCHEDULER_BAD);
	assert_string_equal(until_said(&t), "cycle interval");
	assert_true(t.now >= BEGIN + 2 * MINUTE);
}

static void deferred_steps_are_tried_each_thirty_seconds(void **state)
{
	static const struct scheduler_settings hourly = { HOUR, 0 };
	CLEANUP(talk_done) struct curl_exchange t;

	curl_common_begin(&t, &hourly);
	t.now += 7 * SECOND;	/* so that no scan falls together with them */
	kind(&t, SCHEDULER_REQUESTED);
	ended_deferred(&t);
	int64_t whole_due = t.s.cycle_due;
	for (unsigned i = 0; i < 5; i++) {
		int64_t before = t.now;
		assert_string_equal(until_said(&t), "only deferred");
		assert_int_equal(t.now - before, 30 * SECOND);
		assert_string_equal(ended_deferred(&t), "");
	}
	until_said(&t);
	ended(&t, SCHEDULER_GOOD);
	/* They do not put off the whole cycle. */
	assert_string_equal(until_said(&t), "cycle interval");
	assert_int_equal(t.now, whole_due);
}

static void a_whole_cycle_does_the_deferred_steps_too(void **state)
{
	CLEANUP(talk_done) struct curl_exchange t;

	curl_common_begin(&t, &dir);
	kind(&t, SCHEDULER_REQUESTED);
	ended_deferred(&t);
	t.now += 20 * SECOND;
	assert_string_equal(kind(&t, SCHEDULER_REQUESTED), "cycle signal");
	assert_string_equal(ended_deferred(&t), "");
	t.now += 30 * SECOND - 100;
	kind(&t, SCHEDULER_SOURCE_CHANGED);
	assert_string_equal(until_said(&t), "cycle source");
	assert_string_equal(ended(&t, SCHEDULER_GOOD), "");
	assert_string_equal(until_said(&t), "cycle interval");
}

static void deferred_steps_that_fail_wait_for_a_whole_cycle(void **state)
{
	CLEANUP(talk_done) struct curl_exchange t;

	curl_common_begin(&t, &dir);
	kind(&t, SCHEDULER_REQUESTED);
	ended_deferred(&t);
	assert_string_equal(until_said(&t), "only deferred");
	int64_t before = t.now;
	ended(&t, SCHEDULER_FAILED);
	assert_string_equal(until_said(&t), "cycle interval");
	assert_in_range(t.now - before, 10 * SECOND, 11 * SECOND);
}

static void deferred_steps_know_that_the_source_is_not_read(void **state)
{
	CLEANUP(talk_done) struct curl_exchange t;
	static const struct scheduler_settings rare = { HOUR, HOUR };

	curl_common_begin(&t, &rare);
	kind(&t, SCHEDULER_REQUESTED);
	fetched(&t, NULL);
	ended_deferred(&t);
	while (strcmp(tick(&t), "fetch") == 0)
		fetched(&t, NULL);
	assert_string_equal(buf_str(&t.said), "only deferred unread");
}

/* ---- settings ---- */

static void a_changed_interval_holds_at_once(void **state)
{
	static const struct scheduler_settings quick = { 10 * SECOND, HOUR };
	CLEANUP(talk_done) struct curl_exchange t;

	curl_common_begin(&t, &git);
	assert_string_equal(configured(&t, &quick), "fetch");
	assert_string_equal(fetched(&t, TREE_A), "cycle reload");
	ended(&t, SCHEDULER_GOOD);
	assert_in_range(t.wake - t.now, 10 * SECOND, 11 * SECOND);
	assert_string_equal(tick(&t), "fetch");
}

static void what_a_fetch_of_old_settings_found_is_not_used(void **state)
{
	CLEANUP(talk_done) struct curl_exchange t;

	talk_init(&t, &git);
	assert_string_equal(kind(&t, SCHEDULER_TICK), "fetch");
	assert_string_equal(configured(&t, &git), "");
	assert_string_equal(fetched(&t, TREE_B), "fetch");
	assert_string_equal(fetched(&t, TREE_A), "cycle start");
	tick(&t);
	assert_string_equal(configured(&t, &dir), "");
	assert_string_equal(ended(&t, SCHEDULER_GOOD), "cycle reload");
	assert_string_equal(fetched(&t, NULL), "");
	assert_string_equal(ended(&t, SCHEDULER_GOOD), "");
	assert_string_equal(until_said(&t), "cycle interval");
}

static void what_was_wanted_under_old_settings_is_done_under_the_new(void **state)
{
	CLEANUP(talk_done) struct curl_exchange t;

	curl_common_begin(&t, &git);
	kind(&t, SCHEDULER_REQUESTED);
	assert_string_equal(fetched(&t, TREE_A), "cycle signal");
	assert_string_equal(tick(&t), "fetch");
	assert_string_equal(fetched(&t, TREE_B), "hurry");
	assert_string_equal(tick(&t), "fetch");
	configured(&t, &git);
	assert_string_equal(ended(&t, SCHEDULER_GOOD), "");
	assert_string_equal(fetched(&t, TREE_B), "fetch");
	assert_string_equal(fetched(&t, TREE_B), "cycle source");
	assert_string_equal(ended(&t, SCHEDULER_GOOD), "");
	assert_string_equal(tick(&t), "fetch");
	assert_string_equal(kind(&t, SCHEDULER_REQUESTED), "");
	assert_string_equal(configured(&t, &dir), "cycle signal");
}

static void a_git_source_that_fails_may_become_a_directory(void **state)
{
	CLEANUP(talk_done) struct curl_exchange t;

	curl_common_begin(&t, &git);
	kind(&t, SCHEDULER_REQUESTED);
	assert_string_equal(fetched(&t, NULL), "cycle signal unread");
	ended(&t, SCHEDULER_BAD);
	assert_string_equal(configured(&t, &dir), "cycle reload");
}

static void a_directory_may_become_a_git_source(void **state)
{
	CLEANUP(talk_done) struct curl_exchange t;

	curl_common_begin(&t, &dir);
	kind(&t, SCHEDULER_SOURCE_CHANGED);
	assert_string_equal(configured(&t, &git), "fetch");
	assert_string_equal(fetched(&t, TREE_A), "cycle source");
	ended(&t, SCHEDULER_GOOD);
	assert_string_equal(tick(&t), "fetch");
}

/* ---- the end ---- */

static void a_stop_lets_what_runs_end_and_begins_nothing(void **state)
{
	CLEANUP(talk_done) struct curl_exchange t;

	curl_common_begin(&t, &git);
	kind(&t, SCHEDULER_REQUESTED);
	fetched(&t, TREE_A);
	assert_string_equal(tick(&t), "fetch");
	kind(&t, SCHEDULER_REQUESTED);
	assert_string_equal(kind(&t, SCHEDULER_STOP), "stop");
	assert_int_equal(t.wake, -1);
	assert_string_equal(kind(&t, SCHEDULER_STOP), "stop");
	assert_string_equal(fetched(&t, TREE_B), "");	/* nor is it told to hurry */
	assert_string_equal(kind(&t, SCHEDULER_REQUESTED), "");
	t.now += DAY;
	assert_string_equal(kind(&t, SCHEDULER_TICK), "");
	assert_string_equal(ended(&t, SCHEDULER_BAD), "over");
	assert_string_equal(kind(&t, SCHEDULER_TICK), "over");
}

static void a_stop_of_an_idle_one_is_over_at_once(void **state)
{
	CLEANUP(talk_done) struct curl_exchange t;

	curl_common_begin(&t, &git);
	assert_string_equal(kind(&t, SCHEDULER_STOP), "over");
	talk_done(&t);
	talk_init(&t, &dir);
	assert_string_equal(kind(&t, SCHEDULER_STOP), "over");
}

/* ---- a clock that jumps ---- */

static void a_clock_that_is_set_back_changes_no_wait(void **state)
{
	CLEANUP(talk_done) struct curl_exchange t;

	curl_common_begin(&t, &git);
	t.now += 10 * SECOND;
	kind(&t, SCHEDULER_TICK);
	int64_t left = t.wake - t.now;
	t.now = 5;
	assert_string_equal(kind(&t, SCHEDULER_TICK), "");
	assert_int_equal(t.wake - t.now, left);
	assert_string_equal(tick(&t), "fetch");
}

static void a_clock_that_is_years_ahead_for_a_moment_costs_one_cycle(void **state)
{
	CLEANUP(talk_done) struct curl_exchange t;
	int64_t before;

	curl_common_begin(&t, &git);
	before = t.now;
	t.now += 30 * 365 * DAY;
	assert_string_equal(kind(&t, SCHEDULER_TICK), "fetch");
	assert_string_equal(fetched(&t, TREE_A), "cycle catch-up");
	t.now = before + MINUTE;
	assert_string_equal(ended(&t, SCHEDULER_GOOD), "");
	assert_in_range(t.wake - t.now, 1, 33 * SECOND);
	assert_string_equal(tick(&t), "fetch");
}

/* ---- laws ---- */

/* A world in which whatever may happen does: jobs that take their time and fail, changes, signals,
 * a machine that sleeps.  It keeps to the times that are asked for and checks after every step what
 * must always hold.  What was owed to whoever made a change is kept as the time by which it must be
 * paid. */
struct world {
	struct sync_scheduler s;
	struct scheduler_settings settings;
	uint64_t random;
	int64_t now, wake, offset;	/* the schedule is shown now + offset */
	int64_t fetch_end, cycle_end;	/* -1: none runs */
	int64_t fetch_begun;		/* the last */
	unsigned tree, fetched_tree;	/* of the source; of the fetch that runs */
	bool bad_luck;			/* all fail */
	bool hurried;			/* the cycle that runs */
	/* The first change, or signal, of which no cycle was made yet, and whether a fetch after
	 * it ended; -1: none. */
	int64_t change, signal;
	bool signal_fetched, change_fetched;
	int64_t last_change;		/* of a directory */
	unsigned steps, events, jobs, cycles, hurries;
};

enum { FETCH_MOST = 20 * SECOND, CYCLE_MOST = 90 * SECOND };

static bool chance(struct world *w, int64_t in)
{
	return jitter(&w->random, in - 1) == 0;
}

static bool world_is_git(const struct world *w)
{
	return w->settings.poll_ms > 0;
}

static void begin_job(struct world *w, const struct scheduler_action *a)
{
	w->jobs += a->start != SCHEDULER_NOTHING;
	switch (a->start) {
	case SCHEDULER_NOTHING:
		break;
	case SCHEDULER_START_FETCH:
		assert_true(w->fetch_end < 0);
		assert_true(world_is_git(w));
		w->fetch_end = w->now + jitter(&w->random, FETCH_MOST);
		w->fetch_begun = w->now;
		w->fetched_tree = w->tree;
		break;
	case SCHEDULER_START_CYCLE:
		w->cycles++;
		/* A directory is settled, or has changed for long, before it is read. */
		if (!world_is_git(w)) {
			assert_true(w->last_change + 200 <= w->now || w->change < 0 ||
			            w->change + 10 * SECOND <= w->now);
			w->change = w->signal = -1;
		}
		if (w->signal_fetched)
			w->signal = -1;
		if (w->change_fetched)
			w->change = -1;
		w->signal_fetched = w->change_fetched = false;
		/* fall through */
	case SCHEDULER_START_DEFERRED:
		assert_true(w->cycle_end < 0);
		assert_non_null(a->trigger);
		w->cycle_end = w->now + jitter(&w->random, CYCLE_MOST);
		w->hurried = false;
		break;
	}
}

static void check_action(struct world *w, const struct scheduler_action *a)
{
	assert_false(a->stop || a->over);
	if (a->hurry) {
		assert_true(w->cycle_end >= 0 && !w->hurried);
		w->hurried = true;
		w->hurries++;
	}
	begin_job(w, a);
	/* Never a busy loop: to be called again at once there must have been something to do. */
	assert_true(a->wake - w->offset > w->now || a->wake == -1 || a->start != SCHEDULER_NOTHING);
	/* And never dead: while nothing runs it asks to be called. */
	assert_true(a->wake >= 0 || w->fetch_end >= 0 || w->cycle_end >= 0);
}

static void step(struct world *w, struct scheduler_event event)
{
	struct scheduler_action a = sync_scheduler_step(&w->s, &event, w->now + w->offset);

	w->steps++;
	w->events += event.kind != SCHEDULER_TICK;
	check_action(w, &a);
	w->wake = a.wake < 0 ? -1 : a.wake - w->offset;
}

static void end_fetch(struct world *w)
{
	char tree[41];
	bool ok = !w->bad_luck && !chance(w, 4);

	snprintf(tree, sizeof tree, "%040x", w->fetched_tree);
	w->fetch_end = -1;
	if (w->signal >= 0 && w->fetch_begun >= w->signal)
		w->signal_fetched = true;
	/* A change is paid for only by a cycle that knows of it. */
	if (ok && w->change >= 0 && w->fetched_tree == w->tree)
		w->change_fetched = true;
	step(w, (struct scheduler_event){ .kind = SCHEDULER_FETCHED, .ok = ok, .tree = ok ? tree : NULL });
}

static void end_cycle(struct world *w)
{
	int64_t luck = jitter(&w->random, 9);

	w->cycle_end = -1;
	step(w, (struct scheduler_event){
		.kind = SCHEDULER_CYCLE_ENDED, .deferred = chance(w, 4),
		.outcome = w->bad_luck || luck < 2 ? SCHEDULER_FAILED : luck < 4 ? SCHEDULER_BAD : SCHEDULER_GOOD });
}

static void change(struct world *w)
{
	if (world_is_git(w)) {
		w->tree++;
		w->change_fetched = false;
	}
	if (w->change < 0)
		w->change = w->now;
	w->last_change = w->now;
	if (!world_is_git(w))
		step(w, (struct scheduler_event){ .kind = SCHEDULER_SOURCE_CHANGED });
}

static void ask(struct world *w)
{
	if (w->signal < 0) {
		w->signal = w->now;
		w->signal_fetched = false;
	}
	step(w, (struct scheduler_event){ .kind = chance(w, 2) ? SCHEDULER_REQUESTED : SCHEDULER_HINT });
}

static void happen(struct world *w)
{
	switch (jitter(&w->random, 5)) {
	case 0:
		ask(w);
		break;
	case 1:
		step(w, (struct scheduler_event){ .kind = SCHEDULER_CONFIGURED, .settings = &w->settings });
		break;
	case 2:	/* many at a time */
		for (int64_t n = jitter(&w->random, 30); n > 0; n--, w->now += jitter(&w->random, 20))
			change(w);
		break;
	default:
		change(w);
		break;
	}
}

static int64_t sooner(int64_t a, int64_t b)
{
	return a < 0 || (b >= 0 && b < a) ? b : a;
}

/* Goes on to whatever comes first: the end of a job, the time asked for, or `limit`. */
static bool go_on(struct world *w, int64_t limit)
{
	int64_t next = sooner(sooner(w->wake, w->fetch_end), w->cycle_end);

	if (next < 0 || next > limit) {
		w->now = limit > w->now ? limit : w->now;
		return false;
	}
	if (next > w->now)
		w->now = next;
	if (next == w->fetch_end)
		end_fetch(w);
	else if (next == w->cycle_end)
		end_cycle(w);
	else
		step(w, (struct scheduler_event){ .kind = SCHEDULER_TICK });
	return true;
}

static void engine_state_begin(struct world *w, const struct scheduler_settings *settings, uint64_t seed)
{
	*w = (struct world){
		.settings = *settings, .random = seed, .now = BEGIN, .fetch_end = -1, .cycle_end = -1,
		.change = -1, .signal = -1, .last_change = BEGIN - HOUR,
	};
	sync_scheduler_init(&w->s, settings, seed, w->now);
	step(w, (struct scheduler_event){ .kind = SCHEDULER_TICK });
}

static const struct scheduler_settings worlds[] = {
	{ 2 * MINUTE, 0 }, { 2 * MINUTE, 30 * SECOND }, { 6 * HOUR, 0 }, { 6 * HOUR, 30 * SECOND },
	{ 10 * SECOND, 5 * SECOND }, { 240 * HOUR, 24 * HOUR }, { 1 * SECOND, 0 },
};

/* What was promised to the maker of a change or of a signal must be paid in time: a fetch and a
 * cycle may be under way, another fetch is needed, and the poll's time. */
static void check_debts(const struct world *w)
{
	int64_t most = 2 * FETCH_MOST + 2 * CYCLE_MOST + 11 * SECOND;

	assert_true(w->signal < 0 || w->now - w->signal <= most);
	if (!world_is_git(w))
		assert_true(w->change < 0 || w->now - w->change <= most);
}

static void weeks_of_chance_keep_the_laws(void **state)
{
	for (uint64_t seed = 0; seed < rounds_of(40); seed++) {
		struct world w;
		int64_t end = BEGIN + 14 * DAY, happened = 0;

		engine_state_begin(&w, &worlds[seed % ARRAY_LEN(worlds)], seed);
		while (w.now < end) {
			int64_t next = w.now + jitter(&w.random, chance(&w, 3) ? 2 * HOUR : 5 * SECOND);
			while (go_on(&w, next))
				check_debts(&w);
			check_debts(&w);
			happen(&w);
			happened++;
		}
		/* Each call had a reason: an event, a job to begin, or a time that came. */
		int64_t minutes = (w.now - BEGIN) / MINUTE;
		assert_true(w.steps <= w.events * 3 + w.jobs * 2 + minutes * 2);
		assert_true(w.cycles > 0 && w.hurries > 0);
		assert_true(happened > 100);
	}
}

static void after_the_last_change_the_last_cycle_knows_it(void **state)
{
	for (uint64_t seed = 0; seed < rounds_of(2000); seed++) {
		struct world w;

		engine_state_begin(&w, &worlds[seed % 4], seed);
		for (unsigned i = 0; i < 30; i++) {
			while (go_on(&w, w.now + jitter(&w.random, 40 * SECOND)))
				;
			happen(&w);
		}
		while (go_on(&w, w.last_change + 3 * HOUR))
			;
		assert_true(w.change < 0);
		assert_true(w.signal < 0);
	}
}

static void a_world_without_luck_is_left_alone_for_fifteen_minutes_at_most(void **state)
{
	for (size_t i = 0; i < 4; i++) {
		struct world w;
		int64_t last = 0, longest = 0;
		unsigned before = 0;

		engine_state_begin(&w, &worlds[i], i);
		w.bad_luck = true;
		for (int64_t end = w.now + 7 * DAY; w.now < end && go_on(&w, end); ) {
			if (w.cycle_end >= 0)
				last = w.cycle_end;
			else if (w.cycles > before + 20 && w.now - last > longest)
				longest = w.now - last;
		}
		assert_in_range(longest, 15 * MINUTE - 15 * SECOND, 15 * MINUTE + FETCH_MOST);
		/* Per 15 minutes: a cycle with its fetch, a poll, and the scans. */
		assert_in_range(w.steps, 7 * 24 * 4, 7 * 24 * 4 * 8 + 15 * 7 * 24 * 4 * !world_is_git(&w));
	}
}

static void a_clock_gone_wild_breaks_nothing(void **state)
{
	for (uint64_t seed = 0; seed < rounds_of(200); seed++) {
		struct world w;

		engine_state_begin(&w, &worlds[seed % ARRAY_LEN(worlds)], seed);
		for (unsigned i = 0; i < 300; i++) {
			for (unsigned calls = 0; go_on(&w, w.now + jitter(&w.random, 5 * MINUTE)); calls++)
				assert_true(calls < 5 * MINUTE / SECOND * 4);
			int64_t shown = w.now + w.offset;
			int64_t to = chance(&w, 2) ? jitter(&w.random, shown)
			                           : shown + jitter(&w.random, 400 * DAY);
			w.offset = to - w.now;
			step(&w, (struct scheduler_event){ .kind = SCHEDULER_TICK });
			happen(&w);
		}
		assert_true(w.cycles > 100 || w.settings.poll_ms == DAY);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_git_source_is_fetched_before_the_first_cycle),
		cmocka_unit_test(after_a_first_fetch_that_fails_the_next_good_one_begins_another_cycle),
		cmocka_unit_test(a_directory_begins_with_a_cycle_at_once),
		cmocka_unit_test(the_interval_counts_from_the_end_of_a_cycle_with_up_to_a_tenth_more),
		cmocka_unit_test(a_git_source_is_fetched_before_the_cycle_of_an_interval),
		cmocka_unit_test(an_interval_that_comes_while_a_poll_is_under_way_needs_no_fetch_of_its_own),
		cmocka_unit_test(many_missed_intervals_make_one_cycle),
		cmocka_unit_test(a_poll_begins_a_cycle_only_for_another_tree),
		cmocka_unit_test(failing_polls_begin_nothing_and_back_off_to_fifteen_minutes),
		cmocka_unit_test(an_interval_asks_no_repository_that_is_left_in_peace),
		cmocka_unit_test(a_repository_that_hangs_again_holds_up_no_interval),
		cmocka_unit_test(what_a_cycle_held_back_is_done_once_the_source_can_be_read_again),
		cmocka_unit_test(a_change_settles_before_its_cycle_begins),
		cmocka_unit_test(changes_without_end_are_waited_for_ten_seconds),
		cmocka_unit_test(whatever_comes_while_a_change_settles_waits_for_it),
		cmocka_unit_test(a_change_is_nothing_to_a_git_source),
		cmocka_unit_test(whatever_comes_while_a_cycle_runs_makes_one_more_by_the_strongest_name),
		cmocka_unit_test(a_newer_revision_hurries_the_cycle_that_runs_once),
		cmocka_unit_test(a_settled_change_hurries_the_cycle_that_runs_once),
		cmocka_unit_test(a_fetch_that_runs_may_be_too_old_for_a_signal),
		cmocka_unit_test(hooks_that_come_faster_than_fetches_end_hold_up_no_cycle),
		cmocka_unit_test(failing_cycles_back_off_to_fifteen_minutes),
		cmocka_unit_test(hope_begins_a_cycle_at_once_and_the_backoff_afresh),
		cmocka_unit_test(settings_take_a_stop_back),
		cmocka_unit_test(a_new_revision_ends_the_backoff_of_a_service_that_fails),
		cmocka_unit_test(a_cycle_that_is_bad_is_not_repeated_before_the_interval),
		cmocka_unit_test(deferred_steps_are_tried_each_thirty_seconds),
		cmocka_unit_test(a_whole_cycle_does_the_deferred_steps_too),
		cmocka_unit_test(deferred_steps_that_fail_wait_for_a_whole_cycle),
		cmocka_unit_test(deferred_steps_know_that_the_source_is_not_read),
		cmocka_unit_test(a_changed_interval_holds_at_once),
		cmocka_unit_test(what_a_fetch_of_old_settings_found_is_not_used),
		cmocka_unit_test(what_was_wanted_under_old_settings_is_done_under_the_new),
		cmocka_unit_test(a_git_source_that_fails_may_become_a_directory),
		cmocka_unit_test(a_directory_may_become_a_git_source),
		cmocka_unit_test(a_stop_lets_what_runs_end_and_begins_nothing),
		cmocka_unit_test(a_stop_of_an_idle_one_is_over_at_once),
		cmocka_unit_test(a_clock_that_is_set_back_changes_no_wait),
		cmocka_unit_test(a_clock_that_is_years_ahead_for_a_moment_costs_one_cycle),
		cmocka_unit_test(weeks_of_chance_keep_the_laws),
		cmocka_unit_test(after_the_last_change_the_last_cycle_knows_it),
		cmocka_unit_test(a_world_without_luck_is_left_alone_for_fifteen_minutes_at_most),
		cmocka_unit_test(a_clock_gone_wild_breaks_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
