/* workflow_json.h: turns the body of a request into what the local service stores of a workflow, and that into answers
 * (contract, 4).  Pure: the time and new webhook ids are arguments; crons are in the zone of timezone.h. */
#ifndef AGENT_SERVICE_API_WORKFLOW_JSON_H
#define AGENT_SERVICE_API_WORKFLOW_JSON_H

#include "agent/service/engine/cron_time.h"
#include "agent/service/store/workflow_store.h"
#include "agent/util/id128.h"
#include "reconcile/base/buf.h"
#include "reconcile/tree/node.h"

extern const char *const workflow_status_words[WORKFLOW_STATUS_COUNT];

/* Sets name, triggers, tags and body of *out from the valid body of a create or an update; the rest of *out is
 * untouched.  Text is in a or in body, which may be changed.  before and before_body: the workflow that an update
 * replaces; NULL for a create.  A webhook with the policy "preserve" gets the id of a webhook of before, any other a
 * new one from uuid; a repository's token that is left out beside an unchanged url is taken from before_body
 * (contract, trap 3). */
void workflow_json_parse(struct arena *a, struct node *body, const struct stored_workflow *before,
                         const struct node *before_body, void (*uuid)(char out[UUID_LEN + 1]),
                         struct stored_workflow *out);

/* Sets the next time of each trigger: never, unless the workflow is available; a cron that before (NULL: it is new) has
 * too keeps its time.  now -1: the engine that fires crons is another process, maybe in another time zone, and
 * has to compute the time: DUE_UNKNOWN. */
void workflow_json_set_due(struct stored_workflow *workflow, const struct stored_workflow *before, int64_t now);

/* The two parts of answers that change with the workflow alone, for stored_workflow.item and rest: an entry of the list
 * of workflows, in which status, lastExecution and the next times of crons are left open; and the other fields of
 * describe, from the body, which is changed. */
const char *workflow_json_item(struct arena *a, const struct stored_workflow *workflow);
const char *workflow_json_rest(struct arena *a, struct node *body);

/* Appends the entry of the list, without the brace at its end: from id, item and status.  last: its lastExecution,
 * which the entry does not have if it is NULL: a null there would end the service's own tool; now: milliseconds since
 * 1970.  Every time of a cron is of the zone of timezone.h. */
void workflow_json_write_item(struct arena *a, const struct stored_workflow *workflow, const struct node *last,
                              struct cron_times *times, int64_t now, struct buf *out);
/* The answer of create and update: the id, and the ids of webhooks if there are any. */
struct node *workflow_json_changed(struct arena *a, const struct stored_workflow *workflow);

#endif
