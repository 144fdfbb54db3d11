/* A workflow service in memory, to measure clients with: one thread, answers that are stored as text.
 *
 *     service [--port PORT] [--delay MS] --token TOKEN
 *
 * prints its URL and serves until SIGTERM.  It follows agent/docs/contract.md: list, search, describe, create, update,
 * delete and the default resource; env comes back as a list, a webhook as its address, a cron with its next time.
 *
 * It counts requests by operation.  SIGUSR1 and the end print the counts to stderr; so does, as an answer,
 *
 *     GET /bench/counts             with the times of the first and the last write, in ns since 1970
 *     DELETE /bench/counts          sets all to 0
 *     PUT /bench/delay?ms=20        each later answer is held back for so long
 *     DELETE /bench/workflows       deletes all
 *     PUT /bench/snapshot           remembers all workflows
 *     POST /bench/snapshot          brings them back, as they were
 *
 * These take no token and are not counted. */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum {
	REQUEST_MAX = 8 << 20,
	PAGE_MAX = 1000,
	EVENTS = 64,
};

static const char base[] = "/workflows/api/v1/";

enum operation { OP_LIST, OP_SEARCH, OP_DESCRIBE, OP_CREATE, OP_UPDATE, OP_DELETE, OP_RESOURCE, OP_OTHER, OPERATIONS };
static const char *const operation_names[OPERATIONS] = {
	"list", "search", "describe", "create", "update", "delete", "resource", "other",
};

static void *check_memory(void *p)
{
	if (!p) {
		fputs("out of memory\n", stderr);
		abort();
	}
	return p;
}

/* ---- texts ---- */

struct text {
	char *bytes;
	size_t len, room;
};

static char *text_reserve(struct text *t, size_t more)
{
	if (t->len + more > t->room) {
		t->room = (t->len + more) * 2;
		t->bytes = check_memory(realloc(t->bytes, t->room));
	}
	return t->bytes + t->len;
}

static void text_add(struct text *t, const char *bytes, size_t len)
{
	memcpy(text_reserve(t, len), bytes, len);
	t->len += len;
}

static void text_print(struct text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void text_print(struct text *t, const char *format, ...)
{
	char line[512];
	va_list args;

	va_start(args, format);
	int len = vsnprintf(line, sizeof line, format, args);
	va_end(args);
	if (len < 0 || (size_t)len >= sizeof line)
		abort();
	text_add(t, line, (size_t)len);
}

static int64_t now_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

/* The time as the contract writes it, in UTC with milliseconds. */
static const char *format_stamp(int64_t ns, char out[static 32])
{
	time_t seconds = ns / 1000000000;
	struct tm tm;
	char day[24];

	gmtime_r(&seconds, &tm);
	strftime(day, sizeof day, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(out, 32, "%s.%03dZ", day, (int)(ns / 1000000 % 1000));
	return out;
}

/* ---- workflows ---- */

/* It never changes: an update puts another in its place.  The table and the snapshot share it. */
struct workflow {
	int users;
	int64_t id, created;
	unsigned webhook;	/* the number that its address is made of; 0: none yet */
	char *name;
	struct text described, listed;
};

struct table {
	struct workflow **all;	/* by id, ascending */
	size_t count, room;
};

static struct table table, snapshot;
static int64_t next_id = 1;
static unsigned next_webhook = 1;

/* All names, a line each, so that a search is one pass over memory.  The line of a deleted workflow is empty. */
static struct text names;
static struct { size_t at; int64_t id; } *lines;
static size_t line_count, line_room;

static void workflow_drop(struct workflow *w)
{
	if (--w->users)
		return;
	free(w->name);
	free(w->described.bytes);
	free(w->listed.bytes);
	free(w);
}

/* The first whose id is not below. */
static size_t table_find(const struct table *t, int64_t id)
{
	size_t low = 0, high = t->count;

	while (low < high) {
		size_t middle = (low + high) / 2;
		if (t->all[middle]->id < id)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static struct workflow *workflow_by_id(int64_t id)
{
	size_t at = table_find(&table, id);

	return at < table.count && table.all[at]->id == id ? table.all[at] : NULL;
}

static void table_append(struct table *t, struct workflow *w)
{
	if (t->count == t->room) {
		t->room = t->room ? t->room * 2 : 1024;
		t->all = check_memory(realloc(t->all, t->room * sizeof *t->all));
	}
	t->all[t->count++] = w;
	w->users++;
}

static void table_clear(struct table *t)
{
	for (size_t i = 0; i < t->count; i++)
		workflow_drop(t->all[i]);
	t->count = 0;
}

static void names_add(const struct workflow *w)
{
	if (line_count == line_room) {
		line_room = line_room ? line_room * 2 : 1024;
		lines = check_memory(realloc(lines, line_room * sizeof *lines));
	}
	lines[line_count].at = names.len;
	lines[line_count++].id = w->id;
	text_add(&names, w->name, strlen(w->name));
	text_add(&names, "\n", 1);
}

static void names_remove(const struct workflow *w)
{
	for (size_t i = 0; i < line_count; i++)
		if (lines[i].id == w->id) {
			char *name = names.bytes + lines[i].at;
			if (*name != '\n')
				memset(name, '\n', strlen(w->name));
		}
}

static void names_rebuild(void)
{
	names.len = line_count = 0;
	for (size_t i = 0; i < table.count; i++)
		names_add(table.all[i]);
}

static void table_copy(struct table *to, const struct table *from)
{
	table_clear(to);
	for (size_t i = 0; i < from->count; i++)
		table_append(to, from->all[i]);
}

/* ---- what answers show of a body ---- */

static void show_triggers(struct json_object *body, struct workflow *w)
{
	struct json_object *triggers;
	int64_t now = now_ns(CLOCK_REALTIME);
	char stamp[32];

	if (!json_object_object_get_ex(body, "triggers", &triggers) || !json_object_is_type(triggers, json_type_array))
		return;
	format_stamp((now / 3600000000000 + 1) * 3600000000000, stamp);
	for (size_t i = 0; i < json_object_array_length(triggers); i++) {
		struct json_object *trigger = json_object_array_get_idx(triggers, i), *webhook;
		if (!json_object_is_type(trigger, json_type_object))
			continue;
		if (json_object_object_get_ex(trigger, "webhook", &webhook)) {
			bool keep = json_object_object_get_ex(trigger, "webhookPolicy", NULL) && w->webhook;
			char uuid[40];
			if (!keep)
				w->webhook = next_webhook++;
			snprintf(uuid, sizeof uuid, "%08x-0000-4000-8000-000000000000", w->webhook);
			json_object_object_add(trigger, "webhook", json_object_new_string(uuid));
			json_object_object_del(trigger, "webhookPolicy");
		} else {
			json_object_object_add(trigger, "scheduled", json_object_new_string(stamp));
		}
	}
}

/* A mapping comes back as a list of mappings with one key. */
static void show_env(struct json_object *body)
{
	struct json_object *steps, *parameters, *env;

	if (!json_object_object_get_ex(body, "steps", &steps) || !json_object_is_type(steps, json_type_object))
		return;
	json_object_object_foreach(steps, name, step) {
		(void)name;
		if (!json_object_is_type(step, json_type_object) ||
		    !json_object_object_get_ex(step, "parameters", &parameters) ||
		    !json_object_object_get_ex(parameters, "env", &env) ||
		    !json_object_is_type(env, json_type_object))
			continue;
		struct json_object *list = json_object_new_array();
		json_object_object_foreach(env, key, value) {
			struct json_object *one = json_object_new_object();
			json_object_object_add(one, key, json_object_get(value));
			json_object_array_add(list, one);
		}
		json_object_object_add(parameters, "env", list);
	}
}

static void add_member(struct text *t, struct json_object *body, const char *key)
{
	struct json_object *value;

	if (!json_object_object_get_ex(body, key, &value))
		return;
	const char *text = json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
	text_add(t, ",\"", 2);
	text_add(t, key, strlen(key));
	text_add(t, "\":", 2);
	text_add(t, text, strlen(text));
}

/* NULL if the body is none.  old is the workflow that an update replaces; its name stays if the body has none. */
static struct workflow *workflow_make(const char *text, size_t len, const struct workflow *old)
{
	static const char *const listed[] = { "name", "triggers", "tags" };
	static const char *const described[] = {
		"name", "triggers", "tags", "watchers", "metadata", "retryOptions", "steps",
	};
	struct json_tokener *tokener = check_memory(json_tokener_new());
	struct json_object *body = json_tokener_parse_ex(tokener, text, (int)len), *name;
	struct workflow *w = NULL;

	json_tokener_free(tokener);
	if (!json_object_is_type(body, json_type_object))
		goto end;
	if (!json_object_object_get_ex(body, "name", &name)) {
		if (!old)
			goto end;
		name = json_object_new_string(old->name);
		json_object_object_add(body, "name", name);
	}
	if (!json_object_is_type(name, json_type_string) || strchr(json_object_get_string(name), '\n'))
		goto end;
	int64_t now = now_ns(CLOCK_REALTIME);
	char created[32], updated[32];
	w = check_memory(calloc(1, sizeof *w));
	w->id = old ? old->id : next_id++;
	w->created = old ? old->created : now;
	w->webhook = old ? old->webhook : 0;
	w->name = check_memory(strdup(json_object_get_string(name)));
	show_triggers(body, w);
	show_env(body);
	text_print(&w->listed, "{\"id\":%" PRId64 ",\"createdAt\":\"%s\",\"updatedAt\":\"%s\",\"status\":\"Available\"",
		   w->id, format_stamp(w->created, created), format_stamp(now, updated));
	text_add(&w->described, w->listed.bytes, w->listed.len);
	for (size_t i = 0; i < sizeof listed / sizeof *listed; i++)
		add_member(&w->listed, body, listed[i]);
	for (size_t i = 0; i < sizeof described / sizeof *described; i++)
		add_member(&w->described, body, described[i]);
	text_add(&w->listed, "}", 1);
	text_add(&w->described, "}", 1);
end:
	json_object_put(body);
	return w;
}

/* ---- connections and answers ---- */

struct connection {
	int fd;			/* -1: closed by the client while its answer was held back */
	struct text in, out;
	size_t sent;
	bool held;		/* the answer waits for its time, in the queue */
	int64_t due;
	struct connection *next;	/* in the queue */
};

struct request {
	char method[8];
	char *path;		/* ends with NUL; without the query */
	char *query;		/* NULL: none */
	bool authorized;
	const char *body;
	size_t body_len;
};

static int poller, timer;
static const char *token;
static int64_t delay_ns;
static struct connection *queue, **queue_end = &queue;	/* by due, as the delay is the same for all */
static uint64_t counts[OPERATIONS];
static int64_t first_write, last_write;

static const char *date_header(void)
{
	static time_t at;
	static char text[64];
	time_t now = time(NULL);
	struct tm tm;

	if (now != at) {
		at = now;
		gmtime_r(&now, &tm);
		strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &tm);
	}
	return text;
}

static void answer_begin(struct connection *c, const char *status, size_t len)
{
	text_print(&c->out, "HTTP/1.1 %s\r\nContent-Type: application/json\r\nDate: %s\r\nContent-Length: %zu\r\n\r\n",
		   status, date_header(), len);
}

static void answer(struct connection *c, const char *status, const char *body)
{
	answer_begin(c, status, strlen(body));
	text_add(&c->out, body, strlen(body));
}

static void answer_error(struct connection *c, const char *status)
{
	char body[128];

	snprintf(body, sizeof body, "{\"detail\":\"%s\"}", status);
	answer(c, status, body);
}

/* The value of a parameter of the query, decoded, in buffers of its own; false if it is not given. */
static bool query_value(const char *query, const char *key, char *out, size_t room)
{
	size_t len = strlen(key), n = 0;
	const char *p = query;

	while (p && (strncmp(p, key, len) != 0 || p[len] != '=')) {
		p = strchr(p, '&');
		p = p ? p + 1 : NULL;
	}
	if (!p)
		return false;
	for (p += len + 1; *p && *p != '&' && n + 1 < room; p++) {
		unsigned byte;
		if (*p == '%' && sscanf(p + 1, "%2x", &byte) == 1) {
			out[n++] = (char)byte;
			p += 2;
		} else {
			out[n++] = *p == '+' ? ' ' : *p;
		}
	}
	out[n] = '\0';
	return true;
}

static size_t query_number(const char *query, const char *key, size_t otherwise)
{
	char text[24];

	return query_value(query, key, text, sizeof text) ? strtoul(text, NULL, 10) : otherwise;
}

/* The workflow whose name is the line around a position. */
static struct workflow *workflow_at(size_t position)
{
	size_t low = 0, high = line_count;

	while (high - low > 1) {
		size_t middle = (low + high) / 2;
		if (lines[middle].at <= position)
			low = middle;
		else
			high = middle;
	}
	return workflow_by_id(lines[low].id);
}

static void search(const char *term, struct table *found)
{
	const char *p = names.bytes, *end = names.bytes + names.len;
	size_t len = strlen(term);

	while (p < end && (p = memmem(p, (size_t)(end - p), term, len))) {
		struct workflow *w = workflow_at((size_t)(p - names.bytes));
		if (w)
			table_append(found, w);
		p = memchr(p, '\n', (size_t)(end - p));
	}
}

static void answer_list(struct connection *c, struct request *r)
{
	static struct text page;
	static struct table found;
	const struct table *from = &table;
	size_t size = query_number(r->query, "pageSize", 25), number = query_number(r->query, "pageNumber", 1);
	char term[256];

	if (size < 1 || size > PAGE_MAX || number < 1) {
		counts[OP_LIST]++;
		answer_error(c, "400 Bad Request");
		return;
	}
	table_clear(&found);
	if (query_value(r->query, "searchTerm", term, sizeof term) && *term) {
		counts[OP_SEARCH]++;
		if (!strchr(term, '\n'))
			search(term, &found);
		from = &found;
	} else {
		counts[OP_LIST]++;
	}
	page.len = 0;
	text_print(&page, "{\"pageCount\":%zu,\"pageNumber\":%zu,\"pageSize\":%zu,\"workflowsCount\":%zu,\"workflows\":[",
		   (from->count + size - 1) / size, number, size, from->count);
	for (size_t i = (number - 1) * size; i < number * size && i < from->count; i++) {
		if (page.bytes[page.len - 1] != '[')
			text_add(&page, ",", 1);
		text_add(&page, from->all[i]->listed.bytes, from->all[i]->listed.len);
	}
	text_add(&page, "]}", 2);
	answer_begin(c, "200 OK", page.len);
	text_add(&c->out, page.bytes, page.len);
}

static void note_write(void)
{
	last_write = now_ns(CLOCK_REALTIME);
	if (!first_write)
		first_write = last_write;
}

static void answer_written(struct connection *c, const struct workflow *w)
{
	char body[160];
	int len = snprintf(body, sizeof body, "{\"id\":%" PRId64, w->id);

	if (w->webhook)
		len += snprintf(body + len, sizeof body - (size_t)len,
				",\"triggers\":[{\"webhook\":\"%08x-0000-4000-8000-000000000000\"}]", w->webhook);
	snprintf(body + len, sizeof body - (size_t)len, "}");
	answer(c, "200 OK", body);
}

static void create(struct connection *c, struct request *r)
{
	struct workflow *w = workflow_make(r->body, r->body_len, NULL);

	counts[OP_CREATE]++;
	note_write();
	if (!w) {
		answer_error(c, "400 Bad Request");
		return;
	}
	table_append(&table, w);
	names_add(w);
	answer_written(c, w);
}

static void update(struct connection *c, struct request *r, size_t at)
{
	struct workflow *old = table.all[at], *w = workflow_make(r->body, r->body_len, old);

	if (!w) {
		answer_error(c, "400 Bad Request");
		return;
	}
	if (strcmp(w->name, old->name) != 0) {
		names_remove(old);
		names_add(w);
	}
	table.all[at] = w;
	w->users++;
	workflow_drop(old);
	answer_written(c, w);
}

static void delete(struct connection *c, size_t at)
{
	struct workflow *w = table.all[at];

	names_remove(w);
	memmove(table.all + at, table.all + at + 1, (--table.count - at) * sizeof *table.all);
	workflow_drop(w);
	answer(c, "200 OK", "{}");
}

static void answer_workflow(struct connection *c, struct request *r, const char *text)
{
	char *end;
	int64_t id = strtoll(text, &end, 10);
	size_t at = table_find(&table, id);
	bool is_there = at < table.count && table.all[at]->id == id;
	enum operation op = strcmp(r->method, "GET") == 0 ? OP_DESCRIBE : strcmp(r->method, "PUT") == 0 ? OP_UPDATE :
			    strcmp(r->method, "DELETE") == 0 ? OP_DELETE : OP_OTHER;

	if (*end)
		op = OP_OTHER;
	counts[op]++;
	if (op == OP_UPDATE || op == OP_DELETE)
		note_write();
	if (!is_there || op == OP_OTHER) {
		answer_error(c, "404 Not Found");
	} else if (op == OP_DESCRIBE) {
		const struct text *t = &table.all[at]->described;
		answer_begin(c, "200 OK", t->len);
		text_add(&c->out, t->bytes, t->len);
	} else if (op == OP_UPDATE) {
		update(c, r, at);
	} else {
		delete(c, at);
	}
}

static void print_counts(struct text *t)
{
	text_print(t, "{");
	for (size_t i = 0; i < OPERATIONS; i++)
		text_print(t, "\"%s\": %" PRIu64 ", ", operation_names[i], counts[i]);
	text_print(t, "\"workflows\": %zu, \"first_write_ns\": %" PRId64 ", \"last_write_ns\": %" PRId64 "}",
		   table.count, first_write, last_write);
}

static void control(struct connection *c, struct request *r, const char *what)
{
	struct text t = { 0 };
	const char *m = r->method;

	if (strcmp(what, "counts") == 0 && strcmp(m, "GET") == 0) {
		print_counts(&t);
	} else if (strcmp(what, "counts") == 0 && strcmp(m, "DELETE") == 0) {
		memset(counts, 0, sizeof counts);
		first_write = last_write = 0;
	} else if (strcmp(what, "delay") == 0 && strcmp(m, "PUT") == 0) {
		delay_ns = (int64_t)query_number(r->query, "ms", 0) * 1000000;
	} else if (strcmp(what, "workflows") == 0 && strcmp(m, "DELETE") == 0) {
		table_clear(&table);
		names_rebuild();
	} else if (strcmp(what, "snapshot") == 0 && strcmp(m, "PUT") == 0) {
		table_copy(&snapshot, &table);
	} else if (strcmp(what, "snapshot") == 0 && strcmp(m, "POST") == 0) {
		table_copy(&table, &snapshot);
		names_rebuild();
	} else {
		answer_error(c, "404 Not Found");
		return;
	}
	if (!t.len)
		text_add(&t, "{}", 2);
	answer_begin(c, "200 OK", t.len);
	text_add(&c->out, t.bytes, t.len);
	free(t.bytes);
}

static void route(struct connection *c, struct request *r)
{
	const char *path = r->path;

	if (strncmp(path, "/bench/", 7) == 0) {
		control(c, r, path + 7);
		return;
	}
	if (!r->authorized) {
		counts[OP_OTHER]++;
		answer_error(c, "401 Unauthorized");
		return;
	}
	if (strncmp(path, base, sizeof base - 1) != 0) {
		counts[OP_OTHER]++;
		answer_error(c, "404 Not Found");
		return;
	}
	path += sizeof base - 1;
	if (strcmp(path, "workflows/") == 0 && strcmp(r->method, "GET") == 0) {
		answer_list(c, r);
	} else if (strcmp(path, "workflows/") == 0 && strcmp(r->method, "POST") == 0) {
		create(c, r);
	} else if (strncmp(path, "workflows/", 10) == 0) {
		answer_workflow(c, r, path + 10);
	} else if (strcmp(path, "resources/defaults") == 0) {
		counts[OP_RESOURCE]++;
		answer(c, "200 OK", "{\"instanceTypeId\": 21, \"storage\": \"10GB\"}");
	} else {
		counts[OP_OTHER]++;
		answer_error(c, "404 Not Found");
	}
}

/* Reads a request that is there as a whole, and takes it off.  1: yes; 0: not there yet; -1: none of ours. */
static int parse_request(struct connection *c, struct request *r)
{
	char *in = c->in.bytes, *end = c->in.len ? memmem(in, c->in.len, "\r\n\r\n", 4) : NULL;

	if (!end)
		return c->in.len > 64 << 10 ? -1 : 0;
	*end = '\0';
	char *first_line = in, *header = strstr(in, "\r\n");
	*r = (struct request){ 0 };
	for (char *p = header; p; p = strstr(p + 2, "\r\n")) {
		if (strncasecmp(p + 2, "content-length:", 15) == 0)
			r->body_len = strtoul(p + 17, NULL, 10);
		else if (strncasecmp(p + 2, "authorization:", 14) == 0) {
			const char *value = p + 16 + strspn(p + 16, " ");
			size_t len = strcspn(value, "\r");
			r->authorized = len == strlen(token) && memcmp(value, token, len) == 0;
		}
	}
	if (r->body_len > REQUEST_MAX)
		return -1;
	if (c->in.len < (size_t)(end + 4 - in) + r->body_len) {
		*end = '\r';
		return 0;
	}
	if (header)
		*header = '\0';
	char *path = strchr(first_line, ' '), *after = path ? strchr(path + 1, ' ') : NULL;
	if (!after || (size_t)(path - first_line) >= sizeof r->method)
		return -1;
	memcpy(r->method, first_line, (size_t)(path - first_line));
	*after = '\0';
	r->path = path + 1;
	r->query = strchr(r->path, '?');
	if (r->query)
		*r->query++ = '\0';
	r->body = end + 4;
	return 1;
}

static void connection_free(struct connection *c)
{
	if (c->fd >= 0)
		close(c->fd);
	free(c->in.bytes);
	free(c->out.bytes);
	free(c);
}

static void arm_timer(void)
{
	struct itimerspec when = { 0 };

	if (queue) {
		when.it_value.tv_sec = queue->due / 1000000000;
		when.it_value.tv_nsec = queue->due % 1000000000;
	}
	timerfd_settime(timer, TFD_TIMER_ABSTIME, &when, NULL);
}

/* Sends what can be sent; false if the connection has ended. */
static bool connection_send(struct connection *c)
{
	while (c->sent < c->out.len) {
		ssize_t n = send(c->fd, c->out.bytes + c->sent, c->out.len - c->sent, MSG_NOSIGNAL);
		if (n < 0 && errno == EAGAIN) {
			struct epoll_event event = { .events = EPOLLIN | EPOLLOUT, .data.ptr = c };
			epoll_ctl(poller, EPOLL_CTL_MOD, c->fd, &event);
			return true;
		}
		if (n < 0)
			return false;
		c->sent += (size_t)n;
	}
	c->out.len = c->sent = 0;
	return true;
}

/* Answers each request that is there, or holds the answer back; false if the connection has ended. */
static bool connection_serve(struct connection *c)
{
	struct request r;
	int found;

	while (!c->held && c->out.len == 0 && (found = parse_request(c, &r)) != 0) {
		if (found < 0)
			return false;
		route(c, &r);
		size_t used = (size_t)(r.body - c->in.bytes) + r.body_len;
		c->in.len -= used;
		memmove(c->in.bytes, c->in.bytes + used, c->in.len);
		if (delay_ns) {
			c->held = true;
			c->due = now_ns(CLOCK_MONOTONIC) + delay_ns;
			c->next = NULL;
			*queue_end = c;
			queue_end = &c->next;
			if (queue == c)
				arm_timer();
		} else if (!connection_send(c)) {
			return false;
		}
	}
	return true;
}

static bool connection_read(struct connection *c)
{
	ssize_t n = recv(c->fd, text_reserve(&c->in, 16 << 10), 16 << 10, 0);

	if (n < 0)
		return errno == EAGAIN;
	c->in.len += (size_t)n;
	return n > 0 && c->in.len <= REQUEST_MAX + (128 << 10);
}

static void connection_end(struct connection *c)
{
	if (c->held) {	/* the queue still has it */
		close(c->fd);
		c->fd = -1;
	} else {
		connection_free(c);
	}
}

static void connection_handle(struct connection *c, uint32_t events)
{
	bool good = true;

	if (events & EPOLLOUT) {
		good = connection_send(c);
		if (good && c->out.len == 0) {
			struct epoll_event event = { .events = EPOLLIN, .data.ptr = c };
			epoll_ctl(poller, EPOLL_CTL_MOD, c->fd, &event);
			good = connection_serve(c);
		}
	}
	if (good && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
		good = connection_read(c) && connection_serve(c);
	if (!good)
		connection_end(c);
}

static void send_due(void)
{
	uint64_t expirations;
	int64_t now = now_ns(CLOCK_MONOTONIC);

	if (read(timer, &expirations, sizeof expirations) < 0 && errno != EAGAIN)
		abort();
	while (queue && queue->due <= now) {
		struct connection *c = queue;
		queue = c->next;
		if (!queue)
			queue_end = &queue;
		c->held = false;
		if (c->fd < 0)
			connection_free(c);
		else if (!connection_send(c) || !connection_serve(c))
			connection_end(c);
	}
	arm_timer();
}

static void accept_all(int listener)
{
	int fd;

	while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		struct connection *c = check_memory(calloc(1, sizeof *c));
		struct epoll_event event = { .events = EPOLLIN, .data.ptr = c };
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
		c->fd = fd;
		epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event);
	}
}

/* ---- the program ---- */

static volatile sig_atomic_t wants_counts, wants_end;

static void on_signal(int number)
{
	if (number == SIGUSR1)
		wants_counts = 1;
	else
		wants_end = 1;
}

static void print_counts_to_stderr(void)
{
	struct text t = { 0 };

	print_counts(&t);
	fprintf(stderr, "%.*s\n", (int)t.len, t.bytes);
	free(t.bytes);
}

static int listen_on(int port)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof at;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, sizeof(int));
	if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof at) < 0 || listen(fd, 512) < 0 ||
	    getsockname(fd, (struct sockaddr *)&at, &len) < 0) {
		perror("listen");
		exit(1);
	}
	printf("http://127.0.0.1:%d\n", ntohs(at.sin_port));
	fflush(stdout);
	return fd;
}

static void handle_signals(void)
{
	struct sigaction action = { .sa_handler = on_signal };

	sigaction(SIGUSR1, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
}

int main(int argc, char **argv)
{
	int port = 0;

	for (int i = 1; i + 1 < argc; i += 2) {
		if (strcmp(argv[i], "--port") == 0)
			port = atoi(argv[i + 1]);
		else if (strcmp(argv[i], "--delay") == 0)
			delay_ns = atol(argv[i + 1]) * INT64_C(1000000);
		else if (strcmp(argv[i], "--token") == 0)
			token = argv[i + 1];
	}
	if (!token || argc % 2 == 0) {
		fputs("usage: service [--port PORT] [--delay MS] --token TOKEN\n", stderr);
		return 64;
	}
	handle_signals();
	int listener = listen_on(port);
	poller = epoll_create1(EPOLL_CLOEXEC);
	timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	epoll_ctl(poller, EPOLL_CTL_ADD, listener, &(struct epoll_event){ .events = EPOLLIN, .data.ptr = &poller });
	epoll_ctl(poller, EPOLL_CTL_ADD, timer, &(struct epoll_event){ .events = EPOLLIN, .data.ptr = &timer });
	while (!wants_end) {
		struct epoll_event events[EVENTS];
		int n = epoll_wait(poller, events, EVENTS, -1);
		bool has_due = false;

		if (wants_counts) {
			wants_counts = 0;
			print_counts_to_stderr();
		}
		/* A connection may end only by its own event while the events of this round are handled. */
		for (int i = 0; i < n; i++) {
			if (events[i].data.ptr == &poller)
				accept_all(listener);
			else if (events[i].data.ptr == &timer)
				has_due = true;
			else
				connection_handle(events[i].data.ptr, events[i].events);
		}
		if (has_due)
			send_due();
	}
	print_counts_to_stderr();
	return 0;
}
