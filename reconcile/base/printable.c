#include "reconcile/base/printable.h"

#include "reconcile/base/utf8.h"

struct code_range { uint32_t first, last; };

/* Unicode's controls (Cc), Bidi_Control and Default_Ignorable_Code_Point, the separators of lines and paragraphs, and
 * the blank pattern of Braille; in order. */
static const struct code_range hidden[] = {
	{ 0, 0x1f }, { 0x7f, 0x9f }, { 0xad, 0xad }, { 0x34f, 0x34f }, { 0x61c, 0x61c }, { 0x115f, 0x1160 },
	{ 0x17b4, 0x17b5 }, { 0x180b, 0x180f }, { 0x200b, 0x200f }, { 0x2028, 0x202e }, { 0x2060, 0x206f },
	{ 0x2800, 0x2800 }, { 0x3164, 0x3164 }, { 0xfe00, 0xfe0f }, { 0xfeff, 0xfeff }, { 0xffa0, 0xffa0 },
	{ 0xfff0, 0xfffb }, { 0x1bca0, 0x1bca3 }, { 0x1d173, 0x1d17a }, { 0xe0000, 0xe0fff },
};

/* Blanks; marks and parts of letters that a normal form joins with the letter before; letters that a normal form
 * replaces by another code; in order. */
static const struct code_range alike[] = {
	{ 0xa0, 0xa0 }, { 0x300, 0x36f }, { 0x374, 0x374 }, { 0x37e, 0x37e }, { 0x387, 0x387 }, { 0x653, 0x655 },
	{ 0x93c, 0x93c }, { 0x9bc, 0x9be }, { 0x9d7, 0x9d7 }, { 0x1161, 0x11ff }, { 0x1680, 0x1680 },
	{ 0x1ab0, 0x1aff }, { 0x1dc0, 0x1dff }, { 0x1f71, 0x1f7d }, { 0x1fbe, 0x1fbe }, { 0x1fef, 0x1fef },
	{ 0x1ffd, 0x1ffd }, { 0x2000, 0x200a }, { 0x202f, 0x202f }, { 0x205f, 0x205f }, { 0x20d0, 0x20ff },
	{ 0x2126, 0x2126 }, { 0x212a, 0x212b }, { 0x2329, 0x232a }, { 0x3000, 0x3000 }, { 0x3099, 0x309a },
	{ 0xf900, 0xfaff }, { 0xfb1d, 0xfb4e }, { 0xfe20, 0xfe2f }, { 0x2f800, 0x2fa1f },
};

/* The blanks among them: Zs without the space. */
static const struct code_range blanks[] = {
	{ 0xa0, 0xa0 }, { 0x1680, 0x1680 }, { 0x2000, 0x200a }, { 0x202f, 0x202f }, { 0x205f, 0x205f }, { 0x3000, 0x3000 },
};

static bool is_in_ranges(const struct code_range *ranges, size_t count, uint32_t code)
{
	size_t i = 0;

	while (i < count && ranges[i].last < code)
		i++;
	return i < count && ranges[i].first <= code;
}

bool printable_is_hidden(uint32_t code)
{
	return is_in_ranges(hidden, ARRAY_LEN(hidden), code);
}

bool printable_looks_like_other(uint32_t code)
{
	return is_in_ranges(alike, ARRAY_LEN(alike), code);
}

bool printable_is_odd_blank(uint32_t code)
{
	return is_in_ranges(blanks, ARRAY_LEN(blanks), code);
}

void printable_add_escape(struct buf *out, uint32_t code)
{
	if (code == '\n' || code == '\t' || code == '\r')
		buf_addf(out, "\\%c", code == '\n' ? 'n' : code == '\t' ? 't' : 'r');
	else
		buf_addf(out, code < 0x100 ? "\\x%02x" : code < 0x10000 ? "\\u%04x" : "\\U%08x", (unsigned)code);
}

bool printable_is_plain(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (text[i] < ' ' || text[i] > '~' || text[i] == '[')
			return false;
	return true;
}

static bool is_ascii_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool printable_is_command_bracket(unsigned *hashes, char c)
{
	bool is_bracket = c == '[' && *hashes >= 2;

	if (c == '#')
		++*hashes;
	else if (!(is_ascii_letter(c) && *hashes >= 2))
		*hashes = 0;
	return is_bracket;
}

/* What stands before the next text may be the beginning of a command. */
static unsigned hashes_at_end(const struct buf *out)
{
	size_t from = out->len;
	unsigned hashes = 0;

	while (from && (out->text[from - 1] == '#' || is_ascii_letter(out->text[from - 1])))
		from--;
	for (; from < out->len; from++)
		printable_is_command_bracket(&hashes, out->text[from]);
	return hashes;
}

void printable_add(struct buf *out, const char *text)
{
	unsigned hashes = hashes_at_end(out);

	for (size_t len; *text; text += len ? len : 1) {
		bool is_bracket = printable_is_command_bracket(&hashes, *text);
		uint32_t code = 0;
		len = utf8_read(text, SIZE_MAX, &code);
		if (len == 0)
			buf_addf(out, "\\x%02x", (unsigned char)*text);
		else if (printable_is_hidden(code) || is_bracket)
			printable_add_escape(out, code);
		else
			buf_add(out, text, len);
	}
}

const char *printable_text(struct arena *a, const char *text)
{
	CLEANUP(buf_done) struct buf line = BUF_TEXT;

	printable_add(&line, text);
	return arena_strdup(a, buf_str(&line));
}
