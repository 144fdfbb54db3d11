#include "agent/cmd/import_names.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { STEM_MAX = 100 };	/* characters of the workflow's name */

#define PLAIN	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-"

struct stem {
	const char *text;	/* without ".yaml" */
	const struct listed *item;
	size_t index;
	bool with_id;
};

/* Replaces each sequence of other characters by one "-". */
static const char *import_names_safe_stem(struct arena *a, const char *name)
{
	CLEANUP(buf_done) struct buf out = BUF(STEM_MAX);

	for (const char *s = name; *s; ) {
		size_t good = strspn(s, PLAIN);
		for (size_t i = 0; i < good; i++)
			if (out.len || (s[i] != '.' && s[i] != '-'))
				buf_addc(&out, s[i]);
		s += good;
		size_t bad = strcspn(s, PLAIN);
		if (bad && out.len && s[bad])
			buf_addc(&out, '-');
		s += bad;
	}
	return out.len ? arena_strdup(a, buf_str(&out)) : "workflow";
}

static int import_names_compare(const void *a, const void *b)
{
	return strcasecmp(((const struct stem *)a)->text, ((const struct stem *)b)->text);
}

static bool import_names_add_id(struct arena *a, struct stem *s)
{
	if (s->with_id)
		return false;
	s->with_id = true;
	s->text = arena_printf(a, "%s-%lld", s->text, (long long)s->item->id);
	return true;
}

/* Adds IDs to equal names; false if all names differ.  A name with its ID may be equal to the name of another workflow:
 * call again until it returns false. */
static bool import_names_separate(struct arena *a, struct stem *stems, size_t count)
{
	bool changed = false;

	qsort(stems, count, sizeof *stems, import_names_compare);
	for (size_t i = 0, end; i < count; i = end) {
		const char *text = stems[i].text;
		for (end = i + 1; end < count && strcasecmp(stems[end].text, text) == 0; end++)
			changed |= import_names_add_id(a, &stems[end]);
		if (end > i + 1)
			changed |= import_names_add_id(a, &stems[i]);
	}
	return changed;
}

void import_names(struct arena *a, const struct listed *items, size_t count, const char **names)
{
	struct stem *stems = arena_new(a, struct stem, count + 1);

	for (size_t i = 0; i < count; i++)
		stems[i] = (struct stem){ import_names_safe_stem(a, items[i].name), &items[i], i };
	while (count && import_names_separate(a, stems, count))
		;
	for (size_t i = 0; i < count; i++)
		names[stems[i].index] = arena_printf(a, "%s.yaml", stems[i].text);
}
