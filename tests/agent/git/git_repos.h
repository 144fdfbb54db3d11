/* git_repos.h: repositories for tests, made by the git command as on a machine where nobody has set
 * anything up, in a folder that is the current one. */
#ifndef TESTS_AGENT_GIT_GIT_REPOS_H
#define TESTS_AGENT_GIT_GIT_REPOS_H

#include "tests/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "reconcile/base/arena.h"

static int repos_enter(void **state)
{
	static char top[] = "/tmp/flowsync-repos-XXXXXX";
	static const char *const env[][2] = {
		{ "GIT_CONFIG_GLOBAL", "/dev/null" }, { "GIT_CONFIG_SYSTEM", "/dev/null" },
		{ "GIT_AUTHOR_NAME", "a" }, { "GIT_AUTHOR_EMAIL", "a@b" },
		{ "GIT_COMMITTER_NAME", "a" }, { "GIT_COMMITTER_EMAIL", "a@b" },
		/* A commit would start another process, to see whether the repository needs maintenance. */
		{ "GIT_CONFIG_COUNT", "1" }, { "GIT_CONFIG_KEY_0", "maintenance.auto" }, { "GIT_CONFIG_VALUE_0", "false" },
	};

	for (size_t i = 0; i < ARRAY_LEN(env); i++)
		setenv(env[i][0], env[i][1], 1);
	unsetenv("GIT_DIR");
	if (!mkdtemp(top) || chdir(top))
		return 1;
	*state = top;
	return 0;
}

static int repos_leave(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };

	return chdir("/") || system(arena_printf(&a, "rm -rf %s", (const char *)*state));
}

/* "c MESSAGE" commits all there is, a second later than the one before; "new DIR" makes a repository
 * and goes there. */
static void sh(const char *script)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	static int run;
	const char *whole = arena_printf(&a,
		"set -eu\nt=$((1000000000 + %d * 1000))\n"
		"c() { t=$((t + 1)); git add -A; GIT_AUTHOR_DATE=\"$t +0000\" GIT_COMMITTER_DATE=\"$t +0000\""
		" git commit -q --allow-empty -m \"${1-x}\"; }\n"
		"new() { git init -q -b main \"$1\"; cd \"$1\"; }\n%s\n", run++, script);

	if (system(whole) != 0)
		fail_msg("%s", whole);
}

/* The one line that a command prints. */
static inline const char *said(struct arena *a, const char *command)
{
	FILE *f = popen(command, "r");
	char line[256] = "";

	assert_non_null(f);
	if (!fgets(line, sizeof line, f))
		fail_msg("%s says nothing", command);
	pclose(f);
	return arena_strndup(a, line, strcspn(line, "\n"));
}

/* libgit2 (1.5) loses the memory of each match that fails, as it looks for extensions in the configuration of a source
 * that has any. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
	return "leak:libpcre2";
}

#endif
