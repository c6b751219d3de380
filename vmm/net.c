/*
 * net.c - the network: a virtio-net device whose other end is sluice
 *
 *	the guest's memory                                           the host
 *	  virtqueues ◄──────────── sluice_run(), one thread ────────► sockets
 *	    │    ▲ kick: an eventfd for each queue     │
 *	    │    └── KVM, when the guest writes QueueNotify
 *	    ▼ call: an eventfd for both
 *	  KVM raises the interrupt
 *
 * The processor's thread takes no part in it: no frame is copied or queued between the guest and the gateway.
 */
#include "vmm/net.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define MTU 1500

static const uint8_t mac_default[6] = {0x52, 0x54, 0x00, 0x73, 0x6c, 0x01};

static int
open_events(struct net *n, struct why *why)
{
	int *fd[] = {&n->kick[0], &n->kick[1], &n->call};

	for (size_t i = 0; i < sizeof(fd) / sizeof(fd[0]); i++) {
		*fd[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		if (*fd[i] < 0)
			return because(
			    why, "cannot make an eventfd: %s; raise the limit on descriptors (ulimit -n)",
			    strerror(errno));
	}
	return 0;
}

static int
open_device(struct net *n, const struct sluice_config *cfg, const struct memory *m, struct why *why)
{
	struct sluice_virtio_config vc;
	struct sluice_memory piece[MEMORY_PIECES];

	sluice_virtio_config_init(&vc);
	memcpy(vc.mac, cfg->guest_mac, sizeof(vc.mac));
	vc.mtu = (uint16_t)cfg->mtu;
	n->virtio = sluice_virtio_new(&vc, why->text, sizeof(why->text));
	if (!n->virtio)
		return -1;
	int error = sluice_virtio_set_memory(n->virtio, piece, memory_pieces(m, piece));
	return error < 0
		   ? because(why, "the guest's memory is no good for its network card: %s", strerror(-error))
		   : 0;
}

int
net_open(struct net *n, struct sluice_config *cfg, const struct memory *m, struct why *why)
{
	static const uint8_t zero[6];

	*n = (struct net){.kick = {-1, -1}, .call = -1, .log = cfg->log, .log_ctx = cfg->log_ctx};
	if (memcmp(cfg->guest_mac, zero, sizeof(zero)) == 0)
		memcpy(cfg->guest_mac, mac_default, sizeof(mac_default));
	if (cfg->mtu == 0)
		cfg->mtu = MTU;
	if (open_events(n, why) < 0 || open_device(n, cfg, m, why) < 0)
		return -1;
	cfg->link_kind = SLUICE_LINK_VIRTIO;
	cfg->virtio = n->virtio;
	n->gateway = sluice_new(cfg, why->text, sizeof(why->text));
	return n->gateway ? 0 : -1;
}

static void
say_without(struct net *n, const char *why)
{
	char line[300] = "the guest goes on without a network: ";

	strncat(line, why, sizeof(line) - strlen(line) - 1);
	n->log(n->log_ctx, SLUICE_LOG_ERROR, line);
}

/* Takes these parts away, and says what this kernel has not. */
static int
confine(struct net *n, unsigned parts, char *why, size_t size)
{
	struct sluice_confine c;

	sluice_confine_init(&c);
	c.without = SLUICE_CONFINED_ALL & ~parts;
	int held = sluice_confine(n->gateway, &c, why, size);
	if (held >= 0 && why[0])
		n->log(n->log_ctx, SLUICE_LOG_WARNING, why);
	return held;
}

/* This thread alone: whoever takes the gateway over from the network has what it has. */
static void *
run(void *arg)
{
	struct net *n = arg;
	char why[256];

	if (confine(n, SLUICE_CONFINED_ALL & ~(unsigned)SLUICE_CONFINED_VIEW, why, sizeof(why)) < 0)
		say_without(n, why);
	else if (sluice_run(n->gateway) < 0)
		say_without(n, sluice_error(n->gateway));
	return NULL;
}

/* All files stand open by now, so their names can go for the whole process: an ordinary user can have that only before there are threads. */
int
net_start(struct net *n, struct why *why)
{
	if (confine(n, SLUICE_CONFINED_VIEW, why->text, sizeof(why->text)) < 0)
		return -1;
	why->text[0] = '\0';
	int error = pthread_create(&n->thread, NULL, run, n);
	if (error)
		return because(why, "cannot start a thread: %s; raise the limit on processes (ulimit -u)",
			       strerror(error));
	n->running = true;
	return 0;
}

void
net_close(struct net *n)
{
	if (n->running) {
		sluice_stop(n->gateway);
		pthread_join(n->thread, NULL);
	}
	sluice_free(n->gateway);
	sluice_virtio_free(n->virtio);
	const int fd[] = {n->kick[0], n->kick[1], n->call};
	for (size_t i = 0; i < sizeof(fd) / sizeof(fd[0]); i++)
		if (fd[i] >= 0)
			close(fd[i]);
	*n = (struct net){.kick = {-1, -1}, .call = -1};
}
