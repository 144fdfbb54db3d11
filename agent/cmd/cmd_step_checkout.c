#include "agent/util/memory_limit.h"
#include "agent/service/steps/step_checkout.h"
#include "agent/cmd/cli.h"

enum { QUESTION_MAX = 1 << 20 };

/* Of a file and what it was packed as a difference to, each as large as a file may be, and of trees. */
static const size_t memory_max = (size_t)3 << 30;

static int run(struct context *ctx)
{
	CLEANUP(buf_done) struct buf question = BUF(QUESTION_MAX);
	char bytes[4096];
	size_t len;

	memory_limit_set(memory_max);
	while ((len = fread(bytes, 1, sizeof bytes, stdin)) > 0)
		buf_add(&question, bytes, len);
	struct attempt_reply answer;
	int code = step_checkout_run(ctx->arena, buf_str(&question), question.len, STEP_CHECKOUT_FETCH_MS, ctx->out,
	                          &answer);
	struct err err;
	if (code != 0 && !attempt_reply_write(&answer, &err))
		fprintf(ctx->out, "%s\n", err.msg);
	return code;
}

const struct command cmd_step_checkout = {
	.name = "step-checkout",
	.summary = "check the repository of a step out into the current folder: for flowsync itself",
	.bare = true,
	.hidden = true,
	.run = run,
};
