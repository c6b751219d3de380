/*
 * fuzz_vhost_user.c - any VMM: its messages and descriptors, what is in its memory, when it kicks and when it goes
 *
 * The input is a list of moves, each a byte that says which and what it needs:
 *
 *	0 request flags len payload	a message: flags & 1 wants an answer, >> 1 & 3 descriptors, >> 3 which
 *	1 fds len bytes			bytes as they are, fds as flags above
 *	2 offset(3) len bytes		written to the memory that it shares
 *	3 queue				a kick
 *	4 len				the gateway sends a frame of 14 to 65,550 bytes
 *	5				the VMM hangs up, another one comes
 *
 * After each move the gateway takes turns.  Whatever is done: it rests within so many turns, its frames lie in
 * memory that can be read, a VMM is left with a sentence or not at all, and in the end no descriptor is left.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "link/unix.h"
#include "link/vhost_user.h"
#include "link/vhost_user_wire.h"
#include "link/virtio.h"

#define MEMORY (64u << 10)
#define TURNS 300 /* more than enough for what one move can bring */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The VMM's, made once: what it shares is sealed, so that no seed dies of SIGBUS. */
static struct {
	bool made;
	int memfd, kick[VIRTIO_QUEUES], small;
	int pipe; /* whose reader has gone: a write is a SIGPIPE */
	uint8_t *memory;
} vmm;

struct play {
	struct link *link;
	int fd; /* the VMM's end; -1: it was hung up on */
	struct rd in;
	uint8_t frame[FRAME_MAX];
};

static void
make_vmm(void)
{
	int pipes[2];

	vmm.memfd = memfd_create("guest", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	vmm.small = memfd_create("small", MFD_CLOEXEC);
	if (vmm.memfd < 0 || vmm.small < 0 || pipe2(pipes, O_CLOEXEC | O_NONBLOCK) < 0 ||
	    ftruncate(vmm.memfd, MEMORY) < 0 || ftruncate(vmm.small, 4096) < 0 ||
	    fcntl(vmm.memfd, F_ADD_SEALS, F_SEAL_SHRINK) < 0)
		abort();
	vmm.memory = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE, MAP_SHARED, vmm.memfd, 0);
	if (vmm.memory == MAP_FAILED)
		abort();
	for (unsigned i = 0; i < VIRTIO_QUEUES; i++)
		vmm.kick[i] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	close(pipes[0]);
	vmm.pipe = pipes[1];
	vmm.made = true;
}

/* The number that the next descriptor will have. */
static int
next_fd(void)
{
	int fd = dup(vmm.pipe);

	close(fd);
	return fd;
}

/* --- the gateway's side ---------------------------------------------------------------------------- */

static void
on_log(void *ctx, unsigned level, const char *line)
{
	(void)ctx;
	assert(level <= 3 && line[0]);
}

static void
open_link(struct play *p)
{
	int pair[2];
	char why[256];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
		abort();
	p->link = link_vhost_user(NULL,
				  &(struct vhost_user_options){
				      .fd = pair[0], .mtu = 1500, .mac = {2, 0, 0, 0, 0, 1}, .log = on_log},
				  why, sizeof(why));
	p->fd = pair[1];
	if (!p->link)
		abort();
}

static void
touch(const struct frame *f)
{
	static volatile uint8_t sink;
	size_t len = 0;

	assert(f->nspan <= FRAME_SPANS && f->len > 0 && f->len <= FRAME_MAX && f->shared);
	for (unsigned i = 0; i < f->nspan; i++) {
		for (size_t k = 0; k < f->span[i].len; k++)
			sink = (uint8_t)(sink ^ f->span[i].p[k]);
		len += f->span[i].len;
	}
	assert(len == f->len);
}

/* Until it would sleep. */
static void
rest(struct play *p)
{
	static struct frame frames[LINK_BATCH];
	struct link *l = p->link;

	for (int i = 0; i < TURNS; i++) {
		bool more = false;
		short events = 0;
		int n = l->ops->receive(l, frames, LINK_BATCH, &more);

		if (n < 0) {
			assert(n == -ENOLINK && l->error == ENOLINK && l->reason[0]);
			return;
		}
		for (int k = 0; k < n; k++)
			touch(&frames[k]);
		l->ops->release(l);
		l->sink.room(l->sink.ctx);
		if (more || l->ops->before_sleep(l))
			continue;
		struct pollfd fd = {.fd = l->ops->pollfd(l, &events), .events = POLLIN};
		if (poll(&fd, 1, 0) == 0)
			return;
	}
	fprintf(stderr, "the link does not rest\n");
	abort();
}

static void
gateway_sends(struct play *p, uint8_t len)
{
	struct link *l = p->link;
	struct frame f = {.len = 14 + 257u * len, .nspan = 1, .span = {view_of(p->frame, 14 + 257u * len)}};

	if (f.len > 14 + l->sink.lim.mtu)
		f.len = l->sink.lim.tso && f.len <= FRAME_MAX ? f.len : 14 + l->sink.lim.mtu;
	f.span[0].len = f.len;
	if (!l->error && l->sink.room(l->sink.ctx)) {
		l->sink.send(l->sink.ctx, &f);
		l->sink.flush(l->sink.ctx);
	}
}

/* --- the VMM's side -------------------------------------------------------------------------------- */

static void
send_bytes(struct play *p, const uint8_t *bytes, size_t len, uint8_t flags)
{
	const int which[] = {vmm.memfd, vmm.kick[0], vmm.kick[1], vmm.pipe, vmm.small};
	int fds[3], n = flags & 3;
	uint8_t replies[4096];

	for (int i = 0; i < n; i++)
		fds[i] = which[(flags >> 2) % (sizeof(which) / sizeof(which[0]))];
	if (len > 0)
		unix_send_fds(p->fd, bytes, len, fds, n);
	rest(p);
	while (recv(p->fd, replies, sizeof(replies), MSG_DONTWAIT) > 0)
		;
}

static void
send_message(struct play *p)
{
	uint8_t bytes[VHOST_USER_HLEN + 255];
	uint32_t words[3] = {rd_u8(&p->in), 0, 0};
	uint8_t flags = rd_u8(&p->in);
	struct view payload = rd_take(&p->in, rd_u8(&p->in));

	words[1] = VHOST_USER_VERSION | (flags & 1 ? VHOST_USER_NEED_REPLY : 0);
	words[2] = (uint32_t)payload.len;
	memcpy(bytes, words, sizeof(words));
	if (payload.len > 0)
		memcpy(bytes + VHOST_USER_HLEN, payload.p, payload.len);
	send_bytes(p, bytes, VHOST_USER_HLEN + payload.len, flags >> 1);
}

static void
write_memory(struct play *p)
{
	uint32_t at = ((uint32_t)rd_u8(&p->in) << 16 | rd_u16(&p->in)) % MEMORY;
	struct view v = rd_take(&p->in, rd_u8(&p->in));

	if (v.len > 0 && v.len <= MEMORY - at)
		memcpy(vmm.memory + at, v.p, v.len);
}

static void
close_link(struct play *p)
{
	close(p->fd);
	rest(p);
	assert(p->link->error);
	p->link->ops->free(p->link);
}

static void
move(struct play *p)
{
	uint8_t fds;
	struct view v;

	switch (rd_u8(&p->in)) {
	case 0:
		send_message(p);
		break;
	case 1:
		fds = rd_u8(&p->in);
		v = rd_take(&p->in, rd_u8(&p->in));
		send_bytes(p, v.p, v.len, fds);
		break;
	case 2:
		write_memory(p);
		rest(p);
		break;
	case 3:
		eventfd_write(vmm.kick[rd_u8(&p->in) % VIRTIO_QUEUES], 1);
		rest(p);
		break;
	case 4:
		gateway_sends(p, rd_u8(&p->in));
		rest(p);
		break;
	case 5:
		close_link(p);
		open_link(p);
		break;
	default:
		break;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct play p;

	if (!vmm.made)
		make_vmm();
	memset(vmm.memory, 0, MEMORY);
	int before = next_fd();
	p.in = rd_of(view_of(data, size));
	open_link(&p);
	while (rd_left(&p.in) > 0)
		move(&p);
	close_link(&p);
	assert(next_fd() == before);
	return 0;
}
