#include "tests/test.h"
#include "agent/util/file.h"
#include "agent/util/shutdown_signals.h"

#include <dirent.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char top[] = "/tmp/flowsync-file-XXXXXX";

static int enter(void **state)
{
	return !mkdtemp(top) || chdir(top);
}

static int leave(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };

	return chdir("/") || system(arena_printf(&a, "rm -rf %s", top));
}

static const char *text_in(struct arena *a, const char *path)
{
	const char *text;
	size_t len;
	struct err err;

	return file_read(a, path, 1000, &text, &len, &err) ? text : NULL;
}

static void what_is_put_there_is_read_again(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	struct stat st;
	struct err err;

	assert_true(file_replace(&a, "f", "first, long", 11, 0644, &err));
	assert_true(file_replace(&a, "f", "second", 6, 0600, &err));
	assert_string_equal(text_in(&a, "f"), "second");
	assert_int_equal(stat("f", &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
}

static void what_can_never_be_written_is_known_before(void **state)
{
	static const struct { const char *path, *message; } cases[] = {
		{ "new", NULL }, { "/dev/null", NULL },
		{ "none/f", "cannot be written: No such file or directory" },
		{ "folder", "cannot be written: Is a directory" },
		{ "plain/f", "cannot be written: Not a directory" },
	};
	CLEANUP(arena_free) struct arena a = { 0 };
	struct err err;

	assert_int_equal(mkdir("folder", 0777), 0);
	assert_true(file_create("plain", "", 0, 0600, &err));
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_int_equal(file_check_replace(&a, cases[i].path, &err), !cases[i].message);
		if (cases[i].message)
			assert_string_equal(err.msg, cases[i].message);
	}
	assert_int_equal(access("new", F_OK), -1);
	assert_int_equal(rmdir("folder") | unlink("plain"), 0);
}

static void a_link_is_written_through_and_stays(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	struct stat st;
	struct err err;

	assert_int_equal(symlink("target", "link"), 0);
	assert_true(file_replace(&a, "link", "x", 1, 0600, &err));
	assert_int_equal(lstat("link", &st), 0);
	assert_true(S_ISLNK(st.st_mode));
	assert_string_equal(text_in(&a, "target"), "x");
	assert_true(file_replace(&a, "/dev/null", "x", 1, 0600, &err));
	assert_int_equal(lstat("/dev/null", &st), 0);
	assert_true(S_ISCHR(st.st_mode));
}

static void what_cannot_be_written_leaves_nothing_behind(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	struct err err;

	assert_int_equal(mkdir("d", 0777), 0);
	assert_false(file_replace(&a, "d", "x", 1, 0600, &err));
	assert_string_equal(err.msg, "cannot be written: Is a directory");
	assert_false(file_replace(&a, "none/f", "x", 1, 0600, &err));
	assert_string_equal(err.msg, "cannot be written: No such file or directory");
	assert_int_equal(rmdir("d"), 0);
}

static size_t count_names(void)
{
	DIR *dir = opendir(".");
	size_t count = 0;

	assert_non_null(dir);
	while (readdir(dir))
		count++;
	closedir(dir);
	return count;
}

static void a_file_is_replaced_without_waiting_for_the_disk(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	struct stat st;
	struct err err;

	assert_true(file_replace_unsynced(&a, "quick", "first, long", 11, 0644, &err));
	size_t names = count_names();
	assert_true(file_replace_unsynced(&a, "quick", "second", 6, 0600, &err));
	assert_string_equal(text_in(&a, "quick"), "second");
	assert_int_equal(stat("quick", &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(mkdir("quick.d", 0700), 0);
	assert_false(file_replace_unsynced(&a, "quick.d", "x", 1, 0600, &err));
	assert_string_equal(err.msg, "cannot be written: Is a directory");
	assert_int_equal(rmdir("quick.d"), 0);
	assert_int_equal(count_names(), names);
}

static void a_file_gets_a_second_name(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	struct stat one, two;
	struct err err;

	assert_true(file_replace(&a, "one", "one", 3, 0600, &err));
	assert_true(file_replace(&a, "two", "two", 3, 0644, &err));
	size_t names = count_names();
	/* The second time both names are of one file already. */
	for (int i = 0; i < 2; i++) {
		assert_true(file_replace_by_link(&a, "two", "one", &err));
		assert_int_equal(stat("one", &one) | stat("two", &two), 0);
		assert_int_equal(one.st_ino, two.st_ino);
		assert_int_equal(count_names(), names);
	}
	assert_int_equal(mkdir("two.d", 0700), 0);
	assert_false(file_replace_by_link(&a, "two.d", "one", &err));
	assert_string_equal(err.msg, "cannot be written: Is a directory");
	assert_false(file_replace_by_link(&a, "two", "none", &err));
	assert_string_equal(err.msg, "cannot be written: No such file or directory");
	assert_string_equal(text_in(&a, "two"), "one");
	assert_int_equal(rmdir("two.d") | unlink("one") | unlink("two"), 0);
	assert_int_equal(count_names(), names - 2);
}

static void a_file_that_exists_is_kept(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	size_t names = count_names();
	struct stat st;
	struct err err;

	assert_true(file_ensure(&a, "kept", "first", 5, 0600, &err));
	assert_int_equal(stat("kept", &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(st.st_nlink, 1);
	assert_true(file_ensure(&a, "kept", "second", 6, 0644, &err));
	assert_string_equal(text_in(&a, "kept"), "first");
	assert_int_equal(count_names(), names + 1);
	assert_false(file_ensure(&a, "none/kept", "x", 1, 0600, &err));
	assert_string_equal(err.msg, "cannot be written: No such file or directory");
}

enum { MANY = 100 };

struct maker {
	const char *text;
	char found[MANY];	/* the first byte of each file, once it was ensured */
};

static void *make_files(void *arg)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	struct maker *m = arg;
	struct err err;

	for (int i = 0; i < MANY; i++) {
		const char *path = arena_printf(&a, "many/%d", i);
		if (file_ensure(&a, path, m->text, strlen(m->text), 0600, &err))
			m->found[i] = *text_in(&a, path);
	}
	return NULL;
}

/* Each file is whole, of one of the two, and does not change any more. */
static void two_that_make_a_file_at_once_both_have_it(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	struct maker mine = { .text = "mine" }, other = { .text = "other" };
	pthread_t thread;

	assert_int_equal(mkdir("many", 0700), 0);
	assert_int_equal(pthread_create(&thread, NULL, make_files, &other), 0);
	make_files(&mine);
	assert_int_equal(pthread_join(thread, NULL), 0);
	for (int i = 0; i < MANY; i++) {
		const char *text = text_in(&a, arena_printf(&a, "many/%d", i));
		assert_true(text && (strcmp(text, "mine") == 0 || strcmp(text, "other") == 0));
		assert_int_equal(mine.found[i], *text);
		assert_int_equal(other.found[i], *text);
	}
}

static void a_file_of_unknown_size_is_read_to_its_limit(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	const char *text;
	size_t len;
	struct err err;

	/* The kernel says that it has no bytes at all. */
	assert_true(file_read(&a, "/proc/self/status", 1 << 16, &text, &len, &err));
	assert_true(len > 100 && strlen(text) == len);
	assert_false(file_read(&a, "/proc/self/status", 100, &text, &len, &err));
	assert_string_equal(err.msg, "larger than 100 bytes");
}

static bool is_readable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, 0) == 1;
}

static void a_signal_makes_the_descriptor_readable_for_ever(void **state)
{
	struct err err;
	int fd = -1;

	assert_true(shutdown_signals_watch(&fd, &err));
	assert_false(is_readable(fd));
	assert_int_equal(shutdown_signals_received(), 0);
	raise(SIGTERM);
	assert_true(is_readable(fd));
	raise(SIGINT);
	assert_true(is_readable(fd));
	assert_int_equal(shutdown_signals_received(), SIGTERM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_put_there_is_read_again),
		cmocka_unit_test(what_can_never_be_written_is_known_before),
		cmocka_unit_test(a_link_is_written_through_and_stays),
		cmocka_unit_test(what_cannot_be_written_leaves_nothing_behind),
		cmocka_unit_test(a_file_is_replaced_without_waiting_for_the_disk),
		cmocka_unit_test(a_file_gets_a_second_name),
		cmocka_unit_test(a_file_that_exists_is_kept),
		cmocka_unit_test(two_that_make_a_file_at_once_both_have_it),
		cmocka_unit_test(a_file_of_unknown_size_is_read_to_its_limit),
		cmocka_unit_test(a_signal_makes_the_descriptor_readable_for_ever),
	};
	return cmocka_run_group_tests(tests, enter, leave);
}
