/*
 * play_guest.c - what the guest sends: the fields a line names, and for the rest what a good guest would say
 */
#include "test/bed/play.h"

static struct craft
craft_for(const struct play *r, const struct play_flow *f)
{
	return bed_craft(r->bed, &f->tuple.remote.addr);
}

static uint8_t
small(const struct play *r, const struct script_value *v)
{
	return (uint8_t)play_eval(r, v);
}

/* The header a line describes; what it does not name is what a good guest would send. */
static struct tcp_hdr
guest_header(const struct play *r, const struct play_flow *f)
{
	const struct script_segment *s = &r->line->seg;
	struct tcp_hdr h = {.sport = f->tuple.guest.port,
			    .dport = f->tuple.remote.port,
			    .flags = s->flags,
			    .seq = s->flags & TCP_SYN ? f->guest_isn : f->guest_next,
			    .wnd = 65535};

	if (s->seq.match)
		h.seq = f->guest_isn + (uint32_t)play_eval(r, &s->seq);
	if (s->ack.match)
		h.ack = f->gw_isn + (uint32_t)play_eval(r, &s->ack);
	else if (s->flags & TCP_ACK)
		h.ack = f->guest_heard;
	if (s->win.match)
		h.wnd = (uint16_t)play_eval(r, &s->win);
	h.mss = (uint16_t)play_eval(r, &s->mss);
	h.urp = (uint16_t)play_eval(r, &s->urp);
	h.sack_ok = s->sackok.match == MATCH_ANY;
	h.has_wscale = s->ws.match == MATCH_EQ;
	h.wscale = small(r, &s->ws);
	h.nsack = s->nsack;
	for (unsigned i = 0; i < s->nsack; i++)
		h.sack[i] = (struct tcp_sack){f->gw_isn + (uint32_t)play_eval(r, &s->sack[i].left),
					      f->gw_isn + (uint32_t)play_eval(r, &s->sack[i].right)};
	return h;
}

static void
remember_sent(struct play_flow *f, const struct tcp_hdr *h, const uint8_t *data, size_t len)
{
	uint32_t at = h->seq + !!(h->flags & TCP_SYN), end = at + (uint32_t)len + !!(h->flags & TCP_FIN);
	int32_t offset = (int32_t)(at - f->guest_isn - 1);

	/* What lies before the first byte is never read. */
	size_t before = offset < 0 ? 0u - (size_t)offset : 0;
	if (before < len)
		play_say(&f->guest, offset < 0 ? 0 : (size_t)offset, data + before, len - before);
	if (h->flags & TCP_RST)
		return;
	if (seq_lt(f->guest_next, end))
		f->guest_next = end;
	f->guest_fin |= (h->flags & TCP_FIN) != 0;
	if ((h->flags & ~TCP_ACK) == TCP_SYN)
		f->guest_scales = h->has_wscale;
}

bool
play_send(struct play *r)
{
	const struct script_segment *s = &r->line->seg;
	struct play_flow *f = play_flow_of(r);
	struct craft c = craft_for(r, f);
	struct craft_tcp t = {.hdr = guest_header(r, f),
			      .options = view_of(s->opt, s->nopt),
			      .data_offset = small(r, &s->hlen)};
	size_t at = t.hdr.seq + !!(t.hdr.flags & TCP_SYN) - f->guest_isn - 1;
	size_t len = play_data(r, &s->len, r->line->text, (uint32_t)at, false);

	c.spoil_csum = s->badsum;
	t.data = view_of(r->data, len);
	size_t n = craft_tcp(r->frame, &c, &t);
	if (s->cut.match) {
		size_t head = n - len - tcp_emit_len(&t.hdr) - ((s->nopt + 3u) & ~3u);
		struct view l4 = view_of(r->frame + head, (size_t)play_eval(r, &s->cut));

		n = craft_ip(r->frame, &c, IP_PROTO_TCP, l4);
	}
	bed_push(r->bed, r->frame, n);
	/* What is spoiled is not said: the gateway must not have heard it. */
	if (!s->badsum && !s->cut.match && !s->hlen.match)
		remember_sent(f, &t.hdr, r->data, len);
	if (r->line->verb == DO_SEND)
		play_settle(r);
	return true;
}

bool
play_send_udp(struct play *r)
{
	struct play_flow *f = play_flow_of(r);
	struct craft c = craft_for(r, f);
	size_t len = play_data(r, &r->line->n, r->line->text, 0, false);

	bed_push(r->bed, r->frame,
		 craft_udp(r->frame, &c, (uint16_t)(PLAY_UDP_PORT + r->line->flow), f->tuple.remote.port,
			   view_of(r->data, len)));
	play_settle(r);
	return true;
}

bool
play_send_echo(struct play *r)
{
	bool v4 = r->fam == FAMILY_V4;
	struct craft c = craft_for(r, play_flow_of(r));
	struct icmp h = {.type = v4 ? ICMP4_ECHO_REQUEST : ICMP6_ECHO_REQUEST,
			 .rest = PLAY_ECHO_ID << 16 | 1};
	size_t len = play_data(r, &r->line->n, NULL, 0, false);

	bed_push(r->bed, r->frame, craft_icmp(r->frame, &c, &h, view_of(r->data, len)));
	play_settle(r);
	return true;
}

static const struct play_icmp icmp_names[] = {
    {"port-unreachable", {3, 1}, {3, 4}},
    {"host-unreachable", {3, 1}, {1, 3}},
    {"net-unreachable", {3, 1}, {0, 0}},
    {"prohibited", {3, 1}, {13, 1}},
    {"too-big", {3, 2}, {4, 0}},
    {"time-exceeded", {11, 3}, {0, 0}},
    {"param-problem", {12, 4}, {0, 0}},
    {"source-quench", {4, 4}, {0, 0}}, /* in ICMPv6 there is none: a parameter problem instead */
};

const struct play_icmp *
play_icmp(const char *name)
{
	for (size_t i = 0; i < sizeof(icmp_names) / sizeof(icmp_names[0]); i++)
		if (strcmp(icmp_names[i].name, name) == 0)
			return &icmp_names[i];
	return NULL;
}

/* An error about a segment of ours with that sequence number: its IP header and first 8 bytes. */
bool
play_send_icmp(struct play *r)
{
	const struct play_icmp *which = play_icmp(r->line->text);
	bool v4 = r->fam == FAMILY_V4;
	const struct play_flow *f = play_flow_of(r);
	struct craft c = craft_for(r, f), quoted = {.src = c.dst, .dst = c.src};
	uint8_t quote[FRAME_MAX];

	if (!which)
		return play_fail(r, "but no ICMP message has that name");
	struct icmp h = {.type = which->type[r->fam],
			 .code = which->code[r->fam],
			 .rest = (uint32_t)play_eval(r, &r->line->mtu)};
	struct craft_tcp t = {.hdr = {.sport = f->tuple.remote.port,
				      .dport = f->tuple.guest.port,
				      .seq = f->gw_isn + (uint32_t)play_eval(r, &r->line->seg.seq),
				      .flags = TCP_ACK}};
	craft_tcp(quote, &quoted, &t);

	struct view body = view_of(quote + 14, (v4 ? IP4_HLEN : IP6_HLEN) + 8);
	bed_push(r->bed, r->frame, craft_icmp(r->frame, &c, &h, body));
	play_settle(r);
	return true;
}
