/* cycle_summary.h: what a cycle that ran in a child tells the agent.  It is small however many workflows there are: the
 * report is in the state directory, and the agent need not parse it.
 *
 * The summary is the report with the same keys and values, except that
 *
 *   workflows   is missing; in its place
 *   results     [{action, result, drift, count}] counts the steps: all of them, also those of unchanged workflows
 *   busy        is the number of steps that were deferred because the workflow ran (409)
 *   busy_names  has their names; it is empty if the agent has to retry them with a whole cycle: if there are more than
 *               CYCLE_SUMMARY_NAMES, or one of them is to be deleted, which the guards of a whole cycle have to allow
 *   warnings    stops, as does errors, after CYCLE_SUMMARY_BYTES of messages
 *   stored      is false if the report is not in the state directory */
#ifndef AGENT_SYNC_CYCLE_SUMMARY_H
#define AGENT_SYNC_CYCLE_SUMMARY_H

#include "reconcile/plan/report.h"
#include "reconcile/tree/node.h"

enum { CYCLE_SUMMARY_NAMES = 1000, CYCLE_SUMMARY_BYTES = 256 << 10 };

/* The summary of report, whose document is tree (its workflows are not looked at).  In a, and shares with tree. */
struct node *cycle_summary_tree(struct arena *a, const struct report *report, const struct node *tree, bool stored);

/* The report of which summary is, without its workflows; for the answer to who asks for a report that is not stored.  In
 * a, and shares with summary. */
struct node *cycle_summary_report(struct arena *a, const struct node *summary);

#endif
