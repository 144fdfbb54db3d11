/* decision_store.h: what people have decided, in decisions.json of the state directory.  Unlike state.db it cannot be
 * rebuilt from the service, so it stands apart: it is written whole and renamed, and if it is damaged nothing is
 * guessed and nothing is written until a person moves it away.
 *
 * The file is {"version": 1, "approvals": [...]}.  Each kind of decision is a list of its own, with the service's
 * endpoint and the owner that it is about; a further kind is a further list and the next version.  A file of a higher
 * version is refused, as what it holds may forbid what this flowsync is about to do. */
#ifndef AGENT_STATE_DECISION_STORE_H
#define AGENT_STATE_DECISION_STORE_H

#include "reconcile/base/arena.h"
#include "reconcile/base/err.h"

/* An owner's workflows on a service. */
struct decision_scope { const char *endpoint, *owner; };

/* The guard may be passed at that revision (or tree) and no other. */
struct approval { struct decision_scope scope; const char *guard, *revision; };
struct approval_list { struct approval *items; size_t count, room; };

/* The names of guards that may be passed. */
struct approved_guards { const char **guards; size_t count, room; };

/* Replaces an earlier approval of the guard in its scope. */
bool decision_store_approve(const char *dir, const struct approval *approval, struct err *err);
/* Approvals of this scope at revision; NULL: any file is only checked. */
bool decision_store_approved(const char *dir, struct arena *a, const struct decision_scope *scope,
                             const char *revision, struct approved_guards *out, struct err *err);
/* Removes all approvals of this scope: they were used. */
bool decision_store_drop_approvals(const char *dir, const struct decision_scope *scope, struct err *err);

/* Writes the approvals of an earlier version, unless there is a file already. */
bool decision_store_take_over(const char *dir, const struct approval_list *approvals, struct err *err);

#endif
