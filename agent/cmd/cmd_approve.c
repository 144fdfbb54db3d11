#include <string.h>

#include "agent/daemon/approval.h"
#include "agent/cmd/cli.h"
#include "agent/state/report_store.h"
#include "agent/state/decision_store.h"

enum { REVISION_LEAST = 7 };	/* characters; fewer could be ambiguous */

/* The report of the sync's last cycle in the agent.  Reports of `sync` by hand are skipped: beside an agent such a sync
 * only reports that the state directory is in use. */
static bool cmd_approve_find_report(struct context *ctx, const char *sync, const struct node **out, struct err *err)
{
	const char *dir = ctx->settings->state_dir, **ids;
	const struct node *report;
	struct err skipped;
	size_t count;

	if (!dir)
		return err_usage(err, "reports are kept in the state directory: give --state-dir, as HOME is not set");
	if (!report_store_list(ctx->arena, dir, &ids, &count, err))
		return false;
	for (size_t i = 0; i < count; i++) {
		/* Reports of other syncs may be large. */
		const char *name = report_store_sync_name(ctx->arena, dir, ids[i]);
		if ((name && strcmp(name, sync) != 0) ||
		    !report_store_read(ctx->arena, dir, ids[i], &report, &skipped) ||
		    !report_store_check(report, &skipped) ||
		    !node_is_text(report, "sync", sync) || !node_is_text(report, "mode", "agent"))
			continue;
		*out = report;
		return true;
	}
	return err_usage(err, "%s has no report of a sync \"%s\" of the agent", dir, sync);
}

static const struct node *cmd_approve_blocking_guard(const struct node *report, const char *guard)
{
	const struct node *guards = node_get(report, "guards");

	for (size_t i = 0; guards && i < guards->count; i++) {
		const struct node *g = guards->entries[i].value;
		if (node_is_text(g, "result", "block") && (!guard || node_is_text(g, "name", guard)))
			return g;
	}
	return NULL;
}

static bool cmd_approve_check_guard(const struct node *report, const char *sync, const char *guard, struct err *err)
{
	const struct node *other = cmd_approve_blocking_guard(report, NULL);

	if (cmd_approve_blocking_guard(report, guard))
		return true;
	if (other)
		return err_usage(err, "the last cycle of \"%s\" was blocked by the guard %s, not by \"%s\"", sync,
		                 node_get_text(other, "name"), guard);
	return err_usage(err, "the last cycle of \"%s\" was not blocked by a guard", sync);
}

static bool cmd_approve_begins_with(const char *text, const char *given)
{
	return text && strncmp(text, given, strlen(given)) == 0;
}

/* A git source is approved by commit.  The revision of a directory does not identify the content of its files; its tree
 * does. */
static bool cmd_approve_find_revision(const struct node *report, const char *given, const char **out, struct err *err)
{
	const struct node *source = node_get(report, "source");
	const char *revision = node_get_text(source, "revision"), *tree = node_get_text(source, "tree");
	const char *named = node_is_text(source, "kind", "git") ? revision : tree;

	if (strlen(given) < REVISION_LEAST)
		return err_usage(err, "--revision %s: expected at least %d characters", given, REVISION_LEAST);
	if (named && (cmd_approve_begins_with(revision, given) || cmd_approve_begins_with(tree, given))) {
		*out = named;
		return true;
	}
	return err_usage(err, "the last cycle was blocked at revision %s, not at %s", named ? named : "unknown", given);
}

static bool cmd_approve_store(struct context *ctx, const char **revision, struct err *err)
{
	const char *sync = ctx->arguments[0], *guard = ctx->arguments[1];
	const struct node *report = NULL;

	if (!ctx->settings->revision)
		return err_usage(err, "no revision is given: --revision REV");
	if (!cmd_approve_find_report(ctx, sync, &report, err) || !cmd_approve_check_guard(report, sync, guard, err) ||
	    !cmd_approve_find_revision(report, ctx->settings->revision, revision, err))
		return false;
	const struct approval approval = {
		{ node_get_text(node_get(report, "service"), "endpoint"), node_get_text(report, "owner") }, guard, *revision,
	};
	return decision_store_approve(ctx->settings->state_dir, &approval, err) &&
	       approval_announce(ctx->settings->state_dir, err);
}

static int cmd_approve_run(struct context *ctx)
{
	const char *revision = NULL;
	struct err err;

	if (!cmd_approve_store(ctx, &revision, &err))
		return cli_fail(ctx, &err);
	fprintf(ctx->out, "%s may pass the guard %s once, at %s\n", ctx->arguments[0], ctx->arguments[1], revision);
	return 0;
}

const struct command cmd_approve = {
	.name = "approve",
	.arguments = "SYNC GUARD",
	.summary = "let the agent pass a guard for one revision",
	.help = "When a guard has blocked a cycle of the running agent (flowsync report latest shows the guard\n"
	        "and the revision), allows the sync SYNC to pass the guard GUARD once, for that revision only.\n"
	        "The agent notices within a few seconds.",
	.least = 2,
	.most = 2,
	.options = FOR_APPROVE,
	.as_state_owner = true,
	.run = cmd_approve_run,
};
