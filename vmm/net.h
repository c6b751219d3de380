/*
 * net.h - the network: a virtio-net device whose other end is sluice, on a thread of its own
 */
#ifndef VMM_NET_H
#define VMM_NET_H

#include <pthread.h>

#include "vmm/memory.h"

struct net {
	struct sluice_virtio *virtio;
	int kick[SLUICE_VIRTIO_QUEUES], call; /* eventfds: from the driver, to it */

	struct sluice *gateway;
	pthread_t thread;
	bool running;
	void (*log)(void *ctx, enum sluice_log_level level, const char *line);
	void *log_ctx;
};

/*
 * The device in this memory, and its gateway from cfg, whose link and, where it names none, MAC and MTU are filled
 * in.  The gateway does not run yet.
 */
int net_open(struct net *n, struct sluice_config *cfg, const struct memory *m, struct why *why);
int net_start(struct net *n, struct why *why);
void net_close(struct net *n); /* also what net_open() left half done */

#endif
