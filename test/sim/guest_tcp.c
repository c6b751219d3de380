/*
 * guest_tcp.c - the guest's TCP, written for itself: what a plain, stubborn stack does
 *
 * It sends again after a timeout that doubles up to a few seconds, after three equal acknowledgments, and what
 * selective acknowledgments leave out; it keeps what comes out of order, tells of it if that was agreed, closes its
 * window while its program sleeps and opens it again, probes a window that is closed, and never gives up.  It has
 * no bytes of its own: what it sends is computed, what it hears was compared when the gateway said it.
 */
#include "stack/csum.h"
#include "stack/eth_wire.h"
#include "test/sim/inside.h"

#define SYN_TRIES 6u
#define RTO_MAX (8 * USEC_PER_SEC)
#define KEEP_ASKING (60 * USEC_PER_SEC)

uint64_t
gtcp_end(const struct guest_tcp *g)
{
	return 1 + g->written + (g->shut ? 1 : 0);
}

static uint32_t
mss_of_link(const struct sim *s, const struct talk *t)
{
	return s->conf.lim.mtu - (t->pub.conf.fam == FAMILY_V4 ? 40 : 60);
}

/* --- segments --------------------------------------------------------------------------------------------- */

/* The window to tell.  Its edge never moves back; small steps are not told (RFC 9293 3.8.6.2.2). */
static uint16_t
window(struct guest_tcp *g, bool syn)
{
	uint64_t edge = 1 + g->read + g->buffer;
	unsigned scale = g->scaled && !syn ? g->scale : 0;
	uint64_t unit = UINT64_C(1) << scale,
		 step = g->buffer / 2 < g->mss_told ? g->buffer / 2 : g->mss_told;

	if (edge < g->told + step)
		edge = g->told;
	if (edge < g->rcv)
		edge = g->rcv;
	uint64_t wnd = (edge - g->rcv + unit - 1) / unit;
	if (wnd > 65535)
		wnd = 65535;
	if (g->rcv + wnd * unit > g->told)
		g->told = g->rcv + wnd * unit;
	return (uint16_t)wnd;
}

/* A checksum that the other side of the link is to finish, and a cut that it is to make. */
static struct offload
unfinish(struct sim *s, const struct craft *c, size_t len, size_t hlen, size_t text, uint32_t mss)
{
	size_t head = ETH_HLEN + (addr_is_v4(&c->src) ? IP4_HLEN : IP6_HLEN);
	struct csum sum = {0};

	csum_pseudo(&sum, &c->src, &c->dst, IP_PROTO_TCP, (uint32_t)(len - head));
	uint16_t field = csum_partial(&sum);
	s->buf[head + 16] = (uint8_t)(field >> 8);
	s->buf[head + 17] = (uint8_t)field;
	struct offload off = {.needs_csum = true, .csum_start = (uint16_t)head, .csum_offset = 16};
	if (text > mss) {
		off.gso_type = addr_is_v4(&c->src) ? GSO_TCPV4 : GSO_TCPV6;
		off.gso_size = (uint16_t)mss;
		off.hdr_len = (uint16_t)(head + hlen);
	}
	return off;
}

static void
emit(struct sim *s, struct talk *t, struct tcp_hdr *h, uint64_t at, size_t len)
{
	struct craft c = bed_craft(s->bed, &t->pub.tuple.remote.addr);
	struct guest_tcp *g = &t->tcp;
	struct offload off = {0};
	struct craft_tcp seg = {.hdr = *h};

	c.src = t->pub.tuple.guest.addr;
	seg.hdr.sport = t->pub.tuple.guest.port;
	seg.hdr.dport = t->pub.tuple.remote.port;
	if (len && t->script) {
		seg.data = view_of(t->script->up + at - 1, len);
	} else if (len && t->sealed) {
		seg.data = tls_up(t, at - 1, len);
	} else if (len) {
		talk_fill(t, UP, s->big, at - 1, len);
		seg.data = view_of(s->big, len);
	}
	size_t n = craft_tcp(s->buf, &c, &seg);
	if (g->long_segments && (len > g->mss || (len && luck_in(&s->guest_luck, 1, 2))))
		off = unfinish(s, &c, n, tcp_emit_len(&seg.hdr), len, g->mss);
	struct parcel *p = wire_new(s->buf, n, &off);
	p->talk = t;
	p->tcp = seg.hdr;
	p->text = len;
	p->delicate = h->flags & (TCP_SYN | TCP_RST);
	sim_say(s, "guest  %u:%s%s%s%s seq %lld +%zu ack %lld wnd %u sack %u", t->pub.number,
		h->flags & TCP_SYN ? " SYN" : "", h->flags & TCP_FIN ? " FIN" : "",
		h->flags & TCP_RST ? " RST" : "", h->flags & TCP_ACK ? " ACK" : "", (long long)at, len,
		(long long)g->rcv, h->wnd, h->nsack);
	wire_up(s, p);
}

static void
tell_gaps(const struct guest_tcp *g, struct tcp_hdr *h)
{
	unsigned n = g->have.n < 3 ? g->have.n : 3;

	if (!g->sacks)
		return;
	for (unsigned i = 0; i < n; i++)
		h->sack[i] = (struct tcp_sack){g->irs + (uint32_t)g->have.run[i].from,
					       g->irs + (uint32_t)g->have.run[i].until};
	h->nsack = (uint8_t)n;
}

static void
say(struct sim *s, struct talk *t, uint8_t flags, uint64_t at, size_t len)
{
	struct guest_tcp *g = &t->tcp;
	struct tcp_hdr h = {.seq = g->iss + (uint32_t)at, .flags = flags};

	if (g->state != GUEST_SYN_SENT) {
		h.flags |= TCP_ACK;
		h.ack = g->irs + (uint32_t)g->rcv;
	}
	h.wnd = g->state == GUEST_SYN_SENT ? (uint16_t)(g->buffer < 65535 ? g->buffer : 65535)
					   : window(g, flags & TCP_SYN);
	if (h.wnd == 0)
		s->res.zero_windows++;
	if (flags & TCP_SYN) {
		h.mss = (uint16_t)g->mss_told;
		h.has_wscale = g->offers_scale;
		h.wscale = g->scale;
		h.sack_ok = g->offers_sack;
	} else if (len == 0) {
		tell_gaps(g, &h);
	}
	g->owed = 0;
	g->ack_now = false;
	g->ack_at = TIME_NEVER;
	emit(s, t, &h, at, len);
}

/* For nobody, or after the end. */
static void
say_reset(struct sim *s, const struct strict *f)
{
	struct craft c = bed_craft(s->bed, &f->ip.src);
	const struct tcp_hdr *in = &f->tcp;
	struct craft_tcp out = {.hdr = {.sport = in->dport, .dport = in->sport, .flags = TCP_RST}};

	if (in->flags & TCP_RST)
		return;
	c.src = f->ip.dst;
	if (in->flags & TCP_ACK) {
		out.hdr.seq = in->ack;
	} else {
		out.hdr.flags |= TCP_ACK;
		out.hdr.ack = in->seq + (uint32_t)f->payload.len + (in->flags & TCP_SYN ? 1 : 0) +
			      (in->flags & TCP_FIN ? 1 : 0);
	}
	wire_up(s, wire_new(s->buf, craft_tcp(s->buf, &c, &out), NULL));
}

void
gtcp_stray(struct sim *s, const struct strict *f)
{
	say_reset(s, f);
}

void
gtcp_reset(struct sim *s, struct talk *t)
{
	struct guest_tcp *g = &t->tcp;

	if (g->state >= GUEST_SYN_RCVD && g->state != GUEST_DEAD) {
		struct tcp_hdr h = {.seq = g->iss + (uint32_t)g->max,
				    .ack = g->irs + (uint32_t)g->rcv,
				    .flags = TCP_RST | TCP_ACK};

		emit(s, t, &h, g->max, 0);
	}
	g->state = GUEST_DEAD;
}

/* --- sending ------------------------------------------------------------------------------------------------ */

static usec_t
rto(const struct guest_tcp *g)
{
	usec_t t = g->rtt;

	for (unsigned i = 0; i < g->backoff && t < RTO_MAX; i++)
		t *= 2;
	return t < RTO_MAX ? t : RTO_MAX;
}

/* Text and FIN from `at` on, no more than `most` numbers. */
static uint64_t
send_run(struct sim *s, struct talk *t, uint64_t at, uint64_t most)
{
	struct guest_tcp *g = &t->tcp;
	uint64_t text = 1 + g->written > at ? 1 + g->written - at : 0, len = text < most ? text : most;
	bool fin = g->shut && len == text && len < most;

	if (at < g->max)
		s->res.guest_retransmitted++;
	if (len == 0 && !fin)
		return 0;
	say(s, t, (uint8_t)((fin ? TCP_FIN : 0) | (len && luck_in(&s->guest_luck, 1, 2) ? TCP_PSH : 0)), at,
	    (size_t)len);
	uint64_t end = at + len + (fin ? 1 : 0);
	if (end > g->max)
		g->max = end;
	if (g->rexmit_at == TIME_NEVER)
		g->rexmit_at = sim_now(s) + rto(g);
	return end - at;
}

/* The first that was not told to have come, from `at` on, and how far it goes. */
static uint64_t
hole(const struct guest_tcp *g, uint64_t *at)
{
	uint64_t next = UINT64_MAX;

	for (uint64_t end; (end = runs_end(&g->sacked, *at)) > *at;)
		*at = end;
	for (unsigned i = 0; i < g->sacked.n; i++)
		if (g->sacked.run[i].from > *at && g->sacked.run[i].from < next)
			next = g->sacked.run[i].from;
	return next - *at;
}

static void
send_again(struct sim *s, struct talk *t)
{
	struct guest_tcp *g = &t->tcp;
	uint64_t at = g->una, room = g->edge > at ? g->edge - at : 0, len = hole(g, &at);

	g->again = false;
	if (len > g->mss)
		len = g->mss;
	send_run(s, t, g->una, len < room ? len : room);
}

static void
send_new(struct sim *s, struct talk *t)
{
	struct guest_tcp *g = &t->tcp;
	unsigned said = 0;

	while (said++ < 64 && g->nxt < gtcp_end(g)) {
		uint64_t at = g->nxt, limit = g->una + g->flight;
		uint64_t gap = at < g->max ? hole(g, &at) : UINT64_MAX;
		uint64_t most = g->long_segments && luck_in(&s->guest_luck, 1, 2)
				    ? g->mss * (1 + luck_below(&s->guest_luck, 20))
				    : g->mss;

		if (g->edge < limit)
			limit = g->edge;
		if (at >= limit)
			return;
		uint64_t left = gtcp_end(g) - at;
		if (limit - at < most)
			most = limit - at;
		/* No silly segments while others are under way (RFC 9293 3.8.6.2.1). */
		if (most < g->mss && most < left && g->nxt > g->una)
			return;
		if (gap < most)
			most = gap;
		if (most > 60000)
			most = 60000;
		g->nxt = at;
		uint64_t n = send_run(s, t, at, most);
		if (n == 0)
			return;
		g->nxt = at + n;
	}
}

/* A closed window is asked after, with the next byte. */
static void
probe(struct sim *s, struct talk *t)
{
	struct guest_tcp *g = &t->tcp;

	if (g->state != GUEST_OPEN || g->una != g->nxt || g->nxt == gtcp_end(g) || g->edge > g->nxt) {
		g->probe_at = TIME_NEVER;
		g->probes = 0;
		return;
	}
	if (g->probe_at == TIME_NEVER)
		g->probe_at = sim_now(s) + g->rtt;
	if (g->probe_at > sim_now(s))
		return;
	usec_t keep = g->rexmit_at;
	send_run(s, t, g->una, 1);
	s->res.probes++;
	g->rexmit_at = keep;
	g->probes++;
	usec_t wait = g->rtt << (g->probes < 6 ? g->probes : 6);
	g->probe_at = sim_now(s) + (wait < RTO_MAX ? wait : RTO_MAX);
}

static void
open_again(struct sim *s, struct talk *t)
{
	struct guest_tcp *g = &t->tcp;

	if (g->state == GUEST_SYN_SENT && g->syns >= SYN_TRIES) {
		g->state = GUEST_DEAD;
		s->res.never_answered++;
		talk_broke(s, t, "nobody answers");
		return;
	}
	g->syns++;
	say(s, t, TCP_SYN, 0, 0);
	g->max = g->nxt = 1;
	g->rexmit_at = sim_now(s) + (USEC_PER_SEC << (g->syns - 1 < 6 ? g->syns - 1 : 6));
}

static void
timers(struct sim *s, struct talk *t)
{
	struct guest_tcp *g = &t->tcp;
	usec_t now = sim_now(s);

	if (g->rexmit_at <= now) {
		g->rexmit_at = TIME_NEVER;
		if (g->state == GUEST_SYN_SENT || g->state == GUEST_SYN_RCVD) {
			open_again(s, t);
			return;
		}
		g->backoff++;
		g->nxt = g->una;
		g->again = g->recovering = false;
		g->dups = 0;
	}
	if (s->quiet && g->state == GUEST_OPEN) {
		if (g->keep_at == 0)
			g->keep_at = now + KEEP_ASKING;
		if (g->keep_at <= now) {
			say(s, t, 0, g->una - 1, 0);
			g->keep_at = now + KEEP_ASKING;
		}
	}
}

void
gtcp_act(struct sim *s, struct talk *t)
{
	struct guest_tcp *g = &t->tcp;
	uint64_t edge = 1 + g->read + g->buffer, step = 2 * g->mss_told;

	if (g->state == GUEST_NONE || g->state == GUEST_DEAD)
		return;
	timers(s, t);
	if (g->state != GUEST_OPEN)
		return;
	if (g->again)
		send_again(s, t);
	send_new(s, t);
	probe(s, t);
	if (step > g->buffer / 2)
		step = g->buffer / 2;
	/* What the program took makes room. */
	if (!g->eof && edge > g->told && edge - g->told >= step)
		g->ack_now = true;
	if (g->ack_now || g->ack_at <= sim_now(s))
		say(s, t, 0, g->nxt > g->edge ? g->edge : g->max, 0);
}

usec_t
gtcp_next(const struct sim *s, const struct talk *t)
{
	const struct guest_tcp *g = &t->tcp;

	if (g->state == GUEST_NONE || g->state == GUEST_DEAD)
		return TIME_NEVER;
	usec_t at = time_min(g->rexmit_at, time_min(g->probe_at, g->ack_at));
	if (s->quiet && g->state == GUEST_OPEN)
		at = time_min(at, g->keep_at);
	return at;
}

/* --- opening ------------------------------------------------------------------------------------------------- */

static void
choose(struct sim *s, struct talk *t)
{
	struct guest_tcp *g = &t->tcp;
	struct luck *l = &s->guest_luck;
	uint32_t link = mss_of_link(s, t), near_end = (uint32_t)luck_size(l, 18);

	*g = (struct guest_tcp){.rexmit_at = TIME_NEVER, .probe_at = TIME_NEVER, .ack_at = TIME_NEVER};
	g->iss = luck_in(l, 1, 3) ? 0u - near_end : (uint32_t)luck_next(l);
	g->buffer = t->pub.conf.guest.buffer ? t->pub.conf.guest.buffer : 65536;
	g->mss_told = luck_in(l, 1, 2) ? link : 536 + (uint32_t)luck_below(l, link - 535);
	g->flight = 2 * link + (uint32_t)luck_size(l, 17);
	g->offers_scale = luck_in(l, 3, 4);
	g->scale = (uint8_t)luck_below(l, 10);
	g->offers_sack = luck_in(l, 3, 4);
	g->delays_acks = luck_in(l, 1, 2);
	g->long_segments = s->conf.lim.csum && luck_in(l, 3, 4);
	g->rtt = 300 * USEC_PER_MSEC + 2 * (s->wire.delay[UP] + s->wire.delay[DOWN] + s->wire.quantum);
	g->mss = 536;
	/* Without scaling there are no larger windows. */
	if (!g->offers_scale && g->buffer > 65535)
		g->buffer = 65535;
	if ((UINT64_C(65535) << g->scale) < g->buffer)
		g->buffer = 65535u << g->scale;
	g->told = 1;
}

void
gtcp_start(struct sim *s, struct talk *t)
{
	choose(s, t);
	if (t->pub.conf.published)
		return;
	t->tcp.state = GUEST_SYN_SENT;
	open_again(s, t);
}

static void
agree(const struct sim *s, struct talk *t, const struct tcp_hdr *h)
{
	struct guest_tcp *g = &t->tcp;
	uint32_t theirs = h->mss ? h->mss : (t->pub.conf.fam == FAMILY_V4 ? 536 : 1220),
		 link = mss_of_link(s, t);

	g->irs = h->seq;
	g->rcv = 1;
	g->scaled = g->offers_scale && h->has_wscale;
	g->their_scale = h->wscale > 14 ? 14 : h->wscale;
	g->sacks = g->offers_sack && h->sack_ok;
	g->mss = theirs < link ? theirs : link;
	if (!g->scaled && g->buffer > 65535)
		g->buffer = 65535;
}

static void
opened(struct sim *s, struct talk *t)
{
	struct guest_tcp *g = &t->tcp;

	g->state = GUEST_OPEN;
	g->una = g->nxt = g->max = 1;
	g->rexmit_at = TIME_NEVER;
	t->pub.opened = sim_now(s);
}

static void
hear_unopened(struct sim *s, struct talk *t, const struct strict *f)
{
	struct guest_tcp *g = &t->tcp;
	const struct tcp_hdr *h = &f->tcp;

	if (h->flags & TCP_RST) {
		if (h->ack == g->iss + 1 && h->flags & TCP_ACK) {
			g->state = GUEST_DEAD;
			s->res.refused++;
			talk_broke(s, t, "refused");
		}
		return;
	}
	if (!(h->flags & TCP_ACK) || h->ack != g->iss + 1 || !(h->flags & TCP_SYN)) {
		say_reset(s, f);
		return;
	}
	agree(s, t, h);
	opened(s, t);
	/* What the SYN told of our window was not scaled. */
	g->told = 1 + (g->buffer < 65535 ? g->buffer : 65535);
	g->edge = 1 + h->wnd;
	g->ack_now = true;
}

/* A client of a published port. */
static void
hear_client(struct sim *s, struct talk *t, const struct strict *f)
{
	struct guest_tcp *g = &t->tcp;

	if (!(f->tcp.flags & TCP_SYN) || f->tcp.flags & (TCP_ACK | TCP_RST)) {
		say_reset(s, f);
		return;
	}
	if (t->pub.conf.guest_refuses) {
		say_reset(s, f);
		return;
	}
	agree(s, t, &f->tcp);
	g->offers_scale &= g->scaled;
	g->offers_sack &= g->sacks;
	if (!g->scaled && g->buffer > 65535)
		g->buffer = 65535;
	g->state = GUEST_SYN_RCVD;
	open_again(s, t);
}

/* --- what comes ---------------------------------------------------------------------------------------------- */

/* The offset a number means, next to one that is known. */
static uint64_t
offset_of(uint32_t number, uint32_t base, uint64_t near)
{
	return near + (uint64_t)(int64_t)(int32_t)(number - (base + (uint32_t)near));
}

static void
acknowledged(struct sim *s, struct guest_tcp *g, uint64_t ack)
{
	unsigned kept = 0;

	g->una = ack;
	if (g->nxt < ack)
		g->nxt = ack;
	g->dups = g->backoff = 0;
	g->rexmit_at = g->una < g->max ? sim_now(s) + rto(g) : TIME_NEVER;
	for (unsigned i = 0; i < g->sacked.n; i++)
		if (g->sacked.run[i].until > ack)
			g->sacked.run[kept++] = g->sacked.run[i];
	g->sacked.n = kept;
	if (g->recovering && ack < g->recover)
		g->again = true; /* the next hole (RFC 6582) */
	else
		g->recovering = false;
}

static void
hear_ack(struct sim *s, struct guest_tcp *g, const struct strict *f)
{
	const struct tcp_hdr *h = &f->tcp;
	uint64_t ack = offset_of(h->ack, g->iss, g->una);
	uint64_t edge = ack + ((uint64_t)h->wnd << (g->scaled ? g->their_scale : 0));
	bool same = ack == g->una && edge <= g->edge && f->payload.len == 0 && !(h->flags & TCP_FIN) &&
		    g->una < g->max;

	if ((int64_t)ack < 0 || ack > g->max)
		return; /* look.c has complained */
	for (unsigned i = 0; i < h->nsack && g->sacks; i++) {
		uint64_t from = offset_of(h->sack[i].left, g->iss, g->una),
			 until = offset_of(h->sack[i].right, g->iss, g->una);

		if (from >= g->una && until <= g->max && runs_add(&g->sacked, from, until))
			s->res.sacked++;
	}
	if (ack > g->una) {
		acknowledged(s, g, ack);
	} else if (same && ++g->dups == 3 && !g->recovering) {
		g->recovering = g->again = true;
		g->recover = g->max;
	}
	if (edge > g->edge)
		g->edge = edge;
}

static void
hear_text(struct guest_tcp *g, const struct strict *f, uint64_t from, uint64_t end)
{
	uint64_t before = g->rcv;

	if (f->tcp.flags & TCP_FIN)
		g->fin_at = end;
	if (from <= g->rcv && end > g->rcv)
		g->rcv = end;
	else if (from > g->rcv)
		runs_add(&g->have, from, end);
	for (uint64_t e; (e = runs_end(&g->have, g->rcv)) > g->rcv;)
		g->rcv = e;
	while (g->have.n && g->have.run[0].until <= g->rcv)
		memmove(&g->have.run[0], &g->have.run[1], --g->have.n * sizeof(g->have.run[0]));
	/* The FIN is a number behind the text. */
	if (g->fin_at && g->rcv == g->fin_at && !g->eof) {
		g->eof = true;
		g->rcv++;
		g->ack_now = true;
	}
	if (g->rcv == before || g->have.n)
		g->ack_now = true;
}

static void
hear_open(struct sim *s, struct talk *t, const struct strict *f)
{
	struct guest_tcp *g = &t->tcp;
	const struct tcp_hdr *h = &f->tcp;
	uint64_t from = offset_of(h->seq, g->irs, g->rcv), end = from + f->payload.len;

	if (h->flags & TCP_RST) {
		if (g->eof && g->shut && t->eye.ack == gtcp_end(g)) {
			g->una = g->max; /* it is over, but the last word was lost */
		} else if (from == g->rcv) {
			g->state = GUEST_DEAD;
			talk_broke(s, t, "reset by the gateway");
		} else if (from > g->rcv && from <= g->told) {
			g->ack_now = true; /* RFC 5961 3.2 */
		}
		return;
	}
	if (h->flags & TCP_SYN) {
		g->ack_now = true;
		return;
	}
	if (h->flags & TCP_ACK)
		hear_ack(s, g, f);
	if (end == from && !(h->flags & TCP_FIN)) {
		if (from + 1 == g->rcv)
			g->ack_now = true; /* are you still there? */
		return;
	}
	bool waits = g->have.n > 0;
	hear_text(g, f, from, end);
	if (waits)
		g->ack_now = true;
	g->owed++;
	if (!g->delays_acks || g->owed >= 2)
		g->ack_now = true;
	else if (g->ack_at == TIME_NEVER)
		g->ack_at = sim_now(s) + 40 * USEC_PER_MSEC + (usec_t)luck_below(&s->guest_luck, 100000);
}

void
gtcp_hear(struct sim *s, struct talk *t, const struct strict *f)
{
	struct guest_tcp *g = &t->tcp;

	switch (g->state) {
	case GUEST_NONE:
		hear_client(s, t, f);
		return;
	case GUEST_DEAD:
		say_reset(s, f);
		return;
	case GUEST_SYN_SENT:
		hear_unopened(s, t, f);
		break;
	case GUEST_SYN_RCVD:
		if (f->tcp.flags & TCP_SYN) {
			say(s, t, TCP_SYN, 0, 0);
			return;
		}
		if (f->tcp.flags & TCP_RST) {
			g->state = GUEST_DEAD;
			talk_broke(s, t, "reset by the gateway before it was open");
			return;
		}
		if (!(f->tcp.flags & TCP_ACK) || f->tcp.ack != g->iss + 1) {
			say_reset(s, f);
			return;
		}
		opened(s, t);
		g->edge = 1 + ((uint64_t)f->tcp.wnd << (g->scaled ? g->their_scale : 0));
		hear_open(s, t, f);
		break;
	case GUEST_OPEN:
		hear_open(s, t, f);
		break;
	}
}
