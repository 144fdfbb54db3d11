/* state_store.h: what the agent remembers between cycles, in state.db of the state directory.  Losing
 * it harms nothing but costs a few more writes: who owns a workflow stands on the workflow itself
 * (design sections 5 and 6).
 *
 * Everything is kept per endpoint, owner and workflow name. */
#ifndef AGENT_STATE_STATE_STORE_H
#define AGENT_STATE_STATE_STORE_H

#include "reconcile/plan/applied_record.h"

struct state_store;

enum { STATE_KEY_SIZE = 32 };

enum state_store_mode {
	STATE_READ,	/* for a plan: as it was when it was opened; nothing is made or written, not
			 * even beside it; no state there is no error, it is empty then */
	STATE_WRITE,	/* for a sync: made if it is not there */
};

/* Refused: a state that a newer flowsync wrote, and one that cannot be read (nothing is
 * overwritten).  dir is made, mode 0700, for STATE_WRITE; the file is 0600. */
bool state_store_open(const char *dir, enum state_store_mode use, const char *endpoint, const char *owner,
                      struct state_store **out, struct err *err);
void state_store_close(struct state_store *state);		/* takes NULL */
void state_store_closep(struct state_store **state);

/* The key of sealed values: random, made with the state, in no other place.  With STATE_READ and
 * no state: a fresh one. */
const unsigned char *state_store_key(const struct state_store *state);

/* All records, sorted by name, in a. */
bool state_store_load(struct state_store *state, struct arena *a, struct applied_records *out, struct err *err);

/* Each is on disk when it returns. */
bool state_store_put(struct state_store *state, const struct applied_record *record, struct err *err);
bool state_store_drop(struct state_store *state, const char *name, struct err *err);

/* The git revision that was applied last, in a; NULL: none is known. */
bool state_store_revision(struct state_store *state, struct arena *a, const char **out, struct err *err);
bool state_store_set_revision(struct state_store *state, const char *revision, struct err *err);

/* The names of guards that may be passed. */
struct state_store_approvals { const char **guards; size_t count, room; };

/* Somebody said that guard may be passed for that revision (or tree), and no other: an earlier
 * approval of the guard is forgotten. */
bool state_store_approve(struct state_store *state, const char *guard, const char *revision, struct err *err);
bool state_store_approvals(struct state_store *state, struct arena *a, const char *revision,
                           struct state_store_approvals *out, struct err *err);
bool state_store_drop_approvals(struct state_store *state, struct err *err);	/* they were used */

#endif
