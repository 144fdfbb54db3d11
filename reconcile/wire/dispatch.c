#include "reconcile/wire/dispatch.h"

#include <assert.h>
#include <string.h>

#include "reconcile/base/jitter.h"

enum {
	BACKOFF_FIRST_MS = 500,
	BACKOFF_MOST_MS = 30000,
	KEPT_BODY_MAX = 64 << 10,	/* bytes of an answer that is kept during a wait: the text of an error */
};

/* After dispatch_hurry(): the wait before the result of a write is read. */
static const int64_t HURRY_WAIT_MS = 1000;

/* The least time for the answer to a write. */
static const int64_t LAST_MS = 2000;

/* The longest wait, so that no Retry-After makes a time overflow. */
static const int64_t WAIT_MOST_MS = (int64_t)7 * 24 * 3600 * 1000;

static void queue_init(struct task_queue *q)
{
	q->first = NULL;
	q->last = &q->first;
}

static void queue_add(struct task_queue *q, struct task *task)
{
	task->next = NULL;
	*q->last = task;
	q->last = &task->next;
}

static struct task *queue_pop(struct task_queue *q)
{
	struct task *task = q->first;

	if (task && !(q->first = task->next))
		q->last = &q->first;
	return task;
}

/* Waiting tasks are sorted by due; equal ones stay in the order in which they were added. */
static void queue_waiting(struct dispatch *d, struct task *task, int64_t due)
{
	struct task **place = &d->waiting;

	while (*place && (*place)->due <= due)
		place = &(*place)->next;
	task->due = due;
	task->next = *place;
	*place = task;
}

/* Between half and all of 500 ms, 1 s, 2 s, ..., so that clients that failed together do not retry together. */
static int64_t backoff_wait(struct dispatch *d, unsigned attempts)
{
	int64_t most = BACKOFF_FIRST_MS;

	for (unsigned i = 1; i < attempts && most < BACKOFF_MOST_MS; i++)
		most *= 2;
	if (most > BACKOFF_MOST_MS)
		most = BACKOFF_MOST_MS;
	return most / 2 + jitter(&d->random, most / 2);
}

int64_t dispatch_retry_ms(const struct dispatch *d, int64_t now)
{
	return d->deadline >= 0 && d->deadline - now < DISPATCH_RETRY_MS ? d->deadline - now : DISPATCH_RETRY_MS;
}

static int64_t wait_before_next(struct dispatch *d, const struct task *task,
                                const struct answer *answer)
{
	int64_t wait = backoff_wait(d, task->attempts);

	if (wait < answer->retry_after_ms)
		wait = answer->retry_after_ms;
	return wait < WAIT_MOST_MS ? wait : WAIT_MOST_MS;
}

/* True if a later answer may be a different one. */
static bool is_temporary(const struct answer *answer)
{
	switch (answer->failure) {
	case FAILURE_UNSENT:
	case FAILURE_LOST:
		return !answer->hopeless;
	case FAILURE_TOO_LARGE:
	case FAILURE_GIVEN_UP:
		return false;
	case FAILURE_NONE:
		break;
	}
	switch (answer->status) {
	case 429: case 500: case 502: case 503: case 504:
		return true;
	default:
		return false;
	}
}

/* True if the service has certainly not carried out the request, or if carrying it out twice does no harm. */
static bool may_repeat(const struct request *request, const struct answer *answer)
{
	return operation_method(request->operation) != METHOD_POST
	    || answer->failure == FAILURE_UNSENT || answer_refuses_for_now(answer);
}

/* Without a deadline Retry-After does not lift the limit: the retries might never end. */
static bool attempts_left(const struct dispatch *d, const struct task *task,
                          const struct answer *answer)
{
	return task->attempts < DISPATCH_ATTEMPTS
	    || (answer->retry_after_ms >= 0 && d->deadline >= 0);
}

/* Stops when the deadline has passed, or when a hurried dispatcher would have to wait after a 429: the other requests
 * would get the same answer. */
static void stop_when_late(struct dispatch *d, int64_t now)
{
	if ((d->deadline >= 0 && now >= d->deadline) || (d->hurry && now < d->quiet_until))
		d->stop = true;
}

static int64_t limit_wait(const struct dispatch *d, int64_t wait_ms)
{
	if (d->stop)
		return 0;
	return d->hurry && wait_ms > HURRY_WAIT_MS ? HURRY_WAIT_MS : wait_ms;
}

/* Passes a final answer (NULL: the task starts) to the task, and queues its next request, which is not sent
 * before due. */
static void advance_task(struct dispatch *d, struct task *task, const struct answer *answer, int64_t due)
{
	struct request next = { 0 };

	task->stopped |= d->stop;
	task->hurried |= d->hurry;
	if (task->step(task, answer, &next) == TASK_DONE)
		return;		/* it may be freed by now */
	task->request = next;
	task->attempts = 0;
	queue_waiting(d, task, due + limit_wait(d, next.wait_ms));
}

/* Copies the texts of the answer, which are freed with the connection while the task still waits. */
static void keep_answer(struct task *task, const struct answer *answer)
{
	const char *type = answer->type ? answer->type : "";
	const char *error = answer->error ? answer->error : "";
	size_t len = answer->len < KEPT_BODY_MAX ? answer->len : KEPT_BODY_MAX;
	struct buf text = BUF_TEXT;

	buf_add(&text, type, strlen(type) + 1);
	buf_add(&text, error, strlen(error) + 1);
	if (len > 0)
		buf_add(&text, answer->body, len);
	task->kept = text;
	task->last = *answer;
	task->last.type = text.text;
	task->last.error = answer->error ? text.text + strlen(type) + 1 : NULL;
	task->last.body = text.text + strlen(type) + strlen(error) + 2;
	task->last.len = len;
}

/* Ends all waits: the last answer of each request becomes final; a request that was not sent yet becomes due as soon as
 * allowed. */
static void end_waits(struct dispatch *d, int64_t now)
{
	struct task *task = d->waiting;

	d->waits_ended = d->stop;
	d->hurried = true;
	d->waiting = NULL;
	for (struct task *next; task; task = next) {
		next = task->next;
		if (task->attempts == 0) {
			int64_t left = task->due > now ? task->due - now : 0;
			queue_waiting(d, task, now + limit_wait(d, left));
			continue;
		}
		/* Taken out of the task first: its owner may free it in the last step. */
		struct answer last = task->last;
		struct buf kept = task->kept;
		task->kept = BUF_TEXT;
		advance_task(d, task, &last, now);
		buf_done(&kept);
	}
}

/* How long to wait for the answer, in ms; 0: no limit.  No answer is waited for after the deadline, except that a write,
 * and what checks it, has a moment: it may be sent right before the deadline. */
static int64_t answer_time_limit(const struct dispatch *d, const struct task *task)
{
	int64_t left = d->deadline - d->now;

	if (d->deadline < 0)
		return 0;
	return left < LAST_MS && (task->wrote || left <= 0) ? LAST_MS : left;
}

static struct task *take_waiting(struct dispatch *d)
{
	struct task *task = d->waiting;

	d->waiting = task->next;
	buf_done(&task->kept);
	task->attempts++;
	task->sent++;
	task->wrote |= operation_method(task->request.operation) != METHOD_GET;
	d->in_flight++;
	d->total++;
	d->retries += task->attempts > 1;
	d->by_operation[task->request.operation]++;
	task->request.most_ms = answer_time_limit(d, task);
	return task;
}

void dispatch_init(struct dispatch *d, unsigned most, int64_t deadline, uint64_t seed)
{
	assert(most > 0);
	*d = (struct dispatch){ .most = most, .allowed = most, .deadline = deadline, .random = seed };
	queue_init(&d->fresh);
}

void dispatch_add(struct dispatch *d, struct task *task)
{
	assert(!task->begun);
	task->kept = BUF_TEXT;
	queue_add(&d->fresh, task);
}

/* The task whose request is to be sent now; NULL: none is. */
static struct task *choose_task(struct dispatch *d, int64_t now)
{
	if (d->stop ? !d->waits_ended : d->hurry && !d->hurried)
		end_waits(d, now);
	if (d->stop)
		queue_init(&d->fresh);
	if (d->in_flight >= d->allowed || (now < d->quiet_until && !d->stop))
		return NULL;
	while (!d->waiting || d->waiting->due > now) {
		struct task *task = queue_pop(&d->fresh);
		if (!task)
			return NULL;
		task->begun = true;
		advance_task(d, task, NULL, now);
	}
	return take_waiting(d);
}

/* The time that has passed counts for each request without an answer. */
static void pass_time(struct dispatch *d, int64_t now)
{
	if (d->in_flight && now > d->now)
		d->waited_ms += d->in_flight * (now - d->now);
	d->now = now;
}

struct task *dispatch_round(struct dispatch *d, int64_t now)
{
	struct task_queue round;
	struct task *task;

	queue_init(&round);
	pass_time(d, now);
	stop_when_late(d, now);
	while ((task = choose_task(d, now)))
		queue_add(&round, task);
	if (d->commit)
		d->commit(d->commit_context);
	return round.first;
}

int64_t dispatch_wake(const struct dispatch *d)
{
	int64_t wake;

	if (!d->fresh.first && !d->waiting)
		return -1;
	if (d->stop)
		return d->fresh.first || !d->waits_ended || d->in_flight < d->allowed ? 0 : -1;
	if (d->hurry && !d->hurried)
		return 0;
	if (d->in_flight >= d->allowed)
		return d->deadline;
	wake = d->fresh.first ? 0 : d->waiting->due;
	if (wake < d->quiet_until)
		wake = d->quiet_until;
	return d->deadline >= 0 && d->deadline < wake ? d->deadline : wake;
}

/* Halves the number of concurrent requests when the service says 429, and raises it again slowly. */
static void adapt_rate(struct dispatch *d, const struct answer *answer)
{
	if (answer->status == 429) {
		d->allowed = d->allowed > 1 ? d->allowed / 2 : 1;
		d->good = 0;
	} else if (answer->failure != FAILURE_NONE || answer->status >= 500) {
		d->good = 0;
	} else if (d->allowed < d->most && ++d->good >= d->allowed) {
		d->allowed++;
		d->good = 0;
	}
}

int64_t dispatch_answer(struct dispatch *d, struct task *task, const struct answer *answer,
                        int64_t now)
{
	int64_t due = now;

	assert(d->in_flight > 0);
	pass_time(d, now);
	d->in_flight--;
	adapt_rate(d, answer);
	if (answer->status == 401)
		d->unauthorised = d->stop = true;
	if (d->hurry && answer->status == 429)
		d->stop = true;
	stop_when_late(d, now);

	if (!d->stop && is_temporary(answer)) {
		due += limit_wait(d, wait_before_next(d, task, answer));
		bool in_time = (d->deadline < 0 || due < d->deadline) && !d->hurry;
		if (in_time && attempts_left(d, task, answer) && may_repeat(&task->request, answer)) {
			/* The other requests would get the same answer. */
			if (answer->status == 429 && due > d->quiet_until)
				d->quiet_until = due;
			keep_answer(task, answer);
			queue_waiting(d, task, due);
			return due - now;
		}
	}
	advance_task(d, task, answer, due);
	return -1;
}

void dispatch_stop(struct dispatch *d)
{
	d->stop = true;
}

void dispatch_hurry(struct dispatch *d)
{
	d->hurry = true;
}

bool dispatch_idle(const struct dispatch *d)
{
	return !d->fresh.first && !d->waiting && d->in_flight == 0;
}
