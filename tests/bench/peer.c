/* What a machine needs at least for the work of flowsync: the same files, requests and commits, and nothing else.
 *
 *     peer events DIR                      reads the files and takes the events of libyaml
 *     peer gets DIR URL                    the same, then all pages and a describe of each workflow, parsed
 *     peer pages URL                       all pages, parsed
 *     peer create DIR URL BODY DATABASE    files and events; look-up, POST and describe for each file
 *     peer update DIR URL BODY DATABASE    files and events; describe, PUT and describe for each workflow
 *     peer prune URL DATABASE              describe and DELETE for each workflow
 *     peer load URL PATH COUNT             so many GETs of a path, one after the other, with as little work as possible
 *
 * URL is that of the service without its path, the token is in BENCH_TOKEN.  BODY is a file with a request body, in
 * which @NAME@ stands for the name.  Eight requests are on their way at a time, and one commit follows each round of
 * eight workflows.  It prints a line with what it counted, and fails if an answer is not 2xx. */
#include <arpa/inet.h>
#include <curl/curl.h>
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <yaml.h>

enum { ROUND = 8, PAGE = 100 };

static void die(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));
static void die(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(1);
}

static void *check_memory(void *p)
{
	if (!p)
		die("out of memory");
	return p;
}

/* ---- files and events ---- */

struct files {
	char **paths;
	size_t count;
};

static int compare_paths(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static struct files list_files(const char *dir)
{
	struct files f = { 0 };
	size_t room = 0;
	DIR *d = opendir(dir);
	struct dirent *entry;

	if (!d)
		die("cannot read %s", dir);
	while ((entry = readdir(d))) {
		if (entry->d_name[0] == '.')
			continue;
		if (f.count == room) {
			room = room ? room * 2 : 1024;
			f.paths = check_memory(realloc(f.paths, room * sizeof *f.paths));
		}
		if (asprintf(&f.paths[f.count++], "%s/%s", dir, entry->d_name) < 0)
			die("out of memory");
	}
	closedir(d);
	qsort(f.paths, f.count, sizeof *f.paths, compare_paths);
	return f;
}

static char *read_file(const char *path, size_t *len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		die("cannot open %s", path);
	char *bytes = check_memory(malloc((size_t)st.st_size + 1));
	if (read(fd, bytes, (size_t)st.st_size) != st.st_size)
		die("cannot read %s", path);
	close(fd);
	bytes[st.st_size] = '\0';
	*len = (size_t)st.st_size;
	return bytes;
}

static size_t count_events(const char *path)
{
	size_t len, count = 0;
	char *bytes = read_file(path, &len);
	yaml_parser_t parser;
	yaml_event_t event;
	bool more = true;

	if (!yaml_parser_initialize(&parser))
		die("out of memory");
	yaml_parser_set_input_string(&parser, (const unsigned char *)bytes, len);
	while (more) {
		if (!yaml_parser_parse(&parser, &event))
			die("%s: %s", path, parser.problem);
		more = event.type != YAML_STREAM_END_EVENT;
		yaml_event_delete(&event);
		count++;
	}
	yaml_parser_delete(&parser);
	free(bytes);
	return count;
}

static size_t count_all_events(const struct files *f)
{
	size_t count = 0;

	for (size_t i = 0; i < f->count; i++)
		count += count_events(f->paths[i]);
	return count;
}

/* The name that the runner gave the file, which is that of the workflow. */
static char *workflow_name(const char *path)
{
	char *name = check_memory(strdup(strrchr(path, '/') + 1)), *dot = strrchr(name, '.');

	if (dot)
		*dot = '\0';
	return name;
}

/* ---- requests ---- */

struct slot {
	CURL *easy;
	char *url, *body;
	char *answer;
	size_t len, room;
	struct json_object *json;	/* the answer, parsed; NULL: it was empty */
};

static CURLM *multi;
static struct slot slots[ROUND];
static struct curl_slist *headers;
static const char *service;
static size_t requests;

static size_t take_bytes(char *bytes, size_t size, size_t count, void *to)
{
	struct slot *s = to;

	if (s->len + count > s->room) {
		s->room = (s->len + count) * 2;
		s->answer = check_memory(realloc(s->answer, s->room));
	}
	memcpy(s->answer + s->len, bytes, count);
	s->len += count;
	return count;
}

static void http_begin(const char *url)
{
	char *line;
	const char *token = getenv("BENCH_TOKEN");

	service = url;
	if (curl_global_init(CURL_GLOBAL_DEFAULT) || asprintf(&line, "Authorization: %s", token ? token : "") < 0)
		die("out of memory");
	headers = curl_slist_append(curl_slist_append(NULL, line), "Content-Type: application/json");
	multi = check_memory(curl_multi_init());
	for (size_t i = 0; i < ROUND; i++) {
		CURL *easy = slots[i].easy = check_memory(curl_easy_init());
		curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
		curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_bytes);
		curl_easy_setopt(easy, CURLOPT_WRITEDATA, &slots[i]);
		curl_easy_setopt(easy, CURLOPT_PRIVATE, &slots[i]);
	}
}

/* The method is that of the body if there is one, else a GET or a DELETE. */
static void request(struct slot *s, const char *method, const char *body, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
static void request(struct slot *s, const char *method, const char *body, const char *format, ...)
{
	char path[300];
	va_list args;

	va_start(args, format);
	vsnprintf(path, sizeof path, format, args);
	va_end(args);
	free(s->url);
	if (asprintf(&s->url, "%s/workflows/api/v1%s", service, path) < 0)
		die("out of memory");
	curl_easy_setopt(s->easy, CURLOPT_URL, s->url);
	if (body) {
		curl_easy_setopt(s->easy, CURLOPT_POSTFIELDS, body);
		curl_easy_setopt(s->easy, CURLOPT_POSTFIELDSIZE, (long)strlen(body));
	} else {
		curl_easy_setopt(s->easy, CURLOPT_HTTPGET, 1L);
	}
	curl_easy_setopt(s->easy, CURLOPT_CUSTOMREQUEST, method);
	s->len = 0;
	curl_multi_add_handle(multi, s->easy);
	requests++;
}

static struct json_object *parse_json(const char *text, size_t len)
{
	struct json_tokener *tokener = check_memory(json_tokener_new());
	struct json_object *json = json_tokener_parse_ex(tokener, text, (int)len);

	if (json_tokener_get_error(tokener) != json_tokener_success)
		die("an answer is no JSON: %.*s", (int)len, text);
	json_tokener_free(tokener);
	return json;
}

static void take_answer(struct slot *s)
{
	long status = 0;

	curl_multi_remove_handle(multi, s->easy);
	curl_easy_getinfo(s->easy, CURLINFO_RESPONSE_CODE, &status);
	if (status < 200 || status > 299)
		die("%s: status %ld: %.*s", s->url, status, (int)s->len, s->answer);
	json_object_put(s->json);
	s->json = s->len ? parse_json(s->answer, s->len) : NULL;
}

/* Waits for an answer and gives it; NULL if no request is on its way. */
static struct slot *next_answer(void)
{
	int running, left;
	CURLMsg *message;
	struct slot *s;

	while (!(message = curl_multi_info_read(multi, &left))) {
		if (curl_multi_perform(multi, &running))
			die("curl_multi_perform failed");
		if ((message = curl_multi_info_read(multi, &left)))
			break;
		if (!running)
			return NULL;
		if (curl_multi_poll(multi, NULL, 0, 1000, NULL))
			die("curl_multi_poll failed");
	}
	curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&s);
	if (message->data.result != CURLE_OK)
		die("%s: %s", s->url, curl_easy_strerror(message->data.result));
	take_answer(s);
	return s;
}

static void wait_for_round(void)
{
	while (next_answer())
		;
}

static int64_t member_number(struct json_object *object, const char *key)
{
	struct json_object *value;

	if (!json_object_object_get_ex(object, key, &value))
		die("an answer has no %s", key);
	return json_object_get_int64(value);
}

struct ids {
	int64_t *all;
	size_t count;
};

static void collect_ids(struct ids *ids, struct json_object *page)
{
	struct json_object *items;

	if (!json_object_object_get_ex(page, "workflows", &items))
		die("a page has no workflows");
	size_t count = json_object_array_length(items);
	ids->all = check_memory(realloc(ids->all, (ids->count + count + 1) * sizeof *ids->all));
	for (size_t i = 0; i < count; i++)
		ids->all[ids->count++] = member_number(json_object_array_get_idx(items, i), "id");
}

static void request_page(struct slot *s, int64_t number)
{
	request(s, "GET", NULL, "/workflows/?pageSize=%d&pageNumber=%" PRId64, PAGE, number);
}

/* Page 1, then the others side by side. */
static struct ids read_pages(void)
{
	struct ids ids = { 0 };
	struct slot *s;

	request_page(&slots[0], 1);
	s = next_answer();
	collect_ids(&ids, s->json);
	int64_t next = 2, last = member_number(s->json, "pageCount");
	for (size_t i = 0; i < ROUND && next <= last; i++)
		request_page(&slots[i], next++);
	while ((s = next_answer())) {
		collect_ids(&ids, s->json);
		if (next <= last)
			request_page(s, next++);
	}
	return ids;
}

static void describe(struct slot *s, int64_t id)
{
	request(s, "GET", NULL, "/workflows/%" PRId64, id);
}

static void describe_all(const struct ids *ids)
{
	size_t next = 0;
	struct slot *s;

	for (; next < ROUND && next < ids->count; next++)
		describe(&slots[next], ids->all[next]);
	while ((s = next_answer()))
		if (next < ids->count)
			describe(s, ids->all[next++]);
}

/* ---- commits ---- */

static sqlite3 *database;
static sqlite3_stmt *insert;

static void sql(const char *text)
{
	if (sqlite3_exec(database, text, NULL, NULL, NULL) != SQLITE_OK)
		die("%s: %s", text, sqlite3_errmsg(database));
}

static void database_begin(const char *path)
{
	if (sqlite3_open(path, &database) != SQLITE_OK)
		die("cannot open %s", path);
	sql("PRAGMA journal_mode = WAL");
	sql("PRAGMA synchronous = FULL");
	sql("CREATE TABLE IF NOT EXISTS applied(id INTEGER PRIMARY KEY, body TEXT)");
	if (sqlite3_prepare_v2(database, "INSERT OR REPLACE INTO applied VALUES(?, ?)", -1, &insert, NULL) != SQLITE_OK)
		die("%s", sqlite3_errmsg(database));
}

static void save(int64_t id, const char *body)
{
	sqlite3_bind_int64(insert, 1, id);
	sqlite3_bind_text(insert, 2, body, -1, SQLITE_STATIC);
	if (sqlite3_step(insert) != SQLITE_DONE)
		die("%s", sqlite3_errmsg(database));
	sqlite3_reset(insert);
}

/* ---- writes ---- */

/* The template with a name in the place of each @NAME@. */
static char *fill_template(const char *template, const char *name)
{
	static const char mark[] = "@NAME@";
	size_t room = strlen(template) + 64 * strlen(name) + 1, len = 0;
	char *out = check_memory(malloc(room));
	const char *p = template, *at;

	while ((at = strstr(p, mark))) {
		memcpy(out + len, p, (size_t)(at - p));
		len += (size_t)(at - p);
		memcpy(out + len, name, strlen(name));
		len += strlen(name);
		p = at + sizeof mark - 1;
	}
	strcpy(out + len, p);
	return out;
}

static void set_body(struct slot *s, const char *template, const char *path)
{
	char *name = workflow_name(path);

	free(s->body);
	s->body = fill_template(template, name);
	free(name);
}

static void create_round(const struct files *f, size_t first, size_t n, const char *template)
{
	int64_t ids[ROUND];

	for (size_t i = 0; i < n; i++) {
		char *name = workflow_name(f->paths[first + i]);
		request(&slots[i], "GET", NULL, "/workflows/?searchTerm=%s&pageSize=%d&pageNumber=1", name, PAGE);
		free(name);
	}
	wait_for_round();
	for (size_t i = 0; i < n; i++) {
		set_body(&slots[i], template, f->paths[first + i]);
		request(&slots[i], "POST", slots[i].body, "/workflows/");
	}
	wait_for_round();
	for (size_t i = 0; i < n; i++)
		describe(&slots[i], ids[i] = member_number(slots[i].json, "id"));
	wait_for_round();
	sql("BEGIN");
	for (size_t i = 0; i < n; i++)
		save(ids[i], slots[i].body);
	sql("COMMIT");
}

static void update_round(const struct files *f, size_t first, size_t n, const char *template, const int64_t *ids)
{
	for (size_t i = 0; i < n; i++)
		describe(&slots[i], ids[i]);
	wait_for_round();
	for (size_t i = 0; i < n; i++) {
		set_body(&slots[i], template, f->paths[first + i]);
		request(&slots[i], "PUT", slots[i].body, "/workflows/%" PRId64, ids[i]);
	}
	wait_for_round();
	for (size_t i = 0; i < n; i++)
		describe(&slots[i], ids[i]);
	wait_for_round();
	sql("BEGIN");
	for (size_t i = 0; i < n; i++)
		save(ids[i], slots[i].body);
	sql("COMMIT");
}

static void prune_round(size_t n, const int64_t *ids)
{
	for (size_t i = 0; i < n; i++)
		describe(&slots[i], ids[i]);
	wait_for_round();
	for (size_t i = 0; i < n; i++)
		request(&slots[i], "DELETE", NULL, "/workflows/%" PRId64, ids[i]);
	wait_for_round();
	sql("BEGIN");
	for (size_t i = 0; i < n; i++)
		save(ids[i], "");
	sql("COMMIT");
}

static size_t round_at(size_t first, size_t count)
{
	return count - first < ROUND ? count - first : ROUND;
}

/* ---- load ---- */

static int connect_to(const char *url)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	const char *port = strrchr(url, ':');
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	at.sin_port = htons((uint16_t)atoi(port ? port + 1 : ""));
	if (fd < 0 || connect(fd, (struct sockaddr *)&at, sizeof at) < 0)
		die("cannot connect to %s", url);
	return fd;
}

/* Reads one answer whole; only what is needed to know its end is looked at. */
static void read_answer(int fd)
{
	static char in[64 << 10];
	size_t len = 0, want = 0;	/* want 0: the head has not come yet */

	while (!want || len < want) {
		ssize_t n = recv(fd, want ? in : in + len, want ? sizeof in : sizeof in - len, 0);
		if (n <= 0)
			die("the connection ended");
		len += (size_t)n;
		char *end = want ? NULL : memmem(in, len, "\r\n\r\n", 4);
		if (!end)
			continue;
		*end = '\0';
		char *length = strcasestr(in, "content-length:");
		if (!length || strncmp(in, "HTTP/1.1 200", 12) != 0)
			die("%s", in);
		want = (size_t)(end + 4 - in) + strtoul(length + 15, NULL, 10);
	}
}

static void load(const char *url, const char *path, size_t count)
{
	const char *token = getenv("BENCH_TOKEN");
	char *text;
	int fd = connect_to(url);
	int len = asprintf(&text, "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: %s\r\n"
			   "Content-Type: application/json\r\n\r\n", path, token ? token : "");

	for (; requests < count; requests++) {
		if (send(fd, text, (size_t)len, MSG_NOSIGNAL) != len)
			die("cannot send");
		read_answer(fd);
	}
	close(fd);
	free(text);
}

/* ---- the program ---- */

static int usage(void)
{
	fputs("usage: peer events DIR | gets DIR URL | pages URL | create DIR URL BODY DATABASE | "
	      "update DIR URL BODY DATABASE | prune URL DATABASE | load URL PATH COUNT\n", stderr);
	return 64;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	struct files f = { 0 };
	struct ids ids = { 0 };
	size_t events = 0, len;

	if (strcmp(what, "events") == 0 && argc == 3) {
		f = list_files(argv[2]);
		events = count_all_events(&f);
	} else if (strcmp(what, "gets") == 0 && argc == 4) {
		f = list_files(argv[2]);
		events = count_all_events(&f);
		http_begin(argv[3]);
		ids = read_pages();
		describe_all(&ids);
	} else if (strcmp(what, "pages") == 0 && argc == 3) {
		http_begin(argv[2]);
		ids = read_pages();
	} else if ((strcmp(what, "create") == 0 || strcmp(what, "update") == 0) && argc == 6) {
		const char *template = read_file(argv[4], &len);
		bool is_create = strcmp(what, "create") == 0;
		f = list_files(argv[2]);
		events = count_all_events(&f);
		http_begin(argv[3]);
		database_begin(argv[5]);
		ids = read_pages();
		size_t count = is_create ? f.count : ids.count;
		if (!is_create && ids.count > f.count)
			die("more workflows than files");
		for (size_t i = 0; i < count; i += ROUND)
			if (is_create)
				create_round(&f, i, round_at(i, count), template);
			else
				update_round(&f, i, round_at(i, count), template, ids.all + i);
	} else if (strcmp(what, "prune") == 0 && argc == 4) {
		http_begin(argv[2]);
		database_begin(argv[3]);
		ids = read_pages();
		for (size_t i = 0; i < ids.count; i += ROUND)
			prune_round(round_at(i, ids.count), ids.all + i);
	} else if (strcmp(what, "load") == 0 && argc == 5) {
		load(argv[2], argv[3], strtoul(argv[4], NULL, 10));
	} else {
		return usage();
	}
	if (database) {
		sqlite3_finalize(insert);
		sqlite3_close(database);
	}
	printf("files %zu events %zu requests %zu\n", f.count, events, requests);
	return 0;
}
