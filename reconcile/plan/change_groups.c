#include "reconcile/plan/change_groups.h"

#include <stdlib.h>
#include <string.h>

#include "reconcile/schema/digest.h"
#include "reconcile/tree/json.h"

struct grouped_workflow {
	unsigned char digest[DIGEST_SIZE];
	const char *name;
	size_t index;
	bool may;			/* it may be in a group */
	enum group_role role;
	struct change_group group;	/* of the first one */
};

static bool may_be_grouped(const struct node *workflow)
{
	const struct node *changes = node_get(workflow, "changes");
	bool changed = node_is_text(workflow, "action", "patch") || node_is_text(workflow, "action", "replace");

	return changed && changes && changes->count && !node_get_text(workflow, "error");
}

static void add_digested_key(const struct node *map, const char *key, struct buf *out)
{
	const struct node *n = node_get(map, key);

	if (n)
		json_write(n, JSON_COMPACT, out);
	buf_addc(out, '\n');
}

static void digest_changes(const struct node *workflow, unsigned char out[DIGEST_SIZE])
{
	static const char *const of_workflow[] = { "action", "result", "note" };
	static const char *const of_change[] = { "op", "path", "item", "from", "to", "reason" };
	CLEANUP(buf_done) struct buf text = BUF_TEXT;
	const struct node *changes = node_get(workflow, "changes");

	for (size_t i = 0; i < ARRAY_LEN(of_workflow); i++)
		add_digested_key(workflow, of_workflow[i], &text);
	for (size_t i = 0; i < changes->count; i++)
		for (size_t j = 0; j < ARRAY_LEN(of_change); j++)
			add_digested_key(changes->entries[i].value, of_change[j], &text);
	digest_hmac("", 0, buf_str(&text), text.len, out);
}

static bool add_grouped_workflow(void *groups, const struct node *workflow)
{
	struct change_groups *g = groups;
	struct grouped_workflow item = { .index = g->count, .may = may_be_grouped(workflow) };

	if (item.may) {
		item.name = arena_strdup(g->arena, node_get_text(workflow, "name"));
		digest_changes(workflow, item.digest);
	}
	arena_grow(g->arena, g->items, g->count, g->room);
	g->items[g->count++] = item;
	return true;
}

static int by_digest(const void *a, const void *b)
{
	const struct grouped_workflow *x = *(struct grouped_workflow *const *)a;
	const struct grouped_workflow *y = *(struct grouped_workflow *const *)b;
	int order = memcmp(x->digest, y->digest, DIGEST_SIZE);

	return order ? order : (x->index > y->index) - (x->index < y->index);
}

static void make_group(struct arena *a, struct grouped_workflow **members, size_t count)
{
	struct change_group *group = &members[0]->group;

	*group = (struct change_group){ count, arena_new(a, const char *, count) };
	for (size_t i = 0; i < count; i++) {
		members[i]->role = i ? GROUP_OTHER : GROUP_FIRST;
		group->names[i] = members[i]->name;
	}
}

static void form_groups(struct change_groups *g)
{
	struct grouped_workflow **sorted = arena_new(g->arena, struct grouped_workflow *, g->count + 1);
	size_t count = 0;

	for (size_t i = 0; i < g->count; i++)
		if (g->items[i].may)
			sorted[count++] = &g->items[i];
	qsort(sorted, count, sizeof *sorted, by_digest);
	for (size_t i = 0, n; i < count; i += n) {
		n = 1;
		while (i + n < count && memcmp(sorted[i]->digest, sorted[i + n]->digest, DIGEST_SIZE) == 0)
			n++;
		if (n >= GROUP_LEAST)
			make_group(g->arena, sorted + i, n);
	}
}

bool change_groups_find(const struct report_view *view, struct arena *a, struct change_groups *out)
{
	*out = (struct change_groups){ .arena = a };
	/* The changes of all workflows are not read for nothing: a first sync has thousands of creates. */
	if (report_view_count(view, "patch", NULL) + report_view_count(view, "replace", NULL) < GROUP_LEAST)
		return true;
	if (!report_view_each(view, add_grouped_workflow, out))
		return false;
	form_groups(out);
	return true;
}

enum group_role change_groups_role(const struct change_groups *g, size_t index, struct change_group *group)
{
	if (index >= g->count)
		return GROUP_NONE;
	if (g->items[index].role == GROUP_FIRST)
		*group = g->items[index].group;
	return g->items[index].role;
}
