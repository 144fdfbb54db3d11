#include "reconcile/plan/render_junit.h"

#include <string.h>

#include "reconcile/base/printable.h"
#include "reconcile/base/utf8.h"
#include "reconcile/plan/render_line.h"
#include "reconcile/plan/render_text.h"
#include "reconcile/plan/render_workflow.h"

struct junit {
	struct report_view *view;
	const struct render_options *options;
};

enum verdict { VERDICT_PASSED, VERDICT_FAILURE, VERDICT_SKIPPED };

/* A change that is only planned is no failure: --detailed-exitcode is for who wants that. */
static const struct { const char *result; enum verdict verdict; } junit_verdicts[] = {
	{ "planned", VERDICT_PASSED }, { "applied", VERDICT_PASSED }, { "unchanged", VERDICT_PASSED },
	{ "failed", VERDICT_FAILURE }, { "refused", VERDICT_FAILURE }, { "blocked", VERDICT_FAILURE },
	{ "conflict", VERDICT_FAILURE }, { "deferred", VERDICT_SKIPPED }, { "suspended", VERDICT_SKIPPED },
	{ "unplanned", VERDICT_SKIPPED },
};

static enum verdict junit_verdict(const char *result)
{
	for (size_t i = 0; i < ARRAY_LEN(junit_verdicts); i++)
		if (strcmp(junit_verdicts[i].result, result) == 0)
			return junit_verdicts[i].verdict;
	return VERDICT_FAILURE;
}

static size_t junit_count(const struct report_view *v, enum verdict verdict)
{
	size_t sum = 0;

	for (size_t i = 0; i < ARRAY_LEN(junit_verdicts); i++)
		if (junit_verdicts[i].verdict == verdict)
			sum += report_view_count(v, NULL, junit_verdicts[i].result);
	return sum;
}

/* ---- XML ---- */

static void xml_add_character(struct buf *out, uint32_t code, const char *bytes, size_t len)
{
	static const struct { char c; const char *entity; } entities[] = {
		{ '&', "&amp;" }, { '<', "&lt;" }, { '>', "&gt;" }, { '"', "&quot;" }, { '\'', "&apos;" },
	};

	for (size_t i = 0; i < ARRAY_LEN(entities); i++)
		if (code == (unsigned char)entities[i].c) {
			buf_adds(out, entities[i].entity);
			return;
		}
	/* "Char ::= ... [#xE000-#xFFFD] | [#x10000-#x10FFFF]"; what comes before was made printable. */
	if (code == 0xfffe || code == 0xffff)
		printable_add_escape(out, code);
	else
		buf_add(out, bytes, len);
}

/* Appends text that is printable already, but for its line breaks. */
static void xml_add(struct buf *out, const char *text)
{
	uint32_t code = 0;

	for (size_t len; *text; text += len) {
		len = utf8_read(text, SIZE_MAX, &code);
		len = len ? len : 1;
		xml_add_character(out, code, text, len);
	}
}

static void xml_add_attribute(struct buf *out, const char *name, const char *value)
{
	CLEANUP(buf_done) struct buf safe = BUF_TEXT;

	line_add_safe_text(&safe, value);
	buf_addf(out, " %s=\"", name);
	xml_add(out, buf_str(&safe));
	buf_addc(out, '"');
}

/* ---- test cases ---- */

/* With a dot in every locale. */
static void junit_add_time(struct buf *out, const struct node *map)
{
	const struct node *n = node_get(map, "duration_s");
	int64_t ms = n && n->kind == NODE_REAL ? (int64_t)(n->real * 1000 + 0.5) : 0;

	buf_addf(out, " time=\"%lld.%03d\"", (long long)(ms / 1000), (int)(ms % 1000));
}

static void junit_add_body(const struct junit *j, const struct node *workflow)
{
	const struct change_style style = { .whole = true, .clock = j->options->clock };
	CLEANUP(buf_done) struct buf body = BUF_TEXT;
	struct line_writer w = { .out = &body };

	render_body(&w, workflow, &style);
	xml_add(&j->view->text, buf_str(&body));
}

static void junit_add_passed(const struct junit *j, const struct node *workflow)
{
	struct buf *out = &j->view->text;
	buf_addf(out, "\t\t\t<system-out>%s\n", render_action_word(workflow));
	junit_add_body(j, workflow);
	buf_adds(out, "</system-out>\n");
}

static void junit_add_message(struct buf *out, const struct node *workflow)
{
	CLEANUP(buf_done) struct buf action = BUF_TEXT;
	const char *error = node_get_text(workflow, "error");

	render_add_action(&action, workflow);
	xml_add_attribute(out, "message", error ? error : buf_str(&action));
}

static void junit_add_failure(const struct junit *j, const struct node *workflow)
{
	struct buf *out = &j->view->text;

	buf_adds(out, "\t\t\t<failure");
	xml_add_attribute(out, "type", node_get_text(workflow, "result"));
	junit_add_message(out, workflow);
	buf_adds(out, ">\n");
	junit_add_body(j, workflow);
	buf_adds(out, "</failure>\n");
}

static void junit_add_skipped(const struct junit *j, const struct node *workflow)
{
	struct buf *out = &j->view->text;

	buf_adds(out, "\t\t\t<skipped");
	junit_add_message(out, workflow);
	buf_adds(out, "/>\n");
}

static bool junit_add_case(void *junit, const struct node *workflow)
{
	static void (*const parts[])(const struct junit *, const struct node *) = {
		[VERDICT_PASSED] = junit_add_passed, [VERDICT_FAILURE] = junit_add_failure, [VERDICT_SKIPPED] = junit_add_skipped,
	};
	const struct junit *j = junit;
	struct report_view *v = j->view;
	const char *file = node_get_text(workflow, "file");

	buf_adds(&v->text, "\t\t<testcase");
	xml_add_attribute(&v->text, "name", node_get_text(workflow, "name"));
	xml_add_attribute(&v->text, "classname", file ? file : "flowsync");
	if (file)
		xml_add_attribute(&v->text, "file", file);
	if (node_get_int(workflow, "line", 0))
		buf_addf(&v->text, " line=\"%lld\"", (long long)node_get_int(workflow, "line", 0));
	junit_add_time(&v->text, workflow);
	buf_adds(&v->text, ">\n");
	parts[junit_verdict(node_get_text(workflow, "result"))](j, workflow);
	buf_adds(&v->text, "\t\t</testcase>\n");
	return report_view_flush(v);
}

/* ---- the whole ---- */

/* Errors that are not of one workflow are a test case of their own. */
static void junit_add_errors(struct buf *out, const struct node *errors)
{
	if (!errors->count)
		return;
	buf_adds(out, "\t\t<testcase name=\"specs and service\" classname=\"flowsync\" time=\"0.000\">\n\t\t\t<error");
	xml_add_attribute(out, "message", node_get_text(errors->entries[0].value, "message"));
	buf_adds(out, ">\n");
	for (size_t i = 0; i < errors->count; i++) {
		const struct node *e = errors->entries[i].value;
		const char *file = node_get_text(e, "file");
		CLEANUP(buf_done) struct buf text = BUF_TEXT;
		struct line_writer w = { .out = &text };
		line_begin_heading(&w);
		int64_t at = node_get_int(e, "line", 0);
		if (file && at)
			line_addf(&w, PLAIN, "%s:%lld: ", file, (long long)at);
		else if (file)
			line_addf(&w, PLAIN, "%s: ", file);
		line_add(&w, PLAIN, node_get_text(e, "message"));
		line_end(&w);
		xml_add(out, buf_str(&text));
	}
	buf_adds(out, "</error>\n\t\t</testcase>\n");
}

static void junit_add_counts(struct report_view *v)
{
	size_t errors = node_get(v->frame, "errors")->count > 0;

	buf_addf(&v->text, " tests=\"%zu\" failures=\"%zu\" errors=\"%zu\" skipped=\"%zu\"",
	         report_view_count(v, NULL, NULL) + errors, junit_count(v, VERDICT_FAILURE), errors,
	         junit_count(v, VERDICT_SKIPPED));
	junit_add_time(&v->text, v->frame);
}

static void junit_add_suite_name(struct report_view *v)
{
	CLEANUP(buf_done) struct buf name = BUF_TEXT;
	const char *sync = node_get_text(v->frame, "sync");

	buf_addf(&name, "flowsync %s of %s", node_get_text(v->frame, "mode"), sync ? sync : "-");
	xml_add_attribute(&v->text, "name", buf_str(&name));
}

bool render_junit(struct report_view *v, const struct render_options *options)
{
	struct junit j = { v, options };

	buf_adds(&v->text, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"flowsync\"");
	junit_add_counts(v);
	buf_adds(&v->text, ">\n\t<testsuite");
	junit_add_suite_name(v);
	junit_add_counts(v);
	if (node_get_text(v->frame, "started"))
		xml_add_attribute(&v->text, "timestamp", node_get_text(v->frame, "started"));
	buf_adds(&v->text, ">\n");
	junit_add_errors(&v->text, node_get(v->frame, "errors"));
	if (!report_view_each(v, junit_add_case, &j))
		return false;
	buf_adds(&v->text, "\t</testsuite>\n</testsuites>\n");
	return report_view_flush(v);
}
