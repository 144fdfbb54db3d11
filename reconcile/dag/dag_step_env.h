/* dag_step_env.h: makes the environment of a step, by the rules in dag_run.h.  Private to reconcile/dag. */
#ifndef RECONCILE_DAG_DAG_STEP_ENV_H
#define RECONCILE_DAG_DAG_STEP_ENV_H

#include "reconcile/dag/dag_run.h"

/* The environment of the step with index `at`, from name to text, in a.  *missing is the list of the variables of
 * inherit without a value. */
struct node *dag_step_env(const struct dag_run *run, size_t at, struct arena *a,
                         const struct node **missing);

/* A copy, in a, of output parameters: each value as text without newlines at its end, as a
 * shell substitutes them; NULL if outputs is NULL. */
const struct node *dag_step_outputs(struct arena *a, const struct node *outputs);

#endif
