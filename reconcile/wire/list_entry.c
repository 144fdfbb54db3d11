#include "reconcile/wire/list_entry.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "reconcile/base/buf.h"
#include "reconcile/schema/digest.h"

/* ---- times ---- */

/* Takes that many digits at *s; -1: there are fewer. */
static int take_digits(const char **s, int count)
{
	int number = 0;

	for (; count > 0; count--, (*s)++) {
		if (!isdigit((unsigned char)**s))
			return -1;
		number = number * 10 + (**s - '0');
	}
	return number;
}

static int64_t days_since_1970(int year, int month, int day)
{
	static const int before[] = { 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334 };
	int64_t last = year - 1;
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return last * 365 + last / 4 - last / 100 + last / 400 - 719162 + before[month - 1] + (leap && month > 2) + day - 1;
}

/* "." and digits, of which six count. */
static int64_t take_fraction(const char **s)
{
	int64_t micros = 0, unit = 100000;

	if (**s != '.' && **s != ',')
		return 0;
	for ((*s)++; isdigit((unsigned char)**s); (*s)++, unit /= 10)
		micros += (**s - '0') * unit;
	return micros;
}

/* "Z", "+02:00", "+0200", or nothing: what is to be taken off to get UTC, in seconds. */
static bool take_zone(const char **s, int64_t *seconds)
{
	char sign = **s;

	*seconds = 0;
	if (!sign)
		return true;
	(*s)++;
	if (sign == 'Z' || sign == 'z')
		return true;
	int hours = take_digits(s, 2);
	*s += **s == ':';
	int minutes = take_digits(s, 2);
	if ((sign != '+' && sign != '-') || hours < 0 || minutes < 0)
		return false;
	*seconds = (sign == '-' ? -60 : 60) * (hours * 60 + minutes);
	return true;
}

int64_t list_entry_time(const char *text)
{
	const char *s = text ? text : "";
	int field[6];
	static const struct { int digits, least, most; const char *after; } parts[] = {
		{ 4, 1970, 9999, "-" }, { 2, 1, 12, "-" }, { 2, 1, 31, "Tt " }, { 2, 0, 23, ":" }, { 2, 0, 59, ":" },
		{ 2, 0, 60, NULL },
	};

	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		field[i] = take_digits(&s, parts[i].digits);
		if (field[i] < parts[i].least || field[i] > parts[i].most)
			return 0;
		if (!parts[i].after)
			continue;
		if (!*s || !strchr(parts[i].after, *s))
			return 0;
		s++;
	}
	int64_t micros = take_fraction(&s), zone, days = days_since_1970(field[0], field[1], field[2]);
	if (!take_zone(&s, &zone) || *s)
		return 0;
	int64_t seconds = ((days * 24 + field[3]) * 60 + field[4]) * 60 + field[5] - zone;
	return seconds > 0 ? seconds * 1000000 + micros : 0;
}

/* ---- the bytes of an entry ---- */

/* A value is a letter and, up to a NUL, its text; a map or a list ends with ".".  Texts hold no NUL, so that different
 * values have different bytes. */
static void add_scalar(struct buf *out, char kind, const char *text)
{
	buf_addc(out, kind);
	buf_add(out, text, strlen(text) + 1);
}

static void add_unordered(struct arena *a, const struct node *n, const char *left_out, struct buf *out);

struct piece { const char *bytes; size_t len; };

static int order_pieces(const void *a, const void *b)
{
	const struct piece *x = a, *y = b;
	int order = memcmp(x->bytes, y->bytes, x->len < y->len ? x->len : y->len);

	return order ? order : (x->len > y->len) - (x->len < y->len);
}

/* Sorts what was appended from `begin` on: pieces that end at these offsets. */
static void sort_pieces(struct arena *a, struct buf *out, size_t begin, const size_t *ends, size_t count)
{
	struct piece *pieces = arena_new(a, struct piece, count);
	char *copy = arena_alloc(a, out->len - begin, 1, 1);
	size_t at = begin;

	memcpy(copy, buf_str(out) + begin, out->len - begin);
	for (size_t i = 0; i < count; at = ends[i++])
		pieces[i] = (struct piece){ copy + (at - begin), ends[i] - at };
	qsort(pieces, count, sizeof *pieces, order_pieces);
	out->len = begin;
	for (size_t i = 0; i < count; i++)
		buf_add(out, pieces[i].bytes, pieces[i].len);
}

static void add_items(struct arena *a, const struct node *n, const char *left_out, struct buf *out)
{
	size_t *ends = arena_new(a, size_t, n->count + 1), begin = out->len, count = 0;

	for (size_t i = 0; i < n->count; i++) {
		const struct entry *e = &n->entries[i];
		bool scheduled = e->key && strcmp(e->key, "scheduled") == 0;
		if (scheduled || (e->key && left_out && strcmp(e->key, left_out) == 0))
			continue;
		if (e->key)
			add_scalar(out, 'k', e->key);
		add_unordered(a, e->value, NULL, out);
		ends[count++] = out->len;
	}
	if (count > 1)
		sort_pieces(a, out, begin, ends, count);
	buf_addc(out, '.');
}

static void add_unordered(struct arena *a, const struct node *n, const char *left_out, struct buf *out)
{
	switch (n->kind) {
	case NODE_NULL: buf_addc(out, 'n'); break;
	case NODE_BOOL: buf_addc(out, n->boolean ? 'y' : 'f'); break;
	case NODE_INT: buf_addf(out, "i%lld", (long long)n->integer); buf_addc(out, '\0'); break;
	case NODE_REAL: buf_addc(out, 'd'); buf_add(out, &n->real, sizeof n->real); break;
	case NODE_TEXT: add_scalar(out, 't', n->text); break;
	case NODE_RAW: add_scalar(out, 'r', n->text); break;
	case NODE_LIST: buf_addc(out, 'l'); add_items(a, n, left_out, out); break;
	case NODE_MAP: buf_addc(out, 'm'); add_items(a, n, left_out, out); break;
	}
}

/* Each execution changes the status from one to the other, and back. */
static bool passes_by_itself(const struct node *entry, const char *key)
{
	return strcmp(key, "status") == 0 &&
	       (node_is_text(entry, key, "Available") || node_is_text(entry, key, "Running"));
}

struct list_entry list_entry_read(struct arena *a, const unsigned char *key, const struct node *entry)
{
	CLEANUP(buf_done) struct buf bytes = BUF_TEXT;
	struct list_entry out = { .updated = list_entry_time(node_get_text(entry, "updatedAt")) };
	unsigned char whole[DIGEST_SIZE];
	struct node shown = { .kind = NODE_MAP, .entries = arena_new(a, struct entry, entry->count) };

	for (size_t i = 0; i < entry->count; i++)
		if (passes_by_itself(entry, entry->entries[i].key))
			buf_addc(&bytes, 's');
		else
			shown.entries[shown.count++] = entry->entries[i];
	add_unordered(a, &shown, "lastExecution", &bytes);
	digest_hmac(key, DIGEST_KEY_SIZE, buf_str(&bytes), bytes.len, whole);
	memcpy(out.digest, whole, sizeof out.digest);
	return out;
}
