/*
 * link_open.c - from what the configuration says about the link to a link
 */
#include "proxy/link_open.h"

#include <errno.h>
#include <string.h>

#include "link/dgram.h"
#include "link/port.h"
#include "link/stream.h"
#include "link/tap.h"
#include "link/vhost_user.h"
#include "proxy/virtio.h"

#define WHY 256 /* bytes of a sentence: a link behind a socket has its own words for what is wrong */

static struct link *
stream_open(const struct sluice_config *cfg, struct host *host, uint32_t mtu, char *why)
{
	struct stream_options o = {
	    .path = cfg->link_path,
	    .connect = cfg->link_connect,
	    .fd = cfg->link_fd,
	    .one_off = cfg->link_one_off,
	    .mtu = mtu,
	};

	return link_stream(host, &o, why, WHY);
}

static struct link *
dgram_open(const struct sluice_config *cfg, struct host *host, uint32_t mtu, char *why)
{
	struct dgram_options o = {
	    .path = cfg->link_path,
	    .fd = cfg->link_fd,
	    .one_off = cfg->link_one_off,
	    .mtu = mtu,
	};

	return link_dgram(host, &o, why, WHY);
}

/* sluice_log_level is an unsigned int to every compiler we know, and to the link. */
static struct link *
vhost_user_open(const struct sluice_config *cfg, struct host *host, uint32_t mtu, char *why)
{
	struct vhost_user_options o = {
	    .path = cfg->link_path,
	    .connect = cfg->link_connect,
	    .fd = cfg->link_fd,
	    .one_off = cfg->link_one_off,
	    .mtu = mtu,
	    .log = cfg->log,
	    .log_ctx = cfg->log_ctx,
	};

	memcpy(o.mac, cfg->guest_mac, sizeof(o.mac));
	return link_vhost_user(host, &o, why, WHY);
}

void
link_disown(const struct sluice_config *cfg, struct link *l)
{
	if (cfg->link_kind == SLUICE_LINK_TAP)
		link_tap_disown(l);
	else if (cfg->link_kind == SLUICE_LINK_STREAM)
		link_stream_disown(l);
	else if (cfg->link_kind == SLUICE_LINK_DGRAM)
		link_dgram_disown(l);
	else if (cfg->link_kind == SLUICE_LINK_VHOST_USER)
		link_vhost_user_disown(l);
}

bool
link_mtu(struct setup *su, const struct sluice_config *cfg, uint32_t *mtu)
{
	*mtu = cfg->mtu ? cfg->mtu : DEFAULT_MTU;
	if (*mtu >= MTU_MIN && *mtu <= MTU_MAX)
		return true;
	return wrong(su, "MTU %u is not between %u and %u", *mtu, MTU_MIN, MTU_MAX);
}

struct link *
link_open(struct setup *su, const struct sluice_config *cfg, struct host *host)
{
	struct link *l = NULL;
	char why[WHY] = "";
	uint32_t mtu;
	int error = 0;

	if (!link_mtu(su, cfg, &mtu))
		return NULL;
	switch (cfg->link_kind) {
	case SLUICE_LINK_TAP:
		l = link_tap(host, cfg->link_fd, mtu, &error);
		break;
	case SLUICE_LINK_PORT:
		error = EINVAL;
		if (cfg->port)
			l = link_port(host, cfg->port, mtu, &error);
		break;
	case SLUICE_LINK_STREAM:
		l = stream_open(cfg, host, mtu, why);
		break;
	case SLUICE_LINK_DGRAM:
		l = dgram_open(cfg, host, mtu, why);
		break;
	case SLUICE_LINK_VIRTIO:
		error = EINVAL;
		if (cfg->virtio)
			l = link_virtio(host, virtio_device(cfg->virtio), mtu, &error);
		break;
	case SLUICE_LINK_VHOST_USER:
		l = vhost_user_open(cfg, host, mtu, why);
		break;
	case SLUICE_LINK_NONE:
	default:
		wrong(su,
		      "no link: set link_kind and the descriptor, path, port or device that goes with it");
		return NULL;
	}
	if (!l && why[0])
		wrong(su, "%s", why);
	else if (!l)
		wrong(su, "cannot use the link to the guest: %s", strerror(error));
	return l;
}
