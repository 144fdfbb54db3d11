#include "agent/util/subprocess.h"
#include "agent/cmd/cli.h"
#include "agent/service/steps/step_http.h"
#include "agent/net/transfer.h"

/* All that is secret comes this way: a command line can be read by everybody. */
static int run(struct context *ctx)
{
	CLEANUP(buf_done) struct buf document = BUF(STEP_HTTP_DOCUMENT_MAX);

	subprocess_read_document(&document);
	return step_http_run(ctx->arena, buf_str(&document), document.len, ctx->out);
}

const struct command cmd_step_http = {
	.name = "step-http",
	.summary = "send the request of a step: for flowsync itself",
	.bare = true,
	.hidden = true,
	.run = run,
};
