/* Text without braces stays as it is, marks give way to what they stand for, escaped text is filled in as itself, and
 * no NUL is lost. */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "reconcile/tree/template.h"

static const struct var items[] = { { .name = "a", .value = "{{ b }}" }, { .name = "b", .value = "" } };
static const struct var env[] = { { .name = "HOME", .value = "x\ny" } };
static const char *const through[] = { "c" };
static const struct vars vars = { items, ARRAY_LEN(items), env, 1, through, 1 };

/* The text is that of a file whose last line ends with a newline, which is not part of the text (design, 4.3). */
static void stays(const char *text, const char *given)
{
	CLEANUP(buf_done) struct buf file = BUF_TEXT;
	CLEANUP(arena_free) struct arena a = { 0 };
	struct template_text out = { .arena = &a, .text = BUF_TEXT };
	struct diagnostics faults = { .arena = &a };

	buf_addf(&file, "%s\n", given);
	REQUIRE(template_fill(&vars, "fuzz", buf_str(&file), file.len, &out, &faults));
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

	bool ends_with_cr = *text && text[strlen(text) - 1] == '\r';	/* which would be a part of that newline */
	if (!ends_with_cr && !strchr(text, '{'))
		stays(text, text);
	template_escape(text, &escaped);
	if (!ends_with_cr)
		stays(text, buf_str(&escaped));
	bool ok = template_fill(&vars, "fuzz", (const char *)data, size, &out, &faults);
	REQUIRE(ok == (faults.errors == 0));
	if (ok && !out.text.full)	/* so that YAML can refuse it */
		REQUIRE(!memchr(data, '\0', size) == !memchr(buf_str(&out.text), '\0', out.text.len));
	if (!out.text.full && !strstr(text, "\xf3\xb0\xbd\x90"))
		REQUIRE(!template_find_mark(&out, template_without_marks(&out, buf_str(&out.text)), &index, &len));
	buf_done(&out.text);
	return 0;
}
