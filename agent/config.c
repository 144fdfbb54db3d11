#include "agent/config.h"

#include <string.h>

#include "agent/file.h"
#include "agent/vars.h"
#include "reconcile/near.h"
#include "reconcile/yaml.h"

struct reader {
	struct arena *arena;
	const char *folder;	/* of the file, with a slash at its end; "" if it has none */
	struct settings *settings;
	struct faults *faults;
};

/* The only key whose value is a list of maps; the table's keys go on below it without a number. */
static const char list_of_maps[] = "syncs";

static const struct option *find_key(const char *key)
{
	for (const struct option *o = option_table; o->name || o->key; o++)
		if (o->key && strcmp(o->key, key) == 0)
			return o;
	return NULL;
}

static bool is_outer(const char *key)
{
	size_t len = strlen(key);

	for (const struct option *o = option_table; o->name || o->key; o++)
		if (o->key && strncmp(o->key, key, len) == 0 && o->key[len] == '.')
			return true;
	return false;
}

/* Offers what may stand in the place of key below outer ("" or "log."). */
static void offer_siblings(struct arena *a, const char *outer, struct near *near)
{
	size_t len = strlen(outer);

	for (const struct option *o = option_table; o->name || o->key; o++)
		if (o->key && strncmp(o->key, outer, len) == 0)
			near_offer(near, arena_strndup(a, o->key + len, strcspn(o->key + len, ".")));
}

static bool expected(struct reader *r, const char *key, const char *wanted, const struct node *found)
{
	return fault_add(r->faults, found->at, "%s: expected %s, found %s", key, wanted,
	                 node_kind_words(found->kind));
}

static const char *from_folder(struct reader *r, const char *path)
{
	return *path == '/' || !*path ? path : arena_printf(r->arena, "%s%s", r->folder, path);
}

static const char *text_of(struct reader *r, const struct option *o, const struct node *n)
{
	static const char socket[] = "unix:";
	size_t len = strlen(socket);

	if (o->type == OPTION_PATH)
		return from_folder(r, n->text);
	if (o->type == OPTION_ENDPOINT && strncmp(n->text, socket, len) == 0)
		return arena_printf(r->arena, "%s%s", socket, from_folder(r, n->text + len));
	return n->text;
}

static void set_scalar(struct reader *r, const struct option *o, const struct node *n)
{
	struct origin from = { ORIGIN_FILE, o->key, n->at };
	enum node_kind wanted = o->type == OPTION_NUMBER ? NODE_INT : NODE_TEXT;

	if (n->kind != wanted)
		expected(r, o->key, wanted == NODE_INT ? "a whole number" : "a text", n);
	else if (wanted == NODE_INT)
		option_set(r->arena, o, node_scalar_text(r->arena, n), &from, r->settings, r->faults);
	else
		option_set(r->arena, o, text_of(r, o, n), &from, r->settings, r->faults);
}

static void set_items(struct reader *r, const struct option *o, const struct node *n)
{
	if (n->kind != NODE_LIST) {
		expected(r, o->key, "a list of texts", n);
		return;
	}
	for (size_t i = 0; i < n->count; i++)
		set_scalar(r, o, n->entries[i].value);
}

static void set_value(struct reader *r, const struct option *o, const struct node *n)
{
	if (o->type == OPTION_MAP)
		vars_add_map(r->arena, o->key, n, &r->settings->vars, r->faults);
	else if (o->type == OPTION_LIST)
		set_items(r, o, n);
	else
		set_scalar(r, o, n);
}

static void read_map(struct reader *r, const char *outer, const struct node *n);

static void read_outer(struct reader *r, const char *key, const struct node *n)
{
	const char *below = arena_printf(r->arena, "%s.", key);

	if (strcmp(key, list_of_maps) != 0) {
		if (n->kind == NODE_MAP)
			read_map(r, below, n);
		else
			expected(r, key, "a map", n);
	} else if (n->kind != NODE_LIST) {
		expected(r, key, "a list with one sync", n);
	} else if (n->count != 1) {
		fault_add(r->faults, n->count > 1 ? n->entries[1].at : n->at,
		          "%s: found %zu syncs, this version takes one", key, n->count);
	} else if (n->entries[0].value->kind != NODE_MAP) {
		expected(r, key, "a map", n->entries[0].value);
	} else {
		read_map(r, below, n->entries[0].value);
	}
}

static void unknown_key(struct reader *r, const char *outer, const struct entry *e)
{
	struct near near = { .word = e->key };

	offer_siblings(r->arena, outer, &near);
	if (near.best)
		fault_add(r->faults, e->at, "unknown key \"%s\"; did you mean \"%s\"?", e->key, near.best);
	else
		fault_add(r->faults, e->at, "unknown key \"%s\"", e->key);
}

/* outer is "" or ends with a dot.  A key without a value is as good as not written. */
static void read_map(struct reader *r, const char *outer, const struct node *n)
{
	for (const struct entry *e = n->entries; e < n->entries + n->count; e++) {
		const char *key = arena_printf(r->arena, "%s%s", outer, e->key);
		const struct option *o = strchr(e->key, '.') ? NULL : find_key(key);
		bool known = o || (!strchr(e->key, '.') && is_outer(key));
		if (!known)
			unknown_key(r, outer, e);
		else if (e->value->kind == NODE_NULL)
			continue;
		else if (o)
			set_value(r, o, e->value);
		else
			read_outer(r, key, e->value);
	}
}

void config_parse(struct arena *a, const char *path, const char *bytes, size_t len,
                  struct settings *s, struct faults *faults)
{
	struct reader r = { a, file_folder(a, path), s, faults };
	struct yaml_docs docs;

	if (!yaml_read(a, path, bytes, len, &docs, faults))
		return;
	if (docs.count > 1)
		fault_add(faults, docs.root[1]->at, "a configuration is one document, found %zu", docs.count);
	else if (docs.count == 1 && docs.root[0]->kind == NODE_MAP)
		read_map(&r, "", docs.root[0]);
	else if (docs.count == 1 && docs.root[0]->kind != NODE_NULL)
		fault_add(faults, docs.root[0]->at, "a configuration is a map, found %s",
		          node_kind_words(docs.root[0]->kind));
}

void config_read(struct arena *a, const char *path, struct settings *s, struct faults *faults)
{
	const char *bytes;
	size_t len;
	struct err err;

	if (file_read(a, path, YAML_MAX_BYTES, &bytes, &len, &err))
		config_parse(a, path, bytes, len, s, faults);
	else
		fault_add(faults, (struct pos){ path, 0, 0 }, "%s", err.msg);
}
