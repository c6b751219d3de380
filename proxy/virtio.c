/*
 * virtio.c - sluice_virtio_*: the queues of link/virtio.h, with the features and the configuration space that
 * belong to a whole device (virtio 1.2 section 5.1.4)
 *
 * sluice.h documents every function here.
 */
#include "proxy/virtio.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "link/le.h"
#include "proxy/config.h"
#include "proxy/link_open.h"

static_assert(SLUICE_VIRTIO_RX == VIRTIO_RX && SLUICE_VIRTIO_TX == VIRTIO_TX, "sluice.h states them");
static_assert(SLUICE_VIRTIO_QUEUES == VIRTIO_QUEUES, "sluice.h states VIRTIO_QUEUES");
static_assert(SLUICE_VIRTIO_QUEUE_MAX == VIRTQ_NUM_MAX, "sluice.h states VIRTQ_NUM_MAX");
static_assert(SLUICE_VIRTIO_REGIONS == GUEST_REGIONS, "sluice.h states GUEST_REGIONS");

/* struct virtio_net_config up to its mtu; the fields behind belong to features that are not offered. */
#define CONFIG_SIZE 12u
#define STATUS_LINK_UP 1u /* VIRTIO_NET_S_LINK_UP */

struct sluice_virtio {
	struct virtio_dev *dev;
	uint64_t offered;
	uint8_t config[CONFIG_SIZE];
};

struct virtio_dev *
virtio_device(const struct sluice_virtio *v)
{
	return v->dev;
}

/* --- what is offered ------------------------------------------------------------------------------- */

/* 5.1.3.1: what a feature requires; and long frames only into buffers that can be merged, as a driver would
 * otherwise post 64 KiB for every frame. */
static const struct {
	uint64_t feature, requires;
} REQUIRES[] = {
    {VIRTIO_NET_F_HOST_TSO4, VIRTIO_NET_F_CSUM},
    {VIRTIO_NET_F_HOST_TSO6, VIRTIO_NET_F_CSUM},
    {VIRTIO_NET_F_GUEST_TSO4, VIRTIO_NET_F_GUEST_CSUM | VIRTIO_NET_F_MRG_RXBUF},
    {VIRTIO_NET_F_GUEST_TSO6, VIRTIO_NET_F_GUEST_CSUM | VIRTIO_NET_F_MRG_RXBUF},
};

static uint64_t
offered(const struct sluice_virtio_config *c)
{
	static const uint8_t none[6];
	uint64_t f = VIRTIO_LINK_FEATURES | VIRTIO_NET_F_STATUS;

	if (memcmp(c->mac, none, sizeof(none)) != 0)
		f |= VIRTIO_NET_F_MAC;
	if (c->mtu)
		f |= VIRTIO_NET_F_MTU;
	if (c->features)
		f &= c->features | VIRTIO_F_VERSION_1;
	for (size_t i = 0; i < sizeof(REQUIRES) / sizeof(REQUIRES[0]); i++) {
		if ((f & REQUIRES[i].requires) != REQUIRES[i].requires)
			f &= ~REQUIRES[i].feature;
	}
	return f;
}

static void
fill_config(struct sluice_virtio *v, const struct sluice_virtio_config *c)
{
	struct wr w = wr_of(v->config, sizeof(v->config));

	wr_bytes(&w, c->mac, sizeof(c->mac));
	wr_le16(&w, v->offered & VIRTIO_NET_F_STATUS ? STATUS_LINK_UP : 0);
	wr_le16(&w, 0); /* max_virtqueue_pairs: there with VIRTIO_NET_F_MQ */
	wr_le16(&w, c->mtu);
}

/* --- life ------------------------------------------------------------------------------------------ */

void
sluice_virtio_config_init(struct sluice_virtio_config *cfg)
{
	*cfg = (struct sluice_virtio_config){.size = sizeof(*cfg)};
}

static bool
config_ok(const struct sluice_virtio_config *c, struct setup *su)
{
	if (c->mac[0] & 1)
		return wrong(su, "virtio: %02x:%02x:%02x:%02x:%02x:%02x is a group address, not a device's",
			     c->mac[0], c->mac[1], c->mac[2], c->mac[3], c->mac[4], c->mac[5]);
	if (c->mtu && (c->mtu < MTU_MIN || c->mtu > MTU_MAX))
		return wrong(su, "virtio: MTU %u is not between %u and %u", c->mtu, MTU_MIN, MTU_MAX);
	return true;
}

struct sluice_virtio *
sluice_virtio_new(const struct sluice_virtio_config *cfg, char *err, size_t errlen)
{
	struct setup su = {err, errlen};
	struct sluice_virtio_config c;
	int error = ENOMEM;

	sluice_virtio_config_init(&c);
	/* A caller built against an older header has fewer fields, against a newer one more. */
	if (cfg)
		memcpy(&c, cfg, cfg->size < sizeof(c) ? cfg->size : sizeof(c));
	if (!config_ok(&c, &su))
		return NULL;
	struct sluice_virtio *v = calloc(1, sizeof(*v));
	if (v)
		v->dev = virtio_new(&error);
	if (!v || !v->dev) {
		wrong(&su, "virtio: %s; it takes two descriptors", strerror(error));
		free(v);
		return NULL;
	}
	v->offered = offered(&c);
	fill_config(v, &c);
	return v;
}

void
sluice_virtio_free(struct sluice_virtio *v)
{
	if (!v)
		return;
	virtio_free(v->dev);
	free(v);
}

/* --- what the driver does -------------------------------------------------------------------------- */

uint64_t
sluice_virtio_features(const struct sluice_virtio *v)
{
	return v->offered;
}

void
sluice_virtio_read_config(const struct sluice_virtio *v, uint32_t offset, void *to, uint32_t len)
{
	uint32_t n = offset < CONFIG_SIZE ? CONFIG_SIZE - offset : 0;

	n = n < len ? n : len;
	if (n > 0)
		memcpy(to, v->config + offset, n);
	if (len > n)
		memset((uint8_t *)to + n, 0, len - n);
}

int
sluice_virtio_set_memory(struct sluice_virtio *v, const struct sluice_memory *r, size_t n)
{
	struct guest_region region[GUEST_REGIONS];

	if (n > GUEST_REGIONS)
		return -EINVAL;
	for (size_t i = 0; i < n; i++)
		region[i] = (struct guest_region){.gpa = r[i].guest, .size = r[i].size, .base = r[i].base};
	return virtio_set_memory(v->dev, region, n);
}

int
sluice_virtio_set_features(struct sluice_virtio *v, uint64_t accepted)
{
	if ((accepted & ~v->offered) != 0 || !(accepted & VIRTIO_F_VERSION_1))
		return -EINVAL;
	return virtio_set_features(v->dev, accepted);
}

int
sluice_virtio_start(struct sluice_virtio *v, unsigned queue, const struct sluice_virtqueue *q)
{
	struct sluice_virtqueue in = {.kick_fd = -1, .call_fd = -1};

	memcpy(&in, q, q->size < sizeof(in) ? q->size : sizeof(in));
	return virtio_start(v->dev, queue,
			    &(struct virtio_queue_setup){.num = in.num,
							 .next = in.next,
							 .desc = in.desc,
							 .avail = in.avail,
							 .used = in.used,
							 .kick_fd = in.kick_fd,
							 .call_fd = in.call_fd});
}

int
sluice_virtio_stop(struct sluice_virtio *v, unsigned queue)
{
	return virtio_stop(v->dev, queue);
}

int
sluice_virtio_reset(struct sluice_virtio *v)
{
	return virtio_reset(v->dev);
}

void
sluice_virtio_get_stats(struct sluice_virtio *v, struct sluice_virtio_stats *st)
{
	struct virtio_stats s;
	size_t size = st->size;

	virtio_get_stats(v->dev, &s);
	struct sluice_virtio_stats out = {.size = size,
					  .frames_in = s.frames_in,
					  .frames_out = s.frames_out,
					  .refused = s.refused,
					  .no_room = s.no_room,
					  .kicks = s.kicks,
					  .calls = s.calls,
					  .running = s.running,
					  .broken = s.broken};
	memcpy(st, &out, size < sizeof(out) ? size : sizeof(out));
}
