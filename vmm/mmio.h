/*
 * mmio.h - the registers of the virtio-net device (virtio 1.2 section 4.2, virtio over MMIO)
 *
 * One thread: the processor's.  What the driver writes is hostile; any offset, width and order of accesses is fine.
 */
#ifndef VMM_MMIO_H
#define VMM_MMIO_H

#include <stdbool.h>

#include "sluice.h"

#define MMIO_QUEUE_NOTIFY 0x050u
#define MMIO_QUEUE_MAX \
	1024u /* entries of a queue: what Linux then makes, and room for a dozen 64 KiB frames */

struct mmio_queue {
	bool ready;
	uint16_t num; /* a power of two, at most MMIO_QUEUE_MAX; 0: not said yet */
	uint64_t desc, driver, device;
};

struct mmio {
	struct sluice_virtio *virtio;   /* borrowed, as the descriptors */
	int kick[SLUICE_VIRTIO_QUEUES]; /* eventfds: the driver's notifications */
	int call;                       /* eventfd: our interrupt */

	uint8_t status;
	bool config_changed; /* in the interrupt status, until it is acknowledged */
	uint32_t device_features_sel, driver_features_sel, queue_sel;
	uint64_t driver_features;
	uint64_t accepted; /* what a driver was content with; a reset leaves it, for a summary */
	struct mmio_queue queue[SLUICE_VIRTIO_QUEUES];
};

void mmio_init(struct mmio *m, struct sluice_virtio *v, const int kick[SLUICE_VIRTIO_QUEUES], int call);

/* An access at an offset below NET_SIZE of len bytes, which is at most 8; little-endian, as the guest's memory. */
void mmio_read(struct mmio *m, uint32_t offset, void *to, uint32_t len);
void mmio_write(struct mmio *m, uint32_t offset, const void *from, uint32_t len);

#endif
