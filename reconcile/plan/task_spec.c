#include "reconcile/plan/task_spec.h"

#include <stdio.h>
#include <string.h>

#include "reconcile/schema/digest.h"
#include "reconcile/schema/mask.h"
#include "reconcile/schema/normalise.h"

const struct node *task_spec_body(struct workflow_task *t)
{
	if (!t->forms.body) {
		struct node *body = spec_body(&t->forms.arena, t->spec);
		mask_mark(&t->forms.arena, body, t->cycle->options.mask);
		t->forms.body = body;
	}
	return t->forms.body;
}

const struct node *task_spec_normal(struct workflow_task *t)
{
	if (!t->forms.normal)
		t->forms.normal = normalise(&t->forms.arena, task_spec_body(t));
	return t->forms.normal;
}

static const struct node *canonical_form(struct workflow_task *t)
{
	if (!t->forms.canonical)
		t->forms.canonical = digest_canonical(&t->forms.arena, task_spec_body(t));
	return t->forms.canonical;
}

static const struct node *seal(struct workflow_task *t, const struct node *canonical)
{
	static const unsigned char no_key[DIGEST_KEY_SIZE];
	const unsigned char *key = t->cycle->memory.key;

	return digest_seal_canonical(&t->forms.arena, key ? key : no_key, canonical);
}

const struct node *task_spec_sealed(struct workflow_task *t)
{
	if (!t->forms.sealed)
		t->forms.sealed = seal(t, canonical_form(t));
	return t->forms.sealed;
}

/* The canonical form in the other reading; NULL: there is none. */
static const struct node *other_form(struct workflow_task *t)
{
	const struct node *other = t->forms.other_known ? NULL : normalise_other_reading(&t->forms.arena, task_spec_body(t));

	if (other)
		t->forms.other = digest_canonical(&t->forms.arena, other);
	t->forms.other_known = true;
	return t->forms.other;
}

const struct node *task_spec_sealed_other(struct workflow_task *t)
{
	if (!t->forms.sealed_other && other_form(t))
		t->forms.sealed_other = seal(t, other_form(t));
	return t->forms.sealed_other;
}

const char *task_spec_name_digest(struct workflow_task *t)
{
	if (!*t->name_digest)
		snprintf(t->name_digest, sizeof t->name_digest, "%s", digest_name(&t->forms.arena, t->spec->name));
	return t->name_digest;
}

const char *task_spec_digest(struct workflow_task *t)
{
	if (!*t->digest)
		snprintf(t->digest, sizeof t->digest, "%s", digest_of_canonical(&t->forms.arena, canonical_form(t)));
	return t->digest;
}

const struct node *task_spec_sealed_reading(struct workflow_task *t, const char *digest)
{
	if (strcmp(task_spec_digest(t), digest) == 0)
		return task_spec_sealed(t);
	const struct node *other = other_form(t);
	return other && strcmp(digest_of_canonical(&t->forms.arena, other), digest) == 0 ? task_spec_sealed_other(t) : NULL;
}

void task_spec_free(struct workflow_task *t)
{
	arena_free(&t->forms.arena);
	memset(&t->forms, 0, sizeof t->forms);
}
