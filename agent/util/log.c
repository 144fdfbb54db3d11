#include "agent/util/log.h"

#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/util/clock.h"
#include "reconcile/base/printable.h"

enum { LINE_MAX_BYTES = 64 << 10 };

/* priority: as syslog(3) counts. */
static const struct { const char *word, *color, *prefix; int priority; } levels[] = {
	[LEVEL_ERROR] = { "error", "\033[1;31m", "error: ", 3 },
	[LEVEL_WARN] = { "warn", "\033[1;33m", "warning: ", 4 },
	[LEVEL_INFO] = { "info", "", "", 6 },
	[LEVEL_DEBUG] = { "debug", "\033[2m", "debug: ", 7 },
};

bool log_is_journal(FILE *to, const char *stream)
{
	CLEANUP(buf_done) struct buf own = BUF_TEXT;
	struct stat st;

	if (!stream || fileno(to) < 0 || fstat(fileno(to), &st) != 0)
		return false;
	buf_addf(&own, "%llu:%llu", (unsigned long long)st.st_dev, (unsigned long long)st.st_ino);
	return strcmp(buf_str(&own), stream) == 0;
}

static void log_add_json(struct buf *line, enum log_level level, const char *sync, const char *text)
{
	buf_adds(line, "{\"ts\":\"");
	timestamp_add(line, clock_now());
	buf_addf(line, "\",\"level\":\"%s\"", levels[level].word);
	/* A name of a sync has nothing in it that would have to be escaped. */
	if (sync)
		buf_addf(line, ",\"sync\":\"%s\"", sync);
	buf_adds(line, ",\"msg\":\"");
	/* Plain text has no control characters and is UTF-8: two characters are left that JSON
	 * minds. */
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			buf_addc(line, '\\');
		buf_addc(line, *text);
	}
	buf_adds(line, "\"}\n");
}

/* The journal knows when, and who. */
static void log_add_text(struct buf *line, const struct log *log, enum log_level level, const char *text)
{
	bool color = log->color && !log->journal && *levels[level].color;

	if (log->journal) {
		buf_addf(line, "<%d>", levels[level].priority);
	} else {
		if (log->times) {
			timestamp_add(line, clock_now());
			buf_addc(line, ' ');
		}
		buf_adds(line, "flowsync: ");
	}
	buf_addf(line, "%s%s%s%s%s%s\n", color ? levels[level].color : "", levels[level].prefix,
	         color ? "\033[0m" : "", log->sync ? log->sync : "", log->sync ? ": " : "", text);
}

static void PRINTF(3, 0) log_write_line(struct log *log, enum log_level level, const char *fmt, va_list ap)
{
	CLEANUP(buf_done) struct buf raw = BUF(LINE_MAX_BYTES), plain = BUF_TEXT;
	CLEANUP(buf_done) struct buf line = BUF_TEXT;

	if (level > log->level)
		return;
	buf_addv(&raw, fmt, ap);
	printable_add(&plain, buf_str(&raw));
	if (log->format == LOG_JSON)
		log_add_json(&line, level, log->sync, buf_str(&plain));
	else
		log_add_text(&line, log, level, buf_str(&plain));
	/* stderr is not buffered: one call is one write, and lines of two processes don't mix.
	 * A failure of this write cannot be reported. */
	fwrite(buf_str(&line), 1, line.len, log->to);
}

#define LOG_AT(level) do { \
	va_list ap; \
	va_start(ap, fmt); \
	log_write_line(log, level, fmt, ap); \
	va_end(ap); \
} while (0)

void log_error(struct log *log, const char *fmt, ...)
{
	LOG_AT(LEVEL_ERROR);
}

void log_warn(struct log *log, const char *fmt, ...)
{
	LOG_AT(LEVEL_WARN);
}

void log_info(struct log *log, const char *fmt, ...)
{
	LOG_AT(LEVEL_INFO);
}

void log_debug(struct log *log, const char *fmt, ...)
{
	LOG_AT(LEVEL_DEBUG);
}
