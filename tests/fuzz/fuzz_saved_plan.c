/* No bytes harm the reader of a saved plan, also with the right digest; what it takes it finds again, and the report in it
 * can be shown. */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "reconcile/plan/render.h"
#include "reconcile/plan/saved_plan.h"
#include "reconcile/tree/json.h"

static void read_bytes(const char *bytes, size_t len)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	CLEANUP(buf_done) struct buf shown = BUF_TEXT;
	struct saved_plan plan;
	struct err err = { 0 };

	if (!saved_plan_read(&a, "plan.json", bytes, len, &plan, &err)) {
		REQUIRE(err.kind == ERR_USAGE && strncmp(err.msg, "plan.json", 9) == 0);
		return;
	}
	for (size_t i = 0; i < plan.count; i++)
		REQUIRE(saved_plan_find(&plan, plan.steps[i].name) == &plan.steps[i]);
	REQUIRE(saved_plan_fits(&plan, &plan.made_for, &err));
	for (enum render_format form = RENDER_TEXT; form <= RENDER_JUNIT; form++)
		render_document(plan.report, &(struct render_options){ form, .colour = true, .width = 80 }, &shown);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	CLEANUP(buf_done) struct buf sealed = BUF_TEXT;
	struct node *n;
	struct err err;

	read_bytes((const char *)data, size);
	if (!json_read_answer(&a, (const char *)data, size, &n, &err) || n->kind != NODE_MAP)
		return 0;
	node_put(&a, n, "digest", node_text(&a, saved_plan_digest(&a, n)));
	json_write(n, JSON_COMPACT, &sealed);
	read_bytes(buf_str(&sealed), sealed.len);
	return 0;
}
