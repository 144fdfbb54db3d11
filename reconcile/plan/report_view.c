#include "reconcile/plan/report_view.h"

#include <string.h>

bool report_view_each(const struct report_view *v, bool (*each)(void *context, const struct node *workflow),
                      void *context)
{
	const struct node *list = node_get(v->frame, "workflows");

	if (v->report)
		return report_each_workflow(v->report, each, context);
	for (size_t i = 0; i < list->count; i++)
		if (!each(context, list->entries[i].value))
			return false;
	return true;
}

bool report_view_flush(struct report_view *v)
{
	bool ok = v->out->add(v->out->context, buf_str(&v->text), v->text.len);

	buf_reset(&v->text);
	return ok;
}

bool report_view_is_plan(const struct report_view *v)
{
	return node_is_text(v->frame, "mode", "plan");
}

size_t report_view_count(const struct report_view *v, const char *action, const char *result)
{
	const struct node *list = node_get(v->frame, "workflows");
	size_t sum = 0;

	for (size_t i = 0; i < list->count; i++) {
		const struct node *w = list->entries[i].value;
		sum += (!action || node_is_text(w, "action", action)) && (!result || node_is_text(w, "result", result));
	}
	return sum;
}
