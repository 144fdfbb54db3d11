#include "agent/service/steps/notification.h"

#include <string.h>

#include "agent/util/secret_file.h"
#include "agent/net/mail_message.h"
#include "agent/util/clock.h"
#include "agent/net/http_exchange.h"
#include "agent/net/mail_client.h"
#include "agent/net/url.h"
#include "reconcile/schema/digest.h"
#include "reconcile/tree/json.h"

enum { ANSWER_MAX = 64 << 10 };	/* bytes of a webhook's response, of which only the status counts */

/* ---- the service's side ---- */

static bool notification_write_document(struct arena *a, const struct node *document, struct attempt_command *out,
                                        struct err *err)
{
	CLEANUP(buf_done) struct buf text = BUF(NOTIFICATION_DOCUMENT_MAX);

	json_write(document, JSON_COMPACT, &text);
	if (text.full)
		return err_set(err, "the notification is larger than %d MiB",
		               NOTIFICATION_DOCUMENT_MAX >> 20);
	*out = attempt_hidden_command(a, "send-notification", &text);
	return true;
}

static void notification_put_text(struct arena *a, struct node *map, const char *key, const char *text)
{
	if (text)
		node_put(a, map, key, node_text(a, text));
}

static bool notification_webhook_command(struct arena *a, const struct node *webhook, struct attempt_command *out,
                                         struct masks *masks, struct err *err)
{
	const char *url = node_get_text(webhook, "url"), *payload = node_get_text(webhook, "payload");
	struct url checked;
	struct node *document = node_map(a), *inner = node_put(a, document, "webhook", node_map(a));

	if (!url)
		return err_set(err, "webhook.url is missing");
	masks_add(a, masks, url);
	if (!url_require(a, "webhook.url", url, "http", "https", &checked, err))
		return false;
	notification_put_text(a, inner, "url", url);
	notification_put_text(a, inner, "payload", payload ? payload : "");
	return notification_write_document(a, document, out, err);
}

/* ---- mail ---- */

/* The event as the end of a sentence about the workflow. */
static const char *notification_event_words(const struct notification *n)
{
	if (strcmp(n->event, "success") == 0)
		return "succeeded";
	return strcmp(n->event, "fail") == 0 ? "failed" : "runs longer than expected";
}

static const char *notification_mail_text(struct arena *a, const struct notification *n)
{
	CLEANUP(buf_done) struct buf text = BUF_TEXT;

	buf_addf(&text, "The workflow %s %s.\n\n", n->workflow, notification_event_words(n));
	buf_addf(&text, "Workflow:  %s (id %lld)\n", n->workflow, (long long)n->workflow_id);
	buf_addf(&text, "Execution: %s\nStatus:    %s\n", n->execution, n->status);
	if (n->began)
		buf_addf(&text, "Began:     %s\n", n->began);
	if (n->finished)
		buf_addf(&text, "Finished:  %s\n", n->finished);
	if (n->detail && *n->detail)
		buf_addf(&text, "\n%s\n", n->detail);
	return arena_strdup(a, buf_str(&text));
}

static bool notification_check_recipients(const struct node *to, struct err *err)
{
	if (!to || to->count == 0)
		return err_set(err, "the watcher has no recipients");
	if (to->count > NOTIFICATION_RECIPIENTS_MAX)
		return err_set(err, "the watcher has %zu recipients, expected at most %d", to->count,
		               NOTIFICATION_RECIPIENTS_MAX);
	for (size_t i = 0; i < to->count; i++) {
		const struct node *n = to->entries[i].value;
		if (n->kind != NODE_TEXT || !mail_address(n->text))
			return err_set(err, "recipient %zu of the watcher is not a mail address",
			               i + 1);
	}
	return true;
}

static bool notification_read_password(struct arena *a, const char *path, const char **out, struct err *err)
{
	return secret_file_read_some(a, path, SECRET_LINE, out, err) ||
	       err_wrap(err, "the file of the mail server's password, %s", path);
}

static bool notification_put_mail_server(struct arena *a, struct node *mail, const struct mail_server *s,
                                         struct masks *masks, struct err *err)
{
	const char *password = NULL;

	if (!s->url)
		return err_set(err, "no mail server is configured: set serve.smtp.url");
	if (!s->from || !mail_address(s->from))
		return err_set(err, "%s: set serve.smtp.from", s->from ? "the sender's address is not a mail address"
		                                                : "no sender's address is configured");
	if (!s->username != !s->password_file)
		return err_set(err, "the mail server has %s", s->username
		               ? "a user but no password: set serve.smtp.password_file"
		               : "a password but no user: set serve.smtp.username");
	if (s->password_file && !notification_read_password(a, s->password_file, &password, err))
		return false;
	masks_add(a, masks, password);
	notification_put_text(a, mail, "url", s->url);
	notification_put_text(a, mail, "from", s->from);
	notification_put_text(a, mail, "username", s->username);
	notification_put_text(a, mail, "password", password);
	notification_put_text(a, mail, "ca_file", s->ca_file);
	return true;
}

static bool notification_mail_command(struct arena *a, const struct node *to, const struct notification *news,
                                      const struct mail_server *server, struct attempt_command *out,
                                      struct masks *masks, struct err *err)
{
	struct node *document = node_map(a), *mail = node_put(a, document, "mail", node_map(a));
	CLEANUP(buf_done) struct buf names = BUF_TEXT;

	if (!notification_put_mail_server(a, mail, server, masks, err) || !notification_check_recipients(to, err))
		return false;
	node_put(a, mail, "to", node_copy(a, to));
	notification_put_text(a, mail, "subject",
	                      arena_printf(a, "flowsync: %s %s", news->workflow, notification_event_words(news)));
	notification_put_text(a, mail, "text", notification_mail_text(a, news));
	/* The same at each attempt, so that a mail that is sent twice can be recognised. */
	json_write(to, JSON_COMPACT, &names);
	notification_put_text(a, mail, "id", arena_printf(a, "%s.%s.%s", news->execution, news->event,
	                                                  digest_text(a, buf_str(&names))));
	return notification_write_document(a, document, out, err);
}

bool notification_command(struct arena *a, const struct node *watcher, const struct notification *news,
                          const struct mail_server *server, struct attempt_command *out,
                          struct masks *masks, struct err *err)
{
	const struct node *email = node_get(watcher, "email");
	const char *user = node_get_text(watcher, "user");

	if (node_get(watcher, "webhook"))
		return notification_webhook_command(a, node_get(watcher, "webhook"), out, masks, err);
	if (email)
		return notification_mail_command(a, node_get(node_get(email, "recipients"), "to"), news, server, out,
		                                 masks, err);
	if (!user)
		return err_set(err, "a watcher needs one of: user, webhook, email");
	if (!mail_address(user))
		return err_set(err, "the watcher's user is not a mail address, and this service has no list of users");
	struct node *to = node_list(a);
	node_add(a, to, node_text(a, user));
	return notification_mail_command(a, to, news, server, out, masks, err);
}

/* ---- the command's side ---- */

/* One notification that is being sent. */
struct notification_job {
	struct arena *arena;
	const struct node *document;
	FILE *log;
	struct masks masks;
	struct attempt_reply *reply;
};

/* The service logs the reason, which no attempt log has masked: a mail server may repeat what it was sent. */
static void notification_fail(struct notification_job *j, const char *why, bool final)
{
	CLEANUP(buf_done) struct buf shown = BUF_TEXT;

	masks_cover(masks_list(&j->masks), why, strlen(why), SIZE_MAX, &shown);
	fprintf(j->log, "%s\n", buf_str(&shown));
	*j->reply = (struct attempt_reply){
		.found = true, .message = arena_strdup(j->arena, buf_str(&shown)), .final = final,
	};
}

static void notification_judge_status(struct notification_job *j, const char *origin, int status)
{
	if (status >= 200 && status < 300) {
		fprintf(j->log, "notified %s: answered %d\n", origin, status);
		*j->reply = (struct attempt_reply){ .found = true, .status = status };
		return;
	}
	notification_fail(j, arena_printf(j->arena, "%s answered %d%s", origin, status,
	                                  status >= 300 && status < 400 ? " (redirects are not followed)" : ""),
	                  http_status_is_final(status));
}

static long notification_time_limit(const struct notification_job *j)
{
	return (long)node_get_int(j->document, "timeout_ms", NOTIFICATION_TIMEOUT_MS);
}

static bool notification_send_webhook(struct notification_job *j)
{
	CLEANUP(http_reply_done) struct http_reply answer = { 0 };
	const struct node *webhook = node_get(j->document, "webhook");
	struct err err = { 0 };
	struct url checked;
	struct http_exchange request = {
		.called = "webhook.url", .url = node_get_text(webhook, "url"), .method = "POST",
		.body = node_get_text(webhook, "payload"), .connect_ms = NOTIFICATION_CONNECT_MS,
		.timeout_ms = notification_time_limit(j), .response_max = ANSWER_MAX,
	};

	if (!request.url || !request.body)
		return false;
	masks_add(j->arena, &j->masks, request.url);
	if (url_require(j->arena, request.called, request.url, "http", "https", &checked, &err) &&
	    http_exchange(&request, &answer, &err))
		notification_judge_status(j, checked.origin, answer.status);
	else
		notification_fail(j, err.msg, err.kind == ERR_USAGE);
	return true;
}

static bool notification_is_refused(const struct mail_result *mailed, const char *to)
{
	for (size_t i = 0; i < mailed->refused_count; i++)
		if (mailed->refused[i].to == to)
			return true;
	return false;
}

static void notification_print_recipients(FILE *log, const struct mail_order *m,
                                          const struct mail_result *mailed)
{
	for (size_t i = 0; i < m->to_count; i++)
		if (!notification_is_refused(mailed, m->to[i]))
			fprintf(log, "mailed %s\n", m->to[i]);
	for (size_t i = 0; i < mailed->refused_count; i++)
		fprintf(log, "%s was refused by the mail server: %s\n", mailed->refused[i].to,
		        mailed->refused[i].reply);
}

static bool notification_read_recipients(struct arena *a, const struct node *to, struct mail_order *m)
{
	struct err err;

	if (!notification_check_recipients(to, &err))
		return false;
	const char **list = arena_new(a, const char *, to->count);
	for (size_t i = 0; i < to->count; i++)
		list[i] = to->entries[i].value->text;
	m->to = list;
	m->to_count = to->count;
	return true;
}

static bool notification_send_mail(struct notification_job *j)
{
	const struct node *n = node_get(j->document, "mail");
	struct mail_result mailed;
	struct err err = { 0 };
	struct mail_order m = {
		.url = node_get_text(n, "url"), .from = node_get_text(n, "from"),
		.username = node_get_text(n, "username"), .password = node_get_text(n, "password"),
		.ca_file = node_get_text(n, "ca_file"), .timeout_ms = notification_time_limit(j),
	};
	struct mail mail = {
		.from = m.from, .subject = node_get_text(n, "subject"), .text = node_get_text(n, "text"),
		.id = node_get_text(n, "id"),
	};

	if (!m.url || !m.from || !mail_address(m.from) || !mail.subject || !mail.text || !mail.id ||
	    !notification_read_recipients(j->arena, node_get(n, "to"), &m))
		return false;
	masks_add(j->arena, &j->masks, m.password);
	mail.to = m.to;
	mail.to_count = m.to_count;
	m.message = mail_message(j->arena, &mail, clock_now());
	if (mail_send(j->arena, &m, &mailed, &err))
		notification_print_recipients(j->log, &m, &mailed);
	else
		notification_fail(j, err.msg, err.kind == ERR_USAGE);
	return true;
}

bool notification_send(struct arena *a, const char *document, size_t len, FILE *log, struct attempt_reply *reply)
{
	struct notification_job j = { .arena = a, .log = log, .reply = reply };
	struct err err;
	struct node *n;

	if (!json_read(a, document, len, &n, &err))
		return false;
	j.document = n;
	*reply = (struct attempt_reply){ 0 };
	return node_get(n, "webhook") ? notification_send_webhook(&j) : notification_send_mail(&j);
}
