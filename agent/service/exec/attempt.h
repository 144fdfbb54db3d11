/* attempt.h: one attempt of a step, or of sending a notification: a few commands that run one after the other, the
 * folder where they run, and the files that are left there.
 *
 *	FOLDER/work	where the commands run; empty when the first begins
 *	FOLDER/begun	created before the first command begins: if it is missing, no command began
 *	FOLDER/log	the output of the commands, one line each: "MS TEXT\n", MS in milliseconds since 1970
 *	FOLDER/answer	the reply of a hidden command (attempt_reply.h)
 *	FOLDER/result	{"code": N, "message": TEXT}: written in one step after the last command and all its
 *			descendants have ended; if it is missing, the end of the attempt is unknown
 *
 * The document of an attempt may hold secrets: it passes from process to process in memory, never through a file. */
#ifndef AGENT_SERVICE_EXEC_ATTEMPT_H
#define AGENT_SERVICE_EXEC_ATTEMPT_H

#include "reconcile/base/arena.h"
#include "reconcile/base/buf.h"
#include "reconcile/base/err.h"

enum {
	ATTEMPT_GRACE_MS = 10 * 1000,	/* between SIGTERM and SIGKILL */
	ATTEMPT_LINE_MAX = 16 << 10,	/* bytes of a line of a log; a longer one becomes several */
	ATTEMPT_HEAD_MAX = 4 << 20,	/* of a log's beginning that are kept */
	ATTEMPT_TAIL_MAX = 1 << 20,	/* of its end */
};

struct attempt_command {
	const char *const *argv;	/* ends with NULL; the program is a path, or is looked up in PATH */
	bool self;			/* a hidden command of this program: argv[0] is its name */
	const char *input;		/* for stdin; NULL: empty */
	size_t len;			/* of input, in bytes */
	const char *const *env;		/* instead of the attempt's; NULL: the attempt's */
};

/* The hidden command called name, which reads document from stdin; the document is copied into a. */
struct attempt_command attempt_hidden_command(struct arena *a, const char *name, const struct buf *document);

struct attempt {
	const char *folder;		/* absolute path; the supervisor creates it, and work */
	const struct attempt_command *commands;	/* the first one that fails is the last one that runs */
	size_t command_count;
	const char *const *env;		/* "NAME=VALUE", the whole environment; ends with NULL */
	const char *const *masks;	/* texts that no log may show; ends with NULL */
	const char *cgroup;		/* folder of the cgroup for the commands; NULL: none */
};

/* Write and read the document of an attempt.  Every byte is preserved, also of texts that are not UTF-8.  What
 * attempt_read() returns lives in a. */
void attempt_write(const struct attempt *attempt, struct buf *out);
bool attempt_read(struct arena *a, const char *bytes, size_t len, struct attempt *out, struct err *err);

/* True if the first command of the attempt in folder began, or was about to begin. */
bool attempt_begun(const char *folder);

/* Reads the result in folder.  *found is false if the file is missing or empty: a machine that crashes may leave an
 * empty file.  *message ("" for none) lives in a.  False if the file cannot be read or is not a result. */
bool attempt_result_read(struct arena *a, const char *folder, int *code, const char **message,
                         bool *found, struct err *err);
/* Replaces the result in one step, without waiting until it is on the disk. */
bool attempt_result_write(const char *folder, int code, const char *message, struct err *err);

/* Removes folder with all files of the attempt; true if there is no such folder.  See directory_remove_tree(). */
bool attempt_remove(const char *folder, struct err *err);

#endif
