#include "agent/sync/progress.h"

#include <string.h>

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

/* "connection refused by 127.0.0.1:8484; is `flowsync serve` running? trying for 10 s" */
static void progress_log_unreachable(const struct progress *p, const struct dispatch *dispatch, const char *error)
{
	int64_t ms = dispatch_retry_ms(dispatch, clock_monotonic());

	log_info(p->ctx->log, "%s%s trying for %.*f s", error, error[strlen(error) - 1] == '?' ? "" : ";", ms < 1000,
	         (double)ms / 1000);
}

/* Shows that a service does not answer.  Many requests may fail at the same time: one line a second is enough, and one
 * line in all if there is no connection. */
static void progress_log_retry(void *context, const struct dispatch *dispatch, const struct task *task,
                               const struct answer *answer, int64_t wait_ms)
{
	struct progress *p = context;
	bool unreachable = answer->failure == FAILURE_UNSENT;
	int64_t now = clock_monotonic(), quiet_ms = unreachable ? DISPATCH_RETRY_MS : LOG_INTERVAL_MS;

	if ((unreachable && task->attempts > 1) || (p->last_logged && now < p->last_logged + quiet_ms))
		return;
	p->last_logged = now;
	progress_clear(p);
	if (unreachable)
		progress_log_unreachable(p, dispatch, answer->error);
	else if (answer->failure != FAILURE_NONE)
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
