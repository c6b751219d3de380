/*
 * dns_service.c - what becomes of a question: refused by name, answered from what is known, or asked of others
 *
 * In this order: is it a query at all; does policy let the guest ask for this name; is it a name the gateway answers
 * itself; would an address of that family lead anywhere; was it asked lately; then an upstream is asked.
 * What comes back is cleaned and, if the upstream is one of ours, proves where the name leads (evidence).
 */
#include "proxy/dns_int.h"

#include <stdio.h>
#include <stdlib.h>

/* --- life ------------------------------------------------------------------------------------------------- */

static struct dns_cache *
new_cache(struct sluice *gw)
{
	return gw->settings->dns_cache
		   ? dns_cache_new(gw->settings->dns_cache, DNS_CACHE_BYTES, gw->stack.cfg.secret)
		   : NULL;
}

struct dns_service *
dns_service_new(struct sluice *gw)
{
	struct dns_service *d = calloc(1, sizeof(*d));

	if (!d)
		return NULL;
	d->next_at = d->spare_until = d->tls_at = TIME_NEVER;
	d->cache = new_cache(gw);
	if (d->cache || gw->settings->dns_cache == 0)
		return d;
	free(d);
	return NULL;
}

void
dns_service_free(struct sluice *gw)
{
	if (!gw->dns)
		return;
	dns_forget_all(gw);
	dns_make_room(gw);
	dns_tls_close(gw);
	dns_cache_free(gw->dns->cache);
	free(gw->dns);
	gw->dns = NULL;
}

void
dns_guest_left(struct sluice *gw)
{
	dns_forget_all(gw);
	dns_make_room(gw);
	dns_tls_close(gw);
	if (gw->dns->cache)
		dns_cache_flush(gw->dns->cache);
}

/* Without memory for another cache there is none: slower, and right. */
void
dns_settings_changed(struct sluice *gw)
{
	dns_cache_free(gw->dns->cache);
	gw->dns->cache = new_cache(gw);
	dns_host_again(gw);
	dns_tls_again(gw, gw->now);
}

bool
dns_make_room(struct sluice *gw)
{
	bool sockets = dns_sockets_close(gw);

	return dns_tls_make_room(gw) || sockets;
}

/* --- what is said ----------------------------------------------------------------------------------------- */

static uint8_t *
message(struct sluice *gw)
{
	return gw->dns->out + DNS_TCP_PREFIX;
}

static size_t
room_for(const struct dns_from *from, const struct dns_query *q)
{
	if (from->t.proto == IP_PROTO_TCP)
		return DNS_MESSAGE_MAX;
	return q->udp_size < DNS_UDP_ANSWER_MAX ? q->udp_size : DNS_UDP_ANSWER_MAX;
}

static void
say(struct sluice *gw, const struct dns_from *from, size_t len, usec_t now)
{
	if (from->t.proto == IP_PROTO_TCP)
		dns_tcp_say(gw, from, len, now);
	else
		dns_udp_say(gw, from, len);
}

void
dns_give_error(struct sluice *gw, const struct dns_from *from, const struct dns_query *q, uint8_t rcode,
	       int ede, const char *text, usec_t now)
{
	say(gw, from, dns_error(q, rcode, ede, text, message(gw), DNS_SMALL_MAX), now);
}

/* No answer, but that there is a longer one by TCP. */
static void
give_truncated(struct sluice *gw, const struct dns_from *from, const struct dns_query *q, usec_t now)
{
	size_t len = dns_error(q, DNS_NOERROR, EDE_NONE, NULL, message(gw), DNS_SMALL_MAX);
	struct rd r = rd_of(view_of(message(gw) + 2, 1)); /* RFC 1035 4.1.1: QR, opcode, AA, TC, RD */
	struct wr w = wr_of(message(gw) + 2, 1);

	wr_u8(&w, rd_u8(&r) | 2);
	say(gw, from, len, now);
}

/* An answer that was emptied says of what. */
static const char *
explain(const struct dns_filtered *did, char text[128])
{
	char addr[ADDR_TEXT];

	snprintf(text, 128, "%s was taken out: public names may not lead there (rebinding protection)",
		 addr_text(&did->first, addr));
	return text;
}

void
dns_give(struct sluice *gw, const struct dns_from *from, const struct dns_query *q,
	 const struct dns_answer *a, uint32_t age, usec_t now)
{
	const struct dns_filtered *did = dns_answer_filtered(a);
	bool emptied = did && did->emptied && did->removed;
	char text[128];
	size_t limit = room_for(from, q);
	size_t len = dns_answer_write(a, q, age, limit, emptied ? EDE_BLOCKED : EDE_NONE,
				      emptied ? explain(did, text) : NULL, message(gw), DNS_MESSAGE_MAX);

	if (did && did->removed) {
		gw->count[GW_DNS_FILTERED]++;
		judge_name_refused(gw, &from->t, &q->name, SLUICE_REASON_REBIND, NULL);
	}
	say(gw, from, len, now);
}

/* --- policy ----------------------------------------------------------------------------------------------- */

/* n, the asked name or one that it led to, is not for the guest.  False: not a word is said. */
static bool
refuse(struct sluice *gw, const struct dns_from *from, const struct dns_query *q, const struct name *n,
       const struct policy_answer *a, usec_t now)
{
	struct judgment j = {
	    .verdict = a->verdict, .reason = SLUICE_REASON_RULE, .answer = *a, .name = *n, .name_from = ""};
	char text[JUDGE_TEXT];

	judge_name_refused(gw, &from->t, n, SLUICE_REASON_RULE, a);
	if (a->verdict == VERDICT_DROP)
		return false;
	dns_give_error(gw, from, q, DNS_NXDOMAIN, EDE_BLOCKED, judge_text(&from->t, &j, text), now);
	return true;
}

static bool
may_lead(void *ctx, const struct name *asked, const struct addr *a)
{
	struct sluice *gw = ctx;

	return !addr_is_special(a) || nameset_has(gw->settings->rebind_allow, asked) ||
	       policy_allows_answer(gw->settings->policy, judge_surroundings(gw), a);
}

static bool
is_denied(void *ctx, const struct name *n)
{
	struct sluice *gw = ctx;
	struct policy_answer a;

	return policy_denies_name(gw->settings->policy, n, &a);
}

/* --- answers of others ------------------------------------------------------------------------------------ */

static void
give_denied(struct sluice *gw, struct dns_pending *p, const struct name *by, usec_t now)
{
	struct policy_answer a = {.verdict = VERDICT_DENY};

	policy_denies_name(gw->settings->policy, by, &a);
	for (struct dns_asker *k = p->asker; k; k = k->sibling)
		refuse(gw, &k->from, &k->q, by, &a, now);
	dns_pending_done(gw, p);
}

static void
give_all(struct sluice *gw, struct dns_pending *p, struct dns_answer *a, bool truncated, usec_t now)
{
	if (!p->chosen)
		dns_answer_prove(a, 0, gw->evidence, now);
	for (const struct dns_asker *k = p->asker; k; k = k->sibling) {
		if (truncated)
			give_truncated(gw, &k->from, &k->q, now);
		else
			dns_give(gw, &k->from, &k->q, a, 0, now);
	}
	if (!p->chosen && gw->dns->cache)
		dns_cache_put(gw->dns->cache, &p->q, a, now);
	else
		dns_answer_free(a);
	dns_pending_done(gw, p);
}

bool
dns_answered(struct sluice *gw, struct dns_pending *p, struct view msg, usec_t now)
{
	const struct settings *set = gw->settings;
	struct dns_filter f = {
	    .may_lead = set->rebind_protection ? may_lead : NULL,
	    .denied = is_denied,
	    .ctx = gw,
	    .no_a = dns_host_suppresses(gw, FAMILY_V4, now),
	    .no_aaaa = dns_host_suppresses(gw, FAMILY_V6, now),
	    .strip_ech = policy_has_names(set->policy),
	};
	struct dns_filtered did = {.removed = 0};
	struct dns_answer *a = NULL;

	switch (dns_answer_make(msg, &p->q, &f, &did, &a)) {
	case DNS_MADE:
		break;
	case DNS_MALFORMED:
		p->fate = DNS_FATE_MALFORMED;
		return false;
	case DNS_EXCESSIVE:
		p->fate = DNS_FATE_EXCESSIVE;
		return false;
	case DNS_NO_MEMORY:
		p->fate = DNS_FATE_MEMORY;
		return false;
	}
	if (did.denied) {
		dns_answer_free(a);
		give_denied(gw, p, &did.by, now);
	} else {
		give_all(gw, p, a, p->chosen && dns_is_truncated(msg), now);
	}
	return true;
}

/* --- questions -------------------------------------------------------------------------------------------- */

/* True: it was one for the gateway itself. */
static bool
answer_local(struct sluice *gw, const struct dns_from *from, const struct dns_query *q, usec_t now)
{
	struct addr addr[DNS_LOCAL_ADDRS];
	unsigned n = 0;
	enum dns_local_is is = dns_local_find(gw->settings->local, judge_surroundings(gw), q,
					      dns_servers_routed(gw->settings->servers, &q->name), addr, &n);

	if (is == LOCAL_NOT)
		return false;
	gw->count[GW_DNS_LOCAL]++;

	struct dns_answer *a = is == LOCAL_ADDRS ? dns_answer_local(q, addr, n, DNS_LOCAL_TTL) : NULL;
	if (a) {
		dns_answer_prove(a, 0, gw->evidence, now);
		dns_give(gw, from, q, a, 0, now);
		dns_answer_free(a);
	} else {
		dns_give_error(gw, from, q,
			       is == LOCAL_NXDOMAIN ? DNS_NXDOMAIN
			       : is == LOCAL_ADDRS  ? DNS_SERVFAIL
						    : DNS_NOERROR,
			       EDE_NONE, NULL, now);
	}
	return true;
}

static bool
leads_nowhere(struct sluice *gw, const struct dns_query *q, usec_t now)
{
	return (q->type == DNS_A && dns_host_suppresses(gw, FAMILY_V4, now)) ||
	       (q->type == DNS_AAAA && dns_host_suppresses(gw, FAMILY_V6, now));
}

static bool
answer_cached(struct sluice *gw, const struct dns_from *from, const struct dns_query *q, usec_t now)
{
	uint32_t age = 0;
	const struct dns_answer *a = gw->dns->cache ? dns_cache_get(gw->dns->cache, q, now, &age) : NULL;

	if (!a)
		return false;
	gw->count[GW_DNS_CACHED]++;
	dns_answer_prove(a, age, gw->evidence, now);
	dns_give(gw, from, q, a, age, now);
	return true;
}

bool
dns_ask(struct sluice *gw, const struct dns_from *from, struct view msg, usec_t now)
{
	struct dns_query q;
	struct policy_answer a;
	uint8_t rcode = DNS_FORMERR;
	enum dns_reading is = dns_query_read(msg, &q, &rcode);

	gw->count[is == DNS_READ ? GW_DNS_QUERIES : GW_DNS_BAD]++;
	if (is == DNS_IGNORE)
		return false;
	if (is == DNS_ANSWER) {
		dns_give_error(gw, from, &q, rcode, EDE_NONE, NULL, now);
		return true;
	}

	if (!judge_may_ask(gw->settings, from->t.proto, &q.name, &a))
		return refuse(gw, from, &q, &q.name, &a, now);
	if (answer_local(gw, from, &q, now))
		return true;
	if (leads_nowhere(gw, &q, now)) {
		dns_give_error(gw, from, &q, DNS_NOERROR, EDE_NONE, NULL, now);
		return true;
	}

	bool chosen = !dial_is_dns(gw, &from->t.remote.addr);
	if (!chosen && answer_cached(gw, from, &q, now))
		return true;
	return dns_pend(gw, from, &q, chosen, now);
}

/* --- another policy --------------------------------------------------------------------------------------- */

/* What came by TCP to a resolver of the guest's own ends with its connection. */
static bool
keeps_waiting(struct sluice *gw, const struct dns_asker *a, usec_t now)
{
	struct policy_answer p;

	if (!judge_may_ask(gw->settings, a->from.t.proto, &a->q.name, &p)) {
		refuse(gw, &a->from, &a->q, &a->q.name, &p, now);
		return false;
	}
	return !a->pending->chosen || a->from.t.proto == IP_PROTO_TCP ||
	       dns_udp_may_go_on(gw, &a->from.t, now);
}

void
dns_rejudge(struct sluice *gw, usec_t now)
{
	dns_each_asker(gw, keeps_waiting, now);
}

/* --- time ------------------------------------------------------------------------------------------------- */

usec_t
dns_deadline(const struct sluice *gw)
{
	return time_min(gw->dns->next_at, time_min(gw->dns->spare_until, gw->dns->tls_at));
}

void
dns_timers(struct sluice *gw, usec_t now)
{
	struct dns_service *d = gw->dns;

	if (d->spare_until <= now)
		dns_sockets_close(gw);
	dns_tls_timers(gw, now);
	for (struct dns_pending *p = d->first, *next; p; p = next) {
		next = p->next;
		if (dns_upstream_deadline(p) <= now)
			dns_upstream_late(gw, p, now);
	}
	d->next_at = TIME_NEVER;
	for (const struct dns_pending *p = d->first; p; p = p->next)
		d->next_at = time_min(d->next_at, dns_upstream_deadline(p));
}
