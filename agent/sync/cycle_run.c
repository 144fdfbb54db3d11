#include "agent/sync/cycle_run.h"

#include <signal.h>
#include <string.h>
#include <sys/random.h>

#include "agent/sync/connection.h"
#include "agent/util/diagnostics_text.h"
#include "agent/util/fd.h"
#include "agent/util/file.h"
#include "agent/util/heap.h"
#include "agent/config/cycle_job.h"
#include "agent/util/state_lock.h"
#include "agent/sync/applied_state.h"
#include "agent/sync/cycle_summary.h"
#include "agent/sync/github_output.h"
#include "agent/sync/known_specs.h"
#include "agent/sync/plan_file.h"
#include "agent/sync/progress.h"
#include "agent/sync/report_file.h"
#include "agent/sync/report_print.h"
#include "agent/state/report_store.h"
#include "agent/source/source.h"
#include "agent/util/clock.h"
#include "agent/util/shutdown_signals.h"
#include "agent/sync/sync_check.h"
#include "reconcile/base/suggest.h"
#include "reconcile/plan/cycle.h"
#include "reconcile/tree/json.h"

/* Who wants to know why the fields of one workflow are as they are. */
struct cycle_reader {
	const char *name;
	struct explanation explanation;
	void (*read)(void *context, const struct cycle_findings *findings);
	void *context;
};

/* Everything that one cycle holds; the report's texts live in the context's arena. */
struct cycle_run {
	struct context *ctx;
	struct cycle_reader *reader;	/* NULL: none */
	struct report report;
	struct diagnostics faults;
	struct source source;
	struct specs specs;
	struct known_specs known;
	struct cycle cycle;
	int64_t begun;		/* of clock_monotonic() */
	bool report_refused;	/* a file of --report or -o cannot be written, which is reported already */
	bool stored;		/* the report is in the state directory */
	struct spill_file spill_file;
	struct report_spill spill;
	struct report_file document;	/* of the report as it is now */
	bool planned;		/* the cycle went through */
	const struct saved_plan *saved;	/* is applied; NULL: all that is planned is */
	const char *plan_endpoint;	/* as a plan names it */
	unsigned char plan_key[DIGEST_KEY_SIZE];	/* of a plan that is saved */
};

static uint64_t cycle_run_random_number(void)
{
	uint64_t number;

	/* Used for jitter and the cycle's ID only: if the kernel's pool is not ready, the clock is good enough. */
	if (getrandom(&number, sizeof number, GRND_NONBLOCK) != sizeof number)
		number = (uint64_t)clock_monotonic();
	return number;
}

static void cycle_run_init(struct cycle_run *r, struct context *ctx, bool apply)
{
	struct arena *a = ctx->arena;
	const char *sync = ctx->settings->sync_name, *owner = ctx->settings->owner;

	*r = (struct cycle_run){ .ctx = ctx, .faults.arena = a, .specs.arena = a, .begun = clock_monotonic(),
	                         .spill_file = SPILL_FILE_NONE, .document = REPORT_FILE_NONE };
	r->report = (struct report){
		.mode = ctx->job ? "agent" : apply ? "sync" : "plan", .sync = sync ? sync : "default",
		.trigger = ctx->job ? ctx->job->trigger : "command",
		.started = timestamp_text(a, clock_now()), .owner = owner ? owner : "default",
		.verbose = ctx->settings->verbose,
		.faults = &r->faults, .verdict.detailed = ctx->settings->detailed_exitcode,
	};
	r->report.cycle_id = arena_printf(a, "%s-%08x", r->report.started, (unsigned)cycle_run_random_number());
}

static void cycle_run_add_error(struct cycle_run *r, const struct err *err)
{
	diagnostics_add(&r->faults, (struct pos){ 0 }, "%s", err->msg);
	exit_status_add(&r->report.verdict, err);
}

/* ---- the source ---- */

/* An empty source is probably a wrong directory.  With --prune the guard decides instead, and needs to know what is
 * owned. */
static bool cycle_run_refuse_empty_source(struct cycle_run *r)
{
	if (r->specs.count || r->ctx->settings->allow_empty)
		return false;
	diagnostics_add(&r->faults, (struct pos){ .file = r->report.source.location },
	                "has no *.yaml or *.yml file: no workflow is declared");
	r->report.verdict.invalid = true;
	return true;
}

/* "With on_invalid: continue valid specs are applied, nothing is pruned, and the report says so"
 * (design, 4). */
static bool cycle_run_continue_with_valid(struct cycle_run *r)
{
	if (!r->specs.count)
		return false;
	diagnostics_warn(&r->faults, (struct pos){ 0 }, "some specs are invalid: the valid ones are applied, and "
	                 "nothing is pruned");
	return true;
}

static void cycle_run_report_source(struct cycle_run *r)
{
	const struct source *s = &r->source;

	r->report.source = (struct report_source){
		.kind = s->kind, .location = s->location, .path = s->path,
		.revision = *s->revision.commit ? s->revision.commit : NULL,
		.tree = *s->revision.tree ? s->revision.tree : NULL,
		.files = s->files.count, .specs = r->specs.count,
	};
}

/* The revision that the agent has fetched.  If the fetch failed, the revision known before, from which nothing is
 * created or deleted: "a failed fetch plans neither deletes nor creates" (design, 6). */
static bool cycle_run_find_pinned_revision(struct cycle_run *r, struct git_revision *pin, struct err *err)
{
	const struct cycle_job *job = r->ctx->job;
	struct git_fetch fetch;

	for (size_t i = 0; i < job->warnings.count; i++)
		diagnostics_warn(&r->faults, (struct pos){ 0 }, "%s", job->warnings.items[i]);
	if (job->commit) {
		*pin = (struct git_revision){ .name = job->ref };
		snprintf(pin->commit, sizeof pin->commit, "%s", job->commit);
		snprintf(pin->tree, sizeof pin->tree, "%s", job->tree);
		return true;
	}
	return source_fetch(r->ctx, &fetch, err) &&
	       mirror_known(r->ctx->arena, fetch.mirror, &fetch.ref, fetch.path, pin, err);
}

static bool cycle_run_is_pinned(const struct cycle_run *r)
{
	return r->ctx->job && (r->ctx->job->commit || r->ctx->job->source_error);
}

static bool cycle_run_read_files(struct cycle_run *r, struct err *err)
{
	struct git_revision pin = { 0 };

	if (!cycle_run_is_pinned(r))
		return source_read(r->ctx, NULL, &r->source, &r->faults, err);
	return cycle_run_find_pinned_revision(r, &pin, err) && source_read(r->ctx, &pin, &r->source, &r->faults, err);
}

/* After a failed fetch the cycle works on the last known revision, and reports the error. */
static void cycle_run_report_source_error(struct cycle_run *r)
{
	const struct cycle_job *job = r->ctx->job;

	if (!job || !job->source_error)
		return;
	diagnostics_add(&r->faults, (struct pos){ 0 }, "%s", job->source_error);
	r->report.verdict.deferred = true;
}

static bool cycle_run_read_source(struct cycle_run *r, bool apply)
{
	struct context *ctx = r->ctx;
	struct err err;

	r->specs.local = connection_is_local(ctx);
	/* A reader wants the bytes of files, also of those that are known. */
	if (!r->reader)
		known_specs_open(ctx, apply, &r->source, &r->specs, &r->known);
	else
		r->known = (struct known_specs){ .ctx = ctx, .source = &r->source, .specs = &r->specs };
	bool ok = cycle_run_read_files(r, &err);
	known_specs_read(&r->known, ok, &r->faults);
	if (!r->reader)
		source_free_bytes(&r->source);
	specs_check(&r->specs, &r->faults);
	cycle_run_report_source(r);
	r->report.verdict.invalid = ok && r->faults.errors > 0;
	cycle_run_report_source_error(r);
	if (!ok) {
		cycle_run_add_error(r, &err);
		return false;
	}
	if (!r->report.verdict.invalid && !ctx->settings->prune)
		cycle_run_refuse_empty_source(r);
	return !r->report.verdict.invalid || (ctx->settings->on_invalid && cycle_run_continue_with_valid(r));
}

/* ---- a saved plan ---- */

/* The file of plan --out; NULL: none. */
static const char *cycle_run_out_file(const struct cycle_run *r)
{
	return strcmp(r->report.mode, "plan") == 0 ? r->ctx->settings->out : NULL;
}

/* Whether it fits the endpoint is seen later. */
static bool cycle_run_read_plan(struct cycle_run *r, const char *file, struct err *err)
{
	CLEANUP(arena_free) struct arena scratch = { 0 };
	const struct plan_target target = plan_file_target(r->ctx, NULL);
	struct saved_plan whole;

	if (!plan_file_read(&scratch, file, &whole, err))
		return false;
	if (!saved_plan_fits(&whole, &target, err))
		return err_wrap(err, "%s", file);
	const struct saved_plan *plan = r->saved = saved_plan_copy_steps(r->ctx->arena, &whole);
	r->report.plan.file = file;
	r->report.plan.digest = plan->digest;
	r->report.plan.created = plan->created;
	log_info(r->ctx->log, "applying plan %.10s of %s, made at %s", plan->digest, file, plan->created);
	return true;
}

/* A plan that cannot be saved should be known before the service is asked. */
static bool cycle_run_prepare_plan(struct cycle_run *r)
{
	const char *out = cycle_run_out_file(r), *file = r->ctx->settings->plan;
	struct err err;

	/* Then no report is written, as the file may hold an earlier plan. */
	r->report_refused = out && !plan_file_check_use(r->ctx->settings, out, &err);
	if (!r->report_refused &&
	    (!out || (plan_file_check(r->ctx->arena, out, &err) && plan_file_make_key(r->plan_key, &err))) &&
	    (!file || cycle_run_read_plan(r, file, &err)))
		return true;
	cycle_run_add_error(r, &err);
	return false;
}

/* The revision has changes that the plan left alone, so it was not applied. */
static bool cycle_run_left_some(const struct cycle_run *r)
{
	for (size_t i = 0; r->saved && i < r->report.step_count; i++)
		if (r->report.steps[i].result == RESULT_UNPLANNED || r->report.steps[i].stale)
			return true;
	return false;
}

static bool cycle_run_plan_fits(const struct cycle_run *r, struct err *err)
{
	const struct plan_target target = plan_file_target(r->ctx, r->plan_endpoint);

	return !r->saved || saved_plan_fits(r->saved, &target, err) || err_wrap(err, "%s", r->report.plan.file);
}

/* ---- the cycle ---- */

static void cycle_run_print_progress(const void *work, struct buf *line)
{
	static const char *const words[] = {
		"listing", "looking for workflows", "reading", "applying", "listing again", "removing duplicates", "deleting",
		"reading", "done",
	};
	const struct cycle *c = work;

	if (c->phase == CYCLE_LIST)
		buf_addf(line, "listing workflows: %zu", c->list.seen);
	else
		buf_addf(line, "%s: %zu of %zu", words[c->phase], c->finished, c->to_do);
}

/* A glob that matches name only. */
static const char *cycle_run_literal_glob(struct arena *a, const char *name)
{
	CLEANUP(buf_done) struct buf b = BUF_TEXT;

	for (; *name; name++) {
		if (strchr("*?[\\", *name))
			buf_addc(&b, '\\');
		buf_addc(&b, *name);
	}
	return arena_strdup(a, buf_str(&b));
}

/* Retries deferred steps without a whole cycle: only their workflows are read, and nothing is deleted, because a guard
 * could not count. */
static void cycle_run_limit_to_deferred(struct cycle_run *r, struct cycle_options *o)
{
	const struct texts *names = &r->ctx->job->names;
	const char **globs = arena_new(r->ctx->arena, const char *, names->count);

	for (size_t i = 0; i < names->count; i++)
		globs[i] = cycle_run_literal_glob(r->ctx->arena, names->items[i]);
	o->only = globs;
	o->only_count = names->count;
	o->prune = false;
}

static void cycle_run_limit_to_reader(struct cycle_run *r, struct cycle_options *o)
{
	const char **glob = arena_new(r->ctx->arena, const char *, 1);

	if (specs_find(&r->specs, r->reader->name) && !cycle_selects(o, r->reader->name))
		diagnostics_warn(&r->faults, (struct pos){ 0 }, "only: does not select \"%s\": a sync leaves it alone",
		                 r->reader->name);
	*glob = cycle_run_literal_glob(r->ctx->arena, r->reader->name);
	o->only = glob;
	o->only_count = 1;
	o->prune = false;
	o->explanation = &r->reader->explanation;
}

static struct cycle_options cycle_run_cycle_options(struct cycle_run *r, bool apply)
{
	const struct settings *s = r->ctx->settings;
	const struct cycle_job *job = r->ctx->job;
	struct cycle_options o = {
		.apply = apply, .only = s->only.items, .only_count = s->only.count, .owner = s->owner,
		.prune = s->prune && !r->report.verdict.invalid && !r->source.files.submodule, .no_adopt = !s->adopt, .mark = s->mark,
		.whole = s->undeclared, .mask = texts_list(r->ctx->arena, &s->mask),
		.observe_all = s->observe_all, .observe_all_ms = s->observe_full_ms,
		.defer = job, .hold = job && job->source_error,
		.limits = {
			.allow_empty = s->allow_empty, .allow_recreate = s->allow_recreate,
			.allow_rollback = s->allow_rollback,
			.delete_limit = settings_origin(s, &s->max_delete_percent) != NULL,
			.update_limit = settings_origin(s, &s->max_update_percent) != NULL,
			.max_delete_percent = s->max_delete_percent,
			.max_update_percent = s->max_update_percent,
		},
	};

	o.saved = r->saved;
	o.plan_key = r->saved ? r->saved->key : cycle_run_out_file(r) ? r->plan_key : NULL;
	if (job && job->names.count)
		cycle_run_limit_to_deferred(r, &o);
	if (r->reader)
		cycle_run_limit_to_reader(r, &o);
	return o;
}

static void cycle_run_reconcile(struct cycle_run *r, struct connection *connection, const struct applied_state *memory,
                                bool apply)
{
	const struct settings *s = r->ctx->settings;
	/* Not in the agent: cycles that run at the same time would overwrite each other's line. */
	struct progress progress = {
		.ctx = r->ctx, .describe = r->ctx->job ? NULL : cycle_run_print_progress, .work = &r->cycle,
	};
	struct request_loop_watch watch = progress_watch(&progress);
	struct cycle_options meant = cycle_run_cycle_options(r, apply);
	struct dispatch dispatch;

	/* Without the records an older revision cannot be told from a newer one: its deletes might be wrong. */
	if (memory->state && state_store_damage(memory->state))
		meant.prune = false;
	meant.limits.approved = memory->approvals.guards;
	meant.limits.approved_count = memory->approvals.count;
	watch.hurry_fd = r->ctx->job ? &r->ctx->job->hurry_fd : NULL;
	dispatch_init(&dispatch, (unsigned)s->concurrency, r->begun + s->timeout_ms, cycle_run_random_number());
	if (!r->reader) {
		r->spill = report_file_spill(r->ctx, &r->spill_file);
		r->report.spill = &r->spill;
	}
	cycle_begin(&r->cycle, r->ctx->arena, &dispatch, &r->specs, &meant, &r->report, &r->faults);
	cycle_remember(&r->cycle, &memory->for_cycle);
	do {
		request_loop_run(connection->client, &dispatch, r->ctx->stop_fd, &watch);
	} while (cycle_advance(&r->cycle));
	cycle_done(&r->cycle);
	progress_clear(&progress);
}

/* The revision that an approval is bound to: the commit, or the tree of a directory. */
static const char *cycle_run_approval_revision(const struct cycle_run *r)
{
	return r->source.mirror ? r->source.revision.commit : r->source.revision.tree;
}

static void cycle_run_suggest_approve(struct cycle_run *r)
{
	for (size_t i = 0; i < r->report.guards.count; i++)
		if (r->report.guards.items[i].message)
			diagnostics_warn(&r->faults, (struct pos){ 0 },
			                 "to allow this once: flowsync approve %s %s --revision %.10s",
			                 r->report.sync, r->report.guards.items[i].name, cycle_run_approval_revision(r));
}

/* A service that has no list of workflows has no workflows API at this path. */
static void cycle_run_suggest_path(struct cycle_run *r, const struct connection *connection)
{
	static const char usual[] = "/workflows/api/v1";
	const char *url = connection->endpoint.url;
	size_t len = strlen(url);
	bool is_usual = len >= strlen(usual) && strcmp(url + len - strlen(usual), usual) == 0;

	if (r->cycle.list.op.status == 404 && !is_usual)
		diagnostics_warn(&r->faults, (struct pos){ 0 }, "check the path of the endpoint %s: it is usually %s", url,
		                 usual);
}

/* ---- an explanation ---- */

static const char *cycle_run_nearest_name(const struct cycle_run *r)
{
	struct suggestion near = { .word = r->reader->name };

	for (size_t i = 0; i < r->specs.count; i++)
		suggest_offer(&near, r->specs.items[i].name);
	return near.best;
}

static int64_t cycle_run_id_of_name(const struct cycle_run *r)
{
	for (size_t i = 0; i < r->cycle.list.count; i++)
		if (strcmp(r->cycle.list.items[i].name, r->reader->name) == 0)
			return r->cycle.list.items[i].id;
	return 0;
}

static void cycle_run_read_findings(struct cycle_run *r, const struct applied_state *memory)
{
	struct cycle_reader *reader = r->reader;
	const struct spec *spec = specs_find(&r->specs, reader->name);
	struct cycle_findings findings = {
		.spec = spec, .nearest = spec ? NULL : cycle_run_nearest_name(r),
		.other_id = spec ? 0 : cycle_run_id_of_name(r),
		.step = spec && r->report.step_count ? r->report.steps : NULL, .explanation = &reader->explanation,
		.source = &r->source, .history = memory->history, .history_error = memory->history_error,
	};

	if (!r->report.verdict.failed || findings.step)
		reader->read(reader->context, &findings);
}

static void cycle_run_with_service(struct cycle_run *r, bool apply)
{
	CLEANUP(connection_close) struct connection connection = { 0 };
	CLEANUP(applied_state_close) struct applied_state memory = { 0 };
	CLEANUP(fd_close) int lock = -1;
	const char *state_dir = r->ctx->settings->state_dir;
	struct err err;

	if (!connection_open(r->ctx, (unsigned)r->ctx->settings->concurrency, &connection, &err)) {
		cycle_run_add_error(r, &err);
		return;
	}
	r->report.endpoint = connection.name;
	r->plan_endpoint = plan_file_endpoint(r->ctx, &connection);
	if (!cycle_run_plan_fits(r, &err)) {
		cycle_run_add_error(r, &err);
		return;
	}
	/* The agent holds the lock on behalf of its children. */
	if ((apply && state_dir && !r->ctx->job && !state_lock_take(state_dir, &lock, &err)) ||
	    !applied_state_open(r->ctx, apply, r->report.endpoint, r->report.owner, &r->source,
	                        &r->faults, &memory, &err) ||
	    !applied_state_load_approvals(&memory, r->ctx->job ? cycle_run_approval_revision(r) : NULL, &err)) {
		cycle_run_add_error(r, &err);
		return;
	}
	r->report.source.revision = memory.present.commit;
	cycle_run_reconcile(r, &connection, &memory, apply);
	r->planned = true;
	if (r->reader)
		cycle_run_read_findings(r, &memory);
	if (r->ctx->job)
		cycle_run_suggest_approve(r);
	if (apply)
		applied_state_save_looks(&memory, &r->cycle);
	bool good = exit_status_code(&r->report.verdict) == 0;
	/* Also if a part failed: else one workflow that always fails would disable the rollback guard. */
	bool done = apply && (good || r->report.verdict.applied);
	if (done && !cycle_run_left_some(r))
		applied_state_set_revision(&memory);
	if (done && !r->saved && !r->cycle.options.only_count && !(r->ctx->stop_fd >= 0 && shutdown_signals_received()))
		applied_state_set_complete(&memory);
	if (apply && good)
		applied_state_drop_approvals(&memory);
	cycle_run_suggest_path(r, &connection);
	if (!r->report.owned && !r->report.verdict.failed)
		cycle_run_refuse_empty_source(r);
}

static bool cycle_run_check_settings(struct cycle_run *r)
{
	struct err err;

	/* The zone of an agent is that of its local service, which was set by now. */
	if (sync_check_settings(r->ctx->settings, &err) &&
	    (r->ctx->job || report_print_set_zone(r->ctx->settings, &err)))
		return true;
	cycle_run_add_error(r, &err);
	return false;
}

/* ---- the report ---- */

/* The file of --report; NULL: none, or stdout. */
static const char *cycle_run_report_file(const struct cycle_run *r)
{
	const char *file = r->ctx->settings->report;

	return file && strcmp(file, "-") != 0 && !r->report_refused ? file : NULL;
}

static bool cycle_run_check_file(struct cycle_run *r, const char *file)
{
	struct err err;

	if (!file || file_check_replace(r->ctx->arena, file, &err))
		return true;
	err_wrap(&err, "report %s", file);
	cycle_run_add_error(r, &err);
	r->report_refused = true;
	return false;
}

/* A report that cannot be written should be known before changes are applied. */
static bool cycle_run_check_report_files(struct cycle_run *r)
{
	const struct output_files *files = &r->ctx->settings->outputs;
	bool ok = cycle_run_check_file(r, cycle_run_report_file(r));

	for (size_t i = 0; ok && i < files->count; i++)
		ok = cycle_run_check_file(r, files->items[i].file);
	return ok;
}

/* The report has changed. */
static void cycle_run_date_report(struct cycle_run *r)
{
	r->report.finished = timestamp_text(r->ctx->arena, clock_now());
	r->report.duration_ms = clock_monotonic() - r->begun;
	r->report.verdict.signal = r->ctx->stop_fd >= 0 ? shutdown_signals_received() : 0;
	report_file_done(&r->document);
}

static bool cycle_run_write_json_file(struct cycle_run *r, const char *file, struct err *err)
{
	if (!report_file_write(r->ctx, &r->report, &r->document, err))
		return err_wrap(err, "report %s", file);
	const struct file_content document = report_file_content(&r->document);
	return file_replace_with(r->ctx->arena, file, &document, REPORT_MODE, err) || err_wrap(err, "report %s", file);
}

static bool cycle_run_write_rendered_file(struct cycle_run *r, const struct output_file *f, struct err *err)
{
	CLEANUP(report_file_done) struct report_file rendered = REPORT_FILE_NONE;

	if (!report_file_render(r->ctx, &r->report, f->output, &rendered, err))
		return err_wrap(err, "report %s", f->file);
	const struct file_content content = report_file_content(&rendered);
	return file_replace_with(r->ctx->arena, f->file, &content, REPORT_MODE, err) || err_wrap(err, "report %s", f->file);
}

/* Writes the report to the file of --report and to those of -o, if any are given. */
static bool cycle_run_write_report_files(struct cycle_run *r, struct err *err)
{
	const struct output_files *files = &r->ctx->settings->outputs;
	const char *file = cycle_run_report_file(r);

	if (file && !cycle_run_write_json_file(r, file, err))
		return false;
	for (size_t i = 0; !r->report_refused && i < files->count; i++) {
		const struct output_file *f = &files->items[i];
		if (!(f->output == OUTPUT_JSON ? cycle_run_write_json_file(r, f->file, err)
		                               : cycle_run_write_rendered_file(r, f, err)))
			return false;
	}
	return true;
}

/* Not called for a plan, which writes nothing, nor for a wrong command line, which started no cycle. */
static bool cycle_run_store_report(struct cycle_run *r, struct err *err)
{
	const char *state_dir = r->ctx->settings->state_dir;

	if (!state_dir)
		return err_set(err, "give --state-dir, as HOME is not set");
	if (!report_file_write(r->ctx, &r->report, &r->document, err))
		return false;
	const struct file_content document = report_file_content(&r->document);
	return report_store_add(state_dir, r->report.cycle_id, &document, clock_now(), err);
}

/* Writes the report to its files and, with store, to the state directory. */
static void cycle_run_save_report(struct cycle_run *r, bool store)
{
	struct err err;

	cycle_run_date_report(r);
	if (!cycle_run_write_report_files(r, &err)) {
		/* Counts like a failed step: changes were applied all the same. */
		diagnostics_add(&r->faults, (struct pos){ 0 }, "%s", err.msg);
		r->report.verdict.step_failed = true;
		cycle_run_date_report(r);
	}
	r->stored = store && cycle_run_store_report(r, &err);
	if (!store || r->stored)
		return;
	diagnostics_warn(&r->faults, (struct pos){ 0 }, "this report is not stored: %s", err.msg);
	cycle_run_date_report(r);
}

/* A plan that is not whole is not saved: what it lacks would not be seen when it is applied.  Steps that are in conflict
 * or failed are not in it, and the report in it says so. */
static void cycle_run_save_plan(struct cycle_run *r)
{
	const struct exit_status *v = &r->report.verdict;
	const char *out = cycle_run_out_file(r);
	struct err err;

	if (!out)
		return;
	cycle_run_date_report(r);
	if (!r->planned || v->invalid || v->failed || v->blocked || v->deferred || v->signal) {
		diagnostics_warn(&r->faults, (struct pos){ 0 }, "no plan was saved in %s", out);
		return;
	}
	/* The plan has this report. */
	diagnostics_sort(&r->faults);
	if (!plan_file_write(r->ctx, out, &r->report, r->plan_endpoint, r->plan_key, &err))
		cycle_run_add_error(r, &err);
}

/* For the agent, which takes the report from the state directory. */
static void cycle_run_print_summary(struct cycle_run *r)
{
	CLEANUP(buf_done) struct buf text = BUF_TEXT;
	const struct node *frame = report_frame(r->ctx->arena, &r->report);

	json_write(cycle_summary_tree(r->ctx->arena, &r->report, frame, r->stored), JSON_COMPACT, &text);
	fputs(buf_str(&text), r->ctx->out);
}

static void cycle_run_print(struct cycle_run *r)
{
	struct err err;

	if (r->ctx->job)
		cycle_run_print_summary(r);
	/* That stdout takes no more is said by the command line. */
	else if (!report_print_run(r->ctx, &r->report, &err) && !ferror(r->ctx->out))
		log_warn(r->ctx->log, "%s", err.msg);
}

/* The agent has logged the error of a failed fetch, and in the last cycle the warnings that still hold. */
static bool cycle_run_was_logged(const struct cycle_run *r, const struct diagnostic *fault)
{
	const struct cycle_job *job = r->ctx->job;
	bool logged = job && job->source_error && strcmp(fault->message, job->source_error) == 0;

	for (size_t i = 0; job && fault->warning && i < job->logged.count; i++)
		logged |= strcmp(diagnostics_text_line(r->ctx->arena, fault), job->logged.items[i]) == 0;
	return logged;
}

static void cycle_run_log_faults(const struct cycle_run *r)
{
	struct diagnostics rest = r->faults;

	rest.items = arena_new(r->ctx->arena, struct diagnostic, r->faults.count);
	rest.count = 0;
	for (size_t i = 0; i < r->faults.count; i++)
		if (!cycle_run_was_logged(r, &r->faults.items[i]))
			rest.items[rest.count++] = r->faults.items[i];
	diagnostics_log(r->ctx->log, &rest);
}

static void cycle_run_done(struct cycle_run *r)
{
	known_specs_close(&r->known);
	source_done(&r->source);
	spill_file_close(&r->spill_file);
	report_file_done(&r->document);
}

int cycle_run(struct context *ctx, bool apply)
{
	struct cycle_run r;

	heap_use_huge_pages();
	cycle_run_init(&r, ctx, apply);
	if (cycle_run_check_settings(&r) && cycle_run_check_report_files(&r) && cycle_run_prepare_plan(&r) &&
	    cycle_run_read_source(&r, apply))
		cycle_run_with_service(&r, apply);
	cycle_run_save_plan(&r);
	diagnostics_sort(&r.faults);
	/* A command line typed wrong is no sync worth a report; an agent's configuration is: `report` shows why it fails. */
	bool store = apply && (ctx->job || !r.report.verdict.usage);
	cycle_run_save_report(&r, store);
	cycle_run_log_faults(&r);
	/* The output of the agent's child is no output of a job. */
	if (!ctx->job)
		github_output_write(ctx, &r.report, &r.specs, r.source.mirror);
	cycle_run_print(&r);
	cycle_run_done(&r);
	return exit_status_code(&r.report.verdict);
}

int cycle_run_explain(struct context *ctx, const char *name, struct diagnostics *faults,
                      void (*read)(void *context, const struct cycle_findings *findings), void *context)
{
	struct cycle_reader reader = {
		.name = name, .explanation.arena = ctx->arena, .read = read, .context = context,
	};
	struct cycle_run r;

	cycle_run_init(&r, ctx, false);
	r.reader = &reader;
	if (cycle_run_check_settings(&r) && cycle_run_read_source(&r, false))
		cycle_run_with_service(&r, false);
	diagnostics_sort(&r.faults);
	r.report.verdict.signal = ctx->stop_fd >= 0 ? shutdown_signals_received() : 0;
	*faults = r.faults;
	cycle_run_done(&r);
	return exit_status_code(&r.report.verdict);
}

void cycle_run_report_usage_error(struct context *ctx, const struct diagnostics *faults, bool apply)
{
	struct cycle_run r;

	cycle_run_init(&r, ctx, apply);
	r.faults = *faults;
	r.report.verdict.usage = true;
	/* What the agent asked for was no typing error: `report` and /status show why it fails. */
	cycle_run_save_report(&r, ctx->job);
	if (ctx->job || ctx->settings->output == OUTPUT_JSON)
		cycle_run_print(&r);
	cycle_run_done(&r);
}
