/* execution_json.h: in which shape the local service tells of a run (contract, 4.3 to 4.5).
 * Pure. */
#ifndef AGENT_SERVICE_ENGINE_EXECUTION_JSON_H
#define AGENT_SERVICE_ENGINE_EXECUTION_JSON_H

#include "agent/service/store/execution_store.h"

/* A list of what is shown of each step of the body, in its order, and does not change while a run of it
 * goes on: stored_work's `steps`. */
struct node *execution_json_steps(struct arena *a, const struct node *body);

/* What is kept of a run that is under way: stored_work's `state`. */
struct execution_state {
	const struct node *flow;	/* dag_run_save()'s */
	const struct node *reruns;	/* name of a step to the rerun that its last attempt belongs to; NULL: none */
	const char *boot;		/* of the machine, while which it was written */
};
struct node *execution_state_write(struct arena *a, const struct execution_state *state);
bool execution_state_read(struct arena *a, const char *json, struct execution_state *out, struct err *err);

/* One run in a list of them. */
struct node *execution_json_entry(struct arena *a, const struct stored_execution *run, const struct stored_rerun *reruns,
                             size_t rerun_count);
/* lastExecution of a workflow; null if it never ran (id 0). */
struct node *execution_json_last(struct arena *a, const struct stored_execution *run, const struct stored_rerun *reruns,
                            size_t rerun_count);
/* All that is told of one.  If false, *err says what is damaged. */
bool execution_json_details(struct arena *a, const struct stored_execution *run, const struct execution_details *work,
                       struct node **out, struct err *err);

/* The number of the step called name, and its status as a word.  False if it has no such step. */
bool execution_json_step(struct arena *a, const struct execution_details *work, const char *name, size_t *number,
                    const char **status);

/* Adds the lines of a stored log, attempt.h's, to a list of {message, timestamp}. */
void execution_json_log(struct arena *a, const char *text, struct node *list);
/* Appends them to out as text for people: "2026-11-23T04:05:06.789Z message". */
void execution_json_log_text(const char *text, struct buf *out);

#endif
