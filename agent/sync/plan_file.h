/* plan_file.h: a saved plan as a file: plan --out writes it, sync --plan and show read it. */
#ifndef AGENT_SYNC_PLAN_FILE_H
#define AGENT_SYNC_PLAN_FILE_H

#include "agent/config/context.h"
#include "agent/sync/connection.h"
#include "reconcile/plan/saved_plan.h"

/* The service as a plan names it: the URL, "unix:PATH", or "local DIR" with the state directory. */
const char *plan_file_endpoint(struct context *ctx, const struct connection *connection);

/* What these settings make a plan for, or apply one to; endpoint: of plan_file_endpoint(), NULL: not known yet. */
struct plan_target plan_file_target(struct context *ctx, const char *endpoint);

/* False, ERR_USAGE, if a report is written to the same file, or the plan to stdout. */
bool plan_file_check_use(const struct settings *s, const char *file, struct err *err);

/* False with the reason if it is certain that plan_file_write() cannot write file. */
bool plan_file_check(struct arena *a, const char *file, struct err *err);

/* A new key for a plan's digests. */
bool plan_file_make_key(unsigned char key[DIGEST_KEY_SIZE], struct err *err);

/* Writes the plan of the report, mode 0600; endpoint as above. */
bool plan_file_write(struct context *ctx, const char *file, const struct report *report, const char *endpoint,
                     const unsigned char *key, struct err *err);

/* Reads the plan in file; *out lives in a.  *err names the file. */
bool plan_file_read(struct arena *a, const char *file, struct saved_plan *out, struct err *err);

#endif
