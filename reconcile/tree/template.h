/* template.h: fills in {{ name }} before YAML is read, as the service's own tool does, and
 * no other template language (design section 4). */
#ifndef RECONCILE_TREE_TEMPLATE_H
#define RECONCILE_TREE_TEMPLATE_H

#include "reconcile/base/buf.h"
#include "reconcile/base/diagnostics.h"

struct var { const char *name, *value; };

struct vars {
	const struct var *items;	/* the last of two with one name holds */
	size_t count;
	const struct var *env;		/* what os_env.NAME and os_env['NAME'] mean */
	size_t env_count;
	const char *const *passthrough;	/* names that reach the service as they stand */
	size_t passthrough_count;
};

/* Copies text to out with every {{ name }} replaced.  With no items and no passthrough the text
 * is copied as it stands.  A fault, with its place, for each: an unknown name (with the nearest
 * known one), what is not a plain name between the braces, braces that do not close on their
 * line, "{%" and "{#". Two copies of one name in the text are two faults.  True if no fault was
 * added. */
bool template_fill(const struct vars *vars, const char *file, const char *text, size_t len,
                   struct buf *out, struct diagnostics *faults);

#endif
