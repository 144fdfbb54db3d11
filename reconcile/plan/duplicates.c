#include "reconcile/plan/duplicates.h"

#include <stdlib.h>
#include <string.h>

#include "reconcile/plan/task_outcome.h"
#include "reconcile/plan/workflow_task.h"

bool duplicates_request(struct cycle *c)
{
	bool created = false;

	for (size_t i = 0; i < c->count; i++)
		created |= c->tasks[i].created.id != 0;
	if (!created)
		return false;
	operation_list_init(&c->again, &c->again_arena);
	c->again.dispatch = c->dispatch;
	dispatch_add(c->dispatch, &c->again.op.task);
	c->to_do++;
	return true;
}

static int order_listed_names(const void *a, const void *b)
{
	const struct listed *x = a, *y = b;
	int order = strcmp(x->name, y->name);

	return order ? order : (x->id > y->id) - (x->id < y->id);
}

/* The first workflow of the list, sorted by name, that is called name; NULL: none. */
static const struct listed *first_namesake(const struct operation_list *list, const char *name)
{
	const struct listed key = { .name = name };
	size_t low = 0, high = list->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (order_listed_names(&list->items[middle], &key) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low < list->count && strcmp(list->items[low].name, name) == 0 ? &list->items[low] : NULL;
}

/* The name of the new workflow as the service shows it. */
static const char *shown_name(const struct operation_list *list, const struct workflow_task *t)
{
	for (size_t i = 0; i < list->count; i++)
		if (list->items[i].id == t->created.id)
			return list->items[i].name;
	return t->spec->name;	/* not listed yet */
}

/* Our owner and the N of this name; a list without our tags may hide them, so describe decides. */
static bool may_be_duplicate(const struct workflow_task *t, const struct listed *l, bool hides_tags)
{
	const struct cycle *c = t->cycle;

	return owner_tags_owned(c->arena, &l->marker, c->options.owner, t->spec->name) ||
	       (hides_tags && !l->marker.owner);
}

static void resolve_duplicates(struct workflow_task *t)
{
	const struct cycle *c = t->cycle;
	const struct operation_list *list = &c->again;
	const struct listed *first = first_namesake(list, shown_name(list, t)), *l, *end = first;
	bool hides_tags = false, strangers = false;
	size_t room = 0;

	for (; first && end < list->items + list->count && strcmp(end->name, first->name) == 0; end++)
		hides_tags |= end->id == t->created.id && !end->marker.owner;
	for (l = first; l < end; l++) {
		if (l->id == t->created.id)
			continue;
		strangers |= !may_be_duplicate(t, l, hides_tags);
		arena_grow(c->arena, t->duplicates.ids, t->duplicates.count, room);
		t->duplicates.ids[t->duplicates.count++] = l->id;
	}
	if (t->duplicates.count)
		workflow_task_resolve_duplicates(t, strangers);
}

/* After a refused token the cycle has failed as a whole. */
static void warn_of_unknown(struct cycle *c)
{
	const struct operation_list *list = &c->again;

	if (c->dispatch->unauthorised || c->forbade)
		return;
	diagnostics_warn(c->faults, (struct pos){ 0 }, "it is unknown whether another run created the same workflows: %s",
	                 list->op.err.msg);
	c->report->verdict.deferred = true;
}

void duplicates_resolve(struct cycle *c)
{
	struct operation_list *list = &c->again;

	if (!list->op.ok || list->changing)
		warn_of_unknown(c);
	if (list->count)
		qsort(list->items, list->count, sizeof *list->items, order_listed_names);
	for (size_t i = 0; i < c->count && list->op.ok; i++)
		if (c->tasks[i].created.id)
			resolve_duplicates(&c->tasks[i]);
}
