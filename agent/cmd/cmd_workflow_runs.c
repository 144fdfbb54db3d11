/* The `workflow` commands that show executions: the list, one with its steps, and their logs. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "agent/util/file.h"
#include "agent/cmd/dag_drawing.h"
#include "agent/cmd/log_output.h"
#include "agent/cmd/execution_client.h"
#include "agent/util/clock.h"
#include "agent/util/table.h"
#include "reconcile/schema/mask.h"

enum {
	PAGE = 100, RUNS_MAX = 500000,
	DOCUMENT_MAX = 64 << 20,	/* of log text that is held for one JSON document */
	DOWNLOAD_MAX = 512 << 20, DOWNLOAD_TIMEOUT_MS = 600000,
};

/* ---- executions ---- */

/* In the form that the service documents; the service would call it by another name than the option. */
static bool cmd_executions_add_time(struct context *ctx, const char *key, const char *const *option, struct buf *query,
                                    struct err *err)
{
	int64_t ms;

	if (!*option)
		return true;
	if (!timestamp_parse(*option, &ms))
		return err_usage(err, "%s: expected a date and time such as 2024-01-07T18:00:00.000Z, or a date, found \"%s\"",
		                 settings_origin(ctx->settings, option)->name, *option);
	buf_addf(query, "&%s=", key);
	operation_encode(query, timestamp_text(ctx->arena, ms));
	return true;
}

static bool cmd_executions_query(struct context *ctx, const char **out, struct err *err)
{
	CLEANUP(buf_done) struct buf query = BUF_TEXT;
	const struct settings *s = ctx->settings;

	buf_addf(&query, "?pageSize=%d", s->page_size ? s->page_size : PAGE);
	if (s->count)
		buf_addf(&query, "&count=%d", s->count);
	for (size_t i = 0; i < s->status.count; i++)
		buf_addf(&query, "&statuses=%s", s->status.items[i]);
	if (!cmd_executions_add_time(ctx, "dateTo", &s->date_to, &query, err) ||
	    !cmd_executions_add_time(ctx, "dateFrom", &s->date_from, &query, err))
		return false;
	*out = arena_strdup(ctx->arena, buf_str(&query));
	return true;
}

/* Adds the executions of a page that are not in out yet: one that starts while pages are read shifts the others to the
 * next page. */
static bool cmd_executions_add_page(struct context *ctx, const struct node *page, struct node *seen, struct node *out,
                                    const char *what, struct err *err)
{
	const struct node *list = node_get(page, "executions");

	if (!list || list->kind != NODE_LIST)
		return err_set(err, "%s: expected a list under \"executions\", found an answer of another shape", what);
	for (size_t i = 0; i < list->count; i++) {
		struct node *run = list->entries[i].value;
		const char *id = node_get_text(run, "executionId");
		if (!id)
			return err_set(err, "%s: expected executions with an \"executionId\", found an answer of another "
			               "shape", what);
		if (node_get(seen, id) || (ctx->settings->count && out->count == (size_t)ctx->settings->count))
			continue;
		node_put(ctx->arena, seen, id, run);
		node_add(ctx->arena, out, run);
	}
	return true;
}

/* *page: the newest page, as it was received. */
static bool cmd_executions_read_all(struct workflow_session *session, struct node *out, struct node **page,
                                    struct err *err)
{
	struct context *ctx = session->ctx;
	const char *query, *of = operation_workflow(ctx->arena, session->id, session->name);
	int64_t number = ctx->settings->page_number ? ctx->settings->page_number : 1, pages;
	struct node *seen = node_map(ctx->arena);

	if (!cmd_executions_query(ctx, &query, err))
		return false;
	do {
		struct operation_call call;
		operation_call_init(&call, ctx->arena, OP_LIST_EXECUTIONS,
		                    arena_printf(ctx->arena, "/workflows/executions/%lld%s&pageNumber=%lld",
		                                 (long long)session->id, query, (long long)number), NULL,
		                    arena_printf(ctx->arena, "list executions of %s, page %lld", of, (long long)number));
		if (!workflow_session_run(session, &call.op, err) ||
		    !cmd_executions_add_page(ctx, call.answer, seen, out, call.request.what, err))
			return false;
		*page = call.answer;
		pages = node_empty(node_get(call.answer, "executions")) ? 0
		        : node_get_int(call.answer, "pageCount", 0);
	} while (!ctx->settings->page_number && number++ < pages && out->count < RUNS_MAX);
	return true;
}

static void cmd_executions_print_table(struct context *ctx, const struct node *runs)
{
	static const struct table_column columns[] = {
		{ "EXECUTION" }, { "STATUS" }, { "STARTED", TABLE_TIME },
		{ "FINISHED", TABLE_OPTIONAL | TABLE_TIME }, { "TIME" }, { "STOPPED BY", TABLE_OPTIONAL },
		{ "RERUNS", TABLE_OPTIONAL },
	};
	struct arena *a = ctx->arena;
	struct table t;

	table_init(&t, a, ARRAY_LEN(columns), columns);
	for (size_t i = 0; i < runs->count; i++) {
		const struct node *run = runs->entries[i].value, *reruns = node_get(run, "reruns");
		const char **row = table_row(&t);
		row[0] = node_get_text(run, "executionId");
		row[1] = workflow_session_cell(node_get_text(run, "status"));
		row[2] = workflow_session_cell(node_get_text(run, "executedAt"));
		row[3] = workflow_session_cell(node_get_text(run, "finishedAt"));
		row[4] = workflow_session_cell(node_get_text(run, "duration"));
		row[5] = workflow_session_cell(node_get_text(run, "stoppedBy"));
		row[6] = arena_printf(a, "%zu", reruns && reruns->kind == NODE_LIST ? reruns->count : 0);
	}
	table_print(&t, context_table_width(ctx), ctx->out);
}

static int cmd_workflow_executions_run(struct context *ctx)
{
	CLEANUP(workflow_session_close) struct workflow_session session = { 0 };
	struct node *runs = node_list(ctx->arena), *page;
	struct err err;

	if (!workflow_session_open_workflow(ctx, ctx->arguments[0], &session, &err) ||
	    !cmd_executions_read_all(&session, runs, &page, &err))
		return cli_fail(ctx, &err);
	if (output_is_table(ctx->settings->output)) {
		cmd_executions_print_table(ctx, runs);
		return 0;
	}
	node_put(ctx->arena, page, "executions", runs);
	if (!ctx->settings->page_number)
		workflow_session_join_pages(ctx, page, runs->count);
	workflow_session_print_execution(ctx, page);
	return 0;
}

const struct command cmd_workflow_executions = {
	.name = "executions",
	.arguments = "ID|NAME",
	.summary = "list the executions of a workflow",
	.help = "Lists the executions of a workflow, newest first: those of the last 90 days, or those that\n"
	        "match the filters.  All pages are read unless --page-number is given.",
	.least = 1,
	.most = 1,
	.options = FOR_EXECUTIONS | FOR_TABLE,
	.run = cmd_workflow_executions_run,
};

/* ---- execution ---- */

static void cmd_execution_print_summary(struct context *ctx, const struct execution_client *run,
                                        const struct node *details)
{
	static const struct table_column columns[] = {
		{ "EXECUTION" }, { "STATUS" }, { "STARTED", TABLE_TIME },
		{ "FINISHED", TABLE_OPTIONAL | TABLE_TIME }, { "TIME" },
	};
	struct table t;

	table_init(&t, ctx->arena, ARRAY_LEN(columns), columns);
	const char **row = table_row(&t);
	row[0] = run->id;
	row[1] = node_get_text(details, "status");
	row[2] = workflow_session_cell(node_get_text(details, "executedAt"));
	row[3] = workflow_session_cell(node_get_text(details, "finishedAt"));
	row[4] = workflow_session_cell(execution_client_duration(ctx->arena, details, "executedAt"));
	table_print(&t, context_table_width(ctx), ctx->out);
}

static const char *cmd_execution_step_note(struct arena *a, const struct node *step)
{
	int64_t attempts = node_get_int(step, "attempts", 1);
	const char *end = execution_client_step_result(a, step);

	if (attempts < 2)
		return workflow_session_cell(end);
	return arena_printf(a, "attempt %lld%s%s", (long long)attempts, *end ? "; " : "", end);
}

struct steps {
	const struct node *list;
	struct dag_edge *edges;
	size_t count, room;
};

static void cmd_execution_collect_edges(struct arena *a, struct steps *steps)
{
	struct node *index = node_map(a);

	for (size_t i = 0; i < steps->list->count; i++) {
		const char *name = node_get_text(steps->list->entries[i].value, "name");
		if (name)
			node_put(a, index, name, node_int(a, (int64_t)i));
	}
	for (size_t i = 0; i < steps->list->count; i++) {
		const struct node *children = node_get(steps->list->entries[i].value, "children");
		for (size_t j = 0; children && children->kind == NODE_LIST && j < children->count; j++) {
			const struct node *child = children->entries[j].value;
			int64_t to = child->kind == NODE_TEXT ? node_get_int(index, child->text, -1) : -1;
			if (to < 0)
				continue;
			arena_grow(a, steps->edges, steps->count, steps->room);
			steps->edges[steps->count++] = (struct dag_edge){ i, (size_t)to };
		}
	}
}

/* "a, b" of all steps that lead to this one, for a graph that cannot be drawn. */
static const char *cmd_execution_step_parents(struct arena *a, const struct steps *steps, size_t step)
{
	const char *text = "";

	for (size_t i = 0; i < steps->count; i++) {
		if (steps->edges[i].to != step)
			continue;
		const struct node *parent = steps->list->entries[steps->edges[i].from].value;
		text = arena_printf(a, "%s%s%s", text, *text ? ", " : "",
		                    workflow_session_cell(node_get_text(parent, "name")));
	}
	return workflow_session_cell(text);
}

/* The width of the drawing; names are aligned behind it. */
static size_t cmd_execution_drawing_width(const struct dag_drawing *graph)
{
	size_t width = 0;

	for (size_t i = 0; i < graph->count; i++) {
		size_t len = graph->rows[i].step == DAG_DRAWING_NO_STEP ? 0 : strlen(graph->rows[i].art);
		width = len > width ? len : width;
	}
	return width;
}

static void cmd_execution_fill_step_row(struct context *ctx, const struct steps *steps, const struct dag_row *from,
                                        size_t width, bool whole, const char **row)
{
	const struct node *step = steps->list->entries[from->step].value;

	row[0] = arena_printf(ctx->arena, "%-*s%s%s", (int)width, from->art, width ? "  " : "",
	                      workflow_session_cell(node_get_text(step, "name")));
	row[1] = workflow_session_cell(node_get_text(step, "status"));
	row[2] = workflow_session_cell(node_get_text(step, "startedAt"));
	row[3] = workflow_session_cell(execution_client_duration(ctx->arena, step, "startedAt"));
	row[4] = cmd_execution_step_note(ctx->arena, step);
	if (!whole)
		row[5] = cmd_execution_step_parents(ctx->arena, steps, (size_t)from->step);
}

static void cmd_execution_print_steps(struct context *ctx, const struct node *list)
{
	static const struct table_column columns[] = {
		{ "STEP", TABLE_CUT }, { "STATE" }, { "STARTED", TABLE_TIME }, { "TIME" }, { "NOTE", TABLE_CUT },
		{ "AFTER", TABLE_CUT },
	};
	struct steps steps = { .list = list };
	struct dag_drawing graph;
	struct table t;

	cmd_execution_collect_edges(ctx->arena, &steps);
	bool whole = dag_drawing_make(ctx->arena, list->count, steps.edges, steps.count, &graph);
	size_t width = cmd_execution_drawing_width(&graph), count = ARRAY_LEN(columns) - whole;
	table_init(&t, ctx->arena, count, columns);
	for (size_t i = 0; i < graph.count; i++) {
		const char **row = table_row(&t);
		if (graph.rows[i].step != DAG_DRAWING_NO_STEP) {
			cmd_execution_fill_step_row(ctx, &steps, &graph.rows[i], width, whole, row);
			continue;
		}
		for (size_t j = 0; j < count; j++)
			row[j] = j ? "" : graph.rows[i].art;
	}
	table_print(&t, context_table_width(ctx), ctx->out);
}

static int cmd_workflow_execution_run(struct context *ctx)
{
	CLEANUP(workflow_session_close) struct workflow_session session = { .ctx = ctx };
	CLEANUP(execution_client_done) struct execution_client run = { 0 };
	struct node *details;
	struct err err;
	int status;

	if (!execution_client_open(&run, &session, ctx, &err) ||
	    !execution_client_get(&run, ctx->arena, &details, &status, &err))
		return cli_fail(ctx, &err);
	if (!output_is_table(ctx->settings->output)) {
		workflow_session_print_execution(ctx, details);
		return 0;
	}
	const struct node *steps = node_get(details, "steps");
	cmd_execution_print_summary(ctx, &run, details);
	if (steps && steps->kind == NODE_LIST && steps->count) {
		fputc('\n', ctx->out);
		cmd_execution_print_steps(ctx, steps);
	}
	return 0;
}

const struct command cmd_workflow_execution = {
	.name = "execution",
	.arguments = "ID|NAME [EXECUTION]",
	.summary = "show one execution, its steps as a graph",
	.help = "Shows one execution: its steps in their order, drawn as a graph, each with its state and time;\n"
	        "with -o json or yaml the whole answer of the service.  EXECUTION is an ID, the beginning of one,\n"
	        "or latest (the default).",
	.least = 1,
	.most = 2,
	.options = FOR_TABLE,
	.run = cmd_workflow_execution_run,
};

/* ---- logs ---- */

/* Collects log lines for one JSON or YAML document. */
struct collected {
	struct arena *arena;
	struct node *lines;
	size_t bytes;
};

static void cmd_logs_collect_line(void *context, const char *step, int64_t ms, const char *message)
{
	struct collected *c = context;
	size_t len = strlen(message);

	c->bytes += len;
	if (c->bytes > DOCUMENT_MAX)
		return;
	struct node *line = node_add(c->arena, c->lines, node_map(c->arena));
	node_put(c->arena, line, "message", node_text(c->arena, message));
	if (ms >= 0)
		node_put(c->arena, line, "timestamp", node_int(c->arena, ms));
}

/* Reads the whole log of a step, all pages joined. */
static bool cmd_logs_read_step(struct execution_client *run, struct execution_log_reader *log, struct node *out,
                               struct err *err)
{
	struct arena *a = run->session->ctx->arena;
	struct collected c = { .arena = a, .lines = node_list(a) };
	struct execution_log_sink sink = { .line = cmd_logs_collect_line, .context = &c };

	if (!execution_client_read_log(run, log, &sink, err))
		return false;
	if (c.bytes > DOCUMENT_MAX)
		return err_set(err, "step \"%s\" printed more than %d MiB, which is too much for one document: use "
		               "--out FILE", log->step, DOCUMENT_MAX >> 20);
	node_put(a, out, "logs", c.lines);
	node_put(a, out, "nextToken", log->token.len ? node_text(a, buf_str(&log->token)) : node_null(a));
	node_put(a, out, "stepRunStatus", node_text(a, log->status));
	return true;
}

static bool cmd_logs_read_all_steps(struct execution_client *run, const struct node *details, struct node *out,
                                    struct err *err)
{
	struct arena *a = run->session->ctx->arena;
	const struct node *steps = node_get(details, "steps");
	struct node *list = node_put(a, out, "steps", node_list(a));

	for (size_t i = 0; steps && i < steps->count; i++) {
		CLEANUP(execution_client_log_done) struct execution_log_reader log = { .token = BUF_TEXT };
		const struct node *step = steps->entries[i].value;
		log.step = node_get_text(step, "name");
		if (!log.step || node_empty(node_get(step, "startedAt")))
			continue;
		struct node *one = node_add(a, list, node_map(a));
		node_put(a, one, "name", node_text(a, log.step));
		if (!cmd_logs_read_step(run, &log, one, err))
			return false;
	}
	return true;
}

static bool cmd_logs_print_document(struct execution_client *run, struct execution_log_reader *log, struct err *err)
{
	struct context *ctx = run->session->ctx;
	struct node *details, *out = node_map(ctx->arena);
	int status;

	if (log ? !cmd_logs_read_step(run, log, out, err)
	        : !execution_client_get(run, ctx->arena, &details, &status, err) ||
	    !cmd_logs_read_all_steps(run, details, out, err))
		return false;
	workflow_session_print_plain(ctx, out);
	return true;
}

static bool cmd_logs_print_lines(struct execution_client *run, struct execution_log_reader *log, FILE *out,
                                 struct err *err)
{
	struct context *ctx = run->session->ctx;
	struct log_output print = { .out = out, .many = !log, .raw = out != ctx->out, .ends = true };
	struct execution_log_sink lines = log_output_lines(&print);
	struct node *details;
	int status;

	if (ctx->settings->follow)
		return execution_client_wait(run, &lines, ctx->settings->step, false, &details, err);
	if (log)
		return execution_client_read_log(run, log, &lines, err);
	return execution_client_get(run, ctx->arena, &details, &status, err) &&
	       execution_client_read_logs(run, details, &lines, err);
}

static bool cmd_logs_goes_to_stdout(const char *file)
{
	return strcmp(file, "-") == 0;
}

static bool cmd_logs_write_file(struct execution_client *run, struct execution_log_reader *log, const char *path,
                                struct err *err)
{
	/* A log may contain confidential output: readable by the user only. */
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	FILE *out = fd < 0 ? NULL : fdopen(fd, "w");

	if (!out)
		return err_sys(err, errno, "write %s", path);
	bool ok = cmd_logs_print_lines(run, log, out, err), written = !ferror(out);
	written &= fclose(out) == 0;
	if (ok && !written)
		return err_sys(err, errno, "write %s", path);
	return ok;
}

/* ---- the log as a file of the service ---- */

/* Where a download is: its endpoint in *out, and what follows that in *path.  "The file is then
 * fetched from that URL without the token" (contract, 2.5). */
static bool cmd_logs_find_download(struct workflow_session *session, const char *url, struct endpoint *out,
                                   const char **path, struct err *err)
{
	struct arena *a = session->ctx->arena;
	const struct endpoint *service = &session->connection.endpoint;
	const char *sep = strstr(url, "://");
	size_t len = sep ? (size_t)(sep - url) + 3 + strcspn(sep + 3, "/?#") : 0;
	const char *origin = arena_strndup(a, url, len);
	struct err why;

	if (!len || !endpoint_resolve(a, &(struct endpoint_choice){ .endpoint = origin }, out, &why))
		return err_set(err, "the service offers the log for download at an invalid address");
	if (!out->tls && !out->loopback)
		return err_set(err, "the service offers the log for download over plain http, which is accepted from this "
		               "machine only");
	if (service->unix_socket && strncmp(service->url, origin, len) == 0 && service->url[len] == '/')
		out->unix_socket = service->unix_socket;
	out->url = origin;
	*path = arena_strndup(a, url + len, strcspn(url + len, "#"));
	return true;
}

static bool cmd_logs_fetch_download(struct workflow_session *session, const char *url, const char *what, const char *file,
                                    struct err *err)
{
	CLEANUP(service_client_closep) struct service_client *client = NULL;
	struct operation_task op = { .arena = session->ctx->arena };
	struct request request = { .operation = OP_LOGS_DOWNLOAD, .what = what };
	struct endpoint endpoint;
	struct service_client_options options = {
		.endpoint = &endpoint, .ca_file = session->ctx->settings->ca_file, .connections = 1,
		.answer_max = DOWNLOAD_MAX, .timeout_ms = DOWNLOAD_TIMEOUT_MS,
	};
	struct answer answer;
	void *tag;

	if (!cmd_logs_find_download(session, url, &endpoint, &request.path, err) ||
	    !service_client_open(&options, &client, err))
		return false;
	service_client_send(client, &request, NULL);
	if (!service_client_wait(client, -1, session->ctx->stop_fd, -1, &tag, &answer))
		return err_set(err, "%s: stopped", what);
	if (!operation_read(&op, &request, &answer, NULL)) {
		*err = op.err;
		return false;
	}
	if (cmd_logs_goes_to_stdout(file)) {
		/* A failed write is reported at the end, as any other to stdout. */
		fwrite(answer.body, 1, answer.len, session->ctx->out);
		return true;
	}
	return file_replace(op.arena, file, answer.body, answer.len, 0600, err) || err_wrap(err, "write %s", file);
}

static bool cmd_logs_download(struct execution_client *run, const char *step, const char *file, struct err *err)
{
	CLEANUP(buf_done) struct buf path = BUF_TEXT;
	struct workflow_session *session = run->session;
	struct arena *a = session->ctx->arena;
	const char *what = arena_printf(a, "download the log of step \"%s\" of execution %s", step, run->id);
	struct operation_call call;

	buf_addf(&path, "/workflows/%lld/executions/%s/logs/download?stepName=", (long long)session->id, run->id);
	operation_encode(&path, step);
	operation_call_init(&call, a, OP_LOGS_DOWNLOAD, buf_str(&path), NULL, what);
	if (!workflow_session_run(session, &call.op, err))
		return false;
	const char *url = node_get_text(call.answer, "downloadUrl");
	if (!url)
		return err_set(err, "%s: expected a \"downloadUrl\", found an answer of another shape", what);
	return cmd_logs_fetch_download(session, url, what, file, err);
}

/* ---- the command ---- */

static bool cmd_logs_check_options(const struct settings *s, struct err *err)
{
	if (!output_is_table(s->output) && (s->follow || s->out))
		return err_usage(err, "--follow and --out write log lines and cannot be combined with -o");
	if (s->next_token && (!s->step || s->follow || s->out))
		return err_usage(err, "--next-token needs --step and cannot be combined with --follow or --out");
	return true;
}

static bool cmd_logs_show(struct execution_client *run, struct err *err)
{
	const struct settings *s = run->session->ctx->settings;
	CLEANUP(execution_client_log_done) struct execution_log_reader log = { .step = s->step, .token = BUF_TEXT };
	struct execution_log_reader *one = s->step ? &log : NULL;

	if (s->next_token)
		buf_adds(&log.token, s->next_token);
	if (!output_is_table(s->output))
		return cmd_logs_print_document(run, one, err);
	if (s->out && s->step && !s->follow)
		return cmd_logs_download(run, s->step, s->out, err);
	if (s->out && !cmd_logs_goes_to_stdout(s->out))
		return cmd_logs_write_file(run, one, s->out, err);
	return cmd_logs_print_lines(run, one, run->session->ctx->out, err);
}

static int cmd_workflow_logs_run(struct context *ctx)
{
	CLEANUP(workflow_session_close) struct workflow_session session = { .ctx = ctx };
	CLEANUP(execution_client_done) struct execution_client run = { 0 };
	struct err err;

	if (!cmd_logs_check_options(ctx->settings, &err) || !execution_client_open(&run, &session, ctx, &err) ||
	    !cmd_logs_show(&run, &err))
		return workflow_session_fail(&session, &err);
	return 0;
}

const struct command cmd_workflow_logs = {
	.name = "logs",
	.arguments = "ID|NAME [EXECUTION]",
	.summary = "show the output of the steps of an execution",
	.help = "Shows the output of all steps of an execution, or of the one that --step names.  --out writes\n"
	        "these lines to a file (\"-\": stdout); with --step the file is the one that the service offers for\n"
	        "download.\n"
	        "With -o json or yaml all pages are joined.  EXECUTION is an ID, the beginning of one, or latest\n"
	        "(the default).",
	.least = 1,
	.most = 2,
	.options = FOR_LOGS | FOR_TABLE,
	.stops = true,
	.run = cmd_workflow_logs_run,
};
