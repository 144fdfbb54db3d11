#include "reconcile/schema/schema.h"

#include <string.h>

static struct node *schema_of_field(struct arena *a, const struct field *f, unsigned kind);

static struct node *put_schema_text(struct arena *a, struct node *map, const char *key, const char *text)
{
	return node_put(a, map, key, node_text(a, text));
}

static struct node *list_of_words(struct arena *a, const char *const *words)
{
	struct node *list = node_list(a);

	for (size_t i = 0; words[i]; i++)
		node_add(a, list, node_text(a, words[i]));
	return list;
}

static void put_schema_type(struct arena *a, struct node *out, const struct field *f)
{
	static const char *const types[] = {
		[FIELD_BOOL] = "boolean", [FIELD_INT] = "integer", [FIELD_NUMBER] = "number",
		[FIELD_TEXT] = "string", [FIELD_OBJECT] = "object", [FIELD_MAP] = "object",
		[FIELD_LIST] = "array",
	};
	struct node *list = node_list(a);

	node_add(a, list, node_text(a, types[f->type]));
	if (f->flags & FIELD_TEXT_OF) {		/* validate warns and accepts them */
		node_add(a, list, node_text(a, "number"));
		node_add(a, list, node_text(a, "boolean"));
	}
	if (f->flags & FIELD_NULLABLE)
		node_add(a, list, node_text(a, "null"));
	node_put(a, out, "type", list->count == 1 ? list->entries[0].value : list);
}

static bool has_kind(const struct field *f, unsigned kind)
{
	return !(f->flags & FIELD_FILLED) && (!f->only || (f->only & kind));
}

/* Exactly one of these keys, or none where the object may be empty. */
static void put_exclusive_keys(struct arena *a, struct node *out, const struct field *object, unsigned kind)
{
	struct node *choices = node_list(a);

	for (const struct field *f = object->fields; f->name; f++) {
		if (!(f->one_of & kind))
			continue;
		struct node *one = node_add(a, choices, node_map(a));
		node_add(a, node_put(a, one, "required", node_list(a)), node_text(a, f->name));
		if (f->flags & FIELD_TRUE)	/* false means left out */
			node_put(a, node_put(a, node_put(a, one, "properties", node_map(a)), f->name, node_map(a)),
			         "const", node_bool(a, true));
	}
	if (!choices->count)
		return;
	if (object->flags & FIELD_MAY_BE_EMPTY)
		node_put(a, node_add(a, choices, node_map(a)), "maxProperties", node_int(a, 0));
	node_put(a, out, "oneOf", choices);
}

/* Puts the keys of a value of this kind. */
static void put_schema_keys(struct arena *a, struct node *out, const struct field *object, unsigned kind)
{
	struct node *properties = node_map(a), *required = node_list(a);

	for (const struct field *f = object->fields; f->name; f++) {
		if (!has_kind(f, kind))
			continue;
		struct node *key = node_put(a, properties, f->name, schema_of_field(a, f, kind));
		if (object->variant && strcmp(object->variant, f->name) == 0) {
			node_drop(key, "enum");
			put_schema_text(a, key, "const", field_kind_words(a, object, kind));
			/* The first kind is the default: the others need the key. */
			if (kind != 1)
				node_add(a, required, node_text(a, f->name));
		}
		if ((f->need & kind) && !(object->variant && strcmp(object->variant, f->name) == 0 && kind != 1))
			node_add(a, required, node_text(a, f->name));
	}
	node_put(a, out, "properties", properties);
	if (required->count)
		node_put(a, out, "required", required);
	node_put(a, out, "additionalProperties", node_bool(a, false));
	put_exclusive_keys(a, out, object, kind);
}

static void put_schema_object(struct arena *a, struct node *out, const struct field *f, unsigned kind)
{
	if (!f->variant) {
		put_schema_keys(a, out, f, kind);
		return;
	}
	const char *const *words = field_child(f, f->variant, ALL_KINDS)->words;
	struct node *kinds = node_put(a, out, "oneOf", node_list(a));
	for (unsigned i = 0; words[i]; i++)
		put_schema_keys(a, node_add(a, kinds, node_map(a)), f, 1U << i);
}

static struct node *schema_of_field(struct arena *a, const struct field *f, unsigned kind)
{
	struct node *out = node_map(a);

	if (f->about)
		put_schema_text(a, out, "description", f->about);
	if (f->flags & FIELD_ANYTHING)
		return out;
	put_schema_type(a, out, f);
	if (f->words)
		node_put(a, out, "enum", list_of_words(a, f->words));
	if (f->least || f->most) {
		node_put(a, out, "minimum", node_int(a, f->least));
		node_put(a, out, "maximum", node_int(a, f->most));
	}
	if (f->flags & FIELD_NAME)
		node_put(a, out, "minLength", node_int(a, 1));
	if (f->otherwise && f->type == FIELD_TEXT)
		put_schema_text(a, out, "default", f->otherwise);
	if (f->type == FIELD_OBJECT)
		put_schema_object(a, out, f, kind);
	else if (f->type == FIELD_MAP)
		node_put(a, out, "additionalProperties", schema_of_field(a, f->fields, kind));
	else if (f->type == FIELD_LIST)
		node_put(a, out, "items", schema_of_field(a, f->fields, kind));
	return out;
}

struct node *schema_begin(struct arena *a, const char *title)
{
	struct node *out = node_map(a);

	put_schema_text(a, out, "$schema", "https://json-schema.org/draft/2020-12/schema");
	put_schema_text(a, out, "title", title);
	return out;
}

struct node *schema_spec(struct arena *a)
{
	struct node *out = schema_begin(a, "A workflow spec of flowsync");
	struct node *defs = node_put(a, out, "$defs", node_map(a));
	struct node *forms = node_put(a, out, "oneOf", node_list(a));
	struct node *bare = schema_of_field(a, &workflow_field, ALL_KINDS), *wrapped = node_map(a), *ref = node_map(a);
	struct node *keys = node_put(a, wrapped, "properties", node_map(a));

	node_put(a, defs, "workflow", schema_of_field(a, &workflow_field, ALL_KINDS));
	put_schema_text(a, ref, "$ref", "#/$defs/workflow");
	put_schema_text(a, wrapped, "type", "object");
	node_put(a, keys, "body", ref);
	node_put(a, keys, "flowsync", schema_of_field(a, &block_field, ALL_KINDS));
	node_add(a, node_put(a, wrapped, "required", node_list(a)), node_text(a, "body"));
	node_put(a, node_get(bare, "properties"), "flowsync", schema_of_field(a, &block_field, ALL_KINDS));
	node_add(a, forms, wrapped);
	node_add(a, forms, bare);
	return out;
}

struct node *schema_report(struct arena *a)
{
	struct node *out = schema_begin(a, "A reconciliation report of flowsync");
	struct node *body = schema_of_field(a, &report_field, ALL_KINDS);

	for (size_t i = 0; i < body->count; i++)
		node_put(a, out, body->entries[i].key, body->entries[i].value);
	return out;
}
