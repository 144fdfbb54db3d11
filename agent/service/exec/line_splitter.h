/* line_splitter.h: splits the output of a program into lines of at most ATTEMPT_LINE_MAX bytes of UTF-8, without
 * newline or NUL, in which secrets are masked.  A carriage return stays. */
#ifndef AGENT_SERVICE_EXEC_LINE_SPLITTER_H
#define AGENT_SERVICE_EXEC_LINE_SPLITTER_H

#include <stdint.h>

#include "agent/service/exec/redactor.h"
#include "reconcile/base/buf.h"

struct line_splitter {
	const struct redactor *secrets;
	void (*emit)(void *context, int64_t ms, const char *text, size_t len);
	void *context;
	struct buf raw;		/* output behind the last newline, not yet examined */
	size_t covered;		/* bytes at the beginning of raw that belong to a secret already masked */
	struct buf text;	/* the line so far: it comes before raw */
	bool continues;		/* no newline is between the line before and the one that is emitted */
	bool broken_off;	/* what came before text was emitted as a line by line_splitter_pause() */
};

/* emit is called for each line; ms is the time of the output that ended the line.  secrets must outlive l. */
void line_splitter_init(struct line_splitter *lines, const struct redactor *secrets,
                void (*emit)(void *context, int64_t ms, const char *text, size_t len), void *context);

void line_splitter_add(struct line_splitter *lines, const char *bytes, size_t len, int64_t ms);

/* True if the beginning of a line waits for its end. */
bool line_splitter_is_waiting(const struct line_splitter *lines);

/* Emits the beginning of a line as a line, except for what may be half a secret or half a character: more may come. */
void line_splitter_pause(struct line_splitter *lines, int64_t ms);

/* The same at the end of the output: half a secret is masked too. */
void line_splitter_end(struct line_splitter *lines, int64_t ms);

void line_splitter_done(struct line_splitter *lines);

#endif
