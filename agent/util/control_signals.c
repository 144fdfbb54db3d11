#include "agent/util/control_signals.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

static int ends[2] = { -1, -1 };

/* One byte a signal; a pipe that is full already holds more of them than anybody needs. */
static void control_signals_handler(int number)
{
	int saved = errno;
	char byte = (char)number;
	ssize_t written = write(ends[1], &byte, 1);

	(void)written;
	errno = saved;
}

static void control_signals_discard(int number)
{
}

bool control_signals_watch(int *fd, struct err *err)
{
	struct sigaction action = { .sa_handler = control_signals_handler, .sa_flags = SA_RESTART };

	if (ends[0] < 0 && pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
		return err_sys(err, errno, "make a pipe for signals");
	sigaction(SIGHUP, &action, NULL);
	sigaction(SIGUSR1, &action, NULL);
	/* Meant for a cycle; sent to the whole group it must not end us. */
	action.sa_handler = control_signals_discard;
	sigaction(SIGUSR2, &action, NULL);
	*fd = ends[0];
	return true;
}

int control_signals_next(int fd)
{
	char byte;

	return read(fd, &byte, 1) == 1 ? byte : 0;
}
