#include "tests/test.h"
#include "reconcile/schema/validate.h"

#include <string.h>

#include "reconcile/plan/spec.h"
#include "tests/tree.h"

static const struct vars none = { 0 };

/* What reading yaml as a file says. */
static const char *faults_of(struct arena *a, const char *yaml)
{
	struct specs specs = { .arena = a };
	struct diagnostics faults = { .arena = a };

	specs_read(&specs, &none, "s.yaml", yaml, strlen(yaml), &faults);
	return tree_faults(a, &faults);
}

#define STEPS	"steps: {s: {imageId: 1, command: c}}\n"
#define TOP(text)	text "\nname: n\n" STEPS
#define STEP(text)	"name: n\nsteps:\n  s: {imageId: 1, command: c, " text "}\n"
#define HTTP(text)	"name: n\nsteps:\n  s: {type: http, method: post, url: u, " text "}\n"
#define OTHER(text)	"name: n\nsteps:\n  s: {" text "}\n"

static void every_refusal_names_place_field_and_what_was_wanted(void **state)
{
	static const struct { const char *yaml, *said; } cases[] = {
		/* required */
		{ STEPS, "s.yaml:1:1: workflow: \"name\" is missing\n" },
		{ "name: n\n", "s.yaml:1:1: workflow: \"steps\" is missing\n" },
		{ "name:\n" STEPS, "s.yaml:1:1: workflow: \"name\" is missing\n" },
		{ OTHER("command: c"), "s.yaml:3:6: /steps/s: \"imageId\" is missing\n" },
		{ OTHER("imageId: 1"), "s.yaml:3:6: /steps/s: \"command\" is missing\n" },
		{ OTHER("type: http"), "warning: s.yaml:3:6: /steps/s: \"method\" is missing; left out, the local service uses get, or post if there is a payload\n"
		  "s.yaml:3:6: /steps/s: \"url\" is missing\n" },
		{ OTHER("type: export"), "s.yaml:3:6: /steps/s: \"schema\" is missing\ns.yaml:3:6: /steps/s: \"table\" is missing\n"
		  "s.yaml:3:6: /steps/s: \"sortBy\" is missing\n" },
		{ TOP("tags: [{}]"), "s.yaml:1:8: /tags/0: \"name\" is missing\n" },
		{ TOP("watchers: [{user: u}]"), "s.yaml:1:12: /watchers/0: \"events\" is missing\n" },
		{ TOP("watchers: [{webhook: {}, events: {}}]"), "s.yaml:1:22: /watchers/0/webhook: \"name\" is missing\n"
		  "s.yaml:1:22: /watchers/0/webhook: \"url\" is missing\ns.yaml:1:22: /watchers/0/webhook: \"payload\" is missing\n" },
		{ TOP("watchers: [{email: {}, events: {}}]"), "s.yaml:1:20: /watchers/0/email: \"name\" is missing\n"
		  "s.yaml:1:20: /watchers/0/email: \"recipients\" is missing\n" },
		{ TOP("watchers: [{email: {name: n, recipients: {}}, events: {}}]"),
		  "s.yaml:1:42: /watchers/0/email/recipients: \"to\" is missing\n" },
		{ STEP("repository: {}"), "s.yaml:3:43: /steps/s/repository: \"url\" is missing\n"
		  "s.yaml:3:43: /steps/s/repository: \"branch\" is missing\n" },
		{ STEP("executionParameters: {conditional: [{}], parentStatus: [{}]}"),
		  "s.yaml:3:67: /steps/s/executionParameters/conditional/0: \"condition\" is missing\n"
		  "s.yaml:3:67: /steps/s/executionParameters/conditional/0: \"paramName\" is missing\n"
		  "s.yaml:3:67: /steps/s/executionParameters/conditional/0: \"stepName\" is missing\n"
		  "s.yaml:3:67: /steps/s/executionParameters/conditional/0: \"value\" is missing\n"
		  "s.yaml:3:87: /steps/s/executionParameters/parentStatus/0: \"condition\" is missing\n"
		  "s.yaml:3:87: /steps/s/executionParameters/parentStatus/0: \"parents\" is missing\n"
		  "s.yaml:3:87: /steps/s/executionParameters/parentStatus/0: \"status\" is missing\n" },
		{ HTTP("auth: {}"), "s.yaml:3:47: /steps/s/auth: \"type\" is missing\n" },
		{ HTTP("auth: {apiKey: k}"), "s.yaml:3:47: /steps/s/auth: \"type\" is missing\n" },
		{ HTTP("auth: {type: oauth}"), "s.yaml:3:47: /steps/s/auth: \"clientId\" is missing\n"
		  "s.yaml:3:47: /steps/s/auth: \"clientSecret\" is missing\ns.yaml:3:47: /steps/s/auth: \"authUrl\" is missing\n" },
		{ HTTP("auth: {type: basic, password: p}"), "s.yaml:3:47: /steps/s/auth: \"username\" is missing\n" },
		{ HTTP("auth: {type: api-key}"), "s.yaml:3:47: /steps/s/auth: \"apiKey\" is missing\n" },
		{ HTTP("auth: {type: bearer-token}"), "s.yaml:3:47: /steps/s/auth: \"bearerToken\" is missing\n" },

		/* unknown */
		{ TOP("stepps: {}"), "s.yaml:1:1: workflow: unknown field \"stepps\"; did you mean \"steps\"?\n" },
		{ TOP("stepps:"), "s.yaml:1:1: workflow: unknown field \"stepps\"; did you mean \"steps\"?\n" },
		{ TOP("zebra: 1"), "s.yaml:1:1: workflow: unknown field \"zebra\"\n" },
		{ STEP("imageid: 7"), "s.yaml:3:31: /steps/s: unknown field \"imageid\"; did you mean \"imageId\"?\n" },
		{ HTTP("imageid: 7"), "s.yaml:3:41: /steps/s: unknown field \"imageid\"\n" },
		{ STEP("resources: {storag: 1}"), "s.yaml:3:43: /steps/s/resources: unknown field \"storag\"; did you mean \"storage\"?\n" },

		/* the service's own */
		{ TOP("id: 7"), "s.yaml:1:1: workflow: \"id\" is set by the service and cannot be declared\n" },
		{ TOP("status: Available"), "s.yaml:1:1: workflow: \"status\" is set by the service and cannot be declared\n" },
		{ TOP("lastExecution: ~"), "" },
		{ STEP("imageName: x"), "s.yaml:3:31: /steps/s: \"imageName\" is set by the service and cannot be declared\n" },
		{ TOP("triggers: [{cron: 0 0 * * *, scheduled: now}]"),
		  "s.yaml:1:30: /triggers/0: \"scheduled\" is set by the service and cannot be declared\n" },

		/* types */
		{ "name: 7\n" STEPS, "s.yaml:1:7: /name: expected text, found a number; quote it if it is meant as text\n" },
		{ "name: [a]\n" STEPS, "s.yaml:1:7: /name: expected text, found a list\n" },
		{ "name: n\nsteps: []\n", "s.yaml:2:8: /steps: expected a mapping, found a list\n" },
		{ "name: n\nsteps: {s: 7}\n", "s.yaml:2:12: /steps/s: expected a mapping, found a number\n" },
		{ TOP("tags: {name: x}"), "s.yaml:1:7: /tags: expected a list such as [{name: red}], found a mapping\n" },
		{ TOP("tags: [x]"), "s.yaml:1:8: /tags/0: expected a mapping such as {name: red}, found a text\n" },
		{ TOP("tags: [~]"), "s.yaml:1:8: /tags/0: expected a mapping such as {name: red}, found nothing\n" },
		{ TOP("metadata: {allowConcurrentExecution: \"no\"}"),
		  "s.yaml:1:38: /metadata/allowConcurrentExecution: expected true or false, found a text\n" },
		{ OTHER("imageId: \"1\", command: c"), "s.yaml:3:16: /steps/s/imageId: expected a whole number, found a text\n" },
		{ OTHER("imageId: 1.5, command: c"),
		  "s.yaml:3:16: /steps/s/imageId: expected a whole number, found a number with a fraction\n" },
		{ TOP("watchers: [{user: u, events: {runtimeExceeded: many}}]"),
		  "s.yaml:1:48: /watchers/0/events/runtimeExceeded: expected a number, found a text\n" },
		{ STEP("parameters: {env: [{A: b}]}"), "s.yaml:3:49: /steps/s/parameters/env: expected a mapping such as {NAME: value}, found a list\n" },
		{ STEP("parameters: {env: {A: [b]}}"), "s.yaml:3:53: /steps/s/parameters/env/A: expected text, found a list\n" },
		{ STEP("parameters: {inherit: {A: 1}}"),
		  "s.yaml:3:57: /steps/s/parameters/inherit/A: expected text, found a number; quote it if it is meant as text\n" },
		{ STEP("a/b~c: 1"), "s.yaml:3:31: /steps/s: unknown field \"a/b~c\"\n" },
		{ STEP("outputParameters: {a/b~c: [x]}"),
		  "s.yaml:3:57: /steps/s/outputParameters/a~1b~0c: expected text, found a list\n" },
		{ "name: 2024-05-20\n" STEPS, "" },

		/* well-known slips */
		{ TOP("triggers: \"0 5 * * *\""),
		  "s.yaml:1:11: /triggers: expected a list such as [{cron: \"0 5 * * *\"}], found a text\n" },
		{ TOP("triggers: [\"0 5 * * *\"]"),
		  "s.yaml:1:12: /triggers/0: expected a mapping such as {cron: \"0 5 * * *\"}, found a text\n" },
		{ TOP("watchers: [me@example.com]"),
		  "s.yaml:1:12: /watchers/0: expected a mapping such as {user: NAME, events: {fail: true}}, found a text\n" },
		{ STEP("stepTimeout: 10m"),
		  "s.yaml:3:44: /steps/s/stepTimeout: expected a whole number such as 600 (seconds), found a text\n" },
		{ STEP("parents: t"), "s.yaml:3:40: /steps/s/parents: expected a list such as [STEP], found a text\n" },
		{ TOP("schedule: daily"),
		  "s.yaml:1:1: workflow: unknown field \"schedule\"; write triggers: [{cron: \"0 5 * * *\"}]\n" },
		{ STEP("env: {A: b}"), "s.yaml:3:31: /steps/s: unknown field \"env\"; write parameters: {env: {NAME: value}}\n" },
		{ STEP("cpu: 2"), "s.yaml:3:31: /steps/s: unknown field \"cpu\"; write resources: {instanceTypeId: 21}, an id of "
		  "`flowsync workflow resources`\n" },
		{ STEP("retryOptions: {}"), "s.yaml:3:31: /steps/s: unknown field \"retryOptions\"; write runConfiguration: "
		  "{retryOptions: ...}, or retryOptions of the workflow for all steps\n" },
		{ STEP("resources: {cpu: 2}"), "s.yaml:3:43: /steps/s/resources: unknown field \"cpu\"; write instanceTypeId: 21, "
		  "an id of `flowsync workflow resources`\n" },

		/* limits */
		{ TOP("retryOptions: {duration: 121}"), "s.yaml:1:26: /retryOptions/duration: expected a number from 0 to 120, found 121\n" },
		{ TOP("retryOptions: {duration: -1}"), "s.yaml:1:26: /retryOptions/duration: expected a number from 0 to 120, found -1\n" },
		{ TOP("retryOptions: {numberOfRetries: 6}"),
		  "s.yaml:1:33: /retryOptions/numberOfRetries: expected a number from 0 to 5, found 6\n" },
		{ TOP("retryOptions: {duration: 120, numberOfRetries: 0}"), "" },
		{ STEP("stepTimeout: -1"), "s.yaml:3:44: /steps/s/stepTimeout: expected a number from 0 to 2147483647, found -1\n" },
		{ TOP("watchers: [{user: u, events: {runtimeExceeded: .nan}}]"),
		  "s.yaml:1:48: /watchers/0/events/runtimeExceeded: expected a number from 0 to 2147483647, found .nan\n" },
		{ TOP("watchers: [{user: u, events: {runtimeExceeded: 0.5}}]"), "" },

		/* words */
		{ OTHER("type: htpp, method: get, url: u"),
		  "s.yaml:3:13: /steps/s/type: expected standard, http, export or sql, found \"htpp\"; did you mean \"http\"?\n" },
		{ OTHER("type: python"), "s.yaml:3:13: /steps/s/type: expected standard, http, export or sql, found \"python\"\n" },
		{ OTHER("type: 7"), "s.yaml:3:13: /steps/s/type: expected standard, http, export or sql, found a number; "
		  "quote it if it is meant as text\n" },
		{ OTHER("type: http, method: POST, url: u"),
		  "s.yaml:3:27: /steps/s/method: expected get, post, put, patch or delete, found \"POST\"; did you mean \"post\"?\n" },
		{ OTHER("type: export, schema: s, table: t, sortBy: b, sortOrder: up"),
		  "s.yaml:3:64: /steps/s/sortOrder: expected asc or desc, found \"up\"\n" },
		{ HTTP("auth: {type: none}"), "s.yaml:3:54: /steps/s/auth/type: expected no-auth, oauth, basic, api-key or "
		  "bearer-token, found \"none\"\n" },
		{ HTTP("outputParameters: {A: answer.txt}"),
		  "s.yaml:3:63: /steps/s/outputParameters/A: expected response.txt, found \"answer.txt\"\n" },
		{ TOP("triggers: [{webhook: true, webhookPolicy: keep}]"),
		  "s.yaml:1:43: /triggers/0/webhookPolicy: expected preserve, found \"keep\"\n" },
		{ STEP("executionParameters: {parentStatus: [{condition: any-of, parents: [s], status: [succes]}]}"),
		  "s.yaml:3:80: /steps/s/executionParameters/parentStatus/0/condition: expected all-of or one-of, found \"any-of\"; "
		  "did you mean \"all-of\"?\n"
		  "s.yaml:3:111: /steps/s/executionParameters/parentStatus/0/status/0: expected success or failure, found \"succes\"; "
		  "did you mean \"success\"?\n" },

		/* what goes with what */
		{ STEP("url: u"), "s.yaml:3:31: /steps/s: \"url\" is not allowed in a step of type standard, only in http\n" },
		{ HTTP("repository: {url: u, branch: b}"),
		  "s.yaml:3:41: /steps/s: \"repository\" is not allowed in a step of type http, only in standard, sql\n" },
		{ OTHER("type: export, schema: s, table: t, sortBy: b, parameters: {}"),
		  "s.yaml:3:53: /steps/s: \"parameters\" is not allowed in a step of type export, only in standard, http, sql\n" },
		{ OTHER("type: export, schema: s, table: t, sortBy: b, outputParameters: {}"),
		  "s.yaml:3:53: /steps/s: \"outputParameters\" is not allowed in a step of type export, only in standard\n" },
		{ OTHER("type: sql, sqlQueryPath: q, parameters: {secrets: []}"),
		  "s.yaml:3:48: /steps/s/parameters: \"secrets\" is not allowed in a step of type sql, only in standard, http\n" },
		{ STEP("repository: {url: u, branch: b, filePath: f}"),
		  "s.yaml:3:63: /steps/s/repository: \"filePath\" is not allowed in a step of type standard, only in sql\n" },
		{ OTHER("type: sql, repository: {url: u, branch: b}"), "s.yaml:3:30: /steps/s/repository: \"filePath\" is missing\n" },
		{ OTHER("type: sql"), "s.yaml:3:6: /steps/s: expected exactly one of \"repository\", \"sqlQueryPath\", found none\n" },
		{ OTHER("type: sql, sqlQueryPath: q, repository: {url: u, branch: b, filePath: f}"),
		  "s.yaml:3:6: /steps/s: expected exactly one of \"repository\", \"sqlQueryPath\", found more than one\n" },
		{ HTTP("auth: {type: no-auth, apiKey: k}"),
		  "s.yaml:3:63: /steps/s/auth: \"apiKey\" is not allowed in auth of type no-auth, only in api-key\n" },
		{ OTHER("type: http, method: get, url: u, payload: \"{}\""), "s.yaml:3:40: /steps/s: \"payload\" is not allowed with method get\n" },
		{ TOP("triggers: [{cron: 0 0 * * *, webhook: true}]"),
		  "s.yaml:1:12: /triggers/0: expected exactly one of \"cron\", \"webhook\", found more than one\n" },
		{ TOP("triggers: [{webhookPolicy: preserve}]"),
		  "s.yaml:1:12: /triggers/0: expected exactly one of \"cron\", \"webhook\", found none\n" },
		{ TOP("triggers: [{}, {cron: ~}]"), "" },
		{ TOP("triggers: [{cron: 0 0 * * *, webhook: false}]"), "" },
		{ TOP("triggers: [{cron: , webhook: false}]"),
		  "s.yaml:1:30: /triggers/0/webhook: expected true, found false; leave it out instead\n" },
		{ STEP("workflowId: 7"), "s.yaml:3:31: /steps/s: \"workflowId\" is set by the service and cannot be declared\n" },
		{ TOP("triggers: [{webhook: false}]"), "s.yaml:1:22: /triggers/0/webhook: expected true, found false; leave it out instead\n" },
		{ TOP("watchers: [{events: {}}]"),
		  "s.yaml:1:12: /watchers/0: expected exactly one of \"user\", \"webhook\", \"email\", found none\n" },

		/* names */
		{ "name: \"\"\n" STEPS, "s.yaml:1:7: /name: expected a name, found an empty text\n" },
		{ "name: \"a\\nb\"\n" STEPS, "s.yaml:1:7: /name: expected a name on one line, found a control character\n" },
		{ TOP("tags: [{name: \"\"}]"), "s.yaml:1:15: /tags/0/name: expected a name, found an empty text\n" },
		{ TOP("tags: [{name: a}, {name: flowsync-default}]"),
		  "s.yaml:1:19: /tags/1: tags that begin with \"flowsync-\" are reserved for flowsync\n" },

		/* steps among each other */
		{ STEP("parents: [t]"), "s.yaml:3:41: /steps/s/parents/0: no step is called \"t\"\n" },
		{ STEP("parents: [~]"), "s.yaml:3:41: /steps/s/parents/0: expected text, found nothing\n" },
		{ "name: n\nsteps:\n  s: {imageId: 1, command: c, parents: [t]}\n  t: ~\n",
		  "s.yaml:3:41: /steps/s/parents/0: no step is called \"t\"\n" },
		{ STEP("executionParameters: {conditional: [{condition: equals, paramName: p, stepName: t, value: v}]}"),
		  "s.yaml:3:111: /steps/s/executionParameters/conditional/0/stepName: no step is called \"t\"\n" },
		{ STEP("executionParameters: {parentStatus: [{condition: all-of, parents: [s, t], status: [success]}]}"),
		  "s.yaml:3:101: /steps/s/executionParameters/parentStatus/0/parents/1: no step is called \"t\"\n" },
		{ STEP("parents: [s]"), "s.yaml:3:41: /steps/s/parents: steps wait for each other in a circle: s -> s\n" },
		{ "name: n\nsteps:\n  a: {imageId: 1, command: c, parents: [b]}\n  b: {imageId: 1, command: c, parents: [d, c]}\n"
		  "  c: {imageId: 1, command: c, parents: [a]}\n  d: {imageId: 1, command: c}\n",
		  "s.yaml:5:41: /steps/c/parents: steps wait for each other in a circle: a -> b -> c -> a\n" },

		/* warnings */
		{ STEP("resources: {storage: lots}"),
		  "warning: s.yaml:3:52: /steps/s/resources/storage: expected a size such as 10GB, found \"lots\"\n" },
		{ STEP("resources: {storage: 10 gigs}"),
		  "warning: s.yaml:3:52: /steps/s/resources/storage: expected a size such as 10GB, found \"10 gigs\"\n" },
		{ STEP("resources: {storage: '10'}"),
		  "warning: s.yaml:3:52: /steps/s/resources/storage: expected a size such as 10GB, found \"10\"\n" },
		{ STEP("resources: {storage: 10 GB}"), "" },
		{ STEP("resources: {storage: 1.5Ti}"), "" },
		{ STEP("resources: {storage: 500MiB}"), "" },
		{ STEP("parameters: {env: {A: 1, B: 1.5, C: true, D: ~, E: \"1\"}}"),
		  "warning: s.yaml:3:53: /steps/s/parameters/env/A: expected text, found a number; quote it, it is sent as text\n"
		  "warning: s.yaml:3:59: /steps/s/parameters/env/B: expected text, found a number with a fraction; quote it, it is "
		  "sent as text\n"
		  "warning: s.yaml:3:67: /steps/s/parameters/env/C: expected text, found yes or no; quote it, it is sent as text\n" },
		{ OTHER("type: http, url: u, payload: '{}'"), "warning: s.yaml:3:6: /steps/s: \"method\" is missing; left out, the local service uses get, or post if there is a payload\n" },
		{ OTHER("type: http, url: u, method: "), "warning: s.yaml:3:6: /steps/s: \"method\" is missing; left out, the local service uses get, or post if there is a payload\n" },
		{ TOP("triggers: [{cron: 61 * * * *}]"), "warning: s.yaml:1:19: /triggers/0/cron: \"61 * * * *\" never fires: expected "
		  "0 to 59 or \"*\" as the minute, found \"61\"\n" },
		{ TOP("triggers: [{cron: 0 0 1-40 * *}]"), "warning: s.yaml:1:19: /triggers/0/cron: \"0 0 1-40 * *\" never fires: expected "
		  "1 to 31 or \"*\" as the day of the month, found \"1-40\"\n" },
		{ TOP("triggers: [{cron: 0 0 * * mon-foo}]"), "warning: s.yaml:1:19: /triggers/0/cron: \"0 0 * * mon-foo\" never fires: "
		  "expected 0 to 7 or \"*\" as the day of the week, found \"mon-foo\"\n" },
		{ TOP("triggers: [{cron: \"@daily\"}]"), "warning: s.yaml:1:19: /triggers/0/cron: \"@daily\" means "
		  "\"0 0 * * *\"; write that for a service that does not know such names\n" },
		{ TOP("triggers: [{cron: 0 0 31 2 *}]"), "warning: s.yaml:1:19: /triggers/0/cron: \"0 0 31 2 *\" never "
		  "fires: expected a day of the month that one of its months has, found \"31\"\n" },
		{ TOP("triggers: [{cron: \"0 0 * * *\\n\"}]"), "" },
		{ TOP("triggers: [{cron: 0 0}]"), "warning: s.yaml:1:19: /triggers/0/cron: \"0 0\" never fires: expected five cron fields, or six or seven "
		  "with seconds first and a year last, found 2\n" },
		{ TOP("triggers: [{cron: 0 0 12 * * ?}, {cron: 0 15 10 * * ? 2021}, {cron: 0 0 * * *}]"), "" },
		{ TOP("watchers: [{webhook: {name: n, url: u, payload: \"{a\"}, events: {}}]"),
		  "warning: s.yaml:1:49: /watchers/0/webhook/payload: expected JSON as text, found text that is not JSON\n" },
		{ TOP("watchers: [{webhook: {name: n, url: u, payload: '{\"a\": {{ '{{' }}b}}}'}, events: {}}]"), "" },

		/* all together */
		{ "nam: n\nsteps: {s: {command: c, imageId: x}}\ntags: 1\n",
		  "s.yaml:1:1: workflow: unknown field \"nam\"; did you mean \"name\"?\n"
		  "s.yaml:1:1: workflow: \"name\" is missing\n"
		  "s.yaml:2:34: /steps/s/imageId: expected a whole number, found a text\n"
		  "s.yaml:3:7: /tags: expected a list such as [{name: red}], found a number\n" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		const char *said = faults_of(&a, cases[i].yaml);

		if (strcmp(said, cases[i].said) != 0)
			print_error("%s\n", cases[i].yaml);
		assert_string_equal(said, cases[i].said);
	}
}

static void a_request_is_held_against_the_same_table(void **state)
{
	static const struct { const char *json, *said; } cases[] = {
		{ "{\"name\":\"n\",\"steps\":{\"s\":{\"imageId\":1,\"command\":\"c\",\"parameters\":{\"env\":{\"A\":1}}}}}", "" },
		{ "{\"name\":\"n\",\"tags\":[{\"name\":\"flowsync-default\"}],\"steps\":{}}", "" },
		{ "{\"name\":\"n\",\"triggers\":[{\"webhook\":true,\"webhookPolicy\":\"preserve\"}],\"steps\":{}}", "" },
		{ "{\"name\":\"n\",\"metadata\":null,\"steps\":{}}", "" },
		{ "[]", "workflow: expected a mapping, found a list\n" },
		{ "{\"steps\":{}}", "workflow: \"name\" is missing\n" },
		{ "{\"name\":\"n\",\"id\":1,\"steps\":{}}", "workflow: \"id\" is set by the service and cannot be declared\n" },
		{ "{\"name\":\"n\",\"steps\":{\"s\":{\"imageId\":true,\"command\":\"c\"}}}",
		  "/steps/s/imageId: expected a whole number, found yes or no\n" },
		{ "{\"name\":\"n\",\"triggers\":[{\"webhook\":\"6f1d\"}],\"steps\":{}}",
		  "/triggers/0/webhook: expected true or false, found a text\n" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		struct diagnostics faults = { .arena = &a };

		assert_int_equal(validate_workflow(tree_json(&a, cases[i].json), VALIDATE_REQUEST, &faults), !*cases[i].said);
		assert_string_equal(tree_faults(&a, &faults), cases[i].said);
	}
}

/* The specs of the contract, A.1 to A.4 and A.10, and its file of three workflows. */
static void the_specs_of_the_contract_are_good(void **state)
{
	static const struct { const char *file, *said; } cases[] = {
		{ "contract-8.yaml", "warning: contract-8.yaml:7:49: this is false here, as in YAML 1.1, but text in YAML 1.2: "
		  "quote it if text is meant\nwarning: contract-8.yaml:7:59: this is true here, as in YAML 1.1, but text in "
		  "YAML 1.2: quote it if text is meant\n" },
		{ "a1-manual.yaml", "" }, { "a2-nightly-forecast.yaml", "" }, { "a3-notify-http.yaml", "" },
		{ "a4-sql-export.yaml", "" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		struct specs specs = { .arena = &a };
		struct diagnostics faults = { .arena = &a };
		const char *text = tree_file(&a, arena_printf(&a, "tests/specs/%s", cases[i].file));

		assert_true(specs_read(&specs, &none, cases[i].file, text, strlen(text), &faults) &&
		            specs_check(&specs, &faults));
		assert_string_equal(tree_faults(&a, &faults), cases[i].said);
	}
}

static void yaml_1_1_reads_as_the_services_own_tool_does(void **state)
{
	static const char yaml[] =
		"body:\n"
		"  name: yaml-1-1-check\n"
		"  triggers: [{cron: \"*/5 * * * *\", webhook: }]\n"
		"  steps:\n"
		"    s1: &base\n"
		"      imageId: 010\n"
		"      command: \"true\"\n"
		"      clearImageCache: yes\n"
		"      stepTimeout: 1:30\n"
		"      parameters:\n"
		"        env: {A: on, B: 1_000, C: 0x1F, D: 1e3, E: 1.10, F: \"007\", G: ~, 1: one, H: y}\n"
		"    s2:\n"
		"      <<: *base\n"
		"      command: 'it''s'\n"
		"      parents: [s1]\n";
	CLEANUP(arena_free) struct arena a = { 0 };
	struct specs specs = tree_specs(&a, yaml);

	assert_string_equal(tree_text(&a, spec_body(&a, &specs.items[0])),
	    "{\"name\":\"yaml-1-1-check\",\"triggers\":[{\"cron\":\"*/5 * * * *\"}],\"steps\":{"
	    "\"s1\":{\"type\":\"standard\",\"imageId\":8,\"command\":\"true\",\"clearImageCache\":true,\"stepTimeout\":90,"
	    "\"parameters\":{\"env\":{\"A\":\"true\",\"B\":\"1000\",\"C\":\"31\",\"D\":\"1e3\",\"E\":\"1.10\",\"F\":\"007\","
	    "\"1\":\"one\",\"H\":\"y\"}}},"
	    "\"s2\":{\"type\":\"standard\",\"imageId\":8,\"clearImageCache\":true,\"stepTimeout\":90,"
	    "\"parameters\":{\"env\":{\"A\":\"true\",\"B\":\"1000\",\"C\":\"31\",\"D\":\"1e3\",\"E\":\"1.10\","
	    "\"F\":\"007\",\"1\":\"one\",\"H\":\"y\"}},\"command\":\"it's\",\"parents\":[\"s1\"]}}}");
}

static void a_long_chain_of_many_steps_takes_no_time(void **state)
{
	enum { STEPS_OF_ONE = 15000 };
	CLEANUP(arena_free) struct arena a = { 0 };
	CLEANUP(buf_done) struct buf yaml = BUF_TEXT;
	struct node *body = node_map(&a), *steps = node_map(&a);
	struct diagnostics faults = { .arena = &a };

	(void)state;
	steps->entries = arena_new(&a, struct entry, STEPS_OF_ONE);
	steps->room = STEPS_OF_ONE;
	for (size_t i = 0; i < STEPS_OF_ONE; i++) {
		buf_reset(&yaml);
		buf_addf(&yaml, "{\"imageId\":1,\"command\":\"c\",\"parents\":[\"s%zu\"]}",
		         (i + 1) % STEPS_OF_ONE);
		steps->entries[steps->count++] = (struct entry){
			.key = arena_printf(&a, "s%zu", i), .value = tree_json(&a, buf_str(&yaml)),
		};
	}
	node_put(&a, body, "name", node_text(&a, "n"));
	node_put(&a, body, "steps", steps);
	assert_false(validate_workflow(body, VALIDATE_REQUEST, &faults));
	assert_string_equal(tree_faults(&a, &faults), "/steps/s14999/parents: steps wait for each other in a circle: "
	    "s0 -> s1 -> s2 -> s3 -> s4 -> s5 -> s6 -> s7 -> s8 -> s9 -> ... -> s0\n");
}

/* Another service may read more of six or seven fields than the local one. */
static void what_the_local_service_cannot_run_is_a_warning_where_it_is_to_run(void **state)
{
	static const struct { const char *cron, *said; } cases[] = {
		{ "0 0 12 * * ?", "" },
		{ "0 8 1 * ? *", "warning: /triggers/0/cron: \"0 8 1 * ? *\" never fires on the local service: expected 1 to 12 or "
		                 "\"*\" as the month (of six or seven fields the first one is the second), found \"?\"\n" },
		{ "0 15 10 * * ? 2021", "warning: /triggers/0/cron: \"0 15 10 * * ? 2021\" never fires on the local service: expected "
		                        "\"*\" as the year, found \"2021\"\n" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		struct diagnostics local = { .arena = &a }, other = { .arena = &a };
		const struct node *body = tree_json(&a, arena_printf(&a, "{\"name\":\"n\",\"triggers\":[{\"cron\":\"%s\"}],"
		                                                     "\"steps\":{}}", cases[i].cron));

		assert_true(validate_workflow(body, VALIDATE_SPEC | VALIDATE_LOCAL, &local));
		assert_string_equal(tree_faults(&a, &local), cases[i].said);
		assert_true(validate_workflow(body, VALIDATE_SPEC, &other));
		assert_string_equal(tree_faults(&a, &other), "");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_refusal_names_place_field_and_what_was_wanted),
		cmocka_unit_test(a_request_is_held_against_the_same_table),
		cmocka_unit_test(the_specs_of_the_contract_are_good),
		cmocka_unit_test(yaml_1_1_reads_as_the_services_own_tool_does),
		cmocka_unit_test(a_long_chain_of_many_steps_takes_no_time),
		cmocka_unit_test(what_the_local_service_cannot_run_is_a_warning_where_it_is_to_run),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
