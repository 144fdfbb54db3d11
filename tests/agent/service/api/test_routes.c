#include "tests/test.h"

#include <sqlite3.h>

#include "reconcile/tree/json.h"
#include "tests/agent/service/service_fixture.h"
#include "agent/util/log.h"

#define MINI	"{\"name\":\"a\",\"steps\":{\"s\":{\"imageId\":1,\"command\":\"x\"}}}"
#define STAMPS(created, updated) \
	"\"createdAt\":\"2024-05-31T10:00:" created "Z\",\"updatedAt\":\"2024-05-31T10:00:" updated "Z\","
#define ENTRY(id, name, status, updated, triggers, tags) \
	"{\"id\":" id ",\"name\":\"" name "\",\"status\":\"" status "\"," STAMPS("00.000", updated) \
	"\"triggers\":[" triggers "],\"tags\":[" tags "]"
#define UUID(n)	"00000000-0000-4000-8000-00000000000" n

static void a_workflow_goes_through_its_life(void **state)
{
	PLAY(*state,
		{ "GET " W "/", "{}",
		  "200 {\"pageCount\":0,\"pageNumber\":1,\"pageSize\":25,\"workflowsCount\":0,\"workflows\":[]}" },
		{ "POST " W "/", MINI, "201 {\"id\":1}" },
		{ "GET " W "/", "{}",
		  "200 {\"pageCount\":1,\"pageNumber\":1,\"pageSize\":25,\"workflowsCount\":1,\"workflows\":["
		  ENTRY("1", "a", "Available", "00.000", "", "") "}]}" },
		{ "POST " W "/1/resume", "{}", "409 {\"detail\":\"workflow 1 is not paused\"}" },
		{ "POST " W "/1/pause", "{}", "200 {}" },
		{ "POST " W "/1/pause", "{}", "409 {\"detail\":\"workflow 1 is paused already\"}" },
		{ "PUT " W "/1", "{\"name\":\"b\",\"steps\":{}}", "200 {\"id\":1}" },
		{ "GET " W "/1", "{}",
		  "200 " ENTRY("1", "b", "Paused", "00.002", "", "")
		  ",\"watchers\":[],\"retryOptions\":null,\"metadata\":null,\"steps\":{}}" },
		{ "POST " W "/1/resume", "{}", "200 {}" },
		{ "GET " W "/", "{}",
		  "200 {\"pageCount\":1,\"pageNumber\":1,\"pageSize\":25,\"workflowsCount\":1,\"workflows\":["
		  ENTRY("1", "b", "Available", "00.003", "", "") "}]}" },
		{ "GET " W "/executions/1", "{}",
		  "200 {\"workflowId\":1,\"executionCount\":0,\"executionsCount\":0,\"pageCount\":0,"
		  "\"pageNumber\":1,\"pageSize\":25,\"executions\":[]}" },
		{ "GET " W "/1/executions/c1b6", "{}", "404 {\"detail\":\"workflow 1 has no execution with this executionId\"}" },
		{ "GET " W "/1/executions/c1b6/logs?stepName=s", "{}",
		  "404 {\"detail\":\"workflow 1 has no execution with this executionId\"}" },
		{ "GET " W "/1/executions/c1b6/logs/download?stepName=s", "{}",
		  "404 {\"detail\":\"workflow 1 has no execution with this executionId\"}" },
		{ "DELETE " W "/1", "{}", "200 {}" },
		{ "DELETE " W "/1", "{}", "404 {\"detail\":\"workflow 1 is not found\"}" },
		{ "GET " W "/1", "{}", "404 {\"detail\":\"workflow 1 is not found\"}" },
		{ "PUT " W "/1", MINI, "404 {\"detail\":\"workflow 1 is not found\"}" },
		{ "POST " W "/1/pause", "{}", "404 {\"detail\":\"workflow 1 is not found\"}" },
		{ "POST " W "/1/execute", "{}", "404 {\"detail\":\"workflow 1 is not found\"}" },
		{ "GET " W "/executions/1", "{}", "404 {\"detail\":\"workflow 1 is not found\"}" },
		{ "GET " W "/1/executions/c1b6", "{}", "404 {\"detail\":\"workflow 1 is not found\"}" },
		{ "POST " W "/", MINI, "201 {\"id\":2}" },
		{ "POST " W "/", MINI, "201 {\"id\":3}" });
}

static void what_is_not_of_one_workflow_is_answered_too(void **state)
{
	PLAY(*state,
		{ "GET /tenant-management/api/v1/external/tenants/tenant-metadata", "{}", "200 {}" },
		{ "POST /resource-usage/api/v1/telemetry", "{\"url\":\"x\"}", "200 {}" },
		{ "GET /quota/api/v1/settings/tenant-instance-options?entityType=workflow", "{}",
		  "200 {\"data\":["
		  "{\"id\":21,\"cpu\":0.25,\"memory\":0.5,\"gpu\":null,\"gpuMemory\":null,\"name\":\"0.25 CPU, 0.5 GB\",\"provider\":\"local\"},"
		  "{\"id\":22,\"cpu\":0.5,\"memory\":1,\"gpu\":null,\"gpuMemory\":null,\"name\":\"0.5 CPU, 1 GB\",\"provider\":\"local\"},"
		  "{\"id\":23,\"cpu\":1,\"memory\":2,\"gpu\":null,\"gpuMemory\":null,\"name\":\"1 CPU, 2 GB\",\"provider\":\"local\"},"
		  "{\"id\":24,\"cpu\":2,\"memory\":4,\"gpu\":null,\"gpuMemory\":null,\"name\":\"2 CPU, 4 GB\",\"provider\":\"local\"},"
		  "{\"id\":25,\"cpu\":4,\"memory\":8,\"gpu\":null,\"gpuMemory\":null,\"name\":\"4 CPU, 8 GB\",\"provider\":\"local\"}]}" },
		{ "GET /workflows/api/v1/resources/defaults", "{}",
		  "200 {\"instanceTypeId\":21,\"storage\":\"10GB\"}" },
		{ "GET /workflows/api/v1/resources/", "{}",
		  "200 [{\"id\":21,\"cpu\":0.25,\"memory\":0.5,\"gpu\":null,\"gpuMemory\":null},"
		  "{\"id\":22,\"cpu\":0.5,\"memory\":1,\"gpu\":null,\"gpuMemory\":null},"
		  "{\"id\":23,\"cpu\":1,\"memory\":2,\"gpu\":null,\"gpuMemory\":null},"
		  "{\"id\":24,\"cpu\":2,\"memory\":4,\"gpu\":null,\"gpuMemory\":null},"
		  "{\"id\":25,\"cpu\":4,\"memory\":8,\"gpu\":null,\"gpuMemory\":null}]" });
}

static void a_wrong_address_or_verb_is_told_apart(void **state)
{
#define NOTHING	"404 {\"detail\":\"there is nothing at this address; the interface is at /workflows/api/v1\"}"
	PLAY(*state,
		{ "GET /", "", NOTHING },
		{ "GET ", "", NOTHING },
		{ "GET " W "/x", "", NOTHING },
		{ "GET " W "/-1", "", NOTHING },
		{ "GET " W "/executions", "", NOTHING },
		{ "GET " W "/executions/", "", NOTHING },
		{ "GET " W "//", "", NOTHING },
		{ "GET " W "/1//", "", NOTHING },
		{ "GET " W "/1/executions/", "", NOTHING },
		{ "GET " W "/1/stop", "", NOTHING },
		{ "GET " W "s", "", NOTHING },
		{ "GET /workflows/api/v2/workflows", "", NOTHING },
		{ "GET " W "/0", "", "404 {\"detail\":\"workflow 0 is not found\"}" },
		{ "GET " W "/99999999999999999999", "", "404 {\"detail\":\"workflow 0 is not found\"}" },
		{ "PATCH " W "/1", "{}",
		  "405 {\"detail\":\"this address accepts GET, PUT, DELETE\"} [GET, PUT, DELETE]" },
		{ "DELETE " W, "", "405 {\"detail\":\"this address accepts GET, POST\"} [GET, POST]" },
		{ "GET " W "/1/pause/", "", "405 {\"detail\":\"this address accepts POST\"} [POST]" },
		{ "POST " W "/executions/1", "{}", "405 {\"detail\":\"this address accepts GET\"} [GET]" },
		{ "get " W, "", "405 {\"detail\":\"this address accepts GET, POST\"} [GET, POST]" });
}

static void a_body_that_is_no_valid_workflow_is_refused(void **state)
{
	const struct { const char *body, *answer; } cases[] = {
		{ "", "400 {\"detail\":\"body: nothing, where JSON was expected\"}" },
		{ "[]", "400 {\"detail\":\"body: expected a JSON object, found a list\"}" },
		{ "null", "400 {\"detail\":\"body: expected a JSON object, found nothing\"}" },
		{ "{\"name\":\"\"}", "400 {\"detail\":\"/name: expected a name, found an empty text; workflow: \\\"steps\\\" is missing\"}" },
		{ "{\"name\":\"a\",\"id\":4,\"steps\":{\"s\":{\"imageId\":\"1\",\"command\":\"x\",\"imageName\":\"n\"}}}",
		  "400 {\"detail\":\"workflow: \\\"id\\\" is set by the service and cannot be declared; "
		  "/steps/s/imageId: expected a whole number, found a text; "
		  "/steps/s: \\\"imageName\\\" is set by the service and cannot be declared\"}" },
	};
	struct fixture *f = *state;

	assert_string_equal(ask(f, "POST " W, MINI), "201 {\"id\":1}");
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_string_equal(ask(f, "POST " W, cases[i].body), cases[i].answer);
		assert_string_equal(ask(f, "PUT " W "/1", cases[i].body), cases[i].answer);
	}
	assert_string_equal(ask(f, "POST " W, "{}"), "400 {\"detail\":\"workflow: \\\"name\\\" is missing; "
	                                             "workflow: \\\"steps\\\" is missing\"}");
	assert_string_equal(ask(f, "PUT " W "/1", "{}"), "400 {\"detail\":\"workflow: \\\"steps\\\" is missing\"}");
	assert_non_null(strstr(ask(f, "POST " W, "{\"name\": }"), "400 {\"detail\":\"body: not JSON: "));
	assert_non_null(strstr(ask(f, "GET " W "/1", ""), "\"updatedAt\":\"2024-05-31T10:00:00.000Z\""));
}

static void a_wrong_query_is_refused(void **state)
{
#define SIZES	"400 {\"detail\":\"pageSize: expected a number from 1 to 1000\"}"
	PLAY(*state,
		{ "POST " W, MINI, "201 {\"id\":1}" },
		{ "GET " W "?pageSize=0", "", SIZES },
		{ "GET " W "?pageSize=1001", "", SIZES },
		{ "GET " W "?pageSize=99999999999999999999999999", "", SIZES },
		{ "GET " W "?pageSize=", "", SIZES },
		{ "GET " W "?pageSize=-1", "", SIZES },
		{ "GET " W "?pageSize=2x", "", SIZES },
		{ "GET " W "?pageSize=1x1", "", SIZES },
		{ "GET " W "/executions/1?pageSize=0", "", SIZES },
		{ "GET " W "?pageNumber=0", "", "400 {\"detail\":\"pageNumber: expected a number from 1 to 1000000000\"}" },
		{ "GET " W "?workflowStatus=Available&workflowStatus=available", "",
		  "400 {\"detail\":\"workflowStatus: expected Draft, Running, Available or Paused\"}" },
		{ "GET " W "?lastExecutionStatus=success", "",
		  "400 {\"detail\":\"lastExecutionStatus: expected Running, Stopping, Success, Failed or Stopped\"}" },
		{ "GET " W "/executions/1?statuses=x", "",
		  "400 {\"detail\":\"statuses: expected Running, Stopping, Success, Failed or Stopped\"}" },
		{ "GET " W "/executions/1?count=0", "",
		  "400 {\"detail\":\"count: expected a number from 1 to 1000000000\"}" });
}

/* The ids that a list of this query has, between its count of pages and of workflows. */
static const char *listed(struct fixture *f, const char *query)
{
	struct arena *a = &f->arena;
	const char *answer = ask(f, arena_printf(a, "GET " W "?%s", query), "{}");
	struct node *root;
	struct err err;

	assert_true(json_read(a, answer + 4, strlen(answer + 4), &root, &err));
	const char *text = arena_printf(a, "%lld:", (long long)node_get_int(root, "pageCount", -1));
	const struct node *items = node_get(root, "workflows");
	for (size_t i = 0; i < items->count; i++)
		text = arena_printf(a, "%s %lld", text,
		                    (long long)node_get_int(items->entries[i].value, "id", -1));
	return arena_printf(a, "%s of %lld", text, (long long)node_get_int(root, "workflowsCount", -1));
}

static void a_list_is_filtered_and_paged(void **state)
{
	static const struct { const char *query, *found; } cases[] = {
		{ "", "1: 1 2 3 of 3" },
		{ "unknown=1", "1: 1 2 3 of 3" },
		{ "pageSize=2", "2: 1 2 of 3" },
		{ "pageSize=2&pageNumber=2", "2: 3 of 3" },
		{ "pageSize=2&pageNumber=3", "2: of 3" },
		{ "pageSize=3", "1: 1 2 3 of 3" },
		{ "searchTerm=", "1: 1 2 3 of 3" },
		{ "searchTerm=AILY", "1: 1 2 of 2" },
		{ "searchTerm=aily&pageSize=1&pageNumber=2", "2: 2 of 2" },
		{ "workflowStatus=Paused", "1: 2 of 1" },
		{ "workflowStatus=Paused&workflowStatus=Available", "1: 1 2 3 of 3" },
		{ "workflowStatus=Draft&workflowStatus=Running", "0: of 0" },
		{ "lastExecutionStatus=Success", "0: of 0" },
		{ "lastModifiedBy=local", "1: 1 2 3 of 3" },
		{ "lastModifiedBy=a@b", "0: of 0" },
		{ "lastModifiedBy=a@b&lastModifiedBy=local", "1: 1 2 3 of 3" },
	};
	struct fixture *f = *state;

	PLAY(f,
		{ "POST " W, "{\"name\":\"daily\",\"steps\":{}}", "201 {\"id\":1}" },
		{ "POST " W, "{\"name\":\"Daily 2\",\"steps\":{}}", "201 {\"id\":2}" },
		{ "POST " W, "{\"name\":\"nightly\",\"steps\":{}}", "201 {\"id\":3}" },
		{ "POST " W "/2/pause", "", "200 {}" });
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		if (strcmp(listed(f, cases[i].query), cases[i].found) != 0)
			fail_msg("%s: want %s, got %s", cases[i].query, cases[i].found, listed(f, cases[i].query));
}

#define DESCRIBED(triggers, rest)	"200 " ENTRY("1", "a", "Available", "00.000", triggers, "") rest "}"
#define BARE	",\"watchers\":[],\"retryOptions\":null,\"metadata\":null"
#define NULLS	"\"runConfiguration\":null,\"executionParameters\":null,\"outputParameters\":null}"

static void describe_gives_back_the_shapes_of_the_service(void **state)
{
	static const struct { const char *sent, *described; } cases[] = {
		{ MINI,
		  DESCRIBED("", BARE ",\"steps\":{\"s\":{\"imageId\":1,\"command\":\"x\",\"type\":\"standard\","
		  "\"imageName\":\"image-1\",\"imageVersion\":\"latest\",\"clearImageCache\":false,\"stepTimeout\":0,"
		  "\"resources\":{\"instanceTypeId\":21,\"storage\":\"10GB\"},\"parents\":[]," NULLS "}") },
		{ "{\"name\":\"a\",\"watchers\":null,\"retryOptions\":{\"duration\":7},"
		  "\"metadata\":{\"allowConcurrentExecution\":false},\"steps\":{\"s\":{\"type\":\"standard\","
		  "\"imageId\":41,\"imageVersionId\":6,\"command\":\"x\",\"clearImageCache\":true,\"stepTimeout\":9,"
		  "\"repository\":{\"url\":\"u\",\"branch\":\"m\",\"token\":\"supply-git\"},"
		  "\"resources\":{\"instanceTypeId\":23},\"parameters\":{\"env\":{\"A\":\"1\",\"B\":2,\"C\":true,\"D\":null},"
		  "\"inherit\":{},\"secrets\":null},\"outputParameters\":{\"O\":\"f\"},\"runConfiguration\":{}}}}",
		  DESCRIBED("", ",\"watchers\":[],\"retryOptions\":{\"duration\":7},"
		  "\"metadata\":{\"allowConcurrentExecution\":false},\"steps\":{\"s\":{\"type\":\"standard\","
		  "\"imageId\":41,\"imageVersionId\":6,\"command\":\"x\",\"clearImageCache\":true,\"stepTimeout\":9,"
		  "\"repository\":{\"url\":\"u\",\"branch\":\"m\",\"token\":\"\"},"
		  "\"resources\":{\"instanceTypeId\":23,\"storage\":\"10GB\"},"
		  "\"parameters\":{\"env\":[{\"A\":\"1\"},{\"B\":\"2\"},{\"C\":\"true\"}],\"inherit\":{}},"
		  "\"outputParameters\":{\"O\":\"f\"},\"runConfiguration\":{},\"imageName\":\"image-41\","
		  "\"imageVersion\":\"version-6\",\"parents\":[],\"executionParameters\":null}}") },
		{ "{\"name\":\"a\",\"steps\":{\"h\":{\"type\":\"http\",\"method\":\"get\",\"url\":\"u\","
		  "\"auth\":{\"type\":\"bearer-token\",\"bearerToken\":\"n\"},\"parameters\":{\"env\":{\"A\":\"1\"}}},"
		  "\"q\":{\"type\":\"sql\",\"repository\":{\"url\":\"u\",\"branch\":\"m\",\"filePath\":\"f\"}},"
		  "\"e\":{\"type\":\"export\",\"schema\":\"s\",\"table\":\"t\",\"sortBy\":\"b\",\"parents\":[\"q\"]}}}",
		  DESCRIBED("", BARE ",\"steps\":{\"h\":{\"type\":\"http\",\"method\":\"get\",\"url\":\"u\","
		  "\"auth\":{\"type\":\"bearer-token\",\"bearerToken\":\"n\"},\"parameters\":{\"env\":[{\"A\":\"1\"}]},"
		  "\"parents\":[]," NULLS ",\"q\":{\"type\":\"sql\",\"repository\":{\"url\":\"u\",\"branch\":\"m\","
		  "\"filePath\":\"f\",\"token\":\"\"},\"parents\":[]," NULLS ",\"e\":{\"type\":\"export\","
		  "\"schema\":\"s\",\"table\":\"t\",\"sortBy\":\"b\",\"parents\":[\"q\"]," NULLS "}") },
		{ "{\"name\":\"a\",\"triggers\":[{\"cron\":\"15 6 * * 1-5\"},{\"cron\":\"0 0 12 ? * 2\"}],\"steps\":{}}",
		  DESCRIBED("{\"cron\":\"15 6 * * 1-5\",\"scheduled\":\"2024-06-03T06:15:00.000Z\"},"
		  "{\"cron\":\"0 0 12 ? * 2\"}", BARE ",\"steps\":{}") },
		{ "{\"name\":\"a\",\"triggers\":[{},{\"cron\":null}],\"steps\":{}}",
		  DESCRIBED("", BARE ",\"steps\":{}") },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		if (i > 0) {
			tear_down(state);
			set_up(state);
		}
		/* a warning about its cron may follow */
		assert_int_equal(strncmp(ask(*state, "POST " W, cases[i].sent), "201 {\"id\":1}", strlen("201 {\"id\":1}")), 0);
		PLAY(*state, { "GET " W "/1", "{}", cases[i].described });
	}
}

#define HOOKS(triggers)	"{\"name\":\"a\",\"triggers\":[" triggers "],\"steps\":{}}"
#define KEEP	"{\"webhook\":true,\"webhookPolicy\":\"preserve\"}"
#define GAVE(id)	"{\"webhook\":\"" id "\"}"

static void a_webhook_keeps_its_address_only_if_asked_to(void **state)
{
	struct fixture *f = *state;

	PLAY(f,
		{ "POST " W, HOOKS("{\"webhook\":true}"), "201 {\"id\":1,\"triggers\":[" GAVE(UUID("1")) "]}" },
		{ "PUT " W "/1", HOOKS(KEEP), "200 {\"id\":1,\"triggers\":[" GAVE(UUID("1")) "]}" },
		{ "PUT " W "/1", HOOKS("{\"webhook\":true}"), "200 {\"id\":1,\"triggers\":[" GAVE(UUID("2")) "]}" },
		{ "PUT " W "/1", HOOKS("{\"cron\":\"0 0 * * *\"}," KEEP "," KEEP),
		  "200 {\"id\":1,\"triggers\":[" GAVE(UUID("2")) "," GAVE(UUID("3")) "]}" },
		{ "PUT " W "/1", HOOKS(KEEP "," KEEP),
		  "200 {\"id\":1,\"triggers\":[" GAVE(UUID("2")) "," GAVE(UUID("3")) "]}" },
		{ "PUT " W "/1", HOOKS(""), "200 {\"id\":1}" },
		{ "PUT " W "/1", HOOKS(KEEP), "200 {\"id\":1,\"triggers\":[" GAVE(UUID("4")) "]}" });
	struct stored_workflow w;
	struct err err;
	assert_true(workflow_store_get(f->api.store, &f->arena, 1, &w, &err));
	assert_string_equal(w.body, HOOKS("{\"webhook\":true}"));
}

static void an_update_drops_what_the_sdk_s_patch_puts_into_every_step(void **state)
{
#define PATCHED(more) \
	"{\"name\":\"a\",\"steps\":{\"s\":{\"imageId\":1,\"command\":\"x\"" more "}," \
	"\"h\":{\"type\":\"http\",\"url\":\"u\"" more "},\"q\":{\"type\":\"sql\",\"sqlQueryPath\":\"p\"" more "}}}"
#define NO_METHOD	" {/steps/h: \"method\" is missing; left out, the local service uses get, or post if there is a payload}"
	struct fixture *f = *state;
	struct stored_workflow w;
	struct err err;

	PLAY(f,
		{ "POST " W, PATCHED(""), "201 {\"id\":1}" NO_METHOD },
		{ "PUT " W "/1", PATCHED(",\"workflowId\":1,\"imageVersionId\":2"), "200 {\"id\":1}" NO_METHOD },
		{ "PUT " W "/1", PATCHED(",\"novel\":1"), "400 {\"detail\":\"/steps/s: unknown field \\\"novel\\\"; "
		  "/steps/h: unknown field \\\"novel\\\"; /steps/q: unknown field \\\"novel\\\"\"}" },
		{ "POST " W, PATCHED(",\"workflowId\":1"), "400 {\"detail\":\""
		  "/steps/s: \\\"workflowId\\\" is set by the service and cannot be declared; "
		  "/steps/h: \\\"workflowId\\\" is set by the service and cannot be declared; "
		  "/steps/q: \\\"workflowId\\\" is set by the service and cannot be declared\"}" },
		{ "POST " W, PATCHED(",\"imageVersionId\":2"), "400 {\"detail\":\""
		  "/steps/h: \\\"imageVersionId\\\" is not allowed in a step of type http, only in standard; "
		  "/steps/q: \\\"imageVersionId\\\" is not allowed in a step of type sql, only in standard\"}" });
	assert_true(workflow_store_get(f->api.store, &f->arena, 1, &w, &err));
	assert_string_equal(w.body, "{\"name\":\"a\",\"steps\":{\"s\":{\"imageId\":1,\"command\":\"x\",\"imageVersionId\":2},"
	                    "\"h\":{\"type\":\"http\",\"url\":\"u\"},\"q\":{\"type\":\"sql\",\"sqlQueryPath\":\"p\"}}}");
}

static void an_update_without_a_name_keeps_it(void **state)
{
	PLAY(*state,
		{ "POST " W, MINI, "201 {\"id\":1}" },
		{ "PUT " W "/1", "{\"steps\":{}}", "200 {\"id\":1}" },
		{ "PUT " W "/1", "{\"name\":null,\"steps\":{}}", "200 {\"id\":1}" },
		{ "PUT " W "/1", "{\"name\":7,\"steps\":{}}", "400 {\"detail\":\"/name: expected text, found a number; "
		  "quote it if it is meant as text\"}" },
		{ "GET " W "/1", "{}", "200 " ENTRY("1", "a", "Available", "00.002", "", "") BARE ",\"steps\":{}}" });
}

static void a_cron_beside_a_webhook_that_is_false_is_a_cron(void **state)
{
	PLAY(*state,
		{ "POST " W, HOOKS("{\"cron\":\"15 6 * * 1-5\",\"webhook\":false}"), "201 {\"id\":1}" },
		{ "GET " W "/1", "{}", DESCRIBED("{\"cron\":\"15 6 * * 1-5\",\"scheduled\":\"2024-06-03T06:15:00.000Z\"}",
		  BARE ",\"steps\":{}") });
}

#define REPOSITORY(url, token) \
	"{\"name\":\"a\",\"steps\":{\"s\":{\"imageId\":1,\"command\":\"x\",\"repository\":" \
	"{\"url\":\"" url "\",\"branch\":\"m\"" token "}}}}"

static void a_token_that_is_left_out_is_kept_with_its_repository(void **state)
{
	static const struct { const char *put, *kept; } cases[] = {
		{ REPOSITORY("u", ""), REPOSITORY("u", ",\"token\":\"t1\"") },
		{ REPOSITORY("u", ",\"token\":null"), REPOSITORY("u", ",\"token\":\"t1\"") },
		{ REPOSITORY("u", ",\"token\":\"t2\""), REPOSITORY("u", ",\"token\":\"t2\"") },
		{ REPOSITORY("other", ""), REPOSITORY("other", "") },
	};
	struct fixture *f = *state;
	struct stored_workflow w;
	struct err err;

	assert_string_equal(ask(f, "POST " W, MINI), "201 {\"id\":1}");
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_string_equal(ask(f, "PUT " W "/1", REPOSITORY("u", ",\"token\":\"t1\"")),
		                    "200 {\"id\":1}");
		assert_string_equal(ask(f, "PUT " W "/1", cases[i].put), "200 {\"id\":1}");
		assert_true(workflow_store_get(f->api.store, &f->arena, 1, &w, &err));
		assert_string_equal(w.body, cases[i].kept);
	}
}

static void a_token_is_kept_by_the_name_of_its_step_whatever_the_order(void **state)
{
#define STEP(name, token) \
	"\"" name "\":{\"type\":\"sql\",\"repository\":{\"url\":\"u\",\"branch\":\"m\",\"filePath\":\"f\"" token "}}"
	struct fixture *f = *state;
	struct stored_workflow w;
	struct err err;

	PLAY(f,
		{ "POST " W, "{\"name\":\"a\",\"steps\":{" STEP("a", ",\"token\":\"ta\"") ","
		  STEP("b", ",\"token\":\"tb\"") "," STEP("c", "") "," STEP("d", ",\"token\":\"td\"") "}}",
		  "201 {\"id\":1}" },
		{ "PUT " W "/1", "{\"name\":\"a\",\"steps\":{" STEP("d", "") "," STEP("new", "") ","
		  STEP("c", "") "," STEP("a", "") "}}", "200 {\"id\":1}" });
	assert_true(workflow_store_get(f->api.store, &f->arena, 1, &w, &err));
	assert_string_equal(w.body, "{\"name\":\"a\",\"steps\":{" STEP("d", ",\"token\":\"td\"") ","
	                    STEP("new", "") "," STEP("c", "") "," STEP("a", ",\"token\":\"ta\"") "}}");
}

static void a_state_that_forbids_a_change_is_a_conflict(void **state)
{
	static const struct { enum workflow_status status; const char *detail; bool idle; } cases[] = {
		{ WORKFLOW_DRAFT, "409 {\"detail\":\"workflow 1 is a draft\"}", true },
		{ WORKFLOW_RUNNING, "409 {\"detail\":\"workflow 1 is running\"}", false },
	};
	struct fixture *f = *state;
	struct err err;

	assert_string_equal(ask(f, "POST " W, MINI), "201 {\"id\":1}");
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_true(workflow_store_put_status(f->api.store, 1, cases[i].status, 1717149600000, &err));
		assert_string_equal(ask(f, "POST " W "/1/pause", ""), cases[i].detail);
		assert_string_equal(ask(f, "POST " W "/1/resume", ""), cases[i].detail);
		assert_string_equal(ask(f, "PUT " W "/1", MINI),
		                    cases[i].idle ? "200 {\"id\":1}" : cases[i].detail);
	}
	assert_string_equal(ask(f, "DELETE " W "/1", ""), "409 {\"detail\":\"workflow 1 is running\"}");
}

static void the_stamp_moves_with_every_change_whatever_the_clock_does(void **state)
{
	struct fixture *f = *state;

	assert_string_equal(ask(f, "POST " W, MINI), "201 {\"id\":1}");
	clock_ms -= 5000;
	assert_string_equal(ask(f, "PUT " W "/1", MINI), "200 {\"id\":1}");
	assert_non_null(strstr(ask(f, "GET " W "/1", ""), STAMPS("00.000", "00.001")));
	clock_ms += 12345;
	assert_string_equal(ask(f, "POST " W "/1/pause", ""), "200 {}");
	assert_non_null(strstr(ask(f, "GET " W "/1", ""), STAMPS("00.000", "07.345")));
}

static void nobody_gets_in_without_the_token(void **state)
{
	static const char *const wrong[] = { "", "Bearer", "Bearer t ", "Bearer tt", "bearer t", "t", "Bearer u" };
	struct fixture *f = *state;
	struct http_request request = { .method = "GET", .path = "/" };
	struct http_response response = { .body = BUF(1000) };

	assert_false(f->handler.admit(f->handler.ctx, &request, &response));
	assert_int_equal(response.status, 401);
	assert_string_equal(buf_str(&response.body),
	                    "{\"detail\":\"expected a token in the header Authorization\"}");
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		request.authorization = wrong[i];
		assert_false(f->handler.admit(f->handler.ctx, &request, &response));
		assert_int_equal(response.status, 401);
		assert_string_equal(buf_str(&response.body),
		                    "{\"detail\":\"the token in Authorization is not the token of this service\"}");
	}
	request.authorization = "Bearer t";
	assert_true(f->handler.admit(f->handler.ctx, &request, &response));
	buf_done(&response.body);
}

static void a_database_that_is_kept_busy_is_worth_another_try(void **state)
{
	struct fixture *f = *state;
	CLEANUP(workflow_store_closep) struct store *other = NULL;
	struct err err;

	assert_true(workflow_store_open(f->file, 50, &other, &err));
	assert_true(workflow_store_begin(other, &err));
	assert_string_equal(ask(f, "POST " W, MINI),
	                    arena_printf(&f->arena, "503 {\"detail\":\"database \\\"%s\\\" is in use by another "
	                                            "process\"} (1)", f->file));
	assert_true(workflow_store_end(other, false, &err));
	assert_string_equal(ask(f, "POST " W, MINI), "201 {\"id\":1}");
}

static void a_cron_that_never_fires_is_reported_when_it_is_written(void **state)
{
	struct fixture *f = *state;
	char *logged = NULL;
	size_t len;
	struct log log = { .to = open_memstream(&logged, &len), .level = LEVEL_WARN };

	f->api.log = &log;
	PLAY(f,
	     { "POST " W, "{\"name\":\"a\",\"triggers\":[{\"cron\":\"60 * * * *\"},{\"cron\":\"@daily\"},{\"cron\":\"0 0 * * *\"}],"
	       "\"steps\":{}}",
	       "201 {\"id\":1} {/triggers/0/cron: \"60 * * * *\" never fires: expected 0 to 59 or \"*\" as the minute, found "
	       "\"60\"; /triggers/1/cron: \"@daily\" means \"0 0 * * *\"; write that for a service that does not know such names}" },
	     { "PUT " W "/1", "{\"name\":\"a\",\"triggers\":[{\"cron\":\"0 8 1 * ? \xc3\xa9\"}],\"steps\":{}}",
	       "200 {\"id\":1} {/triggers/0/cron: \"0 8 1 * ? ??\" never fires on the local service: expected 1 to 12 or \"*\" as "
	       "the month (of six or seven fields the first one is the second), found \"?\"}" },
	     { "PUT " W "/1", "{\"name\":\"a\",\"triggers\":[{\"cron\":\"0 8 1 * *\"}],\"steps\":{}}", "200 {\"id\":1}" },
	     { "POST " W, "{\"triggers\":[{\"cron\":\"60 * * * *\"}],\"steps\":{}}",
	       "400 {\"detail\":\"workflow: \\\"name\\\" is missing\"}" });
	fclose(log.to);
	assert_string_equal(logged,
	    "flowsync: warning: workflow 1: the time of cron \"60 * * * *\" never comes: expected 0 to 59 or \"*\" as the minute, "
	    "found \"60\"\n"
	    "flowsync: warning: workflow 1: the time of cron \"0 8 1 * ? \xc3\xa9\" never comes: expected 1 to 12 or \"*\" as the "
	    "month (of six or seven fields the first one is the second), found \"?\"\n");
	free(logged);
}

/* Changes the file behind the service's back. */
static void change_file(struct fixture *f, const char *sql)
{
	char *message = NULL;
	sqlite3 *db;

	assert_int_equal(sqlite3_open(f->file, &db), SQLITE_OK);
	if (sqlite3_exec(db, sql, NULL, NULL, &message) != SQLITE_OK)
		fail_msg("%s: %s", sql, message);
	sqlite3_close(db);
}

static size_t missing_answers(struct fixture *f)
{
	struct err err;
	int64_t *ids;
	size_t count;

	if (!workflow_store_list_unmade(f->api.store, &f->arena, 0, 1000, &ids, &count, &err))
		fail_msg("%s", err.msg);
	return count;
}

/* The list and both descriptions. */
static const char *all_answers(struct fixture *f)
{
	return arena_printf(&f->arena, "%s\n%s\n%s", ask(f, "GET " W, "{}"), ask(f, "GET " W "/1", "{}"),
	                    ask(f, "GET " W "/2", "{}"));
}

#define TWO \
	{ "POST " W, "{\"name\":\"a \\u0416\\\"\",\"triggers\":[{\"cron\":\"0 8 * * *\"},{\"webhook\":true}," \
	  "{\"cron\":\"5 9 * * *\"}],\"tags\":[{\"name\":\"t\"},{\"name\":\"u\"}],\"watchers\":[]," \
	  "\"steps\":{\"s\":{\"imageId\":1,\"command\":\"x\"}}}", \
	  "201 {\"id\":1,\"triggers\":[{\"webhook\":\"" UUID("1") "\"}]}" }, \
	{ "POST " W, MINI, "201 {\"id\":2}" }

static void answers_are_stored_in_their_shape(void **state)
{
	struct fixture *f = *state;

	PLAY(f, TWO);
	assert_int_equal(missing_answers(f), 0);
	change_file(f, "UPDATE workflow_item SET item = replace(item, 'name', 'NAME');"
	               "UPDATE workflow_rest SET rest = replace(rest, 'steps', 'STEPS')");
	assert_non_null(strstr(ask(f, "GET " W, "{}"), "\"NAME\":\"a "));
	assert_non_null(strstr(ask(f, "GET " W "/1", "{}"), "\"STEPS\":"));
	PLAY(f, { "POST " W "/1/pause", "{}", "200 {}" }, { "POST " W "/1/resume", "{}", "200 {}" });
	assert_null(strstr(ask(f, "GET " W "/1", "{}"), "NAME"));
	assert_null(strstr(ask(f, "GET " W "/1", "{}"), "STEPS"));
	assert_int_equal(missing_answers(f), 0);
}

/* Made by another version of the program, or of the workflow as it was before. */
static void an_answer_that_does_not_fit_is_made_again(void **state)
{
	static const char *const changes[] = {
		"UPDATE workflow_item SET made = 'x', item = 'x'", "UPDATE workflow_rest SET made = 'x', rest = 'x'",
		"UPDATE workflow_item SET since = since - 1, item = 'x'", "UPDATE workflow_rest SET since = since - 1, rest = 'x'",
		"DELETE FROM workflow_item", "DELETE FROM workflow_rest WHERE workflow = 1",
	};
	struct fixture *f = *state;

	PLAY(f, TWO);
	const char *answers = all_answers(f);
	for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
		change_file(f, changes[i]);
		assert_int_equal(missing_answers(f), i == 5 ? 1 : 2);
		assert_string_equal(all_answers(f), answers);
		routes_store_answers(&f->api);
		assert_int_equal(missing_answers(f), 0);
		assert_string_equal(all_answers(f), answers);
	}
}

static void a_database_without_answers_gets_them(void **state)
{
	struct fixture *f = *state;
	struct err err;

	PLAY(f, TWO);
	for (int i = 3; i <= 450; i++)
		PLAY(f, { "POST " W, MINI, arena_printf(&f->arena, "201 {\"id\":%d}", i) });
	const char *answers = all_answers(f);
	workflow_store_close(f->api.store);
	change_file(f, "DROP TABLE workflow_item; DROP TABLE workflow_rest; PRAGMA user_version = 2;"
	               "UPDATE workflow_body SET body = '{' WHERE workflow = 3");
	if (!workflow_store_open(f->file, 50, &f->api.store, &err))
		fail_msg("%s", err.msg);
	assert_string_equal(all_answers(f), answers);
	routes_store_answers(&f->api);
	/* A damaged body is reported by whom asks for it. */
	assert_int_equal(missing_answers(f), 1);
	assert_string_equal(all_answers(f), answers);
	assert_memory_equal(ask(f, "GET " W "/3", "{}"), "500 ", 4);
}

static void the_next_time_of_a_cron_is_computed_once(void **state)
{
	struct fixture *f = *state;

	PLAY(f, TWO);
	const char *answers = all_answers(f);
	assert_int_equal(f->cron_times.computed, 2);
	clock_ms += 20 * 3600 * 1000;
	assert_string_equal(all_answers(f), answers);
	assert_int_equal(f->cron_times.computed, 2);
	/* 08:00 comes: the next one is a day later. */
	clock_ms += 2 * 3600 * 1000;
	assert_non_null(strstr(ask(f, "GET " W, "{}"), "\"scheduled\":\"2024-06-02T08:00:00.000Z\"},{\"webhook\":"));
	assert_int_equal(f->cron_times.computed, 3);
	/* The clock is set back. */
	clock_ms -= 22 * 3600 * 1000;
	assert_string_equal(all_answers(f), answers);
}

static void an_odd_cron_has_no_time(void **state)
{
	struct fixture *f = *state;
	static const char blanks[] = "*/5 * * * "
		"                                                                                 *";
	static const char *const crons[] = { "\\\\", "0 8 * * * \\u0001", "0 0 31 2 *", blanks };

	for (size_t i = 0; i < ARRAY_LEN(crons); i++)
		ask(f, "POST " W, arena_printf(&f->arena, "{\"name\":\"a\",\"triggers\":[{\"cron\":\"%s\"}],\"steps\":{}}",
		                              crons[i]));
	for (int i = 0; i < 2; i++) {
		const char *answer = ask(f, "GET " W, "{}"), *first = strstr(answer, "\"scheduled\"");
		assert_non_null(strstr(answer, "{\"cron\":\"\\\\\"}"));
		assert_non_null(strstr(answer, "{\"cron\":\"0 8 * * * \\u0001\"}"));
		assert_non_null(strstr(answer, "{\"cron\":\"0 0 31 2 *\"}"));
		static const char next[] = "\"scheduled\":\"2024-05-31T10:05:00.000Z\"}";
		assert_memory_equal(first, next, strlen(next));
		assert_null(strstr(first + 1, "\"scheduled\""));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_API(a_workflow_goes_through_its_life),
		WITH_API(what_is_not_of_one_workflow_is_answered_too),
		WITH_API(a_wrong_address_or_verb_is_told_apart),
		WITH_API(a_body_that_is_no_valid_workflow_is_refused),
		WITH_API(a_wrong_query_is_refused),
		WITH_API(a_list_is_filtered_and_paged),
		WITH_API(describe_gives_back_the_shapes_of_the_service),
		WITH_API(a_webhook_keeps_its_address_only_if_asked_to),
		WITH_API(an_update_drops_what_the_sdk_s_patch_puts_into_every_step),
		WITH_API(an_update_without_a_name_keeps_it),
		WITH_API(a_cron_beside_a_webhook_that_is_false_is_a_cron),
		WITH_API(a_token_that_is_left_out_is_kept_with_its_repository),
		WITH_API(a_token_is_kept_by_the_name_of_its_step_whatever_the_order),
		WITH_API(a_state_that_forbids_a_change_is_a_conflict),
		WITH_API(the_stamp_moves_with_every_change_whatever_the_clock_does),
		WITH_API(a_cron_that_never_fires_is_reported_when_it_is_written),
		WITH_API(answers_are_stored_in_their_shape),
		WITH_API(an_answer_that_does_not_fit_is_made_again),
		WITH_API(a_database_without_answers_gets_them),
		WITH_API(the_next_time_of_a_cron_is_computed_once),
		WITH_API(an_odd_cron_has_no_time),
		WITH_API(nobody_gets_in_without_the_token),
		WITH_API(a_database_that_is_kept_busy_is_worth_another_try),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
