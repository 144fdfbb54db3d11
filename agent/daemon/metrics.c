#include "agent/daemon/metrics.h"

#include <dirent.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "reconcile/plan/report.h"

/* ---- what is counted ---- */

static const double bounds[] = { 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600 };

struct histogram {
	uint64_t buckets[ARRAY_LEN(bounds) + 1];	/* the last: longer than all bounds */
	uint64_t count;
	double sum;		/* seconds */
};

/* Where a workflow stood at the end of a cycle: each in one of them. */
enum state_store {
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

static const char *label(struct arena *a, const char *text)
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

static struct sync *sync_new(const char *name)
{
	struct sync *s = calloc(1, sizeof *s);

	if (!s)
		abort();
	s->plain = arena_strdup(&s->arena, name);
	s->name = label(&s->arena, name);
	return s;
}

static void sync_free(struct sync *s)
{
	if (!s)
		return;
	arena_free(&s->arena);
	free(s);
}

static struct sync **find(const struct metrics *m, const char *name)
{
	for (size_t i = 0; i < m->count; i++)
		if (m->syncs[i] && strcmp(m->syncs[i]->plain, name) == 0)
			return &m->syncs[i];
	return NULL;
}

static struct sync **room_for(size_t count)
{
	struct sync **syncs = calloc(count + 1, sizeof(struct sync *));

	if (!syncs)
		abort();
	return syncs;
}

static struct sync *sync_of(struct metrics *m, const char *name)
{
	struct sync **found = find(m, name);

	if (found)
		return *found;
	struct sync **syncs = room_for(m->count + 1);
	for (size_t i = 0; i < m->count; i++)
		syncs[i] = m->syncs[i];
	free(m->syncs);
	m->syncs = syncs;
	return m->syncs[m->count++] = sync_new(name);
}

struct metrics *metrics_new(void)
{
	struct metrics *m = calloc(1, sizeof *m);

	if (!m)
		abort();
	return m;
}

static void drop_syncs(struct metrics *m)
{
	for (size_t i = 0; i < m->count; i++)
		sync_free(m->syncs[i]);
	free(m->syncs);
}

void metrics_free(struct metrics *m)
{
	if (!m)
		return;
	drop_syncs(m);
	free(m);
}

void metrics_keep(struct metrics *m, const char *const *syncs, size_t count)
{
	struct metrics kept = { room_for(count), 0 };

	for (size_t i = 0; i < count; i++) {
		struct sync **old = find(m, syncs[i]);
		if (!find(&kept, syncs[i]))
			kept.syncs[kept.count++] = old ? take(*old) : sync_new(syncs[i]);
	}
	drop_syncs(m);
	*m = kept;
}

/* ---- counting ---- */

static void observe(struct histogram *h, double seconds)
{
	size_t i = 0;

	while (i < ARRAY_LEN(bounds) && seconds > bounds[i])
		i++;
	h->buckets[i]++;
	h->count++;
	h->sum += seconds;
}

/* Which of the words text is; count if it is none, or NULL. */
static int word_index(const char *(*word)(int), int count, const char *text)
{
	int i = 0;

	while (i < count && !(text && strcmp(word(i), text) == 0))
		i++;
	return i;
}

static const char *outcome_at(int i) { return outcome_word(i); }
static const char *action_at(int i) { return action_word(i); }
static const char *result_at(int i) { return result_word(i); }

static double number(const struct node *n)
{
	if (n && n->kind == NODE_REAL)
		return n->real;
	return n && n->kind == NODE_INT ? (double)n->integer : 0;
}

/* What is not negative in any report may be in a file that somebody wrote. */
static int64_t count_at(const struct node *map, const char *key)
{
	int64_t n = node_get_int(map, key, 0);

	return n > 0 ? n : 0;
}

/* STATE_COUNT: the workflow is there no more. */
static enum state_store state_of(int action, int result, bool drifted)
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

static void count_operation(struct sync *s, int action, int result)
{
	if (action == ACTION_NONE || action == ACTION_COUNT)
		return;
	for (size_t i = 0; i < ARRAY_LEN(operation_results); i++)
		s->operations[action][i] += (int)operation_results[i] == result;
}

/* Counts what was done, and sets states[STATE_COUNT + 1] to where the listed workflows stand. */
static void count_steps(struct sync *s, const struct node *steps, int64_t *states)
{
	for (size_t i = 0; steps && i < steps->count; i++) {
		const struct node *step = steps->entries[i].value;
		const char *reason = node_get_text(step, "reason");
		int action = word_index(action_at, ACTION_COUNT, node_get_text(step, "action"));
		int result = word_index(result_at, RESULT_COUNT, node_get_text(step, "result"));

		states[state_of(action, result, reason && strcmp(reason, "drift") == 0)]++;
		count_operation(s, action, result);
	}
}

static int64_t all_steps(const struct node *summary)
{
	int64_t all = 0;

	for (int i = 0; i < ACTION_COUNT; i++)
		all += count_at(summary, action_word(i));
	return all;
}

/* Unchanged workflows are not listed, so that those are the rest. */
static void set_objects(struct sync *s, const struct node *report, int64_t *states)
{
	const char *trigger = node_get_text(report, "trigger");
	const struct node *summary = node_get(report, "summary");
	int64_t all = all_steps(summary), listed = 0;

	/* A service or source that could not be read: unknown is never empty. */
	if (!all && node_get_int(report, "exit_code", 0) != 0)
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
	s->suspended = count_at(summary, "suspended");
}

static struct blocks *blocks_of(struct sync *s, const char *guard)
{
	for (size_t i = 0; i < s->block_count; i++)
		if (strcmp(s->blocks[i].guard, guard) == 0)
			return &s->blocks[i];
	arena_grow(&s->arena, s->blocks, s->block_count, s->block_room);
	s->blocks[s->block_count] = (struct blocks){ .guard = label(&s->arena, guard) };
	return &s->blocks[s->block_count++];
}

/* One that passes is counted too, with 0: whoever looks at the first block sees a step up. */
static void count_guards(struct sync *s, const struct node *guards)
{
	for (size_t i = 0; guards && i < guards->count; i++) {
		const char *name = node_get_text(guards->entries[i].value, "name");
		const char *result = node_get_text(guards->entries[i].value, "result");
		if (name)
			blocks_of(s, name)->count += result && strcmp(result, "block") == 0;
	}
}

static void count_requests(struct sync *s, const struct node *requests)
{
	const struct node *by = node_get(requests, "by_operation");

	for (int i = 0; i < OPERATION_COUNT; i++)
		s->requests[i] += (uint64_t)count_at(by, operation_name(i));
	s->retries += (uint64_t)count_at(requests, "retries");
}

void metrics_cycle(struct metrics *m, const char *sync, const struct node *report, int64_t now_s)
{
	struct sync *s = sync_of(m, sync);
	int64_t states[STATE_COUNT + 1] = { 0 };
	int outcome = word_index(outcome_at, OUTCOME_COUNT, node_get_text(report, "outcome"));

	/* A cycle that left no outcome did not come to its end. */
	if (outcome == OUTCOME_COUNT)
		outcome = OUTCOME_FAILED;
	observe(&s->cycles[outcome], number(node_get(report, "duration_s")));
	count_steps(s, node_get(report, "workflows"), states);
	set_objects(s, report, states);
	count_guards(s, node_get(report, "guards"));
	count_requests(s, node_get(report, "requests"));
	if (node_get_int(report, "exit_code", 1) == 0)
		s->last_success = now_s;
}

void metrics_fetch(struct metrics *m, const char *sync, bool ok, int64_t duration_ms)
{
	struct sync *s = sync_of(m, sync);

	s->fetches_ok += ok;
	s->fetches_failed += !ok;
	observe(&s->fetches, (double)duration_ms / 1000);
}

void metrics_hook(struct metrics *m, const char *sync, bool accepted, unsigned times)
{
	struct sync *s = sync_of(m, sync);

	*(accepted ? &s->hooks_accepted : &s->hooks_refused) += times;
}

/* ---- the text ---- */

/* One line: NAME{sync="...",MORE} VALUE. */
static void PRINTF(4, 5) sample(struct buf *out, const char *name, const struct sync *s,
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
static void add_histogram(struct buf *out, const char *name, const struct sync *s,
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

static void add_cycle_times(struct buf *out, const char *name, const struct sync *s)
{
	for (int i = 0; i < OUTCOME_COUNT; i++) {
		CLEANUP(buf_done) struct buf more = BUF_TEXT;
		buf_addf(&more, ",result=\"%s\"", outcome_word(i));
		if (s->cycles[i].count)
			add_histogram(out, name, s, &s->cycles[i], buf_str(&more));
	}
}

static void add_cycles(struct buf *out, const char *name, const struct sync *s)
{
	for (int i = 0; i < OUTCOME_COUNT; i++)
		sample(out, name, s, ",result=\"%s\"} %llu", outcome_word(i), U64(s->cycles[i].count));
}

static void add_objects(struct buf *out, const char *name, const struct sync *s)
{
	for (int i = 0; i < STATE_COUNT; i++)
		sample(out, name, s, ",state=\"%s\"} %lld", state_words[i], (long long)s->objects[i]);
}

static void add_operations(struct buf *out, const char *name, const struct sync *s)
{
	for (int a = ACTION_CREATE; a < ACTION_COUNT; a++)
		for (size_t i = 0; i < ARRAY_LEN(operation_results); i++)
			sample(out, name, s, ",action=\"%s\",result=\"%s\"} %llu", action_word(a),
			       result_word(operation_results[i]), U64(s->operations[a][i]));
}

static void add_fetches(struct buf *out, const char *name, const struct sync *s)
{
	sample(out, name, s, ",result=\"success\"} %llu", U64(s->fetches_ok));
	sample(out, name, s, ",result=\"failure\"} %llu", U64(s->fetches_failed));
}

static void add_fetch_times(struct buf *out, const char *name, const struct sync *s)
{
	if (s->fetches.count)
		add_histogram(out, name, s, &s->fetches, "");
}

static void add_fetch_failures(struct buf *out, const char *name, const struct sync *s)
{
	sample(out, name, s, "} %llu", U64(s->fetches_failed));
}

/* No cycle starts a run or looks at one, so that those operations are shown only if one ever
 * does. */
static void add_requests(struct buf *out, const char *name, const struct sync *s)
{
	for (int i = 0; i < OPERATION_COUNT; i++)
		if (i <= OP_RESUME || s->requests[i])
			sample(out, name, s, ",operation=\"%s\"} %llu", operation_name(i), U64(s->requests[i]));
}

static void add_retries(struct buf *out, const char *name, const struct sync *s)
{
	sample(out, name, s, "} %llu", U64(s->retries));
}

static void add_hooks(struct buf *out, const char *name, const struct sync *s)
{
	sample(out, name, s, ",result=\"accepted\"} %llu", U64(s->hooks_accepted));
	sample(out, name, s, ",result=\"refused\"} %llu", U64(s->hooks_refused));
}

static void add_last_success(struct buf *out, const char *name, const struct sync *s)
{
	sample(out, name, s, "} %lld", (long long)s->last_success);
}

static void add_blocks(struct buf *out, const char *name, const struct sync *s)
{
	for (size_t i = 0; i < s->block_count; i++)
		sample(out, name, s, ",guard=\"%s\"} %llu", s->blocks[i].guard, U64(s->blocks[i].count));
}

static void add_suspended(struct buf *out, const char *name, const struct sync *s)
{
	sample(out, name, s, "} %lld", (long long)s->suspended);
}

static const struct {
	const char *name, *type, *help;
	void (*add)(struct buf *out, const char *name, const struct sync *s);
} families[] = {
	{ "reconcile_duration_seconds", "histogram", "How long cycles took.", add_cycle_times },
	{ "reconcile_total", "counter", "Cycles that ended; result is the outcome in their report.",
	  add_cycles },
	{ "objects", "gauge", "Workflows by where the last cycle left them, each in one state; "
	  "drifted: was found drifted and put right; pending: to be changed, in a cycle that only plans.",
	  add_objects },
	{ "operations_total", "counter", "Steps that were to change a workflow, by how they ended.",
	  add_operations },
	{ "git_requests_total", "counter", "Fetches from a git remote.", add_fetches },
	{ "git_request_duration_seconds", "histogram", "How long fetches from a git remote took.",
	  add_fetch_times },
	{ "git_fetch_fail_total", "counter", "Fetches from a git remote that failed.",
	  add_fetch_failures },
	{ "api_requests_total", "counter", "Requests to the workflow service, those sent again included.",
	  add_requests },
	{ "api_retries_total", "counter", "Requests to the workflow service that were sent again.",
	  add_retries },
	{ "webhook_events_total", "counter", "Calls of the sync's webhook; refused: without proof of the "
	  "secret.", add_hooks },
	{ "last_success_timestamp_seconds", "gauge", "When a cycle last ended with exit code 0; 0: none "
	  "did.", add_last_success },
	{ "guard_blocks_total", "counter", "Cycles that a guard blocked.", add_blocks },
	{ "suspended", "gauge", "Workflows that their spec says to leave alone.", add_suspended },
};

void metrics_text(const struct metrics *m, struct buf *out)
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

static double seconds_of(const struct timespec *t)
{
	return (double)t->tv_sec + (double)t->tv_nsec / 1e9;
}

/* Fields 3 and further of proc_pid_stat(5): the second may have any character in it.  False if
 * /proc does not tell. */
static bool read_stat(unsigned long long *start_ticks, unsigned long long *virtual_bytes,
                      long long *resident_pages)
{
	FILE *f = fopen("/proc/self/stat", "re");
	CLEANUP(buf_done) struct buf line = BUF(4096);

	for (int c; f && (c = getc(f)) != EOF; )
		buf_addc(&line, (char)c);
	if (f)
		fclose(f);
	const char *rest = strrchr(buf_str(&line), ')');
	return rest && sscanf(rest, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d "
	                      "%*d %*d %*d %llu %llu %lld",
	                      start_ticks, virtual_bytes, resident_pages) == 3;
}

static pthread_once_t started_once = PTHREAD_ONCE_INIT;
static double started;		/* seconds since 1970; 0: not known */

/* Once, so that it is the same in each answer; /proc/stat, which has when the machine started,
 * is hidden from a service that systemd confines. */
static void find_start(void)
{
	struct timespec wall, boot;
	unsigned long long ticks, bytes;
	long long pages;

	if (!read_stat(&ticks, &bytes, &pages))
		return;
	clock_gettime(CLOCK_REALTIME, &wall);
	clock_gettime(CLOCK_BOOTTIME, &boot);
	started = seconds_of(&wall) - seconds_of(&boot) + (double)ticks / (double)sysconf(_SC_CLK_TCK);
}

/* -1: /proc does not tell. */
static int open_files(void)
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

static void add_process(struct buf *out, const char *name, const char *type, const char *help,
                        double value)
{
	buf_addf(out, "# HELP process_%s %s\n# TYPE process_%s %s\nprocess_%s ", name, help, name, type, name);
	buf_addf(out, value == (double)(long long)value ? "%.0f\n" : "%.3f\n", value);
}

void metrics_process(struct buf *out)
{
	struct timespec cpu;
	struct rlimit files;
	unsigned long long ticks, bytes;
	long long pages;
	int count = open_files();

	pthread_once(&started_once, find_start);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
	add_process(out, "cpu_seconds_total", "counter", "CPU time used, without children.",
	            seconds_of(&cpu));
	if (read_stat(&ticks, &bytes, &pages)) {
		add_process(out, "resident_memory_bytes", "gauge", "Resident memory.",
		            (double)pages * (double)sysconf(_SC_PAGESIZE));
		add_process(out, "virtual_memory_bytes", "gauge", "Virtual memory.", (double)bytes);
	}
	if (count >= 0)
		add_process(out, "open_fds", "gauge", "Open file descriptors.", count);
	if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur != RLIM_INFINITY)
		add_process(out, "max_fds", "gauge", "Most file descriptors that may be open.",
		            (double)files.rlim_cur);
	if (started > 0)
		add_process(out, "start_time_seconds", "gauge", "When the process started, since 1970.",
		            started);
}
