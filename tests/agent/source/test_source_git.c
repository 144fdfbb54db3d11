#include "tests/agent/git/git_repos.h"

#include "agent/source/source_git.h"

/* Reads path of repo's main through a mirror; gives "name=bytes" a file and "file: message" a fault,
 * each in a line. */
static const char *read_tree(struct arena *a, const char *repo, const char *path)
{
	struct git_remote_place remote = { .url = arena_printf(a, "%s/%s", said(a, "pwd"), repo) };
	struct diagnostics faults = { .arena = a };
	struct source_files files = { 0 };
	struct git_revision r;
	const char *mirror = arena_printf(a, "m-%s", repo), *out = "";
	struct err err;

	if (!mirror_update(a, mirror, &remote, &(struct git_ref){ GIT_BRANCH, "main" }, path, &r, &faults, &err))
		fail_msg("%s", err.msg);
	if (!source_git_read(a, mirror, &r, path, &files, &faults, &err))
		fail_msg("%s", err.msg);
	for (size_t i = 0; i < files.count; i++)
		if (files.items[i].bytes)
			out = arena_printf(a, "%s%s=%.*s\n", out, files.items[i].name,
			                   (int)strcspn(files.items[i].bytes, "\n"), files.items[i].bytes);
	diagnostics_sort(&faults);
	for (size_t i = 0; i < faults.count; i++)
		out = arena_printf(a, "%s%s%s: %s\n", out, faults.items[i].warning ? "warning: " : "",
		                   faults.items[i].at.file ? faults.items[i].at.file : "", faults.items[i].message);
	return out;
}

static void spec_files_come_sorted_and_with_their_bytes(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };

	sh("new plain; mkdir -p s/deep/er s/.dot; echo 1 > s/b.yaml; echo 2 > s/deep/a.yml; echo 3 > s/deep/er/x.yaml\n"
	   "echo 4 > s/.h.yaml; echo 5 > s/.dot/x.yaml; echo 6 > s/n.txt; echo 7 > s/yaml; echo 8 > s/Y.YAML\n"
	   "echo 9 > t.yaml; : > s/empty.yaml; chmod +x s/b.yaml; mkdir s/d.yaml; echo 10 > s/d.yaml/z.yaml; c");
	assert_string_equal(read_tree(&a, "plain", "s"), "s/b.yaml=1\ns/d.yaml/z.yaml=10\ns/deep/a.yml=2\n"
	                    "s/deep/er/x.yaml=3\ns/empty.yaml=\n");
	assert_string_equal(read_tree(&a, "plain", NULL), "s/b.yaml=1\ns/d.yaml/z.yaml=10\ns/deep/a.yml=2\n"
	                    "s/deep/er/x.yaml=3\ns/empty.yaml=\nt.yaml=9\n");
	assert_string_equal(read_tree(&a, "plain", "s/deep/er"), "s/deep/er/x.yaml=3\n");
}

static void an_ignore_file_holds_below_its_folder(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };

	sh("new ignoring; mkdir -p s/old s/new/old; echo '*.bak.yaml\n/old/\nlinked*' > s/.flowsyncignore\n"
	   "echo 1 > s/a.yaml; echo 2 > s/a.bak.yaml; echo 3 > s/old/b.yaml; echo 4 > s/new/old/c.yaml\n"
	   "echo '!a.bak.yaml' > s/new/.flowsyncignore; echo 5 > s/new/a.bak.yaml; ln -s /etc s/linked\n"
	   "ln -s /etc/passwd s/linked.yaml; echo 'a.yaml' > .flowsyncignore; c");
	assert_string_equal(read_tree(&a, "ignoring", "s"), "s/a.yaml=1\ns/new/a.bak.yaml=5\ns/new/old/c.yaml=4\n");
	sh("cd ignoring; rm s/.flowsyncignore; rm -r s/new s/linked*; ln -s ../rules s/.flowsyncignore; echo a > rules\n"
	   "mkdir s/deep; echo nothing > s/rules; ln -s ../rules s/deep/.flowsyncignore; c");
	assert_string_equal(read_tree(&a, "ignoring", "s"), "s/a.bak.yaml=2\ns/a.yaml=1\ns/old/b.yaml=3\n"
	                    "s/.flowsyncignore: a symbolic link that leads out of the source\n");
	sh("cd ignoring; rm s/.flowsyncignore; mkdir s/.flowsyncignore; echo x > s/.flowsyncignore/f\n"
	   "dd if=/dev/zero bs=70000 count=1 2>/dev/null | tr '\\0' '#' > s/old/.flowsyncignore; c");
	assert_string_equal(read_tree(&a, "ignoring", "s"), "s/a.bak.yaml=2\ns/a.yaml=1\ns/old/b.yaml=3\n"
	                    "s/.flowsyncignore: a directory, expected a file\n"
	                    "s/old/.flowsyncignore: larger than 65536 bytes\n");
	sh("cd ignoring; rm -r s/.flowsyncignore s/old; printf '\\377\\376*' > s/.flowsyncignore; c");
	assert_string_equal(read_tree(&a, "ignoring", "s"), "s/a.bak.yaml=2\ns/a.yaml=1\n"
	                    "s/.flowsyncignore: this is UTF-16, not UTF-8\n");
}

static void links_stay_inside(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };

	sh("new links; mkdir -p s/.real/sub out; echo 1 > s/.real/a.yaml; echo 2 > s/.real/sub/b.yaml; echo 3 > out/c.yaml\n"
	   "cd s; ln -s .real one; ln -s one/sub two; ln -s one/a.yaml f.yaml; ln -s f.yaml g.yaml; ln -s a.yaml .real/n\n"
	   "ln -s ../a.yaml .real/sub/up.yaml; cd ..; c");
	assert_string_equal(read_tree(&a, "links", "s"), "s/f.yaml=1\ns/g.yaml=1\ns/one/a.yaml=1\ns/one/sub/b.yaml=2\n"
	                    "s/one/sub/up.yaml=1\ns/two/b.yaml=2\ns/two/up.yaml=1\n");
	sh("cd links/s; ln -s ../out o; ln -s ../../out .real/o; ln -s /etc/passwd p.yaml; ln -s .. up; ln -s . self\n"
	   "ln -s nowhere gone.yaml; ln -s nowhere gone; ln -s f.yaml/x f2.yaml; ln -s l2.yaml l1.yaml\n"
	   "ln -s l1.yaml l2.yaml; ln -s .real/sub d.yaml; rm one two f.yaml g.yaml; ln -s .. .real/sub/round; c");
	assert_string_equal(read_tree(&a, "links", "s"), "s/d.yaml/b.yaml=2\ns/d.yaml/round/a.yaml=1\ns/d.yaml/up.yaml=1\n"
	                    "s/d.yaml/round/o: a symbolic link that leads out of the source\n"
	                    "s/d.yaml/round/sub: a link to a folder that contains it\n"
	                    "s/f2.yaml: cannot be read: No such file or directory\n"
	                    "s/gone.yaml: cannot be read: No such file or directory\n"
	                    "s/l1.yaml: cannot be read: Too many levels of symbolic links\n"
	                    "s/l2.yaml: cannot be read: Too many levels of symbolic links\n"
	                    "s/o: a symbolic link that leads out of the source\n"
	                    "s/p.yaml: a symbolic link that leads out of the source\n"
	                    "s/self: a link to a folder that contains it\n"
	                    "s/up: a symbolic link that leads out of the source\n");
}

static void a_directory_with_the_same_files_gives_the_same(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	struct diagnostics faults = { .arena = &a };
	struct source_files files = { 0 };
	const char *out = "";

	sh("new same; mkdir -p .real/sub x/y; echo 1 > .real/a.yaml; echo 2 > .real/sub/b.yaml; ln -s .real one\n"
	   "ln -s ../one x/two; ln -s ../../x/two/sub x/y/z; echo 'sub' > .real/.flowsyncignore; echo 3 > x.yml\n"
	   "ln -s x.yml w.yaml; ln -s nowhere v.yaml; ln -s /etc u; ln -s / t.yaml; ln -s .. x/up; c");
	const char *tree = read_tree(&a, "same", NULL);
	assert_int_equal(chdir("same"), 0);
	source_dir_read(&a, ".", &files, &faults);
	assert_int_equal(chdir(".."), 0);
	for (size_t i = 0; i < files.count; i++)
		out = arena_printf(&a, "%s%s=%.*s\n", out, files.items[i].name,
		                   (int)strcspn(files.items[i].bytes, "\n"), files.items[i].bytes);
	diagnostics_sort(&faults);
	for (size_t i = 0; i < faults.count; i++)
		out = arena_printf(&a, "%s%s: %s\n", out, faults.items[i].at.file, faults.items[i].message);
	assert_string_equal(tree, out);
	assert_non_null(strstr(out, "leads out of the source"));
}

static void a_submodule_is_warned_of_unless_it_is_left_out(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };

	sh("new modules; echo 1 > a.yaml; c; id=$(git rev-parse HEAD)\n"
	   "git update-index --add --cacheinfo 160000,$id,sub --cacheinfo 160000,$id,.dot --cacheinfo 160000,$id,left\n"
	   "echo left > .flowsyncignore; git add .flowsyncignore a.yaml; git commit -qm x");
	assert_string_equal(read_tree(&a, "modules", NULL),
	                    "a.yaml=1\nwarning: sub: a submodule: its files are not read, so nothing is pruned; if it "
	                    "declares no workflow, name it in .flowsyncignore\n");
}

static void a_file_over_the_limit_is_a_fault(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };

	sh("new large; echo 1 > a.yaml; dd if=/dev/zero of=b.yaml bs=1048577 count=1 2>/dev/null; c");
	assert_string_equal(read_tree(&a, "large", NULL), "a.yaml=1\nb.yaml: larger than 1 MiB\n");
}

static void a_file_over_the_limit_is_not_even_read(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	struct diagnostics faults = { .arena = &a };
	struct source_files files = { 0 };
	struct git_revision r = { 0 };
	struct err err;

	/* Reading the whole of it would find that its end is wrong. */
	sh("new cut; dd if=/dev/zero of=b.yaml bs=1048577 count=1 2>/dev/null; c\n"
	   "id=$(git rev-parse HEAD:b.yaml); cd .git/objects/${id%??????????????????????????????????????}\n"
	   "head -c -4 ${id#??} > ../cut; printf xxxx >> ../cut; mv -f ../cut ${id#??}");
	snprintf(r.tree, sizeof r.tree, "%s", said(&a, "git -C cut rev-parse HEAD^{tree}"));
	assert_true(source_git_read(&a, "cut/.git", &r, NULL, &files, &faults, &err));
	assert_int_equal(faults.count, 1);
	assert_string_equal(faults.items[0].message, "larger than 1 MiB");
}

static void a_damaged_mirror_is_told_from_a_bad_source(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	struct diagnostics faults = { .arena = &a };
	struct source_files files = { 0 };
	struct git_revision r = { .tree = "0123456789012345678901234567890123456789" };
	struct err err;

	sh("new whole; echo 1 > a.yaml; c");
	read_tree(&a, "whole", NULL);
	assert_false(source_git_read(&a, "m-whole", &r, "s", &files, &faults, &err));
	assert_string_equal(err.msg, "s/: object not found - no match for id (0123456789012345678901234567890123456789)");
	assert_false(source_git_read(&a, "nowhere", &r, NULL, &files, &faults, &err));
	assert_int_equal(files.count + faults.count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(spec_files_come_sorted_and_with_their_bytes),
		cmocka_unit_test(an_ignore_file_holds_below_its_folder),
		cmocka_unit_test(links_stay_inside),
		cmocka_unit_test(a_directory_with_the_same_files_gives_the_same),
		cmocka_unit_test(a_submodule_is_warned_of_unless_it_is_left_out),
		cmocka_unit_test(a_file_over_the_limit_is_a_fault),
		cmocka_unit_test(a_file_over_the_limit_is_not_even_read),
		cmocka_unit_test(a_damaged_mirror_is_told_from_a_bad_source),
	};

	return cmocka_run_group_tests(tests, repos_enter, repos_leave);
}
