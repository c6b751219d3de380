/*
 * replay_test.c - captures made here, replayed, and what came out looked at
 *
 * Each test writes a capture of a guest and a far side that agree with each other, and asks what the gateway
 * says to that guest.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "link/pcap_read.h"
#include "link/pcapng.h"
#include "proxy/replay_wire.h"
#include "sluice.h"
#include "stack/csum.h"
#include "test/bed/craft.h"
#include "test/bed/strict.h"

static const struct mac guest_mac = {{0x52, 0x54, 0, 0x12, 0x34, 0x56}};
static const struct mac gateway_mac = {{0x52, 0x55, 0x0a, 0, 2, 2}};

#define GUEST_ISS 1000u
#define FAR_ISS 0xfffff000u /* so that the far end's numbers wrap */
#define SENT_MAX 1024u

struct sent {
	usec_t when;
	struct strict is;
};

/* A capture under way, and then what the gateway sent. */
struct session {
	char dir[32], in[64], out[64], err[256];
	struct host *host;
	struct pcapng w;
	int fd;
	usec_t now;
	bool directed; /* frames say which way they went */
	struct addr guest, far;
	uint8_t frame[FRAME_MAX];
	struct sluice_config cfg;
	struct sluice_replay_stats st;
	uint8_t *bytes;
	unsigned nsent;
	struct sent sent[SENT_MAX];
};

/* --- making captures ------------------------------------------------------------------------------------ */

static struct addr
addr(const char *text)
{
	struct addr a;

	assert_true(addr_parse(text, &a));
	return a;
}

static int
setup(void **state)
{
	struct session *s = calloc(1, sizeof(*s));
	int err;

	assert_non_null(s);
	*state = s;
	snprintf(s->dir, sizeof(s->dir), "/tmp/replay_test.XXXXXX");
	assert_non_null(mkdtemp(s->dir));
	snprintf(s->in, sizeof(s->in), "%s/in.pcapng", s->dir);
	snprintf(s->out, sizeof(s->out), "%s/out.pcapng", s->dir);
	s->host = host_kernel(&err);
	assert_non_null(s->host);
	s->fd = open(s->in, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(s->fd >= 0);
	assert_int_equal(pcapng_init(&s->w, s->host, s->fd, 1700000000 * USEC_PER_SEC), 0);
	s->guest = addr("10.0.2.15");
	s->far = addr("198.51.100.9");
	sluice_config_init(&s->cfg);
	s->st.size = sizeof(s->st);
	return 0;
}

static int
teardown(void **state)
{
	struct session *s = *state;

	pcapng_done(&s->w);
	close(s->fd);
	host_kernel_free(s->host);
	unlink(s->in);
	unlink(s->out);
	rmdir(s->dir);
	free(s->bytes);
	free(s);
	return 0;
}

/* The frame in s->frame, a millisecond after the last. */
static void
put(struct session *s, size_t len, bool from_guest)
{
	struct frame f = {.len = (uint32_t)len, .nspan = 1, .span = {view_of(s->frame, len)}};
	enum pcapng_dir dir = from_guest ? PCAPNG_FROM_GUEST : PCAPNG_TO_GUEST;

	s->now += USEC_PER_MSEC;
	pcapng_frame(&s->w, &f, s->directed ? dir : PCAPNG_UNKNOWN, s->now);
	assert_int_equal(s->w.error, 0);
}

static struct craft
craft_of(const struct session *s, bool from_guest)
{
	if (from_guest)
		return (struct craft){guest_mac, gateway_mac, s->guest, s->far, .ttl = 64};
	return (struct craft){gateway_mac, guest_mac, s->far, s->guest, .ttl = 64};
}

static struct tcp_hdr
header(bool from_guest, uint8_t flags, uint32_t seq, uint32_t ack)
{
	return (struct tcp_hdr){.sport = from_guest ? 4000 : 80,
				.dport = from_guest ? 80 : 4000,
				.seq = (from_guest ? GUEST_ISS : FAR_ISS) + seq,
				.ack = flags & TCP_ACK ? (from_guest ? FAR_ISS : GUEST_ISS) + ack : 0,
				.flags = flags,
				.wnd = 60000,
				.mss = flags & TCP_SYN ? 1460 : 0};
}

/* Segments with numbers relative to the initial ones of both sides. */
static void
put_tcp(struct session *s, bool from_guest, uint8_t flags, uint32_t seq, uint32_t ack, struct view data)
{
	struct craft c = craft_of(s, from_guest);
	struct craft_tcp t = {.hdr = header(from_guest, flags, seq, ack), .data = data};

	put(s, craft_tcp(s->frame, &c, &t), from_guest);
}

static void
guest(struct session *s, uint8_t flags, uint32_t seq, uint32_t ack, const char *data)
{
	put_tcp(s, true, flags, seq, ack, view_of(data, strlen(data)));
}

static void
far(struct session *s, uint8_t flags, uint32_t seq, uint32_t ack, const char *data)
{
	put_tcp(s, false, flags, seq, ack, view_of(data, strlen(data)));
}

static void
put_udp(struct session *s, bool from_guest, uint16_t guest_port, uint16_t far_port, struct view data)
{
	struct craft c = craft_of(s, from_guest);

	put(s,
	    craft_udp(s->frame, &c, from_guest ? guest_port : far_port, from_guest ? far_port : guest_port,
		      data),
	    from_guest);
}

static void
handshake(struct session *s)
{
	guest(s, TCP_SYN, 0, 0, "");
	far(s, TCP_SYN | TCP_ACK, 0, 1, "");
	guest(s, TCP_ACK, 1, 1, "");
}

/* An ICMP error of the far side about the guest's last frame, which s->frame still holds. */
static void
put_error(struct session *s, uint8_t type, uint8_t code)
{
	struct craft c = craft_of(s, false);
	uint8_t quote[48];

	memcpy(quote, s->frame + ETH_HLEN, sizeof(quote));
	put(s,
	    craft_icmp(s->frame, &c, &(struct icmp){.type = type, .code = code},
		       view_of(quote, sizeof(quote))),
	    false);
}

/* --- replaying them ------------------------------------------------------------------------------------- */

static int
replay(struct session *s)
{
	return sluice_replay(&s->cfg, s->in, s->out, &s->st, s->err, sizeof(s->err));
}

static struct view
read_file(struct session *s, const char *path)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	free(s->bytes);
	s->bytes = malloc((size_t)st.st_size + 1);
	assert_non_null(s->bytes);
	assert_int_equal(read(fd, s->bytes, (size_t)st.st_size), st.st_size);
	close(fd);
	return view_of(s->bytes, (size_t)st.st_size);
}

/* Replay, and read back what the gateway sent, but for neighbours and routers. */
static void
run(struct session *s)
{
	const struct strict_wire wire = {guest_mac, gateway_mac, {.mtu = s->cfg.mtu ? s->cfg.mtu : 1500}};
	const struct offload none = {0};
	struct pcap_reader r;
	struct pcap_frame f;
	unsigned frames = 0;

	if (replay(s) < 0)
		fail_msg("%s", s->err);
	s->nsent = 0;
	assert_true(pcap_read_open(&r, read_file(s, s->out)));
	while (pcap_read_next(&r, &f) > 0) {
		struct sent *out = &s->sent[s->nsent];
		const char *wrong = strict_check(&wire, f.bytes.p, f.bytes.len, &none, &out->is);

		if (wrong)
			fail_msg("a frame of the gateway: %s", wrong);
		assert_int_equal(f.dir, PCAP_OUTBOUND);
		out->when = f.when - 1700000000 * USEC_PER_SEC;
		frames++;
		if (out->is.kind != STRICT_NDP && out->is.kind != STRICT_ARP) {
			s->nsent++;
			assert_true(s->nsent < SENT_MAX);
		}
	}
	assert_string_equal(r.error, "");
	assert_int_equal(s->st.frames_out, frames);
}

/* The payload the gateway sent in TCP, put in order; returns its length. */
static size_t
stream(const struct session *s, char *to, size_t size)
{
	uint32_t iss = 0;
	size_t end = 0;

	for (unsigned i = 0; i < s->nsent; i++) {
		const struct strict *is = &s->sent[i].is;

		if (is->kind != STRICT_TCP)
			continue;
		if (is->tcp.flags & TCP_SYN)
			iss = is->tcp.seq;
		if (is->payload.len == 0)
			continue;
		size_t at = is->tcp.seq - iss - 1;
		assert_true(at + is->payload.len <= size);
		memcpy(to + at, is->payload.p, is->payload.len);
		if (at + is->payload.len > end)
			end = at + is->payload.len;
	}
	return end;
}

static void
assert_stream(const struct session *s, const char *expected)
{
	char got[4096];
	size_t n = stream(s, got, sizeof(got) - 1);

	got[n] = '\0';
	assert_string_equal(got, expected);
}

/* How many TCP segments carry all of these flags. */
static unsigned
with_flags(const struct session *s, uint8_t flags)
{
	unsigned n = 0;

	for (unsigned i = 0; i < s->nsent; i++)
		n += s->sent[i].is.kind == STRICT_TCP && (s->sent[i].is.tcp.flags & flags) == flags;
	return n;
}

/* The highest acknowledgment, relative to the guest's ISS. */
static uint32_t
acked(const struct session *s)
{
	uint32_t most = 0;

	for (unsigned i = 0; i < s->nsent; i++)
		if (s->sent[i].is.kind == STRICT_TCP && s->sent[i].is.tcp.flags & TCP_ACK &&
		    s->sent[i].is.tcp.ack - GUEST_ISS > most)
			most = s->sent[i].is.tcp.ack - GUEST_ISS;
	return most;
}

/* --- TCP ------------------------------------------------------------------------------------------------ */

static void
both_ways_and_the_end(void **state)
{
	struct session *s = *state;

	handshake(s);
	guest(s, TCP_ACK | TCP_PSH, 1, 1, "question");
	far(s, TCP_ACK, 1, 9, "");
	far(s, TCP_ACK | TCP_PSH, 1, 9, "answer");
	guest(s, TCP_ACK, 9, 7, "");
	far(s, TCP_ACK | TCP_FIN, 7, 9, "");
	guest(s, TCP_ACK, 9, 8, "");
	guest(s, TCP_ACK | TCP_FIN, 9, 8, "");
	far(s, TCP_ACK, 8, 10, "");
	run(s);
	assert_stream(s, "answer");
	assert_int_equal(acked(s), 10);
	/* Nothing was sent twice, so all its acknowledgments fitted. */
	assert_int_equal(with_flags(s, TCP_SYN), 1);
	assert_int_equal(with_flags(s, TCP_PSH), 1);
	assert_int_equal(with_flags(s, TCP_FIN), 1);
	assert_int_equal(with_flags(s, TCP_RST), 0);
	assert_int_equal(s->st.frames_in, 6);
	assert_int_equal(s->st.frames_other, 5);
}

static void
the_syn_waits_for_the_captured_one(void **state)
{
	struct session *s = *state;

	guest(s, TCP_SYN, 0, 0, "");
	s->now += 250 * USEC_PER_MSEC;
	far(s, TCP_SYN | TCP_ACK, 0, 1, "");
	usec_t answered = s->now;
	guest(s, TCP_ACK, 1, 1, "");
	run(s);
	assert_true(s->nsent >= 1);
	assert_int_equal(s->sent[0].is.tcp.flags, TCP_SYN | TCP_ACK);
	assert_int_equal(s->sent[0].when, answered);
}

static void
each_byte_once_and_in_order(void **state)
{
	struct session *s = *state;

	handshake(s);
	far(s, TCP_ACK, 1, 1, "aaa");
	far(s, TCP_ACK, 7, 1, "ccc");
	far(s, TCP_ACK | TCP_FIN, 10, 1, "ddd");
	far(s, TCP_ACK, 1, 1, "aaa");
	far(s, TCP_ACK, 2, 1, "aabbbcc");
	far(s, TCP_ACK, 10, 1, "ddd");
	guest(s, TCP_ACK, 1, 14, "");
	run(s);
	assert_stream(s, "aaabbbcccddd");
	assert_int_equal(with_flags(s, TCP_FIN), 1);
}

static void
refused(void **state)
{
	struct session *s = *state;

	guest(s, TCP_SYN, 0, 0, "");
	far(s, TCP_RST | TCP_ACK, 0, 1, "");
	run(s);
	assert_int_equal(s->nsent, 1);
	assert_int_equal(s->sent[0].is.tcp.flags, TCP_RST | TCP_ACK);
	assert_int_equal(acked(s), 1);
}

/* The gateway's own address is the host's loopback, of which there are two: both refuse. */
static void
refused_at_the_gateway(void **state)
{
	struct session *s = *state;

	s->far = addr("10.0.2.2");
	refused(state);
}

static void
unreachable(void **state)
{
	static const uint8_t codes[] = {0, 1, 13};
	struct session *s = *state;

	for (unsigned i = 0; i < 3; i++) {
		s->far = addr_v4(0xc6336409 + i);
		guest(s, TCP_SYN, 0, 0, "");
		put_error(s, ICMP4_UNREACHABLE, codes[i]);
	}
	run(s);
	assert_int_equal(s->nsent, 3);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(s->sent[i].is.kind, STRICT_ICMP);
		assert_int_equal(s->sent[i].is.icmp.type, ICMP4_UNREACHABLE);
		assert_int_equal(s->sent[i].is.icmp.code, codes[i]);
	}
}

static void
never_answered(void **state)
{
	struct session *s = *state;

	guest(s, TCP_SYN, 0, 0, "");
	far(s, TCP_RST, 5, 0, ""); /* of nobody: makes it a capture of two sides */
	s->far = addr("203.0.113.7");
	guest(s, TCP_SYN, 0, 0, "");
	run(s);
	assert_int_equal(s->nsent, 1); /* about the first one */
}

static void
far_resets(void **state)
{
	struct session *s = *state;

	handshake(s);
	far(s, TCP_ACK | TCP_PSH, 1, 1, "going");
	guest(s, TCP_ACK, 1, 6, "");
	far(s, TCP_RST | TCP_ACK, 6, 1, "");
	run(s);
	assert_stream(s, "going");
	assert_int_equal(with_flags(s, TCP_RST), 1);
}

static void
guest_alone(void **state)
{
	struct session *s = *state;

	guest(s, TCP_SYN, 0, 0, "");
	guest(s, TCP_ACK, 1, 1, "");
	guest(s, TCP_ACK | TCP_PSH, 1, 1, "said to nobody");
	guest(s, TCP_ACK | TCP_PSH, 15, 500, ", and more"); /* what it acknowledges is in no capture */
	run(s);
	assert_int_equal(with_flags(s, TCP_SYN | TCP_ACK), 1);
	assert_int_equal(acked(s), 25);
	assert_stream(s, "");
}

/* Twice what a socket's buffer holds. */
static void
the_host_takes_what_it_is_sent(void **state)
{
	struct session *s = *state;
	static uint8_t data[1460];
	uint32_t seq = 1;

	guest(s, TCP_SYN, 0, 0, "");
	guest(s, TCP_ACK, 1, 1, "");
	for (; seq < 500000; seq += sizeof(data))
		put_tcp(s, true, TCP_ACK, seq, 1, view_of(data, sizeof(data)));
	run(s);
	assert_int_equal(acked(s), seq);
}

/* The second of five segments got lost on its way to the guest, who says so. */
static void
sacks_fit_too(void **state)
{
	struct session *s = *state;
	struct craft c = craft_of(s, true);
	struct craft_tcp t = {.hdr = header(true, TCP_SYN, 0, 0)};

	t.hdr.sack_ok = true;
	put(s, craft_tcp(s->frame, &c, &t), true);
	c = craft_of(s, false);
	t.hdr = header(false, TCP_SYN | TCP_ACK, 0, 1);
	t.hdr.sack_ok = true;
	put(s, craft_tcp(s->frame, &c, &t), false);
	guest(s, TCP_ACK, 1, 1, "");
	for (uint32_t i = 0; i < 5; i++)
		far(s, TCP_ACK | TCP_PSH, 1 + 5 * i, 1, "12345");
	guest(s, TCP_ACK, 1, 6, "");
	c = craft_of(s, true);
	for (uint32_t i = 0; i < 3; i++) {
		t.hdr = header(true, TCP_ACK, 1, 6);
		t.hdr.nsack = 1;
		t.hdr.sack[0] = (struct tcp_sack){FAR_ISS + 11, FAR_ISS + 16 + 5 * i};
		put(s, craft_tcp(s->frame, &c, &t), true);
	}
	guest(s, TCP_ACK, 1, 26, "");
	run(s);
	/* Of the five only that one was sent again. */
	unsigned n = 0;
	for (unsigned i = 0; i < s->nsent; i++)
		n += s->sent[i].is.payload.len > 0;
	assert_int_equal(n, 6);
	assert_stream(s, "1234512345123451234512345");
}

static void
from_the_middle(void **state)
{
	struct session *s = *state;

	guest(s, TCP_ACK | TCP_PSH, 500, 700, "what was before?");
	far(s, TCP_ACK | TCP_PSH, 700, 516, "nobody knows");
	guest(s, TCP_ACK, 516, 712, "");
	run(s);
	assert_int_equal(s->nsent, 2);
	assert_int_equal(with_flags(s, TCP_RST), 2);
}

static void
ports_used_again(void **state)
{
	struct session *s = *state;
	struct craft c = craft_of(s, true);

	handshake(s);
	guest(s, TCP_RST, 1, 0, "");
	/* The same ports, other numbers. */
	struct craft_tcp t = {.hdr = header(true, TCP_SYN, 50000, 0)};
	put(s, craft_tcp(s->frame, &c, &t), true);
	c = craft_of(s, false);
	t.hdr = header(false, TCP_SYN | TCP_ACK, 90000, 50001);
	put(s, craft_tcp(s->frame, &c, &t), false);
	guest(s, TCP_ACK, 50001, 90001, "");
	far(s, TCP_ACK | TCP_PSH, 90001, 50001, "second");
	guest(s, TCP_ACK | TCP_PSH, 50001, 90007, "reply");
	run(s);
	assert_int_equal(with_flags(s, TCP_SYN | TCP_ACK), 2);
	assert_stream(s, "second");
	assert_int_equal(with_flags(s, TCP_PSH), 1);
	assert_int_equal(acked(s), 50006);
}

/* A window of 512 KiB, which the guest fills but for its first bytes: they were lost, and come last. */
static void
a_far_end_with_a_larger_window(void **state)
{
	struct session *s = *state;
	static uint8_t data[1460];
	uint32_t seq = 1 + sizeof(data);
	struct craft c = craft_of(s, true);
	struct craft_tcp t = {.hdr = header(true, TCP_SYN, 0, 0)};

	t.hdr.has_wscale = true;
	t.hdr.wscale = 7;
	put(s, craft_tcp(s->frame, &c, &t), true);
	c = craft_of(s, false);
	t.hdr = header(false, TCP_SYN | TCP_ACK, 0, 1);
	t.hdr.has_wscale = true;
	t.hdr.wscale = 7;
	put(s, craft_tcp(s->frame, &c, &t), false);
	guest(s, TCP_ACK, 1, 1, "");
	t.hdr = header(false, TCP_ACK, 1, 1);
	t.hdr.wnd = 4096;
	put(s, craft_tcp(s->frame, &c, &t), false);
	for (; seq < 500000; seq += sizeof(data))
		put_tcp(s, true, TCP_ACK, seq, 1, view_of(data, sizeof(data)));
	put_tcp(s, true, TCP_ACK, 1, 1, view_of(data, sizeof(data)));
	run(s);
	assert_int_equal(acked(s), seq);
}

/* --- checksums and offload -------------------------------------------------------------------------------- */

static void
a_wrong_checksum_stays_wrong(void **state)
{
	struct session *s = *state;
	struct craft c = craft_of(s, true);
	struct craft_tcp t = {.hdr = header(true, TCP_ACK | TCP_PSH, 1, 1), .data = view_of("x", 1)};

	handshake(s);
	c.spoil_csum = true;
	put(s, craft_tcp(s->frame, &c, &t), true);
	run(s);
	assert_int_equal(acked(s), 1);
}

/* A frame as a tap with offloads shows it: its checksum is the pseudo header's. */
static size_t
unfinished(struct session *s, uint32_t seq, struct view data)
{
	struct craft c = craft_of(s, true);
	struct craft_tcp t = {.hdr = header(true, TCP_ACK | TCP_PSH, seq, 1), .data = data};
	size_t len = craft_tcp(s->frame, &c, &t);
	struct csum sum = {0};

	csum_pseudo(&sum, &c.src, &c.dst, IP_PROTO_TCP, (uint32_t)(TCP_HLEN + data.len));
	s->frame[ETH_HLEN + IP4_HLEN + 16] = (uint8_t)(csum_partial(&sum) >> 8);
	s->frame[ETH_HLEN + IP4_HLEN + 17] = (uint8_t)csum_partial(&sum);
	return len;
}

static void
an_unfinished_checksum_is_none(void **state)
{
	struct session *s = *state;

	handshake(s);
	put(s, unfinished(s, 1, view_of("offloaded", 9)), true);
	run(s);
	assert_int_equal(acked(s), 10);
}

static void
a_segment_beyond_the_mtu(void **state)
{
	struct session *s = *state;
	static uint8_t data[20000];

	handshake(s);
	put(s, unfinished(s, 1, view_of(data, sizeof(data))), true);
	put_tcp(s, false, TCP_ACK | TCP_PSH, 1, 1 + sizeof(data), view_of(data, sizeof(data)));
	for (uint32_t at = 1; at < sizeof(data); at += 2000)
		guest(s, TCP_ACK, 1 + sizeof(data), at + 2000, "");
	run(s);
	assert_int_equal(acked(s), 1 + sizeof(data));
	/* Down it goes as a link without offloads has it. */
	static char got[sizeof(data)];
	assert_int_equal(stream(s, got, sizeof(got)), sizeof(data));
}

static void
the_offload_facts(void **state)
{
	struct session *s = *state;
	struct replay_packet p;
	struct offload off;
	static uint8_t data[5000];
	size_t len = unfinished(s, 1, view_of(data, sizeof(data)));

	assert_true(replay_read(view_of(s->frame, len), &p));
	replay_offload(&p, 1500, 1000, &off);
	assert_true(off.needs_csum);
	assert_int_equal(off.csum_start, 34);
	assert_int_equal(off.csum_offset, 16);
	assert_int_equal(off.gso_type, GSO_TCPV4);
	assert_int_equal(off.gso_size, 1000);
	assert_int_equal(off.hdr_len, 54);
	replay_offload(&p, 1500, 0, &off);
	assert_int_equal(off.gso_size, 1460);
	replay_offload(&p, 1500, 9000, &off);
	assert_int_equal(off.gso_size, 1460);
	replay_offload(&p, 9000, 0, &off);
	assert_int_equal(off.gso_type, GSO_NONE);
}

/* The transport's sum, checksum field included: all ones is right. */
static uint16_t
sum_of(const struct replay_packet *p)
{
	struct csum c = {0};

	csum_pseudo(&c, &p->ip.src, &p->ip.dst, p->ip.proto, p->ip.len);
	csum_add(&c, p->segment);
	return csum_partial(&c);
}

static void
shifting_keeps_the_sum(void **state)
{
	struct session *s = *state;
	/* SACK blocks at even and at odd places, twice, and cut off. */
	static const uint8_t options[4][20] = {
	    {1, 1, 5, 18, 0, 0, 16, 1, 0, 0, 32, 0, 255, 255, 255, 1, 255, 255, 255, 255},
	    {1, 5, 10, 0, 0, 16, 1, 0, 0, 32, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
	    {5, 10, 255, 0, 16, 1, 0, 0, 32, 0, 5, 10, 1, 2, 3, 4, 5, 6, 7, 8},
	    {1, 1, 1, 5, 255, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4},
	};
	uint32_t shift = 0x9e3779b9;

	for (unsigned i = 0; i < 4000; i++, shift = shift * 1664525 + 1013904223) {
		struct craft c = craft_of(s, true);
		struct craft_tcp t = {.hdr = header(true, TCP_ACK, shift >> 3, shift ^ i),
				      .options = view_of(options[i % 4], sizeof(options[0])),
				      .data = view_of("odd", i % 4)};
		struct replay_packet before, after;

		c.spoil_csum = i % 3 == 0;
		size_t len = craft_tcp(s->frame, &c, &t);
		assert_true(replay_read(view_of(s->frame, len), &before));
		uint16_t sum = sum_of(&before);
		replay_shift(s->frame, &before, before.tcp.ack + shift, shift, false);
		assert_true(replay_read(view_of(s->frame, len), &after));
		assert_int_equal(after.tcp.ack, before.tcp.ack + shift);
		assert_int_equal(after.tcp.nsack, before.tcp.nsack);
		for (unsigned k = 0; k < after.tcp.nsack; k++) {
			assert_int_equal(after.tcp.sack[k].left, before.tcp.sack[k].left + shift);
			assert_int_equal(after.tcp.sack[k].right, before.tcp.sack[k].right + shift);
		}
		assert_int_equal(sum_of(&after), sum);
	}
}

/* --- datagrams ---------------------------------------------------------------------------------------------- */

static unsigned
datagrams(const struct session *s, const char *data)
{
	unsigned n = 0;

	for (unsigned i = 0; i < s->nsent; i++)
		n += s->sent[i].is.kind == STRICT_UDP && s->sent[i].is.payload.len == strlen(data) &&
		     memcmp(s->sent[i].is.payload.p, data, strlen(data)) == 0;
	return n;
}

static void
datagrams_come_back(void **state)
{
	struct session *s = *state;

	put_udp(s, true, 4000, 7, view_of("ping", 4));
	put_udp(s, false, 4000, 7, view_of("pong", 4));
	put_udp(s, false, 4000, 8, view_of("from another port", 17));
	run(s);
	assert_int_equal(s->nsent, 1);
	assert_int_equal(datagrams(s, "pong"), 1);
}

static void
the_name_server(void **state)
{
	struct session *s = *state;

	s->far = addr("10.0.2.3");
	put_udp(s, true, 4000, 53, view_of("who?", 4));
	put_udp(s, false, 4000, 53, view_of("nobody", 6));
	run(s);
	assert_int_equal(datagrams(s, "nobody"), 1);
}

static void
one_mapping_for_all(void **state)
{
	struct session *s = *state;

	s->cfg.udp_endpoint_independent = true;
	put_udp(s, true, 4000, 7, view_of("one", 3));
	s->far = addr("203.0.113.7");
	put_udp(s, true, 4000, 8, view_of("two", 3));
	put_udp(s, false, 4000, 8, view_of("answer two", 10));
	s->far = addr("198.51.100.9");
	put_udp(s, false, 4000, 7, view_of("answer one", 10));
	run(s);
	assert_int_equal(datagrams(s, "answer one"), 1);
	assert_int_equal(datagrams(s, "answer two"), 1);
}

static void
nobody_listens(void **state)
{
	struct session *s = *state;

	put_udp(s, true, 4000, 9, view_of("anybody there? a longer one", 27));
	put_error(s, ICMP4_UNREACHABLE, 3);
	run(s);
	assert_int_equal(s->nsent, 1);
	assert_int_equal(s->sent[0].is.kind, STRICT_ICMP);
	assert_int_equal(s->sent[0].is.icmp.code, 3);
	assert_true(addr_eq(&s->sent[0].is.ip.src, &s->far));
}

/* --- published ports -------------------------------------------------------------------------------------------- */

static void
a_client_comes(void **state)
{
	struct session *s = *state;

	/* The guest has spoken: its MAC is known. */
	put_udp(s, true, 4000, 9, view_of("", 0));
	s->far = addr("10.0.2.2");
	far(s, TCP_SYN, 0, 0, "");
	guest(s, TCP_SYN | TCP_ACK, 0, 1, "");
	far(s, TCP_ACK | TCP_PSH, 1, 1, "client");
	guest(s, TCP_ACK | TCP_PSH, 1, 7, "server");
	run(s);
	assert_int_equal(with_flags(s, TCP_SYN), 1);
	assert_stream(s, "client");
	assert_int_equal(with_flags(s, TCP_PSH), 1);
	assert_int_equal(acked(s), 7);
	/* It keeps its port. */
	assert_int_equal(s->sent[0].is.tcp.sport, 80);
	assert_int_equal(s->sent[0].is.tcp.dport, 4000);
}

static void
a_client_comes_where_cfg_says(void **state)
{
	struct session *s = *state;
	const struct sluice_publish p = {.host_first = 8000, .host_last = 8010, .guest_first = 3995};

	s->cfg.publish = &p;
	s->cfg.npublish = 1;
	a_client_comes(state);
}

static void
a_datagram_comes(void **state)
{
	struct session *s = *state;

	put_udp(s, true, 4000, 9, view_of("", 0));
	s->far = addr("10.0.2.2");
	put_udp(s, false, 5000, 6000, view_of("hello", 5));
	put_udp(s, true, 5000, 6000, view_of("yes?", 4));
	put_udp(s, false, 5000, 6000, view_of("nothing", 7));
	run(s);
	assert_int_equal(datagrams(s, "hello"), 1);
	assert_int_equal(datagrams(s, "nothing"), 1);
}

/* --- whose frames, and when --------------------------------------------------------------------------------------- */

static void
directions_are_believed(void **state)
{
	struct session *s = *state;

	s->directed = true;
	/* The first station seen is not the guest; and what the guest sends in another's name is its own. */
	put_udp(s, false, 4000, 7, view_of("early", 5));
	put_udp(s, true, 4000, 7, view_of("ping", 4));
	put_udp(s, false, 4000, 7, view_of("pong", 4));
	struct craft c = craft_of(s, true);
	c.src_mac = (struct mac){{2, 0, 0, 0, 0, 1}};
	put(s, craft_udp(s->frame, &c, 1, 2, view_of("spoofed", 7)), true);
	run(s);
	assert_int_equal(s->st.frames_in, 2);
	assert_int_equal(datagrams(s, "pong"), 1);
}

static void
the_guest_is_named(void **state)
{
	struct session *s = *state;
	struct craft c = craft_of(s, true);

	c.src_mac = (struct mac){{2, 0, 0, 0, 0, 1}};
	put(s, craft_udp(s->frame, &c, 1, 2, view_of("somebody else", 13)), true);
	put_udp(s, true, 4000, 7, view_of("ping", 4));
	put_udp(s, false, 4000, 7, view_of("pong", 4));
	memcpy(s->cfg.guest_mac, guest_mac.b, sizeof(s->cfg.guest_mac));
	run(s);
	assert_int_equal(s->st.frames_in, 1);
	assert_int_equal(datagrams(s, "pong"), 1);
}

static void
time_does_not_run_backwards(void **state)
{
	struct session *s = *state;

	handshake(s);
	s->now -= 10 * USEC_PER_MSEC;
	far(s, TCP_ACK | TCP_PSH, 1, 1, "earlier");
	guest(s, TCP_ACK, 1, 8, "");
	run(s);
	assert_stream(s, "earlier");
	for (unsigned i = 1; i < s->nsent; i++)
		assert_true(s->sent[i].when >= s->sent[i - 1].when);
}

static void
an_hour_passes(void **state)
{
	struct session *s = *state;

	handshake(s);
	far(s, TCP_ACK | TCP_PSH, 1, 1, "unacknowledged");
	s->now += 3600 * USEC_PER_SEC;
	put_udp(s, true, 4000, 7, view_of("later", 5));
	run(s);
	/* It was sent again, less and less often, and then given up. */
	assert_in_range(with_flags(s, TCP_PSH), 5, 30);
	assert_int_equal(with_flags(s, TCP_RST), 1);
	assert_true(s->st.virtual_us >= 3600u * 1000000u);
}

static void
the_same_bytes_again(void **state)
{
	struct session *s = *state;
	struct stat st;

	both_ways_and_the_end(state);
	struct view first = read_file(s, s->out);
	uint8_t *copy = malloc(first.len);
	assert_non_null(copy);
	memcpy(copy, first.p, first.len);
	s->cfg.max_tcp = 16;
	assert_int_equal(replay(s), 0);
	assert_int_equal(stat(s->out, &st), 0);
	assert_int_equal(st.st_size, first.len);
	assert_memory_equal(read_file(s, s->out).p, copy, (size_t)st.st_size);
	free(copy);
}

/* --- what cannot be replayed ---------------------------------------------------------------------------------------- */

static void
assert_fails(struct session *s, const char *why)
{
	assert_int_equal(replay(s), -1);
	if (!strstr(s->err, why))
		fail_msg("\"%s\" does not say \"%s\"", s->err, why);
}

static void
no_such_files(void **state)
{
	struct session *s = *state;

	put_udp(s, true, 4000, 7, view_of("x", 1));
	assert_int_equal(sluice_replay(&s->cfg, "/nonexistent/a", s->out, NULL, s->err, sizeof(s->err)), -1);
	assert_string_equal(s->err, "cannot open /nonexistent/a: No such file or directory");
	assert_int_equal(sluice_replay(&s->cfg, s->in, "/nonexistent/b", NULL, s->err, sizeof(s->err)), -1);
	assert_string_equal(s->err, "cannot write /nonexistent/b: No such file or directory");
	assert_int_equal(sluice_replay(&s->cfg, s->in, "/dev/full", NULL, s->err, sizeof(s->err)), -1);
	assert_string_equal(s->err, "cannot write /dev/full: No space left on device");
	assert_int_equal(sluice_replay(&s->cfg, s->in, s->out, NULL, NULL, 0), 0);
	s->cfg.size--;
	assert_fails(s, "sluice_config_init");
}

static void
not_a_capture(void **state)
{
	struct session *s = *state;

	assert_int_equal(ftruncate(s->fd, 0), 0);
	assert_fails(s, "in.pcapng: ");
	assert_int_equal(pwrite(s->fd, "#!/bin/sh\nexit 0\nexit 0\n", 24, 0), 24);
	assert_fails(s, "in.pcapng: ");
	/* A broken capture leaves no output behind. */
	assert_int_equal(access(s->out, F_OK), -1);
}

static void
a_capture_cut_off(void **state)
{
	struct session *s = *state;
	struct stat st;

	put_udp(s, true, 4000, 7, view_of("whole", 5));
	put_udp(s, true, 4000, 7, view_of("cut off", 7));
	assert_int_equal(fstat(s->fd, &st), 0);
	assert_int_equal(ftruncate(s->fd, st.st_size - 5), 0);
	assert_fails(s, "in.pcapng: ");
}

static void
frames_cut_off(void **state)
{
	struct session *s = *state;
	uint8_t longer = 200;
	struct stat st;

	put_udp(s, true, 4000, 7, view_of("cut", 3));
	assert_int_equal(fstat(s->fd, &st), 0);
	/* The original length of the one packet block, little-endian, after 72 bytes of file head. */
	assert_int_equal(pwrite(s->fd, &longer, 1, 72 + 24), 1);
	assert_fails(s, "was cut to 45 of 200 bytes");
}

static void
nobody_in_it(void **state)
{
	struct session *s = *state;

	assert_fails(s, "--mac");
}

static void
a_month_is_too_long(void **state)
{
	struct session *s = *state;

	put_udp(s, true, 4000, 7, view_of("x", 1));
	s->now += 31 * 86400 * USEC_PER_SEC;
	put_udp(s, true, 4000, 7, view_of("x", 1));
	assert_fails(s, "more than 30 days");
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
	    T(both_ways_and_the_end),
	    T(the_syn_waits_for_the_captured_one),
	    T(each_byte_once_and_in_order),
	    T(refused),
	    T(refused_at_the_gateway),
	    T(unreachable),
	    T(never_answered),
	    T(far_resets),
	    T(guest_alone),
	    T(the_host_takes_what_it_is_sent),
	    T(sacks_fit_too),
	    T(from_the_middle),
	    T(ports_used_again),
	    T(a_far_end_with_a_larger_window),
	    T(a_wrong_checksum_stays_wrong),
	    T(an_unfinished_checksum_is_none),
	    T(a_segment_beyond_the_mtu),
	    T(the_offload_facts),
	    T(shifting_keeps_the_sum),
	    T(datagrams_come_back),
	    T(the_name_server),
	    T(one_mapping_for_all),
	    T(nobody_listens),
	    T(a_client_comes),
	    T(a_client_comes_where_cfg_says),
	    T(a_datagram_comes),
	    T(directions_are_believed),
	    T(the_guest_is_named),
	    T(time_does_not_run_backwards),
	    T(an_hour_passes),
	    T(the_same_bytes_again),
	    T(no_such_files),
	    T(not_a_capture),
	    T(a_capture_cut_off),
	    T(frames_cut_off),
	    T(nobody_in_it),
	    T(a_month_is_too_long),
	};
#undef T
	return cmocka_run_group_tests(tests, NULL, NULL);
}
