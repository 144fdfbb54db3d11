#include "agent/service/exec/redactor.h"

#include <stdlib.h>
#include <string.h>

static int redactor_compare_lengths(const void *a, const void *b)
{
	size_t one = ((const struct redactor_text *)a)->len, other = ((const struct redactor_text *)b)->len;

	return one < other ? 1 : one > other ? -1 : 0;
}

static void redactor_add_lines(struct arena *a, const char *text, struct redactor *s, size_t *room)
{
	for (const char *end; *text; text = *end ? end + 1 : end) {
		end = text + strcspn(text, "\n");
		size_t len = (size_t)(end - text) - (end > text && end[-1] == '\r');
		if (len < REDACTOR_MIN)
			continue;
		arena_grow(a, s->items, s->count, *room);
		s->items[s->count++] = (struct redactor_text){ text, len };
		s->first[(unsigned char)*text] = true;
	}
}

void redactor_init(struct arena *a, const char *const *texts, struct redactor *out)
{
	struct redactor s = { 0 };
	size_t room = 0;

	for (; texts && *texts; texts++)
		redactor_add_lines(a, *texts, &s, &room);
	if (s.count > 1)
		qsort(s.items, s.count, sizeof *s.items, redactor_compare_lengths);
	s.longest = s.count ? s.items[0].len : 0;
	*out = s;
}

size_t redactor_at(const struct redactor *s, const char *bytes, size_t len)
{
	if (len == 0 || !s->first[(unsigned char)*bytes])
		return 0;
	for (size_t i = 0; i < s->count; i++)
		if (s->items[i].len <= len && memcmp(s->items[i].text, bytes, s->items[i].len) == 0)
			return s->items[i].len;
	return 0;
}

static bool redactor_is_prefix(const struct redactor *s, const char *bytes, size_t len)
{
	if (!s->first[(unsigned char)*bytes])
		return false;
	for (size_t i = 0; i < s->count && s->items[i].len > len; i++)
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
