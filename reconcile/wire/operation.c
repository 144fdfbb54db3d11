#include "reconcile/wire/operation.h"

#include <stdio.h>
#include <string.h>

#include "reconcile/base/utf8.h"
#include "reconcile/tree/json.h"
#include "reconcile/schema/mask.h"

enum {
	DETAIL_MAX = 400,
	PAUSE_FIRST_MS = 500,
	DELETE_LOOK_MS = 10000,		/* how long a deleted workflow may still be described */
};

const char *operation_workflow(struct arena *a, int64_t id, const char *name)
{
	if (name)
		return arena_printf(a, "workflow %lld \"%s\"", (long long)id, name);
	return arena_printf(a, "workflow %lld", (long long)id);
}

int64_t operation_pause(unsigned reads, int64_t most_ms)
{
	int64_t left = most_ms, pause = PAUSE_FIRST_MS;

	for (; reads > 0 && pause < left; reads--) {
		left -= pause;
		pause *= 2;
	}
	return reads ? 0 : pause < left ? pause : left;
}

void operation_encode(struct buf *out, const char *value)
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

/* ---- reading answers ---- */

static const char *status_words(int status)
{
	static const struct { int status; const char *words; } known[] = {
		{ 400, "bad request" }, { 401, "the token is not accepted" }, { 403, "forbidden" },
		{ 404, "not found" }, { 405, "method not allowed" }, { 409, "conflict" }, { 410, "gone" },
		{ 413, "too large" }, { 422, "not a valid workflow" }, { 429, "too many requests" },
		{ 500, "internal error" }, { 501, "not implemented" }, { 502, "bad gateway" },
		{ 503, "unavailable" }, { 504, "gateway timeout" },
	};
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (known[i].status == status)
			return known[i].words;
	return status >= 300 && status < 400 ? "a redirect, which is not followed" : "unexpected";
}

/* The part of a JSON answer that is meant for people: `detail`, sometimes `title` or `message`
 * (contract, 6.2), a text as a rule. */
static const char *message_of_answer(struct arena *a, const struct node *body)
{
	static const char *const keys[] = { "detail", "message", "title" };
	const struct node *said = body->kind == NODE_TEXT ? body : NULL;

	for (size_t i = 0; node_empty(said) && i < ARRAY_LEN(keys); i++)
		said = node_get(body, keys[i]);
	if (!said || node_empty(said))
		return "";
	return said->kind == NODE_TEXT ? said->text : json_text(a, said);
}

/* Text from the service on one line: shortened, and with bytes replaced that JSON cannot hold. */
static const char *on_one_line(struct arena *a, const char *text)
{
	CLEANUP(buf_done) struct buf line = BUF(DETAIL_MAX);

	for (size_t len; *text && !line.full; text += len ? len : 1) {
		len = utf8_length(text, SIZE_MAX);
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			buf_addc(&line, ' ');
		else if (len)
			buf_add(&line, text, len);
		else
			buf_addc(&line, '?');
	}
	return arena_strdup(a, buf_str(&line));
}

/* The reason that the service gives, without secrets; "" if the answer has no readable reason. */
static const char *refusal_text(struct operation_task *op, const struct answer *answer)
{
	const char *text = "";
	struct node *body;
	struct err err;

	if (json_read_answer(op->arena, answer->body, answer->len, &body, &err))
		text = message_of_answer(op->arena, body);
	else if (strcmp(answer->type, "text/plain") == 0)
		text = answer->body;
	/* Whole values first: a secret URL without its query would not be recognised. */
	if (op->secrets)
		text = mask_values(op->arena, op->secrets, text);
	if (answer->token)
		text = mask_text(op->arena, answer->token, text);
	return on_one_line(op->arena, mask_urls(op->arena, text, 1));
}

static bool is_web_page(const struct answer *answer)
{
	return strcmp(answer->type, "text/html") == 0 || answer->body[strspn(answer->body, " \t\r\n")] == '<';
}

static bool fail_with_status(struct operation_task *op, const struct request *request, const struct answer *answer)
{
	const char *said = refusal_text(op, answer);

	op->refused = answer->status == 401;
	op->gone = (answer->status == 404 || answer->status == 410) && !is_web_page(answer);
	return err_set(&op->err, "%s: the service answered %d (%s)%s%s", request->what,
	               answer->status, status_words(answer->status), *said ? ": " : "", said);
}

static bool fail_without_json(struct operation_task *op, const struct request *request, const struct answer *answer,
                    const struct err *why)
{
	const char *s = answer->body + strspn(answer->body, " \t\r\n");

	if (!*s)
		return err_set(&op->err, "%s: expected JSON, found an empty answer", request->what);
	if (is_web_page(answer))
		return err_set(&op->err, "%s: expected JSON, found a web page (HTML); is the endpoint right?",
		               request->what);
	return err_set(&op->err, "%s: the answer cannot be read: %s", request->what, why->msg);
}

bool operation_read(struct operation_task *op, const struct request *request, const struct answer *answer,
             struct node **out)
{
	struct err why;

	op->status = answer->status;
	if (answer->failure != FAILURE_NONE)
		return err_set(&op->err, "%s: %s", request->what, answer->error);
	if (answer->status < 200 || answer->status > 299)
		return fail_with_status(op, request, answer);
	if (out && !json_read_answer(op->arena, answer->body, answer->len, out, &why))
		return fail_without_json(op, request, answer, &why);
	return true;
}

/* ---- one request, one answer ---- */

static bool is_workflow(struct operation_call *call)
{
	const struct node *n = call->answer, *id = node_get(n, "id");
	const struct node *steps = node_get(n, "steps");
	const char *lacks = n->kind != NODE_MAP ? "an object" :
	                    !id || id->kind != NODE_INT ? "a number under \"id\"" :
	                    id->integer != call->id ? arena_printf(call->op.arena, "%lld under \"id\"",
	                                                           (long long)call->id) :
	                    !node_get_text(n, "name") ? "a text under \"name\"" :
	                    !steps || steps->kind != NODE_MAP ? "an object under \"steps\"" : NULL;

	if (lacks)
		return err_set(&call->op.err, "%s: expected %s, found an answer of another shape",
		               call->request.what, lacks);
	return true;
}

static bool is_blank_answer(const struct answer *answer)
{
	return answer->failure == FAILURE_NONE && !answer->body[strspn(answer->body, " \t\r\n")];
}

static enum task_next finish_call(struct operation_call *call, bool ok)
{
	call->op.ok = ok;
	return TASK_DONE;
}

/* "{} or empty" (contract, 2.1). */
static bool confirms_delete(struct operation_call *call, const struct answer *answer)
{
	struct node *n;
	struct err why;

	return is_blank_answer(answer) || (json_read_answer(call->op.arena, answer->body, answer->len, &n, &why) &&
	                            n->kind == NODE_MAP && !n->count);
}

static enum task_next look_for_deleted(struct operation_call *call, int64_t wait_ms, struct request *next)
{
	const char *workflow = strchr(call->request.what, ' ');		/* without "delete" */

	call->look = (struct request){
		.operation = OP_DESCRIBE, .path = call->request.path, .wait_ms = wait_ms,
		.what = arena_printf(call->op.arena, "describe%s", workflow),
	};
	*next = call->look;
	return TASK_ASK;
}

static enum task_next handle_delete(struct operation_call *call, const struct answer *answer, struct request *next)
{
	bool ok = operation_read(&call->op, &call->request, answer, NULL);

	/* A delete whose answer was lost and that was sent again: the first one was carried out. */
	if (!ok)
		return finish_call(call, call->op.gone && call->op.task.attempts > 1);
	if (confirms_delete(call, answer))
		return finish_call(call, true);
	err_set(&call->op.err, "%s: expected {} or an empty answer, found %s", call->request.what,
	        is_web_page(answer) ? "a web page (HTML)" : "another answer");
	return look_for_deleted(call, 0, next);
}

/* The answer may be that of a gateway that passed nothing on, so it is the workflow that tells (design, 6.4). */
static enum task_next handle_look_for_deleted(struct operation_call *call, const struct answer *answer,
                                              struct request *next)
{
	struct operation_task look = call->op;
	bool found = operation_read(&look, &call->look, answer, NULL);
	int64_t pause = found && !call->op.task.stopped ? operation_pause(call->looks++, DELETE_LOOK_MS) : 0;

	if (pause)
		return look_for_deleted(call, pause, next);
	if (found)
		err_append(&call->op.err, ", and the workflow is still there");
	else if (!look.gone)
		err_append(&call->op.err, "; %s", look.err.msg);
	return finish_call(call, look.gone);
}

static enum task_next operation_call_step(struct task *task, const struct answer *answer,
                                struct request *next)
{
	struct operation_call *call = (struct operation_call *)task;

	if (!answer) {
		*next = call->request;
		return TASK_ASK;
	}
	if (call->look.what)
		return handle_look_for_deleted(call, answer, next);
	if (call->request.operation == OP_DELETE)
		return handle_delete(call, answer, next);
	bool may_be_blank = !call->want_json && is_blank_answer(answer);
	bool ok = operation_read(&call->op, &call->request, answer, may_be_blank ? NULL : &call->answer);
	return finish_call(call, ok && (call->request.operation != OP_DESCRIBE || is_workflow(call)));
}

void operation_call_init(struct operation_call *call, struct arena *a, enum operation operation, const char *path,
                  const struct node *body, const char *what)
{
	*call = (struct operation_call){
		.op = { .task.step = operation_call_step, .arena = a, .secrets = body },
		.request = { operation, arena_strdup(a, path), body ? json_text(a, body) : NULL,
		             arena_strdup(a, what) },
		.want_json = true,
	};
	err_set(&call->op.err, "%s: not sent: flowsync was stopped, or its time limit (--timeout) had passed", what);
}

void operation_describe_init(struct operation_call *call, struct arena *a, int64_t id, const char *name)
{
	operation_call_init(call, a, OP_DESCRIBE, arena_printf(a, "/workflows/%lld", (long long)id), NULL,
	             arena_printf(a, "describe %s", operation_workflow(a, id, name)));
	call->id = id;
}

void operation_update_init(struct operation_call *call, struct arena *a, int64_t id, const char *name,
                    const struct node *body)
{
	operation_call_init(call, a, OP_UPDATE, arena_printf(a, "/workflows/%lld", (long long)id), body,
	             arena_printf(a, "update %s", operation_workflow(a, id, name)));
	call->want_json = false;
}

void operation_act_init(struct operation_call *call, struct arena *a, enum operation operation, int64_t id,
                 const char *name)
{
	static const char *const verbs[OPERATION_COUNT] = {
		[OP_DELETE] = "delete", [OP_PAUSE] = "pause", [OP_RESUME] = "resume",
	};
	const char *path = arena_printf(a, "/workflows/%lld%s%s", (long long)id,
	                                operation == OP_DELETE ? "" : "/",
	                                operation == OP_DELETE ? "" : verbs[operation]);

	operation_call_init(call, a, operation, path, operation == OP_DELETE ? NULL : node_map(a),
	             arena_printf(a, "%s %s", verbs[operation], operation_workflow(a, id, name)));
	call->want_json = false;
}
