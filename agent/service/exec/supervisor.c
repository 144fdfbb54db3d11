#include "agent/service/exec/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/service/exec/attempt.h"
#include "agent/service/exec/attempt_log.h"
#include "agent/util/fd.h"
#include "agent/util/directory.h"
#include "agent/service/exec/spawn.h"
#include "agent/service/exec/process_tree.h"
#include "agent/util/clock.h"

enum { QUIET_MS = 1000, AGAIN_MS = 20, READ_MAX = 64 << 10, RESULT_TRIES = 60 };

#define NEVER	INT64_MAX

int supervisor_lost_ms = 2 * 1000;

struct supervisor {
	struct arena arena;
	struct attempt attempt;
	struct attempt_log log;
	int control;		/* -1: the runner is gone */
	int children;		/* signalfd of SIGCHLD */
	int out;		/* output of the command; -1: closed */
	pid_t leader;		/* the command's own process; 0: it has ended with status */
	int status;
	bool tree_ended;	/* no descendant is left */
	bool must_end;		/* there was an order to end, or the runner is gone */
	bool ended_by_itself;	/* the command ended before that */
	bool left_something;	/* killed processes that did not end */
	int64_t quiet_at;	/* when the beginning of a line becomes a line */
	int64_t kill_at, give_up_at;
};

/* ---- ending processes ---- */

static void supervisor_signal_tree(int number)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	struct process_tree all;

	process_tree_list(&a, &all);
	process_tree_signal(&all, number);
}

/* Sends SIGTERM only once: a program may take the second one as a request to hurry. */
static void supervisor_end_tree(struct supervisor *k, int grace_ms)
{
	int64_t at = clock_monotonic() + grace_ms;

	if (k->kill_at == NEVER && grace_ms > 0)
		supervisor_signal_tree(SIGTERM);
	if (at < k->kill_at)
		k->kill_at = at;
}

static void supervisor_kill_tree(struct supervisor *k, int64_t now)
{
	if (k->give_up_at == NEVER)
		k->give_up_at = now + SUPERVISOR_GIVE_UP_MS;
	supervisor_signal_tree(SIGKILL);
	/* Processes that were started during the kill may have been missed. */
	k->kill_at = now + AGAIN_MS;
}

/* Killed processes that cannot end, such as in a hung file system, do nothing any more. */
static void supervisor_give_up(struct supervisor *k)
{
	attempt_log_printf(&k->log, clock_now(), "a process was killed but does not end; no longer waiting for it");
	k->left_something = k->tree_ended = true;
	if (k->leader) {
		k->status = W_EXITCODE(0, SIGKILL);
		k->ended_by_itself = false;
	}
}

/* ---- events ---- */

static void supervisor_read_output(struct supervisor *k, size_t most)
{
	char bytes[READ_MAX];
	ssize_t len = read(k->out, bytes, most < sizeof bytes ? most : sizeof bytes);

	if (len > 0) {
		attempt_log_add(&k->log, bytes, (size_t)len, clock_now());
		k->quiet_at = line_splitter_is_waiting(&k->log.lines) ? clock_monotonic() + QUIET_MS : NEVER;
	} else if (len == 0 || (errno != EAGAIN && errno != EINTR)) {
		fd_close(&k->out);
	}
}

/* Reads what is in the pipe when the process tree has ended.  Not until its end-of-file: a process outside of the tree
 * may have been given the other end. */
static void supervisor_read_remaining_output(struct supervisor *k)
{
	int waiting = 0;

	if (k->out >= 0)
		ioctl(k->out, FIONREAD, &waiting);
	for (int done = 0; done < waiting && k->out >= 0; done += READ_MAX)
		supervisor_read_output(k, (size_t)(waiting - done));
	fd_close(&k->out);
	attempt_log_end_line(&k->log, clock_now());
	k->quiet_at = NEVER;
}

static void supervisor_receive_orders(struct supervisor *k)
{
	struct supervisor_order order;
	ssize_t len = 0;

	while (k->control >= 0 &&
	       (len = recv(k->control, &order, sizeof order, MSG_DONTWAIT)) == sizeof order) {
		k->must_end = true;
		supervisor_end_tree(k, order.grace_ms);
	}
	if (k->control < 0 || (len < 0 && (errno == EAGAIN || errno == EINTR)))
		return;
	fd_close(&k->control);
	k->must_end = true;
	supervisor_end_tree(k, supervisor_lost_ms);
}

/* Orphans of the tree are children of this process too. */
static void supervisor_reap(struct supervisor *k)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid != k->leader)
			continue;
		k->leader = 0;
		k->status = status;
		k->ended_by_itself = !k->must_end;
	}
	k->tree_ended = pid < 0 && errno == ECHILD;
	if (!k->leader && !k->tree_ended && k->kill_at > clock_monotonic() + supervisor_lost_ms)
		supervisor_end_tree(k, supervisor_lost_ms);
}

static int64_t supervisor_next_deadline(const struct supervisor *k)
{
	int64_t at = k->quiet_at < k->kill_at ? k->quiet_at : k->kill_at;

	return at < k->give_up_at ? at : k->give_up_at;
}

static void supervisor_poll(const struct supervisor *k, struct pollfd fds[3])
{
	int64_t at = supervisor_next_deadline(k), left = at == NEVER ? -1 : at - clock_monotonic();

	fds[0] = (struct pollfd){ .fd = k->out, .events = POLLIN };
	fds[1] = (struct pollfd){ .fd = k->children, .events = POLLIN };
	fds[2] = (struct pollfd){ .fd = k->control, .events = POLLIN };
	if (at != NEVER && left < 0)
		left = 0;
	poll(fds, 3, left < INT_MAX ? (int)left : INT_MAX);
}

static void supervisor_run_timers(struct supervisor *k)
{
	int64_t now = clock_monotonic();

	if (now >= k->quiet_at) {
		attempt_log_pause(&k->log, clock_now());
		k->quiet_at = NEVER;
	}
	if (k->tree_ended)
		return;
	if (now >= k->kill_at)
		supervisor_kill_tree(k, now);
	if (now >= k->give_up_at)
		supervisor_give_up(k);
}

/* Looks for ended processes before it reads orders, also for those that ended since poll(): a command that was faster
 * than an order has ended by itself. */
static void supervisor_poll_once(struct supervisor *k)
{
	struct signalfd_siginfo info;
	struct pollfd fds[3];

	supervisor_poll(k, fds);
	if (fds[0].revents)
		supervisor_read_output(k, READ_MAX);
	if (fds[2].revents || (fds[1].revents && read(k->children, &info, sizeof info) == sizeof info))
		supervisor_reap(k);
	if (fds[2].revents)
		supervisor_receive_orders(k);
	supervisor_run_timers(k);
}

/* ---- the commands ---- */

/* As a shell reports it. */
static int supervisor_exit_code(int status)
{
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* Runs a command until its process tree has ended.  False if it could not be started; *err says why. */
static bool supervisor_run_command(struct supervisor *k, const struct attempt_command *command, struct err *err)
{
	k->kill_at = k->give_up_at = k->quiet_at = NEVER;
	k->tree_ended = false;
	if (!spawn_command(&k->attempt, command, &k->leader, &k->out, err))
		return false;
	while (!k->tree_ended)
		supervisor_poll_once(k);
	supervisor_read_remaining_output(k);
	return true;
}

/* All descendants are gone; this is for processes that others have moved into the cgroup. */
static void supervisor_kill_cgroup(struct supervisor *k)
{
	if (!k->attempt.cgroup)
		return;
	CLEANUP(fd_close) int fd = open(arena_printf(&k->arena, "%s/cgroup.kill", k->attempt.cgroup),
	                                O_WRONLY | O_CLOEXEC);
	ssize_t wrote = fd < 0 ? 0 : write(fd, "1", 1);
	(void)wrote;
}

/* Waits for room on a full disk, but not after an order to end. */
static void supervisor_write_result(struct supervisor *k, int code, const char *message)
{
	struct err err;

	for (int i = 0; i < RESULT_TRIES; i++) {
		struct pollfd p = { .fd = k->control, .events = POLLIN };
		if (attempt_result_write(k->attempt.folder, code, message, &err) || k->must_end ||
		    poll(&p, 1, QUIET_MS) != 0)
			return;
	}
}

static void supervisor_finish(struct supervisor *k, bool whole)
{
	const char *message = "";
	int code = supervisor_exit_code(k->status);

	if (WIFSIGNALED(k->status)) {
		message = arena_printf(&k->arena, "killed by signal %d (%s)", WTERMSIG(k->status),
		                       strsignal(WTERMSIG(k->status)));
	} else if (!whole && code == 0) {
		code = 128 + SIGTERM;
		message = "ended before all of its commands had run";
	}
	attempt_log_close(&k->log, clock_now());
	if (k->control >= 0 || (whole && k->ended_by_itself))
		supervisor_write_result(k, code, message);
}

/* A command could not be started.  If it is the first one the attempt has not begun: returns false to report that. */
static bool supervisor_note_start_failure(struct supervisor *k, size_t i, const struct err *why)
{
	if (i == 0 && unlink(arena_printf(&k->arena, "%s/begun", k->attempt.folder)) == 0)
		return false;
	attempt_log_printf(&k->log, clock_now(), "cannot run \"%s\": %s", k->attempt.commands[i].argv[0], why->msg);
	k->status = W_EXITCODE(126, 0);
	k->ended_by_itself = true;
	return true;
}

/* whole: all commands that should run have ended.  The first one that fails is the last. */
static bool supervisor_run_commands(struct supervisor *k, struct err *err)
{
	bool whole = false;

	for (size_t i = 0; i < k->attempt.command_count && !whole; i++) {
		supervisor_receive_orders(k);
		if (k->must_end)
			break;
		if (!supervisor_run_command(k, &k->attempt.commands[i], err) &&
		    !supervisor_note_start_failure(k, i, err))
			return false;
		whole = i + 1 == k->attempt.command_count ||
			(k->ended_by_itself && supervisor_exit_code(k->status) != 0);
	}
	supervisor_kill_cgroup(k);
	supervisor_finish(k, whole);
	return true;
}

/* ---- the folder ---- */

static bool supervisor_read_document(struct supervisor *k, int document, struct err *err)
{
	struct stat st;

	if (fstat(document, &st) < 0 || st.st_size == 0)
		return err_set(err, "the document of an attempt: it is empty");
	void *bytes = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, document, 0);
	if (bytes == MAP_FAILED)
		return err_sys(err, errno, "the document of an attempt");
	bool good = attempt_read(&k->arena, bytes, (size_t)st.st_size, &k->attempt, err);
	munmap(bytes, (size_t)st.st_size);
	return good;
}

/* Fails if the file exists: an attempt that began once must not begin again. */
static bool supervisor_make_begun(struct supervisor *k, struct err *err)
{
	const char *path = arena_printf(&k->arena, "%s/begun", k->attempt.folder);
	CLEANUP(fd_close) int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	return fd >= 0 || err_sys(err, errno, "make \"%s\"", path);
}

static bool supervisor_make_folder(struct supervisor *k, struct err *err)
{
	const char *folder = k->attempt.folder;

	if (!directory_make(arena_printf(&k->arena, "%s/work", folder), err))
		return false;
	if (attempt_begun(folder))
		return err_set(err, "the attempt in \"%s\" has begun before", folder);
	return attempt_log_open(&k->arena, arena_printf(&k->arena, "%s/log", folder), k->attempt.masks,
	                        &k->log, err);
}

static bool supervisor_watch_children(struct supervisor *k, struct err *err)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	k->children = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return k->children >= 0 || err_sys(err, errno, "watch for the end of processes");
}

static bool supervisor_set_up(struct supervisor *k, int document, struct err *err)
{
	prctl(PR_SET_NAME, "flowsync-step");
	setsid();
	umask(077);
	if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
		return err_sys(err, errno, "become a subreaper");
	return supervisor_watch_children(k, err) && supervisor_read_document(k, document, err) &&
	       supervisor_make_folder(k, err);
}

static bool supervisor_begin(struct supervisor *k, struct err *err)
{
	supervisor_receive_orders(k);
	return (k->must_end || supervisor_make_begun(k, err)) && supervisor_run_commands(k, err);
}

int supervisor_run(int document, int control)
{
	struct supervisor k = { .control = control, .children = -1, .out = -1, .tree_ended = true, .log.fd = -1,
	                    .quiet_at = NEVER, .kill_at = NEVER, .give_up_at = NEVER };
	struct err err;

	if (!supervisor_set_up(&k, document, &err) || !supervisor_begin(&k, &err)) {
		size_t len = strnlen(err.msg, SUPERVISOR_MESSAGE_MAX - 1);
		if (k.control >= 0)
			send(k.control, err.msg, len, MSG_NOSIGNAL | MSG_DONTWAIT);
		return SUPERVISOR_BROKEN;
	}
	return k.left_something ? SUPERVISOR_LEFT_SOMETHING : SUPERVISOR_DONE;
}
