/* Laws that hold for any workflows: random specs beside random live states, both made from the field table. */
#include "tests/test.h"
#include "reconcile/plan/diff.h"
#include "reconcile/plan/saved_plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reconcile/schema/normalise.h"
#include "reconcile/schema/validate.h"
#include "reconcile/tree/yaml.h"
#include "tests/fake_service.h"
#include "tests/tree.h"

#define ROUNDS		rounds_of(250)
#define HABIT_ROUNDS	rounds_of(40)

enum { SPECS = 4, OTHERS = 3, EDITS = 4 };

struct maker {
	struct arena *arena;
	uint64_t seed;
	const struct node *steps;	/* made so far: what a step may name */
	const char *method;		/* of the step that is being made */
};

static unsigned below(struct maker *m, unsigned limit)
{
	m->seed = m->seed * 6364136223846793005U + 1442695040888963407U;
	return (unsigned)(m->seed >> 33) % limit;
}

static const char *word(struct maker *m)
{
	static const char *const words[] = {
		"a", "b b", "0", "true", "", "https://u:p@h.example/x?y=z", "Ω", "10GB", "a/b~c", "two\nlines", "'\"\\",
	};
	return words[below(m, ARRAY_LEN(words))];
}

static struct node *make(struct maker *m, const struct field *f, unsigned kind);

static struct node *make_text(struct maker *m, const struct field *f)
{
	size_t count = 0;

	while (f->words && f->words[count])
		count++;
	if (f->words)
		return node_text(m->arena, f->words[below(m, (unsigned)count)]);
	if (f->flags & FIELD_STEP)
		return node_text(m->arena, m->steps->entries[below(m, (unsigned)m->steps->count)].key);
	if (f->flags & FIELD_CRON)
		return node_text(m->arena, arena_printf(m->arena, "%u 1 * * *", below(m, 3)));
	if (f->flags & FIELD_JSON_TEXT)
		return node_text(m->arena, arena_printf(m->arena, "{\"a\": %u}", below(m, 3)));
	if (f->flags & FIELD_NAME)
		return node_text(m->arena, arena_printf(m->arena, "name-%u", below(m, 4)));
	return node_text(m->arena, word(m));
}

/* Exactly one of the siblings that exclude each other. */
static const struct field *choice(struct maker *m, const struct field *object, unsigned kind)
{
	const struct field *chosen = NULL;
	unsigned count = 0;

	for (const struct field *f = object->fields; f->name; f++)
		if ((f->one_of & kind) && below(m, ++count) == 0)
			chosen = f;
	return chosen;
}

static bool wanted(struct maker *m, const struct field *f, const struct field *chosen,
                   unsigned kind)
{
	bool step_name = (f->flags & FIELD_STEP) ||
	                 (f->fields && f->type == FIELD_LIST && (f->fields->flags & FIELD_STEP));

	if ((f->flags & (FIELD_FILLED | FIELD_WRITE_ONLY)) || (f->only && !(f->only & kind)))
		return false;
	if (f->one_of & kind)
		return f == chosen;
	if ((f->flags & FIELD_NOT_GET) && m->method && strcmp(m->method, "get") == 0)
		return false;
	if (step_name && !m->steps->count)
		return false;
	return (f->need & kind) || below(m, 3) == 0;
}

static struct node *make_object(struct maker *m, const struct field *f, unsigned kind)
{
	struct node *n = node_map(m->arena);

	if (f->variant) {
		const struct field *row = field_child(f, f->variant, ALL_KINDS);
		if (!row->otherwise || below(m, 3))
			node_put(m->arena, n, f->variant, make_text(m, row));
		kind = field_kind(f, n, kind);
	}
	const struct field *chosen = choice(m, f, kind);
	for (const struct field *child = f->fields; child->name; child++) {
		bool named = child->fields && child->fields->fields && !m->steps->count &&
		             strcmp(f->name, "executionParameters") == 0;
		bool variant = f->variant && strcmp(f->variant, child->name) == 0;
		if (variant || node_get(n, child->name) || named || !wanted(m, child, chosen, kind))
			continue;
		struct node *value = node_put(m->arena, n, child->name, make(m, child, kind));
		if (strcmp(child->name, "method") == 0)
			m->method = value->text;
	}
	return n;
}

static struct node *make_steps(struct maker *m, const struct field *f)
{
	struct node *steps = node_map(m->arena);

	/* Each names none but those before it, so that what one leaves out and the other has makes no circle: that
	 * would be for the people to settle. */
	m->steps = steps;
	for (unsigned i = 0; i < 5; i++) {
		m->method = NULL;
		if (below(m, 2) || (i == 4 && !steps->count))
			node_put(m->arena, steps, arena_printf(m->arena, "step-%u", i),
			         make(m, f->fields, ALL_KINDS));
	}
	return steps;
}

static struct node *make(struct maker *m, const struct field *f, unsigned kind)
{
	struct node *n;

	switch (f->type) {
	case FIELD_BOOL:
		return node_bool(m->arena, (f->flags & FIELD_TRUE) || below(m, 2));
	case FIELD_INT:
	case FIELD_NUMBER:
		return node_int(m->arena, below(m, f->most && f->most < 9 ? (unsigned)f->most : 9));
	case FIELD_TEXT:
		return make_text(m, f);
	case FIELD_OBJECT:
		return make_object(m, f, kind);
	case FIELD_MAP:
		if (f->flags & FIELD_CLOSED)
			return make_steps(m, f);
		n = node_map(m->arena);
		for (unsigned i = below(m, 4); i > 0; i--)
			node_put(m->arena, n,
			         arena_printf(m->arena, "%s_%u", below(m, 3) ? "KEY" : "PLAIN",
			                      below(m, 4)),
			         make(m, f->fields, kind));
		return n;
	case FIELD_LIST:
		n = node_list(m->arena);
		for (unsigned i = below(m, 4); i > 0; i--)
			node_add(m->arena, n, make(m, f->fields, kind));
		return n;
	}
	return NULL;
}

static struct node *make_body(struct maker *m, const char *name)
{
	struct node *body;

	/* steps first: what else a workflow has names them. */
	m->steps = node_map(m->arena);
	body = make(m, &workflow_field, ALL_KINDS);
	node_put(m->arena, body, "name", node_text(m->arena, name));
	return body;
}

static void fail_with(struct arena *a, unsigned round, const char *law, const struct node *declared,
                      const struct node *before, const struct node *after)
{
	fail_msg("round %u: %s\ndeclared %s\nbefore %s\nafter %s", round, law, tree_text(a, declared),
	         tree_text(a, before), tree_text(a, after));
}

/* True if value, of f, can stand beside what is declared in its object. */
static bool may_stay(const struct field *object, const struct field *f, const struct node *value,
                     const struct node *declared, unsigned kind)
{
	const char *method = node_get_text(declared, "method");

	if (!f || (f->only && !(f->only & kind)) || (f->flags & FIELD_FILLED) ||
	    (object->flags & FIELD_CLOSED))
		return false;
	if ((f->flags & FIELD_NOT_GET) && method && strcmp(method, "get") == 0)
		return false;
	if (strcmp(f->name, "method") == 0 && value->kind == NODE_TEXT && strcmp(value->text, "get") == 0 &&
	    node_get(declared, "payload"))
		return false;
	for (const struct field *other = object->fields; other->name; other++)
		if ((f->one_of & kind) && other != f && (other->one_of & kind) && node_get(declared, other->name))
			return false;
	return true;
}

/* True if n names a step that is not declared, and so is gone. */
static bool mentions_gone(const struct field *f, const struct node *n, const struct node *steps)
{
	bool any = f && (f->flags & FIELD_STEP) && !node_get(steps, n->text);

	for (size_t i = 0; f && i < n->count; i++)
		any |= mentions_gone(field_child(f, n->entries[i].key, ALL_KINDS), n->entries[i].value, steps);
	return any;
}

/* All that was there and is not spoken of is still there. */
static bool kept(const struct field *f, const struct node *declared, const struct node *before,
                 const struct node *after, const struct node *steps, unsigned kind)
{
	static const struct node nothing = { .kind = NODE_MAP };
	unsigned was = field_kind(f, before, kind);

	kind = field_kind(f, declared, kind);
	for (size_t i = 0; i < before->count; i++) {
		const struct entry *e = &before->entries[i];
		const struct field *child = field_child(f, e->key, kind);
		const struct node *said = node_get(declared, e->key), *now = node_get(after, e->key);
		bool other_kind = was != kind && child && !child->variant &&
		                  field_child(f, e->key, was) == child && may_stay(f, child, e->value, declared, kind);
		if (!said && other_kind && e->value->kind == NODE_MAP)
			said = &nothing;
		if (said && field_child(f, e->key, was) != child)
			continue;
		if (said && said->kind == NODE_MAP && e->value->kind == NODE_MAP) {
			if (!now || now->kind != NODE_MAP || !kept(child, said, e->value, now, steps, kind))
				return false;
		} else if (!said && may_stay(f, child, e->value, declared, kind) && field_child(f, e->key, was) == child &&
		           !mentions_gone(child, e->value, steps) && (!now || !node_equal(now, e->value))) {
			return false;
		}
	}
	return true;
}

static void only_declared_ones_are_named(struct fake *f, const struct request *request)
{
	int64_t id = atoll(request->path + strlen("/workflows/"));

	if (request->operation == OP_LIST || request->operation == OP_CREATE)
		return;
	const struct fake_workflow *w = fake_find(f, id);
	if (!w && request->operation == OP_DESCRIBE)
		return;		/* known from an earlier cycle, and removed since: whether it still exists is asked */
	assert_non_null(w);
	assert_null(strstr(node_get_text(w->shown, "name"), "other"));
	if (request->operation == OP_DELETE)
		assert_non_null(strstr(tree_text(&f->arena, node_get(w->shown, "tags")), "\"flowsync-default\""));
}

struct case_of {
	struct specs specs;
	struct node *before[SPECS];	/* what the service has shown; NULL: nothing */
};

static void set_up(struct maker *m, struct fake *f, struct case_of *c)
{
	CLEANUP(buf_done) struct buf yaml = BUF_TEXT;

	for (unsigned i = 0; i < SPECS; i++) {
		const char *name = arena_printf(m->arena, "w%u", i);
		buf_adds(&yaml, "---\n");
		yaml_write(make_body(m, name), &yaml);
		c->before[i] = below(m, 4) ? fake_make(f, make_body(m, name))->shown : NULL;
	}
	for (unsigned i = 0; i < OTHERS; i++)
		fake_make(f, make_body(m, arena_printf(m->arena, "other-w%u", i)));
	c->specs = tree_specs(m->arena, buf_str(&yaml));
}

static const struct node *shown(struct fake *f, const char *name)
{
	for (size_t i = 0; i < f->count; i++)
		if (strcmp(node_get_text(f->items[i].shown, "name"), name) == 0)
			return f->items[i].shown;
	return NULL;
}

static void after_a_sync_the_plan_is_empty_and_nothing_undeclared_is_lost(void **state)
{
	for (unsigned round = 0; round < ROUNDS; round++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		CLEANUP(fake_done) struct fake f = {
			.hides_options = round % 5 == 4, .env_as_map = round & 1,
			.meanwhile = only_declared_ones_are_named,
		};
		struct maker m = { .arena = &a, .seed = round };
		struct case_of c = { 0 };

		set_up(&m, &f, &c);
		fake_sync(&f, &a, &c.specs);
		for (unsigned i = 0; i < SPECS; i++) {
			const struct node *declared = spec_body(&a, &c.specs.items[i]), *now = shown(&f, c.specs.items[i].name);
			assert_non_null(now);
			if (c.before[i] && !kept(&workflow_field, normalise(&a, declared), normalise(&a, c.before[i]),
			                         normalise(&a, now), node_get(declared, "steps"), ALL_KINDS))
				fail_with(&a, round, "something undeclared is lost", declared, c.before[i], now);
		}
		buf_reset(&f.writes);
		const char *said = fake_sync(&f, &a, &c.specs);
		if (*buf_str(&f.writes)) {
			fputs(said, stderr);	/* too long for cmocka */
			fail_msg("round %u: written twice", round);
		}
	}
}

/* ---- whatever the service does to values, with a state, without, and with one that is lost ---- */

/* What may be kept of a value of field f, whatever is written: what the service itself would
 * take, as it is carried over where nobody declares it. */
static const char *kept_json(struct maker *m, const struct field *f, const struct node *n)
{
	bool may_go = !f->need && !f->one_of;

	switch (n->kind) {
	case NODE_LIST: return may_go && below(m, 2) ? "" : "[]";
	case NODE_MAP: return may_go ? "" : NULL;
	case NODE_INT: return may_go && below(m, 2) ? "" : "4";
	case NODE_BOOL: return may_go && below(m, 2) ? "" : "false";
	default: return may_go && (f->words || below(m, 2)) ? "" : f->words ? NULL : "\"kept\"";
	}
}

/* A pointer to some value of body; without one where a habit would make it no workflow. */
static struct fake_habit some_habit(struct maker *m, const struct node *body)
{
	const struct field *f = &workflow_field;
	const struct node *n = body;
	const char *pointer = "";
	unsigned depth = 0;

	while (n->kind == NODE_MAP && n->count && (!*pointer || below(m, 4))) {
		const struct entry *e = &n->entries[below(m, (unsigned)n->count)];
		pointer = pointer_add(m->arena, pointer, e->key);
		f = field_child(f, e->key, ALL_KINDS);
		n = e->value;
		depth++;
	}
	const char *json = kept_json(m, f, n);
	bool vital = (f->flags & (FIELD_NAME | FIELD_CLOSED)) || f->variant ||
	             (depth && strcmp(strrchr(pointer, '/'), "/type") == 0);
	return json && !vital && depth ? (struct fake_habit){ pointer, json } : (struct fake_habit){ 0 };
}

static void some_habits(struct maker *m, struct fake *f, const struct specs *specs, bool remembers)
{
	size_t count = 0;

	for (unsigned i = below(m, FAKE_HABITS); i > 0; i--) {
		struct fake_habit habit = some_habit(m, spec_body(m->arena, &specs->items[below(m, (unsigned)specs->count)]));
		if (habit.pointer && (remembers || strcmp(habit.pointer, "/tags") != 0))
			f->habits[count++] = habit;
	}
	f->hides_options = below(m, 2);
	f->env_as_map = below(m, 2);
	f->lower_tags = below(m, 2);
	f->shuffles = below(m, 2);
	f->update_resumes = below(m, 2);
	f->list_without_tags = below(m, 4) == 0;
	f->stale_reads = below(m, 3) == 0;
	/* Where nothing is remembered here nor there, nothing can be known. */
	f->drops_our_tags = remembers && below(m, 4) == 0;
}

/* Specs called w0 ..., not each time all of them. */
static struct specs some_specs(struct maker *m)
{
	CLEANUP(buf_done) struct buf yaml = BUF_TEXT;

	for (unsigned i = 0; i < SPECS; i++) {
		if (i && below(m, 5) == 0)
			continue;
		buf_adds(&yaml, "---\n");
		if (below(m, 5) == 0)
			buf_adds(&yaml, "flowsync: {prune: false}\n");
		yaml_write(make_body(m, arena_printf(m->arena, "w%u", i)), &yaml);
	}
	return tree_specs(m->arena, buf_str(&yaml));
}

/* What somebody does by hand between two syncs, to any workflow; there are always others. */
static void interfere(struct maker *m, struct fake *f)
{
	struct fake_workflow *w = &f->items[below(m, (unsigned)f->count)];
	bool other = strstr(node_get_text(w->shown, "name"), "other");
	struct node *steps = node_get(w->shown, "steps"), *step = steps->entries[0].value;

	fake_touch(f, w);
	static const char *const states[] = { "\"Paused\"", "\"Available\"", "\"Draft\"" };

	switch (below(m, 6)) {
	case 0: node_put(&f->arena, step, "parents", node_list(&f->arena)); break;
	case 1: node_put(&f->arena, w->shown, "tags", tree_json(&f->arena, "[{\"name\":\"hand\"}]")); break;
	case 2: node_put(&f->arena, w->shown, "status", tree_json(&f->arena, states[below(m, 3)])); break;
	case 3: node_put(&f->arena, step, "command", node_text(&f->arena, "by hand")); break;
	case 4: if (!other) fake_remove(f, w->id); break;
	case 5: break;
	}
}

static unsigned lines(const char *text)
{
	unsigned count = 0;

	for (; (text = strchr(text, '\n')); text++)
		count++;
	return count;
}

/* Nothing is planned but what follows from specs and service. */
static struct cycle_options all_options(bool apply)
{
	return (struct cycle_options){
		.apply = apply, .prune = true, .observe_all_ms = INT64_MAX,
		.limits = { .allow_recreate = true, .delete_limit = true, .max_delete_percent = 100 },
	};
}

static const char *sync_all(struct fake *f, struct arena *a, const struct specs *specs, bool observe_all)
{
	struct cycle_options options = all_options(true);
	struct diagnostics faults = { .arena = a };
	struct report report;

	options.observe_all = observe_all;
	buf_reset(&f->writes);
	fake_cycle(f, a, specs, &options, &report, &faults);
	return fake_report(a, &report);
}

/* A cycle that describes only what may have changed reports what one that describes all workflows does. */
static void what_is_known_is_reported_as_if_described(struct fake *f, struct arena *a, const struct specs *specs,
                                                      unsigned round)
{
	f->now += 5000;
	sync_all(f, a, specs, false);
	const char *known = sync_all(f, a, specs, false), *described = sync_all(f, a, specs, true);
	if (strcmp(known, described) != 0)
		fail_msg("round %u: known %s\ndescribed %s", round, known, described);
	assert_string_equal(buf_str(&f->writes), "");
}

/* Deletes none but what was ours and is declared no more; the others are called "other". */
static void after_any_edit_a_second_sync_writes_nothing(void **state)
{
	for (unsigned round = 0; round < HABIT_ROUNDS; round++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		CLEANUP(fake_done) struct fake f = {
			.meanwhile = only_declared_ones_are_named, .dates = true,
			.stamps = FAKE_STAMP_WRITE, .stamps_of_seconds = round & 1,
		};
		struct maker m = { .arena = &a, .seed = round };
		unsigned memory = round % 3;		/* kept, lost, none */

		f.memory.on = memory < 2;
		for (unsigned i = 0; i < OTHERS; i++)
			fake_make(&f, make_body(&m, arena_printf(&a, "other-w%u", i)));
		const struct specs first = some_specs(&m);
		some_habits(&m, &f, &first, memory == 0);
		for (unsigned edit = 0; edit < EDITS; edit++) {
			struct specs specs = some_specs(&m);
			for (unsigned again = 0; again < 3; again++) {
				sync_all(&f, &a, &specs, false);
				if (memory == 1)
					f.memory.records.count = f.memory.looks.count = 0;
				/* Written at most three times and paused, or deleted. */
				if (lines(buf_str(&f.writes)) > (again ? 0 : 4 * SPECS))
					fail_msg("round %u, edit %u, sync %u: written %s", round, edit, again,
					         buf_str(&f.writes));
			}
			what_is_known_is_reported_as_if_described(&f, &a, &specs, round);
			interfere(&m, &f);
		}
		for (unsigned i = 0; i < OTHERS; i++)
			assert_non_null(shown(&f, arena_printf(&a, "other-w%u", i)));
	}
}

/* ---- saved plans ---- */

static const struct saved_plan *save_plan(struct fake *f, struct arena *a, const struct specs *specs)
{
	static const unsigned char key[DIGEST_KEY_SIZE] = "key";
	CLEANUP(buf_done) struct buf text = BUF_TEXT;
	struct saved_plan *plan = arena_new(a, struct saved_plan, 1);
	const struct plan_target target = { "e", "default", node_map(a) };
	struct cycle_options options = all_options(false);
	struct diagnostics faults = { .arena = a };
	struct report report;
	struct err err;

	options.plan_key = key;
	fake_cycle(f, a, specs, &options, &report, &faults);
	report.cycle_id = report.sync = report.started = report.finished = "x";
	assert_true(saved_plan_write(&report, key, &target, &text, &err));
	if (!saved_plan_read(a, "p", buf_str(&text), text.len, plan, &err))
		fail_msg("%s\n%s", err.msg, buf_str(&text));
	return plan;
}

static void apply_plan(struct fake *f, struct arena *a, const struct specs *specs, const struct saved_plan *plan,
                       unsigned round)
{
	struct cycle_options options = all_options(true);
	struct diagnostics faults = { .arena = a };
	struct report report;

	options.saved = plan;
	options.plan_key = plan->key;
	buf_reset(&f->writes);
	fake_cycle(f, a, specs, &options, &report, &faults);
	for (size_t i = 0; i < report.step_count; i++)
		if (report.steps[i].stale || report.steps[i].result == RESULT_UNPLANNED)
			fail_msg("round %u: %s", round, fake_report(a, &report));
}

/* If nothing happens in between, a saved plan does all that a sync would do, whatever the service makes of values, and
 * with the same memory or with none. */
static void a_saved_plan_does_what_a_sync_does(void **state)
{
	for (unsigned round = 0; round < HABIT_ROUNDS; round++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		CLEANUP(fake_done) struct fake f = {
			.meanwhile = only_declared_ones_are_named, .dates = true, .stamps = FAKE_STAMP_WRITE,
		};
		struct maker m = { .arena = &a, .seed = round };

		f.memory.on = round & 1;
		for (unsigned i = 0; i < OTHERS; i++)
			fake_make(&f, make_body(&m, arena_printf(&a, "other-w%u", i)));
		const struct specs first = some_specs(&m);
		some_habits(&m, &f, &first, f.memory.on);
		for (unsigned edit = 0; edit < EDITS; edit++) {
			const struct specs specs = some_specs(&m);
			const struct saved_plan *plan = save_plan(&f, &a, &specs);
			assert_string_equal(buf_str(&f.writes), "");
			apply_plan(&f, &a, &specs, plan, round);
			sync_all(&f, &a, &specs, true);
			if (f.writes.len)
				fail_msg("round %u, edit %u: the plan left %s", round, edit, buf_str(&f.writes));
			apply_plan(&f, &a, &specs, plan, round);
			assert_string_equal(buf_str(&f.writes), "");
			f.now += 5000;
			interfere(&m, &f);
		}
	}
}

static void what_is_made_is_valid_and_equals_itself(void **state)
{
	for (unsigned round = 0; round < ROUNDS; round++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		struct maker m = { .arena = &a, .seed = round };
		struct diagnostics faults = { .arena = &a };
		struct node *body = make_body(&m, "w");
		struct diff diff;

		if (!validate_workflow(body, VALIDATE_REQUEST, &faults))
			fail_msg("round %u: %s%s", round, tree_faults(&a, &faults), tree_text(&a, body));
		struct node *once = normalise(&a, body);
		diff_workflow(&a, once, normalise(&a, once), NULL, &diff);
		assert_int_equal(diff.count, 0);
		assert_true(node_equal(once, normalise(&a, once)));
		/* And what is declared is what is sent. */
		assert_true(node_equal(once, normalise(&a, normalise_declared(&a, body))));
		assert_true(node_equal(once, normalise(&a, normalise_request(&a, body))));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_made_is_valid_and_equals_itself),
		cmocka_unit_test(after_a_sync_the_plan_is_empty_and_nothing_undeclared_is_lost),
		cmocka_unit_test(after_any_edit_a_second_sync_writes_nothing),
		cmocka_unit_test(a_saved_plan_does_what_a_sync_does),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
