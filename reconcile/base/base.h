/* base.h: macros that every module may use. */
#ifndef RECONCILE_BASE_BASE_H
#define RECONCILE_BASE_BASE_H

#include <stdbool.h>
#include <stddef.h>

#define ARRAY_LEN(a)	(sizeof (a) / sizeof *(a))
#define PRINTF(f, a)	__attribute__((format(printf, f, a)))
#define MUST_USE	__attribute__((warn_unused_result))

/* Runs fn(&variable) when the variable goes out of scope; the variable may have no other use. */
#define CLEANUP(fn)	__attribute__((cleanup(fn), unused))

/* Hands the pointer p on: evaluates to p and sets p to NULL, so that its cleanup does nothing. */
#define take(p)		({ __typeof__(p) took_ = (p); (p) = NULL; took_; })

#endif
