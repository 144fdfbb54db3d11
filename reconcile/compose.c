#include "reconcile/compose.h"

#include <string.h>


static struct node *merged(struct arena *a, const struct field *f, const struct node *base,
                           const struct node *declared, unsigned kind);

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

static struct node *merged_maps(struct arena *a, const struct field *f, const struct node *base,
                                const struct node *declared, unsigned kind)
{
	struct node *out = node_map(a);

	kind = field_kind(f, declared, kind);
	for (size_t i = 0; i < base->count; i++) {
		const struct entry *e = &base->entries[i];
		const struct field *child = field_child(f, e->key, kind);
		if (node_get(declared, e->key))
			continue;
		if ((f && (f->flags & FIELD_CLOSED)) || (f && f->type == FIELD_OBJECT &&
		                                         excluded(f, child, declared, kind)))
			continue;
		node_put(a, out, e->key, e->value);
	}
	for (size_t i = 0; i < declared->count; i++) {
		const struct entry *e = &declared->entries[i];
		const struct field *child = field_child(f, e->key, kind);
		node_put(a, out, e->key, merged(a, child, node_get(base, e->key), e->value, kind));
	}
	return out;
}

static size_t count_webhooks(const struct node *triggers)
{
	size_t count = 0;

	for (size_t i = 0; triggers && i < triggers->count; i++)
		count += node_get(triggers->entries[i].value, "webhook") != NULL;
	return count;
}

/* Without the policy an update gives the workflow a new webhook address (contract, 2). */
static struct node *merged_triggers(struct arena *a, const struct node *base,
                                    const struct node *declared)
{
	size_t addresses = count_webhooks(base);
	struct node *out = node_list(a);

	for (size_t i = 0; i < declared->count; i++) {
		struct node *trigger = declared->entries[i].value;
		if (node_get(trigger, "webhook")) {
			trigger = node_copy(a, trigger);
			node_drop(trigger, "webhookPolicy");
			if (addresses) {
				node_put(a, trigger, "webhookPolicy", node_text(a, "preserve"));
				addresses--;
			}
		}
		node_add(a, out, trigger);
	}
	return out;
}

static struct node *merged_tags(struct arena *a, const struct node *base, const struct node *declared)
{
	struct node *out = node_list(a);

	for (size_t i = 0; i < declared->count; i++)
		node_add(a, out, declared->entries[i].value);
	for (size_t i = 0; base && i < base->count; i++) {
		const char *name = node_get_text(base->entries[i].value, "name");
		if (name && field_own_tag(name))
			node_add(a, out, base->entries[i].value);
	}
	return out;
}

static struct node *merged(struct arena *a, const struct field *f, const struct node *base,
                           const struct node *declared, unsigned kind)
{
	bool lists = f && f->type == FIELD_LIST && declared->kind == NODE_LIST;

	if (base && base->kind == NODE_MAP && declared->kind == NODE_MAP)
		return merged_maps(a, f, base, declared, kind);
	if (lists && (f->flags & FIELD_OWN_TAGS))
		return merged_tags(a, base, declared);
	if (lists && (f->fields->flags & FIELD_MAY_BE_EMPTY))
		return merged_triggers(a, base, declared);
	return (struct node *)declared;
}

struct node *compose_update(struct arena *a, const struct node *declared,
                            const struct node *described)
{
	return merged(a, &workflow_field, normalise_request(a, described), declared, ALL_KINDS);
}

struct node *compose_whole(struct arena *a, const struct node *declared,
                           const struct node *described)
{
	const struct node *base = normalise_request(a, described);
	struct node *out = node_map(a);

	for (size_t i = 0; i < declared->count; i++) {
		const struct entry *e = &declared->entries[i];
		const struct field *f = field_child(&workflow_field, e->key, ALL_KINDS);
		struct node *value = e->value;
		if (f && f->type == FIELD_LIST)
			value = merged(a, f, node_get(base, e->key), value, ALL_KINDS);
		node_put(a, out, e->key, value);
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
	                             : compose_update(a, s->declared, s->described);
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
