#include "agent/sync/progress.h"

enum { TELL_MS = 1000 };

static void show(void *context)
{
	CLEANUP(buf_done) struct buf line = BUF_TEXT;
	const struct progress *p = context;

	p->say(p->work, &line);
	fprintf(p->ctx->err, "\r%s\x1b[K", buf_str(&line));
	fflush(p->ctx->err);
}

static bool is_shown(const struct progress *p)
{
	return p->say && p->ctx->term.err_live;
}

void progress_wipe(const struct progress *p)
{
	if (is_shown(p))
		fputs("\r\x1b[K", p->ctx->err);
}

/* A service that is down would otherwise be waited for in silence; many requests say it at once. */
static void tell_again(void *context, const struct task *task, const struct answer *answer,
                       int64_t wait_ms)
{
	struct progress *p = context;

	if (p->told && clock_monotonic() < p->told + TELL_MS)
		return;
	p->told = clock_monotonic();
	progress_wipe(p);
	if (answer->failure != FAILURE_NONE)
		log_info(p->ctx->log, "%s: %s; trying again in %.1f s", task->request.what, answer->error,
		         (double)wait_ms / 1000);
	else
		log_info(p->ctx->log, "%s: the service answered %d; trying again in %.1f s",
		         task->request.what, answer->status, (double)wait_ms / 1000);
}

struct request_loop_watch progress_watch(struct progress *p)
{
	return (struct request_loop_watch){ is_shown(p) ? show : NULL, tell_again, p };
}
