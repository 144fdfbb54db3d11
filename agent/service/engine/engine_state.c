#include "agent/service/engine/engine_state.h"

#include <poll.h>
#include <stdlib.h>

bool engine_state_wait(struct engine_state *es, int ms)
{
	struct pollfd fd = { .fd = es->stop_fd, .events = POLLIN };

	return poll(&fd, 1, ms) > 0;
}

/* If both writing and rolling back fail, the first error is the one that says why. */
static bool commit_once(struct engine_state *es, bool (*write)(struct engine_state *, void *, struct err *),
                        void *what, struct err *err)
{
	struct err ignored;

	if (!workflow_store_begin(es->store, err))
		return false;
	bool ok = write(es, what, err);
	return workflow_store_end(es->store, ok, ok ? err : &ignored) && ok;
}

bool engine_state_commit_with_retry(struct engine_state *es,
                                    bool (*write)(struct engine_state *, void *, struct err *), void *what)
{
	enum { RETRY_MS = 1000, LOG_EVERY = 60 };
	struct err err;

	for (unsigned tries = 0; !es->stopping; tries++) {
		if (commit_once(es, write, what, &err))
			return true;
		if (tries % LOG_EVERY == 0)
			log_error(es->options->log, "cannot save execution state, retrying: %s", err.msg);
		es->stopping = engine_state_wait(es, RETRY_MS);
	}
	return false;
}

bool engine_state_start_attempt(struct engine_state *es, struct active_attempt *at, const struct attempt *attempt,
                                struct err *err)
{
	if (!runner_client_begin(es->runner, at->id, attempt, err))
		return false;
	arena_grow(&es->arena, es->active, es->active_count, es->active_room);
	es->active[es->active_count++] = at;
	es->active_steps += at->execution != NULL;
	return true;
}

struct active_attempt *engine_state_find_attempt(const struct engine_state *es, uint64_t id)
{
	for (size_t i = 0; i < es->active_count; i++)
		if (es->active[i]->id == id)
			return es->active[i];
	return NULL;
}

void engine_state_free_attempt(struct engine_state *es, struct active_attempt *at)
{
	for (size_t i = 0; i < es->active_count; i++) {
		if (es->active[i] != at)
			continue;
		es->active[i] = es->active[--es->active_count];
		es->active_steps -= at->execution != NULL;
		break;
	}
	if (at->cgroup)
		cgroup_remove(at->cgroup);
	arena_free(&at->arena);
	free(at);
}

void engine_state_remove_directory(const struct engine_state *es, const char *directory)
{
	struct err err;

	if (!attempt_remove(directory, &err))
		log_warn(es->options->log, "cannot remove the directory of an attempt: %s", err.msg);
}
