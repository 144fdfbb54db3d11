/* instance_types.h: the table of instance types, which `instanceTypeId` of a step names: CPU and memory.  It never
 * changes. */
#ifndef AGENT_SERVICE_STEPS_INSTANCE_TYPES_H
#define AGENT_SERVICE_STEPS_INSTANCE_TYPES_H

#include "reconcile/tree/node.h"

struct instance_type {
	int64_t id;
	double cpu;		/* processors */
	double memory_gib;
	double gpu;		/* 0: none; so are all of ours */
	double gpu_memory_gib;
};

/* The type and storage of a step that names none. */
#define MACHINE_TYPE_DEFAULT	21
#define MACHINE_STORAGE_DEFAULT	"10GB"

/* The type with that id, valid for ever; NULL: unknown id. */
const struct instance_type *instance_type_find(int64_t id);
/* Memory in bytes. */
int64_t instance_type_memory(const struct instance_type *t);

/* All types, as the response to `GET /resources`; in a. */
struct node *instance_types_reply(struct arena *a);
/* All types, as the response to `GET /quota/api/v1/settings/tenant-instance-options`; in a. */
struct node *instance_types_options_reply(struct arena *a);
/* The default, as the response to `GET /resources/defaults`; in a. */
struct node *instance_types_default_reply(struct arena *a);

#endif
