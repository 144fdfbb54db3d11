#include "reconcile/plan/task_verify.h"

#include <string.h>

#include "reconcile/plan/task_plan.h"
#include "reconcile/plan/task_record.h"
#include "reconcile/plan/task_request.h"
#include "reconcile/plan/task_spec.h"

enum { VERIFY_TRIES = 2 };

bool task_verify_may_be_late(struct workflow_task *t)
{
	return ++t->tries < VERIFY_TRIES;
}

static struct owner_tags described_tags(struct workflow_task *t)
{
	return owner_tags_read(&t->arena, node_get(t->call->answer, "tags"));
}

/* True if all tags of ours are there, or are missing as they always are. */
static bool tags_are_kept(struct workflow_task *t)
{
	struct owner_tags ours = task_request_tags(t), shown = described_tags(t);

	return owner_tags_equal(&ours, &shown) ||
	       settled_knows_tags(&t->arena, task_record_habits(t), &ours, &shown);
}

const struct node *task_verify_habits(struct workflow_task *t)
{
	struct owner_tags ours = task_request_tags(t), shown = described_tags(t);
	struct node *list = settled_list(&t->arena, &t->parts);

	if (!owner_tags_equal(&ours, &shown))
		settled_tags(&t->arena, list, &ours, &shown);
	return list;
}

/* Adds planned removals, and settled ones, whose value is still the same.  Another value in the same place was set by the
 * service. */
static void add_what_stayed(struct workflow_task *t, const struct diff *planned, const struct node *observed,
                            struct diff *out)
{
	for (size_t i = 0; i < planned->count; i++) {
		const struct change *c = &planned->items[i];
		const struct node *was = node_at(t->known.observed, c->path), *is = node_at(observed, c->path);
		if (c->by_record && !c->blind && was && is && node_equal(was, is))
			diff_add(&t->arena, out, c);
	}
}

/* The body that was just written is the record for fields that the service hides. */
static struct diff compare_with_written(struct workflow_task *t)
{
	struct diff diff;
	const struct node *observed = task_plan_compare(t, task_spec_sealed(t), &diff);

	add_what_stayed(t, &t->step->diff, observed, &diff);
	add_what_stayed(t, &t->step->settled, observed, &diff);
	return diff;
}

static bool digests_equal(const char *x, const char *y)
{
	return x && y ? strcmp(x, y) == 0 : x == y;
}

/* The workflow is settled; only S may have to be written. */
static enum task_event judge_settled(struct workflow_task *t)
{
	t->known.settled = settled_digest_of(&t->arena, &t->parts);
	t->known.retained = task_plan_retained(t, &t->parts.settled);
	if (!digests_equal(t->known.settled, t->known.settled_tag) && t->round < ROUND_CORRECTION) {
		t->known.settled_tag = t->known.settled;
		t->removals = NULL;
		return EVENT_OTHER_DIGEST;
	}
	return t->was_paused && !task_plan_has_status(t->call->answer, "Paused") ? EVENT_RESUMED : EVENT_SETTLED;
}

static enum task_event prepare_second_write(struct workflow_task *t, const struct diff *diff)
{
	struct diff *removals = arena_new(&t->arena, struct diff, 1);

	*removals = *diff;
	t->removals = removals;
	t->known.settled_tag = settled_digest(&t->arena, diff);
	return EVENT_DIFFERS;
}

/* "If something still differs, it is described again after a second, and written a second time at once"
 * (design, 5.4). */
enum task_event task_verify_description(struct workflow_task *t)
{
	struct diff diff = compare_with_written(t);
	const struct node *habits = task_record_habits(t);

	settled_split(&t->arena, &diff, habits, t->known.settled, &t->parts);
	if (t->parts.open.count) {
		if (task_verify_may_be_late(t))
			return EVENT_LATE;
		if (t->round == ROUND_FIRST)
			return prepare_second_write(t, &diff);
		settled_judge(&t->arena, &diff, habits, &t->parts);
	} else if (!diff.count && !tags_are_kept(t) && task_verify_may_be_late(t)) {
		return EVENT_LATE;	/* its tags may be shown late, too */
	}
	return judge_settled(t);
}
