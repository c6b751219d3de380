/*
 * event.c - events: one struct filled in for each, with text only where somebody reads it
 */
#include "proxy/event.h"

#include <netinet/in.h>
#include <stdio.h>

#include "http/head.h"
#include "http/request.h"
#include "proxy/endpoint.h"
#include "proxy/gateway.h"

static const char *const reason_names[] = {
    [SLUICE_REASON_NONE] = "none",
    [SLUICE_REASON_DONE] = "done",
    [SLUICE_REASON_GUEST_RESET] = "reset by the guest",
    [SLUICE_REASON_HOST_RESET] = "reset by the host",
    [SLUICE_REASON_REFUSED] = "refused",
    [SLUICE_REASON_UNREACHABLE] = "unreachable",
    [SLUICE_REASON_TIMED_OUT] = "timed out",
    [SLUICE_REASON_GUEST_SILENT] = "guest silent",
    [SLUICE_REASON_FULL] = "full",
    [SLUICE_REASON_HOOK] = "refused by the connect hook",
    [SLUICE_REASON_PROXY] = "refused by the proxy",
    [SLUICE_REASON_LINK] = "link closed",
    [SLUICE_REASON_RULE] = "refused by policy",
    [SLUICE_REASON_NO_EVIDENCE] = "no allowed name led there",
    [SLUICE_REASON_NAME] = "the name is not allowed there",
    [SLUICE_REASON_NO_NAME] = "no name was told",
    [SLUICE_REASON_ECH] = "the name is encrypted",
    [SLUICE_REASON_QUIC] = "QUIC hides the name",
    [SLUICE_REASON_NAME_SERVICE] = "names are asked on port 53",
    [SLUICE_REASON_REBIND] = "the answer leads inwards",
    [SLUICE_REASON_BAD_QUERY] = "breaks the protocol",
    [SLUICE_REASON_RELOAD] = "no longer allowed",
    [SLUICE_REASON_CERTIFICATE] = "the server's certificate is not good",
    [SLUICE_REASON_TLS] = "no TLS with the server",
    [SLUICE_REASON_GUEST_TRUST] = "the guest does not take our certificate",
    [SLUICE_REASON_MISDIRECTED] = "for another host than TLS was told",
    [SLUICE_REASON_SECRET] = "a placeholder where it may not be",
    [SLUICE_REASON_NO_REQUEST] = "no request that can be read",
};

const char *
sluice_reason_name(enum sluice_reason r)
{
	size_t n = (size_t)r;

	return n < sizeof(reason_names) / sizeof(reason_names[0]) ? reason_names[n] : "unknown";
}

/* In one word, for programs: docs/events.md lists them, and none ever changes its meaning. */
static const char *const reason_codes[] = {
    [SLUICE_REASON_NONE] = "none",
    [SLUICE_REASON_DONE] = "done",
    [SLUICE_REASON_GUEST_RESET] = "guest-reset",
    [SLUICE_REASON_HOST_RESET] = "host-reset",
    [SLUICE_REASON_REFUSED] = "refused",
    [SLUICE_REASON_UNREACHABLE] = "unreachable",
    [SLUICE_REASON_TIMED_OUT] = "timed-out",
    [SLUICE_REASON_GUEST_SILENT] = "guest-silent",
    [SLUICE_REASON_FULL] = "full",
    [SLUICE_REASON_HOOK] = "hook",
    [SLUICE_REASON_PROXY] = "proxy",
    [SLUICE_REASON_LINK] = "link",
    [SLUICE_REASON_RULE] = "rule",
    [SLUICE_REASON_NO_EVIDENCE] = "no-evidence",
    [SLUICE_REASON_NAME] = "name",
    [SLUICE_REASON_NO_NAME] = "no-name",
    [SLUICE_REASON_ECH] = "ech",
    [SLUICE_REASON_QUIC] = "quic",
    [SLUICE_REASON_NAME_SERVICE] = "name-service",
    [SLUICE_REASON_REBIND] = "rebind",
    [SLUICE_REASON_BAD_QUERY] = "bad-query",
    [SLUICE_REASON_RELOAD] = "reload",
    [SLUICE_REASON_CERTIFICATE] = "certificate",
    [SLUICE_REASON_TLS] = "tls",
    [SLUICE_REASON_GUEST_TRUST] = "guest-trust",
    [SLUICE_REASON_MISDIRECTED] = "misdirected",
    [SLUICE_REASON_SECRET] = "secret",
    [SLUICE_REASON_NO_REQUEST] = "no-request",
};

_Static_assert(sizeof(reason_codes) == sizeof(reason_names), "a name and a code for each reason");

const char *
event_code(enum sluice_reason r)
{
	size_t n = (size_t)r;

	return n < sizeof(reason_codes) / sizeof(reason_codes[0]) ? reason_codes[n] : "unknown";
}

static const char *
or_nothing(const char *text)
{
	return text ? text : "";
}

static void
tell(struct sluice *gw, struct sluice_event *e)
{
	e->size = sizeof(*e);
	e->now = (uint64_t)gw->now;
	if (!e->text)
		e->text = sluice_reason_name(e->reason);
	e->code = event_code(e->reason);
	e->guest = or_nothing(e->guest);
	e->remote = or_nothing(e->remote);
	e->target = or_nothing(e->target);
	e->name = or_nothing(e->name);
	e->name_from = or_nothing(e->name_from);
	e->verdict = or_nothing(e->verdict);
	e->rule_text = or_nothing(e->rule_text);
	e->file = or_nothing(e->file);
	e->method = or_nothing(e->method);
	e->path = or_nothing(e->path);
	e->secret = or_nothing(e->secret);
	e->where = or_nothing(e->where);
	e->detail = or_nothing(e->detail);
	gw->event(gw->hook_ctx, e);
}

/* --- what policy said ---------------------------------------------------------------------------------------- */

/* The texts stay the rule's. */
static void
cite_rule(struct sluice_event *e, const struct rule *r, bool floor)
{
	e->floor = floor;
	if (!r)
		return;
	e->rule = r->number;
	e->rule_text = r->profile ? r->profile : r->text;
	e->file = r->at.file;
	e->line = r->at.file ? r->at.line : 0;
}

/* buf: NAME_TEXT bytes, as long as e lives. */
static void
cite_name(struct sluice_event *e, const struct name *n, const char *from, char *buf)
{
	if (n->len == 0)
		return;
	e->name = name_text(n, buf);
	e->name_from = from;
}

static const char *
verdict_word(enum verdict v)
{
	switch (v) {
	case VERDICT_ALLOW:
		return "allow";
	case VERDICT_PEEK:
		return "peek";
	case VERDICT_DROP:
		return "drop";
	case VERDICT_DENY:
		break;
	}
	return "deny";
}

/* --- flows --------------------------------------------------------------------------------------------------- */

struct flow_text {
	char guest[ENDPOINT_TEXT], remote[ENDPOINT_TEXT], target[ENDPOINT_TEXT];
};

static bool
is_nowhere(const struct endpoint *e)
{
	return e->port == 0 && addr_is_unspecified(&e->addr);
}

/* "" for an end that nobody has: the remote one of a mapping, a target that is not known. */
static const char *
text_of(const struct endpoint *e, char *buf)
{
	return is_nowhere(e) ? "" : endpoint_text(e, buf);
}

static void
tell_flow(struct sluice *gw, struct sluice_event *e, const struct tuple *t, const struct endpoint *target)
{
	struct flow_text text;

	e->protocol = t->proto;
	e->guest = text_of(&t->guest, text.guest);
	e->remote = text_of(&t->remote, text.remote);
	e->target = text_of(target, text.target);
	tell(gw, e);
}

/* What a flow's judgment was; buf: NAME_TEXT bytes, as long as e lives. */
static void
cite_judged(struct sluice_event *e, const struct judged *d, char *buf)
{
	if (!d)
		return;
	e->verdict = verdict_word(d->verdict);
	/* The rule that made a name matter has not decided anything yet. */
	if (d->verdict != VERDICT_PEEK)
		cite_rule(e, d->rule, d->floor);
	if (judged_told(d))
		cite_name(e, judged_told(d), d->told_by, buf);
	else if (judged_proof(d))
		cite_name(e, judged_proof(d), "evidence", buf);
}

void
event_opened(struct sluice *gw, struct flow *f)
{
	f->opened = true;
	f->opened_at = gw->now;
	if (!gw->event)
		return;

	struct sluice_event e = {
	    .kind = SLUICE_EVENT_FLOW_OPENED, .text = "opened", .flow = f->number, .published = f->inbound};
	char name[NAME_TEXT];

	cite_judged(&e, f->judged, name);
	tell_flow(gw, &e, &f->tuple, &f->target);
}

void
event_ended(struct sluice *gw, const struct flow *f)
{
	if (!gw->event)
		return;

	struct sluice_event e = {
	    .kind = f->opened ? SLUICE_EVENT_FLOW_CLOSED : SLUICE_EVENT_FLOW_REFUSED,
	    .reason = (enum sluice_reason)f->reason,
	    .text = f->why,
	    .flow = f->number,
	    .published = f->inbound,
	    .bytes_to_host = f->to_host,
	    .bytes_to_guest = f->to_guest,
	    .age = f->opened ? (uint64_t)(gw->now - f->opened_at) : 0,
	};
	char name[NAME_TEXT];

	cite_judged(&e, f->judged, name);
	tell_flow(gw, &e, &f->tuple, &f->target);
}

void
event_unplaced(struct sluice *gw, const struct tuple *t, const struct endpoint *client,
	       enum sluice_reason reason)
{
	static const struct endpoint nowhere;

	if (!gw->event)
		return;

	struct sluice_event e = {
	    .kind = SLUICE_EVENT_FLOW_REFUSED,
	    .reason = reason,
	    .flow = ++gw->flows.numbers,
	    .published = client != NULL,
	};

	tell_flow(gw, &e, t, client ? client : &nowhere);
}

/* A method as text; buf: METHOD_TEXT bytes, as long as e lives. */
#define METHOD_TEXT (HTTP_METHOD_MAX + 1u)

static void
cite_request(struct sluice_event *e, struct view method, const char *path, char *buf)
{
	size_t n = method.len < METHOD_TEXT ? method.len : METHOD_TEXT - 1;

	if (n)
		memcpy(buf, method.p, n);
	buf[n] = '\0';
	e->method = buf;
	e->path = path;
}

void
event_judged(struct sluice *gw, enum sluice_event_kind kind, const struct tuple *t, const struct flow *f,
	     const struct endpoint *client, const struct judgment *j)
{
	static const struct endpoint nowhere;
	char name[NAME_TEXT], text[JUDGE_TEXT], method[METHOD_TEXT];

	if (!gw->event)
		return;

	struct sluice_event e = {
	    .kind = kind,
	    .reason = j->reason,
	    .text = judge_text(t, j, text),
	    .flow = f ? f->number : ++gw->flows.numbers,
	    .published = f ? f->inbound : client != NULL,
	    .verdict = verdict_word(j->verdict),
	};

	cite_name(&e, &j->name, j->name_from, name);
	if (j->request)
		cite_request(&e, j->request->method, j->request->path, method);
	cite_rule(&e, j->answer.rule, j->answer.floor);
	tell_flow(gw, &e, t, client ? client : f ? &f->target : &nowhere);
}

void
event_name_refused(struct sluice *gw, const struct tuple *t, const struct name *n, enum sluice_reason reason,
		   const struct policy_answer *a)
{
	static const struct endpoint nowhere;
	char name[NAME_TEXT];

	if (!gw->event)
		return;

	struct sluice_event e = {.kind = SLUICE_EVENT_NAME_REFUSED, .reason = reason, .verdict = "deny"};

	cite_name(&e, n, "query", name);
	if (a) {
		e.verdict = verdict_word(a->verdict);
		cite_rule(&e, a->rule, a->floor);
	}
	tell_flow(gw, &e, t, &nowhere);
}

/* --- TLS and requests ---------------------------------------------------------------------------------------- */

void
event_tls_failed(struct sluice *gw, const struct flow *f, enum sluice_reason reason, const struct name *name,
		 const char *detail)
{
	char text[NAME_TEXT];

	if (!gw->event)
		return;

	struct sluice_event e = {
	    .kind = SLUICE_EVENT_TLS_FAILED, .reason = reason, .flow = f->number, .detail = detail};

	if (name)
		cite_name(&e, name, "sni", text);
	tell_flow(gw, &e, &f->tuple, &f->target);
}

void
event_request(struct sluice *gw, const struct flow *f, const struct request_record *r, const char *text,
	      const char *host)
{
	char method[METHOD_TEXT];

	if (!gw->event)
		return;

	struct sluice_event e = {
	    .kind = SLUICE_EVENT_REQUEST,
	    .text = text,
	    .flow = f->number,
	    .name = host,
	    .name_from = host[0] ? "host" : "",
	    .verdict = r->refused ? "deny" : "allow",
	    .status = r->status,
	    .bytes_to_host = r->sent,
	    .bytes_to_guest = r->got,
	    .age = r->ended > r->began ? (uint64_t)(r->ended - r->began) : 0,
	    .answered = r->answered > r->began ? (uint64_t)(r->answered - r->began) : 0,
	};

	cite_request(&e, r->method, r->path, method);
	tell_flow(gw, &e, &f->tuple, &f->target);
}

void
event_secret(struct sluice *gw, const struct flow *f, const struct judgment *j, const struct event_leak *l)
{
	char name[NAME_TEXT], text[JUDGE_TEXT], method[METHOD_TEXT], where[32];

	if (!gw->event)
		return;
	snprintf(where, sizeof(where), "%s/%s", l->place, l->form);

	struct sluice_event e = {
	    .kind = SLUICE_EVENT_SECRET,
	    .reason = j->reason,
	    .text = judge_text(&f->tuple, j, text),
	    .flow = f->number,
	    .verdict = verdict_word(j->verdict),
	    .secret = l->secret,
	    .where = where,
	    .terminate = l->terminate,
	};

	cite_name(&e, &j->name, j->name_from, name);
	if (j->request)
		cite_request(&e, j->request->method, j->request->path, method);
	tell_flow(gw, &e, &f->tuple, &f->target);
}

void
event_confined(struct sluice *gw, const char *missing)
{
	struct sluice_event e = {
	    .kind = SLUICE_EVENT_CONFINED,
	    .text = gw->confined == SLUICE_CONFINED_ALL
			? "the gateway's thread has given up what it does not need"
			: "the gateway's thread has given up a part of what it does not need",
	    .detail = missing,
	    .confined = gw->confined};

	if (gw->event)
		tell(gw, &e);
}

void
event_reloaded(struct sluice *gw)
{
	struct sluice_event e = {.kind = SLUICE_EVENT_RELOADED, .text = "new policy and names are in force"};

	if (gw->event)
		tell(gw, &e);
}

/* --- the guest ----------------------------------------------------------------------------------------------- */

static struct sluice_event
about_guest(const struct sluice *gw, enum sluice_event_kind kind, enum sluice_reason reason)
{
	struct sluice_event e = {.kind = kind, .reason = reason};

	if (gw->stack.guest_mac_known)
		memcpy(e.mac, gw->stack.guest_mac.b, sizeof(e.mac));
	return e;
}

void
event_guest_came(struct sluice *gw)
{
	struct sluice_event e = about_guest(gw, SLUICE_EVENT_GUEST_UP, SLUICE_REASON_NONE);

	gw->guest_up = true;
	e.text = "a guest is attached";
	if (gw->event)
		tell(gw, &e);
}

/* A MAC that was configured is known before anybody was heard. */
static bool
is_heard(const struct stack *st)
{
	const uint64_t *n = st->count;

	if (!st->guest_mac_known)
		return false;
	return mac_is_zero(st->cfg.guest_mac) ||
	       n[COUNT_FRAMES_IN] > n[COUNT_ETH_SHORT] + n[COUNT_ETH_SOURCE];
}

void
event_guest_seen(struct sluice *gw)
{
	if (!gw->guest_up && is_heard(&gw->stack))
		event_guest_came(gw);
}

void
event_guest_left(struct sluice *gw, const char *why)
{
	struct sluice_event e = about_guest(gw, SLUICE_EVENT_GUEST_GONE, SLUICE_REASON_LINK);

	if (!gw->guest_up)
		return;
	gw->guest_up = false;
	e.text = why;
	if (gw->event)
		tell(gw, &e);
}

void
event_leases(struct sluice *gw)
{
	for (int fam = 0; fam < FAMILIES; fam++) {
		struct sluice_event e = about_guest(gw, SLUICE_EVENT_LEASE, SLUICE_REASON_NONE);
		char text[ADDR_TEXT];

		if (!gw->stack.leased[fam])
			continue;
		gw->stack.leased[fam] = false;
		e.text = fam == FAMILY_V4 ? "DHCP" : "DHCPv6";
		e.guest = addr_text(&gw->stack.cfg.net[fam].guest, text);
		if (gw->event)
			tell(gw, &e);
	}
}

/* --- limits -------------------------------------------------------------------------------------------------- */

void
event_limit(struct sluice *gw, const char *line)
{
	struct sluice_event e = {.kind = SLUICE_EVENT_LIMIT, .reason = SLUICE_REASON_FULL, .text = line};

	if (gw->event)
		tell(gw, &e);
}
