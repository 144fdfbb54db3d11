#include "reconcile/base/jitter.h"

/* splitmix64 */
int64_t jitter(uint64_t *random, int64_t most)
{
	uint64_t z = *random += 0x9e3779b97f4a7c15U;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
	return (int64_t)((z ^ (z >> 31)) % ((uint64_t)most + 1));
}
