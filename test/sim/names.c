/*
 * names.c - conversations by name: the guest asks for it, connects to what it was told, and says a name in its first flight, or none
 *
 * There are eight names, two at each address, and policies with rules about them.  What may become of a conversation is decided the plain
 * way of docs/policy.md, for all that the gateway may know at that moment: of a name that was answered a while ago it may or may not know
 * still.  So there is a set of outcomes; where it has one alone, that one must come about:
 *
 *	allow alone    the conversation is whole at the end, unless somebody disturbs it
 *	no allow       not a byte of the guest's comes to the host, and without any hope for a name not even a connection does
 *
 * A first flight is the request of HTTP/1, or a ClientHello, made here of the few bytes it needs: what follows it is sealed to everybody.
 */
#include <stdio.h>
#include <stdlib.h>

#include "test/sim/inside.h"

#define SURE (40 * USEC_PER_SEC)  /* less than what an answer is good for at the least */
#define FLIGHT (5 * USEC_PER_SEC) /* in which the first flight must be whole */
#define BIT(what) (1u << (what))

static unsigned
index_of(unsigned name)
{
	return name - NAMED_FIRST;
}

/* --- policies --------------------------------------------------------------------------------------------------- */

void
names_draw(struct luck *l, struct policy_plain *p)
{
	unsigned n = 1 + (unsigned)luck_below(l, NAMED_RULES);

	for (unsigned i = 0; i < n; i++) {
		struct plain_rule r = {.proto = IP_PROTO_TCP, .first = 0, .last = UINT16_MAX};
		unsigned first = (unsigned)luck_below(l, NAMED), at = (unsigned)luck_below(l, p->n + 1);

		r.what = luck_in(l, 1, 2) ? PLAIN_ALLOW : luck_in(l, 1, 3) ? PLAIN_DROP : PLAIN_DENY;
		r.names = (uint8_t)(BIT(first) | (luck_in(l, 1, 3) ? BIT(first ^ 1u) : 0) |
				    (luck_in(l, 1, 3) ? BIT((first + 2) % NAMED) : 0));
		if (luck_in(l, 1, 4)) {
			r.first = (uint16_t)(SERVER_PORT + luck_below(l, 4));
			r.last = (uint16_t)(r.first + luck_below(l, 6));
		} else if (luck_in(l, 1, 3) && r.what != PLAIN_DROP) {
			r.proto = 0;
		}
		memmove(&p->rule[at + 1], &p->rule[at], (p->n - at) * sizeof(p->rule[0]));
		p->rule[at] = r;
		p->n++;
	}
}

size_t
names_rule_text(const struct plain_rule *r, char *to, size_t size)
{
	static const char *const verb[] = {
	    [PLAIN_ALLOW] = "allow", [PLAIN_DENY] = "deny", [PLAIN_DROP] = "drop"};
	int at = snprintf(to, size, "%s%s", verb[r->what], r->proto ? " tcp" : "");

	if (r->proto && r->last < UINT16_MAX)
		at += snprintf(to + at, size - (size_t)at, "/%u-%u", r->first, r->last);
	for (unsigned i = 0, n = 0; i < NAMED; i++)
		if (r->names & BIT(i))
			at += snprintf(to + at, size - (size_t)at, "%s n%u.sim.example", n++ ? "," : " to",
				       NAMED_FIRST + i);
	return (size_t)at;
}

bool
names_may_ask(const struct policy_plain *p, unsigned name)
{
	for (unsigned i = 0; i < p->n; i++) {
		const struct plain_rule *r = &p->rule[i];

		if (r->names & BIT(index_of(name)) && (r->what == PLAIN_ALLOW || r->proto == 0))
			return r->what == PLAIN_ALLOW;
	}
	return !p->none;
}

enum { CLAIM_LATER = 1 << 8, CLAIM_NOBODY }; /* in the place of a name's number */

/* With this evidence (names of the address, by bit): bits of the outcomes there may be. */
static unsigned
outcomes(const struct policy_plain *p, uint16_t port, unsigned claim, unsigned evidence)
{
	unsigned may = 0;

	for (unsigned i = 0; i < p->n; i++) {
		const struct plain_rule *r = &p->rule[i];
		bool known = r->names & evidence;

		if ((r->proto && r->proto != IP_PROTO_TCP) || port < r->first || port > r->last)
			continue;
		if (r->names && claim == CLAIM_LATER) {
			may |= r->what != PLAIN_ALLOW || known ? BIT(r->what) : 0;
			continue;
		}
		if (!r->names)
			return may | BIT(r->what);
		bool claimed = claim == CLAIM_NOBODY ? known : r->names & BIT(claim);
		if (claimed && (known || r->what != PLAIN_ALLOW))
			return may | BIT(r->what);
	}
	return may | BIT(p->none ? PLAIN_DENY : PLAIN_ALLOW);
}

/* ... with all the evidence there may be now. */
static unsigned
outcomes_now(struct sim *s, const struct talk *t, unsigned claim)
{
	unsigned base = index_of(t->named->name) & ~1u, may = 0;
	uint16_t port = t->pub.tuple.remote.port;

	for (unsigned e = 0; e < 4; e++) {
		bool possible = true;

		for (unsigned i = 0; i < 2; i++) {
			const struct answered *a = &s->answered[base + i][t->pub.conf.fam];
			bool sure = a->heard && sim_now(s) - a->heard < SURE;

			possible &= e & BIT(i) ? a->said : !sure;
		}
		if (possible)
			may |= outcomes(&s->policy, port, claim, e << base);
	}
	return may;
}

static unsigned
claim_of(const struct named *n)
{
	return n->claim == SIM_CLAIMS_NOTHING ? CLAIM_NOBODY : index_of(n->claimed);
}

/* --- what a conversation says ----------------------------------------------------------------------------------- */

/* RFC 8446 4.1.2 and 5.1, with one suite and one extension (RFC 6066 3). */
static size_t
write_hello(const char *name, uint8_t to[TLS_HEAD])
{
	struct wr w = wr_of(to, TLS_HEAD);
	uint8_t random[32];
	uint16_t len = (uint16_t)strlen(name);

	luck_fill(random, 0x68656c6c6f, 0, sizeof(random));
	wr_bytes(&w, "\x16\3\1", 3);
	wr_u16(&w, (uint16_t)(len + 56));
	wr_bytes(&w, "\1\0", 2);
	wr_u16(&w, (uint16_t)(len + 52));
	wr_bytes(&w, "\3\3", 2);
	wr_bytes(&w, random, sizeof(random));
	wr_bytes(&w, "\0\0\2\x13\1\1\0", 7); /* no session, one suite, no compression */
	wr_u16(&w, (uint16_t)(len + 9));
	wr_u16(&w, 0);
	wr_u16(&w, (uint16_t)(len + 5));
	wr_u16(&w, (uint16_t)(len + 3));
	wr_u8(&w, 0);
	wr_u16(&w, len);
	wr_bytes(&w, name, len);
	return (size_t)(w.p - to);
}

void
names_begin_talk(struct sim *s, struct talk *t)
{
	struct sim_talk_conf *c = &t->pub.conf;
	struct named *n = calloc(1, sizeof(*n));
	char name[32];

	if (!n)
		abort();
	*n = (struct named){.name = c->name, .claimed = c->claimed, .claim = c->claim};
	t->named = n;
	t->pub.tuple.remote.addr = names_addr(n->name, c->fam);
	snprintf(name, sizeof(name), "n%u.sim.example", n->claimed);
	if (n->claim == SIM_CLAIMS_SNI)
		n->nhead = write_hello(name, n->head);
	else if (n->claim == SIM_CLAIMS_HOST)
		n->nhead =
		    (size_t)snprintf((char *)n->head, TLS_HEAD,
				     "POST /sim HTTP/1.1\r\nHost: %s:%u\r\nContent-Length: %llu\r\n\r\n",
				     name, t->pub.tuple.remote.port, (unsigned long long)c->up);
	c->up += n->nhead;
	s->res.named++;
	names_look(s, t);
}

void
names_look(struct sim *s, struct talk *t)
{
	struct named *n = t->named;

	/* What is decided stays so, but for a reload. */
	if (!n->settled)
		n->may |= outcomes_now(s, t, claim_of(n));
	n->settled = t->pub.up > 0;
	t->forbidden = !(n->may & BIT(PLAIN_ALLOW));
	t->disturbed |= n->may != BIT(PLAIN_ALLOW);
	if (t->forbidden && t->pub.up > 0)
		sim_complain(s, "conversation %u: what its name forbids came to the host", t->pub.number);
}

/* Another policy, or a decision that is not made yet. */
bool
names_may_reach(struct sim *s, struct talk *t)
{
	const struct named *n = t->named;
	bool told = runs_have(&t->eye.came, 1, 1 + (n->nhead ? n->nhead : 1));
	unsigned may = outcomes_now(s, t, CLAIM_LATER);

	if (told)
		may &= outcomes_now(s, t, claim_of(n)) | n->may;
	return may & BIT(PLAIN_ALLOW);
}

void
names_reloaded(struct sim *s, struct talk *t)
{
	t->named->settled = false;
	names_look(s, t);
}

bool
names_may_end(const struct sim *s, const struct talk *t)
{
	usec_t begun = t->pub.opened ? t->pub.opened : t->pub.begun;

	return t->named && t->pub.up == 0 && sim_now(s) - begun >= FLIGHT;
}

/* What is refused is told as that, where the guest has heard nothing yet: a page, or an alert. */
bool
names_page(const struct sim *s, struct talk *t, uint64_t at, struct view v)
{
	static const char *const first[] = {
	    [SIM_CLAIMS_HOST] = "HTTP/1.1 403", [SIM_CLAIMS_SNI] = "\x15\3\3"};
	struct named *n = t->named;

	if (!n || n->claim == SIM_CLAIMS_NOTHING || (n->may == BIT(PLAIN_ALLOW) && !names_may_end(s, t)))
		return false;
	size_t len = strlen(first[n->claim]);
	len = len < v.len ? len : v.len;
	n->page |= at == 0 && len > 0 && memcmp(v.p, first[n->claim], len) == 0;
	return n->page;
}

/* --- asking ------------------------------------------------------------------------------------------------------- */

void
names_said(struct sim *s, unsigned name, enum family fam)
{
	if (name >= NAMED_FIRST)
		s->answered[index_of(name)][fam].said = true;
}

/* Its question is answered: it connects there. */
void
names_answered(struct sim *s, struct question *q, unsigned rcode)
{
	s->res.names_refused += rcode == 3;
	if (rcode == 0) {
		s->answered[index_of(q->name)][q->fam].heard = sim_now(s);
		sim_talk(s, q->then);
	}
	free(q->then);
	q->then = NULL;
}
