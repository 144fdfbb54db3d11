/* dag_run.h: one execution of a workflow as a state machine: which steps start now, with which environment,
 * which are ended, which watchers are notified, and the status of each step and of the run.
 *
 * The caller passes each event with its time, and carries out the returned action.  Pure:
 * no clock, process or file.  Times are milliseconds since 1970; the run's own clock never goes
 * back, even if the caller's does.
 *
 * The rules are those of the contract (contract, 5).  Where it leaves something open:
 *
 * - A step waits for its parents, and for every step that its executionParameters name.  If a named
 *   step itself waits for this one, the step fails with a message.
 * - Without parentStatus (absent or empty) all parents must have succeeded.  With it, only its
 *   entries count; all of them must hold, and all of conditional.
 * - Success is `success`, Failed is `failure`.  A step that is skipped only because of `skip` counts as success.
 *   One that is skipped because of a condition or a parent counts as neither: its children are skipped, too, unless
 *   their parentStatus names other steps.  An entry that lists both words accepts any end.
 * - skipDAG skips all steps that depend on the step, through parents, whatever their conditions are.
 * - A condition that cannot be evaluated (a parameter that no step wrote, an unknown word) fails the
 *   step with a message.  Values are compared as text, without newlines at the end of a file.
 * - stepsToRun: empty means absent.  Steps that it leaves out do nothing: the order of the others is kept, and entries
 *   and conditions that name only such steps hold.  skip stays in force.
 * - Retries: the step's retryOptions replace the workflow's as a whole; without any there is no
 *   retry.  Empty exitCodes mean absent.  The doubled wait has no limit.  A step that waits for its
 *   retry is Running and takes no place.  If there is no exit code (it could not start, it was
 *   lost), it is retried only without exitCodes; a step that timed out has the code of its end (143, 137).
 * - Environment: `env`, then `inherit`, then params.global, then params.stepWise; later ones win.
 *   inherit takes the parameter from the nearest ancestor that wrote it, level by level, in
 *   the order of `parents`; a variable without a value is not set, and is reported as missing.
 * - The run: Stopped if a stop was requested while it ran; else Failed if any step is Failed, even if
 *   another step reacted to it; else Success.  Watchers are not notified about a stopped run.
 * - Steps have the same words, and Pending and Skipped.  A stop makes every step Stopped that has
 *   not ended.  Only a run is ever Stopping: a step is Running until it has ended.
 * - runtimeExceeded counts minutes from the start of the run; 0 means never.  The contract has no timeout
 *   for a whole run. */
#ifndef RECONCILE_DAG_DAG_RUN_H
#define RECONCILE_DAG_DAG_RUN_H

#include "reconcile/tree/node.h"

enum dag_status {
	DAG_PENDING,	/* of a step: it waits for other steps, or for a place */
	DAG_RUNNING, DAG_STOPPING, DAG_SUCCESS, DAG_FAILED, DAG_STOPPED,
	DAG_SKIPPED,	/* of a step: it did not have to run */
	DAG_STATUS_COUNT
};
extern const char *const dag_status_words[DAG_STATUS_COUNT];

/* What a step does, in more detail than its status. */
enum dag_phase { STEP_WAITS, STEP_READY, STEP_ACTIVE, STEP_RETRIES, STEP_OVER, STEP_PHASE_COUNT };
/* How the end of a step counts for the steps that wait for it. */
enum dag_counts { COUNTS_NEITHER, COUNTS_SUCCESS, COUNTS_FAILURE, COUNTS_SKIP_DAG, COUNTS_COUNT };
/* Why the caller had to end a step. */
enum dag_ending { ENDING_NOT, ENDING_TIMEOUT, ENDING_STOP, ENDING_COUNT };

/* Times that are not known are -1. */
struct dag_step {
	const char *name;
	const struct node *body;
	enum dag_status status;
	bool left_out;			/* by stepsToRun: it is not a part of this run */
	unsigned attempts;		/* started so far */
	int64_t started, finished;	/* start of the first attempt, end of the last one */
	int code;			/* of the last attempt: exit code, or status of an answer; -1: none */
	const char *message;		/* why it ended like this, or is retried; "": nothing to say */
	const struct node *outputs;	/* parameter to text; NULL: none */

	/* Private to dag_*.c. */
	enum dag_phase phase;
	enum dag_counts counts;
	enum dag_ending ending;
	int64_t began, due;		/* start of the present attempt, and of the next one */
	size_t waits;			/* number of steps that it still waits for */
};

/* The caller only reads it.  It lives in the arena that was given to dag_run_begin(). */
struct dag_run {
	struct dag_step *steps;		/* in the order of the body */
	size_t count;
	enum dag_status status;
	int64_t began, finished;
	const char *stopped_by;		/* NULL: not stopped, or not known */

	/* Private to dag_*.c. */
	struct arena *arena;
	const struct dag_graph *graph;
	int64_t now, shift;		/* the run's clock; what is added to the caller's to get it */
	bool *notified;			/* of each watcher: about runtimeExceeded */
	size_t *judged, judge_head, judge_tail;	/* queue of steps that wait for no other */
	bool changed;
};

enum dag_event_kind {
	DAG_TICK,	/* time has passed */
	DAG_ENDED,	/* step, code, outputs, message */
	DAG_BROKEN,	/* step could not start, or had no answer: message */
	DAG_REFUSED,	/* the same, and a retry cannot help: it is not retried */
	DAG_LOST,	/* step was running when the service ended, and is gone */
	DAG_UNBEGUN,	/* step certainly never started: the attempt does not count */
	DAG_STOP,	/* by */
};

struct dag_event {
	enum dag_event_kind kind;
	const char *step;
	/* DAG_ENDED: exit code as in a shell (143 for SIGTERM); of an http step the status of the answer,
	 * success from 200 to 299. */
	int code;
	const char *message;		/* NULL: one is made; copied, as all text is */
	const struct node *outputs;	/* DAG_ENDED: from each output parameter whose file exists to its
					 * text; NULL: none.  dag_run_save() leaves out one whose node is marked secret */
	const char *by;			/* DAG_STOP: who; NULL: not known */
};

struct dag_start {
	const struct dag_step *step;	/* `attempts` already counts this attempt */
	const struct node *env;		/* from name to text */
	const struct node *secrets;	/* a list of names, parameters.secrets; NULL: none */
	const struct node *missing;	/* a list of the variables of inherit without a value */
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
	struct dag_end *ends;		/* attempts to end, each once; a DAG_ENDED has to follow */
	struct dag_notification *tells;
	size_t start_count, end_count, tell_count;
	size_t waiting;		/* number of steps that only wait for a place */
	bool changed;		/* save the run before carrying out this action */
	bool over;		/* the run has ended, and none of its steps is running */
	int64_t wake;		/* call again by then with DAG_TICK; -1: only on an event */
};

/* Makes a run, in a; the first dag_run_handle() starts the first steps.  body is a valid workflow,
 * execute the body of the execute request (contract, 3.11), NULL or empty for a plain run; both
 * and a have to outlive the run.  If false, *err says what is wrong in one of the two. */
bool dag_run_begin(struct arena *a, const struct node *body, const struct node *execute, int64_t now,
               struct dag_run **out, struct err *err);

/* Handles an event and returns what is to be done; at most `places` steps start.  The action
 * lives in a, and in the run.  An event of a step that is not running is a bug of the caller, except after the end of
 * the run, when events are ignored. */
struct dag_action dag_run_handle(struct dag_run *run, struct arena *a, const struct dag_event *event,
                           size_t places, int64_t now);

/* What would be started if the step with this index started now, in a. */
struct dag_start dag_run_start(const struct dag_run *run, struct arena *a, size_t step);

/* The step of that name; NULL: not found. */
const struct dag_step *dag_run_find(const struct dag_run *run, const char *name);

/* The state of the run as a tree, in a, that can be stored as JSON.  body and execute are not in it, nor, once the run
 * has ended, the outputs of its steps. */
struct node *dag_run_save(struct arena *a, const struct dag_run *run);
/* The secret outputs that are not in it, from step to parameter to text, in a; NULL: none. */
struct node *dag_run_secret_outputs(struct arena *a, const struct dag_run *run);
/* Puts them back after dag_run_load().  Until then a step does not find them, as if they were not written. */
void dag_run_restore_outputs(struct dag_run *run, const struct node *outputs);
/* The name of a step with an output that was not put back; NULL: there is none. */
const char *dag_run_lost_output(const struct dag_run *run);
/* As dag_run_begin(), for a run that continues in the state `saved`.  For each running step (phase STEP_ACTIVE) the
 * caller has to report its end: DAG_ENDED, DAG_LOST or DAG_UNBEGUN.  If false, *err says what does not fit. */
bool dag_run_load(struct arena *a, const struct node *body, const struct node *execute,
              const struct node *saved, struct dag_run **out, struct err *err);

#endif
