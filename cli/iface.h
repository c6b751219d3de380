/*
 * iface.h - the guest's interface: a tap, found or made, and configured
 *
 * Everything here happens in the calling process's network namespace, which is the guest's.
 */
#ifndef CLI_IFACE_H
#define CLI_IFACE_H

#include "cli/failure.h"
#include "sluice.h"

struct iface_wish {
	const char *name;
	uint32_t mtu; /* 0: mtu_new if the tap is made here, else as it is */
	uint32_t mtu_new;
	const uint8_t *mac;             /* NULL: as it is */
	const struct sluice_guest *net; /* addresses, routes and the loopback too; NULL: leave them alone */
};

struct iface {
	int fd; /* the tap; without a process that holds it, a tap that was made here is gone */
	char name[16];
	uint8_t mac[6];
	uint32_t mtu;
};

/* 0, or -1, a sentence, and no tap left behind. */
int iface_make(const struct iface_wish *wish, struct iface *out, struct failure *f);

#endif
