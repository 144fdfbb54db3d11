#include "agent/service/engine/execution_document.h"

#include <inttypes.h>
#include <string.h>

#include "agent/service/steps/instance_types.h"
#include "reconcile/schema/mask.h"
#include "reconcile/tree/json.h"

/* ---- its steps ---- */

/* "storage with a space here" (contract, 4.4). */
static const char *document_storage_text(struct arena *a, const char *storage)
{
	size_t digits = strspn(storage, "0123456789.");

	if (!digits || !storage[digits] || storage[digits] == ' ')
		return storage;
	return arena_printf(a, "%.*s %s", (int)digits, storage, storage + digits);
}

static struct node *document_resources(struct arena *a, const struct node *step)
{
	const struct node *declared = node_get(step, "resources");
	const char *storage = node_get_text(declared, "storage");
	struct node *out = node_map(a);

	storage = document_storage_text(a, storage ? storage : MACHINE_STORAGE_DEFAULT);
	node_put(a, out, "instanceTypeId",
	         node_int(a, node_get_int(declared, "instanceTypeId", MACHINE_TYPE_DEFAULT)));
	node_put(a, out, "storage", node_text(a, storage));
	return out;
}

static struct node *document_source(struct arena *a, const struct node *repository)
{
	const char *url = node_get_text(repository, "url"), *path = node_get_text(repository, "filePath");
	struct node *out = node_map(a);

	node_put(a, out, "type", node_text(a, url && strstr(url, "github.") ? "GITHUB" : "GIT"));
	node_put(a, out, "url", node_text(a, url ? mask_urls(a, url, 1) : ""));
	node_put(a, out, "filePath", node_text(a, path ? path : ""));
	return out;
}

/* This service does not know the names of images; workflow_json_describe() makes up the same one. */
static const char *document_image_name(struct arena *a, const struct node *step)
{
	int64_t version = node_get_int(step, "imageVersionId", 0);

	return arena_printf(a, "image-%" PRId64 ":%s", node_get_int(step, "imageId", 0),
	                    version ? arena_printf(a, "version-%" PRId64, version) : "latest");
}

static struct node *document_step(struct arena *a, const char *name, const struct node *step)
{
	const struct node *repository = node_get(step, "repository");
	const char *type = node_get_text(step, "type");
	struct node *out = node_map(a);

	type = type ? type : "standard";
	node_put(a, out, "name", node_text(a, name));
	node_put(a, out, "stepType", node_text(a, type));
	node_put(a, out, "children", node_list(a));
	if (strcmp(type, "standard") == 0) {
		if (node_get_text(step, "command"))
			node_put(a, out, "command", node_text(a, node_get_text(step, "command")));
		node_put(a, out, "image", node_text(a, document_image_name(a, step)));
		node_put(a, out, "resources", document_resources(a, step));
	}
	if (repository && repository->kind != NODE_NULL)
		node_put(a, out, "source", document_source(a, repository));
	return out;
}

static void document_add_children(struct arena *a, struct node *index, const char *name, const struct node *step)
{
	const struct node *parents = node_get(step, "parents");

	for (size_t i = 0; parents && i < parents->count; i++) {
		const struct node *parent = parents->entries[i].value;
		struct node *shown = parent->kind == NODE_TEXT ? node_get(index, parent->text) : NULL;
		if (shown)
			node_add(a, node_get(shown, "children"), node_text(a, name));
	}
}

struct node *execution_document_steps(struct arena *a, const struct node *body)
{
	const struct node *steps = node_get(body, "steps");
	struct node *list = node_list(a), *index = node_map(a);

	for (size_t i = 0; steps && i < steps->count; i++) {
		const struct entry *e = &steps->entries[i];
		node_put(a, index, e->key, node_add(a, list, document_step(a, e->key, e->value)));
	}
	for (size_t i = 0; steps && i < steps->count; i++)
		document_add_children(a, index, steps->entries[i].key, steps->entries[i].value);
	return list;
}

/* ---- its state ---- */

struct node *execution_document_write_state(struct arena *a, const struct execution_state *state)
{
	struct node *out = node_map(a);

	node_put(a, out, "flow", (struct node *)(uintptr_t)state->flow);
	if (state->reruns)
		node_put(a, out, "reruns", (struct node *)(uintptr_t)state->reruns);
	node_put(a, out, "boot", node_text(a, state->boot));
	return out;
}

bool execution_document_read_state(struct arena *a, const char *json, struct execution_state *out, struct err *err)
{
	struct node *root;

	if (!json_read(a, json, strlen(json), &root, err))
		return false;
	const struct node *flow = node_get(root, "flow"), *reruns = node_get(root, "reruns");
	const char *boot = node_get_text(root, "boot");
	if (!flow || flow->kind != NODE_MAP || (reruns && reruns->kind != NODE_MAP) || !boot)
		return err_set(err, "expected the saved state of an execution");
	*out = (struct execution_state){ flow, reruns, boot };
	return true;
}
