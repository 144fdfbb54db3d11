#include "agent/cmd/explain_text.h"

#include <string.h>

#include "agent/util/annotations.h"
#include "reconcile/base/printable.h"
#include "reconcile/base/utf8.h"
#include "reconcile/plan/excerpt.h"

enum { LINE_COLUMNS = 80, LABEL_COLUMNS = 12 };

struct explain_printer {
	struct buf *out;
	bool colour;
};

/* ---- lines ---- */

static void explain_text_tint(const struct explain_printer *p, const char *code)
{
	if (p->colour)
		buf_addf(p->out, "\x1b[%sm", code);
}

/* The bytes of text that fit into so many columns: up to a blank if there is one in the second half, as a path or a
 * value may have none. */
static size_t explain_text_fitting(const char *text, size_t columns)
{
	size_t len = 0, used = 0, blank = 0;

	for (; text[len] && used < columns; used++) {
		if (text[len] == ' ' && used > columns / 2)
			blank = len;
		size_t step = utf8_length(text + len, SIZE_MAX);
		len += step ? step : 1;
	}
	return text[len] && text[len] != ' ' && blank ? blank : len;
}

/* text, of any origin, from the column `indent` on; lines after the first one are indented as much. */
static void explain_text_add_wrapped(const struct explain_printer *p, const char *text, size_t indent)
{
	CLEANUP(buf_done) struct buf plain = BUF_TEXT;

	printable_add(&plain, text);
	const char *rest = buf_str(&plain);
	for (bool first = true;; first = false) {
		/* A value must not begin a line as a command of GitHub's runner does. */
		const char *before = !first && annotation_is_command(rest) ? "\\" : "";
		size_t len = explain_text_fitting(rest, LINE_COLUMNS - indent - strlen(before));
		buf_adds(p->out, before);
		buf_add(p->out, rest, len);
		buf_addc(p->out, '\n');
		rest += len + strspn(rest + len, " ");
		if (!*rest)
			break;
		buf_add_blanks(p->out, indent);
	}
}

/* "  service   VALUE"; label "": more about what stands above. */
static void explain_text_add_line(const struct explain_printer *p, const char *label, const char *text)
{
	explain_text_tint(p, "2");
	buf_addf(p->out, "  %-*s", LABEL_COLUMNS - 2, label);
	explain_text_tint(p, "0");
	explain_text_add_wrapped(p, text, LABEL_COLUMNS);
}

static void PRINTF(3, 4) explain_text_addf(const struct explain_printer *p, const char *label, const char *fmt, ...)
{
	CLEANUP(buf_done) struct buf text = BUF_TEXT;
	va_list ap;

	va_start(ap, fmt);
	buf_addv(&text, fmt, ap);
	va_end(ap);
	explain_text_add_line(p, label, buf_str(&text));
}

/* ---- one field ---- */

static void explain_text_add_change(const struct explain_printer *p, const struct node *f)
{
	const struct node *commit = node_get(f, "commit");
	const char *id = node_get_text(commit, "id");

	if (node_get(f, "uncommitted"))
		explain_text_add_line(p, "", "not committed yet");
	else if (id)
		explain_text_addf(p, "", "%.10s of %.19sZ by %s", id, node_get_text(commit, "date"),
		                  node_get_text(commit, "author"));
}

static void explain_text_add_variables(const struct explain_printer *p, const struct node *f)
{
	const struct node *list = node_get(f, "variables");

	for (size_t i = 0; list && i < list->count; i++) {
		const struct node *v = list->entries[i].value;
		const char *name = node_get_text(v, "name"), *from = node_get_text(v, "from"), *file = node_get_text(v, "file");
		if (file)
			explain_text_addf(p, "", "{{ %s }} is from %s, %s:%lld", name, from, file,
			                  (long long)node_get_int(v, "line", 0));
		else
			explain_text_addf(p, "", "{{ %s }} is from %s", name, from);
	}
}

static void explain_text_add_declared(const struct explain_printer *p, const struct node *f, const char *value)
{
	const char *file = node_get_text(f, "file");

	if (!node_get(f, "declared")) {
		explain_text_add_line(p, "declared", "-");
		return;
	}
	explain_text_add_line(p, "declared", value);
	if (file)
		explain_text_addf(p, "", "at %s:%lld", file, (long long)node_get_int(f, "line", 0));
	else
		explain_text_add_line(p, "", "not in the file: flowsync adds it");
	explain_text_add_change(p, f);
	explain_text_add_variables(p, f);
}

static const char *explain_text_rule_colour(const struct node *f)
{
	static const struct { const char *word, *code; } colours[] = {
		{ "declared", "33" }, { "drift", "33" }, { "adopted", "33" }, { "refused", "31" }, { "equal", "32" },
	};
	const char *word = node_get_text(f, "rule");

	for (size_t i = 0; i < ARRAY_LEN(colours); i++)
		if (strcmp(colours[i].word, word) == 0)
			return colours[i].code;
	return "0";
}

static void explain_text_add_rule(const struct explain_printer *p, const struct node *f)
{
	CLEANUP(buf_done) struct buf text = BUF_TEXT;

	buf_addf(&text, "%s: %s (section %s)", node_get_text(f, "rule"), node_get_text(f, "why"),
	         node_get_text(f, "section"));
	explain_text_tint(p, "2");
	buf_addf(p->out, "  %-*s", LABEL_COLUMNS - 2, "rule");
	explain_text_tint(p, explain_text_rule_colour(f));
	explain_text_add_wrapped(p, buf_str(&text), LABEL_COLUMNS);
	explain_text_tint(p, "0");
}

static const char *explain_text_or_dash(const struct buf *value)
{
	return value->len ? buf_str(value) : "-";
}

static void explain_text_add_field(const struct explain_printer *p, const struct node *f, bool described, bool recorded)
{
	CLEANUP(buf_done) struct buf declared = BUF_TEXT, observed = BUF_TEXT, before = BUF_TEXT, none = BUF_TEXT;

	excerpt_values(node_get(f, "observed"), node_get(f, "declared"), false, &observed, &declared);
	excerpt_values(node_get(f, "recorded"), NULL, false, &before, &none);
	buf_addc(p->out, '\n');
	explain_text_tint(p, "1");
	explain_text_add_wrapped(p, node_get_text(f, "path"), 2);
	explain_text_tint(p, "0");
	explain_text_add_declared(p, f, explain_text_or_dash(&declared));
	if (described)
		explain_text_add_line(p, "service", explain_text_or_dash(&observed));
	if (recorded)
		explain_text_add_line(p, "recorded", explain_text_or_dash(&before));
	explain_text_add_rule(p, f);
}

/* ---- the whole ---- */

static void explain_text_add_head(const struct explain_printer *p, const struct node *w)
{
	static const struct { const char *key, *label; } texts[] = {
		{ "note", "" }, { "error", "error" }, { "history_error", "history" },
	};
	const char *by = node_get_text(w, "changed_by"), *at = node_get_text(w, "changed_at");
	int64_t id = node_get_int(w, "id", 0);

	explain_text_addf(p, "workflow", id ? "%s (id %lld)" : "%s", node_get_text(w, "name"), (long long)id);
	explain_text_addf(p, "declared", "%s:%lld", node_get_text(w, "file"), (long long)node_get_int(w, "line", 0));
	if (at || by)
		explain_text_addf(p, "service", "changed last%s%s%s%s", at ? " " : "", at ? at : "", by ? " by " : "",
		                  by ? by : "");
	else
		explain_text_add_line(p, "service", node_get_text(w, "service"));
	if (node_get_text(w, "record"))
		explain_text_add_line(p, "recorded", node_get_text(w, "record"));
	explain_text_addf(p, "plan", "%s, %s", node_get_text(w, "action"), node_get_text(w, "result"));
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		if (node_get_text(w, texts[i].key))
			explain_text_add_line(p, texts[i].label, node_get_text(w, texts[i].key));
}

void explain_text(const struct node *document, bool colour, struct buf *out)
{
	const struct explain_printer p = { out, colour };
	const struct node *w = node_get(document, "workflow"), *fields = node_get(document, "fields");
	const struct node *described = node_get(w, "described"), *recorded = node_get(w, "has_record");

	explain_text_add_head(&p, w);
	for (size_t i = 0; i < fields->count; i++)
		explain_text_add_field(&p, fields->entries[i].value, described->boolean, recorded->boolean);
}
