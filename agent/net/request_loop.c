#include "agent/net/request_loop.h"

#include <limits.h>

#include "agent/util/fd.h"

enum { TICK_MS = 100 };

/* Milliseconds until wake as service_client_wait() wants them. */
static int milliseconds_until(int64_t wake)
{
	int64_t left = wake - clock_monotonic();

	if (wake < 0)
		return -1;
	return left < 0 ? 0 : left < INT_MAX ? (int)left : INT_MAX;
}

static void send_round(struct service_client *rest, struct dispatch *dispatch)
{
	for (struct task *task = dispatch_round(dispatch, clock_monotonic()); task; task = task->next)
		service_client_send(rest, &task->request, task);
}

/* Calls tick once TICK_MS have gone by since *last. */
static void tick_if_due(const struct request_loop_watch *watch, int64_t *last)
{
	int64_t now = clock_monotonic();

	if (now - *last < TICK_MS)
		return;
	*last = now;
	watch->tick(watch->context);
}

static void handle_answer(struct dispatch *dispatch, struct task *task, const struct answer *answer,
                          const struct request_loop_watch *watch)
{
	int64_t wait_ms = dispatch_answer(dispatch, task, answer, clock_monotonic());

	if (wait_ms >= 0 && watch && watch->again)
		watch->again(watch->context, dispatch, task, answer, wait_ms);
}

static bool task_only_reads(const void *task)
{
	return !((const struct task *)task)->wrote;
}

/* Calls dispatch_hurry() if it is time to, and then forgets the descriptor: it stays readable. */
static void hurry_if_asked(struct dispatch *dispatch, int *hurry_fd)
{
	if (!fd_readable(*hurry_fd))
		return;
	*hurry_fd = -1;
	dispatch_hurry(dispatch);
}

bool request_loop_run(struct service_client *rest, struct dispatch *dispatch, int stop_fd,
                      const struct request_loop_watch *watch)
{
	bool watched = watch && watch->tick, stopped = false;
	int hurry_fd = watch && watch->hurry_fd ? *watch->hurry_fd : -1;
	int64_t ticked = clock_monotonic();
	struct answer answer;
	void *task;

	while (!dispatch_idle(dispatch)) {
		/* Looked at here too: as long as answers keep coming, service_client_wait() never gets to
		 * it. */
		if (!stopped && fd_readable(stop_fd)) {
			stopped = true;
			dispatch_stop(dispatch);
			service_client_give_up(rest, task_only_reads);
		}
		hurry_if_asked(dispatch, &hurry_fd);
		send_round(rest, dispatch);
		if (dispatch_idle(dispatch))
			break;
		int wait = milliseconds_until(dispatch_wake(dispatch));
		if (watched && (wait < 0 || wait > TICK_MS))
			wait = TICK_MS;
		bool answered = service_client_wait(rest, wait, stopped ? -1 : stop_fd, hurry_fd, &task, &answer);
		/* All answers that are there make one round, which is committed once. */
		for (; answered; answered = service_client_wait(rest, 0, -1, -1, &task, &answer))
			handle_answer(dispatch, task, &answer, watch);
		if (watched)
			tick_if_due(watch, &ticked);
	}
	return !stopped;
}
