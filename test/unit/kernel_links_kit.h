/*
 * kernel_links_kit.h - the other end of each kind of link, played on the gateway's thread
 *
 * A way is how the gateway and its guest came together: which end made the socket, or that it is a tap, a port, a device.  Whatever the
 * library does for the guest's half (a port's, a device's) is done with in_library set, so that it can fail, too.
 */
#ifndef TEST_UNIT_KERNEL_LINKS_KIT_H
#define TEST_UNIT_KERNEL_LINKS_KIT_H

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "link/stream_wire.h"
#include "link/unix.h"
#include "link/vnet_wire.h"
#include "sluice.h"
#include "test/bed/craft.h"
#include "test/bed/vhost_front.h"
#include "test/unit/kernel_calls_kit.h"

#define QUEUE 64u /* entries of each queue */
/* Whole frames with their checksums: what the guest hears is looked at as it is. */
#define PLAIN                                                                                             \
	(FRONT_FEATURES & ~(VIRTIO_NET_F_GUEST_CSUM | VIRTIO_NET_F_GUEST_TSO4 | VIRTIO_NET_F_GUEST_TSO6 | \
			    VIRTIO_NET_F_MRG_RXBUF))

/* The guest's end. */
static struct vmm {
	struct sluice_config *cfg;
	char *err; /* 256 bytes: why the library did not make its half */
	char dir[32], path[64];
	int listener; /* where the gateway connects to; -1 */
	int fd;       /* -1: nobody is there */
	pid_t child;  /* who sent the first datagram, and ended; 0: none */
	size_t nin;   /* of a stream: bytes in `in` */
	uint8_t in[2 * (STREAM_HLEN + FRAME_MAX)];
	struct sluice_port *port;
	struct sluice_virtio *virtio;
	struct vhost_front front; /* its driver also that of the device in this process */
	uint64_t slots;           /* where frames of the guest go from */
	unsigned slot;
	struct offload off; /* of the frame that was taken last */
} vmm;

struct way {
	const char *name;
	enum sluice_link_kind kind;
	/* What there is before the gateway, and in cfg; false: the library could not, and err says why. */
	bool (*before)(void);
	/* The guest comes, or comes again; false: it could not.  NULL: it is there. */
	bool (*comes)(void);
	void (*says)(const uint8_t *frame, size_t len);
	size_t (*takes)(uint8_t *frame); /* 0: there is none */
	void (*ends)(void);              /* after the gateway; NULL: nothing is left */
	bool (*is_left)(void);           /* was it hung up on?  NULL: it would not know */
	bool for_ever;                   /* the gateway does not end, whoever leaves */
	bool captured;                   /* every frame is written to a file */
	uint64_t only;                   /* calls that may have to do with it: bits of enum call; 0: all */
	bool (*is_there)(void);          /* can this machine do it?  NULL: every one can */
};

/* --- frames through a socket ----------------------------------------------------------------------------------------------------- */

static void
vmm_closes(void)
{
	if (vmm.fd >= 0)
		close(vmm.fd);
	vmm.fd = -1;
	vmm.nin = 0;
}

static void
vmm_sends(const void *bytes, size_t len)
{
	/* The gateway may have hung up; a full socket would be a test that says too much. */
	if (vmm.fd >= 0 && send(vmm.fd, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		if (errno == EAGAIN)
			abort();
}

static void
dgram_says(const uint8_t *frame, size_t len)
{
	vmm_sends(frame, len);
}

static void
stream_says(const uint8_t *frame, size_t len)
{
	static uint8_t bytes[STREAM_HLEN + FRAME_MAX];
	struct wr w = wr_of(bytes, sizeof(bytes));

	stream_emit(&w, (uint32_t)len);
	wr_bytes(&w, frame, len);
	vmm_sends(bytes, (size_t)(w.p - bytes));
}

static size_t
stream_takes(uint8_t *frame)
{
	struct view v;
	uint32_t len;

	if (vmm.fd < 0)
		return 0;
	ssize_t n = recv(vmm.fd, vmm.in + vmm.nin, sizeof(vmm.in) - vmm.nin, MSG_DONTWAIT);
	vmm.nin += n > 0 ? (size_t)n : 0;
	struct rd r = rd_of(view_of(vmm.in, vmm.nin));
	if (stream_parse(&r, &v, &len) != STREAM_FRAME) {
		if (n == 0)
			vmm_closes(); /* it was hung up on */
		return 0;
	}
	memcpy(frame, v.p, len);
	vmm.nin -= STREAM_HLEN + len;
	memmove(vmm.in, vmm.in + STREAM_HLEN + len, vmm.nin);
	return len;
}

static size_t
dgram_takes(uint8_t *frame)
{
	ssize_t n = vmm.fd >= 0 ? recv(vmm.fd, frame, FRAME_MAX, MSG_DONTWAIT) : 0;

	return n > 0 ? (size_t)n : 0;
}

static bool
at_path(void)
{
	vmm.cfg->link_path = vmm.path;
	return true;
}

/* A socket of ours that is connected to the gateway's. */
static bool
meets(int type)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX}, own = {.sun_family = AF_UNIX};

	vmm_closes();
	memcpy(sa.sun_path, vmm.path, sizeof(vmm.path));
	snprintf(own.sun_path, sizeof(own.sun_path), "%s/vmm", vmm.dir);
	vmm.fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
	unlink(own.sun_path);
	/* Datagrams are answered by name. */
	if (vmm.fd < 0 || (type == SOCK_DGRAM && bind(vmm.fd, (struct sockaddr *)&own, sizeof(own)) < 0))
		abort();
	if (connect(vmm.fd, (struct sockaddr *)&sa, sizeof(sa)) == 0)
		return true;
	vmm_closes();
	return false;
}

static bool
stream_comes(void)
{
	return meets(SOCK_STREAM);
}

/* It says who it is before it says anything else, as macOS's Virtualization.framework does. */
static bool
dgram_comes(void)
{
	bool is = meets(SOCK_DGRAM);

	if (is)
		vmm_sends("VFKT", 4);
	return is;
}

static void
dgram_ends(void)
{
	char own[64];

	snprintf(own, sizeof(own), "%s/vmm", vmm.dir);
	unlink(own);
}

/* The gateway's socket has a name, and was given. */
static bool
dgram_is_bound(void)
{
	vmm.cfg->link_fd = unix_bind(vmm.path, SOCK_DGRAM);
	if (vmm.cfg->link_fd < 0)
		abort();
	return true;
}

/* The first datagram is another process's, which has ended: the socket lives on, as with a VMM that left its starter. */
static bool
dgram_of_a_child(void)
{
	siginfo_t info;

	if (vmm.child > 0)
		waitpid(vmm.child, NULL, 0);
	if (!meets(SOCK_DGRAM))
		return false;
	vmm.child = fork();
	if (vmm.child == 0) {
		vmm_sends("VFKT", 4);
		_exit(0);
	}
	if (vmm.child < 0 || waitid(P_PID, (id_t)vmm.child, &info, WEXITED | WNOWAIT) < 0)
		abort();
	return true;
}

static void
dgram_and_child_end(void)
{
	dgram_ends();
	unlink(vmm.path);
	if (vmm.child > 0)
		waitpid(vmm.child, NULL, 0);
}

static bool
a_pair(int type)
{
	int pair[2];

	if (socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, pair) < 0)
		abort();
	vmm.cfg->link_fd = pair[0];
	vmm.fd = pair[1];
	return true;
}

static bool
stream_is_given(void)
{
	return a_pair(SOCK_STREAM);
}

static bool
dgram_is_given(void)
{
	return a_pair(SOCK_DGRAM);
}

/* The VMM listens, and has heard of the gateway when that is made. */
static bool
vmm_listens(void)
{
	vmm.listener = unix_bind(vmm.path, SOCK_STREAM);
	if (vmm.listener < 0)
		abort();
	vmm.cfg->link_path = vmm.path;
	vmm.cfg->link_connect = true;
	return true;
}

static bool
vmm_accepts(void)
{
	vmm_closes();
	vmm.fd = unix_accept(vmm.listener);
	return vmm.fd >= 0;
}

static void
vmm_stops_listening(void)
{
	if (vmm.listener >= 0)
		close(vmm.listener);
	vmm.listener = -1;
	unlink(vmm.path);
}

static bool
stream_is_left(void)
{
	char byte;

	return vmm.fd < 0 || recv(vmm.fd, &byte, 1, MSG_DONTWAIT | MSG_PEEK) == 0;
}

/* --- a tap, with the kernel at its other end ----------------------------------------------------------------------------------- */

/* In a network namespace of its own this process may have one; with the loopback its servers are on. */
static bool
tap_is_there(void)
{
	static int is = -1;
	struct ifreq lo = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
	char name[IFNAMSIZ] = "", err[256];

	if (is >= 0)
		return is;
	is = 0;
	if (unshare(CLONE_NEWNET) < 0)
		return false;
	int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0),
	    off = open("/proc/sys/net/ipv6/conf/default/disable_ipv6", O_WRONLY | O_CLOEXEC);
	if (s < 0 || ioctl(s, SIOCSIFFLAGS, &lo) < 0)
		abort();
	/* The kernel is to say nothing of its own. */
	if (off >= 0 && write(off, "1", 1) == 1)
		is = 1;
	if (off >= 0)
		close(off);
	close(s);
	int tap = is ? sluice_tap_open(name, err, sizeof(err)) : -1;
	is = tap >= 0;
	if (is)
		close(tap);
	return is;
}

/* The guest is a packet socket on the interface: what it sends the tap reads, what the tap is told it hears. */
static bool
tap_is_open(void)
{
	struct ifreq r = {.ifr_flags = IFF_UP | IFF_RUNNING};
	struct sockaddr_ll at = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};
	char name[IFNAMSIZ] = "";
	int yes = 1;

	in_library = true;
	int tap = sluice_tap_open(name, vmm.err, 256);
	in_library = false;
	if (tap < 0)
		return false;
	vmm.cfg->link_fd = tap;
	vmm.fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, htons(ETH_P_ALL));
	memcpy(r.ifr_name, name, sizeof(name));
	if (vmm.fd < 0 || ioctl(vmm.fd, SIOCSIFFLAGS, &r) < 0)
		abort();
	at.sll_ifindex = (int)if_nametoindex(name);
	if (setsockopt(vmm.fd, SOL_PACKET, PACKET_VNET_HDR, &yes, sizeof(yes)) < 0 ||
	    setsockopt(vmm.fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &yes, sizeof(yes)) < 0 ||
	    bind(vmm.fd, (struct sockaddr *)&at, sizeof(at)) < 0)
		abort();
	return true;
}

#define PACKET_HLEN 10u /* a virtio-net header without num_buffers */

static void
tap_says(const uint8_t *frame, size_t len)
{
	static uint8_t bytes[PACKET_HLEN + FRAME_MAX];

	memset(bytes, 0, PACKET_HLEN);
	memcpy(bytes + PACKET_HLEN, frame, len);
	/* The interface may be gone with the gateway. */
	ssize_t n = send(vmm.fd, bytes, PACKET_HLEN + len, MSG_DONTWAIT);
	(void)n;
}

static size_t
tap_takes(uint8_t *frame)
{
	static uint8_t bytes[VNET_HLEN + FRAME_MAX];
	const unsigned more = VNET_HLEN - PACKET_HLEN;
	ssize_t n = recv(vmm.fd, bytes + more, sizeof(bytes) - more, MSG_DONTWAIT);

	if (n <= (ssize_t)PACKET_HLEN)
		return 0;
	memmove(bytes, bytes + more, PACKET_HLEN);
	memset(bytes + PACKET_HLEN, 0, more);
	struct rd r = rd_of(view_of(bytes, more + (size_t)n));
	vnet_parse(&r, &vmm.off);
	/* The kernel tells how much of it is in one piece; exact is what is before the payload. */
	size_t start = vmm.off.csum_start;
	if (vmm.off.needs_csum && start + 13 < rd_left(&r))
		vmm.off.hdr_len =
		    (uint16_t)(start + (vmm.off.csum_offset == 16 ? (size_t)(r.p[start + 12] >> 4) * 4 : 8));
	memcpy(frame, r.p, rd_left(&r));
	return rd_left(&r);
}

/* --- a port ---------------------------------------------------------------------------------------------------------------------- */

static bool
port_is_made(void)
{
	struct sluice_port_config pc;

	sluice_port_config_init(&pc);
	pc.copy_frame = 2048;
	pc.send_slots = pc.receive_slots = 64;
	in_library = true;
	vmm.port = vmm.cfg->port = sluice_port_new(&pc, vmm.err, 256);
	in_library = false;
	return vmm.port;
}

static void
port_says(const uint8_t *frame, size_t len)
{
	in_library = true;
	sluice_port_send_copy(vmm.port, frame, len);
	in_library = false;
}

static size_t
port_takes(uint8_t *frame)
{
	in_library = true;
	int n = sluice_port_recv_copy(vmm.port, frame, FRAME_MAX);
	in_library = false;
	return n > 0 ? (size_t)n : 0;
}

static void
port_ends(void)
{
	in_library = true;
	sluice_port_free(vmm.port);
	in_library = false;
}

/* --- a device's queues, in this process and in another's ---------------------------------------------------------------------------- */

static void (*serve)(void); /* a turn of the gateway */
static bool patient;        /* the front end waits for an answer */

static void
front_turn(void *ctx)
{
	(void)ctx;
	if (patient)
		serve();
}

static void
front_is_made(void)
{
	front_init(&vmm.front, front_turn, NULL);
}

/* Places for frames that are under way, as many as there are entries; after whatever else is in memory. */
static void
slots_are_made(void)
{
	vmm.slots = driver_alloc(&vmm.front.driver, (uint64_t)QUEUE * FRONT_BUFFER, 64);
	vmm.slot = 0;
}

static void
queues_say(const uint8_t *frame, size_t len)
{
	struct driver *d = &vmm.front.driver;
	struct driver_queue *q = &d->q[VIRTIO_TX];
	uint64_t at = vmm.slots + (uint64_t)(vmm.slot++ % QUEUE) * FRONT_BUFFER, cookie;
	uint32_t unused;

	while (q->d && driver_used(q, &cookie, &unused))
		;
	/* From a device that does nothing any more no descriptor comes back. */
	if (!q->d || q->nfree == 0)
		return;
	memset(driver_at(d, at), 0, VNET_HLEN);
	memcpy(driver_at(d, at) + VNET_HLEN, frame, len);
	driver_add(q, &(struct driver_part){at, (uint32_t)(VNET_HLEN + len), false}, 1, false, at);
	if (driver_publish(q))
		driver_kick(d, VIRTIO_TX);
}

static size_t
queues_take(uint8_t *frame)
{
	return vmm.front.driver.q[VIRTIO_RX].d ? front_guest_gets(&vmm.front, frame, FRAME_MAX) : 0;
}

static void
front_ends(void)
{
	front_free(&vmm.front);
}

static bool
front_starts(void)
{
	memset(vmm.front.driver.q, 0, sizeof(vmm.front.driver.q));
	patient = true;
	bool is = front_start(&vmm.front, PLAIN, QUEUE);
	patient = false;
	slots_are_made();
	return is;
}

static bool
vhost_listens(void)
{
	front_is_made();
	return at_path();
}

static bool
vhost_comes(void)
{
	front_hang_up(&vmm.front);
	front_connect(&vmm.front, vmm.path);
	return front_starts();
}

static bool
vhost_is_left(void)
{
	char byte;

	return vmm.front.fd < 0 || recv(vmm.front.fd, &byte, 1, MSG_DONTWAIT | MSG_PEEK) == 0;
}

static bool
vhost_connects(void)
{
	front_is_made();
	return vmm_listens();
}

static bool
vhost_accepts(void)
{
	front_hang_up(&vmm.front);
	vmm.front.fd = unix_accept(vmm.listener);
	return vmm.front.fd >= 0 && front_starts();
}

static void
vhost_ends(void)
{
	front_ends();
	vmm_stops_listening();
}

static bool
device_is_made(void)
{
	front_is_made();
	struct driver *d = &vmm.front.driver;
	struct sluice_memory m = {d->gpa, d->size, d->memory};
	in_library = true;
	vmm.virtio = vmm.cfg->virtio = sluice_virtio_new(NULL, vmm.err, 256);
	int r = vmm.virtio ? sluice_virtio_set_memory(vmm.virtio, &m, 1) : 0;
	in_library = false;
	if (r < 0)
		abort();
	return vmm.virtio;
}

/* The driver resets the device and starts it. */
static bool
device_starts(void)
{
	struct vhost_front *f = &vmm.front;
	int r = 0;

	f->driver.allocated = 0;
	for (unsigned i = 0; i < VIRTIO_QUEUES; i++)
		driver_queue_init(&f->driver, i,
				  &(struct driver_queue_conf){.num = QUEUE, .event_idx = true});
	slots_are_made();
	for (unsigned i = 0; i < QUEUE; i++) {
		uint64_t at = driver_alloc(&f->driver, FRONT_BUFFER, 64);

		driver_add(&f->driver.q[VIRTIO_RX], &(struct driver_part){at, FRONT_BUFFER, true}, 1, false,
			   at);
	}
	driver_publish(&f->driver.q[VIRTIO_RX]);
	in_library = true;
	sluice_virtio_reset(vmm.virtio);
	r = sluice_virtio_set_features(vmm.virtio, PLAIN & ~VHOST_USER_F_PROTOCOL_FEATURES);
	for (unsigned i = 0; i < VIRTIO_QUEUES && r == 0; i++) {
		struct sluice_virtqueue q = driver_virtqueue(&f->driver, i);

		r = sluice_virtio_start(vmm.virtio, i, &q);
	}
	in_library = false;
	return r == 0;
}

static void
device_ends(void)
{
	in_library = true;
	sluice_virtio_free(vmm.virtio);
	in_library = false;
	front_ends();
}

#define BIT(call) (UINT64_C(1) << (call))
#define OF_A_TAP                                                                                   \
	(BIT(CALL_OPEN) | BIT(CALL_IOCTL) | BIT(CALL_FCNTL) | BIT(CALL_READV) | BIT(CALL_WRITEV) | \
	 BIT(CALL_MMAP) | BIT(CALL_CLOSE))
#define OF_A_CHILD                                                                                \
	(BIT(CALL_PIDFD_OPEN) | BIT(CALL_POLL) | BIT(CALL_GETSOCKNAME) | BIT(CALL_EPOLL_CTL) |    \
	 BIT(CALL_CLOSE) | BIT(CALL_SOCKET) | BIT(CALL_FSTAT) | BIT(CALL_SEND) | BIT(CALL_RECV) | \
	 BIT(CALL_RECVMSG))
#define OF_QUEUES                                                                                        \
	(BIT(CALL_MMAP) | BIT(CALL_MADVISE) | BIT(CALL_FCNTL) | BIT(CALL_READ) | BIT(CALL_WRITE) |       \
	 BIT(CALL_CLOSE) | BIT(CALL_EPOLL_CREATE1) | BIT(CALL_EPOLL_CTL) | BIT(CALL_EPOLL_WAIT) |        \
	 BIT(CALL_EVENTFD) | BIT(CALL_TIMERFD_CREATE) | BIT(CALL_ACCEPT4) | BIT(CALL_RECVMSG) |          \
	 BIT(CALL_SENDMSG) | BIT(CALL_FSTAT) | BIT(CALL_SOCKET) | BIT(CALL_CONNECT) | BIT(CALL_LISTEN) | \
	 BIT(CALL_BIND) | BIT(CALL_FCHMOD) | BIT(CALL_GETSOCKOPT))

static const struct way ways[] = {
    {.name = "a stream that is listened for",
     .kind = SLUICE_LINK_STREAM,
     .before = at_path,
     .comes = stream_comes,
     .says = stream_says,
     .takes = stream_takes,
     .is_left = stream_is_left,
     .captured = true,
     .for_ever = true},
    {.name = "a stream that was given",
     .kind = SLUICE_LINK_STREAM,
     .before = stream_is_given,
     .says = stream_says,
     .takes = stream_takes},
    {.name = "a stream to a VMM",
     .kind = SLUICE_LINK_STREAM,
     .before = vmm_listens,
     .comes = vmm_accepts,
     .says = stream_says,
     .takes = stream_takes,
     .ends = vmm_stops_listening},
    {.name = "datagrams to a path",
     .kind = SLUICE_LINK_DGRAM,
     .before = at_path,
     .comes = dgram_comes,
     .says = dgram_says,
     .takes = dgram_takes,
     .ends = dgram_ends,
     .for_ever = true},
    {.name = "datagrams of another process",
     .kind = SLUICE_LINK_DGRAM,
     .before = dgram_is_bound,
     .comes = dgram_of_a_child,
     .says = dgram_says,
     .takes = dgram_takes,
     .ends = dgram_and_child_end,
     .for_ever = true,
     .only = OF_A_CHILD},
    {.name = "datagrams that were given",
     .kind = SLUICE_LINK_DGRAM,
     .before = dgram_is_given,
     .says = dgram_says,
     .takes = dgram_takes},
    {.name = "a tap",
     .kind = SLUICE_LINK_TAP,
     .before = tap_is_open,
     .says = tap_says,
     .takes = tap_takes,
     .only = OF_A_TAP,
     .is_there = tap_is_there},
    {.name = "a port",
     .kind = SLUICE_LINK_PORT,
     .before = port_is_made,
     .says = port_says,
     .takes = port_takes,
     .only = OF_QUEUES,
     .ends = port_ends},
    {.name = "a device",
     .kind = SLUICE_LINK_VIRTIO,
     .before = device_is_made,
     .comes = device_starts,
     .says = queues_say,
     .takes = queues_take,
     .only = OF_QUEUES,
     .ends = device_ends,
     .for_ever = true},
    {.name = "vhost-user that is listened for",
     .kind = SLUICE_LINK_VHOST_USER,
     .before = vhost_listens,
     .comes = vhost_comes,
     .says = queues_say,
     .takes = queues_take,
     .only = OF_QUEUES,
     .ends = vhost_ends,
     .is_left = vhost_is_left,
     .for_ever = true},
    {.name = "vhost-user to a VMM",
     .kind = SLUICE_LINK_VHOST_USER,
     .before = vhost_connects,
     .comes = vhost_accepts,
     .says = queues_say,
     .takes = queues_take,
     .only = OF_QUEUES,
     .ends = vhost_ends},
};
#define WAYS (sizeof(ways) / sizeof(ways[0]))

#endif
