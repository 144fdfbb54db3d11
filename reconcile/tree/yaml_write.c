#include "reconcile/tree/yaml.h"

#include <string.h>

#include "reconcile/base/text_check.h"
#include "reconcile/base/utf8.h"
#include "reconcile/tree/scalar.h"

/* Longer keys are written with a "?": a reader may refuse other keys of over 1024 characters, and an escape turns one
 * character into six. */
enum { MAX_PLAIN_KEY = 160 };

/* libyaml's emitter is not used: it writes lists without indentation under their
 * key, and no literal block if a line ends in a space. */

static void write_yaml_escape(struct buf *out, const char *text, size_t len)
{
	uint32_t code = 0;

	utf8_read(text, len, &code);
	if (code == '\n' || code == '\t')
		buf_adds(out, code == '\n' ? "\\n" : "\\t");
	else
		buf_addf(out, len == 1 ? "\\x%02X" : len < 4 ? "\\u%04X" : "\\U%08X", (unsigned)code);
}

static void write_quoted_text(struct buf *out, const char *text)
{
	buf_addc(out, '"');
	while (*text) {
		size_t odd = scalar_odd_character(text);
		if (odd)
			write_yaml_escape(out, text, odd);
		else if (*text == '"' || *text == '\\')
			buf_addf(out, "\\%c", *text);
		else
			buf_addc(out, *text);
		text += odd ? odd : 1;
	}
	buf_addc(out, '"');
}

/* A file must not begin with a text that is refused as the beginning of one. */
static void write_one_line(struct buf *out, const char *text)
{
	if (scalar_needs_quotes(text) || text_check(text, strlen(text)))
		write_quoted_text(out, text);
	else
		buf_adds(out, text);
}

/* True if text has several lines, and a literal block can hold it exactly. */
static bool fits_literal(const char *text)
{
	const char *newline = strchr(text, '\n');

	if (!newline || strspn(text, "\n") == strlen(text))
		return false;
	for (; *text; text++)
		if (*text != '\n' && *text != '\t' && scalar_odd_character(text))
			return false;
	return true;
}

/* Writes from the "|" to the last line of text.  If the first line begins with white space, the indentation is given as
 * a number; "-", nothing or "+" says how many newlines end the text. */
static void write_literal(struct buf *out, const char *text, int indent)
{
	size_t len = strlen(text);
	bool ends = text[len - 1] == '\n', ends_twice = ends && text[len - 2] == '\n';

	buf_adds(out, strchr(" \t\n", text[0]) ? "|2" : "|");
	buf_adds(out, !ends ? "-\n" : ends_twice ? "+\n" : "\n");
	for (const char *line = text; *line; ) {
		size_t line_len = strcspn(line, "\n");
		if (line_len)
			buf_add_blanks(out, (size_t)indent);
		buf_add(out, line, line_len);
		buf_addc(out, '\n');
		line += line_len + (line[line_len] == '\n');
	}
}

static void write_yaml_real(struct buf *out, const struct node *n)
{
	struct node again = { 0 };
	struct err err;

	/* As it was written, if every reader reads the same number. */
	if (n->text && scalar_resolve(&again, n->text, &err) && node_equal(&again, n) &&
	    !scalar_in_yaml12(&again))
		buf_adds(out, n->text);
	else
		buf_add_real(out, n->real);
}

static void write_scalar(struct buf *out, const struct node *n)
{
	switch (n->kind) {
	case NODE_NULL: buf_adds(out, "null"); break;
	case NODE_BOOL: buf_adds(out, n->boolean ? "true" : "false"); break;
	case NODE_INT:  buf_addf(out, "%lld", (long long)n->integer); break;
	case NODE_REAL: write_yaml_real(out, n); break;
	case NODE_TEXT: write_one_line(out, n->text); break;
	case NODE_RAW:  buf_adds(out, n->text); break;
	case NODE_LIST: buf_adds(out, "[]"); break;
	case NODE_MAP:  buf_adds(out, "{}"); break;
	}
}

static void write_block(struct buf *out, const struct node *n, int indent);

/* Writes the value after its "key:" or "-", which is indented by indent, up to the end of its last line. */
static void write_value_after_key(struct buf *out, const struct node *n, int indent, bool in_list)
{
	if (n->count == 0) {
		buf_addc(out, ' ');
		if (n->kind == NODE_TEXT && fits_literal(n->text)) {
			write_literal(out, n->text, indent + 2);
			return;
		}
		write_scalar(out, n);
		buf_addc(out, '\n');
		return;
	}
	buf_addc(out, in_list ? ' ' : '\n');
	if (!in_list)
		buf_add_blanks(out, (size_t)indent + 2);
	write_block(out, n, indent + 2);
}

/* Writes a list or map that is not empty; the first line is indented already. */
static void write_block(struct buf *out, const struct node *n, int indent)
{
	for (size_t i = 0; i < n->count; i++) {
		const struct entry *entry = &n->entries[i];
		if (i)
			buf_add_blanks(out, (size_t)indent);
		if (!entry->key) {
			buf_addc(out, '-');
			write_value_after_key(out, entry->value, indent, true);
			continue;
		}
		bool is_long = strlen(entry->key) > MAX_PLAIN_KEY;
		if (is_long)
			buf_adds(out, "? ");
		write_one_line(out, entry->key);
		if (is_long) {
			buf_addc(out, '\n');
			buf_add_blanks(out, (size_t)indent);
		}
		buf_addc(out, ':');
		write_value_after_key(out, entry->value, indent, false);
	}
}

void yaml_write(const struct node *n, struct buf *out)
{
	if (n->count) {
		write_block(out, n, 0);
	} else if (n->kind == NODE_TEXT && fits_literal(n->text)) {
		write_literal(out, n->text, 2);
	} else {
		write_scalar(out, n);
		buf_addc(out, '\n');
	}
}
