#include "agent/cmd/log_output.h"

#include <string.h>

#include "agent/util/clock.h"
#include "reconcile/base/printable.h"

/* Escapes control characters, but keeps tabs: they are harmless and align columns. */
static void log_output_add_plain(struct buf *out, const char *text)
{
	for (size_t len; ; text += len + 1) {
		CLEANUP(buf_done) struct buf part = BUF_TEXT;
		len = strcspn(text, "\t");
		buf_add(&part, text, len);
		printable_add(out, buf_str(&part));
		if (!text[len])
			return;
		buf_addc(out, '\t');
	}
}

static void log_output_print_line(const struct log_output *p, const char *step, int64_t ms, const char *text,
                                  size_t len)
{
	CLEANUP(buf_done) struct buf line = BUF_TEXT, message = BUF_TEXT;

	if (p->many) {
		printable_add(&line, step);
		buf_adds(&line, " | ");
	}
	if (ms >= 0) {
		timestamp_add(&line, ms);
		buf_addc(&line, ' ');
	}
	buf_add(&message, text, len);
	if (p->raw)
		buf_adds(&line, buf_str(&message));
	else
		log_output_add_plain(&line, buf_str(&message));
	fprintf(p->out, "%s\n", buf_str(&line));
}

/* A message may have several lines, and most end with a newline. */
static void log_output_print_message(void *context, const char *step, int64_t ms, const char *message)
{
	do {
		size_t len = strcspn(message, "\n");
		size_t shown = len && message[len - 1] == '\r' ? len - 1 : len;
		log_output_print_line(context, step, ms, message, shown);
		message += len + (message[len] == '\n');
	} while (*message);
}

static void log_output_flush(void *context)
{
	fflush(((const struct log_output *)context)->out);
}

static bool log_output_is_closed(void *context)
{
	const struct log_output *print = context;

	return print->ends && ferror(print->out);
}

struct execution_log_sink log_output_lines(struct log_output *print)
{
	return (struct execution_log_sink){ log_output_print_message, log_output_flush, log_output_is_closed, print };
}
