#include "tests/agent/git/git_repos.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "agent/util/fd.h"
#include "agent/git/git_checkout.h"

static const struct git_checkout_limits usual = GIT_CHECKOUT_LIMITS;

/* Writes a tree of the repository into a new folder; gives "done", "DAMAGED: why", "refused: why" or
 * "failed: why", then a line for each warning. */
static const char *check_out(struct arena *a, const char *repo, const char *tree, const char *folder,
                             const struct git_checkout_limits *limits)
{
	struct git_revision r = { .name = "main" };
	struct diagnostics warnings = { .arena = a };
	struct err err = { 0 };

	snprintf(r.tree, sizeof r.tree, "%s", tree);
	mkdir(folder, 0700);
	CLEANUP(fd_close) int dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(dir >= 0);
	enum git_checkout outcome = git_checkout(arena_printf(a, "%s/.git", repo), &r, limits, dir, &warnings, &err);
	const char *said = outcome == GIT_CHECKOUT_DONE ? "done" : arena_printf(a, "%s: %s", outcome == GIT_CHECKOUT_CORRUPT
	                 ? "DAMAGED" : err.kind == ERR_FINAL ? "refused" : "failed", err.msg);
	for (size_t i = 0; i < warnings.count; i++)
		said = arena_printf(a, "%s\n%s", said, warnings.items[i].message);
	return said;
}

static const char *head_of(struct arena *a, const char *repo)
{
	return said(a, arena_printf(a, "git -C %s rev-parse 'HEAD^{tree}'", repo));
}

struct line { const char *mode, *name, *id; };

/* A tree with these entries, whatever they are called; git itself would not make it. */
static const char *make_tree(struct arena *a, const char *repo, const struct line *lines, size_t count)
{
	FILE *f = fopen("raw-tree", "wb");

	assert_non_null(f);
	for (size_t i = 0; i < count; i++) {
		fprintf(f, "%s %s", lines[i].mode, lines[i].name);
		fputc('\0', f);
		for (unsigned j = 0, byte; j < 20; j++) {
			assert_int_equal(sscanf(lines[i].id + 2 * j, "%2x", &byte), 1);
			fputc((int)byte, f);
		}
	}
	fclose(f);
	return said(a, arena_printf(a, "git -C %s hash-object -t tree -w --literally ../raw-tree", repo));
}

static const char *make_blob(struct arena *a, const char *repo, const char *text)
{
	return said(a, arena_printf(a, "printf '%%s' '%s' | git -C %s hash-object -w --stdin", text, repo));
}

static void files_links_and_folders_come_out_as_git_has_them(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };

	sh("new plain; mkdir -p d/e; echo 1 > f; echo 2 > d/e/g; printf '#!/bin/sh\\n' > d/run; chmod +x d/run\n"
	   "ln -s ../f d/link; ln -s /nowhere/at/all d/away; : > empty; printf 'a\\r\\nb\\000c' > bytes\n"
	   "echo x > .hidden; echo y > 'a name	with tab'; head -c 3000000 /dev/urandom > large; c");
	assert_string_equal(check_out(&a, "plain", head_of(&a, "plain"), "out-plain", &usual), "done");
	sh("git clone -q plain clone-plain; rm -rf clone-plain/.git; diff -r --no-dereference clone-plain out-plain\n"
	   "test \"$(cd clone-plain && find . -printf '%p %m %l\\n' | grep -v '^[.] ' | sort)\" = "
	   "\"$(cd out-plain && find . -printf '%p %m %l\\n' | grep -v '^[.] ' | sort)\"");
}

static void no_filter_changes_a_file(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };

	sh("new filters; git config filter.x.smudge 'sed s/1/2/'; printf 'one 1\\n$Id$\\n' > f\n"
	   "echo '* text eol=crlf ident filter=x' > .gitattributes; c");
	assert_string_equal(check_out(&a, "filters", head_of(&a, "filters"), "out-filters", &usual), "done");
	sh("git -C filters cat-file blob HEAD:f | cmp - out-filters/f");
}

static void a_submodule_is_an_empty_folder_that_is_told_of(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };

	sh("new sub; mkdir d; echo 1 > d/f; c\n"
	   "git update-index --add --cacheinfo 160000,1111111111111111111111111111111111111111,d/mod\n"
	   "git commit -q -m x");
	assert_string_equal(check_out(&a, "sub", head_of(&a, "sub"), "out-sub", &usual),
	                    "done\n\"d/mod\" is a submodule: it is left empty");
	sh("test -z \"$(ls -A out-sub/d/mod)\"; test -f out-sub/d/f");
}

static void a_name_that_is_none_is_refused(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	static const char *const names[] = { ".git", ".GIT", ".GiT", "..", ".", "../x", "a/b", "/etc/x", "" };

	sh("new names; echo 1 > f; c");
	const char *blob = make_blob(&a, "names", "bad"), *inner;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		const char *folder = arena_printf(&a, "out-names-%zu", i);
		struct line hook = { "100755", "hook", blob };
		inner = make_tree(&a, "names", &hook, 1);
		struct line bad[] = { { "100644", "A", blob }, { "40000", names[i], inner }, { "100644", "z", blob } };
		const char *expected = !*names[i] ? "DAMAGED" : "refused";
		const char *whole = make_tree(&a, "names", bad, 3);
		const char *got = check_out(&a, "names", whole, folder, &usual);
		assert_int_equal(strncmp(got, expected, strlen(expected)), 0);
		if (*names[i])
			assert_string_equal(got, arena_printf(&a, "refused: \"%s\" in it has a name that is refused", names[i]));
		bad[1] = (struct line){ "100644", names[i], blob };
		struct line outer = { "40000", "deep", make_tree(&a, "names", bad, 3) };
		got = check_out(&a, "names", make_tree(&a, "names", &outer, 1), arena_printf(&a, "%s-deep", folder), &usual);
		if (*names[i])
			assert_string_equal(got, arena_printf(&a, "refused: \"deep/%s\" in it has a name that is refused", names[i]));
		else
			assert_int_equal(strncmp(got, "DAMAGED: deep/: ", 16), 0);
	}
	sh("test -z \"$(find . -name hook -o -name x | grep -v /.git/)\"; test ! -e /etc/x");
	sh("test -z \"$(find out-names-* -iname .git)\"");
}

/* The tree itself makes the link through which it then would write. */
static void nothing_is_written_through_a_link(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };

	sh("new links; echo 1 > f; c; mkdir ../outside; echo kept > ../outside/old");
	const char *blob = make_blob(&a, "links", "bad");
	const char *away = make_blob(&a, "links", arena_printf(&a, "%s/outside", said(&a, "pwd")));
	const char *to_file = make_blob(&a, "links", "../outside/old"), *to_new = make_blob(&a, "links", "../outside/new");
	struct line in[] = { { "100644", "new", blob }, { "100644", "old", blob } };
	const char *folder = make_tree(&a, "links", in, 2);
	struct line cases[][2] = {
		{ { "120000", "a", away }, { "40000", "a", folder } },
		{ { "120000", "a", to_file }, { "100644", "a", blob } },
		{ { "120000", "a", to_new }, { "100644", "a", blob } },
		{ { "120000", "a", away }, { "120000", "a", away } },
		{ { "120000", "a", away }, { "160000", "a", blob } },
		{ { "100644", "a", blob }, { "40000", "a", folder } },
		{ { "40000", "a", folder }, { "40000", "a", folder } },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_string_equal(check_out(&a, "links", make_tree(&a, "links", cases[i], 2), arena_printf(&a, "out-links-%zu", i),
		                              &usual), "refused: \"a\" in it is there already, or twice");
	sh("test \"$(ls outside)\" = old; test \"$(cat outside/old)\" = kept");
}

static void a_link_that_is_none_is_refused(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	static const char why[] = "refused: \"a\" in it is a symbolic link to something that is not a path";

	sh("new targets; : > f; c; printf 'a\\0b' > nul; head -c 5000 /dev/zero | tr '\\0' x > long");
	const char *const commands[] = { ": |", "cat targets/nul |", "cat targets/long |" };
	for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
		const char *id = said(&a, arena_printf(&a, "%s git -C targets hash-object -w --stdin", commands[i]));
		struct line link = { "120000", "a", id };
		assert_string_equal(check_out(&a, "targets", make_tree(&a, "targets", &link, 1), "out-targets", &usual), why);
	}
}

static void what_is_too_much_is_refused(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	static const struct { struct git_checkout_limits limits; const char *said; } cases[] = {
		{ { 9, 3, 30, 4 << 20, 5 << 20 }, "done" },
		{ { 8, 3, 30, 4 << 20, 5 << 20 }, "refused: it holds more than 8 files and folders" },
		{ { 9, 2, 30, 4 << 20, 5 << 20 }, "refused: \"a/b/c\" in it lies in too many folders" },
		{ { 9, 3, 11, 4 << 20, 5 << 20 }, "refused: \"a/b/c/sevenxx\" in it has too long a path" },
		{ { 9, 3, 30, 1 << 20, 5 << 20 }, "refused: \"large\" in it is larger than 1 MiB" },
		{ { 9, 3, 30, 4 << 20, 3 << 20 }, "refused: it holds more than 3 MiB" },
	};

	sh("new much; mkdir -p a/b/c; echo 1 > a/b/c/sevenxx; echo 1 > a/x; ln -s x a/y; echo 2 > b\n"
	   "head -c 2000000 /dev/zero > large; head -c 2000000 /dev/urandom > large2; c");
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_string_equal(check_out(&a, "much", head_of(&a, "much"), arena_printf(&a, "out-much-%zu", i),
		                              &cases[i].limits), cases[i].said);
}

/* A tree that names another ten times, and that one too, and so on: small to send, and never written. */
static void a_tree_that_multiplies_itself_is_refused(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	static const char *const names[] = { "0", "1", "2", "3", "4", "5", "6", "7", "8", "9" };
	struct git_checkout_limits limits = usual;
	struct line lines[10];

	sh("new bomb; : > f; c");
	const char *id = make_blob(&a, "bomb", "x");
	for (int level = 0; level < 12; level++) {
		for (size_t i = 0; i < 10; i++)
			lines[i] = (struct line){ level ? "40000" : "100644", names[i], id };
		id = make_tree(&a, "bomb", lines, 10);
	}
	limits.entries = 5000;
	assert_string_equal(check_out(&a, "bomb", id, "out-bomb", &limits),
	                    "refused: it holds more than 5000 files and folders");
}

static void what_cannot_be_read_is_damaged(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	static const char none[] = "1111111111111111111111111111111111111111";

	sh("new broken; : > f; c");
	struct line cases[] = { { "100644", "a", none }, { "120000", "a", none }, { "40000", "a", none } };
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const char *got = check_out(&a, "broken", make_tree(&a, "broken", &cases[i], 1), arena_printf(&a, "out-broken-%zu", i),
		                            &usual);
		assert_int_equal(strncmp(got, i == 2 ? "DAMAGED: a/: " : "DAMAGED: a: ", 12), 0);
	}
	assert_int_equal(strncmp(check_out(&a, "broken", none, "out-broken-x", &usual), "DAMAGED: the tree: ", 19), 0);
	assert_int_equal(strncmp(check_out(&a, "nothing", none, "out-broken-y", &usual), "DAMAGED: the mirror: ", 21), 0);
}

static void what_cannot_be_written_is_no_fault_of_the_tree(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	struct git_revision r = { 0 };
	struct diagnostics warnings = { .arena = &a };
	struct err err;

	sh("new unwritten; mkdir d; : > d/f; c");
	snprintf(r.tree, sizeof r.tree, "%s", head_of(&a, "unwritten"));
	/* Nothing can be made in a folder that is gone. */
	sh("mkdir gone");
	CLEANUP(fd_close) int dir = open("gone", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	sh("rmdir gone");
	assert_int_equal(git_checkout("unwritten/.git", &r, &usual, dir, &warnings, &err), GIT_CHECKOUT_FAILED);
	assert_int_equal(err.kind, ERR_FAILED);
	assert_string_equal(err.msg, "write \"d\": No such file or directory");
	sh("mkdir unwritten/there; touch unwritten/there/d");
	assert_string_equal(check_out(&a, "unwritten", r.tree, "unwritten/there", &usual),
	                    "refused: \"d\" in it is there already, or twice");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files_links_and_folders_come_out_as_git_has_them),
		cmocka_unit_test(no_filter_changes_a_file),
		cmocka_unit_test(a_submodule_is_an_empty_folder_that_is_told_of),
		cmocka_unit_test(a_name_that_is_none_is_refused),
		cmocka_unit_test(nothing_is_written_through_a_link),
		cmocka_unit_test(a_link_that_is_none_is_refused),
		cmocka_unit_test(what_is_too_much_is_refused),
		cmocka_unit_test(a_tree_that_multiplies_itself_is_refused),
		cmocka_unit_test(what_cannot_be_read_is_damaged),
		cmocka_unit_test(what_cannot_be_written_is_no_fault_of_the_tree),
	};

	return cmocka_run_group_tests(tests, repos_enter, repos_leave);
}
