/* validate.h: checks a workflow body by the field table, and the references among its steps (design, 4.4). */
#ifndef RECONCILE_SCHEMA_VALIDATE_H
#define RECONCILE_SCHEMA_VALIDATE_H

#include "reconcile/base/diagnostics.h"
#include "reconcile/tree/node.h"

enum validate_as {
	VALIDATE_SPEC,		/* what a person declares */
	VALIDATE_PATCH,		/* what a person lays over an existing workflow: keys are required inside of lists only, a
				 * step without type may be of any type, and its parents may be steps of the workflow */
	VALIDATE_REQUEST,	/* what a client sends: numbers in env give no warning */
	VALIDATE_LOCAL = 1 << 4,	/* a flag beside one of these: warn about what the local service cannot run */
};

/* Adds every error of body: unknown fields (with the nearest known one, or what to write instead), wrong types (with an
 * example), wrong words and numbers out of range, missing fields of a step's type, read-only fields, parents and
 * stepName that are not steps, a cycle among steps, a name with control characters.  As is one of enum validate_as,
 * with or without VALIDATE_LOCAL.  True if no error was added; warnings do not count. */
bool validate_workflow(const struct node *body, unsigned as, struct diagnostics *faults);

/* The same for the flowsync: block beside a body, by block_field (design, 4.2). */
bool validate_block(const struct node *block, struct diagnostics *faults);

/* The same for the body of execute, by execute_field.  Whether its steps exist is checked where they are known. */
bool validate_execute(const struct node *body, struct diagnostics *faults);

#endif
