/* tree.h: trees and texts for the tests.  What cannot be read fails the test at once. */
#ifndef TESTS_TREE_H
#define TESTS_TREE_H

#include "reconcile/base/diagnostics.h"
#include "reconcile/tree/node.h"
#include "reconcile/plan/spec.h"

struct node *tree_json(struct arena *a, const char *text);
struct node *tree_yaml(struct arena *a, const char *text);	/* its file is called s.yaml */
/* Compact JSON; "null" for NULL. */
const char *tree_text(struct arena *a, const struct node *n);

/* All faults in order, a line each: "s.yaml:1:2: ...", warnings with "warning: " in front. */
const char *tree_faults(struct arena *a, struct diagnostics *faults);

/* The specs of one file called s.yaml, which has to be without errors. */
struct specs tree_specs(struct arena *a, const char *yaml);

/* All of a file, NUL-terminated. */
const char *tree_file(struct arena *a, const char *path);

#endif
