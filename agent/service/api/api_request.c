#include "agent/service/api/api_request.h"

#include <string.h>

#include "reconcile/dag/dag_run.h"
#include "reconcile/tree/json.h"

const char api_user[] = "local";

/* ---- answers ---- */

void api_reply(struct api_request *r, int status, const struct node *body)
{
	r->response->status = status;
	json_write(body, JSON_COMPACT, &r->response->body);
}

void api_reply_text(struct api_request *r, const char *json)
{
	r->response->status = 200;
	buf_adds(&r->response->body, json);
}

void api_reply_store_error(struct api_request *r, const struct err *err)
{
	bool busy = workflow_store_was_busy(r->api->store);

	http_detail(r->response, busy ? 503 : 500, "%s", err->msg);
	r->response->retry_after = busy;
}

void api_reply_faults(struct api_request *r, const struct diagnostics *faults)
{
	CLEANUP(buf_done) struct buf detail = BUF(64 << 10);

	for (size_t i = 0; i < faults->count; i++)
		if (!faults->items[i].warning)
			buf_addf(&detail, "%s%s", detail.len ? "; " : "", faults->items[i].message);
	http_detail(r->response, 400, "%s", buf_str(&detail));
}

bool api_read_body(struct api_request *r, struct node **out)
{
	struct err err;

	if (json_read(r->arena, r->http->body, r->http->len, out, &err))
		return true;
	http_detail(r->response, 400, "body: %s", err.msg);
	return false;
}

/* ---- queries ---- */

const char *api_parameter(const struct api_request *r, const char *name)
{
	const struct http_request *http = r->http;

	for (size_t i = http->query_count; i-- > 0; )
		if (strcmp(http->query[i].name, name) == 0)
			return http->query[i].value;
	return NULL;
}

bool api_number(struct api_request *r, const char *name, int64_t max, int64_t *out)
{
	const char *text = api_parameter(r, name);
	int64_t value = 0;

	if (!text)
		return true;
	for (const char *s = text; *s; s++)
		value = *s >= '0' && *s <= '9' && value <= max ? value * 10 + (*s - '0') : max + 1;
	if (value < 1 || value > max) {
		http_detail(r->response, 400, "%s: expected a number from 1 to %lld", name, (long long)max);
		return false;
	}
	*out = value;
	return true;
}

static int index_of_word(const char *const *words, size_t count, const char *word)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(words[i], word) == 0)
			return (int)i;
	return -1;
}

bool api_words(struct api_request *r, const char *name, const char *const *words, size_t count,
               unsigned *out)
{
	CLEANUP(buf_done) struct buf known = BUF_TEXT;

	for (size_t i = 0; i < r->http->query_count; i++) {
		const struct http_param *p = &r->http->query[i];
		int index = strcmp(p->name, name) == 0 ? index_of_word(words, count, p->value) : -1;
		if (index >= 0) {
			*out |= 1U << index;
		} else if (strcmp(p->name, name) == 0) {
			for (size_t w = 0; w < count; w++)
				buf_addf(&known, "%s%s", w == 0 ? "" : w + 1 == count ? " or " : ", ", words[w]);
			http_detail(r->response, 400, "%s: expected %s", name, buf_str(&known));
			return false;
		}
	}
	return true;
}

/* The statuses of executions are neighbours in the list of the statuses of steps. */
bool api_execution_statuses(struct api_request *r, const char *name, unsigned *out)
{
	unsigned bits = 0;

	if (!api_words(r, name, dag_status_words + DAG_RUNNING, DAG_STOPPED - DAG_RUNNING + 1, &bits))
		return false;
	*out = bits << DAG_RUNNING;
	return true;
}

void api_put_page(struct api_request *r, struct node *out, int64_t number, int64_t size, int64_t total)
{
	node_put(r->arena, out, "pageCount", node_int(r->arena, (total + size - 1) / size));
	node_put(r->arena, out, "pageNumber", node_int(r->arena, number));
	node_put(r->arena, out, "pageSize", node_int(r->arena, size));
}

bool api_find_workflow(struct api_request *r, struct stored_workflow *w)
{
	struct err err;

	if (!workflow_store_get(r->api->store, r->arena, r->id, w, &err)) {
		api_reply_store_error(r, &err);
		return false;
	}
	if (w->id == 0)
		http_detail(r->response, 404, "workflow %lld is not found", (long long)r->id);
	return w->id != 0;
}

bool api_body(struct api_request *r, const struct stored_workflow *w, struct node **out)
{
	struct err err;

	if (json_read(r->arena, w->body, strlen(w->body), out, &err))
		return true;
	http_detail(r->response, 500, "workflow %lld is damaged in the database: %s", (long long)w->id,
	            err.msg);
	return false;
}
