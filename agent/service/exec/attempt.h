/* attempt.h: one attempt of a step, or of telling a watcher, as something to be run: a few
 * commands, one after the other, in a folder of their own, and what they leave there.
 *
 *	FOLDER/work	where the commands run; empty when the first begins
 *	FOLDER/begun	made before the first command begins: without it none ever did
 *	FOLDER/log	what they printed, a line each: "MS TEXT\n", MS milliseconds since 1970
 *	FOLDER/answer	what a hidden command of ours has to say beside its exit code; JSON
 *	FOLDER/result	{"code": N, "message": TEXT}; made, as a whole, after the last command and all
 *			that it left running have ended: without it nobody knows how they ended
 *
 * The document of an attempt may hold secrets: it goes from process to process, never to a file. */
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
	const char *const *argv;	/* ends with NULL; the program by its path or a name that PATH leads to */
	bool self;			/* it is a hidden command of this program: argv[0] is its name */
	const char *input;		/* for its stdin; NULL: nothing */
	size_t len;
	const char *const *env;		/* that it gets instead of the attempt's; NULL: that */
};

struct attempt {
	const char *folder;		/* absolute; made, with work, by whoever runs it */
	const struct attempt_command *commands;	/* the first that does not end with 0 is the last */
	size_t command_count;
	const char *const *env;		/* "NAME=VALUE", all that they get; ends with NULL */
	const char *const *masks;	/* texts that no log may show; ends with NULL */
	const char *cgroup;		/* the folder of the cgroup that they are put in; NULL: none */
};

/* The document of an attempt, and back: every byte of it comes through, be it UTF-8 or not.  What is
 * read lives in a. */
void attempt_write(const struct attempt *attempt, struct buf *out);
bool attempt_read(struct arena *a, const char *bytes, size_t len, struct attempt *out, struct err *err);

/* True if the first command of the attempt in folder began, or was about to. */
bool attempt_begun(const char *folder);

/* What folder's result says; *found is false if there is none, or an empty one, which is what may be
 * left of it when the machine itself stops.  *message ("" for none) lives in a.  False if it cannot
 * be read, or is no result. */
bool attempt_result_read(struct arena *a, const char *folder, int *code, const char **message,
                         bool *found, struct err *err);
/* Makes it, as a whole; it is not waited for until it is on the disk. */
bool attempt_result_write(const char *folder, int code, const char *message, struct err *err);

/* Removes folder with all that the attempt left there; true too if there is none.  directory_remove_tree() says
 * what stays. */
bool attempt_remove(const char *folder, struct err *err);

#endif
