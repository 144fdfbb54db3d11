/* attempt_outcome.h: what became of an attempt, as it can be read from what it left in its folder. */
#ifndef AGENT_SERVICE_EXEC_ATTEMPT_OUTCOME_H
#define AGENT_SERVICE_EXEC_ATTEMPT_OUTCOME_H

#include "agent/service/exec/attempt.h"
#include "reconcile/dag/dag_run.h"

enum { OUTPUT_MAX = 64 << 10 };		/* bytes of an output parameter: it becomes a variable of other steps */

/* The event that the run is told; all lives in a.  DAG_LOST if nobody knows how it ended.  What
 * concerns the reader of the step's log is added to notes, a line each.  confined: it did not see the
 * machine's own files, so nothing outside of its folder is taken for what it wrote. */
struct dag_event attempt_outcome_read(struct arena *a, const struct dag_step *step, const char *folder,
                                      bool confined, struct buf *notes);

#endif
