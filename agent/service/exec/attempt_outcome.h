/* attempt_outcome.h: how an attempt ended, read from the files in its folder. */
#ifndef AGENT_SERVICE_EXEC_ATTEMPT_OUTCOME_H
#define AGENT_SERVICE_EXEC_ATTEMPT_OUTCOME_H

#include "agent/service/exec/attempt.h"
#include "reconcile/dag/dag_run.h"

enum { OUTPUT_MAX = 64 << 10 };		/* bytes of an output parameter: it becomes a variable of other steps */

/* Returns the event for the execution, which lives in a: DAG_LOST if the end of the attempt is unknown.  Lines for the
 * step's log are added to notes.  confined: the step did not see the machine's own files, so output parameters are read
 * from its folder only. */
struct dag_event attempt_outcome_read(struct arena *a, const struct dag_step *step, const char *folder,
                                      bool confined, struct buf *notes);

#endif
