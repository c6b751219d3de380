/*
 * replay_plan.c - the first look through a capture
 */
#include "proxy/replay_plan.h"

#include <inttypes.h>
#include <stdio.h>

#include "stack/eth_wire.h"

/* As proxy/config.c has it for a gateway whose MAC nobody chose. */
static const struct mac default_gateway = {{0x52, 0x55, 0x0a, 0, 2, 2}};

static bool
parse(const struct pcap_frame *f, struct eth *h)
{
	struct rd r = rd_of(f->bytes);

	return eth_parse(&r, h);
}

static bool
is_station(struct mac m)
{
	return !mac_is_group(m) && !mac_is_zero(m);
}

static bool
speaks_for_guest(const struct replay_plan *plan, const struct pcap_frame *f, const struct eth *h)
{
	if (h->type != ETHERTYPE_IPV4 && h->type != ETHERTYPE_IPV6 && h->type != ETHERTYPE_ARP)
		return false;
	if (!is_station(h->src) || mac_eq(h->src, plan->gateway))
		return false;
	return f->dir != PCAP_OUTBOUND;
}

bool
replay_is_guests(const struct replay_plan *plan, const struct pcap_frame *f)
{
	struct eth h;

	if (f->dir != PCAP_UNKNOWN)
		return f->dir == PCAP_INBOUND;
	return parse(f, &h) && mac_eq(h.src, plan->guest);
}

static void
learn(struct replay_plan *plan, const struct pcap_frame *f, struct mac *towards)
{
	struct eth h;

	if (!parse(f, &h))
		return;
	if (mac_is_zero(plan->guest) && speaks_for_guest(plan, f, &h))
		plan->guest = h.src;
	if (mac_is_zero(*towards) && mac_eq(h.src, plan->guest) && is_station(h.dst))
		*towards = h.dst;
}

bool
replay_plan(struct replay_plan *plan, struct view file, struct mac guest, struct mac gateway, char *why,
	    size_t whylen)
{
	struct pcap_reader r;
	struct pcap_frame f;
	struct mac towards = {{0}};
	int got;

	*plan =
	    (struct replay_plan){.guest = guest, .gateway = mac_is_zero(gateway) ? default_gateway : gateway};
	got = pcap_read_open(&r, file) ? 1 : -1;
	while (got > 0 && (got = pcap_read_next(&r, &f)) > 0) {
		if (plan->nframes++ == 0)
			plan->first = f.when;
		if (f.bytes.len < f.orig_len) {
			snprintf(why, whylen,
				 "the frame before offset %zu was cut to %zu of %" PRIu32
				 " bytes: capture whole frames (tcpdump -s 0)",
				 r.at, f.bytes.len, f.orig_len);
			return false;
		}
		learn(plan, &f, &towards);
	}
	if (got < 0) {
		snprintf(why, whylen, "%s", r.error);
		return false;
	}
	if (mac_is_zero(plan->guest)) {
		snprintf(why, whylen, "no frame of a guest in it: name its address with --mac");
		return false;
	}
	/* Captured before somebody else's gateway: ours stands in for that one. */
	if (mac_is_zero(gateway) && !mac_is_zero(towards))
		plan->gateway = towards;
	return true;
}
