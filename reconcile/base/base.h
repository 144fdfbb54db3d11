/* base.h: the few words every module may use. */
#ifndef RECONCILE_BASE_BASE_H
#define RECONCILE_BASE_BASE_H

#include <stdbool.h>
#include <stddef.h>

#define ARRAY_LEN(a)	(sizeof (a) / sizeof *(a))
#define PRINTF(f, a)	__attribute__((format(printf, f, a)))
#define MUST_USE	__attribute__((warn_unused_result))

/* Runs fn(&variable) when the variable goes out of scope, even if that is all it is for. */
#define CLEANUP(fn)	__attribute__((cleanup(fn), unused))

/* Gives p away: evaluates to p and leaves NULL behind, so no cleanup fires. */
#define take(p)		({ __typeof__(p) took_ = (p); (p) = NULL; took_; })

#endif
