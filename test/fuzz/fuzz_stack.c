/*
 * fuzz_stack.c - a whole gateway between a guest, a host and a clock that the input plays
 *
 * An input is four bytes of setting (struct setting) and a list of records, each a byte that names it (and
 * whether the gateway gets a turn after it: MORE) and a few that are its arguments; read past the end, bytes
 * are zero.  The record RAW is a frame as it is, of which chosen parts are made to fit a live flow; others are
 * frames in short, so that a mutation stays a frame: TCP segments by distance from where an honest guest
 * would be, datagrams, echoes, ICMP errors.  Others again are time, the host, its failures, and the link's
 * room.  test/fuzz/seeds_stack.py writes the seeds and is the notation's other half.
 *
 * Oracles: every frame passes strict.h; the bytes of TCP flows are those of stack_model.h; the gateway rests
 * after every record and takes a bounded number of turns each virtual second; what it sends is bounded by
 * what it was given; after idle hours all that it had taken is given back; the same input gives the same
 * frames again.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "stack/csum.h"
#include "stack/eth_wire.h"
#include "test/bed/change.h"
#include "test/bed/stack_model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define RECORDS 600u /* of one input: a run stays below a few milliseconds */
#define MORE 0x80u
#define DO_CHANGE 100 /* beside the others, which are counted round */
#define SLOTS 16u

enum record {
	DO_TCP,
	DO_OPEN, /* SYN, and an ACK of what answers it */
	DO_ACK,  /* of all that has come */
	DO_RAW,
	DO_TIME,
	DO_HOST,
	DO_UDP,
	DO_DGRAM, /* the host's */
	DO_PIECES,
	DO_FAIL,
	DO_CLIENT,
	DO_ROOM,
	DO_ECHO,
	DO_ICMP,
	DO_ANSWER,
	DO_LOSE,
	RECORD_KINDS,
};

struct setting {
	struct bed_conf bed;
	bool shared, patient; /* patient: at the end nobody resets, keep-alive finds out */
	size_t span;
	uint32_t isn;
	enum vhost_answer answer;
};

struct run {
	struct rd in;
	struct setting set;
	struct bed *bed;
	struct model model;
	uint64_t allowed; /* bytes that may have been sent by now */
	unsigned failures;
	uint16_t udp_port;      /* the guest's, of the last datagram */
	uint8_t pieces, cut_at; /* how the next frame is cut up; 0: not */
	uint32_t piece_id;
	uint8_t frame[FRAME_MAX];
};

static void
must(const char *complaint)
{
	if (!complaint[0])
		return;
	fprintf(stderr, "fuzz_stack: %s\n", complaint);
	abort();
}

static void
must_be(bool truth, const char *what)
{
	must(truth ? "" : what);
}

/* --- setting ---------------------------------------------------------------------------------------------- */

static const struct sluice_publish published[] = {
    {.host_first = 8080, .host_last = 8080, .guest_first = 80},
    {.host_first = 8053, .host_last = 8053, .guest_first = 53, .udp = true},
};
static const char *const nameservers[] = {"198.51.100.53", "127.0.0.53"};

static void
read_setting(struct rd *in, struct setting *s)
{
	static const uint32_t mtu[] = {1500, 1280, 65520, 9000}, isn[] = {1000, 0x7fffff00, 0xffffff00, 0};
	static const size_t span[] = {0, 61, 600, 13};
	uint8_t link = rd_u8(in), limits = rd_u8(in), host = rd_u8(in), seed = rd_u8(in);
	struct sluice_config *gw = &s->bed.gateway;

	bed_conf_init(&s->bed);
	s->bed.seed = seed;
	s->bed.lim.mtu = mtu[link & 3];
	s->bed.lim.csum = link & 4;
	s->bed.lim.tso = (link & 12) == 12;
	s->bed.lim.uso = (link & 20) == 20;
	s->bed.lim.csum_lax = link & 32;
	s->shared = link & 64;
	gw->udp_endpoint_independent = link & 128;

	s->span = span[limits & 3];
	gw->max_tcp = limits & 4 ? 3 : 12;
	gw->max_udp = limits & 4 ? 2 : 8;
	gw->max_ping = limits & 4 ? 1 : 4;
	gw->max_files = limits & 8 ? 10 : 64;
	gw->memory = limits & 16 ? 2u << 20 : 8u << 20;
	gw->max_ring = limits & 32 ? 4096 : 65536;
	s->isn = isn[limits >> 6];

	s->answer = (enum vhost_answer)(host & 7);
	s->patient = host & 8;
	gw->publish = published;
	gw->npublish = host & 16 ? 2 : 0;
	gw->nameservers = nameservers;
	gw->nnameservers = 2;
}

/* --- where frames go -------------------------------------------------------------------------------------- */

enum where { GATEWAY, ELSEWHERE, DNS };

/* Slots 0 to 11 are these; 12 and on are the connections that clients of published ports have made. */
static const struct slot {
	enum family fam;
	enum where where;
	uint16_t port;
} slots[] = {
    {FAMILY_V4, ELSEWHERE, 80}, {FAMILY_V6, ELSEWHERE, 80}, {FAMILY_V4, GATEWAY, 80},
    {FAMILY_V6, GATEWAY, 80},   {FAMILY_V4, DNS, 53},       {FAMILY_V6, DNS, 53},
    {FAMILY_V4, ELSEWHERE, 81}, {FAMILY_V6, ELSEWHERE, 82}, {FAMILY_V4, ELSEWHERE, 83},
    {FAMILY_V6, GATEWAY, 84},   {FAMILY_V4, ELSEWHERE, 80}, {FAMILY_V6, ELSEWHERE, 85},
};
#define FIXED_SLOTS (sizeof(slots) / sizeof(slots[0]))

static struct addr
addr_of(const struct run *r, enum family fam, enum where where)
{
	const struct stack_net *net = &r->bed->gw->stack.cfg.net[fam];

	return where == GATEWAY ? net->gateway : where == DNS ? net->dns : bed_elsewhere(fam);
}

static struct model_name *
name_of_slot(struct run *r, uint8_t n)
{
	const struct slot *s = &slots[n % SLOTS % FIXED_SLOTS];
	struct model_name *in = n % SLOTS < FIXED_SLOTS ? NULL : model_inbound(&r->model, n % SLOTS % 4);
	struct tuple t = {
	    .guest = {r->bed->guest[s->fam], (uint16_t)(40000 + n % SLOTS)},
	    .remote = {addr_of(r, s->fam, s->where), s->port},
	    .proto = IP_PROTO_TCP,
	};

	return in ? in : model_name(&r->model, &t);
}

static void
set_answers(struct run *r)
{
	static const enum vhost_answer by_port[] = {VHOST_REFUSE, VHOST_ACCEPT_LATER, VHOST_SILENT,
						    VHOST_UNREACH_HOST, VHOST_NOPORTS};

	vhost_default(r->bed->vhost, r->set.answer == VHOST_EMFILE ? VHOST_ACCEPT : r->set.answer);
	for (int fam = 0; fam < FAMILIES; fam++) {
		for (size_t i = 0; i < sizeof(by_port) / sizeof(by_port[0]); i++) {
			struct endpoint to = {bed_elsewhere((enum family)fam), (uint16_t)(81 + i)};

			vhost_answer(r->bed->vhost, HOST_TCP, &to, by_port[i]);
			vhost_answer(r->bed->vhost, HOST_UDP, &to, by_port[i]);
		}
	}
}

/* --- turns and their bounds ------------------------------------------------------------------------------- */

static uint64_t
segment_max(const struct run *r)
{
	return r->set.bed.lim.mtu + 200;
}

/* Look at everything, then take what was sent off the bed. */
static void
look(struct run *r)
{
	must(r->bed->complaint);
	model_look(&r->model);
	for (struct bed_frame *f; (f = bed_pop(r->bed)); free(f)) {
		model_hear(&r->model, f);
	}
	must(r->model.complaint);
	must_be(r->bed->bytes <= r->allowed, "more is sent than what was given explains");
}

static void
settle(struct run *r)
{
	bed_settle(r->bed);
	look(r);
}

/*
 * Let time pass.  A timer sends about one segment a flow; a flow has at most an acknowledgment (40 ms), a look
 * at an empty pool (20 ms) and a retransmission (200 ms) of its own, each worth a few turns.
 */
static void
pass(struct run *r, usec_t time)
{
	uint64_t before = r->bed->gw->count[GW_TURNS];
	uint64_t flows = r->set.bed.gateway.max_tcp + r->set.bed.gateway.max_udp + 4;
	usec_t until = bed_now(r->bed) + time;

	while (bed_now(r->bed) < until) {
		uint64_t at = r->bed->gw->count[GW_TURNS];

		bed_until_frame(r->bed, until);
		r->allowed += (r->bed->gw->count[GW_TURNS] - at) * flows * segment_max(r);
		look(r);
	}
	uint64_t turns = r->bed->gw->count[GW_TURNS] - before;
	must_be(turns <= 1000 + flows * 300 * (uint64_t)(time / USEC_PER_SEC + 1),
		"too many turns for the time that passed");
}

/* --- frames ----------------------------------------------------------------------------------------------- */

static void
push(struct run *r, const uint8_t *frame, size_t len, const struct offload *off)
{
	/* The answer to an acknowledgment may be two segments, to anything else an error about it; a
	 * request of any size is echoed, in pieces. */
	r->allowed += 4 * len + 4 * segment_max(r) + 2048;
	bed_push_offload(r->bed, frame, len, off);
}

enum { /* how a frame is cut: an order of its three pieces, and */
       CUT = 4,
       LOSE_ONE = 8,
       TWICE = 16,
       OVERLAP = 32,
};

static void
push_in_pieces(struct run *r, const uint8_t *frame, size_t len)
{
	static const uint8_t orders[4][3] = {{0, 1, 2}, {2, 1, 0}, {1, 0, 2}, {2, 0, 1}};
	size_t head = ETH_HLEN + (frame[12] == 0x08 ? IP4_HLEN : IP6_HLEN);
	uint32_t all = len > head ? (uint32_t)(len - head) : 0, first = all / 8 * r->cut_at / 256 * 8;
	uint32_t from[4] = {0, first, first + (all - first) / 16 * 8, all};
	uint8_t piece[FRAME_MAX];

	for (unsigned i = 0; i < 3; i++) {
		unsigned n = orders[r->pieces & 3][i];
		uint32_t back = n == 1 && first && r->pieces & OVERLAP ? 8 : 0;
		size_t got = craft_piece(piece, view_of(frame, len), from[n] - back,
					 from[n + 1] - from[n] + back, r->piece_id);

		if (from[n] == from[n + 1] || !got || (n == 1 && r->pieces & LOSE_ONE))
			continue;
		push(r, piece, got, NULL);
		if (r->pieces & TWICE)
			push(r, piece, got, NULL);
	}
	r->piece_id++;
	r->pieces = 0;
}

static void
send_frame(struct run *r, size_t len, const struct offload *off)
{
	model_push(&r->model, r->frame, len);
	if (r->pieces)
		push_in_pieces(r, r->frame, len);
	else
		push(r, r->frame, len, off);
}

/* The transport checksum as a guest leaves it that lets its device finish it. */
static struct offload
unfinish(struct run *r, const struct craft *c, size_t len, size_t hlen, size_t csum_at, enum gso_type gso,
	 uint16_t gso_size)
{
	size_t at = ETH_HLEN + (addr_is_v4(&c->src) ? IP4_HLEN : IP6_HLEN);
	struct csum sum = {0};

	csum_pseudo(&sum, &c->src, &c->dst, csum_at == 6 ? IP_PROTO_UDP : IP_PROTO_TCP, (uint32_t)(len - at));
	uint16_t field = csum_partial(&sum);
	r->frame[at + csum_at] = (uint8_t)(field >> 8);
	r->frame[at + csum_at + 1] = (uint8_t)field;
	bool many = len - at - hlen > gso_size;
	return (struct offload){.needs_csum = true,
				.csum_start = (uint16_t)at,
				.csum_offset = (uint16_t)csum_at,
				.gso_type = (uint8_t)(many ? gso : GSO_NONE),
				.gso_size = many ? gso_size : 0,
				.hdr_len = (uint16_t)(at + hlen)};
}

/* --- TCP ---------------------------------------------------------------------------------------------------- */

/* A few steps of one, then of 1,400. */
static uint32_t
distance(uint8_t n)
{
	int8_t d = (int8_t)n;

	return d > 63 || d < -64 ? (uint32_t)((d > 0 ? d - 63 : d + 64) * 1400) : (uint32_t)d;
}

static uint32_t
length(uint8_t n)
{
	return n < 200 ? n : (n - 199u) * 1100u;
}

struct segment {
	uint8_t flags, seq, ack, len, wnd, misc;
};

enum { /* misc */
       VARIANT = 3,
       WND_UNITS = 4,
       SPOIL = 8,
       OFFLOAD = 16,
       NO_OPTIONS = 32,
       SACKS = 64,
       NOT_ITS_TURN = 128, /* snd_nxt stays: the next segment says the same numbers again */
};

static void
set_options(struct tcp_hdr *h, const struct segment *s, const struct model_name *name)
{
	if (h->flags & TCP_SYN && !(s->misc & NO_OPTIONS)) {
		h->mss = s->misc & SACKS ? 536 : 1460;
		h->has_wscale = h->sack_ok = true;
		h->wscale = 7;
	} else if (s->misc & SACKS) {
		h->nsack = name->has_island && s->ack == 0 ? 1 : 2;
		h->sack[0] = h->nsack == 1 ? name->island : (struct tcp_sack){h->ack + 1400, h->ack + 2800};
		h->sack[1] = (struct tcp_sack){h->ack + 4200, h->ack + 4200 + s->wnd * 16u};
	}
}

static void
send_segment(struct run *r, struct model_name *name, const struct segment *s)
{
	struct craft c = bed_craft(r->bed, &name->tuple.remote.addr);
	uint32_t wnd = s->wnd == 255 ? 65535 : s->misc & WND_UNITS ? s->wnd * 256u : s->wnd;
	uint32_t len = length(s->len);
	struct craft_tcp t = {.hdr = {.sport = name->tuple.guest.port,
				      .dport = name->tuple.remote.port,
				      .flags = s->flags,
				      .wnd = (uint16_t)wnd}};
	static uint8_t zero[1];
	uint8_t *data = len ? malloc(len) : zero;

	if (!data)
		abort();
	if (!name->spoke) {
		name->spoke = true;
		name->snd_nxt = r->set.isn;
	}
	t.hdr.seq = name->snd_nxt + distance(s->seq);
	t.hdr.ack = s->flags & TCP_ACK ? name->rcv_nxt + distance(s->ack) : 0;
	set_options(&t.hdr, s, name);
	uint32_t first = t.hdr.seq + (s->flags & TCP_SYN ? 1 : 0);
	model_guest_bytes(data, first, len, s->misc & VARIANT);
	t.data = view_of(data, len);
	c.spoil_csum = s->misc & SPOIL;

	size_t n = craft_tcp(r->frame, &c, &t);
	struct offload off = {0};
	if (s->misc & OFFLOAD)
		off = unfinish(r, &c, n, tcp_emit_len(&t.hdr), 16, addr_is_v4(&c.src) ? GSO_TCPV4 : GSO_TCPV6,
			       (uint16_t)(r->set.bed.lim.mtu - 80));
	send_frame(r, n, &off);
	if (len)
		free(data);
	uint32_t end = first + len + (s->flags & TCP_FIN ? 1 : 0);
	if (!(s->misc & NOT_ITS_TURN) && !(s->flags & TCP_RST) && s->seq == 0)
		name->snd_nxt = end;
}

static void
do_tcp(struct run *r)
{
	struct model_name *name = name_of_slot(r, rd_u8(&r->in));
	struct segment s = {.flags = rd_u8(&r->in)};

	s.seq = rd_u8(&r->in);
	s.ack = rd_u8(&r->in);
	s.len = rd_u8(&r->in);
	s.wnd = rd_u8(&r->in);
	s.misc = rd_u8(&r->in);
	send_segment(r, name, &s);
}

static void
do_open(struct run *r)
{
	struct model_name *name = name_of_slot(r, rd_u8(&r->in));
	uint8_t misc = rd_u8(&r->in);

	send_segment(r, name, &(struct segment){.flags = TCP_SYN, .wnd = 255, .misc = misc});
	settle(r);
	send_segment(r, name, &(struct segment){.flags = TCP_ACK, .wnd = 255});
}

static void
do_ack(struct run *r)
{
	struct model_name *name = name_of_slot(r, rd_u8(&r->in));

	send_segment(r, name, &(struct segment){.flags = TCP_ACK, .wnd = rd_u8(&r->in)});
}

/* --- a frame as it is, made to fit ------------------------------------------------------------------------- */

enum { /* patches */
       FIT_MAC = 1,
       FIT_ADDR = 2,
       FIT_PORT = 4,
       FIT_SEQ = 8, /* the numbers in the frame are distances */
       FIT_LENGTH = 16,
       FIT_CSUM = 32,
       WITH_OFFLOAD = 64,
};

static void
put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void
add32(uint8_t *p, uint32_t v)
{
	uint32_t n = ((uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3]) + v;

	put16(p, n >> 16);
	put16(p + 2, n);
}

static void
fit_transport(struct run *r, uint8_t patch, const struct model_name *name, uint8_t *l4, size_t n)
{
	if (n < 8)
		return;
	if (patch & FIT_PORT) {
		put16(l4, name->tuple.guest.port);
		put16(l4 + 2, name->tuple.remote.port);
	}
	if (patch & FIT_SEQ && n >= 12) {
		add32(l4 + 4, name->spoke ? name->snd_nxt : r->set.isn);
		add32(l4 + 8, name->rcv_nxt);
	}
}

static void
fit_checksum(uint8_t *at, const struct addr *src, const struct addr *dst, uint8_t proto, uint8_t *l4,
	     size_t n)
{
	struct csum sum = {0};

	if ((size_t)(at - l4) + 2 > n)
		return;
	put16(at, 0);
	if (proto != IP_PROTO_ICMP)
		csum_pseudo(&sum, src, dst, proto, (uint32_t)n);
	csum_add(&sum, view_of(l4, n));
	put16(at, csum_final(&sum));
}

static void
fit_packet(struct run *r, uint8_t patch, const struct model_name *name, uint8_t *p, size_t n)
{
	const struct tuple *t = &name->tuple;
	bool v4 = addr_is_v4(&t->guest.addr);
	size_t hlen = v4 ? (p[0] & 15) * 4u : IP6_HLEN, alen = v4 ? 4 : 16, at = v4 ? 12 : 8;
	struct csum sum = {0};
	static const uint8_t field[256] = {
	    [IP_PROTO_TCP] = 16, [IP_PROTO_UDP] = 6, [IP_PROTO_ICMP] = 2, [IP_PROTO_ICMPV6] = 2};

	if (n < (v4 ? IP4_HLEN : IP6_HLEN) || hlen < IP4_HLEN || n < hlen || p[0] >> 4 != (v4 ? 4 : 6))
		return;
	if (patch & FIT_ADDR) {
		memcpy(p + at, t->guest.addr.b + 16 - alen, alen);
		memcpy(p + at + alen, t->remote.addr.b + 16 - alen, alen);
	}
	if (patch & FIT_LENGTH)
		put16(p + (v4 ? 2 : 4), (uint32_t)(v4 ? n : n - IP6_HLEN));

	uint8_t proto = p[v4 ? 9 : 6];
	fit_transport(r, proto == IP_PROTO_TCP ? patch : patch & (uint8_t)~FIT_SEQ, name, p + hlen, n - hlen);
	if (patch & FIT_CSUM && field[proto])
		fit_checksum(p + hlen + field[proto], &t->guest.addr, &t->remote.addr, proto, p + hlen,
			     n - hlen);
	if (patch & FIT_CSUM && v4) {
		put16(p + 10, 0);
		csum_add(&sum, view_of(p, hlen));
		put16(p + 10, csum_final(&sum));
	}
}

static struct offload
read_offload(struct rd *in)
{
	uint8_t flags = rd_u8(in);

	return (struct offload){.needs_csum = flags & 1,
				.csum_valid = flags & 2,
				.gso_type = flags >> 4,
				.csum_start = rd_u8(in),
				.csum_offset = rd_u8(in),
				.gso_size = rd_u16(in),
				.hdr_len = rd_u8(in)};
}

static void
do_raw(struct run *r)
{
	uint8_t patch = rd_u8(&r->in);
	const struct model_name *name = name_of_slot(r, rd_u8(&r->in));
	struct offload off = {0};

	if (patch & WITH_OFFLOAD)
		off = read_offload(&r->in);
	size_t len = rd_u16(&r->in) % 2048u;
	len = len < rd_left(&r->in) ? len : rd_left(&r->in);
	struct view v = rd_take(&r->in, len);
	if (len)
		memcpy(r->frame, v.p, len);
	if (patch & FIT_MAC && len >= 12) {
		if (!(r->frame[0] & 1))
			memcpy(r->frame, r->bed->wire.gateway.b, 6);
		memcpy(r->frame + 6, r->bed->wire.guest.b, 6);
	}
	if (len > ETH_HLEN)
		fit_packet(r, patch, name, r->frame + ETH_HLEN, len - ETH_HLEN);
	r->pieces = 0;
	send_frame(r, len, &off);
}

/* --- other frames in short ----------------------------------------------------------------------------------- */

static void
do_udp(struct run *r)
{
	const struct slot *s = &slots[rd_u8(&r->in) % FIXED_SLOTS];
	uint8_t port = rd_u8(&r->in), misc = rd_u8(&r->in);
	uint32_t len = length(rd_u8(&r->in));
	struct addr to = addr_of(r, s->fam, s->where);
	struct craft c = bed_craft(r->bed, &to);
	static const uint8_t zeros[65536];
	struct offload off = {0};

	if (len > 65507)
		len = 65507;
	c.ttl = misc & 3 ? 0 : (uint8_t)(misc >> 2);
	r->udp_port = (uint16_t)(port < 8 ? 53 : 50000 + port);
	size_t n = craft_udp(r->frame, &c, r->udp_port, s->port, view_of(zeros, len));
	if ((misc & 3) == 3)
		off = unfinish(r, &c, n, UDP_HLEN, 6, GSO_UDP_L4, (uint16_t)(1 + misc));
	send_frame(r, n, &off);
}

static void
do_echo(struct run *r)
{
	const struct slot *s = &slots[rd_u8(&r->in) % FIXED_SLOTS];
	uint8_t id = rd_u8(&r->in), ttl = rd_u8(&r->in);
	uint32_t len = length(rd_u8(&r->in));
	struct addr to = addr_of(r, s->fam, s->where);
	struct craft c = bed_craft(r->bed, &to);
	bool v4 = s->fam == FAMILY_V4;
	static const uint8_t zeros[65536];

	c.ttl = ttl;
	send_frame(r,
		   craft_icmp(r->frame, &c,
			      &(struct icmp){.type = v4 ? ICMP4_ECHO_REQUEST : ICMP6_ECHO_REQUEST,
					     .rest = (uint32_t)id << 16 | 1},
			      view_of(zeros, len > 65000 ? 65000 : len)),
		   NULL);
}

/* The guest complains about a segment of a flow. */
static void
do_icmp(struct run *r)
{
	const struct model_name *name = name_of_slot(r, rd_u8(&r->in));
	uint8_t kind = rd_u8(&r->in);
	uint16_t mtu = rd_u16(&r->in);
	uint8_t at = rd_u8(&r->in);
	const struct tuple *t = &name->tuple;
	bool v4 = addr_is_v4(&t->guest.addr);
	struct craft c = bed_craft(r->bed, &t->remote.addr);
	uint8_t quote[IP6_HLEN + TCP_HLEN];
	struct wr w = wr_of(quote, sizeof(quote));
	static const struct icmp v4_kinds[] = {{.type = ICMP4_UNREACHABLE, .code = 4},
					       {.type = ICMP4_UNREACHABLE, .code = 3},
					       {.type = ICMP4_TIME_EXCEEDED},
					       {.type = ICMP4_SOURCE_QUENCH}};
	static const struct icmp v6_kinds[] = {{.type = ICMP6_TOO_BIG},
					       {.type = ICMP6_UNREACHABLE, .code = 4},
					       {.type = ICMP6_TIME_EXCEEDED},
					       {.type = ICMP6_PARAM_PROBLEM}};
	struct icmp h = v4 ? v4_kinds[kind & 3] : v6_kinds[kind & 3];

	h.rest = mtu;
	ip_emit(&w, &(struct ip){.src = t->remote.addr,
				 .dst = t->guest.addr,
				 .proto = kind & 4 ? IP_PROTO_UDP : IP_PROTO_TCP,
				 .ttl = 64,
				 .len = TCP_HLEN});
	tcp_emit(&w, &(struct tcp_hdr){.sport = t->remote.port,
				       .dport = t->guest.port,
				       .seq = name->rcv_nxt + distance(at),
				       .flags = TCP_ACK});
	send_frame(r, craft_icmp(r->frame, &c, &h, view_of(quote, (size_t)(w.p - quote))), NULL);
}

/* --- time, the host, its failures ------------------------------------------------------------------------------ */

static void
do_time(struct run *r)
{
	static const usec_t steps[] = {
	    USEC_PER_MSEC,     10 * USEC_PER_MSEC, 45 * USEC_PER_MSEC, 250 * USEC_PER_MSEC,
	    USEC_PER_SEC,      3 * USEC_PER_SEC,   10 * USEC_PER_SEC,  35 * USEC_PER_SEC,
	    65 * USEC_PER_SEC, 130 * USEC_PER_SEC, 200 * USEC_PER_SEC, 1000 * USEC_PER_SEC,
	};

	pass(r, steps[rd_u8(&r->in) % (sizeof(steps) / sizeof(steps[0]))]);
}

static const int errors[] = {ECONNREFUSED, ECONNRESET, ETIMEDOUT, EHOSTUNREACH, ENETUNREACH,  EPIPE,
			     EMFILE,       ENOMEM,     ENOBUFS,   EACCES,       EADDRNOTAVAIL};

static int
error_of(uint8_t n)
{
	return errors[n % (sizeof(errors) / sizeof(errors[0]))];
}

static void
do_host(struct run *r)
{
	uint8_t what = rd_u8(&r->in);
	struct model_conn *c = model_conn(&r->model, name_of_slot(r, what >> 4));
	uint8_t n = rd_u8(&r->in);
	uint32_t before = c ? c->host_sent : 0;

	if (!c || c->fd < 0)
		return;
	switch (what & 7) {
	case 0:
		model_host_send(&r->model, c, length(n) * (what & 8 ? 8u : 1u));
		/* Headers may cost as much again as segments that a guest has asked to be small. */
		r->allowed += (c->host_sent - before) * 3ul + segment_max(r);
		break;
	case 1:
		model_host_read(&r->model, c, length(n));
		break;
	case 2:
		model_host_read(&r->model, c, SIZE_MAX);
		break;
	case 3:
		model_host_end(&r->model, c);
		break;
	case 4:
		vhost_reset(r->bed->vhost, c->fd);
		break;
	case 5:
		vhost_settle(r->bed->vhost, c->fd, n & 1 ? error_of((uint8_t)(n >> 1)) : 0);
		break;
	case 6:
		vhost_buffers(r->bed->vhost, c->fd, 1 + n * 16u, 1 + n * 16u);
		break;
	default:
		break;
	}
	must(r->model.complaint);
}

static void
send_host_error(struct run *r, int fd, uint8_t n)
{
	struct host_sockerr e = {.err = error_of(n), .data_len = 8};
	struct endpoint to = {.port = 0};

	vhost_peer(r->bed->vhost, fd, &to);
	bool v4 = addr_is_v4(&to.addr);
	e.origin = v4 ? 2 : 3; /* SO_EE_ORIGIN_ICMP, _ICMP6 */
	e.dest = to;
	e.offender = n & 64 ? bed_elsewhere(v4 ? FAMILY_V4 : FAMILY_V6) : (struct addr){{0}};
	if (n & 128)
		e.type = v4 ? ICMP4_TIME_EXCEEDED : ICMP6_TIME_EXCEEDED;
	else
		e.type = v4 ? ICMP4_UNREACHABLE : ICMP6_UNREACHABLE;
	if (n & 32) {
		e.err = EMSGSIZE;
		e.info = n * 40u;
	}
	e.data[0] = v4 ? ICMP4_ECHO_REQUEST : ICMP6_ECHO_REQUEST;
	vhost_send_error(r->bed->vhost, fd, &e);
	r->allowed += 2048;
}

/* Datagrams to the n-th socket of a kind, or an error into its queue. */
static void
do_dgram(struct run *r)
{
	uint8_t what = rd_u8(&r->in), n = rd_u8(&r->in);
	bool ping = what & 8;
	int fd = vhost_find(r->bed->vhost, ping ? HOST_PING : HOST_UDP, what >> 4);
	size_t len = length(n), count = what & 2 ? 5 : 1;
	struct endpoint from = {bed_elsewhere(FAMILY_V4), 80};
	static uint8_t reply[65536];
	size_t got;

	if (fd < 0)
		return;
	if (what & 1) {
		send_host_error(r, fd, n);
		return;
	}
	if (what & 4) {
		while (vhost_recv_dgram(r->bed->vhost, fd, reply, sizeof(reply), &got, NULL))
			;
		memset(reply, 0, sizeof(reply));
	}
	if (vhost_peer(r->bed->vhost, fd, &from) && ping)
		reply[0] = addr_is_v4(&from.addr) ? ICMP4_ECHO_REPLY : ICMP6_ECHO_REPLY;
	if (len > 65507)
		len = 65507;
	for (size_t i = 0; i < count; i++)
		if (vhost_send_dgram(r->bed->vhost, fd, &from, reply, len))
			r->allowed += 2 * len + 1024;
	reply[0] = 0;
}

static void
do_fail(struct run *r)
{
	static const char *const calls[] = {"socket",  "connect", "connect_result", "accept",
					    "readv",   "writev",  "recvmmsg",       "sendmmsg",
					    "sockerr", "nodelay", "shutdown_write", "pending_error",
					    "arm",     "set_ttl", "keepalive",      "events"};
	uint8_t call = rd_u8(&r->in), nth = rd_u8(&r->in), error = rd_u8(&r->in);
	bool again = (call & 15) >= 4 && (call & 15) <= 7 && error & 128;

	if (r->failures++ >= 32)
		return;
	vhost_fail(r->bed->vhost, calls[call & 15], 1 + nth % 8, again ? EAGAIN : error_of(error));
}

static void
do_client(struct run *r)
{
	uint8_t n = rd_u8(&r->in);
	enum family fam = n & 1 ? FAMILY_V6 : FAMILY_V4;
	struct addr loop = fam == FAMILY_V4 ? addr_v4(0x7f000001) : (struct addr){{[15] = 1}};
	struct endpoint from = {loop, (uint16_t)(60000 + n / 4)};

	r->allowed += 8 * segment_max(r);
	vhost_client(r->bed->vhost, &(struct endpoint){loop, 8080}, &from);
}

static void
do_room(struct run *r)
{
	uint8_t n = rd_u8(&r->in);

	memlink_set_room(r->bed->mem, n == 255 ? MEMLINK_ENDLESS : n);
}

static void
do_pieces(struct run *r)
{
	r->pieces = rd_u8(&r->in) | CUT;
	r->cut_at = rd_u8(&r->in);
}

static void
do_lose(struct run *r)
{
	r->model.lose = rd_u8(&r->in) & 31;
}

static void
do_change(struct run *r)
{
	r->model.pages |= bed_change(r->bed, rd_u8(&r->in));
	r->allowed += 32 * segment_max(r); /* each flow may be told that it ends */
}

static void
do_answer(struct run *r)
{
	vhost_default(r->bed->vhost, (enum vhost_answer)(rd_u8(&r->in) & 7));
}

/* --- the end --------------------------------------------------------------------------------------------------- */

/* The host's dials come to an end, and so do its connections, unless the guest's silence has to end them. */
static void
end_hosts(struct run *r)
{
	struct vhost *v = r->bed->vhost;

	for (int n = 0, fd; (fd = vhost_find(v, HOST_TCP, n)) >= 0; n++) {
		vhost_settle(v, fd, ETIMEDOUT);
		if (!r->set.patient)
			vhost_reset(v, fd);
	}
}

static void
finish(struct run *r)
{
	memlink_set_room(r->bed->mem, MEMLINK_ENDLESS);
	settle(r);
	/* A dial that failed may be followed by another. */
	for (unsigned i = 0; i < 4; i++) {
		end_hosts(r);
		settle(r);
	}
	pass(r, (r->set.patient ? 4 : 1) * 3600 * USEC_PER_SEC);
	model_look_empty(&r->model);
	must(r->model.complaint);
}

/* --- one input ----------------------------------------------------------------------------------------------------- */

static void (*const records[])(struct run *r) = {
    [DO_TCP] = do_tcp,       [DO_OPEN] = do_open, [DO_ACK] = do_ack,       [DO_RAW] = do_raw,
    [DO_TIME] = do_time,     [DO_HOST] = do_host, [DO_UDP] = do_udp,       [DO_DGRAM] = do_dgram,
    [DO_PIECES] = do_pieces, [DO_FAIL] = do_fail, [DO_CLIENT] = do_client, [DO_ROOM] = do_room,
    [DO_ECHO] = do_echo,     [DO_ICMP] = do_icmp, [DO_ANSWER] = do_answer, [DO_LOSE] = do_lose,
};
_Static_assert(sizeof(records) / sizeof(records[0]) == RECORD_KINDS, "a function for each record");

static uint64_t
play(struct run *r, const uint8_t *data, size_t size)
{
	*r = (struct run){.in = rd_of(view_of(data, size))};
	read_setting(&r->in, &r->set);
	r->bed = bed_new(&r->set.bed);
	model_init(&r->model, r->bed);
	memlink_lend(r->bed->mem, r->set.shared, r->set.span);
	set_answers(r);
	r->allowed = 4096;
	for (unsigned n = 0; n < RECORDS && rd_left(&r->in) > 0; n++) {
		uint8_t record = rd_u8(&r->in);

		if ((record & (uint8_t)~MORE) == DO_CHANGE)
			do_change(r);
		else
			records[(record & (uint8_t)~MORE) % RECORD_KINDS](r);
		if (!(record & MORE))
			settle(r);
	}
	finish(r);
	uint64_t digest = r->model.digest;
	model_done(&r->model);
	must_be(bed_free(r->bed), "host sockets are left after the gateway");
	return digest;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct run *r = malloc(sizeof(*r));

	if (!r)
		abort();
	uint64_t first = play(r, data, size);
	must_be(play(r, data, size) == first, "the same input gave other frames");
	free(r);
	return 0;
}
