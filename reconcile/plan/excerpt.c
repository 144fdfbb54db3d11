#include "reconcile/plan/excerpt.h"

#include <string.h>

#include "reconcile/base/printable.h"
#include "reconcile/base/utf8.h"
#include "reconcile/tree/json.h"

enum {
	EXCERPT_MAX = 120,	/* bytes of one value; the JSON document has the whole value */
	EXCERPT_CONTEXT = 40,	/* of them before the first difference */
	UNIT_MAX = 6,		/* bytes: "\u0001" */
};

/* Compact JSON of one value, or a line of a text.  It differs from the other one in [start, end). */
struct excerpt {
	const char *text;
	size_t len, start, end;
	bool is_line;		/* "\\" begins no escape */
	bool whole;		/* however long it is */
};

/* The differing parts seem to be equal: because of blanks, or of characters that look like others. */
struct likeness { bool blanks, characters; };

/* Length of the character, or of the escape of one, at this place. */
static size_t excerpt_unit(const struct excerpt *e, size_t at)
{
	const char *text = e->text + at;
	size_t len = *text == '\\' && !e->is_line ? (text[1] == 'u' ? 6 : 2) : utf8_length(text, SIZE_MAX);

	return len ? len : 1;
}

/* The first beginning of a unit at or behind `at`; `from` is the beginning of one. */
static size_t excerpt_next_unit(const struct excerpt *e, size_t from, size_t at)
{
	while (from < at)
		from += excerpt_unit(e, from);
	return from;
}

static size_t common_beginning(const struct excerpt *a, const struct excerpt *b)
{
	size_t at = 0;

	for (size_t n; at < a->len && at < b->len; at += n) {
		n = excerpt_unit(a, at);
		if (strncmp(a->text + at, b->text + at, n) != 0)
			break;
	}
	return at;
}

/* The same bytes may be a unit in the one text and a part of a unit in the other. */
static size_t common_end(const struct excerpt *a, const struct excerpt *b)
{
	size_t most = (a->len < b->len ? a->len : b->len) - a->start, same = 0, before;

	while (same < most && a->text[a->len - 1 - same] == b->text[b->len - 1 - same])
		same++;
	do {
		before = same;
		same = a->len - excerpt_next_unit(a, a->start, a->len - same);
		same = b->len - excerpt_next_unit(b, b->start, b->len - same);
	} while (same != before);
	return same;
}

static void find_difference(struct excerpt *a, struct excerpt *b)
{
	a->start = b->start = common_beginning(a, b);
	size_t same = common_end(a, b);
	a->end = a->len - same;
	b->end = b->len - same;
}

/* ---- what looks alike ---- */

static bool is_blank_unit(const struct excerpt *e, size_t at)
{
	const char *text = e->text + at;

	return strchr(" \t\r", *text) || (*text == '\\' && !e->is_line && strchr("nrtf", text[1]));
}

static size_t skip_blanks(const struct excerpt *e, size_t at)
{
	while (at < e->end && is_blank_unit(e, at))
		at += excerpt_unit(e, at);
	return at;
}

/* True if the differing parts are equal without their blanks. */
static bool only_blanks_differ(const struct excerpt *a, const struct excerpt *b)
{
	size_t i = skip_blanks(a, a->start), j = skip_blanks(b, b->start);

	for (size_t n; i < a->end && j < b->end; i = skip_blanks(a, i + n), j = skip_blanks(b, j + n)) {
		n = excerpt_unit(a, i);
		if (strncmp(a->text + i, b->text + j, n) != 0)
			break;
	}
	return i == a->end && j == b->end;
}

static bool has_characters_alike(const struct excerpt *e)
{
	uint32_t code = 0;

	for (size_t at = e->start; at < e->end; at += excerpt_unit(e, at))
		if (utf8_read(e->text + at, SIZE_MAX, &code) && printable_looks_like_other(code))
			return true;
	return false;
}

/* ---- what is shown ---- */

static void add_unit(const struct excerpt *e, size_t at, size_t len, const struct likeness *alike, struct buf *out)
{
	char unit[UNIT_MAX + 1] = "";
	uint32_t code = 0;
	bool differs = at >= e->start && at < e->end && utf8_read(e->text + at, SIZE_MAX, &code);

	memcpy(unit, e->text + at, len);
	if (differs && ((alike->characters && code >= 0x80) || (alike->blanks && code == ' ')))
		printable_add_escape(out, code);
	else
		printable_add(out, unit);
}

static void add_excerpt(const struct excerpt *e, const struct likeness *alike, struct buf *out)
{
	bool whole = e->whole || e->len <= EXCERPT_MAX;
	size_t before = whole || e->start < EXCERPT_CONTEXT ? 0 : e->start - EXCERPT_CONTEXT;
	size_t at = excerpt_next_unit(e, 0, before), n;

	if (at)
		buf_adds(out, "...");
	for (; at < e->len && (whole || out->len < EXCERPT_MAX); at += n) {
		char c = e->text[at];
		n = excerpt_unit(e, at);
		/* Nearly all characters are of this kind. */
		if (c > ' ' && c < 0x7f && c != '[' && (c != '\\' || e->is_line))
			buf_addc(out, c);
		else
			add_unit(e, at, n, alike, out);
	}
	if (at < e->len)
		buf_adds(out, "...");
	if (!whole)
		buf_addf(out, " (%zu bytes)", e->len);
}

static struct excerpt excerpt_of(const struct node *value, bool whole, struct buf *json)
{
	if (value && value->kind != NODE_NULL)
		json_write(value, JSON_COMPACT, json);
	return (struct excerpt){ .text = buf_str(json), .len = json->len, .whole = whole };
}

static void add_excerpts(struct excerpt *a, struct excerpt *b, struct buf *from, struct buf *to)
{
	struct likeness alike = { 0 };

	if (a->len && b->len) {
		find_difference(a, b);
		alike.blanks = only_blanks_differ(a, b);
		alike.characters = has_characters_alike(a) || has_characters_alike(b);
	}
	add_excerpt(a, &alike, from);
	add_excerpt(b, &alike, to);
}

void excerpt_values(const struct node *old, const struct node *new, bool whole, struct buf *from, struct buf *to)
{
	CLEANUP(buf_done) struct buf old_json = BUF_TEXT, new_json = BUF_TEXT;
	struct excerpt a = excerpt_of(old, whole, &old_json), b = excerpt_of(new, whole, &new_json);

	add_excerpts(&a, &b, from, to);
}

void excerpt_lines(const char *old, const char *new, struct buf *from, struct buf *to)
{
	struct excerpt a = { .text = old, .len = strlen(old), .is_line = true, .whole = true };
	struct excerpt b = { .text = new, .len = strlen(new), .is_line = true, .whole = true };

	add_excerpts(&a, &b, from, to);
}
