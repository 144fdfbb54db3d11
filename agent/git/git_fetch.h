/* git_fetch.h: mirror_update() in a child, since a fetch may block for ever: libgit2 knows no time
 * limit. */
#ifndef AGENT_GIT_GIT_FETCH_H
#define AGENT_GIT_GIT_FETCH_H

#include "agent/util/subprocess.h"
#include "agent/git/mirror.h"

enum { GIT_FETCH_MEMORY_MAX = 1 << 30 };	/* bytes that a child may have */

/* The arguments of mirror_update(). */
struct git_fetch {
	const char *mirror;
	struct git_remote_place remote;
	struct git_ref ref;
	const char *path;
};

/* How long it may take, in a cycle that has timeout_ms: the one place where that is decided.  Two
 * minutes are much for what is new since the last time, and nothing is known of a first one. */
int64_t git_fetch_limit(const struct git_fetch *fetch, int64_t timeout_ms);

/* Starts it; the child is to be read and, at the latest after git_fetch_limit(), to be killed. */
bool git_fetch_start(const struct git_fetch *fetch, struct subprocess *out, struct err *err);

/* What a child said that has ended.  The same as mirror_update(). */
bool git_fetch_result(struct arena *a, const struct git_fetch *fetch, const struct subprocess *ended,
                      struct git_revision *out, struct diagnostics *warnings, struct err *err);

/* All of it: starts, waits up to limit_ms or until stop_fd (-1: none) is readable. */
bool git_fetch_run(struct arena *a, const struct git_fetch *fetch, int64_t limit_ms, int stop_fd,
                   struct git_revision *out, struct diagnostics *warnings, struct err *err);

/* The document for a child's stdin, and back; it holds the token. */
void git_fetch_write(const struct git_fetch *fetch, struct buf *out);
bool git_fetch_read(struct arena *a, const char *document, size_t len, struct git_fetch *out, struct err *err);

/* The child's side: does what the document asks for, and gives its answer. */
const char *git_fetch_serve(struct arena *a, const char *document, size_t len);

#endif
