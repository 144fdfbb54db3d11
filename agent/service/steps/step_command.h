/* step_command.h: what is run for one attempt of a step, whatever its type: which commands, with which
 * environment, and what its log may not show. */
#ifndef AGENT_SERVICE_STEPS_STEP_COMMAND_H
#define AGENT_SERVICE_STEPS_STEP_COMMAND_H

#include "agent/service/exec/attempt.h"
#include "agent/service/steps/step_checkout.h"
#include "agent/config/options.h"
#include "agent/service/steps/secrets.h"
#include "reconcile/dag/dag_run.h"

/* What the operator of the service has said of it.  What is NULL is not said. */
struct step_options {
	char **env;			/* of the service: a step gets PATH, HOME and the like of it */
	struct step_checkout_options place;
	struct var_list images;		/* "12" or "12:3" (imageId:imageVersionId), or "*": what goes before
					 * the command of a step with that image */
	const char *sql, *export;	/* commands for steps of these types */
};

struct step_execution {
	const char *uuid, *workflow;	/* its execution and the workflow's name */
	int64_t workflow_id;
};

/* Makes of a start the attempt in folder; all lives in a.  Notes for whoever reads the step's log are
 * added to notes, a line each.  If false, *err says what is missing, and that another try would fare no
 * better; no secret is in it. */
bool step_command_prepare(struct arena *a, const struct step_options *options, const struct step_execution *run,
                          const struct dag_start *start, const char *folder, struct attempt *out,
                          struct buf *notes, struct err *err);

/* What such a service hands on to a program that it runs, without the step's own variables: "NAME=VALUE",
 * ends with NULL, in a. */
const char *const *step_command_environment(struct arena *a, const struct step_options *options);

/* The variable by which whatever a run started is known, "NAME=VALUE"; in a. */
const char *step_command_mark(struct arena *a, const char *uuid);

/* What goes before the command of the step, because of its image; NULL: nothing, it runs on the machine
 * as it is. */
const char *step_command_image(struct arena *a, const struct step_options *options, const struct node *step);

#endif
