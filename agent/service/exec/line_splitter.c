#include "agent/service/exec/line_splitter.h"

#include <string.h>

#include "agent/service/exec/attempt.h"
#include "reconcile/base/utf8.h"

enum { RAW_MAX = 64 << 10 };	/* bytes that wait for the end of a line, beside the longest secret */

static const char masked[] = "(masked)", unknown[] = "\xef\xbf\xbd";

void line_splitter_init(struct line_splitter *l, const struct redactor *secrets,
                void (*emit)(void *context, int64_t ms, const char *text, size_t len), void *context)
{
	*l = (struct line_splitter){ .secrets = secrets, .emit = emit, .context = context,
	                     .raw = BUF(RAW_MAX + secrets->longest), .text = BUF(ATTEMPT_LINE_MAX) };
}

static void line_splitter_emit(struct line_splitter *l, int64_t ms)
{
	l->emit(l->context, ms, buf_str(&l->text), l->text.len);
	buf_reset(&l->text);
	l->continues = true;
}

static void line_splitter_append(struct line_splitter *l, const char *bytes, size_t len, int64_t ms)
{
	if (l->text.len + len > ATTEMPT_LINE_MAX)
		line_splitter_emit(l, ms);
	buf_add(&l->text, bytes, len);
}

/* Returns how many bytes of raw were used. */
static size_t line_splitter_append_character(struct line_splitter *l, size_t at, size_t cut, int64_t ms)
{
	const char *p = l->raw.text + at;
	size_t len = *p ? utf8_length(p, cut - at) : 0;

	if (len)
		line_splitter_append(l, p, len, ms);
	else
		line_splitter_append(l, unknown, strlen(unknown), ms);
	return len ? len : 1;
}

static void line_splitter_drop_raw(struct line_splitter *l, size_t count)
{
	size_t left = l->raw.len - count;

	if (left)
		memmove(l->raw.text, l->raw.text + count, left);
	l->raw.len = left;
}

/* Turns the first `cut` bytes of raw into text.  Secrets may overlap, and one that begins before the cut may end behind
 * it. */
static void line_splitter_consume(struct line_splitter *l, size_t cut, int64_t ms)
{
	size_t hidden = l->covered;

	for (size_t i = 0; i < cut; ) {
		size_t len = redactor_at(l->secrets, l->raw.text + i, l->raw.len - i);
		if (len && i >= hidden)
			line_splitter_append(l, masked, strlen(masked), ms);
		if (i + len > hidden && len)
			hidden = i + len;
		i += i < hidden ? 1 : line_splitter_append_character(l, i, cut, ms);
	}
	l->covered = hidden > cut ? hidden - cut : 0;
	line_splitter_drop_raw(l, cut);
}

/* How many bytes of raw can become text, whatever follows them. */
static size_t line_splitter_safe_cut(const struct line_splitter *l)
{
	size_t len = l->raw.len, held = redactor_held(l->secrets, buf_str(&l->raw), len);

	for (size_t back = 1; back <= 3 && back <= len; back++)
		if (utf8_lead_length(l->raw.text[len - back]) > back)
			return len - (held > back ? held : back);
	return len - held;
}

static void line_splitter_end_line(struct line_splitter *l, int64_t ms)
{
	line_splitter_consume(l, l->raw.len, ms);
	l->covered = 0;
	if (l->text.len || !l->broken_off)
		line_splitter_emit(l, ms);
	l->broken_off = l->continues = false;
}

/* raw is full. */
static void line_splitter_make_room(struct line_splitter *l, int64_t ms)
{
	line_splitter_consume(l, line_splitter_safe_cut(l), ms);
}

void line_splitter_add(struct line_splitter *l, const char *bytes, size_t len, int64_t ms)
{
	while (len > 0) {
		const char *newline = memchr(bytes, '\n', len);
		size_t part = newline ? (size_t)(newline - bytes) : len, room = l->raw.limit - l->raw.len;
		bool whole = newline && part <= room;
		part = part < room ? part : room;
		buf_add(&l->raw, bytes, part);
		bytes += part + whole;
		len -= part + whole;
		if (whole)
			line_splitter_end_line(l, ms);
		else if (l->raw.len == l->raw.limit)
			line_splitter_make_room(l, ms);
	}
}

bool line_splitter_is_waiting(const struct line_splitter *l)
{
	return l->raw.len > 0 || l->text.len > 0;
}

void line_splitter_pause(struct line_splitter *l, int64_t ms)
{
	line_splitter_consume(l, line_splitter_safe_cut(l), ms);
	if (l->text.len == 0)
		return;
	line_splitter_emit(l, ms);
	l->broken_off = true;
}

void line_splitter_end(struct line_splitter *l, int64_t ms)
{
	size_t held = redactor_held(l->secrets, buf_str(&l->raw), l->raw.len);

	if (held >= REDACTOR_MIN) {
		line_splitter_consume(l, l->raw.len - held, ms);
		line_splitter_append(l, masked, strlen(masked), ms);
		l->raw.len = 0;
	}
	if (line_splitter_is_waiting(l))
		line_splitter_end_line(l, ms);
	l->broken_off = l->continues = false;
}

void line_splitter_done(struct line_splitter *l)
{
	buf_done(&l->raw);
	buf_done(&l->text);
}
