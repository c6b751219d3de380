/*
 * rules.c - policies of a few rules about ports, decided the plain way
 */
#include <stdio.h>

#include "test/sim/inside.h"

enum plain
rules_decide(const struct policy_plain *p, uint8_t proto, uint16_t port)
{
	for (unsigned i = 0; i < p->n; i++) {
		const struct plain_rule *r = &p->rule[i];
		bool same = r->proto == 0 || r->proto == proto ||
			    (r->proto == IP_PROTO_ICMP && proto == IP_PROTO_ICMPV6);

		if (r->names)
			continue; /* nobody has told of another address by those */
		if (same && (proto == IP_PROTO_ICMP || proto == IP_PROTO_ICMPV6 || r->proto == 0 ||
			     (r->first <= port && port <= r->last)))
			return r->what;
	}
	return p->none ? PLAIN_DENY : PLAIN_ALLOW;
}

void
rules_draw(struct luck *l, struct policy_plain *p)
{
	static const uint8_t protos[] = {IP_PROTO_TCP, IP_PROTO_TCP, IP_PROTO_UDP, IP_PROTO_ICMP};

	*p = (struct policy_plain){.none = luck_in(l, 1, 4),
				   .n = (unsigned)luck_below(l, PLAIN_RULES - NAMED_RULES + 1)};
	for (unsigned i = 0; i < p->n; i++) {
		struct plain_rule *r = &p->rule[i];

		r->proto = protos[luck_below(l, 4)];
		r->what = p->none && luck_in(l, 2, 3) ? PLAIN_ALLOW : (enum plain)luck_below(l, 3);
		r->first = (uint16_t)((r->proto == IP_PROTO_UDP ? UDP_PORT : SERVER_PORT) + luck_below(l, 4));
		r->last = (uint16_t)(r->first + luck_below(l, 6));
	}
}

static void
write_rule(const struct plain_rule *r, char text[RULE_TEXT])
{
	static const char *const verb[] = {
	    [PLAIN_ALLOW] = "allow", [PLAIN_DENY] = "deny", [PLAIN_DROP] = "drop"};

	if (r->names)
		names_rule_text(r, text, RULE_TEXT);
	else if (r->proto == IP_PROTO_ICMP)
		snprintf(text, RULE_TEXT, "%s icmp to @any", verb[r->what]);
	else
		snprintf(text, RULE_TEXT, "%s %s/%u-%u to @any", verb[r->what],
			 r->proto == IP_PROTO_TCP ? "tcp" : "udp", r->first, r->last);
}

void
rules_config(const struct policy_plain *p, struct sluice_config *cfg, struct sluice_rule rule[PLAIN_RULES],
	     char text[PLAIN_RULES][RULE_TEXT])
{
	for (unsigned i = 0; i < p->n; i++) {
		write_rule(&p->rule[i], text[i]);
		rule[i] = (struct sluice_rule){.text = text[i]};
	}
	cfg->profiles = p->none ? "none" : "all";
	cfg->rules = rule;
	cfg->nrules = p->n;
}
