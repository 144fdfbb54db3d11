#include "tests/test.h"
#include "reconcile/wire/dispatch.h"

#include <string.h>

/* A task that asks for operations one after the other and writes down what it is told. */
struct workflow_task {
	struct task task;
	enum operation asks[4];
	unsigned count, asked;
	bool stopped;		/* what the last step saw */
	int64_t wait_ms;	/* before what is asked second */
	struct buf seen;
};

static enum task_next work_step(struct task *task, const struct answer *answer,
                                struct request *next)
{
	struct workflow_task *w = (struct workflow_task *)task;

	if (answer && answer->failure)
		buf_addf(&w->seen, "%s;", answer->error);
	else if (answer)
		buf_addf(&w->seen, "%d %s;", answer->status, answer->body);
	w->stopped = task->stopped;
	if (w->asked == w->count)
		return TASK_DONE;
	*next = (struct request){ .operation = w->asks[w->asked], .path = "/workflows/1", .what = "x",
	                          .wait_ms = w->asked ? w->wait_ms : 0 };
	w->asked++;
	return TASK_ASK;
}

#define WORK(...) { \
	.task.step = work_step, .asks = { __VA_ARGS__ }, .seen = BUF_TEXT, \
	.count = sizeof ((enum operation[]){ __VA_ARGS__ }) / sizeof (enum operation) }

static void work_done(struct workflow_task *w)
{
	buf_done(&w->seen);
}

static struct answer status(int code)
{
	return (struct answer){ .status = code, .type = "text/plain", .body = "b", .len = 1,
	                        .retry_after_ms = -1 };
}

static struct answer failed(enum failure failure)
{
	return (struct answer){ .failure = failure, .error = "broken", .retry_after_ms = -1 };
}

static void reply(struct dispatch *d, struct workflow_task *w, struct answer answer, int64_t now)
{
	dispatch_answer(d, &w->task, &answer, now);
}

/* The next task of the round; of a new round after the last one. */
static struct workflow_task *next(struct dispatch *d, int64_t now)
{
	static struct task *left;
	struct task *task = left ? left : dispatch_round(d, now);

	left = task ? task->next : NULL;
	return (struct workflow_task *)task;
}

static void every_answer_is_final_or_sent_again_as_the_header_says(void **state)
{
	enum { FINAL, AGAIN, LATER };	/* LATER: final, but what is asked next waits */
	static const struct {
		enum failure failure;
		int status;
		bool hopeless;
		int get, post;
		int64_t retry_after_ms;	/* 0: not in the answer */
	} cases[] = {
		{ FAILURE_NONE, 200, false, FINAL, FINAL },
		{ FAILURE_NONE, 301, false, FINAL, FINAL },
		{ FAILURE_NONE, 400, false, FINAL, FINAL },
		{ FAILURE_NONE, 403, false, FINAL, FINAL },
		{ FAILURE_NONE, 404, false, FINAL, FINAL },
		{ FAILURE_NONE, 409, false, FINAL, FINAL },
		{ FAILURE_NONE, 413, false, FINAL, FINAL },
		{ FAILURE_NONE, 429, false, AGAIN, AGAIN },
		{ FAILURE_NONE, 500, false, AGAIN, LATER },
		{ FAILURE_NONE, 501, false, FINAL, FINAL },
		{ FAILURE_NONE, 502, false, AGAIN, LATER },
		{ FAILURE_NONE, 503, false, AGAIN, LATER },
		{ FAILURE_NONE, 503, false, AGAIN, AGAIN, 1 },
		{ FAILURE_NONE, 502, false, AGAIN, LATER, 1 },
		{ FAILURE_NONE, 504, false, AGAIN, LATER },
		{ FAILURE_UNSENT, 0, false, AGAIN, AGAIN },
		{ FAILURE_UNSENT, 0, true, FINAL, FINAL },
		{ FAILURE_LOST, 0, false, AGAIN, LATER },
		{ FAILURE_LOST, 0, true, FINAL, FINAL },
		{ FAILURE_TOO_LARGE, 0, false, FINAL, FINAL },
		{ FAILURE_GIVEN_UP, 0, false, FINAL, FINAL },
	};
	static const enum operation first[] = { OP_DESCRIBE, OP_UPDATE, OP_DELETE, OP_CREATE, OP_PAUSE };

	for (size_t i = 0; i < ARRAY_LEN(cases) * ARRAY_LEN(first); i++) {
		enum operation op = first[i % ARRAY_LEN(first)];
		size_t row = i / ARRAY_LEN(first);
		bool post = operation_method(op) == METHOD_POST;
		int want = post ? cases[row].post : cases[row].get;
		CLEANUP(work_done) struct workflow_task w = WORK(op, OP_LIST);
		struct answer answer = cases[row].failure ? failed(cases[row].failure)
		                                          : status(cases[row].status);
		struct dispatch d;

		answer.hopeless = cases[row].hopeless;
		if (cases[row].retry_after_ms)
			answer.retry_after_ms = cases[row].retry_after_ms;
		dispatch_init(&d, 1, -1, 1);
		dispatch_add(&d, &w.task);
		assert_ptr_equal(next(&d, 1000), &w);
		reply(&d, &w, answer, 1000);
		assert_int_equal(w.seen.len > 0, want != AGAIN);
		assert_int_equal(w.asked, want == AGAIN ? 1 : 2);
		if (want == FINAL) {
			assert_int_equal(dispatch_wake(&d), 1000);
		} else {
			assert_in_range(dispatch_wake(&d), 1250, 1500);
			assert_null(next(&d, dispatch_wake(&d) - 1));
		}
		assert_ptr_equal(next(&d, dispatch_wake(&d)), &w);
		assert_int_equal(w.task.attempts, want == AGAIN ? 2 : 1);
		assert_int_equal(d.by_operation[op], want == AGAIN ? 2 : 1);
		assert_int_equal(d.total, 2);
		assert_int_equal(d.retries, want == AGAIN);
	}
}

static void waits_double_up_to_the_limit_of_attempts_and_end_with_the_answer(void **state)
{
	static const int64_t most[] = { 500, 1000, 2000, 4000, 8000 };
	CLEANUP(work_done) struct workflow_task w = WORK(OP_DESCRIBE);
	struct dispatch d;
	int64_t now = 0;

	dispatch_init(&d, 1, -1, 7);
	dispatch_add(&d, &w.task);
	for (size_t i = 0; i < ARRAY_LEN(most); i++) {
		assert_ptr_equal(next(&d, now), &w);
		reply(&d, &w, status(503), now);
		assert_in_range(dispatch_wake(&d) - now, most[i] / 2, most[i]);
		now = dispatch_wake(&d);
	}
	assert_ptr_equal(next(&d, now), &w);
	assert_int_equal(w.task.attempts, DISPATCH_ATTEMPTS);
	assert_int_equal(w.seen.len, 0);
	reply(&d, &w, status(503), now);
	assert_string_equal(buf_str(&w.seen), "503 b;");
	assert_true(dispatch_idle(&d));
	assert_int_equal(dispatch_wake(&d), -1);
	assert_int_equal(d.total, 6);
	assert_int_equal(d.retries, 5);
}

static void no_wait_is_longer_than_half_a_minute_of_itself(void **state)
{
	CLEANUP(work_done) struct workflow_task w = WORK(OP_DESCRIBE);
	struct answer answer = status(503);
	struct dispatch d;
	int64_t now = 0;

	answer.retry_after_ms = 0;
	dispatch_init(&d, 1, 3600000, 7);
	dispatch_add(&d, &w.task);
	for (unsigned i = 1; i <= 20; i++) {
		assert_ptr_equal(next(&d, now), &w);
		reply(&d, &w, answer, now);
		assert_in_range(dispatch_wake(&d) - now, i > 6 ? 15000 : 250, 30000);
		now = dispatch_wake(&d);
	}
	dispatch_stop(&d);
	assert_null(next(&d, now));
	assert_string_equal(buf_str(&w.seen), "503 b;");
}

static void two_seeds_wait_differently(void **state)
{
	int64_t wake[2];

	for (size_t i = 0; i < 2; i++) {
		CLEANUP(work_done) struct workflow_task w = WORK(OP_DESCRIBE);
		struct dispatch d;

		dispatch_init(&d, 1, -1, i);
		dispatch_add(&d, &w.task);
		assert_non_null(next(&d, 0));
		reply(&d, &w, failed(FAILURE_LOST), 0);
		wake[i] = dispatch_wake(&d);
		dispatch_stop(&d);
		assert_null(next(&d, 0));
	}
	assert_int_not_equal(wake[0], wake[1]);
}

static void retry_after_is_kept_where_it_is_longer(void **state)
{
	static const struct { int64_t deadline, retry_after, least, most; } cases[] = {
		{ -1, 0, 250, 500 },
		{ -1, 100, 250, 500 },
		{ -1, 60000, 60000, 60000 },
		{ 60001, 60000, 60000, 60000 },
		{ -1, INT64_MAX, 604800000, 604800000 },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(work_done) struct workflow_task w = WORK(OP_DESCRIBE);
		struct answer answer = status(503);
		struct dispatch d;

		answer.retry_after_ms = cases[i].retry_after;
		dispatch_init(&d, 1, cases[i].deadline, 3);
		dispatch_add(&d, &w.task);
		assert_non_null(next(&d, 0));
		reply(&d, &w, answer, 0);
		assert_in_range(dispatch_wake(&d), cases[i].least, cases[i].most);
		assert_ptr_equal(next(&d, dispatch_wake(&d)), &w);
		reply(&d, &w, status(200), dispatch_wake(&d));
		assert_string_equal(buf_str(&w.seen), "200 b;");
	}
}

static void a_wait_past_the_deadline_is_not_begun(void **state)
{
	static const int64_t deadlines[] = { 60000, 59999, 1 };

	for (size_t i = 0; i < ARRAY_LEN(deadlines); i++) {
		CLEANUP(work_done) struct workflow_task w = WORK(OP_DESCRIBE);
		struct answer answer = status(429);
		struct dispatch d;

		answer.retry_after_ms = 60000;
		dispatch_init(&d, 1, deadlines[i], 3);
		dispatch_add(&d, &w.task);
		assert_non_null(next(&d, 0));
		reply(&d, &w, answer, 0);
		assert_string_equal(buf_str(&w.seen), "429 b;");
		assert_true(dispatch_idle(&d));
		assert_int_equal(d.quiet_until, 0);
	}
}

static void retry_after_lifts_the_limit_of_attempts_only_before_a_deadline(void **state)
{
	static const struct { int64_t deadline; unsigned sent; } cases[] = {
		{ -1, DISPATCH_ATTEMPTS }, { 3600000, 120 },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(work_done) struct workflow_task w = WORK(OP_DESCRIBE);
		struct answer answer = status(429);
		struct dispatch d;
		int64_t now = 0;

		answer.retry_after_ms = 30000;
		dispatch_init(&d, 1, cases[i].deadline, 3);
		dispatch_add(&d, &w.task);
		while (next(&d, now)) {
			reply(&d, &w, answer, now);
			now = dispatch_wake(&d);
		}
		assert_int_equal(d.total, cases[i].sent);
		assert_string_equal(buf_str(&w.seen), "429 b;");
	}
}

static void at_most_so_many_are_in_flight_and_never_two_of_one_task(void **state)
{
	struct workflow_task w[3] = { WORK(OP_DESCRIBE, OP_UPDATE), WORK(OP_DESCRIBE), WORK(OP_DESCRIBE) };
	struct dispatch d;

	dispatch_init(&d, 2, -1, 1);
	for (size_t i = 0; i < 3; i++)
		dispatch_add(&d, &w[i].task);
	assert_ptr_equal(next(&d, 0), &w[0]);
	assert_ptr_equal(next(&d, 0), &w[1]);
	assert_null(next(&d, 0));
	assert_int_equal(dispatch_wake(&d), -1);
	/* What a task asks further goes before what is not begun. */
	reply(&d, &w[0], status(200), 5);
	assert_ptr_equal(next(&d, 5), &w[0]);
	assert_null(next(&d, 5));
	reply(&d, &w[1], status(200), 6);
	assert_ptr_equal(next(&d, 6), &w[2]);
	reply(&d, &w[2], status(200), 7);
	assert_false(dispatch_idle(&d));
	reply(&d, &w[0], status(204), 7);
	assert_true(dispatch_idle(&d));
	/* 5 + 6 + 2 + 1 */
	assert_int_equal(d.waited_ms, 14);
	assert_string_equal(buf_str(&w[0].seen), "200 b;204 b;");
	for (size_t i = 0; i < 3; i++)
		work_done(&w[i]);
}

static void a_429_halves_what_is_allowed_and_good_answers_give_it_back(void **state)
{
	/* Status 0: the answer was lost. */
	static const struct { int status; unsigned allowed; } script[] = {
		{ 429, 4 }, { 429, 2 }, { 200, 2 }, { 404, 3 }, { 200, 3 }, { 200, 3 }, { 503, 3 },
		{ 200, 3 }, { 200, 3 }, { 0, 3 }, { 200, 3 }, { 200, 3 }, { 200, 4 }, { 429, 2 }, { 429, 1 }, { 429, 1 }, { 200, 2 },
	};
	struct workflow_task w[ARRAY_LEN(script)];
	struct dispatch d;
	int64_t now = 0;

	dispatch_init(&d, 8, -1, 1);
	for (size_t i = 0; i < ARRAY_LEN(script); i++) {
		w[i] = (struct workflow_task)WORK(OP_CREATE);
		dispatch_add(&d, &w[i].task);
		now += 60000;
		struct workflow_task *got = next(&d, now);
		assert_non_null(got);
		reply(&d, got, script[i].status ? status(script[i].status) : failed(FAILURE_LOST), now);
		assert_int_equal(d.allowed, script[i].allowed);
	}
	dispatch_stop(&d);
	assert_null(next(&d, now));
	assert_true(dispatch_idle(&d));
	for (size_t i = 0; i < ARRAY_LEN(script); i++)
		work_done(&w[i]);
}

static void what_is_allowed_never_passes_what_the_caller_allows(void **state)
{
	CLEANUP(work_done) struct workflow_task w = WORK(OP_DESCRIBE, OP_DESCRIBE, OP_DESCRIBE);
	struct dispatch d;

	dispatch_init(&d, 1, -1, 1);
	dispatch_add(&d, &w.task);
	while (next(&d, 0)) {
		reply(&d, &w, status(200), 0);
		assert_int_equal(d.allowed, 1);
	}
}

static void after_a_429_nothing_is_sent_until_its_wait_is_over(void **state)
{
	struct workflow_task w[3] = { WORK(OP_DESCRIBE), WORK(OP_DESCRIBE, OP_UPDATE), WORK(OP_DESCRIBE) };
	struct answer busy = status(429);
	struct dispatch d;

	busy.retry_after_ms = 2000;
	dispatch_init(&d, 4, -1, 1);
	for (size_t i = 0; i < 2; i++)
		dispatch_add(&d, &w[i].task);
	assert_ptr_equal(next(&d, 0), &w[0]);
	assert_ptr_equal(next(&d, 0), &w[1]);
	dispatch_add(&d, &w[2].task);
	reply(&d, &w[0], busy, 100);
	reply(&d, &w[1], status(200), 100);
	assert_int_equal(dispatch_wake(&d), 2100);
	assert_null(next(&d, 2099));
	assert_ptr_equal(next(&d, 2100), &w[1]);
	assert_ptr_equal(next(&d, 2100), &w[0]);
	assert_null(next(&d, 2100));
	reply(&d, &w[0], status(200), 2200);
	reply(&d, &w[1], status(200), 2200);
	assert_ptr_equal(next(&d, 2200), &w[2]);
	reply(&d, &w[2], status(200), 2200);
	for (size_t i = 0; i < 3; i++)
		work_done(&w[i]);
}

/* The one of a request that was in flight by then asks for less. */
static void a_shorter_wait_does_not_cut_a_longer_one_short(void **state)
{
	struct workflow_task w[3] = { WORK(OP_DESCRIBE), WORK(OP_DESCRIBE), WORK(OP_DESCRIBE) };
	struct answer busy = status(429);
	struct dispatch d;

	dispatch_init(&d, 4, -1, 1);
	for (size_t i = 0; i < 2; i++)
		dispatch_add(&d, &w[i].task);
	assert_ptr_equal(next(&d, 0), &w[0]);
	assert_ptr_equal(next(&d, 0), &w[1]);
	busy.retry_after_ms = 60000;
	reply(&d, &w[0], busy, 100);
	busy.retry_after_ms = 2000;
	reply(&d, &w[1], busy, 110);
	dispatch_add(&d, &w[2].task);
	assert_int_equal(dispatch_wake(&d), 60100);
	assert_null(next(&d, 60099));
	assert_ptr_equal(next(&d, 60100), &w[1]);
	reply(&d, &w[1], status(200), 60100);
	assert_ptr_equal(next(&d, 60100), &w[0]);
	reply(&d, &w[0], status(200), 60100);
	assert_ptr_equal(next(&d, 60100), &w[2]);
	reply(&d, &w[2], status(200), 60100);
	for (size_t i = 0; i < 3; i++)
		work_done(&w[i]);
}

static void stopping_does_not_wait_for_what_a_429_asked(void **state)
{
	CLEANUP(work_done) struct workflow_task busy = WORK(OP_DESCRIBE), half = WORK(OP_UPDATE, OP_DESCRIBE);
	struct dispatch d;

	dispatch_init(&d, 4, -1, 1);
	dispatch_add(&d, &busy.task);
	dispatch_add(&d, &half.task);
	assert_ptr_equal(next(&d, 0), &busy);
	assert_ptr_equal(next(&d, 0), &half);
	reply(&d, &busy, status(429), 0);
	reply(&d, &half, status(200), 0);
	assert_null(next(&d, 1));
	dispatch_stop(&d);
	assert_ptr_equal(next(&d, 1), &half);
	assert_string_equal(buf_str(&busy.seen), "429 b;");
	reply(&d, &half, status(200), 2);
	assert_true(dispatch_idle(&d));
}

static void stopping_ends_waits_though_nothing_more_may_be_sent(void **state)
{
	CLEANUP(work_done) struct workflow_task waits = WORK(OP_DESCRIBE), looks = WORK(OP_CREATE, OP_LIST);
	CLEANUP(work_done) struct workflow_task flies = WORK(OP_UPDATE), late = WORK(OP_LIST);
	struct dispatch d;

	dispatch_init(&d, 1, -1, 1);
	dispatch_add(&d, &waits.task);
	dispatch_add(&d, &looks.task);
	dispatch_add(&d, &flies.task);
	assert_ptr_equal(next(&d, 0), &waits);
	reply(&d, &waits, status(503), 0);
	assert_ptr_equal(next(&d, 0), &looks);
	reply(&d, &looks, status(503), 0);
	assert_ptr_equal(next(&d, 0), &flies);
	assert_int_equal(dispatch_wake(&d), -1);
	dispatch_stop(&d);
	assert_int_equal(dispatch_wake(&d), 0);
	assert_null(next(&d, 1));
	assert_string_equal(buf_str(&waits.seen), "503 b;");
	assert_int_equal(dispatch_wake(&d), -1);	/* the lookup needs the place of flies */

	dispatch_add(&d, &late.task);
	assert_int_equal(dispatch_wake(&d), 0);
	assert_null(next(&d, 1));
	assert_false(late.task.begun);
	assert_int_equal(dispatch_wake(&d), -1);
	reply(&d, &flies, status(200), 2);
	assert_ptr_equal(next(&d, 2), &looks);
	reply(&d, &looks, status(200), 3);
	assert_true(dispatch_idle(&d));
}

static void a_task_may_wait_before_it_asks_again_until_the_dispatcher_stops(void **state)
{
	struct workflow_task w[3] = { WORK(OP_UPDATE, OP_DESCRIBE), WORK(OP_UPDATE, OP_DESCRIBE),
	                     WORK(OP_UPDATE, OP_DESCRIBE) };
	struct dispatch d;

	dispatch_init(&d, 3, -1, 1);
	for (size_t i = 0; i < 3; i++) {
		w[i].wait_ms = 1000;
		dispatch_add(&d, &w[i].task);
		assert_ptr_equal(next(&d, 10), &w[i]);
		assert_int_equal(d.now, 10);
	}
	reply(&d, &w[0], status(200), 50);
	assert_int_equal(d.now, 50);
	assert_int_equal(dispatch_wake(&d), 1050);
	assert_null(next(&d, 1049));
	assert_ptr_equal(next(&d, 1050), &w[0]);
	reply(&d, &w[1], status(200), 1060);
	assert_null(next(&d, 1070));
	dispatch_stop(&d);
	assert_ptr_equal(next(&d, 1080), &w[1]);
	reply(&d, &w[2], status(200), 1090);
	assert_ptr_equal(next(&d, 1090), &w[2]);
	for (size_t i = 0; i < 3; i++) {
		reply(&d, &w[i], status(200), 1100);
		work_done(&w[i]);
	}
	assert_true(dispatch_idle(&d));
}

static void what_is_due_at_one_time_goes_in_the_order_it_came(void **state)
{
	struct workflow_task w[3] = { WORK(OP_LIST, OP_LIST), WORK(OP_LIST, OP_LIST), WORK(OP_LIST, OP_LIST) };
	static const int order[] = { 1, 2, 0 };
	struct dispatch d;

	dispatch_init(&d, 3, -1, 1);
	for (size_t i = 0; i < 3; i++)
		dispatch_add(&d, &w[i].task);
	for (size_t i = 0; i < 3; i++)
		assert_ptr_equal(next(&d, 0), &w[i]);
	for (size_t i = 0; i < 3; i++)
		reply(&d, &w[order[i]], status(200), 5);
	for (size_t i = 0; i < 3; i++)
		assert_ptr_equal(next(&d, 5), &w[order[i]]);
	for (size_t i = 0; i < 3; i++) {
		reply(&d, &w[i], status(200), 6);
		work_done(&w[i]);
	}
}

static void fresh_tasks_go_while_others_wait(void **state)
{
	CLEANUP(work_done) struct workflow_task slow = WORK(OP_DESCRIBE), quick = WORK(OP_DESCRIBE);
	struct dispatch d;

	dispatch_init(&d, 1, -1, 1);
	dispatch_add(&d, &slow.task);
	dispatch_add(&d, &quick.task);
	assert_ptr_equal(next(&d, 0), &slow);
	reply(&d, &slow, status(503), 0);
	assert_ptr_equal(next(&d, 1), &quick);
	assert_int_equal(dispatch_wake(&d), -1);
	reply(&d, &quick, status(200), 2);
	assert_ptr_equal(next(&d, 500), &slow);
	reply(&d, &slow, status(200), 501);
	assert_true(dispatch_idle(&d));
}

static void a_task_has_written_from_its_first_write_on(void **state)
{
	static const struct { enum operation asks[2]; bool after[2]; } cases[] = {
		{ { OP_LIST, OP_DESCRIBE }, { false, false } },
		{ { OP_LIST, OP_CREATE }, { false, true } },
		{ { OP_UPDATE, OP_DESCRIBE }, { true, true } },
		{ { OP_DELETE, OP_LIST }, { true, true } },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(work_done) struct workflow_task w = WORK(cases[i].asks[0], cases[i].asks[1]);
		struct dispatch d;

		dispatch_init(&d, 1, -1, 1);
		dispatch_add(&d, &w.task);
		for (size_t j = 0; j < 2; j++) {
			assert_ptr_equal(next(&d, 0), &w);
			assert_int_equal(w.task.wrote, cases[i].after[j]);
			reply(&d, &w, status(200), 0);
		}
	}
}

static void a_task_may_end_without_asking(void **state)
{
	CLEANUP(work_done) struct workflow_task idle = WORK(OP_LIST), w = WORK(OP_LIST);
	struct dispatch d;

	idle.count = 0;
	dispatch_init(&d, 1, -1, 1);
	dispatch_add(&d, &idle.task);
	dispatch_add(&d, &w.task);
	assert_int_equal(dispatch_wake(&d), 0);
	assert_ptr_equal(next(&d, 0), &w);
	assert_true(idle.task.begun);
	assert_int_equal(idle.task.sent, 0);
	reply(&d, &w, status(200), 0);
	assert_true(dispatch_idle(&d));
}

static void stop_drops_fresh_tasks_ends_waits_and_lets_steps_end(void **state)
{
	struct workflow_task w[4] = { WORK(OP_DESCRIBE), WORK(OP_CREATE, OP_LIST), WORK(OP_UPDATE, OP_DESCRIBE),
	                     WORK(OP_DESCRIBE) };
	struct answer wordy = status(503);
	char body[] = "down";
	struct dispatch d;

	dispatch_init(&d, 3, -1, 1);
	for (size_t i = 0; i < 4; i++)
		dispatch_add(&d, &w[i].task);
	for (size_t i = 0; i < 3; i++)
		assert_ptr_equal(next(&d, 0), &w[i]);
	wordy.body = body;
	wordy.len = 4;
	reply(&d, &w[0], wordy, 0);
	memset(body, 'x', 4);	/* the answer's text is gone while it waits */
	reply(&d, &w[1], failed(FAILURE_LOST), 0);
	assert_string_equal(buf_str(&w[1].seen), "broken;");

	dispatch_stop(&d);
	assert_int_equal(dispatch_wake(&d), 0);
	assert_ptr_equal(next(&d, 1), &w[1]);	/* its lookup waits no longer */
	assert_string_equal(buf_str(&w[0].seen), "503 down;");
	assert_true(w[0].stopped);
	assert_null(next(&d, 1));
	assert_int_equal(dispatch_wake(&d), -1);
	assert_false(w[3].task.begun);

	reply(&d, &w[2], status(200), 2);
	assert_true(w[2].stopped);
	assert_ptr_equal(next(&d, 2), &w[2]);	/* the verifying describe */
	reply(&d, &w[2], failed(FAILURE_LOST), 3);
	assert_string_equal(buf_str(&w[2].seen), "200 b;broken;");
	reply(&d, &w[1], status(429), 3);
	assert_string_equal(buf_str(&w[1].seen), "broken;429 b;");
	assert_true(dispatch_idle(&d));
	for (size_t i = 0; i < 4; i++)
		work_done(&w[i]);
}

static void the_deadline_ends_waits_as_stop_does(void **state)
{
	struct workflow_task w[3] = { WORK(OP_UPDATE, OP_DESCRIBE), WORK(OP_CREATE, OP_LIST), WORK(OP_LIST) };
	struct dispatch d;

	dispatch_init(&d, 2, 2000, 1);
	for (size_t i = 0; i < 3; i++)
		dispatch_add(&d, &w[i].task);
	assert_ptr_equal(next(&d, 0), &w[0]);
	assert_ptr_equal(next(&d, 0), &w[1]);
	assert_int_equal(dispatch_wake(&d), 2000);
	reply(&d, &w[0], failed(FAILURE_UNSENT), 1499);
	reply(&d, &w[1], failed(FAILURE_LOST), 1499);
	assert_false(d.stop);
	assert_int_equal(dispatch_wake(&d), 0);
	struct workflow_task *first = next(&d, 2000);	/* which wait would have been shorter is chance */
	assert_ptr_equal(next(&d, 2000), first == &w[0] ? &w[1] : &w[0]);
	assert_string_equal(buf_str(&w[0].seen), "broken;");
	assert_true(w[0].stopped);
	assert_int_equal(w[0].task.request.operation, OP_DESCRIBE);
	assert_false(w[2].task.begun);
	assert_int_equal(dispatch_wake(&d), -1);
	reply(&d, &w[1], status(200), 2001);
	reply(&d, &w[0], failed(FAILURE_UNSENT), 2001);
	assert_string_equal(buf_str(&w[0].seen), "broken;broken;");
	assert_true(dispatch_idle(&d));
	for (size_t i = 0; i < 3; i++)
		work_done(&w[i]);
}

static void an_answer_has_time_until_the_deadline_and_a_write_a_moment_at_least(void **state)
{
	static const struct { enum operation operation; int64_t deadline, most; } cases[] = {
		{ OP_LIST, 5000, 4000 }, { OP_DESCRIBE, 1001, 1 }, { OP_DESCRIBE, -1, 0 },
		{ OP_CREATE, 5000, 4000 }, { OP_UPDATE, 5000, 4000 }, { OP_DELETE, 5000, 4000 },
		{ OP_CREATE, 1001, 2000 }, { OP_UPDATE, 2999, 2000 }, { OP_DELETE, 3001, 2001 }, { OP_CREATE, -1, 0 },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(work_done) struct workflow_task w = WORK(cases[i].operation, OP_DESCRIBE);
		struct dispatch d;

		dispatch_init(&d, 1, cases[i].deadline, 3);
		dispatch_add(&d, &w.task);
		assert_ptr_equal(next(&d, 1000), &w);
		assert_int_equal(w.task.request.most_ms, cases[i].most);
		/* What checks a write is asked after the deadline too, and has a moment. */
		reply(&d, &w, status(200), 6000);
		assert_ptr_equal(next(&d, 6000), &w);
		assert_int_equal(w.task.request.most_ms, cases[i].deadline < 0 ? 0 : 2000);
		reply(&d, &w, status(200), 6000);
	}
}

struct journal_task { struct task task; struct buf *journal; const char *name; };

static enum task_next journal_step(struct task *task, const struct answer *answer, struct request *next)
{
	struct journal_task *j = (struct journal_task *)task;

	buf_addf(j->journal, "%s %s;", j->name, answer ? "learns" : "asks");
	*next = (struct request){ .operation = OP_CREATE, .path = "/", .what = j->name };
	return answer ? TASK_DONE : TASK_ASK;
}

static void add_commit(void *journal)
{
	buf_adds(journal, "commit;");
}

static void all_of_a_round_is_committed_at_once_before_any_of_it_is_sent(void **state)
{
	CLEANUP(buf_done) struct buf journal = BUF_TEXT;
	struct journal_task tasks[3] = {
		{ { .step = journal_step }, &journal, "a" }, { { .step = journal_step }, &journal, "b" },
		{ { .step = journal_step }, &journal, "c" },
	};
	const struct answer ok = status(200);
	struct dispatch d;

	dispatch_init(&d, 2, -1, 1);
	d.commit = add_commit;
	d.commit_context = &journal;
	for (size_t i = 0; i < ARRAY_LEN(tasks); i++)
		dispatch_add(&d, &tasks[i].task);
	struct task *round = dispatch_round(&d, 0);
	assert_string_equal(buf_str(&journal), "a asks;b asks;commit;");
	assert_ptr_equal(round, &tasks[0]);
	assert_ptr_equal(round->next, &tasks[1]);
	assert_null(round->next->next);
	dispatch_answer(&d, &tasks[0].task, &ok, 0);
	dispatch_answer(&d, &tasks[1].task, &ok, 0);
	assert_ptr_equal(dispatch_round(&d, 0), &tasks[2]);
	assert_string_equal(buf_str(&journal), "a asks;b asks;commit;a learns;b learns;c asks;commit;");
	/* What is learnt is committed, too, if nothing follows from it. */
	dispatch_answer(&d, &tasks[2].task, &ok, 0);
	assert_null(dispatch_round(&d, 0));
	assert_string_equal(buf_str(&journal), "a asks;b asks;commit;a learns;b learns;c asks;commit;c learns;commit;");
}

static void an_answer_after_the_deadline_is_final(void **state)
{
	CLEANUP(work_done) struct workflow_task w = WORK(OP_DESCRIBE);
	struct dispatch d;

	dispatch_init(&d, 1, 100, 1);
	dispatch_add(&d, &w.task);
	assert_non_null(next(&d, 99));
	reply(&d, &w, status(503), 100);
	assert_string_equal(buf_str(&w.seen), "503 b;");
	assert_true(w.stopped);
	assert_true(dispatch_idle(&d));
}

static void a_401_stops_everything(void **state)
{
	struct workflow_task w[3] = { WORK(OP_DESCRIBE), WORK(OP_DESCRIBE), WORK(OP_DESCRIBE) };
	struct dispatch d;

	dispatch_init(&d, 2, -1, 1);
	for (size_t i = 0; i < 3; i++)
		dispatch_add(&d, &w[i].task);
	assert_non_null(next(&d, 0));
	assert_non_null(next(&d, 0));
	reply(&d, &w[0], status(503), 0);
	assert_false(d.unauthorised);
	reply(&d, &w[1], status(401), 0);
	assert_true(d.unauthorised);
	assert_true(d.stop);
	assert_null(next(&d, 0));
	assert_string_equal(buf_str(&w[0].seen), "503 b;");
	assert_string_equal(buf_str(&w[1].seen), "401 b;");
	assert_false(w[2].task.begun);
	assert_true(dispatch_idle(&d));
	for (size_t i = 0; i < 3; i++)
		work_done(&w[i]);
}

static void a_long_answer_is_cut_while_it_waits(void **state)
{
	static char body[100000];
	CLEANUP(work_done) struct workflow_task w = WORK(OP_DESCRIBE);
	struct answer answer = status(503);
	struct dispatch d;

	memset(body, 'x', sizeof body - 1);
	answer.body = body;
	answer.len = sizeof body - 1;
	dispatch_init(&d, 1, -1, 1);
	dispatch_add(&d, &w.task);
	assert_non_null(next(&d, 0));
	reply(&d, &w, answer, 0);
	dispatch_stop(&d);
	assert_null(next(&d, 0));
	assert_int_equal(w.seen.len, strlen("503 ;") + 65536);
}

static void a_hurry_ends_all_waits_and_lets_fresh_tasks_begin(void **state)
{
	struct workflow_task waiting = WORK(OP_DESCRIBE), under_way = WORK(OP_DESCRIBE), fresh = WORK(OP_DESCRIBE);
	struct dispatch d;

	dispatch_init(&d, 2, -1, 1);
	dispatch_add(&d, &waiting.task);
	dispatch_add(&d, &under_way.task);
	dispatch_add(&d, &fresh.task);
	assert_ptr_equal(next(&d, 0), &waiting);
	assert_ptr_equal(next(&d, 0), &under_way);
	reply(&d, &waiting, status(503), 0);
	dispatch_hurry(&d);
	assert_int_equal(dispatch_wake(&d), 0);
	assert_ptr_equal(next(&d, 1), &fresh);
	assert_string_equal(buf_str(&waiting.seen), "503 b;");
	assert_false(fresh.stopped);
	/* No new wait begins. */
	reply(&d, &under_way, failed(FAILURE_UNSENT), 2);
	reply(&d, &fresh, status(503), 2);
	assert_string_equal(buf_str(&under_way.seen), "broken;");
	assert_string_equal(buf_str(&fresh.seen), "503 b;");
	assert_true(dispatch_idle(&d));
	work_done(&waiting);
	work_done(&under_way);
	work_done(&fresh);
}

/* What was just written would be judged too early. */
static void what_a_task_waits_for_by_itself_is_a_second_at_most_in_a_hurry(void **state)
{
	static const struct { int64_t wait, due; } cases[] = { { 0, 0 }, { 800, 800 }, { 1000, 1000 }, { 30000, 1000 } };

	for (size_t i = 0; i < ARRAY_LEN(cases) * 2; i++) {
		CLEANUP(work_done) struct workflow_task w = WORK(OP_UPDATE, OP_DESCRIBE);
		bool before = i % 2;
		struct dispatch d;

		w.wait_ms = cases[i / 2].wait;
		dispatch_init(&d, 1, -1, 1);
		dispatch_add(&d, &w.task);
		if (before)
			dispatch_hurry(&d);
		assert_non_null(next(&d, 0));
		reply(&d, &w, status(204), 0);
		assert_int_equal(w.task.hurried, before);
		dispatch_hurry(&d);
		if (cases[i / 2].due)
			assert_null(next(&d, 0));
		assert_int_equal(dispatch_wake(&d), cases[i / 2].due);
		assert_ptr_equal(next(&d, dispatch_wake(&d)), &w);
		reply(&d, &w, status(200), 5000);
		assert_true(dispatch_idle(&d));
	}
}

static void a_write_whose_answer_was_lost_is_looked_up_within_a_second_in_a_hurry(void **state)
{
	CLEANUP(work_done) struct workflow_task w = WORK(OP_CREATE, OP_LIST);
	struct answer answer = status(503);
	struct dispatch d;

	answer.retry_after_ms = 60000;
	dispatch_init(&d, 1, -1, 1);
	dispatch_add(&d, &w.task);
	assert_non_null(next(&d, 0));
	dispatch_hurry(&d);
	reply(&d, &w, answer, 0);
	assert_string_equal(buf_str(&w.seen), "503 b;");
	assert_null(next(&d, 999));
	assert_int_equal(dispatch_wake(&d), 1000);
	assert_ptr_equal(next(&d, 1000), &w);
	reply(&d, &w, status(200), 1000);
}

static void a_hurry_is_a_stop_where_the_service_wants_to_be_left_alone(void **state)
{
	for (unsigned before = 0; before < 2; before++) {
		CLEANUP(work_done) struct workflow_task asked = WORK(OP_DESCRIBE);
		struct workflow_task fresh = WORK(OP_DESCRIBE);
		struct dispatch d;

		dispatch_init(&d, 1, -1, 1);
		dispatch_add(&d, &asked.task);
		dispatch_add(&d, &fresh.task);
		assert_ptr_equal(next(&d, 0), &asked);
		if (before)
			dispatch_hurry(&d);
		reply(&d, &asked, status(429), 0);
		dispatch_hurry(&d);
		assert_int_equal(dispatch_wake(&d), 0);
		assert_null(next(&d, 1));
		assert_string_equal(buf_str(&asked.seen), "429 b;");
		assert_false(fresh.task.begun);
		assert_true(dispatch_idle(&d));
	}
}

static void a_stop_ends_what_a_hurry_still_waits_for(void **state)
{
	CLEANUP(work_done) struct workflow_task w = WORK(OP_UPDATE, OP_DESCRIBE);
	struct dispatch d;

	w.wait_ms = 1000;
	dispatch_init(&d, 1, -1, 1);
	dispatch_add(&d, &w.task);
	dispatch_hurry(&d);
	assert_non_null(next(&d, 0));
	reply(&d, &w, status(204), 0);
	assert_null(next(&d, 1));
	dispatch_stop(&d);
	assert_ptr_equal(next(&d, 2), &w);
	reply(&d, &w, status(200), 2);
	assert_true(w.stopped);
}

static void a_request_is_sent_again_for_ten_seconds_within_the_deadline(void **state)
{
	static const struct { int64_t deadline, now, wanted; } cases[] = {
		{ -1, 5000, 10000 }, { 20000, 5000, 10000 }, { 20000, 17000, 3000 },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct dispatch d;
		dispatch_init(&d, 1, cases[i].deadline, 1);
		assert_int_equal(dispatch_retry_ms(&d, cases[i].now), cases[i].wanted);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_answer_is_final_or_sent_again_as_the_header_says),
		cmocka_unit_test(waits_double_up_to_the_limit_of_attempts_and_end_with_the_answer),
		cmocka_unit_test(no_wait_is_longer_than_half_a_minute_of_itself),
		cmocka_unit_test(two_seeds_wait_differently),
		cmocka_unit_test(retry_after_is_kept_where_it_is_longer),
		cmocka_unit_test(a_wait_past_the_deadline_is_not_begun),
		cmocka_unit_test(retry_after_lifts_the_limit_of_attempts_only_before_a_deadline),
		cmocka_unit_test(at_most_so_many_are_in_flight_and_never_two_of_one_task),
		cmocka_unit_test(a_429_halves_what_is_allowed_and_good_answers_give_it_back),
		cmocka_unit_test(what_is_allowed_never_passes_what_the_caller_allows),
		cmocka_unit_test(after_a_429_nothing_is_sent_until_its_wait_is_over),
		cmocka_unit_test(a_shorter_wait_does_not_cut_a_longer_one_short),
		cmocka_unit_test(stopping_does_not_wait_for_what_a_429_asked),
		cmocka_unit_test(stopping_ends_waits_though_nothing_more_may_be_sent),
		cmocka_unit_test(a_task_may_wait_before_it_asks_again_until_the_dispatcher_stops),
		cmocka_unit_test(what_is_due_at_one_time_goes_in_the_order_it_came),
		cmocka_unit_test(fresh_tasks_go_while_others_wait),
		cmocka_unit_test(a_task_has_written_from_its_first_write_on),
		cmocka_unit_test(a_task_may_end_without_asking),
		cmocka_unit_test(stop_drops_fresh_tasks_ends_waits_and_lets_steps_end),
		cmocka_unit_test(the_deadline_ends_waits_as_stop_does),
		cmocka_unit_test(an_answer_has_time_until_the_deadline_and_a_write_a_moment_at_least),
		cmocka_unit_test(all_of_a_round_is_committed_at_once_before_any_of_it_is_sent),
		cmocka_unit_test(an_answer_after_the_deadline_is_final),
		cmocka_unit_test(a_request_is_sent_again_for_ten_seconds_within_the_deadline),
		cmocka_unit_test(a_401_stops_everything),
		cmocka_unit_test(a_long_answer_is_cut_while_it_waits),
		cmocka_unit_test(a_hurry_ends_all_waits_and_lets_fresh_tasks_begin),
		cmocka_unit_test(what_a_task_waits_for_by_itself_is_a_second_at_most_in_a_hurry),
		cmocka_unit_test(a_write_whose_answer_was_lost_is_looked_up_within_a_second_in_a_hurry),
		cmocka_unit_test(a_hurry_is_a_stop_where_the_service_wants_to_be_left_alone),
		cmocka_unit_test(a_stop_ends_what_a_hurry_still_waits_for),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
