#include "reconcile/plan/render_markdown.h"

#include <string.h>

#include "reconcile/base/utf8.h"
#include "reconcile/plan/change_groups.h"
#include "reconcile/plan/render_text.h"
#include "reconcile/plan/render_workflow.h"
#include "reconcile/plan/sync_estimate.h"

enum {
	NAME_MOST = 200,	/* bytes of a name or a path; the details and JSON have the rest */
	MESSAGE_MOST = 1000,	/* bytes of a message */
	NAMES_SHOWN = 20,	/* of a group */
	MESSAGES_SHOWN = 20,
	END_MOST = 1000,	/* characters of the last lines, which say what is left out */
	MESSAGES_MOST = 20000,	/* characters at which the lists of messages end */
	TABLE_MOST = 20000,	/* of the table */
	BODY_MOST = 16000,	/* bytes of the changes of one workflow */
};

struct markdown {
	struct report_view *view;
	const struct render_options *options;
	struct change_groups groups;
	size_t index;		/* of the next workflow in the report */
	size_t used;		/* characters that are written */
	size_t table;		/* so many were before the table */
	size_t rows_left_out, details_left_out;
	bool cut;		/* a part of the details of one workflow is left out */
};

/* ---- what fits ---- */

static size_t count_characters(const char *text)
{
	size_t count = 0;

	for (; *text; text++)
		count += ((unsigned char)*text & 0xc0) != 0x80;
	return count;
}

/* Writes a part if all characters up to its end are at most `most`; sets *fits. */
static bool add_part(struct markdown *m, const struct buf *part, size_t most, bool *fits)
{
	size_t count = count_characters(buf_str(part));

	*fits = m->used + count <= most;
	if (!*fits)
		return true;
	m->used += count;
	buf_add(&m->view->text, buf_str(part), part->len);
	return report_view_flush(m->view);
}

/* The length of text, or of what is shown of it. */
static size_t length_of_beginning(const char *text, size_t most)
{
	size_t len = strlen(text);

	if (len <= most)
		return len;
	while (most && ((unsigned char)text[most] & 0xc0) == 0x80)
		most--;
	return most;
}

/* ---- text of any origin ---- */

/* The most backticks that follow each other. */
static size_t longest_backticks(const char *text)
{
	size_t most = 0;

	while (*text) {
		size_t run = strspn(text, "`");
		most = run > most ? run : most;
		text += run ? run : 1;
	}
	return most;
}

static void add_backticks(struct buf *out, size_t count)
{
	for (size_t i = 0; i < count; i++)
		buf_addc(out, '`');
}

/* Printable text, not too long.  A "|" would end a cell of a table, in a code span too. */
static void add_short_text(struct buf *out, const char *text, size_t most)
{
	CLEANUP(buf_done) struct buf safe = BUF_TEXT;

	line_add_safe_text(&safe, text);
	size_t len = length_of_beginning(buf_str(&safe), most);
	for (size_t i = 0; i < len; i++)
		if (buf_str(&safe)[i] == '|')
			buf_adds(out, "\\x7c");
		else
			buf_addc(out, buf_str(&safe)[i]);
	if (len < safe.len)
		buf_adds(out, "...");
}

static void add_code_span_of(struct buf *out, const char *text, size_t most)
{
	CLEANUP(buf_done) struct buf code = BUF_TEXT;

	add_short_text(&code, text, most);
	size_t ticks = longest_backticks(buf_str(&code)) + 1;
	/* One blank at both ends is no part of a code span. */
	bool pad = !code.len || ticks > 1 || buf_str(&code)[0] == ' ' || buf_str(&code)[code.len - 1] == ' ';
	add_backticks(out, ticks);
	buf_adds(out, pad ? " " : "");
	buf_adds(out, code.len ? buf_str(&code) : "-");
	buf_adds(out, pad ? " " : "");
	add_backticks(out, ticks);
}

static void add_code_span(struct buf *out, const char *text)
{
	add_code_span_of(out, text, NAME_MOST);
}

/* For a summary, in which Markdown is not read but HTML is. */
static void add_html_code(struct buf *out, const char *text)
{
	CLEANUP(buf_done) struct buf code = BUF_TEXT;

	add_short_text(&code, text, NAME_MOST);
	buf_adds(out, "<code>");
	for (const char *s = buf_str(&code); *s; s++)
		if (strchr("&<>\"'`", *s))
			buf_addf(out, "&#%d;", *s);
		else
			buf_addc(out, *s);
	buf_adds(out, "</code>");
}

static void add_fence(struct buf *out, const char *text)
{
	size_t run = longest_backticks(text), ticks = run < 3 ? 3 : run + 1;

	add_backticks(out, ticks);
	buf_addf(out, "diff\n%s", text);
	add_backticks(out, ticks);
	buf_addc(out, '\n');
}

/* ---- the table ---- */

static void add_group_names(struct buf *out, const struct change_group *group)
{
	buf_addf(out, "%zu workflows in the same way:", group->count);
	for (size_t i = 0; i < group->count && i < NAMES_SHOWN; i++) {
		buf_adds(out, i ? ", " : " ");
		add_code_span(out, group->names[i]);
	}
	if (group->count > NAMES_SHOWN)
		buf_addf(out, " and %zu more", group->count - NAMES_SHOWN);
}

static void add_file_place(struct buf *out, const struct node *workflow)
{
	CLEANUP(buf_done) struct buf place = BUF_TEXT;
	const char *file = node_get_text(workflow, "file");

	if (!file)
		return;
	buf_adds(&place, file);
	if (node_get_int(workflow, "line", 0))
		buf_addf(&place, ":%lld", (long long)node_get_int(workflow, "line", 0));
	add_code_span(out, buf_str(&place));
}

static bool add_row(void *markdown, const struct node *workflow)
{
	CLEANUP(buf_done) struct buf row = BUF_TEXT;
	struct markdown *m = markdown;
	struct change_group group = { 0 };
	enum group_role role = change_groups_role(&m->groups, m->index++, &group);
	bool fits;

	if (role == GROUP_OTHER)
		return true;
	buf_adds(&row, "| ");
	render_add_action(&row, workflow);
	buf_adds(&row, " | ");
	if (role == GROUP_FIRST)
		add_group_names(&row, &group);
	else
		add_code_span(&row, node_get_text(workflow, "name"));
	buf_adds(&row, " | ");
	if (role == GROUP_NONE)
		add_file_place(&row, workflow);
	buf_adds(&row, " |\n");
	if (!add_part(m, &row, m->table + TABLE_MOST, &fits))
		return false;
	m->rows_left_out += fits ? 0 : 1;
	return true;
}

static bool add_table(struct markdown *m)
{
	CLEANUP(buf_done) struct buf part = BUF_TEXT;
	bool fits;

	if (!report_view_count(m->view, NULL, NULL))
		return true;
	m->table = m->used;
	buf_adds(&part, "\n| action | workflow | file |\n| --- | --- | --- |\n");
	if (!add_part(m, &part, MARKDOWN_MOST, &fits) || !report_view_each(m->view, add_row, m))
		return false;
	buf_reset(&part);
	if (m->rows_left_out)
		buf_addf(&part, "\n%zu more rows are left out.\n", m->rows_left_out);
	return add_part(m, &part, MARKDOWN_MOST, &fits);
}

/* ---- the heading and the messages ---- */

static bool add_markdown_head(struct markdown *m)
{
	CLEANUP(buf_done) struct buf part = BUF_TEXT;
	const struct node *frame = m->view->frame;
	const char *sync = node_get_text(frame, "sync"), *mode = node_get_text(frame, "mode");
	const char *endpoint = node_get_text(node_get(frame, "service"), "endpoint");
	struct sync_estimate estimate;
	bool fits;

	buf_addf(&part, "### flowsync %s ", strcmp(mode, "plan") == 0 ? "plan" : "sync");
	add_code_span(&part, sync ? sync : "default");
	buf_adds(&part, "\n\n**");
	render_counts(m->view, &part);
	buf_adds(&part, "**\n");
	if (endpoint) {
		buf_adds(&part, "\non ");
		add_code_span(&part, endpoint);
		buf_addc(&part, '\n');
	}
	if (report_view_is_plan(m->view) && !render_is_nothing(m->view) && sync_estimate(m->view, &estimate)) {
		buf_addc(&part, '\n');
		sync_estimate_add(&estimate, &part);
		buf_addc(&part, '\n');
	}
	return add_part(m, &part, MARKDOWN_MOST, &fits);
}

static void add_message(struct buf *out, const struct node *message)
{
	buf_adds(out, "- ");
	if (node_get_text(message, "file")) {
		add_file_place(out, message);
		buf_addc(out, ' ');
	}
	add_code_span_of(out, node_get_text(message, "message"), MESSAGE_MOST);
	buf_addc(out, '\n');
}

static bool add_rest_of_messages(struct markdown *m, size_t count)
{
	CLEANUP(buf_done) struct buf part = BUF_TEXT;
	bool fits;

	if (count)
		buf_addf(&part, "- %zu more, which the log shows\n", count);
	return add_part(m, &part, MARKDOWN_MOST, &fits);
}

static bool add_messages(struct markdown *m, const char *key, const char *heading)
{
	CLEANUP(buf_done) struct buf part = BUF_TEXT;
	const struct node *list = node_get(m->view->frame, key);
	bool fits;

	if (!list->count)
		return true;
	buf_addf(&part, "\n**%s**\n\n", heading);
	if (!add_part(m, &part, MARKDOWN_MOST, &fits))
		return false;
	for (size_t i = 0; i < list->count; i++) {
		buf_reset(&part);
		add_message(&part, list->entries[i].value);
		if (i == MESSAGES_SHOWN || m->used + part.len > MESSAGES_MOST)
			return add_rest_of_messages(m, list->count - i);
		if (!add_part(m, &part, MARKDOWN_MOST, &fits))
			return false;
	}
	return true;
}

/* ---- the details ---- */

/* Ends text behind a line, and says how many follow. */
static bool cut_body(struct buf *body)
{
	CLEANUP(buf_done) struct buf beginning = BUF_TEXT;
	size_t len = BODY_MOST, lines = 0;

	if (body->len <= BODY_MOST)
		return false;
	while (len && buf_str(body)[len - 1] != '\n')
		len--;
	for (const char *s = buf_str(body) + len; *s; s++)
		lines += *s == '\n';
	buf_add(&beginning, buf_str(body), len);
	buf_reset(body);
	buf_addf(body, "%s(%zu more line%s)\n", buf_str(&beginning), lines, lines == 1 ? "" : "s");
	return true;
}

static void add_summary(struct buf *out, const struct node *workflow, const struct change_group *group)
{
	buf_adds(out, "\n<details><summary>");
	render_add_action(out, workflow);
	buf_addc(out, ' ');
	if (group->count)
		buf_addf(out, "%zu workflows, of which the first is ", group->count);
	add_html_code(out, node_get_text(workflow, "name"));
	buf_adds(out, "</summary>\n\n");
}

static bool add_details(void *markdown, const struct node *workflow)
{
	CLEANUP(buf_done) struct buf part = BUF_TEXT, body = BUF_TEXT;
	struct markdown *m = markdown;
	struct change_group group = { 0 };
	enum group_role role = change_groups_role(&m->groups, m->index++, &group);
	const struct change_style style = { .no_lines = role == GROUP_FIRST, .clock = m->options->clock };
	struct line_writer line = { .out = &body };
	bool fits;

	if (role == GROUP_OTHER)
		return true;
	render_body(&line, workflow, &style);
	if (!body.len)
		return true;
	bool cut = cut_body(&body);
	add_summary(&part, workflow, &group);
	add_fence(&part, buf_str(&body));
	buf_adds(&part, "\n</details>\n");
	if (!add_part(m, &part, MARKDOWN_MOST - END_MOST, &fits))
		return false;
	m->details_left_out += fits ? 0 : 1;
	m->cut |= fits && cut;
	return true;
}

static bool add_what_is_left_out(struct markdown *m)
{
	CLEANUP(buf_done) struct buf part = BUF_TEXT;
	bool fits;

	if (m->details_left_out)
		buf_addf(&part, "\nThe details of %zu workflow%s are left out, as this comment may have %d characters.\n",
		         m->details_left_out, m->details_left_out == 1 ? "" : "s", MARKDOWN_MOST);
	if (m->details_left_out || m->rows_left_out || m->cut)
		buf_adds(&part, "\n`flowsync plan` shows everything that is left out here, and `-o json` each value as a whole.\n");
	return add_part(m, &part, MARKDOWN_MOST, &fits);
}

bool render_markdown(struct report_view *view, const struct render_options *options)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	struct markdown m = { .view = view, .options = options };

	if (!options->verbose && !change_groups_find(view, &a, &m.groups))
		return false;
	if (!add_markdown_head(&m) || !add_messages(&m, "errors", "Errors") || !add_messages(&m, "warnings", "Warnings") ||
	    !add_table(&m))
		return false;
	m.index = 0;
	return report_view_each(view, add_details, &m) && add_what_is_left_out(&m);
}
