#include "agent/service/exec/attempt_reply.h"

#include <errno.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "agent/util/file.h"
#include "reconcile/tree/json.h"

enum { ANSWER_MAX = 64 << 10 };		/* bytes */

int attempt_reply_exit_code(const struct attempt_reply *reply)
{
	if (!reply->found || !reply->message)
		return EX_OK;
	return reply->final ? EX_UNAVAILABLE : EX_TEMPFAIL;
}

bool attempt_reply_write(const struct attempt_reply *reply, struct err *err)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	struct node *map = node_map(&a);

	if (reply->message) {
		node_put(&a, map, "message", node_text(&a, reply->message));
		node_put(&a, map, "final", node_bool(&a, reply->final));
	} else {
		node_put(&a, map, "status", node_int(&a, reply->status));
	}
	const char *text = json_text(&a, map);
	return file_replace(&a, "../answer", text, strlen(text), 0600, err) ||
	       err_wrap(err, "the reply of the command");
}

bool attempt_reply_read(struct arena *a, const char *folder, struct attempt_reply *out, struct err *err)
{
	const char *path = arena_printf(a, "%s/answer", folder), *bytes;
	struct attempt_reply reply = { .found = true };
	struct node *n;
	size_t len;

	if (access(path, F_OK) != 0 && errno == ENOENT) {
		*out = (struct attempt_reply){ 0 };
		return true;
	}
	if (!file_read(a, path, ANSWER_MAX, &bytes, &len, err) || !json_read(a, bytes, len, &n, err))
		return err_wrap(err, "the reply of the command");
	const struct node *final = node_get(n, "final");
	reply.status = (int)node_get_int(n, "status", 0);
	reply.message = node_get_text(n, "message");
	reply.final = final && final->kind == NODE_BOOL && final->boolean;
	if (!reply.message == !reply.status)
		return err_set(err, "the reply of the command: expected a status or a message");
	*out = reply;
	return true;
}
