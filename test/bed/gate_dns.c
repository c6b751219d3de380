/*
 * gate_dns.c - what may leave through a gateway: questions, answers, and what those prove
 */
#include "test/bed/gate_int.h"

#include <stdio.h>

#include "dns/local.h"
#include "stack/ip_wire.h"

enum { TYPE_A = 1, TYPE_CNAME = 5, TYPE_AAAA = 28 };

#define LIVES_MIN 60u /* seconds of evidence */
#define LIVES_MAX 3600u
#define LINKS_MAX 8u

static unsigned
u16(const uint8_t *p)
{
	return (unsigned)p[0] << 8 | p[1];
}

static bool
to_name(const struct naive_name *from, struct name *out)
{
	return name_from_wire(view_of(from->wire, from->len), out);
}

bool
gate_is_server(const struct addr *a)
{
	struct addr server;

	return addr_parse("192.0.2.53", &server) && addr_is_v4(a) && memcmp(a->b, server.b, 15) == 0 &&
	       (a->b[15] == 53 || a->b[15] == 54);
}

/* --- evidence ------------------------------------------------------------------------------------------------ */

/* Said again, it is the newest, and lives as long as the longer of both. */
static void
learn(struct gate *g, bool told, const struct name *n, const struct addr *a, uint32_t ttl)
{
	struct naive_fact *fact = told ? g->told : g->said;
	unsigned *count = told ? &g->ntold : &g->nsaid, i = 0;
	struct naive_fact f = {.name = *n, .addr = *a};

	ttl = ttl < LIVES_MIN ? LIVES_MIN : ttl > LIVES_MAX ? LIVES_MAX : ttl;
	f.until = bed_now(g->bed) + ttl * USEC_PER_SEC;
	while (i < *count && !(name_eq(&fact[i].name, n) && addr_eq(&fact[i].addr, a)))
		i++;
	if (i < *count) {
		if (fact[i].until > f.until)
			f.until = fact[i].until;
		memmove(&fact[i], &fact[i + 1], (*count - i - 1) * sizeof(f));
		--*count;
	}
	if (*count == GATE_FACTS) {
		g->blind = true;
		return;
	}
	fact[(*count)++] = f;
}

/* May an answer for this name lead there? */
static bool
may_lead(const struct gate *g, const struct name *asked, const struct addr *a)
{
	struct naive_policy p = gate_naive(g, false);
	struct name suffix;

	if (g->no_rebind || !addr_is_special(a))
		return true;
	if (g->rebind_allow && name_parse(g->rebind_allow + 2, strlen(g->rebind_allow) - 2, &suffix) &&
	    name_is_under(asked, &suffix))
		return true;
	return naive_allows_answer(&p, a);
}

/* The chain from the asked name on, and the addresses at its end. */
struct chain {
	struct gate_answer is;
	struct naive_name at; /* its end */
};

static const struct naive_record *
alias_of(const struct naive_dns *m, const struct naive_name *n)
{
	/* What was asked for ends the chain, whatever else there is. */
	for (unsigned i = 0; i < m->n; i++)
		if (m->record[i].section == 1 && m->record[i].type == m->type &&
		    naive_name_eq(&m->record[i].owner, n))
			return NULL;
	for (unsigned i = 0; i < m->n; i++)
		if (m->record[i].section == 1 && m->record[i].type == TYPE_CNAME && m->record[i].class == 1 &&
		    naive_name_eq(&m->record[i].owner, n))
			return &m->record[i];
	return NULL;
}

static uint32_t
lesser(uint32_t ttl, uint32_t than)
{
	ttl = ttl & 0x80000000u ? 0 : ttl;
	return ttl < than ? ttl : than;
}

static bool
follow(struct view msg, const struct naive_dns *m, struct chain *c)
{
	const struct naive_record *r;

	c->is = (struct gate_answer){.asked = m->asked, .type = m->type, .ttl = UINT32_MAX, .nname = 1};
	c->at = m->asked;
	if (!to_name(&m->asked, &c->is.name[0]))
		return false;
	while (m->type != TYPE_CNAME && (r = alias_of(m, &c->at)) != NULL) {
		if (c->is.nname > LINKS_MAX || !naive_name_read(msg.p, msg.len, r->at, &c->at) ||
		    !to_name(&c->at, &c->is.name[c->is.nname]))
			return false;
		c->is.nname++;
		c->is.ttl = lesser(r->ttl, c->is.ttl);
	}
	return true;
}

static bool
read_addr(struct view msg, const struct naive_record *r, struct addr *a)
{
	if (r->type == TYPE_A && r->len == 4) {
		*a = addr_v4((uint32_t)u16(msg.p + r->at) << 16 | u16(msg.p + r->at + 2));
		return true;
	}
	if (r->type != TYPE_AAAA || r->len != 16)
		return false;
	memcpy(a->b, msg.p + r->at, 16);
	return true;
}

static void
prove(struct gate *g, const struct gate_answer *a, uint32_t age)
{
	for (unsigned i = 0; i < a->naddr; i++)
		for (unsigned k = 0; k < a->nname; k++)
			learn(g, false, &a->name[k], &a->addr[i], a->ttl > age ? a->ttl - age : 0);
}

void
gate_dns_answered(struct gate *g, struct gate_sock *s, struct view msg)
{
	static struct naive_dns m;
	struct naive_policy p = gate_naive(g, false);
	struct chain c;

	/* Proof is only what answers the very question, whole, and of a nameserver nobody but the operator chose. */
	if (!s->asked || !gate_is_server(&s->to.addr) || !naive_dns_read(msg.p, msg.len, &m))
		return;
	bool good = (m.flags & 0x8000) && !(m.flags & 0x780f) && m.id == s->id && m.type == s->type &&
		    m.class == 1 && naive_name_eq(&m.asked, &s->name);
	if (!good || (m.flags & 0x0200 && s->proto == IP_PROTO_UDP) || !follow(msg, &m, &c))
		return;
	if (m.type != TYPE_A && m.type != TYPE_AAAA)
		return;
	for (unsigned i = 1; i < c.is.nname; i++)
		if (naive_denies_name(&p, &c.is.name[i]))
			return;
	for (unsigned i = 0; i < m.n && c.is.naddr < 16; i++) {
		const struct naive_record *r = &m.record[i];

		if (r->section == 1 && r->type == m.type && r->class == 1 &&
		    naive_name_eq(&r->owner, &c.at) && read_addr(msg, r, &c.is.addr[c.is.naddr]) &&
		    may_lead(g, &c.is.name[0], &c.is.addr[c.is.naddr])) {
			c.is.ttl = lesser(r->ttl, c.is.ttl);
			c.is.naddr++;
		}
	}
	c.is.at = bed_now(g->bed);
	prove(g, &c.is, 0);
	g->answer[g->nanswer++ % GATE_ANSWERS] = c.is;
}

/* --- what the guest asks ---------------------------------------------------------------------------------------- */

/* The names the gateway itself answers, and what they prove. */
static void
learn_own(struct gate *g, const struct name *n)
{
	static const char *const own[] = {DNS_HOST_NAME, DNS_GATEWAY_NAME, "static.test"};
	struct name is;

	for (unsigned i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
		if (!name_parse(own[i], strlen(own[i]), &is) || !name_eq(n, &is))
			continue;
		for (unsigned fam = 0; fam < FAMILIES; fam++) {
			struct addr a = i == 0 ? g->where.gateway[fam] : g->where.dns[fam];

			if (i == 2 && !addr_parse(fam == FAMILY_V4 ? "10.9.9.9" : "fd00:9::9", &a))
				continue;
			learn(g, false, n, &a, LIVES_MIN);
		}
	}
}

void
gate_asks(struct gate *g, uint8_t proto, const struct endpoint *to, struct view msg)
{
	static struct naive_dns m;
	struct gate_asked *a;
	struct name n;

	if (!naive_dns_read(msg.p, msg.len, &m) || !to_name(&m.asked, &n))
		return;
	learn_own(g, &n);
	/* What is kept is given again, and proves again. */
	for (unsigned i = 0; i < GATE_ANSWERS && i < g->nanswer; i++) {
		const struct gate_answer *k = &g->answer[i];
		uint32_t age = (uint32_t)((bed_now(g->bed) - k->at) / USEC_PER_SEC);

		if (naive_name_eq(&k->asked, &m.asked) && k->type == m.type && age <= k->ttl)
			prove(g, k, age);
	}
	if (g->nasked == GATE_ASKED) {
		g->blind = true;
		return;
	}
	a = &g->asked[g->nasked++];
	*a = (struct gate_asked){.proto = proto, .to = *to, .type = m.type, .name = m.asked};
}

bool
gate_may_ask(struct gate *g, uint8_t proto, const struct name *n)
{
	struct naive_policy p = gate_naive(g, false);
	struct policy_answer a;
	struct name own;

	for (unsigned i = 0; i < 2; i++) {
		const char *text = i ? DNS_HOST_NAME : DNS_GATEWAY_NAME;

		if (name_parse(text, strlen(text), &own) && name_eq(n, &own) && !naive_denies_name(&p, n))
			return true;
	}
	naive_decide_name(&p, proto, n, &a);
	return a.verdict == VERDICT_ALLOW;
}

/* A resolver of the guest's own is a destination like others. */
static bool
may_go_there(struct gate *g, const struct gate_asked *a, const struct endpoint *at)
{
	bool gateway = addr_eq(&a->to.addr, &g->where.gateway[addr_family(&a->to.addr)]);

	if (!addr_eq(&a->to.addr, &at->addr) && !(gateway && addr_is_loopback(&at->addr)))
		return false;
	return gate_would(g, a->proto, &a->to, false) == VERDICT_ALLOW;
}

void
gate_dns_asked(struct gate *g, struct gate_sock *s, struct view msg)
{
	static struct naive_dns m;
	struct name n;
	bool asked = false, good = false;

	g->nquestion++;
	if (!naive_dns_read(msg.p, msg.len, &m) || !to_name(&m.asked, &n)) {
		gate_complain(g, "a question that cannot be read", "");
		return;
	}
	s->asked = true;
	s->id = m.id;
	s->type = m.type;
	s->name = m.asked;
	for (unsigned i = 0; i < g->nasked && !good; i++) {
		const struct gate_asked *a = &g->asked[i];
		bool ours = addr_eq(&a->to.addr, &g->where.dns[addr_family(&a->to.addr)]);

		if (a->type != m.type || !naive_name_eq(&a->name, &m.asked))
			continue;
		asked = true;
		good = a->kept || (gate_may_ask(g, a->proto, &n) &&
				   (ours ? gate_is_server(&s->to.addr) : may_go_there(g, a, &s->to)));
	}
	if (!good) {
		char text[NAME_TEXT];

		gate_complain(g, asked ? "a question that policy refuses" : "a question that nobody asked",
			      name_text(&n, text));
	}
}

/* --- what the guest is told --------------------------------------------------------------------------------------- */

static bool
is_own(const struct name *n)
{
	static const char *const own[] = {"sluice.internal", "static.test", "localhost"};
	struct name is;

	for (unsigned i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		if (name_parse(own[i], strlen(own[i]), &is) && name_is_under(n, &is))
			return true;
	return false;
}

static bool
was_said(const struct gate *g, const struct name *n, const struct addr *a)
{
	for (unsigned i = 0; i < g->nsaid; i++)
		if (name_eq(&g->said[i].name, n) && addr_eq(&g->said[i].addr, a))
			return true;
	return false;
}

void
gate_dns_told(struct gate *g, const struct strict *is, struct view msg)
{
	static struct naive_dns m;
	bool ours = addr_eq(&is->ip.src, &g->where.dns[addr_family(&is->ip.src)]);
	struct chain c;
	struct addr a;

	/* To what was no question the header alone is an answer: an error, and no record. */
	static const uint8_t none[8];
	if (msg.len == 12 && (msg.p[3] & 15) && memcmp(msg.p + 4, none, sizeof(none)) == 0)
		return;
	if (!naive_dns_read(msg.p, msg.len, &m)) {
		gate_complain(g, "the guest was told what cannot be read", "");
		return;
	}
	if (m.flags & 15 || !follow(msg, &m, &c))
		return;
	for (unsigned i = 0; i < m.n; i++) {
		const struct naive_record *r = &m.record[i];

		if (r->section != 1 || !read_addr(msg, r, &a))
			continue;
		if (!is_own(&c.is.name[0]) && !may_lead(g, &c.is.name[0], &a))
			gate_complain(g, "the guest was told an address that names may not lead to", "");
		if (!ours || r->type != m.type || !naive_name_eq(&r->owner, &c.at))
			continue;
		if (!is_own(&c.is.name[0]) && !was_said(g, &c.is.name[0], &a))
			gate_complain(g, "the guest was told an address that nobody said", "");
		for (unsigned k = 0; k < c.is.nname; k++)
			learn(g, true, &c.is.name[k], &a, lesser(r->ttl, c.is.ttl));
	}
}
