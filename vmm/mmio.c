/*
 * mmio.c - the registers of the virtio-net device
 *
 * The processor's thread comes here when the driver sets the device up, and once or twice for each interrupt; never
 * for a notification, which KVM turns into an eventfd by itself.
 *
 * The interrupt status.  Interrupts come from the gateway's thread by way of KVM, with nobody here to note why.  So
 * the register always says "used buffers" (bit 0), which at worst makes a driver look at a queue without news, and
 * acknowledging it does nothing.  The line is edge-triggered: an interrupt that comes meanwhile is an edge of its own.
 */
#include "vmm/mmio.h"

#include <string.h>
#include <sys/eventfd.h>

/* 4.2.2, table 4.1 */
enum {
	MAGIC = 0x000,
	VERSION = 0x004,
	DEVICE_ID = 0x008,
	VENDOR_ID = 0x00c,
	DEVICE_FEATURES = 0x010,
	DEVICE_FEATURES_SEL = 0x014,
	DRIVER_FEATURES = 0x020,
	DRIVER_FEATURES_SEL = 0x024,
	QUEUE_SEL = 0x030,
	QUEUE_NUM_MAX = 0x034,
	QUEUE_NUM = 0x038,
	QUEUE_READY = 0x044,
	QUEUE_NOTIFY = MMIO_QUEUE_NOTIFY,
	INTERRUPT_STATUS = 0x060,
	INTERRUPT_ACK = 0x064,
	STATUS = 0x070,
	QUEUE_DESC = 0x080, /* low half; the high one follows */
	QUEUE_DRIVER = 0x090,
	QUEUE_DEVICE = 0x0a0,
	SHM_LEN = 0x0b0,
	SHM_BASE = 0x0b8,
	CONFIG = 0x100,
};

#define MAGIC_VALUE 0x74726976u  /* "virt" */
#define VENDOR_VALUE 0x43554c53u /* "SLUC" */
#define ID_NET 1u
#define INTERRUPT_USED 1u
#define INTERRUPT_CONFIG 2u

/* 2.1 */
#define STATUS_ACKNOWLEDGE 0x01u
#define STATUS_DRIVER 0x02u
#define STATUS_DRIVER_OK 0x04u
#define STATUS_FEATURES_OK 0x08u
#define STATUS_NEEDS_RESET 0x40u
#define STATUS_FAILED 0x80u

void
mmio_init(struct mmio *m, struct sluice_virtio *v, const int kick[SLUICE_VIRTIO_QUEUES], int call)
{
	*m = (struct mmio){.virtio = v, .call = call};
	memcpy(m->kick, kick, sizeof(m->kick));
}

static void
signal_event(int fd)
{
	eventfd_write(fd, 1); /* only fails when it is signalled already, 2^64 times */
}

/* The device cannot go on, and the driver is to know (2.1.2). */
static void
needs_reset(struct mmio *m)
{
	m->status |= STATUS_NEEDS_RESET;
	m->config_changed = true;
	signal_event(m->call);
}

/* --- the device's life ----------------------------------------------------------------------------- */

static void
start_queue(struct mmio *m, uint32_t n)
{
	const struct mmio_queue *q = &m->queue[n];
	const struct sluice_virtqueue vq = {
	    .size = sizeof(vq),
	    .num = q->num,
	    .desc = q->desc,
	    .avail = q->driver,
	    .used = q->device,
	    .kick_fd = m->kick[n],
	    .call_fd = m->call,
	};

	if (sluice_virtio_start(m->virtio, n, &vq) < 0)
		needs_reset(m);
}

static void
reset(struct mmio *m)
{
	sluice_virtio_reset(m->virtio);
	*m = (struct mmio){
	    .virtio = m->virtio,
	    .kick = {m->kick[0], m->kick[1]},
	    .call = m->call,
	    .accepted = m->accepted,
	};
}

/*
 * 3.1.1 steps 2 to 8.  A bit that the driver cleared stays set (2.1.1: it must not), only 0 begins anew.  FEATURES_OK
 * is not taken for features we cannot accept, nor DRIVER_OK without it.
 */
static void
set_status(struct mmio *m, uint32_t value)
{
	uint8_t fresh = (uint8_t)(value & ~(uint32_t)m->status);

	if (value == 0) {
		reset(m);
		return;
	}
	m->status |= fresh & (STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_FAILED);
	if ((fresh & STATUS_FEATURES_OK) && sluice_virtio_set_features(m->virtio, m->driver_features) == 0) {
		m->status |= STATUS_FEATURES_OK;
		m->accepted = m->driver_features;
	}
	if (!(fresh & STATUS_DRIVER_OK) || !(m->status & STATUS_FEATURES_OK))
		return;
	m->status |= STATUS_DRIVER_OK;
	for (uint32_t n = 0; n < SLUICE_VIRTIO_QUEUES; n++)
		if (m->queue[n].ready)
			start_queue(m, n);
}

static uint32_t
status(struct mmio *m)
{
	struct sluice_virtio_stats st = {.size = sizeof(st)};

	/* A queue breaks in the gateway's thread; here is where the driver hears of it. */
	sluice_virtio_get_stats(m->virtio, &st);
	if (st.broken && !(m->status & STATUS_NEEDS_RESET))
		needs_reset(m);
	return m->status;
}

/* --- queues ---------------------------------------------------------------------------------------- */

static void
set_ready(struct mmio *m, uint32_t n, bool ready)
{
	struct mmio_queue *q = &m->queue[n];

	if (ready == q->ready)
		return;
	q->ready = ready;
	if (!(m->status & STATUS_DRIVER_OK))
		return;
	if (ready)
		start_queue(m, n);
	else
		sluice_virtio_stop(m->virtio, n);
}

/* Half of an address: which one is in the offset. */
static void
set_half(uint64_t *address, uint32_t offset, uint32_t value)
{
	if (offset & 4)
		*address = (*address & UINT32_MAX) | (uint64_t)value << 32;
	else
		*address = (*address & ~(uint64_t)UINT32_MAX) | value;
}

static void
write_queue(struct mmio *m, uint32_t offset, uint32_t value)
{
	if (m->queue_sel >= SLUICE_VIRTIO_QUEUES)
		return;
	struct mmio_queue *q = &m->queue[m->queue_sel];
	if (offset == QUEUE_READY) {
		set_ready(m, m->queue_sel, value & 1);
		return;
	}
	if (q->ready) /* 4.2.2.2: what is in use stays as it is */
		return;
	switch (offset) {
	case QUEUE_NUM:
		/* What makes no sense reads as never written, and start_queue() fails. */
		q->num = value <= MMIO_QUEUE_MAX && (value & (value - 1)) == 0 ? (uint16_t)value : 0;
		break;
	case QUEUE_DESC:
	case QUEUE_DESC + 4:
		set_half(&q->desc, offset, value);
		break;
	case QUEUE_DRIVER:
	case QUEUE_DRIVER + 4:
		set_half(&q->driver, offset, value);
		break;
	case QUEUE_DEVICE:
	case QUEUE_DEVICE + 4:
		set_half(&q->device, offset, value);
		break;
	}
}

/* --- registers ------------------------------------------------------------------------------------- */

static uint32_t
read_register(struct mmio *m, uint32_t offset)
{
	bool queue = m->queue_sel < SLUICE_VIRTIO_QUEUES;

	switch (offset) {
	case MAGIC:
		return MAGIC_VALUE;
	case VERSION:
		return 2;
	case DEVICE_ID:
		return ID_NET;
	case VENDOR_ID:
		return VENDOR_VALUE;
	case DEVICE_FEATURES:
		if (m->device_features_sel > 1)
			return 0;
		return (uint32_t)(sluice_virtio_features(m->virtio) >> 32 * m->device_features_sel);
	case QUEUE_NUM_MAX:
		return queue ? MMIO_QUEUE_MAX : 0;
	case QUEUE_READY:
		return queue && m->queue[m->queue_sel].ready;
	case INTERRUPT_STATUS:
		return INTERRUPT_USED | (m->config_changed ? INTERRUPT_CONFIG : 0);
	case STATUS:
		return status(m);
	case SHM_LEN:
	case SHM_LEN + 4:
	case SHM_BASE:
	case SHM_BASE + 4:
		return UINT32_MAX; /* 4.2.2.1: there is no such region */
	}
	return 0;
}

static void
write_register(struct mmio *m, uint32_t offset, uint32_t value)
{
	switch (offset) {
	case DEVICE_FEATURES_SEL:
		m->device_features_sel = value;
		break;
	case DRIVER_FEATURES_SEL:
		m->driver_features_sel = value;
		break;
	case DRIVER_FEATURES:
		/* Of bits from 64 on none is offered, and none heard. */
		if (m->driver_features_sel <= 1 && !(m->status & STATUS_FEATURES_OK))
			set_half(&m->driver_features, 4 * m->driver_features_sel, value);
		break;
	case QUEUE_SEL:
		m->queue_sel = value;
		break;
	case QUEUE_NOTIFY:
		/* KVM keeps these from us, but for a value it was not told of. */
		if (value < SLUICE_VIRTIO_QUEUES)
			signal_event(m->kick[value]);
		break;
	case INTERRUPT_ACK:
		if (value & INTERRUPT_CONFIG)
			m->config_changed = false;
		break;
	case STATUS:
		set_status(m, value);
		break;
	default:
		write_queue(m, offset, value);
		break;
	}
}

/* 4.2.2.2: registers are read and written as aligned words; the configuration in any way. */
static bool
is_register(uint32_t offset, uint32_t len)
{
	return offset < CONFIG && offset % 4 == 0 && len == 4;
}

void
mmio_read(struct mmio *m, uint32_t offset, void *to, uint32_t len)
{
	memset(to, 0, len);
	if (is_register(offset, len)) {
		uint32_t value = read_register(m, offset);
		memcpy(to, &value, sizeof(value));
	} else if (offset >= CONFIG) {
		sluice_virtio_read_config(m->virtio, offset - CONFIG, to, len);
	}
}

void
mmio_write(struct mmio *m, uint32_t offset, const void *from, uint32_t len)
{
	uint32_t value;

	/* Nothing in the configuration can be written. */
	if (!is_register(offset, len))
		return;
	memcpy(&value, from, sizeof(value));
	write_register(m, offset, value);
}
