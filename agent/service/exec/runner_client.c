#include "agent/service/exec/runner_client.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/util/subprocess.h"
#include "agent/util/clock.h"
#include "agent/util/fd.h"
#include "agent/service/exec/runner_process.h"

enum { PATIENCE_MS = 60 * 1000 };	/* beyond the grace: longer than the runner waits for its supervisors */

int runner_client_takes_ms = 5 * 1000;

struct runner_client {
	pid_t pid;
	bool killed;	/* by us, because it hung */
	int socket;	/* requests and reports; -1: the runner is gone */
	int ended;	/* at its end when runner and supervisors are gone; -1: RUNNER_GONE was reported */
	int events;	/* epoll of socket and ended */
};

static bool runner_client_watch(int events, int fd, struct err *err)
{
	struct epoll_event event = { .events = EPOLLIN };

	return epoll_ctl(events, EPOLL_CTL_ADD, fd, &event) == 0 || err_sys(err, errno, "watch the runner");
}

static bool runner_client_spawn(int keep_fd, struct runner_client *r, int theirs, struct err *err)
{
	CLEANUP(fd_close) int nothing = open("/dev/null", O_WRONLY | O_CLOEXEC);
	const struct subprocess_setup place = { .in = theirs, .out = nothing, .keep = keep_fd, .apart = true };

	r->events = epoll_create1(EPOLL_CLOEXEC);
	if (nothing < 0 || r->events < 0)
		return err_sys(err, errno, "start the runner");
	return runner_client_watch(r->events, r->socket, err) &&
	       subprocess_spawn("step-runner", NULL, &place, &r->pid, &r->ended, err) &&
	       runner_client_watch(r->events, r->ended, err);
}

bool runner_client_start(int keep_fd, struct runner_client **out, struct err *err)
{
	struct runner_client *r = calloc(1, sizeof *r);
	int ends[2];

	if (!r) {
		fputs("out of memory\n", stderr);
		abort();
	}
	*r = (struct runner_client){ .socket = -1, .ended = -1, .events = -1 };
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0) {
		free(r);
		return err_sys(err, errno, "make a socket for the runner");
	}
	r->socket = ends[0];
	bool good = runner_client_spawn(keep_fd, r, ends[1], err);
	close(ends[1]);
	if (!good) {
		runner_client_stop(r, 0);
		return false;
	}
	*out = r;
	return true;
}

int runner_client_fd(const struct runner_client *r)
{
	return r->events;
}

bool runner_client_is_alive(const struct runner_client *r)
{
	struct pollfd p = { .fd = r ? r->socket : -1 };

	return p.fd >= 0 && !r->killed && poll(&p, 1, 0) == 0;
}

/* ---- orders ---- */

/* document -1: none is sent with the order. */
static bool runner_client_send(struct runner_client *r, const struct runner_order *order, int document)
{
	alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec part = { (void *)order, sizeof *order };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };

	if (document >= 0) {
		message.msg_control = control;
		message.msg_controllen = sizeof control;
		struct cmsghdr *c = CMSG_FIRSTHDR(&message);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof document);
		memcpy(CMSG_DATA(c), &document, sizeof document);
	}
	return sendmsg(r->socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0;
}

/* A runner that hangs is killed: it would not end attempts, while its supervisors end them when it is gone. */
static bool runner_client_request(struct runner_client *r, const struct runner_order *order, int document,
                                  struct err *err)
{
	struct pollfd p = { .fd = r->socket, .events = POLLOUT };
	int64_t until = clock_monotonic() + runner_client_takes_ms;

	if (r->socket < 0)
		return err_set(err, "the runner is gone");
	while (!runner_client_send(r, order, document)) {
		int64_t left = until - clock_monotonic();
		if (errno != EAGAIN && errno != EINTR)
			return err_sys(err, errno, "send an order to the runner");
		if (left > 0 && poll(&p, 1, (int)left) >= 0)
			continue;
		if (r->pid)
			kill(r->pid, SIGKILL);
		r->killed = true;
		return err_set(err, "the runner did not respond, and was killed");
	}
	return true;
}

bool runner_client_begin(struct runner_client *r, uint64_t id, const struct attempt *attempt, struct err *err)
{
	CLEANUP(buf_done) struct buf text = BUF_TEXT;
	CLEANUP(fd_close) int document = -1;

	attempt_write(attempt, &text);
	if (text.full)
		return err_set(err, "the document of the attempt is larger than 1 GiB");
	return fd_from_bytes(buf_str(&text), text.len, &document, err) &&
	       runner_client_request(r, &(struct runner_order){ .what = RUNNER_REQUEST_BEGIN, .id = id }, document,
	                             err);
}

void runner_client_end(struct runner_client *r, uint64_t id, int grace_ms)
{
	struct err err;

	runner_client_request(r, &(struct runner_order){ .what = RUNNER_REQUEST_END, .id = id, .grace_ms = grace_ms },
	                      -1, &err);
}

/* ---- events ---- */

static void runner_client_reap(struct runner_client *r)
{
	while (r->pid && waitpid(r->pid, NULL, 0) < 0 && errno == EINTR)
		;
	r->pid = 0;
}

/* Closes the socket at its end: it would be readable for ever. */
static bool runner_client_receive(struct runner_client *r, struct runner_report *out)
{
	ssize_t len;

	if (r->socket < 0)
		return false;
	while ((len = recv(r->socket, out, sizeof *out, MSG_DONTWAIT)) < 0 && errno == EINTR)
		;
	if (len == sizeof *out)
		return true;
	if (len >= 0 || errno != EAGAIN)
		fd_close(&r->socket);
	return false;
}

bool runner_client_next(struct runner_client *r, struct runner_event *out)
{
	struct runner_report news;

	if (runner_client_receive(r, &news)) {
		*out = (struct runner_event){
			.kind = news.broken ? RUNNER_ATTEMPT_NOT_BEGUN : RUNNER_ATTEMPT_ENDED, .id = news.id,
		};
		memcpy(out->message, news.message, sizeof out->message);
		out->message[sizeof out->message - 1] = '\0';
		return true;
	}
	if (r->socket >= 0 || !fd_readable(r->ended))
		return false;
	fd_close(&r->ended);
	runner_client_reap(r);
	*out = (struct runner_event){ .kind = RUNNER_GONE };
	return true;
}

/* ---- stopping ---- */

/* Reads reports meanwhile, so that the runner does not wait for that.  False if it is not gone in time. */
static bool runner_client_wait_until_gone(struct runner_client *r, int64_t until)
{
	struct runner_event event = { 0 };
	struct pollfd p = { .fd = r->events, .events = POLLIN };

	while (r->ended >= 0) {
		int64_t left = until - clock_monotonic();
		if (left <= 0)
			return false;
		poll(&p, 1, (int)left);
		while (runner_client_next(r, &event))
			;
	}
	return true;
}

void runner_client_stop(struct runner_client *r, int grace_ms)
{
	struct err err;

	if (!r)
		return;
	runner_client_request(r, &(struct runner_order){ .what = RUNNER_REQUEST_STOP, .grace_ms = grace_ms }, -1, &err);
	if (!runner_client_wait_until_gone(r, clock_monotonic() + grace_ms + PATIENCE_MS) && r->pid) {
		kill(r->pid, SIGKILL);
		runner_client_wait_until_gone(r, clock_monotonic() + PATIENCE_MS);
	}
	if (r->pid && r->ended >= 0)
		kill(r->pid, SIGKILL);
	runner_client_reap(r);
	fd_close(&r->socket);
	fd_close(&r->ended);
	fd_close(&r->events);
	free(r);
}
