#include "agent/service/steps/step_http.h"

#include <ctype.h>
#include <stdarg.h>
#include <string.h>
#include <strings.h>

#include "agent/service/exec/attempt_reply.h"
#include "agent/util/base64.h"
#include "agent/util/file.h"
#include "agent/util/clock.h"
#include "agent/net/http_exchange.h"
#include "agent/net/url.h"
#include "reconcile/tree/json.h"
#include "reconcile/schema/mask.h"

enum {
	MASK_LEAST = 8,		/* bytes of a text that may not be a secret: shorter ones stay readable */
	UNKNOWN_MAX = 20,	/* names that the log lists */
	NAME_MAX_SHOWN = 64,
	TOKEN_ANSWER_MAX = 1 << 20, TOKEN_MAX = 64 << 10,
};

/* ---- the service's side: making the request ---- */

struct step_http_builder {
	struct arena *arena;
	const struct node *step, *env;
	const char *secrets_dir;
	struct masks *masks;
	struct node *values;	/* of placeholders, by name */
	struct node *unknown;	/* names without a value */
	struct node *headers;
	size_t left;		/* bytes left for texts */
};

static bool step_http_read_secret(struct step_http_builder *m, const char *field, const char *name, const char **value,
                                  struct err *err)
{
	if (!(field ? secret_read_for_field(m->arena, m->secrets_dir, field, name, value, err)
	            : secret_read(m->arena, m->secrets_dir, name, value, err)))
		return false;
	masks_add(m->arena, m->masks, *value);
	return true;
}

/* Secrets first: a variable of the same name replaces them. */
static bool step_http_gather_values(struct step_http_builder *m, struct err *err)
{
	const struct node *names = node_get(node_get(m->step, "parameters"), "secrets");

	m->values = node_map(m->arena);
	if (names && names->count > STEP_HTTP_SECRETS_MAX)
		return err_set(err, "parameters.secrets has %zu names, expected at most %d", names->count,
		               STEP_HTTP_SECRETS_MAX);
	for (size_t i = 0; names && i < names->count; i++) {
		const char *name = node_scalar_text(m->arena, names->entries[i].value), *value;
		if (!name)
			continue;
		if (!step_http_read_secret(m, NULL, name, &value, err))
			return err_wrap(err, "parameters.secrets");
		node_put(m->arena, m->values, secret_variable_short(m->arena, name), node_text(m->arena, value));
		node_put(m->arena, m->values, secret_variable(m->arena, name), node_text(m->arena, value));
	}
	for (size_t i = 0; m->env && i < m->env->count; i++)
		node_put(m->arena, m->values, m->env->entries[i].key, m->env->entries[i].value);
	return true;
}

static bool step_http_is_name_letter(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '-' || c == '.';
}

/* The name in the placeholder "{{ name }}" that text begins with, and the length of the placeholder; NULL: it is not
 * one. */
static const char *step_http_read_placeholder(struct arena *a, const char *text, size_t *len)
{
	const char *begin = text + 2, *end, *close;

	begin += strspn(begin, " \t");
	for (end = begin; step_http_is_name_letter(*end); end++)
		;
	close = end + strspn(end, " \t");
	if (end == begin || strncmp(close, "}}", 2) != 0)
		return NULL;
	*len = (size_t)(close + 2 - text);
	return arena_strndup(a, begin, (size_t)(end - begin));
}

static void step_http_note_unknown(struct step_http_builder *m, const char *name)
{
	for (size_t i = 0; i < m->unknown->count; i++)
		if (strcmp(m->unknown->entries[i].value->text, name) == 0)
			return;
	if (m->unknown->count < UNKNOWN_MAX && strlen(name) <= NAME_MAX_SHOWN)
		node_add(m->arena, m->unknown, node_text(m->arena, name));
}

static void step_http_fill_placeholders(struct step_http_builder *m, const char *text, struct buf *out)
{
	for (const char *open; (open = strstr(text, "{{")); ) {
		size_t len = 2;
		const char *name = step_http_read_placeholder(m->arena, open, &len);
		const char *value = name ? node_get_text(m->values, name) : NULL;
		if (name && !value)
			step_http_note_unknown(m, name);
		/* In "{{{name}}}" the second brace may begin a placeholder. */
		if (!name)
			len = 1;
		buf_add(out, text, (size_t)(open - text));
		if (value)
			buf_adds(out, value);
		else
			buf_add(out, open, len);
		text = open + len;
	}
	buf_adds(out, text);
}

/* text with its placeholders filled in; NULL if it is too long. */
static const char *step_http_filled_text(struct step_http_builder *m, const char *field, const char *text,
                                         struct err *err)
{
	CLEANUP(buf_done) struct buf out = BUF(m->left);

	step_http_fill_placeholders(m, text, &out);
	if (out.full) {
		err_set(err, "%s: the request is larger than %d MiB after filling in its placeholders", field,
		        STEP_HTTP_TEXT_MAX >> 20);
		return NULL;
	}
	m->left -= out.len;
	return arena_strdup(m->arena, buf_str(&out));
}

/* ---- headers ---- */

/* Names of headers are equal in any case: a later one replaces an earlier one. */
static void step_http_put_header(struct step_http_builder *m, const char *name, const char *value)
{
	for (size_t i = 0; i < m->headers->count; i++)
		if (strcasecmp(m->headers->entries[i].key, name) == 0) {
			m->headers->entries[i].value = node_text(m->arena, value);
			return;
		}
	node_put(m->arena, m->headers, name, node_text(m->arena, value));
}

static bool step_http_put_absolute_headers(struct step_http_builder *m, const struct node *headers, struct err *err)
{
	for (size_t i = 0; headers && i < headers->count; i++) {
		const char *text = node_scalar_text(m->arena, headers->entries[i].value);
		const char *value = text ? step_http_filled_text(m, "headers.absolute", text, err) : "";
		if (!value)
			return false;
		if (text)
			step_http_put_header(m, headers->entries[i].key, value);
	}
	return true;
}

static bool step_http_put_secret_headers(struct step_http_builder *m, const struct node *headers, struct err *err)
{
	for (size_t i = 0; headers && i < headers->count; i++) {
		const char *header = headers->entries[i].key, *value;
		const char *name = node_scalar_text(m->arena, headers->entries[i].value);
		if (!name)
			continue;
		if (!step_http_read_secret(m, arena_printf(m->arena, "headers.secrets.%.100s", header), name, &value,
		                           err))
			return false;
		step_http_put_header(m, header, value);
	}
	return true;
}

static bool step_http_auth_text(struct step_http_builder *m, const char *key, const char **out, struct err *err)
{
	const struct node *n = node_get(node_get(m->step, "auth"), key);

	*out = n ? node_scalar_text(m->arena, n) : NULL;
	return *out || err_set(err, "auth.%s is missing", key);
}

static bool step_http_auth_secret(struct step_http_builder *m, const char *key, const char **out, struct err *err)
{
	const char *name;

	return step_http_auth_text(m, key, &name, err) &&
	       step_http_read_secret(m, arena_printf(m->arena, "auth.%s", key), name, out, err);
}

static bool step_http_put_basic(struct step_http_builder *m, struct err *err)
{
	const char *username, *password;

	if (!step_http_auth_text(m, "username", &username, err) ||
	    !step_http_auth_secret(m, "password", &password, err))
		return false;
	/* RFC 7617, 2: the password begins behind the first colon. */
	if (strchr(username, ':'))
		return err_set(err, "auth.username contains a colon, which basic authentication cannot send");
	const char *both = arena_printf(m->arena, "%s:%s", username, password);
	const char *coded = base64_encode(m->arena, both, strlen(both));
	masks_add(m->arena, m->masks, coded);
	step_http_put_header(m, "Authorization", arena_printf(m->arena, "Basic %s", coded));
	return true;
}

static bool step_http_put_oauth(struct step_http_builder *m, struct node *document, struct err *err)
{
	const char *url, *id, *secret;

	if (!step_http_auth_text(m, "authUrl", &url, err) || !step_http_auth_secret(m, "clientId", &id, err) ||
	    !step_http_auth_secret(m, "clientSecret", &secret, err))
		return false;
	struct node *oauth = node_put(m->arena, document, "oauth", node_map(m->arena));
	node_put(m->arena, oauth, "url", node_text(m->arena, url));
	node_put(m->arena, oauth, "id", node_text(m->arena, id));
	node_put(m->arena, oauth, "secret", node_text(m->arena, secret));
	return true;
}

static bool step_http_put_auth(struct step_http_builder *m, struct node *document, struct err *err)
{
	const char *type = node_get_text(node_get(m->step, "auth"), "type"), *value;

	if (!type || strcmp(type, "no-auth") == 0)
		return true;
	if (strcmp(type, "basic") == 0)
		return step_http_put_basic(m, err);
	if (strcmp(type, "oauth") == 0)
		return step_http_put_oauth(m, document, err);
	if (strcmp(type, "api-key") == 0) {
		if (!step_http_auth_secret(m, "apiKey", &value, err))
			return false;
		step_http_put_header(m, "x-api-key", value);
		return true;
	}
	if (strcmp(type, "bearer-token") != 0)
		return err_set(err, "auth.type: expected no-auth, oauth, basic, api-key or bearer-token");
	if (!step_http_auth_secret(m, "bearerToken", &value, err))
		return false;
	step_http_put_header(m, "Authorization", arena_printf(m->arena, "Bearer %s", value));
	return true;
}

/* ---- masks beside the secrets ---- */

struct step_http_mask_collector {
	struct cover cover;
	struct arena *arena;
	struct masks *masks;
};

static void step_http_collect_mask(const struct cover *cover, const struct path *at, const char *secret, size_t len,
                                   struct buf *out)
{
	const struct step_http_mask_collector *c = (const struct step_http_mask_collector *)cover;

	if (len >= MASK_LEAST)
		masks_add(c->arena, c->masks, arena_strndup(c->arena, secret, len));
}

/* mask.h has the rules of what is never shown: they are applied to the step as it will be sent. */
static void step_http_collect_masks(struct step_http_builder *m, const struct node *document)
{
	struct arena *a = m->arena;
	struct step_http_mask_collector c = { { step_http_collect_mask }, a, m->masks };
	struct node *sent = node_copy(a, m->step), *parameters = node_map(a), *headers = node_map(a);

	node_put(a, sent, "url", node_get(document, "url"));
	node_put(a, sent, "headers", headers);
	node_put(a, headers, "absolute", m->headers);
	node_put(a, sent, "parameters", parameters);
	if (m->env)
		node_put(a, parameters, "env", (struct node *)m->env);
	const struct field *field = field_child(field_child(&workflow_field, "steps", ALL_KINDS), "*", ALL_KINDS);
	mask_cover(a, &c.cover, &(struct path){ 0 }, field, sent);
}

static void step_http_put_masks(struct step_http_builder *m, struct node *document)
{
	struct node *list = node_put(m->arena, document, "masks", node_list(m->arena));

	for (const char *const *text = masks_list(m->masks); *text; text++)
		node_add(m->arena, list, node_text(m->arena, *text));
}

/* ---- the document ---- */

static const char *step_http_method(const struct node *step)
{
	static const char *const methods[] = { "GET", "POST", "PUT", "PATCH", "DELETE" };
	const struct node *method = node_get(step, "method");
	const char *text = node_get_text(step, "method");

	/* Complete samples of the service's SDK leave it out (contract, 3.7). */
	if (!method || method->kind == NODE_NULL)
		return node_get_text(step, "payload") ? "POST" : "GET";
	for (size_t i = 0; text && i < ARRAY_LEN(methods); i++)
		if (strcasecmp(methods[i], text) == 0)
			return methods[i];
	return NULL;
}

static bool step_http_put_request(struct step_http_builder *m, struct node *document, struct err *err)
{
	struct arena *a = m->arena;
	const char *method = step_http_method(m->step), *url = node_get_text(m->step, "url");
	const char *payload = node_get_text(m->step, "payload");

	if (!method || !url)
		return err_set(err, "%s", !url ? "url is missing" : "method: expected get, post, put, patch or delete");
	node_put(a, document, "method", node_text(a, method));
	url = step_http_filled_text(m, "url", url, err);
	if (!url)
		return false;
	node_put(a, document, "url", node_text(a, url));
	if (payload && strcmp(method, "GET") != 0) {
		payload = step_http_filled_text(m, "payload", payload, err);
		if (!payload)
			return false;
		node_put(a, document, "payload", node_text(a, payload));
	}
	return true;
}

static bool step_http_write_document(struct arena *a, const struct node *document, struct attempt_command *out,
                                     struct err *err)
{
	CLEANUP(buf_done) struct buf text = BUF(STEP_HTTP_DOCUMENT_MAX);

	json_write(document, JSON_COMPACT, &text);
	if (text.full)
		return err_set(err, "the request is too large, together with the texts that have to be masked");
	*out = attempt_hidden_command(a, "step-http", &text);
	return true;
}

bool step_http_command(struct arena *a, const struct node *step, const struct node *env,
                       const char *secrets_dir, struct attempt_command *out, struct masks *masks,
                       struct err *err)
{
	struct node *document = node_map(a);
	const struct node *headers = node_get(step, "headers");
	struct step_http_builder m = {
		.arena = a, .step = step, .env = env, .secrets_dir = secrets_dir, .masks = masks,
		.unknown = node_list(a), .headers = node_map(a), .left = STEP_HTTP_TEXT_MAX,
	};

	if (!step_http_gather_values(&m, err) || !step_http_put_request(&m, document, err) ||
	    !step_http_put_absolute_headers(&m, node_get(headers, "absolute"), err))
		return false;
	step_http_collect_masks(&m, document);
	if (!step_http_put_secret_headers(&m, node_get(headers, "secrets"), err) ||
	    !step_http_put_auth(&m, document, err))
		return false;
	node_put(a, document, "headers", m.headers);
	node_put(a, document, "unknown", m.unknown);
	node_put(a, document, "connect_ms", node_int(a, STEP_HTTP_CONNECT_MS));
	node_put(a, document, "timeout_ms", node_int(a, STEP_HTTP_TIMEOUT_MS));
	step_http_put_masks(&m, document);
	return step_http_write_document(a, document, out, err);
}

/* ---- the command's side ---- */

struct step_http_job {
	struct arena *arena;
	FILE *out;
	struct attempt_reply *reply;
	const struct node *document;
	struct masks masks;
	struct node *headers;
	long connect_ms, timeout_ms;
};

static void step_http_print(const struct step_http_job *j, const char *fmt, ...) PRINTF(2, 3);

/* Prints a line, without secrets. */
static void step_http_print(const struct step_http_job *j, const char *fmt, ...)
{
	CLEANUP(buf_done) struct buf line = BUF_TEXT, shown = BUF_TEXT;
	va_list ap;

	va_start(ap, fmt);
	buf_addv(&line, fmt, ap);
	va_end(ap);
	masks_cover(masks_list(&j->masks), buf_str(&line), line.len, SIZE_MAX, &shown);
	fprintf(j->out, "%s\n", buf_str(&shown));
	fflush(j->out);
}

/* Reports why there is no response. */
static void step_http_fail(const struct step_http_job *j, const struct err *why)
{
	CLEANUP(buf_done) struct buf shown = BUF_TEXT;

	masks_cover(masks_list(&j->masks), why->msg, strlen(why->msg), SIZE_MAX, &shown);
	step_http_print(j, "%s", why->msg);
	*j->reply = (struct attempt_reply){
		.found = true, .message = arena_strdup(j->arena, buf_str(&shown)), .final = why->kind == ERR_USAGE,
	};
}

/* ---- oauth ---- */

/* application/x-www-form-urlencoded */
static void step_http_add_form_field(struct buf *out, const char *key, const char *value)
{
	buf_addf(out, "%s%s=", out->len ? "&" : "", key);
	for (; *value; value++)
		if (isalnum((unsigned char)*value) || strchr("-._~", *value))
			buf_addc(out, *value);
		else
			buf_addf(out, "%%%02X", (unsigned char)*value);
}

static bool step_http_read_token(struct step_http_job *j, const struct buf *body, struct err *err)
{
	const char *token = NULL;
	struct err unread;
	struct node *n;

	if (json_read(j->arena, buf_str(body), body->len, &n, &unread))
		token = node_get_text(n, "access_token");
	if (!token || !*token || strlen(token) > TOKEN_MAX)
		return err_usage(err, "auth.authUrl answers without an access_token");
	masks_add(j->arena, &j->masks, token);
	node_put(j->arena, j->headers, "Authorization",
	         node_text(j->arena, arena_printf(j->arena, "Bearer %s", token)));
	return true;
}

static bool step_http_fetch_token(struct step_http_job *j, const struct node *oauth, struct err *err)
{
	CLEANUP(http_reply_done) struct http_reply answer = { 0 };
	CLEANUP(buf_done) struct buf form = BUF_TEXT;
	struct node *headers = node_map(j->arena);

	step_http_add_form_field(&form, "grant_type", "client_credentials");
	step_http_add_form_field(&form, "client_id", node_get_text(oauth, "id"));
	step_http_add_form_field(&form, "client_secret", node_get_text(oauth, "secret"));
	node_put(j->arena, headers, "Content-Type", node_text(j->arena, "application/x-www-form-urlencoded"));
	node_put(j->arena, headers, "Accept", node_text(j->arena, "application/json"));
	struct http_exchange request = {
		.called = "auth.authUrl", .server = "the server of auth.authUrl", .url = node_get_text(oauth, "url"),
		.method = "POST", .headers = headers, .body = buf_str(&form),
		.connect_ms = j->connect_ms, .timeout_ms = j->timeout_ms, .response_max = TOKEN_ANSWER_MAX,
	};
	if (!http_exchange(&request, &answer, err))
		return false;
	if (answer.status >= 200 && answer.status < 300)
		return step_http_read_token(j, &answer.body, err);
	err_set(err, "auth.authUrl gives no token: it answers %d", answer.status);
	if (http_status_is_final(answer.status))
		err->kind = ERR_USAGE;
	return false;
}

/* ---- the request ---- */

/* Prints the beginning of a response that is not a success: it mostly says why. */
static void step_http_print_body(const struct step_http_job *j, const struct buf *body)
{
	CLEANUP(buf_done) struct buf shown = BUF_TEXT;
	bool all = masks_cover(masks_list(&j->masks), buf_str(body), body->len, STEP_HTTP_SHOWN_MAX, &shown);

	for (size_t i = 0; i < shown.len; i++)
		if (iscntrl((unsigned char)shown.text[i]) && shown.text[i] != '\n' && shown.text[i] != '\t')
			shown.text[i] = '?';
	while (shown.len > 0 && shown.text[shown.len - 1] == '\n')
		shown.text[--shown.len] = '\0';
	if (shown.len > 0)
		fprintf(j->out, "%s\n", shown.text);
	if (!all)
		fprintf(j->out, "(the whole response is in response.txt)\n");
}

static bool step_http_take_response(const struct step_http_job *j, const struct http_reply *answer, int64_t took,
                                    struct err *err)
{
	int status = answer->status;

	step_http_print(j, "answered %d in %s, %zu bytes%s", status, duration_text(j->arena, took), answer->body.len,
	                status >= 300 && status < 400 ? " (redirects are not followed)" : "");
	if (status < 200 || status > 299)
		step_http_print_body(j, &answer->body);
	if (answer->body.full)
		return err_usage(err, "the answer is larger than %d MiB", STEP_HTTP_ANSWER_MAX >> 20);
	if (!file_replace(j->arena, "response.txt", buf_str(&answer->body), answer->body.len, 0644, err))
		return err_wrap(err, "response.txt");
	*j->reply = (struct attempt_reply){ .found = true, .status = status };
	return true;
}

static bool step_http_send_request(struct step_http_job *j, struct err *err)
{
	CLEANUP(http_reply_done) struct http_reply answer = { 0 };
	struct url checked;
	struct http_exchange request = {
		.called = "url", .url = node_get_text(j->document, "url"),
		.method = node_get_text(j->document, "method"), .headers = j->headers,
		.body = node_get_text(j->document, "payload"),
		.connect_ms = j->connect_ms, .timeout_ms = j->timeout_ms, .response_max = STEP_HTTP_ANSWER_MAX,
	};

	if (!url_require(j->arena, "url", request.url, "http", "https", &checked, err))
		return false;
	const struct node *oauth = node_get(j->document, "oauth");
	if (oauth && !step_http_fetch_token(j, oauth, err))
		return false;
	step_http_print(j, "%s %s", request.method, mask_urls(j->arena, request.url, 1));
	int64_t begun = clock_boottime();
	return http_exchange(&request, &answer, err) &&
	       step_http_take_response(j, &answer, clock_boottime() - begun, err);
}

static bool step_http_is_text_map(const struct node *n)
{
	for (size_t i = 0; n && i < n->count; i++)
		if (n->entries[i].value->kind != NODE_TEXT)
			return false;
	return n != NULL;
}

static bool step_http_read_job(struct step_http_job *j, const char *document, size_t len)
{
	struct err err;
	struct node *n;

	if (!json_read(j->arena, document, len, &n, &err))
		return false;
	const struct node *masks = node_get(n, "masks"), *oauth = node_get(n, "oauth");
	j->document = n;
	j->headers = node_get(n, "headers");
	j->connect_ms = (long)node_get_int(n, "connect_ms", STEP_HTTP_CONNECT_MS);
	j->timeout_ms = (long)node_get_int(n, "timeout_ms", STEP_HTTP_TIMEOUT_MS);
	for (size_t i = 0; masks && i < masks->count; i++)
		masks_add(j->arena, &j->masks, masks->entries[i].value->text);
	return node_get_text(n, "url") && node_get_text(n, "method") && step_http_is_text_map(j->headers) &&
	       (!oauth || (node_get_text(oauth, "url") && node_get_text(oauth, "id") &&
	                   node_get_text(oauth, "secret")));
}

bool step_http_run(struct arena *a, const char *document, size_t len, FILE *out, struct attempt_reply *reply)
{
	struct step_http_job j = { .arena = a, .out = out, .reply = reply };
	struct err err = { 0 };

	if (!step_http_read_job(&j, document, len))
		return false;
	const struct node *unknown = node_get(j.document, "unknown");
	for (size_t i = 0; unknown && i < unknown->count; i++)
		step_http_print(&j, "{{%s}} has no value and stays in the text", unknown->entries[i].value->text);
	if (!step_http_send_request(&j, &err))
		step_http_fail(&j, &err);
	return true;
}
