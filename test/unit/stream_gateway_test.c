/*
 * stream_gateway_test.c - a whole gateway behind a stream and behind datagrams, on the real kernel
 *
 * The test is the guest's VMM at one end of a socket, and the host's programs on the loopback at the other, which
 * the guest reaches at the gateway's address.  What matters is what these links allow beyond an Ethernet: frames
 * of 64 KiB, and transport checksums that hold the pseudo-header's sum only (libkrun's guests send such).
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "link/sockaddr.h"
#include "link/stream_wire.h"
#include "link/unix.h"
#include "sluice.h"
#include "stack/csum.h"
#include "stack/udp_wire.h"
#include "test/bed/craft.h"
#include "test/bed/strict.h"

#define PATIENCE_MS 20000 /* the longest a test waits for what must come */

enum sum { SUM_GOOD, SUM_BARE, SUM_WRONG, SUM_BARE_WRONG };

struct bed {
	struct sluice_config cfg;
	struct sluice *gw;
	bool stream;
	int vmm;
	struct strict_wire wire;
	uint8_t in[2 * (STREAM_HLEN + FRAME_MAX)]; /* of the stream, not yet looked at */
	size_t nin;
	uint8_t frame[FRAME_MAX]; /* the last one taken */
	char dir[32], path[64], err[256];
};

/* One guest's connection, as a guest keeps it. */
struct conn {
	struct craft c;
	uint16_t sport, dport;
	uint32_t seq, ack, una;
	uint32_t wnd;
	uint8_t wscale;
};

static const struct mac guest_mac = {{0x02, 0, 0, 0, 0, 0x15}};
static uint8_t big[1 << 20], got[1 << 20], out_frame[FRAME_MAX];

/* --- setting up ----------------------------------------------------------------------------------------- */

static void
on_log(void *ctx, enum sluice_log_level level, const char *line)
{
	(void)ctx;
	if (level <= SLUICE_LOG_WARNING)
		printf("# %s\n", line);
}

static struct bed *
bed_of(bool stream)
{
	struct bed *b = calloc(1, sizeof(*b));

	b->stream = stream;
	b->vmm = -1;
	sluice_config_init(&b->cfg);
	b->cfg.link_kind = stream ? SLUICE_LINK_STREAM : SLUICE_LINK_DGRAM;
	b->cfg.log = on_log;
	b->cfg.profiles = "all";
	memcpy(b->cfg.guest_mac, guest_mac.b, 6);
	b->wire.guest = guest_mac;
	b->wire.gateway = (struct mac){{0x52, 0x55, 0x0a, 0, 2, 2}};
	b->wire.lim = (struct link_limits){.mtu = 1500};
	snprintf(b->dir, sizeof(b->dir), "/tmp/sluice-link-XXXXXX");
	assert_non_null(mkdtemp(b->dir));
	snprintf(b->path, sizeof(b->path), "%s/sock", b->dir);
	for (size_t i = 0; i < sizeof(big); i++)
		big[i] = (uint8_t)(i * 31 + (i >> 9));
	return b;
}

static int
setup_stream(void **state)
{
	*state = bed_of(true);
	return 0;
}

static int
setup_dgram(void **state)
{
	*state = bed_of(false);
	return 0;
}

static int
teardown(void **state)
{
	struct bed *b = *state;

	if (b->vmm >= 0)
		close(b->vmm);
	sluice_free(b->gw);
	int rc = rmdir(b->dir); /* empty: no path is left */
	free(b);
	return rc;
}

static void
begin(struct bed *b)
{
	b->gw = sluice_new(&b->cfg, b->err, sizeof(b->err));
	if (!b->gw)
		fail_msg("%s", b->err);
}

static void
begin_pair(struct bed *b)
{
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, b->stream ? SOCK_STREAM : SOCK_DGRAM, 0, pair), 0);
	b->cfg.link_fd = pair[0];
	b->vmm = pair[1];
	begin(b);
}

static void
begin_path(struct bed *b)
{
	b->cfg.link_path = b->path;
	begin(b);
}

static void
vmm_connects(struct bed *b)
{
	struct sockaddr sa = {.sa_family = AF_UNIX};

	b->nin = 0;
	b->vmm = unix_connect(b->path, b->stream ? SOCK_STREAM : SOCK_DGRAM);
	assert_true(b->vmm >= 0);
	if (!b->stream)
		assert_int_equal(bind(b->vmm, &sa, sizeof(sa.sa_family)), 0);
}

static uint64_t
counter(struct bed *b, const char *name)
{
	uint64_t value = 0;
	const char *is;

	for (size_t n = 0; (is = sluice_counter(b->gw, n, &value)); n++)
		if (strcmp(is, name) == 0)
			return value;
	fail_msg("no counter %s", name);
	return 0;
}

/* --- turns ---------------------------------------------------------------------------------------------- */

/* One turn, sleeping as long as the gateway allows, at most ms. */
static int
turn(struct bed *b, int ms)
{
	struct pollfd fds[SLUICE_POLLFDS];
	int left, n = sluice_prepare(b->gw, fds, &left);

	if (left < 0 || left > ms)
		left = ms;
	poll(fds, (nfds_t)n, left);
	return sluice_dispatch(b->gw, fds, n);
}

/* The next frame of the gateway into b->frame; 0: there is none. */
static size_t
vmm_takes(struct bed *b)
{
	struct rd r;
	struct view v;
	uint32_t len;

	if (!b->stream) {
		ssize_t n = recv(b->vmm, b->frame, sizeof(b->frame), MSG_DONTWAIT);
		return n > 0 ? (size_t)n : 0;
	}
	ssize_t n = recv(b->vmm, b->in + b->nin, sizeof(b->in) - b->nin, MSG_DONTWAIT);
	if (n > 0)
		b->nin += (size_t)n;
	r = rd_of(view_of(b->in, b->nin));
	if (stream_parse(&r, &v, &len) != STREAM_FRAME)
		return 0;
	memcpy(b->frame, v.p, len);
	b->nin -= STREAM_HLEN + len;
	memmove(b->in, b->in + STREAM_HLEN + len, b->nin);
	return len;
}

/* The next segment of this connection; every frame must be right, also those of others. */
static struct strict
vmm_expects(struct bed *b, const struct conn *g)
{
	struct strict is;

	for (int waited = 0; waited < PATIENCE_MS;) {
		size_t len = vmm_takes(b);

		if (len == 0) {
			assert_int_equal(turn(b, 10), 0);
			waited += 10;
			continue;
		}
		const char *wrong = strict_check(&b->wire, b->frame, len, &(struct offload){0}, &is);
		if (wrong)
			fail_msg("%s", wrong);
		if (is.kind == STRICT_TCP && is.tcp.dport == g->sport)
			return is;
	}
	fail_msg("the gateway sent nothing");
	return is;
}

static void
vmm_says(struct bed *b, const uint8_t *frame, size_t len)
{
	uint8_t bytes[STREAM_HLEN + FRAME_MAX];
	struct wr w = wr_of(bytes, sizeof(bytes));
	size_t at = 0;

	if (b->stream)
		stream_emit(&w, (uint32_t)len);
	wr_bytes(&w, frame, len);
	for (size_t n = (size_t)(w.p - bytes); at < n;) {
		ssize_t put = send(b->vmm, bytes + at, n - at, MSG_DONTWAIT | MSG_NOSIGNAL);

		assert_true(put > 0 || errno == EAGAIN);
		at += put > 0 ? (size_t)put : 0;
		assert_int_equal(turn(b, 0), 0);
	}
}

/* --- flows ---------------------------------------------------------------------------------------------- */

static struct addr
addr_of(const char *text)
{
	struct addr a;

	assert_true(addr_parse(text, &a));
	return a;
}

static struct craft
craft_to_gateway(const struct bed *b, bool v6)
{
	return (struct craft){
	    .src_mac = b->wire.guest,
	    .dst_mac = b->wire.gateway,
	    .src = addr_of(v6 ? "fd73:6c75:6963:65::15" : "10.0.2.15"),
	    .dst = addr_of(v6 ? "fd73:6c75:6963:65::2" : "10.0.2.2"),
	};
}

/* A socket of the host on its loopback. */
static int
host_socket(int type, bool v6, uint16_t *port)
{
	struct endpoint at = {addr_of(v6 ? "::1" : "127.0.0.1"), 0};
	union sockaddr_any sa;
	socklen_t len = sockaddr_of(&at, &sa);
	int fd = socket(v6 ? AF_INET6 : AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, &sa.sa, len), 0);
	len = sizeof(sa);
	assert_int_equal(getsockname(fd, &sa.sa, &len), 0);
	*port = sockaddr_endpoint(&sa, len).port;
	if (type == SOCK_STREAM)
		assert_int_equal(listen(fd, 8), 0);
	return fd;
}

/* Put the sum that is wanted into the frame's transport header, at `at` there. */
static void
set_sum(uint8_t *frame, size_t len, const struct craft *c, uint8_t proto, size_t at, enum sum kind)
{
	size_t head = 14u + (addr_is_v4(&c->src) ? IP4_HLEN : IP6_HLEN);
	uint8_t *field = frame + head + at;
	struct csum bare = {0};
	uint16_t v;

	csum_pseudo(&bare, &c->src, &c->dst, proto, (uint32_t)(len - head));
	v = csum_partial(&bare);
	if (kind == SUM_BARE || kind == SUM_BARE_WRONG) {
		field[0] = (uint8_t)(v >> 8);
		field[1] = (uint8_t)v;
	}
	if (kind == SUM_WRONG || kind == SUM_BARE_WRONG)
		field[1] ^= 1;
}

static void
guest_segment(struct bed *b, struct conn *g, uint8_t flags, const void *data, size_t n, enum sum kind)
{
	struct craft_tcp t = {
	    .hdr = {.sport = g->sport,
		    .dport = g->dport,
		    .seq = g->seq,
		    .ack = flags & TCP_ACK ? g->ack : 0,
		    .flags = flags,
		    .wnd = 65535,
		    .has_wscale = flags & TCP_SYN,
		    .mss = flags & TCP_SYN ? 1460 : 0},
	    .data = view_of(data, n),
	};
	size_t len = craft_tcp(out_frame, &g->c, &t);

	set_sum(out_frame, len, &g->c, IP_PROTO_TCP, 16, kind);
	vmm_says(b, out_frame, len);
}

/* What a segment of the gateway says about the guest's own bytes. */
static void
note(struct conn *g, const struct strict *is)
{
	g->una = is->tcp.ack;
	g->wnd = (uint32_t)is->tcp.wnd << (is->tcp.flags & TCP_SYN ? 0 : g->wscale);
}

static struct conn
guest_connects(struct bed *b, bool v6, uint16_t port, enum sum kind)
{
	static uint16_t sport = 40000;

	sport++;
	struct conn g = {.c = craft_to_gateway(b, v6), .sport = sport, .dport = port, .seq = 0xfffffff0u};

	guest_segment(b, &g, TCP_SYN, NULL, 0, kind);
	struct strict is = vmm_expects(b, &g);
	assert_int_equal(is.tcp.flags, TCP_SYN | TCP_ACK);
	assert_int_equal(is.tcp.ack, g.seq + 1);
	assert_true(is.tcp.has_wscale);
	g.wscale = is.tcp.wscale;
	g.seq++;
	g.ack = is.tcp.seq + 1;
	note(&g, &is);
	guest_segment(b, &g, TCP_ACK, NULL, 0, kind);
	return g;
}

static int
host_accepts(struct bed *b, int listener)
{
	for (int waited = 0; waited < PATIENCE_MS; waited += 10) {
		int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd >= 0)
			return fd;
		assert_int_equal(turn(b, 10), 0);
	}
	fail_msg("nobody connected");
	return -1;
}

/* What has come to the host's socket so far; false: the end. */
static bool
host_reads(int fd, size_t *n)
{
	ssize_t k = recv(fd, got + *n, sizeof(got) - *n, 0);

	assert_true(k >= 0 || errno == EAGAIN);
	*n += k > 0 ? (size_t)k : 0;
	return k != 0;
}

/* The guest sends all of `big` in the longest frames that the window and the link allow; how long the longest was. */
static size_t
guest_uploads(struct bed *b, struct conn *g, int host, enum sum kind)
{
	const uint32_t start = g->seq;
	const size_t most = FRAME_MAX - 14 - (addr_is_v4(&g->c.src) ? 15 + 20 : 40) - 20;
	size_t longest = 0, read = 0;

	while (read < sizeof(big)) {
		size_t sent = g->seq - start, n = sizeof(big) - sent;
		size_t wnd = g->una + g->wnd - g->seq;

		if (n > most)
			n = most;
		if (n > wnd)
			n = wnd;
		/* A guest waits for a window worth sending into. */
		if (n > 0 && (n == most || g->seq == g->una || sent + n == sizeof(big))) {
			guest_segment(b, g, TCP_ACK, big + sent, n, kind);
			g->seq += (uint32_t)n;
			if (n > longest)
				longest = n;
			continue;
		}
		host_reads(host, &read);
		if (g->una != start + sizeof(big)) {
			struct strict is = vmm_expects(b, g);
			note(g, &is);
		} else {
			assert_int_equal(turn(b, 10), 0);
		}
	}
	assert_memory_equal(got, big, sizeof(big));
	return longest;
}

/* --- the cases ------------------------------------------------------------------------------------------ */

static void
tcp_frames_of_64k_without_sums(void **state)
{
	struct bed *b = *state;

	b->cfg.mtu = 1500; /* which does not bound what the guest sends */
	begin_pair(b);
	for (int k = 0; k < 4; k++) {
		bool v6 = k & 1;
		enum sum kind = k & 2 ? SUM_GOOD : SUM_BARE;
		uint16_t port;
		int listener = host_socket(SOCK_STREAM, v6, &port);
		struct conn g = guest_connects(b, v6, port, kind);
		int host = host_accepts(b, listener);

		assert_true(guest_uploads(b, &g, host, kind) > 60000);
		close(host);
		close(listener);
	}
	assert_int_equal(counter(b, "l4_checksum"), 0);
}

static void
wrong_tcp_sums_are_refused(void **state)
{
	struct bed *b = *state;

	begin_pair(b);
	for (int k = 0; k < 4; k++) {
		bool v6 = k & 1;
		enum sum kind = k & 2 ? SUM_WRONG : SUM_BARE_WRONG;
		uint16_t port;
		int listener = host_socket(SOCK_STREAM, v6, &port);
		struct conn g = guest_connects(b, v6, port, SUM_BARE);
		int host = host_accepts(b, listener);
		uint64_t before = counter(b, "l4_checksum");
		size_t read = 0;

		guest_segment(b, &g, TCP_ACK, big, 9000, kind);
		guest_segment(b, &g, TCP_ACK, big + 1, 1, kind);
		guest_segment(b, &g, TCP_RST, NULL, 0, kind);
		assert_int_equal(counter(b, "l4_checksum"), before + 3);
		assert_true(host_reads(host, &read));
		assert_int_equal(read, 0);
		/* The same bytes with a sum that is not wrong: the connection is unharmed. */
		guest_segment(b, &g, TCP_ACK, big, 9000, SUM_BARE);
		for (int waited = 0; read < 9000 && waited < PATIENCE_MS; waited += 10) {
			turn(b, 10);
			assert_true(host_reads(host, &read));
		}
		assert_int_equal(read, 9000);
		assert_memory_equal(got, big, 9000);
		assert_int_equal(vmm_expects(b, &g).tcp.ack, g.seq + 9000);
		close(host);
		close(listener);
	}
}

static void
udp_datagrams_of_64k_without_sums(void **state)
{
	struct bed *b = *state;

	begin_pair(b);
	for (int v6 = 0; v6 < 2; v6++) {
		static const enum sum kinds[] = {SUM_BARE, SUM_GOOD, SUM_WRONG, SUM_BARE_WRONG};
		const size_t lens[] = {1, 1472, FRAME_MAX - 14 - (v6 ? 40 : 36) - 8};
		struct craft c = craft_to_gateway(b, v6);
		uint16_t port;
		int host = host_socket(SOCK_DGRAM, v6, &port), buf = 1 << 20;

		setsockopt(host, SOL_SOCKET, SO_RCVBUF, &buf, sizeof(buf));
		for (int i = 0; i < 12; i++) {
			enum sum kind = kinds[i / 3];
			bool right = kind == SUM_BARE || kind == SUM_GOOD;
			uint64_t before = counter(b, "l4_checksum");
			size_t len = craft_udp(out_frame, &c, 5000, port, view_of(big, lens[i % 3]));

			set_sum(out_frame, len, &c, IP_PROTO_UDP, 6, kind);
			vmm_says(b, out_frame, len);
			ssize_t n = -1;
			for (int waited = 0; right && n < 0 && waited < PATIENCE_MS; waited += 10) {
				n = recv(host, got, sizeof(got), 0);
				if (n < 0)
					turn(b, 10);
			}
			assert_int_equal(n, right ? (ssize_t)lens[i % 3] : -1);
			if (right)
				assert_memory_equal(got, big, (size_t)n);
			assert_int_equal(counter(b, "l4_checksum"), before + !right);
		}
		turn(b, 0);
		assert_int_equal(recv(host, got, sizeof(got), 0), -1);
		close(host);
	}
}

/* Towards the guest every sum is whole, and no frame is longer than the MTU: vmm_expects() looks. */
static void
the_guest_gets_whole_sums(void **state)
{
	struct bed *b = *state;

	b->cfg.mtu = 65520;
	b->wire.lim.mtu = 65520;
	begin_pair(b);
	for (int v6 = 0; v6 < 2; v6++) {
		uint16_t port;
		int listener = host_socket(SOCK_STREAM, v6, &port);
		struct conn g = guest_connects(b, v6, port, SUM_BARE);
		int host = host_accepts(b, listener);
		size_t sent = 0, taken = 0;

		while (taken < 300000) {
			ssize_t n = send(host, big + sent, 300000 - sent, MSG_NOSIGNAL);

			sent += n > 0 ? (size_t)n : 0;
			struct strict is = vmm_expects(b, &g);
			if (is.payload.len == 0 || is.tcp.seq != g.ack)
				continue;
			assert_memory_equal(is.payload.p, big + taken, is.payload.len);
			taken += is.payload.len;
			g.ack += (uint32_t)is.payload.len;
			guest_segment(b, &g, TCP_ACK, NULL, 0, SUM_BARE);
		}
		close(host);
		close(listener);
	}
}

static void
wait_for_closed_host(struct bed *b, int host)
{
	for (int waited = 0; waited < PATIENCE_MS; waited += 10) {
		uint8_t byte;

		if (recv(host, &byte, 1, 0) == 0 || errno == ECONNRESET)
			return;
		assert_int_equal(turn(b, 10), 0);
	}
	fail_msg("the flow lives on");
}

/* Each guest begins anew: the flows of the last one have ended, and nothing of it is told to the next. */
static void
guest_after_guest(void **state)
{
	struct bed *b = *state;
	uint16_t port;
	int listener = host_socket(SOCK_STREAM, false, &port);

	begin_path(b);
	for (int i = 0; i < 5; i++) {
		vmm_connects(b);
		struct conn g = guest_connects(b, false, port, SUM_BARE);
		int host = host_accepts(b, listener);

		assert_int_equal(send(host, "hello", 5, MSG_NOSIGNAL), 5);
		struct strict is = vmm_expects(b, &g);
		assert_int_equal(is.payload.len, 5);
		assert_int_equal(is.tcp.seq, g.ack);
		close(b->vmm);
		/* A datagram guest's end shows when something is sent to it. */
		assert_int_equal(send(host, "anybody?", 8, MSG_NOSIGNAL), 8);
		wait_for_closed_host(b, host);
		close(host);
	}
	vmm_connects(b);
	struct conn g = guest_connects(b, true, port, SUM_GOOD); /* ::1: its other loopback is tried */
	int host = host_accepts(b, listener);
	assert_int_equal(send(host, "hello", 5, MSG_NOSIGNAL), 5);
	assert_int_equal(vmm_expects(b, &g).tcp.seq, g.ack);
	close(host);
	close(listener);
}

static void
one_off_ends_with_a_sentence(void **state)
{
	struct bed *b = *state;
	uint16_t port;
	int listener = host_socket(SOCK_STREAM, false, &port), rc = 0;

	b->cfg.link_one_off = true;
	begin_path(b);
	vmm_connects(b);
	guest_connects(b, false, port, SUM_BARE);
	int host = host_accepts(b, listener);
	close(b->vmm);
	b->vmm = -1;
	assert_int_equal(send(host, "anybody?", 8, MSG_NOSIGNAL), 8);
	for (int waited = 0; rc == 0 && waited < PATIENCE_MS; waited += 10)
		rc = turn(b, 10);
	assert_int_equal(rc, -ENOLINK);
	assert_non_null(strstr(sluice_error(b->gw), "the VMM closed its"));
	close(host);
	close(listener);
}

static void
a_bad_length_ends_the_gateway_with_its_number(void **state)
{
	struct bed *b = *state;
	int rc = 0;

	begin_pair(b);
	assert_int_equal(send(b->vmm, "\0\1\x10\0", 4, MSG_NOSIGNAL), 4);
	for (int waited = 0; rc == 0 && waited < PATIENCE_MS; waited += 10)
		rc = turn(b, 10);
	assert_int_equal(rc, -ENOLINK);
	assert_non_null(
	    strstr(sluice_error(b->gw), "a frame of 69632 bytes, which is not between 14 and 65550"));
}

/* Every descriptor goes back, and one that was given to a gateway that could not be built is still its giver's. */
static void
gateways_leave_no_descriptor(void **state)
{
	struct bed *b = *state;
	int lowest = dup(0), next;

	close(lowest);
	for (int i = 0; i < 100; i++) {
		begin_pair(b);
		turn(b, 0);
		sluice_free(b->gw);
		b->gw = NULL;
		close(b->vmm);
		b->cfg.link_fd = -1;
		begin_path(b);
		vmm_connects(b);
		turn(b, 0);
		sluice_free(b->gw);
		b->gw = NULL;
		close(b->vmm);
		b->vmm = -1;
		b->cfg.link_path = NULL;
	}
	next = dup(0);
	close(next);
	assert_int_equal(next, lowest);

	int pair[2];
	assert_int_equal(socketpair(AF_UNIX, b->stream ? SOCK_STREAM : SOCK_DGRAM, 0, pair), 0);
	b->cfg.link_fd = pair[0];
	b->cfg.memory = 1; /* too little */
	assert_null(sluice_new(&b->cfg, b->err, sizeof(b->err)));
	assert_int_equal(close(pair[0]), 0);
	close(pair[1]);

	b->cfg.link_fd = -1;
	b->cfg.link_path = b->path;
	assert_null(sluice_new(&b->cfg, b->err, sizeof(b->err)));
	next = dup(0);
	close(next);
	assert_int_equal(next, lowest); /* and teardown sees that the path is gone */

	b->cfg.memory = 0;
	b->cfg.link_path = "/nowhere/at/all";
	assert_null(sluice_new(&b->cfg, b->err, sizeof(b->err)));
	assert_non_null(strstr(b->err, "'/nowhere/at/all'"));
}

int
main(void)
{
#define S(f)                                                   \
	{                                                      \
		"stream: " #f, f, setup_stream, teardown, NULL \
	}
#define D(f)                                                 \
	{                                                    \
		"dgram: " #f, f, setup_dgram, teardown, NULL \
	}
	const struct CMUnitTest tests[] = {
	    S(tcp_frames_of_64k_without_sums),
	    D(tcp_frames_of_64k_without_sums),
	    S(wrong_tcp_sums_are_refused),
	    D(wrong_tcp_sums_are_refused),
	    S(udp_datagrams_of_64k_without_sums),
	    D(udp_datagrams_of_64k_without_sums),
	    S(the_guest_gets_whole_sums),
	    D(the_guest_gets_whole_sums),
	    S(guest_after_guest),
	    D(guest_after_guest),
	    S(one_off_ends_with_a_sentence),
	    D(one_off_ends_with_a_sentence),
	    S(a_bad_length_ends_the_gateway_with_its_number),
	    S(gateways_leave_no_descriptor),
	    D(gateways_leave_no_descriptor),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
