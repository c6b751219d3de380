/*
 * gateway_row_test.c - rows of the process: two gateways beside each other (G1), what is logged of limits (G5), and a
 * real kernel that signals and interrupts, or brings a stranger's datagrams (G4, U4)
 *
 * The kernel's part happens on the loopback of a network namespace made for this process alone.
 */
#include "test/unit/dns_kit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

/* --- G1: two gateways in one process -------------------------------------------------------------------------------- */

#define TUPLES 64u

static struct bed *twin[2];

/* The kit's moves are those of one of the two. */
static void
as(int which)
{
	bed = twin[which];
}

static void
begin_twins(void)
{
	static const char *const nameserver[2] = {"192.0.2.53", "192.0.2.54"};

	for (int i = 0; i < 2; i++) {
		conf.seed = 11 + (uint64_t)i;
		conf.gateway.nameservers = &nameserver[i];
		conf.gateway.nnameservers = 1;
		twin[i] = bed_new(&conf);
	}
	assert_memory_not_equal(twin[0]->gw->stack.cfg.secret, twin[1]->gw->stack.cfg.secret, 16);
	assert_memory_not_equal(twin[0]->gw->flows.secret, twin[1]->gw->flows.secret, 16);
}

static void
end_twins(void)
{
	for (int i = 0; i < 2; i++) {
		as(i);
		end();
	}
}

/* The same tuple in both, at the same time; one talks, is reset, is exhausted, and the other does not notice. */
static void
G1_bytes_and_fates(void **state)
{
	static const char *const text[2] = {"for the first", "and the second"};
	struct peer p[2];
	char got[32];

	(void)state;
	begin_twins();
	for (int i = 0; i < 2; i++) {
		as(i);
		p[i] = peer_to(5000, at("198.51.100.9", 80));
		peer_open(&p[i]);
	}
	for (int i = 0; i < 2; i++) {
		as(i);
		peer_send(&p[i], TCP_ACK | TCP_PSH, text[i], strlen(text[i]));
	}
	for (int i = 0; i < 2; i++) {
		as(i);
		bed_settle(bed);
		assert_int_equal(vhost_recv(bed->vhost, peer_fd(&p[i]), got, sizeof(got)), strlen(text[i]));
		assert_memory_equal(got, text[i], strlen(text[i]));
		bed_drop(bed);
	}
	/* The first one's host is out of everything, and its guest resets. */
	as(0);
	vhost_default(bed->vhost, VHOST_EMFILE);
	struct peer more = peer_to(5001, at("198.51.100.9", 80));
	peer_send(&more, TCP_SYN, NULL, 0);
	peer_send(&p[0], TCP_RST, NULL, 0);
	expect_silence();
	assert_int_equal(open_flows(FLOW_TCP), 0);
	assert_int_equal(counted(GW_TCP_FULL), 1);
	as(1);
	assert_int_equal(open_flows(FLOW_TCP), 1);
	assert_int_equal(counted(GW_TCP_FULL), 0);
	assert_int_equal(vhost_send(bed->vhost, peer_fd(&p[1]), "alive", 5), 5);
	struct bed_frame *f = peer_expect(&p[1], TCP_ACK);
	assert_int_equal(f->is.payload.len, 5);
	free(f);
	end_twins();
}

static void
G1_names(void **state)
{
	static const char *const nameserver[2] = {"192.0.2.53", "192.0.2.54"};

	(void)state;
	begin_twins();
	for (int i = 0; i < 2; i++) {
		as(i);
		asks(1, "same.example", DNS_A);
		assert_int_equal(server_fd(HOST_UDP, nameserver[!i], 0), -1);
		server_answers(server_fd(HOST_UDP, nameserver[i], 0), i ? "93.184.216.1" : "93.184.216.2");
		hears_address(1, i ? "93.184.216.1" : "93.184.216.2");
		expect_silence();
	}
	/* What one has in its cache the other has not. */
	for (int i = 0; i < 2; i++) {
		as(i);
		asks(2, "same.example", DNS_A);
		hears_address(2, i ? "93.184.216.1" : "93.184.216.2");
	}
	end_twins();
}

static uint32_t
isn_of(uint32_t n)
{
	struct peer p = peer_to((uint16_t)(2000 + n), at("198.51.100.9", (uint16_t)(80 + n)));

	peer_send(&p, TCP_SYN, NULL, 0);
	struct bed_frame *f = peer_expect(&p, TCP_SYN | TCP_ACK);
	uint32_t isn = f->is.tcp.seq;
	free(f);
	return isn;
}

static int
by_value(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

/* One gateway's initial numbers tell nothing of the other's: the difference is another one for each tuple. */
static void
G1_initial_numbers(void **state)
{
	uint32_t apart[TUPLES];

	(void)state;
	begin_twins();
	for (uint32_t n = 0; n < TUPLES; n++) {
		as(0);
		uint32_t first = isn_of(n);
		as(1);
		apart[n] = isn_of(n) - first;
	}
	qsort(apart, TUPLES, sizeof(apart[0]), by_value);
	for (uint32_t n = 1; n < TUPLES; n++)
		assert_true(apart[n] != apart[n - 1]);
	/* And they are spread: 64 numbers at random leave no gap of half the circle. */
	for (uint32_t n = 0; n < TUPLES; n++)
		assert_true(apart[(n + 1) % TUPLES] - apart[n] < 1u << 31);
	end_twins();
}

/* --- G5: what is logged ----------------------------------------------------------------------------------------------- */

#define REASONS 16u

static struct {
	char text[64];
	usec_t last;
	unsigned lines;
} said[REASONS];
static bool unprintable;

/* A line's reason is what stands before its first colon or parenthesis. */
static void
note(void *ctx, enum sluice_log_level level, const char *line)
{
	size_t len = strcspn(line, ":(");
	unsigned i = 0;

	(void)ctx;
	(void)level;
	for (const char *c = line; *c; c++)
		unprintable |= *c < 0x20 || *c > 0x7e;
	if (len >= sizeof(said[0].text))
		len = sizeof(said[0].text) - 1;
	while (i < REASONS - 1 && said[i].lines && strncmp(said[i].text, line, len) != 0)
		i++;
	/* Its last place stays free: there are fewer reasons than this test has room for. */
	assert_true(i < REASONS - 1);
	if (said[i].lines)
		assert_true(bed_now(bed) - said[i].last >= USEC_PER_SEC);
	memcpy(said[i].text, line, len);
	said[i].last = bed_now(bed);
	said[i].lines++;
}

static void
too_much_of_everything(uint16_t n)
{
	/* Past the ports of names, which have a life of their own. */
	struct endpoint to = {bed_elsewhere(FAMILY_V4), (uint16_t)(6000 + n % 1000)};
	struct craft c = bed_craft(bed, &to.addr);
	struct icmp h = {.type = ICMP4_ECHO_REQUEST, .rest = (uint32_t)n << 16};
	struct peer p = peer_to((uint16_t)(1024 + n), to);
	/* What a guest can put where a name or a text might be read. */
	static const char nasty[] = "\x1b[2J\r\nsluice: root\x7f\xff%s%n";

	if (n % 100 == 50)
		vhost_fail(bed->vhost, "socket", 1, EMFILE);
	peer_send(&p, TCP_SYN, nasty, sizeof(nasty));
	guest_udp((uint16_t)(1024 + n), &to, nasty, sizeof(nasty));
	bed_push(bed, buf, craft_icmp(buf, &c, &h, view_of(nasty, sizeof(nasty))));
	struct endpoint at_gateway = at("127.0.0.1", 8080), client = at("127.0.0.1", (uint16_t)(20000 + n));
	vhost_client(bed->vhost, &at_gateway, &client);
	gw_turn(bed->gw, true, true, bed_now(bed));
	bed_drop(bed);
}

static void
G5_limits_are_said_once_a_second(void **state)
{
	static const struct sluice_publish publish = {
	    .host_first = 8080, .host_last = 8080, .bind = "127.0.0.1"};
	unsigned lines = 0, reasons = 0;

	(void)state;
	memset(said, 0, sizeof(said));
	unprintable = false;
	conf.gateway.log = note;
	conf.gateway.max_tcp = conf.gateway.max_udp = conf.gateway.max_ping = 4;
	conf.gateway.publish = &publish;
	conf.gateway.npublish = 1;
	begin();
	/* Ten seconds, four hundred times a second each; half of the connections are open, so that the table is full. */
	for (uint16_t i = 0; i < 4; i++) {
		struct peer p = peer_to((uint16_t)(100 + i), at("198.51.100.9", 80));

		if (i < 2)
			peer_open(&p);
	}
	for (uint16_t n = 0; n < 4000; n++) {
		too_much_of_everything(n);
		vhost_set_time(bed->vhost, bed_now(bed) + 2500);
	}
	for (unsigned i = 0; i < REASONS && said[i].lines; i++) {
		assert_true(said[i].lines <= 11);
		lines += said[i].lines;
		reasons++;
	}
	assert_false(unprintable);
	/* TCP, UDP and ping made room, and sockets ran out: of each it was said more than once. */
	assert_true(reasons >= 4);
	assert_true(lines > 2 * reasons);
	assert_true(counted(GW_TCP_EVICTED) + counted(GW_UDP_EVICTED) + counted(GW_PING_EVICTED) > 10000);
	end();
}

/* --- a real kernel ---------------------------------------------------------------------------------------------------- */

static struct host *kernel;
static struct memlink *mem;
static struct sluice *gw;
static struct strict_wire wire;
static volatile sig_atomic_t sigpipes, alarms;

static void
on_sigpipe(int sig)
{
	(void)sig;
	sigpipes = sigpipes + 1;
}

static int
kernel_begin(void **state)
{
	struct link_limits lim = {.mtu = 1500};
	char err[256];
	int error = 0;

	fresh(state);
	sigpipes = alarms = 0;
	signal(SIGPIPE, on_sigpipe);
	kernel = host_kernel(&error);
	assert_non_null(kernel);
	mem = memlink_new(kernel, &lim);
	assert_non_null(mem);
	gw = gw_new(&conf.gateway, kernel, memlink_link(mem), err, sizeof(err));
	assert_non_null(gw);
	memcpy(wire.guest.b, conf.gateway.guest_mac, 6);
	memcpy(wire.gateway.b, conf.gateway.gateway_mac, 6);
	wire.lim = lim;
	return 0;
}

static int
kernel_end(void **state)
{
	(void)state;
	sluice_free(gw);
	memlink_free(mem);
	host_kernel_free(kernel);
	assert_int_equal(sigpipes, 0);
	signal(SIGPIPE, SIG_DFL);
	return 0;
}

static struct craft
to_gateway(void)
{
	return (struct craft){.src_mac = wire.guest,
			      .dst_mac = wire.gateway,
			      .src = gw->stack.cfg.net[FAMILY_V4].guest,
			      .dst = gw->stack.cfg.net[FAMILY_V4].gateway};
}

/* Turns until the gateway has sent a frame of this kind; the test's own time limit is ten seconds. */
static bool
await(enum strict_kind kind, struct strict *is)
{
	static uint8_t frame[FRAME_MAX];
	usec_t until = kernel->ops->now(kernel) + 10 * USEC_PER_SEC;

	do {
		struct pollfd fd = {.fd = kernel->ops->event_fd(kernel), .events = POLLIN};
		struct offload off;
		size_t len;

		gw_turn(gw, true, true, kernel->ops->now(kernel));
		while (memlink_pop(mem, frame, sizeof(frame), &len, &off)) {
			assert_null(strict_check(&wire, frame, len, &off, is));
			if (is->kind == kind)
				return true;
		}
		kernel->ops->poll(kernel, &fd, 1, 10 * USEC_PER_MSEC);
	} while (kernel->ops->now(kernel) < until);
	return false;
}

/* No datagram for the guest, in three turns. */
static bool
quiet(void)
{
	static uint8_t frame[FRAME_MAX];
	struct offload off;
	struct strict is;
	size_t len;

	for (int i = 0; i < 3; i++)
		gw_turn(gw, true, true, kernel->ops->now(kernel));
	while (memlink_pop(mem, frame, sizeof(frame), &len, &off)) {
		assert_null(strict_check(&wire, frame, len, &off, &is));
		if (is.kind == STRICT_UDP)
			return false;
	}
	return true;
}

static int
bound_socket(int type, struct sockaddr_in *at_port)
{
	socklen_t len = sizeof(*at_port);
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

	*at_port = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)at_port, len), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)at_port, &len), 0);
	return fd;
}

static void
guest_sends_tcp(struct tcp_hdr *h, const void *data, size_t len)
{
	struct craft c = to_gateway();
	struct craft_tcp t = {.hdr = *h, .data = view_of(data, len)};

	assert_true(memlink_push(mem, view_of(buf, craft_tcp(buf, &c, &t)), NULL));
	h->seq += (uint32_t)len + (h->flags & TCP_SYN ? 1 : 0);
}

/* A server that goes away with an RST; then the guest writes.  The process hears no SIGPIPE, the guest an RST. */
static void
G4_write_to_a_peer_that_went(void **state)
{
	struct sockaddr_in sin;
	int listener = bound_socket(SOCK_STREAM, &sin);
	struct tcp_hdr h = {
	    .sport = 4000, .dport = ntohs(sin.sin_port), .seq = 77, .flags = TCP_SYN, .wnd = 65535};
	struct strict is;

	(void)state;
	assert_int_equal(listen(listener, 1), 0);
	guest_sends_tcp(&h, NULL, 0);
	assert_true(await(STRICT_TCP, &is));
	assert_int_equal(is.tcp.flags, TCP_SYN | TCP_ACK);
	h.flags = TCP_ACK;
	h.ack = is.tcp.seq + 1;
	guest_sends_tcp(&h, "hello", 5);

	int server = accept(listener, NULL, NULL);
	assert_true(server >= 0);
	setsockopt(server, SOL_SOCKET, SO_LINGER, &(struct linger){.l_onoff = 1}, sizeof(struct linger));
	close(server);
	/* In the turn that could hear of it, the guest's bytes are written first. */
	guest_sends_tcp(&h, "into the void", 13);
	do
		assert_true(await(STRICT_TCP, &is));
	while (!(is.tcp.flags & TCP_RST));
	assert_int_equal(gw->flows.kind[FLOW_TCP].open, 0);
	assert_int_equal(gw->count[GW_TCP_RESET_BY_HOST], 1);
	close(listener);
}

/* The seam itself, where the kernel has nothing left to say but EPIPE. */
static void
G4_epipe_is_an_answer(void **state)
{
	struct iovec iov = {(void *)(uintptr_t) "x", 1};
	struct sockaddr_in sin;
	int listener = bound_socket(SOCK_STREAM, &sin);
	struct endpoint to = {addr_v4(INADDR_LOOPBACK), ntohs(sin.sin_port)};
	int fd = kernel->ops->socket(kernel, HOST_TCP, FAMILY_V4, NULL);

	(void)state;
	assert_int_equal(listen(listener, 1), 0);
	int r = kernel->ops->connect(kernel, fd, &to);
	assert_true(r == 0 || r == -EINPROGRESS);
	assert_int_equal(kernel->ops->shutdown_write(kernel, fd), 0);
	assert_int_equal(kernel->ops->writev(kernel, fd, &iov, 1), -EPIPE);
	assert_int_equal(kernel->ops->writev(kernel, fd, &iov, 1), -EPIPE);
	kernel->ops->close(kernel, fd, false);
	close(listener);
}

static struct sluice *to_stop;

static void
on_alarm(int sig)
{
	(void)sig;
	alarms = alarms + 1;
	if (alarms == 20)
		sluice_stop(to_stop);
}

/* Signals without SA_RESTART in the middle of the sleep: the loop goes on, until one of them says stop. */
static void
G4_signals_interrupt_the_sleep(void **state)
{
	struct sigaction sa = {.sa_handler = on_alarm}, before;
	struct itimerval often = {{0, 5000}, {0, 5000}}, never = {{0, 0}, {0, 0}};
	struct pollfd fd = {.fd = kernel->ops->event_fd(kernel), .events = POLLIN, .revents = POLLIN};

	(void)state;
	to_stop = gw;
	sigaction(SIGALRM, &sa, &before);
	setitimer(ITIMER_REAL, &often, NULL);
	assert_int_equal(kernel->ops->poll(kernel, &fd, 1, TIME_NEVER), 0);
	assert_int_equal(fd.revents, 0);
	assert_int_equal(sluice_run(gw), 0);
	setitimer(ITIMER_REAL, &never, NULL);
	sigaction(SIGALRM, &before, NULL);
	assert_true(alarms >= 20);
	assert_string_equal(sluice_error(gw), "");
}

/* The flow's host port is known to a stranger on the same host, who is not heard. */
static void
U4_a_stranger_is_not_heard(void **state)
{
	struct sockaddr_in server_at, stranger_at, flow_at;
	int server = bound_socket(SOCK_DGRAM, &server_at), stranger = bound_socket(SOCK_DGRAM, &stranger_at);
	socklen_t len = sizeof(flow_at);
	struct craft c = to_gateway();
	struct strict is;
	char got[16];

	(void)state;
	size_t n = craft_udp(buf, &c, 4000, ntohs(server_at.sin_port), view_of("ask", 3));
	assert_true(memlink_push(mem, view_of(buf, n), NULL));
	gw_turn(gw, true, true, kernel->ops->now(kernel));
	assert_int_equal(recvfrom(server, got, sizeof(got), 0, (struct sockaddr *)&flow_at, &len), 3);

	/* Before and after the peer's own answer; the loopback has delivered when sendto(2) returns. */
	sendto(stranger, "forged", 6, 0, (struct sockaddr *)&flow_at, len);
	assert_true(quiet());
	assert_int_equal(sendto(server, "told", 4, 0, (struct sockaddr *)&flow_at, len), 4);
	assert_true(await(STRICT_UDP, &is));
	assert_int_equal(is.udp.sport, ntohs(server_at.sin_port));
	assert_int_equal(is.payload.len, 4);
	assert_memory_equal(is.payload.p, "told", 4);
	sendto(stranger, "again", 5, 0, (struct sockaddr *)&flow_at, len);
	assert_true(quiet());
	close(server);
	close(stranger);
}

static int
enter_namespace(void **state)
{
	struct ifreq ifr = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};

	(void)state;
	if (unshare(CLONE_NEWNET) < 0) {
		perror("unshare (this test wants root)");
		return 1;
	}
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	int rc = ioctl(fd, SIOCSIFFLAGS, &ifr);
	close(fd);
	return rc;
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup(f, fresh)
#define REAL(f) cmocka_unit_test_setup_teardown(f, kernel_begin, kernel_end)
	const struct CMUnitTest tests[] = {
	    TEST(G1_bytes_and_fates),
	    TEST(G1_names),
	    TEST(G1_initial_numbers),
	    TEST(G5_limits_are_said_once_a_second),
	    REAL(G4_write_to_a_peer_that_went),
	    REAL(G4_epipe_is_an_answer),
	    REAL(G4_signals_interrupt_the_sleep),
	    REAL(U4_a_stranger_is_not_heard),
	};

	return cmocka_run_group_tests(tests, enter_namespace, NULL);
}
