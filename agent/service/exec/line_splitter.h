/* line_splitter.h: what a program prints, as lines that can be kept: each at most ATTEMPT_LINE_MAX bytes of
 * UTF-8 without a newline or a NUL, and none with a secret in it. */
#ifndef AGENT_SERVICE_EXEC_LINE_SPLITTER_H
#define AGENT_SERVICE_EXEC_LINE_SPLITTER_H

#include <stdint.h>

#include "agent/service/exec/redactor.h"
#include "reconcile/base/buf.h"

struct line_splitter {
	const struct redactor *secrets;
	void (*emit)(void *context, int64_t ms, const char *text, size_t len);
	void *context;
	struct buf raw;		/* as it came: what stands behind the last newline */
	size_t covered;		/* bytes at its beginning that belong to a secret that was masked already */
	struct buf text;	/* of the line, before raw */
	bool broken_off;	/* what stood before text is a line already, because nothing came any more */
};

/* emit is called for each line; ms is what came with its end.  secrets has to stay. */
void line_splitter_init(struct line_splitter *lines, const struct redactor *secrets,
                void (*emit)(void *context, int64_t ms, const char *text, size_t len), void *context);

void line_splitter_add(struct line_splitter *lines, const char *bytes, size_t len, int64_t ms);

/* True if something waits for the end of its line. */
bool line_splitter_is_waiting(const struct line_splitter *lines);

/* That waits no longer, but for what may be half a secret or half a character: more may come. */
void line_splitter_pause(struct line_splitter *lines, int64_t ms);

/* The same when nothing will come any more: half a secret is masked too. */
void line_splitter_end(struct line_splitter *lines, int64_t ms);

void line_splitter_done(struct line_splitter *lines);

#endif
