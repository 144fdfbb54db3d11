#include "agent/service/exec/attempt_log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/service/exec/attempt.h"
#include "agent/util/fd.h"

enum { OUT_MAX = 64 << 10, MARK_ROOM = 32 };

/* The output that came after the head was full, in a ring and not split into lines, since most of it is overwritten.
 * Marks at the beginnings of some lines hold the time: a NUL, milliseconds and a space.  A NUL in the output itself
 * becomes 0xff, which is not a character either. */
struct attempt_log_tail {
	char ring[ATTEMPT_TAIL_MAX];
	uint64_t total;		/* bytes added so far, with the marks */
	uint64_t printed;	/* bytes of output added so far */
	uint64_t lost_lines;	/* newlines that were overwritten */
	bool line_begins;
};

/* ---- the file ---- */

/* The disk is full, and what could be written may end within a line.  Cuts that off, if possible, and ends the log. */
static void attempt_log_stop_writing(struct attempt_log *log, size_t done)
{
	const char *newline = done ? memrchr(log->out.text, '\n', done) : NULL;
	size_t whole = newline ? (size_t)(newline + 1 - log->out.text) : 0;

	if (done > whole && ftruncate(log->fd, (off_t)(log->size - log->out.len + whole)) == 0)
		log->size -= log->out.len - whole;
	fd_close(&log->fd);
}

static void attempt_log_flush(struct attempt_log *log)
{
	size_t done = 0;

	while (log->fd >= 0 && done < log->out.len) {
		ssize_t n = write(log->fd, log->out.text + done, log->out.len - done);
		if (n > 0)
			done += (size_t)n;
		else if (n == 0 || errno != EINTR)
			attempt_log_stop_writing(log, done);
	}
	buf_reset(&log->out);
}

static size_t attempt_log_line_size(int64_t ms, size_t len)
{
	return (size_t)snprintf(NULL, 0, "%lld \n", (long long)ms) + len;
}

/* continues: no newline is between the line before and this one. */
static void attempt_log_append_line(struct attempt_log *log, int64_t ms, const char *text, size_t len, bool continues)
{
	if (log->out.len + attempt_log_line_size(ms, len) > OUT_MAX)
		attempt_log_flush(log);
	log->size += attempt_log_line_size(ms, len);
	buf_addf(&log->out, "%lld%c", (long long)ms, continues ? '+' : ' ');
	buf_add(&log->out, text, len);
	buf_addc(&log->out, '\n');
}

/* ---- the tail: the newest output ---- */

static uint64_t attempt_log_count_newlines(const char *bytes, size_t len)
{
	uint64_t count = 0;

	for (size_t i = 0; i < len; i++)
		count += bytes[i] == '\n';
	return count;
}

static void attempt_log_tail_copy(struct attempt_log_tail *t, const char *bytes, size_t len, bool is_mark)
{
	char *to = t->ring + t->total % sizeof t->ring;

	if (t->total >= sizeof t->ring)
		t->lost_lines += attempt_log_count_newlines(to, len);
	memcpy(to, bytes, len);
	for (char *nul = to; !is_mark && (nul = memchr(nul, '\0', (size_t)(to + len - nul))); )
		*nul = '\xff';
	t->total += len;
}

static void attempt_log_tail_append(struct attempt_log_tail *t, const char *bytes, size_t len, bool is_mark)
{
	t->printed += is_mark ? 0 : len;
	while (len > 0) {
		size_t room = sizeof t->ring - t->total % sizeof t->ring, part = len < room ? len : room;
		attempt_log_tail_copy(t, bytes, part, is_mark);
		bytes += part;
		len -= part;
	}
}

static void attempt_log_tail_append_time(struct attempt_log_tail *t, int64_t ms)
{
	char mark[MARK_ROOM] = "";

	attempt_log_tail_append(t, mark, 1 + (size_t)snprintf(mark + 1, sizeof mark - 1, "%lld ", (long long)ms), true);
}

/* One mark, before the first line that begins here, is enough for all lines of this output. */
static void attempt_log_tail_append_output(struct attempt_log_tail *t, const char *bytes, size_t len, int64_t ms)
{
	if (!t->line_begins) {
		const char *newline = memchr(bytes, '\n', len);
		size_t part = newline ? (size_t)(newline + 1 - bytes) : len;
		attempt_log_tail_append(t, bytes, part, false);
		t->line_begins = newline;
		bytes += part;
		len -= part;
	}
	if (len == 0)
		return;
	attempt_log_tail_append_time(t, ms);
	attempt_log_tail_append(t, bytes, len, false);
	t->line_begins = bytes[len - 1] == '\n';
}

/* ---- the head ---- */

static void attempt_log_start_tail(struct attempt_log *log)
{
	log->tail = malloc(sizeof *log->tail);
	if (!log->tail) {
		fputs("out of memory\n", stderr);
		abort();
	}
	log->tail->total = log->tail->printed = log->tail->lost_lines = 0;
	log->tail->line_begins = true;
}

static void attempt_log_take_line(void *context, int64_t ms, const char *text, size_t len)
{
	struct attempt_log *log = context;

	if (!log->tail && log->size + attempt_log_line_size(ms, len) > ATTEMPT_HEAD_MAX)
		attempt_log_start_tail(log);
	if (!log->tail) {
		attempt_log_append_line(log, ms, text, len, log->lines.continues);
		return;
	}
	attempt_log_tail_append_output(log->tail, text, len, ms);
	attempt_log_tail_append_output(log->tail, "\n", 1, ms);
}

/* The head became full while the line splitter still held output: that belongs to the tail. */
static void attempt_log_move_pending(struct attempt_log *log, int64_t ms)
{
	struct line_splitter *l = &log->lines;
	size_t covered = l->covered < l->raw.len ? l->covered : l->raw.len;

	attempt_log_tail_append_output(log->tail, buf_str(&l->text), l->text.len, ms);
	attempt_log_tail_append_output(log->tail, buf_str(&l->raw) + covered, l->raw.len - covered, ms);
	line_splitter_done(l);
}

/* ---- writing the tail ---- */

struct attempt_log_replay {
	struct attempt_log *log;
	const struct line_splitter *lines_of_tail;
	size_t room;		/* bytes of all lines that are still to come */
	uint64_t lines, bytes;	/* left out */
	bool omission_written;
};

static void attempt_log_measure_line(void *context, int64_t ms, const char *text, size_t len)
{
	struct attempt_log_replay *e = context;

	e->room += attempt_log_line_size(ms, len);
}

static void attempt_log_write_omission(struct attempt_log_replay *e, int64_t ms)
{
	CLEANUP(buf_done) struct buf text = BUF(256);

	if (e->lines + e->bytes > 0 && !e->omission_written) {
		buf_addf(&text, "... %llu lines (%llu bytes) left out ...", (unsigned long long)e->lines,
		         (unsigned long long)e->bytes);
		attempt_log_append_line(e->log, ms, buf_str(&text), text.len, false);
	}
	e->omission_written = true;
}

static void attempt_log_write_tail_line(void *context, int64_t ms, const char *text, size_t len)
{
	struct attempt_log_replay *e = context;

	if (e->room > ATTEMPT_TAIL_MAX) {
		e->room -= attempt_log_line_size(ms, len);
		e->lines++;
		e->bytes += len + 1;
		return;
	}
	attempt_log_write_omission(e, ms);
	attempt_log_append_line(e->log, ms, text, len, e->lines_of_tail->continues);
}

/* Returns the time of the mark at *at, and moves *at behind the mark. */
static int64_t attempt_log_read_mark(const char **at, const char *end)
{
	int64_t ms = 0;
	const char *p = *at;

	for (p++; p < end && *p >= '0' && *p <= '9'; p++)
		ms = ms * 10 + (*p - '0');
	*at = p < end && *p == ' ' ? p + 1 : p;
	return ms;
}

/* Splits the kept output into lines for emit, and returns the number of its bytes, without marks.  Output before the
 * first mark gets the time of that mark: it came little before. */
static uint64_t attempt_log_split_tail(struct attempt_log_replay *e, const char *kept, size_t len, int64_t ms,
                                       void (*emit)(void *, int64_t, const char *, size_t))
{
	struct line_splitter lines;
	const char *end = kept + len, *mark = len ? memchr(kept, '\0', len) : NULL;
	uint64_t printed = 0;

	line_splitter_init(&lines, &e->log->secrets, emit, e);
	e->lines_of_tail = &lines;
	if (mark)
		ms = attempt_log_read_mark(&(const char *){ mark }, end);
	while (kept < end) {
		mark = memchr(kept, '\0', (size_t)(end - kept));
		size_t part = (size_t)((mark ? mark : end) - kept);
		line_splitter_add(&lines, kept, part, ms);
		printed += part;
		kept += part;
		if (mark)
			ms = attempt_log_read_mark(&kept, end);
	}
	line_splitter_end(&lines, ms);
	line_splitter_done(&lines);
	e->lines_of_tail = NULL;
	return printed;
}

/* Returns how many bytes to skip: the rest of a line whose beginning was overwritten may begin within a secret or a
 * mark.  Of a very long line the rest is kept, but not from within a secret. */
static size_t attempt_log_skip_partial_line(const struct attempt_log *log, const char *kept, size_t len)
{
	const char *newline = memchr(kept, '\n', ATTEMPT_LINE_MAX);
	size_t unsure = log->secrets.longest + MARK_ROOM;

	if (newline)
		return (size_t)(newline + 1 - kept);
	for (size_t i = 0; i < unsure && i < len; i++) {
		size_t end = i + redactor_at(&log->secrets, kept + i, len - i);
		unsure = end > unsure ? end : unsure;
	}
	return unsure < len ? unsure : len;
}

static void attempt_log_write_tail(struct attempt_log *log, int64_t ms)
{
	struct attempt_log_tail *t = log->tail;
	CLEANUP(buf_done) struct buf kept = BUF(sizeof t->ring);
	struct attempt_log_replay e = { .log = log };
	size_t at = t->total % sizeof t->ring, skip = 0;

	if (t->total > sizeof t->ring) {
		buf_add(&kept, t->ring + at, sizeof t->ring - at);
		buf_add(&kept, t->ring, at);
		skip = attempt_log_skip_partial_line(log, kept.text, kept.len);
		e.lines = t->lost_lines + 1;
	} else {
		buf_add(&kept, t->ring, (size_t)t->total);
	}
	e.bytes = t->printed - attempt_log_split_tail(&e, buf_str(&kept) + skip, kept.len - skip, ms,
	                                              attempt_log_measure_line);
	attempt_log_split_tail(&e, buf_str(&kept) + skip, kept.len - skip, ms, attempt_log_write_tail_line);
	attempt_log_write_omission(&e, ms);
}

/* ---- public functions ---- */

bool attempt_log_open(struct arena *a, const char *path, const char *const *masks,
                      struct attempt_log *out, struct err *err)
{
	struct attempt_log log = { .out = BUF(OUT_MAX) };

	log.fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW | O_NONBLOCK,
	              0600);
	if (log.fd < 0)
		return err_sys(err, errno, "make the log \"%s\"", path);
	redactor_init(a, masks, &log.secrets);
	*out = log;
	line_splitter_init(&out->lines, &out->secrets, attempt_log_take_line, out);
	return true;
}

void attempt_log_add(struct attempt_log *log, const char *bytes, size_t len, int64_t ms)
{
	if (log->fd < 0)
		return;
	log->ended_in_line &= len == 0;
	/* In small parts, so that little output is split into lines, which is slow, once the head is full. */
	while (len > 0 && !log->tail) {
		size_t part = len < 4096 ? len : 4096;
		line_splitter_add(&log->lines, bytes, part, ms);
		bytes += part;
		len -= part;
		if (log->tail)
			attempt_log_move_pending(log, ms);
	}
	attempt_log_flush(log);
	if (log->tail)
		attempt_log_tail_append_output(log->tail, bytes, len, ms);
}

void attempt_log_pause(struct attempt_log *log, int64_t ms)
{
	if (log->fd < 0 || log->tail)
		return;
	line_splitter_pause(&log->lines, ms);
	if (log->tail)
		attempt_log_move_pending(log, ms);
	attempt_log_flush(log);
}

void attempt_log_end_line(struct attempt_log *log, int64_t ms)
{
	if (log->fd < 0)
		return;
	log->ended_in_line |= log->tail ? !log->tail->line_begins
	                                : line_splitter_is_waiting(&log->lines) || log->lines.broken_off;
	if (!log->tail) {
		line_splitter_end(&log->lines, ms);
		if (log->tail)
			attempt_log_move_pending(log, ms);
		attempt_log_flush(log);
	} else if (!log->tail->line_begins) {
		attempt_log_tail_append_output(log->tail, "\n", 1, ms);
	}
}

void attempt_log_printf(struct attempt_log *log, int64_t ms, const char *fmt, ...)
{
	CLEANUP(buf_done) struct buf text = BUF(ATTEMPT_LINE_MAX);
	va_list ap;

	va_start(ap, fmt);
	buf_addv(&text, fmt, ap);
	va_end(ap);
	buf_addc(&text, '\n');
	attempt_log_end_line(log, ms);
	attempt_log_add(log, buf_str(&text), text.len, ms);
}

void attempt_log_close(struct attempt_log *log, int64_t ms)
{
	attempt_log_end_line(log, ms);
	if (log->fd >= 0 && log->tail)
		attempt_log_write_tail(log, ms);
	if (log->fd >= 0 && log->ended_in_line)
		attempt_log_append_line(log, ms, "", 0, true);
	attempt_log_flush(log);
	fd_close(&log->fd);
	line_splitter_done(&log->lines);
	buf_done(&log->out);
	free(log->tail);
	log->tail = NULL;
}
