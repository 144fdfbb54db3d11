#include "agent/git/id_set.h"

#include <string.h>

static git_oid *id_slot(const struct id_set *set, const git_oid *id)
{
	size_t at;

	memcpy(&at, id->id, sizeof at);
	while (!git_oid_is_zero(&set->slots[at & (set->room - 1)]) &&
	       !git_oid_equal(&set->slots[at & (set->room - 1)], id))
		at++;
	return &set->slots[at & (set->room - 1)];
}

static void id_set_enlarge(struct arena *a, struct id_set *set)
{
	struct id_set more = { .count = set->count, .room = set->room ? set->room * 2 : 64 };

	more.slots = arena_new(a, git_oid, more.room);
	for (size_t i = 0; i < set->room; i++)
		if (!git_oid_is_zero(&set->slots[i]))
			*id_slot(&more, &set->slots[i]) = set->slots[i];
	*set = more;
}

bool id_set_add(struct arena *a, struct id_set *set, const git_oid *id)
{
	if (set->count * 2 >= set->room)
		id_set_enlarge(a, set);
	git_oid *slot = id_slot(set, id);
	if (!git_oid_is_zero(slot))
		return false;
	*slot = *id;
	set->count++;
	return true;
}

bool id_set_has(const struct id_set *set, const git_oid *id)
{
	return set->count > 0 && !git_oid_is_zero(id_slot(set, id));
}
