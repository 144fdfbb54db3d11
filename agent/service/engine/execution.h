/* execution.h: an execution in progress: feeds events to its state machine (reconcile/dag), saves the new state, then
 * acts on it.  For the engine's thread alone. */
#ifndef AGENT_SERVICE_ENGINE_EXECUTION_H
#define AGENT_SERVICE_ENGINE_EXECUTION_H

#include "agent/service/engine/log_ingest.h"
#include "agent/service/engine/engine_state.h"

struct execution {
	struct arena arena;
	struct stored_execution stored;	/* its row */
	const char *workflow;		/* its name */
	struct dag_run *dag;
	struct node *reruns;		/* of struct execution_state */
	const char *rerun_id;		/* of what this engine does of it; NULL: no engine had it before */
	int64_t wake_at;		/* of struct dag_action: milliseconds since 1970, -1: never */
	bool waiting_for_slot;		/* a step could start, if fewer steps were running */
	bool finished;			/* nothing is left to do: the engine frees it */
	struct masks masks;		/* these four: execution_secrets.c's */
	bool masks_collected, secrets_unsaved, has_directory;
	bool same_boot;			/* its state was saved since the machine started */
};

/* Loads an execution from the store.  NULL if its documents cannot be read: it is logged, and saved as Failed. */
struct execution *execution_load(struct engine_state *es, const struct stored_execution *row);
void execution_free(struct execution *x);

/* Feeds the event to the state machine, saves the new state, and only then acts on it: stops and starts attempts of
 * steps.  slots: how many of its steps may start.  Does nothing if the engine ends before the state is saved. */
void execution_handle_event(struct engine_state *es, struct execution *x, const struct dag_event *event, size_t slots);
/* The same for the event that an attempt has ended: saves the rest of the attempt's log in the same transaction, and
 * after it the lines of notes. */
void execution_handle_event_with_log(struct engine_state *es, struct execution *x, const struct dag_event *event,
                                     size_t slots, const struct log_ingest *log, const char *notes);

/* The active attempt of a step has ended: makes an event of what it left in its directory, handles the event, removes
 * the directory, and frees at.  why: it could not be started (NULL: it was).  runner_killed: it ended because the
 * runner was killed. */
void execution_handle_attempt_end(struct engine_state *es, struct active_attempt *at, const char *why,
                                  bool runner_killed, size_t slots);
/* Handles the ends of the attempts that were active when the last engine ended, and records that the execution
 * continues, as a rerun. */
void execution_recover(struct engine_state *es, struct execution *x);
/* Copies what the running steps have printed since the last call into the store. */
void execution_ingest_logs(struct engine_state *es);

/* Whether an attempt of one of its steps is active. */
bool execution_is_active(const struct execution *x);
/* The directory of the step's active attempt, in a; NULL: it has none. */
const char *execution_attempt_directory(struct arena *a, const struct engine_state *es, const struct execution *x,
                                        size_t step);
/* Whether the step runs in an image, where it does not see the machine's own files. */
bool execution_is_confined(const struct engine_state *es, const struct dag_step *step);

#endif
