#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "agent/cmd/cli.h"
#include "agent/util/heap.h"

/* If flowsync is started with stdin, stdout or stderr closed, a file that it opens would get that number, and output
 * would be written into it.  Each of the three is opened in the wrong direction, so that its use still fails. */
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
	heap_keep_free_memory();
	/* A child process (subprocess.h) is started through a descriptor; without this its name would be the number. */
	prctl(PR_SET_NAME, "flowsync");
	return cli_run(&cli_root, argc, argv, environ, stdout, stderr);
}
