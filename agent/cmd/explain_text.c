#include "agent/cmd/explain_text.h"

#include "reconcile/plan/excerpt.h"
#include "reconcile/plan/render_line.h"

enum { LINE_COLUMNS = 80, LABEL_COLUMNS = 10 };

/* "  service   VALUE"; label "": more about what stands above.  What continues the line stands below VALUE. */
static void explain_text_add(struct line_writer *w, const char *label, enum tint tint, const char *text)
{
	line_begin(w, ' ', PLAIN, 0);
	w->indent = LABEL_COLUMNS;
	line_addf(w, DIM, "%-*s", LABEL_COLUMNS, label);
	line_add(w, tint, text);
	line_end(w);
}

static void explain_text_add_line(struct line_writer *w, const char *label, const char *text)
{
	explain_text_add(w, label, PLAIN, text);
}

static void PRINTF(3, 4) explain_text_addf(struct line_writer *w, const char *label, const char *fmt, ...)
{
	CLEANUP(buf_done) struct buf text = BUF_TEXT;
	va_list ap;

	va_start(ap, fmt);
	buf_addv(&text, fmt, ap);
	va_end(ap);
	explain_text_add_line(w, label, buf_str(&text));
}

/* ---- one field ---- */

static void explain_text_add_change(struct line_writer *w, const struct node *f)
{
	const struct node *commit = node_get(f, "commit");
	const char *id = node_get_text(commit, "id");

	if (node_get(f, "uncommitted"))
		explain_text_add_line(w, "", "not committed yet");
	else if (id)
		explain_text_addf(w, "", "%.10s of %.19sZ by %s", id, node_get_text(commit, "date"),
		                  node_get_text(commit, "author"));
}

static void explain_text_add_variables(struct line_writer *w, const struct node *f)
{
	const struct node *list = node_get(f, "variables");

	for (size_t i = 0; list && i < list->count; i++) {
		const struct node *v = list->entries[i].value;
		const char *name = node_get_text(v, "name"), *from = node_get_text(v, "from"), *file = node_get_text(v, "file");
		if (file)
			explain_text_addf(w, "", "{{ %s }} is from %s, %s:%lld", name, from, file,
			                  (long long)node_get_int(v, "line", 0));
		else
			explain_text_addf(w, "", "{{ %s }} is from %s", name, from);
	}
}

static void explain_text_add_declared(struct line_writer *w, const struct node *f, const char *value)
{
	const char *file = node_get_text(f, "file");

	if (!node_get(f, "declared")) {
		explain_text_add_line(w, "declared", "-");
		return;
	}
	explain_text_add_line(w, "declared", value);
	if (file)
		explain_text_addf(w, "", "at %s:%lld", file, (long long)node_get_int(f, "line", 0));
	else
		explain_text_add_line(w, "", "not in the file: flowsync adds it");
	explain_text_add_change(w, f);
	explain_text_add_variables(w, f);
}

static enum tint explain_text_rule_tint(const struct node *f)
{
	static const struct { const char *word; enum tint tint; } tints[] = {
		{ "declared", YELLOW }, { "drift", YELLOW }, { "adopted", YELLOW }, { "refused", RED }, { "equal", GREEN },
	};

	for (size_t i = 0; i < ARRAY_LEN(tints); i++)
		if (node_is_text(f, "rule", tints[i].word))
			return tints[i].tint;
	return PLAIN;
}

static void explain_text_add_rule(struct line_writer *w, const struct node *f)
{
	CLEANUP(buf_done) struct buf text = BUF_TEXT;

	buf_addf(&text, "%s: %s (section %s)", node_get_text(f, "rule"), node_get_text(f, "why"),
	         node_get_text(f, "section"));
	explain_text_add(w, "rule", explain_text_rule_tint(f), buf_str(&text));
}

static const char *explain_text_or_dash(const struct buf *value)
{
	return value->len ? buf_str(value) : "-";
}

static void explain_text_add_field(struct line_writer *w, const struct node *f, bool described, bool recorded)
{
	CLEANUP(buf_done) struct buf declared = BUF_TEXT, observed = BUF_TEXT, before = BUF_TEXT, none = BUF_TEXT;

	excerpt_values(node_get(f, "observed"), node_get(f, "declared"), false, &observed, &declared);
	excerpt_values(node_get(f, "recorded"), NULL, false, &before, &none);
	buf_addc(w->out, '\n');
	line_begin_heading(w);
	line_add(w, BOLD, node_get_text(f, "path"));
	line_end(w);
	explain_text_add_declared(w, f, explain_text_or_dash(&declared));
	if (described)
		explain_text_add_line(w, "service", explain_text_or_dash(&observed));
	if (recorded)
		explain_text_add_line(w, "recorded", explain_text_or_dash(&before));
	explain_text_add_rule(w, f);
}

/* ---- the whole ---- */

static void explain_text_add_head(struct line_writer *w, const struct node *workflow)
{
	static const struct { const char *key, *label; } texts[] = {
		{ "note", "" }, { "error", "error" }, { "history_error", "history" },
	};
	const char *by = node_get_text(workflow, "changed_by"), *at = node_get_text(workflow, "changed_at");
	int64_t id = node_get_int(workflow, "id", 0);

	explain_text_addf(w, "workflow", id ? "%s (id %lld)" : "%s", node_get_text(workflow, "name"), (long long)id);
	explain_text_addf(w, "declared", "%s:%lld", node_get_text(workflow, "file"), (long long)node_get_int(workflow, "line", 0));
	if (at || by)
		explain_text_addf(w, "service", "changed last%s%s%s%s", at ? " " : "", at ? at : "", by ? " by " : "",
		                  by ? by : "");
	else
		explain_text_add_line(w, "service", node_get_text(workflow, "service"));
	if (node_get_text(workflow, "record"))
		explain_text_add_line(w, "recorded", node_get_text(workflow, "record"));
	explain_text_addf(w, "plan", "%s, %s", node_get_text(workflow, "action"), node_get_text(workflow, "result"));
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		if (node_get_text(workflow, texts[i].key))
			explain_text_add_line(w, texts[i].label, node_get_text(workflow, texts[i].key));
}

void explain_text(const struct node *document, bool colour, struct buf *out)
{
	struct line_writer w = { .out = out, .colour = colour, .width = LINE_COLUMNS };
	const struct node *workflow = node_get(document, "workflow"), *fields = node_get(document, "fields");
	const struct node *described = node_get(workflow, "described"), *recorded = node_get(workflow, "has_record");

	explain_text_add_head(&w, workflow);
	for (size_t i = 0; i < fields->count; i++)
		explain_text_add_field(&w, fields->entries[i].value, described->boolean, recorded->boolean);
}
