#include "reconcile/plan/guard.h"

#include <string.h>

#define MISSING_SHARE	"missing-share"

enum {
	FLOOR = 10,		/* the least number of workflows for SHARE */
	SHARE = 30,		/* percent */
	SMALL_SHARE = 50,	/* percent, of fewer than FLOOR, and of two or more */
	NAMES_SHOWN = 10,
};

const char *name_list(struct arena *a, const char *const *names, size_t count, size_t most, const char *quote)
{
	const char *text = "";

	for (size_t i = 0; i < count && i < most; i++)
		text = arena_printf(a, "%s%s%s%s%s", text, i ? ", " : "", quote, names[i], quote);
	return count > most ? arena_printf(a, "%s and %zu more", text, count - most) : text;
}

static const char *plural_suffix(size_t count)
{
	return count == 1 ? "" : "s";
}

static const char *share_text(struct arena *a, size_t part, size_t whole)
{
	return arena_printf(a, "%zu of %zu", part, whole);
}

static bool is_over_percent(size_t part, size_t whole, int percent)
{
	return whole && part * 100 > whole * (size_t)percent;
}

/* The least percentage that a share is not over. */
static size_t least_percent(size_t part, size_t whole)
{
	return whole ? (part * 100 + whole - 1) / whole : 0;
}

static bool is_approved(const struct guard_limits *l, const char *name)
{
	for (size_t i = 0; i < l->approved_count; i++)
		if (strcmp(l->approved[i], name) == 0)
			return true;
	return false;
}

static void add_guard(struct arena *a, struct guards *g, const struct guard *guard, const struct guard_limits *l,
                bool block)
{
	bool approved = block && is_approved(l, guard->name);

	arena_grow(a, g->items, g->count, g->room);
	g->items[g->count] = *guard;
	if (approved)
		g->items[g->count].limit = arena_printf(a, "%s, approved", guard->limit);
	if (!block || approved)
		g->items[g->count].message = NULL;
	g->count++;
	g->blocked |= block && !approved;
}

static void check_empty_source(struct arena *a, struct guards *g, const struct guard_facts *f,
                        const struct guard_limits *l)
{
	add_guard(a, g, &(struct guard){
		.name = "empty-source", .limit = l->allow_empty ? "allowed" : "not empty",
		.value = arena_printf(a, "%zu declared", f->declared),
		.message = arena_printf(a, "the source declares nothing, but %zu workflow%s owned (%s); if that "
		                        "is meant, give --allow-empty", f->owned, f->owned == 1 ? " is" : "s are",
		                        name_list(a, f->owned_names, f->owned, NAMES_SHOWN, "")),
	}, l, !f->declared && f->owned && !l->allow_empty);
}

/* More than 30 % of ten or more owned workflows; of fewer: two or more, and over half (design, 6.3). */
static bool too_many_deletes(const struct guard_facts *f, const struct guard_limits *l)
{
	if (l->delete_limit)
		return is_over_percent(f->deletes, f->owned, l->max_delete_percent);
	if (f->owned >= FLOOR)
		return is_over_percent(f->deletes, f->owned, SHARE);
	return f->deletes >= 2 && is_over_percent(f->deletes, f->owned, SMALL_SHARE);
}

static void check_deletes(struct arena *a, struct guards *g, const struct guard_facts *f,
                          const struct guard_limits *l)
{
	int percent = l->delete_limit ? l->max_delete_percent :
	              f->owned >= FLOOR ? SHARE : SMALL_SHARE;

	add_guard(a, g, &(struct guard){
		.name = "delete-share", .limit = arena_printf(a, "%d %%", percent),
		.value = share_text(a, f->deletes, f->owned),
		.message = arena_printf(a, "%zu of %zu owned workflow%s would be deleted, over %d %% (%s); if that is "
		                        "meant, give --max-delete-percent %zu", f->deletes, f->owned,
		                        plural_suffix(f->owned), percent, name_list(a, f->delete_names, f->deletes, NAMES_SHOWN, ""),
		                        least_percent(f->deletes, f->owned)),
	}, l, too_many_deletes(f, l));
}

bool guards_allow_missing(const struct guard_limits *l)
{
	return l->allow_recreate || is_approved(l, MISSING_SHARE);
}

/* Of ten or more workflows with a record, more than 30 % are missing on the service: for example with a token for
 * another tenant (design, 6.3). */
static void check_missing(struct arena *a, struct guards *g, const struct guard_facts *f,
                          const struct guard_limits *l)
{
	bool block = f->remembered >= FLOOR && is_over_percent(f->missing, f->remembered, SHARE) && !l->allow_recreate;

	add_guard(a, g, &(struct guard){
		.name = MISSING_SHARE, .limit = l->allow_recreate ? "allowed" : arena_printf(a, "%d %%", SHARE),
		.value = share_text(a, f->missing, f->remembered),
		.message = arena_printf(a, "%zu of %zu workflows that were applied are missing on the service, over "
		                        "%d %% (%s); is the token for another tenant? To create them again, give "
		                        "--allow-recreate", f->missing, f->remembered, SHARE,
		                        name_list(a, f->missing_names, f->missing, NAMES_SHOWN, "")),
	}, l, block);
}

/* "was applied last under owner "o" (REPOSITORY, path P)" */
static const char *last_apply_text(struct arena *a, const struct guard_facts *f)
{
	const char *place = f->revisions.last_place;

	return arena_printf(a, "was applied last under owner \"%s\"%s%s%s", f->owner, place ? " (" : "", place ? place : "",
	                    place ? ")" : "");
}

static const char *rollback_text(struct arena *a, const struct guard_facts *f)
{
	const struct guard_revisions *r = &f->revisions;
	const char *last = last_apply_text(a, f), *lost = "";

	if (r->order == REVISION_FOREIGN)
		return arena_printf(a, "this is another repository: it does not have revision %s, which %s; give this "
		                    "repository its own --owner; if it replaces the other one, give --allow-rollback",
		                    r->last, last);
	if (r->order == REVISION_REWRITTEN)
		lost = r->last_place ? " and is no longer in this repository: its history was rewritten"
		                     : " and is not in this repository";
	else if (r->undone)
		lost = arena_printf(a, ", and would undo %zu commit%s", r->undone, plural_suffix(r->undone));
	return arena_printf(a, "revision %s does not come after %s, which %s%s; if that is meant, give --allow-rollback; "
	                    "another source needs its own --owner", r->now, r->last, last, lost);
}

/* The git revision is not a descendant of the last one applied: for example an old pipeline that was
 * started again (design, 6.3). */
static void check_rollback(struct arena *a, struct guards *g, const struct guard_facts *f,
                           const struct guard_limits *l)
{
	const struct guard_revisions *r = &f->revisions;

	if (!r->now || !r->last)
		return;
	add_guard(a, g, &(struct guard){
		.name = "rollback", .limit = l->allow_rollback ? "allowed" : "a later revision",
		.value = r->now, .message = rollback_text(a, f),
	}, l, r->order != REVISION_FOLLOWS && !l->allow_rollback);
}

static void check_updates(struct arena *a, struct guards *g, const struct guard_facts *f,
                          const struct guard_limits *l)
{
	if (!l->update_limit)
		return;
	add_guard(a, g, &(struct guard){
		.name = "update-share", .limit = arena_printf(a, "%d %%", l->max_update_percent),
		.value = share_text(a, f->updates, f->meant),
		.message = arena_printf(a, "%zu of %zu declared workflow%s would be updated, over %d %%; if that is "
		                        "meant, give --max-update-percent %zu", f->updates, f->meant,
		                        plural_suffix(f->meant), l->max_update_percent, least_percent(f->updates, f->meant)),
	}, l, is_over_percent(f->updates, f->meant, l->max_update_percent));
}

struct guards guards_check(struct arena *a, const struct guard_facts *facts,
                           const struct guard_limits *limits)
{
	struct guards g = { 0 };

	check_empty_source(a, &g, facts, limits);
	check_deletes(a, &g, facts, limits);
	check_missing(a, &g, facts, limits);
	check_rollback(a, &g, facts, limits);
	check_updates(a, &g, facts, limits);
	return g;
}
