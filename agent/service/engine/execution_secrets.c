#include "agent/service/engine/execution_secrets.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "agent/service/exec/redactor.h"
#include "agent/util/directory.h"
#include "agent/util/file.h"
#include "reconcile/tree/json.h"

enum { SECRET_OUTPUTS_MAX = 256 << 20 };

/* ---- masks ---- */

static bool execution_secrets_has(const struct execution *x, const char *text)
{
	for (size_t i = 0; i < x->masks.count; i++)
		if (strcmp(x->masks.items[i], text) == 0)
			return true;
	return false;
}

void execution_secrets_add(struct execution *x, const char *const *masks)
{
	for (; masks && *masks; masks++)
		if (!execution_secrets_has(x, *masks))
			masks_add(&x->arena, &x->masks, arena_strdup(&x->arena, *masks));
}

/* Of every step, as one that printed before may have written an output of a later one's secret. */
static void execution_secrets_collect(const struct engine_state *es, struct execution *x)
{
	const struct step_execution run = { x->stored.uuid, x->workflow, x->stored.workflow };

	for (size_t i = 0; i < x->dag->count; i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		CLEANUP(buf_done) struct buf notes = BUF(64 << 10);
		const struct dag_start start = dag_run_start(x->dag, &a, i);
		struct attempt attempt = { 0 };
		struct err ignored;
		/* A step that cannot start now shows nothing; it is asked again when it starts. */
		step_command_prepare(&a, &es->options->steps, &run, &start, "", &attempt, &notes, &ignored);
		execution_secrets_add(x, attempt.masks);
	}
}

const char *const *execution_secrets_masks(const struct engine_state *es, struct execution *x)
{
	if (!x->masks_collected)
		execution_secrets_collect(es, x);
	x->masks_collected = true;
	return masks_list(&x->masks);
}

static void execution_secrets_mark_outputs(struct execution *x, const struct redactor *redactor, const struct node *outputs)
{
	for (size_t i = 0; outputs && i < outputs->count; i++) {
		struct node *value = outputs->entries[i].value;
		value->secret |= value->kind == NODE_TEXT && redactor_finds(redactor, value->text, strlen(value->text));
		x->secrets_unsaved |= value->secret;
	}
}

void execution_secrets_check(const struct engine_state *es, struct execution *x, struct arena *a, struct dag_event *event)
{
	CLEANUP(buf_done) struct buf message = BUF_TEXT;
	struct redactor redactor;

	if (!event->message && node_empty(event->outputs))
		return;
	const char *const *masks = execution_secrets_masks(es, x);
	if (event->message) {
		masks_cover(masks, event->message, strlen(event->message), SIZE_MAX, &message);
		event->message = arena_strdup(a, buf_str(&message));
	}
	redactor_init(a, masks, &redactor);
	execution_secrets_mark_outputs(x, &redactor, event->outputs);
}

/* ---- the file ---- */

static const char *execution_secrets_directory(struct arena *a, const struct engine_state *es, const struct execution *x)
{
	return arena_printf(a, "%s/%" PRId64 "-files", es->directory, x->stored.id);
}

bool execution_secrets_is_directory(const struct execution *x, const char *name)
{
	CLEANUP(arena_free) struct arena a = { 0 };

	return strcmp(name, arena_printf(&a, "%" PRId64 "-files", x->stored.id)) == 0;
}

bool execution_secrets_put_file(const struct engine_state *es, struct execution *x, struct arena *a, const char *name,
                                const char *text, const char **path, struct err *err)
{
	const char *directory = execution_secrets_directory(a, es, x);

	x->has_directory = true;
	*path = arena_printf(a, "%s/%s", directory, name);
	return (directory_make(directory, err) && file_replace(a, *path, text, strlen(text), 0600, err)) ||
	       err_wrap(err, "%s", *path);
}

static bool execution_secrets_found_in(const struct redactor *redactor, const struct node *outputs)
{
	if (outputs->kind == NODE_TEXT)
		return redactor_finds(redactor, outputs->text, strlen(outputs->text));
	for (size_t i = 0; i < outputs->count; i++)
		if (execution_secrets_found_in(redactor, outputs->entries[i].value))
			return true;
	return false;
}

/* The masks that are in outputs: the secret may be another one when the next engine reads it. */
static struct node *execution_secrets_used_masks(struct arena *a, const struct execution *x, const struct node *outputs)
{
	struct node *list = node_list(a);

	for (size_t i = 0; i < x->masks.count; i++) {
		const char *const one[] = { x->masks.items[i], NULL };
		struct redactor redactor;
		redactor_init(a, one, &redactor);
		if (execution_secrets_found_in(&redactor, outputs))
			node_add(a, list, node_text(a, *one));
	}
	return list;
}

bool execution_secrets_save(const struct engine_state *es, struct execution *x, struct err *err)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	CLEANUP(buf_done) struct buf text = BUF(SECRET_OUTPUTS_MAX);
	const char *path;
	struct node *outputs = x->secrets_unsaved ? dag_run_secret_outputs(&a, x->dag) : NULL, *document = node_map(&a);

	if (!outputs || x->dag->finished >= 0)
		return true;
	node_put(&a, document, "outputs", outputs);
	node_put(&a, document, "masks", execution_secrets_used_masks(&a, x, outputs));
	json_write(document, JSON_COMPACT, &text);
	x->secrets_unsaved = !execution_secrets_put_file(es, x, &a, "secret-outputs", buf_str(&text), &path, err);
	return !x->secrets_unsaved;
}

static bool execution_secrets_read(struct execution *x, struct arena *a, const char *path, struct err *err)
{
	struct node *document;
	const char *bytes;
	size_t len;

	if (!file_read(a, path, SECRET_OUTPUTS_MAX, &bytes, &len, err) || !json_read(a, bytes, len, &document, err))
		return false;
	const struct node *masks = node_get(document, "masks");
	for (size_t i = 0; masks && i < masks->count; i++)
		if (masks->entries[i].value->kind == NODE_TEXT)
			execution_secrets_add(x, (const char *const[]){ masks->entries[i].value->text, NULL });
	dag_run_restore_outputs(x->dag, node_get(document, "outputs"));
	return true;
}

/* A flowsync before this rule has saved them in the database. */
static void execution_secrets_mark_all(const struct engine_state *es, struct execution *x, struct arena *a)
{
	struct redactor redactor;
	size_t first = 0;

	while (first < x->dag->count && node_empty(x->dag->steps[first].outputs))
		first++;
	if (first == x->dag->count)
		return;
	redactor_init(a, execution_secrets_masks(es, x), &redactor);
	for (size_t i = first; i < x->dag->count; i++)
		execution_secrets_mark_outputs(x, &redactor, x->dag->steps[i].outputs);
}

void execution_secrets_load(const struct engine_state *es, struct execution *x)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	const char *directory = execution_secrets_directory(&a, es, x), *path = arena_printf(&a, "%s/secret-outputs", directory);
	struct err err = { 0 };

	x->has_directory = access(directory, F_OK) == 0;
	if (access(path, F_OK) == 0 ? !execution_secrets_read(x, &a, path, &err) : dag_run_lost_output(x->dag) != NULL)
		log_warn(es->options->log, "execution %s: an output parameter of step \"%s\" is lost: %s: %s", x->stored.uuid,
		         dag_run_lost_output(x->dag), path, *err.msg ? err.msg : strerror(ENOENT));
	execution_secrets_mark_all(es, x, &a);
}

void execution_secrets_remove(const struct engine_state *es, struct execution *x)
{
	CLEANUP(arena_free) struct arena a = { 0 };

	if (x->has_directory)
		engine_state_remove_directory(es, execution_secrets_directory(&a, es, x));
	x->has_directory = false;
}
