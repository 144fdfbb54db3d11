#include "reconcile/compose.h"

#include <string.h>

#include "reconcile/diff.h"
#include "reconcile/path.h"

struct merge {
	struct arena *arena;
	const struct node *ignore;
};

/* Where the merge stands. */
struct place {
	const struct field *field;	/* NULL: nobody knows it */
	unsigned kind;
	struct path path;
};

static struct node *merged(const struct merge *m, const struct place *at, const struct node *base,
                           const struct node *declared);

/* True if key of the base cannot stand beside what is declared in the same object. */
static bool excluded(const struct field *object, const struct field *f, const struct node *declared,
                     unsigned kind)
{
	const char *method = node_get_text(declared, "method");

	if (!f)
		return false;
	if (f->only && !(f->only & kind))
		return true;
	if ((f->flags & FIELD_NOT_GET) && method && strcmp(method, "get") == 0)
		return true;
	for (const struct field *other = object->fields; (f->one_of & kind) && other->name; other++)
		if (other != f && (other->one_of & kind) && node_get(declared, other->name))
			return true;
	return false;
}

/* True if what the base has under key goes although nothing is declared under it. */
static bool goes(const struct merge *m, const struct place *object, const struct place *at,
                 const struct node *declared)
{
	const struct field *f = object->field;

	if (f && (f->flags & FIELD_CLOSED))
		return !path_matches(m->arena, &at->path, m->ignore);
	return f && f->type == FIELD_OBJECT && excluded(f, at->field, declared, at->kind);
}

static struct node *merged_maps(const struct merge *m, const struct place *at, const struct node *base,
                                const struct node *declared)
{
	unsigned kind = field_kind(at->field, declared, at->kind);
	struct node *out = node_map(m->arena);

	for (size_t i = 0; i < base->count; i++) {
		const struct entry *e = &base->entries[i];
		struct place here = { field_child(at->field, e->key, kind), kind, { &at->path, e->key } };
		if (!node_get(declared, e->key) && !goes(m, at, &here, declared))
			node_put(m->arena, out, e->key, e->value);
	}
	for (size_t i = 0; i < declared->count; i++) {
		const struct entry *e = &declared->entries[i];
		struct place here = { field_child(at->field, e->key, kind), kind, { &at->path, e->key } };
		node_put(m->arena, out, e->key, merged(m, &here, node_get(base, e->key), e->value));
	}
	return out;
}

/* A webhook that is new has no address to keep. */
static struct node *new_item(const struct merge *m, struct node *item)
{
	if (!node_get(item, "webhookPolicy"))
		return item;
	item = node_copy(m->arena, item);
	node_drop(item, "webhookPolicy");
	return item;
}

/* "A declared list is the whole truth" (design, 5) as to which items there are; each of them is open.  The base's
 * webhooks bring their policy with them: "without it an update gives the workflow a new address" (contract, 2). */
static struct node *merged_set(const struct merge *m, const struct place *at, const struct node *base,
                               const struct node *declared)
{
	const size_t *pair = diff_pair(m->arena, at->field, declared, base);
	struct node *out = node_list(m->arena);

	for (size_t i = 0; i < declared->count; i++) {
		struct place here = { at->field->fields, at->kind, { &at->path, NULL, i } };
		struct node *item = declared->entries[i].value;
		node_add(m->arena, out, pair[i] < base->count
		         ? merged(m, &here, base->entries[pair[i]].value, item) : new_item(m, item));
	}
	for (size_t i = 0; (at->field->flags & FIELD_OWN_TAGS) && i < base->count; i++) {
		const char *name = node_get_text(base->entries[i].value, "name");
		if (name && field_own_tag(name))
			node_add(m->arena, out, base->entries[i].value);
	}
	return out;
}

static struct node *merged(const struct merge *m, const struct place *at, const struct node *base,
                           const struct node *declared)
{
	const struct field *f = at->field;
	bool set = f && (f->flags & FIELD_SET) && f->fields->type == FIELD_OBJECT;

	/* What is not compared is not written either, else the next other change would undo it. */
	if (base && path_matches(m->arena, &at->path, m->ignore))
		return (struct node *)base;
	if (base && base->kind == NODE_MAP && declared->kind == NODE_MAP)
		return merged_maps(m, at, base, declared);
	if (set && declared->kind == NODE_LIST)
		return merged_set(m, at, base && base->kind == NODE_LIST ? base : node_list(m->arena), declared);
	return (struct node *)declared;
}

struct node *compose_update(struct arena *a, const struct node *declared,
                            const struct node *described, const struct node *ignore)
{
	const struct merge m = { a, ignore };
	const struct place root = { .field = &workflow_field, .kind = ALL_KINDS };

	return merged(&m, &root, normalise_request(a, described), declared);
}

struct node *compose_whole(struct arena *a, const struct node *declared,
                           const struct node *described)
{
	const struct merge m = { a, NULL };
	const struct node *base = normalise_request(a, described);
	struct node *out = node_map(a);

	for (size_t i = 0; i < declared->count; i++) {
		const struct entry *e = &declared->entries[i];
		const struct field *f = field_child(&workflow_field, e->key, ALL_KINDS);
		const struct place here = { f, ALL_KINDS, { &(struct path){ 0 }, e->key } };
		bool lent = f && f->type == FIELD_LIST &&
		            ((f->flags & FIELD_OWN_TAGS) || (f->fields->flags & FIELD_MAY_BE_EMPTY));
		node_put(a, out, e->key, lent ? merged(&m, &here, node_get(base, e->key), e->value) : e->value);
	}
	if (!node_get(declared, "tags")) {
		const struct place tags = { field_child(&workflow_field, "tags", ALL_KINDS), ALL_KINDS,
		                            { &(struct path){ 0 }, "tags" } };
		node_put(a, out, "tags", merged(&m, &tags, node_get(base, "tags"), node_list(a)));
	}
	return out;
}

/* Takes out what pointer names; inside of lists nothing has to be taken out, as they are declared as wholes. */
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

struct node *compose_write(struct arena *a, const struct compose_sides *s)
{
	struct node *body = !s->described ? node_copy(a, s->declared) :
	                    s->whole ? compose_whole(a, s->declared, s->described)
	                             : compose_update(a, s->declared, s->described, s->ignore);
	struct node *tags;

	/* What merging made is shared with both sides. */
	body = node_copy(a, body);
	for (size_t i = 0; s->diff && i < s->diff->count; i++)
		if (s->diff->items[i].op == CHANGE_REMOVE)
			drop_at(a, body, s->diff->items[i].path);
	tags = node_get(body, "tags");
	if (!tags || tags->kind != NODE_LIST)
		tags = node_put(a, body, "tags", node_list(a));
	marker_write(a, tags, s->marker);
	return body;
}

const char *compose_may_lose(struct arena *a, const struct node *declared,
                             const struct node *described)
{
	const char *text = NULL;

	for (const struct field *f = workflow_field.fields; f->name; f++)
		if ((f->flags & FIELD_MAY_HIDE) && !node_get(declared, f->name) &&
		    !node_get(described, f->name))
			text = arena_printf(a, "%s%s/%s", text ? text : "", text ? ", " : "", f->name);
	return text;
}
