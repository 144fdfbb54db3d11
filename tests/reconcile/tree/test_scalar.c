#include "tests/test.h"
#include "reconcile/tree/json.h"
#include "reconcile/tree/scalar.h"

#include <string.h>

/* What text means: as JSON, but for infinities and errors. */
static void meaning(const char *text, struct buf *out)
{
	struct node n = { 0 };
	struct err err;

	if (!scalar_resolve(&n, text, &err)) {
		buf_adds(out, err.msg);
		return;
	}
	assert_string_equal(n.text, text);
	n.text = n.kind == NODE_TEXT ? n.text : NULL;
	if (n.kind == NODE_REAL)
		buf_add_real(out, n.real);
	else
		json_write(&n, JSON_COMPACT, out);
}

static void plain_scalars_mean_what_they_mean_in_yaml_1_1(void **state)
{
	static const struct { const char *text, *means; } cases[] = {
		{ "", "null" }, { "~", "null" }, { "null", "null" }, { "Null", "null" }, { "NULL", "null" },
		{ "nULL", "\"nULL\"" }, { "~~", "\"~~\"" },
		{ "yes", "true" }, { "Yes", "true" }, { "YES", "true" }, { "on", "true" }, { "On", "true" },
		{ "ON", "true" }, { "true", "true" }, { "True", "true" }, { "TRUE", "true" },
		{ "no", "false" }, { "No", "false" }, { "NO", "false" }, { "off", "false" }, { "Off", "false" },
		{ "OFF", "false" }, { "false", "false" }, { "False", "false" }, { "FALSE", "false" },
		{ "y", "\"y\"" }, { "n", "\"n\"" }, { "yEs", "\"yEs\"" }, { "tRUE", "\"tRUE\"" },
		{ "0", "0" }, { "-0", "0" }, { "+1", "1" }, { "-17", "-17" }, { "1_000", "1000" }, { "1__0_", "10" },
		{ "_1", "\"_1\"" }, { "+-1", "\"+-1\"" }, { "-", "\"-\"" }, { "1a", "\"1a\"" },
		{ "010", "8" }, { "0777", "511" }, { "0_7", "7" }, { "-010", "-8" }, { "00", "0" }, { "0_", "0" },
		{ "08", "\"08\"" }, { "0o10", "\"0o10\"" }, { "018", "\"018\"" },
		{ "0x1F", "31" }, { "-0x1f", "-31" }, { "0x_f", "15" }, { "0x", "\"0x\"" }, { "0xg", "\"0xg\"" },
		{ "0b11", "3" }, { "+0b1_0", "2" }, { "0b2", "\"0b2\"" }, { "0B1", "\"0B1\"" }, { "0X1", "\"0X1\"" },
		{ "0x_", "a number without digits" }, { "0b_", "a number without digits" },
		{ "1:30", "90" }, { "12:30:45", "45045" }, { "-1:30", "-90" }, { "1_0:5", "605" },
		{ "1:60", "\"1:60\"" }, { "1:030", "\"1:030\"" }, { "0:30", "\"0:30\"" }, { "1:", "\"1:\"" },
		{ "1:30.5", "90.5" }, { "0:30.5", "30.5" }, { "-1:0:0.25", "-3600.25" }, { "1:30.", "90.0" },
		{ "1.10", "1.1" }, { ".5", "0.5" }, { "1.", "1.0" }, { "1.0e+3", "1000.0" }, { "1.5E-3", "0.0015" },
		{ "1_0.2_5", "10.25" }, { "+1.5", "1.5" }, { "01.5", "1.5" }, { "1._", "1.0" }, { ".5e+1", "5.0" },
		{ "-.5", "\"-.5\"" }, { "._5", "\"._5\"" }, { ".", "\".\"" }, { "1e3", "\"1e3\"" },
		{ "1e+3", "\"1e+3\"" }, { "1.0e3", "\"1.0e3\"" }, { "1.0e+", "\"1.0e+\"" }, { "1.2.3", "\"1.2.3\"" },
		{ ".inf", ".inf" }, { "+.INF", ".inf" }, { "-.Inf", "-.inf" }, { ".iNF", "\".iNF\"" },
		{ ".nan", ".nan" }, { ".NaN", ".nan" }, { "+.nan", "\"+.nan\"" }, { ".Nan", "\".Nan\"" },
		{ "1.0e+999", "a number that is too large" },
		{ "9223372036854775807", "9223372036854775807" },
		{ "-9223372036854775808", "-9223372036854775808" },
		{ "9223372036854775808", "an integer past 64 bits" },
		{ "-9223372036854775809", "an integer past 64 bits" },
		{ "0xffffffffffffffff", "an integer past 64 bits" },
		{ "99999999999999999999999", "an integer past 64 bits" },
		{ "9223372036854775807:1", "an integer past 64 bits" },
		{ "2024-05-20", "\"2024-05-20\"" }, { "2024-13-01", "\"2024-13-01\"" },
		{ "2024-05-20T12:00:00Z", "\"2024-05-20T12:00:00Z\"" },
		{ "=", "\"=\"" }, { "<<", "\"<<\"" }, { "10GB", "\"10GB\"" }, { "0 0 * * *", "\"0 0 * * *\"" },
		{ "23,", "\"23,\"" }, { "1 2", "\"1 2\"" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(buf_done) struct buf out = BUF_TEXT;
		meaning(cases[i].text, &out);
		if (strcmp(buf_str(&out), cases[i].means) != 0)
			fail_msg("%s means %s, not %s", cases[i].text, buf_str(&out), cases[i].means);
	}
}

static void a_refused_scalar_leaves_the_node_alone(void **state)
{
	struct node n = { .kind = NODE_BOOL, .text = "before" };
	struct err err;

	assert_false(scalar_resolve(&n, "99999999999999999999", &err));
	assert_int_equal(n.kind, NODE_BOOL);
	assert_string_equal(n.text, "before");
}

static void what_yaml_1_2_reads_otherwise_is_known(void **state)
{
	static const struct { const char *text, *there; } cases[] = {
		{ "yes", "text" }, { "Off", "text" }, { "true", NULL }, { "FALSE", NULL }, { "y", NULL },
		{ "012", "a decimal number" }, { "-010", "a decimal number" }, { "07", NULL }, { "-07", NULL },
		{ "00", NULL }, { "000", NULL }, { "0_7", "text" }, { "08", "a decimal number" },
		{ "0o10", "a number" }, { "0x1F", NULL }, { "-0x1F", "text" }, { "0b1", "text" },
		{ "12", NULL }, { "+12", NULL }, { "1_000", "text" }, { "1:30", "text" }, { "1:30.5", "text" },
		{ "1.5", NULL }, { ".5", NULL }, { "1.", NULL }, { "1.0e+3", NULL }, { "01.5", NULL },
		{ "-.5", "a decimal number" }, { "1e3", "a decimal number" }, { "1.5E3", "a decimal number" },
		{ "1_0.5", "text" }, { ".inf", NULL }, { ".nan", NULL }, { "~", NULL }, { "", NULL },
		{ "null", NULL }, { "2024-05-20", NULL }, { "=", NULL }, { "abc", NULL }, { "1.2.3", NULL },
		{ "e3", NULL }, { ".e3", NULL }, { "1e", NULL },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct node n = { 0 };
		struct err err;
		assert_true(scalar_resolve(&n, cases[i].text, &err));
		const char *there = scalar_in_yaml12(&n);
		if (strcmp(there ? there : "the same", cases[i].there ? cases[i].there : "the same") != 0)
			fail_msg("%s is %s", cases[i].text, there ? there : "the same");
	}
}

static void text_that_would_not_come_back_needs_quotes(void **state)
{
	static const char *const quoted[] = {
		"", "yes", "off", "null", "~", "12", "010", "08", "0o7", "1:30", "1e3", ".5", "-.5", ".inf", "=", "<<",
		"2024-05-20", "99999999999999999999", " x", "x ", "x: y", "x:", "x #y", "#x", "- x", "-", "---", "--x",
		"? x", "?x", ": x", "[x", "{x", "{{ x }}", "]", "}", ",x", "&x", "*x", "* * * * *", "!x", "|", ">", "'x",
		"\"x", "%x", "@x", "`x", "...", "a\nb", "a\tb", "\x01", "\x7f", "a\xc2\x85", "\xe2\x80\xa8",
		"\xe2\x80\xa9", "\xef\xbb\xbf", "\xef\xbf\xbf",
	};
	static const char *const plain[] = {
		"x", "python main.py", "a-b", "-x", "-v 1", "a:b", "http://x/y", "a#b", "10GB", "0 0 * * *", "it's",
		"say \"x\"", "x{{ y }}", "a, b", "y", "1.2.3", "v1.0", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80",
		"a|b", "a & b", "$HOME/*", "=x", "<", "a [b]",
	};
	for (size_t i = 0; i < ARRAY_LEN(quoted); i++)
		if (!scalar_needs_quotes(quoted[i]))
			fail_msg("\"%s\" needs quotes", quoted[i]);
	for (size_t i = 0; i < ARRAY_LEN(plain); i++)
		if (scalar_needs_quotes(plain[i]))
			fail_msg("\"%s\" needs no quotes", plain[i]);
}

static void odd_characters_have_their_length(void **state)
{
	static const struct { const char *text; size_t len; } cases[] = {
		{ "", 0 }, { "a", 0 }, { " ", 0 }, { "\n", 1 }, { "\x1f", 1 }, { "\x7f", 1 }, { "\xc2\x80", 2 },
		{ "\xc2\x9f", 2 }, { "\xc2\xa0", 0 }, { "\xe2\x80\xa7", 0 }, { "\xe2\x80\xa8", 3 },
		{ "\xe2\x80\xa9", 3 }, { "\xef\xbb\xbf", 3 }, { "\xef\xbf\xbd", 0 }, { "\xef\xbf\xbe", 3 },
		{ "\xf0\x9f\x98\x80", 0 },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_int_equal(scalar_odd_character(cases[i].text), cases[i].len);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_scalars_mean_what_they_mean_in_yaml_1_1),
		cmocka_unit_test(a_refused_scalar_leaves_the_node_alone),
		cmocka_unit_test(what_yaml_1_2_reads_otherwise_is_known),
		cmocka_unit_test(text_that_would_not_come_back_needs_quotes),
		cmocka_unit_test(odd_characters_have_their_length),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
