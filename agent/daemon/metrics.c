#include "agent/daemon/metrics.h"

#include <dirent.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "agent/util/clock.h"
#include "agent/util/process_stat.h"
#include "reconcile/plan/report.h"

/* ---- the counters ---- */

static const double bounds[] = { 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600 };

struct histogram {
	uint64_t buckets[ARRAY_LEN(bounds) + 1];	/* the last: longer than all bounds */
	uint64_t count;
	double sum;		/* seconds */
};

/* The state of a workflow at the end of a cycle. */
enum workflow_state {
	STATE_SYNCED, STATE_DRIFTED, STATE_PENDING, STATE_FAILED, STATE_REFUSED, STATE_DEFERRED,
	STATE_BLOCKED, STATE_CONFLICT, STATE_SUSPENDED, STATE_COUNT
};

static const char *const state_words[] = {
	"synced", "drifted", "pending", "failed", "refused", "deferred", "blocked", "conflict",
	"suspended",
};

static const enum result operation_results[] = {
	RESULT_APPLIED, RESULT_FAILED, RESULT_REFUSED, RESULT_DEFERRED,
};

enum {
	ACTION_COUNT = ACTION_DELETE + 1,
	OUTCOME_COUNT = OUTCOME_INTERRUPTED + 1,
	RESULT_COUNT = RESULT_SUSPENDED + 1,
};

struct blocks { const char *guard; uint64_t count; };

struct sync {
	struct arena arena;
	const char *name;	/* as a label's value */
	const char *plain;
	struct histogram cycles[OUTCOME_COUNT];
	int64_t objects[STATE_COUNT];
	uint64_t operations[ACTION_COUNT][ARRAY_LEN(operation_results)];
	struct histogram fetches;
	uint64_t fetches_ok, fetches_failed;
	uint64_t requests[OPERATION_COUNT], retries;
	uint64_t hooks_accepted, hooks_refused;
	int64_t last_success;	/* seconds since 1970 */
	int64_t suspended;
	struct blocks *blocks;
	size_t block_count, block_room;
};

struct metrics {
	struct sync **syncs;
	size_t count;
};

/* ---- syncs ---- */

static const char *metrics_escape_label(struct arena *a, const char *text)
{
	CLEANUP(buf_done) struct buf out = BUF_TEXT;

	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			buf_addc(&out, '\\');
		if (*text == '\n')
			buf_adds(&out, "\\n");
		else
			buf_addc(&out, *text);
	}
	return arena_strdup(a, buf_str(&out));
}

static struct sync *metrics_sync_new(const char *name)
{
	struct sync *s = calloc(1, sizeof *s);

	if (!s)
		abort();
	s->plain = arena_strdup(&s->arena, name);
	s->name = metrics_escape_label(&s->arena, name);
	return s;
}

static void metrics_sync_free(struct sync *s)
{
	if (!s)
		return;
	arena_free(&s->arena);
	free(s);
}

static struct sync **metrics_find_slot(const struct metrics *m, const char *name)
{
	for (size_t i = 0; i < m->count; i++)
		if (m->syncs[i] && strcmp(m->syncs[i]->plain, name) == 0)
			return &m->syncs[i];
	return NULL;
}

static struct sync **metrics_alloc_slots(size_t count)
{
	struct sync **syncs = calloc(count + 1, sizeof(struct sync *));

	if (!syncs)
		abort();
	return syncs;
}

static struct sync *metrics_get_sync(struct metrics *m, const char *name)
{
	struct sync **found = metrics_find_slot(m, name);

	if (found)
		return *found;
	struct sync **syncs = metrics_alloc_slots(m->count + 1);
	for (size_t i = 0; i < m->count; i++)
		syncs[i] = m->syncs[i];
	free(m->syncs);
	m->syncs = syncs;
	return m->syncs[m->count++] = metrics_sync_new(name);
}

struct metrics *metrics_new(void)
{
	struct metrics *m = calloc(1, sizeof *m);

	if (!m)
		abort();
	return m;
}

static void metrics_free_syncs(struct metrics *m)
{
	for (size_t i = 0; i < m->count; i++)
		metrics_sync_free(m->syncs[i]);
	free(m->syncs);
}

void metrics_free(struct metrics *m)
{
	if (!m)
		return;
	metrics_free_syncs(m);
	free(m);
}

void metrics_set_syncs(struct metrics *m, const char *const *syncs, size_t count)
{
	struct metrics kept = { metrics_alloc_slots(count), 0 };

	for (size_t i = 0; i < count; i++) {
		struct sync **old = metrics_find_slot(m, syncs[i]);
		if (!metrics_find_slot(&kept, syncs[i]))
			kept.syncs[kept.count++] = old ? take(*old) : metrics_sync_new(syncs[i]);
	}
	metrics_free_syncs(m);
	*m = kept;
}

/* ---- counting ---- */

static void metrics_observe(struct histogram *h, double seconds)
{
	size_t i = 0;

	while (i < ARRAY_LEN(bounds) && seconds > bounds[i])
		i++;
	h->buckets[i]++;
	h->count++;
	h->sum += seconds;
}

/* The index i with word(i) equal to text; count if no word is equal, or text is NULL. */
static int metrics_word_index(const char *(*word)(int), int count, const char *text)
{
	int i = 0;

	while (i < count && !(text && strcmp(word(i), text) == 0))
		i++;
	return i;
}

static const char *metrics_outcome_word(int i) { return outcome_word(i); }
static const char *metrics_action_word(int i) { return action_word(i); }
static const char *metrics_result_word(int i) { return result_word(i); }

static double metrics_number(const struct node *n)
{
	if (n && n->kind == NODE_REAL)
		return n->real;
	return n && n->kind == NODE_INT ? (double)n->integer : 0;
}

/* Negative only in a file that was edited by hand. */
static int64_t metrics_get_count(const struct node *map, const char *key)
{
	int64_t n = node_get_int(map, key, 0);

	return n > 0 ? n : 0;
}

/* STATE_COUNT: the workflow no longer exists. */
static enum workflow_state metrics_state_after(int action, int result, bool drifted)
{
	switch (result) {
	case RESULT_PLANNED: return STATE_PENDING;
	case RESULT_APPLIED:
		return action == ACTION_DELETE ? STATE_COUNT : drifted ? STATE_DRIFTED : STATE_SYNCED;
	case RESULT_FAILED: return STATE_FAILED;
	case RESULT_REFUSED: return STATE_REFUSED;
	case RESULT_DEFERRED: return STATE_DEFERRED;
	case RESULT_BLOCKED: return STATE_BLOCKED;
	case RESULT_CONFLICT: return STATE_CONFLICT;
	case RESULT_SUSPENDED: return STATE_SUSPENDED;
	}
	return STATE_SYNCED;
}

static void metrics_count_operation(struct sync *s, int action, int result, int64_t count)
{
	if (action == ACTION_NONE || action == ACTION_COUNT)
		return;
	for (size_t i = 0; i < ARRAY_LEN(operation_results); i++)
		if ((int)operation_results[i] == result)
			s->operations[action][i] += (uint64_t)count;
}

/* Counts what was done, and sets states[STATE_COUNT + 1] to where the workflows stand. */
static void metrics_count_results(struct sync *s, const struct node *results, int64_t *states)
{
	for (size_t i = 0; results && i < results->count; i++) {
		const struct node *r = results->entries[i].value, *drift = node_get(r, "drift");
		int action = metrics_word_index(metrics_action_word, ACTION_COUNT, node_get_text(r, "action"));
		int result = metrics_word_index(metrics_result_word, RESULT_COUNT, node_get_text(r, "result"));
		int64_t count = metrics_get_count(r, "count");

		states[metrics_state_after(action, result, drift && drift->kind == NODE_BOOL && drift->boolean)] += count;
		metrics_count_operation(s, action, result, count);
	}
}

static int64_t metrics_total_steps(const struct node *summary)
{
	int64_t all = 0;

	for (int i = 0; i < ACTION_COUNT; i++)
		all += metrics_get_count(summary, action_word(i));
	return all;
}

/* Unchanged workflows need no result, so that those are the rest. */
static void metrics_set_objects(struct sync *s, const struct node *summary, int64_t *states)
{
	const char *trigger = node_get_text(summary, "trigger");
	const struct node *counts = node_get(summary, "summary");
	int64_t all = metrics_total_steps(counts), listed = 0;

	/* A service or source that could not be read: unknown is never empty. */
	if (!all && node_get_int(summary, "exit_code", 0) != 0)
		return;
	for (int i = 0; i <= STATE_COUNT; i++)
		listed += states[i];
	states[STATE_SYNCED] += all > listed ? all - listed : 0;
	/* A cycle over the deferred steps only says nothing of the other workflows. */
	if (trigger && strcmp(trigger, "deferred") == 0 && all <= s->objects[STATE_DEFERRED]) {
		s->objects[STATE_DEFERRED] -= all;
		for (int i = 0; i < STATE_COUNT; i++)
			s->objects[i] += states[i];
		return;
	}
	memcpy(s->objects, states, sizeof s->objects);
	s->suspended = metrics_get_count(counts, "suspended");
}

static struct blocks *metrics_guard_blocks(struct sync *s, const char *guard)
{
	for (size_t i = 0; i < s->block_count; i++)
		if (strcmp(s->blocks[i].guard, guard) == 0)
			return &s->blocks[i];
	arena_grow(&s->arena, s->blocks, s->block_count, s->block_room);
	s->blocks[s->block_count] = (struct blocks){ .guard = metrics_escape_label(&s->arena, guard) };
	return &s->blocks[s->block_count++];
}

/* A guard that passed gets a series too, with 0, so that the first block is visible as an increase. */
static void metrics_count_guards(struct sync *s, const struct node *guards)
{
	for (size_t i = 0; guards && i < guards->count; i++) {
		const char *name = node_get_text(guards->entries[i].value, "name");
		const char *result = node_get_text(guards->entries[i].value, "result");
		if (name)
			metrics_guard_blocks(s, name)->count += result && strcmp(result, "block") == 0;
	}
}

static void metrics_count_requests(struct sync *s, const struct node *requests)
{
	const struct node *by = node_get(requests, "by_operation");

	for (int i = 0; i < OPERATION_COUNT; i++)
		s->requests[i] += (uint64_t)metrics_get_count(by, operation_name(i));
	s->retries += (uint64_t)metrics_get_count(requests, "retries");
}

void metrics_add_cycle(struct metrics *m, const char *sync, const struct node *summary, int64_t now_s)
{
	struct sync *s = metrics_get_sync(m, sync);
	int64_t states[STATE_COUNT + 1] = { 0 };
	int outcome = metrics_word_index(metrics_outcome_word, OUTCOME_COUNT, node_get_text(summary, "outcome"));

	/* A cycle that left no outcome did not come to its end. */
	if (outcome == OUTCOME_COUNT)
		outcome = OUTCOME_FAILED;
	metrics_observe(&s->cycles[outcome], metrics_number(node_get(summary, "duration_s")));
	metrics_count_results(s, node_get(summary, "results"), states);
	metrics_set_objects(s, summary, states);
	metrics_count_guards(s, node_get(summary, "guards"));
	metrics_count_requests(s, node_get(summary, "requests"));
	if (node_get_int(summary, "exit_code", 1) == 0)
		s->last_success = now_s;
}

void metrics_add_fetch(struct metrics *m, const char *sync, bool ok, int64_t duration_ms)
{
	struct sync *s = metrics_get_sync(m, sync);

	s->fetches_ok += ok;
	s->fetches_failed += !ok;
	metrics_observe(&s->fetches, (double)duration_ms / 1000);
}

void metrics_add_hook_calls(struct metrics *m, const char *sync, bool accepted, unsigned times)
{
	struct sync *s = metrics_get_sync(m, sync);

	*(accepted ? &s->hooks_accepted : &s->hooks_refused) += times;
}

/* ---- the text ---- */

/* One line: NAME{sync="...",MORE} VALUE. */
static void PRINTF(4, 5) metrics_print_sample(struct buf *out, const char *name, const struct sync *s,
                                              const char *fmt, ...)
{
	va_list ap;

	buf_addf(out, "flowsync_%s{sync=\"%s\"", name, s->name);
	va_start(ap, fmt);
	buf_addv(out, fmt, ap);
	va_end(ap);
	buf_addc(out, '\n');
}

#define U64(n)	((unsigned long long)(n))

/* Cumulative, as the format wants it.  more: further labels, each with a comma before it. */
static void metrics_print_histogram(struct buf *out, const char *name, const struct sync *s,
                                    const struct histogram *h, const char *more)
{
	CLEANUP(buf_done) struct buf sum = BUF_TEXT;
	uint64_t below = 0;

	for (size_t i = 0; i < ARRAY_LEN(bounds); i++) {
		below += h->buckets[i];
		buf_addf(out, "flowsync_%s_bucket{sync=\"%s\"%s,le=\"%g\"} %llu\n", name, s->name, more,
		         bounds[i], U64(below));
	}
	buf_addf(out, "flowsync_%s_bucket{sync=\"%s\"%s,le=\"+Inf\"} %llu\n", name, s->name, more,
	         U64(h->count));
	buf_add_real(&sum, h->sum);
	buf_addf(out, "flowsync_%s_sum{sync=\"%s\"%s} %s\n", name, s->name, more, buf_str(&sum));
	buf_addf(out, "flowsync_%s_count{sync=\"%s\"%s} %llu\n", name, s->name, more, U64(h->count));
}

static void metrics_print_cycle_times(struct buf *out, const char *name, const struct sync *s)
{
	for (int i = 0; i < OUTCOME_COUNT; i++) {
		CLEANUP(buf_done) struct buf more = BUF_TEXT;
		buf_addf(&more, ",result=\"%s\"", outcome_word(i));
		if (s->cycles[i].count)
			metrics_print_histogram(out, name, s, &s->cycles[i], buf_str(&more));
	}
}

static void metrics_print_cycles(struct buf *out, const char *name, const struct sync *s)
{
	for (int i = 0; i < OUTCOME_COUNT; i++)
		metrics_print_sample(out, name, s, ",result=\"%s\"} %llu", outcome_word(i), U64(s->cycles[i].count));
}

static void metrics_print_objects(struct buf *out, const char *name, const struct sync *s)
{
	for (int i = 0; i < STATE_COUNT; i++)
		metrics_print_sample(out, name, s, ",state=\"%s\"} %lld", state_words[i], (long long)s->objects[i]);
}

static void metrics_print_operations(struct buf *out, const char *name, const struct sync *s)
{
	for (int a = ACTION_CREATE; a < ACTION_COUNT; a++)
		for (size_t i = 0; i < ARRAY_LEN(operation_results); i++)
			metrics_print_sample(out, name, s, ",action=\"%s\",result=\"%s\"} %llu", action_word(a),
			                     result_word(operation_results[i]), U64(s->operations[a][i]));
}

static void metrics_print_fetches(struct buf *out, const char *name, const struct sync *s)
{
	metrics_print_sample(out, name, s, ",result=\"success\"} %llu", U64(s->fetches_ok));
	metrics_print_sample(out, name, s, ",result=\"failure\"} %llu", U64(s->fetches_failed));
}

static void metrics_print_fetch_times(struct buf *out, const char *name, const struct sync *s)
{
	if (s->fetches.count)
		metrics_print_histogram(out, name, s, &s->fetches, "");
}

static void metrics_print_fetch_failures(struct buf *out, const char *name, const struct sync *s)
{
	metrics_print_sample(out, name, s, "} %llu", U64(s->fetches_failed));
}

/* No cycle starts a run or looks at one, so that those operations are shown only if one ever
 * does. */
static void metrics_print_requests(struct buf *out, const char *name, const struct sync *s)
{
	for (int i = 0; i < OPERATION_COUNT; i++)
		if (i <= OP_RESUME || s->requests[i])
			metrics_print_sample(out, name, s, ",operation=\"%s\"} %llu", operation_name(i),
			                     U64(s->requests[i]));
}

static void metrics_print_retries(struct buf *out, const char *name, const struct sync *s)
{
	metrics_print_sample(out, name, s, "} %llu", U64(s->retries));
}

static void metrics_print_hooks(struct buf *out, const char *name, const struct sync *s)
{
	metrics_print_sample(out, name, s, ",result=\"accepted\"} %llu", U64(s->hooks_accepted));
	metrics_print_sample(out, name, s, ",result=\"refused\"} %llu", U64(s->hooks_refused));
}

static void metrics_print_last_success(struct buf *out, const char *name, const struct sync *s)
{
	metrics_print_sample(out, name, s, "} %lld", (long long)s->last_success);
}

static void metrics_print_blocks(struct buf *out, const char *name, const struct sync *s)
{
	for (size_t i = 0; i < s->block_count; i++)
		metrics_print_sample(out, name, s, ",guard=\"%s\"} %llu", s->blocks[i].guard, U64(s->blocks[i].count));
}

static void metrics_print_suspended(struct buf *out, const char *name, const struct sync *s)
{
	metrics_print_sample(out, name, s, "} %lld", (long long)s->suspended);
}

static const struct {
	const char *name, *type, *help;
	void (*add)(struct buf *out, const char *name, const struct sync *s);
} families[] = {
	{ "reconcile_duration_seconds", "histogram", "Duration of cycles.", metrics_print_cycle_times },
	{ "reconcile_total", "counter", "Finished cycles; result is the outcome in the report.",
	  metrics_print_cycles },
	{ "objects", "gauge", "Workflows by their state after the last cycle, each in one state; "
	  "drifted: found changed on the service and repaired; pending: to be changed, in a cycle that only plans.",
	  metrics_print_objects },
	{ "operations_total", "counter", "Planned changes of workflows, by action and result.",
	  metrics_print_operations },
	{ "git_requests_total", "counter", "Fetches from a git remote.", metrics_print_fetches },
	{ "git_request_duration_seconds", "histogram", "Duration of fetches from a git remote.",
	  metrics_print_fetch_times },
	{ "git_fetch_fail_total", "counter", "Fetches from a git remote that failed.",
	  metrics_print_fetch_failures },
	{ "api_requests_total", "counter", "Requests to the workflow service, retries included.",
	  metrics_print_requests },
	{ "api_retries_total", "counter", "Retried requests to the workflow service.",
	  metrics_print_retries },
	{ "webhook_events_total", "counter", "Calls of the sync's webhook; refused: without a valid signature or "
	  "token.", metrics_print_hooks },
	{ "last_success_timestamp_seconds", "gauge", "Time of the last cycle with exit code 0; 0: there was "
	  "none.", metrics_print_last_success },
	{ "guard_blocks_total", "counter", "Cycles that a guard blocked.", metrics_print_blocks },
	{ "suspended", "gauge", "Workflows whose spec has suspend: true.", metrics_print_suspended },
};

void metrics_write(const struct metrics *m, struct buf *out)
{
	buf_adds(out, "# HELP flowsync_build_info Always 1; the version is a label.\n"
	         "# TYPE flowsync_build_info gauge\n"
	         "flowsync_build_info{version=\"" FLOWSYNC_VERSION "\"} 1\n");
	for (size_t i = 0; i < ARRAY_LEN(families); i++) {
		buf_addf(out, "# HELP flowsync_%s %s\n# TYPE flowsync_%s %s\n", families[i].name,
		         families[i].help, families[i].name, families[i].type);
		for (size_t k = 0; k < m->count; k++)
			families[i].add(out, families[i].name, m->syncs[k]);
	}
}

/* ---- the process ---- */

static pthread_once_t started_once = PTHREAD_ONCE_INIT;
static double started;		/* seconds since 1970; 0: not known */

/* Once, so that it is the same in each answer; /proc/stat, which has when the machine started,
 * is hidden from a service that systemd confines. */
static void metrics_read_start_time(void)
{
	struct process_stat self;

	if (process_stat_read(getpid(), &self))
		started = (double)(clock_now() - clock_boottime() + self.start_ms) / 1000;
}

/* The number of open descriptors; -1: not known. */
static int metrics_count_open_files(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int count = -1;

	if (!dir)
		return -1;
	for (const struct dirent *e; (e = readdir(dir)); )
		count += e->d_name[0] != '.';
	closedir(dir);
	return count;	/* the folder itself was open, too */
}

static void metrics_print_process(struct buf *out, const char *name, const char *type, const char *help,
                                  double value)
{
	buf_addf(out, "# HELP process_%s %s\n# TYPE process_%s %s\nprocess_%s ", name, help, name, type, name);
	buf_addf(out, value == (double)(long long)value ? "%.0f\n" : "%.3f\n", value);
}

void metrics_write_process(struct buf *out)
{
	struct rlimit files;
	struct process_stat self;
	int count = metrics_count_open_files();

	pthread_once(&started_once, metrics_read_start_time);
	metrics_print_process(out, "cpu_seconds_total", "counter", "CPU time used, without children.",
	                      (double)clock_cpu() / 1000);
	if (process_stat_read(getpid(), &self)) {
		metrics_print_process(out, "resident_memory_bytes", "gauge", "Resident memory.",
		                      (double)self.resident_bytes);
		metrics_print_process(out, "virtual_memory_bytes", "gauge", "Virtual memory.", (double)self.virtual_bytes);
	}
	if (count >= 0)
		metrics_print_process(out, "open_fds", "gauge", "Open file descriptors.", count);
	if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur != RLIM_INFINITY)
		metrics_print_process(out, "max_fds", "gauge", "Maximum number of open file descriptors.",
		                      (double)files.rlim_cur);
	if (started > 0)
		metrics_print_process(out, "start_time_seconds", "gauge", "Start time of the process since unix epoch.",
		                      started);
}
