/* template.h: replaces {{ name }} before YAML is read, as the service's own tool does; there is no other template syntax
 * (design, 4.5).  What is not filled in gets a mark: whether it is an error depends on its place in the tree that YAML
 * makes of the text, because the service has placeholders of the same form. */
#ifndef RECONCILE_TREE_TEMPLATE_H
#define RECONCILE_TREE_TEMPLATE_H

#include "reconcile/base/buf.h"
#include "reconcile/base/diagnostics.h"

struct var {
	const char *name, *value;
	const char *instead;	/* without a value: what there is instead, such as "a list" */
	const char *origin;	/* how the value was given, such as "--set"; NULL: not known, or by the environment */
	struct pos at;		/* where it stands, if that was a file */
};

struct vars {
	const struct var *items;	/* of two with one name the last one counts */
	size_t count;
	const struct var *env;		/* the values of os_env.NAME and os_env['NAME'] */
	size_t env_count;
	const char *const *passthrough;	/* names that are not replaced: the service gets {{ name }} */
	size_t passthrough_count;
};

/* Something that was not filled in. */
struct template_mark {
	struct pos at;
	const char *message;	/* why */
	const char *text;	/* what the mark replaces in the text; "": it stays behind the mark */
	bool placeholder;	/* it looks like a placeholder of the service */
	bool statement;		/* {% or {# */
	bool seen;		/* used by placeholders.c: it was found in a tree */
	bool alone;		/* the statement fills its lines, so that YAML cannot read them */
};

/* A place where a value was filled in. */
struct filled_value {
	const char *name;	/* what stands between the braces, such as "region" or "os_env.HOME" */
	const struct var *var;
	size_t at, len;		/* of the value, in the filled text */
	struct pos from;	/* of the braces, in the file */
};

/* A filled text, with marks where something was not filled in. */
struct template_text {
	struct arena *arena;	/* set by the caller, like text, which the caller frees */
	struct buf text;
	struct template_mark *marks;
	size_t count, room;
	const char **uses;	/* what was looked for in the variables, each once: "name", "os_env.NAME"; found or not */
	size_t use_count, use_room;
	bool keep_fills;	/* set by the caller: the next ones are wanted */
	struct filled_value *fills;	/* in the order of the text */
	size_t fill_count, fill_room;
};

/* Appends text, without the last newline of the file, to out with every {{ name }} replaced.  A mark is made for each
 * unknown name (with the nearest known one), for a variable without a value, for anything else than a plain name between
 * the braces, for braces that do not close on their line, and for "{% %}" and "{# #}".  Copied as they are: names in passthrough, {{ 'text' }} without its
 * braces, what is between {% raw %} and {% endraw %}, {{.Names}} and the like of Go templates, and ${#name}.  An error
 * is added for {% raw %} without its end.  True if no error was added. */
bool template_fill(const struct vars *vars, const char *file, const char *text, size_t len,
                   struct template_text *out, struct diagnostics *faults);

/* True if text has nothing that template_fill() would replace or mark: the filled text is then that of its first
 * *plain_len bytes, and need not be made. */
bool template_is_plain(const char *text, size_t len, size_t *plain_len);

/* Appends what use, one of template_text, stands for, to a digest's input: other variables that fill a text in another
 * way give other bytes. */
void template_add_value(const struct vars *vars, const char *use, struct buf *out);

/* The first mark in text, its index and its length; NULL: there is none. */
const char *template_find_mark(const struct template_text *filled, const char *text, size_t *index, size_t *len);
/* text with what its marks replace. */
const char *template_without_marks(const struct template_text *filled, const char *text);

/* Appends text in such a form that filling it gives the same text, here and in the service's own tool. */
void template_escape(const char *text, struct buf *out);

#endif
