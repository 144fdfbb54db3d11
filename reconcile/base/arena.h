/* arena.h: memory that is freed all at once, at the end of a pass.
 * `struct arena a = { 0 };` is ready to use; its owner calls arena_free().  Running out of memory ends the
 * process, so nothing here can fail. */
#ifndef RECONCILE_BASE_ARENA_H
#define RECONCILE_BASE_ARENA_H

#include <stdalign.h>

#include "reconcile/base/base.h"

struct arena {
	struct arena_page *pages;	/* newest first */
	char *next, *end;		/* the free part of the newest page */
	struct arena_page *kept;	/* empty pages, which are used before new ones are allocated */
	size_t kept_count;
};

/* Returns count * size zeroed bytes, aligned to align, valid until arena_free() or arena_reset(). */
void *arena_alloc(struct arena *a, size_t count, size_t size, size_t align)
    __attribute__((alloc_size(2, 3), returns_nonnull));
/* The next size bytes are given out from one piece of memory. */
void arena_reserve(struct arena *a, size_t size);
/* A copy of s. */
char *arena_strdup(struct arena *a, const char *s) __attribute__((returns_nonnull));
/* The same; NULL gives NULL. */
char *arena_strdup_or_null(struct arena *a, const char *s);
/* The first len bytes of s, as a string. */
char *arena_strndup(struct arena *a, const char *s, size_t len) __attribute__((returns_nonnull));
char *arena_printf(struct arena *a, const char *fmt, ...) PRINTF(2, 3) __attribute__((returns_nonnull));
/* Frees everything in a, which is empty and ready to use afterwards. */
void arena_free(struct arena *a);
/* Ends everything in a, as arena_free() does, but keeps up to 1 MiB of its pages for what comes next: for the scratch
 * memory of a loop.  The owner still calls arena_free(). */
void arena_reset(struct arena *a);
/* Moves everything that lives in `from` to a; from is empty afterwards. */
void arena_join(struct arena *a, struct arena *from);

#define arena_new(a, type, n)	((type *)arena_alloc(a, n, sizeof(type), alignof(type)))

/* Makes room for one more item in a growing array of the arena: items, count and room
 * are lvalues.  The old array stays valid as long as the new one. */
#define arena_grow(a, items, count, room) \
	((items) = arena_more((a), (items), (count), &(room), sizeof *(items)))
void *arena_more(struct arena *a, void *items, size_t count, size_t *room, size_t size);

#endif
