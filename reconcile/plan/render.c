#include "reconcile/plan/render.h"

#include "reconcile/plan/render_text.h"
#include "reconcile/plan/report_view.h"

static bool render_add_to_buf(void *text, const char *bytes, size_t len)
{
	buf_add(text, bytes, len);
	return true;
}

static bool render_view(struct report_view *view, const struct render_options *options)
{
	bool ok = render_text(view, options);

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
	struct report_view view = { .frame = report_frame(&a, report), .report = report, .out = out, .text = BUF_TEXT };

	return render_view(&view, options);
}
