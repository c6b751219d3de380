/*
 * link_open.h - from what the configuration says about the link to a link
 */
#ifndef PROXY_LINK_OPEN_H
#define PROXY_LINK_OPEN_H

#include "link/link.h"
#include "proxy/config.h"

#define DEFAULT_MTU 1500u
#define MTU_MIN 1280u
#define MTU_MAX 65520u

/* The MTU of a configuration. */
bool link_mtu(struct setup *su, const struct sluice_config *cfg, uint32_t *mtu);

/* NULL and a sentence; descriptors in cfg are then still the caller's. */
struct link *link_open(struct setup *su, const struct sluice_config *cfg, struct host *host);

/* Before its free(), when the gateway could not be built: what cfg gave is the caller's again. */
void link_disown(const struct sluice_config *cfg, struct link *l);

#endif
