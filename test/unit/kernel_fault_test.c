/*
 * kernel_fault_test.c - every call to the kernel fails once, while a gateway on real sockets serves a guest (row G6)
 *
 * One scene is played on the real kernel, on one thread, over each kind of link (kernel_links_kit.h): a guest played at the other end;
 * servers on the loopback; the host's own resolv.conf and addresses; a capture.  It is played once to count the calls the library makes,
 * from the making of its half of the link to the end, then again for each of them, failing with each errno that Linux may give there,
 * interrupted, and cut short where a call may do a part (kernel_calls_kit.h).  Each time
 *
 *	the gateway, or its half of the link, is not made, and says why; or it lives; or its link is gone, and it says why
 *	what the host has had is what the guest said, from its beginning, and the other way round
 *	the bystander's bytes are all there, unless the call was about its own socket, the link, or what all flows share
 *	who comes next is served, by a gateway that lives; one that listens for guests does not end
 *	no descriptor is left and no mapping, nothing is closed twice, and the sanitizers find no memory
 *
 * EAGAIN of a host's socket that has bytes is not played here: Linux would tell later, this test cannot (seam_fault_test does).
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "link/host.h"
#include "link/sockaddr.h"
#include "stack/udp_wire.h"
#include "test/bed/strict.h"
#include "test/unit/kernel_links_kit.h"
#include "test/unit/real_kit.h"

/* --- the scene -------------------------------------------------------------------------------------------------------- */

#define SAID 3000u /* bytes each way of a connection */
#define QUIET 40u  /* turns in which nothing moves: it is over */
#define TALKS 3u   /* the bystander first, the one who comes next last */
#define NEXT 2u
#define FIRST_PORT 40000u

struct talk {
	uint16_t sport, dport; /* the guest's, the server's */
	int listener, server;  /* -1: none */
	uint32_t seq, ack;
	bool open, gone, bad;
	size_t said[2], had[2]; /* by the guest, by the host */
};

static struct scene {
	const struct way *way;
	struct sluice_config cfg;
	struct sluice *gw;
	char err[256];
	int udp, capture;
	uint16_t udp_port;
	bool attached; /* the guest has come */
	bool answered, ended;
	struct talk talk[TALKS];
	struct craft to;
	uint8_t frame[FRAME_MAX];
} * s;

static bool alone;              /* the bystander is being served, and nobody else */
static bool bystanders;         /* the fault was about the bystander's socket */
static uint16_t bystander_port; /* of its server */

static void
fault_is_about(int fd)
{
	union sockaddr_any sa = {0};
	socklen_t len = sizeof(sa);
	int type = 0;
	struct stat st;

	bystanders = alone;
	fault.flows =
	    getsockname(fd, &sa.sa, &len) == 0 && (sa.sa.sa_family == AF_INET || sa.sa.sa_family == AF_INET6);
	len = sizeof(type);
	fault.is_stream = getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0
			      ? type == SOCK_STREAM
			      : fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
	len = sizeof(sa);
	bystanders |= fault.flows && getpeername(fd, &sa.sa, &len) == 0 &&
		      sockaddr_endpoint(&sa, len).port == bystander_port;
}

static uint8_t
byte_of(const struct talk *t, unsigned from, size_t n)
{
	return (uint8_t)(t->sport * 31u + from * 101u + n * 7u + n / 256u);
}

static int
host_socket(int type, uint16_t *port)
{
	struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(sa);
	int fd = socket(AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&sa, &len), 0);
	*port = ntohs(sa.sin_port);
	if (type == SOCK_STREAM)
		assert_int_equal(listen(fd, 8), 0);
	return fd;
}

static void
talk_says(struct talk *t, uint8_t flags, const void *data, size_t len)
{
	struct craft_tcp c = {.hdr = {.sport = t->sport,
				      .dport = t->dport,
				      .seq = t->seq,
				      .ack = flags & TCP_ACK ? t->ack : 0,
				      .flags = flags,
				      .wnd = 65535},
			      .data = view_of(data, len)};

	s->way->says(s->frame, craft_tcp(s->frame, &s->to, &c));
	t->seq += (uint32_t)len + (flags & (TCP_SYN | TCP_FIN) ? 1 : 0);
}

static void
guest_hears(struct talk *t, const struct strict *is)
{
	uint32_t seq = is->tcp.seq;

	if (is->tcp.flags & TCP_RST) {
		t->gone = true;
	} else if (is->tcp.flags & TCP_SYN) {
		t->ack = seq + 1;
		t->open = true;
		talk_says(t, TCP_ACK, NULL, 0);
	} else if (t->open) {
		for (size_t i = 0; seq == t->ack && i < is->payload.len; i++, t->had[0]++)
			t->bad |= is->payload.p[i] != byte_of(t, 1, t->had[0]);
		t->ack += seq == t->ack ? (uint32_t)is->payload.len : 0;
		if (is->payload.len)
			talk_says(t, TCP_ACK, NULL, 0);
	}
}

/* All the guest may be told in this way: it says what it takes. */
static struct strict_wire
wire_of(void)
{
	bool offloads = s->way->kind == SLUICE_LINK_TAP;

	return (struct strict_wire){.guest = {{2, 0, 0, 0, 0, 0x15}},
				    .gateway = {{0x52, 0x55, 0x0a, 0, 2, 2}},
				    .lim = {.mtu = 1500, .csum = offloads, .tso = offloads, .uso = offloads}};
}

/* True: something came. */
static bool
guest_moves(void)
{
	struct strict_wire wire = wire_of();
	struct strict is;
	bool any = false;
	size_t len;

	for (; (len = s->way->takes(s->frame)) > 0; any = true) {
		const char *wrong = strict_check(&wire, s->frame, len, &vmm.off, &is);

		if (wrong)
			fail_msg("%s", wrong);
		s->answered |= is.kind == STRICT_UDP && is.payload.len == 6;
		for (unsigned i = 0; is.kind == STRICT_TCP && i < TALKS; i++)
			if (is.tcp.dport == s->talk[i].sport)
				guest_hears(&s->talk[i], &is);
	}
	for (unsigned i = 0; i < TALKS; i++) {
		struct talk *t = &s->talk[i];
		uint8_t piece[1000];

		if (!t->open || t->gone || t->said[0] == SAID)
			continue;
		for (size_t k = 0; k < sizeof(piece); k++)
			piece[k] = byte_of(t, 0, t->said[0]++);
		talk_says(t, TCP_ACK | TCP_PSH, piece, sizeof(piece));
		any = true;
	}
	return any;
}

static bool
server_moves(struct talk *t)
{
	uint8_t b[4096];
	bool any = false;
	ssize_t n;

	if (t->server < 0)
		t->server = accept4(t->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (t->server < 0)
		return false;
	while ((n = recv(t->server, b, sizeof(b), MSG_DONTWAIT)) > 0)
		for (ssize_t k = 0; k < n; k++, any = true)
			t->bad |= b[k] != byte_of(t, 0, t->had[1]++);
	for (size_t k = 0; k < SAID; k++)
		b[k] = byte_of(t, 1, k);
	if (t->said[1] == 0 && send(t->server, b, SAID, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)SAID)
		t->said[1] = SAID;
	return any;
}

static bool
host_moves(void)
{
	union sockaddr_any from;
	socklen_t len = sizeof(from);
	bool any = false;
	uint8_t b[16];

	for (unsigned i = 0; i < TALKS; i++)
		any |= server_moves(&s->talk[i]);
	if (recvfrom(s->udp, b, sizeof(b), MSG_DONTWAIT, &from.sa, &len) == 8)
		any |= sendto(s->udp, "answer", 6, MSG_DONTWAIT, &from.sa, len) == 6;
	return any;
}

static void
turn(void)
{
	struct pollfd fds[SLUICE_POLLFDS];
	int left, n, r;

	if (s->ended)
		return;
	in_library = true;
	n = sluice_prepare(s->gw, fds, &left);
	in_library = false;
	poll(fds, (nfds_t)n, 0);
	in_library = true;
	r = sluice_dispatch(s->gw, fds, n);
	in_library = false;
	if (r < 0) {
		assert_true(strlen(sluice_error(s->gw)) > 10);
		assert_false(s->way->for_ever);
		s->ended = true;
	}
}

static bool
talk_is_good(const struct talk *t)
{
	return t->had[0] == SAID && t->had[1] == SAID;
}

/* Must everything come to a good end all the same?  What cannot be told in time is another's: of a file that is opened, say. */
static bool
is_harmless(void)
{
	bool interrupted = fault.error == EINTR && fault.call != CALL_OPEN && fault.call != CALL_READ;

	return !fault.fired || interrupted || fault.error == 0 || calls[fault.call].safe;
}

/* Until all has come to a good end, or, where something may be lost, nothing moves any more. */
static void
play(unsigned first, unsigned end, bool udp, bool must)
{
	unsigned quiet = 0, rounds = 0;

	while (quiet < QUIET || must || is_harmless()) {
		bool good = !udp || s->answered;

		turn();
		quiet = guest_moves() || host_moves() ? 0 : quiet + 1;
		for (unsigned i = first; i < end; i++)
			good &= talk_is_good(&s->talk[i]);
		if (good || s->ended || ++rounds > 2000000)
			break;
		if (quiet > QUIET)
			usleep(1000);
		if (quiet > (must ? 1000 : PATIENCE_MS / 2))
			break;
	}
}

static void
talk_begins(struct talk *t)
{
	t->seq = 1000;
	talk_says(t, TCP_SYN, NULL, 0);
}

static void
hosts_begin(void)
{
	for (unsigned i = 0; i < TALKS; i++) {
		struct talk *t = &s->talk[i];

		*t = (struct talk){.sport = (uint16_t)(FIRST_PORT + i), .server = -1};
		t->listener = host_socket(SOCK_STREAM, &t->dport);
	}
	bystander_port = s->talk[0].dport;
	s->udp = host_socket(SOCK_DGRAM, &s->udp_port);
}

/* False: the guest's half could not be made. */
static bool
scene_begins(const struct way *way)
{
	s = calloc(1, sizeof(*s));
	assert_non_null(s);
	s->way = way;
	sluice_config_init(&s->cfg);
	s->cfg.link_kind = way->kind;
	s->cfg.profiles = "all";
	s->cfg.max_tcp = s->cfg.max_udp = 16;
	s->cfg.memory = 4u << 20;
	memcpy(s->cfg.guest_mac, "\2\0\0\0\0\x15", 6);
	memcpy(s->to.src_mac.b, s->cfg.guest_mac, 6);
	s->to.dst_mac = (struct mac){{0x52, 0x55, 0x0a, 0, 2, 2}};
	assert_true(addr_parse("10.0.2.15", &s->to.src) && addr_parse("10.0.2.2", &s->to.dst));
	hosts_begin();
	s->capture = memfd_create("capture", MFD_CLOEXEC);
	assert_true(s->capture >= 0);
	s->cfg.pcap_fd = way->captured ? s->capture : -1;
	memset(&vmm, 0, sizeof(vmm));
	vmm.fd = vmm.listener = -1;
	vmm.cfg = &s->cfg;
	vmm.err = s->err;
	serve = turn;
	snprintf(vmm.dir, sizeof(vmm.dir), "/tmp/sluice-fault-XXXXXX");
	assert_non_null(mkdtemp(vmm.dir));
	snprintf(vmm.path, sizeof(vmm.path), "%s/sock", vmm.dir);
	return way->before();
}

static void
scene_ends(void)
{
	in_library = true;
	sluice_free(s->gw);
	in_library = false;
	if (!s->gw && s->cfg.link_fd >= 0)
		close(s->cfg.link_fd);
	if (s->way->ends)
		s->way->ends();
	vmm_closes();
	for (unsigned i = 0; i < TALKS; i++) {
		close(s->talk[i].listener);
		if (s->talk[i].server >= 0)
			close(s->talk[i].server);
	}
	close(s->udp);
	close(s->capture);
	/* A path that could not be looked at, or removed, stays. */
	if (unlink(vmm.path) == 0)
		assert_true(fault.fired);
	assert_int_equal(rmdir(vmm.dir), 0);
	free(s);
}

/* --- one run ------------------------------------------------------------------------------------------------------------ */

static void
guest_asks(void)
{
	size_t n = craft_udp(s->frame, &s->to, 5000, s->udp_port, view_of("question", 8));

	s->way->says(s->frame, n);
}

/* The guest ends a connection, and the host hears of it. */
static void
goodbye(void)
{
	if (s->talk[1].open && !s->talk[1].gone)
		talk_says(&s->talk[1], TCP_FIN | TCP_ACK, NULL, 0);
	for (unsigned i = 0; i < 10; i++) {
		turn();
		guest_moves();
		host_moves();
	}
}

/* A flow's own trouble is its own. */
static void
bystander_is_well(void)
{
	if (!is_harmless() && (!fault.flows || bystanders || s->ended || !s->attached))
		return;
	if (!talk_is_good(&s->talk[0]))
		fail_msg("the bystander has %zu and %zu bytes", s->talk[0].had[0], s->talk[0].had[1]);
}

/* A guest that has lost its connection comes again, as often as it takes; one that begins anew is served. */
static void
next_is_served(void)
{
	struct talk *t = &s->talk[NEXT];
	unsigned was = fault.nth;

	fault.nth = 0; /* nothing else fails */
	s->attached &= !s->way->is_left || !s->way->is_left();
	for (unsigned tries = 0; tries < 5 && !talk_is_good(t) && !s->ended; tries++) {
		if (s->attached && !t->open)
			talk_begins(t);
		play(NEXT, NEXT + 1, false, s->attached);
		if (talk_is_good(t) || s->ended || !s->way->comes)
			continue;
		t->gone = t->open = false;
		memset(t->had, 0, sizeof(t->had));
		memset(t->said, 0, sizeof(t->said));
		if (t->server >= 0)
			close(t->server);
		t->server = -1;
		usleep(30000);
		turn();
		s->attached = s->way->comes();
	}
	fault.nth = was;
	if (!s->ended && !talk_is_good(t))
		fail_msg("who comes next has %zu and %zu bytes", t->had[0], t->had[1]);
}

static void
play_it(void)
{
	s->attached = !s->way->comes || s->way->comes();
	assert_true(s->attached || fault.fired);
	alone = true;
	talk_begins(&s->talk[0]);
	play(0, 1, false, false);
	alone = false;
	talk_begins(&s->talk[1]);
	guest_asks();
	play(0, 2, true, false);
	bystander_is_well();
	assert_true(!is_harmless() || (talk_is_good(&s->talk[1]) && s->answered));
	goodbye();
	if (fault.fired)
		next_is_served();
	for (unsigned i = 0; i < TALKS; i++)
		assert_false(s->talk[i].bad);
}

/* False: there are fewer such calls. */
static bool
run(const struct way *way, enum call c, unsigned nth, int error)
{
	unsigned before = entries("/proc/self/fd");

	fault_is(c, nth, error);
	bystanders = false;
	if (scene_begins(way)) {
		in_library = true;
		s->gw = sluice_new(&s->cfg, s->err, sizeof(s->err));
		in_library = false;
	}
	if (s->gw) {
		play_it();
	} else {
		assert_true(fault.fired);
		assert_true(strlen(s->err) > 10);
	}
	scene_ends();
	assert_int_equal(mapped, 0);
	assert_int_equal(closed_in_vain, -1);
	assert_int_equal(entries("/proc/self/fd"), before);
	return fault.fired;
}

static void
G6_each_call_fails(void **state)
{
	const struct way *way = *state;
	unsigned runs = 0;

	if (way->is_there && !way->is_there()) {
		print_message("skip %s - needs /dev/net/tun and CAP_NET_ADMIN\n", way->name);
		skip();
	}
	for (unsigned c = 0; c < CALLS; c++) {
		if (way->only && !(way->only & BIT(c)))
			continue;
		for (unsigned e = 0; e < ERRORS && (e == 0 || calls[c].error[e]); e++)
			for (unsigned nth = 1; run(way, (enum call)c, nth, calls[c].error[e]);
			     nth++, runs++) {
				injected[c]++;
				assert_true(nth < 1000);
			}
		for (unsigned nth = 1; calls[c].partly && run(way, (enum call)c, nth, 0); nth++, runs++)
			injected[c]++;
	}
	print_message("%s: %u faults\n", way->name, runs);
}

/* What was being played when it went wrong. */
static int
say_what_failed(void **state)
{
	if (s)
		print_message("last: %s: %s, call %u, %s\n", ((const struct way *)*state)->name,
			      calls[fault.call].name, fault.nth, fault_text());
	return 0;
}

/* --- what is asked of the host beside a guest ------------------------------------------------------------------------- */

#define RESOLVER "nameserver 192.0.2.1\n"

/* What resolv.conf says, which file it is, and the sleep; false: there are fewer such calls. */
static bool
host_survives(struct host *h, const char *path, enum call c, unsigned nth, int error)
{
	char got[64];

	fault_is(c, nth, error);
	in_library = true;
	int64_t version = h->ops->file_version(h, path);
	ssize_t n = h->ops->file_read(h, path, got, sizeof(got));
	int slept = h->ops->poll(h, NULL, 0, 1);
	in_library = false;
	assert_true(version >= 0 || (fault.fired && c == CALL_STAT));
	if (fault.fired && error && (c == CALL_OPEN || c == CALL_READ))
		assert_int_equal(n, -error);
	else
		assert_memory_equal(got, RESOLVER, (size_t)n);
	assert_int_equal(slept, fault.fired && c == CALL_PPOLL && error != EINTR ? -error : 0);
	assert_true(n == sizeof(RESOLVER) - 1 || n == -error);
	assert_int_equal(closed_in_vain, -1);
	return fault.fired;
}

static void
G6_files_and_the_sleep_fail(void **state)
{
	static const enum call asked[] = {CALL_STAT, CALL_OPEN, CALL_READ, CALL_CLOSE, CALL_PPOLL};
	char path[] = "/tmp/sluice-resolv-XXXXXX";
	int fd = mkstemp(path), error;
	struct host *h = host_kernel(&error);

	(void)state;
	assert_true(fd >= 0 && h && write(fd, RESOLVER, sizeof(RESOLVER) - 1) == sizeof(RESOLVER) - 1);
	unsigned before = entries("/proc/self/fd");
	for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
		enum call c = asked[i];

		/* 0, at the end of the list, is a part. */
		for (unsigned e = 0, last = 0; e < ERRORS && !last; e++) {
			last = calls[c].error[e] == 0;
			for (unsigned nth = 1;
			     (!last || calls[c].partly) && host_survives(h, path, c, nth, calls[c].error[e]);
			     nth++)
				injected[c]++;
			assert_int_equal(entries("/proc/self/fd"), before);
		}
	}
	host_kernel_free(h);
	close(fd);
	unlink(path);
}

static void
G6_every_call_has_failed(void **state)
{
	unsigned never = 0;

	(void)state;
	for (unsigned c = 0; c < CALLS; c++) {
		print_message("%8u  %s\n", injected[c], calls[c].name);
		never += injected[c] == 0;
	}
	assert_int_equal(never, 0);
}

int
main(int argc, char **argv)
{
	static struct way way[WAYS]; /* cmocka wants them to be changeable */
	struct CMUnitTest tests[WAYS + 2] = {[WAYS] = cmocka_unit_test(G6_files_and_the_sleep_fail),
					     cmocka_unit_test(G6_every_call_has_failed)};

	memcpy(way, ways, sizeof(ways));
	for (unsigned i = 0; i < WAYS; i++)
		tests[i] = (struct CMUnitTest){.name = way[i].name,
					       .test_func = G6_each_call_fails,
					       .teardown_func = say_what_failed,
					       .initial_state = &way[i]};
	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests_name("every call to the kernel fails once", tests, NULL, NULL);
}
