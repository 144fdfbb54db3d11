#include "agent/service/steps/exec_limits.h"

#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* execve(2), "Limits on size of arguments and environment"; each text ends with a NUL. */
enum { PAGES_OF_TEXT = 32, SHARE_OF_STACK = 4, TOTAL_LEAST = 128 << 10, TOTAL_MOST = 6 << 20,
       ROOM = 4096 /* the name of the program, and what the kernel adds */ };

size_t exec_limits_text(void)
{
	return PAGES_OF_TEXT * (size_t)sysconf(_SC_PAGESIZE) - 1;
}

static size_t exec_limits_total(void)
{
	struct rlimit stack;
	size_t total = TOTAL_MOST;

	if (getrlimit(RLIMIT_STACK, &stack) == 0 && stack.rlim_cur / SHARE_OF_STACK < total)
		total = stack.rlim_cur / SHARE_OF_STACK;
	return total > TOTAL_LEAST ? total : TOTAL_LEAST;
}

static size_t exec_limits_size(const char *const *texts)
{
	size_t size = 0;

	for (; *texts; texts++)
		size += strlen(*texts) + 1 + sizeof *texts;
	return size;
}

bool exec_limits_check(const struct attempt_command *command, const char *const *env, struct err *err)
{
	size_t most = exec_limits_text(), total = exec_limits_total();
	size_t size = exec_limits_size(command->argv) + exec_limits_size(env);
	const char *longest = "";

	for (const char *const *word = command->argv; *word; word++)
		if (strlen(*word) > most)
			return err_set(err, "its command is too long: %zu bytes, and the kernel takes %zu; put the script into a file, "
			               "as in a repository", strlen(*word), most);
	for (; *env; env++) {
		if (strlen(*env) > most)
			return err_set(err, "the variable %.*s is too long: %zu bytes with its name, and the kernel takes %zu",
			               (int)strcspn(*env, "="), *env, strlen(*env), most);
		longest = strlen(*env) > strlen(longest) ? *env : longest;
	}
	return size + ROOM <= total ||
	       err_set(err, "its command and its variables are too long together: %zu bytes, and the kernel takes %zu; the longest "
	               "variable is %.*s", size, total - ROOM, (int)strcspn(longest, "="), longest);
}
