/*
 * explain.c - a policy asked what it would say, and why
 *
 * The same functions as in a gateway that runs, in the same order: is the name answered, is it a name of the gateway's
 * own, where may it lead, is the SYN let in, and what becomes of it once a name is told.  What is only known then (that
 * the guest resolved the name, and which it tells) is assumed as the question says.
 */
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "http/head.h"
#include "http/request.h"
#include "proxy/config.h"
#include "proxy/explain.h"
#include "proxy/gateway.h"
#include "proxy/options.h"

/* A public address that nobody has (192.0.1.0/24 was never given to anybody). */
#define SOMEWHERE 0xc0000101u
#define ANSWER_TTL 300u

int
sluice_check(const struct sluice_config *given, char *err, size_t errlen)
{
	struct setup su = {err, errlen};
	struct sluice_config cfg = {0};

	if (errlen)
		err[0] = '\0';
	if (!gw_whole_config(&su, given, &cfg))
		return -1;
	struct settings *s = settings_read(&su, &cfg);
	settings_free(s);
	return s ? 0 : -1;
}

/* --- the question ------------------------------------------------------------------------------------------ */

static bool
read_name(struct setup *su, const char *what, const char *text, struct name *out)
{
	if (name_parse(text, strlen(text), out) && out->len > 1)
		return true;
	return wrong(su, "%s '%s' is neither a name nor an address", what, text);
}

/* A request, as it would come over the wire. */
static bool
read_request(struct setup *su, const struct sluice_question *q, struct explanation *e)
{
	const char *target = q->path && q->path[0] ? q->path : "/";
	size_t len = strlen(q->method);

	if (q->protocol != IPPROTO_TCP || q->ingress)
		return wrong(su, "a request is asked of a target, over TCP");
	if (len == 0 || len > HTTP_METHOD_MAX || strpbrk(q->method, " \t\r\n"))
		return wrong(su, "'%s' is not a method; write it as in GET", q->method);
	e->path = malloc(REQUEST_PATH + 1);
	if (!e->path)
		return wrong(su, "no memory to explain it");
	if (strcmp(target, "*") == 0 && strcmp(q->method, "OPTIONS") == 0)
		memcpy(e->path, "*", 2);
	else if (strcmp(q->method, "CONNECT") == 0)
		e->path[0] = '\0';
	else if (!request_path(view_of(target, strlen(target)), e->path, REQUEST_PATH + 1))
		return wrong(
		    su, "the path '%s' has no normal form: a request with it is refused whatever rules say",
		    target);
	e->asks = true;
	e->request =
	    (struct policy_request){.tls = !q->plain, .method = view_of(q->method, len), .path = e->path};
	return true;
}

static bool
read_question(struct setup *su, const struct sluice_question *q, struct explanation *e)
{
	if (!q->host || !*q->host)
		return wrong(su, "the question names no host");
	if (q->protocol != 0 && q->protocol != IPPROTO_TCP && q->protocol != IPPROTO_UDP &&
	    q->protocol != IPPROTO_ICMP)
		return wrong(su, "protocol %d is none of TCP, UDP and ICMP", q->protocol);
	e->named = !option_address(q->host, &e->q.remote);
	if (e->named && !read_name(su, "host", q->host, &e->name))
		return false;
	if (!e->named && q->protocol == 0)
		return wrong(su, "'%s' is an address; names are asked for", q->host);
	if (q->ingress && (e->named || q->protocol == IPPROTO_ICMP || q->protocol == 0))
		return wrong(su, "a client comes from an address, over TCP or UDP");
	if (q->address && !option_address(q->address, &e->q.remote))
		return wrong(su, "'%s' is not an address; write it as in 192.0.2.1", q->address);
	if (q->address && !e->named)
		return wrong(su, "'%s' is an address already; leave the other out", q->host);
	e->assumed = e->named && !q->address;
	if (e->assumed)
		e->q.remote = addr_v4(SOMEWHERE);
	e->tells = q->protocol == IPPROTO_TCP && (q->sni ? *q->sni != '\0' : e->named);
	if (e->tells && q->sni && !read_name(su, "the name that is told,", q->sni, &e->told))
		return false;
	if (e->tells && !q->sni)
		e->told = e->name;
	if (q->method && !read_request(su, q, e))
		return false;
	e->q.ingress = q->ingress;
	e->q.port = q->port;
	e->q.proto = (uint8_t)q->protocol;
	if (q->protocol == IPPROTO_ICMP && !addr_is_v4(&e->q.remote))
		e->q.proto = IPPROTO_ICMPV6;
	return true;
}

/* --- where it is asked ------------------------------------------------------------------------------------- */

/* The host's own addresses as they are now; none where they cannot be read. */
static struct addr *
own_addresses(size_t *n)
{
	int error = 0;
	struct host *host = host_kernel(&error);
	struct addr *list = NULL;

	*n = 0;
	if (!host)
		return NULL;
	if (host->ops->addrs(host, &list, n) < 0) {
		list = NULL;
		*n = 0;
	}
	host_kernel_free(host);
	return list;
}

static bool
set_surroundings(struct setup *su, const struct sluice_config *cfg, struct explanation *e)
{
	struct stack_config sc = {0};

	if (!config_stack(su, cfg, &sc))
		return false;
	for (int fam = 0; fam < FAMILIES; fam++)
		if (sc.net[fam].on) {
			e->where.gateway[fam] = sc.net[fam].gateway;
			e->where.dns[fam] = sc.net[fam].dns;
		}
	e->own = own_addresses(&e->where.nown);
	e->where.own = e->own;
	return true;
}

/* --- the answer -------------------------------------------------------------------------------------------- */

static void
keep_step(void *ctx, const struct policy_step *s)
{
	struct explanation *e = ctx;
	size_t room = e->nstep ? e->room : 0;

	if (e->nstep == room) {
		size_t more = room ? room * 2 : 64;
		struct explained_step *grown = realloc(e->step, more * sizeof(*grown));
		if (!grown) {
			e->no_memory = true;
			return;
		}
		e->step = grown;
		e->room = more;
	}
	struct explained_step *to = &e->step[e->nstep];
	*to = (struct explained_step){s->rule, s->floor, s->matches, s->perhaps,
				      option_copy(s->why, strlen(s->why))};
	if (to->why)
		e->nstep++;
	else
		e->no_memory = true;
}

static void
refuse(struct explanation *e, enum sluice_reason reason)
{
	e->refused = true;
	e->reason = reason;
}

/* Is it a name of the gateway's own or of the operator's?  Then where it leads is known. */
static bool
is_local(struct explanation *e)
{
	static const uint16_t type[] = {DNS_A, DNS_AAAA};
	struct addr addr[DNS_LOCAL_ADDRS];

	for (size_t i = 0; i < sizeof(type) / sizeof(type[0]); i++) {
		struct dns_query q = {.rd = true, .type = type[i], .class = 1, .name = e->name};
		unsigned n = 0;
		enum dns_local_is is =
		    dns_local_find(e->settings->local, &e->where, &q,
				   dns_servers_routed(e->settings->servers, &e->name), addr, &n);
		if (is == LOCAL_NOT)
			return false;
		e->local = true;
		if (is == LOCAL_ADDRS && n > 0) {
			if (e->assumed)
				e->q.remote = addr[0];
			e->assumed = false;
			return true;
		}
	}
	e->nowhere = true;
	return true;
}

/* May the guest learn where the name leads?  False: no, and that is the end of it. */
static bool
ask_name(struct explanation *e, bool last)
{
	const struct settings *s = e->settings;
	const struct policy_answer *a = &e->name_answer;

	e->asked_name = true;
	if (!judge_may_ask(s, IPPROTO_UDP, &e->name, &e->name_answer))
		refuse(e, SLUICE_REASON_RULE);
	if (e->refused || last) {
		e->answer = *a;
		policy_trace_name(s->policy, IPPROTO_UDP, &e->name, keep_step, e);
	}
	if (e->refused)
		return false;
	if (is_local(e))
		e->refused = e->nowhere;
	else if (s->rebind_protection && !e->assumed && addr_is_special(&e->q.remote) &&
		 !nameset_has(s->rebind_allow, &e->name) &&
		 !policy_allows_answer(s->policy, &e->where, &e->q.remote))
		refuse(e, SLUICE_REASON_REBIND);
	return !e->refused;
}

static void
decide(struct explanation *e)
{
	policy_decide(e->settings->policy, &e->where, e->q.ingress ? NULL : e->evidence, 0, &e->q,
		      &e->answer);
	e->reason = judge_reason(e->settings, &e->q, &e->answer);
}

/* Is it passed on unopened, whatever its rules? */
static bool
is_bypassed(const struct explanation *e)
{
	const struct tls_settings *tls = e->settings->tls;

	return tls && tls->bypass && e->tells && nameset_has(tls->bypass, &e->told);
}

/* The SYN is let in: what its first flight tells, then what is asked. */
static void
ask_further(struct explanation *e)
{
	e->peeked = e->answer.verdict == VERDICT_PEEK;
	e->q.claim = e->tells ? CLAIM_TOLD : CLAIM_NONE;
	e->q.told = e->tells ? &e->told : NULL;
	e->closed = is_bypassed(e) && (!e->asks || e->request.tls);
	if (e->closed)
		e->q.requests = CLAIM_NONE;
	else if (e->asks)
		e->q.requests = CLAIM_TOLD;
	e->q.request = e->asks && !e->closed ? &e->request : NULL;
	decide(e);
	e->waits = e->reason == SLUICE_REASON_NONE && e->answer.verdict == VERDICT_PEEK;
}

static void
ask_flow(struct explanation *e)
{
	e->q.claim = e->q.ingress ? CLAIM_NONE : judge_claim(e->q.proto, e->q.port);
	e->q.requests = e->q.ingress ? CLAIM_NONE : judge_claim_requests(e->q.proto, e->q.port);
	decide(e);
	if (e->reason == SLUICE_REASON_NONE && (e->answer.verdict == VERDICT_PEEK || e->asks))
		ask_further(e);
	e->refused = e->reason != SLUICE_REASON_NONE;
	policy_trace(e->settings->policy, &e->where, e->q.ingress ? NULL : e->evidence, 0, &e->q, keep_step,
		     e);
}

static bool
ask(struct setup *su, struct explanation *e)
{
	static const uint8_t secret[16];

	e->evidence = evidence_new(64, secret);
	if (!e->evidence)
		return wrong(su, "no memory to explain it");
	bool name_only = e->q.proto == 0;
	if (e->named && !ask_name(e, name_only))
		return true;
	if (name_only)
		return true;
	if (e->named)
		evidence_add(e->evidence, &e->name, &e->q.remote, ANSWER_TTL, 0);
	ask_flow(e);
	return true;
}

static void
explanation_done(struct explanation *e)
{
	for (size_t i = 0; i < e->nstep; i++)
		free(e->step[i].why);
	free(e->step);
	evidence_free(e->evidence);
	settings_free(e->settings);
	free(e->own);
	free(e->path);
}

int
sluice_explain(const struct sluice_config *given, const struct sluice_question *q, bool json,
	       void (*out)(void *ctx, const char *text), void *ctx, char *err, size_t errlen)
{
	struct setup su = {err, errlen};
	struct sluice_config cfg = {0};
	struct sluice_question whole = {0};
	int r = -1;

	if (errlen)
		err[0] = '\0';
	/* A caller built with an older header says less. */
	memcpy(&whole, q, q->size < sizeof(whole) ? q->size : sizeof(whole));
	struct explanation *e = calloc(1, sizeof(*e));
	if (!e)
		wrong(&su, "no memory to explain it");
	else if (gw_whole_config(&su, given, &cfg) && read_question(&su, &whole, e) &&
		 set_surroundings(&su, &cfg, e) && (e->settings = settings_read(&su, &cfg)) && ask(&su, e)) {
		e->question = &whole;
		bool said = json ? explain_json(e, out, ctx) : explain_text(e, out, ctx);
		if (said && !e->no_memory)
			r = !e->refused;
		else
			wrong(&su, "no memory to explain it");
	}
	if (e)
		explanation_done(e);
	free(e);
	return r;
}
