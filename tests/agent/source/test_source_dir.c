#include "tests/test.h"
#include "agent/util/diagnostics_text.h"
#include "agent/source/source_dir.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "reconcile/tree/yaml.h"

/* Each test runs in a directory of its own, in which "s" is the source. */
static char top[] = "/tmp/flowsync-test-XXXXXX";
static char *came_from;

static void make_file(const char *path, const char *text)
{
	CLEANUP(arena_free) struct arena a = { 0 };

	for (char *copy = arena_strdup(&a, path), *slash = copy; (slash = strchr(slash, '/'));
	     *slash++ = '/') {
		*slash = '\0';
		mkdir(copy, 0777);
	}
	int fd = open(path, O_CREAT | O_WRONLY | O_TRUNC, 0666);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static int enter(void **state)
{
	strcpy(top + strlen(top) - 6, "XXXXXX");
	came_from = getcwd(NULL, 0);
	return !came_from || !mkdtemp(top) || chdir(top) || mkdir("s", 0777);
}

static int leave(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	int failed = chdir(came_from) || system(arena_printf(&a, "rm -rf %s", top));

	free(came_from);
	return failed;
}

/* The names that came out, then the faults, one a line. */
static const char *read_dir(struct arena *a, const char *dir)
{
	struct diagnostics f = { .arena = a };
	struct source_files files = { 0 };
	const char *all = "";
	bool good = source_dir_read(a, dir, &files, &f);

	diagnostics_sort(&f);
	for (size_t i = 0; i < files.count; i++)
		all = arena_printf(a, "%s%s\n", all, files.items[i].name);
	for (size_t i = 0; i < f.count; i++)
		all = arena_printf(a, "%s! %s\n", all, diagnostics_text_line(a, &f.items[i]));
	assert_int_equal(good, f.count == 0);
	return all;
}

static void spec_files_of_any_depth_come_sorted(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };

	make_file("s/b.yaml", "b");
	make_file("s/a/z.yml", "z");
	make_file("s/a/y/x.yaml", "x");
	make_file("s/a.yaml", "a");
	make_file("s/a-b.yaml", "");
	make_file("s/notes.txt", "n");
	make_file("s/yaml", "n");
	make_file("s/x.YAML", "n");
	make_file("s/.hidden.yaml", "h");
	make_file("s/.git/c.yaml", "c");
	make_file("s/folder.yaml/c.yaml", "c");
	assert_string_equal(read_dir(&a, "s"),
		"s/a-b.yaml\ns/a.yaml\ns/a/y/x.yaml\ns/a/z.yml\ns/b.yaml\ns/folder.yaml/c.yaml\n");
}

static void bytes_and_length_are_those_of_the_file(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	struct diagnostics f = { .arena = &a };
	struct source_files files = { 0 };

	make_file("s/a.yaml", "name: a\n");
	assert_true(source_dir_read(&a, "s", &files, &f));
	assert_int_equal(files.count, 1);
	assert_int_equal(files.items[0].len, 8);
	assert_string_equal(files.items[0].bytes, "name: a\n");
}

static void names_are_as_a_user_would_write_them(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };

	make_file("s/x/a.yaml", "");
	assert_string_equal(read_dir(&a, "s///"), "s/x/a.yaml\n");
	assert_string_equal(read_dir(&a, "./s"), "./s/x/a.yaml\n");
	assert_string_equal(read_dir(&a, "."), "s/x/a.yaml\n");
	assert_string_equal(read_dir(&a, "./"), "s/x/a.yaml\n");
	assert_string_equal(read_dir(&a, arena_printf(&a, "%s/s", top)),
	                    arena_printf(&a, "%s/s/x/a.yaml\n", top));
}

static void what_is_ignored_at_any_depth_is_left_out(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };

	make_file("s/.flowsyncignore", "*.yml\n/drafts/\n");
	make_file("s/a.yml", "");
	make_file("s/drafts/b.yaml", "");
	make_file("s/x/drafts/b.yaml", "");
	make_file("s/x/.flowsyncignore", "!keep.yml\nc.yaml");
	make_file("s/x/keep.yml", "");
	make_file("s/x/c.yaml", "");
	make_file("s/c.yaml", "");
	assert_string_equal(read_dir(&a, "s"), "s/c.yaml\ns/x/drafts/b.yaml\ns/x/keep.yml\n");
	/* the rules of a source begin at its top */
	assert_string_equal(read_dir(&a, "s/x"), "s/x/drafts/b.yaml\ns/x/keep.yml\n");
}

static void links_are_followed_inside_and_refused_outwards(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };

	make_file("s/.store/v1/a.yaml", "");
	make_file("other/b.yaml", "");
	make_file("s2/b.yaml", "");
	assert_int_equal(symlink(".store/v1", "s/current"), 0);
	assert_int_equal(symlink("current/a.yaml", "s/a.yaml"), 0);
	assert_int_equal(symlink("../other/b.yaml", "s/b.yaml"), 0);
	assert_int_equal(symlink("../other", "s/other"), 0);
	assert_int_equal(symlink("../s2", "s/twin"), 0);
	assert_int_equal(symlink("/etc/passwd", "s/notes"), 0);
	assert_string_equal(read_dir(&a, "s"),
		"s/a.yaml\ns/current/a.yaml\n"
		"! s/b.yaml: a symbolic link that leads out of the source\n"
		"! s/other: a symbolic link that leads out of the source\n"
		"! s/twin: a symbolic link that leads out of the source\n");
	make_file("s/.flowsyncignore", "b.yaml\nother\n/twin/\n");
	assert_string_equal(read_dir(&a, "s"), "s/a.yaml\ns/current/a.yaml\n");
}

static void links_that_lead_nowhere_or_in_a_circle_are_named(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };

	make_file("s/x/a.yaml", "");
	assert_int_equal(symlink("..", "s/x/up"), 0);
	assert_int_equal(symlink("nowhere.yaml", "s/gone.yaml"), 0);
	assert_int_equal(symlink("l2.yaml", "s/l1.yaml"), 0);
	assert_int_equal(symlink("l1.yaml", "s/l2.yaml"), 0);
	assert_int_equal(symlink("gone", "s/no-spec"), 0);
	assert_string_equal(read_dir(&a, "s"),
		"s/x/a.yaml\n"
		"! s/gone.yaml: cannot be read: No such file or directory\n"
		"! s/l1.yaml: cannot be read: Too many levels of symbolic links\n"
		"! s/l2.yaml: cannot be read: Too many levels of symbolic links\n"
		"! s/x/up: a link to a folder that contains it\n");
}

static void a_source_that_is_itself_a_link_is_read(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };

	make_file("s/a.yaml", "");
	assert_int_equal(symlink("a.yaml", "s/b.yaml"), 0);
	assert_int_equal(symlink("s", "l"), 0);
	assert_string_equal(read_dir(&a, "l"), "l/a.yaml\nl/b.yaml\n");
}

static void a_file_may_have_one_mebibyte_and_not_more(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };

	make_file("s/a.yaml", "");
	make_file("s/b.yaml", "");
	assert_int_equal(truncate("s/a.yaml", YAML_MAX_BYTES), 0);
	assert_int_equal(truncate("s/b.yaml", YAML_MAX_BYTES + 1), 0);
	assert_string_equal(read_dir(&a, "s"), "s/a.yaml\n! s/b.yaml: larger than 1 MiB\n");
}

static void what_is_no_file_is_named_and_not_waited_for(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };

	make_file("s/a.yaml", "");
	assert_int_equal(mkfifo("s/p.yaml", 0666), 0);
	assert_int_equal(mkdir("s/.flowsyncignore", 0777), 0);
	assert_string_equal(read_dir(&a, "s"),
		"s/a.yaml\n"
		"! s/.flowsyncignore: a directory, expected a file\n"
		"! s/p.yaml: not a regular file\n");
}

static void rules_in_utf16_are_refused(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };

	make_file("s/a.yaml", "");
	make_file("s/.flowsyncignore", "\xff\xfe*");
	assert_string_equal(read_dir(&a, "s"), "s/a.yaml\n! s/.flowsyncignore: this is UTF-16, not UTF-8\n");
}

static void a_submodule_that_is_not_initialised_is_named(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };

	/* of the work tree around the source, at it, and in a folder of it; git quotes what has a comment's sign */
	make_file(".gitmodules", "[submodule \"one\"]\n\tpath = s/one\n\turl = ../one\n[submodule \"s\"]\n\tPATH=s/d\n"
	          "[submodule \"x\"]\n\tpath = \"s/x #\\\\1\" ; why\n\tpathology = s/empty\n\tpath = s/left\n\tpath = s/full\r\n");
	make_file("s/one/.git", "gitdir: ../../.git/modules/one\n");
	make_file("s/full/a.yaml", "");
	make_file("s/.flowsyncignore", "/left/\n");
	make_file("s/d/.gitmodules", "path = e");
	for (const char **f = (const char *[]){ "s/x #\\1", "s/empty", "s/left", "s/d/e", "s/d/s", "s/d/s/one", NULL }; *f; f++)
		assert_int_equal(mkdir(*f, 0777), 0);
	assert_string_equal(read_dir(&a, "s"),
		"s/full/a.yaml\n"
		"! s/d/e: a submodule: its files are not read, as it is not initialised; to fix it: git submodule update --init\n"
		"! s/one: a submodule: its files are not read, as it is not initialised; to fix it: git submodule update --init\n"
		"! s/x #\\1: a submodule: its files are not read, as it is not initialised; to fix it: git submodule update --init\n");
	assert_string_equal(read_dir(&a, "s/one"),
		"! s/one: a submodule: its files are not read, as it is not initialised; to fix it: git submodule update --init\n");
	/* what stands outside of the work tree says nothing about it */
	make_file("s/.git", "");
	assert_string_equal(read_dir(&a, "s/one"), "");
}

static void what_may_not_be_read_is_named(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };

	if (geteuid() == 0)
		skip();		/* root may read everything */
	make_file("s/a.yaml", "");
	make_file("s/b.yaml", "");
	make_file("s/x/c.yaml", "");
	chmod("s/b.yaml", 0);
	chmod("s/x", 0);
	const char *all = read_dir(&a, "s");
	chmod("s/x", 0777);
	assert_string_equal(all,
		"s/a.yaml\n"
		"! s/b.yaml: cannot be read: Permission denied\n"
		"! s/x: cannot be read: Permission denied\n");
}

static void no_directory_is_a_fault_and_an_empty_one_none(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };

	make_file("f.yaml", "");
	assert_string_equal(read_dir(&a, "s"), "");
	assert_string_equal(read_dir(&a, "none/"), "! none: cannot be read: No such file or directory\n");
	assert_string_equal(read_dir(&a, "f.yaml"), "! f.yaml: a file, expected a directory\n");
}

/* The names and contents that came out, or why there are none; stop_fd is one that can be read if
 * stopped. */
static const char *read_settled(struct arena *a, const char *dir, bool stopped)
{
	struct diagnostics f = { .arena = a };
	struct source_files files = { 0 };
	const char *all = "";
	struct err err;
	int stop[2];

	assert_int_equal(pipe(stop), 0);
	assert_true(!stopped || write(stop[1], "", 1) == 1);
	diagnostics_warn(&f, (struct pos){ 0 }, "before");
	bool good = source_dir_settled(a, dir, stop[0], &files, &f, &err);
	close(stop[0]);
	close(stop[1]);
	if (!good) {
		assert_int_equal(files.count, 0);
		assert_int_equal(f.count, 1);
		return arena_printf(a, "%s\n", err.msg);
	}
	for (size_t i = 0; i < files.count; i++)
		all = arena_printf(a, "%s%s: %s\n", all, files.items[i].name, files.items[i].bytes);
	for (size_t i = 0; i < f.count; i++)
		all = arena_printf(a, "%s! %s\n", all, diagnostics_text_line(a, &f.items[i]));
	return all;
}

static void a_directory_that_stands_still_is_not_waited_for(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	struct timespec future[2] = { { .tv_sec = 4000000000 }, { .tv_sec = 4000000000 } };

	make_file("s/a.yaml", "a");
	make_file("s/x/b.yaml", "b");
	make_file("s/x/.flowsyncignore", "c.yaml");
	assert_int_equal(symlink("nowhere.yaml", "s/l.yaml"), 0);
	/* a stamp that anybody can set does not count */
	assert_int_equal(utimensat(AT_FDCWD, "s/a.yaml", future, 0), 0);
	for (int i = 0; i < 2; i++) {
		assert_string_equal(read_settled(&a, "s", i > 0),
			"s/a.yaml: a\ns/x/b.yaml: b\n! warning: before\n"
			"! s/l.yaml: cannot be read: No such file or directory\n");
		usleep(3000);	/* both clocks are rounded to milliseconds: the second time more than the wait has passed */
	}
	assert_string_equal(read_settled(&a, "none", true),
		"! warning: before\n! none: cannot be read: No such file or directory\n");
}

static void what_changed_just_now_is_waited_for_until_it_is_stopped(void **state)
{
	static const char *const changes[] = {
		"echo 2 > s/a.yaml", "rm s/a.yaml", "mkdir s/x", "ln -s a.yaml s/l.yaml",
		"echo x > s/.flowsyncignore",
	};

	for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		const char *all = "";
		/* A machine may be slow once, so that the change is an old one. */
		for (int tries = 0; tries < 20 && strcmp(all, "s: stopped before it was read\n") != 0; tries++) {
			assert_int_equal(system("rm -rf s; mkdir s; echo 1 > s/a.yaml"), 0);
			read_settled(&a, "s", false);
			assert_int_equal(system(changes[i]), 0);
			all = read_settled(&a, "s", true);
		}
		assert_string_equal(all, "s: stopped before it was read\n");
	}
}

static pid_t change_for_ever(void)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid > 0)
		return pid;
	while (rename("s/a.yaml", "s/x/a.yaml") == 0 && rename("s/x/a.yaml", "s/a.yaml") == 0)
		usleep(5000);
	_exit(1);
}

static void what_never_stands_still_is_not_read(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	const char *all = "";

	make_file("s/a.yaml", "a");
	make_file("s/x/b.yaml", "b");
	pid_t pid = change_for_ever();
	for (int tries = 0; tries < 20 && !strstr(all, "kept changing"); tries++)
		all = read_settled(&a, "s", false);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	assert_string_equal(all,
		"s: kept changing while it was being read: it was never unchanged for 200 ms within 5 s\n");
}

#define IN_DIRECTORY(test)	cmocka_unit_test_setup_teardown(test, enter, leave)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_DIRECTORY(spec_files_of_any_depth_come_sorted),
		IN_DIRECTORY(bytes_and_length_are_those_of_the_file),
		IN_DIRECTORY(names_are_as_a_user_would_write_them),
		IN_DIRECTORY(what_is_ignored_at_any_depth_is_left_out),
		IN_DIRECTORY(links_are_followed_inside_and_refused_outwards),
		IN_DIRECTORY(links_that_lead_nowhere_or_in_a_circle_are_named),
		IN_DIRECTORY(a_source_that_is_itself_a_link_is_read),
		IN_DIRECTORY(a_file_may_have_one_mebibyte_and_not_more),
		IN_DIRECTORY(rules_in_utf16_are_refused),
		IN_DIRECTORY(what_is_no_file_is_named_and_not_waited_for),
		IN_DIRECTORY(a_submodule_that_is_not_initialised_is_named),
		IN_DIRECTORY(what_may_not_be_read_is_named),
		IN_DIRECTORY(no_directory_is_a_fault_and_an_empty_one_none),
		IN_DIRECTORY(a_directory_that_stands_still_is_not_waited_for),
		IN_DIRECTORY(what_changed_just_now_is_waited_for_until_it_is_stopped),
		IN_DIRECTORY(what_never_stands_still_is_not_read),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
