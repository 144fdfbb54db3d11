#include "reconcile/plan/request_body.h"

#include <string.h>

#include "reconcile/plan/diff.h"
#include "reconcile/schema/cron.h"
#include "reconcile/schema/mask.h"
#include "reconcile/tree/path.h"

struct body_merge {
	struct arena *arena;
	const struct node *ignore;
};

/* The place that the merge has reached. */
struct place {
	const struct field *field;	/* NULL: unknown */
	unsigned kind;
	struct path path;
};

static struct node *merge_values(const struct body_merge *m, const struct place *at, const struct node *base,
                           const struct node *declared);

/* True if `value`, field f of the base, excludes what is declared in the same object. */
static bool is_excluded(const struct field *object, const struct field *f, const struct node *value,
                     const struct node *declared, unsigned kind)
{
	const char *method = node_get_text(declared, "method");

	if (!f)
		return false;
	if (f->only && !(f->only & kind))
		return true;
	if ((f->flags & FIELD_NOT_GET) && method && strcmp(method, "get") == 0)
		return true;
	if (strcmp(f->name, "method") == 0 && value->kind == NODE_TEXT && strcmp(value->text, "get") == 0)
		return node_get(declared, "payload") != NULL;
	for (const struct field *other = object->fields; (f->one_of & kind) && other->name; other++)
		if (other != f && (other->one_of & kind) && node_get(declared, other->name))
			return true;
	return false;
}

/* True if an undeclared key of the base is left out.  was: the kind of the base. */
static bool is_dropped(const struct body_merge *m, const struct place *object, const struct place *at,
                 const struct node *declared, const struct entry *e, unsigned was)
{
	const struct field *f = object->field;

	if (f && (f->flags & FIELD_CLOSED))
		return !path_matches(m->arena, &at->path, m->ignore);
	/* A key can be two fields, such as outputParameters of a standard and of an http step. */
	return f && f->type == FIELD_OBJECT &&
	       (is_excluded(f, at->field, e->value, declared, at->kind) || field_child(f, e->key, was) != at->field);
}

static struct node *merge_maps(const struct body_merge *m, const struct place *at, const struct node *base,
                                const struct node *declared);

/* An undeclared value of the base; if the step had another type, only the keys that the new type can have. */
static struct node *carry_over(const struct body_merge *m, const struct place *at, struct node *value,
                            bool other_kind)
{
	bool inner = value->kind == NODE_MAP && at->field && !at->field->variant;

	return other_kind && inner ? merge_maps(m, at, value, node_map(m->arena)) : value;
}

static struct node *merge_maps(const struct body_merge *m, const struct place *at, const struct node *base,
                                const struct node *declared)
{
	unsigned kind = field_kind(at->field, declared, at->kind);
	unsigned was = field_kind(at->field, base, at->kind);
	struct node *out = node_map(m->arena);

	for (size_t i = 0; i < base->count; i++) {
		const struct entry *e = &base->entries[i];
		struct place here = { field_child(at->field, e->key, kind), kind, { &at->path, e->key } };
		if (!node_get(declared, e->key) && !is_dropped(m, at, &here, declared, e, was))
			node_put(m->arena, out, e->key, carry_over(m, &here, e->value, was != kind));
	}
	for (size_t i = 0; i < declared->count; i++) {
		const struct entry *e = &declared->entries[i];
		struct place here = { field_child(at->field, e->key, kind), kind, { &at->path, e->key } };
		bool same_field = field_child(at->field, e->key, was) == here.field;
		node_put(m->arena, out, e->key,
		         merge_values(m, &here, same_field ? node_get(base, e->key) : NULL, e->value));
	}
	return out;
}

/* A new webhook has no address to keep. */
static struct node *new_item(const struct body_merge *m, struct node *item)
{
	if (!node_get(item, "webhookPolicy"))
		return item;
	item = node_copy(m->arena, item);
	node_drop(item, "webhookPolicy");
	return item;
}

/* A declared list says which items there are (design, 5.1); each item is merged with its described one.  Webhooks of the
 * base keep their policy: without it an update gives the workflow a new address (contract, 2.7 E). */
static struct node *merge_sets(const struct body_merge *m, const struct place *at, const struct node *base,
                               const struct node *declared)
{
	const size_t *pair = diff_pair(m->arena, at->field, declared, base);
	struct node *out = node_list(m->arena);

	for (size_t i = 0; i < declared->count; i++) {
		struct place here = { at->field->fields, at->kind, { &at->path, NULL, i } };
		struct node *item = declared->entries[i].value;
		node_add(m->arena, out, pair[i] < base->count
		         ? merge_values(m, &here, base->entries[pair[i]].value, item) : new_item(m, item));
	}
	for (size_t i = 0; (at->field->flags & FIELD_OWN_TAGS) && i < base->count; i++) {
		const char *name = node_get_text(base->entries[i].value, "name");
		if (name && field_own_tag(name))
			node_add(m->arena, out, base->entries[i].value);
	}
	return out;
}

static struct node *merge_values(const struct body_merge *m, const struct place *at, const struct node *base,
                           const struct node *declared)
{
	const struct field *f = at->field;
	bool set = f && (f->flags & FIELD_SET) && f->fields->type == FIELD_OBJECT;

	/* Ignored values are not written either, otherwise the next change of another value would overwrite them. */
	if (base && path_matches(m->arena, &at->path, m->ignore))
		return (struct node *)base;
	if (base && base->kind == NODE_MAP && declared->kind == NODE_MAP)
		return merge_maps(m, at, base, declared);
	if (set && declared->kind == NODE_LIST)
		return merge_sets(m, at, base && base->kind == NODE_LIST ? base : node_list(m->arena), declared);
	return (struct node *)declared;
}

/* n, a value of field f, without references to steps that do not exist; NULL: n is useless without them. */
static struct node *drop_step_references(struct arena *a, const struct field *f, struct node *n,
                           const struct node *steps)
{
	if (!f || n->kind < NODE_TEXT)
		return n;
	if (n->kind == NODE_TEXT)
		return (f->flags & FIELD_STEP) && !node_get(steps, n->text) ? NULL : n;
	struct node *out = n->kind == NODE_MAP ? node_map(a) : node_list(a);
	for (size_t i = 0; i < n->count; i++) {
		const struct entry *e = &n->entries[i];
		const struct field *child = field_child(f, e->key, ALL_KINDS);
		struct node *left = drop_step_references(a, child, e->value, steps);
		bool lost = !left || (left->kind == NODE_LIST && left->count == 0 && e->value->count);
		if (lost && n->kind == NODE_MAP && child->need)
			return NULL;
		if (left && n->kind == NODE_MAP)
			node_put(a, out, e->key, left);
		else if (left)
			node_add(a, out, left);
	}
	return out;
}

/* Undeclared values of the base may refer to a removed step, which no service accepts. */
static void drop_dangling_references(struct arena *a, const struct node *base, struct node *body)
{
	const struct node *before = node_get(base, "steps");
	struct node *steps = node_get(body, "steps");
	bool gone = false;

	for (size_t i = 0; before && i < before->count; i++)
		gone |= before->kind == NODE_MAP && !node_get(steps, before->entries[i].key);
	if (gone)
		node_put(a, body, "steps", drop_step_references(a, field_child(&workflow_field, "steps", ALL_KINDS), steps, steps));
}

struct node *request_body_update(struct arena *a, const struct node *declared,
                            const struct node *described, const struct node *ignore)
{
	const struct body_merge m = { a, ignore };
	const struct place root = { .field = &workflow_field, .kind = ALL_KINDS };

	const struct node *base = normalise_request(a, described);
	struct node *body = merge_values(&m, &root, base, declared);

	drop_dangling_references(a, base, body);
	return body;
}

/* Restores the values of base at ignored places: they are not written either. */
static void restore_ignored(const struct body_merge *m, const struct place *at, const struct node *base,
                    struct node *body)
{
	bool closed = at->field && (at->field->flags & FIELD_CLOSED);

	for (size_t i = 0; i < base->count; i++) {
		const struct entry *e = &base->entries[i];
		struct place here = { field_child(at->field, e->key, ALL_KINDS), ALL_KINDS, { &at->path, e->key } };
		struct node *now = node_get(body, e->key), *into = now ? now : node_map(m->arena);
		if (path_matches(m->arena, &here.path, m->ignore)) {
			node_put(m->arena, body, e->key, e->value);
			continue;
		}
		if (e->value->kind != NODE_MAP || into->kind != NODE_MAP || (closed && !now))
			continue;
		restore_ignored(m, &here, e->value, into);
		if (!now && into->count)
			node_put(m->arena, body, e->key, into);
	}
}

struct node *request_body_whole(struct arena *a, const struct node *declared,
                           const struct node *described)
{
	const struct body_merge m = { a, NULL };
	const struct node *base = normalise_request(a, described);
	struct node *out = node_map(a);

	for (size_t i = 0; i < declared->count; i++) {
		const struct entry *e = &declared->entries[i];
		const struct field *f = field_child(&workflow_field, e->key, ALL_KINDS);
		const struct place here = { f, ALL_KINDS, { &(struct path){ 0 }, e->key } };
		bool lent = f && f->type == FIELD_LIST &&
		            ((f->flags & FIELD_OWN_TAGS) || (f->fields->flags & FIELD_MAY_BE_EMPTY));
		node_put(a, out, e->key, lent ? merge_values(&m, &here, node_get(base, e->key), e->value) : e->value);
	}
	if (!node_get(declared, "tags")) {
		const struct place tags = { field_child(&workflow_field, "tags", ALL_KINDS), ALL_KINDS,
		                            { &(struct path){ 0 }, "tags" } };
		node_put(a, out, "tags", merge_values(&m, &tags, node_get(base, "tags"), node_list(a)));
	}
	return out;
}

/* Removes the key at pointer.  Lists are skipped, as the declared list has replaced the described one. */
static void drop_at(struct arena *a, struct node *body, const char *pointer)
{
	const char *slash = strrchr(pointer, '/');
	struct node *outer = node_at(body, arena_strndup(a, pointer, (size_t)(slash - pointer)));

	if (!outer || outer->kind != NODE_MAP)
		return;
	for (size_t i = 0; i < outer->count; i++) {
		const char *key = outer->entries[i].key;
		if (strcmp(pointer_add(a, "", key), slash) == 0) {
			node_drop(outer, key);
			return;
		}
	}
}

static void trim_crons(struct arena *a, const struct node *triggers)
{
	for (size_t i = 0; triggers && i < triggers->count; i++) {
		struct node *cron = node_get(triggers->entries[i].value, "cron");
		if (cron && cron->kind == NODE_TEXT)
			cron->text = cron_trim(a, cron->text);
	}
}

struct node *request_body_write(struct arena *a, const struct request_body_sides *s)
{
	struct node *body = !s->described ? node_copy(a, s->declared) :
	                    s->whole ? request_body_whole(a, s->declared, s->described)
	                             : request_body_update(a, s->declared, s->described, s->ignore);
	struct node *tags;

	/* The merged body shares branches with its inputs. */
	body = node_copy(a, body);
	for (size_t i = 0; s->diff && i < s->diff->count; i++)
		if (s->diff->items[i].op == CHANGE_REMOVE)
			drop_at(a, body, s->diff->items[i].path);
	if (s->described && s->whole && s->ignore) {
		const struct node *base = normalise_request(a, s->described);
		restore_ignored(&(struct body_merge){ a, s->ignore }, &(struct place){ .field = &workflow_field }, base, body);
		drop_dangling_references(a, base, body);
	}
	trim_crons(a, node_get(body, "triggers"));
	tags = node_get(body, "tags");
	if (!tags || tags->kind != NODE_LIST)
		tags = node_put(a, body, "tags", node_list(a));
	owner_tags_write(a, tags, s->marker);
	return body;
}

struct sending {
	struct arena *arena;
	const struct request_body_sides *sides;
	struct node *body;		/* as it would be sent; NULL: not made yet */
	const char *masked;		/* the first; NULL: none yet */
};

static void find_sent_mask(void *context, const struct path *at, const struct node *value)
{
	struct sending *s = context;
	const char *pointer = path_text(s->arena, at);

	if (s->masked)
		return;
	if (!s->body)
		s->body = request_body_write(s->arena, s->sides);
	const struct node *sent = node_at(s->body, pointer);
	const struct node *there = s->sides->described ? node_at(s->sides->described, pointer) : NULL;
	if (sent && node_equal(sent, value) && !(there && node_equal(there, value)))
		s->masked = pointer;
}

const char *request_body_masked(struct arena *a, const struct request_body_sides *sides)
{
	struct sending s = { .arena = a, .sides = sides };

	mask_each(a, sides->declared, NULL, find_sent_mask, &s);
	return s.masked;
}

static void add_loss(struct arena *a, const char **text, const char *pointer)
{
	*text = *text ? arena_printf(a, "%s, %s", *text, pointer) : pointer;
}

/* Undeclared values that are shown as empty are sent as empty: without them the service would refuse the body. */
static void add_blanks(struct arena *a, const struct field *f, unsigned kind, const char *pointer,
                       const struct node *declared, const struct node *described, const char **text)
{
	bool closed = f->flags & FIELD_CLOSED;

	kind = field_kind(f, declared ? declared : described, kind);
	for (size_t i = 0; described->kind == NODE_MAP && i < described->count; i++) {
		const struct entry *e = &described->entries[i];
		const struct field *child = field_child(f, e->key, kind);
		const struct node *said = node_get(declared, e->key);
		const char *here = pointer_add(a, pointer, e->key);
		if (!child || (closed && !said) || (child->only && !(child->only & kind)))
			continue;
		if ((child->flags & FIELD_MAY_BLANK) && !said && e->value->kind == NODE_TEXT && node_empty(e->value))
			add_loss(a, text, here);
		else
			add_blanks(a, child, kind, here, said, e->value, text);
	}
}

const char *request_body_may_lose(struct arena *a, const struct node *declared,
                             const struct node *described)
{
	const char *text = NULL;

	for (const struct field *f = workflow_field.fields; f->name; f++)
		if ((f->flags & FIELD_MAY_HIDE) && !node_get(declared, f->name) &&
		    !node_get(described, f->name))
			add_loss(a, &text, pointer_add(a, "", f->name));
	add_blanks(a, &workflow_field, ALL_KINDS, "", declared, described, &text);
	return text;
}
