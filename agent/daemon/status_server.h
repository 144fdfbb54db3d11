/* status_server.h: the agent's HTTP face: /healthz, /readyz, /metrics, /status and POST /hook/SYNC.
 *
 * The server answers from a thread of its own with what was published last; all functions here
 * are for the one thread that opened it.  What is given is copied. */
#ifndef AGENT_DAEMON_STATUS_SERVER_H
#define AGENT_DAEMON_STATUS_SERVER_H

#include "agent/daemon/metrics.h"
#include "reconcile/base/err.h"

enum {
	STATUS_SERVER_STALLED_MS = 30 * 1000,	/* after so long without status_server_heartbeat() /healthz is 503 */
	STATUS_SERVER_HOOK_MAX = 1 << 20,	/* bytes of a hook's body: 413 above */
};

struct status_server;

/* The same secret proves any of: X-Hub-Signature-256 (GitHub), X-Gitea-Signature, X-Signature,
 * which sign the body; X-Gitlab-Token, X-Flowsync-Token, which are the secret. */
struct status_server_hook { const char *sync, *secret; };	/* secret NULL or "": there is no hook for it */

/* Listens on "127.0.0.1:8485", or on any address that the user means; port 0: any free one. */
bool status_server_open(const char *address, struct status_server **out, struct err *err);
void status_server_close(struct status_server *f);	/* takes NULL */
const char *status_server_url(const struct status_server *f);	/* "http://127.0.0.1:8485" */

/* The loop came by; now_ms of CLOCK_BOOTTIME. */
void status_server_heartbeat(struct status_server *f, int64_t now_ms);

/* From now on /readyz, /status and /metrics answer this.  status is a JSON object; of each map in
 * its list "syncs" /readyz tells "name", "ready" and "why".  To metrics /metrics adds
 * metrics_write_process(). */
void status_server_publish(struct status_server *f, bool ready, const char *status, const char *metrics);

/* These syncs have hooks now, and no other; what is pending of one that stays is kept. */
void status_server_set_hooks(struct status_server *f, const struct status_server_hook *hooks, size_t count);

int status_server_hook_fd(const struct status_server *f);	/* readable: a hook was called */
/* Name of a sync whose hook was called since, in a; each once, however often it was.  NULL: no
 * more. */
const char *status_server_next_hook(struct status_server *f, struct arena *a);
/* Tells m of the calls of hooks since the last time; true if there were any. */
bool status_server_count_hooks(struct status_server *f, struct metrics *m);

#endif
