#include "agent/state/decision_store.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "agent/util/fd.h"
#include "agent/util/file.h"
#include "agent/util/file_lock.h"
#include "agent/util/state_directory.h"
#include "reconcile/base/buf.h"
#include "reconcile/tree/json.h"

enum { DECISIONS_VERSION = 1, DECISIONS_MAX = 1 << 20 };

static const char *const approval_keys[] = { "endpoint", "owner", "guard", "revision" };

static const char *decision_path(struct arena *a, const char *dir)
{
	return arena_printf(a, "%s/decisions.json", dir);
}

/* ---- reading ---- */

static bool decision_damaged(const char *path, const char *why, struct err *err)
{
	return err_set(err, "\"%s\", which holds what people have approved, is damaged (%s): nothing is written. To continue "
	               "without these decisions: mv '%s' '%s.damaged'", path, why, path, path);
}

static const char *decision_find_fault(const struct node *file)
{
	const struct node *approvals = node_get(file, "approvals");

	if (file->kind != NODE_MAP || node_get_int(file, "version", 0) < 1)
		return "expected an object with a version";
	if (!approvals || approvals->kind != NODE_LIST)
		return "expected a list of approvals";
	for (size_t i = 0; i < approvals->count; i++)
		for (size_t k = 0; k < ARRAY_LEN(approval_keys); k++)
			if (approvals->entries[i].value->kind != NODE_MAP ||
			    !node_get_text(approvals->entries[i].value, approval_keys[k]))
				return "expected an endpoint, an owner, a guard and a revision in each approval";
	return NULL;
}

static struct node *decision_make_file(struct arena *a)
{
	struct node *file = node_map(a);

	node_put(a, file, "version", node_int(a, DECISIONS_VERSION));
	node_put(a, file, "approvals", node_list(a));
	return file;
}

/* Without a file: nothing is decided. */
static bool decision_load(struct arena *a, const char *dir, struct node **out, struct err *err)
{
	const char *path = decision_path(a, dir), *bytes, *fault;
	struct err why;
	size_t len;

	if (!state_directory_check(dir, err))
		return false;
	if (access(path, F_OK) < 0 && errno == ENOENT) {
		*out = decision_make_file(a);
		return true;
	}
	if (!file_read(a, path, DECISIONS_MAX, &bytes, &len, err))
		return err_wrap(err, "\"%s\"", path);
	if (!json_read(a, bytes, len, out, &why))
		return decision_damaged(path, why.msg, err);
	if ((*out)->kind == NODE_MAP && node_get_int(*out, "version", 0) > DECISIONS_VERSION)
		return err_set(err, "\"%s\" is of version %lld, this flowsync knows versions up to %d: it was written by a newer "
		               "flowsync", path, (long long)node_get_int(*out, "version", 0), DECISIONS_VERSION);
	fault = decision_find_fault(*out);
	return !fault || decision_damaged(path, fault, err);
}

static bool decision_is_in_scope(const struct node *decision, const struct decision_scope *scope)
{
	return node_is_text(decision, "endpoint", scope->endpoint) && node_is_text(decision, "owner", scope->owner);
}

bool decision_store_approved(const char *dir, struct arena *a, const struct decision_scope *scope,
                             const char *revision, struct approved_guards *out, struct err *err)
{
	struct approved_guards all = { 0 };
	struct node *file;

	if (!decision_load(a, dir, &file, err))
		return false;
	const struct node *approvals = node_get(file, "approvals");
	for (size_t i = 0; revision && i < approvals->count; i++) {
		const struct node *approval = approvals->entries[i].value;
		if (!decision_is_in_scope(approval, scope) || !node_is_text(approval, "revision", revision))
			continue;
		arena_grow(a, all.guards, all.count, all.room);
		all.guards[all.count++] = node_get_text(approval, "guard");
	}
	*out = all;
	return true;
}

/* ---- writing ---- */

static bool decision_save(struct arena *a, const char *dir, const struct node *file, struct err *err)
{
	CLEANUP(buf_done) struct buf text = BUF_TEXT;
	const char *path = decision_path(a, dir);

	json_write(file, JSON_PRETTY, &text);
	buf_addc(&text, '\n');
	return file_replace(a, path, buf_str(&text), text.len, 0600, err) || err_wrap(err, "\"%s\"", path);
}

static void decision_add_approval(struct arena *a, struct node *file, const struct approval *approval)
{
	const char *const values[] = {
		approval->scope.endpoint, approval->scope.owner, approval->guard, approval->revision,
	};
	struct node *added = node_map(a);

	for (size_t i = 0; i < ARRAY_LEN(approval_keys); i++)
		node_put(a, added, approval_keys[i], node_text(a, values[i]));
	node_add(a, node_get(file, "approvals"), added);
}

/* Removes the approvals of a scope; guard NULL: of all its guards. */
static void decision_remove_approvals(struct arena *a, struct node *file, const struct decision_scope *scope,
                                      const char *guard)
{
	const struct node *before = node_get(file, "approvals");
	struct node *kept = node_list(a);

	for (size_t i = 0; i < before->count; i++) {
		struct node *approval = before->entries[i].value;
		if (!decision_is_in_scope(approval, scope) || (guard && !node_is_text(approval, "guard", guard)))
			node_add(a, kept, approval);
	}
	node_put(a, file, "approvals", kept);
}

/* approve does not wait for the sync whose lock an agent holds, so changes have a lock of their own. */
static bool decision_lock(struct arena *a, const char *dir, int *out, struct err *err)
{
	return state_directory_make(dir, err) &&
	       file_lock_take(arena_printf(a, "%s/decisions.lock", dir), true, out, err);
}

bool decision_store_approve(const char *dir, const struct approval *approval, struct err *err)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	CLEANUP(fd_close) int lock = -1;
	struct node *file;

	if (!decision_lock(&a, dir, &lock, err) || !decision_load(&a, dir, &file, err))
		return false;
	decision_remove_approvals(&a, file, &approval->scope, approval->guard);
	decision_add_approval(&a, file, approval);
	return decision_save(&a, dir, file, err);
}

bool decision_store_drop_approvals(const char *dir, const struct decision_scope *scope, struct err *err)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	CLEANUP(fd_close) int lock = -1;
	struct node *file;

	if (!decision_lock(&a, dir, &lock, err) || !decision_load(&a, dir, &file, err))
		return false;
	decision_remove_approvals(&a, file, scope, NULL);
	return decision_save(&a, dir, file, err);
}

bool decision_store_take_over(const char *dir, const struct approval_list *approvals, struct err *err)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	CLEANUP(fd_close) int lock = -1;
	struct node *file = decision_make_file(&a);

	if (!decision_lock(&a, dir, &lock, err))
		return false;
	if (access(decision_path(&a, dir), F_OK) == 0)
		return true;
	for (size_t i = 0; i < approvals->count; i++)
		decision_add_approval(&a, file, &approvals->items[i]);
	return decision_save(&a, dir, file, err);
}
