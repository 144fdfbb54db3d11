/* template.h: replaces {{ name }} before YAML is read, as the service's own tool does; there is no other template syntax
 * (design, 4.5). */
#ifndef RECONCILE_TREE_TEMPLATE_H
#define RECONCILE_TREE_TEMPLATE_H

#include "reconcile/base/buf.h"
#include "reconcile/base/diagnostics.h"

struct var { const char *name, *value; };

struct vars {
	const struct var *items;	/* of two with one name the last one counts */
	size_t count;
	const struct var *env;		/* the values of os_env.NAME and os_env['NAME'] */
	size_t env_count;
	const char *const *passthrough;	/* names that are not replaced: the service gets {{ name }} */
	size_t passthrough_count;
};

/* Appends text to out with every {{ name }} replaced.  Without items and passthrough the text
 * is copied unchanged.  Adds an error with its place for each unknown name (with the nearest
 * known one), for anything else than a plain name between the braces, for braces that do not close
 * on their line, and for "{%" and "{#".  An unknown name that occurs twice gives two errors.  True if no error was
 * added. */
bool template_fill(const struct vars *vars, const char *file, const char *text, size_t len,
                   struct buf *out, struct diagnostics *faults);

#endif
