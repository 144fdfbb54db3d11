#include "reconcile/op.h"

#include <stdio.h>
#include <string.h>

#include "reconcile/json.h"
#include "reconcile/mask.h"

enum { DETAIL_MAX = 400 };

const char *op_workflow(struct arena *a, int64_t id, const char *name)
{
	if (name)
		return arena_printf(a, "workflow %lld \"%s\"", (long long)id, name);
	return arena_printf(a, "workflow %lld", (long long)id);
}

void op_encode(struct buf *out, const char *value)
{
	for (const unsigned char *s = (const unsigned char *)value; *s; s++) {
		bool plain = (*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') ||
		             (*s >= '0' && *s <= '9') || strchr("-._~", *s);
		if (*s == ' ')
			buf_addc(out, '+');
		else if (plain)
			buf_addc(out, (char)*s);
		else
			buf_addf(out, "%%%02X", *s);
	}
}

const char *op_body(struct arena *a, const struct node *body)
{
	CLEANUP(buf_done) struct buf out = BUF_TEXT;

	json_write(body, JSON_COMPACT, &out);
	return arena_strdup(a, buf_str(&out));
}

/* ---- reading answers ---- */

static const char *status_words(int status)
{
	static const struct { int status; const char *words; } known[] = {
		{ 400, "bad request" }, { 401, "the token is not accepted" }, { 403, "forbidden" },
		{ 404, "not found" }, { 405, "method not allowed" }, { 409, "conflict" },
		{ 413, "too large" }, { 422, "not a valid workflow" }, { 429, "too many requests" },
		{ 500, "internal error" }, { 501, "not implemented" }, { 502, "bad gateway" },
		{ 503, "unavailable" }, { 504, "gateway timeout" },
	};
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (known[i].status == status)
			return known[i].words;
	return status >= 300 && status < 400 ? "a redirect, which is not followed" : "unexpected";
}

/* What the service says of its own refusal: `detail`, sometimes `title` or `message`, or text
 * (contract, 2).  Cut, on one line, without secrets; "" if it says nothing a person could read. */
static const char *detail(struct op *op, const struct answer *answer)
{
	static const char *const keys[] = { "detail", "message", "title" };
	const char *text = NULL;
	struct node *body;
	struct err err;

	if (json_read(op->arena, answer->body, answer->len, &body, &err)) {
		for (size_t i = 0; !text && i < ARRAY_LEN(keys); i++)
			text = node_get_text(body, keys[i]);
	} else if (strcmp(answer->type, "text/plain") == 0) {
		text = answer->body;
	}
	if (!text)
		return "";
	text = mask_urls(op->arena, text, 1);
	if (op->secrets)
		text = mask_values(op->arena, op->secrets, text);
	char *line = arena_strndup(op->arena, text, strnlen(text, DETAIL_MAX));
	for (char *s = line; *s; s++)
		if ((unsigned char)*s < ' ')
			*s = ' ';
	return line;
}

static bool bad_status(struct op *op, const struct request *request, const struct answer *answer)
{
	const char *said = detail(op, answer);

	op->refused = answer->status == 401;
	return err_set(&op->err, "%s: the service answered %d (%s)%s%s", request->what,
	               answer->status, status_words(answer->status), *said ? ": " : "", said);
}

static bool no_json(struct op *op, const struct request *request, const struct answer *answer,
                    const struct err *why)
{
	const char *s = answer->body + strspn(answer->body, " \t\r\n");

	if (!*s)
		return err_set(&op->err, "%s: expected JSON, found an empty answer", request->what);
	if (strcmp(answer->type, "text/html") == 0 || *s == '<')
		return err_set(&op->err, "%s: expected JSON, found a web page (HTML); is the endpoint right?",
		               request->what);
	return err_set(&op->err, "%s: the answer is no JSON that can be read: %s", request->what, why->msg);
}

bool op_read(struct op *op, const struct request *request, const struct answer *answer,
             struct node **out)
{
	struct err why;

	op->status = answer->status;
	if (answer->failure != FAILURE_NONE)
		return err_set(&op->err, "%s: %s", request->what, answer->error);
	if (answer->status < 200 || answer->status > 299)
		return bad_status(op, request, answer);
	if (out && !json_read(op->arena, answer->body, answer->len, out, &why))
		return no_json(op, request, answer, &why);
	return true;
}

/* ---- one request, one answer ---- */

static bool is_workflow(struct op_call *call)
{
	const struct node *n = call->answer, *id = node_get(n, "id");
	const struct node *steps = node_get(n, "steps");
	const char *lacks = n->kind != NODE_MAP ? "an object" :
	                    !id || id->kind != NODE_INT ? "a number under \"id\"" :
	                    !node_get_text(n, "name") ? "a text under \"name\"" :
	                    !steps || steps->kind != NODE_MAP ? "an object under \"steps\"" : NULL;

	if (lacks)
		return err_set(&call->op.err, "%s: expected %s, found an answer of another shape",
		               call->request.what, lacks);
	return true;
}

static enum task_next call_step(struct task *task, const struct answer *answer,
                                struct request *next)
{
	struct op_call *call = (struct op_call *)task;

	if (!answer) {
		*next = call->request;
		return TASK_ASK;
	}
	call->op.ok = op_read(&call->op, &call->request, answer, call->want_json ? &call->answer : NULL);
	if (call->op.ok && call->request.operation == OP_DESCRIBE)
		call->op.ok = is_workflow(call);
	/* It was sent before and the answer was lost: gone is what was wanted. */
	if (call->request.operation == OP_DELETE && answer->status == 404 && task->attempts > 1)
		call->op.ok = true;
	return TASK_DONE;
}

void op_call_init(struct op_call *call, struct arena *a, enum operation operation, const char *path,
                  const struct node *body, const char *what)
{
	*call = (struct op_call){
		.op = { .task.step = call_step, .arena = a, .secrets = body },
		.request = { operation, arena_strdup(a, path), body ? op_body(a, body) : NULL,
		             arena_strdup(a, what) },
		.want_json = true,
	};
	err_set(&call->op.err, "%s: not begun", what);
}

void op_describe_init(struct op_call *call, struct arena *a, int64_t id, const char *name)
{
	op_call_init(call, a, OP_DESCRIBE, arena_printf(a, "/workflows/%lld", (long long)id), NULL,
	             arena_printf(a, "describe %s", op_workflow(a, id, name)));
}

void op_update_init(struct op_call *call, struct arena *a, int64_t id, const char *name,
                    const struct node *body)
{
	op_call_init(call, a, OP_UPDATE, arena_printf(a, "/workflows/%lld", (long long)id), body,
	             arena_printf(a, "update %s", op_workflow(a, id, name)));
	call->want_json = false;
}

void op_act_init(struct op_call *call, struct arena *a, enum operation operation, int64_t id,
                 const char *name)
{
	static const char *const verbs[OPERATION_COUNT] = {
		[OP_DELETE] = "delete", [OP_PAUSE] = "pause", [OP_RESUME] = "resume",
	};
	const char *path = arena_printf(a, "/workflows/%lld%s%s", (long long)id,
	                                operation == OP_DELETE ? "" : "/",
	                                operation == OP_DELETE ? "" : verbs[operation]);

	op_call_init(call, a, operation, path, operation == OP_DELETE ? NULL : node_map(a),
	             arena_printf(a, "%s %s", verbs[operation], op_workflow(a, id, name)));
	call->want_json = false;
}
