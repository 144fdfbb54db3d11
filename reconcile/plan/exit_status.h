/* exit_status.h: how a command ended, and its exit code; the table of exit codes in README.md, in one place. */
#ifndef RECONCILE_PLAN_EXIT_STATUS_H
#define RECONCILE_PLAN_EXIT_STATUS_H

#include "reconcile/base/err.h"

/* What happened; several may be set. */
struct exit_status {
	bool usage;		/* the command line or the configuration was wrong */
	bool invalid;		/* declared specs are invalid */
	int signal;		/* SIGINT or SIGTERM that ended it; 0: none */
	bool failed;		/* the service could not be reached or refused the token: nothing could be done */
	bool step_failed;	/* a step failed or was refused */
	bool deferred;		/* a step waits */
	bool blocked;		/* a guard blocked the plan */
	bool conflict;		/* another owner, two of one name, the lock is held, a stale step */
	bool applied;		/* a step was applied */
	bool pending;		/* a plan has steps */
	bool detailed;		/* --detailed-exitcode: pending changes are 2 */
};

enum outcome {
	OUTCOME_CONVERGED, OUTCOME_CHANGES_PENDING, OUTCOME_APPLIED, OUTCOME_PARTIAL, OUTCOME_FAILED,
	OUTCOME_BLOCKED, OUTCOME_CONFLICT, OUTCOME_INVALID, OUTCOME_INTERRUPTED,
};

/* The code and the outcome of the first row of the table that applies. */
int exit_status_code(const struct exit_status *v);
enum outcome exit_status_outcome(const struct exit_status *v);
const char *outcome_word(enum outcome outcome);		/* "changes-pending" */

/* Sets the field for an error that ended the command. */
void exit_status_add(struct exit_status *v, const struct err *err);

#endif
