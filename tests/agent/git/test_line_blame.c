#include "tests/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/git/line_blame.h"
#include "reconcile/base/buf.h"
#include "tests/agent/git/git_repos.h"

/* "AUTHOR SECONDS" of each line, a line each; "-" for an uncommitted one, "?" where nothing is known. */
static void blame(struct file_history *history, const char *path, const char *bytes, int lines, struct buf *out)
{
	CLEANUP(line_blame_closep) struct line_blame *b = NULL;
	struct blamed_line line;
	struct err err;

	if (!line_blame_open(history, path, bytes, strlen(bytes), &b, &err)) {
		buf_adds(out, "failed");
		return;
	}
	if (!b)
		buf_adds(out, "outside");
	for (int i = 1; b && i <= lines; i++) {
		bool known = line_blame_find(b, i, &line);
		if (!known || line.uncommitted)
			buf_adds(out, known ? "-\n" : "?\n");
		else
			buf_addf(out, "%s %lld\n", line.author, (long long)line.time % 1000);
		assert_true(!known || line.uncommitted || strlen(line.commit) == 40);
	}
}

static void expect_blame(const char *dir, const char *path, const char *bytes, int lines, const char *want)
{
	CLEANUP(file_history_closep) struct file_history *h = NULL;
	CLEANUP(buf_done) struct buf out = BUF_TEXT;
	struct err err;

	assert_true(file_history_open(dir, &h, &err));
	blame(h, path, bytes, lines, &out);
	assert_string_equal(buf_str(&out), want);
}

static void each_line_has_the_author_who_changed_it_last(void **state)
{
	sh("new each; printf 'a\\nb\\nc\\n' > f; c; printf 'a\\nB\\nc\\n' > f; GIT_AUTHOR_NAME='Ann Lee' c\n"
	   "printf 'new\\na\\nB\\nc\\n' > f; GIT_AUTHOR_NAME=bob c; echo x > other; c");
	expect_blame("each", "each/f", "new\na\nB\nc\n", 5, "bob 3\na 1\nAnn Lee 2\na 1\n?\n");
}

static void lines_that_differ_from_head_are_uncommitted(void **state)
{
	sh("new dirty; printf 'a\\nb\\nc\\nd\\n' > f; c; printf 'a\\nb\\nC\\nd\\n' > f; GIT_AUTHOR_NAME=two c; echo new > g");
	expect_blame("dirty", "dirty/f", "x\na\nb\nC\nD\n", 6, "-\na 1\na 1\ntwo 2\n-\n?\n");
	expect_blame("dirty", "dirty/f", "a\nC\nd\n", 3, "a 1\ntwo 2\na 1\n");
	expect_blame("dirty", "dirty/f", "", 1, "?\n");
	expect_blame("dirty", "dirty/g", "new\n", 1, "-\n");
}

static void a_file_outside_of_the_work_tree_has_no_history(void **state)
{
	sh("new inside; echo a > f; c; cd ..; echo a > outside");
	expect_blame("inside", "outside", "a\n", 1, "outside");
}

static void a_link_has_the_history_of_the_file_it_leads_to(void **state)
{
	sh("new links; mkdir d; echo a > d/f; c; ln -s d/f l; GIT_AUTHOR_NAME=two c");
	expect_blame("links", "links/l", "a\n", 1, "a 1\n");
}

static void a_mirror_is_read_at_its_commit(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	CLEANUP(file_history_closep) struct file_history *h = NULL;
	CLEANUP(buf_done) struct buf out = BUF_TEXT;
	struct err err;

	sh("new made; mkdir d; echo a > d/f; c; git tag one; echo b > d/f; GIT_AUTHOR_NAME=two c; cd ..\n"
	   "git clone -q --mirror made mirror.git");
	assert_true(file_history_open_mirror("mirror.git", said(&a, "git -C mirror.git rev-parse one"), &h, &err));
	blame(h, "d/f", "a\n", 1, &out);
	assert_string_equal(buf_str(&out), "a 1\n");
}

/* What a shallow clone lacks must not count as the first commit of every line. */
static void a_shallow_clone_names_no_commit(void **state)
{
	static const char *const clones[] = { "shallow", "added" };

	sh("new whole; printf 'a\\nb\\n' > f; c; printf 'a\\nB\\n' > f; GIT_AUTHOR_NAME=two c; cd ..\n"
	   "git clone -q --depth 1 file://$PWD/whole shallow; git -C shallow worktree add -q ../added");
	for (size_t i = 0; i < ARRAY_LEN(clones); i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		CLEANUP(file_history_closep) struct file_history *h = NULL;
		struct line_blame *b = NULL;
		struct err err;
		assert_true(file_history_open(clones[i], &h, &err));
		assert_false(line_blame_open(h, arena_printf(&a, "%s/f", clones[i]), "a\nB\n", 4, &b, &err));
		assert_non_null(strstr(err.msg, "this clone is shallow"));
		assert_null(b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_line_has_the_author_who_changed_it_last),
		cmocka_unit_test(lines_that_differ_from_head_are_uncommitted),
		cmocka_unit_test(a_file_outside_of_the_work_tree_has_no_history),
		cmocka_unit_test(a_link_has_the_history_of_the_file_it_leads_to),
		cmocka_unit_test(a_mirror_is_read_at_its_commit),
		cmocka_unit_test(a_shallow_clone_names_no_commit),
	};
	return cmocka_run_group_tests(tests, repos_enter, repos_leave);
}
