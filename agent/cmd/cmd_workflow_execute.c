#include <string.h>

#include "agent/cmd/log_output.h"
#include "agent/cmd/execution_client.h"
#include "agent/service/service.h"
#include "agent/util/shutdown_signals.h"
#include "reconcile/base/printable.h"

/* ---- the request body ---- */

static struct node *cmd_execute_get_map(struct arena *a, struct node *outer, const char *key)
{
	struct node *inner = node_get(outer, key);

	return inner ? inner : node_put(a, outer, key, node_map(a));
}

static bool cmd_execute_put_param(struct arena *a, struct node *map, const char *option, const char *text,
                                  struct err *err)
{
	const char *eq = strchr(text, '=');

	if (!eq || eq == text)
		return err_usage(err, "%s: expected KEY=VALUE, found \"%.*s\"", option,
		                 (int)strcspn(text, "="), text);
	node_put(a, map, arena_strndup(a, text, (size_t)(eq - text)), node_text(a, eq + 1));
	return true;
}

/* STEP.KEY=VALUE; a step may have a dot in its name, a variable cannot. */
static bool cmd_execute_put_step_param(struct arena *a, struct node *step_wise, const char *text, struct err *err)
{
	size_t len = strcspn(text, "=");
	const char *dot = memrchr(text, '.', len);

	if (!dot || dot == text || !text[len])
		return err_usage(err, "--step-param: expected STEP.KEY=VALUE, found \"%.*s\"", (int)len, text);
	struct node *step = cmd_execute_get_map(a, step_wise, arena_strndup(a, text, (size_t)(dot - text)));
	return cmd_execute_put_param(a, step, "--step-param", dot + 1, err);
}

static void cmd_execute_put_step(struct arena *a, struct node *body, const char *text)
{
	static const char dag[] = ":dag";
	size_t len = strlen(text);
	bool all = len > strlen(dag) && strcmp(text + len - strlen(dag), dag) == 0;
	struct node *steps = node_get(body, "stepsToRun"), *item = node_map(a);

	if (!steps)
		steps = node_put(a, body, "stepsToRun", node_list(a));
	node_put(a, item, "stepName", node_text(a, arena_strndup(a, text, all ? len - strlen(dag) : len)));
	node_put(a, item, "runDAG", node_bool(a, all));
	node_add(a, steps, item);
}

/* Lays the options over body, which is that of a file, or empty. */
static bool cmd_execute_add_options(struct context *ctx, struct node *body, struct err *err)
{
	const struct settings *s = ctx->settings;
	struct arena *a = ctx->arena;
	struct node *params = NULL;

	if (s->params.count || s->step_params.count)
		params = cmd_execute_get_map(a, body, "params");
	for (size_t i = 0; i < s->params.count; i++)
		if (!cmd_execute_put_param(a, cmd_execute_get_map(a, params, "global"), "--param", s->params.items[i],
		                           err))
			return false;
	for (size_t i = 0; i < s->step_params.count; i++)
		if (!cmd_execute_put_step_param(a, cmd_execute_get_map(a, params, "stepWise"), s->step_params.items[i],
		                                err))
			return false;
	for (size_t i = 0; i < s->steps.count; i++)
		cmd_execute_put_step(a, body, s->steps.items[i]);
	return true;
}

/* ---- checks of step names ---- */

static bool cmd_execute_unknown_step(const struct workflow_session *session, const struct node *steps, const char *name,
                                     struct err *err)
{
	CLEANUP(buf_done) struct buf all = BUF(400);

	for (size_t i = 0; i < steps->count; i++)
		buf_addf(&all, "%s%s", i ? ", " : "", steps->entries[i].key);
	return err_set(err, "%s has no step \"%s\"; there are: %s",
	               operation_workflow(session->ctx->arena, session->id, session->name), name, buf_str(&all));
}

/* A service may ignore a step that it does not know; then nothing would run. */
static bool cmd_execute_check_steps(struct workflow_session *session, const struct node *body, struct err *err)
{
	const struct node *wanted = node_get(body, "stepsToRun");
	const struct node *step_wise = node_get(node_get(body, "params"), "stepWise");
	struct node *described;

	if (!wanted && !step_wise)
		return true;
	if (!workflow_session_describe(session, &described, err))
		return false;
	const struct node *steps = node_get(described, "steps");
	for (size_t i = 0; wanted && i < wanted->count; i++) {
		const char *name = node_get_text(wanted->entries[i].value, "stepName");
		if (!node_get(steps, name))
			return cmd_execute_unknown_step(session, steps, name, err);
	}
	for (size_t i = 0; step_wise && i < step_wise->count; i++)
		if (!node_get(steps, step_wise->entries[i].key))
			return cmd_execute_unknown_step(session, steps, step_wise->entries[i].key, err);
	return true;
}

/* ---- starting the execution ---- */

/* The execute request.  unclear: the answer does not show whether the execution was started. */
struct execute_task {
	struct operation_call call;
	enum task_next (*step)(struct task *task, const struct answer *answer, struct request *next);
	bool unclear;
};

static enum task_next cmd_execute_task_step(struct task *task, const struct answer *answer, struct request *next)
{
	struct execute_task *execute = (struct execute_task *)task;

	if (answer)
		execute->unclear = answer_is_lost(answer);
	return execute->step(task, answer, next);
}

static bool cmd_execute_send(struct workflow_session *session, const struct node *body, const char **id, struct err *err)
{
	struct arena *a = session->ctx->arena;
	struct execute_task execute = { 0 };

	operation_call_init(&execute.call, a, OP_EXECUTE,
	                    arena_printf(a, "/workflows/%lld/execute", (long long)session->id), body,
	                    arena_printf(a, "execute %s", operation_workflow(a, session->id, session->name)));
	execute.step = execute.call.op.task.step;
	execute.call.op.task.step = cmd_execute_task_step;
	if (!workflow_session_run(session, &execute.call.op, err)) {
		if (execute.unclear)
			err_append(err, "; the workflow may have been started: check with `flowsync workflow executions`");
		return false;
	}
	*id = node_get_text(execute.call.answer, "executionId");
	return *id || err_set(err, "%s: expected an \"executionId\", found an answer of another shape",
	                      execute.call.request.what);
}

/* ---- waiting for its end ---- */

static void cmd_execute_print_execution(struct context *ctx, const char *id, const struct node *details)
{
	struct node *out = node_map(ctx->arena);

	node_put(ctx->arena, out, "executionId", node_text(ctx->arena, id));
	for (size_t i = 0; details && i < details->count; i++)
		node_put(ctx->arena, out, details->entries[i].key, details->entries[i].value);
	workflow_session_print_execution(ctx, out);
}

/* True if the embedded service runs the execution, so that it ends with this command. */
static bool cmd_execute_runs_in_process(const struct workflow_session *session)
{
	return session->connection.serve && local_service_executes_here(session->connection.serve);
}

/* After an interrupt.  An execution that runs in this process is stopped; others go on, and only the waiting ends. */
static int cmd_execute_report_interrupt(struct workflow_session *session, const char *id, const struct err *err)
{
	struct context *ctx = session->ctx;

	if (!workflow_session_stopped(session))
		return cli_fail(ctx, err);
	if (cmd_execute_runs_in_process(session))
		log_warn(ctx->log, "execution %s is being stopped, as it runs in this command; under `flowsync serve` it "
		         "would go on", id);
	else
		log_warn(ctx->log, "no longer waiting; execution %s goes on", id);
	if (!output_is_table(ctx->settings->output))
		cmd_execute_print_execution(ctx, id, NULL);
	return workflow_session_fail(session, err);
}

static int cmd_execute_wait(struct workflow_session *session, const char *id)
{
	CLEANUP(execution_client_done) struct execution_client run = { 0 };
	struct context *ctx = session->ctx;
	struct log_output print = { .out = ctx->out, .many = true };
	struct execution_log_sink lines = log_output_lines(&print);
	struct node *details;
	struct err err;

	if (!execution_client_init(&run, session, id, &err) ||
	    !execution_client_wait(&run, ctx->settings->follow ? &lines : NULL, NULL, true, &details, &err))
		return cmd_execute_report_interrupt(session, id, &err);
	const char *status = node_get_text(details, "status");
	const char *time = execution_client_duration(ctx->arena, details, "executedAt");
	if (output_is_table(ctx->settings->output))
		fprintf(ctx->out, "execution %s: %s%s%s\n", id, printable_text(ctx->arena, status), time ? " after " : "",
		        time ? time : "");
	else
		cmd_execute_print_execution(ctx, id, details);
	return exit_status_code(&(struct exit_status){ .applied = true, .step_failed = strcmp(status, "Success") != 0 });
}

static int cmd_execute_report_start(struct workflow_session *session, const char *id)
{
	struct context *ctx = session->ctx;
	const struct settings *s = ctx->settings;
	bool asked = s->wait || s->follow, here = cmd_execute_runs_in_process(session);

	if (output_is_table(s->output)) {
		fprintf(ctx->out, "started execution %s of %s\n", id,
		        printable_text(ctx->arena, operation_workflow(ctx->arena, session->id, session->name)));
		fflush(ctx->out);
	}
	if (here && !asked)
		log_info(ctx->log, "waiting for the execution to end: it runs in this command, as no `flowsync serve` "
		         "or agent runs this service");
	if (here || asked)
		return cmd_execute_wait(session, id);
	if (!output_is_table(s->output))
		cmd_execute_print_execution(ctx, id, NULL);
	return 0;
}

/* Lets executions in this process end before the process does. */
static int cmd_execute_drain_service(struct workflow_session *session, int code)
{
	if (cmd_execute_runs_in_process(session))
		local_service_drain(session->connection.serve, session->ctx->stop_fd);
	return code;
}

static int cmd_workflow_execute_run(struct context *ctx)
{
	CLEANUP(workflow_session_close) struct workflow_session session = { .ctx = ctx };
	struct diagnostics faults = { .arena = ctx->arena };
	const struct settings *s = ctx->settings;
	struct node *body = node_map(ctx->arena);
	struct spec file = { 0 };
	const char *id;
	struct err err;

	if (ctx->argument_count > 1 && !workflow_session_read_execute(ctx, ctx->arguments[1], &file, &faults))
		return cli_fail_faults(ctx, &faults, ERR_SPEC);
	if (file.packed)
		body = spec_body(ctx->arena, &file);
	if (s->follow && !output_is_table(s->output)) {
		err_usage(&err, "--follow prints log lines and cannot be combined with -o: use --wait");
		return cli_fail(ctx, &err);
	}
	if (!cmd_execute_add_options(ctx, body, &err))
		return cli_fail(ctx, &err);
	if (!workflow_session_open_workflow(ctx, ctx->arguments[0], &session, &err) ||
	    !cmd_execute_check_steps(&session, body, &err) ||
	    !cmd_execute_send(&session, body, &id, &err))
		return workflow_session_fail(&session, &err);
	return cmd_execute_drain_service(&session, cmd_execute_report_start(&session, id));
}

const struct command cmd_workflow_execute = {
	.name = "execute",
	.arguments = "ID|NAME [FILE]",
	.summary = "run a workflow",
	.help = "Starts an execution of a workflow, with all its steps or those that --step names, and prints\n"
	        "its ID.  FILE holds the body (params, stepsToRun), bare or under body:, and options add to it.\n"
	        "  With --wait or --follow it waits for the end and exits 0 on Success, 4 on Failed or\n"
	        "Stopped.  An interrupt ends the waiting, and the execution goes on.  With --endpoint local,\n"
	        "and if no other flowsync runs that service, the workflow runs in this command, as if --wait\n"
	        "were given, and an interrupt stops it.",
	.least = 1,
	.most = 2,
	.options = FOR_EXECUTE | FOR_SPECS | FOR_TABLE,
	.stops = true,
	.runs = true,
	.run = cmd_workflow_execute_run,
};

/* ---- stopping an execution ---- */

static int cmd_workflow_stop_run(struct context *ctx)
{
	CLEANUP(workflow_session_close) struct workflow_session session = { .ctx = ctx };
	CLEANUP(execution_client_done) struct execution_client run = { 0 };
	struct arena *a = ctx->arena;
	struct operation_call call;
	struct err err;

	if (!execution_client_open(&run, &session, ctx, &err))
		return cli_fail(ctx, &err);
	if (session.connection.endpoint.peak) {
		err_usage(&err, "the hosted service has no operation to stop an execution");
		return cli_fail(ctx, &err);
	}
	const char *what = arena_printf(a, "stop execution %s of %s", run.id,
	                                operation_workflow(a, session.id, session.name));
	operation_call_init(&call, a, OP_STOP,
	                    arena_printf(a, "/workflows/%lld/executions/%s/stop", (long long)session.id, run.id),
	                    node_map(a), what);
	if (!workflow_session_run(&session, &call.op, &err))
		return cli_fail(ctx, &err);
	if (output_is_table(ctx->settings->output))
		fprintf(ctx->out, "stopping execution %s\n", run.id);
	else
		cmd_execute_print_execution(ctx, run.id, NULL);
	return 0;
}

const struct command cmd_workflow_stop = {
	.name = "stop",
	.arguments = "ID|NAME EXECUTION",
	.summary = "stop an execution; local service only",
	.help = "Asks the local service to stop an execution: its running steps get SIGTERM, and SIGKILL ten\n"
	        "seconds later; no further step starts.  The hosted service has no such operation.  EXECUTION is\n"
	        "an ID, the beginning of one, or latest.",
	.least = 2,
	.most = 2,
	.options = FOR_TABLE,
	.run = cmd_workflow_stop_run,
};
