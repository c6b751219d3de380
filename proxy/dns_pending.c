/*
 * dns_pending.c - questions that wait for an upstream, and who asked them
 */
#include "proxy/dns_int.h"

#include <stdio.h>
#include <string.h>

/* --- who waits -------------------------------------------------------------------------------------------- */

static bool
endpoint_eq(const struct endpoint *a, const struct endpoint *b)
{
	return a->port == b->port && addr_eq(&a->addr, &b->addr);
}

/* Out of the row by age; its place is free. */
static void
free_asker(struct dns_service *d, struct dns_asker *a)
{
	*(a->older ? &a->older->newer : &d->oldest) = a->newer;
	*(a->newer ? &a->newer->older : &d->newest) = a->older;
	a->newer = d->free_asker;
	d->free_asker = a;
}

static struct dns_asker *
new_asker(struct dns_service *d, const struct dns_from *from, const struct dns_query *q, usec_t now)
{
	struct dns_asker *a = d->free_asker;

	if (a)
		d->free_asker = a->newer;
	else
		a = &d->asker[d->nasker++];
	a->older = d->newest;
	a->newer = NULL;
	*(a->older ? &a->older->newer : &d->oldest) = a;
	d->newest = a;
	a->from = *from;
	a->q = *q;
	a->at = now;
	return a;
}

/* a waits no more; what it alone asked is not asked any longer. */
static void
drop(struct sluice *gw, struct dns_asker *a)
{
	struct dns_pending *p = a->pending;
	struct dns_asker **at = &p->asker;

	while (*at != a)
		at = &(*at)->sibling;
	*at = a->sibling;
	free_asker(gw->dns, a);
	if (!p->asker)
		dns_pending_done(gw, p);
}

void
dns_each_asker(struct sluice *gw, bool (*keeps)(struct sluice *gw, const struct dns_asker *a, usec_t now),
	       usec_t now)
{
	for (struct dns_asker *a = gw->dns->oldest, *next; a; a = next) {
		next = a->newer;
		if (!keeps(gw, a, now))
			drop(gw, a);
	}
}

void
dns_forget(struct sluice *gw, uint64_t flow)
{
	for (struct dns_asker *a = gw->dns->oldest, *next; a; a = next) {
		next = a->newer;
		if (a->from.t.proto == IP_PROTO_TCP && a->from.flow == flow)
			drop(gw, a);
	}
}

void
dns_forget_all(struct sluice *gw)
{
	while (gw->dns->oldest)
		drop(gw, gw->dns->oldest);
}

/* --- what is asked ---------------------------------------------------------------------------------------- */

/* FNV-1a.  A guest can choose names that come to lie in one row: then all that is pending is looked through. */
static struct dns_pending **
row_of(struct dns_service *d, const struct dns_query *q)
{
	uint32_t h = 2166136261u ^ q->type;

	for (unsigned i = 0; i < q->name.len; i++)
		h = (h ^ q->name.wire[i]) * 16777619u;
	return &d->row[(h ^ h >> 16) % DNS_ROWS];
}

/* A place that was never used.  There is one: askers have no fewer, and each waits for one question. */
static struct dns_pending *
fresh_pending(struct dns_service *d)
{
	struct dns_pending *p = &d->pending[d->npending++];

	for (unsigned i = 0; i < DNS_TRIES; i++)
		p->attempt[i].fd = -1;
	return p;
}

static struct dns_pending *
new_pending(struct dns_service *d, const struct dns_from *from, const struct dns_query *q, bool chosen)
{
	struct dns_pending *p = d->free_pending;

	if (p)
		d->free_pending = p->next;
	else
		p = fresh_pending(d);
	p->prev = NULL;
	p->next = d->first;
	if (p->next)
		p->next->prev = p;
	d->first = p;
	struct dns_pending **row = row_of(d, q);
	p->like = *row;
	*row = p;
	p->chosen = chosen;
	p->remote = from->t.remote;
	p->tcp = from->t.proto == IP_PROTO_TCP;
	p->q = *q;
	p->asker = NULL;
	p->server[0].tls = chosen && from->secure;
	if (p->server[0].tls)
		p->server[0].name = *from->secure;
	p->nserver = p->asked = p->stage = 0;
	p->other_file = p->plain = false;
	p->fate = DNS_FATE_SILENCE;
	p->error = 0;
	return p;
}

static void
free_pending(struct sluice *gw, struct dns_pending *p)
{
	struct dns_service *d = gw->dns;
	struct dns_pending **at = row_of(d, &p->q);

	dns_upstream_close(gw, p);
	p->gen++;
	while (*at != p)
		at = &(*at)->like;
	*at = p->like;
	*(p->prev ? &p->prev->next : &d->first) = p->next;
	if (p->next)
		p->next->prev = p->prev;
	p->next = d->free_pending;
	d->free_pending = p;
}

void
dns_pending_done(struct sluice *gw, struct dns_pending *p)
{
	while (p->asker) {
		struct dns_asker *a = p->asker;

		p->asker = a->sibling;
		free_asker(gw->dns, a);
	}
	free_pending(gw, p);
}

static bool
asks_the_same(const struct dns_pending *p, const struct dns_from *from, const struct dns_query *q,
	      bool chosen)
{
	if (p->q.type != q->type || p->q.class != q->class || !name_eq(&p->q.name, &q->name))
		return false;
	if (p->q.dnssec_ok != q->dnssec_ok || p->q.cd != q->cd || p->q.rd != q->rd || p->chosen != chosen)
		return false;
	if (!chosen)
		return true;
	if (!endpoint_eq(&p->remote, &from->t.remote) || p->tcp != (from->t.proto == IP_PROTO_TCP))
		return false;
	return from->secure ? p->server[0].tls && name_eq(&p->server[0].name, from->secure)
			    : !p->server[0].tls;
}

/* The guest's resolver was impatient and sent its datagram again: one answer will do. */
static bool
waits_already(const struct dns_pending *p, const struct dns_from *from, const struct dns_query *q)
{
	if (from->t.proto != IP_PROTO_UDP)
		return false;
	for (const struct dns_asker *a = p->asker; a; a = a->sibling)
		if (a->q.id == q->id && tuple_eq(&a->from.t, &from->t))
			return true;
	return false;
}

static void
turn_away(struct sluice *gw, const struct dns_from *from, const struct dns_query *q, usec_t now)
{
	dns_give_error(gw, from, q, DNS_SERVFAIL, EDE_OTHER, "too many questions are under way", now);
}

/* The asker that waits longest is told that it will not be served, if it has waited as long as a good server needs: then what
 * it asks may never be answered.  While all are younger they are left alone, and it is the newcomer who goes: else more names at
 * once than there are places would push each other out before any of them is answered. */
static bool
make_room(struct sluice *gw, usec_t now)
{
	struct dns_asker *a = gw->dns->oldest;

	if (now - a->at < DNS_HEDGE) {
		gw_limit(gw, GW_DNS_FULL, "too many questions under way: one more was turned away", 0);
		return false;
	}
	gw_limit(gw, GW_DNS_FULL, "too many questions under way: the one that waited longest made room", 0);
	turn_away(gw, &a->from, &a->q, now);
	drop(gw, a);
	return true;
}

bool
dns_pend(struct sluice *gw, const struct dns_from *from, const struct dns_query *q, bool chosen, usec_t now)
{
	struct dns_service *d = gw->dns;
	struct dns_pending *p = *row_of(d, q);

	while (p && !asks_the_same(p, from, q, chosen))
		p = p->like;
	if (p && waits_already(p, from, q))
		return false;
	if (!d->free_asker && d->nasker == DNS_PENDING) {
		/* What makes room may be all that asked the same. */
		bool last = p && p->asker == d->oldest && !p->asker->sibling;

		if (!make_room(gw, now)) {
			turn_away(gw, from, q, now);
			return true;
		}
		if (last)
			p = NULL;
	}

	bool fresh = !p;
	if (fresh)
		p = new_pending(d, from, q, chosen);
	struct dns_asker *a = new_asker(d, from, q, now);
	a->pending = p;
	a->sibling = NULL;
	struct dns_asker **last = &p->asker;
	while (*last)
		last = &(*last)->sibling;
	*last = a;
	if (fresh)
		dns_upstream_begin(gw, p, now);
	return true;
}

/* --- what becomes of it ----------------------------------------------------------------------------------- */

static const char *
rcode_name(uint8_t rcode, char buf[16])
{
	static const char *const names[] = {"NOERROR",  "FORMERR", "SERVFAIL",
					    "NXDOMAIN", "NOTIMP",  "REFUSED"};

	if (rcode < sizeof(names) / sizeof(names[0]))
		return names[rcode];
	snprintf(buf, 16, "error %u", rcode);
	return buf;
}

struct verdict_of {
	uint8_t rcode;
	int ede;
	char text[DNS_WHY + 64];
};

static void
explain(const struct dns_pending *p, struct verdict_of *v)
{
	const char *who = p->chosen || p->nserver == 1 ? "the nameserver" : "every nameserver";
	char buf[16];

	v->rcode = DNS_SERVFAIL;
	v->ede = EDE_OTHER;
	switch (p->fate) {
	case DNS_FATE_SILENCE:
		v->ede = EDE_NO_REACHABLE;
		snprintf(v->text, sizeof(v->text), "no nameserver answered in time");
		break;
	case DNS_FATE_ERROR:
		v->ede = EDE_NETWORK;
		snprintf(v->text, sizeof(v->text), "the nameserver cannot be asked: %s", strerror(p->error));
		break;
	case DNS_FATE_SAID:
		v->rcode = p->rcode;
		v->ede = EDE_NO_REACHABLE;
		snprintf(v->text, sizeof(v->text), "%s answered %s", who, rcode_name(p->rcode, buf));
		break;
	case DNS_FATE_MALFORMED:
		snprintf(v->text, sizeof(v->text), "the nameserver's answer is malformed");
		break;
	case DNS_FATE_EXCESSIVE:
		snprintf(v->text, sizeof(v->text), "the nameserver's answer is beyond what is read");
		break;
	case DNS_FATE_TLS:
		v->ede = EDE_NETWORK;
		snprintf(v->text, sizeof(v->text), "the nameserver cannot be asked over TLS: %s", p->why);
		break;
	case DNS_FATE_MEMORY:
		snprintf(v->text, sizeof(v->text), "no memory for the answer");
		break;
	}
}

void
dns_pending_fail(struct sluice *gw, struct dns_pending *p, usec_t now)
{
	struct verdict_of v = {.rcode = DNS_SERVFAIL};

	explain(p, &v);
	gw->count[GW_DNS_FAILED]++;
	for (const struct dns_asker *a = p->asker; a; a = a->sibling)
		dns_give_error(gw, &a->from, &a->q, v.rcode, v.ede, v.text, now);
	dns_pending_done(gw, p);
}
