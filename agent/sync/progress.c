#include "agent/sync/progress.h"

enum { LOG_INTERVAL_MS = 1000 };

static void progress_show(void *context)
{
	CLEANUP(buf_done) struct buf line = BUF_TEXT;
	const struct progress *p = context;

	p->describe(p->work, &line);
	fprintf(p->ctx->err, "\r%s\x1b[K", buf_str(&line));
	fflush(p->ctx->err);
}

static bool progress_is_shown(const struct progress *p)
{
	return p->describe && p->ctx->term.err_live;
}

void progress_clear(const struct progress *p)
{
	if (progress_is_shown(p))
		fputs("\r\x1b[K", p->ctx->err);
}

/* Shows that a service does not answer.  Many requests may fail at the same time: one line a second is enough. */
static void progress_log_retry(void *context, const struct task *task, const struct answer *answer,
                               int64_t wait_ms)
{
	struct progress *p = context;

	if (p->last_logged && clock_monotonic() < p->last_logged + LOG_INTERVAL_MS)
		return;
	p->last_logged = clock_monotonic();
	progress_clear(p);
	if (answer->failure != FAILURE_NONE)
		log_info(p->ctx->log, "%s: %s; trying again in %.1f s", task->request.what, answer->error,
		         (double)wait_ms / 1000);
	else
		log_info(p->ctx->log, "%s: the service answered %d; trying again in %.1f s",
		         task->request.what, answer->status, (double)wait_ms / 1000);
}

struct request_loop_watch progress_watch(struct progress *p)
{
	return (struct request_loop_watch){ progress_is_shown(p) ? progress_show : NULL, progress_log_retry, p };
}
