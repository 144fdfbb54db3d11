#include "agent/service/api/routes.h"

#include <string.h>

#include "agent/service/steps/instance_types.h"
#include "agent/service/api/execution_json.h"
#include "agent/service/api/api_request.h"
#include "agent/service/api/execution_handlers.h"
#include "agent/service/engine/wakeup.h"
#include "reconcile/tree/json.h"
#include "reconcile/schema/validate.h"

static bool page_query(struct api_request *c, struct page_query *q)
{
	const char **by = arena_new(c->arena, const char *, c->request->query_count);

	*q = (struct page_query){ .number = 1, .size = PAGE_SIZE, .modified_by = by };
	for (size_t i = 0; i < c->request->query_count; i++)
		if (strcmp(c->request->query[i].name, "lastModifiedBy") == 0)
			by[q->modified_by_count++] = c->request->query[i].value;
	q->search = api_parameter(c, "searchTerm");
	if (q->search && !*q->search)
		q->search = NULL;
	return api_number(c, "pageNumber", PAGE_NUMBER_MAX, &q->number) &&
	       api_number(c, "pageSize", PAGE_SIZE_MAX, &q->size) &&
	       api_words(c, "workflowStatus", workflow_status_words, WORKFLOW_STATUS_COUNT,
	                  &q->statuses) &&
	       api_execution_statuses(c, "lastExecutionStatus", &q->last_runs);
}

/* ---- reading ---- */

static bool last_execution(struct api_request *c, int64_t workflow, struct node **out)
{
	struct stored_rerun *reruns = NULL;
	struct stored_execution run;
	size_t count = 0;
	struct err err;

	if (!execution_store_find_last(c->api->store, c->arena, workflow, &run, &err) ||
	    (run.id && !execution_store_reruns(c->api->store, c->arena, run.id, &reruns, &count, &err))) {
		api_reply_store_error(c, &err);
		return false;
	}
	*out = execution_json_last(c->arena, &run, reruns, count);
	return true;
}

static void list(struct api_request *c)
{
	struct node *out = node_map(c->arena), *items = node_list(c->arena);
	struct workflow_page page = { 0 };
	struct page_query q;
	struct node *last;
	struct err err;

	if (!page_query(c, &q))
		return;
	if (!workflow_store_page(c->api->store, c->arena, &q, &page, &err)) {
		api_reply_store_error(c, &err);
		return;
	}
	for (size_t i = 0; i < page.count; i++) {
		if (!last_execution(c, page.items[i].id, &last))
			return;
		node_add(c->arena, items, workflow_json_entry(c->arena, &page.items[i], last, c->api->now()));
	}
	api_put_page(c, out, q.number, q.size, page.total);
	node_put(c->arena, out, "workflowsCount", node_int(c->arena, page.total));
	node_put(c->arena, out, "workflows", items);
	api_reply(c, 200, out);
}

static void describe(struct api_request *c)
{
	struct stored_workflow w;
	struct node *body, *last;

	if (api_find_workflow(c, &w) && api_body(c, &w, &body) && last_execution(c, w.id, &last))
		api_reply(c, 200, workflow_json_describe(c->arena, &w, body, last, c->api->now()));
}

static void list_resources(struct api_request *c)
{
	api_reply(c, 200, instance_types_reply(c->arena));
}

static void default_resource(struct api_request *c)
{
	api_reply(c, 200, instance_types_default_reply(c->arena));
}

static void nothing(struct api_request *c)
{
	api_reply_text(c, "{}");
}

/* ---- writing; each of these runs between workflow_store_begin() and workflow_store_end() ---- */

static bool read_workflow(struct api_request *c, struct node **out)
{
	CLEANUP(buf_done) struct buf detail = BUF(64 << 10);
	struct diagnostics faults = { .arena = c->arena };
	struct node *body;
	struct err err;

	if (!json_read(c->arena, c->request->body, c->request->len, &body, &err)) {
		http_detail(c->response, 400, "body: %s", err.msg);
		return false;
	}
	if (body->kind != NODE_MAP) {
		http_detail(c->response, 400, "body: expected a JSON object, found %s",
		            node_kind_words(body->kind));
		return false;
	}
	if (validate_workflow(body, VALIDATE_REQUEST, &faults)) {
		*out = body;
		return true;
	}
	for (size_t i = 0; i < faults.count; i++)
		if (!faults.items[i].warning)
			buf_addf(&detail, "%s%s", detail.len ? "; " : "", faults.items[i].message);
	http_detail(c->response, 422, "%s", buf_str(&detail));
	return false;
}

static void create(struct api_request *c)
{
	int64_t now = c->api->now();
	struct stored_workflow w = {
		.status = WORKFLOW_AVAILABLE, .created = now, .updated = now, .modified_by = service_user,
	};
	struct node *body;
	struct err err;

	if (!read_workflow(c, &body))
		return;
	workflow_json_parse(c->arena, body, NULL, NULL, c->api->uuid, &w);
	workflow_json_set_due(&w, NULL, c->api->reckons ? now : -1);
	if (workflow_store_add(c->api->store, &w, &err))
		api_reply(c, 201, workflow_json_written(c->arena, &w));
	else
		api_reply_store_error(c, &err);
}

/* The status that a change may find, and what is said of the others. */
static bool find_in(struct api_request *c, unsigned statuses, struct stored_workflow *w)
{
	static const char *const states[] = {
		[WORKFLOW_DRAFT] = "a draft", [WORKFLOW_RUNNING] = "running",
		[WORKFLOW_AVAILABLE] = "not paused", [WORKFLOW_PAUSED] = "paused already",
	};

	if (!api_find_workflow(c, w))
		return false;
	if (statuses & 1U << w->status)
		return true;
	http_detail(c->response, 409, "workflow %lld is %s", (long long)w->id, states[w->status]);
	return false;
}

enum { IDLE = 1 << WORKFLOW_DRAFT | 1 << WORKFLOW_AVAILABLE | 1 << WORKFLOW_PAUSED };

/* Who keeps the stamp of what he read must see that it changed, also within a millisecond and
 * with a clock that was set back. */
static int64_t stamp_after(const struct api_request *c, int64_t before)
{
	int64_t now = c->api->now();

	return now > before ? now : before + 1;
}

static void update(struct api_request *c)
{
	struct stored_workflow before, w;
	struct node *body, *before_body;
	struct err err;

	if (!read_workflow(c, &body) || !find_in(c, IDLE, &before) ||
	    !api_body(c, &before, &before_body))
		return;
	w = before;
	w.updated = stamp_after(c, before.updated);
	w.modified_by = service_user;
	workflow_json_parse(c->arena, body, &before, before_body, c->api->uuid, &w);
	workflow_json_set_due(&w, &before, c->api->reckons ? w.updated : -1);
	if (workflow_store_put(c->api->store, &w, &err))
		api_reply(c, 200, workflow_json_written(c->arena, &w));
	else
		api_reply_store_error(c, &err);
}

static void drop(struct api_request *c)
{
	struct stored_workflow w;
	struct err err;

	if (!find_in(c, IDLE, &w))
		return;
	if (workflow_store_drop(c->api->store, w.id, &err))
		nothing(c);
	else
		api_reply_store_error(c, &err);
}

static bool change_status(struct api_request *c, enum workflow_status from, enum workflow_status to,
                          struct stored_workflow *w)
{
	struct err err;

	if (!find_in(c, 1U << from, w))
		return false;
	w->status = to;
	w->updated = stamp_after(c, w->updated);
	if (workflow_store_put_status(c->api->store, w->id, to, w->updated, &err))
		return true;
	api_reply_store_error(c, &err);
	return false;
}

static void pause_workflow(struct api_request *c)
{
	struct stored_workflow w;
	struct err err;

	if (!change_status(c, WORKFLOW_AVAILABLE, WORKFLOW_PAUSED, &w))
		return;
	if (workflow_store_clear_dues(c->api->store, w.id, &err))
		nothing(c);
	else
		api_reply_store_error(c, &err);
}

/* What was due meanwhile is not made up for: somebody wanted it not to run. */
static void resume_workflow(struct api_request *c)
{
	struct stored_workflow w;
	struct err err;

	if (!change_status(c, WORKFLOW_PAUSED, WORKFLOW_AVAILABLE, &w))
		return;
	workflow_json_set_due(&w, NULL, c->api->reckons ? w.updated : -1);
	for (size_t i = 0; i < w.trigger_count; i++)
		if (!workflow_store_put_due(c->api->store, w.id, i, w.triggers[i].due, &err)) {
			api_reply_store_error(c, &err);
			return;
		}
	nothing(c);
}

/* ---- the way from a request to its function ---- */

struct verb {
	const char *method;
	void (*run)(struct api_request *c);
	bool writes;
};

#define BASE "/workflows/api/v1"

/* "#" stands for a workflow's id, "*" for any word, which is kept.  "executions" is no id: it is not
 * made of digits. */
static const struct route {
	const char *path, *allow;
	struct verb verbs[3];
} routes[] = {
	{ BASE "/workflows", "GET, POST", { { "GET", list }, { "POST", create, true } } },
	{ BASE "/workflows/executions/#", "GET", { { "GET", handle_executions } } },
	{ BASE "/workflows/#", "GET, PUT, DELETE",
	  { { "GET", describe }, { "PUT", update, true }, { "DELETE", drop, true } } },
	{ BASE "/workflows/#/pause", "POST", { { "POST", pause_workflow, true } } },
	{ BASE "/workflows/#/resume", "POST", { { "POST", resume_workflow, true } } },
	{ BASE "/workflows/#/execute", "POST", { { "POST", handle_execute, true } } },
	{ BASE "/workflows/#/executions/*", "GET", { { "GET", handle_execution } } },
	{ BASE "/workflows/#/executions/*/stop", "POST", { { "POST", handle_stop, true } } },
	{ BASE "/workflows/#/executions/*/logs", "GET", { { "GET", handle_logs } } },
	{ BASE "/workflows/#/executions/*/logs/download", "GET", { { "GET", handle_log_download } } },
	{ "/downloads/*", "GET", { { "GET", handle_log_file } } },
	{ "/hooks/*", "POST", { { "POST", handle_webhook, true } } },
	{ BASE "/resources", "GET", { { "GET", list_resources } } },
	{ BASE "/resources/defaults", "GET", { { "GET", default_resource } } },
	{ "/tenant-management/api/v1/external/tenants/tenant-metadata", "GET", { { "GET", nothing } } },
	{ "/resource-usage/api/v1/telemetry", "POST", { { "POST", nothing } } },
};

/* The workflow's id that stands in the first len bytes; 0, which no workflow has, for one of
 * more digits than ids have. */
static bool read_id(const char *text, size_t len, int64_t *id)
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

/* A slash at the end makes no difference. */
static bool matches(const char *pattern, const char *path, struct api_request *c)
{
	while (*pattern && *path) {
		size_t len = strcspn(path, "/");
		if (*pattern != '#' && *pattern != '*') {
			if (*pattern++ != *path++)
				return false;
			continue;
		}
		if (len == 0 || (*pattern == '#' && !read_id(path, len, &c->id)))
			return false;
		if (*pattern == '*')
			c->word = arena_strndup(c->arena, path, len);
		pattern++;
		path += len;
	}
	return !*pattern && (!*path || strcmp(path, "/") == 0);
}

static void run(struct api_request *c, const struct verb *verb)
{
	struct err err;

	if (!(verb->writes ? workflow_store_begin : workflow_store_begin_read)(c->api->store, &err)) {
		api_reply_store_error(c, &err);
		return;
	}
	verb->run(c);
	bool keep = verb->writes && c->response->status < 300;
	if (!workflow_store_end(c->api->store, keep, &err))
		api_reply_store_error(c, &err);
	else if (keep)
		wakeup_send(c->api->wake);
}

static void dispatch(struct api_request *c)
{
	for (size_t i = 0; i < ARRAY_LEN(routes); i++) {
		const struct route *route = &routes[i];
		if (!matches(route->path, c->request->path, c))
			continue;
		for (size_t v = 0; v < ARRAY_LEN(route->verbs) && route->verbs[v].method; v++)
			if (strcmp(route->verbs[v].method, c->request->method) == 0) {
				run(c, &route->verbs[v]);
				return;
			}
		c->response->allow = route->allow;
		http_detail(c->response, 405, "this address takes %s", route->allow);
		return;
	}
	http_detail(c->response, 404, "there is nothing at this address");
}

static void answer(void *ctx, const struct http_request *request, struct http_response *response)
{
	CLEANUP(arena_free) struct arena arena = { 0 };
	struct api_request c = { .api = ctx, .request = request, .response = response, .arena = &arena };

	dispatch(&c);
}

/* Takes the same time whatever the difference is, so that a token cannot be guessed piece by
 * piece. */
static bool same(const char *given, const char *token)
{
	size_t len = strlen(given);
	unsigned char different = len != strlen(token);

	for (size_t i = 0; token[i]; i++)
		different |= (unsigned char)(token[i] ^ given[len ? i % len : 0]);
	return !different;
}

static bool admit(void *ctx, const struct http_request *request, struct http_response *response)
{
	const struct service_api *api = ctx;

	/* The address is the secret there. */
	if (strncmp(request->path, "/hooks/", 7) == 0 || strncmp(request->path, "/downloads/", 11) == 0)
		return true;
	if (request->authorization && same(request->authorization, api->token))
		return true;
	http_detail(response, 401,
	            request->authorization ? "the token in Authorization is not this service's"
	                                   : "a token in Authorization is wanted");
	return false;
}

struct http_handler routes_handler(struct service_api *api)
{
	return (struct http_handler){ api, admit, answer };
}
