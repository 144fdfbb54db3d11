/* workflow_json.h: what the local service makes of a body it is sent, and in which shape it gives
 * it back (contract, 4).  Pure: time and webhook ids are arguments; the
 * zone of a trigger is that of timezone.h. */
#ifndef AGENT_SERVICE_API_WORKFLOW_JSON_H
#define AGENT_SERVICE_API_WORKFLOW_JSON_H

#include "agent/service/store/workflow_store.h"
#include "agent/util/id128.h"
#include "reconcile/tree/node.h"

extern const char *const workflow_status_words[WORKFLOW_STATUS_COUNT];

/* What create and update keep of a valid body, in out: name, triggers, tags and body; nothing
 * else of out is touched.  All text is in a or in body, which may be changed. before and
 * before_body: what an update replaces; NULL for a create.  A webhook with the policy "preserve"
 * takes over an id from there, another gets a new one from uuid; a token that is left out beside
 * an unchanged url is taken over too (contract, trap 3). */
void workflow_json_parse(struct arena *a, struct node *body, const struct stored_workflow *before,
                const struct node *before_body, void (*uuid)(char out[UUID_LEN + 1]),
                struct stored_workflow *out);

/* Sets when each trigger of the workflow is due next: never, unless it is available; a cron that it has
 * since before (NULL: it is new) stays due when it was.  now -1: an engine in another process, maybe in
 * another zone, is to reckon it: DUE_UNKNOWN. */
void workflow_json_set_due(struct stored_workflow *workflow, const struct stored_workflow *before, int64_t now);

/* One workflow in a list.  last: its lastExecution; now: milliseconds since 1970. */
struct node *workflow_json_entry(struct arena *a, const struct stored_workflow *workflow, struct node *last,
                         int64_t now);
/* What describe gives back; body is workflow's, and is used up. */
struct node *workflow_json_describe(struct arena *a, const struct stored_workflow *workflow,
                            struct node *body, struct node *last, int64_t now);

/* What create and update answer: the id, and the addresses of webhooks if there are any. */
struct node *workflow_json_written(struct arena *a, const struct stored_workflow *workflow);

#endif
