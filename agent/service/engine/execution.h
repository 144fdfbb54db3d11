/* execution.h: one run in the hands of the engine: what happened is told to its step machine, what comes of it is
 * written down, then done.  For the engine's thread alone. */
#ifndef AGENT_SERVICE_ENGINE_EXECUTION_H
#define AGENT_SERVICE_ENGINE_EXECUTION_H

#include "agent/service/engine/log_ingest.h"
#include "agent/service/engine/engine_state.h"

struct live {
	struct arena arena;
	struct stored_run run;
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
struct live *live_load(struct engine_world *w, const struct stored_run *row);
void live_free(struct live *l);

/* Tells it what happened, writes down how it stands then, and does what is to be done; places: how many
 * of its steps may begin. */
void live_take(struct engine_world *w, struct live *l, const struct dag_event *event, size_t places);
/* The same for the end of an attempt: the rest of its log, and notes for who reads that, are written down
 * in the same step.  log NULL: there is none. */
void live_take_end(struct engine_world *w, struct live *l, const struct dag_event *event, size_t places,
                   const struct step_log *log, const char *notes);
/* Whether an attempt of one of its steps is under way. */
bool live_is_active(const struct live *l);
/* The folder of the step's attempt, in a, if one is under way; else NULL. */
const char *live_folder(struct arena *a, const struct engine_world *w, const struct live *l, size_t step);
/* Whether the step does not see the machine's own files. */
bool live_is_confined(const struct engine_world *w, const struct dag_step *step);
/* What became of the steps that were under way when the last engine ended. */
void live_recover(struct engine_world *w, struct live *l);
/* The attempt has ended, or could not be begun (why).  gone: the runner had it, and was killed. */
void live_ended(struct engine_world *w, struct active *active, const char *why, bool gone, size_t places);
/* Stores what the steps that run have printed since. */
void live_logs(struct engine_world *w);

#endif
