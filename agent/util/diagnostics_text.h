/* diagnostics_text.h: faults as lines and as JSON. */
#ifndef AGENT_UTIL_DIAGNOSTICS_TEXT_H
#define AGENT_UTIL_DIAGNOSTICS_TEXT_H

#include "agent/util/log.h"
#include "reconcile/base/diagnostics.h"
#include "reconcile/tree/node.h"

/* "file:line:column: message", with "warning: " before the message of one; one harmless line. */
const char *diagnostics_text_line(struct arena *a, const struct diagnostic *fault);

/* Logs each, a line as a warning or an error. */
void diagnostics_log(struct log *log, const struct diagnostics *faults);

/* A list of {message, file, line, column} of the warnings among faults, or else of the errors.  A value that a fault
 * does not have is null. */
struct node *diagnostics_text_list(struct arena *a, const struct diagnostics *faults, bool warnings);

#endif
