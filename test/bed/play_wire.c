/*
 * play_wire.c - what the guest gets, compared with what a line expects
 */
#include "test/bed/play.h"

#include <stdio.h>
#include <stdlib.h>

/* The flow a segment belongs to, or NULL. */
static struct play_flow *
flow_of_frame(struct play *r, const struct bed_frame *f)
{
	if (f->is.kind != STRICT_TCP)
		return NULL;
	for (unsigned i = 0; i < SCRIPT_FLOWS; i++) {
		const struct tuple *t = &r->flow[i].tuple;

		if (f->is.tcp.sport == t->remote.port && f->is.tcp.dport == t->guest.port &&
		    addr_eq(&f->is.ip.src, &t->remote.addr))
			return &r->flow[i];
	}
	return NULL;
}

/* A segment of the gateway in the notation, numbers relative. */
const char *
play_frame_text(struct play *r, const struct bed_frame *f, char *buf, size_t size)
{
	const struct play_flow *fs = flow_of_frame(r, f);
	const struct tcp_hdr *h = &f->is.tcp;
	size_t n = 0;

	if (f->wrong || !fs)
		return f->wrong ? f->wrong : strict_text(&f->is, buf, size);
	for (size_t bit = 0; bit < 8; bit++)
		if (h->flags & 1u << bit)
			buf[n++] = "FSRP.UEC"[bit];
	n += (size_t)snprintf(buf + n, size - n, " seq %d", (int32_t)(h->seq - fs->gw_isn));
	if (h->flags & TCP_ACK)
		n += (size_t)snprintf(buf + n, size - n, " ack %d", (int32_t)(h->ack - fs->guest_isn));
	n += (size_t)snprintf(buf + n, size - n, " win %u len %zu", h->wnd, f->is.payload.len);
	if (h->mss)
		n += (size_t)snprintf(buf + n, size - n, " mss %u", h->mss);
	if (h->has_wscale)
		n += (size_t)snprintf(buf + n, size - n, " ws %u", h->wscale);
	if (h->sack_ok)
		n += (size_t)snprintf(buf + n, size - n, " sackok");
	for (unsigned i = 0; i < h->nsack; i++)
		n += (size_t)snprintf(buf + n, size - n, "%s%d:%d", i ? "," : " sack ",
				      (int32_t)(h->sack[i].left - fs->guest_isn),
				      (int32_t)(h->sack[i].right - fs->guest_isn));
	return buf;
}

/* The next frame that a script speaks about: neighbour discovery goes its own way. */
struct bed_frame *
play_next_frame(struct play *r, usec_t until)
{
	for (;;) {
		bed_until_frame(r->bed, until);
		play_note_sockets(r);

		struct bed_frame *f = bed_pop(r->bed);
		if (!f || f->wrong || (f->is.kind != STRICT_ARP && f->is.kind != STRICT_NDP))
			return f;
		free(f);
	}
}

static bool
absent_or(const struct play *r, const struct script_value *want, bool there, int64_t got)
{
	if (want->match == MATCH_NONE)
		return !there;
	return want->match == MATCH_UNSAID || (there && play_holds(r, want, got));
}

static const char *
sack_differs(const struct play *r, const struct play_flow *f, const struct tcp_hdr *h)
{
	const struct script_segment *s = &r->line->seg;

	if (s->sack_none && h->nsack)
		return "SACK blocks";
	if (!s->nsack)
		return NULL;
	if (h->nsack != s->nsack)
		return "number of SACK blocks";
	for (unsigned i = 0; i < s->nsack; i++)
		if ((int32_t)(h->sack[i].left - f->guest_isn) != play_eval(r, &s->sack[i].left) ||
		    (int32_t)(h->sack[i].right - f->guest_isn) != play_eval(r, &s->sack[i].right))
			return "SACK blocks";
	return NULL;
}

/* How many bits windows are shifted: both SYNs spoke of it, where a SYN-ACK answers what it was asked. */
static unsigned
scale(const struct play_flow *f, const struct tcp_hdr *h)
{
	return f->gw_scales && (!f->inbound || f->guest_scales) && !(h->flags & TCP_SYN) ? f->gw_ws : 0;
}

/* Which part of the segment is not as the line says; NULL: all is. */
static const char *
segment_differs(const struct play *r, const struct play_flow *f, const struct bed_frame *got)
{
	const struct script_segment *s = &r->line->seg;
	const struct tcp_hdr *h = &got->is.tcp;
	int64_t window = (int64_t)h->wnd << scale(f, h);

	if (h->flags != s->flags)
		return "flags";
	if (!play_holds(r, &s->seq, (int32_t)(h->seq - f->gw_isn)))
		return "seq";
	if (!play_holds(r, &s->ack, (int32_t)(h->ack - f->guest_isn)))
		return "ack";
	if (!play_holds(r, &s->win, h->wnd))
		return "win";
	if (!play_holds(r, &s->edge, (int32_t)(h->ack - f->guest_isn) + window))
		return "edge";
	if (!play_holds(r, &s->len, (int64_t)got->is.payload.len))
		return "len";
	if (!absent_or(r, &s->mss, h->mss, h->mss))
		return "mss";
	if (!absent_or(r, &s->ws, h->has_wscale, h->wscale))
		return "ws";
	if (!absent_or(r, &s->sackok, h->sack_ok, 0))
		return "sackok";
	return sack_differs(r, f, h);
}

/* What every segment teaches the guest, and must satisfy whatever the line says. */
static const char *
hear(struct play_flow *f, const struct bed_frame *got)
{
	const struct tcp_hdr *h = &got->is.tcp;
	uint32_t end =
	    h->seq + (uint32_t)got->is.payload.len + !!(h->flags & TCP_FIN) + !!(h->flags & TCP_SYN);
	int32_t at = (int32_t)(h->seq - f->gw_isn - 1);

	if (h->flags & TCP_RST)
		return NULL;
	if (!f->heard)
		return NULL;
	if (at >= 0 && !play_agrees(&f->host, (size_t)at, got->is.payload.p, got->is.payload.len))
		return "bytes that are not the host's";
	if (seq_lt(f->guest_heard, end))
		f->guest_heard = end;
	/* SHLD-14: the right edge does not move left, but for the unit of its scale (RFC 7323 2.4); of a guest
	 * that has sent its FIN it means nothing. */
	unsigned shift = scale(f, h);
	uint32_t edge = h->ack + ((uint32_t)h->wnd << shift);
	if (h->flags & TCP_ACK && !f->guest_fin && seq_lt(edge + (1u << shift) - 1, f->gw_edge))
		return "the window's right edge moved left";
	if (h->flags & TCP_ACK && seq_lt(f->gw_edge, edge))
		f->gw_edge = edge;
	return NULL;
}

/* The gateway's SYN: its initial sequence number and scale are known from now on. */
static void
hear_syn(struct play_flow *f, const struct tcp_hdr *h)
{
	if (!(h->flags & TCP_SYN))
		return;
	f->heard = true;
	f->gw_isn = h->seq;
	f->gw_scales = h->has_wscale;
	f->gw_ws = h->wscale;
	f->guest_heard = h->seq + 1;
	f->gw_edge = f->guest_isn + 1;
}

static bool
check_moment(struct play *r, const struct bed_frame *got)
{
	char text[512];

	if (!got)
		return play_fail(r, "nothing came");
	if (got->at - r->start < r->line->from)
		return play_fail(r, "got %s at %.6f, which is too early",
				 play_frame_text(r, got, text, sizeof(text)),
				 (double)(got->at - r->start) / 1e6);
	return true;
}

static bool
match_segment(struct play *r, const struct bed_frame *got)
{
	struct play_flow *f = got ? flow_of_frame(r, got) : NULL;
	char text[512];

	if (f)
		hear_syn(f, &got->is.tcp);
	if (!check_moment(r, got))
		return false;

	const char *differs = f == play_flow_of(r) ? segment_differs(r, f, got) : "flow or protocol";
	if (!differs)
		differs = hear(f, got);
	if (differs)
		return play_fail(r, "got %s at %.6f: %s", play_frame_text(r, got, text, sizeof(text)),
				 (double)(got->at - r->start) / 1e6, differs);
	return true;
}

static bool
match_datagram(struct play *r, const struct bed_frame *got)
{
	char text[512];
	size_t len;

	if (!check_moment(r, got))
		return false;
	if (got->is.kind != STRICT_UDP || got->is.udp.dport != PLAY_UDP_PORT + r->line->flow ||
	    got->is.udp.sport != play_flow_of(r)->tuple.remote.port)
		return play_fail(r, "got %s", play_frame_text(r, got, text, sizeof(text)));
	len = play_data(r, &r->line->n, r->line->text, 0, true);
	if (got->is.payload.len != len || (len && memcmp(got->is.payload.p, r->data, len) != 0))
		return play_fail(r, "got a datagram of %zu bytes, or other bytes", got->is.payload.len);
	return true;
}

static bool
match_echo(struct play *r, const struct bed_frame *got)
{
	char text[512];

	if (!check_moment(r, got))
		return false;
	size_t len = play_data(r, &r->line->n, NULL, 0, false);
	if (got->is.kind != STRICT_ICMP ||
	    got->is.icmp.type != (r->fam == FAMILY_V4 ? ICMP4_ECHO_REPLY : ICMP6_ECHO_REPLY) ||
	    got->is.icmp.rest != (PLAY_ECHO_ID << 16 | 1) || got->is.payload.len != len ||
	    memcmp(got->is.payload.p, r->data, len) != 0)
		return play_fail(r, "got %s", play_frame_text(r, got, text, sizeof(text)));
	return true;
}

/* The quoted packet must be the flow's: the ports follow its IP header. */
static bool
quotes_flow(const struct play *r, const struct play_flow *f, struct view quote)
{
	size_t at = r->fam == FAMILY_V4 ? IP4_HLEN : IP6_HLEN;
	bool udp;

	if (quote.len < at + 8)
		return false;
	udp = quote.p[r->fam == FAMILY_V4 ? 9 : 6] == IP_PROTO_UDP;
	uint16_t sport = (uint16_t)(quote.p[at] << 8 | quote.p[at + 1]);
	uint16_t dport = (uint16_t)(quote.p[at + 2] << 8 | quote.p[at + 3]);
	return dport == f->tuple.remote.port &&
	       sport == (udp ? PLAY_UDP_PORT + r->line->flow : f->tuple.guest.port);
}

static bool
match_icmp(struct play *r, const struct bed_frame *got)
{
	const struct play_icmp *which = play_icmp(r->line->text);
	char text[512];

	if (!which)
		return play_fail(r, "but no ICMP message has that name");
	if (!check_moment(r, got))
		return false;
	if (got->is.kind != STRICT_ICMP || got->is.icmp.type != which->type[r->fam] ||
	    got->is.icmp.code != which->code[r->fam])
		return play_fail(r, "got %s", play_frame_text(r, got, text, sizeof(text)));
	if (!quotes_flow(r, play_flow_of(r), got->is.payload))
		return play_fail(r, "got one that does not quote the flow's packet");
	return true;
}

bool
play_want_frame(struct play *r)
{
	struct bed_frame *got = play_next_frame(r, r->start + r->line->until);
	bool ok;

	switch (r->line->verb) {
	case WANT_UDP:
		ok = match_datagram(r, got);
		break;
	case WANT_ECHO:
		ok = match_echo(r, got);
		break;
	case WANT_ICMP:
		ok = match_icmp(r, got);
		break;
	default:
		ok = match_segment(r, got);
		break;
	}
	free(got);
	return ok;
}

bool
play_want_nothing(struct play *r)
{
	char text[512];
	struct bed_frame *got = play_next_frame(r, r->start + r->line->until);

	if (got)
		play_fail(r, "got %s at %.6f", play_frame_text(r, got, text, sizeof(text)),
			  (double)(got->at - r->start) / 1e6);
	free(got);
	return !got;
}

bool
play_want_anything(struct play *r)
{
	bed_until(r->bed, r->start + r->line->until);
	for (struct bed_frame *f; (f = bed_pop(r->bed));) {
		struct play_flow *fs = flow_of_frame(r, f);

		if (fs) {
			hear_syn(fs, &f->is.tcp);
			const char *bad = hear(fs, f);
			if (bad)
				play_fail(r, "but got %s", bad);
		}
		free(f);
	}
	play_note_sockets(r);
	return !r->why[0];
}
