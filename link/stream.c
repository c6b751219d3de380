/*
 * stream.c - frames over a byte stream (see stream.h)
 *
 * In.  One large read(2) brings many frames; they are lent where they lie, a batch a turn, and the next read
 * waits until no whole frame is left.  A frame that is cut stays, and moves to the front when the space behind
 * it gets short:
 *
 *	in    | frames of turns past | frames lent | frames waiting | a cut one | free |
 *	      0                                    at                         end      IN_SIZE
 *
 * Out.  The frames of a turn are gathered and written by one sendmsg(2) at its end, or whenever OUT_BATCH bytes
 * have come together: lengths and headers from `heads`, where they were copied, the rest from where the stack
 * has it.  What the socket does not take is copied to `left`, and goes before anything else: a reader that has
 * seen part of a frame may block until it has all of it (libkrun does).  Until it is gone there is no room.
 * room() keeps what is gathered short enough for `left` to take all of it.
 *
 * Sleeping.  The loop sleeps on an epoll descriptor of the link's own, which has the listening socket in it while
 * there is no guest, else the connection, for POLLOUT only while `left` waits.  Both are level-triggered, and
 * what is watched for is changed only when the loop goes to sleep (pollfd()): a link that is busy does not pay.
 *
 * Memory: 1.5 MiB of address space, committed as it is used, given back when a guest leaves.
 */
#include "link/stream.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "link/stream_wire.h"
#include "link/vmm_socket.h"

#define IN_SIZE (1u << 20)
#define IN_SHORT (128u << 10) /* less free space than this: what waits moves to the front */
#define OUT_BATCH (256u << 10)
#define OUT_IOVS 1024  /* IOV_MAX */
#define HEAD_SPACE 260 /* STREAM_HLEN + FRAME_HEAD */
#define HEADS_SIZE (128u << 10)
#define LEFT_SIZE (OUT_BATCH + STREAM_HLEN + FRAME_MAX)
#define ARENA (IN_SIZE + HEADS_SIZE + LEFT_SIZE)
#define SNDBUF (1 << 20)

_Static_assert(IN_SHORT >= STREAM_HLEN + FRAME_MAX, "the longest frame fits behind where it is cut");
_Static_assert(HEAD_SPACE == STREAM_HLEN + FRAME_HEAD, "as it says");

struct stream {
	struct link link;
	struct vmm_socket socket;
	int epoll;
	uint32_t watching; /* epoll events of the guest's connection */
	int leaving; /* positive errno: writing found that the guest has left; receive() deals with it */

	uint8_t *in;
	size_t at, end;
	bool unread; /* the last read filled all it was given */

	uint8_t *heads;
	size_t heads_used;
	struct iovec iov[OUT_IOVS];
	int niov;
	size_t gathered; /* bytes of iov */
	uint8_t *left;
	size_t left_at, left_end;
	bool full; /* the socket has had enough; not asked again before release() */
};

static struct stream *
stream_of(void *link)
{
	return link;
}

/* --- who is attached --------------------------------------------------------------------------------- */

static int
control(struct stream *s, int op, int fd, uint32_t events)
{
	struct epoll_event e = {.events = events, .data.fd = fd};

	return epoll_ctl(s->epoll, op, fd, &e) < 0 ? -errno : 0;
}

static int
watch(void *ctx, int fd, bool on)
{
	return control(ctx, on ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, fd, on ? EPOLLIN : 0);
}

/* The buffer that the kernel keeps for us, if it is smaller; libkrun and passt ask for much as well. */
static void
set_sndbuf(int fd)
{
	int bytes = SNDBUF;

	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
}

/* A guest is connected. */
static void
guest_arrived(struct stream *s)
{
	set_sndbuf(s->socket.fd);
	s->watching = EPOLLIN;
	s->link.arrived++;
}

/* 1: somebody is attached now; 0: nobody; -ENOLINK: nobody will be. */
static int
accept_guest(struct stream *s)
{
	int rc = vmm_socket_accept(&s->socket, s->link.reason, sizeof(s->link.reason));

	if (rc > 0)
		guest_arrived(s);
	if (rc < 0)
		s->link.error = -rc;
	return rc;
}

/* What the link returns from receive() when its guest has left. */
static int
guest_left(struct stream *s)
{
	struct host *h = s->link.host;

	h->ops->close(h, vmm_socket_part(&s->socket), false);
	s->at = s->end = 0;
	s->left_at = s->left_end = 0;
	s->heads_used = s->gathered = 0;
	s->niov = 0;
	s->leaving = 0;
	s->full = s->unread = false;
	h->ops->drop_pages(s->in, ARENA);
	s->link.departed++;
	if (vmm_socket_next(&s->socket))
		return 0;
	s->link.error = ENOLINK;
	return -ENOLINK;
}

static int
guest_ended(struct stream *s, int error)
{
	if (error == 0 || error == EPIPE)
		snprintf(s->link.reason, sizeof(s->link.reason), "the VMM closed its end of the connection");
	else
		snprintf(s->link.reason, sizeof(s->link.reason), "the connection to the VMM broke: %s",
			 strerror(error));
	return guest_left(s);
}

static int
guest_nonsense(struct stream *s, uint32_t len)
{
	s->link.refused++;
	snprintf(s->link.reason, sizeof(s->link.reason),
		 "the VMM announced a frame of %u bytes, which is not between %u and %u", len,
		 STREAM_FRAME_MIN, FRAME_MAX);
	return guest_left(s);
}

/* --- sending ----------------------------------------------------------------------------------------- */

/* n bytes have gone: the rest of the vector. */
static struct iovec *
iov_skip(struct iovec *v, int *n, size_t bytes)
{
	while (*n > 0 && bytes >= v->iov_len) {
		bytes -= v->iov_len;
		v++;
		--*n;
	}
	if (*n > 0) {
		v->iov_base = (uint8_t *)v->iov_base + bytes;
		v->iov_len -= bytes;
	}
	return v;
}

/* As much of it as the socket takes, of `bytes` in all.  A short write means that it is full. */
static size_t
put(struct stream *s, const struct iovec *v, int n, size_t bytes)
{
	struct host *h = s->link.host;
	ssize_t rc = h->ops->writev(h, s->socket.fd, v, n);

	if (rc < 0 && rc != -EAGAIN && rc != -ENOBUFS && rc != -ENOMEM)
		s->leaving = (int)-rc;
	s->full = rc < (ssize_t)bytes;
	return rc < 0 ? 0 : (size_t)rc;
}

/* Write all that is gathered; what does not go is kept. */
static void
put_gathered(struct stream *s)
{
	int n = s->niov;
	struct iovec *v = iov_skip(s->iov, &n, put(s, s->iov, n, s->gathered));

	for (int i = 0; i < n && !s->leaving; i++) {
		assert(s->left_end + v[i].iov_len <= LEFT_SIZE);
		memcpy(s->left + s->left_end, v[i].iov_base, v[i].iov_len);
		s->left_end += v[i].iov_len;
	}
	s->niov = 0;
	s->gathered = s->heads_used = 0;
}

/* True: nothing is left. */
static bool
put_left(struct stream *s)
{
	size_t bytes = s->left_end - s->left_at;

	if (bytes > 0 && !s->full)
		s->left_at +=
		    put(s, &(struct iovec){.iov_base = s->left + s->left_at, .iov_len = bytes}, 1, bytes);
	if (s->left_at < s->left_end)
		return false;
	s->left_at = s->left_end = 0;
	return true;
}

static bool
is_listening_to_us(const struct stream *s)
{
	return s->socket.fd >= 0 && !s->leaving;
}

static bool
stream_room(void *ctx)
{
	struct stream *s = stream_of(ctx);

	if (!is_listening_to_us(s))
		return s->link.error == 0;
	if (!put_left(s))
		return s->leaving != 0;
	if (s->gathered < OUT_BATCH && s->niov + 1 + (int)FRAME_SPANS <= OUT_IOVS &&
	    s->heads_used + HEAD_SPACE <= HEADS_SIZE)
		return true;
	put_gathered(s);
	return s->left_end == 0;
}

static void
gather(struct stream *s, const uint8_t *p, size_t len)
{
	/* sendmsg(2) only reads through its pointers. */
	union {
		const uint8_t *in;
		void *out;
	} at = {.in = p};
	struct iovec *last = s->niov > 0 ? &s->iov[s->niov - 1] : NULL;

	if (last && (uint8_t *)last->iov_base + last->iov_len == p)
		last->iov_len += len; /* headers after headers */
	else
		s->iov[s->niov++] = (struct iovec){.iov_base = at.out, .iov_len = len};
	s->gathered += len;
}

static void
stream_send(void *ctx, const struct frame *f)
{
	struct stream *s = stream_of(ctx);
	struct view first = f->span[0];

	if (!is_listening_to_us(s))
		return;
	struct wr w = wr_of(s->heads + s->heads_used, HEADS_SIZE - s->heads_used);
	stream_emit(&w, f->len);
	wr_bytes(&w, first.p, first.len);
	if (s->left_end > 0 || s->gathered >= OUT_BATCH || s->niov + 1 + (int)FRAME_SPANS > OUT_IOVS ||
	    f->len > FRAME_MAX || w.bad) {
		s->link.no_room++;
		return;
	}
	gather(s, s->heads + s->heads_used, STREAM_HLEN + first.len);
	s->heads_used += STREAM_HLEN + first.len;
	for (int i = 1; i < f->nspan; i++)
		if (f->span[i].len > 0)
			gather(s, f->span[i].p, f->span[i].len);
}

static void
stream_flush(void *ctx)
{
	struct stream *s = stream_of(ctx);

	if (s->niov > 0)
		put_gathered(s);
}

/* --- receiving --------------------------------------------------------------------------------------- */

/* Whole frames out of what has been read.  *bad: the length that stands before the next one, which is none. */
static int
take_frames(struct stream *s, struct frame *out, int max, uint32_t *bad)
{
	struct rd r = rd_of(view_of(s->in + s->at, s->end - s->at));
	size_t bytes = 0;
	int n = 0;

	*bad = 0;
	while (n < max && bytes < LINK_BATCH_BYTES) {
		struct view v;
		uint32_t len;
		enum stream_parse is = stream_parse(&r, &v, &len);

		/* It is told when there is nothing before it any more. */
		if (is == STREAM_BAD && n == 0) {
			*bad = len;
			return -1;
		}
		if (is != STREAM_FRAME)
			break;
		out[n] = (struct frame){.len = len, .nspan = 1};
		out[n++].span[0] = v;
		bytes += len;
		s->at += STREAM_HLEN + len;
	}
	return n;
}

/* Is there something in what has been read that the next turn could begin with? */
static bool
whole_frame_waits(const struct stream *s)
{
	struct rd r = rd_of(view_of(s->in + s->at, s->end - s->at));
	struct view v;
	uint32_t len;

	return stream_parse(&r, &v, &len) != STREAM_PARTIAL;
}

/* Nothing is lent, and no whole frame is there.  1: bytes came, 0: none, -errno; the end is -EPIPE. */
static int
read_more(struct stream *s)
{
	struct host *h = s->link.host;

	if (s->at == s->end) {
		s->at = s->end = 0;
	} else if (s->at > 0 && IN_SIZE - s->end < IN_SHORT) {
		memmove(s->in, s->in + s->at, s->end - s->at);
		s->end -= s->at;
		s->at = 0;
	}
	struct iovec v = {.iov_base = s->in + s->end, .iov_len = IN_SIZE - s->end};
	ssize_t got = h->ops->readv(h, s->socket.fd, &v, 1);
	s->unread = got == (ssize_t)v.iov_len;
	if (got == -EAGAIN)
		return 0;
	if (got <= 0)
		return got == 0 ? -EPIPE : (int)got;
	s->end += (size_t)got;
	return 1;
}

static int
stream_receive(struct link *l, struct frame *out, int max, bool *more)
{
	struct stream *s = stream_of(l);
	uint32_t bad = 0;

	*more = false;
	if (l->error)
		return -l->error;
	if (s->leaving)
		return guest_ended(s, s->leaving);
	int here = s->socket.fd >= 0 ? 1 : accept_guest(s);
	if (here <= 0)
		return here;
	int n = take_frames(s, out, max, &bad);
	if (n == 0) {
		int rc = read_more(s);
		if (rc < 0)
			return guest_ended(s, -rc);
		if (rc > 0)
			n = take_frames(s, out, max, &bad);
	}
	if (n < 0)
		return guest_nonsense(s, bad);
	*more = s->unread || whole_frame_waits(s);
	return n;
}

static void
stream_release(struct link *l)
{
	stream_of(l)->full = false; /* the next turn may ask again */
}

static int
stream_pollfd(struct link *l, short *events)
{
	struct stream *s = stream_of(l);
	uint32_t want = s->left_end > 0 ? EPOLLIN | EPOLLOUT : EPOLLIN;

	if (s->socket.fd >= 0 && want != s->watching && control(s, EPOLL_CTL_MOD, s->socket.fd, want) == 0)
		s->watching = want;
	*events = POLLIN;
	return s->epoll;
}

static bool
stream_before_sleep(struct link *l)
{
	return stream_of(l)->leaving != 0;
}

/* --- life -------------------------------------------------------------------------------------------- */

static void
stream_free(struct link *l)
{
	struct stream *s = stream_of(l);

	if (s->socket.fd >= 0)
		l->host->ops->close(l->host, vmm_socket_part(&s->socket), false);
	vmm_socket_close(&s->socket);
	if (s->epoll >= 0)
		close(s->epoll);
	if (s->in)
		munmap(s->in, ARENA);
	free(s);
}

static const struct link_ops stream_ops = {
    .name = "stream",
    .receive = stream_receive,
    .release = stream_release,
    .pollfd = stream_pollfd,
    .before_sleep = stream_before_sleep,
    .free = stream_free,
};

void
link_stream_disown(struct link *l)
{
	vmm_socket_disown(&stream_of(l)->socket);
}

/* What it has before there is a socket; 0 or -errno. */
static int
set_up(struct stream *s)
{
	s->in = mmap(NULL, ARENA, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (s->in == MAP_FAILED) {
		s->in = NULL;
		return -ENOMEM;
	}
	madvise(s->in, ARENA, MADV_NOHUGEPAGE); /* one small frame must not cost 2 MiB */
	s->heads = s->in + IN_SIZE;
	s->left = s->heads + HEADS_SIZE;
	s->epoll = epoll_create1(EPOLL_CLOEXEC);
	return s->epoll < 0 ? -errno : 0;
}

struct link *
link_stream(struct host *h, const struct stream_options *o, char *why, size_t size)
{
	struct stream *s = malloc(sizeof(*s));

	if (!s) {
		snprintf(why, size, "no memory for the link to the guest");
		return NULL;
	}
	*s = (struct stream){
	    .link = {.ops = &stream_ops,
		     .host = h,
		     .sink = {.ctx = s,
			      .room = stream_room,
			      .send = stream_send,
			      .flush = stream_flush,
			      .lim = {.mtu = o->mtu, .csum_lax = true}}},
	    .epoll = -1,
	};
	vmm_socket_init(&s->socket, o->one_off, watch, s);
	int rc = set_up(s);
	if (rc < 0)
		snprintf(why, size, "cannot set up the link to the guest: %s", strerror(-rc));
	if (rc < 0 || !vmm_socket_open(&s->socket, o->path, o->connect, o->fd, why, size)) {
		stream_free(&s->link);
		return NULL;
	}
	if (s->socket.fd >= 0)
		guest_arrived(s);
	return &s->link;
}
