#include "agent/util/subprocess.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/util/clock.h"
#include "agent/util/fd.h"
#include "reconcile/base/arena.h"

static bool subprocess_make_pipe(int *from, int *to, struct err *err)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_sys(err, errno, "make a pipe");
	*from = ends[0];
	*to = ends[1];
	return true;
}

/* All signals are kept back until here: a handler of ours would run in the child, too, and write to
 * the pipe that its parent waits on. */
static void subprocess_set_signals(bool apart)
{
	/* What is asked of the agent often reaches its whole group, and would end us. */
	static const int not_ours[] = { SIGHUP, SIGUSR1 }, ends_us[] = { SIGINT, SIGTERM };
	sigset_t late;

	for (size_t i = 0; i < ARRAY_LEN(not_ours); i++)
		signal(not_ours[i], SIG_IGN);
	for (size_t i = 0; i < ARRAY_LEN(ends_us); i++)
		signal(ends_us[i], apart ? SIG_IGN : SIG_DFL);
	if (apart)
		signal(SIGQUIT, SIG_IGN);
	/* A hurry that comes before shutdown_signals_watch_hurry() lets it in would end us as well. */
	sigemptyset(&late);
	sigaddset(&late, SIGUSR2);
	sigprocmask(SIG_SETMASK, &late, NULL);
}

/* Between fork and exec: another thread may hold any lock, so nothing here takes one. */
static _Noreturn void subprocess_exec(int program, const char *const *argv, pid_t parent,
                                      const struct subprocess_setup *place, int alive)
{
	static char *const nothing[] = { NULL };

	if (place->apart)
		setsid();
	else
		prctl(PR_SET_PDEATHSIG, SIGTERM);
	subprocess_set_signals(place->apart);
	/* It may have died before that was asked for. */
	if (getppid() == parent && dup2(place->in, STDIN_FILENO) >= 0 &&
	    dup2(place->out, STDOUT_FILENO) >= 0 && fcntl(alive, F_SETFD, 0) == 0 &&
	    (place->keep < 0 || fcntl(place->keep, F_SETFD, 0) == 0))
		fexecve(program, (char *const *)argv, place->apart ? nothing : environ);
	_exit(127);
}

static const char **subprocess_make_argv(struct arena *a, const char *command, const char *const *words)
{
	size_t count = 0;

	while (words && words[count])
		count++;
	const char **argv = arena_new(a, const char *, count + 3);
	argv[0] = "flowsync";
	argv[1] = command;
	for (size_t i = 0; i < count; i++)
		argv[2 + i] = words[i];
	return argv;
}

bool subprocess_spawn(const char *command, const char *const *words, const struct subprocess_setup *place,
                 pid_t *out, int *ended, struct err *err)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	/* The very file that runs, even if another was installed in its place since. */
	CLEANUP(fd_close) int program = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	CLEANUP(fd_close) int exited = -1, alive = -1;
	const char **argv = subprocess_make_argv(&a, command, words);
	pid_t parent = getpid();
	sigset_t all, before;

	if (program < 0)
		return err_sys(err, errno, "open /proc/self/exe");
	if (!subprocess_make_pipe(&exited, &alive, err))
		return false;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	pid_t pid = fork();
	int why = errno;
	if (pid == 0)
		subprocess_exec(program, argv, parent, place, alive);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (pid < 0)
		return err_sys(err, why, "start a process");
	*out = pid;
	*ended = exited;
	exited = -1;
	return true;
}

bool subprocess_start(const char *command, const char *const *words, const char *input, size_t len,
                 int keep, struct subprocess *out, struct err *err)
{
	CLEANUP(fd_close) int in = -1, from = -1, to = -1;
	struct subprocess child = SUBPROCESS_INIT;

	if (!fd_from_bytes(input, len, &in, err) || !subprocess_make_pipe(&from, &to, err))
		return false;
	fcntl(from, F_SETFL, O_NONBLOCK);
	if (!subprocess_spawn(command, words, &(struct subprocess_setup){ .in = in, .out = to, .keep = keep },
	                 &child.pid, &child.exited, err))
		return false;
	*out = child;
	out->out = from;
	from = -1;
	return true;
}

static void subprocess_take_output(struct subprocess *c)
{
	char bytes[16384];
	ssize_t len;

	while ((len = read(c->out, bytes, sizeof bytes)) > 0)
		buf_add(&c->said, bytes, (size_t)len);
	/* What is at its end would be readable for ever. */
	if (len == 0 || (errno != EAGAIN && errno != EINTR))
		fd_close(&c->out);
}

static void subprocess_reap(struct subprocess *c)
{
	while (waitpid(c->pid, &c->status, 0) < 0 && errno == EINTR)
		;
	c->pid = 0;
	fd_close(&c->exited);
	fd_close(&c->out);
}

void subprocess_read_document(struct buf *out)
{
	char bytes[4096];
	size_t len;

	while ((len = fread(bytes, 1, sizeof bytes, stdin)) > 0)
		buf_add(out, bytes, len);
}

/* Its end is looked at first, so that nothing it said before it can be missed. */
bool subprocess_read(struct subprocess *c)
{
	if (!c->pid)
		return true;
	bool ended = fd_readable(c->exited);
	if (c->out >= 0)
		subprocess_take_output(c);
	if (ended)
		subprocess_reap(c);
	return ended;
}

/* Waits for whichever comes first.  False if that was stop_fd or the end of the time. */
static bool subprocess_wait_some(const struct subprocess *c, int64_t until, int stop_fd, struct err *err)
{
	struct pollfd fds[] = {
		{ .fd = c->exited, .events = POLLIN }, { .fd = c->out, .events = POLLIN },
		{ .fd = stop_fd, .events = POLLIN },
	};
	int64_t left = until - clock_monotonic();

	if (left <= 0)
		return err_set(err, "it did not end in time");
	if (poll(fds, ARRAY_LEN(fds), left < INT_MAX ? (int)left : INT_MAX) < 0 && errno != EINTR)
		return err_sys(err, errno, "wait for a process");
	return !(fds[2].revents & POLLIN) || err_set(err, "interrupted");
}

bool subprocess_wait(struct subprocess *c, int64_t timeout_ms, int stop_fd, struct err *err)
{
	int64_t until = clock_monotonic() + timeout_ms;

	while (!subprocess_read(c)) {
		if (subprocess_wait_some(c, until, stop_fd, err))
			continue;
		subprocess_signal(c, SIGKILL);
		subprocess_reap(c);
		return false;
	}
	return true;
}

void subprocess_signal(const struct subprocess *c, int number)
{
	if (c->pid)
		kill(c->pid, number);
}

void subprocess_close(struct subprocess *c)
{
	if (c->pid) {
		subprocess_signal(c, SIGKILL);
		subprocess_reap(c);
	}
	buf_done(&c->said);
	*c = SUBPROCESS_INIT;
}
