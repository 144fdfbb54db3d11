#include "agent/sync/report_print.h"

#include <string.h>

#include "agent/util/clock.h"
#include "agent/util/file.h"
#include "agent/util/json_output.h"
#include "agent/util/timezone.h"
#include "reconcile/tree/json.h"

static bool report_print_has_zone(const struct settings *s)
{
	return s->timezone && strcmp(s->timezone, "UTC") != 0;
}

bool report_print_set_zone(const struct settings *s, struct err *err)
{
	return !report_print_has_zone(s) || timezone_use(s->timezone, err);
}

/* The time of the report: a stored one is shown as it was printed. */
static struct cron_clock report_print_clock(const struct settings *s, const char *started)
{
	struct cron_clock clock = { 0 };
	int64_t ms;

	if (timestamp_parse(started, &ms))
		clock.now = ms / 1000;
	if (report_print_has_zone(s)) {
		clock.zone = s->timezone;
		clock.offset = timezone_offset;
	}
	return clock;
}

struct render_options report_print_file_options(const struct context *ctx, int output, const char *started)
{
	return (struct render_options){
		.format = output == OUTPUT_MARKDOWN ? RENDER_MARKDOWN : output == OUTPUT_JUNIT ? RENDER_JUNIT : RENDER_TEXT,
		.verbose = ctx->settings->verbose, .clock = report_print_clock(ctx->settings, started),
	};
}

static struct render_options report_print_options(const struct context *ctx, const char *started)
{
	struct render_options options = report_print_file_options(ctx, ctx->settings->output, started);

	options.colour = ctx->term.out_color;
	options.width = context_table_width(ctx);
	return options;
}

static void report_print_document(const struct node *report, int output, const struct render_options *options,
                                  struct buf *text)
{
	if (output != OUTPUT_JSON) {
		render_document(report, options, text);
		return;
	}
	json_write(report, JSON_PRETTY, text);
	buf_addc(text, '\n');
}

void report_print(struct context *ctx, const struct node *report)
{
	CLEANUP(buf_done) struct buf text = BUF_TEXT;
	const struct render_options options = report_print_options(ctx, node_get_text(report, "started"));

	report_print_document(report, ctx->settings->output, &options, &text);
	if (ctx->settings->output == OUTPUT_JSON)
		json_output_add(&(struct json_output){ .to = ctx->out }, buf_str(&text), text.len);
	else
		fputs(buf_str(&text), ctx->out);
}

bool report_print_files(struct context *ctx, const struct node *report, struct err *err)
{
	const struct output_files *files = &ctx->settings->outputs;

	for (size_t i = 0; i < files->count; i++) {
		CLEANUP(buf_done) struct buf text = BUF_TEXT;
		const struct output_file *f = &files->items[i];
		const struct render_options options = report_print_file_options(ctx, f->output,
		                                                                node_get_text(report, "started"));
		report_print_document(report, f->output, &options, &text);
		if (!file_replace(ctx->arena, f->file, buf_str(&text), text.len, REPORT_MODE, err))
			return err_wrap(err, "report %s", f->file);
	}
	return true;
}

static bool report_print_add(void *file, const char *bytes, size_t len)
{
	return fwrite(bytes, 1, len, file) == len;
}

static bool report_print_add_json(void *output, const char *bytes, size_t len)
{
	return json_output_add(output, bytes, len);
}

bool report_print_run(struct context *ctx, const struct report *report, struct err *err)
{
	const struct report_output text = { report_print_add, ctx->out };
	struct json_output json = { .to = ctx->out };
	const struct report_output document = { report_print_add_json, &json };
	const struct render_options options = report_print_options(ctx, report->started);
	bool ok = ctx->settings->output == OUTPUT_JSON ? report_write(report, &document)
	                                               : render_report(report, &options, &text);

	return ok || err_set(err, "the report cannot be printed: its changes cannot be read again from their temporary file");
}
