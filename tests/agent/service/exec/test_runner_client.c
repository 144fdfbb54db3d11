#include "tests/descriptors.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/util/clock.h"
#include "agent/util/fd.h"
#include "agent/util/file.h"
#include "agent/util/process_stat.h"
#include "agent/service/exec/runner_client.h"
#include "agent/service/exec/runner_process.h"
#include "agent/service/exec/supervisor.h"

enum { LONG_MS = 120000, LOG_MAX = 64 << 20 };	/* for what does end */

/* What a test waits for to be over. */
enum { SHORT_MS = 300 };

static char top[] = "/tmp/flowsync-runner-XXXXXX";
static struct arena arena;

/* ---- attempts ---- */

static const char *const plain_env[] = { "PATH=/usr/local/bin:/usr/bin:/bin", NULL };

static const char *place(uint64_t id, const char *name)
{
	return arena_printf(&arena, "%s/%d/%s", top, (int)id, name);
}

static struct attempt_command sh(const char *script)
{
	const char **argv = arena_new(&arena, const char *, 4);

	argv[0] = "sh";
	argv[1] = "-c";
	argv[2] = script;
	return (struct attempt_command){ .argv = argv };
}

static struct attempt_command self(const char *name, const char *word)
{
	const char **argv = arena_new(&arena, const char *, 3);

	argv[0] = name;
	argv[1] = word;
	return (struct attempt_command){ .argv = argv, .self = true };
}

static struct attempt attempt_of(uint64_t id, const struct attempt_command *commands, size_t count)
{
	return (struct attempt){ .folder = arena_printf(&arena, "%s/%d", top, (int)id), .commands = commands,
	                         .command_count = count, .env = plain_env };
}

static void begin(struct runner_client *r, uint64_t id, const struct attempt *attempt)
{
	struct err err;

	if (!runner_client_begin(r, id, attempt, &err))
		fail_msg("%s", err.msg);
}

static void begin_sh(struct runner_client *r, uint64_t id, const char *script)
{
	struct attempt_command command = sh(script);
	struct attempt attempt = attempt_of(id, &command, 1);

	begin(r, id, &attempt);
}

static struct runner_event next(struct runner_client *r)
{
	struct runner_event event = { 0 };
	int64_t until = clock_monotonic() + LONG_MS;

	while (!runner_client_next(r, &event)) {
		struct pollfd p = { .fd = runner_client_fd(r), .events = POLLIN };
		if (clock_monotonic() > until || poll(&p, 1, LONG_MS) < 1)
			fail_msg("no event comes");
	}
	return event;
}

static void wait_over(struct runner_client *r, uint64_t id)
{
	struct runner_event event = next(r);

	if (event.kind != RUNNER_ATTEMPT_ENDED || event.id != id)
		fail_msg("event %d of %d: %s", event.kind, (int)event.id, event.message);
}

/* "CODE MESSAGE"; "none" */
static const char *result(uint64_t id)
{
	const char *message;
	struct err err;
	bool found;
	int code;

	if (!attempt_result_read(&arena, place(id, "."), &code, &message, &found, &err))
		fail_msg("%s", err.msg);
	return found ? arena_printf(&arena, "%d %s", code, message) : "none";
}

static const char *file(const char *path, size_t *len)
{
	const char *bytes = NULL;
	struct err err;

	if (!file_read(&arena, path, LOG_MAX, &bytes, len, &err))
		fail_msg("%s: %s", path, err.msg);
	return bytes;
}

/* For strspn() the sanitizer would look for the end of the whole log, at each of its lines. */
static bool log_line_has_time(const char *line, const char *end)
{
	if (end - line < 14)
		return false;
	for (int i = 0; i < 13; i++)
		if (line[i] < '0' || line[i] > '9')
			return false;
	return line[13] == ' ' || line[13] == '+';
}

/* The lines of a log, without their times, which are of today, and without the mark that the last one has no newline. */
static const char *log_of(uint64_t id)
{
	CLEANUP(buf_done) struct buf text = BUF_TEXT;
	size_t len;
	const char *all = file(place(id, "log"), &len);

	for (const char *at = all, *end; at < all + len; at = end + 1) {
		end = memchr(at, '\n', (size_t)(all + len - at));
		assert_true(end && log_line_has_time(at, end));
		if (at[13] == ' ' || end > at + 14)
			buf_add(&text, at + 14, (size_t)(end - at - 13));
	}
	return arena_strdup(&arena, buf_str(&text));
}

static bool exists(const char *path)
{
	return access(path, F_OK) == 0;
}

static void wait_for(const char *path)
{
	for (int64_t until = clock_monotonic() + LONG_MS; !exists(path); usleep(2000))
		if (clock_monotonic() > until)
			fail_msg("\"%s\" never comes", path);
}

static void wait_until_gone(const char *path)
{
	for (int64_t until = clock_monotonic() + LONG_MS; exists(path); usleep(2000))
		if (clock_monotonic() > until)
			fail_msg("\"%s\" stays", path);
}

/* A number that a step wrote to a file. */
static pid_t pid_in(const char *path)
{
	size_t len;

	wait_for(path);
	for (int64_t until = clock_monotonic() + LONG_MS; clock_monotonic() < until; usleep(2000)) {
		const char *text = file(path, &len);
		if (len && text[len - 1] == '\n')
			return atoi(text);
	}
	fail_msg("no number in \"%s\"", path);
	return 0;
}

/* As in /proc/PID/stat; '\0': no such process. */
static char process_state(pid_t pid)
{
	struct process_stat s;

	return process_stat_read(pid, &s) ? s.state : '\0';
}

static void wait_state(pid_t pid, char state)
{
	for (int64_t until = clock_monotonic() + LONG_MS; process_state(pid) != state; usleep(2000))
		if (clock_monotonic() > until)
			fail_msg("%d has the state '%c'", (int)pid, process_state(pid));
}

/* A zombie is gone too: somebody else's it is to wait for. */
static bool is_gone(pid_t pid)
{
	char state = process_state(pid);

	return !state || state == 'Z' || state == 'X';
}

static void assert_gone(pid_t pid)
{
	assert_true(pid > 1);
	if (!is_gone(pid))
		fail_msg("%d still runs", (int)pid);
}

static void wait_gone(pid_t pid)
{
	for (int64_t until = clock_monotonic() + LONG_MS; !is_gone(pid); usleep(2000))
		if (clock_monotonic() > until)
			fail_msg("%d never ends", (int)pid);
}

/* While it exists, a runner that this process starts gives processes that are asked to end more time: its size in
 * milliseconds, or, if it is empty, all the time they need, however busy the machine is.  A runner gets neither
 * arguments nor variables. */
static const char *patience(pid_t parent)
{
	return arena_printf(&arena, "/tmp/flowsync-runner-patience-%d", (int)parent);
}

static int patience_ms(pid_t parent)
{
	struct stat st;

	if (stat(patience(parent), &st) < 0)
		return SHORT_MS;
	return st.st_size ? (int)st.st_size : LONG_MS;
}

/* ---- a supervisor that is slow ---- */

static const char *slow_path;	/* NULL: it is not; removed once it is */

/* Once an order was found, a slow one gets on when the command has ended. */
int poll(struct pollfd *fds, nfds_t count, int ms)
{
	const struct timespec time = { ms / 1000, ms % 1000 * 1000000L };
	int ready = ppoll(fds, count, ms < 0 ? NULL : &time, NULL);
	siginfo_t info;

	if (slow_path && count == 3 && fds[2].revents && !fds[1].revents && unlink(slow_path) == 0)
		waitid(P_ALL, 0, &info, WEXITED | WNOWAIT);
	return ready;
}

static const char *slow(pid_t parent)
{
	return arena_printf(&arena, "/tmp/flowsync-runner-slow-%d", (int)parent);
}

static struct runner_client *start(int keep_fd)
{
	struct runner_client *r = NULL;
	struct err err;

	if (!runner_client_start(keep_fd, &r, &err))
		fail_msg("%s", err.msg);
	return r;
}

/* The pids of the children of a process (0: of whomever) that have such a name. */
static size_t children(pid_t parent, const char *name, pid_t out[], size_t most)
{
	DIR *proc = opendir("/proc");
	size_t count = 0;

	for (struct dirent *e; (e = readdir(proc)); ) {
		struct process_stat s;
		if (process_stat_read(atoi(e->d_name), &s) && (!parent || s.parent == parent) &&
		    strcmp(s.name, name) == 0 && count < most)
			out[count++] = s.pid;
	}
	closedir(proc);
	return count;
}

static pid_t only_child(pid_t parent, const char *name)
{
	pid_t found[2];

	for (int64_t until = clock_monotonic() + LONG_MS; clock_monotonic() < until; usleep(2000))
		if (children(parent, name, found, 2) == 1)
			return found[0];
	fail_msg("not one %s", name);
	return 0;
}

static pid_t runner_of(pid_t parent)
{
	return only_child(parent, "flowsync-runner");
}

static size_t open_files(pid_t pid)
{
	DIR *dir = opendir(arena_printf(&arena, "/proc/%d/fd", (int)pid));
	size_t count = 0;

	assert_non_null(dir);
	while (readdir(dir))
		count++;
	closedir(dir);
	return count;
}

/* ---- what this program does when it is run again ---- */

static int echo(int argc, char **argv)
{
	int c;

	for (int i = 0; i < argc; i++)
		printf("[%s]", argv[i]);
	while ((c = getchar()) != EOF)
		putchar(c);
	return 7;
}

enum { FLOOD_LINES = 6000000, FLOOD_LINE = 50 };

/* 300 MB of lines that count. */
static int flood(void)
{
	static char block[FLOOD_LINE * 1000];

	for (int from = 0; from < FLOOD_LINES; from += 1000) {
		for (int i = 0; i < 1000; i++) {
			char *line = block + i * FLOOD_LINE;
			memset(line, '-', FLOOD_LINE - 1);
			for (int n = from + i, at = 9; at >= 0; n /= 10)
				line[at--] = (char)('0' + n % 10);
			line[FLOOD_LINE - 1] = '\n';
		}
		for (size_t done = 0; done < sizeof block; ) {
			ssize_t n = write(1, block + done, sizeof block - done);
			if (n < 0)
				return 1;
			done += (size_t)n;
		}
	}
	return 0;
}

static const char orphans[] =
	"echo $$ > ../leader; sleep 1000 & echo $! > ../group; setsid sh -c 'echo $$ > ../session; exec sleep 1000' &"
	"(setsid sh -c 'sleep 1000 & echo $! > ../daemon' &); trap '' TERM;"
	"while [ ! -s ../session ] || [ ! -s ../daemon ]; do sleep 0.01; done; echo ready > ../ready;"
	"while :; do sleep 1; done";
static const char *const orphan_names[] = { "leader", "group", "session", "daemon" };

/* A service that has attempts run until it is killed. */
static int engine(const char *dir)
{
	struct runner_client *r;
	struct err err;

	strcpy(top, dir);
	int fd = open(arena_printf(&arena, "%s/lock", top), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0 || !runner_client_start(fd, &r, &err))
		return 1;
	for (uint64_t id = 1; id <= 2; id++) {
		struct attempt_command command = sh(orphans);
		struct attempt attempt = attempt_of(id, &command, 1);
		if (!runner_client_begin(r, id, &attempt, &err))
			return 1;
	}
	for (;;)
		pause();
}

static int act(int argc, char **argv)
{
	if (strcmp(argv[1], "step-runner") == 0) {
		supervisor_lost_ms = patience_ms(getppid());
		slow_path = exists(slow(getppid())) ? slow(getppid()) : NULL;
		return runner_process_run();
	}
	if (strcmp(argv[1], "echo") == 0)
		return echo(argc, argv);
	if (strcmp(argv[1], "flood") == 0)
		return flood();
	if (strcmp(argv[1], "descriptors") == 0)
		return count_descriptors() - 3;	/* beside stdin, stdout and stderr */
	return engine(argv[2]);
}

/* ---- how commands end ---- */

static void the_end_of_a_command_is_told_as_by_a_shell(void **state)
{
	static const struct { const char *script, *result, *log; } cases[] = {
		{ "exit 0", "0 ", "" },
		{ "echo a; exit 3", "3 ", "a\n" },
		{ "kill -9 $$", "137 killed by signal 9 (Killed)", "" },
		{ "echo b >&2; kill -15 $$", "143 killed by signal 15 (Terminated)", "b\n" },
		{ "ulimit -c; umask; kill -6 $$", "134 killed by signal 6 (Aborted)", "0\n0022\n" },
	};
	struct runner_client *r = start(-1);

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		begin_sh(r, 10 + i, cases[i].script);
		wait_over(r, 10 + i);
		assert_string_equal(result(10 + i), cases[i].result);
		assert_string_equal(log_of(10 + i), cases[i].log);
		assert_true(attempt_begun(place(10 + i, ".")));
	}
	runner_client_stop(r, 0);
}

static void the_first_command_that_fails_is_the_last(void **state)
{
	struct runner_client *r = start(-1);
	const struct attempt_command commands[] = { sh("echo 1"), sh("printf 2; exit 5"), sh("echo 3") };
	struct attempt attempt = attempt_of(20, commands, 3);

	begin(r, 20, &attempt);
	wait_over(r, 20);
	assert_string_equal(result(20), "5 ");
	assert_string_equal(log_of(20), "1\n2\n");
	attempt = attempt_of(21, commands + 2, 1);
	begin(r, 21, &attempt);
	wait_over(r, 21);
	assert_string_equal(result(21), "0 ");
	runner_client_stop(r, 0);
}

static void a_program_that_cannot_be_run_says_so(void **state)
{
	static const struct { const char *program, *result, *log; } cases[] = {
		{ "not-there-at-all", "127 ", "cannot run \"not-there-at-all\": No such file or directory\n" },
		{ "/etc/passwd", "126 ", "cannot run \"/etc/passwd\": Permission denied\n" },
		{ "/", "126 ", "cannot run \"/\": Permission denied\n" },
	};
	struct runner_client *r = start(-1);

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct attempt_command command = { .argv = (const char *[]){ cases[i].program, NULL } };
		struct attempt attempt = attempt_of(30 + i, &command, 1);
		begin(r, 30 + i, &attempt);
		wait_over(r, 30 + i);
		assert_string_equal(result(30 + i), cases[i].result);
		assert_string_equal(log_of(30 + i), cases[i].log);
	}
	runner_client_stop(r, 0);
}

/* The two signals that glibc keeps for itself: where a program was started by posix_spawn() they may be ignored, and no
 * program can change that. */
static unsigned long long ignored_by_glibc(void)
{
	size_t len;
	const char *line = strstr(file("/proc/self/status", &len), "SigIgn:\t");

	return strtoull(line + strlen("SigIgn:\t"), NULL, 16) & 0x180000000;
}

/* Nothing but what it is given: no variable, descriptor, ignored signal or session of ours. */
static void a_command_gets_what_it_is_given_and_nothing_else(void **state)
{
	static const char *const env[] = { "A=1 2", "PATH=/usr/bin:/bin", "B=\xff", NULL };
	struct runner_client *r = start(-1);
	struct attempt_command commands[] = { sh("env -0 | sort -z | tr '\\0' ';'; echo; pwd; cat; "
		"grep -E 'Sig(Blk|Ign)' /proc/self/status; ls -A; stat -c %a .. .; echo $(ps -o sid=,pgid= -p $$) $$ > ../ids"),
		self("descriptors", NULL), };
	struct attempt attempt = attempt_of(40, commands, 2);
	size_t len;
	int sid, group, pid;

	commands[0].input = "in\nput\n";
	commands[0].len = 7;
	attempt.env = env;
	signal(SIGUSR1, SIG_IGN);
	begin(r, 40, &attempt);
	wait_over(r, 40);
	assert_string_equal(result(40), "0 ");
	assert_string_equal(log_of(40), arena_printf(&arena, "A=1 2;B=\xef\xbf\xbd;PATH=/usr/bin:/bin;PWD=%s;\n%s\nin\nput\n"
		"SigBlk:\t0000000000000000\nSigIgn:\t%016llx\n700\n700\n",
		place(40, "work"), place(40, "work"), ignored_by_glibc()));
	assert_int_equal(sscanf(file(place(40, "ids"), &len), "%d %d %d", &sid, &group, &pid), 3);
	assert_int_equal(group, pid);
	assert_int_not_equal(sid, getsid(0));
	runner_client_stop(r, 0);
}

static void a_command_of_this_program_gets_words_and_input(void **state)
{
	struct runner_client *r = start(-1);
	struct attempt_command commands[] = { self("echo", "a b"), sh("") };
	struct attempt attempt = attempt_of(50, commands, 1);
	CLEANUP(buf_done) struct buf large = BUF_TEXT;

	for (int i = 0; i < 100000; i++)
		buf_addf(&large, "%d\n", i);
	commands[0].input = large.text;
	commands[0].len = large.len;
	begin(r, 50, &attempt);
	wait_over(r, 50);
	assert_string_equal(result(50), "7 ");
	const char *text = log_of(50);
	assert_memory_equal(text, "[flowsync][echo][a b]0\n1\n", 25);
	assert_memory_equal(text + 21, large.text, large.len);
	runner_client_stop(r, 0);
}

static void what_cannot_be_begun_is_told_and_leaves_no_begun(void **state)
{
	struct runner_client *r = start(-1);
	struct attempt_command command = sh("echo 1");
	struct attempt attempt = attempt_of(60, &command, 1);

	assert_int_equal(close(open(arena_printf(&arena, "%s/60", top), O_CREAT | O_WRONLY, 0600)), 0);
	begin(r, 60, &attempt);
	struct runner_event event = next(r);
	assert_int_equal(event.kind, RUNNER_ATTEMPT_NOT_BEGUN);
	assert_int_equal(event.id, 60);
	assert_string_equal(event.message, arena_printf(&arena, "make the folder \"%s/60\": File exists", top));

	attempt = attempt_of(61, NULL, 0);
	begin(r, 61, &attempt);
	event = next(r);
	assert_int_equal(event.kind, RUNNER_ATTEMPT_NOT_BEGUN);
	assert_string_equal(event.message, "the document of an attempt: expected commands, each with a program");
	assert_false(exists(place(61, ".")));

	begin_sh(r, 62, "echo once");
	wait_over(r, 62);
	begin_sh(r, 62, "echo twice");
	event = next(r);
	assert_int_equal(event.kind, RUNNER_ATTEMPT_NOT_BEGUN);
	assert_string_equal(event.message, arena_printf(&arena, "the attempt in \"%s/62\" has begun before", top));
	assert_string_equal(log_of(62), "once\n");
	assert_string_equal(result(62), "0 ");
	runner_client_stop(r, 0);
}

/* ---- the log ---- */

static void a_flood_is_bounded_and_does_not_wait(void **state)
{
	struct runner_client *r = start(-1);
	struct attempt_command command = self("flood", NULL);
	struct attempt attempt = attempt_of(70, &command, 1);
	int64_t began = clock_monotonic();
	size_t len;

	begin(r, 70, &attempt);
	wait_over(r, 70);
	int64_t took = clock_monotonic() - began;
	print_message("300 MB in %d ms\n", (int)took);
	assert_string_equal(result(70), "0 ");
	const char *text = file(place(70, "log"), &len);
	assert_in_range(len, ATTEMPT_HEAD_MAX + ATTEMPT_TAIL_MAX * 9 / 10, ATTEMPT_HEAD_MAX + ATTEMPT_TAIL_MAX + 200);
	assert_memory_equal(text + 13, " 0000000000-", 12);
	assert_memory_equal(text + len - FLOOD_LINE, "0005999999-", 11);
	assert_non_null(strstr(text, " left out ...\n"));
	runner_client_stop(r, 0);
}

static void a_line_without_an_end_is_shown_after_a_second(void **state)
{
	struct runner_client *r = start(-1);

	begin_sh(r, 71, "printf 'go on? '; while [ ! -e ../on ]; do sleep 0.01; done; echo; printf '\\377\\n\\000end'");
	for (int64_t until = clock_monotonic() + LONG_MS; !exists(place(71, "log")) || strcmp(log_of(71), "go on? \n"); usleep(2000))
		assert_true(clock_monotonic() < until);
	assert_int_equal(close(open(place(71, "on"), O_CREAT | O_WRONLY, 0600)), 0);
	wait_over(r, 71);
	assert_string_equal(log_of(71), "go on? \n\xef\xbf\xbd\n\xef\xbf\xbd""end\n");
	runner_client_stop(r, 0);
}

static void secrets_are_masked_though_they_come_in_parts(void **state)
{
	static const char *const masks[] = { "geheimnis", "xy", "line one\nline two\n", NULL };
	struct runner_client *r = start(-1);
	struct attempt_command commands[] = { sh("printf 'my geh'; sleep 0.1; printf 'eim'; sleep 0.1; echo nis xy"),
	                                      sh("echo line one, line two; cat"), sh("geheimnis") };
	struct attempt attempt = attempt_of(72, commands, 3);

	commands[1].input = "geheimnisgeheimnis";
	commands[1].len = 18;
	attempt.masks = masks;
	begin(r, 72, &attempt);
	wait_over(r, 72);
	assert_string_equal(result(72), "127 ");
	assert_string_equal(log_of(72), "my (masked) xy\n(masked), (masked)\n(masked)(masked)\nsh: 1: (masked): not found\n");
	runner_client_stop(r, 0);
}

static void a_full_disk_ends_the_log_and_not_the_step(void **state)
{
	struct rlimit before, little;
	size_t len;

	getrlimit(RLIMIT_FSIZE, &before);
	little = (struct rlimit){ 50000, before.rlim_max };
	setrlimit(RLIMIT_FSIZE, &little);
	struct runner_client *r = start(-1);
	setrlimit(RLIMIT_FSIZE, &before);
	begin_sh(r, 73, "i=0; while [ $i -lt 10000 ]; do echo line $i; i=$((i + 1)); done; exit 4");
	wait_over(r, 73);
	assert_string_equal(result(73), "4 ");
	file(place(73, "log"), &len);
	assert_in_range(len, 49900, 50000);
	log_of(73);
	runner_client_stop(r, 0);
}

static void a_cgroup_that_is_not_there_is_told_and_the_command_runs(void **state)
{
	struct runner_client *r = start(-1);
	struct attempt_command command = sh("echo runs");
	struct attempt attempt = attempt_of(74, &command, 1);

	attempt.cgroup = "/nowhere";
	begin(r, 74, &attempt);
	wait_over(r, 74);
	assert_string_equal(result(74), "0 ");
	assert_string_equal(log_of(74), "cannot join the cgroup \"/nowhere\": No such file or directory\nruns\n");
	runner_client_stop(r, 0);
}

/* A folder stands for the cgroup: what is written there is what the kernel would read. */
static void a_command_joins_its_cgroup_which_is_emptied(void **state)
{
	struct runner_client *r = start(-1);
	struct attempt_command commands[] = { sh("cat ../../group/cgroup.procs; echo; test ! -s ../../group/cgroup.kill"), sh("") };
	struct attempt attempt = attempt_of(75, commands, 2);
	size_t len;

	attempt.cgroup = arena_printf(&arena, "%s/group", top);
	assert_int_equal(mkdir(attempt.cgroup, 0700), 0);
	assert_int_equal(close(open(arena_printf(&arena, "%s/cgroup.procs", attempt.cgroup), O_CREAT | O_WRONLY, 0600)), 0);
	assert_int_equal(close(open(arena_printf(&arena, "%s/cgroup.kill", attempt.cgroup), O_CREAT | O_WRONLY, 0600)), 0);
	begin(r, 75, &attempt);
	wait_over(r, 75);
	assert_string_equal(result(75), "0 ");
	assert_string_equal(log_of(75), "0\n");
	assert_string_equal(file(arena_printf(&arena, "%s/cgroup.kill", attempt.cgroup), &len), "1");
	runner_client_stop(r, 0);
}

/* ---- what is left running ---- */

static void what_a_command_left_running_ends_with_it(void **state)
{
	assert_int_equal(close(open(patience(getpid()), O_CREAT | O_WRONLY, 0600)), 0);
	struct runner_client *r = start(-1);

	/* It ends by itself once those it left are known; they hold its stdout. */
	begin_sh(r, 80, "sleep 1000 & echo $! > ../group; setsid sh -c 'trap \"echo asked; exit\" TERM; echo $$ > ../session;"
	                " while :; do sleep 0.01; done' &"
	                "(setsid sh -c 'sleep 1000 & echo $! > ../daemon; echo up' &);"
	                "while [ ! -s ../session ] || [ ! -s ../daemon ]; do sleep 0.01; done; echo bye; exit 3");
	wait_over(r, 80);
	for (size_t i = 1; i < ARRAY_LEN(orphan_names); i++)
		assert_gone(pid_in(place(80, orphan_names[i])));
	assert_string_equal(result(80), "3 ");
	assert_non_null(strstr(log_of(80), "bye\n"));
	assert_non_null(strstr(log_of(80), "asked\n"));
	runner_client_stop(r, 0);
}

static void what_was_left_running_and_does_not_listen_is_killed(void **state)
{
	struct runner_client *r = start(-1);
	int64_t began = clock_monotonic();

	begin_sh(r, 81, "setsid sh -c 'trap \"\" TERM; echo $$ > ../session; while :; do sleep 1; done' &"
	                "while [ ! -s ../session ]; do sleep 0.01; done");
	wait_over(r, 81);
	assert_in_range(clock_monotonic() - began, SHORT_MS - 10, LONG_MS);
	assert_gone(pid_in(place(81, "session")));
	assert_string_equal(result(81), "0 ");
	runner_client_stop(r, 0);
}

/* One that makes others while it is ended.  They have a name that nobody else on the machine has. */
static void a_crowd_that_grows_is_ended(void **state)
{
	struct runner_client *r = start(-1);
	const char *name = arena_printf(&arena, "crowd%d", (int)getpid());
	pid_t found[1];

	assert_int_equal(symlink("/bin/sleep", arena_printf(&arena, "%s/%s", top, name)), 0);
	begin_sh(r, 82, arena_printf(&arena, "f() { trap '' TERM; while :; do setsid ../../%s 997 & sleep 0.01; done; };"
	                             "f & f & while [ $(ps -C %s -o pid= | grep -c .) -lt 2 ]; do sleep 0.05; done", name, name));
	wait_over(r, 82);
	assert_string_equal(result(82), "0 ");
	assert_int_equal(children(0, name, found, 1), 0);
	runner_client_stop(r, 0);
}

/* ---- ending ---- */

static void an_attempt_is_asked_to_end_first(void **state)
{
	struct runner_client *r = start(-1);

	begin_sh(r, 90, "trap 'echo asked; exit 9' TERM; echo on > ../on; while :; do sleep 0.01; done");
	wait_for(place(90, "on"));
	runner_client_end(r, 90, LONG_MS);
	wait_over(r, 90);
	assert_string_equal(result(90), "9 ");
	assert_non_null(strstr(log_of(90), "asked\n"));
	runner_client_end(r, 90, 0);	/* it is over */
	runner_client_end(r, 9999, 0);
	begin_sh(r, 91, "exit 1");
	wait_over(r, 91);
	runner_client_stop(r, 0);
}

static void one_that_does_not_listen_is_killed_after_the_grace(void **state)
{
	struct runner_client *r = start(-1);
	struct attempt_command commands[] = { sh(orphans), sh("echo no") };
	struct attempt attempt = attempt_of(92, commands, 2);

	begin(r, 92, &attempt);
	wait_for(place(92, "ready"));
	int64_t began = clock_monotonic();
	runner_client_end(r, 92, 500);
	wait_over(r, 92);
	assert_in_range(clock_monotonic() - began, 490, LONG_MS);
	assert_string_equal(result(92), "137 killed by signal 9 (Killed)");
	assert_string_equal(log_of(92), "");
	for (size_t i = 0; i < ARRAY_LEN(orphan_names); i++)
		assert_gone(pid_in(place(92, orphan_names[i])));
	runner_client_stop(r, 0);
}

static void a_second_order_may_shorten_the_grace(void **state)
{
	struct runner_client *r = start(-1);

	begin_sh(r, 93, orphans);
	wait_for(place(93, "ready"));
	runner_client_end(r, 93, LONG_MS);
	runner_client_end(r, 93, 0);
	wait_over(r, 93);
	assert_string_equal(result(93), "137 killed by signal 9 (Killed)");
	runner_client_stop(r, 0);
}

static void one_that_is_stopped_ends_too(void **state)
{
	struct runner_client *r = start(-1);

	begin_sh(r, 94, "trap 'exit 8' TERM; echo $$ > ../on; kill -STOP $$; while :; do sleep 0.01; done");
	wait_state(pid_in(place(94, "on")), 'T');
	runner_client_end(r, 94, LONG_MS);
	wait_over(r, 94);
	assert_string_equal(result(94), "8 ");
	begin_sh(r, 95, "echo $$ > ../on; kill -STOP $$");
	wait_state(pid_in(place(95, "on")), 'T');
	runner_client_end(r, 95, 0);
	wait_over(r, 95);
	assert_string_equal(result(95), "137 killed by signal 9 (Killed)");
	runner_client_stop(r, 0);
}

/* 0 is no end before others begin: the rest is not run, and that is no success. */
static void what_is_ended_between_two_commands_has_not_succeeded(void **state)
{
	struct runner_client *r = start(-1);
	const struct attempt_command commands[] = { sh("trap 'exit 0' TERM; echo on > ../on; while :; do sleep 0.01; done"),
	                                            sh("echo no") };
	struct attempt attempt = attempt_of(96, commands, 2);

	begin(r, 96, &attempt);
	wait_for(place(96, "on"));
	runner_client_end(r, 96, LONG_MS);
	wait_over(r, 96);
	assert_string_equal(result(96), "143 ended before all of its commands had run");
	assert_null(strstr(log_of(96), "no"));
	runner_client_stop(r, 0);
}

static void what_is_ended_at_once_may_never_have_begun(void **state)
{
	struct runner_client *r = start(-1);

	for (uint64_t id = 1000; id < 1020; id++) {
		begin_sh(r, id, "sleep 1000");
		runner_client_end(r, id, id % 2 ? 0 : 1000);
		wait_over(r, id);
		const char *text = result(id);
		if (!attempt_begun(place(id, ".")))
			assert_string_equal(text, "143 ended before all of its commands had run");
		else
			assert_true(strncmp(text, "137 ", 4) == 0 || strncmp(text, "143 ", 4) == 0);
	}
	runner_client_stop(r, 0);
}

static void a_runner_that_is_stopped_ends_all_and_waits_for_it(void **state)
{
	struct runner_client *r = start(-1);
	pid_t pid = runner_of(getpid());

	for (uint64_t id = 100; id < 104; id++)
		begin_sh(r, id, orphans);
	for (uint64_t id = 100; id < 104; id++)
		wait_for(place(id, "ready"));
	runner_client_stop(r, 300);
	for (uint64_t id = 100; id < 104; id++) {
		assert_string_equal(result(id), "137 killed by signal 9 (Killed)");
		for (size_t i = 0; i < ARRAY_LEN(orphan_names); i++)
			assert_gone(pid_in(place(id, orphan_names[i])));
	}
	assert_int_equal(kill(pid, 0), -1);
	runner_client_stop(NULL, 0);
}

static void signals_of_a_terminal_reach_neither_runner_nor_steps(void **state)
{
	struct runner_client *r = start(-1);
	pid_t pid = runner_of(getpid());

	assert_int_not_equal(getsid(pid), getsid(0));
	begin_sh(r, 105, "echo $$ > ../pid; while [ ! -e ../on ]; do sleep 0.01; done; exit 6");
	pid_t step = pid_in(place(105, "pid"));
	pid_t keeper = only_child(pid, "flowsync-step");
	assert_int_not_equal(getsid(step), getsid(0));
	static const int numbers[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2 };
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
		kill(pid, numbers[i]);
		kill(keeper, numbers[i]);
	}
	assert_int_equal(close(open(place(105, "on"), O_CREAT | O_WRONLY, 0600)), 0);
	wait_over(r, 105);
	assert_string_equal(result(105), "6 ");
	runner_client_stop(r, 0);
}

/* ---- when somebody is killed ---- */

static pid_t start_engine(const char *dir)
{
	int program = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	const char *const argv[] = { "test", "engine", dir, NULL };
	pid_t pid = fork();

	if (pid == 0) {
		fexecve(program, (char *const *)argv, environ);
		_exit(127);
	}
	close(program);
	return pid;
}

static void a_service_that_is_killed_takes_all_with_it(void **state)
{
	pid_t pid = start_engine(top), keepers[3], steps[8];
	size_t count = 0;
	int lock, status;

	for (uint64_t id = 1; id <= 2; id++)
		for (size_t i = 0; i < ARRAY_LEN(orphan_names); i++)
			steps[count++] = pid_in(place(id, orphan_names[i]));
	wait_for(place(1, "ready"));
	wait_for(place(2, "ready"));
	pid_t runner = runner_of(pid);
	assert_int_equal(children(runner, "flowsync-step", keepers, 3), 2);
	lock = open(arena_printf(&arena, "%s/lock", top), O_RDWR | O_CLOEXEC);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(flock(lock, LOCK_EX | LOCK_NB), -1);
	assert_int_equal(flock(lock, LOCK_EX), 0);
	/* Who can have the lock can be sure that nothing runs any more. */
	for (size_t i = 0; i < count; i++)
		assert_gone(steps[i]);
	wait_gone(keepers[0]);
	wait_gone(keepers[1]);
	wait_gone(runner);
	for (uint64_t id = 1; id <= 2; id++) {
		assert_string_equal(result(id), "none");
		assert_true(attempt_begun(place(id, ".")));
	}
	close(lock);
}

/* More than the runner can have begun by then. */
static void what_waits_when_the_service_dies_is_not_begun(void **state)
{
	int ends[2], status;

	assert_int_equal(pipe(ends), 0);
	pid_t pid = fork();
	if (pid == 0) {
		struct runner_client *r;
		struct err err;
		fcntl(ends[1], F_SETFD, 0);
		close(ends[0]);
		if (!runner_client_start(-1, &r, &err))
			_exit(1);
		pid_t runner = runner_of(getpid());
		kill(runner, SIGSTOP);
		for (uint64_t id = 2000; id < 2040; id++) {
			struct attempt_command command = sh("echo 1");
			struct attempt attempt = attempt_of(id, &command, 1);
			if (!runner_client_begin(r, id, &attempt, &err))
				_exit(2);
		}
		dprintf(ends[1], "%d\n", (int)runner);
		_exit(0);
	}
	close(ends[1]);
	char text[32] = "";
	assert_true(read(ends[0], text, sizeof text - 1) > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	kill(atoi(text), SIGCONT);
	wait_gone(atoi(text));
	for (uint64_t id = 2000; id < 2040; id++)
		assert_false(exists(place(id, ".")));
	close(ends[0]);
}

static void a_runner_that_is_killed_takes_all_with_it(void **state)
{
	int lock = open(arena_printf(&arena, "%s/lock2", top), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(flock(lock, LOCK_EX), 0);
	struct runner_client *r = start(lock);
	struct runner_event event;
	struct attempt_command command = sh("");
	struct attempt attempt = attempt_of(112, &command, 1);
	struct err err;

	close(lock);
	begin_sh(r, 110, orphans);
	begin_sh(r, 111, "trap 'exit 0' TERM; echo on > ../on; while :; do sleep 0.01; done");
	wait_for(place(110, "ready"));
	wait_for(place(111, "on"));
	assert_true(runner_client_is_alive(r));
	kill(runner_of(getpid()), SIGKILL);
	event = next(r);
	assert_int_equal(event.kind, RUNNER_GONE);
	for (size_t i = 0; i < ARRAY_LEN(orphan_names); i++)
		assert_gone(pid_in(place(110, orphan_names[i])));
	assert_string_equal(result(110), "none");
	assert_string_equal(result(111), "none");
	assert_true(attempt_begun(place(110, ".")));
	assert_false(runner_client_next(r, &event));
	assert_false(fd_readable(runner_client_fd(r)));
	assert_false(runner_client_is_alive(r));
	assert_false(runner_client_begin(r, 112, &attempt, &err));
	assert_string_equal(err.msg, "the runner is gone");
	runner_client_end(r, 110, 0);
	/* A process closes its files one after the other: the lock may follow by a moment. */
	lock = open(arena_printf(&arena, "%s/lock2", top), O_RDWR | O_CLOEXEC);
	assert_int_equal(flock(lock, LOCK_EX), 0);
	close(lock);
	runner_client_stop(r, 0);
}

/* Its last command had ended before; what it left running had not. */
static void a_result_that_is_known_is_written_though_the_runner_is_gone(void **state)
{
	/* Long enough for the runner to be killed between the end of the command and that of the process it left. */
	assert_int_equal(close(open(patience(getpid()), O_CREAT | O_WRONLY, 0600)), 0);
	assert_int_equal(truncate(patience(getpid()), 5000), 0);
	struct runner_client *r = start(-1);

	begin_sh(r, 113, "setsid sh -c 'trap \"\" TERM; echo $$ > ../session; while :; do sleep 1; done' &"
	                 "while [ ! -s ../session ]; do sleep 0.01; done; echo $$ > ../leader; exit 5");
	pid_t pid = pid_in(place(113, "leader"));
	unlink(patience(getpid()));
	wait_state(pid, '\0');	/* the keeper has waited for it */
	kill(runner_of(getpid()), SIGKILL);
	assert_int_equal(next(r).kind, RUNNER_GONE);
	assert_string_equal(result(113), "5 ");
	assert_gone(pid_in(place(113, "session")));
	runner_client_stop(r, 0);
}

static void what_ends_before_an_order_is_read_has_ended_by_itself(void **state)
{
	assert_int_equal(close(open(slow(getpid()), O_CREAT | O_WRONLY, 0600)), 0);
	struct runner_client *r = start(-1);

	begin_sh(r, 118, "echo $$ > ../leader; while [ ! -e ../go ]; do sleep 0.01; done; exit 5");
	pid_in(place(118, "leader"));
	kill(runner_of(getpid()), SIGKILL);
	wait_until_gone(slow(getpid()));
	assert_int_equal(close(open(place(118, "go"), O_CREAT | O_WRONLY, 0600)), 0);
	assert_int_equal(next(r).kind, RUNNER_GONE);
	assert_string_equal(result(118), "5 ");
	runner_client_stop(r, 0);
}

static void a_keeper_that_is_killed_leaves_nothing_but_its_folder(void **state)
{
	struct runner_client *r = start(-1);
	pid_t runner = runner_of(getpid());

	begin_sh(r, 114, orphans);
	wait_for(place(114, "ready"));
	pid_t keeper = only_child(runner, "flowsync-step");
	begin_sh(r, 115, "while [ ! -e ../on ]; do sleep 0.01; done; exit 2");
	kill(keeper, SIGKILL);
	wait_over(r, 114);
	for (size_t i = 0; i < ARRAY_LEN(orphan_names); i++)
		assert_gone(pid_in(place(114, orphan_names[i])));
	assert_string_equal(result(114), "none");
	assert_true(attempt_begun(place(114, ".")));
	/* The other goes on. */
	wait_for(place(115, "begun"));
	assert_int_equal(close(open(place(115, "on"), O_CREAT | O_WRONLY, 0600)), 0);
	wait_over(r, 115);
	assert_string_equal(result(115), "2 ");
	runner_client_stop(r, 0);
}

static void a_runner_that_hangs_is_done_without(void **state)
{
	struct runner_client *r = start(-1);
	int takes_ms = runner_client_takes_ms;

	begin_sh(r, 116, orphans);
	wait_for(place(116, "ready"));
	kill(runner_of(getpid()), SIGSTOP);
	struct attempt_command command = sh("");
	struct attempt attempt = attempt_of(117, &command, 1);
	struct err err;
	int64_t began = clock_monotonic();
	runner_client_takes_ms = SHORT_MS;
	while (runner_client_begin(r, 117, &attempt, &err) && clock_monotonic() < began + LONG_MS)
		;
	runner_client_takes_ms = takes_ms;
	assert_in_range(clock_monotonic() - began, SHORT_MS - 10, LONG_MS);
	assert_string_equal(err.msg, "the runner did not respond, and was killed");
	assert_false(runner_client_is_alive(r));
	assert_int_equal(next(r).kind, RUNNER_GONE);
	assert_gone(pid_in(place(116, "leader")));
	runner_client_stop(r, 0);
}

/* ---- many ---- */

static void many_are_run_one_after_the_other_and_nothing_is_left(void **state)
{
	struct runner_client *r = start(-1);
	pid_t runner = runner_of(getpid()), left[4];
	const struct attempt_command command = { .argv = (const char *[]){ "true", NULL } };

	begin_sh(r, 2999, "");
	wait_over(r, 2999);	/* the runner is set up */
	size_t ours = open_files(getpid()), theirs = open_files(runner);
	int64_t began = clock_monotonic();

	for (uint64_t id = 3000; id < 3050; id++) {
		struct attempt attempt = attempt_of(id, &command, 1);
		begin(r, id, &attempt);
		wait_over(r, id);
	}
	int64_t took = clock_monotonic() - began;
	print_message("one after the other: %d a second\n", (int)(50 * 1000 / (took ? took : 1)));
	for (uint64_t id = 3000; id < 3050; id++)
		assert_string_equal(result(id), "0 ");
	assert_int_equal(open_files(getpid()), ours);
	assert_int_equal(open_files(runner), theirs);
	assert_int_equal(children(runner, "flowsync-step", left, 4), 0);
	runner_client_stop(r, 0);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

enum { AT_ONCE = 128 };

/* As many at once as the runner is handed without waiting, and 32 of them that wait for each other. */
static void many_are_run_at_once(void **state)
{
	struct runner_client *r = start(-1);
	const struct attempt_command command = { .argv = (const char *[]){ "true", NULL } };
	int64_t began = clock_monotonic();
	bool seen[AT_ONCE] = { false };

	for (uint64_t id = 4000; id < 4000 + AT_ONCE; id++) {
		struct attempt attempt = attempt_of(id, &command, 1);
		begin(r, id, &attempt);
	}
	for (int i = 0; i < AT_ONCE; i++) {
		struct runner_event event = next(r);
		assert_int_equal(event.kind, RUNNER_ATTEMPT_ENDED);
		assert_in_range(event.id, 4000, 4000 + AT_ONCE - 1);
		assert_false(seen[event.id - 4000]);
		seen[event.id - 4000] = true;
		assert_string_equal(result(event.id), "0 ");
	}
	int64_t took = clock_monotonic() - began;
	print_message("at once: %d a second\n", (int)(AT_ONCE * 1000 / (took ? took : 1)));
	assert_int_equal(mkfifo(arena_printf(&arena, "%s/go", top), 0600), 0);
	for (uint64_t id = 4400; id < 4432; id++)
		begin_sh(r, id, "echo 1 > ../up; read go < ../../go");
	for (uint64_t id = 4400; id < 4432; id++)
		wait_for(place(id, "up"));
	/* The last of them may not have come to its read yet. */
	int go = open(arena_printf(&arena, "%s/go", top), O_RDWR);
	dprintf(go, "%s", "\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n");
	for (int i = 0; i < 32; i++)
		assert_int_equal(next(r).kind, RUNNER_ATTEMPT_ENDED);
	close(go);
	runner_client_stop(r, 0);
}

static void *use_in_thread(void *unused)
{
	struct runner_client *r = start(-1);

	begin_sh(r, 120, "exit 3");
	wait_over(r, 120);
	return r;
}

/* What started it may be a thread that ends before the service does. */
static void a_runner_outlives_the_thread_that_started_it(void **state)
{
	pthread_t thread;
	void *r = NULL;

	assert_int_equal(pthread_create(&thread, NULL, use_in_thread, NULL), 0);
	assert_int_equal(pthread_join(thread, &r), 0);
	usleep(50000);
	begin_sh(r, 121, "exit 4");
	wait_over(r, 121);
	assert_string_equal(result(121), "4 ");
	runner_client_stop(r, 0);
}

static int enter(void **state)
{
	/* Those that a killed service leaves come to us: not every machine has an init that takes them. */
	return prctl(PR_SET_CHILD_SUBREAPER, 1) || !mkdtemp(top);
}

static int leave(void **state)
{
	struct err err;
	bool good = attempt_remove(top, &err);

	arena_free(&arena);
	return !good;
}

/* A test that failed leaves a runner, which would be taken for the next test's; and what a killed one
 * leaves comes to us. */
static int clear(void **state)
{
	pid_t left[8];
	size_t count = children(getpid(), "flowsync-runner", left, ARRAY_LEN(left));

	for (size_t i = 0; i < count; i++)
		kill(left[i], SIGKILL);
	while (waitpid(-1, NULL, 0) > 0)
		;
	unlink(patience(getpid()));
	unlink(slow(getpid()));
	return 0;
}

#define test(name)	cmocka_unit_test_teardown(name, clear)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		test(the_end_of_a_command_is_told_as_by_a_shell),
		test(the_first_command_that_fails_is_the_last),
		test(a_program_that_cannot_be_run_says_so),
		test(a_command_gets_what_it_is_given_and_nothing_else),
		test(a_command_of_this_program_gets_words_and_input),
		test(what_cannot_be_begun_is_told_and_leaves_no_begun),
		test(a_flood_is_bounded_and_does_not_wait),
		test(a_line_without_an_end_is_shown_after_a_second),
		test(secrets_are_masked_though_they_come_in_parts),
		test(a_full_disk_ends_the_log_and_not_the_step),
		test(a_cgroup_that_is_not_there_is_told_and_the_command_runs),
		test(a_command_joins_its_cgroup_which_is_emptied),
		test(what_a_command_left_running_ends_with_it),
		test(what_was_left_running_and_does_not_listen_is_killed),
		test(a_crowd_that_grows_is_ended),
		test(an_attempt_is_asked_to_end_first),
		test(one_that_does_not_listen_is_killed_after_the_grace),
		test(a_second_order_may_shorten_the_grace),
		test(one_that_is_stopped_ends_too),
		test(what_is_ended_between_two_commands_has_not_succeeded),
		test(what_is_ended_at_once_may_never_have_begun),
		test(a_runner_that_is_stopped_ends_all_and_waits_for_it),
		test(signals_of_a_terminal_reach_neither_runner_nor_steps),
		test(a_service_that_is_killed_takes_all_with_it),
		test(what_waits_when_the_service_dies_is_not_begun),
		test(a_runner_that_is_killed_takes_all_with_it),
		test(a_result_that_is_known_is_written_though_the_runner_is_gone),
		test(what_ends_before_an_order_is_read_has_ended_by_itself),
		test(a_keeper_that_is_killed_leaves_nothing_but_its_folder),
		test(a_runner_that_hangs_is_done_without),
		test(many_are_run_one_after_the_other_and_nothing_is_left),
		test(many_are_run_at_once),
		test(a_runner_outlives_the_thread_that_started_it),
	};

	return argc > 1 ? act(argc, argv) : cmocka_run_group_tests(tests, enter, leave);
}
