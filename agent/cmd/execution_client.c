#include "agent/cmd/execution_client.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "agent/util/clock.h"
#include "reconcile/schema/mask.h"

enum {
	POLL_FIRST_MS = 200, POLL_MOST_MS = 2000,
	POLL_HERE_MS = 300,	/* with a service on this machine */
	NOT_YET = 10,		/* answers of 404 that are accepted after a start */
	EMPTY_PAGES = 3,	/* in a row, after which the rest counts as empty */
	UUID_LENGTH = 36,	/* of a whole ID: a shorter one may be its beginning */
	LIST_PAGE = 100,
};

bool execution_client_init(struct execution_client *run, struct workflow_session *session, const char *id,
                           struct err *err)
{
	static const char allowed[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_";

	if (!*id || strspn(id, allowed) != strlen(id))
		return err_usage(err, "\"%s\" is not the ID of an execution; `flowsync workflow executions` lists the "
		                 "executions", id);
	*run = (struct execution_client){ .session = session, .id = id };
	return true;
}

void execution_client_log_done(struct execution_log_reader *log)
{
	buf_done(&log->token);
}

void execution_client_done(struct execution_client *run)
{
	for (size_t i = 0; i < run->count; i++)
		execution_client_log_done(&run->logs[i]);
	*run = (struct execution_client){ 0 };
}

/* ---- finding it ---- */

/* Reads a page of the executions, newest first; count: the number of executions that are asked for, 0: all. */
static bool execution_client_list_page(struct workflow_session *session, int count, int64_t number,
                                       const struct node **list, int64_t *pages, struct err *err)
{
	struct arena *a = session->ctx->arena;
	const char *of = operation_workflow(a, session->id, session->name);
	const char *newest = count ? arena_printf(a, "&count=%d", count) : "";
	struct operation_call call;

	operation_call_init(&call, a, OP_LIST_EXECUTIONS,
	                    arena_printf(a, "/workflows/executions/%lld?pageSize=%d%s&pageNumber=%lld",
	                                 (long long)session->id, LIST_PAGE, newest, (long long)number), NULL,
	                    arena_printf(a, "list executions of %s, page %lld", of, (long long)number));
	if (!workflow_session_run(session, &call.op, err))
		return false;
	*list = node_get(call.answer, "executions");
	*pages = node_get_int(call.answer, "pageCount", 0);
	return (*list && (*list)->kind == NODE_LIST) ||
	       err_set(err, "%s: expected a list under \"executions\", found an answer of another shape",
	               call.request.what);
}

static bool execution_client_find_latest(struct workflow_session *session, const char **out, struct err *err)
{
	const struct node *list;
	int64_t pages;

	if (!execution_client_list_page(session, 1, 1, &list, &pages, err))
		return false;
	*out = list->count ? node_get_text(list->entries[0].value, "executionId") : NULL;
	return *out || err_set(err, "%s has no executions",
	                       operation_workflow(session->ctx->arena, session->id, session->name));
}

/* The ID of the one execution whose ID begins with word.  If none does, the service decides what word means. */
static bool execution_client_find_prefix(struct workflow_session *session, const char *word, const char **out,
                                         struct err *err)
{
	struct node *found = node_map(session->ctx->arena);
	const struct node *list;
	int64_t pages;

	for (int64_t number = 1; ; number++) {
		if (!execution_client_list_page(session, 0, number, &list, &pages, err))
			return false;
		for (size_t i = 0; i < list->count; i++) {
			const char *id = node_get_text(list->entries[i].value, "executionId");
			if (id && strncmp(id, word, strlen(word)) == 0 && !node_get(found, id))
				node_put(session->ctx->arena, found, id, list->entries[i].value);
		}
		if (!list->count || number >= pages)
			break;
	}
	*out = found->count && !node_get(found, word) ? found->entries[0].key : word;
	return found->count < 2 || node_get(found, word) ||
	       err_set(err, "the IDs of %zu executions of %s begin with \"%s\": give more of the ID", found->count,
	               operation_workflow(session->ctx->arena, session->id, session->name), word);
}

/* ---- details ---- */

static const char *execution_client_path(const struct execution_client *run, struct arena *a)
{
	return arena_printf(a, "/workflows/%lld/executions/%s", (long long)run->session->id, run->id);
}

static const char *execution_client_request_text(const struct execution_client *run, struct arena *a, const char *what)
{
	return arena_printf(a, "%s execution %s of %s", what, run->id,
	                    operation_workflow(a, run->session->id, run->session->name));
}

bool execution_client_get(struct execution_client *run, struct arena *a, struct node **out, int *http_status,
                          struct err *err)
{
	struct operation_call call;

	operation_call_init(&call, a, OP_EXECUTION, execution_client_path(run, a), NULL,
	                    execution_client_request_text(run, a, "get"));
	bool ok = workflow_session_run(run->session, &call.op, err);
	*http_status = call.op.status;
	if (!ok && *http_status == 404)
		return err_append(err, "; `flowsync workflow executions` lists the executions");
	if (!ok)
		return false;
	if (!node_get_text(call.answer, "status"))
		return err_set(err, "%s: expected an object with a text under \"status\", found an answer of "
		               "another shape", call.request.what);
	*out = call.answer;
	return true;
}

bool execution_client_open(struct execution_client *run, struct workflow_session *session, struct context *ctx,
                           struct err *err)
{
	const char *word = ctx->argument_count > 1 ? ctx->arguments[1] : "latest";
	struct node *details;
	int status;

	if (!execution_client_init(run, session, word, err) ||
	    !workflow_session_open_workflow(ctx, ctx->arguments[0], session, err))
		return false;
	if (strcmp(word, "latest") == 0)
		return execution_client_find_latest(session, &run->id, err);
	/* A service need not have UUIDs as IDs, so that a short word is looked up as it is first. */
	if (strlen(word) >= UUID_LENGTH || execution_client_get(run, ctx->arena, &details, &status, err) || status == 200)
		return true;
	return status == 404 && execution_client_find_prefix(session, word, &run->id, err);
}

bool execution_client_has_ended(const struct node *details)
{
	static const char *const words[] = { "Success", "Failed", "Stopped" };
	const char *status = node_get_text(details, "status");

	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (strcmp(status, words[i]) == 0)
			return true;
	/* An unknown status is final if there is an end time. */
	return strcmp(status, "Running") != 0 && strcmp(status, "Stopping") != 0 &&
	       !node_empty(node_get(details, "finishedAt"));
}

const char *execution_client_duration(struct arena *a, const struct node *n, const char *begun)
{
	int64_t from, to;

	if (!timestamp_parse(node_get_text(n, begun), &from))
		return NULL;
	if (!timestamp_parse(node_get_text(n, "finishedAt"), &to))
		to = clock_now();
	return duration_text(a, to - from);
}

/* ---- logs ---- */

static const char *execution_client_page_path(const struct execution_client *run, struct arena *a,
                                              const struct execution_log_reader *log)
{
	CLEANUP(buf_done) struct buf path = BUF_TEXT;

	buf_addf(&path, "%s/logs?stepName=", execution_client_path(run, a));
	operation_encode(&path, log->step);
	if (log->token.len) {
		buf_adds(&path, "&nextToken=");
		operation_encode(&path, buf_str(&log->token));
	}
	return arena_strdup(a, buf_str(&path));
}

static int64_t execution_client_line_time(const struct node *line)
{
	const struct node *stamp = node_get(line, "timestamp");

	return stamp && stamp->kind == NODE_INT && stamp->integer >= 0 ? stamp->integer : -1;
}

/* Passes on the new lines of a page, and sets log->token to the next page.  *more: the service says that there is a
 * next page. */
static bool execution_client_emit_page(struct execution_log_reader *log, const struct node *page, const char *what,
                                       const struct execution_log_sink *lines, bool *more, struct err *err)
{
	const struct node *list = node_get(page, "logs");
	const char *next = node_get_text(page, "nextToken"), *status = node_get_text(page, "stepRunStatus");
	size_t count = list && list->kind == NODE_LIST ? list->count : 0;

	if (page->kind != NODE_MAP || (list && list->kind != NODE_LIST && list->kind != NODE_NULL))
		return err_set(err, "%s: expected a list under \"logs\", found an answer of another shape", what);
	for (size_t i = log->seen; i < count; i++) {
		const char *message = node_get_text(list->entries[i].value, "message");
		lines->line(lines->context, log->step, execution_client_line_time(list->entries[i].value),
		            message ? message : "");
	}
	snprintf(log->status, sizeof log->status, "%s", status ? status : "");
	*more = next && *next && strcmp(next, buf_str(&log->token)) != 0;
	/* A request with the same token returns the same lines, and perhaps more. */
	log->seen = *more ? 0 : count;
	if (*more) {
		buf_reset(&log->token);
		buf_adds(&log->token, next);
	}
	return true;
}

static bool execution_client_is_closed(const struct execution_log_sink *lines)
{
	return lines && lines->closed && lines->closed(lines->context);
}

bool execution_client_read_log(struct execution_client *run, struct execution_log_reader *log,
                               const struct execution_log_sink *lines, struct err *err)
{
	bool more = true;

	for (unsigned empty = 0; more && empty < EMPTY_PAGES && !execution_client_is_closed(lines); ) {
		CLEANUP(arena_free) struct arena a = { 0 };
		struct operation_call call;
		operation_call_init(&call, &a, OP_LOGS, execution_client_page_path(run, &a, log), NULL,
		                    arena_printf(&a, "%s, step \"%s\"",
		                                 execution_client_request_text(run, &a, "get logs of"), log->step));
		if (!workflow_session_run(run->session, &call.op, err) ||
		    !execution_client_emit_page(log, call.answer, call.request.what, lines, &more, err))
			return false;
		empty = node_empty(node_get(call.answer, "logs")) ? empty + 1 : 0;
		if (lines->page_end)
			lines->page_end(lines->context);
	}
	return true;
}

/* ---- steps ---- */

/* Valid until the next call. */
static struct execution_log_reader *execution_client_log(struct execution_client *run, const char *step)
{
	struct arena *a = run->session->ctx->arena;

	for (size_t i = 0; i < run->count; i++)
		if (strcmp(run->logs[i].step, step) == 0)
			return &run->logs[i];
	arena_grow(a, run->logs, run->count, run->room);
	run->logs[run->count] = (struct execution_log_reader){
		.step = arena_strdup(a, step), .token = BUF_TEXT, .logged_state = "",
	};
	return &run->logs[run->count++];
}

const char *execution_client_step_result(struct arena *a, const struct node *step)
{
	const struct node *output = node_get(step, "output"), *code = node_get(output, "exitCode");
	const char *exit_code = code ? node_scalar_text(a, code) : NULL;
	const char *message = node_get_text(output, "message");
	bool failed = exit_code && *exit_code && strcmp(exit_code, "0") != 0;
	bool has_message = message && *message && strcmp(message, "terminated") != 0;

	message = has_message ? mask_urls(a, message, 1) : "";
	if (failed)
		return arena_printf(a, "exit code %s%s%s", exit_code, has_message ? ": " : "", message);
	return message;
}

static void execution_client_log_change(struct execution_client *run, const struct node *step, const char *name)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	struct execution_log_reader *log = execution_client_log(run, name);
	const char *state = node_get_text(step, "status");
	struct context *ctx = run->session->ctx;

	if (!state || strcmp(log->logged_state, state) == 0)
		return;
	log->logged_state = arena_strdup(ctx->arena, state);
	bool over = !node_empty(node_get(step, "finishedAt"));
	const char *why = over && strcmp(state, "Success") != 0 ? execution_client_step_result(&a, step) : "";
	log_info(ctx->log, "step %s: %s%s%s%s%s", name, state, over ? " after " : "",
	         over ? execution_client_duration(&a, step, "startedAt") : "", *why ? ": " : "", why);
}

/* Passes on the new lines of each step that has started (lines NULL: none) and logs changes of its state: that it ended
 * after its last line. */
static bool execution_client_read_steps(struct execution_client *run, const struct node *details,
                                        const struct execution_log_sink *lines, bool log_changes, struct err *err)
{
	const struct node *steps = node_get(details, "steps");

	for (size_t i = 0; steps && i < steps->count; i++) {
		const struct node *step = steps->entries[i].value;
		const char *name = node_get_text(step, "name");
		bool over = !node_empty(node_get(step, "finishedAt"));
		if (!name || node_empty(node_get(step, "startedAt")))
			continue;
		if (log_changes && !over)
			execution_client_log_change(run, step, name);
		if (lines && !execution_client_read_log(run, execution_client_log(run, name), lines, err))
			return false;
		if (log_changes && over)
			execution_client_log_change(run, step, name);
	}
	return true;
}

bool execution_client_read_logs(struct execution_client *run, const struct node *details,
                                const struct execution_log_sink *lines, struct err *err)
{
	return execution_client_read_steps(run, details, lines, false, err);
}

/* ---- waiting ---- */

static bool execution_client_pause(const struct execution_client *run, int ms)
{
	struct pollfd stop = { .fd = run->session->ctx->stop_fd, .events = POLLIN };

	return poll(&stop, 1, ms) == 0;
}

static bool execution_client_step_ended(const struct node *details, const char *name)
{
	const struct node *steps = node_get(details, "steps");

	for (size_t i = 0; steps && i < steps->count; i++) {
		const struct node *step = steps->entries[i].value;
		const char *is = node_get_text(step, "name");
		if (is && strcmp(is, name) == 0)
			return !node_empty(node_get(step, "finishedAt"));
	}
	return false;
}

/* Logs are read after the details, so that they are complete if the details say that the execution has ended. */
static bool execution_client_read_progress(struct execution_client *run, const struct node *details,
                                           const struct execution_log_sink *lines,
                                           const char *step, bool log_changes, struct err *err)
{
	return step ? execution_client_read_log(run, execution_client_log(run, step), lines, err)
	            : execution_client_read_steps(run, details, lines, log_changes, err);
}

bool execution_client_wait(struct execution_client *run, const struct execution_log_sink *lines, const char *step,
                           bool begun, struct node **details, struct err *err)
{
	int most = run->session->connection.endpoint.loopback ? POLL_HERE_MS : POLL_MOST_MS;
	int pause = POLL_FIRST_MS, status;

	for (unsigned missing = 0;; ) {
		CLEANUP(arena_free) struct arena a = { 0 };
		struct node *now;
		if (execution_client_get(run, &a, &now, &status, err)) {
			if (!execution_client_read_progress(run, now, lines, step, begun, err))
				return false;
			if (execution_client_has_ended(now) || (step && execution_client_step_ended(now, step)) ||
			    execution_client_is_closed(lines)) {
				*details = node_copy(run->session->ctx->arena, now);
				return true;
			}
		} else if (status != 404 || !begun || ++missing == NOT_YET) {
			return false;
		}
		if (!execution_client_pause(run, pause))
			return err_set(err, "stopped");
		pause = pause * 3 / 2 < most ? pause * 3 / 2 : most;
	}
}
