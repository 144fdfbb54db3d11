#include "agent/source_dir.h"

#include "agent/file.h"
#include "agent/source_look.h"
#include "reconcile/yaml.h"

static bool read_file(struct arena *a, const char *name, const char *path, struct source_files *out,
                      struct faults *faults)
{
	struct source_file file = { .name = name };
	struct err err;

	if (!file_read(a, path, YAML_MAX_BYTES, &file.bytes, &file.len, &err))
		return fault_add(faults, (struct pos){ name, 0, 0 }, "%s", err.msg);
	arena_grow(a, out->items, out->count, out->room);
	out->items[out->count++] = file;
	return true;
}

bool source_file_read(struct arena *a, const char *path, struct source_files *out, struct faults *faults)
{
	return read_file(a, arena_strdup(a, path), path, out, faults);
}

static void read_files(struct arena *a, const struct source_look *look, const char *dir,
                       struct source_files *out, struct faults *faults)
{
	size_t bytes = 0;

	for (size_t i = 0; i < look->count; i++) {
		const struct source_entry *e = &look->items[i];
		if (e->kind != SOURCE_FILE)
			continue;
		if (read_file(a, e->name, e->real, out, faults))
			bytes += out->items[out->count - 1].len;
		if (bytes > SOURCE_MAX_BYTES) {
			fault_add(faults, (struct pos){ dir, 0, 0 }, "holds more than %d MiB of specs",
			          SOURCE_MAX_BYTES >> 20);
			return;
		}
	}
}

bool source_dir_read(struct arena *a, const char *dir, struct source_files *out, struct faults *faults)
{
	size_t errors = faults->errors;
	struct source_look look;

	source_look(a, dir, &look, faults);
	read_files(a, &look, arena_strdup(a, dir), out, faults);
	return faults->errors == errors;
}
