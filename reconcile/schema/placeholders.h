/* placeholders.h: which marks of a filled text (template.h) are errors.  In the url, payload and headers of an http step
 * {{ name }} is a placeholder that the service fills in when the step runs (contract, 7.4); anywhere else it is a
 * variable that was forgotten. */
#ifndef RECONCILE_SCHEMA_PLACEHOLDERS_H
#define RECONCILE_SCHEMA_PLACEHOLDERS_H

#include "reconcile/base/diagnostics.h"
#include "reconcile/tree/node.h"
#include "reconcile/tree/template.h"

/* Replaces the marks in doc, which yaml_read() made of the filled text, by their text.  Adds an error for each that is not
 * a placeholder of the service, and a warning for os_env, {% and {# in its places.  True if no error was added. */
bool placeholders_resolve(struct template_text *filled, struct node *doc, struct diagnostics *faults);

/* Adds an error for each {% and {# that is in no tree that was resolved: they are the likely cause of a text that YAML
 * cannot read. */
void placeholders_report_statements(const struct template_text *filled, struct diagnostics *faults);

#endif
