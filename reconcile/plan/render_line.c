#include "reconcile/plan/render_line.h"

#include <string.h>

#include "reconcile/base/printable.h"
#include "reconcile/base/utf8.h"

enum {
	LINE_CONTINUES = 4,	/* blanks before what continues a heading, and more of them before what continues a value */
	LINE_LEAST = 12,	/* columns of text that a line has, however narrow the terminal is */
};

/* Characters that take two columns of a terminal (East Asian Width W and F, roughly), in order. */
static const struct { uint32_t first, last; } line_wide[] = {
	{ 0x1100, 0x115f }, { 0x231a, 0x231b }, { 0x23e9, 0x23ec }, { 0x23f0, 0x23f0 }, { 0x23f3, 0x23f3 },
	{ 0x25fd, 0x25fe }, { 0x2614, 0x2615 }, { 0x2648, 0x2653 }, { 0x267f, 0x267f }, { 0x2693, 0x2693 },
	{ 0x26a1, 0x26a1 }, { 0x26aa, 0x26ab }, { 0x26bd, 0x26be }, { 0x26c4, 0x26c5 }, { 0x26ce, 0x26ce },
	{ 0x26d4, 0x26d4 }, { 0x26ea, 0x26ea }, { 0x26f2, 0x26f3 }, { 0x26f5, 0x26f5 }, { 0x26fa, 0x26fa },
	{ 0x26fd, 0x26fd }, { 0x2705, 0x2705 }, { 0x270a, 0x270b }, { 0x2728, 0x2728 }, { 0x274c, 0x274c },
	{ 0x274e, 0x274e }, { 0x2753, 0x2755 }, { 0x2757, 0x2757 }, { 0x2795, 0x2797 }, { 0x27b0, 0x27b0 },
	{ 0x27bf, 0x27bf }, { 0x2b1b, 0x2b1c }, { 0x2b50, 0x2b50 }, { 0x2b55, 0x2b55 }, { 0x2e80, 0xa4cf },
	{ 0xa960, 0xa97c }, { 0xac00, 0xd7a3 }, { 0xf900, 0xfaff }, { 0xfe30, 0xfe6f }, { 0xff01, 0xff60 },
	{ 0xffe0, 0xffe6 }, { 0x1f004, 0x1f004 }, { 0x1f0cf, 0x1f0cf }, { 0x1f18e, 0x1f18e }, { 0x1f191, 0x1f19a },
	{ 0x1f200, 0x1f265 }, { 0x1f300, 0x1f64f }, { 0x1f680, 0x1f6ff }, { 0x1f7e0, 0x1f7eb }, { 0x1f900, 0x1f9ff },
	{ 0x1fa70, 0x1faff }, { 0x20000, 0x3fffd },
};

static size_t line_columns(uint32_t code)
{
	for (size_t i = 0; i < ARRAY_LEN(line_wide) && line_wide[i].first <= code; i++)
		if (code <= line_wide[i].last)
			return 2;
	return 1;
}

/* ---- text that commands nothing ---- */

/* text without what a terminal or a CI system would obey.  GitHub looks for "::" behind the blanks that begin a line:
 * blank says that the line has nothing else before text. */
static bool line_guard_text(const char *text, bool blank, struct buf *out)
{
	CLEANUP(buf_done) struct buf plain = BUF_TEXT;

	printable_add(&plain, text);
	for (const char *s = buf_str(&plain); *s; s++) {
		if (blank && strncmp(s, "::", 2) == 0)
			printable_add_escape(out, (unsigned char)*s);
		else
			buf_addc(out, *s);
		blank &= *s == ' ';
	}
	return blank;
}

void line_add_safe_text(struct buf *out, const char *text)
{
	line_guard_text(text, false, out);
}

/* ---- lines ---- */

static void line_set_tint(const struct line_writer *w, enum tint t)
{
	static const char *const codes[] = {
		"\x1b[0m", "\x1b[32m", "\x1b[33m", "\x1b[31m", "\x1b[1m", "\x1b[2m",
	};
	if (w->colour)
		buf_adds(w->out, codes[t]);
}

/* Goes on in a new line, whose sign says so. */
static void line_break(struct line_writer *w, enum tint tint)
{
	line_set_tint(w, PLAIN);
	buf_addc(w->out, '\n');
	buf_add_blanks(w->out, w->margin);
	buf_adds(w->out, ". ");
	buf_add_blanks(w->out, w->indent);
	line_set_tint(w, tint);
	w->column = w->margin + 2 + w->indent;
}

/* The bytes of the next word, with the blanks before it, and the columns of both. */
struct line_word { size_t blanks, len, columns; };

static struct line_word line_next_word(const char *text)
{
	struct line_word word = { .blanks = strspn(text, " ") };
	uint32_t code = 0;

	word.len = word.blanks + strcspn(text + word.blanks, " ");
	for (size_t at = word.blanks, n; at < word.len; at += n ? n : 1) {
		n = utf8_read(text + at, word.len - at, &code);
		word.columns += line_columns(code);
	}
	return word;
}

static bool line_has_room(const struct line_writer *w, size_t columns)
{
	return !w->width || w->column + columns <= w->width;
}

/* Adds a word character by character: one that is longer than a line is broken anywhere. */
static void line_add_word(struct line_writer *w, enum tint tint, const char *text, size_t len)
{
	uint32_t code = 0;

	for (size_t at = 0, n; at < len; at += n) {
		n = utf8_read(text + at, len - at, &code);
		n = n ? n : 1;
		if (!line_has_room(w, line_columns(code)))
			line_break(w, tint);
		buf_add(w->out, text + at, n);
		w->column += line_columns(code);
	}
}

static void line_add_words(struct line_writer *w, enum tint tint, const char *text)
{
	size_t start = w->margin + 2 + w->indent;

	while (*text) {
		struct line_word word = line_next_word(text);
		bool breaks = !line_has_room(w, word.blanks + word.columns) && w->column > start;
		bool fits = start + word.columns <= w->width;
		/* A word that fits a line is not broken; the blanks before it end the line before. */
		if (breaks && fits && word.columns) {
			line_break(w, tint);
			line_add_word(w, tint, text + word.blanks, word.len - word.blanks);
		} else {
			line_add_word(w, tint, text, word.len);
		}
		text += word.len;
	}
}

static void line_set_indent(struct line_writer *w, size_t indent)
{
	size_t start = w->margin + 2;
	size_t most = w->width > start + LINE_LEAST ? w->width - start - LINE_LEAST : 0;

	w->indent = indent < most ? indent : most;
}

void line_begin(struct line_writer *w, char sign, enum tint tint, size_t indent)
{
	w->blank = sign == ' ';
	line_set_indent(w, indent + LINE_CONTINUES);
	buf_add_blanks(w->out, w->margin);
	line_set_tint(w, tint);
	buf_addc(w->out, sign);
	buf_addc(w->out, ' ');
	line_set_tint(w, PLAIN);
	buf_add_blanks(w->out, indent);
	w->column = w->margin + 2 + indent;
}

void line_begin_heading(struct line_writer *w)
{
	w->blank = true;
	w->column = 0;
	line_set_indent(w, LINE_CONTINUES);
}

void line_begin_remark(struct line_writer *w)
{
	line_begin_heading(w);
	buf_add_blanks(w->out, w->margin);
	w->column = w->margin;
}

/* Nearly all texts are of this kind. */
static bool line_add_plain(struct line_writer *w, const char *text)
{
	size_t len = strlen(text);

	if ((w->blank && (*text == ' ' || *text == ':')) || !line_has_room(w, len) || !printable_is_plain(text, len))
		return false;
	buf_add(w->out, text, len);
	w->column += len;
	w->blank = false;
	return true;
}

static void line_add_guarded(struct line_writer *w, enum tint tint, const char *text)
{
	CLEANUP(buf_done) struct buf safe = BUF_TEXT;

	w->blank = line_guard_text(text, w->blank, &safe);
	line_add_words(w, tint, buf_str(&safe));
}

void line_add(struct line_writer *w, enum tint tint, const char *text)
{
	if (!*text)
		return;
	if (tint != PLAIN)
		line_set_tint(w, tint);
	if (!line_add_plain(w, text))
		line_add_guarded(w, tint, text);
	if (tint != PLAIN)
		line_set_tint(w, PLAIN);
}

void line_addf(struct line_writer *w, enum tint tint, const char *fmt, ...)
{
	CLEANUP(buf_done) struct buf text = BUF_TEXT;
	va_list ap;

	va_start(ap, fmt);
	buf_addv(&text, fmt, ap);
	va_end(ap);
	line_add(w, tint, buf_str(&text));
}

void line_end(struct line_writer *w)
{
	buf_addc(w->out, '\n');
}
