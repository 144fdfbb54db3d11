#include "agent/sync/github_output.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "agent/sync/report_print.h"
#include "agent/util/fd.h"
#include "reconcile/plan/excerpt.h"

/* The place of the declared value at path; of the workflow's spec where that has none. */
static struct pos place_of_value(const struct specs *specs, struct arena *a, const struct spec *spec, const char *path)
{
	struct err err;
	const struct node *n = spec_load(specs, spec, &err) ? node_at(spec_body(a, spec), path) : NULL;

	return n && n->at.line > 0 ? n->at : spec->at;
}

struct step_faults { const struct specs *specs; struct diagnostics faults; };

static bool add_step_faults(void *context, const struct node *w)
{
	struct step_faults *all = context;
	const char *name = node_get_text(w, "name"), *error = node_get_text(w, "error");
	const struct node *refused = node_get(w, "refused");
	const struct spec *spec = specs_find(all->specs, name);
	CLEANUP(arena_free) struct arena a = { 0 };

	for (size_t i = 0; spec && i < refused->count; i++) {
		CLEANUP(buf_done) struct buf kept = BUF_TEXT, sent = BUF_TEXT;
		const struct node *pair = refused->entries[i].value;
		const char *path = node_get_text(pair, "path");
		excerpt_values(node_get(pair, "kept"), node_get(pair, "sent"), false, &kept, &sent);
		diagnostics_add(&all->faults, place_of_value(all->specs, &a, spec, path),
		                "workflow \"%s\": %s is refused by the service: it was sent %s and kept %s", name, path,
		                sent.len ? buf_str(&sent) : "nothing", kept.len ? buf_str(&kept) : "nothing");
	}
	if (error && !refused->count)
		diagnostics_add(&all->faults, spec ? spec->at : (struct pos){ 0 }, "workflow \"%s\": %s", name, error);
	return true;
}

static void write_annotations(struct context *ctx, const struct report *report, const struct specs *specs,
                              bool in_repository)
{
	struct step_faults all = { specs, { .arena = ctx->arena } };

	context_annotate(ctx, report->faults, in_repository);
	report_each_workflow(report, add_step_faults, &all);
	context_annotate(ctx, &all.faults, in_repository);
}

static bool add_summary_text(void *text, const char *bytes, size_t len)
{
	buf_add(text, bytes, len);
	return true;
}

static bool append_summary(const char *path, const struct buf *text)
{
	CLEANUP(fd_close) int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);

	return fd >= 0 && fd_write_all(fd, buf_str(text), text->len);
}

static void write_summary(struct context *ctx, const struct report *report, const char *path)
{
	CLEANUP(buf_done) struct buf text = BUF_TEXT;
	const struct render_options options = report_print_file_options(ctx, OUTPUT_MARKDOWN, report->started);
	const struct report_output out = { add_summary_text, &text };

	/* The end of what stands before would else swallow the heading. */
	buf_addc(&text, '\n');
	if (!render_report(report, &options, &out))
		log_warn(ctx->log, "no summary for GitHub: the changes of this cycle cannot be read again");
	else if (!append_summary(path, &text))
		log_warn(ctx->log, "no summary for GitHub: GITHUB_STEP_SUMMARY: %s: %s", path, strerror(errno));
}

void github_output_write(struct context *ctx, const struct report *report, const struct specs *specs, bool in_repository)
{
	const char *summary = env_get(ctx->env, "GITHUB_STEP_SUMMARY");

	if (!context_wants_annotations(ctx))
		return;
	write_annotations(ctx, report, specs, in_repository);
	if (summary && *summary)
		write_summary(ctx, report, summary);
}
