#include "reconcile/plan/saved_plan.h"

#include <stdlib.h>
#include <string.h>

#include "reconcile/schema/document_fit.h"
#include "reconcile/schema/schema.h"
#include "reconcile/tree/json.h"

#ifndef FLOWSYNC_VERSION
#error "FLOWSYNC_VERSION is given by the Makefile"
#endif

/* ---- the form ---- */

#define NEEDED	.need = ALL_KINDS

static const struct field tool_fields[] = {
	{ "name", FIELD_TEXT, NEEDED }, { "version", FIELD_TEXT, NEEDED }, { NULL }
};
static const struct field target_fields[] = {
	{ "endpoint", FIELD_TEXT, NEEDED }, { "owner", FIELD_TEXT, NEEDED },
	{ "options", FIELD_MAP, NEEDED }, { NULL }
};
static const struct field step_fields[] = {
	{ "name", FIELD_TEXT, NEEDED }, { "id", FIELD_INT, FIELD_NULLABLE, NEEDED }, { "action", FIELD_TEXT, NEEDED },
	{ "declared", FIELD_TEXT, FIELD_NULLABLE, NEEDED }, { "observed", FIELD_TEXT, FIELD_NULLABLE, NEEDED },
	{ "changes", FIELD_TEXT, FIELD_NULLABLE, NEEDED }, { NULL }
};
static const struct field a_step[] = { { "[]", FIELD_OBJECT, .fields = step_fields }, { NULL } };
static const struct field plan_fields[] = {
	{ "plan_version", FIELD_INT, NEEDED }, { "tool", FIELD_OBJECT, .fields = tool_fields, NEEDED },
	{ "created", FIELD_TEXT, NEEDED }, { "key", FIELD_TEXT, NEEDED },
	{ "made_for", FIELD_OBJECT, .fields = target_fields, NEEDED },
	{ "steps", FIELD_LIST, .fields = a_step, NEEDED }, { "digest", FIELD_TEXT, NEEDED }, { NULL }
};
static const struct field saved_plan_field = { "", FIELD_OBJECT, .fields = plan_fields };

/* Over the canonical form: white space and the order of keys do not count. */
const char *saved_plan_digest(struct arena *a, const struct node *document)
{
	CLEANUP(buf_done) struct buf text = BUF_TEXT;
	const char *key = node_get_text(document, "key");
	struct node *rest = node_map(a);
	unsigned char digest[DIGEST_SIZE];

	for (size_t i = 0; i < document->count; i++)
		if (strcmp(document->entries[i].key, "digest") != 0)
			node_put(a, rest, document->entries[i].key, document->entries[i].value);
	json_write_canonical(rest, &text);
	digest_hmac(key ? key : "", key ? strlen(key) : 0, buf_str(&text), text.len, digest);
	return digest_hex(a, digest, sizeof digest);
}

/* ---- writing ---- */

static struct node *digest_or_null(struct arena *a, const char *digest)
{
	return *digest ? node_text(a, digest) : node_null(a);
}

static struct node *saved_steps_tree(struct arena *a, const struct report *report)
{
	struct node *list = node_list(a);

	for (size_t i = 0; i < report->step_count; i++) {
		const struct plan_step *s = &report->steps[i];
		if (s->result != RESULT_PLANNED || !s->digests)
			continue;
		struct node *n = node_add(a, list, node_map(a));
		node_put(a, n, "name", node_text(a, s->name));
		node_put(a, n, "id", s->id ? node_int(a, s->id) : node_null(a));
		node_put(a, n, "action", node_text(a, action_word(s->action)));
		node_put(a, n, "declared", digest_or_null(a, s->digests->declared));
		node_put(a, n, "observed", digest_or_null(a, s->digests->observed));
		node_put(a, n, "changes", digest_or_null(a, s->digests->changes));
	}
	return list;
}

static struct node *saved_target_tree(struct arena *a, const struct plan_target *target)
{
	struct node *n = node_map(a);

	node_put(a, n, "endpoint", node_text(a, target->endpoint));
	node_put(a, n, "owner", node_text(a, target->owner));
	node_put(a, n, "options", (struct node *)target->options);
	return n;
}

/* NULL if changes cannot be read again. */
static struct node *saved_tree(struct arena *a, const struct report *report, const unsigned char *key,
                               const struct plan_target *made_for)
{
	struct node *n = node_map(a), *tool = node_map(a), *document = report_tree(a, report);

	if (!document)
		return NULL;

	node_put(a, tool, "name", node_text(a, "flowsync"));
	node_put(a, tool, "version", node_text(a, FLOWSYNC_VERSION));
	node_put(a, n, "plan_version", node_int(a, PLAN_VERSION));
	node_put(a, n, "tool", tool);
	node_put(a, n, "created", node_text(a, report->finished));
	node_put(a, n, "made_for", saved_target_tree(a, made_for));
	node_put(a, n, "key", node_text(a, digest_hex(a, key, DIGEST_KEY_SIZE)));
	node_put(a, n, "steps", saved_steps_tree(a, report));
	node_put(a, n, "report", document);
	return n;
}

/* The document but for its digest.  Its tree, which takes many times the memory, is gone afterwards. */
static bool write_without_digest(const struct report *report, const unsigned char *key,
                                 const struct plan_target *made_for, struct buf *out, struct err *err)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	const struct node *n = saved_tree(&a, report, key, made_for);

	if (!n)
		return err_set(err, "its changes cannot be read again from their temporary file");
	json_write(n, JSON_COMPACT, out);
	return !out->full || err_set(err, "the plan is larger than 1 GiB");
}

bool saved_plan_write(const struct report *report, const unsigned char *key, const struct plan_target *made_for,
                      struct buf *out, struct err *err)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	CLEANUP(buf_done) struct buf text = BUF_TEXT;
	struct node *n;

	/* The digest is of what a reader will see: JSON has no NaN, and a report may hold one. */
	if (!write_without_digest(report, key, made_for, &text, err))
		return false;
	if (!json_read_answer(&a, buf_str(&text), text.len, &n, err))
		return false;
	node_put(&a, n, "digest", node_text(&a, saved_plan_digest(&a, n)));
	json_write(n, JSON_PRETTY, out);
	buf_addc(out, '\n');
	return true;
}

/* ---- reading ---- */

static bool refuse_plan(struct err *err, const char *file, const char *words)
{
	return err_set(err, "%s: %s", file, words);
}

static bool check_plan_version(const struct node *n, const char *file, struct err *err)
{
	int64_t version = node_get_int(n, "plan_version", 0);

	if (version == PLAN_VERSION)
		return true;
	if (!node_get(n, "plan_version"))
		return refuse_plan(err, file, "this is no saved plan, as it has no plan_version; flowsync plan --out makes "
		                   "one");
	if (version <= 0)
		return refuse_plan(err, file, "/plan_version is no version of a saved plan");
	return err_set(err, "%s: plan_version %lld is not known to this flowsync, which knows %d: apply the plan with the "
	               "flowsync that made it, or make a new one", file, (long long)version, PLAN_VERSION);
}

static bool check_plan_digest(struct arena *a, const struct node *n, const char *file, struct err *err)
{
	const char *said = node_get_text(n, "digest");

	return (said && strcmp(said, saved_plan_digest(a, n)) == 0) ||
	       refuse_plan(err, file, "the plan was edited or damaged: its digest is not that of its content; make a new "
	                   "plan");
}

static bool read_action(const char *word, enum action *out)
{
	for (int i = ACTION_CREATE; i <= ACTION_DELETE; i++) {
		if (strcmp(action_word(i), word) == 0) {
			*out = i;
			return true;
		}
	}
	return false;
}

/* A digest that the action has none of is null, and no other. */
static bool read_saved_digest(const struct node *step, const char *key, bool wanted, char out[STEP_DIGEST_TEXT])
{
	const char *text = node_get_text(step, key);
	unsigned char bytes[DIGEST_SIZE];

	if (!text || !wanted)
		return !text && !wanted;
	if (!digest_from_hex(text, bytes, sizeof bytes))
		return false;
	memcpy(out, text, STEP_DIGEST_TEXT);
	return true;
}

static bool read_saved_step(const struct node *n, struct saved_step *out, const char **wrong)
{
	struct saved_step s = { .name = node_get_text(n, "name"), .id = node_get_int(n, "id", 0) };

	*wrong = "action";
	if (!read_action(node_get_text(n, "action"), &s.action))
		return false;
	*wrong = "declared";
	if (!read_saved_digest(n, *wrong, s.action != ACTION_DELETE, s.digests.declared))
		return false;
	*wrong = "observed";
	if (!read_saved_digest(n, *wrong, s.action != ACTION_CREATE, s.digests.observed))
		return false;
	*wrong = "changes";
	if (!read_saved_digest(n, *wrong, s.action == ACTION_PATCH || s.action == ACTION_REPLACE, s.digests.changes))
		return false;
	*out = s;
	return true;
}

static int order_saved_steps(const void *a, const void *b)
{
	return strcmp(((const struct saved_step *)a)->name, ((const struct saved_step *)b)->name);
}

static bool read_saved_steps(struct arena *a, const struct node *list, const char *file, struct saved_plan *out,
                             struct err *err)
{
	struct saved_step *steps = arena_new(a, struct saved_step, list->count + 1);
	const char *wrong;

	for (size_t i = 0; i < list->count; i++)
		if (!read_saved_step(list->entries[i].value, &steps[i], &wrong))
			return err_set(err, "%s: /steps/%zu/%s does not fit the plan", file, i, wrong);
	if (list->count)
		qsort(steps, list->count, sizeof *steps, order_saved_steps);
	for (size_t i = 1; i < list->count; i++)
		if (strcmp(steps[i - 1].name, steps[i].name) == 0)
			return err_set(err, "%s: the plan has two steps for \"%s\"", file, steps[i].name);
	out->steps = steps;
	out->count = list->count;
	return true;
}

static bool check_plan_form(struct arena *a, const struct node *n, const char *file, struct err *err)
{
	const struct node *report = node_get(n, "report");

	if (!document_fits(a, &saved_plan_field, n, err))
		return err_wrap(err, "%s", file);
	if (!report)
		return refuse_plan(err, file, "/report is missing");
	return document_fits(a, &report_field, report, err) || err_wrap(err, "%s: /report", file);
}

static bool read_saved_plan(struct arena *a, const char *file, const char *bytes, size_t len, struct saved_plan *out,
                            struct err *err)
{
	struct saved_plan plan = { 0 };
	struct node *n;

	if (!json_read_file(a, file, bytes, len, &n, err))
		return false;
	if (!check_plan_version(n, file, err) || !check_plan_digest(a, n, file, err) || !check_plan_form(a, n, file, err))
		return false;
	if (!digest_from_hex(node_get_text(n, "key"), plan.key, sizeof plan.key))
		return refuse_plan(err, file, "/key is no key of a plan");
	if (!read_saved_steps(a, node_get(n, "steps"), file, &plan, err))
		return false;
	const struct node *target = node_get(n, "made_for");
	plan.created = node_get_text(n, "created");
	plan.digest = node_get_text(n, "digest");
	plan.report = node_get(n, "report");
	plan.made_for = (struct plan_target){
		.endpoint = node_get_text(target, "endpoint"), .owner = node_get_text(target, "owner"),
		.options = node_get(target, "options"),
	};
	*out = plan;
	return true;
}

bool saved_plan_read(struct arena *a, const char *file, const char *bytes, size_t len, struct saved_plan *out,
                     struct err *err)
{
	bool ok = read_saved_plan(a, file, bytes, len, out, err);

	if (!ok)
		err->kind = ERR_USAGE;
	return ok;
}

struct saved_plan *saved_plan_copy_steps(struct arena *a, const struct saved_plan *plan)
{
	struct saved_plan *out = arena_new(a, struct saved_plan, 1);
	struct saved_step *steps = arena_new(a, struct saved_step, plan->count + 1);

	*out = *plan;
	out->report = NULL;
	out->created = arena_strdup(a, plan->created);
	out->digest = arena_strdup(a, plan->digest);
	out->made_for = (struct plan_target){
		.endpoint = arena_strdup(a, plan->made_for.endpoint), .owner = arena_strdup(a, plan->made_for.owner),
		.options = node_copy(a, plan->made_for.options),
	};
	for (size_t i = 0; i < plan->count; i++) {
		steps[i] = plan->steps[i];
		steps[i].name = arena_strdup(a, plan->steps[i].name);
	}
	out->steps = steps;
	return out;
}

/* ---- what it is for ---- */

static bool refuse_target(struct err *err, const char *what, const char *made, const char *now)
{
	return err_usage(err, "the plan was made for %s %s, and this sync has %s: give what the plan was made for, or "
	                 "make a new plan", what, made, now);
}

/* "not set" for an option that only another version of flowsync has. */
static const char *option_text(struct arena *a, const struct node *value)
{
	return value ? json_text(a, value) : "not set";
}

static bool options_fit(const struct node *made, const struct node *now, struct err *err)
{
	CLEANUP(arena_free) struct arena a = { 0 };

	for (size_t i = 0; i < now->count; i++) {
		const char *key = now->entries[i].key;
		const struct node *then = node_get(made, key), *value = now->entries[i].value;
		if (!then || !node_equal(then, value))
			return refuse_target(err, key, option_text(&a, then), option_text(&a, value));
	}
	for (size_t i = 0; i < made->count; i++) {
		const char *key = made->entries[i].key;
		if (!node_get(now, key))
			return refuse_target(err, key, option_text(&a, made->entries[i].value), "no such option");
	}
	return true;
}

bool saved_plan_fits(const struct saved_plan *plan, const struct plan_target *target, struct err *err)
{
	const struct plan_target *made = &plan->made_for;

	if (target->endpoint && strcmp(made->endpoint, target->endpoint) != 0)
		return refuse_target(err, "the endpoint", made->endpoint, target->endpoint);
	if (strcmp(made->owner, target->owner) != 0)
		return refuse_target(err, "the owner", made->owner, target->owner);
	return options_fit(made->options, target->options, err);
}

static int order_name_and_step(const void *name, const void *step)
{
	return strcmp(name, ((const struct saved_step *)step)->name);
}

const struct saved_step *saved_plan_find(const struct saved_plan *plan, const char *name)
{
	return plan->count ? bsearch(name, plan->steps, plan->count, sizeof *plan->steps, order_name_and_step) : NULL;
}
