/* step_command.h: turns one attempt of a step of any type into commands, environment and the texts that its log must
 * not show. */
#ifndef AGENT_SERVICE_STEPS_STEP_COMMAND_H
#define AGENT_SERVICE_STEPS_STEP_COMMAND_H

#include "agent/service/exec/attempt.h"
#include "agent/service/steps/step_checkout.h"
#include "agent/config/options.h"
#include "agent/service/steps/secrets.h"
#include "reconcile/dag/dag_run.h"

/* Settings of the service's operator.  A field that is NULL is not set. */
struct step_options {
	char **env;			/* of the service: steps get PATH, HOME and a few others of it */
	struct step_checkout_options place;
	struct var_list images;		/* by "12", "12:3" (imageId:imageVersionId) or "*": the words before the
					 * command of a step with that image */
	const char *sql, *export;	/* commands for steps of these types */
};

struct step_execution {
	const char *uuid, *workflow;	/* executionId, and name of the workflow */
	int64_t workflow_id;
	const char *const *masks;	/* texts that no log of the execution may show; ends with NULL, NULL: none */
};

/* Makes the attempt for the start of a step; everything lives in a.  folder is that of the attempt.  Lines for the
 * step's log are added to notes.  If false, *err says what is missing, without secrets, and trying again is of no use;
 * out->masks is set all the same. */
bool step_command_prepare(struct arena *a, const struct step_options *options, const struct step_execution *run,
                          const struct dag_start *start, const char *folder, struct attempt *out,
                          struct buf *notes, struct err *err);

/* The environment that every program of the service gets, without the variables of a step: "NAME=VALUE", ends with
 * NULL, in a. */
const char *const *step_command_environment(struct arena *a, const struct step_options *options);

/* The variable that marks all processes of an execution (orphans.h), "NAME=VALUE"; in a. */
const char *step_command_mark(struct arena *a, const char *uuid);

/* The words before the command of a step, from its image; NULL: none, the step runs directly on the machine. */
const char *step_command_image(struct arena *a, const struct step_options *options, const struct node *step);

#endif
