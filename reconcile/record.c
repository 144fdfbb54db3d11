#include "reconcile/record.h"

#include <string.h>

const struct record *records_find(const struct records *records, const char *name)
{
	size_t low = 0, high = records->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(name, records->items[middle].name);
		if (order == 0)
			return &records->items[middle];
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}
