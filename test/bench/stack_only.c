/*
 * stack_only.c - what one core makes of TCP in the stack alone: no link, no socket, no other thread
 *
 *	stack_only [SECONDS]
 *
 * One connection.  Going up, frames are read, judged, acknowledged and their bytes taken, 64 a turn.  Going down,
 * bytes are segmented and framed, each frame copied once as a memory link does, and one ACK a turn comes back.
 * Frames of 1,514 bytes with checksums in software, the same with checksums left to the link, and GSO frames of
 * 64 KiB; each for SECONDS (1).  Prints one JSON object a line.  The time on the wire is made up, and there is no
 * allocator to count: the stack has none (`make check`).
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stack/csum.h"
#include "stack/eth_wire.h"
#include "stack/stack.h"
#include "stack/tcp.h"
#include "test/bed/craft.h"
#include "test/bench/common.h"

#define TURN_FRAMES 64
#define MSS 1460u
#define GSO_PAYLOAD (44 * MSS) /* what Linux guests make of a full window */
#define HEADERS 54u            /* Ethernet, IPv4, TCP without options */
#define SEQ_AT 38u             /* of the sequence number in such a frame; the checksum is 12 bytes on */
#define CSUM_AT 50u
#define ARENA (16u * POOL_BLOCK_MAX)
#define TICK 10 /* made-up microseconds a turn */

enum style { SOFTWARE, OFFLOADED, GSO };

struct lab {
	enum style style;
	struct stack stack;
	struct tcp tcp;
	struct tcp_conf conf;
	struct pool pool;
	struct frame_sink sink;
	struct craft craft;
	struct borrow borrow[TURN_FRAMES];
	int nborrow;
	uint32_t seq; /* of the guest's next byte */
	usec_t now;
	uint64_t frames, bytes; /* of data, either way */
	uint8_t guest[FRAME_MAX];
	uint8_t frame[FRAME_MAX];
};

static const struct endpoint remote = {.addr.b = {[10] = 0xff, 0xff, 192, 0, 2, 1}, .port = 80};
static const struct endpoint guest = {.addr.b = {[10] = 0xff, 0xff, 10, 0, 2, 15}, .port = 40000};

/* --- the link: always room, one copy ------------------------------------------------------------------ */

static bool
sink_room(void *ctx)
{
	(void)ctx;
	return true;
}

static void
sink_send(void *ctx, const struct frame *f)
{
	struct lab *l = ctx;
	size_t at = 0;

	for (int i = 0; i < f->nspan; i++) {
		memcpy(l->guest + at, f->span[i].p, f->span[i].len);
		at += f->span[i].len;
	}
}

static void
sink_flush(void *ctx)
{
	(void)ctx;
}

/* --- the guest ---------------------------------------------------------------------------------------- */

/* One frame to the stack and to the connection. */
static void
input(struct lab *l, const struct frame *f)
{
	struct packet pkt;
	enum stack_result r = stack_input(&l->stack, f, &pkt, l->now);

	assert(r == STACK_TCP);
	(void)r;
	struct borrow *list = NULL;
	if (pkt.npay > 0) {
		assert(pkt.npay == 1 && l->nborrow < TURN_FRAMES);
		list = &l->borrow[l->nborrow++];
		*list = (struct borrow){.v = pkt.pay[0]};
	}
	if (l->tcp.state == TCP_CLOSED) {
		tcp_hold(&l->tcp, &l->conf, FAMILY_V4, &pkt.tcp, l->now);
		return;
	}
	tcp_input(&l->tcp, &pkt.tcp, list, pkt.len, !pkt.borrowable, l->now);
}

/* Everything the connection has to say. */
static void
output(struct lab *l)
{
	struct tcp_out out;

	while (tcp_output(&l->tcp, l->now, &out)) {
		out.hdr.sport = remote.port;
		out.hdr.dport = guest.port;
		stack_send_tcp(&l->stack, &remote.addr, &guest.addr, &out.hdr, out.pay, out.npay,
			       out.len > l->tcp.snd_mss ? l->tcp.snd_mss : 0);
		if (out.len > 0) {
			l->frames++;
			l->bytes += out.len;
		}
	}
	l->now += TICK;
}

static void
send_bare(struct lab *l, uint8_t flags, uint32_t ack)
{
	struct craft_tcp t = {.hdr = {.sport = guest.port,
				      .dport = remote.port,
				      .seq = l->seq,
				      .ack = ack,
				      .flags = flags,
				      .wnd = 0xffff}};

	if (flags & TCP_SYN) {
		t.hdr.mss = MSS;
		t.hdr.has_wscale = t.hdr.sack_ok = true;
		t.hdr.wscale = 8;
	}
	struct frame f = {.len = (uint32_t)craft_tcp(l->frame, &l->craft, &t), .nspan = 1};
	f.span[0] = (struct view){l->frame, f.len};
	input(l, &f);
	l->seq += flags & TCP_SYN ? 1 : 0;
}

static void
open_connection(struct lab *l)
{
	send_bare(l, TCP_SYN, 0);
	if (!tcp_accept(&l->tcp, 1000, l->now))
		die("no memory for a connection");
	output(l);
	send_bare(l, TCP_ACK, l->tcp.snd_nxt);
	assert(l->tcp.state == TCP_ESTABLISHED);
}

static struct lab *
lab_new(enum style style)
{
	struct lab *l = calloc(1, sizeof(*l));
	void *arena = aligned_alloc(POOL_BLOCK_MAX, ARENA), *meta = calloc(1, pool_meta_size(ARENA));

	if (!l || !arena || !meta)
		die("no memory");
	pool_init(&l->pool, arena, ARENA, meta);
	l->style = style;
	l->sink = (struct frame_sink){
	    .ctx = l,
	    .room = sink_room,
	    .send = sink_send,
	    .flush = sink_flush,
	    .lim = {.mtu = 1500, .csum = style != SOFTWARE, .tso = style == GSO},
	};
	l->conf = (struct tcp_conf){
	    .pool = &l->pool,
	    .ring_first = 65536,
	    .ring_max = 262144,
	    .mss = {MSS, MSS - 20},
	    .gso_max = style == GSO ? GSO_PAYLOAD : 0,
	    .rto_min = 200 * USEC_PER_MSEC,
	    .rto_max = 60 * USEC_PER_SEC,
	    .delack = 40 * USEC_PER_MSEC,
	    .user_timeout = 100 * USEC_PER_SEC,
	    .msl2 = USEC_PER_SEC,
	    .linger = 60 * USEC_PER_SEC,
	};
	struct stack_config cfg = {
	    .mac = {{0x52, 0x55, 0x0a, 0, 2, 2}},
	    .guest_mac = {{0x02, 0, 0, 0, 0, 0x0f}},
	    .net[FAMILY_V4] = {.on = true,
			       .guest = guest.addr,
			       .plen = 24,
			       .gateway.b = {[10] = 0xff, 0xff, 10, 0, 2, 2},
			       .dns.b = {[10] = 0xff, 0xff, 10, 0, 2, 3}},
	};
	l->craft = (struct craft){cfg.guest_mac, cfg.mac, guest.addr, remote.addr, 64, 0, false};
	l->now = USEC_PER_SEC;
	stack_init(&l->stack, &cfg, &l->sink, l->now);
	open_connection(l);
	return l;
}

/* --- up ------------------------------------------------------------------------------------------------ */

/* The frame that all data frames are: the sequence number is put in later, and starts as 0. */
static struct frame
data_frame(struct lab *l)
{
	static uint8_t text[GSO_PAYLOAD];
	struct craft_tcp t = {
	    .hdr = {.sport = guest.port,
		    .dport = remote.port,
		    .ack = l->tcp.snd_nxt,
		    .flags = TCP_ACK,
		    .wnd = 0xffff},
	    .data = {text, l->style == GSO ? GSO_PAYLOAD : MSS},
	};
	struct frame f = {.len = (uint32_t)craft_tcp(l->frame, &l->craft, &t), .nspan = 1};

	assert(f.len == HEADERS + t.data.len);
	f.span[0] = (struct view){l->frame, f.len};
	if (l->style == OFFLOADED)
		f.off.csum_valid = true;
	if (l->style == GSO)
		f.off = (struct offload){
		    .needs_csum = true,
		    .csum_start = HEADERS - 20,
		    .csum_offset = 16,
		    .gso_type = GSO_TCPV4,
		    .gso_size = MSS,
		    .hdr_len = HEADERS,
		};
	return f;
}

/* RFC 1624: a checksum that was right without the sequence number is right with it. */
static void
put_seq(uint8_t *frame, uint16_t csum, uint32_t seq)
{
	uint32_t sum = (uint16_t)~csum + (seq >> 16) + (seq & 0xffff);
	struct wr w = {.p = frame + SEQ_AT, .end = frame + SEQ_AT + 4};

	sum = (sum & 0xffff) + (sum >> 16);
	sum = ~((sum & 0xffff) + (sum >> 16));
	wr_u32(&w, seq);
	w = (struct wr){.p = frame + CSUM_AT, .end = frame + CSUM_AT + 2};
	wr_u16(&w, (uint16_t)sum);
}

static void
turn_up(struct lab *l, const struct frame *f, uint16_t csum)
{
	uint32_t len = f->len - HEADERS;
	struct view v[TURN_FRAMES + 2];
	size_t total;

	l->nborrow = 0;
	for (int i = 0; i < TURN_FRAMES && seq_le(l->seq + len, l->tcp.rcv_adv); i++) {
		put_seq(l->frame, csum, l->seq);
		input(l, f);
		l->seq += len;
		l->frames++;
		l->bytes += len;
	}
	tcp_readable(&l->tcp, v, TURN_FRAMES + 2, &total);
	tcp_consume(&l->tcp, total, l->now);
	tcp_keep(&l->tcp);
	assert(l->tcp.rcv_nxt == l->seq);
	output(l);
}

/* --- down ---------------------------------------------------------------------------------------------- */

static void
turn_down(struct lab *l)
{
	struct room room[2];
	int n = tcp_writable(&l->tcp, room);

	for (int i = 0; i < n; i++)
		tcp_commit(&l->tcp, room[i].len); /* as if the host had written there */
	output(l);
	send_bare(l, TCP_ACK, l->tcp.snd_nxt);
}

static void
measure(enum style style, bool up, double seconds)
{
	static const char *const name[] = {"1514, checksums in software", "1514, checksums offloaded", "GSO"};
	struct lab *l = lab_new(style);
	double start, took;
	uint64_t frames = l->frames;

	if (up) {
		struct frame f = data_frame(l);
		uint16_t csum = (uint16_t)(l->frame[CSUM_AT] << 8 | l->frame[CSUM_AT + 1]);

		start = seconds_now();
		while ((took = seconds_now() - start) < seconds)
			turn_up(l, &f, csum);
	} else {
		start = seconds_now();
		while ((took = seconds_now() - start) < seconds)
			turn_down(l);
	}
	frames = l->frames - frames;
	printf("{\"row\": \"stack_only_%s\", \"frames\": \"%s\", \"gbit\": %.1f, \"ns_per_frame\": %.0f}\n",
	       up ? "up" : "down", name[style], (double)l->bytes * 8 / took / 1e9,
	       took * 1e9 / (double)frames);
	tcp_free(&l->tcp);
	free(l->pool.arena);
	free(l->pool.node);
	free(l);
}

int
main(int argc, char **argv)
{
	double seconds = argc > 1 ? number("SECONDS", argv[1], 0.1, 60) : 1;

	for (int i = 0; i < 6; i++)
		measure((enum style)(i % 3), i < 3, seconds);
	return 0;
}
