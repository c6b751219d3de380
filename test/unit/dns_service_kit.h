/*
 * dns_service_kit.h - the gateway's DNS service with SERVER_A as its only nameserver, and questions of one line
 */
#ifndef TEST_UNIT_DNS_SERVICE_KIT_H
#define TEST_UNIT_DNS_SERVICE_KIT_H

#include "test/unit/dns_kit.h"

static inline int
fresh_dns(void **state)
{
	fresh(state);
	conf.gateway.nameservers = two_servers;
	conf.gateway.nnameservers = 1;
	return 0;
}

/* The nameserver's end of the n-th question that it is asked now. */
static inline int
udp(int n)
{
	return server_fd(HOST_UDP, SERVER_A, n);
}

/* The guest asks for a name of its own for each id. */
static inline void
asks_nth(uint16_t id)
{
	char name[32];

	snprintf(name, sizeof(name), "n%u.example", id);
	asks(id, name, DNS_A);
}

/* The guest asks, and this nameserver's answer is what it is told. */
static inline void
answered_by(const char *server, uint16_t id, const char *name)
{
	asks(id, name, DNS_A);
	resolves(server_fd(HOST_UDP, server, 0), id, "93.184.216.1");
}

#endif
