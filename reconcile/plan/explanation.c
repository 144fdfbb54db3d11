#include "reconcile/plan/explanation.h"

#include <stdlib.h>
#include <string.h>

#include "reconcile/plan/task_spec.h"
#include "reconcile/plan/workflow_task.h"
#include "reconcile/schema/digest.h"
#include "reconcile/schema/mask.h"
#include "reconcile/tree/path.h"

/* One value on every side; NULL: absent.  sealed: the declared value as a record would have it; NULL inside of lists,
 * where a record has no place for each item. */
struct explain_sides { const struct node *declared, *observed, *recorded, *sealed; };

struct explain_place {
	const struct field *field, *outer;	/* as those of a diff_place */
	unsigned kind;
	struct path path;
	struct pos at;		/* of the declared key or item */
	bool ignored;
	bool is_default;	/* it is in an object that equals a left out one */
	bool is_hidden;		/* or in one that the service does not show */
	bool service_only;	/* in an item of a list that only the service has */
};

struct explainer {
	struct explanation *out;
	struct arena *arena;
	const struct workflow_task *task;
	const struct pos *marks;	/* of all that is declared, in the order of the file */
	size_t mark_count;
	bool compared;
};

static void explain_value(struct explainer *x, const struct explain_place *at, struct explain_sides v);

/* ---- the rule ---- */

/* True if path is at or below above. */
static bool is_at_or_below(const char *path, const char *above)
{
	size_t len = strlen(above);

	return strncmp(path, above, len) == 0 && (path[len] == '\0' || path[len] == '/');
}

/* The change that covers the field.  A removed item and a declared one may have the same path. */
static const struct change *covering_change(const struct diff *diff, const struct explained_field *f)
{
	for (size_t i = 0; i < diff->count; i++) {
		const struct change *c = &diff->items[i];
		bool removes_item = c->is_item && c->op == CHANGE_REMOVE;
		if (is_at_or_below(f->path, c->path) && removes_item == f->on_service_only)
			return c;
	}
	return NULL;
}

static enum rule rule_of_open_change(const struct explainer *x, const struct change *c)
{
	static const enum rule rules[] = {
		[REASON_DECLARED] = RULE_DECLARED, [REASON_DRIFT] = RULE_DRIFT, [REASON_UNDECLARED] = RULE_REMOVED,
		[REASON_ADOPTED] = RULE_ADOPTED,
	};
	if (x->task->step->action == ACTION_CREATE)
		return RULE_CREATED;
	/* An item of a list goes because the list was declared without it. */
	return c->op == CHANGE_REMOVE && c->reason == REASON_DECLARED ? RULE_REMOVED : rules[c->reason];
}

static bool is_unseen(const struct diff *diff, const char *path)
{
	for (size_t i = 0; i < diff->unseen_count; i++)
		if (is_at_or_below(path, diff->unseen[i]))
			return true;
	return false;
}

/* The rule of a field in which nothing differs that counts. */
static enum rule rule_without_change(struct explainer *x, const struct explain_place *at,
                                     const struct explained_field *f, const struct explain_sides *v)
{
	if (is_unseen(&x->task->step->diff, f->path))
		return RULE_HIDDEN;
	if (v->declared && v->observed) {
		/* What is shown in the place of a hidden value may be asterisks. */
		bool hides = at->field && (at->field->flags & FIELD_HIDDEN);
		return hides && !node_equal(v->declared, v->observed) ? RULE_HIDDEN : RULE_EQUAL;
	}
	if (v->declared)
		return at->is_hidden ? RULE_HIDDEN : RULE_DEFAULT;
	if (v->observed)
		return at->is_default ? RULE_DEFAULT : RULE_KEPT;
	return RULE_GONE;
}

static enum rule find_rule(struct explainer *x, const struct explain_place *at, const struct explained_field *f,
                           const struct explain_sides *v)
{
	const struct plan_step *s = x->task->step;
	const struct change *c;

	if (at->ignored)
		return RULE_IGNORED;
	if (!x->compared)
		return RULE_NOT_COMPARED;
	if ((c = covering_change(&s->diff, f)))
		return rule_of_open_change(x, c);
	if (covering_change(&s->settled, f))
		return RULE_SETTLED;
	if (covering_change(&s->refused, f))
		return RULE_REFUSED;
	return rule_without_change(x, at, f, v);
}

/* ---- one field ---- */

static bool pos_is_after(const struct pos *a, const struct pos *b)
{
	return a->line != b->line ? a->line > b->line : a->col > b->col;
}

static struct pos last_place(const struct node *n)
{
	struct pos last = n->at;

	for (size_t i = 0; n->kind >= NODE_LIST && i < n->count; i++) {
		struct pos inside = last_place(n->entries[i].value);
		if (pos_is_after(&inside, &last))
			last = inside;
	}
	return last;
}

static struct pos next_place(const struct explainer *x, const struct pos *last)
{
	for (size_t i = 0; i < x->mark_count; i++)
		if (pos_is_after(&x->marks[i], last))
			return x->marks[i];
	return (struct pos){ 0 };
}

/* number: of a masked value in it. */
static const struct node *masked(struct explainer *x, const struct explain_place *at, const struct node *n,
                                 unsigned number)
{
	return n ? node_copy(x->arena, mask_entry(x->arena, at->outer, at->path.key, at->field, n, number)) : NULL;
}

/* As in a plan: the value on the service is number 1, and a declared one that differs is number 2. */
static void mask_sides(struct explainer *x, const struct explain_place *at, const struct explain_sides *v, bool differs,
                       struct explained_field *f)
{
	f->observed = masked(x, at, v->observed, 1);
	f->declared = masked(x, at, v->declared, 1);
	bool second = differs && f->observed && f->declared && node_equal(f->observed, f->declared);
	if (second)
		f->declared = masked(x, at, v->declared, 2);
	bool same = !v->sealed || !v->recorded || node_equal(v->recorded, v->sealed);
	f->recorded = masked(x, at, v->recorded, same == second ? 2 : 1);
}

static void add_field(struct explainer *x, const struct explain_place *at, struct explain_sides v)
{
	struct explanation *out = x->out;
	struct explained_field f = {
		.path = path_text(x->arena, &at->path), .on_service_only = at->service_only,
	};

	f.rule = find_rule(x, at, &f, &v);
	mask_sides(x, at, &v, f.rule != RULE_EQUAL && f.rule != RULE_HIDDEN, &f);
	if (v.declared) {
		f.plain = node_copy(x->arena, v.declared);
		f.at = at->at;
		f.value_at = last_place(v.declared);
		f.next = next_place(x, &f.value_at);
	}
	arena_grow(x->arena, out->fields, out->count, out->room);
	out->fields[out->count++] = f;
}

/* ---- the walk ---- */

static const struct node *any_side(const struct explain_sides *v)
{
	return v->declared ? v->declared : v->observed ? v->observed : v->recorded;
}

/* True if every side that is there is of this kind, and one of them is not empty. */
static bool all_are(const struct explain_sides *v, enum node_kind kind)
{
	const struct node *const sides[] = { v->declared, v->observed, v->recorded };
	size_t filled = 0;

	for (size_t i = 0; i < ARRAY_LEN(sides); i++) {
		if (sides[i] && sides[i]->kind != kind)
			return false;
		filled += sides[i] && sides[i]->count;
	}
	return filled;
}

static void explain_key(struct explainer *x, const struct explain_place *at, const struct explain_sides *v,
                        const struct entry *e, struct pos pos)
{
	const char *key = e->key;
	struct explain_place inner = {
		field_child(at->field, key, at->kind), at->field, at->kind, { &at->path, key }, pos, at->ignored,
		at->is_default, at->is_hidden, at->service_only,
	};

	explain_value(x, &inner, (struct explain_sides){
		node_get(v->declared, key), node_get(v->observed, key), node_get(v->recorded, key),
		node_get(v->sealed, key),
	});
}

/* What is declared comes first, in the order of the file. */
static void explain_keys(struct explainer *x, const struct explain_place *at, const struct explain_sides *v)
{
	struct explain_place here = *at;

	here.kind = field_kind(at->field, any_side(v), at->kind);
	for (size_t i = 0; v->declared && i < v->declared->count; i++)
		explain_key(x, &here, v, &v->declared->entries[i], v->declared->entries[i].at);
	for (size_t i = 0; v->observed && i < v->observed->count; i++)
		if (!node_get(v->declared, v->observed->entries[i].key))
			explain_key(x, &here, v, &v->observed->entries[i], (struct pos){ 0 });
	for (size_t i = 0; v->recorded && i < v->recorded->count; i++) {
		const struct entry *e = &v->recorded->entries[i];
		if (!node_get(v->declared, e->key) && !node_get(v->observed, e->key))
			explain_key(x, &here, v, e, (struct pos){ 0 });
	}
}

static const struct node *item_of(const struct node *list, size_t i)
{
	return list && i < list->count ? list->entries[i].value : NULL;
}

/* For each declared item the index of that of the other list, as the comparison pairs them. */
static const size_t *pairs_of_items(struct explainer *x, const struct field *list, const struct node *declared,
                                    const struct node *other)
{
	size_t *same = arena_new(x->arena, size_t, declared->count + 1);

	if (other && (list->flags & FIELD_SET))
		return diff_pair(x->arena, list, declared, other);
	for (size_t i = 0; i < declared->count; i++)
		same[i] = i;
	return same;
}

static void explain_items(struct explainer *x, const struct explain_place *at, const struct explain_sides *v)
{
	static const struct node nothing = { .kind = NODE_LIST };
	const struct node *declared = v->declared ? v->declared : &nothing;
	const size_t *seen = pairs_of_items(x, at->field, declared, v->observed);
	const size_t *before = pairs_of_items(x, at->field, declared, v->recorded);
	bool *taken = arena_new(x->arena, bool, (v->observed ? v->observed->count : 0) + 1);
	struct explain_place item = {
		at->field->fields, at->field, at->kind, { &at->path, NULL, 0 }, { 0 }, at->ignored, at->is_default,
		at->is_hidden, at->service_only,
	};

	for (size_t i = 0; i < declared->count; i++) {
		item.path.index = i;
		item.at = declared->entries[i].at;
		if (v->observed && seen[i] < v->observed->count)
			taken[seen[i]] = true;
		explain_value(x, &item, (struct explain_sides){
			declared->entries[i].value, item_of(v->observed, seen[i]), item_of(v->recorded, before[i]), NULL,
		});
	}
	const size_t *old = pairs_of_items(x, at->field, v->observed ? v->observed : &nothing, v->recorded);
	item.service_only = true;
	item.at = (struct pos){ 0 };
	for (size_t i = 0; v->observed && i < v->observed->count; i++) {
		item.path.index = i;
		if (!taken[i])
			explain_value(x, &item, (struct explain_sides){
				.observed = v->observed->entries[i].value, .recorded = item_of(v->recorded, old[i]),
			});
	}
}

/* Lists of scalars are compared as a whole, those of maps item by item. */
static bool has_maps(const struct node *list)
{
	for (size_t i = 0; list && i < list->count; i++)
		if (list->entries[i].value->kind == NODE_MAP)
			return true;
	return false;
}

static bool is_absent(const struct node *n)
{
	return !n || n->kind == NODE_NULL;
}

static void explain_value(struct explainer *x, const struct explain_place *at, struct explain_sides v)
{
	struct explain_place here = *at;

	if (is_absent(v.declared) && is_absent(v.observed) && is_absent(v.recorded))
		return;
	here.ignored |= path_matches(x->arena, &at->path, x->task->spec->ignore);
	if (v.declared && !v.observed && at->field)
		here.is_hidden |= at->field->flags & (FIELD_HIDDEN | FIELD_MAY_HIDE | FIELD_WRITE_ONLY);
	if (!v.declared && v.observed)
		here.is_default |= diff_is_default(x->arena, at->field, at->kind, v.observed,
		                                   x->task->cycle->resources.answer);
	if (all_are(&v, NODE_MAP))
		explain_keys(x, &here, &v);
	else if (at->field && at->field->type == FIELD_LIST && all_are(&v, NODE_LIST) &&
	         (has_maps(v.declared) || has_maps(v.observed)))
		explain_items(x, &here, &v);
	else
		add_field(x, &here, v);
}

/* ---- what is known of the workflow ---- */

static int compare_places(const void *a, const void *b)
{
	return pos_is_after(a, b) ? 1 : pos_is_after(b, a) ? -1 : 0;
}

static void collect_places(const struct node *n, struct arena *a, struct pos **marks, size_t *count, size_t *room)
{
	for (size_t i = 0; n->kind >= NODE_LIST && i < n->count; i++) {
		arena_grow(a, *marks, *count, *room);
		(*marks)[(*count)++] = n->entries[i].at;
		collect_places(n->entries[i].value, a, marks, count, room);
	}
}

/* Some services say who; the contract has no key for it. */
static const char *who_changed(struct arena *a, const struct node *described)
{
	static const char *const keys[] = { "updatedBy", "lastModifiedBy", "modifiedBy", "lastUpdatedBy" };
	static const char *const names[] = { "email", "name", "username" };

	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		const struct node *who = node_get(described, keys[i]);
		for (size_t j = 0; who && who->kind == NODE_MAP && j < ARRAY_LEN(names); j++)
			if (node_get_text(who, names[j]))
				return arena_strdup(a, node_get_text(who, names[j]));
		if (who && who->kind == NODE_TEXT && *who->text)
			return arena_strdup(a, who->text);
	}
	return NULL;
}

static const struct node *described_workflow(const struct workflow_task *t)
{
	return t->call && t->call->op.ok ? t->call->answer : NULL;
}

/* As it was compared, or as it would have been. */
static const struct node *observed_form(struct explainer *x, const struct workflow_task *t)
{
	const struct node *described = described_workflow(t);

	if (t->known.observed || !described)
		return t->known.observed;
	struct node *observed = node_copy(x->arena, digest_ordered(x->arena, described));
	mask_mark(x->arena, observed, t->cycle->options.mask);
	return observed;
}

static const struct node *recorded_form(struct explainer *x, const struct workflow_task *t)
{
	if (!t->known.record)
		return NULL;
	struct node *record = node_copy(x->arena, t->known.record);
	mask_mark(x->arena, record, t->cycle->options.mask);
	return record;
}

void explanation_take(struct workflow_task *t)
{
	struct explanation *out = t->cycle->options.explanation;

	if (!out || out->taken || !t->spec)
		return;
	struct arena *a = out->arena;
	const struct node *described = described_workflow(t), *body = task_spec_body(t);
	struct explainer x = { .out = out, .arena = a, .task = t };
	struct pos *marks = NULL;
	size_t room = 0;
	collect_places(body, a, &marks, &x.mark_count, &room);
	if (x.mark_count)
		qsort(marks, x.mark_count, sizeof *marks, compare_places);
	x.marks = marks;
	x.compared = t->known.observed || t->step->action == ACTION_CREATE;
	out->taken = true;
	out->described = described;
	out->recorded = t->known.record;
	out->changed_by = who_changed(a, described);
	out->changed_at = arena_strdup_or_null(a, node_get_text(described, "updatedAt"));
	explain_value(&x, &(struct explain_place){ .field = &workflow_field, .kind = ALL_KINDS }, (struct explain_sides){
		task_spec_normal(t), observed_form(&x, t), recorded_form(&x, t), task_spec_sealed(t),
	});
}

/* ---- words ---- */

static const struct { const char *word, *text, *section; } rule_words[RULE_COUNT] = {
	[RULE_NOT_COMPARED] = { "not compared", "the workflow was not compared", "5.1" },
	[RULE_EQUAL] = { "equal", "both sides are equal", "5.1" },
	[RULE_CREATED] = { "declared", "the workflow is not on the service: a sync creates it", "5.5" },
	[RULE_DECLARED] = { "declared", "the spec changed: a sync writes it", "5.5" },
	[RULE_DRIFT] = { "drift", "it changed on the service: a sync undoes that", "5.5" },
	[RULE_REMOVED] = { "undeclared", "it is no longer declared: a sync removes it", "5.5" },
	[RULE_ADOPTED] = { "adopted", "there is no record of an earlier apply: a sync writes the spec", "5.5" },
	[RULE_KEPT] = { "kept", "no spec declared it: it is kept", "5.1" },
	[RULE_DEFAULT] = { "default", "a default of the service: leaving it out means the same", "5.2" },
	[RULE_SETTLED] = { "settled", "the service stores it in its own way: it is not written again", "5.4" },
	[RULE_REFUSED] = { "refused", "the service does not accept it: it is not written again", "5.4" },
	[RULE_IGNORED] = { "ignored", "flowsync: {ignore: ...} of the spec names it", "4.2" },
	[RULE_HIDDEN] = { "hidden", "the service does not show it: it is compared with the record", "5.3" },
	[RULE_GONE] = { "gone", "it was declared before, and is on neither side any more", "5.1" },
};

const char *rule_word(enum rule rule)
{
	return rule_words[rule].word;
}

const char *rule_text(enum rule rule)
{
	return rule_words[rule].text;
}

const char *rule_section(enum rule rule)
{
	return rule_words[rule].section;
}
