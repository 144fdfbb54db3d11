/* schema.h: JSON Schemas (draft 2020-12) of what people write and read, made from the tables
 * that the program itself reads. */
#ifndef RECONCILE_SCHEMA_SCHEMA_H
#define RECONCILE_SCHEMA_SCHEMA_H

#include "reconcile/schema/fields.h"

/* Of a spec file: a workflow body, bare or under body:, with a flowsync: block beside it. */
struct node *schema_spec(struct arena *a);

/* Of a report (report_field in report_fields.c). */
struct node *schema_report(struct arena *a);

/* "$schema", a title and what follows them, for a schema that is made elsewhere: adds to an
 * empty map. */
struct node *schema_begin(struct arena *a, const char *title);

extern const struct field report_field;

#endif
