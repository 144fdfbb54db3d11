#include "agent/ending.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/answer.h"
#include "agent/file.h"
#include "reconcile/json.h"

/* ---- output parameters ---- */

static bool is_there(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 || errno != ENOENT;
}

/* NULL: it wrote none. */
static const char *read_output(struct arena *a, const char *folder, const char *param, const char *file,
                               struct buf *notes)
{
	const char *path = *file == '/' ? file : arena_printf(a, "%s/work/%s", folder, file);
	const char *text;
	size_t len;
	struct err err;

	if (!is_there(path))
		return NULL;
	if (file_read(a, path, OUTPUT_MAX, &text, &len, &err)) {
		if (json_can_hold(text, len))
			return text;
		err_set(&err, "no text: it has a NUL byte in it, or is not UTF-8");
	}
	buf_addf(notes, "output parameter %s: %s: %s\n", param, file, err.msg);
	return NULL;
}

static const struct node *read_outputs(struct arena *a, const struct flow_step *step, const char *folder,
                                       struct buf *notes)
{
	const struct node *declared = node_get(step->body, "outputParameters");
	struct node *found = node_map(a);

	for (size_t i = 0; declared && declared->kind == NODE_MAP && i < declared->count; i++) {
		const char *param = declared->entries[i].key, *file = node_get_text(declared, param);
		const char *text = file && *file ? read_output(a, folder, param, file, notes) : NULL;
		if (text)
			node_put(a, found, param, node_text(a, text));
	}
	return found;
}

/* ---- how it ended ---- */

/* A command of ours has said more than its exit code can. */
static struct flow_event from_answer(const struct attempt_answer *answer, const struct flow_event *end)
{
	if (answer->message)
		return (struct flow_event){ .kind = answer->final ? FLOW_REFUSED : FLOW_BROKEN,
		                            .step = end->step, .message = answer->message };
	struct flow_event e = *end;
	e.code = answer->status;
	e.message = NULL;
	return e;
}

struct flow_event ending_read(struct arena *a, const struct flow_step *step, const char *folder,
                              struct buf *notes)
{
	struct flow_event e = { .kind = FLOW_LOST, .step = step->name };
	struct attempt_answer answer;
	const char *message = "";
	bool found = false;
	struct err err;

	if (!attempt_result_read(a, folder, &e.code, &message, &found, &err)) {
		e.message = arena_strdup(a, err.msg);
		return e;
	}
	if (!found)
		return e;
	e.kind = FLOW_ENDED;
	e.message = *message ? message : NULL;
	e.outputs = read_outputs(a, step, folder, notes);
	if (!attempt_answer_read(a, folder, &answer, &err)) {
		e.message = arena_strdup(a, err.msg);
		return e;
	}
	return answer.found ? from_answer(&answer, &e) : e;
}
