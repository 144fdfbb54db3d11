#include "agent/service/api/api_request.h"

#include <string.h>

#include "reconcile/dag/dag_run.h"
#include "reconcile/tree/json.h"

const char service_user[] = "local";

/* ---- answers ---- */

void api_reply(struct api_request *c, int status, const struct node *body)
{
	c->response->status = status;
	json_write(body, JSON_COMPACT, &c->response->body);
}

void api_reply_text(struct api_request *c, const char *json)
{
	c->response->status = 200;
	buf_adds(&c->response->body, json);
}

/* The store failed. */
void api_reply_store_error(struct api_request *c, const struct err *err)
{
	bool busy = workflow_store_was_busy(c->api->store);

	http_detail(c->response, busy ? 503 : 500, "%s", err->msg);
	c->response->retry_after = busy;
}

/* ---- queries ---- */

const char *api_parameter(const struct api_request *c, const char *name)
{
	const struct http_request *r = c->request;

	for (size_t i = r->query_count; i-- > 0; )
		if (strcmp(r->query[i].name, name) == 0)
			return r->query[i].value;
	return NULL;
}

/* Leaves *out alone if the parameter was not sent. */
bool api_number(struct api_request *c, const char *name, int64_t most, int64_t *out)
{
	const char *text = api_parameter(c, name);
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
bool api_words(struct api_request *c, const char *name, const char *const *words, size_t count,
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

/* The words that a run's status can be stand side by side among those of steps. */
bool api_execution_statuses(struct api_request *c, const char *name, unsigned *out)
{
	unsigned bits = 0;

	if (!api_words(c, name, flow_status_words + DAG_RUNNING, DAG_STOPPED - DAG_RUNNING + 1, &bits))
		return false;
	*out = bits << DAG_RUNNING;
	return true;
}

void api_put_page(struct api_request *c, struct node *out, int64_t number, int64_t size, int64_t total)
{
	node_put(c->arena, out, "pageCount", node_int(c->arena, (total + size - 1) / size));
	node_put(c->arena, out, "pageNumber", node_int(c->arena, number));
	node_put(c->arena, out, "pageSize", node_int(c->arena, size));
}

bool api_find_workflow(struct api_request *c, struct stored_workflow *w)
{
	struct err err;

	if (!workflow_store_get(c->api->store, c->arena, c->id, w, &err)) {
		api_reply_store_error(c, &err);
		return false;
	}
	if (w->id == 0)
		http_detail(c->response, 404, "workflow %lld is not found", (long long)c->id);
	return w->id != 0;
}

bool api_body(struct api_request *c, const struct stored_workflow *w, struct node **out)
{
	struct err err;

	if (json_read(c->arena, w->body, strlen(w->body), out, &err))
		return true;
	http_detail(c->response, 500, "workflow %lld is damaged in the database: %s", (long long)w->id,
	            err.msg);
	return false;
}
