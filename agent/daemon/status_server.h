/* status_server.h: the agent's HTTP server: /healthz, /readyz, /metrics, /status and POST /hook/SYNC.
 *
 * A thread of its own answers with what was published last.  All functions here are called by the one thread that
 * opened the server.  Arguments are copied. */
#ifndef AGENT_DAEMON_STATUS_SERVER_H
#define AGENT_DAEMON_STATUS_SERVER_H

#include "agent/daemon/metrics.h"
#include "reconcile/base/err.h"

enum {
	STATUS_SERVER_STALLED_MS = 30 * 1000,	/* /healthz answers 503 after so long without a heartbeat */
	STATUS_SERVER_HOOK_MAX = 1 << 20,	/* bytes of a hook's body: 413 above */
};

struct status_server;

/* secret: webhook.h; NULL or "": the sync has no hook. */
struct status_server_hook { const char *sync, *secret; };

/* Listens on address, such as "127.0.0.1:8485"; port 0: any free port.  hosts: http_options.hosts; not copied. */
bool status_server_open(const char *address, const char *const *hosts, size_t host_count, struct status_server **out,
                        struct err *err);
void status_server_close(struct status_server *f);	/* takes NULL */
const char *status_server_url(const struct status_server *f);	/* "http://127.0.0.1:8485" */

/* The main loop is alive at now_ms, milliseconds of CLOCK_BOOTTIME. */
void status_server_heartbeat(struct status_server *f, int64_t now_ms);

/* How a sync is.  /readyz answers the first three, /status all of it. */
struct status_server_sync {
	const char *name;
	bool ready;
	const char *why, *running;	/* NULL: null */
	/* The last report: a file with a JSON document, which is sent as it is when it is asked for; if it cannot be read,
	 * or there is none (NULL), the document in report. */
	const char *report_file;
	const char *report;		/* "null" if there is none */
};

/* Sets the answers of /readyz, /status and /metrics.  /metrics answers metrics and metrics_write_process(). */
void status_server_publish(struct status_server *f, bool ready, const struct status_server_sync *syncs, size_t count,
                           const char *metrics);

/* Sets the syncs that have hooks, and their secrets.  A pending call of a sync that stays is kept. */
void status_server_set_hooks(struct status_server *f, const struct status_server_hook *hooks, size_t count);

int status_server_hook_fd(const struct status_server *f);	/* readable after a hook was called */
/* The name, in a, of a sync whose hook was called since the last time; each once, however often it was called.  NULL:
 * there is no other. */
const char *status_server_next_hook(struct status_server *f, struct arena *a);
/* Adds the calls of hooks since the last time to m; true if there were any. */
bool status_server_count_hooks(struct status_server *f, struct metrics *m);

#endif
