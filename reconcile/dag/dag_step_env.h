/* dag_step_env.h: the environment of a step, by the rules that dag_run.h gives.  For flow*.c alone. */
#ifndef RECONCILE_DAG_DAG_STEP_ENV_H
#define RECONCILE_DAG_DAG_STEP_ENV_H

#include "reconcile/dag/dag_run.h"

/* All of it in a; *missing is the list of the names of inherit that have
 * no value. */
struct node *dag_step_env(const struct dag_run *flow, size_t at, struct arena *a,
                         const struct node **missing);

/* A copy in a of the values of output parameters, as text without the newlines at their end, as a
 * shell would take them; NULL if outputs is NULL. */
const struct node *dag_step_outputs(struct arena *a, const struct node *outputs);

#endif
