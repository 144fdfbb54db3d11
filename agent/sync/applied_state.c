#include "agent/sync/applied_state.h"

#include <string.h>

#include "agent/git/file_history.h"
#include "agent/state/state_store.h"
#include "agent/util/clock.h"
#include "reconcile/schema/digest.h"
#include "reconcile/schema/mask.h"

#define SHALLOW	"this clone is shallow: fetch the whole history (git fetch --unshallow, or fetch-depth: 0)"

static void applied_state_warn_of_failure(struct applied_state *m, const struct err *err)
{
	if (m->failed)
		return;
	m->failed = true;
	diagnostics_warn(m->faults, (struct pos){ 0 }, "the state of an applied workflow could not be saved: %s", err->msg);
}

static void applied_state_save_record(void *context, const struct applied_record *record, bool over)
{
	struct applied_state *m = context;

	if (!m->state)
		return;
	state_store_put(m->state, record);
	if (over)
		state_store_drop_intents(m->state, record->name);
}

static void applied_state_drop_record(void *context, const char *name, bool over)
{
	struct applied_state *m = context;

	if (!m->state)
		return;
	state_store_drop(m->state, name);
	if (over)
		state_store_drop_intents(m->state, name);
}

static void applied_state_save_intent(void *context, const struct applied_intent *intent)
{
	struct applied_state *m = context;

	if (m->state)
		state_store_intend(m->state, intent);
}

static void applied_state_drop_intent(void *context, const struct applied_intent *intent)
{
	struct applied_state *m = context;

	if (m->state)
		state_store_withdraw(m->state, intent);
}

static void applied_state_drop_intents(void *context, const char *name)
{
	struct applied_state *m = context;

	if (m->state)
		state_store_drop_intents(m->state, name);
}

static void applied_state_commit(void *context, bool last)
{
	struct applied_state *m = context;
	struct err err;

	if (m->state && !state_store_commit(m->state, last, &err))
		applied_state_warn_of_failure(m, &err);
}

/* ---- older versions ---- */

struct search {
	struct applied_state *memory;
	struct arena *arena;		/* of what is found */
	const struct spec *spec;
	const char *digest;
	const struct node *found;
};

/* The body of the spec called name in specs, if its digest is the one that is searched. */
static const struct node *applied_state_matching_body(const struct search *s, struct arena *a, const struct specs *specs,
                                                      const char *name)
{
	const struct spec *older = name ? specs_find(specs, name) : NULL;

	if (!older)
		return NULL;
	struct node *body = spec_body(a, older);
	mask_mark(a, body, s->memory->mask);
	return spec_body_of_digest(a, body, s->digest);
}

/* An older version may be invalid; what can be read of it is used.  Only the spec's own names are looked up: what was
 * applied under another name has the owner tags of another workflow. */
static bool applied_state_check_version(void *context, const char *bytes, size_t len)
{
	struct search *s = context;
	CLEANUP(arena_free) struct arena a = { 0 };
	struct diagnostics faults = { .arena = &a };
	struct specs specs = { .arena = &a, .older = true };

	specs_read(&specs, s->memory->ctx->vars, s->spec->at.file, bytes, len, &faults);
	const struct node *body = applied_state_matching_body(s, &a, &specs, s->spec->name);
	if (!body)
		body = applied_state_matching_body(s, &a, &specs, s->spec->renamed_from);
	if (body)
		s->found = node_copy(s->arena, body);
	return !s->found;
}

/* Goes on without a history that cannot be read, with a warning.  A mirror is marked corrupt, to be cloned again. */
static void applied_state_drop_history(struct applied_state *m, const struct err *err)
{
	const struct source *source = m->source;

	if (!source->mirror) {
		if (!m->history_error)
			diagnostics_warn(m->faults, (struct pos){ 0 }, "%s: neither older versions of specs nor a rollback "
			                 "can be detected", err->msg);
		m->history_error = arena_strdup(m->ctx->arena, err->msg);
		return;
	}
	mirror_mark_corrupt(source->mirror, err->msg);
	diagnostics_warn(m->faults, (struct pos){ 0 }, "the mirror of %s is corrupt; it will be cloned again: %s",
	                 source->location, err->msg);
	file_history_close(m->history);
	m->history = NULL;
}

static const struct node *applied_state_find_older_spec(void *context, struct arena *a, const struct spec *spec,
                                                        const char *digest)
{
	struct applied_state *m = context;
	struct search search = { m, a, spec, digest, NULL };
	struct err err;

	if (m->history && !file_history_versions(m->history, spec->at.file, applied_state_check_version, &search, &err))
		applied_state_drop_history(m, &err);
	return search.found;
}

static const char *applied_state_explain_missing_record(void *context)
{
	const struct applied_state *m = context;
	struct arena *a = m->ctx->arena;
	const char *dir = m->ctx->settings->state_dir;
	enum file_history_gap gap = m->history ? file_history_gap(m->history) : FILE_HISTORY_WHOLE;

	if (gap == FILE_HISTORY_SHALLOW)
		return SHALLOW;
	if (gap == FILE_HISTORY_PARTIAL)
		return "this clone is partial: clone without --filter to have older versions of the files";
	if (m->history)
		return "no version of its file in the git history has the digest that is on the workflow";
	if (m->history_error)
		return arena_printf(a, "its history cannot be read: %s", m->history_error);
	return dir ? arena_printf(a, "a directory has no history, and the state in %s has no record of it", dir)
	           : "a directory has no history: keep a state (--state-dir)";
}

/* Without the history the guard could not see that the branch was force-pushed. */
static bool applied_state_fail_corrupt_mirror(struct applied_state *m, struct err *err)
{
	mirror_mark_corrupt(m->source->mirror, err->msg);
	return err_wrap(err, "the mirror of %s is corrupt; it will be cloned again", m->source->location);
}

/* Where the source is from: the same whatever folder below a work tree's top was given. */
static struct state_store_revision applied_state_present_revision(const struct applied_state *m)
{
	const struct source *s = m->source;
	struct arena *a = m->ctx->arena;

	if (!m->history)
		return (struct state_store_revision){ 0 };
	const char *top = file_history_top(m->history);
	return (struct state_store_revision){
		.commit = arena_strdup(a, file_history_revision(m->history)),
		.repository = s->mirror ? s->location : arena_strndup(a, top, strlen(top) - 1),
		.path = s->mirror ? s->path : arena_strdup(a, file_history_folder(m->history)),
	};
}

static bool applied_state_is_moved(const struct applied_state *m, const struct state_store_revision *last)
{
	return last->repository && strcmp(last->repository, m->present.repository) != 0;
}

/* "If a shallow clone hides it, the guard passes with a warning" (design, 6.3). */
static void applied_state_warn_of_hidden_order(struct applied_state *m)
{
	const struct guard_revisions *r = &m->for_cycle.revisions;

	diagnostics_warn(m->faults, (struct pos){ 0 }, "flowsync cannot check that revision %s comes after %s, which was "
	                 "applied last%s%s; " SHALLOW, r->now, r->last, r->last_place ? " from " : "",
	                 r->last_place ? r->last_place : "");
}

static bool applied_state_compare_revisions(struct applied_state *m, const struct state_store_revision *last,
                                            struct err *err)
{
	struct guard_revisions *r = &m->for_cycle.revisions;
	enum file_history_order order;

	if (!file_history_compare(m->history, last->commit, &order, &r->undone, err))
		return false;
	if (order == FILE_HISTORY_UNKNOWN)
		applied_state_warn_of_hidden_order(m);
	else if (order == FILE_HISTORY_MISSING)
		r->order = applied_state_is_moved(m, last) ? REVISION_FOREIGN : REVISION_REWRITTEN;
	else if (order == FILE_HISTORY_BEFORE)
		r->order = REVISION_GOES_BACK;
	return true;
}

static bool applied_state_find_revisions(struct applied_state *m, struct err *err)
{
	struct guard_revisions *r = &m->for_cycle.revisions;
	struct state_store_revision last = { 0 };

	m->present = applied_state_present_revision(m);
	r->now = m->present.commit;
	if (m->state && !state_store_revision(m->state, m->ctx->arena, &last, err))
		return err_wrap(err, "state directory %s", m->ctx->settings->state_dir);
	r->last = last.commit;
	if (last.repository)
		r->last_place = last.path && *last.path ? arena_printf(m->ctx->arena, "%s, path %s", last.repository, last.path)
		                                        : last.repository;
	if (!m->history || !r->last || applied_state_compare_revisions(m, &last, err))
		return true;
	if (m->source->mirror)
		return applied_state_fail_corrupt_mirror(m, err);
	applied_state_drop_history(m, err);
	return true;
}

static bool applied_state_open_history(struct applied_state *m, struct err *err)
{
	const struct source *s = m->source;

	if (s->mirror)
		return file_history_open_mirror(s->mirror, s->revision.commit, &m->history, err) ||
		       applied_state_fail_corrupt_mirror(m, err);
	if (!file_history_open(s->location, &m->history, err))
		applied_state_drop_history(m, err);
	return true;
}

/* Earlier versions kept approvals in the state. */
static bool applied_state_move_approvals(struct applied_state *m, struct err *err)
{
	struct approval_list approvals;

	return state_store_old_approvals(m->state, m->ctx->arena, &approvals, err) &&
	       (approvals.count == 0 || (decision_store_take_over(m->ctx->settings->state_dir, &approvals, err) &&
	                                 state_store_drop_old_approvals(m->state, err)));
}

bool applied_state_open(struct context *ctx, bool write, const char *endpoint, const char *owner,
                        const struct source *source, struct diagnostics *faults, struct applied_state *out,
                        struct err *err)
{
	const char *state_dir = ctx->settings->state_dir;

	*out = (struct applied_state){
		.ctx = ctx, .faults = faults, .source = source, .mask = texts_list(ctx->arena, &ctx->settings->mask),
		.scope = { endpoint, owner },
	};
	if (state_dir && (!state_store_open(state_dir, write ? STATE_WRITE : STATE_READ, endpoint, owner,
	                                    &out->state, err) ||
	                  !state_store_load(out->state, ctx->arena, &out->records, err) ||
	                  !state_store_load_looks(out->state, ctx->arena, &out->looks, err)))
		return err_wrap(err, "state directory %s", state_dir);
	if (out->state && state_store_damage(out->state))
		diagnostics_warn(faults, (struct pos){ 0 }, "%s", state_store_damage(out->state));
	if ((write && out->state && !applied_state_move_approvals(out, err)) || !applied_state_open_history(out, err))
		return false;
	out->for_cycle = (struct cycle_memory){
		.records = &out->records, .looks = out->state ? &out->looks : NULL, .key = out->state ? state_store_key(out->state) : NULL,
		.recall = applied_state_find_older_spec, .explain = applied_state_explain_missing_record,
		.keep = write ? applied_state_save_record : NULL,
		.forget = write ? applied_state_drop_record : NULL, .intend = write ? applied_state_save_intent : NULL,
		.withdraw = write ? applied_state_drop_intent : NULL,
		.drop_intents = write ? applied_state_drop_intents : NULL,
		.commit = write ? applied_state_commit : NULL, .context = out,
		.clock = clock_now() - clock_monotonic(),
	};
	return applied_state_find_revisions(out, err);
}

bool applied_state_load_approvals(struct applied_state *m, const char *revision, struct err *err)
{
	return !m->state || decision_store_approved(m->ctx->settings->state_dir, m->ctx->arena, &m->scope, revision,
	                                            &m->approvals, err);
}

void applied_state_set_revision(struct applied_state *m)
{
	struct err err;

	/* If this fails, the rollback guard cannot work at the next cycle. */
	if (m->state && m->present.commit && !state_store_set_revision(m->state, &m->present, &err))
		log_warn(m->ctx->log, "the applied revision could not be saved: %s", err.msg);
}

void applied_state_set_complete(struct applied_state *m)
{
	struct err err;

	/* If this fails, the next sync deletes nothing either. */
	if (m->state && state_store_damage(m->state) && !state_store_set_complete(m->state, &err))
		log_warn(m->ctx->log, "the end of this sync could not be saved: %s", err.msg);
}

void applied_state_save_looks(struct applied_state *m, const struct cycle *cycle)
{
	struct err err;

	/* If this fails, the next cycle describes more workflows than it has to. */
	if (m->state && !state_store_save_looks(m->state, &cycle->warm, clock_now(), &err))
		log_warn(m->ctx->log, "it could not be saved which workflows are unchanged: %s", err.msg);
}

void applied_state_drop_approvals(struct applied_state *m)
{
	struct err err;

	if (m->approvals.count && !decision_store_drop_approvals(m->ctx->settings->state_dir, &m->scope, &err))
		log_warn(m->ctx->log, "a used approval could not be removed: %s", err.msg);
}

void applied_state_close(struct applied_state *m)
{
	file_history_close(m->history);
	state_store_close(m->state);
	*m = (struct applied_state){ 0 };
}
