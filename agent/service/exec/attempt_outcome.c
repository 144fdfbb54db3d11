#include "agent/service/exec/attempt_outcome.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/service/exec/attempt_reply.h"
#include "agent/util/file.h"
#include "reconcile/tree/json.h"

/* ---- output parameters ---- */

struct attempt_outcome_reader {
	struct arena *arena;
	const char *folder;
	bool confined;
	struct buf *notes;
};

static bool attempt_outcome_file_exists(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 || errno != ENOENT;
}

static void attempt_outcome_free_path(char **text)
{
	free(*text);
}

/* A link may lead anywhere, and so may "..".  No process of the step is left that could change it after the check. */
static bool attempt_outcome_is_inside_work(const char *folder, const char *path)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	CLEANUP(attempt_outcome_free_path) char *top = realpath(arena_printf(&a, "%s/work", folder), NULL);
	CLEANUP(attempt_outcome_free_path) char *real = realpath(path, NULL);
	size_t len = top ? strlen(top) : 0;

	return top && real && strncmp(real, top, len) == 0 && real[len] == '/';
}

/* The text of an output parameter, from file; NULL: the step did not write it, or it cannot be used (see notes). */
static const char *attempt_outcome_read_parameter(const struct attempt_outcome_reader *o, const char *param,
                                                  const char *file)
{
	struct arena *a = o->arena;
	const char *path = *file == '/' ? file : arena_printf(a, "%s/work/%s", o->folder, file);
	const char *text;
	size_t len;
	struct err err = { 0 };

	if (!attempt_outcome_file_exists(path))
		return NULL;
	if (o->confined && !attempt_outcome_is_inside_work(o->folder, path))
		err_set(&err, "the file is not in the folder of the step");
	else if (file_read(a, path, OUTPUT_MAX, &text, &len, &err) && json_can_hold(text, len))
		return text;
	else if (!*err.msg)
		err_set(&err, "expected UTF-8 text without NUL bytes");
	buf_addf(o->notes, "output parameter %s: %s: %s\n", param, file, err.msg);
	return NULL;
}

static const struct node *attempt_outcome_read_parameters(const struct attempt_outcome_reader *o,
                                                          const struct dag_step *step)
{
	const struct node *declared = node_get(step->body, "outputParameters");
	struct node *found = node_map(o->arena);

	for (size_t i = 0; declared && declared->kind == NODE_MAP && i < declared->count; i++) {
		const char *param = declared->entries[i].key, *file = node_get_text(declared, param);
		const char *text = file && *file ? attempt_outcome_read_parameter(o, param, file) : NULL;
		if (text)
			node_put(o->arena, found, param, node_text(o->arena, text));
	}
	return found;
}

/* ---- the end ---- */

/* The reply of a hidden command says more than its exit code. */
static struct dag_event attempt_outcome_from_reply(const struct attempt_reply *answer, const struct dag_event *end)
{
	if (answer->message)
		return (struct dag_event){ .kind = answer->final ? DAG_REFUSED : DAG_BROKEN,
		                            .step = end->step, .message = answer->message };
	struct dag_event e = *end;
	e.code = answer->status;
	e.message = NULL;
	return e;
}

struct dag_event attempt_outcome_read(struct arena *a, const struct dag_step *step, const char *folder,
                                      bool confined, struct buf *notes)
{
	const struct attempt_outcome_reader outputs = { a, folder, confined, notes };
	struct dag_event e = { .kind = DAG_LOST, .step = step->name };
	struct attempt_reply answer;
	const char *message = "";
	bool found = false;
	struct err err;

	if (!attempt_result_read(a, folder, &e.code, &message, &found, &err)) {
		e.message = arena_strdup(a, err.msg);
		return e;
	}
	if (!found)
		return e;
	e.kind = DAG_ENDED;
	e.message = *message ? message : NULL;
	e.outputs = attempt_outcome_read_parameters(&outputs, step);
	if (!attempt_reply_read(a, folder, &answer, &err)) {
		e.message = arena_strdup(a, err.msg);
		return e;
	}
	return answer.found ? attempt_outcome_from_reply(&answer, &e) : e;
}
