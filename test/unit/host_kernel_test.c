/*
 * host_kernel_test.c - the kernel seam against a real kernel
 *
 * Everything happens on the loopback of a network namespace made for this process alone, so that ports,
 * ping_group_range and buffer limits are nobody else's.  Nothing sleeps for a fixed time: what takes a
 * moment is waited for with the seam's own poll().
 */
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "link/host.h"

static const struct host_socket_opts plain, listening = {.listen_only = true}, telling = {.errors = true},
					    coalescing = {.udp_gro = true};

static struct endpoint
loopback(enum family fam, uint16_t port)
{
	struct endpoint e = {.addr = addr_v4(0x7f000001), .port = port};

	if (fam == FAMILY_V6)
		e.addr = (struct addr){{[15] = 1}};
	return e;
}

static int
setup(void **state)
{
	int err = 0;

	*state = host_kernel(&err);
	return err;
}

static int
teardown(void **state)
{
	host_kernel_free(*state);
	return 0;
}

/* The next event; fails the test after ten seconds without one. */
static struct host_event
wait_event(struct host *h)
{
	struct host_event ev;
	struct pollfd p = {.fd = h->ops->event_fd(h), .events = POLLIN};
	int n;

	do {
		assert_int_equal(h->ops->poll(h, &p, 1, 10 * USEC_PER_SEC), 1);
		n = h->ops->events(h, &ev, 1);
	} while (n == 0);
	assert_int_equal(n, 1);
	return ev;
}

static ssize_t
write_text(struct host *h, int fd, const char *text)
{
	char copy[64];
	size_t len = strlen(text);

	assert_true(len < sizeof(copy));
	memcpy(copy, text, len + 1);
	struct iovec iov[2] = {{copy, len / 2}, {copy + len / 2, len - len / 2}};
	return h->ops->writev(h, fd, iov, 2);
}

static ssize_t
read_some(struct host *h, int fd, char *to, size_t max)
{
	return h->ops->readv(h, fd, &(struct iovec){.iov_base = to, .iov_len = max}, 1);
}

static int
open_listener(struct host *h, enum family fam, struct endpoint *at)
{
	int fd = h->ops->socket(h, HOST_TCP, fam, &listening);

	*at = loopback(fam, 0);
	assert_true(fd >= 0);
	assert_int_equal(h->ops->bind(h, fd, at), 0);
	assert_int_equal(h->ops->listen(h, fd, 16), 0);
	assert_int_equal(h->ops->local(h, fd, at), 0);
	assert_int_not_equal(at->port, 0);
	return fd;
}

/* A connection with both its ends here, each armed: tokens 1 (ours) and 2 (the accepted one). */
static void
open_pair(struct host *h, enum family fam, int *ours, int *theirs)
{
	struct endpoint at, from, self;
	int listener = open_listener(h, fam, &at);

	*ours = h->ops->socket(h, HOST_TCP, fam, &plain);
	int rc = h->ops->connect(h, *ours, &at);
	assert_true(rc == 0 || rc == -EINPROGRESS);
	assert_int_equal(h->ops->arm(h, *ours, 1), 0);
	struct host_event ev = wait_event(h);
	assert_int_equal(ev.token, 1);
	assert_true(ev.writable && !ev.error);
	assert_int_equal(h->ops->connect_result(h, *ours), 0);
	*theirs = h->ops->accept(h, listener, &from);
	assert_true(*theirs >= 0);
	assert_int_equal(h->ops->local(h, *ours, &self), 0);
	assert_true(addr_eq(&from.addr, &self.addr) && from.port == self.port);
	assert_int_equal(h->ops->arm(h, *theirs, 2), 0);
	assert_int_equal(wait_event(h).token, 2);
	h->ops->close(h, listener, false);
}

static void
bytes_cross_and_close_by_halves(void **state)
{
	struct host *h = *state;
	char got[64];
	int a, b;

	for (int fam = 0; fam < FAMILIES; fam++) {
		open_pair(h, (enum family)fam, &a, &b);
		assert_int_equal(h->ops->nodelay(h, a), 0);
		assert_int_equal(h->ops->keepalive(h, a, 60), 0);
		assert_int_equal(h->ops->set_ttl(h, a, (enum family)fam, 9), 0);
		assert_int_equal(h->ops->set_tos(h, a, (enum family)fam, 0x10), 0);
		assert_int_equal(read_some(h, b, got, sizeof(got)), -EAGAIN);
		assert_int_equal(write_text(h, a, "hello"), 5);
		struct host_event ev = wait_event(h);
		assert_true(ev.token == 2 && ev.readable && !ev.hangup);
		assert_int_equal(read_some(h, b, got, sizeof(got)), 5);
		assert_memory_equal(got, "hello", 5);
		assert_int_equal(h->ops->shutdown_write(h, a), 0);
		ev = wait_event(h);
		assert_true(ev.token == 2 && ev.hangup && ev.readable);
		assert_int_equal(read_some(h, b, got, sizeof(got)), 0);
		assert_int_equal(write_text(h, b, "still open"), 10);
		ev = wait_event(h);
		assert_true(ev.token == 1 && ev.readable);
		assert_int_equal(read_some(h, a, got, sizeof(got)), 10);
		assert_int_equal(write_text(h, a, "x"), -EPIPE);
		h->ops->close(h, a, false);
		h->ops->close(h, b, false);
	}
}

static void
a_refused_connect_says_so_once(void **state)
{
	struct host *h = *state;

	for (int fam = 0; fam < FAMILIES; fam++) {
		struct endpoint at;
		int listener = open_listener(h, (enum family)fam, &at);
		h->ops->close(h, listener, false);
		int fd = h->ops->socket(h, HOST_TCP, (enum family)fam, &plain);
		int rc = h->ops->connect(h, fd, &at);
		if (rc == -EINPROGRESS) {
			h->ops->arm(h, fd, 7);
			struct host_event ev = wait_event(h);
			assert_true(ev.token == 7 && ev.error && ev.hangup);
			rc = h->ops->connect_result(h, fd);
			assert_int_equal(h->ops->connect_result(h, fd), -ECONNABORTED);
		}
		assert_int_equal(rc, -ECONNREFUSED);
		h->ops->close(h, fd, false);
	}
}

/* A full backlog leaves a SYN unanswered: that is a connect under way for as long as one likes. */
static void
a_connect_under_way_stays_so(void **state)
{
	struct host *h = *state;
	struct endpoint at;
	int listener = h->ops->socket(h, HOST_TCP, FAMILY_V4, &listening), fd[8], waiting = 0;

	at = loopback(FAMILY_V4, 0);
	assert_int_equal(h->ops->bind(h, listener, &at), 0);
	assert_int_equal(h->ops->listen(h, listener, 0), 0);
	h->ops->local(h, listener, &at);
	for (int i = 0; i < 8; i++) {
		fd[i] = h->ops->socket(h, HOST_TCP, FAMILY_V4, &plain);
		h->ops->connect(h, fd[i], &at);
		if (h->ops->connect_result(h, fd[i]) == -EINPROGRESS)
			waiting++;
	}
	assert_true(waiting > 0);
	for (int i = 0; i < 8; i++)
		h->ops->close(h, fd[i], true);
	h->ops->close(h, listener, false);
}

static void
closing_with_reset_is_heard_as_one(void **state)
{
	struct host *h = *state;
	char got[8];
	int a, b;

	open_pair(h, FAMILY_V4, &a, &b);
	h->ops->close(h, a, true);
	struct host_event ev = wait_event(h);
	assert_true(ev.token == 2 && ev.error && ev.hangup);
	assert_int_equal(read_some(h, b, got, sizeof(got)), -ECONNRESET);
	assert_int_equal(write_text(h, b, "x"), -EPIPE);
	h->ops->close(h, b, false);
}

static void
writes_run_short_and_room_is_an_edge(void **state)
{
	struct host *h = *state;
	const struct host_socket_opts small = {.sndbuf = 8192, .rcvbuf = 8192};
	static char block[65536];
	struct iovec iov = {block, sizeof(block)};
	int a, b;
	ssize_t n;

	int probe = h->ops->socket(h, HOST_TCP, FAMILY_V4, &small);
	int size = 0;
	socklen_t len = sizeof(size);
	assert_int_equal(getsockopt(probe, SOL_SOCKET, SO_SNDBUF, &size, &len), 0);
	assert_int_equal(size, 2 * 8192); /* the kernel counts its own overhead */
	h->ops->close(h, probe, false);

	open_pair(h, FAMILY_V4, &a, &b);
	while ((n = h->ops->writev(h, a, &iov, 1)) > 0)
		;
	assert_int_equal(n, -EAGAIN);
	for (;;) {
		while (h->ops->readv(h, b, &iov, 1) > 0)
			;
		struct host_event ev = wait_event(h);
		if (ev.token == 1 && ev.writable)
			break;
	}
	assert_true(h->ops->writev(h, a, &iov, 1) > 0);
	h->ops->close(h, a, true);
	h->ops->close(h, b, true);
}

static void
listeners_are_told_again_and_are_of_one_family(void **state)
{
	struct host *h = *state;
	struct host_event ev;
	struct endpoint at, both = {.port = 0}, from;
	int v4 = open_listener(h, FAMILY_V4, &at);
	int v6 = h->ops->socket(h, HOST_TCP, FAMILY_V6, &listening);

	/* [::]:port beside 127.0.0.1:port: V6ONLY. */
	both.port = at.port;
	assert_int_equal(h->ops->bind(h, v6, &both), 0);
	assert_int_equal(h->ops->listen(h, v6, 4), 0);
	assert_int_equal(h->ops->arm_level(h, v4, 5), 0);
	assert_int_equal(h->ops->accept(h, v4, &from), -EAGAIN);
	int c = h->ops->socket(h, HOST_TCP, FAMILY_V4, &plain);
	h->ops->connect(h, c, &at);
	assert_int_equal(wait_event(h).token, 5);
	assert_int_equal(h->ops->events(h, &ev, 1), 1);
	assert_true(ev.token == 5 && ev.readable && !ev.writable);
	int s = h->ops->accept(h, v4, &from);
	assert_true(fcntl(s, F_GETFL) & O_NONBLOCK);
	assert_true(fcntl(s, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(h->ops->events(h, &ev, 1), 0);
	h->ops->close(h, s, false);
	h->ops->close(h, c, false);
	h->ops->close(h, v4, false);
	h->ops->close(h, v6, false);
}

static void
addresses_of_one_link_never_get_out(void **state)
{
	struct host *h = *state;
	struct endpoint to = {.addr = {{0xfe, 0x80, [15] = 1}}, .port = 9};
	struct host_dgram d = {.peer = to};
	int fd = h->ops->socket(h, HOST_UDP, FAMILY_V6, &plain);

	assert_int_equal(h->ops->connect(h, fd, &to), -ENETUNREACH);
	assert_int_equal(h->ops->bind(h, fd, &to), -EADDRNOTAVAIL);
	assert_int_equal(h->ops->sendmmsg(h, fd, &d, 1), -ENETUNREACH);
	to.addr = (struct addr){{0xff, 0x12, [15] = 0xfb}};
	assert_int_equal(h->ops->connect(h, fd, &to), -ENETUNREACH);
	h->ops->close(h, fd, false);
}

/* Two sockets on the loopback; a is connected to b. */
static void
open_dgram_pair(struct host *h, enum family fam, const struct host_socket_opts *o, int *a, int *b,
		struct endpoint *b_at)
{
	*a = h->ops->socket(h, HOST_UDP, fam, o);
	*b = h->ops->socket(h, HOST_UDP, fam, o);
	*b_at = loopback(fam, 0);
	assert_int_equal(h->ops->bind(h, *b, b_at), 0);
	assert_int_equal(h->ops->local(h, *b, b_at), 0);
	assert_int_equal(h->ops->connect(h, *a, b_at), 0);
}

static int
receive_text(struct host *h, int fd, char got[16])
{
	struct iovec iov = {got, 15};
	struct host_dgram d = {.iov = &iov, .iovlen = 1};
	int n = h->ops->recvmmsg(h, fd, &d, 1);

	got[n == 1 ? d.len : 0] = '\0';
	return n;
}

/* to: NULL on a connected socket. */
static void
send_text(struct host *h, int fd, const struct endpoint *to, char *text)
{
	struct iovec iov = {text, strlen(text)};
	struct host_dgram d = {.iov = &iov, .iovlen = 1};

	if (to)
		d.peer = *to;
	assert_int_equal(h->ops->sendmmsg(h, fd, &d, 1), 1);
}

/* Its port is another one then, and in between nothing reaches it. */
static void
a_datagram_socket_is_connected_anew(void **state)
{
	struct host *h = *state;
	static char early[] = "early", late[] = "late", other[] = "other", now[] = "now";
	struct endpoint to, from, again;
	struct host_event ev;
	char got[16];
	int a, b, c, same = 0;

	for (int fam = 0; fam < FAMILIES; fam++) {
		open_dgram_pair(h, (enum family)fam, &plain, &a, &b, &to);
		c = h->ops->socket(h, HOST_UDP, (enum family)fam, &plain);
		assert_int_equal(h->ops->arm_read(h, a, 3), 0);
		assert_int_equal(h->ops->events(h, &ev, 1), 0);
		h->ops->local(h, a, &from);
		send_text(h, b, &from, early);
		ev = wait_event(h);
		assert_true(ev.token == 3 && ev.readable && !ev.writable);

		assert_int_equal(h->ops->disconnect(h, a), 0);
		assert_int_equal(h->ops->local(h, a, &again), 0);
		assert_int_equal(again.port, 0);
		send_text(h, b, &from, late);
		assert_int_equal(receive_text(h, a, got), 1);
		assert_string_equal(got, "early");
		assert_int_equal(receive_text(h, a, got), -EAGAIN);

		for (int i = 0; i < 16; i++) {
			assert_int_equal(h->ops->connect(h, a, &to), 0);
			assert_int_equal(h->ops->local(h, a, &again), 0);
			assert_int_not_equal(again.port, 0);
			same += again.port == from.port;
			assert_int_equal(h->ops->disconnect(h, a), 0);
		}
		assert_int_equal(h->ops->connect(h, a, &to), 0);
		h->ops->local(h, a, &again);
		send_text(h, c, &again, other);
		send_text(h, b, &again, now);
		ev = wait_event(h);
		assert_true(ev.token == 3 && ev.readable && !ev.writable);
		assert_int_equal(receive_text(h, a, got), 1);
		assert_string_equal(got, "now");
		assert_int_equal(receive_text(h, a, got), -EAGAIN);
		h->ops->close(h, a, false);
		h->ops->close(h, b, false);
		h->ops->close(h, c, false);
	}
	/* One of 32 may be, of 28,000 ports. */
	assert_true(same < 4);
}

static void
one_datagram_of_a_connected_socket(void **state)
{
	struct host *h = *state;
	static char text[] = "answer", empty[] = "";
	struct endpoint to, from;
	char got[16];
	int a, b;

	for (int fam = 0; fam < FAMILIES; fam++) {
		open_dgram_pair(h, (enum family)fam, &plain, &a, &b, &to);
		assert_int_equal(h->ops->send(h, a, "question", 8), 8);
		assert_int_equal(receive_text(h, b, got), 1);
		assert_string_equal(got, "question");
		h->ops->local(h, a, &from);
		assert_int_equal(h->ops->recv(h, a, got, 4), -EAGAIN);
		send_text(h, b, &from, text);
		send_text(h, b, &from, empty);
		assert_int_equal(h->ops->recv(h, a, got, 4), 4);
		assert_memory_equal(got, "answ", 4);
		assert_int_equal(h->ops->recv(h, a, got, 4), 0);
		h->ops->close(h, b, false);
		assert_int_equal(h->ops->send(h, a, "x", 1), 1);
		assert_int_equal(h->ops->recv(h, a, got, 4), -ECONNREFUSED);
		assert_int_equal(h->ops->recv(h, a, got, 4), -EAGAIN);
		h->ops->close(h, a, false);
	}
}

/* It is for whoever reads next to hear of it. */
static void
an_error_outlives_its_connection(void **state)
{
	struct host *h = *state;
	static char text[] = "x";
	struct endpoint to;
	char got[16];
	int a, b;

	for (int fam = 0; fam < FAMILIES; fam++) {
		open_dgram_pair(h, (enum family)fam, &plain, &a, &b, &to);
		h->ops->close(h, b, false);
		assert_int_equal(h->ops->arm_read(h, a, 3), 0);
		send_text(h, a, NULL, text);
		assert_true(wait_event(h).error);
		assert_int_equal(h->ops->disconnect(h, a), 0);
		assert_int_equal(receive_text(h, a, got), -ECONNREFUSED);
		assert_int_equal(receive_text(h, a, got), -EAGAIN);
		h->ops->close(h, a, false);
	}
}

static void
datagrams_go_in_batches(void **state)
{
	struct host *h = *state;
	static char text[3][8] = {"one", "", "three"};
	struct endpoint to, from;
	int a, b;

	for (int fam = 0; fam < FAMILIES; fam++) {
		char got[4][4] = {{0}};
		struct iovec in[4], out[3];
		struct host_dgram d[4], o[3];

		open_dgram_pair(h, (enum family)fam, &plain, &a, &b, &to);
		for (int i = 0; i < 3; i++) {
			out[i] = (struct iovec){text[i], strlen(text[i])};
			o[i] = (struct host_dgram){.iov = &out[i], .iovlen = 1};
		}
		assert_int_equal(h->ops->sendmmsg(h, a, o, 3), 3);
		for (int i = 0; i < 4; i++) {
			in[i] = (struct iovec){got[i], sizeof(got[i])};
			d[i] = (struct host_dgram){.iov = &in[i], .iovlen = 1};
		}
		assert_int_equal(h->ops->recvmmsg(h, b, d, 4), 3);
		assert_int_equal(h->ops->local(h, a, &from), 0);
		assert_true(addr_eq(&d[0].peer.addr, &from.addr) && d[0].peer.port == from.port);
		assert_int_equal(d[0].len, 3);
		assert_memory_equal(got[0], "one", 3);
		assert_int_equal(d[1].len, 0);
		assert_true(!d[1].truncated && d[2].truncated);
		assert_int_equal(h->ops->recvmmsg(h, b, d, 4), -EAGAIN);

		/* b is not connected: it names its peer. */
		o[0].peer = from;
		assert_int_equal(h->ops->sendmmsg(h, b, o, 1), 1);
		assert_int_equal(h->ops->recvmmsg(h, a, d, 4), 1);
		h->ops->close(h, a, false);
		h->ops->close(h, b, false);
	}
}

static void
runs_are_cut_and_coalesced(void **state)
{
	struct host *h = *state;
	static char bytes[5000], got[65536];
	struct iovec out[2] = {{bytes, 1234}, {bytes + 1234, sizeof(bytes) - 1234}}, in = {got, sizeof(got)};
	struct host_dgram o = {.iov = out, .iovlen = 2, .segment = 1400};
	struct host_dgram d = {.iov = &in, .iovlen = 1};
	struct endpoint to;
	int a, b;

	assert_true(host_kernel_has_udp_gso());
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (char)(i * 13 >> 2);
	for (int fam = 0; fam < FAMILIES; fam++) {
		open_dgram_pair(h, (enum family)fam, &coalescing, &a, &b, &to);
		assert_int_equal(h->ops->sendmmsg(h, a, &o, 1), 1);
		assert_int_equal(h->ops->recvmmsg(h, b, &d, 1), 1);
		assert_int_equal(d.len, sizeof(bytes));
		assert_int_equal(d.segment, 1400);
		assert_memory_equal(got, bytes, sizeof(bytes));

		/* To a socket that did not ask, the same run is four datagrams. */
		int c = h->ops->socket(h, HOST_UDP, (enum family)fam, &plain);
		struct endpoint c_at = loopback((enum family)fam, 0);
		h->ops->bind(h, c, &c_at);
		h->ops->local(h, c, &c_at);
		assert_int_equal(h->ops->connect(h, a, &c_at), 0);
		assert_int_equal(h->ops->sendmmsg(h, a, &o, 1), 1);
		for (size_t at = 0; at < sizeof(bytes); at += 1400) {
			assert_int_equal(h->ops->recvmmsg(h, c, &d, 1), 1);
			assert_int_equal(d.len, sizeof(bytes) - at < 1400 ? sizeof(bytes) - at : 1400);
			assert_int_equal(d.segment, 0);
			assert_memory_equal(got, bytes + at, d.len);
		}
		h->ops->close(h, a, false);
		h->ops->close(h, b, false);
		h->ops->close(h, c, false);
	}
}

static void
an_unreachable_port_is_in_the_error_queue(void **state)
{
	struct host *h = *state;

	for (int fam = 0; fam < FAMILIES; fam++) {
		char text[] = "anybody?";
		struct iovec iov = {text, 8};
		struct host_dgram d = {.iov = &iov, .iovlen = 1};
		struct host_sockerr e;
		struct endpoint to;
		int a, b;

		open_dgram_pair(h, (enum family)fam, &telling, &a, &b, &to);
		h->ops->close(h, b, false);
		h->ops->arm(h, a, 3);
		wait_event(h);
		assert_int_equal(h->ops->sockerr(h, a, &e), 0);
		assert_int_equal(h->ops->sendmmsg(h, a, &d, 1), 1);
		struct host_event ev = wait_event(h);
		assert_true(ev.token == 3 && ev.error);
		assert_int_equal(h->ops->sockerr(h, a, &e), 1);
		assert_int_equal(e.err, ECONNREFUSED);
		assert_int_equal(e.origin, fam == FAMILY_V6 ? 3 : 2); /* SO_EE_ORIGIN_ICMP6, _ICMP */
		assert_int_equal(e.type, fam == FAMILY_V6 ? 1 : 3);
		assert_int_equal(e.code, fam == FAMILY_V6 ? 4 : 3);
		assert_true(addr_eq(&e.offender, &to.addr));
		assert_true(addr_eq(&e.dest.addr, &to.addr) && e.dest.port == to.port);
		assert_int_equal(e.data_len, 8);
		assert_memory_equal(e.data, "anybody?", 8);
		assert_int_equal(h->ops->sockerr(h, a, &e), 0);
		assert_int_equal(h->ops->pending_error(h, a), 0);
		h->ops->close(h, a, false);
	}
}

static void
an_oversize_datagram_tells_the_mtu(void **state)
{
	struct host *h = *state;
	static char bytes[65507];
	struct iovec iov = {bytes, sizeof(bytes)};
	struct host_dgram d = {.iov = &iov, .iovlen = 1};
	struct endpoint to;
	int a, b, df = IP_PMTUDISC_DO;

	open_dgram_pair(h, FAMILY_V4, &telling, &a, &b, &to);
	assert_int_equal(setsockopt(a, IPPROTO_IP, IP_MTU_DISCOVER, &df, sizeof(df)), 0);
	struct ifreq ifr = {.ifr_name = "lo", .ifr_mtu = 1500};
	assert_int_equal(ioctl(a, SIOCSIFMTU, &ifr), 0);
	assert_int_equal(h->ops->sendmmsg(h, a, &d, 1), -EMSGSIZE);
	struct host_sockerr e;
	assert_int_equal(h->ops->sockerr(h, a, &e), 1);
	assert_int_equal(e.err, EMSGSIZE);
	assert_int_equal(e.info, 1500);
	assert_true(addr_is_unspecified(&e.offender));
	ifr.ifr_mtu = 65536;
	assert_int_equal(ioctl(a, SIOCSIFMTU, &ifr), 0);
	h->ops->close(h, a, false);
	h->ops->close(h, b, false);
}

static void
ping_needs_no_privilege_where_it_is_allowed(void **state)
{
	struct host *h = *state;

	for (int fam = 0; fam < FAMILIES; fam++) {
		char echo[12] = {fam == FAMILY_V6 ? (char)128 : 8, 0, 0, 0, 0, 0, 0, 5, 'd', 'a', 't', 'a'};
		char got[64];
		struct iovec out = {echo, sizeof(echo)}, in = {got, sizeof(got)};
		struct host_dgram o = {.iov = &out, .iovlen = 1}, d = {.iov = &in, .iovlen = 1};
		struct endpoint to = loopback((enum family)fam, 0), at = loopback((enum family)fam, 0x1234);
		int fd = h->ops->socket(h, HOST_PING, (enum family)fam, &telling);

		assert_true(fd >= 0);
		assert_int_equal(h->ops->bind(h, fd, &at), 0);
		assert_int_equal(h->ops->connect(h, fd, &to), 0);
		assert_int_equal(h->ops->set_ttl(h, fd, (enum family)fam, 33), 0);
		assert_int_equal(h->ops->set_tos(h, fd, (enum family)fam, 0x20), 0);
		assert_int_equal(h->ops->sendmmsg(h, fd, &o, 1), 1);
		h->ops->arm(h, fd, 4);
		while (!wait_event(h).readable)
			;
		assert_int_equal(h->ops->recvmmsg(h, fd, &d, 1), 1);
		assert_int_equal(d.len, 12);
		assert_int_equal((uint8_t)got[0], fam == FAMILY_V6 ? 129 : 0);
		assert_int_equal(got[4], 0x12);
		assert_int_equal(got[5], 0x34);
		assert_memory_equal(got + 6, echo + 6, 6);
		assert_int_equal(d.ttl, 64);
		assert_int_equal(d.tos, 0x20);
		h->ops->close(h, fd, false);
	}
}

static void
a_forbidden_ping_says_eacces(void **state)
{
	struct host *h = *state;

	if (unshare(CLONE_NEWNET) < 0)
		fail();
	/* A new namespace begins with ping_group_range "1 0": nobody. */
	assert_int_equal(h->ops->socket(h, HOST_PING, FAMILY_V4, &plain), -EACCES);
}

static void
poll_waits_as_long_as_asked_and_wakes(void **state)
{
	struct host *h = *state;
	struct pollfd p = {.fd = h->ops->wake_fd(h), .events = POLLIN};
	usec_t before = h->ops->now(h);

	assert_int_equal(h->ops->poll(h, &p, 1, 1500), 0);
	assert_true(h->ops->now(h) - before >= 1500);
	assert_int_equal(h->ops->poll(h, &p, 1, 0), 0);
	assert_int_equal(h->ops->poll(h, &p, 1, -5), 0);
	h->ops->wake(h);
	h->ops->wake(h);
	assert_int_equal(h->ops->poll(h, &p, 1, TIME_NEVER), 1);
	h->ops->wake_clear(h);
	assert_int_equal(h->ops->poll(h, &p, 1, 0), 0);
	h->ops->wake_clear(h);
}

static void
the_clock_is_monotonic_in_microseconds(void **state)
{
	struct host *h = *state;
	struct timespec a, b;

	clock_gettime(CLOCK_MONOTONIC, &a);
	usec_t now = h->ops->now(h);
	clock_gettime(CLOCK_MONOTONIC, &b);
	assert_true(now >= a.tv_sec * USEC_PER_SEC + a.tv_nsec / 1000);
	assert_true(now <= b.tv_sec * USEC_PER_SEC + b.tv_nsec / 1000);
}

static void
random_fills_all_of_it(void **state)
{
	struct host *h = *state;
	uint8_t a[600] = {0}, b[600] = {0}, zero[64] = {0};

	h->ops->random(h, a, sizeof(a));
	h->ops->random(h, b, sizeof(b));
	assert_memory_not_equal(a, b, sizeof(a));
	for (size_t i = 0; i + 64 <= sizeof(a); i += 64)
		assert_memory_not_equal(a + i, zero, 64);
	h->ops->random(h, a, 0);
}

static void
small_files_have_versions(void **state)
{
	struct host *h = *state;
	char name[] = "/tmp/sluice-host-XXXXXX", got[16];
	int fd = mkstemp(name);

	assert_int_equal(write(fd, "nameserver", 10), 10);
	int64_t version = h->ops->file_version(h, name);
	assert_true(version >= 0);
	assert_int_equal(h->ops->file_version(h, name), version);
	assert_int_equal(h->ops->file_read(h, name, got, 4), 4);
	assert_memory_equal(got, "name", 4);
	assert_int_equal(h->ops->file_read(h, name, got, sizeof(got)), 10);
	assert_int_equal(write(fd, "!", 1), 1);
	assert_true(h->ops->file_version(h, name) != version);
	close(fd);
	unlink(name);
	assert_int_equal(h->ops->file_version(h, name), -1);
	assert_int_equal(h->ops->file_read(h, name, got, sizeof(got)), -ENOENT);
}

static void
write_text_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);

	if (fd < 0 || write(fd, text, strlen(text)) < 0) {
		perror(path);
		exit(1);
	}
	close(fd);
}

/* Our own network: loopback up, pings allowed. */
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
	write_text_file("/proc/sys/net/ipv4/ping_group_range", "0 2147483647");
	return rc;
}

/* The process is root in a namespace of its own: marks and devices are its to use. */
static void
the_way_out_is_set_at_birth(void **state)
{
	struct host *h = *state;
	struct endpoint at, local;
	struct host_socket_opts o = {
	    .mark = 77, .device = "lo", .bound = true, .source = addr_v4(0x7f000002)};
	int listener = open_listener(h, FAMILY_V4, &at);

	for (enum host_kind kind = HOST_TCP; kind <= HOST_UDP; kind++) {
		uint32_t mark = 0;
		char device[HOST_DEVICE] = "";
		socklen_t len = sizeof(mark), device_len = sizeof(device);
		int fd = h->ops->socket(h, kind, FAMILY_V4, &o);

		assert_true(fd >= 0);
		assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_MARK, &mark, &len), 0);
		assert_int_equal(mark, 77);
		assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, device, &device_len), 0);
		assert_string_equal(device, "lo");
		int r = h->ops->connect(h, fd, &at);
		assert_true(r == 0 || r == -EINPROGRESS);
		assert_int_equal(h->ops->local(h, fd, &local), 0);
		assert_true(addr_eq(&local.addr, &o.source));
		assert_int_not_equal(local.port, 0);
		h->ops->close(h, fd, true);
	}
	h->ops->close(h, listener, false);
	o = (struct host_socket_opts){.device = "nosuch0"};
	assert_int_equal(h->ops->socket(h, HOST_TCP, FAMILY_V4, &o), -ENODEV);
	o = (struct host_socket_opts){.bound = true, .source = addr_v4(0xc0000201)};
	assert_int_equal(h->ops->socket(h, HOST_TCP, FAMILY_V4, &o), -EADDRNOTAVAIL);
	assert_int_equal(h->ops->socket(h, HOST_TCP, FAMILY_V6, &o), -EADDRNOTAVAIL);
}

static uint64_t
told_time(void *ctx)
{
	return *(const uint64_t *)ctx;
}

static void
fill_with_a(void *ctx, void *to, size_t n)
{
	(void)ctx;
	memset(to, 'a', n);
}

static void
another_clock_and_chance(void **state)
{
	struct host *h = *state;
	uint64_t now = 5000;
	char bytes[5] = "";

	host_kernel_use(h, &(struct host_sources){told_time, fill_with_a, &now});
	assert_int_equal(h->ops->now(h), 5000);
	now = 4000;
	assert_int_equal(h->ops->now(h), 5000);
	now = 6000;
	assert_int_equal(h->ops->now(h), 6000);
	now = UINT64_MAX;
	assert_true(h->ops->now(h) == (usec_t)1 << 62);
	h->ops->random(h, bytes, 4);
	assert_string_equal(bytes, "aaaa");
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
	    T(the_way_out_is_set_at_birth),
	    T(another_clock_and_chance),
	    T(bytes_cross_and_close_by_halves),
	    T(a_refused_connect_says_so_once),
	    T(a_connect_under_way_stays_so),
	    T(closing_with_reset_is_heard_as_one),
	    T(writes_run_short_and_room_is_an_edge),
	    T(listeners_are_told_again_and_are_of_one_family),
	    T(addresses_of_one_link_never_get_out),
	    T(a_datagram_socket_is_connected_anew),
	    T(an_error_outlives_its_connection),
	    T(one_datagram_of_a_connected_socket),
	    T(datagrams_go_in_batches),
	    T(runs_are_cut_and_coalesced),
	    T(an_unreachable_port_is_in_the_error_queue),
	    T(an_oversize_datagram_tells_the_mtu),
	    T(ping_needs_no_privilege_where_it_is_allowed),
	    T(poll_waits_as_long_as_asked_and_wakes),
	    T(the_clock_is_monotonic_in_microseconds),
	    T(random_fills_all_of_it),
	    T(small_files_have_versions),
	    T(a_forbidden_ping_says_eacces),
	};

	return cmocka_run_group_tests(tests, enter_namespace, NULL);
}
