#include "reconcile/plan/spec.h"

#include <stdlib.h>
#include <string.h>

#include "reconcile/schema/digest.h"
#include "reconcile/schema/mask.h"
#include "reconcile/schema/normalise.h"
#include "reconcile/schema/placeholders.h"
#include "reconcile/schema/validate.h"
#include "reconcile/tree/pack.h"
#include "reconcile/tree/yaml.h"

static const struct node *spec_copy_node(struct arena *a, const struct node *n)
{
	return n ? node_copy(a, n) : NULL;
}

static bool read_block(struct arena *a, struct spec *spec, const struct node *block, struct diagnostics *faults)
{
	const struct node *prune, *suspend;

	if (!block || block->kind == NODE_NULL)
		return true;
	if (!validate_block(block, faults))
		return false;
	prune = node_get(block, "prune");
	suspend = node_get(block, "suspend");
	spec->prune = !prune || prune->kind == NODE_NULL || prune->boolean;
	spec->suspend = suspend && suspend->boolean;
	spec->ignore = spec_copy_node(a, node_get(block, "ignore"));
	spec->renamed_from = arena_strdup_or_null(a, node_get_text(block, "renamed_from"));
	return true;
}

/* ---- one document ---- */

/* The body of a document: the value of body:, or the document itself without its flowsync: block. */
static const struct node *unwrap(struct arena *a, const struct node *doc, struct diagnostics *faults)
{
	const struct node *body = node_get(doc, "body");

	if (body) {
		for (size_t i = 0; i < doc->count; i++) {
			const struct entry *e = &doc->entries[i];
			if (strcmp(e->key, "body") != 0 && strcmp(e->key, "flowsync") != 0)
				diagnostics_warn(faults, e->at, "\"%s\" is beside body: and is ignored, as the service's own "
				           "tool ignores it", e->key);
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

static void report_masked(void *context, const struct path *at, const struct node *value)
{
	struct diagnostics *faults = context;

	diagnostics_add(faults, value->at, "%s: found \"(masked #...)\", which stands for a secret that was not shown; "
	          "write the secret itself", path_text(faults->arena, at));
}

bool spec_check_masked(const struct node *body, const struct node *ignore, struct diagnostics *faults)
{
	size_t before = faults->errors;

	mask_each(faults->arena, body, ignore, report_masked, faults);
	return faults->errors == before;
}

/* In a patch a step without type keeps the type that it has on the service. */
static void drop_added_types(const struct node *body, struct node *normal)
{
	const struct node *steps = node_get(body, "steps");
	const struct node *out = node_get(normal, "steps");

	for (size_t i = 0; out && i < out->count; i++)
		if (!node_get(node_get(steps, out->entries[i].key), "type"))
			node_drop(out->entries[i].value, "type");
}

static bool check_document(const struct specs *specs, const struct node *body, struct diagnostics *faults)
{
	if (specs->execute)
		return validate_execute(body, faults);
	return validate_workflow(body, (specs->partial ? VALIDATE_PATCH : VALIDATE_SPEC) |
	                               (specs->local ? VALIDATE_LOCAL : 0), faults);
}

static const char *pack_normal_body(const struct specs *specs, struct arena *scratch, const struct node *body)
{
	CLEANUP(buf_done) struct buf bytes = BUF_TEXT;
	struct node *normal = normalise_declared(scratch, body);

	if (specs->partial)
		drop_added_types(body, normal);
	pack_tree(normal, &bytes);
	return memcpy(arena_alloc(specs->arena, bytes.len, 1, 1), bytes.text, bytes.len);
}

static void digest_packed(const unsigned char *key, const char *packed, unsigned char out[SPEC_DIGEST])
{
	CLEANUP(buf_done) struct buf values = BUF_TEXT;
	unsigned char whole[DIGEST_SIZE];

	pack_add_values(packed, &values);
	digest_hmac(key, DIGEST_KEY_SIZE, buf_str(&values), values.len, whole);
	memcpy(out, whole, SPEC_DIGEST);
}

void specs_add(struct specs *specs, const struct spec *spec)
{
	arena_grow(specs->arena, specs->items, specs->count, specs->room);
	specs->items[specs->count++] = *spec;
}

static void add_spec(struct specs *specs, struct spec *spec, struct arena *scratch, const struct node *body)
{
	spec->packed = specs->without_bodies ? NULL : pack_normal_body(specs, scratch, body);
	if (spec->packed && specs->key)
		digest_packed(specs->key, spec->packed, spec->digest);
	spec->name = arena_strdup_or_null(specs->arena, node_get_text(body, "name"));
	specs_add(specs, spec);
}

bool spec_load(const struct specs *specs, const struct spec *spec, struct err *err)
{
	return spec->packed || specs->load(specs->context, spec, err);
}

struct node *spec_body(struct arena *a, const struct spec *spec)
{
	return pack_read(a, spec->packed, spec->at.file);
}

/* scratch: of the document, and of all that is made on the way. */
static bool read_spec_document(struct specs *specs, struct arena *scratch, const struct node *doc,
                               struct diagnostics *faults)
{
	struct spec spec = { .prune = true };

	if (doc->kind != NODE_MAP)
		return diagnostics_add(faults, doc->at, "expected a workflow, which is a mapping, found %s",
		                 node_kind_words(doc->kind));
	const struct node *body = unwrap(scratch, doc, faults);
	if (body->kind != NODE_MAP)
		return diagnostics_add(faults, body->at, "body: expected a mapping, found %s",
		                 node_kind_words(body->kind));
	bool good = read_block(specs->arena, &spec, node_get(doc, "flowsync"), faults);
	good &= check_document(specs, body, faults);
	if (!spec_check_masked(body, spec.ignore, faults) || !good)
		return false;
	spec.at = body->at;
	add_spec(specs, &spec, scratch, body);
	return true;
}

static void template_text_done(struct template_text *filled)
{
	buf_done(&filled->text);
}

/* Statements that fill lines of their own are the cause of what YAML cannot read: only they are reported. */
static bool read_filled(struct arena *a, const char *name, const char *text, size_t len,
                        const struct template_text *filled, struct yaml_docs *docs, struct diagnostics *faults)
{
	struct diagnostics before = *faults;

	if (yaml_read(a, name, text, len, docs, faults))
		return true;
	for (size_t i = 0; i < filled->count; i++)
		if (filled->marks[i].alone) {
			faults->count = before.count;
			faults->errors = before.errors;
			faults->left_out = before.left_out;
			break;
		}
	return false;
}

bool specs_read(struct specs *specs, const struct vars *vars, const char *name,
                const char *bytes, size_t len, struct diagnostics *faults)
{
	CLEANUP(arena_free) struct arena own = { 0 };
	struct arena *scratch = specs->scratch ? specs->scratch : &own;
	CLEANUP(template_text_done) struct template_text filled = { .arena = scratch, .text = BUF(YAML_MAX_BYTES) };
	struct pos file = { .file = name };
	struct diagnostics older = { .arena = scratch };
	struct yaml_docs docs = { 0 };
	size_t found = 0, before = faults->errors;

	specs->files++;
	specs->use_count = 0;
	if (len > YAML_MAX_BYTES)
		return diagnostics_add(faults, file, "the file is too large: %zu bytes, at most %d are read", len,
		                 YAML_MAX_BYTES);
	if (!template_is_plain(bytes, len, &len)) {
		bool good = template_fill(vars, name, bytes, len, &filled, faults);
		specs->uses = filled.uses;
		specs->use_count = filled.use_count;
		if (!good)
			return false;
		if (filled.text.full)
			return diagnostics_add(faults, file, "with its variables filled in the file is over %d bytes",
			                 YAML_MAX_BYTES);
		bytes = buf_str(&filled.text);
		len = filled.text.len;
	}
	/* The other documents are checked even if one cannot be read. */
	bool whole = read_filled(scratch, name, bytes, len, &filled, &docs, faults);
	for (size_t i = 0; i < docs.count; i++) {
		if (docs.root[i]->kind == NODE_NULL)
			continue;
		found++;
		if (placeholders_resolve(&filled, docs.root[i], specs->older ? &older : faults) || specs->older)
			read_spec_document(specs, scratch, docs.root[i], faults);
	}
	if (!whole && !specs->older)
		placeholders_report_statements(&filled, faults);
	if (!found && whole)
		return diagnostics_add(faults, file, "the file is empty: expected a workflow");
	return faults->errors == before;
}

const struct node *spec_body_of_digest(struct arena *a, const struct node *body, const char *digest)
{
	if (strcmp(digest_body(a, body), digest) == 0)
		return body;
	const struct node *other = normalise_other_reading(a, body);
	return other && strcmp(digest_body(a, other), digest) == 0 ? other : NULL;
}

/* ---- all documents together ---- */

/* A name that a spec has now, or had before (renamed_from). */
struct claim {
	const char *name;
	const struct spec *spec;
	bool old;
};

/* Present names come before old ones, so that the second claim of a name is the one that is reported. */
static int order_claims(const void *a, const void *b)
{
	const struct claim *x = a, *y = b;
	int order = strcmp(x->name, y->name);

	if (order == 0)
		order = x->old - y->old;
	return order ? order : (x->spec > y->spec) - (x->spec < y->spec);
}

static size_t sort_claims(const struct specs *specs, struct claim *claims)
{
	size_t count = 0;

	for (size_t i = 0; i < specs->count; i++) {
		const struct spec *s = &specs->items[i];
		claims[count++] = (struct claim){ s->name, s, false };
		if (s->renamed_from)
			claims[count++] = (struct claim){ s->renamed_from, s, true };
	}
	if (count)
		qsort(claims, count, sizeof *claims, order_claims);
	return count;
}

static void report_claimed_twice(const struct claim *first, const struct claim *again, struct diagnostics *faults)
{
	struct pos at = first->spec->at;

	if (!again->old)
		diagnostics_add(faults, again->spec->at, "a workflow \"%s\" is declared already at %s:%d:%d",
		          again->name, at.file, at.line, at.col);
	else if (first->spec == again->spec)
		diagnostics_add(faults, again->spec->at, "renamed_from: \"%s\" is the present name of the workflow",
		          again->name);
	else
		diagnostics_add(faults, again->spec->at, "renamed_from: \"%s\" is %s at %s:%d:%d", again->name,
		          first->old ? "claimed already" : "still declared", at.file, at.line, at.col);
}

bool specs_check(const struct specs *specs, struct diagnostics *faults)
{
	struct claim *claims = arena_new(specs->arena, struct claim, 2 * specs->count + 1);
	size_t count = sort_claims(specs, claims), before = faults->errors;

	for (size_t i = 1; i < count; i++)
		if (strcmp(claims[i - 1].name, claims[i].name) == 0)
			report_claimed_twice(&claims[i - 1], &claims[i], faults);
	return faults->errors == before;
}

const struct spec *specs_find(const struct specs *specs, const char *name)
{
	for (size_t i = 0; i < specs->count; i++)
		if (strcmp(specs->items[i].name, name) == 0)
			return &specs->items[i];
	return NULL;
}
