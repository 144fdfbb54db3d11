/* validate.h: holds a workflow body against the field table and against itself. */
#ifndef RECONCILE_SCHEMA_VALIDATE_H
#define RECONCILE_SCHEMA_VALIDATE_H

#include "reconcile/base/diagnostics.h"
#include "reconcile/tree/node.h"

enum validate_as {
	VALIDATE_SPEC,		/* what a person declares */
	VALIDATE_PATCH,		/* what a person lays over a workflow that is there: nothing is missing in it but inside of
				 * lists, a step without type is of any, and its parents may be there already */
	VALIDATE_REQUEST,	/* what a client sends: numbers in env are no warning, messages name the pointer
				 * instead of a place */
};

/* Adds every fault of body: unknown fields (with the nearest known one), wrong types,
 * enumerations and limits, required fields per step type, read-only fields, parents and stepName
 * that are no step, a cycle among steps, a name with control characters.  True if no error was
 * added. */
bool validate_workflow(const struct node *body, enum validate_as as, struct diagnostics *faults);

/* The same for the flowsync: block beside a body, by block_field. */
bool validate_block(const struct node *block, struct diagnostics *faults);

#endif
