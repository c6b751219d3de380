/*
 * config_net.h - the guest's addresses, decided
 */
#ifndef PROXY_CONFIG_NET_H
#define PROXY_CONFIG_NET_H

#include "proxy/config.h"

/* Every address of one family, from what was given; false and a sentence when they do not go together. */
bool config_net(struct setup *su, const struct sluice_net *in, enum family fam, struct stack_net *net);

#endif
