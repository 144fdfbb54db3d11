#include "reconcile/base/suggest.h"

#include <ctype.h>
#include <string.h>

enum { WORD_MAX = 63 };

static size_t smaller_size(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Edits between two words, two swapped letters being one; capitals do not count. */
static size_t edit_distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
	size_t rows[3][WORD_MAX + 1];
	size_t *before = rows[0], *last = rows[1], *row = rows[2];

	for (size_t j = 0; j <= b_len; j++)
		last[j] = j;
	for (size_t i = 1; i <= a_len; i++) {
		row[0] = i;
		for (size_t j = 1; j <= b_len; j++) {
			int x = tolower((unsigned char)a[i - 1]), y = tolower((unsigned char)b[j - 1]);
			row[j] = smaller_size(smaller_size(last[j], row[j - 1]) + 1, last[j - 1] + (x != y));
			if (i > 1 && j > 1 && x == tolower((unsigned char)b[j - 2]) &&
			    y == tolower((unsigned char)a[i - 2]))
				row[j] = smaller_size(row[j], before[j - 2] + 1);
		}
		size_t *oldest = before;
		before = last;
		last = row;
		row = oldest;
	}
	return last[b_len];
}

void suggest_offer(struct suggestion *n, const char *candidate)
{
	size_t word_len = strlen(n->word), len = strlen(candidate);

	if (word_len > WORD_MAX || len > WORD_MAX)
		return;
	size_t d = edit_distance(n->word, word_len, candidate, len);
	size_t allowed = len < 3 ? 0 : (len + 2) / 3;
	if (d <= allowed && (!n->best || d < n->distance)) {
		n->best = candidate;
		n->distance = d;
	}
}
