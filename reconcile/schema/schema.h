/* schema.h: JSON Schemas (draft 2020-12) of spec files and reports, made from the tables
 * that the program itself uses.  Results live in a. */
#ifndef RECONCILE_SCHEMA_SCHEMA_H
#define RECONCILE_SCHEMA_SCHEMA_H

#include "reconcile/schema/fields.h"

/* The schema of a spec file: a workflow body, bare or under body:, with a flowsync: block beside it. */
struct node *schema_spec(struct arena *a);

/* The schema of a report (report_field in report_fields.c). */
struct node *schema_report(struct arena *a);

/* A map with "$schema" and a title, for a schema whose other keys the caller adds. */
struct node *schema_begin(struct arena *a, const char *title);

extern const struct field report_field;

#endif
