#include "agent/util/term.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { WIDTH = 80, WIDTH_LEAST = 20, WIDTH_MOST = 1000 };

static bool term_is_terminal(FILE *f)
{
	int fd = fileno(f);

	return fd >= 0 && isatty(fd);
}

static bool term_hint_is_set(const char *text)
{
	return text && *text;
}

/* A terminal that is dumb or unknown gets escape sequences only on request. */
static bool term_has_escapes(const struct term_hints *hints)
{
	return term_hint_is_set(hints->term) && strcmp(hints->term, "dumb") != 0;
}

static bool term_wants_color(enum color choice, const struct term_hints *hints, FILE *f)
{
	if (choice != COLOR_AUTO)
		return choice == COLOR_ALWAYS;
	/* https://no-color.org: "when present and not an empty string". */
	return term_is_terminal(f) && term_has_escapes(hints) && !term_hint_is_set(hints->no_color);
}

static int term_width(FILE *f, const char *columns)
{
	struct winsize size;
	long width = 0;

	if (term_is_terminal(f) && ioctl(fileno(f), TIOCGWINSZ, &size) == 0)
		width = size.ws_col;
	if (width == 0 && columns)
		width = strtol(columns, NULL, 10);
	return width < WIDTH_LEAST || width > WIDTH_MOST ? WIDTH : (int)width;
}

void term_init(struct term *t, enum color choice, const struct term_hints *hints, FILE *out,
               FILE *err)
{
	*t = (struct term){
		.out_color = term_wants_color(choice, hints, out),
		.err_color = term_wants_color(choice, hints, err),
		.out_terminal = term_is_terminal(out),
		.err_live = term_is_terminal(err) && term_has_escapes(hints),
		.width = term_width(out, hints->columns),
	};
}

/* Returns the length of the UTF-8 character at s and sets *out to the character; 0 if s begins with no valid character.
 * The text s ends with NUL. */
static size_t term_decode_utf8(const unsigned char *s, uint32_t *out)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t len = *s < 0x80 ? 1 : *s < 0xc2 ? 0 : *s < 0xe0 ? 2 : *s < 0xf0 ? 3 : *s < 0xf5 ? 4 : 0;
	uint32_t c = len < 2 ? *s : *s & (0x7f >> len);

	for (size_t i = 1; i < len; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (s[i] & 0x3f);
	}
	if (len == 0 || c < least[len] || (c >= 0xd800 && c <= 0xdfff) || c > 0x10ffff)
		return 0;
	*out = c;
	return len;
}

static bool term_is_harmful(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x2028 || c == 0x2029 ||
	       (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

void term_add_plain(struct buf *out, const char *text)
{
	for (const unsigned char *s = (const unsigned char *)text; *s; ) {
		uint32_t c = 0;
		size_t len = term_decode_utf8(s, &c);
		if (len == 0)
			buf_addf(out, "\\x%02x", *s);
		else if (c == '\n' || c == '\t' || c == '\r')
			buf_addf(out, "\\%c", c == '\n' ? 'n' : c == '\t' ? 't' : 'r');
		else if (term_is_harmful(c))
			buf_addf(out, c < 0x100 ? "\\x%02x" : "\\u%04x", (unsigned)c);
		else
			buf_add(out, s, len);
		s += len ? len : 1;
	}
}
