/* dag_run.h: one run of a workflow as a step machine: which steps begin now, with which environment,
 * which are ended, who is told, and how each step and the run stand.
 *
 * Its caller tells each event as it comes, with the time, and does what the answer says.  Pure:
 * no clock, process or file.  Times are milliseconds since 1970; the run's own clock never goes
 * back, whatever the caller's does.
 *
 * What the contract says is obeyed (contract, 5).  What it leaves open is settled so:
 *
 * - A step waits for its parents, and for every step that its executionParameters name.  A named
 *   step that itself waits for this one can't be asked: the step fails with a sentence.
 * - Without parentStatus (absent or empty) all parents must have ended well.  With it, only its
 *   entries count; all must hold, and conditional beside them.
 * - Success is `success`, Failed is `failure`.  A step that only `skip` left out counts as success.
 *   One that a condition or a parent left out is neither: its children are left out too, unless
 *   their parentStatus looks elsewhere.  An entry that lists both words takes any end.
 * - skipDAG leaves out all that depend on the step, through parents, whatever else they ask for.
 * - A condition that cannot be judged (a parameter nobody wrote, a word that is none) fails the
 *   step with a sentence.  Values are compared as text, newlines at the end of a file taken off.
 * - stepsToRun: empty is absent.  Steps left out by it are passed through: order is kept, nothing is
 *   asked of them, and entries and conditions that name only such steps hold.  skip stays in force.
 * - Retries: the step's retryOptions replace the workflow's as a whole; without any there is no
 *   retry.  exitCodes empty is absent.  The doubled wait has no cap.  A step that waits for its
 *   retry is Running and takes up no place.  Where no code is known (it could not start, it was
 *   lost) only "any code" retries; that of a step that timed out is what its end gave (143, 137).
 * - Environment: `env`, then `inherit`, then params.global, then params.stepWise, later ones win.
 *   inherit finds the nearest step before this one that wrote the parameter, level by level, in
 *   the order of `parents`; a variable that nothing gives a value is not set, and named as missing.
 * - The run: Stopped if a stop was asked for while it ran; else Failed if any step is Failed, also
 *   one that another step looked after; else Success.  Nobody is told of a stopped run.
 * - Steps have the same words, and Pending and Skipped.  A stop makes Stopped of every step that has
 *   not ended.  Stopping is a word of the run alone: a step is Running until it has ended.
 * - runtimeExceeded counts minutes from the run's begin; 0 is never.  The contract has no timeout
 *   for a whole run. */
#ifndef RECONCILE_DAG_DAG_RUN_H
#define RECONCILE_DAG_DAG_RUN_H

#include "reconcile/tree/node.h"

enum dag_status {
	DAG_PENDING,	/* of a step: it waits for others, or for a place */
	DAG_RUNNING, DAG_STOPPING, DAG_SUCCESS, DAG_FAILED, DAG_STOPPED,
	DAG_SKIPPED,	/* of a step: it was not to run */
	DAG_STATUS_COUNT
};
extern const char *const flow_status_words[DAG_STATUS_COUNT];

/* What a step does, beyond its word. */
enum dag_phase { STEP_WAITS, STEP_READY, STEP_ACTIVE, STEP_RETRIES, STEP_OVER, STEP_PHASE_COUNT };
/* What its end is to those that wait for it. */
enum dag_counts { COUNTS_NEITHER, COUNTS_SUCCESS, COUNTS_FAILURE, COUNTS_SKIP_DAG, COUNTS_COUNT };
/* Why its caller was told to end it. */
enum dag_ending { ENDING_NOT, ENDING_TIMEOUT, ENDING_STOP, ENDING_COUNT };

/* Times that are not known are -1. */
struct dag_step {
	const char *name;
	const struct node *body;
	enum dag_status status;
	bool left_out;			/* by stepsToRun: it is no part of this run */
	unsigned attempts;		/* begun so far */
	int64_t started, finished;	/* the first attempt's begin, the last one's end */
	int code;			/* of the last attempt: exit code, status of an answer; -1: none */
	const char *message;		/* why it ended so, or is to be tried again; "": nothing to say */
	const struct node *outputs;	/* parameter to text; NULL: none */

	/* run's own */
	enum dag_phase phase;
	enum dag_counts counts;
	enum dag_ending ending;
	int64_t began, due;		/* of the attempt; of the next one */
	size_t waits;			/* steps it still waits for */
};

/* Read by its caller, changed here alone.  It lives in the arena it was begun in. */
struct dag_run {
	struct dag_step *steps;		/* in the order of the body */
	size_t count;
	enum dag_status status;
	int64_t began, finished;
	const char *stopped_by;		/* NULL: by nobody */

	/* run's own */
	struct arena *arena;
	const struct dag_graph *graph;
	int64_t now, shift;
	bool *told;			/* of each watcher: that the run takes long */
	size_t *judged, judge_head, judge_tail;	/* the steps that wait no more; each comes once */
	bool changed;
};

enum dag_event_kind {
	DAG_TICK,	/* only time went by */
	DAG_ENDED,	/* step, code, outputs, message */
	DAG_BROKEN,	/* step could not start, or had no answer: message */
	DAG_REFUSED,	/* the same, and another attempt would fare no better: it is not tried again */
	DAG_LOST,	/* step was under way when the service ended, and is gone */
	DAG_UNBEGUN,	/* step was told to begin, and certainly never did: it is not counted */
	DAG_STOP,	/* by */
};

struct dag_event {
	enum dag_event_kind kind;
	const char *step;
	/* DAG_ENDED: as a shell gives it (143 for SIGTERM); of an http step the answer's status,
	 * good from 200 to 299. */
	int code;
	const char *message;		/* NULL: one is made; copied, as all text is */
	const struct node *outputs;	/* DAG_ENDED: the parameters whose files were there, to their
					 * text; NULL: none */
	const char *by;			/* DAG_STOP: who; NULL: not known */
};

struct dag_start {
	const struct dag_step *step;	/* `attempts` counts this one already */
	const struct node *env;		/* name to text */
	const struct node *secrets;	/* names, as parameters.secrets has them; NULL: none */
	const struct node *missing;	/* a list of names that inherit could not fill */
};

struct dag_end {
	const struct dag_step *step;
	enum dag_ending why;
};

struct dag_notification {
	const struct node *watcher;
	size_t index;			/* in watchers */
	const char *event;		/* "success", "fail", "runtimeExceeded" */
};

struct dag_action {
	struct dag_start *starts;
	struct dag_end *ends;		/* each once; DAG_ENDED has to follow */
	struct dag_notification *tells;
	size_t start_count, end_count, tell_count;
	size_t waiting;		/* steps that could begin if there were a place */
	bool changed;		/* save the run before anything of this is done */
	bool over;		/* the run is in its last state, and nothing of it runs */
	int64_t wake;		/* call again by then with DAG_TICK; -1: only on an event */
};

/* A run that is to begin; the first dag_run_handle() starts the first steps.  body is a valid workflow,
 * execute what its caller was sent (contract, 3.11), NULL or empty for a plain run; both
 * are kept, and so is a.  If false, *err says what of the two is wrong; nothing is to run then. */
bool dag_run_begin(struct arena *a, const struct node *body, const struct node *execute, int64_t now,
               struct dag_run **out, struct err *err);

/* Takes an event and says what is to be done; at most `places` steps start.  What the action
 * points to lives in a, and in the run.  An event of a step that is not under way is our own
 * mistake, except that after the end nothing happens any more. */
struct dag_action dag_run_handle(struct dag_run *flow, struct arena *a, const struct dag_event *event,
                           size_t places, int64_t now);

/* The step of that name; NULL if there is none. */
const struct dag_step *dag_run_find(const struct dag_run *flow, const char *name);

/* How the run stands, as a tree in a that JSON can hold; body and execute are not in it, nor, once it has
 * ended, what its steps wrote for others. */
struct node *dag_run_save(struct arena *a, const struct dag_run *run);
/* Begins as dag_run_begin() does, and goes on where `saved` was: whatever comes then is the same as it
 * would have been.  Of each step that is under way (phase STEP_ACTIVE) the caller tells what
 * became of it: DAG_ENDED, DAG_LOST or DAG_UNBEGUN.  If false, *err says what does not fit. */
bool dag_run_load(struct arena *a, const struct node *body, const struct node *execute,
              const struct node *saved, struct dag_run **out, struct err *err);

#endif
