#include "reconcile/plan/task_record.h"

#include <string.h>

#include "reconcile/plan/task_spec.h"
#include "reconcile/schema/digest.h"

/* How long a create whose answer was lost may still appear. */
enum { ATTEMPT_MS = 15 * 60 * 1000 };

/* ---- what is known ---- */

static const struct applied_record *record_named(const struct workflow_task *t, const char *name)
{
	const struct applied_records *records = t->cycle->memory.records;

	return records && name ? applied_records_find(records, name) : NULL;
}

static bool is_of_this_workflow(const struct workflow_task *t, const struct applied_record *r)
{
	return r && r->id == t->step->id;
}

const struct applied_record *task_record_find(const struct workflow_task *t)
{
	const struct applied_record *r = record_named(t, t->spec->name), *old = record_named(t, t->old_name);

	return !r && is_of_this_workflow(t, old) ? old : r;
}

const struct node *task_record_habits(const struct workflow_task *t)
{
	const struct applied_record *r = task_record_find(t);

	return r ? r->settled : NULL;
}

bool task_record_says_paused(const struct workflow_task *t)
{
	const struct applied_record *r = task_record_find(t);

	return is_of_this_workflow(t, r) && r->paused;
}

static const struct node *seal_older(struct workflow_task *t, const struct node *body)
{
	static const unsigned char no_key[DIGEST_KEY_SIZE];
	const unsigned char *key = t->cycle->memory.key;

	return digest_seal(&t->arena, key ? key : no_key, body);
}

/* If the service never keeps our tags, their absence means nothing. */
static bool tags_are_always_dropped(struct workflow_task *t, const struct applied_record *r, const struct owner_tags *m)
{
	return !m->body && is_of_this_workflow(t, r) && settled_knows_tags(&t->arena, r->settled, NULL, m);
}

static const struct applied_intent *intent_with(const struct workflow_task *t, const char *digest)
{
	const struct applied_records *records = t->cycle->memory.records;

	return records ? applied_intents_find(records, t->spec->name, digest) : NULL;
}

static int64_t current_time(const struct cycle *c)
{
	return c->memory.clock + c->dispatch->now;
}

bool task_record_attempted(const struct cycle *c, const char *name)
{
	const struct applied_records *records = c->memory.records;
	const struct applied_intent *create = records ? applied_intents_find(records, name, NULL) : NULL;

	return create && current_time(c) - create->at < ATTEMPT_MS;
}

/* The record is that of the state, or a write that was announced, or the spec itself, or the newest older version of its
 * file: the first whose D is the one on the workflow (design, 5.3). */
const struct node *task_record_body(struct workflow_task *t, const struct owner_tags *m)
{
	const struct applied_record *r = task_record_find(t);
	const struct cycle_memory *memory = &t->cycle->memory;
	const struct applied_intent *intent = m->body ? intent_with(t, m->body) : NULL;
	const struct node *older;

	t->known.passing = false;
	if (r && (tags_are_always_dropped(t, r, m) || (m->body && strcmp(r->digest, m->body) == 0)) &&
	    (older = applied_record_body(&t->arena, r)))
		return older;
	t->known.passing = intent;
	if (intent)
		return applied_intent_body(&t->arena, intent);
	if (!m->body)
		return NULL;
	const struct node *same = task_spec_sealed_reading(t, m->body);
	if (same)
		return same;
	t->known.passing = true;
	older = memory->recall ? memory->recall(memory->context, &t->arena, t->spec, m->body) : NULL;
	return older ? seal_older(t, older) : NULL;
}

/* ---- what is written ---- */

static bool is_equal_or_both_null(const struct node *a, const struct node *b)
{
	return a && b ? node_equal(a, b) : a == b;
}

static bool is_kept(const struct workflow_task *t, const struct applied_record *r)
{
	const struct applied_record *k = t->kept;

	return k && k->id == r->id && k->paused == r->paused && k->digest && r->digest &&
	       strcmp(k->digest, r->digest) == 0 &&
	       is_equal_or_both_null(k->body, r->body) && is_equal_or_both_null(k->settled, r->settled);
}

/* Returns false if the record was kept before. */
static bool keep_record(struct workflow_task *t, const struct applied_record *record, bool over)
{
	const struct cycle_memory *memory = &t->cycle->memory;
	struct applied_record *last = arena_new(&t->arena, struct applied_record, 1);

	*last = *record;
	last->body = applied_record_body(&t->arena, record);
	/* As a rule a description shows what was sent, and what was kept with the answer to the write holds. */
	bool kept = is_kept(t, last);
	t->recorded = true;
	if (!memory->keep)
		return false;
	if (!kept)
		memory->keep(memory->context, last, over);
	else if (over)
		memory->drop_intents(memory->context, record->name);
	t->kept = last;
	return !kept;
}

static void forget_record(struct workflow_task *t, const char *name, bool over)
{
	const struct cycle_memory *memory = &t->cycle->memory;

	t->kept = NULL;
	t->recorded = true;
	if (memory->forget)
		memory->forget(memory->context, name, over);
}

/* What was known under an old name is known under the new one: "keep the workflow and its history" (design, 4.2). */
static void forget_old_name(struct workflow_task *t, const char *name)
{
	const struct cycle_memory *memory = &t->cycle->memory;

	if (memory->forget && is_of_this_workflow(t, record_named(t, name)))
		memory->forget(memory->context, name, true);
}

/* What a later cycle compares with: the declared body, and keys that the service keeps though they were removed. */
static const struct node *body_to_record(struct workflow_task *t)
{
	return t->known.retained ? t->known.retained : task_spec_sealed(t);
}

void task_record_intend(struct workflow_task *t)
{
	const struct cycle_memory *memory = &t->cycle->memory;

	if (memory->intend)
		memory->intend(memory->context, &(struct applied_intent){
			.name = t->spec->name, .digest = task_spec_digest(t), .body = body_to_record(t),
			.creates = t->step->action == ACTION_CREATE, .at = current_time(t->cycle),
		});
}

/* The intent is again what it was before the cycle. */
void task_record_refused(struct workflow_task *t)
{
	const struct cycle_memory *memory = &t->cycle->memory;
	const char *digest = task_spec_digest(t);
	const struct applied_intent *before = intent_with(t, digest);

	if (before && memory->intend) {
		struct applied_intent whole = *before;
		whole.body = applied_intent_body(&t->arena, before);
		memory->intend(memory->context, &whole);
	} else if (memory->withdraw) {
		memory->withdraw(memory->context, &(struct applied_intent){ .name = t->spec->name, .digest = digest });
	}
}

static void write_record(struct workflow_task *t, const char *digest, const struct node *habits, bool paused)
{
	/* Until it was described a new workflow may be shown late, also after this cycle. */
	bool over = t->state != STATE_CREATING;
	const struct applied_record record = {
		.name = t->spec->name, .id = t->step->id, .digest = digest,
		.body = body_to_record(t), .settled = habits, .paused = paused,
	};

	if (!keep_record(t, &record, over))
		return;
	forget_old_name(t, t->old_name);
	forget_old_name(t, t->spec->renamed_from);
}

void task_record_write(struct workflow_task *t, const struct node *habits, bool paused)
{
	if (t->cycle->memory.keep)
		write_record(t, task_spec_digest(t), habits, paused);
}

/* The workflow is still, or again, paused: a resume from now on is meant. */
static void end_pause(struct workflow_task *t)
{
	const struct applied_record *r = task_record_find(t);

	if (!r || !r->paused)
		return;
	struct applied_record record = *r;
	record.paused = false;
	keep_record(t, &record, false);
}

void task_record_refresh(struct workflow_task *t)
{
	struct owner_tags m = owner_tags_read(&t->arena, node_get(t->call->answer, "tags"));
	const struct applied_record *r = task_record_find(t);
	bool known = is_of_this_workflow(t, r) && m.body && strcmp(r->digest, m.body) == 0;

	/* Without a record, what stands on the workflow is enough to begin it again. */
	if (t->cycle->memory.keep && t->marked && m.body && !known && task_spec_sealed_reading(t, m.body))
		write_record(t, m.body, settled_list(&t->arena, &t->parts), false);
	else
		end_pause(t);
}

/* Only that it was paused: what was applied last stays as it is. */
void task_record_pause(struct workflow_task *t)
{
	const struct applied_record *r = task_record_find(t);
	struct applied_record record = r ? *r : (struct applied_record){ .digest = "" };

	record.name = t->spec->name;
	record.id = t->step->id;
	record.paused = true;
	keep_record(t, &record, false);
}

/* The record is again what it was before the cycle. */
void task_record_undo_pause(struct workflow_task *t)
{
	const struct applied_record *r = record_named(t, t->spec->name);

	if (!t->was_paused)
		return;
	if (r && t->cycle->memory.keep)
		keep_record(t, r, false);
	else
		forget_record(t, t->spec->name, false);
}

void task_record_drop(struct workflow_task *t)
{
	forget_record(t, t->step->name, true);
}
