#include "reconcile/plan/workflow_task.h"

#include <string.h>

#include "reconcile/plan/request_body.h"
#include "reconcile/schema/digest.h"
#include "reconcile/schema/mask.h"

enum {
	VERIFY_AGAIN_MS = 1000,		/* "described again after a second": reads may be stale after a write */
	VERIFY_TRIES = 2,
	CONFLICT_FIRST_MS = 2000,	/* a running workflow is tried again until the cycle's time is over */
	CONFLICT_MOST_MS = 30000,
	NOT_FOUND = 404,
	CONFLICT = 409,
	FORBIDDEN = 403,
};

static enum task_next ended(struct workflow_task *w, enum result result, const char *error)
{
	struct cycle *c = w->cycle;

	w->step->result = result;
	w->step->error = error ? arena_strdup(c->arena, error) : NULL;
	w->step->duration_ms = w->state == WORK_LOOK ? 0 : c->dispatch->now - w->begun;
	c->finished++;
	arena_free(&w->arena);
	return TASK_DONE;
}

/* "401 stops the cycle at once; 403 on one workflow fails that step, five in a row stop"
 * (design, 6). */
static enum task_next failed(struct workflow_task *w, const struct operation_task *op)
{
	struct cycle *c = w->cycle;

	w->step->http_status = op->status;
	c->forbidden = op->status == FORBIDDEN ? c->forbidden + 1 : 0;
	if (c->forbidden == CYCLE_FORBIDDEN_MAX) {
		c->forbade = true;
		dispatch_stop(c->dispatch);
	}
	return ended(w, w->given_up ? RESULT_DEFERRED : RESULT_FAILED, op->err.msg);
}

/* ---- what is known of the workflow ---- */

static const struct applied_record *remembered(const struct workflow_task *w)
{
	const struct applied_records *records = w->cycle->memory.records;
	const struct applied_record *r = records ? applied_records_find(records, w->spec->name) : NULL;

	if (r || !records || !w->old_name)
		return r;
	r = applied_records_find(records, w->old_name);
	return r && r->id == w->step->id ? r : NULL;
}

static const struct node *seal(struct workflow_task *w, const struct node *body)
{
	static const unsigned char no_key[DIGEST_KEY_SIZE];
	const unsigned char *key = w->cycle->memory.key;

	return digest_seal(&w->arena, key ? key : no_key, body);
}

/* "The record of a workflow is the state's, if its D is the one on the workflow; else the spec
 * itself, if its D is; else … the newest of the last 200 versions of its file whose D it is;
 * else there is none" (design, 5). */
static const struct node *find_record(struct workflow_task *w, const struct owner_tags *m, const struct node *sealed)
{
	const struct applied_record *r = remembered(w);
	const struct cycle_memory *memory = &w->cycle->memory;
	const struct node *older;
	bool dropped = !m->body && r && r->id == w->step->id && settled_knows_tags(&w->arena, r->settled, NULL, m);

	/* A service that never keeps our tags says nothing by their absence. */
	if (r && r->body && (dropped || (m->body && strcmp(r->digest, m->body) == 0)))
		return r->body;
	if (!m->body)
		return NULL;
	if (strcmp(digest_body(&w->arena, w->spec->body), m->body) == 0)
		return sealed;
	older = memory->recall ? memory->recall(memory->context, &w->arena, w->spec, m->body) : NULL;
	return older ? seal(w, older) : NULL;
}

/* What was known under an old name is known under the new one: "keep the workflow and its
 * history" (design, 4). */
static void forget_name(struct workflow_task *w, const char *name)
{
	const struct cycle_memory *memory = &w->cycle->memory;
	const struct applied_record *old = name && memory->records ? applied_records_find(memory->records, name) : NULL;

	if (old && old->id == w->step->id && memory->forget)
		memory->forget(memory->context, name);
}

/* What is known is kept at once, so that a crash costs nothing. */
static void remember(struct workflow_task *w, const struct node *settled, bool paused)
{
	const struct cycle_memory *memory = &w->cycle->memory;

	if (!memory->keep)
		return;
	memory->keep(memory->context, &(struct applied_record){
		.name = w->spec->name, .id = w->step->id, .digest = digest_body(&w->arena, w->spec->body),
		.body = w->left ? w->left : seal(w, w->spec->body), .settled = settled, .paused = paused,
	});
	forget_name(w, w->old_name);
	forget_name(w, w->spec->renamed_from);
}

static const struct node *known_pairs(const struct workflow_task *w)
{
	const struct applied_record *r = remembered(w);

	return r ? r->settled : NULL;
}

static void tell_one(struct tally *t, const char *name)
{
	if (t->count++ == 0)
		t->name = name;
}

/* ---- planning ---- */

static const char *paths(struct workflow_task *w, const char *words, const struct diff *diff)
{
	for (size_t i = 0; i < diff->count; i++)
		words = arena_printf(&w->arena, "%s%s %s", words, i ? "," : "", diff->items[i].path);
	return words;
}

static enum reason leading_reason(const struct diff *diff)
{
	enum reason reason = REASON_ADOPTED;

	/* The spec's own change comes first, then what happened on the service. */
	for (size_t i = 0; i < diff->count; i++)
		if (i == 0 || diff->items[i].reason < reason)
			reason = diff->items[i].reason;
	return reason;
}

/* Sets in one order, or a service that shows them in another each time would show another
 * difference each time. */
static void compare(struct workflow_task *w, const struct node *described, const struct node *record,
                    struct diff *out)
{
	struct node *observed = digest_ordered(&w->arena, described);

	mask_mark(&w->arena, observed, w->cycle->options.mask);
	w->observed = observed;
	diff_three_way(&w->arena, &(struct diff_sides){
		.name = w->spec->name, .declared = normalise(&w->arena, w->spec->body),
		.observed = observed, .ignore = w->spec->ignore,
		.record = record, .sealed = seal(w, w->spec->body), .whole = w->cycle->options.whole,
		.resources = w->cycle->resources.answer,
	}, out);
}

static bool has_status(const struct node *described, const char *word)
{
	const char *status = node_get_text(described, "status");

	return status && strcmp(status, word) == 0;
}

static bool is_paused(const struct node *described)
{
	return has_status(described, "Paused");
}

/* The tags of ours that the workflow is to have. */
static struct owner_tags our_marker(struct workflow_task *w)
{
	return (struct owner_tags){
		.owner = w->cycle->options.owner, .name = digest_name(&w->arena, w->spec->name),
		.body = digest_body(&w->arena, w->spec->body), .settled = w->settled_tag, .keep = !w->spec->prune,
	};
}

/* prune: false has to stand on the workflow before the spec's file goes. */
static bool tags_are_due(struct workflow_task *w, const struct owner_tags *m)
{
	struct owner_tags ours = our_marker(w);
	bool due = w->marked ? m->keep != ours.keep : w->cycle->options.mark;

	return due && !settled_knows_tags(&w->arena, known_pairs(w), &ours, m);
}

/* S as it will most likely be: that of the same spec before, or of what is settled now.  If it
 * comes otherwise, it is written once more. */
static const char *likely_tag(struct workflow_task *w, const struct owner_tags *m, const struct settlement *parts)
{
	const char *now = settled_digest_of(&w->arena, parts);
	bool same_spec = m->body && strcmp(m->body, digest_body(&w->arena, w->spec->body)) == 0;

	return m->settled && (same_spec || !now) ? m->settled : now;
}

/* What no change tells of: our own tags, and its being paused again. */
static const char *note(const struct workflow_task *w, bool changes, bool tags, bool pause)
{
	if (pause)
		return "it was paused when an update of flowsync set it going, and is paused again";
	if (tags && !w->marked)
		return changes ? NULL : "equal already: flowsync's tags are put on it, as --mark asks";
	if (tags)
		return w->spec->prune ? "the tag flowsync-keep goes: the spec does not say prune: false any more"
		                      : "the tag flowsync-keep is put on it: the spec says prune: false";
	return NULL;
}

static void decide(struct workflow_task *w, const struct settlement *parts, bool tags, bool pause)
{
	struct plan_step *s = w->step;
	bool write = parts->open.count || tags || pause;
	enum reason other = pause ? REASON_DRIFT : w->marked ? REASON_DECLARED : REASON_ADOPTED;

	w->to_pause = pause;
	w->body_differs = parts->open.count || tags;
	s->reason = parts->open.count ? leading_reason(&parts->open) : other;
	s->note = note(w, parts->open.count, tags, pause);
	s->action = !write ? ACTION_NONE : parts->open.removes ? ACTION_REPLACE : ACTION_PATCH;
	s->result = write ? RESULT_PLANNED : parts->refused.count ? RESULT_REFUSED : RESULT_UNCHANGED;
}

/* What was declared, with the keys that the service does not let go: else nothing would tell of
 * them any more.  NULL: there are none. */
static const struct node *with_left(struct workflow_task *w, const struct settlement *parts)
{
	struct node *body = NULL;

	for (size_t i = 0; i < parts->settled.count; i++) {
		const struct change *c = &parts->settled.items[i];
		if (c->by_record && !body)
			body = node_copy(&w->arena, seal(w, w->spec->body));
		if (c->by_record)
			applied_record_retain(&w->arena, body, w->record, c->path);
	}
	return body;
}

/* A masked value is good for being ignored, and for nothing else. */
static void refuse_masked(struct workflow_task *w, const struct node *described)
{
	struct plan_step *s = w->step;
	struct owner_tags m = our_marker(w);
	const char *at = NULL;

	if (s->result == RESULT_PLANNED && w->spec->ignore)
		at = request_body_masked(&w->arena, &(struct request_body_sides){
			.declared = w->spec->body, .described = described, .ignore = w->spec->ignore,
			.diff = &s->diff, .marker = &m, .whole = w->cycle->options.whole,
		});
	if (!at)
		return;
	s->result = RESULT_FAILED;
	s->error = arena_printf(w->cycle->arena, "%s: \"(masked #...)\" stands for a secret that was not shown, "
	                        "and is never sent; write the secret itself", at);
}

/* Sets the step by the difference between the spec and what describe gave. */
static void plan(struct workflow_task *w, const struct node *described)
{
	struct plan_step *s = w->step;
	struct cycle *c = w->cycle;
	struct owner_tags m = owner_tags_read(&w->arena, node_get(described, "tags"));
	const char *name = node_get_text(described, "name");
	struct settlement parts;
	struct diff diff;

	w->old_name = strcmp(name, s->name) != 0 ? arena_strdup(c->arena, name) : NULL;
	w->marked = owner_tags_owned(&w->arena, &m, c->options.owner, name);
	w->record = find_record(w, &m, seal(w, w->spec->body));
	compare(w, described, w->record, &diff);
	w->before = w->observed;
	settled_split(&w->arena, &diff, known_pairs(w), w->record ? m.settled : NULL, &parts);
	w->left = with_left(w, &parts);
	parts.open.unseen = diff.unseen;
	parts.open.unseen_count = diff.unseen_count;
	s->diff = diff_copy(c->arena, &parts.open);
	s->settled = diff_copy(c->arena, &parts.settled);
	s->refused = diff_copy(c->arena, &parts.refused);
	w->settled_tag = w->judged = likely_tag(w, &m, &parts);
	/* "If the service resumed it, it is paused again, also after a crash" (design, 6). */
	const struct applied_record *r = remembered(w);
	decide(w, &parts, tags_are_due(w, &m),
	       r && r->paused && r->id == s->id && !is_paused(described));
	refuse_masked(w, described);
}

static void plan_addition(struct workflow_task *w, const char *path, const struct field *f,
                          const struct entry *e)
{
	struct arena *a = w->cycle->arena;
	struct diff *diff = &w->step->diff;

	arena_grow(a, diff->items, diff->count, diff->room);
	diff->items[diff->count++] = (struct change){
		.op = CHANGE_ADD, .path = pointer_add(a, path, e->key), .reason = REASON_DECLARED,
		.to = mask(a, f, e->value, 1), .at = e->at,
	};
}

void workflow_task_plan_create(struct workflow_task *w)
{
	struct plan_step *s = w->step;
	const struct node *body = w->spec->body;

	s->diff = s->settled = s->refused = (struct diff){ 0 };
	for (size_t i = 0; i < body->count; i++) {
		const struct entry *e = &body->entries[i];
		const struct field *f = field_child(&workflow_field, e->key, ALL_KINDS);
		if (f->type != FIELD_MAP)
			plan_addition(w, "", f, e);
		/* The steps one by one: together they would be too much to read. */
		for (size_t j = 0; f->type == FIELD_MAP && j < e->value->count; j++)
			plan_addition(w, pointer_add(w->cycle->arena, "", e->key), f->fields,
			              &e->value->entries[j]);
	}
	s->id = 0;
	s->action = ACTION_CREATE;
	s->reason = REASON_DECLARED;
	/* "A failed fetch plans neither deletes nor creates" (design, 6). */
	s->result = w->cycle->options.hold ? RESULT_DEFERRED : RESULT_PLANNED;
	s->error = w->cycle->options.hold ? TASK_HELD : NULL;
	refuse_masked(w, NULL);
}

static enum task_next describe(struct workflow_task *w, enum task_state state, int64_t wait_ms,
                               struct request *next)
{
	w->state = state;
	operation_describe_init(&w->call, &w->arena, w->step->id, w->step->name);
	enum task_next ask = w->call.op.task.step(&w->call.op.task, NULL, next);
	next->wait_ms = wait_ms;
	return ask;
}

/* ---- looking ---- */

static const char *refused_words(struct workflow_task *w)
{
	return paths(w, "refused by the service:", &w->step->refused);
}

/* As far as is remembered. */
static bool tags_never_stay(struct workflow_task *w)
{
	struct owner_tags m = owner_tags_read(&w->arena, node_get(w->call.answer, "tags"));

	return !m.body && settled_knows_tags(&w->arena, known_pairs(w), NULL, &m);
}

/* Of a step that was planned; NULL: nothing stands against it. */
static const char *why_not(struct workflow_task *w)
{
	switch (w->step->result) {
	case RESULT_FAILED:
	case RESULT_DEFERRED:	return w->step->error;
	case RESULT_REFUSED:	return refused_words(w);
	default:		return NULL;
	}
}

static void tell_of_look(struct workflow_task *w)
{
	struct cycle *c = w->cycle;
	bool write = w->step->action != ACTION_NONE;

	if (w->step->diff.unseen_count) {
		if (!c->unseen.count)
			c->unseen_path = arena_strdup(c->arena, w->step->diff.unseen[0]);
		tell_one(&c->unseen, w->step->name);
	}
	if (!w->marked && !write)
		tell_one(tags_never_stay(w) ? &c->tagless : &c->unmarked, w->step->name);
	if (write && !w->record)
		tell_one(&c->unrecorded, w->step->name);
}

/* It is still, or again, paused: whoever resumes it now means it. */
static void forget_paused(struct workflow_task *w)
{
	const struct cycle_memory *memory = &w->cycle->memory;
	const struct applied_record *r = remembered(w);
	struct applied_record record;

	if (!r || !r->paused || !memory->keep)
		return;
	record = *r;
	record.paused = false;
	memory->keep(memory->context, &record);
}

/* Where the state was lost, what stands on the workflow is enough to begin it again. */
static void remember_unchanged(struct workflow_task *w, const struct node *described)
{
	struct owner_tags m = owner_tags_read(&w->arena, node_get(described, "tags"));
	const struct applied_record *r = remembered(w);
	const char *digest = digest_body(&w->arena, w->spec->body);
	struct settlement parts = { .settled = w->step->settled, .refused = w->step->refused };
	bool known = r && r->id == w->step->id && strcmp(r->digest, digest) == 0;

	if (w->marked && m.body && strcmp(m.body, digest) == 0 && !known)
		remember(w, settled_list(&w->arena, &parts), false);
	else
		forget_paused(w);
}

const char *workflow_task_ownership_conflict(struct arena *a, const struct workflow_task *w, const struct owner_tags *m, const char *name)
{
	const struct cycle_options *o = &w->cycle->options;
	const char *other = owner_tags_other_owner(a, m, o->owner, name), *old = w->spec->renamed_from;
	/* It may have been renamed by hand. */
	bool owned = owner_tags_owned(a, m, o->owner, name) || owner_tags_owned(a, m, o->owner, w->spec->name);

	if (other)
		return arena_printf(a, "it belongs to owner \"%s\" (tag flowsync-%s)", other, other);
	if (owned)
		return NULL;
	if (strcmp(name, w->spec->name) != 0 && !(old && strcmp(name, old) == 0))
		return arena_printf(a, "it is called \"%s\" since it was listed, and is left alone", name);
	return o->no_adopt ? "it is on the service without our marker, and is not adopted" : NULL;
}

/* The list may have told nothing of its tags, or another thing. */
static const char *not_ours(struct workflow_task *w)
{
	struct owner_tags m = owner_tags_read(&w->arena, node_get(w->call.answer, "tags"));

	return workflow_task_ownership_conflict(&w->arena, w, &m, node_get_text(w->call.answer, "name"));
}

static enum task_next looked(struct workflow_task *w)
{
	const struct operation_task *op = &w->call.op;
	enum result result;
	const char *taken;

	if (!op->ok && op->status == NOT_FOUND) {	/* deleted since it was listed */
		workflow_task_plan_create(w);
		return ended(w, w->step->result, why_not(w));
	}
	if (!op->ok)
		return failed(w, op);
	w->cycle->forbidden = 0;
	if ((taken = not_ours(w)))
		return ended(w, RESULT_CONFLICT, taken);
	plan(w, w->call.answer);
	tell_of_look(w);
	result = w->step->result;
	/* "… of a workflow that we never wrote" (design, 6) */
	const char *lost = result == RESULT_PLANNED && !w->marked
	                 ? request_body_may_lose(&w->arena, w->spec->body, w->call.answer) : NULL;
	if (lost)
		diagnostics_warn(w->cycle->faults, w->step->at,
		           "workflow \"%s\": an update loses %s if it is set on the service, which does not "
		           "show it; declare it to keep it", w->step->name, lost);
	if (result == RESULT_UNCHANGED && w->cycle->options.apply)
		remember_unchanged(w, w->call.answer);
	return ended(w, result, why_not(w));
}

/* ---- writing ---- */

static enum task_next create(struct workflow_task *w, struct request *next)
{
	struct owner_tags m = our_marker(w);
	struct node *body = request_body_write(&w->arena, &(struct request_body_sides){
		.declared = w->spec->body, .marker = &m,
	});

	w->state = WORK_CREATE;
	w->body_differs = true;
	operation_create_init(&w->create, &w->arena, body);
	return w->create.op.task.step(&w->create.op.task, NULL, next);
}

static enum task_next update(struct workflow_task *w, const struct diff *diff, struct request *next)
{
	struct owner_tags m = our_marker(w);
	struct node *body = request_body_write(&w->arena, &(struct request_body_sides){
		.declared = w->spec->body, .described = w->call.answer, .ignore = w->spec->ignore,
		.diff = diff, .marker = &m, .whole = w->cycle->options.whole,
	});

	w->state = WORK_WRITE;
	operation_update_init(&w->call, &w->arena, w->step->id, w->step->name, body);
	return w->call.op.task.step(&w->call.op.task, NULL, next);
}

/* It was written: what may fail now does not undo that. */
static enum task_next verify(struct workflow_task *w, const struct operation_task *op, struct request *next)
{
	w->cycle->report->verdict.applied = true;
	w->cycle->forbidden = 0;
	w->step->http_status = op->status;
	w->tries = 0;
	remember(w, known_pairs(w), w->was_paused);
	return describe(w, WORK_VERIFY, 0, next);
}

static enum task_next created(struct workflow_task *w, struct request *next)
{
	struct operation_create *op = &w->create;

	w->step->attempts = op->sendings;
	if (op->op.ok) {
		w->step->id = op->id;
		return verify(w, &op->op, next);
	}
	if (op->there_count > 1)
		return ended(w, RESULT_CONFLICT, op->op.err.msg);
	/* "If it is there, the step is planned again": somebody made it since it was listed. */
	if (op->there) {
		w->step->id = op->there;
		return describe(w, WORK_DESCRIBE, 0, next);
	}
	if (op->held_back)
		return ended(w, RESULT_DEFERRED, TASK_NOT_BEGUN);
	return failed(w, &op->op);
}

/* Only that it was paused: what was applied last is what it was. */
static void remember_paused(struct workflow_task *w)
{
	const struct cycle_memory *memory = &w->cycle->memory;
	const struct applied_record *r = remembered(w);
	struct applied_record record = r ? *r : (struct applied_record){ .digest = "" };

	record.name = w->spec->name;
	record.id = w->step->id;
	record.paused = true;
	if (memory->keep)
		memory->keep(memory->context, &record);
}

static enum task_next settled(struct workflow_task *w, const struct settlement *parts, struct request *next);

/* As it was remembered before. */
static void take_back_paused(struct workflow_task *w)
{
	const struct cycle_memory *memory = &w->cycle->memory;
	const struct applied_record *r = applied_records_find(memory->records ? memory->records : &(struct applied_records){ 0 },
	                                      w->spec->name);

	if (r && memory->keep)
		memory->keep(memory->context, r);
	else if (memory->forget)
		memory->forget(memory->context, w->spec->name);
}

/* "A workflow is described again right before it is changed; if it changed since the plan, the
 * step is planned again." */
static enum task_next described(struct workflow_task *w, struct request *next)
{
	const char *taken;

	if (!w->call.op.ok && w->call.op.status == NOT_FOUND && w->step->action != ACTION_CREATE) {
		/* Nothing is left of it. */
		w->record = w->left = NULL;
		w->settled_tag = w->judged = NULL;
		workflow_task_plan_create(w);
		return why_not(w) ? ended(w, w->step->result, why_not(w)) : create(w, next);
	}
	if (!w->call.op.ok)
		return failed(w, &w->call.op);
	if ((taken = not_ours(w)))
		return ended(w, RESULT_CONFLICT, taken);
	plan(w, w->call.answer);
	w->was_paused |= is_paused(w->call.answer);
	w->was_draft |= has_status(w->call.answer, "Draft");
	if (w->step->result != RESULT_PLANNED)
		return ended(w, w->step->result, why_not(w));
	w->was_paused |= w->to_pause;
	if (!w->body_differs)
		return settled(w, &(struct settlement){ .settled = w->step->settled, .refused = w->step->refused }, next);
	/* "That it was paused is recorded before an update", so that a crash does not set it
	 * going. */
	if (w->was_paused)
		remember_paused(w);
	return update(w, &w->step->diff, next);
}

/* 409: the workflow runs.  Described again each time, as it may be another one by then.  "Retried
 * by a one-shot sync until its timeout and by the agent every 30 s without a whole cycle; the step
 * is deferred meanwhile" (design, 6). */
static enum task_next conflicted(struct workflow_task *w, struct request *next)
{
	int64_t wait = CONFLICT_FIRST_MS << (w->tries < 4 ? w->tries : 4);

	w->step->http_status = CONFLICT;
	if (w->task.stopped || w->task.hurried || w->cycle->options.defer)
		return ended(w, RESULT_DEFERRED, w->call.op.err.msg);
	w->tries++;
	return describe(w, WORK_DESCRIBE, wait < CONFLICT_MOST_MS ? wait : CONFLICT_MOST_MS, next);
}

static enum task_next written(struct workflow_task *w, struct request *next)
{
	w->step->attempts += w->task.attempts;
	/* The service said no: nothing of it was carried out. */
	if (!w->call.op.ok && w->was_paused && w->call.op.status >= 400 && w->call.op.status < 500)
		take_back_paused(w);
	if (!w->call.op.ok && w->call.op.status == CONFLICT)
		return conflicted(w, next);
	return w->call.op.ok ? verify(w, &w->call.op, next) : failed(w, &w->call.op);
}

/* ---- verifying ---- */

/* True if all tags of ours are there, or are missing as they always are. */
static bool tags_kept(struct workflow_task *w, const struct node *described)
{
	struct owner_tags ours = our_marker(w), m = owner_tags_read(&w->arena, node_get(described, "tags"));

	return owner_tags_equal(&ours, &m) ||
	       settled_knows_tags(&w->arena, known_pairs(w), &ours, &m);
}

/* What is to be remembered of what the service makes of a write, our tags included. */
static const struct node *habits(struct workflow_task *w, const struct settlement *parts)
{
	struct owner_tags ours = our_marker(w), shown = owner_tags_read(&w->arena, node_get(w->call.answer, "tags"));
	struct node *list = settled_list(&w->arena, parts);

	if (!owner_tags_equal(&ours, &shown))
		settled_tags(&w->arena, list, &ours, &shown);
	return list;
}

/* Where there is no state nothing else tells of it but this cycle. */
static void tell_of_tags(struct workflow_task *w)
{
	struct owner_tags shown = owner_tags_read(&w->arena, node_get(w->call.answer, "tags"));

	if (!shown.body)
		tell_one(&w->cycle->tagless, w->step->name);
}

/* "Applied" is not the whole truth there. */
static void tell_of_blind(struct workflow_task *w)
{
	const struct diff *diff = &w->step->diff;

	for (size_t i = 0; i < diff->count; i++)
		if (diff->items[i].blind)
			diagnostics_warn(w->cycle->faults, w->step->at, "workflow \"%s\": %s was taken out of the spec; "
			           "whether it is gone cannot be seen, as the service does not show it",
			           w->step->name, diff->items[i].path);
}

static bool same_text(const char *x, const char *y)
{
	return x && y ? strcmp(x, y) == 0 : x == y;
}

/* It is as the spec says, or as near as the service lets it be; only its being paused may be
 * missing. */
static enum task_next settled(struct workflow_task *w, const struct settlement *parts, struct request *next)
{
	struct cycle *c = w->cycle;

	/* A sign of what was seen for a moment only would, where there is no state, pass that
	 * for a habit one day. */
	w->judged = settled_digest_of(&w->arena, parts);
	w->left = with_left(w, parts);
	if (w->body_differs && !same_text(w->judged, w->settled_tag) && !w->corrected) {
		w->corrected = w->written_twice = true;
		w->settled_tag = w->judged;
		return update(w, NULL, next);
	}
	w->step->settled = diff_copy(c->arena, &parts->settled);
	w->step->refused = diff_copy(c->arena, &parts->refused);
	w->step->result = parts->refused.count ? RESULT_REFUSED : RESULT_APPLIED;
	if (w->was_draft && !has_status(w->call.answer, "Draft"))
		diagnostics_warn(c->faults, w->step->at, "workflow \"%s\": it was a draft, and the service published it "
		           "with the update", w->step->name);
	tell_of_tags(w);
	tell_of_blind(w);
	if (w->was_paused && !is_paused(w->call.answer)) {
		w->habits = habits(w, parts);
		operation_act_init(&w->call, &w->arena, OP_PAUSE, w->step->id, w->step->name);
		w->state = WORK_PAUSE;
		return w->call.op.task.step(&w->call.op.task, NULL, next);
	}
	remember(w, habits(w, parts), false);
	return ended(w, w->step->result, parts->refused.count ? refused_words(w) : NULL);
}

static enum task_next paused(struct workflow_task *w)
{
	if (!w->call.op.ok) {
		const char *why = arena_printf(&w->arena, "written, but the update set it going and it could not be "
		                               "paused again: %s", w->call.op.err.msg);
		w->step->http_status = w->call.op.status;
		return ended(w, RESULT_FAILED, why);
	}
	diagnostics_warn(w->cycle->faults, w->step->at, "workflow \"%s\": the update set it going; it was paused "
	           "again", w->step->name);
	remember(w, w->habits, false);
	return ended(w, w->step->result, w->step->refused.count ? refused_words(w) : NULL);
}

/* "Before judging, it is described again after a second, and written a second time at once"
 * (design, 5). */
static enum task_next unequal(struct workflow_task *w, const struct diff *diff, struct request *next)
{
	struct settlement parts;

	settled_split(&w->arena, diff, known_pairs(w), w->judged, &parts);
	if (!parts.open.count)
		return settled(w, &parts, next);
	if (++w->tries < VERIFY_TRIES)
		return describe(w, WORK_VERIFY, VERIFY_AGAIN_MS, next);
	if (!w->written_twice) {
		w->written_twice = true;
		w->settled_tag = settled_digest(&w->arena, diff);
		return update(w, diff, next);
	}
	settled_judge(&w->arena, diff, known_pairs(w), &parts);
	return settled(w, &parts, next);
}

/* What was to go, or was known not to go, and is there as it was.  Something else in its place is
 * what the service fills in. */
static void add_left(struct workflow_task *w, const struct diff *planned, struct diff *out)
{
	for (size_t i = 0; i < planned->count; i++) {
		const struct change *c = &planned->items[i];
		const struct node *was = node_at(w->before, c->path), *is = node_at(w->observed, c->path);
		if (c->by_record && !c->blind && was && is && node_equal(was, is))
			diff_add(&w->arena, out, c);
	}
}

static enum task_next verified(struct workflow_task *w, struct request *next)
{
	struct diff diff;

	/* One that was just made may not be seen yet. */
	if (!w->call.op.ok && w->call.op.status == NOT_FOUND && ++w->tries < VERIFY_TRIES)
		return describe(w, WORK_VERIFY, VERIFY_AGAIN_MS, next);
	if (!w->call.op.ok) {
		w->step->http_status = w->call.op.status;
		return ended(w, RESULT_FAILED, arena_printf(&w->arena, "written, but it could not be checked: %s",
		                                            w->call.op.err.msg));
	}
	/* What was just written is the record of what the service hides. */
	compare(w, w->call.answer, seal(w, w->spec->body), &diff);
	add_left(w, &w->step->diff, &diff);
	add_left(w, &w->step->settled, &diff);
	if (diff.count)
		return unequal(w, &diff, next);
	/* Its tags may be shown late, too. */
	if (!tags_kept(w, w->call.answer) && ++w->tries < VERIFY_TRIES)
		return describe(w, WORK_VERIFY, VERIFY_AGAIN_MS, next);
	return settled(w, &(struct settlement){ 0 }, next);
}

/* ---- deleting ---- */

static enum task_next deleted(struct workflow_task *w)
{
	const struct cycle_memory *memory = &w->cycle->memory;

	w->step->http_status = w->call.op.status;
	w->cycle->report->verdict.applied = true;
	if (memory->forget)
		memory->forget(memory->context, w->step->name);
	return ended(w, RESULT_APPLIED, NULL);
}

/* It is looked at again right before: it may have been declared by another owner, kept, or
 * renamed since. */
static enum task_next delete_described(struct workflow_task *w, struct request *next)
{
	const struct node *n = w->call.answer;

	if (!w->call.op.ok && w->call.op.status == NOT_FOUND)
		return deleted(w);
	if (!w->call.op.ok)
		return failed(w, &w->call.op);
	struct owner_tags m = owner_tags_read(&w->arena, node_get(n, "tags"));
	bool same = m.owner && strcmp(m.owner, w->cycle->options.owner) == 0 && !m.other && !m.keep &&
	            strcmp(node_get_text(n, "name"), w->step->name) == 0 &&
	            owner_tags_fit(&w->arena, &m, w->step->name);
	if (!same)
		return ended(w, RESULT_CONFLICT, "it changed since it was listed, and is left alone");
	w->state = WORK_DELETE;
	operation_act_init(&w->call, &w->arena, OP_DELETE, w->step->id, w->step->name);
	return w->call.op.task.step(&w->call.op.task, NULL, next);
}

static enum task_next delete_answered(struct workflow_task *w, struct request *next)
{
	w->step->attempts += w->task.attempts;
	if (!w->call.op.ok && w->call.op.status == CONFLICT)
		return conflicted(w, next);
	return w->call.op.ok || w->call.op.status == NOT_FOUND ? deleted(w) : failed(w, &w->call.op);
}

/* ---- the task ---- */

static enum task_next begin(struct workflow_task *w, struct request *next)
{
	w->begun = w->cycle->dispatch->now;
	switch (w->state) {
	case WORK_CREATE:
		return create(w, next);
	case WORK_LOOK:
	case WORK_DESCRIBE:
	default:
		return describe(w, w->state, 0, next);
	}
}

static enum task_next workflow_task_step(struct task *task, const struct answer *answer,
                                struct request *next)
{
	struct workflow_task *w = (struct workflow_task *)task;
	struct operation_task *op = w->state == WORK_CREATE ? &w->create.op : &w->call.op;

	if (!answer)
		return begin(w, next);
	op->task.stopped = task->stopped;
	w->given_up = answer->failure == FAILURE_GIVEN_UP;
	if (op->task.step(&op->task, answer, next) == TASK_ASK)
		return TASK_ASK;
	switch (w->state) {
	case WORK_LOOK: return looked(w);
	case WORK_CREATE: return created(w, next);
	case WORK_DESCRIBE: return w->spec ? described(w, next) : delete_described(w, next);
	case WORK_WRITE: return written(w, next);
	case WORK_VERIFY: return verified(w, next);
	case WORK_PAUSE: return paused(w);
	case WORK_DELETE: return delete_answered(w, next);
	}
	return TASK_DONE;
}

static void hand_over(struct workflow_task *w, enum task_state state)
{
	w->task = (struct task){ .step = workflow_task_step };
	w->state = state;
	w->tries = 0;
	/* of the arena that went with the look */
	w->settled_tag = w->judged = NULL;
	w->record = w->left = w->before = w->observed = NULL;
	w->cycle->to_do++;
	dispatch_add(w->cycle->dispatch, &w->task);
}

void workflow_task_observe(struct workflow_task *w)
{
	w->step->result = RESULT_DEFERRED;	/* until it was looked at */
	w->step->error = "not looked at: the cycle was stopped or its time was over";
	hand_over(w, WORK_LOOK);
}

void workflow_task_apply(struct workflow_task *w)
{
	hand_over(w, w->step->action == ACTION_CREATE ? WORK_CREATE : WORK_DESCRIBE);
}

void workflow_task_delete(struct workflow_task *w)
{
	hand_over(w, WORK_DESCRIBE);
}
