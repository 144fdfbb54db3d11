#include "agent/util/annotations.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "agent/util/file.h"
#include "reconcile/base/printable.h"

bool annotation_is_command(const char *text)
{
	while (isspace((unsigned char)*text) || (unsigned char)*text >= 0x80)
		text++;
	return strncmp(text, "::", 2) == 0;
}

/* A property ends at a comma, and all of them at a colon; the runner turns each escape back. */
static void annotation_add_escaped(struct buf *out, const char *text, bool property)
{
	for (; *text; text++) {
		bool special = *text == '%' || *text == '\r' || *text == '\n' || (property && strchr(":,", *text));
		if (special)
			buf_addf(out, "%%%02X", (unsigned char)*text);
		else
			buf_addc(out, *text);
	}
}

static void annotation_free_text(char **text)
{
	free(*text);
}

/* The file as the runner looks for it: from the top of its workspace. */
static const char *annotation_file(const struct annotation_output *out, struct arena *a, const char *file)
{
	if (out->in_repository || !out->workspace)
		return file;
	CLEANUP(annotation_free_text) char *real = realpath(file, NULL);
	CLEANUP(annotation_free_text) char *top = realpath(out->workspace, NULL);
	size_t len = top ? strlen(top) : 0;
	if (real && len && strncmp(real, top, len) == 0 && real[len] == '/')
		return arena_strdup(a, real + len + 1);
	return strncmp(file, "./", 2) == 0 ? file + 2 : file;
}

static void annotation_add_place(const struct annotation_output *out, struct arena *a, const struct pos *at,
                                 struct buf *line)
{
	if (!at->file || strcmp(at->file, FILE_STDIN) == 0)
		return;
	buf_adds(line, " file=");
	annotation_add_escaped(line, printable_text(a, annotation_file(out, a, at->file)), true);
	if (at->line > 0)
		buf_addf(line, ",line=%d", at->line);
	if (at->line > 0 && at->col > 0)
		buf_addf(line, ",col=%d", at->col);
}

/* Characters that act on a terminal are shown as escapes, as everywhere. */
void annotation_print(const struct annotation_output *out, const struct diagnostic *fault)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	CLEANUP(buf_done) struct buf line = BUF_TEXT;

	if (fault->warning && out->errors_only)
		return;
	buf_adds(&line, fault->warning ? "::warning" : "::error");
	annotation_add_place(out, &a, &fault->at, &line);
	buf_adds(&line, "::");
	annotation_add_escaped(&line, printable_text(&a, fault->message), false);
	buf_addc(&line, '\n');
	fwrite(buf_str(&line), 1, line.len, out->to);
}

void annotations_print(const struct annotation_output *out, const struct diagnostics *faults)
{
	for (size_t i = 0; i < faults->count; i++)
		annotation_print(out, &faults->items[i]);
}
