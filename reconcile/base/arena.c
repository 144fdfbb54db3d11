#include "reconcile/base/arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Bytes.  The first page is small and each is twice as large as the one before, up to PAGE: a cycle over thousands of
 * workflows, and a service with many executions in progress, have thousands of small arenas. */
enum { FIRST_PAGE = 4 * 1024, PAGE = 64 * 1024 };

/* What a reset keeps at most: one large pass must not cost memory for ever. */
enum { KEPT_PAGES = 16 };

/* With sanitizers a reset frees all memory, as only then a use of what was there is found. */
#ifndef __has_feature
#define __has_feature(feature)	0
#endif
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
enum { KEEPS_PAGES = false };
#else
enum { KEEPS_PAGES = true };
#endif

struct arena_page {
	struct arena_page *older;
	char *used, *end;	/* used: behind the last byte given out, once a newer page exists; up to end there is room */
	max_align_t data[];	/* zeros behind what was given out */
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

/* A page of zeros with room for want bytes: a kept one, or a new one. */
static struct arena_page *take_page(struct arena *a, size_t want)
{
	struct arena_page *page = a->kept;

	if (page && (size_t)(page->end - (char *)page->data) >= want) {
		a->kept = page->older;
		a->kept_count--;
		return page;
	}
	size_t room = size_of_next_page(a);
	if (room < want)
		room = want;
	page = xcalloc(sizeof *page + room);
	page->end = (char *)page->data + room;
	return page;
}

static void add_page(struct arena *a, size_t want)
{
	struct arena_page *page = take_page(a, want);

	if (a->pages)
		a->pages->used = a->next;
	page->older = a->pages;
	a->pages = page;
	a->next = (char *)page->data;
	a->end = page->end;
}

void *arena_alloc(struct arena *a, size_t count, size_t size, size_t align)
{
	size_t want, gap = -(uintptr_t)a->next & (align - 1);

	if (__builtin_mul_overflow(count, size, &want) || want > SIZE_MAX / 2)
		abort();
	if (!a->next || gap + want > (size_t)(a->end - a->next)) {
		add_page(a, want);
		gap = 0;
	}
	void *p = a->next + gap;
	a->next += gap + want;
	return p;
}

void arena_reserve(struct arena *a, size_t size)
{
	if (size > (size_t)(a->end - a->next))
		add_page(a, size);
}

char *arena_strdup(struct arena *a, const char *s)
{
	size_t size = strlen(s) + 1;
	return memcpy(arena_alloc(a, size, 1, 1), s, size);
}

char *arena_strdup_or_null(struct arena *a, const char *s)
{
	return s ? arena_strdup(a, s) : NULL;
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

static void free_pages(struct arena_page *page)
{
	for (struct arena_page *older; page; page = older) {
		older = page->older;
		free(page);
	}
}

void arena_free(struct arena *a)
{
	free_pages(a->pages);
	free_pages(a->kept);
	*a = (struct arena){ 0 };
}

void arena_reset(struct arena *a)
{
	struct arena now = { .kept = a->kept, .kept_count = a->kept_count };

	if (a->pages)
		a->pages->used = a->next;
	for (struct arena_page *page = a->pages, *older; page; page = older) {
		older = page->older;
		size_t used = (size_t)(page->used - (char *)page->data);
		if (!KEEPS_PAGES || now.kept_count == KEPT_PAGES || page->end - (char *)page->data > PAGE) {
			free(page);
			continue;
		}
		memset(page->data, 0, used);
		page->older = now.kept;
		now.kept = page;
		now.kept_count++;
	}
	*a = now;
}

void arena_join(struct arena *a, struct arena *from)
{
	struct arena_page *last = from->pages;

	free_pages(from->kept);
	if (from->pages)
		from->pages->used = from->next;
	if (!a->pages) {
		a->pages = from->pages;
		a->next = from->next;
		a->end = from->end;
	} else if (last) {
		/* Behind the newest page: a may have many, and goes on in its newest. */
		while (last->older)
			last = last->older;
		last->older = a->pages->older;
		a->pages->older = from->pages;
	}
	*from = (struct arena){ 0 };
}
