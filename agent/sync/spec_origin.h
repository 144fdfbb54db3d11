/* spec_origin.h: where the declared values of one workflow come from: lines of its file, the commits that changed them
 * last, and the variables that were filled in. */
#ifndef AGENT_SYNC_SPEC_ORIGIN_H
#define AGENT_SYNC_SPEC_ORIGIN_H

#include "agent/git/line_blame.h"
#include "agent/sync/cycle_run.h"

/* A line of the filled file, and the line of the file that it is from. */
struct spec_origin {
	struct arena *arena;
	struct template_text text;		/* the file as YAML has read it */
	const char **lines;			/* of it; lines[0] is line 1 */
	size_t line_count;
	struct pos *filled;			/* of each value that was filled in: its place in the filled text */
	struct line_blame *blame;		/* NULL: not known */
	const char *blame_error;		/* why not; NULL: the file is in no repository */
};

struct field_origin {
	int line;				/* in the file; 0: the value is in no file */
	bool blamed;
	struct blamed_line change;		/* the newest change of the lines of the field */
	const struct filled_value **values;	/* what was filled in there */
	size_t count, room;
};

/* Reads the file of findings->spec.  All of it lives in ctx->arena; the caller calls spec_origin_done(). */
void spec_origin_open(struct context *ctx, const struct cycle_findings *findings, struct spec_origin *out);
void spec_origin_find(struct spec_origin *origin, const struct explained_field *field, struct field_origin *out);
void spec_origin_done(struct spec_origin *origin);	/* takes a zeroed one */

#endif
