/* What was read is written and read again as the same tree, by YAML and by JSON. */
#include "tests/fuzz/fuzz.h"

#include <math.h>

#include "reconcile/tree/json.h"
#include "reconcile/tree/yaml.h"

/* JSON has no word for them: they become null. */
static bool has_no_infinities(const struct node *n)
{
	for (size_t i = 0; i < n->count; i++)
		if (!has_no_infinities(n->entries[i].value))
			return false;
	return n->kind != NODE_REAL || isfinite(n->real);
}

static void same_by_yaml(struct arena *a, const struct node *n)
{
	CLEANUP(buf_done) struct buf text = BUF_TEXT;
	struct diagnostics faults = { .arena = a };
	struct yaml_docs docs;

	yaml_write(n, &text);
	if (text.len > YAML_MAX_BYTES)
		return;
	REQUIRE(yaml_read(a, "again", buf_str(&text), text.len, &docs, &faults));
	REQUIRE(faults.count == 0);
	REQUIRE(docs.count == 1);
	REQUIRE(node_equal(docs.root[0], n));
}

static void same_by_json(struct arena *a, const struct node *n)
{
	CLEANUP(buf_done) struct buf text = BUF_TEXT;
	struct node *again;
	struct err err;

	json_write(n, JSON_PRETTY, &text);
	REQUIRE(json_read(a, buf_str(&text), text.len, &again, &err));
	REQUIRE(!has_no_infinities(n) || node_equal(again, n));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	struct diagnostics faults = { .arena = &a };
	struct yaml_docs docs = { 0 };

	bool ok = yaml_read(&a, "fuzz", (const char *)data, size, &docs, &faults);
	REQUIRE(ok == (faults.errors == 0));
	for (size_t i = 0; i < docs.count; i++) {
		same_by_yaml(&a, docs.root[i]);
		same_by_json(&a, docs.root[i]);
	}
	return 0;
}
