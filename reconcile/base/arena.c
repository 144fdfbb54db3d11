#include "reconcile/base/arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Bytes.  The first page is small and each is twice as large as the one before, up to PAGE: a cycle over thousands of
 * workflows, and a service with many executions in progress, have thousands of small arenas. */
enum { FIRST_PAGE = 4 * 1024, PAGE = 64 * 1024 };

struct arena_page {
	struct arena_page *older;
	max_align_t data[];
};

static void *xcalloc(size_t size)
{
	void *p = calloc(1, size);
	if (!p) {
		fputs("out of memory\n", stderr);
		abort();
	}
	return p;
}

static size_t size_of_next_page(const struct arena *a)
{
	size_t room = a->pages ? (size_t)(a->end - (char *)a->pages->data) * 2 : FIRST_PAGE;

	return room < PAGE ? room : PAGE;
}

void *arena_alloc(struct arena *a, size_t count, size_t size, size_t align)
{
	size_t want, gap = -(uintptr_t)a->next & (align - 1);

	if (__builtin_mul_overflow(count, size, &want) || want > SIZE_MAX / 2)
		abort();
	if (!a->next || gap + want > (size_t)(a->end - a->next)) {
		size_t room = size_of_next_page(a);
		if (room < want)
			room = want;
		struct arena_page *page = xcalloc(sizeof *page + room);
		page->older = a->pages;
		a->pages = page;
		a->next = (char *)page->data;
		a->end = a->next + room;
		gap = 0;
	}
	void *p = a->next + gap;
	a->next += gap + want;
	return p;
}

char *arena_strdup(struct arena *a, const char *s)
{
	size_t size = strlen(s) + 1;
	return memcpy(arena_alloc(a, size, 1, 1), s, size);
}

char *arena_strndup(struct arena *a, const char *s, size_t len)
{
	char *copy = arena_alloc(a, len + 1, 1, 1);
	return memcpy(copy, s, len);
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	int len = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	char *text = arena_alloc(a, (size_t)len + 1, 1, 1);
	va_start(ap, fmt);
	vsnprintf(text, (size_t)len + 1, fmt, ap);
	va_end(ap);
	return text;
}

void *arena_more(struct arena *a, void *items, size_t count, size_t *room, size_t size)
{
	if (count < *room)
		return items;
	size_t more = *room ? *room * 2 : 8;
	void *grown = arena_alloc(a, more, size, alignof(max_align_t));
	if (count)
		memcpy(grown, items, count * size);
	*room = more;
	return grown;
}

void arena_free(struct arena *a)
{
	for (struct arena_page *page = a->pages, *older; page; page = older) {
		older = page->older;
		free(page);
	}
	*a = (struct arena){ 0 };
}

void arena_join(struct arena *a, struct arena *from)
{
	struct arena_page **end = &a->pages;

	if (!a->pages) {
		*a = *from;
	} else {
		while (*end)
			end = &(*end)->older;
		*end = from->pages;
	}
	*from = (struct arena){ 0 };
}
