#include "reconcile/schema/fields.h"

#include <assert.h>
#include <string.h>

/* Kinds of steps and of authentications, as bits in the order of their words. */
enum { STANDARD = 1, HTTP = 2, EXPORT = 4, SQL = 8 };
enum { OAUTH = 2, BASIC = 4, API_KEY = 8, BEARER = 16 };

#define WORDS(...)	((const char *const[]){ __VA_ARGS__, NULL })
#define END		{ NULL }

static const char *const step_types[] = { "standard", "http", "export", "sql", NULL };
static const char *const auth_types[] = { "no-auth", "oauth", "basic", "api-key", "bearer-token", NULL };

static const struct field a_text[] = { { "[]", FIELD_TEXT }, END };
static const struct field an_int[] = { { "[]", FIELD_INT }, END };
static const struct field any_text[] = { { "*", FIELD_TEXT }, END };
static const struct field any_scalar[] = { { "*", FIELD_TEXT, FIELD_TEXT_OF }, END };
static const struct field any_secret[] = { { "*", FIELD_TEXT, FIELD_SECRET }, END };
static const struct field a_step[] = { { "[]", FIELD_TEXT, FIELD_STEP }, END };

static const struct field metadata[] = {
	{ "allowConcurrentExecution", FIELD_BOOL,
	  .about = "whether an execution may start while another one runs" },
	END
};

static const struct field tag[] = {
	{ "name", FIELD_TEXT, FIELD_NAME, .need = ALL_KINDS },
	END
};
static const struct field a_tag[] = {
	{ "[]", FIELD_OBJECT, .fields = tag, .identity = WORDS("/name"), .example = "{name: red}" },
	END
};

static const struct field trigger[] = {
	{ "cron", FIELD_TEXT, FIELD_CRON, .one_of = ALL_KINDS,
	  .about = "when to run: five cron fields, or six or seven with seconds first and a year last" },
	{ "webhook", FIELD_BOOL, FIELD_WEBHOOK_ID | FIELD_TRUE, .one_of = ALL_KINDS,
	  .about = "true: run when the workflow's webhook address is called" },
	{ "webhookPolicy", FIELD_TEXT, FIELD_WRITE_ONLY, .words = WORDS("preserve"),
	  .about = "keep the webhook address on an update; flowsync always asks for that" },
	{ "scheduled", FIELD_TEXT, FIELD_FILLED },
	END
};
static const struct field a_trigger[] = {
	{ "[]", FIELD_OBJECT, FIELD_MAY_BE_EMPTY, .fields = trigger, .identity = WORDS("/webhook"),
	  .example = "{cron: \"0 5 * * *\"}" },
	END
};

static const struct field events[] = {
	{ "success", FIELD_BOOL, .otherwise = "false", .about = "notify about an execution that succeeded" },
	{ "fail", FIELD_BOOL, .otherwise = "false", .about = "notify about an execution that failed" },
	{ "runtimeExceeded", FIELD_NUMBER, .least = 0, .most = INT32_MAX,
	  .about = "notify about an execution that takes longer, in minutes" },
	END
};
static const struct field watcher_webhook[] = {
	{ "name", FIELD_TEXT, .need = ALL_KINDS },
	{ "url", FIELD_TEXT, FIELD_SECRET, .need = ALL_KINDS },
	{ "payload", FIELD_TEXT, FIELD_SECRET | FIELD_JSON_TEXT, .need = ALL_KINDS,
	  .about = "JSON as text" },
	END
};
static const struct field recipients[] = {
	{ "to", FIELD_LIST, FIELD_SET, .fields = a_text, .need = ALL_KINDS,
	  .about = "addresses; users of the tenant only" },
	END
};
static const struct field watcher_email[] = {
	{ "name", FIELD_TEXT, .need = ALL_KINDS },
	{ "recipients", FIELD_OBJECT, .fields = recipients, .need = ALL_KINDS },
	END
};
static const struct field watcher[] = {
	{ "user", FIELD_TEXT, .one_of = ALL_KINDS, .about = "a user of the tenant" },
	{ "webhook", FIELD_OBJECT, .fields = watcher_webhook, .one_of = ALL_KINDS },
	{ "email", FIELD_OBJECT, .fields = watcher_email, .one_of = ALL_KINDS },
	{ "events", FIELD_OBJECT, .fields = events, .need = ALL_KINDS, .about = "what to notify about" },
	{ "id", FIELD_TEXT, FIELD_FILLED },
	END
};
static const struct field a_watcher[] = {
	{ "[]", FIELD_OBJECT, .fields = watcher,
	  .identity = WORDS("/user", "/webhook/name", "/email/name"),
	  .example = "{user: NAME, events: {fail: true}}" },
	END
};

static const struct field retry_options[] = {
	{ "duration", FIELD_INT, .least = 0, .most = 120, .otherwise = "5",
	  .about = "seconds to wait before a retry" },
	{ "exitCodes", FIELD_LIST, FIELD_SET, .fields = an_int,
	  .about = "retry after these only; empty: after any failure" },
	{ "exponentialBackoff", FIELD_BOOL, .otherwise = "false", .about = "double the wait each time" },
	{ "numberOfRetries", FIELD_INT, .least = 0, .most = 5, .otherwise = "3" },
	END
};

static const struct field skip_configuration[] = {
	{ "skip", FIELD_BOOL, .otherwise = "false", .about = "skip this step" },
	{ "skipDAG", FIELD_BOOL, .otherwise = "false",
	  .about = "skip this step and all that depend on it" },
	END
};
static const struct field run_configuration[] = {
	{ "retryOptions", FIELD_OBJECT, FIELD_PRESENCE, .fields = retry_options,
	  .about = "replaces the workflow's retryOptions" },
	{ "skipConfiguration", FIELD_OBJECT, .fields = skip_configuration },
	END
};

static const struct field conditional[] = {
	{ "condition", FIELD_TEXT, .words = WORDS("equals", "not-equals"), .need = ALL_KINDS },
	{ "paramName", FIELD_TEXT, .need = ALL_KINDS, .about = "an output parameter of that step" },
	{ "stepName", FIELD_TEXT, FIELD_STEP, .need = ALL_KINDS },
	{ "value", FIELD_TEXT, FIELD_TEXT_OF, .need = ALL_KINDS },
	END
};
static const struct field a_conditional[] = { { "[]", FIELD_OBJECT, .fields = conditional }, END };

static const struct field a_status[] = {
	{ "[]", FIELD_TEXT, .words = WORDS("success", "failure") },
	END
};
static const struct field parent_status[] = {
	{ "condition", FIELD_TEXT, .words = WORDS("all-of", "one-of"), .need = ALL_KINDS },
	{ "parents", FIELD_LIST, FIELD_SET, .fields = a_step, .need = ALL_KINDS },
	{ "status", FIELD_LIST, FIELD_SET, .fields = a_status, .need = ALL_KINDS },
	END
};
static const struct field a_parent_status[] = {
	{ "[]", FIELD_OBJECT, .fields = parent_status },
	END
};
static const struct field execution_parameters[] = {
	{ "conditional", FIELD_LIST, .fields = a_conditional,
	  .about = "run only if output parameters of other steps have these values" },
	{ "parentStatus", FIELD_LIST, .fields = a_parent_status,
	  .about = "run only if other steps ended with this status" },
	END
};

static const struct field parameters[] = {
	{ "env", FIELD_MAP, FIELD_ENV_LIST | FIELD_MASK_BY_KEY, .fields = any_scalar,
	  .about = "the step's environment", .example = "{NAME: value}" },
	{ "inherit", FIELD_MAP, .fields = any_text,
	  .about = "from a variable to the output parameter of another step" },
	{ "secrets", FIELD_LIST, FIELD_SET, .fields = a_text, .only = STANDARD | HTTP,
	  .about = "names of stored secrets" },
	END
};
static const struct field response_txt[] = {
	{ "*", FIELD_TEXT, .words = WORDS("response.txt") },
	END
};

static const struct field repository[] = {
	{ "url", FIELD_TEXT, FIELD_URL, .need = ALL_KINDS },
	{ "branch", FIELD_TEXT, .need = ALL_KINDS },
	{ "filePath", FIELD_TEXT, .only = SQL, .need = SQL },
	{ "token", FIELD_TEXT, FIELD_SECRET | FIELD_HIDDEN, .about = "the name of a stored credential" },
	END
};
static const struct field resources[] = {
	{ "instanceTypeId", FIELD_INT, .about = "an id of `flowsync workflow resources`" },
	{ "storage", FIELD_TEXT, FIELD_SIZE, .about = "such as 10GB" },
	END
};

static const struct field headers[] = {
	{ "absolute", FIELD_MAP, .fields = any_secret, .about = "from a header to its value" },
	{ "secrets", FIELD_MAP, .fields = any_text, .about = "from a header to the name of a stored secret" },
	END
};
static const struct field auth[] = {
	{ "type", FIELD_TEXT, .words = auth_types, .need = ALL_KINDS },
	{ "clientId", FIELD_TEXT, FIELD_SECRET | FIELD_MAY_BLANK, .only = OAUTH, .need = OAUTH },
	{ "clientSecret", FIELD_TEXT, FIELD_SECRET | FIELD_MAY_BLANK, .only = OAUTH, .need = OAUTH },
	{ "authUrl", FIELD_TEXT, FIELD_SECRET, .only = OAUTH, .need = OAUTH },
	{ "username", FIELD_TEXT, FIELD_SECRET, .only = BASIC, .need = BASIC },
	{ "password", FIELD_TEXT, FIELD_SECRET | FIELD_MAY_BLANK, .only = BASIC, .need = BASIC,
	  .about = "the name of a stored secret" },
	{ "apiKey", FIELD_TEXT, FIELD_SECRET | FIELD_MAY_BLANK, .only = API_KEY, .need = API_KEY,
	  .about = "the name of a stored secret" },
	{ "bearerToken", FIELD_TEXT, FIELD_SECRET | FIELD_MAY_BLANK, .only = BEARER, .need = BEARER,
	  .about = "the name of a stored secret" },
	END
};

static const struct field step[] = {
	{ "type", FIELD_TEXT, .words = step_types, .otherwise = "standard" },
	{ "imageId", FIELD_INT, .only = STANDARD, .need = STANDARD },
	{ "imageVersionId", FIELD_INT, .only = STANDARD },
	{ "workflowId", FIELD_INT, FIELD_FILLED | FIELD_STRAY },
	{ "imageName", FIELD_TEXT, FIELD_FILLED },
	{ "imageVersion", FIELD_TEXT, FIELD_FILLED },
	{ "command", FIELD_TEXT, .only = STANDARD, .need = STANDARD },
	{ "repository", FIELD_OBJECT, .fields = repository, .only = STANDARD | SQL, .one_of = SQL },
	{ "sqlQueryPath", FIELD_TEXT, .only = SQL, .one_of = SQL },
	{ "resources", FIELD_OBJECT, FIELD_RESOURCES, .fields = resources, .only = STANDARD,
	  .about = "default: the service's default resource" },
	{ "stepTimeout", FIELD_INT, .least = 0, .most = INT32_MAX, .only = STANDARD, .otherwise = "0",
	  .about = "seconds; 0: no limit", .example = "600 (seconds)" },
	{ "clearImageCache", FIELD_BOOL, .only = STANDARD, .otherwise = "false",
	  .about = "pull the image again for each execution" },
	{ "method", FIELD_TEXT, FIELD_ADVISED, .words = WORDS("get", "post", "put", "patch", "delete"), .only = HTTP,
	  .about = "left out, the local service uses get, or post if there is a payload" },
	{ "url", FIELD_TEXT, FIELD_URL | FIELD_PLACEHOLDERS, .only = HTTP, .need = HTTP },
	{ "payload", FIELD_TEXT, FIELD_NOT_GET | FIELD_PLACEHOLDERS, .only = HTTP, .about = "JSON as text" },
	{ "headers", FIELD_OBJECT, FIELD_PLACEHOLDERS, .fields = headers, .only = HTTP },
	{ "auth", FIELD_OBJECT, .fields = auth, .variant = "type", .only = HTTP },
	{ "schema", FIELD_TEXT, .only = EXPORT, .need = EXPORT },
	{ "table", FIELD_TEXT, .only = EXPORT, .need = EXPORT },
	{ "sortBy", FIELD_TEXT, .only = EXPORT, .need = EXPORT },
	{ "sortOrder", FIELD_TEXT, .words = WORDS("asc", "desc"), .only = EXPORT, .otherwise = "asc" },
	{ "compression", FIELD_BOOL, .only = EXPORT, .otherwise = "false" },
	{ "parents", FIELD_LIST, FIELD_SET, .fields = a_step, .about = "steps that have to end before this one starts",
	  .example = "[STEP]" },
	{ "parameters", FIELD_OBJECT, .fields = parameters, .only = STANDARD | HTTP | SQL },
	{ "outputParameters", FIELD_MAP, .fields = any_text, .only = STANDARD,
	  .about = "from a parameter to the file that holds its value" },
	{ "outputParameters", FIELD_MAP, .fields = response_txt, .only = HTTP,
	  .about = "from a parameter to response.txt" },
	{ "executionParameters", FIELD_OBJECT, .fields = execution_parameters },
	{ "runConfiguration", FIELD_OBJECT, .fields = run_configuration },
	END
};
static const struct field any_step[] = {
	{ "*", FIELD_OBJECT, .fields = step, .variant = "type" },
	END
};

static const struct field workflow[] = {
	{ "name", FIELD_TEXT, FIELD_NAME, .need = ALL_KINDS,
	  .about = "identifies the workflow on the service" },
	{ "metadata", FIELD_OBJECT, FIELD_MAY_HIDE, .fields = metadata },
	{ "tags", FIELD_LIST, FIELD_SET | FIELD_OWN_TAGS, .fields = a_tag, .example = "[{name: red}]" },
	{ "triggers", FIELD_LIST, FIELD_SET, .fields = a_trigger, .about = "empty: executed by hand only",
	  .example = "[{cron: \"0 5 * * *\"}]" },
	{ "watchers", FIELD_LIST, FIELD_SET, .fields = a_watcher, .about = "who is notified about executions" },
	{ "retryOptions", FIELD_OBJECT, FIELD_MAY_HIDE | FIELD_PRESENCE, .fields = retry_options,
	  .about = "for all steps that have none of their own" },
	{ "steps", FIELD_MAP, FIELD_CLOSED, .fields = any_step, .need = ALL_KINDS,
	  .about = "from the name of a step to the step" },
	{ "id", FIELD_INT, FIELD_FILLED },
	{ "createdAt", FIELD_TEXT, FIELD_FILLED },
	{ "updatedAt", FIELD_TEXT, FIELD_FILLED },
	{ "status", FIELD_TEXT, FIELD_FILLED },
	{ "lastExecution", FIELD_OBJECT, FIELD_FILLED },
	END
};

const struct field workflow_field = { "", FIELD_OBJECT, .fields = workflow };

static const struct field a_pointer[] = { { "[]", FIELD_TEXT, FIELD_POINTER }, END };
static const struct field block[] = {
	{ "prune", FIELD_BOOL, .about = "false: never delete this workflow" },
	{ "suspend", FIELD_BOOL, .about = "true: leave this workflow as it is for now" },
	{ "ignore", FIELD_LIST, .fields = a_pointer,
	  .about = "JSON Pointers that are not compared; * matches one level" },
	{ "renamed_from", FIELD_TEXT, FIELD_NAME,
	  .about = "the workflow's old name: it keeps its id and history" },
	END
};

const struct field block_field = { "flowsync", FIELD_OBJECT, .fields = block,
                                   .about = "flowsync's own settings for this workflow" };

static const struct field a_step_to_run[] = {
	{ "stepName", FIELD_TEXT, .need = ALL_KINDS },
	{ "runDAG", FIELD_BOOL, .otherwise = "false", .about = "true: run also what depends on it" },
	END
};
static const struct field steps_to_run[] = {
	{ "[]", FIELD_OBJECT, .fields = a_step_to_run, .example = "{stepName: train, runDAG: true}" },
	END
};
static const struct field step_params[] = { { "*", FIELD_MAP, .fields = any_scalar }, END };
static const struct field params[] = {
	{ "global", FIELD_MAP, .fields = any_scalar, .example = "{NAME: value}" },
	{ "stepWise", FIELD_MAP, .fields = step_params, .example = "{STEP: {NAME: value}}" },
	END
};
static const struct field execute[] = {
	{ "params", FIELD_OBJECT, .fields = params, .example = "{global: {NAME: value}}" },
	{ "stepsToRun", FIELD_LIST, .fields = steps_to_run, .example = "[{stepName: train}]" },
	END
};

const struct field execute_field = { "body", FIELD_OBJECT, .fields = execute };

const struct field *field_child(const struct field *outer, const char *key, unsigned kind)
{
	const struct field *other = NULL;

	if (!outer || !outer->fields)
		return NULL;
	if (outer->type != FIELD_OBJECT)
		return outer->fields;
	if (!key)	/* a list where the table has a map */
		return NULL;
	for (const struct field *f = outer->fields; f->name; f++) {
		if (*f->name != *key || strcmp(f->name, key) != 0)
			continue;
		if (!f->only || (f->only & kind))
			return f;
		if (!other)
			other = f;
	}
	return other;
}

/* The kinds of an object that has a variant: the words of the field with that name. */
static const char *const *field_variant_words(const struct field *object)
{
	const struct field *variant = field_child(object, object->variant, ALL_KINDS);

	assert(variant);
	return variant->words;
}

unsigned field_kind(const struct field *field, const struct node *n, unsigned outer)
{
	if (!field || !field->variant)
		return outer;
	const char *word = node_get_text(n, field->variant);
	const char *const *words = field_variant_words(field);
	if (!word)
		return 1;
	for (unsigned i = 0; words[i]; i++)
		if (strcmp(words[i], word) == 0)
			return 1U << i;
	return 0;
}

static bool is_false_choice(const struct field *f, const struct node *value)
{
	return (f->flags & FIELD_TRUE) && value->kind == NODE_BOOL && !value->boolean;
}

bool field_is_given(const struct field *object, const struct field *f, const struct node *n)
{
	const struct node *value = node_get(n, f->name);
	bool given = value && value->kind != NODE_NULL;

	if (!given || !is_false_choice(f, value))
		return given;
	for (const struct field *other = object->fields; other->name; other++)
		if (other != f && other->one_of && field_is_given(object, other, n))
			return false;
	return true;
}

bool field_own_tag(const char *name)
{
	return strncmp(name, "flowsync-", strlen("flowsync-")) == 0;
}

const char *field_kind_words(struct arena *a, const struct field *field, unsigned bits)
{
	const char *const *words = field_variant_words(field);
	const char *text = "";

	for (unsigned i = 0; words[i]; i++)
		if (bits & (1U << i))
			text = arena_printf(a, "%s%s%s", text, *text ? ", " : "", words[i]);
	return text;
}
