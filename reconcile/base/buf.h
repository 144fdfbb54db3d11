/* buf.h: text that is being built, with a limit that is given when it is made.
 *
 * `struct buf b = BUF(limit);` is ready to use; buf_done() frees it.  Text beyond
 * the limit is left out and `full` is set: the text stays a valid,
 * NUL-terminated string, and the caller that set the limit checks `full` once, at
 * the end.  Running out of memory ends the process. */
#ifndef RECONCILE_BASE_BUF_H
#define RECONCILE_BASE_BUF_H

#include <stdarg.h>

#include "reconcile/base/base.h"

struct buf {
	char *text;	/* NUL-terminated; NULL as long as nothing was added */
	size_t len, room, limit;
	bool full;	/* something was left out */
};

#define BUF(max)	((struct buf){ .limit = (max) })

/* For text whose size is bounded by its input. */
#define BUF_TEXT	BUF((size_t)1 << 30)

/* Append bytes, a string, a character, blanks, formatted text. */
void buf_add(struct buf *b, const void *bytes, size_t len);
void buf_adds(struct buf *b, const char *s);
void buf_addc(struct buf *b, char c);
void buf_add_blanks(struct buf *b, size_t count);
void buf_addf(struct buf *b, const char *fmt, ...) PRINTF(2, 3);
/* Appends the shortest decimal that reads back as real; it has a dot, and a sign in its exponent if it has one, so
 * that both JSON and YAML 1.1 read a real.  NaN and infinities are appended as YAML writes them: ".nan", ".inf"
 * and "-.inf". */
void buf_add_real(struct buf *b, double real);
void buf_addv(struct buf *b, const char *fmt, va_list ap) PRINTF(2, 0);

/* The text, "" if nothing was added.  Valid until the next call with b. */
const char *buf_str(const struct buf *b);
void buf_reset(struct buf *b);	/* empties it, keeps the memory */
void buf_done(struct buf *b);

#endif
