#include "agent/service/store/store_schema.h"

/* The status of a workflow is Running while an execution is in progress; afterwards it is the stored one again. */
#define STATUS \
	"CASE WHEN EXISTS(SELECT 1 FROM run WHERE run.workflow = workflow.id AND run.finished IS NULL)" \
	" THEN 1 ELSE workflow.status END"
#define LAST_RUN_STATUS \
	"(SELECT run.status FROM run WHERE run.workflow = workflow.id ORDER BY run.id DESC LIMIT 1)"

/* What was made of the workflow as it is now, by this version of the program. */
#define ITEM "(SELECT item FROM workflow_item AS i WHERE i.workflow = workflow.id AND since = workflow.updated" \
	" AND made = ?8)"
#define REST "(SELECT rest FROM workflow_rest AS r WHERE r.workflow = workflow.id AND since = workflow.updated" \
	" AND made = ?8)"
#define LAST_RUN "(SELECT run.id FROM run WHERE run.workflow = workflow.id ORDER BY run.id DESC LIMIT 1)"

/* The conditions of a page.  Unlike LIKE, instr() has no wildcards and no limit; both ignore the case of A to Z only.
 * */
#define FITS " (?1 = 0 OR ?1 >> " STATUS " & 1)" \
	" AND (?2 IS NULL OR modified_by IN (SELECT value FROM json_each(?2)))" \
	" AND (?7 = 0 OR ?7 >> " LAST_RUN_STATUS " & 1)"
#define NAMED " AND instr(lower(name), lower(?3)) > 0"
/* The index only narrows the selection: it ignores the case of more letters than lower() does. */
#define INDEXED " AND id IN (SELECT rowid FROM workflow_name WHERE workflow_name MATCH ?4)"
#define COLUMNS "SELECT id, name, " STATUS ", created, updated, modified_by, workflow.status, " ITEM ", " LAST_RUN \
	" FROM workflow"
/* For the rows of a page a join takes less time than ITEM. */
#define ENTRIES "SELECT id, " STATUS ", CASE WHEN since = workflow.updated AND made = ?8 THEN item END, " LAST_RUN \
	" FROM workflow LEFT JOIN workflow_item AS i ON i.workflow = workflow.id"
#define PAGE " ORDER BY id LIMIT ?5 OFFSET ?6"

#define RUN_COLUMNS \
	"SELECT id, uuid, workflow, status, began, finished, cause, stopped_by, stop_asked, taken FROM run"
#define RUN_FITS " WHERE workflow = ?1 AND began >= ?2 AND began <= ?3 AND (?4 = 0 OR ?4 >> status & 1)"

static const char *const sql[SQL_STATEMENTS] = {
	[SQL_WORKFLOW_ADD] = "INSERT INTO workflow(name, status, created, updated, modified_by)"
	                     " VALUES(?1, ?2, ?3, ?4, ?5)",
	[SQL_BODY_ADD] = "INSERT INTO workflow_body(workflow, body) VALUES(?1, ?2)",
	[SQL_TRIGGER_ADD] = "INSERT INTO workflow_trigger(workflow, position, cron, webhook, due)"
	                    " VALUES(?1, ?2, ?3, ?4, ?5)",
	[SQL_TAG_ADD] = "INSERT INTO workflow_tag(workflow, position, name) VALUES(?1, ?2, ?3)",
	[SQL_WORKFLOW_PUT] = "UPDATE workflow SET name = ?1, status = ?2, created = ?3, updated = ?4, modified_by = ?5"
	                     " WHERE id = ?6",
	[SQL_BODY_PUT] = "UPDATE workflow_body SET body = ?2 WHERE workflow = ?1",
	[SQL_WORKFLOW_PUT_STATUS] = "UPDATE workflow SET status = ?2, updated = ?3 WHERE id = ?1",
	[SQL_WORKFLOW_DROP] = "DELETE FROM workflow WHERE id = ?1",
	[SQL_TRIGGERS_DROP] = "DELETE FROM workflow_trigger WHERE workflow = ?1",
	[SQL_TAGS_DROP] = "DELETE FROM workflow_tag WHERE workflow = ?1",
	[SQL_WORKFLOW_GET] = COLUMNS " WHERE id = ?1",
	[SQL_ITEM_PUT] = "INSERT OR REPLACE INTO workflow_item(workflow, since, made, item) VALUES(?1, ?2, ?3, ?4)",
	[SQL_REST_PUT] = "INSERT OR REPLACE INTO workflow_rest(workflow, since, made, rest) VALUES(?1, ?2, ?3, ?4)",
	[SQL_ANSWER_GET] = "SELECT id, " STATUS ", " ITEM ", " LAST_RUN ", " REST " FROM workflow WHERE id = ?1",
	[SQL_UNMADE_LIST] = "SELECT id FROM workflow WHERE id > ?1 AND (" ITEM " IS NULL OR " REST " IS NULL)"
	                    " ORDER BY id LIMIT ?2",
	[SQL_BODY_GET] = "SELECT body FROM workflow_body WHERE workflow = ?1",
	[SQL_TRIGGERS_GET] = "SELECT cron, webhook, due FROM workflow_trigger WHERE workflow = ?1"
	                     " ORDER BY position",
	[SQL_TAGS_GET] = "SELECT name FROM workflow_tag WHERE workflow = ?1 ORDER BY position",
	[SQL_WEBHOOK_FIND] = "SELECT workflow FROM workflow_trigger WHERE webhook = ?1",
	/* Nothing is asked of any row. */
	[SQL_COUNT_EVERY] = "SELECT count(*) FROM workflow",
	[SQL_PAGE_EVERY] = ENTRIES PAGE,
	[SQL_COUNT_ALL] = "SELECT count(*) FROM workflow WHERE" FITS,
	[SQL_PAGE_ALL] = ENTRIES " WHERE" FITS PAGE,
	[SQL_COUNT_NAMED] = "SELECT count(*) FROM workflow WHERE" FITS NAMED,
	[SQL_PAGE_NAMED] = ENTRIES " WHERE" FITS NAMED PAGE,
	[SQL_COUNT_INDEXED] = "SELECT count(*) FROM workflow WHERE" FITS NAMED INDEXED,
	[SQL_PAGE_INDEXED] = ENTRIES " WHERE" FITS NAMED INDEXED PAGE,

	[SQL_DUE_PUT] = "UPDATE workflow_trigger SET due = ?3 WHERE workflow = ?1 AND position = ?2",
	[SQL_DUES_CLEAR] = "UPDATE workflow_trigger SET due = NULL WHERE workflow = ?1",
	[SQL_DUE_LIST] = "SELECT workflow, position, cron, due FROM workflow_trigger"
	                 " WHERE due <= ?1 ORDER BY due LIMIT ?2",
	[SQL_DUE_NEXT] = "SELECT min(due) FROM workflow_trigger WHERE due IS NOT NULL",
	[SQL_CRONS_LIST] = "SELECT workflow, position, cron, due FROM workflow_trigger"
	                   " JOIN workflow ON workflow.id = workflow WHERE cron IS NOT NULL AND status = 2",

	[SQL_EXECUTION_ADD] = "INSERT INTO run(uuid, workflow, status, began, cause) VALUES(?1, ?2, ?3, ?4, ?5)",
	[SQL_DETAILS_ADD] = "INSERT INTO run_work(run, execute, steps, state) VALUES(?1, ?2, ?3, ?4)",
	[SQL_EXECUTION_TAKE] = "UPDATE run SET taken = 1 WHERE id = ?1 AND taken = 0",
	[SQL_EXECUTION_PUT] = "UPDATE run SET status = ?2, finished = ?3, stopped_by = ?4, taken = 1 WHERE id = ?1",
	[SQL_STATE_PUT] = "UPDATE run_work SET state = ?2 WHERE run = ?1",
	[SQL_REQUEST_FORGET] = "UPDATE run_work SET execute = NULL WHERE run = ?1",
	[SQL_EXECUTION_ASK_STOP] = "UPDATE run SET stop_asked = ?2 WHERE id = ?1 AND finished IS NULL",
	[SQL_EXECUTION_DROP_OLD] = "DELETE FROM run WHERE id IN"
	                           " (SELECT id FROM run WHERE finished < ?1 ORDER BY finished LIMIT ?2)",
	[SQL_EXECUTION_GET] = RUN_COLUMNS " WHERE uuid = ?1",
	[SQL_DETAILS_GET] = "SELECT execute, steps, state FROM run_work WHERE run = ?1",
	[SQL_EXECUTION_LAST] = RUN_COLUMNS " WHERE workflow = ?1 ORDER BY id DESC LIMIT 1",
	[SQL_EXECUTION_COUNT_OPEN] = "SELECT count(*) FROM run WHERE finished IS NULL",
	[SQL_EXECUTION_COUNT_OPEN_OF] = "SELECT count(*) FROM run WHERE workflow = ?1 AND finished IS NULL",
	/* By the index of executions in progress, which are few; by id it would read all that have finished. */
	[SQL_EXECUTION_NEW] = RUN_COLUMNS " INDEXED BY run_under_way WHERE finished IS NULL AND id > ?1"
	                      " ORDER BY id LIMIT ?2",
	[SQL_EXECUTION_STOPS] = "SELECT id, stop_asked FROM run WHERE finished IS NULL AND stop_asked IS NOT NULL",
	[SQL_EXECUTION_COUNT] = "SELECT count(*) FROM run" RUN_FITS,
	[SQL_EXECUTION_PAGE] = RUN_COLUMNS RUN_FITS " ORDER BY id DESC LIMIT ?5 OFFSET ?6",
	[SQL_RERUN_ADD] = "INSERT INTO rerun(run, position, uuid, status, began)"
	                  " SELECT ?1, coalesce(max(position) + 1, 0), ?2, ?3, ?4 FROM rerun WHERE run = ?1",
	[SQL_RERUN_PUT] = "UPDATE rerun SET status = ?2, finished = ?3, stopped_by = ?4 WHERE run = ?1"
	                  " AND finished IS NULL",
	[SQL_RERUN_LIST] = "SELECT uuid, status, began, finished, stopped_by FROM rerun WHERE run = ?1"
	                   " ORDER BY position",
	[SQL_LOG_ADD] = "INSERT INTO log(run, step, seq, attempt, upto, text)"
	                " SELECT ?1, ?2, coalesce(max(seq) + 1, 0), ?3, ?4, ?5 FROM log"
	                " WHERE run = ?1 AND step = ?2",
	[SQL_LOG_END] = "SELECT attempt, upto FROM log WHERE run = ?1 AND step = ?2 ORDER BY seq DESC LIMIT 1",
	[SQL_LOG_PAGE] = "SELECT seq, text FROM log WHERE run = ?1 AND step = ?2 AND seq >= ?3 ORDER BY seq",
	[SQL_NOTIFICATION_ADD] = "INSERT INTO tell(run, watcher, news, attempts, due) VALUES(?1, ?2, ?3, 0, ?4)",
	[SQL_NOTIFICATION_PUT] = "UPDATE tell SET attempts = ?2, due = ?3 WHERE id = ?1",
	[SQL_NOTIFICATION_DROP] = "DELETE FROM tell WHERE id = ?1",
	[SQL_NOTIFICATION_DUE] = "SELECT id, watcher, news, attempts FROM tell WHERE due <= ?1 ORDER BY due LIMIT ?2",
	[SQL_NOTIFICATION_NEXT] = "SELECT min(due) FROM tell",
	[SQL_NOTIFICATION_MAKE_DUE] = "UPDATE tell SET due = ?1 WHERE due > ?1",
};

/* Row i brings a file of version i to version i + 1.  Never change a row that was released.
 * A body stands apart from its workflow, so that reading a page touches no body; so does what a
 * run is made of, for pages of runs. */
static const char *const migrations[] = {
	"CREATE TABLE workflow("
	"  id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL,"
	"  status INTEGER NOT NULL CHECK(status BETWEEN 0 AND 3), created INTEGER NOT NULL,"
	"  updated INTEGER NOT NULL, modified_by TEXT NOT NULL) STRICT;"
	"CREATE TABLE workflow_body("
	"  workflow INTEGER PRIMARY KEY REFERENCES workflow ON DELETE CASCADE, body TEXT NOT NULL) STRICT;"
	"CREATE TABLE workflow_trigger("
	"  workflow INTEGER NOT NULL REFERENCES workflow ON DELETE CASCADE, position INTEGER NOT NULL,"
	"  cron TEXT, webhook TEXT UNIQUE, CHECK((cron IS NULL) <> (webhook IS NULL)),"
	"  PRIMARY KEY(workflow, position)) STRICT, WITHOUT ROWID;"
	"CREATE TABLE workflow_tag("
	"  workflow INTEGER NOT NULL REFERENCES workflow ON DELETE CASCADE, position INTEGER NOT NULL,"
	"  name TEXT NOT NULL, PRIMARY KEY(workflow, position)) STRICT, WITHOUT ROWID;"
	"CREATE VIRTUAL TABLE workflow_name"
	"  USING fts5(name, content = 'workflow', content_rowid = 'id', tokenize = 'trigram');"
	"CREATE TRIGGER name_added AFTER INSERT ON workflow BEGIN"
	"  INSERT INTO workflow_name(rowid, name) VALUES(new.id, new.name); END;"
	"CREATE TRIGGER name_gone AFTER DELETE ON workflow BEGIN"
	"  INSERT INTO workflow_name(workflow_name, rowid, name) VALUES('delete', old.id, old.name); END;"
	"CREATE TRIGGER name_changed AFTER UPDATE OF name ON workflow WHEN old.name <> new.name BEGIN"
	"  INSERT INTO workflow_name(workflow_name, rowid, name) VALUES('delete', old.id, old.name);"
	"  INSERT INTO workflow_name(rowid, name) VALUES(new.id, new.name); END;",

	/* due: when a cron fires next, in milliseconds since 1970; NULL: never, or the workflow is paused. */
	"ALTER TABLE workflow_trigger ADD COLUMN due INTEGER;"
	"CREATE INDEX trigger_due ON workflow_trigger(due) WHERE due IS NOT NULL;"
	/* status: enum dag_status.  finished NULL: in progress.  taken: an engine has begun to run it. */
	"CREATE TABLE run("
	"  id INTEGER PRIMARY KEY AUTOINCREMENT, uuid TEXT NOT NULL UNIQUE,"
	"  workflow INTEGER NOT NULL REFERENCES workflow ON DELETE CASCADE,"
	"  status INTEGER NOT NULL CHECK(status BETWEEN 1 AND 5), began INTEGER NOT NULL, finished INTEGER,"
	"  cause TEXT NOT NULL, stopped_by TEXT, stop_asked TEXT, taken INTEGER NOT NULL DEFAULT 0) STRICT;"
	/* It has all columns by which a page of executions, and the newest one of a workflow, are selected. */
	"CREATE INDEX run_of_workflow ON run(workflow, id, began, status);"
	"CREATE INDEX run_under_way ON run(workflow) WHERE finished IS NULL;"
	"CREATE INDEX run_to_stop ON run(id) WHERE finished IS NULL AND stop_asked IS NOT NULL;"
	"CREATE INDEX run_finished ON run(finished) WHERE finished IS NOT NULL;"
	/* execute: the request that started it, while it is in progress.  steps: the fields of each step that are shown
	 * and do not change.  state: of dag_run_save(). */
	"CREATE TABLE run_work("
	"  run INTEGER PRIMARY KEY REFERENCES run ON DELETE CASCADE, execute TEXT, steps TEXT NOT NULL,"
	"  state TEXT NOT NULL) STRICT;"
	"CREATE TABLE rerun("
	"  run INTEGER NOT NULL REFERENCES run ON DELETE CASCADE, position INTEGER NOT NULL, uuid TEXT NOT NULL,"
	"  status INTEGER NOT NULL, began INTEGER NOT NULL, finished INTEGER, stopped_by TEXT,"
	"  PRIMARY KEY(run, position)) STRICT, WITHOUT ROWID;"
	/* upto: bytes of the attempt's own log that are in here. */
	"CREATE TABLE log("
	"  run INTEGER NOT NULL REFERENCES run ON DELETE CASCADE, step INTEGER NOT NULL, seq INTEGER NOT NULL,"
	"  attempt INTEGER NOT NULL, upto INTEGER NOT NULL, text TEXT NOT NULL, UNIQUE(run, step, seq)) STRICT;"
	/* A notification that is not sent yet: its watcher, and the event (news). */
	"CREATE TABLE tell("
	"  id INTEGER PRIMARY KEY AUTOINCREMENT, run INTEGER NOT NULL REFERENCES run ON DELETE CASCADE,"
	"  watcher TEXT NOT NULL, news TEXT NOT NULL, attempts INTEGER NOT NULL, due INTEGER NOT NULL) STRICT;"
	"CREATE INDEX tell_due ON tell(due);"
	"CREATE INDEX tell_of_run ON tell(run);",

	/* Parts of answers, as workflow_json.c made them of the workflow that was updated at `since`; made: by which
	 * version of the program.  Apart, so that counting touches no item and a page no rest. */
	"CREATE TABLE workflow_item("
	"  workflow INTEGER PRIMARY KEY REFERENCES workflow ON DELETE CASCADE, since INTEGER NOT NULL,"
	"  made TEXT NOT NULL, item TEXT NOT NULL) STRICT;"
	"CREATE TABLE workflow_rest("
	"  workflow INTEGER PRIMARY KEY REFERENCES workflow ON DELETE CASCADE, since INTEGER NOT NULL,"
	"  made TEXT NOT NULL, rest TEXT NOT NULL) STRICT;",
};

const struct database_kind store_kind = {
	.what = "database",
	.otherwise = "it holds all workflows and is left as it is; put a backup in its place (flowsync serve --backup FILE "
	             "makes one), or get a copy of what can be read with: sqlite3 FILE .recover | sqlite3 NEW",
	.application = 0x666c6f77,	/* "flow" */
	.migrations = migrations, .version = ARRAY_LEN(migrations),
	.sql = sql, .sql_count = SQL_STATEMENTS,
};
