#include "tests/test.h"
#include "agent/net/request_loop.h"
#include "agent/util/shutdown_signals.h"
#include "tests/agent/net/badserver.h"

#include <signal.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <time.h>

#include "reconcile/base/buf.h"

static struct badserver server;

struct workflow_task {
	struct task task;
	const char *path[2];	/* NULL: no second request */
	unsigned asked;
	bool writes;		/* with the first request */
	int stop_fd;		/* written to when the first answer comes; 0: none */
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
	if (answer && w->asked == 1 && w->stop_fd)
		eventfd_write(w->stop_fd, 1);
	if (w->asked == 2 || !w->path[w->asked])
		return TASK_DONE;
	*next = (struct request){ .operation = w->writes && !answer ? OP_DELETE : OP_DESCRIBE,
	                          .path = w->path[w->asked++], .what = "x" };
	return TASK_ASK;
}

#define WORK(first, second) { .task.step = work_step, .path = { first, second }, .seen = BUF_TEXT }

struct client {
	struct arena arena;
	struct endpoint endpoint;
	struct service_client *rest;
};

static void client_open(struct client *c, unsigned connections)
{
	struct service_client_options options = { .endpoint = &c->endpoint, .connections = connections };
	struct err err;

	c->endpoint.url = arena_printf(&c->arena, "http://127.0.0.1:%s", server.name);
	assert_true(service_client_open(&options, &c->rest, &err));
}

static void client_done(struct client *c)
{
	service_client_close(c->rest);
	arena_free(&c->arena);
}

static void a_429_is_sent_again_after_its_wait(void **state)
{
	CLEANUP(client_done) struct client c = { 0 };
	struct workflow_task w = WORK("/busy-once", NULL);
	struct dispatch d;
	int64_t begun = clock_monotonic();

	client_open(&c, 2);
	dispatch_init(&d, 2, -1, 1);
	dispatch_add(&d, &w.task);
	assert_true(request_loop_run(c.rest, &d, -1, NULL));
	assert_string_equal(buf_str(&w.seen), "200 done;");
	assert_int_equal(d.retries, 1);
	assert_true(clock_monotonic() - begun >= 250);
	buf_done(&w.seen);
}

static void many_tasks_share_few_connections(void **state)
{
	CLEANUP(client_done) struct client c = { 0 };
	struct workflow_task w[200];
	struct dispatch d;

	client_open(&c, 4);
	dispatch_init(&d, 4, -1, 1);
	for (size_t i = 0; i < ARRAY_LEN(w); i++) {
		w[i] = (struct workflow_task)WORK("/bytes/1", "/bytes/2");
		dispatch_add(&d, &w[i].task);
	}
	assert_true(request_loop_run(c.rest, &d, -1, NULL));
	for (size_t i = 0; i < ARRAY_LEN(w); i++) {
		assert_string_equal(buf_str(&w[i].seen), "200 x;200 xx;");
		buf_done(&w[i].seen);
	}
	assert_int_equal(d.total, 400);
}

static void stopping_lets_the_task_under_way_end_and_begins_no_other(void **state)
{
	CLEANUP(client_done) struct client c = { 0 };
	struct workflow_task under_way = WORK("/bytes/1", "/bytes/2"), fresh = WORK("/bytes/1", NULL);
	struct dispatch d;

	client_open(&c, 1);
	dispatch_init(&d, 1, -1, 1);
	under_way.stop_fd = eventfd(0, EFD_CLOEXEC);
	dispatch_add(&d, &under_way.task);
	dispatch_add(&d, &fresh.task);
	assert_false(request_loop_run(c.rest, &d, under_way.stop_fd, NULL));
	assert_string_equal(buf_str(&under_way.seen), "200 x;200 xx;");
	assert_false(fresh.task.begun);
	buf_done(&under_way.seen);
	close(under_way.stop_fd);
}

static void stopping_waits_for_a_write_and_what_follows_it_but_for_no_other_read(void **state)
{
	CLEANUP(client_done) struct client c = { 0 };
	struct workflow_task hangs = WORK("/silent", NULL), written = WORK("/bytes/1", "/second");
	struct workflow_task writes = WORK("/second", "/bytes/2");
	struct dispatch d;

	client_open(&c, 3);
	dispatch_init(&d, 3, -1, 1);
	written.writes = writes.writes = true;
	written.stop_fd = eventfd(0, EFD_CLOEXEC);
	dispatch_add(&d, &hangs.task);
	dispatch_add(&d, &writes.task);
	dispatch_add(&d, &written.task);
	assert_false(request_loop_run(c.rest, &d, written.stop_fd, NULL));
	assert_string_equal(buf_str(&hangs.seen), "it was stopped;");
	assert_string_equal(buf_str(&written.seen), "200 x;200 ok;");
	assert_string_equal(buf_str(&writes.seen), "200 ok;200 xx;");
	buf_done(&hangs.seen);
	buf_done(&written.seen);
	buf_done(&writes.seen);
	close(written.stop_fd);
}

static void stopping_ends_a_wait_at_once(void **state)
{
	CLEANUP(client_done) struct client c = { 0 };
	struct workflow_task w = WORK("/busy", NULL);	/* it asks to be left alone for a minute */
	struct itimerspec soon = { .it_value.tv_nsec = 300000000 };
	int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
	struct dispatch d;
	int64_t begun = clock_monotonic();

	client_open(&c, 1);
	dispatch_init(&d, 1, -1, 1);
	dispatch_add(&d, &w.task);
	assert_int_equal(timerfd_settime(timer, 0, &soon, NULL), 0);
	assert_false(request_loop_run(c.rest, &d, timer, NULL));
	assert_string_equal(buf_str(&w.seen), "503 slow down;");
	assert_in_range(clock_monotonic() - begun, 300, 59000);
	buf_done(&w.seen);
	close(timer);
}

static void a_hurry_ends_a_wait_at_once_and_begins_what_is_left(void **state)
{
	CLEANUP(client_done) struct client c = { 0 };
	struct workflow_task waits = WORK("/busy", NULL), fresh = WORK("/bytes/1", NULL);
	struct itimerspec soon = { .it_value.tv_nsec = 300000000 };
	int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
	struct request_loop_watch watch = { .hurry_fd = &timer };
	struct dispatch d;
	int64_t begun = clock_monotonic();

	client_open(&c, 1);
	dispatch_init(&d, 1, -1, 1);
	dispatch_add(&d, &waits.task);
	assert_int_equal(timerfd_settime(timer, 0, &soon, NULL), 0);
	assert_true(request_loop_run(c.rest, &d, -1, &watch));
	assert_string_equal(buf_str(&waits.seen), "503 slow down;");
	assert_in_range(clock_monotonic() - begun, 300, 30000);
	/* The next phase of the same cycle hurries too. */
	dispatch_add(&d, &fresh.task);
	assert_true(request_loop_run(c.rest, &d, -1, &watch));
	assert_string_equal(buf_str(&fresh.seen), "200 x;");
	buf_done(&waits.seen);
	buf_done(&fresh.seen);
	close(timer);
}

static void sigusr2_is_a_hurry(void **state)
{
	CLEANUP(client_done) struct client c = { 0 };
	struct workflow_task w = WORK("/busy", NULL);
	struct request_loop_watch watch = { 0 };
	struct dispatch d;
	struct err err;
	int fd, again;

	assert_true(shutdown_signals_watch_hurry(&fd, &err));
	assert_true(shutdown_signals_watch_hurry(&again, &err));
	assert_int_equal(fd, again);
	watch.hurry_fd = &fd;
	/* As often as somebody likes. */
	for (unsigned i = 0; i < 100000; i++)
		assert_int_equal(raise(SIGUSR2), 0);
	client_open(&c, 1);
	dispatch_init(&d, 1, -1, 1);
	dispatch_add(&d, &w.task);
	assert_true(request_loop_run(c.rest, &d, -1, &watch));
	assert_string_equal(buf_str(&w.seen), "503 slow down;");
	assert_int_equal(shutdown_signals_received(), 0);
	buf_done(&w.seen);
}

static void count(void *context)
{
	++*(int *)context;
}

static void a_watcher_is_called_ten_times_a_second(void **state)
{
	CLEANUP(client_done) struct client c = { 0 };
	struct workflow_task w = WORK("/second", NULL);
	int64_t begun = clock_monotonic();
	int ticks = 0;
	struct request_loop_watch watch = { .tick = count, .context = &ticks };
	struct dispatch d;

	client_open(&c, 1);
	dispatch_init(&d, 1, -1, 1);
	dispatch_add(&d, &w.task);
	assert_true(request_loop_run(c.rest, &d, -1, &watch));
	assert_string_equal(buf_str(&w.seen), "200 ok;");
	assert_in_range(ticks, 2, (clock_monotonic() - begun) / 100);
	buf_done(&w.seen);
}

/* Its step with an answer takes so long that the answers to all others arrive meanwhile. */
static enum task_next slow_step(struct task *task, const struct answer *answer, struct request *next)
{
	if (answer)
		nanosleep(&(struct timespec){ .tv_nsec = 300000000 }, NULL);
	*next = (struct request){ .operation = OP_DESCRIBE, .path = "/bytes/1", .what = "x" };
	return answer ? TASK_DONE : TASK_ASK;
}

static void answers_that_are_there_make_one_round(void **state)
{
	int commits = 0;

	/* On a busy machine an answer may take longer than a step. */
	for (unsigned tries = 0; tries < 10 && commits != 1; tries++) {
		CLEANUP(client_done) struct client c = { 0 };
		struct task tasks[3] = { { .step = slow_step }, { .step = slow_step }, { .step = slow_step } };
		struct dispatch d;

		client_open(&c, ARRAY_LEN(tasks));
		dispatch_init(&d, ARRAY_LEN(tasks), -1, 1);
		commits = 0;
		d.commit = count;
		d.commit_context = &commits;
		for (size_t i = 0; i < ARRAY_LEN(tasks); i++)
			dispatch_add(&d, &tasks[i]);
		assert_true(request_loop_run(c.rest, &d, -1, NULL));
	}
	assert_int_equal(commits, 1);
}

static int start(void **state)
{
	badserver_start(&server, (const char *const[]){ NULL });
	return 0;
}

static int stop(void **state)
{
	badserver_stop(&server);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_429_is_sent_again_after_its_wait),
		cmocka_unit_test(many_tasks_share_few_connections),
		cmocka_unit_test(stopping_lets_the_task_under_way_end_and_begins_no_other),
		cmocka_unit_test(stopping_waits_for_a_write_and_what_follows_it_but_for_no_other_read),
		cmocka_unit_test(stopping_ends_a_wait_at_once),
		cmocka_unit_test(a_hurry_ends_a_wait_at_once_and_begins_what_is_left),
		cmocka_unit_test(sigusr2_is_a_hurry),
		cmocka_unit_test(a_watcher_is_called_ten_times_a_second),
		cmocka_unit_test(answers_that_are_there_make_one_round),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
