/* store_fixture.h: a store of the local service in a folder of its own, for the tests of what is kept
 * there. */
#ifndef TESTS_AGENT_SERVICE_STORE_STORE_FIXTURE_H
#define TESTS_AGENT_SERVICE_STORE_STORE_FIXTURE_H

#include "tests/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/service/store/workflow_store.h"

struct fixture {
	char folder[32];
	char *file;
	struct arena arena;
	struct store *store;
};

static void check(bool ok, const struct err *err)
{
	if (!ok)
		fail_msg("%s", err->msg);
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	struct err err;

	assert_non_null(f);
	strcpy(f->folder, "/tmp/flowsync-store-XXXXXX");
	assert_non_null(mkdtemp(f->folder));
	assert_true(asprintf(&f->file, "%s/a.db", f->folder) > 0);
	check(workflow_store_open(f->file, 100, &f->store, &err), &err);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	static const char *const ends[] = { "", "-wal", "-shm" };

	workflow_store_close(f->store);
	for (size_t i = 0; i < ARRAY_LEN(ends); i++)
		unlink(arena_printf(&f->arena, "%s%s", f->file, ends[i]));
	assert_int_equal(rmdir(f->folder), 0);
	arena_free(&f->arena);
	free(f->file);
	free(f);
	return 0;
}

#endif
