#include "agent/job.h"

#include "reconcile/json.h"

/* The texts of a job, each under its member's name. */
#define TEXT(member)	{ #member, offsetof(struct job, member) }

static const struct { const char *key; size_t offset; } texts[] = {
	TEXT(config_path), TEXT(config_text), TEXT(sync), TEXT(trigger), TEXT(endpoint), TEXT(token),
	TEXT(commit), TEXT(tree), TEXT(ref), TEXT(source_error),
};

static const struct { const char *key; size_t offset; } lists[] = { TEXT(names), TEXT(warnings) };

void job_write(const struct job *job, struct buf *out)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	struct node *document = node_map(&a);

	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		const char *text = *(const char *const *)((const char *)job + texts[i].offset);
		if (text)
			node_put(&a, document, texts[i].key, node_text(&a, text));
	}
	for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
		struct node *list = texts_list(&a, (const void *)((const char *)job + lists[i].offset));
		if (list)
			node_put(&a, document, lists[i].key, list);
	}
	json_write(document, JSON_COMPACT, out);
}

static void read_list(struct arena *a, const struct node *list, struct texts *out)
{
	for (size_t i = 0; list && i < list->count; i++) {
		arena_grow(a, out->items, out->count, out->room);
		out->items[out->count++] = list->entries[i].value->text;
	}
}

bool job_read(struct arena *a, const char *bytes, size_t len, struct job *out, struct err *err)
{
	struct job job = { .hurry_fd = -1 };
	struct node *document;

	if (!json_read(a, bytes, len, &document, err))
		return err_wrap(err, "the job on stdin");
	if (document->kind != NODE_MAP)
		return err_set(err, "the job on stdin: expected an object, found %s", node_kind_words(document->kind));
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		*(const char **)((char *)&job + texts[i].offset) = node_get_text(document, texts[i].key);
	for (size_t i = 0; i < ARRAY_LEN(lists); i++)
		read_list(a, node_get(document, lists[i].key), (void *)((char *)&job + lists[i].offset));
	*out = job;
	return true;
}
