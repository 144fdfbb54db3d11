#include "agent/service/exec/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/util/fd.h"

enum { NOT_FOUND = 127, NOT_RUN = 126 };

static bool spawn_open_stdin(const struct attempt_command *c, int *out, struct err *err)
{
	if (c->input)
		return fd_from_bytes(c->input, c->len, out, err);
	*out = open("/dev/null", O_RDONLY | O_CLOEXEC);
	return *out >= 0 || err_sys(err, errno, "open /dev/null");
}

/* Everything the new process needs, prepared before vfork(): until the exec it shares this process's memory, and must
 * not change what this process reads afterwards. */
struct spawn_setup {
	const struct attempt *attempt;
	const char *const *argv, *const *env;
	bool self;
	const char *folder, *cgroup;	/* cgroup: the file cgroup.procs; NULL: none */
	pid_t supervisor;
	int in, out;
};

static const char *const *spawn_self_argv(struct arena *a, const char *const *words)
{
	size_t count = 0;

	while (words[count])
		count++;
	const char **argv = arena_new(a, const char *, count + 2);
	argv[0] = "flowsync";
	memcpy(argv + 1, words, count * sizeof *argv);
	return argv;
}

static void spawn_prepare(struct arena *a, const struct attempt *attempt, const struct attempt_command *c,
                          struct spawn_setup *out)
{
	*out = (struct spawn_setup){
		.attempt = attempt, .argv = c->self ? spawn_self_argv(a, c->argv) : c->argv,
		.env = c->env ? c->env : attempt->env, .self = c->self,
		.folder = arena_printf(a, "%s/work", attempt->folder),
		.cgroup = attempt->cgroup ? arena_printf(a, "%s/cgroup.procs", attempt->cgroup) : NULL,
		.supervisor = getpid(),
	};
}

/* ---- in the new process ---- */

/* "0" means the writing process. */
static void spawn_join_cgroup(const struct spawn_setup *s)
{
	CLEANUP(fd_close) int fd = open(s->cgroup, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, "0", 1) != 1)
		dprintf(STDERR_FILENO, "cannot join the cgroup \"%s\": %s\n", s->attempt->cgroup, strerror(errno));
}

/* Resets what the command should not inherit from the supervisor. */
static void spawn_reset_process(void)
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

static void spawn_exec(const struct spawn_setup *s)
{
	environ = (char **)s->env;	/* execvp() reads PATH from here */
	if (!s->self) {
		execvp(s->argv[0], (char *const *)s->argv);
		return;
	}
	/* The file that this process runs, even if it was replaced by an upgrade. */
	int program = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	if (program >= 0)
		fexecve(program, (char *const *)s->argv, environ);
}

static _Noreturn void spawn_child_main(const struct spawn_setup *s)
{
	const char *name = s->self ? s->argv[1] : s->argv[0];

	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* The supervisor may have died before the prctl(). */
	if (getppid() != s->supervisor || dup2(s->in, STDIN_FILENO) < 0 || dup2(s->out, STDOUT_FILENO) < 0 ||
	    dup2(s->out, STDERR_FILENO) < 0)
		_exit(NOT_RUN);
	if (s->cgroup)
		spawn_join_cgroup(s);
	spawn_reset_process();
	if (chdir(s->folder) < 0) {
		dprintf(STDERR_FILENO, "cannot go to the folder of the step: %s\n", strerror(errno));
		_exit(NOT_RUN);
	}
	spawn_exec(s);
	int why = errno;
	dprintf(STDERR_FILENO, "cannot run \"%s\": %s\n", name, strerror(why));
	_exit(why == ENOENT ? NOT_FOUND : NOT_RUN);
}

/* ---- in the supervisor ---- */

/* With vfork(): copying the page tables of this process with its many libraries takes longer than some commands run.
 * This process stops until the exec, or until that has failed; the child has its own process group by then. */
static pid_t spawn_vfork(const struct spawn_setup *s)
{
	char **ours = environ;
	pid_t pid = vfork();	/* NOLINT(bugprone-unsafe-functions,cert-msc24-c,cert-msc33-c): see above */

	if (pid == 0)
		spawn_child_main(s);	/* NOLINT(clang-analyzer-unix.Vfork): it keeps to the rules */
	environ = ours;
	return pid;
}

bool spawn_command(const struct attempt *attempt, const struct attempt_command *c, pid_t *pid, int *out,
                   struct err *err)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	CLEANUP(fd_close) int in = -1, from = -1, to = -1;
	struct spawn_setup s;
	int ends[2];

	spawn_prepare(&a, attempt, c, &s);
	if (!spawn_open_stdin(c, &in, err))
		return false;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_sys(err, errno, "make a pipe");
	from = ends[0];
	to = ends[1];
	fcntl(from, F_SETFL, O_NONBLOCK);
	s.in = in;
	s.out = to;
	pid_t child = spawn_vfork(&s);
	if (child < 0)
		return err_sys(err, errno, "start a process");
	*pid = child;
	*out = from;
	from = -1;
	return true;
}
