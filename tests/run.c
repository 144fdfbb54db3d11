#include "tests/test.h"
#include "tests/run.h"

#include <string.h>

#include "tests/tree.h"

void run_done(struct run *r)
{
	fake_done(&r->f);
	arena_free(&r->a);
}

void run_cycle(struct run *r, const struct specs *specs, const struct cycle_options *options)
{
	r->faults = (struct diagnostics){ .arena = &r->a };
	buf_reset(&r->f.writes);
	r->f.requests = 0;
	fake_cycle(&r->f, &r->a, specs, options, &r->report, &r->faults);
}

void run_sync(struct run *r, const char *yaml)
{
	const struct specs specs = tree_specs(&r->a, yaml);

	run_cycle(r, &specs, &(struct cycle_options){ .apply = true });
}

void run_plan(struct run *r, const char *yaml)
{
	const struct specs specs = tree_specs(&r->a, yaml);

	run_cycle(r, &specs, &(struct cycle_options){ 0 });
}

struct fake_workflow *run_make(struct run *r, const char *json)
{
	return fake_make(&r->f, tree_json(&r->a, json));
}

void run_put(struct run *r, int64_t id, const char *pointer, const char *json)
{
	struct arena *a = &r->f.arena;
	const char *slash = strrchr(pointer, '/');
	struct node *above = node_at(fake_find(&r->f, id)->shown,
	                             arena_strndup(a, pointer, (size_t)(slash - pointer)));

	assert_non_null(above);
	node_put(a, above, arena_strdup(a, slash + 1), node_copy(a, tree_json(a, json)));
}

const char *run_shown(struct run *r, int64_t id, const char *pointer)
{
	return tree_text(&r->a, node_at(fake_find(&r->f, id)->shown, pointer));
}

const char *run_tags(struct run *r, int64_t id)
{
	const struct node *tags = node_get(fake_find(&r->f, id)->shown, "tags");
	const char *text = "";

	for (size_t i = 0; i < tags->count; i++)
		text = arena_printf(&r->a, "%s%s%s", text, i ? " " : "",
		                    node_get_text(tags->entries[i].value, "name"));
	return text;
}

const char *run_steps(struct run *r)
{
	const char *text = "";

	for (size_t i = 0; i < r->report.step_count; i++) {
		const struct plan_step *s = &r->report.steps[i];
		text = arena_printf(&r->a, "%s%s %s %s%s%s\n", text, s->name, action_word(s->action),
		                    result_word(s->result), s->error ? ": " : "", s->error ? s->error : "");
	}
	return text;
}

const char *run_changes(struct run *r)
{
	const char *text = "";

	for (size_t i = 0; i < r->report.step_count; i++)
		for (size_t j = 0; j < r->report.steps[i].diff.count; j++) {
			const struct change *c = &r->report.steps[i].diff.items[j];
			text = arena_printf(&r->a, "%s%s %s %s\n", text, change_op_word(c->op), c->path,
			                    reason_word(c->reason));
		}
	return text;
}
