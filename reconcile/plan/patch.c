#include "reconcile/plan/patch.h"

#include <string.h>

#include "reconcile/plan/request_body.h"
#include "reconcile/schema/normalise.h"

static const struct field *step_field(void)
{
	return field_child(&workflow_field, "steps", ALL_KINDS)->fields;
}

/* ---- overlays ---- */

static struct node *copy_of_map(struct arena *a, const struct node *n)
{
	struct node *out = node_map(a);

	for (size_t i = 0; n && i < n->count; i++)
		node_put(a, out, n->entries[i].key, n->entries[i].value);
	return out;
}

static struct node *overlay_map(struct arena *a, const struct node *base, const struct node *over)
{
	if (!base || base->kind != NODE_MAP || over->kind != NODE_MAP)
		return (struct node *)over;
	struct node *out = copy_of_map(a, base);
	for (size_t i = 0; i < over->count; i++) {
		const struct entry *e = &over->entries[i];
		node_put(a, out, e->key, overlay_map(a, node_get(base, e->key), e->value));
	}
	return out;
}

static bool can_have(const char *key, unsigned kind)
{
	const struct field *f = field_child(step_field(), key, kind);

	return !f || !f->only || (f->only & kind);
}

/* The same for a step: if its type changes, only the keys stay that the new type can have. */
static struct node *overlay_step(struct arena *a, const struct node *base, const struct node *over)
{
	struct node *out = overlay_map(a, base, over);

	if (!base || base->kind != NODE_MAP || out->kind != NODE_MAP)
		return out;
	unsigned kind = field_kind(step_field(), out, ALL_KINDS);
	if (kind == field_kind(step_field(), base, ALL_KINDS))
		return out;
	for (size_t i = 0; i < base->count; i++) {
		const char *key = base->entries[i].key;
		if (!can_have(key, kind) && !node_get(over, key))
			node_drop(out, key);
	}
	return out;
}

/* ---- the body ---- */

static void overlay_body(struct arena *a, const struct node *body, const struct node *described,
                     struct node *out)
{
	/* Addresses of webhooks and flowsync's own tags come from described. */
	const struct node *lent = request_body_whole(a, body, described);

	for (size_t i = 0; i < body->count; i++) {
		const char *key = body->entries[i].key;
		if (strcmp(key, "steps") != 0)
			node_put(a, out, key, node_get(lent, key));
	}
	const struct node *over = node_get(body, "steps");
	struct node *steps = copy_of_map(a, node_get(out, "steps"));
	for (size_t i = 0; over && i < over->count; i++) {
		const struct entry *e = &over->entries[i];
		node_put(a, steps, e->key, overlay_step(a, node_get(steps, e->key), e->value));
	}
	node_put(a, out, "steps", steps);
}

/* ---- the arguments ---- */

static bool is_named(const struct node *names, const char *step)
{
	for (size_t i = 0; i < names->count; i++)
		if (strcmp(names->entries[i].value->text, step) == 0)
			return true;
	return false;
}

static bool names_are_there(const struct patch *patch, const struct node *steps, struct err *err)
{
	for (size_t i = 0; patch->names && i < patch->names->count; i++)
		if (!node_get(steps, patch->names->entries[i].value->text))
			return err_set(err, "the workflow has no step \"%s\"",
			               patch->names->entries[i].value->text);
	return true;
}

/* Lays one key of patch->step over every step in patch->names, or over all that can have it. */
static bool set_argument(struct arena *a, const struct patch *patch, const struct entry *value,
                      struct node *steps, struct err *err)
{
	struct node *one = node_map(a);
	bool any = false;

	node_put(a, one, value->key, value->value);
	for (size_t i = 0; i < steps->count; i++) {
		struct entry *e = &steps->entries[i];
		unsigned kind = field_kind(step_field(), e->value, ALL_KINDS);
		if (patch->names && !is_named(patch->names, e->key))
			continue;
		if (!can_have(value->key, kind)) {
			if (!patch->names)
				continue;
			return err_set(err, "step \"%s\" is of type %s, which takes no \"%s\"", e->key,
			               field_kind_words(a, step_field(), kind), value->key);
		}
		any = true;
		e->value = overlay_map(a, e->value, one);
	}
	return any || err_set(err, "the workflow has no step that takes \"%s\"", value->key);
}

static bool set_arguments(struct arena *a, const struct patch *patch, struct node *out, struct err *err)
{
	struct node *steps = copy_of_map(a, node_get(out, "steps"));

	if (!names_are_there(patch, steps, err))
		return false;
	for (size_t i = 0; patch->step && i < patch->step->count; i++)
		if (!set_argument(a, patch, &patch->step->entries[i], steps, err))
			return false;
	node_put(a, out, "steps", steps);
	if (patch->name)
		node_put(a, out, "name", node_text(a, patch->name));
	return true;
}

bool patch_body(struct arena *a, const struct patch *patch, const struct node *described,
                struct node **out, struct err *err)
{
	struct node *body = copy_of_map(a, normalise_request(a, described));

	if (patch->body)
		overlay_body(a, patch->body, described, body);
	if (!set_arguments(a, patch, body, err))
		return false;
	*out = normalise_own_fields(a, body, patch->faults);
	return true;
}
