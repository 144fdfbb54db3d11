#include <sys/resource.h>
#include <unistd.h>

#include "agent/cli.h"
#include "agent/git_fetch.h"

enum { QUESTION_MAX = 1 << 20 };

static void close_file(FILE **file)
{
	if (*file)
		fclose(*file);
}

/* A server may name refs without end, and libgit2 keeps them all.  What is there already does not
 * count; a file that is mapped never does. */
static void bound_memory(void)
{
	CLEANUP(close_file) FILE *file = fopen("/proc/self/statm", "re");
	unsigned long pages = 0;
	struct rlimit limit;

	if (!file || fscanf(file, "%*u %*u %*u %*u %*u %lu", &pages) != 1)
		pages = 0;
	rlim_t most = (rlim_t)pages * sysconf(_SC_PAGESIZE) + GIT_FETCH_MEMORY_MAX;
	if (getrlimit(RLIMIT_DATA, &limit) == 0 && limit.rlim_cur > most) {
		limit.rlim_cur = most;
		setrlimit(RLIMIT_DATA, &limit);
	}
}

/* The token comes this way too: a command line can be read by everybody, and an environment is
 * inherited by what libgit2 may start. */
static int run(struct context *ctx)
{
	CLEANUP(buf_done) struct buf question = BUF(QUESTION_MAX);

	bound_memory();
	child_document(&question);
	const char *answer = git_fetch_serve(ctx->arena, buf_str(&question), question.len);
	if (!answer)
		return 64;
	fprintf(ctx->out, "%s\n", answer);
	return 0;
}

const struct command cmd_git_fetch = {
	.name = "git-fetch",
	.summary = "bring the mirror of a git repository up to date: for flowsync itself",
	.bare = true,
	.hidden = true,
	.run = run,
};
