#include "agent/service/steps/instance_types.h"

static const struct instance_type types[] = {
	{ 21, 0.25, 0.5 },
	{ 22, 0.5, 1 },
	{ 23, 1, 2 },
	{ 24, 2, 4 },
	{ 25, 4, 8 },
};

const struct instance_type *instance_type_find(int64_t id)
{
	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (types[i].id == id)
			return &types[i];
	return NULL;
}

int64_t instance_type_memory(const struct instance_type *t)
{
	return (int64_t)(t->memory_gib * (1 << 30));
}

/* A whole number is written as one: 2, not 2.0. */
static struct node *instance_type_number(struct arena *a, double value)
{
	struct node *n = node_int(a, (int64_t)value);

	if (value != (double)n->integer)
		*n = (struct node){ .kind = NODE_REAL, .real = value };
	return n;
}

static struct node *instance_type_number_or_null(struct arena *a, double value)
{
	return value > 0 ? instance_type_number(a, value) : node_null(a);
}

struct node *instance_types_reply(struct arena *a)
{
	struct node *all = node_list(a);

	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		struct node *one = node_add(a, all, node_map(a));
		node_put(a, one, "id", node_int(a, types[i].id));
		node_put(a, one, "cpu", instance_type_number(a, types[i].cpu));
		node_put(a, one, "memory", instance_type_number(a, types[i].memory_gib));
		node_put(a, one, "gpu", instance_type_number_or_null(a, types[i].gpu));
		node_put(a, one, "gpuMemory", instance_type_number_or_null(a, types[i].gpu_memory_gib));
	}
	return all;
}

struct node *instance_types_default_reply(struct arena *a)
{
	struct node *out = node_map(a);

	node_put(a, out, "instanceTypeId", node_int(a, MACHINE_TYPE_DEFAULT));
	node_put(a, out, "storage", node_text(a, MACHINE_STORAGE_DEFAULT));
	return out;
}
