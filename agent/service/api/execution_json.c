#include "agent/service/api/execution_json.h"

#include <inttypes.h>
#include <string.h>

#include "agent/service/engine/execution_document.h"
#include "agent/util/clock.h"
#include "reconcile/tree/json.h"

static void execution_json_put_text(struct arena *a, struct node *map, const char *key, const char *text)
{
	if (text)
		node_put(a, map, key, node_text(a, text));
}

static struct node *time_or_null(struct arena *a, int64_t ms)
{
	return ms < 0 ? node_null(a) : node_text(a, timestamp_text(a, ms));
}

/* ---- in a list ---- */

static const char *execution_duration(struct arena *a, int64_t ms)
{
	int64_t s = ms / 1000;

	return arena_printf(a, "%02" PRId64 ":%02" PRId64 ":%02" PRId64, s / 3600, s / 60 % 60, s % 60);
}

static void execution_json_put_times(struct arena *a, struct node *out, enum dag_status status, int64_t began,
                                     int64_t finished, const char *stopped_by)
{
	node_put(a, out, "status", node_text(a, dag_status_words[status]));
	node_put(a, out, "executedAt", time_or_null(a, began));
	if (finished >= 0) {
		node_put(a, out, "finishedAt", time_or_null(a, finished));
		node_put(a, out, "duration", node_text(a, execution_duration(a, finished - began)));
	}
	execution_json_put_text(a, out, "stoppedBy", stopped_by);
}

struct node *execution_json_entry(struct arena *a, const struct stored_execution *execution,
                                  const struct stored_rerun *reruns, size_t count)
{
	struct node *out = node_map(a), *list = node_list(a);

	node_put(a, out, "executionId", node_text(a, execution->uuid));
	execution_json_put_times(a, out, execution->status, execution->began, execution->finished,
	                         execution->stopped_by);
	for (size_t i = 0; i < count; i++) {
		struct node *rerun = node_add(a, list, node_map(a));
		node_put(a, rerun, "rerunId", node_text(a, reruns[i].uuid));
		execution_json_put_times(a, rerun, reruns[i].status, reruns[i].began, reruns[i].finished,
		                         reruns[i].stopped_by);
	}
	node_put(a, out, "reruns", list);
	return out;
}

struct node *execution_json_last(struct arena *a, const struct stored_execution *execution,
                                 const struct stored_rerun *reruns, size_t count)
{
	struct node *out = node_map(a);

	if (!execution->id)
		return NULL;
	node_put(a, out, "executionId", node_text(a, execution->uuid));
	node_put(a, out, "executedAt", time_or_null(a, execution->began));
	node_put(a, out, "status", node_text(a, dag_status_words[execution->status]));
	node_put(a, out, "rerunId", count ? node_text(a, reruns[count - 1].uuid) : node_null(a));
	return out;
}

/* ---- one execution ---- */

static const char *saved_status(const struct node *saved)
{
	const char *word = node_get_text(saved, "status");

	return word ? word : dag_status_words[DAG_PENDING];
}

/* The contract shows "terminated" where the message would only repeat the exit code. */
static const char *saved_message(struct arena *a, const struct node *saved, const char *code)
{
	const char *message = node_get_text(saved, "message");

	return message && strcmp(message, arena_printf(a, "exit code %s", code)) != 0 ? message : "terminated";
}

static void execution_json_put_output(struct arena *a, struct node *out, const struct node *saved)
{
	const struct node *n = node_get(saved, "code");
	const char *code = n ? node_scalar_text(a, n) : "";
	struct node *output = node_map(a);

	if (!n && !node_get_text(saved, "message"))
		return;
	node_put(a, output, "exitCode", node_text(a, code));
	node_put(a, output, "message", node_text(a, saved_message(a, saved, code)));
	node_put(a, out, "output", output);
}

static void execution_json_put_state(struct arena *a, struct node *out, const struct execution_state *state)
{
	const char *name = node_get_text(out, "name");
	const struct node *saved = node_get(node_get(state->flow, "steps"), name);
	int64_t started = node_get_int(saved, "started", -1);

	node_put(a, out, "status", node_text(a, saved_status(saved)));
	node_put(a, out, "startedAt", time_or_null(a, started));
	node_put(a, out, "finishedAt", time_or_null(a, started < 0 ? -1 : node_get_int(saved, "finished", -1)));
	execution_json_put_output(a, out, saved);
	node_put(a, out, "attempts", node_int(a, node_get_int(saved, "attempts", 0)));
	execution_json_put_text(a, out, "rerunId", node_get_text(state->reruns, name));
}

static bool is_list_of_steps(const struct node *list)
{
	for (size_t i = 0; list->kind == NODE_LIST && i < list->count; i++)
		if (!node_get_text(list->entries[i].value, "name"))
			return false;
	return list->kind == NODE_LIST;
}

static bool read_execution_details(struct arena *a, const struct execution_details *stored, struct node **steps,
                                   struct execution_state *state, struct err *err)
{
	if (!json_read(a, stored->steps, strlen(stored->steps), steps, err) ||
	    !execution_document_read_state(a, stored->state, state, err))
		return false;
	return is_list_of_steps(*steps) || err_set(err, "expected a list of steps");
}

bool execution_json_details(struct arena *a, const struct stored_execution *execution,
                            const struct execution_details *stored, struct node **out, struct err *err)
{
	struct node *details = node_map(a), *steps;
	struct execution_state state;

	if (!read_execution_details(a, stored, &steps, &state, err))
		return err_wrap(err, "execution %s is damaged in the database", execution->uuid);
	node_put(a, details, "executionId", node_text(a, execution->uuid));
	node_put(a, details, "status", node_text(a, dag_status_words[execution->status]));
	node_put(a, details, "executedAt", time_or_null(a, execution->began));
	node_put(a, details, "finishedAt", time_or_null(a, execution->finished));
	for (size_t i = 0; i < steps->count; i++)
		execution_json_put_state(a, steps->entries[i].value, &state);
	node_put(a, details, "steps", steps);
	*out = details;
	return true;
}

bool execution_json_step(struct arena *a, const struct execution_details *stored, const char *name, size_t *number,
                         const char **status)
{
	struct execution_state state;
	struct node *steps;
	struct err ignored;

	if (!read_execution_details(a, stored, &steps, &state, &ignored))
		return false;
	for (size_t i = 0; i < steps->count; i++) {
		if (!node_is_text(steps->entries[i].value, "name", name))
			continue;
		*number = i;
		*status = saved_status(node_get(node_get(state.flow, "steps"), name));
		return true;
	}
	return false;
}

/* ---- logs ---- */

/* The rest of a log.  It may be long, so no function here looks beyond one line: no strlen(), no strchr(). */
struct log_rest { const char *text, *end; };

static struct log_rest log_rest_of(const char *text)
{
	return (struct log_rest){ text, text + strlen(text) };
}

/* Reads the time at the start of a line into *ms; returns its number of digits, 0 if there is no time. */
static size_t log_line_time(const char *line, int64_t *ms)
{
	enum { DIGITS = 15 };
	size_t digits = 0;
	int64_t time = 0;

	for (; line[digits] >= '0' && line[digits] <= '9'; digits++)
		time = digits < DIGITS ? time * 10 + (line[digits] - '0') : 0;
	if (digits > DIGITS || !line[digits] || !strchr(" +\n", line[digits]))
		digits = 0;
	*ms = digits ? time : 0;
	return digits;
}

/* Takes the next whole line; false if no whole line is left.  A line without a time is all message, at time 0.
 * *continues: no newline is between the line before and this one. */
static bool log_next_line(struct log_rest *rest, int64_t *ms, const char **message, size_t *len, bool *continues)
{
	const char *line = rest->text, *end = memchr(line, '\n', (size_t)(rest->end - line));

	if (!end)
		return false;
	size_t digits = log_line_time(line, ms);
	*continues = digits && line[digits] == '+';
	*message = line + digits + (digits && line[digits] != '\n');
	*len = (size_t)(end - *message);
	rest->text = end + 1;
	return true;
}

void execution_json_log(struct arena *a, const char *text, struct node *list)
{
	struct log_rest rest = log_rest_of(text);
	const char *message;
	int64_t ms;
	bool continues;
	size_t len;

	while (log_next_line(&rest, &ms, &message, &len, &continues)) {
		if (continues && len == 0)
			continue;
		len -= len > 0 && message[len - 1] == '\r';
		struct node *line = node_add(a, list, node_map(a));
		node_put(a, line, "message", node_text(a, arena_strndup(a, message, len)));
		node_put(a, line, "timestamp", node_int(a, ms));
	}
}

void execution_json_log_text(const char *text, struct buf *out)
{
	struct log_rest rest = log_rest_of(text);
	const char *message;
	bool continues = true, any = false;
	int64_t ms;
	size_t len = 0;

	for (; log_next_line(&rest, &ms, &message, &len, &continues); any = true) {
		if (any && !continues)
			buf_addc(out, '\n');
		buf_add(out, message, len);
	}
	if (any && !(continues && len == 0))
		buf_addc(out, '\n');
}
