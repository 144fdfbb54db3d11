#include "agent/git/git_fetch.h"

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/net/git_url.h"
#include "reconcile/tree/json.h"

enum { LIMIT_MS = 120000 };

/* ---- the two documents ---- */

/* Texts that go to the child as they are. */
static const struct { const char *key; size_t offset; } fetch_texts[] = {
	{ "mirror", offsetof(struct git_fetch, mirror) },
	{ "url", offsetof(struct git_fetch, remote.url) },
	{ "username", offsetof(struct git_fetch, remote.username) },
	{ "token", offsetof(struct git_fetch, remote.token) },
	{ "ssh_key_file", offsetof(struct git_fetch, remote.ssh_key_file) },
	{ "known_hosts_file", offsetof(struct git_fetch, remote.known_hosts_file) },
	{ "ca_file", offsetof(struct git_fetch, remote.ca_file) },
	{ "advice", offsetof(struct git_fetch, remote.advice) },
	{ "ref", offsetof(struct git_fetch, ref.text) },
	{ "path", offsetof(struct git_fetch, path) },
};

static const char **fetch_text_field(const struct git_fetch *f, size_t i)
{
	return (const char **)((char *)f + fetch_texts[i].offset);
}

void git_fetch_write(const struct git_fetch *f, struct buf *out)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	struct node *n = node_map(&a);

	for (size_t i = 0; i < ARRAY_LEN(fetch_texts); i++)
		if (*fetch_text_field(f, i))
			node_put(&a, n, fetch_texts[i].key, node_text(&a, *fetch_text_field(f, i)));
	node_put(&a, n, "kind", node_int(&a, f->ref.kind));
	json_write(n, JSON_COMPACT, out);
}

bool git_fetch_read(struct arena *a, const char *document, size_t len, struct git_fetch *out, struct err *err)
{
	struct git_fetch f = { 0 };
	struct node *n;

	if (!json_read(a, document, len, &n, err))
		return err_wrap(err, "the document of a fetch");
	f.ref.kind = (enum git_ref_kind)node_get_int(n, "kind", GIT_HEAD);
	for (size_t i = 0; i < ARRAY_LEN(fetch_texts); i++)
		*fetch_text_field(&f, i) = node_get_text(n, fetch_texts[i].key);
	if (!f.remote.url || !f.mirror)
		return err_set(err, "the document of a fetch: it names no url, or no mirror");
	*out = f;
	return true;
}

static void fetch_put_warnings(struct arena *a, struct node *n, const struct diagnostics *warnings)
{
	struct node *list = node_put(a, n, "warnings", node_list(a));

	for (size_t i = 0; i < warnings->count; i++)
		node_add(a, list, node_text(a, warnings->items[i].message));
}

const char *git_fetch_serve(struct arena *a, const char *document, size_t len)
{
	CLEANUP(buf_done) struct buf text = BUF_TEXT;
	struct diagnostics warnings = { .arena = a };
	struct node *answer = node_map(a);
	struct git_revision revision;
	struct git_fetch f;
	struct err err;

	if (!git_fetch_read(a, document, len, &f, &err))
		return NULL;
	if (mirror_update(a, f.mirror, &f.remote, &f.ref, f.path, &revision, &warnings, &err)) {
		node_put(a, answer, "commit", node_text(a, revision.commit));
		node_put(a, answer, "tree", node_text(a, revision.tree));
		node_put(a, answer, "name", node_text(a, revision.name));
	} else {
		node_put(a, answer, "error", node_text(a, err.msg));
		node_put(a, answer, "kind", node_int(a, err.kind));
	}
	fetch_put_warnings(a, answer, &warnings);
	json_write(answer, JSON_COMPACT, &text);
	return arena_strdup(a, buf_str(&text));
}

/* ---- the parent's side ---- */

int64_t git_fetch_limit(const struct git_fetch *f, int64_t timeout_ms)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	bool first = access(arena_printf(&a, "%s/refs/flowsync", f->mirror), F_OK) != 0;

	return first || timeout_ms < LIMIT_MS ? timeout_ms : LIMIT_MS;
}

bool git_fetch_start(const struct git_fetch *f, struct subprocess *out, struct err *err)
{
	CLEANUP(buf_done) struct buf text = BUF_TEXT;

	git_fetch_write(f, &text);
	return subprocess_start("git-fetch", NULL, buf_str(&text), text.len, -1, out, err);
}

static const char *fetch_shown_url(struct arena *a, const struct git_fetch *f)
{
	struct git_url url;
	struct err err;

	return git_url_read(a, f->remote.url, &url, &err) ? url.shown : "?";
}

static bool fetch_no_answer(struct arena *a, const struct git_fetch *f, int status, struct err *err)
{
	if (WIFSIGNALED(status))
		return err_set(err, "git repository %s: the fetch was ended by signal %d", fetch_shown_url(a, f), WTERMSIG(status));
	return err_set(err, "git repository %s: the fetch ended with code %d and no answer", fetch_shown_url(a, f),
	               WEXITSTATUS(status));
}

static bool fetch_copy_id(const struct node *n, const char *key, char *out)
{
	const char *text = node_get_text(n, key);

	if (!text || strlen(text) != 40)
		return false;
	memcpy(out, text, 41);
	return true;
}

bool git_fetch_result(struct arena *a, const struct git_fetch *f, const struct subprocess *ended,
                      struct git_revision *out, struct diagnostics *warnings, struct err *err)
{
	struct git_revision revision = { 0 };
	struct node *n;

	if (!json_read(a, buf_str(&ended->said), ended->said.len, &n, err))
		return fetch_no_answer(a, f, ended->status, err);
	const struct node *list = node_get(n, "warnings");
	for (size_t i = 0; list && i < list->count; i++)
		diagnostics_warn(warnings, (struct pos){ 0 }, "%s", list->entries[i].value->text);
	if (node_get_text(n, "error")) {
		err_set(err, "%s", node_get_text(n, "error"));
		err->kind = (enum err_kind)node_get_int(n, "kind", ERR_FAILED);
		return false;
	}
	revision.name = node_get_text(n, "name");
	if (!revision.name || !fetch_copy_id(n, "commit", revision.commit) || !fetch_copy_id(n, "tree", revision.tree))
		return fetch_no_answer(a, f, ended->status, err);
	*out = revision;
	return true;
}

bool git_fetch_run(struct arena *a, const struct git_fetch *f, int64_t limit_ms, int stop_fd,
                   struct git_revision *out, struct diagnostics *warnings, struct err *err)
{
	CLEANUP(subprocess_close) struct subprocess child = SUBPROCESS_INIT;

	if (!git_fetch_start(f, &child, err))
		return false;
	if (!subprocess_wait(&child, limit_ms, stop_fd, err))
		return err_wrap(err, "git repository %s: the fetch", fetch_shown_url(a, f));
	return git_fetch_result(a, f, &child, out, warnings, err);
}
