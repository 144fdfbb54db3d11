/* report_messages.h: the errors and warnings of a report document, for people, behind the report itself. */
#ifndef AGENT_SYNC_REPORT_MESSAGES_H
#define AGENT_SYNC_REPORT_MESSAGES_H

#include "agent/config/context.h"
#include "reconcile/tree/node.h"

/* On stdout, not in the log: these messages are part of what the user wants to see. */
void report_messages_print(struct context *ctx, const struct node *report);

#endif
