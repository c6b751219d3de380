/*
 * tap_test.c - frames through a real tap, in a network namespace of this process alone
 *
 * The kernel's own stack is the guest: it gets an address on the tap, and what it sends is read as frames.
 * The last tests put a host between the link and the kernel that plays what a tap seldom does: no room,
 * a frame it will not take, its end.
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
#include <unistd.h>

#include <cmocka.h>

#include "link/sockaddr.h"
#include "link/tap.h"
#include "link/vnet_wire.h"
#include "stack/csum.h"

/*
 * A host of which only what a tap asks for is there: the kernel's, unless told otherwise.
 */
struct between {
	struct host host;
	struct host *kernel;
	int write_rc; /* what the next fd_writev() returns instead; 0: the kernel's answer */
	int read_rc;
	unsigned writes, reads;
	int iovs; /* of the last write */
};

struct bed {
	struct between between;
	struct link *link;
	char name[IFNAMSIZ];
	int sock; /* an IPv4 datagram socket for ioctls and for sending */
	uint8_t mac[6];
	struct frame frames[LINK_BATCH];
	bool more;
};

static const uint8_t peer_mac[6] = {0x52, 0x55, 10, 0, 2, 2};

static ssize_t
between_readv(struct host *h, int fd, const struct iovec *iov, int n)
{
	struct between *b = (struct between *)(void *)h;
	int rc = b->read_rc;

	b->reads++;
	b->read_rc = 0;
	return rc ? rc : b->kernel->ops->fd_readv(b->kernel, fd, iov, n);
}

static ssize_t
between_writev(struct host *h, int fd, const struct iovec *iov, int n)
{
	struct between *b = (struct between *)(void *)h;

	b->writes++;
	b->iovs = n;
	return b->write_rc ? b->write_rc : b->kernel->ops->fd_writev(b->kernel, fd, iov, n);
}

static void
between_close(struct host *h, int fd, bool reset)
{
	struct between *b = (struct between *)(void *)h;

	b->kernel->ops->close(b->kernel, fd, reset);
}

static const struct host_ops between_ops = {
    .fd_readv = between_readv,
    .fd_writev = between_writev,
    .close = between_close,
};

static void
set_address(struct bed *b, unsigned long request, uint32_t value)
{
	struct ifreq ifr = {0};
	struct sockaddr_in sin = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(value)};

	memcpy(ifr.ifr_name, b->name, IFNAMSIZ);
	memcpy(&ifr.ifr_addr, &sin, sizeof(sin));
	assert_int_equal(ioctl(b->sock, request, &ifr), 0);
}

static void
set_up(struct bed *b, bool up)
{
	struct ifreq ifr = {.ifr_flags = up ? IFF_UP | IFF_RUNNING : 0};

	memcpy(ifr.ifr_name, b->name, IFNAMSIZ);
	assert_int_equal(ioctl(b->sock, SIOCSIFFLAGS, &ifr), 0);
}

static void
write_text_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);

	assert_true(fd >= 0 && write(fd, text, strlen(text)) > 0);
	close(fd);
}

/* A tap with 10.0.2.15/24 and no IPv6, so that the kernel says nothing of itself. */
static int
setup(void **state)
{
	struct bed *b = calloc(1, sizeof(*b));
	struct ifreq ifr = {0};
	char path[64];
	int err = 0;

	*state = b;
	b->between = (struct between){.host.ops = &between_ops, .kernel = host_kernel(&err)};
	b->sock = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	int fd = tap_open(b->name);
	if (fd < 0 || !b->between.kernel)
		return -1;
	b->link = link_tap(&b->between.host, fd, 1500, &err);
	if (!b->link)
		return -1;
	snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%.15s/disable_ipv6", b->name);
	write_text_file(path, "1");
	memcpy(ifr.ifr_name, b->name, IFNAMSIZ);
	if (ioctl(b->sock, SIOCGIFHWADDR, &ifr) < 0)
		return -1;
	memcpy(b->mac, ifr.ifr_hwaddr.sa_data, sizeof(b->mac));
	set_address(b, SIOCSIFADDR, 0x0a00020f);
	set_address(b, SIOCSIFNETMASK, 0xffffff00);
	set_up(b, true);
	return 0;
}

static int
teardown(void **state)
{
	struct bed *b = *state;

	if (b->link)
		b->link->ops->free(b->link);
	host_kernel_free(b->between.kernel);
	close(b->sock);
	free(b);
	return 0;
}

static int
receive(struct bed *b)
{
	return b->link->ops->receive(b->link, b->frames, LINK_BATCH, &b->more);
}

/* Wait for the descriptor as the loop would. */
static void
wait_readable(struct bed *b)
{
	struct pollfd p = {0};

	p.fd = b->link->ops->pollfd(b->link, &p.events);
	assert_int_equal(poll(&p, 1, 10000), 1);
	assert_true(p.revents & POLLIN);
}

static void
send_frame(struct bed *b, const struct offload *off, struct view head, struct view payload)
{
	struct frame f = {
	    .len = (uint32_t)(head.len + payload.len),
	    .nspan = 2,
	    .span = {head, payload},
	};

	if (off)
		f.off = *off;
	b->link->sink.send(b->link->sink.ctx, &f);
	b->link->sink.flush(b->link->sink.ctx);
}

/* Write what the gateway's own Ethernet and ARP would: 10.0.2.2 is at peer_mac. */
static void
announce_peer(struct bed *b)
{
	uint8_t bytes[42];
	struct wr w = wr_of(bytes, sizeof(bytes));

	wr_bytes(&w, b->mac, 6);
	wr_bytes(&w, peer_mac, 6);
	wr_u16(&w, 0x0806);
	wr_u32(&w, 0x00010800);
	wr_u32(&w, 0x06040002);
	wr_bytes(&w, peer_mac, 6);
	wr_u32(&w, 0x0a000202);
	wr_bytes(&w, b->mac, 6);
	wr_u32(&w, 0x0a00020f);
	assert_false(w.bad);
	send_frame(b, NULL, view_of(bytes, 14), view_of(bytes + 14, 28));
}

/* n datagrams of size bytes to 10.0.2.2:9, after the ARP exchange they cause. */
static void
have_sent(struct bed *b, int n, size_t size)
{
	static const uint8_t zeros[65000];
	const union sockaddr_any to = {.in = {
					   .sin_family = AF_INET,
					   .sin_port = htons(9),
					   .sin_addr.s_addr = htonl(0x0a000202),
				       }};

	for (int i = 0; i < n; i++)
		assert_int_equal(sendto(b->sock, zeros, size, 0, &to.sa, sizeof(to.in)), size);
}

/* Receive and answer the ARP request, and leave nothing unread. */
static void
become_known(struct bed *b)
{
	have_sent(b, 1, 1);
	wait_readable(b);
	assert_int_equal(receive(b), 1);
	b->link->ops->release(b->link);
	announce_peer(b);
	wait_readable(b);
	assert_int_equal(receive(b), 1);
	b->link->ops->release(b->link);
}

/* --- setting up ------------------------------------------------------------------------------------ */

static void
the_kernel_grants_its_offloads(void **state)
{
	struct bed *b = *state;

	assert_true(b->name[0] != '\0');
	assert_true(b->link->sink.lim.csum);
	assert_true(b->link->sink.lim.tso);
	assert_false(b->link->sink.lim.csum_lax);
	assert_int_equal(b->link->sink.lim.mtu, 1500);
	assert_true(b->link->sink.room(b->link->sink.ctx));
	assert_false(b->link->ops->before_sleep(b->link));
	assert_int_equal(receive(b), 0);
	assert_false(b->more);
}

static void
a_name_is_kept_or_refused(void **state)
{
	struct bed *b = *state;
	char name[IFNAMSIZ] = "guest%d", lo[IFNAMSIZ] = "lo", same[IFNAMSIZ];

	int fd = tap_open(name);
	assert_true(fd >= 0);
	assert_string_equal(name, "guest0");
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
	close(fd);
	assert_int_equal(tap_open(lo), -EINVAL);
	memcpy(same, b->name, IFNAMSIZ);
	assert_int_equal(tap_open(same), -EBUSY);
}

static void
what_is_no_tap_is_refused_and_stays_the_callers(void **state)
{
	struct bed *b = *state;
	int err = 0, fd = open("/dev/null", O_RDWR);

	assert_null(link_tap(&b->between.host, fd, 1500, &err));
	assert_int_equal(err, ENOTTY);
	assert_int_equal(close(fd), 0);
}

/* --- receiving ------------------------------------------------------------------------------------- */

static void
a_datagram_arrives_as_a_frame(void **state)
{
	struct bed *b = *state;
	struct frame *f = &b->frames[0];

	have_sent(b, 1, 5);
	wait_readable(b);
	assert_int_equal(receive(b), 1);
	assert_false(b->more);
	assert_int_equal(f->nspan, 1);
	assert_int_equal(f->len, 42);
	assert_false(f->shared);
	assert_memory_equal(f->span[0].p, "\xff\xff\xff\xff\xff\xff", 6);
	assert_memory_equal(f->span[0].p + 6, b->mac, 6);
	assert_memory_equal(f->span[0].p + 12, "\x08\x06\0\x01", 4);
	b->link->ops->release(b->link);

	announce_peer(b);
	wait_readable(b);
	assert_int_equal(receive(b), 1);
	assert_int_equal(f->len, 14 + 20 + 8 + 5);
	assert_memory_equal(f->span[0].p, peer_mac, 6);
	assert_int_equal(f->span[0].p[23], 17);
	/* A UDP checksum that the guest's kernel left for us to finish. */
	assert_true(f->off.needs_csum);
	assert_int_equal(f->off.csum_start, 34);
	assert_int_equal(f->off.csum_offset, 6);
	assert_int_equal((uintptr_t)(f->span[0].p + 14) % 16, 0);
	b->link->ops->release(b->link);
}

static void
a_batch_is_bounded_and_lies_close_together(void **state)
{
	struct bed *b = *state;

	become_known(b);
	have_sent(b, LINK_BATCH + 6, 100);
	wait_readable(b);
	unsigned before = b->between.reads;
	assert_int_equal(receive(b), LINK_BATCH);
	assert_int_equal(b->between.reads - before, LINK_BATCH);
	assert_true(b->more);
	for (int i = 1; i < LINK_BATCH; i++) {
		size_t apart = (size_t)(b->frames[i].span[0].p - b->frames[i - 1].span[0].p);
		assert_true(apart >= 142 && apart <= 142 + 12 + 64);
	}
	b->link->ops->release(b->link);
	before = b->between.reads;
	assert_int_equal(receive(b), 6);
	assert_int_equal(b->between.reads - before, 7);
	assert_false(b->more);
	b->link->ops->release(b->link);
}

static void
a_batch_of_long_frames_stops_at_its_bytes(void **state)
{
	struct bed *b = *state;
	struct ifreq ifr = {.ifr_mtu = 65520};
	size_t bytes = 0;

	memcpy(ifr.ifr_name, b->name, IFNAMSIZ);
	assert_int_equal(ioctl(b->sock, SIOCSIFMTU, &ifr), 0);
	int size = 8 << 20;
	assert_int_equal(setsockopt(b->sock, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)), 0);
	become_known(b);
	have_sent(b, 40, 64000);
	wait_readable(b);
	int n = receive(b);
	assert_true(b->more);
	for (int i = 0; i < n; i++) {
		assert_int_equal(b->frames[i].len, 64042);
		bytes += b->frames[i].len;
	}
	assert_int_equal(n, 17);
	assert_true(bytes >= LINK_BATCH_BYTES && bytes < LINK_BATCH_BYTES + FRAME_MAX);
	b->link->ops->release(b->link);
	assert_int_equal(receive(b), 17);
	b->link->ops->release(b->link);
	assert_int_equal(receive(b), 6);
}

/* --- sending --------------------------------------------------------------------------------------- */

static struct view
udp_to_guest(struct bed *b, uint8_t head[42], uint16_t payload, uint16_t sport, uint16_t dport,
	     uint32_t *pseudo)
{
	struct csum ip = {0}, p = {0};
	struct addr src = addr_v4(0x0a000202), dst = addr_v4(0x0a00020f);
	struct wr w = wr_of(head, 42);

	wr_bytes(&w, b->mac, 6);
	wr_bytes(&w, peer_mac, 6);
	wr_u16(&w, 0x0800);
	wr_u16(&w, 0x4500);
	wr_u16(&w, (uint16_t)(28 + payload));
	wr_u32(&w, 0);
	wr_u16(&w, 0x4011);
	wr_u16(&w, 0);
	wr_u32(&w, 0x0a000202);
	wr_u32(&w, 0x0a00020f);
	csum_add(&ip, view_of(head + 14, 20));
	uint16_t sum = csum_final(&ip);
	head[24] = (uint8_t)(sum >> 8);
	head[25] = (uint8_t)sum;
	wr_u16(&w, sport);
	wr_u16(&w, dport);
	wr_u16(&w, (uint16_t)(8 + payload));
	csum_pseudo(&p, &src, &dst, 17, 8u + payload);
	*pseudo = csum_partial(&p);
	wr_u16(&w, (uint16_t)*pseudo);
	assert_false(w.bad);
	return view_of(head, 42);
}

/* The guest's own socket hears what we write, its checksum unfinished. */
static void
the_kernel_takes_what_we_send(void **state)
{
	struct bed *b = *state;
	uint8_t head[42], got[64];
	uint32_t pseudo;
	union sockaddr_any at = {.in = {.sin_family = AF_INET}};
	socklen_t len = sizeof(at);

	assert_int_equal(bind(b->sock, &at.sa, sizeof(at.in)), 0);
	getsockname(b->sock, &at.sa, &len);
	struct view h = udp_to_guest(b, head, 7, 9, ntohs(at.in.sin_port), &pseudo);
	unsigned before = b->between.writes;
	send_frame(b,
		   &(struct offload){.needs_csum = true, .csum_start = 34, .csum_offset = 6, .hdr_len = 42},
		   h, view_of("payload", 7));
	assert_int_equal(b->between.writes - before, 1);
	assert_int_equal(b->between.iovs, 3);
	struct pollfd p = {.fd = b->sock, .events = POLLIN};
	assert_int_equal(poll(&p, 1, 10000), 1);
	assert_int_equal(recv(b->sock, got, sizeof(got), 0), 7);
	assert_memory_equal(got, "payload", 7);
}

/* One frame of 4,000 bytes, three datagrams for the guest. */
static void
the_kernel_cuts_a_run_of_datagrams(void **state)
{
	struct bed *b = *state;
	uint8_t head[42], payload[4000] = {0}, got[2048];
	uint32_t pseudo;
	union sockaddr_any at = {.in = {.sin_family = AF_INET}};
	socklen_t len = sizeof(at);

	assert_true(b->link->sink.lim.uso); /* Linux 6.2 */
	assert_int_equal(bind(b->sock, &at.sa, sizeof(at.in)), 0);
	getsockname(b->sock, &at.sa, &len);
	struct view h = udp_to_guest(b, head, sizeof(payload), 9, ntohs(at.in.sin_port), &pseudo);
	send_frame(b,
		   &(struct offload){.needs_csum = true,
				     .csum_start = 34,
				     .csum_offset = 6,
				     .gso_type = GSO_UDP_L4,
				     .gso_size = 1472,
				     .hdr_len = 42},
		   h, view_of(payload, sizeof(payload)));
	assert_int_equal(b->link->refused, 0);
	for (size_t left = sizeof(payload); left > 0;) {
		struct pollfd p = {.fd = b->sock, .events = POLLIN};
		size_t want = left < 1472 ? left : 1472;

		assert_int_equal(poll(&p, 1, 10000), 1);
		assert_int_equal(recv(b->sock, got, sizeof(got), 0), want);
		left -= want;
	}
}

static void
a_frame_the_kernel_refuses_is_counted(void **state)
{
	struct bed *b = *state;
	uint8_t head[42];
	uint32_t pseudo;
	struct view h = udp_to_guest(b, head, 0, 9, 9, &pseudo);

	/* A checksum beyond the frame's end. */
	send_frame(b, &(struct offload){.needs_csum = true, .csum_start = 60000, .csum_offset = 6}, h,
		   view_of("", 0));
	assert_int_equal(b->link->refused, 1);
	set_up(b, false);
	send_frame(b, NULL, h, view_of("", 0));
	assert_int_equal(b->link->refused, 2);
	assert_int_equal(b->link->error, 0);
	assert_true(b->link->sink.room(b->link->sink.ctx));
}

/* --- what seldom happens --------------------------------------------------------------------------- */

static void
a_frame_without_room_is_kept_and_sent_first(void **state)
{
	struct bed *b = *state;
	struct frame_sink *sink = &b->link->sink;
	uint8_t head[42], got[16];
	uint32_t pseudo;
	union sockaddr_any at = {.in = {.sin_family = AF_INET}};
	socklen_t len = sizeof(at);
	short events;

	assert_int_equal(bind(b->sock, &at.sa, sizeof(at.in)), 0);
	getsockname(b->sock, &at.sa, &len);
	struct view h = udp_to_guest(b, head, 5, 9, ntohs(at.in.sin_port), &pseudo);
	const struct offload off = {.needs_csum = true, .csum_start = 34, .csum_offset = 6};
	b->between.write_rc = -EAGAIN;
	send_frame(b, &off, h, view_of("first", 5));
	assert_false(sink->room(sink->ctx));
	send_frame(b, &off, h, view_of("lost!", 5));
	assert_int_equal(b->link->no_room, 1);
	b->link->ops->pollfd(b->link, &events);
	assert_int_equal(events, POLLIN | POLLOUT);
	b->between.write_rc = 0;
	assert_true(sink->room(sink->ctx));
	b->link->ops->pollfd(b->link, &events);
	assert_int_equal(events, POLLIN);
	send_frame(b, &off, h, view_of("secnd", 5));
	assert_int_equal(recv(b->sock, got, sizeof(got), 0), 5);
	assert_memory_equal(got, "first", 5);
	assert_int_equal(recv(b->sock, got, sizeof(got), 0), 5);
	assert_memory_equal(got, "secnd", 5);
	assert_int_equal(recv(b->sock, got, sizeof(got), 0), -1);
}

static void
a_frame_the_kernel_cannot_give_costs_only_itself(void **state)
{
	struct bed *b = *state;

	b->between.read_rc = -EINVAL;
	assert_int_equal(receive(b), 0);
	assert_true(b->more);
	assert_int_equal(b->link->refused, 1);
	assert_int_equal(b->link->error, 0);
}

static void
a_deleted_tap_ends_the_link(void **state)
{
	struct bed *b = *state;
	char command[64];

	snprintf(command, sizeof(command), "ip link del %.15s", b->name);
	assert_int_equal(system(command), 0);
	assert_int_equal(receive(b), -EBADFD);
	assert_int_equal(b->link->error, EBADFD);
	assert_false(b->link->sink.room(b->link->sink.ctx));
}

static int
enter_namespace(void **state)
{
	(void)state;
	if (unshare(CLONE_NEWNET) == 0)
		return 0;
	perror("unshare (this test wants root)");
	return 1;
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
	    T(the_kernel_grants_its_offloads),
	    T(a_name_is_kept_or_refused),
	    T(what_is_no_tap_is_refused_and_stays_the_callers),
	    T(a_datagram_arrives_as_a_frame),
	    T(a_batch_is_bounded_and_lies_close_together),
	    T(a_batch_of_long_frames_stops_at_its_bytes),
	    T(the_kernel_takes_what_we_send),
	    T(the_kernel_cuts_a_run_of_datagrams),
	    T(a_frame_the_kernel_refuses_is_counted),
	    T(a_frame_without_room_is_kept_and_sent_first),
	    T(a_frame_the_kernel_cannot_give_costs_only_itself),
	    T(a_deleted_tap_ends_the_link),
	};

	return cmocka_run_group_tests(tests, enter_namespace, NULL);
}
