/*
 * secret.c - a set of secrets: its tables, its users, and which of it a host may have
 */
#include "http/secret.h"

#include <stdlib.h>

#include "http/scan.h"

static bool
make_placeholders(struct secret_set *s)
{
	struct view pattern[SECRETS];

	for (uint32_t i = 0; i < s->n; i++)
		pattern[i] = s->secret[i].placeholder;
	s->placeholders = scan_table_new(pattern, s->n, true);
	return s->placeholders;
}

/* Pattern i is secret i's; those nobody looks for are empty. */
static bool
make_values(struct secret_set *s)
{
	struct view pattern[SECRETS] = {{NULL, 0}};
	bool any = false;

	for (uint32_t i = 0; i < s->n; i++) {
		const struct secret *one = &s->secret[i];

		if (one->redact_headers || one->redact_body)
			pattern[i] = one->value, any = true;
	}
	if (!any)
		return true;
	if (!s->room)
		return (s->values = scan_table_new(pattern, s->n, false)) != NULL;
	struct scan_table *t = s->room(s->ctx, scan_table_size(pattern, s->n));
	if (!t || !scan_table_make(t, pattern, s->n, false))
		return false;
	s->values = t;
	return true;
}

bool
secret_set_seal(struct secret_set *s)
{
	atomic_init(&s->users, 1);
	s->placeholders = s->values = NULL;
	if (make_placeholders(s) && make_values(s))
		return true;
	scan_table_free(s->placeholders);
	s->placeholders = NULL;
	return false;
}

struct secret_set *
secret_set_keep(struct secret_set *s)
{
	if (s)
		atomic_fetch_add_explicit(&s->users, 1, memory_order_relaxed);
	return s;
}

void
secret_set_drop(struct secret_set *s)
{
	/* What others did with the set happens before its end. */
	if (!s || atomic_fetch_sub_explicit(&s->users, 1, memory_order_acq_rel) != 1)
		return;
	scan_table_free(s->placeholders);
	if (!s->room)
		scan_table_free(s->values);
	s->placeholders = s->values = NULL;
	if (s->wipe)
		s->wipe(s->ctx, s);
}

static bool
is_for(const struct secret *one, const struct name *name)
{
	return one->any_host || (name && one->hosts && nameset_has(one->hosts, name));
}

void
secret_plan_for(struct secret_plan *p, struct secret_set *set, const struct name *name, bool sure, bool tls)
{
	*p = (struct secret_plan){.set = set};
	if (name && name->len == 0)
		name = NULL;
	for (uint32_t i = 0; set && i < set->n; i++) {
		const struct secret *one = &set->secret[i];

		if (sure && (tls || one->plain) && is_for(one, name))
			p->put |= UINT64_C(1) << i;
		if (one->action == SECRET_PASS ||
		    (name && one->pass_hosts && nameset_has(one->pass_hosts, name)))
			p->pass |= UINT64_C(1) << i;
	}
}
