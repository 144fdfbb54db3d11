#include "agent/config/config_file.h"

#include <string.h>

#include "agent/util/file.h"
#include "agent/net/git_url.h"
#include "agent/config/template_vars.h"
#include "reconcile/base/suggest.h"
#include "reconcile/tree/yaml.h"

struct reader {
	struct arena *arena;
	const char *folder;	/* of the file, with a slash at its end; "" if it has none */
	const char *home;	/* NULL: not known */
	struct settings *settings;
	struct diagnostics *faults;
};

/* The only key whose value is a list of maps; the table's keys go on below it without a number. */
static const char list_of_maps[] = "syncs";

/* What stands in a sync beside its own keys: the service it uses instead of the one of all. */
static const char own_service[] = "syncs.service";

enum { NAME_MAX_BYTES = 64 };	/* of a sync: it stands in paths of URLs and in labels of metrics */

static const struct option *config_find_option(const char *key)
{
	for (const struct option *o = option_table; o->name || o->key; o++)
		if (o->key && strcmp(o->key, key) == 0)
			return o;
	return NULL;
}

static bool config_is_outer_key(const char *key)
{
	size_t len = strlen(key);

	for (const struct option *o = option_table; o->name || o->key; o++)
		if (o->key && strncmp(o->key, key, len) == 0 && o->key[len] == '.')
			return true;
	return false;
}

/* Offers what may stand in the place of key below outer ("" or "log."). */
static void config_suggest_keys(struct arena *a, const char *outer, struct suggestion *near)
{
	size_t len = strlen(outer);

	for (const struct option *o = option_table; o->name || o->key; o++)
		if (o->key && strncmp(o->key, outer, len) == 0)
			suggest_offer(near, arena_strndup(a, o->key + len, strcspn(o->key + len, ".")));
}

static bool config_expected(struct reader *r, const char *key, const char *wanted, const struct node *found)
{
	return diagnostics_add(r->faults, found->at, "%s: expected %s, found %s", key, wanted,
	                 node_kind_words(found->kind));
}

/* Resolves the path that n's text has after its first `skip` bytes; NULL with a fault.  No shell expands ~ here. */
static const char *config_resolve_path(struct reader *r, const struct option *o, const struct node *n, size_t skip)
{
	const char *path = n->text + skip;

	if (*path == '/' || !*path)
		return n->text;
	if (*path != '~')
		return arena_printf(r->arena, "%.*s%s%s", (int)skip, n->text, r->folder, path);
	if (r->home && (path[1] == '/' || !path[1]))
		return arena_printf(r->arena, "%.*s%s%s", (int)skip, n->text, r->home, path + 1);
	diagnostics_add(r->faults, n->at, "%s: \"%s\" cannot be expanded: %s; write the whole path, or ./~ for a name "
	                "that begins with ~", o->key, path,
	                path[1] == '/' || !path[1] ? "HOME is not set" : "only ~/ is");
	return NULL;
}

/* NULL with a fault. */
static const char *config_text(struct reader *r, const struct option *o, const struct node *n)
{
	static const char socket[] = "unix:";
	size_t len = strlen(socket);

	if (o->type == OPTION_PATH || (o->type == OPTION_GIT && git_url_is_path(n->text)))
		return config_resolve_path(r, o, n, 0);
	if (o->type == OPTION_ENDPOINT && strncmp(n->text, socket, len) == 0)
		return config_resolve_path(r, o, n, len);
	return n->text;
}

static bool config_option_has_word(const struct option *o, const char *word)
{
	for (const struct option_word *w = o->words; w && w->word; w++)
		if (strcmp(w->word, word) == 0)
			return true;
	return false;
}

/* A number where a text is wanted is mostly a duration without its unit, or a text without quotes. */
static const char *config_expected_value(struct reader *r, const struct option *o, const struct node *n)
{
	if (o->type == OPTION_FLAG)
		return "true or false";
	if (o->type == OPTION_NUMBER)
		return "a whole number";
	if (n->kind == NODE_INT && o->type == OPTION_DURATION)
		return arena_printf(r->arena, "a duration such as %ss", node_scalar_text(r->arena, n));
	if (n->kind == NODE_INT)
		return arena_printf(r->arena, "a text such as \"%s\" in quotes", node_scalar_text(r->arena, n));
	return "a text";
}

/* What option_set() takes for n; NULL with a fault.  A word "yes" is a boolean to YAML. */
static const char *config_value_text(struct reader *r, const struct option *o, const struct node *n)
{
	const char *word = n->kind == NODE_BOOL ? (n->boolean ? "yes" : "no") : "";

	if (o->type == OPTION_FLAG ? n->kind == NODE_BOOL : config_option_has_word(o, word))
		return word;
	if (o->type == OPTION_NUMBER && n->kind == NODE_INT)
		return node_scalar_text(r->arena, n);
	if (o->type != OPTION_NUMBER && n->kind == NODE_TEXT)
		return config_text(r, o, n);
	config_expected(r, o->key, config_expected_value(r, o, n), n);
	return NULL;
}

static void config_set_scalar(struct reader *r, const struct option *o, const struct node *n)
{
	struct origin from = { ORIGIN_FILE, o->key, n->at };
	const char *text = config_value_text(r, o, n);

	if (text)
		option_set(r->arena, o, text, &from, r->settings, r->faults);
}

static void config_set_items(struct reader *r, const struct option *o, const struct node *n)
{
	if (n->kind != NODE_LIST) {
		config_expected(r, o->key, "a list of texts", n);
		return;
	}
	for (size_t i = 0; i < n->count; i++)
		config_set_scalar(r, o, n->entries[i].value);
}

static void config_set_option(struct reader *r, const struct option *o, const struct node *n)
{
	if (o->type == OPTION_MAP)
		template_vars_add_map(r->arena, o->key, n, (struct var_list *)((char *)r->settings + o->offset),
		             r->faults);
	else if (o->type == OPTION_LIST)
		config_set_items(r, o, n);
	else
		config_set_scalar(r, o, n);
}

static void config_read_mapping(struct reader *r, const char *outer, const struct node *n);

/* "git: {url: URL}" for the key "syncs.source.git": the key with the first one that may stand below it. */
static const char *config_mapping_example(struct reader *r, const char *key)
{
	const char *dot = strrchr(key, '.'), *last = dot ? dot + 1 : key;
	size_t len = strlen(key);

	for (const struct option *o = option_table; o->name || o->key; o++) {
		if (!o->key || strncmp(o->key, key, len) != 0 || o->key[len] != '.')
			continue;
		const char *below = o->key + len + 1, *value = o->words ? o->words->word : o->argument;
		if (strchr(below, '.'))
			return arena_printf(r->arena, "%s: {%.*s: ...}", last, (int)strcspn(below, "."), below);
		return arena_printf(r->arena, "%s: {%s: %s}", last, below, value ? value : "...");
	}
	return last;
}

static void config_read_outer(struct reader *r, const char *key, const struct node *n)
{
	const char *below = arena_printf(r->arena, "%s.", key);

	if (n->kind == NODE_MAP)
		config_read_mapping(r, below, n);
	else
		config_expected(r, key, arena_printf(r->arena, "a mapping such as %s", config_mapping_example(r, key)),
		                n);
}

/* "dir, git": the keys that may stand below outer, each once. */
static const char *config_known_keys(struct arena *a, const char *outer)
{
	CLEANUP(buf_done) struct buf all = BUF_TEXT;
	struct node *seen = node_map(a);
	size_t len = strlen(outer);

	for (const struct option *o = option_table; o->name || o->key; o++) {
		if (!o->key || strncmp(o->key, outer, len) != 0)
			continue;
		const char *key = arena_strndup(a, o->key + len, strcspn(o->key + len, "."));
		if (node_get(seen, key))
			continue;
		node_put(a, seen, key, node_null(a));
		buf_addf(&all, "%s%s", all.len ? ", " : "", key);
	}
	if (strncmp(own_service, outer, len) == 0 && len > 0)
		buf_addf(&all, ", %s", own_service + len);
	return arena_strdup(a, buf_str(&all));
}

static void config_unknown_key(struct reader *r, const char *outer, const struct entry *e)
{
	struct suggestion near = { .word = e->key };

	config_suggest_keys(r->arena, outer, &near);
	if (strcmp(e->key, "token") == 0)
		diagnostics_add(r->faults, e->at, "unknown key \"token\": put the token in a file and set token_file: "
		                                  "FILE");
	else if (near.best)
		diagnostics_add(r->faults, e->at, "unknown key \"%s\"; did you mean \"%s\"?", e->key, near.best);
	else
		diagnostics_add(r->faults, e->at, "unknown key \"%s\"; expected one of %s", e->key,
		                config_known_keys(r->arena, outer));
}

/* outer is "" or ends with a dot.  A key without a value is as good as not written. */
static void config_read_mapping(struct reader *r, const char *outer, const struct node *n)
{
	for (size_t i = 0; i < n->count; i++) {
		const struct entry *e = &n->entries[i];
		const char *key = arena_printf(r->arena, "%s%s", outer, e->key);
		const struct option *o = strchr(e->key, '.') ? NULL : config_find_option(key);
		bool known = o || (!strchr(e->key, '.') && config_is_outer_key(key));
		if (strcmp(key, own_service) == 0)
			config_read_outer(r, "service", e->value);
		else if (!known)
			config_unknown_key(r, outer, e);
		else if (e->value->kind == NODE_NULL || strcmp(key, list_of_maps) == 0)
			continue;
		else if (o)
			config_set_option(r, o, e->value);
		else
			config_read_outer(r, key, e->value);
	}
}

/* ---- the syncs ---- */

static const struct node *config_syncs(const struct config *c)
{
	const struct node *list = c->root ? node_get(c->root, list_of_maps) : NULL;

	return list && list->kind == NODE_LIST ? list : NULL;
}

static bool config_is_sync_name(const char *text)
{
	size_t len = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.");

	return len > 0 && len <= NAME_MAX_BYTES && text[len] == '\0' && text[0] != '.';
}

/* "default" for one that is alone and has none. */
static bool config_sync_name(struct reader *r, const struct node *sync, bool alone, const char **out)
{
	const struct node *n = node_get(sync, "name");

	*out = "default";
	if (!n || n->kind == NODE_NULL)
		return alone ||
		       diagnostics_add(r->faults, sync->at, "expected a name: of several syncs each needs one");
	if (n->kind != NODE_TEXT)
		return false;	/* config_read_mapping() says so */
	if (!config_is_sync_name(n->text))
		return diagnostics_add(r->faults, n->at, "syncs.name: expected 1 to %d letters, digits and any of -_., "
		                 "found \"%s\"", NAME_MAX_BYTES, n->text);
	*out = n->text;
	return true;
}

static void config_add_sync_name(struct reader *r, struct config *c, const struct node *sync, const char *name)
{
	for (size_t i = 0; i < c->count; i++)
		if (strcmp(c->names[i], name) == 0)
			diagnostics_add(r->faults, sync->at, "another sync has the name \"%s\" too", name);
	c->names[c->count++] = name;
}

static void config_read_syncs(struct reader *r, struct config *c)
{
	const struct node *list = c->root ? node_get(c->root, list_of_maps) : NULL;
	const char *name;

	if (!list || list->kind == NODE_NULL)
		return;
	if (list->kind != NODE_LIST) {
		config_expected(r, list_of_maps, "a list of syncs", list);
		return;
	}
	if (list->count == 0) {
		diagnostics_add(r->faults, list->at, "%s: expected a list of syncs, found none", list_of_maps);
		return;
	}
	c->names = arena_new(r->arena, const char *, list->count);
	for (size_t i = 0; i < list->count; i++) {
		const struct node *sync = list->entries[i].value;
		if (sync->kind != NODE_MAP)
			config_expected(r, list_of_maps, "a mapping such as {source: {dir: DIR}}", sync);
		else if (config_sync_name(r, sync, list->count == 1, &name))
			config_add_sync_name(r, c, sync, name);
	}
}

/* ---- the whole ---- */

static bool config_read_document(struct arena *a, struct config *c, struct diagnostics *faults)
{
	struct yaml_docs docs;

	if (!yaml_read(a, c->path, c->bytes, c->len, &docs, faults))
		return false;
	if (docs.count > 1)
		return diagnostics_add(faults, docs.root[1]->at, "expected one YAML document, found %zu", docs.count);
	if (docs.count == 1 && docs.root[0]->kind == NODE_MAP)
		c->root = docs.root[0];
	else if (docs.count == 1 && docs.root[0]->kind != NODE_NULL)
		return diagnostics_add(faults, docs.root[0]->at, "expected a mapping such as syncs: [...], found %s",
		                 node_kind_words(docs.root[0]->kind));
	return true;
}

static void config_set_sync(struct reader *r, const struct config *c, size_t sync)
{
	const struct node *list = config_syncs(c);

	if (list && sync < list->count && list->entries[sync].value->kind == NODE_MAP)
		config_read_mapping(r, "syncs.", list->entries[sync].value);
}

/* Reports every error once, here: later readers of a checked file find none. */
static void config_check(struct arena *a, struct config *c, struct diagnostics *faults)
{
	struct settings all = { 0 };
	struct reader r = { a, file_directory(a, c->path), c->home, &all, faults };

	if (c->root)
		config_read_mapping(&r, "", c->root);
	config_read_syncs(&r, c);
	for (size_t i = 0; config_syncs(c) && i < config_syncs(c)->count; i++) {
		struct settings one = { 0 };
		r.settings = &one;
		config_set_sync(&r, c, i);
	}
}

bool config_parse(struct arena *a, const char *path, const char *home, const char *bytes, size_t len,
                  struct config *out, struct diagnostics *faults)
{
	struct config c = { .path = path, .home = home, .bytes = bytes, .len = len };
	size_t errors = faults->errors;

	if (!config_read_document(a, &c, faults))
		return false;
	config_check(a, &c, faults);
	if (faults->errors > errors)
		return false;
	*out = c;
	return true;
}

bool config_read(struct arena *a, const char *path, const char *home, struct config *out, struct diagnostics *faults)
{
	const char *bytes;
	size_t len;
	struct err err;

	if (file_read(a, path, YAML_MAX_BYTES, &bytes, &len, &err))
		return config_parse(a, path, home, bytes, len, out, faults);
	return diagnostics_add(faults, (struct pos){ path, 0, 0 }, "configuration file: %s", err.msg);
}

bool config_find(const struct config *c, const char *name, size_t *out)
{
	for (size_t i = 0; i < c->count; i++) {
		if (strcmp(c->names[i], name) != 0)
			continue;
		*out = i;
		return true;
	}
	return false;
}

void config_set(struct arena *a, const struct config *c, size_t sync, struct settings *s)
{
	struct diagnostics none = { .arena = a };
	struct reader r = { a, file_directory(a, c->path), c->home, s, &none };

	if (c->root)
		config_read_mapping(&r, "", c->root);
	config_set_sync(&r, c, sync);
	if (sync < c->count)
		s->sync_name = arena_strdup(a, c->names[sync]);
}
