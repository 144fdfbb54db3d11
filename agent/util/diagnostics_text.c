#include "agent/util/diagnostics_text.h"

#include "agent/util/annotations.h"
#include "reconcile/base/printable.h"

const char *diagnostics_text_line(struct arena *a, const struct diagnostic *fault)
{
	CLEANUP(buf_done) struct buf raw = BUF_TEXT, line = BUF_TEXT;

	if (fault->at.file)
		buf_addf(&raw, "%s%s:", annotation_is_command(fault->at.file) ? "./" : "", fault->at.file);
	if (fault->at.line > 0)
		buf_addf(&raw, "%d:%d:", fault->at.line, fault->at.col);
	buf_addf(&raw, "%s%s%s", raw.len ? " " : "", fault->warning ? "warning: " : "", fault->message);
	printable_add(&line, buf_str(&raw));
	return arena_strdup(a, buf_str(&line));
}

static struct node *diagnostics_text_or_null(struct arena *a, const char *text)
{
	CLEANUP(buf_done) struct buf plain = BUF_TEXT;

	if (!text)
		return node_null(a);
	printable_add(&plain, text);
	return node_text(a, buf_str(&plain));
}

static struct node *diagnostics_number_or_null(struct arena *a, int number)
{
	return number > 0 ? node_int(a, number) : node_null(a);
}

void diagnostics_log(struct log *log, const struct diagnostics *faults)
{
	CLEANUP(arena_free) struct arena a = { 0 };

	for (size_t i = 0; i < faults->count; i++) {
		struct diagnostic plain = faults->items[i];
		bool warning = plain.warning;
		plain.warning = false;	/* the log says it */
		(warning ? log_warn : log_error)(log, "%s", diagnostics_text_line(&a, &plain));
	}
	if (faults->left_out)
		log_error(log, "and %zu more", faults->left_out);
}

struct node *diagnostics_text_list(struct arena *a, const struct diagnostics *faults, bool warnings)
{
	struct node *list = node_list(a);

	for (size_t i = 0; i < faults->count; i++) {
		const struct diagnostic *f = &faults->items[i];
		if (f->warning != warnings)
			continue;
		struct node *item = node_add(a, list, node_map(a));
		node_put(a, item, "message", diagnostics_text_or_null(a, f->message));
		node_put(a, item, "file", diagnostics_text_or_null(a, f->at.file));
		node_put(a, item, "line", diagnostics_number_or_null(a, f->at.line));
		node_put(a, item, "column", diagnostics_number_or_null(a, f->at.line > 0 ? f->at.col : 0));
	}
	return list;
}
