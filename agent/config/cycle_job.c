#include "agent/config/cycle_job.h"

#include "reconcile/tree/json.h"

/* The texts of a job, each under its member's name. */
#define TEXT(member)	{ #member, offsetof(struct cycle_job, member) }

static const struct { const char *key; size_t offset; } texts[] = {
	TEXT(config_path), TEXT(config_text), TEXT(sync), TEXT(trigger), TEXT(endpoint), TEXT(token),
	TEXT(commit), TEXT(tree), TEXT(ref), TEXT(source_error),
};

static const struct { const char *key; size_t offset; } lists[] = { TEXT(names), TEXT(warnings), TEXT(logged) };

void cycle_job_write(const struct cycle_job *job, struct buf *out)
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

static bool cycle_job_read_list(struct arena *a, const struct node *list, struct texts *out)
{
	if (list && list->kind != NODE_LIST)
		return false;
	for (size_t i = 0; list && i < list->count; i++) {
		if (list->entries[i].value->kind != NODE_TEXT)
			return false;
		arena_grow(a, out->items, out->count, out->room);
		out->items[out->count++] = list->entries[i].value->text;
	}
	return true;
}

static bool cycle_job_read_document(struct arena *a, const struct node *document, struct cycle_job *out,
                                    struct err *err)
{
	if (document->kind != NODE_MAP)
		return err_set(err, "expected an object, found %s", node_kind_words(document->kind));
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		*(const char **)((char *)out + texts[i].offset) = node_get_text(document, texts[i].key);
	for (size_t i = 0; i < ARRAY_LEN(lists); i++)
		if (!cycle_job_read_list(a, node_get(document, lists[i].key), (void *)((char *)out + lists[i].offset)))
			return err_set(err, "%s: expected a list of texts", lists[i].key);
	if (!out->sync || !out->trigger)
		return err_set(err, "it names no sync, or no trigger");
	if (out->commit && (!out->tree || !out->ref))
		return err_set(err, "a commit without its tree or its ref");
	return true;
}

bool cycle_job_read(struct arena *a, const char *bytes, size_t len, struct cycle_job *out, struct err *err)
{
	struct cycle_job job = { .hurry_fd = -1 };
	struct node *document;

	if (!json_read(a, bytes, len, &document, err) || !cycle_job_read_document(a, document, &job, err))
		return err_wrap(err, "the job on stdin");
	*out = job;
	return true;
}
