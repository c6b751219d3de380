/*
 * vhost_user_session.c - what one VMM has said (see vhost_user_session.h)
 *
 * One function for each request, in a table.  What is offered and why:
 *
 *	MQ is not: QEMU counts its answer in pairs, cloud-hypervisor and crosvm in queues; without it all of them
 *	use one pair.  LOG_SHMFD, INFLIGHT_SHMFD, PAGEFAULT are about migration and crashes of back ends, which a
 *	gateway full of host sockets does not survive anyway.  CONFIG is offered with a MAC only: QEMU has the
 *	configuration space itself and warns about a back end that would like to.
 */
#include "link/vhost_user_session.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "link/le.h"

#define CONFIG_LEN 12u /* struct virtio_net_config up to mtu (virtio 1.2 section 5.1.4) */
#define LOG_WARNING 1  /* sluice_log_level */

enum verdict {
	DONE,
	REFUSED, /* said in the acknowledgment, if one is asked for; the session goes on */
	WRONG,   /* the session is over */
};

struct exchange {
	const struct vhost_user_message *m;
	int *fds;
	unsigned nfds;
	struct vhost_user_message *reply;
	bool answered;
};

static enum verdict wrong(struct vhost_user_session *s, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static enum verdict
wrong(struct vhost_user_session *s, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(s->why, sizeof(s->why), fmt, ap);
	va_end(ap);
	return WRONG;
}

static void
warn(const struct vhost_user_session *s, const char *line)
{
	if (s->opts->log)
		s->opts->log(s->opts->log_ctx, LOG_WARNING, line);
}

static void
close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static bool
has_mac(const struct vhost_user_session *s)
{
	static const uint8_t none[6];

	return memcmp(s->opts->mac, none, sizeof(none)) != 0;
}

static uint64_t
offered(const struct vhost_user_session *s)
{
	return VIRTIO_LINK_FEATURES | VHOST_USER_F_PROTOCOL_FEATURES |
	       (has_mac(s) ? VIRTIO_NET_F_MAC | VIRTIO_NET_F_MTU : 0);
}

static uint64_t
protocol_offered(const struct vhost_user_session *s)
{
	return VHOST_USER_PROTOCOL_F_RARP | VHOST_USER_PROTOCOL_F_REPLY_ACK | VHOST_USER_PROTOCOL_F_NET_MTU |
	       VHOST_USER_PROTOCOL_F_RESET_DEVICE | VHOST_USER_PROTOCOL_F_CONFIGURE_MEM_SLOTS |
	       (has_mac(s) ? VHOST_USER_PROTOCOL_F_CONFIG : 0);
}

static enum verdict
answer_u64(struct exchange *x, uint64_t value)
{
	*x->reply = (struct vhost_user_message){
	    .request = x->m->request, .reply = true, .payload = VHOST_USER_U64, .u64 = value};
	x->answered = true;
	return DONE;
}

/* --- queues ---------------------------------------------------------------------------------------- */

static bool
wanted(const struct vhost_user_session *s, const struct vhost_user_ring *r)
{
	return r->started && (r->enabled || !(s->features & VHOST_USER_F_PROTOCOL_FEATURES)) &&
	       (s->features & VIRTIO_F_VERSION_1);
}

static void
stop(struct vhost_user_session *s, unsigned index)
{
	struct vhost_user_ring *r = &s->ring[index];
	int next = virtio_stop(s->dev, index);

	r->runs = false;
	if (next >= 0)
		r->next = (uint16_t)next;
}

/* The addresses are the front end's; each part of the queue must lie whole in one region (virtio 1.2 2.7).  Whether
 * the event indices at their ends do is for virtio_start(), which knows if there are any. */
static bool
place(const struct vhost_user_session *s, const struct vhost_user_ring *r, struct virtio_queue_setup *q)
{
	return vhost_user_memory_translate(&s->memory, r->addr.desc, 16u * r->num, &q->desc) &&
	       vhost_user_memory_translate(&s->memory, r->addr.avail, 4 + 2u * r->num, &q->avail) &&
	       vhost_user_memory_translate(&s->memory, r->addr.used, 4 + 8u * r->num, &q->used);
}

static enum verdict
start(struct vhost_user_session *s, unsigned index)
{
	struct vhost_user_ring *r = &s->ring[index];
	struct virtio_queue_setup q = {
	    .num = r->num, .next = r->next, .kick_fd = r->kick, .call_fd = r->call};

	if (r->num == 0 || !r->placed)
		return wrong(s, "it started queue %u before it said its %s", index,
			     r->num == 0 ? "size" : "addresses");
	if (!place(s, r, &q))
		return wrong(s, "queue %u is outside of the memory it shares", index);
	int rc = virtio_start(s->dev, index, &q);
	if (rc < 0)
		return wrong(s, "queue %u cannot be started: %s", index, strerror(-rc));
	r->runs = true;
	s->ran_with = s->features;
	/* An interrupt that a back end before us owed: one too many does no harm, one too few is a standstill. */
	if (r->call >= 0)
		eventfd_write(r->call, 1);
	return DONE;
}

static enum verdict
session_settle(struct vhost_user_session *s)
{
	for (unsigned i = 0; i < VIRTIO_QUEUES; i++) {
		struct vhost_user_ring *r = &s->ring[i];

		if (r->runs && !wanted(s, r))
			stop(s, i);
		else if (!r->runs && wanted(s, r) && start(s, i) == WRONG)
			return WRONG;
		if (r->started && !(s->features & VIRTIO_F_VERSION_1) && !s->said_legacy) {
			s->said_legacy = true;
			warn(s, "the guest's driver does not speak virtio 1: its queues are left alone");
		}
	}
	return DONE;
}

/* All queues as if none had been heard of, but for the descriptors that a VMM sends once. */
static void
reset(struct vhost_user_session *s)
{
	virtio_reset(s->dev);
	s->ran_with = 0;
	for (unsigned i = 0; i < VIRTIO_QUEUES; i++) {
		struct vhost_user_ring *r = &s->ring[i];

		close_fd(&r->kick);
		*r = (struct vhost_user_ring){.kick = -1, .call = r->call, .err = r->err};
	}
}

static struct vhost_user_ring *
ring_of(struct vhost_user_session *s, const struct exchange *x, uint32_t index)
{
	if (index < VIRTIO_QUEUES)
		return &s->ring[index];
	wrong(s, "it sent %s for queue %u: there are %u", vhost_user_request_name(x->m->request), index,
	      VIRTIO_QUEUES);
	return NULL;
}

static enum verdict
in_use(struct vhost_user_session *s, const struct exchange *x)
{
	return wrong(s, "it sent %s for a queue that runs", vhost_user_request_name(x->m->request));
}

static enum verdict
set_vring_num(struct vhost_user_session *s, struct exchange *x)
{
	struct vhost_user_ring *r = ring_of(s, x, x->m->state.index);
	uint32_t num = x->m->state.num;

	if (!r)
		return WRONG;
	if (num == 0 || num > VIRTQ_NUM_MAX || (num & (num - 1)))
		return wrong(s, "its queue %u has %u entries, which is no power of two up to %u",
			     x->m->state.index, num, VIRTQ_NUM_MAX);
	if (r->runs && r->num != num)
		return in_use(s, x);
	r->num = (uint16_t)num;
	return DONE;
}

static enum verdict
set_vring_addr(struct vhost_user_session *s, struct exchange *x)
{
	const struct vhost_user_addr *a = &x->m->addr;
	struct vhost_user_ring *r = ring_of(s, x, a->index);

	if (!r)
		return WRONG;
	if (a->flags)
		return wrong(s, "it asks for logging of queue %u, which was not offered", a->index);
	if (r->runs && (r->addr.desc != a->desc || r->addr.used != a->used || r->addr.avail != a->avail))
		return in_use(s, x);
	r->addr = *a;
	r->placed = true;
	return DONE;
}

static enum verdict
set_vring_base(struct vhost_user_session *s, struct exchange *x)
{
	struct vhost_user_ring *r = ring_of(s, x, x->m->state.index);

	if (!r)
		return WRONG;
	if (x->m->state.num > UINT16_MAX)
		return wrong(s, "its queue %u begins at entry %u", x->m->state.index, x->m->state.num);
	if (r->runs)
		return in_use(s, x);
	r->next = (uint16_t)x->m->state.num;
	return DONE;
}

static enum verdict
get_vring_base(struct vhost_user_session *s, struct exchange *x)
{
	struct vhost_user_ring *r = ring_of(s, x, x->m->state.index);

	if (!r)
		return WRONG;
	if (r->runs)
		stop(s, x->m->state.index);
	r->started = false;
	close_fd(&r->kick);
	*x->reply = (struct vhost_user_message){.request = x->m->request,
						.reply = true,
						.payload = VHOST_USER_STATE,
						.state = {x->m->state.index, r->next}};
	x->answered = true;
	return DONE;
}

static enum verdict
set_vring_enable(struct vhost_user_session *s, struct exchange *x)
{
	struct vhost_user_ring *r = ring_of(s, x, x->m->state.index);

	if (!r)
		return WRONG;
	if (x->m->state.num > 1)
		return wrong(s, "it sent SET_VRING_ENABLE with %u", x->m->state.num);
	r->enabled = x->m->state.num;
	return DONE;
}

/* --- the descriptors of a queue ---------------------------------------------------------------------- */

/*
 * An anonymous inode, as only eventfds and the like have: no file type.  A pipe or a socket that nobody reads from
 * would be a SIGPIPE when it is written to.  Nonblocking, for that happens in the middle of a turn.
 */
static bool
is_eventfd(int fd)
{
	struct stat st;
	int flags = fcntl(fd, F_GETFL);

	return fstat(fd, &st) == 0 && (st.st_mode & S_IFMT) == 0 && flags >= 0 &&
	       fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0;
}

/* The ring that SET_VRING_KICK, _CALL or _ERR is about, and its descriptor; -1: there is none. */
static struct vhost_user_ring *
ring_fd(struct vhost_user_session *s, struct exchange *x, int *fd)
{
	uint64_t v = x->m->u64;
	bool none = v & VHOST_USER_VRING_NOFD;
	const char *name = vhost_user_request_name(x->m->request);

	if (v & ~(uint64_t)(VHOST_USER_VRING_INDEX | VHOST_USER_VRING_NOFD)) {
		wrong(s, "it sent %s with 0x%" PRIx64, name, v);
		return NULL;
	}
	if (x->nfds != (none ? 0 : 1)) {
		wrong(s, "it sent %s with %u descriptors", name, x->nfds);
		return NULL;
	}
	struct vhost_user_ring *r = ring_of(s, x, v & VHOST_USER_VRING_INDEX);
	if (!r)
		return NULL;
	*fd = none ? -1 : x->fds[0];
	if (!none && !is_eventfd(*fd)) {
		wrong(s, "it sent %s with a descriptor that is not an eventfd", name);
		return NULL;
	}
	return r;
}

/* Keep the descriptor in place of *old, which the queue no longer knows. */
static void
keep_fd(struct exchange *x, int *old, int fd)
{
	close_fd(old);
	*old = fd;
	if (fd >= 0)
		x->fds[0] = -1;
}

static enum verdict
set_vring_kick(struct vhost_user_session *s, struct exchange *x)
{
	int fd;
	struct vhost_user_ring *r = ring_fd(s, x, &fd);

	if (!r)
		return WRONG;
	/* A gateway sleeps when there is nothing to do. */
	if (fd < 0)
		return wrong(s, "it wants queue %u to be polled: only a kick descriptor will do",
			     (unsigned)(x->m->u64 & VHOST_USER_VRING_INDEX));
	if (r->runs) {
		int rc = virtio_set_kick(s->dev, (unsigned)(r - s->ring), fd);

		if (rc < 0)
			return wrong(s, "its kick descriptor cannot be used: %s", strerror(-rc));
	}
	keep_fd(x, &r->kick, fd);
	r->started = true;
	return DONE;
}

static enum verdict
set_vring_call(struct vhost_user_session *s, struct exchange *x)
{
	int fd;
	struct vhost_user_ring *r = ring_fd(s, x, &fd);

	if (!r)
		return WRONG;
	if (r->runs) {
		int rc = virtio_set_call(s->dev, (unsigned)(r - s->ring), fd);

		if (rc < 0)
			return wrong(s, "its call descriptor cannot be used: %s", strerror(-rc));
	}
	keep_fd(x, &r->call, fd);
	return DONE;
}

static enum verdict
set_vring_err(struct vhost_user_session *s, struct exchange *x)
{
	int fd;
	struct vhost_user_ring *r = ring_fd(s, x, &fd);

	if (!r)
		return WRONG;
	keep_fd(x, &r->err, fd);
	return DONE;
}

/* --- memory ---------------------------------------------------------------------------------------- */

static bool
add_region(struct vhost_user_session *s, struct vhost_user_memory *m, const struct vhost_user_region *r,
	   int fd)
{
	bool shrinks = false;

	if (!vhost_user_memory_add(m, r, fd, &shrinks, s->why, sizeof(s->why)))
		return false;
	if (shrinks && !s->said_shrinks) {
		s->said_shrinks = true;
		warn(s, "the VMM's memory is not sealed against shrinking (F_SEAL_SHRINK): "
			"if it does shrink, this process dies of SIGBUS");
	}
	return true;
}

/* The queues go on with `next`; then the session has it. */
static enum verdict
use_memory(struct vhost_user_session *s, const struct vhost_user_memory *next)
{
	struct guest_region regions[VHOST_USER_REGIONS];
	int rc = virtio_set_memory(s->dev, regions, vhost_user_memory_guest(next, regions));

	if (rc < 0)
		return wrong(s, "its memory cannot be used: %s", strerror(-rc));
	s->memory = *next;
	return DONE;
}

static enum verdict
set_mem_table(struct vhost_user_session *s, struct exchange *x)
{
	const struct vhost_user_memory_table *t = &x->m->memory;
	struct vhost_user_memory next = {0}, old = s->memory;

	if (x->nfds != t->n)
		return wrong(s, "it sent SET_MEM_TABLE of %u regions with %u descriptors", t->n, x->nfds);
	for (uint32_t i = 0; i < t->n; i++) {
		if (!add_region(s, &next, &t->region[i], x->fds[i])) {
			vhost_user_memory_clear(&next);
			return WRONG;
		}
	}
	if (use_memory(s, &next) == WRONG) {
		vhost_user_memory_clear(&next);
		return WRONG;
	}
	vhost_user_memory_clear(&old);
	return DONE;
}

static enum verdict
add_mem_reg(struct vhost_user_session *s, struct exchange *x)
{
	const struct vhost_user_region *r = &x->m->region;
	struct vhost_user_memory next = s->memory;
	struct vhost_user_mapping added;

	if (x->nfds != 1)
		return wrong(s, "it sent ADD_MEM_REG with %u descriptors", x->nfds);
	if (!add_region(s, &next, r, x->fds[0]))
		return WRONG;
	if (use_memory(s, &next) == WRONG) {
		if (vhost_user_memory_take(&next, r, &added))
			vhost_user_unmap(&added);
		return WRONG;
	}
	return DONE;
}

static enum verdict
rem_mem_reg(struct vhost_user_session *s, struct exchange *x)
{
	struct vhost_user_memory next = s->memory;
	struct vhost_user_mapping gone;

	if (!vhost_user_memory_take(&next, &x->m->region, &gone))
		return wrong(s, "it takes away memory at 0x%" PRIx64 ", which it never gave",
			     x->m->region.guest);
	if (use_memory(s, &next) == WRONG)
		return WRONG;
	vhost_user_unmap(&gone);
	return DONE;
}

static enum verdict
get_max_mem_slots(struct vhost_user_session *s, struct exchange *x)
{
	(void)s;
	return answer_u64(x, VHOST_USER_REGIONS);
}

/* --- features and the device ------------------------------------------------------------------------- */

static enum verdict
get_features(struct vhost_user_session *s, struct exchange *x)
{
	return answer_u64(x, offered(s));
}

/*
 * Other features than those that ran mean another driver: firmware before a kernel, say.  What the last one had
 * open is not the next one's.  A VMM that stops and goes on says the same features again.
 */
static enum verdict
set_features(struct vhost_user_session *s, struct exchange *x)
{
	uint64_t accepted = x->m->u64;

	if (accepted & ~offered(s))
		return wrong(s, "it accepted features 0x%" PRIx64 ", which were not offered",
			     accepted & ~offered(s));
	if (accepted == s->features)
		return DONE;
	for (unsigned i = 0; i < VIRTIO_QUEUES; i++)
		if (s->ring[i].runs)
			return in_use(s, x);
	if (s->ran_with && s->ran_with != accepted) {
		virtio_reset(s->dev);
		s->ran_with = 0;
	}
	s->features = accepted;
	if (!(accepted & VIRTIO_F_VERSION_1))
		return DONE;
	int rc = virtio_set_features(s->dev, accepted & VIRTIO_LINK_FEATURES);
	return rc < 0 ? wrong(s, "the features 0x%" PRIx64 " do not go together: %s", accepted, strerror(-rc))
		      : DONE;
}

static enum verdict
get_protocol_features(struct vhost_user_session *s, struct exchange *x)
{
	return answer_u64(x, protocol_offered(s));
}

static enum verdict
set_protocol_features(struct vhost_user_session *s, struct exchange *x)
{
	uint64_t beyond = x->m->u64 & ~protocol_offered(s);

	if (beyond)
		return wrong(s, "it accepted protocol features 0x%" PRIx64 ", which were not offered",
			     beyond);
	s->protocol = x->m->u64;
	return DONE;
}

static enum verdict
get_queue_num(struct vhost_user_session *s, struct exchange *x)
{
	(void)s;
	return answer_u64(x, 1);
}

/* SET_OWNER: there is but one.  RESET_OWNER: "it is recommended that back-ends [...] ignore this message".
 * SEND_RARP: nobody else is on this wire. */
static enum verdict
nothing(struct vhost_user_session *s, struct exchange *x)
{
	(void)s;
	(void)x;
	return DONE;
}

static enum verdict
reset_device(struct vhost_user_session *s, struct exchange *x)
{
	(void)x;
	reset(s);
	s->features = 0;
	return DONE;
}

/* A guest with a larger MTU loses nothing: our frames are at most as long as ours, and its may be longer. */
static enum verdict
net_set_mtu(struct vhost_user_session *s, struct exchange *x)
{
	char line[96];

	if (x->m->u64 >= s->opts->mtu && x->m->u64 <= UINT16_MAX)
		return DONE;
	snprintf(line, sizeof(line), "the VMM gives its guest an MTU of %" PRIu64 ", but the gateway's is %u",
		 x->m->u64, s->opts->mtu);
	warn(s, line);
	return REFUSED;
}

/* An empty answer is an error, which is what who asks without CONFIG gets. */
static enum verdict
get_config(struct vhost_user_session *s, struct exchange *x)
{
	const struct vhost_user_config *c = &x->m->config;
	uint8_t all[2 * VHOST_USER_CONFIG_MAX] = {0};
	struct wr w = wr_of(all, CONFIG_LEN);

	x->answered = true;
	*x->reply = (struct vhost_user_message){.request = x->m->request, .reply = true};
	if (!has_mac(s) || c->offset > VHOST_USER_CONFIG_MAX)
		return DONE;
	wr_bytes(&w, s->opts->mac, 6);
	wr_le16(&w, 0); /* status: not offered */
	wr_le16(&w, 1); /* pairs of queues */
	wr_le16(&w, (uint16_t)s->opts->mtu);
	x->reply->payload = VHOST_USER_CONFIG;
	x->reply->config =
	    (struct vhost_user_config){.offset = c->offset, .size = c->size, .flags = c->flags};
	memcpy(x->reply->config.bytes, all + c->offset, c->size);
	return DONE;
}

/* Every field is the device's (virtio 1.2 section 5.1.4). */
static enum verdict
set_config(struct vhost_user_session *s, struct exchange *x)
{
	(void)s;
	(void)x;
	return REFUSED;
}

/* --- one message ----------------------------------------------------------------------------------- */

static enum verdict (*const handlers[VHOST_USER_REQUESTS])(struct vhost_user_session *s,
							   struct exchange *x) = {
    [VHOST_USER_GET_FEATURES] = get_features,
    [VHOST_USER_SET_FEATURES] = set_features,
    [VHOST_USER_SET_OWNER] = nothing,
    [VHOST_USER_RESET_OWNER] = nothing,
    [VHOST_USER_SET_MEM_TABLE] = set_mem_table,
    [VHOST_USER_SET_VRING_NUM] = set_vring_num,
    [VHOST_USER_SET_VRING_ADDR] = set_vring_addr,
    [VHOST_USER_SET_VRING_BASE] = set_vring_base,
    [VHOST_USER_GET_VRING_BASE] = get_vring_base,
    [VHOST_USER_SET_VRING_KICK] = set_vring_kick,
    [VHOST_USER_SET_VRING_CALL] = set_vring_call,
    [VHOST_USER_SET_VRING_ERR] = set_vring_err,
    [VHOST_USER_GET_PROTOCOL_FEATURES] = get_protocol_features,
    [VHOST_USER_SET_PROTOCOL_FEATURES] = set_protocol_features,
    [VHOST_USER_GET_QUEUE_NUM] = get_queue_num,
    [VHOST_USER_SET_VRING_ENABLE] = set_vring_enable,
    [VHOST_USER_SEND_RARP] = nothing,
    [VHOST_USER_NET_SET_MTU] = net_set_mtu,
    [VHOST_USER_GET_CONFIG] = get_config,
    [VHOST_USER_SET_CONFIG] = set_config,
    [VHOST_USER_RESET_DEVICE] = reset_device,
    [VHOST_USER_GET_MAX_MEM_SLOTS] = get_max_mem_slots,
    [VHOST_USER_ADD_MEM_REG] = add_mem_reg,
    [VHOST_USER_REM_MEM_REG] = rem_mem_reg,
};

void
vhost_user_session_begin(struct vhost_user_session *s, struct virtio_dev *dev,
			 const struct vhost_user_options *opts)
{
	*s = (struct vhost_user_session){.dev = dev, .opts = opts};
	for (unsigned i = 0; i < VIRTIO_QUEUES; i++)
		s->ring[i].kick = s->ring[i].call = s->ring[i].err = -1;
}

bool
vhost_user_session_take(struct vhost_user_session *s, const struct vhost_user_message *m, int *fds,
			unsigned nfds, struct vhost_user_message *reply, bool *answered)
{
	struct exchange x = {.m = m, .fds = fds, .nfds = nfds, .reply = reply};
	enum verdict v;

	*answered = false;
	if (m->request >= VHOST_USER_REQUESTS || !handlers[m->request])
		v = wrong(s, "it sent %s (%u), which was not offered", vhost_user_request_name(m->request),
			  m->request);
	else if (nfds > vhost_user_request_fds(m->request))
		v = wrong(s, "it sent %s with %u descriptors", vhost_user_request_name(m->request), nfds);
	else
		v = handlers[m->request](s, &x);
	if (v == WRONG || session_settle(s) == WRONG)
		return false;
	if (!x.answered && m->need_reply && (s->protocol & VHOST_USER_PROTOCOL_F_REPLY_ACK))
		answer_u64(&x, v == REFUSED);
	*answered = x.answered;
	return true;
}

void
vhost_user_session_watch(struct vhost_user_session *s)
{
	struct virtio_stats st;
	char line[96];

	virtio_get_stats(s->dev, &st);
	for (unsigned i = 0; i < VIRTIO_QUEUES; i++) {
		if (!(st.broken & ~s->broken & 1u << i))
			continue;
		if (s->ring[i].err >= 0)
			eventfd_write(s->ring[i].err, 1);
		snprintf(line, sizeof(line), "the guest's driver broke queue %u: it is no longer served", i);
		warn(s, line);
	}
	s->broken = st.broken;
}

void
vhost_user_session_end(struct vhost_user_session *s)
{
	reset(s);
	for (unsigned i = 0; i < VIRTIO_QUEUES; i++) {
		close_fd(&s->ring[i].call);
		close_fd(&s->ring[i].err);
	}
	virtio_set_memory(s->dev, NULL, 0);
	vhost_user_memory_clear(&s->memory);
}
