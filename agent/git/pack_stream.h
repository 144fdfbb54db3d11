/* pack_stream.h: some objects of one repository as one new pack of another.  libgit2's own builder compares each object
 * with its neighbours for differences, which takes longer than all the rest of a fetch. */
#ifndef AGENT_GIT_PACK_STREAM_H
#define AGENT_GIT_PACK_STREAM_H

#include <git2.h>
#include <stdint.h>

/* Reads the objects from `from` (which compares each with its id) and adds them as a pack to `to`, as a whole and on
 * the disk, or not at all.  Returns libgit2's code, 0 for success; an error too if the pack would exceed most bytes. */
int pack_stream(git_odb *from, git_odb *to, const git_oid *ids, size_t count, int64_t most);

#endif
