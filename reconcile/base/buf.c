#include "reconcile/base/buf.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void buf_grow(struct buf *b, size_t more)
{
	size_t room = b->room ? b->room : 256;

	while (room - b->len <= more)
		room *= 2;
	char *text = realloc(b->text, room);
	if (!text) {
		fputs("out of memory\n", stderr);
		abort();
	}
	b->text = text;
	b->room = room;
}

static inline bool buf_reserve(struct buf *b, size_t more)
{
	if (b->full || more > b->limit - b->len) {
		b->full = true;
		return false;
	}
	if (b->room - b->len <= more)
		buf_grow(b, more);
	return true;
}

void buf_add(struct buf *b, const void *bytes, size_t len)
{
	if (!buf_reserve(b, len))
		return;
	if (len)
		memcpy(b->text + b->len, bytes, len);
	b->len += len;
	b->text[b->len] = '\0';
}

void buf_adds(struct buf *b, const char *s)
{
	buf_add(b, s, strlen(s));
}

void buf_addc(struct buf *b, char c)
{
	if (!buf_reserve(b, 1))
		return;
	b->text[b->len++] = c;
	b->text[b->len] = '\0';
}

void buf_add_blanks(struct buf *b, size_t count)
{
	static const char blanks[] = "                                ";

	for (size_t n; count; count -= n) {
		n = count < sizeof blanks - 1 ? count : sizeof blanks - 1;
		buf_add(b, blanks, n);
	}
}

void buf_addv(struct buf *b, const char *fmt, va_list ap)
{
	char text[256];
	va_list again;
	va_copy(again, ap);
	int len = vsnprintf(text, sizeof text, fmt, ap);

	/* Nearly all texts are short. */
	if (len > 0 && (size_t)len < sizeof text) {
		buf_add(b, text, (size_t)len);
	} else if (len > 0 && buf_reserve(b, len)) {
		vsnprintf(b->text + b->len, len + 1, fmt, again);
		b->len += len;
	}
	va_end(again);
}

void buf_addf(struct buf *b, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	buf_addv(b, fmt, ap);
	va_end(ap);
}

void buf_add_real(struct buf *b, double real)
{
	char digits[32];	/* 17 digits, sign, dot and an exponent of three take 24 */

	if (isnan(real) || isinf(real)) {
		buf_adds(b, isnan(real) ? ".nan" : real > 0 ? ".inf" : "-.inf");
		return;
	}
	for (int precision = 15; precision <= 17; precision++) {
		snprintf(digits, sizeof digits, "%.*g", precision, real);
		if (strtod(digits, NULL) == real)
			break;
	}
	size_t whole = strcspn(digits, ".e");
	buf_addf(b, "%.*s%s%s", (int)whole, digits, digits[whole] == '.' ? "" : ".0", digits + whole);
}

const char *buf_str(const struct buf *b)
{
	return b->text ? b->text : "";
}

void buf_reset(struct buf *b)
{
	b->len = 0;
	b->full = false;
	if (b->text)
		b->text[0] = '\0';
}

void buf_done(struct buf *b)
{
	free(b->text);
	*b = (struct buf){ .limit = b->limit };
}
