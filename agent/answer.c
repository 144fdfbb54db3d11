#include "agent/answer.h"

#include "agent/file.h"
#include "reconcile/json.h"

enum { ANSWER_MAX = 64 << 10 };

void attempt_answer_write(const struct attempt_answer *answer)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	CLEANUP(buf_done) struct buf text = BUF_TEXT;
	struct node *map = node_map(&a);
	struct err ignored;

	if (answer->message) {
		node_put(&a, map, "message", node_text(&a, answer->message));
		node_put(&a, map, "final", node_bool(&a, answer->final));
	} else {
		node_put(&a, map, "status", node_int(&a, answer->status));
	}
	json_write(map, JSON_COMPACT, &text);
	file_replace(&a, "../answer", buf_str(&text), text.len, 0600, &ignored);
}

bool attempt_answer_read(struct arena *a, const char *folder, struct attempt_answer *out)
{
	const char *bytes;
	struct node *n;
	struct err ignored;
	size_t len;

	if (!file_read(a, arena_printf(a, "%s/answer", folder), ANSWER_MAX, &bytes, &len, &ignored) ||
	    !json_read(a, bytes, len, &n, &ignored))
		return false;
	const struct node *final = node_get(n, "final");
	*out = (struct attempt_answer){
		.status = (int)node_get_int(n, "status", 0), .message = node_get_text(n, "message"),
		.final = final && final->kind == NODE_BOOL && final->boolean,
	};
	return out->message || out->status;
}
