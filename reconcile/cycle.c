#include "reconcile/cycle.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "reconcile/work.h"

static bool meant(const struct cycle_options *o, const char *name)
{
	for (size_t i = 0; i < o->only_count; i++)
		if (fnmatch(o->only[i], name, 0) == 0)
			return true;
	return o->only_count == 0;
}

/* A pattern that fits nothing is most likely a slip, and all would look well. */
static void check_patterns(const struct cycle_options *o, const struct specs *specs,
                           struct faults *faults)
{
	for (size_t i = 0; i < o->only_count; i++) {
		size_t fits = 0;
		for (size_t j = 0; j < specs->count; j++)
			fits += fnmatch(o->only[i], specs->items[j].name, 0) == 0;
		if (!fits)
			fault_warn(faults, (struct pos){ 0 }, "only \"%s\": no declared workflow has such a name",
			           o->only[i]);
	}
}

void cycle_begin(struct cycle *c, struct arena *a, struct dispatch *dispatch,
                 const struct specs *specs, const struct cycle_options *options,
                 struct report *report, struct faults *faults)
{
	*c = (struct cycle){
		.arena = a, .dispatch = dispatch, .options = *options, .report = report, .faults = faults,
		.works = arena_new(a, struct work, specs->count + 1), .to_do = 1,
	};
	report->steps = arena_new(a, struct step, specs->count + 1);
	for (size_t i = 0; i < specs->count; i++) {
		const struct spec *spec = &specs->items[i];
		if (!meant(options, spec->name))
			continue;
		report->steps[c->count] = (struct step){ .name = spec->name, .at = spec->at };
		c->works[c->count] = (struct work){ .cycle = c, .spec = spec, .step = &report->steps[c->count] };
		c->count++;
	}
	check_patterns(options, specs, faults);
	report->step_count = c->count;
	report->source.specs = c->count;
	op_list_init(&c->list, a);
	dispatch_add(dispatch, &c->list.op.task);
}

/* ---- which workflow is meant ---- */

struct names {
	const struct listed **items;	/* by name, then id */
	size_t count;
};

static int by_name(const void *a, const void *b)
{
	const struct listed *x = *(const struct listed *const *)a, *y = *(const struct listed *const *)b;
	int order = strcmp(x->name, y->name);

	return order ? order : (x->id > y->id) - (x->id < y->id);
}

static struct names sorted(struct cycle *c)
{
	struct names names = { arena_new(c->arena, const struct listed *, c->list.count + 1), c->list.count };

	for (size_t i = 0; i < names.count; i++)
		names.items[i] = &c->list.items[i];
	if (names.count)
		qsort(names.items, names.count, sizeof *names.items, by_name);
	return names;
}

/* All of one name, in the order of ids. */
static struct names called(const struct names *names, const char *name)
{
	size_t low = 0, high = names->count, count = 0;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (strcmp(names->items[middle]->name, name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	while (low + count < names->count && strcmp(names->items[low + count]->name, name) == 0)
		count++;
	return (struct names){ names->items + low, count };
}

static const char *several(struct arena *a, const struct names *of)
{
	return listed_several(a, of->count, of->items[0], of->items[1]);
}

static const char *both(struct arena *a, const struct listed *old, const struct listed *new)
{
	return arena_printf(a, "renamed_from: \"%s\" (id %lld) and \"%s\" (id %lld) are both on the "
	                    "service", old->name, (long long)old->id, new->name, (long long)new->id);
}

/* Finds the workflow that the spec means, by its name or by the one it had, and looks at it. */
static void match(struct cycle *c, struct work *w, const struct names *names)
{
	struct step *s = w->step;
	struct names now = called(names, s->name), old = { 0 };

	if (w->spec->suspend) {
		s->result = RESULT_SUSPENDED;
		return;
	}
	if (w->spec->renamed_from)
		old = called(names, w->spec->renamed_from);
	s->result = RESULT_CONFLICT;
	if (now.count > 1 || (!now.count && old.count > 1)) {
		s->error = several(c->arena, now.count ? &now : &old);
	} else if (now.count && old.count) {
		s->error = both(c->arena, old.items[0], now.items[0]);
	} else if (now.count || old.count) {
		s->id = (now.count ? now : old).items[0]->id;
		work_look(w);
	} else {
		work_plan_create(w);
	}
}

/* ---- the phases ---- */

static void begin_phase(struct cycle *c, enum cycle_phase phase)
{
	c->phase = phase;
	c->finished = c->to_do = 0;
}

static void fail_whole(struct cycle *c, const char *sentence)
{
	fault_add(c->faults, (struct pos){ 0 }, "%s", sentence);
	c->report->verdict.failed = true;
}

static void observe(struct cycle *c)
{
	begin_phase(c, CYCLE_OBSERVE);
	if (!c->list.op.ok) {
		fail_whole(c, c->list.op.err.msg);
		c->report->step_count = 0;	/* nothing is known of any: no step can be told */
		c->phase = CYCLE_DONE;
		return;
	}
	struct names names = sorted(c);
	c->report->observed = c->list.count;
	for (size_t i = 0; i < c->count; i++)
		match(c, &c->works[i], &names);
}

static void apply(struct cycle *c)
{
	begin_phase(c, CYCLE_APPLY);
	for (size_t i = 0; i < c->count; i++)
		if (c->options.apply && c->works[i].step->result == RESULT_PLANNED)
			work_apply(&c->works[i]);
}

static void warn_of_unseen(struct cycle *c)
{
	if (c->unseen == 1)
		fault_warn(c->faults, (struct pos){ 0 },
		           "workflow \"%s\" declares %s, which this service does not show: a change there is "
		           "not seen", c->unseen_name, c->unseen_path);
	else if (c->unseen)
		fault_warn(c->faults, (struct pos){ 0 },
		           "%zu workflows declare what this service does not show (%s of \"%s\", for one): a "
		           "change there is not seen", c->unseen, c->unseen_path, c->unseen_name);
}

/* What was planned and not begun: time was over, or somebody stopped it. */
static void finish(struct cycle *c)
{
	begin_phase(c, CYCLE_DONE);
	if (c->dispatch->unauthorised && c->list.op.ok)
		fail_whole(c, "the service does not accept the token any more: the cycle was stopped");
	else if (c->forbade)
		fail_whole(c, "the service forbade five workflows in a row: the cycle was stopped");
	for (size_t i = 0; i < c->count && c->options.apply; i++) {
		struct step *s = c->works[i].step;
		if (s->result != RESULT_PLANNED)
			continue;
		s->result = RESULT_DEFERRED;
		s->error = WORK_NOT_BEGUN;
	}
	warn_of_unseen(c);
	report_judge(c->report);
	c->report->requests = c->dispatch->total;
	c->report->retries = c->dispatch->retries;
	memcpy(c->report->by_operation, c->dispatch->by_operation, sizeof c->report->by_operation);
}

bool cycle_advance(struct cycle *c)
{
	switch (c->phase) {
	case CYCLE_LIST:
		observe(c);
		break;
	case CYCLE_OBSERVE:
		apply(c);
		break;
	case CYCLE_APPLY:
	case CYCLE_DONE:
		c->phase = CYCLE_DONE;
		break;
	}
	if (c->phase != CYCLE_DONE)
		return true;
	finish(c);
	return false;
}

void cycle_done(struct cycle *c)
{
	for (size_t i = 0; i < c->count; i++)
		arena_free(&c->works[i].arena);
	arena_free(&c->list.page);
}
