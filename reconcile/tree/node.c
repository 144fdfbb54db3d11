#include "reconcile/tree/node.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reconcile/base/buf.h"

static struct node *node_new(struct arena *a, enum node_kind kind)
{
	struct node *n = arena_new(a, struct node, 1);
	n->kind = kind;
	return n;
}

struct node *node_null(struct arena *a)
{
	return node_new(a, NODE_NULL);
}

struct node *node_bool(struct arena *a, bool value)
{
	struct node *n = node_new(a, NODE_BOOL);
	n->boolean = value;
	return n;
}

struct node *node_int(struct arena *a, int64_t value)
{
	struct node *n = node_new(a, NODE_INT);
	n->integer = value;
	return n;
}

struct node *node_text(struct arena *a, const char *text)
{
	struct node *n = node_new(a, NODE_TEXT);
	n->text = arena_strdup(a, text);
	return n;
}

struct node *node_list(struct arena *a)
{
	return node_new(a, NODE_LIST);
}

struct node *node_map(struct arena *a)
{
	return node_new(a, NODE_MAP);
}

/* Entries of a list or a map that grows: most stay small. */
enum { LEAST_ROOM = 4 };

/* A map of up to this many keys is searched one by one. */
enum { FEW = 32 };

/* A hash table over the keys of a large map: 100,000 keys fit in one file, and searching them one by one would take
 * quadratic time.  It is valid only for the map and the count that it was made for; any other map is searched one by
 * one. */
struct node_index {
	const struct node *map;
	size_t count, mask;
	uint32_t *slots;	/* 1 + the place in entries; 0 is free */
};

static size_t hash_key(const char *key)
{
	uint64_t h = 14695981039346656037U;	/* FNV-1a */

	for (; *key; key++)
		h = (h ^ (unsigned char)*key) * 1099511628211U;
	return h ^ h >> 32;
}

/* The slot of key, or the free one where it belongs. */
static uint32_t *find_slot(const struct node_index *index, const char *key)
{
	assert(key);
	size_t i = hash_key(key) & index->mask;

	while (index->slots[i] && strcmp(index->map->entries[index->slots[i] - 1].key, key) != 0)
		i = (i + 1) & index->mask;
	return &index->slots[i];
}

static bool has_index(const struct node *map, size_t count)
{
	return map->index && map->index->map == map && map->index->count == count;
}

void node_index(struct arena *a, struct node *map)
{
	size_t slots = 4 * FEW;

	map->index = NULL;
	if (map->count <= FEW)
		return;
	assert(map->entries);
	while (slots < 4 * map->count)
		slots *= 2;
	map->index = arena_new(a, struct node_index, 1);
	*map->index = (struct node_index){ map, map->count, slots - 1, arena_new(a, uint32_t, slots) };
	for (size_t i = 0; i < map->count; i++)
		*find_slot(map->index, map->entries[i].key) = (uint32_t)i + 1;
}

/* Adds the newest entry to the index. */
static void index_last(struct arena *a, struct node *map)
{
	if (!has_index(map, map->count - 1) || map->index->mask < 2 * map->count) {
		node_index(a, map);
		return;
	}
	*find_slot(map->index, map->entries[map->count - 1].key) = (uint32_t)map->count;
	map->index->count = map->count;
}

static struct node *append_entry(struct arena *a, struct node *n, const char *key, struct node *value)
{
	if (n->count >= n->room) {
		size_t room = n->count ? 2 * n->count : LEAST_ROOM;
		struct entry *more = arena_new(a, struct entry, room);
		if (n->count)
			memcpy(more, n->entries, n->count * sizeof *more);
		n->entries = more;
		n->room = (uint32_t)room;
	}
	n->entries[n->count++] = (struct entry){ key, value->at, value };
	if (key && n->count > FEW)
		index_last(a, n);
	return value;
}

struct node *node_add(struct arena *a, struct node *list, struct node *value)
{
	assert(list->kind == NODE_LIST);
	return append_entry(a, list, NULL, value);
}

static struct entry *find_entry(const struct node *map, const char *key)
{
	if (!map || map->kind != NODE_MAP)
		return NULL;
	if (has_index(map, map->count)) {
		uint32_t place = *find_slot(map->index, key);
		return place ? &map->entries[place - 1] : NULL;
	}
	for (size_t i = 0; i < map->count; i++)
		if (*map->entries[i].key == *key && strcmp(map->entries[i].key, key) == 0)
			return &map->entries[i];
	return NULL;
}

struct node *node_put(struct arena *a, struct node *map, const char *key, struct node *value)
{
	assert(map->kind == NODE_MAP);
	struct entry *entry = find_entry(map, key);
	if (!entry)
		return append_entry(a, map, arena_strdup(a, key), value);
	entry->value = value;
	entry->at = value->at;
	return value;
}

void node_drop(struct node *map, const char *key)
{
	struct entry *entry = find_entry(map, key);

	if (!entry)
		return;
	size_t after = map->entries + map->count - (entry + 1);
	memmove(entry, entry + 1, after * sizeof *entry);
	map->count--;
	map->index = NULL;
}

struct node *node_get(const struct node *map, const char *key)
{
	const struct entry *entry = find_entry(map, key);
	return entry ? entry->value : NULL;
}

const char *node_get_text(const struct node *map, const char *key)
{
	const struct node *n = node_get(map, key);
	return n && n->kind == NODE_TEXT ? n->text : NULL;
}

bool node_is_text(const struct node *map, const char *key, const char *text)
{
	const char *found = node_get_text(map, key);

	return found && strcmp(found, text) == 0;
}

int64_t node_get_int(const struct node *map, const char *key, int64_t otherwise)
{
	const struct node *n = node_get(map, key);
	return n && n->kind == NODE_INT ? n->integer : otherwise;
}

bool node_empty(const struct node *n)
{
	if (!n)
		return true;
	switch (n->kind) {
	case NODE_NULL: return true;
	case NODE_TEXT: return !*n->text;
	case NODE_LIST:
	case NODE_MAP:  return n->count == 0;
	default:        return false;
	}
}

struct node *node_copy(struct arena *a, const struct node *n)
{
	struct node *copy = arena_new(a, struct node, 1);

	*copy = *n;
	if (n->kind < NODE_LIST) {
		copy->text = arena_strdup_or_null(a, n->text);
		return copy;
	}
	copy->room = (uint32_t)n->count;
	copy->entries = n->count ? arena_new(a, struct entry, n->count) : NULL;
	for (size_t i = 0; i < n->count; i++) {
		const struct entry *from = &n->entries[i];
		copy->entries[i] = (struct entry){
			.key = arena_strdup_or_null(a, from->key),
			.at = from->at,
			.value = node_copy(a, from->value),
		};
	}
	if (n->kind == NODE_MAP)
		node_index(a, copy);
	return copy;
}

static int node_entries_by_key(const void *a, const void *b)
{
	return strcmp(((const struct entry *)a)->key, ((const struct entry *)b)->key);
}

static bool is_sorted(const struct node *map)
{
	for (size_t i = 1; i < map->count; i++)
		if (node_entries_by_key(&map->entries[i - 1], &map->entries[i]) > 0)
			return false;
	return true;
}

/* Up to this many entries are sorted on the stack. */
enum { STACKED = 16 };

/* The entries of map, sorted by key: those of map itself if they are sorted, else a copy, in `few` if it fits there
 * and in *heap otherwise. */
static const struct entry *entries_by_key(const struct node *map, struct entry few[STACKED], void **heap)
{
	struct entry *copy = few;

	if (is_sorted(map))
		return map->entries;
	if (map->count > STACKED) {
		copy = *heap = malloc(map->count * sizeof *copy);
		if (!copy) {
			fputs("out of memory\n", stderr);
			abort();
		}
	}
	memcpy(copy, map->entries, map->count * sizeof *copy);
	qsort(copy, map->count, sizeof *copy, node_entries_by_key);
	return copy;
}

static void free_sorted_copy(void **heap)
{
	free(*heap);
}

static int order_maps(const struct node *a, const struct node *b)
{
	struct entry few_a[STACKED], few_b[STACKED];
	CLEANUP(free_sorted_copy) void *heap_a = NULL;
	CLEANUP(free_sorted_copy) void *heap_b = NULL;
	const struct entry *x = entries_by_key(a, few_a, &heap_a);
	const struct entry *y = entries_by_key(b, few_b, &heap_b);

	for (size_t i = 0; i < a->count; i++) {
		int order = strcmp(x[i].key, y[i].key);
		if (order == 0)
			order = node_order(x[i].value, y[i].value);
		if (order)
			return order;
	}
	return 0;
}

static int order_lists(const struct node *a, const struct node *b)
{
	for (size_t i = 0; i < a->count; i++) {
		int order = node_order(a->entries[i].value, b->entries[i].value);
		if (order)
			return order;
	}
	return 0;
}

#define ORDER(x, y)	(((x) > (y)) - ((x) < (y)))

/* Not a number equals itself here, else a tree that holds one would not equal its own copy. */
static int order_reals(double a, double b)
{
	if (a != a || b != b)
		return (a == a) - (b == b);
	return ORDER(a, b);
}

int node_order(const struct node *a, const struct node *b)
{
	if (a->kind != b->kind)
		return ORDER(a->kind, b->kind);
	if (a->count != b->count)
		return ORDER(a->count, b->count);
	switch (a->kind) {
	case NODE_NULL: return 0;
	case NODE_BOOL: return ORDER(a->boolean, b->boolean);
	case NODE_INT:  return ORDER(a->integer, b->integer);
	case NODE_REAL: return order_reals(a->real, b->real);
	case NODE_TEXT:
	case NODE_RAW:  return strcmp(a->text, b->text);
	case NODE_LIST: return order_lists(a, b);
	case NODE_MAP:  return order_maps(a, b);
	}
	return 0;
}

bool node_equal(const struct node *a, const struct node *b)
{
	return a == b || node_order(a, b) == 0;
}

void node_sort_keys(struct node *n)
{
	if (n->kind == NODE_MAP && !is_sorted(n)) {
		qsort(n->entries, n->count, sizeof *n->entries, node_entries_by_key);
		n->index = NULL;
	}
	for (size_t i = 0; i < n->count; i++)
		node_sort_keys(n->entries[i].value);
}

bool node_keys_are_sorted(const struct node *n)
{
	if (n->kind == NODE_MAP && !is_sorted(n))
		return false;
	for (size_t i = 0; i < n->count; i++)
		if (!node_keys_are_sorted(n->entries[i].value))
			return false;
	return true;
}

static const char *real_text(struct arena *a, double real)
{
	CLEANUP(buf_done) struct buf text = BUF_TEXT;

	buf_add_real(&text, real);
	return arena_strdup(a, buf_str(&text));
}

const char *node_scalar_text(struct arena *a, const struct node *n)
{
	switch (n->kind) {
	case NODE_BOOL: return n->boolean ? "true" : "false";
	case NODE_INT:  return arena_printf(a, "%lld", (long long)n->integer);
	case NODE_REAL: return n->text ? n->text : real_text(a, n->real);
	case NODE_TEXT: return n->text;
	default:        return NULL;
	}
}

const char *node_kind_words(enum node_kind kind)
{
	static const char *const words[] = {
		[NODE_NULL] = "nothing",
		[NODE_BOOL] = "yes or no",
		[NODE_INT] = "a number",
		[NODE_REAL] = "a number with a fraction",
		[NODE_TEXT] = "a text",
		[NODE_RAW] = "a value that cannot be read",
		[NODE_LIST] = "a list",
		[NODE_MAP] = "a mapping",
	};
	return words[kind];
}

/* True if token, the part of a pointer up to the next "/", stands for key. */
static bool token_is_key(const char *token, const char *key)
{
	for (; *token && *token != '/'; token++, key++) {
		char c = *token;
		if (c == '~' && (token[1] == '0' || token[1] == '1'))
			c = *++token == '0' ? '~' : '/';
		if (c != *key)
			return false;
	}
	return !*key;
}

/* The index that token spells: digits without a leading zero; count if there is no such item. */
static size_t token_index(const char *token, size_t count)
{
	size_t index = 0, digits = 0;

	for (; token[digits] && token[digits] != '/'; digits++) {
		char c = token[digits];
		if (c < '0' || c > '9' || (digits > 0 && index == 0))
			return count;
		index = index * 10 + (c - '0');
		if (index >= count)
			return count;
	}
	return digits ? index : count;
}

static struct node *child_of_token(const struct node *n, const char *token)
{
	if (n->kind == NODE_LIST) {
		size_t i = token_index(token, n->count);
		return i < n->count ? n->entries[i].value : NULL;
	}
	for (size_t i = 0; n->kind == NODE_MAP && i < n->count; i++)
		if (token_is_key(token, n->entries[i].key))
			return n->entries[i].value;
	return NULL;
}

struct node *node_at(const struct node *n, const char *pointer)
{
	while (n && *pointer == '/') {
		n = child_of_token(n, pointer + 1);
		pointer += 1 + strcspn(pointer + 1, "/");
	}
	return *pointer ? NULL : (struct node *)n;
}

const char *pointer_add(struct arena *a, const char *pointer, const char *key)
{
	size_t len = strlen(pointer);
	char *text = arena_alloc(a, len + 2 * strlen(key) + 2, 1, 1), *to = text + len;

	memcpy(text, pointer, len);
	*to++ = '/';
	for (; *key; key++) {
		bool escape = *key == '~' || *key == '/';
		if (escape)
			*to++ = '~';
		*to++ = !escape ? *key : *key == '~' ? '0' : '1';
	}
	return text;
}

const char *pointer_add_index(struct arena *a, const char *pointer, size_t index)
{
	return arena_printf(a, "%s/%zu", pointer, index);
}
