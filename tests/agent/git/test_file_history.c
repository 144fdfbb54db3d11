#include "tests/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/git/file_history.h"
#include "reconcile/base/buf.h"
#include "tests/agent/git/git_repos.h"

enum { NOBODY = 65534 };

/* What was given, each "[...]"; stops after most. */
struct heard {
	struct buf text;
	size_t count, most;
};

static bool hear(void *context, const char *bytes, size_t len)
{
	struct heard *h = context;

	buf_addc(&h->text, '[');
	buf_add(&h->text, bytes, len && bytes[len - 1] == '\n' ? len - 1 : len);
	buf_addc(&h->text, ']');
	return ++h->count < h->most;
}

static void expect_first(size_t most, const char *dir, const char *path, const char *versions)
{
	CLEANUP(file_history_closep) struct file_history *h = NULL;
	struct heard heard = { .text = BUF_TEXT, .most = most };
	struct err err;

	if (!file_history_open(dir, &h, &err))
		fail_msg("%s", err.msg);
	assert_non_null(h);
	if (!file_history_versions(h, path, hear, &heard, &err))
		fail_msg("%s", err.msg);
	assert_string_equal(buf_str(&heard.text), versions);
	buf_done(&heard.text);
}

static void expect(const char *dir, const char *path, const char *versions)
{
	expect_first(1000, dir, path, versions);
}

static void expect_none(const char *dir)
{
	struct file_history *h = (struct file_history *)1;
	struct err err;

	if (!file_history_open(dir, &h, &err))
		fail_msg("%s", err.msg);
	assert_null(h);
}

static void versions_come_newest_first_each_content_once(void **state)
{
	sh("git init -q plain; cd plain; mkdir -p specs/deep; echo one > specs/a.yaml; c; echo other > b; c\n"
	   "echo two > specs/a.yaml; c; chmod +x specs/a.yaml; c; echo three > specs/a.yaml; c\n"
	   "echo deep > specs/deep/d.yaml; c; echo two > specs/a.yaml; c; git rm -q specs/a.yaml; c\n"
	   "echo four > specs/a.yaml; c; echo dirty > specs/a.yaml; echo top > t.yaml; c\n"
	   "echo uncommitted > specs/a.yaml; echo new > specs/new.yaml");
	expect("plain", "plain/specs/a.yaml", "[dirty][four][two][three][one]");
	expect("plain/specs", "plain/specs/a.yaml", "[dirty][four][two][three][one]");
	expect("plain", "plain/specs/deep/d.yaml", "[deep]");
	expect("plain", "plain/t.yaml", "[top]");
	expect("plain", "plain/specs/new.yaml", "");
	expect("plain", "plain/specs/none.yaml", "");
	expect("plain", "plain/none/none.yaml", "");
	expect("plain", "plain/specs", "");
	expect("plain", "plain", "");
	expect("plain", "/etc/passwd", "");
	expect_first(1, "plain", "plain/specs/a.yaml", "[dirty]");
	expect_first(3, "plain", "plain/specs/a.yaml", "[dirty][four][two]");
}

static void one_history_answers_for_many_files(void **state)
{
	CLEANUP(file_history_closep) struct file_history *h = NULL;
	static const char *const paths[] = { "many/x/1", "many/x/2", "many/y", "many/x/1", "many/x/3" };
	struct heard heard = { .text = BUF_TEXT, .most = 1000 };
	struct err err;

	sh("git init -q many; cd many; mkdir x; echo 1a > x/1; c; echo 2a > x/2; c; echo ya > y; c\n"
	   "echo 1b > x/1; echo yb > y; c; echo 3a > x/3; c; echo 2b > x/2; c");
	assert_true(file_history_open("many", &h, &err));
	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		assert_true(file_history_versions(h, paths[i], hear, &heard, &err));
		buf_addc(&heard.text, ' ');
	}
	assert_string_equal(buf_str(&heard.text), "[1b][1a] [2b][2a] [yb][ya] [1b][1a] [3a] ");
	buf_done(&heard.text);
}

static void paths_may_be_written_in_any_way(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };

	sh("git init -q ways; cd ways; mkdir -p s/real; echo one > s/real/a.yaml; ln -s real s/link\n"
	   "ln -s a.yaml s/real/b.yaml; ln -s /etc/passwd s/out.yaml; c; echo two > s/real/a.yaml; c\n"
	   "cd ..; ln -s ways/s outer");
	expect("ways/s", "ways/../ways/./s//real/a.yaml", "[two][one]");
	expect("ways/s", "ways/s/link/a.yaml", "[two][one]");
	expect("ways/s/link", "ways/s/link/a.yaml", "[two][one]");
	expect("outer", "outer/real/a.yaml", "[two][one]");
	expect("ways/s", "ways/s/real/b.yaml", "[two][one]");
	expect("ways/s", "ways/s/out.yaml", "");
	expect("ways/s", arena_printf(&a, "%s/ways/s/real/a.yaml", (const char *)*state), "[two][one]");
	sh("rm ways/s/real/a.yaml");
	expect("ways/s", "ways/s/link/a.yaml", "[two][one]");
	assert_int_equal(chdir("ways/s/real"), 0);
	expect(".", "a.yaml", "[two][one]");
	expect("..", "./a.yaml", "[two][one]");
	assert_int_equal(chdir(*state), 0);
}

static void what_was_no_file_is_passed_over(void **state)
{
	sh("git init -q kinds; cd kinds; echo one > a; c; rm a; ln -s b a; c; rm a; mkdir a; echo x > a/x; c\n"
	   "rm -r a; echo two > a; c; : > a; c; head -c 1048577 /dev/zero > a; c; head -c 5 /dev/zero | tr '\\0' x > a; c");
	expect("kinds", "kinds/a", "[xxxxx][][two][one]");
}

/* main 1 and 2, side 3, then a merge: what a side branch had is a version too. */
static void merges_are_followed_to_all_sides(void **state)
{
	sh("git init -q -b main merge; cd merge; echo 1 > a; c; git checkout -q -b side; echo 3 > a; c\n"
	   "echo 3b > a; c; git checkout -q main; echo 2 > a; c; echo b > b; c\n"
	   "git checkout -q side; echo c > c; c; git checkout -q main; echo d > d; c\n"
	   "t=$((t + 1)); GIT_AUTHOR_DATE=\"$t +0000\" GIT_COMMITTER_DATE=\"$t +0000\" git merge -q -s ours -m m side");
	expect("merge", "merge/a", "[2][3b][3][1]");
}

static void work_trees_submodules_and_a_head_of_its_own_are_followed(void **state)
{
	sh("git init -q -b main origin; cd origin; echo 1 > a; c; echo 2 > a; c; git branch old HEAD~1; cd ..\n"
	   "git -C origin worktree add -q ../tree old; echo tree > tree/b; cd tree; c; cd ..\n"
	   "git init -q super; cd super\n"
	   "git -c protocol.file.allow=always submodule --quiet add \"$PWD/../origin\" sub; c\n"
	   "cd ..; git -C origin checkout -q HEAD~1");
	expect("tree", "tree/a", "[1]");
	expect("tree", "tree/b", "[tree]");
	expect("super/sub", "super/sub/a", "[2][1]");
	expect("super", "super/sub/a", "");
	expect("origin", "origin/a", "[1]");
}

static void a_git_folder_that_is_a_link_or_none_at_all_is_seen_through(void **state)
{
	sh("git init -q linked; cd linked; echo 1 > a; mkdir s; echo s > s/b; c; mv .git ../elsewhere\n"
	   "ln -s ../elsewhere .git; mkdir s/.git");
	expect("linked", "linked/a", "[1]");
	expect("linked/s", "linked/s/b", "[s]");
}

/* What is missing once all versions of dir/a were looked for. */
static enum file_history_gap gap_of(const char *dir)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	CLEANUP(file_history_closep) struct file_history *h = NULL;
	struct heard heard = { .text = BUF_TEXT, .most = 1000 };
	struct err err;

	assert_true(file_history_open(dir, &h, &err));
	assert_true(file_history_versions(h, arena_printf(&a, "%s/a", dir), hear, &heard, &err));
	buf_done(&heard.text);
	return file_history_gap(h);
}

static void a_shallow_clone_ends_quietly(void **state)
{
	sh("git init -q -b main full; cd full; for i in 1 2 3 4 5; do echo $i > a; c; done; cd ..\n"
	   "git clone -q --depth 1 \"file://$PWD/full\" one; git clone -q --depth 3 \"file://$PWD/full\" three");
	expect("one", "one/a", "[5]");
	expect("three", "three/a", "[5][4][3]");
	assert_int_equal(gap_of("one"), FILE_HISTORY_SHALLOW);
	assert_int_equal(gap_of("full"), FILE_HISTORY_WHOLE);
}

static void what_a_partial_clone_lacks_is_passed_over(void **state)
{
	sh("git -C full config uploadpack.allowFilter true\n"
	   "git clone -q --filter=blob:none \"file://$PWD/full\" partial\n"
	   "git clone -q --filter=tree:0 \"file://$PWD/full\" treeless\n"
	   "git -C partial sparse-checkout set --no-cone /a\n"
	   "test \"$(git -C partial config extensions.worktreeConfig)\" = true");
	expect("partial", "partial/a", "[5]");
	expect("treeless", "treeless/a", "[5]");
	assert_int_equal(gap_of("partial"), FILE_HISTORY_PARTIAL);
	assert_int_equal(gap_of("treeless"), FILE_HISTORY_PARTIAL);
}

/* The commit that name stands for in the repository at dir. */
static const char *commit_of(struct arena *a, const char *dir, const char *name)
{
	FILE *f = popen(arena_printf(a, "git -C %s rev-parse %s", dir, name), "r");
	char id[41] = { 0 };

	assert_non_null(f);
	assert_int_equal(fread(id, 1, 40, f), 40);
	assert_int_equal(fgetc(f), '\n');
	pclose(f);
	return arena_strdup(a, id);
}

/* The same of a mirror, at a commit. */
static void expect_in_mirror(const char *mirror, const char *commit, const char *path, const char *versions)
{
	CLEANUP(file_history_closep) struct file_history *h = NULL;
	struct heard heard = { .text = BUF_TEXT, .most = 1000 };
	struct err err;

	if (!file_history_open_mirror(mirror, commit, &h, &err))
		fail_msg("%s", err.msg);
	assert_string_equal(file_history_revision(h), commit);
	if (!file_history_versions(h, path, hear, &heard, &err))
		fail_msg("%s", err.msg);
	assert_string_equal(buf_str(&heard.text), versions);
	buf_done(&heard.text);
}

/* "before 2": HEAD comes before `older`, and two commits would be undone. */
static const char *order_of(struct arena *a, struct file_history *h, const char *older)
{
	static const char *const words[] = {
		[FILE_HISTORY_AFTER] = "after", [FILE_HISTORY_BEFORE] = "before", [FILE_HISTORY_MISSING] = "missing",
		[FILE_HISTORY_UNKNOWN] = "unknown",
	};
	enum file_history_order order;
	struct err err;
	size_t back;

	if (!file_history_compare(h, older, &order, &back, &err))
		fail_msg("%s", err.msg);
	return arena_printf(a, "%s %zu", words[order], back);
}

static void expect_order(const char *dir, const char *older, const char *order)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	CLEANUP(file_history_closep) struct file_history *h = NULL;
	struct err err;

	if (!file_history_open(dir, &h, &err))
		fail_msg("%s", err.msg);
	assert_string_equal(order_of(&a, h, older), order);
}

static void a_mirror_is_asked_at_a_commit_and_by_its_own_paths(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };

	sh("git init -q seen; cd seen; mkdir -p s/deep; echo 1 > s/deep/a; ln -s deep s/link; ln -s link/a s/b; c\n"
	   "echo 2 > s/deep/a; c; git tag two; echo 3 > s/deep/a; c; cd ..; git clone -q --bare seen seen.git");
	const char *two = commit_of(&a, "seen", "two"), *head = commit_of(&a, "seen", "HEAD");
	expect_in_mirror("seen.git", head, "s/deep/a", "[3][2][1]");
	expect_in_mirror("seen.git", two, "s/deep/a", "[2][1]");
	expect_in_mirror("seen.git", two, "s/link/a", "[2][1]");
	expect_in_mirror("seen.git", two, "s/b", "[2][1]");
	expect_in_mirror("seen.git", two, "s/none", "");
	expect_in_mirror("seen.git", two, "../a", "");
	expect_in_mirror("seen.git", two, "", "");
}

static void expect_order_in_mirror(const char *mirror, const char *commit, const char *older, const char *order)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	CLEANUP(file_history_closep) struct file_history *h = NULL;
	struct err err;

	if (!file_history_open_mirror(mirror, commit, &h, &err))
		fail_msg("%s", err.msg);
	assert_string_equal(order_of(&a, h, older), order);
}

static bool stop_at_once(void *context, const char *bytes, size_t len)
{
	return false;
}

static void a_mirror_that_lacks_something_is_damaged(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	CLEANUP(file_history_closep) struct file_history *h = NULL;
	struct err err;
	enum file_history_order order;
	size_t back;

	sh("git init -q holes; cd holes; echo 1 > f; c; git tag 1; echo 2 > f; c; echo 3 > f; c; cd ..\n"
	   "git clone -q --bare --no-local holes holes.git; cd holes.git; mv objects/pack/*.pack .\n"
	   "rm -rf objects/pack/*; cat *.pack | git unpack-objects -q; id=$(git rev-parse HEAD~1)\n"
	   "rm -f objects/$(echo $id | cut -c1-2)/$(echo $id | cut -c3-)");
	assert_true(file_history_open_mirror("holes.git", commit_of(&a, "holes", "HEAD"), &h, &err));
	assert_false(file_history_versions(h, "f", stop_at_once, NULL, &err));
	assert_false(file_history_compare(h, commit_of(&a, "holes", "1"), &order, &back, &err));
	assert_non_null(strstr(err.msg, "git repository of \"holes.git\": "));
}

static void in_a_mirror_what_is_not_there_comes_not_before(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };

	sh("git init -q pushed; cd pushed; c; git tag 1; c; git tag 2; c; git tag 3; git checkout -q -b side 1; c; git tag s\n"
	   "cd ..; git clone -q --bare pushed pushed.git");
	const char *one = commit_of(&a, "pushed", "1"), *three = commit_of(&a, "pushed", "3"),
	           *side = commit_of(&a, "pushed", "s");
	expect_order_in_mirror("pushed.git", three, one, "after 0");
	expect_order_in_mirror("pushed.git", three, three, "after 0");
	expect_order_in_mirror("pushed.git", one, three, "before 2");
	expect_order_in_mirror("pushed.git", side, three, "before 2");
	expect_order_in_mirror("pushed.git", three, "0123456789012345678901234567890123456789", "missing 0");
	expect_order_in_mirror("pushed.git", three, "x", "after 0");
}

static void a_head_that_does_not_come_after_another_commit_rolls_back(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	CLEANUP(file_history_closep) struct file_history *h = NULL;
	struct err err;

	sh("git init -q -b main back; cd back; for i in 1 2 3 4; do echo $i > a; c; git tag $i; done\n"
	   "git checkout -q 2; echo side > a; c; git tag side; git checkout -q 3; cd ..\n"
	   "git -c advice.detachedHead=false clone -q --depth 1 --branch 4 \"file://$PWD/back\" back1");
	assert_true(file_history_open("back", &h, &err));
	assert_string_equal(file_history_revision(h), commit_of(&a, "back", "3"));
	expect_order("back", commit_of(&a, "back", "1"), "after 0");
	expect_order("back", commit_of(&a, "back", "3"), "after 0");
	expect_order("back", commit_of(&a, "back", "4"), "before 1");
	expect_order("back", commit_of(&a, "back", "side"), "before 1");
	expect_order("back", "0123456789012345678901234567890123456789", "missing 0");
	expect_order("back", "x", "after 0");
	expect_order("back1", commit_of(&a, "back", "3"), "after 0");
	expect_order("back1", commit_of(&a, "back", "2"), "unknown 0");
	expect_order("back1", commit_of(&a, "back", "4"), "after 0");
}

static void a_work_tree_is_known_by_its_top_and_the_folder_below_it(void **state)
{
	static const struct { const char *dir, *folder; } cases[] = { { "topped", "" }, { "topped/s/t", "s/t" } };
	CLEANUP(arena_free) struct arena a = { 0 };

	sh("git init -q topped; mkdir -p topped/s/t; cd topped; c");
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(file_history_closep) struct file_history *h = NULL;
		struct err err;
		assert_true(file_history_open(cases[i].dir, &h, &err));
		assert_string_equal(file_history_top(h), arena_printf(&a, "%s/topped/", (const char *)*state));
		assert_string_equal(file_history_folder(h), cases[i].folder);
	}
}

/* The earlier revision is there, but the edge hides whether HEAD comes after it. */
static void behind_the_edge_of_a_shallow_clone_the_order_is_not_known(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };

	sh("git init -q -b main edged; cd edged; for i in 1 2 3 4 5; do echo $i > a; c; git tag $i; done; cd ..\n"
	   "git clone -q --depth 1 --no-tags \"file://$PWD/edged\" hidden\n"
	   "git -C hidden fetch -q --depth 1 origin tag 2; git -C hidden cat-file -e 2\n"
	   "git clone -q --depth 3 --no-tags \"file://$PWD/edged\" cut-later; git -C cut-later fetch -q --depth 1\n"
	   "git -C cut-later cat-file -e $(git -C edged rev-parse 4); test $(git -C cut-later rev-list --count HEAD) = 1");
	const char *two = commit_of(&a, "edged", "2"), *four = commit_of(&a, "edged", "4");
	expect_order("hidden", two, "unknown 0");
	expect_order("cut-later", four, "after 0");
	expect_order("cut-later", two, "after 0");
	expect("hidden", "hidden/a", "[5]");
}

static void where_there_is_no_history_there_is_none(void **state)
{
	sh("mkdir nowhere; git init -q unborn; echo x > unborn/a; git init -q --bare bare.git\n"
	   "git clone -q --bare full full.git; mkdir stray; echo gitdir: nowhere > stray/.git");
	expect_none("stray");
	expect_none("nowhere");
	expect_none("unborn");
	expect_none("bare.git");
	expect_none("full.git");
}

static void a_repository_that_cannot_be_read_is_said(void **state)
{
	static const struct { const char *script, *dir, *before, *after; } cases[] = {
		/* libgit2 1.5 opens these two without a word; 1.9 refuses them and leaks memory. */
		{ "cp -r full odd; git -C odd config core.repositoryFormatVersion 1\n"
		  "git -C odd config extensions.refStorage reftable", "odd",
		  "git repository of \"", "/odd\": extensions.refstorage is \"reftable\", expected \"files\"" },
		{ "cp -r full lender; git -C lender worktree add -q ../borrower\n"
		  "git -C lender config core.repositoryFormatVersion 1\n"
		  "git -C lender config extensions.refStorage reftable", "borrower",
		  "git repository of \"", "/borrower\": extensions.refstorage is \"reftable\", expected \"files\"" },
		{ "cp -r full sha256; git -C sha256 config core.repositoryFormatVersion 1\n"
		  "git -C sha256 config extensions.objectFormat sha256", "sha256",
		  "git repository of \"", "/sha256\": it stores objects by SHA-256; flowsync reads repositories with SHA-1 only" },
		{ "cp -r full broken; rm -rf broken/.git/objects/*", "broken",
		  "git repository of \"", "/broken\": the reference 'refs/heads/main' cannot be peeled - "
		  "Cannot retrieve reference target" },
		/* libgit2 reads such an object for ever. */
		{ "cp -r full cut; cd cut; id=$(git rev-parse HEAD)\n"
		  "file=.git/objects/$(echo $id | cut -c 1-2)/$(echo $id | cut -c 3-)\n"
		  "test -f $file; head -c 60 $file > ../piece; chmod u+w $file; cp ../piece $file", "cut",
		  "git repository of \"", "/cut\": the reference 'refs/heads/main' cannot be peeled - "
		  "Cannot retrieve reference target" },
		{ "", "none", "", "none: No such file or directory" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		struct file_history *h = (struct file_history *)state;
		struct err err;
		sh(cases[i].script);
		assert_false(file_history_open(cases[i].dir, &h, &err));
		const char *top = *cases[i].before ? (const char *)*state : "";
		assert_string_equal(err.msg, arena_printf(&a, "%s%s%s", cases[i].before, top, cases[i].after));
		assert_ptr_equal(h, state);
	}
}

static bool hear_nothing(void *context, const char *bytes, size_t len)
{
	return true;
}

static void an_object_that_was_cut_off_is_said(void **state)
{
	static const char *const objects[] = { "HEAD~1", "HEAD~1:", "HEAD~1:f" };

	for (size_t i = 0; i < ARRAY_LEN(objects); i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		CLEANUP(file_history_closep) struct file_history *h = NULL;
		struct err err;
		sh(arena_printf(&a, "new off%zu; seq 1000 > f; c; seq 1001 > f; c; seq 1002 > f; c\n"
		                "id=$(git rev-parse %s); file=.git/objects/$(echo $id | cut -c 1-2)/$(echo $id | cut -c 3-)\n"
		                "head -c 40 $file > piece; chmod u+w $file; cp piece $file", i, objects[i]));
		assert_true(file_history_open(arena_printf(&a, "off%zu", i), &h, &err));
		assert_false(file_history_versions(h, arena_printf(&a, "off%zu/f", i), hear_nothing, NULL, &err));
		assert_non_null(strstr(err.msg, "is corrupt: its file is truncated"));
	}
}

static void no_setting_of_the_user_is_needed_and_another_owner_is_no_hindrance(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	int status;

	if (geteuid() != 0)
		skip();
	sh("git init -q theirs; cd theirs; echo one > a; c; echo two > a; c; cd ..\n"
	   "mkdir -m 700 home; chown -R 1234:1234 theirs; chmod -R a+rX theirs .");
	pid_t pid = fork();
	if (pid == 0) {
		struct heard heard = { .text = BUF_TEXT, .most = 1000 };
		struct file_history *h = NULL;
		struct err err;
		setenv("HOME", arena_printf(&a, "%s/home", (const char *)*state), 1);
		_exit(setgid(NOBODY) || setuid(NOBODY) || !file_history_open("theirs", &h, &err) || !h ||
		      !file_history_versions(h, "theirs/a", hear, &heard, &err) ||
		      strcmp(buf_str(&heard.text), "[two][one]") != 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void fast_import(const char *name, const char *stream)
{
	CLEANUP(arena_free) struct arena a = { 0 };

	sh(arena_printf(&a, "git init -q -b main %s", name));
	FILE *f = popen(arena_printf(&a, "git -C %s fast-import --quiet", name), "w");
	assert_non_null(f);
	fputs(stream, f);
	assert_int_equal(pclose(f), 0);
	sh(arena_printf(&a, "git -C %s reset -q --hard", name));
}

/* 500 versions among 2000 commits, in a folder of 300 files.  How many trees are read for many files is counted below. */
static void long_histories_are_read_to_the_limit(void **state)
{
	CLEANUP(file_history_closep) struct file_history *h = NULL;
	CLEANUP(buf_done) struct buf import = BUF_TEXT;
	CLEANUP(arena_free) struct arena a = { 0 };
	struct heard heard = { .text = BUF_TEXT, .most = 1000 };
	struct err err;

	for (int i = 0; i < 2000; i++) {
		const char *text = arena_printf(&a, "v%d\n", i / 4);
		buf_addf(&import, "commit refs/heads/main\ncommitter a <a@b> %d +0000\ndata 1\nx\n",
		         1000000000 + i);
		for (int j = 0; i == 0 && j < 300; j++)
			buf_addf(&import, "M 644 inline specs/f%03d.yaml\ndata 2\nx\n", j);
		buf_addf(&import, "M 644 inline specs/long.yaml\ndata %zu\n%s", strlen(text), text);
		buf_addf(&import, "M 644 inline %s\ndata <<E\n%d\nE\n", i % 3 ? "other" : "specs/f007.yaml", i);
	}
	fast_import("long", buf_str(&import));

	assert_true(file_history_open("long", &h, &err));
	assert_true(file_history_versions(h, "long/specs/long.yaml", hear, &heard, &err));
	assert_int_equal(heard.count, FILE_HISTORY_VERSIONS);
	assert_memory_equal(buf_str(&heard.text), "[v499][v498]", 12);
	assert_string_equal(buf_str(&heard.text) + heard.text.len - 6, "[v300]");
	buf_reset(&heard.text);
	for (int j = 0; j < 20; j++)
		assert_true(file_history_versions(h, arena_printf(&a, "long/specs/f%03d.yaml", j + 100),
		                             hear, &heard, &err));
	assert_int_equal(heard.text.len, 20 * strlen("[x]"));
	buf_done(&heard.text);
}

/* 60 files and 100 commits: 100 trees of the folder and 100 of the top, whatever number of files is asked for.  How
 * often each version is found, and when, is the same if nothing fits. */
static void a_tree_is_read_once_for_all_files_of_its_folder(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	const char *texts[2];

	CLEANUP(buf_done) struct buf import = BUF_TEXT;

	for (int i = 0; i < 100; i++) {
		buf_addf(&import, "commit refs/heads/main\ncommitter a <a@b> %d +0000\ndata 1\nx\n", 1000000000 + i);
		for (int j = 0; i == 0 && j < 60; j++)
			buf_addf(&import, "M 644 inline specs/in/f%d\ndata 2\n-\n", j);
		buf_addf(&import, "M 644 inline specs/in/f%d\ndata <<E\n%d\nE\n", i * 7 % 61, i);
	}
	fast_import("flat", buf_str(&import));
	for (int pass = 0; pass < 2; pass++) {
		CLEANUP(file_history_closep) struct file_history *h = NULL;
		struct heard heard = { .text = BUF_TEXT, .most = 100000 };
		struct err err;
		assert_true(file_history_open("flat", &h, &err));
		if (pass == 1)
			file_history_keep(h, 150);
		for (int j = 60; j >= 0; j--) {
			assert_true(file_history_versions(h, arena_printf(&a, "flat/specs/in/f%d", j), hear, &heard, &err));
			buf_addc(&heard.text, '\n');
		}
		if (pass == 0)
			assert_int_equal(file_history_trees_read(h), 300);
		else if (file_history_trees_read(h) < 60 * 300)
			fail_msg("%zu trees read", file_history_trees_read(h));
		texts[pass] = arena_strdup(&a, buf_str(&heard.text));
		buf_done(&heard.text);
	}
	assert_non_null(strstr(texts[0], "\n[68][7][-]\n"));
	assert_string_equal(texts[0], texts[1]);
}

/* A folder that becomes a file and comes back, names of which one is the beginning of the other, and a tree that comes
 * again. */
static void names_that_change_their_kind_are_followed(void **state)
{
	sh("new shapes; mkdir a; echo 1 > a/f; echo 1 > a.b; echo 1 > a0; c; git rm -qr a; echo file > a; c; rm a; mkdir a\n"
	   "echo 2 > a/f; echo 2 > a.b; c; echo 1 > a/f; echo 3 > a0; c; rm a.b; mkdir a.b; echo 4 > a.b/f; c");
	expect("shapes", "shapes/a/f", "[1][2]");
	expect("shapes", "shapes/a", "[file]");
	expect("shapes", "shapes/a.b", "[2][1]");
	expect("shapes", "shapes/a0", "[3][1]");
	expect("shapes", "shapes/a.b/f", "[4]");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(versions_come_newest_first_each_content_once),
		cmocka_unit_test(one_history_answers_for_many_files),
		cmocka_unit_test(paths_may_be_written_in_any_way),
		cmocka_unit_test(what_was_no_file_is_passed_over),
		cmocka_unit_test(merges_are_followed_to_all_sides),
		cmocka_unit_test(work_trees_submodules_and_a_head_of_its_own_are_followed),
		cmocka_unit_test(a_git_folder_that_is_a_link_or_none_at_all_is_seen_through),
		cmocka_unit_test(a_shallow_clone_ends_quietly),
		cmocka_unit_test(what_a_partial_clone_lacks_is_passed_over),
		cmocka_unit_test(a_head_that_does_not_come_after_another_commit_rolls_back),
		cmocka_unit_test(a_mirror_is_asked_at_a_commit_and_by_its_own_paths),
		cmocka_unit_test(in_a_mirror_what_is_not_there_comes_not_before),
		cmocka_unit_test(a_mirror_that_lacks_something_is_damaged),
		cmocka_unit_test(a_work_tree_is_known_by_its_top_and_the_folder_below_it),
		cmocka_unit_test(behind_the_edge_of_a_shallow_clone_the_order_is_not_known),
		cmocka_unit_test(where_there_is_no_history_there_is_none),
		cmocka_unit_test(a_repository_that_cannot_be_read_is_said),
		cmocka_unit_test(an_object_that_was_cut_off_is_said),
		cmocka_unit_test(no_setting_of_the_user_is_needed_and_another_owner_is_no_hindrance),
		cmocka_unit_test(a_tree_is_read_once_for_all_files_of_its_folder),
		cmocka_unit_test(names_that_change_their_kind_are_followed),
		cmocka_unit_test(long_histories_are_read_to_the_limit),
	};
	return cmocka_run_group_tests(tests, repos_enter, repos_leave);
}
