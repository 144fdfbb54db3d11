#include "reconcile/plan/render_workflow.h"

#include <string.h>

#include "reconcile/plan/render_value.h"

/* The key between two slashes of a JSON Pointer. */
static const char *key_of_pointer(struct arena *a, const char *pointer, size_t len)
{
	char *key = arena_strndup(a, pointer, len), *to = key;

	for (const char *s = key; *s; s++) {
		bool escaped = *s == '~' && (s[1] == '0' || s[1] == '1');
		*to++ = !escaped ? *s : s[1] == '0' ? '~' : '/';
		s += escaped;
	}
	*to = '\0';
	return key;
}

/* Puts a value where a pointer says, into maps that are made on the way. */
static void put_at_pointer(struct arena *a, struct node *map, const char *pointer, const struct node *value)
{
	while (*pointer == '/') {
		size_t len = strcspn(++pointer, "/");
		const char *key = key_of_pointer(a, pointer, len);
		struct node *inside = node_get(map, key);
		pointer += len;
		if (!*pointer) {
			node_put(a, map, key, node_copy(a, value));
			return;
		}
		map = inside && inside->kind == NODE_MAP ? inside : node_put(a, map, key, node_map(a));
	}
}

/* A workflow of additions (or removals) only is put together again. */
static void write_whole_workflow(struct line_writer *w, struct arena *a, const struct node *changes, char sign)
{
	struct node *body = node_map(a);

	for (size_t i = 0; i < changes->count; i++) {
		const struct node *c = changes->entries[i].value;
		const char *path = node_get_text(c, "path");
		const struct node *value = node_get(c, sign == '+' ? "to" : "from");
		put_at_pointer(a, body, path, value ? value : node_null(a));
	}
	render_yaml(w, sign, 0, body);
}

/* True if the changes are the workflow: it is made or deleted. */
static bool is_whole_workflow(const struct node *workflow, const struct node *changes)
{
	const char *action = node_get_text(workflow, "action");
	const char *op = strcmp(action, "create") == 0 ? "add" : strcmp(action, "delete") == 0 ? "remove" : NULL;

	for (size_t i = 0; op && i < changes->count; i++)
		if (!node_is_text(changes->entries[i].value, "op", op))
			return false;
	return op && changes->count;
}

static void render_changes(struct line_writer *w, const struct node *workflow, const struct change_style *style)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	const struct node *changes = node_get(workflow, "changes");

	if (!changes)
		return;
	if (is_whole_workflow(workflow, changes)) {
		write_whole_workflow(w, &a, changes, change_sign(node_get_text(workflow, "action")));
		return;
	}
	for (size_t i = 0; i < changes->count; i++)
		render_change(w, changes->entries[i].value, style);
}

static void write_remark(struct line_writer *w, enum tint tint, const char *text)
{
	if (!text)
		return;
	line_begin_remark(w);
	line_add(w, tint, text);
	line_end(w);
}

void render_body(struct line_writer *w, const struct node *workflow, const struct change_style *style)
{
	render_changes(w, workflow, style);
	write_remark(w, PLAIN, node_get_text(workflow, "note"));
	write_remark(w, RED, node_get_text(workflow, "error"));
}
