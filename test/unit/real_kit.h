/*
 * real_kit.h - a gateway on the real kernel with its guest in this process, behind a copying port
 *
 * The host's side is a UDP socket on the loopback, which the guest reaches at the gateway's address.
 */
#ifndef TEST_UNIT_REAL_KIT_H
#define TEST_UNIT_REAL_KIT_H

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "sluice.h"
#include "stack/addr.h"
#include "test/bed/craft.h"

#define PATIENCE_MS 20000 /* for what takes a millisecond, on a machine that is busy */

struct real {
	struct sluice_config cfg;
	struct sluice_port *port;
	struct sluice *s;
	struct craft way; /* from the guest to the gateway's address */
};

static inline void
real_conf(struct real *r)
{
	*r = (struct real){.port = NULL};
	sluice_config_init(&r->cfg);
	r->cfg.profiles = "all";
	memcpy(r->cfg.guest_mac, "\x52\x54\0\x12\x34\x56", 6);
	r->cfg.max_tcp = r->cfg.max_udp = 16;
	r->cfg.memory = 4u << 20;
}

/* A port and a gateway from r->cfg. */
static inline void
real_open(struct real *r)
{
	struct sluice_port_config pc;
	struct sluice_guest g = {.size = sizeof(g)};
	char err[256];

	sluice_port_config_init(&pc);
	pc.copy_frame = 2048;
	pc.send_slots = pc.receive_slots = 64;
	r->port = sluice_port_new(&pc, err, sizeof(err));
	r->cfg.link_kind = SLUICE_LINK_PORT;
	r->cfg.port = r->port;
	r->s = r->port ? sluice_new(&r->cfg, err, sizeof(err)) : NULL;
	if (!r->s)
		fail_msg("%s", err);
	assert_int_equal(sluice_guest_info(&r->cfg, &g, err, sizeof(err)), 0);
	memcpy(r->way.src_mac.b, g.mac, 6);
	memcpy(r->way.dst_mac.b, g.gateway_mac, 6);
	assert_true(addr_parse(g.ipv4.address, &r->way.src) && addr_parse(g.ipv4.gateway, &r->way.dst));
}

static inline void
real_close(struct real *r)
{
	sluice_free(r->s);
	sluice_port_free(r->port);
	r->s = NULL;
	r->port = NULL;
}

/* A UDP socket on 127.0.0.1, and its port. */
static inline int
host_udp(uint16_t *port)
{
	struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(sa);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&sa, &len), 0);
	*port = ntohs(sa.sin_port);
	return fd;
}

/* A datagram of the guest to the host's loopback. */
static inline void
guest_says(struct real *r, uint16_t sport, uint16_t dport, const void *data, size_t len)
{
	uint8_t frame[FRAME_MAX];
	size_t n = craft_udp(frame, &r->way, sport, dport, view_of(data, len));

	assert_int_equal(sluice_port_send_copy(r->port, frame, n), 0);
}

/* --- what a process has --------------------------------------------------------------------------------------- */

static inline unsigned
entries(const char *path)
{
	DIR *d = opendir(path);
	unsigned n = 0;

	assert_non_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

/* A thread that was joined leaves the kernel's table a moment later. */
static inline unsigned
threads(unsigned wanted)
{
	unsigned n = entries("/proc/self/task");

	for (int i = 0; i < PATIENCE_MS && n != wanted; i++) {
		usleep(1000);
		n = entries("/proc/self/task");
	}
	return n;
}

#endif
