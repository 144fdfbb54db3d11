#include "tests/descriptors.h"
#include "agent/source/source_dir.h"
#include "agent/source/dir_watch.h"

#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include "reconcile/base/buf.h"

/* Each test runs in a directory of its own, in which "s" is the source. */
static char top[] = "/tmp/flowsync-test-XXXXXX";
static char *came_from;

static void sh(const char *command)
{
	CLEANUP(arena_free) struct arena a = { 0 };

	if (system(arena_printf(&a, "set -e; %s", command)) != 0)
		fail_msg("failed: %s", command);
}

static int enter(void **state)
{
	strcpy(top + strlen(top) - 6, "XXXXXX");
	came_from = getcwd(NULL, 0);
	if (!came_from || !mkdtemp(top) || chdir(top))
		return -1;
	sh("mkdir -p s/x/y other; echo 1 > s/a.yaml; echo 1 > s/x/b.yml; echo 1 > s/x/y/c.yaml;"
	   "echo 1 > s/notes");
	return 0;
}

static int leave(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	int failed = chdir(came_from) || system(arena_printf(&a, "chmod -R u+rwx %s; rm -rf %s", top, top));

	free(came_from);
	return failed;
}

static struct dir_watch *open_watch(const char *dir)
{
	struct dir_watch *w = NULL;
	struct err err;

	if (!dir_watch_open(dir, &w, &err))
		fail_msg("%s", err.msg);
	assert_null(dir_watch_degraded(w));
	assert_false(dir_watch_read(w));
	return w;
}

/* A change with its events, and what can be seen of it: an event that comes later in the same
 * moment, as the last word of a watch that was let go of, is none that matters. */
static void changes(struct dir_watch *w, const char *command)
{
	sh(command);
	if (!dir_watch_read(w))
		fail_msg("not seen: %s", command);
	if (dir_watch_read(w))
		fail_msg("seen twice: %s", command);
}

static void changes_nothing(struct dir_watch *w, const char *command)
{
	sh(command);
	if (dir_watch_read(w))
		fail_msg("woke somebody up: %s", command);
}

/* By an event or by a scan; both are done. */
static bool change_is_seen(struct dir_watch *w)
{
	bool event = dir_watch_read(w);

	return dir_watch_scan(w) || event;
}

/* Whatever happened, the watch is on all that is there now. */
static void sees_all(struct dir_watch *w)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	char name[256];
	FILE *found = popen("find -L s -name '.?*' -prune -o '(' -name '*.yaml' -o -name '*.yml' ')'"
	                    " -type f -print 2>/dev/null", "r");

	assert_non_null(found);
	while (fscanf(found, "%255s", name) == 1)
		changes(w, arena_printf(&a, "echo 2 > %s", name));
	pclose(found);
	changes(w, "[ -d s ] || mkdir s; echo 1 > s/new.yaml");
}

static void each_way_to_change_a_file_is_seen(void **state)
{
	static const char *const ways[] = {
		"echo 2 > s/a.yaml",
		"echo 2 >> s/x/y/c.yaml",
		": > s/a.yaml; echo 2 > s/a.yaml",
		"echo 2 > s/tmp; mv s/tmp s/a.yaml",
		"echo 2 > s/.a.yaml.tmp; mv s/.a.yaml.tmp s/a.yaml",
		"echo 2 > other/tmp; mv other/tmp s/a.yaml",
		"sed -i s/1/2/ s/x/b.yml",
		/* vim with backupcopy=no and =yes, nano, emacs */
		"echo 1 > s/4913; rm s/4913; mv s/a.yaml s/a.yaml~; echo 2 > s/a.yaml; rm s/a.yaml~",
		"echo 1 > s/.a.yaml.swp; cp s/a.yaml s/a.yaml~; echo 2 > s/a.yaml; rm s/a.yaml~ s/.a.yaml.swp",
		"ln -s me@host.1 s/.#a.yaml; echo 2 > s/a.yaml; rm s/.#a.yaml",
		"echo 1 > s/new.yaml",
		"cp s/a.yaml s/new.yaml",
		"cp -p s/a.yaml s/new.yaml",
		"ln s/notes s/new.yaml",
		"ln s/notes s/new.yaml; rm s/notes",
		"ln -s a.yaml s/new.yaml",
		"ln -s nowhere s/new.yaml",
		"mkfifo s/new.yaml",
		"rm s/a.yaml",
		"mv s/a.yaml s/z.yaml",
		"mv s/a.yaml s/a.txt",
		"mv s/a.yaml s/x/",
		"mv s/a.yaml other/",
		"mv s/a.yaml s/.a.yaml",
		"chmod 600 s/a.yaml",
		"chmod 700 s/x/y",
		"touch s/a.yaml",
		"echo '/x/' > s/.flowsyncignore",
		"echo '*.yml' > s/x/.flowsyncignore",
		"ln s/notes s/.flowsyncignore",
	};

	for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
		if (i)
			assert_false(leave(state) || enter(state));
		struct dir_watch *w = open_watch("s");
		changes(w, ways[i]);
		dir_watch_close(w);
	}
}

static void each_way_to_change_folders_is_seen_and_all_is_watched_after_it(void **state)
{
	static const char *const ways[] = {
		"mkdir s/n",
		"mkdir -p s/n/m/o; echo 1 > s/n/m/o/d.yaml",
		"mkdir -p other/n/m; echo 1 > other/n/m/d.yaml; mv other/n s/",
		"mkdir -p other/n; echo 1 > other/n/d.yaml; cp -r other/n s/folder.yaml",
		"rm -r s/x",
		"rm -r s/x; mkdir s/x; echo 1 > s/x/d.yaml",
		"mv s/x s/z",
		"mv s/x s/z; mkdir s/x; echo 1 > s/x/d.yaml",
		"mv s/x/y s/",
		"mv s/x other/",
		"mv s/x s/.x",
		"rm -r s",
		"rm -r s; mkdir s; echo 1 > s/d.yaml",
		"rm -r s; mkdir -p s/n; echo 1 > s/n/d.yaml",
		"mv s t; cp -r t s",
		"mv s t",
		"rm -r s; echo 1 > s; rm s",
		"mkdir -p s/.store/v1; echo 1 > s/.store/v1/d.yaml; ln -s .store/v1 s/current",
	};

	for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
		if (i)
			assert_false(leave(state) || enter(state));
		struct dir_watch *w = open_watch("s");
		changes(w, ways[i]);
		sees_all(w);
		dir_watch_close(w);
	}
}

static void what_cannot_matter_wakes_nobody(void **state)
{
	static const char *const ways[] = {
		"echo 2 > s/notes; touch s/notes; chmod 600 s/notes; mv s/notes s/x/; rm s/x/notes",
		"echo 1 > s/.a.yaml.swp; mv s/.a.yaml.swp s/.a.yaml.swo; rm s/.a.yaml.swo",
		"cp s/a.yaml s/a.yaml~; rm s/a.yaml~; echo 1 > s/4913; rm s/4913",
		"(cat s/a.yaml s/x/b.yml; ls -R s; find s | xargs stat) >/dev/null",
		"ln -s me@host.1 s/.#a.yaml; rm s/.#a.yaml",
		"cd s; mkdir .git; echo 1 > .git/index.lock; mv .git/index.lock .git/index; echo 1 > .git/d.yaml",
		"echo 1 > other/d.yaml; mkdir n; echo 1 > n/d.yaml; rm -r n; echo 1 > d.yaml; mv d.yaml e.yaml",
		"echo 1 > s/x/out.yaml; mv s/x/out.yaml s/x/out.yml; rm s/x/out.yml",
		"mkdir s/drafts; echo 1 > s/drafts/d.yaml; mv s/drafts other/",
		"mkdir s/x/tmp.yaml; echo 1 > s/x/tmp.yaml/d.yaml",
	};

	sh("printf 'out.*\\n/drafts/\\n' > s/.flowsyncignore; echo 'tmp.*' > s/x/.flowsyncignore");
	struct dir_watch *w = open_watch("s");
	for (size_t i = 0; i < ARRAY_LEN(ways); i++)
		changes_nothing(w, ways[i]);
	changes(w, "rm s/.flowsyncignore s/x/.flowsyncignore");
	sees_all(w);
	dir_watch_close(w);
}

static void a_file_that_is_being_written_counts_when_it_is_closed(void **state)
{
	struct dir_watch *w = open_watch("s");
	int fd = open("s/new.yaml", O_CREAT | O_WRONLY, 0666);

	assert_true(fd >= 0);
	assert_false(dir_watch_read(w));
	for (int i = 0; i < 3; i++) {
		assert_int_equal(write(fd, "1", 1), 1);
		assert_false(dir_watch_read(w));
	}
	close(fd);
	assert_true(dir_watch_read(w));
	dir_watch_close(w);
}

static void rules_that_come_and_go_change_what_is_watched(void **state)
{
	struct dir_watch *w = open_watch("s");

	changes(w, "echo '/x/' > s/.flowsyncignore");
	changes_nothing(w, "echo 2 > s/x/b.yml; echo 2 > s/x/y/c.yaml");
	changes(w, "rm s/.flowsyncignore");
	sees_all(w);
	dir_watch_close(w);
}

static void a_volume_of_kubernetes_is_seen_at_each_swap(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };

	sh("rm -r s/*; mkdir s/..1; echo 1 > s/..1/a.yaml; echo 1 > s/..1/b.yaml; ln -s ..1 s/..data;"
	   "ln -s ..data/a.yaml s/a.yaml; ln -s ..data/b.yaml s/b.yaml");
	struct dir_watch *w = open_watch("s");
	for (int i = 2; i < 20; i++)
		changes(w, arena_printf(&a, "mkdir s/..%d; echo %d > s/..%d/a.yaml; echo 1 > s/..%d/b.yaml;"
		                        "ln -s ..%d s/..data_tmp; mv -T s/..data_tmp s/..data; rm -r s/..%d",
		                        i, i, i, i, i, i - 1));
	changes(w, "echo 3 > s/..19/a.yaml");
	changes(w, "rm s/..19/b.yaml");
	changes_nothing(w, "echo 3 > s/..19/other; mkdir s/..20");
	sees_all(w);
	dir_watch_close(w);
}

static void a_link_inside_is_watched_on_all_its_way(void **state)
{
	sh("mkdir -p s/.store/v1 s/.store/v2; echo 1 > s/.store/v1/d.yaml; echo 1 > s/.store/v2/d.yaml;"
	   "ln -s v1 s/.store/now; ln -s .store/now s/current; ln -s .store/later/e.yaml s/e.yaml");
	struct dir_watch *w = open_watch("s");
	changes(w, "echo 2 > s/.store/v1/d.yaml");
	changes_nothing(w, "echo 2 > s/.store/v2/d.yaml");
	changes(w, "ln -s v2 s/.store/tmp; mv -T s/.store/tmp s/.store/now");
	changes(w, "echo 3 > s/.store/v2/d.yaml");
	changes_nothing(w, "echo 3 > s/.store/v1/d.yaml");
	/* one that leads nowhere yet */
	changes(w, "mkdir s/.store/later");
	changes(w, "echo 1 > s/.store/later/e.yaml");
	changes(w, "echo 2 > s/.store/later/e.yaml");
	changes(w, "rm s/current");
	changes_nothing(w, "echo 3 > s/.store/v2/d.yaml");
	sees_all(w);
	dir_watch_close(w);
}

static void a_source_below_a_link_that_is_swapped_is_seen(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	const char *const sources[] = {
		"l/x", "l", "./l/", "deep/../l/x", arena_printf(&a, "%s/l/x", top),
	};

	for (size_t i = 0; i < ARRAY_LEN(sources); i++) {
		sh("rm -rf deep v1 v2 v3 l; mkdir deep; cp -r s v1; cp -r s v2; ln -s v1 l");
		struct dir_watch *w = open_watch(sources[i]);
		changes(w, "echo 2 > l/x/b.yml");
		changes_nothing(w, "echo 2 > v2/x/b.yml");
		changes(w, "ln -s v2 tmp; mv -T tmp l");
		changes(w, "echo 3 > l/x/b.yml");
		changes_nothing(w, "echo 3 > v1/x/b.yml");
		changes(w, "rm l");
		changes(w, "ln -s v1 l");
		changes(w, "echo 4 > v1/x/b.yml");
		/* what the link leads to, in whose place another is put */
		changes(w, "mv v1 v3; mv v2 v1");
		changes(w, "echo 5 > v1/x/b.yml");
		dir_watch_close(w);
	}
}

static void a_source_that_comes_and_goes_with_the_folders_above_it_is_seen(void **state)
{
	struct dir_watch *w = open_watch("p/q/r");

	changes_nothing(w, "mkdir z; echo 1 > z/a.yaml");
	for (int i = 0; i < 3; i++) {
		changes(w, "mkdir p");
		changes_nothing(w, "mkdir p/z");
		changes(w, "mkdir -p p/q");
		changes(w, "mkdir -p p/q/r");
		changes(w, "echo 1 > p/q/r/a.yaml");
		changes(w, "mv p/q p/z/; mkdir p/q");
		changes(w, "mv p/z/q/r p/q/");
		changes(w, "echo 2 > p/q/r/a.yaml");
		changes(w, "rm -r p");
	}
	dir_watch_close(w);
}

/* Mounting causes no event on what is below; unmounting does. */
static void a_source_that_is_mounted_again_is_watched_again(void **state)
{
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		skip();		/* only root may mount */
	struct dir_watch *w = open_watch("s");

	for (int i = 0; i < 2; i++) {
		sh("mount -t tmpfs none s; echo 1 > s/m.yaml");
		assert_true(dir_watch_scan(w));
		sees_all(w);
		sh("umount s");
		assert_true(dir_watch_read(w));
		sees_all(w);
		sh("mount -t tmpfs none s; umount s; mount -t tmpfs none s; echo 2 > s/n.yaml");
		assert_true(change_is_seen(w));
		sees_all(w);
		sh("umount -l s");
		assert_true(change_is_seen(w));
		sees_all(w);
	}
	dir_watch_close(w);
}

static void a_queue_that_runs_over_is_a_change_and_all_is_watched_after_it(void **state)
{
	int most = 0;
	FILE *limit = fopen("/proc/sys/fs/inotify/max_queued_events", "r");

	assert_non_null(limit);
	assert_int_equal(fscanf(limit, "%d", &most), 1);
	fclose(limit);
	if (most > 100000)
		skip();		/* would take long */
	struct dir_watch *w = open_watch("s");
	/* Equal events in a row are one, so they take turns; what follows them is lost. */
	for (int i = 0; i <= most / 2; i++) {
		chmod("s/notes", 0600);
		chmod("s/x/y/c.yaml", 0600);
	}
	changes(w, "mkdir s/n; echo 1 > s/n/d.yaml");
	sees_all(w);
	dir_watch_close(w);
}

static void a_scan_finds_what_no_event_told_and_nothing_else(void **state)
{
	struct dir_watch *w = open_watch("s");
	int fd = open("s/a.yaml", O_RDWR);
	char *bytes = mmap(NULL, 2, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	struct stat before, after;

	assert_false(dir_watch_scan(w));
	changes(w, "echo 2 > s/x/b.yml");
	assert_false(dir_watch_scan(w));
	assert_true(bytes != MAP_FAILED && fstat(fd, &before) == 0);
	bytes[0] = '7';
	msync(bytes, 2, MS_SYNC);
	fstat(fd, &after);
	assert_false(dir_watch_read(w));
	/* in memory, a file that is mapped has no stamps */
	if (memcmp(&before.st_mtim, &after.st_mtim, sizeof after.st_mtim) != 0)
		assert_true(dir_watch_scan(w));
	assert_false(dir_watch_scan(w));
	munmap(bytes, 2);
	close(fd);
	sh("rm -r s/x");
	assert_true(dir_watch_scan(w));
	assert_false(dir_watch_scan(w));
	sh("rm -r s");
	assert_true(dir_watch_scan(w));
	assert_false(dir_watch_scan(w));
	sh("mkdir s");
	assert_true(dir_watch_scan(w));
	assert_false(dir_watch_scan(w));
	dir_watch_close(w);
}

static void a_file_that_is_written_is_looked_at_alone(void **state)
{
	static const char *const saves[] = {
		"echo 2 > s/a.yaml", "echo 3 > s/x/y/c.yaml; echo 3 > s/a.yaml", "chmod 600 s/a.yaml",
		"echo 4 > s/.a.tmp; mv s/.a.tmp s/a.yaml", "rm s/a.yaml; echo 5 > s/a.yaml",
		"echo 6 > s/tmp; mv s/tmp s/x/y/c.yaml",
	};
	/* Writing to a second name of a file is no event in the folder of the first. */
	sh("ln s/x/b.yml other/b; ln -s x s/z; mkdir s/.h; echo 1 > s/.h/h.yaml; ln -s .h/h.yaml s/h.yaml");
	struct dir_watch *w = open_watch("s");

	for (size_t i = 0; i < ARRAY_LEN(saves); i++) {
		changes(w, saves[i]);
		if (dir_watch_scan(w))
			fail_msg("the stamps are not taken: %s", saves[i]);
		changes_nothing(w, "echo 1 >> other/b");
		changes(w, saves[i]);
		if (!dir_watch_scan(w))
			fail_msg("the source is scanned: %s", saves[i]);
	}
	changes(w, "echo 1 > s/x/y/c.yaml");	/* which has two names */
	assert_false(dir_watch_scan(w));
	changes(w, "echo 1 > s/.h/h.yaml");	/* in a folder to which only a link leads */
	assert_false(dir_watch_scan(w));
	/* What wakes nobody changes the stamps of its folder, and a later scan must not take that for a change. */
	changes_nothing(w, "echo 1 > s/x/.b.yml.swp; rm s/x/.b.yml.swp; echo 1 > s/x/y/notes");
	assert_false(dir_watch_scan(w));
	/* Whatever else happened at the same time. */
	changes(w, "echo 1 > s/a.yaml; mkdir s/new; echo 1 > s/x/b.yml");
	changes(w, "echo 1 > s/new/d.yaml");
	assert_false(dir_watch_scan(w));
	dir_watch_close(w);
}

static int watches_of(const struct dir_watch *w)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	FILE *info = fopen(arena_printf(&a, "/proc/self/fdinfo/%d", dir_watch_fd(w)), "r");
	char *line = NULL;
	size_t room = 0;
	int count = 0;

	assert_non_null(info);
	while (getline(&line, &room, info) >= 0)
		count += strncmp(line, "inotify ", 8) == 0;
	free(line);
	fclose(info);
	return count;
}

static void hundreds_of_folders_come_and_go_and_none_is_kept(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	int files = count_descriptors();
	struct dir_watch *w = open_watch("s");
	int watches = watches_of(w);

	for (int i = 0; i < 500; i++) {
		const char *name = arena_printf(&a, "s/n%d", i % 7), *moved = arena_printf(&a, "other/n%d", i);
		assert_int_equal(mkdir(name, 0777), 0);
		assert_true(dir_watch_read(w));
		assert_int_equal(watches_of(w), watches + 1);
		assert_int_equal(i % 2 ? rmdir(name) : rename(name, moved), 0);
		assert_true(dir_watch_read(w));
		assert_int_equal(watches_of(w), watches);
	}
	dir_watch_close(w);
	assert_int_equal(count_descriptors(), files);
}

/* The limits of a user are lower in a namespace of users of his own; those of the machine are left
 * alone.  Returns what sees() says there, or 77 where namespaces are forbidden. */
static int with_limit(const char *limit, const char *most, int (*sees)(void))
{
	pid_t pid = fork();
	int status, fd;

	assert_true(pid >= 0);
	if (pid == 0) {
		if (unshare(CLONE_NEWUSER) < 0 || (fd = open(limit, O_WRONLY)) < 0 ||
		    write(fd, most, strlen(most)) < 0)
			_exit(77);
		_exit(sees());
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

static int sees_what_it_has_watches_for(void)
{
	struct dir_watch *w;
	struct err err;

	/* the folders above the source come first */
	if (!dir_watch_open("s", &w, &err) || !dir_watch_degraded(w) ||
	    strcmp(dir_watch_degraded(w), "s: the system has no inotify watch left for some of its folders "
	                                  "(fs.inotify.max_user_watches): changes in them are found only by regular "
	                                  "scans") != 0)
		return 1;
	if (system("echo 2 > s/a.yaml") || !dir_watch_read(w))
		return 2;
	if (system("echo 2 > s/x/y/c.yaml") || dir_watch_read(w) || !dir_watch_scan(w) || dir_watch_scan(w))
		return 3;
	if (system("rm -r s/x") || !dir_watch_read(w) || dir_watch_degraded(w))
		return 4;
	dir_watch_close(w);
	return 0;
}

static int sees_by_looking_alone(void)
{
	struct dir_watch *w;
	struct err err;

	if (!dir_watch_open("s", &w, &err) || dir_watch_fd(w) != -1 || !dir_watch_degraded(w) ||
	    strcmp(dir_watch_degraded(w), "s: the system has no inotify instance left "
	                                  "(fs.inotify.max_user_instances): changes are found only by regular scans") != 0)
		return 1;
	if (system("echo 3 > s/a.yaml") || dir_watch_read(w) || !dir_watch_scan(w) || dir_watch_scan(w))
		return 2;
	dir_watch_close(w);
	return 0;
}

static void without_room_for_more_watches_it_says_so_and_scans(void **state)
{
	int limited = with_limit("/proc/sys/user/max_inotify_watches", "2", sees_what_it_has_watches_for);
	int none = with_limit("/proc/sys/user/max_inotify_instances", "0", sees_by_looking_alone);

	if (limited == 77 || none == 77)
		skip();
	assert_int_equal(limited, 0);
	assert_int_equal(none, 0);
}

/* ---- a writer that is never asked to wait ---- */

enum { FILES = 5, STATES = 350, ROOM = 200, STILL_MS = 40 };

/* In memory that two processes share. */
struct file_history {
	char states[STATES][ROOM];	/* each is there before it is made true */
	atomic_int count;
	atomic_int reads;		/* of the reader, so far */
};

struct writer {
	struct file_history *history;
	unsigned seed;
	int number;			/* of the folder that s/d leads to */
	bool other_name;		/* of the folder that s/b is */
	struct { int place, version; } files[FILES];
};

static unsigned pick(struct writer *w, unsigned below)
{
	w->seed = w->seed * 1103515245 + 12345;
	return (w->seed >> 16) % below;
}

static const char *place_of(const struct writer *w, int place)
{
	return ((const char *[]){ "a", w->other_name ? "e/c" : "b/c", "d", "" })[place];
}

/* As the reader sees it: sorted by name. */
static void tell_state(const struct writer *w)
{
	static const char *const order[] = { "", "a", "b/c", "d", "e/c" };
	CLEANUP(buf_done) struct buf text = BUF(ROOM - 1);

	for (size_t o = 0; o < ARRAY_LEN(order); o++)
		for (int i = 0; i < FILES; i++)
			if (strcmp(place_of(w, w->files[i].place), order[o]) == 0)
				buf_addf(&text, "%s%s%d=%d ", order[o], *order[o] ? "/" : "", i, w->files[i].version);
	assert_false(text.full);
	strcpy(w->history->states[w->history->count], buf_str(&text));
	w->history->count++;
}

static void write_file(const char *path, int version)
{
	FILE *file = fopen(path, "w");

	if (!file || fprintf(file, "%d", version) < 0 || fclose(file))
		_exit(1);
}

static void try(int result)
{
	if (result < 0)
		_exit(2);
}

static void move_file(struct writer *w, struct arena *a)
{
	int i = pick(w, FILES), from = w->files[i].place;

	w->files[i].place = pick(w, 4);
	tell_state(w);
	try(rename(arena_printf(a, "s/%s/%d.yaml", place_of(w, from), i),
	           arena_printf(a, "s/%s/%d.yaml", place_of(w, w->files[i].place), i)));
}

static void rewrite_file(struct writer *w, struct arena *a)
{
	int i = pick(w, FILES);
	const char *path = arena_printf(a, "s/%s/%d.yaml", place_of(w, w->files[i].place), i);

	w->files[i].version++;
	write_file("s/tmp", w->files[i].version);
	tell_state(w);
	try(rename("s/tmp", path));
}

static void rename_folder(struct writer *w, struct arena *a)
{
	w->other_name = !w->other_name;
	tell_state(w);
	try(rename(w->other_name ? "s/b" : "s/e", w->other_name ? "s/e" : "s/b"));
}

/* All files of s/d become others at once, as in a volume of Kubernetes. */
static void swap_link(struct writer *w, struct arena *a)
{
	const char *fresh = arena_printf(a, "s/.d%d", ++w->number);

	try(mkdir(fresh, 0777));
	for (int i = 0; i < FILES; i++)
		if (w->files[i].place == 2)
			write_file(arena_printf(a, "%s/%d.yaml", fresh, i), ++w->files[i].version);
	try(symlink(fresh + 2, "s/.tmp"));
	tell_state(w);
	try(rename("s/.tmp", "s/d"));
	try(system(arena_printf(a, "rm -r s/.d%d", w->number - 1)));
}

static void write_at_random(struct file_history *history, unsigned seed)
{
	static void (*const ways[])(struct writer *, struct arena *) = {
		move_file, move_file, move_file, move_file, rewrite_file, rewrite_file, rename_folder, swap_link,
	};
	struct writer w = { .history = history, .seed = seed };
	pid_t reader = getppid();

	while (history->count < STATES - 50) {
		for (unsigned burst = 1 + pick(&w, 20); burst-- > 0; ) {
			CLEANUP(arena_free) struct arena a = { 0 };
			ways[pick(&w, ARRAY_LEN(ways))](&w, &a);
		}
		/* Some bursts come into a read, others when there was one since the last. */
		int reads = history->reads;
		if (pick(&w, 4) == 0)
			usleep(1000 * pick(&w, 2 * STILL_MS));
		else
			while (history->reads == reads && getppid() == reader)
				usleep(2000);
	}
	_exit(0);
}

static const char *state_read(struct arena *a)
{
	struct diagnostics f = { .arena = a };
	struct source_files files = { 0 };
	const char *all = "";
	struct err err;

	if (!source_dir_settled(a, "s", -1, &files, &f, &err))
		return NULL;
	for (size_t i = 0; i < f.count; i++)
		fail_msg("%s: %s", f.items[i].at.file, f.items[i].message);
	for (size_t i = 0; i < files.count; i++) {
		const char *name = files.items[i].name + 2;
		if (strncmp(name, "c/", 2) != 0)
			all = arena_printf(a, "%s%.*s=%s ", all, (int)strlen(name) - 5, name, files.items[i].bytes);
	}
	return all;
}

/* Where the state stands in history, from `from` on. */
static int place_in(const struct file_history *h, const char *state, int from)
{
	for (int i = from; i < h->count; i++)
		if (strcmp(h->states[i], state) == 0)
			return i;
	fail_msg("never was so: %s", state);
	return -1;
}

static void all_that_is_read_was_there_at_one_moment_and_no_change_is_missed(void **state)
{
	struct file_history *h = mmap(NULL, sizeof *h, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	const char *text = getenv("SEED");
	unsigned seed = text ? (unsigned)atoi(text) : (unsigned)getpid();
	int status = -1, at = 0, still_ms = source_dir_still_ms;
	pid_t pid, ended = 0;

	assert_true(h != MAP_FAILED);
	sh("rm -r s; mkdir -p s/a s/b/c s/.d0; ln -s .d0 s/d;"
	   "for i in 0 1 2 3 4; do printf 0 > s/a/$i.yaml; done;"
	   /* many files between the others, so that reading takes a while */
	   "mkdir s/c; cd s/c; seq -f %g.yaml 300 | xargs touch");
	strcpy(h->states[h->count++], "a/0=0 a/1=0 a/2=0 a/3=0 a/4=0 ");
	struct dir_watch *w = open_watch("s");
	source_dir_still_ms = STILL_MS;
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		write_at_random(h, seed);
	while (ended == 0) {
		CLEANUP(arena_free) struct arena a = { 0 };
		ended = waitpid(pid, &status, WNOHANG);
		dir_watch_read(w);
		const char *now = state_read(&a);
		if (now) {
			at = place_in(h, now, at);
			h->reads++;
		}
	}
	print_message("%d states, %d read, seed %u\n", h->count, h->reads, seed);
	assert_int_equal(status, 0);
	assert_int_equal(ended, pid);
	assert_string_equal(h->states[at], h->states[h->count - 1]);
	/* its last look is of what there is now: every change was told of */
	dir_watch_read(w);
	assert_false(dir_watch_scan(w));
	dir_watch_close(w);
	munmap(h, sizeof *h);
	source_dir_still_ms = still_ms;
}

#define IN_DIRECTORY(test)	cmocka_unit_test_setup_teardown(test, enter, leave)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_DIRECTORY(each_way_to_change_a_file_is_seen),
		IN_DIRECTORY(each_way_to_change_folders_is_seen_and_all_is_watched_after_it),
		IN_DIRECTORY(what_cannot_matter_wakes_nobody),
		IN_DIRECTORY(a_file_that_is_being_written_counts_when_it_is_closed),
		IN_DIRECTORY(rules_that_come_and_go_change_what_is_watched),
		IN_DIRECTORY(a_volume_of_kubernetes_is_seen_at_each_swap),
		IN_DIRECTORY(a_link_inside_is_watched_on_all_its_way),
		IN_DIRECTORY(a_source_below_a_link_that_is_swapped_is_seen),
		IN_DIRECTORY(a_source_that_comes_and_goes_with_the_folders_above_it_is_seen),
		IN_DIRECTORY(a_source_that_is_mounted_again_is_watched_again),
		IN_DIRECTORY(a_queue_that_runs_over_is_a_change_and_all_is_watched_after_it),
		IN_DIRECTORY(a_file_that_is_written_is_looked_at_alone),
		IN_DIRECTORY(a_scan_finds_what_no_event_told_and_nothing_else),
		IN_DIRECTORY(hundreds_of_folders_come_and_go_and_none_is_kept),
		IN_DIRECTORY(all_that_is_read_was_there_at_one_moment_and_no_change_is_missed),
		IN_DIRECTORY(without_room_for_more_watches_it_says_so_and_scans),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
