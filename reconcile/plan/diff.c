#include "reconcile/plan/diff.h"

#include <stdlib.h>
#include <string.h>

#include "reconcile/schema/digest.h"
#include "reconcile/schema/mask.h"
#include "reconcile/schema/normalise.h"
#include "reconcile/tree/path.h"

struct walk {
	struct arena *arena;
	const char *name;		/* of the workflow */
	const struct node *ignore;
	const struct node *record, *sealed, *other;
	bool hidden;			/* fields that the service hides are compared with the record */
	bool whole;
	const struct node *resources;
	struct diff *out;		/* NULL: differences are only counted */
	size_t found;			/* number of differences */
};

/* The place that the walk has reached, and the kind of values there. */
struct diff_place {
	const struct field *field;
	const struct field *outer;	/* of the map or list around; NULL at the root */
	unsigned kind;
	struct path path;
	/* The declared item of a list around, and its row; NULL: none, or it is the place itself. */
	const struct node *item;
	const struct field *item_field;
};

static void compare_values(struct walk *w, const struct diff_place *at, const struct node *declared,
                    const struct node *observed);
static void compare_keys(struct walk *w, const struct diff_place *at, const struct node *declared,
                         const struct node *observed);
static bool means_the_same_left_out(struct walk *w, const struct field *f, const struct node *n);

/* ---- differences ---- */

static bool is_ignored(struct walk *w, const struct diff_place *at)
{
	return path_matches(w->arena, &at->path, w->ignore);
}

static struct node *value_to_show(struct walk *w, const struct diff_place *at, const struct node *n,
                          unsigned number)
{
	return mask_entry(w->arena, at->outer, at->path.key, at->field, n, number);
}

/* The values of both sealed bodies at path, or at the first list on the way: items of lists have no place of their own
 * in a record. */
struct pair { const struct node *before, *now, *other; bool in_list; };

static struct pair pair_at(const struct walk *w, const struct path *path)
{
	if (!path->up)
		return (struct pair){ w->record, w->sealed, w->other, false };
	struct pair above = pair_at(w, path->up);
	if (above.in_list || !path->key)
		return (struct pair){ above.before, above.now, above.other, true };
	return (struct pair){ node_get(above.before, path->key), node_get(above.now, path->key),
	                      node_get(above.other, path->key), false };
}

static bool is_as_recorded(const struct walk *w, const struct path *path)
{
	struct pair p = pair_at(w, path);

	if (!p.before || !p.now)
		return p.before == p.now;
	return node_equal(p.before, p.now) || (p.other && node_equal(p.before, p.other));
}

static enum reason reason_of(const struct walk *w, const struct path *path)
{
	if (!w->record)
		return REASON_ADOPTED;
	return is_as_recorded(w, path) ? REASON_DRIFT : REASON_DECLARED;
}

static const char *value_digest(struct walk *w, const struct diff_place *at, const struct node *n)
{
	return digest_value(w->arena, w->name, path_text(w->arena, &at->path), at->outer, at->path.key,
	                    at->field, n);
}

/* True if observed is declared in another form: a service that shows 7 as "7", or true as 1, has stored what was sent. */
static bool reads_the_same(struct arena *a, const struct node *observed, const struct node *declared)
{
	const char *shown = observed ? node_scalar_text(a, observed) : NULL, *sent = node_scalar_text(a, declared);

	if (!shown || !sent)
		return false;
	return strcmp(shown, sent) == 0 ||
	       (declared->kind == NODE_BOOL && strcmp(shown, declared->boolean ? "1" : "0") == 0);
}

static bool is_strict(const struct field *f)
{
	return f && (f->words || f->type == FIELD_BOOL || f->type == FIELD_INT || f->type == FIELD_NUMBER);
}

/* What identifies the item of a list around the place, as "user: ann"; NULL if nothing does. */
static const char *identity_around(struct walk *w, const struct diff_place *at)
{
	const char *const *pointer = at->item ? at->item_field->identity : NULL;

	for (; pointer && *pointer; pointer++) {
		const struct node *shown = mask_entry(w->arena, NULL, NULL, at->item_field, at->item, 1);
		const struct node *found = node_at(shown, *pointer);
		if (found && found->kind == NODE_TEXT)
			return arena_printf(w->arena, "%s: %s", *pointer + 1, found->text);
	}
	return NULL;
}

/* A changed secret is shown as "(masked #1)" and "(masked #2)", so that the change is visible. */
static void add_found_change(struct walk *w, const struct diff_place *at, const struct node *from,
                  const struct node *to, struct pos pos)
{
	if (is_ignored(w, at))
		return;
	w->found++;
	if (!w->out)
		return;
	struct change c = {
		.op = !from ? CHANGE_ADD : !to ? CHANGE_REMOVE : CHANGE_REPLACE,
		.path = path_text(w->arena, &at->path),
		.from = from ? value_to_show(w, at, from, 1) : NULL,
		.to = to ? value_to_show(w, at, to, 1) : NULL,
		.reason = reason_of(w, &at->path),
		.item = identity_around(w, at),
		.at = pos,
		.sent = value_digest(w, at, to),
		.kept = value_digest(w, at, from),
		.is_item = at->outer && at->outer->type == FIELD_LIST,
		.strict = to && is_strict(at->field) && !reads_the_same(w->arena, from, to),
	};
	if (from && to && node_equal(c.from, c.to))
		c.to = value_to_show(w, at, to, 2);
	/* A step or auth of another type cannot keep the keys of the old one. */
	c.whole = from && to && at->outer && at->outer->variant &&
	          strcmp(at->outer->variant, at->path.key) == 0;
	diff_add(w->arena, w->out, &c);
}

static bool scalars_differ(struct walk *w, const struct diff_place *at, const struct node *declared,
                   const struct node *observed)
{
	struct walk probe = *w;

	probe.out = NULL;
	probe.found = 0;
	compare_values(&probe, at, declared, observed);
	return probe.found > 0;
}

static void note_unseen(struct walk *w, const struct diff_place *at)
{
	struct diff *out = w->out;

	if (!out)
		return;
	arena_grow(w->arena, out->unseen, out->unseen_count, out->unseen_room);
	out->unseen[out->unseen_count++] = path_text(w->arena, &at->path);
}

/* ---- lists ---- */

static bool scalars_only(const struct node *list)
{
	for (size_t i = 0; list && i < list->count; i++)
		if (list->entries[i].value->kind >= NODE_LIST)
			return false;
	return true;
}

static int order_nodes(const void *a, const void *b)
{
	return node_order(((const struct entry *)a)->value, ((const struct entry *)b)->value);
}

static bool same_scalars(struct walk *w, const struct field *f, const struct node *x,
                         const struct node *y)
{
	struct node *a = node_copy(w->arena, x), *b = node_copy(w->arena, y);

	if (a->count != b->count)
		return false;
	if ((f->flags & FIELD_SET) && a->count) {
		qsort(a->entries, a->count, sizeof *a->entries, order_nodes);
		qsort(b->entries, b->count, sizeof *b->entries, order_nodes);
	}
	for (size_t i = 0; i < a->count; i++)
		if (!normal_scalars_equal(f->fields, a->entries[i].value, b->entries[i].value))
			return false;
	return true;
}

static size_t count_keys_of_item(const struct node *n)
{
	size_t sum = 1;

	for (size_t i = 0; i < n->count; i++)
		sum += count_keys_of_item(n->entries[i].value);
	return sum;
}

static const struct node *identity_of_item(const struct field *item, const struct node *n)
{
	for (size_t i = 0; item->identity && item->identity[i]; i++) {
		const struct node *found_at = node_at(n, item->identity[i]);
		if (found_at)
			return found_at;
	}
	return NULL;
}

/* The observed item of each declared one. */
struct pairing {
	size_t *of;		/* by declared index: observed index; the observed count: no pair */
	bool *taken;		/* by observed index: it is paired */
};

static struct diff_place item_spot(const struct diff_place *list, size_t index)
{
	return (struct diff_place){ list->field->fields, list->field, list->kind,
	                      { &list->path, NULL, index } };
}

static void pair_by(struct walk *w, const struct diff_place *at, const struct node *declared, size_t i,
                    const struct node *observed, struct pairing *p,
                    bool (*match)(struct walk *, const struct diff_place *, const struct node *,
                                  const struct node *))
{
	struct diff_place spot = item_spot(at, i);

	for (size_t j = 0; p->of[i] == observed->count && j < observed->count; j++)
		if (!p->taken[j] && match(w, &spot, declared->entries[i].value, observed->entries[j].value)) {
			p->of[i] = j;
			p->taken[j] = true;
		}
}

static bool match_whole(struct walk *w, const struct diff_place *at, const struct node *declared,
                        const struct node *observed)
{
	return node_equal(declared, observed);
}

static bool match_open(struct walk *w, const struct diff_place *at, const struct node *declared,
                       const struct node *observed)
{
	return !scalars_differ(w, at, declared, observed);
}

static bool match_identity(struct walk *w, const struct diff_place *at, const struct node *declared,
                           const struct node *observed)
{
	const struct node *x = identity_of_item(at->field, declared), *y = identity_of_item(at->field, observed);
	return x && y && node_equal(x, y);
}

struct ranked { size_t index, weight; };

static int heavier_first(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;
	return x->weight != y->weight ? (x->weight < y->weight) - (x->weight > y->weight)
	                              : (x->index > y->index) - (x->index < y->index);
}

/* First pairs equal items, then items whose declared keys are equal, beginning with the declared item that has most
 * keys, so that a vague item does not take the match of an exact one.  The rest is paired by identity, and shown
 * as changed. */
static struct pairing pair_items(struct walk *w, const struct diff_place *at, const struct node *declared,
                                 const struct node *observed)
{
	struct pairing p = { arena_new(w->arena, size_t, declared->count + 1),
	                     arena_new(w->arena, bool, observed->count + 1) };
	struct ranked *rank = arena_new(w->arena, struct ranked, declared->count + 1);

	for (size_t i = 0; i < declared->count; i++) {
		p.of[i] = observed->count;
		rank[i] = (struct ranked){ i, count_keys_of_item(declared->entries[i].value) };
	}
	qsort(rank, declared->count, sizeof *rank, heavier_first);
	for (size_t i = 0; i < declared->count; i++)
		pair_by(w, at, declared, i, observed, &p, match_whole);
	for (size_t i = 0; i < declared->count; i++)
		pair_by(w, at, declared, rank[i].index, observed, &p, match_open);
	for (size_t i = 0; i < declared->count; i++)
		pair_by(w, at, declared, i, observed, &p, match_identity);
	return p;
}

static void compare_items(struct walk *w, const struct diff_place *at, const struct node *declared,
                          const struct node *observed)
{
	struct pairing p = pair_items(w, at, declared, observed);

	for (size_t i = 0; i < declared->count; i++) {
		struct diff_place spot = item_spot(at, i);
		const struct node *item = declared->entries[i].value;
		if (p.of[i] == observed->count)
			add_found_change(w, &spot, NULL, item, item->at);
		else
			compare_values(w, &spot, item, observed->entries[p.of[i]].value);
	}
	for (size_t j = 0; j < observed->count; j++) {
		struct diff_place spot = item_spot(at, j);
		if (!p.taken[j])
			add_found_change(w, &spot, observed->entries[j].value, NULL, declared->at);
	}
}

static void compare_in_order(struct walk *w, const struct diff_place *at, const struct node *declared,
                             const struct node *observed)
{
	for (size_t i = 0; i < declared->count || i < observed->count; i++) {
		struct diff_place spot = item_spot(at, i);
		const struct node *x = i < declared->count ? declared->entries[i].value : NULL;
		const struct node *y = i < observed->count ? observed->entries[i].value : NULL;
		if (x && y)
			compare_values(w, &spot, x, y);
		else
			add_found_change(w, &spot, y, x, x ? x->at : declared->at);
	}
}

static void compare_lists(struct walk *w, const struct diff_place *at, const struct node *declared,
                          const struct node *observed)
{
	if (!observed) {
		/* "triggers: [] equals absent, null or empty" (design, 5.1) */
		if (declared->count)
			add_found_change(w, at, NULL, declared, declared->at);
	} else if (scalars_only(declared) && scalars_only(observed) &&
	           at->field->fields->type != FIELD_OBJECT) {
		if (!same_scalars(w, at->field, declared, observed))
			add_found_change(w, at, observed, declared, declared->at);
	} else if (at->field->flags & FIELD_SET) {
		compare_items(w, at, declared, observed);
	} else {
		compare_in_order(w, at, declared, observed);
	}
}

/* ---- maps ---- */

/* True if observed is the service's default resource, which equals left out resources (design, 5.1).  If the default is
 * not known, any resource may be it. */
static bool is_default_resource(const struct walk *w, const struct field *f, const struct node *observed)
{
	if (!(f->flags & FIELD_RESOURCES) || observed->kind != NODE_MAP)
		return false;
	for (size_t i = 0; w->resources && i < observed->count; i++) {
		const struct entry *e = &observed->entries[i];
		const struct node *other = node_get(w->resources, e->key);
		if (other && !normal_scalars_equal(field_child(f, e->key, ALL_KINDS), e->value, other))
			return false;
	}
	return true;
}

/* True if leaving n out means the same: n is empty, a default, or an object of such values only. */
static bool is_meaningless_value(struct walk *w, const struct field *f, unsigned kind, const struct node *n)
{
	if (node_empty(n) || means_the_same_left_out(w, f, n))
		return true;
	if (f->type != FIELD_OBJECT || n->kind != NODE_MAP || (f->flags & FIELD_PRESENCE))
		return false;
	for (size_t i = 0; i < n->count; i++) {
		const struct field *child = field_child(f, n->entries[i].key, kind);
		if (child && !is_meaningless_value(w, child, kind, n->entries[i].value))
			return false;
	}
	return true;
}

/* True if an observed key that is not declared has to be removed. */
static bool must_be_removed(struct walk *w, const struct diff_place *at, const struct node *observed)
{
	const struct field *f = at->field;
	bool closed = at->outer->flags & FIELD_CLOSED;

	if (!f || (f->flags & (FIELD_FILLED | FIELD_WRITE_ONLY)) || is_ignored(w, at))
		return false;
	if (closed)
		return true;
	if (is_meaningless_value(w, f, field_kind(f, observed, at->kind), observed) ||
	    is_default_resource(w, f, observed))
		return false;
	/* An item of a list has no record of its own. */
	struct pair p = pair_at(w, &at->path);
	return w->whole || (w->record && !p.in_list && p.before);
}

static void add_removed_change(struct walk *w, const struct diff_place *at, const struct node *from, struct pos pos,
                    enum reason reason)
{
	add_found_change(w, at, from, NULL, pos);
	if (!w->out)
		return;
	struct change *last = &w->out->items[w->out->count - 1];
	w->out->removes = last->whole = true;
	last->reason = w->record ? reason : REASON_ADOPTED;
	last->by_record = w->record && !w->whole && !(at->outer->flags & FIELD_CLOSED);
}

/* Removes all of observed, except for ignored places below it. */
static void remove_value(struct walk *w, const struct diff_place *at, struct pos pos, const struct node *observed)
{
	const struct node nothing = { .kind = NODE_MAP, .at = pos };

	if (observed->kind == NODE_MAP && !(at->outer->flags & FIELD_CLOSED) &&
	    path_leads_to(w->arena, &at->path, w->ignore))
		compare_keys(w, at, &nothing, observed);
	else
		add_removed_change(w, at, observed, pos, w->record && !pair_at(w, &at->path).before ? REASON_DRIFT
		                                                                           : REASON_UNDECLARED);
}

static void compare_keys(struct walk *w, const struct diff_place *at, const struct node *declared,
                         const struct node *observed)
{
	unsigned kind = field_kind(at->field, declared, at->kind);
	bool is_item = at->outer && at->outer->type == FIELD_LIST;
	const struct node *item = is_item ? declared : at->item;
	const struct field *item_field = is_item ? at->field : at->item_field;

	for (size_t i = 0; i < declared->count; i++) {
		const struct entry *e = &declared->entries[i];
		struct diff_place spot = { field_child(at->field, e->key, kind), at->field, kind,
		                     { &at->path, e->key }, item, item_field };
		compare_values(w, &spot, e->value, node_get(observed, e->key));
	}
	for (size_t i = 0; observed && i < observed->count; i++) {
		const struct entry *e = &observed->entries[i];
		struct diff_place spot = { field_child(at->field, e->key, kind), at->field, kind,
		                     { &at->path, e->key }, item, item_field };
		if (!node_get(declared, e->key) && must_be_removed(w, &spot, e->value))
			remove_value(w, &spot, declared->at, e->value);
	}
}

static void compare_maps(struct walk *w, const struct diff_place *at, const struct node *declared,
                         const struct node *observed)
{
	bool presence = (at->field->flags & FIELD_PRESENCE) && declared->count;

	if (observed) {
		compare_keys(w, at, declared, observed);
		return;
	}
	/* The whole map is missing.  It is one addition, unless leaving it out means the same. */
	struct walk probe = *w;
	probe.out = NULL;
	probe.found = 0;
	compare_keys(&probe, at, declared, NULL);
	if (probe.found || presence)
		add_found_change(w, at, NULL, declared, declared->at);
}

/* ---- any value ---- */

static bool means_the_same_left_out(struct walk *w, const struct field *f, const struct node *n)
{
	const char *text = f->otherwise ? node_scalar_text(w->arena, n) : NULL;
	return text && strcmp(text, f->otherwise) == 0;
}

/* "A field that the service hides is compared with the record: a changed one is written once, an
 * unchanged one never" (design, 5.3). */
static void compare_hidden(struct walk *w, const struct diff_place *at, const struct node *declared)
{
	if (at->field->flags & (FIELD_MAY_HIDE | FIELD_MAY_BLANK))
		note_unseen(w, at);
	if (w->hidden && (!w->record || !is_as_recorded(w, &at->path)))
		add_found_change(w, at, NULL, declared, declared->at);
}

/* True if the observed value does not show the stored one. */
static bool is_hidden(const struct walk *w, const struct diff_place *at, const struct node *declared,
                      const struct node *observed)
{
	unsigned flags = at->field->flags;

	/* If it is shown nevertheless, and equal, there is no reason to write; another value may be
	 * asterisks. */
	if (flags & FIELD_HIDDEN)
		return !observed || !node_equal(declared, observed);
	if (!observed)
		return flags & FIELD_MAY_HIDE;
	/* Two empty texts are equal, unless there is a record: then another value may still be
	 * stored. */
	return (flags & FIELD_MAY_BLANK) && observed->kind == NODE_TEXT && node_empty(observed) &&
	       (w->record || !node_empty(declared));
}

static void compare_values(struct walk *w, const struct diff_place *at, const struct node *declared,
                    const struct node *observed)
{
	const struct field *f = at->field;

	if (!f || (f->flags & (FIELD_FILLED | FIELD_WRITE_ONLY)) || is_ignored(w, at))
		return;
	if (declared->kind == NODE_NULL)
		return;
	if (is_hidden(w, at, declared, observed)) {
		compare_hidden(w, at, declared);
		return;
	}
	if (observed && observed->kind == NODE_NULL)
		observed = NULL;
	bool scalar = declared->kind < NODE_LIST && (!observed || observed->kind < NODE_LIST);
	if (observed && !scalar && declared->kind != observed->kind)
		add_found_change(w, at, observed, declared, declared->at);
	else if (declared->kind == NODE_MAP)
		compare_maps(w, at, declared, observed);
	else if (declared->kind == NODE_LIST)
		compare_lists(w, at, declared, observed);
	else if (observed ? !normal_scalars_equal(f, declared, observed)
	                  : !means_the_same_left_out(w, f, declared))
		add_found_change(w, at, observed, declared, declared->at);
}

static void note_unseen_removal(struct walk *w, const struct diff_place *at, const struct node *before, struct pos pos)
{
	add_removed_change(w, at, before, pos, REASON_UNDECLARED);
	w->out->items[w->out->count - 1].blind = true;
}

/* Adds a removal for each key that was declared before, is no longer declared, and is not shown by the service: only a
 * write makes sure that it is gone. */
static void compare_removed_key(struct walk *w, const struct diff_place *at, const struct node *before,
                         const struct node *declared, const struct node *observed)
{
	unsigned kind = field_kind(at->field, declared, at->kind);

	if (is_ignored(w, at))
		return;
	for (size_t i = 0; before && before->kind == NODE_MAP && i < before->count; i++) {
		const struct entry *e = &before->entries[i];
		struct diff_place spot = { field_child(at->field, e->key, kind), at->field, kind,
		                     { &at->path, e->key } };
		const struct node *now = node_get(declared, e->key), *seen = node_get(observed, e->key);
		bool hides = spot.field && !seen && (spot.field->flags & (FIELD_HIDDEN | FIELD_MAY_HIDE));
		bool has = spot.field && (!spot.field->only || (spot.field->only & kind));
		if (now && now->kind == NODE_MAP && seen && seen->kind == NODE_MAP)
			compare_removed_key(w, &spot, e->value, now, seen);
		else if (!now && hides && has && !is_ignored(w, &spot))
			note_unseen_removal(w, &spot, e->value, declared->at);
	}
}

void diff_three_way(struct arena *a, const struct diff_sides *sides, struct diff *out)
{
	struct diff result = { 0 };
	struct diff_place root = { .field = &workflow_field, .kind = ALL_KINDS };
	struct walk w = {
		.arena = a, .name = sides->name, .ignore = sides->ignore, .record = sides->record,
		.sealed = sides->sealed, .other = sides->other, .hidden = true, .whole = sides->whole,
		.resources = sides->resources, .out = &result,
	};

	compare_values(&w, &root, sides->declared, sides->observed);
	compare_removed_key(&w, &root, sides->record, sides->declared, sides->observed);
	*out = result;
}

void diff_workflow(struct arena *a, const struct node *declared, const struct node *observed,
                   const struct node *ignore, struct diff *out)
{
	const char *name = node_get_text(declared, "name");
	struct diff result = { 0 };
	struct walk w = { .arena = a, .name = name ? name : "", .ignore = ignore, .out = &result };

	compare_values(&w, &(struct diff_place){ .field = &workflow_field, .kind = ALL_KINDS }, declared, observed);
	*out = result;
}

const size_t *diff_pair(struct arena *a, const struct field *list, const struct node *declared,
                        const struct node *observed)
{
	struct walk w = { .arena = a };
	const struct diff_place at = { .field = list, .kind = ALL_KINDS };

	return pair_items(&w, &at, declared, observed).of;
}

bool diff_is_default(struct arena *a, const struct field *f, unsigned kind, const struct node *observed,
                     const struct node *resources)
{
	struct walk w = { .arena = a, .resources = resources };

	return f && (is_meaningless_value(&w, f, field_kind(f, observed, kind), observed) ||
	             (resources && is_default_resource(&w, f, observed)));
}

const char *change_op_word(enum change_op op)
{
	static const char *const words[] = { "add", "remove", "replace" };
	return words[op];
}

const char *reason_word(enum reason reason)
{
	static const char *const words[] = { "declared", "drift", "undeclared", "adopted" };
	return words[reason];
}

void diff_add(struct arena *a, struct diff *diff, const struct change *change)
{
	arena_grow(a, diff->items, diff->count, diff->room);
	diff->items[diff->count++] = *change;
	diff->removes |= change->whole;
}

struct diff diff_copy(struct arena *a, const struct diff *diff)
{
	struct diff out = {
		.items = arena_new(a, struct change, diff->count + 1), .count = diff->count, .removes = diff->removes,
		.unseen = arena_new(a, const char *, diff->unseen_count + 1), .unseen_count = diff->unseen_count,
	};
	for (size_t i = 0; i < diff->count; i++) {
		out.items[i] = diff->items[i];
		out.items[i].path = arena_strdup(a, diff->items[i].path);
		out.items[i].sent = arena_strdup(a, diff->items[i].sent);
		out.items[i].kept = arena_strdup(a, diff->items[i].kept);
		out.items[i].item = diff->items[i].item ? arena_strdup(a, diff->items[i].item) : NULL;
		out.items[i].from = diff->items[i].from ? node_copy(a, diff->items[i].from) : NULL;
		out.items[i].to = diff->items[i].to ? node_copy(a, diff->items[i].to) : NULL;
	}
	for (size_t i = 0; i < diff->unseen_count; i++)
		out.unseen[i] = arena_strdup(a, diff->unseen[i]);
	return out;
}
