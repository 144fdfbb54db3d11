/* report_file.h: the files without a name that hold the parts of a report, and its document, outside of memory. */
#ifndef AGENT_SYNC_REPORT_FILE_H
#define AGENT_SYNC_REPORT_FILE_H

#include "agent/config/context.h"
#include "agent/util/file.h"
#include "agent/util/spill_file.h"
#include "reconcile/plan/report.h"

/* Opens a file for the changes of steps; the caller closes *file, to which the result refers. */
struct report_spill report_file_spill(struct context *ctx, struct spill_file *file);

/* The document of a report, or another form of it. */
struct report_file {
	int fd;			/* -1: none */
	struct buf text;	/* without fd; text.text NULL: the document is not written */
};

#define REPORT_FILE_NONE	((struct report_file){ .fd = -1, .text = BUF_TEXT })

/* Writes the document, unless it is written: to a file, or in memory where no file can hold it. */
bool report_file_write(struct context *ctx, const struct report *report, struct report_file *file, struct err *err);
/* The same with the report as output (not JSON), for a file: without colours. */
bool report_file_render(struct context *ctx, const struct report *report, int output, struct report_file *file,
                        struct err *err);
/* Valid until report_file_done(). */
struct file_content report_file_content(const struct report_file *file);
void report_file_done(struct report_file *file);

#endif
