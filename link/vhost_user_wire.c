/*
 * vhost_user_wire.c - messages of vhost-user as bytes
 */
#include "link/vhost_user_wire.h"

#include <stdio.h>

#define REGION_LEN 32u
#define CONFIG_HLEN 12u

/*
 * What is served is what is offered, and what every back end must have.  The others have names for the sentence
 * that refuses them: logging and postcopy (live migration), a channel of our own, IOTLB, in-flight tracking.
 */
static const struct kind {
	const char *name;
	bool served;
	enum vhost_user_payload payload;
	uint8_t fds; /* at most */
} kinds[VHOST_USER_REQUESTS] = {
    [VHOST_USER_GET_FEATURES] = {"GET_FEATURES", true, VHOST_USER_NONE, 0},
    [VHOST_USER_SET_FEATURES] = {"SET_FEATURES", true, VHOST_USER_U64, 0},
    [VHOST_USER_SET_OWNER] = {"SET_OWNER", true, VHOST_USER_NONE, 0},
    [VHOST_USER_RESET_OWNER] = {"RESET_OWNER", true, VHOST_USER_NONE, 0},
    [VHOST_USER_SET_MEM_TABLE] = {"SET_MEM_TABLE", true, VHOST_USER_MEMORY, VHOST_USER_REGIONS},
    [VHOST_USER_SET_LOG_BASE] = {"SET_LOG_BASE", false, VHOST_USER_NONE, 0},
    [VHOST_USER_SET_LOG_FD] = {"SET_LOG_FD", false, VHOST_USER_NONE, 0},
    [VHOST_USER_SET_VRING_NUM] = {"SET_VRING_NUM", true, VHOST_USER_STATE, 0},
    [VHOST_USER_SET_VRING_ADDR] = {"SET_VRING_ADDR", true, VHOST_USER_ADDR, 0},
    [VHOST_USER_SET_VRING_BASE] = {"SET_VRING_BASE", true, VHOST_USER_STATE, 0},
    [VHOST_USER_GET_VRING_BASE] = {"GET_VRING_BASE", true, VHOST_USER_STATE, 0},
    [VHOST_USER_SET_VRING_KICK] = {"SET_VRING_KICK", true, VHOST_USER_U64, 1},
    [VHOST_USER_SET_VRING_CALL] = {"SET_VRING_CALL", true, VHOST_USER_U64, 1},
    [VHOST_USER_SET_VRING_ERR] = {"SET_VRING_ERR", true, VHOST_USER_U64, 1},
    [VHOST_USER_GET_PROTOCOL_FEATURES] = {"GET_PROTOCOL_FEATURES", true, VHOST_USER_NONE, 0},
    [VHOST_USER_SET_PROTOCOL_FEATURES] = {"SET_PROTOCOL_FEATURES", true, VHOST_USER_U64, 0},
    [VHOST_USER_GET_QUEUE_NUM] = {"GET_QUEUE_NUM", true, VHOST_USER_NONE, 0},
    [VHOST_USER_SET_VRING_ENABLE] = {"SET_VRING_ENABLE", true, VHOST_USER_STATE, 0},
    [VHOST_USER_SEND_RARP] = {"SEND_RARP", true, VHOST_USER_U64, 0},
    [VHOST_USER_NET_SET_MTU] = {"NET_SET_MTU", true, VHOST_USER_U64, 0},
    [VHOST_USER_SET_BACKEND_REQ_FD] = {"SET_BACKEND_REQ_FD", false, VHOST_USER_NONE, 0},
    [22] = {"IOTLB_MSG", false, VHOST_USER_NONE, 0},
    [23] = {"SET_VRING_ENDIAN", false, VHOST_USER_NONE, 0},
    [VHOST_USER_GET_CONFIG] = {"GET_CONFIG", true, VHOST_USER_CONFIG, 0},
    [VHOST_USER_SET_CONFIG] = {"SET_CONFIG", true, VHOST_USER_CONFIG, 0},
    [26] = {"CREATE_CRYPTO_SESSION", false, VHOST_USER_NONE, 0},
    [27] = {"CLOSE_CRYPTO_SESSION", false, VHOST_USER_NONE, 0},
    [28] = {"POSTCOPY_ADVISE", false, VHOST_USER_NONE, 0},
    [29] = {"POSTCOPY_LISTEN", false, VHOST_USER_NONE, 0},
    [30] = {"POSTCOPY_END", false, VHOST_USER_NONE, 0},
    [31] = {"GET_INFLIGHT_FD", false, VHOST_USER_NONE, 0},
    [32] = {"SET_INFLIGHT_FD", false, VHOST_USER_NONE, 0},
    [33] = {"GPU_SET_SOCKET", false, VHOST_USER_NONE, 0},
    [VHOST_USER_RESET_DEVICE] = {"RESET_DEVICE", true, VHOST_USER_NONE, 0},
    [35] = {"VRING_KICK", false, VHOST_USER_NONE, 0},
    [VHOST_USER_GET_MAX_MEM_SLOTS] = {"GET_MAX_MEM_SLOTS", true, VHOST_USER_NONE, 0},
    [VHOST_USER_ADD_MEM_REG] = {"ADD_MEM_REG", true, VHOST_USER_REGION, 1},
    /* "The back-end MAY accept messages with one file descriptor [and] MUST close it". */
    [VHOST_USER_REM_MEM_REG] = {"REM_MEM_REG", true, VHOST_USER_REGION, 1},
    [39] = {"SET_STATUS", false, VHOST_USER_NONE, 0},
    [40] = {"GET_STATUS", false, VHOST_USER_NONE, 0},
    [41] = {"GET_SHARED_OBJECT", false, VHOST_USER_NONE, 0},
    [42] = {"SET_DEVICE_STATE_FD", false, VHOST_USER_NONE, 0},
    [43] = {"CHECK_DEVICE_STATE", false, VHOST_USER_NONE, 0},
};

static const struct kind *
kind_of(uint32_t request)
{
	static const struct kind unknown = {"an unknown request", false, VHOST_USER_NONE, 0};

	return request < VHOST_USER_REQUESTS && kinds[request].name ? &kinds[request] : &unknown;
}

const char *
vhost_user_request_name(uint32_t request)
{
	return kind_of(request)->name;
}

bool
vhost_user_request_served(uint32_t request)
{
	return kind_of(request)->served;
}

enum vhost_user_payload
vhost_user_request_payload(uint32_t request)
{
	return kind_of(request)->payload;
}

unsigned
vhost_user_request_fds(uint32_t request)
{
	return kind_of(request)->fds;
}

/* --- the machine's byte order ---------------------------------------------------------------------- */

static uint32_t
rd_own32(struct rd *r)
{
	uint32_t v;

	rd_copy(r, &v, sizeof(v));
	return v;
}

static uint64_t
rd_own64(struct rd *r)
{
	uint64_t v;

	rd_copy(r, &v, sizeof(v));
	return v;
}

static void
wr_own32(struct wr *w, uint32_t v)
{
	wr_bytes(w, &v, sizeof(v));
}

static void
wr_own64(struct wr *w, uint64_t v)
{
	wr_bytes(w, &v, sizeof(v));
}

/* --- header ---------------------------------------------------------------------------------------- */

bool
vhost_user_parse_header(struct rd *r, struct vhost_user_header *h)
{
	h->request = rd_own32(r);
	h->flags = rd_own32(r);
	h->size = rd_own32(r);
	return !r->bad;
}

static bool
size_fits(enum vhost_user_payload payload, uint32_t size)
{
	switch (payload) {
	case VHOST_USER_NONE:
		return size == 0;
	case VHOST_USER_U64:
	case VHOST_USER_STATE:
		return size == 8;
	case VHOST_USER_ADDR:
	case VHOST_USER_REGION:
		return size == 40;
	case VHOST_USER_MEMORY:
		return size >= 8 && size <= VHOST_USER_PAYLOAD_MAX && (size - 8) % REGION_LEN == 0;
	case VHOST_USER_CONFIG:
		return size >= CONFIG_HLEN && size <= CONFIG_HLEN + VHOST_USER_CONFIG_MAX;
	}
	return false;
}

bool
vhost_user_judge_header(const struct vhost_user_header *h, char *why, size_t size)
{
	const struct kind *k = kind_of(h->request);

	if ((h->flags & 3) != VHOST_USER_VERSION) {
		snprintf(why, size, "it speaks version %u of vhost-user, not %u", h->flags & 3,
			 VHOST_USER_VERSION);
		return false;
	}
	if (h->flags & ~(3 | VHOST_USER_NEED_REPLY)) {
		snprintf(why, size, "it sent %s with flags 0x%x, which a request cannot have", k->name,
			 h->flags);
		return false;
	}
	if (!k->served) {
		snprintf(why, size, "it sent %s (%u), which was not offered", k->name, h->request);
		return false;
	}
	if (!size_fits(k->payload, h->size)) {
		snprintf(why, size, "it sent %s with %u bytes", k->name, h->size);
		return false;
	}
	return true;
}

/* --- payloads -------------------------------------------------------------------------------------- */

static void
parse_region(struct rd *r, struct vhost_user_region *g)
{
	g->guest = rd_own64(r);
	g->size = rd_own64(r);
	g->user = rd_own64(r);
	g->offset = rd_own64(r);
}

static void
emit_region(struct wr *w, const struct vhost_user_region *g)
{
	wr_own64(w, g->guest);
	wr_own64(w, g->size);
	wr_own64(w, g->user);
	wr_own64(w, g->offset);
}

static void
parse_addr(struct rd *r, struct vhost_user_addr *a)
{
	a->index = rd_own32(r);
	a->flags = rd_own32(r);
	a->desc = rd_own64(r);
	a->used = rd_own64(r);
	a->avail = rd_own64(r);
	a->log = rd_own64(r);
}

static void
emit_addr(struct wr *w, const struct vhost_user_addr *a)
{
	wr_own32(w, a->index);
	wr_own32(w, a->flags);
	wr_own64(w, a->desc);
	wr_own64(w, a->used);
	wr_own64(w, a->avail);
	wr_own64(w, a->log);
}

static void
parse_memory(struct rd *r, struct vhost_user_memory_table *t)
{
	t->n = rd_own32(r);
	rd_own32(r); /* padding */
	if (t->n > VHOST_USER_REGIONS) {
		r->bad = true;
		t->n = 0;
	}
	for (uint32_t i = 0; i < t->n && !r->bad; i++)
		parse_region(r, &t->region[i]);
}

static void
parse_config(struct rd *r, struct vhost_user_config *c)
{
	c->offset = rd_own32(r);
	c->size = rd_own32(r);
	c->flags = rd_own32(r);
	if (c->size > VHOST_USER_CONFIG_MAX) {
		r->bad = true;
		c->size = 0;
	}
	rd_copy(r, c->bytes, c->size);
}

bool
vhost_user_parse(const struct vhost_user_header *h, struct view payload, struct vhost_user_message *m)
{
	struct rd r = rd_of(payload);

	m->request = h->request;
	m->reply = h->flags & VHOST_USER_REPLY;
	m->need_reply = h->flags & VHOST_USER_NEED_REPLY;
	m->payload = kind_of(h->request)->payload;
	switch (m->payload) {
	case VHOST_USER_NONE:
		break;
	case VHOST_USER_U64:
		m->u64 = rd_own64(&r);
		break;
	case VHOST_USER_STATE:
		m->state.index = rd_own32(&r);
		m->state.num = rd_own32(&r);
		break;
	case VHOST_USER_ADDR:
		parse_addr(&r, &m->addr);
		break;
	case VHOST_USER_MEMORY:
		parse_memory(&r, &m->memory);
		break;
	case VHOST_USER_REGION:
		rd_own64(&r); /* padding */
		parse_region(&r, &m->region);
		break;
	case VHOST_USER_CONFIG:
		parse_config(&r, &m->config);
		break;
	}
	return !r.bad && rd_left(&r) == 0;
}

static void
emit_payload(struct wr *w, const struct vhost_user_message *m)
{
	switch (m->payload) {
	case VHOST_USER_NONE:
		break;
	case VHOST_USER_U64:
		wr_own64(w, m->u64);
		break;
	case VHOST_USER_STATE:
		wr_own32(w, m->state.index);
		wr_own32(w, m->state.num);
		break;
	case VHOST_USER_ADDR:
		emit_addr(w, &m->addr);
		break;
	case VHOST_USER_MEMORY:
		wr_own32(w, m->memory.n);
		wr_own32(w, 0);
		for (uint32_t i = 0; i < m->memory.n; i++)
			emit_region(w, &m->memory.region[i]);
		break;
	case VHOST_USER_REGION:
		wr_own64(w, 0);
		emit_region(w, &m->region);
		break;
	case VHOST_USER_CONFIG:
		wr_own32(w, m->config.offset);
		wr_own32(w, m->config.size);
		wr_own32(w, m->config.flags);
		wr_bytes(w, m->config.bytes, m->config.size);
		break;
	}
}

static uint32_t
payload_size(const struct vhost_user_message *m)
{
	switch (m->payload) {
	case VHOST_USER_NONE:
		break;
	case VHOST_USER_U64:
	case VHOST_USER_STATE:
		return 8;
	case VHOST_USER_ADDR:
	case VHOST_USER_REGION:
		return 40;
	case VHOST_USER_MEMORY:
		return 8 + REGION_LEN * m->memory.n;
	case VHOST_USER_CONFIG:
		return CONFIG_HLEN + m->config.size;
	}
	return 0;
}

void
vhost_user_emit(struct wr *w, const struct vhost_user_message *m)
{
	wr_own32(w, m->request);
	wr_own32(w, VHOST_USER_VERSION | (m->reply ? VHOST_USER_REPLY : 0) |
			(m->need_reply ? VHOST_USER_NEED_REPLY : 0));
	wr_own32(w, payload_size(m));
	emit_payload(w, m);
}
