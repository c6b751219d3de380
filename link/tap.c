/*
 * tap.c - frames through a tap device, one read or write each
 *
 * Inbound frames are read back to back into one arena, each with its virtio-net header before it, so that
 * a turn of small frames touches a few pages and a turn of 64 KiB frames the whole of it: the next frame
 * begins where the last one ended, rounded up to a cache line.  The kernel gives one frame a call and
 * does not say how many wait, so a drained turn ends with a read that finds nothing; only while small
 * frames come one at a time (request and response) is that read left out, and poll(2) asked instead.
 *
 *	arena  | vnet | frame | pad | vnet | frame ...  | room for one more of FRAME_MAX |
 *	       0                                      LINK_BATCH_BYTES at most
 *
 * Outbound, the header is built on the stack and written with the frame's own spans by one writev(2).  A
 * tap takes a frame whole or not at all; one that it has no room for is kept here, and nothing else is
 * taken until it is gone.
 */
#include "link/tap.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/if_tun.h>

#include "link/vnet_wire.h"

/* Linux 6.2; not in every header yet. */
#ifndef TUN_F_USO4
#define TUN_F_USO4 0x20
#endif
#ifndef TUN_F_USO6
#define TUN_F_USO6 0x40
#endif

#define CACHE_LINE 64u
#define LEAD 6u                              /* puts the IP header, LEAD + 12 + 14 on, at 32: aligned */
#define READ_MAX (VNET_HLEN + FRAME_MAX + 1) /* a frame that fills this is too long */
#define HELD_MAX (VNET_HLEN + FRAME_MAX)
#define LONE_FRAME 2048u /* bytes: a small frame, for the guess that it is alone */
#define LONE_TURNS 4u    /* such turns before the guess is made */
#define LONE_TRUST 16u   /* guesses before one turn looks again */
#define ARENA_IN (LINK_BATCH_BYTES + CACHE_LINE + LEAD + READ_MAX)
#define ARENA (ARENA_IN + HELD_MAX)

struct tap {
	struct link link;
	int fd;
	uint8_t *arena; /* ARENA_IN bytes of frames read, then the frame held */
	size_t held;    /* bytes of a frame, header included, that wait for room; 0: none */
	unsigned lone;  /* turns in a row that found one small frame and no other */
};

static struct tap *
tap_of(void *link)
{
	return link;
}

/* --- sending --------------------------------------------------------------------------------------- */

static uint8_t *
held_frame(struct tap *t)
{
	return t->arena + ARENA_IN;
}

/* True when the frame is off our hands, also when the kernel would not have it (EINVAL: an offload it does
 * not know; EIO: the interface is down; ENOMEM). */
static bool
write_frame(struct tap *t, const struct iovec *iov, int n)
{
	ssize_t rc = t->link.host->ops->fd_writev(t->link.host, t->fd, iov, n);

	if (rc == -EAGAIN)
		return false;
	if (rc == -EBADFD || rc == -EBADF || rc == -ENODEV)
		t->link.error = (int)-rc;
	else if (rc < 0)
		t->link.refused++;
	return true;
}

static bool
tap_room(void *ctx)
{
	struct tap *t = tap_of(ctx);

	if (t->held > 0 && write_frame(t, &(struct iovec){.iov_base = held_frame(t), .iov_len = t->held}, 1))
		t->held = 0;
	return t->held == 0 && t->link.error == 0;
}

static void
hold(struct tap *t, const struct iovec *iov, int n)
{
	for (int i = 0; i < n; i++) {
		memcpy(held_frame(t) + t->held, iov[i].iov_base, iov[i].iov_len);
		t->held += iov[i].iov_len;
	}
}

static void
tap_send(void *ctx, const struct frame *f)
{
	struct tap *t = tap_of(ctx);
	uint8_t head[VNET_HLEN];
	struct wr w = wr_of(head, sizeof(head));
	struct iovec iov[1 + FRAME_SPANS] = {{.iov_base = head, .iov_len = sizeof(head)}};
	int n = 1;

	if (t->link.error)
		return;
	if (t->held > 0 || f->len > FRAME_MAX) {
		t->link.no_room++;
		return;
	}
	vnet_emit(&w, &f->off);
	for (int i = 0; i < f->nspan; i++) {
		/* writev(2) only reads through its pointers. */
		union {
			const uint8_t *in;
			void *out;
		} p = {.in = f->span[i].p};

		if (f->span[i].len > 0)
			iov[n++] = (struct iovec){.iov_base = p.out, .iov_len = f->span[i].len};
	}
	if (!write_frame(t, iov, n))
		hold(t, iov, n);
}

/* Every frame went out as it came. */
static void
tap_flush(void *ctx)
{
	(void)ctx;
}

/* --- receiving ------------------------------------------------------------------------------------- */

/* One read at `at` bytes into the arena.  Bytes read (a vnet header at least), 0: nothing there or nothing
 * good, or -errno: the tap has gone. */
static ssize_t
read_frame(struct tap *t, size_t at, bool *more)
{
	struct iovec iov = {.iov_base = t->arena + at, .iov_len = READ_MAX};
	ssize_t n = t->link.host->ops->fd_readv(t->link.host, t->fd, &iov, 1);

	if (n >= (ssize_t)VNET_HLEN && n < (ssize_t)READ_MAX)
		return n;
	if (n == -EAGAIN)
		return 0;
	if (n == -EBADFD || n == -EBADF || n == -ENODEV || n == -EFAULT || n == -EIO)
		return n;
	/* Too long, or a header the kernel could not make (EINVAL), or no memory: that frame is lost. */
	t->link.refused++;
	*more = true;
	return 0;
}

/* The turn's first frame has been read: is it a fair guess that there is no second? */
static bool
probably_alone(struct tap *t, const struct frame *f)
{
	if (f->len > LONE_FRAME)
		t->lone = 0;
	if (t->lone < LONE_TURNS)
		return false;
	if (++t->lone == LONE_TURNS + LONE_TRUST)
		t->lone = LONE_TURNS - 1;
	return true;
}

static int
tap_receive(struct link *l, struct frame *out, int max, bool *more)
{
	struct tap *t = tap_of(l);
	size_t at = LEAD;
	int got = 0;

	if (max > LINK_BATCH)
		max = LINK_BATCH;
	*more = false;
	while (got < max && at < LINK_BATCH_BYTES) {
		ssize_t n = read_frame(t, at, more);

		if (n < 0)
			l->error = (int)-n;
		if (n <= 0)
			break;
		struct rd r = rd_of(view_of(t->arena + at, (size_t)n));
		struct frame *f = &out[got++];

		f->shared = false;
		f->nspan = 1;
		vnet_parse(&r, &f->off);
		f->span[0] = rd_rest(&r);
		f->len = (uint32_t)f->span[0].len;
		at = (at + (size_t)n + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE + LEAD;
		if (got == 1 && probably_alone(t, f))
			return got;
	}
	t->lone = got == 1 ? t->lone + 1 : 0;
	if (got == max || at >= LINK_BATCH_BYTES)
		*more = true;
	return got > 0 || l->error == 0 ? got : -l->error;
}

static void
tap_release(struct link *l)
{
	(void)l; /* the next receive() begins at the arena's start again */
}

static int
tap_pollfd(struct link *l, short *events)
{
	struct tap *t = tap_of(l);

	*events = (short)(t->held > 0 ? POLLIN | POLLOUT : POLLIN);
	return t->fd;
}

static bool
tap_before_sleep(struct link *l)
{
	(void)l;
	return false;
}

static void
tap_free(struct link *l)
{
	struct tap *t = tap_of(l);

	if (t->fd >= 0)
		l->host->ops->close(l->host, t->fd, false);
	munmap(t->arena, ARENA);
	free(t);
}

static const struct link_ops tap_ops = {
    .name = "tap",
    .receive = tap_receive,
    .release = tap_release,
    .pollfd = tap_pollfd,
    .before_sleep = tap_before_sleep,
    .free = tap_free,
};

/* --- setting up ------------------------------------------------------------------------------------ */

/*
 * Offer the kernel all we can take from it: each set includes the next, and old kernels refuse (EINVAL) a
 * set with a bit they do not know.  Returns the bits of the set it took, 0: none.
 */
static unsigned
offer_offloads(int fd)
{
	static const unsigned sets[] = {
	    TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_USO4 | TUN_F_USO6,
	    TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6,
	    TUN_F_CSUM,
	};

	for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++)
		if (ioctl(fd, TUNSETOFFLOAD, sets[i]) == 0)
			return sets[i];
	return 0;
}

/* The header's size and byte order; how a descriptor that is not our kind of tap is found out. */
static int
set_header(int fd)
{
	struct ifreq ifr = {0};
	int len = VNET_HLEN, little = 1;

	if (ioctl(fd, TUNGETIFF, &ifr) < 0)
		return -errno;
	if ((ifr.ifr_flags & (IFF_TAP | IFF_NO_PI | IFF_VNET_HDR)) != (IFF_TAP | IFF_NO_PI | IFF_VNET_HDR))
		return -EINVAL;
	if (ioctl(fd, TUNSETVNETHDRSZ, &len) < 0 || ioctl(fd, TUNSETVNETLE, &little) < 0)
		return -errno;
	if (fcntl(fd, F_SETFL, O_NONBLOCK) < 0)
		return -errno;
	return 0;
}

int
tap_open(char *name)
{
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	struct ifreq ifr = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};

	if (fd < 0)
		return -errno;
	for (size_t i = 0; i + 1 < sizeof(ifr.ifr_name) && name[i]; i++)
		ifr.ifr_name[i] = name[i];
	int rc = ioctl(fd, TUNSETIFF, &ifr) < 0 ? -errno : set_header(fd);
	if (rc < 0) {
		close(fd);
		return rc;
	}
	offer_offloads(fd);
	memcpy(name, ifr.ifr_name, sizeof(ifr.ifr_name));
	return fd;
}

struct link *
link_tap(struct host *h, int fd, uint32_t mtu, int *err)
{
	int rc = set_header(fd);

	if (rc < 0) {
		*err = -rc;
		return NULL;
	}
	struct tap *t = malloc(sizeof(*t));
	void *arena =
	    mmap(NULL, ARENA, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (!t || arena == MAP_FAILED) {
		if (arena != MAP_FAILED)
			munmap(arena, ARENA);
		free(t);
		*err = ENOMEM;
		return NULL;
	}
	madvise(arena, ARENA, MADV_NOHUGEPAGE); /* one small frame must not cost 2 MiB */
	unsigned offloads = offer_offloads(fd);
	*t = (struct tap){
	    .link = {.ops = &tap_ops, .host = h},
	    .fd = fd,
	    .arena = arena,
	};
	t->link.sink = (struct frame_sink){
	    .ctx = t,
	    .room = tap_room,
	    .send = tap_send,
	    .flush = tap_flush,
	    .lim =
		{
		    .mtu = mtu,
		    .csum = offloads & TUN_F_CSUM,
		    .tso = offloads & TUN_F_TSO4,
		    .uso = offloads & TUN_F_USO4,
		},
	};
	return &t->link;
}

void
link_tap_disown(struct link *l)
{
	tap_of(l)->fd = -1;
}
