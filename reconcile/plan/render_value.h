/* render_value.h: values of several lines, each line with the sign of its change. */
#ifndef RECONCILE_PLAN_RENDER_VALUE_H
#define RECONCILE_PLAN_RENDER_VALUE_H

#include "reconcile/plan/render_line.h"
#include "reconcile/tree/node.h"

/* The sign of a change or an action: '+', '-' or '~'. */
char change_sign(const char *op);
/* The colour of a line with this sign. */
enum tint change_tint(char sign);

void render_value_line(struct line_writer *w, char sign, size_t indent, const char *text);

/* A value as YAML.  Blanks that look like a space, and those that end a line, are escapes. */
void render_yaml(struct line_writer *w, char sign, size_t indent, const struct node *n);

/* The lines of two texts that differ, with the lines around them. */
void render_line_diff(struct line_writer *w, size_t indent, const char *old, const char *new);

#endif
