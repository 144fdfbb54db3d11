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

	for (size_t i = 0; e->value->kind == NODE_LIST && i < e->value->count; i++) {
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
	if (!*e->value->text)
		return fault_add(faults, e->value->at, "flowsync/renamed_from: expected the workflow's old name, "
		                 "found an empty text");
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
	struct yaml_docs docs = { 0 };
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
	/* One document that cannot be read does not keep the faults of the others back. */
	bool whole = yaml_read(specs->arena, name, buf_str(&filled), filled.len, &docs, faults);
	for (size_t i = 0; i < docs.count; i++) {
		if (docs.root[i]->kind == NODE_NULL)
			continue;
		found++;
		read_document(specs, docs.root[i], faults);
	}
	if (!found && whole)
		return fault_add(faults, file, "the file is empty: expected a workflow");
	return faults->errors == before;
}

/* ---- all documents together ---- */

/* A name that a spec has, or had. */
struct claim {
	const char *name;
	const struct spec *spec;
	bool old;
};

/* Names that are had come first, so that whoever claims one more can be told of it. */
static int by_name(const void *a, const void *b)
{
	const struct claim *x = a, *y = b;
	int order = strcmp(x->name, y->name);

	if (order == 0)
		order = x->old - y->old;
	return order ? order : (x->spec > y->spec) - (x->spec < y->spec);
}

static size_t sorted(const struct specs *specs, struct claim *claims)
{
	size_t count = 0;

	for (size_t i = 0; i < specs->count; i++) {
		const struct spec *s = &specs->items[i];
		claims[count++] = (struct claim){ s->name, s, false };
		if (s->renamed_from)
			claims[count++] = (struct claim){ s->renamed_from, s, true };
	}
	if (count)
		qsort(claims, count, sizeof *claims, by_name);
	return count;
}

static void claimed_twice(const struct claim *first, const struct claim *again, struct faults *faults)
{
	struct pos at = first->spec->at;

	if (!again->old)
		fault_add(faults, again->spec->at, "a workflow \"%s\" is declared already at %s:%d:%d",
		          again->name, at.file, at.line, at.col);
	else if (first->spec == again->spec)
		fault_add(faults, again->spec->at, "renamed_from: \"%s\" is the name that the workflow has",
		          again->name);
	else
		fault_add(faults, again->spec->at, "renamed_from: \"%s\" is %s at %s:%d:%d", again->name,
		          first->old ? "claimed already" : "still declared", at.file, at.line, at.col);
}

bool specs_check(const struct specs *specs, struct faults *faults)
{
	struct claim *claims = arena_new(specs->arena, struct claim, 2 * specs->count + 1);
	size_t count = sorted(specs, claims), before = faults->errors;

	for (size_t i = 1; i < count; i++)
		if (strcmp(claims[i - 1].name, claims[i].name) == 0)
			claimed_twice(&claims[i - 1], &claims[i], faults);
	return faults->errors == before;
}

const struct spec *specs_find(const struct specs *specs, const char *name)
{
	for (size_t i = 0; i < specs->count; i++)
		if (strcmp(specs->items[i].name, name) == 0)
			return &specs->items[i];
	return NULL;
}
