/*
 * script.c - runs scripts (README.md here describes them) against a whole gateway
 *
 *	script [-v] FILE...
 *
 * Every script runs over each family it is for, and for every pair of initial sequence numbers out of 0,
 * 2^31-1 and 2^32-1 (row T6: arithmetic that forgets to wrap shows there): the guest's are simply chosen,
 * the gateway's follow from the moment at which the run begins.  One result line for a script and family.
 * When a script has ended, the far ends go away, two hours pass, and nothing may be left of its flows.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "test/bed/bed.h"
#include "test/bed/script.h"

#define GUEST_PORT 40000
#define REMOTE_PORT 80
#define PUBLISHED 8080 /* on the host, leading to REMOTE_PORT in the guest */
#define CLIENT_PORT 50000
#define UDP_PORT 5000
#define STREAM_MAX (8u << 20)
#define DATA_MAX 65535u
#define ECHO_ID 77u

/* What one side of a flow has sent, by position; where nothing was said the pattern stands. */
struct stream {
	uint8_t *byte;
	bool *said;
	size_t len; /* one past the last byte sent */
};

struct flow_state {
	struct tuple tuple;
	bool inbound;
	uint32_t guest_isn, guest_next,
	    guest_heard; /* absolute: next to send; next expected of the gateway */
	uint32_t gw_isn;
	bool heard; /* a SYN of the gateway: gw_isn is known */
	uint8_t gw_ws;
	bool guest_scales, gw_scales;
	bool guest_fin;   /* the guest has sent its FIN */
	uint32_t gw_edge; /* the furthest right edge the gateway has promised */
	int fd;           /* the host socket last seen; -1 */
	size_t host_got;  /* bytes the host has read */
	size_t host_put;  /* bytes the host has sent */
	struct stream guest, host;
};

struct run {
	const struct script *s;
	struct bed *bed;
	enum family fam;
	uint32_t M;
	usec_t start;
	struct flow_state flow[SCRIPT_FLOWS];
	const struct script_line *line;
	uint8_t frame[FRAME_MAX];
	uint8_t data[DATA_MAX];
	char why[1024];
};

static bool
fail(struct run *r, const char *fmt, ...)
{
	va_list ap;

	if (r->why[0])
		return false;
	int n =
	    snprintf(r->why, sizeof(r->why), "line %d: expected '%s', ", r->line->number, r->line->source);
	va_start(ap, fmt);
	vsnprintf(r->why + n, sizeof(r->why) - (size_t)n, fmt, ap);
	va_end(ap);
	return false;
}

static int64_t
eval(const struct run *r, const struct script_value *v)
{
	return script_eval(v, r->M);
}

/* Does a number satisfy what was written?  Differences of sequence numbers are signed 32 bits. */
static bool
holds(const struct run *r, const struct script_value *want, int64_t got)
{
	int64_t v = eval(r, want);

	switch (want->match) {
	case MATCH_EQ:
		return got == v;
	case MATCH_LT:
		return got < v;
	case MATCH_LE:
		return got <= v;
	case MATCH_GT:
		return got > v;
	case MATCH_GE:
		return got >= v;
	case MATCH_NONE:
		return false;
	case MATCH_UNSAID:
	case MATCH_ANY:
		break;
	}
	return true;
}

/* --- streams ------------------------------------------------------------------------------------------ */

static uint8_t
pattern(size_t at, bool of_host)
{
	return (uint8_t)(33 + (at * 7 + at / 251 * 13 + at / 65536 + (of_host ? 40 : 0)) % 90);
}

/* The first to say a byte settles it: first-received wins (row T16). */
static void
stream_say(struct stream *st, size_t at, const uint8_t *from, size_t n)
{
	if (at + n > STREAM_MAX)
		return;
	if (!st->byte) {
		st->byte = calloc(STREAM_MAX, 1);
		st->said = calloc(STREAM_MAX, 1);
	}
	if (!st->byte || !st->said)
		abort();
	for (size_t i = 0; i < n; i++)
		if (!st->said[at + i]) {
			st->said[at + i] = true;
			st->byte[at + i] = from[i];
		}
	if (at + n > st->len)
		st->len = at + n;
}

static bool
stream_agrees(const struct stream *st, size_t at, const uint8_t *with, size_t n)
{
	if (n == 0)
		return true;
	if (at + n > st->len)
		return false;
	for (size_t i = 0; i < n; i++)
		if (st->said[at + i] && st->byte[at + i] != with[i])
			return false;
	return true;
}

/* The bytes a line sends: its text, or n of the pattern from `at` on.  Into r->data. */
static size_t
make_data(struct run *r, const struct script_value *n, const char *text, size_t at, bool of_host)
{
	int64_t len = n->match == MATCH_EQ ? eval(r, n) : 0;

	if (len < 0 || len > (int64_t)DATA_MAX)
		len = 0;
	for (size_t i = 0; i < (size_t)len; i++)
		r->data[i] = text ? (uint8_t)text[i] : pattern((uint32_t)(at + i), of_host);
	return (size_t)len;
}

/* --- flows -------------------------------------------------------------------------------------------- */

static struct flow_state *
flow_of(struct run *r)
{
	return &r->flow[r->line->flow];
}

/* The host socket of every flow, as long as it can be seen: a closed one is asked how it ended. */
static void
note_sockets(struct run *r)
{
	for (unsigned i = 0; i < SCRIPT_FLOWS; i++) {
		const struct tcp_flow *tf = bed_tcp(r->bed, &r->flow[i].tuple);

		if (tf && tf->flow.fd >= 0)
			r->flow[i].fd = tf->flow.fd;
	}
}

static void
settle(struct run *r)
{
	bed_settle(r->bed);
	note_sockets(r);
}

static struct addr
loopback(enum family fam)
{
	return fam == FAMILY_V4 ? addr_v4(0x7f000001) : (struct addr){{[15] = 1}};
}

static void
set_flows(struct run *r, uint32_t guest_isn)
{
	for (unsigned i = 0; i < SCRIPT_FLOWS; i++) {
		struct flow_state *f = &r->flow[i];

		f->tuple = (struct tuple){
		    .guest = {r->bed->guest[r->fam], (uint16_t)(GUEST_PORT + i)},
		    .remote = {r->s->to_gateway ? r->bed->gateway[r->fam] : bed_elsewhere(r->fam),
			       (uint16_t)(REMOTE_PORT + i)},
		    .proto = IP_PROTO_TCP};
		f->guest_isn = f->guest_next = guest_isn;
		f->fd = -1;
	}
}

/* From now on this flow is one a client of the published port has opened. */
static void
set_inbound(struct run *r, struct flow_state *f)
{
	f->inbound = true;
	f->tuple.guest.port = REMOTE_PORT;
	f->tuple.remote = (struct endpoint){r->bed->gateway[r->fam], (uint16_t)(CLIENT_PORT + (f - r->flow))};
}

/* --- the guest sends ---------------------------------------------------------------------------------- */

static struct craft
craft_for(const struct run *r, const struct flow_state *f)
{
	return bed_craft(r->bed, &f->tuple.remote.addr);
}

static uint8_t
small(const struct run *r, const struct script_value *v)
{
	return (uint8_t)eval(r, v);
}

/* The header a line describes; what it does not name is what a good guest would send. */
static struct tcp_hdr
guest_header(const struct run *r, const struct flow_state *f)
{
	const struct script_segment *s = &r->line->seg;
	struct tcp_hdr h = {.sport = f->tuple.guest.port,
			    .dport = f->tuple.remote.port,
			    .flags = s->flags,
			    .seq = s->flags & TCP_SYN ? f->guest_isn : f->guest_next,
			    .wnd = 65535};

	if (s->seq.match)
		h.seq = f->guest_isn + (uint32_t)eval(r, &s->seq);
	if (s->ack.match)
		h.ack = f->gw_isn + (uint32_t)eval(r, &s->ack);
	else if (s->flags & TCP_ACK)
		h.ack = f->guest_heard;
	if (s->win.match)
		h.wnd = (uint16_t)eval(r, &s->win);
	h.mss = (uint16_t)eval(r, &s->mss);
	h.urp = (uint16_t)eval(r, &s->urp);
	h.sack_ok = s->sackok.match == MATCH_ANY;
	h.has_wscale = s->ws.match == MATCH_EQ;
	h.wscale = small(r, &s->ws);
	h.nsack = s->nsack;
	for (unsigned i = 0; i < s->nsack; i++)
		h.sack[i] = (struct tcp_sack){f->gw_isn + (uint32_t)eval(r, &s->sack[i].left),
					      f->gw_isn + (uint32_t)eval(r, &s->sack[i].right)};
	return h;
}

static void
remember_sent(struct flow_state *f, const struct tcp_hdr *h, const uint8_t *data, size_t len)
{
	uint32_t at = h->seq + !!(h->flags & TCP_SYN), end = at + (uint32_t)len + !!(h->flags & TCP_FIN);
	int32_t offset = (int32_t)(at - f->guest_isn - 1);

	/* What lies before the first byte is never read. */
	size_t before = offset < 0 ? 0u - (size_t)offset : 0;
	if (before < len)
		stream_say(&f->guest, offset < 0 ? 0 : (size_t)offset, data + before, len - before);
	if (h->flags & TCP_RST)
		return;
	if (seq_lt(f->guest_next, end))
		f->guest_next = end;
	f->guest_fin |= (h->flags & TCP_FIN) != 0;
	if ((h->flags & ~TCP_ACK) == TCP_SYN)
		f->guest_scales = h->has_wscale;
}

static bool
do_send(struct run *r)
{
	const struct script_segment *s = &r->line->seg;
	struct flow_state *f = flow_of(r);
	struct craft c = craft_for(r, f);
	struct craft_tcp t = {.hdr = guest_header(r, f),
			      .options = view_of(s->opt, s->nopt),
			      .data_offset = small(r, &s->hlen)};
	size_t at = t.hdr.seq + !!(t.hdr.flags & TCP_SYN) - f->guest_isn - 1;
	size_t len = make_data(r, &s->len, r->line->text, (uint32_t)at, false);

	c.spoil_csum = s->badsum;
	t.data = view_of(r->data, len);
	size_t n = craft_tcp(r->frame, &c, &t);
	if (s->cut.match) {
		size_t head = n - len - tcp_emit_len(&t.hdr) - ((s->nopt + 3u) & ~3u);
		struct view l4 = view_of(r->frame + head, (size_t)eval(r, &s->cut));

		n = craft_ip(r->frame, &c, IP_PROTO_TCP, l4);
	}
	bed_push(r->bed, r->frame, n);
	/* What is spoiled is not said: the gateway must not have heard it. */
	if (!s->badsum && !s->cut.match && !s->hlen.match)
		remember_sent(f, &t.hdr, r->data, len);
	if (r->line->verb == DO_SEND)
		settle(r);
	return true;
}

static bool
do_send_udp(struct run *r)
{
	struct flow_state *f = flow_of(r);
	struct craft c = craft_for(r, f);
	size_t len = make_data(r, &r->line->n, r->line->text, 0, false);

	bed_push(r->bed, r->frame,
		 craft_udp(r->frame, &c, (uint16_t)(UDP_PORT + r->line->flow), f->tuple.remote.port,
			   view_of(r->data, len)));
	settle(r);
	return true;
}

static bool
do_send_echo(struct run *r)
{
	bool v4 = r->fam == FAMILY_V4;
	struct craft c = craft_for(r, flow_of(r));
	struct icmp h = {.type = v4 ? ICMP4_ECHO_REQUEST : ICMP6_ECHO_REQUEST, .rest = ECHO_ID << 16 | 1};
	size_t len = make_data(r, &r->line->n, NULL, 0, false);

	bed_push(r->bed, r->frame, craft_icmp(r->frame, &c, &h, view_of(r->data, len)));
	settle(r);
	return true;
}

static const struct {
	const char *name;
	uint8_t type[FAMILIES], code[FAMILIES];
} icmp_names[] = {
    {"port-unreachable", {3, 1}, {3, 4}},
    {"host-unreachable", {3, 1}, {1, 3}},
    {"net-unreachable", {3, 1}, {0, 0}},
    {"prohibited", {3, 1}, {13, 1}},
    {"too-big", {3, 2}, {4, 0}},
    {"time-exceeded", {11, 3}, {0, 0}},
    {"param-problem", {12, 4}, {0, 0}},
    {"source-quench", {4, 4}, {0, 0}}, /* in ICMPv6 there is none: a parameter problem instead */
};

static int
icmp_find(const char *name)
{
	for (size_t i = 0; i < sizeof(icmp_names) / sizeof(icmp_names[0]); i++)
		if (strcmp(icmp_names[i].name, name) == 0)
			return (int)i;
	return -1;
}

/* An error about a segment of ours with that sequence number: its IP header and first 8 bytes. */
static bool
do_send_icmp(struct run *r)
{
	int which = icmp_find(r->line->text);
	bool v4 = r->fam == FAMILY_V4;
	const struct flow_state *f = flow_of(r);
	struct craft c = craft_for(r, f), quoted = {.src = c.dst, .dst = c.src};
	uint8_t quote[FRAME_MAX];

	if (which < 0)
		return fail(r, "but no ICMP message has that name");
	struct icmp h = {.type = icmp_names[which].type[r->fam],
			 .code = icmp_names[which].code[r->fam],
			 .rest = (uint32_t)eval(r, &r->line->mtu)};
	struct craft_tcp t = {.hdr = {.sport = f->tuple.remote.port,
				      .dport = f->tuple.guest.port,
				      .seq = f->gw_isn + (uint32_t)eval(r, &r->line->seg.seq),
				      .flags = TCP_ACK}};
	craft_tcp(quote, &quoted, &t);

	struct view body = view_of(quote + 14, (v4 ? IP4_HLEN : IP6_HLEN) + 8);
	bed_push(r->bed, r->frame, craft_icmp(r->frame, &c, &h, body));
	settle(r);
	return true;
}

/* --- what the guest gets ------------------------------------------------------------------------------ */

/* The flow a segment belongs to, or NULL. */
static struct flow_state *
flow_of_frame(struct run *r, const struct bed_frame *f)
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
static const char *
frame_text(struct run *r, const struct bed_frame *f, char *buf, size_t size)
{
	const struct flow_state *fs = flow_of_frame(r, f);
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
static struct bed_frame *
next_frame(struct run *r, usec_t until)
{
	for (;;) {
		bed_until_frame(r->bed, until);
		note_sockets(r);

		struct bed_frame *f = bed_pop(r->bed);
		if (!f || f->wrong || (f->is.kind != STRICT_ARP && f->is.kind != STRICT_NDP))
			return f;
		free(f);
	}
}

static bool
absent_or(const struct run *r, const struct script_value *want, bool there, int64_t got)
{
	if (want->match == MATCH_NONE)
		return !there;
	return want->match == MATCH_UNSAID || (there && holds(r, want, got));
}

static const char *
sack_differs(const struct run *r, const struct flow_state *f, const struct tcp_hdr *h)
{
	const struct script_segment *s = &r->line->seg;

	if (s->sack_none && h->nsack)
		return "SACK blocks";
	if (!s->nsack)
		return NULL;
	if (h->nsack != s->nsack)
		return "number of SACK blocks";
	for (unsigned i = 0; i < s->nsack; i++)
		if ((int32_t)(h->sack[i].left - f->guest_isn) != eval(r, &s->sack[i].left) ||
		    (int32_t)(h->sack[i].right - f->guest_isn) != eval(r, &s->sack[i].right))
			return "SACK blocks";
	return NULL;
}

/* How many bits windows are shifted: both SYNs spoke of it, where a SYN-ACK answers what it was asked. */
static unsigned
scale(const struct flow_state *f, const struct tcp_hdr *h)
{
	return f->gw_scales && (!f->inbound || f->guest_scales) && !(h->flags & TCP_SYN) ? f->gw_ws : 0;
}

/* Which part of the segment is not as the line says; NULL: all is. */
static const char *
segment_differs(const struct run *r, const struct flow_state *f, const struct bed_frame *got)
{
	const struct script_segment *s = &r->line->seg;
	const struct tcp_hdr *h = &got->is.tcp;
	int64_t window = (int64_t)h->wnd << scale(f, h);

	if (h->flags != s->flags)
		return "flags";
	if (!holds(r, &s->seq, (int32_t)(h->seq - f->gw_isn)))
		return "seq";
	if (!holds(r, &s->ack, (int32_t)(h->ack - f->guest_isn)))
		return "ack";
	if (!holds(r, &s->win, h->wnd))
		return "win";
	if (!holds(r, &s->edge, (int32_t)(h->ack - f->guest_isn) + window))
		return "edge";
	if (!holds(r, &s->len, (int64_t)got->is.payload.len))
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
hear(struct flow_state *f, const struct bed_frame *got)
{
	const struct tcp_hdr *h = &got->is.tcp;
	uint32_t end =
	    h->seq + (uint32_t)got->is.payload.len + !!(h->flags & TCP_FIN) + !!(h->flags & TCP_SYN);
	int32_t at = (int32_t)(h->seq - f->gw_isn - 1);

	if (h->flags & TCP_RST)
		return NULL;
	if (!f->heard)
		return NULL;
	if (at >= 0 && !stream_agrees(&f->host, (size_t)at, got->is.payload.p, got->is.payload.len))
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
hear_syn(struct flow_state *f, const struct tcp_hdr *h)
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
check_moment(struct run *r, const struct bed_frame *got)
{
	char text[512];

	if (!got)
		return fail(r, "nothing came");
	if (got->at - r->start < r->line->from)
		return fail(r, "got %s at %.6f, which is too early", frame_text(r, got, text, sizeof(text)),
			    (double)(got->at - r->start) / 1e6);
	return true;
}

static bool
match_segment(struct run *r, const struct bed_frame *got)
{
	struct flow_state *f = got ? flow_of_frame(r, got) : NULL;
	char text[512];

	if (f)
		hear_syn(f, &got->is.tcp);
	if (!check_moment(r, got))
		return false;

	const char *differs = f == flow_of(r) ? segment_differs(r, f, got) : "flow or protocol";
	if (!differs)
		differs = hear(f, got);
	if (differs)
		return fail(r, "got %s at %.6f: %s", frame_text(r, got, text, sizeof(text)),
			    (double)(got->at - r->start) / 1e6, differs);
	return true;
}

static bool
match_datagram(struct run *r, const struct bed_frame *got)
{
	char text[512];
	size_t len;

	if (!check_moment(r, got))
		return false;
	if (got->is.kind != STRICT_UDP || got->is.udp.dport != UDP_PORT + r->line->flow ||
	    got->is.udp.sport != flow_of(r)->tuple.remote.port)
		return fail(r, "got %s", frame_text(r, got, text, sizeof(text)));
	len = make_data(r, &r->line->n, r->line->text, 0, true);
	if (got->is.payload.len != len || (len && memcmp(got->is.payload.p, r->data, len) != 0))
		return fail(r, "got a datagram of %zu bytes, or other bytes", got->is.payload.len);
	return true;
}

static bool
match_echo(struct run *r, const struct bed_frame *got)
{
	char text[512];

	if (!check_moment(r, got))
		return false;
	size_t len = make_data(r, &r->line->n, NULL, 0, false);
	if (got->is.kind != STRICT_ICMP ||
	    got->is.icmp.type != (r->fam == FAMILY_V4 ? ICMP4_ECHO_REPLY : ICMP6_ECHO_REPLY) ||
	    got->is.icmp.rest != (ECHO_ID << 16 | 1) || got->is.payload.len != len ||
	    memcmp(got->is.payload.p, r->data, len) != 0)
		return fail(r, "got %s", frame_text(r, got, text, sizeof(text)));
	return true;
}

/* The quoted packet must be the flow's: the ports follow its IP header. */
static bool
quotes_flow(const struct run *r, const struct flow_state *f, struct view quote)
{
	size_t at = r->fam == FAMILY_V4 ? IP4_HLEN : IP6_HLEN;
	bool udp;

	if (quote.len < at + 8)
		return false;
	udp = quote.p[r->fam == FAMILY_V4 ? 9 : 6] == IP_PROTO_UDP;
	uint16_t sport = (uint16_t)(quote.p[at] << 8 | quote.p[at + 1]);
	uint16_t dport = (uint16_t)(quote.p[at + 2] << 8 | quote.p[at + 3]);
	return dport == f->tuple.remote.port &&
	       sport == (udp ? UDP_PORT + r->line->flow : f->tuple.guest.port);
}

static bool
match_icmp(struct run *r, const struct bed_frame *got)
{
	int which = icmp_find(r->line->text);
	char text[512];

	if (which < 0)
		return fail(r, "but no ICMP message has that name");
	if (!check_moment(r, got))
		return false;
	if (got->is.kind != STRICT_ICMP || got->is.icmp.type != icmp_names[which].type[r->fam] ||
	    got->is.icmp.code != icmp_names[which].code[r->fam])
		return fail(r, "got %s", frame_text(r, got, text, sizeof(text)));
	if (!quotes_flow(r, flow_of(r), got->is.payload))
		return fail(r, "got one that does not quote the flow's packet");
	return true;
}

static bool
want_frame(struct run *r)
{
	struct bed_frame *got = next_frame(r, r->start + r->line->until);
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

static bool
want_nothing(struct run *r)
{
	char text[512];
	struct bed_frame *got = next_frame(r, r->start + r->line->until);

	if (got)
		fail(r, "got %s at %.6f", frame_text(r, got, text, sizeof(text)),
		     (double)(got->at - r->start) / 1e6);
	free(got);
	return !got;
}

static bool
want_anything(struct run *r)
{
	bed_until(r->bed, r->start + r->line->until);
	for (struct bed_frame *f; (f = bed_pop(r->bed));) {
		struct flow_state *fs = flow_of_frame(r, f);

		if (fs) {
			hear_syn(fs, &f->is.tcp);
			const char *bad = hear(fs, f);
			if (bad)
				fail(r, "but got %s", bad);
		}
		free(f);
	}
	note_sockets(r);
	return !r->why[0];
}

/* --- the host ----------------------------------------------------------------------------------------- */

static bool
host_settles(struct run *r)
{
	int fd = flow_of(r)->fd;

	if (fd < 0)
		return fail(r, "but the gateway does not dial");
	vhost_settle(r->bed->vhost, fd, (int)r->line->n.k);
	settle(r);
	return true;
}

static bool
client_connects(struct run *r)
{
	struct flow_state *f = flow_of(r);
	struct endpoint at = {loopback(r->fam), PUBLISHED};
	struct endpoint from = {loopback(r->fam), (uint16_t)(CLIENT_PORT + r->line->flow)};

	set_inbound(r, f);
	if (!vhost_client(r->bed->vhost, &at, &from))
		return fail(r, "but nobody listens");
	settle(r);
	return true;
}

/* Play an action of a line other than the present one. */
static bool
aside(struct run *r, struct script_line *l, bool (*verb)(struct run *r))
{
	const struct script_line *present = r->line;

	r->line = l;
	bool ok = verb(r);
	r->line = present;
	return ok;
}

/* The rest of a handshake that begins with the segment of this line. */
static bool
guest_opens(struct run *r)
{
	struct script_line step = *r->line;

	step.verb = DO_SEND;
	if (!aside(r, &step, do_send))
		return false;
	step.verb = HOST_SETTLES;
	if (!aside(r, &step, host_settles))
		return false;
	step.verb = WANT_SEGMENT;
	step.seg = (struct script_segment){.flags = TCP_SYN | TCP_ACK, .ack = {MATCH_EQ, 1, 0}};
	if (!aside(r, &step, want_frame))
		return false;
	step.verb = DO_SEND;
	step.seg = (struct script_segment){.flags = TCP_ACK};
	return aside(r, &step, do_send);
}

static bool
client_opens(struct run *r)
{
	struct script_line step = *r->line;

	if (!client_connects(r))
		return false;
	step.verb = WANT_SEGMENT;
	step.seg = (struct script_segment){.flags = TCP_SYN};
	if (!aside(r, &step, want_frame))
		return false;
	step.verb = DO_SEND;
	step.seg = r->line->seg;
	if (!aside(r, &step, do_send))
		return false;
	step.verb = WANT_SEGMENT;
	step.seg = (struct script_segment){
	    .flags = TCP_ACK, .seq = {MATCH_EQ, 1, 0}, .ack = {MATCH_EQ, 1, 0}, .len = {MATCH_EQ, 0, 0}};
	return aside(r, &step, want_frame);
}

static bool
host_sends(struct run *r)
{
	struct flow_state *f = flow_of(r);
	size_t len = make_data(r, &r->line->n, r->line->text, f->host_put, true);

	if ((int64_t)len != eval(r, &r->line->n))
		return fail(r, "but that is more than %u bytes", DATA_MAX);
	size_t took = vhost_send(r->bed->vhost, f->fd, r->data, len);
	stream_say(&f->host, f->host_put, r->data, took);
	f->host_put += took;
	if (took != len)
		return fail(r, "but its socket holds only %zu of these bytes", took);
	settle(r);
	return true;
}

static bool
host_reads(struct run *r)
{
	struct flow_state *f = flow_of(r);
	size_t have = vhost_recv_len(r->bed->vhost, f->fd);
	size_t want = r->line->n.match == MATCH_ANY ? have : (size_t)eval(r, &r->line->n);

	if (have < want)
		return fail(r, "but only %zu bytes are there", have);
	if (want == 0 && have && r->line->n.match != MATCH_ANY)
		return fail(r, "but %zu bytes are there", have);
	for (size_t left = want; left;) {
		size_t n = vhost_recv(r->bed->vhost, f->fd, r->data, left < DATA_MAX ? left : DATA_MAX);

		if (r->line->text ? memcmp(r->data, r->line->text, n) != 0
				  : !stream_agrees(&f->guest, f->host_got, r->data, n))
			return fail(r, "but these are not the guest's bytes: '%.*s'", (int)n,
				    (char *)r->data);
		f->host_got += n;
		left -= n;
	}
	settle(r);
	return true;
}

static bool
host_ends(struct run *r)
{
	int fd = flow_of(r)->fd;

	if (fd < 0)
		return fail(r, "but it has no socket");
	if (r->line->verb == HOST_CLOSES)
		vhost_send_eof(r->bed->vhost, fd);
	else if (r->line->verb == HOST_RESETS)
		vhost_reset(r->bed->vhost, fd);
	else
		vhost_buffers(r->bed->vhost, fd, (size_t)eval(r, &r->line->n), (size_t)eval(r, &r->line->n));
	settle(r);
	return true;
}

static bool
host_sees(struct run *r)
{
	static const char *const ended[] = {"is still open", "was closed", "was reset"};
	const struct flow_state *f = flow_of(r);
	struct vhost *v = r->bed->vhost;

	if (f->fd < 0)
		return fail(r, "but it has no socket");
	int how = vhost_closed(v, f->fd);
	bool eof = vhost_got_eof(v, f->fd);

	switch (r->line->verb) {
	case HOST_SEES_EOF:
		return eof && vhost_recv_len(v, f->fd) == 0
			   ? true
			   : fail(r, "but it has not, or there are bytes before it");
	case HOST_SEES_CLOSE:
		return how == 1 ? true : fail(r, "but the socket %s", ended[how]);
	case HOST_SEES_RESET:
		return how == 2 ? true : fail(r, "but the socket %s", ended[how]);
	default:
		return how == 0 && !eof ? true : fail(r, "but the socket %s", eof ? "got eof" : ended[how]);
	}
}

static bool
host_sockets(struct run *r)
{
	int64_t n = 0;
	struct endpoint to;

	for (int i = 0, fd; (fd = vhost_find(r->bed->vhost, HOST_TCP, i)) >= 0; i++)
		n += vhost_peer(r->bed->vhost, fd, &to);
	return holds(r, &r->line->n, n) ? true : fail(r, "but there are %lld", (long long)n);
}

static bool
host_udp(struct run *r)
{
	struct vhost *v = r->bed->vhost;
	struct endpoint to, dest;
	size_t len, got;
	int fd = -1;

	for (int i = 0; (fd = vhost_find(v, HOST_UDP, i)) >= 0; i++)
		if (vhost_peer(v, fd, &to) && to.port == flow_of(r)->tuple.remote.port)
			break;
	if (fd < 0)
		return fail(r, "but no UDP socket goes there");
	if (r->line->verb == HOST_REFUSES_UDP) {
		vhost_send_error(v, fd,
				 &(struct host_sockerr){.err = ECONNREFUSED,
							.origin = r->fam == FAMILY_V4 ? 2 : 3,
							.type = r->fam == FAMILY_V4 ? 3 : 1,
							.code = r->fam == FAMILY_V4 ? 3 : 4,
							.offender = to.addr,
							.dest = to});
	} else if (r->line->verb == HOST_SENDS_UDP) {
		len = make_data(r, &r->line->n, r->line->text, 0, true);
		if (!vhost_send_dgram(v, fd, NULL, r->data, len))
			return fail(r, "but its socket does not take it");
	} else {
		static uint8_t buf[DATA_MAX];

		len = make_data(r, &r->line->n, r->line->text, 0, false);
		if (!vhost_recv_dgram(v, fd, buf, sizeof(buf), &got, &dest))
			return fail(r, "but there is no datagram");
		if (got != len || memcmp(buf, r->data, len) != 0)
			return fail(r, "but it is one of %zu bytes, or of other bytes", got);
	}
	settle(r);
	return true;
}

/* --- the gateway -------------------------------------------------------------------------------------- */

static bool
gateway_state(struct run *r)
{
	const struct tcp_flow *tf = bed_tcp(r->bed, &flow_of(r)->tuple);
	const char *state = tf ? tcp_state_name((enum tcp_state)tf->tcp.state) : "none";

	return strcmp(state, r->line->text) == 0 ? true : fail(r, "but it is %s", state);
}

static bool
gateway_flows(struct run *r)
{
	uint32_t n = r->bed->gw->flows.kind[FLOW_TCP].open;

	return holds(r, &r->line->n, n) ? true : fail(r, "but there are %u", n);
}

/* --- a run -------------------------------------------------------------------------------------------- */

static bool (*const verbs[])(struct run *r) = {
    [DO_SEND] = do_send,           [DO_SEND_MORE] = do_send,        [DO_SEND_UDP] = do_send_udp,
    [DO_SEND_ICMP] = do_send_icmp, [DO_SEND_ECHO] = do_send_echo,   [WANT_SEGMENT] = want_frame,
    [WANT_UDP] = want_frame,       [WANT_ICMP] = want_frame,        [WANT_ECHO] = want_frame,
    [WANT_NOTHING] = want_nothing, [WANT_ANYTHING] = want_anything, [HOST_SETTLES] = host_settles,
    [HOST_SENDS] = host_sends,     [HOST_READS] = host_reads,       [HOST_CLOSES] = host_ends,
    [HOST_RESETS] = host_ends,     [HOST_BUFFERS] = host_ends,      [HOST_SEES_EOF] = host_sees,
    [HOST_SEES_CLOSE] = host_sees, [HOST_SEES_RESET] = host_sees,   [HOST_SEES_OPEN] = host_sees,
    [HOST_SOCKETS] = host_sockets, [HOST_SENDS_UDP] = host_udp,     [HOST_READS_UDP] = host_udp,
    [HOST_REFUSES_UDP] = host_udp, [GUEST_OPENS] = guest_opens,     [CLIENT_CONNECTS] = client_connects,
    [CLIENT_OPENS] = client_opens, [GATEWAY_STATE] = gateway_state, [GATEWAY_FLOWS] = gateway_flows,
};

static bool
is_expectation(const struct script_line *l)
{
	return l->verb >= WANT_SEGMENT && l->verb <= WANT_ANYTHING;
}

static bool
play(struct run *r)
{
	const struct script *s = r->s;

	for (size_t i = 0; i < s->nline; i++) {
		r->line = &s->line[i];
		bool batch = i && s->line[i - 1].verb == DO_SEND_MORE;
		if (!is_expectation(r->line) && !batch) {
			bed_until(r->bed, r->start + r->line->from);
			note_sockets(r);
		}
		if (!verbs[r->line->verb](r))
			return false;
		if (r->bed->complaint[0])
			return fail(r, "but %s", r->bed->complaint);
	}

	char text[512];
	struct bed_frame *left = next_frame(r, bed_now(r->bed));
	if (left)
		snprintf(r->why, sizeof(r->why), "at the end: expected nothing more, got %s",
			 frame_text(r, left, text, sizeof(text)));
	free(left);
	return !left;
}

/* Every far end goes, two hours pass: no flow and no byte of memory may be left (rows T18, T26). */
static bool
wind_down(struct run *r)
{
	struct sluice *gw = r->bed->gw;

	for (int fd, n = 0; (fd = vhost_find(r->bed->vhost, HOST_TCP, n)) >= 0; n++) {
		vhost_settle(r->bed->vhost, fd, ETIMEDOUT);
		vhost_reset(r->bed->vhost, fd);
	}
	bed_until(r->bed, bed_now(r->bed) + 7200 * USEC_PER_SEC);
	if (r->bed->complaint[0])
		snprintf(r->why, sizeof(r->why), "while winding down: %s", r->bed->complaint);
	else if (gw->flows.kind[FLOW_TCP].open || gw->flows.kind[FLOW_UDP].open || gw->pool.used)
		snprintf(
		    r->why, sizeof(r->why),
		    "after two idle hours: expected nothing left, got %u TCP flows, %u UDP flows, %llu bytes",
		    gw->flows.kind[FLOW_TCP].open, gw->flows.kind[FLOW_UDP].open,
		    (unsigned long long)gw->pool.used);
	return !r->why[0];
}

/* When, in the script, the gateway chooses the initial sequence number of its first flow. */
static usec_t
iss_moment(const struct script *s, bool *inbound)
{
	*inbound = false;
	for (size_t i = 0; i < s->nline; i++) {
		const struct script_line *l = &s->line[i];

		*inbound = l->verb == CLIENT_CONNECTS || l->verb == CLIENT_OPENS;
		bool accepted = l->verb == GUEST_OPENS || (l->verb == HOST_SETTLES && l->n.k == 0);
		if (l->flow == 0 && (*inbound || accepted))
			return l->from;
	}
	return 0;
}

static void
configure(const struct script *s, struct bed_conf *c, const struct sluice_publish *publish)
{
	bed_conf_init(c);
	c->lim.mtu = s->mtu;
	c->lim.csum = c->lim.tso = s->tso;
	c->gateway.mtu = s->mtu;
	c->gateway.publish = publish;
	c->gateway.npublish = 1;
	c->gateway.max_ring = s->ring;
	if (s->max_tcp)
		c->gateway.max_tcp = s->max_tcp;
}

static bool
run_once(struct run *r, uint32_t guest_isn, uint32_t gw_isn)
{
	static const struct sluice_publish publish = {
	    .host_first = PUBLISHED, .host_last = PUBLISHED, .guest_first = REMOTE_PORT};
	struct bed_conf conf;
	bool inbound;
	usec_t moment = iss_moment(r->s, &inbound);

	configure(r->s, &conf, &publish);
	r->M = r->s->mtu - (r->fam == FAMILY_V4 ? 40 : 60);
	r->bed = bed_new(&conf);
	set_flows(r, guest_isn);
	struct flow_state first = r->flow[0];
	if (inbound)
		set_inbound(r, &r->flow[0]);
	conf.start = bed_start_for_iss(&conf, &r->flow[0].tuple, moment, gw_isn);
	r->flow[0] = first;
	bed_free(r->bed);

	r->bed = bed_new(&conf);
	r->start = conf.start;
	vhost_default(r->bed->vhost, VHOST_ACCEPT_LATER);
	settle(r);
	bed_drop(r->bed);

	bool ok = play(r) && wind_down(r);
	if (!bed_free(r->bed) && ok)
		snprintf(r->why, sizeof(r->why), "at the end: host sockets are left open");
	for (unsigned i = 0; i < SCRIPT_FLOWS; i++) {
		free(r->flow[i].guest.byte);
		free(r->flow[i].guest.said);
		free(r->flow[i].host.byte);
		free(r->flow[i].host.said);
	}
	return !r->why[0];
}

static bool
run_family(const struct script *s, const char *name, enum family fam)
{
	static const uint32_t isns[] = {0, 0x7fffffff, 0xffffffff};

	for (size_t g = 0; g < 3; g++)
		for (size_t w = 0; w < 3; w++) {
			struct run *r = calloc(1, sizeof(*r));
			if (!r)
				abort();
			r->s = s;
			r->fam = fam;
			bool ok = run_once(r, isns[g], isns[w]);
			if (!ok)
				printf("not ok %s v%d (guest ISN %u, gateway ISN %u) - %s\n", name,
				       fam == FAMILY_V4 ? 4 : 6, isns[g], isns[w], r->why);
			free(r);
			if (!ok)
				return false;
		}
	printf("ok %s v%d\n", name, fam == FAMILY_V4 ? 4 : 6);
	return true;
}

/* --- files -------------------------------------------------------------------------------------------- */

static char *
slurp(const char *path)
{
	FILE *f = fopen(path, "r");
	char *text = NULL;
	size_t n = 0;
	ssize_t got = f ? getdelim(&text, &n, '\0', f) : -1;

	if (f)
		fclose(f);
	if (got >= 0)
		return text;
	free(text);
	return NULL;
}

static unsigned
run_file(const char *path, unsigned *passed)
{
	struct script s = {0};
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	char *text = slurp(path);
	unsigned failed = 0;

	if (!text || !script_parse(&s, text)) {
		printf("not ok %s - %s\n", name, text ? s.error : "cannot be read");
		failed = 1;
	} else {
		for (int fam = 0; fam < FAMILIES; fam++) {
			if (!(fam == FAMILY_V4 ? s.v4 : s.v6))
				continue;
			if (run_family(&s, name, (enum family)fam))
				++*passed;
			else
				failed++;
		}
	}
	script_free(&s);
	free(text);
	return failed;
}

int
main(int argc, char **argv)
{
	unsigned failed = 0, passed = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	for (int i = 1; i < argc; i++)
		failed += run_file(argv[i], &passed);
	printf("# %u passed, %u failed\n", passed, failed);
	return failed || !passed;
}
