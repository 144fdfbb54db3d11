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

static struct node *instance_type_json(struct arena *a, const struct instance_type *t)
{
	struct node *out = node_map(a);

	node_put(a, out, "id", node_int(a, t->id));
	node_put(a, out, "cpu", instance_type_number(a, t->cpu));
	node_put(a, out, "memory", instance_type_number(a, t->memory_gib));
	node_put(a, out, "gpu", instance_type_number_or_null(a, t->gpu));
	node_put(a, out, "gpuMemory", instance_type_number_or_null(a, t->gpu_memory_gib));
	return out;
}

struct node *instance_types_reply(struct arena *a)
{
	struct node *all = node_list(a);

	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		node_add(a, all, instance_type_json(a, &types[i]));
	return all;
}

struct node *instance_types_options_reply(struct arena *a)
{
	struct node *out = node_map(a), *all = node_put(a, out, "data", node_list(a));

	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		struct node *one = node_add(a, all, instance_type_json(a, &types[i]));
		node_put(a, one, "name", node_text(a, arena_printf(a, "%g CPU, %g GB", types[i].cpu, types[i].memory_gib)));
		node_put(a, one, "provider", node_text(a, "local"));
	}
	return out;
}

struct node *instance_types_default_reply(struct arena *a)
{
	struct node *out = node_map(a);

	node_put(a, out, "instanceTypeId", node_int(a, MACHINE_TYPE_DEFAULT));
	node_put(a, out, "storage", node_text(a, MACHINE_STORAGE_DEFAULT));
	return out;
}
