/* template_vars.h: what {{ name }} in specs is filled in with: vars: of the sync, then --vars FILE, then
 * --set, the later one holding. */
#ifndef AGENT_CONFIG_TEMPLATE_VARS_H
#define AGENT_CONFIG_TEMPLATE_VARS_H

#include "agent/config/options.h"
#include "reconcile/tree/node.h"

/* Appends the pairs of map n, whose values are scalars, as the texts that the service's own tool
 * would fill in; what names it in faults.  A key without a value is left out, as there. */
void template_vars_add_map(struct arena *a, const char *what, const struct node *n, struct var_list *vars,
                  struct diagnostics *faults);

/* Puts all of it together; os_env is env.  Everything lives in a.  True if no error was added. */
bool template_vars_build(struct arena *a, const struct settings *s, char **env, struct vars *out,
                struct diagnostics *faults);

#endif
