/* instance_types.h: what a step may run on, as `instanceTypeId` names it: so much of a processor and
 * so much memory.  A table that does not change. */
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

/* What a step gets that names nothing. */
#define MACHINE_TYPE_DEFAULT	21
#define MACHINE_STORAGE_DEFAULT	"10GB"

/* The one with that id, for ever valid; NULL: there is none. */
const struct instance_type *instance_type_find(int64_t id);
/* Its memory in bytes. */
int64_t instance_type_memory(const struct instance_type *t);

/* All of them, as `GET /resources` answers it. */
struct node *instance_types_reply(struct arena *a);
/* The default, as `GET /resources/defaults` answers it. */
struct node *instance_types_default_reply(struct arena *a);

#endif
