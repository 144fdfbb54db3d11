/* dispatch.h: which request goes out next, which is sent again, and when (design section 6).
 *
 * A task is a piece of work made of requests one after the other: describe a workflow, create
 * one with the lookups around it.  The dispatcher holds many and runs them side by side, never
 * two requests of one task at a time.  It is pure: time (milliseconds of a clock that only goes
 * forward) is an argument, jitter comes from a seed.  The agent's request_loop.c joins it to service_client.c;
 * tests answer by hand. */
#ifndef RECONCILE_WIRE_DISPATCH_H
#define RECONCILE_WIRE_DISPATCH_H

#include "reconcile/base/buf.h"
#include "reconcile/wire/request.h"

enum task_next { TASK_ASK, TASK_DONE };

struct task {
	/* Called first with answer NULL, then with each answer that is final.  TASK_ASK: *next
	 * is the request to send; its text stays valid until the next call.  After TASK_DONE it
	 * is not called again and the dispatcher has forgotten the task.  Whatever a task learns
	 * it keeps in the struct around this one. */
	enum task_next (*step)(struct task *task, const struct answer *answer, struct request *next);

	/* Kept by the dispatcher; a task may read them. */
	unsigned attempts;	/* sendings of the present request, 1 for the first */
	unsigned sent;		/* requests in all, each sending counted */
	bool stopped;		/* the dispatcher stopped or its deadline passed while this was under way */
	bool hurried;		/* dispatch_hurry() was called before this step: wait for nobody */
	bool begun;
	bool wrote;		/* one of its requests was more than a read */
	int64_t due;		/* not to be sent before */
	struct request request;
	struct answer last;	/* while it waits to be sent again: the answer that becomes final if it never is */
	struct buf kept;	/* last's text */
	struct task *next;
};

struct task_queue { struct task *first, **last; };

struct dispatch {
	unsigned most;			/* requests at a time that the caller allows */
	unsigned allowed;		/* now: halved by a 429, grows by one for `allowed` good answers in a row */
	unsigned in_flight, good;
	int64_t deadline;		/* -1: none; passing it sets stop */
	int64_t now;			/* of the last call: the time at which a task's step runs */
	int64_t quiet_until;		/* a 429 came that is worth waiting out: nothing is sent before */
	uint64_t random;
	struct task_queue fresh;	/* not begun */
	struct task *waiting;		/* with a request that is to be sent, by the time at which it is due */
	bool stop;			/* no task is begun any more, no wait is begun */
	bool waits_ended;		/* and those that were begun before it are over */
	bool hurry;			/* no long wait is begun any more, */
	bool hurried;			/* and those that were begun before are over */
	bool unauthorised;		/* a 401 came: it set stop */
	unsigned total, retries;	/* requests sent; those of them that were sent again */
	unsigned by_operation[OPERATION_COUNT];
};

/* Sendings of one request.  A service that says Retry-After is asked again as long as the
 * deadline, if there is one, allows. */
enum { DISPATCH_ATTEMPTS = 6 };

/* deadline: in the same clock, -1 for none.  most is at least 1.  The struct is not moved
 * afterwards, and is run until dispatch_idle(): then it owns nothing. */
void dispatch_init(struct dispatch *d, unsigned most, int64_t deadline, uint64_t seed);

/* Adds a task in front of which nothing was sent yet; kept until it is done. */
void dispatch_add(struct dispatch *d, struct task *task);

/* The task whose request (*out) is to be sent now; NULL if none can be.  Ends tasks on the way:
 * a fresh one may be done without asking anything; with stop set or past the deadline fresh ones
 * are dropped unbegun, waiting ones get their last answer as final. */
struct task *dispatch_next(struct dispatch *d, int64_t now, struct request *out);

/* When dispatch_next() may have something without an answer coming in; -1: never. */
int64_t dispatch_wake(const struct dispatch *d);

/* The answer to what dispatch_next() gave.  Final at once, unless it is one of: 429, 500, 502,
 * 503, 504, nothing sent, answer lost; then the request waits and is sent again (exponential
 * backoff from 500 ms with jitter, at most 30 s; Retry-After if that is longer), up to
 * DISPATCH_ATTEMPTS times and within the deadline.  A POST is sent again by itself only after
 * 429 or when nothing was sent: everything else may have been carried out, so the task gets the
 * answer, and what it asks next (a lookup) waits as long as a sending again would have.  Returns
 * how many milliseconds the same request waits; -1: the answer was final. */
int64_t dispatch_answer(struct dispatch *d, struct task *task, const struct answer *answer,
                        int64_t now);

/* Nothing is begun any more; what was sent is waited for and its task goes on to its end, so
 * that no step is left half done.  The caller may answer FAILURE_GIVEN_UP instead for a task
 * that wrote nothing: there nothing can be left half done. */
void dispatch_stop(struct dispatch *d);

/* Tasks are begun as before, but none waits for long any more: a request that waits to be sent
 * again, now or later, has its last answer as the final one.  Only what a task waits for after a
 * write of its own, to see what came of it, is waited for, a second at most.  Where the service
 * asks to be left alone (429) this is a dispatch_stop(). */
void dispatch_hurry(struct dispatch *d);

bool dispatch_idle(const struct dispatch *d);	/* no task fresh, waiting or in flight */

#endif
