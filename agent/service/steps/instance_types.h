/* instance_types.h: what a step may run on, as `instanceTypeId` names it: so much of a processor and
 * so much memory.  A table that does not change. */
#ifndef AGENT_SERVICE_STEPS_INSTANCE_TYPES_H
#define AGENT_SERVICE_STEPS_INSTANCE_TYPES_H

#include "reconcile/tree/node.h"

struct machine_type {
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
const struct machine_type *machine_type_find(int64_t id);
/* Its memory in bytes. */
int64_t machine_type_memory(const struct machine_type *t);

/* All of them, as `GET /resources` answers it. */
struct node *machine_types_answer(struct arena *a);
/* The default, as `GET /resources/defaults` answers it. */
struct node *machine_default_answer(struct arena *a);

#endif
