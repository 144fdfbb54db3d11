#include "agent/service/engine/log_ingest.h"

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/util/fd.h"
#include "agent/util/clock.h"

enum { LOG_PART_MAX = 128 << 10 };	/* bytes of a log that are one row of the store */

/* Opens the log of an attempt; -1: it has none that can be read.  The step may have replaced the file by anything:
 * opening a pipe would block, and /dev/urandom has no end. */
static int open_attempt_log(const char *folder)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	int fd = open(arena_printf(&a, "%s/log", folder), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	struct stat st;

	if (fd >= 0 && (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)))
		fd_close(&fd);
	return fd;
}

/* Reads the whole lines among the next `room` bytes of the log, and returns their length; 0: no whole line yet. */
static size_t read_whole_log_lines(int fd, int64_t from, char *out, size_t room)
{
	ssize_t len = from < LOG_INGEST_MAX ? pread(fd, out, room, from) : 0;
	const char *end = len > 0 ? memrchr(out, '\n', (size_t)len) : NULL;
	size_t lines = end ? (size_t)(end - out) + 1 : 0;

	out[lines] = '\0';
	return lines;
}

bool log_ingest_store(struct store *store, const struct log_ingest *log, struct err *err)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	CLEANUP(fd_close) int fd = open_attempt_log(log->folder);
	unsigned attempt;
	struct stat st;
	int64_t from;
	size_t len;

	if (fd < 0 || fstat(fd, &st) < 0 || st.st_size == 0)
		return true;
	if (!execution_store_log_end(store, log->execution, log->step, &attempt, &from, err))
		return false;
	from = attempt == log->attempt ? from : 0;
	size_t room = st.st_size < LOG_PART_MAX ? (size_t)st.st_size : LOG_PART_MAX;
	char *part = arena_new(&a, char, room + 1);
	for (; (len = read_whole_log_lines(fd, from, part, room)); from += len)
		if (!execution_store_log_add(store, log->execution, log->step, log->attempt, from + (int64_t)len,
		                             part, err))
			return false;
	return true;
}

/* If the store has nothing of this attempt yet, its log is still read from its beginning: upto 0. */
bool log_ingest_note(struct store *store, const struct log_ingest *log, const char *notes, struct err *err)
{
	CLEANUP(buf_done) struct buf text = BUF_TEXT;
	unsigned attempt;
	int64_t upto, now = clock_now();

	if (!*notes)
		return true;
	if (!execution_store_log_end(store, log->execution, log->step, &attempt, &upto, err))
		return false;
	for (const char *end; (end = strchr(notes, '\n')); notes = end + 1)
		buf_addf(&text, "%" PRId64 " %.*s\n", now, (int)(end - notes), notes);
	upto = attempt == log->attempt ? upto : 0;
	return execution_store_log_add(store, log->execution, log->step, log->attempt, upto,
	                               buf_str(&text), err);
}

int64_t log_ingest_size(const char *folder)
{
	CLEANUP(fd_close) int fd = open_attempt_log(folder);
	struct stat st;

	return fd >= 0 && fstat(fd, &st) == 0 ? st.st_size : 0;
}
