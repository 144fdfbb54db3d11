#include "agent/service/api/execution_handlers.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "agent/service/engine/execution_start.h"
#include "agent/service/api/execution_json.h"
#include "agent/util/clock.h"
#include "reconcile/schema/digest.h"
#include "reconcile/schema/validate.h"
#include "reconcile/tree/json.h"
#include "reconcile/wire/operation.h"

enum {
	LOG_PAGE_BYTES = 256 << 10,
	DOWNLOAD_MAX_BYTES = 48 << 20,
	WEBHOOK_PAYLOAD_MAX = 1 << 20,	/* bytes */
	DOWNLOAD_VALID_S = 15 * 60,	/* of the URL of a download */
};

static const int64_t KEPT_MS = (int64_t)EXECUTIONS_KEPT_DAYS * 24 * 3600 * 1000;

/* ---- starting an execution ---- */

static void reply_to_start(struct api_request *r, enum execution_start_result result, const char *uuid,
                           const struct err *err)
{
	static const int statuses[] = {
		[EXECUTION_ALREADY_RUNNING] = 409, [EXECUTION_TOO_MANY] = 429, [EXECUTION_NOT_VALID] = 400,
	};
	struct node *out = node_map(r->arena);

	if (result == EXECUTION_START_FAILED) {
		api_reply_store_error(r, err);
		return;
	}
	if (result != EXECUTION_STARTED) {
		http_detail(r->response, statuses[result], "%s", err->msg);
		r->response->retry_after = result == EXECUTION_TOO_MANY ? 5 : 0;
		return;
	}
	node_put(r->arena, out, "executionId", node_text(r->arena, uuid));
	api_reply(r, 200, out);
}

static void start_and_reply(struct api_request *r, const struct node *execute, const char *cause, bool by_hand)
{
	char uuid[UUID_LEN + 1];
	struct stored_workflow w;
	struct node *body;
	struct err err;

	if (!api_find_workflow(r, &w) || !api_body(r, &w, &body))
		return;
	r->api->uuid(uuid);
	const struct execution_start_request request = {
		.workflow = &w, .body = body, .execute = execute, .cause = cause, .by_hand = by_hand,
		.uuid = uuid, .now = r->api->now(),
	};
	reply_to_start(r, execution_start(r->api->store, r->arena, &request, &err), uuid, &err);
}

void handle_execute(struct api_request *r)
{
	struct diagnostics faults = { .arena = r->arena };
	struct node *body = NULL;

	if (r->http->len && !api_read_body(r, &body))
		return;
	if (body && body->kind != NODE_NULL && !validate_execute(body, &faults))
		api_reply_faults(r, &faults);
	else
		start_and_reply(r, body, api_user, true);
}

/* The body of the request becomes the parameter "payload" of all steps. */
void handle_webhook(struct api_request *r)
{
	struct node *execute = node_map(r->arena);
	struct err err;

	if (r->http->len > WEBHOOK_PAYLOAD_MAX) {
		http_detail(r->response, 413, "the payload is larger than %d bytes", WEBHOOK_PAYLOAD_MAX);
		return;
	}
	if (!json_can_hold(r->http->body, r->http->len)) {
		http_detail(r->response, 400, "the payload is not text: it has a NUL byte in it, or is not UTF-8");
		return;
	}
	if (!workflow_store_find_webhook(r->api->store, r->path_word, &r->id, &err)) {
		api_reply_store_error(r, &err);
		return;
	}
	if (!r->id) {
		http_detail(r->response, 404, "there is no such webhook");
		return;
	}
	struct node *params = node_put(r->arena, execute, "params", node_map(r->arena));
	node_put(r->arena, node_put(r->arena, params, "global", node_map(r->arena)), "payload",
	         node_text(r->arena, r->http->body));
	start_and_reply(r, execute, "webhook", false);
}

/* ---- the list of executions ---- */

static bool read_time_parameter(struct api_request *r, const char *name, int64_t *out)
{
	const char *text = api_parameter(r, name);

	if (!text || timestamp_parse(text, out))
		return true;
	http_detail(r->response, 400, "%s: expected a date and time such as 2024-01-07T18:00:00.000Z, or a date", name);
	return false;
}

static bool read_execution_query(struct api_request *r, struct execution_query *q)
{
	int64_t oldest = r->api->now() - KEPT_MS;

	*q = (struct execution_query){
		.workflow = r->id, .from = oldest, .to = INT64_MAX, .number = 1, .size = API_PAGE_SIZE,
	};
	if (!api_number(r, "pageNumber", API_PAGE_NUMBER_MAX, &q->number) ||
	    !api_number(r, "pageSize", API_PAGE_SIZE_MAX, &q->size) ||
	    !api_number(r, "count", API_PAGE_NUMBER_MAX, &q->newest) ||
	    !api_execution_statuses(r, "statuses", &q->statuses) || !read_time_parameter(r, "dateFrom", &q->from) ||
	    !read_time_parameter(r, "dateTo", &q->to))
		return false;
	q->from = q->from < oldest ? oldest : q->from;
	return true;
}

static bool put_executions(struct api_request *r, const struct stored_execution *executions, size_t count,
                           struct node *list, struct err *err)
{
	for (size_t i = 0; i < count; i++) {
		struct stored_rerun *reruns;
		size_t rerun_count;
		if (!execution_store_reruns(r->api->store, r->arena, executions[i].id, &reruns, &rerun_count, err))
			return false;
		node_add(r->arena, list, execution_json_entry(r->arena, &executions[i], reruns, rerun_count));
	}
	return true;
}

/* Clients read one of two spellings of the count (contract, 4.3): the answer has both. */
void handle_executions(struct api_request *r)
{
	struct node *out = node_map(r->arena), *list = node_list(r->arena);
	struct stored_execution *executions;
	struct stored_workflow w;
	struct execution_query q;
	int64_t total;
	size_t count;
	struct err err;

	if (!read_execution_query(r, &q) || !api_find_workflow(r, &w))
		return;
	if (!execution_store_page(r->api->store, r->arena, &q, &executions, &count, &total, &err) ||
	    !put_executions(r, executions, count, list, &err)) {
		api_reply_store_error(r, &err);
		return;
	}
	node_put(r->arena, out, "workflowId", node_int(r->arena, r->id));
	node_put(r->arena, out, "executionCount", node_int(r->arena, total));
	node_put(r->arena, out, "executionsCount", node_int(r->arena, total));
	api_put_page(r, out, q.number, q.size, total);
	node_put(r->arena, out, "executions", list);
	api_reply(r, 200, out);
}

/* ---- one execution ---- */

/* The execution in the path.  False: has answered. */
static bool find_execution(struct api_request *r, struct stored_execution *out)
{
	struct stored_workflow w;
	struct err err;

	if (!api_find_workflow(r, &w))
		return false;
	if (!execution_store_find(r->api->store, r->arena, r->path_word, out, &err)) {
		api_reply_store_error(r, &err);
		return false;
	}
	if (out->id && out->workflow == r->id)
		return true;
	http_detail(r->response, 404, "workflow %" PRId64 " has no execution with this executionId", r->id);
	return false;
}

static bool find_execution_details(struct api_request *r, struct stored_execution *execution,
                                   struct execution_details *details)
{
	struct err err;

	if (!find_execution(r, execution))
		return false;
	if (execution_store_get_details(r->api->store, r->arena, execution->id, details, &err))
		return true;
	api_reply_store_error(r, &err);
	return false;
}

void handle_execution(struct api_request *r)
{
	struct stored_execution execution;
	struct execution_details details;
	struct node *out;
	struct err err;

	if (!find_execution_details(r, &execution, &details))
		return;
	if (execution_json_details(r->arena, &execution, &details, &out, &err))
		api_reply(r, 200, out);
	else
		http_detail(r->response, 500, "%s", err.msg);
}

void handle_stop(struct api_request *r)
{
	struct stored_execution execution;
	struct err err;

	if (!find_execution(r, &execution))
		return;
	if (execution.finished >= 0)
		http_detail(r->response, 409, "execution %s has ended: it is %s", execution.uuid,
		            dag_status_words[execution.status]);
	else if (execution_store_request_stop(r->api->store, execution.id, api_user, &err))
		api_reply_text(r, "{}");
	else
		api_reply_store_error(r, &err);
}

/* ---- logs ---- */

/* Reads "f/12/s": the number of the part of the log to continue with. */
static bool read_next_token(const char *token, int64_t *seq)
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

/* The log that a request asks for. */
struct step_log { struct stored_execution execution; size_t step; const char *name, *status; };

/* False: has answered. */
static bool find_step_log(struct api_request *r, struct step_log *out)
{
	struct execution_details details;

	out->name = api_parameter(r, "stepName");
	if (!out->name) {
		http_detail(r->response, 400, "stepName: expected the name of a step");
		return false;
	}
	if (!find_execution_details(r, &out->execution, &details))
		return false;
	if (execution_json_step(r->arena, &details, out->name, &out->step, &out->status))
		return true;
	http_detail(r->response, 404, "execution %s has no step \"%s\"", out->execution.uuid, out->name);
	return false;
}

void handle_logs(struct api_request *r)
{
	CLEANUP(buf_done) struct buf text = BUF_TEXT;
	struct node *out = node_map(r->arena), *lines = node_list(r->arena);
	struct step_log log;
	int64_t seq, next;
	struct err err;

	if (!read_next_token(api_parameter(r, "nextToken"), &seq)) {
		http_detail(r->response, 400, "nextToken: expected the nextToken of an earlier answer");
		return;
	}
	if (!find_step_log(r, &log))
		return;
	if (!execution_store_log_read(r->api->store, log.execution.id, log.step, seq, LOG_PAGE_BYTES, &text, &next,
	                              &err)) {
		api_reply_store_error(r, &err);
		return;
	}
	execution_json_log(r->arena, buf_str(&text), lines);
	node_put(r->arena, out, "logs", lines);
	node_put(r->arena, out, "nextToken", node_text(r->arena, arena_printf(r->arena, "f/%" PRId64 "/s", next)));
	node_put(r->arena, out, "stepRunStatus", node_text(r->arena, log.status));
	api_reply(r, 200, out);
}

/* The proof in the URL of a download: an HMAC with the service's token, so that only this service can have made it. */
static void make_download_proof(const struct api_request *r, const char *uuid, const char *step, int64_t until,
                                unsigned char out[DIGEST_SIZE])
{
	const char *text = arena_printf(r->arena, "download\n%s\n%s\n%" PRId64, uuid, step, until);

	digest_hmac(r->api->token, strlen(r->api->token), text, strlen(text), out);
}

static void append_hex(struct buf *out, const unsigned char *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		buf_addf(out, "%02x", bytes[i]);
}

/* "the file is then fetched from that URL without the token" (contract, 2.5). */
void handle_log_download(struct api_request *r)
{
	CLEANUP(buf_done) struct buf url = BUF_TEXT;
	const char *host = http_header(r->http, "Host");
	int64_t until = r->api->now() / 1000 + DOWNLOAD_VALID_S;
	struct node *out = node_map(r->arena);
	unsigned char proof[DIGEST_SIZE];
	struct step_log log;

	if (!find_step_log(r, &log))
		return;
	make_download_proof(r, log.execution.uuid, log.name, until, proof);
	buf_addf(&url, "%s://%s/downloads/%s?stepName=", r->api->tls ? "https" : "http",
	         host ? host : "localhost", log.execution.uuid);
	operation_encode(&url, log.name);
	buf_addf(&url, "&until=%" PRId64 "&proof=", until);
	append_hex(&url, proof, sizeof proof);
	node_put(r->arena, out, "downloadUrl", node_text(r->arena, buf_str(&url)));
	api_reply(r, 200, out);
}

/* Whether the proof in the URL is right, and the URL has not expired. */
static bool is_download_proven(struct api_request *r, const char *step)
{
	CLEANUP(buf_done) struct buf text = BUF_TEXT;
	const char *until = api_parameter(r, "until"), *given = api_parameter(r, "proof");
	int64_t time = until ? strtoll(until, NULL, 10) : 0;
	unsigned char proof[DIGEST_SIZE];

	make_download_proof(r, r->path_word, step, time, proof);
	append_hex(&text, proof, sizeof proof);
	return given && digest_secret_equal(given, buf_str(&text)) && time >= r->api->now() / 1000;
}

void handle_log_file(struct api_request *r)
{
	CLEANUP(buf_done) struct buf text = BUF_TEXT;
	const char *step = api_parameter(r, "stepName");
	struct step_log log;
	int64_t next;
	struct err err;

	if (!step || !is_download_proven(r, step)) {
		http_detail(r->response, 403, "this URL is not valid or has expired: request a new one");
		return;
	}
	if (!execution_store_find(r->api->store, r->arena, r->path_word, &log.execution, &err)) {
		api_reply_store_error(r, &err);
		return;
	}
	if (!log.execution.id) {
		http_detail(r->response, 404, "this execution was deleted");
		return;
	}
	r->id = log.execution.workflow;
	if (!find_step_log(r, &log))
		return;
	if (!execution_store_log_read(r->api->store, log.execution.id, log.step, 0, DOWNLOAD_MAX_BYTES, &text, &next,
	                              &err)) {
		api_reply_store_error(r, &err);
		return;
	}
	r->response->status = 200;
	r->response->type = "text/plain; charset=utf-8";
	execution_json_log_text(buf_str(&text), &r->response->body);
}
