#include "reconcile/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void PRINTF(2, 0) append(struct err *e, const char *fmt, va_list ap)
{
	size_t used = strlen(e->msg);
	vsnprintf(e->msg + used, sizeof e->msg - used, fmt, ap);
}

static void PRINTF(2, 3) add(struct err *e, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	append(e, fmt, ap);
	va_end(ap);
}

bool err_set(struct err *e, const char *fmt, ...)
{
	va_list ap;

	*e = (struct err){ .kind = ERR_FAILED };
	va_start(ap, fmt);
	append(e, fmt, ap);
	va_end(ap);
	return false;
}

bool err_usage(struct err *e, const char *fmt, ...)
{
	va_list ap;

	*e = (struct err){ .kind = ERR_USAGE };
	va_start(ap, fmt);
	append(e, fmt, ap);
	va_end(ap);
	return false;
}

bool err_at(struct err *e, struct pos at, const char *fmt, ...)
{
	va_list ap;

	*e = (struct err){ .kind = ERR_FAILED };
	if (at.line > 0)
		add(e, "%s:%d:%d: ", at.file, at.line, at.col);
	else if (at.file)
		add(e, "%s: ", at.file);
	va_start(ap, fmt);
	append(e, fmt, ap);
	va_end(ap);
	return false;
}

bool err_sys(struct err *e, int errnum, const char *fmt, ...)
{
	va_list ap;

	*e = (struct err){ .kind = ERR_FAILED };
	va_start(ap, fmt);
	append(e, fmt, ap);
	va_end(ap);
	add(e, ": %s", strerror(errnum));
	return false;
}

bool err_wrap(struct err *e, const char *fmt, ...)
{
	struct err inner = *e;
	va_list ap;

	e->msg[0] = '\0';
	va_start(ap, fmt);
	append(e, fmt, ap);
	va_end(ap);
	add(e, ": %s", inner.msg);
	return false;
}
