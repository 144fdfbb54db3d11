#include "agent/sync/known_specs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/util/clock.h"
#include "reconcile/tree/json.h"
#include "reconcile/tree/yaml.h"

#ifndef FLOWSYNC_VERSION
#error "FLOWSYNC_VERSION is given by the Makefile"
#endif

/* What a file declared when it was read. */
struct known_file {
	struct spec *specs;
	struct diagnostic *warnings;
	size_t spec_count, warning_count;
};

/* ---- what belongs to what is stored ---- */

static void known_add_text(struct buf *out, const char *text)
{
	buf_add(out, text ? text : "", strlen(text ? text : "") + 1);
}

/* All but the variables, which each file uses others of.  Ignore rules and the folders say which files there are. */
static void known_options_digest(const struct known_specs *k, unsigned char out[DIGEST_SIZE])
{
	static const unsigned char no_key[DIGEST_SIZE];
	CLEANUP(buf_done) struct buf bytes = BUF_TEXT;

	known_add_text(&bytes, "specs 1 " FLOWSYNC_VERSION);
	buf_addc(&bytes, k->specs->local ? 'l' : 'r');
	for (size_t i = 0; i < k->ctx->vars->passthrough_count; i++)
		known_add_text(&bytes, k->ctx->vars->passthrough[i]);
	digest_hmac(no_key, sizeof no_key, buf_str(&bytes), bytes.len, out);
}

/* NULL: source_read() will fail.  Two syncs may read the same source with different variables. */
static const char *known_source_name(struct context *ctx, struct err *err)
{
	const char *sync = ctx->settings->sync_name ? ctx->settings->sync_name : "", *dir;
	struct git_fetch fetch;
	struct stat st;

	if (!source_fetch(ctx, &fetch, err))
		return NULL;
	if (fetch.mirror)
		return arena_printf(ctx->arena, "git %s %s %s", sync, fetch.remote.url, fetch.path ? fetch.path : "");
	if (!context_dir(ctx, &dir, err) || stat(dir, &st) < 0 || !S_ISDIR(st.st_mode))
		return NULL;
	return arena_printf(ctx->arena, "directory %s %s", sync, dir);
}

/* The values of the variables that a file uses, under the key of the store. */
static const char *known_values(const struct known_specs *k, struct arena *a, const char *const *uses, size_t count)
{
	CLEANUP(buf_done) struct buf bytes = BUF_TEXT;
	unsigned char sum[DIGEST_SIZE];

	for (size_t i = 0; i < count; i++)
		template_add_value(k->ctx->vars, uses[i], &bytes);
	digest_hmac(spec_store_key(k->store), DIGEST_KEY_SIZE, buf_str(&bytes), bytes.len, sum);
	return digest_hex(a, sum, SPEC_DIGEST);
}

/* ---- a file as text, and back ---- */

static struct node *known_place(struct arena *a, struct node *out, struct pos at)
{
	node_put(a, out, "line", node_int(a, at.line));
	node_put(a, out, "col", node_int(a, at.col));
	return out;
}

static struct pos known_get_place(const struct node *n, const char *file)
{
	return (struct pos){ file, (int)node_get_int(n, "line", 0), (int)node_get_int(n, "col", 0) };
}

static void known_add_spec(struct arena *a, struct node *list, const struct spec *s)
{
	struct node *out = known_place(a, node_add(a, list, node_map(a)), s->at);

	node_put(a, out, "name", node_text(a, s->name));
	node_put(a, out, "digest", node_text(a, digest_hex(a, s->digest, SPEC_DIGEST)));
	if (!s->prune)
		node_put(a, out, "prune", node_bool(a, false));
	if (s->suspend)
		node_put(a, out, "suspend", node_bool(a, true));
	if (s->ignore)
		node_put(a, out, "ignore", (struct node *)s->ignore);
	if (s->renamed_from)
		node_put(a, out, "renamed_from", node_text(a, s->renamed_from));
}

static bool known_get_spec(struct arena *a, const struct node *n, const char *file, struct spec *out)
{
	const struct node *prune = node_get(n, "prune"), *suspend = node_get(n, "suspend"), *ignore = node_get(n, "ignore");
	const char *digest = node_get_text(n, "digest");

	*out = (struct spec){
		.name = arena_strdup_or_null(a, node_get_text(n, "name")), .at = known_get_place(n, file),
		.prune = !prune || prune->boolean, .suspend = suspend && suspend->boolean,
		.ignore = ignore ? node_copy(a, ignore) : NULL,
		.renamed_from = arena_strdup_or_null(a, node_get_text(n, "renamed_from")),
	};
	return out->name && digest && digest_from_hex(digest, out->digest, SPEC_DIGEST) && out->at.line > 0 &&
	       (!ignore || ignore->kind == NODE_LIST);
}

/* The specs, warnings and uses that reading a file has added. */
static const char *known_declares(struct known_specs *k, size_t first_spec, const struct diagnostics *faults)
{
	const struct specs *specs = k->specs;
	struct arena *a = specs->scratch;
	struct node *out = node_map(a), *list = node_put(a, out, "specs", node_list(a));

	for (size_t i = first_spec; i < specs->count; i++)
		known_add_spec(a, list, &specs->items[i]);
	if (faults->count)
		list = node_put(a, out, "warnings", node_list(a));
	for (size_t i = 0; i < faults->count; i++) {
		struct node *n = known_place(a, node_add(a, list, node_map(a)), faults->items[i].at);
		node_put(a, n, "message", node_text(a, faults->items[i].message));
	}
	if (specs->use_count) {
		list = node_put(a, out, "uses", node_list(a));
		for (size_t i = 0; i < specs->use_count; i++)
			node_add(a, list, node_text(a, specs->uses[i]));
		node_put(a, out, "values", node_text(a, known_values(k, a, specs->uses, specs->use_count)));
	}
	return json_text(&k->texts, out);
}

/* Any other text than one of ours is not known, whatever damaged it. */
static bool known_is_list(const struct node *list, enum node_kind of)
{
	for (size_t i = 0; list && i < list->count; i++)
		if (list->kind != NODE_LIST || list->entries[i].value->kind != of)
			return false;
	return !list || list->kind == NODE_LIST;
}

static bool known_uses_same_values(const struct known_specs *k, struct arena *a, const struct node *declares)
{
	const struct node *uses = node_get(declares, "uses");
	const char *values = node_get_text(declares, "values");

	if (!uses || !known_is_list(uses, NODE_TEXT))
		return !uses;
	const char **names = arena_new(a, const char *, uses->count);
	for (size_t i = 0; i < uses->count; i++)
		names[i] = uses->entries[i].value->text;
	return values && strcmp(values, known_values(k, a, names, uses->count)) == 0;
}

static size_t known_count(const struct node *list)
{
	return list ? list->count : 0;
}

/* NULL: it is not known any more.  The result lives in a. */
static const struct known_file *known_get_file(const struct known_specs *k, struct arena *a, struct arena *scratch,
                                               const struct stored_file *stored)
{
	struct known_file *out = arena_new(a, struct known_file, 1);
	struct node *declares;
	struct err err;

	if (!stored->declares || !json_read(scratch, stored->declares, strlen(stored->declares), &declares, &err) ||
	    declares->kind != NODE_MAP || !known_uses_same_values(k, scratch, declares))
		return NULL;
	const struct node *specs = node_get(declares, "specs"), *warnings = node_get(declares, "warnings");
	/* A file without a spec is an error. */
	if (!known_count(specs) || !known_is_list(specs, NODE_MAP) || !known_is_list(warnings, NODE_MAP))
		return NULL;
	out->spec_count = known_count(specs);
	out->specs = arena_new(a, struct spec, out->spec_count + 1);
	for (size_t i = 0; i < out->spec_count; i++)
		if (!known_get_spec(a, specs->entries[i].value, stored->name, &out->specs[i]))
			return NULL;
	out->warning_count = known_count(warnings);
	out->warnings = arena_new(a, struct diagnostic, out->warning_count + 1);
	for (size_t i = 0; i < out->warning_count; i++) {
		const struct node *n = warnings->entries[i].value;
		out->warnings[i] = (struct diagnostic){ true, known_get_place(n, stored->name),
		                                        arena_strdup_or_null(a, node_get_text(n, "message")) };
		if (!out->warnings[i].message)
			return NULL;
	}
	return out;
}

/* ---- the interfaces to source and specs ---- */

static const void *known_recall(void *context, struct arena *a, struct source_file *file)
{
	const struct known_specs *k = context;
	CLEANUP(arena_free) struct arena scratch = { 0 };
	struct stored_file stored;

	if (k->all || !spec_store_find(k->store, &scratch, file->name, file->stamp, &stored))
		return NULL;
	if (stored.len > YAML_MAX_BYTES)
		return NULL;
	file->len = stored.len;
	memcpy(file->digest, stored.digest, sizeof file->digest);
	return known_get_file(k, a, &scratch, &stored);
}

static int known_order_files(const void *name, const void *file)
{
	return strcmp(name, ((const struct source_file *)file)->name);
}

static bool known_load(void *context, const struct spec *spec, struct err *err)
{
	struct known_specs *k = context;
	const struct source_files *files = &k->source->files;
	struct spec *first = k->specs->items + (spec - k->specs->items);
	CLEANUP(arena_free) struct arena scratch = { 0 };
	struct diagnostics faults = { .arena = &scratch };
	struct specs again = { .arena = k->specs->arena, .scratch = &scratch, .local = k->specs->local };
	struct source_file *file = bsearch(spec->at.file, files->items, files->count, sizeof *files->items, known_order_files);
	struct source_file found;

	if (!file || !file->known)
		return err_set(err, "%s was not read", spec->at.file);
	const struct known_file *known = file->known;
	/* Those of a file stand together, in its order. */
	while (first > k->specs->items && first[-1].at.file == spec->at.file)
		first--;
	found = *file;
	k->later++;
	if (!source_read_known(k->source, &scratch, &found, err))
		return false;
	bool same = specs_read(&again, k->ctx->vars, file->name, found.bytes, found.len, &faults) &&
	            again.count == known->spec_count;
	for (size_t i = 0; same && i < again.count; i++)
		same = strcmp(first[i].name, again.items[i].name) == 0;
	if (!same)
		return err_set(err, "%s: what the state directory says of this file is wrong: remove %s/specs.db", file->name,
		               k->ctx->settings->state_dir);
	for (size_t i = 0; i < again.count; i++)
		first[i].packed = again.items[i].packed;
	return true;
}

void known_specs_open(struct context *ctx, bool write, struct source *source, struct specs *specs,
                      struct known_specs *out)
{
	const char *dir = ctx->settings->state_dir;
	unsigned char options[DIGEST_SIZE];
	struct err err;

	*out = (struct known_specs){ .ctx = ctx, .source = source, .specs = specs, .write = write,
	                             .all = ctx->settings->observe_all };
	known_options_digest(out, options);
	if (!dir)
		return;
	const char *name = known_source_name(ctx, &err);
	if (!name)
		return;
	if (!spec_store_open(dir, write, name, options, &out->store, &err)) {
		log_debug(ctx->log, "all files of specs are read: %s", err.msg);
		return;
	}
	source->files.recall = known_recall;
	source->files.context = specs->context = out;
	specs->load = known_load;
	specs->key = spec_store_key(out->store);
}

/* ---- reading ---- */

static void known_keep_name(struct known_specs *k, const char *name)
{
	arena_grow(&k->texts, k->names, k->name_count, k->name_room);
	k->names[k->name_count++] = name;
}

static void known_add_file(struct known_specs *k, const struct source_file *file, struct diagnostics *faults)
{
	const struct known_file *known = file->known;

	for (size_t i = 0; i < known->spec_count; i++) {
		struct spec spec = known->specs[i];
		spec.at.file = file->name;
		specs_add(k->specs, &spec);
	}
	for (size_t i = 0; i < known->warning_count; i++) {
		struct pos at = known->warnings[i].at;
		diagnostics_warn(faults, (struct pos){ file->name, at.line, at.col }, "%s", known->warnings[i].message);
	}
	known_keep_name(k, file->name);
}

/* `before`: the warnings of other files. */
static void known_hold_file(struct known_specs *k, const struct source_file *file, size_t first_spec,
                            const struct diagnostics *faults, const struct diagnostics *before)
{
	struct arena *a = &k->texts;
	const struct diagnostics own = { .items = faults->items + before->count, .count = faults->count - before->count };

	/* A warning may suggest any variable, also one that the file does not use. */
	bool suggests = own.count && k->specs->use_count;

	if (!k->store || !k->write || !file->stamp || suggests || faults->errors != before->errors ||
	    faults->left_out != before->left_out)
		return;
	arena_grow(a, k->fresh, k->fresh_count, k->fresh_room);
	k->fresh[k->fresh_count] = (struct stored_file){ .name = file->name, .stamp = file->stamp, .len = file->len,
	                                                 .declares = known_declares(k, first_spec, &own) };
	memcpy(k->fresh[k->fresh_count++].digest, file->digest, sizeof file->digest);
	known_keep_name(k, file->name);
}

static void known_read_file(struct known_specs *k, const struct source_file *file, struct diagnostics *faults)
{
	const struct diagnostics before = *faults;
	size_t first_spec = k->specs->count;

	k->reads++;
	specs_read(k->specs, k->ctx->vars, file->name, file->bytes, file->len, faults);
	known_hold_file(k, file, first_spec, faults, &before);
}

static void known_save(struct known_specs *k)
{
	struct err err;

	/* If this fails, the next cycle reads more files than it has to. */
	if (!spec_store_save(k->store, k->fresh, k->fresh_count, k->names, k->name_count, clock_now(), &err))
		log_debug(k->ctx->log, "the next cycle reads all files: %s", err.msg);
}

void known_specs_read(struct known_specs *k, bool whole, struct diagnostics *faults)
{
	const struct source_files *files = &k->source->files;
	CLEANUP(arena_free) struct arena scratch = { 0 };

	k->specs->scratch = &scratch;
	for (size_t i = 0; i < files->count; i++) {
		if (files->items[i].known)
			known_add_file(k, &files->items[i], faults);
		else if (files->items[i].bytes)
			known_read_file(k, &files->items[i], faults);
		arena_reset(&scratch);
	}
	k->specs->scratch = NULL;
	log_debug(k->ctx->log, "source: %zu files, %zu of them read", files->count, k->reads);
	if (k->store && k->write && whole)
		known_save(k);
	if (k->store)
		spec_store_pause(k->store);
	arena_free(&k->texts);
}

void known_specs_close(struct known_specs *k)
{
	if (k->later)
		log_debug(k->ctx->log, "source: %zu files read later", k->later);
	spec_store_close(k->store);
	*k = (struct known_specs){ 0 };
}
