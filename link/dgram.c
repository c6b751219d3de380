/*
 * dgram.c - one frame a datagram over an AF_UNIX socket (see dgram.h)
 *
 * In.  A place for each frame of a turn; one recvmmsg(2) fills them.  While frames are long a turn takes fewer, so
 * that it moves about LINK_BATCH_BYTES.  The first datagrams of a guest are read one by one, because of what
 * comes beside them: the address to connect to, the process to watch; and until the queue has once been empty
 * there may be some in it of others who were as quick as the guest.
 *
 * Out.  The frames of a turn are gathered, headers copied, and sent by one sendmmsg(2) at its end or whenever
 * there are OUT_FRAMES or OUT_BATCH bytes.  A full queue or buffer (EAGAIN) is waited for: what did not go is
 * copied to `left`, and until it is gone there is no room.  Linux reports POLLOUT truly for a connected socket,
 * also when it is the peer's queue that is full (unix_dgram_poll()).  Two sockets connected to each other know no
 * such limit but the sender's buffer.
 *
 * Memory: 4.4 MiB of address space, committed as it is used, given back when a guest leaves.
 */
#include "link/dgram.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "link/unix.h"

#define GREETING "VFKT"
#define FRAME_MIN 14u  /* an Ethernet header */
#define STRIDE 65600u  /* FRAME_MAX, one byte that tells of longer ones, and not a multiple of a page */
#define LONG_FRAMES 16 /* a turn's frames while they are long */
#define LONG_MEAN 16384u
#define OUT_FRAMES 64
#define OUT_BATCH (256u << 10)
#define OUT_IOVS 512
#define HEADS_SIZE (OUT_FRAMES * FRAME_HEAD)
#define LEFT_SIZE (OUT_BATCH + FRAME_MAX)
#define IN_SIZE (LINK_BATCH * STRIDE)
#define ARENA (IN_SIZE + HEADS_SIZE + LEFT_SIZE)
#define SNDBUF (1 << 20)

_Static_assert(STRIDE > FRAME_MAX, "a frame that is too long shows");

struct dgram {
	struct link link;
	int fd;
	int epoll;
	int pidfd;  /* the guest's process; -1: not known */
	bool bound; /* others may come: fd has a name of its own */
	bool one_off;
	bool attached;
	bool settled;      /* the queue was empty once since: all that comes is the guest's */
	bool greeted;      /* the guest's first datagram has been seen */
	uint32_t watching; /* epoll events of fd */
	int leaving; /* positive errno: sending found that the guest has left; receive() deals with it */
	struct sockaddr_un guest;
	socklen_t guest_len; /* 0: connected when it was given */
	char path[UNIX_PATH];

	uint8_t *in;
	struct iovec slot[LINK_BATCH];
	struct host_dgram got[LINK_BATCH];
	bool long_frames;

	uint8_t *heads;
	size_t heads_used;
	struct host_dgram out[OUT_FRAMES];
	int first, nout; /* out[first..nout) are to go */
	struct iovec iov[OUT_IOVS];
	int niov;
	size_t gathered; /* bytes of out */
	uint8_t *left;
	bool held; /* out is in `left`, and waits for room */
	bool full; /* the socket has had enough; not asked again before release() */
};

static struct dgram *
dgram_of(void *link)
{
	return link;
}

/* --- who is attached --------------------------------------------------------------------------------- */

static int
watch(struct dgram *d, int op, int fd, uint32_t events)
{
	struct epoll_event e = {.events = events, .data.fd = fd};

	return epoll_ctl(d->epoll, op, fd, &e) < 0 ? -errno : 0;
}

/* Do datagrams tell who sent them? */
static void
ask_credentials(struct dgram *d, bool on)
{
	int yes = on;

	setsockopt(d->fd, SOL_SOCKET, SO_PASSCRED, &yes, sizeof(yes));
}

/* Its end will wake us.  Our own process is not one to wait for. */
static void
watch_process(struct dgram *d, pid_t pid)
{
	if (pid <= 0 || pid == getpid())
		return;
	d->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (d->pidfd >= 0 && watch(d, EPOLL_CTL_ADD, d->pidfd, EPOLLIN) < 0) {
		close(d->pidfd);
		d->pidfd = -1;
	}
}

static void
forget_process(struct dgram *d)
{
	if (d->pidfd < 0)
		return;
	watch(d, EPOLL_CTL_DEL, d->pidfd, 0);
	close(d->pidfd);
	d->pidfd = -1;
}

/* The process has ended; somebody else may hold the socket all the same. */
static bool
process_ended(struct dgram *d)
{
	struct pollfd p = {.fd = d->pidfd, .events = POLLIN};

	if (d->pidfd < 0 || poll(&p, 1, 0) <= 0)
		return false;
	forget_process(d);
	return unix_peer_is_gone(d->fd);
}

/* What the link returns from receive() when its guest has left. */
static int
guest_left(struct dgram *d, const char *how)
{
	struct sockaddr nobody = {.sa_family = AF_UNSPEC};

	snprintf(d->link.reason, sizeof(d->link.reason), "%s", how);
	forget_process(d);
	d->attached = d->settled = d->greeted = false;
	d->leaving = 0;
	d->first = d->nout = d->niov = 0;
	d->gathered = d->heads_used = 0;
	d->held = d->full = d->long_frames = false;
	d->link.host->ops->drop_pages(d->in, ARENA);
	d->link.departed++;
	if (!d->bound || d->one_off) {
		d->link.error = ENOLINK;
		return -ENOLINK;
	}
	/* Still connected, nobody could come after it. */
	if (connect(d->fd, &nobody, sizeof(nobody)) < 0) {
		d->link.error = errno;
		return -d->link.error;
	}
	ask_credentials(d, true);
	return 0;
}

static int
guest_ended(struct dgram *d, int error)
{
	char how[80];

	if (error == ECONNREFUSED || error == EPIPE || error == ENOTCONN)
		return guest_left(d, "the VMM closed its socket");
	if (error == ECONNRESET || error == EPERM)
		return guest_left(d, "the VMM connected its socket to another");
	snprintf(how, sizeof(how), "the socket to the VMM failed: %s", strerror(error));
	return guest_left(d, how);
}

/* --- sending ----------------------------------------------------------------------------------------- */

/* Send out[first..nout), in order, as far as it goes. */
static void
put(struct dgram *d)
{
	struct host *h = d->link.host;

	while (d->first < d->nout && !d->full && !d->leaving) {
		int rc = h->ops->sendmmsg(h, d->fd, &d->out[d->first], d->nout - d->first);

		if (rc > 0) {
			d->first += rc;
		} else if (rc == -EMSGSIZE) {
			d->link.refused++; /* longer than the system lets a datagram be (wmem_max) */
			d->first++;
		} else if (rc == 0 || rc == -EAGAIN || rc == -ENOBUFS || rc == -ENOMEM) {
			d->full = true;
		} else {
			d->leaving = -rc;
		}
	}
}

/* Nothing is gathered any more. */
static void
start_over(struct dgram *d)
{
	d->first = d->nout = d->niov = 0;
	d->gathered = d->heads_used = 0;
	d->held = false;
}

/* Copy what did not go.  The vectors are rewritten in place: frame i's begin at i or later. */
static void
hold(struct dgram *d)
{
	size_t used = 0;
	int n = 0;

	for (int i = d->first; i < d->nout; i++) {
		uint8_t *to = d->left + used;
		const struct host_dgram *f = &d->out[i];

		for (int k = 0; k < f->iovlen; k++) {
			assert(used + f->iov[k].iov_len <= LEFT_SIZE);
			memcpy(d->left + used, f->iov[k].iov_base, f->iov[k].iov_len);
			used += f->iov[k].iov_len;
		}
		d->iov[n] = (struct iovec){.iov_base = to, .iov_len = f->len};
		d->out[n] = (struct host_dgram){.iov = &d->iov[n], .iovlen = 1, .len = f->len};
		n++;
	}
	d->first = 0;
	d->nout = n;
	d->held = true;
}

/* True: all that was gathered is gone. */
static bool
put_all(struct dgram *d)
{
	put(d);
	if (d->first == d->nout || d->leaving) {
		start_over(d);
		return true;
	}
	if (!d->held)
		hold(d);
	return false;
}

static bool
batch_is_full(const struct dgram *d)
{
	return d->nout == OUT_FRAMES || d->gathered >= OUT_BATCH || d->niov + (int)FRAME_SPANS > OUT_IOVS;
}

static bool
dgram_room(void *ctx)
{
	struct dgram *d = dgram_of(ctx);

	if (!d->attached || d->leaving)
		return d->link.error == 0;
	return (!d->held && !batch_is_full(d)) || put_all(d);
}

static void
gather(struct dgram *d, const uint8_t *p, size_t len)
{
	/* sendmsg(2) only reads through its pointers. */
	union {
		const uint8_t *in;
		void *out;
	} at = {.in = p};

	if (len > 0)
		d->iov[d->niov++] = (struct iovec){.iov_base = at.out, .iov_len = len};
}

static void
dgram_send(void *ctx, const struct frame *f)
{
	struct dgram *d = dgram_of(ctx);
	struct view first = f->span[0];

	if (!d->attached || d->leaving)
		return;
	if (d->held || batch_is_full(d) || f->len > FRAME_MAX || first.len > HEADS_SIZE - d->heads_used) {
		d->link.no_room++;
		return;
	}
	struct host_dgram *out = &d->out[d->nout++];
	int from = d->niov;

	memcpy(d->heads + d->heads_used, first.p, first.len);
	gather(d, d->heads + d->heads_used, first.len);
	d->heads_used += first.len;
	for (int i = 1; i < f->nspan; i++)
		gather(d, f->span[i].p, f->span[i].len);
	*out = (struct host_dgram){.iov = &d->iov[from], .iovlen = d->niov - from, .len = f->len};
	d->gathered += f->len;
}

static void
dgram_flush(void *ctx)
{
	struct dgram *d = dgram_of(ctx);

	if (d->nout > 0 && !d->held)
		put_all(d);
}

/* --- receiving --------------------------------------------------------------------------------------- */

static bool
is_greeting(struct dgram *d, const uint8_t *p, size_t len)
{
	bool is = !d->greeted && len == strlen(GREETING) && memcmp(p, GREETING, len) == 0;

	d->greeted = true;
	return is;
}

/* One datagram of the guest: a frame, unless it is none. */
static int
take(struct dgram *d, const struct iovec *slot, size_t len, bool truncated, struct frame *out)
{
	if (is_greeting(d, slot->iov_base, len))
		return 0;
	if (len < FRAME_MIN || len > FRAME_MAX || truncated) {
		d->link.refused++;
		return 0;
	}
	*out = (struct frame){.len = (uint32_t)len, .nspan = 1};
	out->span[0] = view_of(slot->iov_base, len);
	return 1;
}

static pid_t
sender(struct msghdr *m)
{
	struct ucred who = {0};

	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c))
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_CREDENTIALS &&
		    c->cmsg_len >= CMSG_LEN(sizeof(who)))
			memcpy(&who, CMSG_DATA(c), sizeof(who));
	return who.pid;
}

/* Who made the pair of sockets: what was sent before we asked for credentials has none. */
static pid_t
maker(int fd)
{
	struct ucred who = {0};
	socklen_t len = sizeof(who);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) == 0 ? who.pid : 0;
}

/* May what this sender says be the guest's?  The first one becomes it. */
static bool
is_the_guest(struct dgram *d, const struct sockaddr_un *from, socklen_t len, pid_t pid)
{
	if (!d->attached) {
		if (len <= offsetof(struct sockaddr_un, sun_path) || len > sizeof(*from) ||
		    connect(d->fd, (const struct sockaddr *)from, len) < 0)
			return false;
		d->attached = true;
		d->guest = *from;
		d->guest_len = len;
		d->link.arrived++;
	} else if (d->guest_len && (len != d->guest_len || memcmp(from, &d->guest, len) != 0)) {
		return false;
	}
	if (!d->greeted) {
		watch_process(d, pid > 0 ? pid : maker(d->fd));
		ask_credentials(d, false);
	}
	return true;
}

/* One by one, until the queue is empty for the first time.  Frames, or -errno. */
static int
receive_first(struct dgram *d, struct frame *out, int max, bool *more)
{
	int n = 0;

	*more = true;
	for (int seen = 0; seen < max; seen++) {
		struct sockaddr_un from = {0};
		union {
			struct cmsghdr align;
			uint8_t room[CMSG_SPACE(sizeof(struct ucred))];
		} control;
		struct msghdr m = {.msg_name = &from,
				   .msg_namelen = sizeof(from),
				   .msg_iov = &d->slot[n],
				   .msg_iovlen = 1,
				   .msg_control = &control,
				   .msg_controllen = sizeof(control)};
		ssize_t len = recvmsg(d->fd, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

		if (len < 0) {
			int error = errno;

			*more = false;
			d->settled = d->attached && error == EAGAIN;
			if (error == EAGAIN || error == EINTR)
				return n;
			d->leaving = d->attached ? error : 0; /* told once, and after what came before it */
			return n > 0 ? n : -error;
		}
		if (is_the_guest(d, &from, m.msg_namelen, sender(&m)))
			n += take(d, &d->slot[n], (size_t)len, m.msg_flags & MSG_TRUNC, &out[n]);
		else
			d->link.refused++;
	}
	return n;
}

static int
receive_settled(struct dgram *d, struct frame *out, int max, bool *more)
{
	struct host *h = d->link.host;
	int want = d->long_frames && max > LONG_FRAMES ? LONG_FRAMES : max;
	int got = h->ops->recvmmsg(h, d->fd, d->got, want);
	size_t bytes = 0;
	int n = 0;

	for (int i = 0; i < got; i++) {
		n += take(d, &d->slot[i], d->got[i].len, d->got[i].truncated, &out[n]);
		bytes += d->got[i].len;
	}
	if (got > 0)
		d->long_frames = bytes / (size_t)got > LONG_MEAN;
	*more = got == want;
	return got < 0 && got != -EAGAIN ? got : n;
}

static int
dgram_receive(struct link *l, struct frame *out, int max, bool *more)
{
	struct dgram *d = dgram_of(l);

	*more = false;
	if (l->error)
		return -l->error;
	if (d->leaving)
		return guest_ended(d, d->leaving);
	if (max > LINK_BATCH)
		max = LINK_BATCH;
	int n = d->settled ? receive_settled(d, out, max, more) : receive_first(d, out, max, more);
	if (n < 0) {
		*more = false;
		return d->attached || !d->bound ? guest_ended(d, -n) : 0;
	}
	if (n == 0 && !*more && process_ended(d))
		return guest_left(d, "the VMM ended");
	return n;
}

static void
dgram_release(struct link *l)
{
	dgram_of(l)->full = false; /* the next turn may ask again */
}

static int
dgram_pollfd(struct link *l, short *events)
{
	struct dgram *d = dgram_of(l);
	uint32_t want = d->held ? EPOLLIN | EPOLLOUT : EPOLLIN;

	if (want != d->watching && watch(d, EPOLL_CTL_MOD, d->fd, want) == 0)
		d->watching = want;
	*events = POLLIN;
	return d->epoll;
}

bool
link_dgram_answers_by_path(struct link *l)
{
	return dgram_of(l)->bound;
}

static bool
dgram_before_sleep(struct link *l)
{
	return dgram_of(l)->leaving != 0;
}

/* --- life -------------------------------------------------------------------------------------------- */

static void
dgram_free(struct link *l)
{
	struct dgram *d = dgram_of(l);

	if (d->pidfd >= 0)
		close(d->pidfd);
	if (d->fd >= 0) {
		if (d->path[0])
			unix_unlink(d->path, d->fd);
		l->host->ops->close(l->host, d->fd, false);
	}
	if (d->epoll >= 0)
		close(d->epoll);
	if (d->in)
		munmap(d->in, ARENA);
	free(d);
}

static const struct link_ops dgram_ops = {
    .name = "dgram",
    .receive = dgram_receive,
    .release = dgram_release,
    .pollfd = dgram_pollfd,
    .before_sleep = dgram_before_sleep,
    .free = dgram_free,
};

void
link_dgram_disown(struct link *l)
{
	struct dgram *d = dgram_of(l);

	if (d->path[0])
		return;
	ask_credentials(d, false);
	d->fd = -1;
}

static bool
has_name(int fd)
{
	struct sockaddr_un sa;
	socklen_t len = sizeof(sa);

	return getsockname(fd, (struct sockaddr *)&sa, &len) == 0 &&
	       len > offsetof(struct sockaddr_un, sun_path);
}

/* The socket that the options tell of; *connected says which kind.  -1: why has the sentence. */
static int
find_socket(const struct dgram_options *o, bool *connected, char *why, size_t size)
{
	if (o->path) {
		int fd = unix_bind(o->path, SOCK_DGRAM);

		if (fd < 0)
			unix_explain(why, size, UNIX_RECEIVE, o->path, -fd);
		return fd < 0 ? -1 : fd;
	}
	int type = unix_type(o->fd);
	*connected = type == SOCK_DGRAM && unix_is_connected(o->fd);
	if (type < 0)
		snprintf(why, size, "descriptor %d is not a socket: %s", o->fd, strerror(-type));
	else if (type != SOCK_DGRAM)
		snprintf(why, size, "descriptor %d is not a datagram socket", o->fd);
	else if (!*connected && !has_name(o->fd))
		snprintf(why, size, "the socket of descriptor %d is neither connected nor bound", o->fd);
	else if (fcntl(o->fd, F_SETFL, O_NONBLOCK) < 0)
		snprintf(why, size, "descriptor %d: %s", o->fd, strerror(errno));
	else
		return o->fd;
	return -1;
}

/* 0 or -errno, and the socket is then the caller's. */
static int
set_up(struct dgram *d, int fd)
{
	int bytes = SNDBUF;

	d->in = mmap(NULL, ARENA, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (d->in == MAP_FAILED) {
		d->in = NULL;
		return -ENOMEM;
	}
	madvise(d->in, ARENA, MADV_NOHUGEPAGE); /* one small frame must not cost 2 MiB */
	d->heads = d->in + IN_SIZE;
	d->left = d->heads + HEADS_SIZE;
	for (int i = 0; i < LINK_BATCH; i++) {
		d->slot[i] = (struct iovec){.iov_base = d->in + (size_t)i * STRIDE, .iov_len = FRAME_MAX + 1};
		d->got[i] = (struct host_dgram){.iov = &d->slot[i], .iovlen = 1};
	}
	d->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (d->epoll < 0)
		return -errno;
	int rc = watch(d, EPOLL_CTL_ADD, fd, EPOLLIN);
	if (rc < 0)
		return rc;
	d->watching = EPOLLIN;
	d->fd = fd;
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
	ask_credentials(d, true);
	return 0;
}

struct link *
link_dgram(struct host *h, const struct dgram_options *o, char *why, size_t size)
{
	bool connected = false;
	struct dgram *d = malloc(sizeof(*d));
	int fd = d ? find_socket(o, &connected, why, size) : -1;

	if (!d)
		snprintf(why, size, "no memory for the link to the guest");
	if (fd < 0) {
		free(d);
		return NULL;
	}
	*d = (struct dgram){
	    .link = {.ops = &dgram_ops,
		     .host = h,
		     .arrived = connected,
		     .sink = {.ctx = d,
			      .room = dgram_room,
			      .send = dgram_send,
			      .flush = dgram_flush,
			      .lim = {.mtu = o->mtu, .csum_lax = true}}},
	    .fd = -1,
	    .epoll = -1,
	    .pidfd = -1,
	    .bound = !connected,
	    .attached = connected,
	    .one_off = o->one_off,
	};
	int rc = set_up(d, fd);
	if (rc < 0) {
		snprintf(why, size, "cannot set up the link to the guest: %s", strerror(-rc));
		d->fd = -1;
		dgram_free(&d->link);
		if (o->path) {
			unix_unlink(o->path, fd);
			close(fd);
		}
		return NULL;
	}
	if (o->path)
		snprintf(d->path, sizeof(d->path), "%s", o->path);
	return &d->link;
}
