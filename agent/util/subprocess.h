/* subprocess.h: runs this program again as a child, for work that may block for ever: a fetch, a whole cycle.
 * The parent can wait with a deadline and kill the child; both share nothing but files.  A hidden command reads its
 * order as a document from stdin and prints a document on stdout; it inherits stderr. */
#ifndef AGENT_UTIL_SUBPROCESS_H
#define AGENT_UTIL_SUBPROCESS_H

#include <stdint.h>
#include <sys/types.h>

#include "reconcile/base/buf.h"
#include "reconcile/base/err.h"

enum { SUBPROCESS_OUTPUT_MAX = 256 << 20 };	/* bytes of its stdout; what comes after them is dropped */

struct subprocess {
	pid_t pid;		/* 0: none runs, or it was waited for */
	int exited;		/* becomes readable when it has ended: a pipe that only it holds open */
	int out;		/* its stdout, read by subprocess_read() */
	struct buf said;	/* of its stdout so far */
	int status;		/* as of waitpid(), once it has ended */
};

#define SUBPROCESS_INIT	((struct subprocess){ .exited = -1, .out = -1, .said = BUF(SUBPROCESS_OUTPUT_MAX) })

/* Starts `command` with the arguments words (ends with NULL; NULL: none) and input on its stdin; keeps none of the
 * parameters.  keep: a descriptor that the child inherits under the same number; -1: none.  The child gets SIGTERM
 * when this process dies.  SIGTERM and SIGINT end it until it watches for them; it ignores SIGHUP and SIGUSR1, and
 * SIGUSR2 is blocked until it unblocks it.  To be called in the main thread. */
bool subprocess_start(const char *command, const char *const *words, const char *input, size_t len,
                 int keep, struct subprocess *out, struct err *err);

struct subprocess_setup {
	int in, out;		/* its stdin and stdout */
	int keep;		/* as of subprocess_start() */
	/* Without an environment, because processes that it starts could read it; in a new session; ignores SIGINT,
	 * SIGTERM and SIGQUIT too; goes on when this process dies, which it has to notice itself.  Any thread may
	 * start it. */
	bool apart;
};

/* Only starts `command` in the same way: the caller waits for *pid.  *ended becomes readable when the child, and all
 * processes that inherited this descriptor from it, have ended. */
bool subprocess_spawn(const char *command, const char *const *words, const struct subprocess_setup *place,
                 pid_t *pid, int *ended, struct err *err);

/* In the child: reads the document on stdin. */
void subprocess_read_document(struct buf *out);

/* Reads the output that is there, without waiting.  True once the child has ended and all its output was read:
 * status is set. */
bool subprocess_read(struct subprocess *child);

/* Waits until the child has ended.  After timeout_ms, or when stop_fd (-1: none) becomes readable, the child is
 * killed: false, and *err says which of both it was. */
bool subprocess_wait(struct subprocess *child, int64_t timeout_ms, int stop_fd, struct err *err);

/* Does nothing when the child has ended and was waited for. */
void subprocess_signal(const struct subprocess *child, int number);

/* Kills the child if it still runs, and frees its output.  Takes SUBPROCESS_INIT. */
void subprocess_close(struct subprocess *child);

#endif
