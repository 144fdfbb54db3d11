#include "reconcile/base/diagnostics.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void PRINTF(4, 0) add_diagnostic(struct diagnostics *f, bool warning, struct pos at,
                              const char *fmt, va_list ap)
{
	char text[sizeof ((struct err *)0)->msg];

	f->errors += !warning;
	/* Warnings leave room, lest a thousand of them hide the one error. */
	if (f->count >= (warning ? DIAGNOSTICS_MAX / 2 : DIAGNOSTICS_MAX)) {
		f->left_out++;
		return;
	}
	if ((size_t)vsnprintf(text, sizeof text, fmt, ap) >= sizeof text)
		err_trim(text);
	arena_grow(f->arena, f->items, f->count, f->room);
	f->items[f->count++] = (struct diagnostic){ warning, at, arena_strdup(f->arena, text) };
}

bool diagnostics_add(struct diagnostics *f, struct pos at, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add_diagnostic(f, false, at, fmt, ap);
	va_end(ap);
	return false;
}

void diagnostics_warn(struct diagnostics *f, struct pos at, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add_diagnostic(f, true, at, fmt, ap);
	va_end(ap);
}

void diagnostics_append(struct diagnostics *f, const struct diagnostics *from)
{
	size_t errors = f->errors + from->errors;

	for (size_t i = 0; i < from->count; i++)
		if (from->items[i].warning)
			diagnostics_warn(f, from->items[i].at, "%s", from->items[i].message);
		else
			diagnostics_add(f, from->items[i].at, "%s", from->items[i].message);
	f->errors = errors;
	f->left_out += from->left_out;
}

static int diagnostics_order(const struct diagnostic *a, const struct diagnostic *b)
{
	int order = strcmp(a->at.file ? a->at.file : "", b->at.file ? b->at.file : "");

	if (order == 0)
		order = a->at.line - b->at.line;
	return order ? order : a->at.col - b->at.col;
}

void diagnostics_sort(struct diagnostics *f)
{
	/* Insertion: the list is short and almost in order, and equal places must not move. */
	for (size_t i = 1; i < f->count; i++) {
		struct diagnostic moved = f->items[i];
		size_t to = i;
		for (; to > 0 && diagnostics_order(&moved, &f->items[to - 1]) < 0; to--)
			f->items[to] = f->items[to - 1];
		f->items[to] = moved;
	}
}
