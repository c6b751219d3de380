/*
 * requests.c - requests of one connection judged: policy, agreement of names, secrets, and what is told of them
 *
 * In this order, and the first that says no ends it: the request names its host; it is the host TLS was told; policy allows
 * it; a tunnel leads where a flow might.  Then it is told which secrets it may have: those for a name that everything known
 * agrees on, which is what TLS was told and the server has proven, what the request says, and what this gateway resolved.
 */
#include "proxy/requests.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http/exchange.h"
#include "proxy/gateway.h"

struct requests {
	struct exchange_env env;
	struct sluice *gw;
	struct tcp_flow *tf;
	struct requests_of of;
	struct tunnel tunnel;   /* where the last CONNECT that was allowed leads */
	struct secret_set *set; /* of the last plan: kept until the exchange has kept it itself */
	/* Refusals that were told of, and whose requests are not done: the others are the exchange's own. */
	struct told {
		uint16_t status;
		uint32_t n;
	} told[3];
};

/* --- what a request says of its host ----------------------------------------------------------------------------- */

static bool
has_addr(const struct request *r)
{
	return !addr_is_unspecified(&r->addr);
}

static struct policy_request
facts_of(const struct requests *rs, const struct request *r)
{
	return (struct policy_request){.tls = rs->of.tls, .method = r->method, .path = r->path};
}

/* An authority as it is shown: cut, and what is in no authority left out. */
static void
show_host(struct view authority, char to[JUDGE_HOST])
{
	size_t n = 0;

	for (size_t i = 0; i < authority.len && n < JUDGE_HOST - 1; i++)
		if (authority.p[i] > ' ' && authority.p[i] < 0x7f)
			to[n++] = (char)authority.p[i];
	to[n] = '\0';
}

/* Did this gateway lead the guest here by that name, now or when the flow began? */
static bool
led_here(const struct requests *rs, const struct name *n)
{
	const struct flow *f = &rs->tf->flow;
	const struct name *proof = judged_proof(f->judged);
	const struct endpoint leads = tunnel_leads(f);

	/* Through a proxy nothing leads by a name but the proxy: the certificate is what counts. */
	if (f->tunnel && f->tunnel->name.len)
		return rs->of.tls && rs->of.verified && name_eq(&f->tunnel->name, n);
	return (proof && name_eq(proof, n)) ||
	       evidence_left(rs->gw->evidence, n, &leads.addr, rs->gw->now) > 0;
}

/* Is it for the host that TLS was told?  Where that was told none, for where the connection leads (RFC 9110 7.4). */
static bool
is_directed(const struct requests *rs, const struct request *r)
{
	const struct requests_of *of = &rs->of;

	const struct endpoint leads = tunnel_leads(&rs->tf->flow);

	if (!of->tls)
		return true;
	if (of->sni.len)
		return r->name.len && name_eq(&r->name, &of->sni);
	return r->name.len ? led_here(rs, &r->name) : addr_eq(&r->addr, &leads.addr);
}

static struct told *
told_with(struct requests *rs, uint16_t status)
{
	for (size_t i = 0; i < sizeof(rs->told) / sizeof(rs->told[0]); i++)
		if (rs->told[i].status == status)
			return &rs->told[i];
	return NULL;
}

/* --- refusing ---------------------------------------------------------------------------------------------------- */

static void
answer(struct request_answer *out, struct requests *rs, const struct judgment *j, uint16_t status)
{
	const struct rule *rule = j->answer.reason == POLICY_RULE ? j->answer.rule : NULL;
	struct told *told = j->request ? told_with(rs, status) : NULL;

	if (told)
		told->n++;

	*out =
	    (struct request_answer){.status = status, .close = j->verdict == VERDICT_DROP || status == 400};
	judge_text(&rs->tf->flow.tuple, j, out->text);
	if (rule)
		snprintf(out->rule, sizeof(out->rule), "%s", rule->text ? rule->text : rule->profile);
}

static void
refuse(struct requests *rs, const struct request *r, struct judgment *j, uint16_t status,
       struct request_answer *out)
{
	show_host(r->authority, j->host);
	rs->gw->count[GW_REQUESTS_REFUSED]++;
	judge_request_refused(rs->gw, &rs->tf->flow, j);
	answer(out, rs, j, status);
}

/* For what it is, not for where it goes. */
static void
refuse_it(struct requests *rs, const struct request *r, enum sluice_reason reason, const char *why,
	  struct request_answer *out)
{
	const struct policy_request facts = facts_of(rs, r);
	struct judgment j = {
	    .verdict = VERDICT_DENY, .reason = reason, .name_from = "", .request = &facts, .why = why};

	if (r->name.len) {
		j.name = r->name;
		j.name_from = "host";
	}
	refuse(rs, r, &j, reason == SLUICE_REASON_MISDIRECTED ? 421 : 400, out);
}

const struct tunnel *
requests_tunnel(const struct requests *rs)
{
	return &rs->tunnel;
}

/* --- judging ----------------------------------------------------------------------------------------------------- */

/* A request to a proxy is the proxy's; where it leads is judged as a flow to there would be. */
static bool
tunnel_passes(struct requests *rs, const struct request *r, struct judgment *j)
{
	const struct policy_request facts = facts_of(rs, r);
	const struct name *proxy = rs->of.tls && rs->of.sni.len ? &rs->of.sni : NULL;

	judge_request(rs->gw, &rs->tf->flow, proxy, proxy ? "sni" : "", &facts, j);
	if (j->verdict != VERDICT_ALLOW)
		return false;
	rs->tunnel = (struct tunnel){
	    .name = r->name, .addr = r->name.len ? addr_v4(TUNNEL_SOMEWHERE) : r->addr, .port = r->port};
	return tunnel_may_begin(rs->gw, &rs->tf->flow, &rs->tunnel, rs->of.tls, j);
}

static bool
policy_passes(struct requests *rs, const struct request *r, const struct policy_request *facts,
	      struct judgment *j)
{
	bool passes;

	if (r->connect) {
		passes = tunnel_passes(rs, r, j);
		j->request = facts;
		return passes;
	}
	judge_request(rs->gw, &rs->tf->flow, r->name.len ? &r->name : NULL, "host", facts, j);
	return j->verdict == VERDICT_ALLOW;
}

/* The name everything agrees on, for secrets; NULL with *sure: it is the address. */
static const struct name *
certain_name(const struct requests *rs, const struct request *r, bool *sure)
{
	const struct requests_of *of = &rs->of;

	*sure = false;
	if (r->connect)
		return NULL;
	if (r->name.len) {
		*sure = (!of->tls || (of->verified && of->sni.len && name_eq(&r->name, &of->sni))) &&
			led_here(rs, &r->name);
		return &r->name;
	}
	*sure = of->tls && of->verified && !of->sni.len && has_addr(r);
	return NULL;
}

static void
plan(struct requests *rs, const struct request *r, struct secret_plan *out)
{
	bool sure;
	const struct name *name = certain_name(rs, r, &sure);

	secret_set_drop(rs->set);
	rs->set = rs->gw->secrets ? secret_store_take(rs->gw->secrets) : NULL;
	secret_plan_for(out, rs->set, name, sure, rs->of.tls);
}

static void
judge_one(void *ctx, const struct request *r, struct request_answer *out)
{
	struct requests *rs = ctx;
	const struct policy_request facts = facts_of(rs, r);
	struct judgment j;

	rs->gw->count[GW_REQUESTS]++;
	*out = (struct request_answer){.status = 0};
	/* RFC 9112 3.2: only HTTP/1.0 may name no host; over TLS that cannot agree with anything. */
	if (r->authority.len == 0 && (r->version != 10 || rs->of.tls)) {
		refuse_it(rs, r, SLUICE_REASON_BAD_QUERY, "it names no host", out);
	} else if (r->authority.len && r->name.len == 0 && !has_addr(r)) {
		refuse_it(rs, r, SLUICE_REASON_BAD_QUERY, "its host is neither a name nor an address", out);
	} else if (r->connect && r->port == 0) {
		refuse_it(rs, r, SLUICE_REASON_BAD_QUERY, "it names no port to connect to", out);
	} else if (!r->connect && !is_directed(rs, r)) {
		refuse_it(rs, r, SLUICE_REASON_MISDIRECTED, NULL, out);
	} else if (!policy_passes(rs, r, &facts, &j)) {
		refuse(rs, r, &j, 403, out);
	} else {
		plan(rs, r, &out->plan);
	}
}

/* --- placeholders ------------------------------------------------------------------------------------------------ */

static const struct place {
	enum secret_place place;
	const char *word, *phrase;
} places[] = {
    {SECRET_HEADER, "header", "in a header"}, {SECRET_BASIC, "basic", "in the credentials of Basic"},
    {SECRET_QUERY, "query", "in the query"},  {SECRET_BODY, "body", "in the body"},
    {SECRET_PATH, "path", "in the path"},     {SECRET_RAW, "raw", "in bytes that are no request"},
};

static const struct place *
place_of(enum secret_place place)
{
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		if (places[i].place == place)
			return &places[i];
	return &places[5];
}

/* Whom the placeholder would have gone to, into host. */
static void
name_receiver(const struct requests *rs, const struct request *r, struct judgment *j, char host[JUDGE_HOST])
{
	char text[NAME_TEXT];

	if (r) {
		j->name = r->name;
		j->name_from = r->name.len ? "host" : "";
		show_host(r->authority, j->host);
	} else if (rs->of.sni.len) {
		j->name = rs->of.sni;
		j->name_from = "sni";
	}
	if (r && j->host[0])
		snprintf(host, JUDGE_HOST, "%s", j->host);
	else if (j->name.len)
		snprintf(host, JUDGE_HOST, "%s", name_text(&j->name, text));
	else
		addr_text(&rs->tf->flow.tuple.remote.addr, host);
}

static bool
leaked(void *ctx, const struct request *r, const struct request_leak *l, struct request_answer *out)
{
	struct requests *rs = ctx;
	const struct place *at = place_of(l->place);
	const enum secret_action action = l->secret->action;
	const bool passes = action == SECRET_PASS || action == SECRET_LOG;
	struct policy_request facts;
	struct judgment j = {.verdict = passes ? VERDICT_ALLOW : VERDICT_DENY, .name_from = ""};
	char host[JUDGE_HOST], why[REQUEST_TEXT];

	if (action == SECRET_PASS)
		return true;
	if (r) {
		facts = facts_of(rs, r);
		j.request = &facts;
	}
	name_receiver(rs, r, &j, host);
	snprintf(why, sizeof(why), "the placeholder of %.64s may not go to %.200s (found %s%s%s)",
		 l->secret->name, host, at->phrase, strcmp(l->form, "raw") == 0 ? "" : ", as ",
		 strcmp(l->form, "raw") == 0 ? "" : l->form);
	j.why = why;
	j.reason = passes ? SLUICE_REASON_NONE : SLUICE_REASON_SECRET;
	event_secret(rs->gw, &rs->tf->flow, &j,
		     &(struct event_leak){l->secret->name, at->word, l->form, action == SECRET_TERMINATE});
	if (passes)
		return true;
	rs->gw->count[GW_SECRETS_REFUSED]++;
	judge_secret_refused(rs->gw, &rs->tf->flow, &j);
	answer(out, rs, &j, 403);
	return false;
}

/* --- bodies that are gathered ------------------------------------------------------------------------------------ */

static bool
room(void *ctx, ptrdiff_t more)
{
	struct requests *rs = ctx;
	struct sluice *gw = rs->gw;

	if (more > 0 && (size_t)more > REQUESTS_BODIES - gw->bodies) {
		gw_limit(gw, GW_BODIES_FULL,
			 "too many bodies that secrets are put into: a request was refused", 0);
		return false;
	}
	gw->bodies = (size_t)((ptrdiff_t)gw->bodies + more);
	return true;
}

/* --- the log of requests ----------------------------------------------------------------------------------------- */

/* "api.example" of "API.example:443": the host as policy compares it, where it is a name. */
static void
bare_host(struct view authority, char to[NAME_TEXT])
{
	const char *text = (const char *)authority.p;
	size_t len = authority.len, colon = len;
	struct name name;

	while (colon > 0 && text[colon - 1] >= '0' && text[colon - 1] <= '9')
		colon--;
	if (colon > 0 && text[colon - 1] == ':')
		len = colon - 1;
	if (len && name_parse(text, len, &name))
		name_text(&name, to);
	else
		snprintf(to, NAME_TEXT, "%.*s", (int)(len < NAME_TEXT ? len : NAME_TEXT - 1),
			 len ? text : "");
}

/* One that the exchange itself would not serve: what it is made of is its fault, and not told yet. */
static void
tell_unserved(struct requests *rs, const struct request_record *rec, const struct policy_request *facts)
{
	struct told *told = told_with(rs, rec->status);
	char why[64];
	struct judgment j = {.verdict = VERDICT_DENY,
			     .reason = SLUICE_REASON_BAD_QUERY,
			     .name_from = "",
			     .why = why,
			     .request = rec->method.len ? facts : NULL};

	if (!rec->refused || rec->status < 400 || rec->status >= 500)
		return;
	if (told && told->n > 0) {
		told->n--;
		return;
	}
	snprintf(why, sizeof(why), "a request that cannot be read or served (%u)", rec->status);
	show_host(rec->authority, j.host);
	if (rs->of.sni.len) {
		j.name = rs->of.sni;
		j.name_from = "sni";
	}
	rs->gw->count[GW_REQUESTS_REFUSED]++;
	judge_request_refused(rs->gw, &rs->tf->flow, &j);
}

static void
done(void *ctx, const struct request_record *rec)
{
	struct requests *rs = ctx;
	const struct tls_settings *tls = rs->gw->settings->tls;
	const struct policy_request facts = {
	    .tls = rs->of.tls, .method = rec->method, .path = rec->path ? rec->path : ""};
	struct judgment j = {.request = &facts};
	char text[JUDGE_TEXT], status[32], host[NAME_TEXT];

	tell_unserved(rs, rec, &facts);
	if (!tls || !tls->request_log || !rs->gw->event)
		return;
	if (rec->status)
		snprintf(status, sizeof(status), "%u%s", rec->status, rec->refused ? ", our own" : "");
	else
		snprintf(status, sizeof(status), "no answer");
	j.why = status;
	show_host(rec->authority, j.host);
	bare_host(rec->authority, host);
	event_request(rs->gw, &rs->tf->flow, rec, judge_text(&rs->tf->flow.tuple, &j, text), host);
}

/* --- one connection ---------------------------------------------------------------------------------------------- */

struct requests *
requests_new(struct sluice *gw, struct tcp_flow *tf, const struct requests_of *of)
{
	struct requests *rs = calloc(1, sizeof(*rs));

	if (!rs)
		return NULL;
	rs->gw = gw;
	rs->tf = tf;
	rs->of = *of;
	rs->told[0].status = 400;
	rs->told[1].status = 403;
	rs->told[2].status = 421;
	rs->env = (struct exchange_env){
	    .ctx = rs, .judge = judge_one, .leaked = leaked, .done = done, .room = room};
	return rs;
}

void
requests_free(struct requests *rs)
{
	if (!rs)
		return;
	secret_set_drop(rs->set);
	free(rs);
}

const struct exchange_env *
requests_env(struct requests *rs)
{
	return &rs->env;
}

bool
requests_opaque(struct sluice *gw, struct tcp_flow *tf, const struct requests_of *of, struct secret_plan *out)
{
	const struct name *sni = of->sni.len ? &of->sni : NULL;
	struct judgment j;

	*out = (struct secret_plan){.set = NULL};
	judge_request(gw, &tf->flow, sni, sni ? "sni" : "", NULL, &j);
	if (j.verdict != VERDICT_ALLOW) {
		judge_ends(gw, &tf->flow, &j);
		return false;
	}
	/* No place of a request is there to put one in. */
	secret_plan_for(out, gw->secrets ? secret_store_take(gw->secrets) : NULL, sni, false, of->tls);
	return true;
}
