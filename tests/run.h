/* run.h: cycles over the fake service, and what is asked of them afterwards. */
#ifndef TESTS_RUN_H
#define TESTS_RUN_H

#include "tests/fake_service.h"

#define HELLO(name, image)	"name: " name "\nsteps: {greet: {imageId: " image ", command: run}}\n"
/* The same as the service would be told to make it. */
#define HELLO_BODY(name, image)	\
	"{\"name\":\"" name "\",\"steps\":{\"greet\":{\"imageId\":" image ",\"command\":\"run\"}}}"

struct run {
	struct arena a;
	struct fake f;
	struct diagnostics faults;
	struct report report;
};

void run_done(struct run *run);

/* One cycle; what the service was asked before is forgotten. */
void run_cycle(struct run *run, const struct specs *specs, const struct cycle_options *options);
/* The same for the specs of one file. */
void run_sync(struct run *run, const char *yaml);
void run_plan(struct run *run, const char *yaml);

/* Makes a workflow on the service of a body in JSON, as somebody would by hand. */
struct fake_workflow *run_make(struct run *run, const char *json);
/* Sets what describe and list show at pointer. */
void run_put(struct run *run, int64_t id, const char *pointer, const char *json);
/* What describe shows at pointer, as JSON. */
const char *run_shown(struct run *run, int64_t id, const char *pointer);
/* Its tags, their names with spaces between. */
const char *run_tags(struct run *run, int64_t id);

/* "name action result" of each step, a line each, with the error behind if there is one. */
const char *run_steps(struct run *run);
/* The changes of all steps: op, path, reason. */
const char *run_changes(struct run *run);

#define assert_steps(r, text)	assert_string_equal(run_steps(r), text)
#define assert_writes(r, text)	assert_string_equal(buf_str(&(r)->f.writes), text)
#define assert_exit(r, code)	assert_int_equal(exit_status_code(&(r)->report.verdict), code)
#define assert_said(r, text)	assert_string_equal(tree_faults(&(r)->a, &(r)->faults), text)

#endif
