#include "agent/sync/plan_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "agent/util/file.h"

enum { PLAN_FILE_MODE = 0600 };

/* A plan has the report of its cycle, of which a state directory keeps as much. */
static const size_t plan_file_most = (size_t)256 << 20;

static void plan_file_free_text(char **text)
{
	free(*text);
}

/* Guards and limits are left out: they are checked when the plan is applied.  What fills in the specs is in the digests of
 * the steps. */
static const struct node *plan_file_options(struct arena *a, const struct settings *s)
{
	struct node *n = node_map(a), *only = texts_list(a, &s->only);

	node_put(a, n, "adopt", node_text(a, s->adopt ? "yes" : "no"));
	node_put(a, n, "mark", node_bool(a, s->mark));
	node_put(a, n, "only", only ? only : node_list(a));
	node_put(a, n, "prune", node_bool(a, s->prune));
	node_put(a, n, "undeclared", node_text(a, s->undeclared ? "remove" : "keep"));
	return n;
}

const char *plan_file_endpoint(struct context *ctx, const struct connection *c)
{
	const char *dir = ctx->settings->state_dir, *socket = c->endpoint.unix_socket;

	if (strcmp(c->name, "local") == 0) {
		CLEANUP(plan_file_free_text) char *real = dir ? realpath(dir, NULL) : NULL;
		return arena_printf(ctx->arena, "local %s", real ? real : dir ? dir : "");
	}
	return socket ? arena_printf(ctx->arena, "unix:%s", socket) : c->name;
}

struct plan_target plan_file_target(struct context *ctx, const char *endpoint)
{
	const struct settings *s = ctx->settings;

	return (struct plan_target){
		.endpoint = endpoint, .owner = s->owner ? s->owner : "default", .options = plan_file_options(ctx->arena, s),
	};
}

/* A file behind a link keeps its mode. */
static bool plan_file_refuse_link(const char *file, struct err *err)
{
	struct stat st;

	if (lstat(file, &st) < 0 || !S_ISLNK(st.st_mode) || (stat(file, &st) == 0 && !S_ISREG(st.st_mode)))
		return true;
	return err_set(err, "it is a symbolic link: name the file itself, so that no other user can read the plan");
}

static bool plan_file_is_same(const char *x, const char *y)
{
	struct stat a, b;

	return strcmp(x, y) == 0 || (stat(x, &a) == 0 && stat(y, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino);
}

/* Reports are written after the plan. */
bool plan_file_check_use(const struct settings *s, const char *file, struct err *err)
{
	bool used = s->report && plan_file_is_same(file, s->report);

	for (size_t i = 0; i < s->outputs.count; i++)
		used |= plan_file_is_same(file, s->outputs.items[i].file);
	if (used)
		return err_usage(err, "--out %s: a report would overwrite the plan: name another file", file);
	return strcmp(file, "-") != 0 || err_usage(err, "--out -: a plan is saved in a file, as it is to be kept as a secret "
	                                           "is; for a file of that name write ./-");
}

bool plan_file_check(struct arena *a, const char *file, struct err *err)
{
	return (plan_file_refuse_link(file, err) && file_check_replace(a, file, err)) || err_wrap(err, "plan %s", file);
}

bool plan_file_make_key(unsigned char key[DIGEST_KEY_SIZE], struct err *err)
{
	return getrandom(key, DIGEST_KEY_SIZE, 0) == DIGEST_KEY_SIZE || err_sys(err, errno, "a key for the plan");
}

static bool plan_file_refuse_size(size_t len, struct err *err)
{
	return len <= plan_file_most || err_set(err, "the plan is larger than %zu MiB; limit it with --only",
	                                        plan_file_most >> 20);
}

bool plan_file_write(struct context *ctx, const char *file, const struct report *report, const char *endpoint,
                     const unsigned char *key, struct err *err)
{
	CLEANUP(buf_done) struct buf text = BUF_TEXT;
	const struct plan_target made_for = plan_file_target(ctx, endpoint);

	return (saved_plan_write(report, key, &made_for, &text, err) && plan_file_refuse_size(text.len, err) &&
	        plan_file_refuse_link(file, err) &&
	        file_replace(ctx->arena, file, buf_str(&text), text.len, PLAN_FILE_MODE, err)) ||
	       err_wrap(err, "plan %s", file);
}

bool plan_file_read(struct arena *a, const char *file, struct saved_plan *out, struct err *err)
{
	const char *bytes;
	size_t len;

	if (file_read(a, file, plan_file_most, &bytes, &len, err))
		return saved_plan_read(a, file, bytes, len, out, err);
	err->kind = ERR_USAGE;
	return err_wrap(err, "plan %s", file);
}
