#include "agent/sync/plan_file.h"

#include <errno.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "agent/util/file.h"

enum { PLAN_FILE_MODE = 0600 };

/* A plan has the report of its cycle, of which a state directory keeps as much. */
static const size_t plan_file_most = (size_t)256 << 20;

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
	return err_set(err, "it is a symbolic link: name the file itself, so that nobody else can read the plan");
}

bool plan_file_check(struct arena *a, const char *file, struct err *err)
{
	return (plan_file_refuse_link(file, err) && file_check_replace(a, file, err)) || err_wrap(err, "plan %s", file);
}

bool plan_file_make_key(unsigned char key[DIGEST_KEY_SIZE], struct err *err)
{
	return getrandom(key, DIGEST_KEY_SIZE, 0) == DIGEST_KEY_SIZE || err_sys(err, errno, "a key for the plan");
}

bool plan_file_write(struct context *ctx, const char *file, const struct report *report, const unsigned char *key,
                     struct err *err)
{
	CLEANUP(buf_done) struct buf text = BUF_TEXT;
	const struct plan_target made_for = plan_file_target(ctx, report->endpoint);

	return (saved_plan_write(report, key, &made_for, &text, err) && plan_file_refuse_link(file, err) &&
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
