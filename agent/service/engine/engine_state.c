#include "agent/service/engine/engine_state.h"

#include <poll.h>
#include <stdlib.h>

bool world_pause(struct engine_world *w, int ms)
{
	struct pollfd fd = { .fd = w->stop_fd, .events = POLLIN };

	return poll(&fd, 1, ms) > 0;
}

static bool try_commit(struct engine_world *w, bool (*write)(struct engine_world *, void *, struct err *),
                       void *what, struct err *err)
{
	struct err ignored;

	if (!store_begin(w->store, err))
		return false;
	bool ok = write(w, what, err);
	return store_end(w->store, ok, ok ? err : &ignored) && ok;
}

bool world_commit(struct engine_world *w, bool (*write)(struct engine_world *, void *, struct err *),
                  void *what)
{
	enum { TRY_MS = 1000, TOLD_EVERY = 60 };
	struct err err;

	for (unsigned tries = 0; !w->stopping; tries++) {
		if (try_commit(w, write, what, &err))
			return true;
		if (tries % TOLD_EVERY == 0)
			log_error(w->options->log, "runs wait, as they cannot be written down: %s", err.msg);
		w->stopping = world_pause(w, TRY_MS);
	}
	return false;
}

bool world_begin(struct engine_world *w, struct active *at, const struct attempt *attempt, struct err *err)
{
	if (!runner_begin(w->runner, at->id, attempt, err))
		return false;
	arena_grow(&w->arena, w->active, w->active_count, w->active_room);
	w->active[w->active_count++] = at;
	w->active_steps += at->live != NULL;
	return true;
}

struct active *world_find(const struct engine_world *w, uint64_t id)
{
	for (size_t i = 0; i < w->active_count; i++)
		if (w->active[i]->id == id)
			return w->active[i];
	return NULL;
}

void world_forget(struct engine_world *w, struct active *at)
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

void world_remove(const struct engine_world *w, const char *folder)
{
	struct err err;

	if (!attempt_remove(folder, &err))
		log_warn(w->options->log, "what a step left behind stays: %s", err.msg);
}
