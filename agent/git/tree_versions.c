#include "agent/git/tree_versions.h"

#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

/* One entry of a tree: "MODE NAME", a NUL, and the id. */
struct raw_entry {
	const char *bytes, *name, *end;	/* end: of the id; the id stands before it */
	size_t name_len;
	unsigned mode;
};

/* False at the end, and if what comes is no entry: then *damaged is set. */
static bool read_entry(const char *at, const char *end, struct raw_entry *out, bool *damaged)
{
	struct raw_entry e = { .bytes = at };

	if (at == end)
		return false;
	*damaged = true;
	for (; at < end && *at >= '0' && *at <= '7'; at++)
		e.mode = e.mode << 3 | (unsigned)(*at - '0');
	if (at == end || *at != ' ')
		return false;
	e.name = at + 1;
	const char *nul = memchr(e.name, '\0', (size_t)(end - e.name));
	if (!nul || end - nul <= GIT_OID_RAWSZ)
		return false;
	e.name_len = (size_t)(nul - e.name);
	e.end = nul + 1 + GIT_OID_RAWSZ;
	*out = e;
	*damaged = false;
	return true;
}

/* Folders are sorted as if a slash followed their names. */
static int compare_entries(const struct raw_entry *a, const struct raw_entry *b)
{
	size_t least = a->name_len < b->name_len ? a->name_len : b->name_len;
	int order = memcmp(a->name, b->name, least);

	if (order != 0)
		return order;
	unsigned char x = a->name_len > least ? (unsigned char)a->name[least] : S_ISDIR(a->mode) ? '/' : '\0';
	unsigned char y = b->name_len > least ? (unsigned char)b->name[least] : S_ISDIR(b->mode) ? '/' : '\0';
	return (int)x - (int)y;
}

static bool is_same_entry(const struct raw_entry *a, const struct raw_entry *b)
{
	size_t len = (size_t)(a->end - a->bytes);

	return len == (size_t)(b->end - b->bytes) && memcmp(a->bytes, b->bytes, len) == 0;
}

/* ---- names ---- */

static uint64_t hash_name(const char *name, size_t len)
{
	uint64_t hash = 14695981039346656037u;	/* FNV-1a */

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ (unsigned char)name[i]) * 1099511628211u;
	return hash;
}

static struct name_versions **name_slot(const struct tree_versions *v, const char *name, size_t len)
{
	size_t at = (size_t)hash_name(name, len);
	struct name_versions **slot;

	while (*(slot = &v->slots[at & (v->room - 1)]) &&
	       ((*slot)->len != len || memcmp((*slot)->name, name, len) != 0))
		at++;
	return slot;
}

static void names_enlarge(struct tree_versions *v)
{
	struct tree_versions more = { .room = v->room ? v->room * 2 : 64 };

	more.slots = arena_new(v->arena, struct name_versions *, more.room);
	for (size_t i = 0; i < v->room; i++)
		if (v->slots[i])
			*name_slot(&more, v->slots[i]->name, v->slots[i]->len) = v->slots[i];
	v->slots = more.slots;
	v->room = more.room;
}

static struct name_versions *get_name(struct tree_versions *v, const char *name, size_t len)
{
	if (v->count * 2 >= v->room)
		names_enlarge(v);
	struct name_versions **slot = name_slot(v, name, len);
	if (*slot)
		return *slot;
	*slot = arena_new(v->arena, struct name_versions, 1);
	**slot = (struct name_versions){ .name = arena_strndup(v->arena, name, len), .len = len };
	v->count++;
	return *slot;
}

const struct name_versions *tree_versions_find(const struct tree_versions *v, const char *name)
{
	return v->count ? *name_slot(v, name, strlen(name)) : NULL;
}

/* ---- trees ---- */

static void keep_version(struct tree_versions *v, struct version_list *list, const git_oid *id)
{
	arena_grow(v->arena, list->ids, list->count, list->room);
	list->ids[list->count++] = *id;
	v->kept++;
}

static bool has_version(const struct version_list *list, const git_oid *id)
{
	for (size_t i = 0; i < list->count; i++)
		if (git_oid_equal(&list->ids[i], id))
			return true;
	return false;
}

static void keep_tree_entry(struct tree_versions *v, const struct raw_entry *e)
{
	git_oid id;

	if ((!S_ISREG(e->mode) && !S_ISDIR(e->mode)) ||
	    (v->only && (strlen(v->only) != e->name_len || memcmp(v->only, e->name, e->name_len) != 0)))
		return;
	struct name_versions *n = get_name(v, e->name, e->name_len);
	memcpy(id.id, e->end - GIT_OID_RAWSZ, GIT_OID_RAWSZ);
	if (S_ISDIR(e->mode)) {
		if (n->folders.count == 0 || !git_oid_equal(&n->folders.ids[n->folders.count - 1], &id))
			keep_version(v, &n->folders, &id);
	} else if (n->files.count < v->most && !has_version(&n->files, &id)) {
		keep_version(v, &n->files, &id);
	}
}

static const char *tree_end(git_odb_object *tree)
{
	return (const char *)git_odb_object_data(tree) + git_odb_object_size(tree);
}

/* Most entries are those of the tree before, and known. */
bool tree_versions_add(struct tree_versions *v, git_odb_object *tree)
{
	const char *at = git_odb_object_data(tree), *end = tree_end(tree);
	const char *old = v->last ? git_odb_object_data(v->last) : "", *old_end = v->last ? tree_end(v->last) : old;
	struct raw_entry e, known;
	bool damaged = false, none;

	for (; read_entry(at, end, &e, &damaged); at = e.end) {
		int order = 1;
		while (read_entry(old, old_end, &known, &none) && (order = compare_entries(&known, &e)) < 0)
			old = known.end;
		if (order != 0 || !is_same_entry(&known, &e))
			keep_tree_entry(v, &e);
	}
	git_odb_object_free(v->last);
	v->last = tree;
	return !damaged;
}

void tree_versions_done(struct tree_versions *v)
{
	git_odb_object_free(v->last);
	v->last = NULL;
}
