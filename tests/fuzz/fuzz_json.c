/* What was read is written and read again as the same tree, in every style; equal trees have the
 * same canonical bytes.  As an answer of a service the same bytes give the same tree.  What is plain is read as by
 * json-c. */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "reconcile/tree/json.h"
#include "reconcile/tree/json_plain.h"
#include "reconcile/tree/yaml.h"

static struct node *again(struct arena *a, const struct buf *text)
{
	struct node *n;
	struct err err;

	REQUIRE(json_read(a, buf_str(text), text->len, &n, &err));
	return n;
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
	REQUIRE(docs.count == 1);
	REQUIRE(node_equal(docs.root[0], n));
}

/* Inside a list with a real, which is not plain, json-c reads the same bytes. */
static void same_by_json_c(struct arena *a, const char *bytes, size_t len)
{
	CLEANUP(buf_done) struct buf list = BUF_TEXT;
	const struct node *plain = json_plain_read(a, bytes, len);
	struct node *n;
	struct err err;

	buf_addc(&list, '[');
	buf_add(&list, bytes, len);
	buf_adds(&list, ",1.5]");
	bool read = json_read(a, buf_str(&list), list.len, &n, &err);
	if (!plain || (!read && strstr(err.msg, "nested")))
		return;
	REQUIRE(read && n->count == 2);
	REQUIRE(strcmp(json_text(a, plain), json_text(a, n->entries[0].value)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	CLEANUP(buf_done) struct buf canonical = BUF_TEXT;
	CLEANUP(buf_done) struct buf text = BUF_TEXT;
	struct node *n, *answer;
	struct err err;

	same_by_json_c(&a, (const char *)data, size);
	bool answered = json_read_answer(&a, (const char *)data, size, &answer, &err);
	if (!json_read(&a, (const char *)data, size, &n, &err))
		return 0;
	REQUIRE(answered && node_equal(answer, n));
	json_write(n, JSON_COMPACT, &text);
	REQUIRE(node_equal(again(&a, &text), n));
	buf_reset(&text);
	json_write(n, JSON_PRETTY, &text);
	REQUIRE(node_equal(again(&a, &text), n));
	json_write_canonical(n, &canonical);
	struct node *sorted = again(&a, &canonical);
	REQUIRE(node_equal(sorted, n));
	buf_reset(&text);
	json_write_canonical(sorted, &text);
	REQUIRE(strcmp(buf_str(&text), buf_str(&canonical)) == 0);
	same_by_yaml(&a, n);
	return 0;
}
