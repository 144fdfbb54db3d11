/* config.h: the configuration file (design section 8), read by the keys that the table of
 * options names.  This version knows one sync a file. */
#ifndef AGENT_CONFIG_H
#define AGENT_CONFIG_H

#include "agent/options.h"

/* Reads path and sets what it says in s.  All faults are collected, each with its place: not
 * YAML, an unknown key (with the nearest known one), a value of a wrong kind, a second sync.
 * Relative paths become relative to the file's folder. */
void config_read(struct arena *a, const char *path, struct settings *s, struct faults *faults);

/* The same for bytes that were read from path. */
void config_parse(struct arena *a, const char *path, const char *bytes, size_t len,
                  struct settings *s, struct faults *faults);

#endif
