#include "agent/service/engine/execution_json.h"

#include <inttypes.h>
#include <string.h>

#include "agent/service/steps/instance_types.h"
#include "agent/util/clock.h"
#include "reconcile/tree/json.h"
#include "reconcile/schema/mask.h"

static bool given(const struct node *n)
{
	return n && n->kind != NODE_NULL;
}

static void put_text(struct arena *a, struct node *map, const char *key, const char *text)
{
	if (text)
		node_put(a, map, key, node_text(a, text));
}

static struct node *stamp(struct arena *a, int64_t ms)
{
	return ms < 0 ? node_null(a) : node_text(a, timestamp_text(a, ms));
}

/* ---- what of a step does not change ---- */

/* "storage with a space here" (contract, 4.4). */
static const char *spaced(struct arena *a, const char *storage)
{
	size_t digits = strspn(storage, "0123456789.");

	if (!digits || !storage[digits] || storage[digits] == ' ')
		return storage;
	return arena_printf(a, "%.*s %s", (int)digits, storage, storage + digits);
}

static struct node *resources(struct arena *a, const struct node *step)
{
	const struct node *declared = node_get(step, "resources");
	const char *storage = node_get_text(declared, "storage");
	struct node *out = node_map(a);

	node_put(a, out, "instanceTypeId", node_int(a, node_get_int(declared, "instanceTypeId", MACHINE_TYPE_DEFAULT)));
	node_put(a, out, "storage", node_text(a, spaced(a, storage ? storage : MACHINE_STORAGE_DEFAULT)));
	return out;
}

static struct node *source(struct arena *a, const struct node *repository)
{
	const char *url = node_get_text(repository, "url"), *path = node_get_text(repository, "filePath");
	struct node *out = node_map(a);

	node_put(a, out, "type", node_text(a, url && strstr(url, "github.") ? "GITHUB" : "GIT"));
	node_put(a, out, "url", node_text(a, url ? mask_urls(a, url, 1) : ""));
	node_put(a, out, "filePath", node_text(a, path ? path : ""));
	return out;
}

/* Nobody here knows the image's name; describe tells the same. */
static const char *image(struct arena *a, const struct node *step)
{
	int64_t version = node_get_int(step, "imageVersionId", 0);

	return arena_printf(a, "image-%" PRId64 ":%s", node_get_int(step, "imageId", 0),
	                    version ? arena_printf(a, "version-%" PRId64, version) : "latest");
}

static struct node *step_shape(struct arena *a, const char *name, const struct node *step)
{
	const char *type = node_get_text(step, "type");
	struct node *out = node_map(a);

	type = type ? type : "standard";
	node_put(a, out, "name", node_text(a, name));
	node_put(a, out, "stepType", node_text(a, type));
	node_put(a, out, "children", node_list(a));
	if (strcmp(type, "standard") == 0) {
		put_text(a, out, "command", node_get_text(step, "command"));
		node_put(a, out, "image", node_text(a, image(a, step)));
		node_put(a, out, "resources", resources(a, step));
	}
	if (given(node_get(step, "repository")))
		node_put(a, out, "source", source(a, node_get(step, "repository")));
	return out;
}

static void add_children(struct arena *a, struct node *index, const char *name, const struct node *step)
{
	const struct node *parents = node_get(step, "parents");

	for (size_t i = 0; parents && i < parents->count; i++) {
		const struct node *parent = parents->entries[i].value;
		struct node *of = parent->kind == NODE_TEXT ? node_get(index, parent->text) : NULL;
		if (of)
			node_add(a, node_get(of, "children"), node_text(a, name));
	}
}

struct node *execution_json_steps(struct arena *a, const struct node *body)
{
	const struct node *steps = node_get(body, "steps");
	struct node *list = node_list(a), *index = node_map(a);

	for (size_t i = 0; steps && i < steps->count; i++) {
		const struct entry *e = &steps->entries[i];
		node_put(a, index, e->key, node_add(a, list, step_shape(a, e->key, e->value)));
	}
	for (size_t i = 0; steps && i < steps->count; i++)
		add_children(a, index, steps->entries[i].key, steps->entries[i].value);
	return list;
}

/* ---- how it stands ---- */

struct node *execution_state_write(struct arena *a, const struct execution_state *state)
{
	struct node *out = node_map(a);

	node_put(a, out, "flow", (struct node *)(uintptr_t)state->flow);
	if (state->reruns)
		node_put(a, out, "reruns", (struct node *)(uintptr_t)state->reruns);
	node_put(a, out, "boot", node_text(a, state->boot));
	return out;
}

bool execution_state_read(struct arena *a, const char *json, struct execution_state *out, struct err *err)
{
	struct node *root;

	if (!json_read(a, json, strlen(json), &root, err))
		return false;
	const struct node *flow = node_get(root, "flow"), *reruns = node_get(root, "reruns");
	const char *boot = node_get_text(root, "boot");
	if (!flow || flow->kind != NODE_MAP || (reruns && reruns->kind != NODE_MAP) || !boot)
		return err_set(err, "expected a saved run");
	*out = (struct execution_state){ flow, reruns, boot };
	return true;
}

/* ---- in a list ---- */

static const char *duration(struct arena *a, int64_t ms)
{
	int64_t s = ms / 1000;

	return arena_printf(a, "%02" PRId64 ":%02" PRId64 ":%02" PRId64, s / 3600, s / 60 % 60, s % 60);
}

static void put_times(struct arena *a, struct node *out, enum dag_status status, int64_t began,
                      int64_t finished, const char *stopped_by)
{
	node_put(a, out, "status", node_text(a, flow_status_words[status]));
	node_put(a, out, "executedAt", stamp(a, began));
	if (finished >= 0) {
		node_put(a, out, "finishedAt", stamp(a, finished));
		node_put(a, out, "duration", node_text(a, duration(a, finished - began)));
	}
	put_text(a, out, "stoppedBy", stopped_by);
}

struct node *execution_json_entry(struct arena *a, const struct stored_execution *run, const struct stored_rerun *reruns,
                             size_t count)
{
	struct node *out = node_map(a), *list = node_list(a);

	node_put(a, out, "executionId", node_text(a, run->uuid));
	put_times(a, out, run->status, run->began, run->finished, run->stopped_by);
	for (size_t i = 0; i < count; i++) {
		struct node *rerun = node_add(a, list, node_map(a));
		node_put(a, rerun, "rerunId", node_text(a, reruns[i].uuid));
		put_times(a, rerun, reruns[i].status, reruns[i].began, reruns[i].finished, reruns[i].stopped_by);
	}
	node_put(a, out, "reruns", list);
	return out;
}

struct node *execution_json_last(struct arena *a, const struct stored_execution *run, const struct stored_rerun *reruns,
                            size_t count)
{
	struct node *out = node_map(a);

	if (!run->id)
		return node_null(a);
	node_put(a, out, "executionId", node_text(a, run->uuid));
	node_put(a, out, "executedAt", stamp(a, run->began));
	node_put(a, out, "status", node_text(a, flow_status_words[run->status]));
	node_put(a, out, "rerunId", count ? node_text(a, reruns[count - 1].uuid) : node_null(a));
	return out;
}

/* ---- all that is told of one ---- */

static const char *status_of(const struct node *saved)
{
	const char *word = node_get_text(saved, "status");

	return word ? word : flow_status_words[DAG_PENDING];
}

/* What says no more than the exit code does is what the contract shows there. */
static const char *message_of(struct arena *a, const struct node *saved, const char *code)
{
	const char *message = node_get_text(saved, "message");

	return message && strcmp(message, arena_printf(a, "exit code %s", code)) != 0 ? message : "terminated";
}

static void put_output(struct arena *a, struct node *out, const struct node *saved)
{
	const struct node *n = node_get(saved, "code");
	const char *code = n ? node_scalar_text(a, n) : "";
	struct node *output = node_map(a);

	if (!n && !node_get_text(saved, "message"))
		return;
	node_put(a, output, "exitCode", node_text(a, code));
	node_put(a, output, "message", node_text(a, message_of(a, saved, code)));
	node_put(a, out, "output", output);
}

static void put_state(struct arena *a, struct node *out, const struct execution_state *state)
{
	const char *name = node_get_text(out, "name");
	const struct node *saved = node_get(node_get(state->flow, "steps"), name);
	int64_t started = node_get_int(saved, "started", -1);

	node_put(a, out, "status", node_text(a, status_of(saved)));
	node_put(a, out, "startedAt", stamp(a, started));
	node_put(a, out, "finishedAt", stamp(a, started < 0 ? -1 : node_get_int(saved, "finished", -1)));
	put_output(a, out, saved);
	node_put(a, out, "attempts", node_int(a, node_get_int(saved, "attempts", 0)));
	put_text(a, out, "rerunId", node_get_text(state->reruns, name));
}

static bool are_steps(const struct node *list)
{
	for (size_t i = 0; list->kind == NODE_LIST && i < list->count; i++)
		if (!node_get_text(list->entries[i].value, "name"))
			return false;
	return list->kind == NODE_LIST;
}

static bool read_work(struct arena *a, const struct execution_details *work, struct node **steps,
                      struct execution_state *state, struct err *err)
{
	if (!json_read(a, work->steps, strlen(work->steps), steps, err) ||
	    !execution_state_read(a, work->state, state, err))
		return false;
	return are_steps(*steps) || err_set(err, "expected a list of steps");
}

bool execution_json_details(struct arena *a, const struct stored_execution *run, const struct execution_details *work,
                       struct node **out, struct err *err)
{
	struct node *told = node_map(a), *steps;
	struct execution_state state;

	if (!read_work(a, work, &steps, &state, err))
		return err_wrap(err, "run %s is damaged in the database", run->uuid);
	node_put(a, told, "executionId", node_text(a, run->uuid));
	node_put(a, told, "status", node_text(a, flow_status_words[run->status]));
	node_put(a, told, "executedAt", stamp(a, run->began));
	node_put(a, told, "finishedAt", stamp(a, run->finished));
	for (size_t i = 0; i < steps->count; i++)
		put_state(a, steps->entries[i].value, &state);
	node_put(a, told, "steps", steps);
	*out = told;
	return true;
}

bool execution_json_step(struct arena *a, const struct execution_details *work, const char *name, size_t *number,
                    const char **status)
{
	struct execution_state state;
	struct node *steps;
	struct err ignored;

	if (!read_work(a, work, &steps, &state, &ignored))
		return false;
	for (size_t i = 0; i < steps->count; i++) {
		if (!node_is_text(steps->entries[i].value, "name", name))
			continue;
		*number = i;
		*status = status_of(node_get(node_get(state.flow, "steps"), name));
		return true;
	}
	return false;
}

/* ---- logs ---- */

/* What is left of a log, which may be long: nothing here looks further than at one line. */
struct log_rest { const char *text, *end; };

static struct log_rest rest_of(const char *text)
{
	return (struct log_rest){ text, text + strlen(text) };
}

/* The time that a line begins with: its digits, 0 if there is none. */
static size_t read_time(const char *line, int64_t *ms)
{
	enum { DIGITS = 15 };
	size_t digits = 0;
	int64_t time = 0;

	for (; line[digits] >= '0' && line[digits] <= '9'; digits++)
		time = digits < DIGITS ? time * 10 + (line[digits] - '0') : 0;
	if (digits > DIGITS || (line[digits] != ' ' && line[digits] != '\n'))
		digits = 0;
	*ms = digits ? time : 0;
	return digits;
}

/* Takes one line off; false if there is none.  What does not begin with a time is all message, of 1970. */
static bool next_line(struct log_rest *rest, int64_t *ms, const char **message, size_t *len)
{
	const char *line = rest->text, *end = memchr(line, '\n', (size_t)(rest->end - line));

	if (!end)
		return false;
	size_t digits = read_time(line, ms);
	*message = line + digits + (digits && line[digits] == ' ');
	*len = (size_t)(end - *message);
	rest->text = end + 1;
	return true;
}

void execution_json_log(struct arena *a, const char *text, struct node *list)
{
	struct log_rest rest = rest_of(text);
	const char *message;
	int64_t ms;
	size_t len;

	while (next_line(&rest, &ms, &message, &len)) {
		struct node *line = node_add(a, list, node_map(a));
		node_put(a, line, "message", node_text(a, arena_strndup(a, message, len)));
		node_put(a, line, "timestamp", node_int(a, ms));
	}
}

void execution_json_log_text(const char *text, struct buf *out)
{
	struct log_rest rest = rest_of(text);
	const char *message;
	int64_t ms;
	size_t len;

	while (next_line(&rest, &ms, &message, &len)) {
		timestamp_add(out, ms);
		buf_addc(out, ' ');
		buf_add(out, message, len);
		buf_addc(out, '\n');
	}
}
