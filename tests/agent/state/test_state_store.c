#include "tests/test.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/state/state_store.h"
#include "agent/util/file_lock.h"
#include "reconcile/tree/json.h"

#define ENDPOINT	"https://s/workflows/api/v1"

enum { NOBODY = 65534 };

struct fixture {
	char top[32];
	const char *dir, *file;
	struct arena arena;
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	assert_non_null(f);
	strcpy(f->top, "/tmp/flowsync-state-XXXXXX");
	assert_non_null(mkdtemp(f->top));
	/* What would mean something in a URI. */
	f->dir = arena_printf(&f->arena, "%s/a/s?mode=rw#%%41", f->top);
	f->file = arena_printf(&f->arena, "%s/state.db", f->dir);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	int failed = system(arena_printf(&f->arena, "rm -rf %s", f->top));

	arena_free(&f->arena);
	free(f);
	return failed;
}

static struct state_store *open_as(struct fixture *f, enum state_store_mode use, const char *endpoint,
                             const char *owner)
{
	struct state_store *s = NULL;
	struct err err;

	if (!state_store_open(f->dir, use, endpoint, owner, &s, &err))
		fail_msg("%s", err.msg);
	return s;
}

static struct state_store *open_state(struct fixture *f, enum state_store_mode use)
{
	return open_as(f, use, ENDPOINT, "default");
}

static const struct node *tree(struct fixture *f, const char *json)
{
	struct node *n;
	struct err err;

	if (!json)
		return NULL;
	if (!json_read(&f->arena, json, strlen(json), &n, &err))
		fail_msg("%s", err.msg);
	return n;
}

static bool put_record(struct state_store *s, const struct applied_record *record, struct err *err)
{
	state_store_put(s, record);
	return state_store_commit(s, false, err);
}

static void commit(struct state_store *s)
{
	struct err err;

	if (!state_store_commit(s, true, &err))
		fail_msg("%s", err.msg);
}

static void put(struct state_store *s, const char *name)
{
	state_store_put(s, &(struct applied_record){ .name = name, .id = 1 });
	commit(s);
}

static void add_tree(const char *key, const struct node *n, struct buf *out)
{
	if (!n)
		return;
	buf_addf(out, " %s=", key);
	json_write(n, JSON_COMPACT, out);
}

/* All records and intents, one a line. */
static const char *dump(struct fixture *f, struct state_store *s)
{
	CLEANUP(buf_done) struct buf text = BUF_TEXT;
	struct applied_records all = { 0 };
	struct err err;

	if (!state_store_load(s, &f->arena, &all, &err))
		fail_msg("%s", err.msg);
	for (const struct applied_record *r = all.items; r < all.items + all.count; r++) {
		buf_addf(&text, "%s %lld %s%s", r->name, (long long)r->id, r->digest ? r->digest : "-",
		         r->paused ? " paused" : "");
		add_tree("body", applied_record_body(&f->arena, r), &text);
		add_tree("settled", r->settled, &text);
		buf_addc(&text, '\n');
	}
	for (const struct applied_intent *i = all.intents; i < all.intents + all.intent_count; i++) {
		buf_addf(&text, "%s intends %s at %lld%s", i->name, i->digest, (long long)i->at, i->creates ? " creates" : "");
		add_tree("body", applied_intent_body(&f->arena, i), &text);
		buf_addc(&text, '\n');
	}
	return arena_strdup(&f->arena, buf_str(&text));
}

static const char *dump_of(struct fixture *f, enum state_store_mode use, const char *endpoint, const char *owner)
{
	CLEANUP(state_store_closep) struct state_store *s = open_as(f, use, endpoint, owner);

	return dump(f, s);
}

/* The names, sizes, times and modes of what stands in dir, and of dir itself; "" if it is not
 * there. */
static const char *listing(struct fixture *f)
{
	CLEANUP(buf_done) struct buf text = BUF_TEXT;
	struct dirent **names;
	struct stat st;
	int count = scandir(f->dir, &names, NULL, alphasort);

	for (int i = 0; i < count; i++) {
		assert_int_equal(stat(arena_printf(&f->arena, "%s/%s", f->dir, names[i]->d_name), &st), 0);
		if (strcmp(names[i]->d_name, "..") != 0)
			buf_addf(&text, "%s %lld %lld.%09ld %o\n", names[i]->d_name, (long long)st.st_size,
			         (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec, st.st_mode);
		free(names[i]);
	}
	if (count >= 0)
		free(names);
	return arena_strdup(&f->arena, buf_str(&text));
}

static void change(struct fixture *f, const char *text)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(f->file, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

static void a_record_is_given_back_as_it_was_put(void **state)
{
	struct fixture *f = *state;
	struct state_store *s = open_state(f, STATE_WRITE);
	struct applied_record full = {
		.name = "n\xc3\xa4me", .id = INT64_MAX, .digest = "a0123abcd", .paused = true,
		.body = tree(f, "{\"name\":\"n\",\"z\":[1,1.50,null,true],\"a\":{}}"),
		.settled = tree(f, "[{\"path\":\"/a\",\"sent\":1,\"kept\":null,\"refused\":false}]"),
	};
	struct err err;

	assert_true(put_record(s, &(struct applied_record){ .name = "b", .digest = "b" }, &err));
	assert_true(put_record(s, &full, &err));
	assert_true(put_record(s, &(struct applied_record){ .name = "Z", .id = 7 }, &err));
	static const char all[] =
		"Z 7 -\n"
		"b 0 b\n"
		"n\xc3\xa4me 9223372036854775807 a0123abcd paused body={\"name\":\"n\",\"z\":[1,1.50,null,true],\"a\":{}}"
		" settled=[{\"path\":\"/a\",\"sent\":1,\"kept\":null,\"refused\":false}]\n";
	assert_string_equal(dump(f, s), all);
	state_store_close(s);
	assert_string_equal(dump_of(f, STATE_WRITE, ENDPOINT, "default"), all);
	assert_string_equal(dump_of(f, STATE_READ, ENDPOINT, "default"), all);
}

static void a_later_record_takes_the_place_of_all_of_the_earlier(void **state)
{
	struct fixture *f = *state;
	CLEANUP(state_store_closep) struct state_store *s = open_state(f, STATE_WRITE);
	struct err err;

	assert_true(put_record(s, &(struct applied_record){ "a", 1, "d", tree(f, "{}"), tree(f, "[]"), true }, &err));
	assert_true(put_record(s, &(struct applied_record){ .name = "a", .id = 2 }, &err));
	assert_string_equal(dump(f, s), "a 2 -\n");
	state_store_drop(s, "a");
	state_store_drop(s, "a");
	commit(s);
	assert_string_equal(dump(f, s), "");
}

static void intend(struct fixture *f, struct state_store *s, const char *name, const char *digest, int64_t at)
{
	const struct applied_intent intent = { name, digest, tree(f, "{\"a\":1}"), at == 1, at };

	state_store_intend(s, &intent);
	commit(s);
}

static void intents_are_kept_until_the_workflow_is_written(void **state)
{
	struct fixture *f = *state;
	struct state_store *s = open_state(f, STATE_WRITE);

	intend(f, s, "a", "x", 1);
	intend(f, s, "a", "y", 2);
	intend(f, s, "b", "x", 1);
	state_store_close(s);
	assert_string_equal(dump_of(f, STATE_READ, ENDPOINT, "other"), "");
	s = open_state(f, STATE_WRITE);
	assert_string_equal(dump(f, s), "a intends x at 1 creates body={\"a\":1}\na intends y at 2 body={\"a\":1}\n"
	                                "b intends x at 1 creates body={\"a\":1}\n");
	intend(f, s, "a", "x", 3);
	put(s, "a");
	state_store_withdraw(s, &(struct applied_intent){ .name = "b", .digest = "x" });
	commit(s);
	assert_string_equal(dump(f, s), "a 1 -\na intends y at 2 body={\"a\":1}\na intends x at 3 body={\"a\":1}\n");
	state_store_put(s, &(struct applied_record){ .name = "a", .id = 2 });
	state_store_drop_intents(s, "a");
	commit(s);
	assert_string_equal(dump(f, s), "a 2 -\n");
	intend(f, s, "a", "z", 4);
	state_store_drop(s, "a");
	commit(s);
	assert_string_equal(dump(f, s), "a intends z at 4 body={\"a\":1}\n");
	state_store_drop_intents(s, "a");
	commit(s);
	assert_string_equal(dump(f, s), "");
	state_store_close(s);
}

static void changes_are_written_by_the_next_commit_all_or_none(void **state)
{
	struct fixture *f = *state;
	CLEANUP(state_store_closep) struct state_store *s = open_state(f, STATE_WRITE);
	struct err err;

	intend(f, s, "a", "x", 1);
	state_store_put(s, &(struct applied_record){ .name = "b", .id = 2 });
	state_store_put(s, &(struct applied_record){ .name = "a", .id = 1 });
	assert_string_equal(dump_of(f, STATE_READ, ENDPOINT, "default"), "a intends x at 1 creates body={\"a\":1}\n");
	commit(s);
	assert_string_equal(dump_of(f, STATE_READ, ENDPOINT, "default"),
	                    "a 1 -\nb 2 -\na intends x at 1 creates body={\"a\":1}\n");

	/* A crash may undo a dropped intent: it is no reason for a commit. */
	state_store_drop_intents(s, "a");
	assert_true(state_store_commit(s, false, &err));
	assert_string_equal(dump(f, s), "a 1 -\nb 2 -\na intends x at 1 creates body={\"a\":1}\n");
	state_store_drop(s, "b");
	assert_true(state_store_commit(s, false, &err));
	assert_string_equal(dump_of(f, STATE_READ, ENDPOINT, "default"), "a 1 -\n");

	/* A failed commit writes nothing, and the next one has its changes as well: else an intent would be dropped whose record
	 * was lost. */
	change(f, "CREATE TRIGGER t BEFORE INSERT ON record WHEN NEW.name = 'bad' BEGIN SELECT RAISE(ABORT, 'no'); END");
	state_store_put(s, &(struct applied_record){ .name = "c" });
	state_store_put(s, &(struct applied_record){ .name = "bad" });
	assert_false(state_store_commit(s, false, &err));
	assert_string_equal(err.msg, arena_printf(&f->arena, "state \"%s\": no", f->file));
	assert_string_equal(dump_of(f, STATE_READ, ENDPOINT, "default"), "a 1 -\n");
	change(f, "DROP TRIGGER t");
	put(s, "d");
	assert_string_equal(dump_of(f, STATE_READ, ENDPOINT, "default"), "a 1 -\nbad 0 -\nc 0 -\nd 1 -\n");
}

static void each_endpoint_and_owner_has_records_of_its_own(void **state)
{
	struct fixture *f = *state;
	static const struct { const char *endpoint, *owner; } syncs[] = {
		{ ENDPOINT, "default" }, { ENDPOINT, "other" }, { "local", "default" },
	};
	struct err err;

	for (size_t i = 0; i < ARRAY_LEN(syncs); i++) {
		CLEANUP(state_store_closep) struct state_store *s = open_as(f, STATE_WRITE, syncs[i].endpoint, syncs[i].owner);
		assert_true(put_record(s, &(struct applied_record){ .name = "a", .id = (int64_t)i }, &err));
	}
	for (size_t i = 0; i < ARRAY_LEN(syncs); i++)
		assert_string_equal(dump_of(f, STATE_READ, syncs[i].endpoint, syncs[i].owner),
		                    arena_printf(&f->arena, "a %zu -\n", i));
	assert_string_equal(dump_of(f, STATE_READ, "local", "other"), "");
}

/* "COMMIT REPOSITORY PATH", "-" for what is not known. */
static const char *revision(struct fixture *f, enum state_store_mode use, const char *owner)
{
	CLEANUP(state_store_closep) struct state_store *s = open_as(f, use, ENDPOINT, owner);
	struct state_store_revision r;
	struct err err;

	if (!state_store_revision(s, &f->arena, &r, &err))
		fail_msg("%s", err.msg);
	return arena_printf(&f->arena, "%s %s %s", r.commit ? r.commit : "-", r.repository ? r.repository : "-",
	                    r.path ? r.path : "-");
}

static void the_applied_revision_is_known_of_each_owner(void **state)
{
	struct fixture *f = *state;
	static const struct state_store_revision revisions[] = { { "0123", "/r", NULL }, { "4567", "https://h/r", "p" } };
	struct err err;

	assert_string_equal(revision(f, STATE_READ, "a"), "- - -");
	assert_string_equal(revision(f, STATE_WRITE, "a"), "- - -");
	for (size_t i = 0; i < ARRAY_LEN(revisions); i++) {
		CLEANUP(state_store_closep) struct state_store *s = open_as(f, STATE_WRITE, ENDPOINT, "a");
		assert_true(state_store_set_revision(s, &revisions[i], &err));
	}
	assert_string_equal(revision(f, STATE_READ, "a"), "4567 https://h/r p");
	assert_string_equal(revision(f, STATE_WRITE, "a"), "4567 https://h/r p");
	assert_string_equal(revision(f, STATE_READ, "b"), "- - -");
}

static void the_key_is_made_once_and_stays(void **state)
{
	struct fixture *f = *state;
	static const unsigned char none[STATE_KEY_SIZE];
	unsigned char keys[4][STATE_KEY_SIZE];
	const enum state_store_mode uses[] = { STATE_READ, STATE_READ, STATE_WRITE, STATE_READ };

	for (size_t i = 0; i < ARRAY_LEN(uses); i++) {
		CLEANUP(state_store_closep) struct state_store *s = open_state(f, uses[i]);
		memcpy(keys[i], state_store_key(s), STATE_KEY_SIZE);
		assert_memory_not_equal(keys[i], none, STATE_KEY_SIZE);
	}
	assert_memory_not_equal(keys[0], keys[1], STATE_KEY_SIZE);
	assert_memory_not_equal(keys[1], keys[2], STATE_KEY_SIZE);
	assert_memory_equal(keys[2], keys[3], STATE_KEY_SIZE);
}

static void reading_makes_and_changes_nothing(void **state)
{
	struct fixture *f = *state;

	assert_string_equal(dump_of(f, STATE_READ, ENDPOINT, "default"), "");
	assert_string_equal(listing(f), "");

	struct state_store *s = open_state(f, STATE_WRITE);
	put(s, "a");
	state_store_close(s);
	const char *before = listing(f);
	assert_null(strstr(before, "-wal"));
	assert_string_equal(dump_of(f, STATE_READ, ENDPOINT, "default"), "a 1 -\n");
	assert_string_equal(dump_of(f, STATE_READ, ENDPOINT, "nobody"), "");
	assert_string_equal(listing(f), before);
}

static void what_is_made_is_for_its_owner_alone(void **state)
{
	struct fixture *f = *state;
	CLEANUP(state_store_closep) struct state_store *s = open_state(f, STATE_WRITE);
	static const char *const ends[] = { "", "-wal", "-shm" };
	struct stat st;

	put(s, "a");
	for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
		assert_int_equal(stat(arena_printf(&f->arena, "%s%s", f->file, ends[i]), &st), 0);
		assert_int_equal(st.st_mode & 0777, 0600);
	}
	assert_int_equal(stat(f->dir, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
}

/* ---- what is refused ---- */

static void refused(struct fixture *f, const char *msg)
{
	static const enum state_store_mode uses[] = { STATE_READ, STATE_WRITE };
	/* The folder's own time comes first: to write, a file may have been made beside it and
	 * taken away. */
	const char *before = strchr(listing(f), '\n');

	for (size_t i = 0; i < ARRAY_LEN(uses); i++) {
		struct state_store *s = (struct state_store *)f;
		struct err err;
		assert_false(state_store_open(f->dir, uses[i], ENDPOINT, "default", &s, &err));
		assert_string_equal(err.msg, msg);
		assert_ptr_equal(s, f);
		assert_string_equal(strchr(listing(f), '\n'), before);
	}
}

static void what_a_newer_flowsync_or_another_program_wrote_is_refused(void **state)
{
	struct fixture *f = *state;

	state_store_close(open_state(f, STATE_WRITE));
	change(f, "PRAGMA user_version = 7");
	refused(f, arena_printf(&f->arena, "state \"%s\" is of version 7, this flowsync knows versions up to 6: "
	                                   "it was written by a newer flowsync", f->file));
	change(f, "PRAGMA user_version = 1; PRAGMA application_id = 5");
	refused(f, arena_printf(&f->arena, "\"%s\" is the database of another program", f->file));
}

/* The file as 0.1.0 made it. */
static void an_older_state_is_taken_over(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(system(arena_printf(&f->arena, "mkdir -p '%s'", f->dir)), 0);
	sqlite3 *db;
	assert_int_equal(sqlite3_open(f->file, &db), SQLITE_OK);
	sqlite3_close(db);
	change(f, "CREATE TABLE seal(id INTEGER PRIMARY KEY CHECK(id = 0), key BLOB NOT NULL) STRICT;"
	          "CREATE TABLE sync(id INTEGER PRIMARY KEY, endpoint TEXT NOT NULL, owner TEXT NOT NULL, revision TEXT,"
	          "  UNIQUE(endpoint, owner)) STRICT;"
	          "CREATE TABLE record(sync INTEGER NOT NULL REFERENCES sync ON DELETE CASCADE, name TEXT NOT NULL,"
	          "  workflow INTEGER NOT NULL, digest TEXT, body TEXT, settled TEXT, paused INTEGER NOT NULL,"
	          "  UNIQUE(sync, name)) STRICT;"
	          "CREATE TABLE approval(sync INTEGER NOT NULL REFERENCES sync ON DELETE CASCADE, guard TEXT NOT NULL,"
	          "  revision TEXT NOT NULL, UNIQUE(sync, guard)) STRICT;"
	          "INSERT INTO seal VALUES(0, zeroblob(32)); INSERT INTO sync VALUES(4, '" ENDPOINT "', 'default', 'abc');"
	          "INSERT INTO record VALUES(4, 'a', 7, 'd', '{\"a\":1}', NULL, 1);"
	          "PRAGMA application_id = 0x666c7374; PRAGMA user_version = 2");
	assert_string_equal(dump_of(f, STATE_READ, ENDPOINT, "default"), "a 7 d paused body={\"a\":1}\n");
	CLEANUP(state_store_closep) struct state_store *s = open_state(f, STATE_WRITE);
	intend(f, s, "a", "x", 1);
	assert_string_equal(dump(f, s), "a 7 d paused body={\"a\":1}\na intends x at 1 creates body={\"a\":1}\n");
}

#define BEGIN_ANEW	"; move it away to start with an empty one, which costs a few more writes and nothing else"

static void what_cannot_be_read_is_refused_and_stays(void **state)
{
	struct fixture *f = *state;

	state_store_close(open_state(f, STATE_WRITE));
	change(f, "UPDATE seal SET key = x'00'");
	refused(f, arena_printf(&f->arena, "state \"%s\" is corrupt: its key has the wrong length" BEGIN_ANEW,
	                        f->file));

	assert_int_equal(unlink(f->file), 0);
	assert_int_equal(mkdir(f->file, 0700), 0);
	refused(f, arena_printf(&f->arena, "open state \"%s\": Is a directory", f->file));
	assert_int_equal(rmdir(f->file), 0);
	assert_int_equal(mkfifo(f->file, 0600), 0);
	refused(f, arena_printf(&f->arena, "open state \"%s\": not a regular file", f->file));
}

static void approvals_of_an_earlier_version_are_found_and_dropped(void **state)
{
	struct fixture *f = *state;
	struct approval_list all = { 0 };
	struct err err;

	state_store_close(open_as(f, STATE_WRITE, ENDPOINT, "a"));
	change(f, "INSERT INTO approval VALUES(1, 'rollback', 'r1')");
	struct state_store *s = open_as(f, STATE_WRITE, ENDPOINT, "b");
	assert_true(state_store_old_approvals(s, &f->arena, &all, &err));
	assert_int_equal(all.count, 1);
	assert_string_equal(all.items[0].scope.endpoint, ENDPOINT);
	assert_string_equal(all.items[0].scope.owner, "a");
	assert_string_equal(all.items[0].guard, "rollback");
	assert_string_equal(all.items[0].revision, "r1");
	assert_true(state_store_drop_old_approvals(s, &err));
	assert_true(state_store_old_approvals(s, &f->arena, &all, &err));
	assert_int_equal(all.count, 0);
	state_store_close(s);
}

/* Overwrites len bytes of the file at an offset. */
static void spoil(struct fixture *f, long offset, size_t len)
{
	FILE *file = fopen(f->file, "r+");

	assert_non_null(file);
	assert_int_equal(fseek(file, offset, SEEK_SET), 0);
	while (len--)
		assert_int_equal(fputc(0xff, file), 0xff);
	assert_int_equal(fclose(file), 0);
}

static void a_damaged_file_is_set_aside_by_a_sync_and_passed_over_by_a_plan(void **state)
{
	static const struct { long offset; size_t len; const char *why; } cases[] = {
		{ 0, 100, "file is not a database" },
		{ 4096, 4096, "" },		/* the first table: seen when all is read */
		{ 8192, 100, "" },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct state_store *s = open_state(f, STATE_WRITE);
		put(s, "a");
		assert_null(state_store_damage(s));
		state_store_close(s);
		spoil(f, cases[i].offset, cases[i].len);
		const char *before = listing(f);
		s = open_state(f, STATE_READ);
		assert_string_equal(dump(f, s), "");
		assert_non_null(strstr(state_store_damage(s), cases[i].why));
		assert_null(strstr(state_store_damage(s), "set aside"));
		state_store_close(s);
		assert_string_equal(listing(f), before);
		s = open_state(f, STATE_WRITE);
		assert_string_equal(dump(f, s), "");
		assert_non_null(strstr(state_store_damage(s), "it is set aside as "));
		put(s, "b");
		state_store_close(s);
		assert_non_null(strstr(listing(f), "state.db.damaged-20"));
		assert_string_equal(dump_of(f, STATE_READ, ENDPOINT, "default"), "b 1 -\n");
		assert_int_equal(system(arena_printf(&f->arena, "rm '%s'/state.db*", f->dir)), 0);
	}
}

static bool may_delete(struct fixture *f, enum state_store_mode use, const char *owner)
{
	CLEANUP(state_store_closep) struct state_store *s = open_as(f, use, ENDPOINT, owner);

	return !state_store_damage(s);
}

static void complete(struct fixture *f, const char *owner)
{
	CLEANUP(state_store_closep) struct state_store *s = open_as(f, STATE_WRITE, ENDPOINT, owner);
	struct err err;

	assert_true(state_store_set_complete(s, &err));
}

static void after_a_damaged_file_each_owner_deletes_nothing_until_its_whole_sync(void **state)
{
	struct fixture *f = *state;

	assert_true(may_delete(f, STATE_WRITE, "a"));
	spoil(f, 0, 100);
	for (int i = 0; i < 2; i++) {	/* the sync that set it aside, and the next after that one was killed */
		assert_false(may_delete(f, STATE_WRITE, "a"));
		assert_false(may_delete(f, STATE_READ, "a"));
	}
	complete(f, "a");
	assert_true(may_delete(f, STATE_WRITE, "a"));
	assert_true(may_delete(f, STATE_READ, "a"));
	assert_false(may_delete(f, STATE_WRITE, "b"));
	complete(f, "b");
	assert_true(may_delete(f, STATE_WRITE, "b"));
	assert_true(may_delete(f, STATE_WRITE, "a"));
}

static void a_kill_between_setting_aside_and_a_new_file_is_no_way_to_delete(void **state)
{
	struct fixture *f = *state;

	assert_true(may_delete(f, STATE_WRITE, "a"));
	assert_int_equal(rename(f->file, arena_printf(&f->arena, "%s.damaged-2026-01-01T00:00:00.000Z", f->file)), 0);
	assert_false(may_delete(f, STATE_READ, "a"));
	assert_false(may_delete(f, STATE_WRITE, "a"));
	assert_false(may_delete(f, STATE_WRITE, "a"));
	complete(f, "a");
	assert_true(may_delete(f, STATE_WRITE, "a"));
}

/* Whether a process waits for the lock on the file: the kernel lists it behind "->" with the number of the inode. */
static bool is_waited_for(const char *path)
{
	FILE *locks = fopen("/proc/locks", "r");
	char line[256], inode[32];
	struct stat st;
	bool found = false;

	assert_non_null(locks);
	assert_int_equal(stat(path, &st), 0);
	snprintf(inode, sizeof inode, ":%llu ", (unsigned long long)st.st_ino);
	while (!found && fgets(line, sizeof line, locks))
		found = strstr(line, "->") && strstr(line, inode);
	fclose(locks);
	return found;
}

static void of_two_that_find_the_damage_one_sets_the_file_aside(void **state)
{
	struct fixture *f = *state;
	const char *lock_path = arena_printf(&f->arena, "%s.lock", f->file);
	struct err err;
	int lock, status;

	state_store_close(open_state(f, STATE_WRITE));
	spoil(f, 0, 100);
	if (!file_lock_take(lock_path, true, &lock, &err))
		fail_msg("%s", err.msg);
	pid_t second = fork();
	if (second == 0) {
		close(lock);	/* the lock lasts until each copy is closed */
		_exit(may_delete(f, STATE_WRITE, "default"));
	}
	while (!is_waited_for(lock_path))
		assert_int_equal(waitpid(second, &status, WNOHANG), 0);
	/* What the first one does. */
	assert_int_equal(rename(f->file, arena_printf(&f->arena, "%s.damaged-2026-01-01T00:00:00.000Z", f->file)), 0);
	struct state_store *s = open_state(f, STATE_WRITE);
	put(s, "a");
	state_store_close(s);
	close(lock);
	assert_int_equal(waitpid(second, &status, 0), second);
	assert_int_equal(status, 0);	/* it may not delete either */
	assert_string_equal(dump_of(f, STATE_READ, ENDPOINT, "default"), "a 1 -\n");
}

static void what_others_can_write_is_not_opened(void **state)
{
	struct fixture *f = *state;
	struct state_store *s = NULL;
	struct err err;

	state_store_close(open_as(f, STATE_WRITE, ENDPOINT, "o"));
	assert_int_equal(chmod(f->dir, 0707), 0);
	for (enum state_store_mode use = STATE_READ; use <= STATE_WRITE; use++) {
		assert_false(state_store_open(f->dir, use, ENDPOINT, "o", &s, &err));
		assert_non_null(strstr(err.msg, "chmod o-w"));
	}
	assert_int_equal(chmod(f->dir, 0700), 0);
	state_store_close(open_as(f, STATE_READ, ENDPOINT, "o"));
}

static void a_damaged_record_is_named(void **state)
{
	struct fixture *f = *state;
	static const char *const columns[] = { "settled", "body" };
	struct state_store *s = open_state(f, STATE_WRITE);
	struct applied_records all = { .count = 5 };
	struct err err;

	for (size_t i = 0; i < ARRAY_LEN(columns); i++) {
		put(s, "a");
		change(f, arena_printf(&f->arena, "UPDATE record SET %s = '[1'", columns[i]));
		assert_false(state_store_load(s, &f->arena, &all, &err));
		assert_int_equal(all.count, 5);
		assert_memory_equal(err.msg, arena_printf(&f->arena, "state \"%s\" is corrupt: the record of workflow \"a\": ",
		                                          f->file), strlen(f->file) + 48);
		assert_non_null(strstr(err.msg, BEGIN_ANEW));
	}
	state_store_close(s);
}

/* ---- other processes ---- */

/* Runs what() in a process of its own, with a pipe to write to. */
static pid_t in_child(struct fixture *f, void (*what)(struct fixture *f, int fd), int *fd)
{
	int ends[2];

	assert_int_equal(pipe(ends), 0);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		close(ends[0]);
		what(f, ends[1]);
		_exit(0);
	}
	close(ends[1]);
	*fd = ends[0];
	return pid;
}

static void ended_well(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* err is the last thing that failed, if anything did. */
#define IN_CHILD(condition)	do { \
		if (!(condition)) { \
			fprintf(stderr, "line %d: %s\n", __LINE__, err.msg); \
			_exit(1); \
		} \
	} while (0)

static void put_for_ever(struct fixture *f, int fd)
{
	struct state_store *s;
	struct err err = { 0 };

	IN_CHILD(state_store_open(f->dir, STATE_WRITE, ENDPOINT, "default", &s, &err));
	for (int i = 0; ; i++) {
		IN_CHILD(put_record(s, &(struct applied_record){ arena_printf(&f->arena, "w%06d", i) }, &err));
		IN_CHILD(write(fd, "", 1) == 1);
	}
}

static void what_was_put_survives_a_kill(void **state)
{
	struct fixture *f = *state;
	struct applied_records all = { 0 };
	struct err err;
	size_t told = 0;
	char byte[64];
	ssize_t n;
	int fd;
	pid_t pid = in_child(f, put_for_ever, &fd);

	while (told < 100 && (n = read(fd, byte, sizeof byte)) > 0)
		told += (size_t)n;
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	while ((n = read(fd, byte, sizeof byte)) > 0)
		told += (size_t)n;
	close(fd);

	const char *before = listing(f);
	assert_non_null(strstr(before, "state.db-wal"));
	CLEANUP(state_store_closep) struct state_store *s = open_state(f, STATE_READ);
	assert_true(state_store_load(s, &f->arena, &all, &err));
	assert_true(told >= 100);
	assert_in_range(all.count, told, told + 1);
	/* The index of what is in the log may be made anew; the log is not touched, and no other
	 * file made. */
	assert_int_equal(strlen(listing(f)), strlen(before));

	CLEANUP(state_store_closep) struct state_store *w = open_state(f, STATE_WRITE);
	struct applied_records again = { 0 };
	assert_true(state_store_load(w, &f->arena, &again, &err));
	assert_int_equal(again.count, all.count);
}

enum { SOME = 10 };

static void put_some(struct fixture *f, int fd)
{
	struct state_store *s;
	struct err err = { 0 };

	IN_CHILD(state_store_open(f->dir, STATE_WRITE, ENDPOINT, "default", &s, &err));
	IN_CHILD(write(fd, state_store_key(s), STATE_KEY_SIZE) == STATE_KEY_SIZE);
	for (int i = 0; i < SOME; i++)
		IN_CHILD(put_record(s, &(struct applied_record){ arena_printf(&f->arena, "%d-%d", (int)getpid(), i) }, &err));
	state_store_close(s);
}

static void begin_as_two(struct fixture *f)
{
	unsigned char keys[2][STATE_KEY_SIZE];
	struct applied_records all = { 0 };
	struct err err;
	pid_t pids[2];
	int fds[2];

	for (int i = 0; i < 2; i++)
		pids[i] = in_child(f, put_some, &fds[i]);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(read(fds[i], keys[i], STATE_KEY_SIZE), STATE_KEY_SIZE);
		close(fds[i]);
		ended_well(pids[i]);
	}
	assert_memory_equal(keys[0], keys[1], STATE_KEY_SIZE);
	CLEANUP(state_store_closep) struct state_store *s = open_state(f, STATE_READ);
	assert_true(state_store_load(s, &f->arena, &all, &err));
	assert_int_equal(all.count, 2 * SOME);
}

static void two_processes_begin_one_state_and_both_write(void **state)
{
	struct fixture *f = *state;

	for (unsigned i = 0; i < rounds_of(20); i++) {
		f->dir = arena_printf(&f->arena, "%s/%u", f->top, i);
		begin_as_two(f);
	}
}

/* Opens and closes all the time: the file is written to at each close, and stands alone between. */
static void come_and_go(struct fixture *f, int fd)
{
	struct err err = { 0 };

	for (int i = 0; i < 60; i++) {
		struct state_store *s;
		IN_CHILD(state_store_open(f->dir, STATE_WRITE, ENDPOINT, "default", &s, &err));
		IN_CHILD(put_record(s, &(struct applied_record){ arena_printf(&f->arena, "%d", i) }, &err));
		state_store_close(s);
		IN_CHILD(write(fd, "", 1) == 1);
	}
}

static void reading_beside_a_writer_sees_what_was_put(void **state)
{
	struct fixture *f = *state;
	size_t told = 0;
	char byte;
	int fd;
	pid_t pid = in_child(f, come_and_go, &fd);

	while (read(fd, &byte, 1) == 1) {
		CLEANUP(state_store_closep) struct state_store *s = open_state(f, STATE_READ);
		struct applied_records all = { 0 };
		struct err err;
		if (!state_store_load(s, &f->arena, &all, &err))
			fail_msg("%s", err.msg);
		told++;
		assert_in_range(all.count, told, 60);
	}
	close(fd);
	ended_well(pid);
	assert_int_equal(told, 60);
}

static void read_as_nobody(struct fixture *f, int fd)
{
	struct applied_records all = { 0 };
	struct state_store *s;
	struct err err = { 0 };

	IN_CHILD(setgid(NOBODY) == 0 && setuid(NOBODY) == 0);
	IN_CHILD(access(f->dir, W_OK) < 0);
	IN_CHILD(state_store_open(f->dir, STATE_READ, ENDPOINT, "default", &s, &err));
	IN_CHILD(state_store_load(s, &f->arena, &all, &err));
	IN_CHILD(all.count == 1);
	state_store_close(s);
	IN_CHILD(!state_store_open(f->dir, STATE_WRITE, ENDPOINT, "default", &s, &err));
	IN_CHILD(write(fd, err.msg, strlen(err.msg)) > 0);
}

static void put_one_and_wait(struct fixture *f, int fd)
{
	struct state_store *s;
	struct err err = { 0 };

	IN_CHILD(state_store_open(f->dir, STATE_WRITE, ENDPOINT, "default", &s, &err));
	IN_CHILD(put_record(s, &(struct applied_record){ .name = "a" }, &err));
	IN_CHILD(write(fd, "", 1) == 1);
	pause();
}

/* Whoever may read all, but write nothing: a folder mounted to be read, another user's. */
static void only_reading_is_possible(struct fixture *f)
{
	char msg[1024] = { 0 };
	int fd;

	assert_int_equal(system(arena_printf(&f->arena, "chmod -R a+rX '%s'", f->top)), 0);
	pid_t pid = in_child(f, read_as_nobody, &fd);
	assert_true(read(fd, msg, sizeof msg - 1) > 0);
	close(fd);
	ended_well(pid);
	assert_string_equal(msg, arena_printf(&f->arena, "open state \"%s\": Permission denied", f->file));
}

static void a_folder_that_may_not_be_written_can_be_read(void **state)
{
	struct fixture *f = *state;
	char byte;
	int fd;

	if (geteuid() != 0)
		skip();
	pid_t pid = in_child(f, put_one_and_wait, &fd);
	assert_int_equal(read(fd, &byte, 1), 1);
	close(fd);
	only_reading_is_possible(f);	/* beside its writer */
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	only_reading_is_possible(f);	/* as a killed one left it */
	state_store_close(open_state(f, STATE_WRITE));
	only_reading_is_possible(f);	/* alone */
}

static void fill_up(struct fixture *f, int fd)
{
	struct rlimit limit = { 128 << 10, 128 << 10 };
	struct state_store *s;
	struct err err = { 0 };
	int i = 0;

	IN_CHILD(signal(SIGXFSZ, SIG_IGN) != SIG_ERR && setrlimit(RLIMIT_FSIZE, &limit) == 0);
	IN_CHILD(state_store_open(f->dir, STATE_WRITE, ENDPOINT, "default", &s, &err));
	while (put_record(s, &(struct applied_record){ arena_printf(&f->arena, "w%d", i) }, &err))
		i++;
	IN_CHILD(write(fd, &i, sizeof i) == sizeof i);
	IN_CHILD(write(fd, err.msg, strlen(err.msg)) > 0);
	state_store_close(s);
}

static void a_full_disk_is_said_and_loses_nothing(void **state)
{
	struct fixture *f = *state;
	struct applied_records all = { 0 };
	struct err err;
	char msg[1024] = { 0 };
	int fd, put_count;
	pid_t pid = in_child(f, fill_up, &fd);

	assert_int_equal(read(fd, &put_count, sizeof put_count), sizeof put_count);
	assert_true(read(fd, msg, sizeof msg - 1) > 0);
	close(fd);
	ended_well(pid);
	assert_string_equal(msg, arena_printf(&f->arena, "state \"%s\": disk I/O error", f->file));
	CLEANUP(state_store_closep) struct state_store *s = open_state(f, STATE_WRITE);
	assert_true(state_store_load(s, &f->arena, &all, &err));
	assert_true(put_count > 5);
	assert_int_equal(all.count, put_count);
}

int main(void)
{
#define WITH_FOLDER(test)	cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		WITH_FOLDER(a_record_is_given_back_as_it_was_put),
		WITH_FOLDER(a_later_record_takes_the_place_of_all_of_the_earlier),
		WITH_FOLDER(intents_are_kept_until_the_workflow_is_written),
		WITH_FOLDER(changes_are_written_by_the_next_commit_all_or_none),
		WITH_FOLDER(an_older_state_is_taken_over),
		WITH_FOLDER(each_endpoint_and_owner_has_records_of_its_own),
		WITH_FOLDER(the_applied_revision_is_known_of_each_owner),
		WITH_FOLDER(the_key_is_made_once_and_stays),
		WITH_FOLDER(reading_makes_and_changes_nothing),
		WITH_FOLDER(what_is_made_is_for_its_owner_alone),
		WITH_FOLDER(what_a_newer_flowsync_or_another_program_wrote_is_refused),
		WITH_FOLDER(what_cannot_be_read_is_refused_and_stays),
		WITH_FOLDER(approvals_of_an_earlier_version_are_found_and_dropped),
		WITH_FOLDER(a_damaged_file_is_set_aside_by_a_sync_and_passed_over_by_a_plan),
		WITH_FOLDER(after_a_damaged_file_each_owner_deletes_nothing_until_its_whole_sync),
		WITH_FOLDER(a_kill_between_setting_aside_and_a_new_file_is_no_way_to_delete),
		WITH_FOLDER(what_others_can_write_is_not_opened),
		WITH_FOLDER(of_two_that_find_the_damage_one_sets_the_file_aside),
		WITH_FOLDER(a_damaged_record_is_named),
		WITH_FOLDER(what_was_put_survives_a_kill),
		WITH_FOLDER(two_processes_begin_one_state_and_both_write),
		WITH_FOLDER(reading_beside_a_writer_sees_what_was_put),
		WITH_FOLDER(a_folder_that_may_not_be_written_can_be_read),
		WITH_FOLDER(a_full_disk_is_said_and_loses_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
