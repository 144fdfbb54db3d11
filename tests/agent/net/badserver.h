/* badserver.h: starts tests/agent/net/badserver.py, or badmail.py, for a test and ends it afterwards. */
#ifndef TESTS_AGENT_NET_BADSERVER_H
#define TESTS_AGENT_NET_BADSERVER_H

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct badserver {
	pid_t pid;
	int hold;		/* it ends when this is closed */
	char name[128];		/* its port, or the socket's path */
};

/* argv: what comes after the script's name, NULL at the end. */
static inline void badserver_run(struct badserver *s, const char *script, const char *const *argv)
{
	const char *args[8] = { "python3", script };
	int in[2], out[2];
	FILE *answer;

	for (size_t i = 0; argv[i]; i++)
		args[i + 2] = argv[i];
	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	s->pid = fork();
	if (s->pid == 0) {
		dup2(in[0], 0);
		dup2(out[1], 1);
		execvp("python3", (char *const *)args);
		_exit(127);
	}
	close(in[0]);
	close(out[1]);
	s->hold = in[1];
	answer = fdopen(out[0], "r");
	assert_non_null(fgets(s->name, sizeof s->name, answer));
	s->name[strcspn(s->name, "\n")] = '\0';
	fclose(answer);
}

static inline void badserver_start(struct badserver *s, const char *const *argv)
{
	badserver_run(s, "tests/agent/net/badserver.py", argv);
}

static inline void badserver_stop(struct badserver *s)
{
	close(s->hold);
	waitpid(s->pid, NULL, 0);
}

#endif
