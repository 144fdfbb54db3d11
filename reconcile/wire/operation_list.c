#include "reconcile/wire/operation_list.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
	PAUSES = 5,		/* before a list is read again: 500 ms, 1 s, ..., 16 s, 16 s */
	PAGES_MAX = 10000,	/* that are requested side by side */
};

/* A page that is requested beside others, as a task of its own. */
struct list_page {
	struct task task;	/* first, so that a task is its list_page */
	struct operation_list *list;
	int64_t number;
	uint64_t digest;	/* of its ids and its count */
	int64_t pages;		/* pageCount of its answer */
	struct arena arena;	/* of its request and its answer, until it was read */
};

static enum task_next operation_list_task_step(struct task *task, const struct answer *answer,
                                struct request *next)
{
	return operation_list_step((struct operation_list *)task, answer, next);
}

void operation_list_init(struct operation_list *list, struct arena *a)
{
	*list = (struct operation_list){
		.op = { .task.step = operation_list_task_step, .arena = a }, .filter = "", .page_size = LIST_PAGE,
		.reading = 1, .total = -1,
	};
	err_set(&list->op.err, "list workflows: not sent: flowsync was stopped, or its time limit (--timeout) had passed");
}

void operation_list_name_init(struct operation_list *list, struct arena *a, const char *name)
{
	CLEANUP(buf_done) struct buf filter = BUF_TEXT;

	operation_list_init(list, a);
	buf_adds(&filter, "&searchTerm=");
	operation_encode(&filter, name);
	list->filter = arena_strdup(a, buf_str(&filter));
	list->exact = name;
}

static enum task_next finish_list(struct operation_list *list, bool ok)
{
	arena_free(&list->page);
	list->op.ok = ok;
	if (!ok)
		list->items = NULL, list->count = 0;
	return TASK_DONE;
}

static void set_stopped(struct operation_list *list, int64_t number)
{
	err_set(&list->op.err, "list workflows: flowsync was stopped, or its time limit (--timeout) had passed, before page %lld",
	        (long long)number);
}

static void make_request(struct arena *a, const struct operation_list *list, int64_t number, struct request *out)
{
	*out = (struct request){
		.operation = OP_LIST,
		.path = arena_printf(a, "/workflows/?pageSize=%d%s&pageNumber=%lld", list->page_size, list->filter,
		                     (long long)number),
		.what = arena_printf(a, "list workflows, page %lld", (long long)number),
	};
}

static enum task_next request_page(struct operation_list *list, int64_t number, struct request *next)
{
	/* After a stop a task continues to its end; this one only reads, perhaps without end, so it ends here. */
	if (list->op.task.stopped) {
		set_stopped(list, number);
		return finish_list(list, false);
	}
	arena_free(&list->page);
	list->number = number;
	make_request(&list->page, list, number, next);
	return TASK_ASK;
}

static bool fail_with_shape(struct operation_list *list, int64_t number, const char *wanted)
{
	return err_set(&list->op.err, "list workflows, page %lld: expected %s, found an answer of another shape",
	               (long long)number, wanted);
}

/* FNV-1a of 64 bits: only tells readings apart. */
static void add_to_digest(uint64_t *digest, uint64_t number)
{
	for (unsigned i = 0; i < sizeof number; i++)
		*digest = (*digest ^ (number >> 8 * i & 0xff)) * 0x100000001b3;
}

/* scratch NULL: a description, in place of an entry that the list does not have. */
static bool keep_item(struct operation_list *list, struct arena *scratch, const struct node *item, uint64_t *digest)
{
	const struct node *id = node_get(item, "id");
	const char *name = node_get_text(item, "name"), *status = node_get_text(item, "status");

	if (!id || id->kind != NODE_INT || id->integer <= 0 || !name)
		return false;
	arena_grow(list->op.arena, list->ids, list->seen, list->ids_room);
	list->ids[list->seen++] = id->integer;
	add_to_digest(digest, (uint64_t)id->integer);
	if (list->exact && strcmp(list->exact, name) != 0)
		return true;	/* searchTerm matches parts of names (contract, 2.3) */
	arena_grow(list->op.arena, list->items, list->count, list->room);
	list->items[list->count++] = (struct listed){
		id->integer, arena_strdup(list->op.arena, name),
		arena_strdup(list->op.arena, status ? status : ""),
		owner_tags_read(list->op.arena, node_get(item, "tags")),
		list->whole ? node_copy(list->op.arena, item) : NULL,
		list->entry_key && scratch ? list_entry_read(scratch, list->entry_key, item) : (struct list_entry){ 0 },
	};
	return true;
}

static int order_numbers(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
	return (x > y) - (x < y);
}

static int order_ids(const void *a, const void *b)
{
	return order_numbers(&((const struct listed *)a)->id, &((const struct listed *)b)->id);
}

/* A repeated id means that pages shifted while they were read, so another workflow may be
 * missing.  So does a count that changed, even if it is right in the end: one deleted and one
 * created workflow hide each other. */
static bool is_consistent(struct operation_list *list)
{
	if (list->seen)
		qsort(list->ids, list->seen, sizeof *list->ids, order_numbers);
	for (size_t i = 1; i < list->seen; i++)
		if (list->ids[i - 1] == list->ids[i])
			return err_set(&list->op.err, "list workflows: workflow %lld came twice in %u readings",
			               (long long)list->ids[i], list->reading);
	if (list->total >= 0 && (size_t)list->total != list->seen)
		return err_set(&list->op.err,
		               "list workflows: the service counts %lld of them and listed %zu, in %u readings",
		               (long long)list->total, list->seen, list->reading);
	if (list->shifted)
		return err_set(&list->op.err, "list workflows: their number changed while they were read, in %u "
		               "readings", list->reading);
	return true;
}

static enum task_next finish_good_list(struct operation_list *list)
{
	size_t kept = 0;

	if (list->count)
		qsort(list->items, list->count, sizeof *list->items, order_ids);
	for (size_t i = 0; i < list->count; i++)
		if (!kept || list->items[kept - 1].id != list->items[i].id)
			list->items[kept++] = list->items[i];
	list->count = kept;
	return finish_list(list, true);
}

/* Of the quarter, which begins with the end of the first reading. */
static int64_t time_left(struct operation_list *list)
{
	const struct dispatch *d = list->dispatch;

	assert(d);	/* without one the third reading is the last */
	if (list->reading == 1)
		list->until = d->deadline < 0 ? d->now : d->now + (d->deadline - d->now) / 4;
	return list->until > d->now ? list->until - d->now : 0;
}

static enum task_next read_again(struct operation_list *list, struct request *next)
{
	int64_t pause = operation_pause(list->reading <= PAUSES ? list->reading - 1 : PAUSES, INT64_MAX);
	int64_t left = list->dispatch ? time_left(list) : pause;

	list->reading++;
	list->count = list->seen = 0;
	list->total = -1;
	list->shifted = false;
	enum task_next ask = request_page(list, 1, next);
	next->wait_ms = pause < left ? pause : left;
	return ask;
}

static enum task_next finish_reading(struct operation_list *list, struct request *next)
{
	if (is_consistent(list))
		return finish_good_list(list);
	list->equal = list->digest == list->last_digest ? list->equal + 1 : 1;
	list->last_digest = list->digest;
	list->digest = 0;
	if ((list->dispatch ? list->equal : list->reading) == LIST_READINGS)
		return finish_list(list, false);
	if (list->reading < LIST_READINGS || time_left(list) > 0)
		return read_again(list, next);
	list->changing = true;
	return finish_good_list(list);
}

/* Joins the page to those before it. */
static void keep_page(struct operation_list *list, const struct node *page)
{
	struct arena *a = list->op.arena;
	bool first = list->number == 1 || list->only_page || !list->pages;
	struct node *all = first ? node_list(a) : node_get(list->pages, "workflows");

	if (!list->whole)
		return;
	struct node *copy = node_copy(a, page);
	const struct node *items = node_get(copy, "workflows");
	for (size_t i = 0; i < items->count; i++)
		node_add(a, all, items->entries[i].value);
	node_put(a, copy, "workflows", all);
	list->pages = copy;
}

/* Keeps the workflows of a page, which lives in a; *pages is the number of pages that it announces. */
static bool read_list_page(struct operation_list *list, struct arena *a, int64_t number, const struct node *page,
                           uint64_t *digest, int64_t *pages)
{
	const struct node *items = node_get(page, "workflows");
	int64_t total = node_get_int(page, "workflowsCount", -1);

	*pages = node_get_int(page, "pageCount", -1);
	if (!items || items->kind != NODE_LIST)
		return fail_with_shape(list, number, "a list under \"workflows\"");
	if (*pages < 0)
		return fail_with_shape(list, number, "a number under \"pageCount\"");
	list->shifted |= number > 1 && total != list->total;
	list->total = total;
	add_to_digest(digest, (uint64_t)total);
	keep_page(list, page);
	for (size_t i = 0; i < items->count; i++)
		if (!keep_item(list, a, items->entries[i].value, digest))
			return fail_with_shape(list, number, "workflows with an \"id\" and a \"name\"");
	if (list->seen > LIST_MAX || number > LIST_MAX)
		return err_set(&list->op.err, "list workflows: over %d workflows, the most that flowsync reads",
		               LIST_MAX);
	/* Otherwise a service that announces one more page each time would be read without end. */
	if (!items->count && number < *pages)
		list->shifted = true, *pages = number;
	return true;
}

/* Reads the answer to the request of a page, whose tree lives in a. */
static bool read_list_answer(struct operation_list *list, int64_t number, struct arena *a, const struct answer *answer,
                             uint64_t *digest, int64_t *pages)
{
	const struct request asked = { OP_LIST, "", NULL, arena_printf(a, "list workflows, page %lld", (long long)number) };
	struct operation_task reader = list->op;
	struct node *page;

	reader.arena = a;
	bool good = operation_read(&reader, &asked, answer, &page);
	list->op.status = reader.status;
	list->op.refused = reader.refused;
	if (good)
		return read_list_page(list, a, number, page, digest, pages);
	list->op.err = reader.err;
	/* Every service has a first page: without one the path of the endpoint is wrong. */
	if (answer->status == 404 && number == 1 && answer->url)
		err_set(&list->op.err, "%s; the address was %.*s: is the path of --endpoint right?", reader.err.msg,
		        (int)strcspn(answer->url, "?"), answer->url);
	return false;
}

/* ---- pages side by side ---- */

/* "pageCount of the newest answer counts" (contract, 2.4). */
static enum task_next read_on(struct operation_list *list, int64_t number, int64_t pages, struct request *next)
{
	return number < pages ? request_page(list, number + 1, next) : finish_reading(list, next);
}

/* All pages of this reading were read, or one has failed.  The task of the last answer goes on as that of the list. */
static enum task_next finish_pages(struct operation_list *list, const struct task *task, struct request *next)
{
	const struct list_page *last = &list->side[list->side_count - 1];

	if (list->failed)
		return finish_list(list, false);
	for (size_t i = 0; i < list->side_count; i++)
		add_to_digest(&list->digest, list->side[i].digest);
	list->op.task.stopped = task->stopped;
	return read_on(list, last->number, last->pages, next);
}

static enum task_next list_page_step(struct task *task, const struct answer *answer, struct request *next)
{
	struct list_page *page = (struct list_page *)task;
	struct operation_list *list = page->list;

	if (list->open == 0) {
		list->op.task.stopped = task->stopped;
		return operation_list_step(list, answer, next);
	}
	if (!answer && !list->failed) {
		make_request(&page->arena, list, page->number, next);
		return TASK_ASK;
	}
	if (answer && !list->failed)
		list->failed = !read_list_answer(list, page->number, &page->arena, answer, &page->digest, &page->pages);
	arena_free(&page->arena);
	return --list->open ? TASK_DONE : finish_pages(list, task, next);
}

/* True if the count of workflows confirms that there are so many pages: nothing else limits them. */
static bool pages_are_sure(const struct operation_list *list, int64_t pages)
{
	int64_t on_page = (int64_t)list->seen;

	return list->dispatch && !list->whole && pages > 2 && pages <= PAGES_MAX && on_page > 0 &&
	       pages == (list->total + on_page - 1) / on_page;
}

/* The other pages, after the first one.  Tasks that do not begin because the dispatcher stops are dropped: then the list
 * has failed with this error. */
static enum task_next request_side_pages(struct operation_list *list, int64_t pages)
{
	list->side_count = (size_t)pages - 1;
	list->side = arena_new(list->op.arena, struct list_page, list->side_count);
	list->open = list->side_count;
	set_stopped(list, 2);
	arena_free(&list->page);
	for (size_t i = 0; i < list->side_count; i++) {
		list->side[i] = (struct list_page){ .task.step = list_page_step, .list = list, .number = (int64_t)i + 2 };
		dispatch_add(list->dispatch, &list->side[i].task);
	}
	return TASK_DONE;
}

const struct listed *operation_list_find(const struct operation_list *list, int64_t id)
{
	const struct listed key = { .id = id };

	return list->count ? bsearch(&key, list->items, list->count, sizeof key, order_ids) : NULL;
}

bool operation_list_has(const struct operation_list *list, int64_t id)
{
	return operation_list_find(list, id);
}

bool operation_list_add(struct operation_list *list, const struct node *workflow)
{
	if (!keep_item(list, NULL, workflow, &list->digest))
		return false;
	for (size_t i = list->count - 1; i > 0 && list->items[i - 1].id > list->items[i].id; i--) {
		struct listed last = list->items[i];
		list->items[i] = list->items[i - 1];
		list->items[i - 1] = last;
	}
	return true;
}

const char *listed_several(struct arena *a, size_t count, const struct listed *first,
                           const struct listed *second)
{
	return arena_printf(a, "the service has %zu workflows called \"%s\" (ids %lld, %lld%s): it is "
	                    "unclear which one is meant", count, first->name, (long long)first->id,
	                    (long long)second->id, count > 2 ? ", ..." : "");
}

enum task_next operation_list_step(struct operation_list *list, const struct answer *answer,
                            struct request *next)
{
	int64_t pages;

	if (!answer) {
		enum task_next ask = request_page(list, list->only_page ? list->only_page : 1, next);
		next->wait_ms = list->wait_ms;
		return ask;
	}
	/* The tree of a page lives in the page's arena, and is freed before the next page is requested. */
	if (!read_list_answer(list, list->number, &list->page, answer, &list->digest, &pages))
		return finish_list(list, false);
	if (list->only_page)
		return finish_list(list, true);
	if (list->number == 1 && !list->op.task.stopped && pages_are_sure(list, pages))
		return request_side_pages(list, pages);
	return read_on(list, list->number, pages, next);
}
