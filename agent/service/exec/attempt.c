#include "agent/service/exec/attempt.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "agent/util/base64.h"
#include "agent/util/file.h"
#include "agent/util/directory.h"
#include "reconcile/tree/json.h"

enum { RESULT_MAX = 64 << 10 };

struct attempt_command attempt_hidden_command(struct arena *a, const char *name, const struct buf *document)
{
	const char **argv = arena_new(a, const char *, 2);

	argv[0] = name;
	return (struct attempt_command){
		.argv = argv, .self = true, .input = arena_strndup(a, buf_str(document), document->len), .len = document->len,
	};
}

/* ---- the document ----
 *
 * Environment and input may hold any bytes, JSON holds only UTF-8.  So all texts are written in base64. */

static struct node *attempt_encode_text(struct arena *a, const char *bytes, size_t len)
{
	return node_text(a, base64_encode(a, bytes, len));
}

static struct node *attempt_encode_list(struct arena *a, const char *const *texts)
{
	struct node *list = node_list(a);

	for (; texts && *texts; texts++)
		node_add(a, list, attempt_encode_text(a, *texts, strlen(*texts)));
	return list;
}

static struct node *attempt_encode_command(struct arena *a, const struct attempt_command *c)
{
	struct node *n = node_map(a);

	node_put(a, n, "argv", attempt_encode_list(a, c->argv));
	node_put(a, n, "self", node_bool(a, c->self));
	if (c->input)
		node_put(a, n, "input", attempt_encode_text(a, c->input, c->len));
	if (c->env)
		node_put(a, n, "env", attempt_encode_list(a, c->env));
	return n;
}

void attempt_write(const struct attempt *attempt, struct buf *out)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	struct node *n = node_map(&a), *commands = node_list(&a);

	node_put(&a, n, "folder", attempt_encode_text(&a, attempt->folder, strlen(attempt->folder)));
	for (size_t i = 0; i < attempt->command_count; i++)
		node_add(&a, commands, attempt_encode_command(&a, &attempt->commands[i]));
	node_put(&a, n, "commands", commands);
	node_put(&a, n, "env", attempt_encode_list(&a, attempt->env));
	node_put(&a, n, "masks", attempt_encode_list(&a, attempt->masks));
	if (attempt->cgroup)
		node_put(&a, n, "cgroup", attempt_encode_text(&a, attempt->cgroup, strlen(attempt->cgroup)));
	json_write(n, JSON_COMPACT, out);
}

/* NULL if n is not a base64 text, or if len is NULL and the text has a NUL. */
static const char *attempt_decode_text(struct arena *a, const struct node *n, size_t *len)
{
	const uint8_t *bytes;
	size_t count;

	if (!n || n->kind != NODE_TEXT || !base64_decode(a, n->text, strlen(n->text), &bytes, &count) ||
	    (!len && memchr(bytes, '\0', count)))
		return NULL;
	if (len)
		*len = count;
	return (const char *)bytes;
}

static const char *const *attempt_decode_list(struct arena *a, const struct node *list)
{
	if (!list || list->kind != NODE_LIST)
		return NULL;
	const char **texts = arena_new(a, const char *, list->count + 1);
	for (size_t i = 0; i < list->count; i++)
		if (!(texts[i] = attempt_decode_text(a, list->entries[i].value, NULL)))
			return NULL;
	return texts;
}

static bool attempt_decode_command(struct arena *a, const struct node *n, struct attempt_command *out)
{
	const struct node *self = node_get(n, "self"), *input = node_get(n, "input"), *env = node_get(n, "env");

	out->argv = attempt_decode_list(a, node_get(n, "argv"));
	out->self = self && self->kind == NODE_BOOL && self->boolean;
	if (input && !(out->input = attempt_decode_text(a, input, &out->len)))
		return false;
	if (env && !(out->env = attempt_decode_list(a, env)))
		return false;
	return out->argv && out->argv[0];
}

static bool attempt_decode_commands(struct arena *a, const struct node *list, struct attempt *out)
{
	if (!list || list->kind != NODE_LIST)
		return false;
	struct attempt_command *commands = arena_new(a, struct attempt_command, list->count);
	for (size_t i = 0; i < list->count; i++)
		if (!attempt_decode_command(a, list->entries[i].value, &commands[i]))
			return false;
	out->commands = commands;
	out->command_count = list->count;
	return list->count > 0;
}

bool attempt_read(struct arena *a, const char *bytes, size_t len, struct attempt *out, struct err *err)
{
	struct attempt attempt = { 0 };
	struct node *n;

	if (!json_read(a, bytes, len, &n, err))
		return err_wrap(err, "the document of an attempt");
	const struct node *cgroup = node_get(n, "cgroup");
	attempt.folder = attempt_decode_text(a, node_get(n, "folder"), NULL);
	attempt.env = attempt_decode_list(a, node_get(n, "env"));
	attempt.masks = attempt_decode_list(a, node_get(n, "masks"));
	if (!attempt.folder || *attempt.folder != '/')
		return err_set(err, "the document of an attempt: its folder has no absolute path");
	if (!attempt_decode_commands(a, node_get(n, "commands"), &attempt))
		return err_set(err, "the document of an attempt: expected commands, each with a program");
	if (!attempt.env || !attempt.masks || (cgroup && !(attempt.cgroup = attempt_decode_text(a, cgroup, NULL))))
		return err_set(err, "the document of an attempt: expected a text in base64");
	*out = attempt;
	return true;
}

/* ---- files in the folder ---- */

bool attempt_begun(const char *folder)
{
	CLEANUP(arena_free) struct arena a = { 0 };

	return access(arena_printf(&a, "%s/begun", folder), F_OK) == 0;
}

bool attempt_result_read(struct arena *a, const char *folder, int *code, const char **message,
                         bool *found, struct err *err)
{
	const char *path = arena_printf(a, "%s/result", folder), *bytes;
	struct node *n;
	size_t len = 0;

	if ((access(path, F_OK) < 0 && errno == ENOENT) ||
	    (file_read(a, path, RESULT_MAX, &bytes, &len, err) && len == 0)) {
		*found = false;
		return true;
	}
	if (len == 0 || !json_read(a, bytes, len, &n, err))
		return err_wrap(err, "the result \"%s\"", path);
	int64_t number = node_get_int(n, "code", -1);
	const char *text = node_get_text(n, "message");
	if (number < 0 || number > INT_MAX || !text)
		return err_set(err, "the result \"%s\": expected a code and a message", path);
	*code = (int)number;
	*message = text;
	*found = true;
	return true;
}

/* Without waiting for the disk, which would take longer than most attempts. */
bool attempt_result_write(const char *folder, int code, const char *message, struct err *err)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	CLEANUP(buf_done) struct buf text = BUF(RESULT_MAX);
	const char *path = arena_printf(&a, "%s/result", folder);
	struct node *n = node_map(&a);

	node_put(&a, n, "code", node_int(&a, code));
	node_put(&a, n, "message", node_text(&a, message));
	json_write(n, JSON_COMPACT, &text);
	return file_replace_unsynced(&a, path, buf_str(&text), text.len, 0600, err) ||
	       err_wrap(err, "the result \"%s\"", path);
}

bool attempt_remove(const char *folder, struct err *err)
{
	return directory_remove_tree(folder, err);
}
