/* printable.h: text of any origin as text that can be shown, in which nothing is hidden and nothing acts on a terminal. */
#ifndef RECONCILE_BASE_PRINTABLE_H
#define RECONCILE_BASE_PRINTABLE_H

#include <stdint.h>

#include "reconcile/base/arena.h"
#include "reconcile/base/buf.h"

/* Appends text as one harmless line: control characters, bytes that are not UTF-8, characters that cannot be seen, and
 * those that change the direction of writing become escapes such as \n, \x1b, \u202e.  So does the bracket of a
 * command of a CI system (below). */
void printable_add(struct buf *out, const char *text);

/* True if the bytes are ASCII, and none of them can be seen otherwise than it is or be part of a command. */
bool printable_is_plain(const char *text, size_t len);

/* CI systems take "##[error]" and "##vso[...]" for commands wherever they stand in a line.  Called for each byte of a
 * text, with hashes 0 at its beginning: true if c is the bracket of one. */
bool printable_is_command_bracket(unsigned *hashes, char c);

/* The same line in a. */
const char *printable_text(struct arena *a, const char *text);

/* True for the characters that printable_add() replaces: Unicode's controls, what cannot be seen, and what changes the
 * direction of writing. */
bool printable_is_hidden(uint32_t code);

/* True for the blanks of Unicode that look like a space. */
bool printable_is_odd_blank(uint32_t code);

/* Appends one character as its escape. */
void printable_add_escape(struct buf *out, uint32_t code);

/* True if a character may look like another text: a blank other than the space, a mark that is put on the character
 * before it (as in the Unicode form NFD), or a second code for one letter. */
bool printable_looks_like_other(uint32_t code);

#endif
