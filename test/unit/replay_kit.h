/*
 * replay_kit.h - captures made frame by frame, replayed, and what came out read back
 *
 * A test writes a capture of a guest and a far side that agree with each other (guest(), far(), put_udp(),
 * put_error()), and run()s it.  Every frame of the gateway is judged by strict.h; ARP and neighbour
 * discovery are then left out of what a test looks at.
 */
#ifndef TEST_UNIT_REPLAY_KIT_H
#define TEST_UNIT_REPLAY_KIT_H

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

static inline struct addr
addr(const char *text)
{
	struct addr a;

	assert_true(addr_parse(text, &a));
	return a;
}

static inline int
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
	s->cfg.profiles = "all"; /* these tests are of what follows a judgment */
	s->st.size = sizeof(s->st);
	return 0;
}

static inline int
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
static inline void
put(struct session *s, size_t len, bool from_guest)
{
	struct frame f = {.len = (uint32_t)len, .nspan = 1, .span = {view_of(s->frame, len)}};
	enum pcapng_dir dir = from_guest ? PCAPNG_FROM_GUEST : PCAPNG_TO_GUEST;

	s->now += USEC_PER_MSEC;
	pcapng_frame(&s->w, &f, s->directed ? dir : PCAPNG_UNKNOWN, s->now);
	assert_int_equal(s->w.error, 0);
}

static inline struct craft
craft_of(const struct session *s, bool from_guest)
{
	if (from_guest)
		return (struct craft){guest_mac, gateway_mac, s->guest, s->far, .ttl = 64};
	return (struct craft){gateway_mac, guest_mac, s->far, s->guest, .ttl = 64};
}

static inline struct tcp_hdr
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
static inline void
put_tcp(struct session *s, bool from_guest, uint8_t flags, uint32_t seq, uint32_t ack, struct view data)
{
	struct craft c = craft_of(s, from_guest);
	struct craft_tcp t = {.hdr = header(from_guest, flags, seq, ack), .data = data};

	put(s, craft_tcp(s->frame, &c, &t), from_guest);
}

static inline void
guest(struct session *s, uint8_t flags, uint32_t seq, uint32_t ack, const char *data)
{
	put_tcp(s, true, flags, seq, ack, view_of(data, strlen(data)));
}

static inline void
far(struct session *s, uint8_t flags, uint32_t seq, uint32_t ack, const char *data)
{
	put_tcp(s, false, flags, seq, ack, view_of(data, strlen(data)));
}

static inline void
put_udp(struct session *s, bool from_guest, uint16_t guest_port, uint16_t far_port, struct view data)
{
	struct craft c = craft_of(s, from_guest);

	put(s,
	    craft_udp(s->frame, &c, from_guest ? guest_port : far_port, from_guest ? far_port : guest_port,
		      data),
	    from_guest);
}

static inline void
handshake(struct session *s)
{
	guest(s, TCP_SYN, 0, 0, "");
	far(s, TCP_SYN | TCP_ACK, 0, 1, "");
	guest(s, TCP_ACK, 1, 1, "");
}

/* An ICMP error of the far side about the guest's last frame, which s->frame still holds. */
static inline void
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

static inline int
replay(struct session *s)
{
	return sluice_replay(&s->cfg, s->in, s->out, &s->st, s->err, sizeof(s->err));
}

static inline struct view
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
static inline void
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
static inline size_t
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

static inline void
assert_stream(const struct session *s, const char *expected)
{
	char got[4096];
	size_t n = stream(s, got, sizeof(got) - 1);

	got[n] = '\0';
	assert_string_equal(got, expected);
}

/* How many TCP segments carry all of these flags. */
static inline unsigned
with_flags(const struct session *s, uint8_t flags)
{
	unsigned n = 0;

	for (unsigned i = 0; i < s->nsent; i++)
		n += s->sent[i].is.kind == STRICT_TCP && (s->sent[i].is.tcp.flags & flags) == flags;
	return n;
}

/* The highest acknowledgment, relative to the guest's ISS. */
static inline uint32_t
acked(const struct session *s)
{
	uint32_t most = 0;

	for (unsigned i = 0; i < s->nsent; i++)
		if (s->sent[i].is.kind == STRICT_TCP && s->sent[i].is.tcp.flags & TCP_ACK &&
		    s->sent[i].is.tcp.ack - GUEST_ISS > most)
			most = s->sent[i].is.tcp.ack - GUEST_ISS;
	return most;
}

#endif
