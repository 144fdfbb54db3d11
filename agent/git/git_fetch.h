/* git_fetch.h: mirror_update() in a child process with a time limit, as libgit2 has none and a fetch may block for
 * ever. */
#ifndef AGENT_GIT_GIT_FETCH_H
#define AGENT_GIT_GIT_FETCH_H

#include "agent/util/subprocess.h"
#include "agent/git/mirror.h"

enum { GIT_FETCH_MEMORY_MAX = 1 << 30 };	/* bytes of memory that a child may use */

/* The arguments of mirror_update(). */
struct git_fetch {
	const char *mirror;
	struct git_remote_place remote;
	struct git_ref ref;
	const char *path;
};

/* The time limit of a fetch, in milliseconds, in a cycle of timeout_ms: two minutes at most for what is new since the
 * last time; a first clone may take all of timeout_ms. */
int64_t git_fetch_limit(const struct git_fetch *fetch, int64_t timeout_ms);

/* Starts the child.  The caller reads its output, and kills it after git_fetch_limit() at the latest. */
bool git_fetch_start(const struct git_fetch *fetch, struct subprocess *out, struct err *err);

/* Reads the result from the output of a child that has ended.  Results and errors are those of mirror_update(). */
bool git_fetch_result(struct arena *a, const struct git_fetch *fetch, const struct subprocess *ended,
                      struct git_revision *out, struct diagnostics *warnings, struct err *err);

/* Starts the child and waits for the result, up to limit_ms or until stop_fd (-1: none) is readable. */
bool git_fetch_run(struct arena *a, const struct git_fetch *fetch, int64_t limit_ms, int stop_fd,
                   struct git_revision *out, struct diagnostics *warnings, struct err *err);

/* Writes and reads the document that a child gets on stdin.  It contains the token. */
void git_fetch_write(const struct git_fetch *fetch, struct buf *out);
bool git_fetch_read(struct arena *a, const char *document, size_t len, struct git_fetch *out, struct err *err);

/* For the child: runs the fetch of the document and returns the answer for stdout; NULL if the document is wrong. */
const char *git_fetch_serve(struct arena *a, const char *document, size_t len);

#endif
