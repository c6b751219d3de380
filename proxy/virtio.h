/*
 * virtio.h - what stands behind sluice_virtio_*
 */
#ifndef PROXY_VIRTIO_H
#define PROXY_VIRTIO_H

#include "link/virtio.h"
#include "sluice.h"

/* The queues of v; they are v's. */
struct virtio_dev *virtio_device(const struct sluice_virtio *v);

#endif
