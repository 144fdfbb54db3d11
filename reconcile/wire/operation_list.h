/* operation_list.h: reads all pages of the list of workflows (contract sections 2 and 5).
 *
 * "Unknown is never empty": a list in which an id came twice, a page lacks, or the count is not
 * what the service says, or another one on each page, is read again from its first page, three
 * times in all; then it is an error and no list (design section 6). */
#ifndef RECONCILE_WIRE_OPERATION_LIST_H
#define RECONCILE_WIRE_OPERATION_LIST_H

#include "reconcile/wire/owner_tags.h"
#include "reconcile/wire/operation.h"

enum { LIST_PAGE = 100, LIST_READINGS = 3, LIST_MAX = 500000 };

struct listed {
	int64_t id;
	const char *name;
	const char *status;	/* "" if it is not told */
	struct owner_tags marker;		/* whose it is */
	struct node *whole;	/* all that the list tells of it; NULL unless asked for */
};

struct operation_list {
	struct operation_task op;
	const char *filter;	/* query text after the page's, "" or "&searchTerm=..." */
	const char *exact;	/* keep only workflows of this name; NULL: all */
	int page_size;
	int64_t only_page;	/* read this page and no other; 0: all */
	bool whole;		/* keep all that the list tells of each */
	struct listed *items;	/* sorted by id */
	size_t count, room;

	/* Kept between pages. */
	struct arena page;	/* freed when it is done */
	int64_t *ids;		/* of every item, kept or not */
	size_t seen, ids_room;
	int64_t number, told;	/* of the page asked for; how many workflows there are, -1: not told */
	bool shifted;		/* that number was another one on an earlier page */
	unsigned reading;
};

/* Every workflow, or those of one exact name. */
void operation_list_init(struct operation_list *list, struct arena *a);
void operation_list_name_init(struct operation_list *list, struct arena *a, const char *name);

/* The step of an op_list that is part of another task. */
enum task_next operation_list_step(struct operation_list *list, const struct answer *answer,
                            struct request *next);

/* Why it cannot be told which of several workflows of one name is meant; their first two are
 * named. */
const char *listed_several(struct arena *a, size_t count, const struct listed *first,
                           const struct listed *second);

#endif
