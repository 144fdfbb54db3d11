/* applied_state.h: what a cycle is told of earlier ones: records of the state, and older versions of a
 * spec from git. */
#ifndef AGENT_SYNC_APPLIED_STATE_H
#define AGENT_SYNC_APPLIED_STATE_H

#include "agent/source/source.h"
#include "agent/state/state_store.h"
#include "reconcile/plan/cycle.h"

struct applied_state {
	struct context *ctx;
	struct diagnostics *faults;		/* what cannot be remembered is warned of there, once */
	const struct source *source;	/* outlives this */
	struct state_store *state;		/* NULL: there is no place for one */
	struct file_history *history;	/* NULL: the source stands in no git work tree, and is no repository */
	struct applied_records records;
	struct state_store_approvals approvals;	/* of guards, for this revision */
	const struct node *mask;	/* of the configuration; NULL: nothing */
	bool failed;
	struct cycle_memory for_cycle;	/* for the cycle */
};

/* For a sync (write) the state is made if it is not there, and its lock was taken; for a plan
 * nothing is written. endpoint is a name for the service. */
bool applied_state_open(struct context *ctx, bool write, const char *endpoint, const char *owner,
                        const struct source *source, struct diagnostics *faults, struct applied_state *out,
                        struct err *err);
/* Looks up which guards somebody approved for this revision; NULL: it is not known. */
bool applied_state_load_approvals(struct applied_state *memory, const char *revision, struct err *err);

/* From now on the source's revision is the one that was applied last. */
void applied_state_set_revision(struct applied_state *memory);
/* After a sync that ended well: what the same guard says of another plan is another question. */
void applied_state_drop_approvals(struct applied_state *memory);
void applied_state_close(struct applied_state *memory);	/* takes a zeroed one */

#endif
