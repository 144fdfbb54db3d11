#include "tests/test.h"
#include "tests/tree.h"

#include <stdio.h>
#include <string.h>

#include "reconcile/tree/json.h"
#include "reconcile/schema/digest.h"
#include "reconcile/tree/yaml.h"

struct node *tree_json(struct arena *a, const char *text)
{
	struct node *n = NULL;
	struct err err;

	if (!json_read_answer(a, text, strlen(text), &n, &err))
		fail_msg("%s: %s", err.msg, text);
	return n;
}

struct node *tree_yaml(struct arena *a, const char *text)
{
	struct diagnostics faults = { .arena = a };
	struct yaml_docs docs;

	if (!yaml_read(a, "s.yaml", text, strlen(text), &docs, &faults) || docs.count != 1)
		fail_msg("no single YAML document: %s%s", tree_faults(a, &faults), text);
	return docs.root[0];
}

const char *tree_text(struct arena *a, const struct node *n)
{
	CLEANUP(buf_done) struct buf out = BUF_TEXT;

	json_write(n ? n : node_null(a), JSON_COMPACT, &out);
	return arena_strdup(a, buf_str(&out));
}

const char *tree_faults(struct arena *a, struct diagnostics *faults)
{
	CLEANUP(buf_done) struct buf out = BUF_TEXT;
	struct err line;

	diagnostics_sort(faults);
	for (size_t i = 0; i < faults->count; i++) {
		err_at(&line, faults->items[i].at, "%s", faults->items[i].message);
		buf_addf(&out, "%s%s\n", faults->items[i].warning ? "warning: " : "", line.msg);
	}
	return arena_strdup(a, buf_str(&out));
}

struct specs tree_specs(struct arena *a, const char *yaml)
{
	struct diagnostics faults = { .arena = a };
	static const unsigned char key[DIGEST_KEY_SIZE];
	struct specs specs = { .arena = a, .key = key };
	static const struct vars none = { 0 };

	if (!specs_read(&specs, &none, "s.yaml", yaml, strlen(yaml), &faults) ||
	    !specs_check(&specs, &faults))
		fail_msg("%s%s", tree_faults(a, &faults), yaml);
	return specs;
}

static void close_file(FILE **f)
{
	if (*f)
		fclose(*f);
}

const char *tree_file(struct arena *a, const char *path)
{
	CLEANUP(close_file) FILE *f = fopen(path, "r");
	CLEANUP(buf_done) struct buf text = BUF_TEXT;
	int c;

	if (!f)
		fail_msg("%s cannot be opened", path);
	while ((c = getc(f)) != EOF)
		buf_addc(&text, (char)c);
	return arena_strdup(a, buf_str(&text));
}
