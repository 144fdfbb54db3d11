#include "reconcile/plan/render.h"

#include "reconcile/plan/render_junit.h"
#include "reconcile/plan/render_markdown.h"
#include "reconcile/plan/render_text.h"
#include "reconcile/plan/report_view.h"

static bool render_add_to_buf(void *text, const char *bytes, size_t len)
{
	buf_add(text, bytes, len);
	return true;
}

static bool render_view(struct report_view *view, const struct render_options *options)
{
	static bool (*const renderings[])(struct report_view *, const struct render_options *) = {
		[RENDER_TEXT] = render_text, [RENDER_MARKDOWN] = render_markdown, [RENDER_JUNIT] = render_junit,
	};
	bool ok = renderings[options->format](view, options);

	buf_done(&view->text);
	return ok;
}

void render_document(const struct node *report, const struct render_options *options, struct buf *out)
{
	const struct report_output to = { render_add_to_buf, out };
	struct report_view view = { .frame = report, .out = &to, .text = BUF_TEXT };

	render_view(&view, options);
}

bool render_report(const struct report *report, const struct render_options *options, const struct report_output *out)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	struct report shown = *report;
	struct report_view view = { .report = &shown, .out = out, .text = BUF_TEXT };

	/* A test that passes is a test. */
	shown.verbose |= options->format == RENDER_JUNIT;
	view.frame = report_frame(&a, &shown);
	return render_view(&view, options);
}
