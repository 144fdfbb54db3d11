#include "reconcile/plan/warm.h"

#include <stdlib.h>
#include <string.h>

#include "reconcile/plan/task_outcome.h"
#include "reconcile/plan/task_saved.h"
#include "reconcile/plan/workflow_task.h"
#include "reconcile/schema/digest.h"
#include "reconcile/tree/json.h"

#ifndef FLOWSYNC_VERSION
#error "FLOWSYNC_VERSION is given by the Makefile"
#endif

/* ---- the inputs ---- */

static void add_bytes(struct buf *out, const char *text)
{
	buf_add(out, text ? text : "", strlen(text ? text : "") + 1);
}

static void add_tree(struct buf *out, const struct node *n)
{
	if (n)
		json_write(n, JSON_COMPACT, out);
	buf_addc(out, '\0');
}

static void digest_bytes(const struct cycle *c, const struct buf *bytes, unsigned char out[LOOK_DIGEST])
{
	unsigned char whole[DIGEST_SIZE];

	digest_hmac(c->memory.key, DIGEST_KEY_SIZE, buf_str(bytes), bytes->len, whole);
	memcpy(out, whole, LOOK_DIGEST);
}

static void read_options(struct cycle *c)
{
	CLEANUP(buf_done) struct buf bytes = BUF_TEXT;
	const struct cycle_options *o = &c->options;

	add_bytes(&bytes, "look 2 " FLOWSYNC_VERSION);
	add_bytes(&bytes, o->owner);
	buf_addf(&bytes, "%d%d%d", o->no_adopt, o->mark, o->whole);
	add_tree(&bytes, o->mask);
	add_tree(&bytes, c->resources.answer);
	digest_bytes(c, &bytes, c->warm.options);
}

/* The record is none of the inputs: a look is dropped with each write of the workflow's record or intent. */
static void read_inputs(struct workflow_task *t)
{
	CLEANUP(buf_done) struct buf bytes = BUF_TEXT;
	const struct spec *spec = t->spec;

	buf_add(&bytes, t->cycle->warm.options, LOOK_DIGEST);
	buf_addc(&bytes, spec->prune ? 'p' : 'k');
	add_bytes(&bytes, spec->renamed_from);
	add_tree(&bytes, spec->ignore);
	buf_add(&bytes, spec->digest, SPEC_DIGEST);
	digest_bytes(t->cycle, &bytes, t->inputs);
}

/* ---- held looks ---- */

static int order_by_name(const void *name, const void *look)
{
	return strcmp(name, ((const struct held_look *)look)->name);
}

static const struct held_look *find_look(const struct warm *w, const char *name)
{
	const struct held_looks *held = w->held;

	return held && held->count ? bsearch(name, held->items, held->count, sizeof *held->items, order_by_name) : NULL;
}

/* "A workflow that was described less than 2 s, by the service's Date, after its stamp" may have changed since without
 * another stamp. */
static bool is_trusted(const struct held_look *h)
{
	return h->entry.updated && h->described - h->entry.updated >= LOOK_FRESH_US;
}

/* True if the workflow is as it was at the look.  The entry has its id, too. */
static bool is_same_workflow(const struct workflow_task *t, const struct held_look *h)
{
	return h && is_trusted(h) &&
	       memcmp(h->entry.digest, t->listed->entry.digest, sizeof h->entry.digest) == 0;
}

/* True if nothing that decides the outcome has changed since the look. */
static bool still_holds(const struct workflow_task *t, const struct held_look *h)
{
	return is_same_workflow(t, h) && memcmp(h->inputs, t->inputs, sizeof h->inputs) == 0;
}

/* ---- when ---- */

static int64_t current_ms(const struct cycle *c)
{
	return c->memory.clock + c->dispatch->now;
}

void warm_begin(struct cycle *c)
{
	if (c->memory.looks && c->memory.key)
		c->list.entry_key = c->memory.key;
}

/* True if less than that long has passed since.  Time in the future was given by a clock that was wrong. */
static bool is_within(int64_t since, int64_t now, int64_t most)
{
	return since && since <= now && now - since < most;
}

void warm_plan(struct cycle *c)
{
	const struct held_looks *held = c->memory.looks;
	int64_t now = current_ms(c);

	/* Without the digests of the specs no look can be compared. */
	if (!c->list.entry_key || !c->specs->key || is_within(held->off_ms, now, WARM_OFF_MS))
		return;
	c->warm.held = held;
	c->warm.full_ms = held->full_ms;
	c->warm.full = c->options.observe_all || !is_within(held->full_ms, now, c->options.observe_all_ms);
	read_options(c);
}

/* ---- an outcome as text, and back ---- */

static void put_pairs(struct arena *a, struct node *out, const char *key, const struct diff *diff)
{
	struct node *list = node_list(a);

	for (size_t i = 0; i < diff->count; i++) {
		const struct change *change = &diff->items[i];
		struct node *pair = node_add(a, list, node_map(a));
		node_put(a, pair, "path", node_text(a, change->path));
		if (change->to)
			node_put(a, pair, "sent", (struct node *)change->to);
		if (change->from)
			node_put(a, pair, "kept", (struct node *)change->from);
	}
	if (list->count)
		node_put(a, out, key, list);
}

static const char *outcome_text(struct workflow_task *t)
{
	struct node *out = node_map(&t->arena);
	const struct plan_step *s = t->step;

	if (task_outcome_tags(t))
		node_put(&t->arena, out, "tags", node_text(&t->arena, task_outcome_tags(t)));
	put_pairs(&t->arena, out, "settled", &s->settled);
	put_pairs(&t->arena, out, "refused", &s->refused);
	return out->count ? json_text(&t->arena, out) : NULL;
}

static struct diff read_pairs(struct arena *a, const struct node *list)
{
	struct diff out = { 0 };

	for (size_t i = 0; list && i < list->count; i++) {
		const struct node *pair = list->entries[i].value;
		const char *path = node_get_text(pair, "path");
		diff_add(a, &out, &(struct change){
			.op = CHANGE_REPLACE, .path = path ? path : "", .to = node_get(pair, "sent"), .from = node_get(pair, "kept"),
			.sent = "", .kept = "",
		});
	}
	return out;
}

/* False if the text is damaged: it is none of ours. */
static bool read_outcome(struct cycle *c, const struct held_look *h, struct node **out)
{
	struct err err;

	*out = NULL;
	return !h->outcome || json_read(c->arena, h->outcome, strlen(h->outcome), out, &err);
}

bool warm_reuse(struct workflow_task *t, const struct listed *listed)
{
	struct cycle *c = t->cycle;
	struct plan_step *s = t->step;
	const struct held_look *h;
	struct node *outcome;

	/* Whether a step is as a saved plan says is seen in a description only. */
	if (!c->warm.held || task_saved_step(t))
		return false;
	t->listed = listed;
	read_inputs(t);
	h = find_look(&c->warm, s->name);
	if (c->warm.full || !still_holds(t, h) || !read_outcome(c, h, &outcome))
		return false;
	s->settled = read_pairs(c->arena, node_get(outcome, "settled"));
	s->refused = read_pairs(c->arena, node_get(outcome, "refused"));
	s->action = ACTION_NONE;
	s->result = s->refused.count ? RESULT_REFUSED : RESULT_UNCHANGED;
	task_outcome_tally(t, h->unseen, node_get_text(outcome, "tags"));
	task_outcome_explain(t);
	arena_free(&t->arena);
	c->warm.reused++;
	return true;
}

/* The guard on updates has to count what would be written, and so does a saved plan. */
bool warm_may_postpone(const struct workflow_task *t)
{
	const struct cycle *c = t->cycle;

	return c->options.apply && !c->options.saved && !c->options.limits.update_limit && t->listed && !c->warm.full &&
	       is_same_workflow(t, find_look(&c->warm, t->step->name));
}

/* ---- a new look ---- */

/* The list may have been read before a change that the description shows, or the description may be an old one.  Then
 * both have different stamps. */
static bool is_of_the_entry(const struct workflow_task *t)
{
	int64_t updated = list_entry_time(node_get_text(t->call->answer, "updatedAt"));

	return updated && updated == t->listed->entry.updated;
}

static bool needs_no_write(const struct plan_step *s)
{
	return s->action == ACTION_NONE && (s->result == RESULT_UNCHANGED || s->result == RESULT_REFUSED) && !s->note;
}

/* Without a record of the state or the spec itself, the outcome depends on intents, or on the history of the file. */
static bool is_decided(const struct workflow_task *t)
{
	return !t->recorded && !t->known.passing && (t->known.record || !t->marked);
}

static bool texts_equal(const char *x, const char *y)
{
	return x && y ? strcmp(x, y) == 0 : x == y;
}

/* The workflow changed, although its entry in the list did not: the stamps of this service say nothing. */
static void check_look(struct workflow_task *t, const struct held_look *h, const char *outcome)
{
	struct warm *w = &t->cycle->warm;
	bool differs = needs_no_write(t->step) ? !t->recorded && !texts_equal(h->outcome, outcome)
	                                       : t->step->result == RESULT_PLANNED;

	if (differs && !w->wrong)
		w->wrong = t->step->name;
}

static void hold_look(struct workflow_task *t, const char *outcome)
{
	struct warm *w = &t->cycle->warm;
	struct arena *a = t->cycle->arena;
	const struct diff *diff = &t->step->diff;
	struct held_look look = {
		.name = t->step->name, .entry = t->listed->entry, .described = t->described,
		.outcome = arena_strdup_or_null(a, outcome),
		.unseen = diff->unseen_count ? arena_strdup(a, diff->unseen[0]) : NULL,
	};

	memcpy(look.inputs, t->inputs, sizeof look.inputs);
	arena_grow(a, w->fresh, w->fresh_count, w->fresh_room);
	w->fresh[w->fresh_count++] = look;
}

static void drop_look(struct cycle *c, const char *name)
{
	struct warm *w = &c->warm;

	arena_grow(c->arena, w->stale, w->stale_count, w->stale_room);
	w->stale[w->stale_count++] = name;
}

void warm_take_look(struct workflow_task *t)
{
	struct warm *w = &t->cycle->warm;
	const struct held_look *h = find_look(w, t->step->name);

	if (!w->held || !t->listed)
		return;
	bool good = t->call && t->call->op.ok && is_of_the_entry(t);
	const char *outcome = good ? outcome_text(t) : NULL;
	bool held = still_holds(t, h);
	if (good && held)
		check_look(t, h, outcome);
	if (good && needs_no_write(t->step) && is_decided(t)) {
		if (!held || !texts_equal(h->outcome, outcome) ||
		    !texts_equal(h->unseen, t->step->diff.unseen_count ? t->step->diff.unseen[0] : NULL))
			hold_look(t, outcome);
	} else if (h) {
		drop_look(t->cycle, t->step->name);
	}
}

/* ---- the end ---- */

static bool has_failed(const struct cycle *c)
{
	bool failed = c->report->verdict.failed;

	for (size_t i = 0; i < c->report->step_count; i++)
		failed |= c->report->steps[i].result == RESULT_FAILED;
	return failed;
}

/* True if this cycle was about all workflows, and none was left out because the cycle was stopped. */
static bool has_seen_all(const struct cycle *c)
{
	return !c->options.only_count && !c->report->verdict.invalid && !c->list.changing && !c->dispatch->stop;
}

static int order_spec_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void drop_undeclared(struct cycle *c)
{
	const struct held_looks *held = c->warm.held;
	const char **names = arena_new(c->arena, const char *, c->count + 1);

	for (size_t i = 0; i < c->count; i++)
		names[i] = c->tasks[i].spec->name;
	if (c->count)
		qsort(names, c->count, sizeof *names, order_spec_names);
	for (size_t i = 0; i < held->count; i++)
		if (!c->count || !bsearch(&held->items[i].name, names, c->count, sizeof *names, order_spec_names))
			drop_look(c, held->items[i].name);
}

void warm_end(struct cycle *c)
{
	struct warm *w = &c->warm;

	/* Without a list nothing was planned, but the next cycle looks at everything. */
	if (c->list.entry_key && !c->list.op.ok)
		w->held = c->memory.looks;
	if (!w->held)
		return;
	if (has_failed(c)) {
		w->full_ms = 0;
	} else if (w->full && has_seen_all(c)) {
		w->full_ms = current_ms(c);
		drop_undeclared(c);
	}
	if (w->wrong && c->options.apply)
		diagnostics_warn(c->faults, (struct pos){ 0 }, "workflow \"%s\" was changed, and its entry in the list was not: the "
		                 "updatedAt of this service does not tell what changed, so each cycle describes every workflow",
		                 w->wrong);
}
