#include "reconcile/spec.h"

#include <stdlib.h>
#include <string.h>

#include "reconcile/near.h"
#include "reconcile/normalise.h"
#include "reconcile/validate.h"
#include "reconcile/yaml.h"

/* ---- the flowsync: block ---- */

static bool want(struct faults *faults, const struct entry *e, enum node_kind kind, const char *words)
{
	if (e->value->kind == kind)
		return true;
	return fault_add(faults, e->value->at, "flowsync/%s: expected %s, found %s", e->key, words,
	                 node_kind_words(e->value->kind));
}

static bool read_prune(struct spec *spec, const struct entry *e, struct faults *faults)
{
	if (!want(faults, e, NODE_BOOL, "true or false"))
		return false;
	spec->prune = e->value->boolean;
	return true;
}

static bool read_suspend(struct spec *spec, const struct entry *e, struct faults *faults)
{
	if (!want(faults, e, NODE_BOOL, "true or false"))
		return false;
	spec->suspend = e->value->boolean;
	return true;
}

static bool read_ignore(struct spec *spec, const struct entry *e, struct faults *faults)
{
	bool good = want(faults, e, NODE_LIST, "a list of JSON Pointers");

	for (size_t i = 0; good && i < e->value->count; i++) {
		const struct node *pointer = e->value->entries[i].value;
		if (pointer->kind != NODE_TEXT || pointer->text[0] != '/')
			good = fault_add(faults, pointer->at, "flowsync/ignore: expected a JSON Pointer, such as "
			                 "/steps/train/command");
	}
	spec->ignore = e->value;
	return good;
}

static bool read_renamed_from(struct spec *spec, const struct entry *e, struct faults *faults)
{
	if (!want(faults, e, NODE_TEXT, "the workflow's old name"))
		return false;
	spec->renamed_from = e->value->text;
	return true;
}

static const struct {
	const char *key;
	bool (*read)(struct spec *, const struct entry *, struct faults *);
} block_keys[] = {
	{ "prune", read_prune }, { "suspend", read_suspend },
	{ "ignore", read_ignore }, { "renamed_from", read_renamed_from },
};

static bool read_block_key(struct spec *spec, const struct entry *e, struct faults *faults)
{
	struct near near = { .word = e->key };

	for (size_t i = 0; i < ARRAY_LEN(block_keys); i++) {
		if (strcmp(block_keys[i].key, e->key) == 0)
			return e->value->kind == NODE_NULL || block_keys[i].read(spec, e, faults);
		near_offer(&near, block_keys[i].key);
	}
	if (near.best)
		return fault_add(faults, e->at, "flowsync: unknown key \"%s\"; did you mean \"%s\"?", e->key,
		                 near.best);
	return fault_add(faults, e->at, "flowsync: unknown key \"%s\"", e->key);
}

static bool read_block(struct spec *spec, const struct node *block, struct faults *faults)
{
	bool good = true;

	if (!block || block->kind == NODE_NULL)
		return true;
	if (block->kind != NODE_MAP)
		return fault_add(faults, block->at, "flowsync: expected a mapping, found %s",
		                 node_kind_words(block->kind));
	for (size_t i = 0; i < block->count; i++)
		good &= read_block_key(spec, &block->entries[i], faults);
	return good;
}

/* ---- one document ---- */

/* The body is under body:, or it is the document itself beside our block. */
static const struct node *unwrap(struct arena *a, const struct node *doc, struct faults *faults)
{
	const struct node *body = node_get(doc, "body");

	if (body) {
		for (size_t i = 0; i < doc->count; i++) {
			const struct entry *e = &doc->entries[i];
			if (strcmp(e->key, "body") != 0 && strcmp(e->key, "flowsync") != 0)
				fault_warn(faults, e->at, "\"%s\" stands beside body: and is not read, as the service's "
				           "own tool does not read it", e->key);
		}
		return body;
	}
	struct node *bare = node_map(a);
	bare->at = doc->at;
	for (size_t i = 0; i < doc->count; i++) {
		const struct entry *e = &doc->entries[i];
		if (strcmp(e->key, "flowsync") != 0) {
			node_put(a, bare, e->key, e->value);
			bare->entries[bare->count - 1].at = e->at;
		}
	}
	return bare;
}

static bool read_document(struct specs *specs, const struct node *doc, struct faults *faults)
{
	struct spec spec = { .prune = true };

	if (doc->kind != NODE_MAP)
		return fault_add(faults, doc->at, "expected a workflow, which is a mapping, found %s",
		                 node_kind_words(doc->kind));
	const struct node *body = unwrap(specs->arena, doc, faults);
	if (body->kind != NODE_MAP)
		return fault_add(faults, body->at, "body: expected a mapping, found %s",
		                 node_kind_words(body->kind));
	bool good = read_block(&spec, node_get(doc, "flowsync"), faults);
	if (!validate_workflow(body, VALIDATE_SPEC, faults) || !good)
		return false;
	spec.body = normalise_declared(specs->arena, body);
	spec.name = node_get_text(spec.body, "name");
	spec.at = body->at;
	arena_grow(specs->arena, specs->items, specs->count, specs->room);
	specs->items[specs->count++] = spec;
	return true;
}

bool specs_read(struct specs *specs, const struct vars *vars, const char *name,
                const char *bytes, size_t len, struct faults *faults)
{
	CLEANUP(buf_done) struct buf filled = BUF(YAML_MAX_BYTES);
	struct pos file = { .file = name };
	struct yaml_docs docs;
	size_t found = 0, before = faults->errors;

	specs->files++;
	if (len > YAML_MAX_BYTES)
		return fault_add(faults, file, "the file is too large: %zu bytes, at most %d are read", len,
		                 YAML_MAX_BYTES);
	if (!template_fill(vars, name, bytes, len, &filled, faults))
		return false;
	if (filled.full)
		return fault_add(faults, file, "with its variables filled in the file is over %d bytes",
		                 YAML_MAX_BYTES);
	if (!yaml_read(specs->arena, name, buf_str(&filled), filled.len, &docs, faults))
		return false;
	for (size_t i = 0; i < docs.count; i++) {
		if (docs.root[i]->kind == NODE_NULL)
			continue;
		found++;
		read_document(specs, docs.root[i], faults);
	}
	if (!found)
		return fault_add(faults, file, "the file is empty: expected a workflow");
	return faults->errors == before;
}

/* ---- all documents together ---- */

static int by_name(const void *a, const void *b)
{
	const struct spec *x = *(const struct spec *const *)a, *y = *(const struct spec *const *)b;
	int order = strcmp(x->name, y->name);

	return order ? order : (x > y) - (x < y);
}

static const struct spec **sorted(const struct specs *specs)
{
	const struct spec **order = arena_new(specs->arena, const struct spec *, specs->count + 1);

	for (size_t i = 0; i < specs->count; i++)
		order[i] = &specs->items[i];
	if (specs->count)
		qsort(order, specs->count, sizeof *order, by_name);
	return order;
}

static const struct spec *search(const struct spec **order, size_t count, const char *name)
{
	while (count) {
		size_t half = count / 2;
		int side = strcmp(name, order[half]->name);
		if (side == 0)
			return order[half];
		if (side > 0) {
			order += half + 1;
			count -= half + 1;
		} else {
			count = half;
		}
	}
	return NULL;
}

bool specs_check(const struct specs *specs, struct faults *faults)
{
	const struct spec **order = sorted(specs);
	size_t before = faults->errors;

	for (size_t i = 1; i < specs->count; i++) {
		const struct spec *first = order[i - 1], *again = order[i];
		if (strcmp(first->name, again->name) == 0)
			fault_add(faults, again->at, "a workflow \"%s\" is declared already at %s:%d:%d",
			          again->name, first->at.file, first->at.line, first->at.col);
	}
	for (size_t i = 0; i < specs->count; i++) {
		const struct spec *s = order[i];
		const struct spec *old = s->renamed_from ? search(order, specs->count, s->renamed_from) : NULL;
		if (old)
			fault_add(faults, s->at, "renamed_from: \"%s\" is still declared at %s:%d:%d",
			          s->renamed_from, old->at.file, old->at.line, old->at.col);
	}
	return faults->errors == before;
}

const struct spec *specs_find(const struct specs *specs, const char *name)
{
	for (size_t i = 0; i < specs->count; i++)
		if (strcmp(specs->items[i].name, name) == 0)
			return &specs->items[i];
	return NULL;
}
