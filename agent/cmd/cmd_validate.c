#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/cmd/cli.h"
#include "agent/util/diagnostics_text.h"
#include "agent/util/file.h"
#include "agent/source/source_dir.h"
#include "agent/source/source_scan.h"
#include "reconcile/plan/spec.h"
#include "reconcile/tree/yaml.h"

struct validate_file {
	const char *name;		/* what messages call it */
	const char *path;		/* NULL: stdin */
};

struct validate_list {
	struct validate_file *items;
	size_t count, room;
};

static void cmd_validate_add_file(struct arena *a, struct validate_list *files, const char *name, const char *path)
{
	arena_grow(a, files->items, files->count, files->room);
	files->items[files->count++] = (struct validate_file){ name, path };
}

/* A directory without specs is an error here: the user has named it. */
static void cmd_validate_list_directory(struct arena *a, const char *dir, struct validate_list *files,
                                        struct diagnostics *faults)
{
	size_t before = files->count;
	off_t bytes = 0;
	struct source_scan look;

	if (!source_scan(a, dir, &look, faults) && look.count == 0)
		return;
	for (size_t i = 0; i < look.count; i++) {
		const struct source_entry *e = &look.items[i];
		if (e->kind != SOURCE_FILE)
			continue;
		bytes += e->stamp.size <= YAML_MAX_BYTES ? e->stamp.size : 0;
		if (bytes > SOURCE_MAX_BYTES) {
			diagnostics_add(faults, (struct pos){ dir, 0, 0 }, "holds more than %d MiB of specs",
			                SOURCE_MAX_BYTES >> 20);
			return;
		}
		cmd_validate_add_file(a, files, e->name, e->real);
	}
	if (files->count == before)
		diagnostics_add(faults, (struct pos){ dir, 0, 0 }, "has no *.yaml or *.yml file");
}

/* Adds the file path, stdin for "-", or the spec files below the directory path. */
static void cmd_validate_list_path(struct arena *a, const char *path, struct validate_list *files,
                                   struct diagnostics *faults)
{
	struct stat st;

	if (strcmp(path, "-") == 0)
		cmd_validate_add_file(a, files, FILE_STDIN, NULL);
	else if (stat(path, &st) < 0)
		diagnostics_add(faults, (struct pos){ path, 0, 0 }, "cannot be read: %s", strerror(errno));
	else if (!S_ISDIR(st.st_mode))
		cmd_validate_add_file(a, files, path, path);
	else
		cmd_validate_list_directory(a, path, files, faults);
}

static int cmd_validate_compare_names(const void *a, const void *b)
{
	return strcmp(((const struct validate_file *)a)->name, ((const struct validate_file *)b)->name);
}

/* Keeps what specs_check() needs of the specs in one file, whose trees end with it. */
static void cmd_validate_keep(struct specs *all, const struct specs *one)
{
	struct arena *a = all->arena;

	all->files += one->files;
	for (size_t i = 0; i < one->count; i++) {
		const struct spec *s = &one->items[i];
		arena_grow(a, all->items, all->count, all->room);
		all->items[all->count++] = (struct spec){
			.name = arena_strdup(a, s->name), .at = s->at,
			.renamed_from = arena_strdup_or_null(a, s->renamed_from),
		};
	}
}

static void cmd_validate_read_file(struct context *ctx, const struct validate_file *f, struct arena *scratch,
                                   struct specs *all, struct diagnostics *faults)
{
	struct specs one = { .arena = scratch, .scratch = scratch, .without_bodies = true, .local = all->local };
	struct diagnostics found = { .arena = scratch };
	struct source_file file;

	if (source_file_read_as(scratch, f->name, f->path, &file, &found))
		specs_read(&one, ctx->vars, f->name, file.bytes, file.len, &found);
	cmd_validate_keep(all, &one);
	diagnostics_append(faults, &found);
	arena_reset(scratch);
}

/* A file that two paths lead to is read once; else each of its specs would be a duplicate. */
static void cmd_validate_read_specs(struct context *ctx, struct validate_list *files, struct specs *specs,
                                    struct diagnostics *faults)
{
	CLEANUP(arena_free) struct arena scratch = { 0 };

	if (files->count)
		qsort(files->items, files->count, sizeof *files->items, cmd_validate_compare_names);
	for (size_t i = 0; i < files->count; i++) {
		const struct validate_file *f = &files->items[i];
		if (i == 0 || strcmp(f->name, f[-1].name) != 0)
			cmd_validate_read_file(ctx, f, &scratch, specs, faults);
	}
	specs_check(specs, faults);
}

static int cmd_validate_exit_code(const struct diagnostics *faults)
{
	return exit_status_code(&(struct exit_status){ .invalid = faults->errors > 0 });
}

static void cmd_validate_print_json(struct context *ctx, const struct specs *specs, const struct diagnostics *faults)
{
	struct node *document = cli_document(ctx, faults, cmd_validate_exit_code(faults));

	node_put(ctx->arena, document, "files", node_int(ctx->arena, (int64_t)specs->files));
	node_put(ctx->arena, document, "specs", node_int(ctx->arena, (int64_t)specs->count));
	cli_print_document(ctx, document);
}

static const char *cmd_validate_count_text(struct arena *a, size_t count, const char *noun)
{
	return arena_printf(a, "%zu %s%s", count, noun, count == 1 ? "" : "s");
}

static void cmd_validate_log_counts(struct context *ctx, const struct specs *specs, const struct diagnostics *faults)
{
	size_t warnings = faults->count + faults->left_out - faults->errors;

	if (faults->left_out)
		log_warn(ctx->log, "%s not shown", faults->left_out == 1 ? "1 more fault is"
		         : arena_printf(ctx->arena, "%zu more faults are", faults->left_out));
	log_info(ctx->log, "%s in %s, %s, %s", cmd_validate_count_text(ctx->arena, specs->count, "valid spec"),
	         cmd_validate_count_text(ctx->arena, specs->files, "file"),
	         cmd_validate_count_text(ctx->arena, faults->errors, "error"),
	         cmd_validate_count_text(ctx->arena, warnings, "warning"));
}

static int cmd_validate_run(struct context *ctx)
{
	struct diagnostics faults = { .arena = ctx->arena };
	struct specs specs = { .arena = ctx->arena, .local = true };
	struct validate_list files = { 0 };

	for (size_t i = 0; i < ctx->argument_count; i++)
		cmd_validate_list_path(ctx->arena, ctx->arguments[i], &files, &faults);
	cmd_validate_read_specs(ctx, &files, &specs, &faults);
	diagnostics_sort(&faults);
	if (ctx->settings->output == OUTPUT_JSON)
		cmd_validate_print_json(ctx, &specs, &faults);
	else
		for (size_t i = 0; i < faults.count; i++)
			fprintf(ctx->out, "%s\n", diagnostics_text_line(ctx->arena, &faults.items[i]));
	fflush(ctx->out);
	context_annotate(ctx, &faults, false);
	cmd_validate_log_counts(ctx, &specs, &faults);
	return cmd_validate_exit_code(&faults);
}

const struct command cmd_validate = {
	.name = "validate",
	.arguments = "PATH...",
	.summary = "check specs without a service",
	.help = "Checks spec files, and all *.yaml and *.yml files below directories, without a service; \"-\" is\n"
	        "stdin.\n"
	        "Prints one line for each fault: file:line:column: message.  Exits 65 if there are errors;\n"
	        "warnings alone are no error.",
	.least = 1,
	.most = -1,
	.options = FOR_SPECS | FOR_ANNOTATIONS | FOR_RESULT,
	.run = cmd_validate_run,
};
