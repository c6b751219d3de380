/*
 * flood.c - SYNs that nobody meant
 *
 *	flood INTERFACE GUEST GATEWAY PORT RATE SECONDS
 *
 * Sends RATE SYNs a second from a guest's interface to the gateway's MAC address, from ever other ports of GUEST (10000 to 59999) to GATEWAY's PORT:
 * each makes a connection on the host, which the guest's kernel then resets.  Prints how many were sent.
 */
#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "test/bed/craft.h"
#include "test/bench/common.h"

#define TICK_NS 1000000L /* how often some are sent */

static struct addr
parsed(const char *text)
{
	struct addr a;

	if (!addr_parse(text, &a))
		die(text);
	return a;
}

/* The gateway's MAC address, as the guest's kernel has learnt it. */
static struct mac
neighbour(const char *ip)
{
	FILE *f = fopen("/proc/net/arp", "re");
	char line[256], at[64];
	unsigned m[6];
	struct mac mac = {{0}};

	if (!f)
		die("/proc/net/arp");
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "%63s %*s %*s %x:%x:%x:%x:%x:%x", at, &m[0], &m[1], &m[2], &m[3], &m[4],
			   &m[5]) == 7 &&
		    strcmp(at, ip) == 0)
			for (unsigned i = 0; i < 6; i++)
				mac.b[i] = (uint8_t)m[i];
	fclose(f);
	return mac;
}

static int
open_interface(const char *name, struct craft *c)
{
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	struct ifreq ifr = {0};
	struct sockaddr_ll at = {.sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex(name)};

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	if (fd < 0 || ioctl(fd, SIOCGIFHWADDR, &ifr) < 0 || bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0)
		die(name);
	memcpy(c->src_mac.b, ifr.ifr_hwaddr.sa_data, sizeof(c->src_mac.b));
	return fd;
}

int
main(int argc, char **argv)
{
	struct craft c = {0};
	struct craft_tcp syn = {.hdr = {.flags = TCP_SYN, .wnd = 65535, .mss = 1460}};
	uint8_t frame[FRAME_MAX];
	unsigned long sent = 0;

	if (argc != 7) {
		fprintf(stderr, "flood INTERFACE GUEST GATEWAY PORT RATE SECONDS\n");
		return 2;
	}
	int fd = open_interface(argv[1], &c);
	c.src = parsed(argv[2]);
	c.dst = parsed(argv[3]);
	c.dst_mac = neighbour(argv[3]);
	syn.hdr.dport = (uint16_t)atoi(argv[4]);
	const long a_tick = atol(argv[5]) / 1000, ticks = atol(argv[6]) * 1000;
	for (long t = 0; t < ticks; t++) {
		for (long i = 0; i < a_tick; i++) {
			syn.hdr.sport = (uint16_t)(10000 + sent % 50000);
			syn.hdr.seq = (uint32_t)sent * 100003;
			sent += write(fd, frame, craft_tcp(frame, &c, &syn)) > 0;
		}
		nanosleep(&(struct timespec){.tv_nsec = TICK_NS}, NULL);
	}
	close(fd);
	printf("{\"sent\":%lu}\n", sent);
	return 0;
}
