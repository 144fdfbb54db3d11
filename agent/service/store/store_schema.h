/* store_schema.h: the tables of the local service's file and all that they are asked.  For workflow_store.c and
 * execution_store.c alone. */
#ifndef AGENT_SERVICE_STORE_STORE_SCHEMA_H
#define AGENT_SERVICE_STORE_STORE_SCHEMA_H

#include "agent/state/database.h"

struct store {
	struct database *db;
};

enum store_statement {
	ADD, ADD_BODY, ADD_TRIGGER, ADD_TAG, PUT, PUT_BODY, PUT_STATUS,
	DROP, DROP_TRIGGERS, DROP_TAGS,
	GET, GET_BODY, GET_TRIGGERS, GET_TAGS, FIND_WEBHOOK,
	/* Of each of the three kinds of selection one, in the same order. */
	COUNT_ALL, PAGE_ALL, COUNT_NAMED, PAGE_NAMED, COUNT_INDEXED, PAGE_INDEXED,

	PUT_DUE, PUT_DUES_OFF, ALL_DUE, NEXT_DUE, ALL_CRONS,

	RUN_ADD, RUN_ADD_WORK, RUN_TAKE, RUN_PUT, RUN_PUT_WORK, RUN_FORGET_EXECUTE, RUN_ASK_STOP, RUN_DROP_OLD,
	RUN_GET, RUN_GET_WORK, RUN_LAST, RUN_COUNT_OPEN, RUN_OPEN_OF, RUN_NEW, RUN_STOPS,
	RUN_COUNT, RUN_PAGE,
	RERUN_ADD, RERUN_PUT, RERUN_OF,
	LOG_ADD, LOG_END, LOG_PAGE,
	TELL_ADD, TELL_PUT, TELL_DROP, TELL_DUE, TELL_NEXT, TELL_HURRY,
	STORE_STATEMENTS
};

extern const struct database_kind store_kind;

#endif
