/* dag_conditions.h: whether a step that waits no more is to run, by the rules that dag_run.h gives.  For
 * flow*.c alone. */
#ifndef RECONCILE_DAG_DAG_CONDITIONS_H
#define RECONCILE_DAG_DAG_CONDITIONS_H

#include "reconcile/dag/dag_run.h"

enum dag_verdict {
	VERDICT_RUN,
	VERDICT_PASS,		/* left out, and counts as success */
	VERDICT_SKIP,		/* left out, and counts as neither */
	VERDICT_SKIP_DAG,	/* left out with all that depend on it */
	VERDICT_FAIL,		/* its conditions cannot be judged */
};

/* *why is set unless it is to run: in the flow's arena. */
enum dag_verdict dag_conditions_judge(const struct dag_run *flow, size_t at, const char **why);

#endif
