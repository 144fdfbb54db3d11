/* The keys of a report (design, 7), for its JSON Schema; a test checks every report
 * against them. */
#include "reconcile/schema/schema.h"

#define WORDS(...)	((const char *const[]){ __VA_ARGS__, NULL })
#define TEXT(key)	{ key, FIELD_TEXT, .need = ALL_KINDS }
#define TEXT_OR_NULL(key)	{ key, FIELD_TEXT, FIELD_NULLABLE, .need = ALL_KINDS }
#define INT(key)	{ key, FIELD_INT, .need = ALL_KINDS }
#define INT_OR_NULL(key)	{ key, FIELD_INT, FIELD_NULLABLE, .need = ALL_KINDS }
#define NUMBER(key)	{ key, FIELD_NUMBER, .need = ALL_KINDS }
#define WORD(key, ...)	{ key, FIELD_TEXT, .words = WORDS(__VA_ARGS__), .need = ALL_KINDS }
#define VALUE(key)	{ key, FIELD_TEXT, FIELD_ANYTHING, .need = ALL_KINDS }
#define OBJECT(key, keys)	{ key, FIELD_OBJECT, .fields = keys, .need = ALL_KINDS }
#define LIST(key, item)	{ key, FIELD_LIST, .fields = item, .need = ALL_KINDS }
#define END		{ NULL }

static const struct field tool[] = { TEXT("name"), TEXT("version"), END };

static const struct field source[] = {
	TEXT_OR_NULL("kind"), TEXT_OR_NULL("location"), TEXT_OR_NULL("revision"), TEXT_OR_NULL("tree"),
	TEXT_OR_NULL("path"), INT("specs"), INT("files"), END
};

static const struct field service[] = { TEXT_OR_NULL("endpoint"), END };

static const struct field summary[] = {
	INT("declared"), INT("observed"), INT("owned"), INT("create"), INT("patch"), INT("replace"),
	INT("delete"), INT("none"), INT("settled"), INT("deferred"), INT("failed"), INT("blocked"),
	INT("conflict"), INT("suspended"),
	{ "unchanged", FIELD_INT, .about = "workflows that are as they are declared" },
	{ "stale", FIELD_INT, .about = "of sync --plan: steps that are not as the plan says" },
	{ "unplanned", FIELD_INT, .about = "of sync --plan: workflows that would be changed, but are not in the plan" }, END
};

static const struct field plan[] = { TEXT("file"), TEXT("digest"), TEXT("created"), END };

static const struct field guard[] = {
	TEXT("name"), VALUE("limit"), VALUE("value"), WORD("result", "pass", "block"), END
};
static const struct field a_guard[] = { { "[]", FIELD_OBJECT, .fields = guard }, END };

static const struct field change[] = {
	WORD("op", "add", "remove", "replace"), TEXT("path"),
	{ "item", FIELD_TEXT, .about = "what identifies the item of a list that the path leads through" },
	VALUE("from"), VALUE("to"),
	WORD("reason", "declared", "drift", "undeclared", "adopted"),
	TEXT_OR_NULL("file"), INT_OR_NULL("line"), INT_OR_NULL("column"), END
};
static const struct field a_change[] = { { "[]", FIELD_OBJECT, .fields = change }, END };

static const struct field kept[] = { TEXT("path"), VALUE("sent"), VALUE("kept"), END };
static const struct field a_kept[] = { { "[]", FIELD_OBJECT, .fields = kept }, END };

static const struct field workflow[] = {
	TEXT("name"), INT_OR_NULL("id"),
	WORD("action", "create", "patch", "replace", "delete", "none"),
	{ "operation", FIELD_TEXT, FIELD_NULLABLE, .need = ALL_KINDS },
	WORD("result", "planned", "applied", "unchanged", "failed", "refused", "deferred", "blocked",
	     "conflict", "suspended", "unplanned"),
	TEXT_OR_NULL("reason"), TEXT_OR_NULL("file"), INT_OR_NULL("line"), INT_OR_NULL("column"),
	{ "note", FIELD_TEXT, .about = "what else is done, and why" },
	LIST("changes", a_change), LIST("settled", a_kept), LIST("refused", a_kept),
	INT("attempts"), INT_OR_NULL("http_status"), TEXT_OR_NULL("error"), NUMBER("duration_s"), END
};
static const struct field a_workflow[] = { { "[]", FIELD_OBJECT, .fields = workflow }, END };

static const struct field an_operation[] = { { "*", FIELD_INT }, END };
static const struct field requests[] = {
	INT("total"), { "by_operation", FIELD_MAP, .fields = an_operation, .need = ALL_KINDS },
	INT("retries"),
	{ "waited_s", FIELD_NUMBER, .about = "for the answers of all requests together" },
	{ "concurrency", FIELD_INT, .about = "requests at the same time, at most" }, END
};

static const struct field message[] = {
	TEXT("message"), TEXT_OR_NULL("file"), INT_OR_NULL("line"), INT_OR_NULL("column"), END
};
static const struct field a_message[] = { { "[]", FIELD_OBJECT, .fields = message }, END };

static const struct field report[] = {
	INT("report_version"), OBJECT("tool", tool), WORD("mode", "plan", "sync", "agent"),
	TEXT_OR_NULL("cycle_id"), TEXT_OR_NULL("sync"), TEXT_OR_NULL("trigger"),
	TEXT_OR_NULL("started"), TEXT_OR_NULL("finished"), NUMBER("duration_s"),
	OBJECT("source", source), OBJECT("service", service), TEXT_OR_NULL("owner"),
	{ "plan", FIELD_OBJECT, .fields = plan, .about = "the saved plan that was applied" },
	WORD("outcome", "converged", "changes-pending", "applied", "partial", "failed", "blocked",
	     "conflict", "invalid", "interrupted"),
	INT("exit_code"), OBJECT("summary", summary), LIST("guards", a_guard),
	LIST("workflows", a_workflow), OBJECT("requests", requests),
	LIST("warnings", a_message), LIST("errors", a_message), END
};

const struct field report_field = { "", FIELD_OBJECT, .fields = report };
