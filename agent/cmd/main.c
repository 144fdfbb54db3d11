#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "agent/cmd/cli.h"

/* Whoever starts us with stdout closed must not find a report, or a password's file, in what we
 * open first: each of the three gets a place, one that cannot be used the way it is meant, so
 * that a write to it still fails. */
static void fill_standard_files(void)
{
	for (int fd = 0; fd <= 2; fd++)
		if (fcntl(fd, F_GETFD) < 0 && errno == EBADF &&
		    open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY) != fd)
			_exit(1);
}

int main(int argc, char **argv)
{
	fill_standard_files();
	/* A child (subprocess.h) is started by a descriptor, and would be called by its number. */
	prctl(PR_SET_NAME, "flowsync");
	return cli_run(&cli_root, argc, argv, environ, stdout, stderr);
}
