/*
 * first.c - how long a gateway takes from its start to its first answer
 *
 *	first -n NETNS -i TAP -a GUEST -g GATEWAY -- COMMAND [ARG...]
 *
 * Runs COMMAND (the gateway) here, and asks for the gateway's MAC in the network namespace NETNS as soon as
 * the interface is there, ten times a millisecond.  Prints the milliseconds from exec to the first answer
 * and the gateway's resident memory a second later, as one JSON object; then ends the gateway.
 *
 * The question is an ARP request from a packet socket, so that neither the kernel's neighbour cache nor its
 * one-second retransmission is measured.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/if_ether.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "stack/wire.h"
#include "test/bench/common.h"

#define LIMIT 10.0 /* seconds: then it never will */
#define ARP_FRAME 42

struct question {
	const char *netns, *tap;
	struct in_addr guest, gateway;
};

/* RFC 826, as an Ethernet broadcast from an address of our own making. */
static void
arp_request(uint8_t frame[ARP_FRAME], const uint8_t mac[6], const struct question *q)
{
	static const uint8_t everyone[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, nobody[6];
	struct wr w = {.p = frame, .end = frame + ARP_FRAME};

	wr_bytes(&w, everyone, 6);
	wr_bytes(&w, mac, 6);
	wr_u16(&w, ETHERTYPE_ARP);
	wr_u16(&w, ARPHRD_ETHER);
	wr_u16(&w, ETHERTYPE_IP);
	wr_u8(&w, 6);
	wr_u8(&w, 4);
	wr_u16(&w, ARPOP_REQUEST);
	wr_bytes(&w, mac, 6);
	wr_u32(&w, ntohl(q->guest.s_addr));
	wr_bytes(&w, nobody, 6);
	wr_u32(&w, ntohl(q->gateway.s_addr));
}

static bool
is_answer(const uint8_t *frame, ssize_t len, const struct question *q)
{
	if (len < ARP_FRAME)
		return false;

	struct rd r = rd_of((struct view){frame, (size_t)len});
	rd_take(&r, 20);
	uint16_t op = rd_u16(&r);
	rd_take(&r, 6);
	return op == ARPOP_REPLY && rd_u32(&r) == ntohl(q->gateway.s_addr);
}

/* The interface's index and MAC once it is there and up (made so if need be); 0: not yet. */
static int
interface(int fd, const char *name, uint8_t mac[6])
{
	struct ifreq r = {0};
	int index;

	strncpy(r.ifr_name, name, IFNAMSIZ - 1);
	if (ioctl(fd, SIOCGIFINDEX, &r) < 0)
		return 0;
	index = r.ifr_ifindex;
	if (ioctl(fd, SIOCGIFFLAGS, &r) < 0)
		return 0;
	if (!(r.ifr_flags & IFF_UP)) {
		r.ifr_flags = (short)(r.ifr_flags | IFF_UP);
		ioctl(fd, SIOCSIFFLAGS, &r);
	}
	if (ioctl(fd, SIOCGIFHWADDR, &r) < 0)
		return 0;
	memcpy(mac, r.ifr_hwaddr.sa_data, 6);
	return index;
}

/* Ask until there is an answer; the seconds it took, or a negative number. */
static double
ask(int fd, const struct question *q, double start)
{
	uint8_t frame[ARP_FRAME], in[2048], mac[6];

	while (seconds_now() - start < LIMIT) {
		struct sockaddr_ll to = {
		    .sll_family = AF_PACKET,
		    .sll_protocol = htons(ETH_P_ARP),
		    .sll_ifindex = interface(fd, q->tap, mac),
		};

		if (to.sll_ifindex) {
			arp_request(frame, mac, q);
			sendto(fd, frame, sizeof(frame), 0, (const void *)&to, sizeof(to));
		}
		sleep_for(100e-6);
		for (ssize_t n; (n = recv(fd, in, sizeof(in), MSG_DONTWAIT)) > 0;) {
			if (is_answer(in, n, q))
				return seconds_now() - start;
		}
	}
	return -1;
}

static long
resident_kb(pid_t pid)
{
	char path[64], line[256];
	long kb = 0;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	FILE *f = fopen(path, "r");
	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "VmRSS: %ld", &kb) == 1)
			break;
	}
	if (f)
		fclose(f);
	return kb;
}

/* The gateway runs where we were started; we ask from the guest's namespace. */
static int
measure(const struct question *q, char **command)
{
	int ns = open(q->netns, O_RDONLY | O_CLOEXEC);
	double start = seconds_now();
	pid_t gateway = fork();

	if (gateway == 0) {
		execvp(command[0], command);
		die(command[0]);
	}
	if (gateway < 0 || ns < 0 || setns(ns, CLONE_NEWNET) < 0)
		die(q->netns);

	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_ARP));
	if (fd < 0)
		die("packet socket");
	double took = ask(fd, q, start);
	sleep_for(1);
	if (took >= 0)
		printf("{\"value\":%.2f,\"rss_kb\":%ld}\n", took * 1e3, resident_kb(gateway));
	kill(gateway, SIGTERM);
	waitpid(gateway, NULL, 0);
	return took >= 0 ? 0 : 1;
}

int
main(int argc, char **argv)
{
	struct question q = {.tap = "tap0"};
	bool ok = true;
	int o;

	while ((o = getopt(argc, argv, "+n:i:a:g:")) != -1) {
		if (o == 'n')
			q.netns = optarg;
		else if (o == 'i')
			q.tap = optarg;
		else if (o == 'a')
			ok = ok && inet_pton(AF_INET, optarg, &q.guest) == 1;
		else if (o == 'g')
			ok = ok && inet_pton(AF_INET, optarg, &q.gateway) == 1;
		else
			return 2;
	}
	if (!ok || !q.netns || optind == argc) {
		fprintf(stderr, "first: -n NETNS -i TAP -a GUEST -g GATEWAY -- COMMAND [ARG...]\n");
		return 2;
	}
	return measure(&q, argv + optind);
}
