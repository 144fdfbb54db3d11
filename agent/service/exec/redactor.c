#include "agent/service/exec/redactor.h"

#include <stdlib.h>
#include <string.h>

#include "agent/service/exec/secret_forms.h"

/* Secrets while they are collected. */
struct redactor_list {
	struct arena *arena;
	struct redactor_text *items;
	size_t count, room;
};

static int redactor_order(const void *a, const void *b)
{
	const struct redactor_text *x = a, *y = b;
	int first = (unsigned char)*x->text - (unsigned char)*y->text;

	if (first)
		return first;
	return x->len != y->len ? (x->len < y->len ? 1 : -1) : memcmp(x->text, y->text, x->len);
}

static void redactor_add_lines(struct redactor_list *list, const char *text, size_t least)
{
	for (const char *end; *text; text = *end ? end + 1 : end) {
		end = text + strcspn(text, "\n");
		size_t len = (size_t)(end - text) - (end > text && end[-1] == '\r');
		if (len < least)
			continue;
		arena_grow(list->arena, list->items, list->count, list->room);
		list->items[list->count++] = (struct redactor_text){ text, len };
	}
}

static void redactor_add_form(void *list, const char *form)
{
	redactor_add_lines(list, form, REDACTOR_ENCODED_MIN);
}

static void redactor_drop_equal(struct redactor_list *list)
{
	size_t kept = 0;

	for (size_t i = 0; i < list->count; i++)
		if (!kept || redactor_order(&list->items[kept - 1], &list->items[i]) != 0)
			list->items[kept++] = list->items[i];
	list->count = kept;
}

void redactor_init(struct arena *a, const char *const *texts, struct redactor *out)
{
	struct redactor_list list = { .arena = a };

	for (; texts && *texts; texts++) {
		redactor_add_lines(&list, *texts, REDACTOR_MIN);
		if (strlen(*texts) >= REDACTOR_ENCODED_MIN)
			secret_forms_each(a, *texts, redactor_add_form, &list);
	}
	if (list.count > 1)
		qsort(list.items, list.count, sizeof *list.items, redactor_order);
	redactor_drop_equal(&list);
	*out = (struct redactor){ .items = list.items, .count = list.count };
	for (size_t i = 0; i < list.count; i++) {
		out->longest = list.items[i].len > out->longest ? list.items[i].len : out->longest;
		out->from[(unsigned char)*list.items[i].text + 1] = i + 1;
	}
	for (size_t c = 1; c < ARRAY_LEN(out->from); c++)
		if (out->from[c] < out->from[c - 1])
			out->from[c] = out->from[c - 1];
}

size_t redactor_at(const struct redactor *s, const char *bytes, size_t len)
{
	size_t c = len ? (unsigned char)*bytes : 0;

	for (size_t i = s->from[c]; len && i < s->from[c + 1]; i++)
		if (s->items[i].len <= len && memcmp(s->items[i].text, bytes, s->items[i].len) == 0)
			return s->items[i].len;
	return 0;
}

bool redactor_finds(const struct redactor *s, const char *bytes, size_t len)
{
	for (; len > 0; bytes++, len--)
		if (redactor_at(s, bytes, len))
			return true;
	return false;
}

static bool redactor_is_prefix(const struct redactor *s, const char *bytes, size_t len)
{
	size_t c = (unsigned char)*bytes;

	for (size_t i = s->from[c]; i < s->from[c + 1] && s->items[i].len > len; i++)
		if (memcmp(s->items[i].text, bytes, len) == 0)
			return true;
	return false;
}

size_t redactor_held(const struct redactor *s, const char *bytes, size_t len)
{
	size_t most = s->longest < len ? s->longest : len;

	for (; most > 0; most--)
		if (redactor_is_prefix(s, bytes + len - most, most))
			return most;
	return 0;
}
