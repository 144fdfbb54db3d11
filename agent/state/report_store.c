#include "agent/state/report_store.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/util/fd.h"
#include "agent/util/file.h"
#include "agent/util/directory.h"
#include "agent/util/clock.h"
#include "agent/util/state_directory.h"
#include "reconcile/tree/json.h"
#include "reconcile/schema/document_fit.h"
#include "reconcile/schema/schema.h"

enum {
	REPORT_MAX = 256 << 20,		/* bytes of a file that are read */
	QUIET_MAX = 64 << 10,		/* a larger report is of something, or --verbose */
	HEAD_BYTES = 4096,		/* more than what stands before the name of the sync, with it */
};

static const int64_t DAY_MS = 24 * 60 * 60 * 1000;

static const char id_form[] = "0000-00-00T00:00:00.000Z-xxxxxxxx";

/* What is no id is never made part of a path. */
static bool is_report_id(const char *text, size_t len)
{
	if (len != strlen(id_form))
		return false;
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];
		if (id_form[i] == '0' ? !isdigit(c) : id_form[i] == 'x' ? !isxdigit(c) : c != (unsigned char)id_form[i])
			return false;
	}
	return true;
}

static const char *reports_folder(struct arena *a, const char *state_dir)
{
	return arena_printf(a, "%s/reports", state_dir);
}

static const char *report_path(struct arena *a, const char *folder, const char *id)
{
	return arena_printf(a, "%s/%s.json", folder, id);
}

const char *report_store_file(struct arena *a, const char *state_dir, const char *id)
{
	return report_path(a, reports_folder(a, state_dir), id);
}

/* ---- what is there ---- */

struct report_ids {
	const char **items;	/* oldest first */
	size_t count, room;
};

static int by_report_id(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool find_report_ids(struct arena *a, const char *folder, struct report_ids *out, struct err *err)
{
	static const char end[] = ".json";
	struct report_ids ids = { 0 };
	struct dirent *e;
	DIR *dir = opendir(folder);

	if (!dir && errno != ENOENT)
		return err_sys(err, errno, "reports in \"%s\"", folder);
	while (dir && (e = readdir(dir))) {
		size_t len = strlen(e->d_name), id = len - strlen(end);
		if (e->d_type == DT_DIR || len <= strlen(end) || strcmp(e->d_name + id, end) != 0 ||
		    !is_report_id(e->d_name, id))
			continue;
		arena_grow(a, ids.items, ids.count, ids.room);
		ids.items[ids.count++] = arena_strndup(a, e->d_name, id);
	}
	if (dir)
		closedir(dir);
	if (ids.count > 0)
		qsort(ids.items, ids.count, sizeof *ids.items, by_report_id);
	*out = ids;
	return true;
}

bool report_store_list(struct arena *a, const char *state_dir, const char ***ids, size_t *count, struct err *err)
{
	struct report_ids found;

	if (!state_directory_check(state_dir, err) || !find_report_ids(a, reports_folder(a, state_dir), &found, err))
		return false;
	for (size_t i = 0; i < found.count / 2; i++) {
		const char *later = found.items[found.count - 1 - i];
		found.items[found.count - 1 - i] = found.items[i];
		found.items[i] = later;
	}
	*ids = found.items;
	*count = found.count;
	return true;
}

/* ---- reading ---- */

static bool read_report_file(struct arena *a, const char *path, size_t most, struct node **out,
                             struct err *err)
{
	const char *bytes;
	size_t len;

	return file_read(a, path, most, &bytes, &len, err) && json_read(a, bytes, len, out, err);
}

/* The id of the one stored report whose id begins with word; word itself if it is a whole id. */
static bool find_report_id(struct arena *a, const char *folder, const char *word, const char **out, struct err *err)
{
	const char *found = is_report_id(word, strlen(word)) ? word : NULL;
	struct report_ids ids = { 0 };
	size_t matches = 0;

	if (!found && *word && !find_report_ids(a, folder, &ids, err))
		return false;
	for (size_t i = 0; i < ids.count; i++) {
		if (strncmp(ids.items[i], word, strlen(word)) != 0)
			continue;
		found = ids.items[i];
		matches++;
	}
	if (matches > 1)
		return err_set(err, "the ids of %zu reports begin with \"%s\": give more of the id", matches, word);
	if (!found)
		return err_set(err, "there is no report \"%s\": expected list, latest, or an id from the list or its "
		               "beginning", word);
	*out = found;
	return true;
}

bool report_store_read(struct arena *a, const char *state_dir, const char *id, const struct node **out,
                       struct err *err)
{
	const char *folder = reports_folder(a, state_dir);
	bool latest = strcmp(id, "latest") == 0;
	struct node *document;

	if (!state_directory_check(state_dir, err) || (!latest && !find_report_id(a, folder, id, &id, err)))
		return false;
	const char *path = report_path(a, folder, id);
	if (access(path, F_OK) < 0 && errno == ENOENT)
		return latest ? err_set(err, "there is no report in \"%s\" yet: sync stores one", folder)
		              : err_set(err, "there is no report \"%s\" in \"%s\"", id, folder);
	if (!read_report_file(a, path, REPORT_MAX, &document, err))
		return err_wrap(err, "report \"%s\"", path);
	*out = document;
	return true;
}

/* ---- its form ---- */

bool report_store_check(const struct node *report, struct err *err)
{
	CLEANUP(arena_free) struct arena a = { 0 };

	return document_fits(&a, &report_field, report, err);
}

/* ---- storing ---- */

/* True if the cycle found nothing to do. */
static bool is_quiet_report(const char *folder, const char *id)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	struct node *document;
	struct err ignored;

	if (!read_report_file(&a, report_path(&a, folder, id), QUIET_MAX, &document, &ignored))
		return false;
	const char *outcome = node_get_text(document, "outcome");
	return outcome && strcmp(outcome, "converged") == 0;
}

/* Another process may have been first. */
static bool remove_report(struct arena *a, const char *folder, const char *id, struct err *err)
{
	const char *path = report_path(a, folder, id);

	/* A folder of that name is not ours. */
	return unlink(path) == 0 || errno == ENOENT || errno == EISDIR || err_sys(err, errno, "remove report \"%s\"", path);
}

/* The name of the sync of a stored report, from the beginning of its file: a report may be large.  NULL: it cannot be
 * read, or has none.  In the form of json_write(JSON_PRETTY), only a key of the document itself stands behind two
 * blanks, and each on a line of its own. */
static const char *report_sync_name(struct arena *a, const char *folder, const char *id)
{
	static const char key[] = "\n  \"sync\": ";
	CLEANUP(fd_close) int fd = open(report_path(a, folder, id), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	char head[HEAD_BYTES + 1];
	struct node *name;
	struct err ignored;
	ssize_t len = fd < 0 ? -1 : read(fd, head, HEAD_BYTES);

	head[len > 0 ? len : 0] = '\0';
	const char *value = strstr(head, key), *end = value ? strchr(value + 1, '\n') : NULL;
	if (!end)
		return NULL;
	value += strlen(key);
	end -= end[-1] == ',';
	return json_read(a, value, (size_t)(end - value), &name, &ignored) && name->kind == NODE_TEXT ? name->text : NULL;
}

const char *report_store_sync_name(struct arena *a, const char *state_dir, const char *id)
{
	return report_sync_name(a, reports_folder(a, state_dir), id);
}

static size_t report_bytes(struct arena *a, const char *folder, const char *id)
{
	struct stat st;

	return stat(report_path(a, folder, id), &st) == 0 ? (size_t)st.st_size : 0;
}

/* What is removed: what is too old; as long as there are too many, what is quiet, then anything; as long as they are
 * too large together, anything. */
enum report_thinning { TOO_OLD, QUIET, TOO_MANY, TOO_LARGE };

/* One pass over the reports, the oldest first. */
struct thinning {
	struct arena *a;
	const char *folder, *newest;
	const char *oldest;		/* an id begins with its time */
	struct report_ids ids;		/* that are left */
	const char **last;		/* the newest of each sync, in order; found when the first report is to go */
	size_t last_count;
	bool last_found;
};

/* Of each sync the newest, so that /status, approve and report have one whatever the other syncs do. */
static void find_last_reports(struct thinning *t)
{
	const char **names = arena_new(t->a, const char *, t->ids.count);
	size_t count = 0;

	t->last = arena_new(t->a, const char *, t->ids.count);
	for (size_t i = t->ids.count; i-- > 0; ) {
		const char *name = report_sync_name(t->a, t->folder, t->ids.items[i]);
		size_t known = 0;
		while (name && known < count && strcmp(names[known], name) != 0)
			known++;
		if (!name || known < count)
			continue;
		names[count] = name;
		t->last[count++] = t->ids.items[i];
	}
	t->last_count = count;
	t->last_found = true;
}

static bool is_last_report(struct thinning *t, const char *id)
{
	if (!t->last_found)
		find_last_reports(t);
	for (size_t i = 0; i < t->last_count; i++)
		if (strcmp(t->last[i], id) == 0)
			return true;
	return false;
}

static bool thin_reports(struct thinning *t, enum report_thinning which, struct err *err)
{
	size_t kept = 0, left = t->ids.count, bytes = 0;

	for (size_t i = 0; which == TOO_LARGE && i < t->ids.count; i++)
		bytes += report_bytes(t->a, t->folder, t->ids.items[i]);
	for (size_t i = 0; i < t->ids.count; i++) {
		const char *id = t->ids.items[i];
		bool over = which == TOO_OLD ? strcmp(id, t->oldest) < 0
		            : which == TOO_LARGE ? bytes > REPORT_STORE_BYTES : left > REPORT_STORE_MAX;
		bool goes = over && strcmp(id, t->newest) != 0 && (which == TOO_OLD || !is_last_report(t, id)) &&
		            (which != QUIET || is_quiet_report(t->folder, id));
		size_t size = goes && which == TOO_LARGE ? report_bytes(t->a, t->folder, id) : 0;
		if (goes && !remove_report(t->a, t->folder, id, err))
			return false;
		bytes -= size;
		left -= goes;
		if (!goes)
			t->ids.items[kept++] = id;
	}
	t->ids.count = kept;
	return true;
}

static bool thin_out_reports(struct arena *a, const char *folder, int64_t now, const char *newest,
                             struct err *err)
{
	struct thinning t = {
		.a = a, .folder = folder, .newest = newest, .oldest = timestamp_text(a, now - REPORT_STORE_DAYS * DAY_MS),
	};

	return find_report_ids(a, folder, &t.ids, err) && thin_reports(&t, TOO_OLD, err) && thin_reports(&t, QUIET, err) &&
	       thin_reports(&t, TOO_MANY, err) && thin_reports(&t, TOO_LARGE, err);
}

static bool write_report_file(struct arena *a, const char *path, const struct file_content *document, struct err *err)
{
	return file_replace_with(a, path, document, 0600, err) || err_wrap(err, "report \"%s\"", path);
}

/* A folder of that name is not ours, is left alone, and stops no report. */
static bool write_latest_report(struct arena *a, const char *path, const char *report,
                                const struct file_content *document, struct err *err)
{
	struct stat st;

	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		return true;
	/* Where there are no second names, it is a file of its own. */
	return file_replace_by_link(a, path, report, err) || write_report_file(a, path, document, err);
}

bool report_store_add(const char *state_dir, const char *id, const struct file_content *document, int64_t now,
                      struct err *err)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	const char *folder = reports_folder(&a, state_dir), *path = report_path(&a, folder, id);

	return state_directory_make(state_dir, err) && directory_make(folder, err) &&
	       write_report_file(&a, path, document, err) &&
	       write_latest_report(&a, report_path(&a, folder, "latest"), path, document, err) &&
	       thin_out_reports(&a, folder, now, id, err);
}
