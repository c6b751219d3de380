/*
 * judge_refusal.c - what a refusal does besides refusing: a count, an event, a place in the guest's list, a line in the log
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "proxy/endpoint.h"
#include "proxy/gateway.h"
#include "stack/ip_wire.h"
#include "stack/siphash.h"

#define LINES 10u      /* of refusals in the log, a second; of the others the count follows */
#define RULE_SHOWN 160 /* bytes of a rule's text in a sentence */
#define NAME_SHOWN 128 /* ... of a name */
#define PATH_SHOWN 120 /* ... of a path */
#define METHOD_SHOWN 24

/* A string that grows in a fixed buffer and is cut at its end. */
struct text {
	char *p;
	size_t len, size;
};

__attribute__((format(printf, 2, 3))) static void
add(struct text *t, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	int n = vsnprintf(t->p + t->len, t->size - t->len, fmt, ap);
	va_end(ap);
	if (n > 0)
		t->len += (size_t)n < t->size - t->len ? (size_t)n : t->size - t->len - 1;
}

static const char *
proto_name(uint8_t proto)
{
	switch (proto) {
	case IP_PROTO_TCP:
		return "tcp";
	case IP_PROTO_UDP:
		return "udp";
	default:
		return "icmp";
	}
}

/* --- the sentence ---------------------------------------------------------------------------------------- */

/* Text of the guest's, with all that is not plain ASCII as %XX; cut. */
static void
add_escaped(struct text *out, const char *text, size_t len, size_t most)
{
	for (size_t i = 0; i < len && i < most; i++) {
		unsigned char c = (unsigned char)text[i];

		add(out, c <= ' ' || c >= 0x7f || c == '"' || c == '%' ? "%%%02X" : "%c", c);
	}
	if (len > most)
		add(out, "...");
}

/* "GET https://api.example/repos", "CONNECT git.example:443" */
static void
add_request(struct text *out, const struct judgment *j)
{
	const struct policy_request *r = j->request;
	bool tunnel = r->path[0] == '\0';

	add_escaped(out, (const char *)r->method.p, r->method.len, METHOD_SHOWN);
	add(out, tunnel ? " " : r->tls ? " https://" : " http://");
	add_escaped(out, j->host, strlen(j->host), NAME_SHOWN);
	if (!tunnel)
		add_escaped(out, r->path, strlen(r->path), PATH_SHOWN);
}

/* "tcp 203.0.113.5:25", "icmp 2001:db8::1", "tcp from 192.0.2.1 to port 80" */
static void
add_ends(struct text *out, const struct tuple *t, const struct judgment *j)
{
	char at[ENDPOINT_TEXT];

	add(out, "%s ", proto_name(t->proto));
	if (j->ingress)
		add(out, "from %s to port %u", addr_text(&j->client.addr, at), t->guest.port);
	else if (t->proto == IP_PROTO_TCP || t->proto == IP_PROTO_UDP)
		add(out, "%s", endpoint_text(&t->remote, at));
	else
		add(out, "%s", addr_text(&t->remote.addr, at));
}

static void
add_name(struct text *out, const struct name *n)
{
	char text[NAME_TEXT];

	add(out, "%.*s", NAME_SHOWN, name_text(n, text));
}

/* "policy.yaml:12", "rule 3", "profile public" */
static void
add_place(struct text *out, const struct policy_answer *a)
{
	const struct rule *r = a->rule;

	if (a->floor)
		add(out, "the floor's ");
	if (r->profile)
		add(out, "profile %s", r->profile);
	else if (r->at.file)
		add(out, "%s:%u", r->at.file, r->at.line);
	else
		add(out, "rule %u", r->number);
}

static void
add_rule(struct text *out, const struct policy_answer *a)
{
	const struct rule *r = a->rule;

	if (!r) {
		add(out, a->floor ? "the floor does not allow it" : "no rule allows it");
		return;
	}
	add(out, "refused by ");
	add_place(out, a);
	if (!r->profile && r->text)
		add(out, " \"%.*s\"", RULE_SHOWN, r->text);
}

/* What to say of a reason; NULL: the rule says it. */
static const char *
phrase_of(enum sluice_reason reason)
{
	switch (reason) {
	case SLUICE_REASON_NO_EVIDENCE:
		return "a name is allowed there, but this gateway was not asked for one that leads to this "
		       "address";
	case SLUICE_REASON_NAME:
		return "this name is not allowed there";
	case SLUICE_REASON_NO_NAME:
		return "a name decides, and none was told";
	case SLUICE_REASON_ECH:
		return "a name decides, and it is encrypted (ECH)";
	case SLUICE_REASON_QUIC:
		return "a name decides, and QUIC does not show it: use TCP";
	case SLUICE_REASON_NAME_SERVICE:
		return "names are asked on port 53; a rule that names this port would allow it";
	case SLUICE_REASON_REBIND:
		return "the answer leads to a private or special address";
	case SLUICE_REASON_BAD_QUERY:
		return "it breaks the protocol";
	case SLUICE_REASON_MISDIRECTED:
		return "it is for another host than TLS was told";
	case SLUICE_REASON_NO_REQUEST:
		return "requests are allowed there, and this is none that can be read";
	default:
		return NULL;
	}
}

static void
add_why(struct text *out, enum sluice_reason reason, const struct policy_answer *a)
{
	const char *phrase = phrase_of(reason);

	if (reason == SLUICE_REASON_RELOAD)
		add(out, "no longer allowed: ");
	if (phrase)
		add(out, "%s", phrase);
	else if (a)
		add_rule(out, a);
	else
		add(out, "%s", sluice_reason_name(reason));
}

char *
judge_text(const struct tuple *t, const struct judgment *j, char buf[JUDGE_TEXT])
{
	struct text out = {buf, 0, JUDGE_TEXT};

	char at[ENDPOINT_TEXT];

	if (j->request) {
		add_request(&out, j);
		add(&out, " (%s)", endpoint_text(&t->remote, at));
	} else {
		add_ends(&out, t, j);
	}
	if (j->name.len && !j->request) {
		add(&out, " (");
		add_name(&out, &j->name);
		add(&out, ")");
	}
	add(&out, ": ");
	if (j->why)
		add(&out, "%s", j->why);
	else
		add_why(&out, j->reason, &j->answer);
	return buf;
}

/* --- who is told ----------------------------------------------------------------------------------------- */

/* A flood of refusals is LINES lines a second, and their number. */
static void
log_refusal(struct sluice *gw, const char *text)
{
	if (gw->said_refusals_at == 0 || gw->now >= gw->said_refusals_at + USEC_PER_SEC) {
		if (gw->said_refusals > LINES)
			gw_log(gw, SLUICE_LOG_WARNING, "refused: %u more", gw->said_refusals - LINES);
		gw->said_refusals_at = gw->now ? gw->now : 1;
		gw->said_refusals = 0;
	}
	if (++gw->said_refusals <= LINES)
		gw_log(gw, SLUICE_LOG_WARNING, "refused: %s", text);
}

/* What was closed in older versions' default is the first thing one stumbles over. */
static void
log_remedy(struct sluice *gw, const struct tuple *t, const struct judgment *j)
{
	if (gw->said_host || j->ingress || j->reason != SLUICE_REASON_RULE || j->answer.rule ||
	    group_of(&t->remote.addr, &gw->where) != GROUP_HOST)
		return;
	gw->said_host = true;
	gw_log(gw, SLUICE_LOG_WARNING, "this host is reached with -r 'allow to @host'");
}

static void
put(char *to, size_t size, const char *from)
{
	snprintf(to, size, "%s", from);
}

/* In the guest's own list. */
static void
list(struct sluice *gw, struct refusal *one, const struct name *n, const struct policy_answer *a)
{
	struct text where = {one->where, 0, sizeof(one->where)};
	char text[NAME_TEXT], key[sizeof(one->what) + sizeof(one->name) + 8];

	one->first = one->last = gw->now;
	one->count = 1;
	if (n && n->len)
		put(one->name, sizeof(one->name), name_text(n, text));
	if (a && a->rule) {
		if (a->rule->text)
			put(one->rule, sizeof(one->rule), a->rule->text);
		add_place(&where, a);
	}
	int len = snprintf(key, sizeof(key), "%d %s %s", (int)one->reason, one->what, one->name);
	one->key = siphash(gw->stack.cfg.secret, key, (size_t)len < sizeof(key) ? (size_t)len : sizeof(key));
	refusals_add(&gw->refusals, one);
}

static void
list_flow(struct sluice *gw, const struct tuple *t, const struct judgment *j, const char *sentence)
{
	struct refusal one = {.reason = j->reason};
	struct text what = {one.what, 0, sizeof(one.what)};

	/* Who asks at its ports is not the guest's to know before it is let in. */
	if (j->ingress)
		return;
	if (j->request)
		add_request(&what, j);
	else
		add_ends(&what, t, j);
	put(one.text, sizeof(one.text), sentence);
	list(gw, &one, &j->name, &j->answer);
}

static void
count(struct sluice *gw, enum verdict v)
{
	gw->count[GW_POLICY_REFUSED]++;
	if (v == VERDICT_DROP)
		gw->count[GW_POLICY_DROPPED]++;
}

void
judge_refused(struct sluice *gw, const struct tuple *t, const struct flow *f, const struct endpoint *client,
	      const struct judgment *j)
{
	char text[JUDGE_TEXT];

	count(gw, j->verdict);
	judge_text(t, j, text);
	log_refusal(gw, text);
	log_remedy(gw, t, j);
	list_flow(gw, t, j, text);
	/* A flow is told of when it ends. */
	if (!f)
		event_judged(gw, SLUICE_EVENT_FLOW_REFUSED, t, NULL, client, j);
}

void
judge_ends(struct sluice *gw, struct flow *f, const struct judgment *j)
{
	judge_refused(gw, &f->tuple, f, NULL, j);
	f->reason = (uint8_t)j->reason;
	/* Without memory its last event says the reason alone. */
	judge_keep(f, j);
}

void
judge_secret_refused(struct sluice *gw, const struct flow *f, const struct judgment *j)
{
	char text[JUDGE_TEXT];

	count(gw, j->verdict);
	judge_text(&f->tuple, j, text);
	log_refusal(gw, text);
	list_flow(gw, &f->tuple, j, text);
}

void
judge_request_refused(struct sluice *gw, const struct flow *f, const struct judgment *j)
{
	judge_secret_refused(gw, f, j);
	event_judged(gw, SLUICE_EVENT_REQUEST_REFUSED, &f->tuple, f, NULL, j);
}

void
judge_name_refused(struct sluice *gw, const struct tuple *t, const struct name *n, enum sluice_reason reason,
		   const struct policy_answer *a)
{
	struct refusal one = {.reason = reason};
	struct text what = {one.what, 0, sizeof(one.what)}, out = {one.text, 0, sizeof(one.text)};

	count(gw, a ? a->verdict : VERDICT_DENY);
	add(&what, "dns ");
	add_name(&what, n);
	add(&out, "dns ");
	add_name(&out, n);
	add(&out, ": ");
	add_why(&out, reason, a);
	log_refusal(gw, one.text);
	list(gw, &one, n, a);
	event_name_refused(gw, t, n, reason, a);
}
