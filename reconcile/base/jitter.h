/* jitter.h: random numbers from a seed that is an argument, so that waits differ between two processes, and are the
 * same in two runs of a test. */
#ifndef RECONCILE_BASE_JITTER_H
#define RECONCILE_BASE_JITTER_H

#include <stdint.h>

/* A number from 0 to most, both included; most is not negative.  *random begins as the seed, any number, and is
 * changed by each call. */
int64_t jitter(uint64_t *random, int64_t most);

#endif
