/* applied_state.h: what earlier cycles applied: records from the state directory, older versions of a spec from git,
 * approvals of guards.  It owns the opened state and history; the source belongs to the caller. */
#ifndef AGENT_SYNC_APPLIED_STATE_H
#define AGENT_SYNC_APPLIED_STATE_H

#include "agent/source/source.h"
#include "agent/state/state_store.h"
#include "reconcile/plan/cycle.h"

struct applied_state {
	struct context *ctx;
	struct diagnostics *faults;		/* gets a warning, once, when the state cannot be saved */
	const struct source *source;	/* outlives this */
	struct decision_scope scope;
	struct state_store *state;		/* NULL: there is no state directory */
	struct file_history *history;	/* NULL: the source is neither a git repository nor in a work tree */
	struct state_store_revision present;	/* of the source; commit NULL: not known */
	const char *history_error;	/* why a work tree's history cannot be read; NULL: it can */
	struct applied_records records;
	struct held_looks looks;
	struct approved_guards approvals;	/* of guards, for this revision */
	const struct node *mask;	/* of the configuration; NULL: nothing */
	bool failed;
	struct cycle_memory for_cycle;	/* the interface that the cycle is given */
};

/* write, for a sync: creates the state if it does not exist; the caller has taken its lock.  Without write, for a plan,
 * nothing is written.  endpoint: the name of the service in the state. */
bool applied_state_open(struct context *ctx, bool write, const char *endpoint, const char *owner,
                        const struct source *source, struct diagnostics *faults, struct applied_state *out,
                        struct err *err);
/* Loads the guards that are approved for this revision; NULL, an unknown revision: none. */
bool applied_state_load_approvals(struct applied_state *memory, const char *revision, struct err *err);

/* Saves the source's revision as the one that was applied last. */
void applied_state_set_revision(struct applied_state *memory);
/* Saves that a whole sync has ended: after a damaged state was replaced, the next one may delete. */
void applied_state_set_complete(struct applied_state *memory);
/* Saves what the cycle learned of workflows that need not be described next time. */
void applied_state_save_looks(struct applied_state *memory, const struct cycle *cycle);
/* Removes the approvals, after a sync that succeeded: an approval is for one sync. */
void applied_state_drop_approvals(struct applied_state *memory);
void applied_state_close(struct applied_state *memory);	/* takes a zeroed one */

#endif
