/* fake_service.h: a workflow service in memory, pure C, that answers the requests of the core in the shapes of the
 * contract (4.1, 4.2, 4.7), with a clock of its own and a switch for each thing that may go wrong.
 *
 * `struct fake f = { 0 };` is a service without workflows; fake_done() frees it. */
#ifndef TESTS_FAKE_SERVICE_H
#define TESTS_FAKE_SERVICE_H

#include "reconcile/plan/cycle.h"
#include "reconcile/wire/dispatch.h"

struct fake_workflow {
	int64_t id;
	struct node *shown;	/* what describe answers */
	struct node *before;	/* what it answered before the last write */
	struct node *sent;	/* the last body that was written; NULL: none yet */
	unsigned stale;		/* describes that still answer before */
	int64_t born;		/* when it was made */
	bool unlisted;		/* list and search leave it out */
};

/* One that goes wrong: of the requests of this operation (and workflow, unless 0), `times` after the first `skip`. */
struct fake_fault {
	enum operation operation;
	int64_t id;
	unsigned skip, times;
	bool done;		/* the request is carried out all the same */
	enum failure failure;
	int status;
	const char *type, *body;	/* NULL: JSON with a detail */
	int64_t retry_after_ms;
};

enum { FAKE_FAULTS = 4, FAKE_HABITS = 4 };

/* When updatedAt is another one. */
enum fake_stamp {
	FAKE_STAMP_NEVER,
	FAKE_STAMP_WRITE,	/* after each write, and fake_touch() */
	FAKE_STAMP_READ,	/* in each answer as well */
};

/* What is remembered between cycles, as the agent's state does it: read once for each; what is
 * kept is on disk after the next commit. */
struct fake_memory {
	struct arena arena;
	struct applied_records records;	/* on disk */
	struct applied_records round;	/* the same after the next commit */
	struct held_looks looks;
	unsigned changes, drops;	/* not committed: those that have to be, those that may wait */
	unsigned commits;
	bool on;			/* else there is no state */
	bool dead;			/* the program was killed: nothing is kept any more, and no request is answered */
	const struct node *older;	/* of the file that is asked for; NULL: none */
	unsigned recalls;		/* how often older versions were asked for */
	const char *why;		/* what explains that there is no older version; NULL: nothing */
};

struct fake {
	struct arena arena;
	struct fake_workflow *items;
	size_t count, room;
	int64_t last_id, webhooks;
	int64_t now;			/* milliseconds */

	/* Habits. */
	/* Answers have a Date.  With a state, looks are held then; without it nothing can be known of their age. */
	bool dates;
	enum fake_stamp stamps;
	bool stamps_of_seconds;		/* without a fraction */
	bool hides_options;		/* describe shows neither retryOptions nor metadata */
	bool env_as_map;
	unsigned stale_reads;		/* describes after a write that show what was before it */
	const char *deaf_to;		/* a JSON Pointer: a write leaves what is there as it was */
	/* Whatever is written at the pointer, this JSON is kept ("" for a key that goes). */
	struct fake_habit { const char *pointer, *json; } habits[FAKE_HABITS];
	bool drops_our_tags, lower_tags;
	bool shuffles;			/* sets are shown in another order each time */
	size_t turns;
	bool list_without_tags;
	size_t page_most;		/* items of a page, at most; 0: as many as are asked for */
	int64_t list_lag;		/* list and search show a workflow this many milliseconds after it was made */
	int64_t describe_lag;		/* describe answers 404 this many milliseconds after the workflow was made */
	bool update_resumes;		/* a paused workflow runs again when it was updated */
	struct fake_fault faults[FAKE_FAULTS];
	/* Called before each request is answered: the time for somebody else to interfere. */
	void (*meanwhile)(struct fake *fake, const struct request *request);
	struct dispatch *dispatch;	/* while fake_run() runs */
	unsigned stop_after, hurry_after;	/* requests, then dispatch_stop() or _hurry(); 0: never */
	int64_t deadline;		/* of a cycle, from its begin; 0: none */
	unsigned concurrency;		/* 0: 4 */
	unsigned at_once;		/* answers that arrive together; 0: 1 */

	struct fake_memory memory;
	struct report_spill *spill;	/* of the reports; NULL: they are held in memory */

	/* What happened. */
	struct buf writes;		/* "create 612\n", "update 612\n", "delete 612\n", ... */
	unsigned requests;
	unsigned running;		/* at a time now, and the most there were */
	unsigned most_running;
};

void fake_done(struct fake *fake);

/* Adds a workflow that describe shows just so; without an id it gets the next one. */
struct fake_workflow *fake_add(struct fake *fake, const struct node *shown);
/* Makes one of a body as create would.  Returns it; valid until the next one is made. */
struct fake_workflow *fake_make(struct fake *fake, const struct node *body);
/* NULL: there is none. */
struct fake_workflow *fake_find(struct fake *fake, int64_t id);
void fake_remove(struct fake *fake, int64_t id);
/* Gives a workflow that was changed by hand the updatedAt that the service gives after a write. */
void fake_touch(struct fake *fake, struct fake_workflow *workflow);

/* Answers request; the texts live as long as the fake. */
void fake_answer(struct fake *fake, const struct request *request, struct answer *out);

/* Runs the dispatcher until it is idle, the clock jumping over all waits. */
void fake_run(struct fake *fake, struct dispatch *dispatch);

/* The report as JSON, but for the requests and times. */
const char *fake_report(struct arena *a, struct report *report);

/* One whole cycle over specs; report and faults are filled, and live in a. */
void fake_cycle(struct fake *fake, struct arena *a, const struct specs *specs,
                const struct cycle_options *options, struct report *report, struct diagnostics *faults);
/* The same, giving the text for people: warnings and errors first, as the command says them. */
const char *fake_told(struct fake *fake, struct arena *a, const struct specs *specs,
                      struct cycle_options options);
const char *fake_plan(struct fake *fake, struct arena *a, const struct specs *specs);
const char *fake_sync(struct fake *fake, struct arena *a, const struct specs *specs);

#endif
