#include "agent/service/engine/engine_state.h"

#include <poll.h>
#include <stdlib.h>

bool engine_state_pause(struct engine_state *w, int ms)
{
	struct pollfd fd = { .fd = w->stop_fd, .events = POLLIN };

	return poll(&fd, 1, ms) > 0;
}

static bool try_commit(struct engine_state *w, bool (*write)(struct engine_state *, void *, struct err *),
                       void *what, struct err *err)
{
	struct err ignored;

	if (!workflow_store_begin(w->store, err))
		return false;
	bool ok = write(w, what, err);
	return workflow_store_end(w->store, ok, ok ? err : &ignored) && ok;
}

bool engine_state_commit(struct engine_state *w, bool (*write)(struct engine_state *, void *, struct err *),
                  void *what)
{
	enum { TRY_MS = 1000, TOLD_EVERY = 60 };
	struct err err;

	for (unsigned tries = 0; !w->stopping; tries++) {
		if (try_commit(w, write, what, &err))
			return true;
		if (tries % TOLD_EVERY == 0)
			log_error(w->options->log, "runs wait, as they cannot be written down: %s", err.msg);
		w->stopping = engine_state_pause(w, TRY_MS);
	}
	return false;
}

bool engine_state_begin(struct engine_state *w, struct active_attempt *at, const struct attempt *attempt, struct err *err)
{
	if (!runner_client_begin(w->runner, at->id, attempt, err))
		return false;
	arena_grow(&w->arena, w->active, w->active_count, w->active_room);
	w->active[w->active_count++] = at;
	w->active_steps += at->live != NULL;
	return true;
}

struct active_attempt *engine_state_find(const struct engine_state *w, uint64_t id)
{
	for (size_t i = 0; i < w->active_count; i++)
		if (w->active[i]->id == id)
			return w->active[i];
	return NULL;
}

void engine_state_forget(struct engine_state *w, struct active_attempt *at)
{
	for (size_t i = 0; i < w->active_count; i++) {
		if (w->active[i] != at)
			continue;
		w->active[i] = w->active[--w->active_count];
		w->active_steps -= at->live != NULL;
		break;
	}
	if (at->cgroup)
		cgroup_remove(at->cgroup);
	arena_free(&at->arena);
	free(at);
}

void engine_state_remove(const struct engine_state *w, const char *folder)
{
	struct err err;

	if (!attempt_remove(folder, &err))
		log_warn(w->options->log, "what a step left behind stays: %s", err.msg);
}
