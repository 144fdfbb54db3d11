#include <sysexits.h>

#include "agent/util/memory_limit.h"
#include "agent/cmd/cli.h"
#include "agent/git/git_fetch.h"

enum { QUESTION_MAX = 1 << 20 };

/* Not a command of an attempt, so it leaves no reply in a file: its parent waits for it and reads the revision, the
 * warnings or the error from its stdout, as one document (git_fetch.h).
 * The token is in the document on stdin: a command line can be read by every user of the machine, and an environment is
 * inherited by what libgit2 may start. */
static int cmd_git_fetch_run(struct context *ctx)
{
	CLEANUP(buf_done) struct buf question = BUF(QUESTION_MAX);

	/* A server may name refs without end, and libgit2 keeps them all. */
	memory_limit_set(GIT_FETCH_MEMORY_MAX);
	subprocess_read_document(&question);
	const char *answer = git_fetch_serve(ctx->arena, buf_str(&question), question.len);
	if (!answer)
		return EX_USAGE;
	fprintf(ctx->out, "%s\n", answer);
	return 0;
}

const struct command cmd_git_fetch = {
	.name = "git-fetch",
	.summary = "bring the mirror of a git repository up to date: for flowsync itself",
	.bare = true,
	.hidden = true,
	.run = cmd_git_fetch_run,
};
