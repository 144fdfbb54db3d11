/* execution_json.h: an execution as the REST interface answers it (contract, 4.3 to 4.5).  Pure; all results are
 * in a. */
#ifndef AGENT_SERVICE_API_EXECUTION_JSON_H
#define AGENT_SERVICE_API_EXECUTION_JSON_H

#include "agent/service/store/execution_store.h"

/* One entry of a list of executions. */
struct node *execution_json_entry(struct arena *a, const struct stored_execution *execution,
                                  const struct stored_rerun *reruns, size_t rerun_count);
/* The lastExecution of a workflow; NULL if it was never executed (id 0). */
struct node *execution_json_last(struct arena *a, const struct stored_execution *execution,
                                 const struct stored_rerun *reruns, size_t rerun_count);
/* The details of one execution.  If false, *err says what is damaged in the database. */
bool execution_json_details(struct arena *a, const struct stored_execution *execution,
                            const struct execution_details *stored, struct node **out, struct err *err);

/* Sets the index of the step called name, and its status as a word.  False if there is no such step. */
bool execution_json_step(struct arena *a, const struct execution_details *stored, const char *name, size_t *number,
                         const char **status);

/* Adds the lines of a stored log ("MS MESSAGE", see attempt.h) to a list of {message, timestamp}.  A last line
 * without a newline is left out. */
void execution_json_log(struct arena *a, const char *text, struct node *list);
/* Appends the output that they were made of to out. */
void execution_json_log_text(const char *text, struct buf *out);

#endif
