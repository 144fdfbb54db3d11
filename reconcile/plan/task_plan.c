#include "reconcile/plan/task_plan.h"

#include <string.h>

#include "reconcile/plan/task_outcome.h"
#include "reconcile/plan/task_record.h"
#include "reconcile/plan/task_request.h"
#include "reconcile/plan/task_saved.h"
#include "reconcile/plan/task_spec.h"
#include "reconcile/schema/digest.h"
#include "reconcile/schema/mask.h"
#include "reconcile/schema/normalise.h"

/* ---- whose the workflow is ---- */

const char *task_plan_ownership_conflict(struct arena *a, const struct workflow_task *t, const struct owner_tags *m,
                                         const char *name)
{
	const struct cycle_options *o = &t->cycle->options;
	const char *other = owner_tags_other_owner(a, m, o->owner, name), *old = t->spec->renamed_from;
	/* It may have been renamed by hand. */
	bool owned = owner_tags_owned(a, m, o->owner, name) || owner_tags_owned(a, m, o->owner, t->spec->name);

	if (other)
		return arena_printf(a, "it belongs to owner \"%s\" (tag flowsync-%s)", other, other);
	if (owned)
		return NULL;
	if (strcmp(name, t->spec->name) != 0 && !(old && strcmp(name, old) == 0))
		return arena_printf(a, "renamed to \"%s\" since it was listed; skipped", name);
	return o->no_adopt ? "it has no owner tag, and adopting is off (--adopt no)" : NULL;
}

/* The list may have shown other tags, or none. */
const char *task_plan_conflict(struct workflow_task *t)
{
	struct owner_tags m = owner_tags_read(&t->arena, node_get(t->call->answer, "tags"));

	return task_plan_ownership_conflict(&t->arena, t, &m, node_get_text(t->call->answer, "name"));
}

/* Since the list was read it may have been renamed, kept, or taken by another owner. */
bool task_plan_may_delete(struct workflow_task *t)
{
	struct owner_tags m = owner_tags_read(&t->arena, node_get(t->call->answer, "tags"));

	return m.owner && strcmp(m.owner, t->cycle->options.owner) == 0 && !m.other && !m.keep &&
	       strcmp(node_get_text(t->call->answer, "name"), t->step->name) == 0 &&
	       owner_tags_fit(&t->arena, &m, t->step->name);
}

/* ---- how it differs ---- */

bool task_plan_has_status(const struct node *described, const char *word)
{
	const char *status = node_get_text(described, "status");

	return status && strcmp(status, word) == 0;
}

/* Sets are sorted, otherwise a service that shows them in varying order would give varying digests. */
static struct node *observed_body(struct workflow_task *t)
{
	struct node *observed = digest_ordered(&t->arena, t->call->answer);
	const struct node *mask_at = t->cycle->options.mask;

	/* The marks are none of what describe gave. */
	if (mask_at && mask_at->count)
		observed = node_copy(&t->arena, observed);
	mask_mark(&t->arena, observed, mask_at);
	return observed;
}

const struct node *task_plan_compare(struct workflow_task *t, const struct node *record, struct diff *out)
{
	struct node *observed = observed_body(t);

	diff_three_way(&t->arena, &(struct diff_sides){
		.name = t->spec->name, .declared = task_spec_normal(t),
		.observed = observed, .ignore = t->spec->ignore,
		.record = record, .sealed = task_spec_sealed(t), .other = task_spec_sealed_other(t), .whole = t->cycle->options.whole,
		/* An explanation asks for them too, and must not change the plan. */
		.resources = t->cycle->options.whole ? t->cycle->resources.answer : NULL,
	}, out);
	return observed;
}

const struct node *task_plan_retained(struct workflow_task *t, const struct diff *settled)
{
	struct node *body = NULL;

	for (size_t i = 0; i < settled->count; i++) {
		const struct change *c = &settled->items[i];
		if (c->by_record && !body)
			body = node_copy(&t->arena, task_spec_sealed(t));
		if (c->by_record)
			applied_record_retain(&t->arena, body, t->known.record, c->path);
	}
	return body;
}

/* The most likely S after the write: the present one for the same spec, or that of the differences that are settled now.
 * If the write gives another S, the tag is corrected. */
static const char *likely_settled_tag(struct workflow_task *t, const struct owner_tags *m,
                                      const struct settlement *parts)
{
	const char *now = settled_digest_of(&t->arena, parts);

	if (!m->settled || !now)
		return m->settled ? m->settled : now;
	/* Asked for last: the digest of the spec takes as long as the comparison. */
	return m->body && task_spec_sealed_reading(t, m->body) ? m->settled : now;
}

bool task_plan_renews_tags(const struct workflow_task *t)
{
	return t->cycle->options.mark && t->marked && !t->known.record;
}

/* prune: false has to be on the workflow before the spec's file is removed. */
static bool tags_are_due(struct workflow_task *t, const struct owner_tags *m)
{
	bool due = t->marked ? m->keep == t->spec->prune || task_plan_renews_tags(t) : t->cycle->options.mark;

	if (!due)
		return false;
	struct owner_tags ours = task_request_tags(t);
	return !settled_knows_tags(&t->arena, task_record_habits(t), &ours, m);
}

/* ---- what is done about it ---- */

/* The spec's own change comes first, then what happened on the service. */
static enum reason leading_reason(const struct diff *diff)
{
	enum reason reason = REASON_ADOPTED;

	for (size_t i = 0; i < diff->count; i++)
		if (i == 0 || diff->items[i].reason < reason)
			reason = diff->items[i].reason;
	return reason;
}

static enum task_plan decide(struct workflow_task *t, const struct diff *open, bool tags, bool pause)
{
	struct plan_step *s = t->step;
	bool write = open->count || tags || pause;
	enum reason other = pause ? REASON_DRIFT : t->marked ? REASON_DECLARED : REASON_ADOPTED;

	s->reason = open->count ? leading_reason(open) : other;
	s->note = task_outcome_note(t, open->count, tags, pause);
	s->action = !write ? ACTION_NONE : open->removes ? ACTION_REPLACE : ACTION_PATCH;
	s->result = write ? RESULT_PLANNED : s->refused.count ? RESULT_REFUSED : RESULT_UNCHANGED;
	if (!write)
		return PLAN_NOTHING;
	return open->count || tags ? PLAN_UPDATE : PLAN_PAUSE;
}

/* The replacement of a masked value is allowed at ignored places only. */
static bool sends_masked(struct workflow_task *t, const struct node *described)
{
	const char *at = t->step->result == RESULT_PLANNED && t->spec->ignore ? task_request_masked(t, described) : NULL;

	if (at)
		task_outcome_masked(t, at);
	return at;
}

/* Splits the difference by the settled differences that are known. */
static void split_difference(struct workflow_task *t, const struct diff *diff, const struct owner_tags *m)
{
	struct plan_step *s = t->step;
	struct settlement parts;

	settled_split(&t->arena, diff, task_record_habits(t), t->known.record ? m->settled : NULL, &parts);
	parts.open.unseen = diff->unseen;
	parts.open.unseen_count = diff->unseen_count;
	s->diff = diff_copy(&t->planned, &parts.open);
	s->settled = diff_copy(&t->planned, &parts.settled);
	s->refused = diff_copy(&t->planned, &parts.refused);
	t->removals = &s->diff;
	t->parts = (struct settlement){ .settled = s->settled, .refused = s->refused };
	t->known.retained = task_plan_retained(t, &s->settled);
	t->known.settled_tag = t->known.settled = likely_settled_tag(t, m, &parts);
}

/* The task keeps the name beyond the attempt. */
static void note_old_name(struct workflow_task *t, const char *name)
{
	if (strcmp(name, t->step->name) == 0)
		t->old_name = NULL;
	else if (!t->old_name || strcmp(name, t->old_name) != 0)
		t->old_name = arena_strdup(t->cycle->arena, name);
}

enum task_plan task_plan_update(struct workflow_task *t)
{
	const struct node *described = t->call->answer;
	struct owner_tags m = owner_tags_read(&t->arena, node_get(described, "tags"));
	const char *name = node_get_text(described, "name");
	bool paused = task_plan_has_status(described, "Paused");
	struct diff diff;

	workflow_task_plan_anew(t);
	note_old_name(t, name);
	t->marked = owner_tags_owned(&t->arena, &m, t->cycle->options.owner, name);
	t->known.record = task_record_body(t, &m);
	t->known.observed = task_plan_compare(t, t->known.record, &diff);
	split_difference(t, &diff, &m);
	/* "If the service resumed it, it is paused again, also after a crash" (design, 6.1). */
	bool pause = !paused && task_record_says_paused(t);
	enum task_plan plan = decide(t, &t->step->diff, tags_are_due(t, &m), pause);
	t->was_paused |= paused || pause;
	t->was_draft |= task_plan_has_status(described, "Draft");
	bool masked = sends_masked(t, described);
	task_saved_note(t);
	return masked ? PLAN_NOTHING : plan;
}

/* ---- a new workflow ---- */

static void plan_addition(struct workflow_task *t, const char *path, const struct field *f, const struct entry *e)
{
	struct arena *a = &t->planned;
	struct diff *diff = &t->step->diff;

	arena_grow(a, diff->items, diff->count, diff->room);
	diff->items[diff->count++] = (struct change){
		.op = CHANGE_ADD, .path = pointer_add(a, path, e->key), .reason = REASON_DECLARED,
		.to = mask(a, f, e->value, 1), .at = e->at,
	};
}

static void plan_additions(struct workflow_task *t)
{
	const struct node *body = task_spec_body(t);

	for (size_t i = 0; i < body->count; i++) {
		const struct entry *e = &body->entries[i];
		const struct field *f = field_child(&workflow_field, e->key, ALL_KINDS);
		if (f->type != FIELD_MAP)
			plan_addition(t, "", f, e);
		/* Each step is an addition of its own, so that the report stays readable. */
		for (size_t j = 0; f->type == FIELD_MAP && j < e->value->count; j++)
			plan_addition(t, pointer_add(&t->planned, "", e->key), f->fields, &e->value->entries[j]);
	}
}

void task_plan_create(struct workflow_task *t)
{
	struct plan_step *s = t->step;

	workflow_task_plan_anew(t);
	plan_additions(t);
	memset(&t->known, 0, sizeof t->known);
	t->removals = NULL;
	s->id = 0;
	s->action = ACTION_CREATE;
	s->reason = REASON_DECLARED;
	/* "A failed fetch plans neither deletes nor creates" (design, 6.3). */
	s->result = t->cycle->held ? RESULT_DEFERRED : RESULT_PLANNED;
	s->error = t->cycle->held;
	sends_masked(t, NULL);
	task_saved_note(t);
}

/* ---- a workflow that goes ---- */

static void plan_loss(struct workflow_task *t, const char *path, const struct field *f, const struct node *value)
{
	const struct change loss = {
		.op = CHANGE_REMOVE, .path = path, .reason = REASON_UNDECLARED, .from = mask(&t->planned, f, value, 1),
	};

	diff_add(&t->planned, &t->step->diff, &loss);
}

void task_plan_removal(struct workflow_task *t)
{
	const struct node *body = observed_body(t);

	workflow_task_plan_anew(t);
	for (const struct field *f = workflow_field.fields; f->name; f++) {
		const struct node *value = node_get(body, f->name);
		const char *path = pointer_add(&t->planned, "", f->name);
		bool steps = f->type == FIELD_MAP && value && value->kind == NODE_MAP;
		if (!steps && !node_empty(value))
			plan_loss(t, path, f, value);
		for (size_t i = 0; steps && i < value->count; i++)
			plan_loss(t, pointer_add(&t->planned, path, value->entries[i].key), f->fields, value->entries[i].value);
	}
}
