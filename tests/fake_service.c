#include "tests/test.h"
#include "tests/fake_service.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "reconcile/schema/digest.h"
#include "reconcile/tree/json.h"
#include "reconcile/plan/render.h"
#include "reconcile/schema/validate.h"
#include "tests/tree.h"

#define STAMP	"2024-05-31T10:00:00.000Z"
#define STAMP_MS	INT64_C(1717149600000)		/* of the fake's clock at 0 */

void fake_done(struct fake *f)
{
	buf_done(&f->writes);
	arena_free(&f->memory.arena);
	arena_free(&f->arena);
}

struct fake_workflow *fake_find(struct fake *f, int64_t id)
{
	for (size_t i = 0; i < f->count; i++)
		if (f->items[i].id == id)
			return &f->items[i];
	return NULL;
}

void fake_remove(struct fake *f, int64_t id)
{
	struct fake_workflow *w = fake_find(f, id);

	assert_non_null(w);
	memmove(w, w + 1, (size_t)(f->items + f->count - (w + 1)) * sizeof *w);
	f->count--;
}

struct fake_workflow *fake_add(struct fake *f, const struct node *shown)
{
	struct node *copy = node_copy(&f->arena, shown);
	int64_t id = node_get_int(copy, "id", f->last_id ? f->last_id + 1 : 612);

	node_put(&f->arena, copy, "id", node_int(&f->arena, id));
	if (id > f->last_id)
		f->last_id = id;
	arena_grow(&f->arena, f->items, f->count, f->room);
	f->items[f->count] = (struct fake_workflow){ .id = id, .shown = copy, .born = f->now };
	return &f->items[f->count++];
}

static struct node *stamp_of(struct fake *f, bool moves)
{
	time_t seconds = (STAMP_MS + f->now) / 1000;
	char text[32];
	struct tm tm;

	if (!moves)
		return node_text(&f->arena, STAMP);
	strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", gmtime_r(&seconds, &tm));
	return node_text(&f->arena, f->stamps_of_seconds ? arena_printf(&f->arena, "%sZ", text)
	                            : arena_printf(&f->arena, "%s.%03dZ", text, (int)(f->now % 1000)));
}

void fake_touch(struct fake *f, struct fake_workflow *w)
{
	node_put(&f->arena, w->shown, "updatedAt", stamp_of(f, f->stamps));
}

/* ---- from a body that was sent to what describe shows ---- */

static void put_default(struct fake *f, struct node *map, const char *key, struct node *value)
{
	if (!node_get(map, key))
		node_put(&f->arena, map, key, value);
}

static void show_env(struct fake *f, struct node *step)
{
	struct node *parameters = node_get(step, "parameters"), *env = node_get(parameters, "env");

	if (!env || f->env_as_map)
		return;
	struct node *list = node_list(&f->arena);
	for (size_t i = 0; i < env->count; i++)
		node_put(&f->arena, node_add(&f->arena, list, node_map(&f->arena)), env->entries[i].key,
		         env->entries[i].value);
	node_put(&f->arena, parameters, "env", list);
}

static void show_step(struct fake *f, struct node *step)
{
	struct arena *a = &f->arena;
	struct node *repository = node_get(step, "repository");
	const char *type;

	put_default(f, step, "type", node_text(a, "standard"));
	type = node_get_text(step, "type");
	if (strcmp(type, "standard") == 0) {
		struct node *resources = node_map(a);
		node_put(a, resources, "instanceTypeId", node_int(a, 21));
		node_put(a, resources, "storage", node_text(a, "10 GB"));
		node_put(a, step, "imageName", node_text(a, "py-base"));
		node_put(a, step, "imageVersion", node_text(a, "0.6.0"));
		put_default(f, step, "clearImageCache", node_bool(a, false));
		put_default(f, step, "stepTimeout", node_int(a, 0));
		put_default(f, step, "resources", resources);
	}
	if (repository)
		node_put(a, repository, "token", node_text(a, ""));
	show_env(f, step);
	put_default(f, step, "parents", node_list(a));
	put_default(f, step, "runConfiguration", node_null(a));
	put_default(f, step, "executionParameters", node_null(a));
	put_default(f, step, "outputParameters", node_null(a));
}

static const char *new_address(struct fake *f)
{
	return arena_printf(&f->arena, "6f1de3aa-0000-4000-8000-%012lld", (long long)++f->webhooks);
}

/* The address of the nth webhook among triggers; NULL: there is none. */
static const char *address(const struct node *triggers, size_t nth)
{
	for (size_t i = 0; triggers && i < triggers->count; i++) {
		const char *id = node_get_text(triggers->entries[i].value, "webhook");
		if (id && nth-- == 0)
			return id;
	}
	return NULL;
}

/* "without that policy an update gives the workflow a new webhook address" (contract, 2.7 E) */
static void show_triggers(struct fake *f, struct node *triggers, const struct node *old)
{
	size_t kept = 0;

	for (size_t i = 0; i < triggers->count; i++) {
		struct node *trigger = triggers->entries[i].value;
		if (node_get(trigger, "cron"))
			node_put(&f->arena, trigger, "scheduled", node_text(&f->arena, STAMP));
		if (!node_get(trigger, "webhook"))
			continue;
		const char *id = node_get(trigger, "webhookPolicy") ? address(old, kept++) : NULL;
		node_put(&f->arena, trigger, "webhook",
		         node_text(&f->arena, id ? id : new_address(f)));
		node_drop(trigger, "webhookPolicy");
	}
}

static struct node *node_above(struct node *n, const char *pointer, const char **key)
{
	const char *slash = strrchr(pointer, '/');
	char *above = strndup(pointer, (size_t)(slash - pointer));
	struct node *found = node_at(n, above);

	free(above);
	*key = slash + 1;
	return found && found->kind == NODE_MAP ? found : NULL;
}

static void stay_deaf(struct fake *f, struct node *shown, const struct node *old)
{
	const char *key;
	struct node *map = f->deaf_to ? node_above(shown, f->deaf_to, &key) : NULL;

	if (!map)
		return;
	struct node *was = old ? node_at(old, f->deaf_to) : NULL;
	if (was)
		node_put(&f->arena, map, key, was);
	else
		node_drop(map, key);
}

static void keep_habits(struct fake *f, struct node *shown)
{
	const char *key;

	for (size_t i = 0; i < FAKE_HABITS && f->habits[i].pointer; i++) {
		struct node *map = node_above(shown, f->habits[i].pointer, &key);
		if (map && *f->habits[i].json)
			node_put(&f->arena, map, key, tree_json(&f->arena, f->habits[i].json));
		else if (map)
			node_drop(map, key);
	}
}

static void lower(struct fake *f, struct node *tag)
{
	char *text = arena_strdup(&f->arena, node_get_text(tag, "name"));

	for (char *c = text; *c; c++)
		*c = (char)tolower((unsigned char)*c);
	node_put(&f->arena, tag, "name", node_text(&f->arena, text));
}

static void keep_tags(struct fake *f, struct node *tags)
{
	size_t kept = 0;

	for (size_t i = 0; i < tags->count; i++) {
		const char *name = node_get_text(tags->entries[i].value, "name");
		if (f->drops_our_tags && strncmp(name, "flowsync-", 9) == 0)
			continue;
		if (f->lower_tags)
			lower(f, tags->entries[i].value);
		tags->entries[kept++] = tags->entries[i];
	}
	tags->count = kept;
}

static struct node *show(struct fake *f, const struct node *body, const struct node *old,
                         int64_t id)
{
	struct arena *a = &f->arena;
	struct node *n = node_copy(a, body), *steps = node_get(n, "steps");
	const char *status = node_get_text(old, "status");

	if (f->update_resumes)
		status = NULL;
	for (size_t i = 0; i < steps->count; i++)
		show_step(f, steps->entries[i].value);
	put_default(f, n, "triggers", node_list(a));
	put_default(f, n, "watchers", node_list(a));
	put_default(f, n, "tags", node_list(a));
	show_triggers(f, node_get(n, "triggers"), node_get(old, "triggers"));
	if (f->hides_options) {
		node_drop(n, "retryOptions");
		node_drop(n, "metadata");
	} else {
		put_default(f, n, "retryOptions", node_null(a));
		put_default(f, n, "metadata", node_null(a));
	}
	node_put(a, n, "id", node_int(a, id));
	node_put(a, n, "createdAt", node_text(a, STAMP));
	node_put(a, n, "updatedAt", stamp_of(f, f->stamps));
	node_put(a, n, "status", node_text(a, status ? status : "Available"));
	node_put(a, n, "lastExecution", node_null(a));
	keep_tags(f, node_get(n, "tags"));
	stay_deaf(f, n, old);
	keep_habits(f, n);
	return n;
}

static void write_body(struct fake *f, struct fake_workflow *w, const struct node *body)
{
	w->before = w->shown;
	w->sent = node_copy(&f->arena, body);
	w->shown = show(f, body, w->before, w->id);
	w->stale = f->stale_reads;
}

struct fake_workflow *fake_make(struct fake *f, const struct node *body)
{
	struct fake_workflow *w = fake_add(f, node_map(&f->arena));

	w->shown = NULL;
	write_body(f, w, body);
	w->before = NULL;
	return w;
}

/* ---- answers ---- */

static void answer_text(struct fake *f, struct answer *out, int status, const char *body)
{
	*out = (struct answer){
		.status = status, .type = "application/json", .body = arena_strdup(&f->arena, body),
		.len = strlen(body), .retry_after_ms = -1,
	};
}

static void answer_tree(struct fake *f, struct answer *out, int status, const struct node *n)
{
	answer_text(f, out, status, tree_text(&f->arena, n));
}

static void refuse(struct fake *f, struct answer *out, int status, const char *detail)
{
	struct node *n = node_map(&f->arena);

	node_put(&f->arena, n, "detail", node_text(&f->arena, detail));
	answer_tree(f, out, status, n);
}

/* The value of key in the query of path, decoded; NULL: none. */
static const char *query(struct fake *f, const char *path, const char *key)
{
	const char *mark = strchr(path, '?'), *s = mark;
	size_t len = strlen(key);

	while (s && (strncmp(s + 1, key, len) != 0 || s[1 + len] != '='))
		s = strchr(s + 1, '&');
	if (!s)
		return NULL;
	s += len + 2;
	char *text = arena_strndup(&f->arena, s, strcspn(s, "&")), *to = text;
	for (const char *from = text; *from; from++) {
		unsigned byte;
		if (*from == '%' && sscanf(from + 1, "%2x", &byte) == 1) {
			*to++ = (char)byte;
			from += 2;
		} else {
			*to++ = *from == '+' ? ' ' : *from;
		}
	}
	*to = '\0';
	return text;
}

static struct node *listed(struct fake *f, const struct fake_workflow *w)
{
	static const char *const keys[] = {
		"id", "name", "createdAt", "updatedAt", "status", "lastExecution", "triggers", "tags",
	};
	struct node *n = node_map(&f->arena);

	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		if (f->stamps == FAKE_STAMP_READ && strcmp(keys[i], "updatedAt") == 0)
			node_put(&f->arena, n, keys[i], stamp_of(f, true));
		else if (node_get(w->shown, keys[i]) && !(f->list_without_tags && strcmp(keys[i], "tags") == 0))
			node_put(&f->arena, n, keys[i], node_get(w->shown, keys[i]));
	return n;
}

static bool is_left_out(const struct fake *f, const struct fake_workflow *w)
{
	return w->unlisted || f->now - w->born < f->list_lag;
}

/* "Default 25, from page 1"; searchTerm matches parts of names (contract, 2.3). */
static void list(struct fake *f, const struct request *request, struct answer *out)
{
	struct arena *a = &f->arena;
	const char *size_text = query(f, request->path, "pageSize");
	const char *number_text = query(f, request->path, "pageNumber");
	const char *term = query(f, request->path, "searchTerm");
	size_t size = size_text ? strtoul(size_text, NULL, 10) : 25, found = 0;
	size_t number = number_text ? strtoul(number_text, NULL, 10) : 1;
	struct node *page = node_map(a), *items = node_list(a);

	if (f->page_most && size > f->page_most)
		size = f->page_most;
	for (size_t i = 0; i < f->count; i++) {
		const char *name = node_get_text(f->items[i].shown, "name");
		if ((term && !strcasestr(name, term)) || is_left_out(f, &f->items[i]))
			continue;
		if (found / size + 1 == number)
			node_add(a, items, listed(f, &f->items[i]));
		found++;
	}
	node_put(a, page, "pageCount", node_int(a, (int64_t)((found + size - 1) / size)));
	node_put(a, page, "pageNumber", node_int(a, (int64_t)number));
	node_put(a, page, "pageSize", node_int(a, (int64_t)size));
	node_put(a, page, "workflowsCount", node_int(a, (int64_t)found));
	node_put(a, page, "workflows", items);
	answer_tree(f, out, 200, page);
}

/* Another order each time. */
static void turn(struct fake *f, struct node *list)
{
	struct node *copy = node_copy(&f->arena, list);
	size_t by = ++f->turns % (list->count + 1);

	for (size_t i = 0; i < list->count; i++)
		list->entries[i] = copy->entries[(i + by) % list->count];
}

static void describe(struct fake *f, struct fake_workflow *w, struct answer *out)
{
	if (w->stale && w->before) {
		w->stale--;
		answer_tree(f, out, 200, w->before);
	} else if (w->stale || f->now - w->born < f->describe_lag) {	/* just made, and not seen yet */
		w->stale -= w->stale > 0;
		refuse(f, out, 404, "no such workflow");
	} else {
		struct node *n = node_copy(&f->arena, w->shown);
		if (f->stamps == FAKE_STAMP_READ)
			node_put(&f->arena, n, "updatedAt", stamp_of(f, true));
		for (size_t i = 0; f->shuffles && i < n->count; i++)
			if (n->entries[i].value->kind == NODE_LIST)
				turn(f, n->entries[i].value);
		answer_tree(f, out, 200, n);
	}
}

static void answer_write(struct fake *f, struct fake_workflow *w, struct answer *out)
{
	struct node *n = node_map(&f->arena);

	node_put(&f->arena, n, "id", node_int(&f->arena, w->id));
	answer_tree(f, out, 200, n);
}

static void create_or_update(struct fake *f, const struct request *request, int64_t id,
                             struct answer *out)
{
	struct diagnostics faults = { .arena = &f->arena };
	struct node *body = tree_json(&f->arena, request->body);
	struct fake_workflow *w = fake_find(f, id);

	if (!validate_workflow(body, VALIDATE_REQUEST, &faults)) {
		refuse(f, out, 422, faults.items[0].message);
		return;
	}
	if (w)
		write_body(f, w, body);
	else
		w = fake_make(f, body);
	answer_write(f, w, out);
}

/* The id in "/workflows/12" and "/workflows/12/pause", which has to be all there is. */
static int64_t id_of(const struct request *request)
{
	char *end;
	int64_t id;

	assert_int_equal(strncmp(request->path, "/workflows/", 11), 0);
	id = strtoll(request->path + 11, &end, 10);
	assert_string_equal(end, request->operation == OP_PAUSE ? "/pause" : "");
	return id;
}

static void carry_out(struct fake *f, const struct request *request, struct answer *out)
{
	int64_t id;

	switch (request->operation) {
	case OP_LIST:
		list(f, request, out);
		return;
	case OP_DEFAULT_RESOURCE:
		answer_text(f, out, 200, "{\"instanceTypeId\": 21, \"storage\": \"10GB\"}");
		return;
	case OP_CREATE:
		assert_string_equal(request->path, "/workflows/");
		create_or_update(f, request, 0, out);
		buf_addf(&f->writes, "create %lld\n", (long long)f->last_id);
		return;
	default:
		break;
	}
	id = id_of(request);
	if (!fake_find(f, id)) {
		refuse(f, out, 404, "no such workflow");
		return;
	}
	switch (request->operation) {
	case OP_DESCRIBE:
		assert_null(request->body);
		describe(f, fake_find(f, id), out);
		return;
	case OP_UPDATE:
		buf_addf(&f->writes, "update %lld\n", (long long)id);
		create_or_update(f, request, id, out);
		return;
	case OP_DELETE:
		buf_addf(&f->writes, "delete %lld\n", (long long)id);
		fake_remove(f, id);
		answer_text(f, out, 200, "{}");
		return;
	case OP_PAUSE:
		buf_addf(&f->writes, "pause %lld\n", (long long)id);
		node_put(&f->arena, fake_find(f, id)->shown, "status", node_text(&f->arena, "Paused"));
		answer_text(f, out, 200, "{}");
		return;
	default:
		fail_msg("a cycle does not ask for %s", operation_name(request->operation));
	}
}

static struct fake_fault *fault_for(struct fake *f, const struct request *request)
{
	for (size_t i = 0; i < FAKE_FAULTS; i++) {
		struct fake_fault *fault = &f->faults[i];
		if (!fault->times || fault->operation != request->operation)
			continue;
		if (fault->id && fault->id != id_of(request))
			continue;
		if (fault->skip) {
			fault->skip--;
			continue;
		}
		fault->times--;
		return fault;
	}
	return NULL;
}

void fake_answer(struct fake *f, const struct request *request, struct answer *out)
{
	if (!f->writes.limit)
		f->writes = BUF_TEXT;
	if (f->meanwhile)
		f->meanwhile(f, request);
	if (f->memory.dead) {
		*out = (struct answer){ .failure = FAILURE_UNSENT, .error = "killed", .retry_after_ms = -1 };
		return;
	}
	struct fake_fault *fault = fault_for(f, request);
	if (!fault || fault->done)
		carry_out(f, request, out);
	if (!fault)
		return;
	if (fault->failure) {
		*out = (struct answer){ .failure = fault->failure, .error = "the connection broke",
		                        .retry_after_ms = -1 };
		return;
	}
	if (fault->body)
		answer_text(f, out, fault->status, fault->body);
	else
		refuse(f, out, fault->status, "not now");
	if (fault->type)
		out->type = fault->type;
	if (fault->retry_after_ms)
		out->retry_after_ms = fault->retry_after_ms;
}

/* ---- the driver ---- */

enum { LATENCY_MS = 10, IN_FLIGHT = 64 };

struct flight { struct task *task; struct request request; };

static void land(struct fake *f, struct dispatch *d, const struct flight *flight)
{
	struct answer answer = { 0 };

	f->now += LATENCY_MS;
	fake_answer(f, &flight->request, &answer);
	if (f->dates)
		answer.date_ms = (STAMP_MS + f->now) / 1000 * 1000;
	dispatch_answer(d, flight->task, &answer, f->now);
}

void fake_run(struct fake *f, struct dispatch *d)
{
	struct flight flights[IN_FLIGHT];
	size_t first = 0, last = 0;	/* answers come in the order of the requests */

	f->dispatch = d;
	while (!dispatch_idle(d)) {
		for (struct task *task = dispatch_round(d, f->now); task; task = task->next) {
			flights[last++ % IN_FLIGHT] = (struct flight){ task, task->request };
			assert_int_equal(f->memory.changes, 0);		/* all is on disk */
			if (++f->requests == f->stop_after)
				dispatch_stop(d);
			if (f->requests == f->hurry_after)
				dispatch_hurry(d);
			if (last - first > f->most_running)
				f->most_running = (unsigned)(last - first);
		}
		if (first < last) {
			for (unsigned n = f->at_once ? f->at_once : 1; n > 0 && first < last; n--)
				land(f, d, &flights[first++ % IN_FLIGHT]);
			continue;
		}
		if (dispatch_idle(d))
			break;
		int64_t wake = dispatch_wake(d);
		assert_true(wake >= 0);
		f->now = wake > f->now ? wake : f->now;
	}
}

/* ---- what is remembered ---- */

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct applied_record *)a)->name, ((const struct applied_record *)b)->name);
}

/* digest NULL: all of that name. */
static bool remove_intents(struct fake_memory *m, const char *name, const char *digest)
{
	struct applied_records *r = &m->round;
	size_t kept = 0, before = r->intent_count;

	for (size_t i = 0; i < before; i++) {
		const struct applied_intent *intent = &r->intents[i];
		if (strcmp(intent->name, name) != 0 || (digest && strcmp(intent->digest, digest) != 0))
			r->intents[kept++] = *intent;
	}
	r->intent_count = kept;
	return kept < before;
}

/* A look is worth nothing once its record or an intent has changed. */
static void drop_look(struct fake_memory *m, const char *name)
{
	size_t kept = 0;

	for (size_t i = 0; i < m->looks.count; i++)
		if (strcmp(m->looks.items[i].name, name) != 0)
			m->looks.items[kept++] = m->looks.items[i];
	m->looks.count = kept;
}

static void withdraw(void *context, const struct applied_intent *intent)
{
	struct fake_memory *m = context;

	m->changes++;
	drop_look(m, intent->name);
	remove_intents(m, intent->name, intent->digest);
}

static void drop_intents(void *context, const char *name)
{
	struct fake_memory *m = context;

	drop_look(m, name);
	m->drops += remove_intents(m, name, NULL);
}

static void intend(void *context, const struct applied_intent *intent)
{
	struct fake_memory *m = context;
	struct arena *a = &m->arena;
	struct applied_records *r = &m->round;
	const struct applied_intent copy = {
		.name = arena_strdup(a, intent->name), .digest = arena_strdup(a, intent->digest),
		.body_json = json_text(a, intent->body), .creates = intent->creates, .at = intent->at,
	};

	m->changes++;
	drop_look(m, copy.name);
	remove_intents(m, copy.name, copy.digest);
	arena_grow(a, r->intents, r->intent_count, r->intent_room);
	r->intents[r->intent_count++] = copy;
}

static void forget(void *context, const char *name, bool over)
{
	struct fake_memory *m = context;
	struct applied_records *r = &m->round;
	size_t kept = 0;

	m->changes++;
	drop_look(m, name);
	if (over)
		remove_intents(m, name, NULL);
	for (size_t i = 0; i < r->count; i++)
		if (strcmp(r->items[i].name, name) != 0)
			r->items[kept++] = r->items[i];
	r->count = kept;
}

static void keep(void *context, const struct applied_record *record, bool over)
{
	struct fake_memory *m = context;
	struct arena *a = &m->arena;
	struct applied_records *r = &m->round;

	forget(m, record->name, over);
	arena_grow(a, r->items, r->count, r->room);
	r->items[r->count++] = (struct applied_record){
		.name = arena_strdup(a, record->name), .id = record->id,
		.digest = arena_strdup(a, record->digest),
		.body_json = record->body ? json_text(a, record->body) : NULL,
		.settled = record->settled ? node_copy(a, record->settled) : NULL,
		.paused = record->paused,
	};
	qsort(r->items, r->count, sizeof *r->items, by_name);
}

static void copy_records(struct arena *a, const struct applied_records *from, struct applied_records *to)
{
	*to = (struct applied_records){
		.items = arena_new(a, struct applied_record, from->count + 1), .count = from->count, .room = from->count + 1,
		.intents = arena_new(a, struct applied_intent, from->intent_count + 1), .intent_count = from->intent_count,
		.intent_room = from->intent_count + 1,
	};
	if (from->count)
		memcpy(to->items, from->items, from->count * sizeof *to->items);
	if (from->intent_count)
		memcpy(to->intents, from->intents, from->intent_count * sizeof *to->intents);
}

static void commit(void *context, bool last)
{
	struct fake_memory *m = context;

	if (!m->changes && !(last && m->drops))
		return;
	m->commits++;
	m->changes = m->drops = 0;
	if (!m->dead)
		copy_records(&m->arena, &m->round, &m->records);
}

static int look_by_name(const void *a, const void *b)
{
	return strcmp(((const struct held_look *)a)->name, ((const struct held_look *)b)->name);
}

static void hold_looks(struct fake *f, const struct warm *w)
{
	struct fake_memory *m = &f->memory;
	struct arena *a = &m->arena;

	for (size_t i = 0; i < w->stale_count; i++)
		drop_look(m, w->stale[i]);
	for (size_t i = 0; i < w->fresh_count; i++) {
		struct held_look look = w->fresh[i];
		drop_look(m, look.name);
		look.name = arena_strdup(a, look.name);
		look.outcome = look.outcome ? arena_strdup(a, look.outcome) : NULL;
		look.unseen = look.unseen ? arena_strdup(a, look.unseen) : NULL;
		arena_grow(a, m->looks.items, m->looks.count, m->looks.room);
		m->looks.items[m->looks.count++] = look;
	}
	if (m->looks.count)
		qsort(m->looks.items, m->looks.count, sizeof *m->looks.items, look_by_name);
	if (w->held)
		m->looks.full_ms = w->full_ms;
	if (w->wrong)
		m->looks.off_ms = STAMP_MS + f->now;
}

static const struct node *recall(void *context, struct arena *a, const struct spec *spec,
                                 const char *digest)
{
	struct fake_memory *m = context;

	m->recalls++;
	return m->older ? spec_body_of_digest(a, m->older, digest) : NULL;
}

static const char *explain(void *context)
{
	return ((const struct fake_memory *)context)->why;
}

/* A cycle sees what was remembered before it, and nothing of what it keeps itself. */
static void remember(struct fake *f, struct arena *a, struct cycle *cycle)
{
	struct applied_records *records = arena_new(a, struct applied_records, 1);
	static const unsigned char key[DIGEST_KEY_SIZE];
	struct held_looks *looks = arena_new(a, struct held_looks, 1);
	struct fake_memory *m = &f->memory;

	*looks = m->looks;
	looks->items = arena_new(a, struct held_look, m->looks.count + 1);
	if (m->looks.count)
		memcpy(looks->items, m->looks.items, m->looks.count * sizeof *looks->items);
	copy_records(a, &m->records, records);
	copy_records(&m->arena, &m->records, &m->round);
	cycle_remember(cycle, &(struct cycle_memory){
		.records = m->on ? records : NULL, .recall = recall, .explain = explain, .keep = m->on ? keep : NULL,
		.forget = m->on ? forget : NULL, .intend = m->on ? intend : NULL, .withdraw = m->on ? withdraw : NULL,
		.drop_intents = m->on ? drop_intents : NULL, .commit = m->on ? commit : NULL,
		.looks = m->on && f->dates ? looks : NULL, .key = key, .clock = f->dates ? STAMP_MS : 0, .context = m,
	});
}

void fake_cycle(struct fake *f, struct arena *a, const struct specs *specs,
                const struct cycle_options *options, struct report *report, struct diagnostics *faults)
{
	struct dispatch d;
	struct cycle cycle;

	*report = (struct report){ .mode = options->apply ? "sync" : "plan", .faults = faults };
	report->source.files = specs->files;
	report->spill = f->spill;
	dispatch_init(&d, f->concurrency ? f->concurrency : 4,
	              f->deadline ? f->now + f->deadline : -1, 1);
	cycle_begin(&cycle, a, &d, specs, options, report, faults);
	remember(f, a, &cycle);
	do
		fake_run(f, &d);
	while (cycle_advance(&cycle));
	if (options->apply && f->memory.on && !f->memory.dead)
		hold_looks(f, &cycle.warm);
	cycle_done(&cycle);
	assert_int_equal(f->memory.changes + f->memory.drops, 0);
}

const char *fake_report(struct arena *a, struct report *report)
{
	diagnostics_sort((struct diagnostics *)report->faults);
	struct node *tree = report_tree(a, report), *workflows = node_get(tree, "workflows");

	node_drop(tree, "requests");
	for (size_t i = 0; i < workflows->count; i++)
		node_drop(workflows->entries[i].value, "duration_s");
	return tree_text(a, tree);
}

const char *fake_told(struct fake *f, struct arena *a, const struct specs *specs,
                      struct cycle_options options)
{
	CLEANUP(buf_done) struct buf text = BUF_TEXT;
	struct diagnostics faults = { .arena = a };
	struct report report;

	fake_cycle(f, a, specs, &options, &report, &faults);
	buf_adds(&text, tree_faults(a, &faults));
	render_document(report_tree(a, &report), &(struct render_options){ 0 }, &text);
	return arena_strdup(a, buf_str(&text));
}

const char *fake_plan(struct fake *f, struct arena *a, const struct specs *specs)
{
	return fake_told(f, a, specs, (struct cycle_options){ 0 });
}

const char *fake_sync(struct fake *f, struct arena *a, const struct specs *specs)
{
	return fake_told(f, a, specs, (struct cycle_options){ .apply = true });
}
