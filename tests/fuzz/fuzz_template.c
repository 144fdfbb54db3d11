/* Without variables text stays as it is; with them only braces change. */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "reconcile/tree/template.h"

static void stays(const char *text, size_t len, const struct vars *vars)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	CLEANUP(buf_done) struct buf out = BUF_TEXT;
	struct diagnostics faults = { .arena = &a };

	REQUIRE(template_fill(vars, "fuzz", text, len, &out, &faults));
	REQUIRE(out.len == len);
	REQUIRE(len == 0 || memcmp(out.text, text, len) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct var items[] = { { "a", "{{ b }}" }, { "b", "" } };
	static const struct var env[] = { { "HOME", "x\ny" } };
	static const char *const through[] = { "c" };
	const struct vars some = { items, ARRAY_LEN(items), env, 1, through, 1 };
	const struct vars none = { .env = env, .env_count = 1 };
	CLEANUP(arena_free) struct arena a = { 0 };
	CLEANUP(buf_done) struct buf out = BUF(4096);
	struct diagnostics faults = { .arena = &a };
	const char *text = (const char *)data;

	stays(text, size, &none);
	if (!memchr(text, '{', size))
		stays(text, size, &some);
	bool ok = template_fill(&some, "fuzz", text, size, &out, &faults);
	REQUIRE(ok == (faults.errors == 0));
	return 0;
}
