/*
 * vhost_test.c - the host of memory behaves as a kernel would, and the same way every time
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "link/vhost.h"

static const struct host_socket_opts plain;
static struct endpoint server, client;

static int
setup(void **state)
{
	server = (struct endpoint){.addr = addr_v4(0xc6336401), .port = 80};
	client = (struct endpoint){.addr = addr_v4(0xc6336402), .port = 5555};
	*state = vhost_new(7);
	return *state == NULL;
}

static int
teardown(void **state)
{
	vhost_free(*state);
	return 0;
}

static int
open_socket(struct vhost *v, enum host_kind kind)
{
	struct host *h = vhost_host(v);

	return h->ops->socket(h, kind, FAMILY_V4, &plain);
}

static int
open_connected(struct vhost *v, enum host_kind kind)
{
	struct host *h = vhost_host(v);
	int fd = open_socket(v, kind);

	assert_int_equal(h->ops->connect(h, fd, &server), 0);
	return fd;
}

static ssize_t
write_text(struct host *h, int fd, const char *text)
{
	char copy[256];
	size_t len = strlen(text);

	assert_true(len < sizeof(copy));
	memcpy(copy, text, len + 1);
	return h->ops->writev(h, fd, &(struct iovec){.iov_base = copy, .iov_len = len}, 1);
}

static ssize_t
read_some(struct host *h, int fd, char *to, size_t max)
{
	struct iovec half[2] = {{to, max / 2}, {to + max / 2, max - max / 2}};

	return h->ops->readv(h, fd, half, 2);
}

/* --- connecting ------------------------------------------------------------------------------------ */

static void
connects_end_as_told(void **state)
{
	static const struct {
		enum vhost_answer a;
		int rc;
	} cases[] = {
	    {VHOST_ACCEPT, 0},
	    {VHOST_ACCEPT_LATER, -EINPROGRESS},
	    {VHOST_REFUSE, -ECONNREFUSED},
	    {VHOST_UNREACH_HOST, -EHOSTUNREACH},
	    {VHOST_UNREACH_NET, -ENETUNREACH},
	    {VHOST_SILENT, -EINPROGRESS},
	    {VHOST_NOPORTS, -EADDRNOTAVAIL},
	};
	struct host *h = vhost_host(*state);

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int fd = open_socket(*state, HOST_TCP);

		vhost_answer(*state, HOST_TCP, &server, cases[i].a);
		assert_int_equal(h->ops->connect(h, fd, &server), cases[i].rc);
	}
	vhost_default(*state, VHOST_EMFILE);
	assert_int_equal(open_socket(*state, HOST_TCP), -EMFILE);
}

static void
answers_are_by_kind_and_port_then_any_port_then_default(void **state)
{
	struct host *h = vhost_host(*state);
	struct endpoint any = {.addr = server.addr}, other = {.addr = server.addr, .port = 81};

	vhost_default(*state, VHOST_UNREACH_NET);
	vhost_answer(*state, HOST_TCP, &any, VHOST_REFUSE);
	vhost_answer(*state, HOST_TCP, &server, VHOST_ACCEPT);
	assert_int_equal(h->ops->connect(h, open_socket(*state, HOST_TCP), &server), 0);
	assert_int_equal(h->ops->connect(h, open_socket(*state, HOST_TCP), &other), -ECONNREFUSED);
	assert_int_equal(h->ops->connect(h, open_socket(*state, HOST_TCP), &client), -ENETUNREACH);
	assert_int_equal(h->ops->connect(h, open_socket(*state, HOST_UDP), &server), -ENETUNREACH);
}

static void
a_connect_under_way_is_settled(void **state)
{
	struct host *h = vhost_host(*state);
	struct host_event ev;
	int good = open_socket(*state, HOST_TCP), bad = open_socket(*state, HOST_TCP);

	vhost_default(*state, VHOST_ACCEPT_LATER);
	h->ops->connect(h, good, &server);
	h->ops->connect(h, bad, &server);
	h->ops->arm(h, good, 1);
	h->ops->arm(h, bad, 2);
	assert_int_equal(h->ops->connect_result(h, good), -EINPROGRESS);
	assert_int_equal(h->ops->events(h, &ev, 1), 0);
	vhost_settle(*state, good, 0);
	vhost_settle(*state, bad, ETIMEDOUT);
	assert_int_equal(h->ops->events(h, &ev, 1), 1);
	assert_int_equal(ev.token, 1);
	assert_true(ev.writable && !ev.readable && !ev.error && !ev.hangup);
	assert_int_equal(h->ops->connect_result(h, good), 0);
	assert_int_equal(h->ops->events(h, &ev, 1), 1);
	assert_int_equal(ev.token, 2);
	assert_true(ev.error && ev.hangup);
	assert_int_equal(h->ops->connect_result(h, bad), -ETIMEDOUT);
	assert_int_equal(h->ops->connect_result(h, bad), -ECONNABORTED);
}

static void
addresses_of_one_link_are_refused(void **state)
{
	struct host *h = vhost_host(*state);
	struct endpoint to = {.addr = {{0xfe, 0x80, [15] = 1}}, .port = 80};
	int fd = h->ops->socket(h, HOST_TCP, FAMILY_V6, &plain);

	assert_int_equal(h->ops->connect(h, fd, &to), -ENETUNREACH);
}

/* --- the table ------------------------------------------------------------------------------------- */

static void
descriptors_are_reused_lowest_first(void **state)
{
	struct host *h = vhost_host(*state);
	int a = open_socket(*state, HOST_TCP), b = open_socket(*state, HOST_UDP);

	assert_int_equal(a, 1000);
	assert_int_equal(b, 1001);
	h->ops->close(h, a, true);
	assert_int_equal(vhost_closed(*state, a), 2);
	assert_int_equal(vhost_open_count(*state), 1);
	assert_int_equal(open_socket(*state, HOST_TCP), a);
	assert_int_equal(vhost_closed(*state, a), 0);
	/* In the order they were opened: b, then the new a. */
	assert_int_equal(vhost_find(*state, -1, 0), b);
	assert_int_equal(vhost_find(*state, -1, 1), a);
	assert_int_equal(vhost_find(*state, HOST_TCP, 0), a);
	assert_int_equal(vhost_find(*state, HOST_TCP, 1), -1);
	for (int i = 0; i < 500; i++)
		assert_int_equal(open_socket(*state, HOST_UDP), 1002 + i);
}

static void
a_closed_socket_still_shows_what_was_written(void **state)
{
	struct host *h = vhost_host(*state);
	char got[16];
	int fd = open_connected(*state, HOST_TCP);

	write_text(h, fd, "last words");
	h->ops->close(h, fd, false);
	assert_int_equal(vhost_closed(*state, fd), 1);
	assert_true(vhost_got_eof(*state, fd));
	assert_int_equal(vhost_recv(*state, fd, got, sizeof(got)), 10);
	assert_memory_equal(got, "last words", 10);
	assert_int_equal(write_text(h, fd, "x"), -EBADF);
}

static void
closing_on_unread_bytes_is_a_reset(void **state)
{
	struct host *h = vhost_host(*state);
	int fd = open_connected(*state, HOST_TCP);

	vhost_send(*state, fd, "unread", 6);
	h->ops->close(h, fd, false);
	assert_int_equal(vhost_closed(*state, fd), 2);
	assert_false(vhost_got_eof(*state, fd));
}

static void
ports_are_bound_once(void **state)
{
	struct host *h = vhost_host(*state);
	struct endpoint any = {.addr = addr_v4(0), .port = 80}, at;
	int a = open_socket(*state, HOST_TCP), b = open_socket(*state, HOST_TCP);

	assert_int_equal(h->ops->bind(h, a, &server), 0);
	assert_int_equal(h->ops->bind(h, b, &any), -EADDRINUSE);
	assert_int_equal(h->ops->bind(h, open_socket(*state, HOST_UDP), &any), 0);
	h->ops->close(h, a, false);
	assert_int_equal(h->ops->bind(h, b, &any), 0);
	any.port = 0;
	int c = open_socket(*state, HOST_TCP);
	assert_int_equal(h->ops->bind(h, c, &any), 0);
	assert_int_equal(h->ops->local(h, c, &at), 0);
	assert_int_equal(at.port, 32768);
}

/* --- bytes ----------------------------------------------------------------------------------------- */

static void
bytes_cross_both_ways(void **state)
{
	struct host *h = vhost_host(*state);
	char got[16];
	int fd = open_connected(*state, HOST_TCP);

	assert_int_equal(read_some(h, fd, got, sizeof(got)), -EAGAIN);
	assert_int_equal(write_text(h, fd, "request"), 7);
	assert_int_equal(vhost_recv_len(*state, fd), 7);
	assert_int_equal(vhost_recv(*state, fd, got, 3), 3);
	assert_memory_equal(got, "req", 3);
	assert_int_equal(vhost_send(*state, fd, "a longer response", 17), 17);
	assert_int_equal(read_some(h, fd, got, sizeof(got)), 16);
	assert_memory_equal(got, "a longer respons", 16);
	assert_int_equal(read_some(h, fd, got, sizeof(got)), 1);
	vhost_send_eof(*state, fd);
	assert_int_equal(read_some(h, fd, got, sizeof(got)), 0);
	assert_int_equal(h->ops->shutdown_write(h, fd), 0);
	assert_int_equal(write_text(h, fd, "x"), -EPIPE);
	assert_true(vhost_got_eof(*state, fd));
}

static void
buffers_are_bounded_and_writes_partial(void **state)
{
	struct host *h = vhost_host(*state);
	char got[64];
	int fd = open_connected(*state, HOST_TCP);

	vhost_buffers(*state, fd, 10, 4);
	assert_int_equal(write_text(h, fd, "123456"), 6);
	assert_int_equal(write_text(h, fd, "789012"), 4);
	assert_int_equal(write_text(h, fd, "x"), -EAGAIN);
	assert_int_equal(vhost_recv(*state, fd, got, sizeof(got)), 10);
	assert_memory_equal(got, "1234567890", 10);
	assert_int_equal(vhost_send(*state, fd, "abcdef", 6), 4);
	assert_int_equal(vhost_send(*state, fd, "ef", 2), 0);
}

static void
a_reset_comes_after_the_bytes_and_once(void **state)
{
	struct host *h = vhost_host(*state);
	char got[16];
	int fd = open_connected(*state, HOST_TCP);

	vhost_send(*state, fd, "tail", 4);
	vhost_reset(*state, fd);
	assert_int_equal(read_some(h, fd, got, sizeof(got)), 4);
	assert_int_equal(read_some(h, fd, got, sizeof(got)), -ECONNRESET);
	assert_int_equal(read_some(h, fd, got, sizeof(got)), 0);
	assert_int_equal(write_text(h, fd, "x"), -EPIPE);
}

static void
a_write_hears_of_the_reset_first(void **state)
{
	struct host *h = vhost_host(*state);
	int fd = open_connected(*state, HOST_TCP);

	vhost_reset(*state, fd);
	assert_int_equal(write_text(h, fd, "x"), -ECONNRESET);
	assert_int_equal(write_text(h, fd, "x"), -EPIPE);
	assert_int_equal(h->ops->pending_error(h, fd), 0);
}

/* --- readiness ------------------------------------------------------------------------------------- */

static void
edges_come_when_something_happens_and_only_then(void **state)
{
	struct host *h = vhost_host(*state);
	struct host_event ev[4];
	int fd = open_connected(*state, HOST_TCP);

	assert_int_equal(h->ops->events(h, ev, 4), 0);
	h->ops->arm(h, fd, 42);
	assert_int_equal(h->ops->events(h, ev, 4), 1);
	assert_int_equal(ev[0].token, 42);
	assert_true(ev[0].writable && !ev[0].readable);
	assert_int_equal(h->ops->events(h, ev, 4), 0);
	vhost_send(*state, fd, "a", 1);
	vhost_send(*state, fd, "b", 1);
	assert_int_equal(h->ops->events(h, ev, 4), 1);
	assert_true(ev[0].readable && ev[0].writable);
	/* Still readable, but nothing new. */
	assert_int_equal(h->ops->events(h, ev, 4), 0);
	vhost_send(*state, fd, "c", 1);
	assert_int_equal(h->ops->events(h, ev, 4), 1);
	vhost_send_eof(*state, fd);
	assert_int_equal(h->ops->events(h, ev, 4), 1);
	assert_true(ev[0].hangup && ev[0].readable && !ev[0].error);
	vhost_reset(*state, fd);
	assert_int_equal(h->ops->events(h, ev, 4), 1);
	assert_true(ev[0].error);
}

static void
what_is_no_longer_true_is_not_told(void **state)
{
	struct host *h = vhost_host(*state);
	struct host_event ev;
	char got[4];
	int fd = open_connected(*state, HOST_TCP);

	vhost_buffers(*state, fd, 1, 100);
	write_text(h, fd, "x");
	h->ops->arm(h, fd, 1);
	vhost_send(*state, fd, "y", 1);
	read_some(h, fd, got, sizeof(got));
	assert_int_equal(h->ops->events(h, &ev, 1), 0);
}

static void
room_is_an_edge_after_a_short_write_and_with_a_third_free(void **state)
{
	struct host *h = vhost_host(*state);
	struct host_event ev;
	char text[] = "123456789012345678901234567890", got[64];
	int fd = open_connected(*state, HOST_TCP);

	vhost_buffers(*state, fd, 30, 30);
	h->ops->arm(h, fd, 1);
	h->ops->events(h, &ev, 1);
	/* Not full: the far end's reading is no event. */
	write_text(h, fd, "12345");
	vhost_recv(*state, fd, got, sizeof(got));
	assert_int_equal(h->ops->events(h, &ev, 1), 0);
	write_text(h, fd, text);
	assert_int_equal(write_text(h, fd, text), -EAGAIN);
	vhost_recv(*state, fd, got, 9);
	assert_int_equal(h->ops->events(h, &ev, 1), 0);
	vhost_recv(*state, fd, got, 1);
	assert_int_equal(h->ops->events(h, &ev, 1), 1);
	assert_true(ev.writable);
	vhost_recv(*state, fd, got, 1);
	assert_int_equal(h->ops->events(h, &ev, 1), 0);
}

static void
events_keep_their_order_however_few_are_taken(void **state)
{
	struct host *h = vhost_host(*state);
	struct host_event ev[8];
	int fd[5];

	for (int i = 0; i < 5; i++) {
		fd[i] = open_connected(*state, HOST_TCP);
		h->ops->arm(h, fd[i], (uint64_t)i);
	}
	assert_int_equal(h->ops->events(h, ev, 8), 5);
	for (int i = 4; i >= 0; i--)
		vhost_send(*state, fd[i], "x", 1);
	h->ops->close(h, fd[2], false);
	assert_int_equal(h->ops->events(h, ev, 2), 2);
	assert_int_equal(ev[0].token, 4);
	assert_int_equal(ev[1].token, 3);
	h->ops->close(h, fd[0], false);
	vhost_send(*state, fd[4], "x", 1);
	assert_int_equal(h->ops->events(h, ev, 8), 2);
	assert_int_equal(ev[0].token, 1);
	assert_int_equal(ev[1].token, 4);
}

static void
a_listener_is_told_again_until_it_is_empty(void **state)
{
	struct host *h = vhost_host(*state);
	struct host_event ev;
	struct endpoint any = {.addr = addr_v4(0), .port = 80}, peer;
	int fd = open_socket(*state, HOST_TCP);

	assert_false(vhost_client(*state, &server, &client));
	assert_int_equal(h->ops->bind(h, fd, &any), 0);
	assert_int_equal(h->ops->listen(h, fd, 2), 0);
	h->ops->arm_level(h, fd, 9);
	assert_int_equal(h->ops->events(h, &ev, 1), 0);
	assert_true(vhost_client(*state, &server, &client));
	assert_true(vhost_client(*state, &server, &client));
	assert_false(vhost_client(*state, &server, &client));
	assert_int_equal(h->ops->events(h, &ev, 1), 1);
	assert_true(ev.token == 9 && ev.readable && !ev.writable);
	int a = h->ops->accept(h, fd, &peer);
	assert_true(a >= 1000);
	assert_int_equal(peer.port, 5555);
	assert_int_equal(h->ops->events(h, &ev, 1), 1);
	vhost_fail(*state, "accept", 1, EMFILE);
	assert_int_equal(h->ops->accept(h, fd, &peer), -EMFILE);
	assert_true(h->ops->accept(h, fd, &peer) >= 0);
	assert_int_equal(h->ops->accept(h, fd, &peer), -EAGAIN);
	assert_int_equal(h->ops->events(h, &ev, 1), 0);
	assert_int_equal(vhost_send(*state, a, "hi", 2), 2);
	struct endpoint at;
	assert_true(vhost_local(*state, a, &at) && addr_eq(&at.addr, &server.addr) && at.port == 80);
}

static void
poll_sees_the_event_descriptor_and_wakes(void **state)
{
	struct host *h = vhost_host(*state);
	struct pollfd p[3] = {{.fd = h->ops->event_fd(h), .events = POLLIN},
			      {.fd = h->ops->wake_fd(h), .events = POLLIN},
			      {.fd = -1, .events = POLLIN}};
	struct host_event ev;
	int fd = open_connected(*state, HOST_TCP);

	assert_int_equal(h->ops->poll(h, p, 3, TIME_NEVER), 0);
	h->ops->arm(h, fd, 1);
	h->ops->wake(h);
	assert_int_equal(h->ops->poll(h, p, 3, 0), 2);
	assert_int_equal(p[0].revents, POLLIN);
	assert_int_equal(p[1].revents, POLLIN);
	assert_int_equal(p[2].revents, 0);
	h->ops->wake_clear(h);
	h->ops->events(h, &ev, 1);
	assert_int_equal(h->ops->poll(h, p, 3, 0), 0);
}

/* --- datagrams ------------------------------------------------------------------------------------- */

static int
send_run(struct host *h, int fd, char *bytes, size_t len, uint16_t segment, const struct endpoint *to)
{
	struct iovec iov[2] = {{bytes, len / 3}, {bytes + len / 3, len - len / 3}};
	struct host_dgram d = {.iov = iov, .iovlen = 2, .len = len, .segment = segment};

	if (to)
		d.peer = *to;
	return h->ops->sendmmsg(h, fd, &d, 1);
}

static void
datagrams_keep_their_boundaries(void **state)
{
	struct host *h = vhost_host(*state);
	char a[] = "alpha", b[4][8];
	struct host_dgram d[4];
	struct iovec iov[4];
	struct endpoint dest;
	size_t len;
	int fd = open_connected(*state, HOST_UDP);

	assert_int_equal(send_run(h, fd, a, 5, 0, NULL), 1);
	assert_int_equal(send_run(h, fd, a, 0, 0, NULL), 1);
	assert_true(vhost_recv_dgram(*state, fd, b[0], 8, &len, &dest));
	assert_int_equal(len, 5);
	assert_memory_equal(b[0], "alpha", 5);
	assert_int_equal(dest.port, 80);
	assert_true(vhost_recv_dgram(*state, fd, b[0], 8, &len, &dest));
	assert_int_equal(len, 0);
	assert_false(vhost_recv_dgram(*state, fd, b[0], 8, &len, &dest));

	assert_false(vhost_send_dgram(*state, fd, &client, "stranger", 8));
	assert_true(vhost_send_dgram(*state, fd, NULL, "one", 3));
	assert_true(vhost_send_dgram(*state, fd, &server, "", 0));
	assert_true(vhost_send_dgram(*state, fd, &server, "long text", 9));
	for (int i = 0; i < 4; i++) {
		iov[i] = (struct iovec){b[i], 8};
		d[i] = (struct host_dgram){.iov = &iov[i], .iovlen = 1};
	}
	assert_int_equal(h->ops->recvmmsg(h, fd, d, 4), 3);
	assert_int_equal(d[0].len, 3);
	assert_int_equal(d[0].peer.port, 80);
	assert_int_equal(d[1].len, 0);
	assert_false(d[1].truncated);
	assert_int_equal(d[2].len, 8);
	assert_true(d[2].truncated);
	assert_int_equal(h->ops->recvmmsg(h, fd, d, 4), -EAGAIN);
}

static void
runs_are_cut_and_joined(void **state)
{
	struct host *h = vhost_host(*state);
	const struct host_socket_opts gro = {.udp_gro = true};
	char bytes[25], got[64];
	size_t len;
	int fd = h->ops->socket(h, HOST_UDP, FAMILY_V4, &gro);

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (char)('a' + i);
	h->ops->connect(h, fd, &server);
	assert_int_equal(send_run(h, fd, bytes, 25, 10, NULL), 1);
	for (size_t at = 0; at < 25; at += 10) {
		assert_true(vhost_recv_dgram(*state, fd, got, 64, &len, NULL));
		assert_int_equal(len, at == 20 ? 5 : 10);
		assert_memory_equal(got, bytes + at, len);
	}
	char many[650];
	memset(many, 0, sizeof(many));
	assert_int_equal(send_run(h, fd, many, 650, 10, NULL), -EINVAL);

	vhost_send_dgram(*state, fd, NULL, bytes, 10);
	vhost_send_dgram(*state, fd, NULL, bytes + 10, 10);
	vhost_send_dgram(*state, fd, NULL, bytes + 20, 5);
	vhost_send_dgram(*state, fd, NULL, bytes, 10);
	struct iovec iov = {got, sizeof(got)};
	struct host_dgram d[2] = {{.iov = &iov, .iovlen = 1}, {.iov = &iov, .iovlen = 1}};
	assert_int_equal(h->ops->recvmmsg(h, fd, d, 1), 1);
	assert_int_equal(d[0].len, 25);
	assert_int_equal(d[0].segment, 10);
	assert_memory_equal(got, bytes, 25);
	assert_int_equal(h->ops->recvmmsg(h, fd, d, 2), 1);
	assert_int_equal(d[0].len, 10);
	assert_int_equal(d[0].segment, 0);
}

static void
datagram_buffers_are_bounded(void **state)
{
	struct host *h = vhost_host(*state);
	struct host_event ev;
	char a[100] = {0};
	size_t len;
	int fd = open_connected(*state, HOST_UDP), n = 0;

	h->ops->arm(h, fd, 3);
	h->ops->events(h, &ev, 1);
	vhost_buffers(*state, fd, 2000, 2000);
	while (send_run(h, fd, a, sizeof(a), 0, NULL) == 1)
		n++;
	assert_int_equal(n, 5);
	while (n-- > 3)
		vhost_recv_dgram(*state, fd, a, sizeof(a), &len, NULL);
	assert_int_equal(h->ops->events(h, &ev, 1), 0);
	vhost_recv_dgram(*state, fd, a, sizeof(a), &len, NULL);
	assert_int_equal(h->ops->events(h, &ev, 1), 1);
	assert_true(ev.writable);
	for (n = 0; vhost_send_dgram(*state, fd, NULL, a, 0); n++)
		;
	assert_int_equal(n, 7);
}

static void
unconnected_sockets_name_their_peers(void **state)
{
	struct host *h = vhost_host(*state);
	char a[8] = "hello", got[8];
	struct endpoint dest;
	size_t len;
	int fd = open_socket(*state, HOST_UDP);

	assert_int_equal(send_run(h, fd, a, 5, 0, NULL), -EDESTADDRREQ);
	assert_int_equal(send_run(h, fd, a, 5, 0, &server), 1);
	assert_true(vhost_recv_dgram(*state, fd, got, 8, &len, &dest));
	assert_true(addr_eq(&dest.addr, &server.addr));
	assert_true(vhost_send_dgram(*state, fd, &client, a, 5));
	struct iovec iov = {got, sizeof(got)};
	struct host_dgram d = {.iov = &iov, .iovlen = 1};
	assert_int_equal(h->ops->recvmmsg(h, fd, &d, 1), 1);
	assert_true(addr_eq(&d.peer.addr, &client.addr) && d.peer.port == client.port);
}

/* Another port each time, and none in between. */
static void
a_datagram_socket_is_connected_anew(void **state)
{
	struct host *h = vhost_host(*state);
	int fd = open_connected(*state, HOST_UDP);
	char got[8];
	struct iovec iov = {got, sizeof(got)};
	struct host_dgram d = {.iov = &iov, .iovlen = 1};
	struct endpoint at, again;

	vhost_local(*state, fd, &at);
	assert_true(vhost_send_dgram(*state, fd, NULL, "early", 5));
	assert_int_equal(h->ops->disconnect(h, fd), 0);
	assert_false(vhost_send_dgram(*state, fd, &server, "late", 4));
	assert_false(vhost_peer(*state, fd, &again));
	vhost_local(*state, fd, &again);
	assert_int_equal(again.port, 0);
	assert_true(addr_is_unspecified(&again.addr));
	assert_int_equal(h->ops->recvmmsg(h, fd, &d, 1), 1);
	assert_memory_equal(got, "early", 5);
	assert_int_equal(h->ops->recvmmsg(h, fd, &d, 1), -EAGAIN);
	assert_int_equal(h->ops->sendmmsg(h, fd, &(struct host_dgram){.iov = &iov, .iovlen = 1}, 1),
			 -EDESTADDRREQ);

	assert_int_equal(h->ops->connect(h, fd, &client), 0);
	vhost_local(*state, fd, &again);
	assert_true(again.port != 0 && again.port != at.port);
	assert_false(vhost_send_dgram(*state, fd, &server, "late", 4));
	assert_true(vhost_send_dgram(*state, fd, &client, "now", 3));
	assert_int_equal(h->ops->disconnect(h, open_socket(*state, HOST_TCP)), -EOPNOTSUPP);
	assert_int_equal(h->ops->disconnect(h, 5), -EBADF);
}

static void
one_datagram_of_a_connected_socket(void **state)
{
	struct host *h = vhost_host(*state);
	int fd = open_connected(*state, HOST_UDP);
	char got[16];
	size_t len;

	assert_int_equal(h->ops->send(h, fd, "question", 8), 8);
	assert_true(vhost_recv_dgram(*state, fd, got, sizeof(got), &len, NULL));
	assert_int_equal(len, 8);
	assert_memory_equal(got, "question", 8);
	assert_int_equal(h->ops->recv(h, fd, got, 4), -EAGAIN);
	vhost_send_dgram(*state, fd, NULL, "answer", 6);
	vhost_send_dgram(*state, fd, NULL, "", 0);
	assert_int_equal(h->ops->recv(h, fd, got, 4), 4);
	assert_memory_equal(got, "answ", 4);
	assert_int_equal(h->ops->recv(h, fd, got, 4), 0);
	vhost_answer(*state, HOST_UDP, &server, VHOST_REFUSE);
	assert_int_equal(h->ops->send(h, fd, "x", 1), 1);
	assert_int_equal(h->ops->recv(h, fd, got, 4), -ECONNREFUSED);
	assert_int_equal(h->ops->recv(h, fd, got, 4), -EAGAIN);
	assert_int_equal(h->ops->recv(h, open_socket(*state, HOST_TCP), got, 4), -EOPNOTSUPP);
	assert_int_equal(h->ops->send(h, open_socket(*state, HOST_TCP), "x", 1), -EOPNOTSUPP);
	assert_int_equal(h->ops->send(h, 5, "x", 1), -EBADF);
}

static void
armed_for_reading_room_is_no_event(void **state)
{
	struct host *h = vhost_host(*state);
	int fd = open_connected(*state, HOST_UDP);
	struct host_event ev;

	assert_int_equal(h->ops->arm_read(h, fd, 4), 0);
	assert_int_equal(h->ops->events(h, &ev, 1), 0);
	vhost_send_dgram(*state, fd, NULL, "x", 1);
	assert_int_equal(h->ops->events(h, &ev, 1), 1);
	assert_true(ev.token == 4 && ev.readable && !ev.writable);
	assert_int_equal(h->ops->events(h, &ev, 1), 0);
}

static void
errors_queue_with_their_source(void **state)
{
	struct host *h = vhost_host(*state);
	const struct host_socket_opts errors = {.errors = true};
	struct host_event ev;
	struct host_sockerr e;
	char a[8] = "hello";
	int fd = h->ops->socket(h, HOST_UDP, FAMILY_V4, &errors);

	vhost_answer(*state, HOST_UDP, &server, VHOST_REFUSE);
	assert_int_equal(h->ops->connect(h, fd, &server), 0);
	h->ops->arm(h, fd, 3);
	h->ops->events(h, &ev, 1);
	assert_int_equal(h->ops->sockerr(h, fd, &e), 0);
	assert_int_equal(send_run(h, fd, a, 5, 0, NULL), 1);
	assert_int_equal(h->ops->events(h, &ev, 1), 1);
	assert_true(ev.error);
	assert_int_equal(h->ops->sockerr(h, fd, &e), 1);
	assert_int_equal(e.err, ECONNREFUSED);
	assert_int_equal(e.type, 3);
	assert_int_equal(e.code, 3);
	assert_true(addr_eq(&e.offender, &server.addr));
	assert_int_equal(e.dest.port, 80);
	assert_int_equal(e.data_len, 5);
	assert_memory_equal(e.data, "hello", 5);
	/* The queue is empty and SO_ERROR with it. */
	assert_int_equal(h->ops->pending_error(h, fd), 0);

	e = (struct host_sockerr){.err = EMSGSIZE, .info = 1280};
	vhost_send_error(*state, fd, &e);
	assert_int_equal(h->ops->recvmmsg(h, fd, &(struct host_dgram){0}, 1), -EMSGSIZE);
	assert_int_equal(h->ops->recvmmsg(h, fd, &(struct host_dgram){0}, 1), -EAGAIN);
	assert_int_equal(h->ops->sockerr(h, fd, &e), 1);
	assert_int_equal(e.info, 1280);
}

static void
ttl_is_remembered(void **state)
{
	struct host *h = vhost_host(*state);
	int fd = open_connected(*state, HOST_PING);

	assert_int_equal(vhost_ttl(*state, fd), 0);
	assert_int_equal(h->ops->set_ttl(h, fd, FAMILY_V4, 7), 0);
	assert_int_equal(vhost_ttl(*state, fd), 7);
}

/* --- the rest -------------------------------------------------------------------------------------- */

static void
any_call_can_be_made_to_fail_once(void **state)
{
	struct host *h = vhost_host(*state);
	struct host_event ev;

	vhost_fail(*state, "socket", 2, EMFILE);
	int fd = open_socket(*state, HOST_TCP);
	assert_true(fd >= 0);
	assert_int_equal(open_socket(*state, HOST_TCP), -EMFILE);
	assert_true(open_socket(*state, HOST_TCP) >= 0);
	vhost_fail(*state, "connect", 1, ENOMEM);
	assert_int_equal(h->ops->connect(h, fd, &server), -ENOMEM);
	assert_int_equal(h->ops->connect(h, fd, &server), 0);
	h->ops->arm(h, fd, 1);
	h->ops->events(h, &ev, 1);
	/* EAGAIN without a reason: the kernel would tell when it is over. */
	vhost_fail(*state, "writev", 1, EAGAIN);
	assert_int_equal(write_text(h, fd, "x"), -EAGAIN);
	assert_int_equal(h->ops->events(h, &ev, 1), 1);
	assert_int_equal(write_text(h, fd, "x"), 1);
}

/* Half of the bytes, and readiness is told again; calls and failures are counted. */
static void
any_read_and_write_can_fall_short_once(void **state)
{
	struct host *h = vhost_host(*state);
	struct iovec iov = {(char[8]){0}, 8};
	struct host_event ev;
	int fd = open_socket(*state, HOST_TCP), hit;

	assert_int_equal(h->ops->connect(h, fd, &server), 0);
	h->ops->arm(h, fd, 1);
	h->ops->events(h, &ev, 1);
	vhost_cut(*state, "writev", 2);
	assert_int_equal(write_text(h, fd, "whole"), 5);
	assert_int_equal(vhost_failed(*state, &hit), 0);
	assert_int_equal(write_text(h, fd, "halves"), 3);
	assert_int_equal(h->ops->events(h, &ev, 1), 1);
	assert_int_equal(vhost_recv_len(*state, fd), 8);
	vhost_send(*state, fd, "bytes", 5);
	vhost_cut(*state, "readv", 1);
	assert_int_equal(h->ops->readv(h, fd, &iov, 1), 2);
	assert_int_equal(h->ops->readv(h, fd, &iov, 1), 3);
	assert_int_equal(vhost_failed(*state, &hit), 2);
	assert_int_equal(hit, fd);
	assert_int_equal(vhost_calls(*state, "readv"), 2);
}

static void
luck_is_the_seeds(void **state)
{
	struct vhost *same = vhost_new(7), *other = vhost_new(8);
	uint8_t a[20], b[20], c[20];

	vhost_host(*state)->ops->random(vhost_host(*state), a, sizeof(a));
	vhost_host(same)->ops->random(vhost_host(same), b, sizeof(b));
	vhost_host(other)->ops->random(vhost_host(other), c, sizeof(c));
	assert_memory_equal(a, b, sizeof(a));
	assert_memory_not_equal(a, c, sizeof(a));
	vhost_free(same);
	vhost_free(other);
}

static void
time_moves_only_when_told(void **state)
{
	struct host *h = vhost_host(*state);

	assert_int_equal(h->ops->now(h), 0);
	vhost_set_time(*state, 1234567);
	assert_int_equal(h->ops->poll(h, NULL, 0, USEC_PER_SEC), 0);
	assert_int_equal(h->ops->now(h), 1234567);
	assert_int_equal(vhost_time(*state), 1234567);
}

static void
files_and_pipes_are_memory_too(void **state)
{
	struct host *h = vhost_host(*state);
	char got[16];
	int fd = vhost_pipe(*state);

	assert_int_equal(h->ops->file_version(h, "/etc/resolv.conf"), -1);
	assert_int_equal(h->ops->file_read(h, "/etc/resolv.conf", got, sizeof(got)), -ENOENT);
	assert_true(vhost_put_file(*state, "/etc/resolv.conf", "nameserver", 10));
	int64_t version = h->ops->file_version(h, "/etc/resolv.conf");
	assert_true(version >= 0);
	assert_int_equal(h->ops->file_read(h, "/etc/resolv.conf", got, 4), 4);
	assert_memory_equal(got, "name", 4);
	assert_true(vhost_put_file(*state, "/etc/resolv.conf", "", 0));
	assert_true(h->ops->file_version(h, "/etc/resolv.conf") != version);

	assert_int_equal(vhost_find(*state, -1, 0), -1);
	char out[] = "frame";
	struct iovec iov = {out, 5}, in = {got, sizeof(got)};
	assert_int_equal(h->ops->fd_writev(h, fd, &iov, 1), 5);
	assert_int_equal(vhost_recv(*state, fd, got, sizeof(got)), 5);
	assert_int_equal(h->ops->fd_readv(h, fd, &in, 1), -EAGAIN);
	vhost_send(*state, fd, "abc", 3);
	assert_int_equal(h->ops->fd_readv(h, fd, &in, 1), 3);
	assert_int_equal(h->ops->fd_readv(h, open_socket(*state, HOST_TCP), &in, 1), -EBADF);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
	    T(connects_end_as_told),
	    T(answers_are_by_kind_and_port_then_any_port_then_default),
	    T(a_connect_under_way_is_settled),
	    T(addresses_of_one_link_are_refused),
	    T(descriptors_are_reused_lowest_first),
	    T(a_closed_socket_still_shows_what_was_written),
	    T(closing_on_unread_bytes_is_a_reset),
	    T(ports_are_bound_once),
	    T(bytes_cross_both_ways),
	    T(buffers_are_bounded_and_writes_partial),
	    T(a_reset_comes_after_the_bytes_and_once),
	    T(a_write_hears_of_the_reset_first),
	    T(edges_come_when_something_happens_and_only_then),
	    T(what_is_no_longer_true_is_not_told),
	    T(room_is_an_edge_after_a_short_write_and_with_a_third_free),
	    T(events_keep_their_order_however_few_are_taken),
	    T(a_listener_is_told_again_until_it_is_empty),
	    T(poll_sees_the_event_descriptor_and_wakes),
	    T(datagrams_keep_their_boundaries),
	    T(runs_are_cut_and_joined),
	    T(datagram_buffers_are_bounded),
	    T(unconnected_sockets_name_their_peers),
	    T(a_datagram_socket_is_connected_anew),
	    T(one_datagram_of_a_connected_socket),
	    T(armed_for_reading_room_is_no_event),
	    T(errors_queue_with_their_source),
	    T(ttl_is_remembered),
	    T(any_call_can_be_made_to_fail_once),
	    T(any_read_and_write_can_fall_short_once),
	    T(luck_is_the_seeds),
	    T(time_moves_only_when_told),
	    T(files_and_pipes_are_memory_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
