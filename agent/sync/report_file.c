#include "agent/sync/report_file.h"

#include "agent/sync/report_print.h"
#include "agent/util/fd.h"

static bool report_file_put(void *file, const char *bytes, size_t len, uint64_t *place)
{
	return spill_file_put(file, bytes, len, place);
}

static bool report_file_get(void *file, uint64_t place, size_t len, char *bytes)
{
	return spill_file_get(file, place, len, bytes);
}

struct report_spill report_file_spill(struct context *ctx, struct spill_file *file)
{
	spill_file_open(env_get(ctx->env, "TMPDIR"), file);
	return (struct report_spill){ report_file_put, report_file_get, file };
}

static bool report_file_add(void *fd, const char *bytes, size_t len)
{
	return fd_write_all(*(int *)fd, bytes, len);
}

static bool report_file_add_in_memory(void *text, const char *bytes, size_t len)
{
	struct buf *b = text;

	buf_add(b, bytes, len);
	return !b->full;
}

struct report_form { const struct report *report; const struct render_options *options; };	/* NULL: JSON */

static bool report_file_write_form(const struct report_form *form, const struct report_output *out)
{
	return form->options ? render_report(form->report, form->options, out) : report_write(form->report, out);
}

static bool report_file_write_anywhere(struct context *ctx, const struct report_form *form, struct report_file *file,
                                       struct err *err)
{
	CLEANUP(fd_close) int fd = -1;
	const struct report_output out = { report_file_add, &fd };
	const struct report_output memory = { report_file_add_in_memory, &file->text };

	if (fd_open_temporary(env_get(ctx->env, "TMPDIR"), &fd) && report_file_write_form(form, &out)) {
		file->fd = fd;
		fd = -1;
		return true;
	}
	if (report_file_write_form(form, &memory))
		return true;
	report_file_done(file);
	return err_set(err, "its changes cannot be read again from their temporary file");
}

bool report_file_write(struct context *ctx, const struct report *report, struct report_file *file, struct err *err)
{
	const struct report_form form = { report, NULL };

	return file->fd >= 0 || file->text.text || report_file_write_anywhere(ctx, &form, file, err);
}

bool report_file_render(struct context *ctx, const struct report *report, int output, struct report_file *file,
                        struct err *err)
{
	const struct render_options options = report_print_file_options(ctx, output, report->started);
	const struct report_form form = { report, &options };

	return report_file_write_anywhere(ctx, &form, file, err);
}

struct file_content report_file_content(const struct report_file *file)
{
	return (struct file_content){ buf_str(&file->text), file->text.len, file->fd };
}

void report_file_done(struct report_file *file)
{
	fd_close(&file->fd);
	buf_done(&file->text);
	*file = REPORT_FILE_NONE;
}
