#include "agent/service/engine/notification_queue.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "agent/util/directory.h"
#include "agent/service/exec/attempt_reply.h"
#include "agent/util/clock.h"
#include "reconcile/tree/json.h"

/* While a notification is being sent, its row is due only after SENDING_TIMEOUT_MS, so that it is not sent twice; an
 * engine that takes over makes it due at once.  The wait after a failure doubles with each attempt. */
static const int64_t SENDING_TIMEOUT_MS = 5 * 60 * 1000, FIRST_RETRY_MS = 5 * 1000;

/* ---- the document ---- */

static const char *failed_steps_text(struct arena *a, const struct dag_run *dag)
{
	CLEANUP(buf_done) struct buf text = BUF(8 << 10);

	for (size_t i = 0; i < dag->count; i++)
		if (dag->steps[i].status == DAG_FAILED)
			buf_addf(&text, "step %s: %s\n", dag->steps[i].name, dag->steps[i].message);
	return text.len ? arena_strdup(a, buf_str(&text)) : NULL;
}

static void put_optional_text(struct arena *a, struct node *map, const char *key, const char *text)
{
	if (text)
		node_put(a, map, key, node_text(a, text));
}

const char *notification_queue_document(struct arena *a, const struct execution *x, const char *event)
{
	struct node *document = node_map(a);

	put_optional_text(a, document, "workflow", x->workflow);
	node_put(a, document, "workflowId", node_int(a, x->stored.workflow));
	put_optional_text(a, document, "execution", x->stored.uuid);
	put_optional_text(a, document, "event", event);
	put_optional_text(a, document, "status", dag_status_words[x->dag->status]);
	put_optional_text(a, document, "began", timestamp_text(a, x->dag->began));
	put_optional_text(a, document, "finished", x->dag->finished < 0 ? NULL : timestamp_text(a, x->dag->finished));
	put_optional_text(a, document, "detail", failed_steps_text(a, x->dag));
	return json_text(a, document);
}

static bool read_notification(struct arena *a, const struct stored_notification *row, struct node **watcher,
                              struct notification *out, struct err *err)
{
	struct node *n;

	if (!json_read(a, row->watcher, strlen(row->watcher), watcher, err) ||
	    !json_read(a, row->news, strlen(row->news), &n, err))
		return false;
	*out = (struct notification){
		.workflow = node_get_text(n, "workflow"), .workflow_id = node_get_int(n, "workflowId", 0),
		.execution = node_get_text(n, "execution"), .event = node_get_text(n, "event"),
		.status = node_get_text(n, "status"), .began = node_get_text(n, "began"),
		.finished = node_get_text(n, "finished"), .detail = node_get_text(n, "detail"),
	};
	return true;
}

/* ---- its row in the store ---- */

struct notification_retry { int64_t id; unsigned attempts; int64_t due; };

static bool commit_notification_retry(struct engine_state *es, void *what, struct err *err)
{
	const struct notification_retry *r = what;

	if (r->due < 0)
		return execution_store_drop_notification(es->store, r->id, err);
	return execution_store_put_notification(es->store, r->id, r->attempts, r->due, err);
}

/* due -1: it is not sent again. */
static bool reschedule_notification(struct engine_state *es, const struct stored_notification *row, int64_t due)
{
	struct notification_retry retry = { row->id, row->attempts, due };

	return engine_state_commit_with_retry(es, commit_notification_retry, &retry);
}

/* For messages. */
static const char *notification_subject(struct arena *a, const struct stored_notification *row)
{
	struct notification news = { 0 };
	struct node *watcher;
	struct err ignored;

	if (!read_notification(a, row, &watcher, &news, &ignored) || !news.workflow || !news.execution)
		return "an execution";
	return arena_printf(a, "workflow \"%s\": execution %s", news.workflow, news.execution);
}

/* final: another attempt would fail in the same way. */
static void notification_failed(struct engine_state *es, const struct stored_notification *row, bool final,
                                const char *why)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	int64_t wait = FIRST_RETRY_MS << (row->attempts ? row->attempts - 1 : 0);

	if (final || row->attempts >= NOTIFICATION_ATTEMPTS) {
		log_error(es->options->log, "%s: notification not sent after %u attempt%s, giving up: %s",
		          notification_subject(&a, row), row->attempts, row->attempts == 1 ? "" : "s", why);
		reschedule_notification(es, row, -1);
		return;
	}
	log_warn(es->options->log, "%s: cannot send notification, retrying in %" PRId64 " s: %s",
	         notification_subject(&a, row), wait / 1000, why);
	reschedule_notification(es, row, clock_now() + wait);
}

/* ---- sending ---- */

static const char *notification_directory(struct arena *a, const struct engine_state *es,
                                          const struct stored_notification *row)
{
	return arena_printf(a, "%s/tell-%" PRId64, es->directory, row->id);
}

static size_t active_notification_count(const struct engine_state *es)
{
	return es->active_count - es->active_steps;
}

/* If false, *final says whether another attempt would fail in the same way. */
static bool start_notification_attempt(struct engine_state *es, struct active_attempt *at, bool *final, struct err *err)
{
	struct arena *a = &at->arena;
	struct attempt_command *command = arena_new(a, struct attempt_command, 1);
	struct masks masks = { 0 };
	struct notification news;
	struct node *watcher;

	*final = true;
	if (!read_notification(a, at->notification, &watcher, &news, err) ||
	    !notification_command(a, watcher, &news, &es->options->mail, command, &masks, err))
		return false;
	const struct attempt attempt = {
		.folder = notification_directory(a, es, at->notification), .commands = command, .command_count = 1,
		.env = step_command_environment(a, &es->options->steps), .masks = masks_list(&masks),
	};
	*final = false;
	return engine_state_start_attempt(es, at, &attempt, err);
}

static void send_notification(struct engine_state *es, const struct stored_notification *row)
{
	struct active_attempt *at = calloc(1, sizeof *at);
	struct err err;
	bool final;

	if (!at)
		abort();
	at->id = ++es->last_attempt_id;
	at->notification = arena_new(&at->arena, struct stored_notification, 1);
	*at->notification = (struct stored_notification){
		row->id, arena_strdup(&at->arena, row->watcher), arena_strdup(&at->arena, row->news),
		row->attempts + 1,
	};
	if (!reschedule_notification(es, at->notification, clock_now() + SENDING_TIMEOUT_MS)) {
		engine_state_free_attempt(es, at);
		return;
	}
	if (start_notification_attempt(es, at, &final, &err))
		return;
	notification_failed(es, at->notification, final, err.msg);
	engine_state_free_attempt(es, at);
}

void notification_queue_send_due(struct engine_state *es, int64_t *next)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	struct stored_notification *due;
	size_t count, slots = NOTIFICATIONS_AT_A_TIME - active_notification_count(es);
	struct err err;

	*next = -1;
	if (!slots)
		return;		/* when one has ended, the engine calls again */
	if (!execution_store_due_notifications(es->store, &a, clock_now(), slots, &due, &count, &err)) {
		log_error(es->options->log, "cannot read which notifications are due: %s", err.msg);
		*next = clock_now() + FIRST_RETRY_MS;
		return;
	}
	for (size_t i = 0; i < count && !es->stopping; i++)
		send_notification(es, &due[i]);
	if (active_notification_count(es) < NOTIFICATIONS_AT_A_TIME &&
	    !execution_store_next_notification(es->store, next, &err))
		*next = clock_now() + FIRST_RETRY_MS;
}

/* Why the attempt in folder did not send the notification; NULL: it did.  *final: another attempt would fail in the
 * same way. */
static const char *notification_queue_failure(struct arena *a, const char *folder, bool *final)
{
	struct attempt_reply reply = { 0 };
	const char *message = "";
	bool found = false;
	int code = -1;
	struct err err;

	if (!attempt_result_read(a, folder, &code, &message, &found, &err))
		return arena_strdup(a, err.msg);
	if (found && code == EX_OK)
		return NULL;
	if (!attempt_reply_read(a, folder, &reply, &err))
		return arena_strdup(a, err.msg);
	*final = reply.found ? reply.final : found && code == EX_USAGE;
	if (reply.found && reply.message)
		return reply.message;
	return !found ? "its process was killed" : *message ? message : arena_printf(a, "exit code %d", code);
}

void notification_queue_attempt_ended(struct engine_state *es, struct active_attempt *at, const char *why)
{
	const char *folder = notification_directory(&at->arena, es, at->notification);
	bool final = false;

	if (!why)
		why = notification_queue_failure(&at->arena, folder, &final);
	if (why)
		notification_failed(es, at->notification, final, why);
	else
		reschedule_notification(es, at->notification, -1);
	engine_state_remove_directory(es, folder);
	engine_state_free_attempt(es, at);
}

/* ---- recovery ---- */

/* Reads the id out of the name that notification_directory() makes: "tell-12". */
static bool notification_id_of_directory(const char *name, int64_t *id)
{
	char *end;

	if (strncmp(name, "tell-", 5) != 0)
		return false;
	*id = strtoll(name + 5, &end, 10);
	return end > name + 5 && !*end;
}

static bool was_notification_sent(const struct engine_state *es, const char *name)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	const char *message;
	bool found;
	struct err err;
	int code;

	return attempt_result_read(&a, arena_printf(&a, "%s/%s", es->directory, name), &code, &message, &found, &err) &&
	       found && code == 0;
}

static bool commit_recovered_notifications(struct engine_state *es, void *what, struct err *err)
{
	CLEANUP(directory_close) DIR *dir = opendir(es->directory);
	int64_t id;

	for (struct dirent *e; dir && (e = readdir(dir)); )
		if (notification_id_of_directory(e->d_name, &id) && was_notification_sent(es, e->d_name) &&
		    !execution_store_drop_notification(es->store, id, err))
			return false;
	return execution_store_make_notifications_due(es->store, clock_now(), err);
}

void notification_queue_recover(struct engine_state *es)
{
	engine_state_commit_with_retry(es, commit_recovered_notifications, NULL);
}
