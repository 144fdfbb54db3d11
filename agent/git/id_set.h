/* id_set.h: a set of object ids in an arena. */
#ifndef AGENT_GIT_ID_SET_H
#define AGENT_GIT_ID_SET_H

#include <git2.h>

#include "reconcile/base/arena.h"

/* A zeroed one is empty.  There is nothing to free. */
struct id_set {
	git_oid *slots;		/* the zero id marks a free slot */
	size_t count, room;	/* room: a power of two */
};

/* False if it is there already. */
bool id_set_add(struct arena *a, struct id_set *set, const git_oid *id);
bool id_set_has(const struct id_set *set, const git_oid *id);

#endif
