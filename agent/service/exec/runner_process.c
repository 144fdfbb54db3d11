#include "agent/service/exec/runner_process.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/util/directory.h"
#include "agent/util/clock.h"
#include "agent/util/fd.h"
#include "agent/service/exec/process_tree.h"

enum { AGAIN_MS = 20 };

#define NEVER	INT64_MAX

struct runner_slot {
	uint64_t id;
	pid_t pid;		/* of the supervisor; 0: it has ended */
	int control;
	int64_t kill_at;	/* when a supervisor that was ordered to end is killed, because it hangs */
	bool lost;		/* it was killed: its leftovers have to be killed before the attempt is over */
	struct runner_report news;
};

struct runner_process {
	struct arena arena;	/* of slots */
	int socket;		/* -1: the service is gone */
	int children;		/* signalfd of SIGCHLD */
	struct runner_slot *slots;
	size_t count, room;
	bool stopping;
	bool leftovers;		/* there may be processes without a supervisor */
	int64_t sweep_at;	/* when to kill them next: they may have started others */
	int64_t sweep_until;	/* when to give up on those that were killed and do not end */
};

/* ---- set up ---- */

/* Also the descriptors that the service inherited without knowing. */
static void runner_process_close_on_exec(void)
{
	CLEANUP(directory_close) DIR *stream = opendir("/proc/self/fd");

	for (struct dirent *e; stream && (e = readdir(stream)); ) {
		int fd = (int)strtol(e->d_name, NULL, 10);
		if (fd > STDERR_FILENO)
			fcntl(fd, F_SETFD, FD_CLOEXEC);
	}
}

/* Signals of a terminal or of systemd reach all processes of the service.  The runner ignores them: the service decides
 * which attempts to end. */
static int runner_process_watch_signals(void)
{
	static const int ignored[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGPIPE, SIGXFSZ };
	sigset_t set;

	for (size_t i = 0; i < ARRAY_LEN(ignored); i++)
		signal(ignored[i], SIG_IGN);
	signal(SIGCHLD, SIG_DFL);
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_SETMASK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static bool runner_process_set_up(struct runner_process *s)
{
	const struct rlimit none = { 0, 0 };
	CLEANUP(fd_close) int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);

	prctl(PR_SET_NAME, "flowsync-runner");
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	setrlimit(RLIMIT_CORE, &none);		/* an attempt may hold secrets */
	s->socket = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	s->children = runner_process_watch_signals();
	runner_process_close_on_exec();
	return s->socket >= 0 && s->children >= 0 && nothing >= 0 && dup2(nothing, STDIN_FILENO) >= 0 &&
	       chdir("/") == 0;
}

/* ---- supervisors ---- */

static struct runner_slot *runner_process_add_slot(struct runner_process *s, uint64_t id)
{
	arena_grow(&s->arena, s->slots, s->count, s->room);
	s->slots[s->count] = (struct runner_slot){ .id = id, .control = -1, .kill_at = NEVER, .news.id = id };
	return &s->slots[s->count++];
}

static bool runner_process_fail_slot(struct runner_slot *slot, const char *what)
{
	slot->news.broken = true;
	snprintf(slot->news.message, sizeof slot->news.message, "%s: %s", what, strerror(errno));
	return false;
}

/* A supervisor learns from the end-of-file of its control socket that the runner is gone: no other supervisor may hold
 * the runner's end of it. */
static _Noreturn void runner_process_become_supervisor(struct runner_process *s, int document, int control)
{
	for (size_t i = 0; i < s->count; i++)
		fd_close(&s->slots[i].control);
	fd_close(&s->socket);
	fd_close(&s->children);
	_exit(supervisor_run(document, control));
}

static bool runner_process_fork_supervisor(struct runner_process *s, struct runner_slot *slot, int document)
{
	int ends[2];

	if (document < 0) {
		errno = EMFILE;		/* it was sent, but this process has too many descriptors */
		return runner_process_fail_slot(slot, "take the document of an attempt");
	}
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return runner_process_fail_slot(slot, "make a socket for a supervisor");
	slot->pid = fork();
	if (slot->pid == 0) {
		close(ends[0]);
		runner_process_become_supervisor(s, document, ends[1]);
	}
	close(ends[1]);
	if (slot->pid > 0) {
		slot->control = ends[0];
		return true;
	}
	slot->pid = 0;
	runner_process_fail_slot(slot, "start a process");
	close(ends[0]);
	return false;
}

/* A supervisor that was ordered to end and lives so long after its grace hangs. */
static int runner_process_patience_ms(void)
{
	return supervisor_lost_ms + SUPERVISOR_GIVE_UP_MS + 10 * 1000;
}

static void runner_process_end_supervisor(struct runner_slot *slot, int grace_ms)
{
	const struct supervisor_order order = { grace_ms };
	int64_t at = clock_monotonic() + grace_ms + runner_process_patience_ms();

	if (!slot->pid)
		return;
	send(slot->control, &order, sizeof order, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (at < slot->kill_at)
		slot->kill_at = at;
}

static void runner_process_end_supervisors(struct runner_process *s, int grace_ms)
{
	for (size_t i = 0; i < s->count; i++)
		runner_process_end_supervisor(&s->slots[i], grace_ms);
}

/* Closing the control sockets tells the supervisors to end. */
static void runner_process_lose_service(struct runner_process *s)
{
	fd_close(&s->socket);
	s->stopping = true;
	for (size_t i = 0; i < s->count; i++) {
		fd_close(&s->slots[i].control);
		if (s->slots[i].kill_at > clock_monotonic() + runner_process_patience_ms())
			s->slots[i].kill_at = clock_monotonic() + runner_process_patience_ms();
	}
}

/* ---- orders of the service ---- */

/* Returns the descriptor that came with the message; -1: none. */
static int runner_process_received_fd(struct msghdr *message)
{
	struct cmsghdr *c = CMSG_FIRSTHDR(message);
	int fd = -1;

	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS &&
	    c->cmsg_len == CMSG_LEN(sizeof fd))
		memcpy(&fd, CMSG_DATA(c), sizeof fd);
	return fd;
}

/* To be called before each attempt: the service may have died since its orders were read. */
static bool runner_process_service_is_alive(const struct runner_process *s)
{
	struct pollfd p = { .fd = s->socket };

	return !s->stopping && poll(&p, 1, 0) == 0;
}

static void runner_process_handle_order(struct runner_process *s, const struct runner_order *order, int document)
{
	switch (order->what) {
	case RUNNER_REQUEST_BEGIN:
		if (runner_process_service_is_alive(s))
			runner_process_fork_supervisor(s, runner_process_add_slot(s, order->id), document);
		break;
	case RUNNER_REQUEST_END:
		for (size_t i = 0; i < s->count; i++)
			if (s->slots[i].id == order->id)
				runner_process_end_supervisor(&s->slots[i], order->grace_ms);
		break;
	case RUNNER_REQUEST_STOP:
		s->stopping = true;
		runner_process_end_supervisors(s, order->grace_ms);
		break;
	}
}

static void runner_process_receive_order(struct runner_process *s)
{
	struct runner_order order;
	alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))];
	struct iovec part = { &order, sizeof order };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1,
	                          .msg_control = control, .msg_controllen = sizeof control };
	ssize_t len = recvmsg(s->socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	if (len < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	CLEANUP(fd_close) int document = len < 0 ? -1 : runner_process_received_fd(&message);
	if (len == sizeof order)
		runner_process_handle_order(s, &order, document);
	else
		runner_process_lose_service(s);
}

/* ---- supervisors that have ended ---- */

static void runner_process_supervisor_ended(struct runner_process *s, struct runner_slot *slot, int status)
{
	struct runner_report *news = &slot->news;

	slot->pid = 0;
	slot->kill_at = NEVER;
	if (slot->control >= 0 && WIFEXITED(status) && WEXITSTATUS(status) == SUPERVISOR_BROKEN) {
		ssize_t len = recv(slot->control, news->message, sizeof news->message - 1, MSG_DONTWAIT);
		news->message[len > 0 ? len : 0] = '\0';
		news->broken = true;
	}
	fd_close(&slot->control);
	if (WIFEXITED(status) && WEXITSTATUS(status) != SUPERVISOR_LEFT_SOMETHING)
		return;
	s->leftovers = true;
	s->sweep_at = 0;
	s->sweep_until = clock_monotonic() + SUPERVISOR_GIVE_UP_MS;
	slot->lost = WIFSIGNALED(status);
}

static void runner_process_reap(struct runner_process *s)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		size_t i = 0;
		while (i < s->count && s->slots[i].pid != pid)
			i++;
		if (i < s->count)
			runner_process_supervisor_ended(s, &s->slots[i], status);
		else
			s->sweep_at = 0;	/* its children may be ours now */
	}
}

/* The descendants of a supervisor that was killed become ours (this process is a subreaper).  No one reads their
 * output: they are killed. */
static void runner_process_kill_leftovers(struct runner_process *s)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	pid_t *supervisors = arena_new(&a, pid_t, s->count + 1);
	struct process_tree left;
	size_t count = 0;

	for (size_t i = 0; i < s->count; i++)
		if (s->slots[i].pid)
			supervisors[count++] = s->slots[i].pid;
	process_tree_list_except(&a, supervisors, count, &left);
	process_tree_signal(&left, SIGKILL);
	s->leftovers = left.count > 0 && clock_monotonic() < s->sweep_until;
	s->sweep_at = clock_monotonic() + AGAIN_MS;
}

static void runner_process_run_timers(struct runner_process *s)
{
	int64_t now = clock_monotonic();

	for (size_t i = 0; i < s->count; i++)
		if (s->slots[i].pid && now >= s->slots[i].kill_at)
			kill(s->slots[i].pid, SIGKILL);
	if (s->leftovers && now >= s->sweep_at)
		runner_process_kill_leftovers(s);
}

static bool runner_process_slot_is_over(const struct runner_process *s, const struct runner_slot *slot)
{
	return !slot->pid && !(slot->lost && s->leftovers);
}

/* False if the socket is full, and the report has to wait. */
static bool runner_process_send_report(struct runner_process *s, const struct runner_slot *slot)
{
	return s->socket < 0 ||
	       send(s->socket, &slot->news, sizeof slot->news, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0 ||
	       (errno != EAGAIN && errno != EINTR && errno != ENOBUFS);
}

/* Returns true if reports wait until the service reads. */
static bool runner_process_send_reports(struct runner_process *s)
{
	bool waits = false;

	for (size_t i = s->count; i-- > 0; ) {
		if (!runner_process_slot_is_over(s, &s->slots[i]))
			continue;
		if (!runner_process_send_report(s, &s->slots[i])) {
			waits = true;
			continue;
		}
		s->slots[i] = s->slots[--s->count];
	}
	return waits;
}

/* ---- the loop ---- */

static int runner_process_poll_timeout(const struct runner_process *s)
{
	int64_t at = s->leftovers ? s->sweep_at : NEVER, now = clock_monotonic();

	for (size_t i = 0; i < s->count; i++)
		if (s->slots[i].pid && s->slots[i].kill_at < at)
			at = s->slots[i].kill_at;
	if (at == NEVER)
		return -1;
	return at <= now ? 0 : at - now < INT_MAX ? (int)(at - now) : INT_MAX;
}

/* Orders may still be in the socket when the service has died: they are not executed. */
static void runner_process_poll_once(struct runner_process *s, bool news_wait)
{
	struct pollfd fds[] = {
		{ .fd = s->socket, .events = POLLIN | (news_wait ? POLLOUT : 0) },
		{ .fd = s->children, .events = POLLIN },
	};
	struct signalfd_siginfo info;

	poll(fds, ARRAY_LEN(fds), runner_process_poll_timeout(s));
	if (fds[1].revents && read(s->children, &info, sizeof info) == sizeof info)
		runner_process_reap(s);
	if (fds[0].revents & (POLLHUP | POLLERR))
		runner_process_lose_service(s);
	else if (fds[0].revents & POLLIN)
		runner_process_receive_order(s);
	runner_process_run_timers(s);
}

int runner_process_run(void)
{
	struct runner_process s = { .socket = -1, .children = -1 };
	bool waits = false;

	if (!runner_process_set_up(&s))
		return 1;
	while (!s.stopping || s.count > 0) {
		runner_process_poll_once(&s, waits);
		waits = runner_process_send_reports(&s);
	}
	fd_close(&s.socket);
	fd_close(&s.children);
	arena_free(&s.arena);
	return 0;
}
