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

/* In the text of an item, where something is to be filled in; JSON has no such bytes. */
enum {
	MARK_STATUS = 1,
	MARK_LAST,		/* lastExecution, with the comma before it */
	MARK_CRON,		/* on both sides of a cron, whose next time comes after it */
};

static void write_text_item(struct arena *a, struct buf *out, const char *text)
{
	json_write(node_text(a, text), JSON_COMPACT, out);
}

static void write_triggers_item(struct arena *a, const struct stored_workflow *w, struct buf *out)
{
	for (size_t i = 0; i < w->trigger_count; i++) {
		const struct stored_trigger *t = &w->triggers[i];
		buf_adds(out, i ? ",{" : "{");
		if (t->cron) {
			buf_addf(out, "\"cron\":%c", MARK_CRON);
			write_text_item(a, out, t->cron);
			buf_addc(out, MARK_CRON);
		} else {
			buf_adds(out, "\"webhook\":");
			write_text_item(a, out, t->webhook);
		}
		buf_addc(out, '}');
	}
}

const char *workflow_json_item(struct arena *a, const struct stored_workflow *w)
{
	CLEANUP(buf_done) struct buf out = BUF_TEXT;

	buf_adds(&out, ",\"name\":");
	write_text_item(a, &out, w->name);
	buf_addf(&out, ",\"status\":\"%c\",\"createdAt\":\"%s\",\"updatedAt\":\"%s\"%c,\"triggers\":[", MARK_STATUS,
	         timestamp_text(a, w->created), timestamp_text(a, w->updated), MARK_LAST);
	write_triggers_item(a, w, &out);
	buf_adds(&out, "],\"tags\":[");
	for (size_t i = 0; i < w->tag_count; i++) {
		buf_adds(&out, i ? ",{\"name\":" : "{\"name\":");
		write_text_item(a, &out, w->tags[i]);
		buf_addc(&out, '}');
	}
	buf_addc(&out, ']');
	return arena_strdup(a, buf_str(&out));
}

/* The next time of the cron that stands as JSON in the len bytes at literal; "" for never. */
static const char *next_time_text(struct arena *a, struct cron_times *times, const char *literal, size_t len,
                                  int64_t now)
{
	struct node *cron;
	struct err err;

	if (!memchr(literal, '\\', len))
		return cron_times_next(times, literal + 1, len - 2, now);
	if (!json_read(a, literal, len, &cron, &err) || !cron->text)
		return "";
	return cron_times_next(times, cron->text, strlen(cron->text), now);
}

/* Fills in what belongs at a mark.  Returns what follows in the item. */
static const char *fill_mark(struct arena *a, const char *mark, enum workflow_status status, const struct node *last,
                             struct cron_times *times, int64_t now, struct buf *out)
{
	const char *literal = mark + 1, *end;

	if (*mark == MARK_STATUS) {
		buf_adds(out, workflow_status_words[status]);
		return mark + 1;
	}
	if (*mark == MARK_LAST) {
		buf_adds(out, last ? ",\"lastExecution\":" : "");
		if (last)
			json_write(last, JSON_COMPACT, out);
		return mark + 1;
	}
	end = strchr(literal, MARK_CRON);
	buf_add(out, literal, (size_t)(end - literal));
	const char *next = next_time_text(a, times, literal, (size_t)(end - literal), now);
	if (*next) {
		buf_adds(out, ",\"scheduled\":\"");
		buf_adds(out, next);
		buf_addc(out, '"');
	}
	return end + 1;
}

/* printf would take a good part of the time of a page. */
static void write_id(int64_t id, struct buf *out)
{
	char digits[24], *at = digits + sizeof digits;

	for (uint64_t left = (uint64_t)id; left || at == digits + sizeof digits; left /= 10)
		*--at = (char)('0' + left % 10);
	buf_add(out, at, (size_t)(digits + sizeof digits - at));
}

void workflow_json_write_item(struct arena *a, const struct stored_workflow *w, const struct node *last,
                              struct cron_times *times, int64_t now, struct buf *out)
{
	static const char marks[] = { MARK_STATUS, MARK_LAST, MARK_CRON, '\0' };

	buf_adds(out, "{\"id\":");
	write_id(w->id, out);
	for (const char *at = w->item; *at; ) {
		size_t plain = strcspn(at, marks);
		buf_add(out, at, plain);
		at += plain;
		if (*at)
			at = fill_mark(a, at, w->status, last, times, now, out);
	}
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

const char *workflow_json_rest(struct arena *a, struct node *body)
{
	static const char *const keys[] = { "watchers", "retryOptions", "metadata", "steps" };
	CLEANUP(buf_done) struct buf out = BUF_TEXT;
	struct node *steps;

	drop_null_values(body);
	/* Null means "not set".  A missing key could also mean that this answer does not have it. */
	put_if_missing(a, body, "retryOptions", node_null(a));
	put_if_missing(a, body, "metadata", node_null(a));
	put_if_missing(a, body, "watchers", node_list(a));
	put_if_missing(a, body, "steps", node_map(a));
	steps = node_get(body, "steps");
	for (size_t i = 0; i < steps->count; i++)
		fill_step_defaults(a, steps->entries[i].value);
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		buf_addf(&out, ",\"%s\":", keys[i]);
		json_write(node_get(body, keys[i]), JSON_COMPACT, &out);
	}
	return arena_strdup(a, buf_str(&out));
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
