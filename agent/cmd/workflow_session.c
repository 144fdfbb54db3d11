#include "agent/cmd/workflow_session.h"

#include <stdlib.h>
#include <string.h>

#include "agent/util/diagnostics_text.h"
#include "agent/sync/progress.h"
#include "agent/source/source_dir.h"
#include "agent/util/shutdown_signals.h"
#include "reconcile/base/printable.h"
#include "reconcile/tree/json.h"
#include "reconcile/schema/mask.h"
#include "reconcile/wire/operation_list.h"
#include "reconcile/tree/yaml.h"

bool workflow_session_open(struct context *ctx, struct workflow_session *out, struct err *err)
{
	*out = (struct workflow_session){ .ctx = ctx };
	return connection_open(ctx, 1, &out->connection, err);
}

void workflow_session_close(struct workflow_session *s)
{
	connection_close(&s->connection);
}

bool workflow_session_run(struct workflow_session *s, struct operation_task *op, struct err *err)
{
	struct progress progress = { .ctx = s->ctx };
	struct request_loop_watch watch = progress_watch(&progress);
	int64_t now = clock_monotonic();

	dispatch_init(&s->dispatch, 1, now + BY_HAND_TIMEOUT_MS, (uint64_t)now);
	dispatch_add(&s->dispatch, &op->task);
	request_loop_run(s->connection.client, &s->dispatch, s->ctx->stop_fd, &watch);
	if (!op->ok)
		*err = op->err;
	return op->ok;
}

bool workflow_session_stopped(const struct workflow_session *s)
{
	return s->ctx->stop_fd >= 0 && shutdown_signals_received();
}

int workflow_session_fail(const struct workflow_session *s, const struct err *err)
{
	if (!workflow_session_stopped(s))
		return cli_fail(s->ctx, err);
	return exit_status_code(&(struct exit_status){ .signal = shutdown_signals_received() });
}

static bool workflow_session_parse_id(const char *word, int64_t *id)
{
	if (!*word || strspn(word, "0123456789") != strlen(word) || strlen(word) > 18)
		return false;
	*id = strtoll(word, NULL, 10);
	return true;
}

static bool workflow_session_find(struct workflow_session *s, const char *word, struct err *err)
{
	struct operation_list list;

	if (workflow_session_parse_id(word, &s->id))
		return true;
	operation_list_name_init(&list, s->ctx->arena, word);
	if (!workflow_session_run(s, &list.op, err))
		return false;
	if (!list.count)
		return err_set(err, "the service has no workflow called \"%s\"", word);
	if (list.count > 1) {
		err_set(err, "the service has %zu workflows called \"%s\" (ids %lld, %lld%s): give the ID",
		        list.count, word, (long long)list.items[0].id, (long long)list.items[1].id,
		        list.count > 2 ? ", ..." : "");
		err->kind = ERR_CONFLICT;
		return false;
	}
	s->id = list.items[0].id;
	s->name = word;
	return true;
}

bool workflow_session_open_workflow(struct context *ctx, const char *word, struct workflow_session *out, struct err *err)
{
	return workflow_session_open(ctx, out, err) && workflow_session_find(out, word, err);
}

bool workflow_session_describe(struct workflow_session *s, struct node **out, struct err *err)
{
	struct operation_call call;

	operation_describe_init(&call, s->ctx->arena, s->id, s->name);
	if (!workflow_session_run(s, &call.op, err))
		return false;
	*out = call.answer;
	return true;
}

/* ---- printing ---- */

static struct node *workflow_session_mask_one(struct context *ctx, const struct node *n)
{
	struct node *copy = node_copy(ctx->arena, n);

	mask_mark(ctx->arena, copy, texts_list(ctx->arena, &ctx->settings->mask));
	return mask(ctx->arena, &workflow_field, copy, 1);
}

/* Masks a workflow, or each of a list, unless --show-masked is given. */
static struct node *workflow_session_mask(struct context *ctx, const struct node *n)
{
	if (ctx->settings->show_masked)
		return (struct node *)n;
	if (n->kind != NODE_LIST)
		return workflow_session_mask_one(ctx, n);
	struct node *out = node_list(ctx->arena);
	for (size_t i = 0; i < n->count; i++)
		node_add(ctx->arena, out, workflow_session_mask_one(ctx, n->entries[i].value));
	return out;
}

void workflow_session_print_plain(struct context *ctx, const struct node *n)
{
	CLEANUP(buf_done) struct buf text = BUF_TEXT;

	if (ctx->settings->output == OUTPUT_YAML) {
		yaml_write(n, &text);
	} else {
		json_write(n, JSON_PRETTY, &text);
		buf_addc(&text, '\n');
	}
	fputs(buf_str(&text), ctx->out);
}

void workflow_session_print(struct context *ctx, const struct node *n)
{
	workflow_session_print_plain(ctx, workflow_session_mask(ctx, n));
}

void workflow_session_join_pages(struct context *ctx, struct node *page, size_t count)
{
	if (node_get_int(page, "pageCount", 1) <= 1)
		return;
	node_put(ctx->arena, page, "pageCount", node_int(ctx->arena, 1));
	node_put(ctx->arena, page, "pageNumber", node_int(ctx->arena, 1));
	node_put(ctx->arena, page, "pageSize", node_int(ctx->arena, (int64_t)count));
}

void workflow_session_print_page(struct context *ctx, const struct node *page)
{
	struct node *out = node_map(ctx->arena);

	for (size_t i = 0; i < page->count; i++)
		node_put(ctx->arena, out, page->entries[i].key, page->entries[i].value);
	node_put(ctx->arena, out, "workflows", workflow_session_mask(ctx, node_get(page, "workflows")));
	workflow_session_print_plain(ctx, out);
}

void workflow_session_print_execution(struct context *ctx, const struct node *n)
{
	workflow_session_print_plain(ctx, mask(ctx->arena, NULL, n, 1));
}

void workflow_session_print_result(struct context *ctx, const char *verb, int64_t id, const char *name,
                                   const struct node *answer)
{
	struct arena *a = ctx->arena;

	if (output_is_table(ctx->settings->output)) {
		fprintf(ctx->out, "%s %s\n", verb, printable_text(a, operation_workflow(a, id, name)));
		return;
	}
	workflow_session_print(ctx, answer && answer->kind != NODE_NULL ? answer : node_map(a));
}

const char *workflow_session_cell(const char *text)
{
	return text && *text ? text : "-";
}

/* ---- specs from files ---- */

void workflow_session_log_warnings(struct context *ctx, struct diagnostics *faults)
{
	for (size_t i = 0; i < faults->count; i++) {
		faults->items[i].warning = false;	/* the log says it */
		log_warn(ctx->log, "%s", diagnostics_text_line(ctx->arena, &faults->items[i]));
	}
}

/* as: has the flags that say what the file holds. */
static bool workflow_session_read_spec(struct context *ctx, const char *file, struct specs as, struct spec *out,
                                       struct diagnostics *faults)
{
	struct source_files files = { 0 };
	struct specs specs = as;

	specs.arena = ctx->arena;
	specs.local = connection_is_local(ctx);
	if (!source_file_read(ctx->arena, file, &files, faults) ||
	    !specs_read(&specs, ctx->vars, files.items[0].name, files.items[0].bytes, files.items[0].len, faults))
		return false;
	if (specs.count != 1)
		return diagnostics_add(faults, (struct pos){ .file = files.items[0].name }, "expected one %s, found %zu",
		                       as.execute ? "body of execute" : "workflow", specs.count);
	/* flowsync.ignore does not count here: a masked value would be sent. */
	if (!spec_check_masked(spec_body(ctx->arena, &specs.items[0]), NULL, faults))
		return false;
	workflow_session_log_warnings(ctx, faults);
	*out = specs.items[0];
	return true;
}

bool workflow_session_read_file(struct context *ctx, const char *file, struct spec *out,
                                struct diagnostics *faults)
{
	return workflow_session_read_spec(ctx, file, (struct specs){ 0 }, out, faults);
}

bool workflow_session_read_patch(struct context *ctx, const char *file, struct spec *out,
                                 struct diagnostics *faults)
{
	return workflow_session_read_spec(ctx, file, (struct specs){ .partial = true }, out, faults);
}

bool workflow_session_read_execute(struct context *ctx, const char *file, struct spec *out,
                                   struct diagnostics *faults)
{
	return workflow_session_read_spec(ctx, file, (struct specs){ .execute = true }, out, faults);
}
