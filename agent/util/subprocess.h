/* subprocess.h: this program run again as a child that can be waited for with a deadline, and be
 * killed: whatever may block for ever, a fetch or a whole cycle, runs in one, and shares nothing
 * with the agent but files.  A hidden command is told by a document on its stdin what to do, and
 * answers with one on its stdout; stderr is ours. */
#ifndef AGENT_UTIL_SUBPROCESS_H
#define AGENT_UTIL_SUBPROCESS_H

#include <stdint.h>
#include <sys/types.h>

#include "reconcile/base/buf.h"
#include "reconcile/base/err.h"

enum { SUBPROCESS_OUTPUT_MAX = 256 << 20 };	/* bytes of its stdout; one that says more is cut */

struct subprocess {
	pid_t pid;		/* 0: none runs, or it was waited for */
	int exited;		/* becomes readable when it has ended: a pipe that only it holds open */
	int out;		/* its stdout, read by subprocess_read() */
	struct buf said;	/* of its stdout so far */
	int status;		/* as of waitpid(), once it has ended */
};

#define SUBPROCESS_INIT	((struct subprocess){ .exited = -1, .out = -1, .said = BUF(SUBPROCESS_OUTPUT_MAX) })

/* Starts `command` with words behind it (ends with NULL; NULL: none) and input on its stdin;
 * nothing is kept.  keep is a descriptor that it inherits under the same number, -1: none.  It
 * gets SIGTERM when this process dies, which ends it, as SIGINT does, until it watches for them; it
 * ignores SIGHUP and SIGUSR1, and gets no SIGUSR2 before it asks for it.  To be called in the main thread. */
bool subprocess_start(const char *command, const char *const *words, const char *input, size_t len,
                 int keep, struct subprocess *out, struct err *err);

struct subprocess_setup {
	int in, out;		/* its stdin and stdout */
	int keep;		/* as of subprocess_start() */
	/* Without an environment, which what it starts could read; in a session of its own, deaf to SIGINT, SIGTERM and SIGQUIT too, and not ended by the death
	 * of this process, of which it has to learn itself; any thread may start it. */
	bool apart;
};

/* Starts `command` alike and does no more: *pid is to be waited for, and *ended becomes readable once
 * nobody holds a descriptor any more that the child got, at a number it is not told. */
bool subprocess_spawn(const char *command, const char *const *words, const struct subprocess_setup *place,
                 pid_t *pid, int *ended, struct err *err);

/* In the child: the document that it was told on its stdin. */
void subprocess_read_document(struct buf *out);

/* Takes what it has said, without waiting.  True once it has ended and all of it was taken:
 * status is set. */
bool subprocess_read(struct subprocess *child);

/* Waits until it has ended.  After timeout_ms, or once stop_fd (-1: none) is readable, it is
 * killed: false, and *err says after what. */
bool subprocess_wait(struct subprocess *child, int64_t timeout_ms, int stop_fd, struct err *err);

/* Does nothing once it was waited for. */
void subprocess_signal(const struct subprocess *child, int number);

/* Kills it if it still runs, and frees what it said.  Takes SUBPROCESS_INIT. */
void subprocess_close(struct subprocess *child);

#endif
