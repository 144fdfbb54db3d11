/* The hidden commands of the service: what reads their document, bounds their memory, and writes their reply. */
#include "agent/service/service.h"

#include <sysexits.h>

#include "agent/config/context.h"
#include "agent/service/exec/attempt_reply.h"
#include "agent/service/exec/runner_process.h"
#include "agent/service/steps/notification.h"
#include "agent/service/steps/step_checkout.h"
#include "agent/service/steps/step_http.h"
#include "agent/util/memory_limit.h"
#include "agent/util/subprocess.h"

enum { CHECKOUT_DOCUMENT_MAX = 1 << 20 };	/* bytes */

/* Of a file and what it was packed as a difference to, each as large as a file may be, and of trees. */
static const size_t checkout_memory_max = (size_t)3 << 30;

typedef bool hidden_command(struct arena *a, const char *document, size_t len, FILE *log, struct attempt_reply *reply);

/* Everything secret is in the document: a command line can be read by every user of the machine. */
static int hidden_command_main(struct context *ctx, size_t document_max, hidden_command *run)
{
	CLEANUP(buf_done) struct buf document = BUF(document_max);
	struct attempt_reply reply = { 0 };
	struct err err;

	subprocess_read_document(&document);
	if (document.full || !run(ctx->arena, buf_str(&document), document.len, ctx->out, &reply)) {
		fputs("the document on stdin cannot be read\n", ctx->out);
		return EX_USAGE;
	}
	if (reply.found && !attempt_reply_write(&reply, &err)) {
		fprintf(ctx->out, "%s\n", err.msg);
		return EX_CANTCREAT;
	}
	return attempt_reply_exit_code(&reply);
}

static bool hidden_command_checkout(struct arena *a, const char *document, size_t len, FILE *log,
                                    struct attempt_reply *reply)
{
	return step_checkout_run(a, document, len, STEP_CHECKOUT_FETCH_MS, log, reply);
}

int service_step_runner_main(struct context *ctx)
{
	return runner_process_run();
}

int service_step_http_main(struct context *ctx)
{
	return hidden_command_main(ctx, STEP_HTTP_DOCUMENT_MAX, step_http_run);
}

int service_step_checkout_main(struct context *ctx)
{
	memory_limit_set(checkout_memory_max);
	return hidden_command_main(ctx, CHECKOUT_DOCUMENT_MAX, hidden_command_checkout);
}

int service_send_notification_main(struct context *ctx)
{
	return hidden_command_main(ctx, NOTIFICATION_DOCUMENT_MAX, notification_send);
}
