/*
 * far_dgram_kit.h - what becomes of the gateway's datagrams beyond the host: found there, and refused on the way
 */
#ifndef TEST_UNIT_FAR_DGRAM_KIT_H
#define TEST_UNIT_FAR_DGRAM_KIT_H

#include <errno.h>
#include <time.h>

#include <linux/errqueue.h>

#include "test/unit/gateway_kit.h"

/* The first datagram socket of this kind that is connected to this port. */
static inline int
dgram_to(enum host_kind kind, uint16_t port)
{
	struct endpoint to;

	for (int n = 0, fd; (fd = vhost_find(bed->vhost, (int)kind, n)) >= 0; n++)
		if (vhost_peer(bed->vhost, fd, &to) && to.port == port)
			return fd;
	return -1;
}

/* Somewhere on the way, somebody says no: to what went to this port, and to the first ping. */
static inline void
network_says_no(uint16_t port)
{
	struct host_sockerr e = {.err = EHOSTUNREACH,
				 .origin = SO_EE_ORIGIN_ICMP,
				 .type = ICMP4_UNREACHABLE,
				 .code = 1,
				 .offender = addr_of("203.0.113.1"),
				 .dest = {bed_elsewhere(FAMILY_V4), port},
				 .data_len = 8,
				 .data = {ICMP4_ECHO_REQUEST, [7] = 1}};
	int udp = dgram_to(HOST_UDP, port), ping = vhost_find(bed->vhost, HOST_PING, 0);

	if (udp >= 0)
		vhost_send_error(bed->vhost, udp, &e);
	if (ping >= 0)
		vhost_send_error(bed->vhost, ping, &e);
}

#endif
