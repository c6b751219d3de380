/*
 * trace.c - what every rule said to a question, and why
 *
 * The same steps as a decision, but none is left out: each rule is asked for itself, and what it lacked becomes a
 * sentence.
 */
#include <stdio.h>

#include "policy/match.h"
#include "stack/ip_wire.h"

#define SENTENCE 640

struct sentence {
	char text[SENTENCE];
};

/* Names are shown up to 250 bytes: only those with odd bytes in them are longer. */
struct shown {
	char text[NAME_TEXT];
};

static const char *
show(const struct name *n, struct shown *s)
{
	return name_text(n, s->text);
}

static const char *
protocol(const struct asking *a)
{
	switch (a->proto) {
	case OF_TCP:
		return "TCP";
	case OF_UDP:
		return "UDP";
	case OF_ICMP:
		return "ICMP";
	default:
		return "this protocol";
	}
}

static void
why_address(const struct check *c, struct asking *a, bool matches, struct sentence *s)
{
	enum group group = group_of(&a->q->remote, a->where);
	char is[ADDR_TEXT], inside[ADDR_TEXT], carried[ADDR_TEXT + 32] = "";
	const char *of = group == GROUP_NONE ? "of no group" : group_name(group);

	addr_text(&a->q->remote, is);
	if (a->carries)
		snprintf(carried, sizeof(carried), ", which carries %s,", addr_text(&a->inside, inside));
	if (c->any)
		snprintf(s->text, sizeof(s->text), "it is for every address");
	else if (a->isatap && !matches)
		snprintf(
		    s->text, sizeof(s->text),
		    "%s carries %s, but its prefix decides where it leads: only @any or @public allow it", is,
		    addr_text(&a->inside, inside));
	else
		snprintf(s->text, sizeof(s->text), "%s%s %s it (%s%s)", is, carried,
			 matches ? "is in" : "is not in", group == GROUP_NONE ? "" : "@", of);
}

/* Evidence was wanted and none fits: what there is instead. */
static void
why_no_evidence(const struct asking *a, struct sentence *s)
{
	char is[ADDR_TEXT];
	struct shown name;

	addr_text(&a->q->remote, is);
	if (a->nname)
		snprintf(s->text, sizeof(s->text),
			 "the gateway led the guest to %s by %.250s, which is not in it", is,
			 show(a->name[0], &name));
	else
		snprintf(s->text, sizeof(s->text), "no evidence: no name was answered with %s lately", is);
}

static void
why_name(const struct check *c, struct asking *a, enum match m, const struct name *by, struct sentence *s)
{
	struct shown told, found;
	const struct name *led = by ? by : m != MATCH_PERHAPS ? match_evidence(c, a) : NULL;

	if (a->claim == CLAIM_TOLD)
		show(a->q->told, &told);
	if (m == MATCH_PERHAPS && is_allow(c))
		snprintf(s->text, sizeof(s->text), "%.250s led here, but the name is not told yet",
			 show(by, &found));
	else if (m == MATCH_PERHAPS)
		snprintf(s->text, sizeof(s->text), "the name is not told yet");
	else if (m == MATCH_YES && a->claim == CLAIM_TOLD && !is_allow(c))
		snprintf(s->text, sizeof(s->text), "%.250s was told, which is in it", told.text);
	else if (m == MATCH_YES && a->claim == CLAIM_TOLD)
		snprintf(s->text, sizeof(s->text), "%.250s was told, and %.250s led here", told.text,
			 show(led, &found));
	else if (m == MATCH_YES)
		snprintf(s->text, sizeof(s->text), "%.250s led here", show(led, &found));
	else if (a->claim == CLAIM_TOLD && !match_name(c, a->q->told, NULL))
		snprintf(s->text, sizeof(s->text), "%.250s was told, which is not in it", told.text);
	else
		why_no_evidence(a, s);
}

/* What a rule about requests to this host lacks; false: nothing. */
static bool
why_request(const struct check *c, struct asking *a, struct sentence *s)
{
	const struct policy_request *r = asked_request(a);

	if (a->requests == CLAIM_NONE && is_allow(c))
		snprintf(s->text, sizeof(s->text), "it is about requests, and none is read here");
	else if (r && !match_scheme(c, a))
		snprintf(s->text, sizeof(s->text), "it is not for requests %s port %u",
			 r->tls ? "over TLS to" : "in the clear to", a->q->port);
	else if (r && !match_method(c, r))
		snprintf(s->text, sizeof(s->text), "the method %.*s is not in it",
			 (int)(r->method.len < 40 ? r->method.len : 40), (const char *)r->method.p);
	else if (r && r->path[0] == '/')
		snprintf(s->text, sizeof(s->text), "the path %.250s of that host is not in it", r->path);
	else if (r)
		snprintf(s->text, sizeof(s->text), "it is about paths, and this request has none");
	else
		return false;
	return true;
}

/* The host is one of the rule's, whatever the path. */
static enum match
host_alone(const struct check *c, struct asking *a, const struct name **by)
{
	struct asking b = *a;

	if (b.requests == CLAIM_TOLD)
		b.requests = CLAIM_PENDING;
	return match_host(c, &b, by);
}

static void
why_matched(const struct check *c, struct asking *a, enum match m, const struct name *by, struct sentence *s)
{
	if (match_addr(c, a) || !match_has_names(c))
		why_address(c, a, m == MATCH_YES, s);
	else
		why_name(c, a, m, by, s);
}

static void
explain_request(const struct check *c, struct asking *a, enum match m, const struct name *by,
		struct sentence *s)
{
	const struct name *led = NULL;
	enum match host = host_alone(c, a, &led);
	size_t len;

	if (m == MATCH_NO && host != MATCH_NO && why_request(c, a, s))
		return;
	if (a->requests != CLAIM_PENDING || m == MATCH_NO) {
		why_matched(c, a, m, by, s);
		return;
	}
	why_matched(c, a, host, led, s);
	len = strlen(s->text);
	snprintf(s->text + len, sizeof(s->text) - len, "; its requests are not told yet");
}

static void
explain(const struct check *c, struct asking *a, struct policy_step *step, struct sentence *s)
{
	const struct name *by = NULL;
	enum match m = MATCH_NO;

	if (!match_proto(c, a)) {
		snprintf(s->text, sizeof(s->text), "it is not for %s", protocol(a));
	} else if (!match_port(c, a)) {
		snprintf(s->text, sizeof(s->text), "port %u is not in it", a->q->port);
	} else {
		m = match_rule(c, a, &by);
		if (c->requests)
			explain_request(c, a, m, by, s);
		else
			why_matched(c, a, m, by, s);
	}
	step->matches = m == MATCH_YES;
	step->perhaps = m == MATCH_PERHAPS;
}

void
policy_trace(const struct policy *p, const struct surroundings *where, const struct evidence *e, usec_t now,
	     const struct policy_question *q, void (*told)(void *ctx, const struct policy_step *s), void *ctx)
{
	struct asking a = asking_of(where, e, now, q);

	for (unsigned i = 0; i < 1u + p->floored; i++) {
		const struct ruleset *set = i ? &p->floor : &p->own;

		for (uint32_t k = 0; k < set->nway[q->ingress]; k++) {
			const struct check *c = check_at(set, q->ingress, k);
			struct sentence s = {{0}};
			struct policy_step step = {.rule = c->rule, .floor = i == 1, .why = s.text};

			explain(c, &a, &step, &s);
			told(ctx, &step);
		}
	}
}

void
policy_trace_name(const struct policy *p, uint8_t proto, const struct name *name,
		  void (*told)(void *ctx, const struct policy_step *s), void *ctx)
{
	for (unsigned i = 0; i < 1u + p->floored; i++) {
		const struct ruleset *set = i ? &p->floor : &p->own;

		for (uint32_t k = 0; k < set->nway[0]; k++) {
			const struct check *c = check_at(set, false, k);
			struct policy_step step = {.rule = c->rule, .floor = i == 1};

			step.matches = match_name_asked(c, proto, name, &step.why);
			told(ctx, &step);
		}
	}
}
