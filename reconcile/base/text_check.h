/* text_check.h: files that are no UTF-8 text, although people take them for one. */
#ifndef RECONCILE_BASE_TEXT_CHECK_H
#define RECONCILE_BASE_TEXT_CHECK_H

#include <stddef.h>

/* Why these bytes, the whole of a file, are not to be read as text: UTF-16, the pointer that Git LFS leaves in place of
 * a file.  NULL: neither. */
const char *text_check(const char *bytes, size_t len);

#endif
