#include "agent/service/api/workflow_json.h"

#include <string.h>

#include "agent/service/engine/cron_time.h"
#include "agent/service/steps/instance_types.h"
#include "agent/util/clock.h"
#include "agent/util/timezone.h"
#include "reconcile/tree/json.h"

const char *const workflow_status_words[WORKFLOW_STATUS_COUNT] = {
	[WORKFLOW_DRAFT] = "Draft", [WORKFLOW_RUNNING] = "Running",
	[WORKFLOW_AVAILABLE] = "Available", [WORKFLOW_PAUSED] = "Paused",
};

/* ---- what is stored ---- */

static const char *next_webhook_id(const struct stored_workflow *before, size_t *from)
{
	while (before && *from < before->trigger_count) {
		const char *id = before->triggers[(*from)++].webhook;
		if (id)
			return id;
	}
	return NULL;
}

static const char *choose_webhook_id(struct arena *a, const struct node *trigger, const char *old,
                                     void (*uuid)(char out[UUID_LEN + 1]))
{
	const char *policy = node_get_text(trigger, "webhookPolicy");
	char fresh[UUID_LEN + 1];

	if (old && policy && strcmp(policy, "preserve") == 0)
		return old;
	uuid(fresh);
	return arena_strdup(a, fresh);
}

/* "[], absent, [{}], [{"cron": null}] all mean manual" (contract, trap 19). */
static void parse_triggers(struct arena *a, const struct node *list,
                           const struct stored_workflow *before,
                           void (*uuid)(char out[UUID_LEN + 1]), struct stored_workflow *out)
{
	size_t count = list ? list->count : 0, from = 0;
	struct stored_trigger *items = arena_new(a, struct stored_trigger, count);

	out->trigger_count = 0;
	for (size_t i = 0; i < count; i++) {
		struct node *trigger = list->entries[i].value;
		const struct node *webhook = node_get(trigger, "webhook");
		const char *cron = node_get_text(trigger, "cron");
		if (cron) {
			items[out->trigger_count++].cron = cron;
		} else if (webhook && webhook->kind == NODE_BOOL) {
			const char *old = next_webhook_id(before, &from);
			items[out->trigger_count++].webhook = choose_webhook_id(a, trigger, old, uuid);
		}
		if (trigger->kind == NODE_MAP)
			node_drop(trigger, "webhookPolicy");
	}
	out->triggers = items;
}

static void parse_tags(struct arena *a, const struct node *list, struct stored_workflow *out)
{
	size_t count = list ? list->count : 0;
	const char **items = arena_new(a, const char *, count);

	out->tag_count = 0;
	for (size_t i = 0; i < count; i++) {
		const char *name = node_get_text(list->entries[i].value, "name");
		if (name)
			items[out->tag_count++] = name;
	}
	out->tags = items;
}

static void keep_repository_token(struct arena *a, struct node *repository, const struct node *before)
{
	const char *token = node_get_text(before, "token");
	const char *url = node_get_text(repository, "url"), *url_before = node_get_text(before, "url");
	const struct node *given = node_get(repository, "token");

	if (token && url && url_before && strcmp(url, url_before) == 0 &&
	    (!given || given->kind == NODE_NULL))
		node_put(a, repository, "token", node_text(a, token));
}

/* The step called name.  Both bodies mostly have their steps in the same order, so the search continues where the last
 * one ended: a workflow with thousands of steps does not take a quadratic time. */
static const struct node *find_step_before(const struct node *steps, const char *name, size_t *from)
{
	size_t count = steps ? steps->count : 0;

	for (size_t i = 0; i < count; i++) {
		const struct entry *e = &steps->entries[(*from + i) % count];
		if (strcmp(e->key, name) == 0) {
			*from += i + 1;
			return e->value;
		}
	}
	return NULL;
}

void workflow_json_parse(struct arena *a, struct node *body, const struct stored_workflow *before,
                         const struct node *before_body, void (*uuid)(char out[UUID_LEN + 1]),
                         struct stored_workflow *out)
{
	CLEANUP(buf_done) struct buf text = BUF_TEXT;
	const struct node *steps = node_get(body, "steps"), *steps_before = node_get(before_body, "steps");
	size_t from = 0;

	for (size_t i = 0; steps && i < steps->count; i++) {
		const struct entry *step = &steps->entries[i];
		const struct node *was = find_step_before(steps_before, step->key, &from);
		struct node *repository = node_get(step->value, "repository");
		if (repository && was)
			keep_repository_token(a, repository, node_get(was, "repository"));
	}
	out->name = node_get_text(body, "name");
	parse_triggers(a, node_get(body, "triggers"), before, uuid, out);
	parse_tags(a, node_get(body, "tags"), out);
	json_write(body, JSON_COMPACT, &text);
	out->body = arena_strdup(a, buf_str(&text));
}

/* ---- the next times of its crons ---- */

static int64_t due_of_same_cron(const struct stored_workflow *before, const char *cron)
{
	for (size_t i = 0; before && i < before->trigger_count; i++)
		if (before->triggers[i].cron && strcmp(before->triggers[i].cron, cron) == 0)
			return before->triggers[i].due;
	return -1;
}

void workflow_json_set_due(struct stored_workflow *w, const struct stored_workflow *before, int64_t now)
{
	for (size_t i = 0; i < w->trigger_count; i++) {
		struct stored_trigger *t = &w->triggers[i];
		t->due = -1;
		if (!t->cron || w->status != WORKFLOW_AVAILABLE)
			continue;
		t->due = due_of_same_cron(before, t->cron);
		if (t->due < 0)
			t->due = now < 0 ? DUE_UNKNOWN : cron_time_next(t->cron, now);
	}
}

/* ---- answers ---- */

static struct node *triggers_json(struct arena *a, const struct stored_workflow *w, int64_t now)
{
	struct node *list = node_list(a);

	for (size_t i = 0; i < w->trigger_count; i++) {
		const struct stored_trigger *t = &w->triggers[i];
		struct node *trigger = node_add(a, list, node_map(a));
		int64_t next = t->cron ? cron_time_next(t->cron, now) : -1;
		if (!t->cron) {
			node_put(a, trigger, "webhook", node_text(a, t->webhook));
			continue;
		}
		node_put(a, trigger, "cron", node_text(a, t->cron));
		if (next >= 0)
			node_put(a, trigger, "scheduled", node_text(a, timestamp_text(a, next)));
	}
	return list;
}

static struct node *tags_json(struct arena *a, const struct stored_workflow *w)
{
	struct node *list = node_list(a);

	for (size_t i = 0; i < w->tag_count; i++)
		node_put(a, node_add(a, list, node_map(a)), "name", node_text(a, w->tags[i]));
	return list;
}

struct node *workflow_json_entry(struct arena *a, const struct stored_workflow *w, struct node *last,
                                 int64_t now)
{
	struct node *out = node_map(a);

	node_put(a, out, "id", node_int(a, w->id));
	node_put(a, out, "name", node_text(a, w->name));
	node_put(a, out, "status", node_text(a, workflow_status_words[w->status]));
	node_put(a, out, "createdAt", node_text(a, timestamp_text(a, w->created)));
	node_put(a, out, "updatedAt", node_text(a, timestamp_text(a, w->updated)));
	if (last)
		node_put(a, out, "lastExecution", last);
	node_put(a, out, "triggers", triggers_json(a, w, now));
	node_put(a, out, "tags", tags_json(a, w));
	return out;
}

/* Removes the keys whose value is null: null means that the key is not set. */
static void drop_null_values(struct node *n)
{
	size_t kept = 0;

	for (size_t i = 0; i < n->count; i++) {
		struct entry *e = &n->entries[i];
		if (n->kind == NODE_MAP && e->value->kind == NODE_NULL)
			continue;
		drop_null_values(e->value);
		n->entries[kept++] = *e;
	}
	n->count = kept;
}

static void put_if_missing(struct arena *a, struct node *map, const char *key, struct node *value)
{
	if (!node_get(map, key))
		node_put(a, map, key, value);
}

/* {"a": 1} is answered as [{"a": "1"}]. */
static void env_as_list(struct arena *a, struct node *parameters)
{
	const struct node *env = node_get(parameters, "env");
	struct node *list = node_list(a);

	if (!env || env->kind != NODE_MAP)
		return;
	for (size_t i = 0; i < env->count; i++) {
		const char *text = node_scalar_text(a, env->entries[i].value);
		struct node *entry = node_add(a, list, node_map(a));
		node_put(a, entry, env->entries[i].key, node_text(a, text ? text : ""));
	}
	node_put(a, parameters, "env", list);
}

/* This service does not know the names of images: it makes up names that stay the same. */
static void fill_image_names(struct arena *a, struct node *step)
{
	int64_t image = node_get_int(step, "imageId", 0);
	int64_t version = node_get_int(step, "imageVersionId", 0);
	const char *label = version ? arena_printf(a, "version-%lld", (long long)version) : "latest";

	put_if_missing(a, step, "imageName", node_text(a, arena_printf(a, "image-%lld", (long long)image)));
	put_if_missing(a, step, "imageVersion", node_text(a, label));
}

static void fill_standard_step(struct arena *a, struct node *step)
{
	fill_image_names(a, step);
	put_if_missing(a, step, "clearImageCache", node_bool(a, false));
	put_if_missing(a, step, "stepTimeout", node_int(a, 0));
	put_if_missing(a, step, "resources", node_map(a));
	put_if_missing(a, node_get(step, "resources"), "instanceTypeId", node_int(a, MACHINE_TYPE_DEFAULT));
	put_if_missing(a, node_get(step, "resources"), "storage", node_text(a, MACHINE_STORAGE_DEFAULT));
}

static void fill_step_defaults(struct arena *a, struct node *step)
{
	static const char *const optional[] = {
		"runConfiguration", "executionParameters", "outputParameters",
	};
	struct node *repository = node_get(step, "repository");

	put_if_missing(a, step, "type", node_text(a, "standard"));
	if (strcmp(node_get_text(step, "type"), "standard") == 0)
		fill_standard_step(a, step);
	put_if_missing(a, step, "parents", node_list(a));
	if (repository)
		node_put(a, repository, "token", node_text(a, ""));
	if (node_get(step, "parameters"))
		env_as_list(a, node_get(step, "parameters"));
	for (size_t i = 0; i < ARRAY_LEN(optional); i++)
		put_if_missing(a, step, optional[i], node_null(a));
}

struct node *workflow_json_describe(struct arena *a, const struct stored_workflow *w, struct node *body,
                                    struct node *last, int64_t now)
{
	struct node *out = workflow_json_entry(a, w, last, now), *steps;

	drop_null_values(body);
	/* Null means "not set".  A missing key could also mean that this answer does not have it. */
	put_if_missing(a, body, "retryOptions", node_null(a));
	put_if_missing(a, body, "metadata", node_null(a));
	put_if_missing(a, body, "watchers", node_list(a));
	put_if_missing(a, body, "steps", node_map(a));
	steps = node_get(body, "steps");
	for (size_t i = 0; i < steps->count; i++)
		fill_step_defaults(a, steps->entries[i].value);
	node_put(a, out, "watchers", node_get(body, "watchers"));
	node_put(a, out, "retryOptions", node_get(body, "retryOptions"));
	node_put(a, out, "metadata", node_get(body, "metadata"));
	node_put(a, out, "steps", steps);
	return out;
}

struct node *workflow_json_changed(struct arena *a, const struct stored_workflow *w)
{
	struct node *out = node_map(a), *list = node_list(a);

	node_put(a, out, "id", node_int(a, w->id));
	for (size_t i = 0; i < w->trigger_count; i++)
		if (w->triggers[i].webhook)
			node_put(a, node_add(a, list, node_map(a)), "webhook",
			         node_text(a, w->triggers[i].webhook));
	if (list->count)
		node_put(a, out, "triggers", list);
	return out;
}
