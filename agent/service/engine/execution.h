/* execution.h: one run in the hands of the engine: what happened is told to its step machine, what comes of it is
 * written down, then done.  For the engine's thread alone. */
#ifndef AGENT_SERVICE_ENGINE_EXECUTION_H
#define AGENT_SERVICE_ENGINE_EXECUTION_H

#include "agent/service/engine/log_ingest.h"
#include "agent/service/engine/engine_state.h"

struct execution {
	struct arena arena;
	struct stored_execution run;
	const char *workflow;		/* its name */
	struct dag_run *flow;
	struct node *reruns;		/* run_state's */
	const char *rerun;		/* this life of it; NULL: it is the first */
	int64_t wake;			/* flow_action's */
	bool waiting;			/* for a place */
	bool over;
	bool same_boot;			/* it was written down since the machine started */
};

/* Takes a run from the store.  NULL if it cannot be read, which is told, and it is Failed then. */
struct execution *execution_load(struct engine_state *w, const struct stored_execution *row);
void execution_free(struct execution *l);

/* Tells it what happened, writes down how it stands then, and does what is to be done; places: how many
 * of its steps may begin. */
void execution_handle_event(struct engine_state *w, struct execution *l, const struct dag_event *event, size_t places);
/* The same for the end of an attempt: the rest of its log, and notes for who reads that, are written down
 * in the same step.  log NULL: there is none. */
void execution_handle_attempt_end(struct engine_state *w, struct execution *l, const struct dag_event *event, size_t places,
                   const struct log_ingest *log, const char *notes);
/* Whether an attempt of one of its steps is under way. */
bool execution_is_active(const struct execution *l);
/* The folder of the step's attempt, in a, if one is under way; else NULL. */
const char *execution_attempt_directory(struct arena *a, const struct engine_state *w, const struct execution *l, size_t step);
/* Whether the step does not see the machine's own files. */
bool execution_is_confined(const struct engine_state *w, const struct dag_step *step);
/* What became of the steps that were under way when the last engine ended. */
void execution_recover(struct engine_state *w, struct execution *l);
/* The attempt has ended, or could not be begun (why).  gone: the runner had it, and was killed. */
void execution_attempt_ended(struct engine_state *w, struct active_attempt *active, const char *why, bool gone, size_t places);
/* Stores what the steps that run have printed since. */
void execution_ingest_logs(struct engine_state *w);

#endif
