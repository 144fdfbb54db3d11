#include "reconcile/plan/task_saved.h"

#include <string.h>

#include "reconcile/plan/task_spec.h"
#include "reconcile/tree/json.h"

const struct saved_step *task_saved_step(const struct workflow_task *t)
{
	const struct saved_plan *plan = t->cycle->options.saved;

	return plan ? saved_plan_find(plan, t->step->name) : NULL;
}

/* ---- the digests ---- */

/* The first word keeps a digest of one kind from being one of another kind. */
static void set_step_digest(const struct workflow_task *t, const struct buf *bytes, char out[STEP_DIGEST_TEXT])
{
	CLEANUP(arena_free) struct arena a = { 0 };
	unsigned char digest[DIGEST_SIZE];

	digest_hmac(t->cycle->options.plan_key, DIGEST_KEY_SIZE, buf_str(bytes), bytes->len, digest);
	memcpy(out, digest_hex(&a, digest, sizeof digest), STEP_DIGEST_TEXT);
}

static void add_text_or_none(struct buf *out, const char *text)
{
	buf_addc(out, text ? '+' : '-');
	buf_add(out, text ? text : "", strlen(text ? text : "") + 1);
}

/* The body as it is sent, and what else of the spec decides what is written.  Not its file, which may be moved. */
static void note_declared(struct workflow_task *t)
{
	CLEANUP(buf_done) struct buf bytes = BUF_TEXT;

	buf_adds(&bytes, "declared 1\n");
	json_write_canonical(task_spec_body(t), &bytes);
	add_text_or_none(&bytes, t->spec->renamed_from);
	buf_addc(&bytes, t->spec->prune ? 'p' : 'k');
	if (t->spec->ignore)
		json_write_canonical(t->spec->ignore, &bytes);
	set_step_digest(t, &bytes, t->step->digests->declared);
}

/* The workflow as it is compared, without its status, its last execution, its times and whatever else the service sets by
 * itself; with its id, as another workflow may have got its name, and with flowsync's tags, as another run may have written
 * them. */
static void note_observed(struct workflow_task *t)
{
	CLEANUP(buf_done) struct buf bytes = BUF_TEXT;
	const struct node *described = t->call->answer;
	struct owner_tags m = owner_tags_read(&t->arena, node_get(described, "tags"));

	buf_addf(&bytes, "observed 1\n%lld\n", (long long)t->step->id);
	json_write_canonical(digest_canonical(&t->arena, described), &bytes);
	add_text_or_none(&bytes, m.owner);
	add_text_or_none(&bytes, m.other);
	add_text_or_none(&bytes, m.name);
	add_text_or_none(&bytes, m.body);
	add_text_or_none(&bytes, m.settled);
	buf_addc(&bytes, m.keep ? 'k' : 'p');
	set_step_digest(t, &bytes, t->step->digests->observed);
}

/* The places.  Their values follow from both bodies. */
static void note_changes(struct workflow_task *t)
{
	CLEANUP(buf_done) struct buf bytes = BUF_TEXT;
	const struct diff *diff = &t->step->diff;

	buf_adds(&bytes, "changes 1\n");
	for (size_t i = 0; i < diff->count; i++) {
		buf_addf(&bytes, "%s ", change_op_word(diff->items[i].op));
		buf_add(&bytes, diff->items[i].path, strlen(diff->items[i].path) + 1);
	}
	set_step_digest(t, &bytes, t->step->digests->changes);
}

void task_saved_note(struct workflow_task *t)
{
	const struct cycle_options *o = &t->cycle->options;
	struct plan_step *s = t->step;

	if (!o->plan_key || (o->saved ? !task_saved_step(t) : s->result != RESULT_PLANNED))
		return;
	if (!s->digests)
		s->digests = arena_new(t->cycle->arena, struct step_digests, 1);
	*s->digests = (struct step_digests){ 0 };
	if (t->spec)
		note_declared(t);
	if (s->action == ACTION_CREATE)
		return;
	note_observed(t);
	if (t->spec)
		note_changes(t);
}

/* ---- what is stale ---- */

const char *task_saved_why_stale(const struct workflow_task *t)
{
	const struct saved_step *saved = task_saved_step(t);
	const struct plan_step *s = t->step;

	if (!saved || !s->digests)
		return NULL;
	if (strcmp(saved->digests.declared, s->digests->declared) != 0)
		return "stale: its spec is not the one of the plan";
	if (!*saved->digests.observed && *s->digests->observed)
		return "stale: a workflow of this name was created since the plan";
	if (*saved->digests.observed && !*s->digests->observed)
		return "stale: it was deleted from the service since the plan";
	if (strcmp(saved->digests.observed, s->digests->observed) != 0)
		return "stale: it changed on the service since the plan";
	if (s->action != saved->action || strcmp(saved->digests.changes, s->digests->changes) != 0)
		return "stale: other changes would be made than the plan shows, because what was applied last is known "
		       "from another state directory or another git history";
	return NULL;
}
