/*
 * change.c - policies and addresses for a gateway that runs
 */
#include "test/bed/change.h"

#include <stdlib.h>

static const struct {
	const char *profiles, *rule[3];
	bool named;
} policies[] = {
    {"all", {NULL}, false},
    {"none", {NULL}, false},
    {"public,host", {NULL}, false},
    {"all", {"deny tcp to @host", "drop udp to @any"}, false},
    {"all", {"drop tcp to " BED_ELSEWHERE_V4, "deny icmp to @any", "deny ingress from @any"}, false},
    {"none", {"allow to " BED_ELSEWHERE_V6}, false},
    {"all", {"deny to *.example"}, true},
    {"none", {"allow to good.example", "allow tcp/80 to @any"}, true},
};

bool
bed_change(struct bed *b, uint8_t n)
{
	struct sluice_config cfg = b->conf.gateway;
	const size_t which = n % (sizeof(policies) / sizeof(policies[0]));
	struct sluice_rule rule[3];
	struct addr own[2];

	if (n & 0x80) {
		addr_parse(BED_ELSEWHERE_V4, &own[0]);
		addr_parse(BED_ELSEWHERE_V6, &own[1]);
		if (!vhost_set_addrs(b->vhost, &own[n & 1], n & 1 ? 1 : n & 2))
			abort();
		return false;
	}
	cfg.profiles = policies[which].profiles;
	cfg.rules = rule;
	for (cfg.nrules = 0; cfg.nrules < 3 && policies[which].rule[cfg.nrules]; cfg.nrules++)
		rule[cfg.nrules] = (struct sluice_rule){.text = policies[which].rule[cfg.nrules]};
	cfg.keep_flows = n & 0x40;
	if (sluice_reload(b->gw, &cfg, NULL, 0) < 0)
		abort();
	return policies[which].named;
}
