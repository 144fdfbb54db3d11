#include "reconcile/plan/ownership.h"

#include <stdlib.h>
#include <string.h>

#include "reconcile/plan/saved_review.h"
#include "reconcile/plan/task_outcome.h"
#include "reconcile/plan/task_plan.h"
#include "reconcile/plan/task_spec.h"
#include "reconcile/plan/unlisted.h"
#include "reconcile/schema/digest.h"

struct names {
	const struct listed **items;	/* by name, then id */
	size_t count;
};

struct matching {
	struct cycle *cycle;
	struct arena *arena;
	const char *owner;
	struct names names;
	struct names renamed;	/* not declared, with our owner tag, but N of another name: renamed, or a copy */
	const char **declared;	/* names of all specs, sorted */
	const char **old;	/* renamed_from of all specs, sorted */
	size_t old_count;
};

static int order_listed(const void *a, const void *b)
{
	const struct listed *x = *(const struct listed *const *)a, *y = *(const struct listed *const *)b;
	int order = strcmp(x->name, y->name);

	return order ? order : (x->id > y->id) - (x->id < y->id);
}

static struct names sort_listed(struct cycle *c)
{
	struct names names = { arena_new(c->arena, const struct listed *, c->list.count + 1), c->list.count };

	for (size_t i = 0; i < names.count; i++)
		names.items[i] = &c->list.items[i];
	if (names.count)
		qsort(names.items, names.count, sizeof *names.items, order_listed);
	return names;
}

/* All of one name, in the order of ids. */
static struct names listed_with_name(const struct names *names, const char *name)
{
	size_t low = 0, high = names->count, count = 0;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (strcmp(names->items[middle]->name, name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	while (low + count < names->count && strcmp(names->items[low + count]->name, name) == 0)
		count++;
	return (struct names){ names->items + low, count };
}

/* ---- the owner of a workflow ---- */

static bool has_our_tag(const struct matching *m, const struct listed *l)
{
	return l->marker.owner && strcmp(l->marker.owner, m->owner) == 0 && !l->marker.other;
}

/* True if the workflow is ours and N fits its name: it is neither a copy nor renamed. */
static bool is_owned(const struct matching *m, const struct listed *l)
{
	return owner_tags_owned(m->arena, &l->marker, m->owner, l->name);
}

/* ---- the workflow of a spec ---- */

/* Several workflows with one declared name are a conflict: nothing is guessed (design, 6.2). */
static const char *explain_namesakes(struct arena *a, const struct names *of)
{
	return listed_several(a, of->count, of->items[0], of->items[1]);
}

static const char *explain_both_names(struct arena *a, const struct listed *old, const struct listed *new)
{
	return arena_printf(a, "renamed_from: \"%s\" (id %lld) and \"%s\" (id %lld) are both on the "
	                    "service", old->name, (long long)old->id, new->name, (long long)new->id);
}

/* Of several workflows with one name the one that the state knows by id is meant (design, 6.2). */
static struct names known_one(const struct matching *m, const char *name, struct names of)
{
	const struct applied_records *records = m->cycle->memory.records;
	const struct applied_record *r = records ? applied_records_find(records, name) : NULL;

	for (size_t i = 0; r && of.count > 1 && i < of.count; i++)
		if (of.items[i]->id == r->id)
			return (struct names){ of.items + i, 1 };
	return of;
}

/* The workflows called name, or the one of them that the state knows. */
static struct names find_candidates(const struct matching *m, const struct workflow_task *w, const char *name)
{
	struct names all = listed_with_name(&m->names, name), one = known_one(m, name, all);

	if (one.count < all.count)
		diagnostics_warn(m->cycle->faults, w->step->at, "the service has %zu workflows called \"%s\"; the one with "
		           "id %lld is ours; the others are not changed", all.count, name,
		           (long long)one.items[0]->id);
	return one;
}

static int order_texts(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static const char **declared_names(struct arena *a, const struct specs *specs)
{
	const char **names = arena_new(a, const char *, specs->count + 1);

	for (size_t i = 0; i < specs->count; i++)
		names[i] = specs->items[i].name;
	if (specs->count)
		qsort(names, specs->count, sizeof *names, order_texts);
	return names;
}

static void find_old_names(struct matching *m)
{
	const struct specs *specs = m->cycle->specs;

	m->old = arena_new(m->arena, const char *, specs->count + 1);
	for (size_t i = 0; i < specs->count; i++)
		if (specs->items[i].renamed_from)
			m->old[m->old_count++] = specs->items[i].renamed_from;
	if (m->old_count)
		qsort(m->old, m->old_count, sizeof *m->old, order_texts);
}

static bool is_in_names(const char **names, size_t count, const char *name)
{
	return count && bsearch(&name, names, count, sizeof *names, order_texts);
}

static bool name_is_declared(const struct matching *m, const char *name)
{
	return is_in_names(m->declared, m->cycle->specs->count, name);
}

static struct names find_undeclared(const struct matching *m)
{
	struct names out = { 0 };
	size_t room = 0;

	for (size_t i = 0; i < m->names.count; i++) {
		const struct listed *l = m->names.items[i];
		if (!has_our_tag(m, l) || !l->marker.name || is_owned(m, l) || name_is_declared(m, l->name))
			continue;
		arena_grow(m->arena, out.items, out.count, room);
		out.items[out.count++] = l;
	}
	return out;
}

/* If a declared name is absent, and exactly one workflow has our owner tag and N of that name, that workflow was
 * renamed by hand (design, 6.2). */
static const struct listed *renamed_by_hand(const struct matching *m, const char *name)
{
	const char *n = m->renamed.count ? digest_name(m->arena, name) : NULL;
	const struct listed *found = NULL;

	for (size_t i = 0; i < m->renamed.count; i++) {
		if (strcmp(m->renamed.items[i]->marker.name, n) != 0)
			continue;
		if (found)
			return NULL;
		found = m->renamed.items[i];
	}
	return found;
}

/* The task that has found this workflow already; only one that is found by an old name can belong to two. */
static const struct workflow_task *task_using(const struct cycle *c, int64_t id)
{
	for (size_t i = 0; i < c->count; i++)
		if (c->tasks[i].step->id == id)
			return &c->tasks[i];
	return NULL;
}

static const char *explain_taken(const struct matching *m, const struct workflow_task *w, const struct listed *l)
{
	const struct workflow_task *other = strcmp(l->name, w->step->name) == 0 ? NULL : task_using(m->cycle, l->id);

	if (other)
		return arena_printf(m->arena, "workflow \"%s\" (id %lld) is also meant by the spec \"%s\"", l->name,
		                    (long long)l->id, other->step->name);
	return task_plan_ownership_conflict(m->arena, w, &l->marker, l->name);
}

/* The workflow of w's spec.  NULL: it has to be created, or, with w->step->error set, it is
 * in conflict. */
static const struct listed *find_meant_workflow(const struct matching *m, struct workflow_task *w)
{
	struct plan_step *s = w->step;
	struct names now = find_candidates(m, w, s->name), old = { 0 };

	if (w->spec->renamed_from)
		old = find_candidates(m, w, w->spec->renamed_from);
	if (now.count > 1 || (!now.count && old.count > 1)) {
		s->error = explain_namesakes(m->arena, now.count ? &now : &old);
		return NULL;
	}
	if (now.count && old.count) {
		s->error = explain_both_names(m->arena, old.items[0], now.items[0]);
		return NULL;
	}
	const struct listed *found = now.count ? now.items[0] : old.count ? old.items[0]
	                                                      : renamed_by_hand(m, s->name);
	if (found)
		s->error = explain_taken(m, w, found);
	return s->error ? NULL : found;
}

/* The workflow of the spec, under its name or its old one, if it is not in the list and may exist; NULL: not so. */
static const struct unlisted *find_unknown(const struct cycle *c, const struct spec *spec)
{
	const struct unlisted *now = unlisted_find(c, spec->name), *old = unlisted_find(c, spec->renamed_from);

	return now && now->state == UNLISTED_UNKNOWN ? now : old && old->state == UNLISTED_UNKNOWN ? old : NULL;
}

/* Of a workflow that is left alone before it is described; others are explained at the end of their plan. */
static void explain_unplanned(struct matching *m, struct workflow_task *w)
{
	struct err err;

	if (!m->cycle->options.explanation || !spec_load(m->cycle->specs, w->spec, &err))
		return;
	explanation_take(w);
	task_spec_free(w);
}

static void match_task(struct matching *m, struct workflow_task *w)
{
	struct plan_step *s = w->step;
	struct err err;

	if (w->spec->suspend) {
		s->result = RESULT_SUSPENDED;
		explain_unplanned(m, w);
		return;
	}
	const struct unlisted *unknown = find_unknown(m->cycle, w->spec);
	if (unknown) {
		unlisted_fail_step(unknown, s);
		return;
	}
	const struct listed *found = find_meant_workflow(m, w);
	s->id = found ? found->id : 0;
	if (s->error) {
		s->result = RESULT_CONFLICT;
		explain_unplanned(m, w);
	} else if (found && warm_reuse(w, found)) {
		return;
	} else if (!spec_load(m->cycle->specs, w->spec, &err)) {
		task_outcome_unread(w, err.msg);
	} else if (found) {
		if (warm_may_postpone(w))
			workflow_task_postpone(w);
		else
			workflow_task_observe(w);
	} else {
		task_plan_create(w);
		workflow_task_end_plan(w);
	}
}

/* ---- deletes ---- */

/* A workflow that a spec has found under another name is renamed, not deleted.  Nor is one deleted that is the
 * renamed_from of a spec which is suspended or in conflict. */
static bool is_undeclared(const struct matching *m, const struct listed *l)
{
	return !l->marker.keep && !name_is_declared(m, l->name) && !is_in_names(m->old, m->old_count, l->name) &&
	       !task_using(m->cycle, l->id);
}

/* Our workflows with the same name as l: one of them may be a copy made by hand. */
static struct names namesakes(const struct matching *m, const struct listed *l)
{
	struct names all = listed_with_name(&m->names, l->name), out = { 0 };

	out.items = arena_new(m->arena, const struct listed *, all.count);
	for (size_t i = 0; i < all.count; i++)
		if (is_owned(m, all.items[i]))
			out.items[out.count++] = all.items[i];
	return known_one(m, l->name, out);
}

/* Adds a step for l.  True if it is a delete; it may also be a conflict, or no step is needed. */
static bool plan_delete(struct matching *m, const struct listed *l)
{
	struct report *r = m->cycle->report;
	struct names same = namesakes(m, l);
	struct plan_step step = {
		.name = l->name, .id = l->id, .action = ACTION_DELETE, .reason = REASON_UNDECLARED,
	};

	if (same.items[0] != l)
		return false;
	if (same.count > 1) {
		step.result = RESULT_CONFLICT;
		step.error = explain_namesakes(m->arena, &same);
	}
	r->steps[r->step_count++] = step;
	return same.count == 1;
}

/* True if no spec and no other workflow has the N of l, so that l is not a copy of one that is still there. */
static bool is_only_one_with_its_digest(const struct matching *m, const struct listed *l)
{
	const struct specs *specs = m->cycle->specs;

	for (size_t i = 0; i < specs->count; i++)
		if (owner_tags_owned(m->arena, &l->marker, m->owner, specs->items[i].name))
			return false;
	for (size_t i = 0; i < m->names.count; i++) {
		const struct listed *other = m->names.items[i];
		if (other != l && other->marker.name && strcmp(other->marker.name, l->marker.name) == 0)
			return false;
	}
	return true;
}

/* Workflows of ours that are called differently than flowsync called them, by hand or because the service changes names:
 * they count as unmarked, so they are not deleted. */
static void find_renamed_undeclared(struct matching *m)
{
	struct cycle *c = m->cycle;

	c->renamed = arena_new(m->arena, const char *, m->renamed.count + 1);
	for (size_t i = 0; i < m->renamed.count; i++) {
		const struct listed *l = m->renamed.items[i];
		if (cycle_selects(&c->options, l->name) && is_undeclared(m, l) && is_only_one_with_its_digest(m, l))
			c->renamed[c->renamed_count++] = l->name;
	}
}

static void plan_deletes(struct matching *m, struct guard_facts *facts)
{
	const char **names = arena_new(m->arena, const char *, m->names.count + 1);
	const char **gone = arena_new(m->arena, const char *, m->names.count + 1);
	struct cycle *c = m->cycle;

	c->undeclared = arena_new(m->arena, const char *, m->names.count + 1);
	for (size_t i = 0; i < m->names.count; i++) {
		const struct listed *l = m->names.items[i];
		if (!is_owned(m, l) || !cycle_selects(&m->cycle->options, l->name))
			continue;
		names[facts->owned++] = l->name;
		if (!is_undeclared(m, l))
			continue;
		if (!c->options.prune)
			c->undeclared[c->undeclared_count++] = l->name;
		else if (plan_delete(m, l))
			gone[facts->deletes++] = l->name;
	}
	facts->owned_names = names;
	facts->delete_names = gone;
	m->cycle->report->owned = facts->owned;
}

/* With prune those that may exist have a step as well, as they may have to be deleted. */
static void fail_unknown_deletes(struct matching *m)
{
	const struct cycle *c = m->cycle;
	struct report *r = c->report;

	for (size_t i = 0; c->options.prune && i < c->unlisted_count; i++) {
		const struct unlisted *u = &c->unlisted[i];
		const char *name = u->record->name;
		if (u->state != UNLISTED_UNKNOWN || !cycle_selects(&c->options, name) || name_is_declared(m, name) ||
		    is_in_names(m->old, m->old_count, name))
			continue;
		r->steps[r->step_count] = (struct plan_step){ .name = name };
		unlisted_fail_step(u, &r->steps[r->step_count++]);
	}
}

static void count_missing(struct matching *m, struct guard_facts *facts)
{
	struct cycle *c = m->cycle;
	const char **names = arena_new(m->arena, const char *, c->unlisted_count + 1);

	c->over = arena_new(m->arena, const char *, c->unlisted_count + 1);
	facts->remembered = c->recorded;
	for (size_t i = 0; i < c->unlisted_count; i++) {
		const struct unlisted *u = &c->unlisted[i];
		facts->remembered -= u->state == UNLISTED_UNKNOWN;
		if (u->state != UNLISTED_GONE || listed_with_name(&m->names, u->record->name).count)
			continue;
		names[facts->missing++] = u->record->name;
		if (!name_is_declared(m, u->record->name))
			c->over[c->over_count++] = u->record->name;
	}
	facts->missing_names = names;
}

/* No more steps than these are added, and only with prune. */
static size_t most_deletes(const struct matching *m)
{
	const struct cycle *c = m->cycle;
	size_t most = c->unlisted_count;

	for (size_t i = 0; i < c->list.count; i++)
		most += !name_is_declared(m, c->list.items[i].name);
	return c->options.prune ? most : 0;
}

/* Moves the steps to an array with room for deletes. */
static void reserve_steps(struct matching *m)
{
	struct cycle *c = m->cycle;
	size_t room = c->count + most_deletes(m) + saved_review_room(c) + 1;
	struct plan_step *steps = arena_new(c->arena, struct plan_step, room);

	for (size_t i = 0; i < c->count; i++) {
		steps[i] = *c->tasks[i].step;
		c->tasks[i].step = &steps[i];
	}
	c->report->steps = steps;
	arena_free(&c->first_steps);
}

void ownership_resolve(struct cycle *c, struct guard_facts *facts)
{
	struct matching m = {
		.cycle = c, .arena = c->arena, .owner = c->options.owner, .names = sort_listed(c),
		.declared = declared_names(c->arena, c->specs),
	};

	m.renamed = find_undeclared(&m);
	find_old_names(&m);
	reserve_steps(&m);
	for (size_t i = 0; i < c->count; i++)
		match_task(&m, &c->tasks[i]);
	plan_deletes(&m, facts);
	find_renamed_undeclared(&m);
	fail_unknown_deletes(&m);
	count_missing(&m, facts);
}
