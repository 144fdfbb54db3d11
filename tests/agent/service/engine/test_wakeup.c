#include "tests/test.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/util/fd.h"
#include "agent/service/engine/wakeup.h"
#include "reconcile/base/arena.h"

static char folder[] = "/tmp/flowsync-wake-XXXXXX";
static const char *database, *pipe_path;
static struct arena arena;

static bool is_readable(int fd)
{
	return poll(&(struct pollfd){ .fd = fd, .events = POLLIN }, 1, 0) == 1;
}

static int open_side(void)
{
	int fd = -1;
	struct err err;

	if (!wakeup_open(database, &fd, &err))
		fail_msg("%s", err.msg);
	return fd;
}

static void whoever_sends_wakes_the_other_side_once(void **state)
{
	CLEANUP(fd_close) int engine = open_side(), api = open_side();
	struct stat st;

	assert_int_equal(stat(pipe_path, &st), 0);
	assert_true(S_ISFIFO(st.st_mode) && (st.st_mode & 0777) == 0600);
	assert_int_equal(fcntl(engine, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	assert_false(is_readable(engine));
	wakeup_send(api);
	wakeup_send(api);
	assert_true(is_readable(engine));
	wakeup_take(engine);
	assert_false(is_readable(engine));
	wakeup_take(engine);
}

static void nobody_waits_whether_anybody_listens_or_not(void **state)
{
	CLEANUP(fd_close) int api = open_side();

	wakeup_send(-1);
	for (int i = 0; i < 200000; i++)
		wakeup_send(api);
	CLEANUP(fd_close) int engine = open_side();
	assert_true(is_readable(engine));
	wakeup_take(engine);
	assert_false(is_readable(engine));
}

static void what_was_sent_is_there_though_the_sender_is_gone(void **state)
{
	CLEANUP(fd_close) int engine = open_side();
	int api = open_side();

	wakeup_send(api);
	close(api);
	assert_true(is_readable(engine));
	wakeup_take(engine);
	assert_false(is_readable(engine));
}

static void a_file_that_is_not_a_pipe_is_left_alone(void **state)
{
	int fd = 7;
	struct err err;

	unlink(pipe_path);
	fclose(fopen(pipe_path, "w"));
	assert_false(wakeup_open(database, &fd, &err));
	assert_string_equal(err.msg, arena_printf(&arena, "\"%s\" is not a pipe", pipe_path));
	unlink(pipe_path);
	assert_int_equal(symlink("/dev/null", pipe_path), 0);
	assert_false(wakeup_open(database, &fd, &err));
	assert_string_equal(err.msg, arena_printf(&arena, "open the pipe \"%s\": Too many levels of symbolic links",
	                                          pipe_path));
	assert_false(wakeup_open("/tmp/flowsync-no-folder/a.db", &fd, &err));
	assert_string_equal(err.msg, "make the pipe \"/tmp/flowsync-no-folder/a.db.wake\": No such file or directory");
	assert_int_equal(fd, 7);
}

static int enter(void **state)
{
	if (!mkdtemp(folder))
		return -1;
	database = arena_printf(&arena, "%s/a.db", folder);
	pipe_path = arena_printf(&arena, "%s.wake", database);
	return 0;
}

static int leave(void **state)
{
	unlink(pipe_path);
	arena_free(&arena);
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whoever_sends_wakes_the_other_side_once),
		cmocka_unit_test(nobody_waits_whether_anybody_listens_or_not),
		cmocka_unit_test(what_was_sent_is_there_though_the_sender_is_gone),
		cmocka_unit_test(a_file_that_is_not_a_pipe_is_left_alone),
	};
	return cmocka_run_group_tests(tests, enter, leave);
}
