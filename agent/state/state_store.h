/* state_store.h: what flowsync remembers between syncs, in state.db of the state directory.  Losing it costs a few more
 * writes and nothing else: who owns a workflow is stored on the workflow itself (design, 5 and 6).
 *
 * Everything is kept per endpoint, owner and workflow name. */
#ifndef AGENT_STATE_STATE_STORE_H
#define AGENT_STATE_STATE_STORE_H

#include "agent/state/decision_store.h"
#include "reconcile/plan/applied_record.h"
#include "reconcile/plan/warm.h"

struct state_store;

enum { STATE_KEY_SIZE = 32 };

enum state_store_mode {
	STATE_READ,	/* for a plan: a copy from when it was opened; nothing is created or written, not even
			 * beside the file; without a file it is empty */
	STATE_WRITE,	/* for a sync: created if it is not there */
};

/* Refuses a state that a newer flowsync wrote, and one that cannot be read, and overwrites neither.  One that
 * SQLite finds damaged is replaced by an empty one (state_store_damage()).  For STATE_WRITE
 * dir is created with mode 0700; the file has mode 0600. */
bool state_store_open(const char *dir, enum state_store_mode use, const char *endpoint, const char *owner,
                      struct state_store **out, struct err *err);
/* Why the caller deletes nothing: the file was damaged and set aside now, or it was at an earlier time and no whole sync
 * of this endpoint and owner has ended since (state_store_set_complete()).  NULL: nothing was damaged. */
const char *state_store_damage(const struct state_store *state);
void state_store_close(struct state_store *state);		/* takes NULL */
void state_store_closep(struct state_store **state);

/* The key of sealed values, STATE_KEY_SIZE random bytes that only this file has, and a temporary file of a plan.  With STATE_READ and
 * without a file: a new one. */
const unsigned char *state_store_key(const struct state_store *state);

/* All records, sorted by name, and intents, in a.  The bodies of the records can be read as long as state is open. */
bool state_store_load(struct state_store *state, struct arena *a, struct applied_records *out, struct err *err);

/* Changes, which state_store_commit() writes.  What they get is copied.  Needs STATE_WRITE. */
void state_store_put(struct state_store *state, const struct applied_record *record);
void state_store_drop(struct state_store *state, const char *name);
/* Replaces an earlier one of the same name and digest. */
void state_store_intend(struct state_store *state, const struct applied_intent *intent);
void state_store_withdraw(struct state_store *state, const struct applied_intent *intent);
/* All of that name. */
void state_store_drop_intents(struct state_store *state, const char *name);

/* Writes the changes since the last commit in their order, in one transaction that is on disk when it returns.  If
 * false none is written, and the next commit tries again.  all false: if there are only dropped intents, they wait for a later
 * commit. */
bool state_store_commit(struct state_store *state, bool all, struct err *err);

/* The looks at workflows that need not be described again, sorted by name, in a. */
bool state_store_load_looks(struct state_store *state, struct arena *a, struct held_looks *out, struct err *err);
/* Stores what a cycle learned, on disk when it returns; writes nothing if it learned nothing.  A look is dropped in the
 * same moment in which a record or an intent of its workflow is stored or dropped. */
bool state_store_save_looks(struct state_store *state, const struct warm *warm, int64_t now_ms, struct err *err);

/* A git revision, and where it is from; each may be NULL: not known. */
struct state_store_revision { const char *commit, *repository, *path; };

/* The revision that was applied last, in a. */
bool state_store_revision(struct state_store *state, struct arena *a, struct state_store_revision *out, struct err *err);
bool state_store_set_revision(struct state_store *state, const struct state_store_revision *revision, struct err *err);

/* A whole sync of this endpoint and owner has ended: from now on it knows what was applied. */
bool state_store_set_complete(struct state_store *state, struct err *err);

/* Approvals that earlier versions kept here, of all endpoints and owners, in a. */
bool state_store_old_approvals(struct state_store *state, struct arena *a, struct approval_list *out, struct err *err);
bool state_store_drop_old_approvals(struct state_store *state, struct err *err);

#endif
