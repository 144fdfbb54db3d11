#include "agent/service/api/execution_handlers.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "agent/service/engine/execution_start.h"
#include "agent/service/api/execution_json.h"
#include "agent/util/clock.h"
#include "reconcile/schema/digest.h"
#include "reconcile/tree/json.h"
#include "reconcile/wire/operation.h"

enum {
	LOG_PAGE_BYTES = 256 << 10,
	LOG_MOST_BYTES = 48 << 20,	/* of a download */
	PAYLOAD_MAX = 64 << 10,		/* of a webhook: it becomes a variable of the steps */
	DOWNLOAD_S = 15 * 60,		/* how long the address of a download is good */
};

static const int64_t KEPT_MS = (int64_t)EXECUTIONS_KEPT_DAYS * 24 * 3600 * 1000;

/* ---- beginning one ---- */

static void answer_begin(struct api_request *c, enum execution_start_result result, const char *uuid, const struct err *err)
{
	static const int statuses[] = { [EXECUTION_ALREADY_RUNNING] = 409, [EXECUTION_TOO_MANY] = 429, [EXECUTION_NOT_VALID] = 422 };
	struct node *out = node_map(c->arena);

	if (result == EXECUTION_START_FAILED) {
		api_reply_store_error(c, err);
		return;
	}
	if (result != EXECUTION_STARTED) {
		http_detail(c->response, statuses[result], "%s", err->msg);
		c->response->retry_after = result == EXECUTION_TOO_MANY ? 5 : 0;
		return;
	}
	node_put(c->arena, out, "executionId", node_text(c->arena, uuid));
	api_reply(c, 200, out);
}

static void begin(struct api_request *c, const struct node *execute, const char *cause, bool by_hand)
{
	char uuid[UUID_LEN + 1];
	struct stored_workflow w;
	struct node *body;
	struct err err;

	if (!api_find_workflow(c, &w) || !api_body(c, &w, &body))
		return;
	c->api->uuid(uuid);
	const struct execution_start_request l = {
		.workflow = &w, .body = body, .execute = execute, .cause = cause, .by_hand = by_hand,
		.uuid = uuid, .now = c->api->now(),
	};
	answer_begin(c, execution_start(c->api->store, c->arena, &l, &err), uuid, &err);
}

void handle_execute(struct api_request *c)
{
	struct node *body = NULL;
	struct err err;

	if (c->request->len && !json_read(c->arena, c->request->body, c->request->len, &body, &err))
		http_detail(c->response, 400, "body: %s", err.msg);
	else
		begin(c, body, service_user, true);
}

/* "the payload handed over as a parameter": of all steps, by the name payload. */
void handle_webhook(struct api_request *c)
{
	struct node *execute = node_map(c->arena);
	struct err err;

	if (c->request->len > PAYLOAD_MAX) {
		http_detail(c->response, 413, "the payload is larger than %d bytes", PAYLOAD_MAX);
		return;
	}
	if (!json_can_hold(c->request->body, c->request->len)) {
		http_detail(c->response, 400, "the payload is no text: it has a NUL byte in it, or is not UTF-8");
		return;
	}
	if (!workflow_store_find_webhook(c->api->store, c->word, &c->id, &err)) {
		api_reply_store_error(c, &err);
		return;
	}
	if (!c->id) {
		http_detail(c->response, 404, "there is no such webhook");
		return;
	}
	struct node *params = node_put(c->arena, execute, "params", node_map(c->arena));
	node_put(c->arena, node_put(c->arena, params, "global", node_map(c->arena)), "payload",
	         node_text(c->arena, c->request->body));
	begin(c, execute, "webhook", false);
}

/* ---- a list of them ---- */

static bool time_param(struct api_request *c, const char *name, int64_t *out)
{
	const char *text = api_parameter(c, name);

	if (!text || timestamp_parse(text, out))
		return true;
	http_detail(c->response, 400, "%s: expected a time such as 2024-01-07T18:00:00.000Z", name);
	return false;
}

static bool run_query(struct api_request *c, struct execution_query *q)
{
	int64_t oldest = c->api->now() - KEPT_MS;

	*q = (struct execution_query){
		.workflow = c->id, .from = oldest, .to = INT64_MAX, .number = 1, .size = PAGE_SIZE,
	};
	if (!api_number(c, "pageNumber", PAGE_NUMBER_MAX, &q->number) ||
	    !api_number(c, "pageSize", PAGE_SIZE_MAX, &q->size) ||
	    !api_number(c, "count", PAGE_NUMBER_MAX, &q->newest) ||
	    !api_execution_statuses(c, "statuses", &q->statuses) || !time_param(c, "dateFrom", &q->from) ||
	    !time_param(c, "dateTo", &q->to))
		return false;
	q->from = q->from < oldest ? oldest : q->from;
	return true;
}

static bool put_runs(struct api_request *c, const struct stored_execution *runs, size_t count, struct node *list,
                     struct err *err)
{
	for (size_t i = 0; i < count; i++) {
		struct stored_rerun *reruns;
		size_t rerun_count;
		if (!execution_store_reruns(c->api->store, c->arena, runs[i].id, &reruns, &rerun_count, err))
			return false;
		node_add(c->arena, list, execution_json_entry(c->arena, &runs[i], reruns, rerun_count));
	}
	return true;
}

/* Some tools read the one spelling of the count, some the other (contract, 4.3). */
void handle_executions(struct api_request *c)
{
	struct node *out = node_map(c->arena), *list = node_list(c->arena);
	struct stored_execution *runs;
	struct stored_workflow w;
	struct execution_query q;
	int64_t total;
	size_t count;
	struct err err;

	if (!run_query(c, &q) || !api_find_workflow(c, &w))
		return;
	if (!execution_store_page(c->api->store, c->arena, &q, &runs, &count, &total, &err) ||
	    !put_runs(c, runs, count, list, &err)) {
		api_reply_store_error(c, &err);
		return;
	}
	node_put(c->arena, out, "workflowId", node_int(c->arena, c->id));
	node_put(c->arena, out, "executionCount", node_int(c->arena, total));
	node_put(c->arena, out, "executionsCount", node_int(c->arena, total));
	api_put_page(c, out, q.number, q.size, total);
	node_put(c->arena, out, "executions", list);
	api_reply(c, 200, out);
}

/* ---- one of them ---- */

/* The run in the path; has answered if false. */
static bool find_run(struct api_request *c, struct stored_execution *run)
{
	struct stored_workflow w;
	struct err err;

	if (!api_find_workflow(c, &w))
		return false;
	if (!execution_store_find(c->api->store, c->arena, c->word, run, &err)) {
		api_reply_store_error(c, &err);
		return false;
	}
	if (run->id && run->workflow == c->id)
		return true;
	http_detail(c->response, 404, "workflow %" PRId64 " has no such execution", c->id);
	return false;
}

static bool find_work(struct api_request *c, struct stored_execution *run, struct execution_details *work)
{
	struct err err;

	if (!find_run(c, run))
		return false;
	if (execution_store_get_details(c->api->store, c->arena, run->id, work, &err))
		return true;
	api_reply_store_error(c, &err);
	return false;
}

void handle_execution(struct api_request *c)
{
	struct stored_execution run;
	struct execution_details work;
	struct node *out;
	struct err err;

	if (!find_work(c, &run, &work))
		return;
	if (execution_json_details(c->arena, &run, &work, &out, &err))
		api_reply(c, 200, out);
	else
		http_detail(c->response, 500, "%s", err.msg);
}

void handle_stop(struct api_request *c)
{
	struct stored_execution run;
	struct err err;

	if (!find_run(c, &run))
		return;
	if (run.finished >= 0)
		http_detail(c->response, 409, "execution %s has ended: it is %s", run.uuid,
		            flow_status_words[run.status]);
	else if (execution_store_request_stop(c->api->store, run.id, service_user, &err))
		api_reply_text(c, "{}");
	else
		api_reply_store_error(c, &err);
}

/* ---- logs ---- */

/* "f/12/s": the part to go on with. */
static bool read_token(const char *token, int64_t *seq)
{
	char *end;

	*seq = 0;
	if (!token || !*token)
		return true;
	if (strncmp(token, "f/", 2) != 0 || token[2] < '0' || token[2] > '9')
		return false;
	*seq = strtoll(token + 2, &end, 10);
	return strcmp(end, "/s") == 0;
}

struct log_part { struct stored_execution run; size_t step; const char *name, *status; };

/* The step that is asked for; has answered if false. */
static bool find_log(struct api_request *c, struct log_part *out)
{
	struct execution_details work;

	out->name = api_parameter(c, "stepName");
	if (!out->name) {
		http_detail(c->response, 400, "stepName: expected the name of a step");
		return false;
	}
	if (!find_work(c, &out->run, &work))
		return false;
	if (execution_json_step(c->arena, &work, out->name, &out->step, &out->status))
		return true;
	http_detail(c->response, 404, "execution %s has no step \"%s\"", out->run.uuid, out->name);
	return false;
}

void handle_logs(struct api_request *c)
{
	CLEANUP(buf_done) struct buf text = BUF_TEXT;
	struct node *out = node_map(c->arena), *lines = node_list(c->arena);
	struct log_part part;
	int64_t seq, next;
	struct err err;

	if (!read_token(api_parameter(c, "nextToken"), &seq)) {
		http_detail(c->response, 400, "nextToken: expected what an earlier answer gave");
		return;
	}
	if (!find_log(c, &part))
		return;
	if (!execution_store_log_read(c->api->store, part.run.id, part.step, seq, LOG_PAGE_BYTES, &text, &next, &err)) {
		api_reply_store_error(c, &err);
		return;
	}
	execution_json_log(c->arena, buf_str(&text), lines);
	node_put(c->arena, out, "logs", lines);
	node_put(c->arena, out, "nextToken", node_text(c->arena, arena_printf(c->arena, "f/%" PRId64 "/s", next)));
	node_put(c->arena, out, "stepRunStatus", node_text(c->arena, part.status));
	api_reply(c, 200, out);
}

/* What only this service can have said: that who brings it may have this log until then. */
static void prove(const struct api_request *c, const char *uuid, const char *step, int64_t until,
                  unsigned char out[DIGEST_SIZE])
{
	const char *text = arena_printf(c->arena, "download\n%s\n%s\n%" PRId64, uuid, step, until);

	digest_hmac(c->api->token, strlen(c->api->token), text, strlen(text), out);
}

static void add_hex(struct buf *out, const unsigned char *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		buf_addf(out, "%02x", bytes[i]);
}

/* "the file is then fetched from that URL without the token" (contract, 2.5). */
void handle_log_download(struct api_request *c)
{
	CLEANUP(buf_done) struct buf url = BUF_TEXT;
	const char *host = http_header(c->request, "Host");
	int64_t until = c->api->now() / 1000 + DOWNLOAD_S;
	struct node *out = node_map(c->arena);
	unsigned char proof[DIGEST_SIZE];
	struct log_part part;

	if (!find_log(c, &part))
		return;
	prove(c, part.run.uuid, part.name, until, proof);
	buf_addf(&url, "%s://%s/downloads/%s?stepName=", c->api->tls ? "https" : "http",
	         host ? host : "localhost", part.run.uuid);
	operation_encode(&url, part.name);
	buf_addf(&url, "&until=%" PRId64 "&proof=", until);
	add_hex(&url, proof, sizeof proof);
	node_put(c->arena, out, "downloadUrl", node_text(c->arena, buf_str(&url)));
	api_reply(c, 200, out);
}

/* Whether the address is one that prove() made, and still good. */
static bool proven(struct api_request *c, const char *step)
{
	CLEANUP(buf_done) struct buf text = BUF_TEXT;
	const char *until = api_parameter(c, "until"), *given = api_parameter(c, "proof");
	int64_t time = until ? strtoll(until, NULL, 10) : 0;
	unsigned char proof[DIGEST_SIZE];
	unsigned char different = 0;

	prove(c, c->word, step, time, proof);
	add_hex(&text, proof, sizeof proof);
	if (!given || strlen(given) != text.len)
		return false;
	for (size_t i = 0; i < text.len; i++)
		different |= (unsigned char)(given[i] ^ text.text[i]);
	return !different && time >= c->api->now() / 1000;
}

void handle_log_file(struct api_request *c)
{
	CLEANUP(buf_done) struct buf text = BUF_TEXT;
	const char *step = api_parameter(c, "stepName");
	struct log_part part;
	int64_t next;
	struct err err;

	if (!step || !proven(c, step)) {
		http_detail(c->response, 403, "this address is not good, or not any more: ask for a new one");
		return;
	}
	if (!execution_store_find(c->api->store, c->arena, c->word, &part.run, &err)) {
		api_reply_store_error(c, &err);
		return;
	}
	if (!part.run.id) {
		http_detail(c->response, 404, "this execution is not kept any more");
		return;
	}
	c->id = part.run.workflow;
	if (!find_log(c, &part))
		return;
	if (!execution_store_log_read(c->api->store, part.run.id, part.step, 0, LOG_MOST_BYTES, &text, &next, &err)) {
		api_reply_store_error(c, &err);
		return;
	}
	c->response->status = 200;
	c->response->type = "text/plain; charset=utf-8";
	execution_json_log_text(buf_str(&text), &c->response->body);
}
