#include "tests/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/config/context.h"
#include "agent/service/exec/attempt.h"
#include "agent/service/exec/runner_process.h"
#include "agent/service/service.h"
#include "agent/util/clock.h"

enum { LONG_MS = 120000 };

/* What a command has: settings, a log, and a state directory. */
struct fixture {
	char folder[40];
	struct settings settings;
	struct log log;
	char *said;
	size_t said_len;
	struct arena arena;
	struct context ctx;
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	assert_non_null(f);
	strcpy(f->folder, "/tmp/flowsync-service-XXXXXX");
	assert_non_null(mkdtemp(f->folder));
	f->settings = (struct settings){ .state_dir = f->folder, .cgroup = "none" };
	f->log = (struct log){ .to = open_memstream(&f->said, &f->said_len), .level = LEVEL_INFO };
	f->ctx = (struct context){ .settings = &f->settings, .log = &f->log, .arena = &f->arena, .env = environ };
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	struct err err;

	fclose(f->log.to);
	free(f->said);
	if (!attempt_remove(f->folder, &err))
		fail_msg("%s", err.msg);
	arena_free(&f->arena);
	free(f);
	return 0;
}

static struct local_service *start_embedded(struct fixture *f, enum local_service_executes executes)
{
	struct local_service *s = NULL;
	struct err err;

	if (!local_service_start_embedded(&f->ctx, executes, &s, &err))
		fail_msg("%s", err.msg);
	return s;
}

static void an_embedded_service_has_an_address_and_a_token_of_its_own(void **state)
{
	struct fixture *f = *state;
	CLEANUP(local_service_stopp) struct local_service *a = start_embedded(f, LOCAL_SERVICE_EXECUTES_NOTHING);
	CLEANUP(local_service_stopp) struct local_service *b = start_embedded(f, LOCAL_SERVICE_EXECUTES_NOTHING);

	assert_memory_equal(local_service_url(a), "http://127.0.0.1:", 17);
	assert_string_not_equal(local_service_url(a), local_service_url(b));
	assert_true(strlen(local_service_token(a)) >= 32);
	assert_string_not_equal(local_service_token(a), local_service_token(b));
	assert_int_equal(access(local_service_database(&f->arena, f->folder), F_OK), 0);
}

static void a_service_that_executes_nothing_has_nothing_to_drain(void **state)
{
	CLEANUP(local_service_stopp) struct local_service *s = start_embedded(*state, LOCAL_SERVICE_EXECUTES_NOTHING);

	assert_false(local_service_executes_here(s));
	local_service_drain(s, -1);
}

static void of_two_services_on_one_database_one_executes(void **state)
{
	struct local_service *first = start_embedded(*state, LOCAL_SERVICE_EXECUTES_ALL);

	/* The first one has the lock before the second one tries. */
	assert_true(local_service_executes_here(first));
	CLEANUP(local_service_stopp) struct local_service *second =
		start_embedded(*state, LOCAL_SERVICE_EXECUTES_REQUESTED);
	assert_false(local_service_executes_here(second));
	local_service_drain(second, -1);
	local_service_stop(first);
	for (int64_t until = clock_monotonic() + LONG_MS; !local_service_executes_here(second); usleep(5000))
		if (clock_monotonic() > until)
			fail_msg("the second service never takes over");
	local_service_drain(second, -1);
}

static void an_embedded_service_needs_a_state_directory(void **state)
{
	struct fixture *f = *state;
	struct local_service *s = NULL;
	struct err err;

	f->settings.state_dir = NULL;
	assert_false(local_service_start_embedded(&f->ctx, LOCAL_SERVICE_EXECUTES_NOTHING, &s, &err));
	assert_int_equal(err.kind, ERR_USAGE);
	assert_string_equal(err.msg, "the local service keeps its workflows in the state directory: give --state-dir, "
	                             "as HOME is not set");
	f->settings.state_dir = f->folder;
	f->settings.timezone = "No/Where";
	assert_false(local_service_start_embedded(&f->ctx, LOCAL_SERVICE_EXECUTES_NOTHING, &s, &err));
	assert_int_equal(err.kind, ERR_USAGE);
	assert_memory_equal(err.msg, "timezone: ", 10);
	assert_null(s);
}

static void a_service_that_others_could_reach_needs_a_given_token_and_tls(void **state)
{
	struct fixture *f = *state;
	const char *database = local_service_database(&f->arena, f->folder);
	static const char reach[] = "\"0.0.0.0:0\" is not a loopback address: to listen there, give --token-file, "
	                            "--tls-cert and --tls-key";
	const struct { struct local_service_options options; const char *msg; } cases[] = {
		{ { .listen = "0.0.0.0:0" }, reach },
		{ { .listen = "0.0.0.0:0", .token_given = true }, reach },
		{ { .listen = "127.0.0.1:0", .tls_cert = "a.pem" },
		  "--tls-cert and --tls-key are given together or not at all" },
		{ { .unix_path = "s", .tls_cert = "a.pem", .tls_key = "b.pem" },
		  "a unix socket is served without TLS: leave --tls-cert and --tls-key out" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct local_service_options options = cases[i].options;
		struct local_service *s = NULL;
		struct err err;
		options.database = database;
		options.token = "t";
		assert_false(local_service_start(&f->ctx, &options, &s, &err));
		assert_int_equal(err.kind, ERR_USAGE);
		assert_string_equal(err.msg, cases[i].msg);
		assert_null(s);
	}
	assert_int_equal(access(database, F_OK), -1);
}

int main(int argc, char **argv)
{
#define TEST(name)	cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(an_embedded_service_has_an_address_and_a_token_of_its_own),
		TEST(a_service_that_executes_nothing_has_nothing_to_drain),
		TEST(of_two_services_on_one_database_one_executes),
		TEST(an_embedded_service_needs_a_state_directory),
		TEST(a_service_that_others_could_reach_needs_a_given_token_and_tls),
	};

	/* The runner is this program again. */
	return argc > 1 && strcmp(argv[1], "step-runner") == 0 ? runner_process_run()
	                                                       : cmocka_run_group_tests(tests, NULL, NULL);
}
