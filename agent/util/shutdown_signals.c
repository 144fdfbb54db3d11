#include "agent/util/shutdown_signals.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

static volatile sig_atomic_t came;
static int ends[2] = { -1, -1 }, hurry_ends[2] = { -1, -1 };

/* A second signal changes nothing: the step in flight is finished and the report written in any
 * case. */
static void shutdown_signals_handler(int number)
{
	int saved = errno;
	ssize_t written = 0;

	if (!came) {
		came = number;
		written = write(ends[1], "", 1);
	}
	(void)written;	/* one byte fits into an empty pipe */
	errno = saved;
}

static void shutdown_signals_hurry_handler(int number)
{
	int saved = errno;
	ssize_t written = write(hurry_ends[1], "", 1);

	(void)written;	/* a full pipe is readable, too */
	errno = saved;
}

static void shutdown_signals_discard(int number)
{
}

static void shutdown_signals_set_handler(int number, void (*handler)(int))
{
	struct sigaction action = { .sa_handler = handler, .sa_flags = SA_RESTART };

	sigaction(number, &action, NULL);
}

/* A pipe, not a signalfd: which signal came is known without reading from it, so the pipe stays readable for all who
 * wait on it, and children do not inherit blocked signals. */
bool shutdown_signals_watch(int *fd, struct err *err)
{
	if (ends[0] < 0 && pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
		return err_sys(err, errno, "make a pipe for signals");
	shutdown_signals_set_handler(SIGINT, shutdown_signals_handler);
	shutdown_signals_set_handler(SIGTERM, shutdown_signals_handler);
	*fd = ends[0];
	return true;
}

bool shutdown_signals_watch_hurry(int *fd, struct err *err)
{
	sigset_t hurry;

	if (hurry_ends[0] < 0 && pipe2(hurry_ends, O_CLOEXEC | O_NONBLOCK) < 0)
		return err_sys(err, errno, "make a pipe for signals");
	shutdown_signals_set_handler(SIGUSR2, shutdown_signals_hurry_handler);
	/* The parent has blocked the signal, so that one sent before the handler is kept. */
	sigemptyset(&hurry);
	sigaddset(&hurry, SIGUSR2);
	sigprocmask(SIG_UNBLOCK, &hurry, NULL);
	*fd = hurry_ends[0];
	return true;
}

int shutdown_signals_received(void)
{
	return came;
}

/* A handler, because children would inherit SIG_IGN. */
void shutdown_signals_ignore_write_signals(void)
{
	shutdown_signals_set_handler(SIGPIPE, shutdown_signals_discard);
	shutdown_signals_set_handler(SIGXFSZ, shutdown_signals_discard);
}
