/* Text without braces stays as it is, marks give way to what they stand for, and escaped text is filled in as itself. */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "reconcile/tree/template.h"

static const struct var items[] = { { .name = "a", .value = "{{ b }}" }, { .name = "b", .value = "" } };
static const struct var env[] = { { .name = "HOME", .value = "x\ny" } };
static const char *const through[] = { "c" };
static const struct vars vars = { items, ARRAY_LEN(items), env, 1, through, 1 };

static void stays(const char *text, const char *given, size_t len)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	struct template_text out = { .arena = &a, .text = BUF_TEXT };
	struct diagnostics faults = { .arena = &a };

	REQUIRE(template_fill(&vars, "fuzz", given, len, &out, &faults));
	REQUIRE(out.count == 0);
	REQUIRE(strcmp(buf_str(&out.text), text) == 0);
	buf_done(&out.text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	CLEANUP(buf_done) struct buf escaped = BUF_TEXT;
	struct template_text out = { .arena = &a, .text = BUF(4096) };
	struct diagnostics faults = { .arena = &a };
	const char *text = arena_strndup(&a, (const char *)data, strnlen((const char *)data, size));
	size_t index, len;

	if (!strchr(text, '{'))
		stays(text, text, strlen(text));
	template_escape(text, &escaped);
	stays(text, buf_str(&escaped), escaped.len);
	bool ok = template_fill(&vars, "fuzz", (const char *)data, size, &out, &faults);
	REQUIRE(ok == (faults.errors == 0));
	if (!out.text.full && !strstr(text, "\xf3\xb0\xbd\x90"))
		REQUIRE(!template_find_mark(&out, template_without_marks(&out, buf_str(&out.text)), &index, &len));
	buf_done(&out.text);
	return 0;
}
