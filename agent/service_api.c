#include "agent/service_api.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "agent/machine_types.h"
#include "reconcile/json.h"
#include "reconcile/validate.h"

enum { PAGE_SIZE = 25, PAGE_SIZE_MAX = 1000, PAGE_NUMBER_MAX = 1000000000 };

/* Everyone with the token is the same to us. */
static const char user[] = "local";

/* One request on its way to its answer. */
struct call {
	const struct service_api *api;
	const struct http_request *request;
	struct http_response *response;
	struct arena *arena;
	int64_t id;		/* of the workflow in the path */
};

/* Version 4 (RFC 9562).  Whoever knows the id may pull the webhook one day, so it is made of
 * good randomness. */
void service_uuid(char out[UUID_LEN + 1])
{
	unsigned char b[16];

	if (getrandom(b, sizeof b, 0) != (ssize_t)sizeof b)
		abort();
	b[6] = (unsigned char)((b[6] & 0x0f) | 0x40);
	b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
	snprintf(out, UUID_LEN + 1, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
	         b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12],
	         b[13], b[14], b[15]);
}

/* ---- answers ---- */

static void reply(struct call *c, int status, const struct node *body)
{
	c->response->status = status;
	json_write(body, JSON_COMPACT, &c->response->body);
}

static void reply_text(struct call *c, const char *json)
{
	c->response->status = 200;
	buf_adds(&c->response->body, json);
}

/* The store failed. */
static void broken(struct call *c, const struct err *err)
{
	bool busy = store_was_busy(c->api->store);

	http_detail(c->response, busy ? 503 : 500, "%s", err->msg);
	c->response->retry_after = busy;
}

/* ---- queries ---- */

static const char *param(const struct call *c, const char *name)
{
	const struct http_request *r = c->request;

	for (size_t i = r->query_count; i-- > 0; )
		if (strcmp(r->query[i].name, name) == 0)
			return r->query[i].value;
	return NULL;
}

/* Leaves *out alone if the parameter was not sent. */
static bool number_param(struct call *c, const char *name, int64_t most, int64_t *out)
{
	const char *text = param(c, name);
	int64_t value = 0;

	if (!text)
		return true;
	for (const char *s = text; *s; s++)
		value = *s >= '0' && *s <= '9' && value <= most ? value * 10 + (*s - '0') : most + 1;
	if (value < 1 || value > most) {
		http_detail(c->response, 400, "%s: expected a number from 1 to %lld", name, (long long)most);
		return false;
	}
	*out = value;
	return true;
}

static int word_index(const char *const *words, size_t count, const char *word)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(words[i], word) == 0)
			return (int)i;
	return -1;
}

/* Sets a bit for each word that was sent. */
static bool words_param(struct call *c, const char *name, const char *const *words, size_t count,
                        unsigned *out)
{
	CLEANUP(buf_done) struct buf known = BUF_TEXT;

	for (size_t i = 0; i < c->request->query_count; i++) {
		const struct http_param *p = &c->request->query[i];
		int index = strcmp(p->name, name) == 0 ? word_index(words, count, p->value) : -1;
		if (index >= 0) {
			*out |= 1U << index;
		} else if (strcmp(p->name, name) == 0) {
			for (size_t w = 0; w < count; w++)
				buf_addf(&known, "%s%s", w == 0 ? "" : w + 1 == count ? " or " : ", ", words[w]);
			http_detail(c->response, 400, "%s: expected %s", name, buf_str(&known));
			return false;
		}
	}
	return true;
}

static const char *const execution_words[] = {
	"Success", "Running", "Stopped", "Stopping", "Failed",
};

static bool page_query(struct call *c, struct page_query *q, unsigned *executions)
{
	const char **by = arena_new(c->arena, const char *, c->request->query_count);

	*q = (struct page_query){ .number = 1, .size = PAGE_SIZE, .modified_by = by };
	for (size_t i = 0; i < c->request->query_count; i++)
		if (strcmp(c->request->query[i].name, "lastModifiedBy") == 0)
			by[q->modified_by_count++] = c->request->query[i].value;
	q->search = param(c, "searchTerm");
	if (q->search && !*q->search)
		q->search = NULL;
	return number_param(c, "pageNumber", PAGE_NUMBER_MAX, &q->number) &&
	       number_param(c, "pageSize", PAGE_SIZE_MAX, &q->size) &&
	       words_param(c, "workflowStatus", workflow_status_words, WORKFLOW_STATUS_COUNT,
	                   &q->statuses) &&
	       words_param(c, "lastExecutionStatus", execution_words, ARRAY_LEN(execution_words),
	                   executions);
}

static void put_page(struct call *c, struct node *out, const struct page_query *q, int64_t total)
{
	node_put(c->arena, out, "pageCount", node_int(c->arena, (total + q->size - 1) / q->size));
	node_put(c->arena, out, "pageNumber", node_int(c->arena, q->number));
	node_put(c->arena, out, "pageSize", node_int(c->arena, q->size));
}

/* ---- reading ---- */

static void list(struct call *c)
{
	struct node *out = node_map(c->arena), *items = node_list(c->arena);
	struct workflow_page page = { 0 };
	struct page_query q;
	unsigned executions = 0;
	struct err err;

	if (!page_query(c, &q, &executions))
		return;
	/* Nothing runs here yet, so no workflow has a last execution of whatever status. */
	if (!executions && !store_page(c->api->store, c->arena, &q, &page, &err)) {
		broken(c, &err);
		return;
	}
	for (size_t i = 0; i < page.count; i++)
		node_add(c->arena, items, shape_entry(c->arena, &page.items[i], c->api->now()));
	put_page(c, out, &q, page.total);
	node_put(c->arena, out, "workflowsCount", node_int(c->arena, page.total));
	node_put(c->arena, out, "workflows", items);
	reply(c, 200, out);
}

static bool find(struct call *c, struct stored_workflow *w)
{
	struct err err;

	if (!store_get(c->api->store, c->arena, c->id, w, &err)) {
		broken(c, &err);
		return false;
	}
	if (w->id == 0)
		http_detail(c->response, 404, "workflow %lld is not found", (long long)c->id);
	return w->id != 0;
}

static bool stored_body(struct call *c, const struct stored_workflow *w, struct node **out)
{
	struct err err;

	if (json_read(c->arena, w->body, strlen(w->body), out, &err))
		return true;
	http_detail(c->response, 500, "workflow %lld is damaged in the database: %s", (long long)w->id,
	            err.msg);
	return false;
}

static void describe(struct call *c)
{
	struct stored_workflow w;
	struct node *body;

	if (find(c, &w) && stored_body(c, &w, &body))
		reply(c, 200, shape_workflow(c->arena, &w, body, c->api->now()));
}

/* Some tools read the one spelling of the count, some the other (contract, full text, 4.3). */
static void list_executions(struct call *c)
{
	struct node *out = node_map(c->arena);
	struct page_query q = { .number = 1, .size = PAGE_SIZE };
	struct stored_workflow w;
	unsigned statuses = 0;
	int64_t newest = 0;

	if (!number_param(c, "pageNumber", PAGE_NUMBER_MAX, &q.number) ||
	    !number_param(c, "pageSize", PAGE_SIZE_MAX, &q.size) ||
	    !number_param(c, "count", PAGE_NUMBER_MAX, &newest) ||
	    !words_param(c, "statuses", execution_words, ARRAY_LEN(execution_words), &statuses) ||
	    !find(c, &w))
		return;
	node_put(c->arena, out, "workflowId", node_int(c->arena, c->id));
	node_put(c->arena, out, "executionCount", node_int(c->arena, 0));
	node_put(c->arena, out, "executionsCount", node_int(c->arena, 0));
	put_page(c, out, &q, 0);
	node_put(c->arena, out, "executions", node_list(c->arena));
	reply(c, 200, out);
}

static void find_execution(struct call *c)
{
	struct stored_workflow w;

	if (find(c, &w))
		http_detail(c->response, 404, "workflow %lld has no such execution", (long long)c->id);
}

static void list_resources(struct call *c)
{
	reply(c, 200, machine_types_answer(c->arena));
}

static void default_resource(struct call *c)
{
	reply(c, 200, machine_default_answer(c->arena));
}

static void nothing(struct call *c)
{
	reply_text(c, "{}");
}

/* ---- writing; each of these runs between store_begin() and store_end() ---- */

static bool read_workflow(struct call *c, struct node **out)
{
	CLEANUP(buf_done) struct buf detail = BUF(64 << 10);
	struct faults faults = { .arena = c->arena };
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

static void create(struct call *c)
{
	int64_t now = c->api->now();
	struct stored_workflow w = {
		.status = WORKFLOW_AVAILABLE, .created = now, .updated = now, .modified_by = user,
	};
	struct node *body;
	struct err err;

	if (!read_workflow(c, &body))
		return;
	shape_keep(c->arena, body, NULL, NULL, c->api->uuid, &w);
	if (store_add(c->api->store, &w, &err))
		reply(c, 201, shape_written(c->arena, &w));
	else
		broken(c, &err);
}

/* The status that a change may find, and what is said of the others. */
static bool find_in(struct call *c, unsigned statuses, struct stored_workflow *w)
{
	static const char *const states[] = {
		[WORKFLOW_DRAFT] = "a draft", [WORKFLOW_RUNNING] = "running",
		[WORKFLOW_AVAILABLE] = "not paused", [WORKFLOW_PAUSED] = "paused already",
	};

	if (!find(c, w))
		return false;
	if (statuses & 1U << w->status)
		return true;
	http_detail(c->response, 409, "workflow %lld is %s", (long long)w->id, states[w->status]);
	return false;
}

enum { IDLE = 1 << WORKFLOW_DRAFT | 1 << WORKFLOW_AVAILABLE | 1 << WORKFLOW_PAUSED };

/* Who keeps the stamp of what he read must see that it changed, also within a millisecond and
 * with a clock that was set back. */
static int64_t stamp_after(const struct call *c, int64_t before)
{
	int64_t now = c->api->now();

	return now > before ? now : before + 1;
}

static void update(struct call *c)
{
	struct stored_workflow before, w;
	struct node *body, *before_body;
	struct err err;

	if (!read_workflow(c, &body) || !find_in(c, IDLE, &before) ||
	    !stored_body(c, &before, &before_body))
		return;
	w = before;
	w.updated = stamp_after(c, before.updated);
	w.modified_by = user;
	shape_keep(c->arena, body, &before, before_body, c->api->uuid, &w);
	if (store_put(c->api->store, &w, &err))
		reply(c, 200, shape_written(c->arena, &w));
	else
		broken(c, &err);
}

static void drop(struct call *c)
{
	struct stored_workflow w;
	struct err err;

	if (!find_in(c, IDLE, &w))
		return;
	if (store_drop(c->api->store, w.id, &err))
		nothing(c);
	else
		broken(c, &err);
}

static void change_status(struct call *c, enum workflow_status from, enum workflow_status to)
{
	struct stored_workflow w;
	struct err err;

	if (!find_in(c, 1U << from, &w))
		return;
	if (store_put_status(c->api->store, w.id, to, stamp_after(c, w.updated), &err))
		nothing(c);
	else
		broken(c, &err);
}

static void pause_workflow(struct call *c)
{
	change_status(c, WORKFLOW_AVAILABLE, WORKFLOW_PAUSED);
}

static void resume_workflow(struct call *c)
{
	change_status(c, WORKFLOW_PAUSED, WORKFLOW_AVAILABLE);
}

static void execute(struct call *c)
{
	struct stored_workflow w;

	if (find(c, &w))
		http_detail(c->response, 501, "the local service of this version keeps workflows but does not "
		            "run them");
}

/* ---- the way from a request to its function ---- */

struct verb {
	const char *method;
	void (*run)(struct call *c);
	bool writes;
};

#define BASE "/workflows/api/v1"

/* "#" stands for a workflow's id, "*" for any word.  "executions" is no id: it is not made of
 * digits. */
static const struct route {
	const char *path, *allow;
	struct verb verbs[3];
} routes[] = {
	{ BASE "/workflows", "GET, POST", { { "GET", list }, { "POST", create, true } } },
	{ BASE "/workflows/executions/#", "GET", { { "GET", list_executions } } },
	{ BASE "/workflows/#", "GET, PUT, DELETE",
	  { { "GET", describe }, { "PUT", update, true }, { "DELETE", drop, true } } },
	{ BASE "/workflows/#/pause", "POST", { { "POST", pause_workflow, true } } },
	{ BASE "/workflows/#/resume", "POST", { { "POST", resume_workflow, true } } },
	{ BASE "/workflows/#/execute", "POST", { { "POST", execute } } },
	{ BASE "/workflows/#/executions/*", "GET", { { "GET", find_execution } } },
	{ BASE "/workflows/#/executions/*/logs", "GET", { { "GET", find_execution } } },
	{ BASE "/workflows/#/executions/*/logs/download", "GET", { { "GET", find_execution } } },
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
static bool matches(const char *pattern, const char *path, int64_t *id)
{
	while (*pattern && *path) {
		size_t len = strcspn(path, "/");
		if (*pattern != '#' && *pattern != '*') {
			if (*pattern++ != *path++)
				return false;
			continue;
		}
		if (len == 0 || (*pattern == '#' && !read_id(path, len, id)))
			return false;
		pattern++;
		path += len;
	}
	return !*pattern && (!*path || strcmp(path, "/") == 0);
}

static void run(struct call *c, const struct verb *verb)
{
	struct err err;

	if (!verb->writes) {
		verb->run(c);
		return;
	}
	if (!store_begin(c->api->store, &err)) {
		broken(c, &err);
		return;
	}
	verb->run(c);
	if (!store_end(c->api->store, c->response->status < 300, &err))
		broken(c, &err);
}

static void dispatch(struct call *c)
{
	for (size_t i = 0; i < ARRAY_LEN(routes); i++) {
		const struct route *route = &routes[i];
		if (!matches(route->path, c->request->path, &c->id))
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
	struct call c = { .api = ctx, .request = request, .response = response, .arena = &arena };

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

	if (request->authorization && same(request->authorization, api->token))
		return true;
	http_detail(response, 401,
	            request->authorization ? "the token in Authorization is not this service's"
	                                   : "a token in Authorization is wanted");
	return false;
}

struct http_handler service_api_handler(struct service_api *api)
{
	return (struct http_handler){ api, admit, answer };
}
