/* jitter.h: chance that is an argument, so that waits differ between two programs and never
 * between two runs of a test. */
#ifndef RECONCILE_BASE_JITTER_H
#define RECONCILE_BASE_JITTER_H

#include <stdint.h>

/* 0 to most, both included; most is not negative.  *random is the seed at first, any number. */
int64_t jitter(uint64_t *random, int64_t most);

#endif
