#include "reconcile/base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void err_trim(char *text)
{
	size_t len = strlen(text), start = len;

	while (start > 0 && len - start < 4 && ((unsigned char)text[start - 1] & 0xc0) == 0x80)
		start--;
	if (start == 0)
		return;
	unsigned char first = text[start - 1];
	size_t want = first < 0xc0 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
	if (len - start + 1 < want)
		text[start - 1] = '\0';
}

static void PRINTF(2, 0) err_append_va(struct err *e, const char *fmt, va_list ap)
{
	size_t used = strlen(e->msg);
	size_t room = sizeof e->msg - used;

	if ((size_t)vsnprintf(e->msg + used, room, fmt, ap) >= room)
		err_trim(e->msg);
}

bool (err_append)(struct err *e, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	err_append_va(e, fmt, ap);
	va_end(ap);
	return false;
}

bool (err_set)(struct err *e, const char *fmt, ...)
{
	va_list ap;

	*e = (struct err){ .kind = ERR_FAILED };
	va_start(ap, fmt);
	err_append_va(e, fmt, ap);
	va_end(ap);
	return false;
}

bool (err_usage)(struct err *e, const char *fmt, ...)
{
	va_list ap;

	*e = (struct err){ .kind = ERR_USAGE };
	va_start(ap, fmt);
	err_append_va(e, fmt, ap);
	va_end(ap);
	return false;
}

bool (err_at)(struct err *e, struct pos at, const char *fmt, ...)
{
	va_list ap;

	*e = (struct err){ .kind = ERR_FAILED };
	if (at.line > 0)
		err_append(e, "%s:%d:%d: ", at.file, at.line, at.col);
	else if (at.file)
		err_append(e, "%s: ", at.file);
	va_start(ap, fmt);
	err_append_va(e, fmt, ap);
	va_end(ap);
	return false;
}

bool (err_sys)(struct err *e, int errnum, const char *fmt, ...)
{
	va_list ap;

	*e = (struct err){ .kind = ERR_FAILED };
	va_start(ap, fmt);
	err_append_va(e, fmt, ap);
	va_end(ap);
	err_append(e, ": %s", strerror(errnum));
	return false;
}

bool (err_wrap)(struct err *e, const char *fmt, ...)
{
	struct err inner = *e;
	va_list ap;

	e->msg[0] = '\0';
	va_start(ap, fmt);
	err_append_va(e, fmt, ap);
	va_end(ap);
	err_append(e, ": %s", inner.msg);
	return false;
}
