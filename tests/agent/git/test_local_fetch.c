/* Fetches from repositories of this machine, beside what libgit2 fetches from the same: a % in the URL leaves it to
 * libgit2. */
#include "tests/agent/git/git_repos.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "agent/git/mirror.h"

/* "from NAME" makes a repository with a pack of more objects than are written one by one, and goes there. */
#define BASE \
	"many() { for i in $(seq $1 $2); do echo $i $PWD > f$i; done; }\n" \
	"test -d base || (new base; many 1 510; c; git gc -q)\n" \
	"from() { cp -r base \"$1\"; cd \"$1\"; }\n"

/* "COMMIT NAME" or what is wrong; a warning is a failure of the test. */
static const char *fetch_url(struct arena *a, const char *mirror, const char *url, enum git_ref_kind kind,
                             const char *text)
{
	struct git_remote_place remote = { .url = url };
	struct git_ref ref = { kind, text };
	struct diagnostics warnings = { .arena = a };
	struct git_revision r = { 0 };
	struct err err;
	bool ok = mirror_update(a, mirror, &remote, &ref, NULL, &r, &warnings, &err);

	if (warnings.count > 0)
		fail_msg("%s", warnings.items[0].message);
	return ok ? arena_printf(a, "%s %s", r.commit, r.name) : arena_strdup(a, err.msg);
}

static const char *fetch(struct arena *a, const char *mirror, const char *repo, enum git_ref_kind kind,
                         const char *text)
{
	return fetch_url(a, mirror, arena_printf(a, "%s/%s", said(a, "pwd"), repo), kind, text);
}

/* By libgit2. */
static const char *fetch_slowly(struct arena *a, const char *mirror, const char *repo, enum git_ref_kind kind,
                                const char *text)
{
	return fetch_url(a, mirror, arena_printf(a, "file://%s/%%%02x%s", said(a, "pwd"), *repo, repo + 1), kind, text);
}

static const char *id_of(struct arena *a, const char *repo, const char *what)
{
	return said(a, arena_printf(a, "git -C %s rev-parse '%s'", repo, what));
}

static const char *objects_of(struct arena *a, const char *mirror)
{
	return said(a, arena_printf(a, "git -C %s fsck --full --no-dangling 2>&1 | grep -v unborn; git -C %s rev-list "
	                               "--objects --no-object-names --glob='refs/flowsync/*' | sort | sha1sum",
	                            mirror, mirror));
}

static void a_copy_leads_to_what_a_fetch_brings(void **state)
{
	static const struct { const char *repo, *script; int packs; } cases[] = {
		{ "packed", "from packed; echo x > f1; c; git tag -a -m x t; git tag -a -m y u t; git gc -q", 1 },
		{ "loose", "new loose; many 1 510; c; echo x > f1; c", 1 },
		{ "mixed", "from mixed; many 1 30; rm f5; c; git repack -q; echo y > f9; git branch b; c", 3 },
		{ "shared", "from whole; cd ..; git clone -q -s whole shared; cd shared; echo z > f2; c", 2 },
		{ "near", "from far; cd ..; git clone -q -s far near; cd near\n"
		          "echo ../../../far/.git/objects > .git/objects/info/alternates; echo z > f2; c", 2 },
		{ "tree", "from main; git worktree add -q -b w ../tree; cd ../tree; echo z > f2; c", 2 },
		{ "inner", "new outer; many 1 9; c; cd ..; from inner; git -c protocol.file.allow=always submodule -q add \"$PWD"
		           "/../outer\" sub; c; git gc -q", 1 },
		{ "bare", "from deep; mkdir -p a/b; cp f1 a/b/; ln -s f1 l; c; git gc -q; cd ..; git clone -q --bare deep bare",
		  1 },
		{ "few", "new few; echo 1 > f; c", 1 },
		{ "nothing", "new nothing; c; git gc -q", 1 },
	};
	CLEANUP(arena_free) struct arena a = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const char *repo = cases[i].repo, *ours = arena_printf(&a, "ours-%s", repo);
		const char *slow = arena_printf(&a, "slow-%s", repo);
		sh(arena_printf(&a, BASE "%s", cases[i].script));
		const char *expected = fetch_slowly(&a, slow, repo, GIT_HEAD, NULL);
		assert_memory_equal(expected, id_of(&a, repo, "HEAD"), 40);
		assert_string_equal(fetch(&a, ours, repo, GIT_HEAD, NULL), expected);
		assert_string_equal(objects_of(&a, ours), objects_of(&a, slow));
		/* Those of the source and its alternates, and one for what they lack. */
		assert_int_equal(atoi(said(&a, arena_printf(&a, "ls %s/objects/pack/*.idx | wc -l", ours))), cases[i].packs);
		sh(arena_printf(&a, "test ! -e %s/copied", slow));
	}
	assert_string_equal(fetch(&a, "ours-packed", "packed", GIT_TAG, "u"),
	                    fetch(&a, "slow-packed", "packed", GIT_TAG, "u"));
	assert_string_equal(objects_of(&a, "ours-packed"), objects_of(&a, "slow-packed"));
	/* The files are the same, and our own. */
	sh("cd packed/.git/objects/pack; for f in *.pack *.idx; do cmp $f ../../../../ours-packed/objects/pack/$f\n"
	   "test $(stat -c %h $f) = 1; done");
}

static size_t packed_objects(struct arena *a, const char *mirror)
{
	return (size_t)atol(said(a, arena_printf(a, "git -C %s count-objects -v | sed -n 's/in-pack: //p'", mirror)));
}

static void later_fetches_bring_what_is_new(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };

	sh(BASE "from grows; git checkout -q -b side; many 1 9; echo s > f1; c; git checkout -q main; git gc -q");
	fetch(&a, "m-grows", "grows", GIT_HEAD, NULL);
	size_t before = packed_objects(&a, "m-grows");
	for (int i = 0; i < 3; i++) {
		sh(arena_printf(&a, "cd grows; echo new%d > f7; c; git gc -q", i));
		assert_memory_equal(fetch(&a, "m-grows", "grows", GIT_HEAD, NULL), id_of(&a, "grows", "HEAD"), 40);
	}
	/* A commit, a tree and a file each, although all of them are in one new pack of the source. */
	assert_int_equal(packed_objects(&a, "m-grows") - before, 9);
	/* The branch came with the pack: it is there without another copy. */
	assert_memory_equal(fetch(&a, "m-grows", "grows", GIT_BRANCH, "side"), id_of(&a, "grows", "side"), 40);
	assert_int_equal(packed_objects(&a, "m-grows") - before, 9);
	assert_string_equal(objects_of(&a, "m-grows"), (fetch_slowly(&a, "s-grows", "grows", GIT_HEAD, NULL),
	                    fetch_slowly(&a, "s-grows", "grows", GIT_BRANCH, "side"), objects_of(&a, "s-grows")));
}

/* What its owner threw away is in the packs until git prunes it, and need not be whole. */
static void what_a_source_threw_away_is_not_taken_for_fetched(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };

	sh(BASE "from thrown; echo secret > g; echo 2 > h; c; git tag old; git reset -q --hard HEAD~1; echo 3 > h; c\n"
	   "git rev-parse old > ../old-id; git rev-parse old:g > ../old-blob; git rev-list --objects --all --no-object-names |"
	   "grep -v $(cat ../old-blob) | git pack-objects -q .git/objects/pack/pack > /dev/null\n"
	   "git cat-file blob $(cat ../old-blob) > ../old-text; git tag -d old > /dev/null; git prune-packed\n"
	   "rm -f .git/objects/$(sed 's/^../&\\//' ../old-blob)");
	const char *old = said(&a, "cat old-id");
	assert_memory_equal(fetch(&a, "m-thrown", "thrown", GIT_HEAD, NULL), id_of(&a, "thrown", "HEAD"), 40);
	assert_string_equal(said(&a, arena_printf(&a, "git -C m-thrown cat-file -t %s", old)), "commit");
	assert_string_equal(fetch(&a, "m-thrown", "thrown", GIT_COMMIT, old),
	                    arena_printf(&a, "git repository %s/thrown: commit %s is on no branch and no tag",
	                                 said(&a, "pwd"), old));
	/* It becomes a branch, and the rest of it comes. */
	sh("cd thrown; git hash-object -w ../old-text > /dev/null; git branch again $(cat ../old-id)");
	assert_memory_equal(fetch(&a, "m-thrown", "thrown", GIT_BRANCH, "again"), old, 40);
	assert_string_equal(said(&a, "git -C m-thrown cat-file blob $(cat old-blob)"), "secret");
	assert_string_equal(fetch(&a, "m-thrown", "thrown", GIT_COMMIT, old), arena_printf(&a, "%s %s", old, old));
}

static void what_was_fetched_stays_beside_copies(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };

	sh(BASE "from moved");
	fetch(&a, "m-moved", "moved", GIT_HEAD, NULL);
	sh("cd moved; echo lost > f1; c");
	const char *lost = id_of(&a, "moved", "HEAD");
	fetch(&a, "m-moved", "moved", GIT_HEAD, NULL);
	sh("cd moved; git reset -q --hard HEAD~1; echo other > f1; c; git reflog expire --expire=now --all\n"
	   "git gc -q --prune=now");
	assert_memory_equal(fetch(&a, "m-moved", "moved", GIT_HEAD, NULL), id_of(&a, "moved", "HEAD"), 40);
	assert_string_equal(fetch(&a, "m-moved", "moved", GIT_COMMIT, lost), arena_printf(&a, "%s %s", lost, lost));
	assert_string_equal(said(&a, arena_printf(&a, "git -C m-moved show %s:f1", lost)), "lost");
}

static void a_pack_that_is_not_whole_is_left_out(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };

	/* Checksums of objects, which libgit2 does not compare, are part of the index. */
	sh(BASE "from spoilt; cp .git/objects/pack/*.idx ../first.idx; cd .git/objects/pack\n"
	   "f=$(ls *.idx); chmod u+w $f; printf '\\377\\377\\377' | dd of=$f bs=1 seek=$((1032 + 22 * 511)) conv=notrunc\n"
	   "mkfifo pack-11.idx; ln -s . pack-22.idx; touch pack-33.idx pack-4.pack tmp_pack_6\n"
	   "printf x > pack-7.pack; printf x > pack-7.idx");
	assert_memory_equal(fetch(&a, "m-spoilt", "spoilt", GIT_HEAD, NULL), id_of(&a, "spoilt", "HEAD"), 40);
	assert_string_equal(said(&a, "git -C m-spoilt fsck --full 2>&1 | grep -v unborn || echo fine"), "fine");
	assert_string_equal(said(&a, "cd m-spoilt/objects/pack; ls |"
	                             "grep -v '^pack-[0-9a-f]\\{40\\}\\.\\(idx\\|pack\\)$' || echo fine"),
	                    "fine");
	assert_string_equal(said(&a, "ls m-spoilt/objects/pack/*.pack | wc -l"), "1");
	sh("! cmp -s first.idx m-spoilt/objects/pack/*.idx");
}

static void what_a_killed_copy_leaves_is_removed(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };

	sh("new killed; echo 1 > f; c");
	fetch(&a, "m-killed", "killed", GIT_HEAD, NULL);
	sh("touch m-killed/objects/pack/copy_git2_pack m-killed/objects/pack/copy_git2_idx");
	fetch(&a, "m-killed", "killed", GIT_HEAD, NULL);
	sh("! ls m-killed/objects/pack | grep git2");
}

/* libgit2 may fail as well, where packs go while it reads them; but what is said to be fetched is there. */
static void a_source_that_is_repacked_meanwhile_is_fetched_whole(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	int fetched = 0;

	sh(BASE "from busy; for i in 1 2 3 4 5 6; do echo $i > f$i; c; git repack -q; done\n"
	   "(i=0; while test ! -e ../enough && test $((i += 1)) -lt 2000; do git repack -adq; echo $i > f$((i % 500))\n"
	   "git add -A; git commit -q --allow-empty -m $i; git repack -q; git prune-packed -q; sleep 0.1; done\n"
	   "touch ../ended) > /dev/null 2>&1 &");
	for (int i = 0; i < 8; i++) {
		const char *mirror = arena_printf(&a, "m-busy%d", i), *found = fetch(&a, mirror, "busy", GIT_HEAD, NULL);
		if (!strstr(found, " main"))
			continue;
		fetched++;
		assert_string_equal(said(&a, arena_printf(&a, "git -C %s fsck --full --no-dangling 2>&1 |"
		                                              "grep -v unborn || echo fine", mirror)), "fine");
		sh(arena_printf(&a, "git -C %s rev-list --objects %.40s > /dev/null", mirror, found));
	}
	sh("touch enough; i=0; while test ! -e ended && test $((i += 1)) -lt 600; do sleep 0.1; done");
	if (fetched < 6)
		fail_msg("fetched %d times of 8", fetched);
	/* A command that failed would have ended the repacking before the fetches. */
	sh("test -e ended");
}

/* For libgit2 a commit that came with a copied pack would be whole. */
static void a_clone_that_lacks_objects_is_refused(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };

	sh(BASE "from promisor; echo x > f1; c; git config uploadpack.allowFilter true; cd ..\n"
	   "git -c protocol.file.allow=always clone -q --no-checkout --filter=blob:none \"file://$PWD/promisor\" partial");
	assert_non_null(strstr(fetch(&a, "ours-partial", "partial", GIT_HEAD, NULL), "objects are missing in it"));
}

/* The pack with the wanted commit fits, the one with what it leads to does not. */
static void a_copy_that_stops_halfway_leaves_no_mirror_that_looks_whole(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	int status;

	sh(BASE "from lender; cd ..; git clone -q -s lender borrower; cd borrower; echo z > f2; c; git repack -qdl");
	const char *size = said(&a, "stat -c %s lender/.git/objects/pack/*.pack");
	const char *expected = fetch_slowly(&a, "slow-borrower", "borrower", GIT_HEAD, NULL);
	const char *tip = id_of(&a, "borrower", "HEAD");
	assert_memory_equal(expected, tip, 40);
	pid_t child = fork();
	if (child == 0) {
		struct rlimit limit = { (rlim_t)atol(size) - 1, (rlim_t)atol(size) - 1 };
		signal(SIGXFSZ, SIG_IGN);
		_exit(setrlimit(RLIMIT_FSIZE, &limit) || strncmp(fetch(&a, "ours-borrower", "borrower", GIT_HEAD, NULL), tip, 40) == 0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_string_equal(fetch(&a, "ours-borrower", "borrower", GIT_HEAD, NULL), expected);
	assert_string_equal(objects_of(&a, "ours-borrower"), objects_of(&a, "slow-borrower"));
}

/* Writes the tree with one folder, whose mode has a zero before it, as old tools did; a commit of it becomes HEAD. */
static void commit_padded_tree(struct arena *a, const char *repo)
{
	const char *hex = id_of(a, repo, "HEAD^{tree}");
	FILE *raw = fopen("tree.raw", "w");

	assert_non_null(raw);
	assert_int_equal(fwrite("040000 d", 1, 9, raw), 9);
	for (int i = 0; i < 20; i++)
		fputc((int)strtol(arena_strndup(a, hex + (size_t)(2 * i), 2), NULL, 16), raw);
	assert_int_equal(fclose(raw), 0);
	sh(arena_printf(a, "cd %s; t=$(git hash-object -t tree -w --literally ../tree.raw)\n"
	                   "git update-ref HEAD $(git commit-tree -m x $t)", repo));
}

static void a_folder_of_an_old_mode_is_fetched(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };

	sh("new padded; echo 1 > f; c");
	commit_padded_tree(&a, "padded");
	assert_memory_equal(fetch(&a, "ours-padded", "padded", GIT_HEAD, NULL), id_of(&a, "padded", "HEAD"), 40);
	assert_string_equal(said(&a, "git -C ours-padded cat-file -p $(git -C padded rev-parse HEAD:d/f)"), "1");
}

static void a_percent_in_a_url_is_an_escape_and_in_a_path_itself(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };

	sh(BASE "from 'a b'; echo space > g; c; git gc -q; cd ..; from a%20b; echo percent > g; c; git gc -q");
	assert_memory_equal(fetch(&a, "m-escape", "a%20b", GIT_HEAD, NULL), id_of(&a, "a%20b", "HEAD"), 40);
	assert_memory_equal(fetch_url(&a, "m-escape2", arena_printf(&a, "file://%s/a%%20b", said(&a, "pwd")), GIT_HEAD, NULL),
	                    id_of(&a, "'a b'", "HEAD"), 40);
	/* Nor is the path that the URL does not mean asked whether it is shallow. */
	sh("rm -rf a%20b; git clone -q --depth 1 \"file://$PWD/a%20b\" a%20b; test -e a%20b/.git/shallow");
	assert_memory_equal(fetch_url(&a, "m-escape3", arena_printf(&a, "file://%s/a%%20b", said(&a, "pwd")), GIT_HEAD, NULL),
	                    id_of(&a, "'a b'", "HEAD"), 40);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_copy_leads_to_what_a_fetch_brings),
		cmocka_unit_test(later_fetches_bring_what_is_new),
		cmocka_unit_test(what_a_source_threw_away_is_not_taken_for_fetched),
		cmocka_unit_test(what_was_fetched_stays_beside_copies),
		cmocka_unit_test(a_pack_that_is_not_whole_is_left_out),
		cmocka_unit_test(what_a_killed_copy_leaves_is_removed),
		cmocka_unit_test(a_source_that_is_repacked_meanwhile_is_fetched_whole),
		cmocka_unit_test(a_clone_that_lacks_objects_is_refused),
		cmocka_unit_test(a_copy_that_stops_halfway_leaves_no_mirror_that_looks_whole),
		cmocka_unit_test(a_folder_of_an_old_mode_is_fetched),
		cmocka_unit_test(a_percent_in_a_url_is_an_escape_and_in_a_path_itself),
	};

	return cmocka_run_group_tests(tests, repos_enter, repos_leave);
}
