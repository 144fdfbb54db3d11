/* dispatch.h: decides which request is sent next, which one is sent again, and when (design, 6.4).
 *
 * A task is a sequence of requests: describe a workflow, or create
 * one with the lookups around it.  The dispatcher runs many tasks concurrently, with at most
 * one request of each at a time.  It is pure: time (milliseconds of a monotonic clock) is an argument, jitter comes from
 * a seed.  The agent's request_loop.c connects it to service_client.c; tests answer by hand.  The tasks belong to the
 * caller and have to stay until they are done. */
#ifndef RECONCILE_WIRE_DISPATCH_H
#define RECONCILE_WIRE_DISPATCH_H

#include "reconcile/base/buf.h"
#include "reconcile/wire/request.h"

enum task_next { TASK_ASK, TASK_DONE };

struct task {
	/* Called first with answer NULL, then with each final answer.  TASK_ASK: *next
	 * is the request to send; its text stays valid until the next call.  After TASK_DONE it
	 * is not called again and the dispatcher has forgotten the task.  A task keeps its results
	 * in the struct around this one. */
	enum task_next (*step)(struct task *task, const struct answer *answer, struct request *next);

	/* Set by the dispatcher; a task may read them. */
	unsigned attempts;	/* how often the present request was sent */
	unsigned sent;		/* requests sent in all, repeats included */
	bool stopped;		/* the dispatcher stopped, or its deadline passed, while this task was in progress */
	bool hurried;		/* dispatch_hurry() was called before this step: do not wait */
	bool begun;
	bool wrote;		/* a request of it was not a read */
	int64_t due;		/* when the request may be sent */
	struct request request;
	struct answer last;	/* while the request waits to be sent again: the answer so far, final if it is not sent again */
	struct buf kept;	/* the texts of last */
	struct task *next;	/* in the queue that it waits in, or in the round that it is sent in */
};

struct task_queue { struct task *first, **last; };

struct dispatch {
	unsigned most;			/* the caller's limit of concurrent requests */
	unsigned allowed;		/* the present limit: halved by a 429, one more after `allowed` good answers in a row */
	unsigned in_flight, good;	/* requests without an answer; good answers in a row */
	int64_t deadline;		/* -1: none; stop is set when it passes */
	int64_t now;			/* of the last call, for the steps of tasks */
	int64_t quiet_until;		/* after a 429: nothing is sent before */
	uint64_t random;
	struct task_queue fresh;	/* not started */
	struct task *waiting;		/* with a request to send, sorted by due */
	bool stop;			/* no task and no wait is started any longer */
	bool waits_ended;		/* the waits from before stop are over, too */
	bool hurry;			/* no long wait is started any longer */
	bool hurried;			/* the waits from before hurry are over, too */
	bool unauthorised;		/* an answer was 401, which sets stop */
	/* Called in each round, after its tasks have made their requests and before any of these is sent: saves what was
	 * learnt so far, and what is about to be sent.  What is learnt from the answers after the last round is left to the
	 * caller.  Set by the caller after dispatch_init(); NULL: nothing is saved. */
	void (*commit)(void *context);
	void *commit_context;
	unsigned total, retries;	/* requests sent, and how many of them were repeats */
	unsigned by_operation[OPERATION_COUNT];
	int64_t waited_ms;		/* for the answers of all requests together */
};

/* How often one request is sent at most.  After an answer with Retry-After it is sent again until the deadline, if there
 * is one. */
enum { DISPATCH_ATTEMPTS = 6 };
/* The time that these attempts take together, roughly: the waits between them are random. */
enum { DISPATCH_RETRY_MS = 10000 };

/* most: concurrent requests, at least 1.  deadline: a time of the same clock, -1 for none.  The struct must not be moved
 * afterwards; it is used until dispatch_idle(), and then owns nothing. */
void dispatch_init(struct dispatch *d, unsigned most, int64_t deadline, uint64_t seed);

/* Adds a task that has not started; it has to stay where it is until it is done. */
void dispatch_add(struct dispatch *d, struct task *task);

/* The tasks whose requests (task->request) are to be sent now, linked by next; NULL if no request is to be sent now.  One
 * commit() for all of them has returned by then.  The caller has to send all of them before it gives an answer.  Tasks
 * may end in this call: a fresh one may be done without a request; after a stop or past the deadline fresh ones
 * are dropped, and waiting ones get their last answer as the final one. */
struct task *dispatch_round(struct dispatch *d, int64_t now);

/* The time at which dispatch_round() may return a task without another answer; -1: not without an answer. */
int64_t dispatch_wake(const struct dispatch *d);

/* Takes the answer to a request of dispatch_round(); what its task learns is committed by the next round.  It is final, unless it is one of: 429, 500, 502,
 * 503, 504, nothing sent, answer lost.  Then the request waits and is sent again (exponential
 * backoff from 500 ms with jitter, at most 30 s; Retry-After if that is longer), up to
 * DISPATCH_ATTEMPTS times and within the deadline.  A POST is sent again only after
 * 429, after 503 with Retry-After or when nothing was sent: otherwise the service may have carried it out, so the task
 * gets the answer, and its next request (a lookup) waits as long as the repeated one would have.  Returns
 * how many milliseconds the same request waits; -1: the answer was final. */
int64_t dispatch_answer(struct dispatch *d, struct task *task, const struct answer *answer,
                        int64_t now);

/* How long a request is sent again from now on, roughly: not beyond the deadline. */
int64_t dispatch_retry_ms(const struct dispatch *d, int64_t now);

/* Starts no further tasks.  Answers to requests that were sent are waited for, and their tasks continue to their end,
 * so that no step is left half done.  For a task that wrote nothing the caller may answer FAILURE_GIVEN_UP instead. */
void dispatch_stop(struct dispatch *d);

/* Starts tasks as before, but ends long waits: for a request that waits to be sent
 * again, now or later, the last answer becomes the final one.  Only the wait before a task reads the result of its own
 * write remains, for a second at most.  After a 429 this is a dispatch_stop(). */
void dispatch_hurry(struct dispatch *d);

/* True if no task is fresh, waiting or in flight. */
bool dispatch_idle(const struct dispatch *d);

#endif
