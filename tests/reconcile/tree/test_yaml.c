#include "tests/test.h"
#include "reconcile/tree/json.h"
#include "reconcile/tree/yaml.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "tests/tree.h"

static const char *name = "w.yaml";

/* Reads from a block of exactly the size of text, so that a sanitizer sees a step too far. */
static bool read_exact(struct arena *a, const char *text, size_t len, struct yaml_docs *docs,
                       struct diagnostics *faults)
{
	char *block = malloc(len ? len : 1);

	memcpy(block, text, len);
	bool ok = yaml_read(a, name, block, len, docs, faults);
	free(block);
	return ok;
}

/* Each document as JSON in a line, then each fault. */
static void outcome(const char *text, size_t len, struct buf *out)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	struct diagnostics faults = { .arena = &a };
	struct yaml_docs docs = { 0 };

	bool ok = read_exact(&a, text, len, &docs, &faults);
	assert_int_equal(ok, faults.errors == 0);
	for (size_t i = 0; i < docs.count; i++) {
		json_write(docs.root[i], JSON_COMPACT, out);
		buf_addc(out, '\n');
	}
	diagnostics_sort(&faults);
	for (size_t i = 0; i < faults.count; i++) {
		struct err err;
		err_at(&err, faults.items[i].at, "%s", faults.items[i].message);
		buf_addf(out, "%s%s\n", faults.items[i].warning ? "warning: " : "", err.msg);
	}
}

static void assert_outcome_len(const char *text, size_t len, const char *want)
{
	CLEANUP(buf_done) struct buf out = BUF_TEXT;

	outcome(text, len, &out);
	if (strcmp(buf_str(&out), want) != 0)
		fail_msg("%s\ngives\n%snot\n%s", text, buf_str(&out), want);
}

static void assert_outcome(const char *text, const char *want)
{
	assert_outcome_len(text, strlen(text), want);
}

static void documents_become_trees(void **state)
{
	static const struct { const char *text, *json; } cases[] = {
		{ "", "" }, { "\n# only a comment\n", "" },
		{ "---\n", "null\n" }, { "a: 1\n---\nb: 2\n...\n---\n", "{\"a\":1}\n{\"b\":2}\nnull\n" },
		{ "a:\n- 1\n-  - x\n   - {y: ~, z}\n", "{\"a\":[1,[\"x\",{\"y\":null,\"z\":null}]]}\n" },
		{ "a: 'true'\nb: \"12\"\nc: |\n  12\nd: >-\n  a\n  b\n",
		  "{\"a\":\"true\",\"b\":\"12\",\"c\":\"12\\n\",\"d\":\"a b\"}\n" },
		{ "\xef\xbb\xbf" "a: \xc3\xa9\n", "{\"a\":\"\xc3\xa9\"}\n" },
		{ "a: http://{{ host }}/x\nb: '{{ y }}'\n",
		  "{\"a\":\"http://{{ host }}/x\",\"b\":\"{{ y }}\"}\n" },
		{ "a: 2024-05-20\nb: =\nc: <<\nd: 10GB\n",
		  "{\"a\":\"2024-05-20\",\"b\":\"=\",\"c\":\"<<\",\"d\":\"10GB\"}\n" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_outcome(cases[i].text, cases[i].json);
}

static void a_block_that_ends_its_file_is_known(void **state)
{
	static const struct { const char *text; bool ends; } cases[] = {
		{ "a: |\n  x", true }, { "a: |\n  x\n", true }, { "a: |-\n  x\n \n", true }, { "a: >+\n  x\n\n", true },
		{ "b: c\na: |\n  \xc3\xa9\xc3\xa9", true }, { "a: |\n  x\nb: c", false }, { "a: |\n  x\n# c", false },
		{ "a: |\n  x\n---\nb: c", false }, { "a: x", false }, { "a: \"x\"", false }, { "a: 'x\n\n  y'\n", false },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		struct diagnostics faults = { .arena = &a };
		struct yaml_docs docs;

		assert_true(yaml_read(&a, "w.yaml", cases[i].text, strlen(cases[i].text), &docs, &faults));
		if (node_get(docs.root[0], "a")->ends_file != cases[i].ends)
			fail_msg("%s", cases[i].text);
	}
}

static void a_variable_may_be_any_number(void **state)
{
	static const char text[] = "a: 123456789012345678901234567890\nb: 1.0e+999\nc: 12\n";
	CLEANUP(arena_free) struct arena a = { 0 };
	struct diagnostics faults = { .arena = &a };
	struct yaml_docs docs;

	assert_false(yaml_read(&a, "w.yaml", text, strlen(text), &docs, &faults));
	faults = (struct diagnostics){ .arena = &a };
	assert_true(yaml_read_variables(&a, "w.yaml", text, strlen(text), &docs, &faults));
	assert_string_equal(tree_text(&a, docs.root[0]), "{\"a\":\"123456789012345678901234567890\",\"b\":\"1.0e+999\",\"c\":12}");
}

static void keys_that_are_no_text_become_their_json_text(void **state)
{
	assert_outcome("1: a\ntrue: b\n~: c\n1.50: d\n0x10: e\n-1: f\n2024-01-01: g\n.nan: h\n-.inf: i\n",
	               "{\"1\":\"a\",\"true\":\"b\",\"null\":\"c\",\"1.5\":\"d\",\"16\":\"e\",\"-1\":\"f\","
	               "\"2024-01-01\":\"g\",\"NaN\":\"h\",\"-Infinity\":\"i\"}\n");
}

static void known_tags_are_obeyed(void **state)
{
	static const struct { const char *text, *json; } cases[] = {
		{ "[!!str 12, !!str '', !!str yes]", "[\"12\",\"\",\"yes\"]\n" },
		{ "[!!int \"12\", !!int 010, !!float 1, !!float '.5']", "[12,8,1.0,0.5]\n" },
		{ "[!!float 010, !!float 08, !!float 1e3, !!float 1_0, !!float '1:30', !!float -.inf]", "[10.0,8.0,1e3,10.0,90.0,null]\n" },
		{ "[!!bool 'yes', !!null '', !!null ~, ! 12, ! '12', ! ]", "[true,null,null,12,12,null]\n" },
		{ "!!map {a: !!seq [1]}", "{\"a\":[1]}\n" },
		{ "!<tag:yaml.org,2002:str> 1", "\"1\"\n" },
		{ "%TAG !y! tag:yaml.org,2002:\n---\n!y!str 1", "\"1\"\n" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_outcome(cases[i].text, cases[i].json);
}

static void other_tags_are_refused(void **state)
{
	static const struct { const char *text, *fault; } cases[] = {
		{ "a: !foo 1", "w.yaml:1:4: unknown tag: quote what begins with \"!\" if it is text\n" },
		{ "a: !!timestamp 2024-01-01", "w.yaml:1:4: unknown tag: quote what begins with \"!\" if it is text\n" },
		{ "a: !!binary aGk=", "w.yaml:1:4: unknown tag: quote what begins with \"!\" if it is text\n" },
		{ "!!set {a}", "w.yaml:1:1: unknown tag: quote what begins with \"!\" if it is text\n" },
		{ "!!omap [a: 1]", "w.yaml:1:1: unknown tag: quote what begins with \"!\" if it is text\n" },
		{ "!<x:y> [1]", "w.yaml:1:1: unknown tag: quote what begins with \"!\" if it is text\n" },
		{ "a: !!int x", "w.yaml:1:4: the tag \"!!int\" does not fit this value\n" },
		{ "a: !!int 1.5", "w.yaml:1:4: the tag \"!!int\" does not fit this value\n" },
		{ "a: !!bool 1", "w.yaml:1:4: the tag \"!!bool\" does not fit this value\n" },
		{ "a: !!null x", "w.yaml:1:4: the tag \"!!null\" does not fit this value\n" },
		{ "a: !!map x", "w.yaml:1:4: the tag \"!!map\" does not fit this value\n" },
		{ "a: !!str [x]", "w.yaml:1:4: the tag \"!!str\" does not fit this value\n" },
		{ "a: !!seq {x}", "w.yaml:1:4: the tag \"!!seq\" does not fit this value\n" },
		{ "a: !x!y 1", "w.yaml:1:4: found a tag whose handle is not defined\n" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_outcome(cases[i].text, cases[i].fault);
}

static void aliases_and_merges_are_resolved(void **state)
{
	static const struct { const char *text, *json; } cases[] = {
		{ "- &a x\n- *a\n- &a y\n- *a\n", "[\"x\",\"x\",\"y\",\"y\"]\n"
		  "warning: w.yaml:3:3: an anchor of this name is in line 1 already: later aliases mean this one, and some tools "
		  "refuse the file\n" },
		{ "a: &k b\n*k : 1\n", "{\"a\":\"b\",\"b\":1}\n" },
		{ "- &a {x: 1, y: 2}\n- {<<: *a, y: 3, z: 4}\n", "[{\"x\":1,\"y\":2},{\"x\":1,\"y\":3,\"z\":4}]\n" },
		{ "- &a {x: 1, y: 2}\n- {y: 3, <<: *a}\n", "[{\"x\":1,\"y\":2},{\"y\":3,\"x\":1}]\n" },
		{ "- &a {x: 1}\n- &b {x: 2, y: 2}\n- {<<: [*a, *b], z: 3}\n",
		  "[{\"x\":1},{\"x\":2,\"y\":2},{\"x\":1,\"y\":2,\"z\":3}]\n" },
		{ "- &a {x: 1}\n- &b {<<: *a, y: 2}\n- {<<: *b}\n",
		  "[{\"x\":1},{\"x\":1,\"y\":2},{\"x\":1,\"y\":2}]\n" },
		{ "<<: {x: 1}\n", "{\"x\":1}\n" },
		{ "<<: []\na: 1\n", "{\"a\":1}\n" },
		{ "'<<': 1\n", "{\"<<\":1}\n" },	/* in quotes it is a key */
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_outcome(cases[i].text, cases[i].json);
}

static void a_copy_of_an_alias_shares_nothing(void **state)
{
	static const char text[] = "- &a {x: [1]}\n- *a\n";
	CLEANUP(arena_free) struct arena a = { 0 };
	struct diagnostics faults = { .arena = &a };
	struct yaml_docs docs = { 0 };

	assert_true(read_exact(&a, text, strlen(text), &docs, &faults));
	struct node *first = docs.root[0]->entries[0].value, *second = docs.root[0]->entries[1].value;
	assert_true(node_equal(first, second));
	node_add(&a, node_get(first, "x"), node_int(&a, 2));
	assert_int_equal(node_get(second, "x")->count, 1);
}

static void values_and_keys_know_their_place(void **state)
{
	static const char text[] = "a: 1\n\xc3\xa9\xc3\xa9:\n  - x\n  -   {k:   v}\nb: &x |\n  t\nc: *x\n";
	static const struct { const char *pointer; int line, col; } cases[] = {
		{ "", 1, 1 }, { "/a", 1, 4 }, { "/\xc3\xa9\xc3\xa9", 3, 3 }, { "/\xc3\xa9\xc3\xa9/0", 3, 5 },
		{ "/\xc3\xa9\xc3\xa9/1", 4, 7 }, { "/\xc3\xa9\xc3\xa9/1/k", 4, 13 }, { "/b", 5, 4 },
		{ "/c", 5, 4 },		/* where the value is written */
	};
	CLEANUP(arena_free) struct arena a = { 0 };
	struct diagnostics faults = { .arena = &a };
	struct yaml_docs docs = { 0 };

	assert_true(read_exact(&a, text, strlen(text), &docs, &faults));
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct node *n = node_at(docs.root[0], cases[i].pointer);
		assert_ptr_equal(n->at.file, name);
		assert_int_equal(n->at.line, cases[i].line);
		assert_int_equal(n->at.col, cases[i].col);
	}
	const struct entry *c = &docs.root[0]->entries[3], *item = &docs.root[0]->entries[1].value->entries[1];
	assert_int_equal(c->at.line, 7);
	assert_int_equal(c->at.col, 1);
	assert_int_equal(item->at.line, 4);
	assert_int_equal(item->at.col, 7);
}

#define FILL(x)	"found \"" x "\", a variable without a value: give it with --set or --vars, " \
		"or quote it if the service should get it as it is\n"
#define DEEP	"nested more than 64 deep\n"

static void what_is_wrong_is_named_with_its_place(void **state)
{
	static const struct { const char *text, *fault; } cases[] = {
		{ "a: 1\nb: 2\na: 3\n", "w.yaml:3:1: duplicate key \"a\", given first in line 1, column 1\n" },
		{ "x: {1: a, '1': b}\n", "w.yaml:1:11: duplicate key \"1\", given first in line 1, column 5\n" },
		{ "yes: a\n'true': b\nb: c\n",
		  "warning: w.yaml:1:1: this is true here, as in YAML 1.1, but text in YAML 1.2: "
		  "quote it if text is meant\n"
		  "w.yaml:2:1: duplicate key \"true\", given first in line 1, column 1\n" },
		{ "a: &a {}\n<<: *a\n<<: *a\n",
		  "w.yaml:3:1: duplicate key \"<<\", given first in line 2, column 1\n" },
		{ "<<: 1\n", "w.yaml:1:5: \"<<\" merges mappings, found a number\n" },
		{ "<<: ~\n", "w.yaml:1:5: \"<<\" merges mappings, found nothing\n" },
		{ "<<: [{}, x]\n", "w.yaml:1:10: \"<<\" merges mappings, found a text\n" },
		{ "[a]: 1\n", "w.yaml:1:1: found a list where a key was expected\n" },
		{ "? {a: 1}\n: 1\n", "w.yaml:1:3: found a mapping where a key was expected\n" },
		{ "a: *x\nb: *y\n", "w.yaml:1:4: an alias that has no anchor before it: quote what begins with \"*\" if it is text\n"
		                    "w.yaml:2:4: an alias that has no anchor before it: quote what begins with \"*\" if it is text\n" },
		{ "- &x a\n---\n- *x\n",
		  "[\"a\"]\nw.yaml:3:3: an alias that has no anchor before it: quote what begins with \"*\" if it is text\n" },
		{ "a: &x [1, *x]\n", "w.yaml:1:11: the alias \"*x\" is inside the value that it refers to\n" },
		{ "&x a: {b: *x}\n", "{\"a\":{\"b\":\"a\"}}\n" },
		{ "&x\na: {b: *x}\n", "w.yaml:2:8: the alias \"*x\" is inside the value that it refers to\n" },
		{ "a: 99999999999999999999\n", "w.yaml:1:4: found an integer past 64 bits\n" },
		{ "a: \"x\\0y\"\n", "w.yaml:1:4: found a NUL character in a text\n" },
		{ "!x 1\n---\nb: 2\n---\n!y 3\n",
		  "{\"b\":2}\nw.yaml:1:1: unknown tag: quote what begins with \"!\" if it is text\nw.yaml:5:1: unknown tag: quote what begins with \"!\" if it is text\n" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_outcome(cases[i].text, cases[i].fault);
}

/* libyaml refuses these; YAML and PyYAML read them. */
static void a_block_scalar_may_begin_with_a_tab(void **state)
{
	static const struct { const char *text, *json; } cases[] = {
		{ "a: |\n  \tb\n  c\n", "{\"a\":\"\\tb\\nc\\n\"}\n" },
		{ "a:\n  b: >-  # folded\n      \tc\n  d: 1\n", "{\"a\":{\"b\":\"\\tc\",\"d\":1}}\n" },
		{ "- |+\n \t\n  x\n\n- - |-\n    \ty\n", "[\"\\t\\n x\\n\\n\",[\"\\ty\"]]\n" },
		{ "\xc3\xa9: |\n\n  \t\xc3\xa9\r\nb: |2\n  \tc\n", "{\"\xc3\xa9\":\"\\n\\t\xc3\xa9\\n\",\"b\":\"\\tc\\n\"}\n" },
		{ "a: |\n  \tb\n---\nc: |\n   \td\n", "{\"a\":\"\\tb\\n\"}\n{\"c\":\"\\td\\n\"}\n" },
		{ "--- |\n  \tb\n", "\"\\tb\\n\"\n" },
		/* the places of later errors stay */
		{ "a: |\n  \tb\nc: 1\nc: 2\n", "w.yaml:4:1: duplicate key \"c\", given first in line 3, column 1\n" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_outcome(cases[i].text, cases[i].json);
}

static void what_is_no_yaml_is_explained(void **state)
{
	static const struct { const char *text, *fault; } cases[] = {
		{ "a:\n\tb: 1\n", "w.yaml:2:1: found a tab where indentation was expected\n" },
		{ "a: |\n\tb\n", "w.yaml:2:1: found a tab where indentation was expected\n" },
		{ "a: |\n \n  b\n \tc\n", "w.yaml:4:2: found a tab where indentation was expected\n" },
		{ "{env:{A: 1}}\n", "w.yaml:1:5: found \":\" without a space after it: put a space after the colon, or quote the "
		                    "text that it is part of\n" },
		{ "{A: {b:[1]}}\n", "w.yaml:1:7: found \":\" without a space after it: put a space after the colon, or quote the "
		                    "text that it is part of\n" },
		{ "{A:1, PASSWORD:\"x\", c: d:e}\n",
		  "{\"A:1\":null,\"PASSWORD:\\\"x\\\"\":null,\"c\":\"d:e\"}\n"
		  "warning: w.yaml:1:2: found \"A:\" without a space after the colon: this is a key without a value\n"
		  "warning: w.yaml:1:7: found \"PASSWORD:\" without a space after the colon: this is a key without a value\n" },
		{ "{a:b: , c, \"d:e\", \"f\":1}\n", "{\"a:b\":null,\"c\":null,\"d:e\":null,\"f\":1}\n" },
		{ "a:b:\nc:\n", "{\"a:b\":null,\"c\":null}\n" },
		{ "a: &x 1\nb: &x 2\nc: *x\n",
		  "{\"a\":1,\"b\":2,\"c\":2}\nwarning: w.yaml:2:4: an anchor of this name is in line 1 already: later aliases mean this "
		  "one, and some tools refuse the file\n" },
		{ "a: &x 1\n---\nb: &x 2\n", "{\"a\":1}\n{\"b\":2}\n" },
		{ "a: 1\n\xef\xbb\xbf" "b: 2\n",
		  "w.yaml:2:1: found a byte order mark (U+FEFF) inside the file, as files have that were joined: remove it\n" },
		{ "a: 1\n---\n\xef\xbb\xbf# c\nb: \xef\xbb\xbf\n",
		  "w.yaml:3:1: found a byte order mark (U+FEFF) inside the file, as files have that were joined: remove it\n"
		  "warning: w.yaml:4:4: found a byte order mark (U+FEFF), which is invisible, inside a line\n" },
		{ "cron: * * * * *\n",
		  "w.yaml:1:7: found \"*\", which begins an alias: quote the text if none is meant\n" },
		{ "cron: */5 * * * *\n",
		  "w.yaml:1:7: found \"*\", which begins an alias: quote the text if none is meant\n" },
		{ "cron: @daily\n", "w.yaml:1:7: found \"@\", which cannot begin a value: quote it\n" },
		{ "a: `x`\n", "w.yaml:1:4: found \"`\", which cannot begin a value: quote it\n" },
		{ "a: {% if x %}\n", "w.yaml:1:5: found \"%\", which cannot begin a value: quote it\n" },
		{ "a: b: c\n", "w.yaml:1:5: found \": \" where it cannot stand: "
		               "quote the text that it is part of, or check the indentation\n" },
		{ "a: 1\nfoo\nb: 2\n", "w.yaml:2:1: found no \": \" after this key\n" },
		{ "a:\n  - 1\n b: 2\n",
		  "w.yaml:3:2: found something else where a key was expected: check the indentation\n" },
		{ "- 1\nb: 2\n",
		  "w.yaml:2:1: found something else where \"- \" was expected: check the indentation\n" },
		{ "a: [1, 2\n", "w.yaml:2:1: found something else where \",\" or \"]\" was expected\n" },
		{ "a: {b: 1\n", "w.yaml:2:1: found something else where \",\" or \"}\" was expected\n" },
		{ "a: \"x\nb: 1\n", "w.yaml:1:4: this quoted text does not end\n" },
		{ "a: 'x\n---\n", "w.yaml:1:4: this quoted text does not end\n" },
		{ "a: \"C:\\q\"\n", "w.yaml:1:7: found an unknown escape: "
		                   "write \"\\\\\" for a backslash, or use single quotes\n" },
		{ "a: - b\n", "w.yaml:1:4: found \"- \" where no list can begin\n" },
		{ "[a] b\n", "[\"a\"]\nw.yaml:1:5: found more after the end of the document: "
		             "the next one begins with \"---\"\n" },
		{ "%FOO\na: 1\n", "w.yaml:1:5: found unknown directive name while scanning a directive\n" },
		{ "a: &\n", "w.yaml:1:5: did not find expected alphabetic or numeric character "
		            "while scanning an anchor\n" },
		{ "a: 1\n---\nb: [\n---\nc: 3\n",
		  "{\"a\":1}\nw.yaml:4:1: found something else where a value was expected\n" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_outcome(cases[i].text, cases[i].fault);
}

static void braces_that_nobody_filled_in_are_named(void **state)
{
	static const struct { const char *text, *fault; } cases[] = {
		{ "a: {{ name }}\n", "w.yaml:1:4: " FILL("{{ name }}") },
		{ "\xc3\xa9: [{{a}}, {{ b }}]\n", "w.yaml:1:5: " FILL("{{a}}") "w.yaml:1:12: " FILL("{{ b }}") },
		{ "- {{ a }}\r\n- {{ b }}\r\n", "w.yaml:1:3: " FILL("{{ a }}") "w.yaml:2:3: " FILL("{{ b }}") },
		{ "{{ a }}: 1\n", "w.yaml:1:1: " FILL("{{ a }}") },
		{ "image: {{ registry }}/x:1\nb: 1\n", "w.yaml:1:8: " FILL("{{ registry }}") },
		{ "a: {{ os_env['X'] }}\n", "w.yaml:1:4: " FILL("{{ os_env['X'] }}") },
		{ "a: {{ x | default(\"y\") }}\n", "w.yaml:1:4: " FILL("{{ x | default(\"y\") }}") },
		{ "a: {{b: 1}: 2}\n", "w.yaml:1:5: found a mapping where a key was expected\n" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_outcome(cases[i].text, cases[i].fault);
}

static void what_is_no_text_is_refused(void **state)
{
	static const struct { const char *text; size_t len; const char *fault; } cases[] = {
		{ "\x7f" "ELF\0\1", 6, "w.yaml:1:5: this is not text: found a NUL character\n" },
		{ "a: 1\nb\0", 7, "w.yaml:2:2: this is not text: found a NUL character\n" },
		{ "\xff\xfe" "a\0", 4, "w.yaml: this is UTF-16, not UTF-8\n" },
		{ "\xfe\xff\0a", 4, "w.yaml: this is UTF-16, not UTF-8\n" },
		{ "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 9\n", 66, "w.yaml: this is a pointer of Git "
		  "LFS, not the file itself: run git lfs pull, or keep the file out of LFS\n" },
		{ "a: 1\n\xc3\xa9: \xff\n", 10, "w.yaml:2:4: this is not UTF-8\n" },
		{ "a: \xc3", 4, "w.yaml:1:4: this is not UTF-8\n" },
		{ "a: \xed\xa0\x80", 6, "w.yaml:1:4: this is not UTF-8\n" },
		{ "\xef\xbb\xbf" "a: \x01", 7, "w.yaml:1:4: found the control character U+0001, "
		                               "which YAML takes only escaped in double quotes\n" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_outcome_len(cases[i].text, cases[i].len, cases[i].fault);
}

static void scalars_that_yaml_1_2_reads_otherwise_give_a_warning_without_the_value(void **state)
{
	assert_outcome("a: on\nb: 012\nc: 1e3\nd: 1:30\ne: 'on'\nf: !!bool no\ng: true\n",
	               "{\"a\":true,\"b\":10,\"c\":\"1e3\",\"d\":90,\"e\":\"on\",\"f\":false,\"g\":true}\n"
	               "warning: w.yaml:1:4: this is true here, as in YAML 1.1, but text in YAML 1.2: "
	               "quote it if text is meant\n"
	               "warning: w.yaml:2:4: this is an octal number here, as in YAML 1.1, but a decimal "
	               "number in YAML 1.2: quote it if text is meant\n"
	               "warning: w.yaml:3:4: this is text here, as in YAML 1.1, but a decimal number in "
	               "YAML 1.2: quote it if text is meant\n"
	               "warning: w.yaml:4:4: this is a number here, as in YAML 1.1, but text in YAML 1.2: "
	               "quote it if text is meant\n");
}

static void repeat(struct buf *b, const char *text, int times)
{
	while (times-- > 0)
		buf_adds(b, text);
}

static void assert_bomb(struct buf *text, const char *fault)
{
	CLEANUP(buf_done) struct buf out = BUF_TEXT;

	outcome(buf_str(text), text->len, &out);
	assert_string_equal(buf_str(&out), fault);
	buf_reset(text);
}

static void what_a_stranger_can_make_large_has_a_limit(void **state)
{
	CLEANUP(buf_done) struct buf text = BUF_TEXT;

	repeat(&text, "# 34567\n", YAML_MAX_BYTES / 8);
	assert_bomb(&text, "");
	repeat(&text, "# 34567\n", YAML_MAX_BYTES / 8);
	buf_addc(&text, '#');
	assert_bomb(&text, "w.yaml: larger than 1 MiB\n");

	repeat(&text, "[", YAML_MAX_DEPTH + 1);
	assert_bomb(&text, "w.yaml:1:65: " DEEP);
	for (int i = 0; i < YAML_MAX_DEPTH; i++)
		buf_addf(&text, "%*sa:\n", i, "");
	buf_addf(&text, "%*sa: 1\n", YAML_MAX_DEPTH, "");
	assert_bomb(&text, "w.yaml:65:65: " DEEP);
	/* By aliases: each is 3 deeper than the one before. */
	buf_adds(&text, "- &a0 [1]\n");
	for (int i = 1; i < 30; i++)
		buf_addf(&text, "- &a%d [[[*a%d]]]\n", i, i - 1);
	assert_bomb(&text, "w.yaml:22:11: " DEEP);

	buf_adds(&text, "a: &a [1,1,1,1,1,1,1,1,1]\n");
	for (char c = 'b'; c < 'j'; c++)
		buf_addf(&text, "%c: &%c [*%c,*%c,*%c,*%c,*%c,*%c,*%c,*%c,*%c]\n", c, c, c - 1,
		         c - 1, c - 1, c - 1, c - 1, c - 1, c - 1, c - 1, c - 1);
	assert_bomb(&text, "w.yaml:6:11: more than 200000 values in one file, "
	            "with aliases expanded\n");

	buf_adds(&text, "- &a ");
	repeat(&text, "x123456789", 10000);
	repeat(&text, "\n- *a", 200);
	assert_bomb(&text, "w.yaml:169:3: more than 16 MiB of text in one file, with aliases expanded\n");

	for (int i = 0; i <= 1000; i++)
		buf_addf(&text, "- &a%d x\n", i);
	assert_bomb(&text, "w.yaml:1001:3: more than 1000 anchors in one document\n");

	repeat(&text, "%TAG !a! x\n", 17);
	assert_bomb(&text, "w.yaml: more than 16 \"%TAG\" lines\n");
}

static void many_keys_take_no_long_time(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	CLEANUP(buf_done) struct buf text = BUF_TEXT;
	struct diagnostics faults = { .arena = &a };
	struct yaml_docs docs = { 0 };

	for (int i = 0; i < (int)rounds_of(90000); i++)
		buf_addf(&text, "k%d: 1\n", i);
	buf_adds(&text, "k7: 2\n");
	assert_false(yaml_read(&a, name, text.text, text.len, &docs, &faults));
	assert_int_equal(faults.count, 1);
	assert_string_equal(faults.items[0].message,
	                    "duplicate key \"k7\", given first in line 8, column 1");
}

/* The tree that JSON text stands for, written as YAML. */
static void written(const char *json, struct buf *out)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	struct diagnostics faults = { .arena = &a };
	struct yaml_docs docs = { 0 };
	struct node *n = NULL;
	struct err err = { 0 };

	if (!json_read(&a, json, strlen(json), &n, &err))
		fail_msg("%s: %s", json, err.msg);
	yaml_write(n, out);
	assert_true(yaml_read(&a, name, buf_str(out), out->len, &docs, &faults));
	assert_int_equal(faults.count, 0);
	assert_int_equal(docs.count, 1);
	if (!node_equal(docs.root[0], n))
		fail_msg("%s\nreads back otherwise than it was written", buf_str(out));
}

static void trees_are_written_as_plain_blocks(void **state)
{
	static const struct { const char *json, *yaml; } cases[] = {
		{ "null", "null\n" }, { "\"\"", "\"\"\n" }, { "[]", "[]\n" }, { "{}", "{}\n" }, { "1.50", "1.50\n" },
		{ "1e5", "100000.0\n" },
		{ "{\"name\":\"x\",\"tags\":[{\"name\":\"a\",\"b\":[]},[[1]],{}],\"steps\":{\"s\":{\"n\":-1}}}",
		  "name: x\ntags:\n  - name: a\n    b: []\n  - - - 1\n  - {}\nsteps:\n  s:\n    n: -1\n" },
		{ "{\"cron\":\"*/5 * * * *\",\"on\":\"yes\",\"1\":true,\"a b\":\"10 GB\",\"\":\"a: b\"}",
		  "cron: \"*/5 * * * *\"\n\"on\": \"yes\"\n\"1\": true\na b: 10 GB\n\"\": \"a: b\"\n" },
		{ "[\"a\\\"b\",\"\\\\x\",\"\\\"\\\\\",\"{{ x }}\",\"it's\"]",
		  "- a\"b\n- \\x\n- \"\\\"\\\\\"\n- \"{{ x }}\"\n- it's\n" },
		{ "[\"\\t\\u0001\\u0085\\u2028\\ufeff\\uffff\\u007f\"]",
		  "- \"\\t\\x01\\u0085\\u2028\\uFEFF\\uFFFF\\x7F\"\n" },
		{ "{\"version https://git-lfs.github.com/spec/v1\": 1}", "\"version https://git-lfs.github.com/spec/v1\": 1\n" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(buf_done) struct buf out = BUF_TEXT;
		written(cases[i].json, &out);
		assert_string_equal(buf_str(&out), cases[i].yaml);
	}
}

static void lines_become_a_literal_block_where_that_is_exact(void **state)
{
	static const struct { const char *json, *yaml; } cases[] = {
		{ "{\"a\":\"set -e\\nrun\\n\",\"b\":1}", "a: |\n  set -e\n  run\nb: 1\n" },
		{ "{\"a\":\"x\\ny\"}", "a: |-\n  x\n  y\n" },
		{ "{\"a\":\"x\\n\\n\\n\",\"b\":1}", "a: |+\n  x\n\n\nb: 1\n" },
		{ "{\"a\":\"  x\\n y\\n\"}", "a: |2\n    x\n   y\n" },
		{ "{\"a\":\"\\nx\"}", "a: |2-\n\n  x\n" },
		{ "{\"a\":\"\\tx\\n\\ty\\n\"}", "a: |2\n  \tx\n  \ty\n" },
		{ "{\"a\":\"x \\n  \\ny \"}", "a: |-\n  x \n    \n  y \n" },
		{ "[\"x\\n# y\\n\",[\"--- z\\n\"],{\"k\":\" w\\n\"}]",
		  "- |\n  x\n  # y\n- - |\n    --- z\n- k: |2\n     w\n" },
		{ "\"x\\n--- y\\n\"", "|\n  x\n  --- y\n" },
		/* what cannot be seen; but joiners and variation selectors, as in emoji, are text */
		{ "[\"a\\u202eb\\u200b\\udb40\\udc41\",\"\\u2764\\ufe0f\\u200d\"]",
		  "- \"a\\u202Eb\\u200B\\U000E0041\"\n- \xe2\x9d\xa4\xef\xb8\x8f\xe2\x80\x8d\n" },
		{ "[\"\\n\",\"\\n\\n\",\"x\\r\\n\",\"x\\n\\u2028\"]",
		  "- \"\\n\"\n- \"\\n\\n\"\n- \"x\\x0D\\n\"\n- \"x\\n\\u2028\"\n" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(buf_done) struct buf out = BUF_TEXT;
		written(cases[i].json, &out);
		assert_string_equal(buf_str(&out), cases[i].yaml);
	}
}

static void very_long_keys_are_marked(void **state)
{
	CLEANUP(buf_done) struct buf json = BUF_TEXT;
	CLEANUP(buf_done) struct buf out = BUF_TEXT;

	buf_adds(&json, "[{\"");
	repeat(&json, "0123456789", 200);
	buf_adds(&json, "x\":{\"a\":[1]},\"b\":2}]");
	written(buf_str(&json), &out);
	assert_memory_equal(out.text, "- ? 0123", 8);
	assert_string_equal(out.text + 2004, "x\n  :\n    a:\n      - 1\n  b: 2\n");
}

static void infinities_are_written_as_yaml_has_them(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	CLEANUP(buf_done) struct buf out = BUF_TEXT;
	struct node *list = node_list(&a);
	struct node reals[] = {
		{ .kind = NODE_REAL, .real = INFINITY }, { .kind = NODE_REAL, .real = -INFINITY, .text = "-.INF" },
		{ .kind = NODE_REAL, .real = NAN }, { .kind = NODE_REAL, .real = 90.5, .text = "1:30.5" },
	};

	for (size_t i = 0; i < ARRAY_LEN(reals); i++)
		node_add(&a, list, &reals[i]);
	yaml_write(list, &out);
	assert_string_equal(buf_str(&out), "- .inf\n- -.INF\n- .nan\n- 90.5\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(documents_become_trees),
		cmocka_unit_test(a_block_that_ends_its_file_is_known),
		cmocka_unit_test(a_variable_may_be_any_number),
		cmocka_unit_test(keys_that_are_no_text_become_their_json_text),
		cmocka_unit_test(known_tags_are_obeyed),
		cmocka_unit_test(other_tags_are_refused),
		cmocka_unit_test(aliases_and_merges_are_resolved),
		cmocka_unit_test(a_copy_of_an_alias_shares_nothing),
		cmocka_unit_test(values_and_keys_know_their_place),
		cmocka_unit_test(what_is_wrong_is_named_with_its_place),
		cmocka_unit_test(a_block_scalar_may_begin_with_a_tab),
		cmocka_unit_test(what_is_no_yaml_is_explained),
		cmocka_unit_test(braces_that_nobody_filled_in_are_named),
		cmocka_unit_test(what_is_no_text_is_refused),
		cmocka_unit_test(scalars_that_yaml_1_2_reads_otherwise_give_a_warning_without_the_value),
		cmocka_unit_test(what_a_stranger_can_make_large_has_a_limit),
		cmocka_unit_test(many_keys_take_no_long_time),
		cmocka_unit_test(trees_are_written_as_plain_blocks),
		cmocka_unit_test(lines_become_a_literal_block_where_that_is_exact),
		cmocka_unit_test(very_long_keys_are_marked),
		cmocka_unit_test(infinities_are_written_as_yaml_has_them),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
