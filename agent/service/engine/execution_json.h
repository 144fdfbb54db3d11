/* execution_json.h: in which shape the local service tells of a run (contract, full text, 4.3 to 4.5).
 * Pure. */
#ifndef AGENT_SERVICE_ENGINE_EXECUTION_JSON_H
#define AGENT_SERVICE_ENGINE_EXECUTION_JSON_H

#include "agent/service/store/execution_store.h"

/* A list of what is shown of each step of the body, in its order, and does not change while a run of it
 * goes on: stored_work's `steps`. */
struct node *run_shape_steps(struct arena *a, const struct node *body);

/* What is kept of a run that is under way: stored_work's `state`. */
struct run_state {
	const struct node *flow;	/* dag_run_save()'s */
	const struct node *reruns;	/* name of a step to the rerun that its last attempt belongs to; NULL: none */
	const char *boot;		/* of the machine, while which it was written */
};
struct node *run_state_write(struct arena *a, const struct run_state *state);
bool run_state_read(struct arena *a, const char *json, struct run_state *out, struct err *err);

/* One run in a list of them. */
struct node *run_shape_entry(struct arena *a, const struct stored_run *run, const struct stored_rerun *reruns,
                             size_t rerun_count);
/* lastExecution of a workflow; null if it never ran (id 0). */
struct node *run_shape_last(struct arena *a, const struct stored_run *run, const struct stored_rerun *reruns,
                            size_t rerun_count);
/* All that is told of one.  If false, *err says what is damaged. */
bool run_shape_details(struct arena *a, const struct stored_run *run, const struct stored_work *work,
                       struct node **out, struct err *err);

/* The number of the step called name, and its status as a word.  False if it has no such step. */
bool run_shape_step(struct arena *a, const struct stored_work *work, const char *name, size_t *number,
                    const char **status);

/* Adds the lines of a stored log, attempt.h's, to a list of {message, timestamp}. */
void run_shape_log(struct arena *a, const char *text, struct node *list);
/* Appends them to out as text for people: "2026-11-23T04:05:06.789Z message". */
void run_shape_log_text(const char *text, struct buf *out);

#endif
