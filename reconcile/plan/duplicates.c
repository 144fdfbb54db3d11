#include "reconcile/plan/duplicates.h"

#include <stdlib.h>
#include <string.h>

#include "reconcile/plan/task_outcome.h"
#include "reconcile/plan/workflow_task.h"

static size_t count_created(const struct cycle *c, bool listed_alone)
{
	size_t count = 0;

	for (size_t i = 0; i < c->count; i++)
		count += c->tasks[i].created.id && (!listed_alone || operation_list_has(&c->again, c->tasks[i].created.id));
	return count;
}

/* A list that does not show ours yet may hide those of other runs as well. */
static bool lags(const struct cycle *c)
{
	return count_created(c, true) < count_created(c, false);
}

bool duplicates_request(struct cycle *c)
{
	int64_t wait = 0;

	if (!count_created(c, false))
		return false;
	if (c->readings_again && (!c->again.op.ok || !lags(c) || c->dispatch->stop ||
	                          !(wait = operation_pause(c->readings_again - 1, CREATE_LOOK_MS))))
		return false;
	c->readings_again++;
	arena_free(&c->again_arena);
	operation_list_init(&c->again, &c->again_arena);
	c->again.dispatch = c->dispatch;
	c->again.wait_ms = wait;
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

/* The name of each new workflow as the service shows it.  The list is still sorted by id. */
static const char **shown_names(const struct cycle *c)
{
	const char **names = arena_new(c->arena, const char *, c->count + 1);

	for (size_t i = 0; i < c->count; i++) {
		const struct workflow_task *t = &c->tasks[i];
		const struct listed *l = t->created.id ? operation_list_find(&c->again, t->created.id) : NULL;
		names[i] = l ? l->name : t->spec->name;		/* not listed yet */
	}
	return names;
}

/* Our owner and the N of this name; a list without our tags may hide them, so describe decides. */
static bool may_be_duplicate(const struct workflow_task *t, const struct listed *l, bool hides_tags)
{
	const struct cycle *c = t->cycle;

	return owner_tags_owned(c->arena, &l->marker, c->options.owner, t->spec->name) ||
	       (hides_tags && !l->marker.owner);
}

/* name: as the service shows it. */
static void resolve_duplicates(struct workflow_task *t, const char *name)
{
	const struct cycle *c = t->cycle;
	const struct operation_list *list = &c->again;
	const struct listed *first = first_namesake(list, name), *l, *end = first;
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
	bool read = list->op.ok && !list->changing;
	diagnostics_warn(c->faults, (struct pos){ 0 }, "it is unknown whether another run created the same workflows: %s",
	                 read ? "the list does not show ours yet" : list->op.err.msg);
	c->report->verdict.deferred |= !read && !c->dispatch->stop;	/* a stop has its own exit code */
}

void duplicates_resolve(struct cycle *c)
{
	struct operation_list *list = &c->again;

	if (!list->op.ok || list->changing || lags(c))
		warn_of_unknown(c);
	const char **names = shown_names(c);
	if (list->count)
		qsort(list->items, list->count, sizeof *list->items, order_listed_names);
	for (size_t i = 0; i < c->count && list->op.ok; i++)
		if (c->tasks[i].created.id)
			resolve_duplicates(&c->tasks[i], names[i]);
}
