#include "tests/test.h"
#include "agent/util/json_output.h"

#include <stdlib.h>
#include <string.h>

/* The document is written in two parts, cut at every place. */
static void a_command_of_the_runner_is_escaped_wherever_it_is_cut(void **state)
{
	static const char json[] = "{\"a\": [1, \"###[error]x ##[ ##vso[ #[ #vso[ ## [\"]}\n";

	for (size_t cut = 0; cut < sizeof json - 1; cut++) {
		char *text = NULL;
		size_t len;
		struct json_output out = { .to = open_memstream(&text, &len) };
		assert_non_null(out.to);
		assert_true(json_output_add(&out, json, cut));
		assert_true(json_output_add(&out, json + cut, sizeof json - 1 - cut));
		fclose(out.to);
		assert_string_equal(text, "{\"a\": [1, \"###\\u005berror]x ##\\u005b ##vso\\u005b #[ #vso[ ## [\"]}\n");
		free(text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_command_of_the_runner_is_escaped_wherever_it_is_cut),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
