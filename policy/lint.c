/*
 * lint.c - rules that cannot matter
 *
 * A target of a rule is shadowed if an earlier rule of the same direction, with all its protocols and ports, has a
 * target that covers it: @any, the same group or list, a wider network, a suffix above.  Targets lie in a hash, each
 * under its own key, and what could cover a target is looked for under the keys of what is wider: a network has at most
 * 128 of those, a name as many as it has labels.  So 10,000 rules take milliseconds.  Many rules may have one key (a
 * thousand for @any, each for another port): only CHAIN_MAX of them are looked at, and a shadow behind those is missed,
 * which costs a warning and nothing else.
 *
 * Of rules about requests the methods and paths must be covered, too.
 *
 * Profiles' rules stand last and are nobody's mistake: none is warned of.
 */
#include <stdio.h>
#include <stdlib.h>

#include "policy/path.h"
#include "policy/rule.h"
#include "stack/ip_wire.h"

#define CHAIN_MAX 64u
#define NOTHING UINT32_MAX

struct entry {
	uint32_t rule, target, next;
};

struct lint {
	const struct rules *rules;
	struct diag_sink *d;
	struct entry *entry;
	uint32_t n, *head, mask;
	bool plen_seen[FAMILIES][129];
};

/* --- does a rule cover another, but for the target? -------------------------------------------------------- */

static bool
ports_cover(const struct rule_proto *a, const struct rule_proto *b)
{
	if (a->nport == 0)
		return true;
	for (unsigned i = 0; i < b->nport; i++) {
		bool in = false;

		for (unsigned k = 0; k < a->nport && !in; k++)
			in = a->port[k].first <= b->port[i].first && b->port[i].last <= a->port[k].last;
		if (!in)
			return false;
	}
	return b->nport > 0;
}

/* A rule for requests covers none for anything else, as it waits for them; the other way round it may. */
static bool
has_proto(const struct rule *a, uint8_t proto, const struct rule_proto *b)
{
	for (unsigned i = 0; i < a->nproto; i++)
		if (a->proto[i].proto == proto && ports_cover(&a->proto[i], b) &&
		    (a->proto[i].scheme == SCHEME_NONE || a->proto[i].scheme == b->scheme))
			return true;
	return false;
}

static bool
protos_cover(const struct rule *a, const struct rule *b)
{
	unsigned whole = 0;

	if (a->nproto == 0)
		return true;
	for (unsigned i = 0; i < a->nproto; i++)
		whole += a->proto[i].nport == 0;
	if (whole == 3) /* tcp udp icmp is every protocol there is */
		return true;
	for (unsigned i = 0; i < b->nproto; i++) {
		const struct rule_proto *p = &b->proto[i];

		if (!has_proto(a, p->proto, p))
			return false;
		/* That refuses HTTP/3, too. */
		if (p->scheme == SCHEME_HTTPS && b->action != RULE_ALLOW && !rule_is_about_requests(a) &&
		    !has_proto(a, IP_PROTO_UDP, p))
			return false;
	}
	return b->nproto > 0;
}

static bool
methods_cover(const struct rule *a, const struct rule *b)
{
	for (unsigned i = 0; a->nmethod && i < b->nmethod; i++) {
		bool in = false;

		for (unsigned k = 0; k < a->nmethod && !in; k++)
			in = strcmp(a->method[k], b->method[i]) == 0;
		if (!in)
			return false;
	}
	return a->nmethod == 0 || b->nmethod > 0;
}

static bool
rule_covers(const struct rule *a, const struct rule *b)
{
	return a->egress >= b->egress && a->ingress >= b->ingress && protos_cover(a, b) &&
	       methods_cover(a, b);
}

/* The paths of one target, and those of the same target of another rule. */
static bool
paths_cover(const struct rule_target *a, const struct rule_target *b)
{
	return !a->request || (b->request && path_covers(a->request, b->request));
}

/* --- targets by their keys --------------------------------------------------------------------------------- */

static uint32_t
mix(uint32_t h, const void *bytes, size_t n)
{
	const uint8_t *p = bytes;

	for (size_t i = 0; i < n; i++)
		h = (h ^ p[i]) * 16777619u; /* FNV-1a */
	return h;
}

static uint32_t
hash(const struct rule_target *t)
{
	uint32_t h = 2166136261u ^ (uint32_t)t->kind;

	switch (t->kind) {
	case TARGET_NET:
		return mix(mix(h, t->net.b, sizeof(t->net.b)), &t->plen, 1);
	case TARGET_NAME:
	case TARGET_SUFFIX:
		return mix(h, t->name.wire, t->name.len);
	case TARGET_GROUP:
		return mix(h, &t->group, sizeof(t->group));
	case TARGET_LIST:
		return mix(h, &t->names, sizeof(t->names));
	case TARGET_ANY:
	case TARGET_DNS:
		break;
	}
	return mix(h, "", 1);
}

static bool
same(const struct rule_target *a, const struct rule_target *b)
{
	if (a->kind != b->kind)
		return false;
	switch (a->kind) {
	case TARGET_NET:
		return a->plen == b->plen && addr_eq(&a->net, &b->net);
	case TARGET_NAME:
	case TARGET_SUFFIX:
		return name_eq(&a->name, &b->name);
	case TARGET_GROUP:
		return a->group == b->group;
	case TARGET_LIST:
		return a->names == b->names;
	case TARGET_ANY:
	case TARGET_DNS:
		break;
	}
	return true;
}

static void
enter(struct lint *l, uint32_t rule)
{
	const struct rule *r = &l->rules->rule[rule];

	for (uint32_t i = 0; i < r->ntarget; i++) {
		uint32_t h = hash(&r->target[i]) & l->mask;

		l->entry[l->n] = (struct entry){rule, i, l->head[h]};
		l->head[h] = l->n++;
		if (r->target[i].kind == TARGET_NET)
			l->plen_seen[addr_family(&r->target[i].net)][r->target[i].plen] = true;
	}
}

/* An earlier rule with exactly this target that covers b in all else; NULL: none. */
static const struct rule *
find(const struct lint *l, const struct rule_target *key, const struct rule *b, bool not_allow)
{
	uint32_t at = l->head[hash(key) & l->mask];

	for (unsigned i = 0; at != NOTHING && i < CHAIN_MAX; i++, at = l->entry[at].next) {
		const struct rule *a = &l->rules->rule[l->entry[at].rule];

		const struct rule_target *t = &a->target[l->entry[at].target];

		if (same(t, key) && paths_cover(t, key) && rule_covers(a, b) &&
		    !(not_allow && a->action == RULE_ALLOW))
			return a;
	}
	return NULL;
}

/* --- what is wider than a target --------------------------------------------------------------------------- */

struct shadow {
	const struct rule *by;
	const char *but; /* where it still matters, or "" */
};

static struct addr
masked(const struct addr *a, unsigned plen)
{
	unsigned keep = addr_is_v4(a) ? 96 + plen : plen;
	struct addr out = *a;

	for (unsigned i = 0; i < sizeof(out.b); i++) {
		unsigned bits = keep > 8 * i ? keep - 8 * i : 0;

		if (bits < 8)
			out.b[i] &= (uint8_t)(0xff00u >> bits);
	}
	return out;
}

static const struct rule *
wider_net(const struct lint *l, const struct rule *b, const struct rule_target *t, const struct addr *net,
	  unsigned plen, bool not_allow)
{
	for (unsigned p = 0; p <= plen; p++) {
		struct rule_target key = {
		    .kind = TARGET_NET, .net = masked(net, p), .plen = (uint8_t)p, .request = t->request};
		const struct rule *a = l->plen_seen[addr_family(net)][p] ? find(l, &key, b, not_allow) : NULL;

		if (a)
			return a;
	}
	return NULL;
}

static struct shadow
shadow_of_net(const struct lint *l, const struct rule *b, const struct rule_target *t)
{
	struct rule_target group = {
	    .kind = TARGET_GROUP, .group = group_of_net(&t->net, t->plen), .request = t->request};
	/* An allow by network looks at the address inside, a deny at both. */
	bool carries = !addr_is_v4(&t->net) && net_may_carry_v4(&t->net, t->plen);
	struct shadow s = {wider_net(l, b, t, &t->net, t->plen, carries), ""};

	if (!s.by && carries && t->plen == 128) {
		struct addr inside = addr_inside(&t->net);

		s.by = addr_is_v4(&inside) ? wider_net(l, b, t, &inside, 32, false) : NULL;
	}
	if (!s.by && group.group != GROUPS && group.group != GROUP_NONE) {
		s.by = find(l, &group, b, false);
		s.but = ", unless the host has an address there";
	}
	return s;
}

static struct shadow
shadow_of_name(const struct lint *l, const struct rule *b, const struct rule_target *t)
{
	struct rule_target key = *t;
	struct shadow s = {find(l, &key, b, false), ""};

	key.kind = TARGET_SUFFIX;
	while (!s.by && key.name.len > 1) {
		unsigned label = key.name.wire[0] + 1u;

		s.by = find(l, &key, b, false);
		key.name.len = (uint8_t)(key.name.len - label);
		memmove(key.name.wire, key.name.wire + label, key.name.len);
	}
	/* An allow by name wants evidence, a deny does not. */
	if (s.by && s.by->action == RULE_ALLOW && b->action != RULE_ALLOW)
		s.but = ", but for addresses that were not looked up by that name";
	return s;
}

static struct shadow
shadow_of(const struct lint *l, const struct rule *b, const struct rule_target *t)
{
	const struct rule_target any = {.kind = TARGET_ANY, .request = t->request};
	struct shadow s = {find(l, &any, b, false), ""};

	if (!s.by && t->kind == TARGET_NET)
		s = shadow_of_net(l, b, t);
	else if (!s.by && (t->kind == TARGET_NAME || t->kind == TARGET_SUFFIX))
		s = shadow_of_name(l, b, t);
	else if (!s.by)
		s = (struct shadow){find(l, t, b, false), ""};
	/* An allow wants to read requests, a deny is also for what cannot be read. */
	if (s.by && rule_is_about_requests(s.by) && s.by->action == RULE_ALLOW && b->action != RULE_ALLOW &&
	    !s.but[0])
		s.but = ", but where requests cannot be read";
	return s;
}

/* --- telling ----------------------------------------------------------------------------------------------- */

#define PLACE_MAX 160

static const char *
place(const struct rule *r, char *to)
{
	if (r->at.file && r->at.line)
		snprintf(to, PLACE_MAX, "rule %u at %.120s:%u", r->number, r->at.file, r->at.line);
	else
		snprintf(to, PLACE_MAX, "rule %u", r->number);
	return to;
}

static void
warn_rule(struct lint *l, const struct rule *b, const struct shadow *s)
{
	char where[PLACE_MAX];

	diag_warn(l->d, &b->at, b->text, "can never match%s: %s (%.80s%s) matches first", s->but,
		  place(s->by, where), s->by->text, strlen(s->by->text) > 80 ? "..." : "");
}

/* The word of a target and its place. */
static struct mark
mark_of(const struct rule *b, const struct rule_target *t, char word[64])
{
	struct mark at = b->at;
	size_t len = 0;

	if (t->column && t->column <= strlen(b->text)) {
		len = strcspn(b->text + t->column - 1, ", \t\"");
		len = len < 64 ? len : 63;
		memcpy(word, b->text + t->column - 1, len);
		at.column += at.column ? t->column - 1 : 0;
	}
	word[len] = '\0';
	return at;
}

static void
warn_target(struct lint *l, const struct rule *b, const struct rule_target *t, const struct shadow *s)
{
	char where[PLACE_MAX], word[64];
	struct mark at = mark_of(b, t, word);

	diag_warn(l->d, &at, word, "can never match%s: %s (%.80s%s) matches first", s->but,
		  place(s->by, where), s->by->text, strlen(s->by->text) > 80 ? "..." : "");
}

static void
warn_nowhere(struct lint *l, const struct rule *b, const struct rule_target *t)
{
	char word[64];
	struct mark at = mark_of(b, t, word);

	diag_warn(l->d, &at, word,
		  "can never match: the gateway carries nothing to multicast and reserved addresses");
}

/* The gateway takes nothing from the guest for these (stack/ip_input.c). */
static bool
leads_nowhere(const struct rule *b, const struct rule_target *t)
{
	static const struct rule_target nowhere[] = {
	    {.net = {{[10] = 0xff, 0xff, 224}}, .plen = 4},
	    {.net = {{[10] = 0xff, 0xff, 240}}, .plen = 4},
	    {.net = {{[10] = 0xff, 0xff, 0}}, .plen = 8},
	    {.net = {{0xff}}, .plen = 8},
	};

	if (b->ingress || b->action != RULE_ALLOW)
		return false;
	if (t->kind == TARGET_GROUP)
		return t->group == GROUP_MULTICAST;
	for (size_t i = 0; i < 4 && t->kind == TARGET_NET; i++)
		if (t->plen >= nowhere[i].plen && addr_in_net(&t->net, &nowhere[i].net, nowhere[i].plen))
			return true;
	return false;
}

static void
look_at(struct lint *l, const struct rule *b)
{
	struct shadow first = {NULL, ""};
	unsigned shadowed = 0;

	for (unsigned i = 0; i < b->ntarget; i++) {
		struct shadow s = shadow_of(l, b, &b->target[i]);

		shadowed += s.by != NULL;
		first = first.by ? first : s;
		if (!s.by && leads_nowhere(b, &b->target[i]))
			warn_nowhere(l, b, &b->target[i]);
	}
	if (first.by && shadowed == b->ntarget) {
		warn_rule(l, b, &first);
		return;
	}
	for (unsigned i = 0; shadowed && i < b->ntarget; i++) {
		struct shadow s = shadow_of(l, b, &b->target[i]);

		if (s.by)
			warn_target(l, b, &b->target[i], &s);
	}
}

void
rules_lint(const struct rules *r, struct diag_sink *d)
{
	struct lint l = {.rules = r, .d = d};
	size_t targets = 0;
	uint32_t size = 16;

	for (uint32_t i = 0; i < r->n; i++)
		targets += r->rule[i].ntarget;
	while (size < 2 * targets && size < UINT32_MAX / 4)
		size *= 2;
	l.mask = size - 1;
	l.entry = calloc(targets ? targets : 1, sizeof(*l.entry));
	l.head = malloc(size * sizeof(*l.head));
	if (l.entry && l.head) {
		memset(l.head, 0xff, size * sizeof(*l.head));
		for (uint32_t i = 0; i < r->n; i++) {
			if (!r->rule[i].profile)
				look_at(&l, &r->rule[i]);
			enter(&l, i);
		}
	}
	free(l.entry);
	free(l.head);
}
