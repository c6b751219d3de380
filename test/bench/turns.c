/*
 * turns.c - a gateway whose every turn is timed
 *
 *	turns NETNS TAP GUEST/LEN GATEWAY PORT CA ROOTS SECONDS
 *
 * It serves a tap in the network namespace at the path NETNS, opens TLS to PORT, and keeps a loop of its own around sluice_dispatch(), so
 * that the thread's CPU time of each turn is known.  Prints one JSON object: the worst, "p99" and "p999" of them in ms, and how many.
 */
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "sluice.h"
#include "test/bench/common.h"

static double
cpu_now(void)
{
	struct timespec t;

	if (clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t) != 0)
		die("clock_gettime");
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* The tap in the guest's namespace; we stay in ours. */
static int
open_tap(const char *netns, const char *name)
{
	struct ifreq ifr = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};
	int ours = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC),
	    theirs = open(netns, O_RDONLY | O_CLOEXEC);

	if (ours < 0 || theirs < 0 || setns(theirs, CLONE_NEWNET) < 0)
		die(netns);
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	if (fd < 0 || ioctl(fd, TUNSETIFF, &ifr) < 0)
		die(name);
	if (setns(ours, CLONE_NEWNET) < 0)
		die("/proc/self/ns/net");
	close(ours);
	close(theirs);
	return fd;
}

static int
compare(const void *a, const void *b)
{
	float x = *(const float *)a, y = *(const float *)b;

	return (x > y) - (x < y);
}

struct turns {
	float *ms;
	size_t n, room;
};

static void
add(struct turns *t, double seconds)
{
	if (t->n == t->room) {
		t->room = t->room ? t->room * 2 : 65536;
		t->ms = realloc(t->ms, t->room * sizeof(*t->ms));
		if (!t->ms)
			die("memory");
	}
	t->ms[t->n++] = (float)(seconds * 1e3);
}

static void
run(struct sluice *s, double seconds)
{
	struct turns t = {.n = 0};
	double end = seconds_now() + seconds;

	while (seconds_now() < end) {
		struct pollfd fds[SLUICE_POLLFDS];
		int timeout, n = sluice_prepare(s, fds, &timeout);

		if (timeout < 0 || timeout > 100)
			timeout = 100;
		if (poll(fds, (nfds_t)n, timeout) < 0)
			die("poll");
		double begin = cpu_now();
		if (sluice_dispatch(s, fds, n) != 0)
			die("sluice_dispatch");
		add(&t, cpu_now() - begin);
	}
	qsort(t.ms, t.n, sizeof(*t.ms), compare);
	printf("{\"value\":%.2f,\"p999\":%.2f,\"p99\":%.2f,\"turns\":%zu}\n", (double)t.ms[t.n - 1],
	       (double)t.ms[t.n - 1 - t.n / 1000], (double)t.ms[t.n - 1 - t.n / 100], t.n);
	free(t.ms);
}

int
main(int argc, char **argv)
{
	static const struct sluice_rule host = {.text = "allow to @host"};
	struct sluice_config cfg;
	char err[512];

	if (argc != 9) {
		fprintf(stderr, "usage: turns NETNS TAP GUEST/LEN GATEWAY PORT CA ROOTS SECONDS\n");
		return 2;
	}
	const uint16_t port = (uint16_t)number("PORT", argv[5], 1, 65535);
	sluice_config_init(&cfg);
	cfg.link_kind = SLUICE_LINK_TAP;
	cfg.link_fd = open_tap(argv[1], argv[2]);
	cfg.mtu = 65520;
	cfg.ipv4.guest = argv[3];
	cfg.ipv4.gateway = argv[4];
	cfg.ipv6.off = true;
	cfg.rules = &host;
	cfg.nrules = 1;
	cfg.intercept = true;
	cfg.intercept_ports = &port;
	cfg.nintercept_ports = 1;
	cfg.intercept_max = 1024;
	cfg.ca_dir = argv[6];
	cfg.tls_roots = argv[7];
	struct sluice *s = sluice_new(&cfg, err, sizeof(err));
	if (!s) {
		fprintf(stderr, "turns: %s\n", err);
		return 1;
	}
	run(s, number("SECONDS", argv[8], 1, 3600));
	sluice_free(s);
	return 0;
}
