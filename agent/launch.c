#include "agent/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/fd.h"

enum { NOT_FOUND = 127, NOT_RUN = 126 };

static bool make_stdin(const struct attempt_command *c, int *out, struct err *err)
{
	if (c->input)
		return fd_memory(c->input, c->len, out, err);
	*out = open("/dev/null", O_RDONLY | O_CLOEXEC);
	return *out >= 0 || err_sys(err, errno, "open /dev/null");
}

/* "0" is whoever writes it. */
static void join_cgroup(struct arena *a, const char *cgroup)
{
	CLEANUP(fd_close) int fd = open(arena_printf(a, "%s/cgroup.procs", cgroup), O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, "0", 1) != 1)
		dprintf(STDERR_FILENO, "cannot join the cgroup \"%s\": %s\n", cgroup, strerror(errno));
}

/* Nothing of what is peculiar to us is inherited. */
static void become_plain(void)
{
	const struct rlimit none = { 0, 0 };
	sigset_t empty;

	for (int number = 1; number < NSIG; number++)
		signal(number, SIG_DFL);
	sigemptyset(&empty);
	sigprocmask(SIG_SETMASK, &empty, NULL);
	setrlimit(RLIMIT_CORE, &none);
	umask(022);
}

static void execute(struct arena *a, const struct attempt *attempt, const struct attempt_command *c)
{
	size_t count = 0;

	environ = (char **)attempt->env;	/* where PATH is looked up, too */
	if (!c->self) {
		execvp(c->argv[0], (char *const *)c->argv);
		return;
	}
	while (c->argv[count])
		count++;
	const char **argv = arena_new(a, const char *, count + 2);
	argv[0] = "flowsync";
	memcpy(argv + 1, c->argv, count * sizeof *argv);
	/* The very file that runs, even if another was installed in its place since. */
	int program = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	if (program >= 0)
		fexecve(program, (char *const *)argv, environ);
}

static _Noreturn void become(const struct attempt *attempt, const struct attempt_command *c,
                             pid_t keeper, int in, int out)
{
	struct arena a = { 0 };

	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* It may have died before that was asked for. */
	if (getppid() != keeper || dup2(in, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0 ||
	    dup2(out, STDERR_FILENO) < 0)
		_exit(NOT_RUN);
	if (attempt->cgroup)
		join_cgroup(&a, attempt->cgroup);
	become_plain();
	if (chdir(arena_printf(&a, "%s/work", attempt->folder)) < 0) {
		dprintf(STDERR_FILENO, "cannot go to the folder of the step: %s\n", strerror(errno));
		_exit(NOT_RUN);
	}
	execute(&a, attempt, c);
	int why = errno;
	dprintf(STDERR_FILENO, "cannot run \"%s\": %s\n", c->argv[0], strerror(why));
	_exit(why == ENOENT ? NOT_FOUND : NOT_RUN);
}

bool launch(const struct attempt *attempt, const struct attempt_command *c, pid_t *pid, int *out,
            struct err *err)
{
	CLEANUP(fd_close) int in = -1, from = -1, to = -1;
	pid_t keeper = getpid();
	int ends[2];

	if (!make_stdin(c, &in, err))
		return false;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_sys(err, errno, "make a pipe");
	from = ends[0];
	to = ends[1];
	fcntl(from, F_SETFL, O_NONBLOCK);
	pid_t child = fork();
	if (child == 0)
		become(attempt, c, keeper, in, to);
	if (child < 0)
		return err_sys(err, errno, "start a process");
	/* Both do it: neither may go on before it is done. */
	setpgid(child, child);
	*pid = child;
	*out = from;
	from = -1;
	return true;
}
