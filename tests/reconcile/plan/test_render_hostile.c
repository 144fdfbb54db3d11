/* Names and values that are markup, escape sequences or commands of CI systems, through every rendering. */
#include "tests/test.h"
#include "reconcile/plan/render.h"

#include <string.h>

#include "reconcile/base/printable.h"
#include "reconcile/base/utf8.h"
#include "tests/tree.h"

static const char *const hostile[] = {
	"<script>alert(1)</script>", "</code></summary></details><img src=x onerror=y>", "<!-- ", "-->", "<b>", "a & b &lt; &#64;",
	"@mention", "@org/team", "see #1, GH-1, org/repo#1 and 4f2a91c03b6d3e0f5b1c7d2a8e9f0a1b2c3d4e5f", "https://evil.example www.evil.example a@evil.example",
	"[link](https://evil.example)", "![image](https://evil.example/x.png)", "**bold** _it_ ~~gone~~", "# heading", "> quote",
	"- item", "| a | b |", "a|b", "a\\|b", "\\", "`", "``", "```", "````\n</details>\n````", "~~~", "`code` `", " ` ", "a``b`c```d",
	"$x^2$", "<details>", "]]>", "<![CDATA[x]]>", "<?xml version=\"1.0\"?>", "\"><x y=\"", "'/>", "&entity;", "&#0;",
	"\x1b[31mred", "\x1b]0;title\x07", "\x1b[2J", "\r", "a\rb", "\x7f", "\xc2\x9b" "31m", "\xe2\x80\xae" "txt.exe", "\xe2\x80\xa8", "\xef\xbb\xbf",
	"\xef\xbf\xbe", "\xef\xbf\xbf", "\xf0\x9f\x98\x80", "\xff\xfe", "\xc3", "\t::error::x",
	"::error file=a::b", "  ::set-output name=x::y", "::stop-commands::x", "a\n::error::b", "x\n   ::warning::y", "##[error]x", "##vso[task.setvariable variable=x]y",
	"a ##[group]b", "a ##vso[task.complete]", "##teamcity[x]", "##VSO[a]", "##[", "\n", "\n\n", "", " ", "  ", "::", "##",
	"-> ", "@@ -1 +1 @@", "--- a", "+++ b", "%s%n%d", "{{ x }}", "{% raw %}",
};

enum { HOSTILE = ARRAY_LEN(hostile) };

/* ---- a report of them ---- */

static const char *text_of(size_t i)
{
	return hostile[i % HOSTILE];
}

static struct node *change_of(struct arena *a, const char *op, const char *path, struct node *from, struct node *to)
{
	struct node *n = node_map(a);

	node_put(a, n, "op", node_text(a, op));
	node_put(a, n, "path", node_text(a, path));
	node_put(a, n, "from", from);
	node_put(a, n, "to", to);
	node_put(a, n, "reason", node_text(a, "declared"));
	return n;
}

static struct node *list_of(struct arena *a, const char *first, const char *second)
{
	struct node *n = node_list(a);

	node_add(a, n, node_text(a, first));
	node_add(a, n, node_text(a, second));
	return n;
}

static struct node *map_of(struct arena *a, const char *key, const char *text)
{
	struct node *n = node_map(a);

	node_put(a, n, key, node_text(a, text));
	node_put(a, n, "list", list_of(a, text, key));
	return n;
}

/* text between lines of its own. */
static struct node *lines_of(struct arena *a, const char *text, const char *first)
{
	return node_text(a, arena_printf(a, "%s\n%s\n%s\nlast\n", first, text, text));
}

static struct node *changes_of(struct arena *a, size_t i, bool create)
{
	struct node *list = node_list(a);
	const char *x = text_of(i), *y = text_of(i * 7 + 3), *path = arena_printf(a, "/steps/%s", x);

	node_add(a, list, change_of(a, "add", "/name", node_null(a), node_text(a, x)));
	node_add(a, list, change_of(a, "add", path, node_null(a), map_of(a, x, y)));
	node_add(a, list, change_of(a, "add", "/steps/lines", node_null(a), lines_of(a, x, y)));
	if (create)
		return list;
	node_add(a, list, change_of(a, "replace", path, node_text(a, x), node_text(a, y)));
	node_add(a, list, change_of(a, "replace", "/steps/s/command", lines_of(a, x, "a"), lines_of(a, y, "b")));
	node_add(a, list, change_of(a, "replace", arena_printf(a, "%s/parents", path), list_of(a, x, "p"), list_of(a, y, "p")));
	node_add(a, list, change_of(a, "replace", "/tags", map_of(a, x, "a"), map_of(a, y, "b")));
	node_add(a, list, change_of(a, "remove", path, map_of(a, y, x), node_null(a)));
	return list;
}

static struct node *workflow_of(struct arena *a, size_t i)
{
	static const char *const kinds[][2] = {
		{ "create", "planned" }, { "patch", "planned" }, { "patch", "failed" }, { "none", "suspended" },
	};
	const char *const *kind = kinds[i % ARRAY_LEN(kinds)];
	struct node *n = node_map(a);

	node_put(a, n, "name", node_text(a, text_of(i)));
	node_put(a, n, "action", node_text(a, kind[0]));
	node_put(a, n, "result", node_text(a, kind[1]));
	node_put(a, n, "file", node_text(a, text_of(i + 1)));
	node_put(a, n, "line", node_int(a, 1));
	node_put(a, n, "note", node_text(a, text_of(i + 2)));
	if (i % 4 > 1)
		node_put(a, n, "error", node_text(a, text_of(i + 3)));
	node_put(a, n, "changes", changes_of(a, i, i % 4 == 0));
	return n;
}

/* Three workflows that change in the same way, with names from `at` on. */
static void add_group(struct arena *a, struct node *list, size_t at)
{
	for (size_t i = 0; i < 3; i++) {
		struct node *n = node_add(a, list, workflow_of(a, 1));
		node_put(a, n, "name", node_text(a, text_of(at + i)));
	}
}

static struct node *messages_of(struct arena *a, size_t first)
{
	struct node *list = node_list(a);

	for (size_t i = 0; i < 15; i++) {
		struct node *n = node_add(a, list, node_map(a));
		node_put(a, n, "message", node_text(a, text_of(first + i)));
		node_put(a, n, "file", node_text(a, text_of(first + i + 1)));
		node_put(a, n, "line", node_int(a, 1));
	}
	return list;
}

/* The workflows from `first` on, four of them: markdown would cut a report of all. */
static struct node *hostile_report(struct arena *a, size_t first)
{
	struct node *n = node_map(a), *workflows = node_list(a);

	node_put(a, n, "mode", node_text(a, "plan"));
	node_put(a, n, "outcome", node_text(a, "failed"));
	node_put(a, n, "sync", node_text(a, text_of(first)));
	node_put(a, n, "started", node_text(a, text_of(first + 1)));
	node_put(a, n, "service", map_of(a, "endpoint", text_of(first + 2)));
	for (size_t i = 0; i < 4; i++)
		node_add(a, workflows, workflow_of(a, first + i));
	add_group(a, workflows, first);
	node_put(a, n, "workflows", workflows);
	node_put(a, n, "errors", messages_of(a, first));
	node_put(a, n, "warnings", messages_of(a, first + 15));
	return n;
}

static const char *rendered_hostile(struct arena *a, size_t first, const struct render_options *options)
{
	CLEANUP(buf_done) struct buf out = BUF_TEXT;

	render_document(hostile_report(a, first), options, &out);
	return arena_strdup(a, buf_str(&out));
}

/* ---- what must not be in any of them ---- */

static const char *next_line(struct arena *a, const char **text)
{
	size_t len = strcspn(*text, "\n");
	const char *line = arena_strndup(a, *text, len);

	*text += len + ((*text)[len] == '\n');
	return line;
}

static void must_hide_nothing(const char *text)
{
	uint32_t code = 0;

	for (size_t len; *text; text += len) {
		len = utf8_read(text, SIZE_MAX, &code);
		if (!len || (printable_is_hidden(code) && code != '\n' && code != '\t'))
			fail_msg("a byte %#x: %.80s", (unsigned char)*text, text);
	}
}

static void must_command_nothing(struct arena *a, const char *text)
{
	while (*text) {
		const char *line = next_line(a, &text), *begin = line + strspn(line, " \t");
		if (strncmp(begin, "::", 2) == 0 || strstr(line, "##[") || strcasestr(line, "##vso[") || strstr(line, "##teamcity["))
			fail_msg("a command of a CI system: %s", line);
	}
}

static void each_rendering(void (*check)(struct arena *a, const char *text), enum render_format format)
{
	static const size_t widths[] = { 0, 20, 80 };

	for (size_t first = 0; first < HOSTILE; first++)
		for (size_t i = 0; i < ARRAY_LEN(widths) * 2; i++) {
			CLEANUP(arena_free) struct arena a = { 0 };
			const struct render_options options = { format, .width = widths[i / 2], .verbose = i % 2 };
			check(&a, rendered_hostile(&a, first, &options));
		}
}

static void check_text(struct arena *a, const char *text)
{
	must_hide_nothing(text);
	must_command_nothing(a, text);
}

static void text_commands_nothing(void **state)
{
	each_rendering(check_text, RENDER_TEXT);
}

/* ---- markdown ---- */

static size_t backticks_at(const char *s)
{
	return strspn(s, "`");
}

/* The end of the code span that begins here: behind the next run of as many backticks. */
static const char *end_of_span(const char *s)
{
	size_t ticks = backticks_at(s), run;

	for (s += ticks; *s; s += run ? run : 1) {
		run = backticks_at(s);
		if (run == ticks)
			return s + run;
	}
	return NULL;
}

static bool take_word(const char **s, const char *word)
{
	size_t len = strlen(word);

	if (strncmp(*s, word, len) != 0)
		return false;
	*s += len;
	return true;
}

/* The tags of a summary, and the escaped text in its <code>. */
static bool take_tag(const char **s)
{
	if (take_word(s, "<code>")) {
		*s += strcspn(*s, "<");
		return take_word(s, "</code>");
	}
	return take_word(s, "<details>") || take_word(s, "<summary>") || take_word(s, "</summary>") || take_word(s, "</details>");
}

static void check_markup_of_line(const char *line)
{
	const char *s = line;
	size_t pipes = 0;

	for (const char *p = line; *p; p++)
		pipes += *p == '|';
	/* A "|" ends a cell in a code span too. */
	if (pipes && (*line != '|' || pipes != 4))
		fail_msg("cells: %s", line);
	take_word(&s, "### ");
	while (*s) {
		if (*s == '`' && !(s = end_of_span(s)))
			fail_msg("an open code span: %s", line);
		else if (*s == '`' || take_tag(&s))
			continue;
		else if (*s && strchr("<>@&[]#_\\`", *s))
			fail_msg("text that is not in code, \"%s\": %s", s, line);
		else if (*s)
			s++;
	}
}

static void check_markdown(struct arena *a, const char *text)
{
	size_t fence = 0;

	check_text(a, text);
	while (*text) {
		const char *line = next_line(a, &text);
		size_t ticks = backticks_at(line);
		if (fence && ticks >= fence && !line[ticks])
			fence = 0;
		else if (!fence && ticks >= 3 && strcmp(line + ticks, "diff") == 0)
			fence = ticks;
		else if (!fence)
			check_markup_of_line(line);
	}
	assert_int_equal(fence, 0);
}

static void markdown_has_no_markup_of_a_value(void **state)
{
	each_rendering(check_markdown, RENDER_MARKDOWN);
}

/* ---- XML ---- */

/* True at one of our tags; its attributes are checked. */
static bool take_xml_tag(const char **s)
{
	static const char *const tags[] = {
		"<?xml", "<testsuites", "<testsuite", "<testcase", "<system-out", "<failure", "<skipped", "<error", "</testsuites",
		"</testsuite", "</testcase", "</system-out", "</failure", "</error",
	};
	for (size_t i = 0; i < ARRAY_LEN(tags); i++) {
		if (!take_word(s, tags[i]))
			continue;
		while (**s == ' ') {
			*s += 1 + strspn(*s + 1, "abcdefghijklmnopqrstuvwxyz");
			if (!take_word(s, "=\""))
				return false;
			for (; **s != '"'; ++*s)
				if (!**s || **s == '<')
					return false;
			++*s;
		}
		*s += strspn(*s, "?/");
		return take_word(s, ">");
	}
	return false;
}

static bool take_entity(const char **s)
{
	return take_word(s, "&amp;") || take_word(s, "&lt;") || take_word(s, "&gt;") || take_word(s, "&quot;") ||
	       take_word(s, "&apos;");
}

static void check_xml(struct arena *a, const char *text)
{
	uint32_t code = 0;

	check_text(a, text);
	for (const char *s = text; *s; ) {
		if (*s == '<' ? take_xml_tag(&s) : *s == '&' ? take_entity(&s) : false)
			continue;
		size_t len = utf8_read(s, SIZE_MAX, &code);
		if (strchr("<>&", *s) || code == 0xfffe || code == 0xffff)
			fail_msg("no XML: %.80s", s);
		s += len;
	}
}

static void xml_has_no_markup_of_a_value(void **state)
{
	each_rendering(check_xml, RENDER_JUNIT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_commands_nothing),
		cmocka_unit_test(markdown_has_no_markup_of_a_value),
		cmocka_unit_test(xml_has_no_markup_of_a_value),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
