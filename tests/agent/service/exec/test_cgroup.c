#include "tests/test.h"

#include <linux/magic.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/statfs.h>
#include <sys/wait.h>

#include "agent/service/exec/cgroup.h"
#include "agent/util/clock.h"
#include "agent/service/exec/cgroup_mount.h"
#include "reconcile/base/buf.h"
#include "tests/agent/service/exec/fake_cgroup.h"

static struct arena arena;	/* of one test */

/* ---- where the own one is ---- */

#define V1 "31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755\n" \
           "32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu\n"
#define V2 "35 24 0:30 / /sys/fs/cgroup rw,nosuid shared:9 master:3 - cgroup2 cgroup2 rw,nsdelegate\n"

static void the_own_cgroup_is_found_below_its_mount(void **state)
{
	static const struct { const char *own, *mounts, *folder; } cases[] = {
		{ "0::/system.slice/x.service\n", V2, "/sys/fs/cgroup/system.slice/x.service" },
		{ "0::/\n", V2, "/sys/fs/cgroup" },
		/* Both versions at once: the old ones before it, a mount beside theirs. */
		{ "2:cpu:/a\n1:name=systemd:/b\n0::/c\n",
		  V1 "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n", "/sys/fs/cgroup/unified/c" },
		/* Part of the tree, as a container is shown it. */
		{ "0::/docker/12ab\n", "9 8 0:30 /docker/12ab /sys/fs/cgroup ro - cgroup2 cgroup rw\n", "/sys/fs/cgroup" },
		{ "0::/docker/12ab/x\n", "9 8 0:30 /docker/12 /other rw - cgroup2 cgroup rw\n"
		  "9 8 0:30 /docker/12ab /sys/fs/cgroup rw - cgroup2 cgroup rw\n", "/sys/fs/cgroup/x" },
		{ "0::/a b", "9 8 0:30 / /my\\040cg\\134x\\08 rw - cgroup2 cgroup rw", "/my cg\\x\\08/a b" },
		{ "0::/..a", V2, "/sys/fs/cgroup/..a" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const char *folder;
		struct err err;
		if (!cgroup_mount_find(&arena, cases[i].own, cases[i].mounts, &folder, &err))
			fail_msg("case %zu: %s", i, err.msg);
		assert_string_equal(folder, cases[i].folder);
	}
}

#define NOT_MOUNTED(path) "the cgroup \"" path "\" of this process is not mounted here as version 2"

static void where_there_is_none_is_told_why(void **state)
{
	static const struct { const char *own, *mounts, *msg; } cases[] = {
		{ "", V2, "this process has no cgroup of version 2" },
		{ "2:cpu:/a\n1:name=systemd:/b\n", V1, "this process has no cgroup of version 2" },
		{ "10::/a\n0:x:/b\n0::c\n", V2, "this process has no cgroup of version 2" },
		{ "0::/a\n", V1, NOT_MOUNTED("/a") },
		{ "0::/a\n", "", NOT_MOUNTED("/a") },
		{ "0::/../a\n", V2, NOT_MOUNTED("/../a") },
		{ "0::/a\n", "9 8 0:30 /b /sys/fs/cgroup rw - cgroup2 cgroup rw\n", NOT_MOUNTED("/a") },
		{ "0::/a\n", "9 8 0:30 / /x rw -\n9 8 0:30 /\n9\n\n  \n9 8 0:30 / /x - cgroup2 cgroup2 rw\n",
		  NOT_MOUNTED("/a") },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const char *folder = "untouched";
		struct err err;
		assert_false(cgroup_mount_find(&arena, cases[i].own, cases[i].mounts, &folder, &err));
		assert_string_equal(err.msg, cases[i].msg);
		assert_string_equal(folder, "untouched");
	}
}

/* ---- a tree ---- */

#define OFFER "cpuset cpu io memory hugetlb pids\n"

static const char *at(const char *path)
{
	return arena_printf(&arena, "%s%s%s", fake_top, *path ? "/" : "", path);
}

static const char *text_of(const char *path)
{
	const char *text = fake_read(&arena, at(path));

	return text ? text : "(none)";
}

static bool there(const char *path)
{
	return access(at(path), F_OK) == 0;
}

static const char *line_of(pid_t pid)
{
	return arena_printf(&arena, "%d\n", (int)pid);
}

/* A cgroup that this process alone is in. */
static int enter(void **state)
{
	strcpy(strrchr(fake_top, '-'), "-XXXXXX");
	if (!mkdtemp(fake_top))
		return -1;
	fake_fill(fake_top);
	fake_write(at("cgroup.controllers"), OFFER);
	fake_write(at("cgroup.procs"), line_of(getpid()));
	return 0;
}

static int leave(void **state)
{
	int rc = system(arena_printf(&arena, "rm -rf %s", fake_top));

	fake_refused = fake_missing = fake_born = NULL;
	fake_dying = 0;
	arena_free(&arena);
	return rc;
}

static void all_is_as_before(void)
{
	assert_string_equal(text_of("cgroup.procs"), line_of(getpid()));
	assert_string_equal(text_of("cgroup.subtree_control"), "");
	assert_false(there("service"));
	assert_false(there("step-trial"));
}

static void opened(struct cgroups **c)
{
	struct err err;

	if (!cgroup_open(fake_top, c, &err))
		fail_msg("%s", err.msg);
}

/* %s stands for the cgroup. */
static void is_refused(const char *msg)
{
	struct cgroups *c = NULL;
	struct err err;
	CLEANUP(buf_done) struct buf said = BUF_TEXT;

	assert_false(cgroup_open(fake_top, &c, &err));
	assert_null(c);
	for (const char *s = err.msg, *next; *s; s = next) {
		next = strstr(s, fake_top);
		buf_add(&said, s, next ? (size_t)(next - s) : strlen(s));
		buf_adds(&said, next ? "TOP" : "");
		next = next ? next + strlen(fake_top) : s + strlen(s);
	}
	assert_string_equal(buf_str(&said), msg);
}

static void the_service_moves_into_a_leaf_and_back(void **state)
{
	CLEANUP(cgroup_closep) struct cgroups *c = NULL;

	opened(&c);
	assert_string_equal(text_of("cgroup.procs"), "");
	assert_string_equal(text_of("service/cgroup.procs"), line_of(getpid()));
	assert_string_equal(text_of("cgroup.subtree_control"), "cpu memory pids\n");
	assert_false(there("step-trial"));
	cgroup_close(take(c));
	all_is_as_before();
}

static pid_t start_child(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		pause();
		_exit(0);
	}
	return pid;
}

static void end_child(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void its_children_move_with_it(void **state)
{
	CLEANUP(cgroup_closep) struct cgroups *c = NULL;
	pid_t pid = start_child();

	fake_write(at("cgroup.procs"), arena_printf(&arena, "%s%s", line_of(pid), line_of(getpid())));
	opened(&c);
	assert_string_equal(text_of("cgroup.procs"), "");
	assert_string_equal(text_of("service/cgroup.procs"),
	                    arena_printf(&arena, "%s%s", line_of(pid), line_of(getpid())));
	end_child(pid);
}

static void one_that_is_born_meanwhile_moves_too(void **state)
{
	CLEANUP(cgroup_closep) struct cgroups *c = NULL;
	pid_t pid = start_child();

	fake_born = line_of(pid);
	opened(&c);
	assert_string_equal(text_of("cgroup.procs"), "");
	assert_string_equal(text_of("service/cgroup.procs"),
	                    arena_printf(&arena, "%s%s", line_of(getpid()), line_of(pid)));
	end_child(pid);
}

static void others_are_left_where_they_are(void **state)
{
	pid_t parent = getppid();

	fake_write(at("cgroup.procs"), arena_printf(&arena, "%s%s", line_of(getpid()), line_of(parent)));
	is_refused(arena_printf(&arena, "cgroup \"TOP\": it holds a process of another program (%d)", (int)parent));
	assert_string_equal(text_of("cgroup.procs"),
	                    arena_printf(&arena, "%s%s", line_of(parent), line_of(getpid())));
	assert_false(there("service"));
	/* As the kernel shows one that has no number here. */
	fake_write(at("cgroup.procs"), "0\n");
	is_refused("cgroup \"TOP\": it holds a process of another program (0)");
	assert_string_equal(text_of("cgroup.procs"), "0\n");
}

static void one_that_ended_meanwhile_is_in_nobodys_way(void **state)
{
	CLEANUP(cgroup_closep) struct cgroups *c = NULL;
	pid_t pid = start_child();

	end_child(pid);
	fake_write(at("cgroup.procs"), arena_printf(&arena, "%s%s", line_of(pid), line_of(getpid())));
	opened(&c);
	assert_string_equal(text_of("cgroup.procs"), "");
}

/* The root of all has no type; processes may stay there. */
static void nobody_moves_out_of_the_root(void **state)
{
	CLEANUP(cgroup_closep) struct cgroups *c = NULL;

	unlink(at("cgroup.type"));
	fake_write(at("cgroup.procs"), "1\n2\n");
	opened(&c);
	assert_string_equal(text_of("cgroup.procs"), "1\n2\n");
	assert_false(there("service"));
	cgroup_close(take(c));
	assert_string_equal(text_of("cgroup.procs"), "1\n2\n");
}

static void a_machine_without_pids_has_limits_all_the_same(void **state)
{
	CLEANUP(cgroup_closep) struct cgroups *c = NULL;
	const char *folder;
	struct err err;

	fake_write(at("cgroup.controllers"), "memory cpu\n");
	fake_missing = "pids.max";
	opened(&c);
	assert_string_equal(text_of("cgroup.subtree_control"), "cpu memory\n");
	assert_true(cgroup_make(c, &arena, "a", 1, 1, &folder, &err));
	assert_false(there("step-a/pids.max"));
	cgroup_close(take(c));
	assert_string_equal(text_of("cgroup.subtree_control"), "");
}

#define ABSENT(name) "cgroup \"TOP\": its controller " name \
	" is not available (version 1 may use it, or it was not delegated)"

static void what_it_does_not_offer_is_named(void **state)
{
	static const struct { const char *offer, *msg; } cases[] = {
		{ "hugetlb\n", ABSENT("cpu") }, { "", ABSENT("cpu") }, { "cpu pids\n", ABSENT("memory") },
		{ "cpuset memory\n", ABSENT("cpu") }, { "memory_x xmemory cpu\n", ABSENT("memory") },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		fake_write(at("cgroup.controllers"), cases[i].offer);
		is_refused(cases[i].msg);
		all_is_as_before();
	}
	unlink(at("cgroup.controllers"));
	is_refused("cgroup \"TOP\": no cgroup of version 2: cgroup.controllers cannot be read: "
	           "No such file or directory");
}

static void what_the_kernel_refuses_is_told_and_undone(void **state)
{
	static const struct { const char *file; int why; const char *msg; } cases[] = {
		{ "cgroup.subtree_control", EACCES, "write \"+cpu +memory +pids\" to cgroup.subtree_control: "
		  "Permission denied" },
		{ "cgroup.subtree_control", EBUSY, "write \"+cpu +memory +pids\" to cgroup.subtree_control: "
		  "Device or resource busy" },
		{ "cpu.max", EPERM, "cgroup \"TOP/step-trial\": write \"100000 100000\" to cpu.max: "
		  "Operation not permitted" },
		{ "memory.max", EINVAL, "cgroup \"TOP/step-trial\": write \"67108864\" to memory.max: "
		  "Invalid argument" },
		{ "memory.oom.group", EIO, "cgroup \"TOP/step-trial\": write \"1\" to memory.oom.group: "
		  "Input/output error" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		fake_refused = cases[i].file;
		fake_errno = cases[i].why;
		is_refused(arena_printf(&arena, "cgroup \"TOP\": %s", cases[i].msg));
		all_is_as_before();
	}
	fake_refused = "cgroup.procs";
	fake_errno = EACCES;
	is_refused(arena_printf(&arena, "cgroup \"TOP\": move process %d to \"TOP/service\": "
	                        "Permission denied", (int)getpid()));
	all_is_as_before();
	/* Nobody has to move, but nobody may come either. */
	fake_write(at("cgroup.procs"), "");
	is_refused("cgroup \"TOP\": put a process in \"TOP/step-trial\": Permission denied");
	assert_false(there("step-trial"));
	assert_string_equal(text_of("cgroup.subtree_control"), "");
}

/* Root may write everywhere, so for root somebody else tries. */
static void what_may_not_be_written_to_is_told(void **state)
{
	int status;

	assert_int_equal(chmod(fake_top, 0555), 0);
	pid_t pid = fork();
	if (pid == 0) {
		struct cgroups *c = NULL;
		struct err err;
		if (geteuid() == 0 && setuid(65534) < 0)
			_exit(1);
		if (cgroup_open(fake_top, &c, &err))
			_exit(2);
		_exit(strcmp(err.msg, arena_printf(&arena, "cgroup \"%s\": not writable: Permission denied",
		                                   fake_top)) == 0 ? 0 : 3);
	}
	waitpid(pid, &status, 0);
	assert_int_equal(status, 0);
	chmod(fake_top, 0700);
	all_is_as_before();
}

/* ---- leaves ---- */

static void a_leaf_has_its_limits(void **state)
{
	static const struct { double cpu; int64_t memory; const char *limits[3]; } cases[] = {
		{ 0.5, 512LL << 20, { "50000 100000\n", "536870912\n", "0\n" } },
		{ 4, 8LL << 30, { "400000 100000\n", "8589934592\n", "0\n" } },
		{ 0.001, 1, { "1000 100000\n", "1\n", "0\n" } },
		{ 0, 0, { "max 100000\n", "max\n", "max\n" } },
		{ -1, -1, { "max 100000\n", "max\n", "max\n" } },
		{ 1e300, INT64_MAX, { "max 100000\n", "9223372036854775807\n", "0\n" } },
	};
	CLEANUP(cgroup_closep) struct cgroups *c = NULL;

	opened(&c);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const char *folder;
		struct err err;
		assert_true(cgroup_make(c, &arena, "run-1.a_B", cases[i].cpu, cases[i].memory, &folder, &err));
		assert_string_equal(folder, at("step-run-1.a_B"));
		assert_string_equal(text_of("step-run-1.a_B/cpu.max"), cases[i].limits[0]);
		assert_string_equal(text_of("step-run-1.a_B/memory.max"), cases[i].limits[1]);
		assert_string_equal(text_of("step-run-1.a_B/memory.swap.max"), cases[i].limits[2]);
		assert_string_equal(text_of("step-run-1.a_B/memory.oom.group"), "1\n");
		assert_string_equal(text_of("step-run-1.a_B/pids.max"), "4096\n");
	}
}

static void what_an_old_kernel_does_not_have_is_left_out(void **state)
{
	CLEANUP(cgroup_closep) struct cgroups *c = NULL;
	const char *folder;
	struct err err;

	opened(&c);
	fake_missing = "memory.swap.max";
	assert_true(cgroup_make(c, &arena, "a", 1, 1, &folder, &err));
	assert_string_equal(text_of("step-a/memory.swap.max"), "(none)");
	fake_missing = "memory.max";
	assert_false(cgroup_make(c, &arena, "b", 1, 1, &folder, &err));
	assert_string_equal(err.msg, arena_printf(&arena, "cgroup \"%s\": write \"1\" to memory.max: "
	                    "No such file or directory", at("step-b")));
	assert_false(there("step-b"));
}

static void a_name_that_leads_elsewhere_is_refused(void **state)
{
	static const char *const names[] = { "", "a/b", "../x", "a b", "a\nb", "\xc3\xa4" };
	CLEANUP(cgroup_closep) struct cgroups *c = NULL;
	char *longest = arena_new(&arena, char, 252);
	const char *folder = "untouched";
	struct err err;

	opened(&c);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		assert_false(cgroup_make(c, &arena, names[i], 1, 1, &folder, &err));
		assert_string_equal(err.msg, arena_printf(&arena, "\"%s\" is not a valid name of a cgroup", names[i]));
		assert_string_equal(folder, "untouched");
	}
	memset(longest, 'x', 251);
	assert_false(cgroup_make(c, &arena, longest, 1, 1, &folder, &err));
	assert_non_null(strstr(err.msg, "is not a valid name of a cgroup"));
	longest[250] = '\0';
	assert_true(cgroup_make(c, &arena, longest, 1, 1, &folder, &err));
}

static void the_dead_of_an_earlier_life_are_not_counted(void **state)
{
	CLEANUP(cgroup_closep) struct cgroups *c = NULL;
	const char *folder;
	struct err err;

	opened(&c);
	assert_true(cgroup_make(c, &arena, "a", 1, 1, &folder, &err));
	assert_false(cgroup_out_of_memory(folder));
	fake_write(at("step-a/memory.events"), "low 0\noom 3\noom_kill 2\noom_group_kill 1\n");
	assert_true(cgroup_out_of_memory(folder));
	fake_write(at("step-a/cgroup.procs"), "77\n");
	assert_true(cgroup_make(c, &arena, "a", 1, 1, &folder, &err));
	assert_false(cgroup_out_of_memory(folder));
	assert_string_equal(text_of("step-a/cgroup.procs"), "");
}

static void only_a_kill_is_out_of_memory(void **state)
{
	static const struct { const char *events; bool out; } cases[] = {
		{ "", false }, { "oom 9\nmax 9\n", false }, { "oom_kill 0\n", false }, { "oom_kill 1", true },
		{ "xoom_kill 1\noom_kill 0\n", false }, { "oom_group_kill 1\n", false },
		{ "oom_group_kill 0\noom_kill 12\n", true },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		fake_write(at("memory.events"), cases[i].events);
		assert_int_equal(cgroup_out_of_memory(fake_top), cases[i].out);
	}
	assert_false(cgroup_out_of_memory(at("nowhere")));
}

static void who_enters_is_in_that_leaf(void **state)
{
	CLEANUP(cgroup_closep) struct cgroups *c = NULL;
	const char *folder;
	struct err err;

	opened(&c);
	assert_true(cgroup_make(c, &arena, "a", 1, 1, &folder, &err));
	pid_t pid = fork();
	if (pid == 0)
		_exit(cgroup_enter(folder) ? 0 : 1);
	int status;
	waitpid(pid, &status, 0);
	assert_int_equal(status, 0);
	assert_string_equal(text_of("step-a/cgroup.procs"), line_of(pid));
	assert_false(cgroup_enter(at("step-b")));
	assert_int_equal(errno, ENOENT);
}

static void a_leaf_goes_with_all_that_is_in_it(void **state)
{
	CLEANUP(cgroup_closep) struct cgroups *c = NULL;
	const char *folder;
	struct err err;

	opened(&c);
	assert_true(cgroup_make(c, &arena, "a", 1, 1, &folder, &err));
	fake_write(at("step-a/cgroup.procs"), "77\n");
	assert_int_equal(mkdir(at("step-a/inner"), 0755), 0);
	assert_int_equal(mkdir(at("step-a/inner/most"), 0755), 0);
	fake_write(at("step-a/inner/most/cgroup.procs"), "78\n");
	fake_dying = 5;
	cgroup_remove(folder);
	assert_false(there("step-a"));
	assert_int_equal(fake_dying, 0);
	cgroup_remove(folder);
}

static void a_leaf_that_stays_does_not_keep_the_caller(void **state)
{
	int64_t from;

	assert_int_equal(mkdir(at("step-a"), 0755), 0);
	fake_dying = 1000;
	from = clock_monotonic();
	cgroup_remove(at("step-a"));
	assert_true(there("step-a"));
	assert_in_range(fake_dying, 900, 990);
	assert_true(clock_monotonic() - from < 10000);
}

static void a_sweep_takes_steps_alone(void **state)
{
	CLEANUP(cgroup_closep) struct cgroups *c = NULL;

	opened(&c);
	assert_int_equal(mkdir(at("step-a"), 0755), 0);
	assert_int_equal(mkdir(at("step-b"), 0755), 0);
	assert_int_equal(mkdir(at("step-b/inner"), 0755), 0);
	assert_int_equal(mkdir(at("steps"), 0755), 0);
	fake_write(at("step-b/cgroup.procs"), "77\n");
	fake_write(at("step-file"), "");
	cgroup_sweep(c);
	assert_false(there("step-a"));
	assert_false(there("step-b"));
	assert_true(there("steps"));
	assert_true(there("step-file"));
	assert_string_equal(text_of("service/cgroup.procs"), line_of(getpid()));
	cgroup_sweep(c);
}

/* ---- the real kernel ---- */

/* A cgroup of our own below that of this process; NULL if this machine has no such thing. */
static const char *real_cgroup(void)
{
	const char *own = fake_read(&arena, "/proc/self/cgroup"), *folder;
	const char *mounts = fake_read(&arena, "/proc/self/mountinfo");
	struct statfs fs;
	struct err err;

	if (!own || !mounts || !cgroup_mount_find(&arena, own, mounts, &folder, &err) ||
	    statfs(folder, &fs) < 0 || fs.f_type != CGROUP2_SUPER_MAGIC)
		return NULL;
	folder = arena_printf(&arena, "%s/flowsync-test-%d", folder, (int)getpid());
	return mkdir(folder, 0755) == 0 ? folder : NULL;
}

static const char *real_text(const char *folder, const char *file)
{
	const char *text = fake_read(&arena, arena_printf(&arena, "%s/%s", folder, file));

	return text ? text : "(none)";
}

/* A process in the leaf that starts one more, and says so; both would stay for ever. */
static pid_t start_in(const char *folder)
{
	int ends[2];
	char byte;

	assert_int_equal(pipe(ends), 0);
	pid_t pid = fork();
	if (pid == 0) {
		if (cgroup_enter(folder) && fork() >= 0 && write(ends[1], "", 1) == 1)
			for (;;)
				pause();
		_exit(1);
	}
	close(ends[1]);
	assert_int_equal(read(ends[0], &byte, 1), 1);
	close(ends[0]);
	return pid;
}

/* Needs no controllers: this much runs wherever a cgroup can be made. */
static void the_real_kernel_kills_and_removes_a_leaf(void **state)
{
	const char *top = real_cgroup();
	int status;

	if (!top) {
		print_message("no cgroup of version 2 can be made on this machine\n");
		skip();
	}
	const char *leaf = arena_printf(&arena, "%s/step-a", top);
	const char *inner = arena_printf(&arena, "%s/inner", leaf);
	assert_int_equal(mkdir(leaf, 0755), 0);
	assert_int_equal(mkdir(inner, 0755), 0);
	if (strcmp(real_text(leaf, "cgroup.kill"), "(none)") == 0 && access(
	    arena_printf(&arena, "%s/cgroup.kill", leaf), F_OK) < 0) {
		cgroup_remove(leaf);
		rmdir(top);
		print_message("this kernel has no cgroup.kill\n");
		skip();
	}
	pid_t pid = start_in(inner);
	cgroup_remove(leaf);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	assert_int_equal(access(leaf, F_OK), -1);
	assert_int_equal(rmdir(top), 0);
}

/* Takes memory until it is killed. */
static pid_t start_greedy(const char *folder)
{
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	if (!cgroup_enter(folder))
		_exit(1);
	for (int i = 0; i < 1024; i++) {
		char *more = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (more == MAP_FAILED)
			_exit(2);
		memset(more, 'x', 1 << 20);
	}
	_exit(3);
}

static void use_real(struct cgroups *c)
{
	const char *folder;
	struct err err;
	int status;

	assert_true(cgroup_make(c, &arena, "greedy", 0.5, 64 << 20, &folder, &err));
	assert_string_equal(real_text(folder, "cpu.max"), "50000 100000\n");
	assert_string_equal(real_text(folder, "memory.max"), "67108864\n");
	assert_string_equal(real_text(folder, "memory.oom.group"), "1\n");
	pid_t other = start_in(folder), greedy = start_greedy(folder);
	assert_int_equal(waitpid(greedy, &status, 0), greedy);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	assert_int_equal(waitpid(other, &status, 0), other);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	assert_true(cgroup_out_of_memory(folder));
	cgroup_remove(folder);
	assert_int_equal(access(folder, F_OK), -1);
	assert_true(cgroup_make(c, &arena, "left", 1, 1 << 20, &folder, &err));
	assert_false(cgroup_out_of_memory(folder));
	cgroup_sweep(c);
	assert_int_equal(access(folder, F_OK), -1);
}

/* As a service is: alone in a cgroup that it may manage. */
static void the_real_kernel_keeps_the_limits(void **state)
{
	CLEANUP(cgroup_closep) struct cgroups *c = NULL;
	const char *top = real_cgroup();
	struct err err;

	if (!top) {
		print_message("no cgroup of version 2 can be made on this machine\n");
		skip();
	}
	const char *offer = real_text(top, "cgroup.controllers");
	if (!strstr(offer, "cpu ") || !strstr(offer, "memory")) {
		assert_false(cgroup_open(top, &c, &err));
		assert_non_null(strstr(err.msg, " is not available"));
		rmdir(top);
		print_message("%s\n", err.msg);
		skip();
	}
	char *home = arena_strndup(&arena, top, strrchr(top, '/') - top);
	assert_true(cgroup_enter(top));
	bool good = cgroup_open("auto", &c, &err);
	if (good) {
		assert_string_equal(real_text(top, "cgroup.procs"), "");
		assert_string_equal(real_text(top, "service/cgroup.procs"), line_of(getpid()));
		use_real(c);
		cgroup_close(take(c));
	}
	assert_string_equal(real_text(top, "cgroup.procs"), line_of(getpid()));
	assert_true(cgroup_enter(home));
	assert_int_equal(rmdir(top), 0);
	if (!good)
		fail_msg("%s", err.msg);
}

#define IN_TREE(test)	cmocka_unit_test_setup_teardown(test, enter, leave)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_TREE(the_own_cgroup_is_found_below_its_mount),
		IN_TREE(where_there_is_none_is_told_why),
		IN_TREE(the_service_moves_into_a_leaf_and_back),
		IN_TREE(its_children_move_with_it),
		IN_TREE(one_that_is_born_meanwhile_moves_too),
		IN_TREE(others_are_left_where_they_are),
		IN_TREE(one_that_ended_meanwhile_is_in_nobodys_way),
		IN_TREE(nobody_moves_out_of_the_root),
		IN_TREE(a_machine_without_pids_has_limits_all_the_same),
		IN_TREE(what_it_does_not_offer_is_named),
		IN_TREE(what_the_kernel_refuses_is_told_and_undone),
		IN_TREE(what_may_not_be_written_to_is_told),
		IN_TREE(a_leaf_has_its_limits),
		IN_TREE(what_an_old_kernel_does_not_have_is_left_out),
		IN_TREE(a_name_that_leads_elsewhere_is_refused),
		IN_TREE(the_dead_of_an_earlier_life_are_not_counted),
		IN_TREE(only_a_kill_is_out_of_memory),
		IN_TREE(who_enters_is_in_that_leaf),
		IN_TREE(a_leaf_goes_with_all_that_is_in_it),
		IN_TREE(a_leaf_that_stays_does_not_keep_the_caller),
		IN_TREE(a_sweep_takes_steps_alone),
		IN_TREE(the_real_kernel_kills_and_removes_a_leaf),
		IN_TREE(the_real_kernel_keeps_the_limits),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
