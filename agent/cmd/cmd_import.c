#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/sync/connection.h"
#include "agent/util/diagnostics_text.h"
#include "agent/util/file.h"
#include "agent/util/directory.h"
#include "agent/sync/progress.h"
#include "agent/cmd/cli.h"
#include "agent/cmd/import_names.h"
#include "agent/util/shutdown_signals.h"
#include "agent/util/table.h"
#include "reconcile/schema/mask.h"
#include "reconcile/plan/spec_write.h"

struct import {
	struct context *ctx;
	const char *dir, *endpoint;	/* endpoint: as the comments in the files name it */
	const struct node *mask;	/* of the configuration; NULL: nothing */
	struct connection connection;
	int64_t deadline;
	struct operation_list list;
	struct fetch *fetches;		/* by the names of their files */
	size_t count, finished;
	struct diagnostics faults;
	struct exit_status verdict;
};

/* One workflow: is described, then written to its file. */
struct fetch {
	struct task task;		/* first, so that a task is its fetch */
	struct import *import;
	const struct listed *item;
	const char *file;
	enum { FETCH_NOT_BEGUN, FETCH_WRITTEN, FETCH_FAILED } state;

	/* From here on: used while the task runs. */
	struct arena arena;		/* freed when the task ends */
	struct operation_call call;
};

static void import_close(struct import *im)
{
	connection_close(&im->connection);
}

/* ---- which workflows ---- */

static const char *import_file_path(struct import *im, const char *file)
{
	size_t len = strlen(im->dir);

	return arena_printf(im->ctx->arena, "%s%s%s", im->dir, im->dir[len - 1] == '/' ? "" : "/", file);
}

static bool import_matches_filter(const struct import *im, const struct listed *item)
{
	const char *glob = im->ctx->settings->name;

	return !glob || fnmatch(glob, item->name, 0) == 0;
}

static int import_compare_names(const void *a, const void *b)
{
	const struct listed *x = *(const struct listed *const *)a, *y = *(const struct listed *const *)b;
	int order = strcmp(x->name, y->name);

	return order ? order : (x->id > y->id) - (x->id < y->id);
}

/* Two specs of the same name are refused (design, 4), so workflows with the same name are not written. */
static void import_drop_same_names(struct import *im, const struct listed **items, size_t count)
{
	size_t kept = 0;

	for (size_t i = 0, end; i < count; i = end) {
		for (end = i + 1; end < count && strcmp(items[end]->name, items[i]->name) == 0; end++)
			;
		if (end == i + 1) {
			items[kept++] = items[i];
			continue;
		}
		diagnostics_warn(&im->faults, (struct pos){ 0 }, "%s; none is written",
		                 listed_several(im->ctx->arena, end - i, items[i], items[i + 1]));
		im->verdict.conflict = true;
	}
	im->count = kept;
}

static int import_compare_files(const void *a, const void *b)
{
	return strcmp(((const struct fetch *)a)->file, ((const struct fetch *)b)->file);
}

static enum task_next import_fetch_step(struct task *task, const struct answer *answer,
                                        struct request *next);

static void import_select_workflows(struct import *im)
{
	struct arena *a = im->ctx->arena;
	const struct operation_list *list = &im->list;
	const struct listed **items = arena_new(a, const struct listed *, list->count + 1);
	const char **names = arena_new(a, const char *, list->count + 1);
	size_t count = 0;

	import_names(a, list->items, list->count, names);
	for (size_t i = 0; i < list->count; i++)
		if (import_matches_filter(im, &list->items[i]))
			items[count++] = &list->items[i];
	qsort(items, count, sizeof *items, import_compare_names);
	import_drop_same_names(im, items, count);
	im->fetches = arena_new(a, struct fetch, im->count + 1);
	for (size_t i = 0; i < im->count; i++)
		im->fetches[i] = (struct fetch){ { .step = import_fetch_step }, im, items[i],
		                                 names[items[i] - list->items] };
	qsort(im->fetches, im->count, sizeof *im->fetches, import_compare_files);
}

/* All files are checked before the first is written, so that a wrong directory stays unchanged. */
static bool import_check_no_file_exists(struct import *im)
{
	struct stat st;

	for (size_t i = 0; i < im->count; i++) {
		const char *path = import_file_path(im, im->fetches[i].file);
		if (lstat(path, &st) == 0)
			diagnostics_add(&im->faults, (struct pos){ .file = path }, "the file exists; nothing is written");
	}
	return im->faults.errors == 0;
}

static bool import_check_directory(const char *dir, struct err *err)
{
	struct stat st;

	if (stat(dir, &st) < 0) {
		if (errno == ENOENT)
			return true;
		err_sys(err, errno, "--out %s", dir);
	} else if (S_ISDIR(st.st_mode)) {
		return true;
	} else {
		err_set(err, "--out %s: expected a directory, found a file", dir);
	}
	err->kind = ERR_USAGE;
	return false;
}

/* ---- fetching and writing ---- */

static void import_record_failure(struct fetch *f, const struct err *err)
{
	struct import *im = f->import;

	f->state = FETCH_FAILED;
	diagnostics_add(&im->faults, (struct pos){ 0 }, "%s", err->msg);
	if (f->call.op.refused)
		im->verdict.failed = true;
	im->verdict.step_failed = true;
}

static void import_write_file(struct fetch *f)
{
	CLEANUP(buf_done) struct buf text = BUF_TEXT;
	const char *path = import_file_path(f->import, f->file);
	struct err err;

	mask_mark(&f->arena, f->call.answer, f->import->mask);
	if (!spec_write(&f->arena, f->call.answer, f->import->endpoint, &text, &err))
		err_wrap(&err, "%s", operation_workflow(&f->arena, f->item->id, f->item->name));
	else if (!file_create(path, text.text, text.len, 0666, &err))
		err_wrap(&err, "%s", path);
	else
		f->state = FETCH_WRITTEN;
	if (f->state == FETCH_WRITTEN)
		f->import->verdict.applied = true;
	else
		import_record_failure(f, &err);
}

static enum task_next import_fetch_step(struct task *task, const struct answer *answer,
                                        struct request *next)
{
	struct fetch *f = (struct fetch *)task;

	if (!answer)
		operation_describe_init(&f->call, &f->arena, f->item->id, f->item->name);
	if (f->call.op.task.step(&f->call.op.task, answer, next) == TASK_ASK)
		return TASK_ASK;
	if (f->call.op.ok)
		import_write_file(f);
	else
		import_record_failure(f, &f->call.op.err);
	f->import->finished++;
	arena_free(&f->arena);
	return TASK_DONE;
}

static void import_print_progress(const void *work, struct buf *line)
{
	const struct import *im = work;

	if (im->count)
		buf_addf(line, "reading: %zu of %zu", im->finished, im->count);
	else
		buf_addf(line, "listing workflows: %zu", im->list.seen);
}

static void import_run_tasks(struct import *im, struct dispatch *dispatch)
{
	struct progress progress = { .ctx = im->ctx, .describe = import_print_progress, .work = im };
	struct request_loop_watch watch = progress_watch(&progress);

	request_loop_run(im->connection.client, dispatch, im->ctx->stop_fd, &watch);
	progress_clear(&progress);
	im->verdict.signal = shutdown_signals_received();
}

static void import_init_dispatch(struct import *im, struct dispatch *dispatch)
{
	dispatch_init(dispatch, (unsigned)im->ctx->settings->concurrency, im->deadline,
	              (uint64_t)clock_monotonic());
}

static void import_fetch_all(struct import *im)
{
	struct dispatch dispatch;
	size_t left = 0;

	import_init_dispatch(im, &dispatch);
	for (size_t i = 0; i < im->count; i++)
		dispatch_add(&dispatch, &im->fetches[i].task);
	import_run_tasks(im, &dispatch);
	for (size_t i = 0; i < im->count; i++)
		left += im->fetches[i].state == FETCH_NOT_BEGUN;
	if (!left)
		return;
	diagnostics_add(&im->faults, (struct pos){ 0 },
	                "%zu workflow%s not read: stopped, or the timeout expired", left,
	                left == 1 ? " was" : "s were");
	im->verdict.step_failed = true;
}

static bool import_list_workflows(struct import *im, struct err *err)
{
	struct dispatch dispatch;

	import_init_dispatch(im, &dispatch);
	operation_list_init(&im->list, im->ctx->arena);
	dispatch_add(&dispatch, &im->list.op.task);
	import_run_tasks(im, &dispatch);
	if (im->list.op.ok)
		return true;
	*err = im->list.op.err;
	return false;
}

/* ---- output ---- */

static void import_print_table(struct import *im)
{
	static const struct table_column columns[] = {
		{ "ID" }, { "NAME" }, { "FILE" },
	};
	struct arena *a = im->ctx->arena;
	struct table t;

	if (!im->verdict.applied)
		return;
	table_init(&t, a, ARRAY_LEN(columns), columns);
	for (size_t i = 0; i < im->count; i++) {
		struct fetch *f = &im->fetches[i];
		if (f->state != FETCH_WRITTEN)
			continue;
		const char **row = table_row(&t);
		row[0] = arena_printf(a, "%lld", (long long)f->item->id);
		row[1] = f->item->name;
		row[2] = import_file_path(im, f->file);
	}
	table_print(&t, context_table_width(im->ctx), im->ctx->out);
}

static void import_print_json(struct import *im)
{
	struct arena *a = im->ctx->arena;
	struct node *document = cli_document(im->ctx, &im->faults, exit_status_code(&im->verdict)), *list = node_list(a);

	for (size_t i = 0; i < im->count; i++) {
		struct fetch *f = &im->fetches[i];
		if (f->state != FETCH_WRITTEN)
			continue;
		struct node *item = node_add(a, list, node_map(a));
		node_put(a, item, "id", node_int(a, f->item->id));
		node_put(a, item, "name", node_text(a, f->item->name));
		node_put(a, item, "file", node_text(a, import_file_path(im, f->file)));
	}
	node_put(a, document, "workflows", list);
	cli_print_document(im->ctx, document);
}

static int import_print_result(struct import *im)
{
	struct log *log = im->ctx->log;

	for (size_t i = 0; i < im->faults.count; i++) {
		struct diagnostic *f = &im->faults.items[i];
		struct diagnostic plain = *f;
		plain.warning = false;	/* the log says it */
		(f->warning ? log_warn : log_error)(log, "%s", diagnostics_text_line(im->ctx->arena, &plain));
	}
	if (im->faults.left_out)
		log_error(log, "and %zu more", im->faults.left_out);
	(im->ctx->settings->output == OUTPUT_JSON ? import_print_json : import_print_table)(im);
	return exit_status_code(&im->verdict);
}

/* ---- the command ---- */

static bool import_open(struct import *im, struct err *err)
{
	struct context *ctx = im->ctx;

	if (!im->dir)
		return err_usage(err, "no directory is given: flowsync import --out DIR");
	if (strcmp(im->dir, "-") == 0)
		return err_usage(err, "--out -: import writes a directory of files, not to stdout; ./- is a directory of that "
		                 "name");
	if (!import_check_directory(im->dir, err) ||
	    !connection_open(ctx, (unsigned)ctx->settings->concurrency, &im->connection, err))
		return false;
	im->mask = texts_list(im->ctx->arena, &im->ctx->settings->mask);
	im->endpoint = im->connection.serve ? "the local service" : im->connection.endpoint.url;
	return true;
}

static void import_warn_nothing_found(struct import *im)
{
	const char *name = im->ctx->settings->name;

	if (name)
		diagnostics_warn(&im->faults, (struct pos){ 0 }, "the service has no workflow called \"%s\"", name);
	else
		diagnostics_warn(&im->faults, (struct pos){ 0 }, "the service has no workflows");
}

static bool import_all(struct import *im, struct err *err)
{
	if (!import_open(im, err) || !import_list_workflows(im, err))
		return false;
	import_select_workflows(im);
	if (!im->count) {
		if (!im->verdict.conflict)
			import_warn_nothing_found(im);
		return true;
	}
	if (!import_check_no_file_exists(im)) {
		im->verdict.failed = true;
		return true;
	}
	if (!directory_make_public(im->dir, err))
		return false;
	import_fetch_all(im);
	return true;
}

static int cmd_import_run(struct context *ctx)
{
	CLEANUP(import_close) struct import im = {
		.ctx = ctx, .dir = ctx->settings->out, .faults.arena = ctx->arena,
		.deadline = clock_monotonic() + ctx->settings->timeout_ms,
	};
	struct err err;

	if (!import_all(&im, &err)) {
		diagnostics_add(&im.faults, (struct pos){ 0 }, "%s", err.msg);
		exit_status_add(&im.verdict, &err);
	}
	return import_print_result(&im);
}

const struct command cmd_import = {
	.name = "import",
	.summary = "write existing workflows as spec files",
	.help = "Writes each workflow of the service as a spec file below the directory that --out names, so\n"
	        "that a plan with these files shows no changes.  Secrets are left out or masked, and comments\n"
	        "at the top of each file say where.  No file is overwritten: if one of them exists, nothing is\n"
	        "written.",
	.options = FOR_IMPORT | FOR_RESULT,
	.stops = true,
	.run = cmd_import_run,
};
