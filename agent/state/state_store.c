#include "agent/state/state_store.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "agent/state/database.h"
#include "agent/util/clock.h"
#include "agent/util/directory.h"
#include "agent/util/fd.h"
#include "agent/util/file.h"
#include "agent/util/file_lock.h"
#include "agent/util/spill_file.h"
#include "agent/util/state_directory.h"
#include "reconcile/base/buf.h"
#include "reconcile/tree/json.h"

enum { PATIENCE_MS = 5000 };

#define SET_ASIDE	".damaged-"	/* after the name of a file that was set aside; the time follows */

enum statement { ADD_KEY, GET_KEY, ADD_SYNC, GET_SYNC, LOAD, PUT, DROP, LOAD_INTENTS, INTEND, WITHDRAW, DROP_INTENTS,
                 GET_REVISION, SET_REVISION, GET_OLD_APPROVALS, DROP_OLD_APPROVALS, ADD_REPLACED, IS_INCOMPLETE,
                 SET_COMPLETE, LOAD_LOOKS, HOLD_LOOK, DROP_LOOK, GET_LOOKED, SET_LOOKED, SET_WRONG };

static const char *const sql[] = {
	[ADD_KEY] = "INSERT OR IGNORE INTO seal(id, key) VALUES(0, ?1)",
	[GET_KEY] = "SELECT key FROM seal WHERE id = 0",
	[ADD_SYNC] = "INSERT OR IGNORE INTO sync(endpoint, owner) VALUES(?1, ?2)",
	[GET_SYNC] = "SELECT id FROM sync WHERE endpoint = ?1 AND owner = ?2",
	[LOAD] = "SELECT name, workflow, digest, body, settled, paused, json_valid(body) FROM record WHERE sync = ?1 ORDER BY name",
	[PUT] = "INSERT INTO record(sync, name, workflow, digest, body, settled, paused)"
	        " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)"
	        " ON CONFLICT(sync, name) DO UPDATE SET workflow = ?3, digest = ?4, body = ?5, settled = ?6, paused = ?7",
	[DROP] = "DELETE FROM record WHERE sync = ?1 AND name = ?2",
	[LOAD_INTENTS] = "SELECT name, digest, body, creates, at, json_valid(body) FROM intent WHERE sync = ?1 ORDER BY name, at",
	[INTEND] = "INSERT OR REPLACE INTO intent(sync, name, digest, body, creates, at) VALUES(?1, ?2, ?3, ?4, ?5, ?6)",
	[WITHDRAW] = "DELETE FROM intent WHERE sync = ?1 AND name = ?2 AND digest = ?3",
	[DROP_INTENTS] = "DELETE FROM intent WHERE sync = ?1 AND name = ?2",
	[GET_REVISION] = "SELECT revision, repository, path FROM sync WHERE id = ?1",
	[SET_REVISION] = "UPDATE sync SET revision = ?2, repository = ?3, path = ?4 WHERE id = ?1",
	/* Written by versions before decision_store.h. */
	[GET_OLD_APPROVALS] = "SELECT endpoint, owner, guard, approval.revision FROM approval, sync WHERE sync = sync.id",
	[DROP_OLD_APPROVALS] = "DELETE FROM approval",
	[ADD_REPLACED] = "INSERT OR IGNORE INTO replaced(id) VALUES(0)",
	[IS_INCOMPLETE] = "SELECT NOT complete AND EXISTS(SELECT 1 FROM replaced) FROM sync WHERE id = ?1",
	[SET_COMPLETE] = "UPDATE sync SET complete = 1 WHERE id = ?1",
	[LOAD_LOOKS] = "SELECT name, stamp, entry, described, inputs, outcome, unseen FROM held WHERE sync = ?1"
	               " ORDER BY name",
	[HOLD_LOOK] = "INSERT OR REPLACE INTO held(sync, name, stamp, entry, described, inputs, outcome, unseen)"
	              " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
	[DROP_LOOK] = "DELETE FROM held WHERE sync = ?1 AND name = ?2",
	/* One wrong look speaks for the endpoint, also for workflows of other owners. */
	[GET_LOOKED] = "SELECT looked, (SELECT max(wrong) FROM sync other WHERE other.endpoint = sync.endpoint) FROM sync"
	               " WHERE id = ?1",
	[SET_LOOKED] = "UPDATE sync SET looked = ?2 WHERE id = ?1",
	[SET_WRONG] = "UPDATE sync SET wrong = ?2 WHERE id = ?1",
};

#define DROPS_LOOK(name, event, row)	\
	"CREATE TRIGGER " name " AFTER " event " BEGIN"	\
	"  DELETE FROM held WHERE sync = " row ".sync AND name = " row ".name; END;"

/* Row i brings a file of version i to version i + 1.  Never change a row that was released. */
static const char *const migrations[] = {
	"CREATE TABLE seal(id INTEGER PRIMARY KEY CHECK(id = 0), key BLOB NOT NULL) STRICT;"
	"CREATE TABLE sync("
	"  id INTEGER PRIMARY KEY, endpoint TEXT NOT NULL, owner TEXT NOT NULL, revision TEXT,"
	"  UNIQUE(endpoint, owner)) STRICT;"
	"CREATE TABLE record("
	"  sync INTEGER NOT NULL REFERENCES sync ON DELETE CASCADE, name TEXT NOT NULL,"
	"  workflow INTEGER NOT NULL, digest TEXT, body TEXT, settled TEXT, paused INTEGER NOT NULL,"
	"  UNIQUE(sync, name)) STRICT;",
	"CREATE TABLE approval("
	"  sync INTEGER NOT NULL REFERENCES sync ON DELETE CASCADE, guard TEXT NOT NULL, revision TEXT NOT NULL,"
	"  UNIQUE(sync, guard)) STRICT;",
	"CREATE TABLE intent("
	"  sync INTEGER NOT NULL REFERENCES sync ON DELETE CASCADE, name TEXT NOT NULL,"
	"  digest TEXT NOT NULL, body TEXT, creates INTEGER NOT NULL, at INTEGER NOT NULL,"
	"  UNIQUE(sync, name, digest)) STRICT;",
	"ALTER TABLE sync ADD COLUMN repository TEXT; ALTER TABLE sync ADD COLUMN path TEXT;",
	/* replaced has a row if the file replaces a damaged one; complete: a whole sync has ended. */
	("CREATE TABLE replaced(id INTEGER PRIMARY KEY CHECK(id = 0)) STRICT;"
	 "ALTER TABLE sync ADD COLUMN complete INTEGER NOT NULL DEFAULT 0;"),
	/* A look is worth nothing as soon as the record or an intent of its workflow changes: it depends on them. */
	("CREATE TABLE held("
	 "  sync INTEGER NOT NULL REFERENCES sync ON DELETE CASCADE, name TEXT NOT NULL,"
	 "  stamp INTEGER NOT NULL, entry BLOB NOT NULL, described INTEGER NOT NULL,"
	 "  inputs BLOB NOT NULL, outcome TEXT, unseen TEXT,"
	 "  UNIQUE(sync, name)) STRICT;"
	 "ALTER TABLE sync ADD COLUMN looked INTEGER NOT NULL DEFAULT 0;"
	 "ALTER TABLE sync ADD COLUMN wrong INTEGER NOT NULL DEFAULT 0;"
	 DROPS_LOOK("record_added", "INSERT ON record", "NEW") DROPS_LOOK("record_changed", "UPDATE ON record", "NEW")
	 DROPS_LOOK("record_dropped", "DELETE ON record", "OLD") DROPS_LOOK("intent_added", "INSERT ON intent", "NEW")
	 DROPS_LOOK("intent_dropped", "DELETE ON intent", "OLD")),
};

static const struct database_kind kind = {
	.what = "state",
	.otherwise = "move it away to start with an empty one, which costs a few more writes and nothing else",
	.application = 0x666c7374,	/* "flst" */
	.migrations = migrations, .version = ARRAY_LEN(migrations),
	.sql = sql, .sql_count = ARRAY_LEN(sql),
};

/* A change that waits for the next commit.  The texts live in the arena of the round; NULL: none, or not of its
 * statement. */
struct state_change {
	enum statement statement;
	const char *name, *digest, *body, *settled;
	int64_t number;			/* PUT: the workflow's id; INTEND: the time */
	int64_t flag;			/* PUT: paused; INTEND: creates */
	struct state_change *next;
};

struct state_store {
	struct database *db;
	enum state_store_mode use;
	unsigned char key[STATE_KEY_SIZE];
	int64_t sync;
	char *damage;			/* state_store_damage()'s */
	struct arena round;		/* of the changes since the last commit */
	struct state_change *first, **last;
	bool urgent;			/* one of them has to be in the next commit */
	struct spill_file bodies_file;	/* the bodies of the records */
	struct applied_bodies bodies;
};

static bool state_corrupt(struct state_store *s, struct err *err, const char *why)
{
	return err_set(err, "state \"%s\" is corrupt: %s; %s", database_path(s->db), why, kind.otherwise);
}

/* ---- opening ---- */

static bool state_get_key(struct state_store *s, bool *found, struct err *err)
{
	struct query *q = query_begin(s->db, GET_KEY);

	if (!query_row(q, found, err))
		return false;
	if (!*found)
		return true;
	bool ok = query_get_bytes(q, 0, s->key, sizeof s->key);
	query_end(q);
	return ok || state_corrupt(s, err, "its key has the wrong length");
}

/* True if a damaged state was set aside at any time, or if that cannot be known. */
static bool state_has_set_aside(const char *path)
{
	static const char begin[] = "state.db" SET_ASIDE;
	CLEANUP(arena_free) struct arena a = { 0 };
	CLEANUP(directory_close) DIR *stream = opendir(file_directory(&a, path));
	bool found = false;

	if (!stream)
		return errno != ENOENT;
	for (struct dirent *e; !found && (e = readdir(stream)); )
		found = strncmp(e->d_name, begin, strlen(begin)) == 0;
	return found;
}

/* Before the key is added, so that a process killed in between leaves the mark or a file that is still new. */
static bool state_mark_replacement(struct state_store *s, struct err *err)
{
	return !state_has_set_aside(database_path(s->db)) || query_run(query_begin(s->db, ADD_REPLACED), err);
}

/* Another process may add its own meanwhile: the first one holds, so what holds is asked for
 * again. */
static bool state_ensure_key(struct state_store *s, struct err *err)
{
	unsigned char fresh[STATE_KEY_SIZE];
	bool found;

	if (!state_get_key(s, &found, err))
		return false;
	if (found)
		return true;
	if (!state_mark_replacement(s, err))
		return false;
	if (getrandom(fresh, sizeof fresh, 0) != sizeof fresh)
		return err_sys(err, errno, "make the key of state \"%s\"", database_path(s->db));
	struct query *q = query_begin(s->db, ADD_KEY);
	query_bytes(q, 1, fresh, sizeof fresh);
	return query_run(q, err) && state_get_key(s, &found, err);
}

static bool state_get_sync(struct state_store *s, const char *endpoint, const char *owner, struct err *err)
{
	struct query *q = query_begin(s->db, GET_SYNC);
	bool found;

	query_text(q, 1, endpoint);
	query_text(q, 2, owner);
	if (!query_row(q, &found, err))
		return false;
	if (found) {
		s->sync = query_get_int(q, 0);
		query_end(q);
	}
	return true;
}

static bool state_ensure_sync(struct state_store *s, const char *endpoint, const char *owner, struct err *err)
{
	if (!state_get_sync(s, endpoint, owner, err))
		return false;
	if (s->sync)
		return true;
	struct query *q = query_begin(s->db, ADD_SYNC);
	query_text(q, 1, endpoint);
	query_text(q, 2, owner);
	return query_run(q, err) && state_get_sync(s, endpoint, owner, err);
}

static bool state_open_file(struct state_store *s, const char *path, const char *endpoint, const char *owner,
                            struct err *err)
{
	return (s->use == STATE_READ ? database_copy : database_open)(path, &kind, PATIENCE_MS, &s->db, err) &&
	       database_check(s->db, err) && state_ensure_key(s, err) && state_ensure_sync(s, endpoint, owner, err);
}

/* Moves the files of the database away, so that a person can look into them. */
static bool state_set_aside(struct arena *a, const char *path, const char **aside, struct err *err)
{
	static const char *const ends[] = { "-wal", "-shm", "-journal", "" };

	*aside = arena_printf(a, "%s" SET_ASIDE "%s", path, timestamp_text(a, clock_now()));
	for (size_t i = 0; i < ARRAY_LEN(ends); i++)
		if (rename(arena_printf(a, "%s%s", path, ends[i]), arena_printf(a, "%s%s", *aside, ends[i])) < 0 &&
		    errno != ENOENT)
			return err_sys(err, errno, "set the damaged state \"%s\" aside", path);
	return true;
}

static char *state_copy_text(const char *text)
{
	char *copy = strdup(text);

	if (!copy)
		abort();
	return copy;
}

/* Sets the damaged file aside and opens an empty one, unless another process has done so: two children of an agent may
 * find the damage at the same moment, and the second must not set the file of the first aside. */
static bool state_open_replaced(struct state_store *s, struct arena *a, const char *path, const char *endpoint,
                                const char *owner, const char **aside, struct err *err)
{
	CLEANUP(fd_close) int lock = -1;

	if (!file_lock_take(arena_printf(a, "%s.lock", path), true, &lock, err))
		return false;
	if (state_open_file(s, path, endpoint, owner, err))
		return true;
	if (err->kind != ERR_DAMAGED)
		return false;
	database_close(take(s->db));
	return state_set_aside(a, path, aside, err) && state_open_file(s, path, endpoint, owner, err);
}

/* Goes on with an empty state in the place of a damaged one; a plan with one in memory. */
static bool state_replace_damaged(struct state_store *s, const char *path, const char *endpoint, const char *owner,
                                  struct err *err)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	const struct err why = *err;
	const char *aside = NULL;

	database_close(take(s->db));
	/* There is no file without a name: a plan reads an empty one. */
	if (!(s->use == STATE_WRITE ? state_open_replaced(s, &a, path, endpoint, owner, &aside, err)
	                            : state_open_file(s, "", endpoint, owner, err)))
		return false;
	if (s->use == STATE_WRITE && !aside)
		return true;	/* state_check_complete() says why nothing is deleted */
	s->damage = state_copy_text(arena_printf(&a, "the state is damaged (%.*s)%s%s; lost are the records of what was applied and "
	                                         "the git revision that was applied last, so nothing is deleted this time",
	                                         (int)strcspn(why.msg, ";"), why.msg, aside ? "; it is set aside as " : "",
	                                         aside ? aside : ""));
	return true;
}

/* The sync that set the damaged state aside may have been killed, or another may have done it. */
static bool state_check_complete(struct state_store *s, struct err *err)
{
	struct query *q = query_begin(s->db, IS_INCOMPLETE);
	int64_t incomplete;

	query_int(q, 1, s->sync);
	if (!query_number(q, 0, &incomplete, err))
		return false;
	if (incomplete && !s->damage)
		s->damage = state_copy_text("a damaged state was set aside, and no whole sync of this owner has ended since, so "
		                            "nothing is deleted this time");
	return true;
}

bool state_store_open(const char *dir, enum state_store_mode use, const char *endpoint, const char *owner,
                      struct state_store **out, struct err *err)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	CLEANUP(state_store_closep) struct state_store *s = calloc(1, sizeof *s);
	const char *path = arena_printf(&a, "%s/state.db", dir);

	if (!s)
		abort();
	s->use = use;
	s->bodies_file = SPILL_FILE_NONE;
	s->last = &s->first;
	if (!(use == STATE_READ ? state_directory_check : state_directory_make)(dir, err))
		return false;	/* NOLINT(clang-analyzer-unix.Malloc): it does not see CLEANUP */
	if (!state_open_file(s, path, endpoint, owner, err) &&
	    !(err->kind == ERR_DAMAGED && state_replace_damaged(s, path, endpoint, owner, err)))
		return false;
	if (!state_check_complete(s, err))
		return false;
	*out = take(s);
	return true;
}

const char *state_store_damage(const struct state_store *s)
{
	return s->damage;
}

void state_store_close(struct state_store *s)
{
	if (!s)
		return;
	database_close(s->db);
	arena_free(&s->round);
	spill_file_close(&s->bodies_file);
	free(s->damage);
	explicit_bzero(s->key, sizeof s->key);
	free(s);
}

void state_store_closep(struct state_store **state)
{
	state_store_close(*state);
}

const unsigned char *state_store_key(const struct state_store *s)
{
	return s->key;
}

/* ---- records ---- */

static bool state_read_tree(struct state_store *s, struct arena *a, const char *name, const char *text,
                            const struct node **out, struct err *err)
{
	struct node *tree;

	if (!text)
		return true;
	if (!json_read(a, text, strlen(text), &tree, err))
		return state_corrupt(s, err, arena_printf(a, "the record of workflow \"%s\": %s", name, err->msg));
	*out = tree;
	return true;
}

/* A body is read when it is needed; here only one that cannot be read matters. */
static bool state_read_body(struct state_store *s, struct arena *a, const char *name, const char *text, bool valid,
                            const char **out, struct err *err)
{
	const struct node *tree;

	if (text && !valid && !state_read_tree(s, a, name, text, &tree, err))
		return false;
	*out = text;
	return true;
}

static bool state_read_stored_body(void *state, uint64_t place, size_t len, char *bytes)
{
	return spill_file_get(&((const struct state_store *)state)->bodies_file, place, len, bytes);
}

/* The bodies of all records are as large as the specs, and one is needed at a time.  The database may show another one by
 * then. */
static void state_hold_body(struct state_store *s, struct arena *a, const char *json, struct applied_record *r)
{
	size_t len = json ? strlen(json) : 0;

	if (!len)
		return;
	r->stored.len = len;
	if (spill_file_put(&s->bodies_file, json, len, &r->stored.place))
		r->stored.in = &s->bodies;
	else
		r->body_json = arena_strdup(a, json);
}

static bool state_read_record(struct state_store *s, struct arena *a, struct query *q, struct applied_record *out,
                              struct err *err)
{
	CLEANUP(arena_free) struct arena scratch = { 0 };
	struct applied_record r = {
		.name = query_get_text(a, q, 0), .id = query_get_int(q, 1), .digest = query_get_text(a, q, 2),
		.paused = query_get_int(q, 5),
	};
	const char *body;

	if (!state_read_body(s, &scratch, r.name, query_get_text(&scratch, q, 3), query_get_int(q, 6), &body, err) ||
	    !state_read_tree(s, a, r.name, query_get_text(&scratch, q, 4), &r.settled, err))
		return false;
	state_hold_body(s, a, body, &r);
	*out = r;
	return true;
}

static bool state_load_record(struct state_store *s, struct arena *a, struct query *q, struct applied_records *all,
                              struct err *err)
{
	arena_grow(a, all->items, all->count, all->room);
	if (!state_read_record(s, a, q, &all->items[all->count], err))
		return false;
	all->count++;
	return true;
}

static bool state_load_intent(struct state_store *s, struct arena *a, struct query *q, struct applied_records *all,
                              struct err *err)
{
	struct applied_intent i = {
		.name = query_get_text(a, q, 0), .digest = query_get_text(a, q, 1), .creates = query_get_int(q, 3),
		.at = query_get_int(q, 4),
	};

	if (!state_read_body(s, a, i.name, query_get_text(a, q, 2), query_get_int(q, 5), &i.body_json, err))
		return false;
	arena_grow(a, all->intents, all->intent_count, all->intent_room);
	all->intents[all->intent_count++] = i;
	return true;
}

static bool state_load_rows(struct state_store *s, enum statement statement, struct arena *a,
                            bool (*load)(struct state_store *, struct arena *, struct query *, struct applied_records *,
                                         struct err *),
                            struct applied_records *all, struct err *err)
{
	struct query *q = query_begin(s->db, statement);
	bool more, ok;

	query_int(q, 1, s->sync);
	while ((ok = query_row(q, &more, err)) && more) {
		if (!load(s, a, q, all, err)) {
			query_end(q);
			return false;
		}
	}
	return ok;
}

bool state_store_load(struct state_store *s, struct arena *a, struct applied_records *out, struct err *err)
{
	struct applied_records all = { 0 };

	s->bodies = (struct applied_bodies){ state_read_stored_body, s };
	if (s->bodies_file.fd < 0)
		spill_file_open(getenv("TMPDIR"), &s->bodies_file);
	if (!state_load_rows(s, LOAD, a, state_load_record, &all, err) ||
	    !state_load_rows(s, LOAD_INTENTS, a, state_load_intent, &all, err))
		return false;
	*out = all;
	return true;
}

/* ---- changes ---- */

static const char *applied_json(struct arena *a, const struct node *n)
{
	return n ? json_text(a, n) : NULL;
}

static void state_add(struct state_store *s, struct state_change change, bool urgent)
{
	struct state_change *kept = arena_new(&s->round, struct state_change, 1);

	assert(s->use == STATE_WRITE);
	change.name = arena_strdup(&s->round, change.name);
	change.digest = arena_strdup_or_null(&s->round, change.digest);
	*kept = change;
	*s->last = kept;
	s->last = &kept->next;
	s->urgent |= urgent;
}

void state_store_put(struct state_store *s, const struct applied_record *r)
{
	state_add(s, (struct state_change){
		PUT, r->name, r->digest, applied_json(&s->round, r->body), applied_json(&s->round, r->settled), r->id, r->paused,
	}, true);
}

void state_store_drop(struct state_store *s, const char *name)
{
	state_add(s, (struct state_change){ DROP, name }, true);
}

void state_store_drop_intents(struct state_store *s, const char *name)
{
	state_add(s, (struct state_change){ DROP_INTENTS, name }, false);
}

void state_store_intend(struct state_store *s, const struct applied_intent *i)
{
	state_add(s, (struct state_change){
		INTEND, i->name, i->digest, applied_json(&s->round, i->body), NULL, i->at, i->creates,
	}, true);
}

void state_store_withdraw(struct state_store *s, const struct applied_intent *i)
{
	state_add(s, (struct state_change){ WITHDRAW, i->name, i->digest }, true);
}

static bool state_write(struct state_store *s, const struct state_change *c, struct err *err)
{
	struct query *q = query_begin(s->db, c->statement);

	query_int(q, 1, s->sync);
	query_text(q, 2, c->name);
	switch (c->statement) {
	case PUT:
		query_int(q, 3, c->number);
		query_text(q, 4, c->digest);
		query_text(q, 5, c->body);
		query_text(q, 6, c->settled);
		query_int(q, 7, c->flag);
		break;
	case INTEND:
		query_text(q, 3, c->digest);
		query_text(q, 4, c->body);
		query_int(q, 5, c->flag);
		query_int(q, 6, c->number);
		break;
	case WITHDRAW:
		query_text(q, 3, c->digest);
		break;
	default:	/* the name is all */
		break;
	}
	return query_run(q, err);
}

static bool state_write_all(struct state_store *s, struct err *err)
{
	bool ok = true;

	if (!database_begin(s->db, err))
		return false;
	for (const struct state_change *c = s->first; c && ok; c = c->next)
		ok = state_write(s, c, err);
	return database_end(s->db, ok, err) && ok;
}

bool state_store_commit(struct state_store *s, bool all, struct err *err)
{
	if (!s->urgent && !(all && s->first))
		return true;
	if (!state_write_all(s, err))
		return false;
	arena_free(&s->round);
	s->first = NULL;
	s->last = &s->first;
	s->urgent = false;
	return true;
}

bool state_store_revision(struct state_store *s, struct arena *a, struct state_store_revision *out, struct err *err)
{
	struct query *q = query_begin(s->db, GET_REVISION);
	bool more;

	query_int(q, 1, s->sync);
	if (!query_row(q, &more, err))
		return false;
	*out = (struct state_store_revision){ 0 };
	if (!more)
		return true;
	out->commit = query_get_text(a, q, 0);
	out->repository = query_get_text(a, q, 1);
	out->path = query_get_text(a, q, 2);
	query_end(q);
	return true;
}

bool state_store_set_revision(struct state_store *s, const struct state_store_revision *revision, struct err *err)
{
	struct query *q = query_begin(s->db, SET_REVISION);

	assert(s->use == STATE_WRITE);
	query_int(q, 1, s->sync);
	query_text(q, 2, revision->commit);
	query_text(q, 3, revision->repository);
	query_text(q, 4, revision->path);
	return query_run(q, err);
}

bool state_store_set_complete(struct state_store *s, struct err *err)
{
	struct query *q = query_begin(s->db, SET_COMPLETE);

	assert(s->use == STATE_WRITE);
	query_int(q, 1, s->sync);
	return query_run(q, err);
}

/* ---- looks ---- */

static bool state_load_look(struct arena *a, struct query *q, struct held_looks *all)
{
	struct held_look look = {
		.name = query_get_text(a, q, 0), .entry.updated = query_get_int(q, 1), .described = query_get_int(q, 3),
		.outcome = query_get_text(a, q, 5), .unseen = query_get_text(a, q, 6),
	};

	if (!query_get_bytes(q, 2, look.entry.digest, sizeof look.entry.digest) ||
	    !query_get_bytes(q, 4, look.inputs, sizeof look.inputs))
		return false;
	arena_grow(a, all->items, all->count, all->room);
	all->items[all->count++] = look;
	return true;
}

static bool state_load_looked(struct state_store *s, struct held_looks *out, struct err *err)
{
	struct query *q = query_begin(s->db, GET_LOOKED);
	bool more;

	query_int(q, 1, s->sync);
	if (!query_row(q, &more, err))
		return false;
	if (!more)
		return true;
	out->full_ms = query_get_int(q, 0);
	out->off_ms = query_get_int(q, 1);
	query_end(q);
	return true;
}

bool state_store_load_looks(struct state_store *s, struct arena *a, struct held_looks *out, struct err *err)
{
	struct query *q = query_begin(s->db, LOAD_LOOKS);
	struct held_looks all = { 0 };
	bool more, ok;

	query_int(q, 1, s->sync);
	while ((ok = query_row(q, &more, err)) && more) {
		if (!state_load_look(a, q, &all)) {
			query_end(q);
			return state_corrupt(s, err, "a look at a workflow has a digest of the wrong length");
		}
	}
	if (!ok || !state_load_looked(s, &all, err))
		return false;
	*out = all;
	return true;
}

static bool state_hold_look(struct state_store *s, const struct held_look *look, struct err *err)
{
	struct query *q = query_begin(s->db, HOLD_LOOK);

	query_int(q, 1, s->sync);
	query_text(q, 2, look->name);
	query_int(q, 3, look->entry.updated);
	query_bytes(q, 4, look->entry.digest, sizeof look->entry.digest);
	query_int(q, 5, look->described);
	query_bytes(q, 6, look->inputs, sizeof look->inputs);
	query_text(q, 7, look->outcome);
	query_text(q, 8, look->unseen);
	return query_run(q, err);
}

static bool state_drop_look(struct state_store *s, const char *name, struct err *err)
{
	struct query *q = query_begin(s->db, DROP_LOOK);

	query_int(q, 1, s->sync);
	query_text(q, 2, name);
	return query_run(q, err);
}

static bool state_set_time(struct state_store *s, enum statement statement, int64_t ms, struct err *err)
{
	struct query *q = query_begin(s->db, statement);

	query_int(q, 1, s->sync);
	query_int(q, 2, ms);
	return query_run(q, err);
}

static bool state_save_each_look(struct state_store *s, const struct warm *w, int64_t now_ms, struct err *err)
{
	for (size_t i = 0; i < w->stale_count; i++)
		if (!state_drop_look(s, w->stale[i], err))
			return false;
	for (size_t i = 0; i < w->fresh_count; i++)
		if (!state_hold_look(s, &w->fresh[i], err))
			return false;
	return (w->full_ms == w->held->full_ms || state_set_time(s, SET_LOOKED, w->full_ms, err)) &&
	       (!w->wrong || state_set_time(s, SET_WRONG, now_ms, err));
}

bool state_store_save_looks(struct state_store *s, const struct warm *w, int64_t now_ms, struct err *err)
{
	assert(s->use == STATE_WRITE);
	if (!w->held || (!w->stale_count && !w->fresh_count && !w->wrong && w->full_ms == w->held->full_ms))
		return true;
	if (!database_begin(s->db, err))
		return false;
	bool ok = state_save_each_look(s, w, now_ms, err);
	return database_end(s->db, ok, err) && ok;
}

/* ---- approvals of earlier versions ---- */

bool state_store_old_approvals(struct state_store *s, struct arena *a, struct approval_list *out, struct err *err)
{
	struct query *q = query_begin(s->db, GET_OLD_APPROVALS);
	struct approval_list all = { 0 };
	bool more, ok;

	while ((ok = query_row(q, &more, err)) && more) {
		arena_grow(a, all.items, all.count, all.room);
		all.items[all.count++] = (struct approval){
			{ query_get_text(a, q, 0), query_get_text(a, q, 1) }, query_get_text(a, q, 2), query_get_text(a, q, 3),
		};
	}
	if (ok)
		*out = all;
	return ok;
}

bool state_store_drop_old_approvals(struct state_store *s, struct err *err)
{
	assert(s->use == STATE_WRITE);
	return query_run(query_begin(s->db, DROP_OLD_APPROVALS), err);
}
