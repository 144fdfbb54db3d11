#include "reconcile/plan/line_diff.h"

#include <stdint.h>
#include <string.h>

/* Pairs of lines that are compared at most; of longer texts all between the first and the last difference is shown as
 * one change. */
enum { LINE_DIFF_CELLS = 1 << 20 };

struct line_walk {
	struct arena *arena;
	struct text_lines old, new;
	size_t begin, old_end, new_end;	/* outside of these the lines are equal */
	uint32_t *common;		/* by line of both: the most lines that can stay from there on; NULL: too many */
	struct line_change *all;	/* with all that stays */
	size_t count;
};

struct text_lines line_diff_split(struct arena *a, const char *text)
{
	struct text_lines out = { 0 };
	size_t most = 1;

	for (const char *s = text; *s; s++)
		most += *s == '\n';
	out.items = arena_new(a, struct text_line, most);
	for (size_t len; *text; text += len) {
		len = strcspn(text, "\n");
		bool open = !text[len];
		out.items[out.count++] = (struct text_line){ arena_strndup(a, text, len), open };
		len += !open;
	}
	return out;
}

static bool lines_equal(const struct line_walk *w, size_t i, size_t j)
{
	const struct text_line *x = &w->old.items[i], *y = &w->new.items[j];

	return x->open == y->open && strcmp(x->text, y->text) == 0;
}

static void find_differing_lines(struct line_walk *w)
{
	w->old_end = w->old.count;
	w->new_end = w->new.count;
	while (w->begin < w->old_end && w->begin < w->new_end && lines_equal(w, w->begin, w->begin))
		w->begin++;
	while (w->old_end > w->begin && w->new_end > w->begin && lines_equal(w, w->old_end - 1, w->new_end - 1)) {
		w->old_end--;
		w->new_end--;
	}
}

static uint32_t *common_from(const struct line_walk *w, size_t i, size_t j)
{
	return &w->common[(i - w->begin) * (w->new_end - w->begin + 1) + (j - w->begin)];
}

static void count_common_lines(struct line_walk *w)
{
	size_t rows = w->old_end - w->begin + 1, columns = w->new_end - w->begin + 1;

	if (rows > LINE_DIFF_CELLS / columns)
		return;
	w->common = arena_new(w->arena, uint32_t, rows * columns);
	for (size_t i = w->old_end; i-- > w->begin; ) {
		for (size_t j = w->new_end; j-- > w->begin; ) {
			uint32_t below = *common_from(w, i + 1, j), right = *common_from(w, i, j + 1);
			*common_from(w, i, j) = lines_equal(w, i, j) ? *common_from(w, i + 1, j + 1) + 1
			                                             : below > right ? below : right;
		}
	}
}

static void add_line_change(struct line_walk *w, enum line_sign sign, const struct text_line *line)
{
	w->all[w->count++] = (struct line_change){ .sign = sign, .line = line };
}

/* Adds the lines between two that stay: first those that go. */
static void add_changed_lines(struct line_walk *w, size_t i, size_t i_end, size_t j, size_t j_end)
{
	size_t gone = i_end - i, come = j_end - j;

	for (size_t n = 0; n < gone; n++) {
		add_line_change(w, LINE_GOES, &w->old.items[i + n]);
		w->all[w->count - 1].other = n < come ? &w->new.items[j + n] : NULL;
	}
	for (size_t n = 0; n < come; n++) {
		add_line_change(w, LINE_COMES, &w->new.items[j + n]);
		w->all[w->count - 1].other = n < gone ? &w->old.items[i + n] : NULL;
	}
}

/* True if the lines i and j stay. */
static bool lines_stay(const struct line_walk *w, size_t i, size_t j)
{
	return w->common && i < w->old_end && j < w->new_end && lines_equal(w, i, j);
}

static void add_all_lines(struct line_walk *w)
{
	size_t i = w->begin, j = w->begin, from_i = i, from_j = j;

	for (size_t n = 0; n < w->begin; n++)
		add_line_change(w, LINE_STAYS, &w->old.items[n]);
	while (i < w->old_end || j < w->new_end) {
		if (lines_stay(w, i, j)) {
			add_changed_lines(w, from_i, i, from_j, j);
			add_line_change(w, LINE_STAYS, &w->old.items[i]);
			from_i = ++i;
			from_j = ++j;
		} else if (i < w->old_end &&
		           (!w->common || j == w->new_end || *common_from(w, i + 1, j) >= *common_from(w, i, j + 1))) {
			i++;
		} else {
			j++;
		}
	}
	add_changed_lines(w, from_i, i, from_j, j);
	for (size_t n = w->old_end; n < w->old.count; n++)
		add_line_change(w, LINE_STAYS, &w->old.items[n]);
}

static bool is_context(const struct line_walk *w, size_t at)
{
	size_t first = at < LINE_DIFF_CONTEXT ? 0 : at - LINE_DIFF_CONTEXT;

	for (size_t i = first; i < w->count && i <= at + LINE_DIFF_CONTEXT; i++)
		if (w->all[i].sign != LINE_STAYS)
			return true;
	return false;
}

struct line_diff line_diff(struct arena *a, const char *old, const char *new)
{
	struct line_walk w = { .arena = a, .old = line_diff_split(a, old), .new = line_diff_split(a, new) };
	struct line_diff out = { 0 };

	w.all = arena_new(a, struct line_change, w.old.count + w.new.count);
	find_differing_lines(&w);
	count_common_lines(&w);
	add_all_lines(&w);
	out.items = arena_new(a, struct line_change, w.count);
	for (size_t i = 0; i < w.count; i++) {
		struct line_change *last = out.count ? &out.items[out.count - 1] : NULL;
		if (is_context(&w, i))
			out.items[out.count++] = w.all[i];
		else if (last && last->sign == LINE_SKIPPED)
			last->skipped++;
		else
			out.items[out.count++] = (struct line_change){ .sign = LINE_SKIPPED, .skipped = 1 };
	}
	return out;
}
