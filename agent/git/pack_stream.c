#include "agent/git/pack_stream.h"

#include <arpa/inet.h>
#include <git2/sys/odb_backend.h>
#include <nettle/sha1.h>
#include <string.h>
#include <zlib.h>

#include "reconcile/base/base.h"

enum { STREAM_PIECE = 16 << 10, OBJECT_HEADER_MAX = 16 };

struct pack_stream {
	git_odb_writepack *pack;
	git_indexer_progress progress;
	struct sha1_ctx sum;
	z_stream z;
	int64_t left;		/* bytes that may still be written */
};

static void close_writepack(git_odb_writepack **pack)
{
	if (*pack)
		(*pack)->free(*pack);
}

static void close_odb_object(git_odb_object **object)
{
	git_odb_object_free(*object);
}

static void end_deflate(struct pack_stream *s)
{
	deflateEnd(&s->z);
}

static int stream_bytes(struct pack_stream *s, const void *bytes, size_t len)
{
	s->left -= (int64_t)len;
	if (s->left < 0)
		return GIT_ERROR;
	sha1_update(&s->sum, len, bytes);
	return s->pack->append(s->pack, bytes, len, &s->progress);
}

/* The kind and the size, seven bits a byte, the lowest first, of which the first byte has four. */
static int stream_object_header(struct pack_stream *s, git_object_t type, size_t size)
{
	uint8_t header[OBJECT_HEADER_MAX];
	size_t len = 0;

	header[len] = (uint8_t)((unsigned)type << 4 | (size & 15));
	for (size >>= 4; size; size >>= 7) {
		header[len++] |= 0x80;
		header[len] = size & 0x7f;
	}
	return stream_bytes(s, header, len + 1);
}

static int stream_deflated(struct pack_stream *s, const void *bytes, size_t len)
{
	uint8_t piece[STREAM_PIECE];
	int code = deflateReset(&s->z) == Z_OK ? 0 : GIT_ERROR, state = Z_OK;
	const uint8_t *next = bytes;

	s->z.avail_in = 0;
	while (code == 0 && state != Z_STREAM_END) {
		/* Its sizes are 32 bits. */
		if (s->z.avail_in == 0 && len > 0) {
			s->z.next_in = (uint8_t *)next;
			s->z.avail_in = len < STREAM_PIECE ? (unsigned)len : STREAM_PIECE;
			next += s->z.avail_in;
			len -= s->z.avail_in;
		}
		s->z.next_out = piece;
		s->z.avail_out = sizeof piece;
		state = deflate(&s->z, len == 0 ? Z_FINISH : Z_NO_FLUSH);
		code = state == Z_STREAM_ERROR ? GIT_ERROR : stream_bytes(s, piece, sizeof piece - s->z.avail_out);
	}
	return code;
}

static int stream_object(struct pack_stream *s, git_odb *from, const git_oid *id)
{
	CLEANUP(close_odb_object) git_odb_object *object = NULL;
	int code = git_odb_read(&object, from, id);

	if (code == 0)
		code = stream_object_header(s, git_odb_object_type(object), git_odb_object_size(object));
	return code == 0 ? stream_deflated(s, git_odb_object_data(object), git_odb_object_size(object)) : code;
}

static int stream_begin(struct pack_stream *s, size_t count)
{
	const uint32_t header[] = { htonl(0x5041434b), htonl(2), htonl((uint32_t)count) };	/* "PACK", its version */

	sha1_init(&s->sum);
	return count <= UINT32_MAX && deflateInit(&s->z, Z_BEST_SPEED) == Z_OK ? stream_bytes(s, header, sizeof header)
	                                                                         : GIT_ERROR;
}

static int stream_end(struct pack_stream *s)
{
	uint8_t sum[SHA1_DIGEST_SIZE];

	sha1_digest(&s->sum, sizeof sum, sum);
	int code = s->pack->append(s->pack, sum, sizeof sum, &s->progress);
	return code == 0 ? s->pack->commit(s->pack, &s->progress) : code;
}

int pack_stream(git_odb *from, git_odb *to, const git_oid *ids, size_t count, int64_t most)
{
	CLEANUP(close_writepack) git_odb_writepack *pack = NULL;
	CLEANUP(end_deflate) struct pack_stream s = { .left = most };
	int code = git_odb_write_pack(&pack, to, NULL, NULL);

	s.pack = pack;
	if (code == 0)
		code = stream_begin(&s, count);
	for (size_t i = 0; code == 0 && i < count; i++)
		code = stream_object(&s, from, &ids[i]);
	return code == 0 ? stream_end(&s) : code;
}
