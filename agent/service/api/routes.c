#include "agent/service/api/routes.h"

#include <string.h>

#include "agent/service/steps/instance_types.h"
#include "agent/service/api/execution_json.h"
#include "agent/service/api/api_request.h"
#include "agent/service/api/execution_handlers.h"
#include "agent/service/engine/cron_time.h"
#include "agent/service/engine/wakeup.h"
#include "reconcile/schema/digest.h"
#include "reconcile/tree/json.h"
#include "reconcile/schema/normalise.h"
#include "reconcile/schema/validate.h"

static bool read_page_query(struct api_request *r, struct page_query *q)
{
	const char **by = arena_new(r->arena, const char *, r->http->query_count);

	*q = (struct page_query){ .number = 1, .size = API_PAGE_SIZE, .modified_by = by };
	for (size_t i = 0; i < r->http->query_count; i++)
		if (strcmp(r->http->query[i].name, "lastModifiedBy") == 0)
			by[q->modified_by_count++] = r->http->query[i].value;
	q->search = api_parameter(r, "searchTerm");
	if (q->search && !*q->search)
		q->search = NULL;
	return api_number(r, "pageNumber", API_PAGE_NUMBER_MAX, &q->number) &&
	       api_number(r, "pageSize", API_PAGE_SIZE_MAX, &q->size) &&
	       api_words(r, "workflowStatus", workflow_status_words, WORKFLOW_STATUS_COUNT,
	                 &q->statuses) &&
	       api_execution_statuses(r, "lastExecutionStatus", &q->last_runs);
}

/* ---- handlers that read ---- */

static bool last_execution_json(struct api_request *r, const struct stored_workflow *w, struct node **out)
{
	struct stored_rerun *reruns = NULL;
	struct stored_execution last;
	size_t count = 0;
	struct err err;

	*out = NULL;
	if (!w->last_run)
		return true;
	if (!execution_store_find_last(r->api->store, r->arena, w->id, &last, &err) ||
	    (last.id && !execution_store_reruns(r->api->store, r->arena, last.id, &reruns, &count, &err))) {
		api_reply_store_error(r, &err);
		return false;
	}
	*out = execution_json_last(r->arena, &last, reruns, count);
	return true;
}

/* Appends the entry of the list, without the brace at its end. */
static bool write_item(struct api_request *r, struct stored_workflow *w, int64_t now)
{
	struct node *last;

	if (!last_execution_json(r, w, &last))
		return false;
	if (!w->item)
		w->item = workflow_json_item(r->arena, w);
	workflow_json_write_item(r->arena, w, last, r->api->cron_times, now, &r->response->body);
	return true;
}

static void handle_list_workflows(struct api_request *r)
{
	struct buf *out = &r->response->body;
	struct workflow_page page = { 0 };
	int64_t now = r->api->now();
	struct page_query q;
	struct err err;

	if (!read_page_query(r, &q))
		return;
	if (!workflow_store_page(r->api->store, r->arena, &q, &page, &err)) {
		api_reply_store_error(r, &err);
		return;
	}
	buf_addf(out, "{\"pageCount\":%lld,\"pageNumber\":%lld,\"pageSize\":%lld,\"workflowsCount\":%lld,\"workflows\":[",
	         (long long)((page.total + q.size - 1) / q.size), (long long)q.number, (long long)q.size,
	         (long long)page.total);
	for (size_t i = 0; i < page.count; i++) {
		buf_adds(out, i ? "," : "");
		if (!write_item(r, &page.items[i], now))
			return;
		buf_addc(out, '}');
	}
	api_reply_text(r, "]}");
}

/* Sets item and rest, unless they were stored. */
static bool complete_answer(struct api_request *r, struct stored_workflow *w)
{
	struct node *body;

	if (w->item && w->rest)
		return true;
	if (!api_find_workflow(r, w) || !api_body(r, w, &body))
		return false;
	w->item = workflow_json_item(r->arena, w);
	w->rest = workflow_json_rest(r->arena, body);
	return true;
}

static void handle_describe_workflow(struct api_request *r)
{
	struct stored_workflow w;
	struct err err;

	if (!workflow_store_get_answer(r->api->store, r->arena, r->id, &w, &err)) {
		api_reply_store_error(r, &err);
		return;
	}
	if (!complete_answer(r, &w) || !write_item(r, &w, r->api->now()))
		return;
	buf_adds(&r->response->body, w.rest);
	api_reply_text(r, "}");
}

static void handle_resources(struct api_request *r)
{
	api_reply(r, 200, instance_types_reply(r->arena));
}

static void handle_instance_options(struct api_request *r)
{
	api_reply(r, 200, instance_types_options_reply(r->arena));
}

static void handle_default_resource(struct api_request *r)
{
	api_reply(r, 200, instance_types_default_reply(r->arena));
}

static void reply_empty_object(struct api_request *r)
{
	api_reply_text(r, "{}");
}

/* ---- handlers that write ---- */

static void put_warnings(struct api_request *r, const struct diagnostics *diagnostics)
{
	CLEANUP(buf_done) struct buf text = BUF(sizeof r->response->warning - 1);

	for (size_t i = 0; i < diagnostics->count; i++)
		buf_addf(&text, "%s%s", i ? "; " : "", diagnostics->items[i].message);
	strcpy(r->response->warning, buf_str(&text));
	for (char *c = r->response->warning; *c; c++)
		if (*c < ' ' || *c > '~')
			*c = '?';
}

static void log_dead_crons(const struct api_request *r, const struct stored_workflow *w)
{
	for (size_t i = 0; r->api->log && i < w->trigger_count; i++)
		if (w->triggers[i].cron)
			cron_time_warn(r->api->log, w->id, w->triggers[i].cron);
}

/* Stores the parts of later answers.  body is the workflow's, and is changed. */
static bool store_answer(struct api_request *r, struct stored_workflow *w, struct node *body)
{
	struct err err;

	w->item = workflow_json_item(r->arena, w);
	w->rest = workflow_json_rest(r->arena, body);
	if (workflow_store_put_answer(r->api->store, w, &err))
		return true;
	api_reply_store_error(r, &err);
	return false;
}

/* The answer to a create or an update that is to be stored. */
static void reply_stored(struct api_request *r, int status, const struct stored_workflow *w)
{
	log_dead_crons(r, w);
	api_reply(r, status, workflow_json_changed(r->arena, w));
}

static bool read_workflow_map(struct api_request *r, struct node **out)
{
	if (!api_read_body(r, out))
		return false;
	if ((*out)->kind != NODE_MAP)
		http_detail(r->response, 400, "body: expected a JSON object, found %s", node_kind_words((*out)->kind));
	return (*out)->kind == NODE_MAP;
}

static bool check_workflow_body(struct api_request *r, const struct node *body)
{
	struct diagnostics faults = { .arena = r->arena };

	if (validate_workflow(body, VALIDATE_REQUEST | VALIDATE_LOCAL, &faults)) {
		put_warnings(r, &faults);
		return true;
	}
	api_reply_faults(r, &faults);
	return false;
}

static void handle_create_workflow(struct api_request *r)
{
	int64_t now = r->api->now();
	struct stored_workflow w = {
		.status = WORKFLOW_AVAILABLE, .created = now, .updated = now, .modified_by = api_user,
	};
	struct node *body;
	struct err err;

	if (!read_workflow_map(r, &body) || !check_workflow_body(r, body))
		return;
	workflow_json_parse(r->arena, body, NULL, NULL, r->api->uuid, &w);
	workflow_json_set_due(&w, NULL, r->api->sets_cron_times ? now : -1);
	if (!workflow_store_add(r->api->store, &w, &err))
		api_reply_store_error(r, &err);
	else if (store_answer(r, &w, body))
		reply_stored(r, 201, &w);
}

/* The workflow in the path, if its status is one of the bits of statuses; answers 409 otherwise. */
static bool find_workflow_in_status(struct api_request *r, unsigned statuses, struct stored_workflow *w)
{
	static const char *const states[] = {
		[WORKFLOW_DRAFT] = "a draft", [WORKFLOW_RUNNING] = "running",
		[WORKFLOW_AVAILABLE] = "not paused", [WORKFLOW_PAUSED] = "paused already",
	};

	if (!api_find_workflow(r, w))
		return false;
	if (statuses & 1U << w->status)
		return true;
	http_detail(r->response, 409, "workflow %lld is %s", (long long)w->id, states[w->status]);
	return false;
}

enum { IDLE = 1 << WORKFLOW_DRAFT | 1 << WORKFLOW_AVAILABLE | 1 << WORKFLOW_PAUSED };

/* The time of a change.  It is always later than the one before, also within a millisecond and after the clock was set
 * back: a client that remembers updatedAt has to see that the workflow changed. */
static int64_t timestamp_after(const struct api_request *r, int64_t before)
{
	int64_t now = r->api->now();

	return now > before ? now : before + 1;
}

static void handle_update_workflow(struct api_request *r)
{
	struct stored_workflow before, w;
	struct node *body, *before_body;
	struct err err;

	if (!read_workflow_map(r, &body) || !find_workflow_in_status(r, IDLE, &before))
		return;
	const struct node *name = node_get(body, "name");
	if (!name || name->kind == NODE_NULL)
		node_put(r->arena, body, "name", node_text(r->arena, before.name));
	body = normalise_own_fields(r->arena, body, NULL);
	if (!check_workflow_body(r, body) || !api_body(r, &before, &before_body))
		return;
	w = before;
	w.updated = timestamp_after(r, before.updated);
	w.modified_by = api_user;
	workflow_json_parse(r->arena, body, &before, before_body, r->api->uuid, &w);
	workflow_json_set_due(&w, &before, r->api->sets_cron_times ? w.updated : -1);
	if (!workflow_store_put(r->api->store, &w, &err))
		api_reply_store_error(r, &err);
	else if (store_answer(r, &w, body))
		reply_stored(r, 200, &w);
}

static void handle_delete_workflow(struct api_request *r)
{
	struct stored_workflow w;
	struct err err;

	if (!find_workflow_in_status(r, IDLE, &w))
		return;
	if (workflow_store_drop(r->api->store, w.id, &err))
		reply_empty_object(r);
	else
		api_reply_store_error(r, &err);
}

static bool change_workflow_status(struct api_request *r, enum workflow_status from, enum workflow_status to,
                                   struct stored_workflow *w)
{
	struct node *body;
	struct err err;

	if (!find_workflow_in_status(r, 1U << from, w) || !api_body(r, w, &body))
		return false;
	w->status = to;
	w->updated = timestamp_after(r, w->updated);
	if (workflow_store_put_status(r->api->store, w->id, to, w->updated, &err))
		return store_answer(r, w, body);
	api_reply_store_error(r, &err);
	return false;
}

static void handle_pause_workflow(struct api_request *r)
{
	struct stored_workflow w;
	struct err err;

	if (!change_workflow_status(r, WORKFLOW_AVAILABLE, WORKFLOW_PAUSED, &w))
		return;
	if (workflow_store_clear_dues(r->api->store, w.id, &err))
		reply_empty_object(r);
	else
		api_reply_store_error(r, &err);
}

/* Crons whose time passed while the workflow was paused do not fire late: that is what the pause was for. */
static void handle_resume_workflow(struct api_request *r)
{
	struct stored_workflow w;
	struct err err;

	if (!change_workflow_status(r, WORKFLOW_PAUSED, WORKFLOW_AVAILABLE, &w))
		return;
	workflow_json_set_due(&w, NULL, r->api->sets_cron_times ? w.updated : -1);
	for (size_t i = 0; i < w.trigger_count; i++)
		if (!workflow_store_put_due(r->api->store, w.id, i, w.triggers[i].due, &err)) {
			api_reply_store_error(r, &err);
			return;
		}
	reply_empty_object(r);
}

/* ---- routes ---- */

struct verb {
	const char *method;
	void (*handle)(struct api_request *r);
	bool writes;		/* it may change the store */
};

#define BASE "/workflows/api/v1"

/* "#" matches the id of a workflow, which has digits only, and sets r->id; "*" matches any word, and sets
 * r->path_word. */
static const struct route {
	const char *path, *allow;
	struct verb verbs[3];
} routes[] = {
	{ BASE "/workflows", "GET, POST",
	  { { "GET", handle_list_workflows }, { "POST", handle_create_workflow, true } } },
	{ BASE "/workflows/executions/#", "GET", { { "GET", handle_executions } } },
	{ BASE "/workflows/#", "GET, PUT, DELETE",
	  { { "GET", handle_describe_workflow }, { "PUT", handle_update_workflow, true },
	    { "DELETE", handle_delete_workflow, true } } },
	{ BASE "/workflows/#/pause", "POST", { { "POST", handle_pause_workflow, true } } },
	{ BASE "/workflows/#/resume", "POST", { { "POST", handle_resume_workflow, true } } },
	{ BASE "/workflows/#/execute", "POST", { { "POST", handle_execute, true } } },
	{ BASE "/workflows/#/executions/*", "GET", { { "GET", handle_execution } } },
	{ BASE "/workflows/#/executions/*/stop", "POST", { { "POST", handle_stop, true } } },
	{ BASE "/workflows/#/executions/*/logs", "GET", { { "GET", handle_logs } } },
	{ BASE "/workflows/#/executions/*/logs/download", "GET", { { "GET", handle_log_download } } },
	{ "/downloads/*", "GET", { { "GET", handle_log_file } } },
	{ "/hooks/*", "POST", { { "POST", handle_webhook, true } } },
	{ BASE "/resources", "GET", { { "GET", handle_resources } } },
	{ BASE "/resources/defaults", "GET", { { "GET", handle_default_resource } } },
	{ "/quota/api/v1/settings/tenant-instance-options", "GET", { { "GET", handle_instance_options } } },
	{ "/tenant-management/api/v1/external/tenants/tenant-metadata", "GET", { { "GET", reply_empty_object } } },
	{ "/resource-usage/api/v1/telemetry", "POST", { { "POST", reply_empty_object } } },
};

/* Reads an id from the first len bytes.  With more digits than ids have it is 0, which no workflow has. */
static bool parse_workflow_id(const char *text, size_t len, int64_t *id)
{
	enum { DIGITS = 18 };
	int64_t value = 0;

	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		value = i < DIGITS ? value * 10 + (text[i] - '0') : 0;
	}
	*id = len > DIGITS ? 0 : value;
	return len > 0;
}

/* A slash at the end of path is ignored. */
static bool route_matches(const char *pattern, const char *path, struct api_request *r)
{
	while (*pattern && *path) {
		size_t len = strcspn(path, "/");
		if (*pattern != '#' && *pattern != '*') {
			if (*pattern++ != *path++)
				return false;
			continue;
		}
		if (len == 0 || (*pattern == '#' && !parse_workflow_id(path, len, &r->id)))
			return false;
		if (*pattern == '*')
			r->path_word = arena_strndup(r->arena, path, len);
		pattern++;
		path += len;
	}
	return !*pattern && (!*path || strcmp(path, "/") == 0);
}

/* Calls the handler in a transaction, which is committed if the handler writes and succeeds. */
static void run_in_transaction(struct api_request *r, const struct verb *verb)
{
	struct err err;

	if (!(verb->writes ? workflow_store_begin : workflow_store_begin_read)(r->api->store, &err)) {
		api_reply_store_error(r, &err);
		return;
	}
	verb->handle(r);
	bool keep = verb->writes && r->response->status < 300;
	if (!workflow_store_end(r->api->store, keep, &err))
		api_reply_store_error(r, &err);
	else if (keep)
		wakeup_send(r->api->wake);
}

static void routes_dispatch(struct api_request *r)
{
	for (size_t i = 0; i < ARRAY_LEN(routes); i++) {
		const struct route *route = &routes[i];
		if (!route_matches(route->path, r->http->path, r))
			continue;
		for (size_t v = 0; v < ARRAY_LEN(route->verbs) && route->verbs[v].method; v++)
			if (strcmp(route->verbs[v].method, r->http->method) == 0) {
				run_in_transaction(r, &route->verbs[v]);
				return;
			}
		r->response->allow = route->allow;
		http_detail(r->response, 405, "this address accepts %s", route->allow);
		return;
	}
	http_detail(r->response, 404, "there is nothing at this address; the interface is at /workflows/api/v1");
}

static void routes_answer(void *ctx, const struct http_request *request, struct http_response *response)
{
	struct service_api *api = ctx;
	struct api_request r = { .api = api, .http = request, .response = response, .arena = api->scratch };

	routes_dispatch(&r);
	arena_reset(api->scratch);
}

static bool routes_check_token(void *ctx, const struct http_request *request, struct http_response *response)
{
	const struct service_api *api = ctx;

	/* These URLs are secrets themselves. */
	if (strncmp(request->path, "/hooks/", 7) == 0 || strncmp(request->path, "/downloads/", 11) == 0)
		return true;
	if (request->authorization && digest_secret_equal(request->authorization, api->token))
		return true;
	http_detail(response, 401,
	            request->authorization ? "the token in Authorization is not the token of this service"
	                                   : "expected a token in the header Authorization");
	return false;
}

enum { ANSWERS_AT_ONCE = 200 };

/* Of one workflow.  A damaged body is left to the requests, which report it. */
static bool store_missing_answer(struct service_api *api, struct arena *a, int64_t id, struct err *err)
{
	struct stored_workflow w;
	struct node *body;

	if (!workflow_store_get(api->store, a, id, &w, err))
		return false;
	if (!w.id || !json_read(a, w.body, strlen(w.body), &body, err))
		return true;
	w.item = workflow_json_item(a, &w);
	w.rest = workflow_json_rest(a, body);
	return workflow_store_put_answer(api->store, &w, err);
}

static bool store_some_answers(struct service_api *api, struct arena *a, const int64_t *ids, size_t count)
{
	struct err err;
	bool ok = workflow_store_begin(api->store, &err);

	if (!ok)
		return false;
	for (size_t i = 0; ok && i < count; i++)
		ok = store_missing_answer(api, a, ids[i], &err);
	return workflow_store_end(api->store, ok, &err) && ok;
}

void routes_store_answers(struct service_api *api)
{
	size_t count = ANSWERS_AT_ONCE;
	int64_t after = 0, *ids;
	struct err err;

	while (count == ANSWERS_AT_ONCE) {
		CLEANUP(arena_free) struct arena a = { 0 };
		if (!workflow_store_list_unmade(api->store, &a, after, ANSWERS_AT_ONCE, &ids, &count, &err) ||
		    (count > 0 && !store_some_answers(api, &a, ids, count)))
			return;
		after = count > 0 ? ids[count - 1] : after;
	}
}

struct http_handler routes_handler(struct service_api *api)
{
	return (struct http_handler){ api, routes_check_token, routes_answer };
}
