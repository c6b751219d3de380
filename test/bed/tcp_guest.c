/*
 * tcp_guest.c - the guest's end of one TCP connection (see tcp_guest.h)
 */
#include "test/bed/tcp_guest.h"

#define WINDOW 65535u /* scaled by 7: 8 MiB, so that the guest is never what limits */
#define WSCALE 7

size_t
tcp_guest_head(struct tcp_guest *g, uint8_t head[TCP_GUEST_HEAD], uint8_t flags, uint32_t len,
	       struct sluice_offload *off)
{
	const struct eth e = {.dst = g->gateway, .src = g->mac, .type = ETHERTYPE_IPV4};
	struct tcp_hdr t = {.sport = g->sport,
			    .dport = g->dport,
			    .seq = g->seq,
			    .ack = atomic_load_explicit(&g->ack, memory_order_relaxed),
			    .flags = flags,
			    .wnd = WINDOW};

	if (flags & TCP_SYN) {
		t.mss = g->mss;
		t.has_wscale = true;
		t.wscale = WSCALE;
	}
	struct ip ip = {.src = g->self,
			.dst = g->peer,
			.proto = IP_PROTO_TCP,
			.ttl = 64,
			.df = true,
			.len = (uint32_t)tcp_emit_len(&t) + len};
	struct wr w = wr_of(head, TCP_GUEST_HEAD);

	eth_emit(&w, &e);
	ip_emit(&w, &ip);
	tcp_emit(&w, &t);

	size_t hlen = (size_t)(w.p - head);
	*off = (struct sluice_offload){.flags = SLUICE_CSUM_VALID};
	if (len > g->mss)
		*off = (struct sluice_offload){
		    .flags = SLUICE_NEEDS_CSUM,
		    .gso_type = SLUICE_GSO_TCPV4,
		    .gso_size = g->mss,
		    .hdr_len = (uint16_t)hlen,
		    .csum_start = ETH_HLEN + IP4_HLEN,
		    .csum_offset = 16,
		};
	g->seq += len + (flags & TCP_SYN ? 1 : 0);
	return hlen;
}

int64_t
tcp_guest_hear(struct tcp_guest *g, const uint8_t *frame, size_t have, uint32_t len)
{
	struct rd r = rd_of(view_of(frame, have));
	struct eth e;
	struct ip ip;
	struct tcp_hdr t;

	if (!eth_parse(&r, &e) || e.type != ETHERTYPE_IPV4 ||
	    ip4_parse(view_of(r.p, rd_left(&r)), len - ETH_HLEN, &ip) != IP_OK || ip.proto != IP_PROTO_TCP)
		return -1;
	rd_take(&r, ip.hlen);
	if (!tcp_parse(&r, &t) || t.dport != g->sport)
		return -1;

	int64_t payload = (int64_t)ip.len - t.hlen;
	if (t.flags & TCP_SYN)
		g->wscale = t.wscale;
	atomic_store_explicit(&g->ack, t.seq + (uint32_t)payload + (t.flags & TCP_SYN ? 1 : 0),
			      memory_order_relaxed);
	atomic_store_explicit(&g->una, t.ack, memory_order_relaxed);
	atomic_store_explicit(&g->edge, t.ack + (t.flags & TCP_SYN ? t.wnd : (uint32_t)t.wnd << g->wscale),
			      memory_order_release);
	if (t.flags & TCP_SYN)
		atomic_store_explicit(&g->open, true, memory_order_release);
	return payload;
}

uint32_t
tcp_guest_room(struct tcp_guest *g)
{
	int32_t room = (int32_t)(atomic_load_explicit(&g->edge, memory_order_acquire) - g->seq);

	return room > 0 ? (uint32_t)room : 0;
}
