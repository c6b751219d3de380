/*
 * judge.c - policy asked about flows
 *
 * A question is made of what is known: the tuple as the guest names it (whatever the connect hook makes of it later),
 * what this gateway answered when it was asked for names, and the name that was told.  Two things are refused here that
 * no rule speaks of: QUIC where a name could still change the outcome (it tells the name where nobody can read it, and
 * every client that speaks it falls back to TCP), and the other ways to ask for names (which would leave a guest's
 * destinations without evidence; stub resolvers fall back to port 53), but for DNS over TLS that is opened.
 */
#include "proxy/judge.h"

#include <stdlib.h>
#include <string.h>

#include "dns/servers.h"
#include "proxy/gateway.h"
#include "stack/ip_wire.h"

#define QUIC_PORT 443u

static const char by_evidence[] = "evidence", by_connect[] = "host";

/* DNS over TLS (RFC 7858) and QUIC (RFC 9250), multicast DNS (RFC 6762), LLMNR (RFC 4795), NetBIOS (RFC 1002). */
static const struct name_service {
	uint8_t proto;
	uint16_t port;
} name_services[] = {
    {IP_PROTO_TCP, 853}, {IP_PROTO_UDP, 853}, {IP_PROTO_UDP, 5353}, {IP_PROTO_UDP, 5355}, {IP_PROTO_UDP, 137},
};

static bool
is_name_service(uint8_t proto, uint16_t port)
{
	for (size_t i = 0; i < sizeof(name_services) / sizeof(name_services[0]); i++)
		if (name_services[i].proto == proto && name_services[i].port == port)
			return true;
	return false;
}

/* Somebody wrote a rule with this very port: not a profile, nor one that is for all ports. */
static bool
names_port(const struct rule *r, uint8_t proto, uint16_t port)
{
	for (unsigned i = 0; r && !r->profile && i < r->nproto; i++)
		for (unsigned k = 0; r->proto[i].proto == proto && k < r->proto[i].nport; k++)
			if (r->proto[i].port[k].first <= port && port <= r->proto[i].port[k].last)
				return true;
	return false;
}

static enum sluice_reason
reason_of_refusal(const struct policy_answer *a)
{
	static const enum sluice_reason reason[] = {
	    [POLICY_RULE] = SLUICE_REASON_RULE,
	    [POLICY_DEFAULT] = SLUICE_REASON_RULE,
	    [POLICY_NO_EVIDENCE] = SLUICE_REASON_NO_EVIDENCE,
	    [POLICY_WRONG_NAME] = SLUICE_REASON_NAME,
	    [POLICY_NO_REQUEST] = SLUICE_REASON_NO_REQUEST,
	};

	return reason[a->reason];
}

/* The name to speak of: what was told, what an allow rests on, or else the newest this address was found by. */
static void
name_it(struct sluice *gw, const struct policy_question *q, const char *told_by, struct judgment *out)
{
	const struct name *newest;

	out->name_from = "";
	if (q->told) {
		out->name = *q->told;
		out->name_from = told_by;
	} else if (out->answer.by.len) {
		out->name = out->answer.by;
		out->name_from = by_evidence;
	} else if (!q->ingress && evidence_names(gw->evidence, &q->remote, gw->now, &newest, 1) == 1) {
		out->name = *newest;
		out->name_from = by_evidence;
	}
}

static void
refuse(struct judgment *out, enum sluice_reason reason)
{
	out->verdict = VERDICT_DENY;
	out->reason = reason;
}

enum sluice_reason
judge_reason(const struct settings *s, const struct policy_question *q, const struct policy_answer *a)
{
	if (a->verdict == VERDICT_DENY || a->verdict == VERDICT_DROP)
		return reason_of_refusal(a);
	/* What is asked over TLS that is opened is judged as any question. */
	if (!q->ingress && is_name_service(q->proto, q->port) && !dns_over_tls(s, q->proto, q->port) &&
	    !names_port(a->rule, q->proto, q->port))
		return SLUICE_REASON_NAME_SERVICE;
	if (a->verdict == VERDICT_PEEK && q->proto != IP_PROTO_TCP)
		return SLUICE_REASON_QUIC;
	return SLUICE_REASON_NONE;
}

/* The gateway's address is what its name means, also to a guest that never asked for it: hosts files have it. */
static bool
is_by_own_name(const struct sluice *gw, const struct policy_question *q)
{
	const struct addr *gateway = &gw->where.gateway[addr_family(&q->remote)];

	return !q->ingress && !q->proof && gw->host_name.len && addr_eq(&q->remote, gateway);
}

static void
ask(struct sluice *gw, const struct policy_question *given, const char *told_by, struct judgment *out)
{
	const struct policy_answer *a = &out->answer;
	struct policy_question whole = *given;
	const struct policy_question *q = &whole;

	if (is_by_own_name(gw, given))
		whole.proof = &gw->host_name;
	out->name.len = 0;
	out->reason = SLUICE_REASON_NONE;
	out->request = q->requests == CLAIM_TOLD ? q->request : NULL;
	out->host[0] = '\0';
	out->why = NULL;
	policy_decide(gw->settings->policy, judge_surroundings(gw), q->ingress ? NULL : gw->evidence, gw->now,
		      q, &out->answer);
	out->verdict = a->verdict;
	name_it(gw, q, told_by, out);
	const enum sluice_reason reason = judge_reason(gw->settings, q, a);
	if (reason != SLUICE_REASON_NONE && !judge_refuses(out))
		refuse(out, reason);
	out->reason = reason;
}

enum claim
judge_claim(uint8_t proto, uint16_t port)
{
	if (proto == IP_PROTO_TCP)
		return port == DNS_PORT ? CLAIM_NONE : CLAIM_PENDING;
	return proto == IP_PROTO_UDP && port == QUIC_PORT ? CLAIM_PENDING : CLAIM_NONE;
}

enum claim
judge_claim_requests(uint8_t proto, uint16_t port)
{
	return proto == IP_PROTO_TCP && port != DNS_PORT ? CLAIM_PENDING : CLAIM_NONE;
}

bool
judge_may_ask(const struct settings *s, uint8_t proto, const struct name *n, struct policy_answer *out)
{
	if (dns_local_is_own(s->local, n) && !policy_denies_name(s->policy, n, out)) {
		*out = (struct policy_answer){.verdict = VERDICT_ALLOW};
		return true;
	}
	policy_decide_name(s->policy, proto, n, out);
	return out->verdict == VERDICT_ALLOW;
}

bool
judge_pace(struct sluice *gw, usec_t now)
{
	if (pace_take(&gw->pace, now))
		return true;
	gw_limit(gw, GW_PACED, "a flow of the guest was not begun: too many in a second", 0);
	return false;
}

static struct policy_question
question_of(const struct tuple *t, const struct endpoint *client, struct judgment *out)
{
	out->ingress = client != NULL;
	out->client = client ? *client : (struct endpoint){.port = 0};
	return (struct policy_question){
	    .ingress = client != NULL,
	    .proto = t->proto,
	    .remote = client ? client->addr : t->remote.addr,
	    .port = client ? t->guest.port : t->remote.port,
	    .claim = client ? CLAIM_NONE : judge_claim(t->proto, t->remote.port),
	    .requests = client ? CLAIM_NONE : judge_claim_requests(t->proto, t->remote.port),
	};
}

void
judge(struct sluice *gw, const struct tuple *t, const struct endpoint *client, struct judgment *out)
{
	const struct policy_question q = question_of(t, client, out);

	ask(gw, &q, "", out);
}

/* What a flow leads to, with what was told, and what it was allowed by so far. */
static struct policy_question
question_of_flow(const struct flow *f, const struct name *told, struct judgment *out)
{
	const struct tunnel *t = f->tunnel;
	struct tuple to = f->tuple;

	to.remote = tunnel_leads(f);
	struct policy_question q = question_of(&to, NULL, out);
	/* CONNECT has told a name, too. */
	if (!told && t && t->name.len)
		told = &t->name;
	q.claim = told ? CLAIM_TOLD : CLAIM_NONE;
	q.told = told;
	q.proof = t && t->opened && t->name.len ? &t->name : judged_proof(f->judged);
	return q;
}

void
judge_told(struct sluice *gw, const struct flow *f, const struct name *told, const char *told_by,
	   struct judgment *out)
{
	struct policy_question q = question_of_flow(f, told, out);

	ask(gw, &q, told ? told_by : by_connect, out);
}

void
judge_request(struct sluice *gw, const struct flow *f, const struct name *told, const char *told_by,
	      const struct policy_request *r, struct judgment *out)
{
	struct policy_question q = question_of_flow(f, told, out);

	q.requests = r ? CLAIM_TOLD : CLAIM_NONE;
	q.request = r;
	ask(gw, &q, told ? told_by : by_connect, out);
}

void
judge_tunnel(struct sluice *gw, const struct flow *f, const struct tunnel *to, enum tunnel_way way,
	     struct judgment *out)
{
	const struct name *name = to->name.len ? &to->name : NULL;
	struct tuple t = f->tuple;

	t.remote = (struct endpoint){to->addr, to->port};
	struct policy_question q = question_of(&t, NULL, out);
	if (name)
		q.claim = CLAIM_TOLD;
	else if (way == TUNNEL_SEALED)
		q.claim = CLAIM_NONE;
	q.told = name;
	q.proof = way == TUNNEL_OPENED ? name : NULL;
	if (way == TUNNEL_SEALED)
		q.requests = CLAIM_NONE;
	ask(gw, &q, by_connect, out);
	/* What is asked there is judged by nobody. */
	if (!judge_refuses(out) && (to->port == DNS_PORT || to->port == DNS_TLS_PORT) &&
	    !names_port(out->answer.rule, IP_PROTO_TCP, to->port)) {
		refuse(out, SLUICE_REASON_NAME_SERVICE);
	}
}

void
judge_again(struct sluice *gw, const struct tuple *t, const struct endpoint *client, const struct judged *was,
	    bool fresh, struct judgment *out)
{
	const struct name *told = judged_told(was);
	struct policy_question q = question_of(t, client, out);

	if (!fresh)
		q.requests = CLAIM_NONE;

	q.proof = judged_proof(was);
	if (told) {
		q.claim = CLAIM_TOLD;
		q.told = told;
	} else if (t->proto == IP_PROTO_TCP && !fresh) {
		q.claim = CLAIM_NONE;
	}
	ask(gw, &q, told ? was->told_by : "", out);
}

bool
judge_keep(struct flow *f, const struct judgment *j)
{
	return judge_keep_in(&f->judged, j);
}

/* What is kept, with room for names if there have to be any.  NULL: no memory, and *in is as it was. */
static struct judged *
room_for(struct judged **in, bool named)
{
	struct judged *k = *in;
	bool fresh = !k;

	if (k && (k->named || !named))
		return k;
	k = realloc(k, sizeof(*k) + (named ? sizeof(*k->names) : 0));
	if (!k)
		return NULL;
	if (fresh)
		memset(k, 0, sizeof(*k));
	if (named)
		memset(k->names, 0, sizeof(*k->names));
	k->named = named;
	*in = k;
	return k;
}

bool
judge_keep_in(struct judged **in, const struct judgment *j)
{
	bool told = j->name.len && j->name_from[0] && strcmp(j->name_from, by_evidence) != 0;
	bool named = told || j->answer.by.len;

	/* Nothing was asked for, or nothing said no. */
	if (!*in && !j->answer.rule && !named && j->verdict == VERDICT_ALLOW)
		return true;

	struct judged *k = room_for(in, named);
	if (!k)
		return false;
	k->verdict = j->verdict;
	k->rule = j->answer.rule;
	k->floor = j->answer.floor;
	if (j->answer.by.len)
		k->names->proof = j->answer.by;
	if (told) {
		k->names->told = j->name;
		k->told_by = j->name_from;
	}
	return true;
}
