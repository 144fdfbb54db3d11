#include "agent/service/exec/attempt_reply.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "agent/util/file.h"
#include "reconcile/tree/json.h"

enum { ANSWER_MAX = 64 << 10 };

bool attempt_reply_write(const struct attempt_reply *answer, struct err *err)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	struct node *map = node_map(&a);

	if (answer->message) {
		node_put(&a, map, "message", node_text(&a, answer->message));
		node_put(&a, map, "final", node_bool(&a, answer->final));
	} else {
		node_put(&a, map, "status", node_int(&a, answer->status));
	}
	const char *text = json_text(&a, map);
	return file_replace(&a, "../answer", text, strlen(text), 0600, err) ||
	       err_wrap(err, "the answer of the step");
}

bool attempt_reply_read(struct arena *a, const char *folder, struct attempt_reply *out, struct err *err)
{
	const char *path = arena_printf(a, "%s/answer", folder), *bytes;
	struct attempt_reply answer = { .found = true };
	struct node *n;
	size_t len;

	if (access(path, F_OK) != 0 && errno == ENOENT) {
		*out = (struct attempt_reply){ 0 };
		return true;
	}
	if (!file_read(a, path, ANSWER_MAX, &bytes, &len, err) || !json_read(a, bytes, len, &n, err))
		return err_wrap(err, "the answer of the step");
	const struct node *final = node_get(n, "final");
	answer.status = (int)node_get_int(n, "status", 0);
	answer.message = node_get_text(n, "message");
	answer.final = final && final->kind == NODE_BOOL && final->boolean;
	if (!answer.message == !answer.status)
		return err_set(err, "the answer of the step says neither a status nor a message, or both");
	*out = answer;
	return true;
}
