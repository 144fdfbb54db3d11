#include "tests/test.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/util/id128.h"
#include "agent/service/engine/engine.h"
#include "agent/util/fd.h"
#include "agent/util/file.h"
#include "agent/util/process_stat.h"
#include "agent/service/engine/execution_start.h"
#include "agent/service/api/execution_json.h"
#include "agent/service/engine/execution_document.h"
#include "agent/util/clock.h"
#include "agent/service/exec/runner_process.h"
#include "agent/service/engine/wakeup.h"
#include "reconcile/tree/json.h"

enum { LONG_MS = 120000 };	/* for what does end */

/* A file with workflows, as a service beside the engine sees it; what the engine logs. */
struct fixture {
	char folder[40];
	const char *file, *marks;	/* marks: where steps tell what they did */
	struct store *store;
	int wake;
	struct log log;
	char *said;
	size_t said_len;
	struct engine_options options;
	struct arena arena;
};

static void check(bool ok, const struct err *err)
{
	if (!ok)
		fail_msg("%s", err->msg);
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	struct err err;

	assert_non_null(f);
	strcpy(f->folder, "/tmp/flowsync-engine-XXXXXX");
	assert_non_null(mkdtemp(f->folder));
	f->file = arena_printf(&f->arena, "%s/a.db", f->folder);
	f->marks = arena_printf(&f->arena, "%s/marks", f->folder);
	check(workflow_store_open(f->file, 5000, &f->store, &err) && wakeup_open(f->file, &f->wake, &err), &err);
	f->log = (struct log){ .to = open_memstream(&f->said, &f->said_len), .level = LEVEL_INFO };
	f->options = (struct engine_options){
		.database = f->file, .log = &f->log, .jobs = 4, .steps.env = environ,
	};
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	struct err err;

	workflow_store_close(f->store);
	fd_close(&f->wake);
	fclose(f->log.to);
	free(f->said);
	check(attempt_remove(f->folder, &err), &err);
	arena_free(&f->arena);
	free(f);
	return 0;
}

static struct engine *start(struct fixture *f)
{
	struct engine *g = NULL;
	struct err err;

	check(engine_start(&f->options, &g, &err), &err);
	return g;
}

/* To be asked after the engine was stopped: its thread writes there. */
static const char *said(struct fixture *f)
{
	fflush(f->log.to);
	return f->said;
}

/* ---- workflows and runs ---- */

/* steps: JSON, "'" for a quote. */
static int64_t add(struct fixture *f, const char *steps, const char *rest)
{
	char *body = arena_printf(&f->arena, "{'name':'w','steps':{%s}%s}", steps, rest);
	struct stored_workflow w = { .name = "w", .status = WORKFLOW_AVAILABLE, .modified_by = "me" };
	struct err err;

	for (char *c = body; *c; c++)
		if (*c == '\'')
			*c = '"';
	w.body = body;
	check(workflow_store_begin(f->store, &err), &err);
	check(workflow_store_add(f->store, &w, &err) && workflow_store_end(f->store, true, &err), &err);
	return w.id;
}

#define STEP(name, command, rest)	"'" name "':{'imageId':1,'command':'" command "'" rest "}"

static struct node *tree(struct arena *a, const char *json)
{
	struct node *n = NULL;
	struct err err;

	check(json_read(a, json, strlen(json), &n, &err), &err);
	return n;
}

static const char *begin_as(struct fixture *f, int64_t id, const char *execute, const char *cause)
{
	char *uuid = arena_new(&f->arena, char, UUID_LEN + 1);
	struct stored_workflow w;
	struct err err;

	uuid_make(uuid);
	check(workflow_store_begin(f->store, &err) && workflow_store_get(f->store, &f->arena, id, &w, &err), &err);
	enum execution_start_result result = execution_start(f->store, &f->arena, &(struct execution_start_request){
		.workflow = &w, .body = tree(&f->arena, w.body), .execute = execute ? tree(&f->arena, execute) : NULL,
		.cause = cause, .uuid = uuid, .now = clock_now(),
	}, &err);
	check(result == EXECUTION_STARTED && workflow_store_end(f->store, true, &err), &err);
	wakeup_send(f->wake);
	return uuid;
}

static const char *begin(struct fixture *f, int64_t id, const char *execute)
{
	return begin_as(f, id, execute, "test");
}

static struct stored_execution find(struct fixture *f, const char *uuid)
{
	struct stored_execution run;
	struct err err;

	check(execution_store_find(f->store, &f->arena, uuid, &run, &err), &err);
	assert_true(run.id > 0);
	return run;
}

/* "NAME STATUS ATTEMPTS CODE MESSAGE" of a step. */
static const char *step_text(struct fixture *f, const struct node *step)
{
	const struct node *output = node_get(step, "output");
	const char *code = node_get_text(output, "exitCode"), *message = node_get_text(output, "message");

	return arena_printf(&f->arena, "%s %s %lld%s%s%s%s", node_get_text(step, "name"), node_get_text(step, "status"),
	                    (long long)node_get_int(step, "attempts", -1), code && *code ? " " : "", code ? code : "",
	                    message ? " " : "", message ? message : "");
}

/* "STATUS: STEP, STEP" */
static const char *stands(struct fixture *f, const char *uuid)
{
	struct stored_execution run = find(f, uuid);
	struct execution_details work;
	struct node *details;
	const char *text;
	struct err err;

	check(execution_store_get_details(f->store, &f->arena, run.id, &work, &err) &&
	      execution_json_details(&f->arena, &run, &work, &details, &err), &err);
	const struct node *steps = node_get(details, "steps");
	text = arena_printf(&f->arena, "%s:", node_get_text(details, "status"));
	for (size_t i = 0; i < steps->count; i++)
		text = arena_printf(&f->arena, "%s%s %s", text, i ? "," : "", step_text(f, steps->entries[i].value));
	return text;
}

static const char *wait_end(struct fixture *f, const char *uuid)
{
	for (int64_t until = clock_monotonic() + LONG_MS; find(f, uuid).finished < 0; usleep(5000))
		if (clock_monotonic() > until)
			fail_msg("the run never ends: %s", stands(f, uuid));
	return stands(f, uuid);
}

static const char *log_of(struct fixture *f, const char *uuid, size_t step)
{
	CLEANUP(buf_done) struct buf text = BUF_TEXT, lines = BUF_TEXT;
	struct node *list = node_list(&f->arena);
	int64_t next;
	struct err err;

	check(execution_store_log_read(f->store, find(f, uuid).id, step, 0, 1 << 20, &text, &next, &err), &err);
	execution_json_log(&f->arena, buf_str(&text), list);
	for (size_t i = 0; i < list->count; i++) {
		int64_t now = clock_now(), at = node_get_int(list->entries[i].value, "timestamp", 0);
		assert_true(at > now - 2 * LONG_MS && at <= now);
		buf_addf(&lines, "%s\n", node_get_text(list->entries[i].value, "message"));
	}
	return arena_strdup(&f->arena, buf_str(&lines));
}

static const char *reruns(struct fixture *f, const char *uuid)
{
	const char *text = "";
	struct stored_rerun *list;
	size_t count;
	struct err err;

	check(execution_store_reruns(f->store, &f->arena, find(f, uuid).id, &list, &count, &err), &err);
	for (size_t i = 0; i < count; i++)
		text = arena_printf(&f->arena, "%s%s%s", text, i ? ", " : "", dag_status_words[list[i].status]);
	return text;
}

/* A step says with `echo x >> $M` that it was there. */
static const char *marks(struct fixture *f)
{
	const char *text = "";
	size_t len;
	struct err err;

	return access(f->marks, F_OK) < 0 || file_read(&f->arena, f->marks, 1 << 20, &text, &len, &err) ? text : "?";
}

static void wait_marks(struct fixture *f, const char *text)
{
	for (int64_t until = clock_monotonic() + LONG_MS; strcmp(marks(f), text) != 0; usleep(2000))
		if (clock_monotonic() > until)
			fail_msg("there is never \"%s\", but \"%s\"", text, marks(f));
}

static const char *with_marks(struct fixture *f)
{
	return arena_printf(&f->arena, "{\"params\":{\"global\":{\"M\":\"%s\"}}}", f->marks);
}

/* What is left of attempts. */
static size_t folders(struct fixture *f)
{
	DIR *dir = opendir(arena_printf(&f->arena, "%s.runs", f->file));
	size_t count = 0;

	assert_non_null(dir);
	for (struct dirent *e; (e = readdir(dir)); )
		count += e->d_name[0] != '.';
	closedir(dir);
	return count;
}

/* ---- one engine ---- */

static void an_execution_goes_from_step_to_step(void **state)
{
	struct fixture *f = *state;
	int64_t id = add(f, STEP("a", "echo hello $N; echo 42 > out", ",'outputParameters':{'ANSWER':'out'}") ","
	                 STEP("b", "echo it is $A; exit 7", ",'parents':['a'],'parameters':{'inherit':{'A':'ANSWER'}}") ","
	                 STEP("c", "echo $WORKFLOW_NAME $WORKFLOW_STEP $WORKFLOW_ATTEMPT", ",'parents':['b'],"
	                      "'executionParameters':{'parentStatus':[{'condition':'all-of','parents':['b'],"
	                      "'status':['failure']}]}") ","
	                 STEP("d", "true", ",'parents':['b']"), "");
	struct engine *g = start(f);

	assert_true(engine_has_lock(g));
	const char *uuid = begin(f, id, "{\"params\":{\"global\":{\"N\":\"you\"}}}");
	assert_string_equal(wait_end(f, uuid),
	                    "Failed: a Success 1 0 terminated, b Failed 1 7 terminated, c Success 1 0 terminated, "
	                    "d Skipped 0 step \"b\" failed");
	assert_string_equal(log_of(f, uuid, 0), "hello you\n");
	assert_string_equal(log_of(f, uuid, 1), "it is 42\n");
	assert_string_equal(log_of(f, uuid, 2), "w c 1\n");
	assert_string_equal(log_of(f, uuid, 3), "");
	assert_string_equal(reruns(f, uuid), "");
	assert_string_equal(find(f, uuid).cause, "test");
	engine_drain(g, -1);
	engine_stop(g);
	assert_int_equal(folders(f), 0);
	assert_non_null(strstr(said(f), arena_printf(&f->arena, "workflow \"w\": execution %s started (test)\n", uuid)));
	assert_non_null(strstr(said(f), arena_printf(&f->arena, "workflow \"w\": execution %s: Failed after ", uuid)));
}

static void a_failed_step_is_retried_and_its_log_says_so(void **state)
{
	struct fixture *f = *state;
	int64_t id = add(f, STEP("a", "echo try; test $WORKFLOW_ATTEMPT = 2", ""),
	                 ",'retryOptions':{'duration':0,'numberOfRetries':3}");
	struct engine *g = start(f);
	const char *uuid = begin(f, id, NULL);

	assert_string_equal(wait_end(f, uuid), "Success: a Success 2 0 terminated");
	assert_string_equal(log_of(f, uuid, 0), "try\nflowsync: attempt 2\ntry\n");
	engine_stop(g);
}

static void a_step_that_takes_too_long_is_killed(void **state)
{
	struct fixture *f = *state;
	int64_t id = add(f, STEP("a", "sleep 997", ",'stepTimeout':1"), "");
	struct engine *g = start(f);
	const char *uuid = begin(f, id, NULL);

	assert_string_equal(wait_end(f, uuid),
	                    "Failed: a Failed 1 143 it took longer than its stepTimeout of 1 seconds");
	engine_stop(g);
}

static void a_step_that_cannot_be_started_says_why(void **state)
{
	struct fixture *f = *state;
	int64_t id = add(f, "'q':{'type':'sql','sqlQueryPath':'a.sql'}," STEP("s", "true", ",'parameters':{'secrets':['x']}"),
	                 ",'retryOptions':{'duration':0,'numberOfRetries':3}");
	struct engine *g = start(f);
	const char *uuid = begin(f, id, NULL);

	assert_string_equal(wait_end(f, uuid),
	                    "Failed: q Failed 1 this service cannot run sql steps: set serve.sql to the command for "
	                    "them, s Failed 1 secret \"x\" was not found: the service has no directory of secrets "
	                    "(--secrets-dir)");
	engine_stop(g);
}

static void no_more_steps_run_at_once_than_there_are_slots(void **state)
{
	/* Who finds more than two of them tells. */
	static const char command[] = "echo >> $M; mkdir $M.$$; set -- $M.*; test $# -le 2 || echo many >> $M; "
	                              "sleep 0.1; rmdir $M.$$";
	struct fixture *f = *state;
	const char *steps = "";

	for (int i = 0; i < 8; i++)
		steps = arena_printf(&f->arena, "%s%s'%d':{'imageId':1,'command':'%s'}", steps, i ? "," : "", i, command);
	f->options.jobs = 2;
	struct engine *g = start(f);
	const char *first = begin(f, add(f, steps, ""), with_marks(f)), *second = begin(f, add(f, steps, ""), with_marks(f));
	assert_memory_equal(wait_end(f, first), "Success:", 8);
	assert_memory_equal(wait_end(f, second), "Success:", 8);
	engine_stop(g);
	assert_string_equal(marks(f), "\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n");
}

static void a_log_can_be_read_while_its_step_runs(void **state)
{
	struct fixture *f = *state;
	int64_t id = add(f, STEP("a", "echo one; while ! test -e $M; do sleep 0.02; done; echo two", ""), "");
	struct engine *g = start(f);
	const char *uuid = begin(f, id, with_marks(f));

	for (int64_t until = clock_monotonic() + LONG_MS; strcmp(log_of(f, uuid, 0), "one\n") != 0; usleep(5000))
		assert_true(clock_monotonic() < until);
	assert_string_equal(stands(f, uuid), "Running: a Running 1");
	fclose(fopen(f->marks, "w"));
	assert_string_equal(wait_end(f, uuid), "Success: a Success 1 0 terminated");
	assert_string_equal(log_of(f, uuid, 0), "one\ntwo\n");
	engine_stop(g);
}

static void the_body_of_a_webhook_that_no_variable_holds_is_in_a_file(void **state)
{
	enum { LONG = 200000 };
	struct fixture *f = *state;
	char *body = arena_new(&f->arena, char, LONG + 1);
	int64_t id = add(f, STEP("a", "echo ${payload-none}; wc -c < $payload_file; stat -c %a $payload_file", ""), "");

	memset(body, 'x', LONG);
	const char *execute = arena_printf(&f->arena, "{\"params\":{\"global\":{\"payload\":\"%s\"}}}", body);
	struct engine *g = start(f);
	const char *hook = begin_as(f, id, execute, "webhook");
	assert_string_equal(wait_end(f, hook), "Success: a Success 1 0 terminated");
	assert_string_equal(log_of(f, hook, 0), "flowsync: payload is too long for a variable; it is in the file $payload_file\n"
	                                        "none\n200000\n600\n");
	/* No other parameter: a step would not look for the file. */
	const char *hand = begin(f, id, execute);
	assert_non_null(strstr(wait_end(f, hand), "the variable payload is too long: 200008 bytes with its name, and the kernel takes "));
	engine_drain(g, -1);
	engine_stop(g);
	assert_int_equal(folders(f), 0);
}

static void an_execution_is_stopped_on_request(void **state)
{
	struct fixture *f = *state;
	int64_t id = add(f, STEP("a", "echo a >> $M; sleep 997", "") "," STEP("b", "true", ",'parents':['a']"), "");
	struct engine *g = start(f);
	const char *uuid = begin(f, id, with_marks(f));
	struct err err;

	wait_marks(f, "a\n");
	check(execution_store_request_stop(f->store, find(f, uuid).id, "ann", &err), &err);
	wakeup_send(f->wake);
	assert_string_equal(wait_end(f, uuid), "Stopped: a Stopped 1 143 stopped, b Stopped 0 stopped before it started");
	assert_string_equal(find(f, uuid).stopped_by, "ann");
	engine_stop(g);
}

static void a_due_cron_fires_only_where_crons_are_on(void **state)
{
	struct fixture *f = *state;
	struct stored_workflow w = {
		.name = "w", .status = WORKFLOW_AVAILABLE, .modified_by = "me",
		.body = "{\"steps\":{\"a\":{\"imageId\":1,\"command\":\"true\"}}}",
		.triggers = &(struct stored_trigger){ .cron = "0 0 1 1 *", .due = 1000 }, .trigger_count = 1,
	};
	struct stored_execution run;
	struct err err;

	check(workflow_store_add(f->store, &w, &err), &err);
	struct engine *g = start(f);
	engine_drain(g, -1);
	engine_stop(g);
	check(execution_store_find_last(f->store, &f->arena, 1, &run, &err), &err);
	assert_int_equal(run.id, 0);

	f->options.crons = true;
	g = start(f);
	for (int64_t until = clock_monotonic() + LONG_MS; run.id == 0; usleep(2000)) {
		assert_true(clock_monotonic() < until);
		check(execution_store_find_last(f->store, &f->arena, 1, &run, &err), &err);
	}
	assert_string_equal(wait_end(f, run.uuid), "Success: a Success 1 0 terminated");
	engine_drain(g, -1);
	engine_stop(g);
	check(execution_store_find_last(f->store, &f->arena, 1, &run, &err), &err);
	assert_int_equal(run.id, 1);
	assert_string_equal(run.cause, "cron");
}

/* ---- what is damaged ---- */

static void an_execution_that_cannot_be_read_is_failed_and_logged(void **state)
{
	static const struct { const char *state, *why; } cases[] = {
		{ "[]", "expected the saved state of an execution" },
		{ "{\"flow\":{},\"boot\":\"\"}", "expected version 1" },
		{ "{\"flow\":{\"version\":1,\"status\":\"Running\",\"began\":1,\"now\":1,\"steps\":{}},\"boot\":\"\"}",
		  "the saved run has other steps than the workflow" },
		{ "{\"flow\":{\"version\":1,\"status\":\"Running\",\"began\":1,\"now\":1,\"steps\":{\"a\":"
		  "{\"phase\":\"active\"}}},\"boot\":\"\"}", "step \"a\": it is running, but has no attempt" },
	};
	struct fixture *f = *state;
	const char *uuids[ARRAY_LEN(cases)];
	int64_t id = add(f, STEP("a", "true", ""), ",'metadata':{'allowConcurrentExecution':true}");
	struct err err;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		uuids[i] = begin(f, id, NULL);
		struct stored_execution run = find(f, uuids[i]);
		check(execution_store_rerun_add(f->store, run.id, &(struct stored_rerun){ "r", DAG_RUNNING, 1 }, &err) &&
		      execution_store_put(f->store, &run, cases[i].state, &err), &err);
	}
	/* Of this one nothing is left but that it was. */
	const char *empty = begin(f, id, NULL);
	sqlite3 *db;
	assert_int_equal(sqlite3_open(f->file, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "DELETE FROM run_work WHERE run = 5", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	const char *good = begin(f, id, NULL);
	struct engine *g = start(f);
	assert_string_equal(wait_end(f, good), "Success: a Success 1 0 terminated");
	engine_drain(g, -1);
	engine_stop(g);
	assert_true(find(f, empty).id == 5 && find(f, empty).status == DAG_FAILED);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct stored_execution run = find(f, uuids[i]);
		assert_true(run.status == DAG_FAILED && run.finished > 0);
		assert_string_equal(reruns(f, uuids[i]), "Failed");
		const char *line = arena_printf(&f->arena, "execution %s cannot continue: %s\n", uuids[i], cases[i].why);
		if (!strstr(said(f), line))
			fail_msg("want %sgot %s", line, said(f));
	}
}

/* ---- from one engine to the next ---- */

static void a_second_engine_stands_by_and_takes_over(void **state)
{
	struct fixture *f = *state;
	int64_t id = add(f, STEP("a", "echo a >> $M", ""), "");
	struct engine *first = start(f);
	assert_true(engine_has_lock(first));
	struct engine *second = start(f);
	assert_false(engine_has_lock(second));

	/* Both are told; one does it. */
	assert_string_equal(wait_end(f, begin(f, id, with_marks(f))), "Success: a Success 1 0 terminated");
	engine_drain(second, -1);
	assert_string_equal(marks(f), "a\n");
	engine_stop(first);
	assert_string_equal(wait_end(f, begin(f, id, with_marks(f))), "Success: a Success 1 0 terminated");
	assert_true(engine_has_lock(second));
	assert_string_equal(marks(f), "a\na\n");
	engine_stop(second);
}

static void an_engine_that_waits_can_be_stopped(void **state)
{
	struct fixture *f = *state;
	struct engine *first = start(f), *second = NULL;

	assert_true(engine_has_lock(first));
	second = start(f);
	engine_stop(second);
	assert_true(engine_has_lock(first));
	engine_stop(first);
	engine_stop(NULL);
}

static void steps_of_an_ended_engine_are_lost_and_the_rest_continues(void **state)
{
	static const char command[] = "echo $WORKFLOW_STEP $WORKFLOW_ATTEMPT >> $M; test $WORKFLOW_ATTEMPT = 2 || sleep 997";
	struct fixture *f = *state;
	int64_t id = add(f, arena_printf(&f->arena, STEP("a", "%s", ""), command),
	                 ",'retryOptions':{'duration':0,'numberOfRetries':1}");
	struct engine *g = start(f);
	const char *uuid = begin(f, id, with_marks(f));

	wait_marks(f, "a 1\n");
	engine_stop(g);
	assert_int_equal(find(f, uuid).finished, -1);
	g = start(f);
	assert_string_equal(wait_end(f, uuid), "Success: a Success 2 0 terminated");
	engine_stop(g);
	assert_string_equal(marks(f), "a 1\na 2\n");
	assert_string_equal(reruns(f, uuid), "Success");
	assert_int_equal(folders(f), 0);
	assert_non_null(strstr(said(f), arena_printf(&f->arena, "workflow \"w\": execution %s continues after a restart "
	                                             "of the service\n", uuid)));
}

/* ---- secrets in output parameters ---- */

static const char *make_secret(struct fixture *f, const char *value)
{
	const char *directory = arena_printf(&f->arena, "%s/secrets", f->folder), *path = arena_printf(&f->arena, "%s/tok", directory);
	FILE *file;

	assert_true(mkdir(directory, 0700) == 0 || errno == EEXIST);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_true(fputs(value, file) >= 0 && fclose(file) == 0 && chmod(path, 0600) == 0);
	f->options.steps.place.secrets_dir = directory;
	return value;
}

static size_t count_in_file(struct fixture *f, const char *path, const char *text)
{
	const char *bytes;
	size_t len, count = 0;
	struct err err;

	check(file_read(&f->arena, path, 64 << 20, &bytes, &len, &err), &err);
	for (const char *p = bytes; (p = memmem(p, len - (size_t)(p - bytes), text, strlen(text))); p++)
		count++;
	return count;
}

/* In the database and beside it. */
static void assert_not_in_database(struct fixture *f, const char *text)
{
	assert_int_equal(count_in_file(f, f->file, text), 0);
	assert_int_equal(count_in_file(f, arena_printf(&f->arena, "%s-wal", f->file), text), 0);
}

#define INHERIT(parent)	",'parents':['" parent "'],'parameters':{'inherit':{'V':'O','P':'P'}}"

static void a_secret_in_an_output_reaches_the_next_step_and_nothing_else(void **state)
{
	struct fixture *f = *state;
	const char *value = make_secret(f, "S3cr3t-ABCDEFG");
	int64_t id = add(f, "'a':{'imageId':1,'command':'echo $TOK; printf id=$TOK > o; echo plain > p'"
	                 ",'parameters':{'secrets':['tok']},'outputParameters':{'O':'o','P':'p'}},"
	                 STEP("b", "echo got $V $P; echo $V | base64; printf $V | cmp - $M.want && echo b >> $M; "
	                           "while test -e $M.wait; do sleep 0.02; done", INHERIT("a")) ","
	                 STEP("c", "true", ",'parents':['b'],'executionParameters':{'conditional':[{'condition':'equals',"
	                           "'paramName':'O','stepName':'a','value':'id=S3cr3t-other'}]}"), "");
	const char *gate = arena_printf(&f->arena, "%s.wait", f->marks), *want = arena_printf(&f->arena, "%s.want", f->marks);
	struct stat st;
	struct err err;

	check(file_create(gate, "", 0, 0600, &err) && file_create(want, "id=S3cr3t-ABCDEFG", 17, 0600, &err), &err);
	struct engine *g = start(f);
	const char *uuid = begin(f, id, with_marks(f));
	wait_marks(f, "b\n");		/* the real value */
	const char *file = arena_printf(&f->arena, "%s.runs/1-files/secret-outputs", f->file);
	assert_int_equal(count_in_file(f, file, value), 2);		/* the output, and what masks it */
	assert_int_equal(count_in_file(f, file, "plain"), 0);
	assert_true(stat(file, &st) == 0 && (st.st_mode & 0777) == 0600);
	assert_true(stat(arena_printf(&f->arena, "%s.runs/1-files", f->file), &st) == 0 && (st.st_mode & 0777) == 0700);
	assert_not_in_database(f, value);
	check(unlink(gate) == 0, &err);
	assert_string_equal(wait_end(f, uuid), "Success: a Success 1 0 terminated, b Success 1 0 terminated, c Skipped 0 "
	                    "conditional[0] does not hold: \"O\" of step \"a\" is not \"id=S3cr3t-other\"");
	engine_drain(g, -1);
	engine_stop(g);
	assert_string_equal(log_of(f, uuid, 0), "(masked)\n");
	assert_string_equal(log_of(f, uuid, 1), "got id=(masked) plain\naWQ9(masked)\n");
	assert_not_in_database(f, value);
	assert_int_equal(folders(f), 0);
}

/* A workflow whose first step writes a secret to its output O, which the second step has as $V and is tried four times. */
#define ADD_AFTER_SECRET(f, command) \
	add(f, "'a':{'imageId':1,'command':'printf id=$TOK > o','parameters':{'secrets':['tok']},'outputParameters':{'O':'o'}}," \
	    STEP("b", command, ",'parents':['a'],'parameters':{'inherit':{'V':'O'}}"), \
	    ",'retryOptions':{'duration':0,'numberOfRetries':3}")

/* The engine ends between two steps, and the secret is another one when the next engine begins. */
static void a_secret_in_an_output_survives_the_engine(void **state)
{
	struct fixture *f = *state;
	const char *value = make_secret(f, "S3cr3t-ABCDEFG");
	int64_t id = ADD_AFTER_SECRET(f, "echo got $V; printf %s. $V >> $M; test $WORKFLOW_ATTEMPT = 2 || sleep 997");
	struct engine *g = start(f);
	const char *uuid = begin(f, id, with_marks(f));

	wait_marks(f, "id=S3cr3t-ABCDEFG.");
	engine_stop(g);
	assert_not_in_database(f, value);
	make_secret(f, "another-one");
	g = start(f);
	assert_string_equal(wait_end(f, uuid), "Success: a Success 1 0 terminated, b Success 2 0 terminated");
	engine_drain(g, -1);
	engine_stop(g);
	assert_string_equal(marks(f), "id=S3cr3t-ABCDEFG.id=S3cr3t-ABCDEFG.");
	assert_string_equal(log_of(f, uuid, 1), "got id=(masked)\nflowsync: the service ended while it ran\nflowsync: attempt 2\n"
	                    "got id=(masked)\n");
	assert_not_in_database(f, value);
	assert_int_equal(folders(f), 0);
}

/* As an older flowsync left it. */
static void a_secret_output_in_a_saved_state_leaves_it(void **state)
{
	struct fixture *f = *state;
	struct execution_details details;
	sqlite3 *db;
	struct err err;

	make_secret(f, "S3cr3t-ABCDEFG");
	int64_t id = ADD_AFTER_SECRET(f, "printf %s. $V >> $M; test $WORKFLOW_ATTEMPT = 3 || sleep 997");
	struct engine *g = start(f);
	const char *uuid = begin(f, id, with_marks(f));
	wait_marks(f, "id=S3cr3t-ABCDEFG.");
	engine_stop(g);
	assert_int_equal(sqlite3_open(f->file, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "UPDATE run_work SET state = replace(state, '{\"secret\":true}', '\"id=S3cr3t-ABCDEFG\"')",
	                              NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	check(attempt_remove(arena_printf(&f->arena, "%s.runs/1-files", f->file), &err) &&
	      execution_store_get_details(f->store, &f->arena, 1, &details, &err), &err);
	assert_non_null(strstr(details.state, "S3cr3t"));
	g = start(f);
	wait_marks(f, "id=S3cr3t-ABCDEFG.id=S3cr3t-ABCDEFG.");
	engine_stop(g);
	check(execution_store_get_details(f->store, &f->arena, 1, &details, &err), &err);
	assert_null(strstr(details.state, "S3cr3t"));
	g = start(f);
	assert_string_equal(wait_end(f, uuid), "Success: a Success 1 0 terminated, b Success 3 0 terminated");
	engine_stop(g);
	assert_string_equal(marks(f), "id=S3cr3t-ABCDEFG.id=S3cr3t-ABCDEFG.id=S3cr3t-ABCDEFG.");
}

static void a_secret_output_that_is_lost_counts_as_not_written(void **state)
{
	struct fixture *f = *state;

	make_secret(f, "S3cr3t-ABCDEFG");
	int64_t id = ADD_AFTER_SECRET(f, "echo got $V.; echo b >> $M; test $WORKFLOW_ATTEMPT = 2 || sleep 997");
	struct engine *g = start(f);
	const char *uuid = begin(f, id, with_marks(f)), *file = arena_printf(&f->arena, "%s.runs/1-files/secret-outputs", f->file);

	wait_marks(f, "b\n");
	engine_stop(g);
	assert_int_equal(unlink(file), 0);
	g = start(f);
	assert_string_equal(wait_end(f, uuid), "Success: a Success 1 0 terminated, b Success 2 0 terminated");
	engine_drain(g, -1);
	engine_stop(g);
	assert_non_null(strstr(log_of(f, uuid, 1), "flowsync: V is not set: no earlier step wrote the output parameter O\ngot .\n"));
	assert_non_null(strstr(said(f), arena_printf(&f->arena, "warning: execution %s: an output parameter of step \"a\" is lost: "
	                                             "%s: No such file or directory\n", uuid, file)));
	assert_int_equal(folders(f), 0);
}

static void a_lost_step_without_retries_has_failed(void **state)
{
	struct fixture *f = *state;
	int64_t id = add(f, STEP("a", "echo a >> $M; sleep 997", "") "," STEP("b", "true", ",'parents':['a']"), "");
	struct engine *g = start(f);
	const char *uuid = begin(f, id, with_marks(f));

	wait_marks(f, "a\n");
	engine_stop(g);
	g = start(f);
	assert_string_equal(wait_end(f, uuid),
	                    "Failed: a Failed 1 the service ended while it ran, b Skipped 0 step \"a\" failed");
	engine_stop(g);
	assert_string_equal(marks(f), "a\n");
	assert_string_equal(reruns(f, uuid), "Failed");
}

static void a_stop_requested_while_no_engine_ran_is_obeyed(void **state)
{
	struct fixture *f = *state;
	int64_t id = add(f, STEP("a", "echo a >> $M; sleep 997", ""), ",'metadata':{'allowConcurrentExecution':true}");
	const char *unbegun = begin(f, id, with_marks(f));
	struct err err;

	/* One that no engine ever had, and one that was under way. */
	check(execution_store_request_stop(f->store, find(f, unbegun).id, "ann", &err), &err);
	struct engine *g = start(f);
	assert_string_equal(wait_end(f, unbegun), "Stopped: a Stopped 0 stopped before it started");
	assert_string_equal(find(f, unbegun).stopped_by, "ann");
	assert_string_equal(marks(f), "");

	const char *begun = begin(f, id, with_marks(f));
	wait_marks(f, "a\n");
	engine_stop(g);
	check(execution_store_request_stop(f->store, find(f, begun).id, "bob", &err), &err);
	g = start(f);
	assert_string_equal(wait_end(f, begun), "Stopped: a Stopped 1 stopped");
	engine_stop(g);
	assert_string_equal(find(f, begun).stopped_by, "bob");
	assert_string_equal(reruns(f, begun), "Stopped");
	assert_string_equal(marks(f), "a\n");
}

/* A run whose step a is under way, as an engine that was killed leaves it. */
static const char *leave_under_way(struct fixture *f, int64_t id, const char *boot)
{
	const char *uuid = begin(f, id, with_marks(f));
	struct stored_execution run = find(f, uuid);
	struct stored_workflow w;
	struct dag_run *flow = NULL;
	struct err err;

	check(workflow_store_get(f->store, &f->arena, id, &w, &err) &&
	      dag_run_begin(&f->arena, tree(&f->arena, w.body), NULL, clock_now(), &flow, &err), &err);
	dag_run_handle(flow, &f->arena, &(struct dag_event){ .kind = DAG_TICK }, 1, clock_now());
	const struct execution_state state = { dag_run_save(&f->arena, flow), NULL, boot };
	check(execution_store_put(f->store, &run, json_text(&f->arena, execution_document_write_state(&f->arena, &state)), &err), &err);
	return uuid;
}

static void leave_file(struct fixture *f, const char *name, const char *text)
{
	const char *runs = arena_printf(&f->arena, "%s.runs", f->file), *folder = arena_printf(&f->arena, "%s/1-0-1", runs);
	struct err err;

	mkdir(runs, 0700);
	mkdir(folder, 0700);
	mkdir(arena_printf(&f->arena, "%s/work", folder), 0700);
	check(file_replace(&f->arena, arena_printf(&f->arena, "%s/%s", folder, name), text, strlen(text), 0600, &err),
	      &err);
}

static void a_step_that_had_ended_is_not_repeated(void **state)
{
	struct fixture *f = *state;
	int64_t id = add(f, STEP("a", "echo a >> $M", ",'outputParameters':{'O':'o'}") ","
	                 STEP("b", "echo got $O", ",'parents':['a'],'parameters':{'inherit':{'O':'O'}}"), "");
	const char *uuid = leave_under_way(f, id, boot_id(&f->arena));

	leave_file(f, "begun", "");
	leave_file(f, "log", arena_printf(&f->arena, "%lld it was here\n", (long long)clock_now()));
	leave_file(f, "work/o", "seven\n");
	leave_file(f, "result", "{\"code\":0,\"message\":\"\"}");
	struct engine *g = start(f);
	assert_string_equal(wait_end(f, uuid), "Success: a Success 1 0 terminated, b Success 1 0 terminated");
	engine_stop(g);
	assert_string_equal(log_of(f, uuid, 0), "it was here\n");
	assert_string_equal(log_of(f, uuid, 1), "got seven\n");
	assert_string_equal(marks(f), "");
	assert_int_equal(folders(f), 0);
}

static void whether_a_step_had_begun_decides_whether_it_counts(void **state)
{
	static const struct { bool folder, begun, same_boot; const char *end, *marks; } cases[] = {
		{ false, false, true, "Success: a Success 1 0 terminated", "a\n" },
		{ true, false, true, "Success: a Success 1 0 terminated", "a\n" },
		{ true, true, true, "Failed: a Failed 1 the service ended while it ran", "" },
		/* A machine that stopped may have lost the mark. */
		{ true, false, false, "Failed: a Failed 1 the service ended while it ran", "" },
		{ false, false, false, "Failed: a Failed 1 the service ended while it ran", "" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		if (i > 0) {
			tear_down(state);
			set_up(state);
		}
		struct fixture *f = *state;
		int64_t id = add(f, STEP("a", "echo a >> $M", ""), "");
		const char *uuid = leave_under_way(f, id, cases[i].same_boot ? boot_id(&f->arena) : "another");
		if (cases[i].folder)
			leave_file(f, "log", "");
		if (cases[i].begun)
			leave_file(f, "begun", "");
		struct engine *g = start(f);
		assert_string_equal(wait_end(f, uuid), cases[i].end);
		engine_stop(g);
		assert_string_equal(marks(f), cases[i].marks);
		assert_int_equal(folders(f), 0);
	}
}

static void directories_of_no_attempt_are_removed(void **state)
{
	struct fixture *f = *state;

	leave_file(f, "result", "{\"code\":0,\"message\":\"\"}");
	struct engine *g = start(f);
	assert_true(engine_has_lock(g));
	engine_stop(g);
	assert_int_equal(folders(f), 0);
}

/* ---- the end ---- */

static void a_drain_waits_for_all_executions(void **state)
{
	struct fixture *f = *state;
	int64_t id = add(f, STEP("a", "sleep 0.3", "") "," STEP("b", "echo b >> $M", ",'parents':['a']"), "");
	const char *before = begin(f, id, with_marks(f));
	struct engine *g = start(f);

	engine_drain(g, -1);
	assert_string_equal(stands(f, before), "Success: a Success 1 0 terminated, b Success 1 0 terminated");
	/* What was written down just before it is waited for, too. */
	const char *after = begin(f, id, with_marks(f));
	engine_drain(g, -1);
	assert_string_equal(stands(f, after), "Success: a Success 1 0 terminated, b Success 1 0 terminated");
	assert_string_equal(marks(f), "b\nb\n");
	engine_stop(g);
}

static void a_drain_that_is_cut_short_stops_all_executions(void **state)
{
	struct fixture *f = *state;
	int64_t id = add(f, STEP("a", "echo a >> $M; sleep 997", ""), "");
	const char *uuid = begin(f, id, with_marks(f));
	CLEANUP(fd_close) int stop = eventfd(1, EFD_CLOEXEC);
	struct engine *g = start(f);

	wait_marks(f, "a\n");
	engine_drain(g, stop);
	assert_string_equal(stands(f, uuid), "Stopped: a Stopped 1 143 stopped");
	assert_string_equal(find(f, uuid).stopped_by, "local");
	engine_stop(g);
}

/* ---- a runner that is killed ---- */

static pid_t runner_of_this(void)
{
	DIR *proc = opendir("/proc");
	pid_t runner = 0;

	for (struct dirent *e; (e = readdir(proc)); ) {
		struct process_stat s;
		if (process_stat_read(atoi(e->d_name), &s) && s.parent == getpid() &&
		    strcmp(s.name, "flowsync-runner") == 0)
			runner = s.pid;
	}
	closedir(proc);
	assert_true(runner > 1);
	return runner;
}

static void an_execution_continues_after_its_runner_was_killed(void **state)
{
	struct fixture *f = *state;
	int64_t id = add(f, STEP("a", "echo a >> $M; sleep 997", "") ","
	                 STEP("b", "echo b >> $M; sleep 0.3; echo end >> $M", ",'parents':['a'],'executionParameters':"
	                      "{'parentStatus':[{'condition':'all-of','parents':['a'],'status':['failure']}]}"), "");
	struct engine *g = start(f);
	const char *uuid = begin(f, id, with_marks(f));

	wait_marks(f, "a\n");
	assert_int_equal(kill(runner_of_this(), SIGKILL), 0);
	assert_string_equal(wait_end(f, uuid),
	                    "Failed: a Failed 1 its supervisor was killed, b Success 1 0 terminated");
	engine_stop(g);
	assert_string_equal(marks(f), "a\nb\nend\n");
	assert_int_equal(folders(f), 0);
	assert_non_null(strstr(said(f), "the process that runs steps was killed, and the steps with it\n"));
}

/* Whether files of this process can grow: not, as on a full disk.  Steps are run by another process. */
static void set_disk_full(bool full)
{
	static struct rlimit before;
	struct rlimit none;

	if (full)
		assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	none = before;
	none.rlim_cur = 0;
	signal(SIGXFSZ, full ? SIG_IGN : SIG_DFL);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, full ? &none : &before), 0);
}

/* Reads lines of the engine's log until there is one with text. */
static void wait_logged(FILE *log, const char *text)
{
	char line[1000] = "";

	while (!strstr(line, text))
		if (!fgets(line, sizeof line, log))
			fail_msg("\"%s\" is never logged", text);
}

/* "Saves the new state, then acts on it": otherwise it would run a step that nothing knows of. */
static void a_step_does_not_start_as_long_as_its_start_is_not_saved(void **state)
{
	struct fixture *f = *state;
	struct err err;
	int pipes[2];
	int64_t id = add(f, STEP("a", "echo a >> $M; while ! test -e $M.go; do sleep 0.01; done", "") ","
	                 STEP("b", "echo b >> $M", ",'parents':['a']"), "");

	assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
	FILE *out = fdopen(pipes[0], "r");
	struct log log = { .to = fdopen(pipes[1], "w"), .level = LEVEL_ERROR };
	setvbuf(log.to, NULL, _IONBF, 0);
	f->options.log = &log;
	struct engine *g = start(f);
	const char *uuid = begin(f, id, with_marks(f));
	wait_marks(f, "a\n");
	set_disk_full(true);
	assert_int_equal(mkdir(arena_printf(&f->arena, "%s.go", f->marks), 0700), 0);
	wait_logged(out, "cannot save execution state, retrying: ");
	/* From here on a lock keeps it from saving, as the start of a step needs a file, too. */
	check(workflow_store_begin(f->store, &err), &err);
	set_disk_full(false);
	engine_stop(g);
	check(workflow_store_end(f->store, false, &err), &err);
	/* Only the step that has ended has a folder. */
	assert_int_equal(folders(f), 1);
	assert_string_equal(marks(f), "a\n");
	f->options.log = &f->log;
	g = start(f);
	assert_string_equal(wait_end(f, uuid), "Success: a Success 1 0 terminated, b Success 1 0 terminated");
	engine_stop(g);
	assert_string_equal(marks(f), "a\nb\n");
	fclose(out);
	fclose(log.to);
}

/* ---- what an engine needs ---- */

static void an_engine_without_a_file_does_not_start(void **state)
{
	struct fixture *f = *state;
	struct engine *g = NULL;
	struct err err;

	f->options.database = "/tmp/flowsync-engine-none/a.db";
	assert_false(engine_start(&f->options, &g, &err));
	assert_string_equal(err.msg, "make the pipe \"/tmp/flowsync-engine-none/a.db.wake\": No such file or directory");
	assert_null(g);
}

static void an_engine_without_a_directory_for_attempts_says_so(void **state)
{
	struct fixture *f = *state;
	const char *place = arena_printf(&f->arena, "%s.runs", f->file);

	fclose(fopen(place, "w"));
	struct engine *g = start(f);
	assert_false(engine_has_lock(g));
	engine_stop(g);
	assert_non_null(strstr(said(f), arena_printf(&f->arena, "cannot execute workflows: make the folder \"%s\": ", place)));
}

/* Of another user's, say. */
static void a_lock_that_cannot_be_opened_is_logged(void **state)
{
	struct fixture *f = *state;
	const char *lock = arena_printf(&f->arena, "%s.lock", f->file);

	assert_int_equal(symlink("elsewhere", lock), 0);
	struct engine *g = start(f);
	assert_false(engine_has_lock(g));
	engine_stop(g);
	assert_non_null(strstr(said(f), arena_printf(&f->arena, "cannot execute workflows: open lock \"%s\": Too many levels of "
	                                             "symbolic links\n", lock)));
}

/* ---- cleaning up ---- */

static int64_t add_finished(struct fixture *f, int64_t workflow, const char *uuid, int64_t finished)
{
	struct stored_execution x = {
		.uuid = uuid, .workflow = workflow, .status = DAG_RUNNING, .cause = "test", .began = finished - 1000,
		.finished = -1,
	};
	struct err err;

	check(workflow_store_begin(f->store, &err), &err);
	check(execution_store_add(f->store, &x, &(struct execution_details){ NULL, "[]", "{}" }, &err), &err);
	x.status = DAG_SUCCESS;
	x.finished = finished;
	check(execution_store_put(f->store, &x, "{}", &err) && workflow_store_end(f->store, true, &err), &err);
	return x.id;
}

static void executions_that_are_older_than_they_are_kept_are_deleted(void **state)
{
	static const int64_t day_ms = 24 * 3600 * 1000;
	static const char old[] = "00000000-0000-4000-8000-000000000001", young[] = "00000000-0000-4000-8000-000000000002";
	struct fixture *f = *state;
	int64_t id = add(f, STEP("a", "true", ""), ""), until = clock_monotonic() + LONG_MS;
	struct stored_execution found = { .id = add_finished(f, id, old, clock_now() - 91 * day_ms) };
	struct err err;

	add_finished(f, id, young, clock_now() - 89 * day_ms);
	struct engine *g = start(f);
	for (; found.id && clock_monotonic() < until; usleep(5000))
		check(execution_store_find(f->store, &f->arena, old, &found, &err), &err);
	engine_stop(g);
	assert_int_equal(found.id, 0);
	assert_string_equal(find(f, young).uuid, young);
}

static int enter(void **state)
{
	/* Those that a killed runner leaves come to us. */
	return prctl(PR_SET_CHILD_SUBREAPER, 1);
}

int main(int argc, char **argv)
{
#define test(name)	cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		test(an_execution_goes_from_step_to_step),
		test(a_failed_step_is_retried_and_its_log_says_so),
		test(a_step_that_takes_too_long_is_killed),
		test(a_step_that_cannot_be_started_says_why),
		test(no_more_steps_run_at_once_than_there_are_slots),
		test(a_log_can_be_read_while_its_step_runs),
		test(the_body_of_a_webhook_that_no_variable_holds_is_in_a_file),
		test(an_execution_is_stopped_on_request),
		test(a_due_cron_fires_only_where_crons_are_on),
		test(an_execution_that_cannot_be_read_is_failed_and_logged),
		test(a_second_engine_stands_by_and_takes_over),
		test(an_engine_that_waits_can_be_stopped),
		test(steps_of_an_ended_engine_are_lost_and_the_rest_continues),
		test(a_secret_in_an_output_reaches_the_next_step_and_nothing_else),
		test(a_secret_in_an_output_survives_the_engine),
		test(a_secret_output_in_a_saved_state_leaves_it),
		test(a_secret_output_that_is_lost_counts_as_not_written),
		test(a_lost_step_without_retries_has_failed),
		test(a_stop_requested_while_no_engine_ran_is_obeyed),
		test(a_step_that_had_ended_is_not_repeated),
		test(whether_a_step_had_begun_decides_whether_it_counts),
		test(directories_of_no_attempt_are_removed),
		test(a_drain_waits_for_all_executions),
		test(a_drain_that_is_cut_short_stops_all_executions),
		test(an_execution_continues_after_its_runner_was_killed),
		test(a_step_does_not_start_as_long_as_its_start_is_not_saved),
		test(an_engine_without_a_file_does_not_start),
		test(an_engine_without_a_directory_for_attempts_says_so),
		test(a_lock_that_cannot_be_opened_is_logged),
		test(executions_that_are_older_than_they_are_kept_are_deleted),
	};

	/* The runner is this program again. */
	return argc > 1 && strcmp(argv[1], "step-runner") == 0 ? runner_process_run()
	                                                       : cmocka_run_group_tests(tests, enter, NULL);
}
