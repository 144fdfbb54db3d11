#include "agent/service/engine/notification_queue.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "agent/service/exec/attempt_reply.h"
#include "agent/util/clock.h"
#include "reconcile/tree/json.h"

/* One that was begun is not begun again before that time, unless by another engine, which knows that it has
 * ended.  FIRST doubles with each attempt. */
static const int64_t PATIENCE_MS = 5 * 60 * 1000, FIRST_MS = 5 * 1000;

/* ---- what of ---- */

static const char *failures(struct arena *a, const struct dag_run *flow)
{
	CLEANUP(buf_done) struct buf text = BUF(8 << 10);

	for (size_t i = 0; i < flow->count; i++)
		if (flow->steps[i].status == DAG_FAILED)
			buf_addf(&text, "step %s: %s\n", flow->steps[i].name, flow->steps[i].message);
	return text.len ? arena_strdup(a, buf_str(&text)) : NULL;
}

static void put(struct arena *a, struct node *map, const char *key, const char *text)
{
	if (text)
		node_put(a, map, key, node_text(a, text));
}

const char *notification_queue_describe(struct arena *a, const struct execution *l, const char *event)
{
	struct node *news = node_map(a);

	put(a, news, "workflow", l->workflow);
	node_put(a, news, "workflowId", node_int(a, l->run.workflow));
	put(a, news, "execution", l->run.uuid);
	put(a, news, "event", event);
	put(a, news, "status", flow_status_words[l->flow->status]);
	put(a, news, "began", timestamp_text(a, l->flow->began));
	put(a, news, "finished", l->flow->finished < 0 ? NULL : timestamp_text(a, l->flow->finished));
	put(a, news, "detail", failures(a, l->flow));
	return json_text(a, news);
}

static bool read_tell(struct arena *a, const struct stored_notification *tell, struct node **watcher,
                      struct notification *out, struct err *err)
{
	struct node *n;

	if (!json_read(a, tell->watcher, strlen(tell->watcher), watcher, err) ||
	    !json_read(a, tell->news, strlen(tell->news), &n, err))
		return false;
	*out = (struct notification){
		.workflow = node_get_text(n, "workflow"), .workflow_id = node_get_int(n, "workflowId", 0),
		.execution = node_get_text(n, "execution"), .event = node_get_text(n, "event"),
		.status = node_get_text(n, "status"), .began = node_get_text(n, "began"),
		.finished = node_get_text(n, "finished"), .detail = node_get_text(n, "detail"),
	};
	return true;
}

/* ---- writing down how far it is ---- */

struct again { int64_t id; unsigned attempts; int64_t due; };

static bool write_again(struct engine_state *w, void *what, struct err *err)
{
	const struct again *again = what;

	return again->due < 0 ? execution_store_drop_notification(w->store, again->id, err)
	                      : execution_store_put_notification(w->store, again->id, again->attempts, again->due, err);
}

/* due -1: it is done with. */
static bool put_again(struct engine_state *w, const struct stored_notification *tell, int64_t due)
{
	struct again again = { tell->id, tell->attempts, due };

	return engine_state_commit(w, write_again, &again);
}

static const char *about(struct arena *a, const struct stored_notification *tell)
{
	struct notification news = { 0 };
	struct node *watcher;
	struct err ignored;

	if (!read_tell(a, tell, &watcher, &news, &ignored) || !news.workflow || !news.execution)
		return "a run";
	return arena_printf(a, "workflow \"%s\": run %s", news.workflow, news.execution);
}

static void failed(struct engine_state *w, const struct stored_notification *tell, bool final, const char *why)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	int64_t wait = FIRST_MS << (tell->attempts ? tell->attempts - 1 : 0);

	if (final || tell->attempts >= NOTIFICATION_ATTEMPTS) {
		log_error(w->options->log, "%s: a watcher was not told after %u attempt%s, and will not be: %s",
		          about(&a, tell), tell->attempts, tell->attempts == 1 ? "" : "s", why);
		put_again(w, tell, -1);
		return;
	}
	log_warn(w->options->log, "%s: a watcher could not be told and will be again in %" PRId64 " s: %s",
	         about(&a, tell), wait / 1000, why);
	put_again(w, tell, clock_now() + wait);
}

/* ---- telling ---- */

static const char *folder_of(struct arena *a, const struct engine_state *w, const struct stored_notification *tell)
{
	return arena_printf(a, "%s/tell-%" PRId64, w->folder, tell->id);
}

/* How many are being told. */
static size_t tell_count(const struct engine_state *w)
{
	return w->active_count - w->active_steps;
}

/* *final: another try would fare no better. */
static bool begin(struct engine_state *w, struct active_attempt *at, bool *final, struct err *err)
{
	struct arena *a = &at->arena;
	struct attempt_command *command = arena_new(a, struct attempt_command, 1);
	struct masks masks = { 0 };
	struct notification news;
	struct node *watcher;

	*final = true;
	if (!read_tell(a, at->tell, &watcher, &news, err) ||
	    !notification_command(a, watcher, &news, &w->options->mail, command, &masks, err))
		return false;
	const struct attempt attempt = {
		.folder = folder_of(a, w, at->tell), .commands = command, .command_count = 1,
		.env = step_command_environment(a, &w->options->prepare), .masks = masks_list(&masks),
	};
	*final = false;
	return engine_state_begin(w, at, &attempt, err);
}

static void start(struct engine_state *w, const struct stored_notification *row)
{
	struct active_attempt *at = calloc(1, sizeof *at);
	struct err err;
	bool final;

	if (!at)
		abort();
	at->id = ++w->last_id;
	at->tell = arena_new(&at->arena, struct stored_notification, 1);
	*at->tell = (struct stored_notification){
		row->id, arena_strdup(&at->arena, row->watcher), arena_strdup(&at->arena, row->news),
		row->attempts + 1,
	};
	if (!put_again(w, at->tell, clock_now() + PATIENCE_MS)) {
		engine_state_forget(w, at);
		return;
	}
	if (begin(w, at, &final, &err))
		return;
	failed(w, at->tell, final, err.msg);
	engine_state_forget(w, at);
}

void notification_queue_send_due(struct engine_state *w, int64_t *next)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	struct stored_notification *due;
	size_t count, places = NOTIFICATIONS_AT_A_TIME - tell_count(w);
	struct err err;

	*next = -1;
	if (!places)
		return;		/* the end of one leads here again */
	if (!execution_store_due_notifications(w->store, &a, clock_now(), places, &due, &count, &err)) {
		log_error(w->options->log, "watchers: %s", err.msg);
		*next = clock_now() + FIRST_MS;
		return;
	}
	for (size_t i = 0; i < count && !w->stopping; i++)
		start(w, &due[i]);
	if (tell_count(w) < NOTIFICATIONS_AT_A_TIME && !execution_store_next_notification(w->store, next, &err))
		*next = clock_now() + FIRST_MS;
}

/* Why the command in folder sent nothing; NULL: it did.  *final is set if trying again is of no use. */
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

void notification_queue_attempt_ended(struct engine_state *w, struct active_attempt *at, const char *why)
{
	const char *folder = folder_of(&at->arena, w, at->tell);
	bool final = false;

	if (!why)
		why = notification_queue_failure(&at->arena, folder, &final);
	if (why)
		failed(w, at->tell, final, why);
	else
		put_again(w, at->tell, -1);
	engine_state_remove(w, folder);
	engine_state_forget(w, at);
}

/* ---- from one engine to the next ---- */

/* "tell-12" is the folder of the twelfth. */
static bool read_id(const char *name, int64_t *id)
{
	char *end;

	if (strncmp(name, "tell-", 5) != 0)
		return false;
	*id = strtoll(name + 5, &end, 10);
	return end > name + 5 && !*end;
}

static bool was_told(const struct engine_state *w, const char *name)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	const char *message;
	bool found;
	struct err err;
	int code;

	return attempt_result_read(&a, arena_printf(&a, "%s/%s", w->folder, name), &code, &message, &found, &err) &&
	       found && code == 0;
}

static void close_stream(DIR **stream)
{
	if (*stream)
		closedir(*stream);
}

static bool write_recovered(struct engine_state *w, void *what, struct err *err)
{
	CLEANUP(close_stream) DIR *dir = opendir(w->folder);
	int64_t id;

	for (struct dirent *e; dir && (e = readdir(dir)); )
		if (read_id(e->d_name, &id) && was_told(w, e->d_name) && !execution_store_drop_notification(w->store, id, err))
			return false;
	return execution_store_make_notifications_due(w->store, clock_now(), err);
}

void notification_queue_recover(struct engine_state *w)
{
	engine_state_commit(w, write_recovered, NULL);
}
