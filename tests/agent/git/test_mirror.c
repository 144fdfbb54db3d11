#include "tests/agent/git/git_repos.h"

#include "agent/git/mirror.h"

static const char *here(struct arena *a, const char *name)
{
	return arena_printf(a, "%s/%s", said(a, "pwd"), name);
}

/* "COMMIT-OF name", or what is wrong; then each warning in a line, with "HERE" for the folder. */
static const char *update(struct arena *a, const char *mirror, const char *repo, enum git_ref_kind kind,
                          const char *text, const char *path)
{
	struct git_remote_place remote = { .url = here(a, repo) };
	struct git_ref ref = { kind, text };
	struct diagnostics warnings = { .arena = a };
	struct git_revision r = { 0 };
	struct err err;
	const char *out = mirror_update(a, mirror, &remote, &ref, path, &r, &warnings, &err)
	                ? arena_printf(a, "%s %s", r.commit, r.name) : arena_strdup(a, err.msg);

	for (size_t i = 0; i < warnings.count; i++)
		out = arena_printf(a, "%s\n%s", out, warnings.items[i].message);
	const char *top = said(a, "pwd");
	for (const char *at; (at = strstr(out, top)); )
		out = arena_printf(a, "%.*sHERE%s", (int)(at - out), out, at + strlen(top));
	return out;
}

static const char *commit_of(struct arena *a, const char *repo, const char *what)
{
	return said(a, arena_printf(a, "git -C %s rev-parse '%s^{commit}'", repo, what));
}

static void a_ref_of_each_kind_is_found(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	static const struct { enum git_ref_kind kind; const char *text, *what, *name; } cases[] = {
		{ GIT_HEAD, NULL, "main", "main" }, { GIT_BRANCH, "side", "side", "side" },
		{ GIT_BRANCH, "a/b", "a/b", "a/b" }, { GIT_TAG, "light", "light", "light" },
		{ GIT_TAG, "v1.1.0", "v1.1.0", "v1.1.0" }, { GIT_SEMVER, "^1.0", "v1.1.0", "v1.1.0" },
		{ GIT_SEMVER, ">=2.0.0-a", "v2.0.0-a", "v2.0.0-a" },
	};

	sh("new refs; echo 1 > f; c; git tag light; echo 2 > f; c; git tag -a -m x v1.0.0; git branch side\n"
	   "echo 3 > f; c; git tag -a -m x v1.1.0; git tag -a -m x nested v1.1.0; echo 4 > f; c; git branch a/b\n"
	   "git tag v2.0.0-a; echo 5 > f; c");
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_string_equal(update(&a, "not/there/yet/m", "refs", cases[i].kind, cases[i].text, NULL),
		                    arena_printf(&a, "%s %s", commit_of(&a, "refs", cases[i].what), cases[i].name));
	assert_string_equal(update(&a, "m-refs", "refs", GIT_TAG, "nested", NULL),
	                    arena_printf(&a, "%s nested", commit_of(&a, "refs", "v1.1.0")));
	const char *detached = commit_of(&a, "refs", "side");
	assert_string_equal(update(&a, "m-refs2", "refs", GIT_COMMIT, detached, NULL),
	                    arena_printf(&a, "%s %s", detached, detached));
	sh("git -C refs checkout -q --detach side");
	assert_string_equal(update(&a, "m-refs", "refs", GIT_HEAD, NULL, NULL), arena_printf(&a, "%s HEAD", detached));
}

static void a_full_name_of_a_ref_is_cut_down_to_its_name(void **state)
{
	static const struct { enum git_ref_kind kind; const char *text, *name, *wrong; } cases[] = {
		{ GIT_BRANCH, "refs/heads/main", "main" }, { GIT_BRANCH, "refs/heads/a/b", "a/b" },
		{ GIT_TAG, "refs/tags/v1", "v1" }, { GIT_BRANCH, "main", "main" }, { GIT_BRANCH, "heads/x", "heads/x" },
		{ GIT_SEMVER, "refs/tags/v1", "refs/tags/v1" }, { GIT_HEAD, NULL, NULL },
		{ GIT_BRANCH, "refs/tags/v1", NULL, "expected the name of a branch, such as refs/heads/NAME, found \"refs/tags/v1\"" },
		{ GIT_TAG, "refs/pull/5/merge", NULL, "expected the name of a tag, such as refs/tags/NAME, found "
		  "\"refs/pull/5/merge\"" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct git_ref ref = { cases[i].kind, cases[i].text };
		struct err err;
		assert_int_equal(mirror_shorten_ref(&ref, &err), !cases[i].wrong);
		if (cases[i].wrong)
			assert_string_equal(err.msg, cases[i].wrong);
		else if (cases[i].name)
			assert_string_equal(ref.text, cases[i].name);
	}
}

static void what_was_found_last_is_known_without_asking(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	struct git_ref main = { GIT_BRANCH, "main" }, range = { GIT_SEMVER, "1.x" }, never = { GIT_BRANCH, "never" };
	struct git_revision r = { .name = "untouched" };
	struct err err;

	sh("new known; mkdir d; echo 1 > d/f; c; git tag v1.0.0");
	const char *one = commit_of(&a, "known", "main");
	assert_false(mirror_known(&a, "m-known", &main, NULL, &r, &err));
	update(&a, "m-known", "known", GIT_BRANCH, "main", "d");
	update(&a, "m-known", "known", GIT_SEMVER, "1.x", "d");
	sh("cd known; echo 2 > d/f; c; git tag v1.1.0");
	assert_true(mirror_known(&a, "m-known", &main, "d", &r, &err));
	assert_string_equal(r.commit, one);
	assert_string_equal(r.tree, said(&a, arena_printf(&a, "git -C known rev-parse %s:d", one)));
	assert_string_equal(r.name, "main");
	update(&a, "m-known", "known", GIT_SEMVER, "1.x", "d");
	sh("rm -rf known");
	assert_true(mirror_known(&a, "m-known", &range, NULL, &r, &err));
	assert_string_equal(r.name, "v1.1.0");
	assert_true(mirror_known(&a, "m-known", &main, NULL, &r, &err));
	assert_string_equal(r.commit, one);
	assert_false(mirror_known(&a, "m-known", &never, NULL, &r, &err));
	assert_string_equal(err.msg, "no revision of the repository was fetched yet: nothing is planned");
	assert_string_equal(r.commit, one);
}

static void what_a_server_forgets_stays(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };

	sh("new rewritten; echo 1 > f; c; echo 2 > f; c");
	const char *old = commit_of(&a, "rewritten", "main");
	update(&a, "m-rewritten", "rewritten", GIT_HEAD, NULL, NULL);
	sh("cd rewritten; git reset -q --hard HEAD~1; echo 3 > f; c; git reflog expire --expire=now --all\n"
	   "git gc -q --prune=now");
	const char *new = commit_of(&a, "rewritten", "main");
	assert_string_equal(update(&a, "m-rewritten", "rewritten", GIT_HEAD, NULL, NULL), arena_printf(&a, "%s main", new));
	assert_string_equal(said(&a, arena_printf(&a, "git -C m-rewritten cat-file -t %s", old)), "commit");
	assert_string_equal(update(&a, "m-rewritten", "rewritten", GIT_COMMIT, old, NULL), arena_printf(&a, "%s %s", old, old));
}

static void many_fetches_leave_few_packs_and_lose_nothing(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };

	sh("new many; echo lost > f; c");
	update(&a, "m-many", "many", GIT_HEAD, NULL, NULL);
	const char *lost = commit_of(&a, "many", "main");
	sh("cd many; echo 0 > f; git add f; git commit -q --amend -m new\n"
	   "i=0; while [ $((i += 1)) -le 55 ]; do echo $i > f; c; git tag t$i; done");
	for (int i = 1; i <= 55; i++) {
		const char *tag = arena_printf(&a, "t%d", i);
		const char *found = update(&a, "m-many", "many", GIT_TAG, tag, NULL);
		assert_string_equal(found + 41, tag);
	}
	int packs = atoi(said(&a, "ls m-many/objects/pack/*.pack | wc -l"));
	if (packs < 1 || packs > 50)
		fail_msg("%d packs", packs);
	assert_string_equal(said(&a, "git -C m-many fsck --full --no-dangling 2>&1 | grep -v unborn || echo fine"), "fine");
	assert_string_equal(said(&a, arena_printf(&a, "git -C m-many show %s:f", lost)), "lost");
}

static void a_tag_that_is_of_no_commit_is_none(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };

	sh("new odd; echo 1 > f; c; git tag blob HEAD:f; git tag -a -m x tree HEAD^{tree}");
	assert_string_equal(update(&a, "m-odd", "odd", GIT_TAG, "blob", NULL),
	                    "git repository HERE/odd: \"blob\" does not lead to a commit");
	assert_string_equal(update(&a, "m-odd", "odd", GIT_TAG, "tree", NULL),
	                    "git repository HERE/odd: \"tree\" does not lead to a commit");
}

static void a_head_that_leads_nowhere_says_which_branches_there_are(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };

	sh("new headless; c; for b in a b c d e; do git branch $b; done; git symbolic-ref HEAD refs/heads/none");
	assert_string_equal(update(&a, "m-headless", "headless", GIT_HEAD, NULL, NULL),
	                    "git repository HERE/headless: its HEAD does not name a commit: give --branch; it has "
	                    "a, b, c, d, "
	                    "e and 1 more");
}

static void a_clone_without_history_says_so(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };

	sh("new deep; c; c; cd ..; git clone -q --depth 1 \"file://$PWD/deep\" shallow");
	assert_string_equal(update(&a, "m-shallow", "shallow", GIT_HEAD, NULL, NULL),
	                    "git repository HERE/shallow: it is a shallow clone: give it its whole history (git fetch "
	                    "--unshallow), or give the directory without --git");
	/* What it has is not asked for either: the mirror would not know what came before. */
	sh("git clone -q --bare deep m-knows; git -C m-knows update-ref -d refs/heads/main");
	assert_string_equal(update(&a, "m-knows", "shallow", GIT_HEAD, NULL, NULL),
	                    "git repository HERE/shallow: it is a shallow clone: give it its whole history (git fetch "
	                    "--unshallow), or give the directory without --git");
}

static void a_repository_that_flowsync_cannot_read_is_named(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };

	sh("git init -q -b main --object-format=sha256 longer; cd longer; c");
	assert_string_equal(update(&a, "m-longer", "longer", GIT_HEAD, NULL, NULL),
	                    "git repository HERE/longer: it stores objects by SHA-256; flowsync reads repositories with SHA-1 "
	                    "only");
	sh("new filled; echo 1 > f; c; echo 2 > f; c; git config uploadpack.allowFilter true; cd ..\n"
	   "git clone -q --bare --filter=blob:none \"file://$PWD/filled\" partial");
	const char *said = update(&a, "m-partial", "partial", GIT_HEAD, NULL, NULL);
	const char *begin = "git repository HERE/partial: objects are missing in it, as in a shallow or partial clone: give it "
	                    "its whole history (git fetch --unshallow, or a clone without --filter), or give the directory "
	                    "without --git (";
	assert_memory_equal(said, begin, strlen(begin));
}

/* A mirror that is cloned again would lack the file `kept`. */
static void the_mirrors_own_configuration_is_replaced(void **state)
{
	static const char *const spoilt[] = {
		"printf '[core' > m-config/config", "printf '[core]\\n\\trepositoryformatversion = 99\\n' > m-config/config",
		"rm m-config/config", "printf '\\n[remote \"x\"]\\n\\turl = /nowhere\\n' >> m-config/config",
		"rm m-config/config; mkdir m-config/config",
	};
	CLEANUP(arena_free) struct arena a = { 0 };

	sh("new configured; echo 1 > f; c");
	const char *found = update(&a, "m-config", "configured", GIT_HEAD, NULL, NULL);
	assert_string_equal(found, arena_printf(&a, "%s main", commit_of(&a, "configured", "main")));
	sh("cp m-config/config first; ! test -e m-config/config.damaged; touch m-config/kept");
	for (size_t i = 0; i < ARRAY_LEN(spoilt); i++) {
		sh("rm -rf m-config/config.damaged");
		sh(spoilt[i]);
		assert_string_equal(update(&a, "m-config", "configured", GIT_HEAD, NULL, NULL), found);
		sh("cmp first m-config/config && test -e m-config/kept");
		if (i != 2)
			sh("test -e m-config/config.damaged");
	}
}

static void another_users_repository_is_read(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };

	if (geteuid() != 0)
		skip();
	sh("new other; echo 1 > f; c; cd ..; cp -r other foreign; chown -R 65534 foreign");
	assert_string_equal(update(&a, "m-foreign", "foreign", GIT_HEAD, NULL, NULL),
	                    arena_printf(&a, "%s main", commit_of(&a, "other", "main")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_ref_of_each_kind_is_found),
		cmocka_unit_test(a_full_name_of_a_ref_is_cut_down_to_its_name),
		cmocka_unit_test(what_was_found_last_is_known_without_asking),
		cmocka_unit_test(what_a_server_forgets_stays),
		cmocka_unit_test(many_fetches_leave_few_packs_and_lose_nothing),
		cmocka_unit_test(a_tag_that_is_of_no_commit_is_none),
		cmocka_unit_test(a_head_that_leads_nowhere_says_which_branches_there_are),
		cmocka_unit_test(a_clone_without_history_says_so),
		cmocka_unit_test(a_repository_that_flowsync_cannot_read_is_named),
		cmocka_unit_test(the_mirrors_own_configuration_is_replaced),
		cmocka_unit_test(another_users_repository_is_read),
	};

	return cmocka_run_group_tests(tests, repos_enter, repos_leave);
}
