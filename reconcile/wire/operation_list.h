/* operation_list.h: reads all pages of the list of workflows (contract, 2.3 and 2.4).
 *
 * Unknown is never empty (design, 6.3): a list with a repeated id or a missing page, or with a count that is wrong or
 * changes between pages, is read again from its first page, after a pause.  The operation fails after three readings, or,
 * with a deadline, after three equal ones: such a list is wrong.  One that still changes after a quarter of the time is
 * returned as it was read last, with changing set. */
#ifndef RECONCILE_WIRE_OPERATION_LIST_H
#define RECONCILE_WIRE_OPERATION_LIST_H

#include "reconcile/wire/list_entry.h"
#include "reconcile/wire/owner_tags.h"
#include "reconcile/wire/operation.h"

enum { LIST_PAGE = 100, LIST_READINGS = 3, LIST_MAX = 500000 };

struct listed {
	int64_t id;
	const char *name;
	const char *status;	/* "" if the list does not have it */
	struct owner_tags marker;
	struct node *whole;	/* the whole entry of the list; NULL unless asked for */
	struct list_entry entry;	/* zero unless asked for, and for one that operation_list_add() added */
};

struct operation_list {
	struct operation_task op;
	const char *filter;	/* rest of the query, "" or "&searchTerm=..." */
	const char *exact;	/* keep only workflows of this name; NULL: all */
	int page_size;
	int64_t only_page;	/* read this page and no other; 0: all */
	bool whole;		/* keep the whole entry of each workflow, and the pages as one */
	const unsigned char *entry_key;	/* read `entry` of each workflow, with a digest under this key; NULL: not wanted */
	struct node *pages;	/* with whole: the newest page, with the workflows of all pages, in the order received */
	int64_t wait_ms;	/* before the first page is requested */
	/* The pages after the first one are tasks of this dispatcher, so that they are requested together, if workflowsCount
	 * confirms how many there are; the list has ended when the dispatcher is idle.  A list that changes is read again for
	 * a quarter of the time that is left until its deadline.  NULL: one page after the other, three readings.  Not with
	 * whole. */
	struct dispatch *dispatch;
	bool changing;		/* ok, but the list changed in each reading: a workflow may be missing */
	struct listed *items;	/* sorted by id */
	size_t count, room;

	/* Private: state between pages. */
	struct arena page;	/* freed when the operation has ended */
	int64_t *ids;		/* of every item, kept or not */
	size_t seen, ids_room;	/* seen: number of items */
	int64_t number, total;	/* of the requested page; of workflows, as the service counts them, -1: it does not say */
	int64_t until;		/* end of that quarter */
	bool shifted;		/* the service's count changed between pages */
	unsigned reading;	/* 1 for the first */
	struct list_page *side;		/* of this reading: the pages after the first one, if they are requested together */
	size_t side_count, open;	/* open: how many were not read yet */
	bool failed;			/* one of them could not be read */
	uint64_t digest, last_digest;	/* of the ids and counts of this reading and of the one before */
	unsigned equal;		/* readings in a row that were equal */
};

/* Sets up the list of all workflows, or of those with this exact name (not copied). */
void operation_list_init(struct operation_list *list, struct arena *a);
void operation_list_name_init(struct operation_list *list, struct arena *a, const char *name);

/* The step function of a list that is part of another task. */
enum task_next operation_list_step(struct operation_list *list, const struct answer *answer,
                            struct request *next);

/* The workflow with this id; NULL: the list does not have it. */
const struct listed *operation_list_find(const struct operation_list *list, int64_t id);
/* True if the list has a workflow with this id. */
bool operation_list_has(const struct operation_list *list, int64_t id);
/* Adds a workflow, an entry of a list or a description, to a list that was read; false, and not added: it has no id or name. */
bool operation_list_add(struct operation_list *list, const struct node *workflow);

/* The sentence that several workflows have one name, so that it is unclear which one is meant; shows the ids of the
 * first two. */
const char *listed_several(struct arena *a, size_t count, const struct listed *first,
                           const struct listed *second);

#endif
