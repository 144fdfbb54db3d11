#include "reconcile/plan/applied_record.h"

#include <string.h>

#include "reconcile/tree/json.h"

const struct applied_record *applied_records_find(const struct applied_records *records, const char *name)
{
	size_t low = 0, high = records->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(name, records->items[middle].name);
		if (order == 0)
			return &records->items[middle];
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

const struct applied_intent *applied_intents_find(const struct applied_records *records, const char *name,
                                                  const char *digest)
{
	const struct applied_intent *found = NULL;

	for (const struct applied_intent *i = records->intents; i < records->intents + records->intent_count; i++)
		if (strcmp(i->name, name) == 0 && (digest ? strcmp(i->digest, digest) == 0 : i->creates) &&
		    (!found || i->at > found->at))
			found = i;
	return found;
}

static const struct node *read_body(struct arena *a, const struct node *body, const char *json)
{
	struct node *tree;
	struct err err;

	return body || !json ? body : json_read(a, json, strlen(json), &tree, &err) ? tree : NULL;
}

const struct node *applied_record_body(struct arena *a, const struct applied_record *r)
{
	if (r->body || r->body_json || !r->stored.in)
		return read_body(a, r->body, r->body_json);
	char *json = arena_alloc(a, r->stored.len + 1, 1, 1);
	return r->stored.in->read(r->stored.in->context, r->stored.place, r->stored.len, json) ? read_body(a, NULL, json)
	                                                                                        : NULL;
}

const struct node *applied_intent_body(struct arena *a, const struct applied_intent *i)
{
	return read_body(a, i->body, i->body_json);
}

static const struct entry *entry_of(struct arena *a, const struct node *map, const char *path, size_t len)
{
	for (size_t i = 0; map->kind == NODE_MAP && i < map->count; i++) {
		const char *token = pointer_add(a, "", map->entries[i].key);
		if (strlen(token) == len && strncmp(token, path, len) == 0)
			return &map->entries[i];
	}
	return NULL;
}

void applied_record_retain(struct arena *a, struct node *body, const struct node *old, const char *path)
{
	size_t len = 1 + strcspn(path + 1, "/");
	const struct entry *e = entry_of(a, old, path, len);
	struct node *here = e && body->kind == NODE_MAP ? node_get(body, e->key) : NULL;

	if (!e || body->kind != NODE_MAP)
		return;
	if (!path[len] && !here)
		node_put(a, body, e->key, node_copy(a, e->value));
	else if (path[len])
		applied_record_retain(a, here ? here : node_put(a, body, e->key, node_map(a)), e->value, path + len);
}
