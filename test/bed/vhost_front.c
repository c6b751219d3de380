/*
 * vhost_front.c - a front end of vhost-user, for tests (see vhost_front.h)
 */
#include "test/bed/vhost_front.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "link/unix.h"
#include "link/vnet_wire.h"

#define TURNS 200u /* how long it waits */
#define BUFFERS 64u
#define SLOT (VNET_HLEN + FRAME_MAX)

static void
die(const char *why)
{
	fprintf(stderr, "vhost front: %s: %s\n", why, strerror(errno));
	abort();
}

/* --- life ------------------------------------------------------------------------------------------ */

void
front_init(struct vhost_front *f, void (*turn)(void *ctx), void *ctx)
{
	*f = (struct vhost_front){.fd = -1, .turn = turn, .ctx = ctx};
	driver_init(&f->driver, FRONT_MEMORY, DRIVER_GPA);
	free(f->driver.memory);
	f->memfd = memfd_create("guest", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (f->memfd < 0 || ftruncate(f->memfd, (off_t)(FRONT_GUARD + FRONT_MEMORY)) < 0 ||
	    fcntl(f->memfd, F_ADD_SEALS, F_SEAL_SHRINK) < 0)
		die("no memory");
	f->driver.memory =
	    mmap(NULL, FRONT_MEMORY, PROT_READ | PROT_WRITE, MAP_SHARED, f->memfd, FRONT_GUARD);
	if (f->driver.memory == MAP_FAILED)
		die("no memory");
	for (unsigned i = 0; i < VIRTIO_QUEUES; i++)
		f->err_fd[i] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
}

void
front_free(struct vhost_front *f)
{
	front_hang_up(f);
	munmap(f->driver.memory, FRONT_MEMORY);
	f->driver.memory = NULL;
	driver_free(&f->driver);
	close(f->memfd);
	for (unsigned i = 0; i < VIRTIO_QUEUES; i++)
		close(f->err_fd[i]);
}

void
front_connect(struct vhost_front *f, const char *path)
{
	f->fd = unix_connect(path, SOCK_STREAM);
	if (f->fd < 0)
		die("cannot connect");
}

void
front_hang_up(struct vhost_front *f)
{
	if (f->fd >= 0)
		close(f->fd);
	f->fd = -1;
}

/* --- messages -------------------------------------------------------------------------------------- */

bool
front_send_bytes(struct vhost_front *f, const void *bytes, size_t len, const int *fds, int nfds)
{
	int rc;

	for (unsigned i = 0; (rc = unix_send_fds(f->fd, bytes, len, fds, nfds)) == -EAGAIN && i < TURNS; i++)
		f->turn(f->ctx);
	if (rc < 0 && rc != -EPIPE && rc != -ECONNRESET)
		die("cannot send");
	return rc == 0;
}

bool
front_send(struct vhost_front *f, const struct vhost_user_message *m, const int *fds, int nfds)
{
	uint8_t bytes[VHOST_USER_MESSAGE_MAX];
	struct wr w = wr_of(bytes, sizeof(bytes));

	vhost_user_emit(&w, m);
	return front_send_bytes(f, bytes, (size_t)(w.p - bytes), fds, nfds);
}

/* Exactly len bytes, or false: the back end has hung up, or says nothing. */
static bool
read_all(struct vhost_front *f, uint8_t *to, size_t len)
{
	for (unsigned i = 0; len > 0 && i < TURNS; i++) {
		ssize_t n = recv(f->fd, to, len, MSG_DONTWAIT);

		if (n == 0 || (n < 0 && errno != EAGAIN))
			return false;
		if (n < 0) {
			f->turn(f->ctx);
			continue;
		}
		to += n;
		len -= (size_t)n;
	}
	return len == 0;
}

bool
front_reply(struct vhost_front *f, struct vhost_user_message *reply)
{
	uint8_t bytes[VHOST_USER_MESSAGE_MAX];
	struct vhost_user_header h;
	struct rd r = rd_of(view_of(bytes, VHOST_USER_HLEN));

	if (!read_all(f, bytes, VHOST_USER_HLEN))
		return false;
	vhost_user_parse_header(&r, &h);
	if (h.flags != (VHOST_USER_VERSION | VHOST_USER_REPLY) || h.size > VHOST_USER_PAYLOAD_MAX)
		die("a strange answer");
	if (!read_all(f, bytes, h.size))
		return false;
	if (h.request == VHOST_USER_GET_VRING_BASE || (h.request == VHOST_USER_GET_CONFIG && h.size > 0)) {
		if (!vhost_user_parse(&h, view_of(bytes, h.size), reply))
			die("a strange answer");
		return true;
	}
	*reply = (struct vhost_user_message){.request = h.request, .reply = true};
	if (h.size == 0)
		return true;
	if (h.size != sizeof(reply->u64))
		die("a strange answer");
	reply->payload = VHOST_USER_U64;
	memcpy(&reply->u64, bytes, sizeof(reply->u64));
	return true;
}

bool
front_is_left(struct vhost_front *f)
{
	for (unsigned i = 0; i < TURNS; i++) {
		uint8_t bytes[4096];
		ssize_t n = recv(f->fd, bytes, sizeof(bytes), MSG_DONTWAIT);

		if (n == 0 || (n < 0 && errno != EAGAIN))
			return true;
		f->turn(f->ctx);
	}
	return false;
}

bool
front_say(struct vhost_front *f, uint32_t request)
{
	return front_send(f, &(struct vhost_user_message){.request = request}, NULL, 0);
}

bool
front_say_u64(struct vhost_front *f, uint32_t request, uint64_t value)
{
	return front_say_fd(f, request, value, -1);
}

bool
front_say_fd(struct vhost_front *f, uint32_t request, uint64_t value, int fd)
{
	return front_send(
	    f, &(struct vhost_user_message){.request = request, .payload = VHOST_USER_U64, .u64 = value}, &fd,
	    fd < 0 ? 0 : 1);
}

bool
front_say_state(struct vhost_front *f, uint32_t request, uint32_t index, uint32_t num)
{
	return front_send(f,
			  &(struct vhost_user_message){
			      .request = request, .payload = VHOST_USER_STATE, .state = {index, num}},
			  NULL, 0);
}

static uint64_t
user_address(const struct vhost_front *f, uint64_t gpa)
{
	return (uint64_t)(uintptr_t)driver_at(&f->driver, gpa);
}

bool
front_say_addr(struct vhost_front *f, unsigned queue)
{
	const struct driver_queue *q = &f->driver.q[queue];
	struct vhost_user_message m = {.request = VHOST_USER_SET_VRING_ADDR,
				       .payload = VHOST_USER_ADDR,
				       .addr = {.index = queue,
						.desc = user_address(f, q->desc),
						.used = user_address(f, q->used),
						.avail = user_address(f, q->avail)}};

	return front_send(f, &m, NULL, 0);
}

bool
front_ask(struct vhost_front *f, uint32_t request, uint64_t *value)
{
	struct vhost_user_message reply;

	if (!front_say(f, request) || !front_reply(f, &reply) || reply.request != request)
		return false;
	*value = reply.u64;
	return true;
}

bool
front_ack(struct vhost_front *f, struct vhost_user_message *m, const int *fds, int nfds, uint64_t *value)
{
	struct vhost_user_message reply;

	m->need_reply = true;
	if (!front_send(f, m, fds, nfds) || !front_reply(f, &reply) || reply.request != m->request)
		return false;
	*value = reply.u64;
	return true;
}

struct vhost_user_region
front_region(const struct vhost_front *f)
{
	return (struct vhost_user_region){.guest = f->driver.gpa,
					  .size = FRONT_MEMORY,
					  .user = (uint64_t)(uintptr_t)f->driver.memory,
					  .offset = FRONT_GUARD};
}

bool
front_say_memory(struct vhost_front *f)
{
	struct vhost_user_message m = {.request = VHOST_USER_SET_MEM_TABLE, .payload = VHOST_USER_MEMORY};

	m.memory.n = 1;
	m.memory.region[0] = front_region(f);
	return front_send(f, &m, &f->memfd, 1);
}

/* --- a device that works --------------------------------------------------------------------------- */

bool
front_negotiate(struct vhost_front *f, uint64_t features)
{
	uint64_t offered;

	return front_ask(f, VHOST_USER_GET_FEATURES, &offered) &&
	       front_ask(f, VHOST_USER_GET_PROTOCOL_FEATURES, &offered) &&
	       front_say_u64(f, VHOST_USER_SET_PROTOCOL_FEATURES, FRONT_PROTOCOL & offered) &&
	       front_say(f, VHOST_USER_SET_OWNER) && front_say_u64(f, VHOST_USER_SET_FEATURES, features);
}

bool
front_start_queue(struct vhost_front *f, unsigned queue, uint16_t next)
{
	return front_say_state(f, VHOST_USER_SET_VRING_NUM, queue, f->driver.q[queue].conf.num) &&
	       front_say_state(f, VHOST_USER_SET_VRING_BASE, queue, next) && front_say_addr(f, queue) &&
	       front_say_fd(f, VHOST_USER_SET_VRING_KICK, queue, f->driver.kick_fd[queue]) &&
	       front_say_fd(f, VHOST_USER_SET_VRING_CALL, queue, f->driver.call_fd[queue]) &&
	       front_say_fd(f, VHOST_USER_SET_VRING_ERR, queue, f->err_fd[queue]);
}

static void
post(struct vhost_front *f, uint64_t buffer)
{
	struct driver_part part = {.gpa = buffer, .len = FRONT_BUFFER, .write = true};

	if (!driver_add(&f->driver.q[VIRTIO_RX], &part, 1, false, buffer))
		die("no place for a buffer");
}

bool
front_start(struct vhost_front *f, uint64_t features, uint16_t num)
{
	struct driver_queue_conf conf = {.num = num, .event_idx = features & VIRTIO_F_EVENT_IDX};
	uint64_t left;

	f->driver.allocated = 0;
	for (unsigned i = 0; i < VIRTIO_QUEUES; i++)
		driver_queue_init(&f->driver, i, &conf);
	f->buffers = driver_alloc(&f->driver, (uint64_t)BUFFERS * FRONT_BUFFER, 64);
	f->slot = driver_alloc(&f->driver, SLOT, 64);
	for (unsigned i = 0; i < BUFFERS && i < num; i++)
		post(f, f->buffers + (uint64_t)i * FRONT_BUFFER);
	driver_publish(&f->driver.q[VIRTIO_RX]);
	if (!front_negotiate(f, features) || !front_say_memory(f))
		return false;
	for (unsigned i = 0; i < VIRTIO_QUEUES; i++)
		if (!front_start_queue(f, i, 0) || !front_say_state(f, VHOST_USER_SET_VRING_ENABLE, i, 1))
			return false;
	/* By its answer all before it has been done. */
	return front_ask(f, VHOST_USER_GET_FEATURES, &left);
}

void
front_guest_sends(struct vhost_front *f, const void *frame, size_t len)
{
	struct driver_queue *q = &f->driver.q[VIRTIO_TX];
	struct driver_part part = {.gpa = f->slot, .len = (uint32_t)(VNET_HLEN + len)};
	uint8_t *at = driver_at(&f->driver, f->slot);
	uint64_t cookie;
	uint32_t unused;

	while (driver_used(q, &cookie, &unused))
		;
	memset(at, 0, VNET_HLEN);
	memcpy(at + VNET_HLEN, frame, len);
	if (!driver_add(q, &part, 1, false, 0))
		die("no place for a frame");
	if (driver_publish(q))
		driver_kick(&f->driver, VIRTIO_TX);
}

size_t
front_guest_gets(struct vhost_front *f, void *frame, size_t size)
{
	struct driver_queue *q = &f->driver.q[VIRTIO_RX];
	uint64_t buffer;
	uint32_t len;

	for (unsigned i = 0; i < TURNS; i++) {
		if (driver_used(q, &buffer, &len)) {
			size_t n = len < VNET_HLEN ? 0 : len - VNET_HLEN;

			if (len > FRONT_BUFFER || n > size)
				die("a frame of that length cannot be");
			memcpy(frame, driver_at(&f->driver, buffer) + VNET_HLEN, n);
			post(f, buffer);
			if (driver_publish(q))
				driver_kick(&f->driver, VIRTIO_RX);
			return n;
		}
		f->turn(f->ctx);
	}
	return 0;
}
