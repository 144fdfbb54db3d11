#include "tests/test.h"
#include "reconcile/wire/request.h"

static void operations_have_the_method_and_name_of_the_contract(void **state)
{
	static const struct { enum operation op; enum method method; const char *name; } cases[] = {
		{ OP_LIST, METHOD_GET, "list_workflows" },
		{ OP_CREATE, METHOD_POST, "create_workflow" },
		{ OP_DESCRIBE, METHOD_GET, "describe_workflow" },
		{ OP_UPDATE, METHOD_PUT, "update_workflow" },
		{ OP_DELETE, METHOD_DELETE, "delete_workflow" },
		{ OP_PAUSE, METHOD_POST, "pause_workflow" },
		{ OP_RESUME, METHOD_POST, "resume_workflow" },
		{ OP_EXECUTE, METHOD_POST, "execute_workflow" },
		{ OP_LIST_EXECUTIONS, METHOD_GET, "list_executions" },
		{ OP_EXECUTION, METHOD_GET, "get_execution_details" },
		{ OP_LOGS, METHOD_GET, "get_execution_logs" },
		{ OP_LOGS_DOWNLOAD, METHOD_GET, "download_execution_logs" },
		{ OP_RESOURCES, METHOD_GET, "list_resources" },
		{ OP_DEFAULT_RESOURCE, METHOD_GET, "get_default_resource" },
		{ OP_STOP, METHOD_POST, "stop_execution" },
	};
	assert_int_equal(ARRAY_LEN(cases), OPERATION_COUNT);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_int_equal(operation_method(cases[i].op), cases[i].method);
		assert_string_equal(operation_name(cases[i].op), cases[i].name);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(operations_have_the_method_and_name_of_the_contract),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
