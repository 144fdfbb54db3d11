/* dag_conditions.h: decides whether a step runs when all steps that it waits for have ended, by the rules in dag_run.h.
 * Private to reconcile/dag. */
#ifndef RECONCILE_DAG_DAG_CONDITIONS_H
#define RECONCILE_DAG_DAG_CONDITIONS_H

#include "reconcile/dag/dag_run.h"

enum dag_verdict {
	VERDICT_RUN,
	VERDICT_PASS,		/* skipped, and counts as success */
	VERDICT_SKIP,		/* skipped, and counts as neither success nor failure */
	VERDICT_SKIP_DAG,	/* skipped with all steps that depend on it */
	VERDICT_FAIL,		/* its conditions cannot be evaluated */
};

/* The verdict on the step with index `at`.  Unless it is VERDICT_RUN, *why is set to the reason, in the run's arena. */
enum dag_verdict dag_conditions_judge(const struct dag_run *run, size_t at, const char **why);

#endif
